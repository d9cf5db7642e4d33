"""The k largest and the element of a rank against a stable sort, with ties, NaN and any number of threads."""

from __future__ import annotations

import numpy as np
from guard import guarded
from hypothesis import given
from hypothesis import strategies as st

import autograd
from autograd.kernels import select
from autograd.kernels.threads import MOST


@st.composite
def rows(draw):
    """(R, C) of few or many distinct values, with NaN and infinities where floats."""
    R, C = draw(st.sampled_from([1, 3, 60, 400])), draw(st.sampled_from([1, 2, 7, 50, 333]))
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    x = rng.integers(-draw(st.sampled_from([1, 3, 10**6])), 10, (R, C))
    dtype = draw(st.sampled_from([np.float32, np.float64, np.int64]))
    x = np.sort(x, 1) if draw(st.booleans()) else x
    x = x.astype(dtype)
    if dtype != np.int64:
        x[rng.random(x.shape) < draw(st.sampled_from([0, 0.2, 1]))] = np.nan
        x[rng.random(x.shape) < 0.1] = -np.inf
    return guarded(x, draw(st.booleans()))


def _descending(x):
    return x.shape[1] - 1 - np.argsort(x[:, ::-1], 1, kind="stable")[:, ::-1]


@given(rows(), st.sampled_from([1, 2, 5, 50]), st.booleans())
def test_the_largest_and_the_smallest(x, k, largest):
    k = min(k, x.shape[1])
    order = (_descending(x) if largest else np.argsort(x, 1, kind="stable"))[:, :k]
    values, places = select.top(x, k, largest)
    np.testing.assert_array_equal(places, order)
    np.testing.assert_array_equal(values, np.take_along_axis(x, order, 1))


@given(rows(), st.floats(0, 1))
def test_the_element_of_a_rank(x, share):
    order = np.argsort(x, 1, kind="stable")
    numbers = (x == x).sum(1)
    n = x.shape[1]
    ranks = {
        int(share * (n - 1)): np.full(len(x), int(share * (n - 1))),
        -1: np.where(numbers < n, numbers, (n - 1) // 2),
        -2: np.maximum(numbers - 1, 0) // 2,
    }
    for rank, at in ranks.items():
        values, places = select.ranked(x, rank)
        expected = np.take_along_axis(order, at[:, None], 1)
        np.testing.assert_array_equal(places, expected[:, 0])
        np.testing.assert_array_equal(values, np.take_along_axis(x, expected, 1)[:, 0])


def test_same_on_any_number_of_threads():
    x = np.random.default_rng(0).normal(size=(700, 90))
    results = []
    for threads in (1, MOST):
        autograd.set_num_threads(threads)
        results.append((*select.top(x, 4, True), *select.ranked(x, 20)))
    for one, other in zip(*results, strict=True):
        np.testing.assert_array_equal(one, other)
