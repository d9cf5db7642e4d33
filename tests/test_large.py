"""Large arrays go to kernels where small ones go to numpy: both must agree to the bit, at kinks, infinities and NaN too."""

from __future__ import annotations

import numpy as np
import pytest

import autograd
import nn.functional as F

SIZE = 3000  # above where kernels begin
PIECE = 500  # below

ELEMENTWISE = {
    "relu": F.relu,
    "leaky_relu": F.leaky_relu,
    "hardtanh": F.hardtanh,
    "relu6": F.relu6,
    "hardsigmoid": F.hardsigmoid,
    "hardswish": F.hardswish,
    "threshold": lambda x: F.threshold(x, 0.5, 20.0),
    "hardshrink": F.hardshrink,
    "softshrink": F.softshrink,
    "sign": autograd.sign,
    "abs": autograd.abs,
    "lerp": lambda x: autograd.lerp(x, x.detach().flip(0), 0.3),
    "lerp the other way": lambda x: autograd.lerp(x.detach().flip(0), x, 0.7),
    "lerp by a tensor": lambda x: autograd.lerp(x, x.detach() * 2, x.detach() / 4),
}
EDGES = [0.0, -0.0, 0.5, -0.5, 1.0, -1.0, 3.0, -3.0, 6.0, 1e30, -1e30, np.inf, -np.inf, np.nan]


def _run(function, x, g):
    x = autograd.from_numpy(x.copy("K")).requires_grad_()
    y = function(x)
    y.backward(autograd.from_numpy(g))
    return y.detach().numpy(), x.grad.numpy()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", ELEMENTWISE)
