"""Running sums, products and extremes against numpy, at the ends of memory and on any number of threads."""

from __future__ import annotations

from math import prod

import numpy as np
from guard import guarded
from hypothesis import given
from hypothesis import strategies as st

import autograd
from autograd.kernels import scan
from autograd.kernels.threads import MOST


@given(
    st.sampled_from([(7,), (0, 3), (3, 0), (5, 300), (40, 2, 30), (2, 90, 3, 50)]),
    st.integers(-4, 3),
    st.sampled_from([np.float32, np.float64]),
    st.booleans(),
)
def test_running_sums_products_and_extremes(shape, axis, dtype, at_end):
    axis %= len(shape)
    rng = np.random.default_rng(0)
    x = guarded(
        rng.choice(np.array([1.25, -0.5, 2, -1, 0.75, -0.0, np.nan], dtype), shape, p=[0.2] * 4 + [0.15, 0.04, 0.01]),
        at_end,
    )
    for combine in (np.add, np.multiply):
        for reverse in (False, True):
            turned = np.flip(x, axis) if reverse else x
            expected = combine.accumulate(turned, axis=axis, dtype=np.float64)
            expected = (np.flip(expected, axis) if reverse else expected).astype(dtype)
            ours = scan.running(x, axis, combine is np.multiply, reverse)
            np.testing.assert_array_equal(ours, expected)
            np.testing.assert_array_equal(np.signbit(ours), np.signbit(expected))
    for combine in (np.maximum, np.minimum):
        values, places = scan.extremes(x, axis, combine is np.maximum)
        expected = combine.accumulate(x, axis=axis)
        np.testing.assert_array_equal(values, expected)
        at = np.arange(shape[axis]).reshape((-1,) + (1,) * (len(shape) - 1 - axis))
        found = np.maximum.accumulate(np.where((x == expected) | (x != x), at, 0), axis=axis)
        np.testing.assert_array_equal(places, found)


@given(
    st.sampled_from([(7,), (0, 3), (3, 0), (5, 30), (40, 2, 30), (2, 19, 3, 50)]), st.integers(-4, 3),
    st.sampled_from([np.float32, np.float64]), st.booleans(),
)  # fmt: skip
def test_gradients_of_products(shape, axis, dtype, at_end):
    """Zeros among the factors too; a gradient of 0 from the end on stays 0 whatever stands before."""
    axis %= len(shape)
    rng = np.random.default_rng(0)
    x = guarded(rng.choice(np.array([1.25, -0.5, 2, -1, 0.75, 0], dtype), shape, p=[0.19] * 5 + [0.05]), at_end)
    g = guarded(rng.integers(-3, 4, shape).astype(dtype), at_end)
    n = shape[axis]
    y = scan.running(x, axis, True)
    gx = np.moveaxis(scan.product_pull(g, x, y, axis), axis, -1)
    wide, pull = np.moveaxis(x.astype(float), axis, -1), np.moveaxis(g.astype(float), axis, -1)
    rows, others = wide.reshape(-1, n) if x.size else wide.reshape(0, n), np.empty(wide.shape)
    for i in range(n):
        without = np.concatenate([wide[..., :i], np.ones_like(wide[..., :1]), wide[..., i + 1 :]], -1)
        expected = (np.cumprod(without, -1) * pull)[..., i:].sum(-1)
        assert (abs(gx[..., i] - expected) <= 1e-5 * (1 + abs(expected))).all()
        others[..., i] = without.prod(-1)
    f = rng.standard_normal(len(rows)).astype(dtype)
    flat_rows = guarded(rows.astype(dtype)[..., None], at_end)
    expected = f[:, None] * others.reshape(rows.shape)
    np.testing.assert_allclose(scan.others(f, flat_rows)[..., 0], expected, 1e-5, 0)
    if x.size:
        columns = guarded(x.reshape(-1, n, prod(shape[axis + 1 :])), at_end)
        expected = np.moveaxis(expected.reshape(wide.shape), -1, axis).reshape(columns.shape)
        np.testing.assert_allclose(scan.others(guarded(f, at_end), columns), expected, 1e-5, 0)
        y = y.copy()
        y[:] = np.inf
        assert not scan.product_pull(np.zeros_like(g), x, y, axis)[(slice(None),) * axis + (slice(1, None),)].any()


def test_large_products_of_tensors():
    """The gradients by kernels are those of the operations they stand for, which second orders are made of."""
    x = autograd.from_numpy(np.random.default_rng(0).uniform(0.5, 1.5, (70, 40))).requires_grad_()
    for y in (x.cumprod(1), x.cumprod(0), x.prod(1), x.prod(0), x.prod()):
        g = autograd.from_numpy(np.random.default_rng(1).standard_normal(tuple(y.shape)))
        (first,) = autograd.grad(y, x, g, retain_graph=True)
        (again,) = autograd.grad(y, x, g, create_graph=True)
        np.testing.assert_allclose(first.numpy(), again.detach().numpy(), 1e-9, 1e-12)


def test_same_bits_on_any_number_of_threads():
    x = np.random.default_rng(0).normal(size=(30, 70, 40)).astype(np.float32)
    results = []
    for threads in (1, MOST):
        autograd.set_num_threads(threads)
        results.append([*(scan.running(x, axis) for axis in range(3)), *scan.extremes(x, 1, True)])
    for one, other in zip(*results, strict=True):
        np.testing.assert_array_equal(one, other)
