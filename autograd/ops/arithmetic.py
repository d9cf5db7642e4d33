"""Arithmetic and powers, elementwise."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from typing import Any, TypeVar, cast

import numpy as np
from numpy import ndarray

from .. import dtypes, tape
from ..errors import DivisionError, DTypeError, NumberError
from ..kernels import elementwise as kernels
from ..kernels import overwrite, special
from ..kernels.elementwise import SHARED, STRETCHED
from ..kernels.overwrite import alone
from ..kernels.quiet import quiet
from ..op import REGISTRY, function, op
from ..samples import Draw, binary, unary
from ..tensor import Tensor
from .alias import alias
from .chain import _zero, over, times
from .compare import _where, logical_not
from .convert import to_dtype

F = TypeVar("F", bound=Callable[..., Any])


SEVERAL = 256  # elements from which a kernel is quicker than several calls of numpy


def _in_kernel(x: Any, least: int = 2048) -> bool:
    """Whether a vectorised float32 kernel is worth its call; float64 stays with numpy's last bit."""
    return type(x) is ndarray and x.size >= least and x.dtype == dtypes.float32


def _maps(x: Any, *others: Any) -> bool:
    """Whether a kernel of several steps takes the arrays, of one shape and dtype, float32 or float64, and is worth its call."""
    if type(x) is not ndarray or x.size < SEVERAL or x.dtype.char not in "fd":
        return False
    return all([type(a) is ndarray and a.dtype is x.dtype and a.shape == x.shape for a in others])


_FLOATS = (dtypes.float32, dtypes.float64)


def _pulled(kernel: Any, formula: Any) -> Any:
    """The gradient by a formula of g and values of its shape, of large arrays by the kernel that does the same in one pass."""
    return lambda g, *values: kernel(g, *values) if _maps(g, *values) else formula(g, *values)


def _paired(function: str, input: Any, other: Any) -> Any:
    """What the kernel of that name gives where it beats numpy's element by element: of large arrays of one dtype, or of
    one and a number if there is a kernel for that; else None."""
    x, y = type(input) is ndarray, type(other) is ndarray
    if x and y and input.dtype == other.dtype and input.dtype in _FLOATS and max(input.size, other.size) >= 2048:
        return special.paired(getattr(special, function), input, other)
    alone = getattr(special, f"{function}_number", None)
    if alone is None or not x or input.size < 2048 or input.dtype not in _FLOATS:
        return None
    if type(other) in (int, float) or (y and not other.ndim and other.dtype == input.dtype):
        return alone(input, float(other))
    return None


# ------------------------------------------------------------------------------------------------- arithmetic


def _large(x: Any) -> bool:
    """Whether a pass over x on all threads may pay."""
    return type(x) is ndarray and x.size >= SHARED and x.dtype in _FLOATS


def _by_size(plain: Any, kernel: Any, reverse: Any) -> Callable[[F], F]:
    """Let the function below be `plain`, or where that is quicker `kernel`: of large arrays, also beside a Python float, and
    of arrays of unlike shapes. reverse: the same of a large array and the float in front of it."""

    def decorate(named: F) -> F:
        @functools.wraps(named)
        def compute(input: Any, other: Any) -> Any:
            if type(input) is ndarray:
                if type(other) is ndarray:
                    n = input.size  # what `kernels.pays` asks, without its call
                    if n >= SHARED or (n * other.size >= STRETCHED and input.shape != other.shape):
                        return kernel(input, other)
                elif type(other) is float and _large(input):
                    return kernel(input, other)
            elif type(input) is float and _large(other):
                return reverse(other, input)
            return plain(input, other)

        return cast(F, quiet(compute))

    return decorate


_ADDS = overwrite.with_other(np.add, kernels.plus, kernels.shifted)
_SUBTRACTS = overwrite.with_other(np.subtract, kernels.minus, kernels.lowered)
_DIVIDES = overwrite.with_other(np.true_divide, kernels.quotient, kernels.divided)


@op(lambda g: g, lambda g: g, promote=True, writes=_ADDS, samples=binary())
@_by_size(np.add, kernels.add, kernels.add)
def _add(input: Any, other: Any) -> Any:
    """input + other, broadcast."""


