"""Every operation of the registry that torch has too, on its own samples and on awkward changes of them.

Values, dtypes, shapes, first and second order agree in float64; what torch refuses is refused. An operation is found by its
name in torch, torch.nn.functional or torch.linalg; `DIFFERENT` lists what differs on purpose, with the reason.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch

import autograd
from autograd.op import REGISTRY
from autograd.samples import Draw
from autograd.tensor import Tensor, wrap

# operation -> (variants it concerns, reason)
DIFFERENT: dict[str, tuple[set[str], str]] = {}
RANDOM = {name for name, entry in REGISTRY.items() if "random" in (entry.fn.__doc__ or "").lower()}


def counterpart(name: str) -> Callable[..., Any] | None:
    """torch's function of that name."""
    for owner, attribute in (
        (torch, name),
        (torch.nn.functional, name),
        (torch.linalg, name.removeprefix("linalg_")),
        (torch.special, name.removeprefix("special_")),
    ):
        if hasattr(owner, attribute) and not name.startswith("_"):
            return getattr(owner, attribute)
    method = getattr(torch.Tensor, name, None)
    return method if method is not None and not name.startswith("_") else None


OPS = sorted(name for name in REGISTRY if counterpart(name) is not None and name not in RANDOM)


def emptied(a: np.ndarray) -> np.ndarray:
    return a[:0] if a.ndim else a


def last_emptied(a: np.ndarray) -> np.ndarray:
    return a[..., :0] if a.ndim else a


def scalar(a: np.ndarray) -> np.ndarray:
    return a.reshape(-1)[0].reshape(()).copy() if a.size else a


def special(a: np.ndarray) -> np.ndarray:
    if a.dtype.kind != "f" or not a.size:
        return a
    a = a.copy()
    flat = a.reshape(-1)
    for i, value in enumerate((np.nan, np.inf, -np.inf, 0.0, -0.0)):
        flat[(3 * i) % flat.size] = value
    return a


def integers(a: np.ndarray) -> np.ndarray:
    return np.rint(a * 2).astype(np.int64) if a.dtype.kind == "f" else a


def booleans(a: np.ndarray) -> np.ndarray:
    return a > 0 if a.dtype.kind == "f" else a


def single(a: np.ndarray) -> np.ndarray:
    return a.astype(np.float32) if a.dtype.kind == "f" else a


def ties(a: np.ndarray) -> np.ndarray:
    return np.rint(a) if a.dtype.kind == "f" else a


def negative(a: np.ndarray) -> np.ndarray:
    return -a if a.dtype.kind == "f" else a


VARIANTS = {
    f.__name__: f for f in (emptied, last_emptied, scalar, special, integers, booleans, single, ties, negative)
}  # fmt: skip


def change(value: Any, f: Callable[[np.ndarray], Any]) -> Any:
    if isinstance(value, np.ndarray):
        return f(value)
    if isinstance(value, (list, tuple)) and any(isinstance(v, (np.ndarray, list, tuple)) for v in value):
        return type(value)(change(v, f) for v in value)
    return value


def samples(name: str) -> Iterator[tuple[list[Any], dict[str, Any]]]:
    for args in REGISTRY[name].samples(Draw(1)):
        kwargs = args[-1] if args and isinstance(args[-1], dict) else {}
        yield list(args[:-1] if kwargs else args), dict(kwargs)


TORCH_DTYPES = {
    np.dtype(n): getattr(torch, n) for n in ("float32", "float64", "int64", "int32", "int16", "int8", "uint8", "bool")
}


def to_torch(value: Any) -> Any:
    if isinstance(value, Tensor):
        t = torch.tensor(value.detach().numpy().copy())
        return t.requires_grad_(value.requires_grad)
    if isinstance(value, np.dtype):
        return TORCH_DTYPES[value]
    if isinstance(value, (list, tuple)):
        return type(value)(to_torch(v) for v in value)
    return value


def ours(value: np.ndarray) -> Tensor:
    t = wrap(np.array(value))
    return t.requires_grad_() if value.dtype.kind == "f" else t


def flat(values: Any, kind: type) -> list[Any]:
    if isinstance(values, kind):
        return [values]
    if isinstance(values, dict):
        values = list(values.values())
    if isinstance(values, (list, tuple)):
        return [leaf for v in values for leaf in flat(v, kind)]
    return []


def run(function: Callable[..., Any], args: list[Any], kwargs: dict[str, Any]) -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return function(*args, **kwargs)
    except (RuntimeError, ValueError, TypeError, IndexError, NotImplementedError) as error:
        return error


