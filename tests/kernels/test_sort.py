"""Stable sorting of rows against numpy's."""

from __future__ import annotations

import numpy as np
import pytest
from guard import guarded
from hypothesis import given
from hypothesis import strategies as st

import autograd
from autograd.kernels import sort


def _rows(R, C, few):
    """Of few different values, so that many are equal; or of any, both zeros, infinities and NaN among them."""
    rng = np.random.default_rng(R + C)
    x = (
        rng.integers(-2, 3, (R, C)) if few else rng.standard_normal((R, C)) * 10.0 ** rng.integers(-42, 38, (R, C))
    ).astype(np.float32)
    for value in (-0.0, 0.0, np.inf, -np.inf, np.nan, -np.nan):
        x[rng.random((R, C)) < 0.03] = value
    return x


@given(
    st.sampled_from([0, 1, 5, 64]), st.sampled_from([1, 2, 31, 32, 33, 95, 96, 97, 128, 300, 3000]), st.booleans(),
    st.booleans(), st.booleans(),
)  # fmt: skip
def test_sorted_rows(R, C, few, descending, at_end):
    x = guarded(_rows(R, C, few), at_end)
    values, places = sort.sorted_rows(x, descending)
    if descending:
        expected = (C - 1 - np.argsort(x[:, ::-1], 1, kind="stable"))[:, ::-1]
    else:
        expected = np.argsort(x, 1, kind="stable")
    np.testing.assert_array_equal(places, expected)
    np.testing.assert_array_equal(values.view(np.uint32), np.take_along_axis(x, expected, 1).view(np.uint32))


@pytest.mark.parametrize("descending", [False, True])
def test_tensors(descending):
    """Of any order of memory, large enough for the kernel, with the gradient at the places the elements came from."""
    whole = _rows(60, 30 * 40, False).reshape(60, 30, 40)
    for a in (whole, whole[::2], whole.transpose(1, 0, 2), whole[:, :, ::-1], np.asfortranarray(whole)):
        x = autograd.from_numpy(np.array(a, order="K")).requires_grad_()
        for dim in (0, 1, -1):
            values, places = x.sort(dim, descending)
            turned = np.flip(a, dim) if descending else a
            order = np.argsort(turned, dim, kind="stable")
            order = np.flip(a.shape[dim] - 1 - order, dim) if descending else order
            np.testing.assert_array_equal(places.numpy(), order)
            np.testing.assert_array_equal(x.argsort(dim, descending).numpy(), order)
            np.testing.assert_array_equal(values.detach().numpy(), np.take_along_axis(a, order, dim))
            g = np.random.default_rng(0).standard_normal(a.shape).astype(np.float32)
            (gx,) = autograd.grad(values, x, autograd.from_numpy(g))
            np.testing.assert_array_equal(np.take_along_axis(gx.numpy(), order, dim), g)
            assert (
                x.topk(a.shape[dim] // 2 + 3, dim, descending)[1].numpy()
                == np.take(order, range(a.shape[dim] // 2 + 3), dim)
            ).all()
