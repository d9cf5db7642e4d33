"""Inverses, determinants, decompositions and norms of matrices: what `autograd.linalg` exports.

The values come from LAPACK through numpy; the formulas are made of operations, so every order of derivative is there
where the decomposition is differentiable: distinct eigenvalues for eigenvectors, distinct singular values for singular
vectors, full rank for QR. Formulas: Giles, "An extended collection of matrix derivative results", 2008, and, for the
singular vectors, Townsend, "Differentiating the singular value decomposition", 2016.
"""

from __future__ import annotations

from functools import reduce
from math import inf
from typing import Any

import numpy as np
from numpy import ndarray

from ..errors import DTypeError, NumberError, ShapeError, TapeError
from ..forms import result_type
from ..op import function, op, real_only
from ..tensor import Tensor, wrap
from .arithmetic import mul
from .compare import where
from .dims import dims_of
from .elementwise import abs
from .join import cat, stack
from .linalg import matmul, mT, square
from .reduce import _vector_norm, amax, amin, sum
from .shape import diag_embed, movedim, tril, triu, unsqueeze


def _floats(name: str, *inputs: Any) -> None:
    """Check that the inputs are matrices of floating numbers, square where a decomposition asks for it."""
    for x in inputs:
        if x.ndim < 2:
            raise ShapeError(f"{name}: expected matrices (..., M, N), got shape {tuple(x.shape)}")
        if x.dtype.kind not in "fc":  # what has no complex form says so itself
            raise DTypeError(f"{name}: expected float32 or float64, got {x.dtype}; cast with to()")


def _finite(name: str, x: ndarray) -> None:
    """LAPACK's iterations may never end on NaN or infinity."""
    if not np.isfinite(x).all():
        raise NumberError(f"{name}: the input holds NaN or infinity; the algorithm would not converge")


def _matrix(g: Any) -> Any:
    """A value a matrix (...) as (..., 1, 1)."""
    return unsqueeze(unsqueeze(g, -1), -1)


# ------------------------------------------------------------------------------------------------ inverse and solutions


@op(
    lambda g, y: -matmul(matmul(mT(y), g), mT(y)),
    method=False,
    samples=lambda s: [(s.matrix(3),), (s.matrix(2, 2),), (s(0, 2, 2),)],
)
def linalg_inv(input: Any) -> Any:
    """The inverses of square matrices (..., M, M). Raises ShapeError, DTypeError, and ValueError where one is
    singular.

    >>> autograd.linalg.inv(2 * autograd.eye(2))
    tensor([[0.5000, 0.0000],
            [0.0000, 0.5000]])
    """
    _floats("linalg.inv", input)
    square("linalg.inv", input)
    try:
        y = np.linalg.inv(input)
        y[np.isnan(input).any((-2, -1))] = np.nan  # LAPACK leaves it in some places only
        return y
    except np.linalg.LinAlgError:
        raise NumberError("linalg.inv: a matrix is singular and has no inverse; linalg.pinv has one") from None


@function(samples=lambda s: [(s.matrix(3),)])
def inverse(input: Any) -> Any:
    """`linalg.inv`.

    >>> autograd.inverse(2 * autograd.eye(2))
    tensor([[0.5000, 0.0000],
            [0.0000, 0.5000]])
    """
    return linalg_inv(input)


def _solve_pull(g: Any, input: Any, y: Any, needs: list[bool]) -> Any:
    gb = _solve(mT(input), g)
    return [-matmul(gb, mT(y)) if needs[0] else None, gb]


@op(joint=_solve_pull, n_inputs=2, samples=lambda s: [(s.matrix(3), s(3, 2)), (s.matrix(2, 2, 1), s(3, 2, 1))])
def _solve(input: Any, other: Any) -> Any:
    """X of input @ X = other."""
    try:
        return np.linalg.solve(input, other)
    except np.linalg.LinAlgError:
        raise NumberError("linalg.solve: a matrix is singular; linalg.lstsq or linalg.pinv solve in the mean") from None


