"""Rows gathered by index (embedding), and sums by index without atomics: who writes an element owns it alone.

Duplicates are added in the order of the indices, whatever the number of threads.
"""

from __future__ import annotations

from math import prod

import numpy as np

from .buffer import flat
from .compile import kernel
from .threads import run
from .view import part

GATE = 1 << 14  # elements moved below which a parallel launch costs more than it saves
ORDERED = 1 << 17  # elements added below which rows are taken as they come: sorting them is a walk over the table
PIECES = 16

# n indices into R rows of C values, or (outer, dim, inner) views. Indices outside are skipped, never followed.


@kernel
def _take_rows(k0, k1, w, index, y, R, C, step):
    for i in range(k0 * step, min(index.size, k1 * step)):
        r = index[i]
        if 0 <= r < R:
            row, out = part(w, r * C, (r + 1) * C), part(y, i * C, (i + 1) * C)
            for c in range(C):
                out[c] = row[c]
        else:
            y[i * C : (i + 1) * C] = 0


@kernel
def _sort_by_row(index, R, skip, start, order):
    """Counting sort: order[start[r] : start[r + 1]] are the positions, ascending, where index is r."""
    start[:] = 0
    for i in range(index.size):
        r = index[i]
        if 0 <= r < R and r != skip:
            start[r + 1] += 1
    for r in range(R):
        start[r + 1] += start[r]
    kept = start[R]
    for i in range(index.size - 1, -1, -1):
        r = index[i]
        if 0 <= r < R and r != skip:
            start[r + 1] -= 1
            order[start[r + 1]] = i
    for r in range(R):  # start[r + 1] is now where row r begins
        start[r] = start[r + 1]
    start[R] = kept


@kernel
def _add_rows(k0, k1, g, start, order, out, C, fresh, step):
    for r in range(k0 * step, min(start.size - 1, k1 * step)):
        row = part(out, r * C, (r + 1) * C)
        if fresh:
            row[:] = 0
        for k in range(start[r], start[r + 1]):
            add = part(g, order[k] * C, (order[k] + 1) * C)
            for c in range(C):
                row[c] += add[c]


@kernel
def _add_in_order(g, index, out, R, C, skip):
    for i in range(index.size):
        r = index[i]
        if 0 <= r < R and r != skip:
            row, add = part(out, r * C, (r + 1) * C), part(g, i * C, (i + 1) * C)
            for c in range(C):
                row[c] += add[c]


# Unsigned numbers: one comparison keeps an index inside, and numba looks for no negative ones.


@kernel
def _scatter_strips(first, last, out, index, src, D, E, K, step):
    """out[o, index[o, e, k], k] += src[o, e, k]; a task is up to `step` columns k of one o, D and E the lengths along dim."""
    strips = (K + step - 1) // step
    length, stride = np.uint64(D), np.uint64(K)
    for t in range(first, last):
        o, k0 = t // strips, t % strips * step
        width, block = min(step, K - k0), part(out, o * D * K + k0, (o + 1) * D * K)
        if K == 1:
            at, add = part(index, o * E, (o + 1) * E), part(src, o * E, (o + 1) * E)
            for e in range(at.size):
                d = np.uint64(at[e])
                if d < length:
                    block[d] += add[e]
            continue
        for e in range(E):
            i = (o * E + e) * K + k0
            at, add = part(index, i, i + width), part(src, i, i + width)
            for k in range(at.size):
                d = np.uint64(at[k])
                if d < length:
                    block[d * stride + np.uint64(k)] += add[k]


@kernel
def _gather_rows(first, last, x, index, y, D, E, K, step):
    """y[o, e, k] = x[o, index[o, e, k], k]; a task is up to `step` consecutive e of one o."""
    tasks = (E + step - 1) // step
    length, stride, zero = np.uint64(D), np.uint64(K), x.dtype.type(0)
    for t in range(first, last):
        o, e0 = t // tasks, t % tasks * step
        e1, block = min(E, e0 + step), part(x, o * D * K, (o + 1) * D * K)
        if K == 1:
            at, out = part(index, o * E + e0, o * E + e1), part(y, o * E + e0, o * E + e1)
            for e in range(at.size):
                d = np.uint64(at[e])
                out[e] = block[d] if d < length else zero
            continue
        for i in range((o * E + e0) * K, (o * E + e1) * K, K):
            at, out = part(index, i, i + K), part(y, i, i + K)
            for k in range(at.size):
                d = np.uint64(at[k])
                out[k] = block[d * stride + np.uint64(k)] if d < length else zero


@kernel
def _place(first, last, g, index, out, A, n, K, step):
    """out (A, n, K): zeros, and g[a, k] at place index[a, k] of the n."""
    for a in range(first * step, min(A, last * step)):
        block = part(out, a * n * K, (a + 1) * n * K)
        for i in range(block.size):
            block[i] = 0
        for k in range(K):
            place = index[a * K + k]
            if 0 <= place < n:
                block[place * K + k] = g[a * K + k]


@kernel
def _outside(first, last, index, size, found, step):
    """found[t]: whether piece t of the index has a number that is not below size."""
    for t in range(first, last):
        piece, seen = part(index, t * step, min((t + 1) * step, index.size)), False
        for k in range(piece.size):
            seen |= piece[k] >= size
        found[t] = seen


