"""torch.backends' questions and switches on a machine without a GPU: answered, and set without an effect."""

from __future__ import annotations

from types import SimpleNamespace


def _no() -> bool:
    return False


cudnn = SimpleNamespace(
    is_available=_no, version=lambda: None, enabled=True, benchmark=False, deterministic=False, allow_tf32=True
)
cuda = SimpleNamespace(is_built=_no, matmul=SimpleNamespace(allow_tf32=False))
mps = SimpleNamespace(is_available=_no, is_built=_no)
