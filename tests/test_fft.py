"""Fourier transforms: closed forms, round trips, gradients by finite differences, and small models that use them."""

from __future__ import annotations

import numpy as np
import pytest

import autograd
import autograd.fft
import nn
import optim
from autograd.check import gradcheck, gradgradcheck

RNG = np.random.default_rng(3)


def real(*shape):
    return autograd.tensor(RNG.standard_normal(shape), requires_grad=True)


def complex_(*shape):
    return autograd.tensor(RNG.standard_normal(shape) + 1j * RNG.standard_normal(shape), requires_grad=True)


@pytest.mark.parametrize("norm", [None, "ortho", "forward"])
@pytest.mark.parametrize("n", [1, 4, 5, 7])
def test_a_transform_is_its_sum(n, norm):
    x = complex_(n)
    turns = np.exp(-2j * np.pi * np.outer(np.arange(n), np.arange(n)) / n)
    scale = {None: 1, "ortho": n**-0.5, "forward": 1 / n}[norm]
    back = {None: 1 / n, "ortho": n**-0.5, "forward": 1}[norm]
    v = x.detach().numpy()
    np.testing.assert_allclose(autograd.fft.fft(x, norm=norm).detach().numpy(), scale * (turns @ v), atol=1e-12)
    np.testing.assert_allclose(autograd.fft.ifft(x, norm=norm).detach().numpy(), back * (turns.conj() @ v), atol=1e-12)
    half = autograd.fft.rfft(x.detach().real, norm=norm).numpy()
    np.testing.assert_allclose(half, scale * (turns @ v.real)[: n // 2 + 1], atol=1e-12)


@pytest.mark.parametrize("norm", [None, "ortho", "forward"])
@pytest.mark.parametrize("shape", [(6,), (3, 5), (2, 3, 4)])
def test_inverses_undo(shape, norm):
    z, x = complex_(*shape).detach(), real(*shape).detach()
    fft = autograd.fft
    assert autograd.allclose(fft.ifftn(fft.fftn(z, norm=norm), norm=norm), z)
    assert autograd.allclose(fft.irfftn(fft.rfftn(x, norm=norm), s=shape, norm=norm), x)
    assert autograd.allclose(fft.irfft(fft.rfft(x, norm=norm), shape[-1], norm=norm), x)
    assert autograd.allclose(fft.hfft(fft.ihfft(x, norm=norm), shape[-1], norm=norm), x)
    assert autograd.equal(fft.ifftshift(fft.fftshift(x)), x)
    energy = x.square().sum() / (1 if norm == "ortho" else x.numel() if norm == "forward" else 1 / x.numel())
    assert autograd.allclose(fft.fftn(x, norm=norm).abs().square().sum(), energy)


@pytest.mark.parametrize("name", ["fft", "ifft", "rfft", "irfft", "hfft", "ihfft"])
@pytest.mark.parametrize("length", [4, 5])
@pytest.mark.parametrize("n", [None, 3, 6, 7])
def test_gradients_of_cut_and_filled_transforms(name, length, n):
    x = real(2, length) if name in ("rfft", "ihfft") else complex_(2, length)
    call = lambda x: getattr(autograd.fft, name)(x, n, norm="ortho")
    assert gradcheck(call, (x,)) and gradgradcheck(call, (x,))


def test_dtypes_and_memory():
    x = autograd.arange(12).reshape(3, 4)
    for made in (x, x.float(), x.bool(), x.cfloat()):
        assert autograd.fft.fft2(made).dtype == autograd.complex64
    assert (
        autograd.fft.irfft(x.double()).dtype == autograd.float64
        and autograd.fft.fft(x.double()).dtype == autograd.complex128
    )
    y = real(4, 6).detach()
    for view in (y.T, y[::2], y.flip(1), y[:, 1:4]):
        for dim in (0, 1):
            np.testing.assert_allclose(
                autograd.fft.fft(view, dim=dim).numpy(), np.fft.fft(view.numpy(), axis=dim), atol=1e-12
            )
    out = autograd.empty(4, 4, dtype=autograd.complex128)
    assert autograd.fft.rfft(y, out=out) is out and autograd.equal(out, autograd.fft.rfft(y))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda x: autograd.fft.fft(x, 0), "fft.fft: a transform needs at least one point, got 0"),
        (lambda x: autograd.fft.fft(x, norm="unit"), "fft.fft: norm must be None"),
        (lambda x: autograd.fft.rfft(x.cfloat()), "fft.rfft: expected a real tensor, got complex64"),
        (lambda x: autograd.fft.fft2(x, s=(2,)), "fft.fft2: s names 1 lengths for 2 dims"),
        (lambda x: autograd.fft.fftn(x, s=(2, 2, 2)), "fft.fftn: s names 3 lengths, the tensor has only 2 dimensions"),
        (lambda x: autograd.fft.irfft(x[:, :1]), "fft.irfft: a transform needs at least one point, got 0"),
        (lambda x: autograd.fft.fft([1.0]), "fft.fft: expected a Tensor, got list"),
        (lambda x: autograd.fft.fftfreq(0), "fft.fftfreq: n must be at least 1"),
        (lambda x: autograd.stft(x[0], 8, return_complex=True, center=False), "stft: expected 0 < n_fft <= 4"),
        (lambda x: autograd.stft(x[0], 4), "stft: return_complex must be given"),
        (lambda x: autograd.istft(x, 4), "istft: expected a complex tensor, got float32"),
        (lambda x: autograd.istft(x.cfloat(), 9), "istft: 3 frequencies do not fit n_fft 9"),
        (
            lambda x: autograd.istft(x.cfloat(), 4, window=autograd.zeros(4)),
            "istft: the windows, added up, leave a sample out",
        ),
        (
            lambda x: autograd.stft(x[0], 4, window=autograd.ones(3), return_complex=True),
            r"a window of shape \(4,\), got \(3,\)",
        ),
    ],
)
def test_errors_say_what_came(call, words):
    with pytest.raises((TypeError, ValueError, RuntimeError), match=words):
        call(autograd.ones(3, 4))


