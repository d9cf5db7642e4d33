"""Weights kept normalised: weight norm and spectral norm."""

from __future__ import annotations

from typing import TypeVar

import autograd
from autograd import Tensor, no_grad
from autograd.errors import RangeError

from .. import functional as F
from .. import init
from ..module import Module
from .parametrize import register_parametrization

M = TypeVar("M", bound=Module)


class _WeightNorm(Module):
    def __init__(self, dim: int | None = 0) -> None:
        super().__init__()
        self.dim = -1 if dim is None else dim

    def _norm(self, weight: Tensor) -> Tensor:
        if self.dim == -1:
            return autograd.sqrt(autograd.sum(weight * weight))
        others = tuple(d for d in range(weight.ndim) if d != self.dim)
        return autograd.sqrt(autograd.sum(weight * weight, others, keepdim=True))

    def forward(self, weight_g: Tensor, weight_v: Tensor) -> Tensor:
        return weight_v * (weight_g / self._norm(weight_v))

    def right_inverse(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        return self._norm(weight), weight


def weight_norm(module: M, name: str = "weight", dim: int | None = 0) -> M:
    """Make a weight w = g v / |v|, length and direction learned apart.

    The norm is over all dimensions but `dim` (None: over all). g is `module.parametrizations.weight.original0`, v
    original1. Salimans & Kingma 2016, arXiv:1602.07868.
    """
    return register_parametrization(module, name, _WeightNorm(dim), unsafe=True)


class _SpectralNorm(Module):
    _u: Tensor
    _v: Tensor

    def __init__(self, weight: Tensor, n_power_iterations: int = 1, dim: int = 0, eps: float = 1e-12) -> None:
        super().__init__()
        if not -weight.ndim <= dim < weight.ndim:
            raise RangeError(
                f"spectral_norm: dim {dim} is out of range [{-weight.ndim}, {weight.ndim - 1}] of the weight"
            )
        if n_power_iterations <= 0:
            raise ValueError(f"spectral_norm: expected n_power_iterations to be positive, got {n_power_iterations}")
        self.dim, self.eps = dim % weight.ndim, eps
        if weight.ndim > 1:
            self.n_power_iterations = n_power_iterations
            matrix = self._matrix(weight)
            for name, length in zip(("_u", "_v"), matrix.shape, strict=True):
                start = init.normal_(autograd.empty(length, dtype=weight.dtype))
                self.register_buffer(name, F.normalize(start, dim=0, eps=eps))
            self._power_method(matrix, 15)

    def _matrix(self, weight: Tensor) -> Tensor:
        return autograd.flatten(autograd.movedim(weight, self.dim, 0), 1)

    def _power_method(self, matrix: Tensor, iterations: int) -> None:
        with no_grad():
            for _ in range(iterations):
                self._u = F.normalize(autograd.mv(matrix, self._v), dim=0, eps=self.eps)
                self._v = F.normalize(autograd.mv(autograd.t(matrix), self._u), dim=0, eps=self.eps)

    def forward(self, weight: Tensor) -> Tensor:
        if weight.ndim == 1:
            return F.normalize(weight, dim=0, eps=self.eps)
        matrix = self._matrix(weight)
        if self.training:
            self._power_method(matrix, self.n_power_iterations)
        return weight / autograd.dot(self._u, autograd.mv(matrix, self._v))

    def right_inverse(self, value: Tensor) -> Tensor:
        return value  # a weight of spectral norm 1 is its own original; another is scaled to it


def spectral_norm(
    module: M, name: str = "weight", n_power_iterations: int = 1, eps: float = 1e-12, dim: int | None = None
) -> M:
    """Divide a weight by its largest singular value, estimated by power iteration, a few steps each training forward.

    The weight is seen as a matrix of `dim` (0; 1 for transposed convolutions) against the rest. Miyato et al. 2018,
    arXiv:1802.05957.
    """
    weight = getattr(module, name, None)
    if not isinstance(weight, Tensor):
        raise ValueError(f"spectral_norm: {type(module).__name__} has no parameter or buffer named {name!r}")
    if dim is None:
        dim = 1 if type(module).__name__.startswith("ConvTranspose") else 0
    return register_parametrization(module, name, _SpectralNorm(weight.detach(), n_power_iterations, dim, eps))
