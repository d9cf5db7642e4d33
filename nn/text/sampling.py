"""Texts out of a model that says what comes next: drawn, greedy, or the best found by beam search.

A model is a function `step(tokens, state) -> (scores, state)`: the last character of each of N rows, (N,) int64, and what the
model remembers (None, a Tensor, or tuples of them, rows in dimension `state_dim`) to the scores (N, V) of what comes next,
logits or log-probabilities, and the new state.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

import autograd
from autograd import Generator, Tensor
from autograd.random import default_generator

Step = Callable[[np.ndarray, Any], tuple[Any, Any]]


def log_softmax(scores: Any) -> np.ndarray:
    """Log-probabilities of scores (N, V), in float64. Raises ValueError for NaN and for rows without a finite score."""
    scores = np.asarray(scores.detach().numpy() if isinstance(scores, Tensor) else scores, np.float64)
    if scores.ndim != 2:
        raise ValueError(f"log_softmax: expected scores (N, V), got shape {scores.shape}")
    top = scores.max(1, keepdims=True) if scores.size else np.full((len(scores), 1), -np.inf)
    if not np.isfinite(top).all():
        row = int(np.argmin(np.isfinite(top[:, 0])))
        raise ValueError(f"log_softmax: the largest score of row {row} is {top[row, 0]}; expected a number")
    shifted = scores - top
    return shifted - np.log(np.exp(shifted).sum(1, keepdims=True))


def probabilities(
    scores: Any, temperature: float = 1.0, top_k: int | None = None, top_p: float | None = None
) -> np.ndarray:
    """What `sample` draws from: softmax(scores / temperature) over (N, V), all but some set to 0, float64.

    top_k: the k most probable are kept (of equal ones the first; Fan et al. 2018, arXiv:1805.04833). top_p: of these the
    fewest whose sum reaches p, at least one (nucleus; Holtzman et al. 2020, arXiv:1904.09751).
    Raises ValueError for a temperature that is not above 0, top_k below 1, top_p outside (0, 1].
    """
    if not temperature > 0:
        raise ValueError(f"sample: temperature must be above 0, got {temperature}; for the most probable say top_k=1")
    if top_k is not None and top_k < 1:
        raise ValueError(f"sample: top_k must be at least 1, got {top_k}")
    if top_p is not None and not 0 < top_p <= 1:
        raise ValueError(f"sample: top_p must be above 0 and at most 1, got {top_p}")
    p = np.exp(log_softmax(log_softmax(scores) / temperature))
    if top_k is None and top_p is None:
        return p
    order = np.argsort(-p, axis=1, kind="stable")
    ranked = np.take_along_axis(p, order, 1)
    if top_k is not None:
        ranked[:, top_k:] = 0.0
        ranked /= ranked.sum(1, keepdims=True)
    if top_p is not None:
        ranked[np.cumsum(ranked, 1) - ranked >= top_p] = 0.0  # what stands before it reaches p already
        ranked /= ranked.sum(1, keepdims=True)
    kept = np.empty_like(p)
    np.put_along_axis(kept, order, ranked, 1)
    return kept


def sample(
    scores: Any,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    generator: Generator | None = None,
) -> np.ndarray:
    """One number a row of scores (N, V), drawn from `probabilities`, int64 (N,). generator: the library's own unless given."""
    cumulative = np.cumsum(probabilities(scores, temperature, top_k, top_p), 1)
    drawn = (generator or default_generator).rng.random((len(cumulative), 1)) * cumulative[:, -1:]
    return (cumulative <= drawn).sum(1)


