"""Products, einsum, decompositions and norms of matrices beside torch's."""

from __future__ import annotations

from math import inf
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch_beside import compare

import autograd
from autograd.op import REGISTRY


def draw(*shape: int, low: float = -2.0, high: float = 2.0) -> np.ndarray:
    return np.asarray(np.random.default_rng(sum(shape)).uniform(low, high, shape))


def spd(n: int, *batch: int) -> np.ndarray:
    a = draw(*batch, n, n)
    return a @ np.swapaxes(a, -1, -2) + n * np.eye(n)


def against(name: str, *args: Any, orders: int = 2, wide: float = 1.0, **kwargs: Any) -> None:
    owner, short = (torch.linalg, name.removeprefix("linalg_")) if name.startswith("linalg_") else (torch, name)
    target = getattr(owner, short) if hasattr(owner, short) else getattr(F, short)
    compare(REGISTRY[name].call, target, args, kwargs, orders=orders, wide=wide)


BATCHES = [(), (2,), (1,), (3, 1), (2, 2), (0,)]


@given(data=st.data())
def test_matmul(data: Any) -> None:
    pick = lambda options: data.draw(st.sampled_from(options))  # noqa: E731
    M, K, N, other = pick([1, 3, 0]), pick([1, 4, 0]), pick([1, 2]), pick([False, False, False, True])
    a = (K,) if pick([True, False, False]) else (*pick(BATCHES), M, K)
    b = (K + other,) if pick([True, False, False]) else (*pick(BATCHES), K + other, N)
    dtype = pick(["float64", "float32", "int64"])
    against("matmul", (draw(*a) * 3).astype(dtype), (draw(*b) * 3).astype(dtype))


@pytest.mark.parametrize(
    "name, shapes",
    [
        ("mm", [(2, 3), (3, 4)]), ("mm", [(2, 3), (3,)]), ("bmm", [(2, 3, 4), (2, 4, 1)]),
        ("bmm", [(2, 3, 4), (1, 4, 1)]), ("mv", [(2, 3), (3,)]),
        ("mv", [(2, 3), (2,)]), ("dot", [(3,), (3,)]), ("dot", [(3,), (2,)]), ("vdot", [(3,), (3,)]),
        ("outer", [(3,), (2,)]), ("ger", [(3,), (2,)]),
        ("inner", [(2, 3), (4, 3)]), ("inner", [(2, 3), ()]), ("inner", [(2, 3), (2,)]),
        ("addmm", [(4,), (2, 3), (3, 4)]), ("addmm", [(3,), (2, 3), (3, 4)]),
        ("addmv", [(2,), (2, 3), (3,)]), ("addr", [(2, 1), (2,), (3,)]), ("addbmm", [(3, 1), (2, 3, 4), (2, 4, 5)]),
        ("baddbmm", [(5,), (2, 3, 4), (2, 4, 5)]),
        ("kron", [(2, 3), (2,)]), ("kron", [(), (2, 2)]), ("cross", [(2, 3), (2, 3)]), ("cross", [(2, 4), (2, 4)]),
        ("linalg_cross", [(4, 3), (1, 3)]),
        ("trace", [(3, 4)]), ("trace", [(3,)]), ("tensordot", [(2, 3, 4), (3, 4, 2)]), ("tensordot", [(2, 3), (2, 3)]),
        ("chain_matmul", [(2, 3), (3, 4), (4, 1)]),
        ("linear", [(2, 3), (4, 3), (4,)]), ("linear", [(2, 5, 3), (4, 3)]), ("linear", [(3,), (4, 3), (4,)]),
        ("linear", [(2, 2), (4, 3)]),
        ("bilinear", [(2, 3), (2, 4), (5, 3, 4), (5,)]), ("bilinear", [(2, 3), (2, 3), (5, 3, 4)]),
    ],
)  # fmt: skip
@pytest.mark.filterwarnings("ignore:torch.chain_matmul")
def test_products(name: str, shapes: Any) -> None:
    for dtype in ("float64", "float32"):
        against(name, *[draw(*shape).astype(dtype) for shape in shapes])
    if name.startswith("add") or name == "baddbmm":
        against(name, *[draw(*shape) for shape in shapes], beta=0.5, alpha=-2.0)
        against(name, np.full(shapes[0], np.nan), *[draw(*shape) for shape in shapes[1:]], beta=0, orders=0)


