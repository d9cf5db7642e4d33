"""exp, tanh and the logistic function to their stated error, and the fused chains in every memory order."""

from __future__ import annotations

import math

import numpy as np
import pytest
from guard import guarded
from hypothesis import given
from hypothesis import strategies as st

import autograd
from autograd.kernels import elementwise
from autograd.kernels.compile import kernel
from autograd.kernels.functions import exp
from autograd.kernels.threads import MOST

EDGES = [0.0, -0.0, np.inf, -np.inf, np.nan, 1e30, -1e30, 1e-42, -1e-42, 88.7, 89.0, -87.5, -103.0, 0.625, -0.625]


@kernel
def _exp(x, y):
    for i in range(x.size):
        y[i] = exp(x[i])


def _map_exp(x):
    y = np.empty_like(x)
    _exp(x, y)
    return y


def _sigmoid(x):
    return np.where(x < 0, np.exp(-abs(x)), 1) / (1 + np.exp(-abs(x)))


CASES = [
    (_map_exp, np.exp, np.float32, 1.0),
    (_map_exp, np.exp, np.float64, 1.0),
    (elementwise.tanh_forward, np.tanh, np.float32, 2.0),
    (elementwise.tanh_forward, np.tanh, np.float64, 3.0),
    (elementwise.sigmoid_forward, _sigmoid, np.float32, 2.2),
    (elementwise.sigmoid_forward, _sigmoid, np.float64, 2.2),
]


@pytest.mark.parametrize(("ours", "exact", "dtype", "ulps"), CASES)
def test_functions_are_within_their_bound(ours, exact, dtype, ulps):
    rng = np.random.default_rng(0)
    low, high = (-103, 88.7) if dtype == np.float32 else (-745, 709.7)
    small = rng.normal(size=100_000) * 10.0 ** rng.uniform(-30, 0, 100_000)
    x = np.concatenate([rng.uniform(low, high, 200_000), rng.uniform(-2, 2, 200_000), small, EDGES]).astype(dtype)
    y = ours(x)
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        expected = exact(x.astype(np.longdouble))
        rounded = expected.astype(dtype)
    special = ~np.isfinite(rounded) | (rounded == 0)
    np.testing.assert_array_equal(y[special], rounded[special])
    np.testing.assert_array_equal(np.signbit(y[rounded == 0]), np.signbit(rounded[rounded == 0]))
    error = abs(y[~special] - expected[~special]) / np.spacing(abs(rounded[~special]))
    assert error.max() <= ulps


