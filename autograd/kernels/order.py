"""The memory order of arrays: flat views in a common one, and copies to channels-last memory."""

from __future__ import annotations

import numpy as np

from .conv_direct import channels_last

CHANNELS_LAST = {"channels_last": 4, "channels_last_3d": 5}  # memory formats of images and volumes: their dimensions


def lies_channels_last(x: np.ndarray) -> bool:
    """Whether x is (N, C, *space) whose channels lie beside one another in memory."""
    return x.ndim > 2 and bool(x.transpose(0, *range(2, x.ndim), 1).flags.c_contiguous)


def flats(*arrays: np.ndarray) -> tuple[np.ndarray, ...]:
    """1-d views of arrays of one shape in one order of elements, the first array's; the others are copied into it.

    The first array must be dense, as one made by `np.empty_like` is.
    """
    if all(a.flags.c_contiguous for a in arrays):
        return tuple(a.reshape(-1) for a in arrays)
    first = arrays[0]
    order = sorted(range(first.ndim), key=lambda axis: -first.strides[axis])
    return tuple(_in_order(a, order) for a in arrays)


def _in_order(a: np.ndarray, order: list[int]) -> np.ndarray:
    """The values of `a` flat, its axes in `order`; a copy unless they stand so."""
    if order == [0, *range(2, a.ndim), 1] and planes(a):
        return moved(a).reshape(-1)
    return np.ascontiguousarray(a.transpose(order)).reshape(-1)


def planes(a: np.ndarray) -> bool:
    """Whether `a` (N, C, *space) is worth a copy by tiles to channels-last memory, several times as fast as numpy's."""
    return a.ndim > 2 and a.size > 1 << 16 and a.dtype.kind == "f" and a.flags.carray


def moved(a: np.ndarray) -> np.ndarray:
    """(N, C, *space) in C order as (N, *space, C)."""
    N, C, *space = a.shape
    return channels_last(a.reshape(N, C, -1, 1)).reshape(N, *space, C)
