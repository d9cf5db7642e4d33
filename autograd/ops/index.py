"""Reading and writing by index: subscripts, select, narrow, gather, take, masks."""

from __future__ import annotations

from math import prod
from operator import index as as_int
from types import EllipsisType
from typing import Any

import numpy as np
from numpy import ndarray

from .. import dtypes
from ..errors import DTypeError, PlaceError, RangeError, ShapeError, SubscriptError
from ..inplace import check_writable, rebase, record_node
from ..kernels import held, scatter
from ..kernels import mask as kernels
from ..op import REGISTRY as _REGISTRY
from ..op import function, op
from ..tape import Walk, mode, node_of, own_ways, synced
from ..tensor import Tensor, to_array, wrap
from .dims import dim_of, ndim_of

Basic = tuple[int | slice | None | EllipsisType, ...]
_ALL = slice(None)


class Subscript:
    """Integer arrays and masks, full slices between them: the part of a subscript that copies."""

    def __init__(self, *items: slice | ndarray) -> None:
        self.items = items
        # a mask names no element twice
        self.repeats = any(type(i) is ndarray and i.dtype.kind != "b" for i in items)

    def own(self) -> Subscript:
        """The same with arrays of its own, for the tape: the caller's may change."""
        return Subscript(*[i if type(i) is slice else i.copy() for i in self.items])


# ------------------------------------------------------------------------------------------------- subscripts


@op(
    lambda g, input_shape, index: _put_zeros(g, input_shape, index),
    view=True,
    samples=lambda s: [(s(4, 3), (1, ...)), (s(4, 3), (slice(1, None, 2), None, -1, ...)), (s(3), (slice(2, 0), ...))],
)
def _getitem(input: Any, index: Basic) -> Any:
    """`input[index]` for ints, slices, None and, so that the result is never a scalar, an Ellipsis; a view."""
    try:
        return input[index]
    except IndexError:
        raise _explained(tuple(input.shape), index) from None


def _getitem_in_walk(walk: Walk, node: Any, g: Any, values: list[Any], edges: Any) -> Any:
    """The contribution of `_getitem`, put where it belongs in what waits already."""
    edge = edges[0]
    shape, index = values[-1], values[1]
    if edge is None or type(g) is not ndarray or g.dtype is not edge.dtype or shape != edge.shape:
        return node.op.pull(g, values, edges)
    return (None,) if walk.placed(edge, g, index) else node.op.pull(g, values, edges)


own_ways[_REGISTRY["_getitem"]] = _getitem_in_walk


@op(
    lambda g, index: _getitem(g, index),
    samples=lambda s: [(s(3), (4, 3), (1, ...)), (s(2, 3), (4, 3), (slice(0, 4, 2), ...))],
)
def _put_zeros(input: Any, shape: tuple[int, ...], index: Basic) -> Any:
    """Zeros of `shape` but for `input` at a basic index: the adjoint of `_getitem`."""
    out = np.zeros(shape, input.dtype)
    out[index] = input
    return out


@op(
    lambda g, input_shape, indices: _index_sum(g, input_shape, indices),
    samples=lambda s: [
        (s(4, 3), Subscript(s.ints(4, 5))), (s(4, 3), Subscript(_ALL, s.ints(3, 2, 2))),
        (s(4, 3, 2), Subscript(_ALL, s.ints(3, 5, low=-3))),
        (s(4, 3), Subscript(s.bools(4, 3))),
        (s(3, 2, 4), Subscript(s.ints(3, 2), _ALL, s.ints(4, 3, 1))), (s(3, 2), Subscript(np.zeros(0, np.int64))),
        (s(3, 2, 2), Subscript(s.ints(3, 4), np.array([-1, 0, 1, -1]))),
    ],
)  # fmt: skip
def _index(input: Any, indices: Subscript) -> Any:
    """`input` at integer arrays and masks; a copy."""
    mask = _whole_mask(indices, input.shape)
    if mask is not None and input.dtype.char in "fd" and input.flags.c_contiguous:
        return held.taken(input, mask)
    try:
        return input[indices.items]
    except IndexError:
        raise _explained(tuple(input.shape), indices.items) from None


@op(
    lambda g, indices: _index(g, indices),
    samples=lambda s: [
        (s(5, 3), (4, 3), Subscript(s.ints(4, 5))), (s(2, 2), (4, 2), Subscript(np.array([True, False, True, False]))),
    ],
)  # fmt: skip
def _index_sum(input: Any, shape: tuple[int, ...], indices: Subscript) -> Any:
    """Zeros of `shape` to which `input` is added at `indices`: the adjoint of `_index`."""
    d = len(indices.items) - 1  # slices end no subscript
    last = indices.items[d]
    if d and type(last) is ndarray and last.ndim == 1 and last.dtype.kind == "i" and _full(indices.items[:d]):
        return _index_select_sum(input, last, shape, d)
    mask = _whole_mask(indices, shape)
    if mask is not None and type(input) is ndarray and input.dtype.char in "fd":
        return held.put(input, mask)
    out = np.zeros(shape, input.dtype)
    if indices.repeats:
        add_at(out, indices.items, input)
    else:
        out[indices.items] = input
    return out