@function(
    method=False,
    samples=lambda s: [
        (s.matrix(3), s(3, 2)), (s.matrix(3), s(3)), (s.matrix(2, 3), s(3, 2)), (s.matrix(2, 3), s(3, 2, 4)),
        (s.matrix(3), s(2, 3), {"left": False}),
    ],
)  # fmt: skip
def linalg_solve(A: Any, B: Any, *, left: bool = True) -> Any:
    """X of A @ X = B (of X @ A = B unless left): A (..., M, M), B (..., M, K), or vectors (..., M) with A's batch.

    Raises ShapeError, DTypeError, and ValueError where A is singular.

    >>> autograd.linalg.solve(2 * autograd.eye(2), autograd.tensor([2.0, 4.0]))
    tensor([1., 2.])
    """
    _floats("linalg.solve", A)
    square("linalg.solve", A)
    if A.dtype != B.dtype:
        raise DTypeError(f"linalg.solve: A is {A.dtype} and B {B.dtype}; expected one dtype, cast with to()")
    vectors = B.ndim == 1 or (B.ndim == A.ndim - 1 and tuple(B.shape) == tuple(A.shape[:-1]))
    b = unsqueeze(B, -1) if vectors else B
    if b.ndim < 2 or b.shape[-2 if left or vectors else -1] != A.shape[-1]:
        raise ShapeError(
            f"linalg.solve: A has shape {tuple(A.shape)} and B {tuple(B.shape)}; expected (..., M, M) and (..., M, K)"
        )
    if vectors:
        return _solve(A if left else mT(A), b)[..., 0]
    return _solve(A, b) if left else mT(_solve(mT(A), mT(b)))


@function(
    method=False,
    samples=lambda s: [
        (s.matrix(3), s(3, 2), {"upper": True}),
        (s.matrix(3), s(2, 3), {"upper": False, "left": False, "unitriangular": True}),
    ],
)  # fmt: skip
def linalg_solve_triangular(A: Any, B: Any, *, upper: bool, left: bool = True, unitriangular: bool = False) -> Any:
    """`linalg.solve` with the upper or lower triangle of A, whose diagonal counts as ones where unitriangular.

    >>> autograd.linalg.solve_triangular(autograd.eye(2), autograd.ones(2, 1), upper=True)
    tensor([[1.],
            [1.]])
    """
    _floats("linalg.solve_triangular", A, B)
    A = triu(A, int(unitriangular)) if upper else tril(A, -int(unitriangular))
    if unitriangular:
        A = A + np.eye(A.shape[-1], dtype=A.dtype)
    return linalg_solve(A, B, left=left)


# ------------------------------------------------------------------------------------------------ determinants


def _cofactors(a: Any) -> Any:
    """The derivative of the determinant, from the singular value decomposition: it holds for singular matrices too."""
    u, s, vh = _svd(a, False)
    values = [s[..., k] for k in range(s.shape[-1])]
    rest = [reduce(mul, values[:k] + values[k + 1 :], values[k] * 0.0 + 1.0) for k in range(len(values))]
    sign = np.linalg.det(_plain_array(u)) * np.linalg.det(_plain_array(vh))
    return matmul(u * unsqueeze(stack(rest, -1) * sign[..., None], -2), vh)


def _plain_array(x: Any) -> ndarray:
    return x.numpy_view() if isinstance(x, Tensor) else x


def _det_pull(g: Any, input: Any, y: Any) -> Any:
    if (np.asarray(_plain_array(y)) == 0).any():
        return _matrix(g) * _cofactors(input)
    return _matrix(g * y) * mT(linalg_inv(input))


@op(_det_pull, method=False, samples=lambda s: [(s.matrix(3),), (s.matrix(2, 2),), (s(1, 1),)])
def linalg_det(input: Any) -> Any:
    """The determinants of square matrices (..., M, M); the gradient is right for singular ones too.

    >>> autograd.linalg.det(autograd.tensor([[4.0, 2.0], [2.0, 3.0]]))
    tensor(8.)
    """
    _floats("linalg.det", input)
    square("linalg.det", input)
    return np.linalg.det(input)


@function(samples=lambda s: [(s.matrix(3),)])
def det(input: Any) -> Any:
    """`linalg.det`.

    >>> autograd.det(autograd.tensor([[4.0, 2.0], [2.0, 3.0]]))
    tensor(8.)
    """
    return linalg_det(input)


def _slogdet_pull(g: Any, input: Any) -> Any:
    return [0.0 if g[1] is None else _matrix(g[1]) * mT(linalg_inv(input))]


@op(joint=_slogdet_pull, n_inputs=1, samples=lambda s: [(s.matrix(3),), (s.matrix(2, 2),)])
def _slogdet(input: Any) -> Any:
    """The sign of the determinant, and log |det|."""
    sign, value = np.linalg.slogdet(input)
    return np.where(np.isnan(value), 0, sign).astype(input.dtype), np.asarray(value, input.dtype)


SlogdetResult = result_type("SlogdetResult", ["sign", "logabsdet"], "linalg_slogdet")


@function(method=False, samples=lambda s: [(s.matrix(3),), (s.matrix(2, 2),)])
def linalg_slogdet(input: Any) -> Any:
    """The sign and the logarithm of the absolute value of the determinants of (..., M, M), as (sign, logabsdet).

    >>> autograd.linalg.slogdet(2 * autograd.eye(2)).logabsdet
    tensor(1.3863)
    """
    _floats("linalg.slogdet", input)
    square("linalg.slogdet", input)
    return SlogdetResult(*_slogdet(input))


