"""Extremes with the places where they are first found, and gradients shared by all that equal an extreme.

NaN is the largest and the smallest of all where there is one.
"""

from __future__ import annotations

from math import prod

import numpy as np

from .buffer import flat
from .compile import kernel
from .lanes import first_alike, lanes_of, where_alike
from .order import flats
from .reduce import MAXIMUM, MINIMUM, STEP, rows
from .simd import broadcast, load, load_first, store, store_first, total
from .strips import STRIP, strip
from .threads import run
from .view import hold, part

GATE = 1 << 15  # elements below which a parallel launch costs more than it saves
PIECE = 1 << 13  # elements of a long row that count as one of several

# Tasks of `step` rows of C elements, flat, R in all.


@kernel
def _find(first, last, x, y, places, R, C, step):
    """places[r]: the first of row r that is y[r], which is one of them."""
    lanes = lanes_of(x)
    whole = C - C % lanes
    for r in range(first * step, min(R, last * step)):
        i, sought, c, at = r * C, broadcast(x, y[r]), 0, lanes
        while c < whole:
            at = first_alike(load(x, i + c), sought)
            if at < lanes:
                break
            c += lanes
        if c >= whole:
            at = first_alike(load_first(x, i + c, C - c), sought)
        places[r] = c + at


@kernel
def _count_alike(first, last, x, y, counts, C):
    """counts[t]: how many elements of piece t, C of x, are the one number in y."""
    lanes, sought, one = lanes_of(x), broadcast(x, y[0]), broadcast(x, 1)
    for t in range(first, last):
        n, c, end = broadcast(x, 0), t * C, min(x.size, (t + 1) * C)
        while c <= end - lanes:
            n = n + where_alike(load(x, c), sought, one)
            c += lanes
        s = total(n)
        for k in range(c, end):
            s += x[k] == y[0] or (x[k] != x[k] and y[0] != y[0])
        counts[t] = s


@kernel
def _share(first, last, x, y, g, whole_count, gx, R, C, step):
    """gx = g[r] over their count for the elements of row r that are y[r], 0 for the others.

    With whole_count y and g hold one number each for all rows, and that is the count.
    """
    lanes, one = lanes_of(x), broadcast(x, 1)
    whole = C - C % lanes
    for r in range(first * step, min(R, last * step)):
        i, n, k = r * C, whole_count, 0 if whole_count else r
        sought = broadcast(x, y[k])
        end = min(i + C, x.size)
        if not whole_count:
            counts = broadcast(x, 0)
            for c in range(i, i + whole, lanes):
                counts = counts + where_alike(load(x, c), sought, one)
            n = total(counts)
            for c in range(i + whole, end):
                n += x[c] == y[k] or (x[c] != x[c] and y[k] != y[k])
        share = broadcast(x, g[k] / np.float64(n))
        c = i
        while c <= end - lanes:
            store(gx, c, where_alike(load(x, c), sought, share))
            c += lanes
        if c < end:
            store_first(gx, c, where_alike(load_first(x, c, end - c), sought, share), end - c)


@kernel
def _raise(x, best, at, j, largest):
    for k in range(best.size):
        v, b = x[k], best[k]
        new = (v > b if largest else v < b) or (v != v and b == b)
        best[k] = v if new else b
        at[k] = j if new else at[k]


@kernel
def _down_columns(first, last, x, y, places, largest, N, K):
    """Task t is a strip of the K columns of one of the blocks of N rows."""
    bests, found = np.empty(STRIP, x.dtype), np.empty(STRIP, np.int32)
    for t in range(first, last):
        begin, n = strip(t, N, K)
        best, at, out = part(bests, 0, n), part(found, 0, n), begin // (N * K) * K + begin % K
        for k in range(n):
            best[k], at[k] = x[begin + k], 0
        for j in range(1, N):
            i = begin + j * K
            _raise(part(x, i, i + n), best, at, np.int32(j), largest)
        for k in range(n):
            y[out + k], places[out + k] = best[k], at[k]
    hold(bests, found)


@kernel
def _add_alike(x, y, counts):
    for k in range(counts.size):
        counts[k] += x[k] == y[k] or (x[k] != x[k] and y[k] != y[k])


