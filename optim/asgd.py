"""Averaged stochastic gradient descent."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from autograd import Tensor
from autograd.kernels import update

from .optimizer import Optimizer, check_range


class ASGD(Optimizer):
    """Gradient descent with a falling rate eta = lr / (1 + lambd lr t)^alpha; the average since step t0 is kept as state "ax".

    Source: Polyak and Juditsky, "Acceleration of stochastic approximation by averaging", SIAM J. Control Optim. 30(4), 1992.

    >>> w = nn.Parameter(autograd.ones(1))
    >>> (w * w).backward()
    >>> optim.ASGD([w], lr=0.1).step()
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-2,
        lambd: float = 1e-4,
        alpha: float = 0.75,
        t0: float = 1e6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None:
        check_range("ASGD", weight_decay=weight_decay)
        defaults = dict(lr=lr, lambd=lambd, alpha=alpha, t0=t0, weight_decay=weight_decay, maximize=maximize)
        super().__init__(params, defaults)

    def _start(self, p: Tensor, group: dict[str, Any]) -> dict[str, Any]:
        return {"step": 0, "eta": float(group["lr"]), "mu": 1.0, "ax": np.zeros_like(p._data)}

    def _update_all(
        self, params: list[np.ndarray], grads: list[np.ndarray], states: list[dict[str, Any]], group: dict[str, Any]
    ) -> None:
        lr, lambd, alpha, t0 = group["lr"], group["lambd"], group["alpha"], group["t0"]
        for state in states:
            state["step"] += 1
        for s, p, g in self._equal_steps(states, params, grads):
            update.asgd(
                p, g, [x["ax"] for x in s], s[0]["eta"], s[0]["mu"], lambd, group["weight_decay"], group["maximize"],
                self._held[id(group["params"])],
            )  # fmt: skip
            t = s[0]["step"]
            for state in s:
                state["eta"], state["mu"] = lr / (1 + lambd * lr * t) ** alpha, 1 / max(1, t - t0)
