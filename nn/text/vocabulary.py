"""Words and their numbers, counted from a stream that need not fit into memory."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
_PIECE = 1 << 20  # characters read at a time: some texts are one line
_SENTENCE_END = re.compile(r"[.?!]+(?:\s+|$)")


def tokenize(text: str) -> list[str]:
    """The words of a text in lower case: runs of letters, an apostrophe inside allowed."""
    return [word.replace("’", "'") for word in _WORD.findall(text.lower())]


class Sentences:
    """The sentences of a text file, each a list of words, read anew and piece by piece every time one iterates.

    A sentence ends at a full stop, a question or an exclamation mark, and with its line, a very long one in pieces.
    path: of a text file, UTF-8.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        if not self.path.is_file():
            raise FileNotFoundError(f"Sentences: there is no text file {self.path}")

    def __iter__(self) -> Iterator[list[str]]:
        with self.path.open(encoding="utf-8", errors="replace") as lines:
            rest = ""
            while piece := lines.readline(_PIECE):
                text, rest = rest + piece, ""
                if len(piece) == _PIECE and not piece.endswith("\n"):  # a long line: cut it between two words
                    cut = text.rfind(" ") + 1 or len(text)
                    text, rest = text[:cut], text[cut:]
                yield from split_sentences(text)
            yield from split_sentences(rest)


def split_sentences(text: str) -> Iterator[list[str]]:
    """The sentences of a text as lists of words, those without words left out."""
    for line in text.splitlines():
        for sentence in _SENTENCE_END.split(line):
            words = tokenize(sentence)
            if words:
                yield words


class Vocabulary:
    """Words numbered from the most frequent, 0, on; equal counts in the order of the alphabet.

    words: list of str. counts: (V,) int64, how often each came. dropped: tokens of the words that were left out.

    >>> vocabulary = Vocabulary.build([["a", "rose", "is", "a", "rose"]])
    >>> vocabulary.words, vocabulary["rose"], "lily" in vocabulary
    (['a', 'rose', 'is'], 1, False)
    """

    def __init__(
        self, words: Sequence[str], counts: Sequence[int] | np.ndarray | None = None, dropped: int = 0
    ) -> None:
        self.words = list(words)
        self.counts = np.ones(len(self.words), np.int64) if counts is None else np.asarray(counts, np.int64)
        self.dropped = dropped
        self.numbers = {word: number for number, word in enumerate(self.words)}
        if self.counts.shape != (len(self.words),):
            raise ValueError(f"Vocabulary: {len(self.words)} words but counts of shape {self.counts.shape}")
        if len(self.numbers) != len(self.words):
            twice = next(word for number, word in enumerate(self.words) if self.numbers[word] != number)
            raise ValueError(f"Vocabulary: the word {twice!r} comes twice")

    @classmethod
    def build(
        cls,
        sentences: Iterable[Sequence[str]],
        min_count: int = 1,
        max_words: int | None = None,
        prune_above: int | None = 10_000_000,
    ) -> Vocabulary:
        """Count the words of `sentences`, read once, and number those that come at least `min_count` times.

        max_words: at most that many, the most frequent. prune_above: while counting, whenever more different words are
        held, the rarest are forgotten (as in word2vec.c), so memory stays bounded and rare words may be counted low; None:
        never. Raises ValueError where no word is left, TypeError for a sentence that is a str.
        """
        counts: dict[str, int] = {}
        total, floor = 0, 1
        for sentence in sentences:
            if isinstance(sentence, str):
                raise TypeError(
                    f"Vocabulary.build: a sentence is a list of words, got the str {sentence[:40]!r}; split it"
                )
            total += len(sentence)
            for word in sentence:
                counts[word] = counts.get(word, 0) + 1
            if prune_above is not None and len(counts) > prune_above:
                while len(counts) > prune_above:
                    floor += 1
                    counts = {word: count for word, count in counts.items() if count >= floor}
        kept = [(word, count) for word, count in counts.items() if count >= min_count]
        kept.sort(key=lambda pair: (-pair[1], pair[0]))
        kept = kept[:max_words]
        if not kept:
            most = max(counts.values(), default=0)
            raise ValueError(
                "Vocabulary.build: the corpus has no words"
                if not total
                else f"Vocabulary.build: no word comes min_count = {min_count} times (the most frequent comes {most} "
                "times); lower min_count or take more text"
            )
        words, numbers = zip(*kept, strict=True)
        return cls(words, numbers, total - sum(numbers))

    def __len__(self) -> int:
        return len(self.words)

    def __contains__(self, word: object) -> bool:
        return word in self.numbers

    def __getitem__(self, word: str) -> int:
        """The number of a word. Raises KeyError for one that is not here."""
        try:
            return self.numbers[word]
        except KeyError:
            raise KeyError(f"the word {word!r} is not among the {len(self)} words of the vocabulary") from None

    @property
    def tokens(self) -> int:
        """How many tokens of the corpus are words of the vocabulary."""
        return int(self.counts.sum())

    def encode(self, sentences: Iterable[Sequence[str]]) -> Corpus:
        """The sentences as numbers; words that are not in the vocabulary are left out."""
        found: list[np.ndarray] = []
        ends: list[int] = []
        end, number = 0, self.numbers.get
        for sentence in sentences:
            ids = [n for word in sentence if (n := number(word)) is not None]
            if ids:
                found.append(np.array(ids, np.int32))
                end += len(ids)
                ends.append(end)
        return Corpus(np.concatenate(found) if found else np.empty(0, np.int32), np.array(ends, np.int64), len(self))


class Corpus:
    """A text as numbers: ids (n,) int32, and ends (m,), where each sentence ends, ascending, the last at n.

    words: the size of the vocabulary, above every id.
    """

    def __init__(self, ids: np.ndarray, ends: np.ndarray, words: int) -> None:
        ids, ends = np.ascontiguousarray(ids, np.int32), np.ascontiguousarray(ends, np.int64)
        if ids.ndim != 1 or ends.ndim != 1:
            raise ValueError(f"Corpus: ids and ends have shapes {ids.shape} and {ends.shape}; expected (n,) and (m,)")
        if ids.size and not 0 <= ids.min() <= ids.max() < words:
            raise ValueError(
                f"Corpus: ids run from {ids.min()} to {ids.max()}; the vocabulary has words 0 to {words - 1}"
            )
        if (np.diff(ends, prepend=0) < 0).any() or (ends[-1] if ends.size else 0) != ids.size:
            raise ValueError(f"Corpus: ends must ascend from 0 to the {ids.size} tokens")
        self.ids, self.ends, self.words = ids, ends, words

    def __len__(self) -> int:
        return self.ids.size

    def blocks(self, size: int) -> Iterator[tuple[int, int]]:
        """Stretches (begin, stop) of about `size` tokens that end with a sentence; a longer sentence is cut."""
        begin = 0
        while begin < len(self):
            stop = min(begin + size, len(self))
            last = int(np.searchsorted(self.ends, stop, "right")) - 1  # the last sentence that ends within
            if last >= 0 and self.ends[last] > begin:
                stop = int(self.ends[last])
            yield begin, stop
            begin = stop


def encoded_chunks(vocabulary: Vocabulary, sentences: Any, tokens: int = 1_000_000) -> Iterator[Corpus]:
    """The sentences of a stream as one `Corpus` after another of about `tokens` tokens."""
    waiting: list[Sequence[str]] = []
    held = 0
    for sentence in sentences:
        waiting.append(sentence)
        held += len(sentence)
        if held >= tokens:
            yield vocabulary.encode(waiting)
            waiting, held = [], 0
    if waiting:
        yield vocabulary.encode(waiting)
