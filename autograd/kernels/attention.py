"""Attention block by block: no array of all scores is ever made, so memory grows with the length, not with its square.

Forward: running maximum, sum and weighted values of a block of queries while the keys pass (Dao et al. 2022,
arXiv:2205.14135; Rabe and Staats 2021, arXiv:2112.05682). Backward: the scores are computed again, a key head at a time,
whose gradients one task adds up in order: the same bits on any number of threads.

Letters: N query heads (batch and heads flattened), M key heads (N / M queries share one), L queries, S keys, E width of
a query, V width of a value. `at` (N, 9): where each head begins in its flat array; `steps` (9): from row to row. Their
columns: query, key, value, out, mask, gradient of out, of query, of key, of value.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy import ndarray

from .buffer import aligned, flat
from .compile import kernel
from .elementwise import _mix
from .functions import exp
from .gemm import pack
from .rows import dot
from .simd import FROM_C, FROM_ZERO, LANES, NR, outer_tile
from .threads import run
from .view import part

ROWS, FEW = (8, 4) if LANES == 16 else (6, 3)
QUERIES, KEYS = 8 * ROWS, 128  # a block; KEYS is a whole number of panels
BAND = 8 * QUERIES  # queries of a forward task
GATE = 1 << 18  # multiplications below which a parallel launch costs more than it saves
NO_MASK, BOOLS, FLOATS = range(3)


@kernel
def _product(A, a0, am, ak, K, B, b0, bk, bpanel, N, C, c0, ldc, start, rows):
    """`rows` rows of C (+)= A B for A of any strides and B in panels of contiguous columns, `bpanel` apart."""
    P = NR * LANES * 4 // C.itemsize
    none = C.dtype.type(-np.inf)
    for panel in range((N + P - 1) // P):
        n, b, c = min(P, N - panel * P), b0 + panel * bpanel, c0 + panel * P
        for r in range(0, rows, ROWS):
            m, a, to = min(ROWS, rows - r), a0 + r * am, c + r * ldc
            if m > FEW:
                outer_tile(ROWS, NR, A, a, am, ak, B, b, bk, C, to, ldc, K, start, C, 0, none, m, n)
            else:
                outer_tile(FEW, NR, A, a, am, ak, B, b, bk, C, to, ldc, K, start, C, 0, none, m, n)


@kernel
def _score(s, scale, kind, bools, floats, mask, step, seen):
    """A row of products becomes one of scores: scaled and masked; what lies behind the first `seen` is not taken."""
    least = s.dtype.type(-np.inf)
    if kind == FLOATS:
        for j in range(s.size):
            s[j] = s[j] * scale + floats[mask + j * step]
    else:
        for j in range(s.size):
            s[j] *= scale
        if kind == BOOLS:
            for j in range(s.size):
                if not bools[mask + j * step]:
                    s[j] = least
    for j in range(max(seen, 0), s.size):
        s[j] = least


@kernel(fastmath={"nnan", "nsz"})
def _top(s, top):
    for j in range(s.size):
        top = max(top, s[j])
    return top


@kernel(fastmath={"reassoc", "contract"})
def _exponentials(s, shift):
    """s = exp(s - shift), and their sum."""
    total = s.dtype.type(0)
    for j in range(s.size):
        e = exp(s[j] - shift)
        s[j] = e
        total += e
    return total


@kernel
def _scaled(x, factor):
    for i in range(x.size):
        x[i] *= factor


@kernel
def _drop(s, seed, number, least, factor):
    """Number `number` + j of the stream of `seed` decides about s[j]."""
    zero = s.dtype.type(0)
    for j in range(s.size):
        s[j] *= factor if (_mix(seed, number + np.uint64(j)) >> np.uint64(32)) >= least else zero


@kernel
def _slope(p, dp, inner, scale):
    """dp = the gradient of the products: p (dp - inner) scale."""
    for j in range(p.size):
        dp[j] = p[j] * (dp[j] - inner) * scale


@kernel
def attention_forward(
    first, last, sizes, at, steps, q, k, v, bools, floats, out, lse, scale, seed, least, factor, work, space
):
    """out, and lse (N, L): the log of the sum of a row's exponentials (+inf where nothing may be seen).

    A task is a band of queries of a head; work has `space` elements for each: the keys in panels, a block of scores, of
    values, maxima and sums.
    """
    L, S, E, V, causal, kind, bands = sizes[0], sizes[1], sizes[2], sizes[3], sizes[4], sizes[5], sizes[6]
    P, nothing = NR * LANES * 4 // out.itemsize, out.dtype.type(-np.inf)
    panels = (S + P - 1) // P
    for t in range(first, last):
        n, band = t // bands, t % bands
        packed = part(work, t * space, t * space + panels * P * E)
        scores = t * space + panels * P * E
        values = scores + QUERIES * KEYS
        tops, sums = values + QUERIES * V, values + QUERIES * V + QUERIES
        pack(0, panels, E, S, k, at[n, 1], 1, steps[1], P, packed)
        for i0 in range(band * BAND, min(L, (band + 1) * BAND), QUERIES):
            rows = min(QUERIES, L - i0)
            work[values : values + rows * V] = 0
            work[tops : tops + rows] = nothing
            work[sums : sums + rows] = 0
            for j0 in range(0, min(S, i0 + rows) if causal else S, KEYS):
                keys = min(KEYS, S - j0)
                a = at[n, 0] + i0 * steps[0]
                _product(q, a, steps[0], 1, E, packed, j0 * E, P, P * E, keys, work, scores, KEYS, FROM_ZERO, rows)
                for i in range(rows):
                    s = part(work, scores + i * KEYS, scores + i * KEYS + keys)
                    seen = i0 + i + 1 - j0 if causal else keys
                    _score(
                        s, scale, kind, bools, floats, at[n, 4] + (i0 + i) * steps[4] + j0 * steps[9], steps[9], seen
                    )
                    old = work[tops + i]
                    top = _top(s, old)
                    shift = out.dtype.type(0) if top == nothing else top
                    before = exp(old - shift)
                    work[sums + i] = work[sums + i] * before + _exponentials(s, shift)
                    work[tops + i] = top
                    if least > 0:
                        _drop(s, seed, np.uint64((n * L + i0 + i) * S + j0), least, factor)
                    if before != 1:
                        _scaled(part(work, values + i * V, values + (i + 1) * V), before)
                b = at[n, 2] + j0 * steps[2]
                _product(work, scores, KEYS, 1, keys, v, b, steps[2], P, V, work, values, V, FROM_C, rows)
            for i in range(rows):
                total, y = work[sums + i], at[n, 3] + (i0 + i) * steps[3]
                inverse = out.dtype.type(0) if total == 0 else 1 / total
                for c in range(V):
                    out[y + c] = work[values + i * V + c] * inverse
                lse[n * L + i0 + i] = -nothing if total == 0 else work[tops + i] + np.log(total)


@kernel
def attention_backward(
    first, last, sizes, at, steps, q, k, v, bools, floats, out, lse, g, dq, dk, dv, scale, seed, least, factor, work,
    space,
):  # fmt: skip
    """dq, dk and dv, the last two zero on entry. A task is a key head; work has `space` elements for each: its keys and
    values in panels, and two blocks."""
    L, S, E, V, causal, kind, group = sizes[0], sizes[1], sizes[2], sizes[3], sizes[4], sizes[5], sizes[7]
    P = NR * LANES * 4 // out.itemsize
    panels = (S + P - 1) // P
    for t in range(first, last):
        start = t * space
        values = start + panels * P * E
        scores = values + panels * P * V
        slopes = scores + QUERIES * KEYS
        head = t * group
        pack(0, panels, E, S, k, at[head, 1], 1, steps[1], P, part(work, start, values))
        pack(0, panels, V, S, v, at[head, 2], 1, steps[2], P, part(work, values, scores))
        for n in range(head, head + group):
            for i0 in range(0, L, QUERIES):
                rows = min(QUERIES, L - i0)
                x, go, to = at[n, 0] + i0 * steps[0], at[n, 5] + i0 * steps[5], at[n, 6] + i0 * steps[6]
                for j0 in range(0, min(S, i0 + rows) if causal else S, KEYS):
                    keys, way = min(KEYS, S - j0), FROM_ZERO if j0 == 0 else FROM_C
                    b = start + j0 * E
                    _product(q, x, steps[0], 1, E, work, b, P, P * E, keys, work, scores, KEYS, FROM_ZERO, rows)
                    b = values + j0 * V
                    _product(g, go, steps[5], 1, V, work, b, P, P * V, keys, work, slopes, KEYS, FROM_ZERO, rows)
                    for i in range(rows):
                        s = part(work, scores + i * KEYS, scores + i * KEYS + keys)
                        ds = part(work, slopes + i * KEYS, slopes + i * KEYS + keys)
                        seen = i0 + i + 1 - j0 if causal else keys
                        mask = at[n, 4] + (i0 + i) * steps[4] + j0 * steps[9]
                        _score(s, scale, kind, bools, floats, mask, steps[9], seen)
                        _exponentials(s, lse[n * L + i0 + i])
                        y, gy = at[n, 3] + (i0 + i) * steps[3], go + i * steps[5]
                        inner = dot(part(g, gy, gy + V), part(out, y, y + V))
                        number = np.uint64((n * L + i0 + i) * S + j0)
                        if least > 0:
                            _drop(ds, seed, number, least, factor)
                        _slope(s, ds, inner, scale)
                        if least > 0:
                            _drop(s, seed, number, least, factor)
                    d = at[head, 8] + j0 * steps[8]
                    _product(work, scores, 1, KEYS, rows, g, go, steps[5], P, V, dv, d, steps[8], FROM_C, keys)
                    d = at[head, 7] + j0 * steps[7]
                    _product(work, slopes, 1, KEYS, rows, q, x, steps[0], P, E, dk, d, steps[7], FROM_C, keys)
                    b = at[n, 1] + j0 * steps[1]
                    _product(work, slopes, KEYS, 1, keys, k, b, steps[1], P, E, dq, to, steps[6], way, rows)


class _Head(NamedTuple):
    """An array (*, rows, width) as the kernels read it: flat, where each head begins, and from row to row."""

    data: ndarray
    begins: ndarray
    step: int
    across: int


def _heads(x: ndarray, group: int = 1) -> _Head:
    """`group`: of the last batch dimension, each head stands for so many."""
    data, base, strides = flat(x)
    begins = np.array(base, np.int64)
    for size, stride in zip(x.shape[:-2], strides[:-2], strict=True):
        begins = begins[..., None] + np.arange(size) * stride
    if group > 1:
        begins = np.repeat(begins, group, -1)
    return _Head(data, begins.reshape(-1), strides[-2], strides[-1])


def _rows_dense(x: ndarray) -> ndarray:
    """`x` with the elements of a row side by side."""
    return x if x.strides[-1] == x.itemsize or x.shape[-1] == 1 else np.ascontiguousarray(x)


def _like(x: ndarray, width: int, fill: Any) -> ndarray:
    """A new array of the shape of x but for the last dimension, in x's memory order, where that is dense."""
    shape = (*x.shape[:-1], width)
    order = sorted(range(x.ndim - 1), key=lambda axis: -x.strides[axis])
    return fill([*(shape[axis] for axis in order), width], x.dtype).transpose(*np.argsort(order).tolist(), x.ndim - 1)


