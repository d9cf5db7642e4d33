"""torch.utils, by its own names: `utils.checkpoint.checkpoint`, `utils.model_zoo.load_url`, and `utils.data`: `nn.data`."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from . import function as checkpoint
from . import hub as model_zoo

__all__ = ["checkpoint", "model_zoo"]
__path__: list[str] = []  # `import autograd.utils.data` looks for a package


def __getattr__(name: str) -> Any:
    if name in ("data", "hooks"):
        return import_module(f"nn.{name}")
    raise AttributeError(f"module 'autograd.utils' has no attribute {name!r}", name=name)
