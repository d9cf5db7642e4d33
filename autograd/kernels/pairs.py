"""Rows of two arrays side by side: cosines, distances, and their gradients, in one pass over memory each."""

from __future__ import annotations

import numpy as np

from .compile import kernel
from .simd import LANES, broadcast, fma, kept, load_first, store_first, total
from .threads import run
from .view import part

GATE = 1 << 14  # elements from which starting threads pays
STEP = 1 << 13  # elements a task
BLOCK = 1 << 10  # elements of a row summed in one precision; the blocks are summed in float64

# x, y: rows of D values, flat; `step` rows a task.


@kernel
def _cosines(first, last, x, y, cosines, norms, D, step, eps):
    """norms[:, r]: the lengths of the two rows, which count as at least eps, and the cosine once more."""
    lanes = LANES * 4 // x.itemsize
    for r in range(first * step, min(cosines.size, last * step)):
        a, b, c = 0.0, 0.0, 0.0
        for start in range(r * D, (r + 1) * D, BLOCK):
            end = min(start + BLOCK, (r + 1) * D)
            xx, yy, xy = broadcast(x, 0), broadcast(x, 0), broadcast(x, 0)
            for k in range(start, end, lanes):
                u, v = load_first(x, k, end - k), load_first(y, k, end - k)
                xx, yy, xy = fma(u, u, xx), fma(v, v, yy), fma(u, v, xy)
            a, b, c = a + total(xx), b + total(yy), c + total(xy)
        p, q = np.sqrt(a), np.sqrt(b)
        norms[0, r], norms[1, r] = p, q
        cosines[r] = norms[2, r] = c / (eps if p < eps else p) / (eps if q < eps else q)


@kernel
def _cosines_back(first, last, g, x, y, norms, gx, gy, D, step, eps):
    """gx and gy, either of which may be empty: not wanted."""
    lanes = LANES * 4 // x.itemsize
    for r in range(first * step, min(g.size, last * step)):
        n, m = np.float64(norms[0, r]), np.float64(norms[1, r])
        p, q = eps if n < eps else n, eps if m < eps else m
        slope = np.float64(g[r])
        across = slope / p / q if slope != 0 else 0.0
        # a length below eps stands for eps, whose derivative is 0
        along_x = slope * norms[2, r] / p / p if slope != 0 and n >= eps and n > 0 else 0.0
        along_y = slope * norms[2, r] / q / q if slope != 0 and m >= eps and m > 0 else 0.0
        w, a, b = broadcast(x, across), broadcast(x, -along_x), broadcast(x, -along_y)
        for k in range(r * D, (r + 1) * D, lanes):
            rest = (r + 1) * D - k
            u, v = load_first(x, k, rest), load_first(y, k, rest)
            if gx.size:
                store_first(gx, k, fma(w, v, a * u), rest)
            if gy.size:
                store_first(gy, k, fma(w, u, b * v), rest)


@kernel
def _row_distances(first, last, x, y, out, D, step, eps):
    lanes, shift = LANES * 4 // x.itemsize, broadcast(x, eps)
    for r in range(first * step, min(out.size, last * step)):
        a = 0.0
        for start in range(r * D, (r + 1) * D, BLOCK):
            end = min(start + BLOCK, (r + 1) * D)
            s = broadcast(x, 0)
            for k in range(start, end, lanes):
                d = kept(load_first(x, k, end - k) - load_first(y, k, end - k) + shift, end - k)
                s = fma(d, d, s)
            a += total(s)
        out[r] = np.sqrt(a)


@kernel
def _row_distances_back(first, last, g, x, y, out, gx, gy, D, step, eps):
    """g / out (x - y + eps), 0 at distance 0, and its negative; gx or gy may be empty: not wanted."""
    lanes, shift = LANES * 4 // x.itemsize, broadcast(x, eps)
    for r in range(first * step, min(out.size, last * step)):
        slope = g[r] / out[r] if g[r] != 0 and out[r] != 0 else x.dtype.type(0)
        w, v = broadcast(x, slope), broadcast(x, -slope)
        for k in range(r * D, (r + 1) * D, lanes):
            rest = (r + 1) * D - k
            d = load_first(x, k, rest) - load_first(y, k, rest) + shift
            if gx.size:
                store_first(gx, k, w * d, rest)
            if gy.size:
                store_first(gy, k, v * d, rest)


def _flat(a: np.ndarray) -> np.ndarray:
    a = np.ascontiguousarray(a)
    return (a if a.flags.writeable else a.copy()).reshape(-1)


