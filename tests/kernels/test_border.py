"""Borders and their adjoint against numpy in both memory orders, at the ends of memory."""

from __future__ import annotations

import numpy as np
import pytest
from guard import guarded

import autograd
from autograd.kernels import border


def _reflect(n, a, b):
    return np.pad(np.arange(n), (a, b), "reflect")


CASES = [
    ((3, 4, 9), [(9, 2, 3)]),
    ((2, 3, 6, 17), [(6, 1, 0), (17, 0, 4)]),
    ((2, 3, 4, 5, 6), [(4, 1, 2), (5, 0, 0), (6, 3, 0)]),
    ((70, 8, 12), [(12, 1, 1)]),
]


@pytest.mark.parametrize(("shape", "sizes"), CASES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.uint8])
@pytest.mark.parametrize("last", [False, True])
def test_against_numpy(shape, sizes, dtype, last):
    tables = [_reflect(*size) for size in sizes]
    places = np.ix_(*[np.arange(n) for n in shape[: len(shape) - len(sizes)]], *tables)
    moved = (shape[0], *shape[2:], shape[1]) if last else shape
    for at_end in (False, True):
        x = guarded((np.random.default_rng(0).normal(size=moved) * 50).astype(dtype), at_end)
        x = np.moveaxis(x, -1, 1) if last else x
        y = border.pad(x, tables, sizes[-1][1])
        np.testing.assert_array_equal(y, x[places])
        assert np.moveaxis(y, 1, -1).flags.c_contiguous or not last
        if dtype == np.uint8:
            continue
        g = guarded(np.ascontiguousarray(np.moveaxis(y, 1, -1) if last else y), at_end)
        expected = np.zeros(shape)
        np.add.at(expected, places, y)
        ours = border.fold(np.moveaxis(g, -1, 1) if last else g, shape, tables, sizes[-1][1])
        np.testing.assert_allclose(ours, expected, 1e-5, 1e-4)


def test_same_bits_on_any_number_of_threads():
    x = np.random.default_rng(0).normal(size=(8, 9, 30, 30)).astype(np.float32)
    tables, results = [_reflect(30, 3, 3)] * 2, []
    for threads in (1, 2):
        autograd.set_num_threads(threads)
        y = border.pad(x, tables, 3)
        results.append([y, border.fold(y, x.shape, tables, 3)])
    for a, b in zip(*results, strict=True):
        np.testing.assert_array_equal(a, b)
