"""Vectors of words: likeness, neighbours, analogies, scores against human judgement, and the file formats they come in."""

from __future__ import annotations

import mmap
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from autograd import Tensor


class VectorsFileError(ValueError):
    """A vectors file that is damaged, cut short or of another format."""


def cosine_similarity(u: Any, v: Any) -> float:
    """u . v / (|u| |v|) of two vectors; raises ValueError where one is 0, for it has no direction."""
    u, v = np.asarray(u, np.float64), np.asarray(v, np.float64)
    norms = float(np.linalg.norm(u) * np.linalg.norm(v))
    if u.shape != v.shape or u.ndim != 1:
        raise ValueError(f"cosine_similarity: u has shape {u.shape} and v {v.shape}; expected one length")
    if norms == 0:
        raise ValueError("cosine_similarity: a vector of zeros has no direction")
    return float(u @ v) / norms


def spearman(a: Any, b: Any) -> float:
    """Spearman's rank correlation of two lists; equal values share the mean of their ranks. NaN where one is constant."""
    a, b = (_ranks(np.asarray(x, np.float64)) for x in (a, b))
    a, b = a - a.mean(), b - b.mean()
    scale = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / scale if scale else float("nan")


def _ranks(x: np.ndarray) -> np.ndarray:
    _, inverse, counts = np.unique(x, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2)[inverse]


