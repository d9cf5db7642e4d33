"""Linear maps along one axis, a few taps a value: what resizes images."""

from __future__ import annotations

from math import prod

import numpy as np

from .compile import kernel
from .threads import run
from .view import part

GATE = 1 << 14  # elements below which a parallel launch costs more than it saves
STEP = 1 << 13  # elements a task
FEW = 16  # values side by side up to which they are taken one by one

# x (O, S, inner) and y (O, M, inner), flat; index and weight (K, M), flat.


@kernel
def _rows(first, last, x, y, index, weight, K, S, M, inner, step):
    """Rows (o, m) of y, `step` a task: the sum over k of weight[k, m] x[o, index[k, m]], in that order."""
    for r in range(first * step, min(y.size // inner, last * step)):
        o, m = r // M, r % M
        target = part(y, r * inner, (r + 1) * inner)
        for k in range(K):
            i, w = (o * S + index[k * M + m]) * inner, weight[k * M + m]
            source = part(x, i, i + inner)
            if k:
                for j in range(inner):
                    target[j] += source[j] * w
            else:
                for j in range(inner):
                    target[j] = source[j] * w


@kernel
def _along(first, last, x, y, index, weight, K, S, M, inner, step):
    """`_rows` where values along the axis stand side by side, inner being 1: `step` whole lines a task."""
    for o in range(first * step, min(y.size // M, last * step)):
        source, target = part(x, o * S, (o + 1) * S), part(y, o * M, (o + 1) * M)
        for k in range(K):
            at, by = part(index, k * M, (k + 1) * M), part(weight, k * M, (k + 1) * M)
            if k:
                for m in range(M):
                    target[m] += source[at[m]] * by[m]
            else:
                for m in range(M):
                    target[m] = source[at[m]] * by[m]


def resample(x: np.ndarray, axis: int, index: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """y[.., m, ..] = sum over k of weight[m, k] x[.., index[m, k], ..] along an axis; y stands in memory as x does.

    x float32 or float64, weight (M, K) of its dtype, index (M, K) int64 and inside the axis: the caller's to see to.
    """
    order = sorted(range(x.ndim), key=lambda i: -abs(x.strides[i]))
    turned = np.ascontiguousarray(x.transpose(order))
    at = order.index(axis)
    (M, K), S, inner = index.shape, x.shape[axis], prod(turned.shape[at + 1 :])
    y = np.empty((*turned.shape[:at], M, *turned.shape[at + 1 :]), x.dtype)
    if 1 < inner < FEW:  # such short rows are no loop of their own: their values are places along a longer line
        index = (index[:, None] * inner + np.arange(inner)[:, None]).reshape(-1, K)
        weight, M, S, inner = np.repeat(weight, inner, 0), M * inner, S * inner, 1
    if y.size:
        whole, rows = (_rows, y.size // inner) if inner > 1 else (_along, y.size // M)
        step = max(1, STEP * rows // y.size)
        flat = turned.reshape(-1), y.reshape(-1), index.T.ravel(), weight.T.ravel()
        run(whole, x.dtype, -(-rows // step), y.size >= GATE, *flat, K, S, M, inner, step)
    return y.transpose(np.argsort(order))
