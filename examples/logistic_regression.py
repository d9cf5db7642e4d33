"""Logistic regression tells threes from eights, written out: one weight a pixel, one bias, gradient descent.

    python examples/logistic_regression.py

z = x w + b, a = sigmoid(z), loss = mean of -(y log a + (1-y) log(1-a)), computed from z so that log 0 cannot occur. The tape
gives the gradient; at the start it is compared with the formula worked out by hand, dJ/dw = x^T (a - y) / m. Real digits,
800 to train on and 200 held out. The picture shows the learned weights: red speaks for an eight, blue for a three.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import matplotlib
import numpy as np
from tqdm import trange

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import autograd
import nn.functional as F
from nn.data import mnist_5k, split

matplotlib.use("Agg")
import matplotlib.pyplot as plt


def threes_and_eights(part: tuple[np.ndarray, np.ndarray]) -> tuple[autograd.Tensor, autograd.Tensor]:
    """Pixels (m, 784) and targets (m,): 1 for an eight, 0 for a three."""
    images, labels = part
    chosen = (labels == 3) | (labels == 8)
    x, y = images[chosen].reshape(-1, 784), (labels[chosen] == 8).astype(np.float32)
    return autograd.from_numpy(x), autograd.from_numpy(y)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=300, help="gradient descent steps (default 300)")
    parser.add_argument("--lr", type=float, default=0.1, help="learning rate (default 0.1)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the first weights (default 0)")
    parser.add_argument("--out", type=Path, default=Path("runs/logistic_regression"), help="folder for the picture")
    options = parser.parse_args()

    autograd.manual_seed(options.seed)
    train, test = split(*mnist_5k())
    x, y = threes_and_eights(train)
    x_test, y_test = threes_and_eights(test)
    w = (0.01 * autograd.randn(784)).requires_grad_()
    b = autograd.zeros((), requires_grad=True)

    F.binary_cross_entropy_with_logits(x @ w + b, y).backward()
    a = 1 / (1 + np.exp(-(x.numpy() @ w.detach().numpy() + b.item())))
    by_hand = x.numpy().T @ (a - y.numpy()) / len(y)
    print(f"tape and hand-written gradient differ by at most {np.abs(w.grad.numpy() - by_hand).max():.1e}")

    losses = []
    bar = trange(options.steps, desc="logistic regression")
    for _ in bar:
        loss = F.binary_cross_entropy_with_logits(x @ w + b, y)
        w.grad = b.grad = None
        loss.backward()
        with autograd.no_grad():
            w -= options.lr * w.grad
            b -= options.lr * b.grad
        losses.append(loss.item())
        bar.set_postfix(loss=f"{losses[-1]:.4f}")

    with autograd.no_grad():
        train_accuracy = (((x @ w + b) > 0) == (y > 0.5)).float().mean().item()
        test_accuracy = (((x_test @ w + b) > 0) == (y_test > 0.5)).float().mean().item()
    print(
        f"loss {losses[-1]:.6f}; accuracy {train_accuracy:.2%} on {len(y)}, {test_accuracy:.2%} on {len(y_test)} held out"
    )

    options.out.mkdir(parents=True, exist_ok=True)
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
    left.plot(losses)
    left.set(xlabel="step", title="cross-entropy", yscale="log")
    weights = w.detach().numpy().reshape(28, 28)
    limit = np.abs(weights).max()
    shown = right.imshow(weights, cmap="RdBu_r", vmin=-limit, vmax=limit)
    right.set(title="weights: red for eight, blue for three", xticks=[], yticks=[])
    figure.colorbar(shown, ax=right)
    figure.savefig(options.out / "weights.png", dpi=110)
    print(f"weights.png is in {options.out}/")


if __name__ == "__main__":
    main()
