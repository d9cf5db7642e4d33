"""Where the error comes from: bias, variance, other data, or the dev set itself; and what to do next."""

from __future__ import annotations

import math
import os
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np

from nn.training.extras import pyplot

Interval = tuple[float, float]


def wilson(wrong: int, n: int, confidence: float = 0.95) -> Interval:
    """The interval of a proportion seen as `wrong` of `n`. Source: Wilson 1927; Brown, Cai and DasGupta 2001.

    >>> low, high = wilson(0, 10)
    >>> round(low, 3), round(high, 3)
    (0.0, 0.278)
    """
    _check("wilson", "the error", wrong, n)
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    p, square = wrong / n, z * z / n
    centre, half = (p + square / 2) / (1 + square), z / (1 + square) * math.sqrt(p * (1 - p) / n + square / (4 * n))
    return (0.0 if wrong == 0 else max(0.0, centre - half)), (1.0 if wrong == n else min(1.0, centre + half))


@dataclass(frozen=True)
class Error:
    """An error rate with its interval; exact where only the rate was given."""

    rate: float
    low: float
    high: float
    wrong: int | None = None
    n: int | None = None


@dataclass(frozen=True)
class Gap:
    """The difference between two error rates: `verdict` is "high", "low" or "unclear"."""

    name: str
    between: str
    size: float
    low: float
    high: float
    verdict: str


_ADVICE = {
    "avoidable bias": (
        "train a bigger network, or train it longer",
        "a better optimizer or learning rate; another architecture",
        "less regularisation",
    ),
    "variance": (
        "more data, or augmentation",
        "regularisation: L2, dropout, early stopping",
        "another architecture, hyper-parameters",
    ),
    "data mismatch": (
        "error analysis by hand: how do dev examples differ from the training ones?",
        "make the training data more like dev: collect it, or synthesise it (from many sources: data made of a small "
        "subset is overfitted to that subset)",
    ),
    "overfitting to dev": ("a bigger dev set, and a new one after many decisions",),
}


@dataclass(frozen=True)
class Diagnosis:
    """The error rates, the gaps between them, and what follows. Print it."""

    errors: dict[str, Error]
    gaps: dict[str, Gap]
    confidence: float
    tolerance: float

    @property
    def problems(self) -> list[str]:
        """The gaps that are high, largest first."""
        return sorted((n for n, gap in self.gaps.items() if gap.verdict == "high"), key=lambda n: -self.gaps[n].size)

    @property
    def unclear(self) -> list[str]:
        """The gaps that look high but may be chance."""
        return [name for name, gap in self.gaps.items() if gap.verdict == "unclear"]

    @property
    def verdict(self) -> str:
        """In words, as "high variance" or "high avoidable bias, high variance"."""
        said = [f"high {name}" if name in ("avoidable bias", "variance") else name for name in self.problems]
        said += [f"perhaps {name} (too few examples to tell)" for name in self.unclear]
        return ", ".join(said) if said else "no gap above the tolerance"

    @property
    def advice(self) -> list[str]:
        """What the notes advise, for the largest problem first; for unclear ones, more examples."""
        said = [f"{name}: {line}" for name in self.problems for line in _ADVICE[name]]
        return said + [f"{name}: count more examples; the interval reaches 0" for name in self.unclear]

    def __str__(self) -> str:
        percent = f"{100 * self.confidence:g} %"
        lines = [f"{'':20} {'error':>8}   {percent + ' interval':<20}"]
        for name, e in self.errors.items():
            interval = f"{_p(e.low)} .. {_p(e.high)}" if e.n else "given"
            lines.append(f"{name:20} {_p(e.rate)}   {interval:<22}{f'{e.wrong} of {e.n}' if e.n else ''}".rstrip())
        lines.append("")
        for gap in self.gaps.values():
            interval = f"{_p(gap.low)} .. {_p(gap.high)}"
            lines.append(f"{gap.name:20} {_p(gap.size)}   {interval:<22}{gap.verdict:8} ({gap.between})")
        lines += ["", f"Verdict: {self.verdict}."]
        return "\n".join([*lines, *(f"- {line}" for line in self.advice)])


def _p(rate: float) -> str:
    return f"{100 * rate:6.2f} %"


