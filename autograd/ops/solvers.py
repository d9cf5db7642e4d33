"""LU decompositions, solutions of tensor equations, and forms of the decompositions that report in place of raising."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
from numpy import ndarray

from .. import dtypes
from ..errors import DTypeError, NumberError, ShapeError
from ..forms import result_type
from ..op import function, op, real_only
from ..tensor import Tensor, wrap
from .compare import _data
from .decomposition import _floats, _solve, linalg_cholesky, linalg_inv, linalg_solve, linalg_solve_triangular
from .join import cat
from .linalg import matmul, mT, square
from .reduce import sum
from .shape import _permute, _reshape, clone, expand, tril, triu

lu_result = result_type("lu_result", "P L U", "linalg_lu")
lu_factor_result = result_type("lu_factor_result", "LU pivots", "linalg_lu_factor")
cholesky_ex_result = result_type("cholesky_ex_result", "L info", "linalg_cholesky_ex")
inv_ex_result = result_type("inv_ex_result", "inverse info", "linalg_inv_ex")
solve_ex_result = result_type("solve_ex_result", "result info", "linalg_solve_ex")


def _like(input: Any, array: Any) -> Any:
    return wrap(np.asarray(array)) if isinstance(input, Tensor) else np.asarray(array)


def _eliminated(x: ndarray) -> tuple[ndarray, ndarray]:
    """L and U in one array (..., M, N), and the row that each step exchanged with its own, counted from 0."""
    a = np.array(x, order="C")
    M, N = a.shape[-2:]
    K = min(M, N)
    rows = a.reshape(prod(a.shape[:-2]), M, N)
    pivots = np.zeros((len(rows), K), np.int64)
    each = np.arange(len(rows))
    for k in range(K):
        p = k + np.abs(rows[:, k:, k]).argmax(1) if M else each
        pivots[:, k] = p
        rows[each, k], rows[each, p] = rows[each, p], rows[each, k]
        top = rows[:, k, k]
        rows[:, k + 1 :, k] /= np.where(top == 0, 1, top)[:, None]
        rows[:, k + 1 :, k + 1 :] -= rows[:, k + 1 :, k, None] * rows[:, None, k, k + 1 :]
    return a, pivots.reshape(*a.shape[:-2], K)


def _order(pivots: ndarray, M: int) -> ndarray:
    """The permutation of M rows that the exchanges amount to."""
    order = np.broadcast_to(np.arange(M), (*pivots.shape[:-1], M)).copy()
    count = prod(pivots.shape[:-1])
    flat, steps = order.reshape(count, M), pivots.reshape(count, pivots.shape[-1])
    each = np.arange(len(flat))
    for k in range(steps.shape[1]):
        flat[each, k], flat[each, steps[:, k]] = flat[each, steps[:, k]], flat[each, k]
    return order


def _permutation(pivots: ndarray, M: int, dtype: np.dtype) -> ndarray:
    """P of A = P L U."""
    return np.swapaxes(np.eye(M, dtype=dtype)[_order(pivots, M)], -1, -2)


def _lu_pull(g: Any, y: Any) -> Any:
    """P L^-T (tril(L^T gL, -1) + triu(gU U^T)) U^-T, of the square part where the matrix has more rows or columns."""
    packed, pivots = y
    M, N = packed.shape[-2:]
    if not M * N:
        return g
    K = min(M, N)
    square_part = packed[..., :K, :K]
    unit = tril(square_part, -1) + np.eye(K, dtype=packed.dtype)
    upper = triu(square_part)
    lower_part, upper_part = matmul(mT(unit), tril(g[..., :K, :K], -1)), matmul(triu(g[..., :K, :K]), mT(upper))
    # the columns further right are L U2, the rows further down L2 U: what came to them goes to L and U too
    if N > M:
        lower_part = lower_part - matmul(g[..., :, K:], mT(packed[..., :, K:]))
    if M > N:
        upper_part = upper_part - matmul(mT(packed[..., K:, :]), g[..., K:, :])
    inner = tril(lower_part, -1) + triu(upper_part)
    whole = mT(_solve(upper, mT(_solve(mT(unit), inner))))
    if N > M:
        whole = cat([whole, _solve(mT(unit), g[..., :, K:])], -1)
    if M > N:
        whole = cat([whole, mT(_solve(upper, mT(g[..., K:, :])))], -2)
    return matmul(_permutation(_data(pivots), M, packed.dtype), whole)


# y[0] is read by the formula, so both outputs count as differentiable to the tape; the pivots are integers


@op(
    joint=lambda g, y, needs: [_lu_pull(g[0], y)],
    n_inputs=1,
    samples=lambda s: [(s.matrix(3),), (s.matrix(2, 2),), (s(2, 4),), (s(4, 2),)],
)
def _lu(input: Any) -> Any:
    """L below the diagonal and U above it in one matrix, and the exchanged rows."""
    _floats("linalg.lu", input)
    return _eliminated(input)


@function(samples=lambda s: [(s.matrix(3),), (s.matrix(2, 2),)], method=False)
def linalg_lu_factor(A: Any, *, pivot: bool = True) -> Any:
    """(LU, pivots): A (..., M, N) by Gaussian elimination with row exchanges, in the form that `linalg.lu_solve` takes.

    Raises ValueError, RuntimeError where U has a 0 on its diagonal; `linalg.lu_factor_ex` tells instead.

    >>> autograd.linalg.lu_factor(autograd.tensor([[1.0, 2.0], [2.0, 2.0]]))
    return_types.linalg_lu_factor(
    LU=tensor([[2.0000, 2.0000],
            [0.5000, 1.0000]]),
    pivots=tensor([2, 2], dtype=autograd.int32))
    """
    return lu_factor_result(*linalg_lu_factor_ex(A, pivot=pivot, check_errors=True)[:2])


def _pivoted(pivot: bool) -> None:
    if not pivot:
        raise NumberError("linalg.lu: pivot=False is not supported on the CPU; leave it out")


@function(samples=lambda s: [(s.matrix(3),), (s.matrix(2, 2),), (s(2, 4),)], method=False)
def linalg_lu(A: Any, *, pivot: bool = True) -> Any:
    """(P, L, U) with A = P @ L @ U: a permutation, a unit lower and an upper triangular matrix; A (..., M, N).

    >>> P, L, U = autograd.linalg.lu(autograd.tensor([[1.0, 2.0], [2.0, 2.0]]))
    >>> P @ L @ U
    tensor([[1., 2.],
            [2., 2.]])
    """
    _pivoted(pivot)
    packed, pivots = _lu(A)
    return _unpacked(A, packed, _data(pivots))


def _unpacked(like: Any, packed: Any, pivots: ndarray) -> Any:
    M, N = packed.shape[-2:]
    K = min(M, N)
    dtype = np.dtype(packed.dtype)
    below = tril(packed, -1)
    lower = below[..., :, :K] + _like(like, np.eye(M, K, dtype=dtype))
    return lu_result(_like(like, _permutation(pivots, M, dtype)), lower, triu(packed)[..., :K, :])


@function(samples=lambda s: [(s.matrix(3), np.array([2, 2, 3], np.int32))], method=False)
def lu_unpack(LU_data: Any, LU_pivots: Any, unpack_data: bool = True, unpack_pivots: bool = True) -> Any:
    """(P, L, U) of what `linalg.lu_factor` returned.

    >>> autograd.lu_unpack(*autograd.linalg.lu_factor(autograd.eye(2))).P
    tensor([[1., 0.],
            [0., 1.]])
    """
    return _unpacked(LU_data, LU_data, _data(LU_pivots).astype(np.int64) - 1)


@function(
    samples=lambda s: [
        (s.matrix(3), np.array([2, 2, 3], np.int32), s(3, 2)),
        (s.matrix(3), np.array([2, 2, 3], np.int32), s(2, 3), {"left": False}),
        (s.matrix(3), np.array([2, 2, 3], np.int32), s(3, 2), {"adjoint": True}),
    ],
    method=False,
)
def linalg_lu_solve(LU: Any, pivots: Any, B: Any, *, left: bool = True, adjoint: bool = False) -> Any:
    """X of A @ X = B (X @ A = B unless left; A's transpose if adjoint), A given as `linalg.lu_factor` returns it.

    >>> autograd.linalg.lu_solve(*autograd.linalg.lu_factor(2 * autograd.eye(2)), autograd.ones(2, 1))
    tensor([[0.5000],
            [0.5000]])
    """
    real_only("linalg.lu_solve", LU, B)
    P, L, U = lu_unpack(LU, pivots)
    if not left:
        return mT(linalg_lu_solve(LU, pivots, mT(B), adjoint=not adjoint))
    if adjoint:
        inner = linalg_solve_triangular(mT(U), B, upper=False)
        return matmul(P, linalg_solve_triangular(mT(L), inner, upper=True, unitriangular=True))
    inner = linalg_solve_triangular(L, matmul(mT(P), B), upper=False, unitriangular=True)
    return linalg_solve_triangular(U, inner, upper=True)


# ------------------------------------------------------------------------------------------- without raising


def _reported(name: str, call: Any, input: Any, check_errors: bool, *rest: Any, **named: Any) -> tuple[Any, Any]:
    """The result and 0, or where the decomposition fails a NaN result and 1, one for all matrices of a batch."""
    square(name, input)
    batch = tuple(input.shape[:-2])
    try:
        return call(input, *rest, **named), _like(input, np.zeros(batch, dtypes.int32))
    except NumberError:
        if check_errors:
            raise
        return (rest[0] if rest else input) * float("nan"), _like(input, np.ones(batch, dtypes.int32))


@function(samples=lambda s: [(s.spd(3),)], method=False)
def linalg_cholesky_ex(input: Any, *, upper: bool = False, check_errors: bool = False) -> Any:
    """(L, info): `linalg.cholesky`, and info not 0 (the result NaN) where it fails, unless check_errors.

    >>> autograd.linalg.cholesky_ex(-autograd.eye(2)).info
    tensor(1, dtype=autograd.int32)
    """
    return cholesky_ex_result(*_reported("linalg.cholesky_ex", linalg_cholesky, input, check_errors, upper=upper))


@function(samples=lambda s: [(s.matrix(3),)], method=False)
def linalg_inv_ex(A: Any, *, check_errors: bool = False) -> Any:
    """(inverse, info): `linalg.inv`, and info not 0 (the result NaN) where it fails, unless check_errors.

    >>> autograd.linalg.inv_ex(autograd.zeros(2, 2)).info
    tensor(1, dtype=autograd.int32)
    """
    return inv_ex_result(*_reported("linalg.inv_ex", linalg_inv, A, check_errors))


@function(samples=lambda s: [(s.matrix(3), s(3, 2))], method=False)
def linalg_solve_ex(A: Any, B: Any, *, left: bool = True, check_errors: bool = False) -> Any:
    """(result, info): `linalg.solve`, and info not 0 (the result NaN) where it fails, unless check_errors.

    >>> autograd.linalg.solve_ex(autograd.zeros(2, 2), autograd.ones(2, 1)).info
    tensor(1, dtype=autograd.int32)
    """
    return solve_ex_result(*_reported("linalg.solve_ex", linalg_solve, A, check_errors, B, left=left))


# ------------------------------------------------------------------------------------------- products and equations


@function(
    samples=lambda s: [(s(3, 4), s(3, 4)), (s(3, 4), s(4), {"dim": -1}), (s(3, 4), s(3, 1), {"dim": 0})], method=False
)
def linalg_vecdot(x: Any, y: Any, *, dim: int = -1) -> Any:
    """The dot products of vectors along `dim`, the first conjugated; the rest broadcasts.

    >>> autograd.linalg.vecdot(autograd.ones(2, 3), autograd.arange(3.0))
    tensor([3., 3.])
    """
    if x.dtype.kind not in "fc" or y.dtype.kind not in "fc":
        raise DTypeError(f"linalg.vecdot: expected floating-point tensors, got {x.dtype} and {y.dtype}")
    from .complexes import conj

    return sum(conj(x) * y, dim)


def _product_of(shape: Any) -> int:
    return int(prod(shape))


@function(
    samples=lambda s: [(s.matrix(4).reshape(2, 2, 4), {"ind": 2}), (s.matrix(4).reshape(4, 2, 2), {"ind": 1})],
    method=False,
)
def linalg_tensorinv(A: Any, ind: int = 2) -> Any:
    """The inverse of A as a map from its last dims to its first `ind`, whose elements are as many.

    >>> autograd.linalg.tensorinv(autograd.eye(4).reshape(4, 2, 2), ind=1).shape
    Size([2, 2, 4])
    """
    if not 0 < ind <= len(A.shape):
        raise NumberError(f"linalg.tensorinv: ind must be 1 to {len(A.shape)}, the dimensions of A; got {ind}")
    shape = tuple(A.shape)
    rows, columns = shape[:ind], shape[ind:]
    if _product_of(rows) != _product_of(columns):
        raise ShapeError(f"linalg.tensorinv: dims {rows} and {columns} must hold as many elements")
    return _reshape(linalg_inv(_reshape(A, (_product_of(rows), _product_of(columns)))), (*columns, *rows))


@function(
    samples=lambda s: [(s.matrix(4).reshape(2, 2, 4), s(2, 2)), (s.matrix(6).reshape(2, 3, 3, 2), s(2, 3))],
    method=False,
)
def linalg_tensorsolve(A: Any, B: Any, dims: Any = None) -> Any:
    """X of tensordot(A, X, X.ndim) = B, after A's `dims` are moved to its end.

    >>> autograd.linalg.tensorsolve(2 * autograd.eye(4).reshape(2, 2, 4), autograd.ones(2, 2))
    tensor([0.5000, 0.5000, 0.5000, 0.5000])
    """
    if dims is not None:
        last = [d % A.ndim for d in dims]
        A = _permute(A, (*(d for d in range(A.ndim) if d not in last), *last))
    rest = tuple(A.shape[B.ndim :])
    n = _product_of(B.shape)
    if _product_of(rest) != n:
        raise ShapeError(f"linalg.tensorsolve: A has shape {tuple(A.shape)}; its dims after B's must hold {n} elements")
    return _reshape(linalg_solve(_reshape(A, (n, n)), _reshape(B, (n,))), rest)


@function(samples=lambda s: [(np.linalg.cholesky(s.spd(3)),), (np.linalg.cholesky(s.spd(3)), True)])
def cholesky_inverse(L: Any, upper: bool = False) -> Any:
    """The inverse of the matrix whose Cholesky factor is L.

    >>> autograd.cholesky_inverse(2 * autograd.eye(2))
    tensor([[0.2500, 0.0000],
            [0.0000, 0.2500]])
    """
    square("cholesky_inverse", L)
    if L.dtype.kind != "f":
        raise DTypeError(f"cholesky_inverse: expected a floating-point tensor, got {L.dtype}")
    factor = triu(L) if upper else tril(L)
    return linalg_inv(matmul(mT(factor), factor) if upper else matmul(factor, mT(factor)))


# ------------------------------------------------------------------------------------------- torch's older names


lu_factor_ex_result = result_type("lu_factor_ex_result", "LU pivots info", "linalg_lu_factor_ex")
triangular_solve_result = result_type("triangular_solve_result", "solution cloned_coefficient")


@function(samples=lambda s: [(s.matrix(3),), (s.matrix(2, 2),), (s(2, 4),)], method=False)
def linalg_lu_factor_ex(A: Any, *, pivot: bool = True, check_errors: bool = False) -> Any:
    """(LU, pivots, info): `linalg.lu_factor`, and which number on U's diagonal, counted from 1, is the first 0, or 0.

    Raises ValueError where there is one and check_errors is set.

    >>> autograd.linalg.lu_factor_ex(autograd.ones(2, 2)).info
    tensor(2, dtype=autograd.int32)
    """
    _pivoted(pivot)
    packed, pivots = _lu(A)
    zero = np.diagonal(_data(packed), axis1=-2, axis2=-1) == 0
    info = np.where(zero.any(-1), zero.argmax(-1) + 1, 0) if zero.shape[-1] else np.zeros(zero.shape[:-1])
    if check_errors and info.any():
        raise NumberError(f"linalg.lu_factor: U has a 0 on its diagonal, at place {int(info.max())}: A is singular")
    whole = _like(A, (_data(pivots) + 1).astype(dtypes.int32))
    return lu_factor_ex_result(packed, whole, _like(A, info.astype(dtypes.int32)))


@function(samples=lambda s: [(s.matrix(3),), (s(2, 4),)])
def lu(A: Any, pivot: bool = True, get_infos: bool = False) -> Any:
    """`linalg.lu_factor`, the older name; get_infos: with the info of `linalg.lu_factor_ex`.

    >>> autograd.lu(autograd.eye(2))[1]
    tensor([1, 2], dtype=autograd.int32)
    """
    found = linalg_lu_factor_ex(A, pivot=pivot)
    return found if get_infos else tuple(found[:2])


@function(samples=lambda s: [(s(3, 2), s.matrix(3), np.array([2, 2, 3], np.int32))])
def lu_solve(b: Any, LU_data: Any, LU_pivots: Any) -> Any:
    """`linalg.lu_solve(LU_data, LU_pivots, b)`, the older name.

    >>> autograd.lu_solve(autograd.ones(2, 1), *autograd.lu(2 * autograd.eye(2)))
    tensor([[0.5000],
            [0.5000]])
    """
    real_only("lu_solve", b, LU_data)
    return linalg_lu_solve(LU_data, LU_pivots, b)


@function(samples=lambda s: [(s(3, 2), s.matrix(3)), (s(3, 2), s.matrix(3), False, True, True)])
def triangular_solve(b: Any, A: Any, upper: bool = True, transpose: bool = False, unitriangular: bool = False) -> Any:
    """(solution, A's copy): `linalg.solve_triangular` of A, or of its transpose, the older name.

    >>> autograd.triangular_solve(autograd.ones(2, 1), 2 * autograd.eye(2)).solution
    tensor([[0.5000],
            [0.5000]])
    """
    for name, x in (("b", b), ("A", A)):
        if len(x.shape) < 2:
            raise ShapeError(f"triangular_solve: {name} has shape {tuple(x.shape)}; expected matrices")
    factor = mT(A) if transpose else A
    solution = linalg_solve_triangular(factor, b, upper=upper != transpose, unitriangular=unitriangular)
    batch = tuple(np.broadcast_shapes(tuple(A.shape[:-2]), tuple(b.shape[:-2])))
    return triangular_solve_result(solution, clone(expand(A, (*batch, *A.shape[-2:]))))
