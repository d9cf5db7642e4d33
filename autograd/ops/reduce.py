"""Reductions: sums, means, variances, extremes, norms and counts over one dimension, several or all."""

from __future__ import annotations

from builtins import max as _larger
from collections.abc import Callable
from math import inf
from math import prod as _product
from typing import Any

import numpy as np
from numpy import ndarray

from .. import dtypes
from ..errors import DTypeError, NumberError, RangeError, ShapeError
from ..forms import result_type
from ..kernels import extremes, moments, scan, softmax
from ..kernels import reduce as kernels
from ..kernels.blocks import Blocks, blocks
from ..kernels.order import lies_channels_last
from ..kernels.quiet import quiet
from ..op import function, op
from ..samples import Draw
from ..tensor import Tensor
from .alias import axis_too
from .arithmetic import pow
from .chain import _zero, times
from .compare import _where, isnan, maximum, minimum
from .cumulative import _shifted, cumprod
from .dims import dim_of, dims_of
from .elementwise import abs as _abs
from .elementwise import exp, sgn
from .index import _gather_sum, along
from .shape import _reshape


def _axes(name: str, dim: Any, ndim: int) -> tuple[int, ...] | None:
    """The reduced axes as numpy wants them; None for all. A 0-dim tensor has a dimension 0, as in torch."""
    if dim is None or (isinstance(dim, (tuple, list)) and not dim):
        return None
    axes = dims_of(name, dim, ndim)
    return axes if ndim else None


def _kept_shape(shape: tuple[int, ...], dim: Any, name: str = "reduce") -> tuple[int, ...]:
    axes = _axes(name, dim, len(shape))
    return tuple(1 if axes is None or i in axes else n for i, n in enumerate(shape))


def _kept(g: Any, shape: tuple[int, ...], dim: Any, keepdim: bool) -> Any:
    """The gradient of a reduction of `shape` with the reduced dimensions put back as 1, so that it broadcasts."""
    return g if keepdim or dim is None or not shape else _reshape(g, _kept_shape(shape, dim))


def _count(shape: tuple[int, ...], dim: Any, name: str = "reduce") -> int:
    """How many elements fall into one element of the result."""
    axes = _axes(name, dim, len(shape))
    return _product(shape) if axes is None else _product(shape[a] for a in axes)


def _over_dims(s: Draw) -> list[tuple[Any, ...]]:
    """Every form of dim and keepdim, for reductions of any number of dimensions."""
    return [
        (s(3, 4),), (s(3, 4), 1), (s(3, 4), -2, True), (s(2, 3, 4), (0, 2)), (s(2, 3, 4), (-1, 0), True), (s(),),
        (s(), 0),
        (s(2, 3, 2), None, True), (s(3), {"dim": 0}),
    ]  # fmt: skip


def _over_dim(s: Draw) -> list[tuple[Any, ...]]:
    """Every form of one dim."""
    return [(s(3, 4), 1), (s(3, 4), -2, True), (s(2, 3, 4), 1), (s(), 0), (s(5), {"dim": -1})]


def _with_empty(samples: Callable[[Draw], list[tuple[Any, ...]]]) -> Callable[[Draw], list[tuple[Any, ...]]]:
    return lambda s: [*samples(s), (s(0, 3),), (s(0, 3), 0), (s(0, 3), 1)]


def _in_dtype(name: str, input: Any, dtype: Any) -> Any:
    target = dtypes.as_dtype(dtype)
    dtypes.fits(name, target, input)
    return input.astype(target, copy=False)


def _floating(name: str, input: Any) -> None:
    if input.dtype.kind not in "fc":
        raise DTypeError(
            f"{name}: expected a floating-point tensor, got {input.dtype}; convert it with float() or to()"
        )


# -------------------------------------------------------------------------------------------------------- sums


@quiet
def _sum(x: ndarray, axes: tuple[int, ...] | None, keepdim: bool = False) -> Any:
    """The sum over `axes` in x's dtype."""
    return kernels.reduced(np.add, x, axes, keepdim)


def _sum_pull(g: Any, shape: tuple[int, ...], dim: Any, keepdim: bool, factor: float = 1.0) -> Any:
    """g times a factor, put back so that it broadcasts; of many rows spread over them, which numpy does one by one."""
    if factor != 1:
        g = g * factor
    if (
        type(g) is ndarray
        and g.size >= _ROWS
        and g.dtype.char in "fd"
        and _axes("sum", dim, len(shape)) == (len(shape) - 1,)
    ):
        return moments.spread(g.reshape(-1), (g.size, shape[-1], 1)).reshape(shape)
    return _kept(g, shape, dim, keepdim)


