"""Softmax and cross-entropy against float64 numpy, infinite logits and wrong labels included."""

from __future__ import annotations

import numpy as np
import pytest
from guard import guarded
from hypothesis import given
from hypothesis import strategies as st

import autograd
from autograd.kernels import softmax as kernels
from autograd.kernels.threads import MOST

DTYPES = st.sampled_from([np.float32, np.float64])


@st.composite
def logits(draw):
    """(R, C) logits of any scale, some -inf, each row with a finite one."""
    R, C = draw(st.sampled_from([1, 5, 40, 900])), draw(st.sampled_from([1, 2, 10, 65]))
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    x = rng.normal(size=(R, C)) * draw(st.sampled_from([1, 30, 1000]))
    x[rng.random(x.shape) < draw(st.sampled_from([0, 0.3]))] = -np.inf
    x[:, 0] = np.where(np.isinf(x[:, 0]), 1, x[:, 0])
    return guarded(x.astype(draw(DTYPES)), draw(st.booleans()))


def _log_softmax(x):
    x = x.astype(np.float64)
    x = x - x.max(1, keepdims=True)
    return x - np.log(np.exp(x).sum(1, keepdims=True))


@given(logits())
def test_softmax_and_log_softmax(x):
    tolerance = 1e-10 if x.dtype == np.float64 else 2e-6
    log = _log_softmax(x)
    y, z = kernels.softmax(x), kernels.log_softmax(x)
    np.testing.assert_allclose(y, np.exp(log), tolerance * 20, tolerance)
    np.testing.assert_allclose(z, log, tolerance, tolerance)
    g = np.random.default_rng(0).normal(size=x.shape).astype(x.dtype)
    expected = np.exp(log) * (g - (g * np.exp(log)).sum(1, keepdims=True))
    np.testing.assert_allclose(kernels.softmax_backward(g, y), expected, 20 * tolerance, 20 * tolerance)
    expected = g - np.exp(log) * g.sum(1, dtype=np.float64, keepdims=True)
    np.testing.assert_allclose(kernels.log_softmax_backward(g, z), expected, 20 * tolerance, 20 * tolerance)


@given(logits(), st.booleans())
def test_logsumexp(x, special):
    """Of rows with infinities and NaN too, and of nothing but -inf."""
    if special:
        x[::4, -1], x[1::4] = np.inf, -np.inf
        x[2::8, 0] = np.nan
    tolerance = 1e-10 if x.dtype == np.float64 else 2e-6
    wide = x.astype(np.float64)
    with np.errstate(all="ignore"):
        y, expected = kernels.logsumexp(x), np.logaddexp.reduce(wide, 1)
        np.testing.assert_allclose(y, expected, tolerance, tolerance)
        g = np.random.default_rng(0).normal(size=len(x)).astype(x.dtype)
        g[::3] = 0
        share = np.exp(wide - np.where(y == -np.inf, 0, y.astype(np.float64))[:, None])
    gx = kernels.logsumexp_backward(g, x, y)
    assert not gx[::3].any()
    finite = np.isfinite(expected)
    atol = 40 * tolerance * max(1, np.abs(y[finite]).max(initial=0))
    np.testing.assert_allclose(gx[finite], (g[:, None] * share)[finite], atol, atol)
    nothing = (y == -np.inf) & (g != 0)
    assert not gx[nothing].any()
    assert np.isnan(gx[np.isnan(expected) & (g != 0)]).all()


@given(logits(), st.booleans())
def test_down_columns_as_along_rows(x, at_end):
    rng = np.random.default_rng(0)
    blocks = np.stack([x, x[::-1]]).swapaxes(1, 2)
    columns = guarded(np.ascontiguousarray(blocks), at_end)
    g = guarded(rng.normal(size=blocks.shape).astype(x.dtype), at_end)
    tolerance = 1e-10 if x.dtype == np.float64 else 2e-6

    def rows(function, *arrays):
        y = function(*[a.swapaxes(1, 2).reshape(-1, a.shape[1]) for a in arrays])
        return y.reshape(2, -1, x.shape[1]).swapaxes(1, 2)

    for forward, backward in (
        (kernels.softmax, kernels.softmax_backward),
        (kernels.log_softmax, kernels.log_softmax_backward),
    ):
        y = forward(columns)
        np.testing.assert_allclose(y, rows(forward, columns), tolerance, tolerance)
        y = guarded(y, at_end)
        np.testing.assert_allclose(backward(g, y), rows(backward, g, y), 20 * tolerance, 20 * tolerance)


@pytest.mark.parametrize("column", [[-np.inf, -np.inf], [np.inf, 0.0], [np.nan, 0.0]])
def test_a_column_without_a_softmax_is_nan_and_alone(column):
    x = np.array([column, [0.0, 0.0]], np.float32).T[None]
    for y in (kernels.softmax(x), kernels.log_softmax(x)):
        assert np.isnan(y[0, :, 0]).any() and np.isfinite(y[0, :, 1]).all()


