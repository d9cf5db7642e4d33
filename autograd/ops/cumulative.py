"""Running sums, products and extremes along one dimension, differences, and the trapezoidal rule."""

from __future__ import annotations

from math import inf
from typing import Any

import numpy as np
from numpy import ndarray

from .. import dtypes
from ..errors import DTypeError, NumberError, ShapeError
from ..forms import result_type
from ..kernels import scan
from ..kernels import special as kernels
from ..kernels.quiet import quiet
from ..op import function, op
from ..samples import Draw
from .alias import axis_too
from .chain import times
from .compare import _where
from .dims import dim_of
from .elementwise import exp
from .index import _gather_sum


def _along(s: Draw) -> list[tuple[Any, ...]]:
    """Every form of one dim, with empty and 0-dim inputs."""
    return [(s(3, 4), 1), (s(3, 4), -2), (s(2, 3, 2), 1), (s(), 0), (s(5), {"dim": -1}), (s(0, 3), 0), (s(2, 0), 1)]


def _wide(name: str, input: Any, dtype: Any) -> Any:
    """The input in `dtype`; without one, integers and bools as int64."""
    if dtype is not None:
        target = dtypes.as_dtype(dtype)
        if target == dtypes.bool_:
            raise DTypeError(f"{name}: dtype is bool; expected numbers, compare the result with 0")
        dtypes.fits(name, target, input)
        return input.astype(target, copy=False)
    return input if input.dtype.kind in "fc" else input.astype(dtypes.int64, copy=False)


def _accumulated(combine: np.ufunc, x: ndarray, d: int, reverse: bool = False) -> ndarray:
    """Running `combine`, from the end where `reverse`; float32 is carried in float64, since errors add up along the way."""
    if _in_kernel(x):
        return scan.running(x, d, combine is np.multiply, reverse)
    x = np.flip(x, d) if reverse else x
    if x.dtype == dtypes.float32:
        y = combine.accumulate(x, axis=d, dtype=np.float64).astype(np.float32)
    else:
        y = combine.accumulate(x, axis=d)
        y = y if x.dtype.kind in "fc" else y.astype(x.dtype, copy=False)  # numpy widens small integers
    return np.flip(y, d) if reverse else y


def _in_kernel(x: Any) -> bool:
    """Whether the kernels of `scan` take x and are worth their call."""
    return type(x) is ndarray and x.size >= 256 and x.dtype in (dtypes.float32, dtypes.float64)


@op(lambda g, input_shape, dim: _cumsum_back(g, dim), samples=_along, inplace=True)
@quiet
def cumsum(input: Any, dim: int, dtype: Any = None) -> Any:
    """The running sum along `dim`, in `dtype`; integers and bools become int64.

    >>> autograd.cumsum(autograd.tensor([1.0, 2.0, 4.0]), 0)
    tensor([1., 3., 7.])
    """
    d = dim_of("cumsum", dim, input.ndim)
    x = _wide("cumsum", input, dtype)
    return _accumulated(np.add, x, d) if x.ndim else x.copy()


@op(lambda g, dim: cumsum(g, dim), samples=_along)
@quiet
def _cumsum_back(input: Any, dim: int) -> Any:
    """The running sum from the end."""
    d = dim_of("cumsum", dim, np.ndim(input))
    return _accumulated(np.add, input, d, True) if np.ndim(input) else np.array(input)


# Products: with P the running product and x_j the factors, the gradient of x_i is P_(i-1) S_i, where
# S_i = g_i + x_(i+1) S_(i+1) is a linear recurrence from the end. Nothing is divided, so zeros among the factors are no
# exception, in any order.


