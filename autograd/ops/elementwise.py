"""Exponentials, logarithms, trigonometry, sign and rounding, elementwise."""

from __future__ import annotations

from math import log as _log
from math import pi as _pi
from typing import Any

import numpy as np
from numpy import ndarray

from ..errors import DTypeError
from ..kernels import elementwise as kernels
from ..kernels.overwrite import alone
from ..kernels.quiet import quiet
from ..op import function, op
from ..samples import Draw, binary, unary
from ..tensor import Tensor
from .alias import alias
from .arithmetic import SEVERAL, _in_kernel, _maps, _paired, _pull_log1p, mul, sqrt
from .chain import _zero, over, times
from .compare import _integral, _where

# -------------------------------------------------------------------------------- exponentials and logarithms


@op(lambda g, y: times(g, y), promote="float", inplace=True, writes=alone(np.exp), samples=unary())
@quiet
def exp(input: Any) -> Any:
    """e to the input.

    >>> autograd.exp(autograd.tensor([0.25, 0.5]))
    tensor([1.2840, 1.6487])
    """
    return np.exp(input)


@op(lambda g, y: times(g, y * _log(2)), promote="float", inplace=True, samples=unary())
@quiet
def exp2(input: Any) -> Any:
    """2 to the input.

    >>> autograd.exp2(autograd.tensor([0.25, 0.5]))
    tensor([1.1892, 1.4142])
    """
    return np.exp2(input)


@op(lambda g, y: times(g, y + 1.0), promote="float", inplace=True, writes=alone(np.expm1), samples=unary())
@quiet
def expm1(input: Any) -> Any:
    """exp(input) - 1, exact near 0.

    >>> autograd.expm1(autograd.tensor([0.25, 0.5]))
    tensor([0.2840, 0.6487])
    """
    return np.expm1(input)


@op(
    lambda g, input: over(g, input),
    promote="float",
    inplace=True,
    writes=alone(np.log),
    samples=unary(0.3, 3),
)
@quiet
def log(input: Any) -> Any:
    """Natural logarithm.

    >>> autograd.log(autograd.tensor([0.25, 0.5]))
    tensor([-1.3863, -0.6931])
    """
    return np.log(input)


@op(
    lambda g, input: over(g, input * _log(2)),
    promote="float",
    inplace=True,
    writes=alone(np.log2),
    samples=unary(0.3, 3),
)
@quiet
def log2(input: Any) -> Any:
    """Logarithm to base 2.

    >>> autograd.log2(autograd.tensor([0.25, 0.5]))
    tensor([-2., -1.])
    """
    return np.log2(input)


@op(
    lambda g, input: over(g, input * _log(10)),
    promote="float",
    inplace=True,
    writes=alone(np.log10),
    samples=unary(0.3, 3),
)
@quiet
def log10(input: Any) -> Any:
    """Logarithm to base 10.

    >>> autograd.log10(autograd.tensor([0.25, 0.5]))
    tensor([-0.6021, -0.3010])
    """
    return np.log10(input)


@op(
    lambda g, input: _pull_log1p(g, input),
    promote="float",
    inplace=True,
    writes=alone(np.log1p),
    samples=unary(-0.7, 3),
)
@quiet
def log1p(input: Any) -> Any:
    """log(1 + input), exact near 0.

    >>> autograd.log1p(autograd.tensor([0.25, 0.5]))
    tensor([0.2231, 0.4055])
    """
    return np.log1p(input)


@op(
    lambda g, input, other: times(g, sigmoid(input - other)),
    lambda g, input, other: times(g, sigmoid(other - input)),
    promote=True,
    samples=binary(),
)
@quiet
def logaddexp(input: Any, other: Any) -> Any:
    """log(exp(input) + exp(other)) without overflow.

    >>> autograd.logaddexp(autograd.tensor([1.0, 4.0]), autograd.tensor([2.0, 3.0]))
    tensor([2.3133, 4.3133])
    """
    y = _paired("logaddexp", input, other)
    return np.logaddexp(input, other) if y is None else y


