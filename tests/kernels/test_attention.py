"""Attention's kernels against numpy in float64, between guard pages, of any strides, on any number of threads."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from guard import guarded
from hypothesis import given
from hypothesis import strategies as st
from kernels.guarded_views import guarded_view

import autograd
from autograd.kernels import attention as kernels
from autograd.kernels.elementwise import dropout
from autograd.kernels.threads import MOST


def reference(q, k, v, mask, scale, causal, kept, g):
    """Out and the gradients of q, k, v in float64; kept: factors of the weights."""
    q, k, v, g = (a.astype(np.float64) for a in (q, k, v, g))
    group = q.shape[-3] // k.shape[-3]
    many_k, many_v = np.repeat(k, group, -3), np.repeat(v, group, -3)
    scores = q @ many_k.swapaxes(-1, -2) * scale
    if causal:
        mask = np.tril(np.ones(scores.shape[-2:], bool))
    if mask is not None:
        scores = np.where(mask, scores, -np.inf) if mask.dtype == bool else scores + mask
    top = scores.max(-1, keepdims=True)
    e = np.exp(scores - np.where(np.isinf(top), 0, top))
    total = e.sum(-1, keepdims=True)
    p = e / np.where(total == 0, 1, total)
    out = (p * kept) @ many_v
    dp = g @ many_v.swapaxes(-1, -2) * kept
    ds = p * (dp - (p * dp).sum(-1, keepdims=True)) * scale

    def shared(a):
        return a.reshape(*k.shape[:-2], group, *a.shape[-2:]).sum(-3)

    return out, ds @ many_k, shared(ds.swapaxes(-1, -2) @ q), shared((p * kept).swapaxes(-1, -2) @ g)


@st.composite
def problems(draw):
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    batch, heads, group = draw(st.sampled_from([1, 2])), draw(st.sampled_from([1, 2])), draw(st.sampled_from([1, 3]))
    L, S = draw(st.sampled_from([1, 7, 65, 150])), draw(st.sampled_from([1, 5, 33, 130, 260]))
    E, V = draw(st.sampled_from([1, 8, 17])), draw(st.sampled_from([1, 16, 35]))
    kind = draw(st.sampled_from(["none", "bools", "floats", "causal", "padding"]))
    mask = None
    if kind == "bools":
        mask = rng.random((batch, heads * group, L, S)) < draw(st.sampled_from([0.05, 0.7]))
    elif kind == "floats":
        mask = rng.normal(size=(L, S))
        mask[rng.random((L, S)) < 0.2] = -np.inf
    elif kind == "padding":
        mask = (np.arange(S) < rng.integers(1, S + 1, batch)[:, None])[:, None, None]

    def made(heads, rows, width):
        if draw(st.booleans()):
            return rng.normal(size=(batch, heads, rows, width))
        return rng.normal(size=(rows, batch, heads, width)).transpose(1, 2, 0, 3)  # as projections leave them

    q, k, v = made(heads * group, L, E), made(heads, S, E), made(heads, S, V)
    g = made(heads * group, L, V)
    p = draw(st.sampled_from([0.0, 0.0, 0.4]))
    return q, k, v, mask, draw(st.sampled_from([0.3, 2.0])), kind == "causal", p, g


def run(problem, dtype, at_end, seed=5):
    q, k, v, mask, scale, causal, p, g = problem
    q, k, v, g = (guarded_view(a.astype(dtype), at_end) for a in (q, k, v, g))
    if mask is not None:
        mask = guarded(mask if mask.dtype == bool else mask.astype(dtype), at_end)
    out, lse = kernels.forward(q, k, v, mask, scale, causal, p, seed)
    kept = np.ones((*q.shape[:-1], k.shape[-2]), dtype)
    if p:
        kept, _ = dropout(kept, p, seed)
    gradients = kernels.backward(g, q, k, v, mask, out, guarded(lse, at_end), scale, causal, p, seed)
    return (out, *gradients), reference(q, k, v, mask, scale, causal, kept, g)


@given(problems(), st.booleans())
def test_attention_and_its_gradients(problem, at_end):
    for dtype, tolerance in ((np.float64, 1e-11), (np.float32, 1e-4)):
        results, references = run(problem, dtype, at_end)
        # of all results: where there is one key its gradient is nothing, a sum of what rounding leaves of large terms
        size = max(1, *[abs(expected).max() for expected in references])
        for found, expected in zip(results, references, strict=True):
            assert found.dtype == dtype
            np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance * size)


def test_same_bits_on_any_number_of_threads():
    rng = np.random.default_rng(0)
    q, k, v, g = (rng.normal(size=(2, 4, 700, 16)) for _ in range(4))
    results = []
    for threads in (1, MOST):
        autograd.set_num_threads(threads)
        results.append(run((q, k, v, None, 0.25, True, 0.1, g), np.float32, True)[0])
    for one, other in zip(*results, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("masked", ["bools", "floats"])
def test_masked_keys_count_for_nothing(masked):
    rng = np.random.default_rng(0)
    q, k, v, g = (rng.normal(size=(1, 2, 50, 8)) for _ in range(4))
    seen = np.arange(50) < 30
    mask = np.broadcast_to(seen if masked == "bools" else np.where(seen, 0.0, -np.inf), (50, 50))
    out, lse = kernels.forward(q, k, v, mask, 0.3, False, 0.0, 0)
    _, dk, dv = kernels.backward(g, q, k, v, mask, out, lse, 0.3, False, 0.0, 0)
    assert not dk[:, :, 30:].any() and not dv[:, :, 30:].any()
    k[:, :, 30:], v[:, :, 30:] = 1e3, -1e3  # whatever stands there
    np.testing.assert_array_equal(kernels.forward(q, k, v, mask, 0.3, False, 0.0, 0)[0], out)


def test_memory_is_linear_in_the_length():
    q, k, v = (np.ones((1, 3000, 8), np.float32) for _ in range(3))
    few = [a[:, :9] for a in (q, k, v)]
    out, lse = kernels.forward(*few, None, 1.0, True, 0.0, 0)
    kernels.backward(out, *few, None, out, lse, 1.0, True, 0.0, 0)  # compiled before memory is counted
    tracemalloc.start()
    out, lse = kernels.forward(q, k, v, None, 1.0, True, 0.0, 0)
    kernels.backward(out, q, k, v, None, out, lse, 1.0, True, 0.0, 0)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 3000 * 3000 * 4 / 8
