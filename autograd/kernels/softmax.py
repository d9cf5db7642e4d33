"""Softmax, log-softmax and softmax with cross-entropy over rows, each read once and with no temporary.

-inf is a value like any other (probability 0); a row of nothing but -inf, or with +inf, is NaN, as in torch.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .buffer import flat
from .compile import kernel
from .functions import exp, pulled, vector_exp
from .further import _of_one
from .lanes import folded_maxima, folded_sums, lanes_of, only_first
from .reduce import _extremes
from .simd import broadcast, fma, load, load_first, store, store_first
from .strips import STRIP, strip
from .threads import run
from .view import hold, part

GATE = 1 << 14  # elements below which a parallel launch costs more than it saves
PIECE = 1 << 13  # elements of a task at most

# R rows of C columns, flat C-contiguous. A row is read in vectors whose sums are added in one order wherever it lies.

_vector_log = _of_one("log")


@kernel
def _log_probability(x, top, log):
    """In this order, which a function of its own without `reassoc` keeps: x - (top + log) would lose a large row's digits."""
    return (x - top) - log


SOFTMAX, LOG_SOFTMAX, LOGSUMEXP = range(3)
CACHED = 1 << 11  # elements of the rows worked on at once, up to as many rows as a vector has lanes

# n rows of C columns at a time: a vector of partial results a row goes into `out`, and all are combined at once. These
# are handed parts of arrays, for a function that is handed an array counts its owners at each call.


@kernel
def _exp_sums(x, n, C, tops, y, write, out):
    """The sums of exp(x - tops[r]) of each row r, and the terms in y where `write`."""
    lanes, zero = lanes_of(x), x.dtype.type(0)
    whole = C - C % lanes
    for r in range(n):
        i, t, s = r * C, broadcast(x, tops[r]), broadcast(x, zero)
        if write:
            for c in range(i, i + whole, lanes):
                e = vector_exp(load(x, c) - t)
                store(y, c, e)
                s = s + e
        else:
            for c in range(i, i + whole, lanes):
                s = s + vector_exp(load(x, c) - t)
        if whole < C:
            e = only_first(vector_exp(load_first(x, i + whole, C - whole) - t), C - whole, zero)
            if write:
                store_first(y, i + whole, e, C - whole)
            s = s + e
        store(out, r * lanes, s)


@kernel
def _scaled_rows(y, n, C, factors):
    lanes = lanes_of(y)
    whole = C - C % lanes
    for r in range(n):
        i, f = r * C, broadcast(y, factors[r])
        for c in range(i, i + whole, lanes):
            store(y, c, load(y, c) * f)
        if whole < C:
            store_first(y, i + whole, load_first(y, i + whole, C - whole) * f, C - whole)


@kernel
def _lowered_rows(x, n, C, tops, logs, y):
    """(x - tops[r]) - logs[r]: in this order, for x - (top + log) would lose a large row's digits."""
    lanes = lanes_of(x)
    whole = C - C % lanes
    for r in range(n):
        i, t, log = r * C, broadcast(x, tops[r]), broadcast(x, logs[r])
        for c in range(i, i + whole, lanes):
            store(y, c, (load(x, c) - t) - log)
        if whole < C:
            store_first(y, i + whole, (load_first(x, i + whole, C - whole) - t) - log, C - whole)


