"""The vector intrinsics and the register tiles, lane by lane, at every width this CPU has."""

from __future__ import annotations

import itertools
import os
import platform
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from guard import guarded

from autograd.kernels import simd
from autograd.kernels.compile import kernel
from autograd.kernels.simd import DOT_MR, DOT_NR, FROM_BIAS, FROM_C, FROM_ZERO, LANES, MR, NR

DTYPES = [np.float32, np.float64]


@kernel
def _copy_first(a, b, count):
    simd.store_first(b, 0, simd.load_first(a, 0, count), count)


@kernel
def _arithmetic(a, b, out):
    x, y = simd.load(a, 0), simd.load(b, 0)
    half = simd.broadcast(a, 0.5)
    simd.store(out, 0, simd.at_least(simd.fma(x, y, half) - x / y * half + y, half))
    return simd.total(x)


@kernel
def _gemm(A, B, C, M, K, lda, ldb, ldc, accumulate):
    simd.gemm_tile(4, 2, A, 0, lda, 1, B, 0, ldb, C, 0, ldc, K, accumulate)


@kernel
def _outer(A, am, ak, B, bk, C, ldc, K, start, bias, floor, rows, columns):
    simd.outer_tile(MR, NR, A, 0, am, ak, B, 0, bk, C, 0, ldc, K, start, bias, 0, floor, rows, columns)


@kernel
def _inner(A, lda, B, ldb, C, ldc, K, start, bias, floor, rows, columns):
    simd.inner_tile(DOT_MR, DOT_NR, A, 0, lda, B, 0, ldb, C, 0, ldc, K, start, bias, 0, floor, rows, columns)


@kernel
def _transpose(A, lda, B, ldb, rows, columns):
    simd.transpose_tile(A, 0, lda, B, 0, ldb, rows, columns)


def _width(dtype) -> int:
    return LANES * 4 // np.dtype(dtype).itemsize


@pytest.mark.parametrize("dtype", DTYPES)
def test_masked_load_and_store_touch_only_their_lanes(dtype):
    width = _width(dtype)
    for count in range(width + 1):
        a = guarded(np.arange(1, count + 1, dtype=dtype), True)
        b = guarded(np.zeros(count, dtype), True)
        _copy_first(a, b, count)
        np.testing.assert_array_equal(b, a)
    out = np.full(width, -1, dtype)
    _copy_first(np.arange(width, dtype=dtype), out, -3)
    assert (out == -1).all()


@pytest.mark.parametrize("dtype", DTYPES)
def test_arithmetic(dtype):
    rng = np.random.default_rng(0)
    width = _width(dtype)
    a, b = (guarded(rng.uniform(1, 2, width).astype(dtype), True) for _ in range(2))
    a[0] = np.nan
    out = guarded(np.zeros(width, dtype), True)
    a_sum = _arithmetic(a, b, out)
    np.testing.assert_allclose(out, np.maximum(a * b + 0.5 - a / b / 2 + b, 0.5), rtol=4 * np.finfo(dtype).eps)
    assert np.isnan(out[0]) and np.isnan(a_sum)
    a[0] = 1
    np.testing.assert_allclose(_arithmetic(a, b, out), a.sum(dtype=np.float64), rtol=4 * np.finfo(dtype).eps)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("accumulate", [False, True])
def test_gemm_tile(dtype, accumulate):
    rng = np.random.default_rng(0)
    M, N, K = 4, 2 * _width(dtype), 9
    A, B, C = (guarded(rng.standard_normal(shape).astype(dtype), True) for shape in ((M, K), (K, N), (M, N)))
    expected = A.astype(np.float64) @ B + (C if accumulate else 0)
    _gemm(A.reshape(-1), B.reshape(-1), C.reshape(-1), M, K, K, N, N, accumulate)
    np.testing.assert_allclose(C, expected, atol=20 * K * np.finfo(dtype).eps)


def _cases(rows, columns, lengths):
    return [(m, n, k, s) for m in rows for n in columns for k in lengths for s in (FROM_ZERO, FROM_C, FROM_BIAS)]


def _expected(A, B, C, bias, start, floor):
    first = {FROM_ZERO: 0, FROM_C: C.astype(np.float64), FROM_BIAS: bias}[start]
    return np.maximum(A.astype(np.float64) @ B + first, floor)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("at_end", [True, False])
