"""Special functions, remainders and the losses of scores: to their stated error, with the edges right, at the ends of
memory."""

from __future__ import annotations

import math

import numpy as np
import pytest
from guard import guarded
from scipy import special as scipys

import autograd
from autograd.kernels import elementwise, losses, special
from autograd.kernels.threads import MOST

DTYPES = [np.float32, np.float64]
EDGES = [0.0, -0.0, np.inf, -np.inf, np.nan, 1e-30, -1e-30, 0.9, 1.0, -1.0, 4.0, 6.0, 30.0, -30.0]


def _each(function):
    return np.vectorize(function, otypes=[float])


def _ndtr(x):
    return math.erfc(-x * math.sqrt(0.5)) / 2


CASES = {
    "erf": (_each(math.erf), lambda rng: rng.normal(size=20_001) * 2, 3.5),
    "erfc": (_each(math.erfc), lambda rng: rng.uniform(-6, 9, 20_001), 5),
    "ndtr": (_each(_ndtr), lambda rng: rng.uniform(-1, 8, 20_001), 8),
    "erfinv": (scipys.erfinv, lambda rng: np.r_[rng.uniform(-1, 1, 20_001), 1 - 2.0 ** -rng.uniform(1, 50, 999)], 6),
    "digamma": (scipys.digamma, lambda rng: rng.uniform(2.5, 60, 2001), 20),
    "trigamma": (lambda x: scipys.polygamma(1, x), lambda rng: rng.uniform(0.01, 60, 2001), 8),
    "lgamma": (scipys.gammaln, lambda rng: rng.uniform(2.5, 60, 2001), 20),
}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("at_end", [False, True])
def test_functions_are_within_their_bound(name, dtype, at_end):
    exact, draw, ulps = CASES[name]
    x = draw(np.random.default_rng(0)).astype(dtype)
    x = guarded(x[abs(x) < 1] if name == "erfinv" else x, at_end)
    y, expected = getattr(special, name)(x), exact(x.astype(float))
    assert y.dtype == dtype
    error = abs(y - expected) / np.spacing(abs(expected).astype(dtype)).astype(float)
    assert error[abs(expected) > np.finfo(dtype).tiny].max() <= ulps


@pytest.mark.parametrize("dtype", DTYPES)
def test_edges(dtype):
    x = np.array(EDGES, dtype)
    with np.errstate(all="ignore"):
        expected = {
            "erf": scipys.erf(x), "erfc": scipys.erfc(x), "ndtr": scipys.ndtr(x), "erfinv": scipys.erfinv(x),
            "digamma": np.where(x == 0, -np.copysign(np.inf, x), np.where(x < 0, np.nan, scipys.digamma(x))),
        }  # fmt: skip
    for name, y in expected.items():
        ours = getattr(special, name)(x)
        if name == "digamma":  # of tiny numbers all but a whole one
            ours, y = ours[[0, 1, 2, 4, 7, 9, 10, 11, 12]], y[[0, 1, 2, 4, 7, 9, 10, 11, 12]]
            y[6] = y[6] if np.isnan(y[6]) else scipys.digamma(4.0)
        np.testing.assert_allclose(ours, y, 1e-6 if dtype == np.float32 else 1e-14, 1e-38)
    assert np.signbit(special.erf(x))[1] and np.signbit(special.erfinv(x))[1]
    np.testing.assert_array_equal(special.trigamma(x)[[0, 1, 2, 9]], [np.inf, np.inf, 0, np.inf])


def _pairs(dtype):
    rng = np.random.default_rng(0)
    pieces = [
        (rng.normal(size=5000) * 5, rng.normal(size=5000)),
        (rng.normal(size=5000) * 1e6, rng.integers(1, 9, 5000) * rng.choice([-0.5, 0.5], 5000)),
        (rng.normal(size=333) * 1e30, rng.normal(size=333)),  # quotients beyond a float's integers
        (rng.integers(-50, 50, 999) * 0.1, np.full(999, 0.1)),
        ([0, 0.0, -0.0, 5, -5, np.inf, 1, np.nan, np.inf], [0, 1, 2, np.inf, np.inf, 1, 0, 1, np.inf]),
    ]
    return tuple(np.concatenate([piece[k] for piece in pieces]).astype(dtype) for k in (0, 1))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("at_end", [False, True])
