"""`torch.fft`, `stft` and `istft` beside torch's: values, dtypes, gradients of two orders, errors, models that use them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from complex_beside import RNG, beside, close, r, z

import autograd
import autograd.fft
import nn
import optim

NORMS = [None, "backward", "ortho", "forward"]
LENGTHS = [None, 3, 4, 5, 6, 8]


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("n", LENGTHS)
@pytest.mark.parametrize("name", ["fft", "ifft", "rfft", "irfft", "hfft", "ihfft"])
def test_one_dimension(name, n, norm):
    for length in (5, 6):
        for dim in (-1, 0):
            inputs = [r(3, length)] if name in ("rfft", "ihfft") else [z(3, length), r(3, length)]
            for x in inputs:
                beside(lambda lib, x, dim=dim: getattr(lib.fft, name)(x, n, dim, norm), x)


PLANES = [
    {}, {"s": (4, 5)}, {"s": (3, -1)}, {"dim": (0, 1)}, {"dim": (2, 0)}, {"s": (5, 2), "dim": (1, 0)}, {"norm": "ortho"},
    {"norm": "forward", "s": (2, 3)},
]  # fmt: skip


@pytest.mark.parametrize("k", range(len(PLANES)))
@pytest.mark.parametrize("name", ["fft2", "ifft2", "rfft2", "irfft2", "fftn", "ifftn", "rfftn", "irfftn"])
def test_several_dimensions(name, k):
    for x in [r(3, 4, 5)] if name.startswith("rfft") else [z(3, 4, 5), r(2, 3, 4)]:
        beside(lambda lib, x: getattr(lib.fft, name)(x, **PLANES[k]), x)


@pytest.mark.parametrize("name", ["fftn", "ifftn", "rfftn", "irfftn"])
def test_all_dimensions_of_a_vector(name):
    beside(lambda lib, x: getattr(lib.fft, name)(x, dim=(0,)), r(4))
    beside(lambda lib, x: getattr(lib.fft, name)(x, s=(3,)), r(2, 4))


@pytest.mark.parametrize("dtype", ["float32", "int64", "bool", "complex64"])
def test_dtypes(dtype):
    x = (r(4, 5) * 3).astype(dtype)
    for name in ("fft", "ifft", "rfft", "irfft", "fft2", "irfft2", "hfft"):
        if name == "rfft" and dtype == "complex64":
            continue
        mine, theirs = getattr(autograd.fft, name)(autograd.tensor(x)), getattr(torch.fft, name)(torch.tensor(x))
        assert str(mine.dtype) == str(theirs.dtype), name
        np.testing.assert_allclose(mine.numpy(), theirs.resolve_conj().numpy(), rtol=2e-5, atol=2e-6)


@pytest.mark.parametrize("n", [1, 4, 5])
def test_frequencies_and_shifts(n):
    for name in ("fftfreq", "rfftfreq"):
        for d in (1.0, 0.25):
            close(getattr(autograd.fft, name)(n, d), getattr(torch.fft, name)(n, d))
            close(
                getattr(autograd.fft, name)(n, d=d, dtype=autograd.float64),
                getattr(torch.fft, name)(n, d=d, dtype=torch.float64),
            )
    for name in ("fftshift", "ifftshift"):
        for dim in (None, 0, (0, 1), -1):
            beside(lambda lib, x, dim=dim, name=name: getattr(lib.fft, name)(x, dim), r(n, 3))


REFUSED = [
    lambda lib: lib.fft.fft(lib.ones(4), 0),
    lambda lib: lib.fft.fft(lib.ones(4), norm="no"),
    lambda lib: lib.fft.fft(lib.ones(4), dim=1),
    lambda lib: lib.fft.rfft(lib.ones(4, dtype=lib.cfloat)),
    lambda lib: lib.fft.irfft(lib.ones(1, dtype=lib.cfloat)),
    lambda lib: lib.fft.fft2(lib.ones(4)),
    lambda lib: lib.fft.fftn(lib.ones(4), s=(2, 2)),
    lambda lib: lib.fft.fft(lib.ones(())),
    lambda lib: lib.fft.fftn(lib.ones(4, 4), s=(2,), dim=(0, 1)),
    lambda lib: lib.fft.fftn(lib.ones(4, 4), dim=(0, 0)),
    lambda lib: lib.fft.rfftn(lib.ones(())),
    lambda lib: lib.fft.fft(lib.ones(0)),
    lambda lib: lib.fft.ihfft(lib.ones(2, dtype=lib.cfloat)),
    lambda lib: lib.fft.rfft2(lib.ones(2, 2, dtype=lib.cdouble)),
    lambda lib: lib.stft(lib.ones(8), 4),
    lambda lib: lib.stft(lib.ones(8), 0, return_complex=True),
    lambda lib: lib.stft(lib.ones(2), 4, center=False, return_complex=True),
    lambda lib: lib.stft(lib.ones(8), 4, 0, return_complex=True),
    lambda lib: lib.stft(lib.ones(8), 4, 2, 5, return_complex=True),
    lambda lib: lib.stft(lib.ones(8), 4, window=lib.ones(3), return_complex=True),
    lambda lib: lib.stft(lib.ones(1, 1, 8), 4, return_complex=True),
    lambda lib: lib.stft(lib.ones(8, dtype=lib.cfloat), 4, onesided=True),
    lambda lib: lib.istft(lib.ones(3, 4), 4),
    lambda lib: lib.istft(lib.ones(4, 4, dtype=lib.cfloat), 8),
    lambda lib: lib.istft(lib.ones(3, 4, dtype=lib.cfloat), 4, 5),
    lambda lib: lib.istft(lib.ones(3, dtype=lib.cfloat), 4),
    lambda lib: lib.istft(lib.ones(3, 4, dtype=lib.cfloat), 4, window=lib.zeros(4)),
    lambda lib: lib.istft(lib.ones(3, 4, dtype=lib.cfloat), 4, 4, window=lib.hann_window(4), center=False),
    lambda lib: lib.istft(lib.ones(3, 4, dtype=lib.cfloat), 4, return_complex=True),
]


@pytest.mark.parametrize("k", range(len(REFUSED)))
@pytest.mark.filterwarnings("ignore")
def test_refused(k):
    with pytest.raises((RuntimeError, IndexError, TypeError)):
        REFUSED[k](torch)
    with pytest.raises((RuntimeError, IndexError, TypeError)):
        REFUSED[k](autograd)


STRETCHES = [
    {"n_fft": 8}, {"n_fft": 8, "hop_length": 3}, {"n_fft": 8, "win_length": 5, "hop_length": 2}, {"n_fft": 7, "hop_length": 2},
    {"n_fft": 8, "center": False}, {"n_fft": 8, "pad_mode": "constant"}, {"n_fft": 8, "pad_mode": "replicate"},
    {"n_fft": 8, "normalized": True}, {"n_fft": 8, "onesided": False}, {"n_fft": 8, "win_length": 6, "window": True},
    {"n_fft": 8, "window": True, "hop_length": 4},
]  # fmt: skip


@pytest.mark.parametrize("k", range(len(STRETCHES)))
@pytest.mark.filterwarnings("ignore")
def test_stft(k):
    settings = dict(STRETCHES[k])
    window = [r(settings.get("win_length", settings["n_fft"]))] if settings.pop("window", False) else []

    def call(lib, x, *window):
        return lib.stft(x, window=window[0] if window else None, return_complex=True, **settings)

    for shape in ((20,), (2, 19)):
        beside(call, r(*shape), *window)
    beside(lambda lib, x: lib.view_as_real(call(lib, x)), r(20))
    beside(lambda lib, x: x.stft(8, return_complex=False), r(20))
    if settings.get("onesided") is False:
        beside(lambda lib, x: lib.stft(x, **{**settings, "onesided": None}), z(20))


BACK = [
    {"n_fft": 8}, {"n_fft": 8, "hop_length": 3}, {"n_fft": 8, "win_length": 6, "hop_length": 2}, {"n_fft": 7, "hop_length": 2},
    {"n_fft": 8, "center": False}, {"n_fft": 8, "normalized": True}, {"n_fft": 8, "window": True}, {"n_fft": 8, "length": 9},
    {"n_fft": 8, "length": 14}, {"n_fft": 8, "onesided": False}, {"n_fft": 8, "onesided": False, "return_complex": True},
    {"n_fft": 8, "center": False, "length": 12},
]  # fmt: skip


@pytest.mark.parametrize("k", range(len(BACK)))
@pytest.mark.filterwarnings("ignore")
def test_istft(k):
    settings = dict(BACK[k])
    window = [r(settings.get("win_length", settings["n_fft"]))] if settings.pop("window", False) else []
    bins = settings["n_fft"] if settings.get("onesided") is False else settings["n_fft"] // 2 + 1

    def call(lib, x, *window):
        return lib.istft(x, window=window[0] if window else None, **settings)

    beside(call, z(bins, 5), *window)
    beside(call, z(2, bins, 6), *window)


# ---------------------------------------------------------------------------------------------------- models


def spectral(lib, neural, x, weights, modes):
    """A layer of a Fourier neural operator, as its authors publish it."""
    batch, width = x.shape[0], weights[0].shape[1]
    spectrum = lib.fft.rfft2(x)
    out = lib.zeros(batch, width, x.size(-2), x.size(-1) // 2 + 1, dtype=lib.cfloat, device=x.device)
    out[:, :, :modes, :modes] = lib.einsum("bixy,ioxy->boxy", spectrum[:, :, :modes, :modes], weights[0])
    out[:, :, -modes:, :modes] = lib.einsum("bixy,ioxy->boxy", spectrum[:, :, -modes:, :modes], weights[1])
    return lib.fft.irfft2(out, s=(x.size(-2), x.size(-1)))


def test_a_fourier_neural_operator_trains_alike():
    start = [(z(2, 2, 2, 2) * 0.3).astype(np.complex64) for _ in range(2)]
    x, y = r(3, 2, 6, 7).astype(np.float32), r(3, 2, 6, 7).astype(np.float32)
    curves = []
    for lib, neural, opt in ((autograd, nn, optim), (torch, torch.nn, torch.optim)):
        weights = [neural.Parameter(lib.tensor(w)) for w in start]
        optimizer, losses = opt.Adam(weights, lr=0.05), []
        for _ in range(8):
            optimizer.zero_grad()
            loss = ((spectral(lib, neural, lib.tensor(x), weights, 2) - lib.tensor(y)) ** 2).mean()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        curves.append(losses)
    assert curves[0][-1] < curves[0][0]
    np.testing.assert_allclose(*curves, rtol=1e-4)


def test_mixing_by_fourier_transforms():
    beside(lambda lib, x: lib.fft.fft(lib.fft.fft(x, dim=-1), dim=-2).real, r(2, 4, 5))


def test_global_filter():
    def call(lib, x, w):
        spectrum = lib.fft.rfft2(x, dim=(1, 2), norm="ortho") * lib.view_as_complex(w)
        return lib.fft.irfft2(spectrum, s=x.shape[1:3], dim=(1, 2), norm="ortho")

    beside(call, r(2, 4, 6, 3), r(4, 4, 3, 2))


def test_autocorrelation():
    def call(lib, q, k):
        a, b = (
            lib.fft.rfft(q.permute(0, 2, 1).contiguous(), dim=-1),
            lib.fft.rfft(k.permute(0, 2, 1).contiguous(), dim=-1),
        )
        return lib.fft.irfft(a * lib.conj(b), dim=-1)

    beside(call, r(2, 6, 3), r(2, 6, 3))


def test_a_long_convolution_by_its_spectrum():
    def call(lib, u, real, imag):
        n = u.shape[-1]
        decay = lib.exp(-lib.exp(real) + 1j * imag)
        kernel = (decay[:, None] ** lib.arange(n)).sum(0).real
        return lib.fft.irfft(lib.fft.rfft(u, n=2 * n) * lib.fft.rfft(kernel, n=2 * n), n=2 * n)[..., :n]

    beside(call, r(2, 6), r(3), r(3))


def test_magnitudes_and_phases_of_a_spectrogram():
    window = RNG.uniform(0.2, 1, 8)

    def call(lib, x, y):
        w = lib.tensor(window)
        a, b = (lib.stft(v, 8, 2, 8, w, return_complex=True) for v in (x, y))
        loss = (a.abs() - b.abs()).norm(p="fro") / b.abs().norm(p="fro")
        return loss, lib.cos(a.angle() - b.angle()).mean(), lib.istft(lib.polar(a.abs(), b.angle()), 8, 2, 8, w)

    beside(call, r(20), r(20))
