"""The larger of each two neighbours, and what belongs to it: max pooling of windows of two, without places kept."""

from __future__ import annotations

from typing import Any

import numpy as np

from .compile import kernel
from .threads import run

GATE = 1 << 15  # elements of the pairs below which a parallel launch costs more than it saves
STEP = 1 << 13  # pairs a task

# x (n, 2): the pairs; y (n,). Of equal values the first counts, of NaNs the last.


@kernel
def _larger(first, last, x, y):
    pairs, out = x[first * STEP : last * STEP], y[first * STEP : last * STEP]
    for i in range(out.size):
        a, b = pairs[i, 0], pairs[i, 1]
        out[i] = b if b > a or b != b else a


@kernel
def _spread(first, last, g, x, gx):
    """gx (n, 2): g where the larger value stands, else 0."""
    begin, end = first * STEP, last * STEP
    pairs, slopes, out = x[begin:end], g[begin:end], gx[begin:end]
    zero = gx.dtype.type(0)
    for i in range(slopes.size):
        a, b, slope = pairs[i, 0], pairs[i, 1], slopes[i]
        second = b > a or b != b
        out[i, 0] = zero if second else slope
        out[i, 1] = slope if second else zero


@kernel
def _pick(first, last, v, x, y):
    """y: of each pair of v the value that stands where the larger one of x does."""
    begin, end = first * STEP, last * STEP
    pairs, values, out = x[begin:end], v[begin:end], y[begin:end]
    for i in range(out.size):
        a, b = pairs[i, 0], pairs[i, 1]
        out[i] = values[i, 1] if b > a or b != b else values[i, 0]


def _plain(a: np.ndarray, *shape: int) -> np.ndarray:
    a = np.ascontiguousarray(a)
    return (a if a.flags.writeable else a.copy()).reshape(shape)


def _run(function: Any, x: np.ndarray, *arrays: np.ndarray) -> None:
    run(function, x.dtype, -(-(x.size // 2) // STEP), x.size >= GATE, *arrays)


def _halved(x: np.ndarray) -> tuple[int, ...]:
    if not x.ndim or x.shape[-1] % 2:
        raise ValueError(f"halves: an array of shape {x.shape} has no pairs along its last axis")
    return (*x.shape[:-1], x.shape[-1] // 2)


def larger(x: np.ndarray) -> np.ndarray:
    """The larger of each two neighbours along the last axis of x, whose length is even."""
    y = np.empty(_halved(x), x.dtype)
    _run(_larger, x, _plain(x, -1, 2), y.reshape(-1))
    return y


def spread(g: np.ndarray, x: np.ndarray) -> np.ndarray:
    """The adjoint: g where the larger of two neighbours of x stands, else 0."""
    if g.shape != _halved(x):
        raise ValueError(f"halves: gradients {g.shape} of pairs in {x.shape}")
    gx = np.empty(x.shape, x.dtype)
    _run(_spread, x, _plain(g.astype(x.dtype, copy=False), -1), _plain(x, -1, 2), gx.reshape(-1, 2))
    return gx


def pick(v: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Of each two neighbours of v that which stands where the larger one of x does; of one shape."""
    y = np.empty(_halved(x), x.dtype)
    if v.shape != x.shape:
        raise ValueError(f"halves: values {v.shape} beside pairs in {x.shape}")
    _run(_pick, x, _plain(v.astype(x.dtype, copy=False), -1, 2), _plain(x, -1, 2), y.reshape(-1))
    return y
