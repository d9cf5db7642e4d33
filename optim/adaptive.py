"""Optimizers that scale each step by the history of the gradients: Adagrad, Adadelta, Adamax, NAdam, RAdam, Rprop."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from autograd import SparseRows, Tensor
from autograd.kernels import update

from .optimizer import Optimizer, check_range


def _zeros(p: Tensor, *names: str) -> dict[str, Any]:
    return {"step": 0} | {name: np.zeros_like(p._data) for name in names}


class Adagrad(Optimizer):
    """s = s + g^2;  p = p - lr / (1 + (t-1) lr_decay) * g / (sqrt(s) + eps). Takes sparse gradients.

    Source: Duchi, Hazan and Singer, https://jmlr.org/papers/v12/duchi11a.html.

    >>> w = nn.Parameter(autograd.ones(1))
    >>> (w * w).backward()
    >>> optim.Adagrad([w], lr=0.1).step()
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-2,
        lr_decay: float = 0,
        weight_decay: float = 0,
        initial_accumulator_value: float = 0,
        eps: float = 1e-10,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        check_range(
            "Adagrad", lr_decay=lr_decay, weight_decay=weight_decay, eps=eps,
            initial_accumulator_value=initial_accumulator_value,
        )  # fmt: skip
        defaults = dict(
            lr=lr, lr_decay=lr_decay, weight_decay=weight_decay, initial_accumulator_value=initial_accumulator_value, eps=eps,
            maximize=maximize,
        )  # fmt: skip
        super().__init__(params, defaults)
        for (
            group
        ) in self.param_groups:  # torch makes the sums at once too, so that they can be shared before the first step
            for p in group["params"]:
                self._state_of(p, group)

    def _start(self, p: Tensor, group: dict[str, Any]) -> dict[str, Any]:
        return {"step": 0, "sum": np.full_like(p._data, group["initial_accumulator_value"])}

    def _update_all(
        self, params: list[np.ndarray], grads: list[np.ndarray], states: list[dict[str, Any]], group: dict[str, Any]
    ) -> None:
        for state in states:
            state["step"] += 1
        for s, p, g in self._equal_steps(states, params, grads):
            update.adagrad(
                p, g, [x["sum"] for x in s], s[0]["step"], group["lr"], group["lr_decay"], group["eps"], group["weight_decay"],
                group["maximize"], self._held[id(group["params"])],
            )  # fmt: skip

    def _update_sparse(self, p: Tensor, g: SparseRows, state: dict[str, Any], group: dict[str, Any]) -> None:
        if group["weight_decay"]:
            raise RuntimeError("Adagrad: weight_decay is not compatible with sparse gradients")
        g = g.coalesce()
        state["step"] += 1
        rows, s = (-g.rows if group["maximize"] else g.rows), state["sum"]
        s[g.indices] += rows * rows
        rate = group["lr"] / (1 + (state["step"] - 1) * group["lr_decay"])
        p._data[g.indices] -= rate * rows / (np.sqrt(s[g.indices]) + group["eps"])


