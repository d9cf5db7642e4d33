"""Losses of margins, triplets and pairs, and the similarities they compare."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
from numpy import ndarray

from .. import dtypes
from ..errors import DTypeError, NumberError, ShapeError, only_tensors
from ..kernels import pairs
from ..op import function, op
from ..tape import mode
from .activation import relu
from .arithmetic import mul, sqrt
from .chain import times
from .compare import clamp_min, minimum, where
from .convert import to_dtype
from .loss import (
    _array,
    _as_input,
    _at_label,
    _bare,
    _class_weight,
    _labels,
    _reduced,
    _reduction,
    _same_size,
    softplus,
)
from .norm import FEW, unit, unit_pull
from .reduce import _kept, _norm_pull, _vector_norm, mean, sum
from .shape import broadcast_tensors, unsqueeze


@function(
    method=False,
    samples=lambda s: [
        (s(4), np.array([1.0, -1, 1, -1]), {"margin": 0.7}),
        (s(2, 2), np.array([1.0, -1]), {"reduction": "sum"}),
    ],
)
def hinge_embedding_loss(
    input: Any, target: Any, margin: float = 1.0, size_average: Any = None, reduce: Any = None, reduction: str = "mean"
) -> Any:
    """input where target is 1, max(0, margin - input) where it is -1.

    >>> autograd.hinge_embedding_loss(autograd.tensor([0.5]), autograd.tensor([-1.0]))
    tensor(0.5000)
    """
    reduction = _reduction("hinge_embedding_loss", reduction, size_average, reduce)
    t = _array(target)
    if t.dtype.kind not in "biuf":
        raise DTypeError(f"hinge_embedding_loss: target is {t.dtype}; expected numbers, 1 or -1")
    loss = where(t != 1, clamp_min(margin - input, 0.0), 0.0) + where(t != -1, input, 0.0)
    return _reduced(loss, reduction)


@function(
    method=False,
    samples=lambda s: [
        (s(4), s(4), np.array([1.0, -1, 1, -1])),
        (s(3), s(3), np.array([1.0, -1, 1]), 0.5, None, None, "none"),
    ],
)
def margin_ranking_loss(
    input1: Any, input2: Any, target: Any, margin: float = 0.0, size_average: Any = None, reduce: Any = None,
    reduction: str = "mean",
) -> Any:  # fmt: skip
    """max(0, -target (input1 - input2) + margin), target being 1 or -1.

    >>> autograd.margin_ranking_loss(autograd.zeros(1), autograd.ones(1), autograd.ones(1))
    tensor(1.)
    """
    reduction = _reduction("margin_ranking_loss", reduction, size_average, reduce)
    if not input1.ndim == input2.ndim == target.ndim:
        raise ShapeError(
            f"margin_ranking_loss: input1, input2 and target have shapes {tuple(input1.shape)}, {tuple(input2.shape)} "
            f"and "
            f"{tuple(target.shape)}; expected as many dimensions each"
        )
    return _reduced(clamp_min((input2 - input1) * target + margin, 0.0), reduction)


@function(
    method=False,
    samples=lambda s: [(s(4), np.array([1.0, -1, 1, -1])), (s(2, 3), s(2, 3), {"reduction": "sum"})],
)
def soft_margin_loss(
    input: Any, target: Any, size_average: Any = None, reduce: Any = None, reduction: str = "mean"
) -> Any:
    """log(1 + exp(-target input)), target being 1 or -1.

    >>> autograd.soft_margin_loss(autograd.tensor([2.0]), autograd.tensor([1.0]))
    tensor(0.1269)
    """
    reduction = _reduction("soft_margin_loss", reduction, size_average, reduce)
    return _as_input(_reduced(softplus(-(target * input)), reduction), input)


@function(
    method=False,
    samples=lambda s: [
        (s(3, 4), s(3, 4), np.array([1, -1, 1])),
        (s(3, 4), s(3, 4), np.array([1, -1, -1]), {"margin": -0.5, "reduction": "none"}),
        (s(4), s(4), np.array(1)),
    ],
)  # fmt: skip
def cosine_embedding_loss(
    input1: Any, input2: Any, target: Any, margin: float = 0.0, size_average: Any = None, reduce: Any = None,
    reduction: str = "mean",
) -> Any:  # fmt: skip
    """1 - cos(input1, input2) where target is 1, max(0, cos - margin) where it is -1: inputs (N, D) or (D,), target
    (N,) or ().

    >>> autograd.cosine_embedding_loss(autograd.ones(1, 2), -autograd.ones(1, 2), autograd.tensor([1.0]))
    tensor(2.)
    """
    name = "cosine_embedding_loss"
    reduction = _reduction(name, reduction, size_average, reduce)
    t = _array(target)
    if input1.ndim != input2.ndim or t.ndim != input1.ndim - 1 or t.ndim > 1:
        raise ShapeError(
            f"{name}: input1, input2 and target have shapes {tuple(input1.shape)}, {tuple(input2.shape)} and "
            f"{t.shape}; "
            "expected (N, D), (N, D) and (N,), or (D,), (D,) and ()"
        )
    eps = 1e-12
    product = sum(input1 * input2, -1)
    squares = (sum(input1 * input1, -1) + eps) * (sum(input2 * input2, -1) + eps)
    cosine = product / sqrt(squares)
    loss = where(t == 1, 1.0 - cosine, 0.0) + where(t == -1, clamp_min(cosine - margin, 0.0), 0.0)
    return _reduced(loss, reduction)


def _rows_of(name: str, input: Any) -> Any:
    """Scores (N, C); one row of them may come without N."""
    if input.ndim not in (1, 2) or not input.shape[-1]:
        raise ShapeError(f"{name}: input has shape {tuple(input.shape)}; expected (N, C) or (C,)")
    return input if input.ndim == 2 else unsqueeze(input, 0)


@function(
    method=False,
    samples=lambda s: [
        (s(3, 4), s.ints(4, 3)), (s(4), np.array(2)),
        (s(3, 4), s.ints(4, 3), {"p": 2, "margin": 0.7, "reduction": "none"}),
    ],
)  # fmt: skip
def multi_margin_loss(
    input: Any, target: Any, p: int = 1, margin: float = 1.0, weight: Any = None, size_average: Any = None,
    reduce: Any = None, reduction: str = "mean",
) -> Any:  # fmt: skip
    """The sum over the classes i but the label's y of max(0, margin - input[y] + input[i])**p, over C; weight: a
    factor a label.

    input (N, C) or (C,), target class numbers (N,) or (). Raises as `cross_entropy` does; p is 1 or 2.

    >>> autograd.multi_margin_loss(autograd.tensor([[0.1, 0.8]]), autograd.tensor([0]))
    tensor(0.8500)
    """
    name = "multi_margin_loss"
    reduction = _reduction(name, reduction, size_average, reduce)
    if p not in (1, 2):
        raise NumberError(f"{name}: p is {p}; expected 1 or 2")
    input = input if input.ndim else unsqueeze(input, 0)  # one class
    x = _rows_of(name, input)
    weight = _class_weight(name, input, weight, x.shape[1])
    label = _array(target).reshape(-1) if input.ndim == 1 else target
    label = _labels(name, x, label, -1 << 62, NumberError)  # torch raises RuntimeError here
    C = x.shape[1]
    gap = relu(margin - unsqueeze(_at_label(x, label), 1) + x)
    gap = gap * gap if p == 2 else gap
    others = np.ones((len(label), C), input.dtype)
    others[np.arange(len(label)), label] = 0
    if weight is not None:
        others *= weight[label][:, None]
    loss = sum(gap * others, 1) / float(C)
    return loss[0] if reduction == "none" and _array(target).ndim == 0 else _reduced(loss, reduction)


@function(
    method=False,
    samples=lambda s: [
        (s(2, 4), np.array([[3, 0, -1, 1], [2, -1, 0, 0]])), (s(4), np.array([1, 2, -1, 0]), {"reduction": "none"}),
        (s(2, 3), np.array([[-1, 0, 0], [0, 1, 2]]), {"reduction": "sum"}),
    ],
)  # fmt: skip
def multilabel_margin_loss(
    input: Any, target: Any, size_average: Any = None, reduce: Any = None, reduction: str = "mean"
) -> Any:
    """The sum over the labels y and the other classes i of max(0, 1 - input[y] + input[i]), over C.

    input (N, C) or (C,), target of its shape: each row's labels, then -1. Raises IndexError for a label that is no
    class.

    >>> autograd.multilabel_margin_loss(autograd.tensor([[0.1, 0.8]]), autograd.tensor([[0, -1]]))
    tensor(0.8500)
    """
    name = "multilabel_margin_loss"
    reduction = _reduction(name, reduction, size_average, reduce)
    x, t = _rows_of(name, input if input.ndim else unsqueeze(input, 0)), _array(target)
    _same_size(name, input, t)
    t = t.reshape(tuple(x.shape))
    C = x.shape[1]
    if t.dtype.kind not in "iu":
        raise DTypeError(f"{name}: target is {t.dtype}; expected class numbers of an integer dtype, cast with long()")
    if t.size and (t.min() < -1 or t.max() >= C):
        raise NumberError(
            f"{name}: target holds {t.max() if t.max() >= C else t.min()}; the classes are numbered 0 to {C - 1}"
        )
    listed = np.minimum.accumulate(t >= 0, 1)  # only what stands before the first -1 counts
    is_label = np.zeros(t.shape, bool)
    rows, places = np.nonzero(listed)
    is_label[rows, t[rows, places]] = True
    gap = relu(1.0 - unsqueeze(x[rows, t[rows, places]], 1) + x[rows]) * (~is_label[rows]).astype(input.dtype)
    terms = sum(gap, 1) / float(C)
    if reduction == "sum":
        return sum(terms)
    if reduction == "mean":
        return sum(terms) / float(len(t))
    member = (rows == np.arange(len(t))[:, None]).astype(input.dtype)
    loss = sum(terms * member, 1)
    return loss[0] if input.ndim < 2 else loss


@function(
    method=False,
    samples=lambda s: [(s(3, 4), s.unit(3, 4)), (s(4), s.unit(4), s.positive(4), None, None, "none")],
)
def multilabel_soft_margin_loss(
    input: Any, target: Any, weight: Any = None, size_average: Any = None, reduce: Any = None, reduction: str = "mean"
) -> Any:
    """The mean over the classes of `binary_cross_entropy_with_logits`: input (*, C), target of its shape.

    >>> autograd.multilabel_soft_margin_loss(autograd.zeros(1, 2), autograd.tensor([[1.0, 0.0]]))
    tensor(0.6931)
    """
    reduction = _reduction("multilabel_soft_margin_loss", reduction, size_average, reduce)
    only_tensors("multilabel_soft_margin_loss", input=input, target=target)
    if not input.ndim:
        raise ShapeError("multilabel_soft_margin_loss: input is 0-dimensional; expected (*, C)")
    loss = target * softplus(-input) + (1.0 - target) * softplus(input)
    return _reduced(mean(loss if weight is None else loss * weight, -1), reduction)


# ------------------------------------------------------------------------------------------------ triplets


def _triplet(distances: tuple[Any, Any, Any], margin: float, swap: bool, reduction: str) -> Any:
    positive, negative, between = distances
    if swap:
        negative = minimum(negative, between)
    return _reduced(clamp_min(positive - negative + margin, 0.0), reduction)


@function(
    method=False,
    samples=lambda s: [
        (s(3, 4), s(3, 4), s(3, 4)),
        (s(3, 4), s(3, 4), s(3, 4), {"p": 3.0, "swap": True, "reduction": "none", "margin": 2.0}),
        (s(4), s(4), s(4)),
    ],
)  # fmt: skip
def triplet_margin_loss(
    anchor: Any, positive: Any, negative: Any, margin: float = 1.0, p: float = 2, eps: float = 1e-6, swap: bool = False,
    size_average: Any = None, reduce: Any = None, reduction: str = "mean",
) -> Any:  # fmt: skip
    """max(0, d(anchor, positive) - d(anchor, negative) + margin), d the p-norm of the difference plus eps.

    swap: the smaller of d(anchor, negative) and d(positive, negative) counts. Source: Balntas et al., BMVC 2016. Raises
    ValueError unless margin > 0.

    >>> autograd.triplet_margin_loss(autograd.zeros(1, 2), autograd.zeros(1, 2), autograd.tensor([[0.3, 0.4]]))
    tensor(0.5000)
    """
    reduction = _reduction("triplet_margin_loss", reduction, size_average, reduce)
    if margin <= 0:
        raise NumberError(f"triplet_margin_loss: margin is {margin}; expected more than 0")
    if not anchor.ndim == positive.ndim == negative.ndim:
        raise ShapeError(
            f"triplet_margin_loss: anchor, positive and negative have shapes {tuple(anchor.shape)}, "
            f"{tuple(positive.shape)} "
            f"and {tuple(negative.shape)}; expected as many dimensions each"
        )

    def distance(a: Any, b: Any) -> Any:
        return pairwise_distance(a, b, p, eps)

    between = distance(positive, negative) if swap else None
    return _triplet((distance(anchor, positive), distance(anchor, negative), between), margin, swap, reduction)


@function(
    method=False,
    samples=lambda s: [
        (s(3, 4), s(3, 4), s(3, 4)),
        (s(3, 4), s(3, 4), s(3, 4), {"swap": True, "reduction": "sum", "margin": 2.0}),
    ],
)
def triplet_margin_with_distance_loss(
    anchor: Any, positive: Any, negative: Any, *, distance_function: Any = None, margin: float = 1.0,
    swap: bool = False, reduction: str = "mean",
) -> Any:  # fmt: skip
    """`triplet_margin_loss` with a distance function of one's own; without one, `pairwise_distance`.

    >>> autograd.triplet_margin_with_distance_loss(autograd.zeros(1, 2), autograd.zeros(1, 2), autograd.tensor([[0.3, 0.4]]))
    tensor(0.5000)
    """
    name = "triplet_margin_with_distance_loss"
    reduction = _reduction(name, reduction)
    if margin <= 0:
        raise NumberError(f"{name}: margin is {margin}; expected more than 0")
    distance = pairwise_distance if distance_function is None else distance_function
    between = distance(positive, negative) if swap else None
    return _triplet((distance(anchor, positive), distance(anchor, negative), between), margin, swap, reduction)


# ------------------------------------------------------------------------------------------------ similarities


def _cosine_pull(g: Any, x1: Any, x2: Any, dim: int, eps: float, y: Any, needs: list[bool]) -> list[Any]:
    if type(g) is ndarray:
        u1, n1, u2, n2 = y[1:]
    else:
        (u1, n1), (u2, n2) = unit(x1, 2, dim, eps), unit(x2, 2, dim, eps)
    g = _kept(g, tuple(x1.shape), dim, False)
    return [
        unit_pull(times(g, other), x, norm, 2, dim, eps) if need else None
        for need, other, x, norm in zip(needs, (u2, u1), (x1, x2), (n1, n2), strict=True)
    ]


@op(
    joint=_cosine_pull,
    n_inputs=2,
    hidden=4,
    samples=lambda s: [(s(3, 4), s(3, 4), 1, 1e-8), (s(4), s(4), 0, 1e-6)],
)
def _cosine(x1: Any, x2: Any, dim: int, eps: float) -> Any:
    """The cosines of x1 and x2, which are alike in shape and dtype; both at unit length and their norms."""
    (u1, n1), (u2, n2) = unit(x1, 2, dim, eps), unit(x2, 2, dim, eps)
    return sum(mul(u1, u2), dim), u1, n1, u2, n2


def _cosine_rows_pull(g: Any, x1: Any, x2: Any, eps: float, y: Any, needs: list[bool]) -> list[Any]:
    if type(g) is type(x1) is type(x2) is ndarray:
        return pairs.cosines_backward(g, x1, x2, y[1], eps, needs)
    return _cosine_pull(g, x1, x2, len(x1.shape) - 1, eps, y, needs)


@op(
    joint=_cosine_rows_pull,
    n_inputs=2,
    hidden=1,
    samples=lambda s: [(s(3, 4), s(3, 4), 1e-8), (s(4), s(4), 1e-6), (s(2, 3), s(2, 3), 1.5)],
)
def _cosine_rows(x1: Any, x2: Any, eps: float) -> Any:
    """The cosines of the rows of x1 and x2, which are alike in shape and dtype, float32 or float64; what the gradient needs."""
    return pairs.cosines(x1, x2, eps)


def _by_rows(x1: Any, x2: Any) -> bool:
    """Whether the kernels of `pairs` take these."""
    a, b = _bare(x1), _bare(x2)
    return a.shape == b.shape and a.dtype == b.dtype and a.dtype.char in "fd" and a.ndim > 0 and not mode.ties


@function(
    method=False,
    samples=lambda s: [(s(3, 4), s(3, 4)), (s(2, 3, 4), s(3, 1), 1), (s(4), s(4), 0, 1e-6)],
)
def cosine_similarity(x1: Any, x2: Any, dim: int = 1, eps: float = 1e-8) -> Any:
    """The cosine of the angle between x1 and x2 along `dim`, broadcast; the norms count as at least eps.

    >>> autograd.cosine_similarity(autograd.ones(1, 2), autograd.tensor([[1.0, 0.0]]))
    tensor([0.7071])
    """
    only_tensors("cosine_similarity", x1=x1, x2=x2)
    if eps < 0:
        raise NumberError(f"cosine_similarity: eps is {eps}; expected 0 or more")
    common = dtypes.promote_types(np.dtype(x1.dtype), np.dtype(x2.dtype))
    if common.kind != "f":
        raise DTypeError(f"cosine_similarity: expected a floating dtype among the two, got {x1.dtype} and {x2.dtype}")
    if x1.shape != x2.shape or x1.dtype != x2.dtype:
        x1, x2 = broadcast_tensors(to_dtype(x1, common), to_dtype(x2, common))
    if dim in (-1, len(x1.shape) - 1) and _by_rows(x1, x2):
        return _cosine_rows(x1, x2, eps)[0]
    if mode.ties or prod(x1.shape) >= FEW:  # the rule for ties is the affair of each operation
        return sum(unit(x1, 2, dim, eps)[0] * unit(x2, 2, dim, eps)[0], dim)
    return _cosine(x1, x2, dim, eps)[0]


def _row_distance_pull(g: Any, x1: Any, x2: Any, eps: float, y: Any, needs: list[bool]) -> list[Any]:
    if type(g) is type(x1) is type(x2) is ndarray:
        return pairs.row_distances_backward(g, x1, x2, y, eps, needs)
    gx = _norm_pull(g, x1 - x2 + eps, 2, -1, False, y)
    return [gx if needs[0] else None, -gx if needs[1] else None]


@op(
    joint=_row_distance_pull,
    n_inputs=2,
    samples=lambda s: [(s(3, 4), s(3, 4), 1e-6), (s(4), s(4), 0.5)],
)
def _row_distance(x1: Any, x2: Any, eps: float) -> Any:
    """The lengths of the rows of x1 - x2 + eps: alike in shape and dtype, float32 or float64."""
    return pairs.row_distances(x1, x2, eps)


@function(
    method=False,
    samples=lambda s: [(s(3, 4), s(3, 4)), (s(3, 4), s(4), 1.0), (s(4), s(4), 3.0, 1e-6, True)],
)
def pairwise_distance(x1: Any, x2: Any, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> Any:
    """The p-norm of x1 - x2 + eps along the last dimension, broadcast.

    >>> autograd.pairwise_distance(autograd.zeros(1, 2), autograd.tensor([[3.0, 4.0]]))
    tensor([5.0000])
    """
    if p == 2 and isinstance(eps, (int, float)) and _by_rows(x1, x2):
        y = _row_distance(x1, x2, eps)
        return unsqueeze(y, -1) if keepdim else y
    return _vector_norm(x1 - x2 + eps, p, -1, keepdim)
