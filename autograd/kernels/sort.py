"""Stable sorting of rows of float32, with the places where the elements came from.

An element and its place make one 64-bit number, whose order is theirs: NaN behind all numbers, -0 like 0, equal elements
by their places. Short rows are sorted by counting for each of them how many are smaller, long ones by their digits, the
lowest first.
"""

from __future__ import annotations

import numpy as np

from .buffer import flat
from .compile import kernel
from .threads import run
from .view import hold, part

GATE = 1 << 11  # elements below which a parallel launch costs more than it saves
STEP = 1 << 12  # elements a task
SHORT = 64  # elements of a row up to which counting is quicker
BLOCK = 32  # to a multiple of which short rows are filled up: as many as LLVM's loop takes at once

_SIGN, _ALL, _INF, _LOW = (np.uint64(v) for v in (0x80000000, 0xFFFFFFFF, 0x7F800000, 0x7FFFFFFF))
_HALF, _BYTE, _MOST = np.uint64(32), np.uint64(0xFF), np.uint64(2**64 - 1)


@kernel
def _numbers(bits, to, descending):
    """The elements whose bits are given, and their places, as numbers in order."""
    for c in range(bits.size):
        b = np.uint64(bits[c])
        k = _ALL - b if b > _SIGN else (b & _LOW) + _SIGN  # -0 is 0
        k = _ALL if (b & _LOW) > _INF else k
        k = _ALL - k if descending else k
        to[c] = (k << _HALF) + np.uint64(c)


@kernel
def _by_counting(numbers, n, places):
    """numbers: the n and as many of the largest as fill them up."""
    for c in range(n):
        number, smaller = numbers[c], 0
        for k in range(numbers.size):
            smaller += numbers[k] < number
        places[smaller] = c


@kernel
def _by_digits(numbers, other, counts, places):
    """Four passes, one a byte of the element; places[r]: where the element of rank r came from."""
    n = numbers.size
    counts[:] = 0
    for c in range(n):
        k = numbers[c] >> _HALF
        counts[k & _BYTE] += 1
        counts[np.uint64(256) + ((k >> np.uint64(8)) & _BYTE)] += 1
        counts[np.uint64(512) + ((k >> np.uint64(16)) & _BYTE)] += 1
        counts[np.uint64(768) + (k >> np.uint64(24))] += 1
    for digit in range(4):
        count, at = part(counts, 256 * digit, 256 * (digit + 1)), 0
        for d in range(256):
            at, count[d] = at + count[d], at
        shift = np.uint64(32 + 8 * digit)
        for c in range(n):
            v = numbers[c]
            d = (v >> shift) & _BYTE
            other[count[d]] = v
            count[d] += 1
        numbers, other = other, numbers
    for c in range(n):
        places[c] = np.int64(numbers[c] & _ALL)


@kernel
def _sorted(first, last, x, bits, values, places, descending, R, C, step):
    """Tasks of `step` rows of C elements, flat, R in all; `bits` are those of x."""
    filled = (C + BLOCK - 1) // BLOCK * BLOCK
    numbers, other, counts = np.empty(filled, np.uint64), np.empty(filled, np.uint64), np.empty(1024, np.int64)
    numbers[C:] = _MOST
    all, some, rest, digits = part(numbers, 0, filled), part(numbers, 0, C), part(other, 0, C), part(counts, 0, 1024)
    for r in range(first * step, min(R, last * step)):
        i, j = r * C, (r + 1) * C
        _numbers(part(bits, i, j), some, descending)
        if C <= SHORT:
            _by_counting(all, C, part(places, i, j))
        else:
            _by_digits(some, rest, digits, part(places, i, j))
        for c in range(i, j):
            values[c] = x[i + places[c]]
    hold(numbers, other, counts)


def sorted_rows(x: np.ndarray, descending: bool) -> tuple[np.ndarray, np.ndarray]:
    """The elements of each row of x (rows, columns) float32 in order, the largest first if `descending`, and their columns.

    Stable both ways: of equal elements the first comes first. NaN counts as the largest. At most 2**32 columns.
    """
    (R, C), x_flat = x.shape, flat(np.ascontiguousarray(x))[0]
    values, places = np.empty((R, C), x.dtype), np.empty((R, C), np.int64)
    if x.size:
        step = max(1, STEP // C)
        arrays = x_flat, x_flat.view(np.uint32), values.reshape(-1), places.reshape(-1)
        run(_sorted, x.dtype, -(-R // step), x.size >= GATE, *arrays, descending, R, C, step)
    return values, places