class Adadelta(Optimizer):
    """s = rho s + (1-rho) g^2;  d = sqrt(u + eps) / sqrt(s + eps) * g;  u = rho u + (1-rho) d^2;  p = p - lr d.

    Source: Zeiler, https://arxiv.org/abs/1212.5701.

    >>> w = nn.Parameter(autograd.ones(1))
    >>> (w * w).backward()
    >>> optim.Adadelta([w], lr=0.1).step()
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1.0,
        rho: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        capturable: bool = False,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_range("Adadelta", eps=eps, weight_decay=weight_decay)
        check_range("Adadelta", 0.0, 1.0 + 1e-12, rho=rho)
        super().__init__(params, dict(lr=lr, rho=rho, eps=eps, weight_decay=weight_decay, maximize=maximize))

    def _start(self, p: Tensor, group: dict[str, Any]) -> dict[str, Any]:
        return _zeros(p, "square_avg", "acc_delta")

    def _update_all(
        self, params: list[np.ndarray], grads: list[np.ndarray], states: list[dict[str, Any]], group: dict[str, Any]
    ) -> None:
        for state in states:
            state["step"] += 1
        update.adadelta(
            params, grads, [x["square_avg"] for x in states], [x["acc_delta"] for x in states], group["lr"], group["rho"],
            group["eps"], group["weight_decay"], group["maximize"], self._held[id(group["params"])],
        )  # fmt: skip


class Adamax(Optimizer):
    """m = b1 m + (1-b1) g;  u = max(b2 u, |g| + eps);  p = p - lr / (1 - b1^t) * m / u.

    Source: Kingma and Ba, https://arxiv.org/abs/1412.6980, section 7.

    >>> w = nn.Parameter(autograd.ones(1))
    >>> (w * w).backward()
    >>> optim.Adamax([w], lr=0.1).step()
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None:
        check_range("Adamax", eps=eps, weight_decay=weight_decay)
        check_range("Adamax", 0.0, 1.0, beta1=betas[0], beta2=betas[1])
        super().__init__(params, dict(lr=lr, betas=tuple(betas), eps=eps, weight_decay=weight_decay, maximize=maximize))

    def _start(self, p: Tensor, group: dict[str, Any]) -> dict[str, Any]:
        return _zeros(p, "exp_avg", "exp_inf")

    def _update_all(
        self, params: list[np.ndarray], grads: list[np.ndarray], states: list[dict[str, Any]], group: dict[str, Any]
    ) -> None:
        for state in states:
            state["step"] += 1
        for s, p, g in self._equal_steps(states, params, grads):
            update.adamax(
                p, g, [x["exp_avg"] for x in s], [x["exp_inf"] for x in s], s[0]["step"], group["lr"], group["betas"],
                group["eps"], group["weight_decay"], group["maximize"], self._held[id(group["params"])],
            )  # fmt: skip


class NAdam(Optimizer):
    """Adam with Nesterov momentum, whose weight grows with t: mu_t = b1 (1 - 0.96^(t momentum_decay) / 2).

    Source: Dozat, "Incorporating Nesterov momentum into Adam", ICLR 2016 workshop.

    >>> w = nn.Parameter(autograd.ones(1))
    >>> (w * w).backward()
    >>> optim.NAdam([w], lr=0.1).step()
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum_decay: float = 4e-3,
        decoupled_weight_decay: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_range("NAdam", eps=eps, weight_decay=weight_decay, momentum_decay=momentum_decay)
        check_range("NAdam", 0.0, 1.0, beta1=betas[0], beta2=betas[1])
        defaults = dict(
            lr=lr, betas=tuple(betas), eps=eps, weight_decay=weight_decay, momentum_decay=momentum_decay,
            decoupled_weight_decay=decoupled_weight_decay, maximize=maximize,
        )  # fmt: skip
        super().__init__(params, defaults)

    def _start(self, p: Tensor, group: dict[str, Any]) -> dict[str, Any]:
        return {"step": 0, "mu_product": 1.0} | _zeros(p, "exp_avg", "exp_avg_sq")

    def _update_all(
        self, params: list[np.ndarray], grads: list[np.ndarray], states: list[dict[str, Any]], group: dict[str, Any]
    ) -> None:
        b1, slow = group["betas"][0], group["momentum_decay"]
        for state in states:
            state["step"] += 1
            state["mu_product"] *= b1 * (1 - 0.5 * 0.96 ** (state["step"] * slow))
        for s, p, g in self._equal_steps(states, params, grads):
            t = s[0]["step"]
            mu, mu_next = (b1 * (1 - 0.5 * 0.96 ** (step * slow)) for step in (t, t + 1))
            update.nadam(
                p, g, [x["exp_avg"] for x in s], [x["exp_avg_sq"] for x in s], t, mu, mu_next, s[0]["mu_product"],
                group["lr"], group["betas"], group["eps"], group["weight_decay"], group["decoupled_weight_decay"],
                group["maximize"], self._held[id(group["params"])],
            )  # fmt: skip


class RAdam(Optimizer):
    """Adam whose adaptive step is rectified while the variance of its early estimates is large, and plain momentum before that.

    Source: Liu et al., https://arxiv.org/abs/1908.03265.

    >>> w = nn.Parameter(autograd.ones(1))
    >>> (w * w).backward()
    >>> optim.RAdam([w], lr=0.1).step()
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        decoupled_weight_decay: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_range("RAdam", eps=eps, weight_decay=weight_decay)
        check_range("RAdam", 0.0, 1.0, beta1=betas[0], beta2=betas[1])
        defaults = dict(
            lr=lr, betas=tuple(betas), eps=eps, weight_decay=weight_decay, decoupled_weight_decay=decoupled_weight_decay,
            maximize=maximize,
        )  # fmt: skip
        super().__init__(params, defaults)

    def _start(self, p: Tensor, group: dict[str, Any]) -> dict[str, Any]:
        return _zeros(p, "exp_avg", "exp_avg_sq")

    def _update_all(
        self, params: list[np.ndarray], grads: list[np.ndarray], states: list[dict[str, Any]], group: dict[str, Any]
    ) -> None:
        for state in states:
            state["step"] += 1
        for s, p, g in self._equal_steps(states, params, grads):
            update.radam(
                p, g, [x["exp_avg"] for x in s], [x["exp_avg_sq"] for x in s], s[0]["step"], group["lr"], group["betas"],
                group["eps"], group["weight_decay"], group["decoupled_weight_decay"],
                group["maximize"], self._held[id(group["params"])],
            )  # fmt: skip


