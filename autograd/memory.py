"""Freed memory stays with the process, for the next training step asks for the same again.

glibc takes large arrays from the system one by one, gives them back when they are freed, and returns what is free at the
end of its heap; the next step pays for every page once more: a fifth of a LeNet-5 step, a quarter of a YOLO step. So
arrays of any size come from the heap here, and up to 2 GB of its end is kept. A program that holds much more for a
short while and then little, and needs the memory elsewhere, sets `$TAPEGRAD_KEEP_MEMORY` to 0.
"""

from __future__ import annotations

import ctypes
import os
import sys

# man 3 mallopt
M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_MAX = -1, -2, -4


def keep_freed() -> bool:
    """Tell glibc so; whether it was done: not where `$TAPEGRAD_KEEP_MEMORY` is 0 or the environment has glibc's settings."""
    own = any(name.startswith("MALLOC_") for name in os.environ) or "malloc" in os.environ.get("GLIBC_TUNABLES", "")
    if own or os.environ.get("TAPEGRAD_KEEP_MEMORY") == "0" or not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):  # another C library
        return False
    settings = (M_MMAP_MAX, 0), (M_TRIM_THRESHOLD, 2**31 - 1), (M_TOP_PAD, 16 << 20)
    return all([mallopt(name, value) == 1 for name, value in settings])
