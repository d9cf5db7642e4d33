"""Volumes as images whose channels are the channels of several depths, and the sum that undoes it.

A convolution of volumes is then one of images. With channels last both are copies of whole runs of channels.

Letters: N volumes of D depths, S pixels a depth, C channels in G groups; windows of T depths, d of them a volume.
"""

from __future__ import annotations

import numpy as np

from .compile import kernel
from .conv_simd import clear, copy
from .pool import channels_last
from .simd import LANES, broadcast, load, load_first, store, store_first
from .threads import run

GATE = 1 << 15  # values below which a parallel launch costs more than it saves


@kernel
def _windows(first, last, x, y, D, S, C, G, T, d, stride, dilation, before):
    """y (N d, S, G, T, C / G) from x (N, D, S, C): the windows of images first to last."""
    part = C // G
    for task in range(first, last):
        n, start = task // d, task % d * stride - before
        for s in range(S):
            o = (task * S + s) * T * C
            for t in range(T):
                depth = start + t * dilation
                i = ((n * D + depth) * S + s) * C
                for group in range(G):
                    to = o + (group * T + t) * part
                    if 0 <= depth < D:
                        copy(x, i + group * part, y, to, part)
                    else:
                        clear(y, to, part)


@kernel
def _sums(first, last, g, y, D, S, C, G, T, d, stride, dilation, before):
    """y (N, D, S, C): what `_windows` has copied from each value, added up; depths first to last."""
    part, lanes, starts = C // G, LANES * 4 // g.itemsize, np.empty(T, np.int64)
    for task in range(first, last):
        n, depth, count = task // D, task % D + before, 0
        for t in range(T):  # the windows that reach this depth, and where in them it stands
            ahead = depth - t * dilation
            if ahead >= 0 and ahead % stride == 0 and ahead // stride < d:
                starts[count] = (n * d + ahead // stride) * S * T * C + t * part
                count += 1
        for s in range(S):
            for group in range(G):
                i, o = (s * T * G + group * T) * part, (task * S + s) * C + group * part
                for c in range(0, part - lanes + 1, lanes):
                    total = broadcast(g, 0)
                    for k in range(count):
                        total = total + load(g, starts[k] + i + c)
                    store(y, o + c, total)
                c, rest = part // lanes * lanes, part % lanes
                if rest:
                    total = broadcast(g, 0)
                    for k in range(count):
                        total = total + load_first(g, starts[k] + i + c, rest)
                    store_first(y, o + c, total, rest)


def windows(x: np.ndarray, count: int, size: int, stride: int, dilation: int, before: int, groups: int) -> np.ndarray:
    """x (N, C, D, H, W) as images (N count, C size, H, W), whose channels are group by group those of each depth of a
    window; `before` depths of zeros come first."""
    N, C, D, H, W = x.shape
    y = np.empty((N * count, H, W, C * size), x.dtype)
    if y.size:
        last, out = channels_last(x).reshape(-1), y.reshape(-1)
        numbers = D, H * W, C, groups, size, count, stride, dilation, before
        run(_windows, x.dtype, N * count, y.size >= GATE, last, out, *numbers)
    return y.transpose(0, 3, 1, 2)


def sums(
    g: np.ndarray, shape: tuple[int, ...], count: int, size: int, stride: int, dilation: int, before: int, groups: int
) -> np.ndarray:
    """The adjoint of `windows`, of that shape (N, C, D, H, W)."""
    N, C, D, H, W = shape
    if not g.size:
        return np.zeros(shape, g.dtype)
    y = np.empty((N, D, H, W, C), g.dtype)
    if y.size:
        last, out = channels_last(g).reshape(-1), y.reshape(-1)
        numbers = D, H * W, C, groups, size, count, stride, dilation, before
        run(_sums, g.dtype, N * D, g.size >= GATE, last, out, *numbers)
    return y.transpose(0, 4, 1, 2, 3)