@op(
    lambda g, dim, step: _shifted(g, dim, -step, 0.0),
    samples=lambda s: [(s(3, 4), 1, 1, 0.0), (s(3, 4), 0, -1, 1.0), (s(0, 2), 1, 1, 1.0), (s(0, 2), 0, 1, 1.0)],
)
def _shifted(input: Any, dim: int, step: int, fill: float) -> Any:
    """The input moved by one place along `dim`, up for step 1 and down for -1; `fill` at the end left free."""
    y = np.empty_like(input)
    at: tuple[Any, ...] = (slice(None),) * dim
    n = input.shape[dim]
    into, free, source = (
        (slice(1, None), slice(0, 1), slice(0, n - 1))
        if step > 0
        else (slice(0, n - 1), slice(n - 1, n), slice(1, None))
    )
    if n:
        y[(*at, into)] = input[(*at, source)]
        y[(*at, free)] = fill
    return y


@op(
    lambda g, factor, dim, reverse: _carry(g, factor, dim, not reverse),
    lambda g, factor, y, dim, reverse: (
        _shifted(_carry(g, factor, dim, False), dim, 1, 0.0) * y
        if reverse
        else _carry(g, factor, dim, True) * _shifted(y, dim, 1, 0.0)
    ),
    samples=lambda s: [(s(3, 4), s(3, 4), 1, True), (s(2, 3, 2), s(2, 3, 2), 1, False), (s(0, 2), s(0, 2), 0, True)],
)
def _carry(input: Any, factor: Any, dim: int, reverse: bool) -> Any:
    """y[n] = input[n] + factor[n] y[n - 1] along `dim`; from the end, y[n] = input[n] + factor[n + 1] y[n + 1]."""
    if input.dtype.kind == "c" or factor.dtype.kind == "c":
        return _carried(input, factor, dim, reverse)
    return kernels.carry(input, factor.astype(input.dtype, copy=False), dim, reverse)


def _carried(input: ndarray, factor: ndarray, dim: int, reverse: bool) -> ndarray:
    """`_carry` of complex numbers, place by place."""
    y = np.array(np.broadcast_to(input, np.broadcast_shapes(input.shape, factor.shape)), np.result_type(input, factor))
    rows, factors = np.moveaxis(y, dim, 0), np.moveaxis(factor, dim, 0)
    n = len(rows)
    for k in range(n - 2, -1, -1) if reverse else range(1, n):
        rows[k] += factors[k + 1] * rows[k + 1] if reverse else factors[k] * rows[k - 1]
    return y


def _cumprod_pull(g: Any, input: Any, dim: int, y: Any) -> Any:
    if not len(input.shape):
        return g
    d = dim_of("cumprod", dim, len(input.shape))
    if type(g) is ndarray and type(y) is ndarray and _in_kernel(input) and g.dtype == y.dtype == input.dtype:
        return scan.product_pull(g, input, y, d)
    return times(_carry(g, input, d, True), _shifted(y, d, 1, 1.0))


@op(lambda g, input, dim, y: _cumprod_pull(g, input, dim, y), samples=_along, inplace=True)
@quiet
def cumprod(input: Any, dim: int, dtype: Any = None) -> Any:
    """The running product along `dim`, in `dtype`; integers become int64. The gradient is right at zeros too.

    >>> autograd.cumprod(autograd.tensor([1.0, 2.0, 4.0]), 0)
    tensor([1., 2., 8.])
    """
    d = dim_of("cumprod", dim, input.ndim)
    x = _wide("cumprod", input, dtype)
    return _accumulated(np.multiply, x, d) if x.ndim else x.copy()


def _logcumsumexp_pull(g: Any, input: Any, dim: int, y: Any) -> Any:
    """sum over j >= i of g_j exp(x_i - y_j), as a recurrence whose factors exp(y_(j-1) - y_j) are at most 1."""
    if not len(input.shape):
        return g
    d = dim_of("logcumsumexp", dim, len(input.shape))
    y = _where(y == -inf, 0.0, y)  # nothing but -inf so far: exp(x) below is 0 there
    return times(exp(input - y), _carry(g, exp(_shifted(y, d, 1, -inf) - y), d, True))


