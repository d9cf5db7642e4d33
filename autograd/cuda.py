"""torch.cuda's questions, answered for a library that computes on the CPU only, so that scripts that ask run unchanged."""

from __future__ import annotations

import functools
from typing import Any

from . import amp as _amp


def is_available() -> bool:
    """False: there is no GPU here."""
    return False


def device_count() -> int:
    """0: there is no GPU here."""
    return 0


def is_bf16_supported(including_emulation: bool = True) -> bool:
    """False: there is no GPU here."""
    return False


def max_memory_allocated(device: Any = None) -> int:
    """0: no memory of a GPU is in use."""
    return 0


memory_allocated = memory_reserved = max_memory_reserved = max_memory_allocated


def _nothing(*args: Any, **kwargs: Any) -> None:
    """Does nothing, as torch's function of this name on a machine without a GPU."""


manual_seed = manual_seed_all = synchronize = empty_cache = _nothing


class amp:
    """torch.cuda.amp's names, for a machine without a GPU."""

    autocast = functools.partial(_amp.autocast, "cuda")
    GradScaler = functools.partial(_amp.GradScaler, "cuda")
    custom_fwd, custom_bwd = _amp.custom_fwd, _amp.custom_bwd
