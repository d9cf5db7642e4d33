"""Additive attention: scores by a small network of tanh, their softmax over the places, the mean of the values there.

Letters: B sequences, S places, W width of the network, V width of a value. `sizes`: S, W, V, and how far apart the
sequences and the places of the keys and of the values are, for an encoder leaves either the one or the other first; all
else is flat and C-contiguous. A task is one sequence, so the bits do not depend on the number of threads.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy import ndarray

from .attention import _exponentials, _scaled, _top
from .compile import kernel
from .functions import vector_tanh
from .rows import dot
from .simd import LANES, broadcast, fma, load_first, store_first, total
from .threads import run
from .view import part

GATE = 1 << 13  # elements of the keys below which a parallel launch costs more than it saves


@kernel
def look(sizes, b, query, q, keys, values, weight, mask, hidden, h, weights, a, context, c):
    """One query, from q on, at the places of sequence b: its hidden units from h on, its weights from a, its mean from c."""
    S, W, V, lanes = sizes[0], sizes[1], sizes[2], LANES * 4 // keys.itemsize
    one, least, zero = hidden.dtype.type(1), hidden.dtype.type(-np.inf), broadcast(keys, 0.0)
    shares = part(weights, a, a + S)
    for s in range(S):
        k, score = b * sizes[3] + s * sizes[4], zero
        for i in range(0, W, lanes):
            n = W - i
            y = vector_tanh(load_first(keys, k + i, n) + load_first(query, q + i, n))
            store_first(hidden, h + s * W + i, y, n)
            score = fma(y, load_first(weight, i, n), score)
        shares[s] = total(score) if not mask.size or mask[b * S + s] else least
    _scaled(shares, one / _exponentials(shares, _top(shares, least)), shares)
    for j in range(0, V, lanes):
        mean, v = zero, b * sizes[5] + j
        for s in range(S):
            mean = fma(broadcast(weights, shares[s]), load_first(values, v + s * sizes[6], V - j), mean)
        store_first(context, c + j, mean, V - j)


@kernel
def look_back(
    sizes, b, gc, c, gw, values, weight, mask, hidden, h, weights, a, work, dquery, q, dkeys, dvalues, dweight, more
):
    """The gradients of `look` from those of its mean, gc from c on, and of its weights, gw from a on; gc and gw may be
    empty. work (B, S). more: add to dkeys, dvalues and dweight (B, W), of which sequence b's parts change."""
    S, W, V, lanes = sizes[0], sizes[1], sizes[2], LANES * 4 // hidden.itemsize
    nothing, zero, one = hidden.dtype.type(0), broadcast(hidden, 0.0), broadcast(hidden, 1.0)
    shares, d = part(weights, a, a + S), part(work, b * S, b * S + S)
    for s in range(S):
        v, slope = b * sizes[5] + s * sizes[6], zero
        if gc.size:
            share = broadcast(weights, shares[s])
            for j in range(0, V, lanes):
                n = V - j
                g, old = load_first(gc, c + j, n), load_first(dvalues, v + j, n) if more else zero
                slope = fma(g, load_first(values, v + j, n), slope)
                store_first(dvalues, v + j, fma(share, g, old), n)
        d[s] = total(slope)
        if gw.size:
            d[s] += gw[a + s]
    inner = dot(shares, d)
    for s in range(S):
        d[s] = shares[s] * (d[s] - inner) if not mask.size or mask[b * S + s] else nothing
    for i in range(0, W, lanes):
        n, dq, w = W - i, zero, load_first(weight, i, W - i)
        dw = load_first(dweight, b * W + i, n) if more else zero
        for s in range(S):
            factor, y = broadcast(hidden, d[s]), load_first(hidden, h + s * W + i, n)
            x, k = factor * w * (one - y * y), b * sizes[3] + s * sizes[4] + i
            store_first(dkeys, k, load_first(dkeys, k, n) + x if more else x, n)
            dq = dq + x
            dw = fma(factor, y, dw)
        store_first(dquery, q + i, dq, n)
        store_first(dweight, b * W + i, dw, n)


@kernel
def additive_forward(first, last, sizes, query, keys, values, weight, mask, hidden, weights, context):
    """hidden (B, S, W) = tanh(keys + query), weights (B, S) = softmax of hidden . weight, context (B, V) the mean."""
    S, W, V = sizes[0], sizes[1], sizes[2]
    for b in range(first, last):
        look(sizes, b, query, b * W, keys, values, weight, mask, hidden, b * S * W, weights, b * S, context, b * V)