_ROWS = 64  # rows from where on a kernel spreads numbers over them


@op(lambda g, input_shape, dim, keepdim: _sum_pull(g, input_shape, dim, keepdim), samples=_with_empty(_over_dims))
def sum(input: Any, dim: Any = None, keepdim: bool = False, dtype: Any = None) -> Any:
    """The sum over `dim` (an int, several, or all), in `dtype`; integers and bools become int64. Of nothing: 0.

    >>> autograd.sum(autograd.tensor([[1.0, 4.0], [3.0, 2.0]]), 1)
    tensor([5., 5.])
    """
    if dtype is None and dim is None and input.dtype.kind == "b":  # counted at a fraction of the cost
        return np.full((1,) * input.ndim if keepdim else (), np.count_nonzero(input), dtypes.int64)
    if dtype is not None:
        input = _in_dtype("sum", input, dtype)
    elif input.dtype.kind not in "fc":
        input = input.astype(dtypes.int64, copy=False)
    y = _sum(input, None if dim is None else _axes("sum", dim, input.ndim), keepdim)
    return y if input.dtype.kind in "fc" else y.astype(input.dtype, copy=False)  # numpy widens small integers


@op(
    lambda g, input_shape, dim, keepdim: _sum_pull(
        g, input_shape, dim, keepdim, 1.0 / _larger(_count(input_shape, dim), 1)
    ),
    samples=_over_dims,
)
@quiet
def mean(input: Any, dim: Any = None, keepdim: bool = False, dtype: Any = None) -> Any:
    """The mean over `dim` (an int, several, or all). Of nothing: NaN. Raises TypeError for integers without `dtype`.

    >>> autograd.mean(autograd.tensor([[1.0, 4.0], [3.0, 2.0]]), 1)
    tensor([2.5000, 2.5000])
    """
    if dtype is not None:
        input = _in_dtype("mean", input, dtype)
    _floating("mean", input)
    total = kernels.reduced(np.add, input, None if dim is None else _axes("mean", dim, input.ndim), keepdim)
    n = input.size // total.size if total.size else _count(input.shape, dim)
    return np.true_divide(total, input.dtype.type(n))


