"""Matrix products on the register tiles of `simd`: out = activation(a @ b + bias), float32 and float64.

The arithmetic of one element never depends on the number of threads: tasks are rectangles of the result, and where the
common dimension is split, it is split into pieces of a fixed length that are added in order.

Letters: A (M, K) times B (K, N) gives C (M, N). A panel is P columns, NR vectors wide. Every array is a flat buffer
with an offset and strides in elements: am, ak for A, bk, bn for B.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numba import prange

from autograd.errors import ShapeError
from autograd.kernels.buffer import aligned, flat
from autograd.kernels.compile import kernel
from autograd.kernels.simd import (
    DOT_MR,
    DOT_NR,
    FROM_BIAS,
    FROM_C,
    FROM_ZERO,
    LANES,
    MR,
    NR,
    inner_tile,
    outer_tile,
    transpose_tile,
)

NONE, RELU, TANH, SIGMOID = range(4)
ACTIVATIONS = {None: NONE, "relu": RELU, "tanh": TANH, "sigmoid": SIGMOID}
THIRD, TWO_THIRDS, WIDE = MR // 3, MR // 3 * 2, 4 * NR

# What a run of the kernel does.
MULTIPLY, PACK, ADD_UP = range(3)


@kernel
def outer_block(M, N, K, A, a0, am, ak, apanel, B, b0, bk, bpanel, C, c0, ldc, start, bias, bias0, floor, rows_first):
    """C = start + A @ B, B's rows contiguous; MR rows of A are `apanel` apart, P columns of B `bpanel`."""
    P = NR * LANES * 4 // C.itemsize
    across, down = (N + P - 1) // P, (M + MR - 1) // MR
    for tile in range(across * down):
        i, j = (tile // across, tile % across) if rows_first else (tile % down, tile // down)
        m, n = min(MR, M - i * MR), min(P, N - j * P)
        ai, bj, ci, di = a0 + i * apanel, b0 + j * bpanel, c0 + i * MR * ldc + j * P, bias0 + j * P
        if m > TWO_THIRDS:
            outer_tile(MR, NR, A, ai, am, ak, B, bj, bk, C, ci, ldc, K, start, bias, di, floor, m, n)
        elif m > THIRD:
            outer_tile(TWO_THIRDS, NR, A, ai, am, ak, B, bj, bk, C, ci, ldc, K, start, bias, di, floor, m, n)
        elif m > 1 or bpanel != P:
            outer_tile(THIRD, NR, A, ai, am, ak, B, bj, bk, C, ci, ldc, K, start, bias, di, floor, m, n)
        elif j % 4 == 0:  # one row alone needs more columns to keep the multipliers busy
            n = min(4 * P, N - j * P)
            outer_tile(1, WIDE, A, ai, am, ak, B, bj, bk, C, ci, ldc, K, start, bias, di, floor, 1, n)


@kernel
def inner_block(M, N, K, A, a0, am, B, b0, bn, C, c0, ldc, start, bias, bias0, floor):
    """C = start + A @ B, where both A's rows and B's columns are contiguous."""
    for j in range(0, N, DOT_NR):
        n = min(DOT_NR, N - j)
        bj, dj = b0 + j * bn, bias0 + j
        for i in range(0, M, DOT_MR):
            m = min(DOT_MR, M - i)
            ai, ci = a0 + i * am, c0 + i * ldc + j
            if m > 1:
                inner_tile(DOT_MR, DOT_NR, A, ai, am, B, bj, bn, C, ci, ldc, K, start, bias, dj, floor, m, n)
            else:
                inner_tile(1, DOT_NR, A, ai, am, B, bj, bn, C, ci, ldc, K, start, bias, dj, floor, 1, n)


@kernel
def pack(K, count, width, X, x0, xk, xn, out, o0):
    """out[k, j] = X[k, j] for K rows of `width`, the columns past `count` zero."""
    lanes = LANES * 4 // X.itemsize
    if count < width:
        out[o0 : o0 + K * width] = 0
    if xk == 1 and xn != 1:
        for j in range(0, count, lanes):
            for k in range(0, K, lanes):
                to, rows, columns = o0 + k * width + j, min(lanes, count - j), min(lanes, K - k)
                transpose_tile(X, x0 + j * xn + k, xn, out, to, width, rows, columns)
    else:
        for k in range(K):
            for j in range(count):
                out[o0 + k * width + j] = X[x0 + k * xk + j * xn]


@kernel
def activate(M, N, C, c0, ldc, activation):
    one = C.dtype.type(1)
    for i in range(M):
        for j in range(c0 + i * ldc, c0 + i * ldc + N):
            x = C[j]
            if activation == TANH:
                C[j] = math.tanh(x)
            elif x >= 0:
                C[j] = one / (one + math.exp(-x))
            else:
                e = math.exp(x)
                C[j] = e / (one + e)


@kernel
def task(t, stage, plan, n0, A, a0, B, b0, C, start, bias, activation, work):
    """Task number t of one stage; `plan` is what `_plan` lays down, n0 the first column of the chunk at hand."""
    M, N, K, am, ak, abatch, bk, bn, bbatch = (
        plan[0],
        plan[1],
        plan[2],
        plan[3],
        plan[4],
        plan[5],
        plan[6],
        plan[7],
        plan[8],
    )
    rows, columns, depth, piece, inner, pack_a, pack_b, chunk, by_rows = (
        plan[9],
        plan[10],
        plan[11],
        plan[12],
        plan[13],
        plan[14],
        plan[15],
        plan[16],
        plan[17],
    )
    P = NR * LANES * 4 // C.itemsize
    width = min(chunk, N - n0)
    if stage == PACK:
        j = t * P
        pack(K, min(P, width - j), P, B, b0 + (n0 + j) * bn, bk, bn, work, j * K)
        return
    pieces = (K + piece - 1) // piece if K > piece else 1
    if stage == ADD_UP:
        first, last = t * rows * N, min((t + 1) * rows, M) * N
        for i in range(first, last):
            total = work[i]
            for p in range(1, pieces):
                total += work[p * M * N + i]
            if start == FROM_C:
                total += C[i]
            elif start == FROM_BIAS:
                total += bias[i % N]
            if activation == RELU and total < 0:
                total = total * 0
            C[i] = total
        if activation >= TANH:
            activate(1, last - first, C, first, 0, activation)
        return
    across, down = (width + columns - 1) // columns, (M + rows - 1) // rows
    j, t = t % across, t // across
    i, t = t % down, t // down
    p, batch = t % pieces, t // pieces
    i, j = i * rows, j * columns
    m, n = min(rows, M - i), min(columns, width - j)
    a, b, c = a0 + batch * abatch + i * am, b0 + batch * bbatch + (n0 + j) * bn, batch * M * N + i * N + n0 + j
    bias0 = n0 + j
    out = C
    if pieces > 1:
        out, c, start, activation = work, c + p * M * N, FROM_ZERO, NONE
    k, end = p * piece, min(K, (p + 1) * piece)
    inf = C.dtype.type(np.inf)
    packed = np.empty((rows + MR - 1) // MR * MR * depth if pack_a else 0, C.dtype)
    while True:
        depth = min(depth, end - k)
        last = k + depth == end
        floor = C.dtype.type(0) if last and activation == RELU else -inf
        if inner:
            inner_block(m, n, depth, A, a + k, am, B, b + k, bn, out, c, N, start, bias, bias0, floor)
        else:
            left, al, as_, apanel, a_k = A, am, ak, am * MR, a + k * ak
            if pack_a:
                for r in range(0, m, MR):
                    pack(depth, min(MR, m - r), MR, A, a_k + r * am, ak, am, packed, r * depth)
                left, al, as_, apanel, a_k = packed, 1, MR, depth * MR, 0
            if pack_b:
                outer_block(
                    m,
                    n,
                    depth,
                    left,
                    a_k,
                    al,
                    as_,
                    apanel,
                    work,
                    j * K + k * P,
                    P,
                    K * P,
                    out,
                    c,
                    N,
                    start,
                    bias,
                    bias0,
                    floor,
                    by_rows,
                )
            else:
                outer_block(
                    m,
                    n,
                    depth,
                    left,
                    a_k,
                    al,
                    as_,
                    apanel,
                    B,
                    b + k * bk,
                    bk,
                    P,
                    out,
                    c,
                    N,
                    start,
                    bias,
                    bias0,
                    floor,
                    by_rows,
                )
        start = FROM_C
        k += depth
        if k >= end:
            break
    if activation >= TANH:
        activate(m, n, out, c, N, activation)


@kernel(parallel=True)
def run(tasks, threads, stage, plan, n0, A, a0, B, b0, C, start, bias, activation, work):
    """Every task of a stage, in parallel if `threads`."""
    if threads:
        for t in prange(tasks):
            task(t, stage, plan, n0, A, a0, B, b0, C, start, bias, activation, work)
    else:
        for t in range(tasks):
            task(t, stage, plan, n0, A, a0, B, b0, C, start, bias, activation, work)


SERIAL = 300_000  # multiplications below which a parallel launch costs more than it gains


@lru_cache(4096)
def _plan(batch, M, N, K, am, ak, abatch, bk, bn, bbatch, itemsize):
    """How a product is cut up: the array `task` reads, and what `_run` needs of it."""
    P = NR * LANES * 4 // itemsize
    rows, columns, depth, piece, chunk = 8 * MR, 8 * P, 1024 // itemsize, K, N
    inner = ak == 1 and bk == 1 and bn != 1 and M <= 32
    pack_b = not inner and (bn != 1 or (M > 4 * MR and N > P and K * N * itemsize > 2**19))
    pack_a = not inner and N > 4 * P and M > MR and K > 16
    if inner:
        rows, columns, depth = M, 64, 2048
    elif pack_b:
        chunk = max(P, min(-(-N // P), 2**23 // itemsize // max(K, 1) // P) * P)
    elif M <= 2 * MR:
        depth, columns = 64, 16 * P
    if not pack_b and batch == 1 and M * N <= 2**16 and K >= 4096:
        piece = max(1024, -(-K // 32))
    pieces = max(1, -(-K // piece)) if K else 1
    work = pieces * M * N if pieces > 1 else chunk * K if pack_b else 0
    numbers = (
        M,
        N,
        K,
        am,
        ak,
        abatch,
        bk,
        bn,
        bbatch,
        rows,
        columns,
        depth,
        piece,
        inner,
        pack_a,
        pack_b,
        chunk,
        K <= 64,
    )
    threads = batch * M * N * K > SERIAL
    return np.array(numbers, np.int64), threads, pieces, work, batch * pieces * -(-M // rows)


_NOTHING = {np.dtype(kind): np.zeros(1, kind) for kind in (np.float32, np.float64)}


def _run(batch, M, N, K, A, a0, a_strides, B, b0, b_strides, C, start, bias, activation):
    numbers, threads, pieces, room, bands = _plan(batch, M, N, K, *a_strides, *b_strides, C.itemsize)
    work = aligned(room, C.dtype) if room else _NOTHING[C.dtype]
    columns, packing, chunk = int(numbers[10]), numbers[15], int(numbers[16])
    if packing:
        P = NR * LANES * 4 // C.itemsize
        for n0 in range(0, N, chunk):
            width = min(chunk, N - n0)
            run(-(-width // P), threads, PACK, numbers, n0, A, a0, B, b0, C, start, bias, activation, work)
            tasks = bands * -(-width // columns)
            run(tasks, threads, MULTIPLY, numbers, n0, A, a0, B, b0, C, start, bias, activation, work)
        return
    run(bands * -(-N // columns), threads, MULTIPLY, numbers, 0, A, a0, B, b0, C, start, bias, activation, work)
    if pieces > 1:
        run(-(-M // int(numbers[9])), threads, ADD_UP, numbers, 0, A, a0, B, b0, C, start, bias, activation, work)


def matmul(
    a: np.ndarray,
    b: np.ndarray,
    bias: np.ndarray | None = None,
    activation: str | None = None,
    out: np.ndarray | None = None,
    accumulate: bool = False,
) -> np.ndarray:
    """activation(a @ b + bias), or activation(out + a @ b + bias) with `accumulate`.

    a (M, K), b (K, N), bias (N,), result (M, N) in C order; all float32 or all float64, any strides. `activation` is
    None, "relu", "tanh" or "sigmoid". `out` is written in place and must be C-contiguous and share no memory with the
    inputs. Raises ValueError for shapes, TypeError for dtypes.
    """
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[0]:
        raise ShapeError(f"matmul: a has shape {a.shape} and b {b.shape}; expected (M, K) and (K, N) with one K")
    (M, K), N, dtype = a.shape, b.shape[1], a.dtype
    if dtype != b.dtype or dtype not in _NOTHING:
        raise TypeError(
            f"matmul: a is {dtype} and b {b.dtype}; expected both float32 or both float64, cast one of them"
        )
    if bias is not None and (bias.shape != (N,) or bias.dtype != dtype):
        raise ShapeError(f"matmul: bias is {bias.dtype} {bias.shape}; expected {dtype} ({N},), one value a column of b")
    if activation not in ACTIVATIONS:
        raise ValueError(f"matmul: activation is {activation!r}; expected None, 'relu', 'tanh' or 'sigmoid'")
    if out is None:
        if accumulate:
            raise ValueError("matmul: accumulate=True adds to `out`, which is None; pass the array to add to")
        out = np.empty((M, N), dtype)
    elif out.shape != (M, N) or out.dtype != dtype or not out.flags.c_contiguous or not out.flags.writeable:
        raise ShapeError(
            f"matmul: out is {out.dtype} {out.shape}; expected a writeable C-contiguous {dtype} ({M}, {N})"
        )
    if M == 0 or N == 0:
        return out
    start = FROM_C if accumulate else FROM_ZERO
    offsets = _NOTHING[dtype]
    if bias is not None:
        if accumulate:
            out += bias
        elif N == 1:
            out[...] = bias
            start = FROM_C
        else:
            start, offsets = FROM_BIAS, bias if bias.flags.c_contiguous and bias.flags.writeable else bias.copy()
    if N == 1:  # a column is the row of the transposed product
        a, b, M, N = b.T, a.T, 1, M
    if M == 1 and b.strides[1] != b.itemsize and N > 1:
        if b.strides[0] == b.itemsize:
            a = np.ascontiguousarray(a)
        else:
            b = np.ascontiguousarray(b)
    A, a0, (am, ak) = flat(a)
    B, b0, (bk, bn) = flat(b)
    C = out.reshape(-1)
    _run(1, M, N, K, A, a0, (am, ak, 0), B, b0, (bk, bn, 0), C, start, offsets, ACTIVATIONS[activation])
    return out


def batched_matmul(a: np.ndarray, b: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """a @ b for stacks of matrices: a (B, M, K), b (B, K, N), result (B, M, N) in C order, of any strides.

    Zero strides serve for a broadcast batch. dtypes, `out` and errors as in `matmul`.
    """
    if a.ndim != 3 or b.ndim != 3 or a.shape[0] != b.shape[0] or a.shape[2] != b.shape[1]:
        raise ShapeError(f"batched_matmul: a has shape {a.shape} and b {b.shape}; expected (B, M, K) and (B, K, N)")
    (batch, M, K), N, dtype = a.shape, b.shape[2], a.dtype
    if dtype != b.dtype or dtype not in _NOTHING:
        raise TypeError(f"batched_matmul: a is {dtype} and b {b.dtype}; expected both float32 or both float64")
    if out is None:
        out = np.empty((batch, M, N), dtype)
    elif out.shape != (batch, M, N) or out.dtype != dtype or not out.flags.c_contiguous or not out.flags.writeable:
        raise ShapeError(
            f"batched_matmul: out is {out.dtype} {out.shape}; expected C-contiguous {(batch, M, N)} {dtype}"
        )
    if out.size == 0:
        return out
    item = a.itemsize
    direct = b.strides[2] == item or (M <= 32 and a.strides[2] == item and b.strides[1] == item)
    if M * N * K > 2**22 or M == 1 or N == 1 or not direct:
        for i in range(batch):
            matmul(a[i], b[i], out=out[i])
        return out
    A, a0, (abatch, am, ak) = flat(a)
    B, b0, (bbatch, bk, bn) = flat(b)
    C = out.reshape(-1)
    _run(batch, M, N, K, A, a0, (am, ak, abatch), B, b0, (bk, bn, bbatch), C, FROM_ZERO, _NOTHING[dtype], NONE)
    return out
