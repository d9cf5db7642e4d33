"""Recurrent layers over whole sequences: tanh and ReLU networks, three forms of GRU, LSTM with an optional projection.

The input's part of all gates is one product made beforehand, the weights' gradients are products made afterwards; the
kernels here walk through time. Where the input's rows are few words that repeat, both products are those of the words:
the kernels add up the gates' gradients word by word. Sequences do not mix, so a task is a few sequences over all steps:
threads never wait for each other, and a sequence's numbers do not depend on how many there are.

Letters: T steps, B sequences, P = sum of the steps' sizes, I inputs, H units, O width of the state (H, or the
projection's), G gates, N = G H. Rows are packed: step 0 of all sequences, then step 1 of those that still run, ...
`states` has B rows more, the initial ones, in front (or behind, for the direction that starts at the end).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy import ndarray

from .buffer import workspace
from .compile import kernel
from .functions import vector_sigmoid, vector_tanh
from .gemm import matmul, pack
from .simd import FROM_BIAS, FROM_C, FROM_ZERO, LANES, NR, broadcast, fma, load_first, outer_tile, store_first
from .threads import run
from .view import part

ROWS, FEW = (8, 4) if LANES == 16 else (6, 3)  # rows of a register tile: a task has few, so more would stand empty
CHUNK = 2 * ROWS  # sequences of a task
GATE = 300_000  # multiplications below which a parallel launch costs more than it saves
RELU, TANH = "RNN_RELU", "RNN_TANH"
GRU, CHO, NOTES, LSTM = "GRU", "GRU_cho", "GRU_notes", "LSTM"
GATES = {RELU: 1, TANH: 1, GRU: 3, CHO: 3, NOTES: 3, LSTM: 4}


@kernel
def _times(A, a0, lda, K, W, w0, N, C, c0, ldc, start, bias, bias0, floor, rows):
    """`rows` rows of C (+)= rows of A times W (K, N), packed in panels."""
    P = NR * LANES * 4 // C.itemsize
    for panel in range((N + P - 1) // P):
        n, w, c, d = min(P, N - panel * P), w0 + panel * P * K, c0 + panel * P, bias0 + panel * P
        for r in range(0, rows, ROWS):
            m, a, to = min(ROWS, rows - r), a0 + r * lda, c + r * ldc
            if m > FEW:
                outer_tile(ROWS, NR, A, a, lda, 1, W, w, P, C, to, ldc, K, start, bias, d, floor, m, n)
            else:
                outer_tile(FEW, NR, A, a, lda, 1, W, w, P, C, to, ldc, K, start, bias, d, floor, m, n)


@kernel
def _step(steps, s, first, chunk, init):
    """Where the rows of a task are at a step: first row, how many, and those of the states before as two runs.

    steps: (first row, size, first row of the states before, how many of them are not initial) of each step.
    """
    row, size, before, kept = steps[4 * s], steps[4 * s + 1], steps[4 * s + 2], steps[4 * s + 3]
    m = min(size - first, chunk)
    k = max(0, min(kept - first, m))
    return row + first, m, before + first, k, init + first


@kernel
def _copy(x, y):
    for i in range(x.size):
        y[i] = x[i]


@kernel
def _hash(x):
    """A number of a row's bits: the sum of its values, each times another odd number, the upper half mixed best."""
    h = 0
    for i in range(x.size):
        h += x[i] * (2 * i + 1) * -7046029254386353131
    return h * -7046029254386353131


@kernel
def _unlike(x, y):
    unlike = x[0] ^ x[0]
    for i in range(x.size):
        unlike |= x[i] ^ y[i]
    return unlike != 0


@kernel
def _distinct(x, width, numbers, first, table):
    """Number the rows of x (P, width), integers, in `numbers` (P,), equal ones alike; first (V,): where each distinct
    one stands first. Returns how many there are; or -1 where more than V. table: a power of two above V, all -1."""
    count, free = 0, table.size - 1
    for p in range(numbers.size):
        row = part(x, p * width, (p + 1) * width)
        slot = (_hash(row) >> 32) & free
        while table[slot] >= 0:
            w = table[slot]
            if not _unlike(row, part(x, first[w] * width, (first[w] + 1) * width)):
                break
            slot = (slot + 1) & free
        if table[slot] < 0:
            if count == first.size:
                return -1
            table[slot], first[count] = count, p
            count += 1
        numbers[p] = table[slot]
    return count


