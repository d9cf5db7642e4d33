"""Tensors joined into one and cut up again: cat, stack, split, chunk, unbind and their relatives."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, pairwise
from math import ceil, prod
from typing import Any

import numpy as np
from numpy import ndarray

from .. import tape
from ..errors import DTypeError, RangeError, ShapeError
from ..kernels import move
from ..kernels.order import lies_channels_last
from ..op import function, op
from ..tensor import Tensor, wrap
from .dims import dim_of


def _slots(g: Any) -> list[Any]:
    """The gradients of the outputs as a list; of a single output it comes bare."""
    return list(g) if isinstance(g, (list, tuple)) else [g]


def _with_zeros(slots: list[Any], shapes: Sequence[tuple[int, ...]]) -> list[Any]:
    """The slots' gradients with zeros for those that none came to."""
    dtype = next(g.dtype for g in slots if g is not None)
    return [np.zeros(shape, dtype) if g is None else g for g, shape in zip(slots, shapes, strict=True)]


# --------------------------------------------------------------------------------------------------------- join


_MANY = 1 << 13  # elements from where on the kernels are worth their call
_LARGE = 1 << 17  # the same of what does not lie whole in memory


def _cat_gradients(g: Any, tensors_shape: Any, dim: int, needs: list[bool]) -> list[Any]:
    dim %= len(tensors_shape[0])
    lengths = [shape[dim] for shape in tensors_shape]
    found = _whole_pieces(g, dim, lengths, needs) if type(g) is ndarray and g.size >= _MANY else None
    if found is None:
        starts = accumulate(lengths, initial=0)
        found = [narrow(g, dim, at, n) if need else None for at, n, need in zip(starts, lengths, needs, strict=False)]
    return found


def _whole_pieces(g: ndarray, dim: int, lengths: list[int], needs: list[bool]) -> list[Any] | None:
    """Copies of the pieces, where these would not be whole in memory and all that comes next would have to make them."""
    if g.flags.c_contiguous:
        return move.cut(g, dim, lengths, needs) if prod(g.shape[:dim]) > 1 else None
    if not dim or not lies_channels_last(g):
        return None
    pieces = move.cut(np.moveaxis(g, 1, -1), g.ndim - 1 if dim == 1 else dim - 1, lengths, needs)
    return [None if piece is None else np.moveaxis(piece, -1, 1) for piece in pieces]


def _joined(tensors: Sequence[ndarray], dim: int) -> ndarray | None:
    """What `np.concatenate` gives, by a kernel and in the memory order that the arrays share; None where it must do it."""
    size, first = sum([x.size for x in tensors]), tensors[0]
    if size < _MANY or not all([x.ndim == first.ndim and x.dtype == first.dtype for x in tensors]):
        return None
    d, axes = dim % first.ndim, [0, *range(2, first.ndim), 1]
    try:
        if all([x.flags.c_contiguous for x in tensors]):
            return move.join(tensors, d)
        if not all([lies_channels_last(x) for x in tensors]):
            axes = sorted(range(first.ndim), key=lambda i: -first.strides[i])
            if (size < _LARGE and axes[-1] != first.ndim - 1) or not all([_falling(x, axes) for x in tensors]):
                return None
        y = move.join([x.transpose(axes) for x in tensors], axes.index(d))
    except ValueError:  # numpy says what does not fit
        return None
    return y.transpose([axes.index(i) for i in range(first.ndim)])


def _falling(x: ndarray, axes: list[int]) -> bool:
    """Whether x goes through memory in the order of these axes, forwards and without standing still."""
    steps = [x.strides[i] for i in axes if x.shape[i] > 1]
    return all([a >= b for a, b in pairwise([*steps, 1])])


@op(
    joint=lambda g, tensors_shape, dim, needs: _cat_gradients(g, tensors_shape, dim, needs),
    promote=True,
    samples=lambda s: [
        (s(2, 3), s(1, 3), {"dim": 0}), (s(2, 3), s(2, 1), s(2, 0), {"dim": 1}), (s(4), {"dim": 0}),
        (s(2, 1), s.ints(4, 2, 2), {"dim": -1}),
    ],
)  # fmt: skip
def _cat(*tensors: Any, dim: int = 0) -> Any:
    """Tensors of one dtype, one after the other along `dim`."""
    return _one_after_another(tensors, dim)


def _one_after_another(arrays: Sequence[Any], dim: int) -> Any:
    y = _joined(arrays, dim)
    return np.concatenate(arrays, dim) if y is None else y


