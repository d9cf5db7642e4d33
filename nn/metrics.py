"""How good the predictions are: accuracy, top-k, the confusion matrix and what follows from it, running means.

Each metric takes batches by `update` and gives its value by `compute()`; what it counts is a sum, so the value does not depend
on how the data is cut into batches. `state_dict` and `load_state_dict` serve checkpoints.
"""

from __future__ import annotations

from typing import Any

import numpy as np

import autograd
from autograd.errors import DTypeError, RangeError, ShapeError


def _array(value: Any) -> np.ndarray:
    return value.numpy(force=True) if isinstance(value, autograd.Tensor) else np.asarray(value)


def _labels(who: str, name: str, labels: Any, classes: int | None) -> np.ndarray:
    array = _array(labels).reshape(-1)
    if array.dtype.kind not in "iub" and array.size:
        raise DTypeError(f"{who}: {name} are {array.dtype}, expected class numbers (int64)")
    array = array.astype(np.int64)
    if classes is not None and array.size and not 0 <= array.min() <= array.max() < classes:
        bad = array.min() if array.min() < 0 else array.max()
        raise RangeError(f"{who}: {name} contain {bad}, expected 0..{classes - 1}")
    return array


def rank_of_target(scores: Any, target: Any) -> np.ndarray:
    """How many classes come before the right one: scores (N, C), target (N,) -> (N,) int64; 0 where the answer is right.

    Of equal scores the lower class comes first and NaN comes before any number, as in argmax. A right class whose own score
    is NaN is last. Errors: ValueError for shapes, IndexError for labels out of range.
    """
    s = _array(scores)
    if s.ndim != 2:
        raise ShapeError(f"rank_of_target: scores have shape {s.shape}, expected (N, classes)")
    y = _labels("rank_of_target", "targets", target, s.shape[1])
    if len(y) != len(s):
        raise ShapeError(f"rank_of_target: {len(s)} rows of scores and {len(y)} targets, expected one each")
    own = np.take_along_axis(s, y[:, None], axis=1)
    before = (s > own) | np.isnan(s) | ((s == own) & (np.arange(s.shape[1]) < y[:, None]))
    return np.where(np.isnan(own[:, 0]), s.shape[1] - 1, before.sum(axis=1))


def accuracy(scores: Any, target: Any, topk: tuple[int, ...] = (1,)) -> tuple[float, ...]:
    """The shares of rows whose right class is among the k highest scores: scores (N, C), target (N,); one number a k.

    >>> accuracy(np.array([[0.1, 0.9, 0.0], [0.5, 0.3, 0.2]]), np.array([1, 1]), topk=(1, 2))
    (0.5, 1.0)
    """
    rank = rank_of_target(scores, target)
    return tuple(float((rank < k).mean()) if len(rank) else float("nan") for k in topk)


class Metric:
    """Base class: `update(...)` with each batch, `compute()` at the end, `reset()` before the next epoch."""

    _counts: tuple[str, ...] = ()  # the attributes that hold what was seen

    def reset(self) -> None:
        """Forget what was seen."""
        for name in self._counts:
            setattr(self, name, getattr(self, name) * 0)

    def state_dict(self) -> dict[str, Any]:
        """What was seen so far."""
        return {name: np.copy(getattr(self, name)) for name in self._counts}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from what `state_dict` returned. Raises ValueError for another metric's."""
        if set(state_dict) != set(self._counts):
            raise ValueError(
                f"{type(self).__name__}: the state has {sorted(state_dict)}, expected {sorted(self._counts)}"
            )
        for name in self._counts:
            own, value = np.asarray(getattr(self, name)), _array(state_dict[name])
            if own.shape != value.shape:
                raise ShapeError(f"{type(self).__name__}: {name} has shape {value.shape}, expected {own.shape}")
            setattr(self, name, value.astype(own.dtype) if own.ndim else own.dtype.type(value).item())


class Mean(Metric):
    """The mean of numbers, each with a weight: `mean.update(loss.item(), len(y))`."""

    _counts = ("total", "weight")

    def __init__(self) -> None:
        self.total, self.weight = 0.0, 0.0

    def update(self, value: Any, weight: float = 1.0) -> None:
        """Add a number, or an array of numbers of this weight each."""
        values = _array(value)
        self.total += float(values.sum(dtype=np.float64)) * weight
        self.weight += weight * values.size

    def compute(self) -> float:
        """The mean so far; NaN before anything was seen."""
        return self.total / self.weight if self.weight else float("nan")


