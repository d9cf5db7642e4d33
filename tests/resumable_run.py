"""A small training run that saves after each step; killed where it is told, it goes on when started again.

    python resumable_run.py FOLDER [step K | replace K | fsync K | none 0]

Ends itself with SIGKILL at the K-th optimizer step, replacement of the file, or write to disk of this process.
"""

from __future__ import annotations

import os
import random
import signal
import sys
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import autograd
import nn
import nn.functional as F
import optim
from nn.data import DataLoader, Dataset
from nn.data.transforms import ColorJitter, Compose, RandomAffine, RandomHorizontalFlip
from nn.metrics import Accuracy, Mean
from nn.training import Checkpoint, EarlyStopping

EPOCHS, PICTURES, BATCH = 3, 22, 4


class Pictures(Dataset):
    """Classes told apart by their mean; each fetch adds noise."""

    def __len__(self) -> int:
        return PICTURES

    def __getitem__(self, index: int) -> tuple[Any, int]:
        rng = np.random.default_rng(index)
        label = index % 3
        return (autograd.rand(3, 8, 8) * 0.2 + float(rng.random() * 0.2 + label * 0.2)), label


def die_at(what: str, count: int) -> Any:
    left = iter(range(count - 1, -1, -1))

    def check() -> None:
        if next(left, None) == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    for name in ("replace", "fsync"):
        if what == name:
            setattr(os, name, partial(first, check, getattr(os, name)))
    return check if what == "step" else lambda: None


def first(check: Any, function: Any, *args: Any) -> Any:
    check()
    return function(*args)


def main() -> None:
    folder = Path(sys.argv[1])
    at_step = die_at(sys.argv[2], int(sys.argv[3]))
    autograd.manual_seed(1)
    np.random.seed(2)
    random.seed(3)
    model = nn.Sequential(
        nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout(0.3), nn.Flatten(), nn.Linear(256, 3)
    )
    optimizer = optim.Adam(model.parameters(), lr=0.01, amsgrad=True)
    warm = optim.SGD(model.parameters(), lr=0.001, momentum=0.9, nesterov=True)
    schedule = optim.lr_scheduler.OneCycleLR(optimizer, 0.02, total_steps=EPOCHS * 6)
    loader = DataLoader(Pictures(), BATCH, shuffle=True, num_workers=2)
    augment = Compose([RandomHorizontalFlip(), RandomAffine(10, generator=5), ColorJitter(0.3, 0.3, 0.3, 0.1)])
    noise, stopping, loss_mean, accuracy = np.random.default_rng(9), EarlyStopping(model, 2), Mean(), Accuracy()
    checkpoint = Checkpoint(
        folder / "run", model=model, optimizer=optimizer, warm=warm, schedule=schedule, loader=loader, augment=augment,
        noise=noise, stopping=stopping, loss_mean=loss_mean, accuracy=accuracy,
    )  # fmt: skip
    held = checkpoint.load() or {"epoch": 0, "losses": [], "means": []}
    losses, means = held["losses"], held["means"]
    for epoch in range(held["epoch"], EPOCHS):
        for x, y in loader:
            extra = float(noise.normal()) + float(np.random.rand()) + random.random()
            scores = model(augment(x) + 0.01 * extra)
            loss = F.cross_entropy(scores, y)
            for each in (optimizer, warm):
                each.zero_grad()
            loss.backward()
            optimizer.step()
            warm.step()
            schedule.step()
            at_step()
            losses.append(loss.item())
            loss_mean.update(loss.item(), len(y))
            accuracy.update(scores, y)
            checkpoint.save(epoch=epoch, losses=losses, means=means)
        means.append((loss_mean.compute(), accuracy.compute()))
        loss_mean.reset()
        accuracy.reset()
        stopping.update(means[-1][0])
        checkpoint.save(epoch=epoch + 1, losses=losses, means=means)
    weights = {name: value.numpy().tobytes().hex() for name, value in model.state_dict().items()}
    best = {name: value.tobytes().hex() for name, value in stopping.state_dict()["weights"].items()}
    (folder / "end").write_text(repr((weights, best, losses, means, schedule.get_last_lr(), random.random())))


if __name__ == "__main__":
    main()
