"""The gated linear unit against numpy in every memory order, at the ends of memory."""

from __future__ import annotations

import numpy as np
import pytest
from guard import guarded

from autograd.kernels import gate


@pytest.mark.parametrize(
    ("shape", "dim"), [((6, 34), 1), ((34, 6), 0), ((3, 10, 7, 5), 1), ((2, 3, 8, 5), 2), ((2, 40_000), 1)]
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("last", [False, True])
def test_against_numpy(shape, dim, dtype, last):
    last = last and len(shape) == 4
    rng, half = np.random.default_rng(0), shape[dim] // 2
    cut = (*shape[:dim], half, *shape[dim + 1 :])

    def made(size, at_end):
        size = (size[0], *size[2:], size[1]) if last else size
        a = guarded(rng.normal(size=size).astype(dtype) * 3, at_end)
        return np.moveaxis(a, -1, 1) if last else a

    for at_end in (False, True):
        x, g = made(shape, at_end), made(cut, at_end)
        a, b = np.split(x.astype(float), 2, dim)
        s = 1 / (1 + np.exp(-b))
        bound = 1e-5 if dtype == np.float32 else 1e-12
        y = gate.glu(x, dim)
        np.testing.assert_allclose(y, a * s, bound, bound)
        assert y.flags.c_contiguous != last
        expected = np.concatenate([g * s, g * a * s * (1 - s)], dim)
        np.testing.assert_allclose(gate.glu_backward(g, x, dim), expected, bound, bound)


def test_nothing():
    assert gate.glu(np.empty((0, 4)), 1).shape == (0, 2)
