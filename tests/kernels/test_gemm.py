"""Matrix products against numpy in float64: shapes, strides, epilogues, threads, and nothing touched outside."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from guard import guarded
from hypothesis import given
from hypothesis import strategies as st
from kernels.guarded_views import guarded_view

import autograd
from autograd.errors import ShapeError
from autograd.kernels import gemm
from autograd.kernels.gemm import batched_matmul, matmul
from autograd.kernels.simd import LANES, MR
from autograd.kernels.threads import MOST

DTYPES = [np.float32, np.float64]
LAYOUTS = ["C", "F", "rows apart", "columns apart", "reversed", "one row", "one column"]


def bound(dtype, K, scale=1.0):
    """float64: 1e-10. float32: K roundings of sums no larger than K * scale, which are far from all the same way."""
    return 1e-10 if dtype == np.float64 else 4 * np.finfo(np.float32).eps * max(K, 1) * scale


def matrix(rng, rows, columns, dtype, layout="C"):
    """A matrix of uniform values within [-1, 1] in a given layout."""
    draw = lambda *shape: rng.uniform(-1, 1, shape).astype(dtype)
    match layout:
        case "F":
            return draw(columns, rows).T
        case "rows apart":
            return draw(rows, columns + 3)[:, 1 : columns + 1]
        case "columns apart":
            return draw(2 * rows, 3 * columns)[::2, ::3]
        case "reversed":
            return draw(rows, columns)[::-1, ::-1]
        case "one row":
            return np.broadcast_to(draw(1, columns), (rows, columns))
        case "one column":
            return np.broadcast_to(draw(rows, 1), (rows, columns))
    return draw(rows, columns)


def reference(a, b, bias=None, activation=None, first=None):
    y = a.astype(np.float64) @ b.astype(np.float64)
    y = y if first is None else y + first
    y = y if bias is None else y + bias
    match activation:
        case "relu":
            return np.maximum(y, 0)
        case "tanh":
            return np.tanh(y)
        case "sigmoid":
            return 1 / (1 + np.exp(-y))
    return y


sizes = st.one_of(st.integers(1, 3), st.integers(1, 70))


@given(
    M=sizes,
    N=sizes,
    K=st.one_of(st.integers(0, 3), st.integers(1, 300)),
    dtype=st.sampled_from(DTYPES),
    layouts=st.tuples(st.sampled_from(LAYOUTS), st.sampled_from(LAYOUTS)),
    bias=st.booleans(),
    activation=st.sampled_from([None, "relu", "tanh", "sigmoid"]),
    accumulate=st.booleans(),
    at_end=st.booleans(),
    seed=st.integers(0, 2**32 - 1),
)
def test_matmul(M, N, K, dtype, layouts, bias, activation, accumulate, at_end, seed):
    rng = np.random.default_rng(seed)
    a, b = matrix(rng, M, K, dtype, layouts[0]), matrix(rng, K, N, dtype, layouts[1])
    first = matrix(rng, M, N, dtype) if accumulate else None
    bias = matrix(rng, 1, N, dtype)[0] if bias else None
    expected = reference(a, b, bias, activation, first)
    out = guarded(np.full((M, N), np.nan, dtype) if first is None else first, at_end)
    result = matmul(
        guarded_view(a, at_end),
        guarded_view(b, at_end),
        None if bias is None else guarded(bias, at_end),
        activation,
        out=out,
        accumulate=accumulate,
    )
    assert result is out
    equal = {"one row", "one column"} & set(layouts)  # equal products: their roundings may all go the same way
    np.testing.assert_allclose(result, expected, rtol=0, atol=bound(dtype, K + 2, max(1, K / 8) if equal else 1))


# One shape for every way of cutting a product up; the last number is how many elements of K lie between two in memory.
WAYS = {
    "inner products": (20, 40, 5000, "C", "F"),
    "one row": (1, 1000, 70, "C", "C"),
    "one column": (300, 1, 70, "C", "C"),
    "one column, strided": (300, 1, 70, "C", "columns apart"),
    "one column of a transpose": (300, 1, 70, "F", "C"),
    "few rows, B streamed": (16, 700, 300, "C", "C"),
    "B packed": (860, 300, 1000, "C", "C"),
    "K in pieces for few rows": (130, 300, 1000, "C", "C"),
    "B packed, of many columns": (860, 600, 300, "C", "F"),
    "each task packs B": (200, 600, 300, "C", "F"),
    "each task packs B from any strides": (61, 70, 80, "C", "columns apart"),
    "each task packs A and B": (520, 520, 520, "F", "C"),
    "each task packs A and B, K in pieces": (130, 300, 1100, "F", "C"),
    "each task packs A and B, the next block fetched": (130, 270, 2100, "F", "C"),
    "one task packs B": (40, 80, 60, "C", "F"),
    "few tasks, K in pieces": (100, 100, 800, "F", "C"),
    "rows of B that share cache sets": (60, 1024, 64, "C", "C"),
    "each task packs B, transposed": (250, 100, 130, "F", "C"),
    "B packed from any strides": (860, 70, 80, "C", "columns apart"),
    "K in pieces": (40, 50, 9000, "F", "C"),
    "K in pieces of inner products": (3, 50, 9000, "C", "F"),
    "several chunks": (860, 200, 2**14, "reversed", "F"),
    "short K, many tasks": (300, 300, 7, "C", "C"),
}


@pytest.mark.parametrize("far", [True, False])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("way", WAYS)
def test_every_way_of_cutting_up_and_the_same_bits_on_any_number_of_threads(way, dtype, far, monkeypatch):
    monkeypatch.setattr(gemm, "FAR_ROWS_COST", far)
    M, N, K, *layouts = WAYS[way]
    rng = np.random.default_rng(0)
    a, b = matrix(rng, M, K, dtype, layouts[0]), matrix(rng, K, N, dtype, layouts[1])
    bias = matrix(rng, 1, N, dtype)[0]
    results = []
    for threads in (1, min(2, MOST)):
        autograd.set_num_threads(threads)
        gemm._plans.clear()  # a plan must not depend on the threads either
        results.append(matmul(guarded_view(a, True), guarded_view(b, False), bias, "relu"))
    np.testing.assert_array_equal(results[0], results[1])
    np.testing.assert_allclose(results[0], reference(a, b, bias, "relu"), rtol=0, atol=bound(dtype, K))


@pytest.mark.parametrize("at_end", [True, False])
@pytest.mark.parametrize("apart", [0, 1, 5, 132])
def test_packed_rows_that_share_memory(apart, at_end, monkeypatch):
    """Rows are packed by whole vectors, which reach past a row's end: not past the memory of rows that overlap."""
    monkeypatch.setattr(gemm, "FAR_ROWS_COST", True)
    M, N, K = 132, 270, 100
    memory = guarded(np.random.default_rng(0).standard_normal((K - 1) * apart + M).astype(np.float32), at_end)
    a = np.lib.stride_tricks.as_strided(memory, (K, M), (4 * apart, 4)).T
    b = guarded(np.random.default_rng(1).standard_normal((K, N)).astype(np.float32), at_end)
    np.testing.assert_allclose(matmul(a, b), reference(a, b), rtol=0, atol=bound(np.float32, K, K if apart < 2 else 1))


