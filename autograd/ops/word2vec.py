"""Losses that stand in for a softmax over a vocabulary: negative sampling and hierarchical softmax."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy import ndarray

from ..errors import DTypeError, ShapeError
from ..forms import SparseRows
from ..kernels import rows as kernels
from ..kernels import word2vec
from ..op import function, op
from .elementwise import sigmoid
from .embedding import indices_of
from .loss import _reduced, _reduction
from .rows import _row_products, _row_sums


def _terms_gradient(
    g: Any, y: Any, input: Any, weight: Any, rows: ndarray, outputs: ndarray, signs: ndarray, starts: ndarray,
    sparse: bool, needs: list[bool],
) -> list[Any]:  # fmt: skip
    take = kernels.spread(rows, starts)
    if type(input) is ndarray and type(weight) is ndarray and type(g) is ndarray:
        slopes = y[1] * kernels.spread(g, starts)
        if sparse and needs[1]:
            # a copy of the rows: the gradient is read after an optimizer may have moved them
            by_weight = SparseRows(outputs, input.copy(), weight.shape, take, slopes)
            return [
                _row_sums(weight, slopes, outputs, take, len(input), False) if needs[0] else None,
                by_weight,
                *_NO_GRADIENT,
            ]
    else:
        sign = signs.astype(y[1].dtype)
        group = kernels.spread(np.arange(len(rows)), starts)
        slopes = -sign * sigmoid(-sign * _row_products(input, weight, take, outputs)) * g[group]
    return [
        _row_sums(weight, slopes, outputs, take, input.shape[0], False) if needs[0] else None,
        _row_sums(input, slopes, take, outputs, weight.shape[0], False) if needs[1] else None,
        *_NO_GRADIENT,
    ]


_NO_GRADIENT = (None,) * 4  # of the places, which are integers


def _term_samples(s: Any) -> list[tuple[Any, ...]]:
    signs = np.array([1, -1, -1, 1, 0, 1], np.int8)
    return [
        (s(3, 4), s(5, 4), np.array([2, 0, 2, 1]), s.ints(5, 6), signs, np.array([0, 2, 3, 3, 6]), False),
        (s(3, 4), s(5, 4), s.ints(3, 0), s.ints(5, 0), signs[:0], np.zeros(1, np.int64), False),
    ]


@op(joint=_terms_gradient, n_inputs=6, hidden=1, samples=_term_samples)
def _logistic_terms(
    input: Any, weight: Any, rows: ndarray, outputs: ndarray, signs: ndarray, starts: ndarray, sparse: bool
) -> Any:
    """Losses (P,), each the sum of -log(sigmoid(sign * input[rows[p]] . weight[output])) over its terms; their slopes.

    Term i belongs to loss p for starts[p] <= i < starts[p + 1]; sign 0 leaves it out.
    """
    return kernels.logistic_losses(input, rows, weight, outputs, signs, starts)


def _checked(name: str, input: Any, weight: Any, target: Any, rows: Any, words: int) -> tuple[ndarray, ndarray]:
    """The targets and the row of input each goes with, as int64."""
    if input.ndim != 2 or weight.ndim != 2 or input.shape[1] != weight.shape[1]:
        raise ShapeError(
            f"{name}: input has shape {tuple(input.shape)} and weight {tuple(weight.shape)}; expected (N, D) and (*, D)"
        )
    if input.dtype != weight.dtype or input.dtype.kind != "f":
        raise DTypeError(f"{name}: input is {input.dtype} and weight {weight.dtype}; expected one floating dtype")
    target = indices_of(name, target, words, "target")
    at = np.arange(target.size) if rows is None else indices_of(name, rows, input.shape[0], "rows")
    if target.ndim != 1 or at.shape != target.shape or (rows is None and target.size != input.shape[0]):
        raise ShapeError(
            f"{name}: target has shape {target.shape}; expected ({input.shape[0]},), a word for each row of input"
            if rows is None
            else f"{name}: rows has shape {at.shape} and target {target.shape}; expected (P,) both"
        )
    return np.ascontiguousarray(target), np.ascontiguousarray(at)


@function(
    method=False,
    samples=lambda s: [
        (s(3, 4), s(5, 4), s.ints(5, 3), s.ints(5, 3, 2)),
        (s(3, 4), s(5, 4), s.ints(5, 6), s.ints(5, 6, 2), s.ints(3, 6), {"reduction": "none"}),
        (s(0, 4), s(5, 4), s.ints(5, 0), s.ints(5, 0, 2), {"reduction": "sum"}),
    ],
)
def negative_sampling_loss(
    input: Any, weight: Any, target: Any, negatives: Any, rows: Any = None, reduction: str = "mean", sparse: bool = False
) -> Any:  # fmt: skip
    """-log sigmoid(x . w[target]) - sum over the noise words of log sigmoid(-x . w[noise]).

    input (N, D) and weight (V, D) of one dtype; target (P,) of words and negatives (P, K) of noise words, integers below V:
    a noise word that is the target counts nothing. rows (P,): which row of input each target goes with; without it P = N
    and each its own. sparse: weight's gradient is a `SparseRows`. Errors: ShapeError, DTypeError, IndexError.
    Mikolov et al. 2013, arXiv:1310.4546, equation 4.

    >>> words = autograd.tensor([1, 2])
    >>> autograd.negative_sampling_loss(autograd.zeros(2, 4), autograd.zeros(5, 4), words, autograd.tensor([[3], [4]]))
    tensor(1.3863)
    """
    name = "negative_sampling_loss"
    reduction = _reduction(name, reduction)
    target, at = _checked(name, input, weight, target, rows, weight.shape[0])
    noise = indices_of(name, negatives, weight.shape[0], "negatives")
    if noise.ndim != 2 or len(noise) != len(target):
        raise ShapeError(
            f"{name}: negatives has shape {noise.shape}; expected ({len(target)}, K), noise words of each target"
        )
    outputs, signs, starts = word2vec.noise_terms(target, noise)
    return _reduced(_logistic_terms(input, weight, at, outputs, signs, starts, sparse)[0], reduction)


def _tree_samples(s: Any) -> list[tuple[Any, ...]]:
    tree = word2vec.HuffmanTree(np.array([5, 1, 9, 2, 2]))
    return [
        (s(3, 4), s(4, 4), s.ints(5, 3), tree), (s(3, 4), s(4, 4), s.ints(5, 6), tree, s.ints(3, 6), {"reduction": "none"}),
    ]  # fmt: skip


@function(method=False, samples=_tree_samples)
def hierarchical_softmax_loss(
    input: Any, weight: Any, target: Any, tree: Any, rows: Any = None, reduction: str = "mean",
    sparse: bool = False,
) -> Any:  # fmt: skip
    """-log p(target | x), p a product of decisions down a binary tree: each -log sigmoid(sign * x . weight[node]).

    input (N, D); weight (V - 1, D), a row for each inner node of the tree, a `HuffmanTree` such as nn.HierarchicalSoftmax
    has; target (P,) of words below V. The rest as in `negative_sampling_loss`.
    Morin and Bengio 2005; Mikolov et al. 2013, arXiv:1310.4546, equation 3.

    >>> from autograd.kernels.word2vec import HuffmanTree
    >>> tree = HuffmanTree(np.array([1, 1]))
    >>> autograd.hierarchical_softmax_loss(autograd.zeros(2, 4), autograd.zeros(1, 4), autograd.tensor([1, 0]), tree)
    tensor(0.6931)
    """
    name = "hierarchical_softmax_loss"
    reduction = _reduction(name, reduction)
    if not isinstance(tree, word2vec.HuffmanTree):
        raise DTypeError(
            f"{name}: tree is a {type(tree).__name__}; expected a HuffmanTree, as nn.HierarchicalSoftmax has"
        )
    if weight.ndim == 2 and len(weight) != tree.words - 1:
        raise ShapeError(
            f"{name}: weight has shape {tuple(weight.shape)}; expected ({tree.words - 1}, D), a row for each inner node of "
            f"the tree of {tree.words} words"
        )
    target, at = _checked(name, input, weight, target, rows, tree.words)
    outputs, signs, starts = tree.terms(target)
    return _reduced(_logistic_terms(input, weight, at, outputs, signs, starts, sparse)[0], reduction)
