"""The register tiles of a convolution: rows gathered by offset tables, columns along the vector lanes."""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from autograd.kernels.compile import kernel
from autograd.kernels.simd import LANES, _Emit

# Rows of a tile by its width in vectors: the sums fill the register file (32 registers with AVX-512, else 16).
ROWS = {1: 14, 2: 12, 3: 8, 4: 6} if LANES == 16 else {1: 10, 2: 6}
PIXELS = 8  # of a depthwise tile
RUN = 7  # taps of a depthwise tile at most

# What a kernel is told its tile's width with: an array of so many dimensions, which is a part of its type.
WIDTHS = {width: np.zeros((1,) * width, np.int8) for width in ROWS}
# What a depthwise kernel is told its taps and its step with.
RUNS = {
    (taps, step): np.zeros((1,) * taps, kind)
    for taps in range(1, RUN + 1)
    for step, kind in enumerate((np.int8, np.int16, np.int32), 1)
}

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


@intrinsic(prefer_literal=True)
def interleave(tyctx, C, A, a0, lda, B, b0, count):  # type: ignore[no-untyped-def]
    """B[b0 + i*C + c] = A[a0 + c*lda + i] for c < C, a literal, and i < count, at most a vector; nothing else is touched."""
    if not isinstance(C, types.IntegerLiteral):
        return None
    channels = C.literal_value

    def codegen(context, b, sig, args):  # type: ignore[no-untyped-def]
        emit = _Emit(context, b, A.dtype)
        _, A_, a0, lda, B_, b0, count = args
        A_, B_ = emit.data(A, A_), emit.data(B, B_)
        read = emit.mask(count)
        planes = [emit.load(A_, b.add(a0, b.mul(lda, _I64(c))), read) for c in range(channels)]
        for first in range(0, channels * emit.width, emit.width):
            places = [divmod(first + lane, channels) for lane in range(emit.width)]  # of each lane: pixel and channel
            line = planes[0]
            for c in range(1, channels):
                own = [pixel if c == 1 else lane for lane, (pixel, _) in enumerate(places)]
                line = emit.shuffle(
                    line,
                    planes[c],
                    [pixel + emit.width if k == c else o for o, (pixel, k) in zip(own, places, strict=True)],
                )
            emit.store(B_, b.add(b0, _I64(first)), line, emit.mask(b.sub(b.mul(count, _I64(channels)), _I64(first))))
        return context.get_dummy_value()

    return types.void(C, A, _INT, _INT, B, _INT, _INT), codegen


@intrinsic
def window_tile(  # type: ignore[no-untyped-def]
    tyctx, width, A, a0, rows, r0, m, taps, t0, T, Q, astep, B, b0, bstep, C, c0, places, n, start, s0, accumulate, relu
):
    """C[c0 + places[r0+i] + j] = sum over t < T, q < Q of A[a0 + rows[r0+i] + taps[t0+t] + q*astep] * B[b0 + (t*Q+q)*bstep + j].

    For i < m and j < n, at most width.ndim vectors; i < m <= ROWS[width.ndim]. The sum starts from C with `accumulate`, else from start[s0 + j]; `relu` clips below at zero on the way out.
    C and start are neither read nor written beyond n columns, A and C not beyond m rows. B is read in whole vectors: a load
    with a mask takes a multiplier's turn.
    """  # noqa: E501
    nr, mr = width.ndim, ROWS[width.ndim]
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
                emit.once()
                b_row = b.add(b_tap, b.mul(inner.index, bstep))
                row = [emit.load(B_, b.add(b_row, columns[j])) for j in range(nr)]
                a_column = b.mul(inner.index, astep)
                for i in range(mr):
                    value = emit.splat(b.load(b.gep(base[i], [a_column])))
                    for j in range(nr):
                        b.store(emit.fma(value, row[j], b.load(sums[i][j])), sums[i][j])
        zero = emit.constant(0.0)
        with b.if_else(b.icmp_signed(">=", n, _I64(nr * emit.width))) as (whole, part):
            for branch, given in ((whole, [None] * nr), (part, masks)):
                with branch:
                    for i in range(mr):
                        with b.if_then(used[i]):
                            for j in range(nr):
                                total = b.load(sums[i][j])
                                total = b.select(relu, emit.at_least(total, zero), total)
                                emit.store(C_, b.add(c_rows[i], columns[j]), total, given[j])
        return context.get_dummy_value()

    return signature, codegen


