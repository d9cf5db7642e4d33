"""Means of rows of numbers that lie side by side: what pooling over a whole picture is."""

from __future__ import annotations

import numpy as np

from .compile import kernel
from .simd import LANES, broadcast, load, load_first, total
from .threads import run

GATE = 1 << 15  # elements from which a parallel launch pays
STEP = 1 << 15  # elements a task
BLOCK = 1 << 13  # elements of a row summed in its own precision; the blocks are summed in float64


@kernel
def _means(first, last, x, y, n, step):
    """y[r]: the mean of n elements from x[r n] on; `step` rows a task. Eight sums at a time: one would wait for itself."""
    lanes = LANES * 4 // x.itemsize
    for r in range(first * step, min(y.size, last * step)):
        mean = 0.0
        for start in range(r * n, (r + 1) * n, BLOCK):
            end = min(start + BLOCK, (r + 1) * n)
            whole = end - (end - start) % (8 * lanes)
            a, b, c, d = broadcast(x, 0), broadcast(x, 0), broadcast(x, 0), broadcast(x, 0)
            e, f, g, h = broadcast(x, 0), broadcast(x, 0), broadcast(x, 0), broadcast(x, 0)
            for k in range(start, whole, 8 * lanes):
                a, b = a + load(x, k), b + load(x, k + lanes)
                c, d = c + load(x, k + 2 * lanes), d + load(x, k + 3 * lanes)
                e, f = e + load(x, k + 4 * lanes), f + load(x, k + 5 * lanes)
                g, h = g + load(x, k + 6 * lanes), h + load(x, k + 7 * lanes)
            for k in range(whole, end, lanes):
                a = a + load_first(x, k, end - k)
            mean += total(((a + b) + (c + d)) + ((e + f) + (g + h)))
        y[r] = mean / n


def means(x: np.ndarray, n: int) -> np.ndarray:
    """The means of n elements after another of x, C-contiguous, float32 or float64, flat; n divides their number."""
    x = x.reshape(-1)
    if n < 1 or x.size % n:
        raise ValueError(f"means: {x.size} elements are no rows of {n}")
    y, step = np.empty(x.size // n, x.dtype), max(1, STEP // n)
    x = x if x.flags.writeable else x.copy()
    run(_means, x.dtype, -(-y.size // step), x.size >= GATE, x, y, n, step)
    return y
