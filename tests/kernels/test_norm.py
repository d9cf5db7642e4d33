"""Batch and layer norm against float64 numpy, with a large mean, fused ReLU and residual, on any number of threads."""

from __future__ import annotations

import numpy as np
import pytest
from guard import guarded
from hypothesis import given
from hypothesis import strategies as st

import autograd
from autograd.kernels import norm
from autograd.kernels.pool import channels_first, channels_last
from autograd.kernels.threads import MOST


def _random(shape, dtype, seed, offset=0.0):
    return (np.random.default_rng(seed).normal(size=shape) + offset).astype(dtype)


@given(
    st.sampled_from([(2,), (70,), (3, 5), (40, 9), (2, 3, 4), (33, 5, 7)]),
    st.sampled_from([1, 3, 20, 65]),
    st.sampled_from([np.float32, np.float64]),
    st.booleans(),
    st.booleans(),
    st.booleans(),
)
def test_batch_norm_forward_and_backward(rows, C, dtype, affine, relu, add):
    shape, axes, tolerance = (
        (rows[0], C, *rows[1:]),
        (0, *range(2, len(rows) + 1)),
        1e-10 if dtype == np.float64 else 1e-3,
    )
    x, g, residual = _random(shape, dtype, 0, 5), _random(shape, dtype, 1), _random(shape, dtype, 2) if add else None
    weight, bias = (_random(C, dtype, 3), _random(C, dtype, 4)) if affine else (None, None)
    column = (C, *[1] * (len(rows) - 1))
    w = np.ones(column) if weight is None else weight.reshape(column).astype(np.float64)
    mean, var = x.mean(axes, np.float64, keepdims=True), x.astype(np.float64).var(axes, keepdims=True)
    xhat = (x - mean) / np.sqrt(var + 1e-5)
    expected = xhat * w + (0 if bias is None else bias.reshape(column)) + (0 if residual is None else residual)
    expected = np.maximum(expected, 0) if relu else expected
    x_in = channels_first(guarded(channels_last(x), True))
    y, m, v, rstd, bits = norm.batch_norm_train(x_in, weight, bias, 1e-5, relu, residual)
    assert y.dtype == m.dtype == v.dtype == dtype
    np.testing.assert_allclose(m, mean.ravel(), tolerance, tolerance)
    np.testing.assert_allclose(v, var.ravel(), tolerance, tolerance)
    np.testing.assert_allclose(y, expected, tolerance, tolerance)
    evaluated = norm.batch_norm_eval(x_in, weight, bias, m, v, 1e-5, relu, residual)
    np.testing.assert_allclose(evaluated, expected, tolerance, tolerance)

    passed = g * (y > 0) if relu else g.astype(np.float64)
    count = x.size // C
    sums = passed.sum(axes, keepdims=True), (passed * xhat).sum(axes, keepdims=True)
    through = w / np.sqrt(var + 1e-5)
    g_in = channels_first(guarded(channels_last(g), False))
    kept = y if relu else None
    gx, gw, gb = norm.batch_norm_backward(g_in, x_in, weight, m, rstd, True, mask=kept)
    for one, other in zip(
        (gx, gw, gb), norm.batch_norm_backward(g_in, x_in, weight, m, rstd, True, mask=bits), strict=True
    ):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_allclose(
        gx, through * (passed - sums[0] / count - xhat * sums[1] / count), tolerance, 9 * tolerance
    )
    np.testing.assert_allclose(gw, sums[1].ravel(), tolerance, 90 * tolerance)
    np.testing.assert_allclose(gb, sums[0].ravel(), tolerance, 9 * tolerance)
    gx, gw, gb = norm.batch_norm_backward(g_in, x_in, weight, m, rstd, False, (True, False, False), kept)
    assert gw is None and gb is None
    np.testing.assert_allclose(gx, through * passed, tolerance, tolerance)