def _whole_mask(indices: Subscript, shape: tuple[int, ...]) -> ndarray | None:
    """The one mask that the subscript is, of the whole shape, where kernels take it and are worth their call."""
    mask = indices.items[0]
    if len(indices.items) > 1 or type(mask) is not ndarray or mask.dtype.kind != "b" or mask.size < held.SOME:
        return None
    return mask if mask.shape == tuple(shape) and mask.flags.c_contiguous else None


def _full(items: tuple[slice | ndarray, ...]) -> bool:
    return all(type(item) is slice for item in items)  # a `Subscript` has none but full slices


@op(
    lambda g, indices: _index_put(g, 0.0, indices),
    lambda g, indices: _index(g, indices),
    samples=lambda s: [
        (s(4, 3), s(2, 3), Subscript(np.array([2, 0]))), (s(4, 3), s(), Subscript(s.bools(4, 3))),
        (s(4, 3), s(3), Subscript(np.array([1]))),
    ],
)  # fmt: skip
def _index_put(input: Any, value: Any, indices: Subscript) -> Any:
    """A copy of `input` with `value`, broadcast, at `indices`."""
    dtypes.fits("index_put", input.dtype, value)
    out = np.array(input, order="K")
    out[indices.items] = value
    return out


def add_at(out: ndarray, indices: tuple[Any, ...], values: Any) -> None:
    """out[indices] += values, every repetition of an index counted; values in the shape of out[indices]."""
    if not out.flags.c_contiguous or not all(type(i) is ndarray and i.dtype.kind == "i" for i in indices):
        np.add.at(out, indices, values)
        return
    depth = len(indices)
    rows: Any = 0
    for n, index in zip(out.shape, indices, strict=False):
        rows = rows * n + np.where(index < 0, index + n, index)
    rows = rows.reshape(-1)
    if rows.size:
        add_rows(out.reshape(prod(out.shape[:depth]), -1), rows, np.asarray(values).reshape(rows.size, -1))


def leading(x: ndarray, dim: int) -> ndarray:
    """x with `dim` before its other dimensions."""
    return x.transpose(dim, *range(dim), *range(dim + 1, x.ndim)) if dim else x


def placed(x: ndarray, dim: int) -> ndarray:
    """x with its first dimension put where `dim` stands: the inverse of `leading`."""
    return x.transpose(*range(1, dim + 1), 0, *range(dim + 1, x.ndim)) if dim else x


def add_rows(out: ndarray, rows: ndarray, values: ndarray) -> None:
    """out[rows[i]] += values[i] for a row-major (n, width) array."""
    if out.dtype.kind == "f" and out.shape[1] > 1 and values.size >= 512:
        scatter.index_add(out, rows.astype(np.int64, copy=False), values)
        return
    # numpy adds fast only in one dimension: rows become places of single elements
    width = out.shape[1]
    at = rows if width == 1 else (rows[:, None] * width + np.arange(width)).reshape(-1)
    np.add.at(out.reshape(-1), at, values.reshape(-1))


@op(
    lambda g: 0.0,
    lambda g: g,
    samples=lambda s: [(s(2, 3), s(3)), (s(2), s())],
)
def _overwrite(input: Any, other: Any) -> Any:
    """`other` broadcast to `input`'s shape, in its dtype: what an assignment records."""
    return np.array(np.broadcast_to(other, input.shape), input.dtype)


def _several(index: list[Any]) -> bool:
    """Whether a list stands for a tuple of subscripts, as it does in torch if a part of it is more than a number."""
    return any([part is None or part is Ellipsis or isinstance(part, _PARTS) for part in index])


_PARTS = (Tensor, ndarray, slice, list, tuple)