@kernel
def _shares(x, y, share, gx):
    for k in range(gx.size):
        gx[k] = share[k] if x[k] == y[k] or (x[k] != x[k] and y[k] != y[k]) else gx.dtype.type(0)


@kernel
def _share_down(first, last, x, y, g, gx, N, K):
    """`_share` down columns: task t is a strip of the K columns of one of the blocks of N rows."""
    counts, parts = np.empty(STRIP, np.int32), np.empty(STRIP, x.dtype)
    for t in range(first, last):
        begin, n = strip(t, N, K)
        at = begin // (N * K) * K + begin % K
        count, share, sought, pull = part(counts, 0, n), part(parts, 0, n), part(y, at, at + n), part(g, at, at + n)
        count[:] = 0
        for i in range(begin, begin + N * K, K):
            _add_alike(part(x, i, i + n), sought, count)
        for k in range(n):
            share[k] = pull[k] / np.float64(count[k])
        for i in range(begin, begin + N * K, K):
            _shares(part(x, i, i + n), sought, share, part(gx, i, i + n))
    hold(counts, parts)


def along(x: np.ndarray, axis: int, largest: bool) -> tuple[np.ndarray, np.ndarray]:
    """The largest (or smallest) elements along `axis` >= 0, and where each is first found, int64: the axis kept as 1.

    x: float32 or float64, C-contiguous or channels last, with elements, fewer than 2**31 along the axis.
    """
    if not x.flags.c_contiguous:
        at = 0 if axis == 0 else x.ndim - 1 if axis == 1 else axis - 1
        found = along(np.moveaxis(x, 1, -1), at, largest)
        return np.moveaxis(found[0], -1, 1), np.moveaxis(found[1], -1, 1)
    shape = (*x.shape[:axis], 1, *x.shape[axis + 1 :])
    C, inner = x.shape[axis], prod(x.shape[axis + 1 :])
    if inner == 1:
        y = rows(x.reshape(-1, C), MAXIMUM if largest else MINIMUM)
        return y.reshape(shape), find(x.reshape(-1, C), y).reshape(shape)
    O = x.size // (C * inner)
    values, places = np.empty(shape, x.dtype), np.empty(shape, np.int64)
    tasks = O * -(-inner // STRIP)
    run(
        _down_columns, x.dtype, tasks, x.size >= GATE,
        flat(x)[0], values.reshape(-1), places.reshape(-1), largest, C, inner,
    )  # fmt: skip
    return values, places


def find(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Where each row of x (rows, columns), C-contiguous, first has its element y (rows,): int64."""
    (R, C), places = x.shape, np.empty(len(x), np.int64)
    step = max(1, STEP // C)
    run(_find, x.dtype, -(-R // step), x.size >= GATE, flat(x)[0], y, places, R, C, step)
    return places


def shared(g: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """g (rows,) or (1,) shared evenly by the elements of its row of x that equal y, of its shape, NaN being NaN.

    x (rows, columns), float32 or float64, C-contiguous, or of any shape and order for one g; the result lies as x does.
    """
    gx = np.empty_like(x)
    out, x_flat = flats(gx, x)
    arrays = flat(x_flat)[0], *[flat(np.ascontiguousarray(a))[0] for a in (y, g)]
    if g.size > 1:
        (R, C), count = x.shape, 0.0
        step = max(1, STEP // C)
    else:
        R, C, step = -(-x.size // PIECE), PIECE, 1
        counts = np.empty(R, np.float64)
        run(_count_alike, x.dtype, R, x.size >= GATE, *arrays[:2], counts, C)
        count = float(counts.sum())
    run(_share, x.dtype, -(-R // step), x.size >= GATE, *arrays, count, out, R, C, step)
    return gx


def shared_down(g: np.ndarray, x: np.ndarray, y: np.ndarray, axis: int) -> np.ndarray:
    """g shared evenly by the elements along `axis` >= 0 of x, C-contiguous, that equal y; g and y have one a column."""
    gx, K = np.empty(x.shape, x.dtype), prod(x.shape[axis + 1 :])
    tasks = x.size // (x.shape[axis] * K) * -(-K // STRIP)
    arrays = [flat(np.ascontiguousarray(a))[0] for a in (x, y, g)]
    run(_share_down, x.dtype, tasks, x.size >= GATE, *arrays, gx.reshape(-1), x.shape[axis], K)
    return gx