@op(
    lambda g, input, other: times(g, sigmoid((input - other) * _log(2))),
    lambda g, input, other: times(g, sigmoid((other - input) * _log(2))),
    promote=True,
    samples=binary(),
)
@quiet
def logaddexp2(input: Any, other: Any) -> Any:
    """log2(2^input + 2^other) without overflow.

    >>> autograd.logaddexp2(autograd.tensor([1.0, 4.0]), autograd.tensor([2.0, 3.0]))
    tensor([2.5850, 4.5850])
    """
    y = _paired("logaddexp2", input, other)
    return np.logaddexp2(input, other) if y is None else y


@function(inplace=True, samples=lambda s: [(s(3, 4), s(4)), (s(3), s.ints(4, 3))])
def ldexp(input: Any, other: Any) -> Any:
    """input * 2 ** other.

    >>> autograd.ldexp(autograd.tensor([1.0, 4.0]), autograd.tensor([2.0, 3.0]))
    tensor([ 4., 32.])
    """
    return mul(input, exp2(other) if isinstance(other, (Tensor, ndarray)) else 2.0**other)


def _sigmoid_pull(g: Any, y: Any) -> Any:
    return kernels.sigmoid_backward(g, y) if _in_kernel(g, SEVERAL) and g.shape == y.shape else g * (y * (1.0 - y))


@op(lambda g, y: _sigmoid_pull(g, y), promote="float", inplace=True, samples=lambda s: [*unary()(s), (s(40, 60),)])
@quiet
def sigmoid(input: Any) -> Any:
    """1 / (1 + exp(-input)).

    >>> autograd.sigmoid(autograd.tensor([0.25, 0.5]))
    tensor([0.5622, 0.6225])
    """
    if _in_kernel(input, SEVERAL):
        return kernels.sigmoid_forward(input)
    t = np.negative(input, out=np.empty_like(input))
    np.exp(t, out=t)
    t += 1
    return np.reciprocal(t, out=t)


# ----------------------------------------------------------------------------------------------- trigonometry


@op(
    lambda g, input: times(g, cos(input)),
    promote="float",
    inplace=True,
    writes=alone(np.sin),
    samples=unary(),
)
@quiet
def sin(input: Any) -> Any:
    """Sine of an angle in radians.

    >>> autograd.sin(autograd.tensor([0.25, 0.5]))
    tensor([0.2474, 0.4794])
    """
    return np.sin(input)


@op(
    lambda g, input: times(-g, sin(input)),
    promote="float",
    inplace=True,
    writes=alone(np.cos),
    samples=unary(),
)
@quiet
def cos(input: Any) -> Any:
    """Cosine of an angle in radians.

    >>> autograd.cos(autograd.tensor([0.25, 0.5]))
    tensor([0.9689, 0.8776])
    """
    return np.cos(input)


@op(lambda g, y: times(g, 1.0 + y * y), promote="float", inplace=True, samples=unary(-1.2, 1.2))
@quiet
def tan(input: Any) -> Any:
    """Tangent of an angle in radians.

    >>> autograd.tan(autograd.tensor([0.25, 0.5]))
    tensor([0.2553, 0.5463])
    """
    return np.tan(input)


@op(lambda g, input: over(g, sqrt(1.0 - input * input)), promote="float", inplace=True, samples=unary(-0.9, 0.9))
@quiet
def asin(input: Any) -> Any:
    """Inverse sine, in [-pi/2, pi/2]; NaN outside [-1, 1].

    >>> autograd.asin(autograd.tensor([0.25, 0.5]))
    tensor([0.2527, 0.5236])
    """
    return np.arcsin(input)