@kernel
def _fill(words, table, N, row, rows, out, o):
    """The input's part of the gates of `rows` rows, from o on: where there is a table (V, N) its rows of their words."""
    if table.size:
        for r in range(rows):
            w = words[row + r] * N
            _copy(part(table, w, w + N), part(out, o + r * N, o + (r + 1) * N))


@kernel
def _add(x, y):
    for i in range(x.size):
        y[i] += x[i]


@kernel
def _relu_slope(g, y, out):
    zero = g.dtype.type(0)
    for i in range(g.size):
        out[i] = zero if y[i] <= zero else g[i]


@kernel
def rnn_forward(first, last, sizes, steps, words, table, W, states, floor):
    """states: on entry the input's part, then a row is tanh of it plus W times the row before, or max(0, ...).

    words, table: where the input's rows are words that repeat, see `_fill`.
    """
    T, H, chunk, shift, init = sizes[0], sizes[1], sizes[3], sizes[4], sizes[5]
    lanes = LANES * 4 // states.itemsize
    for task in range(first, last):
        for s in range(T):
            row, m, before, k, initial = _step(steps, s, task * chunk, chunk, init)
            c = (shift + row) * H
            _fill(words, table, H, row, m, states, c)
            _times(states, before * H, H, H, W, 0, H, states, c, H, FROM_C, W, 0, floor, k)
            _times(states, (initial + k) * H, H, H, W, 0, H, states, c + k * H, H, FROM_C, W, 0, floor, m - k)
            if floor < 0:
                for j in range(c, c + m * H, lanes):
                    n = c + m * H - j
                    store_first(states, j, vector_tanh(load_first(states, j, n)), n)


@kernel
def rnn_backward(first, last, sizes, steps, words, W, states, gy, dgates, dh, db, relu):
    """dgates (P, H) from gy (P, H), which may be empty; dh (B, H) from the last state's gradient to the initial's.

    db (tasks, V, H): the sums of dgates by words (P,), each below V, or where there are none of all rows, V being 1.
    """
    T, H, chunk, shift, init = sizes[0], sizes[1], sizes[3], sizes[4], sizes[5]
    lanes = LANES * 4 // dh.itemsize
    one = broadcast(dh, 1.0)
    for task in range(first, last):
        sums, many = task * sizes[6] * H, words.size > 0
        for s in range(T - 1, -1, -1):
            row, m, _, _, _ = _step(steps, s, task * chunk, chunk, init)
            for r in range(m):
                at, d = (row + r) * H, (task * chunk + r) * H
                w = sums + (words[row + r] * H if many else 0)
                if gy.size:
                    _add(part(gy, at, at + H), part(dh, d, d + H))
                y = at + shift * H
                if relu:
                    _relu_slope(part(dh, d, d + H), part(states, y, y + H), part(dgates, at, at + H))
                else:
                    for j in range(0, H, lanes):
                        h = load_first(states, y + j, H - j)
                        store_first(dgates, at + j, load_first(dh, d + j, H - j) * (one - h * h), H - j)
                _add(part(dgates, at, at + H), part(db, w, w + H))
            _times(dgates, row * H, H, H, W, 0, H, dh, task * chunk * H, H, FROM_ZERO, W, 0, -np.inf, m)


@kernel
def gru_forward(first, last, sizes, steps, words, table, W, wn, bias, states, gates, inner):
    """torch's form. gates (P, 3H): on entry the input's part (see `rnn_forward`); then r, z, n. inner (P, H): W_hn h + b_hn.

    W: the weights of r and z, and from wn on those of n, packed.
    """
    T, H, chunk, shift, init = sizes[0], sizes[1], sizes[3], sizes[4], sizes[5]
    lanes, N = LANES * 4 // states.itemsize, 3 * H
    for task in range(first, last):
        for s in range(T):
            row, m, before, k, initial = _step(steps, s, task * chunk, chunk, init)
            _fill(words, table, N, row, m, gates, row * N)
            for half in range(2):
                h, a, rows = (before, row, k) if half == 0 else (initial + k, row + k, m - k)
                _times(states, h * H, H, H, W, 0, 2 * H, gates, a * N, N, FROM_C, W, 0, -np.inf, rows)
                _times(states, h * H, H, H, W, wn, H, inner, a * H, H, FROM_BIAS, bias, 0, -np.inf, rows)
            for i in range(m):
                r = (row + i) * N
                z, n, y, p, q = r + H, r + 2 * H, (shift + row + i) * H, before + i, (row + i) * H
                if i >= k:
                    p = initial + i
                for j in range(0, H, lanes):
                    c = H - j
                    reset = vector_sigmoid(load_first(gates, r + j, c))
                    keep = vector_sigmoid(load_first(gates, z + j, c))
                    new = vector_tanh(fma(reset, load_first(inner, q + j, c), load_first(gates, n + j, c)))
                    store_first(gates, r + j, reset, c)
                    store_first(gates, z + j, keep, c)
                    store_first(gates, n + j, new, c)
                    store_first(states, y + j, fma(keep, load_first(states, p * H + j, c) - new, new), c)


