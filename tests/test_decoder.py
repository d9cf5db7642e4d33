"""The decoder with attention: its kernels between guard pages, beside the same out of plain operations and modules."""

from __future__ import annotations

import numpy as np
import pytest
from guard import guarded
from hypothesis import given, settings
from hypothesis import strategies as st

import autograd
import nn
import nn.functional as F
from autograd.kernels import decoder as kernels
from autograd.kernels.threads import MOST
from autograd.ops.decoder import composed


@st.composite
def problems(draw):
    """inner, keys, values, the four weights, h, c, mask, T."""
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    B, T, S = draw(st.sampled_from([1, 5, 19, 40])), draw(st.sampled_from([1, 3])), draw(st.sampled_from([1, 6]))
    W, V, H = (draw(st.sampled_from([1, 7, 16, 33])) for _ in range(3))
    made = lambda *shape: 0.5 * rng.normal(size=shape)  # noqa: E731
    keys, values = made(B, S, W), made(S, B, V).transpose(1, 0, 2)  # as an encoder leaves them
    if draw(st.booleans()):
        keys, values = made(S, B, W).transpose(1, 0, 2), made(B, S, V)
    inner = made(B, T, 4 * H) if draw(st.booleans()) else made(4 * H)
    h, c = (made(B, H) if draw(st.booleans()) else None for _ in range(2))
    mask = np.arange(S) < rng.integers(1, S + 1, B)[:, None] if draw(st.booleans()) else None
    weights = made(W, H), made(1, W), made(4 * H, V), made(4 * H, H)
    given_ = draw(st.sampled_from(["states", "contexts", "weights", "all"]))
    shapes = {"states": (B, T, H), "contexts": (B, T, V), "weights": (B, T, S)}
    g = [made(*shape) if given_ in ("all", name) else None for name, shape in shapes.items()]
    return inner, keys, values, weights, h, c, mask, T, g


def by_operations(problem):
    inner, keys, values, weights, h, c, mask, T, g = problem
    leaves = [
        None if x is None else autograd.tensor(x, requires_grad=True) for x in (inner, keys, values, *weights, h, c)
    ]
    out = composed(T, *leaves, None if mask is None else autograd.from_numpy(mask))
    sum((y * autograd.tensor(part)).sum() for y, part in zip(out, g, strict=True) if part is not None).backward()
    gradients = [None if x is None else np.zeros(x.shape) if x.grad is None else x.grad.numpy() for x in leaves]
    return [y.detach().numpy() for y in out], gradients


def by_kernels(problem, dtype, at_end):
    def cast(x):
        if x is None or x.dtype == bool:
            return x if x is None else guarded(x, at_end)
        if x.ndim == 3 and not x.flags.c_contiguous:
            return guarded(x.transpose(1, 0, 2).astype(dtype), at_end).transpose(1, 0, 2)
        return guarded(x.astype(dtype), at_end)

    inner, keys, values, weights, h, c, mask, T, g = problem
    inner, keys, values, h, c, mask = (cast(x) for x in (inner, keys, values, h, c, mask))
    weights, g = tuple(cast(x) for x in weights), tuple(cast(x) for x in g)
    states, contexts, looks, saved = kernels.forward(inner, keys, values, weights, (h, c), mask, T)
    saved = kernels.Saved(*(guarded(x, at_end) for x in saved))
    looked = guarded(looks, at_end)
    return [states, contexts, looks], kernels.backward(g, keys, values, weights, mask, contexts, looked, saved)


@settings(max_examples=30)
@given(problems(), st.booleans())
def test_the_kernels_are_the_steps_in_turn(problem, at_end):
    outputs, gradients = by_operations(problem)
    for dtype, tolerance in ((np.float64, 1e-11), (np.float32, 1e-4)):
        found, slopes = by_kernels(problem, dtype, at_end)
        for x, y in zip([*found, *slopes], [*outputs, *gradients], strict=True):
            assert x.dtype == dtype
            if y is not None:
                x = x.sum((0, 1)) if x.ndim > y.ndim else x
                np.testing.assert_allclose(x, y, rtol=0, atol=tolerance * max(1, abs(y).max()))


