"""Windows of depths against numpy's, their sums as the adjoint, at the ends of memory and on any number of threads."""

from __future__ import annotations

import numpy as np
import pytest
from guard import guarded
from hypothesis import assume, given
from hypothesis import strategies as st

import autograd
from autograd.kernels import depth
from autograd.kernels.threads import MOST


def _volumes(shape, seed):
    """(N, C, D, H, W) with channels last in memory, its values against a guard page."""
    N, C, D, H, W = shape
    values = np.random.default_rng(seed).standard_normal((N, D, H, W, C)).astype(np.float32)
    return guarded(values, True).transpose(0, 4, 1, 2, 3)


@given(
    st.sampled_from([(0, 2, 3, 1, 1), (1, 4, 5, 2, 3), (2, 6, 4, 1, 2), (1, 34, 3, 3, 1), (2, 64, 2, 2, 1)]),
    st.integers(1, 3),
    st.integers(1, 3),
    st.integers(1, 3),
    st.integers(0, 2),
    st.integers(0, 2),
    st.sampled_from([1, 2]),
)
def test_windows_and_their_sums(shape, size, stride, dilation, before, after, groups):
    N, C, D, H, W = shape
    count = (D + before + after - dilation * (size - 1) - 1) // stride + 1
    assume(count >= 1)
    x = _volumes(shape, 0)
    padded = np.pad(x, ((0, 0), (0, 0), (before, after), (0, 0), (0, 0)))
    expected = np.zeros((N, count, groups, size, C // groups, H, W), np.float32)
    for d in range(count):
        for t in range(size):
            expected[:, d, :, t] = padded[:, :, d * stride + t * dilation].reshape(N, groups, C // groups, H, W)
    y = depth.windows(x, count, size, stride, dilation, before, groups)
    np.testing.assert_array_equal(y, expected.reshape(N * count, size * C, H, W))
    g = guarded(np.random.default_rng(1).standard_normal((N * count, H, W, size * C)).astype(np.float32), True)
    g = g.transpose(0, 3, 1, 2)
    back = depth.sums(g, shape, count, size, stride, dilation, before, groups)
    assert back.shape == shape
    one, other = np.vdot(y.astype(float), g), np.vdot(x.astype(float), back)
    np.testing.assert_allclose(one, other, 1e-4, 1e-3)


def test_windows_that_reach_past_what_was_read():
    g = np.ones((1 * 3, 2, 1, 1))  # as the transposed convolution with output_padding makes room for: a depth more
    np.testing.assert_array_equal(depth.sums(g, (1, 1, 6, 1, 1), 3, 2, 2, 1, 0, 1).ravel(), np.ones(6))
    np.testing.assert_array_equal(depth.sums(g, (1, 1, 7, 1, 1), 3, 2, 2, 1, 0, 1).ravel(), [1] * 6 + [0])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_same_bits_on_any_number_of_threads(dtype):
    x = np.random.default_rng(0).standard_normal((2, 20, 12, 16, 16)).astype(dtype)
    results = []
    for threads in (1, MOST):
        autograd.set_num_threads(threads)
        y = depth.windows(x, 12, 3, 1, 1, 1, 1)
        results.append((y, depth.sums(y, x.shape, 12, 3, 1, 1, 1, 1)))
    for one, other in zip(*results, strict=True):
        np.testing.assert_array_equal(one, other)