tape.takes_masked.add(REGISTRY["_add"])


def _no_bools(*operands: Any) -> None:
    if any(np.asarray(a).dtype.kind == "b" for a in operands):
        raise DTypeError("sub: bools cannot be subtracted; use logical_xor, or logical_not for 1 - mask")


def _difference(input: Any, other: Any) -> Any:
    try:
        return np.subtract(input, other)
    except TypeError:
        _no_bools(input, other)
        raise


@op(lambda g: g, lambda g: -g, promote=True, check=_no_bools, writes=_SUBTRACTS, samples=binary())
@_by_size(_difference, kernels.subtract, kernels.difference)
def _sub(input: Any, other: Any) -> Any:
    """input - other, broadcast."""


@op(
    lambda g, other: times(g, other),
    lambda g, input: times(g, input),
    promote=True,
    inplace=True,
    writes=overwrite.with_other(np.multiply, kernels.product, kernels.scaled),
    samples=binary(),
)
@_by_size(np.multiply, kernels.multiply, kernels.multiply)
def mul(input: Any, other: Any) -> Any:
    """input * other, broadcast.

    >>> autograd.mul(autograd.tensor([1.0, 4.0]), autograd.tensor([2.0, 3.0]))
    tensor([ 2., 12.])
    """


def _pull_divisor(g: Any, input: Any, other: Any) -> Any:
    if _maps(g, other):
        if type(input) is float and input:
            return kernels.share_backward(g, other, input)
        if _maps(input, other):
            return kernels.quotient_backward(g, input, other)
    return -times(g, over(over(input, other), other))


@op(
    lambda g, other: over(g, other),
    lambda g, input, other: _pull_divisor(g, input, other),  # not by the result, which may be written to
    promote="float",
    inplace=True,
    writes=_DIVIDES,
    samples=binary(0.5, 3),
)
@_by_size(np.true_divide, kernels.divide, kernels.ratio)
def true_divide(input: Any, other: Any) -> Any:
    """input / other, broadcast; integers become floats.

    >>> autograd.true_divide(autograd.tensor([1.0, 4.0]), autograd.tensor([2.0, 3.0]))
    tensor([0.5000, 1.3333])
    """


@op(lambda g: -g, inplace=True, writes=alone(np.negative, kernels.negative), samples=unary())
def neg(input: Any) -> Any:
    """-input.

    >>> autograd.neg(autograd.tensor([-1.5, 0.5]))
    tensor([ 1.5000, -0.5000])
    """
    try:
        return kernels.on_all_threads(kernels.negative, np.negative, input)
    except TypeError:
        raise DTypeError("neg: a bool has no negative; use logical_not") from None


def _scaled(name: str, scale: Any, other: Any, *beside: Any) -> Any:
    """scale * other in the common dtype of all operands, which a float or an int scale must not raise."""
    if isinstance(scale, int) and scale == 1:
        return other
    if type(scale) is float and _one_float(other, *beside):
        return mul(other, scale)
    dtype = dtypes.result_type(_array(other), *map(_array, beside))
    if (isinstance(scale, float) and dtype.kind not in "fc") or (isinstance(scale, complex) and dtype.kind != "c"):
        raise DTypeError(f"{name}: the factor must not be of a higher kind than the result, {dtype}; got {scale}")
    if dtype.kind == "b":
        scale = bool(scale)
    return mul(_cast(other, dtype), scale)


def _array(x: Any) -> Any:
    return x._data if isinstance(x, Tensor) else x


def _one_float(*operands: Any) -> bool:
    """Whether all are tensors or arrays of one floating dtype, which so is their common one."""
    first = _array(operands[0])
    if not isinstance(first, ndarray) or first.dtype.kind != "f":
        return False
    return all([isinstance(x, ndarray) and x.dtype is first.dtype for x in map(_array, operands)])


def _older(name: str, order: str) -> None:
    """Warn, as torch does, of a call that names the factor first."""
    warnings.warn(f"{name}: {name}({order}) is torch's older order; give the factor by name", UserWarning, stacklevel=3)


def _cast(x: Any, dtype: np.dtype) -> Any:
    return to_dtype(x, dtype) if isinstance(x, (Tensor, ndarray)) else np.array(x).astype(dtype).item()


