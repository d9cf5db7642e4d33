"""Reductions and running reductions beside torch's, over awkward inputs."""

from __future__ import annotations

from math import inf
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from torch_beside import PLAIN, SPECIAL, TIES, arrays, beside, compare

import autograd

FLOATS = ("float64", "float32")
DIMS = st.sampled_from([None, 0, 1, -1, -2, 2, 3, (0,), (0, 1), (-1, 0), (0, 0), (), [0, -1]])
ONE_DIM = st.sampled_from([0, 1, -1, -2, 2, 3])


def options(data: Any, dims: Any, optional: bool = True) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """dim and keepdim: absent, by position, by keyword, as axis."""
    dim, keepdim = data.draw(dims), data.draw(st.booleans())
    form = data.draw(st.sampled_from(["positional", "keyword", "dim only", "axis"] + ["absent"] * optional))
    if form == "absent":
        return (), {}
    if form == "positional":
        return (dim, keepdim), {}
    return ((dim,), {}) if form == "dim only" else ((), {"axis" if form == "axis" else "dim": dim, "keepdim": keepdim})


@pytest.mark.parametrize("name", ["sum", "mean", "nansum", "nanmean", "amax", "amin", "all", "any"])
@given(data=st.data())
def test_over_dims(name: str, data: Any) -> None:
    x = data.draw(arrays())
    args, kwargs = options(data, DIMS, optional=name not in ("amax", "amin"))
    if not x.size and not dim_fits(x, args[0] if args else kwargs.get("dim", kwargs.get("axis"))):
        return  # two mistakes at once: which one is named differs
    beside(name, x, *args, method=data.draw(st.booleans()), **kwargs)


@pytest.mark.parametrize("name", ["sum", "mean", "nansum", "prod"])
@given(data=st.data())
def test_dtype(name: str, data: Any) -> None:
    x = data.draw(arrays(pools=[PLAIN, TIES]))
    dtype = data.draw(st.sampled_from([np.dtype("float32"), np.dtype("float64"), np.dtype("int64")]))
    args = () if data.draw(st.booleans()) else (0,)
    beside(name, x, *args, dtype=dtype, wide=10)


@given(data=st.data())
def test_prod(data: Any) -> None:
    args, kwargs = options(data, st.sampled_from([0, 1, -1, -2, 2]))
    beside("prod", data.draw(arrays(pools=[PLAIN, TIES])), *args, method=data.draw(st.booleans()), **kwargs)


@pytest.mark.parametrize("name", ["var", "std", "var_mean", "std_mean"])
@given(data=st.data())
def test_variances(name: str, data: Any) -> None:
    x = data.draw(arrays(("float64", "float32", "int64"), pools=[PLAIN, TIES, [1.0, 1.0, 2.0]]))
    form = data.draw(st.sampled_from(["plain", "unbiased", "dim unbiased keepdim", "correction"]))
    # with dim=() torch's gradient of std_mean is wrong
    dim, keepdim, unbiased = (
        data.draw(DIMS.filter(lambda d: d != ())),
        data.draw(st.booleans()),
        data.draw(st.booleans()),
    )
    args: tuple[Any, ...] = {"unbiased": (unbiased,), "dim unbiased keepdim": (dim, unbiased, keepdim)}.get(form, ())
    kwargs = (
        {"dim": dim, "correction": data.draw(st.sampled_from([0, 1, 2, None])), "keepdim": keepdim}
        if form == "correction"
        else {}
    )
    # of a constant torch's second derivative of std is NaN or what 0 / 0 left; the first is 0 in both
    constant = "std" in name and x.size and len(np.unique(x)) < 3
    # and where nothing is left to divide by torch's gradient is finite although the value is NaN
    value = (
        getattr(autograd, name)(autograd.from_numpy(x), *args, **kwargs)
        if x.dtype.kind == "f" and dim_fits(x, dim)
        else 0.0
    )
    value = value[0] if isinstance(value, tuple) else value
    lost = np.isnan(np.asarray(value)).any()
    beside(name, x, *args, orders=0 if lost else 1 if constant else 2, wide=10, **kwargs)


