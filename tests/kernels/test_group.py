"""Group normalisation against plain numpy in both memory orders, at the ends of memory and on any number of threads."""

from __future__ import annotations

import numpy as np
import pytest
from guard import guarded

import autograd
from autograd.kernels import group

SHAPES = [(2, 6, 20, 3), (3, 4, 8, 4), (2, 35, 33, 5), (2, 40, 5000, 1), (1, 4, 1, 2)]


def _exact(g, x, weight, bias, groups, eps):
    """y, gx, gw and gb in extended precision."""
    g, x, weight, bias = (a.astype(np.longdouble) for a in (g, x, weight, bias))
    N, C, S = x.shape
    rows = x.reshape(N, groups, -1)
    rstd = 1 / np.sqrt(rows.var(2, keepdims=True) + eps)
    normal = ((rows - rows.mean(2, keepdims=True)) * rstd).reshape(x.shape)
    slope, flat = (g * weight[:, None]).reshape(rows.shape), normal.reshape(rows.shape)
    gx = (slope - slope.mean(2, keepdims=True) - flat * (slope * flat).mean(2, keepdims=True)) * rstd
    return normal * weight[:, None] + bias[:, None], gx.reshape(x.shape), (g * normal).sum((0, 2)), g.sum((0, 2))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("last", [False, True])
def test_against_numpy(shape, dtype, last):
    (N, C, S, groups), rng = shape, np.random.default_rng(0)
    for at_end in (False, True):
        g, x = ((rng.normal(size=(N, S, C) if last else (N, C, S)) * 2 + 9).astype(dtype) for _ in "gx")
        g, x = (guarded(a, at_end) for a in (g, x))
        g, x = (a.transpose(0, 2, 1) if last else a for a in (g, x))
        weight, bias = (guarded(rng.normal(size=C).astype(dtype), at_end) for _ in "wb")
        y, mean, rstd = group.group_norm(x, weight, bias, groups, 1e-5)
        ours = y, *group.group_norm_backward(g, x, weight, mean, rstd)
        assert (S == 1 or y.strides == x.strides) and y.dtype == dtype
        for a, b in zip(ours, _exact(g, x, weight, bias, groups, 1e-5), strict=True):
            bound = 3e-5 if dtype == np.float32 else 1e-12
            np.testing.assert_allclose(a, b.astype(float), bound, bound * max(1, float(abs(b).max())))


def test_a_large_mean_costs_no_accuracy():
    x = (np.random.default_rng(0).normal(size=(2, 4, 9000)) + 3000).astype(np.float32)
    exact = _exact(x, x, np.ones(4), np.zeros(4), 2, 0.0)[0]
    for a in (x, np.ascontiguousarray(x.transpose(0, 2, 1)).transpose(0, 2, 1)):
        np.testing.assert_allclose(group.group_norm(a, None, None, 2, 0.0)[0], exact.astype(float), 0, 5e-4)


@pytest.mark.parametrize("last", [False, True])
def test_same_bits_on_any_number_of_threads(last):
    x = np.random.default_rng(0).normal(size=(8, 16, 300)).astype(np.float32)
    x = np.ascontiguousarray(x.transpose(0, 2, 1)).transpose(0, 2, 1) if last else x
    results = []
    for threads in (1, 2):
        autograd.set_num_threads(threads)
        y, mean, rstd = group.group_norm(x, None, None, 4, 1e-5)
        results.append([y, *group.group_norm_backward(y, x, None, mean, rstd)])
    for a, b in zip(*results, strict=True):
        np.testing.assert_array_equal(a, b)
