"""Softmax cross-entropy whose classes lie along dimension 1 of a picture: without bringing a pixel's scores together."""

from __future__ import annotations

from typing import Any

import numpy as np

from .compile import kernel
from .functions import pulled, vector_exp
from .further import _of_one
from .simd import LANES, broadcast, higher, load_first, store_first
from .softmax import _check_and_count, _over_zero
from .threads import run

GATE = 1 << 14  # elements below which a parallel launch costs more than it saves
STEP = 256  # pixels a task: their scores of some classes stay in the nearest cache

_vector_log = _of_one("log")

# N pictures of P pixels, C classes: x and gx (N, C, P), labels, tops and sums (N, P), all flat. weight: a factor a class, or
# empty. A label that is `ignored` counts nothing; any other is a class.


@kernel
def _losses(first, last, x, labels, weight, ignored, tops, sums, loss, totals, C, P):
    """tops: the largest score of a pixel; sums: of exp(x - top); loss: what a pixel loses; totals: what a task does."""
    strips, lanes = (P + STEP - 1) // STEP, LANES * 4 // x.itemsize
    for t in range(first, last):
        n, start = t // strips, t % strips * STEP
        end = min(P, start + STEP)
        for c in range(C):  # along memory: rows of classes are far apart
            row = (n * C + c) * P
            for p in range(start, end, lanes):
                rest, at = end - p, n * P + p
                score = load_first(x, row + p, rest)
                store_first(tops, at, score if c == 0 else higher(load_first(tops, at, rest), score), rest)
        for c in range(C):
            row = (n * C + c) * P
            for p in range(start, end, lanes):
                rest, at = end - p, n * P + p
                e = vector_exp(load_first(x, row + p, rest) - load_first(tops, at, rest))
                store_first(sums, at, e if c == 0 else load_first(sums, at, rest) + e, rest)
        for p in range(start, end, lanes):
            rest, at = end - p, n * P + p
            s = load_first(sums, at, rest)
            store_first(loss, at, _vector_log(s) + (s - s), rest)  # the logarithm knows no NaN
        total = 0.0
        for i in range(n * P + start, n * P + end):
            c = labels[i]
            if c == ignored:
                loss[i] = 0
                continue
            y = loss[i] - (x[(n * C + c) * P + i - n * P] - tops[i])
            loss[i] = y * weight[c] if weight.size else y
            total += loss[i]
        totals[t] = total


@kernel
def _pull(first, last, g, x, labels, weight, ignored, scale, tops, sums, gx, C, P):
    """gx = g scale weight (exp(x - top) / sum - 1 at the label), 0 where ignored. g: one for all pixels, or one each."""
    strips, lanes = (P + STEP - 1) // STEP, LANES * 4 // x.itemsize
    share = np.empty(STEP, x.dtype)
    for t in range(first, last):
        n, start = t // strips, t % strips * STEP
        end = min(P, start + STEP)
        for i in range(n * P + start, n * P + end):
            c = labels[i]
            if c == ignored:
                share[i - n * P - start] = 0
                continue
            factor = (g[i] if g.size > 1 else g[0]) * scale
            share[i - n * P - start] = factor * weight[c] if weight.size else factor
        for p in range(start, end, lanes):
            rest, at = end - p, n * P + p
            top, factor = load_first(tops, at, rest), load_first(share, p - start, rest)
            inverse = broadcast(x, 1) / load_first(sums, at, rest)
            for c in range(C):
                i = (n * C + c) * P + p
                store_first(gx, i, pulled(factor, vector_exp(load_first(x, i, rest) - top) * inverse), rest)
        for i in range(n * P + start, n * P + end):
            c = labels[i]
            if c != ignored:
                gx[(n * C + c) * P + i - n * P] -= share[i - n * P - start]


def _flat(a: np.ndarray) -> np.ndarray:
    a = np.ascontiguousarray(a)
    return (a if a.flags.writeable else a.copy()).reshape(-1)


def _counted(labels: np.ndarray, weight: np.ndarray, ignored: int, C: int) -> float:
    """The labels' total weight. ValueError for one that is neither a class nor ignored."""
    if not weight.size and labels.size and np.maximum.reduce(labels.view(np.uint64), None) < C:
        return float(labels.size - (np.count_nonzero(labels == ignored) if 0 <= ignored < C else 0))
    wrong, total = _check_and_count(labels, weight, ignored, C)
    if wrong >= 0:
        raise ValueError(f"cross_entropy: label {labels[wrong]} of pixel {wrong} is no class of the {C} (0 to {C - 1})")
    return float(total)


def _prepared(x: np.ndarray, labels: np.ndarray, weight: np.ndarray | None) -> tuple[Any, Any, Any]:
    N, C, P = x.shape
    if labels.shape != (N, P) or labels.dtype != np.int64 or (weight is not None and weight.shape != (C,)):
        raise ValueError(f"cross_entropy: labels {labels.dtype} {labels.shape} of scores {x.shape}")
    return (
        _flat(x),
        _flat(labels),
        np.empty(0, x.dtype) if weight is None else _flat(weight.astype(x.dtype, copy=False)),
    )


def cross_entropy(
    x: np.ndarray, labels: np.ndarray, weight: np.ndarray | None, ignored: int, reduction: str
) -> tuple[np.ndarray, np.ndarray, float]:
    """The loss of scores (N, C, P) against class numbers (N, P) int64; each pixel's maximum and sum of exponentials above
    it, (2, N, P); the total weight. At least one class. Reductions as in `softmax.softmax_cross_entropy`."""
    N, C, P = x.shape
    flat, labels, weight = _prepared(x, labels, weight)
    total = _counted(labels, weight, ignored, C)
    rows, loss, tasks = np.empty((2, N, P), x.dtype), np.empty((N, P), x.dtype), N * -(-P // STEP)
    totals = np.empty(tasks)
    if x.size:
        given = flat, labels, weight, ignored, rows[0].reshape(-1), rows[1].reshape(-1), loss.reshape(-1), totals
        run(_losses, x.dtype, tasks, x.size >= GATE, *given, C, P)
    if reduction == "none":
        return loss, rows, total
    value = np.add.reduce(totals) if x.size else 0.0
    if reduction == "mean":
        value = value / total if total else float(_over_zero(value))
    return np.asarray(value, x.dtype), rows, total


def cross_entropy_backward(
    g: np.ndarray, x: np.ndarray, labels: np.ndarray, rows: np.ndarray, total: float, weight: np.ndarray | None,
    ignored: int, reduction: str,
) -> np.ndarray:  # fmt: skip
    """The gradient of `cross_entropy` in the scores; g is 0-d, or (N, P) for reduction 'none'."""
    N, C, P = x.shape
    flat, labels, weight = _prepared(x, labels, weight)
    gx, scale = np.empty(x.shape, x.dtype), 1 / total if reduction == "mean" and total else 1.0
    if x.size:
        g = _flat(np.asarray(g, x.dtype))
        given = g, flat, labels, weight, ignored, x.dtype.type(scale), _flat(rows[0]), _flat(rows[1])
        run(_pull, x.dtype, N * -(-P // STEP), x.size >= GATE, *given, gx.reshape(-1), C, P)
    return gx
