"""Reductions: accuracy in float32, gradients at singular points, empties, orders of memory."""

from __future__ import annotations

import math

import numpy as np
import pytest

import autograd
from autograd import from_numpy, tensor
from autograd.check import gradcheck, gradgradcheck

LAYOUTS = {
    "tall": lambda rng: rng.random((200_003, 5), dtype=np.float32),
    "wide": lambda rng: rng.random((5, 200_003), dtype=np.float32),
    "channels last": lambda rng: rng.random((8, 57, 59, 6), dtype=np.float32).transpose(0, 3, 1, 2),
    "column major": lambda rng: np.asfortranarray(rng.random((3001, 70), dtype=np.float32)),
    "every second": lambda rng: rng.random((4001, 2, 60), dtype=np.float32)[::2, 1, ::-3],
    "broadcast": lambda rng: np.broadcast_to(rng.random((1, 1, 7), dtype=np.float32), (3000, 5, 7)),
}


EXACT = {
    "sum": lambda x, axes, keep: x.sum(axes, keepdims=keep),
    "mean": lambda x, axes, keep: x.mean(axes, keepdims=keep),
    "amax": lambda x, axes, keep: x.max(axes, keepdims=keep),
    "amin": lambda x, axes, keep: x.min(axes, keepdims=keep),
    "var": lambda x, axes, keep: x.var(axes, keepdims=keep, ddof=1),
    "logsumexp": lambda x, axes, keep: np.log(np.exp(x).sum(axes, keepdims=keep)),
}


def dims_of(ndim):
    return [None, *range(ndim), *[(0, ndim - 1)], *([(0, 2, 3), (2, 3), (1, 3)] if ndim == 4 else [])]


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", EXACT)
def test_any_order_of_memory(name, layout):
    """Float32 to about its precision over hundreds of thousands of elements, whatever axis lies innermost."""
    x = LAYOUTS[layout](np.random.default_rng(0))
    for dim in dims_of(x.ndim):
        if dim is None and name == "logsumexp":
            continue
        wide, axes = x.astype(np.float64), dim if dim is None or isinstance(dim, tuple) else (dim,)
        for keepdim in (False, True):
            got = getattr(autograd, name)(from_numpy(x), dim=dim, keepdim=keepdim).numpy()
            assert got.dtype == np.float32
            np.testing.assert_allclose(
                got,
                EXACT[name](wide, axes, keepdim),
                rtol=1e-5 if name == "var" else 3e-6,
                atol=1e-7,
                err_msg=str((dim, keepdim)),
            )


def test_sum_beats_one_by_one_addition():
    """10 million times 0.1 in the axis that numpy would add one by one."""
    x = np.full((1_000_000, 10), 0.1, np.float32)
    np.testing.assert_allclose(autograd.sum(from_numpy(x), 0).numpy(), 1e5, rtol=1e-6)
    assert abs(float(np.add.reduce(x, axis=0)[0]) - 1e5) > 100, (
        "numpy's own sum has become accurate: the folding may go"
    )


def test_variance_far_from_zero():
    x = np.float32(1e4) + np.linspace(0, 1, 1000, dtype=np.float32)
    np.testing.assert_allclose(autograd.var(from_numpy(x)).item(), np.var(x.astype(np.float64), ddof=1), rtol=1e-4)


ZEROS = [[2.0, 3.0, 4.0], [0.0, 3.0, 4.0], [0.0, 0.0, 4.0], [0.0, 0.0, 0.0], [1.0, -2.0, 0.0]]


@pytest.mark.parametrize("name", ["prod", "cumprod"])
@pytest.mark.parametrize("values", ZEROS)
def test_products_with_zeros(name, values):
    """First and second order, exact with any number of zeros."""
    x = tensor(values, dtype=autograd.float64, requires_grad=True)
    f = (lambda x: autograd.prod(x)) if name == "prod" else (lambda x: autograd.cumprod(x, 0))
    assert gradcheck(f, [x], atol=1e-6)
    assert gradgradcheck(f, [x], atol=1e-6)
    if name == "prod":
        (g,) = autograd.grad(f(x), x)
        np.testing.assert_array_equal(g.numpy(), [math.prod(values[:i] + values[i + 1 :]) for i in range(3)])


