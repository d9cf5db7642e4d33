"""Sorting, selection by rank, distinct values and counting beside torch's, over awkward inputs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch_beside import PLAIN, SPECIAL, TIES, arrays, beside, compare

import autograd

FLOATS = ("float64", "float32")
ONE_DIM = st.sampled_from([0, 1, -1, -2, 2])
DISTINCT = [[-2.5, -1.2, -0.7, 0.3, 0.6, 1.1, 2.4, 3.7, 5.2, 6.1, -4.4, 7.9]]


def distinct(data: Any, nan: bool = False) -> Any:
    """Values all different, so that no order among equals matters; perhaps one NaN and an infinity."""
    shape = data.draw(st.sampled_from([(), (1,), (5,), (2, 3), (3, 2, 2), (0,), (2, 0)]))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    x = rng.permutation(np.linspace(-2, 2.2, int(np.prod(shape)))).astype(data.draw(st.sampled_from(FLOATS)))
    if nan and x.size > 2:
        x[0] = data.draw(st.sampled_from([np.nan, np.inf, 0.0]))
    return np.asarray(x.reshape(shape), order=data.draw(st.sampled_from("CF")))


@pytest.mark.parametrize("name", ["sort", "argsort"])
@given(data=st.data())
def test_sort(name: str, data: Any) -> None:
    """Stable here always, in torch where asked for; NaN counts as the largest."""
    x, dim, descending = data.draw(arrays()), data.draw(ONE_DIM), data.draw(st.booleans())
    beside(name, x, dim=dim, descending=descending, stable=True)
    compare(
        lambda v: v.sort(dim, descending)[0], lambda v: v.sort(dim=dim, descending=descending, stable=True)[0], (x,), {}
    )
    beside(name, distinct(data, True), data.draw(ONE_DIM), data.draw(st.booleans()), method=data.draw(st.booleans()))


@given(data=st.data())
def test_msort(data: Any) -> None:
    beside("msort", distinct(data))


@given(data=st.data())
def test_topk(data: Any) -> None:
    x, k, dim = distinct(data, True), data.draw(st.integers(0, 4)), data.draw(ONE_DIM)
    beside("topk", x, k, dim, data.draw(st.booleans()), method=data.draw(st.booleans()))
    beside("topk", x, min(k, 1))


@given(data=st.data())
def test_topk_ties(data: Any) -> None:
    """Of equal elements any may be chosen: only the values agree."""
    x = data.draw(arrays(("float64", "float32", "int64", "uint8"), shapes=[(4,), (2, 3), (2, 2, 3)]))
    compare(lambda v: autograd.topk(v, 2)[0], lambda v: torch.topk(v, 2)[0], (x,), {}, orders=0)


@given(data=st.data())
def test_kthvalue(data: Any) -> None:
    args = data.draw(st.sampled_from([(1,), (2,), (2, 0), (3, -1, True), (0,), (9,), (1, 5)]))
    x = distinct(data, True)
    if x.size:  # torch looks at an empty input before k
        beside("kthvalue", x, *args)


@pytest.mark.parametrize("name", ["median", "nanmedian"])
@given(data=st.data())
def test_median(name: str, data: Any) -> None:
    x = distinct(data, True)
    beside(name, x)
    beside(name, x, data.draw(ONE_DIM), data.draw(st.booleans()), method=data.draw(st.booleans()))


@pytest.mark.parametrize("name", ["median", "nanmedian", "mode", "kthvalue"])
@given(data=st.data())
def test_values_of_ties(name: str, data: Any) -> None:
    x = data.draw(arrays(("float64", "int64", "uint8"), shapes=[(5,), (2, 3), (2, 2, 3)], pools=[TIES, SPECIAL]))
    args = (2,) if name == "kthvalue" else (-1,)
    if name == "mode" and np.isnan(x).any():
        return  # torch counts NaN by where it stands
    compare(
        lambda v: getattr(autograd, name)(v, *args)[0], lambda v: getattr(torch, name)(v, *args)[0], (x,), {}, orders=0
    )


@given(data=st.data())
def test_mode(data: Any) -> None:
    x = data.draw(arrays(("float64", "int64"), pools=[TIES]))
    if x.size:
        beside("mode", x, data.draw(ONE_DIM), data.draw(st.booleans()))


@pytest.mark.parametrize("name", ["quantile", "nanquantile"])
@given(data=st.data())
def test_quantile(name: str, data: Any) -> None:
    x = distinct(data, True)
    q = data.draw(st.sampled_from([0.0, 0.3, 0.5, 1.0, 1.5, np.array([0.1, 0.5, 0.9]), np.array([]), np.array(0.25)]))
    q = q.astype(x.dtype) if isinstance(q, np.ndarray) else q
    if isinstance(q, np.ndarray):
        q.setflags(write=False)
    dim, keepdim = data.draw(st.sampled_from([None, 0, -1, 1])), data.draw(st.booleans())
    way = data.draw(st.sampled_from(["linear", "lower", "higher", "midpoint", "nearest", "up"]))
    step = lambda library: (
        lambda v, p: getattr(library, name)(
            v, p.detach() if hasattr(p, "detach") else p, dim, keepdim, interpolation=way
        )
    )
    compare(step(autograd), step(torch), (x, q), {}, orders=0 if np.isnan(x).any() else 2)


@given(data=st.data())
def test_unique(data: Any) -> None:
    x = data.draw(arrays(("float64", "int64", "uint8", "bool"), pools=[TIES, PLAIN]))
    inverse, counts = data.draw(st.booleans()), data.draw(st.booleans())
    dim = data.draw(st.sampled_from([None, 0, -1, 1]))
    if dim is not None and not x.size:
        return  # torch has rules of its own for slices without elements
    name = data.draw(st.sampled_from(["unique", "unique_consecutive"]))
    step = lambda library: (
        lambda v: getattr(library, name)(v.detach(), return_inverse=inverse, return_counts=counts, dim=dim)
    )
    compare(step(autograd), step(torch), (x,), {})


@given(data=st.data())
def test_unique_nan(data: Any) -> None:
    step = lambda library: lambda v: library.unique(v.detach(), return_counts=True)
    compare(step(autograd), step(torch), (data.draw(arrays(("float64",), [(4,), (2, 3)], [SPECIAL])),), {})


@given(data=st.data())
def test_searchsorted(data: Any) -> None:
    edges = np.sort(data.draw(arrays(FLOATS, [(5,), (2, 4), (0,)], [PLAIN, TIES])), -1)
    values = data.draw(arrays((str(edges.dtype),), [(3,), (2, 3), (), (1, 3)], [PLAIN, TIES]))
    options = data.draw(
        st.sampled_from(
            [
                {},
                {"right": True},
                {"side": "right"},
                {"out_int32": True},
                {"side": "left", "right": True},
                {"side": "up"},
            ]
        )
    )
    step = lambda library: lambda e, v: library.searchsorted(e.detach(), v.detach(), **options)
    compare(step(autograd), step(torch), (edges, values), {})
    compare(
        lambda e: autograd.searchsorted(e.detach(), 0.3), lambda e: torch.searchsorted(e.detach(), 0.3), (edges,), {}
    )


@given(data=st.data())
def test_searchsorted_sorter(data: Any) -> None:
    x = data.draw(arrays(("float64",), [(5,), (2, 4)], [PLAIN]))
    order = np.argsort(x, -1)
    values = np.full((*x.shape[:-1], 2), 0.4)
    step = lambda library: lambda e, v, o: library.searchsorted(e.detach(), v.detach(), sorter=o)
    compare(step(autograd), step(torch), (x, values, order), {})


@given(data=st.data())
def test_bucketize(data: Any) -> None:
    x = data.draw(arrays(("float64", "int64"), pools=[PLAIN, TIES]))
    edges = np.array([-1.0, 0.0, 0.5, 1.0]).astype(x.dtype)
    right, short = data.draw(st.booleans()), data.draw(st.booleans())
    step = lambda library: lambda v, e: library.bucketize(v.detach(), e.detach(), right=right, out_int32=short)
    compare(step(autograd), step(torch), (x, edges), {})


@given(data=st.data())
def test_bincount(data: Any) -> None:
    x = data.draw(arrays(("int64", "uint8", "int32", "float64"), [(5,), (1,), (2, 2)], [[0, 1, 2, 4], [0, -1, 3]]))
    weights = data.draw(st.sampled_from([None, "float64", "float32", "int64"]))
    kwargs: dict[str, Any] = {"minlength": data.draw(st.sampled_from([0, 3, 8]))}
    if weights is not None:
        kwargs["weights"] = np.linspace(0, 2, x.size).reshape(x.shape).astype(weights)
    step = lambda library: (
        lambda v, weights=None, **kw: library.bincount(v, None if weights is None else weights.detach(), **kw)
    )
    compare(step(autograd), step(torch), (x,), kwargs)


@given(data=st.data())
def test_histc(data: Any) -> None:
    x = data.draw(arrays(FLOATS, pools=[PLAIN, TIES]))
    args = data.draw(st.sampled_from([(5,), (5, -1.0, 2.0), (4, 0, 0), (3, 1.0, 1.0), (0,), (4, 2.0, 1.0)]))
    if len(args) == 1 and not x.size:
        return
    step = lambda library: lambda v: library.histc(v.detach(), *args)
    compare(step(autograd), step(torch), (x,), {})
