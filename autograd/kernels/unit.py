"""Rows over their length or their root mean square, forward and backward, each read once from memory."""

from __future__ import annotations

import numpy as np

from .buffer import flat
from .compile import kernel
from .functions import pulled
from .lanes import folded_sums, lanes_of, root
from .reduce import LONGEST, row_squares
from .simd import at_least, broadcast, load, load_first, store, store_first, total
from .threads import run
from .view import hold, part

GATE = 1 << 14  # elements below which a parallel launch costs more than it saves
STEP = 1 << 13  # elements a task
CACHED = 1 << 11  # elements of the rows worked on at once, up to as many rows as a vector has lanes

# Tasks of `step` rows of C elements, flat, R in all. root_mean: whether a row is divided by its root mean square, to whose
# square eps is added, or else by its length, at least eps. sizes[r]: 1 over that root, or the length before that bound.


@kernel
def _scaled(first, last, x, y, sizes, root_mean, eps, R, C, step):
    lanes, least, share = lanes_of(x), broadcast(x, eps), broadcast(x, C)
    whole = C - C % lanes
    work = np.zeros((lanes + 1) * lanes, x.dtype)
    out, factors = part(work, lanes, work.size), part(work, 0, lanes)
    together, end = max(1, min(lanes, CACHED // C)), min(R, last * step)
    for a in range(first * step, end, together):
        n = min(together, end - a)
        if C > LONGEST:
            s = 0.0
            for c in range(a * C, (a + 1) * C, LONGEST):
                some = min(LONGEST, (a + 1) * C - c)
                row_squares(part(x, c, c + some), 1, some, out)
                s += total(load(out, 0))
            v = broadcast(x, s)
        else:
            row_squares(part(x, a * C, (a + n) * C), n, C, out)
            v = folded_sums(out)
        v = broadcast(x, 1) / root(v / share + least) if root_mean else root(v)
        store_first(sizes, a, v, n)
        store(factors, 0, v if root_mean else at_least(v, least))
        for r in range(n):
            i, f = (a + r) * C, broadcast(x, factors[r])
            for c in range(i, i + whole, lanes):
                store(y, c, load(x, c) * f if root_mean else load(x, c) / f)
            if whole < C:
                w = load_first(x, i + whole, C - whole)
                store_first(y, i + whole, w * f if root_mean else w / f, C - whole)
    hold(work)


@kernel
def _products(g, x, n, C, out):
    """Vectors whose lanes add up to the rows' inner products; what g is 0 for adds nothing."""
    lanes = lanes_of(x)
    whole = C - C % lanes
    for r in range(n):
        i, s = r * C, broadcast(x, 0)
        for c in range(i, i + whole, lanes):
            s = s + pulled(load(g, c), load(x, c))
        if whole < C:
            s = s + pulled(load_first(g, i + whole, C - whole), load_first(x, i + whole, C - whole))
        store(out, r * lanes, s)


@kernel
def _scaled_back(first, last, g, x, gx, sizes, root_mean, eps, R, C, step):
    """gx = g / s - x (g x) / s**3, s the length; or (g x) over C, s the root mean square; g / eps where eps bounds s."""
    lanes = lanes_of(x)
    whole = C - C % lanes
    work = np.zeros((lanes + 1) * lanes, x.dtype)
    out, dots = part(work, lanes, work.size), part(work, 0, lanes)
    together, end = max(1, min(lanes, CACHED // C)), min(R, last * step)
    for a in range(first * step, end, together):
        n = min(together, end - a)
        if C > LONGEST:
            s = 0.0
            for c in range(a * C, (a + 1) * C, LONGEST):
                some = min(LONGEST, (a + 1) * C - c)
                _products(part(g, c, c + some), part(x, c, c + some), 1, some, out)
                s += total(load(out, 0))
            store(dots, 0, broadcast(x, s))
        else:
            _products(part(g, a * C, (a + n) * C), part(x, a * C, (a + n) * C), n, C, out)
            store(dots, 0, folded_sums(out))
        for r in range(n):
            size, least = np.float64(sizes[a + r]), x.dtype.type(eps)
            if root_mean:
                factor, slope = size, size * size * size * (dots[r] / np.float64(C))
            else:
                bounded = sizes[a + r] < least
                factor = 1 / np.float64(least if bounded else sizes[a + r])
                slope = 0.0 if bounded or dots[r] == 0 else factor * factor * factor * dots[r]
            i, f, k = (a + r) * C, broadcast(x, factor), broadcast(x, slope)
            for c in range(i, i + whole, lanes):
                v = pulled(load(g, c), f)
                if slope != 0:
                    v = v - load(x, c) * k
                store(gx, c, v)
            if whole < C:
                v = pulled(load_first(g, i + whole, C - whole), f)
                if slope != 0:
                    v = v - load_first(x, i + whole, C - whole) * k
                store_first(gx, i + whole, v, C - whole)
    hold(work)


def _flats(*arrays: np.ndarray) -> list[np.ndarray]:
    return [flat(np.ascontiguousarray(a))[0] for a in arrays]


def scaled(x: np.ndarray, eps: float, root_mean: bool) -> tuple[np.ndarray, np.ndarray]:
    """Each row of x (rows, columns) over its length, at least eps; or over the root of its mean square plus eps.

    And what the backward wants to know: the lengths (rows,), or 1 over the roots.
    """
    (R, C), y, sizes = x.shape, np.empty(x.shape, x.dtype), np.empty(len(x), x.dtype)
    if x.size:
        step = max(1, STEP // C)
        run(
            _scaled,
            x.dtype,
            -(-R // step),
            x.size >= GATE,
            *_flats(x),
            y.reshape(-1),
            sizes,
            root_mean,
            eps,
            R,
            C,
            step,
        )
    return y, sizes


def scaled_backward(g: np.ndarray, x: np.ndarray, sizes: np.ndarray, eps: float, root_mean: bool) -> np.ndarray:
    """The gradient of `scaled` in x (rows, columns), from what it returned besides. A g of 0 adds nothing whatever x is."""
    (R, C), gx = x.shape, np.empty(x.shape, x.dtype)
    if x.size:
        step, arrays = max(1, STEP // C), _flats(g, x)
        run(
            _scaled_back, x.dtype, -(-R // step), x.size >= GATE,
            *arrays, gx.reshape(-1), *_flats(sizes), root_mean, eps, R, C, step,
        )  # fmt: skip
    return gx
