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
