"""torch.cuda's questions, answered for a library that computes on the CPU only, so that scripts that ask run unchanged."""

from __future__ import annotations

from typing import Any


def is_available() -> bool:
    """False: there is no GPU here."""
    return False


def device_count() -> int:
    """0: there is no GPU here."""
    return 0


def _nothing(*args: Any, **kwargs: Any) -> None:
    """Does nothing, as torch's function of this name on a machine without a GPU."""


manual_seed = manual_seed_all = synchronize = empty_cache = _nothing
