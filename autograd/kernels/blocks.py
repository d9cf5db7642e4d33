"""An array without gaps in the order of its memory: as blocks of rows, where it is reduced over some of its axes."""

from __future__ import annotations

from functools import lru_cache
from math import prod
from typing import NamedTuple

from numpy import ndarray

from .buffer import flat


class Blocks(NamedTuple):
    """How an array lies in memory; `steps` from the innermost axes on: A blocks of B rows of C columns, reduced over B.

    Where there is one step, what belongs to the array is (A, B, C) in memory, and what belongs to its reduction (A, C).
    """

    order: tuple[int, ...]  # the axes from the outermost in memory to the innermost
    back: tuple[int, ...]  # the places of the axes in it
    shape: tuple[int, ...]  # in that order
    kept: tuple[int, ...]  # in that order, the reduced axes as 1
    short: tuple[int, ...] | None  # the shape of the result, where that lies in the order of its axes
    reduced: tuple[int, ...]  # axes
    steps: tuple[tuple[int, int, int], ...]

    def flat(self, x: ndarray) -> ndarray:
        """x as its memory has it."""
        if not x.flags.writeable:
            return flat(x)[0]
        return x.ravel() if x.flags.c_contiguous else x.transpose(self.order).reshape(-1)

    def result(self, y: ndarray, keepdim: bool) -> ndarray:
        """The reduction from its memory."""
        if self.short is not None and not keepdim:
            return y.reshape(self.short)
        y = y.reshape(self.kept).transpose(self.back)
        return y if keepdim else y.squeeze(self.reduced)

    def like(self, y: ndarray) -> ndarray:
        """An array of the whole shape from its memory."""
        return y.reshape(self.shape).transpose(self.back)

    def given(self, y: ndarray) -> ndarray:
        """What has the shape of the reduction, in the order of the array's memory, flat; a copy unless it lies so."""
        if self.short is None:
            kept = tuple([self.kept[k] for k in self.back])
            y = y.reshape(kept).transpose(self.order)
        return y.reshape(-1)


@lru_cache(4096)
def blocks(shape: tuple[int, ...], strides: tuple[int, ...], item: int, axes: tuple[int, ...] | None) -> Blocks | None:
    """The blocks of an array, not empty, of these shape, strides and bytes an element; None where it has gaps.

    axes: not negative; None for all.
    """
    n = len(shape)
    long = sorted([i for i in range(n) if shape[i] > 1], key=lambda i: -strides[i])
    order = tuple(range(n)) if long == sorted(long) else (*[i for i in range(n) if shape[i] == 1], *long)
    step, inside, lengths, over = item, 1, [1], [False]
    for i in reversed(long):
        if strides[i] != step:
            return None
        step *= shape[i]
        r = axes is None or i in axes
        if r is over[-1]:
            lengths[-1] *= shape[i]
        else:
            lengths.append(shape[i])
            over.append(r)
    outside, steps = prod(shape), []
    for length, r in zip(lengths, over, strict=True):
        outside //= length
        if r:
            steps.append((outside, length, inside))
        else:
            inside *= length
    reduced = tuple([i for i in range(n) if axes is None or i in axes])
    keeps = [i for i in order if i not in reduced]
    return Blocks(
        order, tuple(sorted(range(n), key=order.__getitem__)), tuple([shape[i] for i in order]),
        tuple([1 if i in reduced else shape[i] for i in order]),
        tuple([shape[i] for i in keeps]) if keeps == sorted(keeps) else None, reduced, tuple(steps),
    )  # fmt: skip
