"""RMSprop, with epsilon outside the root as in torch, or inside it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from autograd import Tensor
from autograd.kernels import update

from .optimizer import Optimizer, check_range


class RMSprop(Optimizer):
    """s = alpha s + (1-alpha) g^2;  p = p - lr * g / (sqrt(s) + eps), or with eps_inside p - lr * g / sqrt(s + eps).

    centered: the squared mean gradient is taken off s. momentum: the quotient goes through v = momentum * v + quotient.
    Source: Hinton, Neural Networks for Machine Learning, lecture 6e; eps inside the root is the course's form.

    >>> w = nn.Parameter(autograd.ones(1))
    >>> (w * w).backward()
    >>> optim.RMSprop([w], lr=0.1).step()
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum: float = 0,
        centered: bool = False,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
        *,
        eps_inside: bool = False,
    ) -> None:
        check_range("RMSprop", eps=eps, weight_decay=weight_decay, momentum=momentum, alpha=alpha)
        defaults = dict(
            lr=lr, alpha=alpha, eps=eps, weight_decay=weight_decay, momentum=momentum, centered=centered, maximize=maximize,
            eps_inside=eps_inside,
        )  # fmt: skip
        super().__init__(params, defaults)

    def _start(self, p: Tensor, group: dict[str, Any]) -> dict[str, Any]:
        state: dict[str, Any] = {"step": 0, "square_avg": np.zeros_like(p._data)}
        if group["momentum"]:
            state["momentum_buffer"] = np.zeros_like(p._data)
        if group["centered"]:
            state["grad_avg"] = np.zeros_like(p._data)
        return state

    def _update_all(
        self, params: list[np.ndarray], grads: list[np.ndarray], states: list[dict[str, Any]], group: dict[str, Any]
    ) -> None:
        for state in states:
            state["step"] += 1
        means, buffers = ([state.get(name) for state in states] for name in ("grad_avg", "momentum_buffer"))
        update.rmsprop(
            params, grads, [state["square_avg"] for state in states], means, buffers, group["lr"], group["alpha"],
            group["eps"], group["weight_decay"], group["momentum"], group["maximize"], group["eps_inside"],
            self._held[id(group["params"])],
        )  # fmt: skip
