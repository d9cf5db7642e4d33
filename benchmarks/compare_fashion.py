"""Fashion-MNIST learned by examples/fashion.py's networks here and in torch: the same weights, batches and schedule.

    python benchmarks/compare_fashion.py                                   LeNet-5, 3 epochs, 3 seeds
    python benchmarks/compare_fashion.py --model resnet --pictures 12000   a part of the training set

Prints how far the first 100 losses are apart, both test accuracies, and the CPU time of each library's steps. Rounding grows
from step to step, fast where batch norm sees few numbers; so it prints too how far torch's float32 is from its float64,
and how far the two libraries are apart where both compute in float64.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import autograd
import nn
from benchmarks.library import models_on_torch
from examples import fashion
from nn.data import DEBIAN_FASHION_MNIST


def twin(model: str, ours: nn.Module) -> Any:
    """examples/fashion.py's network in torch, with the weights of ours."""
    if model == "lenet":
        theirs = models_on_torch("lenet").LeNet5(activation="relu", padding=2)
    else:
        made = models_on_torch("resnet")
        theirs = made.ResNet(made.BasicBlock, (1, 1, 1, 1), num_classes=10, stem="small", in_channels=1, width=0.5)
        theirs.maxpool = torch.nn.MaxPool2d(2)
    theirs.load_state_dict({k: torch.from_numpy(v.numpy().copy()) for k, v in ours.state_dict().items()})
    return theirs


def twin_optimizer(theirs: Any, lr: float, steps: int) -> tuple[Any, Any]:
    """examples/fashion.py's optimizer and schedule in torch."""
    optimizer = torch.optim.SGD(theirs.parameters(), lr=lr, momentum=0.9, nesterov=True, weight_decay=5e-4)
    return optimizer, torch.optim.lr_scheduler.OneCycleLR(optimizer, lr, total_steps=steps, cycle_momentum=False)


class Side:
    """One library's model in training, the losses it had and the CPU time it took."""

    def __init__(self, model: Any, optimizer: Any, schedule: Any, from_numpy: Any, cross_entropy: Any) -> None:
        self.model, self.optimizer, self.schedule = model, optimizer, schedule
        self.from_numpy, self.cross_entropy = from_numpy, cross_entropy
        self.losses: list[float] = []
        self.seconds = 0.0

    def step(self, x: np.ndarray, y: np.ndarray) -> None:
        start = time.process_time()
        dtype = next(iter(self.model.parameters())).detach().numpy().dtype
        loss = self.cross_entropy(self.model(self.from_numpy(x.astype(dtype, copy=False))), self.from_numpy(y))
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        self.schedule.step()
        self.losses.append(loss.item())
        self.seconds += time.process_time() - start

    def accuracy(self, images: np.ndarray, labels: np.ndarray) -> float:
        self.model.eval()
        with torch.no_grad(), autograd.no_grad():
            right = [
                int((self.model(self.from_numpy(images[i : i + 500])).argmax(1).numpy() == labels[i : i + 500]).sum())
                for i in range(0, len(labels), 500)
            ]
        return sum(right) / len(labels)


def sides(model: str, seed: int, steps: int, lr: float) -> tuple[Side, Side]:
    """Ours and torch's, at the same start of a training of so many steps up to the learning rate lr."""
    autograd.manual_seed(seed)
    ours = fashion.network(model)
    theirs = twin(model, ours)
    return (
        Side(ours, *fashion.optimizer_of(ours, lr, steps), autograd.from_numpy, nn.functional.cross_entropy),
        Side(theirs, *twin_optimizer(theirs, lr, steps), torch.from_numpy, torch.nn.functional.cross_entropy),
    )


def batches(
    images: np.ndarray, labels: np.ndarray, size: int, epochs: int, seed: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Shuffled and changed as in the example."""
    autograd.manual_seed(seed)
    augment, order = fashion.augmentation(), np.random.default_rng(seed)
    for _ in range(epochs):
        shuffled = order.permutation(len(labels))
        for i in range(0, len(labels) - size + 1, size):
            which = shuffled[i : i + size]
            yield augment(images[which]), labels[which]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", choices=tuple(fashion.EPOCHS), default="lenet")
    parser.add_argument("--data", type=Path, default=DEBIAN_FASHION_MNIST, help="folder of the idx files")
    parser.add_argument("--epochs", type=int, default=3, help="passes over the pictures (default 3)")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2], help="one training a seed (default 0 1 2)")
    parser.add_argument("--pictures", type=int, help="train on the first so many (default all 60,000)")
    options = parser.parse_args()
    images, labels, held_images, held_labels = fashion.pictures(options.data, validate=False)
    images, labels = images[: options.pictures], labels[: options.pictures]
    steps = options.epochs * (len(labels) // 128)
    print(f"{options.model}: {len(labels)} pictures, {options.epochs} epochs of {steps // options.epochs} steps")
    print("      the first 100 losses, how far apart           test accuracy       CPU seconds")
    print("seed  here, torch  both float64  torch, float64     here    torch     here    torch")
    found = []
    for seed in options.seeds:
        ours, theirs = sides(options.model, seed, steps, fashion.LEARNING_RATE[options.model])
        doubles = sides(options.model, seed, steps, fashion.LEARNING_RATE[options.model])
        for side in doubles:
            side.model.double()
        for x, y in tqdm(batches(images, labels, 128, options.epochs, seed), total=steps, leave=False, mininterval=1):
            ours.step(x, y)
            theirs.step(x, y)
            if len(doubles[0].losses) < 100:
                for side in doubles:
                    side.step(x, y)
        pairs = (ours, theirs), doubles, (theirs, doubles[1])
        apart, exact, spread = (np.abs(np.subtract(a.losses[:100], b.losses[:100])).max() for a, b in pairs)
        found.append([side.accuracy(held_images, held_labels) for side in (ours, theirs)])
        here, there = found[-1]
        spent = f"{ours.seconds:7.0f}  {theirs.seconds:7.0f}"
        print(f"{seed:4}  {apart:11.1e}  {exact:12.1e}  {spread:14.1e}  {here:7.2%}  {there:7.2%}  {spent}")
    here, there = np.mean(found, 0)
    print(f"mean {'':41}  {here:7.2%}  {there:7.2%}   {abs(here - there) * 100:.2f} points apart")


if __name__ == "__main__":
    main()
