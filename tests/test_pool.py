"""Pooling against loops over the windows, written from the definition."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import autograd
import nn.functional as F
from autograd.check import gradcheck


def windows(size, kernel, stride, padding, dilation, ceil_mode):
    """The input positions of each window along one axis, and how many places of it count with the padding."""
    span = dilation * (kernel - 1) + 1
    out = (size + 2 * padding - span + (stride - 1 if ceil_mode else 0)) // stride + 1
    if ceil_mode and (out - 1) * stride >= size + padding:
        out -= 1
    found = []
    for o in range(out):
        start = o * stride - padding
        places = range(start, start + span, dilation)
        found.append(([p for p in places if 0 <= p < size], sum(p < size + padding for p in places)))
    return found


def pooled(x, axes, reduce):
    """reduce(values, count with padding) of every window of x (N, C, *space)."""
    y = np.empty((*x.shape[:2], *[len(axis) for axis in axes]))
    for place in itertools.product(*[range(len(axis)) for axis in axes]):
        chosen = [axis[o][0] for axis, o in zip(axes, place, strict=True)]
        count = int(np.prod([axis[o][1] for axis, o in zip(axes, place, strict=True)]))
        values = x[(slice(None), slice(None), *np.ix_(*chosen))]
        y[(slice(None), slice(None), *place)] = reduce(values.reshape(*x.shape[:2], -1), count)
    return y


@st.composite
def cases(draw):
    n = draw(st.integers(1, 3))
    kernel = draw(st.integers(1, 3))
    space = tuple(draw(st.integers(kernel + 2, 7)) for _ in range(n))
    padding = draw(st.integers(0, kernel // 2))
    x = np.random.default_rng(draw(st.integers(0, 99))).normal(size=(2, 3, *space))
    return n, x, kernel, draw(st.integers(1, 3)), padding, draw(st.booleans())


@given(case=cases(), dilation=st.integers(1, 2))
def test_maxima(case, dilation):
    n, x, kernel, stride, padding, ceil_mode = case
    dilation = 1 if min(x.shape[2:]) + 2 * padding < 2 * kernel else dilation
    axes = [windows(size, kernel, stride, padding, dilation, ceil_mode) for size in x.shape[2:]]
    pool = getattr(F, f"max_pool{n}d")
    y, index = pool(autograd.tensor(x), kernel, stride, padding, dilation, ceil_mode, return_indices=True)
    np.testing.assert_array_equal(y.numpy(), pooled(x, axes, lambda v, _: v.max(-1)))
    flat = x.reshape(*x.shape[:2], -1)
    np.testing.assert_array_equal(
        np.take_along_axis(flat, index.numpy().reshape(2, 3, -1), 2), y.numpy().reshape(2, 3, -1)
    )


@given(case=cases(), include=st.booleans())
def test_averages(case, include):
    n, x, kernel, stride, padding, ceil_mode = case
    axes = [windows(size, kernel, stride, padding, 1, ceil_mode) for size in x.shape[2:]]
    y = getattr(F, f"avg_pool{n}d")(autograd.tensor(x), kernel, stride, padding, ceil_mode, include)
    expected = pooled(x, axes, lambda v, count: v.sum(-1) / (count if include else v.shape[-1]))
    np.testing.assert_allclose(y.numpy(), expected, rtol=1e-12, atol=1e-12)


@given(case=cases(), out=st.integers(1, 8))
def test_adaptive(case, out):
    n, x, *_ = case
    axes = [[(list(range(o * size // out, -((o + 1) * size // -out))), 0) for o in range(out)] for size in x.shape[2:]]
    for name, reduce in (("avg", lambda v, _: v.mean(-1)), ("max", lambda v, _: v.max(-1))):
        y = getattr(F, f"adaptive_{name}_pool{n}d")(autograd.tensor(x), out)
        np.testing.assert_allclose(y.numpy(), pooled(x, axes, reduce), rtol=1e-12, atol=1e-12)


@given(case=cases(), p=st.sampled_from([1.0, 2.0, 3.0]))
def test_p_norms(case, p):
    n, x, kernel, stride, _, ceil_mode = case
    x = np.abs(x) + 0.1
    axes = [windows(size, kernel, stride, 0, 1, ceil_mode) for size in x.shape[2:]]
    y = getattr(F, f"lp_pool{n}d")(autograd.tensor(x), p, kernel, stride, ceil_mode)
    if not ceil_mode:  # a window that overhangs is scaled up to a whole one, as in torch
        np.testing.assert_allclose(y.numpy(), pooled(x, axes, lambda v, _: (v**p).sum(-1) ** (1 / p)), rtol=1e-10)


@pytest.mark.parametrize("n", [1, 2, 3])
def test_unpooling_puts_maxima_back(n):
    x = np.random.default_rng(n).normal(size=(2, 3, *(4,) * n))
    y, index = getattr(F, f"max_pool{n}d")(autograd.tensor(x), 2, return_indices=True)
    back = getattr(F, f"max_unpool{n}d")(y, index, 2).numpy()
    kept = back != 0
    assert kept.sum() == y.numel() and (back[kept] == x[kept]).all()


@pytest.mark.parametrize(
    "function",
    [
        lambda x: F.max_pool2d(x, 3, 2, 1, ceil_mode=True), lambda x: F.avg_pool2d(x, 3, 2, 1, True, False),
        lambda x: F.adaptive_avg_pool2d(x, (2, 3)), lambda x: F.adaptive_max_pool2d(x, 3), lambda x: F.lp_pool2d(x, 2.0, 2),
        lambda x: F.avg_pool2d(x, 2, divisor_override=3),
    ],
)  # fmt: skip
def test_gradients(function):
    x = np.random.default_rng(0).normal(size=(1, 2, 5, 6))
    gradcheck(function, autograd.tensor(x, requires_grad=True))


def test_the_first_of_equal_maxima_has_the_gradient():
    x = autograd.ones(1, 1, 2, 2, requires_grad=True)
    F.max_pool2d(x, 2).sum().backward()
    assert x.grad.flatten().tolist() == [1.0, 0.0, 0.0, 0.0]


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda x: F.max_pool2d(x, 2, padding=2), "more than half"), (lambda x: F.max_pool2d(x, 9), "output size"),
        (lambda x: F.avg_pool2d(x[0, 0], 2), "dimensions"), (lambda x: F.max_pool2d(x.long(), 2), "int64"),
        (lambda x: F.max_unpool2d(x, x.long() + 99, 2), "expected 0 to"),
    ],
)  # fmt: skip
def test_errors_name_what_is_wrong(call, said):
    with pytest.raises((ValueError, TypeError), match=said):
        call(autograd.ones(1, 1, 4, 4))