def _without_history(tensors: list[Any]) -> list[ndarray] | None:
    """The arrays of Tensors of one dtype none of which has a history, so that nothing need be recorded; else None."""
    arrays: list[ndarray] = []
    for x in tensors:
        if type(x) is not Tensor or (tape.mode.enabled and tape.node_of(x) is not None):
            return None
        data = x._data if x._view is None else tape.synced(x)
        arrays.append(data)
        if data.dtype is not arrays[0].dtype:
            return None
    return arrays


def _sequence(op: str, tensors: Any) -> list[Any]:
    if not isinstance(tensors, (list, tuple)):
        raise DTypeError(f"{op}: expected a list or tuple of Tensors, got {type(tensors).__name__}")
    if not tensors:
        raise ShapeError(f"{op}: expected at least one Tensor, got none")
    for i, x in enumerate(tensors):
        if type(x) is not Tensor and not isinstance(x, (Tensor, ndarray, np.generic)):
            raise DTypeError(f"{op}: tensors[{i}] must be a Tensor, got {type(x).__name__}")
    return list(tensors)


def shape_of(x: Any) -> tuple[int, ...]:
    """The shape as a plain tuple, which a Tensor's own is not."""
    return x._data.shape if isinstance(x, Tensor) else x.shape


@function(
    method=False,
    samples=lambda s: [([s(2, 3), s(1, 3)],), ([s(2, 3), s(2, 1)], 1), ([s(2, 2), s(0)], -1), ([s(0), s(0)],)],
)
def cat(tensors: Any, dim: int = 0) -> Any:
    """Tensors one after the other along `dim`; the other sizes must agree. Empty 1-d tensors are passed over.

    >>> autograd.cat([autograd.tensor([1]), autograd.tensor([2, 3])])
    tensor([1, 2, 3])
    """
    tensors = _sequence("cat", tensors)
    n = len(shape_of(tensors[0]))
    if n and type(dim) is int and -n <= dim < n:
        try:
            arrays = _without_history(tensors)
            return _cat(*tensors, dim=dim % n) if arrays is None else wrap(_one_after_another(arrays, dim % n))
        except ValueError:
            pass  # empty vectors among them, which torch passes over, or sizes that do not match
    full = [x for x in tensors if len(x.shape) != 1 or x.shape[0]] or tensors[:1]
    shape = tuple(full[0].shape)
    if not shape:
        raise ShapeError("cat: zero-dimensional tensors cannot be concatenated; use stack()")
    d = 0 if shape == (0,) else dim_of("cat", dim, len(shape))
    for i, x in enumerate(full):
        other = tuple(x.shape)
        if len(other) != len(shape) or other[:d] + other[d + 1 :] != shape[:d] + shape[d + 1 :]:
            raise ShapeError(
                f"cat: sizes must match except in dim {d}; got {shape} and, for tensor {i} of the list, {other}"
            )
    if len(full) != len(tensors):  # those passed over still have a say in the dtype, and a gradient
        nothing = (*shape[:d], 0, *shape[d + 1 :])
        full += [_reshape(x, nothing) for x in tensors if len(x.shape) == 1 and not x.shape[0] and x is not full[0]]
    return _cat(*full, dim=d)


@function(method=False, samples=lambda s: [([s(2, 3), s(1, 3)], 0)])
def concat(tensors: Any, dim: int = 0) -> Any:
    """`cat` under another name.

    >>> autograd.concat([autograd.tensor([1]), autograd.tensor([2, 3])])
    tensor([1, 2, 3])
    """
    return cat(tensors, dim)


@function(method=False, samples=lambda s: [([s(2, 3), s(1, 3)], 0)])
def concatenate(tensors: Any, axis: int = 0, *, dim: int | None = None) -> Any:
    """`cat` under numpy's name.

    >>> autograd.concatenate([autograd.tensor([1]), autograd.tensor([2, 3])])
    tensor([1, 2, 3])
    """
    return cat(tensors, axis if dim is None else dim)


def _stack_gradients(g: Any, dim: int, needs: list[bool]) -> list[Any]:
    if all(needs):
        return list(unbind(g, dim))
    return [select(g, dim, k) if needed else None for k, needed in enumerate(needs)]


