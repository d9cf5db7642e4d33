"""Freed memory stays with the process, for the next training step asks for the same again.

glibc gives what is freed at the end of the heap back to the system at once, and the next step pays for every page of it
once more: a fifth of a LeNet-5 step. So the two thresholds are raised as far as they go. What is kept is bounded by
the peak of use, and arrays above 32 MB still come and go as mappings of their own.
"""

from __future__ import annotations

import ctypes
import os
import sys

# man 3 mallopt
M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_THRESHOLD = -1, -2, -3


def keep_freed() -> bool:
    """Raise glibc's thresholds; whether it was done: not where `$TAPEGRAD_KEEP_MEMORY` is 0 or the environment sets them."""
    own = any(name.startswith("MALLOC_") for name in os.environ) or "malloc" in os.environ.get("GLIBC_TUNABLES", "")
    if own or os.environ.get("TAPEGRAD_KEEP_MEMORY") == "0" or not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):  # another C library
        return False
    settings = (M_MMAP_THRESHOLD, 32 << 20), (M_TRIM_THRESHOLD, 2**31 - 1), (M_TOP_PAD, 16 << 20)
    return all([mallopt(name, value) == 1 for name, value in settings])