def test_kernels_agree_with_numpy(name, dtype):
    rng = np.random.default_rng(0)
    x = (rng.standard_normal(SIZE) * 3).astype(dtype)
    for at in range(0, SIZE, PIECE):  # a piece is the same from either end, as flip wants it
        x[at : at + len(EDGES)] = EDGES
        x[at + PIECE - len(EDGES) : at + PIECE] = EDGES[::-1]
    g = rng.standard_normal(SIZE).astype(dtype)
    g[::7] = 0
    pieces = [slice(at, at + PIECE) for at in range(0, SIZE, PIECE)]
    if "lerp" in name:
        x = np.concatenate([x[:PIECE]] * (SIZE // PIECE))
    expected = [_run(ELEMENTWISE[name], x[p], g[p]) for p in pieces]
    for ours, parts in zip(_run(ELEMENTWISE[name], x, g), zip(*expected, strict=True), strict=True):
        assert ours.dtype == dtype
        np.testing.assert_array_equal(ours, np.concatenate(parts))


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_kernels_in_other_memory_orders(name):
    rng = np.random.default_rng(1)
    x, g = rng.standard_normal((2, 60, 50)).astype(np.float32) * 2
    plain = _run(ELEMENTWISE[name], x, g)
    turned = _run(ELEMENTWISE[name], np.asfortranarray(x), g)
    stretched = np.broadcast_to(np.float32(0.5), x.shape)
    for one, other in zip(plain, turned, strict=True):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(
        _run(ELEMENTWISE[name], x, stretched)[1], _run(ELEMENTWISE[name], x, stretched.copy())[1]
    )


LOSSES = {
    "mse_loss": F.mse_loss,
    "l1_loss": F.l1_loss,
    "smooth_l1_loss": lambda x, y, **k: F.smooth_l1_loss(x, y, beta=0.5, **k),
    "huber_loss": lambda x, y, **k: F.huber_loss(x, y, delta=2.0, **k),
}


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", LOSSES)
def test_losses_of_large_arrays(name, dtype, reduction):
    rng = np.random.default_rng(0)
    x, y = (rng.standard_normal((2, 60, 50)) * 2).astype(dtype)
    y[:, :7] = x[:, :7] + np.array([0.5, -0.5, 2, -2, 0, 1, 3], dtype)
    if reduction == "none":
        y[:, 7:9] = np.inf, np.nan
    g = rng.standard_normal((60, 50)).astype(dtype) if reduction == "none" else np.asarray(0.7, dtype)

    def run(x, y, g, reduction):
        x, y = (autograd.from_numpy(np.asfortranarray(a)).requires_grad_() for a in (x, y))
        loss = LOSSES[name](x, y, reduction=reduction)
        loss.backward(autograd.from_numpy(np.array(g)))
        return loss.detach().numpy(), x.grad.numpy(), y.grad.numpy()

    results = run(x, y, g, reduction)
    each = np.broadcast_to(g, x.shape)
    rows = [run(x[i], y[i], each[i], "none") for i in range(len(x))]
    loss, gx, gy = (np.stack(parts) for parts in zip(*rows, strict=True))
    if reduction == "mean":
        loss, gx, gy = loss.mean(dtype=np.float64), gx / x.size, gy / x.size
    elif reduction == "sum":
        loss = loss.sum(dtype=np.float64)
    bound = 16 * np.finfo(dtype).eps
    for ours, expected in zip(results, (loss, gx, gy), strict=True):
        assert ours.dtype == dtype
        np.testing.assert_allclose(ours, expected, bound, bound)


@pytest.mark.parametrize("name", LOSSES)
def test_second_derivatives_of_large_losses(name):
    x, y = np.random.default_rng(0).standard_normal((2, 2500)) * 2
    second = []
    for cut in (slice(None), slice(0, 100)):
        a, b = autograd.from_numpy(x[cut]).requires_grad_(), autograd.from_numpy(y[cut]).requires_grad_()
        loss = LOSSES[name](a, b, reduction="sum")
        gradients = autograd.grad(loss, (a, b), create_graph=True)
        mixed = (gradients[0] * gradients[1] * a).sum()
        second.append([t.numpy() for t in autograd.grad(mixed, (a, b))])
    for large, small in zip(*second, strict=True):
        np.testing.assert_allclose(large[:100], small, 1e-12, 1e-12)


ALONG = {
    "topk": lambda x, dim: autograd.topk(x, 5, dim),
    "topk of the smallest": lambda x, dim: autograd.topk(x, 3, dim, largest=False),
    "kthvalue": lambda x, dim: autograd.kthvalue(x, 7, dim),
    "median": lambda x, dim: autograd.median(x, dim),
    "nanmedian": lambda x, dim: autograd.nanmedian(x, dim),
    "gather": lambda x, dim: (autograd.gather(x, dim, autograd.argsort(x.detach(), dim) // 2),),
    "gather of few": lambda x, dim: (autograd.gather(x, dim, autograd.argsort(x.detach(), dim).narrow(dim, 0, 12)),),
    "cumsum": lambda x, dim: (autograd.cumsum(x, dim),),
    "cumprod": lambda x, dim: (autograd.cumprod(x, dim),),
    "cummax": lambda x, dim: autograd.cummax(x, dim),
    "cummin": lambda x, dim: autograd.cummin(x, dim),
    "scatter_add": lambda x, dim: (autograd.scatter_add(x, dim, autograd.argsort(x.detach(), dim) // 2, x * 3),),
}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("dim", [0, -1])
@pytest.mark.parametrize("name", ALONG)
def test_rows_of_a_large_array_as_of_small_ones(name, dim, dtype):
    rng = np.random.default_rng(0)
    x = rng.integers(-30, 30, (90, 60)).astype(dtype)
    x[rng.random(x.shape) < 0.02] = np.nan
    x = x if dim else np.ascontiguousarray(x.T)

    def run(x, g):
        x = autograd.from_numpy(x).requires_grad_()
        results = ALONG[name](x, dim)
        results[0].backward(autograd.from_numpy(g))
        return [*(r.detach().numpy() for r in results), x.grad.numpy()]

    g = rng.standard_normal(tuple(ALONG[name](autograd.from_numpy(x), dim)[0].shape)).astype(dtype)
    parts = [(slice(a, a + 9),) if dim else (..., slice(a, a + 9)) for a in range(0, 90, 9)]
    expected = zip(*[run(x[p].copy(), g[p].copy()) for p in parts], strict=True)
    for ours, pieces in zip(run(x, g), expected, strict=True):
        np.testing.assert_array_equal(ours, np.concatenate(pieces, 0 if dim else -1))


@pytest.mark.parametrize("dim", [0, 1, 2, -1])
@pytest.mark.parametrize("orders", ["CC", "LL", "CL"])
def test_cat_of_large_images_in_two_memory_orders(orders, dim):
    rng = np.random.default_rng(0)
    shape = [2, 12, 30, 20]
    sizes, tensors, arrays = (5, 7), [], []
    for order, size in zip(orders, sizes, strict=True):
        shape[dim] = size * 4
        x = rng.standard_normal(shape).astype(np.float32)
        arrays.append(np.moveaxis(np.ascontiguousarray(np.moveaxis(x, 1, -1)), -1, 1) if order == "L" else x)
        tensors.append(autograd.from_numpy(arrays[-1]).requires_grad_())
    y = autograd.cat(tensors, dim)
    expected = np.concatenate(arrays, dim)
    np.testing.assert_array_equal(y.detach().numpy(), expected)
    if orders == "LL":
        assert np.moveaxis(y.detach().numpy(), 1, -1).flags.c_contiguous
    for g in (expected * 2, np.moveaxis(np.ascontiguousarray(np.moveaxis(expected, 1, -1)), -1, 1) * 2):
        gradients = autograd.grad(y, tensors, autograd.from_numpy(g), retain_graph=True)
        for x, gx in zip(arrays, gradients, strict=True):
            np.testing.assert_array_equal(gx.numpy(), x * 2)


CUTS = {
    "rows cut": lambda x: x[:, :, 3:], "columns cut": lambda x: x[..., :9], "turned": lambda x: x.transpose(0, 2),
    "backwards": lambda x: x.flip(0)[..., 1:], "spread": lambda x: x[:, :1].expand(-1, 8, -1, -1), "whole": lambda x: x,
}  # fmt: skip


@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize("name", CUTS)
def test_cat_and_roll_of_large_tensors_that_are_cut_out_of_others(name, last):
    shape = (12, 8, 20, 96)
    x = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    x = np.moveaxis(np.ascontiguousarray(np.moveaxis(x, 1, -1)), -1, 1) if last else x
    piece = CUTS[name](autograd.from_numpy(x))
    array = np.asarray(piece)
    for dim in range(4):
        y = autograd.cat([piece, piece * 2, piece], dim).numpy()
        expected = np.concatenate([array, array * 2, array], dim)
        np.testing.assert_array_equal(y, expected)
        assert y.strides == expected.strides
    for shifts, dims in (((3,), (1,)), ((2, -5), (3, 2)), ((1, 2, 3), (2, 0, 3)), ((4, 4), (2, 2))):
        y, expected = autograd.roll(piece, shifts, dims).numpy(), np.roll(array, shifts, dims)
        np.testing.assert_array_equal(y, expected)
        assert y.strides == expected.strides


def test_gradients_in_the_memory_of_the_seed_are_copies():
    x = autograd.zeros(512, 300, requires_grad=True)
    seed = autograd.ones(300, 512)
    (g,) = autograd.grad(x.T.contiguous(), x, seed, retain_graph=True)
    g += 1
    assert seed.sum() == 512 * 300
    x.T.backward(seed)
    x.grad += 1
    assert seed.sum() == 512 * 300 and (x.grad == 2).all()
