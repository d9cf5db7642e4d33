"""Pooling of neighbours: beside numpy and the pooling of windows, inside arrays, the same on any number of threads."""

import numpy as np
import pytest
from guard import guarded

import autograd
import nn.functional as F
from autograd.kernels import halves
from autograd.kernels.threads import get_num_threads, set_num_threads


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("at_end", [False, True])
@pytest.mark.parametrize("shape", [(1, 2), (3, 5, 14), (2, 8194), (3, 40000), (0, 4)])
def test_pairs(shape, at_end, dtype):
    rng = np.random.default_rng(0)
    x, v = (rng.integers(-2, 3, shape).astype(dtype) for _ in range(2))
    x[rng.random(shape) < 0.1] = np.nan
    g = rng.standard_normal((*shape[:-1], shape[-1] // 2)).astype(dtype)
    x, v, g = (guarded(a, at_end) if a.size else a for a in (x, v, g))
    a, b = x[..., ::2], x[..., 1::2]
    second = (b > a) | np.isnan(b)
    results, threads = [], get_num_threads()
    for count in (1, threads):
        set_num_threads(count)
        results.append([halves.larger(x), halves.spread(g, x), halves.pick(v, x)])
    set_num_threads(threads)
    for one, many in zip(*results, strict=True):
        np.testing.assert_array_equal(one, many)
    y, gx, picked = results[0]
    np.testing.assert_array_equal(y, np.where(second, b, a))
    np.testing.assert_array_equal(gx[..., ::2], np.where(second, 0, g))
    np.testing.assert_array_equal(gx[..., 1::2], np.where(second, g, 0))
    np.testing.assert_array_equal(picked, np.where(second, v[..., 1::2], v[..., ::2]))


def test_pooling_is_that_of_windows():
    data = np.random.default_rng(0).integers(-3, 4, (4, 8, 256)).astype(np.float64)
    found = []
    for pool in (lambda x: F.max_pool1d(x, 2), lambda x: F.max_pool1d(x, 2, return_indices=True)[0]):
        x = autograd.tensor(data, requires_grad=True)
        y = pool(x)
        (gx,) = autograd.grad((y * y).sum(), x, create_graph=True)
        (gxx,) = autograd.grad((gx * gx * gx).sum(), x)
        found.append([t.detach().numpy() for t in (y, gx, gxx)])
    for ours, theirs in zip(*found, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert F.max_pool1d(autograd.zeros(32, 256), 2).shape == (32, 128)


def test_other_shapes_are_refused():
    for call in (
        lambda: halves.larger(np.zeros(3)),
        lambda: halves.spread(np.zeros(3), np.zeros(4)),
        lambda: halves.pick(np.zeros(2), np.zeros(4)),
    ):
        with pytest.raises(ValueError, match="halves"):
            call()