def parse(shape: tuple[int, ...], index: Any) -> tuple[Basic | None, Subscript | None]:
    """A subscript as torch reads it: first the ints, slices and Nones (a view), then integer arrays and masks (a copy).

    The first part is None where it would take everything as it is. Ints beside arrays are taken first: unlike numpy,
    they do not move the arrays' dims to the front.
    """
    items = index if type(index) is tuple or (type(index) is list and _several(index)) else (index,)
    basic: list[Any] = []
    arrays = False
    used = 0
    for item in items:
        kind = type(item)
        if kind is int:
            used += 1
        elif kind is slice:
            used += 1
            if item.step is not None:
                if as_int(item.step) <= 0:
                    raise ShapeError(f"index: a slice's step must be greater than zero, got {item.step}; use flip()")
                item = slice(_bound(item.start), _bound(item.stop), as_int(item.step))
        elif item is None or item is Ellipsis:
            pass
        else:
            item = _as_index(item)
            if isinstance(item, ndarray):
                arrays = True
                used += item.ndim if item.dtype.kind == "b" else 1
            else:
                used += 1
        basic.append(item)
    if used > len(shape):
        raise RangeError(f"index: too many indices for a tensor of {len(shape)} dimensions: {used}")
    dots = [i for i, item in enumerate(basic) if item is Ellipsis]
    if len(dots) > 1:  # torch passes over those behind the first, which takes all the dims there are to take
        basic = [item for i, item in enumerate(basic) if item is not Ellipsis or i == dots[0]]
    if not arrays:
        if not dots:
            basic.append(...)
        return tuple(basic), None
    _check_masks(shape, basic, used)
    first: list[Any] = []
    second: list[Any] = []
    trivial = True
    for item in basic:
        if type(item) is ndarray:
            if item.dtype.kind == "b" and not item.ndim:  # x[True]: a new dim of size 1, or 0 for False
                first.append(None)
                trivial = False
                second.append(np.zeros(int(item), np.int64))
            else:
                first.extend([_ALL] * (item.ndim if item.dtype.kind == "b" else 1))
                second.append(item)
        elif item is Ellipsis:
            first.append(item)
            second.extend([_ALL] * (len(shape) - used))
        else:
            first.append(item)
            if type(item) is not int:
                second.append(_ALL)
            trivial = trivial and type(item) is slice and item == _ALL
    if not dots:
        first.append(...)
    while type(second[-1]) is slice:
        second.pop()
    return None if trivial else tuple(first), Subscript(*second)


def _check_masks(shape: tuple[int, ...], items: list[Any], used: int) -> None:
    """A mask has the shape of the dims it stands for: numpy lets one of no elements pass."""
    at = 0
    for item in items:
        if item is Ellipsis:
            at += len(shape) - used
        elif type(item) is ndarray and item.dtype.kind == "b":
            if item.shape != shape[at : at + item.ndim]:
                raise RangeError(
                    f"index: the shape of the mask, {item.shape}, is not that of the dims it stands for, "
                    f"{shape[at : at + item.ndim]} of a tensor of shape {shape}"
                )
            at += item.ndim
        elif item is not None:
            at += 1


def _bound(value: Any) -> int | None:
    return None if value is None else as_int(value)


def _as_index(item: Any) -> int | ndarray:
    """An int (a view's index), or an int64 or bool array."""
    if isinstance(item, Tensor):
        array = item.numpy_view()
    elif isinstance(item, (bool, ndarray, np.generic)):
        array = np.asarray(item)
    elif isinstance(item, (list, tuple, range)):
        array = to_array(list(item))
        if not array.size:
            array = array.astype(np.int64)
    elif hasattr(item, "__index__"):
        return as_int(item)
    else:
        raise SubscriptError(
            f"index: expected ints, slices, None, ... or tensors, lists,"
            f" arrays of ints or bools; got {type(item).__name__}"
        )
    if array.dtype == np.uint8 and array.ndim:
        array = array.astype(bool)  # torch's old masks
    kind = array.dtype.kind
    if kind not in "iub" or (array.dtype.itemsize < 4 and isinstance(item, Tensor) and array.dtype.kind == "i"):
        raise RangeError(
            f"index: tensors used as indices must be of int64, int32, uint8 or bool, got {array.dtype}; use long()"
        )
    if kind != "b" and not array.ndim:
        return int(array)
    return array


def _explained(shape: tuple[int, ...], index: Any) -> RangeError:
    """What is wrong with an index that numpy refused."""
    d = 0
    for item in index:
        if item is None:
            continue
        if item is Ellipsis:
            d = len(shape) - sum(i is not None for i in index[index.index(...) + 1 :])
            continue
        if type(item) is int and not -shape[d] <= item < shape[d]:
            return RangeError(f"index: {item} is out of range for dim {d} with size {shape[d]}")
        if type(item) is ndarray and item.dtype.kind == "b":
            if item.shape != shape[d : d + item.ndim]:
                return RangeError(
                    f"index: the shape of the mask {item.shape} at dim {d} does not match the tensor's "
                    f"{shape[d : d + item.ndim]}"
                )
            d += item.ndim - 1
        elif type(item) is ndarray and item.size and (item.min() < -shape[d] or item.max() >= shape[d]):
            bad = item[(item < -shape[d]) | (item >= shape[d])][0]
            return RangeError(f"index: {bad} is out of range for dim {d} with size {shape[d]}")
        d += 1
    shapes = [i.shape for i in index if type(i) is ndarray]
    return RangeError(f"index: shapes {' and '.join(map(str, shapes))} of the indices cannot be broadcast together")