def test_the_ways_named_are_the_ways_taken(monkeypatch):
    """The shapes above do what their names say on AVX-512; elsewhere the limits lie a little differently."""
    if LANES != 16:
        pytest.skip("the shapes are chosen for 16 lanes")
    monkeypatch.setattr(gemm, "FAR_ROWS_COST", True)
    gemm._plans.clear()
    rng = np.random.default_rng(0)
    plans = {}
    for way, (M, N, K, *layouts) in WAYS.items():
        a, b = matrix(rng, M, K, np.float32, layouts[0]), matrix(rng, K, N, np.float32, layouts[1])
        matmul(a, b)
        plans[way] = gemm._plans[a.shape, a.strides, b.shape, b.strides]
    assert {way for way, plan in plans.items() if plan.inner} == {
        "inner products", "one column", "K in pieces of inner products",
    }  # fmt: skip
    assert {way for way, plan in plans.items() if plan.pack_b} == {
        "B packed", "B packed, of many columns", "B packed from any strides", "several chunks",
    }  # fmt: skip
    both = {way for way in WAYS if way.startswith("each task packs A and B")}
    assert {way for way, plan in plans.items() if plan.numbers[14]} == both
    assert {way for way, plan in plans.items() if plan.numbers[15]} == both | {
        "each task packs B", "each task packs B from any strides", "each task packs B, transposed", "one column, strided",
        "one task packs B", "few tasks, K in pieces", "rows of B that share cache sets",
    }  # fmt: skip
    assert {way for way, plan in plans.items() if plan.pieces > 1} == {
        "inner products", "K in pieces", "K in pieces for few rows", "K in pieces of inner products",
        "each task packs A and B, K in pieces", "each task packs A and B, the next block fetched", "few tasks, K in pieces",
    }  # fmt: skip
    assert plans["several chunks"].chunk < 200