@function(samples=lambda s: [(s.matrix(3),)])
def slogdet(input: Any) -> Any:
    """`linalg.slogdet`.

    >>> autograd.slogdet(2 * autograd.eye(2)).logabsdet
    tensor(1.3863)
    """
    return linalg_slogdet(input)


@function(samples=lambda s: [(s.spd(3),)])
def logdet(input: Any) -> Any:
    """The logarithm of the determinants of (..., M, M): NaN where negative, -inf where 0.

    >>> autograd.logdet(2 * autograd.eye(2))
    tensor(1.3863)
    """
    sign, value = linalg_slogdet(input)
    return where(sign < 0, float("nan"), value)


# ------------------------------------------------------------------------------------------------ Cholesky


def _symmetric(x: ndarray, upper: bool) -> ndarray:
    """x with one triangle mirrored; where x is symmetric but for rounding, the mean of the two, so that both count
    alike."""
    turned = np.swapaxes(x, -1, -2)
    if x.size and np.abs(x - turned).max() <= 1e-4 * np.abs(x).max():
        return (x + turned) * 0.5
    half, other = (np.triu(x), np.triu(x, 1)) if upper else (np.tril(x), np.tril(x, -1))
    return half + np.swapaxes(other, -1, -2)


def _cholesky_pull(g: Any, y: Any) -> Any:
    n = y.shape[-1]
    half = np.tril(np.ones((n, n), y.dtype)) - 0.5 * np.eye(n, dtype=y.dtype)
    inner = matmul(mT(y), g) * half.astype(y.dtype)
    left = _solve(mT(y), inner)
    whole = mT(_solve(mT(y), mT(left)))
    return (whole + mT(whole)) * 0.5


@op(_cholesky_pull, samples=lambda s: [(s.spd(3), False), (s.spd(2, 2), True)])
def _cholesky(input: Any, upper: bool) -> Any:
    """The lower factor of symmetric positive definite matrices, of which one triangle is read."""
    try:
        return np.linalg.cholesky(_symmetric(input, upper))
    except np.linalg.LinAlgError:
        raise NumberError(
            "linalg.cholesky: a matrix is not positive definite; add a multiple of the identity"
        ) from None


@function(method=False, samples=lambda s: [(s.spd(3),), (s.spd(2, 2), {"upper": True})])
def linalg_cholesky(input: Any, *, upper: bool = False) -> Any:
    """L of input = L @ L.T, lower triangular (its transpose where upper), of symmetric positive definite (..., M, M).

    Only one triangle counts where the two differ by more than rounding. Raises ShapeError, DTypeError, and ValueError
    for a matrix that is not positive definite.

    >>> autograd.linalg.cholesky(autograd.tensor([[4.0, 2.0], [2.0, 3.0]]))
    tensor([[2.0000, 0.0000],
            [1.0000, 1.4142]])
    """
    _floats("linalg.cholesky", input)
    square("linalg.cholesky", input)
    y = _cholesky(input, upper)
    return mT(y) if upper else y


@function(samples=lambda s: [(s.spd(3),), (s.spd(2, 2), True)])
def cholesky(input: Any, upper: bool = False) -> Any:
    """`linalg.cholesky`.

    >>> autograd.cholesky(autograd.tensor([[4.0, 2.0], [2.0, 3.0]]))
    tensor([[2.0000, 0.0000],
            [1.0000, 1.4142]])
    """
    return linalg_cholesky(input, upper=upper)


@function(samples=lambda s: [(s(3, 2), s.matrix(3)), (s(3, 2), s.matrix(3), True)])
def cholesky_solve(B: Any, L: Any, upper: bool = False) -> Any:
    """X of (L @ L.T) @ X = B, or of (L.T @ L) @ X = B where upper; the other triangle of L is not read.

    >>> autograd.cholesky_solve(autograd.ones(2, 1), autograd.cholesky(autograd.tensor([[4.0, 2.0], [2.0, 3.0]])))
    tensor([[0.1250],
            [0.2500]])
    """
    real_only("cholesky_solve", B, L)
    if upper:
        return linalg_solve_triangular(L, linalg_solve_triangular(mT(L), B, upper=False), upper=True)
    return linalg_solve_triangular(mT(L), linalg_solve_triangular(L, B, upper=False), upper=True)


# ------------------------------------------------------------------------------------------------ eigenvalues


def _gaps(s: Any) -> Any:
    """1 / (s[j] - s[i]) at (i, j), 0 on the diagonal."""
    n = s.shape[-1]
    eye = np.eye(n, dtype=s.dtype)
    return (1.0 - eye) / (unsqueeze(s, -2) - unsqueeze(s, -1) + eye)


