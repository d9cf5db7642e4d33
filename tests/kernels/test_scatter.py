"""Gathers and sums by index against np.add.at, with duplicates, wild indices and any number of threads."""

from __future__ import annotations

import numpy as np
import pytest
from guard import guarded
from hypothesis import given
from hypothesis import strategies as st

import autograd
from autograd.kernels import scatter
from autograd.kernels.threads import MOST

SIZES = st.sampled_from([1, 2, 9, 300])


@given(SIZES, st.sampled_from([1, 3, 70]), st.sampled_from([0, 1, 40, 700]), st.sampled_from([None, 0]), st.booleans())
def test_embedding_its_gradient_and_index_add(R, C, n, padding, at_end):
    rng = np.random.default_rng(R + n)
    weight, g = guarded(rng.normal(size=(R, C)), at_end), guarded(rng.normal(size=(n, C)), at_end)
    indices = guarded(rng.integers(0, R, n), at_end)
    np.testing.assert_array_equal(scatter.embedding(weight, indices.reshape(n, 1)), weight[indices][:, None])
    expected = np.zeros((R, C))
    np.add.at(expected, indices, g)
    if padding is not None:
        expected[padding] = 0
    np.testing.assert_array_equal(scatter.embedding_backward(g, indices, R, padding), expected)
    for ordered in (0, 1 << 30):  # sorted, and as they come
        expected = weight.copy()
        np.add.at(expected, indices, g)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(scatter, "ORDERED", ordered)
            scatter.index_add(weight, indices, g)
        np.testing.assert_array_equal(weight, expected)


@given(SIZES, SIZES, st.sampled_from([1, 4, 90]), st.sampled_from([1, 30]), st.integers(-3, 2), st.booleans())
def test_gather_and_scatter_add(a, b, c, length, dim, at_end):
    rng = np.random.default_rng(a + b)
    shape = [min(a, 9), min(b, 20), c]
    out = guarded(rng.normal(size=shape), at_end)
    size, shape[dim] = shape[dim], length
    index, src = guarded(rng.integers(0, size, shape), at_end), guarded(rng.normal(size=shape), at_end)
    expected, places = out.copy(), list(np.indices(shape))
    places[dim] = index
    np.add.at(expected, tuple(places), src)
    np.testing.assert_array_equal(scatter.gather(out, dim, index), np.take_along_axis(out, index, dim))
    scatter.scatter_add(out, dim, index, src)
    np.testing.assert_array_equal(out, expected)


@given(SIZES, SIZES, st.sampled_from([1, 4, 90]), st.integers(0, 2), st.booleans())
def test_one_placed_each(a, b, c, dim, at_end):
    rng = np.random.default_rng(a + b)
    shape = [min(a, 9), min(b, 20), c]
    expected = np.zeros(shape)
    size, shape[dim] = shape[dim], 1
    index, g = guarded(rng.integers(0, size, shape), at_end), guarded(rng.normal(size=shape), at_end)
    np.put_along_axis(expected, index, g, dim)
    np.testing.assert_array_equal(scatter.placed(g, dim, index, size), expected)
    wild = scatter.placed(g, dim, index - size, size)
    np.testing.assert_array_equal(wild, np.zeros_like(expected))


@pytest.mark.parametrize("wild", [-1, 4, 2**62, -(2**62)])
def test_an_index_outside_is_skipped_not_followed(wild, monkeypatch):
    weight, index = guarded(np.ones((4, 2)), True), np.array([wild, 1])
    np.testing.assert_array_equal(scatter.embedding(weight, index), [[0, 0], [1, 1]])
    np.testing.assert_array_equal(scatter.embedding_backward(np.ones((2, 2)), index, 4).sum(1), [0, 2, 0, 0])
    for ordered in (0, 1 << 30):
        monkeypatch.setattr(scatter, "ORDERED", ordered)
        scatter.index_add(weight, index, np.ones((2, 2)))
    np.testing.assert_array_equal(weight[:, 0], [1, 3, 1, 1])
    out = guarded(np.zeros((4, 1)), True)
    scatter.scatter_add(out, 0, index[:, None], np.ones((2, 1)))
    np.testing.assert_array_equal(out[:, 0], [0, 1, 0, 0])
    np.testing.assert_array_equal(scatter.gather(out, 0, index[:, None])[:, 0], [0, 1])


def test_arguments_that_do_not_fit_are_named():
    with pytest.raises(ValueError, match="gather: index"):
        scatter.gather(np.zeros((2, 3)), 0, np.zeros((2, 2), np.int64))
    with pytest.raises(ValueError, match="scatter_add: index"):
        scatter.scatter_add(np.zeros((2, 3)), 0, np.zeros((2, 2), np.int64), np.zeros((2, 2)))
    with pytest.raises(ValueError, match="index_add: out has strides"):
        scatter.index_add(np.zeros((4, 4))[:, ::2], np.zeros(1, np.int64), np.zeros((1, 2)))


def test_same_bits_on_any_number_of_threads():
    rng = np.random.default_rng(0)
    g, indices = rng.normal(size=(4000, 30)).astype(np.float32), rng.integers(0, 50, 4000)
    results = []
    for threads in (1, MOST):
        autograd.set_num_threads(threads)
        out = np.zeros((50, 30), np.float32)
        scatter.scatter_add(out, 0, np.repeat(indices[:, None], 30, 1), g)
        results.append((scatter.embedding_backward(g, indices, 50), out))
    for one, other in zip(*results, strict=True):
        np.testing.assert_array_equal(one, other)


@given(st.sampled_from([1, 7, 16384, 50000]), st.booleans(), st.booleans())
def test_inside(n, at_end, shared):
    index = guarded(np.random.default_rng(n).integers(0, 9, n), at_end)
    index.flags.writeable = shared
    assert scatter.inside(index, 9)
    for place in {0, n // 2, n - 1}:
        for outside in (-1, 9, 2**62, -(2**63)):
            wrong = guarded(index, at_end)
            wrong[place] = outside
            assert not scatter.inside(wrong, 9)
