"""Discrete Fourier transforms of many signals at once: the lanes of a vector are signals, so that all goes by whole vectors.

Stockham's form, whose results come out in order: a stage of radix r takes n / r groups of r values that stand n / r apart to r
values side by side, so that after all stages nothing is to be sorted (Van Loan 1992, Computational Frameworks for the Fast
Fourier Transform, 1.7). The inverse is the transform with real and imaginary parts exchanged before and after. A real signal
of even length is one of half the length whose even places are the real parts and whose odd ones are the imaginary parts.

Letters: R signals of n values, as (A, n, K) in memory; a task is as many of them as a vector has lanes. In `work` a value is a
vector of real parts and one of imaginary parts.
"""

from __future__ import annotations

from functools import lru_cache
from math import prod

import numpy as np

from .compile import kernel
from .lanes import lanes_of
from .simd import LANES, broadcast, load, store, transpose_tile
from .threads import run
from .view import hold, part

GATE = 1 << 14  # values below which a parallel launch costs more than it saves
LARGEST = 13  # radix, of those that are no product
LONGEST = 1 << 14  # values of a signal whose lanes stay near
COS3, SIN3 = -0.5, np.sqrt(3) / 2
COS5, COS25, SIN5, SIN25 = (f(2 * np.pi * k / 5) for f in (np.cos, np.sin) for k in (1, 2))


@kernel
def _turned(re, im, wr, wi):
    """(re + im i) (wr + wi i)."""
    return re * wr - im * wi, re * wi + im * wr