class WordVectors:
    """Words and their vectors (V, D): `vectors["king"]` is one, `"king" in vectors`, `vectors.most_similar("king")`.

    words: list of V different str. vectors: an array or Tensor of floats. A word that is missing is a KeyError.
    """

    def __init__(self, words: Sequence[str], vectors: Any) -> None:
        array = vectors.detach().numpy() if isinstance(vectors, Tensor) else np.asarray(vectors)
        self.words = list(words)
        if array.ndim != 2 or len(array) != len(self.words) or array.dtype.kind != "f":
            raise ValueError(
                f"WordVectors: {len(self.words)} words and vectors {array.dtype} {array.shape}; expected floats "
                f"({len(self.words)}, D)"
            )
        self.vectors = array
        self.numbers = {word: number for number, word in enumerate(self.words)}
        if len(self.numbers) != len(self.words):
            twice = next(word for number, word in enumerate(self.words) if self.numbers[word] != number)
            raise ValueError(f"WordVectors: the word {twice!r} comes twice")
        self._unit: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.words)

    def __contains__(self, word: object) -> bool:
        return word in self.numbers

    def number(self, word: str) -> int:
        """The row of a word. Raises KeyError where it has none."""
        try:
            return self.numbers[word]
        except KeyError:
            raise KeyError(f"the word {word!r} is not among the {len(self)} words that have vectors") from None

    def __getitem__(self, word: str) -> np.ndarray:
        return self.vectors[self.number(word)]

    def unit(self) -> np.ndarray:
        """All vectors divided by their lengths, kept once made; those of length 0 stay 0."""
        if self._unit is None:
            lengths = np.linalg.norm(self.vectors, axis=1, keepdims=True)
            self._unit = self.vectors / np.where(lengths > 0, lengths, 1).astype(self.vectors.dtype)
        return self._unit

    def normalized(self) -> WordVectors:
        """The same words with vectors of length 1."""
        return WordVectors(self.words, self.unit())

    def changed(self, vectors: dict[str, np.ndarray]) -> WordVectors:
        """A copy in which some words have other vectors."""
        array = self.vectors.copy()
        for word, vector in vectors.items():
            array[self.number(word)] = vector
        return WordVectors(self.words, array)

    # ------------------------------------------------------------------------------------------------- questions

    def similarity(self, a: str, b: str) -> float:
        """The cosine similarity of two words."""
        return cosine_similarity(self[a], self[b])

    def most_similar(self, word: str | np.ndarray, n: int = 10, exclude: Iterable[str] = ()) -> list[tuple[str, float]]:
        """The n words of the largest cosine similarity to a word, itself left out, or to a vector; with it, best first."""
        if isinstance(word, str):
            target, exclude = self[word], {word, *exclude}
        else:
            target = np.asarray(word, self.vectors.dtype)
        length = np.linalg.norm(target)
        return self._best(self.unit() @ (target / (length or 1)), n, exclude)

    def analogy(self, a: str, b: str, c: str, n: int = 1, method: str = "3cosadd") -> list[tuple[str, float]]:
        """a is to b as c is to what: the n best words with their scores, a, b and c themselves left out.

        "3cosadd": cos(d, b) - cos(d, a) + cos(d, c), on vectors of length 1 (Levy and Goldberg 2014). "course": the cosine
        similarity of b - a and d - c, on the vectors as they are.
        """
        if method == "3cosadd":
            unit = self.unit()
            at_a, at_b, at_c = (unit[self.number(word)] for word in (a, b, c))
            scores = unit @ (at_b - at_a + at_c)
        elif method == "course":
            step, moved = self[b] - self[a], self.vectors - self[c]
            lengths = np.linalg.norm(moved, axis=1) * np.linalg.norm(step)
            with np.errstate(invalid="ignore", divide="ignore"):
                scores = np.where(lengths > 0, moved @ step / lengths, -np.inf)
        else:
            raise ValueError(f"analogy: method must be '3cosadd' or 'course', got {method!r}")
        return self._best(scores, n, (a, b, c))

    def _best(self, scores: np.ndarray, n: int, exclude: Iterable[str]) -> list[tuple[str, float]]:
        scores = scores.copy()
        left_out = [self.number(word) for word in set(exclude)]
        scores[left_out] = -np.inf
        n = min(n, len(scores) - len(left_out))
        best = np.argpartition(-scores, n - 1)[:n] if 0 < n < len(scores) else np.arange(len(scores))[: max(n, 0)]
        best = best[np.lexsort((best, -scores[best]))]
        return [(self.words[i], float(scores[i])) for i in best]

    def word_similarity(self, pairs: Iterable[tuple[str, str, float]]) -> tuple[float, int]:
        """Spearman's correlation between cosine similarity and human judgement, and how many pairs had both words.

        pairs: (word, word, score), as `wordsim353` gives them; words are looked up as they are, then in lower case.
        """
        unit = self.unit()
        ours, theirs = [], []
        for a, b, score in pairs:
            i, j = (self.numbers.get(word, self.numbers.get(word.lower())) for word in (a, b))
            if i is not None and j is not None:
                ours.append(float(unit[i] @ unit[j]))
                theirs.append(score)
        return (spearman(ours, theirs) if len(ours) > 1 else float("nan")), len(ours)

    def plane(self, words: Sequence[str]) -> np.ndarray:
        """The vectors of some words seen along their two principal components, (n, 2)."""
        rows = np.stack([self[word] for word in words]).astype(np.float64)
        rows -= rows.mean(0)
        _, _, axes = np.linalg.svd(rows, full_matrices=False)
        # a component's sign is arbitrary: its largest entry is made positive
        axes = axes[:2] * np.sign(axes[:2][np.arange(len(axes[:2])), np.abs(axes[:2]).argmax(1)])[:, None]
        seen = rows @ axes.T
        return np.pad(seen, ((0, 0), (0, 2 - seen.shape[1])))

    # ------------------------------------------------------------------------------------------------- files

    def save(self, path: str | Path, binary: bool = False, header: bool = True) -> None:
        """Write word2vec's text form, its binary form, or (header=False) GloVe's text, which lacks the first line.

        The values are written as float32. A word with white space in it, which these forms cannot hold, is a ValueError.
        """
        for word in self.words:
            if not word or len(word.split()) != 1 or word != word.strip():
                raise ValueError(
                    f"save: the word {word!r} is empty or has white space in it; these formats cannot hold it"
                )
        if binary and not header:
            raise ValueError("save: the binary form always has a header")
        rows = np.ascontiguousarray(self.vectors, "<f4")
        numbers = " %.9g" * rows.shape[1] + "\n"  # nine digits bring a float32 back exactly
        with Path(path).open("wb") as file:
            if header:
                file.write(f"{len(self)} {rows.shape[1]}\n".encode())
            for word, row in zip(self.words, rows, strict=True):
                file.write(word.encode())
                file.write(b" " + row.tobytes() + b"\n" if binary else (numbers % tuple(row.tolist())).encode())

    @classmethod
    def load(cls, path: str | Path, form: str = "auto", limit: int | None = None) -> WordVectors:
        """Read vectors: form "word2vec" (text), "word2vec-binary", "glove" (text without header), or "auto" to find out.

        limit: only the first so many. A file that is damaged is a `VectorsFileError` that names the line or the word.
        """
        path = Path(path)
        if form not in ("auto", "word2vec", "word2vec-binary", "glove"):
            raise ValueError(f"load: form must be auto, word2vec, word2vec-binary or glove, got {form!r}")
        if not path.is_file():
            raise FileNotFoundError(f"load: there is no vectors file {path}")
        if not path.stat().st_size:
            raise _damaged(path, "the file is empty")
        if form == "auto":
            form = _form_of(path)
        words, vectors = (_read_binary if form == "word2vec-binary" else _read_text)(path, form, limit)
        return cls(words, vectors)


