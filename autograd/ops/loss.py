"""Losses. `reduction` is 'mean', 'sum' or 'none'; the older size_average and reduce are understood as torch does."""

from __future__ import annotations

import warnings
from math import prod
from typing import Any

import numpy as np
from numpy import ndarray

from .. import dtypes
from ..errors import DTypeError, NumberError, RangeError, ShapeError
from ..kernels import losses, pixels
from ..kernels import softmax as kernels
from ..kernels.quiet import quiet
from ..kernels.reduce import reduced
from ..op import function, op
from ..tensor import Tensor
from .activation import logsigmoid
from .chain import times
from .compare import clamp, clamp_min, where
from .convert import to_dtype
from .elementwise import abs, log, sgn, sigmoid
from .reduce import mean, sum
from .shape import broadcast_tensors, movedim, reshape, unsqueeze
from .softmax import _log_softmax, _softmax


def _reduction(name: str, reduction: str, size_average: Any = None, reduce: Any = None) -> str:
    """The reduction's name, from the deprecated flags where they are given."""
    if size_average is not None or reduce is not None:
        return "none" if reduce is False else ("sum" if size_average is False else "mean")
    if reduction not in ("none", "mean", "sum"):
        raise NumberError(f"{name}: reduction is {reduction!r}; expected 'none', 'mean' or 'sum'")
    return reduction


def _reduced(loss: Any, reduction: str) -> Any:
    return mean(loss) if reduction == "mean" else sum(loss) if reduction == "sum" else loss


def _joined(loss: ndarray, reduction: str) -> Any:
    """`_reduced` within an operation that is quiet."""
    if reduction == "none":
        return loss
    total = reduced(np.add, loss, None)
    return np.true_divide(total, loss.dtype.type(loss.size)) if reduction == "mean" else total


def _of_each(g: Any, input: Any, reduction: str) -> Any:
    """The gradient of each element's loss from that of what `_joined` makes of them."""
    return g * (1.0 / max(prod(input.shape), 1)) if reduction == "mean" else g


def _array(x: Any) -> ndarray:
    return x.numpy_view() if isinstance(x, Tensor) else np.asarray(x)


def _bare(x: Any) -> Any:
    """What tells shape and dtype soonest: a Tensor's array, whose values may be out of date, or x itself."""
    return getattr(x, "_data", x)


def _warn_sizes(name: str, input: Any, target: Any) -> None:
    if _bare(input).shape != _bare(target).shape:
        warnings.warn(
            f"{name}: target has size {tuple(target.shape)}, input {tuple(input.shape)}; they are broadcast, which is "
            f"rarely "
            "meant; give them the same size",
            stacklevel=3,
        )


def _of_one_rank(input: Any, target: Any) -> tuple[Any, Any]:
    """Both as broadcast, where a 0-dim one has another dtype: it counts in full here, as the losses of torch have it."""
    if _bare(input).dtype != _bare(target).dtype and not (len(input.shape) and len(target.shape)):
        return broadcast_tensors(input, target)
    return input, target


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
    hidden=2,
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


def _pixel_pull(g: Any, input: Any, target: ndarray, weight: Any, y: Any, ignore_index: int, reduction: str) -> Any:
    total = float(y[2])
    if type(input) is ndarray and not isinstance(g, Tensor):
        return pixels.cross_entropy_backward(g, input, target, y[1], total, weight, ignore_index, reduction)
    # the same out of ops: each pixel's gradient is g (a softmax - b), with a and b fixed by labels and weights
    valid = target != ignore_index
    label = np.where(valid, target, 0)
    weights = np.ones(label.shape) if weight is None else weight[label]
    a = (weights * valid / (total if reduction == "mean" and total else 1.0)).astype(input.dtype)[:, None]
    b = np.zeros(tuple(input.shape), input.dtype)
    np.put_along_axis(b, label[:, None], a, 1)
    return (unsqueeze(g, 1) if reduction == "none" else g) * (_softmax(input, 1) * a - b)


