"""Pictures read at points, and the adjoints, against plain numpy, at the ends of memory."""

from __future__ import annotations

import numpy as np
import pytest
from guard import guarded

import autograd
from autograd.kernels import sample


def _taken(x, index):
    """(K, N, C, Q)."""
    return np.stack(
        [np.where(at[:, None] < 0, 0, np.take_along_axis(x, np.maximum(at, 0)[:, None], 2)) for at in index]
    )


@pytest.mark.parametrize("shape", [(1, 1, 1, 1, 1), (2, 3, 20, 30, 4), (2, 33, 50, 300, 4), (3, 16, 9, 513, 1)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_against_numpy(shape, dtype):
    N, C, P, Q, K = shape
    rng = np.random.default_rng(0)
    bound = 1e-5 if dtype == np.float32 else 1e-13
    for at_end in (False, True):
        x, g = (guarded(rng.normal(size=(N, n, C)).astype(dtype), at_end).transpose(0, 2, 1) for n in (P, Q))
        w = guarded(rng.normal(size=(K, N, Q)).astype(dtype), at_end)
        index = guarded(rng.integers(-1, P, (K, N, Q)), at_end)
        taken = _taken(x, index)
        np.testing.assert_allclose(sample.read(x, w, index), (taken * w[:, :, None]).sum(0), bound, bound)
        np.testing.assert_allclose(sample.match(g, x, index), (taken * g).sum(2), bound, 10 * bound)
        back = np.zeros((N, C, P))
        for k, n, q in np.ndindex(K, N, Q):
            if index[k, n, q] >= 0:
                back[n, :, index[k, n, q]] += w[k, n, q] * g[n, :, q]
        np.testing.assert_allclose(sample.spread(g, w, index, P), back, bound, 30 * bound)


def test_same_bits_on_any_number_of_threads():
    rng = np.random.default_rng(0)
    x, g = rng.normal(size=(2, 4, 16, 900)).astype(np.float32)
    w, index = rng.normal(size=(4, 4, 900)).astype(np.float32), rng.integers(-1, 900, (4, 4, 900))
    results = []
    for threads in (1, 2):
        autograd.set_num_threads(threads)
        results.append([sample.read(x, w, index), sample.spread(g, w, index, 900), sample.match(g, x, index)])
    for a, b in zip(*results, strict=True):
        np.testing.assert_array_equal(a, b)