@kernel
def gru_backward(first, last, sizes, steps, words, W, wn, states, gates, inner, gy, dgates, dh, db):
    """dgates (P, 4H): for r, z, n and W_hn h + b_hn, the last two differing by the factor r. See `rnn_backward`."""
    T, H, chunk, init = sizes[0], sizes[1], sizes[3], sizes[5]
    lanes, N = LANES * 4 // dh.itemsize, 4 * H
    one = broadcast(dh, 1.0)
    for task in range(first, last):
        sums, many = task * sizes[6] * N, words.size > 0
        for s in range(T - 1, -1, -1):
            row, m, before, k, initial = _step(steps, s, task * chunk, chunk, init)
            for i in range(m):
                r, q, p, d = (row + i) * 3 * H, (row + i) * H, before + i, (task * chunk + i) * H
                at = (row + i) * N
                if i >= k:
                    p = initial + i
                if gy.size:
                    _add(part(gy, q, q + H), part(dh, d, d + H))
                for j in range(0, H, lanes):
                    c = H - j
                    g, reset, keep = (
                        load_first(dh, d + j, c),
                        load_first(gates, r + j, c),
                        load_first(gates, r + H + j, c),
                    )
                    new, old = load_first(gates, r + 2 * H + j, c), load_first(states, p * H + j, c)
                    dz = g * (old - new) * keep * (one - keep)
                    dn = g * (one - keep) * (one - new * new)
                    dr = dn * load_first(inner, q + j, c) * reset * (one - reset)
                    store_first(dh, d + j, g * keep, c)
                    store_first(dgates, at + j, dr, c)
                    store_first(dgates, at + H + j, dz, c)
                    store_first(dgates, at + 2 * H + j, dn, c)
                    store_first(dgates, at + 3 * H + j, dn * reset, c)
                w = sums + (words[row + i] * N if many else 0)
                _add(part(dgates, at, at + N), part(db, w, w + N))
            a, to = row * N, task * chunk * H
            _times(dgates, a, N, 2 * H, W, 0, H, dh, to, H, FROM_C, W, 0, -np.inf, m)
            _times(dgates, a + 3 * H, N, H, W, wn, H, dh, to, H, FROM_C, W, 0, -np.inf, m)


@kernel
def gru_before_forward(first, last, sizes, steps, words, table, W, wn, states, gates, inner, squash):
    """Reset before the product: gates r, u and the candidate n; inner (P, H): r h, or r tanh(h) where `squash`."""
    T, H, chunk, shift, init = sizes[0], sizes[1], sizes[3], sizes[4], sizes[5]
    lanes, N = LANES * 4 // states.itemsize, 3 * H
    for task in range(first, last):
        for s in range(T):
            row, m, before, k, initial = _step(steps, s, task * chunk, chunk, init)
            _fill(words, table, N, row, m, gates, row * N)
            for half in range(2):
                h, a, rows = (before, row, k) if half == 0 else (initial + k, row + k, m - k)
                _times(states, h * H, H, H, W, 0, 2 * H, gates, a * N, N, FROM_C, W, 0, -np.inf, rows)
                for i in range(rows):
                    r, p, q = (a + i) * N, (h + i) * H, (a + i) * H
                    for j in range(0, H, lanes):
                        c = H - j
                        reset, through = vector_sigmoid(load_first(gates, r + j, c)), load_first(states, p + j, c)
                        if squash:
                            through = vector_tanh(through)
                        store_first(gates, r + j, reset, c)
                        store_first(inner, q + j, reset * through, c)
            _times(inner, row * H, H, H, W, wn, H, gates, row * N + 2 * H, N, FROM_C, W, 0, -np.inf, m)
            for i in range(m):
                u, y, p = (row + i) * N + H, (shift + row + i) * H, before + i
                if i >= k:
                    p = initial + i
                for j in range(0, H, lanes):
                    c = H - j
                    update = vector_sigmoid(load_first(gates, u + j, c))
                    new, old = vector_tanh(load_first(gates, u + H + j, c)), load_first(states, p * H + j, c)
                    store_first(gates, u + j, update, c)
                    store_first(gates, u + H + j, new, c)
                    store_first(states, y + j, fma(update, new - old, old), c)