def _eigh_pull(g: Any, y: Any) -> Any:
    values, vectors = y
    inner = 0.0
    if g[1] is not None:
        inner = matmul(mT(vectors), g[1]) * _gaps(values)
    if g[0] is not None:
        inner = inner + diag_embed(g[0])
    whole = matmul(matmul(vectors, inner), mT(vectors))
    return [(whole + mT(whole)) * 0.5]


@op(joint=_eigh_pull, n_inputs=1, samples=lambda s: [(s.spd(3), False), (s.spd(2, 2), True)])
def _eigh(input: Any, upper: bool) -> Any:
    """Eigenvalues, ascending, and eigenvectors of symmetric matrices, of which one triangle is read."""
    _finite("linalg.eigh", input)
    values, vectors = np.linalg.eigh(_symmetric(input, upper))
    return values, vectors


EighResult = result_type("EighResult", ["eigenvalues", "eigenvectors"], "linalg_eigh")


def _triangle(name: str, UPLO: str) -> bool:
    if UPLO not in ("L", "U", "l", "u"):
        raise NumberError(f"{name}: UPLO is {UPLO!r}; expected 'L' or 'U'")
    return UPLO in "Uu"


@function(method=False, samples=lambda s: [(s.spd(3),), (s.spd(2, 2), "U")])
def linalg_eigh(input: Any, UPLO: str = "L") -> Any:
    """Eigenvalues (..., M), ascending, and eigenvectors (..., M, M), as columns, of symmetric matrices.

    UPLO: the triangle that counts where the two differ by more than rounding. The eigenvectors' gradient needs distinct
    eigenvalues. Raises ShapeError, DTypeError.

    >>> autograd.linalg.eigh(autograd.tensor([[2.0, 0.0], [0.0, 3.0]])).eigenvalues
    tensor([2., 3.])
    """
    _floats("linalg.eigh", input)
    square("linalg.eigh", input)
    return EighResult(*_eigh(input, _triangle("linalg.eigh", UPLO)))


@function(method=False, samples=lambda s: [(s.spd(3),), (s.spd(2, 2), "U")])
def linalg_eigvalsh(input: Any, UPLO: str = "L") -> Any:
    """The eigenvalues of `linalg.eigh`.

    >>> autograd.linalg.eigvalsh(autograd.tensor([[2.0, 0.0], [0.0, 3.0]]))
    tensor([2., 3.])
    """
    return linalg_eigh(input, UPLO)[0]


# ------------------------------------------------------------------------------------------------ singular values


def _svd_pull(g: Any, y: Any) -> Any:
    """Townsend (2016), equation 14 and below, with V's rows as LAPACK gives them."""
    gu, gs, gv = g
    u, s, vh = y
    k = s.shape[-1]
    u, vh = u[..., :k], vh[..., :k, :]
    inner = 0.0 if gs is None else diag_embed(gs)
    outside = 0.0
    if gu is not None or gv is not None:
        gaps = _gaps(s * s)
    if gu is not None:
        gu = gu[..., :k]
        turn = matmul(mT(u), gu)
        inner = inner + (turn - mT(turn)) * gaps * unsqueeze(s, -2)
        if u.shape[-2] > k:
            outside = outside + matmul((gu - matmul(u, turn)) / unsqueeze(s, -2), vh)
    if gv is not None:
        gv = gv[..., :k, :]
        turn = matmul(vh, mT(gv))
        inner = inner + (turn - mT(turn)) * gaps * unsqueeze(s, -1)
        if vh.shape[-1] > k:
            outside = outside + matmul(u, (gv - matmul(mT(turn), vh)) / unsqueeze(s, -1))
    return [matmul(matmul(u, inner), vh) + outside]


@op(joint=_svd_pull, n_inputs=1, samples=lambda s: [(s(3, 3), False), (s(4, 2), False), (s(2, 2, 3), False)])
def _svd(input: Any, full_matrices: bool) -> Any:
    """U, S, V transposed."""
    _finite("linalg.svd", input)
    return tuple(np.linalg.svd(input, full_matrices))


SvdResult = result_type("SvdResult", ["U", "S", "Vh"], "linalg_svd")
OldSvdResult = result_type("OldSvdResult", ["U", "S", "V"], "svd")


@function(method=False, samples=lambda s: [(s(3, 3),), (s(4, 2), False), (s(2, 2, 3), False)])
def linalg_svd(A: Any, full_matrices: bool = True) -> Any:
    """U, S, Vh of A = U @ diag(S) @ Vh for (..., M, N), S descending; full_matrices: U and Vh are square.

    The gradient of U and Vh needs distinct singular values and reaches their first min(M, N) vectors. Raises
    ShapeError, DTypeError.

    >>> autograd.linalg.svd(autograd.tensor([[2.0, 0.0], [0.0, 3.0]])).S
    tensor([3., 2.])
    """
    _floats("linalg.svd", A)
    return SvdResult(*_svd(A, full_matrices))


