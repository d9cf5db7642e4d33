"""Order statistics of rows: the k largest or smallest, and the element of a rank, without sorting the rows.

NaN counts as larger than any number; of equal elements the first in the row comes first.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .compile import kernel
from .sort import SHORT, sorted_rows
from .threads import run
from .view import part

GATE = 1 << 14  # elements below which a parallel launch costs more than it saves
STEP = 1 << 13  # elements a task

# Tasks of `step` rows of C elements, flat: task t has the rows from t step on, of R in all.


@kernel
def _before(a, b, largest):
    """Whether a stands before b in the order."""
    if largest:
        return a > b or (a != a and b == b)
    return a < b or (a == a and b != b)


@kernel
def _top(first, last, x, values, places, largest, R, C, k, step):
    for r in range(first * step, min(R, last * step)):
        row, kept, at = part(x, r * C, (r + 1) * C), part(values, r * k, (r + 1) * k), part(places, r * k, (r + 1) * k)
        for c in range(C):
            v = row[c]
            if c >= k and not _before(v, kept[k - 1], largest):
                continue
            j = min(c, k - 1)
            while j > 0 and _before(v, kept[j - 1], largest):
                kept[j], at[j] = kept[j - 1], at[j - 1]
                j -= 1
            kept[j], at[j] = v, c


@kernel
def _element(x, k):
    """The element that would stand at place k if x, which holds no NaN, were sorted; x is shuffled (Hoare, Algorithm 65)."""
    low, high = 0, x.size - 1
    while low < high:
        a, b, c = x[low], x[(low + high) >> 1], x[high]
        pivot = max(min(a, b), min(max(a, b), c))
        i, j = low, high
        while i <= j:
            while x[i] < pivot:
                i += 1
            while x[j] > pivot:
                j -= 1
            if i <= j:
                x[i], x[j] = x[j], x[i]
                i, j = i + 1, j - 1
        if k <= j:
            high = j
        elif k >= i:
            low = i
        else:
            break
    return x[k]


@kernel
def _occurrence(row, value, k):
    """The place of the element of rank k, which is `value`: of equal ones that which would stand there in a stable order."""
    lower = 0
    for c in range(row.size):
        lower += _before(row[c], value, False)
    left = k - lower
    for c in range(row.size):
        if row[c] == value or (row[c] != row[c] and value != value):
            if left == 0:
                return c
            left -= 1
    return 0


@kernel
def _ranked(first, last, x, values, places, rank, R, C, step):
    """rank: from 0 on; -1: of the lower median, or of the first NaN; -2: of the lower median of what is not NaN."""
    work = np.empty(C, x.dtype)
    for r in range(first * step, min(R, last * step)):
        row, n = part(x, r * C, (r + 1) * C), 0
        for c in range(C):
            work[n] = row[c]
            n += row[c] == row[c]
        k = rank if rank >= 0 else max(n - 1, 0) // 2 if rank == -2 or n == C else n
        value = _element(work[:n], k) if k < n else x.dtype.type(np.nan)
        c = _occurrence(row, value, k)
        values[r], places[r] = row[c], c


def _do(function: Any, x: np.ndarray, *args: Any) -> None:
    R, C = x.shape
    step = max(1, STEP // C)
    run(function, x.dtype, -(-R // step), x.size >= GATE, *args, step)


def top(x: np.ndarray, k: int, largest: bool) -> tuple[np.ndarray, np.ndarray]:
    """The k largest (or smallest) elements of each row of x (rows, columns) in order, and their columns: both (rows, k).

    0 < k <= columns. For small k: the time grows with k times the logarithm of the columns.
    """
    (R, C), flat = x.shape, np.ascontiguousarray(x).reshape(-1)
    values, places = np.empty((R, k), x.dtype), np.empty((R, k), np.int64)
    _do(_top, x, flat, values.reshape(-1), places.reshape(-1), largest, R, C, k)
    return values, places


def ranked(x: np.ndarray, rank: int) -> tuple[np.ndarray, np.ndarray]:
    """The element of each row of x (rows, columns) that stands at `rank` in its order, and its column: both (rows,).

    rank 0 is the smallest; -1 the lower median, NaN where there is one; -2 the lower median of what is not NaN.
    """
    if x.dtype == np.float32 and x.shape[1] <= SHORT:
        values, places = sorted_rows(x, False)
        if rank >= 0 or not np.isnan(values[:, -1]).any():
            at = rank if rank >= 0 else (x.shape[1] - 1) // 2
            return values[:, at].copy(), places[:, at].copy()
    (R, C), flat = x.shape, np.ascontiguousarray(x).reshape(-1)
    values, places = np.empty(R, x.dtype), np.empty(R, np.int64)
    _do(_ranked, x, flat, values, places, rank, R, C)
    return values, places
