"""Averages of a model's parameters over training: stochastic weight averaging and exponential moving averages."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from copy import deepcopy
from typing import Any

import numpy as np

from autograd import Tensor, no_grad, tensor

from .lr_scheduler import LRScheduler
from .optimizer import Optimizer

Average = Callable[[Any, Any, int], Any]
MultiAverage = Callable[[Sequence[Tensor], Sequence[Tensor], int], None]


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


class AveragedModel:
    """A copy of `model` whose parameters are averages; `update_parameters(model)` takes the current ones in.

    avg_fn(average, value, count): the new average, of arrays; the mean by default. multi_avg_fn(averages, values, count):
    writes the new averages into the tensors of the first list. use_buffers: buffers are averaged too.
    Calls and attributes go to the copy, `module`. Source: Izmailov et al., https://arxiv.org/abs/1803.05407.
    """

    def __init__(
        self,
        model: Any,
        device: Any = None,
        avg_fn: Average | None = None,
        multi_avg_fn: MultiAverage | None = None,
        use_buffers: bool = False,
    ) -> None:
        if avg_fn is not None and multi_avg_fn is not None:
            raise AssertionError("AveragedModel: only one of avg_fn and multi_avg_fn should be provided")
        self.module = deepcopy(model)
        self.avg_fn, self.multi_avg_fn = avg_fn or get_swa_avg_fn(), multi_avg_fn
        self.use_buffers, self.n_averaged = use_buffers, 0

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.module(*args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        if name == "module":
            raise AttributeError(name)
        return getattr(self.module, name)

    def update_parameters(self, model: Any) -> None:
        """Take the parameters of `model` into the average (the first time: copy them)."""
        mine, theirs = list(self.module.parameters()), list(model.parameters())
        if self.use_buffers:
            mine, theirs = mine + list(self.module.buffers()), theirs + list(model.buffers())
        together = self.multi_avg_fn is not None and self.n_averaged > 0
        for average, value in zip(mine, theirs, strict=True):
            if not (together and value.is_floating_point()):
                self._take(average, value)
        if together:
            floats = [(a, v.detach()) for a, v in zip(mine, theirs, strict=True) if v.is_floating_point()]
            with no_grad():
                self.multi_avg_fn([a for a, _ in floats], [v for _, v in floats], self.n_averaged)  # type: ignore[misc]
        if not self.use_buffers:
            for average, value in zip(self.module.buffers(), model.buffers(), strict=True):
                np.copyto(average._data, value._data)
        self.n_averaged += 1

    def _take(self, average: Tensor, value: Tensor) -> None:
        first = self.n_averaged == 0 or not value.is_floating_point()
        data = value._data if first else self.avg_fn(average._data, value._data, self.n_averaged)
        np.copyto(average._data, data, casting="unsafe")
        average._cell.written("AveragedModel")

    def state_dict(self) -> dict[str, Any]:
        """The state of the copy under `module.`, and how many were averaged: torch's names."""
        state = {f"module.{name}": value for name, value in self.module.state_dict().items()}
        return {"n_averaged": tensor(self.n_averaged), **state}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what `state_dict` returned."""
        own = {name.removeprefix("module."): value for name, value in state_dict.items() if name != "n_averaged"}
        self.module.load_state_dict(own)
        self.n_averaged = int(state_dict["n_averaged"])


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
