"""torch.cuda's questions, answered for a library that computes on the CPU only, so that scripts that ask run unchanged."""

from __future__ import annotations

import functools
import sys
from types import ModuleType
from typing import Any

from . import amp as _amp
from .errors import DeviceError


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
seed = seed_all = ipc_collect = init = reset_peak_memory_stats = _nothing
reset_max_memory_allocated = reset_max_memory_cached = _nothing
memory_cached = max_memory_cached = memory_allocated


def is_initialized() -> bool:
    """False: there is no GPU here."""
    return False


def _none(name: str) -> Any:
    def refused(*args: Any, **kwargs: Any) -> Any:
        raise DeviceError(f"cuda.{name}: this library computes on 'cpu' only; ask is_available() before")

    refused.__name__ = refused.__qualname__ = name
    refused.__doc__ = "Raises RuntimeError: there is no GPU here."
    return refused


_REFUSED = "current_device current_stream default_stream device get_device_capability get_device_name"
_REFUSED += (
    " get_device_properties get_rng_state mem_get_info memory_summary set_device set_rng_state stream Event Stream"
)
globals().update({_name: _none(_name) for _name in _REFUSED.split()})


class OutOfMemoryError(RuntimeError):
    """What torch raises where a GPU's memory is used up, and programs catch; never raised here.

    >>> issubclass(autograd.OutOfMemoryError, RuntimeError)
    True
    """


__path__: list[str] = []  # `from autograd.cuda.amp import autocast` looks for a package
amp = ModuleType("autograd.cuda.amp", "torch.cuda.amp's names, for a machine without a GPU.")
vars(amp).update(
    autocast=functools.partial(_amp.autocast, "cuda"), GradScaler=functools.partial(_amp.GradScaler, "cuda"),
    custom_fwd=_amp.custom_fwd, custom_bwd=_amp.custom_bwd,
)  # fmt: skip
sys.modules[amp.__name__] = amp
_initialized = False
