"""Views and rearrangements: reshape, permute, expand, diagonals, flips, repetition."""

from __future__ import annotations

import warnings
from itertools import combinations as _combinations
from itertools import combinations_with_replacement
from math import prod
from typing import Any

import numpy as np
from numpy import ndarray

from ..dtypes import DType
from ..errors import DTypeError, RangeError, ShapeError
from ..kernels import move, order
from ..op import function, op
from ..tensor import Size, Tensor
from .dims import dim_of, dims_of, ndim_of, sizes_of

# ------------------------------------------------------------------------------------------------------ reshape


def _reshaped(x: ndarray, shape: tuple[int, ...]) -> ndarray:
    try:
        return np.reshape(x, shape, copy=False)
    except ValueError:  # not without a copy, or not at all
        return move.dense(x).reshape(shape)


@op(
    lambda g, input_shape: _reshape(g, input_shape),
    view=True,
    samples=lambda s: [(s(3, 4), (2, 6)), (s(), (1, 1)), (s(2, 3, 4), (-1, 4)), (s(0, 3), (3, 0))],
)
def _reshape(input: Any, shape: tuple[int, ...]) -> Any:
    """`input` with another shape, one size of which may be -1."""
    try:
        if input.size >= move.MANY and not input.flags.c_contiguous:
            return _reshaped(input, shape)
        return input.reshape(shape)
    except ValueError:
        raise ShapeError(
            f"reshape: shape {tuple(shape)} is invalid for shape {tuple(input.shape)}, {input.size} elements"
        ) from None


@function(samples=lambda s: [(s(3, 4), 2, 6), (s(3, 4), (-1,)), (s(2, 0), 0, 5), (s(),)])
def reshape(input: Any, *sizes: Any, shape: Any = None) -> Any:
    """`input` with another shape, a view where the memory allows, else a copy; one size may be -1.

    Raises ShapeError (ValueError, RuntimeError) where the number of elements differs.

    >>> autograd.reshape(autograd.arange(6), (2, 3))
    tensor([[0, 1, 2],
            [3, 4, 5]])
    """
    shape = sizes_of(sizes) if shape is None else tuple(shape)
    if shape and min(shape) < -1:  # numpy takes any negative size as the unknown one
        raise ShapeError(f"reshape: sizes must not be negative, but for one -1; got {shape}")
    return _reshape(input, shape)


@function(samples=lambda s: [(s(3, 4), 3, 2, 2), (s(4), (2, -1)), (s(2, 3), 1, 2, 3)])
def view(input: Any, *sizes: Any, size: Any = None) -> Any:
    """`input` with another shape on the same memory. Raises ShapeError where only a copy could have that shape.

    >>> autograd.arange(6).view(2, 3)
    tensor([[0, 1, 2],
            [3, 4, 5]])
    """
    shape = sizes_of(sizes) if size is None else tuple(size)
    if len(shape) == 1 and not isinstance(shape[0], int) and _is_dtype(shape[0]):
        raise DTypeError("view: another dtype on the same memory is not supported; use to(dtype), which converts")
    out = reshape(input, shape)
    if isinstance(input, Tensor) and out._view is None and out._data.size:
        raise ShapeError(
            f"view: shape {tuple(shape)} does not fit the memory of a tensor of shape {tuple(input.shape)} and strides "
            f"{input.stride()}; use reshape(), which copies where it must"
        )
    return out


def _is_dtype(value: Any) -> bool:
    return isinstance(value, (DType, np.dtype, type))


def _array(x: Any) -> ndarray:
    return x._data if isinstance(x, Tensor) else x


@function(samples=lambda s: [(s(3, 4), s(3, 2, 2))])
def view_as(input: Any, other: Any) -> Any:
    """`input.view(other.shape)`.

    >>> autograd.arange(2).view_as(autograd.ones(2, 1))
    tensor([[0],
            [1]])
    """
    return view(input, tuple(other.shape))


@function(samples=lambda s: [(s(3, 4), s(2, 6))])
def reshape_as(input: Any, other: Any) -> Any:
    """`input.reshape(other.shape)`.

    >>> autograd.arange(2).reshape_as(autograd.ones(2, 1))
    tensor([[0],
            [1]])
    """
    return _reshape(input, tuple(other.shape))