def getitem(input: Tensor, index: Any) -> Tensor:
    """`input[index]`: a view for ints, slices, None and Ellipsis; a copy once an integer array or a mask takes part."""
    if type(index) is int:
        if not input._data.ndim:
            raise RangeError("index: a 0-dim tensor has no dimension to index; use item()")
        return _getitem(input, (index, ...))
    basic, advanced = parse(input._data.shape, index)
    if basic is not None:
        input = _getitem(input, basic)
    if advanced is None:
        return input
    if mode.enabled and node_of(input) is not None:
        advanced = advanced.own()
    return _index(input, advanced)


def setitem(input: Tensor, index: Any, value: Any) -> None:
    """`input[index] = value`, the value broadcast and cast; written straight into the memory, and recorded."""
    check_writable(input, "setitem")
    x = input._data if input._view is None else synced(input)
    basic, advanced = parse(x.shape, index)
    given = (
        value.numpy_view()
        if isinstance(value, Tensor)
        else np.asarray(value)
        if np.isscalar(value)
        else to_array(value)
    )
    source = node_of(value) if isinstance(value, Tensor) and mode.enabled else None
    if given.dtype.kind == "c" != x.dtype.kind:
        raise DTypeError(
            f"setitem: complex values cannot be written into a tensor of {x.dtype}; take real or imag first"
        )
    floating = x.dtype.kind in "fc"
    recorded = floating and mode.enabled and (source is not None or node_of(input) is not None)
    copied = input._view is not None and input._view.copied
    if not recorded and not copied:
        if basic is not None:
            x = _view_of(x, basic)
        _assign(x, advanced, given)
        input._cell.written("setitem")
        return
    target = input if basic is None else _getitem(input, basic)
    # a write through a view gives the base a new history, so the target must be a view of what is written
    edges = (node_of(target), source)
    _assign(target._data, advanced, given)
    node = None
    if recorded:
        if advanced is None:
            node = record_node(_REGISTRY["_overwrite"], edges, [None, None, None], target._data)
        else:
            node = record_node(_REGISTRY["_index_put"], edges, [None, None, advanced.own(), None], target._data)
    rebase(target, "setitem", node)


def _view_of(x: ndarray, basic: Basic) -> Any:
    try:
        return x[basic]
    except IndexError:
        raise _explained(x.shape, basic) from None


def _assign(x: ndarray, advanced: Subscript | None, value: ndarray) -> None:
    """x[advanced] = value, cast as torch casts; numpy checks shapes and indices before it writes."""
    try:
        if advanced is not None:
            first = advanced.items[0]
            if value.ndim > 1 and type(first) is ndarray and first.dtype.kind == "b" and first.ndim == x.ndim:
                value = _without_ones(value, 1)  # numpy does so for every other subscript
            x[advanced.items] = value
        else:
            np.copyto(x, value if value.ndim <= x.ndim else _without_ones(value, x.ndim), casting="unsafe")
    except IndexError:
        raise _explained(x.shape, advanced.items if advanced is not None else ()) from None
    except ValueError:
        where = x.shape if advanced is None else x[advanced.items].shape
        raise ShapeError(
            f"setitem: a value of shape {value.shape} cannot be broadcast to the indexed shape {where}"
        ) from None


def _without_ones(value: ndarray, ndim: int) -> ndarray:
    extra = value.ndim - ndim
    return value.reshape(value.shape[extra:]) if set(value.shape[:extra]) == {1} else value


# ----------------------------------------------------------------------------------------------- select, narrow


@function(samples=lambda s: [(s(3, 4), 0, 1), (s(3, 4), -1, -2)])
def select(input: Any, dim: int, index: int) -> Any:
    """The slice at `index` along `dim`, without that dim; a view.

    >>> autograd.select(autograd.arange(6).reshape(2, 3), 1, 2)
    tensor([2, 5])
    """
    shape = input.shape
    if not len(shape):
        raise RangeError("select: a 0-dim tensor has no dimension to select from")
    d, i = dim_of("select", dim, len(shape)), as_int(index)
    if not -shape[d] <= i < shape[d]:
        raise RangeError(f"select: index {i} is out of range for dim {d} with size {shape[d]}")
    return _getitem(input, (_ALL,) * d + (i, ...))


@function(samples=lambda s: [(s(3, 4), 1, 1, 2), (s(3, 4), 0, -2, 1), (s(3), 0, 3, 0)])
def narrow(input: Any, dim: int, start: Any, length: int) -> Any:
    """`length` elements along `dim` from `start` on, which may be negative; a view.

    >>> autograd.narrow(autograd.arange(6), 0, 2, 3)
    tensor([2, 3, 4])
    """
    shape = input.shape
    if not len(shape):
        raise ShapeError("narrow: cannot be applied to a 0-dim tensor")
    if length < 0:
        raise ShapeError(f"narrow: length must not be negative, got {length}")
    if isinstance(start, Tensor) and (start.ndim or start.dtype.kind not in "iu"):
        raise DTypeError(f"narrow: a tensor as start must be 0-dim and integer, got {start.dtype} {tuple(start.shape)}")
    d, at = dim_of("narrow", dim, len(shape)), as_int(start)
    if not -shape[d] <= at <= shape[d]:
        raise RangeError(f"narrow: start {at} is out of range for dim {d} with size {shape[d]}")
    at += shape[d] if at < 0 else 0
    if at + length > shape[d]:
        raise ShapeError(f"narrow: start {start} and length {length} exceed dim {d} of size {shape[d]}")
    return _getitem(input, (_ALL,) * d + (slice(at, at + length), ...))


