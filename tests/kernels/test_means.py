"""Means of rows and softsign: beside numpy, inside their arrays, and the same on any number of threads."""

import numpy as np
import pytest
from guard import guarded

import autograd
import nn.functional as F
from autograd.kernels.means import means
from autograd.kernels.threads import get_num_threads, set_num_threads


@pytest.mark.parametrize("dtype, near", [(np.float32, 1e-6), (np.float64, 1e-14)])
@pytest.mark.parametrize("at_end", [False, True])
@pytest.mark.parametrize("rows, n", [(1, 1), (3, 63), (5, 128), (2, 129), (40, 3136), (2, 20000), (0, 4)])
def test_means(rows, n, at_end, dtype, near):
    x = (np.random.default_rng(0).standard_normal((rows, n)) + 1).astype(dtype)
    x = guarded(x, at_end) if x.size else x
    results, threads = [], get_num_threads()
    for count in (1, threads):
        set_num_threads(count)
        results.append(means(x, n))
    set_num_threads(threads)
    np.testing.assert_array_equal(*results)
    np.testing.assert_allclose(results[0], x.mean(1, dtype=np.float64) if rows else np.empty(0), near, near)


def test_means_of_other_lengths_are_refused():
    with pytest.raises(ValueError, match="means"):
        means(np.zeros(7), 2)


@pytest.mark.parametrize("dtype, near", [(np.float32, 1e-6), (np.float64, 1e-15)])
@pytest.mark.parametrize("size", [7, 2047, 2048, 50001])
def test_softsign(size, dtype, near):
    data = (np.random.default_rng(0).standard_normal(size) * 9).astype(dtype)
    data[:5] = [0.0, -0.0, np.nan, 1e30, -1e30]
    x = autograd.tensor(data, requires_grad=True)
    y = F.softsign(x)
    np.testing.assert_allclose(y.detach().numpy(), data / (1 + np.abs(data)), near)
    g = np.linspace(-1, 1, size).astype(dtype)
    with np.errstate(over="ignore"):
        y.backward(autograd.tensor(g))
        np.testing.assert_allclose(x.grad.numpy(), g / (1 + np.abs(data)) ** 2, near)