def _damaged(path: Path, what: str) -> VectorsFileError:
    return VectorsFileError(f"{path}: {what}")


def _header(line: bytes) -> tuple[int, int] | None:
    """(words, dimensions) where a line is a header."""
    parts = line.split()
    if len(parts) == 2 and all(part.isdigit() for part in parts):
        return int(parts[0]), int(parts[1])
    return None


def _form_of(path: Path) -> str:
    with path.open("rb") as file:
        if _header(file.readline(_LINE)) is None:
            return "glove"
        # a number as text is made of printable characters, hundreds of bytes of a vector hardly ever are
        numbers = file.readline(_LINE).partition(b" ")[2]
    return "word2vec" if all(32 <= byte < 127 or byte in b"\t\r\n" for byte in numbers) else "word2vec-binary"


_LINE = 1 << 20  # bytes; a longer line is not the beginning of a vectors file


def _read_text(path: Path, form: str, limit: int | None) -> tuple[list[str], np.ndarray]:
    places: dict[str, int] = {}  # word -> line
    rows: list[np.ndarray] = []
    with path.open("rb") as file:
        before, promised, dim = 0, None, 0
        if form == "word2vec":
            header = _header(file.readline(_LINE))
            if header is None:
                raise _damaged(
                    path, "line 1 is not 'words dimensions'; GloVe's form has no such line: pass form='glove'"
                )
            before, (promised, dim) = 1, header
        for number, line in enumerate(file, before + 1):
            if limit is not None and len(rows) >= limit:
                break
            parts = line.rstrip(b"\r\n ").split(b" ")
            if parts == [b""]:
                continue
            dim = dim or len(parts) - 1
            if len(parts) < dim + 1 or dim < 1:
                raise _damaged(path, f"line {number} has {len(parts) - 1} numbers, expected {dim}")
            try:
                # some of GloVe's words hold blanks: the numbers are the last `dim` parts
                word, row = b" ".join(parts[:-dim]).decode(), np.array(parts[-dim:], np.float32)
            except ValueError as error:
                raise _damaged(path, f"line {number} does not hold a word and {dim} numbers: {error}") from None
            if word in places:
                raise _damaged(path, f"line {number}: the word {word!r} came in line {places[word]} already")
            places[word] = number
            rows.append(row)
    expected = promised if limit is None or promised is None else min(limit, promised)
    if expected is not None and len(rows) != expected:
        raise _damaged(path, f"the header promises {promised} words, the file holds {len(rows)}: cut short or changed")
    if not rows:
        raise _damaged(path, "the file holds no vectors")
    return list(places), _finite(path, list(places), np.stack(rows))


def _read_binary(path: Path, form: str, limit: int | None) -> tuple[list[str], np.ndarray]:
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        first = data.find(b"\n", 0, _LINE)
        header = _header(data[: max(first, 0)])
        if header is None:
            raise _damaged(path, "it does not begin with a line 'words dimensions'")
        promised, dim = header
        count, at, size = promised if limit is None else min(limit, promised), first + 1, 4 * dim
        if dim < 1 or count < 1 or count * (size + 2) > len(data) - at:
            raise _damaged(
                path, f"the header promises {promised} words of {dim} numbers, more than {len(data)} bytes hold"
            )
        rows = np.empty((count, dim), "<f4")
        places: dict[str, int] = {}
        for k in range(count):
            stop = data.find(b" ", at, at + _LINE)
            if stop < 0 or stop + 1 + size > len(data):
                raise _damaged(path, f"it ends within word {k + 1} of {promised}")
            try:
                word = data[at:stop].lstrip(b"\n").decode()
            except UnicodeDecodeError as error:
                raise _damaged(path, f"word {k + 1} of {promised} is not UTF-8 ({error})") from None
            if not word or word in places:
                raise _damaged(
                    path,
                    f"word {k + 1} of {promised} is {word!r}, which is " + ("empty" if not word else "a repetition"),
                )
            places[word] = k
            rows[k] = np.frombuffer(data, "<f4", dim, stop + 1)
            at = stop + 1 + size
        if limit is None and data[at:].strip(b"\n"):
            raise _damaged(path, f"it goes on after the {promised} words that the header promises")
    return list(places), _finite(path, list(places), rows.astype(np.float32, copy=False))


def _finite(path: Path, words: list[str], rows: np.ndarray) -> np.ndarray:
    if not np.isfinite(rows).all():
        bad = int(np.argwhere(~np.isfinite(rows))[0, 0])
        raise _damaged(path, f"the vector of {words[bad]!r} holds NaN or infinity")
    return rows
