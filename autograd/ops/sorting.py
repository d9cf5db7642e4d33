"""Order: sort, topk, medians and quantiles, distinct values, searching and counting in bins."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy import ndarray

from .. import dtypes
from ..errors import DTypeError, NumberError, RangeError, ShapeError
from ..forms import result_type
from ..kernels import select as kernels
from ..kernels import sort as sort_kernels
from ..op import function, op, real_only
from ..samples import Draw
from ..tensor import Tensor
from .alias import axis_too
from .arithmetic import lerp
from .compare import _data, _like, _where
from .dims import dim_of, ndim_of
from .index import _gather, _gather_sum, along, index_select
from .reduce import _evenly, _kept_shape, _over_dim, _put_back, sum
from .shape import _reshape


def _order(x: ndarray, d: int, descending: bool) -> ndarray:
    """The stable order along axis d; NaN counts as the largest, so that it comes last, or first when descending."""
    if _sortable(x):
        return _sorted(x, d, descending)[1]
    if not descending:
        return np.argsort(x, axis=d, kind="stable")
    last, turned = x.shape[d] - 1, (slice(None),) * d + (slice(None, None, -1),)
    return (last - np.argsort(x[turned], axis=d, kind="stable"))[turned]


def _ordered(name: str, input: Any, dim: int, descending: bool) -> tuple[Any, Any]:
    d = dim_of(name, dim, input.ndim)
    if not input.ndim:
        return input.copy(), np.zeros((), np.int64)
    if _sortable(input):
        return _sorted(input, d, descending)
    index = np.ascontiguousarray(_order(input, d, descending))
    return along(input, index, d), index


def _sortable(x: ndarray) -> bool:
    """Whether the kernel of `sort` takes x and is worth its call."""
    return x.size >= 2048 and x.dtype == dtypes.float32


def _sorted(x: ndarray, d: int, descending: bool) -> tuple[ndarray, ndarray]:
    """The elements in order along axis d, and their places, by the kernel."""
    shape = np.moveaxis(x, d, -1).shape
    parts = [a.reshape(shape) for a in sort_kernels.sorted_rows(_as_rows(x, d), descending)]
    values, index = (np.ascontiguousarray(np.moveaxis(a, -1, d)) for a in parts)
    return values, index


def _from_places(g: Any, index: Any, shape: tuple[int, ...], dim: int) -> Any:
    """The gradient of elements chosen along `dim`: g added where they came from."""
    return _gather_sum(g, index, shape, dim_of("sort", dim, len(shape))) if shape else g


@op(
    lambda g, input_shape, dim, y: _from_places(g, y[1], input_shape, dim),
    aux=1,
    samples=lambda s: [(s(3, 4),), (s(3, 4), 0, True), (s(),), (s(0, 3),)],
)
def _sort(input: Any, dim: int = -1, descending: bool = False) -> Any:
    """The elements in order along `dim`, and where each came from."""
    return _ordered("sort", input, dim, descending)


sort_result = result_type("sort_result", "values indices")
topk_result = result_type("topk_result", "values indices")
kthvalue_result = result_type("kthvalue_result", "values indices")
median_result = result_type("median_result", "values indices")
nanmedian_result = result_type("nanmedian_result", "values indices")
mode_result = result_type("mode_result", "values indices")


def _sorts(s: Draw) -> list[tuple[Any, ...]]:
    return [(s(3, 4),), (s(3, 4), 0, True), (s(3, 4), {"descending": True}), (s(),), (s.ints(3, 5),), (s(0, 3),)]


@function(samples=_sorts)
@axis_too
def sort(input: Any, dim: int = -1, descending: bool = False, *, stable: bool = True) -> Any:
    """(values, indices) in order along `dim`, always stable; NaN counts as the largest.

    >>> autograd.sort(autograd.tensor([3, 1, 2]))
    return_types.sort(
    values=tensor([1, 2, 3]),
    indices=tensor([1, 2, 0]))
    """
    return sort_result(*_sort(input, dim, descending))


@op(None, samples=_sorts)
def argsort(input: Any, dim: int = -1, descending: bool = False, stable: bool = True) -> Any:
    """The indices that sort along `dim`, always stable; NaN counts as the largest.

    >>> autograd.argsort(autograd.tensor([3, 1, 2]))
    tensor([1, 2, 0])
    """
    return _ordered("argsort", input, dim, descending)[1]


@function(samples=lambda s: [(s(3, 4),), (s(5),), (s(0, 2),)])
def msort(input: Any) -> Any:
    """The elements in order along the first dimension.

    >>> autograd.msort(autograd.tensor([3, 1, 2]))
    tensor([1, 2, 3])
    """
    return _sort(input, 0, False)[0]


_FEW = 64  # up to how many are looked for without sorting


@op(
    lambda g, input_shape, dim, y: _from_places(g, y[1], input_shape, dim),
    aux=1,
    samples=lambda s: [(s(3, 4), 2), (s(3, 4), 2, 0, False), (s(5), 5), (s(), 1), (s(3), 0)],
)
def _topk(input: Any, k: int, dim: int = -1, largest: bool = True) -> Any:
    """The k largest (or smallest) elements along `dim` in order, and where they came from."""
    if input.dtype.kind == "b":
        raise DTypeError("topk: bools have no order worth k places; convert with to()")
    d = dim_of("topk", dim, input.ndim)
    n = input.shape[d] if input.ndim else 1
    if not 0 <= k <= n:
        raise ShapeError(f"topk: k = {k} is out of range for {n} elements along dim {dim}")
    if not input.ndim:
        return input.copy(), np.zeros((), np.int64)
    if 0 < k <= _FEW and _selected(input):
        shape = np.moveaxis(input, d, -1).shape[:-1]
        parts = [a.reshape(*shape, k) for a in kernels.top(_as_rows(input, d), k, largest)]
        values, index = (np.ascontiguousarray(np.moveaxis(a, -1, d)) for a in parts)
        return values, index
    index = np.ascontiguousarray(_order(input, d, largest)[(slice(None),) * d + (slice(k),)])
    return along(input, index, d), index


@function(samples=lambda s: [(s(3, 4), 2), (s(3, 4), 2, 0, False), (s(5), 3, {"sorted": False}), (s(), 1)])
@axis_too
def topk(input: Any, k: int, dim: int = -1, largest: bool = True, sorted: bool = True) -> Any:
    """(values, indices) of the k largest (or smallest) elements along `dim`, in order; of equal ones the first.

    >>> autograd.topk(autograd.tensor([3, 1, 2]), 2)
    return_types.topk(
    values=tensor([3, 2]),
    indices=tensor([0, 2]))
    """
    return topk_result(*_topk(input, k, dim, largest))


# ----------------------------------------------------------------------------------------- one element by its rank


def _ranked(name: str, input: Any, k: int, dim: int, keepdim: bool) -> tuple[Any, Any]:
    """The element of rank k along `dim`, and its index; k counts from 0, or is one of `_MEDIAN` and `_NANMEDIAN`."""
    d = dim_of(name, dim, input.ndim)
    if not input.ndim:
        return input.copy(), np.zeros((), np.int64)
    if not input.shape[d]:
        raise RangeError(f"{name}: dim {dim} has no elements; shape {tuple(input.shape)}")
    kept = _kept_shape(input.shape, d)
    if _selected(input):
        values, index = (a.reshape(kept) for a in kernels.ranked(_as_rows(input, d), k))
    else:
        order = _order(input, d, False)
        rank = np.full((1,) * input.ndim, k) if k >= 0 else _middle(np.take_along_axis(input, order, d), d, k)
        index = np.take_along_axis(order, np.broadcast_to(rank, kept), d)
        values = np.take_along_axis(input, index, d)
    return (values, index) if keepdim else (values.squeeze(d), index.squeeze(d))


_MEDIAN, _NANMEDIAN = -1, -2  # as for `kernels.ranked`


def _selected(input: ndarray) -> bool:
    """Whether the kernels of `select` take the input and are worth their call."""
    return input.size >= 64 and input.dtype in (dtypes.float32, dtypes.float64, dtypes.int64)


def _as_rows(input: ndarray, d: int) -> ndarray:
    return np.moveaxis(input, d, -1).reshape(-1, input.shape[d])


@op(
    lambda g, input_shape, dim, keepdim, y: _put_back(g, y[1], input_shape, dim, keepdim),
    aux=1,
    samples=lambda s: [(s(3, 4), 2), (s(3, 4), 3, 0, True), (s(), 1)],
)
def _kthvalue(input: Any, k: int, dim: int = -1, keepdim: bool = False) -> Any:
    """The k-th smallest element along `dim` and its index."""
    n = input.shape[dim_of("kthvalue", dim, input.ndim)] if input.ndim else 1
    if not n:
        raise RangeError(f"kthvalue: dim {dim} has no elements; shape {tuple(input.shape)}")
    if not 1 <= k <= n:
        raise ShapeError(f"kthvalue: k = {k} is out of range; expected 1 to {n}")
    return _ranked("kthvalue", input, k - 1, dim, keepdim)


@function(samples=lambda s: [(s(3, 4), 2), (s(3, 4), 3, 0, True), (s(), 1)])
@axis_too
def kthvalue(input: Any, k: int, dim: int = -1, keepdim: bool = False) -> Any:
    """(values, indices) of the k-th smallest element along `dim`, counted from 1.

    >>> autograd.kthvalue(autograd.tensor([3, 1, 2]), 2)
    return_types.kthvalue(
    values=tensor(2),
    indices=tensor(2))
    """
    return kthvalue_result(*_kthvalue(input, k, dim, keepdim))


def _middle(ordered: Any, d: int, kind: int) -> Any:
    """The rank of the lower median of sorted elements; for `_MEDIAN`, of the first NaN where there is one."""
    n = ordered.shape[d]
    numbers = np.count_nonzero(ordered == ordered, axis=d, keepdims=True)
    if kind == _NANMEDIAN:
        return np.maximum(numbers - 1, 0) // 2
    return np.where(numbers < n, numbers, (n - 1) // 2)


@op(
    lambda g, input_shape, dim, keepdim, y: _put_back(g, y[1], input_shape, dim, keepdim),
    aux=1,
    samples=_over_dim,
)
def _median(input: Any, dim: int, keepdim: bool = False, skip_nan: bool = False) -> Any:
    """The lower median along `dim` and its index."""
    return _ranked("median", input, _NANMEDIAN if skip_nan else _MEDIAN, dim, keepdim)


@op(
    lambda g, input, y: _evenly(g, input, None, False, y),
    samples=lambda s: [(s(3, 4), False), (s(5), True), (s(), False)],
)
def _whole_median(input: Any, skip_nan: bool) -> Any:
    """The lower median of all elements; equal ones share the gradient."""
    return _ranked("median", input.reshape(-1), _NANMEDIAN if skip_nan else _MEDIAN, 0, False)[0]


def _medians(result: Any, input: Any, dim: Any, keepdim: bool, skip_nan: bool) -> Any:
    if dim is not None:
        return result(*_median(input, dim, keepdim, skip_nan))
    if 0 in input.shape:
        if input.dtype.kind != "f":
            raise ShapeError(
                f"median: expected a nonempty tensor of {input.dtype}, which has no NaN; shape {tuple(input.shape)}"
            )
        return sum(input) + float("nan")
    return _whole_median(input, skip_nan)


@function(samples=lambda s: [*_over_dim(s), (s(3, 4),), (s(5),)])
@axis_too
def median(input: Any, dim: int | None = None, keepdim: bool = False) -> Any:
    """The median, of an even count the lower one; with a dim (values, indices). NaN where there is one.

    Without a dim equal elements share the gradient; with one it goes to the index.

    >>> autograd.median(autograd.tensor([3.0, 1.0, 2.0]))
    tensor(2.)
    """
    return _medians(median_result, input, dim, keepdim, False)


@function(samples=lambda s: [*_over_dim(s), (s(3, 4),), (s(5),)])
@axis_too
def nanmedian(input: Any, dim: int | None = None, keepdim: bool = False) -> Any:
    """`median` of the elements that are not NaN.

    >>> autograd.nanmedian(autograd.tensor([3.0, autograd.nan, 2.0]))
    tensor(2.)
    """
    return _medians(nanmedian_result, input, dim, keepdim, True)


@op(
    lambda g, input_shape, dim, keepdim, y: _put_back(g, y[1], input_shape, dim, keepdim),
    aux=1,
    samples=_over_dim,
)
def _mode(input: Any, dim: int = -1, keepdim: bool = False) -> Any:
    """The most frequent element along `dim` and the index of its last occurrence."""
    d = dim_of("mode", dim, input.ndim)
    if not input.ndim:
        return input.copy(), np.zeros((), np.int64)
    if not input.shape[d]:
        raise RangeError(f"mode: dim {dim} has no elements; shape {tuple(input.shape)}")
    order = _order(input, d, False)
    ordered = np.moveaxis(np.take_along_axis(input, order, d), d, -1)
    n = ordered.shape[-1]
    starts = np.ones(ordered.shape, bool)
    starts[..., 1:] = ordered[..., 1:] != ordered[..., :-1]
    first = np.maximum.accumulate(np.where(starts, np.arange(n), 0), axis=-1)
    # the last element of the longest run: the run's length so far is largest there, and argmax takes the smallest value
    last = np.argmax(np.arange(n) - first, axis=-1)[..., None]
    index = np.take_along_axis(order, np.moveaxis(last, -1, d), d)
    values = np.take_along_axis(input, index, d)
    return (values, index) if keepdim else (values.squeeze(d), index.squeeze(d))


@function(samples=lambda s: [(s(3, 4),), *_over_dim(s)])
@axis_too
def mode(input: Any, dim: int = -1, keepdim: bool = False) -> Any:
    """(values, indices) of the most frequent element along `dim`, the smallest of several, at its last occurrence.

    >>> autograd.mode(autograd.tensor([2, 1, 2]))
    return_types.mode(
    values=tensor(2),
    indices=tensor(2))
    """
    return mode_result(*_mode(input, dim, keepdim))


# ------------------------------------------------------------------------------------------------------ quantiles

_INTERPOLATIONS = ("linear", "lower", "higher", "midpoint", "nearest")


def _quantiles(
    name: str, input: Any, q: Any, dim: int | None, keepdim: bool, interpolation: str, skip_nan: bool
) -> Any:
    if interpolation not in _INTERPOLATIONS:
        raise NumberError(f"{name}: expected interpolation one of {', '.join(_INTERPOLATIONS)}, got {interpolation!r}")
    if input.dtype.kind != "f":
        raise DTypeError(f"{name}: expected a floating-point tensor, got {input.dtype}; convert it with float()")
    if isinstance(q, Tensor) and q.dtype != input.dtype:
        raise DTypeError(f"{name}: q is {q.dtype} and input {input.dtype}; expected one dtype")
    shape = tuple(input.shape)
    if 0 in shape:
        raise ShapeError(f"{name}: expected a nonempty input, got shape {shape}")
    wanted = np.asarray(_data(q), input.dtype) if not isinstance(q, float) else np.asarray(q, input.dtype)
    if wanted.ndim > 1:
        raise ShapeError(f"{name}: q must be a number or a vector, got shape {wanted.shape}")
    if not ((wanted >= 0) & (wanted <= 1)).all():
        raise NumberError(f"{name}: q must lie in [0, 1], got {wanted}")
    if dim is None:
        ordered, d = _sort(_reshape(input, (-1,)), 0, False)[0], 0
        kept = (1,) * len(shape)
    else:
        d = dim_of(name, dim, len(shape))
        input = input if shape else _reshape(input, (1,))
        ordered, kept = _sort(input, d, False)[0], _kept_shape(shape, d)
    n = ordered.shape[d]
    data = _data(ordered)
    numbers = np.count_nonzero(data == data, axis=d, keepdims=True)
    last = np.maximum(numbers - 1, 0) if skip_nan else np.full_like(numbers, n - 1)
    # ranks along d, one a quantile; where a NaN counts, the last, which is it
    lengths = tuple(wanted.size if i == d else 1 for i in range(data.ndim))
    rank = _reshape(q if isinstance(q, Tensor) else wanted, lengths) * last.astype(input.dtype)
    if not skip_nan:
        rank = _where(numbers < n, float(n - 1), rank)
    place = _data(rank)
    rounding = {"nearest": np.rint, "higher": np.ceil}.get(interpolation, np.floor)
    low = rounding(place)
    out = _gather(ordered, low.astype(np.int64), d)
    if interpolation in ("linear", "midpoint"):
        high = np.ceil(place)
        above = _where(high == low, out, _gather(ordered, high.astype(np.int64), d))
        out = lerp(out, above, rank - low if interpolation == "linear" else 0.5)
    return _arranged(out, d, wanted, kept, shape, dim, keepdim)


def _arranged(
    out: Any, d: int, wanted: ndarray, kept: tuple[int, ...], shape: tuple[int, ...], dim: Any, keepdim: bool
) -> Any:
    """The quantiles' dimension first, or gone for a single number; the reduced one as keepdim asks."""
    from .shape import movedim

    rest = kept if keepdim else () if dim is None else tuple(n for i, n in enumerate(shape) if i != d)
    return _reshape(movedim(out, d, 0), (*wanted.shape, *rest))


