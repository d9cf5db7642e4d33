"""Elements taken where a mask holds and put back, and their places, against numpy."""

from __future__ import annotations

import numpy as np
import pytest
from guard import guarded
from hypothesis import given
from hypothesis import strategies as st

import autograd
from autograd.kernels import held

SHAPES = [(2048,), (4096,), (4097,), (1, 9000), (9000, 1), (33, 70), (5, 3, 700), (3, 5, 1, 7, 41), (130, 1, 130)]


@given(
    st.sampled_from(SHAPES),
    st.sampled_from([0, 0.01, 0.5, 1]),
    st.sampled_from([np.float32, np.float64]),
    st.booleans(),
)
def test_against_numpy(shape, share, dtype, at_end):
    rng = np.random.default_rng(0)
    x = guarded(rng.standard_normal(shape).astype(dtype), at_end)
    mask = guarded(rng.random(shape) < share, at_end)
    values = held.taken(x, mask)
    np.testing.assert_array_equal(values, x[mask])
    expected = np.zeros(shape, dtype)
    expected[mask] = x[mask]
    np.testing.assert_array_equal(held.put(guarded(values, at_end), mask), expected)
    np.testing.assert_array_equal(held.places(mask), np.argwhere(mask))


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64])
def test_tensors(dtype):
    """Of any order of memory, large enough for the kernels, and with masks of fewer dimensions."""
    whole = (np.random.default_rng(0).standard_normal((20, 30, 40)) * 2).astype(dtype)
    for a in (whole, whole[::2], whole.transpose(1, 0, 2), whole[:, :, ::-1], np.asfortranarray(whole)):
        x = autograd.from_numpy(np.array(a, order="K"))
        np.testing.assert_array_equal(x.nonzero().numpy(), np.argwhere(a))
        np.testing.assert_array_equal((x > 0).nonzero().numpy(), np.argwhere(a > 0))
        np.testing.assert_array_equal(x[x > 0].numpy(), a[a > 0])
        np.testing.assert_array_equal(x.masked_select(x > 0).numpy(), a[a > 0])
        few = x[:, :, 0] > 0
        np.testing.assert_array_equal(x[few].numpy(), a[a[:, :, 0] > 0])
        if dtype != np.int64:
            x.requires_grad_()
            (x[x > 0] ** 2).sum().backward()
            np.testing.assert_array_equal(x.grad.numpy(), np.where(a > 0, 2 * a, 0))


def test_bytes_of_foreign_memory_may_be_more_than_one():
    mask = np.random.default_rng(0).integers(0, 3, 10_000).astype(np.uint8).view(np.bool_)
    x = np.arange(10_000, dtype=np.float32)
    truth = mask.view(np.uint8) != 0
    np.testing.assert_array_equal(held.taken(x, mask), x[truth])
    np.testing.assert_array_equal(held.put(x[truth] + 1, mask), np.where(truth, x + 1, 0))
    np.testing.assert_array_equal(held.places(mask)[:, 0], np.flatnonzero(truth))