@op(
    joint=lambda g, dim, needs: _stack_gradients(g, dim, needs),
    promote=True,
    samples=lambda s: [(s(2, 3), s(2, 3), {"dim": 0}), (s(2), s(2), s.ints(4, 2), {"dim": -1}), (s(), s(), {"dim": 0})],
)
def _stack(*tensors: Any, dim: int = 0) -> Any:
    """Tensors of one shape and dtype side by side in a new dim."""
    return _side_by_side(tensors, dim)


def _side_by_side(tensors: Sequence[Any], dim: int) -> Any:
    first = tensors[0]
    alike = all([type(x) is ndarray and x.flags.c_contiguous and x.shape == first.shape for x in tensors])
    if not alike or any([x.dtype != first.dtype for x in tensors]):
        return np.stack(tensors, dim)
    dim %= first.ndim + 1
    if first.size * len(tensors) < _MANY and len(tensors) < 16:
        y = np.empty((*first.shape[:dim], len(tensors), *first.shape[dim:]), first.dtype)
        before: tuple[Any, ...] = (slice(None),) * dim
        for k, x in enumerate(tensors):
            y[(*before, k)] = x
        return y
    return move.stacked(tensors, dim)


@function(method=False, samples=lambda s: [([s(2, 3), s(2, 3)],), ([s(2), s(2)], -1), ([s(), s()],), ([s(0, 2)], 1)])
def stack(tensors: Any, dim: int = 0) -> Any:
    """Tensors of one shape side by side in a new dim.

    >>> autograd.stack([autograd.tensor([1, 2]), autograd.tensor([3, 4])])
    tensor([[1, 2],
            [3, 4]])
    """
    tensors = _sequence("stack", tensors)
    shape = shape_of(tensors[0])
    d = dim_of("stack", dim, len(shape) + 1)
    for i, x in enumerate(tensors):
        if shape_of(x) != shape:
            raise ShapeError(
                f"stack: expects each tensor to have equal size, got {shape} and, for tensor {i}, {shape_of(x)}"
            )
    arrays = _without_history(tensors)
    return _stack(*tensors, dim=d) if arrays is None else wrap(_side_by_side(arrays, d))


@function(method=False, samples=lambda s: [([s(2), s(3)],), ([s(2, 1), s(2, 2)],), ([s(), s()],)])
def hstack(tensors: Any) -> Any:
    """Side by side: along dim 1, vectors along dim 0.

    >>> autograd.hstack([autograd.tensor([1]), autograd.tensor([2])])
    tensor([1, 2])
    """
    lifted = [atleast_1d(x) for x in _sequence("hstack", tensors)]
    return cat(lifted, 0 if len(lifted[0].shape) == 1 else 1)


@function(method=False, samples=lambda s: [([s(2), s(2)],), ([s(1, 2), s(2, 2)],), ([s(), s()],)])
def vstack(tensors: Any) -> Any:
    """One above the other: along dim 0, vectors as rows.

    >>> autograd.vstack([autograd.tensor([1, 2]), autograd.tensor([3, 4])])
    tensor([[1, 2],
            [3, 4]])
    """
    return cat([atleast_2d(x) for x in _sequence("vstack", tensors)], 0)


@function(method=False, samples=lambda s: [([s(2), s(2)],)])
def row_stack(tensors: Any) -> Any:
    """`vstack` under another name.

    >>> autograd.row_stack([autograd.tensor([1, 2]), autograd.tensor([3, 4])])
    tensor([[1, 2],
            [3, 4]])
    """
    return vstack(tensors)


@function(method=False, samples=lambda s: [([s(2), s(2)],), ([s(2, 2), s(2)],), ([s(), s()],)])
def column_stack(tensors: Any) -> Any:
    """Vectors as columns and matrices, side by side.

    >>> autograd.column_stack([autograd.tensor([1, 2]), autograd.tensor([3, 4])])
    tensor([[1, 3],
            [2, 4]])
    """
    columns = [_reshape(x, (-1, 1)) if len(x.shape) < 2 else x for x in _sequence("column_stack", tensors)]
    return cat(columns, 1)


@function(method=False, samples=lambda s: [([s(2), s(2)],), ([s(2, 2), s(2, 2)],)])
def dstack(tensors: Any) -> Any:
    """One behind the other: along dim 2.

    >>> autograd.dstack([autograd.tensor([1, 2]), autograd.tensor([3, 4])])
    tensor([[[1, 3],
             [2, 4]]])
    """
    return cat([atleast_3d(x) for x in _sequence("dstack", tensors)], 2)


