"""BLEU: how many n-grams of translations stand in reference translations."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Sequence
from typing import NamedTuple

_SMOOTH = {"none": 0.0, "exp": 0.0, "floor": 0.1, "add-k": 1.0}  # what is added, unless given

Tokens = Sequence[Hashable]


class Bleu(NamedTuple):
    """score, 0 to 100; precisions, in percent, of n-grams of 1, 2, ...; the brevity penalty and the two lengths."""

    score: float
    precisions: tuple[float, ...]
    brevity_penalty: float
    length: int
    reference_length: int


def _ngrams(tokens: Tokens, orders: int) -> Counter[tuple[Hashable, ...]]:
    return Counter(tuple(tokens[i : i + n]) for n in range(1, orders + 1) for i in range(len(tokens) - n + 1))


def bleu(
    hypotheses: Sequence[Tokens],
    references: Sequence[Sequence[Tokens]],
    orders: int = 4,
    smooth: str = "exp",
    smooth_value: float | None = None,
    effective_order: bool = False,
) -> Bleu:
    """BLEU of a corpus: brevity penalty * geometric mean of the n-gram precisions, n = 1 to `orders`.

    hypotheses: lists of tokens (words, characters, numbers). references: for each hypothesis one or more lists of tokens;
    an n-gram counts as often as in the reference that has it most often, and the length is that of the closest reference,
    the shorter of two. smooth: what an order without matches is worth: "none" (the score is then 0), "exp" (1/2, 1/4, ... of
    one match), "floor" (smooth_value matches, 0.1) or "add-k" (smooth_value, 1, more matches and n-grams from order 2
    on; Chen and Cherry 2014). effective_order: orders for which a hypothesis is too short are left out, for single
    sentences. Papineni et al. 2002; the figures are sacrebleu's for the same tokens. Raises ValueError for lists that do
    not go together, TypeError for a hypothesis or reference that is a str.

    >>> round(bleu(["the cat sat on the mat".split()], [["the cat sat on a mat".split()]]).score, 2)
    53.73
    """
    if len(hypotheses) != len(references):
        raise ValueError(f"bleu: {len(hypotheses)} hypotheses but references for {len(references)}")
    if smooth not in _SMOOTH:
        raise ValueError(f"bleu: unknown smooth {smooth!r}; select from {', '.join(map(repr, _SMOOTH))}")
    if orders < 1:
        raise ValueError(f"bleu: orders must be at least 1, got {orders}")
    matches, totals = [0.0] * orders, [0.0] * orders
    length = reference_length = 0
    for number, (hypothesis, group) in enumerate(zip(hypotheses, references, strict=True)):
        if isinstance(hypothesis, str) or isinstance(group, str) or any(isinstance(tokens, str) for tokens in group):
            raise TypeError(
                f"bleu: text {number} is a str; expected lists of tokens, and a list of references: split it"
            )
        if not group:
            raise ValueError(f"bleu: hypothesis {number} has no reference")
        length += len(hypothesis)
        reference_length += min((abs(len(tokens) - len(hypothesis)), len(tokens)) for tokens in group)[1]
        wanted: Counter[tuple[Hashable, ...]] = Counter()
        for tokens in group:
            wanted |= _ngrams(tokens, orders)
        for gram, count in _ngrams(hypothesis, orders).items():
            totals[len(gram) - 1] += count
            matches[len(gram) - 1] += min(count, wanted[gram])

    penalty = 1.0 if length >= reference_length else math.exp(1 - reference_length / length) if length else 0.0
    precisions = [0.0] * orders
    if not any(matches):
        return Bleu(0.0, tuple(precisions), penalty, length, reference_length)
    added = _SMOOTH[smooth] if smooth_value is None else smooth_value
    counted, halved = orders, 1.0
    for n in range(orders):
        more = added if smooth == "add-k" and n else 0.0
        matched, total = matches[n] + more, totals[n] + more
        if not total:
            break
        if effective_order:
            counted = n + 1
        if not matched and smooth == "exp":
            halved *= 2
            matched = 1 / halved
        elif not matched and smooth == "floor":
            matched = added
        precisions[n] = 100 * matched / total
    used = precisions[:counted]
    score = penalty * math.exp(sum(map(math.log, used)) / counted) if all(used) else 0.0
    return Bleu(score, tuple(precisions), penalty, length, reference_length)