@op(
    _pixel_pull,
    None,
    None,
    hidden=2,
    samples=lambda s: [
        (s(2, 3, 4), s.ints(3, 2, 4), None, -100, "mean"), (s(2, 3, 4), s.ints(3, 2, 4), None, 1, "none"),
    ],
)  # fmt: skip
def _pixel_cross_entropy(input: Any, target: ndarray, weight: Any, ignore_index: int, reduction: str) -> Any:
    """`_softmax_cross_entropy` of scores (N, C, P) against labels (N, P), without smoothing."""
    if not input.shape[1]:
        raise ShapeError(f"cross_entropy: input has shape {input.shape}; expected at least one class")
    loss, rows, total = pixels.cross_entropy(input, target, weight, ignore_index, reduction)
    return loss, rows, np.asarray(total)


def _across(input: Any) -> bool:
    """Whether the scores (N, C, d1, ...) of a class lie side by side, for more pixels than a vector holds."""
    x = _bare(input)
    return x.ndim > 2 and bool(x.flags.c_contiguous) and prod(x.shape[2:]) >= 16 and x.dtype.char in "fd"


def _labels(name: str, input: Any, target: Any, ignore_index: int, error: type[ValueError] = RangeError) -> ndarray:
    """target as int64, of the input's shape without the classes, each label a class or ignore_index."""
    array, shape = _array(target), tuple(input.shape)
    expected = shape[:1] + shape[2:] if len(shape) > 1 else ()
    if array.dtype.kind not in "iu":
        raise DTypeError(
            f"{name}: target is {array.dtype}; expected class numbers of an integer dtype, cast with long()"
        )
    if array.shape == (1,) and not expected:
        array = array.reshape(())
    if array.shape != expected:
        raise ShapeError(
            f"{name}: target has shape {array.shape}; expected {expected}, a class number for each of input's {shape}"
        )
    C = shape[1] if len(shape) > 1 else shape[0]
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
        if usual and label.size:
            try:
                return _softmax_cross_entropy(input, label, None, ignore_index, 0.0, reduction)[0]
            except ValueError:  # a wrong label, whose place is named below
                pass
    C = _logits("cross_entropy", input)
    weight = _class_weight("cross_entropy", input, weight, C)
    if not 0 <= label_smoothing <= 1:
        raise NumberError(f"cross_entropy: label_smoothing is {label_smoothing}; expected 0 to 1")
    if target.dtype.kind == "f":
        if ignore_index >= 0:
            raise NumberError(
                f"cross_entropy: ignore_index is {ignore_index}, but target holds probabilities, not labels"
            )
        return _against_probabilities(input, target, weight, reduction, label_smoothing, C)
    label = _labels("cross_entropy", input, target, ignore_index)
    if not label_smoothing and _across(input):
        N, C, *space = input.shape
        label = label.reshape(N, -1) if N else label.reshape(0, prod(space))
        x = reshape(input, (N, C, prod(space)))
        loss = _pixel_cross_entropy(x, label, weight, int(ignore_index), reduction)[0]
        return reshape(loss, (N, *space)) if reduction == "none" else loss
    x = _score_rows(input, label.size)
    settings = int(ignore_index), float(label_smoothing), reduction
    loss = _softmax_cross_entropy(x, label.reshape(-1), weight, *settings)[0]
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


def _weights(
    target: ndarray, weight: Any, ignore_index: int, dtype: np.dtype, reduction: str
) -> tuple[ndarray, Any, Any, Any]:
    """Labels, 0 in place of ignored ones; which ones count, None for all; each one's weight, None without `weight`; and
    for 'mean' one over the total weight, else None."""
    counts = target != ignore_index
    n = np.count_nonzero(counts)
    every = n == len(target)
    label = target if every else np.where(counts, target, 0)
    weights = None if weight is None else weight[label] if every else np.where(counts, weight[label], 0).astype(dtype)
    share = None if reduction != "mean" else 1 / (dtype.type(n) if weights is None else weights.sum())
    return label, None if every else counts, weights, share


@op(
    lambda g, target, weight, ignore_index, reduction, input_shape: _nll_input(
        g, target, weight, ignore_index, reduction, input_shape[1]
    ),
    None,
    None,
    samples=lambda s: [
        (s(4, 3), s.ints(3, 4), None, -100, "mean"), (s(4, 3), s.ints(3, 4), None, 1, "mean"),
        (s(4, 3), s.ints(3, 4), None, 1, "none"), (s(4, 3), s.ints(3, 4), None, -100, "sum"),
    ],
)  # fmt: skip
@quiet
def _nll(input: Any, target: ndarray, weight: Any, ignore_index: int, reduction: str) -> Any:
    """Minus the value of each row of input (N, C) at its label, weighed; their sum, or their mean by weight."""
    label, counts, weights, share = _weights(target, weight, ignore_index, input.dtype, reduction)
    y = -input[np.arange(len(label)), label]
    if counts is not None:
        np.copyto(y, 0, where=~counts)  # not by the product: an ignored row may hold infinities
    if weights is not None:
        y *= weights
    if reduction == "none":
        return y
    total = reduced(np.add, y, None)
    return total if share is None else total * share


