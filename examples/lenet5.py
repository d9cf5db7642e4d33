"""LeNet-5 learns 5,000 real handwritten digits: 4,000 to train on, 1,000 held out.

    python examples/lenet5.py                      one run, about a minute; pictures and weights under runs/lenet5/
    python examples/lenet5.py --epochs 10 --seed 3

LeCun, Bottou, Bengio and Haffner, "Gradient-based learning applied to document recognition", Proc. IEEE 86(11), 1998, with
ReLU for the sigmoids and Adam for plain gradient descent. Every epoch sees each digit shifted, rotated, scaled and sheared a
little. The settings below were chosen on digits taken from the 4,000, never on the 1,000.
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
from examples.plots import confusion_picture, curves_picture
from nn.data import DataLoader, RandomAffine, TensorDataset, mnist_5k, split


class LeNet5(nn.Module):
    """(N, 1, 28, 28) -> (N, 10): two convolutions with max pooling, three linear layers; 61,706 parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 6, 5, padding=2),  # 28 -> 28: the paper's 32 x 32 input with its border of background
            nn.ReLU(),
            nn.MaxPool2d(2),  # -> 14
            nn.Conv2d(6, 16, 5),  # -> 10
            nn.ReLU(),
            nn.MaxPool2d(2),  # -> 5
        )
        self.classifier = nn.Sequential(
            nn.Linear(16 * 5 * 5, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10)
        )

    def forward(self, x: autograd.Tensor) -> autograd.Tensor:
        return self.classifier(self.features(x).flatten(1))


@autograd.no_grad()
def predict(model: nn.Module, images: autograd.Tensor) -> np.ndarray:
    """The class scores (N, 10) of the pictures."""
    model.eval()
    scores = np.concatenate([model(images[i : i + 500]).numpy() for i in range(0, len(images), 500)])
    model.train()
    return scores


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=60, help="passes over the 4,000 training digits (default 60)")
    parser.add_argument("--batch", type=int, default=64, help="digits a step (default 64)")
    parser.add_argument("--lr", type=float, default=4e-3, help="Adam's learning rate at the start (default 0.004)")
    parser.add_argument("--seed", type=int, default=0, help="seed of everything random (default 0)")
    parser.add_argument(
        "--validate", action="store_true", help="hold out 1,000 of the 4,000 instead: to choose settings"
    )
    parser.add_argument("--out", type=Path, default=Path("runs/lenet5"), help="folder for pictures and weights")
    options = parser.parse_args()

    autograd.manual_seed(options.seed)
    (images, labels), (test_images, test_labels) = split(*mnist_5k())
    if options.validate:
        held = np.arange(len(labels)) % 4 == 0
        images, labels, test_images, test_labels = images[~held], labels[~held], images[held], labels[held]
    x_test = autograd.from_numpy(test_images)

    model = LeNet5()
    loader = DataLoader(
        TensorDataset(autograd.from_numpy(images), autograd.from_numpy(labels)),
        options.batch,
        shuffle=True,
        drop_last=True,
    )
    augment = RandomAffine(degrees=12, translate=(0.08, 0.08), scale=(0.88, 1.12), shear=10)
    optimizer = optim.Adam(model.parameters(), lr=options.lr)
    schedule = optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=options.epochs)

    losses, train_accuracy, test_accuracy = [], [], []
    bar = tqdm(range(options.epochs), desc="LeNet-5", unit="epoch")
    for _ in bar:
        total, right, seen = 0.0, 0, 0
        for x, y in loader:
            scores = model(augment(x))
            loss = F.cross_entropy(scores, y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(y)
            right += int((scores.argmax(1) == y).sum())
            seen += len(y)
        schedule.step()
        losses.append(total / seen)
        train_accuracy.append(right / seen)
        test_accuracy.append(float((predict(model, x_test).argmax(1) == test_labels).mean()))
        bar.set_postfix(
            loss=f"{losses[-1]:.4f}", train=f"{train_accuracy[-1]:.2%}", held_out=f"{test_accuracy[-1]:.2%}"
        )

    options.out.mkdir(parents=True, exist_ok=True)
    scores = predict(model, x_test)
    curves_picture(options.out / "curves.png", losses, train_accuracy, test_accuracy)
    confusion_picture(options.out / "confusion.png", test_images[:, 0], scores, test_labels)
    autograd.save(model.state_dict(), options.out / "lenet5.safetensors")
    print(f"last epoch: loss {losses[-1]:.6f}, accuracy on the training digits as changed {train_accuracy[-1]:.2%}")
    wrong = int((scores.argmax(1) != test_labels).sum())
    print(f"held-out accuracy {test_accuracy[-1]:.2%} ({wrong} of {len(test_labels)} wrong)")
    print(f"curves.png, confusion.png and lenet5.safetensors are in {options.out}/")


if __name__ == "__main__":
    main()
