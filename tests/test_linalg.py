"""Products, decompositions and solutions against what defines them, and numpy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import autograd
from autograd import linalg
from autograd.check import gradcheck

SIZES = st.integers(1, 5)
BATCHES = hnp.array_shapes(min_dims=0, max_dims=2, max_side=3)


def draw(seed, *shape):
    return np.random.default_rng(seed).normal(size=shape)


def tensor(a):
    return autograd.tensor(a, dtype=autograd.float64)


def same(a, b, tolerance=1e-9):
    np.testing.assert_allclose(a.detach().numpy(), b, rtol=tolerance, atol=tolerance)


@given(batch=BATCHES, m=SIZES, n=SIZES, k=SIZES)
def test_products(batch, m, n, k):
    a, b = draw(0, *batch, m, n), draw(1, *batch, n, k)
    same(tensor(a) @ tensor(b), a @ b)
    same(autograd.einsum("...ij,...jk->...ik", tensor(a), tensor(b)), a @ b)
    same(autograd.kron(tensor(a.reshape(-1, n)), tensor(b.reshape(-1, k))), np.kron(a.reshape(-1, n), b.reshape(-1, k)))
    same(linalg.vecdot(tensor(a), tensor(a)), (a * a).sum(-1))
    same(
        autograd.cdist(tensor(a), tensor(a[..., :1, :])),
        np.linalg.norm(a[..., :, None, :] - a[..., None, :1, :], axis=-1),
    )


@given(batch=BATCHES, n=SIZES)
def test_inverse_solution_and_determinant(batch, n):
    a, b = draw(0, *batch, n, n) + 3 * np.eye(n), draw(1, *batch, n, 2)
    x = tensor(a)
    same(linalg.inv(x) @ x, np.broadcast_to(np.eye(n), a.shape))
    same(x @ linalg.solve(x, tensor(b)), b)
    same(linalg.solve(x, tensor(np.swapaxes(b, -1, -2)), left=False) @ x, np.swapaxes(b, -1, -2))
    same(linalg.det(x), np.linalg.det(a))
    sign, log = linalg.slogdet(x)
    same(sign * log.exp(), np.linalg.det(a))
    same(linalg.tensorsolve(x, tensor(b[..., 0])) if not batch else linalg.solve(x, tensor(b))[..., 0],
         np.linalg.solve(a, b)[..., 0])  # fmt: skip


@given(batch=BATCHES, m=SIZES, n=SIZES)
def test_decompositions_multiply_to_what_they_came_from(batch, m, n):
    a = draw(0, *batch, m, n)
    x = tensor(a)
    q, r = linalg.qr(x)
    same(q @ r, a)
    same(q.mT @ q, np.broadcast_to(np.eye(min(m, n)), (*batch, min(m, n), min(m, n))))
    assert not np.tril(r.numpy(), -1).any()
    u, s, v = linalg.svd(x, full_matrices=False)
    same(u * s.unsqueeze(-2) @ v, a)
    same(s, np.linalg.svd(a, compute_uv=False))
    p, lower, upper = linalg.lu(x)
    same(p @ lower @ upper, a)
    assert not np.triu(lower.numpy(), 1).any() and not np.tril(upper.numpy(), -1).any()
    assert (np.abs(lower.numpy()) <= 1 + 1e-12).all()  # the largest of each column leads
    same(x @ linalg.pinv(x) @ x, a)
    assert linalg.matrix_rank(x).numpy().tolist() == np.linalg.matrix_rank(a).tolist()


@given(batch=BATCHES, n=SIZES, upper=st.booleans())
def test_symmetric_matrices(batch, n, upper):
    a = draw(0, *batch, n, n)
    a = a @ np.swapaxes(a, -1, -2) + np.eye(n)
    x, b = tensor(a), draw(1, *batch, n, 2)
    factor = linalg.cholesky(x, upper=upper)
    same(factor.mT @ factor if upper else factor @ factor.mT, a)
    same(x @ autograd.cholesky_solve(tensor(b), factor, upper), b)
    same(autograd.cholesky_inverse(factor, upper), np.linalg.inv(a))
    values, vectors = linalg.eigh(x)
    same(vectors * values.unsqueeze(-2) @ vectors.mT, a)
    assert (np.diff(values.numpy()) >= 0).all()


@pytest.mark.parametrize("left", [True, False])
@pytest.mark.parametrize("adjoint", [True, False])
def test_solutions_by_an_lu_factor(left, adjoint):
    a, b = draw(0, 2, 4, 4), draw(1, 2, 4, 3)
    b = b if left else np.swapaxes(b, -1, -2)
    x = linalg.lu_solve(*linalg.lu_factor(tensor(a)), tensor(b), left=left, adjoint=adjoint).numpy()
    m = np.swapaxes(a, -1, -2) if adjoint else a
    np.testing.assert_allclose(m @ x if left else x @ m, b, atol=1e-10)


@pytest.mark.parametrize("ord", [None, "fro", "nuc", 1, -1, 2, -2, np.inf, -np.inf])
def test_norms_and_condition(ord):
    a = draw(0, 3, 3)
    same(linalg.norm(tensor(a), ord), np.linalg.norm(a, ord))
    same(linalg.cond(tensor(a), ord), np.linalg.cond(a, ord), 1e-7)


@given(n=SIZES, power=st.integers(-3, 5))
def test_powers_and_exponentials(n, power):
    a = draw(0, n, n) / n + np.eye(n)
    same(linalg.matrix_power(tensor(a), power), np.linalg.matrix_power(a, power), 1e-7)
    same(linalg.matrix_exp(tensor(a)) @ linalg.matrix_exp(tensor(-a)), np.eye(n))
    same(linalg.det(linalg.matrix_exp(tensor(a))), np.exp(np.trace(a)))


def test_triangles_and_chains():
    a, b = np.tril(draw(0, 4, 4)) + 3 * np.eye(4), draw(1, 4, 2)
    same(linalg.solve_triangular(tensor(a), tensor(b), upper=False), np.linalg.solve(a, b))
    unit = np.tril(a, -1) + np.eye(4)
    same(linalg.solve_triangular(tensor(a), tensor(b), upper=False, unitriangular=True), np.linalg.solve(unit, b))
    parts = [draw(i, *shape) for i, shape in enumerate([(2, 5), (5, 1), (1, 4), (4, 3)])]
    same(linalg.multi_dot([tensor(p) for p in parts]), np.linalg.multi_dot(parts))
    same(linalg.tensorinv(tensor(draw(3, 2, 3, 6)), ind=2), np.linalg.tensorinv(draw(3, 2, 3, 6), 2))
    same(autograd.trace(tensor(draw(3, 3, 5))), np.trace(draw(3, 3, 5)))
    same(linalg.cross(tensor(draw(1, 4, 3)), tensor(draw(2, 4, 3))), np.cross(draw(1, 4, 3), draw(2, 4, 3)))
    same(autograd.vander(tensor(draw(1, 4)), 3), np.vander(draw(1, 4), 3))


@pytest.mark.parametrize(
    "function",
    [linalg.inv, linalg.det, linalg.pinv, linalg.matrix_exp, linalg.svdvals, lambda x: linalg.lu(x).U,
     lambda x: linalg.qr(x).R, lambda x: linalg.solve(x, x[:, :1]), lambda x: linalg.eigvalsh(x + x.mT)],
)  # fmt: skip
def test_gradients(function):
    gradcheck(function, tensor(draw(0, 3, 3) + 2 * np.eye(3)).requires_grad_())


@pytest.mark.parametrize("function", [linalg.inv, lambda x: linalg.solve(x, x), linalg.cholesky])
def test_a_singular_matrix_is_an_error_that_names_the_function(function):
    with pytest.raises(linalg.LinAlgError, match="linalg"):
        function(tensor(np.zeros((2, 2))))


@pytest.mark.parametrize("name", ["inv", "det", "cholesky", "eigh", "slogdet", "matrix_exp"])
def test_matrices_must_be_square(name):
    with pytest.raises(ValueError, match=name):
        getattr(linalg, name)(tensor(np.zeros((2, 3))))


def test_weights_of_linear_behind_an_input_that_stands_step_by_step():
    """As a recurrent layer's output with batch_first does: the rows are taken in the order of memory."""
    steps = autograd.randn(5, 3, 7, dtype=autograd.float64, requires_grad=True)
    weight, bias = (autograd.randn(*shape, dtype=autograd.float64, requires_grad=True) for shape in ((2, 7), (2,)))
    assert autograd.gradcheck(lambda x, w, b: autograd.linear(x.transpose(0, 1), w, b) ** 2, (steps, weight, bias))
