"""torch.distributed's questions: there are no process groups here, one process computes on all cores."""

from __future__ import annotations

from typing import Any


def is_available() -> bool:
    """False: there are no process groups here."""
    return False


def is_initialized() -> bool:
    """False: there are no process groups here."""
    return False


def _none(*args: Any, **kwargs: Any) -> Any:
    """Raises ValueError: there is no process group."""
    raise ValueError("distributed: there are no process groups here; ask is_initialized() before")


get_rank = get_world_size = barrier = all_reduce = broadcast = destroy_process_group = init_process_group = _none