def compare(name: str, args: list[Any], kwargs: dict[str, Any], orders: int) -> None:
    mine = change(args, ours)
    my_kwargs = {k: change(v, ours) for k, v in kwargs.items()}
    theirs = [to_torch(a) for a in mine]
    their_kwargs = {k: to_torch(v) for k, v in my_kwargs.items()}
    y = run(REGISTRY[name].call, mine, my_kwargs)
    t = run(counterpart(name), theirs, their_kwargs)
    about = f"{name}{[tuple(a.shape) for a in flat(mine, Tensor)]} {kwargs}"
    if isinstance(t, Exception):
        if not isinstance(t, (TypeError, NotImplementedError)):  # torch's signature, or a kernel it lacks: no verdict
            assert isinstance(y, Exception), f"{about}: torch refuses ({t}), here it gives {y}"
        return
    if isinstance(y, Exception):
        raise AssertionError(f"{about}: torch gives {t}, here {type(y).__name__}: {y}") from y
    ys, ts = flat(y, Tensor), flat(t, torch.Tensor)
    if not ts:
        assert y == t or (y is t), f"{about}: {y} != {t}"
        return
    assert len(ys) == len(ts), about
    for a, b in zip(ys, ts, strict=True):
        assert tuple(a.shape) == tuple(b.shape), f"{about}: shape {tuple(a.shape)}, torch {tuple(b.shape)}"
        assert str(a.dtype) == str(b.dtype).removeprefix("torch."), f"{about}: dtype {a.dtype}, torch {b.dtype}"
        single = a.dtype == np.float32
        np.testing.assert_allclose(
            a.detach().numpy(),
            b.detach().numpy(),
            rtol=2e-5 if single else 1e-6,
            atol=2e-5 if single else 1e-8,
            err_msg=about,
        )
    if orders:
        gradients(about, ys, ts, flat([mine, my_kwargs], Tensor), flat([theirs, their_kwargs], torch.Tensor), orders)


def gradients(about: str, ys: list[Any], ts: list[Any], mine: list[Any], theirs: list[Any], orders: int) -> None:
    pairs = [(a, b) for a, b in zip(ys, ts, strict=True) if b.requires_grad]
    for a, b in zip(ys, ts, strict=True):
        assert a.requires_grad == b.requires_grad, f"{about}: requires_grad {a.requires_grad}, torch {b.requires_grad}"
    inputs = [(a, b) for a, b in zip(mine, theirs, strict=True) if b.requires_grad]
    if not pairs or not inputs:
        return
    rng = np.random.default_rng(0)
    weights = [rng.uniform(0.5, 1.5, tuple(b.shape)) for _, b in pairs]
    more = orders > 1
    try:
        reference = torch.autograd.grad(
            [b for _, b in pairs], [b for _, b in inputs], [torch.tensor(w, dtype=b.dtype) for w, (_, b) in zip(weights, pairs, strict=True)],
            create_graph=more, allow_unused=True, materialize_grads=True,
        )  # fmt: skip
    except (RuntimeError, NotImplementedError):
        return  # torch has no derivative here
    result = autograd.grad(
        [a for a, _ in pairs], [a for a, _ in inputs], [wrap(w.astype(a.dtype)) for w, (a, _) in zip(weights, pairs, strict=True)],
        create_graph=more, materialize_grads=True,
    )  # fmt: skip
    for a, b in zip(result, reference, strict=True):
        np.testing.assert_allclose(
            a.detach().numpy(), b.detach().numpy(), rtol=1e-6, atol=1e-6, err_msg=f"{about}, order {orders}"
        )
    if more and any(b.requires_grad for b in reference):
        gradients(about, list(result), list(reference), mine, theirs, orders - 1)


@pytest.mark.parametrize("name", OPS)
def test_samples(name: str) -> None:
    """Values and two orders on the operation's own samples."""
    for args, kwargs in samples(name):
        compare(name, args, kwargs, orders=2)


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("name", OPS)
def test_variants(name: str, variant: str) -> None:
    """Empty, 0-dim, NaN and inf, integer, bool and float32 inputs, ties, negative values."""
    if variant in DIFFERENT.get(name, (set(), ""))[0]:
        return
    for args, kwargs in samples(name):
        changed = [change(a, VARIANTS[variant]) for a in args]
        kwargs = {k: change(v, VARIANTS[variant]) for k, v in kwargs.items()}
        compare(
            name,
            changed,
            kwargs,
            orders=1 if variant in ("emptied", "last_emptied", "scalar", "ties", "negative") else 0,
        )