def _nll_again(g: Any, target: ndarray, weight: Any, ignore_index: int, reduction: str) -> Any:
    if reduction != "mean":
        return _nll(g, target, weight, ignore_index, reduction)
    return times(
        _nll(g, target, weight, ignore_index, "sum"), _weights(target, weight, ignore_index, g.dtype, reduction)[3]
    )


@op(
    lambda g, target, weight, ignore_index, reduction: _nll_again(g, target, weight, ignore_index, reduction),
    None,
    None,
    samples=lambda s: [
        (s(), s.ints(3, 4), None, -100, "mean", 3), (s(), s.ints(3, 4), None, 1, "mean", 3),
        (s(4), s.ints(3, 4), None, 1, "none", 3), (s(), s.ints(3, 4), None, -100, "sum", 3),
    ],
)  # fmt: skip
@quiet
def _nll_input(input: Any, target: ndarray, weight: Any, ignore_index: int, reduction: str, classes: int) -> Any:
    """The adjoint of `_nll`: rows of zeros with a value at the label."""
    label, counts, weights, share = _weights(target, weight, ignore_index, input.dtype, reduction)
    each = input if share is None else times(input, share)
    each = each if weights is None else times(each, weights)
    each = each if counts is None else np.where(counts, each, 0)
    y = np.zeros((len(label), classes), input.dtype)
    y[np.arange(len(label)), label] = -each
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
    loss = _nll(x, label.reshape(-1), weight, int(ignore_index), reduction)
    return reshape(loss, label.shape) if reduction == "none" and input.ndim != 2 else loss


# ------------------------------------------------------------------------------------------------ distances


def _slope(d: Any, kind: str, bound: float) -> Any:
    """The derivative of a loss of the difference d: "squared", "distance", or "huber" with its bound."""
    if kind == "squared":
        return d * 2.0
    return sgn(d) if kind == "distance" else clamp(d, -bound, bound)


def _summed_pull(
    g: Any, input: Any, target: Any, kind: str, bound: float, divisor: float, needs: list[bool]
) -> list[Any]:
    if type(g) is ndarray and type(input) is ndarray and type(target) is ndarray:
        backward = getattr(losses, f"{kind}_backward")
        slope = backward(input, target, g.item() / divisor, *([bound] if kind == "huber" else []))
    else:
        slope = g * (1 / divisor) * _slope(input - target, kind, bound)
    return [slope if needs[0] else None, -slope if needs[1] else None]


@op(
    joint=lambda g, input, target, kind, bound, divisor, needs: _summed_pull(
        g, input, target, kind, bound, divisor, needs
    ),
    n_inputs=2,
    samples=lambda s: [(s(3, 4), s(3, 4), kind, 0.7, 2.0) for kind in ("squared", "distance", "huber")],
)
def _summed_difference(input: Any, target: Any, kind: str, bound: float, divisor: float) -> Any:
    """The sum of the loss of input - target, over divisor: of one shape and dtype, float32 or float64."""
    total = getattr(losses, kind)(input, target, *([bound] if kind == "huber" else []))
    return np.asarray(total / divisor, input.dtype)


def _each_pull(g: Any, input: Any, target: Any, bound: float, scale: float, needs: list[bool]) -> list[Any]:
    if type(g) is ndarray and type(input) is ndarray and type(target) is ndarray:
        slope = losses.huber_each_backward(input, target, g, bound, scale)
    else:
        slope = g * (_slope(input - target, "huber", bound) * scale)
    return [slope if needs[0] else None, -slope if needs[1] else None]


