"""Losses. `reduction` is 'mean', 'sum' or 'none'; the older size_average and reduce are understood as torch does."""

from __future__ import annotations

import warnings
from math import log as log_number
from math import pi, prod
from typing import Any

import numpy as np
from numpy import ndarray

from .. import dtypes, tape
from ..errors import DTypeError, NumberError, RangeError, ShapeError
from ..kernels import softmax as kernels
from ..kernels.ctc import ctc
from ..op import function, op
from ..tensor import Tensor
from .activation import logsigmoid, relu
from .compare import clamp_min, minimum, where
from .elementwise import abs, exp, log, sigmoid, sqrt
from .join import stack
from .pad import pad
from .reduce import _vector_norm, logsumexp, mean, sum
from .shape import broadcast_tensors, movedim, reshape, unsqueeze
from .softmax import _log_softmax, _softmax
from .special import xlogy


def _reduction(name: str, reduction: str, size_average: Any = None, reduce: Any = None) -> str:
    """The reduction's name, from the deprecated flags where they are given."""
    if size_average is not None or reduce is not None:
        return "none" if reduce is False else ("sum" if size_average is False else "mean")
    if reduction not in ("none", "mean", "sum"):
        raise NumberError(f"{name}: reduction is {reduction!r}; expected 'none', 'mean' or 'sum'")
    return reduction


def _reduced(loss: Any, reduction: str) -> Any:
    return mean(loss) if reduction == "mean" else sum(loss) if reduction == "sum" else loss


def _array(x: Any) -> ndarray:
    return x.numpy_view() if isinstance(x, Tensor) else np.asarray(x)


def _warn_sizes(name: str, input: Any, target: Any) -> None:
    if tuple(input.shape) != tuple(target.shape):
        warnings.warn(
            f"{name}: target has size {tuple(target.shape)}, input {tuple(input.shape)}; they are broadcast, which is "
            f"rarely "
            "meant; give them the same size",
            stacklevel=3,
        )


# ------------------------------------------------------------------------------------------------ class labels


def _cross_entropy_input(
    g: Any, input: Any, target: ndarray, weight: Any, y: Any, ignore_index: int, label_smoothing: float, reduction: str
) -> Any:
    if type(input) is ndarray and not isinstance(g, Tensor):
        total = float(y[2])
        return kernels.softmax_cross_entropy_backward(
            g, input, target, y[1], total, weight, ignore_index, label_smoothing, reduction
        )
    # the same out of ops: each row's gradient is g (a softmax - b), with a and b fixed by labels and weights
    C = input.shape[1]
    valid = target != ignore_index
    label = np.where(valid, target, 0)
    weights = np.ones(C, input.dtype) if weight is None else weight
    b = np.zeros(tuple(input.shape), input.dtype)
    b[np.arange(len(label)), label] = (1 - label_smoothing) * weights[label]
    b = (b + weights * (label_smoothing / max(C, 1))) * valid[:, None]
    b = (b / float(y[2]) if reduction == "mean" and y[2] else b).astype(input.dtype)
    row = b.sum(1, keepdims=True)
    return (unsqueeze(g, 1) if reduction == "none" else g) * (_softmax(input, 1) * row - b)


@op(
    _cross_entropy_input,
    None,
    None,
    aux=2,
    samples=lambda s: [
        (s(4, 3), s.ints(3, 4), None, -100, 0.0, "mean"), (s(4, 3), s.ints(3, 4), None, 1, 0.1, "none"),
    ],
)  # fmt: skip
def _softmax_cross_entropy(
    input: Any, target: ndarray, weight: Any, ignore_index: int, label_smoothing: float, reduction: str
) -> Any:
    """The loss of logits (N, C) against labels (N,); each row's maximum and sum of exponentials (2, N); the total weight."""
    if not input.shape[1]:
        raise ShapeError(f"cross_entropy: input has shape {input.shape}; expected at least one class")
    loss, rows, total = kernels.softmax_cross_entropy(input, target, weight, ignore_index, label_smoothing, reduction)
    return loss, rows, np.asarray(total, input.dtype)


