"""Word2Vec beside gensim: words a second on one thread and on all, and wordsim353, on the same text and epochs.

    python benchmarks/bench_word2vec.py              the King James Bible, 15 epochs, 3 seeds a library
    python benchmarks/bench_word2vec.py --turns 1 --epochs 1

Skip-gram, 100 numbers a vector, window 5, 5 noise words, subsampling at 1e-3, words that come 5 times: gensim's defaults but
for the architecture. Each training runs in a process of its own, the two libraries by turns. A word is counted as gensim
counts: when subsampling kept it. The same seed gives our vectors again on any number of threads; gensim's threads race.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from nn.text import Corpus, Vocabulary, Word2Vec, WordVectors, king_james, wordsim353

RAW = ROOT / "runs" / "bench" / "word2vec.json"
WANTED = 330_000  # words a second


def ours(sentences: list[list[str]], epochs: int, seed: int) -> tuple[WordVectors, int, float]:
    """Trained vectors, words kept, seconds."""
    import autograd

    vocabulary = Vocabulary.build(sentences, 5)
    corpus = vocabulary.encode(sentences)
    model = Word2Vec(vocabulary, 100, generator=autograd.Generator().manual_seed(seed))
    model.fit(Corpus(corpus.ids[:5000], np.array([5000]), len(vocabulary)), 1)  # the kernels are compiled here
    model.reset_parameters()
    kept = 0

    def count(seen: int, loss: float, words: int) -> None:
        nonlocal kept
        kept += words

    start = time.perf_counter()
    model.fit(corpus, epochs, on_block=count)
    return WordVectors(vocabulary.words, model.input.weight), kept, time.perf_counter() - start


def gensims(sentences: list[list[str]], epochs: int, seed: int, threads: int) -> tuple[WordVectors, int, float]:
    from gensim.models import Word2Vec as Gensim

    model = Gensim(vector_size=100, sg=1, min_count=5, sample=1e-3, workers=threads, seed=seed + 1)
    model.build_vocab(sentences)
    start = time.perf_counter()
    kept, _ = model.train(sentences, total_examples=model.corpus_count, epochs=epochs)
    return WordVectors(model.wv.index_to_key, model.wv.vectors), kept, time.perf_counter() - start


def work(library: str, epochs: int, seed: int, threads: int) -> dict[str, float]:
    sentences = king_james()
    if library == "tapegrad":
        vectors, kept, seconds = ours(sentences, epochs, seed)
    else:
        vectors, kept, seconds = gensims(sentences, epochs, seed, threads)
    score, pairs = vectors.word_similarity(wordsim353())
    return {"words": kept / seconds, "score": score, "pairs": pairs}


def run(library: str, epochs: int, seed: int, threads: int) -> dict[str, float]:
    """`work` in a fresh process."""
    words = [sys.executable, __file__, "--work", library, "--epochs", str(epochs), "--seed", str(seed)]
    environment = os.environ | {"NUMBA_NUM_THREADS": str(threads), "OMP_NUM_THREADS": str(threads)}
    done = subprocess.run(
        [*words, "--threads", str(threads)], capture_output=True, text=True, env=environment
    )  # fmt: skip
    if done.returncode:
        sys.exit(f"{library}: {done.stderr.strip().splitlines()[-1]}")
    answer: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return answer


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument(
        "--turns", type=int, default=3, help="trainings of each library and number of threads, a seed each"
    )
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="beside one (default: all cores)")
    parser.add_argument("--work", choices=("tapegrad", "gensim"), help=argparse.SUPPRESS)
    parser.add_argument("--seed", type=int, default=0, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        print(json.dumps(work(options.work, options.epochs, options.seed, options.threads)))
        return

    results: dict[str, Any] = {"load before": os.getloadavg()[0], "cores": os.cpu_count(), "rows": []}
    print(
        f"{'word2vec/skip-gram, King James Bible':44s}{'tapegrad':>12s}{'gensim':>12s}{'ratio':>8s}"
        "  wordsim353, mean of the seeds"
    )
    for threads in dict.fromkeys((1, options.threads)):
        found: dict[str, list[dict[str, float]]] = {"tapegrad": [], "gensim": []}
        for seed in range(options.turns):
            for library, answers in found.items():
                answers.append(run(library, options.epochs, seed, threads))
        speed = {library: max(answer["words"] for answer in answers) for library, answers in found.items()}
        score = {library: float(np.mean([a["score"] for a in answers])) for library, answers in found.items()}
        results["rows"].append({"threads": threads, "speed": speed, "score": score, "turns": found})
        print(
            f"{f'  words a second, {threads} thread' + 's' * (threads > 1):44s}"
            f"{speed['tapegrad']:12,.0f}{speed['gensim']:12,.0f}"
            f"{speed['tapegrad'] / speed['gensim']:8.2f}  {score['tapegrad']:.3f} and {score['gensim']:.3f} "
            f"on {found['gensim'][0]['pairs']:.0f} pairs",
            flush=True,
        )
    last = results["rows"][-1]
    apart = abs(last["score"]["tapegrad"] - last["score"]["gensim"])
    print(f"  at least {WANTED:,} words a second: {'yes' if last['speed']['tapegrad'] >= WANTED else 'NO'}; "
          f"scores within 0.03: {'yes' if apart <= 0.03 else 'NO'} ({apart:.3f})")  # fmt: skip
    RAW.parent.mkdir(parents=True, exist_ok=True)
    RAW.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
