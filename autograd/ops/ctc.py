"""Connectionist temporal classification: the loss of all alignments of a label sequence."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy import ndarray

from .. import tape
from ..errors import DTypeError, NumberError, RangeError, ShapeError
from ..kernels.ctc import ctc
from ..op import function, op
from .compare import where
from .join import stack
from .loss import _array, _reduction
from .pad import pad
from .reduce import logsumexp, mean, sum
from .shape import unsqueeze


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
    skips[:, 2:] = states[:, 2:] != states[:, :-2]  # never from blank to blank
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
        gx = y[1] if y[1].size else _slopes(input, plan, True)[1]
        return gx * g[:, None]
    with tape.enable_grad():
        return tape.grad(_ctc_composed(input, plan), input, g, create_graph=True)[0]


def _plan_sample() -> _Alignment:
    return _Alignment(np.array([1, 2, 2]), np.array([0, 2]), np.array([4, 3]), np.array([2, 1]), 0)


def _slopes(input: ndarray, plan: _Alignment, gradient: bool) -> tuple[ndarray, ndarray]:
    return ctc(input, plan.labels, plan.starts, plan.times, plan.sizes, plan.blank, gradient)


@op(_ctc_pull, hidden=1, samples=lambda s: [(s(4, 2, 3), _plan_sample(), True), (s(4, 2, 3), _plan_sample(), False)])
def _ctc(input: Any, plan: _Alignment, gradient: bool) -> Any:
    """The loss of each sequence, and if it will be wanted its gradient in the input."""
    return _slopes(input, plan, gradient)


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
    loss = _ctc(x, plan, tape.mode.enabled and getattr(x, "requires_grad", False))[0]
    if zero_infinity:
        loss = where(np.isinf(_array(loss)), 0.0, loss)
    if reduction == "mean":
        return mean(loss / np.maximum(sizes, 1).astype(log_probs.dtype))
    return sum(loss) if reduction == "sum" else (loss[0] if log_probs.ndim == 2 else loss)
