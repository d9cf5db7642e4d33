"""Factories beside torch's: values, dtypes, shapes, errors; and what the random ones have in common with torch's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch_beside import NAMES

import autograd

CALLS: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = [
    ("zeros", (2, 3), {}), ("zeros", ((2, 3),), {}), ("zeros", ([2],), {"dtype": "int64"}),
    ("zeros", (), {"size": (2, 0)}),
    ("zeros", ((),), {}), ("zeros", (-1,), {}), ("ones", (2,), {"dtype": "bool"}),
    ("ones", (2, 2), {"requires_grad": True}),
    ("ones", (2,), {"dtype": "int64", "requires_grad": True}), ("full", ((2, 2), 3), {}), ("full", ((2,), 1.5), {}),
    ("full", ((), True), {}), ("full", ((2,), 2), {"dtype": "float64"}), ("eye", (3,), {}), ("eye", (2, 4), {}),
    ("eye", (0,), {}),
    ("eye", (-1,), {}), ("arange", (5,), {}), ("arange", (5.0,), {}), ("arange", (1, 7, 2), {}),
    ("arange", (5, 1, -1.5), {}),
    ("arange", (0,), {}), ("arange", (1, 0), {}), ("arange", (0, 1, 0), {}), ("arange", (3,), {"dtype": "float32"}),
    ("arange", (0.0, 1.0, 0.1), {}), ("arange", (2, 2), {}), ("arange", (0, 4), {"dtype": "uint8"}),
    ("linspace", (0, 1, 5), {}), ("linspace", (3.0, -2.0, 4), {"dtype": "float64"}),
    ("linspace", (0, 10, 4), {"dtype": "int64"}),
    ("linspace", (1, 2, 1), {}), ("linspace", (1, 2, 0), {}), ("linspace", (1, 2, -1), {}), ("logspace", (0, 2, 3), {}),
    ("logspace", (-1, 1, 4, 2.0), {"dtype": "float64"}), ("tril_indices", (3, 4), {}), ("triu_indices", (3, 4, 1), {}),
    ("tril_indices", (2, 2, -1), {"dtype": "int32"}), ("tensor", (3,), {}), ("tensor", (2.5,), {}),
    ("tensor", (True,), {}),
    ("tensor", ([[1, 2], [3, 4]],), {}), ("tensor", ([1, 2.5],), {}), ("tensor", ([],), {}), ("tensor", ([[]],), {}),
    ("tensor", ([1, 2],), {"dtype": "float64"}), ("tensor", ([1.7, -2.7],), {"dtype": "int64"}),
    ("tensor", ([True, False],), {}),
    ("tensor", ([[1, 2], [3]],), {}), ("tensor", ("a",), {}), ("tensor", ([1.0],), {"requires_grad": True}),
    ("tensor", ([1],), {"requires_grad": True}), ("tensor", (np.arange(3, dtype=np.int16),), {}),
    ("tensor", (np.float64(2.0),), {}),
    ("as_tensor", ([1, 2],), {}), ("as_tensor", (np.arange(3.0),), {"dtype": "float32"}),
    ("asarray", ([1.0, 2.0],), {}),
    ("scalar_tensor", (2,), {}), ("rand", (2, 3), {"dtype": "int64"}), ("randint", (0, (2,)), {}),
    ("randint", (5, 2, (2,)), {}),
    ("randperm", (-1,), {}), ("rand", (-2,), {}), ("from_numpy", ([1],), {}), ("from_numpy", (np.array(["a"]),), {}),
    ("normal", (0.0, -1.0, (2,)), {}), ("multinomial", (), {}),
]  # fmt: skip


def run(library: Any, name: str, args: Any, kwargs: Any) -> Any:
    if "dtype" in kwargs:
        kwargs = {**kwargs, "dtype": getattr(library, kwargs["dtype"])}
    try:
        return getattr(library, name)(*args, **kwargs), None
    except Exception as error:
        return None, error


@pytest.mark.parametrize(("name", "args", "kwargs"), CALLS, ids=[f"{n}{a}{k}" for n, a, k in CALLS])
def test_factory(name, args, kwargs):
    a, a_error = run(autograd, name, args, kwargs)
    b, b_error = run(torch, name, args, kwargs)
    if b_error is not None:
        wanted = RuntimeError if isinstance(b_error, NotImplementedError) else type(b_error)
        assert isinstance(a_error, wanted), f"{a!r} {a_error!r} beside {b_error!r}"
        return
    assert a_error is None, f"{a_error!r} beside {b}"
    assert a.dtype.name == NAMES[b.dtype] and tuple(a.shape) == tuple(b.shape) and a.requires_grad == b.requires_grad
    np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=1e-6)


@pytest.mark.parametrize("name", ["zeros_like", "ones_like", "empty_like", "rand_like", "randn_like"])
@pytest.mark.parametrize("dtype", [None, "float64"])
def test_like(name, dtype):
    for shape in ((2, 3), (), (0, 2)):
        a, _ = run(autograd, name, (autograd.ones(shape),), {"dtype": dtype} if dtype else {})
        b, _ = run(torch, name, (torch.ones(shape),), {"dtype": dtype} if dtype else {})
        assert a.dtype.name == NAMES[b.dtype] and tuple(a.shape) == tuple(b.shape)


DTYPES = ["float32", "float64", "int64", "int32", "int16", "int8", "uint8", "bool"]


@pytest.mark.parametrize("a", DTYPES)
@pytest.mark.parametrize("b", DTYPES)
def test_dtype_rules(a, b):
    ours, theirs = [getattr(autograd, d) for d in (a, b)], [getattr(torch, d) for d in (a, b)]
    assert autograd.promote_types(*ours).name == NAMES[torch.promote_types(*theirs)]
    assert autograd.can_cast(*ours) == torch.can_cast(*theirs)
    for shapes in (((2,), ()), ((), ()), ((), (2,))):
        mine = autograd.result_type(*[autograd.zeros(s, dtype=d) for s, d in zip(shapes, ours, strict=True)])
        assert (
            mine.name
            == NAMES[torch.result_type(*[torch.zeros(s, dtype=d) for s, d in zip(shapes, theirs, strict=True)])]
        )
    assert (
        autograd.result_type(autograd.zeros(2, dtype=ours[0]), 1.5).name
        == NAMES[torch.result_type(torch.zeros(2, dtype=theirs[0]), 1.5)]
    )


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_finfo(dtype):
    a, b = autograd.finfo(getattr(autograd, dtype)), torch.finfo(getattr(torch, dtype))
    assert (a.bits, float(a.eps), float(a.max), float(a.tiny)) == (b.bits, b.eps, b.max, b.tiny)
    assert autograd.iinfo(autograd.int32).max == torch.iinfo(torch.int32).max


FILLS = [
    ("uniform_", (), {}), ("uniform_", (-1, 3), {}), ("normal_", (2.0, 0.5), {}), ("exponential_", (2.0,), {}),
    ("bernoulli_", (0.3,), {}),
    ("random_", (5,), {}), ("random_", (2, 7), {}), ("geometric_", (0.4,), {}), ("log_normal_", (0.0, 0.5), {}),
    ("uniform_", (3, 1), {}), ("normal_", (0.0, -1.0), {}), ("exponential_", (-1.0,), {}), ("bernoulli_", (1.5,), {}),
    ("random_", (7, 2), {}),
    ("geometric_", (2.0,), {}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "args", "kwargs"), FILLS, ids=[f"{n}{a}" for n, a, _ in FILLS])
def test_fills_have_torchs_distribution(name, args, kwargs):
    """The same mean and standard deviation of 200,000 draws to a few standard errors, or the same kind of error."""
    ours, theirs = autograd.empty(200_000), torch.empty(200_000)
    a, a_error = run_method(ours, name, args, kwargs)
    b, b_error = run_method(theirs, name, args, kwargs)
    if b_error is not None:
        assert isinstance(a_error, type(b_error)), f"{a_error!r} beside {b_error!r}"
        return
    assert a_error is None and a is ours
    x, y = ours.numpy().astype(np.float64), theirs.numpy().astype(np.float64)
    assert abs(x.mean() - y.mean()) < 7 * y.std() / np.sqrt(len(y) / 2)
    assert abs(x.std() - y.std()) < 0.03 * y.std()


def run_method(tensor: Any, name: str, args: Any, kwargs: Any) -> Any:
    try:
        return getattr(tensor, name)(*args, **kwargs), None
    except Exception as error:
        return None, error


@pytest.mark.parametrize(
    "weights",
    [[0.2, 0.0, 0.8], [[1.0, 3.0], [4.0, 0.0]], [-1.0, 2.0], [0.0, 0.0], [float("nan"), 1.0], [[[1.0]]], [1, 2]],
)
@pytest.mark.parametrize(("count", "replacement"), [(1, False), (2, False), (4, True), (9, False), (0, True)])
def test_multinomial(weights, count, replacement):
    a, a_error = run(autograd, "multinomial", (autograd.tensor(weights), count, replacement), {})
    b, b_error = run(torch, "multinomial", (torch.tensor(weights), count, replacement), {})
    if b_error is not None:
        assert isinstance(a_error, type(b_error)), f"{a} {a_error!r} beside {b_error!r}"
        return
    if a_error is not None:  # torch draws a class of weight 0 where fewer have a weight than are wanted
        assert "above 0" in str(a_error)
        return
    assert tuple(a.shape) == tuple(b.shape) and a.dtype == autograd.int64
    chosen = np.take_along_axis(np.atleast_2d(weights), np.atleast_2d(a.numpy()), 1)
    assert (chosen > 0).all()
