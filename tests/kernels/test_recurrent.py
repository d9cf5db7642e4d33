"""Recurrent kernels against the equations written out in numpy, between guard pages, on any number of threads."""

from __future__ import annotations

import numpy as np
import pytest
from guard import guarded
from hypothesis import given
from hypothesis import strategies as st

import autograd
from autograd.kernels import recurrent as kernels
from autograd.kernels.threads import MOST

KINDS = sorted(kernels.GATES)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def step(kind, x, state, weights):
    """One step for the rows x, in float64; state (h, c)."""
    weight_ih, weight_hh, bias_ih, bias_hh, weight_hr = weights
    h, c = state
    inner = (0 if bias_ih is None else bias_ih) + x @ weight_ih.T
    bias = np.zeros(len(weight_hh)) if bias_hh is None else bias_hh
    cut = lambda a: np.split(a, kernels.GATES[kind], -1)  # noqa: E731
    if kind in (kernels.TANH, kernels.RELU):
        h = inner + bias + h @ weight_hh.T
        return (np.tanh(h) if kind == kernels.TANH else np.maximum(h, 0)), c
    if kind == kernels.LSTM:
        i, f, g, o = cut(inner + bias + h @ weight_hh.T)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
        return (h if weight_hr is None else h @ weight_hr.T), c
    r, z, n = cut(inner)
    if kind == kernels.GRU:
        h_r, h_z, h_n = cut(h @ weight_hh.T + bias)
        z, n = sigmoid(z + h_z), np.tanh(n + sigmoid(r + h_r) * h_n)
        return (1 - z) * n + z * h, c
    w_r, w_u, w_n = np.split(weight_hh, 3)
    b_r, b_u, b_n = cut(bias)
    r, u = sigmoid(r + h @ w_r.T + b_r), sigmoid(z + h @ w_u.T + b_u)
    through = r * (np.tanh(h) if kind == kernels.NOTES else h)
    n = np.tanh(n + through @ w_n.T + b_n)
    return u * n + (1 - u) * h, c


def by_steps(kind, x, h, c, weights, sizes, reverse):
    """Outputs, last h and last c, sequence by sequence."""
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(int)
    y, hs, cs = np.zeros((len(x), h.shape[1])), h.copy(), c.copy()
    for b in range(sizes[0]):
        rows = [start + b for start, size in zip(starts, sizes, strict=True) if b < size]
        state = h[b : b + 1], c[b : b + 1]
        for row in reversed(rows) if reverse else rows:
            state = step(kind, x[row : row + 1], state, weights)
            y[row] = state[0]
        hs[b], cs[b] = state
    return y, hs, cs


@st.composite
def problems(draw):
    """Everything `forward` takes, float64, some of it left out, and what it stands for in full."""
    kind, H = draw(st.sampled_from(KINDS)), draw(st.sampled_from([1, 3, 16, 17, 40]))
    O = draw(st.integers(1, H - 1)) if kind == kernels.LSTM and H > 1 and draw(st.booleans()) else H  # noqa: E741
    inputs, rng = draw(st.sampled_from([1, 5, 33])), np.random.default_rng(draw(st.integers(0, 99)))
    sizes = sorted(draw(st.lists(st.sampled_from([1, 2, 5, 9, 17, 40]), min_size=1, max_size=4)), reverse=True)
    if draw(st.booleans()):
        sizes = [sizes[0]] * len(sizes)
    N, B = kernels.GATES[kind] * H, sizes[0]
    x = rng.normal(size=(sum(sizes), inputs))
    weights = [rng.normal(size=shape) / shape[-1] ** 0.5 for shape in ((N, inputs), (N, O), (N,), (N,), (O, H))]
    if O == H:
        weights[4] = None
    if draw(st.booleans()):
        weights[3] = None
        if draw(st.booleans()):
            weights[2] = None
    initial = [rng.normal(size=(B, O)), rng.normal(size=(B, H))]
    if draw(st.booleans()):
        initial = [None, None]
    return kind, x, initial, weights, tuple(sizes), draw(st.booleans())


def run(problem, dtype, at_end, seed=0):
    """Results and gradients with every array between guard pages."""
    kind, x, initial, weights, sizes, reverse = problem

    def put(a):
        return None if a is None else guarded(a.astype(dtype), at_end)

    x, initial, weights = put(x), [put(a) for a in initial], [put(a) for a in weights]
    if kind != kernels.LSTM:
        initial[1] = None
    y, h, c, saved = kernels.forward(kind, x, initial, weights, sizes, reverse)
    saved = kernels.Saved(*[guarded(a, at_end) if a.size else a for a in saved])
    rng = np.random.default_rng(seed)
    g = [put(rng.normal(size=a.shape)) for a in (y, h, c)]
    given_ = (x, *initial, *weights)
    needs = [a is not None for a in given_]
    gradients = kernels.backward(kind, g, x, weights, saved, sizes, reverse, needs)
    return (y, h, c), g, gradients, needs


