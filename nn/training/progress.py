"""What a run shows while it goes: a bar with live figures, and TensorBoard."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import Any

import autograd
from nn.metrics import Mean
from nn.training.extras import extra


class Progress:
    """Iterate over batches with a bar that shows running means: `bar.show(loss=loss.item(), accuracy=...)`.

        bar = Progress(loader, "epoch 3")
        for x, y in bar:
            ...
            bar.show(len(y), loss=loss.item())

    The means, weighted with the number given to `show`, are in `bar.means` at the end. The bar of a resumed loader begins
    where the loader does. Needs tqdm; further settings are tqdm's.
    """

    def __init__(self, batches: Iterable[Any], description: str = "", **settings: Any) -> None:
        self.batches = batches
        self._means: dict[str, Mean] = {}
        state = batches.state_dict()["epoch"] if hasattr(batches, "state_dict") else None
        settings.setdefault("initial", state["position"] if state else 0)
        try:
            settings.setdefault("total", len(batches))  # type: ignore[arg-type]
        except TypeError:
            settings.setdefault("total", None)
        self.bar = extra("Progress", "tqdm", "tqdm").tqdm(desc=description, unit="batch", **settings)

    @property
    def means(self) -> dict[str, float]:
        """Each figure's mean so far."""
        return {name: mean.compute() for name, mean in self._means.items()}

    def show(self, weight: float = 1.0, **figures: float) -> None:
        """Add the figures of a batch of this weight to the means shown."""
        for name, value in figures.items():
            self._means.setdefault(name, Mean()).update(value, weight)
        self.bar.set_postfix({name: f"{mean:.4g}" for name, mean in self.means.items()}, refresh=False)

    def __iter__(self) -> Iterator[Any]:
        with self.bar:
            for batch in self.batches:
                yield batch
                self.bar.update()


class SummaryWriter:
    """Write what TensorBoard shows: tensorboardX's writer with Tensors taken wherever arrays are.

    `add_scalar(name, value, step)`, `add_scalars`, `add_histogram`, `add_image`, `add_images`, `add_figure`, `add_text`,
    `add_hparams`, `flush`, `close` and the rest are tensorboardX's, which follow torch.utils.tensorboard.
    `purge_step`: the first step of a resumed run; TensorBoard then forgets what an interrupted run wrote from there on.
    """

    def __init__(
        self, logdir: str | os.PathLike[str] | None = None, purge_step: int | None = None, **settings: Any
    ) -> None:
        board = extra("SummaryWriter", "tensorboardX", "tensorboardX")
        self._writer = board.SummaryWriter(
            None if logdir is None else os.fspath(logdir), purge_step=purge_step, **settings
        )

    def __getattr__(self, name: str) -> Any:
        if name == "_writer":
            raise AttributeError(name)
        method = getattr(self._writer, name)
        if not callable(method):
            return method
        return lambda *args, **kwargs: method(*map(_plain, args), **{k: _plain(v) for k, v in kwargs.items()})

    def __enter__(self) -> SummaryWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self._writer.close()


def _plain(value: Any) -> Any:
    if isinstance(value, autograd.Tensor):
        return value.numpy(force=True)
    if isinstance(value, dict):
        return {key: _plain(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(map(_plain, value))
    return value
