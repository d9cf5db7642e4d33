"""torch.accelerator's questions, answered for a library that computes on the CPU only."""

from __future__ import annotations

from typing import Any

from .errors import DeviceError


def is_available() -> bool:
    """False: there is no accelerator here."""
    return False


def device_count() -> int:
    """0: there is no accelerator here."""
    return 0


def current_accelerator(check_available: bool = False) -> None:
    """None: there is no accelerator here."""


def synchronize(device: Any = None) -> None:
    """Does nothing: there is no accelerator to wait for."""


def empty_cache() -> None:
    """Does nothing: there is no accelerator whose memory could be given back."""


def current_device_index() -> int:
    """Raises RuntimeError: there is no accelerator here."""
    raise DeviceError(
        "accelerator.current_device_index: this library computes on 'cpu' only; ask is_available() before"
    )


def set_device_index(device: Any) -> None:
    """Raises RuntimeError: there is no accelerator here."""
    raise DeviceError("accelerator.set_device_index: this library computes on 'cpu' only; ask is_available() before")