# --------------------------------------------------------------------------------------------------- by tensors


def check_index(name: str, index: Any, size: int, dim: int, negative: bool = False) -> ndarray:
    """`index` as an array of ints in [0, size), or from -size on. Raises before anything is read or written."""
    array = np.asarray(index)
    if array.dtype not in (dtypes.int64, dtypes.int32):
        raise DTypeError(f"{name}: index must be an int64 or int32 tensor, got {array.dtype}")
    if array.size >= _MANY and array.dtype == dtypes.int64 and array.flags.c_contiguous and scatter.inside(array, size):
        return array
    if array.dtype is dtypes.int64 and array.size and np.maximum.reduce(array.view(np.uint64), None) < size:
        return array  # a negative one would be a large number of no sign
    if array.size:
        low, high = array.min(), array.max()
        if high >= size or low < (-size if negative else 0):
            raise PlaceError(
                f"{name}: index {high if high >= size else low} is out of range for dim {dim} with size {size}"
            )
    return array


_MANY = 1 << 16  # indices, or numbers selected, from where on the kernels are worth their call


@op(
    lambda g, index, input_shape, dim: _index_select_sum(g, index, input_shape, dim),
    None,
    samples=lambda s: [(s(4, 3), s.ints(4, 5), 0), (s(4, 3), s.ints(3, 2), 1), (s(3, 2), np.zeros(0, np.int64), 0)],
)
def _index_select(input: Any, index: Any, dim: int) -> Any:
    """The slices at `index` along `dim`."""
    if not dim and input.ndim > 1 and input.flags.carray and input.itemsize in (4, 8) and len(input):
        n, width = len(input), input.size // len(input)
        if width * index.size >= _MANY and index.dtype == dtypes.int64:  # of which bits the numbers are is no matter
            bits = input.reshape(n, width).view(f"u{input.itemsize}")
            return scatter.embedding(bits, index).view(input.dtype).reshape(len(index), *input.shape[1:])
    return np.take(input, index, dim)


@op(
    lambda g, index, dim: _index_select(g, index, dim),
    None,
    samples=lambda s: [(s(5, 3), s.ints(4, 5), (4, 3), 0), (s(4, 2), s.ints(3, 2), (4, 3), 1)],
)
def _index_select_sum(input: Any, index: Any, shape: tuple[int, ...], dim: int) -> Any:
    """Zeros of `shape` to which the slices of `input` are added at `index` along `dim`."""
    out = np.zeros((shape[dim], *shape[:dim], *shape[dim + 1 :]), input.dtype)
    add_at(out, (index,), leading(input, dim))
    return placed(out, dim)


@function(samples=lambda s: [(s(4, 3), 0, s.ints(4, 5)), (s(4, 3), -1, s.ints(3, 2)), (s(3), 0, np.array(1))])
def index_select(input: Any, dim: int, index: Any) -> Any:
    """The slices along `dim` that the vector `index` names, in its order, repetitions included.

    >>> autograd.index_select(autograd.tensor([1.0, 2.0, 4.0]), 0, autograd.tensor([2, 0]))
    tensor([4., 1.])
    """
    n = len(input.shape)
    d = dim_of("index_select", dim, n)
    if not n:
        return reshape(index_select(reshape(input, (1,)), 0, index), ())
    array = index.numpy_view() if isinstance(index, Tensor) else np.asarray(index)
    if array.ndim > 1:
        raise RangeError(f"index_select: index must be a vector, got shape {array.shape}")
    check_index("index_select", array, input.shape[d], d)
    return _index_select(input, reshape(index, (1,)) if not array.ndim else index, d)


def along(x: ndarray, index: ndarray, dim: int) -> ndarray:
    """What np.take_along_axis gives, at a third of its cost for vectors and matrices."""
    if x.ndim > 2:
        return np.take_along_axis(x, index, dim)
    if x.ndim < 2:
        return x[index]
    return x[np.arange(len(index))[:, None], index] if dim else x[index, np.arange(index.shape[1])]


def places(index: ndarray, dim: int, shape: tuple[int, ...]) -> ndarray:
    """For each element of `index`, read as positions along `dim`, its place in a row-major array of `shape`."""
    strides = [prod(shape[d + 1 :]) for d in range(len(shape))]
    where = index * strides[dim]
    for d, n in enumerate(index.shape):
        if d != dim and n > 1:
            where = where + (np.arange(n) * strides[d]).reshape((-1,) + (1,) * (index.ndim - 1 - d))
    return where