def test_remainders_are_exact(dtype, at_end):
    x, y = (guarded(a, at_end) for a in _pairs(dtype))
    with np.errstate(all="ignore"):
        left, floor = np.fmod(x, y), np.remainder(x, y)
        quotient = np.floor_divide(x, y)
        by_number = np.fmod(x, dtype(2.5)), np.remainder(x, dtype(-2.5))
    np.testing.assert_array_equal(special.fmod(x, y), left)
    number = ~np.isnan(left)
    np.testing.assert_array_equal(np.signbit(special.fmod(x, y))[number], np.signbit(left)[number])
    np.testing.assert_array_equal(special.remainder(x, y), floor)
    finite = np.isfinite(quotient) & np.isfinite(y)
    np.testing.assert_array_equal(special.floor_divide(x, y)[finite], quotient[finite])
    np.testing.assert_array_equal(special.fmod_number(x, 2.5), by_number[0])
    np.testing.assert_array_equal(special.remainder_number(x, -2.5), by_number[1])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("at_end", [False, True])
def test_sums_of_logarithms_and_lengths(dtype, at_end):
    x, y = _pairs(dtype)
    x[:9], y[:9] = (
        [np.inf, -np.inf, np.inf, 0, np.nan, 1e30, -1e30, 0, 3],
        [np.inf, -np.inf, 1, 0, 1, 1e30, 1, 2, np.nan],
    )
    x, y = guarded(x, at_end), guarded(y, at_end)
    for name in ("logaddexp", "logaddexp2", "hypot"):
        with np.errstate(all="ignore"):
            expected = getattr(np, name)(x.astype(float), y.astype(float)).astype(dtype)
        tolerance = 3e-7 if dtype == np.float32 else 1e-15
        np.testing.assert_allclose(getattr(special, name)(x, y), expected, tolerance, tolerance)


@pytest.mark.parametrize("at_end", [False, True])
def test_slope_of_logit(at_end):
    x = guarded(np.r_[np.random.default_rng(0).uniform(-0.2, 1.2, 3000), np.nan, 0.5], at_end)
    g = np.ones_like(x)
    g[-1] = 0
    inside = (x >= 0.1) & (x <= 0.9)
    with np.errstate(all="ignore"):
        slope = 1 / (x * (1 - x))
    slope[-1] = 0
    np.testing.assert_allclose(special.logit_backward(x, g, 0.1, 0.9, 0.0), np.where(inside, slope, 0), 1e-14)
    np.testing.assert_allclose(
        special.logit_backward(x, g, 0.1, 0.9, np.nan)[:-2], np.where(inside, slope, np.nan)[:-2], 1e-14
    )


@pytest.mark.parametrize("dtype", DTYPES)
def test_pairs_broadcast(dtype):
    x, y = np.random.default_rng(0).normal(size=(2, 5, 7)).astype(dtype)
    np.testing.assert_array_equal(special.paired(special.fmod, x, y[:1]), np.fmod(x, y[:1]))
    np.testing.assert_array_equal(special.paired(special.fmod, x[0], y), np.fmod(x[0], y))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("at_end", [False, True])
def test_losses_of_scores(dtype, at_end):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=20_003) * 9, rng.random(20_003)
    x[:4] = [0, 1e4, -1e4, 80]
    x, y = guarded(x.astype(dtype), at_end), guarded(y.astype(dtype), at_end)
    exact = np.maximum(x, 0).astype(float) - x.astype(float) * y + np.log1p(np.exp(-abs(x.astype(float))))
    tolerance = 1e-6 if dtype == np.float32 else 1e-14
    np.testing.assert_allclose(losses.logits_each(x, y), exact, tolerance, tolerance)
    np.testing.assert_allclose(losses.logits(x, y), exact.sum(), tolerance)
    np.testing.assert_allclose(losses.logits_backward(x, y, 2.0), 2 * (scipys.expit(x) - y), 1e-5, tolerance)
    results = []
    for threads in (1, MOST):
        autograd.set_num_threads(threads)
        results.append(losses.logits(np.tile(x, 3), np.tile(y, 3)))
    assert results[0] == results[1]


@pytest.mark.parametrize("at_end", [False, True])
def test_gelu_in_double_precision(at_end):
    x = guarded(np.random.default_rng(0).normal(size=3001) * 3, at_end)
    below = _each(_ndtr)(x)
    density = np.exp(-x * x / 2) / math.sqrt(2 * math.pi)
    np.testing.assert_allclose(elementwise.gelu(x), x * below, 1e-14, 2e-15)
    np.testing.assert_allclose(elementwise.gelu_backward(x, np.ones_like(x)), below + x * density, 1e-13, 2e-15)
