"""The weight gradient of a convolution of few input channels: the sums of a whole window stay in registers.

A window of 3x3 pixels of 3 channels has 27 values: as many vectors of sums, one along the result's channels, fill the
register file, and each gradient is read once for all of them. The values of a window's row lie side by side, so that one
address serves a row where the tile of `conv_direct` needs one for each value.

Letters: N images; H, W source rows and columns; C source channels; K result channels; a window is T runs of Q values,
cut into pieces of L values, RUNS of which are a tile. Arrays are flat.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from autograd.kernels.compile import kernel
from autograd.kernels.conv_direct import SERIAL, TASKS, Pair, Pass, add_pieces, bring, plan_pass, run
from autograd.kernels.conv_simd import clear, prefetch, scratch
from autograd.kernels.simd import LANES, _Emit, load, load_first, store

RUNS = 3  # pieces of runs of a tile
LONGEST = 10 if LANES == 16 else 4  # values of a piece: the sums leave registers for a gradient and a source value
NEAR = 1 << 13  # gradients that stay in the first-level cache while several tiles use them

# What a kernel is told the values of a piece with: an array of so many dimensions.
VALUES = {L: np.zeros((1,) * L, np.int8) for L in range(1, LONGEST + 1)}

_INT = types.intp
_I64 = ir.IntType(64)


@intrinsic
def run_sums(  # type: ignore[no-untyped-def]
    tyctx, kind, x, x0, xline, xstep, pieces, t0, g, g0, gline, gstep, lines, count, far, y, y0, ystep
):
    """y[y0 + (value + q)*ystep + lane] += sum over j < lines, i < count of x[x0 + place + j*xline + i*xstep + q] *
    g[g0 + j*gline + i*gstep + lane].

    For q < L, as `kind` says, of RUNS pieces, whose place, value and the first q that counts are pieces[3*t0:].
    Gradients are fetched `far` values ahead.
    """
    L = kind.ndim
    signature = types.void(
        kind, x, _INT, _INT, _INT, pieces, _INT, g, _INT, _INT, _INT, _INT, _INT, _INT, y, _INT, _INT
    )

    def codegen(context, b, sig, args):  # type: ignore[no-untyped-def]
        emit = _Emit(context, b, x.dtype)
        _, x_, x0, xline, xstep, pieces_, t0, g_, g0, gline, gstep, lines, count, far, y_, y0, ystep = args
        x_, pieces_, g_, y_ = (emit.data(sig.args[i], array) for i, array in ((1, x_), (5, pieces_), (7, g_), (14, y_)))

        def number(t: int, i: int) -> Any:
            return b.load(b.gep(pieces_, [b.add(b.mul(t0, _I64(3)), _I64(3 * t + i))]))

        starts = [b.add(x0, number(t, 0)) for t in range(RUNS)]
        sums = [[cgutils.alloca_once(b, emit.type) for _ in range(L)] for _ in range(RUNS)]
        for total in sum(sums, []):  # of these pixels alone: the sum of all, one by one, would lose digits
            b.store(emit.constant(0.0), total)
        with cgutils.for_range(b, lines) as outer:
            bases = [b.gep(x_, [b.add(start, b.mul(outer.index, xline))]) for start in starts]
            g_line = b.add(g0, b.mul(outer.index, gline))
            with cgutils.for_range(b, count) as inner:
                emit.once()
                column = b.mul(inner.index, xstep)
                where = b.add(g_line, b.mul(inner.index, gstep))
                gradient = emit.load(g_, where)
                emit.prefetch(g_, b.add(where, far))
                for base, totals in zip(bases, sums, strict=True):
                    row = b.gep(base, [column])
                    for q, total in enumerate(totals):
                        value = emit.splat(b.load(b.gep(row, [_I64(q)])))
                        b.store(emit.fma(value, gradient, b.load(total)), total)
        for t, totals in enumerate(sums):
            first, value = number(t, 2), number(t, 1)
            for q, total in enumerate(totals):
                with b.if_then(b.icmp_signed("<=", first, _I64(q))):
                    place = b.add(y0, b.mul(ystep, b.add(value, _I64(q))))
                    emit.store(y_, place, b.fadd(emit.load(y_, place), b.load(total)))
        return context.get_dummy_value()

    return signature, codegen


@kernel
def window_sums(first, last, kind, plan, pieces, places, none, x, g, zeros, sums):
    """sums[piece of the sum, tap and value, k]: the sum over one piece of the blocks a task; sums has `wide` columns,
    whole vectors. `pieces` of runs are those of `run_sums`."""
    p = plan[0]
    C, K, Q, Wo, block, wide, near = p.C, p.K, p.Q, p.Wo, p.block, p.wide, p.step
    lanes = LANES * 4 // x.itemsize
    extent = ((block - 1) * p.sh + p.reach) * p.span * C  # of a block's copy
    work = scratch(extent if p.copied else 0, x)
    source = work if p.copied else x
    tiles, xline, xstep = len(pieces) // 3, p.sh * p.span * C, p.sw * C
    packed = tiles > RUNS or K < wide
    panels = scratch(near * wide if packed else 0, x)
    across = min(Wo, near)  # pixels of a row, and rows, taken at once
    rows = near // across
    units = p.N * p.blocks
    for piece in range(first, last):
        to = piece * p.T * Q * wide
        clear(sums, to, p.T * Q * wide)
        for unit in range(piece * units // p.pieces, (piece + 1) * units // p.pieces):
            n = unit // p.blocks
            h = unit % p.blocks * block
            high = min(block, p.Ho - h)
            a = bring(x, n, h, high, plan, work, 0)
            for r in range(0, high, rows):
                lines = min(rows, high - r)
                for c in range(0, Wo, across):
                    pixels = min(across, Wo - c)
                    at = a + r * xline + c * xstep
                    o = ((n * p.Ho + h + r) * Wo + c) * K
                    if not packed:
                        for k in range(0, wide, lanes):
                            run_sums(
                                kind, source, at, xline, xstep, pieces, 0, g, o + k, Wo * K, K, lines, pixels, near * K,
                                sums, to + k, wide,
                            )  # fmt: skip
                        continue
                    for j in range(lines):
                        for i in range(pixels):
                            here, there = o + (j * Wo + i) * K, (j * pixels + i) * lanes
                            prefetch(g, here + near * K, K)
                            for k in range(0, K, lanes):
                                if K - k >= lanes:
                                    store(panels, k * near + there, load(g, here + k))
                                else:
                                    store(panels, k * near + there, load_first(g, here + k, K - k))
                    for k in range(0, wide, lanes):
                        for t in range(0, tiles, RUNS):
                            run_sums(
                                kind, source, at, xline, xstep, pieces, t, panels, k * near, pixels * lanes, lanes, lines,
                                pixels, 0, sums, to + k, wide,
                            )  # fmt: skip


def suits(itemsize: int, values: int, K: int, groups: int) -> bool:
    """Whether the sums of a window of so many values are best held together, rather than several vectors of K of a few."""
    lanes = LANES * 4 // itemsize
    return groups == 1 and K > lanes // 2 and (values <= RUNS * LONGEST or K <= lanes)


def _cut(places: np.ndarray, Q: int) -> tuple[int, np.ndarray]:
    """The values of a piece, and place, first value and the first one that counts of every piece, of whole tiles."""
    parts = -(-Q // LONGEST)
    L = -(-Q // parts)
    pieces = []
    for t, place in enumerate(places):
        for i in range(parts):
            q = min(i * L, Q - L)  # the last piece of a run begins with values of the one before
            pieces.append((place + q, t * Q + q, i * L - q))
    place, value, _ = pieces[-1]
    pieces += [(place, value, L)] * (-len(pieces) % RUNS)  # nothing of these counts
    return L, np.array(pieces, np.int64).reshape(-1)


@lru_cache(maxsize=1024)
def _plan(
    x_shape: tuple[int, int, int, int], out: Pair, stride: Pair, start: Pair, taps: tuple[Pair, ...], Q: int, K: int,
    itemsize: int,
) -> tuple[np.ndarray, Pass]:  # fmt: skip
    """What tells the kernel its tile, and the plan of `weight`."""
    plan, _, _, places = plan_pass(x_shape, out, stride, start, taps, Q, (*out, K), ((1, 0), (1, 0)), 1, itemsize)
    plan, lanes = plan.copy(), LANES * 4 // itemsize  # a pass of the same shape has this one
    L, pieces = _cut(places, Q)
    p = plan[0]
    p["images"] = 1
    p["wide"] = -(-K // lanes) * lanes
    p["step"] = min(256, max(32, NEAR // int(p["wide"])))
    p["pieces"] = max(1, min(x_shape[0] * int(p["blocks"]), TASKS))
    return VALUES[L], Pass(plan, pieces, places, places)


def weight(
    g: np.ndarray, x: np.ndarray, x_shape: tuple[int, int, int, int], out: Pair, stride: Pair, start: Pair,
    taps: tuple[Pair, ...], Q: int, K: int,
) -> np.ndarray:  # fmt: skip
    """The flat gradient (K, C, taps) for the weights; g (N, Ho, Wo, K) and x (N, H, W, C) are flat."""
    kind, way = _plan(x_shape, out, stride, start, taps, Q, K, g.itemsize)
    p = way.numbers
    values = len(taps) * Q
    sums, gw = np.empty(int(p["pieces"]) * values * int(p["wide"]), g.dtype), np.empty(values * K, g.dtype)
    run(window_sums, int(p["pieces"]), g.size * values > SERIAL, kind, *way, x, g, g, sums)
    add_pieces(way, x, g, sums, gw)
    return gw