def inside(index: np.ndarray, size: int) -> bool:
    """Whether all numbers of a contiguous int64 array are at least 0 and less than `size`."""
    flat = index.reshape(-1).view(np.uint64)  # a negative one is a large number of no sign
    tasks = -(-flat.size // GATE)
    found = np.empty(tasks, np.bool_)
    run(_outside, flat.flags.writeable, tasks, True, flat, np.uint64(size), found, GATE)
    return not found.any()


def embedding(weight: np.ndarray, indices: np.ndarray) -> np.ndarray:
    """The rows of weight (rows, cols) at int64 indices of any shape: (*indices.shape, cols)."""
    R, C = weight.shape
    y = np.empty((*indices.shape, C), weight.dtype)
    arrays = np.ascontiguousarray(weight).reshape(-1), np.ascontiguousarray(indices).reshape(-1), y.reshape(-1)
    step = max(-(-indices.size // PIECES), 1)
    run(_take_rows, (y.dtype, indices.dtype), -(-indices.size // step), y.size >= GATE, *arrays, R, C, step)
    return y


def _add(out: np.ndarray, indices: np.ndarray, g: np.ndarray, skip: int, fresh: bool) -> None:
    """out[indices[i]] += g[i], out (rows, cols) contiguous, zeroed first where fresh."""
    R, C = out.shape
    index = np.ascontiguousarray(indices).reshape(-1)
    if not fresh and g.size < ORDERED:
        _add_in_order(np.ascontiguousarray(g).reshape(-1), index, out.reshape(-1), R, C, skip)
        return
    start, order = np.empty(R + 1, np.int64), np.empty(index.size, np.int64)
    _sort_by_row(index, R, skip, start, order)
    arrays = np.ascontiguousarray(g).reshape(-1), start, order, out.reshape(-1)
    step = max(-(-R // PIECES), 1)
    run(_add_rows, (out.dtype, g.dtype), -(-R // step), out.size + g.size >= GATE, *arrays, C, fresh, step)


def embedding_backward(g: np.ndarray, indices: np.ndarray, num_rows: int, padding_idx: int | None = None) -> np.ndarray:
    """The dense gradient (num_rows, cols) of `embedding` in weight from g (*indices.shape, cols).

    The row padding_idx gets none.
    """
    gw = np.empty((num_rows, g.shape[-1]), g.dtype)
    _add(gw, indices, g, -1 if padding_idx is None else padding_idx, True)
    return gw


def index_add(out: np.ndarray, indices: np.ndarray, rows: np.ndarray) -> None:
    """out[indices[i]] += rows[i] in place: out (rows, cols) C-contiguous, indices (n,) int64, rows (n, cols)."""
    if not out.flags.c_contiguous:
        raise ValueError(f"index_add: out has strides {out.strides}; it must be C-contiguous, so pass a copy")
    _add(out, indices, rows, -1, False)


def _alike(one: tuple[int, ...], other: tuple[int, ...], dim: int) -> bool:
    """Whether two shapes are the same beside `dim`."""
    if len(one) != len(other):
        return False
    return all(m == n for axis, (m, n) in enumerate(zip(one, other, strict=True)) if axis != dim % len(one))


def _lengths(a: np.ndarray, dim: int) -> tuple[int, int]:
    """The products of the lengths before `dim` and behind it."""
    return prod(a.shape[:dim]), prod(a.shape[dim + 1 :])


def gather(x: np.ndarray, dim: int, index: np.ndarray) -> np.ndarray:
    """x[.., index[.., e, ..], ..] along dim, 0 where an index is outside; all axes but dim agree. index int64."""
    if not _alike(x.shape, index.shape, dim):
        raise ValueError(f"gather: index {index.shape} and x {x.shape} differ beside dim {dim}")
    dim %= x.ndim
    D, E = x.shape[dim], index.shape[dim]
    outer, K = _lengths(x, dim)
    y = np.empty(index.shape, x.dtype)
    if not y.size:
        return y
    step = max(1, GATE // K)
    args = np.ascontiguousarray(x).reshape(-1), np.ascontiguousarray(index).reshape(-1), y.reshape(-1), D, E, K, step
    tasks = outer * -(-E // step)
    run(_gather_rows, x.dtype, tasks, y.size >= GATE, *args)
    return y


def scatter_add(out: np.ndarray, dim: int, index: np.ndarray, src: np.ndarray) -> None:
    """out[.., index[.., e, ..], ..] += src[.., e, ..] along dim, in place; all axes but dim agree.

    out is C-contiguous, index (int64) and src have one shape.
    """
    if not out.flags.c_contiguous:
        raise ValueError(f"scatter_add: out has strides {out.strides}; it must be C-contiguous, so pass a copy")
    if index.shape != src.shape or not _alike(out.shape, src.shape, dim):
        raise ValueError(f"scatter_add: index {index.shape}, src {src.shape}, out {out.shape} differ beside dim {dim}")
    dim %= out.ndim
    D, E = out.shape[dim], src.shape[dim]
    outer, K = _lengths(out, dim)
    if not src.size:
        return
    step = max(64, -(-K * outer // PIECES))
    flat = out.reshape(-1), np.ascontiguousarray(index).reshape(-1), np.ascontiguousarray(src).reshape(-1)
    tasks = outer * -(-K // step)
    run(_scatter_strips, out.dtype, tasks, src.size >= GATE, *flat, D, E, K, step)


def placed(g: np.ndarray, dim: int, index: np.ndarray, n: int) -> np.ndarray:
    """Zeros with `n` elements along `dim`, where g and index have one: each element of g stands at the place its index says.

    g, C-contiguous, is float32, float64 or int64, index int64.
    """
    shape = (*g.shape[:dim], n, *g.shape[dim + 1 :])
    out, K = np.empty(shape, g.dtype), prod(shape[dim + 1 :])
    A, step = g.size // max(K, 1), max(1, (1 << 13) // max(n * K, 1))
    arrays = flat(g)[0], flat(np.ascontiguousarray(index))[0], out.reshape(-1)
    run(_place, g.dtype, -(-A // step), out.size >= GATE, *arrays, A, n, K, step)
    return out
