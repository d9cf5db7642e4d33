"""Losses that stand in for a softmax over a whole vocabulary: negative sampling and hierarchical softmax."""

from __future__ import annotations

from typing import Any

import numpy as np

import autograd
from autograd import Tensor
from autograd.kernels.word2vec import HuffmanTree, alias_table, draw
from autograd.random import rng_of

from . import functional as F
from . import init
from .linear import parameter
from .module import Module


def _counts(name: str, counts: Any) -> np.ndarray:
    """How often each word comes, as float64, checked."""
    array = np.asarray(counts.numpy() if isinstance(counts, Tensor) else counts, np.float64)
    if array.ndim != 1 or not array.size:
        raise ValueError(f"{name}: counts has shape {array.shape}; expected (V,), how often each of V >= 1 words comes")
    if not (np.isfinite(array).all() and array.min() >= 0 and array.max() > 0):
        raise ValueError(f"{name}: counts must be finite and >= 0, one of them > 0")
    return array


class _VocabularyLoss(Module):
    """What both losses share: a weight that starts at 0, as word2vec.c's does, and a reduction."""

    def _make(self, rows: int, dim: int, sparse: bool, reduction: str, device: Any, dtype: Any) -> None:
        self.embedding_dim, self.sparse, self.reduction = dim, sparse, reduction
        self.weight = parameter(rows, dim, device=device, dtype=dtype)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """All zeros."""
        init.zeros_(self.weight)


class NegativeSamplingLoss(_VocabularyLoss):
    """-log sigmoid(x . w_target) - sum over K noise words of log sigmoid(-x . w_noise), w the rows of the weight.

    Noise words are drawn with probability counts**power / sum from the default stream, or `generator`; one that is the
    target itself counts nothing. input (N, D), target (P,) of integers; rows (P,): which row of input each target goes with
    (P = N and its own without it). weight (V, embedding_dim) starts at 0. counts: (V,) of numbers. sparse: its gradient is
    SparseRows, kept in factors. Mikolov et al. 2013, arXiv:1310.4546, equation 4.

    >>> nn.NegativeSamplingLoss(np.array([5, 2, 1]), 4)(autograd.zeros(2, 4), autograd.tensor([1, 0])).shape
    Size([])
    """

    def __init__(
        self,
        counts: Any,
        embedding_dim: int,
        negatives: int = 5,
        power: float = 0.75,
        *,
        sparse: bool = False,
        reduction: str = "mean",
        generator: autograd.Generator | None = None,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        name = type(self).__name__
        if negatives < 1:
            raise ValueError(f"{name}: negatives must be at least 1, got {negatives}")
        found = _counts(name, counts)
        self.negatives, self.power, self.generator = negatives, power, generator
        self._table = alias_table(np.where(found > 0, found, 0.0) ** power * (found > 0))
        self._make(found.size, embedding_dim, sparse, reduction, device, dtype)

    def draw(self, n: int) -> np.ndarray:
        """Noise words for n targets, (n, negatives) int64."""
        key = int(rng_of(self.generator).integers(2**63))
        return draw(self._table, (n, self.negatives), key)

    def forward(self, input: Tensor, target: Any, rows: Any = None, negatives: Any = None) -> Tensor:
        noise = self.draw(len(target)) if negatives is None else negatives
        return F.negative_sampling_loss(input, self.weight, target, noise, rows, self.reduction, self.sparse)

    def extra_repr(self) -> str:
        words, dim = self.weight.shape
        return f"{words}, {dim}, negatives={self.negatives}, power={self.power}" + ", sparse=True" * self.sparse


class HierarchicalSoftmax(_VocabularyLoss):
    """-log p(target | x) where p is a product of decisions sigmoid(+-x . w_node) down the Huffman tree of the counts.

    A target costs about log2 V inner products instead of V, and the probabilities of all words add up to 1. input, target,
    rows and sparse as in `NegativeSamplingLoss`. weight (V - 1, embedding_dim), a row an inner node, starts at 0.
    Morin and Bengio 2005; Mikolov et al. 2013, arXiv:1310.4546, equation 3.

    >>> nn.HierarchicalSoftmax(np.array([5, 2, 1]), 4)(autograd.zeros(2, 4), autograd.tensor([1, 0])).shape
    Size([])
    """

    def __init__(
        self,
        counts: Any,
        embedding_dim: int,
        *,
        sparse: bool = False,
        reduction: str = "mean",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        found = _counts(type(self).__name__, counts)
        self.tree = HuffmanTree(found)
        self._make(found.size - 1, embedding_dim, sparse, reduction, device, dtype)

    def forward(self, input: Tensor, target: Any, rows: Any = None) -> Tensor:
        return F.hierarchical_softmax_loss(input, self.weight, target, self.tree, rows, self.reduction, self.sparse)

    def log_prob(self, input: Tensor) -> Tensor:
        """Log-probabilities (N, V) of all words for each row of input (N, D)."""
        N, V = len(input), self.tree.words
        target, rows = np.tile(np.arange(V), N), np.repeat(np.arange(N), V)
        loss = F.hierarchical_softmax_loss(input, self.weight, target, self.tree, rows, "none", self.sparse)
        return -loss.reshape(N, V)

    def extra_repr(self) -> str:
        return f"{self.tree.words}, {self.embedding_dim}" + ", sparse=True" * self.sparse