@function(samples=lambda s: [(s(2, 3, 4),), (s(2, 3, 4), 1), (s(2, 3, 4), 0, -2), (s(),), (s(0, 3),)])
def flatten(input: Any, start_dim: int = 0, end_dim: int = -1) -> Any:
    """The dims from `start_dim` to `end_dim`, both included, as one; a 0-dim tensor becomes (1,).

    >>> autograd.flatten(autograd.arange(6).reshape(2, 3))
    tensor([0, 1, 2, 3, 4, 5])
    """
    n = ndim_of("flatten", "input", input)
    shape = _array(input).shape
    start, end = dim_of("flatten", start_dim, n), dim_of("flatten", end_dim, n)
    if start > end:
        raise ShapeError(f"flatten: start_dim {start_dim} comes after end_dim {end_dim} in a tensor of {n} dimensions")
    if start == end and n:
        return input
    return _reshape(input, (*shape[:start], prod(shape[start : end + 1]), *shape[end + 1 :]))


@function(samples=lambda s: [(s(2, 3),), (s(),), (s(4),)])
def ravel(input: Any) -> Any:
    """All elements in one dimension.

    >>> autograd.ravel(autograd.arange(6).reshape(2, 3))
    tensor([0, 1, 2, 3, 4, 5])
    """
    return input if len(input.shape) == 1 else _reshape(input, (-1,)) if prod(input.shape) else _reshape(input, (0,))


