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
    """torch's function of that name: the documented one where torch has a bare one of other arguments too."""
    if name.startswith("_"):
        return None
    owners = [(torch, name), (torch.nn.functional, name), (torch.linalg, name.removeprefix("linalg_"))]
    if any(part in name for part in ("loss", "pool", "entropy", "embedding", "kl_div", "norm")):
        owners[0], owners[1] = owners[1], owners[0]
    if name == "unfold":  # torch.nn.functional.unfold is im2col here
        return torch.Tensor.unfold
    for owner, attribute in owners:
        if hasattr(owner, attribute):
            return getattr(owner, attribute)
    return getattr(torch.Tensor, name, None)


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
        changed = f(value)
        return np.asarray(changed) if isinstance(changed, np.generic) else changed
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
    if isinstance(value, np.dtype) or value in ("float32", "float64", "int64", "bool"):
        return TORCH_DTYPES[np.dtype(value)]
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
        # torch's signature, a kernel or a derivative it lacks: no verdict
        if not isinstance(t, (TypeError, NotImplementedError)) and "is not differentiable with respect" not in str(t):
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


def gradients(
    about: str, ys: list[Any], ts: list[Any], mine: list[Any], theirs: list[Any], orders: int, first: bool = True
) -> None:
    for a, b in zip(ys, ts, strict=True):
        # in higher orders a gradient that is constant may be recorded or not
        assert not first or a.requires_grad == b.requires_grad, (
            f"{about}: requires_grad {a.requires_grad}, torch {b.requires_grad}"
        )
    inputs = [(a, b) for a, b in zip(mine, theirs, strict=True) if b.requires_grad]
    rng = np.random.default_rng(0)
    weights = [rng.uniform(0.5, 1.5, tuple(b.shape)) for b in ts]
    my_pairs = [(y, wrap(w.astype(y.dtype))) for y, w in zip(ys, weights, strict=True) if y.requires_grad]
    their_pairs = [(t, torch.tensor(w, dtype=t.dtype)) for t, w in zip(ts, weights, strict=True) if t.requires_grad]
    if not their_pairs or not inputs:
        return
    more = orders > 1
    try:
        reference = torch.autograd.grad(
            [t for t, _ in their_pairs], [b for _, b in inputs], [w for _, w in their_pairs],
            create_graph=more, allow_unused=True, materialize_grads=True,
        )  # fmt: skip
    except (RuntimeError, NotImplementedError):
        return  # torch has no derivative here
    if my_pairs:
        result = autograd.grad(
            [y for y, _ in my_pairs], [a for a, _ in inputs], [w for _, w in my_pairs],
            create_graph=more, materialize_grads=True,
        )  # fmt: skip
    else:
        result = tuple([wrap(np.zeros(a.shape, a.dtype)) for a, _ in inputs])
    for a, b in zip(result, reference, strict=True):
        theirs_now = b.detach().numpy(force=True)
        np.testing.assert_allclose(
            a.detach().numpy(), theirs_now, rtol=1e-6, atol=1e-6, err_msg=f"{about}, orders left {orders}"
        )
    if more:
        gradients(about, list(result), list(reference), mine, theirs, orders - 1, first=False)


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