def dim_fits(x: Any, dim: Any) -> bool:
    dims = () if dim is None else tuple(dim) if isinstance(dim, (tuple, list)) else (dim,)
    n = max(x.ndim, 1)
    return all(-n <= d < n for d in dims) and len({d % n for d in dims}) == len(dims)


@pytest.mark.parametrize("name", ["max", "min"])
@given(data=st.data())
def test_extremes(name: str, data: Any) -> None:
    x = data.draw(arrays())
    args, kwargs = options(data, ONE_DIM)
    beside(name, x, *args, method=data.draw(st.booleans()), **kwargs)


@pytest.mark.parametrize("name", ["max", "min"])
@given(data=st.data())
def test_extremes_of_two(name: str, data: Any) -> None:
    a, b = data.draw(arrays(shapes=[(2, 3), (3,), ()])), data.draw(arrays(shapes=[(2, 3), (3,), ()]))
    beside(name, a, b)
    beside(name, a, other=b)


@pytest.mark.parametrize("name", ["max", "min", "aminmax", "median", "cummax", "sort", "topk", "kthvalue", "mode"])
def test_named_results(name: str) -> None:
    """The fields, by name and by place."""
    x = autograd.tensor([[3.0, 1.0], [2.0, 5.0]])
    y = torch.tensor([[3.0, 1.0], [2.0, 5.0]])
    args, kwargs = {"aminmax": ((), {"dim": 1}), "topk": ((1,), {}), "kthvalue": ((1,), {})}.get(name, ((), {"dim": 1}))
    a, b = getattr(autograd, name)(x, *args, **kwargs), getattr(torch, name)(y, *args, **kwargs)
    fields = ("min", "max") if name == "aminmax" else ("values", "indices")
    for k, field in enumerate(fields):
        assert getattr(a, field) is a[k]
        np.testing.assert_array_equal(getattr(a, field).numpy(), getattr(b, field).numpy())


@given(data=st.data())
def test_aminmax(data: Any) -> None:
    kwargs = data.draw(st.sampled_from([{}, {"dim": 0}, {"dim": -1, "keepdim": True}, {"dim": 1}]))
    beside("aminmax", data.draw(arrays()), **kwargs)


@pytest.mark.parametrize("name", ["argmax", "argmin"])
@given(data=st.data())
def test_positions(name: str, data: Any) -> None:
    """torch's place among equal ones is the first, as here; its place among several NaNs too."""
    args, kwargs = options(data, st.sampled_from([None, 0, 1, -1, -2, 2]))
    beside(name, data.draw(arrays()), *args, method=data.draw(st.booleans()), **kwargs)


@given(data=st.data())
def test_count_nonzero(data: Any) -> None:
    args = () if data.draw(st.booleans()) else (data.draw(DIMS),)
    beside("count_nonzero", data.draw(arrays()), *args)


P = st.sampled_from([2, 1, 0, 3, 0.5, 1.5, 2.5, inf, -inf, -1, "fro"])


@given(data=st.data())
def test_norm(data: Any) -> None:
    x = data.draw(arrays(FLOATS, pools=[PLAIN, TIES, [0.0, 0.0, 0.0, 1.0]]))
    p, dim, keepdim = data.draw(P), data.draw(DIMS), data.draw(st.booleans())
    if x.size == 0 and isinstance(dim, tuple):
        assume(len(dim) <= x.ndim)  # two mistakes at once: which is told first is open
    # at zeros torch's second derivatives are NaN or leave out a limit; the first order must agree everywhere
    beside("norm", x, p, dim, keepdim, orders=2 if (x != 0).all() else 1, wide=10)
    beside("norm", x, orders=1)


