"""Singular values of large matrices by random projection. Source: Halko, Martinsson, Tropp, 2009, arXiv:0909.4061."""

from __future__ import annotations

from typing import Any

from .errors import DTypeError, NumberError
from .ops.decomposition import OldSvdResult, linalg_qr, linalg_svd
from .ops.linalg import matmul, mT
from .ops.reduce import mean
from .random import normal_array
from .tensor import Tensor, wrap


def svd_lowrank(A: Tensor, q: int | None = 6, niter: int | None = 2, M: Any = None) -> Any:
    """(U, S, V) with A - M close to U @ diag(S) @ V.T: the q largest singular values of (..., m, n), by random projection.

    niter: how often the projection is refined. Draws from the default stream. Raises TypeError for integers.

    >>> autograd.svd_lowrank(autograd.eye(8), q=3).S.shape
    Size([3])
    """
    q = 6 if q is None else q
    if not isinstance(A, Tensor) or not A.is_floating_point():
        raise DTypeError(f"svd_lowrank: expected a floating-point Tensor, got {getattr(A, 'dtype', type(A).__name__)}")
    m, n = A.shape[-2:]
    if not 0 <= q <= min(m, n):
        raise NumberError(f"svd_lowrank: q is {q}; expected 0 to {min(m, n)} for matrices of shape ({m}, {n})")
    x = A if M is None else A - M
    turned = m < n
    x = mT(x) if turned else x
    basis = linalg_qr(matmul(x, wrap(normal_array((x.shape[-1], q), x._data.dtype)))).Q
    for _ in range(2 if niter is None else niter):
        basis = linalg_qr(matmul(mT(x), basis)).Q
        basis = linalg_qr(matmul(x, basis)).Q
    u, s, vh = linalg_svd(matmul(mT(basis), x), False)
    u, v = matmul(basis, u), mT(vh)
    return OldSvdResult(v, s, u) if turned else OldSvdResult(u, s, v)


def pca_lowrank(A: Tensor, q: int | None = None, center: bool = True, niter: int = 2) -> Any:
    """`svd_lowrank` of the columns less their means, unless not center: the principal directions are the columns of V.

    q: how many, by default 6 or as many as there are.

    >>> autograd.pca_lowrank(autograd.randn(10, 4)).V.shape
    Size([4, 4])
    """
    if not isinstance(A, Tensor):
        raise DTypeError(f"pca_lowrank: expected a Tensor, got {type(A).__name__}")
    m, n = A.shape[-2:]
    q = min(6, m, n) if q is None else q
    if not 0 <= q <= min(m, n):
        raise NumberError(f"pca_lowrank: q is {q}; expected 0 to {min(m, n)} for matrices of shape ({m}, {n})")
    if niter < 0:
        raise NumberError(f"pca_lowrank: niter must not be negative, got {niter}")
    return svd_lowrank(A - mean(A, -2, True) if center else A, q, niter)
