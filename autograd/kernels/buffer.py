"""Flat views and aligned workspaces: what a kernel is called with."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np

KEPT = 2**24  # bytes up to which a thread keeps a workspace: fresh pages cost as much as filling them
LINE = 64  # bytes in a cache line, and in an AVX-512 vector


class _Memory:
    """A span of memory as numpy's array interface describes it; `owner` keeps it alive."""

    __slots__ = ("__array_interface__", "owner")

    def __init__(self, owner: np.ndarray, address: int, length: int) -> None:
        self.owner = owner
        self.__array_interface__ = {
            "version": 3, "typestr": owner.dtype.str, "shape": (length,), "data": (address, False), "strides": None,
        }  # fmt: skip


def flat(a: np.ndarray) -> tuple[np.ndarray, int, tuple[int, ...]]:
    """A contiguous 1-d array over the memory of `a`, where its first element lies in it, and its strides in elements.

    Any strides, also negative, zero and overlapping ones; only an array that is unaligned, or whose strides are no
    whole number of elements, is copied. The result counts as writeable even if `a` does not, since numba would compile
    every kernel once more for read-only arrays: who writes to it must have asked `a`.
    """
    item = a.itemsize
    if a.flags.c_contiguous and a.flags.writeable:
        return a.reshape(-1), 0, tuple([s // item for s in a.strides])
    if a.flags.f_contiguous and a.flags.writeable:
        return a.T.reshape(-1), 0, tuple([s // item for s in a.strides])
    if not a.flags.aligned or any(s % item for s in a.strides) or a.size == 0:
        a = np.array(a, order="C")
        return a.reshape(-1), 0, tuple([s // item for s in a.strides])
    steps = tuple([s // item for s in a.strides])
    before = -sum((n - 1) * s for n, s in zip(a.shape, steps, strict=True) if s < 0)
    after = sum((n - 1) * s for n, s in zip(a.shape, steps, strict=True) if s > 0)
    address = a.__array_interface__["data"][0] - before * item
    return np.asarray(_Memory(a, address, before + after + 1)), before, steps


def aligned(length: int, dtype: Any) -> np.ndarray:
    """An uninitialised 1-d array that starts on a cache line: vectors that straddle lines cost 10-15 %."""
    dtype = np.dtype(dtype)
    raw = np.empty(length * dtype.itemsize + LINE, np.uint8)
    start = -raw.__array_interface__["data"][0] % LINE
    return raw[start : start + length * dtype.itemsize].view(dtype)


_held = threading.local()


def workspace(name: str, length: int, dtype: Any) -> np.ndarray:
    """`aligned`, but from memory this thread keeps under `name`: good until the thread asks for that name again."""
    dtype = np.dtype(dtype)
    size = length * dtype.itemsize
    if size > KEPT:
        return aligned(length, dtype)
    held = _held.__dict__.get(name)
    if held is None or held.size < size:
        held = _held.__dict__[name] = aligned(size, np.uint8)
    return held[:size].view(dtype)
