"""Adam and AdamW."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from autograd import Tensor
from autograd.kernels import update

from .optimizer import Optimizer, check_range


class Adam(Optimizer):
    """m = b1 m + (1-b1) g;  v = b2 v + (1-b2) g^2;  p = p - lr * m/(1-b1^t) / (sqrt(v/(1-b2^t)) + eps), t from 1.

    weight_decay is added to the gradient (decoupled_weight_decay: to the step, as AdamW). amsgrad: the largest v so far.
    Source: Kingma and Ba, https://arxiv.org/abs/1412.6980; Reddi et al., https://openreview.net/forum?id=ryQu7f-RZ.

    >>> w = nn.Parameter(autograd.ones(1))
    >>> (w * w).backward()
    >>> optim.Adam([w], lr=0.1).step()
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        amsgrad: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
        decoupled_weight_decay: bool = False,
    ) -> None:
        name = type(self).__name__
        check_range(name, eps=eps, weight_decay=weight_decay)
        if isinstance(betas[0], Tensor) != isinstance(betas[1], Tensor):
            raise ValueError(f"{name}: betas must be two numbers or two Tensors, got {tuple(betas)}")
        check_range(name, 0.0, 1.0, beta1=betas[0], beta2=betas[1])
        defaults = dict(
            lr=lr, betas=tuple(betas), eps=eps, weight_decay=weight_decay, amsgrad=amsgrad, maximize=maximize,
            decoupled_weight_decay=decoupled_weight_decay,
        )  # fmt: skip
        super().__init__(params, defaults)

    def _start(self, p: Tensor, group: dict[str, Any]) -> dict[str, Any]:
        state = {"step": 0, "exp_avg": np.zeros_like(p._data), "exp_avg_sq": np.zeros_like(p._data)}
        if group["amsgrad"]:
            state["max_exp_avg_sq"] = np.zeros_like(p._data)
        return state

    def _update_all(
        self, params: list[np.ndarray], grads: list[np.ndarray], states: list[dict[str, Any]], group: dict[str, Any]
    ) -> None:
        for state in states:
            state["step"] += 1
        for s, p, g in self._equal_steps(states, params, grads):
            tops = [state["max_exp_avg_sq"] for state in s] if group["amsgrad"] else None
            update.adam(
                p, g, [state["exp_avg"] for state in s], [state["exp_avg_sq"] for state in s], tops, s[0]["step"],
                group["lr"], group["betas"], group["eps"], group["weight_decay"], group["decoupled_weight_decay"],
                group["maximize"], self._held[id(group["params"])],
            )  # fmt: skip


class AdamW(Adam):
    """Adam whose weight_decay shrinks the parameters directly: p = p - lr * weight_decay * p - the step of Adam.

    Source: Loshchilov and Hutter, https://arxiv.org/abs/1711.05101.

    >>> w = nn.Parameter(autograd.ones(1))
    >>> (w * w).backward()
    >>> optim.AdamW([w], lr=0.1).step()
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(params, lr, betas, eps, weight_decay, amsgrad, decoupled_weight_decay=True, **options)
