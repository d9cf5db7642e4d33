"""Fourier transforms of many signals against numpy's in float64, of every radix, along every axis, in guarded memory."""

from __future__ import annotations

import numpy as np
import pytest
from guard import guarded
from hypothesis import given
from hypothesis import strategies as st

import autograd
from autograd.kernels import fourier
from autograd.kernels.threads import MOST

LENGTHS = [2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 15, 16, 22, 25, 26, 27, 49, 60, 64, 98, 100, 121, 128]
DTYPES = [np.float32, np.float64]


def numbers(shape, dtype, seed=0):
    rng = np.random.default_rng(seed)
    return (rng.standard_normal(shape) + 1j * rng.standard_normal(shape)).astype(np.result_type(dtype, np.complex64))


def shaped(n, A, K, axis):
    shape = [A, K]
    shape.insert(axis, n)
    return shape


def close(found, expected, dtype):
    assert found is not None
    assert found.real.dtype == dtype
    np.testing.assert_allclose(found, expected, 0, 40 * np.finfo(dtype).eps * max(1, abs(expected).max()))


@given(
    st.sampled_from(LENGTHS), st.sampled_from([1, 3, 5]), st.sampled_from([8, 17, 33]), st.integers(0, 2), st.booleans(),
    st.sampled_from(DTYPES), st.booleans(),
)  # fmt: skip
def test_complex_signals(n, A, K, axis, inverse, dtype, at_end):
    x = guarded(numbers(shaped(n, A, K, axis), dtype), at_end)
    wide = x.astype(np.complex128)
    expected = np.fft.ifft(wide, axis=axis) * n if inverse else np.fft.fft(wide, axis=axis)
    close(fourier.transformed(x, axis, inverse, 1.0), expected, dtype)
    close(fourier.transformed(x, axis, inverse, 0.25), expected / 4, dtype)


@given(
    st.sampled_from(LENGTHS), st.sampled_from([1, 3, 5]), st.sampled_from([8, 17, 33]), st.integers(0, 2),
    st.sampled_from(DTYPES), st.booleans(),
)  # fmt: skip
def test_real_signals_and_back(n, A, K, axis, dtype, at_end):
    n *= 2
    if n < 4:
        return
    x = guarded(numbers(shaped(n, A, K, axis), dtype).real.copy(), at_end)
    half = fourier.of_reals(x, axis, 0.5)
    close(half, np.fft.rfft(x.astype(float), axis=axis) / 2, dtype)
    spectrum = guarded(numbers(half.shape, dtype), at_end)  # its ends have imaginary parts, which do not count
    close(fourier.to_reals(spectrum, n, axis, 1 / n), np.fft.irfft(spectrum.astype(np.complex128), n, axis), dtype)


def test_a_nan_stays_in_its_signal():
    x = numbers((40, 16), np.float32)
    x[3, 5] = np.nan
    for y in (
        fourier.transformed(x, 1, False, 1.0),
        fourier.of_reals(x.real.copy(), 1, 1.0),
        fourier.to_reals(x, 30, 1, 1.0),
    ):
        assert np.isnan(y[3]).all()
        assert not np.isnan(np.delete(y, 3, 0)).any()


@pytest.mark.parametrize("shape", [(40, 34), (2, 16), (40, 1), (40, 0), (0, 16)])
def test_what_numpy_had_better_do(shape):
    """Lengths of a large prime factor, few signals, nothing."""
    assert fourier.transformed(numbers(shape, np.float32), 1, False, 1.0) is None
    assert fourier.of_reals(np.ones(shape, np.float32), 1, 1.0) is None


def test_same_bits_on_any_number_of_threads():
    x = numbers((300, 96), np.float32)
    results = []
    for threads in (1, MOST):
        autograd.set_num_threads(threads)
        results.append([fourier.transformed(x, 1, False, 1.0), fourier.of_reals(x.real.copy(), 0, 1.0)])
    for a, b in zip(*results, strict=True):
        np.testing.assert_array_equal(a, b)