def _labels(name: str, input: Any, target: Any, ignore_index: int, error: type[ValueError] = RangeError) -> ndarray:
    """target as int64, of the input's shape without the classes, each label a class or ignore_index."""
    array = _array(target)
    expected = tuple(input.shape[:1] + input.shape[2:]) if input.ndim > 1 else ()
    if array.dtype.kind not in "iu":
        raise DTypeError(
            f"{name}: target is {array.dtype}; expected class numbers of an integer dtype, cast with long()"
        )
    if array.shape != expected:
        raise ShapeError(
            f"{name}: target has shape {array.shape}; expected {expected}, a class number for each of input's "
            f"{tuple(input.shape)}"
        )
    C = input.shape[1] if input.ndim > 1 else input.shape[0]
    array = array.astype(np.int64, copy=False)
    if array.size and np.maximum.reduce(array.view(np.uint64), None) < C:  # no label is negative or too large
        return array
    wrong = (array != ignore_index) & ((array < 0) | (array >= C))
    if wrong.any():
        at = tuple(np.argwhere(wrong)[0])
        raise error(
            f"{name}: target[{', '.join(map(str, at))}] is {array[at]}; the {C} classes of input are numbered 0 to "
            f"{C - 1}"
        )
    return array


def _class_weight(name: str, input: Any, weight: Any, C: int) -> Any:
    if weight is None:
        return None
    weight = _array(weight)
    if weight.shape != (C,):
        raise ShapeError(f"{name}: weight has shape {weight.shape}; expected ({C},), one value a class")
    if weight.dtype != input.dtype:
        raise DTypeError(f"{name}: weight is {weight.dtype} and input {input.dtype}; expected one dtype")
    return weight


def _score_rows(input: Any, rows: int) -> Any:
    """Scores (C,), (N, C) or (N, C, d1, ...) as (rows, C)."""
    if input.ndim == 1:
        return unsqueeze(input, 0)
    return input if input.ndim == 2 else reshape(movedim(input, 1, -1), (rows, input.shape[1]))


def _logits(name: str, input: Any) -> int:
    """Check the scores; the number of classes."""
    if not input.ndim:
        raise ShapeError(f"{name}: input is 0-dimensional; expected (C,), (N, C) or (N, C, d1, ...)")
    if input.dtype.kind != "f":
        raise DTypeError(f"{name}: input is {input.dtype}; expected float32 or float64")
    return input.shape[1] if input.ndim > 1 else input.shape[0]


@function(
    method=False,
    samples=lambda s: [
        (s(4, 3), s.ints(3, 4)), (s(3), np.array(1)), (s(2, 3, 2, 2), s.ints(3, 2, 2, 2), {"reduction": "none"}),
        (s(4, 3), s.ints(3, 4), {"label_smoothing": 0.1}),
        (s(4, 3), s.ints(3, 4), {"ignore_index": 1, "reduction": "sum"}),
        (s(2, 3, 4), s(2, 3, 4)), (s(3), s(3), {"label_smoothing": 0.2}), (s(4, 3), s(4, 3), {"reduction": "none"}),
    ],
)  # fmt: skip
def cross_entropy(
    input: Any, target: Any, weight: Any = None, size_average: Any = None, ignore_index: int = -100, reduce: Any = None,
    reduction: str = "mean", label_smoothing: float = 0.0,
) -> Any:  # fmt: skip
    """Softmax cross-entropy of scores (N, C), (C,) or (N, C, d1, ...) against class numbers (N, d1, ...) or
    probabilities.

    weight: a factor a class (C,); ignore_index: a label that counts nothing; label_smoothing: the share of the label
    spread over all classes (Szegedy et al., https://arxiv.org/abs/1512.00567). 'mean' divides by the labels' total
    weight, with probabilities by the number of positions. Raises ShapeError, DTypeError, and IndexError naming the
    place of a wrong label.

    >>> autograd.cross_entropy(autograd.tensor([[2.0, 0.0, 0.0]]), autograd.tensor([0]))
    tensor(0.2395)
    """
    reduction = _reduction("cross_entropy", reduction, size_average, reduce)
    if weight is None and not label_smoothing and isinstance(target, Tensor) and target._view is None:
        # what every classifier does, without the checks it cannot fail
        x, label = getattr(input, "_data", input), target._data
        usual = x.ndim == 2 and x.dtype.kind == "f" and label.dtype is dtypes.int64 and label.shape == x.shape[:1]
        if usual and label.size and np.maximum.reduce(label.view(np.uint64), None) < x.shape[1]:
            return _softmax_cross_entropy(input, label, None, ignore_index, 0.0, reduction)[0]
    C = _logits("cross_entropy", input)
    weight = _class_weight("cross_entropy", input, weight, C)
    if not 0 <= label_smoothing <= 1:
        raise NumberError(f"cross_entropy: label_smoothing is {label_smoothing}; expected 0 to 1")
    if target.dtype.kind == "f":
        return _against_probabilities(input, target, weight, reduction, label_smoothing, C)
    label = _labels("cross_entropy", input, target, ignore_index)
    x = _score_rows(input, label.size)
    loss, _, _ = _softmax_cross_entropy(
        x, label.reshape(-1), weight, int(ignore_index), float(label_smoothing), reduction
    )
    return reshape(loss, label.shape) if reduction == "none" and input.ndim != 2 else loss


