"""Additive attention's kernels against numpy in float64, between guard pages, of either order, on any number of threads."""

from __future__ import annotations

import numpy as np
from guard import guarded
from hypothesis import given
from hypothesis import strategies as st

import autograd
from autograd.kernels import additive as kernels
from autograd.kernels.threads import MOST


def reference(query, keys, values, weight, mask, gc, gw):
    """Context, weights and the four gradients."""
    hidden = np.tanh(keys + query[:, None])
    scores = hidden @ weight[0]
    if mask is not None:
        scores = np.where(mask, scores, -np.inf)
    e = np.exp(scores - scores.max(1, keepdims=True))
    a = e / e.sum(1, keepdims=True)
    da = np.zeros_like(a) if gw is None else gw
    if gc is not None:
        da = da + np.einsum("bv,bsv->bs", gc, values)
    d = a * (da - (a * da).sum(1, keepdims=True))
    dk = d[..., None] * weight[0] * (1 - hidden**2)
    dv = None if gc is None else a[..., None] * gc[:, None]
    return np.einsum("bs,bsv->bv", a, values), a, dk.sum(1), dk, dv, np.einsum("bs,bsw->w", d, hidden)[None]


@st.composite
def problems(draw):
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    B, S = draw(st.sampled_from([1, 3, 40])), draw(st.sampled_from([1, 2, 30]))
    W, V = draw(st.sampled_from([1, 8, 17, 64])), draw(st.sampled_from([1, 16, 35]))

    def made(width):
        if draw(st.booleans()):
            return rng.normal(size=(B, S, width))
        return rng.normal(size=(S, B, width)).transpose(1, 0, 2)  # as an encoder leaves them

    mask = None
    if draw(st.booleans()):
        mask = np.arange(S) < rng.integers(1, S + 1, B)[:, None]
    given_ = draw(st.sampled_from(["both", "context", "weights"]))
    gc = None if given_ == "weights" else rng.normal(size=(B, V))
    gw = None if given_ == "context" else rng.normal(size=(B, S))
    return rng.normal(size=(B, W)), made(W), made(V), rng.normal(size=(1, W)), mask, gc, gw


def cast(x, dtype, at_end):
    if x is None or x.dtype == bool:
        return x if x is None else guarded(x, at_end)
    if x.ndim == 3 and not x.flags.c_contiguous:
        return guarded(x.transpose(1, 0, 2).astype(dtype), at_end).transpose(1, 0, 2)
    return guarded(x.astype(dtype), at_end)


def run(problem, dtype, at_end):
    query, keys, values, weight, mask, gc, gw = (cast(x, dtype, at_end) for x in problem)
    context, weights, hidden = kernels.forward(query, keys, values, weight, mask)
    saved = guarded(weights, at_end), guarded(hidden, at_end)
    return context, weights, *kernels.backward(gc, gw, keys, values, weight, mask, *saved)


@given(problems(), st.booleans())
def test_additive_attention_and_its_gradients(problem, at_end):
    expected = reference(*problem)
    for dtype, tolerance in ((np.float64, 1e-12), (np.float32, 2e-5)):
        for found, exact in zip(run(problem, dtype, at_end), expected, strict=True):
            if exact is None:
                assert found is None
                continue
            assert found.dtype == dtype and found.shape == exact.shape
            np.testing.assert_allclose(found, exact, rtol=0, atol=tolerance * max(1, abs(exact).max()))


def test_masked_places_count_for_nothing():
    rng = np.random.default_rng(0)
    query, keys, values, weight = (rng.normal(size=size) for size in ((2, 3), (2, 5, 3), (2, 5, 4), (1, 3)))
    mask = np.array([[True, True, False, True, False], [False, False, False, False, True]])
    keys[~mask] = np.inf
    context, weights, hidden = kernels.forward(query, keys, values, weight, mask)
    assert (weights[~mask] == 0).all() and np.isfinite(context).all()
    gradients = kernels.backward(context, weights, keys, values, weight, mask, weights, hidden)
    assert (gradients[1][~mask] == 0).all() and (gradients[2][~mask] == 0).all()


def test_same_bits_on_any_number_of_threads_and_in_either_order():
    rng = np.random.default_rng(0)
    sizes = (32, 64), (32, 30, 64), (32, 30, 64), (1, 64)
    query, keys, values, weight = (rng.normal(size=size).astype(np.float32) for size in sizes)
    results = []
    for threads in (1, MOST):
        autograd.set_num_threads(threads)
        for moved in (False, True):
            if moved:
                keys, values = (np.ascontiguousarray(x.transpose(1, 0, 2)).transpose(1, 0, 2) for x in (keys, values))
            context, weights, hidden = kernels.forward(query, keys, values, weight, None)
            gradients = kernels.backward(context, weights, keys, values, weight, None, weights, hidden)
            results.append((context, weights, *gradients))
    for other in results[1:]:
        for x, y in zip(results[0], other, strict=True):
            np.testing.assert_array_equal(x, y)
