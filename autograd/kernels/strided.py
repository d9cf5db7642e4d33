"""Arrays of one shape that do not lie alike in memory, such as halves of rows: how to go through them row by row.

The axes are taken in the memory order of the first array and joined where all arrays go on evenly, so that a row is as long
as can be. Elements that do not lie side by side, and short rows, are gathered first. `maps` has the loops.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from math import prod
from typing import NamedTuple

import numpy as np
from numpy import ndarray

from .buffer import flat
from .compile import kernel
from .view import part

LEAST = 1 << 12  # elements below which numpy's copies are as quick
ROW = 1 << 11  # elements taken at once at most: what is gathered of them stays in the first cache
SHORT = 64  # elements of a row below which several are gathered and taken as one
STEP = 1 << 13  # elements a task
FARTHEST = 16  # elements from one to the next, above which a copy by tiles is better than gathering them


class Plan(NamedTuple):
    """How arrays are gone through."""

    shape: tuple[int, ...]  # of the result, its axes in the order of memory
    back: tuple[int, ...] | None  # the axes that bring them into their own order
    tasks: int
    numbers: ndarray  # for the kernels below


def joined(sizes: Sequence[int], *steps: Sequence[int]) -> list[list[int]]:
    """[size, each array's step] of as few axes as will do, in their order: those along which all go on evenly are one."""
    axes: list[list[int]] = []
    for n, *own in zip(sizes, *steps, strict=True):
        if n == 1:
            continue
        if axes and all(far == near * n for far, near in zip(axes[-1][1:], own, strict=True)):
            axes[-1] = [axes[-1][0] * n, *own]
        else:
            axes.append([n, *own])
    return axes


@lru_cache(1024)
def planned(shape: tuple[int, ...], item: int, *strides: tuple[int, ...]) -> Plan | None:
    """The plan for arrays of this shape and these strides in bytes, None where copies to a common order had better be made."""
    if prod(shape) < LEAST or any(s < 0 or s % item for steps in strides for s in steps):
        return None
    far = [*strides[0], 0]  # an axis without a step stands before its neighbour, as in C order
    for i in reversed(range(len(shape))):
        far[i] = far[i] or far[i + 1]
    order = sorted(range(len(shape)), key=lambda i: -far[i])
    axes = joined([shape[i] for i in order], *[[steps[i] // item for i in order] for steps in strides])
    if not axes:
        return None
    *outer, (n, *steps) = axes
    whole = n
    if n > ROW:
        n = ROW
        outer.append([-(-whole // n), *[n * s for s in steps]])
    elif outer:
        whole = n * outer[-1][0]
    if max(steps) > FARTHEST or len(outer) > 3:
        return None
    outer = [[1] + [0] * len(strides)] * (3 - len(outer)) + outer
    rows, many = prod(axis[0] for axis in outer), 1 if n >= SHORT else ROW // n
    step = many * max(1, STEP // (n * many))
    places = [number for k in range(len(strides)) for number in (steps[k], *[axis[k + 1] for axis in outer])]
    direct = n >= SHORT and all(s == 1 for s in steps)
    numbers = np.array([n, whole, step, many, rows, outer[1][0], outer[2][0], direct, *places], np.intp)
    back = None if order == sorted(order) else tuple(int(i) for i in np.argsort(order))
    return Plan(tuple(shape[i] for i in order), back, -(-rows // step), numbers)


def memory(a: ndarray) -> ndarray:
    """The memory of `a` flat, from its first element on; no step is negative."""
    return a.reshape(-1) if a.flags.carray else flat(a)[0]


# plan: n elements a row; L of all rows along the innermost of three axes of rows, of which the last may be shorter; `step`
# rows a task, `many` at once, R in all; the sizes of the middle and the innermost axis; whether the rows' elements stand side
# by side; then of each array the steps from element to element, and along the outermost, the middle and the innermost axis.


@kernel
def begun(plan, first, last):
    """Of tasks first to last: the first row and where it stands along the three axes, and the row behind the last."""
    row = first * plan[2]
    i, rest = row // (plan[5] * plan[6]), row % (plan[5] * plan[6])
    return row, i, rest // plan[6], rest % plan[6], min(plan[4], last * plan[2])


@kernel
def after(middle, inner, i, j, k):
    """Where the next row stands."""
    k += 1
    if k == inner:
        k, j = 0, j + 1
        if j == middle:
            j, i = 0, i + 1
    return i, j, k


@kernel
def gathered(plan, which, a, i, j, k, n, m, room):
    """room = m elements of array number `which`, those of rows of n elements from (i, j, k) on."""
    own, middle, inner = 8 + 4 * which, plan[5], plan[6]
    step, far, near, next_ = plan[own], plan[own + 1], plan[own + 2], plan[own + 3]
    for o in range(0, m, n):
        at, to = i * far + j * near + k * next_, part(room, o, o + n)
        if step == 1:
            row = part(a, at, at + n)
            for c in range(to.size):
                to[c] = row[c]
        elif step == 2:  # a step that the compiler knows: it takes vectors apart
            row = part(a, at, at + 2 * n - 1)
            for c in range(to.size):
                to[c] = row[np.uint64(2 * c)]
        else:
            for c in range(to.size):
                to[c] = a[np.uint64(at + c * step)]
        i, j, k = after(middle, inner, i, j, k)