@op(lambda g, input: over(-g, sqrt(1.0 - input * input)), promote="float", inplace=True, samples=unary(-0.9, 0.9))
@quiet
def acos(input: Any) -> Any:
    """Inverse cosine, in [0, pi]; NaN outside [-1, 1].

    >>> autograd.acos(autograd.tensor([0.25, 0.5]))
    tensor([1.3181, 1.0472])
    """
    return np.arccos(input)


@op(lambda g, input: over(g, 1.0 + input * input), promote="float", inplace=True, samples=unary())
@quiet
def atan(input: Any) -> Any:
    """Inverse tangent, in [-pi/2, pi/2].

    >>> autograd.atan(autograd.tensor([0.25, 0.5]))
    tensor([0.2450, 0.4636])
    """
    return np.arctan(input)


@op(
    lambda g, input, other: over(times(g, other), input * input + other * other),
    lambda g, input, other: over(times(-g, input), input * input + other * other),
    promote="float",
    inplace=True,
    samples=binary(),
)
@quiet
def atan2(input: Any, other: Any) -> Any:
    """The angle of the point (other, input), in [-pi, pi]. The gradient at the origin is 0.

    >>> autograd.atan2(autograd.tensor([1.0, 4.0]), autograd.tensor([2.0, 3.0]))
    tensor([0.4636, 0.9273])
    """
    return np.arctan2(input, other)


@op(lambda g, input: times(g, cosh(input)), promote="float", inplace=True, samples=unary())
@quiet
def sinh(input: Any) -> Any:
    """Hyperbolic sine.

    >>> autograd.sinh(autograd.tensor([0.25, 0.5]))
    tensor([0.2526, 0.5211])
    """
    return np.sinh(input)


@op(lambda g, input: times(g, sinh(input)), promote="float", inplace=True, samples=unary())
@quiet
def cosh(input: Any) -> Any:
    """Hyperbolic cosine.

    >>> autograd.cosh(autograd.tensor([0.25, 0.5]))
    tensor([1.0314, 1.1276])
    """
    return np.cosh(input)


def _tanh_pull(g: Any, y: Any) -> Any:
    return kernels.tanh_backward(g, y) if _in_kernel(g, SEVERAL) and g.shape == y.shape else g * (1.0 - y * y)


@op(lambda g, y: _tanh_pull(g, y), promote="float", inplace=True, samples=lambda s: [*unary()(s), (s(40, 60),)])
@quiet
def tanh(input: Any) -> Any:
    """Hyperbolic tangent.

    >>> autograd.tanh(autograd.tensor([0.25, 0.5]))
    tensor([0.2449, 0.4621])
    """
    return kernels.tanh_forward(input) if _in_kernel(input) else np.tanh(input)


@op(lambda g, input: over(g, sqrt(1.0 + input * input)), promote="float", inplace=True, samples=unary())
@quiet
def asinh(input: Any) -> Any:
    """Inverse hyperbolic sine.

    >>> autograd.asinh(autograd.tensor([0.25, 0.5]))
    tensor([0.2475, 0.4812])
    """
    return np.arcsinh(input)


@op(lambda g, input: over(g, sqrt(input * input - 1.0)), promote="float", inplace=True, samples=unary(1.2, 4))
@quiet
def acosh(input: Any) -> Any:
    """Inverse hyperbolic cosine; NaN below 1.

    >>> autograd.acosh(autograd.tensor([1.0, 2.0]))
    tensor([0.0000, 1.3170])
    """
    return np.arccosh(input)


@op(lambda g, input: over(g, 1.0 - input * input), promote="float", inplace=True, samples=unary(-0.9, 0.9))
@quiet
def atanh(input: Any) -> Any:
    """Inverse hyperbolic tangent; NaN outside [-1, 1].

    >>> autograd.atanh(autograd.tensor([0.25, 0.5]))
    tensor([0.2554, 0.5493])
    """
    return np.arctanh(input)