@function(method=False, samples=lambda s: [(s(3, 3),), (s(4, 2),), (s(2, 2, 3),)])
def linalg_svdvals(A: Any) -> Any:
    """The singular values of `linalg.svd`.

    >>> autograd.linalg.svdvals(autograd.tensor([[2.0, 0.0], [0.0, 3.0]]))
    tensor([3., 2.])
    """
    _floats("linalg.svdvals", A)
    return _svd(A, False)[1]


@function(samples=lambda s: [(s(4, 2),), (s(2, 3),)])
def svd(input: Any, some: bool = True, compute_uv: bool = True) -> Any:
    """U, S, V of input = U @ diag(S) @ V.T; some: without the vectors of the null space.

    >>> autograd.svd(autograd.tensor([[2.0, 0.0], [0.0, 3.0]])).S
    tensor([3., 2.])
    """
    _floats("svd", input)
    u, s, vh = _svd(input, not some)
    if not compute_uv:
        u, vh = u * 0.0, vh * 0.0
    return OldSvdResult(u, s, mT(vh))


def _pinv_pull(g: Any, input: Any, y: Any) -> Any:
    """Golub and Pereyra (1973): of constant rank."""
    gt, yt = mT(g), mT(y)
    left = matmul(gt, matmul(y, yt))  # g.T Y Y.T, to be projected off the columns of input
    right = matmul(matmul(yt, y), gt)
    return (
        -matmul(matmul(yt, g), yt)
        + left - matmul(input, matmul(y, left))
        + right - matmul(matmul(right, y), input)
    )  # fmt: skip


@op(lambda g: (g + mT(g)) * 0.5, samples=lambda s: [(s.spd(3),), (s.spd(2, 2),)])
def _mirrored(input: Any) -> Any:
    """The symmetric matrices whose lower triangles those of input are; gradients are symmetric too."""
    return _symmetric(input, False)


@op(_pinv_pull, samples=lambda s: [(s(3, 2), 1e-14), (s(2, 2, 3), 1e-14)])
def _pinv(input: Any, rtol: Any) -> Any:
    """The pseudo-inverse."""
    _finite("linalg.pinv", input)
    return np.linalg.pinv(input, rtol)


@function(method=False, samples=lambda s: [(s(3, 2),), (s(2, 2, 3),), (s.matrix(3),)])
def linalg_pinv(A: Any, *, atol: Any = None, rtol: Any = None, hermitian: bool = False) -> Any:
    """The pseudo-inverses (..., N, M) of (..., M, N); singular values up to max(atol, rtol times the largest) count as
    0.

    rtol is max(M, N) times the dtype's precision unless a tolerance is given; tolerances may be tensors of the batch's
    shape. hermitian: A is symmetric and only its lower triangle is read. Raises ShapeError, DTypeError.

    >>> autograd.linalg.pinv(2 * autograd.eye(2))
    tensor([[0.5000, 0.0000],
            [0.0000, 0.5000]])
    """
    _floats("linalg.pinv", A)
    if not A.shape[-1] or not A.shape[-2]:
        return mT(A) * 1.0
    if hermitian:
        square("linalg.pinv", A)
        A = _mirrored(A)
    if atol is None and not isinstance(rtol, Tensor):
        return _pinv(A, max(A.shape[-2:]) * float(np.finfo(A.dtype).eps) if rtol is None else float(rtol))
    array = _plain_array(A)
    _finite("linalg.pinv", array)
    top = np.asarray(np.linalg.norm(array, 2, (-2, -1)))
    return _pinv(A, _least(atol, rtol, array.shape, array.dtype, top) / np.where(top == 0, 1, top))


@function(samples=lambda s: [(s(3, 2),)])
def pinverse(input: Any, rcond: float = 1e-15) -> Any:
    """`linalg.pinv` with rtol = rcond.

    >>> autograd.pinverse(2 * autograd.eye(2))
    tensor([[0.5000, 0.0000],
            [0.0000, 0.5000]])
    """
    return linalg_pinv(input, rtol=rcond)


LstsqResult = result_type("LstsqResult", ["solution", "residuals", "rank", "singular_values"], "linalg_lstsq")


