"""Maps along an axis against plain sums, in every memory order, at the ends of memory and on any number of threads."""

from __future__ import annotations

import numpy as np
from guard import guarded
from hypothesis import assume, given
from hypothesis import strategies as st

import autograd
from autograd.kernels.resample import resample
from autograd.kernels.threads import MOST


@given(
    st.tuples(st.integers(0, 3), st.integers(1, 5), st.integers(1, 20), st.integers(1, 9)),
    st.permutations(range(4)),
    st.integers(0, 3),
    st.integers(1, 12),
    st.integers(1, 4),
    st.sampled_from([np.float32, np.float64]),
    st.booleans(),
)
def test_resample_is_its_sum(shape, order, axis, out, taps, dtype, at_end):
    rng = np.random.default_rng(0)
    memory = rng.standard_normal([shape[i] for i in order]).astype(dtype)
    x = guarded(memory, at_end).transpose(np.argsort(order))
    assume(x.shape[axis])
    index = guarded(rng.integers(0, x.shape[axis], (out, taps)), at_end)
    weight = guarded(rng.standard_normal((out, taps)).astype(dtype), at_end)
    y = resample(x, axis, index, weight)
    along = [-1 if i == axis else 1 for i in range(4)]
    expected = sum(np.take(x, index[:, k], axis) * weight[:, k].astype(float).reshape(along) for k in range(taps))
    assert y.dtype == dtype
    np.testing.assert_allclose(y, expected, 1e-5, 1e-5)


def test_memory_stays_in_its_order():
    x = np.zeros((2, 5, 6, 3), np.float32).transpose(0, 3, 1, 2)  # channels last
    index, weight = np.zeros((9, 2), np.int64), np.zeros((9, 2), np.float32)
    for axis in (2, 3):
        assert np.moveaxis(resample(x, axis, index, weight), 1, -1).flags.c_contiguous


def test_same_bits_on_any_number_of_threads():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((3, 20, 40, 40)).astype(np.float32)
    index, weight = rng.integers(0, 40, (80, 2)), rng.standard_normal((80, 2)).astype(np.float32)
    results = []
    for threads in (1, MOST):
        autograd.set_num_threads(threads)
        results.append([resample(x, axis, index, weight) for axis in (2, 3)])
    for one, other in zip(*results, strict=True):
        np.testing.assert_array_equal(one, other)
