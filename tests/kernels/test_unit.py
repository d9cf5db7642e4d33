"""Rows over their length and over their root mean square, against float64 numpy."""

from __future__ import annotations

import numpy as np
import pytest
from guard import guarded
from hypothesis import given
from hypothesis import strategies as st

import autograd
from autograd.kernels import unit
from nn import functional as F

DTYPES = [np.float32, np.float64]


@given(
    st.sampled_from([0, 1, 5, 40, 700]), st.sampled_from([1, 3, 16, 65, 512, 1025, 3000]), st.sampled_from(DTYPES),
    st.booleans(), st.booleans(), st.sampled_from([1e-12, 0.5]),
)  # fmt: skip
def test_scaled(R, C, dtype, root_mean, at_end, eps):
    rng = np.random.default_rng(0)
    x, g = (guarded(rng.standard_normal((R, C)).astype(dtype), at_end) for _ in range(2))
    x[::3] *= dtype(1e-3)
    wide, pull = x.astype(np.longdouble), g.astype(np.longdouble)
    square = (wide * wide).sum(1, keepdims=True)
    length = np.sqrt(square / C + dtype(eps)) if root_mean else np.sqrt(square)
    bounded = np.zeros((R, 1), bool) if root_mean else length < eps
    over = np.where(bounded, eps, length)
    tolerance = 60 * np.finfo(dtype).eps
    y, sizes = unit.scaled(x, eps, root_mean)
    np.testing.assert_allclose(y, (wide / over).astype(float), tolerance, 0)
    gx = unit.scaled_backward(g, x, sizes, eps, root_mean)
    dots = (pull * wide).sum(1, keepdims=True) / (C if root_mean else 1)
    expected = (pull / over - np.where(bounded, 0, wide * dots / over**3)).astype(float)
    scale = (
        abs(pull) / over + np.where(bounded, 0, abs(wide) * abs(pull * wide).sum(1, keepdims=True) / over**3)
    ).astype(float)
    assert (abs(gx - expected) <= tolerance * scale).all()


@pytest.mark.parametrize("dtype", DTYPES)
def test_large_tensors_as_small_ones(dtype):
    """The kernels of large tensors and what small ones are made of, zeros and infinities among the rows."""
    x = np.random.default_rng(0).standard_normal((90, 30)).astype(dtype)
    x[3], x[4, 2], x[5, 1] = 0, np.inf, np.nan
    g = np.random.default_rng(1).standard_normal(x.shape).astype(dtype)
    g[4:6] = 0
    large = autograd.from_numpy(x).requires_grad_()
    F.normalize(large, dim=-1, eps=1e-3).backward(autograd.from_numpy(g))
    for i in range(0, 90, 10):
        small = autograd.from_numpy(x[i : i + 10].copy()).requires_grad_()
        F.normalize(small, dim=1, eps=1e-3).backward(autograd.from_numpy(g[i : i + 10].copy()))
        np.testing.assert_allclose(large.grad.numpy()[i : i + 10], small.grad.numpy(), 1e-5, 1e-5)