@function(method=False, samples=lambda s: [(s(4, 2), s(4, 3)), (s(2, 3), s(2, 1)), (s(2, 4, 2), s(2, 4))])
def linalg_lstsq(A: Any, B: Any, rcond: float | None = None, *, driver: str | None = None) -> Any:
    """X that minimises |A @ X - B|, of least norm: A (..., M, N), B (..., M, K) or (..., M); and A's rank.

    driver: what else is told, as LAPACK's routine of that name does: "gelsy" (the default) the rank, "gelsd" and "gelss"
    the singular values too, "gels" neither; all but "gelsy" the squared residuals where M > N. The others are empty.
    Raises ShapeError, DTypeError.

    >>> autograd.linalg.lstsq(autograd.ones(3, 1), autograd.tensor([[1.0], [2.0], [3.0]])).solution
    tensor([[2.0000]])
    """
    if A.ndim > 1 and tuple(B.shape) == tuple(A.shape[:-1]):  # one right side of each matrix
        found = linalg_lstsq(A, unsqueeze(B, -1), rcond, driver=driver)
        return LstsqResult(found.solution[..., 0], *found[1:])
    _floats("linalg.lstsq", A, B)
    if driver not in (None, "gelsy", "gels", "gelsd", "gelss"):
        raise NumberError(f"linalg.lstsq: driver is {driver!r}; expected 'gelsy', 'gels', 'gelsd' or 'gelss'")
    if A.shape[-2] != B.shape[-2]:
        raise ShapeError(f"linalg.lstsq: A has shape {tuple(A.shape)} and B {tuple(B.shape)}; expected as many rows")
    M, N = A.shape[-2:]
    empty = _plain(A, np.zeros(0, A.dtype))
    solution = matmul(linalg_pinv(A, rtol=rcond), B)
    rank = linalg_matrix_rank(A, rtol=rcond)
    residuals, singular = empty, empty
    if M > N and driver in ("gels", "gelsd", "gelss") and (driver == "gels" or (_plain_array(rank) == N).all()):
        rest = matmul(A, solution) - B
        residuals = sum(rest * rest, -2)
    if driver in ("gelsd", "gelss"):
        singular = _plain(A, np.linalg.svd(_plain_array(A), compute_uv=False))
    return LstsqResult(solution, residuals, _plain(A, np.zeros(0, np.int64)) if driver == "gels" else rank, singular)


def _plain(like: Any, array: ndarray) -> Any:
    return wrap(array) if isinstance(like, Tensor) else array


@function(
    method=False,
    samples=lambda s: [
        (s(3, 2),),
        (s(2, 2, 3),),
        (s(3, 3), 0.5),
        (s(2, 3, 3), {"atol": 0.5, "rtol": 0.1, "hermitian": True}),
    ],
)
def linalg_matrix_rank(A: Any, tol: Any = None, hermitian: bool = False, *, atol: Any = None, rtol: Any = None) -> Any:
    """How many singular values of (..., M, N) exceed max(atol, rtol times the largest), or tol.

    rtol is max(M, N) times the dtype's precision unless a tolerance is given; tolerances may be tensors of the batch's
    shape. hermitian: A is symmetric and only its lower triangle is read.

    >>> autograd.linalg.matrix_rank(autograd.ones(2, 2))
    tensor(1)
    """
    _floats("linalg.matrix_rank", A)
    array = _plain_array(A)
    _finite("linalg.matrix_rank", array)
    if tol is not None:
        atol, rtol = tol, 0.0
    if not array.shape[-1] or not array.shape[-2]:
        return _plain(A, np.zeros(array.shape[:-2], np.int64))
    if hermitian:
        square("linalg.matrix_rank", A)
        array = _symmetric(array, False)
    values = np.linalg.svd(array, compute_uv=False)
    limit = np.broadcast_to(_least(atol, rtol, array.shape, array.dtype, values[..., 0]), values.shape[:-1])
    return _plain(A, np.asarray((values > limit[..., None]).sum(-1), np.int64))


def _least(atol: Any, rtol: Any, shape: tuple[int, ...], dtype: np.dtype, top: ndarray) -> Any:
    """The singular value from where on one counts: max(atol, rtol times the largest)."""
    if rtol is None:
        rtol = (
            0.0 if atol is not None and np.all(_plain_array(atol) > 0) else max(shape[-2:]) * float(np.finfo(dtype).eps)
        )
    rtol = _plain_array(rtol)
    return rtol * top if atol is None else np.maximum(_plain_array(atol), rtol * top)


# ------------------------------------------------------------------------------------------------ QR


