"""Matrix products on the register tiles of `simd`: out = activation(a @ b + bias), float32 and float64.

The arithmetic of one element never depends on the number of threads: tasks are rectangles of the result, and where the
common dimension is split, it is split into pieces of a fixed length that are added in order.

Letters: A (M, K) times B (K, N) gives C (M, N). A panel is P columns, NR vectors wide. Every array is a flat buffer
with an offset and strides in elements: am, ak for A, bk, bn for B.
"""

from __future__ import annotations

from typing import Any

import llvmlite.binding as llvm
import numpy as np

from autograd.errors import ShapeError
from autograd.kernels.buffer import flat, workspace
from autograd.kernels.compile import kernel
from autograd.kernels.conv_simd import prefetch
from autograd.kernels.functions import sigmoid, tanh
from autograd.kernels.simd import (
    DOT_MR,
    DOT_NR,
    FROM_BIAS,
    FROM_C,
    FROM_ZERO,
    LANES,
    MR,
    NR,
    at_least,
    broadcast,
    copy_panels,
    inner_tile,
    load_first,
    outer_tile,
    store_first,
    transpose_tile,
)
from autograd.kernels.threads import run

NONE, RELU, TANH, SIGMOID = range(4)
ACTIVATIONS = {None: NONE, "relu": RELU, "tanh": TANH, "sigmoid": SIGMOID}
THIRD, WIDE = MR // 3, 4 * NR
SOME = THIRD * 2 if LANES == 16 else THIRD  # rows up to which thirds are faster, if these keep the multipliers busy


@kernel
def pack(first, last, K, N, X, x0, xk, xn, P, out):
    """Panels first to last of P columns, out[panel, k, j] = X[k, panel * P + j], zero past column N."""
    lanes = LANES * 4 // X.itemsize
    if xn == 1 and P == MR:
        copy_panels(MR, X, x0 + first * P, xk, out, first * P * K, P * K, K, min(N, last * P) - first * P, False)
        return
    if xn == 1 and P == NR * lanes:
        copy_panels(NR, X, x0 + first * P, xk, out, first * P * K, P * K, K, min(N, last * P) - first * P, True)
        return
    for panel in range(first, last):
        count, x, o = min(P, N - panel * P), x0 + panel * P * xn, panel * P * K
        if count < P:
            out[o : o + K * P] = 0
        if xk == 1:
            for k in range(0, K, lanes):
                for j in range(0, count, lanes):
                    to, n = o + k * P + j, min(lanes, count - j)
                    transpose_tile(X, x + j * xn + k, xn, out, to, P, n, min(lanes, K - k))
        else:
            for k in range(K):
                for j in range(count):
                    out[o + k * P + j] = X[x + k * xk + j * xn]


@kernel
def _first(plan, batch, a0, b0):
    """Where the matrices of a product of a stack, or of a stack of stacks, begin."""
    near, a, b = plan[18], a0 + batch * plan[10], b0 + batch * plan[13]
    if batch >= near:
        a, b = a + batch // near * plan[19], b + batch // near * plan[20]
    return a, b