def diagnose(
    *,
    train: Any,
    dev: Any,
    train_dev: Any = None,
    test: Any = None,
    human: Any = 0.0,
    tolerance: float = 0.02,
    confidence: float = 0.95,
) -> Diagnosis:
    """From errors on each set to bias, variance, mismatch and overfitting, each with an interval.

    An error is (wrong, n), counted; or a rate between 0 and 1, taken as exact. `human`: the best error there is (Bayes' level,
    or the best people's that stands in for it). `train_dev`: held out, but from where the training set is; give it where dev
    is from elsewhere. Then

        avoidable bias = train - human        variance = train_dev - train   (dev - train without train_dev)
        data mismatch = dev - train_dev       overfitting to dev = test - dev

    A gap is "high" when it is above `tolerance` and its interval lies above 0, "unclear" when only the first holds: few errors
    prove little. Intervals of rates are Wilson's, of differences Newcombe's (1998, method 10).
    Errors: ValueError for counts or rates that cannot be.

    >>> [diagnose(train=t, dev=d).verdict for t, d in ((0.01, 0.11), (0.15, 0.16), (0.15, 0.30))]
    ['high variance', 'high avoidable bias', 'high avoidable bias, high variance']
    """
    if not 0 < confidence < 1 or not 0 <= tolerance < 1:
        raise ValueError(f"diagnose: confidence and tolerance are shares, got {confidence} and {tolerance}")
    given = {"human": human, "train": train, "train-dev": train_dev, "dev": dev, "test": test}
    errors = {name: _error(name, value, confidence) for name, value in given.items() if value is not None}
    held = "dev" if train_dev is None else "train-dev"
    pairs = [("avoidable bias", "human", "train"), ("variance", "train", held)]
    if train_dev is not None:
        pairs.append(("data mismatch", "train-dev", "dev"))
    if test is not None:
        pairs.append(("overfitting to dev", "dev", "test"))
    gaps = {}
    for name, below, above in pairs:
        low, high = _difference(errors[above], errors[below])
        size = errors[above].rate - errors[below].rate
        verdict = "low" if size <= tolerance else "high" if low > 0 else "unclear"
        gaps[name] = Gap(name, f"{above} - {below}", size, low, high, verdict)
    return Diagnosis(errors, gaps, confidence, tolerance)


def _error(name: str, value: Any, confidence: float) -> Error:
    if isinstance(value, Sequence):
        wrong, n = value
        _check("diagnose", name, wrong, n)
        return Error(wrong / n, *wilson(wrong, n, confidence), int(wrong), int(n))
    rate = float(value)
    if not 0 <= rate <= 1:
        raise ValueError(f"diagnose: {name} is {value}, expected (wrong, n) or a rate between 0 and 1")
    return Error(rate, rate, rate)


def _check(who: str, name: str, wrong: Any, n: Any) -> None:
    if wrong != int(wrong) or n != int(n) or not 0 <= wrong <= n or n < 1:
        raise ValueError(
            f"{who}: {name} is {wrong} wrong of {n}, expected whole numbers with 0 <= wrong <= n, n at least 1"
        )


def _difference(a: Error, b: Error) -> Interval:
    """The interval of a - b for rates of different examples: Newcombe's hybrid of the two Wilson intervals."""
    size = a.rate - b.rate
    down = math.hypot(a.rate - a.low, b.high - b.rate)
    up = math.hypot(a.high - a.rate, b.rate - b.low)
    return size - down, size + up