def _quantile_samples(s: Draw) -> list[tuple[Any, ...]]:
    return [
        (s(3, 4), 0.3), (s(3, 4), 0.3, 1), (s(3, 5), np.array([0.1, 0.55]), 1), (s(3, 5), 0.6, 0, True), (s(), 0.5),
        *((s(3, 5), 0.3, 1, False, {"interpolation": way}) for way in _INTERPOLATIONS),
    ]  # fmt: skip


@function(samples=_quantile_samples)
@axis_too
def quantile(
    input: Any, q: Any, dim: int | None = None, keepdim: bool = False, *, interpolation: str = "linear"
) -> Any:
    """The q-quantiles over one dim or all, q a number or a vector, whose dimension comes first. NaN where there is one.

    interpolation: "linear", "lower", "higher", "midpoint" or "nearest". Raises ValueError for q outside [0, 1].

    >>> autograd.quantile(autograd.tensor([1.0, 2.0, 4.0]), 0.5)
    tensor(2.)
    """
    real_only("quantile", input, q)
    return _quantiles("quantile", input, q, dim, keepdim, interpolation, False)


@function(samples=_quantile_samples)
@axis_too
def nanquantile(
    input: Any, q: Any, dim: int | None = None, keepdim: bool = False, *, interpolation: str = "linear"
) -> Any:
    """`quantile` of the elements that are not NaN.

    >>> autograd.nanquantile(autograd.tensor([1.0, autograd.nan, 3.0]), 0.5)
    tensor(2.)
    """
    real_only("nanquantile", input, q)
    return _quantiles("nanquantile", input, q, dim, keepdim, interpolation, True)