def test_the_same_bits_on_any_number_of_threads():
    rng = np.random.default_rng(0)
    shapes = (256,), (32, 30, 64), (32, 30, 64), (64, 64), (1, 64), (256, 64), (256, 64)
    inner, keys, values, *weights = (rng.normal(size=shape).astype(np.float32) for shape in shapes)
    results = []
    for threads in (1, MOST):
        autograd.set_num_threads(threads)
        states, contexts, looks, saved = kernels.forward(inner, keys, values, tuple(weights), (None, None), None, 5)
        g = np.ascontiguousarray(states), contexts, looks
        gradients = kernels.backward(g, keys, values, tuple(weights), None, contexts, looks, saved)
        results.append([states, contexts, looks, *gradients])
    for one, other in zip(*results, strict=True):
        np.testing.assert_array_equal(one, other)


def test_it_is_the_attention_and_the_cell_in_turn():
    autograd.manual_seed(0)
    cell, query, score = nn.LSTMCell(4, 3).double(), nn.Linear(3, 5, bias=False).double(), nn.Linear(5, 1).double()
    keys, values = (autograd.randn(2, 6, n, dtype=autograd.float64) for n in (5, 4))
    mask = autograd.tensor([[True] * 6, [True, False] * 3])
    h, c = (autograd.randn(2, 3, dtype=autograd.float64) for _ in range(2))
    weights = query.weight, score.weight, cell.weight_ih, cell.weight_hh
    bias = cell.bias_ih + cell.bias_hh
    states, contexts, looks = F.attention_lstm(bias, keys, values, *weights, h, c, 3, mask)
    for t in range(3):
        context, look = F.additive_attention(query(h), keys, values, score.weight, mask)
        h, c = cell(context, (h, c))
        for found, expected in ((states, h), (contexts, context), (looks, look)):
            np.testing.assert_allclose(found[:, t].detach().numpy(), expected.detach().numpy(), rtol=1e-12, atol=1e-14)
    assert (looks[1, :, 1::2] == 0).all()


def test_nothing_reaches_masked_places_and_no_sequences_give_nothing():
    keys, values = (autograd.ones(2, 3, 4, requires_grad=True) for _ in range(2))
    weights = autograd.ones(4, 2), autograd.ones(1, 4), autograd.ones(8, 4), autograd.ones(8, 2)
    mask = autograd.tensor([[True, True, False], [False, True, False]])
    sum(y.sum() for y in F.attention_lstm(autograd.ones(8), keys, values, *weights, None, None, 2, mask)).backward()
    assert (values.grad[~mask] == 0).all() and (keys.grad[~mask] == 0).all() and (values.grad[mask] != 0).all()
    empty = F.attention_lstm(autograd.ones(8), keys[:0], values[:0], *weights, None, None, 2)
    assert [tuple(y.shape) for y in empty] == [(0, 2, 2), (0, 2, 4), (0, 2, 3)]


@pytest.mark.parametrize(("at", "change", "message"), [
    (0, (7,), r"inner has shape \(7,\)"), (1, (2, 0, 4), "S and steps at least 1"), (2, (2, 4, 4), "values has shape"),
    (3, (4, 3), "weight_query has shape"), (5, (8, 3), "weight_context has shape"), (6, (9, 2), "weight_hh has shape"),
    (7, (1, 2), "h has shape"), (9, 0, "steps 0"), (10, (2, 2), r"mask is bool \(2, 2\)"),
])  # fmt: skip
def test_wrong_arguments_are_named(at, change, message):
    shapes = (8,), (2, 3, 4), (2, 3, 4), (4, 2), (1, 4), (8, 4), (8, 2), (2, 2), (2, 2)
    arguments = [*(autograd.ones(*shape) for shape in shapes), 2, autograd.ones(2, 3) > 0]
    arguments[at] = change if at == 9 else autograd.ones(*change) > 0 if at == 10 else autograd.ones(*change)
    with pytest.raises(ValueError, match=message):
        F.attention_lstm(*arguments)
    arguments = [*(autograd.ones(*shape) for shape in shapes), 2]
    arguments[6] = arguments[6].double()
    with pytest.raises(TypeError, match="weight_hh is float64"):
        F.attention_lstm(*arguments)