def _qr_pull(g: Any, y: Any) -> Any:
    """Q (syminv(triu(gR R.T - Q.T gQ)) ...) R^-T: Walter and Lehmann, "Algorithmic differentiation of linear algebra",
    2012."""
    gq, gr = g
    q, r = y
    if q.shape[-1] != r.shape[-1] or q.shape[-1] > q.shape[-2]:
        raise TapeError(
            "linalg.qr: mode 'complete' of a matrix with more rows than columns has no gradient; use 'reduced'"
        )
    inner = 0.0
    if gr is not None:
        inner = matmul(gr, mT(r))
    if gq is not None:
        inner = inner - matmul(mT(q), gq)
    upper = triu(inner)
    n = r.shape[-1]
    both = upper + mT(upper) - upper * np.eye(n, dtype=r.dtype)
    whole = matmul(q, both)
    if gq is not None:
        whole = whole + gq
    return [mT(_solve(r, mT(whole)))]


@op(
    joint=_qr_pull,
    n_inputs=1,
    samples=lambda s: [(s.matrix(3), "reduced"), (s(4, 2), "reduced"), (s(2, 3, 2), "reduced")],
)
def _qr(input: Any, mode: str) -> Any:
    """Q and R."""
    return tuple(np.linalg.qr(input, mode))  # type: ignore[call-overload]


QrResult = result_type("QrResult", ["Q", "R"], "linalg_qr")


@function(method=False, samples=lambda s: [(s.matrix(3),), (s(4, 2),), (s(2, 4),), (s(4, 2), "r")])
def linalg_qr(A: Any, mode: str = "reduced") -> Any:
    """Q, with orthonormal columns, and R, upper triangular, of A = Q @ R for (..., M, N).

    mode: 'reduced' (K = min(M, N) columns), 'complete' (M columns; no gradient where M > N), 'r' (Q is empty). The
    gradient needs the first K columns of A independent. Raises ShapeError, DTypeError, ValueError for the mode.

    >>> autograd.linalg.qr(autograd.eye(2)).Q.abs()
    tensor([[1., 0.],
            [0., 1.]])
    """
    _floats("linalg.qr", A)
    if mode not in ("reduced", "complete", "r"):
        raise NumberError(f"linalg.qr: mode is {mode!r}; expected 'reduced', 'complete' or 'r'")
    M, N = A.shape[-2:]
    if M < N:  # A = (X Y), X = Q U and R = (U Q.T Y)
        q, u = _qr(A[..., :M], "reduced")
        r = cat([u, matmul(mT(q), A[..., M:])], -1)
    else:
        q, r = _qr(A, "complete" if mode == "complete" else "reduced")
    return QrResult(_plain(A, np.zeros(0, A.dtype)) if mode == "r" else q, r)


@function(samples=lambda s: [(s(4, 2),)])
def qr(input: Any, some: bool = True) -> Any:
    """`linalg.qr`; some: the reduced form.

    >>> autograd.qr(autograd.eye(2)).R.abs()
    tensor([[1., 0.],
            [0., 1.]])
    """
    return linalg_qr(input, "reduced" if some else "complete")


# ------------------------------------------------------------------------------------------------ norms