@op(
    lambda g, index, input_shape, dim: _gather_sum(g, index, input_shape, dim),
    None,
    samples=lambda s: [
        (s(4, 3), s.ints(4, 2, 3), 0),
        (s(4, 3), s.ints(3, 4, 2), 1),
        (s(3, 2), np.zeros((0, 2), np.int64), 0),
    ],
)
def _gather(input: Any, index: Any, dim: int) -> Any:
    """The elements at the positions `index` along `dim`."""
    part = input[tuple([slice(None) if d == dim else slice(n) for d, n in enumerate(index.shape)])]
    if part.size >= 2048 and part.dtype in _GATHERED and index.size >= 512:
        return scatter.gather(part, dim, index.astype(np.int64, copy=False))
    return along(part, index, dim)


_GATHERED = (dtypes.float32, dtypes.float64, dtypes.int64)


def add_along(out: ndarray, values: ndarray, index: ndarray, dim: int) -> None:
    """out[index[i][j]][j] += values[i][j] for dim 0, and so on; `out` C-contiguous, repeated indices add up."""
    alike = all(a == b for d, (a, b) in enumerate(zip(out.shape, index.shape, strict=True)) if d != dim)
    if alike and values.size >= 512 and values.shape == index.shape and out.dtype == values.dtype in _GATHERED:
        scatter.scatter_add(out, dim, index.astype(np.int64, copy=False), values)
        return
    np.add.at(out.reshape(-1), places(index, dim, out.shape).reshape(-1), np.ascontiguousarray(values).reshape(-1))


@op(
    lambda g, index, dim: _gather(g, index, dim),
    None,
    samples=lambda s: [(s(2, 3), s.ints(4, 2, 3), (4, 3), 0), (s(4, 2), s.ints(3, 4, 2), (4, 3), 1)],
)
def _gather_sum(input: Any, index: Any, shape: tuple[int, ...], dim: int) -> Any:
    """Zeros of `shape` to which `input` is added where `gather` would read."""
    each = input.size >= 512 and input.shape == index.shape == (*shape[:dim], 1, *shape[dim + 1 :])
    if each and input.dtype in _GATHERED and prod(shape[:dim]) >= 8:  # none meets another
        return scatter.placed(np.ascontiguousarray(input), dim, index.astype(np.int64, copy=False), shape[dim])
    out = np.zeros(shape, input.dtype)
    add_along(out, input, index, dim)
    return out


def check_gather(name: str, shape: tuple[int, ...], dim: int, index: Any, exact: bool = False) -> tuple[int, ndarray]:
    """`dim` made non-negative and the index array, checked: as many dims, no longer than the input but along `dim`.

    0-dim counts as one-dimensional on both sides.
    """
    array = index.numpy_view() if isinstance(index, Tensor) else np.asarray(index)
    n = len(shape)
    d = dim_of(name, dim, n)
    if max(array.ndim, 1) != max(n, 1) and array.size:
        raise ShapeError(f"{name}: index must have as many dimensions as input, {n}, got shape {array.shape}")
    for i in range(n):
        if array.size and i != d and array.shape[i] > shape[i]:
            raise ShapeError(
                f"{name}: size {array.shape[i]} of index in dim {i} exceeds input's {shape[i]}; "
                f"shapes {array.shape}, {shape}"
            )
    if array.size:  # torch lets an empty index be of any dtype
        check_index(name, _unstretched(array), shape[d] if n else 1, d)
    return d, array


def _unstretched(array: ndarray) -> ndarray:
    """The same numbers, once along the dims that the array was expanded along."""
    return array[tuple([slice(1) if step == 0 else _ALL for step in array.strides])] if 0 in array.strides else array


def of_slices(index: Any, shape: tuple[int, ...], dim: int) -> Any:
    """The vector that an index into `shape` stretches over whole slices along `dim`, as of nodes of a graph with features;
    None for any other."""
    array = index._data if isinstance(index, Tensor) else index
    if 0 not in array.strides or array.ndim != len(shape):
        return None
    alone = [
        i == dim or (n == m and (n == 1 or step == 0))
        for i, (n, m, step) in enumerate(zip(array.shape, shape, array.strides, strict=True))
    ]
    if not all(alone):
        return None
    return _getitem(index, tuple([_ALL if i == dim else 0 for i in range(len(shape))]) + (...,))