def generate(
    step: Step,
    state: Any,
    count: int,
    max_length: int,
    *,
    choose: Callable[[np.ndarray], np.ndarray] | None = None,
    start: int = 0,
    end: int | None = 0,
    min_length: int = 0,
) -> list[np.ndarray]:
    """`count` texts at once, each until `end` (left out) or `max_length`, none shorter than `min_length`; int64 arrays.

    choose: scores (N, V) to numbers (N,), such as `sample` with settings; the most probable (greedy) unless given. end: None
    where texts do not end.
    """
    tokens, running = np.full(count, start, np.int64), np.ones(count, bool)
    chosen: list[np.ndarray] = []
    lengths = np.zeros(count, np.int64)
    while running.any() and len(chosen) < max_length:
        with autograd.no_grad():
            scores, state = step(tokens, state)
        logs = log_softmax(scores)
        if end is not None and len(chosen) < min_length:
            logs[:, end] = -np.inf
        tokens = logs.argmax(1) if choose is None else np.asarray(choose(logs), np.int64)
        if end is not None:
            running &= tokens != end
        lengths += running
        chosen.append(tokens)
    rows = np.stack(chosen, 1) if chosen else np.empty((count, 0), np.int64)
    return [row[:length] for row, length in zip(rows, lengths, strict=True)]


class Hypothesis(NamedTuple):
    """A text that beam search found: its numbers without the end, whether it ended, and what it is worth."""

    ids: np.ndarray
    ended: bool
    log_probability: float
    score: float


def beam_search(
    step: Step,
    state: Any,
    count: int,
    max_length: int,
    *,
    beam: int = 4,
    length_penalty: float = 0.7,
    start: int = 0,
    end: int = 0,
    state_dim: int = 0,
) -> list[list[Hypothesis]]:
    """The best texts found for each of `count` states, best first, those that ended before those that did not.

    At each length the `beam` most probable continuations of all hypotheses go on; one that ends leaves the beam, and its place
    stays empty. score: log-probability / T^length_penalty, T the number of characters, the end counted; 0 does not
    normalise. With beam 1 it is greedy search. state: for `count` rows; each is repeated `beam` times.
    """
    if beam < 1 or max_length < 1:
        raise ValueError(f"beam_search: beam and max_length must be at least 1, got {beam} and {max_length}")
    state = _rows(state, np.repeat(np.arange(count), beam), state_dim)
    totals = np.full((count, beam), -np.inf)
    totals[:, 0] = 0.0  # all hypotheses are the same at first: one counts
    ids = np.empty((count, beam, 0), np.int64)
    tokens = np.full(count * beam, start, np.int64)
    found: list[list[Hypothesis]] = [[] for _ in range(count)]

    def keep(n: int, k: int, numbers: np.ndarray, ended: bool) -> None:
        total = float(totals[n, k])
        found[n].append(Hypothesis(numbers, ended, total, total / (len(numbers) + ended) ** length_penalty))

    for _ in range(max_length):
        with autograd.no_grad():
            scores, state = step(tokens, state)
        logs = log_softmax(scores).reshape(count, beam, -1)
        V = logs.shape[2]
        sums = (totals[:, :, None] + logs).reshape(count, beam * V)
        best = np.argsort(-sums, axis=1, kind="stable")[:, :beam]
        totals = np.take_along_axis(sums, best, 1)
        parents, numbers = best // V, best % V
        ids = np.concatenate([np.take_along_axis(ids, parents[:, :, None], 1), numbers[:, :, None]], 2)
        for n, k in np.argwhere((numbers == end) & (totals > -np.inf)):
            keep(n, k, ids[n, k, :-1], True)
        totals[numbers == end] = -np.inf
        if not (totals > -np.inf).any():
            break
        state = _rows(state, (np.arange(count)[:, None] * beam + parents).ravel(), state_dim)
        tokens = numbers.ravel()
    for n, k in np.argwhere(totals > -np.inf):
        keep(n, k, ids[n, k], False)
    return [sorted(texts, key=lambda text: (not text.ended, -text.score)) for texts in found]


def _rows(state: Any, rows: np.ndarray, dim: int) -> Any:
    """These rows of a state."""
    if state is None:
        return None
    if isinstance(state, Tensor):
        return autograd.index_select(state, dim, autograd.from_numpy(rows))
    return tuple(_rows(part, rows, dim) for part in state)
