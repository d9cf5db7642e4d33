"""A deep fully connected network on real digits, with the craft of the course's first part.

    python examples/deep_mlp.py                                    Adam
    python examples/deep_mlp.py --optimizer momentum --decay inverse-time

He initialisation, L2 regularisation (weights, not biases), inverted dropout, mini-batches shuffled together with their labels,
and a choice of optimizer and learning-rate decay: momentum is the exponentially weighted average, RMSprop has epsilon inside
the root. 4,000 digits to train on, 1,000 held out.
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
from nn.data import DataLoader, TensorDataset, mnist_5k, split
from optim import lr_scheduler as decays

OPTIMIZERS = {
    "momentum": lambda parameters, lr: optim.SGD(parameters, lr=lr or 0.3, momentum=0.9, averaged=True),
    "rmsprop": lambda parameters, lr: optim.RMSprop(parameters, lr=lr or 1e-3, alpha=0.9, eps_inside=True),
    "adam": lambda parameters, lr: optim.Adam(parameters, lr=lr or 1e-3),
}
DECAYS = {
    "none": lambda optimizer, epochs: decays.LambdaLR(optimizer, lambda epoch: 1.0),
    "inverse-time": lambda optimizer, epochs: decays.InverseTimeDecay(optimizer, decay=0.1),
    "exponential": lambda optimizer, epochs: decays.ExponentialLR(optimizer, gamma=0.95),
    "inverse-root": lambda optimizer, epochs: decays.InverseSquareRootDecay(optimizer),
    "manual": lambda optimizer, epochs: decays.ManualDecay(optimizer, {3 * epochs // 4: optimizer.defaults["lr"] / 10}),
}


class MLP(nn.Module):
    """784 - 256 - 128 - 64 - 10 with ReLU and dropout; (N, 1, 28, 28) -> (N, 10)."""

    def __init__(self, dropout: float) -> None:
        super().__init__()
        sizes = [784, 256, 128, 64]
        self.hidden = nn.ModuleList([nn.Linear(a, b) for a, b in zip(sizes, sizes[1:], strict=False)])
        self.output = nn.Linear(sizes[-1], 10)
        self.dropout = nn.Dropout(dropout)
        for layer in self.hidden:
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")  # He: std sqrt(2 / fan_in)
            nn.init.zeros_(layer.bias)

    def forward(self, x: autograd.Tensor) -> autograd.Tensor:
        x = x.flatten(1)
        for layer in self.hidden:
            x = self.dropout(F.relu(layer(x)))
        return self.output(x)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--optimizer", choices=OPTIMIZERS, default="adam")
    parser.add_argument("--decay", choices=DECAYS, default="exponential", help="how the learning rate falls")
    parser.add_argument("--lr", type=float, help="learning rate at the start (default: the optimizer's)")
    parser.add_argument(
        "--l2", type=float, default=1e-4, help="weight of the squared weights in the loss (default 1e-4)"
    )
    parser.add_argument("--dropout", type=float, default=0.2, help="probability of dropping a unit (default 0.2)")
    parser.add_argument("--batch", type=int, default=64, help="digits a step (default 64)")
    parser.add_argument("--epochs", type=int, default=30, help="passes over the training digits (default 30)")
    parser.add_argument("--seed", type=int, default=0, help="seed of everything random (default 0)")
    parser.add_argument("--out", type=Path, default=Path("runs/deep_mlp"), help="folder for the pictures")
    options = parser.parse_args()

    autograd.manual_seed(options.seed)
    (images, labels), (test_images, test_labels) = split(*mnist_5k())
    x_test = autograd.from_numpy(test_images)
    model = MLP(options.dropout)
    weights = [p for name, p in model.named_parameters() if name.endswith("weight")]
    optimizer = OPTIMIZERS[options.optimizer](model.parameters(), options.lr)
    schedule = DECAYS[options.decay](optimizer, options.epochs)
    data = TensorDataset(autograd.from_numpy(images), autograd.from_numpy(labels))
    loader = DataLoader(data, options.batch, shuffle=True)

    losses, train_accuracy, test_accuracy = [], [], []
    bar = tqdm(range(options.epochs), desc=f"MLP, {options.optimizer}", unit="epoch")
    for _ in bar:
        total, right = 0.0, 0
        for x, y in loader:
            scores = model(x)
            loss = F.cross_entropy(scores, y) + options.l2 / 2 * sum((w * w).sum() for w in weights)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(y)
            right += int((scores.argmax(1) == y).sum())
        schedule.step()
        model.eval()
        with autograd.no_grad():
            held_out = model(x_test).numpy()
        model.train()
        losses.append(total / len(labels))
        train_accuracy.append(right / len(labels))
        test_accuracy.append(float(np.mean(held_out.argmax(1) == test_labels)))
        bar.set_postfix(
            loss=f"{losses[-1]:.4f}", train=f"{train_accuracy[-1]:.2%}", held_out=f"{test_accuracy[-1]:.2%}"
        )

    options.out.mkdir(parents=True, exist_ok=True)
    curves_picture(options.out / "curves.png", losses, train_accuracy, test_accuracy)
    confusion_picture(options.out / "confusion.png", test_images[:, 0], held_out, test_labels)
    print(f"loss {losses[-1]:.6f}, held-out accuracy {test_accuracy[-1]:.2%}")
    print(f"curves.png and confusion.png are in {options.out}/")


if __name__ == "__main__":
    main()