# ---------------------------------------------------------------------------------------------------------- cut


def _split_gradient(g: Any, input_shape: tuple[int, ...], sizes: tuple[int, ...], dim: int) -> list[Any]:
    shapes = [(*input_shape[:dim], n, *input_shape[dim + 1 :]) for n in sizes]
    return [cat(_with_zeros(_slots(g), shapes), dim)]


@op(
    joint=lambda g, input_shape, sizes, dim: _split_gradient(g, input_shape, sizes, dim),
    n_inputs=1,
    view=True,
    samples=lambda s: [(s(5, 2), (2, 2, 1), 0), (s(2, 3), (3,), 1), (s(2, 3), (1, 0, 2), 1)],
)
def _split(input: Any, sizes: tuple[int, ...], dim: int) -> Any:
    """Consecutive pieces of the given sizes along `dim`."""
    head, at, parts = (slice(None),) * dim, 0, []
    for n in sizes:
        parts.append(input[(*head, slice(at, at + n))])
        at += n
    return tuple(parts)


@function(samples=lambda s: [(s(5, 2), 2), (s(2, 5), [1, 4], 1), (s(4), 4), (s(3, 2), 5, -2)])
def split(input: Any, split_size_or_sections: Any = None, dim: int = 0, *, split_size: Any = None) -> Any:
    """Consecutive pieces along `dim`, of that size (the last may be smaller) or of those sizes; views, in a tuple.

    >>> autograd.split(autograd.arange(6), 4)
    (tensor([0, 1, 2, 3]), tensor([4, 5]))
    """
    # the function and the method name it differently in torch
    sections = split_size_or_sections if split_size is None else split_size
    if sections is None:
        raise TypeError("split: missing the size of the pieces, or the list of their sizes (split_size)")
    if not len(input.shape):
        raise ShapeError("split: expected at least a 1-dimensional tensor, got 0 dimensions")
    if isinstance(sections, int) and sections < 0:
        raise ShapeError(f"split: split_size must not be negative, got {sections}")
    d = dim_of("split", dim, len(input.shape))
    length = input.shape[d]
    if isinstance(sections, (list, tuple)):
        if sum(sections) != length or any(n < 0 for n in sections):
            raise ShapeError(
                f"split: sizes {tuple(sections)} must be non-negative and sum to {length}, the size of dim {dim}"
            )
        return _split(input, tuple(sections), d)
    if not sections and length:
        raise ShapeError(f"split: split_size must be positive, got {sections}")
    count = max(ceil(length / sections), 1) if sections else 1
    return _split(input, (sections,) * (count - 1) + (length - sections * (count - 1),), d)


@function(samples=lambda s: [(s(5, 2), [2, 3])])
def split_with_sizes(input: Any, split_sizes: Any, dim: int = 0) -> Any:
    """`split` with a list of sizes.

    >>> autograd.split_with_sizes(autograd.arange(6), [1, 5])
    (tensor([0]), tensor([1, 2, 3, 4, 5]))
    """
    return split(input, tuple(split_sizes), dim)


@function(samples=lambda s: [(s(5, 2), 2), (s(2, 5), 3, 1), (s(2), 5), (s(7), 4)])
def chunk(input: Any, chunks: int, dim: int = 0) -> Any:
    """At most `chunks` consecutive pieces of equal size along `dim`, the last may be smaller; views, in a tuple.

    >>> autograd.chunk(autograd.arange(6), 2)
    (tensor([0, 1, 2]), tensor([3, 4, 5]))
    """
    if not len(input.shape):
        raise ShapeError("chunk: expected at least a 1-dimensional tensor, got 0 dimensions")
    if chunks <= 0:
        raise ShapeError(f"chunk: chunks must be greater than 0, got {chunks}")
    length = input.shape[dim_of("chunk", dim, len(input.shape))]
    if not length:
        return split(input, [0] * chunks, dim)
    return split(input, ceil(length / chunks), dim)


