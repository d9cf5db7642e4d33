"""Columns copied between matrices: joining arrays along a dimension, and cutting one."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np

from .compile import kernel
from .threads import run
from .view import part

GATE = 1 << 15  # elements below which a parallel launch costs more than it saves
STEP = 1 << 13  # elements a task


@kernel
def _copy(first, last, x, x0, x_row, y, y0, y_row, R, width, step):
    """y[r, y0 + k] = x[r, x0 + k] for k < width: flat matrices of R rows of x_row and y_row elements, `step` rows a task."""
    for r in range(first * step, min(R, last * step)):
        i, j = r * x_row + x0, r * y_row + y0
        source, target = part(x, i, i + width), part(y, j, j + width)
        for k in range(width):
            target[k] = source[k]


def _run(x: np.ndarray, x0: int, x_row: int, y: np.ndarray, y0: int, y_row: int, R: int, width: int) -> None:
    bits = np.dtype(f"u{x.dtype.itemsize}")  # what the elements are is no matter
    flat = x.view(bits).reshape(-1), x0, x_row, y.view(bits).reshape(-1), y0, y_row, R, width
    if R * width == 0:
        return
    step = max(1, STEP // width)
    run(_copy, bits, -(-R // step), R * width >= GATE, *flat, step)


def join(arrays: Sequence[np.ndarray], axis: int) -> np.ndarray:
    """C-contiguous arrays of one dtype one after the other along `axis`; the other axes agree."""
    first = arrays[0]
    shape = [*first.shape]
    if any([*a.shape[:axis], *a.shape[axis + 1 :]] != [*shape[:axis], *shape[axis + 1 :]] for a in arrays):
        raise ValueError(f"join: shapes {[a.shape for a in arrays]} differ beside axis {axis}")
    shape[axis] = sum(a.shape[axis] for a in arrays)
    out = np.empty(shape, first.dtype)
    R, inner, at = prod(shape[:axis]), prod(shape[axis + 1 :]), 0
    for a in arrays:
        width = a.shape[axis] * inner
        _run(a, 0, width, out, at, shape[axis] * inner, R, width)
        at += width
    return out


def cut(x: np.ndarray, axis: int, start: int, length: int) -> np.ndarray:
    """A copy of `length` elements along `axis` of a C-contiguous array, from `start` on; they lie inside."""
    out = np.empty((*x.shape[:axis], length, *x.shape[axis + 1 :]), x.dtype)
    R, inner = prod(x.shape[:axis]), prod(x.shape[axis + 1 :])
    _run(x, start * inner, x.shape[axis] * inner, out, 0, length * inner, R, length * inner)
    return out
