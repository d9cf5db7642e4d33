"""Where does the error come from? Four runs on real digits, each ill in its own way, and what `diagnose` says of them.

    python examples/diagnose.py                          about a minute

The training digits are upright. Dev and test digits are turned and blurred, as if from another source, so a part of the
training set is held out as train-dev: it tells variance from mismatched data. The last run looks at its mistakes by category.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
from tqdm import tqdm

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import autograd
import nn
import nn.functional as F
import optim
from nn.data import DataLoader, TensorDataset, mnist_5k, split
from nn.data import transforms as T
from nn.training import ErrorTally, diagnose


def train(
    images: np.ndarray, labels: np.ndarray, hidden: int, epochs: int, augment: T.Transform, name: str
) -> nn.Module:
    model = nn.Sequential(nn.Flatten(), nn.Linear(784, hidden), nn.ReLU(), nn.Linear(hidden, 10))
    optimizer = optim.Adam(model.parameters(), lr=2e-3)
    loader = DataLoader(TensorDataset(images, labels), 32, shuffle=True)
    for _ in tqdm(range(epochs), desc=name, unit="epoch"):
        for x, y in loader:
            loss = F.cross_entropy(model(augment(x)), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return model


def wrong(model: nn.Module, images: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The indices of the mistakes."""
    with autograd.no_grad():
        return np.flatnonzero(model(autograd.from_numpy(images)).numpy().argmax(1) != labels)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--epochs", type=int, default=20, help="passes over the training digits, as a measure (default 20)"
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of everything random (default 0)")
    parser.add_argument("--out", type=Path, default=Path("runs/diagnose"), help="folder for the picture of mistakes")
    options = parser.parse_args()
    autograd.manual_seed(options.seed)

    (images, labels), (other_images, other_labels) = split(*mnist_5k())
    rng = np.random.default_rng(options.seed)
    order = rng.permutation(len(labels))
    train_x, train_y, train_dev_x, train_dev_y = (
        part[rows] for rows in (order[:3000], order[3000:]) for part in (images, labels)
    )
    # The other source: each digit turned by its own angle, which the error analysis below knows, and blurred a little.
    angles = rng.uniform(-45, 45, len(other_labels))
    turned = np.concatenate(
        [
            T.RandomRotation((angle, angle))(picture)
            for picture, angle in zip(other_images[:, None], angles, strict=True)
        ]
    )
    turned = T.GaussianBlur(5, (0.3, 1.0), generator=options.seed)(turned)
    cut = rng.permutation(len(other_labels))
    dev, test = cut[:500], cut[500:]

    same = T.Compose([])
    like_dev = T.Compose([T.RandomRotation(45, generator=1), T.GaussianBlur(5, (0.3, 1.0), generator=2)])
    runs = {
        "a tiny network": (3000, 3, options.epochs, same),
        "few digits": (150, 256, 3 * options.epochs, same),
        "enough of both": (3000, 256, options.epochs, same),
        "and augmented to look like dev": (3000, 256, 2 * options.epochs, like_dev),
    }
    for name, (count, hidden, epochs, augment) in runs.items():
        x, y = train_x[:count], train_y[:count]
        model = train(x, y, hidden, epochs, augment, name)
        missed = wrong(model, turned[dev], other_labels[dev])
        found = diagnose(
            # The network is to be right on what it was trained on: with augmentation that is the changed digits.
            train=(len(wrong(model, augment(x), y)), len(x)),
            train_dev=(len(wrong(model, augment(train_dev_x), train_dev_y)), len(train_dev_y)),
            dev=(len(missed), len(dev)),
            test=(len(wrong(model, turned[test], other_labels[test])), len(test)),
            human=0.002,
            confidence=0.99,  # with four gaps in each of four runs, at 95 % one would be taken for high by chance
        )
        print(f"\n== {name}: {count} digits, {hidden} hidden units\n{found}")

        if augment is same and count == 3000 and hidden == 256:
            tally = ErrorTally(missed, n=len(dev))
            tally.mark_where(
                {
                    "turned by more than 30": lambda i: abs(angles[dev][i]) > 30,
                    "turned by 15 to 30": lambda i: 15 < abs(angles[dev][i]) <= 30,
                    "a 4, 7 or 9": lambda i: other_labels[dev][i] in (4, 7, 9),
                }
            )
            print(f"\nIts mistakes on dev (some are in {options.out}/mistakes.png):\n{tally}")
            options.out.mkdir(parents=True, exist_ok=True)
            names = [f"{label}, {angle:.0f}°" for label, angle in zip(other_labels[dev], angles[dev], strict=True)]
            tally.picture(options.out / "mistakes.png", turned[dev], names.__getitem__, 32)


if __name__ == "__main__":
    main()