@function(samples=lambda s: [(s(4, 3), 0, s.ints(4, 2, 3)), (s(4, 3), -1, s.ints(3, 4, 5)), (s(), 0, np.array(0))])
def gather(input: Any, dim: int, index: Any, *, sparse_grad: bool = False) -> Any:
    """out[i][j][k] = input[index[i][j][k]][j][k] for dim 0, and so on: shape of `index`, int64.

    >>> autograd.gather(autograd.tensor([[1.0, 4.0], [3.0, 2.0]]), 1, autograd.tensor([[1], [0]]))
    tensor([[4.],
            [3.]])
    """
    d, array = check_gather("gather", tuple(input.shape), dim, index)
    if not len(input.shape) or not array.ndim:
        return reshape(_gather(reshape(input, (-1,)), reshape(index, (-1,)), 0), tuple(array.shape))
    if not array.size:  # torch lets an empty index have any number of dims
        return _index(reshape(input, (-1,)), Subscript(array.astype(np.int64)))
    vector = of_slices(index, tuple(input.shape), d)
    return _gather(input, index, d) if vector is None else _index_select(input, vector, d)


@function(samples=lambda s: [(s(4, 3), s.ints(12, 2, 3)), (s(3), np.array([-1, 0, 0])), (s(), np.array([0]))])
def take(input: Any, index: Any) -> Any:
    """The elements of the flattened input at `index`, in the shape of `index`.

    >>> autograd.take(autograd.arange(6).reshape(2, 3), autograd.tensor([0, 5]))
    tensor([0, 5])
    """
    for argument, x in (("input", input), ("index", index)):
        ndim_of("take", argument, x)
    flat = reshape(input, (-1,))
    array = index.numpy_view() if isinstance(index, Tensor) else np.asarray(index)
    check_index("take", array, flat.shape[0], 0, negative=True)
    return _index(flat, Subscript(array.astype(np.int64)))


@function(samples=lambda s: [(s(4, 3), s.ints(4, 2, 3), 0), (s(4, 3), s.ints(3, 1, 2), 1), (s(4, 3), s.ints(12, 5))])
def take_along_dim(input: Any, indices: Any, dim: int | None = None) -> Any:
    """`gather` whose input and indices are broadcast together in the other dims; without dim, all is flattened.

    >>> autograd.take_along_dim(autograd.tensor([[1.0, 4.0], [3.0, 2.0]]), autograd.tensor([[1], [0]]), 1)
    tensor([[4.],
            [3.]])
    """
    if dim is None:
        return gather(reshape(input, (-1,)), 0, reshape(indices, (-1,)))
    n = len(input.shape)
    if len(indices.shape) != n:
        raise ShapeError(
            f"take_along_dim: indices must have as many dimensions as input, {n}, got {len(indices.shape)}"
        )
    d = dim_of("take_along_dim", dim, n)
    a, b = list(input.shape), list(indices.shape)
    array = indices.numpy_view() if isinstance(indices, Tensor) else np.asarray(indices)
    if array.size and array.dtype.kind == "i" and array.min() < 0:
        check_index("take_along_dim", array, a[d], d, negative=True)
        indices = np.where(array < 0, array + a[d], array)
    common = broadcast_shapes([*a[:d], 1, *a[d + 1 :]], [*b[:d], 1, *b[d + 1 :]])
    input = expand(input, (*common[:d], a[d], *common[d + 1 :]))
    return gather(input, d, expand(indices, (*common[:d], b[d], *common[d + 1 :])))


# -------------------------------------------------------------------------------------------------------- masks


def _mask(name: str, mask: Any) -> ndarray:
    array = mask.numpy_view() if isinstance(mask, Tensor) else np.asarray(mask)
    if array.dtype.kind != "b":
        raise DTypeError(
            f"{name}: expected a mask of dtype bool, got {array.dtype}; compare, as in x > 0, or use bool()"
        )
    return array


@function(
    samples=lambda s: [(s(3, 4), s.bools(3, 4)), (s(3, 1), s.bools(4)), (s(2), np.array(False)), (s(), np.array(True))]
)
def masked_select(input: Any, mask: Any) -> Any:
    """The elements where the mask holds, both broadcast together, as a vector.

    >>> autograd.masked_select(autograd.tensor([1.0, 2.0, 4.0]), autograd.tensor([True, True, False]))
    tensor([1., 2.])
    """
    array = _mask("masked_select", mask)
    shape = broadcast_shapes(tuple(input.shape), array.shape)
    return _index(reshape(expand(input, shape), (-1,)), Subscript(np.broadcast_to(array, shape).reshape(-1)))


@op(
    lambda g, mask: _masked_fill(g, mask, 0.0),
    None,
    lambda g, mask: where(mask, g, 0.0),
    samples=lambda s: [(s(3, 4), s.bools(3, 4), 1.5), (s(3, 4), s.bools(4), s()), (s(3), s.bools(2, 3), 0.0)],
)
def _masked_fill(input: Any, mask: Any, value: Any) -> Any:
    """`value` where the mask holds."""
    if dtypes.complexes:
        dtypes.fits("masked_fill", input.dtype, value)
    try:
        filled = kernels.fill(input, mask, value) if type(input) is ndarray and not np.ndim(value) else None
        if filled is not None:
            return filled
        if mask.shape == np.shape(input):
            out = np.array(input, order="K")
            if not out.ndim:
                return np.where(mask, value, out).astype(out.dtype)
            np.copyto(out, value, where=mask, casting="unsafe")
            return out
        return np.where(mask, np.asarray(value, input.dtype), input)
    except ValueError:
        raise ShapeError(
            f"masked_fill: mask {mask.shape} and input {input.shape} cannot be broadcast together"
        ) from None


