"""Special functions: error, gamma and their kin."""

from __future__ import annotations

from math import pi, sqrt
from typing import Any

import numpy as np

from ..errors import NumberError
from ..kernels import special as kernels
from ..op import function, op
from ..samples import binary, unary
from .chain import over, quiet, times
from .compare import _where
from .elementwise import abs as _abs
from .elementwise import cos, exp, log, sin


@op(lambda g, input: times(g, exp(-input * input) * (2 / sqrt(pi))), promote="float", inplace=True, samples=unary())
def erf(input: Any) -> Any:
    """The error function, 2 / sqrt(pi) times the integral of exp(-t^2) from 0 to the input."""
    return kernels.erf(np.asarray(input))


@op(lambda g, input: times(g, exp(-input * input) * (-2 / sqrt(pi))), promote="float", inplace=True, samples=unary())
def erfc(input: Any) -> Any:
    """1 - erf(input), exact for large inputs."""
    return kernels.erfc(np.asarray(input))


def _scipy(name: str) -> Any:
    try:
        from scipy import special
    except ImportError:
        raise ImportError(f"{name}: neither numpy nor math has it; `pip install scipy` to use it") from None
    return special


@op(lambda g, y: times(g, exp(y * y) * (sqrt(pi) / 2)), promote="float", inplace=True, samples=unary(-0.9, 0.9))
@quiet
def erfinv(input: Any) -> Any:
    """The inverse of erf on (-1, 1); needs scipy."""
    return _scipy("erfinv").erfinv(input)


@op(lambda g, input: times(g, digamma(input)), promote="float", inplace=True, samples=unary(0.3, 3))
def lgamma(input: Any) -> Any:
    """log |gamma(input)|; its gradient needs scipy."""
    return kernels.lgamma(np.asarray(input))


@op(lambda g, input: times(g, polygamma(1, input)), promote="float", inplace=True, samples=unary(0.3, 3))
@quiet
def digamma(input: Any) -> Any:
    """The derivative of log gamma; needs scipy. At 0 it is minus infinity, or plus at -0; NaN at negative integers."""
    x = np.asarray(input)
    y = _scipy("digamma").digamma(x)
    return np.where(
        x == 0, np.copysign(x.dtype.type(np.inf), -x), np.where((x < 0) & (x == np.floor(x)), x.dtype.type(np.nan), y)
    )


@op(
    lambda g, input, n: times(g, _polygamma(input, n + 1)),
    promote="float",
    samples=lambda s: [(s.positive(3, 4), 1), (s.positive(2), 0), (s.positive(), 2)],
)
@quiet
def _polygamma(input: Any, n: int) -> Any:
    """The n-th derivative of digamma."""
    y = np.where(np.isneginf(input), np.nan, _scipy("polygamma").polygamma(n, input))
    return y.astype(np.asarray(input).dtype)


@function(
    samples=lambda s: [(1, s.positive(3, 4)), (0, s.positive(2)), (2, s.positive())],
    method=lambda input, n: polygamma(n, input),
)
def polygamma(n: int, input: Any) -> Any:
    """The n-th derivative of digamma, n >= 0; needs scipy."""
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
    """sin(pi input) / (pi input), 1 at 0."""
    z = np.asarray(input * pi)
    return np.where(z == 0, z.dtype.type(1), np.sin(z) / z)


def _logit_pull(g: Any, input: Any, eps: float | None) -> Any:
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
    """log(input / (1 - input)), the input first limited to [eps, 1 - eps] if eps is given; NaN outside [0, 1]."""
    if eps is not None:
        input = np.minimum(np.maximum(input, input.dtype.type(eps)), input.dtype.type(1 - eps))
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
    """input * log(other), 0 where input is 0 (but NaN where other is)."""
    other = np.asarray(other, getattr(input, "dtype", None))  # a number alone would make its logarithm float64
    y = np.asarray(input * np.log(other))
    return np.where(np.equal(input, 0) & ~np.isnan(other), y.dtype.type(0), y)