class Accuracy(Metric):
    """The share of right answers; with `top_k`, of rows whose right class is among the k highest scores."""

    _counts = ("right", "seen")

    def __init__(self, top_k: int = 1) -> None:
        if top_k < 1:
            raise ValueError(f"Accuracy: top_k should be at least 1, got {top_k}")
        self.top_k, self.right, self.seen = top_k, 0, 0

    def update(self, scores: Any, target: Any) -> None:
        """scores (N, C), or with top_k=1 predicted classes (N,); target (N,)."""
        s = _array(scores)
        if s.ndim == 1 and self.top_k == 1:
            predicted, y = _labels("Accuracy", "predictions", s, None), _labels("Accuracy", "targets", target, None)
            if len(predicted) != len(y):
                raise ShapeError(f"Accuracy: {len(predicted)} predictions and {len(y)} targets, expected one each")
            self.right += int((predicted == y).sum())
            self.seen += len(y)
            return
        rank = rank_of_target(s, target)
        self.right += int((rank < self.top_k).sum())
        self.seen += len(rank)

    def compute(self) -> float:
        """The share so far; NaN before anything was seen."""
        return self.right / self.seen if self.seen else float("nan")


class ConfusionMatrix(Metric):
    """`matrix[i, j]`: how many of class i (rows) were taken for class j (columns), int64.

    Precision, recall and F1 follow from it: a number a class, or with `average` their mean ("macro"), their mean weighted with
    each class's share ("weighted"), or that of all decisions together ("micro", which is the accuracy). Where a denominator
    is 0 (a class never predicted, or never there) the value is `zero_division`.
    """

    _counts = ("matrix",)

    def __init__(self, classes: int) -> None:
        if classes < 1:
            raise ValueError(f"ConfusionMatrix: classes should be at least 1, got {classes}")
        self.classes = classes
        self.matrix = np.zeros((classes, classes), np.int64)

    def update(self, scores: Any, target: Any) -> None:
        """scores (N, classes) or predicted classes (N,); target (N,)."""
        s = _array(scores)
        if s.ndim == 2:
            if s.shape[1] != self.classes:
                raise ShapeError(f"ConfusionMatrix: scores have {s.shape[1]} columns, expected {self.classes}")
            s = s.argmax(axis=1)
        predicted = _labels("ConfusionMatrix", "predictions", s, self.classes)
        y = _labels("ConfusionMatrix", "targets", target, self.classes)
        if len(predicted) != len(y):
            raise ShapeError(f"ConfusionMatrix: {len(predicted)} predictions and {len(y)} targets, expected one each")
        self.matrix += np.bincount(y * self.classes + predicted, minlength=self.classes**2).reshape(self.matrix.shape)

    def compute(self) -> np.ndarray:
        """The matrix so far."""
        return self.matrix

    def accuracy(self) -> float:
        """The share of right answers."""
        total = self.matrix.sum()
        return float(np.trace(self.matrix) / total) if total else float("nan")

    def precision(self, average: str | None = None, zero_division: float = 0.0) -> Any:
        """Of those taken for a class, the share that are of it."""
        return self._averaged(np.diag(self.matrix), self.matrix.sum(axis=0), average, zero_division)

    def recall(self, average: str | None = None, zero_division: float = 0.0) -> Any:
        """Of those of a class, the share that were found."""
        return self._averaged(np.diag(self.matrix), self.matrix.sum(axis=1), average, zero_division)

    def f1(self, average: str | None = None, zero_division: float = 0.0) -> Any:
        """The harmonic mean of precision and recall, 2 TP / (2 TP + FP + FN)."""
        both = self.matrix.sum(axis=0) + self.matrix.sum(axis=1)
        return self._averaged(2 * np.diag(self.matrix), both, average, zero_division)

    def _averaged(self, above: np.ndarray, below: np.ndarray, average: str | None, empty: float) -> Any:
        if average == "micro":
            above, below = above.sum(keepdims=True), below.sum(keepdims=True)
        each = np.full(len(above), float(empty))
        np.divide(above, below, out=each, where=below > 0)
        if average is None:
            return each
        if average == "micro":
            return float(each[0])
        if average == "macro":
            return float(each.mean())
        if average == "weighted":
            share = self.matrix.sum(axis=1)
            return float((each * share).sum() / share.sum()) if share.sum() else float("nan")
        raise ValueError(f'ConfusionMatrix: average should be None, "macro", "weighted" or "micro", got {average!r}')
