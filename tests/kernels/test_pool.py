"""Pooling against plain loops: windows, ties, NaN, gradients, the same bits on any number of threads."""

from __future__ import annotations

import numpy as np
import pytest
from guard import guarded
from hypothesis import assume, given
from hypothesis import strategies as st

import autograd
from autograd.kernels import pool
from autograd.kernels.threads import MOST

POSITIONS = st.integers(1, 9)


@st.composite
def poolings(draw):
    """x (channels first or last in memory) and kernel, stride, padding, dilation, ceil_mode that fit it."""
    n, c, h, w = draw(st.integers(0, 3)), draw(st.sampled_from([0, 1, 3, 17, 32])), draw(POSITIONS), draw(POSITIONS)
    k = draw(st.tuples(st.integers(1, 4), st.integers(1, 4)))
    s, d = draw(st.tuples(POSITIONS, POSITIONS)), draw(st.tuples(st.integers(1, 3), st.integers(1, 3)))
    p = draw(st.integers(0, k[0] // 2)), draw(st.integers(0, k[1] // 2))
    assume(all(size + 2 * p_ >= d_ * (k_ - 1) + 1 for size, k_, p_, d_ in zip((h, w), k, p, d, strict=True)))
    values = np.random.default_rng(draw(st.integers(0, 99))).integers(-4, 4, (n, h, w, c))
    x = values.astype(draw(st.sampled_from([np.float32, np.float64]))).transpose(0, 3, 1, 2)
    x = np.ascontiguousarray(x)[:, :, ::-1] if draw(st.booleans()) else x
    return x, k, s, p, d, draw(st.booleans())


def _outputs(size, k, s, p, d, ceil_mode):
    """Window starts, by torch's words: all that fit; with ceil_mode one more unless it would start in the padding."""
    starts = [o * s - p for o in range(size + 2 * p) if o * s + d * (k - 1) + 1 <= size + 2 * p]
    last = starts[-1] + s
    if ceil_mode and starts[-1] + d * (k - 1) + 1 < size + p and last < size:
        starts.append(last)
    return starts


def _inside(start, size, k, d):
    return [i for i in range(start, start + d * (k - 1) + 1, d) if 0 <= i < size]


def _slow_max(x, k, s, p, d, ceil_mode):
    H, W = x.shape[2:]
    rows, cols = (_outputs(size, *a, ceil_mode) for size, a in zip((H, W), zip(k, s, p, d, strict=True), strict=True))
    y = np.full((*x.shape[:2], len(rows), len(cols)), -np.inf, x.dtype)
    index = np.full(y.shape, -1)
    for at in np.ndindex(y.shape):
        plane, (a, b) = x[at[:2]], at[2:]
        for i in _inside(rows[a], H, k[0], d[0]):
            for j in _inside(cols[b], W, k[1], d[1]):
                if index[at] < 0 or plane[i, j] > y[at] or np.isnan(plane[i, j]):
                    y[at], index[at] = plane[i, j], i * W + j
    return y, index


def _spread(g, index, shape):
    gx = np.zeros(shape, g.dtype)
    for at in np.ndindex(g.shape):
        if index[at] >= 0:
            gx[at[:2]].reshape(-1)[index[at]] += g[at]
    return gx


@given(poolings(), st.booleans(), st.booleans())
def test_max_pool_and_its_gradient(pooling, with_nan, at_end):
    x, *geometry = pooling
    if with_nan:
        x = np.where(x == 3, np.nan, x).astype(x.dtype)
    last = guarded(pool.channels_last(x), at_end)
    y, index = pool.max_pool2d(pool.channels_first(last), *geometry)
    assert pool.channels_last(y).base is not None and pool.channels_last(y).flags.c_contiguous
    expected, where = _slow_max(x, *geometry)
    np.testing.assert_array_equal(y, expected)
    assert index.dtype == np.uint8
    positions = pool.places(index, x.shape, *geometry)
    np.testing.assert_array_equal(positions, where)
    g = np.arange(y.size, dtype=x.dtype).reshape(y.shape) % 7 - 3
    g = pool.channels_first(guarded(pool.channels_last(g), at_end))
    index = pool.channels_first(guarded(pool.channels_last(index), at_end))
    gx = _spread(g, where, x.shape)
    np.testing.assert_array_equal(pool.max_pool2d_input(g, index, x.shape, *geometry), gx)
    positions = pool.channels_first(guarded(pool.channels_last(positions.astype(np.int32)), at_end))
    np.testing.assert_array_equal(pool.max_pool2d_input(g, positions, x.shape), gx)
    np.testing.assert_array_equal(pool.max_pool2d_input(g, positions, x.shape, *geometry), gx)
    expected = np.where(where < 0, 0, y)
    np.testing.assert_array_equal(pool.max_pool2d_gather(pool.channels_first(last), positions), expected)


@pytest.mark.parametrize("channels", [3, 24])
@pytest.mark.parametrize("kernel", [(15, 17), (16, 16), (20, 14)])  # as many places as a byte can number, and more
def test_windows_of_many_places(channels, kernel):
    x = np.random.default_rng(0).integers(-9, 9, (2, channels, 24, 31)).astype(np.float32)
    geometry = kernel, (3, 2), (7, 7), (1, 1), False
    y, index = pool.max_pool2d(x, *geometry)
    assert index.dtype == (np.uint8 if kernel == (15, 17) else np.int32)
    expected, where = _slow_max(x, *geometry)
    np.testing.assert_array_equal(y, expected)
    np.testing.assert_array_equal(pool.places(index, x.shape, *geometry), where)
    np.testing.assert_array_equal(pool.max_pool2d_input(y, index, x.shape, *geometry), _spread(y, where, x.shape))
    one = pool.max_pool2d_input(y[:1], index[:1], (1, *x.shape[1:]), *geometry)
    np.testing.assert_array_equal(one, _spread(y, where, x.shape)[:1])


@given(poolings(), st.booleans(), st.sampled_from([None, 3]), st.booleans())
def test_average_pool_and_its_gradient(pooling, pad, divisor, at_end):
    x, k, s, p, _, ceil_mode = pooling
    H, W = x.shape[2:]
    assume(H + 2 * p[0] >= k[0] and W + 2 * p[1] >= k[1])
    rows, cols = _outputs(H, k[0], s[0], p[0], 1, ceil_mode), _outputs(W, k[1], s[1], p[1], 1, ceil_mode)
    y = np.zeros((*x.shape[:2], len(rows), len(cols)))
    g = np.random.default_rng(0).normal(size=y.shape).astype(x.dtype)
    gx = np.zeros(x.shape)
    for a, top in enumerate(rows):
        for b, left in enumerate(cols):
            window = np.ix_(range(x.shape[0]), range(x.shape[1]), _inside(top, H, k[0], 1), _inside(left, W, k[1], 1))
            area = (min(top + k[0], H + p[0]) - top) * (min(left + k[1], W + p[1]) - left)
            count = divisor or (area if pad else window[2].size * window[3].size)
            y[:, :, a, b] = x[window].sum((2, 3)) / count
            gx[window] += (g[:, :, a, b] / count)[:, :, None, None]
    tolerance = 1e-12 if x.dtype == np.float64 else 1e-5
    x_in = pool.channels_first(guarded(pool.channels_last(x), at_end))
    g_in = pool.channels_first(guarded(pool.channels_last(g), at_end))
    settings = k, s, p, ceil_mode, pad, divisor
    np.testing.assert_allclose(pool.avg_pool2d(x_in, *settings), y, tolerance, tolerance)
    np.testing.assert_allclose(pool.avg_pool2d_input(g_in, x.shape, *settings), gx, tolerance, tolerance)


@given(st.integers(1, 9), st.integers(1, 9), st.integers(1, 11), st.integers(1, 11), st.sampled_from([3, 20]))
def test_adaptive_pools_cover_the_plane(h, w, p, q, c):
    x = np.random.default_rng(1).normal(size=(2, c, h, w))
    g = np.random.default_rng(2).normal(size=(2, c, p, q))
    mean, top, gx = np.empty(g.shape), np.empty(g.shape), np.zeros(x.shape)
    for a in range(p):
        for b in range(q):
            window = np.s_[:, :, a * h // p : -((a + 1) * h // -p), b * w // q : -((b + 1) * w // -q)]
            mean[:, :, a, b], top[:, :, a, b] = x[window].mean((2, 3)), x[window].max((2, 3))
            gx[window] += (g[:, :, a, b] / x[window][0, 0].size)[:, :, None, None]
    np.testing.assert_allclose(pool.adaptive_avg_pool2d(x, (p, q)), mean, 1e-12, 1e-12)
    np.testing.assert_allclose(pool.adaptive_avg_pool2d_input(g, x.shape), gx, 1e-12, 1e-12)
    y, index = pool.adaptive_max_pool2d(x, (p, q))
    np.testing.assert_array_equal(y, top)
    np.testing.assert_array_equal(
        np.take_along_axis(x.reshape(2, c, -1), index.reshape(2, c, -1), 2), y.reshape(2, c, -1)
    )


@pytest.mark.parametrize("position", [-5, 16, 2**31 - 1])
def test_a_position_outside_the_plane_is_dropped(position):
    x = pool.channels_first(guarded(np.ones((1, 4, 4, 1), np.float32), True))
    index = np.full((1, 1, 2, 2), position, np.int32)
    assert pool.max_pool2d_input(np.ones((1, 1, 2, 2), np.float32), index, x.shape).sum() == 0
    assert pool.max_pool2d_gather(x, index).sum() == 0


def test_same_bits_on_any_number_of_threads():
    x = np.random.default_rng(0).normal(size=(3, 40, 50, 50)).astype(np.float32)
    results = []
    for threads in (1, MOST):
        autograd.set_num_threads(threads)
        y, index = pool.max_pool2d(x, 3, 2, 1)
        mean = pool.avg_pool2d(x, 3, 1, 1)
        results.append((y, index, pool.max_pool2d_input(y, index, x.shape, 3, 2, 1), mean))
        positions = pool.places(index, x.shape, 3, 2, 1).astype(np.int32)
        results[-1] += (pool.max_pool2d_input(y, positions, x.shape), pool.avg_pool2d_input(mean, x.shape, 3, 1, 1))
    for one, other in zip(*results, strict=True):
        np.testing.assert_array_equal(one, other)
