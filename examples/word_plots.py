"""Pictures of word vectors: some words on a plane, and words along a direction before and after debiasing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib
import numpy as np

matplotlib.use("Agg")
import matplotlib.pyplot as plt

from nn.text import WordVectors, cosine_similarity


def words_picture(path: Path, vectors: WordVectors, groups: Sequence[Sequence[str]], title: str) -> None:
    """The words of each group in its colour, along the two principal components of their unit vectors."""
    words = list(dict.fromkeys(word for group in groups for word in group))
    colours = {word: f"C{k % 10}" for k, group in reversed(list(enumerate(groups))) for word in group}
    figure, axes = plt.subplots(figsize=(9, 7), layout="constrained", dpi=100)
    if words:
        for word, (x, y) in zip(words, vectors.normalized().plane(words), strict=True):
            axes.scatter(x, y, s=14, color=colours[word])
            axes.annotate(word, (x, y), xytext=(3, 2), textcoords="offset points", fontsize=8, color=colours[word])
    axes.set(title=title, xticks=[], yticks=[])
    axes.margins(0.08)
    figure.savefig(path)
    plt.close(figure)


def bias_picture(
    path: Path, sides: Sequence[tuple[str, WordVectors]], direction: np.ndarray, words: Sequence[str]
) -> None:
    """Cosine similarity to the direction of each word, a panel for each of `sides`, in the order of the first."""
    first = sides[0][1]
    words = sorted(words, key=lambda word: cosine_similarity(first[word], direction))
    figure, panels = plt.subplots(
        1, len(sides), figsize=(10, 7), sharex=True, sharey=True, layout="constrained", dpi=100
    )
    for axes, (title, vectors) in zip(np.atleast_1d(panels), sides, strict=True):
        values = [cosine_similarity(vectors[word], direction) for word in words]
        axes.barh(words, values, color=["#d9730d" if value > 0 else "#2563a8" for value in values])
        axes.axvline(0, color="#8a8f98", linewidth=0.8)
        axes.set(title=title, xlabel="cosine similarity to the direction")
        axes.tick_params(axis="y", labelsize=7)
        axes.margins(y=0.01)
    figure.savefig(path)
    plt.close(figure)
