"""One handle for either library: the benchmarks are written once against it, and built by both."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
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