@given(data=st.data())
def test_dist(data: Any) -> None:
    a, b = (
        data.draw(arrays(("float64",), [(3,), (2, 3)], [PLAIN])),
        data.draw(arrays(("float64",), [(3,), ()], [PLAIN])),
    )
    beside("dist", a, b + 0.01, *data.draw(st.sampled_from([(), (1,), (3,), (inf,)])), wide=10)


@given(data=st.data())
def test_logsumexp(data: Any) -> None:
    x = data.draw(
        arrays(("float64", "float32", "int64"), pools=[PLAIN, [900.0, -900.0, 3.0], [-inf, 1.0, 2.0], [inf, 1.0]])
    )
    beside("logsumexp", x, data.draw(DIMS.filter(lambda d: d is not None and d != ())), data.draw(st.booleans()))


@pytest.mark.parametrize("name", ["cumsum", "cumprod", "cummax", "cummin", "logcumsumexp"])
@given(data=st.data())
def test_running(name: str, data: Any) -> None:
    x = data.draw(arrays(pools=[PLAIN, TIES] + [SPECIAL] * name.startswith("cumm")))
    dims = ONE_DIM if x.size else st.sampled_from([0, -1])  # torch does not look at the dim of an empty cummax
    beside(name, x, data.draw(dims), method=data.draw(st.booleans()), wide=10)


@given(data=st.data())
def test_running_dtype(data: Any) -> None:
    x, dtype = data.draw(arrays(pools=[PLAIN])), data.draw(st.sampled_from([np.dtype("float64"), np.dtype("int64")]))
    beside(data.draw(st.sampled_from(["cumsum", "cumprod"])), x, 0, dtype=dtype, wide=10)


@given(data=st.data())
def test_diff(data: Any) -> None:
    x = data.draw(arrays(pools=[PLAIN]))
    kwargs: dict[str, Any] = {
        "n": data.draw(st.sampled_from([1, 2, 3, 9, -1])),
        "dim": data.draw(st.sampled_from([-1, 0, 1])),
    }
    if x.ndim == 1 and data.draw(st.booleans()):
        kwargs["prepend"] = x[:1].copy()
        kwargs["append"] = x[:2].copy()
    beside("diff", x, **kwargs)


@pytest.mark.parametrize("name", ["trapezoid", "cumulative_trapezoid"])
@given(data=st.data())
def test_trapezoid(name: str, data: Any) -> None:
    y = data.draw(arrays(("float64", "int64"), [(4,), (2, 4), (2, 3, 4)], [PLAIN]))
    dim = data.draw(st.sampled_from([-1, 0]))
    kwargs = data.draw(st.sampled_from([{}, {"dx": 0.5}, {"x": 1}, {"x": 2}]))
    if "x" in kwargs:
        n = y.shape[dim]
        x = np.linspace(0, 1, n) ** 2 if kwargs["x"] == 1 else np.arange(y.size, dtype=float).reshape(y.shape)
        kwargs = {"x": x}
    beside(name, y, dim=dim, **kwargs)


@pytest.mark.parametrize("name", ["cov", "corrcoef"])
@given(data=st.data())
def test_covariance(name: str, data: Any) -> None:
    x = data.draw(arrays(FLOATS, [(4,), (2, 5), (3, 4), ()], [PLAIN]))
    kwargs: dict[str, Any] = {}
    if name == "cov" and data.draw(st.booleans()):
        n = x.shape[-1] if x.ndim else 1
        kwargs = {"correction": data.draw(st.sampled_from([0, 1]))}
        if data.draw(st.booleans()):
            kwargs["fweights"] = np.arange(1, n + 1)
        if data.draw(st.booleans()):
            kwargs["aweights"] = np.linspace(0.5, 2, n).astype(x.dtype)
    # torch differentiates the covariance of numbers without spread only once
    spread = x.ndim and all(len(np.unique(row)) > 2 for row in x.reshape(-1, x.shape[-1]))
    step = lambda library: lambda v, **kw: getattr(library, name)(v * 1, **kw)  # on a leaf torch's cov writes into it
    compare(step(autograd), step(torch), (x,), kwargs, orders=2 if spread else 0, wide=100)