@given(problems(), st.booleans())
def test_forward_is_the_equations(problem, at_end):
    kind, x, initial, weights, sizes, reverse = problem
    B, (N, O) = sizes[0], weights[1].shape  # noqa: E741
    h = np.zeros((B, O)) if initial[0] is None else initial[0]
    c = np.zeros((B, N // kernels.GATES[kind])) if initial[1] is None else initial[1]
    expected = by_steps(kind, x, h, c, weights, sizes, reverse)
    for dtype, tolerance in ((np.float64, 1e-12), (np.float32, 2e-5)):
        found, _, _, _ = run(problem, dtype, at_end)
        for a, b in zip(found[: 3 if kind == kernels.LSTM else 2], expected, strict=False):
            assert a.dtype == dtype
            np.testing.assert_allclose(a, b, rtol=0, atol=tolerance)


@given(problems(), st.booleans())
def test_backward_is_the_slope(problem, at_end):
    kind, x, initial, weights, sizes, reverse = problem
    if kind == kernels.RELU:  # away from its kink
        weights[2] = np.where(np.arange(len(weights[1])) % 2, 9.0, -9.0)
    _, g, gradients, needs = run(problem, np.float64, at_end)
    rng = np.random.default_rng(1)
    arrays = [x, initial[0], initial[1] if kind == kernels.LSTM else None, *weights]
    for place, (array, gradient) in enumerate(zip(arrays, gradients, strict=True)):
        if not needs[place]:
            continue
        direction, eps = rng.normal(size=array.shape), 1e-6
        values = []
        for sign in (1, -1):
            moved = list(arrays)
            moved[place] = array + sign * eps * direction
            y, h, c, _ = kernels.forward(kind, moved[0], moved[1:3], moved[3:], sizes, reverse)
            values.append(sum((a * b).sum() for a, b in zip((y, h, c), g, strict=True)))
        slope = (values[0] - values[1]) / (2 * eps)
        np.testing.assert_allclose((gradient * direction).sum(), slope, rtol=1e-5, atol=1e-6)
    _, _, single, _ = run(problem, np.float32, at_end)
    for a, b in zip(single, gradients, strict=True):
        if a is not None:
            assert a.dtype == np.float32 and a.shape == b.shape
            np.testing.assert_allclose(a, b, rtol=0, atol=2e-4 * max(1, abs(b).max(initial=0)))


def large(kind, batch):
    rng = np.random.default_rng(0)
    N = kernels.GATES[kind] * 40
    weights = [(rng.normal(size=shape) / 6).astype(np.float32) for shape in ((N, 20), (N, 40), (N,), (N,))]
    return kind, rng.normal(size=(6 * batch, 20)), [None, None], [*weights, None], (batch,) * 6, False


@pytest.mark.parametrize("kind", KINDS)
def test_same_bits_on_any_number_of_threads(kind):
    results = []
    for threads in (1, MOST):
        autograd.set_num_threads(threads)
        (y, h, c), _, gradients, _ = run(large(kind, 70), np.float32, True)
        results.append([y, h, c, *[a for a in gradients if a is not None]])
    for one, other in zip(*results, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("kind", KINDS)
def test_a_sequence_does_not_see_its_neighbours(kind):
    problem = large(kind, 70)
    x = problem[1].reshape(6, 70, 20)
    (y, _, _), _, _, _ = run(problem, np.float32, True)
    few = (kind, x[:, :3].reshape(-1, 20), *problem[2:4], (3,) * 6, False)
    (alone, _, _), _, _, _ = run(few, np.float32, True)
    np.testing.assert_allclose(y.reshape(6, 70, -1)[:, :3], alone.reshape(6, 3, -1), rtol=0, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_no_sequences(kind):
    (y, h, _), _, gradients, _ = run(large(kind, 0), np.float32, True)
    assert y.shape == (0, 40) and h.shape == (0, 40)
    assert gradients[4].shape == (kernels.GATES[kind] * 40, 40) and not gradients[4].any()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_tanh_and_sigmoid_of_any_number(dtype):
    eps = np.finfo(dtype).eps
    tiny = np.logspace(-37, 0, 200)
    x = np.concatenate([np.linspace(-120, 120, 5001), tiny, -tiny, [0.0, -0.0, 1e30, -1e30]]).astype(dtype)[:, None]
    n = (len(x),)
    one, none = np.ones((1, 1), dtype), (None, None, None)
    y = kernels.forward(kernels.TANH, x, (None, None), (one, 0 * one, *none), n, False)[0]
    np.testing.assert_allclose(y, np.tanh(x.astype(np.float64)), rtol=3 * eps, atol=0)
    forget = np.array([[0], [1], [0], [0]], dtype)  # c = sigmoid(x) 1 + sigmoid(0) tanh(0)
    c = kernels.forward(kernels.LSTM, x, (None, np.ones_like(x)), (forget, 0 * forget, *none), n, False)[2]
    expected = np.exp(-np.logaddexp(0, -x.astype(np.float64)))
    np.testing.assert_allclose(c, expected, rtol=4 * eps if dtype == np.float32 else 1e-14, atol=np.finfo(dtype).tiny)
    odd = np.array([[np.inf], [-np.inf], [np.nan]], dtype)
    y = kernels.forward(kernels.TANH, odd, (None, None), (one, 0 * one, *none), (3,), False)[0]
    np.testing.assert_array_equal(y, [[1], [-1], [np.nan]])