@kernel
def outer_product(first, last, plan, n0, A, a0, B, b0, C, start, bias, floor):
    """Rectangles first to last of C by outer products: B's rows are contiguous, A may have any strides.

    P columns of B are `bpanel` apart; n0 is the first column of the chunk at hand. See `_Plan`.
    """
    M, N, K, chunk, rows, columns, block, piece = plan[0], plan[1], plan[2], plan[3], plan[4], plan[5], plan[6], plan[7]
    am, ak, bk, bpanel = plan[8], plan[9], plan[11], plan[12]
    own_a, own_b, own_bk, own_bn, ahead = plan[14], plan[15], plan[16], plan[17], plan[21]
    lanes = LANES * 4 // C.itemsize
    P = NR * lanes
    bands, panels, bands0, panels0, rowstep, step = A, B, 0, 0, am, ak
    # a task packs what it reads, block by block: what another core has packed lies in that core's cache
    if own_a:
        bands, rowstep, step = np.empty(rows * min(block, K) + 64, C.dtype), 1, MR
        bands0 = -bands.ctypes.data % 64 // C.itemsize
    if own_b:
        panels = np.empty(columns * min(block, K) + 64, C.dtype)
        panels0 = -panels.ctypes.data % 64 // C.itemsize
    width = min(chunk, N - n0)
    across, down, pieces = (width + columns - 1) // columns, (M + rows - 1) // rows, (K + piece - 1) // piece
    for t in range(first, last):
        j, i, p, batch = t % across, t // across % down, t // (across * down) % pieces, t // (across * down * pieces)
        a_first, b_first = _first(plan, batch, a0, b0)
        left, right = j * columns // P, (min(width, (j + 1) * columns) + P - 1) // P  # panels of B, of A, and ...
        top, bottom = i * rows // MR, (min(M, (i + 1) * rows) + MR - 1) // MR
        begin, end = p * piece, min(K, (p + 1) * piece)  # ... the stretch of K
        for k0 in range(begin, end, block):
            k = min(block, end - k0)
            if own_a:
                m, a = min(M - top * MR, rows), a_first + top * MR * am + k0 * ak
                pack(0, bottom - top, k, m, A, a, ak, am, MR, bands[bands0:])
            if own_b:
                n, b = min(N - left * P, columns), b_first + left * P * own_bn + k0 * own_bk
                pack(0, right - left, k, n, B, b, own_bk, own_bn, P, panels[panels0:])
            now, low = start if k0 == begin else FROM_C, floor if k0 + k == end else C.dtype.type(-np.inf)
            tiles = (right - left) * (bottom - top)
            each = (k + tiles - 1) // tiles if ahead else 0  # rows of the next block to fetch beside a tile
            for tile in range(tiles):
                for r in range(k0 + k + tile * each, k0 + k + (tile + 1) * each):
                    prefetch(B, b_first + left * P + r * own_bk, (right - left) * P)
                    prefetch(A, a_first + top * MR + r * ak, (bottom - top) * MR)
                if K <= 64:  # C is most of the memory: write it row by row
                    x, y = top + tile // (right - left), left + tile % (right - left)
                else:  # a panel of B stays in the first cache
                    x, y = top + tile % (bottom - top), left + tile // (bottom - top)
                m, n, d = min(MR, M - x * MR), min(P, width - y * P), n0 + y * P
                a, b = a_first + x * MR * am + k0 * ak, b_first + y * bpanel + k0 * bk
                if own_a:
                    a = bands0 + (x - top) * MR * k
                if own_b:
                    b = panels0 + (y - left) * P * k
                c = (batch * pieces + p) * M * N + x * MR * N + d
                if n <= lanes and (m > 1 or bpanel != P):  # half a tile's columns would stand empty
                    if m > THIRD:
                        outer_tile(MR, 1, bands, a, rowstep, step, panels, b, bk, C, c, N, k, now, bias, d, low, m, n)
                    else:
                        outer_tile(
                            THIRD, 1, bands, a, rowstep, step, panels, b, bk, C, c, N, k, now, bias, d, low, m, n
                        )
                elif m > SOME:
                    outer_tile(MR, NR, bands, a, rowstep, step, panels, b, bk, C, c, N, k, now, bias, d, low, m, n)
                elif m > 1 or bpanel != P:
                    while m > 0:
                        few = min(THIRD, m)
                        outer_tile(
                            THIRD, NR, bands, a, rowstep, step, panels, b, bk, C, c, N, k, now, bias, d, low, few, n
                        )
                        a, c, m = a + THIRD * rowstep, c + THIRD * N, m - THIRD
                elif (y - left) % 4 == 0:  # one row alone needs more columns to keep the multipliers busy
                    n = min(4 * P, min(right * P, width) - y * P)
                    outer_tile(1, WIDE, bands, a, am, step, panels, b, bk, C, c, N, k, now, bias, d, low, 1, n)


