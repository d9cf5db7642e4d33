"""Optimizer updates against their formulas, in every memory order, serial and parallel."""

from __future__ import annotations

import copy

import numpy as np
import pytest
from guard import guarded
from hypothesis import given
from hypothesis import strategies as st

from autograd.kernels import update

SHAPES = [(3,), (0,), (260, 270), (2, 3, 4, 5)]  # the third on several threads
FLAGS = st.booleans()


def _start(order):
    """Parameters in C order, in channels-last order or with gaps, and a function that draws their gradients."""
    rng = np.random.default_rng(0)
    params = [guarded(rng.normal(size=shape), True) for shape in SHAPES]
    if order == "channels last":
        params[3] = np.ascontiguousarray(params[3].transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    if order == "gaps":
        params[2] = np.repeat(params[2], 2, 1)[:, ::2]
    return params, lambda: [guarded(rng.normal(size=shape), True) for shape in SHAPES]


ORDERS = st.sampled_from(["C", "channels last", "gaps"])


def _equal(params, expected):
    for p, e in zip(params, expected, strict=True):
        np.testing.assert_allclose(p, e, 1e-10, 1e-10)


@given(ORDERS, st.sampled_from([0, 0.9]), st.sampled_from([0, 0.2]), FLAGS, st.sampled_from([0, 0.1]), FLAGS)
def test_sgd(order, momentum, dampening, nesterov, decay, maximize):
    params, draw = _start(order)
    expected = [p.copy() for p in params]
    buffers, kept = [np.zeros_like(p) if momentum else None for p in params], [0] * 4
    for step in range(3):
        grads = draw()
        for k, g in enumerate(grads):
            d = (-g if maximize else g) + decay * expected[k]
            if momentum:
                kept[k] = d if step == 0 else momentum * kept[k] + (1 - dampening) * d
                d = d + momentum * kept[k] if nesterov else kept[k]
            expected[k] = expected[k] - 0.1 * d
        update.sgd(params, grads, buffers, 0.1, momentum, dampening, decay, nesterov, maximize, first=step == 0)
    _equal(params, expected)


@given(ORDERS, FLAGS, st.sampled_from([0, 0.1]), FLAGS, FLAGS)
def test_adam(order, amsgrad, decay, decoupled, maximize):
    params, draw = _start(order)
    expected = [p.copy() for p in params]
    m, v, tops = ([np.zeros_like(p) for p in params] for _ in range(3))
    em, ev, et = [0] * 4, [0] * 4, [0] * 4
    for step in range(1, 4):
        grads = draw()
        for k, g in enumerate(grads):
            d = -g if maximize else g
            expected[k] = expected[k] * (1 - 0.1 * decay if decoupled else 1)
            d = d if decoupled else d + decay * expected[k]
            em[k], ev[k] = 0.8 * em[k] + 0.2 * d, 0.9 * ev[k] + 0.1 * d * d
            et[k] = np.maximum(et[k], ev[k]) if amsgrad else ev[k]
            root = np.sqrt(et[k] / (1 - 0.9**step)) + 1e-3
            expected[k] = expected[k] - 0.1 * em[k] / (1 - 0.8**step) / root
        tops_in = tops if amsgrad else None
        update.adam(params, grads, m, v, tops_in, step, 0.1, (0.8, 0.9), 1e-3, decay, decoupled, maximize)
    _equal(params, expected)


@given(ORDERS, FLAGS, st.sampled_from([0, 0.9]), FLAGS, st.sampled_from([0, 0.1]), FLAGS)
def test_rmsprop(order, centered, momentum, inside, decay, maximize):
    params, draw = _start(order)
    expected = [p.copy() for p in params]
    s = [np.zeros_like(p) for p in params]
    means = [np.zeros_like(p) if centered else None for p in params]
    buffers = [np.zeros_like(p) if momentum else None for p in params]
    es, em, eb = [0] * 4, [0] * 4, [0] * 4
    for _ in range(3):
        grads = draw()
        for k, g in enumerate(grads):
            d = (-g if maximize else g) + decay * expected[k]
            es[k], em[k] = 0.9 * es[k] + 0.1 * d * d, 0.9 * em[k] + 0.1 * d
            square = es[k] - em[k] ** 2 if centered else es[k]
            d = d / (np.sqrt(square + 1e-2) if inside else np.sqrt(square) + 1e-2)
            eb[k] = momentum * eb[k] + d
            expected[k] = expected[k] - 0.1 * eb[k]
        update.rmsprop(params, grads, s, means, buffers, 0.1, 0.9, 1e-2, decay, momentum, maximize, inside)
    _equal(params, expected)


# One step of each rule on (parameter, gradient, two of state, number of the step), and the kernel's numbers for it.


def _adagrad(p, g, s, _, t):
    s = s + g * g
    return p - 0.1 / (1 + (t - 1) * 0.5) * g / (np.sqrt(s) + 1e-3), s, _


def _adadelta(p, g, s, u, t):
    s = 0.8 * s + 0.2 * g * g
    d = np.sqrt(u + 1e-3) / np.sqrt(s + 1e-3) * g
    return p - 0.1 * d, s, 0.8 * u + 0.2 * d * d


def _adamax(p, g, m, u, t):
    m, u = 0.8 * m + 0.2 * g, np.maximum(0.9 * u, np.abs(g) + 1e-3)
    return p - 0.1 / (1 - 0.8**t) * m / u, m, u


def _nadam(p, g, m, v, t):
    m, v = 0.8 * m + 0.2 * g, 0.9 * v + 0.1 * g * g
    root = np.sqrt(v / (1 - 0.9**t)) + 1e-3
    return p - 0.1 * (1 - 0.6) / (1 - 0.5) * g / root - 0.1 * 0.7 / (1 - 0.5 * 0.7) * m / root, m, v


def _radam(p, g, m, v, t, b2=0.999):
    m, v = 0.8 * m + 0.2 * g, b2 * v + (1 - b2) * g * g
    longest = 2 / (1 - b2) - 1
    length, step = longest - 2 * t * b2**t / (1 - b2**t), 0.1 / (1 - 0.8**t) * m
    if length > 5:
        part = (length - 4) * (length - 2) * longest / ((longest - 4) * (longest - 2) * length)
        step = step * np.sqrt(part * (1 - b2**t)) / (np.sqrt(v) + 1e-3)
    return p - step, m, v


def _radam_early(p, g, m, v, t):
    """Whose beta2 is so small that the average never grows long enough."""
    return _radam(p, g, m, v, t, 0.5)


def _rprop(p, g, old, size, t):
    size = np.clip(size * np.where(g * old > 0, 1.2, np.where(g * old < 0, 0.5, 1)), 0.01, 0.3)
    g = np.where(g * old < 0, 0, g)
    return p - np.sign(g) * size, g, size


def _asgd(p, g, mean, _, t):
    p = p * 0.98 - 0.2 * g
    return p, p if t == 1 else mean + 0.25 * (p - mean), _


RULES = {
    _adagrad: lambda p, g, a, b, t, **k: update.adagrad(p, g, a, t, 0.1, 0.5, 1e-3, **k),
    _adadelta: lambda p, g, a, b, t, **k: update.adadelta(p, g, a, b, 0.1, 0.8, 1e-3, **k),
    _adamax: lambda p, g, a, b, t, **k: update.adamax(p, g, a, b, t, 0.1, (0.8, 0.9), 1e-3, **k),
    _nadam: lambda p, g, a, b, t, **k: update.nadam(p, g, a, b, t, 0.6, 0.7, 0.5, 0.1, (0.8, 0.9), 1e-3, **k),
    _radam: lambda p, g, a, b, t, **k: update.radam(p, g, a, b, t, 0.1, (0.8, 0.999), 1e-3, **k),
    _radam_early: lambda p, g, a, b, t, **k: update.radam(p, g, a, b, t, 0.1, (0.8, 0.5), 1e-3, **k),
    _rprop: lambda p, g, a, b, t, **k: update.rprop(p, g, a, b, (0.5, 1.2), (0.01, 0.3), **k),
    _asgd: lambda p, g, a, b, t, **k: update.asgd(p, g, a, 0.2, 1 if t == 1 else 0.25, 0.1, **k),
}


@pytest.mark.parametrize("rule", RULES)
@given(ORDERS, st.sampled_from([0, 0.1]), FLAGS, FLAGS)
def test_rules(rule, order, decay, decoupled, maximize):
    options = {} if rule is _rprop else dict(weight_decay=decay)
    if rule in (_nadam, _radam, _radam_early):
        options["decoupled"] = decoupled
    params, draw = _start(order)
    first, second = ([guarded(np.zeros_like(p), True) for p in params] for _ in range(2))
    expected = [(p.copy(), 0.0, 0.0) for p in params]
    for t in range(1, 8):
        grads = draw()
        for k, g in enumerate(grads):
            p, *state = expected[k]
            shrink, added = (1 - 0.1 * decay, 0) if options.get("decoupled") else (1, options.get("weight_decay", 0))
            expected[k] = rule(p * shrink, (-g if maximize else g) + added * p, *state, t)
        RULES[rule](params, grads, first, second, t, maximize=maximize, **options)
    _equal(params, [p for p, *_ in expected])
    _equal(first, [np.broadcast_to(state, p.shape) for p, state, _ in expected])


@pytest.mark.parametrize("rule", RULES)
def test_rules_keep_nan_and_float32(rule):
    for dtype in (np.float32, np.float64):
        p, g = np.ones(5, dtype), np.array([1, -1, 0, np.nan, 2], dtype)
        state = np.ones(5, dtype), np.ones(5, dtype)
        RULES[rule]([p], [g], [state[0]], [state[1]], 1)
        assert p.dtype == dtype and np.isnan(p).tolist() == [False, False, False, True, False]
        assert np.isfinite(state[0]).tolist() == [True, True, True, False, True]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sum_of_squares(dtype):
    arrays = [guarded(np.random.default_rng(0).normal(size=shape).astype(dtype), True) for shape in SHAPES]
    expected = sum(float((a.astype(np.float64) ** 2).sum()) for a in arrays)
    assert update.sum_of_squares(arrays) == pytest.approx(expected, rel=1e-13)
    assert update.sum_of_squares([arrays[2].T[::-1]]) == pytest.approx(update.sum_of_squares([arrays[2]]), rel=1e-13)


def test_held_addresses_follow_the_arrays():
    rng = np.random.default_rng(0)
    params, grads = [rng.normal(size=n) for n in (3, 5)], [rng.normal(size=n) for n in (3, 5)]
    held = update.Held()
    update.sgd(params, grads, [None, None], 0.1, held=held)
    twins, twin_held = copy.deepcopy((params, held))
    replaced = [params[0], params[1].copy()]
    before = [p.copy() for p in params]
    update.sgd(twins, grads, [None, None], 0.1, held=twin_held)
    np.testing.assert_array_equal(params[0], before[0])
    np.testing.assert_allclose(twins[1], before[1] - 0.1 * grads[1], rtol=1e-13)
    update.sgd(replaced, grads, [None, None], 0.1, held=held)
    np.testing.assert_array_equal(params[1], before[1])
    np.testing.assert_allclose(replaced[1], before[1] - 0.1 * grads[1], rtol=1e-13)
    update.sgd(replaced, [g[::-1] for g in grads], [None, None], 0.1, held=held)
    np.testing.assert_allclose(replaced[1], before[1] - 0.1 * (grads[1] + grads[1][::-1]), rtol=1e-13)