@kernel
def gru_before_backward(first, last, sizes, steps, words, W, wn, states, gates, gy, dgates, dh, db, work, squash):
    """dgates (P, 3H) for r, u, n; work (tasks, 2, chunk, H). See `rnn_backward`."""
    T, H, chunk, init = sizes[0], sizes[1], sizes[3], sizes[5]
    lanes, N = LANES * 4 // dh.itemsize, 3 * H
    one = broadcast(dh, 1.0)
    for task in range(first, last):
        sums, many = task * sizes[6] * N, words.size > 0
        ds = task * 2 * chunk * H  # ds: gradient of what the reset gate lets through
        th = ds + chunk * H  # what it lets through, before
        for s in range(T - 1, -1, -1):
            row, m, before, k, initial = _step(steps, s, task * chunk, chunk, init)
            for i in range(m):
                r, q, p, d = (row + i) * N, (row + i) * H, before + i, (task * chunk + i) * H
                if i >= k:
                    p = initial + i
                if gy.size:
                    _add(part(gy, q, q + H), part(dh, d, d + H))
                for j in range(0, H, lanes):
                    c = H - j
                    g, update = load_first(dh, d + j, c), load_first(gates, r + H + j, c)
                    new, old = load_first(gates, r + 2 * H + j, c), load_first(states, p * H + j, c)
                    store_first(work, th + i * H + j, vector_tanh(old) if squash else old, c)
                    store_first(dgates, r + H + j, g * (new - old) * update * (one - update), c)
                    store_first(dgates, r + 2 * H + j, g * update * (one - new * new), c)
                    store_first(dh, d + j, g * (one - update), c)
            _times(dgates, row * N + 2 * H, N, H, W, wn, H, work, ds, H, FROM_ZERO, W, 0, -np.inf, m)
            for i in range(m):
                r, d = (row + i) * N, (task * chunk + i) * H
                for j in range(0, H, lanes):
                    c = H - j
                    reset, through = load_first(gates, r + j, c), load_first(work, th + i * H + j, c)
                    g, slope = load_first(work, ds + i * H + j, c), one
                    if squash:
                        slope = one - through * through
                    store_first(dgates, r + j, g * through * reset * (one - reset), c)
                    store_first(dh, d + j, fma(g * reset, slope, load_first(dh, d + j, c)), c)
                w = sums + (words[row + i] * N if many else 0)
                _add(part(dgates, r, r + N), part(db, w, w + N))
            _times(dgates, row * N, N, 2 * H, W, 0, H, dh, task * chunk * H, H, FROM_C, W, 0, -np.inf, m)


@kernel
def lstm_gates(H, gates, at, cells, before, c, tanhs, q, hidden, y):
    """One row: from the sums of i, f, g, o at `at` the gates, from the cells at `before` those at c, and their tanh and
    the units at q and y."""
    lanes = LANES * 4 // gates.itemsize
    for j in range(0, H, lanes):
        n, g = H - j, at + j
        i, f = vector_sigmoid(load_first(gates, g, n)), vector_sigmoid(load_first(gates, g + H, n))
        x, o = vector_tanh(load_first(gates, g + 2 * H, n)), vector_sigmoid(load_first(gates, g + 3 * H, n))
        cell = fma(i, x, f * load_first(cells, before + j, n))
        t = vector_tanh(cell)
        store_first(gates, g, i, n)
        store_first(gates, g + H, f, n)
        store_first(gates, g + 2 * H, x, n)
        store_first(gates, g + 3 * H, o, n)
        store_first(cells, c + j, cell, n)
        store_first(tanhs, q + j, t, n)
        store_first(hidden, y + j, o * t, n)