@kernel
def inner_product(first, last, plan, n0, A, a0, B, b0, C, start, bias, floor):
    """`outer_product` by inner products: A's rows and B's columns are contiguous, B's columns `bn` apart."""
    M, N, K, rows, columns, block, piece = plan[0], plan[1], plan[2], plan[4], plan[5], plan[6], plan[7]
    am, bn = plan[8], plan[12]
    across, down, pieces = (N + columns - 1) // columns, (M + rows - 1) // rows, (K + piece - 1) // piece
    nothing = C.dtype.type(-np.inf)
    for t in range(first, last):
        j, i, p, batch = t % across, t // across % down, t // (across * down) % pieces, t // (across * down * pieces)
        begin, end = p * piece, min(K, (p + 1) * piece)
        a_first, b_first = _first(plan, batch, a0, b0)
        for k in range(begin, end, block):
            depth = min(block, end - k)
            now, limit = start if k == begin else FROM_C, floor if k + block >= end else nothing
            a, b, c = a_first + k, b_first + k, (batch * pieces + p) * M * N
            for y in range(j * columns, min(N, (j + 1) * columns), DOT_NR):
                n, by = min(DOT_NR, N - y), b + y * bn
                for x in range(i * rows, min(M, (i + 1) * rows), DOT_MR):
                    m, ax, cx = min(DOT_MR, M - x), a + x * am, c + x * N + y
                    if m > 1:
                        inner_tile(DOT_MR, DOT_NR, A, ax, am, B, by, bn, C, cx, N, depth, now, bias, y, limit, m, n)
                    else:
                        inner_tile(1, DOT_NR, A, ax, am, B, by, bn, C, cx, N, depth, now, bias, y, limit, 1, n)


@kernel
def add_up(first, last, plan, work, C, start, bias, floor):
    """C = max(start + the sum of the pieces, floor) for bands first to last of rows."""
    M, N, K, rows, piece, lanes = plan[0], plan[1], plan[2], plan[4], plan[7], LANES * 4 // C.itemsize
    pieces = (K + piece - 1) // piece
    for row in range(first * rows, min(last * rows, M)):
        for j in range(0, N, lanes):
            i, n = row * N + j, N - j
            total = load_first(work, i, n)
            for p in range(1, pieces):
                total = total + load_first(work, p * M * N + i, n)
            if start == FROM_C:
                total = total + load_first(C, i, n)
            elif start == FROM_BIAS:
                total = total + load_first(bias, j, n)
            store_first(C, i, at_least(total, broadcast(C, floor)), n)


@kernel
def activate(first, last, length, C, activation):
    """C = tanh(C) or its logistic function, for pieces first to last of a length."""
    begin, end = first * length, min(last * length, C.size)
    if activation == TANH:
        for i in range(begin, end):
            C[i] = tanh(C[i])
    else:
        for i in range(begin, end):
            C[i] = sigmoid(C[i])


# Whether reading rows that lie a page apart costs more than packing them: up to a quarter on Intel's processors, where
# packing gains 12 to 25 %, and to a half where a tile takes less than half a cache line of a row (Zen 3 and other
# processors with AVX2); on AMD's with AVX-512 (Zen 5) packing loses 5 to 20 %. The bits are the same.
FAR_ROWS_COST = LANES < 16 or not llvm.get_host_cpu_name().startswith("znver")
SERIAL = 300_000  # multiplications below which a parallel launch costs more than it gains
FEW_ROWS = 70 * MR  # rows of A up to which each task packs the columns of B that it reads, not one pass all of B
LONG = 2048  # rows of A and B in A'B from which on the next block is fetched while one is multiplied
TASKS = 16  # a product is cut into at least so many tasks if they are worth it ...
LIGHT, FEW_TASKS = 2**23, 6  # ... and into fewer below so many multiplications


