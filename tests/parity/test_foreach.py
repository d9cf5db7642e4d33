"""The operations on lists of tensors, beside torch's."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import autograd

SHAPES = ((2,), (2, 3), (), (0, 2))
UNARY = [n for n in autograd.foreach.functions() if n.removeprefix("_foreach_").removesuffix("_") in
         (*autograd.foreach._UNARY, "zero", "clone")]  # fmt: skip


def lists(library, seed, dtype="float64", grad=False):
    rng = np.random.default_rng(seed)
    return [library.tensor(rng.uniform(0.2, 0.9, s), dtype=getattr(library, dtype), requires_grad=grad) for s in SHAPES]


def same(ours, theirs):
    assert type(ours) is type(theirs) and len(ours) == len(theirs)
    for a, b in zip(ours, theirs, strict=True):
        assert str(a.dtype) == str(b.dtype) and tuple(a.shape) == tuple(b.shape)
        np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=1e-6)


def both(call):
    """The call with each library, or the kind of error torch raises."""
    found = []
    for library in (autograd, torch):
        try:
            found.append(call(library))
        except Exception as error:
            found.append(error)
    ours, theirs = found
    if isinstance(theirs, Exception):
        assert isinstance(ours, type(theirs)), f"{ours!r} beside {theirs!r}"
        assert "_foreach_" in str(ours)
    else:
        assert not isinstance(ours, Exception), f"{ours!r}"
        same(ours, theirs)


def test_every_one_is_there():
    names = {n for n in dir(torch) if n.startswith("_foreach")}
    assert not {n for n in names if not hasattr(autograd, n)}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", UNARY)
def test_of_each(name, dtype):
    both(lambda lib: getattr(lib, name)(lists(lib, 0, dtype)))


OTHERS = [
    lambda lib: (2.5,), lambda lib: ([0.5, 2.0, 3.0, 1.0],), lambda lib: (lists(lib, 1),), lambda lib: (lib.tensor(1.5),),
    lambda lib: (tuple(lists(lib, 1)),), lambda lib: (lists(lib, 1)[:2],), lambda lib: ([1.0],), lambda lib: ([],),
    lambda lib: (lib.ones(2),),
]  # fmt: skip


@pytest.mark.parametrize("other", OTHERS)
@pytest.mark.parametrize("end", ["", "_"])
@pytest.mark.parametrize("name", ["add", "sub", "mul", "div", "clamp_min", "clamp_max", "maximum", "minimum", "pow"])
def test_with_another(name, end, other):
    both(lambda lib: getattr(lib, f"_foreach_{name}{end}")(lists(lib, 0), *other(lib)))


FACTORS = [
    lambda lib: {}, lambda lib: {"value": 2.5}, lambda lib: {"scalars": [1.0, 2.0, 3.0, 4.0]},
    lambda lib: {"scalars": lib.tensor([1.0, 2.0, 3.0, 4.0])}, lambda lib: {"scalars": [1.0]},
    lambda lib: {"scalars": lib.tensor([1.0])},
]  # fmt: skip


@pytest.mark.parametrize("factor", FACTORS)
@pytest.mark.parametrize("name", ["addcmul", "addcmul_", "addcdiv", "addcdiv_"])
def test_products_added(name, factor):
    both(lambda lib: getattr(lib, f"_foreach_{name}")(lists(lib, 0), lists(lib, 1), lists(lib, 2), **factor(lib)))
    both(
        lambda lib: getattr(lib, f"_foreach_{name}")(lists(lib, 0), lists(lib, 1), lists(lib, 2), *factor(lib).values())
    )


FURTHER = [
    lambda lib: lib._foreach_add(lists(lib, 0), lists(lib, 1), alpha=3),
    lambda lib: lib._foreach_sub_(lists(lib, 0), lists(lib, 1), alpha=3),
    lambda lib: lib._foreach_lerp(lists(lib, 0), lists(lib, 1), 0.25),
    lambda lib: lib._foreach_lerp_(lists(lib, 0), lists(lib, 1), weight=0.25),
    lambda lib: lib._foreach_lerp(lists(lib, 0), lists(lib, 1), lists(lib, 2)),
    lambda lib: lib._foreach_lerp(lists(lib, 0), lists(lib, 1), [0.1, 0.2, 0.3, 0.4]),
    lambda lib: lib._foreach_pow(2.0, lists(lib, 0)),
    lambda lib: lib._foreach_norm(lists(lib, 0)),
    lambda lib: lib._foreach_norm(lists(lib, 0), 1),
    lambda lib: lib._foreach_norm(lists(lib, 0)[:3], float("inf"), dtype=lib.float64),
    lambda lib: lib._foreach_powsum(lists(lib, 0), 3),
    lambda lib: lib._foreach_max(lists(lib, 0)[:3]),
    lambda lib: lib._foreach_mm([lib.ones(2, 3)], [lib.ones(3, 2)]),
    lambda lib: lib._foreach_copy_(lists(lib, 0), lists(lib, 1)),
    lambda lib: lib._foreach_copy_(lists(lib, 0, "float32"), lists(lib, 1), True),
    lambda lib: lib._foreach_div([lib.tensor([1, 2])], 2),
    lambda lib: lib._foreach_add_([lib.tensor([1, 2])], 1),
    lambda lib: lib._foreach_add([lib.ones(2, 2)], [lib.ones(2)]),
    lambda lib: lib._foreach_zero_([]),
    lambda lib: lib._foreach_add([], 1),
    lambda lib: lib._foreach_add(lib.ones(2), 1),
    lambda lib: lib._foreach_add([lib.ones(2), 1], 1),
    lambda lib: lib._foreach_mul_(tuple(lists(lib, 0)), 2.0),
]


@pytest.mark.parametrize("call", FURTHER)
def test_further(call):
    both(call)


def test_the_tensors_themselves_are_written():
    for library in (autograd, torch):
        tensors = lists(library, 0)
        versions = [x._version for x in tensors]
        assert library._foreach_mul_(tensors, 2.0) is tensors
        assert [x._version - v for x, v in zip(tensors, versions, strict=True)] == [1] * len(SHAPES)


def test_gradients_reach_every_tensor():
    grads = []
    for library in (autograd, torch):
        tensors, others = lists(library, 0, grad=True), lists(library, 1, grad=True)
        total = sum(x.sum() for x in library._foreach_mul(library._foreach_exp(tensors), others))
        total = total + sum(library._foreach_norm(tensors))
        total.backward()
        grads.append([x.grad for x in (*tensors, *others)])
    same(*grads)
