"""Gradients kept from growing too large."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable
from typing import Any

import numpy as np

import autograd
from autograd import SparseRows, Tensor, no_grad
from autograd.dtypes import REAL_PART
from autograd.ops.reduce import _squared


def _all(parameters: Tensor | Iterable[Tensor]) -> list[Tensor]:
    return [parameters] if isinstance(parameters, Tensor) else list(parameters)


def _values(grad: Any) -> np.ndarray:
    """The array that determines a gradient's norm."""
    return grad.coalesce().rows if isinstance(grad, SparseRows) else grad.detach().numpy()


def _norm(values: np.ndarray, p: float) -> float:
    """The p-norm in float64: that of many float32 values is exact, and squares do not overflow."""
    if p == 2 and values.size >= LARGE and values.dtype == np.float32:
        square = float(_squared(values, None, False))
        if 1e-20 < square < 1e30:  # no square that mattered was rounded to 0 or to infinity
            return math.sqrt(square)
    values = np.abs(values).astype(np.float64)
    if math.isinf(p):
        if not values.size:
            return 0.0
        return float(values.max() if p > 0 else values.min())
    if p == 2:
        flat = values.ravel()
        return math.sqrt(flat.dot(flat))
    return float(np.count_nonzero(values)) if p == 0 else float(np.sum(values**p) ** (1.0 / p))


LARGE = 1 << 13  # elements from which squares are added up as float32 by the kernel, in sums of sums


def get_total_norm(
    tensors: Tensor | Iterable[Tensor],
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """The norm of the norms of all tensors, a 0-dim Tensor; `norm_type` may be math.inf.

    Raises RuntimeError for a norm that is NaN or infinite, where asked. foreach: torch's, without meaning here.

    >>> nn.utils.get_total_norm([autograd.tensor([3.0, 4.0])])
    tensor(5.)
    """
    found = [_values(tensor) for tensor in _all(tensors)]
    norms = [_norm(values, float(norm_type)) for values in found]
    total = _norm(np.array(norms), float(norm_type)) if norms else 0.0
    if error_if_nonfinite and not math.isfinite(total):
        raise RuntimeError(
            f"get_total_norm: the total norm of order {norm_type} is {total}, so it cannot be clipped; pass "
            "error_if_nonfinite=False to scale anyway"
        )
    dtype = np.result_type(*[REAL_PART.get(values.dtype, values.dtype) for values in found]) if found else None
    return autograd.tensor(total, dtype=dtype)


def clip_grads_with_norm_(
    parameters: Tensor | Iterable[Tensor], max_norm: float, total_norm: Tensor, foreach: bool | None = None
) -> None:
    """Scale every gradient by max_norm / total_norm, in place, where that is less than 1.

    >>> w = nn.Parameter(autograd.ones(2))
    >>> w.grad = autograd.tensor([3.0, 4.0])
    >>> nn.utils.clip_grads_with_norm_([w], 1.0, autograd.tensor(5.0))
    >>> w.grad
    tensor([0.6000, 0.8000])
    """
    scale = min(float(max_norm) / (float(total_norm) + 1e-6), 1.0) if not math.isnan(float(total_norm)) else math.nan
    if scale == 1:
        return
    with no_grad():
        for param in _all(parameters):
            grad = param.grad
            if isinstance(grad, SparseRows):
                param.grad = SparseRows(grad.indices, grad.rows * scale, grad.shape)
            elif grad is not None:
                grad.mul_(scale)


def clip_grad_norm_(
    parameters: Tensor | Iterable[Tensor],
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """Scale the gradients, in place, so that together they have at most the norm `max_norm`; returns the norm before.

    parameters: Tensors, those without a gradient are passed over. Pascanu et al. 2013, arXiv:1211.5063.

    >>> w = nn.Parameter(autograd.ones(2))
    >>> w.grad = autograd.tensor([3.0, 4.0])
    >>> nn.utils.clip_grad_norm_([w], 1.0)
    tensor(5.)
    """
    parameters = _all(parameters)
    grads = [param.grad for param in parameters if param.grad is not None]
    total = get_total_norm(grads, norm_type, error_if_nonfinite)
    clip_grads_with_norm_(parameters, max_norm, total)
    return total


def clip_grad_value_(parameters: Tensor | Iterable[Tensor], clip_value: float, foreach: bool | None = None) -> None:
    """Move every element of the gradients into [-clip_value, clip_value], in place.

    >>> w = nn.Parameter(autograd.ones(2))
    >>> w.grad = autograd.tensor([3.0, -4.0])
    >>> nn.utils.clip_grad_value_([w], 1.0)
    >>> w.grad
    tensor([ 1., -1.])
    """
    limit = float(clip_value)
    with no_grad():
        for param in _all(parameters):
            grad = param.grad
            if isinstance(grad, SparseRows):
                whole = grad.coalesce()
                param.grad = SparseRows(whole.indices, whole.rows.clip(-limit, limit), whole.shape)
            elif grad is not None:
                grad.clamp_(-limit, limit)


def clip_grad_norm(*args: Any, **kwargs: Any) -> Tensor:
    """torch's older name of `clip_grad_norm_`; a FutureWarning says so.

    >>> callable(nn.utils.clip_grad_norm)
    True
    """
    warnings.warn("clip_grad_norm is now deprecated in favor of clip_grad_norm_", FutureWarning, stacklevel=2)
    return clip_grad_norm_(*args, **kwargs)
