"""Special functions: error, gamma and their kin."""

from __future__ import annotations

import math
from math import pi, sqrt
from typing import Any

import numpy as np

from ..errors import NumberError, TapeError
from ..kernels import special as kernels
from ..kernels.elementwise import limit
from ..kernels.quiet import quiet
from ..op import function, op
from ..samples import binary, unary
from .arithmetic import _maps
from .chain import over, times
from .compare import _where
from .elementwise import abs as _abs
from .elementwise import cos, exp, log, log1p, sgn, sin


@op(lambda g, input: times(g, exp(-input * input) * (2 / sqrt(pi))), promote="float", inplace=True, samples=unary())
def erf(input: Any) -> Any:
    """The error function, 2 / sqrt(pi) times the integral of exp(-t^2) from 0 to the input.

    >>> autograd.erf(autograd.tensor([0.25, 0.5]))
    tensor([0.2763, 0.5205])
    """
    return kernels.erf(np.asarray(input))


@op(lambda g, input: times(g, exp(-input * input) * (-2 / sqrt(pi))), promote="float", inplace=True, samples=unary())
def erfc(input: Any) -> Any:
    """1 - erf(input), exact for large inputs.

    >>> autograd.erfc(autograd.tensor([0.25, 0.5]))
    tensor([0.7237, 0.4795])
    """
    return kernels.erfc(np.asarray(input))


def _scipy(name: str) -> Any:
    try:
        from scipy import special
    except ImportError:
        raise ImportError(f"{name}: neither numpy nor math has it; `pip install scipy` to use it") from None
    return special


@op(lambda g, y: times(g, exp(y * y) * (sqrt(pi) / 2)), promote="float", inplace=True, samples=unary(-0.9, 0.9))
def erfinv(input: Any) -> Any:
    """The inverse of erf on (-1, 1).

    >>> autograd.erfinv(autograd.tensor([0.25, 0.5]))
    tensor([0.2253, 0.4769])
    """
    return kernels.erfinv(np.asarray(input))


@op(lambda g, input: times(g, digamma(input)), promote="float", inplace=True, samples=unary(0.3, 3))
def lgamma(input: Any) -> Any:
    """log |gamma(input)|.

    >>> autograd.lgamma(autograd.tensor([0.25, 0.5]))
    tensor([1.2880, 0.5724])
    """
    return kernels.lgamma(np.asarray(input))


@op(lambda g, input: times(g, polygamma(1, input)), promote="float", inplace=True, samples=unary(0.3, 3))
def digamma(input: Any) -> Any:
    """The derivative of log gamma. At 0 it is minus infinity, or plus at -0; NaN at negative integers.

    >>> autograd.digamma(autograd.tensor([0.25, 0.5]))
    tensor([-4.2275, -1.9635])
    """
    return kernels.digamma(np.asarray(input))


@op(
    lambda g, input, n: times(g, _polygamma(input, n + 1)),
    promote="float",
    samples=lambda s: [(s.positive(3, 4), 1), (s.positive(2), 0), (s.positive(), 2)],
)
@quiet
def _polygamma(input: Any, n: int) -> Any:
    """The n-th derivative of digamma."""
    if n == 1:
        return kernels.trigamma(np.asarray(input))
    y = np.where(np.isneginf(input), np.nan, _scipy("polygamma").polygamma(n, input))
    return y.astype(np.asarray(input).dtype)


@function(
    samples=lambda s: [(1, s.positive(3, 4)), (0, s.positive(2)), (2, s.positive())],
    method=lambda input, n: polygamma(n, input),
    inplace=True,
)
def polygamma(n: int, input: Any) -> Any:
    """The n-th derivative of digamma, n >= 0; needs scipy for n > 1.

    >>> autograd.polygamma(1, autograd.tensor([1.0]))
    tensor([1.6449])
    """
    if not isinstance(n, int) or n < 0:
        raise NumberError(f"polygamma: expected n an integer >= 0, got {n!r}")
    return digamma(input) if n == 0 else _polygamma(input, n)


def _sinc_slope(input: Any) -> Any:
    """(cos(z) - sin(z) / z) / x with z = pi x, by its Taylor series where that difference would cancel."""
    z = input * pi
    near = _abs(z) < 0.7
    w = z * z
    series = pi * z * (-1 / 3 + w * (1 / 30 + w * (-1 / 840 + w * (1 / 45360 + w * (-1 / 3991680 + w / 518918400)))))
    far = _where(near, 1.0, input)
    z = far * pi
    return _where(near, series, (cos(z) - sin(z) / z) / far)


@op(lambda g, input: times(g, _sinc_slope(input)), promote="float", inplace=True, samples=unary())
@quiet
def sinc(input: Any) -> Any:
    """sin(pi input) / (pi input), 1 at 0.

    >>> autograd.sinc(autograd.tensor([0.25, 0.5]))
    tensor([0.9003, 0.6366])
    """
    z = np.asarray(input * pi)
    return np.where(z == 0, z.dtype.type(1), np.sin(z) / z)