@function(
    inplace=True,
    samples=lambda s: [(s(3, 4), s.bools(3, 4), 1.5), (s(3, 4), s.bools(4), s()), (s.ints(4, 3), s.bools(3), 2)],
)
def masked_fill(input: Any, mask: Any, value: Any) -> Any:
    """`input` with `value`, a number or a 0-dim tensor, where the bool mask holds; the mask is broadcast.

    >>> autograd.masked_fill(autograd.tensor([1.0, 2.0, 4.0]), autograd.tensor([True, False, False]), 0.0)
    tensor([0., 2., 4.])
    """
    _mask("masked_fill", mask)
    if len(getattr(value, "shape", ())):
        raise ShapeError(f"masked_fill: value must be a number or 0-dim, got shape {tuple(value.shape)}")
    return _masked_fill(input, mask, dtypes.fitting("masked_fill", value, input.dtype))


@op(None, samples=lambda s: [(s.ints(2, 3, 4),), (s.bools(4),), (s.ints(2),)])
def _nonzero(input: Any) -> Any:
    """The indices of the elements that are not zero, as rows."""
    if input.ndim and input.size >= held.SOME:
        return held.places(np.ascontiguousarray(input if input.dtype.kind == "b" else input != 0))
    return np.argwhere(input)


@function(samples=lambda s: [(s.ints(2, 3, 4),), (s.bools(4), {"as_tuple": True}), (s.ints(2),)])
def nonzero(input: Any, *, as_tuple: bool = False) -> Any:
    """The indices of the elements that are not zero: int64 (count, ndim), or with as_tuple one vector a dim.

    >>> autograd.nonzero(autograd.tensor([0, 1, 1]))
    tensor([[1],
            [2]])
    """
    if as_tuple:
        return unbind(_nonzero(input if len(input.shape) else reshape(input, (1,))), 1)
    return _nonzero(input)


@function(samples=lambda s: [(s.ints(2, 3, 4), {"size": 5}), (s.bools(4), {"size": 6, "fill_value": 9})])
def nonzero_static(input: Any, *, size: int, fill_value: int = -1) -> Any:
    """`nonzero` cut off at `size` rows, or filled up to them with `fill_value`.

    >>> autograd.nonzero_static(autograd.tensor([0, 1, 1]), size=3)
    tensor([[ 1],
            [ 2],
            [-1]])
    """
    if size < 0:
        raise ShapeError(f"nonzero_static: size must not be negative, got {size}")
    found = np.argwhere(input.numpy_view() if isinstance(input, Tensor) else input)[:size]
    rows = np.full((size, found.shape[1]), fill_value, np.int64)
    rows[: len(found)] = found
    return wrap(rows) if isinstance(input, Tensor) else rows


@function(samples=lambda s: [(s.ints(2, 3, 4),)])
def argwhere(input: Any) -> Any:
    """`nonzero` under numpy's name.

    >>> autograd.argwhere(autograd.tensor([0, 1, 1]))
    tensor([[1],
            [2]])
    """
    return _nonzero(input)


@op(None, method=False, samples=lambda s: [(s.ints(4, 3), 4), (s.ints(3, 2, 2),), (s.ints(3), 3)])
def one_hot(tensor: Any, num_classes: int = -1) -> Any:
    """Each class number as a row of zeros with a one: int64 (..., num_classes); -1 takes the largest number present.

    >>> autograd.one_hot(autograd.tensor([0, 2]), 3)
    tensor([[1, 0, 0],
            [0, 0, 1]])
    """
    if tensor.dtype != dtypes.int64:
        raise DTypeError(f"one_hot: expected class numbers of int64, got {tensor.dtype}; use long()")
    if num_classes == -1:
        if not tensor.size:
            raise ShapeError("one_hot: an empty tensor says nothing of the number of classes; give num_classes")
        num_classes = int(tensor.max()) + 1
    check_index("one_hot", tensor, num_classes, -1)
    y = np.zeros((*tensor.shape, num_classes), np.int64)
    flat = tensor.reshape(-1)
    y.reshape(-1)[flat + np.arange(0, y.size, num_classes or 1)] = 1
    return y


from .compare import _where as where  # noqa: E402  these build on the ops above
from .join import unbind  # noqa: E402
from .shape import broadcast_shapes, expand, reshape  # noqa: E402
