"""Means and squared deviations of rows, read once from memory; and a row's numbers spread over its elements.

Rows longer than `LONGEST`, and the whole of an array, are pieces whose moments are merged in float64 in fixed order (Chan,
Golub, LeVeque 1979).
"""

from __future__ import annotations

import numpy as np

from .buffer import flat
from .compile import kernel
from .functions import pulled
from .lanes import folded_sums, lanes_of, only_first
from .reduce import LONGEST, STEP, row_sums
from .simd import broadcast, fma, load, load_first, store, store_first, total
from .threads import run
from .view import hold, part

GATE = 1 << 15  # elements below which a parallel launch costs more than it saves
CACHED = 1 << 11  # elements of the rows worked on at once, up to as many rows as a vector has lanes


@kernel
def _deviations(x, n, C, centres, out, squares):
    """Vectors whose lanes add up to the deviations of each of n rows from its centre, and to their squares."""
    lanes, zero = lanes_of(x), x.dtype.type(0)
    whole = C - C % lanes
    for r in range(n):
        i, m, s, q = r * C, broadcast(x, centres[r]), broadcast(x, zero), broadcast(x, zero)
        for c in range(i, i + whole, lanes):
            d = load(x, c) - m
            s, q = s + d, fma(d, d, q)
        if whole < C:
            d = only_first(load_first(x, i + whole, C - whole) - m, C - whole, zero)
            s, q = s + d, fma(d, d, q)
        store(out, r * lanes, s)
        store(squares, r * lanes, q)