@given(
    batch=st.integers(0, 4),
    M=st.one_of(st.integers(0, 3), st.integers(1, 40)),
    N=st.one_of(st.integers(0, 3), st.integers(1, 40)),
    K=st.one_of(st.integers(0, 3), st.integers(1, 80)),
    dtype=st.sampled_from(DTYPES),
    transposed=st.tuples(st.booleans(), st.booleans()),
    shared=st.tuples(st.booleans(), st.booleans()),
    at_end=st.booleans(),
    seed=st.integers(0, 2**32 - 1),
)
def test_batched_matmul(batch, M, N, K, dtype, transposed, shared, at_end, seed):
    rng = np.random.default_rng(seed)
    operands = []
    for rows, columns, turned, one in ((M, K, transposed[0], shared[0]), (K, N, transposed[1], shared[1])):
        shape = (1 if one else batch, columns, rows) if turned else (1 if one else batch, rows, columns)
        x = rng.uniform(-1, 1, shape).astype(dtype)
        x = x.transpose(0, 2, 1) if turned else x
        operands.append(guarded_view(np.broadcast_to(x, (batch, rows, columns)), at_end))
    a, b = operands
    out = guarded(np.full((batch, M, N), np.nan, dtype), at_end)
    assert batched_matmul(a, b, out=out) is out
    np.testing.assert_allclose(out, a.astype(np.float64) @ b, rtol=0, atol=bound(dtype, K))


def test_large_stacks_are_products_one_by_one():
    rng = np.random.default_rng(0)
    a, b = rng.uniform(-1, 1, (2, 150, 200)), rng.uniform(-1, 1, (2, 150, 200)).transpose(0, 2, 1)
    np.testing.assert_allclose(batched_matmul(a, b), a @ b, atol=1e-10)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("way", ["inner products", "one row", "B packed", "K in pieces", "short K, many tasks"])