@op(lambda g, input, dim, y: _logcumsumexp_pull(g, input, dim, y), samples=_along)
@quiet
def logcumsumexp(input: Any, dim: int) -> Any:
    """The logarithm of the running sum of exponentials along `dim`, without overflow.

    >>> autograd.logcumsumexp(autograd.zeros(3), 0)
    tensor([0.0000, 0.6931, 1.0986])
    """
    d = dim_of("logcumsumexp", dim, input.ndim)
    if input.dtype.kind != "f":
        raise DTypeError(f"logcumsumexp: input is {input.dtype}; expected float32 or float64, convert with to()")
    return np.logaddexp.accumulate(input, axis=d) if input.ndim else input.copy()


# ---------------------------------------------------------------------------------------------------- extremes


def _running(name: str, combine: np.ufunc, input: Any, dim: int) -> tuple[Any, Any]:
    d = dim_of(name, dim, input.ndim)
    if not input.ndim:
        return input.copy(), np.zeros((), np.int64)
    if _in_kernel(input):
        return scan.extremes(input, d, combine is np.maximum)
    values = combine.accumulate(input, axis=d)
    places = np.arange(input.shape[d]).reshape((-1,) + (1,) * (input.ndim - 1 - d))
    found = np.where((input == values) | (input != input), places, 0)
    return values, np.maximum.accumulate(found, axis=d)


def _to_places(g: Any, index: Any, shape: tuple[int, ...], dim: int) -> Any:
    return _gather_sum(g, index, shape, dim_of("cummax", dim, len(shape))) if shape else g


@op(lambda g, input_shape, dim, y: _to_places(g, y[1], input_shape, dim), aux=1, samples=_along)
def _cummax(input: Any, dim: int) -> Any:
    """The running maximum along `dim` and the index of its last occurrence so far."""
    return _running("cummax", np.maximum, input, dim)


@op(lambda g, input_shape, dim, y: _to_places(g, y[1], input_shape, dim), aux=1, samples=_along)
def _cummin(input: Any, dim: int) -> Any:
    """The running minimum along `dim` and the index of its last occurrence so far."""
    return _running("cummin", np.minimum, input, dim)


cummax_result = result_type("cummax_result", "values indices")
cummin_result = result_type("cummin_result", "values indices")


@function(samples=_along)
@axis_too
def cummax(input: Any, dim: int) -> Any:
    """(values, indices) of the running maximum along `dim`: of equal elements the last; a NaN stays.

    >>> autograd.cummax(autograd.tensor([1.0, 3.0, 2.0]), 0).values
    tensor([1., 3., 3.])
    """
    return cummax_result(*_cummax(input, dim))


@function(samples=_along)
@axis_too
def cummin(input: Any, dim: int) -> Any:
    """(values, indices) of the running minimum along `dim`: of equal elements the last; a NaN stays.

    >>> autograd.cummin(autograd.tensor([2.0, 3.0, 1.0]), 0).values
    tensor([2., 2., 1.])
    """
    return cummin_result(*_cummin(input, dim))


# ------------------------------------------------------------------------------------------------- differences


def _part(x: Any, d: int, start: int | None, stop: int | None) -> Any:
    return x[(slice(None),) * d + (slice(start, stop),)]


@function(
    samples=lambda s: [
        (s(3, 4),),
        (s(3, 4), 2),
        (s(4, 3), 1, 0),
        (s(3), 1, -1, s(1), s(2)),
        (s.bools(4),),
        (s(3), 0),
    ]
)
@axis_too
def diff(input: Any, n: int = 1, dim: int = -1, prepend: Any = None, append: Any = None) -> Any:
    """The n-th difference of neighbours along `dim`, `prepend` and `append` joined on first; of bools, `^`.

    >>> autograd.diff(autograd.tensor([1.0, 2.0, 4.0]))
    tensor([1., 2.])
    """
    from .join import cat

    if not len(input.shape):
        raise ShapeError("diff: expected a tensor of at least one dimension, got a 0-dim one")
    if n < 0:
        raise NumberError(f"diff: expected n >= 0, got {n}")
    d = dim_of("diff", dim, len(input.shape))
    if not n:
        return input
    if prepend is not None or append is not None:
        input = cat([part for part in (prepend, input, append) if part is not None], d)
    boolean = str(input.dtype) == "bool"
    for _ in range(min(n, input.shape[d])):
        later, earlier = _part(input, d, 1, None), _part(input, d, 0, input.shape[d] - 1)
        input = later ^ earlier if boolean else later - earlier
    return input


