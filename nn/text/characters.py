"""Characters and their numbers, and batches of them: whole texts packed, or one long text cut into windows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

import autograd
from autograd import Tensor
from nn.utils.rnn import PackedSequence

BOUNDARY = 0  # stands before the first and after the last character of a text, and fills batches


class Characters:
    """Characters numbered from 1 in the order given; number 0 is the boundary of a text.

    unknown: the character that stands for all that are not here, numbered last if it is new; without it they are errors.

    >>> alphabet = Characters("abc", unknown="?")
    >>> alphabet.encode("cab!").tolist(), alphabet.decode([3, 1, 0, 2])
    ([3, 1, 2, 4], 'ca')
    """

    def __init__(self, characters: Iterable[str], unknown: str | None = None) -> None:
        self.characters = list(characters)
        if unknown is not None and unknown not in self.characters:
            self.characters.append(unknown)
        self.unknown = unknown
        self.numbers = {character: number for number, character in enumerate(self.characters, 1)}
        for number, character in enumerate(self.characters, 1):
            if not isinstance(character, str) or len(character) != 1:
                raise ValueError(f"Characters: expected single characters, got {character!r}")
            if self.numbers[character] != number:
                raise ValueError(f"Characters: the character {character!r} comes twice")
        if not self.characters:
            raise ValueError("Characters: expected at least one character, got none")

    @classmethod
    def build(cls, texts: str | Iterable[str], min_count: int = 1, unknown: str | None = None) -> Characters:
        """The characters that come at least `min_count` times in the text or texts, in the order of their code points.

        Raises ValueError where none is left, and with min_count > 1 unless `unknown` says what stands for the rest.
        """
        if min_count > 1 and unknown is None:
            raise ValueError(f"Characters.build: min_count = {min_count} leaves characters out; say unknown='?'")
        counts: dict[str, int] = {}
        for text in [texts] if isinstance(texts, str) else texts:
            for character in text:
                counts[character] = counts.get(character, 0) + 1
        kept = sorted(character for character, count in counts.items() if count >= min_count)
        if not kept:
            raise ValueError(f"Characters.build: no character comes {min_count} times in the text given")
        return cls(kept, unknown)

    def __len__(self) -> int:
        """The boundary counted: one above the largest number."""
        return len(self.characters) + 1

    def __contains__(self, character: object) -> bool:
        return character in self.numbers

    def encode(self, text: str) -> np.ndarray:
        """The numbers of the text's characters, int64 (n,). Raises ValueError for an unknown one, saying where it is."""
        other = 0 if self.unknown is None else self.numbers[self.unknown]
        found = np.fromiter((self.numbers.get(character, other) for character in text), np.int64, len(text))
        if not found.all():
            place = int(np.argmin(found))
            raise ValueError(
                f"Characters.encode: {text[place]!r}, character {place} of {text[:40]!r}, is not among the "
                f"{len(self.characters)} known; build the vocabulary with it, or with unknown='?'"
            )
        return found

    def decode(self, numbers: Any) -> str:
        """The text of the numbers up to the first boundary. Raises ValueError for a number that is not here."""
        found = np.asarray(numbers, np.int64).ravel()
        if found.size and not 0 <= found.min() <= found.max() < len(self):
            raise ValueError(
                f"Characters.decode: numbers from {found.min()} to {found.max()}; expected 0 to {len(self) - 1}"
            )
        ends = np.flatnonzero(found == BOUNDARY)
        return "".join(self.characters[number - 1] for number in found[: ends[0] if ends.size else None])


def padded(sequences: Sequence[np.ndarray], fill: int = BOUNDARY) -> tuple[Tensor, np.ndarray]:
    """Numbers of texts side by side, int64 (B, longest), `fill` behind the shorter ones; and their lengths (B,)."""
    if not len(sequences):
        raise ValueError("padded: expected at least one sequence, got none")
    lengths = np.array([len(sequence) for sequence in sequences])
    block = np.full((len(sequences), lengths.max()), fill, np.int64)
    block[np.arange(block.shape[1]) < lengths[:, None]] = np.concatenate(sequences)
    return autograd.from_numpy(block), lengths


def next_characters(sequences: Sequence[np.ndarray]) -> tuple[PackedSequence, Tensor]:
    """What a language model reads and should say: packed boundary + text, and text + boundary, (sum of lengths + 1,).

    An empty text has one step, from the boundary to the boundary. Raises ValueError for no text at all.
    """
    block, lengths = padded(sequences)
    order = np.argsort(-lengths, kind="stable")
    ids, steps = block.numpy()[order].T, lengths[order] + 1
    edge = np.full((1, len(order)), BOUNDARY, np.int64)
    runs = np.arange(len(ids) + 1)[:, None] < steps
    inputs, targets = np.concatenate([edge, ids])[runs], np.concatenate([ids, edge])[runs]
    return PackedSequence(autograd.from_numpy(inputs), autograd.from_numpy(runs.sum(1))), autograd.from_numpy(targets)


def windows(ids: np.ndarray, batch: int, window: int) -> Iterator[tuple[Tensor, Tensor]]:
    """One long text for truncated backpropagation: pairs (inputs, next characters), int64 (rows, up to `window`).

    The text is cut into `batch` rows of equal length (fewer where it is that short; at most rows - 1 characters at its end
    are left out). Each pair continues the one before, so the state goes on from pair to pair. The last window may be shorter.
    Raises ValueError for fewer than two characters.
    """
    ids = np.asarray(ids, np.int64)
    if batch < 1 or window < 1:
        raise ValueError(f"windows: batch and window must be at least 1, got {batch} and {window}")
    if ids.ndim != 1 or len(ids) < 2:
        raise ValueError(f"windows: expected a text of at least two characters, got shape {ids.shape}")
    rows = min(batch, len(ids) - 1)
    steps = (len(ids) - 1) // rows
    inputs, targets = ids[: rows * steps].reshape(rows, steps), ids[1 : rows * steps + 1].reshape(rows, steps)
    for start in range(0, steps, window):
        yield tuple(
            autograd.from_numpy(np.ascontiguousarray(part[:, start : start + window])) for part in (inputs, targets)
        )  # type: ignore[misc]
