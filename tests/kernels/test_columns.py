"""Joining and cutting against numpy, at the ends of memory."""

from __future__ import annotations

import numpy as np
import pytest
from guard import guarded
from hypothesis import given
from hypothesis import strategies as st

from autograd.kernels import columns


@given(
    st.sampled_from([(3, 4), (7,), (40, 1, 30), (2, 90, 50, 3)]),
    st.lists(st.integers(0, 5), min_size=1, max_size=4),
    st.sampled_from([np.float32, np.float64, np.bool_, np.int16]),
    st.integers(-4, 3),
    st.booleans(),
)
def test_join_and_cut(shape, lengths, dtype, axis, at_end):
    axis %= len(shape)
    rng = np.random.default_rng(0)
    shapes = [(*shape[:axis], n, *shape[axis + 1 :]) for n in lengths]
    arrays = [guarded((rng.normal(size=s) * 2).astype(dtype), at_end) for s in shapes]
    whole = columns.join(arrays, axis)
    assert whole.dtype == dtype
    np.testing.assert_array_equal(whole, np.concatenate(arrays, axis))
    whole, at = guarded(whole, at_end), 0
    for a in arrays:
        np.testing.assert_array_equal(columns.cut(whole, axis, at, a.shape[axis]), a)
        at += a.shape[axis]


def test_shapes_that_do_not_fit_are_named():
    with pytest.raises(ValueError, match="join: shapes"):
        columns.join([np.zeros((2, 3)), np.zeros((3, 3))], 1)
