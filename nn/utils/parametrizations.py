"""Weights kept normalised or orthogonal: weight norm, spectral norm, orthogonal."""

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


class _Orthogonal(Module):
    base: Tensor | None

    def __init__(self, weight: Tensor, orthogonal_map: str, use_trivialization: bool) -> None:
        super().__init__()
        self.shape, self.orthogonal_map, self.use_trivialization = weight.shape, orthogonal_map, use_trivialization
        if use_trivialization:
            self.register_buffer("base", None)

    def forward(self, X: Tensor) -> Tensor:
        wide = X.shape[-2] < X.shape[-1]
        X = X.mT if wide else X
        n, k = X.shape[-2:]
        if self.orthogonal_map == "householder":
            Q = _reflections(X.tril(-1)) * X.diagonal(dim1=-2, dim2=-1).detach().sign().unsqueeze(-2)
        else:
            X = X.tril()
            if n != k:
                X = autograd.cat([X, X.new_zeros(*X.shape[:-2], n, n - k)], -1)
            A = X - X.mT
            identity = autograd.eye(n, dtype=X.dtype)
            if self.orthogonal_map == "matrix_exp":
                Q = autograd.matrix_exp(A)
            else:
                Q = autograd.linalg.solve(identity - 0.5 * A, identity + 0.5 * A)
            Q = Q[..., :k]
        if self.use_trivialization and self.base is not None:
            Q = self.base @ Q
        return Q.mT if wide else Q

    def right_inverse(self, Q: Tensor) -> Tensor:
        if Q.shape != self.shape:
            raise ValueError(f"orthogonal: expected a matrix or batch of shape {self.shape}, got {Q.shape}")
        if not self.use_trivialization:
            raise NotImplementedError("orthogonal: a value can be assigned only with use_trivialization=True")
        wide = Q.shape[-2] < Q.shape[-1]
        start = Q.mT if wide else Q
        n, k = start.shape[-2:]
        if n != k:
            start = autograd.cat([start, autograd.randn(*start.shape[:-2], n, n - k, dtype=Q.dtype)], -1)
        q, r = autograd.linalg.qr(start)
        self.base = q * r.diagonal(dim1=-2, dim2=-1).sign().unsqueeze(-2)
        return autograd.zeros_like(Q) - autograd.eye(
            *Q.shape[-2:], dtype=Q.dtype
        )  # what the maps take for the identity


def _reflections(A: Tensor) -> Tensor:
    """The first columns of the product of reflections in the columns of A below its diagonal, a 1 on it."""
    n, k = A.shape[-2:]
    vectors = A + autograd.eye(n, k, dtype=A.dtype)
    scale = 2.0 / (vectors * vectors).sum(-2)
    Q = autograd.eye(n, k, dtype=A.dtype).expand(*A.shape[:-2], n, k)
    for i in reversed(range(k)):
        v = vectors[..., i : i + 1]
        Q = Q - scale[..., i, None, None] * v @ (v.mT @ Q)
    return Q


def orthogonal(
    module: M, name: str = "weight", orthogonal_map: str | None = None, *, use_trivialization: bool = True
) -> M:
    """Keep a weight (..., m, n) orthogonal: its columns, or rows where there are fewer, of length 1 at right angles.

    orthogonal_map: "matrix_exp" (the default of square ones), "cayley" or "householder" (of others). use_trivialization:
    the map is taken relative to the matrix that stands there first, `base`, and values may be assigned. Lezcano-Casado
    2019, arXiv:1909.09501. Raises ValueError for vectors and other maps.

    >>> layer = nn.utils.parametrizations.orthogonal(nn.Linear(3, 2))
    >>> autograd.allclose(layer.weight @ layer.weight.T, autograd.eye(2), atol=1e-6)
    True
    """
    weight = getattr(module, name, None)
    if not isinstance(weight, Tensor):
        raise ValueError(f"orthogonal: {type(module).__name__} has no parameter or buffer named {name!r}")
    if weight.ndim < 2:
        raise ValueError(f"orthogonal: expected a matrix or a batch of them, got a tensor of {weight.ndim} dimensions")
    square = weight.shape[-2] == weight.shape[-1]
    chosen = orthogonal_map or ("matrix_exp" if square else "householder")
    if chosen not in ("matrix_exp", "cayley", "householder"):
        raise ValueError(
            f"orthogonal: orthogonal_map must be matrix_exp, cayley or householder, got {orthogonal_map!r}"
        )
    if chosen == "householder" and not use_trivialization:
        raise ValueError("orthogonal: householder is here only with use_trivialization=True; take cayley or matrix_exp")
    return register_parametrization(module, name, _Orthogonal(weight, chosen, use_trivialization), unsafe=True)
