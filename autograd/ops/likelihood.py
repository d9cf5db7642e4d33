"""Losses that are likelihoods, of a Gaussian and of a Poisson distribution, and the divergence of two distributions."""

from __future__ import annotations

import warnings
from math import log as log_number
from math import pi
from typing import Any

import numpy as np

from ..errors import DTypeError, NumberError, ShapeError, only_tensors
from ..kernels.quiet import quiet
from ..op import function, op, real_only
from .chain import over, times
from .compare import where
from .elementwise import exp, log
from .loss import _array, _in_kernel, _joined, _of_each, _reduced, _reduction, _squared_difference
from .reduce import sum
from .shape import unsqueeze
from .special import xlogy


def _kl_target(g: Any, input: Any, target: Any) -> Any:
    return times(-g, input) + times(where(target == 0, 0.0, g), log(target)) + over(times(g, target), target)


@op(
    lambda g, input, target, reduction: times(-_of_each(g, input, reduction), target),
    lambda g, input, target, reduction: _kl_target(_of_each(g, input, reduction), input, target),
    samples=lambda s: [(s(3, 4), s.positive(3, 4), reduction) for reduction in ("none", "mean", "sum")],
)
@quiet
def _kl_div(input: Any, target: Any, reduction: str) -> Any:
    """target (log target - input), reduced: of one shape and dtype."""
    entropy = np.where(target == 0, target.dtype.type(0), target * np.log(target))
    return _joined(entropy - target * input, reduction)


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
    only_tensors("kl_div", input=input, target=target)
    for argument, x in (("input", input), ("target", target)):
        if x.dtype.kind != "f":
            raise DTypeError(f"kl_div: {argument} is {x.dtype}; expected float32 or float64, cast with to()")
    if reduction == "mean" and size_average is None and reduce is None:
        warnings.warn(
            "kl_div: reduction='mean' divides by the number of elements; 'batchmean' is the divergence an example",
            stacklevel=2,
        )
    if reduction != "batchmean":
        reduction = _reduction("kl_div", reduction, size_average, reduce)
    if not log_target and _in_kernel(input, target, None, 0):
        total = _kl_div(input, target, "sum" if reduction == "batchmean" else reduction)
        return total / float(input.shape[0]) if reduction == "batchmean" and input.ndim else total
    loss = exp(target) * (target - input) if log_target else xlogy(target, target) - target * input
    if reduction == "batchmean":
        return sum(loss) / float(input.shape[0]) if input.ndim else sum(loss)
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
    real_only("poisson_nll_loss", input, target)
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
