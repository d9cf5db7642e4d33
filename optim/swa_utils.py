"""Averages of a model's parameters over training: stochastic weight averaging and exponential moving averages."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from importlib import import_module
from typing import Any

from autograd import Tensor, no_grad

from .lr_scheduler import LRScheduler
from .optimizer import Optimizer

__all__ = ["SWALR", "AveragedModel", "get_ema_avg_fn", "get_ema_multi_avg_fn", "get_swa_avg_fn", "get_swa_multi_avg_fn"]  # noqa: F822
__all__ += ["update_bn"]

Average = Callable[[Any, Any, int], Any]
MultiAverage = Callable[[Sequence[Tensor], Sequence[Tensor], int], None]


def __getattr__(name: str) -> Any:
    if name == "AveragedModel":  # a Module, so it stands in nn, which this package does not know
        return import_module("nn.utils.averaging").AveragedModel
    raise AttributeError(f"module 'optim.swa_utils' has no attribute {name!r}", name=name)


def get_ema_avg_fn(decay: float = 0.999) -> Average:
    """An avg_fn for `AveragedModel`: decay * average + (1 - decay) * parameter."""
    if not 0.0 <= decay <= 1.0:
        raise ValueError(f"get_ema_avg_fn: decay must be in [0, 1], got {decay}")
    return lambda average, value, count: decay * average + (1 - decay) * value


def get_ema_multi_avg_fn(decay: float = 0.999) -> MultiAverage:
    """A multi_avg_fn for `AveragedModel`: decay * average + (1 - decay) * parameter, for each, in place."""
    if not 0.0 <= decay <= 1.0:
        raise ValueError(f"get_ema_multi_avg_fn: decay must be in [0, 1], got {decay}")
    return _each_in_place(get_ema_avg_fn(decay))


def get_swa_multi_avg_fn() -> MultiAverage:
    """A multi_avg_fn for `AveragedModel`: the plain mean of all values so far, for each, in place."""
    return _each_in_place(get_swa_avg_fn())


def _each_in_place(average_of: Average) -> MultiAverage:
    def update(averages: Sequence[Tensor], values: Sequence[Tensor], count: int) -> None:
        for average, value in zip(averages, values, strict=True):
            average.copy_(average_of(average, value, count))

    return update


def get_swa_avg_fn() -> Average:
    """An avg_fn for `AveragedModel`: the plain mean of all values so far."""
    return lambda average, value, count: average + (value - average) / (count + 1)


def update_bn(loader: Iterable[Any], model: Any, device: Any = None) -> None:
    """Compute the running statistics of every batch norm anew from the pictures of `loader`."""
    norms = [m for m in model.modules() if getattr(m, "running_mean", None) is not None]
    if not norms:
        return
    momenta, was_training = [m.momentum for m in norms], model.training
    for m in norms:
        m.reset_running_stats()
        m.momentum = None  # a cumulative average
    model.train()
    with no_grad():
        for batch in loader:
            model(batch[0] if isinstance(batch, (list, tuple)) else batch)
    for m, momentum in zip(norms, momenta, strict=True):
        m.momentum = momentum
    model.train(was_training)


class SWALR(LRScheduler):
    """lr moves from where it is to swa_lr over anneal_epochs, by a cosine or a straight line, and stays there."""

    def __init__(
        self,
        optimizer: Optimizer,
        swa_lr: Any,
        anneal_epochs: int = 10,
        anneal_strategy: str = "cos",
        last_epoch: int = -1,
    ) -> None:
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(f"SWALR: anneal_strategy must be 'cos' or 'linear', got {anneal_strategy!r}")
        groups = optimizer.param_groups
        rates = list(swa_lr) if isinstance(swa_lr, (list, tuple)) else [swa_lr] * len(groups)
        if len(rates) != len(groups):
            raise ValueError(f"SWALR: swa_lr has {len(rates)} values for {len(groups)} parameter groups")
        for group, rate in zip(groups, rates, strict=True):
            group["swa_lr"] = rate
        self.anneal_epochs, self.anneal_strategy = anneal_epochs, anneal_strategy
        super().__init__(optimizer, last_epoch)

    def _part(self, t: float) -> float:
        t = min(max(t, 0.0), 1.0)
        return (1 - math.cos(math.pi * t)) / 2 if self.anneal_strategy == "cos" else t

    def get_lr(self) -> list[float]:
        step = self.last_epoch
        if self.anneal_epochs == 0:
            step = max(1, step)
        before = self._part(max(0.0, (step - 1) / max(1, self.anneal_epochs)))
        part = self._part(step / max(1, self.anneal_epochs))
        rates = []
        for group in self.optimizer.param_groups:
            if before == 1:
                start = group["swa_lr"]
            else:  # the rate that the last step was made of
                start = (group["lr"] - group["swa_lr"] * before) / (1 - before)
            rates.append(group["swa_lr"] * part + start * (1 - part))
        return rates