class ErrorTally:
    """Error analysis: look at mistakes, mark each with what is the matter, and see what fixing a category could gain.

        tally = ErrorTally(mistakes, n=len(labels))         # mistakes: indices of the wrong answers
        tally.picture("mistakes.png", images, count=100)    # look at them
            tally.mark(i, "blurred", "mislabelled", note="a 9 written like a 4")
        print(tally)

    The ceiling of a category is the error that would be left if all its mistakes were right, judged by the marked ones; a
    mistake may have several. `state_dict` keeps the marks (`autograd.save`).
    Errors: ValueError for an index that is no mistake, or no category.
    """

    def __init__(self, mistakes: Any, n: int) -> None:
        self.mistakes = [int(i) for i in mistakes]
        if len(self.mistakes) > n or len(set(self.mistakes)) < len(self.mistakes):
            raise ValueError(
                f"ErrorTally: {len(self.mistakes)} mistakes of {n} answers, expected each once and at most {n}"
            )
        self.n = int(n)
        self.marks: dict[int, tuple[str, ...]] = {}
        self.notes: dict[int, str] = {}

    @property
    def error(self) -> float:
        """The error rate."""
        return len(self.mistakes) / self.n if self.n else float("nan")

    def sample(self, count: int = 100, seed: int = 0) -> list[int]:
        """So many mistakes at random, to look at: the same for the same seed; all, where there are fewer."""

        return random.Random(seed).sample(self.mistakes, min(count, len(self.mistakes)))

    def picture(
        self,
        path: str | os.PathLike[str],
        images: Any,
        captions: Callable[[int], str] = str,
        count: int = 40,
        seed: int = 0,
    ) -> list[int]:
        """Draw a sample of the mistakes with a caption each, its index unless told otherwise; returns their indices.

        images: indexed by the mistakes, each (C, H, W), (H, W) or, for colours last, (H, W, 3).
        """
        plt = pyplot("ErrorTally.picture")
        chosen = sorted(self.sample(count, seed))
        columns = min(8, max(1, len(chosen)))
        rows = max(1, -(-len(chosen) // columns))
        figure, cells = plt.subplots(
            rows, columns, figsize=(1.3 * columns, 1.5 * rows), layout="constrained", squeeze=False
        )
        for cell in cells.flat:
            cell.axis("off")
        for cell, index in zip(cells.flat, chosen, strict=False):
            pixels = np.asarray(images[index])
            if pixels.ndim == 3 and pixels.shape[0] in (1, 3):
                pixels = np.moveaxis(pixels, 0, -1)
            cell.imshow(pixels.squeeze(), cmap="gray_r")
            cell.set_title(captions(index), fontsize=8)
        figure.savefig(path, dpi=100)
        plt.close(figure)
        return chosen

    def mark(self, index: int, *categories: str, note: str = "") -> None:
        """Say what is the matter with a mistake; a second time replaces the first."""
        if int(index) not in self.mistakes:
            raise ValueError(f"ErrorTally: {index} is none of the {len(self.mistakes)} mistakes")
        if not categories or not all(isinstance(c, str) and c for c in categories):
            raise ValueError(f"ErrorTally: categories should be words, at least one, got {categories}")
        self.marks[int(index)] = tuple(dict.fromkeys(categories))
        if note:
            self.notes[int(index)] = note

    def mark_where(self, categories: dict[str, Callable[[int], bool]]) -> None:
        """Mark every mistake with each category whose test holds for its index, "other" where none does."""
        for i in self.mistakes:
            self.mark(i, *([name for name, test in categories.items() if test(i)] or ["other"]))

    def rows(self, confidence: float = 0.95) -> list[dict[str, Any]]:
        """A row a category, most frequent first: name, count, share with interval, ceiling (the error left)."""
        names = sorted({name for marks in self.marks.values() for name in marks})
        seen, rows = len(self.marks), []
        for name in names:
            count = sum(name in marks for marks in self.marks.values())
            low, high = wilson(count, seen, confidence)
            share = count / seen
            rows.append(
                {"category": name, "count": count, "share": share, "low": low, "high": high,
                 "ceiling": self.error * (1 - share)}
            )  # fmt: skip
        return sorted(rows, key=lambda row: -row["count"])

    def __str__(self) -> str:
        lines = [
            f"{len(self.mistakes)} mistakes of {self.n} ({_p(self.error).strip()}), {len(self.marks)} looked at",
            f"{'category':20} {'count':>6} {'share':>9}   {'95 % interval':<20} error left if fixed",
        ]
        for r in self.rows():
            interval = f"{_p(r['low'])} .. {_p(r['high'])}"
            lines.append(f"{r['category']:20} {r['count']:6}  {_p(r['share'])}  {interval:<20} {_p(r['ceiling'])}")
        return "\n".join(lines)

    def state_dict(self) -> dict[str, Any]:
        """The mistakes and marks."""
        return {"n": self.n, "mistakes": self.mistakes, "marks": dict(self.marks), "notes": dict(self.notes)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take marks over. Raises ValueError where they are of other mistakes."""
        if state_dict["n"] != self.n or list(state_dict["mistakes"]) != self.mistakes:
            raise ValueError("ErrorTally: the marks are of other mistakes; make the tally of those of the same model")
        self.marks, self.notes = dict(state_dict["marks"]), dict(state_dict["notes"])
