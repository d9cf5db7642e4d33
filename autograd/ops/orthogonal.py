"""Orthogonal matrices as products of reflections, the form LAPACK keeps them in: `geqrf`, `ormqr`, `householder_product`.

A reflection H = I - tau v v^T has v in a column: 0 above the diagonal, 1 on it, what stands below it. Source: Golub and
Van Loan, "Matrix Computations", 5.1.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import DTypeError, ShapeError
from ..forms import result_type
from ..op import function, real_only
from .compare import _data
from .decomposition import _floats, _plain
from .index import narrow
from .linalg import matmul, mT
from .shape import tril, unsqueeze

geqrf_result = result_type("geqrf_result", "a tau")


@function(samples=lambda s: [(s.matrix(3),), (s(4, 2),), (s(2, 2, 3),)])
def geqrf(input: Any) -> Any:
    """(a, tau) of (..., M, N): R on and above the diagonal, below it the reflections whose product is Q; no derivative.

    >>> autograd.geqrf(autograd.eye(2)).tau
    tensor([0., 0.])
    """
    real_only("geqrf", input)
    _floats("geqrf", input)
    x = _data(input)
    if not x.size:
        return geqrf_result(
            _plain(input, x.copy()), _plain(input, np.zeros((*x.shape[:-2], min(x.shape[-2:])), x.dtype))
        )
    packed, tau = np.linalg.qr(x, "raw")
    packed = np.ascontiguousarray(np.swapaxes(packed, -1, -2)).astype(x.dtype, copy=False)
    return geqrf_result(_plain(input, packed), _plain(input, tau.astype(x.dtype, copy=False)))


def _check(name: str, input: Any, tau: Any) -> None:
    _floats(name, input)
    if tau.dtype != input.dtype:
        raise DTypeError(f"{name}: tau is {tau.dtype}, input {input.dtype}; expected one dtype, cast with to()")
    most = min(input.shape[-2:])
    if not tau.ndim or tuple(tau.shape[:-1]) != tuple(input.shape[:-2]) or tau.shape[-1] > most:
        raise ShapeError(
            f"{name}: tau has shape {tuple(tau.shape)}; expected {(*input.shape[:-2], most)}, the last at most"
        )


def _reflected(input: Any, tau: Any, x: Any, forward: bool) -> Any:
    """H_1 H_2 ... H_k x, or where not forward its transpose times x: H_k ... H_2 H_1 x."""
    M, N = input.shape[-2:]
    vectors = tril(input, -1) + np.eye(M, N, dtype=input.dtype)
    count = tau.shape[-1]
    for k in range(count - 1, -1, -1) if forward else range(count):
        v, factor = narrow(vectors, -1, k, 1), unsqueeze(narrow(tau, -1, k, 1), -1)
        x = x - matmul(v * factor, matmul(mT(v), x))
    return x


@function(samples=lambda s: [(s(3, 3), s(3)), (s(4, 2), s(2)), (s(2, 3, 2), s(2, 1))], method=False)
def linalg_householder_product(input: Any, tau: Any) -> Any:
    """The first N columns of the product of the reflections in (..., M, N), with the factors tau (..., K), K <= N <= M.

    >>> autograd.linalg.householder_product(*autograd.geqrf(autograd.eye(2)))
    tensor([[1., 0.],
            [0., 1.]])
    """
    real_only("linalg.householder_product", input, tau)
    _check("linalg.householder_product", input, tau)
    M, N = input.shape[-2:]
    if M < N:
        raise ShapeError(f"linalg.householder_product: input has shape {tuple(input.shape)}; expected M >= N")
    eye = np.broadcast_to(np.eye(M, N, dtype=input.dtype), tuple(input.shape))
    return _reflected(input, tau, _plain(input, eye.copy()), True)


@function(
    samples=lambda s: [(s(3, 2), s(2), s(3, 2)), (s(3, 3), s(3), s(2, 3), False), (s(3, 2), s(2), s(3, 4), True, True)]
)
def ormqr(input: Any, tau: Any, other: Any, left: bool = True, transpose: bool = False) -> Any:
    """Q @ other (other @ Q unless left; Q's transpose if transpose), Q the (M, M) product of the reflections in input.

    >>> autograd.ormqr(*autograd.geqrf(autograd.eye(2)), autograd.ones(2, 1))
    tensor([[1.],
            [1.]])
    """
    real_only("ormqr", input, tau, other)
    _check("ormqr", input, tau)
    _floats("ormqr", other)
    if other.dtype != input.dtype:
        raise DTypeError(f"ormqr: other is {other.dtype}, input {input.dtype}; expected one dtype, cast with to()")
    if other.shape[-2 if left else -1] != input.shape[-2]:
        raise ShapeError(
            f"ormqr: other has shape {tuple(other.shape)}; expected {input.shape[-2]} {'rows' if left else 'columns'}"
        )
    if left:
        return _reflected(input, tau, other, not transpose)
    return mT(_reflected(input, tau, mT(other), transpose))
