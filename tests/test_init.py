"""Initial values: distributions, shapes, generators, and what is refused."""

from __future__ import annotations

import math

import numpy as np
import pytest

import autograd
import nn
from nn import init

WEIGHT = (200, 50, 3, 3)  # fan_in 450, fan_out 1800


def filled(call, *shape, dtype=None):
    tensor = autograd.empty(*(shape or WEIGHT), dtype=dtype)
    assert call(tensor) is tensor
    return tensor.numpy().astype(np.float64)


def uniform_like(values, bound):
    assert abs(values).max() <= bound * (1 + 1e-6) and abs(values).max() > 0.99 * bound
    assert abs(values.mean()) < 0.02 * bound
    np.testing.assert_allclose(values.std(), bound / math.sqrt(3), rtol=0.02)


def normal_like(values, mean, std):
    np.testing.assert_allclose(values.std(), std, rtol=0.02)
    assert abs(values.mean() - mean) < 0.02 * std
    assert 0.04 < (abs(values - mean) > 2 * std).mean() < 0.05


@pytest.mark.parametrize("dtype", [autograd.float32, autograd.float64])
def test_uniform_and_normal(dtype):
    values = filled(lambda t: init.uniform_(t, 2, 5), dtype=dtype)
    uniform_like(values - 3.5, 1.5)
    normal_like(filled(lambda t: init.normal_(t, 1.0, 3.0), dtype=dtype), 1.0, 3.0)


def test_xavier_and_kaiming():
    uniform_like(filled(lambda t: init.xavier_uniform_(t, gain=2)), 2 * math.sqrt(6 / 2250))
    normal_like(filled(lambda t: init.xavier_normal_(t, gain=2)), 0, 2 * math.sqrt(2 / 2250))
    uniform_like(filled(lambda t: init.kaiming_uniform_(t, nonlinearity="relu")), math.sqrt(2) * math.sqrt(3 / 450))
    uniform_like(filled(lambda t: init.kaiming_uniform_(t, a=math.sqrt(5))), 1 / math.sqrt(450))
    normal_like(filled(lambda t: init.kaiming_normal_(t, mode="fan_out", nonlinearity="relu")), 0, math.sqrt(2 / 1800))
    normal_like(filled(lambda t: init.kaiming_normal_(t, a=0.5), 500, 300), 0, math.sqrt(2 / 1.25 / 300))


@pytest.mark.parametrize(
    ("limits", "mean", "std"),
    [((-2, 2), 0, 1), ((-1, 5), 0.5, 2), ((3, 4), 0, 1), ((-9, -4), 0, 1), ((0.1, 0.11), 0, 1)],
)
def test_trunc_normal(limits, mean, std):
    from scipy.stats import truncnorm

    a, b = limits
    values = filled(lambda t: init.trunc_normal_(t, mean, std, a, b), 200, 100)
    assert values.min() >= np.float32(a) and values.max() <= np.float32(b)
    expected = truncnorm((a - mean) / std, (b - mean) / std, mean, std)
    np.testing.assert_allclose(values.mean(), expected.mean(), atol=0.02 * expected.std())
    np.testing.assert_allclose(values.std(), expected.std(), rtol=0.02)


@pytest.mark.parametrize("shape", [(5, 3), (3, 5), (4, 4), (6, 2, 2)])
def test_orthogonal(shape):
    values = filled(lambda t: init.orthogonal_(t, gain=2), *shape, dtype=autograd.float64).reshape(shape[0], -1)
    small = values @ values.T if values.shape[0] <= values.shape[1] else values.T @ values
    np.testing.assert_allclose(small, 4 * np.eye(len(small)), atol=1e-12)


def test_orthogonal_prefers_no_sign():
    autograd.manual_seed(0)
    corners = [filled(init.orthogonal_, 2, 2)[0, 0] for _ in range(400)]
    # without the signs of R's diagonal QR's convention would show: Householder's first entry is never positive
    assert abs(np.mean(corners)) < 0.1


def test_constants():
    assert (filled(lambda t: init.constant_(t, 2.5), 3) == 2.5).all()
    assert (filled(init.ones_, 3) == 1).all() and (filled(init.zeros_, 3) == 0).all()
    np.testing.assert_array_equal(filled(init.eye_, 2, 3), np.eye(2, 3))


@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("d", [1, 2, 3])
def test_dirac_passes_channels_through(groups, d):
    conv = [nn.Conv1d, nn.Conv2d, nn.Conv3d][d - 1](4, 4, 3, padding=1, groups=groups, bias=False)
    init.dirac_(conv.weight, groups)
    x = autograd.randn(2, 4, *(5,) * d)
    np.testing.assert_allclose(conv(x).detach().numpy(), x.numpy(), atol=1e-6)