def _logit_pull(g: Any, input: Any, eps: float | None) -> Any:
    if _maps(input, g):
        return kernels.logit_backward(input, g, *((0, 1, math.nan) if eps is None else (eps, 1 - eps, 0)))
    if eps is None:
        return over(g, _where((input < 0) | (input > 1), float("nan"), input * (1.0 - input)))
    inside = (input >= eps) & (input <= 1.0 - eps)
    return _where(inside, over(g, _where(inside, input * (1.0 - input), 1.0)), 0.0)


@op(
    lambda g, input, eps: _logit_pull(g, input, eps),
    promote="float",
    inplace=True,
    samples=lambda s: [*unary(0.1, 0.9)(s), (s(3, 4, low=0.01, high=0.99), 0.2)],
)
@quiet
def logit(input: Any, eps: float | None = None) -> Any:
    """log(input / (1 - input)), the input first limited to [eps, 1 - eps] if eps is given; NaN outside [0, 1].

    >>> autograd.logit(autograd.tensor([0.25, 0.5]))
    tensor([-1.0986,  0.0000])
    """
    if eps is not None:
        x = np.asarray(input)
        low, high = x.dtype.type(eps), x.dtype.type(1 - eps)
        # from below first, and only what is left from above: eps may exceed 1/2
        input = limit(x, low, high) if low <= high else np.where(x < low, low, np.where(x > high, high, x))
    return np.log(input / (1 - input))


@op(
    lambda g, input, other: times(_where((input == 0) & (other <= 0), 0.0, g), log(other)),
    lambda g, input, other: over(times(g, input), other),
    promote="float",
    inplace=True,
    samples=binary(0.3, 3),
)
@quiet
def xlogy(input: Any, other: Any) -> Any:
    """input * log(other), 0 where input is 0 (but NaN where other is).

    >>> autograd.xlogy(autograd.tensor([1.0, 4.0]), autograd.tensor([2.0, 3.0]))
    tensor([0.6931, 4.3944])
    """
    other = np.asarray(other, getattr(input, "dtype", None))  # a number alone would make its logarithm float64
    y = np.asarray(input * np.log(other))
    return np.where(np.equal(input, 0) & ~np.isnan(other), y.dtype.type(0), y)


# ------------------------------------------------------------------------------------------- Bessel, normal, gamma


def _from_scipy(name: str, function: str, input: Any) -> Any:
    x = np.asarray(input)
    return np.asarray(getattr(_scipy(name), function)(x)).astype(x.dtype, copy=False)


@op(lambda g, input: times(g, special_i1(input)), promote="float", inplace=True, samples=unary())
@quiet
def i0(input: Any) -> Any:
    """The modified Bessel function of the first kind and order 0; needs scipy.

    >>> autograd.i0(autograd.tensor([0.0, 1.0]))
    tensor([1.0000, 1.2661])
    """
    return _from_scipy("i0", "i0", input)


def _i1_slope(input: Any, y: Any, ratio_at_0: float, first: Any) -> Any:
    """I0(x) - I1(x) / x, whose limit at 0 is 1/2."""
    zero = input == 0
    return _where(zero, ratio_at_0, first - y / _where(zero, 1.0, input))


@op(lambda g, input, y: times(g, _i1_slope(input, y, 0.5, i0(input))), promote="float", method=False, samples=unary())
@quiet
def special_i1(input: Any) -> Any:
    """The modified Bessel function of the first kind and order 1; needs scipy.

    >>> autograd.special.i1(autograd.tensor([0.0, 1.0]))
    tensor([0.0000, 0.5652])
    """
    return _from_scipy("i1", "i1", input)


@op(lambda g, input, y: times(g, special_i1e(input) - sgn(input) * y), promote="float", method=False, samples=unary())
@quiet
def special_i0e(input: Any) -> Any:
    """exp(-|input|) i0(input); needs scipy.

    >>> autograd.special.i0e(autograd.tensor([0.0, 1.0]))
    tensor([1.0000, 0.4658])
    """
    return _from_scipy("i0e", "i0e", input)


@op(
    lambda g, input, y: times(g, _i1_slope(input, y, 0.5, special_i0e(input)) - sgn(input) * y),
    promote="float",
    method=False,
    samples=unary(),
)
@quiet
def special_i1e(input: Any) -> Any:
    """exp(-|input|) i1(input); needs scipy.

    >>> autograd.special.i1e(autograd.tensor([0.0, 1.0]))
    tensor([0.0000, 0.2079])
    """
    return _from_scipy("i1e", "i1e", input)


@op(
    lambda g, input: times(g, exp(-0.5 * input * input) * (1 / sqrt(2 * pi))),
    promote="float",
    method=False,
    samples=unary(),
)
def special_ndtr(input: Any) -> Any:
    """The distribution function of the standard normal.

    >>> autograd.special.ndtr(autograd.tensor([0.0, 1.0]))
    tensor([0.5000, 0.8413])
    """
    return kernels.ndtr(np.asarray(input))