@kernel
def _stages(n, radices, turns, roots, work, a, b, inverse):
    """All stages, from a by way of b; which of the two the result is in. turns: of each stage and group the factors of its
    results behind the first; roots: of each stage the r-th roots of 1."""
    lanes = lanes_of(work)
    X, Y = (lanes, 0) if inverse else (0, lanes)  # where in a value real and imaginary parts stand
    s, left, at, root = 2 * lanes, n, 0, 0
    c3, s3 = broadcast(work, COS3), broadcast(work, SIN3)
    c5, c25, s5, s25 = broadcast(work, COS5), broadcast(work, COS25), broadcast(work, SIN5), broadcast(work, SIN25)
    for stage in range(radices.size):
        r = radices[stage]
        m = left // r
        far = m * s
        for p in range(m):
            first, to, w = a + p * s, b + p * r * s, at + p * (r - 1) * 2
            if r == 4:
                v1, u1 = broadcast(work, turns[w]), broadcast(work, turns[w + 1])
                v2, u2 = broadcast(work, turns[w + 2]), broadcast(work, turns[w + 3])
                v3, u3 = broadcast(work, turns[w + 4]), broadcast(work, turns[w + 5])
                for i in range(first, first + s, 2 * lanes):
                    o = to + i - first
                    x0, x1, x2, x3 = (
                        load(work, i + X),
                        load(work, i + X + far),
                        load(work, i + X + 2 * far),
                        load(work, i + X + 3 * far),
                    )
                    y0, y1 = load(work, i + Y), load(work, i + Y + far)
                    y2, y3 = load(work, i + Y + 2 * far), load(work, i + Y + 3 * far)
                    p0, p1, p2, p3 = x0 + x2, x0 - x2, x1 + x3, y1 - y3
                    q0, q1, q2, q3 = y0 + y2, y0 - y2, y1 + y3, x3 - x1
                    store(work, o + X, p0 + p2)
                    store(work, o + Y, q0 + q2)
                    re, im = _turned(p1 + p3, q1 + q3, v1, u1)
                    store(work, o + X + s, re)
                    store(work, o + Y + s, im)
                    re, im = _turned(p0 - p2, q0 - q2, v2, u2)
                    store(work, o + X + 2 * s, re)
                    store(work, o + Y + 2 * s, im)
                    re, im = _turned(p1 - p3, q1 - q3, v3, u3)
                    store(work, o + X + 3 * s, re)
                    store(work, o + Y + 3 * s, im)
            elif r == 2:
                v1, u1 = broadcast(work, turns[w]), broadcast(work, turns[w + 1])
                for i in range(first, first + s, 2 * lanes):
                    o = to + i - first
                    x0, x1, y0, y1 = (
                        load(work, i + X),
                        load(work, i + X + far),
                        load(work, i + Y),
                        load(work, i + Y + far),
                    )
                    store(work, o + X, x0 + x1)
                    store(work, o + Y, y0 + y1)
                    re, im = _turned(x0 - x1, y0 - y1, v1, u1)
                    store(work, o + X + s, re)
                    store(work, o + Y + s, im)
            elif r == 3:
                v1, u1 = broadcast(work, turns[w]), broadcast(work, turns[w + 1])
                v2, u2 = broadcast(work, turns[w + 2]), broadcast(work, turns[w + 3])
                for i in range(first, first + s, 2 * lanes):
                    o = to + i - first
                    x0, x1, x2 = load(work, i + X), load(work, i + X + far), load(work, i + X + 2 * far)
                    y0, y1, y2 = load(work, i + Y), load(work, i + Y + far), load(work, i + Y + 2 * far)
                    p1, q1, p2, q2 = x1 + x2, y1 + y2, s3 * (x1 - x2), s3 * (y1 - y2)
                    store(work, o + X, x0 + p1)
                    store(work, o + Y, y0 + q1)
                    p1, q1 = x0 + c3 * p1, y0 + c3 * q1
                    re, im = _turned(p1 + q2, q1 - p2, v1, u1)
                    store(work, o + X + s, re)
                    store(work, o + Y + s, im)
                    re, im = _turned(p1 - q2, q1 + p2, v2, u2)
                    store(work, o + X + 2 * s, re)
                    store(work, o + Y + 2 * s, im)
            elif r == 5:
                for i in range(first, first + s, 2 * lanes):
                    o = to + i - first
                    x0, x1, x2 = load(work, i + X), load(work, i + X + far), load(work, i + X + 2 * far)
                    x3, x4 = load(work, i + X + 3 * far), load(work, i + X + 4 * far)
                    y0, y1, y2 = load(work, i + Y), load(work, i + Y + far), load(work, i + Y + 2 * far)
                    y3, y4 = load(work, i + Y + 3 * far), load(work, i + Y + 4 * far)
                    x1, x4, x2, x3 = x1 + x4, x1 - x4, x2 + x3, x2 - x3
                    y1, y4, y2, y3 = y1 + y4, y1 - y4, y2 + y3, y2 - y3
                    store(work, o + X, x0 + x1 + x2)
                    store(work, o + Y, y0 + y1 + y2)
                    p1, q1 = x0 + c5 * x1 + c25 * x2, y0 + c5 * y1 + c25 * y2
                    p2, q2 = x0 + c25 * x1 + c5 * x2, y0 + c25 * y1 + c5 * y2
                    p3, q3 = s5 * x4 + s25 * x3, s5 * y4 + s25 * y3
                    p4, q4 = s25 * x4 - s5 * x3, s25 * y4 - s5 * y3
                    v, u = broadcast(work, turns[w]), broadcast(work, turns[w + 1])
                    re, im = _turned(p1 + q3, q1 - p3, v, u)
                    store(work, o + X + s, re)
                    store(work, o + Y + s, im)
                    v, u = broadcast(work, turns[w + 2]), broadcast(work, turns[w + 3])
                    re, im = _turned(p2 + q4, q2 - p4, v, u)
                    store(work, o + X + 2 * s, re)
                    store(work, o + Y + 2 * s, im)
                    v, u = broadcast(work, turns[w + 4]), broadcast(work, turns[w + 5])
                    re, im = _turned(p2 - q4, q2 + p4, v, u)
                    store(work, o + X + 3 * s, re)
                    store(work, o + Y + 3 * s, im)
                    v, u = broadcast(work, turns[w + 6]), broadcast(work, turns[w + 7])
                    re, im = _turned(p1 - q3, q1 + p3, v, u)
                    store(work, o + X + 4 * s, re)
                    store(work, o + Y + 4 * s, im)
            else:
                for i in range(first, first + s, 2 * lanes):
                    for j in range(r):
                        re, im = load(work, i + X), load(work, i + Y)
                        for k in range(1, r):
                            place = root + j * k % r * 2
                            v, u = broadcast(work, roots[place]), broadcast(work, roots[place + 1])
                            x, y = _turned(load(work, i + X + k * far), load(work, i + Y + k * far), v, u)
                            re, im = re + x, im + y
                        if j:
                            v, u = broadcast(work, turns[w + 2 * j - 2]), broadcast(work, turns[w + 2 * j - 1])
                            re, im = _turned(re, im, v, u)
                        o = to + i - first + j * s
                        store(work, o + X, re)
                        store(work, o + Y, im)
        at += m * (r - 1) * 2
        root += 2 * r
        a, b, s, left = b, a, s * r, m
    return a