def test_sparse():
    values = filled(lambda t: init.sparse_(t, 0.25, std=2.0), 10, 200)
    np.testing.assert_array_equal((values == 0).sum(0), np.full(200, 3))  # rounded up
    np.testing.assert_allclose(values[values != 0].std(), 2.0, rtol=0.1)


def test_gain():
    for name in ("linear", "conv2d", "conv_transpose3d", "sigmoid"):
        assert init.calculate_gain(name) == 1
    assert init.calculate_gain("tanh") == 5 / 3 and init.calculate_gain("relu") == math.sqrt(2)
    assert init.calculate_gain("leaky_relu", 0.2) == math.sqrt(2 / 1.04) and init.calculate_gain("selu") == 0.75
    with pytest.raises(ValueError, match="nonlinearity 'swish'.*relu"):
        init.calculate_gain("swish")
    with pytest.raises(ValueError, match="not a valid number"):
        init.calculate_gain("leaky_relu", "0.2")


def test_generators():
    def draw(generator=None):
        return filled(lambda t: init.normal_(t, generator=generator), 8)

    autograd.manual_seed(3)
    first = draw()
    assert not np.array_equal(first, draw())
    autograd.manual_seed(3)
    own = draw(autograd.Generator().manual_seed(5))
    np.testing.assert_array_equal(draw(), first)  # a generator of one's own leaves the default one alone
    np.testing.assert_array_equal(draw(autograd.Generator().manual_seed(5)), own)


def test_parameters_and_views_are_filled_unrecorded():
    p = nn.Parameter(autograd.zeros(2, 3))
    version = p._version
    assert init.ones_(p) is p and p.is_leaf and p.requires_grad and p._version > version
    with autograd.no_grad():
        init.constant_(p[0], 7.0)
    np.testing.assert_array_equal(p.detach().numpy(), [[7, 7, 7], [1, 1, 1]])
    init.zeros_(p.data)
    assert not p.detach().numpy().any()


def test_nothing_is_filled_without_elements():
    for call in (init.kaiming_uniform_, init.kaiming_normal_, init.orthogonal_, init.xavier_normal_, init.uniform_):
        assert call(autograd.empty(0, 3)).shape == (0, 3)
    assert nn.Linear(0, 3)(autograd.ones(2, 0)).shape == (2, 3)


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (lambda t: init.xavier_uniform_(t[0, 0, 0]), ValueError, "fewer than 2 dimensions"),
        (lambda t: init.orthogonal_(t[0, 0, 0]), ValueError, "2 or more"),
        (lambda t: init.eye_(t), ValueError, "2 dimensions"),
        (lambda t: init.sparse_(t, 0.1), ValueError, "2 dimensions"),
        (lambda t: init.dirac_(t[0, 0]), ValueError, "3, 4, or 5"),
        (lambda t: init.dirac_(t, groups=3), ValueError, "divisible by groups"),
        (lambda t: init.kaiming_uniform_(t, mode="fan"), ValueError, "fan_in, fan_out"),
        (lambda t: init.uniform_(t, 2.0, 1.0), ValueError, "a <= b"),
        (lambda t: init.normal_(t, std=-1.0), ValueError, "std >= 0"),
        (lambda t: init.trunc_normal_(t, a=1.0, b=1.0), ValueError, "a < b"),
    ],
)
def test_refused(call, kind, message):
    with pytest.raises(kind, match=message):
        call(autograd.empty(4, 2, 2, 2))


def test_defaults_of_the_layers():
    autograd.manual_seed(0)
    linear, conv = nn.Linear(100, 400), nn.Conv2d(20, 300, 3, groups=2)
    transposed, bilinear = nn.ConvTranspose2d(30, 100, 3), nn.Bilinear(25, 20, 30)
    uniform_like(linear.weight.detach().numpy(), 0.1)
    assert 0.09 < abs(linear.bias.detach().numpy()).max() <= 0.1
    uniform_like(conv.weight.detach().numpy(), 1 / math.sqrt(90))
    assert 0.9 / math.sqrt(90) < abs(conv.bias.detach().numpy()).max() <= 1 / math.sqrt(90)
    uniform_like(transposed.weight.detach().numpy(), 1 / math.sqrt(900))
    uniform_like(bilinear.weight.detach().numpy(), 0.2)
    table = nn.Embedding(200, 100, padding_idx=3).weight.detach().numpy()
    assert not table[3].any()
    normal_like(np.delete(table, 3, 0), 0, 1)
    attention = nn.MultiheadAttention(100, 2, add_bias_kv=True)
    uniform_like(attention.in_proj_weight.detach().numpy(), math.sqrt(6 / 400))
    assert not attention.in_proj_bias.detach().numpy().any() and not attention.out_proj.bias.detach().numpy().any()
    assert attention.bias_k.detach().numpy().std() > 0
    apart = nn.MultiheadAttention(100, 2, kdim=50, vdim=60)
    uniform_like(apart.k_proj_weight.detach().numpy(), math.sqrt(6 / 150))