@function(
    method=False,
    samples=lambda s: [
        (s(3, 4),),
        (s(3, 4), 1),
        (s(3, 4), 3.0, 1),
        (s(3, 4), inf, -1, True),
        (s(2, 3, 4), 2, (0, 2)),
        (s(3), -inf),
    ],
)
def linalg_vector_norm(x: Any, ord: float = 2, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Any:
    """(sum |x|^ord)^(1/ord) over `dim` (all by default); inf, -inf and 0 as in numpy. The gradient at 0 is 0.

    >>> autograd.linalg.vector_norm(autograd.tensor([3.0, 4.0]))
    tensor(5.)
    """
    return _vector_norm(_cast(x, dtype), ord, dim, keepdim)


def _cast(x: Any, dtype: Any) -> Any:
    return x if dtype is None else x.to(dtype)


def _top(x: Any, dim: int, ord: float, keepdim: bool = False) -> Any:
    """The largest element, of nothing 0, or for a negative order the smallest."""
    return amin(x, dim, keepdim) if ord < 0 else amax(x, dim, keepdim) if x.shape[dim] else sum(x, dim, keepdim)


@function(
    name="linalg_matrix_norm",
    method=False,
    samples=lambda s: [
        *((s(3, 4), p) for p in ("fro", "nuc", 1, -1, 2, -2, inf, -inf)), (s(2, 3, 4), "fro", (0, 2)),
        (s(2, 3, 4), 1, (2, 0), True),
        (s(2, 3, 4), 2, (-2, -1), True),
    ],
)  # fmt: skip
def matrix_norm(A: Any, ord: Any = "fro", dim: Any = (-2, -1), keepdim: bool = False, *, dtype: Any = None) -> Any:
    """The norm of matrices: 'fro', 'nuc' (sum of singular values), 2 and -2 (largest, smallest), 1 and inf (columns,
    rows).

    Raises ShapeError, ValueError for another ord.

    >>> autograd.linalg.matrix_norm(autograd.ones(2, 2))
    tensor(2.)
    """
    A = _cast(A, dtype)
    _floats("linalg.matrix_norm", A)
    dims = dims_of("linalg.matrix_norm", dim, A.ndim)
    if len(dims) != 2:
        raise ShapeError(f"linalg.matrix_norm: dim is {dim}; expected two dimensions")
    if ord == "fro":
        return _vector_norm(A, 2, dims, keepdim)
    if ord in ("nuc", 2, -2):
        s = _svd(movedim(A, dims, (-2, -1)), False)[1]
        y = sum(s, -1) if ord == "nuc" else _top(s, -1, ord)
    elif ord in (1, -1, inf, -inf):
        add, other = dims if ord in (1, -1) else dims[::-1]
        y = sum(abs(A), add, True)
        y = _top(y, other, ord, True)
        return y if keepdim else movedim(y, dims, (0, 1))[0, 0]
    else:
        raise NumberError(f"linalg.matrix_norm: ord is {ord!r}; expected 'fro', 'nuc', 1, -1, 2, -2, inf or -inf")
    if keepdim:
        for d in sorted(dims):
            y = unsqueeze(y, d)
    return y


@function(
    method=False,
    samples=lambda s: [
        (s(3, 4),),
        (s(3, 4), "nuc"),
        (s(3, 4), 1),
        (s(5), 3),
        (s(3, 4), 2, 1),
        (s(2, 3, 4), inf, (1, 2), True),
    ],
)
def linalg_norm(A: Any, ord: Any = None, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Any:
    """`linalg.vector_norm` for vectors and one dim, `linalg.matrix_norm` for matrices and two; of anything without ord,
    2.

    >>> autograd.linalg.norm(autograd.tensor([3.0, 4.0]))
    tensor(5.)
    """
    if dim is None and ord is None:
        return linalg_vector_norm(A, 2, None, keepdim, dtype=dtype)
    if isinstance(dim, (tuple, list)) and len(dim) not in (1, 2):
        raise ShapeError(
            f"linalg.norm: dim must be one dimension or two, got {tuple(dim)}; vector_norm takes any number"
        )
    if dim is None and A.ndim not in (1, 2):
        raise ShapeError(
            f"linalg.norm: A has shape {tuple(A.shape)}; with ord and without dim expected a vector or a matrix"
        )
    two = A.ndim == 2 if dim is None else isinstance(dim, (tuple, list)) and len(dim) == 2
    if two and ord is not None:
        return matrix_norm(A, ord, (-2, -1) if dim is None else dim, keepdim, dtype=dtype)
    return linalg_vector_norm(A, 2 if ord is None else ord, dim, keepdim, dtype=dtype)


@function(method=False, samples=lambda s: [(s.matrix(3),), (s.matrix(3), "fro"), (s(3, 2), 2), (s.matrix(3), 1)])
def linalg_cond(A: Any, p: Any = None) -> Any:
    """The condition number: largest over smallest singular value, or the norm p of A times that of its inverse.

    >>> autograd.linalg.cond(autograd.tensor([[2.0, 0.0], [0.0, 1.0]]))
    tensor(2.)
    """
    _floats("linalg.cond", A)
    if 0 in A.shape[-2:] and not isinstance(p, str):
        return sum(A, (-2, -1))
    if p in (None, 2, -2):
        s = _svd(A, False)[1]
        return s[..., -1] / s[..., 0] if p == -2 else s[..., 0] / s[..., -1]
    return matrix_norm(A, p) * matrix_norm(linalg_inv(A), p)


# ------------------------------------------------------------------------------------------------ exponential


@function(samples=lambda s: [(s(3, 3),), (s(2, 2, 2),)])
def matrix_exp(input: Any) -> Any:
    """The matrix exponential of (..., M, M), by scaling, Taylor's series and squaring.

    >>> autograd.matrix_exp(autograd.zeros(2, 2))
    tensor([[1., 0.],
            [0., 1.]])
    """
    _floats("matrix_exp", input)
    square("matrix_exp", input)
    array = _plain_array(input)
    _finite("matrix_exp", array)
    size = float(np.abs(array).sum(-1).max()) if array.size else 0.0
    halvings = max(0, int(np.ceil(np.log2(size)))) if size > 1 else 0  # each squaring doubles the error
    x = input * 0.5**halvings
    y = x * 0.0 + np.eye(input.shape[-1], dtype=input.dtype)
    for k in range(18 if input.dtype == np.float64 else 11, 0, -1):  # with |x| <= 1 they reach 1e-17, 2e-9
        y = matmul(x, y) * (1.0 / k) + np.eye(input.shape[-1], dtype=input.dtype)
    for _ in range(halvings):
        y = matmul(y, y)
    return y
