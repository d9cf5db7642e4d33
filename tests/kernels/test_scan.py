"""Running sums, products and extremes against numpy, at the ends of memory and on any number of threads."""

from __future__ import annotations

import numpy as np
from guard import guarded
from hypothesis import given
from hypothesis import strategies as st

import autograd
from autograd.kernels import scan
from autograd.kernels.threads import MOST


@given(
    st.sampled_from([(7,), (0, 3), (3, 0), (5, 300), (40, 2, 30), (2, 90, 3, 50)]),
    st.integers(-4, 3),
    st.sampled_from([np.float32, np.float64]),
    st.booleans(),
)
def test_running_sums_products_and_extremes(shape, axis, dtype, at_end):
    axis %= len(shape)
    rng = np.random.default_rng(0)
    x = guarded(
        rng.choice(np.array([1.25, -0.5, 2, -1, 0.75, -0.0, np.nan], dtype), shape, p=[0.2] * 4 + [0.15, 0.04, 0.01]),
        at_end,
    )
    for combine in (np.add, np.multiply):
        for reverse in (False, True):
            turned = np.flip(x, axis) if reverse else x
            expected = combine.accumulate(turned, axis=axis, dtype=np.float64)
            expected = (np.flip(expected, axis) if reverse else expected).astype(dtype)
            ours = scan.running(x, axis, combine is np.multiply, reverse)
            np.testing.assert_array_equal(ours, expected)
            np.testing.assert_array_equal(np.signbit(ours), np.signbit(expected))
    for combine in (np.maximum, np.minimum):
        values, places = scan.extremes(x, axis, combine is np.maximum)
        expected = combine.accumulate(x, axis=axis)
        np.testing.assert_array_equal(values, expected)
        at = np.arange(shape[axis]).reshape((-1,) + (1,) * (len(shape) - 1 - axis))
        found = np.maximum.accumulate(np.where((x == expected) | (x != x), at, 0), axis=axis)
        np.testing.assert_array_equal(places, found)


def test_same_bits_on_any_number_of_threads():
    x = np.random.default_rng(0).normal(size=(30, 70, 40)).astype(np.float32)
    results = []
    for threads in (1, MOST):
        autograd.set_num_threads(threads)
        results.append([*(scan.running(x, axis) for axis in range(3)), *scan.extremes(x, 1, True)])
    for one, other in zip(*results, strict=True):
        np.testing.assert_array_equal(one, other)
