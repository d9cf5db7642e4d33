"""Arrays between guard pages: a read or write outside them ends the process, where numba itself would not notice."""

from __future__ import annotations

import ctypes
import mmap

import numpy as np

_libc = ctypes.CDLL(None, use_errno=True)
_libc.mprotect.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
_PROT_NONE = 0


def guarded(array: np.ndarray, at_end: bool) -> np.ndarray:
    """A C-contiguous copy of `array` with its last byte (or first, if not at_end) against a page nobody may touch.

    The other side is guarded too, up to a page away.
    """
    page = mmap.PAGESIZE
    inner = max(1, -(-array.nbytes // page)) * page
    memory = mmap.mmap(-1, inner + 2 * page)
    base = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    for side in (base, base + page + inner):
        if _libc.mprotect(side, page, _PROT_NONE):
            raise OSError(ctypes.get_errno(), "mprotect")
    offset = page + (inner - array.nbytes if at_end else 0)
    copy = np.frombuffer(memory, array.dtype, array.size, offset).reshape(array.shape)
    copy[...] = array
    return copy
