"""nn.metrics against closed forms."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import autograd
from nn.metrics import Accuracy, ConfusionMatrix, Mean, accuracy, rank_of_target

TRUE = [0, 0, 0, 0, 1, 1, 1, 2, 2, 3]
TAKEN = [0, 0, 1, 2, 1, 1, 0, 2, 2, 2]  # class 3 is never predicted


def filled(classes: int = 4) -> ConfusionMatrix:
    metric = ConfusionMatrix(classes)
    metric.update(np.array(TAKEN), autograd.tensor(TRUE))
    return metric


def test_confusion_matrix_and_what_follows() -> None:
    m = filled()
    assert m.compute().tolist() == [[2, 1, 1, 0], [1, 2, 0, 0], [0, 0, 2, 0], [0, 0, 1, 0]]
    assert m.accuracy() == m.precision("micro") == m.recall("micro") == m.f1("micro") == 0.6
    assert m.precision().tolist() == [2 / 3, 2 / 3, 0.5, 0] and m.recall().tolist() == [0.5, 2 / 3, 1, 0]
    assert m.precision(zero_division=1.0)[3] == 1
    f1 = [2 * p * r / (p + r) if p + r else 0 for p, r in zip(m.precision(), m.recall(), strict=True)]
    assert m.f1() == pytest.approx(f1)
    assert m.f1("macro") == pytest.approx(np.mean(f1))
    assert m.recall("weighted") == pytest.approx(0.6)
    assert m.precision("weighted") == pytest.approx((4 * 2 / 3 + 3 * 2 / 3 + 2 * 0.5) / 10)
    with pytest.raises(ValueError, match="average"):
        m.f1("mean")


@given(st.lists(st.integers(0, 9), min_size=1, max_size=4), st.integers(0, 99))
def test_batches_do_not_matter(cuts: list[int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    scores, y = rng.integers(0, 3, (10, 5)).astype(np.float32), rng.integers(0, 5, 10)
    for make in (lambda: Accuracy(), lambda: Accuracy(3), lambda: ConfusionMatrix(5)):
        whole, parts = make(), make()
        whole.update(scores, y)
        for a, b in zip([0, *sorted(cuts)], [*sorted(cuts), 10], strict=True):
            parts.update(autograd.tensor(scores[a:b]), autograd.tensor(y[a:b]))
        assert np.array_equal(whole.compute(), parts.compute())
        other = make()
        other.load_state_dict(parts.state_dict())
        assert np.array_equal(other.compute(), whole.compute())
        parts.reset()
        assert not np.any(parts.state_dict()[parts._counts[0]])
    for k in range(1, 6):
        by_hand = np.mean([label in np.argsort(-row, kind="stable")[:k] for row, label in zip(scores, y, strict=True)])
        assert accuracy(scores, y, (k,)) == (by_hand,)
    assert accuracy(scores, y)[0] == (scores.argmax(1) == y).mean()


def test_ties_and_nan_follow_argmax() -> None:
    nan = float("nan")
    rows = np.array([[1, 1, 0], [0, 1, 1], [nan, 1, 0], [nan, 1, 0], [1, 1, nan]])
    assert rank_of_target(rows, [0, 2, 1, 0, 0]).tolist() == [0, 1, 1, 2, 1]
    assert Accuracy().compute() != Accuracy().compute(), "NaN before anything was seen"


def test_mean() -> None:
    mean = Mean()
    mean.update(2.0, 3)
    mean.update(autograd.tensor(8.0))
    assert mean.compute() == 3.5
    other = Mean()
    other.load_state_dict(mean.state_dict())
    assert other.compute() == 3.5
    mean.update(np.array([1.0, 2.0]), 2)
    assert mean.compute() == (14 + 6) / 8


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: filled().update([0], [4]), IndexError, "contain 4, expected 0..3"),
        (lambda: filled().update([-1], [0]), IndexError, "predictions contain -1"),
        (lambda: filled().update([0, 1], [0]), ValueError, "2 predictions and 1 targets"),
        (lambda: filled().update(np.zeros((1, 3)), [0]), ValueError, "3 columns, expected 4"),
        (lambda: filled().update([0.5], [0]), TypeError, "float64, expected class numbers"),
        (lambda: accuracy(np.zeros(3), [0]), ValueError, r"expected \(N, classes\)"),
        (lambda: accuracy(np.zeros((1, 3)), [3]), IndexError, "contain 3"),
        (lambda: accuracy(np.zeros((2, 3)), [1]), ValueError, "2 rows"),
        (lambda: Accuracy(0), ValueError, "top_k"),
        (lambda: ConfusionMatrix(0), ValueError, "classes"),
        (lambda: filled().load_state_dict(Mean().state_dict()), ValueError, "expected"),
        (lambda: filled().load_state_dict(filled(5).state_dict()), ValueError, r"\(5, 5\), expected \(4, 4\)"),
    ],
)
def test_errors(call: Any, error: Any, words: str) -> None:
    with pytest.raises(error, match=words):
        call()
