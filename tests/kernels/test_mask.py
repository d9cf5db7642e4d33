"""Filling under a broadcast mask against numpy's `where`, at the ends of memory and on any number of threads."""

from __future__ import annotations

import numpy as np
import pytest
from guard import guarded
from hypothesis import given
from hypothesis import strategies as st

import autograd
from autograd.kernels import mask
from autograd.kernels.threads import MOST

SHAPE = (3, 4, 16, 37)


@given(
    st.tuples(*[st.sampled_from([n, 1]) for n in SHAPE]),
    st.integers(1, 4),
    st.sampled_from([np.float32, np.float64]),
    st.sampled_from([-np.inf, 0.0, np.nan]),
    st.booleans(),
    st.booleans(),
)
def test_fill_is_where(mask_shape, dims, dtype, value, turned, at_end):
    rng = np.random.default_rng(0)
    shape = (*SHAPE[:-1], 37 * 64) if dims == 1 else SHAPE
    x = guarded(rng.standard_normal(shape[-dims:]).astype(dtype), at_end)
    held = rng.random([n if m > 1 else 1 for n, m in zip(x.shape, mask_shape[-dims:], strict=True)]) < 0.5
    held = guarded(held, at_end)
    if turned:
        held = held[..., ::-1] if held.ndim == 1 else held.swapaxes(0, -1).copy().swapaxes(0, -1)
    y = mask.fill(x, held, value)
    expected = np.where(held, dtype(value), x)
    if y is None:
        assert x.size < mask.SOME or held.strides[-1] not in (0, 1)
    else:
        assert y.dtype == dtype
        np.testing.assert_array_equal(y, expected)


def test_what_numpy_does_as_well_is_left_to_it():
    x, held = np.zeros((64, 64), np.float32), np.ones((64, 64), np.bool_)
    assert mask.fill(x, held, 1.0) is not None
    assert mask.fill(x.astype(np.int64), held, 1) is None
    assert mask.fill(x.T, held, 1.0) is None
    assert mask.fill(x[:8], held[:8], 1.0) is None
    assert mask.fill(x, held[None], 1.0) is None
    with pytest.raises(ValueError, match="broadcast"):
        mask.fill(x, held[:3], 1.0)


def test_same_bits_on_any_number_of_threads():
    rng = np.random.default_rng(0)
    x, held = rng.standard_normal((8, 4, 64, 65)).astype(np.float32), rng.random((64, 65)) < 0.5
    results = []
    for threads in (1, MOST):
        autograd.set_num_threads(threads)
        results.append(mask.fill(x, held, -np.inf))
    np.testing.assert_array_equal(*results)