@kernel
def additive_backward(
    first, last, sizes, gc, gw, values, weight, mask, hidden, weights, work, dquery, dkeys, dvalues, dweight
):
    """Gradients from those of context, gc (B, V), and of the weights, gw (B, S), either of which may be empty.

    dkeys and dvalues lie as keys and values do; dweight (B, W): the part of each sequence. work (B, S).
    """
    S, W, V = sizes[0], sizes[1], sizes[2]
    for b in range(first, last):
        look_back(
            sizes, b, gc, b * V, gw, values, weight, mask, hidden, b * S * W, weights, b * S, work, dquery, b * W, dkeys,
            dvalues, dweight, False,
        )  # fmt: skip


@lru_cache(256)
def numbers(*sizes: int) -> ndarray:
    return np.array(sizes, np.int64)


NO_MASK = np.zeros(0, np.bool_)


def flat(x: ndarray) -> tuple[ndarray, int, int]:
    """x (B, S, W) flat, and how far apart in it the sequences and the places are."""
    B, S, W = x.shape
    if x.flags.carray:
        return x.reshape(-1), S * W, W
    first = x.transpose(1, 0, 2)
    if first.flags.carray:
        return first.reshape(-1), W, B * W
    return np.array(x, order="C").reshape(-1), S * W, W


def like(x: ndarray, steps: list[int]) -> ndarray:
    """Memory for the gradient of x (B, S, W), in the order that `_flat` found."""
    B, S, W = x.shape
    return np.empty((B, S, W), x.dtype) if steps[1] == W else np.empty((S, B, W), x.dtype).transpose(1, 0, 2)


def line(x: ndarray, ndim: int = 1) -> ndarray:
    """x C-contiguous and writeable, which numba would else compile every kernel once more for; flat, or of ndim 2."""
    x = x if x.flags.carray else np.array(x, order="C")
    return x.reshape(-1) if ndim == 1 else x


def forward(
    query: ndarray, keys: ndarray, values: ndarray, weight: ndarray, mask: ndarray | None
) -> tuple[ndarray, ndarray, ndarray]:
    """The context (B, V), the weights (B, S), and tanh(keys + query) (B, S, W) for `backward`.

    query (B, W), keys (B, S, W), values (B, S, V), weight (1, W) of one dtype, float32 or float64, S at least 1; mask
    (B, S) of bools or None. Shapes are the caller's to check.
    """
    (B, S, W), V, dtype = keys.shape, values.shape[2], keys.dtype
    (k, *key_steps), (v, *value_steps) = flat(keys), flat(values)
    hidden, weights, context = np.empty((B, S, W), dtype), np.empty((B, S), dtype), np.empty((B, V), dtype)
    seen = NO_MASK if mask is None else line(mask)
    sizes = numbers(S, W, V, *key_steps, *value_steps)
    flats = line(query), k, v, line(weight), seen, hidden.reshape(-1), weights.reshape(-1), context.reshape(-1)
    run(additive_forward, dtype, B, keys.size > GATE, sizes, *flats)
    return context, weights, hidden


def backward(
    g_context: ndarray | None,
    g_weights: ndarray | None,
    keys: ndarray,
    values: ndarray,
    weight: ndarray,
    mask: ndarray | None,
    weights: ndarray,
    hidden: ndarray,
) -> tuple[ndarray, ndarray, ndarray | None, ndarray]:
    """The gradients of query, keys, values (None for zero) and weight, from those of context and weights (None: zero)."""
    (B, S, W), V, dtype = keys.shape, values.shape[2], keys.dtype
    (_, *key_steps), (v, *value_steps) = flat(keys), flat(values)
    dquery, dkeys, dweight = np.empty((B, W), dtype), like(keys, key_steps), np.empty((B, W), dtype)
    dvalues, nothing = None if g_context is None else like(values, value_steps), np.empty(0, dtype)
    gradients = [nothing if g is None else line(g) for g in (g_context, g_weights)]
    seen = NO_MASK if mask is None else line(mask)
    out = [nothing if d is None else flat(d)[0] for d in (dkeys, dvalues)]
    work = np.empty(B * S, dtype)
    read = v, line(weight), seen, hidden.reshape(-1), weights.reshape(-1), work
    sizes = numbers(S, W, V, *key_steps, *value_steps)
    run(
        additive_backward,
        dtype,
        B,
        keys.size > GATE,
        sizes,
        *gradients,
        *read,
        dquery.reshape(-1),
        *out,
        dweight.reshape(-1),
    )
    return dquery, dkeys, dvalues, np.add.reduce(dweight, 0, keepdims=True)
