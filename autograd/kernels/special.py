"""Special functions, remainders, and a linear recurrence along an axis."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .compile import kernel
from .functions import like
from .further import (
    spread,
    vector_erf,
    vector_erfc,
    vector_erfinv,
    vector_floor_divide,
    vector_fmod,
    vector_logaddexp,
    vector_logaddexp2,
    vector_normal_below,
    vector_remainder,
)
from .maps import elementwise

# Of any shape and memory order, which the result keeps; float32 or float64.


@elementwise(vectors=True)
def erf(x):
    """The error function, to 2 ulp."""
    return vector_erf(x)


@elementwise(vectors=True)
def erfc(x):
    """1 - erf, exact where erf is near 1."""
    return vector_erfc(x)


@elementwise(vectors=True)
def erfinv(x):
    """The inverse of erf."""
    return vector_erfinv(x)


@elementwise(vectors=True)
def ndtr(x):
    """The distribution function of the standard normal."""
    return vector_normal_below(x)


@elementwise(2, vectors=True)
def logaddexp(x, y):
    """log(exp(x) + exp(y))."""
    return vector_logaddexp(x, y)


@elementwise(2, vectors=True)
def logaddexp2(x, y):
    """log2(2**x + 2**y)."""
    return vector_logaddexp2(x, y)


@elementwise(2, vectors=True)
def fmod(x, y):
    """x - trunc(x / y) y, exact."""
    return vector_fmod(x, y)


@elementwise(2, vectors=True)
def remainder(x, y):
    """`fmod` with the sign of y."""
    return vector_remainder(x, y)


@elementwise(2, vectors=True)
def floor_divide(x, y):
    """x / y rounded down."""
    return vector_floor_divide(x, y)


@elementwise(vectors=True)
def fmod_number(x, y):
    """`fmod` by a number."""
    return vector_fmod(x, spread(x, y))


@elementwise(vectors=True)
def remainder_number(x, y):
    """`remainder` by a number."""
    return vector_remainder(x, spread(x, y))


@elementwise(2)
def logit_backward(x, g, low, high, outside):
    """g / (x (1 - x)) within [low, high], `outside` beyond; 0 stays 0."""
    slope = g / (x * (like(1, x) - x)) if x >= low and x <= high else outside
    return g if g == like(0, g) else slope


@elementwise(2)
def hypot(x, y):
    """sqrt(x**2 + y**2) without overflow."""
    a, b = abs(x), abs(y)
    most, least = (a, b) if a > b else (b, a)
    ratio = least / most
    length = most * math.sqrt(like(1, x) + ratio * ratio)
    length = most if most == like(0, x) or least == like(0, x) else length
    infinite = like(math.inf, x)
    return infinite if a == infinite or b == infinite else length


@elementwise()
def lgamma(x):
    """log |gamma|, of the C library."""
    return math.lgamma(x)


@kernel
def _large(x):
    """From where on Stirling's series are as exact as x's type."""
    return 4.0 if like(1 + 2**-30, x) == like(1, x) else 10.0


@kernel
def _series(x):
    """log(x) - digamma(x) - 1 / (2 x) for large x, from Stirling's formula, in z = 1 / x**2."""
    z = 1 / (x * x)
    inner = 1 / 240 - z * (1 / 132 - z * (691 / 32760 - z / 12))
    return z * (1 / 12 - z * (1 / 120 - z * (1 / 252 - z * inner)))


@elementwise()
def digamma(x):
    """The derivative of `lgamma`: minus infinity at 0, plus at -0, NaN at negative integers."""
    at, y = float(x), 0.0
    if at == 0:
        return like(-math.copysign(math.inf, at), x)
    if at < 0:
        whole = np.floor(at)  # a float: of 1e20 too
        if at == whole:
            return like(math.nan, x)
        y -= math.pi / math.tan(math.pi * (at - whole))  # the tangent has the period 1
        at = 1 - at
    while at < _large(x):
        y -= 1 / at
        at += 1
    return like(y + math.log(at) - 0.5 / at - _series(at), x) if at < math.inf else like(at + y, x)


@elementwise()
def trigamma(x):
    """The derivative of `digamma`: infinity at 0, -1, -2, .."""
    at, y, sign = float(x), 0.0, 1.0
    if at < 0.5:
        sine = math.sin(math.pi * (at - np.floor(at)))
        y, sign, at = -(math.pi / sine) * (math.pi / sine), -1.0, 1 - at
    while at < _large(x):
        y += 1 / (at * at)
        at += 1
    z = 1 / (at * at)
    inner = 1 / 30 - z * (5 / 66 - z * (691 / 2730 - z * 7 / 6))
    tail = 1 / at + z / 2 + z / at * (1 / 6 - z * (1 / 30 - z * (1 / 42 - z * inner)))
    return like(sign * (y + tail), x)


@kernel
def _carry(b, a, y, reverse):
    """b, a, y (O, N, I): outer, along the axis, inner. y[n] = b[n] + a[n] y[n-1], or from the end."""
    outer, n, inner = b.shape
    for o in range(outer):
        for k in range(n):
            j = n - 1 - k if reverse else k
            if k == 0:
                for i in range(inner):
                    y[o, j, i] = b[o, j, i]
            elif reverse:
                for i in range(inner):
                    y[o, j, i] = b[o, j, i] + a[o, j + 1, i] * y[o, j + 1, i]
            else:
                for i in range(inner):
                    y[o, j, i] = b[o, j, i] + a[o, j, i] * y[o, j - 1, i]


def paired(function: Any, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The function of two arrays that broadcast to one shape."""
    if x.shape != y.shape:
        shape = np.broadcast_shapes(x.shape, y.shape)
        x, y = (a if a.shape == shape else np.ascontiguousarray(np.broadcast_to(a, shape)) for a in (x, y))
    return function(x, y)


def carry(b: np.ndarray, a: np.ndarray, axis: int, reverse: bool) -> np.ndarray:
    """y[n] = b[n] + a[n] y[n - 1] along `axis`, or from the end y[n] = b[n] + a[n + 1] y[n + 1]."""
    shape = (math.prod(b.shape[:axis]), b.shape[axis], math.prod(b.shape[axis + 1 :]))
    y = np.empty(b.shape, b.dtype)
    _carry(np.ascontiguousarray(b).reshape(shape), np.ascontiguousarray(a).reshape(shape), y.reshape(shape), reverse)
    return y
