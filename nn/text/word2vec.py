"""Word2Vec: vectors of words, learned from the words around them.

Mikolov, Chen, Corrado and Dean, "Efficient estimation of word representations in vector space", 2013, arXiv:1301.3781;
Mikolov, Sutskever, Chen, Corrado and Dean, "Distributed representations of words and phrases", 2013, arXiv:1310.4546.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np

import autograd
import optim
from autograd import Tensor
from autograd.kernels.word2vec import windows
from autograd.random import rng_of

from .. import functional as F
from .. import init
from ..embedding import Embedding
from ..module import Module
from ..vocabulary_loss import HierarchicalSoftmax, NegativeSamplingLoss
from .vocabulary import Corpus, Vocabulary, encoded_chunks


class Word2Vec(Module):
    """Skip-gram: a word's vector predicts each word around it. CBOW: the mean of the vectors around a word predicts it.

    vocabulary: a `Vocabulary` with counts. architecture: "skip-gram" or "cbow". loss: "negative" (`negatives` noise words
    drawn with counts**power) or "hierarchical" (Huffman tree). window: reaches 1 to `window` words either way, drawn anew
    for each word. sample: a word of frequency f in the text stays with probability sqrt(sample / f) + sample / f, drawn anew
    each time; 0: all stay. generator: of all that is drawn, the default stream without it.
    input.weight (V, dim) starts uniform in (-1/2, 1/2) / dim and holds the vectors; loss.weight starts at 0. Both have sparse
    gradients.
    """

    def __init__(
        self,
        vocabulary: Vocabulary,
        dim: int = 100,
        *,
        architecture: str = "skip-gram",
        loss: str = "negative",
        window: int = 5,
        negatives: int = 5,
        power: float = 0.75,
        sample: float = 1e-3,
        generator: autograd.Generator | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        if architecture not in ("skip-gram", "cbow"):
            raise ValueError(f"Word2Vec: architecture must be 'skip-gram' or 'cbow', got {architecture!r}")
        if loss not in ("negative", "hierarchical"):
            raise ValueError(f"Word2Vec: loss must be 'negative' or 'hierarchical', got {loss!r}")
        if window < 1 or dim < 1 or sample < 0:
            raise ValueError(
                f"Word2Vec: window and dim must be at least 1 and sample at least 0, got {window}, {dim}, {sample}"
            )
        self.vocabulary, self.architecture, self.window = vocabulary, architecture, window
        self.sample, self.generator = sample, generator
        self.input = Embedding(len(vocabulary), dim, sparse=True, dtype=dtype)
        self.loss: NegativeSamplingLoss | HierarchicalSoftmax
        if loss == "negative":
            self.loss = NegativeSamplingLoss(
                vocabulary.counts, dim, negatives, power, sparse=True, reduction="sum", generator=generator, dtype=dtype
            )
        else:
            self.loss = HierarchicalSoftmax(vocabulary.counts, dim, sparse=True, reduction="sum", dtype=dtype)
        self._keep = _keep(vocabulary.counts, sample)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """The vectors small and random, the loss's weight 0."""
        bound = 0.5 / self.input.embedding_dim
        init.uniform_(self.input.weight, -bound, bound, generator=self.generator)
        self.loss.reset_parameters()

    def forward(self, corpus: Corpus, begin: int = 0, stop: int | None = None) -> Tensor:
        """The loss of the tokens begin to stop, summed over all pairs; windows and noise words are drawn for it."""
        loss, _ = self.block_loss(corpus, begin, len(corpus) if stop is None else stop)
        return loss

    def block_loss(self, corpus: Corpus, begin: int, stop: int) -> tuple[Tensor, tuple[int, int]]:
        """`forward`'s loss, how many words subsampling kept, and how many pairs (windows, for CBOW) there were."""
        if corpus.words != len(self.vocabulary):
            raise ValueError(
                f"Word2Vec: the corpus was encoded with {corpus.words} words, this vocabulary has {len(self.vocabulary)}"
            )
        if not 0 <= begin <= stop <= len(corpus):
            raise ValueError(f"Word2Vec: tokens {begin} to {stop} are not in a corpus of {len(corpus)}")
        key = int(rng_of(self.generator).integers(2**63))
        words, starts, rows, contexts = windows(corpus.ids, corpus.ends, begin, stop, self._keep, self.window, key)
        if self.architecture == "skip-gram":
            return self.loss(self.input(words), contexts, rows), (len(words), len(contexts))
        alone = starts[1:] == starts[:-1]  # a word without another around it says nothing
        bags, targets = starts[:-1][~alone], words[~alone]
        means = F.embedding_bag(contexts, self.input.weight, bags, mode="mean", sparse=True)
        return self.loss(means, targets), (len(words), len(targets))

    def fit(
        self,
        corpus: Corpus | Iterable[Sequence[str]],
        epochs: int = 5,
        lr: float = 0.025,
        min_lr: float = 1e-4,
        block: int | None = None,
        optimizer: optim.Optimizer | None = None,
        on_block: Callable[[int, float, int], None] | None = None,
    ) -> list[float]:
        """Train for `epochs` passes, the rate falling linearly from lr to min_lr; the mean loss a pair of each epoch.

        corpus: a `Corpus`, or sentences (lists of words) that can be read again every epoch and need not fit into memory.
        block: tokens a step, `block_size(lr)` by default. optimizer: instead of plain gradient descent, keeping its own rate.
        on_block: called after each step with the tokens read, the loss a pair and the words kept. Raises ValueError for a
        corpus without known words.
        """
        if block is None:
            block = self.block_size(lr)
        if epochs < 1 or block < 1:
            raise ValueError(f"Word2Vec.fit: epochs and block must be at least 1, got {epochs} and {block}")
        total = (len(corpus) if isinstance(corpus, Corpus) else self.vocabulary.tokens) * epochs
        step = optimizer or optim.SGD(self.parameters(), lr=lr)
        losses, seen = [], 0
        for _ in range(epochs):
            loss_sum, pair_sum, before = 0.0, 0, seen
            for part in self._chunks(corpus):
                for begin, stop in part.blocks(block):
                    if optimizer is None:
                        rate = max(min_lr, lr - (lr - min_lr) * seen / max(total, 1))
                        step.param_groups[0]["lr"] = rate
                    loss, (kept, pairs) = self.block_loss(part, begin, stop)
                    seen += stop - begin
                    step.zero_grad()
                    loss.backward()
                    step.step()
                    value = loss.item()
                    loss_sum += value
                    pair_sum += pairs
                    if on_block:
                        on_block(seen, value / max(pairs, 1), kept)
            if seen == before:
                raise ValueError(
                    "Word2Vec.fit: the corpus holds none of the vocabulary's words (or can be read only once)"
                )
            losses.append(loss_sum / max(pair_sum, 1))
        return losses

    def block_size(self, lr: float = 0.025) -> int:
        """How many tokens one step may take: the most frequent word's vector must not be moved too often at once.

        Its terms in a block are all taken at the vectors from before the step. Up to 4 / lr of them the vectors come out as
        from word-by-word training; from about 10 / lr on they overshoot and grow without bound (King James Bible, 100-d).
        """
        counts = self.vocabulary.counts
        kept = counts / counts.sum() * self._keep / 2.0**32
        pairs = self.window + 1 if self.architecture == "skip-gram" else 1
        if isinstance(self.loss, NegativeSamplingLoss):
            K, noise = self.loss.negatives, counts**self.loss.power
            terms = pairs * max((1 + K) * kept.max(), kept.max() + K * kept.sum() * noise.max() / noise.sum())
        else:
            terms = pairs * kept.sum()  # every path begins at the root
        return int(np.clip(4 / (lr * terms), 8, 10_000)) if lr > 0 else 10_000

    def _chunks(self, corpus: Corpus | Iterable[Sequence[str]]) -> Iterator[Corpus]:
        return iter([corpus]) if isinstance(corpus, Corpus) else encoded_chunks(self.vocabulary, corpus)

    def extra_repr(self) -> str:
        return f"{self.architecture}, window={self.window}, sample={self.sample}"


def _keep(counts: np.ndarray, sample: float) -> np.ndarray:
    """The probability that a word stays, of 2**32, uint64: word2vec.c's rule."""
    with np.errstate(divide="ignore"):
        ratio = sample * counts.sum() / counts if sample else np.full(len(counts), np.inf)
    return (np.minimum(np.sqrt(ratio) + ratio, 1.0) * 2**32).astype(np.uint64)
