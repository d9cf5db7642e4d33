"""Running sums, products and extremes along one axis."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from .buffer import flat
from .compile import kernel
from .strips import STRIP, strip
from .threads import run
from .view import hold, part

GATE = 1 << 14  # elements below which a parallel launch costs more than it saves
ROWS = 4

# Arrays (O, N, K), flat: outer, along the axis, inner. Task t is a strip of up to STRIP of the K columns of one o, or where
# K is 1 four rows. Sums and products of float32 are carried in float64, since errors add up along the way.


@kernel
def _advance(x, total, y, product):
    if product:
        for k in range(total.size):
            total[k] *= x[k]
            y[k] = total[k]
    else:
        for k in range(total.size):
            total[k] += x[k]
            y[k] = total[k]


@kernel
def _row(x, y, product, reverse):
    total = 1.0 if product else -0.0  # which leaves a first -0 as it is
    for j in range(x.size):
        i = np.uint64(x.size - 1 - j if reverse else j)
        total = total * x[i] if product else total + x[i]
        y[i] = total


@kernel
def _four_rows(x, y, product, reverse):
    """`_row` of four at once, for each addition waits for the one before."""
    a = b = c = d = 1.0 if product else -0.0
    n = x.size // 4
    for j in range(n):
        i = np.uint64(n - 1 - j if reverse else j)
        p, q, r = i + np.uint64(n), i + np.uint64(2 * n), i + np.uint64(3 * n)
        if product:
            a, b, c, d = a * x[i], b * x[p], c * x[q], d * x[r]
        else:
            a, b, c, d = a + x[i], b + x[p], c + x[q], d + x[r]
        y[i], y[p], y[q], y[r] = a, b, c, d


@kernel
def _running(first, last, x, y, product, reverse, N, K):
    totals = np.empty(STRIP, np.float64)
    for t in range(first, last):
        if K == 1:
            i, rows = t * ROWS * N, min(ROWS, x.size // N - t * ROWS)
            if rows == 4:
                _four_rows(part(x, i, i + 4 * N), part(y, i, i + 4 * N), product, reverse)
            else:
                for r in range(rows):
                    _row(part(x, i + r * N, i + r * N + N), part(y, i + r * N, i + r * N + N), product, reverse)
            continue
        at, n = strip(t, N, K)
        total = part(totals, 0, n)
        total[:] = 1.0 if product else -0.0
        for j in range(N):
            i = at + (N - 1 - j if reverse else j) * K
            _advance(part(x, i, i + n), total, part(y, i, i + n), product)
    hold(totals)


# The gradients of running products y and of products of rows: x_i counts for y_(i-1) S_i, where S_i = g_i + x_(i+1) S_(i+1)
# runs from the end, and for the product of all others. Nothing is divided, so zeros among the factors are no exception.


@kernel
def _pulled(y, s):
    """y s, 0 where s is 0 whatever y is."""
    return y * s if s != 0 else s


@kernel
def _product_pull_row(g, x, y, gx):
    s, n = x.dtype.type(0), x.size
    for j in range(n):
        i = np.uint64(n - 1 - j)
        s = g[i] + s
        gx[i] = _pulled(y[i - np.uint64(1)], s) if i else s
        s = s * x[i]


@kernel
def _product_pull_four(g, x, y, gx):
    """`_product_pull_row` of four at once, for each product waits for the one before."""
    a = b = c = d = x.dtype.type(0)
    n, one = x.size // 4, np.uint64(1)
    for j in range(n - 1):
        i = np.uint64(n - 1 - j)
        p, q, r = i + np.uint64(n), i + np.uint64(2 * n), i + np.uint64(3 * n)
        a, b, c, d = g[i] + a, g[p] + b, g[q] + c, g[r] + d
        gx[i], gx[p] = _pulled(y[i - one], a), _pulled(y[p - one], b)
        gx[q], gx[r] = _pulled(y[q - one], c), _pulled(y[r - one], d)
        a, b, c, d = a * x[i], b * x[p], c * x[q], d * x[r]
    gx[0], gx[n], gx[2 * n], gx[3 * n] = g[0] + a, g[n] + b, g[2 * n] + c, g[3 * n] + d


@kernel
def _product_pull_columns(g, x, before, s, gx):
    for k in range(s.size):
        t = s[k] + g[k]
        gx[k] = _pulled(before[k], t)
        s[k] = t * x[k]


@kernel
def _product_pull(first, last, g, x, y, gx, N, K):
    sums, ones = np.empty(STRIP, x.dtype), np.ones(STRIP, x.dtype)
    for t in range(first, last):
        if K == 1:
            i, rows = t * ROWS * N, min(ROWS, x.size // N - t * ROWS)
            if rows == 4:
                j = i + 4 * N
                _product_pull_four(part(g, i, j), part(x, i, j), part(y, i, j), part(gx, i, j))
            else:
                for r in range(i, i + rows * N, N):
                    _product_pull_row(part(g, r, r + N), part(x, r, r + N), part(y, r, r + N), part(gx, r, r + N))
            continue
        at, n = strip(t, N, K)
        s = part(sums, 0, n)
        s[:] = 0
        for j in range(N):
            i = at + (N - 1 - j) * K
            before = part(y, i - K, i - K + n) if j < N - 1 else part(ones, 0, n)
            _product_pull_columns(part(g, i, i + n), part(x, i, i + n), before, s, part(gx, i, i + n))
    hold(sums, ones)


@kernel
def _others_row(f, x, gx):
    before, after, n = 1.0, np.float64(f), x.size
    for i in range(n):
        gx[i] = before
        before *= x[i]
    for j in range(n):
        i = np.uint64(n - 1 - j)
        gx[i] = gx[i] * after
        after *= x[i]


@kernel
def _others_four(f, x, gx):
    """`_others_row` of four at once."""
    n = x.size // 4
    a = b = c = d = 1.0
    for j in range(n):
        i = np.uint64(j)
        p, q, r = i + np.uint64(n), i + np.uint64(2 * n), i + np.uint64(3 * n)
        gx[i], gx[p], gx[q], gx[r] = a, b, c, d
        a, b, c, d = a * x[i], b * x[p], c * x[q], d * x[r]
    a, b, c, d = np.float64(f[0]), np.float64(f[1]), np.float64(f[2]), np.float64(f[3])
    for j in range(n):
        i = np.uint64(n - 1 - j)
        p, q, r = i + np.uint64(n), i + np.uint64(2 * n), i + np.uint64(3 * n)
        gx[i], gx[p], gx[q], gx[r] = gx[i] * a, gx[p] * b, gx[q] * c, gx[r] * d
        a, b, c, d = a * x[i], b * x[p], c * x[q], d * x[r]


@kernel
def _others_before(x, before, gx):
    for k in range(gx.size):
        gx[k] = before[k]
        before[k] *= x[k]


@kernel
def _others_after(x, after, gx):
    for k in range(gx.size):
        gx[k] = gx[k] * after[k]
        after[k] *= x[k]


@kernel
def _others(first, last, x, f, gx, N, K):
    products = np.empty(STRIP, np.float64)
    for t in range(first, last):
        if K > 1:
            at, n = strip(t, N, K)
            column, product = at // (N * K) * K + at % K, part(products, 0, n)
            product[:] = 1
            for i in range(at, at + N * K, K):
                _others_before(part(x, i, i + n), product, part(gx, i, i + n))
            for k in range(n):
                product[k] = f[column + k]
            for j in range(N):
                i = at + (N - 1 - j) * K
                _others_after(part(x, i, i + n), product, part(gx, i, i + n))
            continue
        i, rows = t * ROWS * N, min(ROWS, x.size // N - t * ROWS)
        if rows == 4:
            _others_four(part(f, t * ROWS, t * ROWS + 4), part(x, i, i + 4 * N), part(gx, i, i + 4 * N))
        else:
            for r in range(rows):
                j = i + r * N
                _others_row(f[t * ROWS + r], part(x, j, j + N), part(gx, j, j + N))
    hold(products)


@kernel
def _extreme_row(x, before, y, place, place_before, j, largest):
    for k in range(x.size):
        v, best = x[k], before[k]
        new = v != v or (v >= best if largest else v <= best)  # of equal ones the last; nothing follows NaN but NaN
        y[k] = v if new else best
        place[k] = j if new else place_before[k]


@kernel
def _extreme_run(x, y, places, largest):
    best, at = x[0], 0
    for j in range(x.size):
        v = x[j]
        if v != v or (v >= best if largest else v <= best):
            best, at = v, j
        y[j], places[j] = best, at


@kernel
def _extremes(first, last, x, y, places, largest, N, K):
    for t in range(first, last):
        if K == 1:
            for i in range(t * ROWS * N, min(x.size, (t + 1) * ROWS * N), N):
                _extreme_run(part(x, i, i + N), part(y, i, i + N), part(places, i, i + N), largest)
            continue
        at, n = strip(t, N, K)
        y[at : at + n] = x[at : at + n]
        places[at : at + n] = 0
        for j in range(1, N):
            i = at + j * K
            _extreme_row(
                part(x, i, i + n), part(y, i - K, i - K + n), part(y, i, i + n),
                part(places, i, i + n), part(places, i - K, i - K + n), j, largest,
            )  # fmt: skip


def _run(function: Any, x: np.ndarray, axis: int, *args: Any) -> None:
    O, N, K = prod(x.shape[:axis]), x.shape[axis], prod(x.shape[axis + 1 :])
    tasks = -(-O // ROWS) if K == 1 else O * -(-K // STRIP)
    if not x.size:
        return
    args = flat(np.ascontiguousarray(x))[0], *args, N, K
    run(function, x.dtype, tasks, x.size >= GATE, *args)


def running(x: np.ndarray, axis: int, product: bool = False, reverse: bool = False) -> np.ndarray:
    """The running sum or product of x, float32 or float64, along `axis` >= 0, from the end where `reverse`."""
    y = np.empty(x.shape, x.dtype)
    _run(_running, x, axis, y.reshape(-1), product, reverse)
    return y


def product_pull(g: np.ndarray, x: np.ndarray, y: np.ndarray, axis: int) -> np.ndarray:
    """The gradient in x of its running product y along `axis` >= 0, from g: arrays of one shape and dtype."""
    gx = np.empty(x.shape, x.dtype)
    flats = [flat(np.ascontiguousarray(a))[0] for a in (x, y)]
    _run(_product_pull, g, axis, *flats, gx.reshape(-1))
    return gx


def others(f: np.ndarray, x: np.ndarray) -> np.ndarray:
    """f (A, C), flat, times, for each element of x (A, B, C), the product of all others that differ from it in b alone."""
    gx = np.empty(x.shape, x.dtype)
    _run(_others, x, 1, flat(np.ascontiguousarray(f))[0], gx.reshape(-1))
    return gx


def extremes(x: np.ndarray, axis: int, largest: bool) -> tuple[np.ndarray, np.ndarray]:
    """The running maximum or minimum along `axis` >= 0, and where it stood last; NaN stays."""
    y, places = np.empty(x.shape, x.dtype), np.empty(x.shape, np.int64)
    _run(_extremes, x, axis, y.reshape(-1), places.reshape(-1), largest)
    return y, places
