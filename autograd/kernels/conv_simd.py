"""One register tile of a convolution: rows gathered by offset tables, columns along the vector lanes."""

from __future__ import annotations

import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from autograd.kernels.compile import kernel
from autograd.kernels.simd import LANES, _Emit

# Rows of a tile by its width in vectors: the sums fill the register file (32 registers with AVX-512, else 16).
ROWS = {1: 14, 2: 12, 3: 8, 4: 6} if LANES == 16 else {1: 10, 2: 6}
CHANNEL_ROWS = 9  # of a depthwise tile: the taps of a 3x3 window

# What a kernel is told its tile's width with: an array of so many dimensions, which is a part of its type.
WIDTHS = {width: np.zeros((1,) * width, np.int8) for width in ROWS}

_INT = types.intp
_I64 = ir.IntType(64)


def vectors(columns: int, itemsize: int) -> int:
    """Width of the tile for that many columns: as few panels as possible, each as narrow as it can be."""
    count = -(-columns * itemsize // (LANES * 4))
    return -(-count // -(-count // max(ROWS)))


@kernel
def scratch(count: int, like: np.ndarray) -> np.ndarray:
    """An uninitialised array of `count` values of the dtype of `like` that starts on a cache line."""
    line = 64 // like.itemsize
    raw = np.empty(count + line, like.dtype)
    start = (-(raw.ctypes.data // like.itemsize)) % line
    return raw[start : start + count]


@intrinsic
def copy(tyctx, x, i, y, j, count):  # type: ignore[no-untyped-def]
    """y[j : j + count] = x[i : i + count]."""

    def codegen(context, b, sig, args):  # type: ignore[no-untyped-def]
        emit = _Emit(context, b, x.dtype)
        source, target = (b.gep(emit.data(sig.args[k], args[k]), [args[k + 1]]) for k in (0, 2))
        cgutils.raw_memcpy(b, target, source, args[4], emit.bits // 8)
        return context.get_dummy_value()

    return types.void(x, _INT, y, _INT, _INT), codegen


@intrinsic
def clear(tyctx, y, j, count):  # type: ignore[no-untyped-def]
    """y[j : j + count] = 0."""

    def codegen(context, b, sig, args):  # type: ignore[no-untyped-def]
        emit = _Emit(context, b, y.dtype)
        cgutils.memset(b, b.gep(emit.data(y, args[0]), [args[1]]), b.mul(args[2], _I64(emit.bits // 8)), 0)
        return context.get_dummy_value()

    return types.void(y, _INT, _INT), codegen


@intrinsic
def prefetch(tyctx, x, i, count):  # type: ignore[no-untyped-def]
    """Fetch x[i : i + count] towards the caches; past the end of the array that is no access."""

    def codegen(context, b, sig, args):  # type: ignore[no-untyped-def]
        emit = _Emit(context, b, x.dtype)
        data, line = emit.data(x, args[0]), _I64(64 * 8 // emit.bits)
        with cgutils.for_range_slice(b, _I64(0), args[2], line, inc=True) as (offset, _):
            emit.prefetch(data, b.add(args[1], offset))
        return context.get_dummy_value()

    return types.void(x, _INT, _INT), codegen


def _tile(width, A, rows, taps, B, C, places, start, depthwise):  # type: ignore[no-untyped-def]
    """Signature and code of the two tiles below, which differ in how they read A."""
    nr, mr = width.ndim, CHANNEL_ROWS if depthwise else ROWS[width.ndim]
    flag = types.boolean
    signature = types.void(
        width, A, _INT, rows, _INT, _INT, taps, _INT, _INT, _INT, _INT, B, _INT, _INT, C, _INT, places, _INT, start,
        _INT, flag, flag,
    )  # fmt: skip

    def codegen(context, b, sig, args):  # type: ignore[no-untyped-def]
        emit = _Emit(context, b, A.dtype)
        A_, rows_, taps_, B_, C_, places_, start_ = (emit.data(sig.args[i], args[i]) for i in (1, 3, 6, 11, 14, 16, 18))
        a0, r0, m, t0, T, Q, astep = args[2], args[4], args[5], args[7], args[8], args[9], args[10]
        b0, bstep, c0, n, s0, accumulate, relu = args[12], args[13], args[15], args[17], args[19], args[20], args[21]
        sums = [[cgutils.alloca_once(b, emit.type) for _ in range(nr)] for _ in range(mr)]
        used = [b.icmp_signed("<", _I64(i), m) for i in range(mr)]
        index = [b.add(r0, b.select(u, _I64(i), b.sub(m, _I64(1)))) for i, u in enumerate(used)]  # the last one again
        a_rows = [b.gep(A_, [b.add(a0, b.load(b.gep(rows_, [k])))]) for k in index]
        c_rows = [b.add(c0, b.load(b.gep(places_, [k]))) for k in index]
        columns = [_I64(j * emit.width) for j in range(nr)]
        masks = [emit.mask(b.sub(n, column)) for column in columns]
        with b.if_else(accumulate) as (then, otherwise):
            with then:
                for i in range(mr):
                    for j in range(nr):
                        b.store(emit.load(C_, b.add(c_rows[i], columns[j]), masks[j]), sums[i][j])
            with otherwise:
                for j in range(nr):
                    first = emit.load(start_, b.add(s0, columns[j]), masks[j])
                    for i in range(mr):
                        b.store(first, sums[i][j])
        with cgutils.for_range(b, T) as outer:
            tap = b.load(b.gep(taps_, [b.add(t0, outer.index)]))
            b_tap = b.add(b0, b.mul(b.mul(outer.index, Q), bstep))
            base = [b.gep(row, [tap]) for row in a_rows]
            with cgutils.for_range(b, Q) as inner:
                b_row = b.add(b_tap, b.mul(inner.index, bstep))
                row = [emit.load(B_, b.add(b_row, columns[j]), masks[j]) for j in range(nr)]
                a_column = b.mul(inner.index, astep)
                for i in range(mr):
                    if depthwise:
                        value = emit.load(base[i], a_column, masks[0])
                    else:
                        value = emit.splat(b.load(b.gep(base[i], [a_column])))
                    for j in range(nr):
                        b.store(emit.fma(value, row[j], b.load(sums[i][j])), sums[i][j])
        zero = emit.constant(0.0)
        for i in range(mr):
            with b.if_then(used[i]):
                for j in range(nr):
                    total = b.load(sums[i][j])
                    total = b.select(relu, emit.at_least(total, zero), total)
                    emit.store(C_, b.add(c_rows[i], columns[j]), total, masks[j])
        return context.get_dummy_value()

    return signature, codegen


@intrinsic
def window_tile(  # type: ignore[no-untyped-def]
    tyctx, width, A, a0, rows, r0, m, taps, t0, T, Q, astep, B, b0, bstep, C, c0, places, n, start, s0, accumulate, relu
):
    """C[c0 + places[r0+i] + j] = sum over t < T, q < Q of A[a0 + rows[r0+i] + taps[t0+t] + q*astep] * B[b0 + (t*Q+q)*bstep + j].

    For i < m and j < n, at most width.ndim vectors; i < m <= ROWS[width.ndim]. The sum starts from C with `accumulate`, else from start[s0 + j]; `relu` clips below at zero on the way out.
    B, C and start are neither read nor written beyond n columns, A and C not beyond m rows.
    """  # noqa: E501
    return _tile(width, A, rows, taps, B, C, places, start, False)


@intrinsic
def channel_tile(  # type: ignore[no-untyped-def]
    tyctx, width, A, a0, rows, r0, m, taps, t0, T, Q, astep, B, b0, bstep, C, c0, places, n, start, s0, accumulate, relu
):
    """`window_tile` of width 1 where column j multiplies A's own value there, A[... + j], as in a depthwise product."""
    return _tile(width, A, rows, taps, B, C, places, start, True)