@function(samples=_with_empty(_over_dims))
@axis_too
def nansum(input: Any, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Any:
    """`sum` with NaN taken as 0.

    >>> autograd.nansum(autograd.tensor([1.0, autograd.nan, 3.0]))
    tensor(4.)
    """
    return sum(_where(isnan(input), 0, input), dim, keepdim, dtype)


@function(samples=_over_dims)
@axis_too
def nanmean(input: Any, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Any:
    """`mean` of the elements that are not NaN; NaN where there are none.

    >>> autograd.nanmean(autograd.tensor([1.0, autograd.nan, 3.0]))
    tensor(2.)
    """
    _floating("nanmean", input)
    return nansum(input, dim, keepdim, dtype=dtype) / sum(isnan(input) == False, dim, keepdim)  # noqa: E712


def _others(x: Any, d: int) -> Any:
    """At each place along d the product of all other elements: those before times those after, without a division."""
    from .arrange import flip

    before = _shifted(cumprod(x, d), d, 1, 1.0)
    return before * flip(_shifted(cumprod(flip(x, (d,)), d), d, 1, 1.0), (d,))


def _prod_pull(g: Any, input: Any, dim: int | None, keepdim: bool) -> Any:
    shape = tuple(input.shape)
    if not shape:
        return g
    plan = _block(g, input, dim)
    if plan is not None:
        return plan.like(scan.others(plan.given(g), plan.flat(input).reshape(plan.steps[0])))
    if dim is None:
        return g * _reshape(_others(_reshape(input, (-1,)), 0), shape)
    return _kept(g, shape, dim, keepdim) * _others(input, dim_of("prod", dim, len(shape)))


@op(
    lambda g, input, dim, keepdim: _prod_pull(g, input, dim, keepdim),
    samples=lambda s: [*_with_empty(_over_dim)(s), (s(2, 3),), (np.array([[0.0, 2, 3], [0, 0, 5], [1, 2, 4]]), 1)],
)
@quiet
def prod(input: Any, dim: int | None = None, keepdim: bool = False, dtype: Any = None) -> Any:
    """The product over one dim or all, in `dtype`; integers become int64. Of nothing: 1. Its gradient is right at 0.

    >>> autograd.prod(autograd.tensor([1.0, 2.0, 4.0]))
    tensor(8.)
    """
    if dtype is not None:
        input = _in_dtype("prod", input, dtype)
    elif input.dtype.kind not in "fc":
        input = input.astype(dtypes.int64, copy=False)
    if dim is None:
        y = np.asarray(kernels.reduced(np.multiply, input, None))
    else:
        d = dim_of("prod", dim, input.ndim)
        y = kernels.reduced(np.multiply, input, (d,), keepdim) if input.ndim else input.copy()
    return y if input.dtype.kind in "fc" else y.astype(input.dtype, copy=False)


# ---------------------------------------------------------------------------------------------------- variance


def _var_pull(g: Any, input: Any, dim: Any, correction: float, keepdim: bool, centre: Any = None) -> Any:
    """2 (x - mean) / (n - correction) * g."""
    shape = tuple(input.shape)
    free = _larger(_count(shape, dim) - correction, 0)
    scale = 2.0 / free if free else inf
    plan = _block(g, input, dim)
    if plan is not None:
        return _spread(plan, np.asarray(g * input.dtype.type(scale)), input, centre)
    centre = mean(input, dim, True) if type(g) is not ndarray else centre.astype(input.dtype)
    return times(_kept(g, shape, dim, keepdim), (input - centre) * scale)


def _spread(plan: Blocks, f: ndarray, input: ndarray, centre: ndarray | None = None) -> ndarray:
    """f (input - centre), f and centre of the shape of the reduction; without a centre f input. 0 where f is 0."""
    means = None if centre is None else plan.given(centre)
    return plan.like(moments.spread(plan.given(f), plan.steps[0], plan.flat(input), means))


def _over_dims_corrected(s: Draw) -> list[tuple[Any, ...]]:
    return [
        (s(3, 4),), (s(3, 4), 1), (s(3, 4), -2, 0, True), (s(2, 3, 4), (0, 2), 2), (s(2, 3, 4), (-1, 0), 1, True),
        (s(5), 0, 0.5),
        (s(2, 3, 2), None, 0, True),
    ]  # fmt: skip


def _moments(input: Any, axes: tuple[int, ...] | None, n: int) -> tuple[Any, Any]:
    """The mean of each n elements over `axes`, which stay as 1, and the sum of squared deviations from it; by kernels both
    are float64."""
    plan = _block(input, input, axes)
    if plan is not None and plan.steps[0][2] == 1:
        x = plan.flat(input)
        parts = moments.whole_moments(x) if x.size == n else moments.moments(x.reshape(-1, n))
        return plan.result(np.asarray(parts[0]), True), plan.result(np.asarray(parts[1]), True)
    centre = np.true_divide(kernels.reduced(np.add, input, axes, True), input.dtype.type(n))
    off = input - centre
    return centre, kernels.reduced(np.add, np.multiply(off, off), axes, True)


def _variance(input: Any, dim: Any, correction: float, keepdim: bool) -> tuple[Any, Any]:
    """The mean square deviation, and the mean with its dimensions kept."""
    _floating("var", input)
    axes = _axes("var", dim, input.ndim)
    n = _count(input.shape, dim)
    centre, total = _moments(input, axes, n)
    y = np.true_divide(total, input.dtype.type(_larger(n - correction, 0)))
    if y.dtype is not input.dtype:
        y = y.astype(input.dtype)
    if not keepdim:
        y = y.reshape(()) if axes is None else y.squeeze(axes)
    return y, centre


@op(
    lambda g, input, dim, correction, keepdim, y: _var_pull(g, input, dim, correction, keepdim, y[1]),
    hidden=1,
    samples=_over_dims_corrected,
)
@quiet
def _var(input: Any, dim: Any = None, correction: float = 1, keepdim: bool = False) -> Any:
    """The mean square deviation from the mean, n - correction in place of n; and the mean."""
    return _variance(input, dim, correction, keepdim)


def _std_pull(g: Any, input: Any, dim: Any, correction: float, keepdim: bool, y: Any) -> Any:
    centre, y = y[1:] if type(g) is ndarray else (None, _std(input, dim, correction, keepdim)[0])
    flat = y == 0  # no deviation at all: the subgradient 0, as in torch
    if type(g) is ndarray:
        g = np.asarray(np.where(flat, 0, g * g.dtype.type(0.5)) / np.where(flat, 1, y))
    else:
        g = _where(flat, 0.0, g * 0.5) / _where(flat, 1.0, y)
    return _var_pull(g, input, dim, correction, keepdim, centre)


@op(
    lambda g, input, dim, correction, keepdim, y: _std_pull(g, input, dim, correction, keepdim, y),
    hidden=2,
    samples=_over_dims_corrected,
)
@quiet
def _std(input: Any, dim: Any = None, correction: float = 1, keepdim: bool = False) -> Any:
    """The square root of `_var`, whose gradient is 0 where it is 0; the mean; and the root once more, for the gradient."""
    y, centre = _variance(input, dim, correction, keepdim)
    y = np.sqrt(y)
    return y, centre, y.copy()


def _corrected(call: Any, name: str, input: Any, args: tuple[Any, ...], named: dict[str, Any]) -> Any:
    """torch's four ways to call var: (unbiased), (dim, unbiased, keepdim), (dim, keepdim=, correction=), (keepdim=)."""
    if "axis" in named:
        named["dim"] = named.pop("axis")
    if "keepdims" in named:
        named["keepdim"] = named.pop("keepdims")
    places = ["unbiased"] if len(args) == 1 and isinstance(args[0], bool) else ["dim", "unbiased", "keepdim"]
    if len(args) > len(places):
        raise TypeError(f"{name}: expected (input, dim, unbiased, keepdim), got {len(args) + 1} arguments")
    for place, value in zip(places, args, strict=False):
        if place in named:
            raise TypeError(f"{name}: got argument {place!r} twice")
        named[place] = value
    unknown = set(named) - {"dim", "unbiased", "keepdim", "correction"}
    if unknown:
        raise TypeError(f"{name}: has no argument {unknown.pop()!r}; it takes dim, unbiased, keepdim, correction")
    correction = named.get("correction")
    if "unbiased" in named:
        if correction is not None:
            raise TypeError(f"{name}: give unbiased or correction, not both")
        correction = int(named["unbiased"])
    y = call(input, named.get("dim"), 1 if correction is None else correction, named.get("keepdim", False))
    return y if call not in (_var, _std) else y[0]


def _with_correction(s: Draw) -> list[tuple[Any, ...]]:
    return [
        (s(3, 4),), (s(3, 4), 1), (s(3, 4), -2, False, True), (s(2, 3, 4), (0, 2), {"correction": 2}), (s(4), True),
        (s(3, 2), {"correction": 0, "keepdim": True}), (s(5), {"unbiased": False}),
    ]  # fmt: skip


@function(samples=_with_correction)
def var(input: Any, *args: Any, **named: Any) -> Any:
    """The variance: var(input, dim=None, unbiased=True, keepdim=False), or with correction=1 in place of unbiased.

    >>> autograd.var(autograd.tensor([1.0, 2.0, 4.0]))
    tensor(2.3333)
    """
    return _corrected(_var, "var", input, args, named)


@function(samples=_with_correction)
def std(input: Any, *args: Any, **named: Any) -> Any:
    """The standard deviation, called as `var`. The gradient is 0 where nothing deviates.

    >>> autograd.std(autograd.tensor([1.0, 2.0, 4.0]))
    tensor(1.5275)
    """
    return _corrected(_std, "std", input, args, named)


def _and_mean(call: Any) -> Callable[..., tuple[Any, Any]]:
    return lambda input, dim, correction, keepdim: (call(input, dim, correction, keepdim)[0], mean(input, dim, keepdim))


@function(samples=_with_correction, method=False)
def var_mean(input: Any, *args: Any, **named: Any) -> Any:
    """(var, mean), called as `var`.

    >>> autograd.var_mean(autograd.tensor([1.0, 3.0]))
    (tensor(2.), tensor(2.))
    """
    return _corrected(_and_mean(_var), "var_mean", input, args, named)


@function(samples=_with_correction, method=False)
def std_mean(input: Any, *args: Any, **named: Any) -> Any:
    """(std, mean), called as `var`.

    >>> autograd.std_mean(autograd.tensor([1.0, 3.0]))
    (tensor(1.4142), tensor(2.))
    """
    return _corrected(_and_mean(_std), "std_mean", input, args, named)


# ---------------------------------------------------------------------------------------------------- extremes


def _evenly(g: Any, input: Any, dim: Any, keepdim: bool, y: Any) -> Any:
    """g shared evenly by the elements equal to the result y; where that is NaN, by the NaNs."""
    shape = tuple(input.shape)
    plan = _block(g, input, dim) if type(y) is ndarray else None
    if plan is not None:
        (A, B, C), x, g, y = plan.steps[0], plan.flat(input), plan.given(g), plan.given(y)
        if C == 1:
            return plan.like(extremes.shared(g, x.reshape(A, B), y))
        return plan.like(extremes.shared_down(g, x.reshape(A, B, C), y, 1))
    g, y = _kept(g, shape, dim, keepdim), _kept(y, shape, dim, keepdim)
    chosen = (input == y) | (isnan(input) & isnan(y))
    return _where(chosen, g / sum(chosen, dim, True), 0.0)


def _most(name: str, combine: np.ufunc, input: Any, dim: Any, keepdim: bool) -> Any:
    _nonempty(name, input, dim)
    return kernels.reduced(combine, input, _axes(name, dim, input.ndim), keepdim)


_MANY = 2048  # elements from where on kernels are worth their call


def _in_kernel(input: Any) -> bool:
    """Whether kernels of floating-point numbers take the input and are worth their call."""
    return type(input) is ndarray and input.size >= _MANY and input.dtype.char in "fd"


def _dense(input: ndarray) -> bool:
    return input.flags.c_contiguous or lies_channels_last(input)


def _along_rows(input: Any, dim: Any) -> bool:
    """Whether kernels take the input and dim is its last dimension alone, whose elements lie beside one another."""
    return (
        _in_kernel(input)
        and input.flags.c_contiguous
        and (dim == input.ndim - 1 or _axes("", dim, input.ndim) == (input.ndim - 1,))
    )


def _block(g: Any, input: Any, dim: Any) -> Blocks | None:
    """How kernels see an input that was reduced over `dim`, g being the gradient: as blocks of rows; None for none."""
    if type(g) is not ndarray or not _in_kernel(input) or g.dtype != input.dtype:
        return None
    plan = blocks(input.shape, input.strides, input.itemsize, _axes("", dim, input.ndim))
    return plan if plan is not None and len(plan.steps) == 1 else None


def _nonempty(name: str, input: Any, dim: Any) -> None:
    if input.size:
        return
    axes = _axes(name, dim, input.ndim)
    if 0 in (input.shape if axes is None else [input.shape[a] for a in axes]):
        raise (ShapeError if axes is None or name == "norm" else RangeError)(
            f"{name}: the reduced dimensions have no elements and the operation has no identity; "
            f"shape {tuple(input.shape)}, dim {dim}"
        )


@op(lambda g, input, dim, keepdim, y: _evenly(g, input, dim, keepdim, y), samples=_over_dims)
def amax(input: Any, dim: Any = None, keepdim: bool = False) -> Any:
    """The largest element over `dim` (an int, several, or all); NaN if any is. Equal ones share the gradient evenly.

    >>> autograd.amax(autograd.tensor([[1.0, 4.0], [3.0, 2.0]]), 1)
    tensor([4., 3.])
    """
    return _most("amax", np.maximum, input, dim, keepdim)


@op(lambda g, input, dim, keepdim, y: _evenly(g, input, dim, keepdim, y), samples=_over_dims)
def amin(input: Any, dim: Any = None, keepdim: bool = False) -> Any:
    """The smallest element over `dim` (an int, several, or all); NaN if any is. Equal ones share the gradient.

    >>> autograd.amin(autograd.tensor([[1.0, 4.0], [3.0, 2.0]]), 1)
    tensor([1., 2.])
    """
    return _most("amin", np.minimum, input, dim, keepdim)


aminmax_result = result_type("aminmax_result", "min max")


@function(samples=lambda s: [(s(3, 4),), (s(3, 4), {"dim": 1}), (s(3, 4), {"dim": 0, "keepdim": True}), (s(),)])
@axis_too
def aminmax(input: Any, *, dim: int | None = None, keepdim: bool = False) -> Any:
    """(min, max): `amin` and `amax` over one dim or all.

    >>> autograd.aminmax(autograd.tensor([1.0, 2.0, 4.0]))
    return_types.aminmax(
    min=tensor(1.),
    max=tensor(4.))
    """
    return aminmax_result(amin(input, dim, keepdim), amax(input, dim, keepdim))


def _arg_extreme(name: str, choose: Callable[..., Any], input: Any, dim: Any, keepdim: bool) -> Any:
    """The index of the extreme along `dim`, or in the flattened input."""
    if input.dtype.kind == "b":
        raise DTypeError(f"{name}: not for bools; convert with to()")
    if dim is None:
        if not input.size:
            raise RangeError(
                f"{name}: expected a nonempty tensor, or a dim that has elements; shape {tuple(input.shape)}"
            )
        return choose(input, axis=None, keepdims=keepdim)
    d = dim_of(name, dim, input.ndim)
    if not input.ndim:
        return np.zeros((), np.int64)
    _nonempty(name, input, d)
    rows = input.flags.c_contiguous and d == input.ndim - 1
    if _in_kernel(input) and (input.shape[d] < _LONG if rows else _dense(input)):
        index = extremes.along(input, d, choose is np.argmax)[1]
        return index if keepdim else index.squeeze(d)
    return choose(input, axis=d, keepdims=keepdim)


_LONG = 256  # elements of a row from where on numpy finds the extreme as quickly


def _positions(s: Draw) -> list[tuple[Any, ...]]:
    return [(s(3, 4),), (s(3, 4), 1), (s.ints(3, 3, 4), -2, True), (s(),), (s(3, 2, 2), None, True)]


@op(None, samples=_positions)
def argmax(input: Any, dim: int | None = None, keepdim: bool = False) -> Any:
    """The index of the largest element along `dim`, or in the flattened input; the first of equal ones, or of NaNs.

    >>> autograd.argmax(autograd.tensor([[1.0, 4.0], [3.0, 2.0]]), 1)
    tensor([1, 0])
    """
    return _arg_extreme("argmax", np.argmax, input, dim, keepdim)


@op(None, samples=_positions)
def argmin(input: Any, dim: int | None = None, keepdim: bool = False) -> Any:
    """The index of the smallest element along `dim`, or in the flattened input; the first of equal ones, or of NaNs.

    >>> autograd.argmin(autograd.tensor([[1.0, 4.0], [3.0, 2.0]]), 1)
    tensor([0, 1])
    """
    return _arg_extreme("argmin", np.argmin, input, dim, keepdim)


def _put_back(g: Any, index: Any, shape: tuple[int, ...], dim: int, keepdim: bool) -> Any:
    """The gradient of a choice of one element along `dim`: g at the chosen places."""
    if not shape:
        return g
    d = dim_of("max", dim, len(shape))
    if not keepdim:
        g, index = _reshape(g, _kept_shape(shape, d)), np.expand_dims(index, d)
    return _gather_sum(g, index, shape, d)


def _extreme(name: str, choose: Callable[..., Any], input: Any, dim: int, keepdim: bool) -> tuple[Any, Any]:
    d = dim_of(name, dim, input.ndim)
    if not input.ndim:
        return np.array(input), np.zeros((), np.int64)
    _nonempty(name, input, d)
    if _in_kernel(input) and _dense(input):
        values, index = extremes.along(input, d, choose is np.argmax)
        return (values, index) if keepdim else (values.squeeze(d), index.squeeze(d))
    index = choose(input.view(np.uint8) if input.dtype.kind == "b" else input, d, keepdims=True)
    values = along(input, index, d)
    return (values, index) if keepdim else (values.squeeze(d), index.squeeze(d))


@op(
    lambda g, input_shape, dim, keepdim, y: _put_back(g, y[1], input_shape, dim, keepdim),
    aux=1,
    samples=_over_dim,
)
def _max(input: Any, dim: int, keepdim: bool = False) -> Any:
    """The largest element along `dim` and its index, the first of equal ones, which gets the gradient."""
    return _extreme("max", np.argmax, input, dim, keepdim)


@op(
    lambda g, input_shape, dim, keepdim, y: _put_back(g, y[1], input_shape, dim, keepdim),
    aux=1,
    samples=_over_dim,
)
def _min(input: Any, dim: int, keepdim: bool = False) -> Any:
    """The smallest element along `dim` and its index, the first of equal ones, which gets the gradient."""
    return _extreme("min", np.argmin, input, dim, keepdim)


max_result = result_type("max_result", "values indices")
min_result = result_type("min_result", "values indices")


def _max_samples(s: Draw) -> list[tuple[Any, ...]]:
    return [(s(3, 4),), (s(3, 4), 1), (s(3, 4), -2, True), (s(3, 4), s(3, 4)), (s(3, 4), {"dim": 0}), (s(),), (s(), 0)]


def _three_forms(
    name: str, everything: Any, along: Any, pairwise: Any, result: Any, input: Any, other: Any, keepdim: bool
) -> Any:
    if other is None:
        if 0 in input.shape:
            raise ShapeError(f"{name}: expected a nonempty tensor, or a dim; shape {tuple(input.shape)}")
        return everything(input)
    if isinstance(other, (Tensor, ndarray)):
        return pairwise(input, other)
    return result(*along(input, other, keepdim))


@function(samples=_max_samples)
@axis_too
def max(input: Any, dim: Any = None, keepdim: bool = False, *, other: Any = None) -> Any:
    """max(input): the largest element. max(input, dim, keepdim): (values, indices). max(input, other): `maximum`.

    NaN wins everywhere. Of equal elements all share the gradient in the first form; in the second the first one has the
    index and the gradient.

    >>> autograd.max(autograd.tensor([[1.0, 4.0], [3.0, 2.0]]), 1)
    return_types.max(
    values=tensor([4., 3.]),
    indices=tensor([1, 0]))
    """
    return _three_forms("max", amax, _max, maximum, max_result, input, dim if other is None else other, keepdim)


@function(samples=_max_samples)
@axis_too
def min(input: Any, dim: Any = None, keepdim: bool = False, *, other: Any = None) -> Any:
    """min(input): the smallest element. min(input, dim, keepdim): (values, indices). min(input, other): `minimum`.

    NaN wins everywhere. Of equal elements all share the gradient in the first form; in the second the first one has the
    index and the gradient.

    >>> autograd.min(autograd.tensor([[1.0, 4.0], [3.0, 2.0]]), 1)
    return_types.min(
    values=tensor([1., 2.]),
    indices=tensor([0, 1]))
    """
    return _three_forms("min", amin, _min, minimum, min_result, input, dim if other is None else other, keepdim)


# --------------------------------------------------------------------------------------------- norms and others


def _norm_pull(g: Any, input: Any, p: float, dim: Any, keepdim: bool, y: Any) -> Any:
    """g sgn(x) (|x| / norm)^(p - 1), 0 where x is 0: at the origin the subgradient 0, as in torch."""
    shape = tuple(input.shape)
    g, y = _kept(g, shape, dim, keepdim), _kept(y, shape, dim, keepdim)
    if p == 0:
        return _zero(g)
    if p == 1:
        return times(g, sgn(input))
    if p in (inf, -inf):
        chosen = (_abs(input) == y) | (isnan(input) & isnan(y))
        return times(_where(chosen, g / sum(chosen, dim, True), 0.0), sgn(input))
    origin = y == 0
    plan = _block(g, input, dim) if p == 2 and type(y) is ndarray else None
    if plan is not None:
        return _spread(plan, np.asarray(np.where(origin, 0, g) / np.where(origin, 1, y)), input)
    unit = input / _where(origin, 1.0, y)
    if p == 2:
        return times(_where(origin, 0.0, g), unit)
    zero = unit == 0
    power = pow(_abs(_where(zero, 1.0, unit)), p - 1.0)
    return times(_where(zero | origin, 0.0, g), sgn(input) * power)


def _squared(x: ndarray, axes: tuple[int, ...] | None, keepdim: bool) -> Any:
    """The sum of squares over `axes`; of all elements, or of rows, in one pass over memory."""
    plan = _block(x, x, axes) if x.size > kernels.SMALL else None
    if plan is None or plan.steps[0][2] > 1:
        return _sum(np.square(x), axes, keepdim)
    flat, part = plan.flat(x), kernels.LONGEST // 2
    if flat.size > plan.steps[0][1]:
        return plan.result(kernels.rows(flat.reshape(plan.steps[0][:2]), kernels.SQUARES), keepdim)
    whole = x.size - x.size % part
    y = np.add.reduce(kernels.rows(flat[:whole].reshape(-1, part), kernels.SQUARES))
    if whole < x.size:
        y += np.square(flat[whole:]).sum()
    return plan.result(np.asarray(y), keepdim)


@op(
    lambda g, input, p, dim, keepdim, y: _norm_pull(g, input, p, dim, keepdim, y),
    samples=lambda s: [
        *((s(3, 4), p) for p in (2, 1, 3, 0.5, 1.5, inf, -inf, 0)), (s(3, 4), 2, 1), (s(3, 4), 3.0, -2, True),
        (s(2, 3, 4), inf, (0, 2)), (s(), 2), (s(2, 0), 2),
    ],
)  # fmt: skip
@quiet
def _vector_norm(input: Any, p: float = 2, dim: Any = None, keepdim: bool = False) -> Any:
    """(sum |x|^p)^(1/p) over `dim`; the largest |x| for p = inf, the smallest for -inf, the count of nonzeros for 0."""
    _floating("norm", input)
    axes = _axes("norm", dim, input.ndim)
    if p < 0 or p == inf:
        _nonempty("norm", input, dim)
    if p in (inf, -inf):
        return kernels.reduced(np.maximum if p > 0 else np.minimum, np.abs(input), axes, keepdim)
    if p == 0:
        return _sum((input != 0).astype(input.dtype), axes, keepdim)
    if p == 1:
        return _sum(np.abs(input), axes, keepdim)
    if p == 2:
        return np.sqrt(_squared(input, axes, keepdim))
    return np.power(_sum(np.power(np.abs(input), p), axes, keepdim), 1.0 / p)


@function(
    samples=lambda s: [
        (s(3, 4),),
        (s(3, 4), 1),
        (s(3, 4), 2, 1),
        (s(3, 4), {"dim": 0, "keepdim": True}),
        (s(3, 4), inf, (0, 1)),
    ]
)
@axis_too
def norm(input: Any, p: Any = "fro", dim: Any = None, keepdim: bool = False, dtype: Any = None) -> Any:
    """The p-norm of the elements over `dim`: "fro" is p = 2, "nuc" the sum of singular values. Gradient 0 at 0.

    >>> autograd.norm(autograd.tensor([3.0, 4.0]))
    tensor(5.)
    """
    if dtype is not None:
        input = input.to(dtype)
    if p == "nuc":
        from .decomposition import matrix_norm  # the only norm that needs more than the elements

        return matrix_norm(input, "nuc", (-2, -1) if dim is None else dim, keepdim)
    if isinstance(p, str) and p != "fro":
        raise NumberError(f"norm: expected p a number, 'fro' or 'nuc', got {p!r}")
    return _vector_norm(input, 2 if p in ("fro", None) else p, dim, keepdim)


@function(samples=lambda s: [(s(3, 4), s(3, 4)), (s(3), s(2, 3), 1), (s(3), s(3), 3)])
def dist(input: Any, other: Any, p: float = 2) -> Any:
    """The p-norm of input - other.

    >>> autograd.dist(autograd.tensor([1.0, 4.0]), autograd.tensor([1.0, 1.0]))
    tensor(3.)
    """
    return _vector_norm(input - other, p)


def _logsumexp_pull(g: Any, input: Any, dim: Any, keepdim: bool, y: Any) -> Any:
    shape = tuple(input.shape)
    if type(g) is ndarray and type(y) is ndarray and _along_rows(input, dim) and g.dtype == input.dtype:
        return softmax.logsumexp_backward(g, input.reshape(-1, shape[-1]), y).reshape(shape)
    g, y = _kept(g, shape, dim, keepdim), _kept(y, shape, dim, keepdim)
    return times(g, exp(input - _where(y == -inf, 0.0, y)))


@op(
    lambda g, input, dim, keepdim, y: _logsumexp_pull(g, input, dim, keepdim, y),
    promote="float",
    samples=lambda s: [(s(3, 4), 1), (s(3, 4), -2, True), (s(2, 3, 4), (0, 2)), (s(), 0), (s(0, 3), 0)],
)
@quiet
def logsumexp(input: Any, dim: Any, keepdim: bool = False) -> Any:
    """log(sum(exp(input))) over `dim`, without overflow. Of nothing: -infinity.

    >>> autograd.logsumexp(autograd.zeros(2), 0)
    tensor(0.6931)
    """
    axes = _axes("logsumexp", dim, input.ndim)
    if not input.size:
        return np.full(_kept_shape(input.shape, dim) if keepdim else np.sum(input, axes).shape, -inf, input.dtype)
    if _along_rows(input, dim):
        y = softmax.logsumexp(input.reshape(-1, input.shape[-1]))
        return y.reshape(input.shape[:-1] + (1,) if keepdim else input.shape[:-1])
    top = kernels.reduced(np.maximum, input, axes, True)
    top = np.where(np.isinf(top), input.dtype.type(0), top)
    total = np.log(_sum(np.exp(input - top), axes, True)) + top
    return (
        total
        if keepdim
        else total.reshape(tuple(n for i, n in enumerate(input.shape) if axes is not None and i not in axes))
    )


def _counts(s: Draw) -> list[tuple[Any, ...]]:
    return [(s.ints(2, 3, 4),), (s.ints(2, 3, 4), 1), (s.bools(3, 4), (0, 1)), (s.bools(0, 3),), (s(),)]


@op(None, samples=lambda s: [*_counts(s), (s.bools(3, 4), 0, True)])
def all(input: Any, dim: Any = None, keepdim: bool = False) -> Any:
    """Whether every element over `dim` is nonzero.

    >>> autograd.all(autograd.tensor([True, True, False]))
    tensor(False)
    """
    return _truth(np.logical_and, "all", input, dim, keepdim)


@op(None, samples=lambda s: [*_counts(s), (s.bools(3, 4), 0, True)])
def any(input: Any, dim: Any = None, keepdim: bool = False) -> Any:
    """Whether some element over `dim` is nonzero.

    >>> autograd.any(autograd.tensor([True, True, False]))
    tensor(True)
    """
    return _truth(np.logical_or, "any", input, dim, keepdim)


def _truth(combine: Any, name: str, input: Any, dim: Any, keepdim: bool) -> Any:
    axes = () if dim == () or dim == [] else _axes(name, dim, input.ndim)  # of no dimension: every element by itself
    y = combine.reduce(input, axis=axes, keepdims=keepdim)
    return y.astype(np.uint8) if input.dtype == np.uint8 else y  # as torch, for code of the time before bool


@op(None, samples=_counts)
def count_nonzero(input: Any, dim: Any = None) -> Any:
    """How many elements over `dim` are nonzero, int64.

    >>> autograd.count_nonzero(autograd.tensor([0, 1, 2]))
    tensor(2)
    """
    return np.asarray(np.count_nonzero(input, axis=_axes("count_nonzero", dim, input.ndim)), np.int64)
