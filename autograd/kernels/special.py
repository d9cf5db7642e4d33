"""Special functions of the C library, element by element, and a linear recurrence along an axis."""

from __future__ import annotations

import math

import numpy as np

from .compile import kernel


@kernel
def _erf(x, y):
    for i in range(x.size):
        y[i] = math.erf(x[i])


@kernel
def _erfc(x, y):
    for i in range(x.size):
        y[i] = math.erfc(x[i])


@kernel
def _lgamma(x, y):
    for i in range(x.size):
        y[i] = math.lgamma(x[i])


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


def _each(function, x: np.ndarray) -> np.ndarray:  # type: ignore[no-untyped-def]
    out = np.empty(x.shape, x.dtype)
    function(np.ascontiguousarray(x).reshape(-1), out.reshape(-1))
    return out


def erf(x: np.ndarray) -> np.ndarray:
    """The error function of an array of float32 or float64."""
    return _each(_erf, x)


def erfc(x: np.ndarray) -> np.ndarray:
    """1 - erf, exact where erf is near 1."""
    return _each(_erfc, x)


def lgamma(x: np.ndarray) -> np.ndarray:
    """log |gamma|."""
    return _each(_lgamma, x)


def carry(b: np.ndarray, a: np.ndarray, axis: int, reverse: bool) -> np.ndarray:
    """y[n] = b[n] + a[n] y[n - 1] along `axis`, or from the end y[n] = b[n] + a[n + 1] y[n + 1]."""
    shape = (math.prod(b.shape[:axis]), b.shape[axis], math.prod(b.shape[axis + 1 :]))
    y = np.empty(b.shape, b.dtype)
    _carry(np.ascontiguousarray(b).reshape(shape), np.ascontiguousarray(a).reshape(shape), y.reshape(shape), reverse)
    return y
