"""Pictures read at points: sums of a few weighted pixels a point, and the two adjoints."""

from __future__ import annotations

import numpy as np

from .buffer import flat
from .compile import kernel
from .order import moved, planes
from .simd import LANES, broadcast, fma, load_first, store_first, total
from .threads import run

GATE = 1 << 14  # values of a result below which starting threads costs more than they save
STEP = 256  # points a task

# N pictures of P pixels with C channels, channels-last: x (N, P, C); Q points a picture: y and g (N, Q, C). Each point has
# K pixels: index (K, N, Q) int64, below 0 for none, and their weights w (K, N, Q). All flat.


@kernel
def _read(first, last, x, w, index, y, N, K, P, Q, C):
    """Points of tasks first..last: y[q] is the sum over k of w[k, q] x[index[k, q]]."""
    strips = (Q + STEP - 1) // STEP
    for t in range(first, last):
        n, start = t // strips, t % strips * STEP
        for q in range(n * Q + start, n * Q + min(Q, start + STEP)):
            for c in range(0, C, LANES * 4 // x.itemsize):
                s = broadcast(x, 0)
                for k in range(K):
                    at = index[k * N * Q + q]
                    if at >= 0:
                        s = fma(broadcast(x, w[k * N * Q + q]), load_first(x, (n * P + at) * C + c, C - c), s)
                store_first(y, q * C + c, s, C - c)


@kernel
def _spread(first, last, g, w, index, x, N, K, P, Q, C):
    """The adjoint in x, zeros at first, of pictures first..last."""
    for n in range(first, last):
        for q in range(n * Q, (n + 1) * Q):
            for k in range(K):
                at = index[k * N * Q + q]
                if at >= 0:
                    weight = broadcast(x, w[k * N * Q + q])
                    for c in range(0, C, LANES * 4 // x.itemsize):
                        i = (n * P + at) * C + c
                        v = fma(weight, load_first(g, q * C + c, C - c), load_first(x, i, C - c))
                        store_first(x, i, v, C - c)


@kernel
def _match(first, last, g, x, index, w, N, K, P, Q, C):
    """The adjoint in w of tasks first..last: w[k, q] is the product of g[q] and x[index[k, q]]."""
    strips = (Q + STEP - 1) // STEP
    for t in range(first, last):
        n, start = t // strips, t % strips * STEP
        for q in range(n * Q + start, n * Q + min(Q, start + STEP)):
            for k in range(K):
                at, s = index[k * N * Q + q], broadcast(x, 0)
                if at >= 0:
                    for c in range(0, C, LANES * 4 // x.itemsize):
                        s = fma(load_first(g, q * C + c, C - c), load_first(x, (n * P + at) * C + c, C - c), s)
                w[k * N * Q + q] = total(s)


def _last(x: np.ndarray) -> np.ndarray:
    """(N, C, P) as (N, P, C) in C order."""
    return moved(x) if planes(x) else np.ascontiguousarray(x.transpose(0, 2, 1))


def _flat(x: np.ndarray) -> np.ndarray:
    return flat(np.ascontiguousarray(x))[0]


def read(x: np.ndarray, w: np.ndarray, index: np.ndarray) -> np.ndarray:
    """x (N, C, P) at index (K, N, Q), weighted by w (K, N, Q) and summed over K: (N, C, Q), in channels-last memory."""
    last = _last(x)
    (N, P, C), (K, _, Q) = last.shape, index.shape
    y = np.empty((N, Q, C), x.dtype)
    sizes = N, K, P, Q, C
    run(_read, x.dtype, N * -(-Q // STEP), y.size >= GATE, _flat(last), _flat(w), _flat(index), y.reshape(-1), *sizes)
    return y.transpose(0, 2, 1)


def spread(g: np.ndarray, w: np.ndarray, index: np.ndarray, P: int) -> np.ndarray:
    """The adjoint of `read` in x (N, C, P): each weight times g (N, C, Q) added where the index says."""
    last = _last(g)
    (N, Q, C), K = last.shape, len(index)
    x = np.zeros((N, P, C), g.dtype)
    sizes = N, K, P, Q, C
    run(_spread, x.dtype, N, g.size >= GATE, _flat(last), _flat(w), _flat(index), x.reshape(-1), *sizes)
    return x.transpose(0, 2, 1)


def match(g: np.ndarray, x: np.ndarray, index: np.ndarray) -> np.ndarray:
    """The adjoint of `read` in w (K, N, Q): the products over C of g (N, C, Q) and the pixels of x (N, C, P)."""
    g_last, x_last = _last(g), _last(x)
    (N, P, C), (K, _, Q) = x_last.shape, index.shape
    w = np.empty(index.shape, x.dtype)
    sizes = N, K, P, Q, C
    tasks, parallel = N * -(-Q // STEP), K * g.size >= GATE
    run(_match, x.dtype, tasks, parallel, _flat(g_last), _flat(x_last), _flat(index), w.reshape(-1), *sizes)
    return w