@kernel
def lstm_slopes(H, dhidden, d, gates, at, cells, before, tanhs, q, dc, dgates):
    """The gradients of one row of `lstm_gates`: of its sums at `at`, and dc at d, before and after; of the units: dhidden."""
    lanes, one = LANES * 4 // gates.itemsize, broadcast(gates, 1.0)
    for j in range(0, H, lanes):
        n, a = H - j, at + j
        g, i, f = load_first(dhidden, d + j, n), load_first(gates, a, n), load_first(gates, a + H, n)
        c, o = load_first(gates, a + 2 * H, n), load_first(gates, a + 3 * H, n)
        t = load_first(tanhs, q + j, n)
        x = fma(g * o, one - t * t, load_first(dc, d + j, n))
        store_first(dc, d + j, x * f, n)
        di, df = x * c * i * (one - i), x * load_first(cells, before + j, n) * f * (one - f)
        dg, do = x * i * (one - c * c), g * t * o * (one - o)
        store_first(dgates, a, di, n)
        store_first(dgates, a + H, df, n)
        store_first(dgates, a + 2 * H, dg, n)
        store_first(dgates, a + 3 * H, do, n)


@kernel
def lstm_forward(first, last, sizes, steps, words, table, W, wr, states, cells, tanhs, gates, hidden):
    """gates (P, 4H): on entry the input's part (see `rnn_forward`); then i, f, g, o. cells like states; tanhs (P, H).

    hidden: the states, or with a projection (P, H), which W from wr on takes to the states.
    """
    T, H, O, chunk, shift, init = sizes[0], sizes[1], sizes[2], sizes[3], sizes[4], sizes[5]
    N = 4 * H
    for task in range(first, last):
        for s in range(T):
            row, m, before, k, initial = _step(steps, s, task * chunk, chunk, init)
            _fill(words, table, N, row, m, gates, row * N)
            _times(states, before * O, O, O, W, 0, N, gates, row * N, N, FROM_C, W, 0, -np.inf, k)
            a, h = (row + k) * N, (initial + k) * O
            _times(states, h, O, O, W, 0, N, gates, a, N, FROM_C, W, 0, -np.inf, m - k)
            for r in range(m):
                at, q, c, p = (row + r) * N, (row + r) * H, (shift + row + r) * H, before + r
                y = q if O != H else c  # chosen inside the call, its arrays' references would be counted, atomically
                if r >= k:
                    p = initial + r
                lstm_gates(H, gates, at, cells, p * H, c, tanhs, q, hidden, y)
            if O != H:
                y = (shift + row) * O
                _times(hidden, row * H, H, H, W, wr, O, states, y, O, FROM_ZERO, W, 0, -np.inf, m)


@kernel
def lstm_backward(first, last, sizes, steps, words, W, wr, cells, tanhs, gates, gy, dgates, dproj, dh, dc, db, work):
    """dgates (P, 4H); dh (B, O), dc (B, H); with a projection dproj (P, O): gradients of the states, and work.

    W: W_hh, and from wr on W_hr, packed; work (tasks, chunk, H). See `rnn_backward`.
    """
    T, H, O, chunk, init = sizes[0], sizes[1], sizes[2], sizes[3], sizes[5]
    N, units = 4 * H, work if O != H else dh
    for task in range(first, last):
        sums, many = task * sizes[6] * N, words.size > 0
        for s in range(T - 1, -1, -1):
            row, m, before, k, initial = _step(steps, s, task * chunk, chunk, init)
            state = task * chunk * O
            if gy.size:
                for r in range(m):
                    y, d = (row + r) * O, state + r * O
                    _add(part(gy, y, y + O), part(dh, d, d + O))
            if O != H and m > 0:
                _copy(part(dh, state, state + m * O), part(dproj, row * O, (row + m) * O))
                to = task * chunk * H
                _times(dh, state, O, O, W, wr, H, work, to, H, FROM_ZERO, W, 0, -np.inf, m)
            for r in range(m):
                at, q, d, p = (row + r) * N, (row + r) * H, (task * chunk + r) * H, before + r
                if r >= k:
                    p = initial + r
                lstm_slopes(H, units, d, gates, at, cells, p * H, tanhs, q, dc, dgates)
                w = sums + (words[row + r] * N if many else 0)
                _add(part(dgates, at, at + N), part(db, w, w + N))
            _times(dgates, row * N, N, N, W, 0, O, dh, state, O, FROM_ZERO, W, 0, -np.inf, m)


class Saved(NamedTuple):
    """What the backward reads: the states (P + B, O) and, where the kind has them, cells (P + B, H), the gates
    (P, N), and one or two more values a unit (P, H)."""

    states: ndarray
    cells: ndarray
    gates: ndarray
    inner: ndarray
    hidden: ndarray


class _Plan(NamedTuple):
    """A direction's steps as `_step` reads them, the rows of all states before and of the last ones, and the tasks, all
    a function of the batch and the widths alone."""

    numbers: ndarray
    steps: ndarray
    before: Any
    last: Any
    tasks: int
    first: slice
    rows: slice