@op(lambda g: g * (_pi / 180), promote="float", inplace=True, samples=unary())
@quiet
def deg2rad(input: Any) -> Any:
    """Degrees as radians.

    >>> autograd.deg2rad(autograd.tensor([0.25, 0.5]))
    tensor([0.0044, 0.0087])
    """
    return input * (_pi / 180)


@op(lambda g: g * (180 / _pi), promote="float", inplace=True, samples=unary())
@quiet
def rad2deg(input: Any) -> Any:
    """Radians as degrees.

    >>> autograd.rad2deg(autograd.tensor([0.25, 0.5]))
    tensor([14.3239, 28.6479])
    """
    return input * (180 / _pi)


alias(asin, "arcsin")
alias(acos, "arccos")
alias(atan, "arctan")
alias(atan2, "arctan2")
alias(asinh, "arcsinh")
alias(acosh, "arccosh")
alias(atanh, "arctanh")


# ------------------------------------------------------------------------------------------- sign and rounding


@op(
    lambda g, input: kernels.signed(input, g) if _maps(input, g) else times(g, sgn(input)),
    inplace=True,
    writes=alone(np.absolute, kernels.absolute),
    samples=lambda s: [*unary()(s), (s(40, 60),)],
)
def abs(input: Any) -> Any:
    """The absolute value. The gradient at 0 is 0.

    >>> autograd.abs(autograd.tensor([-1.5, 0.5]))
    tensor([1.5000, 0.5000])
    """
    if np.asarray(input).dtype.kind == "b":
        raise DTypeError("abs: a bool has no absolute value; convert it with to()")
    return kernels.on_all_threads(kernels.absolute, np.absolute, input)


def _signs(s: Draw) -> list[tuple[Any, ...]]:
    return [(s.unit(3, 4),), (s.unit(),), (s(0, 3),), (s.ints(4, 5, low=-3),)]


def _sign(input: Any) -> Any:
    if _maps(input):
        return kernels.sign(input)
    x = np.asarray(input)
    if x.dtype.kind == "b":
        return x.copy()
    return np.where(np.isnan(x), 0, np.sign(x)).astype(x.dtype) if x.dtype.kind == "f" else np.sign(x)


@op(lambda g: _zero(g), inplace=True, writes=alone(None, kernels.sign, 2048), samples=_signs)
def sign(input: Any) -> Any:
    """-1, 0 or 1 as the input is negative, zero (or NaN) or positive. The gradient is 0.

    >>> autograd.sign(autograd.tensor([-1.5, 0.5]))
    tensor([-1.,  1.])
    """
    return _sign(input)


@op(lambda g: _zero(g), inplace=True, samples=_signs)
def sgn(input: Any) -> Any:
    """`sign` of real numbers; a complex one divided by its absolute value, 0 at 0.

    >>> autograd.sgn(autograd.tensor([-1.5, 0.5]))
    tensor([-1.,  1.])
    """
    return _sign(input)


@op(
    lambda g, input, other: times(g, sgn(input) * copysign(1.0, other)),
    lambda g: _zero(g),
    promote="float",
    inplace=True,
    samples=binary(),
)
def copysign(input: Any, other: Any) -> Any:
    """|input| with the sign of other, that of -0 included.

    >>> autograd.copysign(autograd.tensor([1.0, 4.0]), autograd.tensor([2.0, 3.0]))
    tensor([1., 4.])
    """
    return np.copysign(input, other)


@op(
    lambda g: _zero(g),
    lambda g, input: _where(input == 0, g, 0.0),
    promote=True,
    inplace=True,
    samples=binary(),
)
def heaviside(input: Any, values: Any) -> Any:
    """values where input is 0, 1 where it is positive, else 0.

    >>> autograd.heaviside(autograd.tensor([-1.0, 0.0, 2.0]), autograd.tensor(0.5))
    tensor([0.0000, 0.5000, 1.0000])
    """
    return np.where(np.equal(input, 0), values, np.greater(input, 0)).astype(np.result_type(input, values), copy=False)