def _writes_sum(x: Any, other: Any, later: Any = None, *, alpha: Any = 1) -> bool:
    if later is not None:
        return False
    return _ADDS(x, other) if type(alpha) is int and alpha == 1 else overwrite.add_scaled(x, other, alpha)


def _writes_difference(x: Any, other: Any, later: Any = None, *, alpha: Any = 1) -> bool:
    if later is not None or type(alpha) not in (int, float):
        return False
    return _SUBTRACTS(x, other) if alpha == 1 and type(alpha) is int else overwrite.add_scaled(x, other, -alpha)


@function(inplace=True, writes=_writes_sum, samples=lambda s: [*binary()(s), (s(3), s(3), {"alpha": 0.5})])
def add(input: Any, other: Any, later: Any = None, *, alpha: Any = 1) -> Any:
    """input + alpha * other, broadcast. torch's older order is understood too: add(input, alpha, other).

    >>> autograd.add(autograd.tensor([1.0, 2.0]), 1, alpha=2)
    tensor([3., 4.])
    """
    if later is not None:
        _older("add", "input, alpha, other")
        alpha, other = other, later
    return _add(input, _scaled("add", alpha, other, input))


@function(inplace=True, writes=_writes_difference, samples=lambda s: [*binary()(s), (s(3), s(3), {"alpha": 0.5})])
def sub(input: Any, other: Any, later: Any = None, *, alpha: Any = 1) -> Any:
    """input - alpha * other, broadcast. torch's older order is understood too: sub(input, alpha, other).

    >>> autograd.sub(autograd.tensor([1.0, 4.0]), autograd.tensor([2.0, 3.0]))
    tensor([-1.,  1.])
    """
    if later is not None:
        _older("sub", "input, alpha, other")
        alpha, other = other, later
    return _sub(input, _scaled("sub", alpha, other, input))


@function(samples=lambda s: [*binary()(s), (s(3), s(3), {"alpha": 0.5})], method=False)
def rsub(input: Any, other: Any, *, alpha: Any = 1) -> Any:
    """other - alpha * input, broadcast.

    >>> autograd.rsub(autograd.tensor([1.0, 4.0]), autograd.tensor([2.0, 3.0]))
    tensor([ 1., -1.])
    """
    return _sub(other, _scaled("rsub", alpha, input, other))


def _modes(s: Draw) -> list[tuple[Any, ...]]:
    return [*binary(0.5, 3)(s), *((s(3, 4), s(4), {"rounding_mode": mode}) for mode in ("floor", "trunc"))]


@function(
    inplace=True,
    writes=lambda x, other, rounding_mode=None: rounding_mode is None and _DIVIDES(x, other),
    samples=_modes,
)
def div(input: Any, other: Any, *, rounding_mode: str | None = None) -> Any:
    """input / other; rounded toward zero for rounding_mode "trunc", down for "floor", which keep integers integers.

    >>> autograd.div(autograd.tensor([1.0, 4.0]), autograd.tensor([2.0, 3.0]))
    tensor([0.5000, 1.3333])
    """
    if rounding_mode is None:
        return true_divide(input, other)
    if rounding_mode == "floor":
        return floor_divide(input, other)
    if rounding_mode == "trunc":
        return _trunc_divide(input, other)
    raise NumberError(f"div: expected rounding_mode None, 'trunc' or 'floor', got {rounding_mode!r}")


alias(mul, "multiply")
alias(sub, "subtract")
alias(div, "divide")
alias(neg, "negative")


def _no_zero(name: str, input: Any, other: Any) -> bool:
    """Whether these are integers, after a check that none is divided by zero, where numpy would give 0."""
    integers = np.asarray(other).dtype.kind != "f"
    if integers and np.size(input) and not np.all(other):
        raise DivisionError(f"{name}: integer division by zero")
    return integers


_DIVISIONS = binary(0.5, 3)


def _integer_division(s: Draw) -> list[tuple[Any, ...]]:
    return [*_DIVISIONS(s), (s(3, 4), s(4)), (s.ints(9, 5, low=-9), s.ints(4, 5, low=1)), (s.ints(9, 5, low=-9), -4)]


