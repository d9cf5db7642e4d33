"""Extremes, the places where they are first found and their gradients, against numpy."""

from __future__ import annotations

import numpy as np
import pytest
from guard import guarded
from hypothesis import given
from hypothesis import strategies as st

import autograd
from autograd.kernels import extremes

DTYPES = [np.float32, np.float64]


def _with_ties(shape, dtype, seed=0):
    """Few values, so that the extremes are there more than once; infinities and NaN in some rows."""
    rng = np.random.default_rng(seed)
    x = rng.integers(-3, 4, shape).astype(dtype)
    flat = x.reshape(-1)
    flat[rng.random(flat.size) < 0.02] = np.nan
    flat[rng.random(flat.size) < 0.02] = -np.inf
    return x


@given(
    st.sampled_from([(1, 7), (5, 16), (40, 1), (33, 64), (3, 1000), (70, 333)]), st.sampled_from([1, 3, 130]),
    st.sampled_from(DTYPES), st.booleans(), st.booleans(),
)  # fmt: skip
def test_values_and_first_places(shape, inner, dtype, largest, at_end):
    x = guarded(_with_ties((*shape, inner), dtype), at_end)
    values, places = extremes.along(x, 1, largest)
    expected = (np.argmax if largest else np.argmin)(x, 1, keepdims=True)
    assert values.dtype == dtype and places.dtype == np.int64
    np.testing.assert_array_equal(places, expected)
    np.testing.assert_array_equal(values, np.take_along_axis(x, expected, 1))


def _shares(g, x, y, axis):
    chosen = (x == y) | (np.isnan(x) & np.isnan(y))
    return np.where(chosen, g.astype(float) / chosen.sum(axis, keepdims=True), 0).astype(x.dtype)


@given(st.sampled_from([(5, 16), (40, 1), (33, 64), (3, 1001), (70, 333)]), st.sampled_from(DTYPES), st.booleans())
def test_shared_gradients(shape, dtype, at_end):
    x = guarded(_with_ties(shape, dtype), at_end)
    g = np.random.default_rng(1).standard_normal((shape[0], 1)).astype(dtype)
    y = x.max(1, keepdims=True)
    np.testing.assert_array_equal(extremes.shared(g, x, y), _shares(g, x, y, 1))
    for top in (x.max(), np.nanmax(x)):
        top = np.asarray(top)
        np.testing.assert_array_equal(extremes.shared(g[:1], x, top), _shares(g[:1], x, top, None))


@given(st.sampled_from([(1, 7, 1), (5, 16, 3), (2, 40, 130), (1, 64, 400)]), st.sampled_from(DTYPES), st.booleans())
def test_gradients_shared_down_columns(shape, dtype, at_end):
    x = guarded(_with_ties(shape, dtype), at_end)
    g = np.random.default_rng(1).standard_normal((shape[0], 1, shape[2])).astype(dtype)
    y = x.max(1, keepdims=True)
    np.testing.assert_array_equal(extremes.shared_down(g, x, y, 1), _shares(g, x, y, 1))


@pytest.mark.parametrize("dtype", DTYPES)
def test_tensors(dtype):
    """Of any order of memory, large enough for the kernels."""
    rows = _with_ties((60, 30, 40), dtype)
    for a in (rows, rows[::2], rows.transpose(1, 0, 2), rows[:, :, ::-1], np.asfortranarray(rows)):
        x = autograd.from_numpy(np.array(a, order="K")).requires_grad_()
        for dim in (0, 1, 2, -1):
            values, indices = x.max(dim)
            np.testing.assert_array_equal(indices.numpy(), a.argmax(dim))
            np.testing.assert_array_equal(values.detach().numpy(), a.max(dim))
            np.testing.assert_array_equal(x.argmin(dim, keepdim=True).numpy(), a.argmin(dim, keepdims=True))
        for dim in (-1, 0, (0, 1), None):
            x.grad = None
            y = x.amax() if dim is None else x.amax(dim, keepdim=True)
            y.sum().backward()
            top = y.detach().numpy()
            np.testing.assert_array_equal(x.grad.numpy(), _shares(np.ones_like(top), a, top, dim))


@pytest.mark.parametrize("axis", range(4))
def test_channels_last_memory_is_gone_through_as_it_stands(axis):
    x = np.random.default_rng(0).integers(-5, 5, (3, 7, 9, 20)).astype(np.float32)
    x[0, 1, 2, 3] = np.nan
    turned = np.moveaxis(np.ascontiguousarray(np.moveaxis(x, 1, -1)), -1, 1)
    for largest in (True, False):
        for found, expected in zip(
            extremes.along(turned, axis, largest), extremes.along(x, axis, largest), strict=True
        ):
            np.testing.assert_array_equal(found, expected)