@op(lambda g, y: times(g, exp(0.5 * y * y) * sqrt(2 * pi)), promote="float", method=False, samples=unary(0.05, 0.95))
@quiet
def special_ndtri(input: Any) -> Any:
    """The inverse of `ndtr`; needs scipy.

    >>> autograd.special.ndtri(autograd.tensor([0.5, 0.9]))
    tensor([0.0000, 1.2816])
    """
    return _from_scipy("ndtri", "ndtri", input)


@op(
    lambda g, input: over(g * sqrt(2 / pi), special_erfcx(input * -sqrt(0.5))),
    promote="float",
    method=False,
    samples=unary(),
)
@quiet
def special_log_ndtr(input: Any) -> Any:
    """log(ndtr(input)), exact far to the left; needs scipy.

    >>> autograd.special.log_ndtr(autograd.tensor([0.0, -10.0]))
    tensor([ -0.6931, -53.2313])
    """
    return _from_scipy("log_ndtr", "log_ndtr", input)


@op(lambda g, input, y: times(g, 2.0 * input * y - 2 / sqrt(pi)), promote="float", method=False, samples=unary())
@quiet
def special_erfcx(input: Any) -> Any:
    """exp(input^2) erfc(input); needs scipy.

    >>> autograd.special.erfcx(autograd.tensor([0.0, 10.0]))
    tensor([1.0000, 0.0561])
    """
    return _from_scipy("erfcx", "erfcx", input)


@op(lambda g, input: times(g, -1.0 - log(input)), promote="float", method=False, samples=unary(0.2, 3))
@quiet
def special_entr(input: Any) -> Any:
    """-input log(input), 0 at 0, minus infinity below.

    >>> autograd.special.entr(autograd.tensor([0.5, 0.0]))
    tensor([0.3466, 0.0000])
    """
    x = np.asarray(input)
    y = np.where(x > 0, -x * np.log(x), np.where(x == 0, 0, -np.inf))
    return np.where(np.isnan(x), x, y).astype(x.dtype)


@op(
    lambda g, input, other: times(_where((input == 0) & (other <= -1), 0.0, g), log1p(other)),
    lambda g, input, other: over(times(g, input), other + 1.0),
    promote="float",
    method=False,
    samples=binary(0.3, 3),
)
@quiet
def special_xlog1py(input: Any, other: Any) -> Any:
    """input * log1p(other), 0 where input is 0 (but NaN where other is).

    >>> autograd.special.xlog1py(autograd.tensor([0.0, 2.0]), autograd.tensor([-1.0, 1.0]))
    tensor([0.0000, 1.3863])
    """
    other = np.asarray(other, getattr(input, "dtype", None))
    y = np.asarray(input * np.log1p(other))
    return np.where(np.equal(input, 0) & ~np.isnan(other), y.dtype.type(0), y)


def _gammainc_slope(input: Any, other: Any) -> Any:
    """The density of a gamma variable: other^(input - 1) exp(-other) / gamma(input)."""
    return exp((input - 1.0) * log(other) - other - lgamma(input))


def _no_slope(name: str) -> Any:
    raise TapeError(f"{name}: the derivative with respect to input is not implemented, as in torch; detach() it")


@op(
    lambda g: _no_slope("igamma"),
    lambda g, input, other: times(g, _gammainc_slope(input, other)),
    promote="float",
    inplace=True,
    samples=lambda s: [(s.ints(4, 3, low=1), s.positive(2, 3)), (2, s.positive(3))],
)
@quiet
def igamma(input: Any, other: Any) -> Any:
    """The regularised lower incomplete gamma function; no gradient for input; needs scipy.

    >>> autograd.igamma(autograd.tensor([1.0]), autograd.tensor([2.0]))
    tensor([0.8647])
    """
    y = np.asarray(_scipy("igamma").gammainc(input, other))
    return y.astype(np.result_type(input, other), copy=False)


@op(
    lambda g: _no_slope("igammac"),
    lambda g, input, other: times(-g, _gammainc_slope(input, other)),
    promote="float",
    inplace=True,
    samples=lambda s: [(s.ints(4, 3, low=1), s.positive(2, 3)), (2, s.positive(3))],
)
@quiet
def igammac(input: Any, other: Any) -> Any:
    """1 - igamma(input, other); no gradient for input; needs scipy.

    >>> autograd.igammac(autograd.tensor([1.0]), autograd.tensor([2.0]))
    tensor([0.1353])
    """
    y = np.asarray(_scipy("igammac").gammaincc(input, other))
    return y.astype(np.result_type(input, other), copy=False)


@function(inplace=True, samples=lambda s: [(s(3, 2, low=2.0, high=4.0), 2), (s(low=2.0, high=4.0), 3)])
def mvlgamma(input: Any, p: int) -> Any:
    """The logarithm of the multivariate gamma function of dimension p.

    >>> autograd.mvlgamma(autograd.tensor([3.0]), 2)
    tensor([1.5502])
    """
    if p < 1:
        raise NumberError(f"mvlgamma: p must be at least 1, got {p}")
    total = lgamma(input) + p * (p - 1) / 4 * math.log(pi)
    for j in range(1, p):
        total = total + lgamma(input - j / 2)
    return total
