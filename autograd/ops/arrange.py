"""The elements several times, reversed or moved on: copies, in memory of their own."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
from numpy import ndarray

from ..errors import DTypeError, RangeError, ShapeError
from ..kernels import move
from ..op import function, op
from ..tensor import Tensor, wrap
from .dims import dim_of, dims_of, ndim_of, sizes_of
from .index import index_select
from .shape import _array, _expand, _fresh, _inverse, _reshape, clone, ravel, transpose

# -------------------------------------------------------------------------------------------------- repetition


@function(samples=lambda s: [(s(2, 3), 2, 1), (s(2), (3, 2)), (s(), 2), (s(2), 0), (s(0, 2), 2, 2)])
def repeat(input: Any, *sizes: Any, repeats: Any = None) -> Any:
    """Copies of `input` side by side, `sizes[i]` of them along dim i; new dims come in front.

    >>> autograd.tensor([1, 2]).repeat(2)
    tensor([1, 2, 1, 2])
    """
    sizes = sizes_of(sizes) if repeats is None else tuple(repeats)
    shape = tuple(input.shape)
    if len(sizes) < len(shape):
        raise ShapeError(f"repeat: {len(sizes)} repeats, {sizes}, for a tensor of {len(shape)} dimensions")
    if any(n < 0 for n in sizes):
        raise ShapeError(f"repeat: repeats must not be negative, got {sizes}")
    shape = (1,) * (len(sizes) - len(shape)) + shape
    if all(n == 1 for n in sizes):
        return clone(_reshape(input, shape))
    spaced = _reshape(input, tuple([k for n in shape for k in (1, n)]))
    spread = _expand(spaced, tuple([k for r, n in zip(sizes, shape, strict=True) for k in (r, n)]))
    return _fresh(spread, tuple([r * n for r, n in zip(sizes, shape, strict=True)]))


@function(samples=lambda s: [(s(2, 3), (2,)), (s(2), (3, 2)), (s(2, 3), (2, 1, 1))])
def tile(input: Any, *dims: Any) -> Any:
    """`repeat`, whose missing leading repeats are 1.

    >>> autograd.tile(autograd.tensor([1, 2]), (2,))
    tensor([1, 2, 1, 2])
    """
    dims = sizes_of(dims)
    return repeat(input, (1,) * (len(input.shape) - len(dims)) + dims)


def _repeat_each_pull(g: Any, input_shape: tuple[int, ...], repeats: int, dim: int) -> Any:
    from .reduce import sum

    return sum(_reshape(g, (*input_shape[: dim + 1], repeats, *input_shape[dim + 1 :])), dim + 1)


@op(
    lambda g, input_shape, repeats, dim: _repeat_each_pull(g, input_shape, repeats, dim),
    samples=lambda s: [(s(2, 3), 2, 1), (s(2, 3), 3, 0), (s(2, 3), 0, 1)],
)
def _repeat_each(input: Any, repeats: int, dim: int) -> Any:
    """Each slice along `dim` that many times."""
    rows = prod(input.shape[dim + 1 :]) >= 32  # which numpy copies well
    if input.nbytes * repeats < (2 * move.WHOLE if rows else move.SOME):
        return np.repeat(input, repeats, dim)
    shape = input.shape
    spread = np.broadcast_to(np.expand_dims(input, dim + 1), (*shape[: dim + 1], repeats, *shape[dim + 1 :]))
    return move.dense(spread).reshape(*shape[:dim], shape[dim] * repeats, *shape[dim + 1 :])


@function(samples=lambda s: [(s(2, 3), 2), (s(2, 3), 3, 1), (s(2, 3), s.ints(3, 3), -1), (s(), 2)])
def repeat_interleave(
    input: Any, repeats: Any = None, dim: int | None = None, *, output_size: int | None = None
) -> Any:
    """Each element, or each slice along `dim`, repeated: `repeats` times all, or one count each. No dim: flattened.

    With a vector of counts alone, each index as often as its count says.

    >>> autograd.repeat_interleave(autograd.tensor([1, 2]), 2)
    tensor([1, 1, 2, 2])
    """
    if repeats is None:
        if len(input.shape) != 1:
            raise ShapeError(f"repeat_interleave: repeats must be a vector, got shape {tuple(input.shape)}")
        places = np.arange(input.shape[0], dtype=input.dtype)
        input, repeats = (wrap(places) if isinstance(input, Tensor) else places), input
    if dim is None:
        input, dim = ravel(input), 0
    shape = tuple(input.shape)
    d = dim_of("repeat_interleave", dim, max(len(shape), 1))
    counts = np.asarray(_array(repeats))
    if counts.dtype.kind not in "iu":
        raise DTypeError(f"repeat_interleave: repeats must be integers, got {counts.dtype}")
    if counts.size and counts.min() < 0:
        raise ShapeError(f"repeat_interleave: repeats must not be negative, got {counts.min()}")
    if not shape:
        raise RangeError(f"repeat_interleave: dim {dim} of a 0-dim tensor, which has none; leave dim out")
    if counts.size == 1:
        return _repeat_each(input, int(counts.item()), d)
    if counts.shape != (shape[d],):
        raise ShapeError(
            f"repeat_interleave: repeats has shape {counts.shape}, expected ({shape[d]},), the size of dim {dim}"
        )
    return index_select(input, d, np.repeat(np.arange(shape[d]), counts))


# -------------------------------------------------------------------------------------------- flips and rolls


@op(lambda g, dims: _flip(g, dims), samples=lambda s: [(s(3, 2), (0,)), (s(3, 2), (0, -1)), (s(), ())])
def _flip(input: Any, dims: tuple[int, ...]) -> Any:
    """The order reversed along `dims`, as a copy."""
    if not (dims and np.ndim(input)):
        return np.array(input)
    return move.dense(input[tuple([_BACK if d in dims else _ALL for d in range(input.ndim)])])


_ALL, _BACK = slice(None), slice(None, None, -1)


@function(samples=lambda s: [(s(3, 2), 0), (s(3, 2), (0, -1)), (s(2, 3, 2), [1])])
def flip(input: Any, *order: Any, dims: Any = None) -> Any:
    """The order of the elements reversed along `dims`; a copy.

    >>> autograd.flip(autograd.arange(6), (0,))
    tensor([5, 4, 3, 2, 1, 0])
    """
    given = sizes_of(order) if dims is None else dims
    return _flip(input, dims_of("flip", given, ndim_of("flip", "input", input)))


@function(samples=lambda s: [(s(3, 2),)])
def fliplr(input: Any) -> Any:
    """Reversed along dim 1. Raises ShapeError for less than 2 dims.

    >>> autograd.fliplr(autograd.arange(6).reshape(2, 3))
    tensor([[2, 1, 0],
            [5, 4, 3]])
    """
    if len(input.shape) < 2:
        raise ShapeError(f"fliplr: expected at least 2 dimensions, got {len(input.shape)}")
    return _flip(input, (1,))


@function(samples=lambda s: [(s(3, 2),), (s(3),)])
def flipud(input: Any) -> Any:
    """Reversed along dim 0. Raises ShapeError for a 0-dim tensor.

    >>> autograd.flipud(autograd.arange(6).reshape(2, 3))
    tensor([[3, 4, 5],
            [0, 1, 2]])
    """
    if not len(input.shape):
        raise ShapeError("flipud: expected at least 1 dimension, got 0")
    return _flip(input, (0,))


@op(
    lambda g, shifts, dims: _roll(g, tuple([-n for n in shifts]), dims),
    samples=lambda s: [(s(3, 4), (1,), (0,)), (s(3, 4), (2, -5), (0, 1)), (s(2, 2), (1, 1), (0, 0))],
)
def _roll(input: Any, shifts: tuple[int, ...], dims: tuple[int, ...]) -> Any:
    """Elements moved along `dims`, around the end."""
    if not input.flags.c_contiguous:
        # as they lie in memory, in whose order the result stays
        axes = sorted(range(input.ndim), key=lambda d: -input.strides[d])
        x = input.transpose(axes)
        if not x.flags.c_contiguous:
            return np.roll(input, shifts, dims)
        return _roll(x, shifts, tuple([axes.index(dim) for dim in dims])).transpose(_inverse(tuple(axes)))
    if input.nbytes < move.SOME:
        return _rolled(input, shifts[0], dims[0]) if len(dims) == 1 else np.roll(input, shifts, dims)
    sums = dict.fromkeys(dims, 0)
    for shift, dim in zip(shifts, dims, strict=True):
        sums[dim] += shift
    return move.rolled(input, [*sums.items()])


def _rolled(x: ndarray, shift: int, dim: int) -> ndarray:
    """np.roll along one dimension of a small array, without what numpy needs for several."""
    n, y = x.shape[dim], np.empty_like(x)
    shift = shift % n if n else 0
    before = (slice(None),) * dim
    y[(*before, slice(shift, None))] = x[(*before, slice(0, n - shift))]
    y[(*before, slice(0, shift))] = x[(*before, slice(n - shift, None))]
    return y


@function(samples=lambda s: [(s(3, 4), 1, 0), (s(3, 4), 2), (s(3, 4), (1, -1), (0, 1)), (s(), 1)])
def roll(input: Any, shifts: Any, dims: Any = None) -> Any:
    """Elements moved by `shifts` along `dims`, those that fall off the end come in at the front; no dims: flattened.

    >>> autograd.roll(autograd.arange(6), 2)
    tensor([4, 5, 0, 1, 2, 3])
    """
    shifts = tuple(shifts) if isinstance(shifts, (tuple, list)) else (int(shifts),)
    shape = tuple(input.shape)
    if dims is None or dims == ():
        if len(shifts) != 1:
            raise ShapeError(f"roll: {len(shifts)} shifts without dims; give as many dims as shifts")
        return _reshape(_roll(ravel(input), shifts, (0,)), shape)
    dims = tuple(dims) if isinstance(dims, (tuple, list)) else (dims,)
    if len(dims) != len(shifts):
        raise ShapeError(f"roll: {len(shifts)} shifts for {len(dims)} dims; expected as many")
    if not prod(shape):
        return clone(input)
    return _roll(input, shifts, tuple([dim_of("roll", d, len(shape)) for d in dims]))


@function(samples=lambda s: [(s(3, 2),), (s(3, 2), 2), (s(3, 2), -1), (s(2, 3, 2), 1, (1, 2)), (s(3, 2), 4)])
def rot90(input: Any, k: int = 1, dims: Any = (0, 1)) -> Any:
    """Turned by `k` quarter turns in the plane of `dims`, from the first towards the second.

    >>> autograd.rot90(autograd.arange(6).reshape(2, 3))
    tensor([[2, 5],
            [1, 4],
            [0, 3]])
    """
    n = len(input.shape)
    if len(dims) != 2:
        raise ShapeError(f"rot90: expected 2 dims, got {len(dims)}")
    if n < 2:
        raise ShapeError(f"rot90: expected at least 2 dimensions, got {n}")
    first, second = dims_of("rot90", tuple(dims), n)
    k %= 4
    if k == 0:
        return clone(input)
    if k == 2:
        return _flip(input, (first, second))
    return clone(transpose(_flip(input, (second if k == 1 else first,)), first, second))
