"""Sums, products and extremes of short rows, which numpy reduces at the cost of a call each."""

from __future__ import annotations

import numpy as np

from .compile import kernel
from .simd import LANES, broadcast, higher, highest, load
from .threads import run
from .view import part

GATE = 1 << 15  # elements below which a parallel launch costs more than it saves
STEP = 1 << 13  # elements a task
LONGEST = 1024  # elements of a row up to which its sum in one go is as exact as numpy's pairwise one

SUM, MAXIMUM, MINIMUM, PRODUCT, SQUARES = range(5)

# Tasks of `step` rows of C elements, flat, R in all.


@kernel(fastmath={"reassoc"})
def _sum(x):
    total = x.dtype.type(0)
    for c in range(x.size):
        total += x[c]
    return total


@kernel(fastmath={"reassoc"})
def _squares(x):
    total = x.dtype.type(0)
    for c in range(x.size):
        total += x[c] * x[c]
    return total


@kernel(fastmath={"reassoc"})
def _product(x):
    total = x.dtype.type(1)
    for c in range(x.size):
        total *= x[c]
    return total


@kernel
def _most(x, sign):
    """The largest of sign x[c], sign 1 or -1; NaN where there is one."""
    lanes, low = LANES * 4 // x.itemsize, broadcast(x, -np.inf)
    v0, v1, v2, v3, signs = low, low, low, low, broadcast(x, sign)
    whole = x.size - x.size % lanes
    for c in range(0, whole - 3 * lanes, 4 * lanes):
        v0 = higher(load(x, c) * signs, v0)
        v1 = higher(load(x, c + lanes) * signs, v1)
        v2 = higher(load(x, c + 2 * lanes) * signs, v2)
        v3 = higher(load(x, c + 3 * lanes) * signs, v3)
    for c in range(whole - whole % (4 * lanes), whole, lanes):
        v0 = higher(load(x, c) * signs, v0)
    most = highest(higher(higher(v0, v1), higher(v2, v3)))
    for c in range(whole, x.size):
        v = x[c] * sign
        most = v if v > most or v != v else most
    return most


@kernel
def _rows(first, last, x, y, kind, R, C, step):
    plus, minus = x.dtype.type(1), x.dtype.type(-1)
    for r in range(first * step, min(R, last * step)):
        row = part(x, r * C, (r + 1) * C)
        if kind == SUM:
            total = 0.0
            for c in range(0, C, LONGEST):
                total += _sum(part(row, c, min(C, c + LONGEST)))
            y[r] = total
        elif kind == SQUARES:
            y[r] = _squares(row)
        elif kind == PRODUCT:
            y[r] = _product(row)
        else:
            y[r] = _most(row, plus) if kind == MAXIMUM else -_most(row, minus)


def rows(x: np.ndarray, kind: int) -> np.ndarray:
    """One of the kinds above of each row of x (rows, columns), float32 or float64; extremes are NaN where there is one.

    A sum longer than `LONGEST` is one of sums, in float64.

    x is C-contiguous, with at least one column.
    """
    (R, C), y = x.shape, np.empty(x.shape[0], x.dtype)
    step = max(1, STEP // C)
    run(_rows, x.dtype, -(-R // step), x.size >= GATE, x.reshape(-1), y, kind, R, C, step)
    return y
