"""Convolution of stride 1 from many channels to few: each result is an inner product of a window and its weights.

With 3 result channels a vector along them would be mostly empty, and vectors along the pixels (`conv_few`) want every
channel as a plane of its own, which for many channels is more work than the products. Here vectors run along the source's
channels, as they stand in memory: a tile of a few pixels and all result channels keeps a vector of partial sums for each
result, which are folded at the end, in the order in which the results stand.

Letters: N images; H, W source rows and columns; C source channels; K result channels; a window is T runs of Q values.
Arrays are flat.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from autograd.kernels.buffer import aligned
from autograd.kernels.compile import kernel
from autograd.kernels.conv_direct import SERIAL, Pair, copy_rows, plan_pass, run
from autograd.kernels.conv_few import CHANNELS, VECTORS
from autograd.kernels.conv_simd import prefetch, scratch
from autograd.kernels.simd import LANES, _Emit

LEAST = 16  # vectors of a window from which on folding the sums is little beside the products

_INT = types.intp
_I64 = ir.IntType(64)


@intrinsic
def dot_tile(tyctx, channels, X, x0, xstep, taps, T, Q, W, start, relu, Y, y0, count):  # type: ignore[no-untyped-def]
    """Y[y0 + v*K + k] = start[v*K + k] + sum over t < T, q < Q of W[(k*T + t)*Q + q] * X[x0 + v*xstep + taps[t] + q].

    For k < K = channels.ndim and v < VECTORS[K], the first `count` of these alone; Q is in whole vectors. `relu` clips
    below at zero.
    """
    kn = channels.ndim
    vn = VECTORS[kn]
    signature = types.void(
        channels, X, _INT, _INT, taps, _INT, _INT, W, start, types.boolean, Y, _INT, _INT
    )  # fmt: skip

    def codegen(context, b, sig, args):  # type: ignore[no-untyped-def]
        emit = _Emit(context, b, X.dtype)
        X_, taps_, W_, start_, Y_ = (emit.data(sig.args[i], args[i]) for i in (1, 4, 7, 8, 10))
        x0, xstep, T, Q, relu, y0, count = (args[i] for i in (2, 3, 5, 6, 9, 11, 12))
        sums = [[cgutils.alloca_once(b, emit.type) for _ in range(kn)] for _ in range(vn)]
        for totals in sums:
            for total in totals:
                b.store(emit.constant(0.0), total)
        pixels = emit.far_rows(X_, x0, xstep, vn)
        size = b.mul(T, Q)
        with cgutils.for_range(b, T) as outer:
            tap = b.load(b.gep(taps_, [outer.index]))
            bases = [(b.gep(row, [tap]), offset) for row, offset in pixels]
            weights = [b.add(b.mul(outer.index, Q), b.mul(size, _I64(k))) for k in range(kn)]
            with cgutils.for_range_slice(b, _I64(0), Q, _I64(emit.width), inc=True) as (q, _):
                emit.once()
                own = [emit.load(W_, b.add(weight, q)) for weight in weights]
                for (base, offset), totals in zip(bases, sums, strict=True):
                    value = emit.load(base, b.add(offset, q))
                    for weight, total in zip(own, totals, strict=True):
                        b.store(emit.fma(value, weight, b.load(total)), total)
        every, at, zero = [b.load(total) for totals in sums for total in totals], 0, emit.constant(0.0)
        while at < len(every):
            group = min(emit.width, 1 << (len(every) - at).bit_length() - 1)
            left = b.sub(count, _I64(at))
            mask = emit.mask(b.select(b.icmp_signed("<", left, _I64(group)), left, _I64(group)))
            value = b.fadd(emit.fold(every[at : at + group]), emit.load(start_, _I64(at), mask))
            value = b.select(relu, emit.at_least(value, zero), value)
            emit.store(Y_, b.add(y0, _I64(at)), value, mask)
            at += group
        return context.get_dummy_value()

    return signature, codegen


@kernel
def dot_windows(first, last, channels, plan, places, none, taps, x, w, start, y):
    """A block of result rows of an image a task; start is the bias of every pixel of a tile."""
    p = plan[0]
    C, Ho, Wo, span, T, Q, block, relu = p.C, p.Ho, p.Wo, p.span, p.T, p.Q, p.block, p.relu != 0
    K = channels.ndim
    V = len(start) // K
    work = scratch(((block + p.reach) * span + V) * C + Q, x)  # a tile's last pixels may lie beyond the last row
    for task in range(first, last):
        n = task // p.blocks
        h = (task - n * p.blocks) * block
        count = min(block, Ho - h)
        copy_rows(x, work, 0, n, h + p.top, p.reach - 1, plan)
        for i in range(count):
            row = h + p.top + i + p.reach - 1
            copy_rows(x, work, (i + p.reach - 1) * span * C, n, row, 1, plan)
            for j in range(0, Wo, V):
                prefetch(x, ((n * p.H + row + 1) * p.W + j) * C, V * C)  # of the row that is copied next
                o = ((n * Ho + h + i) * Wo + j) * K
                dot_tile(
                    channels, work, (i * span + j) * C, C, taps, T, Q, w, start, relu, y, o, min(V, Wo - j) * K
                )  # fmt: skip


def suits(itemsize: int, w_shape: tuple[int, ...], Q: int) -> bool:
    """Whether a window (K, C, R, S), whose runs are of Q values, has whole vectors, and enough of them."""
    K, C, R, S = w_shape
    lanes = LANES * 4 // itemsize
    return K in VECTORS and Q % lanes == 0 and C * R * S >= LEAST * lanes


def convolve(
    x: np.ndarray, shape: tuple[int, int, int, int], w: np.ndarray, bias: Any, relu: bool, y: np.ndarray,
    out: tuple[int, int, int], start: Pair, taps: tuple[Pair, ...], Q: int,
) -> None:  # fmt: skip
    """y (N, Ho, Wo, K) = bias + the convolution of x, whose first window stands at `start`, with w (K, C, R, S).

    x and y are flat, x of shape (N, C, H, W) with channels last; taps are the places of a window's runs of Q values.
    """
    K, Ho, Wo = w.shape[0], *out[:2]
    way = plan_pass(shape, (Ho, Wo), (1, 1), start, taps, Q, out, ((1, 0), (1, 0)), 1, x.itemsize, relu)
    weights = aligned(w.size, x.dtype)
    weights.reshape(K, *w.shape[2:], -1)[...] = w.transpose(0, 2, 3, 1)
    first = np.empty((VECTORS[K], K), x.dtype)
    first[...] = bias
    tasks = shape[0] * int(way.numbers["blocks"])
    run(dot_windows, tasks, y.size * w.size // K > SERIAL, CHANNELS[K], *way, x, weights, first.reshape(-1), y)