@op(lambda g: _zero(g), lambda g: _zero(g), promote=True, inplace=True, samples=_integer_division)
@quiet
def floor_divide(input: Any, other: Any) -> Any:
    """input / other rounded down. The gradient is 0, as that of any rounding.

    >>> autograd.floor_divide(autograd.tensor([1.0, 4.0]), autograd.tensor([2.0, 3.0]))
    tensor([0., 1.])
    """
    _no_zero("floor_divide", input, other)
    y = _paired("floor_divide", input, other)
    return np.floor_divide(input, other) if y is None else y


@op(lambda g: _zero(g), lambda g: _zero(g), promote=True, samples=_integer_division)
@quiet
def _trunc_divide(input: Any, other: Any) -> Any:
    """input / other rounded toward zero."""
    if not _no_zero("div", input, other):
        return np.trunc(np.true_divide(input, other))
    quotient = np.floor_divide(input, other)
    return quotient + ((quotient < 0) & (quotient * other != input)).astype(quotient.dtype)


@op(
    lambda g: g,
    lambda g, input, other: -times(g, floor_divide(input, other)),
    promote=True,
    inplace=True,
    samples=_integer_division,
)
@quiet
def remainder(input: Any, other: Any) -> Any:
    """input - other * floor(input / other): the sign is other's, as for Python's %.

    >>> autograd.remainder(autograd.tensor([1.0, 4.0]), autograd.tensor([2.0, 3.0]))
    tensor([1., 1.])
    """
    _no_zero("remainder", input, other)
    y = _paired("remainder", input, other)
    return np.remainder(input, other) if y is None else y


@op(
    lambda g: g,
    lambda g, input, other: -times(g, _trunc_divide(input, other)),
    promote=True,
    inplace=True,
    samples=_integer_division,
)
@quiet
def fmod(input: Any, other: Any) -> Any:
    """input - other * trunc(input / other): the sign is input's, as for C's fmod.

    >>> autograd.fmod(autograd.tensor([1.0, 4.0]), autograd.tensor([2.0, 3.0]))
    tensor([1., 1.])
    """
    _no_zero("fmod", input, other)
    y = _paired("fmod", input, other)
    return np.fmod(input, other) if y is None else y


@op(lambda g: g, view=True, samples=unary())
def positive(input: Any) -> Any:
    """The input itself. Raises TypeError for bools.

    >>> autograd.positive(autograd.tensor([0.25, 0.5]))
    tensor([0.2500, 0.5000])
    """
    if input.dtype.kind == "b":
        raise DTypeError("positive: a bool has no sign; convert it with to()")
    return input


def _threefold(write: Any) -> Any:
    return lambda x, tensor1, tensor2, later=None, *, value=1: later is None and write(x, tensor1, tensor2, value)


def _by(g: Any, value: Any) -> Any:
    if value == 1:
        return g
    return kernels.multiply(g, float(value)) if type(g) is ndarray and g.dtype.kind == "f" else g * value


_FACTORS = lambda s: [(s(3, 4), s(3, 4), s.positive(3, 4), 0.5), (s(2), s(3, 1), s.positive(), 1)]


@op(
    lambda g: g,
    lambda g, tensor2, value: times(_by(g, value), tensor2),
    lambda g, tensor1, value: times(_by(g, value), tensor1),
    samples=_FACTORS,
)
@quiet
def _addcmul(input: Any, tensor1: Any, tensor2: Any, value: Any) -> Any:
    """input + value * tensor1 * tensor2 of one floating dtype; value is a number."""
    if input.size >= 2048 and _maps(input, tensor1, tensor2):
        return kernels.plus_product(input, tensor1, tensor2, value)
    return input + _by(tensor1, value) * tensor2


@op(
    lambda g: g,
    lambda g, tensor2, value: over(_by(g, value), tensor2),
    lambda g, tensor1, tensor2, value: _pull_divisor(_by(g, value), tensor1, tensor2),
    samples=_FACTORS,
)
@quiet
def _addcdiv(input: Any, tensor1: Any, tensor2: Any, value: Any) -> Any:
    """input + value * tensor1 / tensor2 of one floating dtype; value is a number."""
    if input.size >= 2048 and _maps(input, tensor1, tensor2):
        return kernels.plus_quotient(input, tensor1, tensor2, value)
    return input + _by(tensor1, value) / tensor2


