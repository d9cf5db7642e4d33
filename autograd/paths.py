"""`import autograd.nn as nn`: torch's dotted places as modules that can be imported, when `torch` was written over.

`autograd.nn`, `autograd.optim` and what is below them are the packages `nn` and `optim`; `autograd.autograd` is `autograd`, as
`torch.autograd` is in torch; `autograd.utils.data` is `nn.data`. Each name gives the one module there is, not a copy.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

PLACES = {
    "autograd.autograd": "autograd",
    "autograd.grad_mode": "autograd.tape",
    "autograd.multiprocessing": "multiprocessing",
    "autograd.nn": "nn",
    "autograd.optim": "optim",
    "autograd.profiler.profiler": "autograd.profiler",
    "autograd.serialization": "autograd.io",
    "autograd.utils.data": "nn.data",
    "autograd.utils.hooks": "nn.hooks",
    "autograd.utils._foreach_utils": "autograd.foreach",
    "autograd.utils.model_zoo": "autograd.hub",
    "autograd.utils.checkpoint": "autograd.function",
    "autograd.utils._pytree": "autograd.pytree",
    "autograd.variable": "autograd.settings",
    "nn.data._utils.collate": "nn.data.loader",
    "nn.data._utils": "nn.data",
    "nn.data.distributed": "nn.data.sampler",
    "nn.data.dataloader": "nn.data.loader",
    "nn.parallel.distributed": "nn.parallel",
    "nn.parallel.scatter_gather": "nn.parallel",
    "nn.utils.clip_grad": "nn.utils.clip",
    "nn.utils.convert_parameters": "nn.utils.vector",
    "optim.adamw": "optim.adam",
}  # fmt: skip


def real(name: str) -> str | None:
    """The module that a dotted name means, None where it means itself."""
    if name == "autograd.distributions.constraints":
        return "autograd.constraints"
    if name.startswith("autograd.distributions."):
        return "autograd.distributions"  # one file here, one a distribution in torch
    for place, module in PLACES.items():
        if name == place or name.startswith(f"{place}."):
            found = module + name[len(place) :]
            return real(found) or found
    return None


class _Finder(MetaPathFinder, Loader):
    def find_spec(self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None) -> Any:
        if not fullname.startswith(("autograd.", "nn.", "optim.")) or real(fullname) is None:
            return None
        return ModuleSpec(fullname, self)

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        module = import_module(real(spec.name) or spec.name)
        spec.loader_state = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        spec = module.__spec__  # the import system has put the name's own there
        assert spec is not None
        module.__spec__ = spec.loader_state
        sys.modules[spec.name] = module


def enter() -> None:
    """Ask here first: below `autograd.nn`, which is `nn`, the files would be found and run once more."""
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())