@kernel
def _moments(first, last, x, means, sums, R, C, step):
    """Mean and sum of squared deviations of each row, float64; tasks of `step` rows of C elements, flat, R in all."""
    lanes = lanes_of(x)
    work = np.zeros((2 * lanes + 3) * lanes, x.dtype)
    out, squares = part(work, 0, lanes * lanes), part(work, lanes * lanes, 2 * lanes * lanes)
    centres, offs, totals = (
        part(work, work.size - 3 * lanes, work.size - 2 * lanes),
        part(work, work.size - 2 * lanes, work.size - lanes), part(work, work.size - lanes, work.size),
    )  # fmt: skip
    together, end = max(1, min(lanes, CACHED // C)), min(R, last * step)
    for a in range(first * step, end, together):
        n = min(together, end - a)
        if C > LONGEST:
            mean, q, before = 0.0, 0.0, 0.0
            for c in range(a * C, (a + 1) * C, LONGEST):
                some = min(LONGEST, (a + 1) * C - c)
                piece = part(x, c, c + some)
                row_sums(piece, 1, some, out)
                centres[0] = total(load(out, 0)) / x.dtype.type(some)
                _deviations(piece, 1, some, centres, out, squares)
                off = np.float64(total(load(out, 0)))
                apart = centres[0] + off / some - mean
                mean += apart * (some / (before + some))
                q += max(total(load(squares, 0)) - off * off / some, 0.0) + apart * apart * (
                    before * some / (before + some)
                )
                before += some
            means[a], sums[a] = mean, q
            continue
        rows = part(x, a * C, (a + n) * C)
        row_sums(rows, n, C, out)
        store(centres, 0, folded_sums(out) / broadcast(x, C))
        _deviations(rows, n, C, centres, out, squares)
        store(offs, 0, folded_sums(out))
        store(totals, 0, folded_sums(squares))
        for r in range(n):
            off = np.float64(offs[r])
            means[a + r] = centres[r] + off / C
            q = totals[r] - off * off / C
            sums[a + r] = 0.0 if q < 0 else q
    hold(work)


@kernel
def _merge(means, sums, count):
    """The mean and the sum of squared deviations of `count` elements in rows of LONGEST, the last one maybe shorter."""
    mean, q = 0.0, 0.0
    for k in range(means.size):
        before, n = np.float64(k * LONGEST), np.float64(min(LONGEST, count - k * LONGEST))
        apart = means[k] - mean
        mean += apart * (n / (before + n))
        q += sums[k] + apart * apart * (before * n / (before + n))
    return mean, q


@kernel
def _spread(first, last, f, x, means, y, R, C, step):
    """y = f[r] (x - means[r]), 0 where f[r] is 0; without x, f[r]. f and means may hold one number for all rows."""
    lanes, size = lanes_of(y), y.size
    for r in range(first * step, min(R, last * step)):
        c, end = r * C, min(size, (r + 1) * C)
        v, m = broadcast(y, f[r if f.size > 1 else 0]), broadcast(y, means[r if means.size > 1 else 0])
        whole = end - (end - c) % lanes
        if not x.size:
            for k in range(c, whole, lanes):
                store(y, k, v)
            if whole < end:
                store_first(y, whole, v, end - whole)
            continue
        for k in range(c, whole, lanes):
            store(y, k, pulled(v, load(x, k) - m))
        if whole < end:
            store_first(y, whole, pulled(v, load_first(x, whole, end - whole) - m), end - whole)


@kernel
def _spread_down(first, last, f, x, means, y, R, B, C, step):
    """y = f[a] (x - means[a]), R rows of C columns, B of them for each a, whose f and means are a row each."""
    lanes = lanes_of(y)
    for r in range(first * step, min(R, last * step)):
        for c in range(0, C, lanes):
            n, i, k = min(lanes, C - c), r * C + c, r // B * C + c
            v = load_first(f, k, n)
            if x.size:
                v = pulled(v, load_first(x, i, n) - load_first(means, k, n))
            store_first(y, i, v, n)


def moments(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and sum of squared deviations of each row of x (rows, columns), C-contiguous, with columns: float64 (rows,)."""
    (R, C), (means, sums) = x.shape, np.empty((2, len(x)), np.float64)
    step = max(1, STEP // C)
    run(_moments, x.dtype, -(-R // step), x.size >= GATE, flat(x)[0], means, sums, R, C, step)
    return means, sums


def whole_moments(x: np.ndarray) -> tuple[float, float]:
    """Mean and sum of squared deviations of all elements of x, C-contiguous, with elements."""
    x = flat(x)[0]
    R, rest = divmod(x.size, LONGEST)
    means, sums = np.empty((2, R + (rest > 0)), np.float64)
    step = STEP // LONGEST
    run(_moments, x.dtype, -(-R // step), x.size >= GATE, x, means, sums, R, LONGEST, step)
    if rest:
        _moments(0, 1, x[R * LONGEST :], means[R:], sums[R:], 1, rest, 1)
    return _merge(means, sums, x.size)  # type: ignore[no-any-return]


_NOTHING: dict[np.dtype, np.ndarray] = {np.dtype(t): np.zeros(1, t) for t in (np.float32, np.float64)}


def spread(
    f: np.ndarray, shape: tuple[int, int, int], x: np.ndarray | None = None, means: np.ndarray | None = None
) -> np.ndarray:
    """f[a, c] (x[a, b, c] - means[a, c]), flat, of shape (A, B, C); without x f[a, c], without means f[a, c] x[a, b, c].

    0 where f[a, c] is 0, whatever x is. f, x and means are flat.
    """
    A, B, C = shape
    dtype, y = f.dtype, np.empty(A * B * C, f.dtype)
    nothing = _NOTHING[dtype]
    if not y.size:
        return y
    x = nothing[:0] if x is None else x
    f = flat(np.ascontiguousarray(f))[0]
    m = nothing if means is None else flat(np.ascontiguousarray(means, dtype))[0]
    if C > 1:
        step = max(1, STEP // C)
        m = np.zeros_like(f) if means is None else m
        run(_spread_down, dtype, -(-A * B // step), y.size >= GATE, f, x, m, y, A * B, B, C, step)
        return y
    R, C = (A, B) if A > 1 else (-(-B // STEP), STEP)
    step = max(1, STEP // C)
    run(_spread, dtype, -(-R // step), y.size >= GATE, f, x, m, y, R, C, step)
    return y
