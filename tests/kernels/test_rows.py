"""Sums and products of rows by their numbers against numpy, at the ends of arrays and on any number of threads."""

from __future__ import annotations

import numpy as np
import pytest
from guard import guarded
from hypothesis import given
from hypothesis import strategies as st

import autograd
from autograd.kernels import rows
from autograd.kernels.threads import MOST


@given(
    st.sampled_from([1, 3, 40]), st.sampled_from([1, 3, 16, 100]), st.sampled_from([0, 1, 50, 900]), st.booleans(),
    st.sampled_from([np.float32, np.float64]),
)  # fmt: skip
def test_products_and_sums(size, D, n, at_end, dtype):
    rng = np.random.default_rng(size + D + n)
    x, y = (guarded(rng.normal(size=(k, D)).astype(dtype), at_end) for k in (size, 7))
    x_at, y_at = guarded(rng.integers(0, size, n), at_end), guarded(rng.integers(0, 7, n), at_end)
    tolerance = 1e-4 if dtype is np.float32 else 1e-12
    np.testing.assert_allclose(rows.products(x, x_at, y, y_at), (x[x_at] * y[y_at]).sum(1), rtol=0, atol=tolerance * D)
    factors = guarded(rng.normal(size=n).astype(dtype), at_end)
    expected = y.astype(np.float64)
    np.add.at(expected, y_at, 0.5 * factors[:, None] * x[x_at])
    rows.add_products(y, y_at, x, x_at, factors, 0.5)
    np.testing.assert_allclose(y, expected, rtol=0, atol=tolerance * (n + 1))
    plain = rng.normal(size=(n, D)).astype(dtype)
    np.add.at(expected, y_at, plain)
    rows.add_products(y, y_at, plain)
    np.testing.assert_allclose(y, expected, rtol=0, atol=tolerance * (n + 1))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_logistic_losses_far_from_zero(dtype):
    x, y = np.array([[1.0], [30.0]], dtype), np.array([[2.0], [-90.0], [0.0], [50.0]], dtype)
    at, starts = np.array([0, 1, 2, 3, 1, 0, 3, 1]), np.array([0, 5, 5, 8])
    signs = np.array([1, -1, 1, 0, 1, -1, 1, -1], np.int8)
    losses, slopes = rows.logistic_losses(x, np.array([0, 0, 1]), y, at, signs, starts)
    t = signs * (x[[0] * 5 + [1] * 3] * y[at])[:, 0].astype(np.float64)
    terms = np.where(signs == 0, 0, np.logaddexp(0, -t))
    np.testing.assert_allclose(losses, [terms[:5].sum(), 0, terms[5:].sum()], rtol=1e-6)
    np.testing.assert_allclose(slopes, -signs * np.exp(-np.logaddexp(0, t)), rtol=1e-5, atol=1e-37)


def test_many_terms_do_not_overflow():
    x, y, n = np.zeros((1, 2), np.float32), np.zeros((1, 2), np.float32), 5000
    at = np.zeros(n, np.int64)
    losses, _ = rows.logistic_losses(x, at[:1], y, at, np.ones(n, np.int8), np.array([0, n]))
    np.testing.assert_allclose(losses, [n * np.log(2)], rtol=1e-5)


def test_same_bits_on_any_number_of_threads():
    rng = np.random.default_rng(0)
    x, y = (rng.normal(size=(k, 100)).astype(np.float32) for k in (50, 300))
    P, terms = 700, 6
    at, y_at = rng.integers(0, 50, P), rng.integers(0, 300, P * terms)
    signs, starts = rng.integers(-1, 2, P * terms).astype(np.int8), np.arange(P + 1) * terms
    results = []
    for threads in (1, MOST):
        autograd.set_num_threads(threads)
        losses, slopes = rows.logistic_losses(x, at, y, y_at, signs, starts)
        out = y.copy()
        rows.add_products(out, y_at, x, rows.spread(at, starts), slopes, -0.1)
        results.append((losses, slopes, out, rows.products(y, y_at, x, rows.spread(at, starts))))
    for one, other in zip(*results, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_strided_result_is_refused():
    with pytest.raises(ValueError, match="add_products: out has strides"):
        rows.add_products(np.zeros((4, 4))[:, ::2], np.zeros(1, np.int64), np.zeros((1, 2)))
