"""torch.backends' questions and switches on a machine without a GPU: answered, and set without an effect."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any


def _no() -> bool:
    return False


@contextlib.contextmanager
def _unchanged(*args: Any, **options: Any) -> Iterator[None]:
    yield


def _switch(enabled: bool) -> None:
    """There is one way to compute attention."""


cudnn = SimpleNamespace(
    is_available=_no,
    version=lambda: None,
    enabled=True,
    benchmark=False,
    deterministic=False,
    allow_tf32=True,
    flags=_unchanged,
)
cuda = SimpleNamespace(
    is_built=_no,
    matmul=SimpleNamespace(allow_tf32=False, allow_fp16_reduced_precision_reduction=False),
    sdp_kernel=_unchanged,
    enable_flash_sdp=_switch,
    enable_mem_efficient_sdp=_switch,
    enable_math_sdp=_switch,
)
mkldnn = SimpleNamespace(is_available=_no, flags=_unchanged)
mps = SimpleNamespace(is_available=_no, is_built=_no)
