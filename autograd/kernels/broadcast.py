"""Functions of two arrays of unlike shapes, one stretched over the other: by rows, as they lie in memory.

numpy calls its loop anew for every row, which costs more than a row of some hundred elements, and works on one thread.
Here the axes are taken in the order of memory and joined where both arrays go on evenly, so that a row is as long as can
be; where the rows are short and one array repeats from row to row, its row is laid down several times beforehand and
many rows are taken at once.
"""

from __future__ import annotations

from functools import lru_cache
from math import prod
from typing import Any, NamedTuple

import numpy as np
from numpy import ndarray

from .maps import APPLY, Map, specialised
from .strided import joined, memory
from .threads import run
from .view import part

LEAST = 1 << 12  # elements of the result below which numpy is as quick
GATE = 1 << 15  # elements below which a parallel launch costs more than it saves
STEP = 1 << 14  # elements a task
SHORT = 128  # elements of a row below which several are taken as one, if they can be ...
LONG = 1024  # ... up to so many elements


class Plan(NamedTuple):
    """How two arrays are gone through."""

    shape: tuple[int, ...]  # of the result, its axes in the order of memory
    back: tuple[int, ...] | None  # the axes that bring them into their own order
    repeated: int | None  # which of the two is laid down several times beforehand, ...
    times: int  # ... and how often
    tasks: int
    numbers: ndarray  # for the kernel: see `_rows`


# plan: n elements a row; L of all rows along the innermost of three axes of rows, of which the last may be shorter; `step`
# rows a task, R in all; the sizes of the middle and the innermost axis; the steps of a and b within a row (0 or 1), then
# along the outermost, the middle and the innermost axis.


def _rows(first, last, a, b, y, plan):  # type: ignore[no-untyped-def]
    n, L, step, R, middle, inner, a_in, b_in = plan[0], plan[1], plan[2], plan[3], plan[4], plan[5], plan[6], plan[7]
    begin = first * step
    i, rest = begin // (middle * inner), begin % (middle * inner)
    j, k = rest // inner, rest % inner
    for _ in range(begin, min(R, last * step)):
        m = min(n, L - k * n)
        at = (i * middle + j) * L + k * n
        at_a = i * plan[8] + j * plan[10] + k * plan[12]
        at_b = i * plan[9] + j * plan[11] + k * plan[13]
        out = part(y, at, at + m)
        if a_in and b_in:
            a_part, b_part = part(a, at_a, at_a + m), part(b, at_b, at_b + m)
            for c in range(out.size):
                out[c] = APPLY(a_part[c], b_part[c])
        elif a_in:
            a_part, other = part(a, at_a, at_a + m), b[at_b]
            for c in range(out.size):
                out[c] = APPLY(a_part[c], other)
        else:
            one, b_part = a[at_a], part(b, at_b, at_b + m)
            for c in range(out.size):
                out[c] = APPLY(one, b_part[c])
        k += 1
        if k == inner:
            k = 0
            j += 1
            if j == middle:
                j = 0
                i += 1


Strides = tuple[int, ...]


def _stretched(shape: Strides, strides: Strides, ndim: int) -> list[int]:
    """The strides of an array as one of `ndim` axes, 0 along those it is stretched over."""
    return [0] * (ndim - len(shape)) + [0 if n == 1 else s for n, s in zip(shape, strides, strict=True)]


@lru_cache(1024)
def planned(x_shape: Strides, x_strides: Strides, y_shape: Strides, y_strides: Strides, item: int) -> Plan | None:
    """The plan for two arrays of these shapes and strides in bytes, None where numpy had better do it."""
    ndim = max(len(x_shape), len(y_shape))
    try:
        shape = np.broadcast_shapes(x_shape, y_shape)
    except ValueError:
        return None  # numpy says what is wrong
    if prod(shape) < LEAST or any(s < 0 or s % item for s in (*x_strides, *y_strides)):
        return None
    a, b = _stretched(x_shape, x_strides, ndim), _stretched(y_shape, y_strides, ndim)
    full = x_strides if shape == x_shape else y_strides if shape == y_shape else None
    order = list(range(ndim)) if full is None else sorted(range(ndim), key=lambda i: -full[i])
    axes = joined([shape[i] for i in order], *[[s[i] // item for i in order] for s in (a, b)])
    if not axes:
        return None
    *outer, (n, *steps) = axes
    if steps not in ([1, 1], [1, 0], [0, 1]):
        return None
    repeated, times, whole = None, 1, 0
    if n < SHORT and outer and steps == [1, 1]:
        count, *over = outer[-1]
        for k in (0, 1):  # a row of one array over and over beside the other, which goes on
            if over[k] == 0 and over[1 - k] == n and not any(axis[1 + k] for axis in outer):
                repeated, times, whole = k, min(count, LONG // n), n * count
                n, outer[-1] = n * times, [-(-count // times), n * times * (k == 1), n * times * (k == 0)]
    elif n > STEP:
        whole = n
        outer.append([-(-n // STEP), STEP * steps[0], STEP * steps[1]])
        n = STEP
    if len(outer) > 3:
        return None
    outer = [[1, 0, 0]] * (3 - len(outer)) + outer
    rows, (middle, inner) = prod(size for size, _, _ in outer), (size for size, _, _ in outer[1:])
    step = max(1, STEP // n)
    further = [s for axis in outer for s in axis[1:]]
    numbers = np.array([n, whole or inner * n, step, rows, middle, inner, *steps, *further], dtype=np.intp)
    back = None if order == sorted(order) else tuple(int(i) for i in np.argsort(order))
    return Plan(tuple(shape[i] for i in order), back, repeated, times, -(-rows // step), numbers)


_kernels: dict[Map, Any] = {}


def broadcast(function: Map, x: ndarray, y: ndarray) -> ndarray | None:
    """function(x, y) of two arrays of one dtype whose shapes broadcast; None where numpy had better do it."""
    plan = planned(x.shape, x.strides, y.shape, y.strides, x.itemsize)
    if plan is None:
        return None
    loop = _kernels.get(function)
    if loop is None:
        loop = _kernels[function] = specialised(_rows, function.function, 0)
    arrays = [memory(x), memory(y)]
    if plan.repeated is not None:
        arrays[plan.repeated] = np.tile(arrays[plan.repeated], plan.times)
    out = np.empty(plan.shape, x.dtype)
    run(loop, x.dtype, plan.tasks, out.size >= GATE, *arrays, out.reshape(-1), plan.numbers)
    return out if plan.back is None else out.transpose(plan.back)
