"""Comparison, logic, selection: masks and what is chosen by them."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy import ndarray

from .. import dtypes
from ..errors import DTypeError, NumberError, ShapeError
from ..kernels import elementwise as kernels
from ..kernels import overwrite
from ..op import function, op
from ..samples import Draw, binary, comparison, logical, unary
from ..tensor import Tensor
from .alias import alias

# ------------------------------------------------------------------------------------------------- comparison


@op(None, None, promote=True, inplace=True, samples=comparison)
def eq(input: Any, other: Any) -> Any:
    """Whether input == other, elementwise.

    >>> autograd.eq(autograd.tensor([1.0, 4.0]), autograd.tensor([2.0, 3.0]))
    tensor([False, False])
    """
    return np.equal(input, other)


@op(None, None, promote=True, inplace=True, samples=comparison)
def ne(input: Any, other: Any) -> Any:
    """Whether input != other, elementwise; NaN differs from itself.

    >>> autograd.ne(autograd.tensor([1.0, 4.0]), autograd.tensor([2.0, 3.0]))
    tensor([True, True])
    """
    return np.not_equal(input, other)


@op(None, None, promote=True, inplace=True, samples=comparison)
def lt(input: Any, other: Any) -> Any:
    """Whether input < other, elementwise.

    >>> autograd.lt(autograd.tensor([1.0, 4.0]), autograd.tensor([2.0, 3.0]))
    tensor([ True, False])
    """
    return np.less(input, other)


@op(None, None, promote=True, inplace=True, samples=comparison)
def le(input: Any, other: Any) -> Any:
    """Whether input <= other, elementwise.

    >>> autograd.le(autograd.tensor([1.0, 4.0]), autograd.tensor([2.0, 3.0]))
    tensor([ True, False])
    """
    return np.less_equal(input, other)


@op(None, None, promote=True, inplace=True, samples=comparison)
def gt(input: Any, other: Any) -> Any:
    """Whether input > other, elementwise.

    >>> autograd.gt(autograd.tensor([1.0, 4.0]), autograd.tensor([2.0, 3.0]))
    tensor([False,  True])
    """
    return np.greater(input, other)


@op(None, None, promote=True, inplace=True, samples=comparison)
def ge(input: Any, other: Any) -> Any:
    """Whether input >= other, elementwise.

    >>> autograd.ge(autograd.tensor([1.0, 4.0]), autograd.tensor([2.0, 3.0]))
    tensor([False,  True])
    """
    return np.greater_equal(input, other)


alias(ne, "not_equal")
alias(lt, "less")
alias(le, "less_equal")
alias(gt, "greater")
alias(ge, "greater_equal")


def _data(tensor: Any) -> ndarray:
    return tensor.numpy_view() if isinstance(tensor, Tensor) else np.asarray(tensor)


@function(samples=lambda s: [(s(3, 4), s(3, 4)), (s(3), s(4))])
def equal(input: Any, other: Any) -> bool:
    """Whether two tensors have the same shape and elements, as a Python bool.

    >>> autograd.equal(autograd.tensor([1.0, 2.0, 4.0]), autograd.tensor([1.0, 2.0, 4.0]))
    True
    """
    a, b = _data(input), _data(other)
    return a.shape == b.shape and bool(np.array_equal(a, b))


@function(samples=comparison)
def isclose(input: Any, other: Any, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> Any:
    """Whether |input - other| <= atol + rtol |other|, elementwise; infinities are close to themselves.

    >>> autograd.isclose(autograd.tensor([1.0, 2.0, 4.0]), autograd.tensor([1.0, 2.0, 4.0]) + autograd.tensor([0.0, 1.0, 0.0]))
    tensor([ True, False,  True])
    """
    a, b = _data(input), _data(other)
    if a.dtype != b.dtype:
        raise DTypeError(f"isclose: the dtypes differ, {a.dtype} and {b.dtype}; convert one with to()")
    if rtol < 0 or atol < 0:
        raise NumberError(f"isclose: rtol and atol must not be negative, got {rtol} and {atol}")
    try:
        np.broadcast_shapes(a.shape, b.shape)
    except ValueError:
        raise ShapeError(f"isclose: shapes {a.shape} and {b.shape} cannot be broadcast together") from None
    with np.errstate(all="ignore"):
        close = a == b
        if a.dtype.kind in "fc":
            near = np.abs(a - b) <= atol + np.abs(rtol * b)
            close = close | (near & np.isfinite(a) & np.isfinite(b))
            if equal_nan:
                close = close | (np.isnan(a) & np.isnan(b))
        elif a.dtype.kind in "iu" and (rtol or atol):
            close = close | (np.abs(a.astype(np.float64) - b) <= atol + np.abs(rtol * b))
    return _like(close, input, other)


def _like(mask: Any, *inputs: Any) -> Any:
    """A result that has no gradient: a Tensor where an input is one, else the array."""
    from ..tensor import wrap

    return wrap(np.asarray(mask)) if any(isinstance(x, Tensor) for x in inputs) else mask


@function(samples=comparison)
def allclose(input: Any, other: Any, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> bool:
    """Whether `isclose` holds everywhere, as a Python bool.

    >>> autograd.allclose(autograd.tensor([1.0, 2.0, 4.0]), autograd.tensor([1.0, 2.0, 4.0]) + 1e-9)
    True
    """
    return bool(_data(isclose(input, other, rtol, atol, equal_nan)).all())


# ------------------------------------------------------------------------------------------------------- logic


@op(None, None, inplace=True, samples=logical)
def logical_and(input: Any, other: Any) -> Any:
    """Whether both are nonzero, elementwise.

    >>> autograd.logical_and(autograd.tensor([True, True, False]), autograd.tensor([True, False, False]))
    tensor([ True, False, False])
    """
    return np.logical_and(input, other)


@op(None, None, inplace=True, samples=logical)
def logical_or(input: Any, other: Any) -> Any:
    """Whether either is nonzero, elementwise.

    >>> autograd.logical_or(autograd.tensor([True, True, False]), autograd.tensor([True, False, False]))
    tensor([ True,  True, False])
    """
    return np.logical_or(input, other)


@op(None, None, inplace=True, samples=logical)
def logical_xor(input: Any, other: Any) -> Any:
    """Whether exactly one is nonzero, elementwise.

    >>> autograd.logical_xor(autograd.tensor([True, True, False]), autograd.tensor([True, False, False]))
    tensor([False,  True, False])
    """
    return np.logical_xor(input, other)


@op(None, inplace=True, samples=lambda s: [(s.bools(3, 4),), (s.ints(2, 5),), (s(2, 2),), (s(0),)])
def logical_not(input: Any) -> Any:
    """Whether the input is zero, elementwise.

    >>> autograd.logical_not(autograd.tensor([True, False, False]))
    tensor([False,  True,  True])
    """
    return np.logical_not(input)


def _bits(s: Draw) -> list[tuple[Any, ...]]:
    return [(s.ints(9, 3, 4, low=-8), s.ints(9, 4)), (s.ints(9, 3), 5), (6, s.ints(9, 3)), (s.bools(3), s.bools(2, 3))]


def _integral(name: str, *arrays: Any) -> None:
    for a in arrays:
        kind = np.asarray(a).dtype.kind
        if kind == "f":
            raise DTypeError(f"{name}: expected integers or bools, got {np.asarray(a).dtype}; convert with to()")


@op(None, None, promote=True, inplace=True, samples=_bits)
def bitwise_and(input: Any, other: Any) -> Any:
    """Bitwise and of integers; of bools the logical one.

    >>> autograd.bitwise_and(autograd.tensor([6, 12]), autograd.tensor([4, 10]))
    tensor([4, 8])
    """
    _integral("bitwise_and", input, other)
    return np.bitwise_and(input, other)


@op(None, None, promote=True, inplace=True, samples=_bits)
def bitwise_or(input: Any, other: Any) -> Any:
    """Bitwise or of integers; of bools the logical one.

    >>> autograd.bitwise_or(autograd.tensor([6, 12]), autograd.tensor([4, 10]))
    tensor([ 6, 14])
    """
    _integral("bitwise_or", input, other)
    return np.bitwise_or(input, other)


@op(None, None, promote=True, inplace=True, samples=_bits)
def bitwise_xor(input: Any, other: Any) -> Any:
    """Bitwise exclusive or of integers; of bools the logical one.

    >>> autograd.bitwise_xor(autograd.tensor([6, 12]), autograd.tensor([4, 10]))
    tensor([2, 6])
    """
    _integral("bitwise_xor", input, other)
    return np.bitwise_xor(input, other)


@op(None, inplace=True, samples=lambda s: [(s.ints(9, 3, 4, low=-8),), (s.bools(3),)])
def bitwise_not(input: Any) -> Any:
    """Every bit of an integer turned over; of a bool the logical not.

    >>> autograd.bitwise_not(autograd.tensor([6, 12]))
    tensor([ -7, -13])
    """
    _integral("bitwise_not", input)
    return np.invert(input)


def _shifts(s: Draw) -> list[tuple[Any, ...]]:
    return [(s.ints(9, 3, 4), s.ints(5, 4)), (s.ints(9, 3), 2)]


@op(None, None, promote=True, inplace=True, samples=_shifts)
def bitwise_left_shift(input: Any, other: Any) -> Any:
    """input times 2 to the other, for integers.

    >>> autograd.bitwise_left_shift(autograd.tensor([6, 12]), 1)
    tensor([12, 24])
    """
    _integral("bitwise_left_shift", input, other)
    return np.left_shift(input, other)


@op(None, None, promote=True, inplace=True, samples=_shifts)
def bitwise_right_shift(input: Any, other: Any) -> Any:
    """input divided by 2 to the other, rounded down, for integers.

    >>> autograd.bitwise_right_shift(autograd.tensor([6, 12]), 1)
    tensor([3, 6])
    """
    _integral("bitwise_right_shift", input, other)
    return np.right_shift(input, other)


# ---------------------------------------------------------------------------------------------- kinds of number


def _kinds(s: Draw) -> list[tuple[Any, ...]]:
    x = s(3, 4)
    x[0, :3] = np.nan, np.inf, -np.inf
    return [(x,), (s(),), (s.ints(3, 4),), (s(0, 2),)]


@op(None, samples=_kinds)
def isnan(input: Any) -> Any:
    """Whether an element is NaN.

    >>> autograd.isnan(autograd.tensor([1.0, autograd.nan]))
    tensor([False,  True])
    """
    return np.isnan(input)


@op(None, samples=_kinds)
def isinf(input: Any) -> Any:
    """Whether an element is infinite.

    >>> autograd.isinf(autograd.tensor([1.0, autograd.inf]))
    tensor([False,  True])
    """
    return np.isinf(input)


@op(None, samples=_kinds)
def isfinite(input: Any) -> Any:
    """Whether an element is neither NaN nor infinite.

    >>> autograd.isfinite(autograd.tensor([1.0, autograd.inf]))
    tensor([ True, False])
    """
    return np.isfinite(input)


@op(None, samples=_kinds)
def isposinf(input: Any) -> Any:
    """Whether an element is +infinity.

    >>> autograd.isposinf(autograd.tensor([1.0, autograd.inf]))
    tensor([False,  True])
    """
    return np.equal(input, np.inf)


@op(None, samples=_kinds)
def isneginf(input: Any) -> Any:
    """Whether an element is -infinity.

    >>> autograd.isneginf(autograd.tensor([1.0, -autograd.inf]))
    tensor([False,  True])
    """
    return np.equal(input, -np.inf)


@op(None, samples=_kinds)
def isreal(input: Any) -> Any:
    """Whether an element is real: always, but for complex ones with an imaginary part other than 0.

    >>> autograd.isreal(autograd.tensor([1.0]))
    tensor([True])
    """
    return np.isreal(input)


@op(None, samples=_kinds)
def signbit(input: Any) -> Any:
    """Whether the sign bit is set: negative numbers and -0.

    >>> autograd.signbit(autograd.tensor([1.0, -2.0]))
    tensor([False,  True])
    """
    return np.signbit(input) if np.asarray(input).dtype.kind == "f" else np.less(input, 0)


# --------------------------------------------------------------------------------------------------- selection


@op(
    None,
    lambda g, condition: _where(condition, g, 0.0),
    lambda g, condition: _where(condition, 0.0, g),
    samples=lambda s: [(s.bools(3, 4), s(3, 4), s(4)), (s.bools(3), s(2, 3), 1.5), (s.bools(2, 1), 0.0, s(1, 2))],
)
def _where(condition: Any, input: Any, other: Any) -> Any:
    """input where condition holds, else other; all broadcast together."""
    if not isinstance(input, ndarray) or not isinstance(other, ndarray) or input.dtype is not other.dtype:
        dtype = dtypes.result_type(input, other)
        input, other = _in(input, dtype), _in(other, dtype)
    bits = _BITS.get(input.dtype)
    if bits is None or np.size(condition) < _MANY:
        return np.where(condition, input, other)
    return _select(condition, input.view(bits), other.view(bits), bits).view(input.dtype)


def _in(x: Any, dtype: np.dtype) -> ndarray:
    """An array in `dtype`; integers wrap around, as in torch."""
    return np.asarray(x, dtype) if dtype.kind in "fc" else np.asarray(x).astype(dtype, copy=False)


_BITS: dict[np.dtype, np.dtype] = {dtypes.float32: np.dtype(np.int32), dtypes.float64: np.dtype(np.int64)}
_MANY = 2048  # elements from where on the machine would guess a random mask wrong too often


def _select(condition: ndarray, a: ndarray, b: ndarray, bits: np.dtype) -> ndarray:
    """np.where of integers by masking bits: no branch, so up to 20 times faster on a mask without a pattern."""
    mask = condition.astype(bits)
    if not b.ndim and not b:
        np.negative(mask, out=mask)
        return np.bitwise_and(mask, a, out=mask if _fits(a, mask) else None)
    if not a.ndim and not a:
        np.subtract(mask, 1, out=mask)
        return np.bitwise_and(mask, b, out=mask if _fits(b, mask) else None)
    np.negative(mask, out=mask)
    y = np.bitwise_xor(a, b)
    y = np.bitwise_and(y, mask, out=y if _fits(mask, y) else None)
    return np.bitwise_xor(y, b, out=y)  # of the full shape already


def _fits(a: ndarray, out: ndarray) -> bool:
    return isinstance(out, ndarray) and (a.shape == out.shape or not a.ndim)


@function(
    method=lambda input, condition, other: where(condition, input, other),
    samples=lambda s: [(s.bools(3, 4), s(3, 4), s(4)), (s.bools(3), s(2, 3), 1.5), (s.bools(2, 3),)],
)
def where(condition: Any, input: Any = None, other: Any = None) -> Any:
    """input where the bool condition holds, else other, all broadcast; of a condition alone, `nonzero` as a tuple.

    The branch not chosen gets a gradient of exactly 0, also where its own derivative is infinite or NaN.

    >>> autograd.where(autograd.tensor([True, False, False]), autograd.tensor(1.0), autograd.tensor(0.0))
    tensor([1., 0., 0.])
    """
    if input is None and other is None:
        from .index import nonzero

        return nonzero(condition, as_tuple=True)
    if _data(condition).dtype == np.uint8:
        warnings.warn("where: a condition of dtype uint8 is deprecated; use bool()", stacklevel=2)
        condition = _data(condition) != 0
    if _data(condition).dtype.kind != "b":
        raise DTypeError(
            f"where: expected a condition of dtype bool, got {_data(condition).dtype}; compare it, as in x != 0"
        )
    return _where(condition, input, other)


@op(
    lambda g, input, other: _larger_part(g, input, other),
    lambda g, input, other: _larger_part(g, other, input),
    promote=True,
    samples=binary(),
)
def maximum(input: Any, other: Any) -> Any:
    """The larger of two elements; NaN if either is. Equal elements share the gradient, half each.

    >>> autograd.maximum(autograd.tensor([1.0, 4.0]), autograd.tensor([2.0, 3.0]))
    tensor([2., 4.])
    """
    return kernels.maximum(input, other) if kernels.pays(input, other) else np.maximum(input, other)


@op(
    lambda g, input, other: _larger_part(g, other, input),
    lambda g, input, other: _larger_part(g, input, other),
    promote=True,
    samples=binary(),
)
def minimum(input: Any, other: Any) -> Any:
    """The smaller of two elements; NaN if either is. Equal elements share the gradient, half each.

    >>> autograd.minimum(autograd.tensor([1.0, 4.0]), autograd.tensor([2.0, 3.0]))
    tensor([1., 3.])
    """
    return kernels.minimum(input, other) if kernels.pays(input, other) else np.minimum(input, other)


def _larger_part(g: Any, a: Any, b: Any) -> Any:
    """The part of g that belongs to a where a > b; as in torch half at a tie, all of it where either is NaN."""
    return _where(a < b, 0.0, _where(a == b, g * 0.5, g))


@op(
    lambda g, input, other: _where((input >= other) | isnan(other), g, 0.0),
    lambda g, input, other: _where((input >= other) | isnan(other), 0.0, g),
    promote=True,
    samples=binary(),
)
def fmax(input: Any, other: Any) -> Any:
    """The larger of two elements, the other one where one is NaN. At a tie the gradient is input's.

    >>> autograd.fmax(autograd.tensor([1.0, 4.0]), autograd.tensor([2.0, 3.0]))
    tensor([2., 4.])
    """
    return np.fmax(input, other)


@op(
    lambda g, input, other: _where((input <= other) | isnan(other), g, 0.0),
    lambda g, input, other: _where((input <= other) | isnan(other), 0.0, g),
    promote=True,
    samples=binary(),
)
def fmin(input: Any, other: Any) -> Any:
    """The smaller of two elements, the other one where one is NaN. At a tie the gradient is input's.

    >>> autograd.fmin(autograd.tensor([1.0, 4.0]), autograd.tensor([2.0, 3.0]))
    tensor([1., 3.])
    """
    return np.fmin(input, other)


def _clamp_pull(g: Any, input: Any, min: Any, max: Any, needs: list[bool]) -> list[Any]:
    parts: list[Any] = [None, None, None]
    if needs[0]:
        inside = input <= max if min is None else input >= min if max is None else (input >= min) & (input <= max)
        parts[0] = _where(inside, g, 0.0)
    if needs[1]:
        parts[1] = _where(input < min if max is None else (input < min) & (min < max), g, 0.0)
    if needs[2]:
        parts[2] = _where(input > max if min is None else (input > max) | (max < min), g, 0.0)
    return parts


@op(
    joint=lambda g, input, min, max, needs: _clamp_pull(g, input, min, max, needs),
    n_inputs=3,
    promote=True,
    inplace=True,
    writes=lambda x, min=None, max=None: (min is not None or max is not None) and overwrite.limit(x, min, max),
    samples=lambda s: [
        (s(3, 4), -1.0, 1.0), (s(3, 4), None, 0.5), (s(3, 4), 0.5), (s(), -1, 1), (s(3, 4), s(4), s(4) + 3),
        (s.ints(9, 4), 2, 5),
        (s(3, 4), s(3, 1)), (s(0, 3), 0.0, 1.0),
    ],
)  # fmt: skip
def clamp(input: Any, min: Any = None, max: Any = None) -> Any:
    """input limited to [min, max], numbers or tensors; max where min > max. The gradient passes at the bounds.

    >>> autograd.clamp(autograd.tensor([1.0, 2.0, 4.0]), 1.5, 3.0)
    tensor([1.5000, 2.0000, 3.0000])
    """
    if min is None and max is None:
        raise NumberError("clamp: at least one of min and max must not be None")
    if type(input) is ndarray and input.size >= _MANY and input.dtype in _BITS and _numbers(min, max):
        return kernels.limit(input, -np.inf if min is None else min, np.inf if max is None else max)
    if min is not None:
        input = np.maximum(input, min)
    return input if max is None else np.minimum(input, max)


def _numbers(*bounds: Any) -> bool:
    """Whether the bounds are numbers other than NaN, or missing."""
    return all([b is None or (type(b) in (int, float) and b == b) for b in bounds])


alias(clamp, "clip")


@function(inplace=True, samples=lambda s: [(s(3, 4), 0.5), (s(3), s(3))])
def clamp_min(input: Any, min: Any) -> Any:
    """input, but min where it is smaller.

    >>> autograd.clamp_min(autograd.tensor([1.0, 2.0, 4.0]), 1.5)
    tensor([1.5000, 2.0000, 4.0000])
    """
    return clamp(input, min, None)


@function(inplace=True, samples=lambda s: [(s(3, 4), 0.5), (s(3), s(3))])
def clamp_max(input: Any, max: Any) -> Any:
    """input, but max where it is larger.

    >>> autograd.clamp_max(autograd.tensor([1.0, 2.0, 4.0]), 3.0)
    tensor([1., 2., 3.])
    """
    return clamp(input, None, max)


@op(
    lambda g, input: _where(isfinite(input), g, 0.0),
    inplace=True,
    samples=lambda s: [*unary()(s), (_kinds(s)[0][0], 1.0, 2.0, -2.0)],
)
def nan_to_num(input: Any, nan: float | None = 0.0, posinf: float | None = None, neginf: float | None = None) -> Any:
    """input with NaN, +infinity and -infinity replaced; by default by 0 and the largest and smallest finite numbers.

    >>> autograd.nan_to_num(autograd.tensor([1.0, autograd.nan]))
    tensor([1., 0.])
    """
    if np.asarray(input).dtype.kind != "f":
        return np.array(input)
    limits = np.finfo(input.dtype)
    nan = 0.0 if nan is None else nan
    posinf, neginf = limits.max if posinf is None else posinf, limits.min if neginf is None else neginf
    if type(input) is ndarray and input.size >= _MANY and input.dtype in _BITS:
        return kernels.nan_to_num(input, nan, posinf, neginf)
    return np.nan_to_num(input, nan=nan, posinf=posinf, neginf=neginf)
