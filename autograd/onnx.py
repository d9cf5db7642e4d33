"""torch.onnx's one question that models ask. Nothing is exported."""

from __future__ import annotations


def is_in_onnx_export() -> bool:
    """False: there is no export here."""
    return False