@function(samples=lambda s: [(s(2, 6), 1, (2, 3)), (s(6, 2), -2, (3, -1)), (s(4), 0, (2, 2))])
def unflatten(input: Any, dim: int, sizes: Any) -> Any:
    """Dim `dim` cut up into `sizes`, one of which may be -1.

    >>> autograd.unflatten(autograd.arange(6), 0, (2, 3))
    tensor([[0, 1, 2],
            [3, 4, 5]])
    """
    shape = input.shape
    d = dim_of("unflatten", dim, len(shape))
    sizes = tuple(sizes)
    if not len(shape):
        raise ShapeError("unflatten: a 0-dim tensor has no dim to cut up")
    if not sizes:
        raise ShapeError("unflatten: sizes must be non-empty")
    known = prod(n for n in sizes if n != -1)
    if sizes.count(-1) > 1 or (known != shape[d] if -1 not in sizes else not known or shape[d] % known):
        raise ShapeError(f"unflatten: sizes {sizes} don't multiply up to the size of dim {dim}, {shape[d]}")
    return _reshape(input, (*shape[:d], *(shape[d] // known if n == -1 else n for n in sizes), *shape[d + 1 :]))


@function(
    samples=lambda s: [(s(2, 1, 3, 1),), (s(1, 2, 1), 0), (s(1, 2, 1), 1), (s(1, 2, 1), (0, -1)), (s(), 0)],
    inplace=False,
)
def squeeze(input: Any, dim: int | tuple[int, ...] | None = None) -> Any:
    """Without the dims of size 1, or without those of `dim` that have size 1; a view.

    >>> autograd.squeeze(autograd.ones(1, 3, 1)).shape
    Size([3])
    """
    ndim_of("squeeze", "input", input)
    shape = _array(input).shape
    if dim is None:
        kept = tuple([n for n in shape if n != 1])
    else:
        drop = dims_of("squeeze", dim, len(shape))
        kept = tuple([n for i, n in enumerate(shape) if n != 1 or i not in drop])
    return _reshape(input, kept)


@function(samples=lambda s: [(s(2, 3), 0), (s(2, 3), -1), (s(2, 3), 1), (s(), 0), (s(), -1), (s(0), 1)])
def unsqueeze(input: Any, dim: int) -> Any:
    """With a dim of size 1 put in at `dim`, -ndim-1 to ndim; a view.

    >>> autograd.unsqueeze(autograd.ones(3), 0).shape
    Size([1, 3])
    """
    n = ndim_of("unsqueeze", "input", input) + 1
    shape = _array(input).shape
    if dim is True or dim is False:
        raise TypeError("unsqueeze: dim must be an int, got bool")
    if not -n <= dim < n:
        raise RangeError(f"unsqueeze: dim {dim} is out of range; expected {-n} to {n - 1}")
    d = dim + n if dim < 0 else dim
    return _reshape(input, (*shape[:d], 1, *shape[d:]))


# ------------------------------------------------------------------------------------------------------ permute


def _inverse(dims: tuple[int, ...]) -> tuple[int, ...]:
    inverse = [0] * len(dims)
    for i, d in enumerate(dims):
        inverse[d] = i  # a negative dim lands where it belongs too
    return tuple(inverse)


@op(
    lambda g, dims: _permute(g, _inverse(dims)),
    view=True,
    samples=lambda s: [(s(2, 3, 4), (2, 0, 1)), (s(2, 3), (-1, 0)), (s(), ())],
)
def _permute(input: Any, dims: tuple[int, ...]) -> Any:
    """The dims in the order `dims`."""
    try:
        return input.transpose(dims)
    except ValueError:
        n = len(input.shape)
        if len(dims) != n:
            raise ShapeError(f"permute: got {len(dims)} dims, {dims}, for a tensor of {n} dimensions") from None
        dims_of("permute", dims, n)
        raise


@function(samples=lambda s: [(s(2, 3, 4), 2, 0, 1), (s(2, 3, 4), (0, -1, 1)), (s(),)])
def permute(input: Any, *order: Any, dims: Any = None) -> Any:
    """The dims in the given order, a view. Raises ShapeError for another number of dims, IndexError out of range.

    >>> autograd.permute(autograd.ones(2, 3, 4), (2, 0, 1)).shape
    Size([4, 2, 3])
    """
    return _permute(input, sizes_of(order) if dims is None else tuple(dims))


@op(
    lambda g, dim0, dim1: transpose(g, dim0, dim1),
    view=True,
    samples=lambda s: [(s(2, 3, 4), 0, 2), (s(2, 3), -1, -2), (s(), 0, -1), (s(0, 2), 0, 1)],
)
def transpose(input: Any, dim0: int, dim1: int) -> Any:
    """Dims `dim0` and `dim1` exchanged, a view.

    >>> autograd.transpose(autograd.arange(6).reshape(2, 3), 0, 1)
    tensor([[0, 3],
            [1, 4],
            [2, 5]])
    """
    if type(dim0) is bool or type(dim1) is bool:
        raise TypeError("transpose: dims must be ints, got bool")
    try:
        return input.swapaxes(dim0, dim1)
    except ValueError:
        n = len(input.shape)
        dim_of("transpose", dim0, n), dim_of("transpose", dim1, n)
        return input


@function(samples=lambda s: [(s(2, 3), 0, 1)])
def swapaxes(input: Any, axis0: int, axis1: int) -> Any:
    """`transpose` under numpy's name.

    >>> autograd.swapaxes(autograd.ones(2, 3), 0, 1).shape
    Size([3, 2])
    """
    return transpose(input, axis0, axis1)


@function(samples=lambda s: [(s(2, 3), 0, 1)])
def swapdims(input: Any, dim0: int, dim1: int) -> Any:
    """`transpose` under another name.

    >>> autograd.swapdims(autograd.ones(2, 3), 0, 1).shape
    Size([3, 2])
    """
    return transpose(input, dim0, dim1)


@function(samples=lambda s: [(s(2, 3),), (s(3),), (s(),)])
def t(input: Any) -> Any:
    """A matrix transposed; vectors and 0-dim tensors as they are. Raises ShapeError for more than 2 dims.

    >>> autograd.t(autograd.arange(6).reshape(2, 3))
    tensor([[0, 3],
            [1, 4],
            [2, 5]])
    """
    n = len(input.shape)
    if n > 2:
        raise ShapeError(f"t: expected at most 2 dimensions, got {n}; use transpose(dim0, dim1) or mT")
    return transpose(input, 0, 1) if n == 2 else input


def matrix_transpose(input: Any) -> Any:
    """The last two dims exchanged: `x.mT`."""
    if len(input.shape) < 2:
        raise ShapeError(f"mT: expected at least 2 dimensions, got {len(input.shape)}")
    return transpose(input, -2, -1)


def reversed_dims(input: Any) -> Any:
    """The dims in reverse order: `x.T`; deprecated where there are not two, as in torch."""
    n = len(input.shape)
    if n != 2 and n:
        warnings.warn(
            f"T: reversing {n} dimensions is deprecated; use mT for matrices in the last two dims, or permute()",
            stacklevel=2,
        )
    return _permute(input, tuple(range(n))[::-1])


@function(samples=lambda s: [(s(2, 3, 4), 0, -1), (s(2, 3, 4), (0, 1), (2, 0))])
def movedim(input: Any, source: Any, destination: Any) -> Any:
    """The dims `source` at the places `destination`, the others in their order; a view.

    >>> autograd.movedim(autograd.ones(2, 3, 4), 0, -1).shape
    Size([3, 4, 2])
    """
    n = len(input.shape)
    source, destination = dims_of("movedim", source, n), dims_of("movedim", destination, n)
    if len(source) != len(destination):
        raise ShapeError(f"movedim: source names {len(source)} dims, destination {len(destination)}")
    if not n:
        return _reshape(input, ())
    rest = iter([d for d in range(n) if d not in source])
    place = dict(zip(destination, source, strict=True))
    return _permute(input, tuple([place[d] if d in place else next(rest) for d in range(n)]))


@function(samples=lambda s: [(s(2, 3, 4), 0, -1)])
def moveaxis(input: Any, source: Any, destination: Any) -> Any:
    """`movedim` under numpy's name.

    >>> autograd.moveaxis(autograd.ones(2, 3, 4), 0, -1).shape
    Size([3, 4, 2])
    """
    return movedim(input, source, destination)


# ------------------------------------------------------------------------------------------------------- expand


def _broadcast(x: ndarray, shape: tuple[int, ...]) -> ndarray:
    """np.broadcast_to, at half its cost where x stands in C order."""
    own, new = x.shape, len(shape) - x.ndim
    if new < 0 or not x.flags.c_contiguous or min(shape, default=0) < 0:
        return np.broadcast_to(x, shape)
    strides = [0] * new
    for n, m, step in zip(own, shape[new:], x.strides, strict=True):
        if n != m and n != 1:
            return np.broadcast_to(x, shape)  # says what does not fit
        strides.append(step if n == m else 0)
    y = np.ndarray(shape, x.dtype, x, 0, strides)
    y.flags.writeable = False
    return y


@op(
    lambda g: g,
    view=True,
    samples=lambda s: [(s(3, 1), (3, 4)), (s(3), (2, 3)), (s(), (2, 2)), (s(1, 3), (0, 3))],
)
def _expand(input: Any, shape: tuple[int, ...]) -> Any:
    """`input` broadcast to `shape`, without a copy."""
    try:
        y = _broadcast(input, shape)
        # nothing repeated, only dims of size 1 in front: torch lets such a result be written to
        return input.reshape(shape) if y.size == input.size and y.size else y
    except ValueError:
        raise ShapeError(f"expand: shape {tuple(input.shape)} cannot be expanded to {tuple(shape)}") from None


@function(samples=lambda s: [(s(3, 1), 3, 4), (s(3, 1), (2, -1, 5)), (s(), 2)])
def expand(input: Any, *sizes: Any, size: Any = None) -> Any:
    """Dims of size 1 spread to `sizes` without a copy, new ones in front; -1 keeps a size. The result is read-only.

    >>> autograd.tensor([[1], [2]]).expand(2, 3)
    tensor([[1, 1, 1],
            [2, 2, 2]])
    """
    shape = sizes_of(sizes) if size is None else tuple(size)
    if -1 in shape:
        extra = len(shape) - len(input.shape)
        if extra < 0 or -1 in shape[:extra]:
            raise ShapeError(
                f"expand: sizes {shape} for a tensor of shape {tuple(input.shape)}: a new dim cannot be -1"
            )
        shape = tuple([input.shape[i - extra] if n == -1 else n for i, n in enumerate(shape)])
    return _expand(input, shape)


@function(samples=lambda s: [(s(3, 1), s(3, 4))])
def expand_as(input: Any, other: Any) -> Any:
    """`input.expand(other.shape)`.

    >>> autograd.tensor([1, 2]).expand_as(autograd.ones(2, 2))
    tensor([[1, 2],
            [1, 2]])
    """
    return _expand(input, tuple(other.shape))


@function(samples=lambda s: [(s(3, 1), (2, 3, 4))])
def broadcast_to(input: Any, size: Any) -> Any:
    """`input.expand(size)`.

    >>> autograd.broadcast_to(autograd.tensor([1, 2]), (2, 2))
    tensor([[1, 2],
            [1, 2]])
    """
    return expand(input, tuple(size))


@function(method=False, samples=lambda s: [(s(3, 1), s(4)), (s(),)])
def broadcast_tensors(*tensors: Any) -> tuple[Any, ...]:
    """All tensors expanded to their common shape.

    >>> [t.shape for t in autograd.broadcast_tensors(autograd.ones(2, 1), autograd.ones(3))]
    [Size([2, 3]), Size([2, 3])]
    """
    tensors = sizes_of(tensors)
    shape = broadcast_shapes(*[tuple(x.shape) for x in tensors])
    return tuple([_expand(x, shape) for x in tensors])


def broadcast_shapes(*shapes: Any) -> tuple[int, ...]:
    """The shape that tensors of `shapes` have together. Raises ShapeError where they do not fit.

    >>> autograd.broadcast_shapes((2, 1), (3,))
    Size([2, 3])
    """
    shapes = tuple((n,) if isinstance(n, int) else tuple(n) for n in shapes)
    try:
        return Size(np.broadcast_shapes(*shapes))
    except ValueError:
        raise ShapeError(f"broadcast: shapes {' and '.join(map(str, shapes))} cannot be broadcast together") from None


@function(method=False, samples=lambda s: [(s(2), s(3)), (s(2), s(3), s(4), {"indexing": "xy"}), (s(), s(2))])
def meshgrid(*tensors: Any, indexing: str = "ij") -> tuple[Any, ...]:
    """The coordinates of a grid: each 1-d (or 0-dim) tensor spread over the dims of the others.

    indexing: "ij" as the arguments come, "xy" with the first two dims exchanged.

    >>> autograd.meshgrid(autograd.tensor([1, 2]), autograd.tensor([3, 4]), indexing="ij")[0]
    tensor([[1, 1],
            [2, 2]])
    """
    tensors = sizes_of(tensors)
    if indexing not in ("ij", "xy"):
        raise ShapeError(f"meshgrid: indexing must be 'ij' or 'xy', got {indexing!r}")
    if any(len(x.shape) > 1 for x in tensors):
        raise ShapeError(f"meshgrid: expected 0-dim or 1-d tensors, got shapes {[tuple(x.shape) for x in tensors]}")
    n = len(tensors)
    order = [1, 0, *range(2, n)] if indexing == "xy" and n >= 2 else list(range(n))
    shape = [0] * n
    for x, d in zip(tensors, order, strict=True):
        shape[d] = prod(x.shape)
    return tuple(
        [
            _expand(
                _reshape(x, tuple([-1 if i == d else 1 for i in range(n)]) if prod(x.shape) else _spot(n, d)),
                tuple(shape),
            )
            for x, d in zip(tensors, order, strict=True)
        ]
    )


def _spot(n: int, d: int) -> tuple[int, ...]:
    return tuple([0 if i == d else 1 for i in range(n)])


@op(lambda g, input_shape: _reshape(g, input_shape), samples=lambda s: [(s(2, 3), (6,)), (s(0, 2), (2, 0))])
def _fresh(input: Any, shape: tuple[int, ...]) -> Any:
    """`reshape` that always copies."""
    return move.dense(np.asarray(input)).reshape(shape)


# ---------------------------------------------------------------------------------------------------- diagonals


@op(
    lambda g, input_shape, offset, dim1, dim2: _diagonal_scatter(g, input_shape, offset, dim1, dim2),
    view=True,
    samples=lambda s: [
        (s(3, 4),),
        (s(3, 4), 1),
        (s(3, 4), -2),
        (s(2, 3, 4), 0, 0, 2),
        (s(2, 3, 4), 1, -1, -2),
        (s(2, 2), 5),
    ],
)
def diagonal(input: Any, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Any:
    """The elements whose index along `dim2` is `offset` more than along `dim1`, in a last dim; a view.

    >>> autograd.diagonal(autograd.tensor([[1.0, 4.0], [3.0, 2.0]]))
    tensor([1., 2.])
    """
    n = len(input.shape)
    a, b = dim_of("diagonal", dim1, n), dim_of("diagonal", dim2, n)
    if a == b:
        raise ShapeError(f"diagonal: dim1 and dim2 must differ, got {dim1} and {dim2}")
    # numpy reads an offset beyond the matrix as an error in nothing; the view is empty then
    y = input.diagonal(offset, a, b)
    if input.flags.writeable:
        y.flags.writeable = True
    return y


@op(
    lambda g, offset, dim1, dim2: diagonal(g, offset, dim1, dim2),
    samples=lambda s: [(s(3), (3, 4), 0, 0, 1), (s(3, 2), (2, 3, 4), 2, 0, 2)],
)
def _diagonal_scatter(input: Any, shape: tuple[int, ...], offset: int, dim1: int, dim2: int) -> Any:
    """Zeros of `shape` with `input` on a diagonal: the adjoint of `diagonal`."""
    out = np.zeros(shape, input.dtype)
    diagonal(out, offset, dim1, dim2)[...] = input
    return out


@function(samples=lambda s: [(s(3),), (s(3), 1), (s(3), -2), (s(3, 4),), (s(3, 4), 1)])
def diag(input: Any, diagonal: int = 0) -> Any:
    """A vector on the diagonal of a square matrix, or the diagonal of a matrix as a vector.

    >>> autograd.diag(autograd.tensor([1, 2]))
    tensor([[1, 0],
            [0, 2]])
    """
    n = len(input.shape)
    if n == 1:
        return diag_embed(input, diagonal)
    if n != 2:
        raise ShapeError(f"diag: expected 1 or 2 dimensions, got {n}; use diagonal() or diag_embed()")
    return clone(_of_matrix(input, diagonal))


_of_matrix = diagonal


@function(method=False, samples=lambda s: [(s(3, 4),), (s(2, 3, 4), {"offset": 1})])
def linalg_diagonal(A: Any, *, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Any:
    """`diagonal` of the last two dims.

    >>> autograd.linalg.diagonal(autograd.tensor([[1.0, 4.0], [3.0, 2.0]]))
    tensor([1., 2.])
    """
    return _of_matrix(A, offset, dim1, dim2)


@function(samples=lambda s: [(s(3),), (s(2, 3), 1), (s(2, 3), -1, 0, 2), (s(2, 0),)])
def diag_embed(input: Any, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Any:
    """Matrices in `dim1`, `dim2` with the last dim of `input` on their diagonal, zero elsewhere.

    >>> autograd.diag_embed(autograd.tensor([1, 2]))
    tensor([[1, 0],
            [0, 2]])
    """
    n = len(input.shape) + 1
    a, b = dim_of("diag_embed", dim1, n), dim_of("diag_embed", dim2, n)
    if a == b:
        raise ShapeError(f"diag_embed: dim1 and dim2 must differ, got {dim1} and {dim2}")
    if n < 2:
        raise ShapeError("diag_embed: expected at least 1 dimension, got 0")
    side = input.shape[-1] + abs(offset)
    rest = iter(input.shape[:-1])
    shape = tuple([side if d in (a, b) else next(rest) for d in range(n)])
    return _diagonal_scatter(input, shape, offset, a, b)


_MANY = 1 << 9  # elements from where on a kernel is worth its call beside numpy's several passes


def _triangle(name: str, input: Any) -> None:
    if len(input.shape) < 2:
        raise ShapeError(f"{name}: expected at least 2 dimensions, got {len(input.shape)}")


@op(
    lambda g, diagonal: tril(g, diagonal),
    inplace=True,
    samples=lambda s: [(s(3, 4),), (s(3, 4), 1), (s(2, 3, 3), -1), (s(2, 0),)],
)
def tril(input: Any, diagonal: int = 0) -> Any:
    """The part on and below the given diagonal of the matrices in the last two dims, zero above.

    >>> autograd.tril(autograd.ones(2, 2))
    tensor([[1., 0.],
            [1., 1.]])
    """
    _triangle("tril", input)
    if input.size >= _MANY and input.flags.c_contiguous and input.itemsize <= 8:
        return move.triangle(input, diagonal, True)
    return np.tril(input, diagonal)


@op(
    lambda g, diagonal: triu(g, diagonal),
    inplace=True,
    samples=lambda s: [(s(3, 4),), (s(3, 4), 1), (s(2, 3, 3), -1), (s(2, 0),)],
)
def triu(input: Any, diagonal: int = 0) -> Any:
    """The part on and above the given diagonal of the matrices in the last two dims, zero below.

    >>> autograd.triu(autograd.ones(2, 2))
    tensor([[1., 1.],
            [0., 1.]])
    """
    _triangle("triu", input)
    if input.size >= _MANY and input.flags.c_contiguous and input.itemsize <= 8:
        return move.triangle(input, diagonal, False)
    return np.triu(input, diagonal)


@function(method=False, samples=lambda s: [(s(2, 2), s(3), s()), (s(1, 2),)])
def block_diag(*tensors: Any) -> Any:
    """A matrix with the given matrices (vectors count as rows, 0-dim tensors as 1 x 1) along its diagonal.

    >>> autograd.block_diag(autograd.tensor([[1]]), autograd.tensor([[2]]))
    tensor([[1, 0],
            [0, 2]])
    """
    tensors = sizes_of(tensors)
    for x in tensors:
        if len(x.shape) > 2:
            raise ShapeError(f"block_diag: expected at most 2 dimensions, got shape {tuple(x.shape)}")
    blocks = [atleast_2d(x) for x in tensors]
    width, at, rows = sum(b.shape[1] for b in blocks), 0, []
    for block in blocks:
        rows.append(_pad_constant(block, ((0, 0), (at, width - at - block.shape[1])), 0))
        at += block.shape[1]
    return cat(rows, 0)


# --------------------------------------------------------------------------------------------- sliding windows


@op(
    lambda g, input_shape, dimension, size, step: _unfold_scatter(g, input_shape, dimension, size, step),
    view=True,
    samples=lambda s: [(s(7), 0, 3, 2), (s(2, 5), 1, 2, 1), (s(4, 3), -2, 4, 1), (s(), 0, 1, 1)],
)
def unfold(input: Any, dimension: int, size: int, step: int) -> Any:
    """Windows of `size` every `step` along a dim, in a new last dim; a view: overlapping windows share memory.

    >>> autograd.arange(5).unfold(0, 3, 1)
    tensor([[0, 1, 2],
            [1, 2, 3],
            [2, 3, 4]])
    """
    n = len(input.shape)
    d = dim_of("unfold", dimension, n)
    length = input.shape[d] if n else 1
    if not 0 <= size <= length:
        raise ShapeError(f"unfold: size {size} must be between 0 and {length}, the size of dim {dimension}")
    if step <= 0:
        raise ShapeError(f"unfold: step must be positive, got {step}")
    if not n:
        return input.reshape((size,) if size else (1,))[:size]
    count = (length - size) // step + 1
    stride = input.strides[d]
    return np.lib.stride_tricks.as_strided(
        input,
        (*input.shape[:d], count, *input.shape[d + 1 :], size),
        (*input.strides[:d], stride * step, *input.strides[d + 1 :], stride),
    )


@op(
    lambda g, dimension, size, step: unfold(g, dimension, size, step),
    samples=lambda s: [(s(3, 3), (7,), 0, 3, 2), (s(2, 4, 2), (2, 5), 1, 2, 1)],
)
def _unfold_scatter(input: Any, shape: tuple[int, ...], dimension: int, size: int, step: int) -> Any:
    """Zeros of `shape` to which windows are added: the adjoint of `unfold`."""
    out = np.zeros(shape, input.dtype)
    if not shape:
        return out + input.sum() if size else out
    d = dim_of("unfold", dimension, len(shape))
    apart, before, strides = -(-size // step), (slice(None),) * d, out.strides
    for k in range(min(apart, input.shape[d])):  # every so many windows do not overlap, so they are added at once
        some = input[(*before, slice(k, None, apart))]
        steps = (*strides[:d], strides[d] * step * apart, *strides[d + 1 :], strides[d])
        seen = np.lib.stride_tricks.as_strided(out[(*before, slice(k * step, None))], some.shape, steps)
        seen += some
    return out


# ---------------------------------------------------------------------------------------------------- the rest


@op(lambda g: g, samples=lambda s: [(s(2, 3),), (s(),), (s(0, 2),)])
def _clone(input: Any) -> Any:
    """A copy in the same order of memory."""
    return move.kept(np.asarray(input))


@op(lambda g: g, view=True, samples=lambda s: [(s(2, 3),), (s(),)])
def _contiguous(input: Any) -> Any:
    """The elements row by row in memory, copied where they do not lie so."""
    return input if not np.ndim(input) or input.flags.c_contiguous else move.dense(input)


@op(lambda g: g, samples=lambda s: [(s(2, 3, 2, 2),), (s(1, 2, 3, 2, 2),)])
def _channels_last(input: Any) -> Any:
    """A copy of (N, C, *space) whose channels lie beside one another in memory."""
    if order.planes(input):
        return np.moveaxis(order.moved(input), -1, 1)
    return np.moveaxis(np.array(np.moveaxis(input, 1, -1), order="C"), -1, 1)


def in_format(name: str, input: Any, memory_format: Any, copy: bool = False) -> Any:
    """`input` where it lies in memory as channels_last or channels_last_3d says, and no `copy` is wanted, else a copy
    that does. ShapeError where the first is asked of other than 4 dimensions, the second of other than 5."""
    x, ndim = _array(input), order.CHANNELS_LAST[memory_format]
    if x.ndim != ndim:
        raise ShapeError(f"{name}: required rank {ndim} tensor to use {memory_format} format, got shape {x.shape}")
    return input if order.lies_channels_last(x) and not copy else _channels_last(input)


_FORMATS = ("preserve_format", "contiguous_format", *order.CHANNELS_LAST)


def is_channels_last(name: str, memory_format: Any) -> bool:
    """Whether a memory format is one of images or volumes; TypeError for what is none."""
    if memory_format is not None and memory_format not in _FORMATS:
        raise TypeError(f"{name}: memory_format is {memory_format!r}; expected one of {', '.join(_FORMATS)}")
    return memory_format in order.CHANNELS_LAST


@function(samples=lambda s: [(s(2, 3),), (s(),), (s(1, 2, 2, 3), {"memory_format": "channels_last"})])
def clone(input: Any, *, memory_format: Any = None) -> Any:
    """A copy, part of the graph, in the memory order of `input` or in that of a memory_format.

    >>> autograd.clone(autograd.tensor([1]))
    tensor([1])
    """
    if is_channels_last("clone", memory_format):
        return in_format("clone", input, memory_format, True)
    if memory_format == "contiguous_format" and not _array(input).flags.c_contiguous:
        return _contiguous(input)
    return _clone(input)


@function(samples=lambda s: [(s(2, 3),), (s(),), (s(1, 2, 2, 3), "channels_last")])
def contiguous(input: Any, memory_format: Any = None) -> Any:
    """`input` itself where its elements lie in memory row by row, or as a memory_format says, else a copy of which that
    holds. Raises ShapeError (RuntimeError) for channels_last of other than 4 dimensions.

    >>> autograd.ones(2, 3).t().contiguous().stride()
    (2, 1)
    >>> autograd.ones(1, 2, 3, 4).contiguous(memory_format=autograd.channels_last).stride()
    (24, 1, 8, 2)
    """
    if is_channels_last("contiguous", memory_format):
        return in_format("contiguous", input, memory_format)
    if memory_format == "preserve_format":
        return input
    if not _array(input).flags.c_contiguous:
        return _contiguous(input)
    view = input._view if isinstance(input, Tensor) else None
    if view is None or view.root()._data.flags.c_contiguous:
        return input
    # a channels-last image permuted to (N, H, W, C) lies row by row; torch's would not, and has memory of its own from here
    shown = view.replay(np.empty(view.root()._data.shape, np.int8))
    return input if shown.flags.c_contiguous else _clone(input)


def _at_least(n: int, tensors: tuple[Any, ...], lift: Any) -> Any:
    several = len(tensors) != 1 or isinstance(tensors[0], (tuple, list))
    lifted = tuple([x if len(x.shape) >= n else _reshape(x, lift(tuple(x.shape))) for x in sizes_of(tensors)])
    return lifted if several else lifted[0]


@function(method=False, samples=lambda s: [(s(),), (s(2, 3),)])
def atleast_1d(*tensors: Any) -> Any:
    """0-dim tensors as (1,), others as they are; several tensors give a tuple.

    >>> autograd.atleast_1d(autograd.tensor(1))
    tensor([1])
    """
    return _at_least(1, tensors, lambda shape: (1,))


@function(method=False, samples=lambda s: [(s(),), (s(3),)])
def atleast_2d(*tensors: Any) -> Any:
    """0-dim tensors as (1, 1), vectors as (1, n); several tensors give a tuple.

    >>> autograd.atleast_2d(autograd.tensor(1))
    tensor([[1]])
    """
    return _at_least(2, tensors, lambda shape: (1,) * (2 - len(shape)) + shape)


@function(method=False, samples=lambda s: [(s(),), (s(3),), (s(2, 3),)])
def atleast_3d(*tensors: Any) -> Any:
    """0-dim tensors as (1, 1, 1), vectors as (1, n, 1), matrices as (m, n, 1); several tensors give a tuple.

    >>> autograd.atleast_3d(autograd.tensor(1))
    tensor([[[1]]])
    """
    return _at_least(3, tensors, lambda shape: {0: (1, 1, 1), 1: (1, *shape, 1)}.get(len(shape), (*shape, 1)))


@function(method=False, samples=lambda s: [(s(2), s(3)), (s(2),)])
def cartesian_prod(*tensors: Any) -> Any:
    """All tuples of elements, one a vector, as rows; of a single vector itself.

    >>> autograd.cartesian_prod(autograd.tensor([1, 2]), autograd.tensor([3, 4]))
    tensor([[1, 3],
            [1, 4],
            [2, 3],
            [2, 4]])
    """
    tensors = sizes_of(tensors)
    if any(len(x.shape) != 1 for x in tensors):
        raise ShapeError(f"cartesian_prod: expected 1-d tensors, got shapes {[tuple(x.shape) for x in tensors]}")
    if len(tensors) == 1:
        return tensors[0]
    return stack([_fresh(x, (prod(x.shape),)) for x in meshgrid(*tensors)], 1)


@function(method=False, samples=lambda s: [(s(4),), (s(4), 3), (s(3), 2, True), (s(3), 0)])
def combinations(input: Any, r: int = 2, with_replacement: bool = False) -> Any:
    """The choices of `r` elements of a vector, in the order of their places, as rows.

    >>> autograd.combinations(autograd.tensor([1, 2, 3]))
    tensor([[1, 2],
            [1, 3],
            [2, 3]])
    """
    if len(input.shape) != 1:
        raise ShapeError(f"combinations: expected a 1-d tensor, got shape {tuple(input.shape)}")
    if r < 0:
        raise ShapeError(f"combinations: r must not be negative, got {r}")
    choose = combinations_with_replacement if with_replacement else _combinations
    if not r:
        return index_select(input, 0, np.zeros(0, np.int64))
    places = np.array(list(choose(range(input.shape[0]), r)), np.int64).reshape(-1, r)
    return _reshape(index_select(input, 0, places.reshape(-1)), places.shape)


from .index import index_select  # noqa: E402  these build on the ops above
from .join import cat, stack  # noqa: E402
from .pad import _pad_constant  # noqa: E402
from .pad import pad as pad  # noqa: E402