@op(
    joint=lambda g, input, target, bound, scale, needs: _each_pull(g, input, target, bound, scale, needs),
    n_inputs=2,
    samples=lambda s: [(s(3, 4), s(3, 4), 0.7, 2.0)],
)
def _huber_each(input: Any, target: Any, bound: float, scale: float) -> Any:
    """scale times the Huber loss an element: input and target of one shape and dtype, float32 or float64."""
    return losses.huber_each(input, target, bound, scale)


def _in_kernel(input: Any, target: Any, weight: Any = None, least: int = 2048) -> bool:
    """Whether the kernels of `losses` take these and are worth their call; a sum is so from one element on."""
    x, y = _bare(input), _bare(target)
    return weight is None and x.shape == y.shape and x.dtype == y.dtype and x.dtype in dtypes.FLOATS and x.size >= least


def _total(input: Any, target: Any, reduction: str, kind: str, bound: float = 0.0, scale: float = 1.0) -> Any:
    count = _bare(input).size if reduction == "mean" else 1
    return _summed_difference(input, target, kind, bound, count / scale)


def _huber(input: Any, target: Any, reduction: str, bound: float, scale: float, weight: Any = None) -> Any:
    """scale times the Huber loss of the bound."""
    if reduction != "none" and _in_kernel(input, target, weight, 1):
        return _total(input, target, reduction, "huber", bound, scale)
    if _in_kernel(input, target, weight):
        return _huber_each(input, target, bound, scale)
    if "b" in (input.dtype.kind, target.dtype.kind):  # a bool counts as 0 or 1, in the other's dtype
        common = dtypes.promote_types(np.dtype(input.dtype), np.dtype(target.dtype))
        input, target = to_dtype(input, common), to_dtype(target, common)
    d = input - target
    size = abs(d)
    # NaN takes the branch that has it in its derivative
    loss = where(_array(size) >= bound, (size - 0.5 * bound) * (bound * scale), d * d * (0.5 * scale))
    return _reduced(loss if weight is None else loss * weight, reduction)


@op(
    lambda g, input, other: g * (input - other) * 2.0,
    lambda g, input, other: g * (other - input) * 2.0,
    promote=True,
    method=False,
    samples=lambda s: [(s(3, 4), s(3, 4)), (s(3, 1), s(4))],
)
def _squared_difference(input: Any, other: Any) -> Any:
    """(input - other)**2, broadcast."""
    if np.result_type(input, other).kind == "b":
        raise DTypeError("mse_loss: bools have no difference; convert with to()")
    d = input - other
    return d * d


def _as_input(loss: Any, input: Any) -> Any:
    """The loss in input's dtype, where that is a floating one: torch's formulas write it into memory of that dtype."""
    return to_dtype(loss, input.dtype) if input.dtype.kind == "f" and loss.dtype != input.dtype else loss


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
    input, target = _of_one_rank(input, target)
    if reduction != "none" and _in_kernel(input, target, weight, 1):
        return _total(input, target, reduction, "squared")
    return _weighted(_squared_difference(input, target), weight, reduction)


# ------------------------------------------------------------------------------------------------ binary cross-entropy


@op(
    lambda g, input, target, reduction: (
        _of_each(g, input, reduction) * (input - target) / clamp_min((1.0 - input) * input, 1e-12)
    ),
    lambda g, input, reduction: _of_each(g, input, reduction) * (_log_clamped(1.0 - input) - _log_clamped(input)),
    samples=lambda s: [
        (s(3, 4, low=0.1, high=0.9), s(3, 4, low=0.1, high=0.9), reduction) for reduction in ("none", "mean", "sum")
    ],
)
@quiet
def _binary_cross_entropy(input: Any, target: Any, reduction: str) -> Any:
    """-(target log(input) + (1 - target) log(1 - input)), the logarithms not below -100, reduced."""
    one, zero = np.maximum(np.log(input), -100), np.maximum(np.log1p(-input), -100)
    return _joined((target - 1) * zero - target * one, reduction)


def _log_clamped(x: Any) -> Any:
    with np.errstate(divide="ignore"):
        return clamp_min(log(x), -100.0)


