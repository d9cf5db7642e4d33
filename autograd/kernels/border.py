"""Borders of zeros, or of an array's own elements (reflect, replicate, circular) and their adjoint: one pass each."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from .buffer import flat
from .compile import kernel
from .conv_simd import clear, copy
from .order import lies_channels_last
from .threads import run
from .view import part

GATE = 1 << 15  # elements below which a parallel launch costs more than it saves


@kernel
def _with_zeros(first, last, x, y, top, left, H, W, P, R, C):
    """Rows first..last of the N P of y (N, P, R, C), in which x (N, H, W, C) begins at row `top` and column `left`."""
    for t in range(first, last):
        n, h, o = t // P, t % P - top, t * R * C
        if 0 <= h < H:
            clear(y, o, left * C)
            copy(x, (n * H + h) * W * C, y, o + left * C, W * C)
            clear(y, o + (left + W) * C, (R - left - W) * C)
        else:
            clear(y, o, R * C)


def with_zeros(
    x: np.ndarray, shape: tuple[int, int, int, int], padding: tuple[tuple[int, int], tuple[int, int]]
) -> np.ndarray:
    """Flat images (N, H, W, C) with rows of zeros above and below and columns left and right: (N, P, R, C)."""
    N, H, W, C = shape
    (top, bottom), (left, right) = padding
    y = np.empty((N, top + H + bottom, left + W + right, C), x.dtype)
    run(_with_zeros, x.dtype, N * y.shape[1], y.size >= GATE, x, y.reshape(-1), top, left, H, W, *y.shape[1:])
    return y


# x (O, D, H, W, K), y (O, P, Q, R, K), flat: D, H, W get borders. Place p, q, r of y repeats place depth[p], line[q],
# column[r] of x; columns `left` to left + W of y are x's own.


@kernel
def _pad(first, last, x, y, depth, line, column, left, D, H, W, K):
    """Planes first..last of all O P."""
    P, Q, R = depth.size, line.size, column.size
    for t in range(first, last):
        o, p = t // P, t % P
        for q in range(Q):
            i, j = ((o * D + depth[p]) * H + line[q]) * W * K, (t * Q + q) * R * K
            source, target = part(x, i, i + W * K), part(y, j, j + R * K)
            inner = part(target, left * K, (left + W) * K)
            for k in range(inner.size):
                inner[k] = source[k]
            for r in range(left):
                for k in range(K):
                    target[r * K + k] = source[column[r] * K + k]
            for r in range(left + W, R):
                for k in range(K):
                    target[r * K + k] = source[column[r] * K + k]


@kernel
def _fold(first, last, y, x, depth, line, column, left, D, H, W, K):
    """Blocks first..last of the O of x: what the places of y hold is added where they come from."""
    P, Q, R = depth.size, line.size, column.size
    for o in range(first, last):
        block = part(x, o * D * H * W * K, (o + 1) * D * H * W * K)
        for k in range(block.size):
            block[k] = 0
        for p in range(P):
            for q in range(Q):
                i, j = (depth[p] * H + line[q]) * W * K, ((o * P + p) * Q + q) * R * K
                target, source = part(block, i, i + W * K), part(y, j, j + R * K)
                inner = part(source, left * K, (left + W) * K)
                for k in range(inner.size):
                    target[k] += inner[k]
                for r in range(left):
                    for k in range(K):
                        target[column[r] * K + k] += source[r * K + k]
                for r in range(left + W, R):
                    for k in range(K):
                        target[column[r] * K + k] += source[r * K + k]


def _ordered(x: np.ndarray, n: int) -> tuple[np.ndarray, bool]:
    """The memory of x in C order, or of (N, C, *space) that stands so channels-last, where space are the last n dims."""
    last = n == x.ndim - 2 and not x.flags.c_contiguous and lies_channels_last(x)
    x = np.ascontiguousarray(np.moveaxis(x, 1, -1) if last else x)
    return x, last


def _sizes(x: np.ndarray, tables: list[np.ndarray], left: int, last: bool) -> tuple[tuple[int, ...], tuple[Any, ...]]:
    """The shape with borders, and the kernels' arguments, for an x without them."""
    n, K = len(tables), x.shape[-1] if last else 1
    space = x.shape[x.ndim - n - last : x.ndim - last]
    shape = (*x.shape[: x.ndim - n - last], *[len(t) for t in tables], *x.shape[x.ndim - last :])
    alone = [np.zeros(1, np.int64)] * (3 - n)
    return shape, (*alone, *tables, left, *(1,) * (3 - n), *space, K)


def pad(x: np.ndarray, tables: list[np.ndarray], left: int) -> np.ndarray:
    """x with borders around its last 1 to 3 dims: place i of such a dim repeats place table[i] of x (int64).

    Of the last dim, places from `left` on are x's own. No size is 0. Channels-last memory stays so.
    """
    x, last = _ordered(x, len(tables))
    shape, arguments = _sizes(x, tables, left, last)
    y = np.empty(shape, x.dtype)
    bits = np.dtype(f"u{x.dtype.itemsize}")  # what the elements are is no matter
    _, line, column, *_, K = arguments
    planes = y.size // (line.size * column.size * K)
    run(_pad, bits, planes, y.size >= GATE, flat(x)[0].view(bits), y.view(bits).reshape(-1), *arguments)
    return np.moveaxis(y, -1, 1) if last else y


def fold(y: np.ndarray, shape: tuple[int, ...], tables: list[np.ndarray], left: int) -> np.ndarray:
    """The adjoint of `pad` for an x of `shape`: each element of x is the sum of those that repeat it."""
    y, last = _ordered(y, len(tables))
    x = np.empty((shape[0], *shape[2:], shape[1]) if last else shape, y.dtype)
    _, arguments = _sizes(x, tables, left, last)
    blocks = x.size // prod(arguments[4:])  # of D H W K elements
    run(_fold, y.dtype, blocks, y.size >= GATE, flat(y)[0], x.reshape(-1), *arguments)
    return np.moveaxis(x, -1, 1) if last else x