@pytest.mark.parametrize("M", [64, 5000])
def test_a_large_mean_costs_no_variance(M):
    noise = np.random.default_rng(0).integers(-8, 8, (M, 3)) / 8
    x = (noise + 4096).astype(np.float32)  # exact, yet x * x would lose every digit of the variance
    _, mean, var, *_ = norm.batch_norm_train(x, None, None, 0.0)
    np.testing.assert_allclose(var, noise.var(0), 1e-5)
    y, _, rstd = norm.layer_norm(np.ascontiguousarray(x.T), None, None, 0.0)
    np.testing.assert_allclose(1 / rstd**2, noise.var(0), 1e-5)
    np.testing.assert_allclose(y.std(1), 1, 1e-5)


@given(st.sampled_from([1, 2, 33, 70]), st.sampled_from([1, 7, 64, 400]), st.sampled_from([np.float32, np.float64]))
def test_layer_norm_forward_and_backward(R, C, dtype):
    tolerance = 1e-10 if dtype == np.float64 else 1e-3
    x, g = guarded(_random((R, C), dtype, 0, 3), True), guarded(_random((R, C), dtype, 1), True)
    weight, bias = guarded(_random(C, dtype, 2), True), guarded(_random(C, dtype, 3), True)
    y, mean, rstd = norm.layer_norm(x, weight, bias, 1e-2)
    wide = x.astype(np.float64)
    through = 1 / np.sqrt(wide.var(1, keepdims=True) + 1e-2)
    xhat = (wide - wide.mean(1, keepdims=True)) * through
    np.testing.assert_allclose(y, xhat * weight + bias, tolerance, tolerance)
    gx, gw, gb = norm.layer_norm_backward(g, x, weight, mean, rstd)
    h = g * weight.astype(np.float64)
    expected = through * (h - h.mean(1, keepdims=True) - xhat * (h * xhat).mean(1, keepdims=True))
    np.testing.assert_allclose(gx, expected, tolerance, 20 * tolerance)
    np.testing.assert_allclose(gw, (g * xhat).sum(0), tolerance, 20 * tolerance)
    np.testing.assert_allclose(gb, g.sum(0, np.float64), tolerance, 20 * tolerance)


def test_same_bits_on_any_number_of_threads():
    x, g = _random((4, 30, 40, 40), np.float32, 0), _random((4, 30, 40, 40), np.float32, 1)
    results = []
    for threads in (1, MOST):
        autograd.set_num_threads(threads)
        y, mean, var, rstd, _ = norm.batch_norm_train(x, None, None, 1e-5)
        flat = x.reshape(-1, 40)
        rows, m, r = norm.layer_norm(flat, None, None, 1e-5)
        results.append((y, mean, var, *norm.batch_norm_backward(g, x, None, mean, rstd, True), rows))
        results[-1] += norm.layer_norm_backward(g.reshape(-1, 40), flat, None, m, r)
    for one, other in zip(*results, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(2, 3, 5, 7), (4, 64, 16, 16), (3, 5, 40), (2, 3, 4, 5, 6), (16, 64, 32, 32)])
def test_given_moments_leave_planes_as_they_stand(shape, dtype):
    """In C order the same bits as in channels-last memory, and the result in the input's order."""
    rng = np.random.default_rng(0)
    x, residual = rng.standard_normal((2, *shape)).astype(dtype)
    weight, bias, mean, var = rng.random((4, shape[1])).astype(dtype)
    turned = [np.moveaxis(np.ascontiguousarray(np.moveaxis(a, 1, -1)), -1, 1) for a in (x, residual)]
    for relu in (False, True):
        for beside, other in ((None, None), (residual, turned[1])):
            y = norm.batch_norm_eval(guarded(x, relu), weight, bias, mean, var, 1e-5, relu, beside)
            expected = norm.batch_norm_eval(turned[0], weight, bias, mean, var, 1e-5, relu, other)
            np.testing.assert_array_equal(y, expected)
            assert y.flags.c_contiguous
