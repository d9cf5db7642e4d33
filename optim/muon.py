"""Muon: momentum whose step is made orthogonal."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from autograd import Tensor
from autograd.ops.linalg import matmul

from .optimizer import Optimizer, check_range


def orthogonalize(matrix: np.ndarray, coefficients: tuple[float, float, float], steps: int, eps: float) -> np.ndarray:
    """A matrix (R, C) with its singular vectors, and its singular values near 1: U V^T of U S V^T, roughly.

    steps of the Newton-Schulz iteration x = a x + (b A + c A^2) x with A = x x^T, from x = matrix / its norm.
    """
    a, b, c = coefficients
    wide = matrix.T if len(matrix) > matrix.shape[1] else matrix  # A is then the smaller of the two squares
    x = np.ascontiguousarray(wide / max(float(np.sqrt(np.sum(np.square(wide)))), eps), dtype=matrix.dtype)
    for _ in range(steps):
        A = matmul(x, x.T)
        x = a * x + matmul(b * A + c * matmul(A, A), x)
    return x.T if wide is not matrix else x


class Muon(Optimizer):
    """m = momentum m + (1 - momentum) g;  p = p (1 - lr weight_decay) - lr s orthogonal(m), for matrices only.

    nesterov: orthogonal((1 - momentum) g + momentum m). s is sqrt(max(1, R / C)) of a parameter (R, C), or
    0.2 sqrt(max(R, C)) with adjust_lr_fn "match_rms_adamw". ns_coefficients, ns_steps and eps belong to the iteration that
    makes a matrix orthogonal; it runs in the parameter's dtype, where torch rounds to bfloat16.
    Raises ValueError for a parameter that is not two-dimensional: give those to another optimizer.
    Source: Jordan, https://kellerjordan.github.io/posts/muon/; Liu et al., https://arxiv.org/abs/2502.16982.

    >>> w = nn.Parameter(autograd.ones(2, 3))
    >>> (w * w).sum().backward()
    >>> optim.Muon([w]).step()
    """

    _takes_complex = False

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        weight_decay: float = 0.1,
        momentum: float = 0.95,
        nesterov: bool = True,
        ns_coefficients: tuple[float, float, float] = (3.4445, -4.7750, 2.0315),
        eps: float = 1e-7,
        ns_steps: int = 5,
        adjust_lr_fn: str | None = None,
    ) -> None:
        check_range("Muon", weight_decay=weight_decay, momentum=momentum)
        if adjust_lr_fn not in (None, "original", "match_rms_adamw"):
            raise ValueError(f"Muon: adjust_lr_fn must be 'original', 'match_rms_adamw' or None, got {adjust_lr_fn!r}")
        if len(ns_coefficients) != 3:
            raise ValueError(f"Muon: ns_coefficients must be three numbers, got {ns_coefficients}")
        check_range("Muon", 0, 100, ns_steps=ns_steps)
        defaults = dict(
            lr=lr, weight_decay=weight_decay, momentum=momentum, nesterov=nesterov,
            ns_coefficients=tuple(ns_coefficients), eps=eps, ns_steps=ns_steps, adjust_lr_fn=adjust_lr_fn,
        )  # fmt: skip
        super().__init__(params, defaults)

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        super().add_param_group(param_group)
        for p in self.param_groups[-1]["params"]:
            if p.ndim != 2:
                self.param_groups.pop()
                raise ValueError(f"Muon: only matrices can be optimized, got a parameter of shape {tuple(p.shape)}")

    def _start(self, p: Tensor, group: dict[str, Any]) -> dict[str, Any]:
        return {"momentum_buffer": np.zeros_like(p._data)}

    def _update(self, p: np.ndarray, g: np.ndarray, state: dict[str, Any], group: dict[str, Any]) -> None:
        momentum, m = group["momentum"], state["momentum_buffer"]
        m += (1 - momentum) * (g - m)
        step = g + momentum * (m - g) if group["nesterov"] else m
        step = orthogonalize(step, group["ns_coefficients"], group["ns_steps"], group["eps"])
        R, C = p.shape
        matched = group["adjust_lr_fn"] == "match_rms_adamw"
        scale = 0.2 * math.sqrt(max(R, C)) if matched else math.sqrt(max(1, R / max(C, 1)))
        p *= 1 - group["lr"] * group["weight_decay"]
        p -= group["lr"] * scale * step
