"""torch.utils, by its own names: `utils.checkpoint.checkpoint`, and `utils.data`, which is `nn.data`."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from . import function as checkpoint

__all__ = ["checkpoint"]
__path__: list[str] = []  # `import autograd.utils.data` looks for a package


def __getattr__(name: str) -> Any:
    if name == "data":
        return import_module("nn.data")
    raise AttributeError(f"module 'autograd.utils' has no attribute {name!r}", name=name)
