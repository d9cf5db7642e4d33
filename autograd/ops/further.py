"""Operations made of others that torch has beside the usual ones: written slices, order statistics, distances, grids."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from .. import dtypes
from ..errors import DTypeError, NumberError, RangeError, ShapeError
from ..forms import result_type
from ..op import function, op, real_only
from ..tensor import Tensor, wrap
from .arithmetic import pow
from .chain import _zero
from .compare import _data, _where
from .convert import to_dtype
from .dims import dim_of, dims_of
from .index import Subscript, _getitem, _index_put, check_index, index_select, narrow
from .join import cat, chunk, split, stack
from .reduce import _vector_norm
from .scatter import _scatter_reduce
from .shape import _reshape, clone, diag_embed, diagonal

_ALL = slice(None)


def _plain(like: Any, array: Any) -> Any:
    return wrap(array) if isinstance(like, Tensor) else array


# ------------------------------------------------------------------------------------------------- slices written


def _written(name: str, input: Any, src: Any, places: Any) -> Any:
    """A copy of input with src at `places`, an array of flat positions."""
    if tuple(src.shape) != places.shape:
        raise ShapeError(f"{name}: src has shape {tuple(src.shape)}, expected {places.shape}")
    if src.dtype != input.dtype:
        raise DTypeError(f"{name}: src is {src.dtype}, input {input.dtype}; convert one with to()")
    flat = _reshape(input, (prod(input.shape),))
    return _reshape(_index_put(flat, _reshape(src, (-1,)), Subscript(places.reshape(-1))), tuple(input.shape))


def _positions(input: Any) -> Any:
    return np.arange(prod(input.shape)).reshape(tuple(input.shape))


@function(samples=lambda s: [(s(3, 4), s(3)), (s(2, 3, 4), s(2, 3), 1, 1, 2)])
def diagonal_scatter(input: Any, src: Any, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Any:
    """A copy of input with src on the diagonal that `diagonal` would give.

    >>> autograd.diagonal_scatter(autograd.zeros(2, 2), autograd.ones(2))
    tensor([[1., 0.],
            [0., 1.]])
    """
    return _written("diagonal_scatter", input, src, diagonal(_positions(input), offset, dim1, dim2))


@function(samples=lambda s: [(s(3, 4), s(4), 0, 1), (s(3, 4), s(3), -1, -1)])
def select_scatter(input: Any, src: Any, dim: int, index: int) -> Any:
    """A copy of input with src at `index` along `dim`.

    >>> autograd.select_scatter(autograd.zeros(2, 2), autograd.ones(2), 0, 1)
    tensor([[0., 0.],
            [1., 1.]])
    """
    d = dim_of("select_scatter", dim, len(input.shape))
    if not -input.shape[d] <= index < input.shape[d]:
        raise RangeError(f"select_scatter: index {index} is out of range for dim {dim} with size {input.shape[d]}")
    return _written("select_scatter", input, src, np.take(_positions(input), index, d))


@function(samples=lambda s: [(s(4, 3), s(2, 3), 0, 1, 3), (s(4, 3), s(4, 2), 1, 0, None, 2), (s(3), s(3))])
def slice_scatter(
    input: Any, src: Any, dim: int = 0, start: int | None = None, end: int | None = None, step: int = 1
) -> Any:
    """A copy of input with src at start:end:step along `dim`.

    >>> autograd.slice_scatter(autograd.zeros(4), autograd.ones(2), 0, 1, 3)
    tensor([0., 1., 1., 0.])
    """
    d = dim_of("slice_scatter", dim, len(input.shape))
    if step < 1:
        raise NumberError(f"slice_scatter: step must be positive, got {step}")
    return _written("slice_scatter", input, src, _positions(input)[(_ALL,) * d + (slice(start, end, step),)])


@function(samples=lambda s: [(s(3, 4), 1, 1, 2)])
def narrow_copy(input: Any, dim: int, start: int, length: int) -> Any:
    """`narrow`, in memory of its own.

    >>> autograd.narrow_copy(autograd.arange(5), 0, 1, 2)
    tensor([1, 2])
    """
    return clone(narrow(input, dim, start, length))


@function(samples=lambda s: [(s(3),), (s(2, 2), 1), (s(), -1)])
def diagflat(input: Any, offset: int = 0) -> Any:
    """The flattened input on the diagonal of a square matrix.

    >>> autograd.diagflat(autograd.tensor([[1, 2]]))
    tensor([[1, 0],
            [0, 2]])
    """
    return diag_embed(_reshape(input, (-1,)), offset)


@function(samples=lambda s: [(s(3, 4), 2), (s(3, 4), 2, 1)])
def unsafe_chunk(input: Any, chunks: int, dim: int = 0) -> Any:
    """`chunk`.

    >>> [len(part) for part in autograd.unsafe_chunk(autograd.arange(5), 2)]
    [3, 2]
    """
    return chunk(input, chunks, dim)


@function(samples=lambda s: [(s(3, 4), 2), (s(3, 4), [1, 3], 1)])
def unsafe_split(input: Any, split_size: Any, dim: int = 0) -> Any:
    """`split`.

    >>> [len(part) for part in autograd.unsafe_split(autograd.arange(5), 2)]
    [2, 2, 1]
    """
    return split(input, split_size, dim)


# --------------------------------------------------------------------------------------------------- numbers


@op(
    lambda g, input, other: _where(input == other, 0.0, g),
    lambda g: _zero(g),
    promote=True,
    inplace=True,
    samples=lambda s: [(s(3, 4), s(4)), (s(2), s())],
)
def nextafter(input: Any, other: Any) -> Any:
    """The next number that the dtype holds from input toward other.

    >>> bool(autograd.nextafter(autograd.tensor(1.0), autograd.tensor(2.0)) > 1)
    True
    """
    if np.result_type(input, other).kind != "f":
        raise DTypeError("nextafter: expected floating-point tensors; convert with to()")
    return np.nextafter(input, other)


frexp_result = result_type("frexp_result", "mantissa exponent")


@op(lambda g, y: g * np.ldexp(1.0, -_data(y[1])), aux=1, samples=lambda s: [(s(3, 4),), (s(),)])
def _frexp(input: Any) -> Any:
    """mantissa in [0.5, 1) and exponent of input = mantissa * 2 ** exponent."""
    if input.dtype.kind != "f":
        raise DTypeError(f"frexp: expected a floating-point tensor, got {input.dtype}")
    mantissa, exponent = np.frexp(input)
    return mantissa, exponent.astype(dtypes.int32)


@function(samples=lambda s: [(s(3, 4),)])
def frexp(input: Any) -> Any:
    """(mantissa, exponent): input = mantissa * 2 ** exponent with |mantissa| in [0.5, 1).

    >>> autograd.frexp(autograd.tensor([6.0]))
    return_types.frexp(
    mantissa=tensor([0.7500]),
    exponent=tensor([3], dtype=autograd.int32))
    """
    return frexp_result(*_frexp(input))


@op(lambda g: _zero(g), lambda g: g, samples=lambda s: [(s(3), 2.0), (s(2, 3), s())], method=False)
def fill(input: Any, value: Any) -> Any:
    """The input's shape filled with `value`, a number or a 0-dim tensor.

    >>> autograd.fill(autograd.zeros(2), 3)
    tensor([3., 3.])
    """
    if np.ndim(value):
        raise ShapeError(f"fill: value must be a number or 0-dim, got shape {np.shape(value)}")
    return np.full_like(input, dtypes.fitting("fill", value, input.dtype))


@function(samples=lambda s: [(s.ints(5, 3, 4), s.ints(5, 3)), (s.ints(5, 4), 2), (2, s.ints(5, 4))], method=False)
def isin(elements: Any, test_elements: Any, *, assume_unique: bool = False, invert: bool = False) -> Any:
    """Which elements occur in test_elements; invert: which do not.

    >>> autograd.isin(autograd.tensor([1, 2, 3]), autograd.tensor([2, 5]))
    tensor([False,  True, False])
    """
    like = elements if isinstance(elements, Tensor) else test_elements
    values = [_data(v) if isinstance(v, Tensor) else np.asarray(v) for v in (elements, test_elements)]
    return _plain(like, np.asarray(np.isin(values[0], values[1], invert=invert)))


@function(samples=lambda s: [(s.ints(12, 5), (3, 4)), (np.array(7), (2, 2, 2))], method=False)
def unravel_index(indices: Any, shape: Any) -> Any:
    """The coordinates, one tensor a dimension, of flat indices into a tensor of `shape`.

    >>> autograd.unravel_index(autograd.tensor([5, 1]), (2, 3))
    (tensor([1, 0]), tensor([2, 1]))
    """
    array = _data(indices)
    if array.dtype.kind not in "iu":
        raise DTypeError(f"unravel_index: expected integers, got {array.dtype}")
    sizes = (shape,) if isinstance(shape, int) else tuple(shape)
    if array.size and not (array.min() >= 0 and array.max() < prod(sizes)):
        raise ShapeError(f"unravel_index: an index is outside [0, {prod(sizes)}), the elements of shape {sizes}")
    return tuple([_plain(indices, np.asarray(at, np.int64)) for at in np.unravel_index(array, sizes)])


# ----------------------------------------------------------------------------------------------- over dimensions


@function(inplace=True, samples=lambda s: [(s(3, 4), 2, 0, 1.0), (s(2, 3, 2), 1, -1, 0.5), (s(3, 2), 3.0, 1, 9.0)])
def renorm(input: Any, p: float, dim: int, maxnorm: float) -> Any:
    """input with each slice along `dim` whose p-norm exceeds maxnorm scaled down to it.

    >>> autograd.renorm(autograd.tensor([[3.0, 4.0], [0.3, 0.4]]), 2, 0, 1.0)
    tensor([[0.6000, 0.8000],
            [0.3000, 0.4000]])
    """
    n = len(input.shape)
    if n < 2:
        raise ShapeError(f"renorm: expected at least 2 dimensions, got shape {tuple(input.shape)}")
    if not p > 0 or maxnorm < 0:
        raise NumberError(f"renorm: expected p > 0 and maxnorm >= 0, got p {p} and maxnorm {maxnorm}")
    d = dim_of("renorm", dim, n)
    size = _vector_norm(input, p, tuple(i for i in range(n) if i != d), True)
    return input * _where(size > maxnorm, maxnorm / (size + 1e-7), 1.0)


_SPACINGS = lambda s: [
    (s(5),), (s(4, 5), {"dim": 1}), (s(4, 5), {"spacing": 0.5}), (s(5), {"spacing": (np.array([0.0, 1, 3, 4, 7]),)}),
    (s(4, 5), {"edge_order": 2}),
]  # fmt: skip


@function(samples=_SPACINGS, method=False)
def gradient(input: Any, *, spacing: Any = 1, dim: Any = None, edge_order: int = 1) -> Any:
    """Estimated derivatives along each dim (or `dim`) by central differences: a tuple, one tensor a dimension.

    spacing: a number, one a dimension, or coordinates, a vector a dimension. At the ends one-sided differences of
    edge_order 1 or 2 are taken. Raises ValueError where a dimension has too few elements.

    >>> autograd.gradient(autograd.tensor([1.0, 2.0, 4.0, 8.0]))[0]
    tensor([1.0000, 1.5000, 3.0000, 4.0000])
    """
    n = len(input.shape)
    over = tuple(range(n)) if dim is None else dims_of("gradient", dim, n)
    spacing = 1 if spacing is None else spacing
    gaps = tuple(spacing) if isinstance(spacing, (tuple, list)) else (spacing,) * len(over)
    if len(gaps) != len(over):
        raise ShapeError(f"gradient: {len(gaps)} spacings for {len(over)} dimensions; expected one each")
    if edge_order not in (1, 2):
        raise NumberError(f"gradient: edge_order must be 1 or 2, got {edge_order}")
    return tuple([_slopes(input, d, gap, edge_order) for d, gap in zip(over, gaps, strict=True)])


def _slopes(x: Any, d: int, gap: Any, edge: int) -> Any:
    n = x.shape[d]
    if n <= edge:
        raise ShapeError(f"gradient: dim {d} has {n} elements; edge_order {edge} needs {edge + 1}")
    column = (-1,) + (1,) * (len(x.shape) - 1 - d)

    def part(a: Any, dim: int, start: int, stop: int | None) -> Any:
        return _getitem(a, (_ALL,) * dim + (slice(start, stop), ...))

    rise = part(x, d, 1, None) - part(x, d, 0, n - 1)
    if not np.shape(gap):
        slope, left, right = rise / gap, 1.0, 1.0
        middle = (part(x, d, 2, None) - part(x, d, 0, n - 2)) / (2 * gap) if n > 2 else slope
    else:
        gap = gap if isinstance(gap, Tensor) else np.asarray(gap, x.dtype)
        if gap.shape[0] != n:
            raise ShapeError(f"gradient: {gap.shape[0]} coordinates for dim {d} of size {n}; expected as many")
        h = part(gap, 0, 1, None) - part(gap, 0, 0, n - 1)
        slope = rise / _reshape(h, column)
        left, right = _reshape(part(h, 0, 0, n - 2), column), _reshape(part(h, 0, 1, None), column)
        middle = (part(slope, d, 0, n - 2) * right + part(slope, d, 1, None) * left) / (left + right)
    first, last = part(slope, d, 0, 1), part(slope, d, n - 2, None)
    if edge == 2:
        ratio = left / (left + right), right / (left + right)
        near, far = (
            r if isinstance(r, float) else part(r, d, k, k + 1 or None) for r, k in zip(ratio, (0, -1), strict=True)
        )
        first = first + (first - part(slope, d, 1, 2)) * near
        last = last + (last - part(slope, d, n - 3, n - 2)) * far
    return cat([first, middle, last] if n > 2 else [first, last], d)


@function(
    inplace=True,
    samples=lambda s: [
        (s(4, 3), 0, np.array([0, 2, 0]), s(3, 3), reduce, {"include_self": own})
        for reduce in ("prod", "mean", "amax", "amin") for own in (True, False)
    ],
)  # fmt: skip
def index_reduce(input: Any, dim: int, index: Any, source: Any, reduce: str, *, include_self: bool = True) -> Any:
    """input with the slices of source reduced into the places `index` along `dim`: prod, mean, amax or amin.

    >>> autograd.index_reduce(autograd.ones(3), 0, autograd.tensor([0, 0]), autograd.tensor([2.0, 3.0]), "prod")
    tensor([6., 1., 1.])
    """
    if reduce not in ("prod", "mean", "amax", "amin"):
        raise NumberError(f"index_reduce: reduce must be prod, mean, amax or amin, got {reduce!r}")
    d = dim_of("index_reduce", dim, len(input.shape))
    if not len(input.shape):
        one = (1,)
        index, source = _reshape(index, one), _reshape(source, one)
        return _reshape(index_reduce(_reshape(input, one), 0, index, source, reduce, include_self=include_self), ())
    places = check_index("index_reduce", index, input.shape[d], d)
    if source.dtype != input.dtype:
        raise DTypeError(f"index_reduce: source is {source.dtype}, input {input.dtype}; convert one with to()")
    expected = (*input.shape[:d], places.size, *input.shape[d + 1 :])
    if tuple(source.shape) != expected:
        raise ShapeError(f"index_reduce: source has shape {tuple(source.shape)}, expected {expected}")
    full = np.broadcast_to(places.reshape((-1,) + (1,) * (len(expected) - 1 - d)), expected)
    return _scatter_reduce(input, source, np.ascontiguousarray(full), d, reduce, include_self)


@function(samples=lambda s: [(s(4, 3),), (s(5, 2), 1.0), (s(3, 2), float("inf"))], method=False)
def pdist(input: Any, p: float = 2.0) -> Any:
    """The p-norm distances of all pairs of rows of a matrix, each pair once.

    >>> autograd.pdist(autograd.tensor([[0.0, 0.0], [3.0, 4.0], [0.0, 1.0]]))
    tensor([5.0000, 1.0000, 4.2426])
    """
    if len(input.shape) != 2:
        raise ShapeError(f"pdist: expected a matrix, got shape {tuple(input.shape)}")
    if p < 0:
        raise NumberError(f"pdist: p is {p}; expected 0 or more")
    if input.dtype.kind != "f":
        raise DTypeError(f"pdist: expected a floating-point tensor, got {input.dtype}")
    a, b = np.triu_indices(input.shape[0], 1)
    return _vector_norm(index_select(input, 0, a) - index_select(input, 0, b), p, -1)


@function(samples=lambda s: [(s(3),), (s(3), 4), (s(3), 2, True)], method=False)
def vander(x: Any, N: int | None = None, increasing: bool = False) -> Any:
    """The Vandermonde matrix of a vector: its powers as N columns (as many as rows unless given).

    >>> autograd.vander(autograd.tensor([2.0, 3.0]), 3)
    tensor([[4., 2., 1.],
            [9., 3., 1.]])
    """
    real_only("vander", x)
    if len(x.shape) != 1:
        raise ShapeError(f"vander: expected a vector, got shape {tuple(x.shape)}")
    n = x.shape[0] if N is None else N
    if n < 0:
        raise NumberError(f"vander: N must not be negative, got {N}")
    powers = range(n) if increasing else range(n - 1, -1, -1)
    if not n:
        return _getitem(_reshape(x, (-1, 1)), (_ALL, slice(0, 0), ...))
    return stack([pow(x, k) for k in powers], 1)


@function(samples=lambda s: [(s(3),), (s(2, 3), {"N": 4}), (s(), {"N": 2})], method=False)
def linalg_vander(x: Any, *, N: int | None = None) -> Any:
    """The Vandermonde matrices (..., n, N) of vectors (..., n): rising powers 0 to N - 1, n of them unless given.

    Raises ShapeError for N below 2.

    >>> autograd.linalg.vander(autograd.tensor([2.0, 3.0]), N=3)
    tensor([[1., 2., 4.],
            [1., 3., 9.]])
    """
    real_only("linalg.vander", x)
    if x.dtype.kind == "b":
        raise DTypeError("linalg.vander: expected numbers, got bools")
    x = x if len(x.shape) else _reshape(x, (1,))
    n = x.shape[-1] if N is None else N
    if n < 2:
        raise ShapeError(f"linalg.vander: N must be greater than 1, got {n}")
    whole = x if x.dtype.kind == "f" else to_dtype(x, dtypes.int64)
    return stack([pow(whole, k) for k in range(n)], -1)


histogram_result = result_type("histogram_result", "hist bin_edges")


@function(samples=lambda s: [(s(20), 4), (s(3, 4), 5, {"range": (-1.0, 1.5)}), (s(6), np.array([-2.0, 0, 2]))])
def histogram(input: Any, bins: Any, *, range: Any = None, weight: Any = None, density: bool = False) -> Any:
    """(hist, bin_edges): counts, or sums of weights, in `bins` equal intervals or between the given edges.

    >>> autograd.histogram(autograd.tensor([1.0, 2.0, 1.0]), bins=2, range=(0.0, 3.0))
    return_types.histogram(
    hist=tensor([2., 1.]),
    bin_edges=tensor([0.0000, 1.5000, 3.0000]))
    """
    real_only("histogram", input, bins, weight)
    x = _data(input)
    if x.dtype.kind != "f":
        raise DTypeError(f"histogram: expected a floating-point tensor, got {x.dtype}")
    limits = range
    if limits is None and isinstance(bins, int) and x.size:
        limits = (x.min(), x.max()) if x.min() < x.max() else (x.min() - 0.5, x.max() + 0.5)
    edges: Any = bins if isinstance(bins, int) else _data(bins)
    if not isinstance(bins, int) and not len(edges):
        raise ShapeError("histogram: bins has no edges; expected at least one")
    flat = None if weight is None else _data(weight).reshape(-1)
    hist, edges = np.histogram(x.reshape(-1), edges, limits, density, flat)
    return histogram_result(_plain(input, hist.astype(x.dtype)), _plain(input, edges.astype(x.dtype)))


histogramdd_result = result_type("histogramdd_result", "hist bin_edges")


@function(
    samples=lambda s: [(s(20, 2), [3, 4]), (s(9, 2), 3, {"range": [-1.0, 1.5, -2.0, 2.0], "density": True})],
    method=False,
)
def histogramdd(input: Any, bins: Any, *, range: Any = None, weight: Any = None, density: bool = False) -> Any:
    """(hist, bin_edges): `histogram` of points (..., D) in D dimensions, of which `bins` and `range` say each.

    bins: numbers of intervals, one for all or one a dimension, or edges, a vector a dimension. range: low and high of
    each dimension, one after the other.

    >>> autograd.histogramdd(autograd.tensor([[0.0, 1.0], [1.0, 0.0]]), [2, 2]).hist
    tensor([[0., 1.],
            [1., 0.]])
    """
    x = _data(input)
    if x.ndim < 2 or x.dtype.kind != "f":
        raise ShapeError(f"histogramdd: expected floating-point points (..., D), got {x.dtype} of shape {x.shape}")
    D = x.shape[-1]
    bins = [bins] * D if isinstance(bins, int) else list(bins)
    if len(bins) != D or (range is not None and len(range) != 2 * D):
        raise ShapeError(f"histogramdd: expected bins for {D} dimensions and a range of {2 * D} numbers")
    points = x.reshape(-1, D)
    edges = [_data(b) if isinstance(b, (Tensor, np.ndarray)) else b for b in bins]
    limits = None if range is None else list(zip(range[::2], range[1::2], strict=True))
    if limits is None and points.size:
        lows, highs = points.min(0), points.max(0)
        limits = [(a, b) if a < b else (a - 0.5, b + 0.5) for a, b in zip(lows, highs, strict=True)]
    flat = None if weight is None else _data(weight).reshape(-1)
    hist, found = np.histogramdd(points, edges, limits, density, flat)
    return histogramdd_result(
        _plain(input, hist.astype(x.dtype)), tuple([_plain(input, np.asarray(e).astype(x.dtype)) for e in found])
    )


@function(samples=lambda s: [(s(3, 4), (3, 1)), (s(2, 3), (1, 3)), (s(2, 3), (3,))], method=True)
def sum_to_size(input: Any, *size: Any) -> Any:
    """input summed to a shape that broadcasts to its own.

    >>> autograd.ones(2, 3).sum_to_size(1, 3)
    tensor([[2., 2., 2.]])
    """
    shape = tuple(size[0]) if len(size) == 1 and isinstance(size[0], (tuple, list)) else size
    own = tuple(input.shape)
    extra = len(own) - len(shape)
    if extra < 0 or any(n not in (1, m) for n, m in zip(shape, own[max(extra, 0) :], strict=True)):
        raise ShapeError(f"sum_to_size: size {shape} does not broadcast to the input's shape {own}")
    from .reduce import sum

    over = [i for i, m in enumerate(own) if i < extra or (shape[i - extra] == 1 and m != 1)]
    return _reshape(sum(input, over, True) if over else input, tuple(shape))