@given(
    logits(),
    st.booleans(),
    st.sampled_from([0, 0.1]),
    st.sampled_from(["mean", "sum", "none"]),
    st.sampled_from([-100, 0]),
)
def test_cross_entropy_and_its_gradient(x, weighted, smoothing, reduction, ignored):
    R, C = x.shape
    tolerance = 1e-10 if x.dtype == np.float64 else 5e-6
    rng = np.random.default_rng(3)
    x = np.where(np.isinf(x), -3, x).astype(x.dtype) if smoothing else x
    labels = guarded(rng.integers(0, C, R), True)
    labels[rng.random(R) < 0.2] = ignored
    weight = rng.random(C).astype(x.dtype) + x.dtype.type(0.5) if weighted else None
    w = np.ones(C) if weight is None else weight.astype(np.float64)
    kept = labels != ignored
    at = np.where(kept, labels, 0)
    log = _log_softmax(x)
    target = np.zeros((R, C))  # what each log probability is multiplied by
    target[np.arange(R), at] = (1 - smoothing) * w[at]
    target = (target + smoothing / C * w) * kept[:, None]
    rows = -(np.where(target > 0, log, 0) * target).sum(1)
    total = w[at][kept].sum()
    scale = 1 / total if reduction == "mean" and total else 1
    expected = rows if reduction == "none" else rows.sum() * scale
    expected = np.nan if reduction == "mean" and not total else expected
    settings = weight, ignored, smoothing, reduction
    loss, sums, mass = kernels.softmax_cross_entropy(x, labels, *settings)
    assert loss.dtype == x.dtype
    np.testing.assert_allclose(loss, expected, 20 * tolerance, tolerance)
    g = rng.normal(size=np.shape(loss)).astype(x.dtype)
    gx = kernels.softmax_cross_entropy_backward(g, x, labels, sums, mass, *settings)
    slope = np.exp(log) * target.sum(1, keepdims=True) - target
    outer = (g[:, None] if reduction == "none" else g) * scale
    np.testing.assert_allclose(gx, slope * outer, 20 * tolerance, tolerance)


@pytest.mark.parametrize("row", [[-np.inf, -np.inf], [np.inf, 0.0], [np.nan, 0.0]])
def test_a_row_without_a_softmax_is_nan_and_alone(row):
    x = np.array([row, [0.0, 0.0]], np.float32)
    for y in (kernels.softmax(x), kernels.log_softmax(x)):
        assert np.isnan(y[0]).any() and np.isfinite(y[1]).all()
    loss, _, _ = kernels.softmax_cross_entropy(x, np.array([0, 0]), reduction="none")
    assert np.isnan(loss[0]) and loss[1] == np.float32(np.log(2))


def test_the_label_of_an_impossible_class_costs_infinity():
    loss, _, _ = kernels.softmax_cross_entropy(np.array([[-np.inf, 0.0]]), np.array([0]))
    assert loss == np.inf


@pytest.mark.parametrize("label", [3, -1, 2**40])
def test_a_wrong_label_is_named(label):
    with pytest.raises(ValueError, match=f"label {label} in row 1"):
        kernels.softmax_cross_entropy(np.zeros((2, 3)), np.array([0, label]))


def test_same_bits_on_any_number_of_threads():
    x, labels = np.random.default_rng(0).normal(size=(500, 77)), np.arange(500) % 77
    results = []
    for threads in (1, MOST):
        autograd.set_num_threads(threads)
        loss, sums, mass = kernels.softmax_cross_entropy(x, labels)
        gx = kernels.softmax_cross_entropy_backward(np.ones(()), x, labels, sums, mass)
        results.append((kernels.softmax(x), kernels.log_softmax(x), loss, gx))
    for one, other in zip(*results, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(3, 5), (4, 30), (7, 9)])
def test_bits_do_not_depend_on_where_the_arrays_lie(shape, dtype):
    rows, columns = shape
    size = rows * columns
    values = np.random.default_rng(0).normal(size=size).astype(dtype)
    memory = np.empty(4 * size + 64, dtype)
    found = set()
    for place in range(size, size + 64):  # x right before y and right behind it
        for x in (memory[place - size : place], memory[place + size : place + 2 * size]):
            y = memory[place : place + size]
            x[:] = values
            kernels._softmax_rows(0, 1, x, y, False, columns, rows, rows)
            found.add(y.tobytes())
    for gap in range(64):
        x, y = memory[:size], memory[size + gap : 2 * size + gap]
        x[:] = values
        kernels._softmax_rows(0, 1, x, y, False, columns, rows, rows)
        found.add(y.tobytes())
    assert len(found) == 1
