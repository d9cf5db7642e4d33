"""Sums, products and extremes of rows against numpy, at the ends of memory and on any number of threads."""

from __future__ import annotations

import numpy as np
import pytest
from guard import guarded
from hypothesis import given
from hypothesis import strategies as st

import autograd
from autograd.kernels import reduce
from autograd.kernels.blocks import blocks
from autograd.kernels.threads import MOST

DTYPES = [np.float32, np.float64]


@given(st.sampled_from([0, 1, 5, 600]), st.sampled_from([1, 3, 64, 333, 1024]), st.sampled_from(DTYPES), st.booleans())
def test_rows(R, C, dtype, at_end):
    rng = np.random.default_rng(0)
    x = guarded(rng.standard_normal((R, C)).astype(dtype), at_end)
    bound = 8 * np.finfo(dtype).eps
    sums, exact = reduce.rows(x, reduce.SUM), x.sum(1, dtype=np.longdouble)
    np.testing.assert_allclose(sums, exact.astype(float), 0, bound * abs(x).sum(1, dtype=float).max(initial=1))
    squares = (x.astype(np.longdouble) ** 2).sum(1).astype(float)
    np.testing.assert_allclose(reduce.rows(x, reduce.SQUARES), squares, 2 * bound)
    near = guarded((1 + x / 64).astype(dtype), at_end)
    np.testing.assert_allclose(reduce.rows(near, reduce.PRODUCT), near.astype(float).prod(1), C * bound)
    x[::4, C // 2], x[1::4, C // 3], x[2::4] = np.nan, -np.inf, np.inf
    np.testing.assert_array_equal(reduce.rows(x, reduce.MAXIMUM), x.max(1))
    np.testing.assert_array_equal(reduce.rows(x, reduce.MINIMUM), x.min(1))
    np.testing.assert_array_equal(np.isnan(reduce.rows(x, reduce.SUM)), np.isnan(x.sum(1)))


@given(
    st.sampled_from([1, 2, 7]), st.sampled_from([1, 2, 9, 127, 300, 1000]), st.sampled_from([1, 3, 10, 33, 64, 2051]),
    st.integers(0, 5), st.sampled_from(DTYPES), st.booleans(),
)  # fmt: skip
def test_columns(A, B, C, further, dtype, at_end):
    """Matrices that lie apart, whose gaps are not added."""
    rng = np.random.default_rng(0)
    apart = B * C + further
    x = guarded(rng.standard_normal(A * apart - further).astype(dtype), at_end)
    matrices = np.lib.stride_tricks.as_strided(x, (A, B, C), (apart * x.itemsize, C * x.itemsize, x.itemsize))
    exact = matrices.sum(1, dtype=np.longdouble).astype(float)
    y = reduce.columns(x, A, B, C, apart).reshape(A, C)
    assert y.dtype == dtype
    bound = 8 * np.finfo(dtype).eps * (1 + np.sqrt(B) / 8)
    np.testing.assert_allclose(y, exact, 0, bound * abs(matrices).max(1).max() * np.sqrt(B))
    pieces, strips = -(-B // reduce.HIGHEST), -(-C // reduce.STRIP)
    out = guarded(np.empty(A * pieces * C, dtype), at_end)  # `columns` has memory of its own
    reduce.column_kernel(reduce.SUM)(0, A * pieces * strips, x, out, dtype(0), A, B, C, apart, 1)
    np.testing.assert_allclose(
        out.reshape(A, pieces, C).sum(1), exact, 0, bound * abs(matrices).max(1).max() * np.sqrt(B)
    )
    x /= 64
    x += 1
    products = reduce.columns(x, A, B, C, apart, reduce.PRODUCT).reshape(A, C)
    np.testing.assert_allclose(products, matrices.prod(1, dtype=np.longdouble).astype(float), B * np.finfo(dtype).eps)
    x[::5], x[1::7], x[2::11] = np.inf, -np.inf, np.nan
    np.testing.assert_array_equal(reduce.columns(x, A, B, C, apart, reduce.MAXIMUM), matrices.max(1).ravel())
    np.testing.assert_array_equal(reduce.columns(x, A, B, C, apart, reduce.MINIMUM), matrices.min(1).ravel())


@given(st.lists(st.sampled_from([1, 2, 5, 17, 40]), min_size=1, max_size=4), st.data(), st.sampled_from(DTYPES))
def test_sums_over_any_axes(shape, data, dtype):
    """Of arrays of any order of memory, large enough for the kernels; results are arrays of their own."""
    axes = data.draw(st.sets(st.integers(0, len(shape) - 1), min_size=1))
    x = np.random.default_rng(0).standard_normal([*shape, 64]).astype(dtype)
    x = x.transpose(data.draw(st.permutations(range(x.ndim))))
    for keepdim in (False, True):
        y = reduce.reduced(np.add, x, tuple(axes), keepdim)
        exact = x.sum(tuple(axes), dtype=np.longdouble, keepdims=keepdim).astype(float)
        assert y.shape == exact.shape and y.dtype == dtype and y.flags.writeable and not np.shares_memory(x, y)
        np.testing.assert_allclose(y, exact, 0, 16 * np.finfo(dtype).eps * abs(x).sum(tuple(axes), dtype=float).max())
        for combine in (np.maximum, np.minimum):
            y = reduce.reduced(combine, x, tuple(axes), keepdim)
            np.testing.assert_array_equal(y, combine.reduce(x, tuple(axes), keepdims=keepdim))


@given(st.lists(st.sampled_from([1, 2, 3, 4]), min_size=1, max_size=5), st.data())
def test_blocks(shape, data):
    """What belongs to an array and to its reduction goes to memory and comes back; gaps and turned axes are none."""
    n = len(shape)
    axes = tuple(sorted(data.draw(st.sets(st.integers(0, n - 1)))))
    x = np.arange(np.prod(shape)).reshape(shape).transpose(data.draw(st.permutations(range(n))))
    plan = blocks(x.shape, x.strides, x.itemsize, axes)
    np.testing.assert_array_equal(plan.flat(x), np.arange(x.size))
    np.testing.assert_array_equal(plan.like(plan.flat(x)), x)
    y = plan.flat(x)
    for A, B, C in plan.steps:
        y = y.reshape(A, B, C).sum(1)
    for keepdim in (False, True):
        result = plan.result(y, keepdim)
        np.testing.assert_array_equal(result, x.sum(axes, keepdims=keepdim))
        np.testing.assert_array_equal(plan.given(np.ascontiguousarray(result)), y.reshape(-1))
    for i in range(n):
        if x.shape[i] > 1:
            turned = np.flip(x, i)
            assert blocks(turned.shape, turned.strides, x.itemsize, axes) is None
            gaps = np.moveaxis(np.repeat(np.moveaxis(x, i, 0), 2, 0)[::2], 0, i)
            assert blocks(gaps.shape, gaps.strides, x.itemsize, axes) is None


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ["amax", "amin", "std", "var", "norm", "sum"])
def test_gradients_in_every_order_of_memory(name, dtype):
    """By kernels, against the same elements in an array with gaps, which is left to numpy."""
    whole = np.random.default_rng(0).standard_normal((4, 6, 10, 12)).astype(dtype)
    for a in (np.moveaxis(whole, 3, 1), np.moveaxis(whole, 1, 0), whole[::2], whole[:, ::-1]):
        for dim in (None, 0, 1, 3, (2, 3), (0, 2, 3)):
            gradients = []
            for x in (a, np.repeat(a[..., None], 2, 4)[..., 0]):
                x = autograd.from_numpy(x).requires_grad_()
                arguments = [] if dim is None else [dim]
                y = x.norm(2, *arguments) if name == "norm" else getattr(x, name)(*arguments)
                g = np.random.default_rng(1).standard_normal(y.shape).astype(dtype)
                (gx,) = autograd.grad(y, x, autograd.from_numpy(g))
                gradients.append((y.detach().numpy(), gx.numpy()))
            for ours, expected in zip(*gradients, strict=True):
                np.testing.assert_allclose(ours, expected, 1e-5, 1e-6)


@pytest.mark.parametrize("dtype", DTYPES)
def test_reductions_of_tensors_over_the_last_dimension(dtype):
    x = np.random.default_rng(0).standard_normal((40, 30, 20)).astype(dtype)
    for a in (x, x[::2], x.transpose(1, 0, 2), x[:, :, ::-1], np.asfortranarray(x)):
        for ours, numpys in (("sum", np.sum), ("amax", np.max), ("amin", np.min)):
            for dim in (-1, (0, 2), (1, 2), None):
                y = getattr(autograd.from_numpy(np.array(a, order="K")), ours)(*([] if dim is None else [dim]))
                assert y.numpy().dtype == dtype
                np.testing.assert_allclose(y.numpy(), numpys(a.astype(float), dim), 1e-5, 1e-4)


@pytest.mark.parametrize("shape", [(70_001,), (5, 4096), (3, 5000), (4, 1025), (1024, 9)])
def test_long_rows(shape):
    x = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    for dim in range(len(shape)):
        ours = autograd.from_numpy(x).sum(dim).numpy()
        np.testing.assert_allclose(ours, x.sum(dim, dtype=float), 0, 1e-6 * abs(x).sum(dim).max())
    np.testing.assert_array_equal(autograd.from_numpy(x).amax(-1).numpy(), x.max(-1))
    x.reshape(-1)[-1] = np.nan
    assert np.isnan(autograd.from_numpy(x).amax().numpy())


@pytest.mark.parametrize("shape", [(70_001,), (5, 4096), (1024, 9), (30, 20, 10)])
def test_norms_and_products(shape):
    x = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    for dim in (None, 0, -1):
        for keepdim in (False, True):
            y = autograd.norm(autograd.from_numpy(x), dim=dim, keepdim=keepdim).numpy()
            expected = np.sqrt((x.astype(float) ** 2).sum(dim, keepdims=keepdim))
            assert y.shape == expected.shape
            np.testing.assert_allclose(y, expected, 1e-6)
    near = 1 + x / 1024
    np.testing.assert_allclose(autograd.from_numpy(near).prod(-1).numpy(), near.astype(float).prod(-1), 1e-3)


def test_the_gradient_of_sums_of_nothing():
    x = autograd.zeros(100, 0, requires_grad=True)
    x.sum(-1).sum().backward()
    assert x.grad.shape == (100, 0)


def test_same_bits_on_any_number_of_threads():
    x = np.random.default_rng(0).normal(size=(3000, 50)).astype(np.float32)
    results = []
    for threads in (1, MOST):
        autograd.set_num_threads(threads)
        results.append(np.concatenate([reduce.rows(x, reduce.SUM), reduce.columns(x.reshape(-1), 1, *x.shape, 0)]))
    np.testing.assert_array_equal(*results)