# ------------------------------------------------------------------------------------------------ distinct values


def _uniques(s: Draw) -> list[tuple[Any, ...]]:
    return [(s.ints(3, 6),), (s.ints(3, 2, 4),), (s(3),), (s.ints(2, 4, 2), {"dim": 0, "return_counts": True})]


def _results(like: Any, values: Any, inverse: Any, counts: Any, return_inverse: bool, return_counts: bool) -> Any:
    outs = [_like(values, like)]
    if return_inverse:
        outs.append(_like(inverse.astype(np.int64, copy=False), like))
    if return_counts:
        outs.append(_like(counts.astype(np.int64, copy=False), like))
    return outs[0] if len(outs) == 1 else tuple(outs)


def _comparable(name: str, x: ndarray, d: int | None) -> None:
    if d is not None and 0 in x.shape[:d] + x.shape[d + 1 :]:
        raise ShapeError(f"{name}: slices along dim {d} of shape {x.shape} hold nothing to compare")


@function(samples=_uniques)
def unique(
    input: Any, sorted: bool = True, return_inverse: bool = False, return_counts: bool = False, dim: int | None = None
) -> Any:
    """The distinct elements in order (or the distinct slices along `dim`), where each went, how many each is.

    No gradient. Every NaN is distinct, as in torch.

    >>> autograd.unique(autograd.tensor([3, 1, 3]))
    tensor([1, 3])
    """
    real_only("unique", input)
    x = _data(input)
    d = None if dim is None else dim_of("unique", dim, x.ndim)
    _comparable("unique", x, d)
    values, inverse, counts = np.unique(x, return_inverse=True, return_counts=True, axis=d, equal_nan=False)
    return _results(input, values, inverse.reshape(x.shape if d is None else -1), counts, return_inverse, return_counts)