@op(lambda g: _zero(g), inplace=True, writes=alone(np.ceil), samples=_signs)
def ceil(input: Any) -> Any:
    """Rounded up. The gradient is 0.

    >>> autograd.ceil(autograd.tensor([-1.5, 0.5]))
    tensor([-1.,  1.])
    """
    return np.ceil(_number("ceil", input))


@op(lambda g: _zero(g), inplace=True, writes=alone(np.floor, kernels.rounded_down), samples=_signs)
def floor(input: Any) -> Any:
    """Rounded down. The gradient is 0.

    >>> autograd.floor(autograd.tensor([-1.5, 0.5]))
    tensor([-2.,  0.])
    """
    return kernels.on_all_threads(kernels.rounded_down, np.floor, _number("floor", input))


@op(lambda g: _zero(g), inplace=True, writes=alone(np.trunc), samples=_signs)
def trunc(input: Any) -> Any:
    """Rounded toward zero. The gradient is 0.

    >>> autograd.trunc(autograd.tensor([-1.5, 0.5]))
    tensor([-1.,  0.])
    """
    return np.trunc(_number("trunc", input))


@op(lambda g: g, inplace=True, samples=unary())
@quiet
def frac(input: Any) -> Any:
    """input - trunc(input).

    >>> autograd.frac(autograd.tensor([-1.5, 0.5]))
    tensor([-0.5000,  0.5000])
    """
    if np.asarray(input).dtype.kind != "f":
        raise DTypeError("frac: expected a floating-point tensor; integers have no fraction")
    y = np.asarray(np.trunc(input))
    return np.subtract(input, y, out=y)


@op(lambda g: _zero(g), inplace=True, samples=lambda s: [*_signs(s), (s(3, 4), 1), (s(3), {"decimals": -1})])
@quiet
def round(input: Any, decimals: int = 0) -> Any:
    """Rounded to `decimals` places, halves to even. The gradient is 0.

    >>> autograd.round(autograd.tensor([-1.5, 0.5]))
    tensor([-2.,  0.])
    """
    _number("round", input)
    if decimals == 0 or input.dtype.kind != "f":
        return kernels.on_all_threads(kernels.rounded, np.rint, input).astype(input.dtype, copy=False)
    scale = 10.0 ** np.absolute(decimals).item()
    return np.rint(input * scale) / scale if decimals > 0 else np.rint(input / scale) * scale


def _number(name: str, input: Any) -> Any:
    if np.asarray(input).dtype.kind == "b":
        raise DTypeError(f"{name}: bools cannot be rounded; convert with to()")
    return input


alias(abs, "absolute")
alias(trunc, "fix")


@op(None, None, promote=True, inplace=True, samples=lambda s: [(s.ints(30, 3, 4), s.ints(30, 4)), (s.ints(30, 3), 12)])
def gcd(input: Any, other: Any) -> Any:
    """The greatest common divisor of integers.

    >>> autograd.gcd(autograd.tensor([6, 12]), autograd.tensor([4, 10]))
    tensor([2, 2])
    """
    _integral("gcd", input, other)
    if np.result_type(input, other).kind == "b":
        raise DTypeError("gcd: bools have no divisors; convert with to()")
    return np.gcd(input, other)


@op(None, None, promote=True, inplace=True, samples=lambda s: [(s.ints(30, 3, 4), s.ints(30, 4)), (s.ints(30, 3), 12)])
def lcm(input: Any, other: Any) -> Any:
    """The least common multiple of integers.

    >>> autograd.lcm(autograd.tensor([6, 12]), autograd.tensor([4, 10]))
    tensor([12, 60])
    """
    _integral("lcm", input, other)
    if np.result_type(input, other).kind == "b":
        raise DTypeError("lcm: bools have no divisors; convert with to()")
    return np.lcm(input, other)