def _run(kind: types.Array) -> tuple[int, Any]:
    """Taps of a run, and the step from window to window where the code is made for one."""
    return kind.ndim, {8: 1, 16: 2}.get(kind.dtype.bitwidth)


class _Values:
    """The vectors that PIXELS windows meet along a run of taps, each loaded once where windows overlap."""

    def __init__(self, emit: _Emit, x: Any, step: Any, of_step: int | None, S: int, C: Any) -> None:
        self.emit, self.x, self.C, self.step, self.of_step, self.S = emit, x, C, step, of_step, S
        b = emit.b
        # four distances in registers and every fourth value's place: a place a value would not fit into the registers
        self.offsets = [_I64(0), *(emit.hidden(b.mul(C, _I64(k))) for k in range(1, 4))]
        self.four = b.mul(C, _I64(4))

    def run(self, base: Any) -> None:
        """Start a run at x[base]."""
        self.base, self.found, self.places = base, dict[int, Any](), [base]

    def _place(self, k: int) -> Any:
        b = self.emit.b
        while len(self.places) <= k // 4:
            self.places.append(self.emit.hidden(b.add(self.places[-1], self.four)))
        return b.add(self.places[k // 4], self.offsets[k % 4])

    def at(self, i: int, s: int, mask: Any = None, column: Any = None, W: Any = None) -> Any:
        """What window i meets at tap s; with a mask, zero outside of 0 <= column + ... < W."""
        b, k = self.emit.b, self.of_step and i * self.of_step + s
        if k in self.found:
            return self.found[k]
        place = b.add(b.mul(_I64(i), self.step), _I64(s)) if k is None else _I64(k)
        if mask is not None:
            inside = b.icmp_unsigned("<", b.add(column, place), W)
            mask = b.select(inside, mask, ir.Constant(mask.type, [0] * self.emit.width))
        where = b.add(self.base, b.mul(place, self.C)) if k is None else self._place(k)
        value = self.emit.load(self.x, where, mask)
        if k is not None:
            self.found[k] = value
        return value

    def pairs(self) -> list[tuple[int, int]]:
        """Window and tap of each product, by the value they meet: each is needed for a short while only."""
        every = [(i, s) for i in range(PIXELS) for s in range(self.S)]
        step = self.of_step
        return sorted(every, key=lambda pair: pair[0] * step + pair[1]) if step else every


@intrinsic(prefer_literal=True)
def channel_row(  # type: ignore[no-untyped-def]
    tyctx,
    kind,
    checked,
    x,
    x0,
    row,
    column,
    H,
    W,
    C,
    step,
    rows,
    columns,
    T,
    w,
    w0,
    y,
    y0,
    ystep,
    m,
    n,
    start,
    s0,
    relu,
):
    """y[y0 + i*ystep + c] = start[s0 + c] + sum over t < T, s < S of w[w0 + (t*S+s)*C + c] times the value at row + rows[t], column + i*step + columns[t] + s of the image x[x0 + (h*W + v)*C + c].

    For i < PIXELS and the channels c of a vector; `kind` tells S and may tell the step. Rows outside of 0 <= h < H are left out; with `checked`, a literal, so are columns, and i < m and c < n alone are written. `relu` clips below at zero.
    """  # noqa: E501
    if not isinstance(checked, types.IntegerLiteral):
        return None
    (S, of_step), check = _run(kind), checked.literal_value
    flag = types.boolean
    signature = types.void(
        kind, checked, x, _INT, _INT, _INT, _INT, _INT, _INT, _INT, rows, columns, _INT, w, _INT, y, _INT, _INT, _INT,
        _INT, start, _INT, flag,
    )  # fmt: skip

    def codegen(context, b, sig, args):  # type: ignore[no-untyped-def]
        emit = _Emit(context, b, x.dtype)
        _, _, x_, x0, row, column, H, W, C, step, rows_, columns_, T, w_, w0, y_, y0, ystep, m, n, start_, s0, relu = (
            args
        )
        x_, rows_, columns_, w_, y_, start_ = (emit.data(sig.args[i], args[i]) for i in (2, 10, 11, 13, 15, 20))
        mask, zero = emit.mask(n) if check else None, emit.constant(0.0)
        first = emit.load(start_, s0, mask)
        sums = [cgutils.alloca_once(b, emit.type) for _ in range(PIXELS)]
        for place in sums:
            b.store(first, place)
        values = _Values(emit, x_, step, of_step, S, C)
        with cgutils.for_range(b, T) as loop:
            h = b.add(row, b.load(b.gep(rows_, [loop.index])))
            with b.if_then(b.icmp_unsigned("<", h, H)):
                v = b.add(column, b.load(b.gep(columns_, [loop.index])))
                base = b.add(x0, b.mul(b.add(b.mul(h, W), v), C))
                tap = b.add(w0, b.mul(b.mul(loop.index, _I64(S)), C))
                weights = [emit.load(w_, b.add(tap, b.mul(_I64(s), C)), mask) for s in range(S)]
                values.run(base)
                for i, s in values.pairs():
                    value = values.at(i, s, mask, v, W)
                    b.store(emit.fma(value, weights[s], b.load(sums[i])), sums[i])
        for i in range(PIXELS):
            with b.if_then(b.icmp_signed("<", _I64(i), m) if check else ir.Constant(ir.IntType(1), 1)):
                total = b.load(sums[i])
                total = b.select(relu, emit.at_least(total, zero), total)
                emit.store(y_, b.add(y0, b.mul(_I64(i), ystep)), total, mask)
        return context.get_dummy_value()

    return signature, codegen


@intrinsic(prefer_literal=True)
def channel_sums(  # type: ignore[no-untyped-def]
    tyctx, kind, checked, x, x0, row, column, H, W, C, step, rows, columns, T, g, g0, m, n, y, y0
):
    """y[y0 + (t*S+s)*C + c] += sum over i < PIXELS of g[g0 + i*C + c] times the value that `channel_row` meets there."""
    if not isinstance(checked, types.IntegerLiteral):
        return None
    (S, of_step), check = _run(kind), checked.literal_value
    signature = types.void(
        kind, checked, x, _INT, _INT, _INT, _INT, _INT, _INT, _INT, rows, columns, _INT, g, _INT, _INT, _INT, y, _INT
    )

    def codegen(context, b, sig, args):  # type: ignore[no-untyped-def]
        emit = _Emit(context, b, x.dtype)
        _, _, x_, x0, row, column, H, W, C, step, rows_, columns_, T, g_, g0, m, n, y_, y0 = args
        x_, rows_, columns_, g_, y_ = (emit.data(sig.args[i], args[i]) for i in (2, 10, 11, 13, 17))
        mask = emit.mask(n) if check else None
        used = [b.icmp_signed("<", _I64(i), m) for i in range(PIXELS)]
        nothing = emit.mask(_I64(0))
        gradients = [
            emit.load(g_, b.add(g0, b.mul(_I64(i), C)), b.select(used[i], mask, nothing) if check else None)
            for i in range(PIXELS)
        ]
        sums = [cgutils.alloca_once(b, emit.type) for _ in range(S)]
        values = _Values(emit, x_, step, of_step, S, C)
        with cgutils.for_range(b, T) as loop:
            h = b.add(row, b.load(b.gep(rows_, [loop.index])))
            with b.if_then(b.icmp_unsigned("<", h, H)):
                v = b.add(column, b.load(b.gep(columns_, [loop.index])))
                base = b.add(x0, b.mul(b.add(b.mul(h, W), v), C))
                tap = b.add(y0, b.mul(b.mul(loop.index, _I64(S)), C))
                cells = [b.add(tap, b.mul(_I64(s), C)) for s in range(S)]
                for s in range(S):
                    b.store(emit.load(y_, cells[s], mask), sums[s])
                if check:  # a value beyond the last window may be NaN: zero times it is not nothing
                    for i in range(PIXELS):
                        with b.if_then(used[i]):
                            values.run(base)
                            for s in range(S):
                                value = values.at(i, s, mask, v, W)
                                b.store(emit.fma(value, gradients[i], b.load(sums[s])), sums[s])
                else:
                    values.run(base)
                    for i, s in values.pairs():
                        b.store(emit.fma(values.at(i, s), gradients[i], b.load(sums[s])), sums[s])
                for s in range(S):
                    emit.store(y_, cells[s], b.load(sums[s]), mask)
        return context.get_dummy_value()

    return signature, codegen
