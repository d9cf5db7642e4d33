"""Means and squared deviations of rows and of whole arrays, and numbers spread over rows, against numpy."""

from __future__ import annotations

import numpy as np
import pytest
from guard import guarded
from hypothesis import given
from hypothesis import strategies as st

import autograd
from autograd.kernels import moments

DTYPES = [np.float32, np.float64]


@given(
    st.sampled_from([1, 5, 40, 700]), st.sampled_from([1, 3, 16, 65, 512, 1025, 3000]), st.sampled_from(DTYPES),
    st.booleans(), st.sampled_from([0, 1000]),
)  # fmt: skip
def test_moments(R, C, dtype, at_end, far):
    """Also of values that lie far from 0 beside one another."""
    x = guarded((np.random.default_rng(0).standard_normal((R, C)) + far).astype(dtype), at_end)
    wide = x.astype(np.longdouble)
    tolerance = 40 * np.finfo(dtype).eps
    spread = max(1, far) * tolerance
    for (means, sums), axis in ((moments.moments(x), 1), (moments.whole_moments(x), None)):
        mean = wide.mean(axis, keepdims=True)
        n = x.size if axis is None else C
        np.testing.assert_allclose(means, np.squeeze(mean, axis).astype(float), 0, spread)
        expected = ((wide - mean) ** 2).sum(axis).astype(float)
        np.testing.assert_allclose(sums, expected, 4 * tolerance * (1 + far / 50), 4 * n * spread**2)


@given(st.sampled_from([1, 5, 70]), st.sampled_from([1, 3, 16, 65, 3000]), st.sampled_from(DTYPES), st.booleans())
def test_spread(R, C, dtype, at_end):
    rng = np.random.default_rng(0)
    x = guarded(rng.standard_normal((R, C)).astype(dtype), at_end)
    f, means = rng.standard_normal((2, R)).astype(dtype)
    f[::3] = 0
    x[::3] = np.inf
    for some, at in ((f, means), (f[:1], means[:1]), (f[1:2], means[:1])):
        if not some.size:
            continue
        with np.errstate(invalid="ignore"):
            expected = np.where(some[:, None] == 0, 0, some[:, None] * (x - at[:, None]))
        shape = (len(some), R * C // len(some), 1)
        y = moments.spread(some, shape, x.reshape(-1), at.astype(float))
        np.testing.assert_array_equal(y.reshape(R, C), expected)
        np.testing.assert_array_equal(moments.spread(some, shape).reshape(R, C), np.broadcast_to(some[:, None], (R, C)))


@given(
    st.sampled_from([1, 3, 40]), st.sampled_from([1, 7, 300]), st.sampled_from([2, 16, 33, 100]), st.sampled_from(DTYPES),
    st.booleans(),
)  # fmt: skip
def test_spread_down_columns(A, B, C, dtype, at_end):
    rng = np.random.default_rng(0)
    x = guarded(rng.standard_normal((A, B, C)).astype(dtype), at_end)
    f, means = (guarded(v, at_end) for v in rng.standard_normal((2, A, C)).astype(dtype))
    f[:, ::3], x[:, :, ::3] = 0, np.inf
    with np.errstate(invalid="ignore"):
        expected = np.where(f[:, None] == 0, 0, f[:, None] * (x - means[:, None]))
    flats = f.reshape(-1), (A, B, C), x.reshape(-1)
    np.testing.assert_array_equal(moments.spread(*flats, means.reshape(-1)).reshape(A, B, C), expected)
    means[:] = 0
    np.testing.assert_array_equal(moments.spread(*flats), moments.spread(*flats, means.reshape(-1)))
    plain = moments.spread(f.reshape(-1), (A, B, C)).reshape(A, B, C)
    np.testing.assert_array_equal(plain, np.broadcast_to(f[:, None], (A, B, C)))


@pytest.mark.parametrize("dtype", DTYPES)
def test_tensors(dtype):
    """Of any order of memory, large enough for the kernels; the gradient as of its definition, in every order."""
    whole = np.random.default_rng(0).standard_normal((20, 30, 40)).astype(dtype)
    for a in (whole, whole[::2], whole.transpose(1, 0, 2), whole[:, :, ::-1], np.asfortranarray(whole)):
        x = autograd.from_numpy(np.array(a, order="K")).requires_grad_()
        for dim in (None, -1, 0, (0, 2)):
            for keepdim in (False, True):
                wide = a.astype(float)
                n = wide.size // max(1, wide.var(dim, keepdims=keepdim).size)
                y = x.std(dim, keepdim=keepdim)
                np.testing.assert_allclose(y.detach().numpy(), wide.std(dim, ddof=1, keepdims=keepdim), 1e-5)
                (gx,) = autograd.grad(y.sum(), x)
                off = wide - wide.mean(dim, keepdims=True)
                expected = off / wide.std(dim, ddof=1, keepdims=True) / (n - 1)
                np.testing.assert_allclose(gx.numpy(), expected, 1e-4, 1e-6)
                (gx,) = autograd.grad(x.var(dim, keepdim=keepdim).sum(), x, create_graph=True)
                np.testing.assert_allclose(gx.detach().numpy(), 2 * off / (n - 1), 1e-4, 1e-6)
                (ggx,) = autograd.grad((gx * gx).sum(), x)
                np.testing.assert_allclose(ggx.numpy(), 8 * off / (n - 1) ** 2, 1e-3, 1e-6)