@pytest.mark.parametrize("window", ["hann_window", "hamming_window", None])
@pytest.mark.parametrize(("n_fft", "hop"), [(16, 4), (16, 8), (15, 5)])
def test_a_signal_comes_back(window, n_fft, hop):
    x = real(2, 120).detach()
    w = None if window is None else getattr(autograd, window)(n_fft, dtype=autograd.float64)
    spectrum = autograd.stft(x, n_fft, hop, window=w, return_complex=True)
    frames = (120 + n_fft // 2 * 2 - n_fft) // hop + 1
    assert spectrum.shape == (2, n_fft // 2 + 1, frames) and spectrum.dtype == autograd.complex128
    back = autograd.istft(spectrum, n_fft, hop, window=w, length=120)
    assert autograd.allclose(back, x, atol=1e-9)
    pairs = autograd.view_as_real(spectrum)
    assert autograd.allclose(
        autograd.istft(autograd.view_as_complex(pairs), n_fft, hop, window=w, length=120), x, atol=1e-9
    )


def test_gradients_of_a_spectrogram():
    x, w = real(14), autograd.tensor(RNG.uniform(0.5, 1, 4), requires_grad=True)
    call = lambda x, w: autograd.stft(x, 4, 2, window=w, return_complex=True).abs()
    assert gradcheck(call, (x, w)) and gradgradcheck(call, (x, w))
    z = complex_(3, 5)
    assert gradcheck(lambda z, w: autograd.istft(z, 4, 2, window=w), (z, w))


def test_convolution_is_a_product_of_spectra():
    x, k = real(2, 9), real(4)
    spectrum = autograd.fft.rfft(x, 12) * autograd.fft.rfft(k, 12)
    y = autograd.fft.irfft(spectrum, 12)
    expected = np.stack([np.convolve(row, k.detach().numpy()) for row in x.detach().numpy()])
    np.testing.assert_allclose(y.detach().numpy(), expected, atol=1e-12)
    weights = autograd.tensor(RNG.standard_normal(y.shape))
    (g,) = autograd.grad((y * weights).sum(), k)
    wanted = [
        sum(float(w[j : j + 9] @ row) for w, row in zip(weights.numpy(), x.detach().numpy(), strict=True))
        for j in range(4)
    ]
    np.testing.assert_allclose(g.numpy(), wanted, atol=1e-12)


class SpectralConv2d(nn.Module):
    """The layer of a Fourier neural operator, Li et al., https://arxiv.org/abs/2010.08895."""

    def __init__(self, i, o, modes):
        super().__init__()
        self.modes, scale = modes, 1 / (i * o)
        self.weights1 = nn.Parameter(scale * autograd.rand(i, o, modes, modes, dtype=autograd.cfloat))
        self.weights2 = nn.Parameter(scale * autograd.rand(i, o, modes, modes, dtype=autograd.cfloat))

    def forward(self, x):
        m = self.modes
        spectrum = autograd.fft.rfft2(x)
        out = autograd.zeros(x.shape[0], self.weights1.shape[1], x.size(-2), x.size(-1) // 2 + 1, dtype=autograd.cfloat)
        out[:, :, :m, :m] = autograd.einsum("bixy,ioxy->boxy", spectrum[:, :, :m, :m], self.weights1)
        out[:, :, -m:, :m] = autograd.einsum("bixy,ioxy->boxy", spectrum[:, :, -m:, :m], self.weights2)
        return autograd.fft.irfft2(out, s=(x.size(-2), x.size(-1)))


def test_a_fourier_neural_operator_learns_to_smooth():
    autograd.manual_seed(0)
    net = nn.Sequential(SpectralConv2d(1, 4, 3), nn.Conv2d(4, 8, 1), nn.GELU(), nn.Conv2d(8, 1, 1))
    x = autograd.randn(16, 1, 12, 12)
    keep = autograd.fft.rfft2(x)
    keep[:, :, 2:-1] = 0
    keep[:, :, :, 2:] = 0
    y = autograd.fft.irfft2(keep, s=(12, 12))
    optimizer, losses = optim.Adam(net.parameters(), lr=0.02), []
    for _ in range(60):
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(net(x), y)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.2 * losses[0]
    assert all(p.grad.dtype == p.dtype for p in net.parameters())


def test_rotary_embedding_turns_pairs():
    """Llama's: positions turn pairs of features, so that products depend on distances only."""
    dim, n = 8, 6
    freqs = 1.0 / (10000.0 ** (autograd.arange(0, dim, 2).float() / dim))
    freqs = autograd.outer(autograd.arange(n).float(), freqs)
    turns = autograd.polar(autograd.ones_like(freqs), freqs)

    def turned(x):
        pairs = autograd.view_as_complex(x.float().reshape(*x.shape[:-1], -1, 2))
        return autograd.view_as_real(pairs * turns.view(1, n, 1, dim // 2)).flatten(3).type_as(x)

    q, k = autograd.randn(1, 1, 1, dim).expand(1, n, 1, dim), autograd.randn(1, 1, 1, dim).expand(1, n, 1, dim)
    scores = turned(q)[0, :, 0] @ turned(k)[0, :, 0].T
    for step in range(n):
        band = scores.diagonal(step)
        assert autograd.allclose(band, band[:1].expand(n - step), atol=1e-4)
    x = real(2, n, 1, dim)
    assert gradcheck(
        lambda x: autograd.view_as_real(autograd.view_as_complex(x.reshape(2, n, 4, 2)) * 1j).flatten(2), (x,)
    )
    assert turned(x.detach()).dtype == autograd.float64
