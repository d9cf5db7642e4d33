"""An LSTM that at each step looks back at what was read: additive attention and the cell in turn, over all steps.

Sequences do not mix, so a task is a few of them over all steps, as in `recurrent`; the weights' gradients are products
made afterwards.

Letters: B sequences, T steps, S places, W width of the score's network, V width of a value, H units, N = 4 H. `sizes`: the
seven numbers of `additive`, then T, B, H, the sequences of a task. All arrays of steps have the sequence first: (B, T, *);
states and cells (B, T + 1, H) begin with the initial ones.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy import ndarray

from .additive import NO_MASK, flat, like, line, look, look_back, numbers
from .compile import kernel
from .gemm import matmul
from .recurrent import CHUNK, FEW, _add, _packed, _times, lstm_gates, lstm_slopes
from .simd import FROM_C, FROM_ZERO
from .threads import run
from .view import part

GATE = 1 << 15  # multiplications below which a parallel launch costs more than it saves


@kernel
def decoder_forward(
    first, last, sizes, P, wc, wh, keys, values, weight, mask, states, cells, contexts, weights, gates, tanhs, hidden,
    queries,
):  # fmt: skip
    """gates (B, T, N): on entry the input's part, then i, f, g, o. P: the weights of the query, from wc on those of the
    context, from wh on those of the state, packed. queries (B, W) are of one step; hidden (B, T, S, W)."""
    S, W, V, T, B, H, chunk = sizes[0], sizes[1], sizes[2], sizes[7], sizes[8], sizes[9], sizes[10]
    N, none = 4 * H, -np.inf
    for task in range(first, last):
        b0 = task * chunk
        m = min(chunk, B - b0)
        for t in range(T):
            s, g = (b0 * (T + 1) + t) * H, (b0 * T + t) * N
            _times(states, s, (T + 1) * H, H, P, 0, W, queries, b0 * W, W, FROM_ZERO, P, 0, none, m)
            for b in range(b0, b0 + m):
                at = b * T + t
                look(
                    sizes, b, queries, b * W, keys, values, weight, mask, hidden, at * S * W, weights, at * S, contexts,
                    at * V,
                )  # fmt: skip
            _times(contexts, (b0 * T + t) * V, T * V, V, P, wc, N, gates, g, T * N, FROM_C, P, 0, none, m)
            _times(states, s, (T + 1) * H, H, P, wh, N, gates, g, T * N, FROM_C, P, 0, none, m)
            for b in range(b0, b0 + m):
                at, c = b * T + t, (b * (T + 1) + t) * H
                lstm_gates(H, gates, at * N, cells, c, c + H, tanhs, at * H, states, c + H)


@kernel
def decoder_backward(
    first, last, sizes, P, wc, wh, gs, gc, gw, values, weight, mask, cells, weights, gates, tanhs, hidden, work, dcontext,
    dgates, dqueries, dh, dc, dkeys, dvalues, dweight,
):  # fmt: skip
    """dgates (B, T, N) and dqueries (B, T, W) from gs (B, T, H), gc (B, T, V) and gw (B, T, S), each of which may be
    empty; added to: dkeys, dvalues, dweight (B, W); dh and dc (B, H): zeros on entry, then the initial state's gradients.
    work (B, S) and dcontext (B, V) are of one step."""
    S, W, V, T, B, H, chunk = sizes[0], sizes[1], sizes[2], sizes[7], sizes[8], sizes[9], sizes[10]
    N, none = 4 * H, -np.inf
    for task in range(first, last):
        b0 = task * chunk
        m = min(chunk, B - b0)
        for t in range(T - 1, -1, -1):
            for b in range(b0, b0 + m):
                at, c = b * T + t, (b * (T + 1) + t) * H
                if gs.size:
                    _add(part(gs, at * H, at * H + H), part(dh, b * H, b * H + H))
                lstm_slopes(H, dh, b * H, gates, at * N, cells, c, tanhs, at * H, dc, dgates)
            g = (b0 * T + t) * N
            _times(dgates, g, T * N, N, P, wc, V, dcontext, b0 * V, V, FROM_ZERO, P, 0, none, m)
            _times(dgates, g, T * N, N, P, wh, H, dh, b0 * H, H, FROM_ZERO, P, 0, none, m)
            for b in range(b0, b0 + m):
                at = b * T + t
                if gc.size:
                    _add(part(gc, at * V, at * V + V), part(dcontext, b * V, b * V + V))
                look_back(
                    sizes, b, dcontext, b * V, gw, values, weight, mask, hidden, at * S * W, weights, at * S, work,
                    dqueries, at * W, dkeys, dvalues, dweight, True,
                )  # fmt: skip
            _times(dqueries, (b0 * T + t) * W, T * W, W, P, 0, H, dh, b0 * H, H, FROM_C, P, 0, none, m)


class Saved(NamedTuple):
    """What the backward reads: states and cells (B, T + 1, H), gates (B, T, N), their tanh (B, T, H), and the hidden
    units of the scores (B, T, S, W)."""

    states: ndarray
    cells: ndarray
    gates: ndarray
    tanhs: ndarray
    hidden: ndarray


def _sizes(keys: ndarray, values: ndarray, T: int, H: int) -> tuple[list[ndarray], list[int], list[int], ndarray, int]:
    """Keys and values flat, their steps, the kernels' numbers, and how many tasks."""
    (B, S, W), V = keys.shape, values.shape[2]
    (k, *key_steps), (v, *value_steps) = flat(keys), flat(values)
    chunk = min(CHUNK, max(1, -(-B // (2 * FEW))) * FEW)
    return [k, v], key_steps, value_steps, numbers(S, W, V, *key_steps, *value_steps, T, B, H, chunk), -(-B // chunk)


def forward(
    inner: ndarray,
    keys: ndarray,
    values: ndarray,
    weights: tuple[ndarray, ndarray, ndarray, ndarray],
    initial: tuple[ndarray | None, ndarray | None],
    mask: ndarray | None,
    T: int,
) -> tuple[ndarray, ndarray, ndarray, Saved]:
    """States (B, T, H), contexts (B, T, V) and weights (B, T, S), and what `backward` needs.

    inner: the input's part of the gates, broadcast to (B, T, N); keys (B, S, W), values (B, S, V); weights: of the query
    (W, H), of the score (1, W), of the context (N, V), of the state (N, H); initial: h and c (B, H), None for zeros; mask
    (B, S) of bools or None. One dtype, nothing empty but B; shapes are the caller's to check.
    """
    query, score, context, hh = weights
    (B, S, W), V, (N, H), dtype = keys.shape, values.shape[2], hh.shape, keys.dtype
    read, _, _, sizes, tasks = _sizes(keys, values, T, H)
    gates = np.empty((B, T, N), dtype)
    gates[...] = inner
    states, cells = np.empty((B, T + 1, H), dtype), np.empty((B, T + 1, H), dtype)
    for array, first in zip((states, cells), initial, strict=True):
        array[:, 0] = 0 if first is None else first
    contexts, looks, tanhs = np.empty((B, T, V), dtype), np.empty((B, T, S), dtype), np.empty((B, T, H), dtype)
    hidden, queries = np.empty((B, T, S, W), dtype), np.empty((B, W), dtype)
    P, (_, wc, wh) = _packed("decoder W", line(query, 2).T, line(context, 2).T, line(hh, 2).T)
    seen = NO_MASK if mask is None else line(mask)
    out = [a.reshape(-1) for a in (states, cells, contexts, looks, gates, tanhs, hidden, queries)]
    run(decoder_forward, dtype, tasks, gates.size * H > GATE, sizes, P, wc, wh, *read, line(score), seen, *out)
    return states[:, 1:], contexts, looks, Saved(states, cells, gates, tanhs, hidden)


def backward(
    g: tuple[ndarray | None, ndarray | None, ndarray | None],
    keys: ndarray,
    values: ndarray,
    weights: tuple[ndarray, ndarray, ndarray, ndarray],
    mask: ndarray | None,
    contexts: ndarray,
    looks: ndarray,
    saved: Saved,
) -> list[ndarray]:
    """The gradients of inner (B, T, N), keys, values, the four weights, h and c from those of `forward`'s results, None
    for zero."""
    query, score, context, hh = weights
    states, cells, gates, tanhs, hidden = saved
    (B, S, W), V, (N, H), T, dtype = keys.shape, values.shape[2], hh.shape, gates.shape[1], keys.dtype
    (_, v), key_steps, value_steps, sizes, tasks = _sizes(keys, values, T, H)
    given = [np.empty(0, dtype) if part is None else line(part) for part in g]
    dgates, dqueries, dh, dc = (np.empty((B, T, N), dtype), np.empty((B, T, W), dtype), *np.zeros((2, B, H), dtype))
    dkeys, dvalues, dscore = like(keys, key_steps), like(values, value_steps), np.zeros((B, W), dtype)
    dkeys[...], dvalues[...] = 0, 0
    P, (_, wc, wh) = _packed("decoder W", line(query, 2), line(context, 2), line(hh, 2))
    seen = NO_MASK if mask is None else line(mask)
    read = [a.reshape(-1) for a in (cells, looks, gates, tanhs, hidden)]
    work = np.empty(B * S, dtype), np.empty(B * V, dtype)
    out = [dgates.reshape(-1), dqueries.reshape(-1), dh.reshape(-1), dc.reshape(-1), flat(dkeys)[0], flat(dvalues)[0]]
    args = sizes, P, wc, wh, *given, v, line(score), seen, *read, *work, *out, dscore.reshape(-1)
    run(decoder_backward, dtype, tasks, gates.size * H > GATE, *args)
    before, of_gates = states[:, :-1].reshape(B * T, H), dgates.reshape(B * T, N).T
    return [
        dgates, dkeys, dvalues, matmul(dqueries.reshape(B * T, W).T, before), np.add.reduce(dscore, 0, keepdims=True),
        matmul(of_gates, contexts.reshape(B * T, V)), matmul(of_gates, before), dh, dc,
    ]  # fmt: skip
