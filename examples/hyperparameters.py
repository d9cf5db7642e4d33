"""Search the hyper-parameters of a small network on real digits: random draws beside a grid of the same cost.

    python examples/hyperparameters.py                   27 settings each; pictures and tables under runs/hyperparameters/
    python examples/hyperparameters.py --order importance --trials 60 --workers 2

Stopped or killed, it goes on when started again: each trial is in a journal as soon as it ends (`--fresh` begins anew).
Settings are judged on digits held out of the training set; the test digits are seen once, by the best setting.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import autograd
import nn
import nn.functional as F
import optim
from nn.data import DataLoader, TensorDataset, mnist_5k, split
from nn.training import Choice, LogUniform, ReverseLogUniform, Uniform, find_lr, search, wilson

SPACE = {
    "lr": LogUniform(1e-3, 3.0, default=0.1),
    "beta": ReverseLogUniform(0.5, 0.999, default=0.9),  # momentum
    "hidden": LogUniform(8, 256, default=64, integer=True),
    "batch": Choice([16, 32, 64, 128, 256], default=64),
    "layers": Choice([1, 2, 3], default=1),
    "decay": Uniform(0.0, 1.0, default=0.0),  # lr / (1 + decay * epoch)
}


def network(config: dict[str, Any]) -> nn.Module:
    sizes = [784, *[config["hidden"]] * config["layers"]]
    layers: list[nn.Module] = [nn.Flatten()]
    for a, b in zip(sizes, sizes[1:], strict=False):
        layers += [nn.Linear(a, b), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(sizes[-1], 10))


def train(config: dict[str, Any], data: TensorDataset, epochs: int) -> nn.Module:
    model = network(config)
    optimizer = optim.SGD(model.parameters(), lr=config["lr"], momentum=config["beta"], averaged=True)
    schedule = optim.lr_scheduler.InverseTimeDecay(optimizer, config["decay"])
    for _ in range(epochs):
        for x, y in DataLoader(data, config["batch"], shuffle=True):
            loss = F.cross_entropy(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        schedule.step()
    return model


def mistakes(model: nn.Module, data: TensorDataset) -> int:
    x, y = data.tensors
    with autograd.no_grad():
        return int((model(x).argmax(1) != y).sum())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=27, help="settings tried by each way of searching (default 27)")
    parser.add_argument("--epochs", type=int, default=3, help="passes over the training digits a trial (default 3)")
    parser.add_argument("--order", choices=["importance"], help="search in stages, the most important parameters first")
    parser.add_argument("--workers", type=int, default=2, help="threads (default 2); the results do not depend on it")
    parser.add_argument("--seed", type=int, default=0, help="seed of the draws (default 0)")
    parser.add_argument("--fresh", action="store_true", help="forget the journals of earlier runs")
    parser.add_argument("--out", type=Path, default=Path("runs/hyperparameters"), help="folder for all that is written")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)

    (images, labels), (test_images, test_labels) = split(*mnist_5k())
    held = np.arange(len(labels)) % 4 == 0
    rest, dev = TensorDataset(images[~held], labels[~held]), TensorDataset(images[held], labels[held])
    test = TensorDataset(test_images, test_labels)

    def dev_error(config: dict[str, Any]) -> float:
        return mistakes(train(config, rest, options.epochs), dev) / len(dev)

    results = {}
    for method in ("random", "grid"):
        journal = (
            options.out / f"{method}-{options.trials}-{options.epochs}-{options.order or 'all'}-{options.seed}.jsonl"
        )
        if options.fresh:
            journal.unlink(missing_ok=True)
        results[method] = search(
            dev_error, SPACE, options.trials, method=method, order=options.order, seed=options.seed,
            workers=options.workers, journal=journal, progress=True,
        )  # fmt: skip
        results[method].write_csv(options.out / f"{method}.csv")
    random, grid = results["random"], results["grid"]
    random.picture(options.out / "search.png", grid, label="dev error")
    print(random.table(8), "", random.beside(grid), "", sep="\n")

    best = random.best.config
    autograd.manual_seed(options.seed)
    model = network(best)
    optimizer = optim.SGD(model.parameters(), lr=best["lr"], momentum=best["beta"], averaged=True)
    batches = DataLoader(rest, best["batch"], shuffle=True)
    rates = find_lr(model, optimizer, lambda batch: F.cross_entropy(model(batch[0]), batch[1]), batches, 1e-4, 100)
    rates.picture(options.out / "learning_rates.png")
    print(f"learning-rate test with the best setting: {rates.suggestion:.2g}; the search found {best['lr']:.2g}")

    whole = TensorDataset(images, labels)
    wrong = mistakes(train(best, whole, 4 * options.epochs), test)
    low, high = wilson(wrong, len(test))
    print(
        f"best setting, trained longer on all 4,000: {wrong} of {len(test)} test digits wrong ({low:.1%} to {high:.1%})"
    )
    print(f"search.png, learning_rates.png and the tables are in {options.out}/")


if __name__ == "__main__":
    main()