@function(samples=lambda s: [(s.ints(2, 6),), (s.ints(2, 2, 4),), (s.ints(2, 4, 1), {"dim": 0, "return_counts": True})])
def unique_consecutive(
    input: Any, return_inverse: bool = False, return_counts: bool = False, dim: int | None = None
) -> Any:
    """The elements (or slices along `dim`) without those equal to the one before, where each went, how many each is.

    >>> autograd.unique_consecutive(autograd.tensor([3, 3, 1, 3]))
    tensor([3, 1, 3])
    """
    real_only("unique_consecutive", input)
    x = _data(input)
    d = None if dim is None else dim_of("unique_consecutive", dim, x.ndim)
    _comparable("unique_consecutive", x, d)
    rows = x.reshape(-1, 1) if d is None else np.moveaxis(x, d, 0).reshape(x.shape[d], x.size // max(x.shape[d], 1))
    starts = np.ones(len(rows), bool)
    starts[1:] = (rows[1:] != rows[:-1]).any(1)
    at = np.flatnonzero(starts)
    values = x.reshape(-1)[at] if d is None else np.take(x, at, axis=d)
    inverse = np.cumsum(starts) - 1
    counts = np.diff(np.append(at, len(rows)))
    return _results(
        input, values, inverse.reshape(x.shape) if d is None else inverse, counts, return_inverse, return_counts
    )


# ------------------------------------------------------------------------------------------- searching and counting


@function(
    samples=lambda s: [
        (np.sort(s(5)), s(2, 3)), (np.sort(s(2, 5)), s(2, 3)), (np.sort(s(5)), 0.3),
        (np.sort(s(5)), s(3), {"right": True}),
    ],
    method=False,
)  # fmt: skip
def searchsorted(
    sorted_sequence: Any,
    input: Any,
    *,
    out_int32: bool = False,
    right: bool = False,
    side: str | None = None,
    sorter: Any = None,
) -> Any:
    """Where along the last dimension of sorted_sequence each element would go: before its equals, or after if right.

    >>> autograd.searchsorted(autograd.tensor([0, 2, 4]), autograd.tensor([1, 5]))
    tensor([1, 3])
    """
    real_only("searchsorted", sorted_sequence, input)
    ndim_of("searchsorted", "sorted_sequence", sorted_sequence)
    edges, x = _data(sorted_sequence), np.asarray(_data(input))
    if side not in (None, "left", "right"):
        raise NumberError(f"searchsorted: expected side 'left' or 'right', got {side!r}")
    if side == "left" and right:
        raise NumberError("searchsorted: side 'left' contradicts right=True")
    if sorter is not None:
        edges = np.take_along_axis(edges, _data(sorter), -1)
    if edges.ndim != 1 and edges.shape[:-1] != x.shape[:-1]:
        raise ShapeError(
            f"searchsorted: the first dimensions of sorted_sequence {edges.shape} and input {x.shape} must agree; "
            "or give a sequence of one dimension"
        )
    way: Any = side or ("right" if right else "left")
    if edges.ndim == 1:
        found = np.searchsorted(edges, x, way)
    else:
        found = np.empty(x.shape, np.int64)
        for place in np.ndindex(x.shape[:-1]):
            found[place] = np.searchsorted(edges[place], x[place], way)
    return _like(np.asarray(found, np.int32 if out_int32 else np.int64), sorted_sequence, input)


@function(samples=lambda s: [(s(2, 3), np.sort(s(5))), (0.3, np.sort(s(5)))], method=False)
def bucketize(input: Any, boundaries: Any, *, out_int32: bool = False, right: bool = False) -> Any:
    """The number of the interval between `boundaries` that each element falls into.

    >>> autograd.bucketize(autograd.tensor([1, 5]), autograd.tensor([0, 2, 4]))
    tensor([1, 3])
    """
    real_only("bucketize", input, boundaries)
    if ndim_of("bucketize", "boundaries", boundaries) != 1:
        raise ShapeError(f"bucketize: boundaries must be a vector, got shape {tuple(boundaries.shape)}")
    return searchsorted(boundaries, input, out_int32=out_int32, right=right)


@op(
    None,
    lambda g, input: index_select(g, 0, input),
    samples=lambda s: [(s.ints(5, 7), None), (s.ints(5, 7), s(7), 8), (s.ints(5, 0), s(0))],
)
def _bincount(input: Any, weights: Any = None, minlength: int = 0) -> Any:
    """How often each of 0, 1, 2, ... occurs."""
    if input.ndim != 1 or input.dtype.kind == "f":
        raise DTypeError(f"bincount: expected a vector of integers, got shape {input.shape}, {input.dtype}")
    if input.size and input.min() < 0:
        raise NumberError(f"bincount: expected integers >= 0, got {input.min()}")
    if weights is not None and weights.shape != input.shape:
        raise ShapeError(f"bincount: weights {weights.shape} and input {input.shape} must have the same shape")
    counts = np.bincount(input, weights, minlength)
    return counts if weights is None or weights.dtype != dtypes.float32 else counts.astype(np.float32)


@function(samples=lambda s: [(s.ints(5, 7),), (s.ints(5, 7), s(7)), (s.ints(5, 7), {"minlength": 9})])
def bincount(input: Any, weights: Any = None, minlength: int = 0) -> Any:
    """How often each of 0, 1, 2, ... occurs in a vector of integers, or the sums of their weights.

    >>> autograd.bincount(autograd.tensor([0, 2, 2]))
    tensor([1, 0, 2])
    """
    return _bincount(input, weights, minlength)


@op(None, samples=lambda s: [(s(20),), (s(3, 4), 5, -1.0, 1.5), (s(0), 4)])
def histc(input: Any, bins: int = 100, min: float = 0, max: float = 0) -> Any:
    """Counts in `bins` equal intervals of [min, max], by default the input's own range; others are not counted.

    >>> autograd.histc(autograd.tensor([1.0, 2.0, 4.0]), bins=3, min=0, max=6)
    tensor([1., 1., 1.])
    """
    if input.dtype.kind != "f":
        raise DTypeError(f"histc: expected a floating-point tensor, got {input.dtype}")
    if bins <= 0:
        raise NumberError(f"histc: expected bins > 0, got {bins}")
    if min > max:
        raise NumberError(f"histc: min {min} is larger than max {max}")
    low, high = float(min), float(max)
    if low == high and input.size:
        low, high = float(input.min()), float(input.max())
    if low == high:
        low, high = low - 1, high + 1
    if not np.isfinite([low, high]).all():
        raise NumberError(f"histc: the range [{low}, {high}] is not finite")
    inside = input[(input >= low) & (input <= high)]
    place = ((inside - low) / (high - low) * bins).astype(np.int64)
    return np.bincount(np.minimum(place, bins - 1), minlength=bins).astype(input.dtype)