def test_outer_tile_of_every_size_stays_inside(dtype, at_end):
    rng = np.random.default_rng(0)
    width = _width(dtype)
    columns = {1, width - 1, width, width + 1, NR * width}
    for m, n, k, start in _cases(range(1, MR + 1), columns - {0}, (0, 1, 7)):
        A, B, C, bias = (
            guarded(rng.standard_normal(shape).astype(dtype), at_end) for shape in ((m, k), (k, n), (m, n), (n,))
        )
        floor = -0.5 if k == 7 else -np.inf
        expected = _expected(A, B, C, bias, start, floor)
        _outer(A.reshape(-1), k, 1, B.reshape(-1), n, C.reshape(-1), n, k, start, bias, floor, m, n)
        np.testing.assert_allclose(C, expected, atol=200 * np.finfo(dtype).eps, err_msg=str((m, n, k, start)))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("at_end", [True, False])
def test_inner_tile_of_every_size_stays_inside(dtype, at_end):
    rng = np.random.default_rng(0)
    width = _width(dtype)
    for m, n, k, start in _cases(range(1, DOT_MR + 1), range(1, DOT_NR + 1), (0, 1, width - 1, width, 2 * width + 1)):
        A, B, C, bias = (
            guarded(rng.standard_normal(shape).astype(dtype), at_end) for shape in ((m, k), (n, k), (m, n), (n,))
        )
        floor = -0.5 if k == 1 else -np.inf
        expected = _expected(A, B.T, C, bias, start, floor)
        _inner(A.reshape(-1), k, B.reshape(-1), k, C.reshape(-1), n, k, start, bias, floor, m, n)
        np.testing.assert_allclose(C, expected, atol=400 * np.finfo(dtype).eps, err_msg=str((m, n, k, start)))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("at_end", [True, False])
def test_transpose_tile_of_every_size_stays_inside(dtype, at_end):
    for m in range(1, _width(dtype) + 1):
        for n in range(1, _width(dtype) + 1):
            A = guarded(np.arange(m * n, dtype=dtype).reshape(m, n), at_end)
            B = guarded(np.full((n, m), -1, dtype), at_end)
            _transpose(A.reshape(-1), n, B.reshape(-1), m, m, n)
            np.testing.assert_array_equal(B, A.T)


def test_lanes_must_be_a_known_width():
    done = subprocess.run(
        [sys.executable, "-c", "import autograd.kernels.simd"],
        env={**os.environ, "TAPEGRAD_LANES": "5"},
        capture_output=True,
        text=True,
    )
    assert done.returncode != 0 and "TAPEGRAD_LANES is '5'" in done.stderr


# What numba compiles for in the narrower runs: CPUs that have no wider registers, where this one is of their kind.
NARROWER = {8: ("haswell", "+avx,+avx2,+fma,+bmi,+bmi2,+lzcnt,+popcnt,+sse4.2"), 4: ("nehalem", "+sse4.2,+popcnt")}


@pytest.mark.skipif("TAPEGRAD_LANES" in os.environ, reason="this is the narrower run")
@pytest.mark.parametrize("module", ["test_simd.py", "test_gemm.py"])
@pytest.mark.parametrize("lanes", [lanes for lanes in NARROWER if lanes < LANES])
def test_narrower_vectors(lanes, module):
    """The same tests with 8 lanes (AVX2's form) and 4 (SSE's, NEON's), the wider features masked."""
    environment = {**os.environ, "TAPEGRAD_LANES": str(lanes)}
    if platform.machine() in ("x86_64", "AMD64"):
        environment["NUMBA_CPU_NAME"], environment["NUMBA_CPU_FEATURES"] = NARROWER[lanes]
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-x",
        "-p",
        "no:cacheprovider",
        str(Path(__file__).with_name(module)),
    ]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@kernel
def _panels(A, lda, B, ldb, rows, columns, bands):
    if bands:
        simd.copy_panels(MR, A, 0, lda, B, 0, ldb, rows, columns, False)
    else:
        simd.copy_panels(NR, A, 0, lda, B, 0, ldb, rows, columns, True)


@pytest.mark.parametrize("at_end", [False, True])
@pytest.mark.parametrize("dtype", DTYPES)
def test_copy_panels_fills_up_the_last_one_and_stays_inside(dtype, at_end):
    for bands, rows in itertools.product((False, True), (0, 1, 3)):
        width = MR if bands else NR * LANES * 4 // np.dtype(dtype).itemsize
        for columns in (1, width - 1, width, 2 * width + 1, 3 * width - 1):
            panels = -(-columns // width)
            a = np.arange(1, rows * columns + 1, dtype=dtype).reshape(rows, columns)
            full = np.zeros((rows, panels * width), dtype)
            full[:, :columns] = a
            out = guarded(np.full(panels * rows * width, np.nan, dtype), at_end)
            _panels(guarded(a.reshape(-1), at_end), columns, out, rows * width, rows, columns, bands)
            np.testing.assert_array_equal(
                out.reshape(panels, rows, width), full.reshape(rows, panels, width).swapaxes(0, 1)
            )