class Rprop(Optimizer):
    """Steps by the sign of the gradient: an element's step grows while the sign stays, shrinks when it changes.

    Source: Riedmiller and Braun, "A direct adaptive method for faster backpropagation learning", ICNN 1993.

    >>> w = nn.Parameter(autograd.ones(1))
    >>> (w * w).backward()
    >>> optim.Rprop([w], lr=0.1).step()
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-2,
        etas: tuple[float, float] = (0.5, 1.2),
        step_sizes: tuple[float, float] = (1e-6, 50.0),
        *,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        if not 0.0 < etas[0] < 1.0 < etas[1]:
            raise ValueError(f"Rprop: etas must be in (0, 1) and above 1, got {etas}")
        super().__init__(params, dict(lr=lr, etas=tuple(etas), step_sizes=tuple(step_sizes), maximize=maximize))

    def _start(self, p: Tensor, group: dict[str, Any]) -> dict[str, Any]:
        return _zeros(p, "prev") | {"step_size": np.full_like(p._data, group["lr"])}

    def _update_all(
        self, params: list[np.ndarray], grads: list[np.ndarray], states: list[dict[str, Any]], group: dict[str, Any]
    ) -> None:
        for state in states:
            state["step"] += 1
        update.rprop(
            params, grads, [x["prev"] for x in states], [x["step_size"] for x in states], group["etas"],
            group["step_sizes"], group["maximize"], self._held[id(group["params"])],
        )  # fmt: skip


class SparseAdam(Optimizer):
    """Adam for sparse gradients: the moments and the parameter change only in the rows that have one.

    Source: PyTorch, torch.optim.SparseAdam.

    >>> table = nn.Embedding(3, 2, sparse=True)
    >>> table(autograd.tensor([1])).sum().backward()
    >>> optim.SparseAdam(table.parameters(), lr=0.1).step()
    """

    _takes_complex = False

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        maximize: bool = False,
    ) -> None:
        check_range("SparseAdam", eps=eps)
        check_range("SparseAdam", 0.0, 1.0, beta1=betas[0], beta2=betas[1])
        super().__init__(params, dict(lr=lr, betas=tuple(betas), eps=eps, maximize=maximize))

    def _start(self, p: Tensor, group: dict[str, Any]) -> dict[str, Any]:
        return _zeros(p, "exp_avg", "exp_avg_sq")

    def _update(self, p: np.ndarray, g: np.ndarray, state: dict[str, Any], group: dict[str, Any]) -> None:
        raise RuntimeError("SparseAdam: does not support dense gradients; use Adam instead")

    def _update_sparse(self, p: Tensor, g: SparseRows, state: dict[str, Any], group: dict[str, Any]) -> None:
        g = g.coalesce()
        (b1, b2), i = group["betas"], g.indices
        state["step"] += 1
        t, rows = state["step"], -g.rows if group["maximize"] else g.rows
        state["exp_avg"][i] += (1 - b1) * (rows - state["exp_avg"][i])
        state["exp_avg_sq"][i] += (1 - b2) * (rows * rows - state["exp_avg_sq"][i])
        step = group["lr"] * (1 - b2**t) ** 0.5 / (1 - b1**t)
        p._data[i] -= step * state["exp_avg"][i] / (np.sqrt(state["exp_avg_sq"][i]) + group["eps"])