def test_prod_third_order_at_zero():
    """d^3 (a b c) / da db dc = 1 at the origin."""
    x = tensor([0.0, 0.0, 0.0], dtype=autograd.float64, requires_grad=True)
    g = autograd.prod(x)
    for i in range(3):
        (g,) = autograd.grad(g, x, create_graph=True)
        g = g[i]
    assert g.item() == 1


@pytest.mark.parametrize("f", [
    lambda x: x.norm(), lambda x: x.norm(p=3), lambda x: x.norm(p=1.5), lambda x: x.norm(p=1), lambda x: x.std(),
    lambda x: autograd.dist(x, x * 0), lambda x: x.norm(dim=0), lambda x: x.std(0), lambda x: autograd.std_mean(x)[0],
])  # fmt: skip
def test_singular_points_have_gradient_zero(f):
    """At the origin, or where nothing deviates: 0 in the first order, and finite in the second."""
    x = tensor([0.0, 0.0, 0.0], dtype=autograd.float64, requires_grad=True)
    (g,) = autograd.grad(f(x), x, create_graph=True)
    np.testing.assert_array_equal(g.detach().numpy(), 0)
    if g.requires_grad:
        (h,) = autograd.grad(
            (g * tensor([1.0, 2.0, 3.0], dtype=autograd.float64)).sum(), x, allow_unused=True, materialize_grads=True
        )
        assert np.isfinite(h.numpy()).all()


def test_empty():
    x = autograd.zeros(0, 3)
    assert x.sum().item() == 0 and x.prod().item() == 1 and math.isnan(x.mean().item())
    assert x.sum(0).tolist() == [0, 0, 0] and x.prod(0).tolist() == [1, 1, 1] and x.sum(1).shape == (0,)
    assert x.any().item() is False and x.all().item() is True
    for name in ("max", "min", "argmax", "amax"):
        with pytest.raises(ValueError, match=f"{name}: .*\\(0, 3\\)"):
            getattr(autograd, name)(x)
        with pytest.raises(IndexError, match=f"{name}: .*\\(0, 3\\)"):
            getattr(autograd, name)(x, 0)


def test_errors_say_what_to_do():
    with pytest.raises(
        TypeError, match=r"mean: expected a floating-point tensor, got int64; convert it with float\(\)"
    ):
        tensor([1, 2]).mean()
    with pytest.raises(IndexError, match="sum: dim 2 is out of range for a tensor of 1 dimensions"):
        tensor([1.0]).sum(2)
    with pytest.raises(TypeError, match="unbiased or correction, not both"):
        tensor([1.0]).var(unbiased=True, correction=1)
    with pytest.raises(TypeError, match="var: has no argument 'ddof'"):
        tensor([1.0]).var(ddof=1)


def test_logcumsumexp_far_out():
    """Values and gradients where exp would overflow or vanish."""
    x = tensor([-1000.0, 0.0, 1000.0, -math.inf], dtype=autograd.float64, requires_grad=True)
    y = autograd.logcumsumexp(x, 0)
    assert y.tolist() == [-1000.0, 0.0, 1000.0, 1000.0]
    (g,) = autograd.grad(y.sum(), x)
    assert g.tolist() == [1.0, 1.0, 2.0, 0.0]


def test_topk_and_sort_agree_with_nan_last():
    x = tensor([2.0, math.nan, 1.0, math.inf])
    assert autograd.sort(x).indices.tolist() == [2, 0, 3, 1]
    assert autograd.sort(x, descending=True).indices.tolist() == [1, 3, 0, 2]
    assert autograd.topk(x, 2).indices.tolist() == [1, 3]
    assert autograd.argmax(x).item() == 1 and autograd.median(x, 0).indices.item() == 1