class _Plan:
    """How a product of given shapes, strides and dtype is cut up.

    Tasks are rectangles of `rows` x `columns`, and `pieces` of K where K is long and the result small; within a task K
    is taken `block` by `block`. B is packed `chunk` columns at a time, or by each task for itself, as A may be, block by
    block (`own_b`, `own_a`). Nothing here depends on the number of threads; `threads` says whether a parallel launch pays.
    """

    dtype: np.dtype
    shape: tuple[int, ...]
    swap: bool
    empty: bool
    void: bool
    odd: bool
    copy_vector: bool
    quick: bool
    a_axes: tuple[int, ...] | None  # `_axes_in_memory`
    b_axes: tuple[int, ...] | None

    def __init__(
        self,
        itemsize: int,
        stacks: tuple[int, int],
        sizes: tuple[int, int, int],
        a: tuple[int, ...],
        b: tuple[int, ...],
    ) -> None:
        (M, N, K), (am, ak, abatch, afar), (bk, bn, bbatch, bfar) = sizes, a, b
        batch, near = stacks[0] * stacks[1], stacks[1]
        P = NR * LANES * 4 // itemsize
        rows, columns, block, piece, chunk = 8 * MR, 8 * P, 2048 // itemsize, K, N
        # inner products end in sums across lanes, outer ones begin by packing: short sums are for the outer ones
        few = 32 if LANES == 16 else min(32, max(6, K // 8))
        inner = ak == 1 and bk == 1 and bn != 1 and (M <= few or N <= P // 2 or (N <= P and M <= 64))
        if inner:
            columns, block = 64, 2048
        elif M <= 2 * MR and bn == 1:  # B passes once from memory
            columns, block = 16 * P, 64
        elif K <= 64:  # most of the time goes into writing C
            columns = 64 * P
        long = batch == 1 and K >= 4096 and -(-M // rows) * -(-N // columns) < TASKS and M * N <= 2**16
        if long and (inner or bn == 1):
            piece = max(1024, -(-K // 32))
        wide = M > 2 * MR and N > P and batch == 1 and bn == 1
        # A^T B, as in the gradient of weights; where rows of A far apart cost little, packing them does not pay for itself
        upright = wide and am == 1 and K >= (96 if FAR_ROWS_COST else 16 * max(M, N))
        # each operand where it is read often enough
        own_a, own_b = upright and M >= 10 * MR and N >= (8 if LANES == 16 else 4) * P, upright and M >= 8 * MR
        ahead = own_a and LANES < 16 and K >= LONG  # the next block is fetched while one is multiplied
        if upright:
            rows, block = 16 * MR, (1024 if own_a else 512) // itemsize
            if ahead:
                rows, columns, block = 32 * MR, 16 * P, 512 // itemsize
        light = upright and M * N * K < LIGHT
        if light:  # a few tasks will do: each packs its operands, so the more the costlier
            piece, rows = -(-K // max(1, min(8, K // 192))), min(rows, -(-M // MR) * MR)
        elif (upright or (wide and M <= 16 * MR and K * N * itemsize > 2**19)) and K >= 512 and M * N < 2**18:
            # K in pieces rather than smaller rectangles; of A B with few rows, B passes once, unpacked
            block = block if upright else 256 // itemsize
            piece = min(K, max(512, -(-K * -(-M // rows) * -(-N // columns) // TASKS // block) * block))
        alike = M > 4 * MR and bk * itemsize % 2048 == 0  # such rows of B share few cache sets
        pack_b = bn != 1 or ((alike or M > 16 * MR) and N > P and K * N * itemsize > (2**15 if alike else 2**19))
        pack_b = pack_b and not inner and piece == K and not upright
        few_rows = pack_b and batch == 1 and M <= FEW_ROWS and N >= 2 * P and M * N * K > SERIAL
        if pack_b and batch > 1:  # each task packs what it reads of its own matrix
            own_b, pack_b, columns = True, False, min(columns, 8 * P)
        small = pack_b and batch == 1 and M * N * K <= SERIAL
        if small:
            pack_b, rows, columns = False, max(1, -(-M // MR)) * MR, max(1, -(-N // P)) * P
        own_b = own_b or few_rows or small
        if few_rows:
            bands = max(1, min(-(-TASKS // 2 // -(-N // P)), M // (16 * MR)))
            rows = -(-M // bands // MR) * MR
            pack_b, columns = False, max(1, -(-N // P) * bands // TASKS) * P
        if pack_b:
            chunk = max(P, min(-(-N // P), 2**23 // itemsize // K // P) * P)
        self.pieces = -(-K // piece)
        least = 4 * P if M == 1 and bn == 1 else P  # one row alone is multiplied with four panels at a time
        wanted = FEW_TASKS if light else TASKS
        while not (few_rows or small) and -(-M // rows) * -(-chunk // columns) * self.pieces * batch < wanted:
            if rows > 2 * MR:
                rows = -(-rows // 2 // MR) * MR
            elif columns > least:
                columns = -(-columns // 2 // least) * least
            else:
                break
        self.M, self.N, self.K, self.am, self.ak, self.bk, self.bn = M, N, K, am, ak, bk, bn
        self.columns, self.chunk, self.panel = columns, chunk, P
        self.inner, self.product = inner, inner_product if inner else outer_product
        self.pack_b = pack_b
        self.bands = batch * self.pieces * -(-M // rows)
        self.threads = batch * M * N * K > SERIAL
        self.simple = not (self.threads or pack_b or self.pieces > 1)
        self.tasks = self.bands * -(-N // columns)
        right = (P, P * K) if pack_b or own_b else (bk, bn if inner else P)
        cut = (M, N, K, chunk, rows, columns, block, piece)
        further = near, afar - near * abatch, bfar - near * bbatch, ahead
        self.numbers = np.array((*cut, am, ak, abatch, *right, bbatch, own_a, own_b, bk, bn, *further), np.int64)


_NOTHING = {np.dtype(kind): np.zeros(1, kind) for kind in (np.float32, np.float64)}


def _pack(K: int, N: int, X: np.ndarray, x0: int, xk: int, xn: int, P: int, packed: np.ndarray) -> None:
    run(pack, X.dtype, -(-N // P), K * N > 2**16, K, N, X, x0, xk, xn, P, packed)


def _run(
    plan: _Plan,
    A: np.ndarray,
    a0: int,
    B: np.ndarray,
    b0: int,
    C: np.ndarray,
    start: int,
    bias: np.ndarray,
    activation: int,
) -> None:
    numbers, N, K, product = plan.numbers, plan.N, plan.K, plan.product
    floor = 0.0 if activation == RELU else -np.inf
    if plan.simple:
        product(0, plan.tasks, numbers, 0, A, a0, B, b0, C, start, bias, floor)
    elif plan.pack_b:
        packed = workspace("gemm B", plan.chunk * K, C.dtype)
        for n0 in range(0, N, plan.chunk):
            width = min(plan.chunk, N - n0)
            tasks = plan.bands * -(-width // plan.columns)
            _pack(K, width, B, b0 + n0 * plan.bn, plan.bk, plan.bn, plan.panel, packed)
            run(product, C.dtype, tasks, plan.threads, numbers, n0, A, a0, packed, 0, C, start, bias, floor)
    else:
        tasks = plan.tasks
        if plan.pieces == 1:
            run(product, C.dtype, tasks, plan.threads, numbers, 0, A, a0, B, b0, C, start, bias, floor)
        else:
            work = workspace("gemm C", plan.pieces * C.size, C.dtype)
            run(product, C.dtype, tasks, plan.threads, numbers, 0, A, a0, B, b0, work, FROM_ZERO, bias, -np.inf)
            run(add_up, C.dtype, plan.bands // plan.pieces, work.size > 2**16, numbers, work, C, start, bias, floor)
    if activation >= TANH:
        run(activate, C.dtype, -(-C.size // 2**12), C.size > 2**13, 2**12, C, activation)


def _axes_in_memory(x: np.ndarray) -> tuple[int, ...] | None:
    """The axes of a dense array in the order of its memory, none named where it is C order already; None for any other."""
    if x.flags.c_contiguous:
        return ()
    order = tuple(sorted(range(x.ndim), key=lambda i: -x.strides[i]))
    return order if x.transpose(order).flags.c_contiguous else None


_plans: dict[tuple[Any, ...], _Plan] = {}


def _prepare(name: str, a: np.ndarray, b: np.ndarray, key: tuple[Any, ...]) -> _Plan:
    """Check the operands of a product, plan it, and keep the plan."""
    if a.ndim != b.ndim or a.shape[:-2] != b.shape[:-2] or a.shape[-1] != b.shape[-2]:
        stack = "..., " if name == "batched_matmul" else ""
        raise ShapeError(f"{name}: a is {a.shape} and b {b.shape}; expected ({stack}M, K) and ({stack}K, N) with one K")
    dtype = a.dtype
    if dtype != b.dtype or dtype not in _NOTHING:
        raise TypeError(f"{name}: a is {dtype} and b {b.dtype}; expected both float32 or both float64: cast one")
    (M, K), N, item = a.shape[-2:], b.shape[-1], dtype.itemsize
    (am, ak), (bk, bn) = (tuple(s // item for s in x.strides[-2:]) for x in (a, b))
    far, near = (1, 1, *a.shape[:-2])[-2:]
    afar, abatch, bfar, bbatch = (s // item for x in (a, b) for s in (0, 0, *x.strides[:-2])[-2:])
    left, right = (am, ak, abatch, afar), (bk, bn, bbatch, bfar)
    swap = N == 1  # a column is the row of the transposed product
    if swap:
        M, N, left, right = 1, M, (bn, bk, bbatch, bfar), (ak, am, abatch, afar)
    plan = _Plan(item, (far, near), (M, N, max(K, 1)), left, right)
    plan.dtype, plan.swap, plan.shape = dtype, swap, (*a.shape[:-1], b.shape[-1])
    plan.empty, plan.void, plan.odd = 0 in plan.shape, K == 0, any(s % item for s in a.strides + b.strides)
    plan.copy_vector = M == 1 and right[0] == 1 and right[1] != 1 and left[1] != 1  # then inner products do
    plan.a_axes, plan.b_axes = _axes_in_memory(a), _axes_in_memory(b)
    awkward = plan.swap or plan.empty or plan.void or plan.odd or plan.copy_vector
    plan.quick = plan.simple and not awkward and plan.a_axes is not None and plan.b_axes is not None
    if len(_plans) >= 4096:
        _plans.clear()
    _plans[key] = plan
    return plan


def _flat(x: np.ndarray, axes: tuple[int, ...] | None) -> tuple[np.ndarray, int]:
    """The memory of x, and where in it x begins."""
    if axes is not None and x.flags.writeable:
        return (x.transpose(axes) if axes else x).ravel(), 0
    return flat(x)[:2]


def _checked(name: str, plan: _Plan, out: np.ndarray) -> np.ndarray:
    if out.shape != plan.shape or out.dtype != plan.dtype or not out.flags.carray:
        raise ShapeError(
            f"{name}: out is {out.dtype} {out.shape}; expected {plan.dtype} {plan.shape}, C-contiguous and writeable"
        )
    return out


def _multiply(plan: _Plan, a: np.ndarray, b: np.ndarray, C: np.ndarray, start: int, bias: np.ndarray, act: int) -> None:
    (A, a0), (B, b0) = _flat(a, plan.a_axes), _flat(b, plan.b_axes)
    if plan.swap:
        A, a0, B, b0 = B, b0, A, a0
    _run(plan, A, a0, B, b0, C.ravel(), start, bias, act)


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
    inputs. Raises ShapeError (a ValueError) for shapes, TypeError for dtypes, ValueError for the rest.
    """
    key = (a.shape, a.strides, b.shape, b.strides)
    plan = _plans.get(key)
    if plan is None or a.dtype is not plan.dtype or b.dtype is not plan.dtype:
        if a.ndim != 2:
            raise ShapeError(f"matmul: a is {a.shape}; expected (M, K), for stacks there is batched_matmul")
        plan = _prepare("matmul", a, b, key)
    if activation not in ACTIVATIONS:
        raise ValueError(f"matmul: activation is {activation!r}; expected None, 'relu', 'tanh' or 'sigmoid'")
    if accumulate and out is None:
        raise ValueError("matmul: accumulate=True adds to `out`, which is None; pass the array to add to")
    if bias is not None and (bias.shape != plan.shape[1:] or bias.dtype != plan.dtype):
        raise ShapeError(f"matmul: bias is {bias.dtype} {bias.shape}; expected {plan.dtype} {plan.shape[1:]}")
    act = ACTIVATIONS[activation]
    if plan.quick and out is None and act <= RELU and a.flags.behaved and b.flags.behaved:
        # small networks spend their time in these calls: straight to the kernel
        out, start, offsets, floor = np.empty(plan.shape, plan.dtype), FROM_ZERO, _NOTHING[plan.dtype], -np.inf
        if bias is not None:
            start, offsets = FROM_BIAS, bias if bias.flags.carray else bias.copy()
        if act == RELU:
            floor = 0.0
        A, B = a.T if plan.a_axes else a, b.T if plan.b_axes else b
        plan.product(0, plan.tasks, plan.numbers, 0, A.ravel(), 0, B.ravel(), 0, out.ravel(), start, offsets, floor)
        return out
    out = np.empty(plan.shape, plan.dtype) if out is None else _checked("matmul", plan, out)
    if plan.empty:
        return out
    if plan.void:  # an empty sum is 0 * 0
        a, b = np.zeros((out.shape[0], 1), plan.dtype), np.zeros((1, out.shape[1]), plan.dtype)
        return matmul(a, b, bias, activation, out, accumulate)
    if plan.odd or plan.copy_vector or not (a.flags.aligned and b.flags.aligned):
        a, b = a if plan.copy_vector and plan.swap else a.copy(), b if plan.copy_vector and not plan.swap else b.copy()
        return matmul(a, b, bias, activation, out, accumulate)
    start, offsets = FROM_C if accumulate else FROM_ZERO, _NOTHING[plan.dtype]
    if bias is not None:
        if accumulate:
            out += bias
        elif plan.swap:
            out[...] = bias
            start = FROM_C
        else:
            start, offsets = FROM_BIAS, bias if bias.flags.carray else bias.copy()
    _multiply(plan, a, b, out, start, offsets, act)
    return out


def batched_matmul(a: np.ndarray, b: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """a @ b for stacks of matrices, or stacks of stacks: a (..., M, K), b (..., K, N), result (..., M, N) in C order.

    Any strides serve, so neither heads of attention nor a broadcast stack (of zero strides) need be copied. dtypes, `out`
    and errors as in `matmul`.
    """
    key = ("stacks", a.shape, a.strides, b.shape, b.strides)
    plan = _plans.get(key)
    if plan is None or a.dtype is not plan.dtype or b.dtype is not plan.dtype:
        if a.ndim not in (3, 4):
            raise ShapeError(
                f"batched_matmul: a is {a.shape}; expected (B, M, K) or (A, B, M, K), for two matrices there is matmul"
            )
        plan = _prepare("batched_matmul", a, b, key)
    out = np.empty(plan.shape, plan.dtype) if out is None else _checked("batched_matmul", plan, out)
    if plan.quick and a.flags.behaved and b.flags.behaved:
        A, B = a.transpose(plan.a_axes) if plan.a_axes else a, b.transpose(plan.b_axes) if plan.b_axes else b
        nothing = _NOTHING[plan.dtype]
        plan.product(
            0, plan.tasks, plan.numbers, 0, A.ravel(), 0, B.ravel(), 0, out.ravel(), FROM_ZERO, nothing, -np.inf
        )
        return out
    if plan.empty:
        return out
    aligned_ = a.flags.aligned and b.flags.aligned
    if plan.pack_b or plan.void or plan.odd or plan.copy_vector or not aligned_ or plan.M * plan.N * plan.K > 2**22:
        for x, y, z in zip(a, b, out, strict=True):
            (matmul if a.ndim == 3 else batched_matmul)(x, y, out=z)
    else:
        _multiply(plan, a, b, out, FROM_ZERO, _NOTHING[plan.dtype], NONE)
    return out