def _same_size(name: str, input: Any, target: Any) -> None:
    if _bare(input).shape != _bare(target).shape:
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
    if array.dtype.kind != "f" or target.dtype != array.dtype:
        raise DTypeError(
            f"{name}: input is {input.dtype} and target {target.dtype}; expected one floating dtype, cast with to()"
        )
    # NaN is not within
    if array.size and not (np.minimum.reduce(array, None) >= 0 and np.maximum.reduce(array, None) <= 1):
        bad = array[~((array >= 0) & (array <= 1))][0]
        raise NumberError(
            f"{name}: input holds {bad}; all elements should be between 0 and 1, apply sigmoid or use the form with "
            f"logits"
        )
    if weight is None:
        return _binary_cross_entropy(input, target, reduction)
    return _reduced(_binary_cross_entropy(input, target, "none") * weight, reduction)


def _logits_pull(g: Any, input: Any, target: Any, divisor: float, needs: list[bool]) -> list[Any]:
    """Gradients of the sum over divisor."""
    if not needs[0]:
        slope = None
    elif type(g) is ndarray and type(input) is ndarray and type(target) is ndarray:
        slope = losses.logits_backward(input, target, g.item() / divisor)
    else:
        slope = g * (1 / divisor) * (sigmoid(input) - target)
    return [slope, g * (-1 / divisor) * input if needs[1] else None]


@op(
    joint=lambda g, input, target, divisor, needs: _logits_pull(g, input, target, divisor, needs),
    n_inputs=2,
    samples=lambda s: [(s(3, 4), s(3, 4), 2.0)],
)
def _summed_logits(input: Any, target: Any, divisor: float) -> Any:
    """The sum of the loss of scores, over divisor: of one shape and dtype, float32 or float64."""
    return np.asarray(losses.logits(input, target) / divisor, input.dtype)


def _logits_slope(input: Any, target: Any) -> Any:
    """sigmoid(input) - target."""
    if type(input) is ndarray and type(target) is ndarray and _in_kernel(input, target):
        return losses.logits_backward(input, target, 1.0)
    return sigmoid(input) - target


@op(
    lambda g, input, target, pos_weight: (
        g * (sigmoid(input) * (1.0 - target) + (sigmoid(input) - 1.0) * target * pos_weight)
        if pos_weight is not None
        else g * _logits_slope(input, target)
    ),
    lambda g, input, pos_weight: (
        g * (softplus(-input) * pos_weight - softplus(input)) if pos_weight is not None else -g * input
    ),
    lambda g, input, target: g * target * softplus(-input),
    samples=lambda s: [(s(3, 4), s(3, 4), None), (s(3, 4), s(3, 4), s.positive(4))],
)
def _binary_cross_entropy_with_logits(input: Any, target: Any, pos_weight: Any) -> Any:
    """(1 - target) softplus(input) + target pos_weight softplus(-input), without overflow."""
    if pos_weight is None and _in_kernel(input, target):
        return losses.logits_each(input, target)
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
    if pos_weight is None and reduction != "none" and _in_kernel(input, target, weight, 1):
        return _summed_logits(input, target, float(_bare(input).size) if reduction == "mean" else 1.0)
    loss = _binary_cross_entropy_with_logits(input, target, pos_weight)
    loss = _as_input(loss, target)  # torch starts from 1 - target
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
    input, target = _of_one_rank(input, target)
    if reduction != "none" and _in_kernel(input, target, weight, 1):
        return _total(input, target, reduction, "distance")
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
    return _huber(*_of_one_rank(input, target), reduction, beta, 1 / beta)


@function(
    method=False,
    samples=lambda s: [(s(3, 4), s(3, 4)), (s(3), s(3), {"reduction": "sum", "delta": 0.5})],
)
def huber_loss(input: Any, target: Any, reduction: str = "mean", delta: float = 1.0, weight: Any = None) -> Any:
    """d**2 / 2 where |d| < delta, else delta (|d| - delta / 2), of d = input - target, in input's floating dtype.

    weight: a factor an element, which the mean does not divide by. Raises ValueError unless delta > 0.

    >>> autograd.huber_loss(autograd.zeros(2), autograd.tensor([0.5, 3.0]))
    tensor(1.3125)
    """
    reduction = _reduction("huber_loss", reduction)
    _warn_sizes("huber_loss", input, target)
    if not isinstance(delta, (int, float, np.number)):
        raise TypeError(f"huber_loss: delta is {delta!r}; expected a number above 0")
    if delta <= 0:
        raise NumberError(f"huber_loss: delta is {delta}; expected more than 0")
    return _as_input(_huber(input, target, reduction, delta, 1.0, weight), input)