@function(
    inplace=True,
    writes=_threefold(overwrite.add_product),
    samples=lambda s: [(s(3, 4), s(4), s(3, 1)), (s(2), s(2), s(), {"value": 0.5})],
)
def addcmul(input: Any, tensor1: Any, tensor2: Any, later: Any = None, *, value: Any = 1) -> Any:
    """input + value * tensor1 * tensor2, broadcast. torch's older order too: addcmul(input, value, tensor1, tensor2).

    >>> autograd.addcmul(autograd.zeros(2), autograd.tensor([1.0, 3.0]), autograd.tensor([2.0, 4.0]))
    tensor([ 2., 12.])
    """
    if later is not None:
        _older("addcmul", "input, value, tensor1, tensor2")
        value, tensor1, tensor2 = tensor1, tensor2, later
    if type(value) in (int, float) and _one_float(input, tensor1, tensor2):
        return _addcmul(input, tensor1, tensor2, value)
    product = mul(_scaled("addcmul", value, *_alike(input, tensor1, tensor2)), tensor2)
    return _add(input, product)


@function(
    inplace=True,
    writes=_threefold(overwrite.add_quotient),
    samples=lambda s: [(s(3, 4), s(4), s.positive(3, 1)), (s(2), s(2), s.positive(), {"value": 0.5})],
)
def addcdiv(input: Any, tensor1: Any, tensor2: Any, later: Any = None, *, value: Any = 1) -> Any:
    """input + value * tensor1 / tensor2, broadcast. torch's older order too: addcdiv(input, value, tensor1, tensor2).

    Raises TypeError where tensor1 and tensor2 are integers.

    >>> autograd.addcdiv(autograd.zeros(2), autograd.tensor([1.0, 3.0]), autograd.tensor([2.0, 4.0]))
    tensor([0.5000, 0.7500])
    """
    if later is not None:
        _older("addcdiv", "input, value, tensor1, tensor2")
        value, tensor1, tensor2 = tensor1, tensor2, later
    if type(value) in (int, float) and _one_float(input, tensor1, tensor2):
        return _addcdiv(input, tensor1, tensor2, value)
    if dtypes.result_type(_array(tensor1), _array(tensor2)).kind not in "fc":
        raise DTypeError(
            "addcdiv: expected floating-point tensor1 or tensor2; convert one, or use div with a rounding_mode"
        )
    return _add(input, true_divide(_scaled("addcdiv", value, *_alike(input, tensor1, tensor2)), tensor2))


def _alike(input: Any, tensor1: Any, tensor2: Any) -> tuple[Any, Any, Any]:
    """tensor1 in the common dtype of all three, then the other two."""
    if not _one_float(input, tensor1, tensor2):
        tensor1 = _cast(tensor1, dtypes.result_type(_array(input), _array(tensor1), _array(tensor2)))
    return tensor1, input, tensor2


@op(
    lambda g, weight: times(g, 1.0 - weight),
    lambda g, weight: times(g, weight),
    lambda g, input, end: times(g, end - input),
    promote=True,
    inplace=True,
    writes=overwrite.toward,
    samples=lambda s: [(s(3, 4), s(4), s.unit(3, 1)), (s(3), s(3), 0.25), (s(), s(2), 0.75)],
)
@quiet
def lerp(input: Any, end: Any, weight: Any) -> Any:
    """input + weight * (end - input): linear interpolation, exact at both ends.

    >>> autograd.lerp(autograd.tensor(0.0), autograd.tensor(10.0), 0.3)
    tensor(3.)
    """
    if not dtypes.settled((input, end)) and np.result_type(input, end).kind != "f":
        raise DTypeError("lerp: expected floating-point tensors; convert with to()")
    if _maps(input, end) and input.size >= 2048:
        if isinstance(weight, (int, float)):
            return kernels.lerp(input, end, weight)
        if _maps(input, weight):
            return kernels.lerp_each(input, end, weight)
    if type(weight) is float:
        return input + weight * (end - input) if weight < 0.5 else end - (end - input) * (1 - weight)
    return np.where(np.less(weight, 0.5), input + weight * (end - input), end - (end - input) * (1 - weight))


