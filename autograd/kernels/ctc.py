"""Connectionist temporal classification: the loss of every sequence and its gradient in one pass over the alignments.

Graves et al. 2006, https://www.cs.toronto.edu/~graves/icml_2006.pdf, sections 4.1 and 4.2, in logarithms.
"""

from __future__ import annotations

import numpy as np

from .compile import kernel
from .functions import vector_exp
from .further import vector_logaddexp
from .simd import LANES, broadcast, load, store
from .threads import run

# T times, N sequences, C classes; L = 2 S + 1 states: the S labels with a blank before, between and after them. The states
# are worked on as vectors of float64: their rows are filled up with states that are never reached.


@kernel
def _sequences(first, last, x, labels, starts, times, sizes, blank, loss, gx):
    """x (T, N, C); all labels in a row, those of n from starts[n]; gx, unless it is empty, becomes minus each class's
    expected count."""
    lanes, never = LANES // 2, -np.inf
    for n in range(first, last):
        T, L = times[n], 2 * sizes[n] + 1
        if T == 0:
            loss[n] = 0.0 if L == 1 else np.inf
            continue
        wide = -(-L // lanes) * lanes
        state = np.full(L, blank, np.int64)
        for s in range(sizes[n]):
            state[2 * s + 1] = labels[starts[n] + s]
        skip = np.full(wide + 2, never)  # 0 where a state may be reached from the last but one
        for s in range(2, L):
            if state[s] != state[s - 2]:
                skip[s] = 0.0
        e = np.full(wide, never)  # the log-probabilities of the states at one time
        # a[row + 2 + s]: log-probability of all that has come to state s. One row a time, or two in turn.
        row = wide + 2
        rows = T if gx.size else min(T, 2)
        a = np.full(rows * row, never)
        a[2] = x[0, n, blank]
        if L > 1:
            a[3] = x[0, n, state[1]]
        for t in range(1, T):
            _read(x, t, n, state, e)
            before, now = (t - 1) % rows * row, t % rows * row
            for s in range(0, wide, lanes):
                stay, step = load(a, before + s + 2), load(a, before + s + 1)
                leap = load(a, before + s) + load(skip, s)
                store(a, now + s + 2, vector_logaddexp(vector_logaddexp(stay, step), leap) + load(e, s))
        end = (T - 1) % rows * row + 2 + L - 1
        total = a[end]
        if L > 1:
            total = _add(total, a[end - 1])
        loss[n] = -total
        if total == never or not gx.size:
            continue
        _expected(x, n, T, L, state, skip, e, a, row, total, gx)


@kernel
def _expected(x, n, T, L, state, skip, e, a, row, total, gx):
    """gx of one sequence, from the log-probabilities `a` of all that has come and those, b, of all that is to come."""
    lanes, wide, never = LANES // 2, e.size, -np.inf
    b = np.full(wide, never)
    b[L - 1] = 0.0
    if L > 1:
        b[L - 2] = 0.0
    c, counts, whole = np.full(wide + 2, never), np.empty(wide), broadcast(a, total)
    for t in range(T - 1, -1, -1):
        _read(x, t, n, state, e)
        for s in range(0, wide, lanes):
            after = load(b, s)
            store(counts, s, vector_exp(load(a, t * row + 2 + s) + after - whole))
            store(c, s, after + load(e, s))
        for s in range(L):
            gx[t, n, state[s]] -= counts[s]
        for s in range(0, wide, lanes):
            leap = load(c, s + 2) + load(skip, s + 2)
            store(b, s, vector_logaddexp(vector_logaddexp(load(c, s), load(c, s + 1)), leap))


@kernel
def _read(x, t, n, state, e):
    for s in range(state.size):
        e[s] = x[t, n, state[s]]


@kernel
def _add(a, b):
    """log(exp(a) + exp(b))."""
    if a < b:
        a, b = b, a
    return a if b == -np.inf else a + np.log1p(np.exp(b - a))


def ctc(
    x: np.ndarray, labels: np.ndarray, starts: np.ndarray, times: np.ndarray, sizes: np.ndarray, blank: int,
    gradient: bool = True,
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """The losses (N,) of log-probabilities x (T, N, C), infinite where there is no alignment, and their gradients, which
    are empty without `gradient`."""
    loss, gx = np.zeros(x.shape[1], x.dtype), np.zeros(x.shape if gradient else (0, 0, 0), x.dtype)
    if x.shape[1]:
        x = np.ascontiguousarray(x)
        x = x if x.flags.writeable else x.copy()
        run(_sequences, x.dtype, x.shape[1], True, x, labels, starts, times, sizes, blank, loss, gx)
    return loss, gx
