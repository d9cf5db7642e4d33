"""Gender and other directions in word vectors, and what takes them out: neutralise and equalise.

Bolukbasi, Chang, Zou, Saligrama and Kalai, "Man is to computer programmer as woman is to homemaker?", 2016,
arXiv:1607.06520; the course's form of it where the two differ.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence

import numpy as np

from .vectors import WordVectors

Pairs = Iterable[tuple[str, str]]


def bias_direction(vectors: WordVectors, pairs: Pairs, method: str = "difference") -> np.ndarray:
    """The direction (D,), float64, that pairs of words like ("woman", "man") differ in.

    "difference": the mean of first - second, as it is. "pca": the first principal component, of length 1, of all words
    after each pair's own mean is taken away; it points from the seconds to the firsts.
    """
    found = [(vectors[a].astype(np.float64), vectors[b].astype(np.float64)) for a, b in pairs]
    if not found:
        raise ValueError("bias_direction: pairs is empty; give at least one, as [('woman', 'man')]")
    difference = np.mean([a - b for a, b in found], axis=0)
    if method == "difference":
        return difference
    if method != "pca":
        raise ValueError(f"bias_direction: method must be 'difference' or 'pca', got {method!r}")
    centred = np.concatenate([[(a - b) / 2, (b - a) / 2] for a, b in found])
    component = np.linalg.svd(centred, full_matrices=False)[2][0]
    return component if component @ difference >= 0 else -component


def _along(vector: np.ndarray, direction: np.ndarray) -> np.ndarray:
    """The part of a vector along a direction: (v . b / |b|^2) b."""
    square = float(direction @ direction)
    if square == 0:
        raise ValueError("the bias direction is all zeros; the words it came from have one vector")
    return float(vector @ direction) / square * direction


def neutralize(vector: np.ndarray, direction: np.ndarray) -> np.ndarray:
    """A vector without its part along the direction; both (D,), float64 comes back."""
    vector, direction = np.asarray(vector, np.float64), np.asarray(direction, np.float64)
    return vector - _along(vector, direction)


def equalize(
    first: np.ndarray, second: np.ndarray, direction: np.ndarray, form: str = "bolukbasi"
) -> tuple[np.ndarray, np.ndarray]:
    """Two vectors changed so that they differ along the direction only, and evenly: e' = m + s (e_B - m_B) / n.

    m is their mean without its part m_B along the direction, e_B a vector's part along it, s = sqrt(|1 - |m|^2|). form:
    "bolukbasi" divides by n = |e_B - m_B|, so that e' has length 1 where |m| <= 1; "notes", the course's, divides by
    n = |e - m - m_B|. The two agree where the vectors differ along the direction alone. Made for vectors of length 1: where
    |m| > 1 the square root is of a negative number but for its |.|, and a warning says how long the vectors are.
    """
    if form not in ("bolukbasi", "notes"):
        raise ValueError(f"equalize: form must be 'bolukbasi' or 'notes', got {form!r}")
    a, b, direction = (np.asarray(x, np.float64) for x in (first, second, direction))
    mean = (a + b) / 2
    mean_along = _along(mean, direction)
    rest = mean - mean_along
    inside = 1 - float(rest @ rest)
    if inside < 0:
        lengths = ", ".join(f"{np.linalg.norm(x):.4g}" for x in (a, b))
        warnings.warn(
            f"equalize: the vectors have lengths {lengths} and share a part of length {np.linalg.norm(rest):.4g}; beyond 1 "
            "the result is no longer of length 1: normalise them first",
            stacklevel=2,
        )
    results = []
    for vector in (a, b):
        offset = _along(vector, direction) - mean_along
        length = np.linalg.norm(offset if form == "bolukbasi" else vector - rest - mean_along)
        if np.linalg.norm(offset) <= 1e-12 * np.linalg.norm(vector):
            raise ValueError(
                "equalize: the two vectors do not differ along the direction, so it cannot tell them apart"
            )
        results.append(rest + np.sqrt(abs(inside)) * offset / length)
    return results[0], results[1]


def debias(
    vectors: WordVectors,
    direction: np.ndarray,
    neutral: Iterable[str],
    pairs: Sequence[tuple[str, str]] = (),
    form: str = "bolukbasi",
) -> WordVectors:
    """A copy of the vectors with the words in `neutral` neutralised, and each pair equalised."""
    changed = {word: neutralize(vectors[word], direction) for word in neutral}
    for a, b in pairs:
        changed[a], changed[b] = equalize(vectors[a], vectors[b], direction, form)
    return vectors.changed(changed)
