"""The elements at which a mask holds: their values, the values put back, and their places."""

from __future__ import annotations

import numpy as np

from .buffer import flat
from .compile import kernel
from .threads import run
from .view import part

GATE = 1 << 14  # elements below which a parallel launch costs more than it saves
SOME = 1 << 11  # elements from which the kernels are worth their call
STEP = 1 << 12  # elements a task

# Task t has the elements of x and of the mask, flat bytes, from t STEP on, of whose held ones starts[t] come before.
# No loop branches on the mask, which no one can predict: each writes, and moves on where it holds. A byte of foreign memory
# may be more than 1.


@kernel
def _count(first, last, mask, counts):
    for t in range(first, last):
        held, n = part(mask, t * STEP, min(mask.size, (t + 1) * STEP)), 0
        for k in range(held.size):
            n += held[k] != 0
        counts[t] = n


@kernel
def _take(first, last, x, mask, starts, out):
    found = np.empty(STEP + 1, x.dtype)
    for t in range(first, last):
        i, n = t * STEP, np.uint64(0)
        held = part(mask, i, min(mask.size, i + STEP))
        values = part(x, i, i + held.size)
        for k in range(held.size):
            found[n] = values[k]
            n += np.uint64(held[k] != 0)
        at = part(out, starts[t], starts[t] + np.int64(n))
        for k in range(at.size):
            at[k] = found[k]


@kernel
def _put(first, last, values, mask, starts, out):
    """out: the next of the values, of which there is one, where the mask holds, and 0 elsewhere."""
    for t in range(first, last):
        i, at, end, zero = t * STEP, starts[t], values.size - 1, out.dtype.type(0)
        held = part(mask, i, min(mask.size, i + STEP))
        to = part(out, i, i + held.size)
        for k in range(held.size):
            v = values[min(at, end)]
            to[k] = v if held[k] else zero
            at += held[k] != 0


@kernel
def _places(first, last, mask, starts, shape, out):
    """Rows of out: the places in an array of `shape`, one number a dim."""
    dims = shape.size
    L, place, columns = shape[dims - 1], np.empty(dims, np.int64), np.empty(STEP + 1, np.int64)
    for t in range(first, last):
        i, end, at = t * STEP, min(mask.size, (t + 1) * STEP), starts[t] * dims
        row, c = i // L, i % L
        for d in range(dims - 2, -1, -1):
            place[d] = row % shape[d]
            row = row // shape[d]
        while i < end:
            held, n = part(mask, i, i + min(L - c, end - i)), np.uint64(0)
            for k in range(held.size):
                columns[n] = c + k
                n += np.uint64(held[k] != 0)
            for k in range(np.int64(n)):
                for d in range(dims - 1):
                    out[at + d] = place[d]
                out[at + dims - 1] = columns[k]
                at += dims
            i, c = i + held.size, 0
            for d in range(dims - 2, -1, -1):
                place[d] += 1
                if place[d] < shape[d]:
                    break
                place[d] = 0


def _starts(mask: np.ndarray) -> tuple[np.ndarray, np.ndarray, int]:
    """The mask as flat bytes; how many held elements come before each task; how many there are."""
    held = flat(mask.view(np.uint8))[0]
    tasks = -(-held.size // STEP)
    starts = np.zeros(tasks + 1, np.int64)
    run(_count, held.dtype, tasks, held.size >= GATE, held, starts[1:])
    np.cumsum(starts, out=starts)
    return held, starts, int(starts[-1])


def taken(x: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The elements of x, float32 or float64, where the bool mask holds, in order; both of one shape and C-contiguous."""
    held, starts, n = _starts(mask)
    out = np.empty(n, x.dtype)
    run(_take, x.dtype, starts.size - 1, x.size >= GATE, flat(x)[0], held, starts, out)
    return out


def put(values: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The values, float32 or float64, in order where the C-contiguous bool mask holds, one each, and 0 elsewhere."""
    held, starts, n = _starts(mask)
    if not n:
        return np.zeros(mask.shape, values.dtype)
    out = np.empty(mask.shape, values.dtype)
    values = flat(np.ascontiguousarray(values))[0]
    run(_put, values.dtype, starts.size - 1, held.size >= GATE, values, held, starts, out.reshape(-1))
    return out


def places(mask: np.ndarray) -> np.ndarray:
    """Where the bool mask, C-contiguous, with elements and dims, holds: int64 (count, dims), in order."""
    held, starts, n = _starts(mask)
    out = np.empty((n, mask.ndim), np.int64)
    run(
        _places, held.dtype, starts.size - 1, held.size >= GATE,
        held, starts, np.array(mask.shape, np.int64), out.reshape(-1),
    )  # fmt: skip
    return out