# ----------------------------------------------------------------------------------------------------- powers


def _inverse_root(x: Any) -> Any:
    return np.reciprocal(np.sqrt(x))


_pull_square = _pulled(kernels.squared_backward, lambda g, input: times(g, input * 2.0))
_pull_cube = _pulled(kernels.cubed_backward, lambda g, input: times(g, input * input * 3.0))
_pull_root = _pulled(kernels.root_backward, lambda g, y: over(g * 0.5, y))
_pull_inverse_root = _pulled(kernels.inverse_root_backward, lambda g, y: times(g, -0.5 * (y * y * y)))
_pull_inverse = _pulled(kernels.inverse_backward, lambda g, y: times(-g, y * y))
_pull_log1p = _pulled(kernels.log1p_backward, lambda g, input: over(g, input + 1.0))
_POWERS: dict[float, Any] = {
    2: (kernels.squared, np.square, kernels.SHARED),
    0.5: (kernels.root, np.sqrt, kernels.SLOW),
    -0.5: (kernels.inverse_root, _inverse_root, kernels.SLOW),
    -1: (kernels.inverse, np.reciprocal, kernels.SLOW),
    3: (kernels.cubed, lambda x: x * x * x, kernels.SLOW),
}


def _power_base(g: Any, input: Any, exponent: Any) -> Any:
    """g * exponent * input ** (exponent - 1), 0 for 0 ** 0."""
    if isinstance(exponent, (float, int, complex)):
        if exponent == 2:
            return _pull_square(g, input)
        if exponent == 3:
            return _pull_cube(g, input)
        return _zero(g) if exponent == 0 else times(g, exponent * _pow(input, exponent - 1.0))
    base = _where((exponent == 0) & logical_not(elementwise.abs(input) > 0), 1.0, input)  # 0 also for NaN ** 0
    return times(g, exponent * _pow(base, exponent - 1.0))


def _power_exponent(g: Any, input: Any, exponent: Any, y: Any) -> Any:
    """g * y * log(input), 0 where 0 has a power that is not negative."""
    if isinstance(input, (float, int, complex)):
        kind: Any = np.complex128 if isinstance(input, complex) else np.float64
        input = kind(input) if not isinstance(g, ndarray) else g.dtype.type(input)
    flat = (input == 0) & (exponent >= 0 if exponent.dtype.kind != "c" else exponent.real >= 0)
    return times(_where(flat, 0.0, g), y * elementwise.log(_where(flat, 1.0, input)))


@op(
    lambda g, input, exponent: _power_base(g, input, exponent),
    lambda g, input, exponent, y: _power_exponent(g, input, exponent, y),
    promote=True,
    inplace=True,
    samples=lambda s: [
        *binary(0.3, 2)(s), (s(3), 2), (s(3), 3.0), (s(2, 2), 1.0), (s(3), 0.0), (s(3), -1.0), (s.positive(3), 0.5),
        (s.ints(4, 3), 2),
        (s.positive(4), np.array([0.0, 1.0, 2.0, 3.0])),
    ],
)  # fmt: skip
@quiet
def _pow(input: Any, exponent: Any) -> Any:
    """input ** exponent, broadcast."""
    if type(exponent) in (float, int) and isinstance(input, ndarray) and input.dtype.kind == "f":
        short = _POWERS.get(exponent)
        if short is not None:
            kernel, plain, least = short
            return kernels.on_all_threads(kernel, plain, input, least)
    kind = np.result_type(input, exponent).kind
    if kind == "b":
        return np.power(input, exponent).astype(np.bool_)
    if kind != "i" or not np.less(exponent, 0).any():
        return np.power(input, exponent)
    # as torch: what is left of 1 / input ** n in an integer
    base, steps = np.asarray(input), np.abs(exponent)
    return np.where(exponent >= 0, np.power(base, steps), np.where(np.abs(base) == 1, np.power(base, steps), 0)).astype(
        base.dtype
    )