@lru_cache(256)
def _plan(sizes: tuple[int, ...], reverse: bool, H: int, O: int) -> _Plan:
    n = np.array(sizes, np.int64)
    B, P, T = sizes[0], int(n.sum()), len(sizes)
    rows = np.concatenate([[0], np.cumsum(n)[:-1]])
    shift, init = (0, P) if reverse else (B, 0)
    steps = np.zeros((T, 4), np.int64)
    if reverse:
        steps[:, 0], steps[:, 1] = rows[::-1], n[::-1]
        steps[1:, 2], steps[1:, 3] = rows[:0:-1], n[:0:-1]
    else:
        steps[:, 0], steps[:, 1] = rows, n
        steps[1:, 2], steps[1:, 3] = B + rows[:-1], n[1:]
    before: Any = slice(B, None) if reverse else slice(0, P)
    last: Any = slice(0, B) if reverse else slice(P, P + B)
    if sizes[-1] != B:
        before = np.empty(P, np.int64)
        for row, size, start, kept in steps:
            before[row : row + kept] = np.arange(start, start + kept)
            before[row + kept : row + size] = np.arange(init + kept, init + size)
        if not reverse:
            lengths = (n[:, None] > np.arange(B)).sum(0)
            last = B + rows[lengths - 1] + np.arange(B)
    chunk = min(CHUNK, max(1, -(-B // (2 * FEW))) * FEW)
    tasks = -(-B // chunk)
    if tasks > 2:  # an even number of even tasks: of three, one of two threads would do two
        tasks += tasks % 2
        chunk = -(-B // tasks)
    numbers = np.array([T, H, O, chunk, shift, init, 1], np.int64)
    return _Plan(
        numbers, steps.reshape(-1), before, last, -(-B // chunk), slice(init, init + B), slice(shift, shift + P)
    )


_NO_WORDS = np.zeros(1, np.int64)[:0]
_EMPTY = {np.dtype(kind): np.zeros(1, kind)[:0] for kind in (np.float32, np.float64)}


def _packed(name: str, *matrices: ndarray) -> tuple[ndarray, list[int]]:
    """Matrices (K, N) in panels behind each other, and where each begins."""
    P = NR * LANES * 4 // matrices[0].itemsize
    lengths = [-(-m.shape[1] // P) * P * m.shape[0] for m in matrices]
    out, places, at = workspace(name, sum(lengths), matrices[0].dtype), [], 0
    for m, length in zip(matrices, lengths, strict=True):
        K, N = m.shape
        source = m if m.flags.c_contiguous else m.T  # rows (or columns) of a weight, which is C-contiguous
        xk, xn = (N, 1) if m.flags.c_contiguous else (1, K)
        pack(0, -(-N // P), K, N, source.reshape(-1), 0, xk, xn, P, out[at : at + length])
        places.append(at)
        at += length
    return out, places


def _c(x: ndarray) -> ndarray:
    """C-contiguous and writeable: numba would compile every kernel once more for read-only arrays."""
    return x if x.flags.carray else np.array(x, order="C")


class Words(NamedTuple):
    """The distinct rows of an input: of each row, in the order of time, its number (P,); of each number its first row in
    the input's own order (V,)."""

    numbers: ndarray
    first: ndarray


def distinct(x: ndarray, steps: int, batch_first: bool, H: int) -> Words | None:
    """The distinct rows of x (T, B, I), or (B, T, I) with batch_first, C-contiguous, if they are so few that it pays to
    multiply each once."""
    P, width = x.size // x.shape[-1], x.shape[-1]
    tasks = _plan((P // steps,) * steps, False, H, H).tasks
    most = P // max(4 * tasks, 8)
    if not most:
        return None
    numbers, first = np.empty(P, np.int64), np.empty(most, np.int64)
    table = np.full(1 << (2 * most).bit_length(), -1)
    whole = "i8" if width * x.itemsize % 8 == 0 else f"i{x.itemsize}"
    words = x.reshape(-1, width).view(whole)
    count = _distinct(words.reshape(-1), words.shape[1], numbers, first, table)
    if count < 0:
        return None
    if batch_first:
        numbers = np.ascontiguousarray(numbers.reshape(-1, steps).T).reshape(-1)
    return Words(numbers, first[:count])


def forward(
    kind: str,
    x: ndarray,
    initial: Sequence[ndarray | None],
    weights: Sequence[ndarray | None],
    sizes: tuple[int, ...],
    reverse: bool,
    words: Words | None = None,
) -> tuple[ndarray, ndarray, ndarray, Saved]:
    """The states (P, O), the last h (B, O), the last c (B, H; empty but for LSTM), and what `backward` needs.

    x (P, I): the packed rows, step t has sizes[t], which never rise. initial: h (B, O) and c (B, H) or None for zeros.
    weights: weight_ih (N, I), weight_hh (N, O), bias_ih, bias_hh (N,) or None, weight_hr (O, H) or None. One dtype,
    float32 or float64; shapes are the caller's to check. words: see `distinct`, the rows of x are then in any order.
    """
    weight_ih, weight_hh, bias_ih, bias_hh, weight_hr = weights
    assert weight_ih is not None and weight_hh is not None
    x, weight_ih, weight_hh, dtype = _c(x), _c(weight_ih), _c(weight_hh), x.dtype
    N, O = weight_hh.shape
    H, B, P = N // GATES[kind], sizes[0], len(x)
    plan = _plan(sizes, reverse, H, O)
    numbers, tasks, rows = plan.numbers, plan.tasks, plan.rows

    def stack(first: ndarray | None, width: int) -> ndarray:
        out = np.empty((P + B, width), dtype)
        out[plan.first] = 0 if first is None else first
        return out

    states = stack(initial[0], O)
    empty = _EMPTY[dtype]
    cells = gates = inner = hidden = empty
    bias = bias_ih
    if bias_ih is not None and bias_hh is not None:
        bias = bias_ih + bias_hh
        if kind == GRU:
            bias[2 * H :] = bias_ih[2 * H :]
    gates = states[rows] if kind in (RELU, TANH) else np.empty((P, N), dtype)
    work = P * N * O
    numbered, table = _NO_WORDS, empty
    if words is None:
        matmul(x, weight_ih.T, bias, out=gates)
    else:
        numbered, table = words.numbers, matmul(x[words.first], weight_ih.T, bias).reshape(-1)
    how = numbers, plan.steps, numbered, table
    if kind in (RELU, TANH):
        W, _ = _packed("recurrent W", weight_hh.T)
        floor = dtype.type(0 if kind == RELU else -np.inf)
        run(rnn_forward, dtype, tasks, work > GATE, *how, W, states.reshape(-1), floor)
        gates = empty
    elif kind == LSTM:
        cells, inner = stack(initial[1], H), np.empty((P, H), dtype)
        if weight_hr is None:
            W, wr = _packed("recurrent W", weight_hh.T)[0], 0
        else:
            W, (_, wr) = _packed("recurrent W", weight_hh.T, _c(weight_hr).T)
            hidden = np.empty((P, H), dtype)
        flats = [a.reshape(-1) for a in (states, cells, inner, gates, states if weight_hr is None else hidden)]
        run(lstm_forward, dtype, tasks, work > GATE, *how, W, wr, *flats)
    else:
        inner = np.empty((P, H), dtype)
        W, (_, wn) = _packed("recurrent W", weight_hh[: 2 * H].T, weight_hh[2 * H :].T)
        flats = [a.reshape(-1) for a in (states, gates, inner)]
        if kind == GRU:
            offsets = np.zeros(H, dtype) if bias_hh is None else _c(bias_hh[2 * H :])
            run(gru_forward, dtype, tasks, work > GATE, *how, W, wn, offsets, *flats)
        else:
            run(gru_before_forward, dtype, tasks, work > GATE, *how, W, wn, *flats, kind == NOTES)
    last_c = cells[plan.last].copy() if kind == LSTM else empty
    return states[rows], states[plan.last].copy(), last_c, Saved(states, cells, gates, inner, hidden)


def backward(
    kind: str,
    g: Sequence[ndarray | None],
    x: ndarray,
    weights: Sequence[ndarray | None],
    saved: Saved,
    sizes: tuple[int, ...],
    reverse: bool,
    needs: Sequence[bool],
    words: Words | None = None,
    by_word: bool = False,
    factors: bool = False,
) -> list[Any]:
    """The gradients of x, h, c, weight_ih, weight_hh, bias_ih, bias_hh and weight_hr from those of `forward`'s
    results, None for zero. `needs`: which of the eight are wanted. That of x is in the order of time, or with by_word its
    sums by the words (V, I). factors: in place of the gradients of weight_ih and weight_hh the two whose product a^T b
    each is; for RNN and LSTM, and where words is None."""
    weight_ih, weight_hh, bias_ih, bias_hh, weight_hr = weights
    assert weight_ih is not None and weight_hh is not None
    x, weight_ih, weight_hh, dtype = _c(x), _c(weight_ih), _c(weight_hh), x.dtype
    N, O = weight_hh.shape
    H, B, P = N // GATES[kind], sizes[0], len(x)
    plan = _plan(sizes, reverse, H, O)
    numbers, tasks, chunk = plan.numbers, plan.tasks, int(plan.numbers[3])
    numbered = _NO_WORDS
    if words is not None:
        numbered, numbers = words.numbers, numbers.copy()
        numbers[6] = len(words.first)
    wide = 4 * H if kind == GRU else N  # torch's GRU has one product more
    empty = _EMPTY[dtype]
    gy = empty if g[0] is None else _c(g[0]).reshape(-1)
    dh = np.zeros((B, O), dtype) if g[1] is None else np.array(g[1], dtype, order="C")
    dc = empty
    dgates = workspace("recurrent gates", P * wide, dtype).reshape(P, wide)
    db = np.zeros((tasks, int(numbers[6]), wide), dtype)
    dproj = empty
    states, cells, gates, inner, hidden = saved
    work = P * wide * O
    if kind in (RELU, TANH):
        W, _ = _packed("recurrent W", weight_hh)
        flats = [a.reshape(-1) for a in (states, gy, dgates, dh, db)]
        run(rnn_backward, dtype, tasks, work > GATE, numbers, plan.steps, numbered, W, *flats, kind == RELU)
    elif kind == LSTM:
        dc = np.zeros((B, H), dtype) if g[2] is None else np.array(g[2], dtype, order="C")
        temporary = empty
        if weight_hr is None:
            W, wr = _packed("recurrent W", weight_hh)[0], 0
        else:
            W, (_, wr) = _packed("recurrent W", weight_hh, _c(weight_hr))
            dproj = workspace("recurrent states", P * O, dtype).reshape(P, O)
            temporary = workspace("recurrent work", tasks * chunk * H, dtype)
        flats = [a.reshape(-1) for a in (cells, inner, gates, gy, dgates, dproj, dh, dc, db, temporary)]
        run(lstm_backward, dtype, tasks, work > GATE, numbers, plan.steps, numbered, W, wr, *flats)
    else:
        W, (_, wn) = _packed("recurrent W", weight_hh[: 2 * H], weight_hh[2 * H :])
        if kind == GRU:
            flats = [a.reshape(-1) for a in (states, gates, inner, gy, dgates, dh, db)]
            run(gru_backward, dtype, tasks, work > GATE, numbers, plan.steps, numbered, W, wn, *flats)
        else:
            temporary = workspace("recurrent work", tasks * 2 * chunk * H, dtype)
            flats = [a.reshape(-1) for a in (states, gates, gy, dgates, dh, db, temporary)]
            run(
                gru_before_backward,
                dtype,
                tasks,
                work > GATE,
                numbers,
                plan.steps,
                numbered,
                W,
                wn,
                *flats,
                kind == NOTES,
            )

    of_input = dgates[:, :N]
    sums = np.add.reduce(db, 0)
    bias = np.add.reduce(sums, 0)
    result: list[Any] = [None] * 8
    if factors:
        of_input = of_input.copy()  # the workspace is used again
    if needs[0]:
        result[0] = matmul(sums[:, :N] if by_word else of_input, weight_ih)
    if needs[1]:
        result[1] = dh
    if needs[2]:
        result[2] = dc
    if needs[3]:
        a, b = (of_input, x) if words is None else (sums[:, :N], x[words.first])
        result[3] = (a, b) if factors else matmul(a.T, b)
    if needs[4]:
        before = states[plan.before]
        if kind == LSTM or kind in (RELU, TANH):
            result[4] = (of_input, before) if factors else matmul(of_input.T, before)
        else:
            result[4] = both = np.empty_like(weight_hh)
            matmul(dgates[:, : 2 * H].T, before, out=both[: 2 * H])
            matmul(dgates[:, -H:].T, before if kind == GRU else inner, out=both[2 * H :])
    if needs[5]:
        result[5] = bias[:N]
    if needs[6]:
        result[6] = np.concatenate([bias[: 2 * H], bias[3 * H :]]) if kind == GRU else bias[:N].copy()
    if needs[7]:
        result[7] = matmul(dproj.T, hidden)
    return result
