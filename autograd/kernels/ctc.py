"""Connectionist temporal classification: the loss of every sequence and its gradient in one pass over the alignments.

Graves et al. 2006, https://www.cs.toronto.edu/~graves/icml_2006.pdf, sections 4.1 and 4.2, in logarithms.
"""

from __future__ import annotations

import numpy as np

from .compile import kernel
from .threads import run

# T times, N sequences, C classes; L = 2 S + 1 states: the S labels with a blank before, between and after them.


@kernel
def _add(a, b):
    """log(exp(a) + exp(b))."""
    if a < b:
        a, b = b, a
    return a if b == -np.inf else a + np.log1p(np.exp(b - a))


@kernel
def _sequences(first, last, x, labels, starts, times, sizes, blank, loss, gx):
    """x (T, N, C); all labels in a row, those of n from starts[n]; gx becomes minus each class's expected count."""
    for n in range(first, last):
        T, L = times[n], 2 * sizes[n] + 1
        state = np.full(L, blank, np.int64)
        for s in range(sizes[n]):
            state[2 * s + 1] = labels[starts[n] + s]
        if T == 0:
            loss[n] = 0.0 if L == 1 else np.inf
            continue
        a = np.full((T, L), -np.inf)
        a[0, 0] = x[0, n, blank]
        if L > 1:
            a[0, 1] = x[0, n, state[1]]
        for t in range(1, T):
            for s in range(L):
                v = a[t - 1, s]
                if s > 0:
                    v = _add(v, a[t - 1, s - 1])
                if s > 1 and state[s] != state[s - 2]:
                    v = _add(v, a[t - 1, s - 2])
                a[t, s] = v + x[t, n, state[s]]
        total = a[T - 1, L - 1]
        if L > 1:
            total = _add(total, a[T - 1, L - 2])
        loss[n] = -total
        if total == -np.inf:
            continue
        b = np.full(L, -np.inf)  # log probability of the rest of the sequence, after this time
        b[L - 1] = 0.0
        if L > 1:
            b[L - 2] = 0.0
        c = np.empty(L)
        for t in range(T - 1, -1, -1):
            for s in range(L):
                gx[t, n, state[s]] -= np.exp(a[t, s] + b[s] - total)
            for s in range(L):
                c[s] = b[s] + x[t, n, state[s]]
            for s in range(L):
                v = c[s]
                if s + 1 < L:
                    v = _add(v, c[s + 1])
                if s + 2 < L and state[s + 2] != state[s]:
                    v = _add(v, c[s + 2])
                b[s] = v


def ctc(
    x: np.ndarray, labels: np.ndarray, starts: np.ndarray, times: np.ndarray, sizes: np.ndarray, blank: int
) -> tuple[np.ndarray, np.ndarray]:
    """The losses (N,) of log-probabilities x (T, N, C), infinite where there is no alignment, and their gradients."""
    loss, gx = np.zeros(x.shape[1], x.dtype), np.zeros(x.shape, x.dtype)
    if x.shape[1]:
        run(
            _sequences,
            x.dtype,
            x.shape[1],
            True,
            np.ascontiguousarray(x),
            labels,
            starts,
            times,
            sizes,
            blank,
            loss,
            gx,
        )
    return loss, gx