def _against_probabilities(input: Any, target: Any, weight: Any, reduction: str, label_smoothing: float, C: int) -> Any:
    if tuple(target.shape) != tuple(input.shape):
        raise ShapeError(
            f"cross_entropy: target has shape {tuple(target.shape)}; probabilities need input's {tuple(input.shape)}"
        )
    axis = min(1, input.ndim - 1)
    if label_smoothing:
        target = target * (1 - label_smoothing) + label_smoothing / max(C, 1)
    terms = target * _log_softmax(input, axis)
    if weight is not None:
        terms = terms * weight.reshape(C, *(1,) * max(input.ndim - 2, 0))
    loss = -sum(terms, axis)
    if reduction == "mean":
        return sum(loss) / max(prod(input.shape) // max(C, 1), 0) if prod(loss.shape) else mean(loss)
    return _reduced(loss, reduction)


@op(
    lambda g, target, input_shape: _place(g, target, input_shape[1]),
    None,
    samples=lambda s: [(s(4, 3), s.ints(3, 4))],
)
def _at_label(input: Any, target: ndarray) -> Any:
    """The value of each row of input (N, C) at its label (N,)."""
    return input[np.arange(len(target)), target]


@op(lambda g, target: _at_label(g, target), None, samples=lambda s: [(s(4), s.ints(3, 4), 3)])
def _place(input: Any, target: ndarray, classes: int) -> Any:
    """The adjoint of `_at_label`: rows of zeros with a value at the label."""
    y = np.zeros((len(target), classes), input.dtype)
    y[np.arange(len(target)), target] = input
    return y


@function(
    method=False,
    samples=lambda s: [
        (s(4, 3), s.ints(3, 4)), (s(3), np.array(1)), (s(2, 3, 2, 2), s.ints(3, 2, 2, 2), {"reduction": "none"}),
        (s(4, 3), s.ints(3, 4), {"ignore_index": 1, "reduction": "sum"}),
    ],
)  # fmt: skip
def nll_loss(
    input: Any, target: Any, weight: Any = None, size_average: Any = None, ignore_index: int = -100, reduce: Any = None,
    reduction: str = "mean",
) -> Any:  # fmt: skip
    """Minus the log-probability of the label: input (N, C), (C,) or (N, C, d1, ...) of log-probabilities, target class
    numbers.

    Arguments and errors as in `cross_entropy`.

    >>> autograd.nll_loss(autograd.tensor([[-0.1, -2.4]]), autograd.tensor([0]))
    tensor(0.1000)
    """
    reduction = _reduction("nll_loss", reduction, size_average, reduce)
    C = _logits("nll_loss", input)
    weight = _class_weight("nll_loss", input, weight, C)
    label = _labels("nll_loss", input, target, ignore_index)
    x = _score_rows(input, label.size)
    flat = label.reshape(-1)
    valid = flat != ignore_index
    flat = np.where(valid, flat, 0)
    factor = valid.astype(input.dtype) if weight is None else np.where(valid, weight[flat], 0).astype(input.dtype)
    # where, not a product: an ignored row may hold infinities
    loss = where(valid, -_at_label(x, flat), 0.0) * factor
    if reduction == "none":
        return reshape(loss, label.shape)
    total = sum(loss)
    with np.errstate(invalid="ignore", divide="ignore"):
        return total * np.asarray(1 / factor.sum(), input.dtype) if reduction == "mean" else total


# ------------------------------------------------------------------------------------------------ distances


@op(
    lambda g, input, other: g * (input - other) * 2.0,
    lambda g, input, other: g * (other - input) * 2.0,
    promote=True,
    method=False,
    samples=lambda s: [(s(3, 4), s(3, 4)), (s(3, 1), s(4))],
)
def _squared_difference(input: Any, other: Any) -> Any:
    """(input - other)**2, broadcast."""
    d = input - other
    return d * d


def _weighted(loss: Any, weight: Any, reduction: str) -> Any:
    """The loss times a weight an element; 'mean' divides by the weights' sum, as torch does."""
    if weight is None:
        return _reduced(loss, reduction)
    loss = loss * weight
    return sum(loss) / sum(weight) if reduction == "mean" else _reduced(loss, reduction)


@function(
    method=False,
    samples=lambda s: [(s(3, 4), s(3, 4)), (s(3), s(3), {"reduction": "sum"}), (s(), s(), {"reduction": "none"})],
)
def mse_loss(
    input: Any, target: Any, size_average: Any = None, reduce: Any = None, reduction: str = "mean", weight: Any = None
) -> Any:
    """The mean of (input - target)**2; weight: a factor an element.

    >>> autograd.mse_loss(autograd.zeros(2), autograd.tensor([1.0, 3.0]))
    tensor(5.)
    """
    reduction = _reduction("mse_loss", reduction, size_average, reduce)
    _warn_sizes("mse_loss", input, target)
    return _weighted(_squared_difference(input, target), weight, reduction)


# ------------------------------------------------------------------------------------------------ binary cross-entropy


@op(
    lambda g, input, target: g * (input - target) / clamp_min((1.0 - input) * input, 1e-12),
    lambda g, input: g * (_log_clamped(1.0 - input) - _log_clamped(input)),
    samples=lambda s: [(s(3, 4, low=0.1, high=0.9), s(3, 4, low=0.1, high=0.9))],
)
def _binary_cross_entropy(input: Any, target: Any) -> Any:
    """-(target log(input) + (1 - target) log(1 - input)), the logarithms not below -100."""
    with np.errstate(divide="ignore"):
        one, zero = np.maximum(np.log(input), -100), np.maximum(np.log1p(-input), -100)
    return (target - 1) * zero - target * one


def _log_clamped(x: Any) -> Any:
    with np.errstate(divide="ignore"):
        return clamp_min(log(x), -100.0)


def _same_size(name: str, input: Any, target: Any) -> None:
    if tuple(input.shape) != tuple(target.shape):
        raise ShapeError(f"{name}: target has shape {tuple(target.shape)}; expected input's {tuple(input.shape)}")


@function(
    method=False,
    samples=lambda s: [
        (s(3, 4, low=0.1, high=0.9), s(3, 4, low=0.1, high=0.9)),
        (s(3, low=0.1, high=0.9), s(3, low=0.1, high=0.9), s.positive(3), {"reduction": "sum"}),
    ],
)
def binary_cross_entropy(
    input: Any, target: Any, weight: Any = None, size_average: Any = None, reduce: Any = None, reduction: str = "mean"
) -> Any:
    """-(target log(input) + (1 - target) log(1 - input)), of probabilities; the logarithms not below -100.

    input and target of one shape and floating dtype, input within 0 and 1; weight broadcasts. Raises ShapeError,
    ValueError.

    >>> autograd.binary_cross_entropy(autograd.tensor([0.9]), autograd.tensor([1.0]))
    tensor(0.1054)
    """
    name = "binary_cross_entropy"
    reduction = _reduction(name, reduction, size_average, reduce)
    _same_size(name, input, target)
    array = _array(input)
    if input.dtype.kind != "f" or target.dtype != input.dtype:
        raise DTypeError(
            f"{name}: input is {input.dtype} and target {target.dtype}; expected one floating dtype, cast with to()"
        )
    within = (array >= 0) & (array <= 1)  # NaN is not
    if not within.all():
        bad = array[~within][0]
        raise NumberError(
            f"{name}: input holds {bad}; all elements should be between 0 and 1, apply sigmoid or use the form with "
            f"logits"
        )
    loss = _binary_cross_entropy(input, target)
    return _reduced(loss if weight is None else loss * weight, reduction)


@op(
    lambda g, input, target, pos_weight: (
        g * (sigmoid(input) * (1.0 - target) + (sigmoid(input) - 1.0) * target * pos_weight)
        if pos_weight is not None
        else g * (sigmoid(input) - target)
    ),
    lambda g, input, pos_weight: (
        g * (softplus(-input) * pos_weight - softplus(input)) if pos_weight is not None else -g * input
    ),
    lambda g, input, target: g * target * softplus(-input),
    samples=lambda s: [(s(3, 4), s(3, 4), None), (s(3, 4), s(3, 4), s.positive(4))],
)
def _binary_cross_entropy_with_logits(input: Any, target: Any, pos_weight: Any) -> Any:
    """(1 - target) softplus(input) + target pos_weight softplus(-input), without overflow."""
    tail = np.log1p(np.exp(-np.abs(input)))
    if pos_weight is None:
        return np.maximum(input, 0) - input * target + tail
    return (1 - target) * (np.maximum(input, 0) + tail) + target * pos_weight * (np.maximum(-input, 0) + tail)


def softplus(x: Any) -> Any:
    """log(1 + exp(x)) without overflow and without a threshold."""
    return -logsigmoid(-x)


@function(
    method=False,
    samples=lambda s: [
        (s(3, 4), s(3, 4)), (s(3), s(3), s.positive(3), {"reduction": "sum"}),
        (s(2, 3), s(2, 3), None, None, None, "mean", s.positive(3)),
    ],
)  # fmt: skip
def binary_cross_entropy_with_logits(
    input: Any, target: Any, weight: Any = None, size_average: Any = None, reduce: Any = None, reduction: str = "mean",
    pos_weight: Any = None,
) -> Any:  # fmt: skip
    """`binary_cross_entropy` of sigmoid(input), exact for large scores; pos_weight: a factor for the positive part.

    input and target of one shape; weight and pos_weight broadcast. Raises ShapeError.

    >>> autograd.binary_cross_entropy_with_logits(autograd.tensor([0.0]), autograd.tensor([1.0]))
    tensor(0.6931)
    """
    name = "binary_cross_entropy_with_logits"
    reduction = _reduction(name, reduction, size_average, reduce)
    _same_size(name, input, target)
    if input.dtype.kind != "f":
        raise DTypeError(f"{name}: input is {input.dtype}; expected float32 or float64")
    if target.dtype.kind != "f":
        raise DTypeError(f"{name}: target is {target.dtype}; expected a floating dtype, convert with target.float()")
    loss = _binary_cross_entropy_with_logits(input, target, pos_weight)
    return _reduced(loss if weight is None else loss * weight, reduction)


# ------------------------------------------------------------------------------------------------ robust distances


@function(
    method=False,
    samples=lambda s: [(s(3, 4), s(3, 4)), (s(3), s(3), {"reduction": "sum"}), (s(), s(), {"reduction": "none"})],
)
def l1_loss(
    input: Any, target: Any, size_average: Any = None, reduce: Any = None, reduction: str = "mean", weight: Any = None
) -> Any:
    """The mean of |input - target|; the gradient at equality is 0. weight: a factor an element.

    >>> autograd.l1_loss(autograd.zeros(2), autograd.tensor([1.0, 3.0]))
    tensor(2.)
    """
    reduction = _reduction("l1_loss", reduction, size_average, reduce)
    _warn_sizes("l1_loss", input, target)
    return _weighted(abs(input - target), weight, reduction)


@function(
    method=False,
    samples=lambda s: [
        (s(3, 4), s(3, 4)),
        (s(3), s(3), {"reduction": "sum", "beta": 0.5}),
        (s(3), s(3), {"beta": 0.0}),
    ],
)
def smooth_l1_loss(
    input: Any, target: Any, size_average: Any = None, reduce: Any = None, reduction: str = "mean", beta: float = 1.0
) -> Any:
    """d**2 / (2 beta) where |d| < beta, else |d| - beta / 2, of d = input - target. Raises ValueError for a negative
    beta.

    >>> autograd.smooth_l1_loss(autograd.zeros(2), autograd.tensor([0.5, 3.0]))
    tensor(1.3125)
    """
    reduction = _reduction("smooth_l1_loss", reduction, size_average, reduce)
    _warn_sizes("smooth_l1_loss", input, target)
    if beta < 0:
        raise NumberError(f"smooth_l1_loss: beta is {beta}; expected 0 or more")
    if beta == 0:
        return l1_loss(input, target, reduction=reduction)
    d = input - target
    size = abs(d)
    return _reduced(where(_array(size) < beta, d * d * (0.5 / beta), size - 0.5 * beta), reduction)


@function(
    method=False,
    samples=lambda s: [(s(3, 4), s(3, 4)), (s(3), s(3), {"reduction": "sum", "delta": 0.5})],
)
def huber_loss(input: Any, target: Any, reduction: str = "mean", delta: float = 1.0, weight: Any = None) -> Any:
    """d**2 / 2 where |d| < delta, else delta (|d| - delta / 2), of d = input - target. Raises ValueError unless delta >
    0.

    >>> autograd.huber_loss(autograd.zeros(2), autograd.tensor([0.5, 3.0]))
    tensor(1.3125)
    """
    reduction = _reduction("huber_loss", reduction)
    _warn_sizes("huber_loss", input, target)
    if delta <= 0:
        raise NumberError(f"huber_loss: delta is {delta}; expected more than 0")
    d = input - target
    size = abs(d)
    return _weighted(where(_array(size) < delta, d * d * 0.5, (size - 0.5 * delta) * delta), weight, reduction)


# ------------------------------------------------------------------------------------------------ likelihoods


@function(
    method=False,
    samples=lambda s: [
        (s(3, 4), s(3, 4), {"log_target": True, "reduction": "sum"}),
        (s(3, 4), s.positive(3, 4), {"reduction": "batchmean"}), (s(3), s.positive(3), {"reduction": "none"}),
    ],
)  # fmt: skip
def kl_div(
    input: Any,
    target: Any,
    size_average: Any = None,
    reduce: Any = None,
    reduction: str = "mean",
    log_target: bool = False,
) -> Any:
    """target (log target - input), input being log-probabilities; 'batchmean' is the divergence an example.

    log_target: the target is given as logarithms too. 0 log 0 is 0.

    >>> autograd.kl_div(autograd.tensor([0.5, 0.5]).log(), autograd.tensor([0.9, 0.1]), reduction="sum")
    tensor(0.3681)
    """
    if input.dtype.kind != "f":
        raise DTypeError(f"kl_div: input is {input.dtype}; expected float32 or float64, cast with to()")
    if reduction == "mean" and size_average is None and reduce is None:
        warnings.warn(
            "kl_div: reduction='mean' divides by the number of elements; 'batchmean' is the divergence an example",
            stacklevel=2,
        )
    if reduction != "batchmean":
        reduction = _reduction("kl_div", reduction, size_average, reduce)
    loss = exp(target) * (target - input) if log_target else xlogy(target, target) - target * input
    if reduction == "batchmean":
        return sum(loss) / float(input.shape[0]) if input.ndim else loss
    return _reduced(loss, reduction)


@function(
    method=False,
    samples=lambda s: [
        (s(3, 4), s.positive(3, 4)),
        (s.positive(3, 4), s.positive(3, 4), {"log_input": False, "full": True, "reduction": "sum"}),
    ],
)  # fmt: skip
def poisson_nll_loss(
    input: Any, target: Any, log_input: bool = True, full: bool = False, size_average: Any = None, eps: float = 1e-8,
    reduce: Any = None, reduction: str = "mean",
) -> Any:  # fmt: skip
    """exp(input) - target input, or without log_input: input - target log(input + eps); full: plus Stirling's term.

    >>> autograd.poisson_nll_loss(autograd.zeros(2), autograd.ones(2))
    tensor(1.)
    """
    reduction = _reduction("poisson_nll_loss", reduction, size_average, reduce)
    loss = exp(input) - target * input if log_input else input - target * log(input + eps)
    if full:
        large = _array(target) > 1
        safe = where(large, target, 2.0)
        loss = loss + where(large, safe * log(safe) - safe + 0.5 * log(safe * (2 * pi)), 0.0)
    return _reduced(loss, reduction)


@function(
    method=False,
    samples=lambda s: [
        (s(3, 4), s(3, 4), s.positive(3, 4)), (s(3, 4), s(3, 4), s.positive(3), {"full": True, "reduction": "sum"}),
    ],
)  # fmt: skip
def gaussian_nll_loss(
    input: Any, target: Any, var: Any, full: bool = False, eps: float = 1e-6, reduction: str = "mean"
) -> Any:
    """(log(var) + (input - target)**2 / var) / 2 with var at least eps; full: plus log(2 pi) / 2.

    var: of input's shape, without its last dimension or with that as 1, or a number. Raises ValueError for a negative
    var.

    >>> autograd.gaussian_nll_loss(autograd.zeros(2), autograd.ones(2), autograd.ones(2))
    tensor(0.5000)
    """
    reduction = _reduction("gaussian_nll_loss", reduction)
    if isinstance(var, (int, float)):
        var = input * 0.0 + var
    shape = tuple(input.shape)
    if tuple(var.shape) == shape[:-1] and tuple(var.shape) != shape:
        var = unsqueeze(var, -1)
    elif not (var.ndim == len(shape) and all(v in (1, n) for v, n in zip(var.shape, shape, strict=True))):
        raise ShapeError(
            f"gaussian_nll_loss: var has shape {tuple(var.shape)}; expected input's {shape} or one value a row"
        )
    array = _array(var)
    if (array < 0).any():
        raise NumberError(f"gaussian_nll_loss: var holds {array.min()}; expected no negative values")
    # the floor is a shift without gradient, so that var is still pulled away from it
    var = var + np.maximum(array, eps).astype(array.dtype) - array
    loss = (log(var) + _squared_difference(input, target) / var) * 0.5
    return _reduced(loss + 0.5 * log_number(2 * pi) if full else loss, reduction)


# ------------------------------------------------------------------------------------------------ margins


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
    if t.dtype.kind not in "iuf":
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
    return _reduced(softplus(-(target * input)), reduction)


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
    x = _rows_of(name, input)
    label = _array(target).reshape(-1) if input.ndim == 1 else target
    label = _labels(name, x, label, -1 << 62, NumberError)  # torch raises RuntimeError here
    C = x.shape[1]
    weight = _class_weight(name, input, weight, C)
    gap = relu(margin - unsqueeze(_at_label(x, label), 1) + x)
    gap = gap * gap if p == 2 else gap
    others = np.ones((len(label), C), input.dtype)
    others[np.arange(len(label)), label] = 0
    if weight is not None:
        others *= weight[label][:, None]
    loss = sum(gap * others, 1) / float(C)
    return loss[0] if reduction == "none" and input.ndim == 1 else _reduced(loss, reduction)


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


@function(
    method=False,
    samples=lambda s: [(s(3, 4), s(3, 4)), (s(2, 3, 4), s(3, 1), 1), (s(4), s(4), 0, 1e-6)],
)
def cosine_similarity(x1: Any, x2: Any, dim: int = 1, eps: float = 1e-8) -> Any:
    """The cosine of the angle between x1 and x2 along `dim`, broadcast; the norms count as at least eps.

    >>> autograd.cosine_similarity(autograd.ones(1, 2), autograd.tensor([[1.0, 0.0]]))
    tensor([0.7071])
    """
    x1, x2 = broadcast_tensors(x1, x2)
    n1 = clamp_min(_vector_norm(x1, 2, dim, True), eps)
    n2 = clamp_min(_vector_norm(x2, 2, dim, True), eps)
    return sum((x1 / n1) * (x2 / n2), dim)


@function(
    method=False,
    samples=lambda s: [(s(3, 4), s(3, 4)), (s(3, 4), s(4), 1.0), (s(4), s(4), 3.0, 1e-6, True)],
)
def pairwise_distance(x1: Any, x2: Any, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> Any:
    """The p-norm of x1 - x2 + eps along the last dimension, broadcast.

    >>> autograd.pairwise_distance(autograd.zeros(1, 2), autograd.tensor([[3.0, 4.0]]))
    tensor([5.0000])
    """
    return _vector_norm(x1 - x2 + eps, p, -1, keepdim)


# ------------------------------------------------------------------------------------------------ alignments


class _Alignment:
    """The labels of all sequences in a row, where each one's begin, how many times and labels it has."""

    def __init__(self, labels: ndarray, starts: ndarray, times: ndarray, sizes: ndarray, blank: int) -> None:
        self.labels, self.starts, self.times, self.sizes, self.blank = labels, starts, times, sizes, blank

    def states(self) -> ndarray:
        """The labels with blanks between them, (N, 2 S + 1), blanks to fill up."""
        longest = int(self.sizes.max(initial=0))
        states = np.full((len(self.sizes), 2 * longest + 1), self.blank)
        for n, (start, size) in enumerate(zip(self.starts, self.sizes, strict=True)):
            states[n, 1 : 2 * size : 2] = self.labels[start : start + size]
        return states


def _ctc_composed(x: Any, plan: _Alignment) -> Any:
    """The losses of the alignments out of ops, for gradients of gradients: x (T, N, C)."""
    never = -1e30  # in place of -inf, whose differences are NaN
    states = plan.states()
    skips = np.zeros(states.shape, bool)
    skips[:, 2:] = (states[:, 2:] != plan.blank) & (states[:, 2:] != states[:, :-2])
    rows = np.arange(len(states))[:, None]
    begins = np.arange(states.shape[1])[None] < 2
    alpha = where(begins, x[0][rows, states], never)
    for t in range(1, int(plan.times.max(initial=0))):
        one = pad(alpha, (1, 0), value=never)[:, :-1]
        two = where(skips, pad(alpha, (2, 0), value=never)[:, : states.shape[1]], never)
        moved = logsumexp(stack([alpha, one, two], 0), 0) + x[t][rows, states]
        alpha = where((t < plan.times)[:, None], moved, alpha)
    flat = np.arange(len(states))
    last = alpha[flat, 2 * plan.sizes]
    before = where(plan.sizes > 0, alpha[flat, np.maximum(2 * plan.sizes - 1, 0)], never)
    return -logsumexp(stack([last, before], 0), 0)


def _ctc_pull(g: Any, input: Any, y: Any, plan: _Alignment) -> Any:
    if type(g) is ndarray:
        return y[1] * g[:, None]
    with tape.enable_grad():
        return tape.grad(_ctc_composed(input, plan), input, g, create_graph=True)[0]


def _plan_sample() -> _Alignment:
    return _Alignment(np.array([1, 2, 2]), np.array([0, 2]), np.array([4, 3]), np.array([2, 1]), 0)


@op(_ctc_pull, aux=1, samples=lambda s: [(s(4, 2, 3), _plan_sample())])
def _ctc(input: Any, plan: _Alignment) -> Any:
    """The loss of each sequence, and its gradient in the input."""
    return ctc(input, plan.labels, plan.starts, plan.times, plan.sizes, plan.blank)


def _lengths(name: str, argument: str, value: Any, N: int, most: int) -> ndarray:
    lengths = np.atleast_1d(np.asarray(_array(value)))
    if lengths.shape != (N,) or lengths.dtype.kind not in "iu":
        raise ShapeError(
            f"{name}: {argument} are {lengths.dtype} {lengths.shape}; expected {N} integers, one a sequence"
        )
    if N and (lengths.min() < 0 or lengths.max() > most):
        raise NumberError(f"{name}: {argument} hold {lengths.tolist()}; expected 0 to {most}")
    return lengths.astype(np.int64)


@function(
    method=False,
    samples=lambda s: [
        (s(4, 2, 3), np.array([[1, 2], [2, 1]]), np.array([4, 4]), np.array([2, 1])),
        (s(5, 3), np.array([1, 1]), np.array(5), np.array(2), {"reduction": "sum"}),
        (s(4, 2, 3), np.array([1, 1, 2]), np.array([4, 3]), np.array([2, 1]), {"reduction": "none"}),
    ],
)
def ctc_loss(
    log_probs: Any, targets: Any, input_lengths: Any, target_lengths: Any, blank: int = 0, reduction: str = "mean",
    zero_infinity: bool = False,
) -> Any:  # fmt: skip
    """Minus the log-probability of `targets` over all alignments: log_probs (T, N, C) or (T, C) from log_softmax.

    targets: class numbers (N, S), or those of all sequences in a row; 'mean' divides each loss by its target's length,
    then takes the mean. zero_infinity: sequences too short for their target count 0. The gradient is that of the
    log-probabilities themselves (torch's holds a further term that log_softmax cancels). Source: Graves et al. 2006.
    Raises ShapeError, DTypeError, ValueError, IndexError for a label that is no class.

    >>> autograd.ctc_loss(autograd.zeros(4, 1, 3).log_softmax(2), autograd.tensor([[1, 2]]), [4], [2])
    tensor(0.8432)
    """
    name = "ctc_loss"
    reduction = _reduction(name, reduction)
    if log_probs.ndim not in (2, 3) or log_probs.dtype.kind != "f":
        raise ShapeError(
            f"{name}: log_probs are {log_probs.dtype} {tuple(log_probs.shape)}; expected floats (T, N, C) or (T, C)"
        )
    x = log_probs if log_probs.ndim == 3 else unsqueeze(log_probs, 1)
    T, N, C = x.shape
    if not 0 <= blank < C:
        raise NumberError(f"{name}: blank is {blank}; the {C} classes are numbered 0 to {C - 1}")
    labels = _array(targets)
    if labels.dtype.kind not in "iu":
        raise DTypeError(
            f"{name}: targets are {labels.dtype}; expected class numbers of an integer dtype, cast with long()"
        )
    labels = labels[None] if log_probs.ndim == 2 and labels.ndim == 1 else labels
    times = _lengths(name, "input_lengths", input_lengths, N, T)
    if labels.ndim == 2:
        sizes = _lengths(name, "target_lengths", target_lengths, N, labels.shape[1])
        starts = np.arange(N) * labels.shape[1]
    else:
        sizes = _lengths(name, "target_lengths", target_lengths, N, labels.size)
        starts = np.cumsum(sizes) - sizes
    if labels.size and (labels.min() < 0 or labels.max() >= C):
        raise RangeError(
            f"{name}: targets hold {labels.max() if labels.max() >= C else labels.min()}; expected 0 to {C - 1}"
        )
    if N and labels.ndim == 1 and starts[-1] + sizes[-1] > labels.size:
        raise ShapeError(f"{name}: target_lengths add up to {sizes.sum()}, targets hold {labels.size}")
    plan = _Alignment(labels.reshape(-1).astype(np.int64), starts.astype(np.int64), times, sizes, int(blank))
    loss, _ = _ctc(x, plan)
    if zero_infinity:
        loss = where(np.isinf(_array(loss)), 0.0, loss)
    if reduction == "mean":
        return mean(loss / np.maximum(sizes, 1).astype(log_probs.dtype))
    return sum(loss) if reduction == "sum" else (loss[0] if log_probs.ndim == 2 else loss)
