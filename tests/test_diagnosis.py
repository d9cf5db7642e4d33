"""nn.training.diagnose and the error-analysis tally: verdicts of the notes' table, intervals from the literature."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

import autograd
from nn.training import ErrorTally, diagnose, wilson


def test_wilson_intervals_against_published_and_scipy() -> None:
    assert wilson(81, 263) == pytest.approx(
        (0.2553, 0.3662), abs=5e-5
    )  # Newcombe 1998, Statist. Med. 17, 857-872, table I
    assert wilson(15, 148) == pytest.approx((0.0624, 0.1605), abs=5e-5)
    assert wilson(0, 20) == pytest.approx((0, 0.1611), abs=5e-5)
    assert wilson(1, 29) == pytest.approx((0.0061, 0.1718), abs=5e-5)
    for wrong, n, confidence in ((0, 3, 0.9), (3, 3, 0.95), (7, 50, 0.99), (499, 500, 0.5)):
        want = stats.binomtest(wrong, n).proportion_ci(confidence, "wilson")
        assert wilson(wrong, n, confidence) == pytest.approx((want.low, want.high), abs=1e-9)


def test_differences_are_newcombes() -> None:
    # Newcombe 1998, Statist. Med. 17, 873-890, table II, method 10: 56/70 - 48/80, 9/10 - 3/10, 10/10 - 0/20.
    for a, b, low, high in (((56, 70), (48, 80), 0.0524, 0.3339), ((9, 10), (3, 10), 0.1705, 0.8090),
                            ((10, 10), (0, 20), 0.6791, 1.0)):  # fmt: skip
        gap = diagnose(train=b, dev=a).gaps["variance"]
        assert (gap.low, gap.high) == pytest.approx((low, high), abs=5e-5)


@pytest.mark.parametrize(
    ("train", "dev", "verdict"),
    [
        (0.01, 0.11, "high variance"),
        (0.15, 0.16, "high avoidable bias"),
        (0.15, 0.30, "high avoidable bias, high variance"),
        (0.005, 0.01, "no gap above the tolerance"),
    ],
)
def test_the_table_of_the_notes(train: float, dev: float, verdict: str) -> None:
    assert diagnose(train=train, dev=dev).verdict == verdict
    counted = diagnose(train=(round(train * 10_000), 10_000), dev=(round(dev * 10_000), 10_000))
    assert set(counted.verdict.split(", ")) == set(verdict.split(", "))


def test_human_level_changes_the_verdict() -> None:
    assert diagnose(train=0.15, dev=0.16, human=0.145).verdict == "no gap above the tolerance"
    found = diagnose(train=(150, 1000), dev=(300, 1000), human=(120, 1000))
    assert found.gaps["avoidable bias"].size == pytest.approx(0.03) and found.problems == ["variance", "avoidable bias"]


def test_mismatch_and_overfitting_to_dev() -> None:
    found = diagnose(train=(10, 1000), train_dev=(15, 1000), dev=(100, 1000), test=(190, 1000))
    assert found.problems == ["overfitting to dev", "data mismatch"]
    assert found.gaps["variance"].between == "train-dev - train" and found.gaps["variance"].verdict == "low"
    assert any("bigger dev set" in line for line in found.advice) and "synthesise" in str(found)


def test_few_errors_prove_little() -> None:
    few, many = (diagnose(train=(1 * k, 20 * k), dev=(3 * k, 20 * k)) for k in (1, 100))
    assert few.unclear == ["variance"]
    assert "perhaps variance (too few examples to tell)" in few.verdict and "count more examples" in str(few)
    assert many.problems == ["variance", "avoidable bias"]


@pytest.mark.parametrize(
    "given", [{"dev": (3, 2)}, {"dev": (1.5, 3)}, {"dev": (0, 0)}, {"dev": 1.1}, {"dev": -0.1}, {"dev": math.nan}]
)
def test_impossible_errors(given: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="diagnose: dev is"):
        diagnose(train=0.1, **given)
    with pytest.raises(ValueError, match="tolerance"):
        diagnose(train=0.1, dev=0.2, tolerance=2)


# ---- the tally


def test_tally_shares_and_ceilings(tmp_path: Path) -> None:
    tally = ErrorTally(np.array([3, 5, 8, 13, 21]), n=50)
    tally.mark(3, "blurred", "mislabelled", "blurred", note="a 9 like a 4")
    tally.mark(5, "blurred")
    tally.mark(8, "mislabelled")
    tally.mark(8, "odd")  # instead
    tally.mark(13, "blurred")
    rows = tally.rows()
    assert [(r["category"], r["count"]) for r in rows] == [("blurred", 3), ("mislabelled", 1), ("odd", 1)]
    assert rows[0]["share"] == 0.75 and rows[0]["ceiling"] == pytest.approx(0.1 * 0.25)
    assert (rows[0]["low"], rows[0]["high"]) == wilson(3, 4)
    assert "5 mistakes of 50 (10.00 %), 4 looked at" in str(tally)
    autograd.save(tally.state_dict(), tmp_path / "marks")
    other = ErrorTally([3, 5, 8, 13, 21], 50)
    other.load_state_dict(autograd.load(tmp_path / "marks"))
    assert other.rows() == rows and other.notes == {3: "a 9 like a 4"}
    with pytest.raises(ValueError, match="other mistakes"):
        ErrorTally([3, 5], 50).load_state_dict(tally.state_dict())


def test_tally_samples_and_marks_by_rule() -> None:
    tally = ErrorTally(range(0, 300, 2), 1000)
    assert tally.sample(20, 1) == tally.sample(20, 1) != tally.sample(20, 2)
    assert len(set(tally.sample(1000))) == 150
    tally.mark_where({"small": lambda i: i < 100, "round": lambda i: i % 10 == 0})
    assert {r["category"]: r["count"] for r in tally.rows()} == {"small": 50, "round": 30, "other": 80}


@pytest.mark.parametrize("shape", [(1, 5, 6), (3, 5, 6), (5, 6), (5, 6, 3)])
def test_tally_draws_mistakes(shape: tuple[int, ...], tmp_path: Path) -> None:
    tally = ErrorTally(range(1, 20, 2), 20)
    images = autograd.rand(20, *shape)
    assert tally.picture(tmp_path / "m.png", images, lambda i: f"{i} as 9", 7) == sorted(tally.sample(7))
    assert (tmp_path / "m.png").read_bytes()[:4] == b"\x89PNG"
    assert ErrorTally([], 3).picture(tmp_path / "m.png", images) == []


def test_tally_errors() -> None:
    tally = ErrorTally([1], 3)
    assert tally.rows() == []
    for call, words in (
        (lambda: tally.mark(2, "x"), "2 is none of the 1 mistakes"),
        (lambda: tally.mark(1), "at least one"),
        (lambda: ErrorTally([1, 1], 3), "each once"),
        (lambda: ErrorTally([1, 2], 1), "at most 1"),
    ):
        with pytest.raises(ValueError, match=words):
            call()