class _Call(NamedTuple):
    sizes: ndarray
    mask: ndarray | None
    bools: ndarray
    floats: ndarray
    group: int
    heads: int


def _call(q: ndarray, k: ndarray, v: ndarray, mask: ndarray | None, causal: bool) -> _Call:
    L, E = q.shape[-2:]
    S, V = v.shape[-2:]
    N = int(np.prod(q.shape[:-2], dtype=np.int64))
    group = q.shape[-3] // k.shape[-3] if q.ndim > 2 else 1
    bools, floats, kind = np.zeros(1, np.bool_), np.zeros(1, q.dtype), NO_MASK
    if mask is not None:
        mask = np.broadcast_to(mask, (*q.shape[:-2], L, S))
        kind = BOOLS if mask.dtype == np.bool_ else FLOATS
    return _Call(np.array([L, S, E, V, causal, kind, -(-L // BAND), group], np.int64), mask, bools, floats, group, N)


_NOWHERE = np.zeros(1, np.int64)


def _layout(call: _Call, heads: list[_Head | None], mask: _Head | None) -> tuple[ndarray, ndarray]:
    at, steps = np.zeros((call.heads, 9), np.int64), np.zeros(10, np.int64)
    for column, head in enumerate(heads):
        if head is not None:
            at[:, column], steps[column] = head.begins, head.step
    if mask is not None:
        at[:, 4], steps[4], steps[9] = mask.begins, mask.step, mask.across
    return at, steps


def _numbers(scale: float, seed: int, p: float, dtype: Any) -> tuple[Any, ...]:
    return (
        dtype.type(scale), np.uint64(seed), np.uint64(min(round(p * 2**32), 2**32)),
        dtype.type(1 / (1 - p) if p < 1 else 0),
    )  # fmt: skip


def forward(
    q: ndarray, k: ndarray, v: ndarray, mask: ndarray | None, scale: float, causal: bool, p: float, seed: int
) -> tuple[ndarray, ndarray]:
    """softmax(q k^T scale + mask) v and lse (N, L): q (*, N', L, E), k (*, M', S, E), v (*, M', S, V), mask to be
    broadcast to (*, N', L, S).

    One dtype, float32 or float64, any strides, nothing empty. mask: of bools, True is seen, or of q's dtype, added. p:
    of the weights dropped, as `elementwise.dropout` does with `seed`. A row that sees nothing gives 0.
    """
    q, k, v = _rows_dense(q), _rows_dense(k), _rows_dense(v)
    call = _call(q, k, v, mask, causal)
    L, S, E, V = (int(n) for n in call.sizes[:4])
    out, lse = _like(q, V, np.empty), np.empty(call.heads * L, q.dtype)
    q_, k_, v_, o_ = _heads(q), _heads(k, call.group), _heads(v, call.group), _heads(out)
    m_ = None if call.mask is None else _heads(call.mask)
    bools, floats = _mask_arrays(call, m_)
    at, steps = _layout(call, [q_, k_, v_, o_], m_)
    tasks = call.heads * -(-L // BAND)
    panel = NR * LANES * 4 // q.itemsize
    space = -(-S // panel) * panel * E + QUERIES * (KEYS + V + 2)
    work = aligned(tasks * space, q.dtype)
    args = (
        call.sizes, at, steps, q_.data, k_.data, v_.data, bools, floats, o_.data, lse,
        *_numbers(scale, seed, p, q.dtype), work, space,
    )  # fmt: skip
    run(attention_forward, q.dtype, tasks, call.heads * L * S * (E + V) > GATE, *args)
    return out, lse


def _mask_arrays(call: _Call, m: _Head | None) -> tuple[ndarray, ndarray]:
    if m is None:
        return call.bools, call.floats
    return (m.data, call.floats) if m.data.dtype == np.bool_ else (call.bools, m.data)


def backward(
    g: ndarray, q: ndarray, k: ndarray, v: ndarray, mask: ndarray | None, out: ndarray, lse: ndarray, scale: float,
    causal: bool, p: float, seed: int,
) -> tuple[ndarray, ndarray, ndarray]:  # fmt: skip
    """The gradients of `forward` in q, k and v from g, that of its out, and its results."""
    q, k, v, g = _rows_dense(q), _rows_dense(k), _rows_dense(v), _rows_dense(g)
    call = _call(q, k, v, mask, causal)
    S, E, V = (int(n) for n in call.sizes[1:4])
    dq, dk, dv = _like(q, E, np.empty), _like(k, E, np.zeros), _like(v, V, np.zeros)
    q_, k_, v_, o_, g_, dq_ = _heads(q), _heads(k, call.group), _heads(v, call.group), *map(_heads, (out, g, dq))
    dk_, dv_ = _heads(dk, call.group), _heads(dv, call.group)
    m_ = None if call.mask is None else _heads(call.mask)
    bools, floats = _mask_arrays(call, m_)
    at, steps = _layout(call, [q_, k_, v_, o_, None, g_, dq_, dk_, dv_], m_)
    tasks = call.heads // call.group
    panel = NR * LANES * 4 // q.itemsize
    space = -(-S // panel) * panel * (E + V) + 2 * QUERIES * KEYS
    work = aligned(tasks * space, q.dtype)
    args = (
        call.sizes, at, steps, q_.data, k_.data, v_.data, bools, floats, o_.data, lse, g_.data, dq_.data, dk_.data,
        dv_.data, *_numbers(scale, seed, p, q.dtype), work, space,
    )  # fmt: skip
    run(attention_backward, q.dtype, tasks, call.heads * len(lse) // call.heads * S * (E + V) > GATE, *args)
    return dq, dk, dv
