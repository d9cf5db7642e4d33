"""The learning-rate range test: the loss while the rate grows from step to step."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import autograd
from nn.training.extras import pyplot


@dataclass
class LearningRates:
    """What `find_lr` saw: each rate, the loss at it, and the smoothed loss; (steps,) each."""

    lrs: np.ndarray
    losses: np.ndarray
    smoothed: np.ndarray

    @property
    def lowest(self) -> float:
        """The rate with the lowest smoothed loss: already too high to train with."""
        return float(self.lrs[self.smoothed.argmin()])

    @property
    def steepest(self) -> float:
        """The rate at which the smoothed loss falls fastest with the rate's logarithm, before it is lowest."""
        end = int(self.smoothed.argmin()) + 1
        if end < 3:
            return float(self.lrs[0])
        slope = np.gradient(self.smoothed[:end], np.log(self.lrs[:end]))
        return float(self.lrs[slope.argmin()])

    @property
    def suggestion(self) -> float:
        """A rate to start from: a tenth of `lowest`, or `steepest` if that is lower still."""
        return min(self.lowest / 10, self.steepest)

    def picture(self, path: str | Path) -> None:
        """Draw the losses over the rates, with the suggestion."""
        plt = pyplot("LearningRates.picture")
        figure, axes = plt.subplots(figsize=(6.4, 3.8), layout="constrained")
        axes.plot(self.lrs, self.losses, color="#c3cad4", linewidth=1, label="loss of the batch")
        axes.plot(self.lrs, self.smoothed, color="#2563a8", label="smoothed")
        for rate, colour, name in (
            (self.suggestion, "#d9730d", f"suggestion {self.suggestion:.2g}"),
            (self.lowest, "#8a8f98", f"lowest {self.lowest:.2g}"),
        ):
            axes.axvline(rate, color=colour, linestyle="--", linewidth=1, label=name)
        low, first = self.smoothed.min(), self.smoothed[: max(3, len(self.smoothed) // 10)].max()
        room = max(first - low, 1e-12)
        axes.set(
            xscale="log", xlabel="learning rate", ylabel="loss", ylim=(low - 0.1 * room, first + 0.6 * room),
            title="Learning-rate range test",
        )  # fmt: skip
        axes.legend(frameon=False, fontsize=9)
        figure.savefig(path, dpi=110)
        plt.close(figure)


def find_lr(
    model: Any,
    optimizer: Any,
    loss: Callable[[Any], autograd.Tensor],
    batches: Iterable[Any],
    low: float = 1e-7,
    high: float = 10.0,
    steps: int = 100,
    smoothing: float = 0.9,
    diverged: float = 4.0,
) -> LearningRates:
    """Train for `steps` batches while the rate grows from `low` to `high`, evenly in its logarithm; see what the loss does.

    `loss(batch)` gives the loss to go down; batches are taken again from the start when they run out. The test ends early when
    the smoothed loss is `diverged` times its lowest, or no longer finite. Smoothed: an exponentially weighted mean with
    factor `smoothing`, bias corrected. Parameter groups keep the ratios of their rates. Model, optimizer and the default
    generator are put back to where they were, also after an error.

    Errors: ValueError for settings, or where the first loss is not finite.
    Source: Smith 2015, arXiv:1506.01186, section 3.3.
    """
    if not 0 < low < high or steps < 2 or not 0 <= smoothing < 1 or not diverged > 1:
        raise ValueError(
            f"find_lr: expected 0 < low < high, steps >= 2, 0 <= smoothing < 1 and diverged > 1; got low={low}, high={high}, "
            f"steps={steps}, smoothing={smoothing}, diverged={diverged}"
        )
    weights = {name: np.copy(t.numpy(force=True)) for name, t in model.state_dict().items()}
    held, random = deepcopy(optimizer.state_dict()), autograd.get_rng_state()
    top = max(group["lr"] for group in optimizer.param_groups)
    shares = [group["lr"] / top if top else 1.0 for group in optimizer.param_groups]
    seen: list[tuple[float, float, float]] = []
    mean, best = 0.0, math.inf
    try:
        for step, batch in zip(range(steps), _again(batches), strict=False):
            lr = low * (high / low) ** (step / (steps - 1))
            for group, share in zip(optimizer.param_groups, shares, strict=True):
                group["lr"] = lr * share
            optimizer.zero_grad()
            value = loss(batch)
            value.backward()
            optimizer.step()
            number = value.item()
            mean = smoothing * mean + (1 - smoothing) * number
            smooth = mean / (1 - smoothing ** (step + 1))
            if not math.isfinite(smooth):
                break
            seen.append((lr, number, smooth))
            best = min(best, smooth)
            # A loss below 0 has no multiples to compare with.
            if best > 0 and smooth > diverged * best:
                break
    finally:
        model.load_state_dict({name: autograd.from_numpy(w) for name, w in weights.items()})
        optimizer.load_state_dict(held)
        optimizer.zero_grad()
        autograd.set_rng_state(random)
    if not seen:
        raise ValueError("find_lr: the loss of the first batch is not finite; look at the model and its input first")
    return LearningRates(*(np.array(column) for column in zip(*seen, strict=True)))


def _again(batches: Iterable[Any]) -> Iterator[Any]:
    while True:
        some = False
        for batch in batches:
            some = True
            yield batch
        if not some:
            raise ValueError("find_lr: there are no batches, or no more of them; pass a DataLoader or a list")
