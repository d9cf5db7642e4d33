"""Stochastic gradient descent: plain, with classical or Nesterov momentum, or with the averaged form of momentum."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from autograd import SparseRows, Tensor
from autograd.kernels import update

from .optimizer import Optimizer, check_range


class SGD(Optimizer):
    """v = momentum * v + (1 - dampening) * g;  p = p - lr * v, where g has weight_decay * p added.

    The first v is g itself, as in torch. nesterov: the step is lr * (g + momentum * v).
    averaged: v starts at 0 and v = momentum * v + (1 - momentum) * g from the first step on, an exponentially weighted average
    of the gradients (the course's form; torch's dampening=momentum differs from it in the first step).
    Source: Sutskever et al., "On the importance of initialization and momentum in deep learning", ICML 2013.

    >>> w = nn.Parameter(autograd.ones(1))
    >>> (w * w).backward()
    >>> optim.SGD([w], lr=0.1).step()
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: float = 0,
        nesterov: bool = False,
        *,
        averaged: bool = False,
        maximize: bool = False,
        foreach: bool | None = None,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        check_range("SGD", momentum=momentum, weight_decay=weight_decay)
        if nesterov and (momentum <= 0 or dampening != 0 or averaged):
            raise ValueError("SGD: Nesterov momentum requires a momentum and zero dampening, and is not averaged")
        if averaged and (dampening or not momentum):
            raise ValueError("SGD: averaged requires a momentum and zero dampening")
        defaults = dict(
            lr=lr, momentum=momentum, dampening=dampening, weight_decay=weight_decay, nesterov=nesterov, averaged=averaged,
            maximize=maximize,
        )  # fmt: skip
        super().__init__(params, defaults)

    def _update_all(
        self, params: list[np.ndarray], grads: list[np.ndarray], states: list[dict[str, Any]], group: dict[str, Any]
    ) -> None:
        momentum, averaged = group["momentum"], group["averaged"]
        dampening = momentum if averaged else group["dampening"]
        fresh = [bool(momentum) and "momentum_buffer" not in state for state in states]
        for first in {*fresh}:
            chosen = [k for k, new in enumerate(fresh) if new == first]
            p, g = [params[k] for k in chosen], [grads[k] for k in chosen]
            if first:
                for k in chosen:
                    states[k]["momentum_buffer"] = np.zeros_like(params[k])
            update.sgd(
                p, g, [states[k].get("momentum_buffer") for k in chosen], group["lr"], momentum, dampening,
                group["weight_decay"], group["nesterov"], group["maximize"], first and not averaged,
                self._held[id(group["params"])],
            )  # fmt: skip

    def _update_sparse(self, p: Tensor, g: SparseRows, state: dict[str, Any], group: dict[str, Any]) -> None:
        if group["weight_decay"]:
            raise RuntimeError("SGD: weight_decay is not compatible with sparse gradients, for it changes every row")
        if group["momentum"]:  # the momentum of a row goes on after its gradients
            self._update_all([p._data], [g.to_dense()], [state], group)
        else:
            g.add_to(p._data, group["lr"] if group["maximize"] else -group["lr"])