@kernel
def _softmax_rows(k0, k1, x, y, kind, C, R, step):
    lanes, one = lanes_of(x), x.dtype.type(1)
    work = np.zeros((lanes + 2) * lanes, x.dtype)
    out, tops, numbers = (
        part(work, 2 * lanes, work.size), part(work, 0, lanes), part(work, lanes, 2 * lanes)
    )  # fmt: skip
    together, end = max(1, min(lanes, CACHED // C)), min(R, k1 * step)
    for a in range(k0 * step, end, together):
        n = min(together, end - a)
        rows = part(x, a * C, (a + n) * C)
        _extremes(rows, n, C, out, one)
        store(tops, 0, folded_maxima(out))
        if kind == SOFTMAX:
            to = part(y, a * C, (a + n) * C)
            _exp_sums(rows, n, C, tops, to, True, out)
            store(numbers, 0, broadcast(x, one) / folded_sums(out))
            _scaled_rows(to, n, C, numbers)
            continue
        _exp_sums(rows, n, C, tops, rows, False, out)
        s = folded_sums(out)
        store(numbers, 0, _vector_log(s) + (s - s))  # the logarithm knows no NaN
        if kind == LOG_SOFTMAX:
            _lowered_rows(rows, n, C, tops, numbers, part(y, a * C, (a + n) * C))
        else:
            for r in range(n):
                top = tops[r]
                y[a + r] = top if abs(top) == np.inf else top + numbers[r]
    hold(work)


@kernel
def _pulled_sums(g, y, n, C, log, out):
    """The sums of g, or of g y unless `log`."""
    lanes = lanes_of(y)
    whole = C - C % lanes
    for r in range(n):
        i, s = r * C, broadcast(y, 0)
        for c in range(i, i + whole, lanes):
            s = s + load(g, c) if log else fma(load(g, c), load(y, c), s)
        if whole < C:
            v = load_first(g, i + whole, C - whole)
            s = s + v if log else fma(v, load_first(y, i + whole, C - whole), s)
        store(out, r * lanes, s)


@kernel
def _pulled_rows(g, y, n, C, sums, log, gx):
    """g - exp(y) sums[r], or (g - sums[r]) y."""
    lanes = lanes_of(y)
    whole = C - C % lanes
    for r in range(n):
        i, s = r * C, broadcast(y, sums[r])
        for c in range(i, i + whole, lanes):
            v, w = load(g, c), load(y, c)
            store(gx, c, v - vector_exp(w) * s if log else (v - s) * w)
        if whole < C:
            v, w = load_first(g, i + whole, C - whole), load_first(y, i + whole, C - whole)
            store_first(gx, i + whole, v - vector_exp(w) * s if log else (v - s) * w, C - whole)


@kernel
def _softmax_back_rows(k0, k1, g, y, gx, log, C, R, step):
    lanes = lanes_of(y)
    work = np.zeros((lanes + 1) * lanes, y.dtype)
    out, sums = part(work, lanes, work.size), part(work, 0, lanes)
    together, end = max(1, min(lanes, CACHED // C)), min(R, k1 * step)
    for a in range(k0 * step, end, together):
        n = min(together, end - a)
        i, j = a * C, (a + n) * C
        _pulled_sums(part(g, i, j), part(y, i, j), n, C, log, out)
        store(sums, 0, folded_sums(out))
        _pulled_rows(part(g, i, j), part(y, i, j), n, C, sums, log, part(gx, i, j))
    hold(work)


@kernel
def _logsumexp_back_rows(k0, k1, g, x, y, gx, C, R, step):
    """gx = g[r] exp(x - y[r]), 0 where g[r] is 0; where y[r] is -inf, g[r] exp(x)."""
    lanes = lanes_of(x)
    whole = C - C % lanes
    for r in range(k0 * step, min(R, k1 * step)):
        i, t = r * C, broadcast(x, y[r] if y[r] != -np.inf else 0)
        pull = broadcast(x, g[r])
        for c in range(i, i + whole, lanes):
            store(gx, c, pulled(pull, vector_exp(load(x, c) - t)))
        if whole < C:
            v = pulled(pull, vector_exp(load_first(x, i + whole, C - whole) - t))
            store_first(gx, i + whole, v, C - whole)


# O blocks of C rows of K values, the softmax down each column; task t is one strip of up to STRIP columns of one block.


@kernel
def _raised(top, row):
    for k in range(top.size):
        top[k] = row[k] if row[k] > top[k] else top[k]


@kernel(fastmath={"contract"})
def _exponentials(row, top, total, out, write):
    for k in range(top.size):
        e = exp(row[k] - top[k])
        total[k] += e
        if write:
            out[k] = e


@kernel
def _finished(row, top, total, out, log):
    if log:
        for k in range(top.size):
            out[k] = _log_probability(row[k], top[k], total[k])
    else:
        for k in range(top.size):
            out[k] *= total[k]


@kernel
def _softmax_columns(t0, t1, x, y, log, C, K):
    tops, totals = np.empty(STRIP, x.dtype), np.empty(STRIP, x.dtype)
    for t in range(t0, t1):
        at, n = strip(t, C, K)
        top, total = part(tops, 0, n), part(totals, 0, n)
        top[:], total[:] = -np.inf, 0
        for c in range(C):
            _raised(top, part(x, at + c * K, at + c * K + n))
        for c in range(C):
            i = at + c * K
            _exponentials(part(x, i, i + n), top, total, part(y, i, i + n), not log)
        for k in range(n):
            total[k] = np.log(total[k]) if log else x.dtype.type(1) / total[k]
        for c in range(C):
            i = at + c * K
            _finished(part(x, i, i + n), top, total, part(y, i, i + n), log)
    hold(tops, totals)


@kernel(fastmath={"contract"})
def _pulled_sum(g, y, total, log):
    if log:
        for k in range(total.size):
            total[k] += g[k]
    else:
        for k in range(total.size):
            total[k] += g[k] * y[k]


@kernel(fastmath={"contract"})
def _pulled_back(g, y, total, out, log):
    if log:
        for k in range(total.size):
            out[k] = g[k] - exp(y[k]) * total[k]
    else:
        for k in range(total.size):
            out[k] = (g[k] - total[k]) * y[k]


@kernel
def _softmax_back_columns(t0, t1, g, y, gx, log, C, K):
    totals = np.empty(STRIP, g.dtype)
    for t in range(t0, t1):
        at, n = strip(t, C, K)
        total = part(totals, 0, n)
        total[:] = 0
        for c in range(C):
            i = at + c * K
            _pulled_sum(part(g, i, i + n), part(y, i, i + n), total, log)
        for c in range(C):
            i = at + c * K
            _pulled_back(part(g, i, i + n), part(y, i, i + n), total, part(gx, i, i + n), log)
    hold(totals)


def _by_columns(function: Any, out: np.ndarray, log: bool, *arrays: np.ndarray) -> np.ndarray:
    O, C, K = out.shape
    args = (*[np.ascontiguousarray(a).reshape(-1) for a in arrays], out.reshape(-1), log, C, K)
    tasks = O * -(-K // STRIP)
    run(function, out.dtype, tasks, out.size >= GATE, *args)
    return out


@kernel(fastmath={"reassoc", "contract"})
def _spread(x, weight, top, log):
    """Minus the sum of a row's log probabilities, each with its class's weight."""
    s = 0.0
    if weight.size:
        for c in range(x.size):
            s -= weight[c] * _log_probability(x[c], top, log)
    else:
        for c in range(x.size):
            s -= _log_probability(x[c], top, log)
    return s


@kernel
def _loss_rows(k0, k1, x, labels, weight, ignored, smoothing, mass, tops, sums, loss, C, step):
    """tops[r] = the row's maximum, sums[r] = the sum of exp(x[r] - top); loss[r] its weighted loss, 0 where ignored."""
    lanes, one = lanes_of(x), x.dtype.type(1)
    work = np.zeros((lanes + 3) * lanes, x.dtype)
    out, peaks = part(work, 3 * lanes, work.size), part(work, 0, lanes)
    totals, logs = part(work, lanes, 2 * lanes), part(work, 2 * lanes, 3 * lanes)
    together, end = max(1, min(lanes, CACHED // C)), min(labels.size, k1 * step)
    for a in range(k0 * step, end, together):
        n = min(together, end - a)
        rows = part(x, a * C, (a + n) * C)
        _extremes(rows, n, C, out, one)
        store(peaks, 0, folded_maxima(out))
        _exp_sums(rows, n, C, peaks, rows, False, out)
        v = folded_sums(out)
        store(totals, 0, v)
        store(logs, 0, _vector_log(v) + (v - v))  # the logarithm knows no NaN
        for k in range(n):
            r, t, top, log = a + k, labels[a + k], peaks[k], logs[k]
            if t == ignored or not 0 <= t < C:
                loss[r], tops[r], sums[r] = 0, 0, 1
                continue
            tops[r], sums[r] = top, totals[k]
            w = weight[t] if weight.size else one
            loss[r] = -w * (1 - smoothing) * _log_probability(x[r * C + t], top, log)
            if smoothing > 0:
                loss[r] += smoothing / C * _spread(part(x, r * C, (r + 1) * C), weight, top, log)
    hold(work)


@kernel
def _check_and_count(labels, weight, ignored, C):
    """The first row whose label is neither a class nor `ignored` (-1 for none), and the total weight of the others."""
    total = 0.0
    for r in range(labels.size):
        t = labels[r]
        if t == ignored:
            continue
        if not 0 <= t < C:
            return r, total
        total += weight[t] if weight.size else 1.0
    return -1, total


@kernel(fastmath={"reassoc", "contract"})
def _sum(x):
    s = 0.0
    for i in range(x.size):
        s += x[i]
    return s


@kernel
def _loss_serial(x, labels, weight, ignored, smoothing, mass, tops, sums, loss, C):
    """All of a small loss in one call: the first wrong row (-1 for none), the total weight, the sum of the rows' losses."""
    wrong, total = _check_and_count(labels, weight, ignored, C)
    if wrong >= 0:
        return wrong, total, 0.0
    _loss_rows(0, 1, x, labels, weight, ignored, smoothing, mass, tops, sums, loss, C, labels.size)
    return wrong, total, _sum(loss)


@kernel
def _loss_back_rows(k0, k1, g, x, labels, weight, ignored, smoothing, mass, scale, tops, sums, gx, C, step):
    """gx = g scale (a p - b at the label - spread everywhere), p the softmax; g has one value or one a row."""
    lanes = lanes_of(x)
    pieces = (C + lanes - 1) // lanes
    for r in range(k0 * step, min(labels.size, k1 * step)):
        out, t = part(gx, r * C, (r + 1) * C), labels[r]
        if t == ignored or not 0 <= t < C:
            out[:] = 0
            continue
        outer = g[r if g.size > 1 else 0] * scale
        w = weight[t] if weight.size else x.dtype.type(1)
        a = x.dtype.type(outer * ((1 - smoothing) * w + smoothing / C * mass))
        top, b = broadcast(x, tops[r]), broadcast(x, a / sums[r])
        for k in range(pieces):
            c = k * lanes
            n = C - c
            store_first(gx, r * C + c, b * vector_exp(load_first(x, r * C + c, n) - top), n)
        if smoothing > 0:
            share = x.dtype.type(outer * smoothing / C)
            for c in range(C):
                out[c] -= share * (weight[c] if weight.size else x.dtype.type(1))
        out[t] -= x.dtype.type(outer * (1 - smoothing) * w)


def _step(R: int, C: int) -> int:
    return max(1, min(-(-R // 8), PIECE // max(C, 1)))


def _softmax(x: np.ndarray, log: bool) -> np.ndarray:
    if x.ndim == 3:
        return _by_columns(_softmax_columns, np.empty(x.shape, x.dtype), log, x)
    x = np.ascontiguousarray(x)
    R, C = x.shape
    y = np.empty((R, C), x.dtype)
    return _by_rows(x, y, LOG_SOFTMAX if log else SOFTMAX) if x.size else y


def _by_rows(x: np.ndarray, y: np.ndarray, kind: int) -> np.ndarray:
    R, C = x.shape
    step = _step(R, C)
    x_flat = x.reshape(-1) if x.flags.writeable else flat(x)[0]
    run(_softmax_rows, x.dtype, -(-R // step), x.size >= GATE, x_flat, y.reshape(-1), kind, C, R, step)
    return y


def softmax(x: np.ndarray) -> np.ndarray:
    """exp(x) over its sum, along each row of x (rows, columns), or down each column of x (blocks, rows, columns)."""
    return _softmax(x, False)


def log_softmax(x: np.ndarray) -> np.ndarray:
    """x less the log of the sum of exp(x), along rows or down columns as `softmax`."""
    return _softmax(x, True)


def logsumexp(x: np.ndarray) -> np.ndarray:
    """The logarithm of the sum of exp(x) of each row of x (rows, columns), C-contiguous, with columns: (rows,)."""
    return _by_rows(x, np.empty(len(x), x.dtype), LOGSUMEXP)


def logsumexp_backward(g: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The gradient of `logsumexp` in x from its output y: g exp(x - y), 0 where g is 0. g and y have a number a row."""
    (R, C), gx = x.shape, np.empty(x.shape, x.dtype)
    step, flats = _step(R, C), [flat(np.ascontiguousarray(a))[0] for a in (g, x, y)]
    run(_logsumexp_back_rows, x.dtype, -(-R // step), x.size >= GATE, *flats, gx.reshape(-1), C, R, step)
    return gx


def _softmax_backward(g: np.ndarray, y: np.ndarray, log: bool) -> np.ndarray:
    if y.ndim == 3:
        return _by_columns(_softmax_back_columns, np.empty(y.shape, y.dtype), log, g, y)
    g, y = np.ascontiguousarray(g), np.ascontiguousarray(y)
    R, C = y.shape
    gx = np.empty((R, C), y.dtype)
    step, flats = _step(R, C), (g.reshape(-1), y.reshape(-1), gx.reshape(-1))
    run(_softmax_back_rows, y.dtype, -(-R // step), y.size >= GATE, *flats, log, C, R, step)
    return gx


def softmax_backward(g: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The gradient of `softmax` in x from its output y: y (g - sum of g y)."""
    return _softmax_backward(g, y, False)


def log_softmax_backward(g: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The gradient of `log_softmax` in x from its output y: g - exp(y) times the sum of g."""
    return _softmax_backward(g, y, True)


def _class_weights(weight: np.ndarray | None, C: int, dtype: np.dtype) -> tuple[np.ndarray, float]:
    """The weights as an array (empty for all ones), and their sum."""
    if weight is None:
        return np.empty(0, dtype), float(C)
    return np.ascontiguousarray(weight, dtype), float(weight.sum(dtype=np.float64))


@np.errstate(all="ignore")
def _over_zero(value: float) -> np.floating:
    return value / np.float64(0)


def softmax_cross_entropy(
    logits: np.ndarray,
    labels: np.ndarray,
    weight: np.ndarray | None = None,
    ignore_index: int = -100,
    label_smoothing: float = 0.0,
    reduction: str = "mean",
) -> tuple[np.ndarray, np.ndarray, float]:
    """The loss of logits (N, C) against class numbers (N,) int64; the rows' softmax (2, N) as maximum and sum of
    exponentials above it; the total weight.

    The last two are for the backward. reduction 'mean' divides by the total weight of the rows not ignored (NaN if
    there is none), 'sum' and 'mean' give a 0-d array, 'none' one loss a row. As torch's, label smoothing spreads over
    the weighted classes. A label that is neither a class nor ignore_index is a ValueError.
    """
    logits, labels = np.ascontiguousarray(logits), np.ascontiguousarray(labels)
    R, C = logits.shape
    weight, mass = _class_weights(weight, C, logits.dtype)
    rows, loss, value = np.empty((2, R), logits.dtype), np.empty(R, logits.dtype), 0.0
    arrays = logits.reshape(-1), labels, weight, ignore_index, float(label_smoothing), mass, rows[0], rows[1], loss
    serial = logits.size < GATE
    if serial:
        wrong, total, value = _loss_serial(*arrays, C)
    else:
        wrong, total = _check_and_count(labels, weight, ignore_index, C)
    if wrong >= 0:
        raise ValueError(
            f"cross_entropy: label {labels[wrong]} in row {wrong} is no class of the {C} (0 to {C - 1}), nor "
            f"ignore_index ({ignore_index}); number the classes from 0"
        )
    if not serial:
        step = _step(R, C)
        run(_loss_rows, logits.dtype, -(-R // step), True, *arrays, C, step)
    if reduction == "none":
        return loss, rows, total
    if not serial:
        value = _sum(loss)
    if reduction == "mean":
        value = value / total if total else float(_over_zero(value))
    return np.asarray(value, logits.dtype), rows, total


def softmax_cross_entropy_backward(
    g: np.ndarray,
    logits: np.ndarray,
    labels: np.ndarray,
    rows: np.ndarray,
    total: float,
    weight: np.ndarray | None = None,
    ignore_index: int = -100,
    label_smoothing: float = 0.0,
    reduction: str = "mean",
) -> np.ndarray:
    """The gradient of `softmax_cross_entropy` in the logits (N, C); g is 0-d, or (N,) for reduction 'none'."""
    logits, labels, g = np.ascontiguousarray(logits), np.ascontiguousarray(labels), np.asarray(g, logits.dtype)
    R, C = logits.shape
    weight, mass = _class_weights(weight, C, logits.dtype)
    scale = 1 / total if reduction == "mean" and total else 1.0
    gx = np.empty((R, C), logits.dtype)
    g = np.ascontiguousarray(g).reshape(-1)
    arrays = g, logits.reshape(-1), labels, weight, ignore_index, float(label_smoothing), mass, scale, rows[0], rows[1]
    step = _step(R, C)
    run(_loss_back_rows, gx.dtype, -(-R // step), logits.size >= GATE, *arrays, gx.reshape(-1), C, step)
    return gx