def _spacing(y: Any, x: Any, dx: Any, d: int) -> Any:
    """The widths of the intervals along dimension d: a number, or a tensor that broadcasts."""
    if x is None:
        return 1.0 if dx is None else dx
    if len(x.shape) == 1:
        if x.shape[0] != y.shape[d]:
            raise ShapeError(f"trapezoid: {x.shape[0]} points in x for {y.shape[d]} values of y along dim {d}")
        return (_part(x, 0, 1, None) - _part(x, 0, 0, x.shape[0] - 1))[
            (slice(None),) + (None,) * (len(y.shape) - 1 - d)
        ]
    a = d - len(y.shape) + len(x.shape)
    return _part(x, a, 1, None) - _part(x, a, 0, x.shape[a] - 1)


def _trapezoids(name: str, y: Any, x: Any, dx: Any, dim: int) -> tuple[Any, int]:
    if np.dtype(y.dtype).kind == "b":
        raise DTypeError(f"{name}: expected y of numbers, got bools; cast with to()")
    if isinstance(x, (int, float)):
        x, dx = None, x
    if not isinstance(dim, int):
        raise DTypeError(f"{name}: dim must be an int, got {type(dim).__name__}")
    d = dim_of(name, dim, len(y.shape))
    n = y.shape[d]
    return (_part(y, d, 1, None) + _part(y, d, 0, max(n - 1, 0))) * _spacing(y, x, dx, d) * 0.5, d


_CURVES = lambda s: [(s(3, 4),), (s(3, 4), s(4)), (s(4, 3), {"dim": 0}), (s(3, 4), {"dx": 0.5}), (s(3, 4), s(3, 4))]


@function(samples=_CURVES, method=False)
def trapezoid(y: Any, x: Any = None, *, dx: Any = None, dim: int = -1) -> Any:
    """The integral of y along `dim` by the trapezoidal rule, at points x (or dx apart, by default 1).

    >>> autograd.trapezoid(autograd.tensor([1.0, 2.0, 4.0]))
    tensor(4.5000)
    """
    from .reduce import sum

    d = dim if isinstance(dim, int) and -len(y.shape) <= dim < len(y.shape) else None
    even = x is None or isinstance(x, (int, float))
    if even and d is not None and y.shape[d] > 1 and np.dtype(y.dtype).kind == "f":  # all but the ends count in full
        ends = _part(y, d % len(y.shape), 0, 1) + _part(y, d % len(y.shape), y.shape[d] - 1, None)
        width = dx if x is None else x
        return (sum(y, d) - sum(ends, d) * 0.5) * (1.0 if width is None else width)
    areas, d = _trapezoids("trapezoid", y, x, dx, dim)
    return sum(areas, d)


@function(samples=_CURVES, method=False)
def cumulative_trapezoid(y: Any, x: Any = None, *, dx: Any = None, dim: int = -1) -> Any:
    """The running integral of y along `dim` by the trapezoidal rule, one element shorter than y.

    >>> autograd.cumulative_trapezoid(autograd.tensor([1.0, 2.0, 4.0]))
    tensor([1.5000, 4.5000])
    """
    areas, d = _trapezoids("cumulative_trapezoid", y, x, dx, dim)
    return cumsum(areas, d)


@function(samples=_CURVES, method=False)
def trapz(y: Any, x: Any = None, *, dx: Any = None, dim: int = -1) -> Any:
    """`trapezoid`.

    >>> autograd.trapz(autograd.tensor([1.0, 2.0, 4.0]))
    tensor(4.5000)
    """
    return trapezoid(y, x, dx=dx, dim=dim)
