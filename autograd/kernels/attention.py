"""Attention block by block: no array of all scores is ever made, so memory grows with the length, not with its square.

Forward: running maximum, sum and weighted values of a block of queries while the keys pass (Dao et al. 2022,
arXiv:2205.14135; Rabe and Staats 2021, arXiv:2112.05682). Backward: the scores are computed again, a key head at a time,
whose gradients one task adds up in order: the same bits on any number of threads.

Letters: N query heads (batch and heads flattened), M key heads (N / M queries share one), L queries, S keys, E width of
a query, V width of a value. `at` (N, 9): where each head begins in its flat array; `steps` (9): from row to row. Their
columns: query, key, value, out, mask, gradient of out, of query, of key, of value.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy import ndarray

from .buffer import flat
from .compile import kernel
from .elementwise import _mix
from .functions import exp, vector_exp
from .gemm import pack
from .lanes import lanes_of, larger, largest, only_first
from .rows import dot
from .simd import FROM_C, FROM_ZERO, LANES, NR, broadcast, load, load_first, outer_tile, store, store_first, total
from .threads import run
from .view import hold, part

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


@kernel
def _top(s, top):
    """The largest of a row and `top`, which is no NaN; those of the row are passed over."""
    lanes, seen = lanes_of(s), broadcast(s, top)
    whole = s.size - s.size % lanes
    for j in range(0, whole, lanes):
        seen = larger(seen, load(s, j))
    if whole < s.size:
        seen = larger(seen, only_first(load_first(s, whole, s.size - whole), s.size - whole, top))
    return largest(seen)


@kernel
def _exponentials(s, shift):
    """s = exp(s - shift), and their sum."""
    lanes, zero, t = lanes_of(s), s.dtype.type(0), broadcast(s, shift)
    whole, sums = s.size - s.size % lanes, broadcast(s, zero)
    for j in range(0, whole, lanes):
        e = vector_exp(load(s, j) - t)
        store(s, j, e)
        sums = sums + e
    if whole < s.size:
        e = only_first(vector_exp(load_first(s, whole, s.size - whole) - t), s.size - whole, zero)
        store_first(s, whole, e, s.size - whole)
        sums = sums + e
    return total(sums)


@kernel
def _scaled(x, factor, y):
    """y = factor x; y may be x."""
    lanes, f = lanes_of(x), broadcast(x, factor)
    whole = x.size - x.size % lanes
    for j in range(0, whole, lanes):
        store(y, j, load(x, j) * f)
    if whole < x.size:
        store_first(y, whole, load_first(x, whole, x.size - whole) * f, x.size - whole)


@kernel
def _room(like, space):
    """Memory of a thread's own, and where in it a line of the cache begins: a task finds it warm from the one before."""
    work = np.empty(space + 64, like.dtype)
    return work, -work.ctypes.data % 64 // like.itemsize


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
    first, last, sizes, at, steps, q, k, v, bools, floats, out, lse, scale, seed, least, factor, space
):
    """out, and lse (N, L): the log of the sum of a row's exponentials (+inf where nothing may be seen).

    A task is a band of queries of a head; it works in `space` elements: the keys in panels, a block of scores, of values,
    maxima and sums.
    """
    L, S, E, V, causal, kind, bands = sizes[0], sizes[1], sizes[2], sizes[3], sizes[4], sizes[5], sizes[6]
    zero, one = out.dtype.type(0), out.dtype.type(1)
    P, nothing = NR * LANES * 4 // out.itemsize, out.dtype.type(-np.inf)
    panels = (S + P - 1) // P
    work, start = _room(out, space)
    scores = start + panels * P * E
    packed, values = part(work, start, scores), scores + QUERIES * KEYS
    for t in range(first, last):
        n, band = t // bands, t % bands
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
                    shift = zero if top == nothing else top
                    before = zero if old == nothing else exp(old - shift)
                    work[sums + i] = work[sums + i] * before + _exponentials(s, shift)
                    work[tops + i] = top
                    if least > 0:
                        _drop(s, seed, np.uint64((n * L + i0 + i) * S + j0), least, factor)
                    if before != 1:
                        row = part(work, values + i * V, values + (i + 1) * V)
                        _scaled(row, before, row)
                b = at[n, 2] + j0 * steps[2]
                _product(work, scores, KEYS, 1, keys, v, b, steps[2], P, V, work, values, V, FROM_C, rows)
            for i in range(rows):
                whole, y = work[sums + i], at[n, 3] + (i0 + i) * steps[3]
                inverse = zero if whole == 0 else one / whole
                _scaled(part(work, values + i * V, values + (i + 1) * V), inverse, part(out, y, y + V))
                lse[n * L + i0 + i] = -nothing if whole == 0 else work[tops + i] + np.log(whole)
    hold(work)