@function(inplace=True, samples=lambda s: [*binary(0.3, 2)(s), (s(3), 2), (s.ints(4, 3), 2), (2, s(3))])
def pow(input: Any, exponent: Any) -> Any:
    """input ** exponent, broadcast. Raises RuntimeError for integers with a negative integer number as exponent.

    >>> autograd.pow(autograd.tensor([1.0, 4.0]), autograd.tensor([2.0, 3.0]))
    tensor([ 1., 64.])
    """
    if type(exponent) is int and exponent < 0 and _array(input).dtype.kind not in "fc":
        raise NumberError("pow: integers to negative integer powers are not allowed; convert the base with float()")
    return _pow(input, exponent)


@function(inplace=True, samples=lambda s: [(s.positive(3), 1.5), (s(3), 2), (s.positive(3, 4), s(4))])
def float_power(input: Any, exponent: Any) -> Any:
    """input ** exponent, computed in float64, or complex128 where one of them is complex; returns float64.

    >>> autograd.float_power(autograd.tensor([1.0, 4.0]), autograd.tensor([2.0, 3.0]))
    tensor([ 1., 64.], dtype=autograd.float64)
    """
    dtype = dtypes.complex128 if dtypes.result_type(_array(input), _array(exponent)).kind == "c" else dtypes.float64
    return pow(_cast(input, dtype), _cast(exponent, dtype))


@op(
    lambda g, input: times(g, 2.0 * input),
    inplace=True,
    writes=alone(np.square, kernels.squared),
    samples=unary(),
)
@quiet
def square(input: Any) -> Any:
    """input times itself.

    >>> autograd.square(autograd.tensor([0.25, 0.5]))
    tensor([0.0625, 0.2500])
    """
    if np.asarray(input).dtype.kind == "b":
        return np.asarray(input).astype(np.int64)
    return kernels.on_all_threads(kernels.squared, np.square, input)


@op(
    lambda g, y: _pull_root(g, y),
    promote="float",
    inplace=True,
    writes=alone(np.sqrt, kernels.root, kernels.SLOW),
    samples=unary(0.3, 3),
)
@quiet
def sqrt(input: Any) -> Any:
    """The square root.

    >>> autograd.sqrt(autograd.tensor([0.25, 0.5]))
    tensor([0.5000, 0.7071])
    """
    return kernels.on_all_threads(kernels.root, np.sqrt, input, kernels.SLOW)


@op(
    lambda g, y: _pull_inverse_root(g, y),
    promote="float",
    inplace=True,
    writes=alone(None, kernels.inverse_root, kernels.SLOW),
    samples=unary(0.3, 3),
)
@quiet
def rsqrt(input: Any) -> Any:
    """1 / sqrt(input).

    >>> autograd.rsqrt(autograd.tensor([0.25, 0.5]))
    tensor([2.0000, 1.4142])
    """
    if isinstance(input, np.generic):
        return np.true_divide(1.0, np.sqrt(input))
    return kernels.on_all_threads(kernels.inverse_root, _inverse_root, input, kernels.SLOW)


@op(
    lambda g, y: _pull_inverse(g, y),
    promote="float",
    inplace=True,
    writes=alone(np.reciprocal, kernels.inverse, kernels.SLOW),
    samples=unary(0.3, 3),
)
@quiet
def reciprocal(input: Any) -> Any:
    """1 / input.

    >>> autograd.reciprocal(autograd.tensor([0.25, 0.5]))
    tensor([4., 2.])
    """
    return kernels.on_all_threads(kernels.inverse, np.reciprocal, input, kernels.SLOW)


@op(
    lambda g, input, y: over(times(g, input), y),
    lambda g, other, y: over(times(g, other), y),
    promote=True,
    inplace=True,
    samples=binary(),
)
@quiet
def hypot(input: Any, other: Any) -> Any:
    """sqrt(input^2 + other^2) without overflow. The gradient at the origin is 0.

    >>> autograd.hypot(autograd.tensor([1.0, 4.0]), autograd.tensor([2.0, 3.0]))
    tensor([2.2361, 5.0000])
    """
    if np.result_type(input, other).kind != "f":
        raise DTypeError("hypot: expected floating-point tensors; convert with to()")
    y = _paired("hypot", input, other)
    return np.hypot(input, other) if y is None else y


from . import elementwise  # noqa: E402 - which begins with what stands above