def test_nan_and_infinity_go_through(way, dtype):
    M, N, K, *layouts = WAYS[way]
    rng = np.random.default_rng(0)
    a, b = matrix(rng, M, K, dtype, layouts[0]), np.zeros((K, N), dtype)
    b = b if layouts[1] == "C" else np.asfortranarray(b)
    a[0, K // 2] = np.inf  # times zero
    result = matmul(a, b, activation="relu")
    assert np.isnan(result[0]).all() and (result[1:] == 0).all()
    b[K - 1, N - 1] = np.nan
    result = matmul(a[:, ::-1], b[::-1])
    assert np.isnan(result[:, N - 1]).all()
    assert np.isfinite(result[1:, : N - 1]).all()


@pytest.mark.parametrize("activation", ["relu", "tanh", "sigmoid"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_activations_of_extreme_values(activation, dtype):
    a = np.array([[-1e4], [-30], [0], [30], [1e4], [np.inf], [-np.inf], [np.nan]], dtype)
    with np.errstate(over="ignore"):
        expected = reference(a, np.ones((1, 1)), None, activation)
    np.testing.assert_allclose(
        matmul(a, np.ones((1, 1), dtype), activation=activation), expected, rtol=1e-6, atol=1e-30
    )


@pytest.mark.parametrize("shape", [(0, 3, 4), (3, 0, 4), (3, 4, 0), (0, 0, 0)])
def test_empty(shape):
    M, N, K = shape
    a, b, bias = np.ones((M, K), np.float32), np.ones((K, N), np.float32), np.full(N, 2, np.float32)
    np.testing.assert_array_equal(matmul(a, b), np.zeros((M, N), np.float32))
    np.testing.assert_array_equal(matmul(a, b, bias, "relu"), np.full((M, N), 2, np.float32))


def test_read_only_unaligned_and_odd_strides():
    rng = np.random.default_rng(0)
    a, b = rng.uniform(-1, 1, (5, 6)), rng.uniform(-1, 1, (6, 7))
    expected = a @ b
    a.setflags(write=False)
    signatures = len(gemm.outer_product.signatures)
    np.testing.assert_allclose(matmul(a, b), expected, atol=1e-12)
    assert len(gemm.outer_product.signatures) <= max(signatures, 2), "a read-only array compiled the kernel again"
    unaligned = np.frombuffer(b"x" + b.tobytes(), np.uint8)[1:].view(np.float64).reshape(b.shape)
    assert not unaligned.flags.aligned
    np.testing.assert_allclose(matmul(a, unaligned), expected, atol=1e-12)
    fields = np.zeros((6, 7), [("x", np.float64), ("y", np.int32)])
    fields["x"] = b
    assert fields["x"].strides[1] % 8
    np.testing.assert_allclose(matmul(a, fields["x"]), expected, atol=1e-12)


def test_results_do_not_depend_on_where_arrays_lie():
    rng = np.random.default_rng(0)
    a, b = (rng.uniform(-1, 1, shape).astype(np.float32) for shape in ((50, 60), (60, 70)))
    results = [matmul(guarded(a, at_end), guarded(b, at_end)) for at_end in (True, False)]
    np.testing.assert_array_equal(results[0], results[1])
    np.testing.assert_array_equal(results[0], matmul(a, b))


def test_rows_do_not_depend_on_their_neighbours():
    """The tail of a tile gives the bits of a whole one."""
    rng = np.random.default_rng(0)
    a, b = (rng.uniform(-1, 1, shape).astype(np.float32) for shape in ((3 * MR, 40), (40, 50)))
    whole = matmul(a, b)
    for rows in range(2, 2 * MR):
        np.testing.assert_array_equal(matmul(a[:rows], b), whole[:rows])


def test_several_python_threads_at_once():
    rng = np.random.default_rng(0)
    jobs = [matrix(rng, 100 + 10 * i, 300, np.float32) for i in range(4)]
    b = matrix(rng, 300, 600, np.float32, "F")
    expected = [matmul(a, b) for a in jobs]
    wrong = []

    def work(i):
        for _ in range(20):
            if not np.array_equal(matmul(jobs[i], b), expected[i]):
                wrong.append(i)

    workers = [threading.Thread(target=work, args=(i,)) for i in range(len(jobs))]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not wrong


def test_errors_say_what_came_and_what_was_expected():
    a, b = np.ones((2, 3), np.float32), np.ones((3, 4), np.float32)
    with pytest.raises(ShapeError, match=r"matmul: a is \(2, 3\) and b \(2, 3\); expected"):
        matmul(a, a)
    with pytest.raises(ShapeError, match="batched_matmul"):
        matmul(a[None], b[None])
    batched_matmul(a[None], b[None])
    with pytest.raises(ShapeError, match=r"matmul: a is \(1, 2, 3\)"):
        matmul(a[None], b[None])
    with pytest.raises(ShapeError, match=r"batched_matmul: a is \(2, 3\)"):
        batched_matmul(a, b)
    with pytest.raises(ShapeError, match="one K"):
        batched_matmul(np.ones((2, 2, 3)), np.ones((3, 3, 4)))
    with pytest.raises(TypeError, match="a is float32 and b float64"):
        matmul(a, b.astype(np.float64))
    with pytest.raises(TypeError, match="int64"):
        matmul(a.astype(np.int64), b.astype(np.int64))
    with pytest.raises(ShapeError, match=r"bias is float32 \(3,\); expected float32 \(4,\)"):
        matmul(a, b, np.ones(3, np.float32))
    with pytest.raises(ValueError, match="activation is 'gelu'"):
        matmul(a, b, activation="gelu")
    with pytest.raises(ValueError, match="accumulate"):
        matmul(a, b, accumulate=True)
    with pytest.raises(ShapeError, match="C-contiguous"):
        matmul(a, b, out=np.empty((4, 2), np.float32).T)
    with pytest.raises(ShapeError, match="out is float64"):
        matmul(a, b, out=np.empty((2, 4)))
