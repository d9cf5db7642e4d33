"""One handle for either library: the benchmarks are written once against it, and built by both."""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

OURS, TORCH, NUMPY = "tapegrad", "torch", "numpy"
MODULES = {
    OURS: ("autograd", "nn", "nn.functional", "optim"),
    TORCH: ("torch", "torch.nn", "torch.nn.functional", "torch.optim"),
}


class Library:
    """The modules of `name` ("tapegrad" or "torch") and what the two spell differently.

    variant: words for a way to run torch: "channels_last", and "fused" or "foreach" for its optimizers. tapegrad has
    one way, and its memory is channels-last whatever the user does.
    """

    def __init__(self, name: str, variant: str = "") -> None:
        self.name, self.variant = name, variant
        self.base, self.nn, self.F, self.optim = (importlib.import_module(module) for module in MODULES[name])
        self.grad: Callable[..., Any] = self.base.grad if name == OURS else self.base.autograd.grad

    def array(self, values: np.ndarray, grad: bool = False, as_made: bool = False) -> Any:
        """A tensor of `values`; four dimensions in the variant's memory order, or as tapegrad's layers leave them.

        as_made: what tapegrad gets from its user, pictures and parameters, lies in the order of the dimensions.
        """
        if self.name == OURS and values.ndim == 4 and not as_made:
            values = np.ascontiguousarray(values.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
        x = self.base.from_numpy(values)
        if values.ndim == 4 and "channels_last" in self.variant:
            x = x.contiguous(memory_format=self.base.channels_last)
        return x.requires_grad_() if grad else x

    def model(self, model: Any) -> Any:
        """`model` in the memory order of the variant."""
        return model.to(memory_format=self.base.channels_last) if "channels_last" in self.variant else model

    def optimizer(self, kind: str, parameters: Any, **settings: Any) -> Any:
        """The optimizer `kind`, with the variant's implementation."""
        ways = {word: True for word in ("fused", "foreach") if word in self.variant} if self.name == TORCH else {}
        return getattr(self.optim, kind)(parameters, **settings, **ways)


CHAIN = "chain = lambda x, *modules: chain(modules[0](x), *modules[1:]) if modules else x"
# What nn/models/*.py import, and what stands for it on torch. Of the library itself nothing is left, for the figures of torch
# are to be torch's: what explains wrong pictures and reads files is made of nothing.
ON_TORCH = {
    "import autograd": "import torch as autograd",
    "import nn": "import torch.nn as nn",
    "import nn.functional as F": "import torch.nn.functional as F",
    "from autograd import Tensor": "from torch import Tensor",
    "from nn.container import chain": CHAIN,
    "from nn.container import chain, chain_beside": CHAIN
    + "; chain_beside = lambda shortcut, x, *modules: modules[-1](chain(x, *modules[:-1]) + shortcut)",
    "from ._shapes import explain_shapes": "explain_shapes = lambda forward: forward",
    "from .weights import build": "build = lambda network, *args, weights, **options: network(*args, **options)",
    "from .weights import build, load_weights": "build = lambda network, *args, weights, **options: network(*args, **options)",
    "from .googlenet import to_unit_range": "from models_on_torch.googlenet import to_unit_range",
}


def models_on_torch(file: str) -> ModuleType:
    """nn/models/<file>.py on torch: the same text, its imports replaced."""
    name = f"models_on_torch.{file}"
    if name not in sys.modules:
        text = (Path(__file__).resolve().parent.parent / "nn" / "models" / f"{file}.py").read_text(encoding="utf-8")
        lines = [ON_TORCH.get(line, line) for line in text.splitlines()]
        for line in lines:
            found = re.match(r"from models_on_torch\.(\w+) ", line)
            if found:
                models_on_torch(found[1])
            if re.match(r"(from|import) (\.|autograd|nn\b)", line):
                raise ImportError(f"nn/models/{file}.py: {line!r} is not in ON_TORCH, so it cannot be built on torch")
        module = ModuleType(name)
        exec(compile("\n".join(lines), f"{file}.py on torch", "exec"), module.__dict__)
        sys.modules[name] = module
    return sys.modules[name]


@dataclass
class Case:
    """One thing to time: `run` does it once; `check` gives numbers that both libraries must agree on."""

    run: Callable[[], Any]
    check: Callable[[], list[float]]


@dataclass(frozen=True)
class Row:
    """One line of the table: a name, how each library builds it, torch's variants, the highest ratio that is wanted.

    numpy: the same in plain numpy, where that is interesting. heavy: large in memory, so one variant at a time. per:
    divides the time of a run, where a run is many of the thing named. tolerance: of the numbers compared, relative.
    """

    name: str
    build: Callable[[Library], Case]
    variants: tuple[str, ...] = ("",)
    limit: float | None = None
    numpy: Callable[[], Case] | None = None
    heavy: bool = False
    per: int = 1
    tolerance: float = 1e-3


def fingerprint(values: Any) -> list[float]:
    """The mean size of an array and, of that order too, its projection on fixed cosines: what must agree."""
    x = np.asarray(values.detach() if hasattr(values, "detach") else values, np.float64).reshape(-1)
    return [float(np.abs(x).mean()), float((x * np.cos(np.arange(x.size))).sum() / np.sqrt(x.size))]