@st.composite
def arrays(draw):
    """Two arrays of one shape and dtype, each in C order, channels-last, reversed or with gaps."""
    shape = draw(st.sampled_from([(), (0,), (7,), (3, 5), (2, 3, 4, 5), (3, 20, 30, 30)]))
    dtype = draw(st.sampled_from([np.float32, np.float64]))
    made = []
    for seed in (0, 1):
        x = guarded(np.random.default_rng(seed).normal(size=shape).astype(dtype), draw(st.booleans()))
        order = draw(st.sampled_from(["C", "last", "reversed", "gaps"]))
        if order == "last" and len(shape) == 4:
            x = np.ascontiguousarray(x.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
        elif order == "reversed" and shape:
            x = x[::-1]
        elif order == "gaps" and shape:
            x = np.repeat(x, 2, -1)[..., ::2]
        made.append(x)
    return made


@given(arrays())
def test_chains_in_every_memory_order(pair):
    x, g = pair
    s = _sigmoid(x)
    results = [
        (elementwise.relu(x), np.maximum(x, 0)),
        (elementwise.relu_backward(g, x), g * (x > 0)),
        (elementwise.leaky_relu(x, x, 0.2), np.where(x > 0, x, x * x.dtype.type(0.2))),
        (elementwise.leaky_relu(g, x, 0.2), np.where(x > 0, g, g * x.dtype.type(0.2))),
        (elementwise.add_passed(g, g, x), g + g * (x > 0)),
        (elementwise.tanh_forward(x), np.tanh(x)),
        (elementwise.tanh_backward(g, x), g * (1 - x * x)),
        (elementwise.sigmoid_forward(x), s),
        (elementwise.sigmoid_backward(g, x), g * x * (1 - x)),
        (elementwise.silu(x), x * s),
        (elementwise.silu_backward(x, g), g * (s + x * s * (1 - s))),
        (elementwise.elu(x, 0.7, 1.1, 2.0), np.where(x > 0, x * 1.1, np.expm1(x * 2) * 0.7)),
        (elementwise.elu_backward(x, g, 0.7, 1.1, 2.0), g * np.where(x > 0, 1.1, np.exp(x * 2) * 1.4)),
        (elementwise.softplus(x, 2.0, 1.5), np.where(x * 2 > 1.5, x, np.log1p(np.exp(x * 2)) / 2)),
        (elementwise.softplus_backward(x, g, 2.0, 1.5), g * np.where(x * 2 > 1.5, 1, _sigmoid(x * 2))),
    ]
    tolerance = 1e-12 if x.dtype == np.float64 else 1e-5
    for y, expected in results:
        assert y.dtype == x.dtype and y.shape == x.shape
        np.testing.assert_allclose(y, expected, tolerance, tolerance)
    assert elementwise.relu(x).strides == np.empty_like(x).strides


@pytest.mark.parametrize("order", ["C", "last"])
def test_sums_of_large_arrays(order):
    """On several threads what np.add gives, in place too."""
    x, y = np.random.default_rng(0).normal(size=(2, 3, 40, 60, 21)).astype(np.float32)
    if order == "last":
        x, y = (np.ascontiguousarray(a.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2) for a in (x, y))
    expected = x + y
    for threads in (1, 2):
        autograd.set_num_threads(threads)
        total = elementwise.add(x, y)
        np.testing.assert_array_equal(total, expected)
        assert total.strides == x.strides
        held = x.copy("K")
        assert elementwise.add(held, y, out=held) is held
        np.testing.assert_array_equal(held, expected)
    np.testing.assert_array_equal(elementwise.add(x[:, ::2], y[:, ::2]), expected[:, ::2])


def _normal(x):
    return (1 + np.vectorize(math.erf, otypes=[float])(x * math.sqrt(0.5))) / 2


def _slope(function, x):
    """By central differences in extended precision."""
    step = np.longdouble(1e-6)
    return (function(x.astype(np.longdouble) + step) - function(x.astype(np.longdouble) - step)) / (2 * step)


def _gelu_tanh(x):
    return x / 2 * (1 + np.tanh(np.sqrt(np.longdouble(2) / np.pi) * (x + 0.044715 * x**3)))


def _mish(x):
    return x * np.tanh(np.logaddexp(x, 0))


SMOOTH = {
    "silu": ((), lambda x: x * _sigmoid(x)),
    "gelu_tanh": ((), _gelu_tanh),
    "mish": ((), _mish),
    "softplus": ((1.0, np.inf), lambda x: np.logaddexp(x, 0)),
    "elu": ((1.5, 1.0, 1.0), lambda x: np.where(x > 0, x, 1.5 * np.expm1(np.minimum(x, 0)))),
}


def _smooth(name):
    """The function and its backward."""
    numbers = SMOOTH[name][0] if name in SMOOTH else ()
    value, backward = getattr(elementwise, name), getattr(elementwise, f"{name}_backward")
    return (lambda x: value(x, *numbers)), (lambda x, g: backward(x, g, *numbers))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", SMOOTH)
def test_smooth_functions_and_their_slopes(name, dtype):
    ours, backward = _smooth(name)
    exact = SMOOTH[name][1]
    rng = np.random.default_rng(0)
    x = np.concatenate([rng.normal(size=3000) * 3, rng.uniform(-80, 80, 3001)]).astype(dtype)
    g = rng.normal(size=x.size).astype(dtype)
    bound = 4 * np.finfo(dtype).eps
    np.testing.assert_allclose(ours(x), exact(x.astype(np.longdouble)), bound, bound)
    relative, absolute = (3e-6, 1e-6) if dtype == np.float32 else (1e-10, 1e-11)  # slopes cross 0: digits cancel there
    np.testing.assert_allclose(backward(x, g), g * _slope(exact, x), relative, absolute)


def test_gelu_and_its_slope():
    x = np.random.default_rng(0).uniform(-9, 9, 20_001).astype(np.float32)
    normal = _normal(x.astype(float))
    density = np.exp(-(x.astype(float) ** 2) / 2) / math.sqrt(2 * math.pi)
    np.testing.assert_allclose(elementwise.gelu(x), x * normal, 1e-6, 1e-6)
    np.testing.assert_allclose(elementwise.gelu_backward(x, x), x * (normal + x * density), 4e-6, 4e-6)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", [*SMOOTH, "gelu"])
def test_slopes_at_infinity(name, dtype):
    ours, backward = _smooth(name)
    x = np.array([-np.inf, -1e30, 1e30, np.inf, np.nan], dtype)
    np.testing.assert_array_equal(backward(x[:4], np.ones_like(x[:4])), np.array([0, 0, 1, 1], dtype))
    assert np.isnan(ours(x)[4]) and ours(x)[3] == np.inf
    np.testing.assert_array_equal(backward(x, np.zeros_like(x)), 0)


@given(arrays(), st.sampled_from([0.0, 0.3, 1.0]))
def test_dropout_and_its_gradient(pair, p):
    x, g = pair
    y, kept = elementwise.dropout(x, p, seed=2**63 + 5, offset=9)
    scale = 1 / (1 - p) if p < 1 else 0
    np.testing.assert_allclose(y, np.where(kept, x * scale, 0), 1e-6)
    np.testing.assert_allclose(elementwise.dropout_backward(g, kept, p), np.where(kept, g * scale, 0), 1e-6)
    assert kept.all() if p == 0 else not kept.any() if p == 1 else True


def test_dropout_draws_what_it_says():
    x = np.ones(200_000, np.float32)
    _, kept = elementwise.dropout(x, 0.3, seed=1)
    assert abs(kept.mean() - 0.7) < 0.005  # five standard deviations
    assert abs(np.corrcoef(kept[:-1], kept[1:])[0, 1]) < 0.012
    _, later = elementwise.dropout(x[:100], 0.3, seed=1, offset=1000)
    np.testing.assert_array_equal(later, kept[1000:1100])
    _, other = elementwise.dropout(x, 0.3, seed=2)
    assert abs((kept == other).mean() - 0.58) < 0.006


def test_nan_survives_relu():
    nan = np.array([np.nan], np.float32)
    assert np.isnan(elementwise.relu(nan)).all() and np.isnan(elementwise.leaky_relu(nan, nan, 0.2)).all()


def test_same_bits_on_any_number_of_threads():
    x = np.random.default_rng(0).normal(size=300_001).astype(np.float32)
    results = []
    for threads in (1, MOST):
        autograd.set_num_threads(threads)
        results.append((elementwise.tanh_forward(x), elementwise.sigmoid_forward(x), *elementwise.dropout(x, 0.5, 3)))
    for one, other in zip(*results, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(2, 37, 40, 30), (3, 130, 200), (2, 5, 30, 20, 15), (2, 3, 4, 5)])
def test_add_and_relu_of_two_memory_orders(shape, dtype):
    rng = np.random.default_rng(0)
    planes = rng.standard_normal(shape).astype(dtype)
    last = np.moveaxis(rng.standard_normal((shape[0], *shape[2:], shape[1])).astype(dtype), -1, 1)
    for x, y in ((planes, last), (last, planes)):
        np.testing.assert_array_equal(elementwise.add(x, y), x + y)
        out = x.copy("K")
        assert elementwise.add(out, y, out=out) is out
        np.testing.assert_array_equal(out, x + y)
        np.testing.assert_array_equal(elementwise.relu_backward(x, y), np.where(y > 0, x, 0))