# A value's two parts: those of a complex number, side by side; or, where `pairs`, two real ones of a signal, K apart.


@kernel
def _begins(row, count, n, K, pairs):
    """Where signals of n values from `row` on begin in an array (A, n, K)."""
    begins = np.empty(count, np.int64)
    for lane in range(count):
        begins[lane] = 2 * ((row + lane) // K * n * K) + (row + lane) % K * (1 if pairs else 2)
    return begins


@kernel
def _brought(x, row, rows, n, K, pairs, work, to):
    """The signals of n values from `row` on, of an array (A, n, K), lane by lane."""
    lanes = lanes_of(x)
    count = min(lanes, rows - row)
    if K == 1:
        for j in range(0, 2 * n, lanes):
            transpose_tile(x, 2 * row * n + j, 2 * n, work, to + j * lanes, lanes, count, min(lanes, 2 * n - j))
    elif not pairs and row % K + lanes <= K:
        for j in range(n):
            i = 2 * ((row // K * n + j) * K + row % K)
            values, out = part(x, i, i + 2 * lanes), part(work, to + 2 * j * lanes, to + 2 * (j + 1) * lanes)
            for lane in range(lanes):
                out[lane], out[lanes + lane] = values[2 * lane], values[2 * lane + 1]
    else:
        begins, apart = _begins(row, count, n, K, pairs), K if pairs else 1
        for j in range(n):
            for lane in range(count):
                i, o = begins[lane] + 2 * j * K, to + 2 * j * lanes + lane
                work[o], work[o + lanes] = x[i], x[i + apart]
        hold(begins)


@kernel
def _taken(work, a, factor, y, row, rows, n, K, pairs):
    """`_brought` the other way round, times a factor."""
    lanes = lanes_of(y)
    count, f = min(lanes, rows - row), broadcast(y, factor)
    if factor != 1:
        for i in range(a, a + 2 * n * lanes, lanes):
            store(work, i, load(work, i) * f)
    if K == 1:
        for j in range(0, 2 * n, lanes):
            transpose_tile(work, a + j * lanes, lanes, y, 2 * row * n + j, 2 * n, min(lanes, 2 * n - j), count)
    elif not pairs and row % K + lanes <= K:
        for j in range(n):
            i = 2 * ((row // K * n + j) * K + row % K)
            out, values = part(y, i, i + 2 * lanes), part(work, a + 2 * j * lanes, a + 2 * (j + 1) * lanes)
            for lane in range(lanes):
                out[2 * lane], out[2 * lane + 1] = values[lane], values[lanes + lane]
    else:
        begins, apart = _begins(row, count, n, K, pairs), K if pairs else 1
        for j in range(n):
            for lane in range(count):
                i, o = a + 2 * j * lanes + lane, begins[lane] + 2 * j * K
                y[o], y[o + apart] = work[i], work[i + lanes]
        hold(begins)


@kernel
def _room(x, n):
    """Memory of zeros for twice n values, lane by lane: lanes that no signal is in are worked on too."""
    return np.zeros(4 * n * lanes_of(x), x.dtype)


@kernel
def complex_lines(first, last, x, y, n, K, R, radices, turns, roots, inverse, factor):
    """y = factor times the transform of each signal of x, both with the parts of a value side by side."""
    lanes = lanes_of(x)
    work = _room(x, n)
    for task in range(first, last):
        _brought(x, task * lanes, R, n, K, False, work, 0)
        a = _stages(n, radices, turns, roots, work, 0, 2 * n * lanes, inverse)
        _taken(work, a, factor, y, task * lanes, R, n, K, False)
    hold(work)


@kernel
def real_lines(first, last, x, y, n, K, R, radices, turns, roots, halves, factor):
    """y (A, n / 2 + 1, K) = factor times half the transform of each real signal of x (A, n, K), n even; the radices are those
    of n / 2. halves: exp(-2 pi k i / n)."""
    lanes, h = lanes_of(x), n // 2
    work, other = _room(x, h + 1), 2 * (h + 1) * lanes
    half = broadcast(x, 0.5)
    for task in range(first, last):
        _brought(x, task * lanes, R, h, K, True, work, 0)
        a = _stages(h, radices, turns, roots, work, 0, other, False)
        b = other - a
        for k in range(h + 1):
            near, far, o = a + 2 * (k % h) * lanes, a + 2 * ((h - k) % h) * lanes, b + 2 * k * lanes
            v, u = half * broadcast(x, halves[2 * k]), half * broadcast(x, halves[2 * k + 1])
            xr, xi, yr, yi = load(work, near), load(work, near + lanes), load(work, far), load(work, far + lanes)
            re, im = _turned(xi + yi, yr - xr, v, u)
            store(work, o, half * (xr + yr) + re)
            store(work, o + lanes, half * (xi - yi) + im)
        _taken(work, b, factor, y, task * lanes, R, h + 1, K, False)
    hold(work)


@kernel
def half_lines(first, last, x, y, n, K, R, radices, turns, roots, halves, factor):
    """y (A, n, K) = factor times the n real numbers whose transform x (A, n / 2 + 1, K) is half of, n even: the inverse of
    `real_lines` but for the factor n. The imaginary parts at 0 and n / 2 are taken as 0."""
    lanes, h = lanes_of(x), n // 2
    work, other = _room(x, h + 1), 2 * (h + 1) * lanes
    zero = broadcast(x, 0.0)
    for task in range(first, last):
        _brought(x, task * lanes, R, h + 1, K, False, work, other)
        store(work, other + lanes, zero)
        store(work, other + 2 * h * lanes + lanes, zero)
        for k in range(h):
            near, far = other + 2 * k * lanes, other + 2 * (h - k) * lanes
            v, u = broadcast(x, halves[2 * k]), broadcast(x, -halves[2 * k + 1])
            xr, xi, yr, yi = load(work, near), load(work, near + lanes), load(work, far), load(work, far + lanes)
            re, im = _turned(xr - yr, xi + yi, v, u)
            store(work, 2 * k * lanes, xr + yr - im)
            store(work, 2 * k * lanes + lanes, xi - yi + re)
        a = _stages(h, radices, turns, roots, work, 0, other, True)
        _taken(work, a, factor, y, task * lanes, R, h, K, True)
    hold(work)


Plan = tuple[np.ndarray, np.ndarray, np.ndarray]


def _radices(n: int) -> list[int] | None:
    """n as a product of small numbers, fours first; None where one would be too large."""
    found = []
    for r in (4, 2, 3, 5, 7, 11, LARGEST):
        while n % r == 0:
            found.append(r)
            n //= r
    return found if n == 1 else None


def _pairs(angles: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """exp(-angles i), flat, real and imaginary parts side by side; exact at quarters of a turn."""
    parts = np.stack([np.cos(angles), -np.sin(angles)], -1).reshape(-1)
    parts[np.abs(parts) < 1e-12] = 0
    return parts.astype(dtype)


@lru_cache(256)
def _plan(n: int, dtype: np.dtype) -> Plan | None:
    """The radices of a transform of n values, the factors between its stages, and the roots of 1 of each radix."""
    radices = _radices(n)
    if radices is None or not radices:
        return None
    turns, roots, left = [], [], n
    for r in radices:
        turns.append(_pairs(2 * np.pi / left * np.outer(np.arange(left // r), np.arange(1, r)), dtype))
        roots.append(_pairs(2 * np.pi / r * np.arange(r), dtype))
        left //= r
    return np.array(radices, np.int64), np.concatenate(turns), np.concatenate(roots)


@lru_cache(256)
def _halves(n: int, dtype: np.dtype) -> np.ndarray:
    return _pairs(2 * np.pi / n * np.arange(n // 2 + 1), dtype)


def _planned(n: int, rows: int, dtype: np.dtype) -> Plan | None:
    """The plan for so many signals of n values with parts of that dtype, None where numpy had better take them."""
    if dtype.char not in "fd" or n < 2 or n > LONGEST or 2 * rows * dtype.itemsize < LANES * 4:
        return None
    return _plan(n, dtype)


def _parts(x: np.ndarray) -> np.ndarray:
    """The values of x flat, of complex ones real and imaginary parts side by side; a copy unless they stand so."""
    values = (x if x.flags.carray else np.array(x, order="C")).reshape(-1)
    return values.view(values.real.dtype) if values.dtype.kind == "c" else values


def _run(function: object, x: np.ndarray, y: np.ndarray, n: int, axis: int, plan: Plan, *rest: object) -> np.ndarray:
    given, made = _parts(x), y.reshape(-1)
    made = made.view(made.real.dtype) if made.dtype.kind == "c" else made
    K = prod(x.shape[axis + 1 :])
    R = prod(x.shape[:axis]) * K
    kind, lanes = given.dtype.type, LANES * 4 // given.itemsize
    *tables, factor = rest
    run(function, given.dtype, -(-R // lanes), R * n >= GATE, given, made, n, K, R, *plan, *tables, kind(factor))
    return y


def transformed(x: np.ndarray, axis: int, inverse: bool, factor: float) -> np.ndarray | None:
    """factor times the transform of complex x along `axis`, or the one with exp(+i ...); None where numpy had better do it."""
    axis %= x.ndim
    n = x.shape[axis]
    plan = _planned(n, x.size // max(n, 1), x.real.dtype)
    if plan is None:
        return None
    return _run(complex_lines, x, np.empty(x.shape, x.dtype), n, axis, plan, inverse, factor)


def of_reals(x: np.ndarray, axis: int, factor: float) -> np.ndarray | None:
    """factor times the first n // 2 + 1 values of the transform of real x along `axis`; None as for `transformed`."""
    axis %= x.ndim
    n = x.shape[axis]
    plan = _planned(n // 2, x.size // max(n, 1), x.dtype) if n % 2 == 0 else None
    if plan is None:
        return None
    y = np.empty((*x.shape[:axis], n // 2 + 1, *x.shape[axis + 1 :]), np.result_type(x.dtype, np.complex64))
    return _run(real_lines, x, y, n, axis, plan, _halves(n, x.dtype), factor)


def to_reals(x: np.ndarray, n: int, axis: int, factor: float) -> np.ndarray | None:
    """factor times the n real numbers of half a spectrum x of n // 2 + 1 along `axis`; None as for `transformed`."""
    axis %= x.ndim
    rows = x.size // max(x.shape[axis], 1)
    plan = _planned(n // 2, rows, x.real.dtype) if n % 2 == 0 and x.shape[axis] == n // 2 + 1 else None
    if plan is None:
        return None
    y = np.empty((*x.shape[:axis], n, *x.shape[axis + 1 :]), x.real.dtype)
    return _run(half_lines, x, y, n, axis, plan, _halves(n, x.real.dtype), factor)
