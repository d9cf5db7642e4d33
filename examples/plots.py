"""The pictures the examples draw: learning curves, a confusion matrix with the worst mistakes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib
import numpy as np

matplotlib.use("Agg")
import matplotlib.pyplot as plt

BLUE, ORANGE, GREY = "#2563a8", "#d9730d", "#8a8f98"


def _style() -> None:
    plt.rcParams.update(
        {
            "figure.dpi": 110, "font.size": 10, "axes.spines.top": False, "axes.spines.right": False,
            "axes.grid": True, "grid.alpha": 0.25, "axes.titlesize": 11, "legend.frameon": False,
        }
    )  # fmt: skip


def curves_picture(
    path: Path, losses: Sequence[float], train_accuracy: Sequence[float], test_accuracy: Sequence[float]
) -> None:
    """Loss (logarithmic) and accuracy an epoch, side by side."""
    _style()
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.6), layout="constrained")
    epochs = range(1, len(losses) + 1)
    left.plot(epochs, losses, color=BLUE)
    left.set(yscale="log", xlabel="epoch", title="training loss (cross-entropy)")
    right.plot(epochs, [100 * a for a in train_accuracy], color=BLUE, label="training, augmented")
    right.plot(epochs, [100 * a for a in test_accuracy], color=ORANGE, label="held out")
    low = 100 * min(sorted(test_accuracy)[len(test_accuracy) // 10], sorted(train_accuracy)[len(train_accuracy) // 10])
    right.set(xlabel="epoch", title="accuracy, %", ylim=(max(0.0, low - 1), 100.2))
    above = test_accuracy[-1] > train_accuracy[-1]
    right.annotate(
        f"{100 * test_accuracy[-1]:.1f} %", (len(losses), 100 * test_accuracy[-1]), color=ORANGE, ha="right",
        va="bottom" if above else "top", xytext=(0, 6 if above else -6), textcoords="offset points",
    )  # fmt: skip
    for axes in (left, right):
        axes.xaxis.get_major_locator().set_params(integer=True)
    right.legend(loc="lower right")
    figure.savefig(path)
    plt.close(figure)


def confusion_picture(
    path: Path, images: np.ndarray, scores: np.ndarray, labels: np.ndarray, names: Sequence[str] | None = None
) -> None:
    """How often each class (row) was taken for each other (column), and the 15 mistakes it was surest of.

    images: (N, H, W); scores: (N, classes); labels: (N,); names: of the classes, digits where none are given.
    """
    _style()
    classes = scores.shape[1]
    predicted = scores.argmax(1)
    counts = np.zeros((classes, classes), int)
    np.add.at(counts, (labels, predicted), 1)
    shifted = np.exp(scores - scores.max(1, keepdims=True))
    probability = shifted / shifted.sum(1, keepdims=True)
    mistakes = np.flatnonzero(predicted != labels)
    worst = mistakes[np.argsort(-probability[mistakes, predicted[mistakes]])][:15]

    figure = plt.figure(figsize=(11, 5.2), layout="constrained")
    left, right = figure.subfigures(1, 2, width_ratios=[1.15, 1])
    axes = left.subplots()
    off = np.where(np.eye(classes, dtype=bool), 0, counts)
    axes.imshow(off, cmap="Oranges", vmin=0, vmax=max(3, off.max()))
    for i in range(classes):
        for j in range(classes):
            if counts[i, j]:
                axes.text(j, i, counts[i, j], ha="center", va="center", color=GREY if i == j else "black", fontsize=9)
    axes.grid(False)
    axes.set(
        xlabel="taken for", ylabel="is" if names else "digit", xticks=range(classes), yticks=range(classes),
        title=f"{len(mistakes)} mistakes in {len(labels)} held-out pictures",
    )  # fmt: skip
    if names:
        axes.set_xticks(range(classes), names, rotation=45, ha="right")
        axes.set_yticks(range(classes), names)
    right.suptitle("the mistakes it was surest of", fontsize=11)
    cells = right.subplots(3, 5)
    for cell in cells.flat:
        cell.axis("off")
    for cell, i in zip(cells.flat, worst, strict=False):
        cell.imshow(images[i], cmap="gray_r")
        pair = [names[k] if names else str(k) for k in (labels[i], predicted[i])]
        title = (" as\n" if names else " as ").join(pair) + f"\n{probability[i, predicted[i]]:.0%}"
        cell.set_title(title, fontsize=8 if names else 9)
    figure.savefig(path)
    plt.close(figure)
