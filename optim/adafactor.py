"""Adafactor: the second moments of a matrix kept as the sums of its rows and of its columns."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from autograd import Tensor

from .optimizer import Optimizer, check_range


def _root_mean_square(x: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(x))))


class Adafactor(Optimizer):
    """p = p - a u / max(1, rms(u) / d),  u = g / max(sqrt(v), eps1),  a = max(eps2, rms(p)) min(lr, 1 / sqrt(t)).

    v is the running mean of g^2, its newest value weighted by t^beta2_decay. Of a parameter (..., R, C) only the means over
    rows, r (..., R, 1), and over columns, c (..., 1, C), are kept, and v = r c / max(mean(r), eps1). eps: (eps1, eps2); eps1
    None is the dtype's epsilon. weight_decay shrinks the parameter: p = p (1 - lr weight_decay).
    Source: Shazeer and Stern, https://arxiv.org/abs/1804.04235, with lr and eps1 in the places torch gives them.

    >>> w = nn.Parameter(autograd.ones(2, 3))
    >>> (w * w).sum().backward()
    >>> optim.Adafactor([w]).step()
    """

    _takes_complex = False

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-2,
        beta2_decay: float = -0.8,
        eps: tuple[float | None, float] = (None, 1e-3),
        d: float = 1.0,
        weight_decay: float = 0.0,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
    ) -> None:
        check_range("Adafactor", eps2=eps[1], weight_decay=weight_decay)
        if eps[0] is not None:
            check_range("Adafactor", eps1=eps[0])
        if not beta2_decay <= 0:
            raise ValueError(f"Adafactor: beta2_decay must be at most 0, got {beta2_decay}")
        check_range("Adafactor", 1.0, d=d)
        defaults = dict(
            lr=lr, beta2_decay=beta2_decay, eps=tuple(eps), d=d, weight_decay=weight_decay, maximize=maximize
        )
        super().__init__(params, defaults)

    def _start(self, p: Tensor, group: dict[str, Any]) -> dict[str, Any]:
        if p.ndim < 2:
            return {"step": 0, "variance": np.zeros_like(p._data)}
        rows, columns = (*p.shape[:-1], 1), (*p.shape[:-2], 1, p.shape[-1])
        return {"step": 0, "row_var": np.zeros(rows, p.dtype), "col_var": np.zeros(columns, p.dtype)}

    def _update(self, p: np.ndarray, g: np.ndarray, state: dict[str, Any], group: dict[str, Any]) -> None:
        state["step"] += 1
        if not p.size:
            return
        eps1, eps2 = group["eps"]
        eps1 = float(np.finfo(p.dtype).eps) if eps1 is None else eps1
        newest = float(state["step"]) ** group["beta2_decay"]
        rate = max(eps2, _root_mean_square(p)) * min(float(group["lr"]), state["step"] ** -0.5)
        if group["weight_decay"]:
            p *= 1 - group["lr"] * group["weight_decay"]
        squares = g * g
        if p.ndim < 2:
            v = state["variance"]
            v += newest * (squares - v)
        else:
            r, c = state["row_var"], state["col_var"]
            r += newest * (squares.mean(-1, keepdims=True) - r)
            c += newest * (squares.mean(-2, keepdims=True) - c)
            v = r * c / np.maximum(r.mean(-2, keepdims=True), eps1)
        u = g / np.sqrt(np.maximum(v, eps1 * eps1))
        p -= rate / max(1.0, _root_mean_square(u) / group["d"]) * u
