"""Subscripts, gathers and scatters beside torch's."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch_beside import PLAIN, arrays, beside, compare, filled

import autograd

KINDS = ("float64", "float64", "float32", "int64", "bool")
SHAPES = [(), (4,), (3, 4), (2, 3, 4), (2, 1, 3), (0, 3)]


@st.composite
def subscripts(draw: Any, shape: tuple[int, ...]) -> Any:
    """A subscript of any mix for that shape, now and then one that does not fit."""
    items: list[Any] = []
    dims = list(shape)
    length = draw(st.sampled_from([1, 1, 2, 3]))
    while dims and draw(st.integers(0, 4)):
        n = dims[0]
        kind = draw(
            st.sampled_from(["int", "slice", "slice", "array", "array", "list", "mask", "bools", "none", "zero"])
        )
        low, high = (-n, n - 1) if draw(st.integers(0, 19)) else (-n - 1, n)
        index = st.integers(low, max(low, high))
        if kind == "none":
            items.append(None)
            continue
        if kind == "mask" and len(dims) > 1 and draw(st.booleans()):
            items.append(np.random.default_rng(draw(st.integers(0, 9))).random(dims[:2]) < 0.5)
            dims = dims[2:]
            continue
        if kind == "int":
            items.append(draw(index))
        elif kind == "zero":
            items.append(np.array(draw(index)))
        elif kind == "slice":
            bound = st.one_of(st.none(), st.integers(-n - 2, n + 2))
            items.append(slice(draw(bound), draw(bound), draw(st.sampled_from([None, 1, 2, 3]))))
        elif kind == "array":
            rows = draw(st.sampled_from([(length,), (1,), (2, length), (length,)]))
            items.append(np.array([draw(index) for _ in range(int(np.prod(rows)))], np.int64).reshape(rows))
        elif kind == "list":
            items.append([draw(index) for _ in range(length)])
        else:
            items.append(np.array([draw(st.booleans()) for _ in range(n)], bool))
            if kind == "bools":
                items[-1] = items[-1].tolist() if n else items[-1]
        dims = dims[1:]
    if draw(st.integers(0, 3)) == 0:
        items.insert(draw(st.integers(0, len(items))), ...)
    if draw(st.integers(0, 9)) == 0:
        items.insert(draw(st.integers(0, len(items))), draw(st.sampled_from([True, False, None])))
    if len(items) == 1 and draw(st.booleans()):
        return items[0]
    return tuple(items)


@given(data=st.data())
def test_getitem(data: Any) -> None:
    a = data.draw(arrays(KINDS, SHAPES, [PLAIN]))
    index = data.draw(subscripts(a.shape))
    compare(lambda t, i: t[i], lambda t, i: t[i], (a, index), {})


@given(data=st.data())
def test_setitem(data: Any) -> None:
    """Values, what an error leaves untouched, and the gradients of what was written to and of the value."""
    a = data.draw(arrays(KINDS, SHAPES, [PLAIN]))
    index = data.draw(subscripts(a.shape))
    try:
        shape = tuple(torch.zeros(a.shape)[torch_index(index)].shape)
    except (IndexError, TypeError):
        shape = ()
    value_shape = data.draw(st.sampled_from([(), shape, shape[1:], (1, *shape), tuple(1 for _ in shape), (5,)]))
    # torch refuses to write another dtype by an index tensor, though not by a slice; here both convert
    value: Any = filled(value_shape, a.dtype.name, PLAIN, np.random.default_rng(3))
    if data.draw(st.booleans()) and not value_shape:
        value = value.item()
    if repeated(a.shape, index) or (a.dtype.kind != "f" and getattr(value, "dtype", np.dtype("int64")).kind == "f"):
        value = 1.0  # which of two values stands is not defined, nor are fractions of integers

    def write(t: Any, i: Any, v: Any) -> Any:
        held = t.clone()
        before = held.detach().numpy().copy()
        try:
            held[i] = v
        except Exception:
            assert not isinstance(t, autograd.Tensor) or np.array_equal(held.detach().numpy(), before)
            raise
        return held

    compare(write, write, (a, index, value), {})


def torch_index(index: Any) -> Any:
    if isinstance(index, np.ndarray):
        return torch.from_numpy(index.copy())
    return tuple(torch_index(i) for i in index) if isinstance(index, tuple) else index


def repeated(shape: tuple[int, ...], index: Any) -> bool:
    places = torch.arange(int(np.prod(shape))).reshape(shape)
    try:
        chosen = places[torch_index(index)].reshape(-1)
    except (IndexError, TypeError):
        return False
    return chosen.unique().numel() != chosen.numel()


def positions(draw: Any, high: int, shape: tuple[int, ...], negative: bool = False, right: bool = False) -> np.ndarray:
    """Index values, mostly in range; always if right."""
    low = -high if negative else 0
    wrong = not right and draw(st.integers(0, 19)) == 0
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    out = rng.integers(low, max(high, low + 1), shape)
    if wrong and out.size:
        out.reshape(-1)[0] = high + 3
    return out


def dim(draw: Any) -> int:
    return draw(st.sampled_from([0, 0, 1, -1, -2, 2]))


def size_of(a: np.ndarray, d: int) -> int:
    return a.shape[d] if a.ndim and -a.ndim <= d < a.ndim else 1


FLOATS = ("float64", "float32")
SOME = [(4,), (3, 4), (2, 3, 4), ()]


def gather_args(draw: Any, a: np.ndarray, d: int) -> np.ndarray:
    shape = tuple(draw(st.integers(1, n)) for n in a.shape)
    if a.ndim and -a.ndim <= d < a.ndim:
        shape = tuple(draw(st.integers(0, 5)) if i == d % a.ndim else n for i, n in enumerate(shape))
    if draw(st.integers(0, 9)) == 0:
        shape = tuple(n + 1 for n in shape)
    return positions(draw, size_of(a, d), shape)


@given(data=st.data())
def test_gather(data: Any) -> None:
    a, d = data.draw(arrays(KINDS, SOME, [PLAIN])), dim(data.draw)
    beside("gather", a, d, gather_args(data.draw, a, d), method=data.draw(st.booleans()))


@given(data=st.data())
def test_take_along_dim(data: Any) -> None:
    # torch wraps what is out of range, without a word, and refuses to flatten some orders of memory
    a = data.draw(arrays(KINDS, SOME[:3], [PLAIN]))
    d = data.draw(st.sampled_from([None, 0, -1]))
    if d is None:
        beside("take_along_dim", np.ascontiguousarray(a), positions(data.draw, a.size, (2, 2), right=True))
    else:
        shape = tuple(data.draw(st.sampled_from([1, n])) for n in a.shape)
        beside("take_along_dim", np.ascontiguousarray(a), positions(data.draw, a.shape[d], shape, right=True), d)


@pytest.mark.parametrize("inplace", [False, True])
@pytest.mark.parametrize("name", ["scatter", "scatter_add", "scatter value", "sum", "prod", "mean", "amax", "amin"])
@given(data=st.data())
def test_scatter(name: str, inplace: bool, data: Any) -> None:
    a, d = data.draw(arrays(FLOATS, SOME, [PLAIN])), dim(data.draw)
    index = gather_args(data.draw, a, d)
    if name == "scatter" and index.size and a.ndim and -a.ndim <= d < a.ndim:
        rows = np.moveaxis(index, d, 0)  # which of several values stands is not defined
        if len(rows) > size_of(a, d):
            return
        rows[...] = np.arange(len(rows)).reshape(-1, *[1] * (index.ndim - 1))
    # torch's reductions give a gradient to what a src larger than the index does not even use
    wider = data.draw(st.integers(0, 1)) if name.startswith("scatter") else 0
    src = filled(
        tuple(n + wider for n in index.shape),
        a.dtype.name,
        [-2.0, 0.5, 1.5, 3.0, 0.7],
        np.random.default_rng(1),
    )
    kwargs: dict[str, Any] = {}
    args: tuple[Any, ...] = (d, index, src)
    if name == "scatter value":
        args = (d, index, 1.5)
    elif name not in ("scatter", "scatter_add"):
        args = (d, index, src, name)
        kwargs["include_self"] = data.draw(st.booleans())
    call = {"scatter value": "scatter"}.get(name, name if name.startswith("scatter") else "scatter_reduce")
    orders = 1 if call == "scatter_reduce" else 2  # torch's second order of these is missing or refuses
    if inplace:
        write = lambda t, *rest, **named: getattr(t * 1, call + "_")(*rest, **named)  # noqa: E731
        compare(write, write, (a, *args), kwargs, orders=orders)
    else:
        beside(call, a, *args, method=True, orders=orders, **kwargs)


@pytest.mark.parametrize("name", ["index_add", "index_copy", "index_fill", "index_select"])
@given(data=st.data())
def test_by_vector(name: str, data: Any) -> None:
    a, d = data.draw(arrays(FLOATS, SOME, [PLAIN])), dim(data.draw)
    n = size_of(a, d)
    count = data.draw(st.integers(0, n)) if a.ndim else 1
    index = np.random.default_rng(data.draw(st.integers(0, 9))).permutation(n)[:count]
    if name in ("index_add", "index_select"):
        index = positions(data.draw, n, (count,))
    shape = (
        tuple(count if i == d % a.ndim else m for i, m in enumerate(a.shape))
        if a.ndim and -a.ndim <= d < a.ndim
        else a.shape
    )
    if a.ndim and data.draw(st.integers(0, 9)) == 0:
        shape = (*shape[:-1], shape[-1] + 1)
    source = filled(shape, a.dtype.name, PLAIN, np.random.default_rng(2))
    args: tuple[Any, ...] = {"index_fill": (d, index, 1.5), "index_select": (d, index)}.get(name, (d, index, source))
    kwargs = {"alpha": 2.0} if name == "index_add" and data.draw(st.booleans()) else {}
    beside(name, a, *args, **kwargs)
    if name != "index_select":
        write = lambda t, *rest, **named: getattr(t * 1, name + "_")(*rest, **named)  # noqa: E731
        compare(write, write, (a, *args), kwargs)


@given(data=st.data())
def test_take_and_put(data: Any) -> None:
    a = data.draw(arrays(FLOATS, SOME, [PLAIN]))
    index = positions(data.draw, a.size, data.draw(st.sampled_from([(3,), (2, 2), ()])), negative=True)
    beside("take", a, index)
    source = filled(index.shape, a.dtype.name, PLAIN, np.random.default_rng(2))
    beside("put", a, index, source, accumulate=True, method=True)


@given(data=st.data())
def test_index_put(data: Any) -> None:
    a = data.draw(arrays(FLOATS, [(4, 3)], [PLAIN]))
    indices = (positions(data.draw, 4, (3,), True), positions(data.draw, 3, (3,), True))[: data.draw(st.integers(1, 2))]
    values = filled(data.draw(st.sampled_from([(), (3,), (1,)])), a.dtype.name, PLAIN, np.random.default_rng(2))
    beside("index_put", a, indices, values, accumulate=True, method=True)


@pytest.mark.parametrize("name", ["masked_fill", "masked_select", "masked_scatter"])
@given(data=st.data())
def test_masks(name: str, data: Any) -> None:
    a = data.draw(arrays(("float64", "float32", "int64"), [(3, 4), (4,), (), (3, 1)], [PLAIN]))
    mask = data.draw(arrays(("bool",), [(3, 4), (4,), (), (3, 1)], [PLAIN]))
    args: tuple[Any, ...] = (mask,)
    if name == "masked_fill":
        values = [1, 2.0, True, np.array(3), np.array([1.0])]
        if a.dtype.kind == "f":  # torch lets an integer tensor require grad when such a value is written into it
            values.append(np.array(0.5))
        args = (mask, data.draw(st.sampled_from(values)))
    elif name == "masked_scatter":
        args = (mask, filled((data.draw(st.sampled_from([12, 13, 2])),), a.dtype.name, PLAIN, np.random.default_rng(2)))
    beside(name, a, *args, method=True)
    if name != "masked_select":
        write = lambda t, *rest: getattr(t * 1, name + "_")(*rest)  # noqa: E731
        compare(write, write, (a, *args), {})


@given(data=st.data())
def test_where_and_nonzero(data: Any) -> None:
    a = data.draw(arrays(KINDS, SOME, [[0.0, 1.0, 0.0, 2.0]]))
    beside("where", a != 0)
    beside("nonzero", a)
    beside("nonzero", a, as_tuple=True)
    beside("argwhere", a)


@pytest.mark.parametrize(
    "args", [([0, 2, 1],), ([0, 2, 1], 5), ([[0, 1]], 2), ([0, 5], 3), ([-1], 3), ([], 3), ([],), (1, 2)]
)
def test_one_hot(args):
    array = np.array(args[0], np.int64)
    compare(autograd.one_hot, torch.nn.functional.one_hot, (array, *args[1:]), {})


@pytest.mark.parametrize(
    "index",
    [slice(None, None, -1), slice(2, None, 0), 1.5, "a", np.array([0.5]), (0, 0, 0), 7, [0, 9],
     np.ones((2, 2), bool), np.ones(3, bool)],
    ids=str,
)  # fmt: skip
def test_errors_of_subscripts(index):
    """The same kind of error on reading and on writing, and nothing written."""
    data = np.arange(8.0).reshape(2, 4)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for act in (lambda t, i: t[i], lambda t, i: t.__setitem__(i, 1.0)):
            kinds = []
            for library in (torch, autograd):
                tensor = library.tensor(data)
                i = library.tensor(index) if isinstance(index, np.ndarray) else index
                with pytest.raises((IndexError, TypeError, ValueError, RuntimeError)) as caught:
                    act(tensor, i)
                if library is autograd:  # torch writes what comes before the wrong index
                    np.testing.assert_array_equal(tensor.numpy(), data)
                kinds.append(caught.type)
            assert issubclass(kinds[1], kinds[0]), kinds


def test_an_index_changed_later_does_not_change_the_gradient():
    x = autograd.tensor([1.0, 2.0, 3.0], requires_grad=True)
    index = autograd.tensor([0, 1])
    y = x[index]
    index.add_(1)
    y.sum().backward()
    assert x.grad.tolist() == [1.0, 1.0, 0.0]