def test_mixed_dtypes() -> None:
    against("matmul", draw(2, 3), draw(3, 2).astype("float32"))
    against("mm", np.ones((2, 2), int), draw(2, 2))


@pytest.mark.parametrize(
    "equation, shapes",
    [
        ("ij,jk->ik", [(2, 3), (3, 4)]), ("ij,jk", [(2, 3), (3, 4)]), ("bij,bjk->bik", [(2, 3, 4), (2, 4, 1)]),
        ("ii", [(3, 3)]), ("ii->i", [(3, 3)]),
        ("...ii->...i", [(2, 3, 3)]), ("i,j->ij", [(2,), (3,)]), ("...ij,...jk->...ik", [(2, 1, 2, 3), (4, 3, 2)]),
        ("ij->", [(2, 3)]), ("ji", [(2, 3)]),
        ("bn,anm,bm->ba", [(2, 3), (4, 3, 5), (2, 5)]), ("ijk,lk,jm,il->ml", [(2, 3, 4), (5, 4), (3, 2), (2, 5)]),
        ("ij,ij->ij", [(2, 3), (1, 3)]),
        ("i...,i...->...", [(2, 3), (2, 3)]), ("iij,jjk->ik", [(2, 2, 3), (3, 3, 2)]), ("Ab,bC->AC", [(2, 3), (3, 2)]),
        (" i j , j k -> i k ", [(2, 3), (3, 2)]),
        ("...,...", [(2, 3), (3,)]), ("ij,jk->ik", [(2, 3), (4, 4)]), ("ij,j", [(2, 3)]), ("ij->ijk", [(2, 3)]),
        ("ij->ii", [(2, 3)]), ("ijk", [(2, 3)]),
        ("ii", [(2, 3)]), ("i.j", [(2, 3)]), ("ij,jk->ik", [(0, 3), (3, 2)]), ("ij,jk->ik", [(2, 0), (0, 2)]),
    ],
)  # fmt: skip
def test_einsum(equation: str, shapes: Any) -> None:
    against("einsum", equation, *[draw(*shape) for shape in shapes])


@pytest.mark.parametrize("batch", [(), (2,), (0,)])
@pytest.mark.parametrize("n", [1, 3])
def test_square(n: int, batch: Any) -> None:
    a = draw(*batch, n, n) + 3 * np.eye(n)
    for name in ("linalg_inv", "linalg_det", "linalg_slogdet", "linalg_pinv", "matrix_exp"):
        against(name, a, wide=10)
    for power in (0, 1, 2, 3, -1, -3):
        against("matrix_power", a, power, wide=100)
    against("linalg_solve", a, draw(*batch, n, 2))
    against("linalg_solve", a, draw(*batch, 2, n), left=False)
    against("logdet", a @ np.swapaxes(a, -1, -2))
    s = spd(n, *batch)
    for upper in (False, True):
        against("linalg_cholesky", s, upper=upper)
        against("cholesky_solve", draw(*batch, n, 2), np.linalg.cholesky(s), orders=0)
        against("linalg_solve_triangular", a, draw(*batch, n, 2), upper=upper, unitriangular=not upper, orders=1)
    against("linalg_eigvalsh", s)


def test_triangles_are_read() -> None:
    """Of a matrix that is not symmetric one triangle counts."""
    a = np.tril(spd(3))
    against("linalg_cholesky", a, orders=0)
    against("linalg_eigvalsh", a, orders=0)
    against("linalg_eigvalsh", a.T.copy(), UPLO="U", orders=0)


