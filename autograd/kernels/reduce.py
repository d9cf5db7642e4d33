"""Sums and extremes of short rows, which numpy reduces at the cost of a call each."""

from __future__ import annotations

import numpy as np

from .compile import kernel
from .threads import run
from .view import part

GATE = 1 << 15  # elements below which a parallel launch costs more than it saves
STEP = 1 << 13  # elements a task
LONGEST = 1024  # elements of a row up to which its sum in one go is as exact as numpy's pairwise one

SUM, MAXIMUM, MINIMUM = range(3)

# Tasks of `step` rows of C elements, flat, R in all.


@kernel(fastmath={"reassoc"})
def _sum(x):
    total = x.dtype.type(0)
    for c in range(x.size):
        total += x[c]
    return total


@kernel(fastmath={"nnan", "nsz"})
def _most(x, largest):
    """Any number where one is NaN."""
    most = x[0]
    if largest:
        for c in range(x.size):
            most = max(most, x[c])
    else:
        for c in range(x.size):
            most = min(most, x[c])
    return most


@kernel
def _holds_nan(x):
    found = 0
    for c in range(x.size):
        found += x[c] != x[c]
    return found > 0


@kernel
def _rows(first, last, x, y, kind, R, C, step):
    for r in range(first * step, min(R, last * step)):
        row = part(x, r * C, (r + 1) * C)
        if kind == SUM:
            y[r] = _sum(row)
        else:
            y[r] = np.nan if _holds_nan(row) else _most(row, kind == MAXIMUM)


def rows(x: np.ndarray, kind: int) -> np.ndarray:
    """The sum, maximum or minimum (NaN where there is one) of each row of x (rows, columns), float32 or float64.

    x is C-contiguous, with at least one column.
    """
    (R, C), y = x.shape, np.empty(x.shape[0], x.dtype)
    step = max(1, STEP // C)
    run(_rows, x.dtype, -(-R // step), x.size >= GATE, x.reshape(-1), y, kind, R, C, step)
    return y
