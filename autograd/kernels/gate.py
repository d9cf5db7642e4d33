"""The gated linear unit, half of an array times the sigmoid of the other half, and its gradient: one pass each.

Dauphin et al., https://arxiv.org/abs/1612.08083.
"""

from __future__ import annotations

from math import prod

import numpy as np

from .buffer import flat
from .compile import kernel
from .functions import vector_sigmoid
from .order import lies_channels_last
from .simd import LANES, broadcast, load_first, store_first
from .threads import run

GATE = 1 << 14  # elements below which a parallel launch costs more than it saves
STEP = 1 << 13  # elements a task

# x and gx (O, 2, K), y and g (O, K), flat; a task is `rows` of the O rows, `width` of the K columns.


@kernel
def _forward(first, last, x, y, O, K, rows, width):
    strips, lanes = (K + width - 1) // width, LANES * 4 // x.itemsize
    for t in range(first, last):
        start = t % strips * width
        stop = min(K, start + width)
        for o in range(t // strips * rows, min(O, (t // strips + 1) * rows)):
            i = 2 * o * K
            for k in range(start, stop, lanes):
                n = stop - k
                v = load_first(x, i + k, n) * vector_sigmoid(load_first(x, i + K + k, n))
                store_first(y, o * K + k, v, n)


@kernel
def _backward(first, last, g, x, gx, O, K, rows, width):
    strips, lanes, one = (K + width - 1) // width, LANES * 4 // x.itemsize, broadcast(x, 1)
    for t in range(first, last):
        start = t % strips * width
        stop = min(K, start + width)
        for o in range(t // strips * rows, min(O, (t // strips + 1) * rows)):
            i = 2 * o * K
            for k in range(start, stop, lanes):
                n = stop - k
                s = vector_sigmoid(load_first(x, i + K + k, n))
                v = load_first(g, o * K + k, n) * s
                store_first(gx, i + k, v, n)
                store_first(gx, i + K + k, v * load_first(x, i + k, n) * (one - s), n)


def _ordered(x: np.ndarray, dim: int) -> tuple[bool, int]:
    """Whether the work is to be done in channels-last memory, where x stands, and which axis `dim` is then."""
    if dim and not x.flags.c_contiguous and lies_channels_last(x):
        return True, x.ndim - 1 if dim == 1 else dim - 1
    return False, dim


def _plain(x: np.ndarray, last: bool) -> np.ndarray:
    return np.ascontiguousarray(np.moveaxis(x, 1, -1) if last else x)


def _run(function, shape, dim, x, *others):  # type: ignore[no-untyped-def]
    O, K = prod(shape[:dim]), prod(shape[dim:]) // 2
    if not O * K:
        return
    rows, width = max(1, STEP // K), min(K, STEP)
    tasks = -(-O // rows) * -(-K // width)
    flats = [flat(a)[0] for a in (x, *others)]
    run(function, x.dtype, tasks, O * K >= GATE, *flats, O, K, rows, width)


def glu(x: np.ndarray, dim: int) -> np.ndarray:
    """The first half of x along `dim`, of even size, times the sigmoid of the second; channels-last stays so."""
    last, axis = _ordered(x, dim)
    x = _plain(x, last)
    y = np.empty((*x.shape[:axis], x.shape[axis] // 2, *x.shape[axis + 1 :]), x.dtype)
    _run(_forward, x.shape, axis, x, y)
    return np.moveaxis(y, -1, 1) if last else y


def glu_backward(g: np.ndarray, x: np.ndarray, dim: int) -> np.ndarray:
    """The gradient of `glu` in x."""
    last, axis = _ordered(x, dim)
    g, x = _plain(g, last), _plain(x, last)
    gx = np.empty(x.shape, x.dtype)
    _run(_backward, x.shape, axis, g, x, gx)
    return np.moveaxis(gx, -1, 1) if last else gx