@function(samples=lambda s: [(s(5, 2), 2), (s(2, 5), (1, 3), 1), (s(7), 4), (s(3), 5), (s(3), [2, 1])])
def tensor_split(
    input: Any, indices_or_sections: Any, dim: int = 0, *, indices: Any = None, sections: Any = None
) -> Any:
    """Pieces along `dim`: that many, the first ones longer by one if needed, or cut before each given index.

    >>> autograd.tensor_split(autograd.arange(5), 2)
    (tensor([0, 1, 2]), tensor([3, 4]))
    """
    where = next(w for w in (indices, sections, indices_or_sections) if w is not None)
    if not len(input.shape):
        raise ShapeError("tensor_split: expected at least a 1-dimensional tensor, got 0 dimensions")
    d = dim_of("tensor_split", dim, len(input.shape))
    length = input.shape[d]
    where = where.tolist() if hasattr(where, "tolist") else where
    if isinstance(where, int):
        if where <= 0:
            raise ShapeError(f"tensor_split: number of sections must be larger than 0, got {where}")
        small, longer = divmod(length, where)
        return _split(input, tuple([small + (k < longer) for k in range(where)]), d)
    # pieces by slices, whose bounds may be negative, beyond the end or in any order
    bounds = [0, *where, length]
    return tuple(
        [_getitem(input, (slice(None),) * d + (slice(a, b), ...)) for a, b in zip(bounds[:-1], bounds[1:], strict=True)]
    )


@function(samples=lambda s: [(s(2, 4), 2), (s(4), 2)])
def hsplit(input: Any, indices_or_sections: Any) -> Any:
    """`tensor_split` along dim 1, of vectors along dim 0; a number of sections must divide the size.

    >>> autograd.hsplit(autograd.arange(6), 2)
    (tensor([0, 1, 2]), tensor([3, 4, 5]))
    """
    return _even_split("hsplit", input, indices_or_sections, 1 if len(input.shape) > 1 else 0, 1)


@function(samples=lambda s: [(s(4, 2), 2)])
def vsplit(input: Any, indices_or_sections: Any) -> Any:
    """`tensor_split` along dim 0; a number of sections must divide the size.

    >>> autograd.vsplit(autograd.tensor([[1, 2], [3, 4]]), 2)
    (tensor([[1, 2]]), tensor([[3, 4]]))
    """
    return _even_split("vsplit", input, indices_or_sections, 0, 2)


@function(samples=lambda s: [(s(2, 2, 4), (1, 3))])
def dsplit(input: Any, indices_or_sections: Any) -> Any:
    """`tensor_split` along dim 2; a number of sections must divide the size.

    >>> [part.shape for part in autograd.dsplit(autograd.ones(1, 1, 4), 2)]
    [Size([1, 1, 2]), Size([1, 1, 2])]
    """
    return _even_split("dsplit", input, indices_or_sections, 2, 3)


def _even_split(op: str, input: Any, where: Any, dim: int, least: int) -> Any:
    if len(input.shape) < least:
        raise ShapeError(f"{op}: expected at least {least} dimensions, got {len(input.shape)}")
    if isinstance(where, int) and (where <= 0 or input.shape[dim] % where):
        raise ShapeError(f"{op}: size {input.shape[dim]} of dim {dim} is not divisible by {where} sections")
    return tensor_split(input, where, dim)


def _unbind_gradient(g: Any, input_shape: tuple[int, ...], dim: int) -> list[Any]:
    slots = _slots(g)
    return [stack(_with_zeros(slots, [(*input_shape[:dim], *input_shape[dim + 1 :])] * len(slots)), dim)]


@op(
    joint=lambda g, input_shape, dim: _unbind_gradient(g, input_shape, dim),
    n_inputs=1,
    view=True,
    samples=lambda s: [(s(3, 2), 0), (s(2, 3), 1), (s(1, 2), 0), (s(3), 0)],
)
def _unbind(input: Any, dim: int) -> Any:
    """The slices along `dim`."""
    moved = input if dim == 0 else np.moveaxis(input, dim, 0)
    # `...` keeps 0-dim pieces views
    return tuple([moved[k, ...] for k in range(len(moved))])


@function(samples=lambda s: [(s(3, 2),), (s(2, 3), -1), (s(0, 2),)])
def unbind(input: Any, dim: int = 0) -> Any:
    """The slices along `dim`, without it; views, in a tuple.

    >>> autograd.unbind(autograd.arange(6).reshape(2, 3))
    (tensor([0, 1, 2]), tensor([3, 4, 5]))
    """
    n = len(input.shape)
    if not n:
        raise RangeError("unbind: expected at least a 1-dimensional tensor, got 0 dimensions")
    return _unbind(input, dim_of("unbind", dim, n))


from .index import _getitem, narrow, select  # noqa: E402  these build on the ops above
from .shape import _reshape, atleast_1d, atleast_2d, atleast_3d  # noqa: E402

tape.stack = stack