@kernel
def attention_backward(
    first, last, sizes, at, steps, q, k, v, bools, floats, out, lse, g, dq, dk, dv, scale, seed, least, factor, space
):
    """dq, dk and dv, the last two zero on entry. A task is a key head; it works in `space` elements: its keys and values in
    panels, and two blocks."""
    L, S, E, V, causal, kind, group = sizes[0], sizes[1], sizes[2], sizes[3], sizes[4], sizes[5], sizes[7]
    P = NR * LANES * 4 // out.itemsize
    panels = (S + P - 1) // P
    work, start = _room(out, space)
    values = start + panels * P * E
    scores = values + panels * P * V
    slopes = scores + QUERIES * KEYS
    for t in range(first, last):
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
    hold(work)


def _rows_dense(x: ndarray) -> ndarray:
    """`x` with the elements of a row side by side."""
    return x if x.strides[-1] == x.itemsize or x.shape[-1] == 1 else np.ascontiguousarray(x)


def _like(x: ndarray, width: int, fill: Any) -> ndarray:
    """A new array of the shape of x but for the last dimension, in x's memory order, where that is dense."""
    shape = (*x.shape[:-1], width)
    order = sorted(range(x.ndim - 1), key=lambda axis: -x.strides[axis])
    return fill([*(shape[axis] for axis in order), width], x.dtype).transpose(*np.argsort(order).tolist(), x.ndim - 1)


class _Plan(NamedTuple):
    """What the kernels want to know of arrays of certain shapes and strides that begin where their memory does."""

    sizes: ndarray
    at: ndarray
    steps: ndarray
    heads: int
    group: int


_plans: dict[tuple[Any, ...], _Plan] = {}
_OF_KEYS = 1, 2, 7, 8  # columns of arrays with a head for each `group` of query heads
_NO_BOOLS, _NO_FLOATS = np.zeros(1, np.bool_), {np.dtype(kind): np.zeros(1, kind) for kind in (np.float32, np.float64)}


def _begins(shape: tuple[int, ...], strides: tuple[int, ...]) -> ndarray:
    """Where each head of an array (*, rows, width) begins."""
    begins = np.zeros((), np.int64)
    for size, stride in zip(shape[:-2], strides[:-2], strict=True):
        begins = begins[..., None] + np.arange(size) * stride
    return begins.reshape(-1)