def _rows(x: np.ndarray, *others: np.ndarray) -> tuple[int, int, int, bool]:
    """How many values a row has, how many rows a task, how many tasks, and whether on several threads."""
    if any(a.shape != x.shape or a.dtype != x.dtype for a in others):
        raise ValueError(f"pairs: arrays of {[(a.shape, a.dtype) for a in (x, *others)]}; expected them alike")
    D = x.shape[-1]
    step = max(1, STEP // max(D, 1))
    return D, step, -(-(x.size // max(D, 1)) // step), x.size >= GATE


def cosines(x: np.ndarray, y: np.ndarray, eps: float) -> tuple[np.ndarray, np.ndarray]:
    """The cosines of the rows of x and y (*, D), alike in shape and dtype, and for the backward
    the rows' lengths and the cosines again (3, rows)."""
    D, step, tasks, parallel = _rows(x, y)
    out = np.zeros(x.shape[:-1], x.dtype)
    norms = np.zeros((3, out.size), x.dtype)
    run(_cosines, x.dtype, tasks, parallel, _flat(x), _flat(y), out.reshape(-1), norms, D, step, float(eps))
    return out, norms


def cosines_backward(
    g: np.ndarray, x: np.ndarray, y: np.ndarray, norms: np.ndarray, eps: float, needs: list[bool]
) -> list[np.ndarray | None]:
    """The gradients of `cosines` in x and y, those that are needed."""
    D, step, tasks, parallel = _rows(x, y)
    slopes = [np.empty(x.shape if need else 0, x.dtype) for need in needs]
    gx, gy = (a.reshape(-1) for a in slopes)
    given = _flat(g.astype(x.dtype, copy=False)), _flat(x), _flat(y), _flat(norms).reshape(3, -1), gx, gy
    run(_cosines_back, x.dtype, tasks, parallel, *given, D, step, float(eps))
    return [a if need else None for a, need in zip(slopes, needs, strict=True)]


def row_distances(x: np.ndarray, y: np.ndarray, eps: float) -> np.ndarray:
    """The lengths of the rows of x - y + eps, (*, D), alike in shape and dtype."""
    D, step, tasks, parallel = _rows(x, y)
    out = np.zeros(x.shape[:-1], x.dtype)
    run(_row_distances, x.dtype, tasks, parallel, _flat(x), _flat(y), out.reshape(-1), D, step, float(eps))
    return out


def row_distances_backward(
    g: np.ndarray, x: np.ndarray, y: np.ndarray, distances: np.ndarray, eps: float, needs: list[bool]
) -> list[np.ndarray | None]:
    """The gradients of `row_distances` in x and y, those that are needed; 0 at distance 0."""
    D, step, tasks, parallel = _rows(x, y)
    slopes = [np.empty(x.shape if need else 0, x.dtype) for need in needs]
    gx, gy = (a.reshape(-1) for a in slopes)
    given = _flat(g.astype(x.dtype, copy=False)), _flat(x), _flat(y), _flat(distances), gx, gy
    run(_row_distances_back, x.dtype, tasks, parallel, *given, D, step, float(eps))
    return [a if need else None for a, need in zip(slopes, needs, strict=True)]


# B batches of P rows x and R rows y, M values each. w: the slopes of the distances.


@kernel
def _shares(first, last, g, y, w, step):
    for k in range(first * step, min(w.size, last * step)):
        w[k] = g[k] / y[k] if y[k] > 0 else w.dtype.type(0)


@kernel
def _pulled(first, last, w, x, y, gx, P, R, M, by_row, by_column):
    """gx[i] = sum over r of w[i, r] (x[i] - y[r]), four rows a task; w[i, r] stands at i by_row + r by_column."""
    lanes, quads = LANES * 4 // x.itemsize, (P + 3) // 4
    for t in range(first, last):
        b, i = t // quads, t % quads * 4
        n = min(4, P - i)
        # rows that are missing are worked out as the last one is
        i0, i1, i2, i3 = i, i + min(1, n - 1), i + min(2, n - 1), i + n - 1
        for d in range(0, M, lanes):
            rest = M - d
            x0, x1 = load_first(x, (b * P + i0) * M + d, rest), load_first(x, (b * P + i1) * M + d, rest)
            x2, x3 = load_first(x, (b * P + i2) * M + d, rest), load_first(x, (b * P + i3) * M + d, rest)
            s0, s1, s2, s3 = broadcast(x, 0), broadcast(x, 0), broadcast(x, 0), broadcast(x, 0)
            for r in range(R):
                v, at = load_first(y, (b * R + r) * M + d, rest), b * P * R + r * by_column
                s0 = fma(broadcast(x, w[at + i0 * by_row]), x0 - v, s0)
                s1 = fma(broadcast(x, w[at + i1 * by_row]), x1 - v, s1)
                s2 = fma(broadcast(x, w[at + i2 * by_row]), x2 - v, s2)
                s3 = fma(broadcast(x, w[at + i3 * by_row]), x3 - v, s3)
            store_first(gx, (b * P + i0) * M + d, s0, rest)
            store_first(gx, (b * P + i1) * M + d, s1, rest)
            store_first(gx, (b * P + i2) * M + d, s2, rest)
            store_first(gx, (b * P + i3) * M + d, s3, rest)


def distances_backward(
    g: np.ndarray, x: np.ndarray, y: np.ndarray, distances: np.ndarray, needs: list[bool]
) -> list[np.ndarray | None]:
    """The gradients of `distances` (B, P, R) in x (B, P, M) and y (B, R, M), those that are needed; 0 at distance
    0."""
    (B, P, M), R = x.shape, y.shape[1]
    if y.shape != (B, R, M) or g.shape != (B, P, R) or distances.shape != g.shape:
        raise ValueError(f"distances: gradients {g.shape} of rows {x.shape} and {y.shape}")
    parallel = B * P * R * M >= GATE
    w, kind = np.empty(B * P * R, x.dtype), x.dtype
    run(_shares, kind, -(-w.size // STEP), parallel, _flat(g.astype(kind, copy=False)), _flat(distances), w, STEP)
    slopes: list[np.ndarray | None] = [None, None]
    if needs[0]:
        gx = slopes[0] = np.zeros(x.shape, kind)
        run(_pulled, kind, B * -(-P // 4), parallel, w, _flat(x), _flat(y), gx.reshape(-1), P, R, M, R, 1)
    if needs[1]:
        gy = slopes[1] = np.zeros(y.shape, kind)
        run(_pulled, kind, B * -(-R // 4), parallel, w, _flat(y), _flat(x), gy.reshape(-1), R, P, M, 1, R)
    return slopes


@kernel
def _turn(y, turned, B, R, M):
    """(B, R, M) as (B, M, R)."""
    for b in range(B):
        for r in range(R):
            for m in range(M):
                turned[(b * M + m) * R + r] = y[(b * R + r) * M + m]


@kernel
def _distances(first, last, x, turned, out, P, R, M):
    """Four rows of x a task, against a vector of rows of y at a time."""
    lanes, quads = LANES * 4 // x.itemsize, (P + 3) // 4
    for t in range(first, last):
        b, i = t // quads, t % quads * 4
        n = min(4, P - i)
        # rows that are missing are worked out as the last one is
        i0, i1, i2, i3 = b * P + i, b * P + i + min(1, n - 1), b * P + i + min(2, n - 1), b * P + i + n - 1
        for r in range(0, R, lanes):
            rest = R - r
            a0, a1, a2, a3 = broadcast(x, 0), broadcast(x, 0), broadcast(x, 0), broadcast(x, 0)
            for start in range(0, M, 64):  # sums of sums: few roundings one upon another
                s0, s1, s2, s3 = broadcast(x, 0), broadcast(x, 0), broadcast(x, 0), broadcast(x, 0)
                for m in range(start, min(M, start + 64)):
                    v = load_first(turned, (b * M + m) * R + r, rest)
                    d0, d1 = broadcast(x, x[i0 * M + m]) - v, broadcast(x, x[i1 * M + m]) - v
                    d2, d3 = broadcast(x, x[i2 * M + m]) - v, broadcast(x, x[i3 * M + m]) - v
                    s0, s1, s2, s3 = fma(d0, d0, s0), fma(d1, d1, s1), fma(d2, d2, s2), fma(d3, d3, s3)
                a0, a1, a2, a3 = a0 + s0, a1 + s1, a2 + s2, a3 + s3
            store_first(out, i0 * R + r, a0, rest)
            store_first(out, i1 * R + r, a1, rest)
            store_first(out, i2 * R + r, a2, rest)
            store_first(out, i3 * R + r, a3, rest)
        squares = part(out, i0 * R, (i3 + 1) * R)
        for k in range(squares.size):
            squares[k] = np.sqrt(squares[k])


def distances(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Euclidean distances (B, P, R) of the rows of x (B, P, M) from those of y (B, R, M), from their differences."""
    (B, P, M), R = x.shape, y.shape[1]
    if y.shape != (B, R, M) or x.dtype != y.dtype:
        raise ValueError(f"distances: rows {x.dtype} {x.shape} from rows {y.dtype} {y.shape}")
    out, turned = np.empty((B, P, R), x.dtype), np.empty(y.size, x.dtype)
    if out.size:
        _turn(_flat(y), turned, B, R, M)
        tasks = B * -(-P // 4)
        run(_distances, x.dtype, tasks, out.size * M >= GATE, _flat(x), turned, out.reshape(-1), P, R, M)
    return out