@pytest.mark.parametrize("shape", [(3, 3), (4, 2), (2, 4), (2, 3, 2), (0, 3)])
def test_rectangular(shape: Any) -> None:
    a = draw(*shape)
    against("linalg_svdvals", a)
    against("linalg_pinv", a, wide=10)
    against("linalg_matrix_rank", a)
    # vectors are free in sign: what is unique of them is compared
    if 0 not in shape:
        for mine, theirs in (
            (REGISTRY["linalg_svd"].call, torch.linalg.svd),
            (REGISTRY["linalg_qr"].call, torch.linalg.qr),
        ):

            def unique(f: Any) -> Any:
                def g(x: Any) -> Any:
                    parts = f(x, False) if len(f(x)) == 3 else f(x)
                    return [(p * p) if p.ndim > 1 else p for p in parts]

                g.__module__ = f.__module__ or "torch"
                return g

            compare(unique(mine), unique(theirs), (a,), {}, wide=10)


def test_determinant_of_singular() -> None:
    against("linalg_det", np.array([[1.0, 2, 3], [2, 4, 6], [1, 0, 1]]), orders=1)
    against("linalg_det", np.zeros((2, 2)), orders=1)


@pytest.mark.parametrize("ord", ["fro", "nuc", 1, -1, 2, -2, inf, -inf])
@pytest.mark.parametrize("dim", [(-2, -1), (0, 2), (2, 0)])
@pytest.mark.parametrize("keepdim", [False, True])
def test_matrix_norms(ord: Any, dim: Any, keepdim: bool) -> None:
    against("linalg_matrix_norm", draw(2, 3, 4), ord, dim, keepdim, orders=1)
    if dim == (-2, -1):
        against("linalg_norm", draw(3, 4), ord, orders=1)


@pytest.mark.parametrize("ord", [0, 1, 2, 3.5, -1.0, inf, -inf])
def test_vector_norms(ord: float) -> None:
    for dim in (None, 0, (0, 2)):
        against("linalg_vector_norm", draw(2, 3, 4), ord, dim, True, orders=1)
    against("linalg_norm", draw(5), ord, orders=1)
    against("linalg_norm", draw(5, 2), ord, 1, orders=1)


@pytest.mark.parametrize("p", [1.0, 2.0, 3.0])
def test_cdist(p: float) -> None:
    against("cdist", draw(3, 4), draw(2, 4) + 0.3, p, orders=1)
    against("cdist", draw(2, 3, 4), draw(2, 4) + 0.3, p, orders=1)
    same = draw(3, 4)
    against("cdist", same, same, p, orders=1)
    against("cdist", draw(2, 20, 30), draw(2, 17, 30) + 0.3, p, orders=1)
    against("cdist", draw(3, 4), draw(2, 3), p)


def test_multi_dot() -> None:
    against("linalg_multi_dot", [draw(3), draw(3, 4), draw(4, 2), draw(2)])
    against("linalg_multi_dot", [draw(2, 3), draw(3, 4), draw(4, 5)])
    against("linalg_multi_dot", [draw(2, 3), draw(4, 5)])
    against("linalg_multi_dot", [draw(2, 3)])


def test_errors() -> None:
    for name in ("linalg_inv", "linalg_cholesky", "linalg_det", "linalg_eigh"):
        against(name, draw(2, 3))
        against(name, draw(3))
    for name, args in (
        ("linalg_inv", (np.zeros((2, 2)),)), ("linalg_cholesky", (-np.eye(2),)),
        ("linalg_solve", (np.zeros((2, 2)), draw(2, 1))),
        ("linalg_svdvals", (np.full((2, 2), np.nan),)), ("linalg_eigh", (np.full((2, 2), np.inf),)),
    ):  # fmt: skip
        with pytest.raises(RuntimeError):  # torch's LinAlgError is one
            REGISTRY[name].call(*args)
    against("linalg_matrix_norm", draw(2, 2), 3)
    against("linalg_qr", draw(2, 2), "other")


def test_namespace() -> None:
    assert autograd.linalg.inv.__wrapped__ is REGISTRY["linalg_inv"].call  # behind it stands out=
    for name in autograd.linalg.__all__:
        assert callable(getattr(autograd.linalg, name)) and hasattr(torch.linalg, name), name