def _plan(causal: bool, columns: Sequence[ndarray | None], strides: Sequence[Any]) -> _Plan:
    q, k, v, mask = columns[0], columns[1], columns[2], columns[4]
    assert q is not None and k is not None and v is not None
    (L, E), (S, V) = q.shape[-2:], v.shape[-2:]
    heads = math.prod(q.shape[:-2])
    group = q.shape[-3] // k.shape[-3] if q.ndim > 2 else 1
    kind = NO_MASK if mask is None else BOOLS if mask.dtype == np.bool_ else FLOATS
    at, steps = np.zeros((heads, 9), np.int64), np.zeros(10, np.int64)
    for column, (array, step) in enumerate(zip(columns, strides, strict=True)):
        if array is not None:
            at[:, column] = np.repeat(_begins(array.shape, step), group if column in _OF_KEYS else 1)
            steps[column] = step[-2]
            if column == 4:
                steps[9] = step[-1]
    return _Plan(np.array([L, S, E, V, causal, kind, -(-L // BAND), group], np.int64), at, steps, heads, group)


def _planned(causal: bool, *columns: ndarray | None) -> tuple[_Plan, ndarray, list[ndarray]]:
    """The plan, its `at` for these arrays, and they flat; the mask as the two that the kernels take for it.

    columns: query, key, value, out, mask, and of the backward pass the gradients, all (*, rows, width).
    """
    q = columns[0]
    assert q is not None
    flats = [None if a is None else flat(a) for a in columns]
    strides = [None if f is None else f[2] for f in flats]
    mask = columns[4]
    key = (causal, mask is not None and mask.dtype.char, *strides, *[a if a is None else a.shape for a in columns])
    plan = _plans.get(key)
    if plan is None:
        if len(_plans) >= 4096:
            _plans.clear()
        plan = _plans[key] = _plan(causal, columns, strides)
    bases = [0 if f is None else f[1] for f in flats]
    at = plan.at
    if any(bases):
        at = at + np.array([*bases, *[0] * (9 - len(bases))])
    data = [_NO_FLOATS[q.dtype] if f is None else f[0] for f in flats]
    data.insert(4, _NO_BOOLS)
    if mask is not None and mask.dtype == np.bool_:
        data[4], data[5] = data[5], _NO_FLOATS[q.dtype]
    return plan, at, data


def _mask_for(mask: ndarray | None, q: ndarray, k: ndarray) -> ndarray | None:
    return None if mask is None else np.broadcast_to(mask, (*q.shape[:-1], k.shape[-2]))


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
    (L, E), (S, V) = q.shape[-2:], v.shape[-2:]
    out = _like(q, V, np.empty)
    plan, at, data = _planned(causal, q, k, v, out, _mask_for(mask, q, k))
    *inputs, to, bools, floats = data
    lse = np.empty(plan.heads * L, q.dtype)
    panel = NR * LANES * 4 // q.itemsize
    space = -(-S // panel) * panel * E + QUERIES * (KEYS + V + 2)
    run(
        attention_forward, q.dtype, plan.heads * -(-L // BAND), plan.heads * L * S * (E + V) > GATE,
        plan.sizes, at, plan.steps, *inputs, bools, floats, to, lse, *_numbers(scale, seed, p, q.dtype), space,
    )  # fmt: skip
    return out, lse


def backward(
    g: ndarray, q: ndarray, k: ndarray, v: ndarray, mask: ndarray | None, out: ndarray, lse: ndarray, scale: float,
    causal: bool, p: float, seed: int,
) -> tuple[ndarray, ndarray, ndarray]:  # fmt: skip
    """The gradients of `forward` in q, k and v from g, that of its out, and its results."""
    q, k, v, g = _rows_dense(q), _rows_dense(k), _rows_dense(v), _rows_dense(g)
    (L, E), (S, V) = q.shape[-2:], v.shape[-2:]
    dq, dk, dv = _like(q, E, np.empty), _like(k, E, np.zeros), _like(v, V, np.zeros)
    plan, at, data = _planned(causal, q, k, v, out, _mask_for(mask, q, k), g, dq, dk, dv)
    *inputs, result, bools, floats, incoming, to_q, to_k, to_v = data
    panel = NR * LANES * 4 // q.itemsize
    space = -(-S // panel) * panel * (E + V) + 2 * QUERIES * KEYS
    run(
        attention_backward, q.dtype, plan.heads // plan.group, plan.heads * L * S * (E + V) > GATE,
        plan.sizes, at, plan.steps, *inputs, bools, floats, result, lse, incoming, to_q, to_k, to_v,
        *_numbers(scale, seed, p, q.dtype), space,
    )  # fmt: skip
    return dq, dk, dv
