"""Convolution of stride 1 to few result channels: vectors run along the pixels of a row instead of the channels.

With 6 result channels a vector along them would be mostly empty. Here a block of source rows is copied, with its zero
border, into one plane a channel, where 16 neighbouring pixels are a vector whatever the number of channels, and each
weight is a broadcast. The sums of a tile are transposed into the channels-last result. For the weight gradient, planes
of the source are multiplied by planes of the result's gradient, vector by vector.

Letters: N images; H, W source rows and columns; C source channels; K result channels; R, S window rows and columns;
T = C*R*S values of a window; V vectors of a tile. Arrays are flat.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from autograd.kernels.compile import kernel
from autograd.kernels.conv_direct import BLOCK, PLAN, SERIAL, run
from autograd.kernels.conv_simd import clear, copy, prefetch, scratch
from autograd.kernels.simd import LANES, _Emit, load, total, transpose_tile

# Vectors of a tile by its result channels: the sums fill the register file.
VECTORS = {k: min(8, (24 if LANES == 16 else 12) // k) for k in (1, 2, 3, 4, 6, 8)}
# What a kernel is told its tile's channels with: an array of so many dimensions.
CHANNELS = {k: np.zeros((1,) * k, np.int8) for k in VECTORS}

SUMS = 1 << 16  # values of the weight gradient's sums, a vector each, that stay in cache
LONG = 64  # vectors of images that the weight gradient takes together
PIECES = 16  # into which the weight gradient's sum is cut if it can be

_INT = types.intp
_I64 = ir.IntType(64)


@intrinsic
def plane_tile(tyctx, channels, X, places, v0, taps, T, W, start, relu, Y):  # type: ignore[no-untyped-def]
    """Y[k, v, lane] = start[k] + sum over t < T of W[t, k] * X[places[v0 + v] + taps[t] + lane].

    For k < channels.ndim and v < VECTORS[channels.ndim]; `relu` clips below at zero.
    """
    kn = channels.ndim
    vn = VECTORS[kn]
    signature = types.void(channels, X, places, _INT, taps, _INT, W, start, types.boolean, Y)

    def codegen(context, b, sig, args):  # type: ignore[no-untyped-def]
        emit = _Emit(context, b, X.dtype)
        X_, places_, taps_, W_, start_, Y_ = (emit.data(sig.args[i], args[i]) for i in (1, 2, 4, 6, 7, 9))
        v0, T, relu = args[3], args[5], args[8]
        base = [b.gep(X_, [b.load(b.gep(places_, [b.add(v0, _I64(v))]))]) for v in range(vn)]
        sums = [[cgutils.alloca_once(b, emit.type) for _ in range(vn)] for _ in range(kn)]
        for k in range(kn):
            first = emit.splat(b.load(b.gep(start_, [_I64(k)])))
            for place in sums[k]:
                b.store(first, place)
        with cgutils.for_range(b, T) as loop:
            emit.once()
            tap = b.load(b.gep(taps_, [loop.index]))
            pixels = [emit.load(row, tap) for row in base]
            w = b.mul(loop.index, _I64(kn))
            for k in range(kn):
                value = emit.splat(b.load(b.gep(W_, [b.add(w, _I64(k))])))
                for v in range(vn):
                    b.store(emit.fma(value, pixels[v], b.load(sums[k][v])), sums[k][v])
        zero = emit.constant(0.0)
        for k in range(kn):
            for v in range(vn):
                value = b.load(sums[k][v])
                value = b.select(relu, emit.at_least(value, zero), value)
                emit.store(Y_, _I64((k * vn + v) * emit.width), value)
        return context.get_dummy_value()

    return signature, codegen


@intrinsic
def plane_sums(tyctx, channels, G, g0, gstep, X, places, count, taps, t0, Y, y0):  # type: ignore[no-untyped-def]
    """Y[y0 + t, k, lane] += sum over i < count of G[g0 + k*gstep + i*lanes + lane] * X[places[i] + taps[t0 + t] + lane].

    For k < channels.ndim and t < VECTORS[channels.ndim]; y0 is in elements.
    """
    kn = channels.ndim
    tn = VECTORS[kn]
    signature = types.void(channels, G, _INT, _INT, X, places, _INT, taps, _INT, Y, _INT)

    def codegen(context, b, sig, args):  # type: ignore[no-untyped-def]
        emit = _Emit(context, b, X.dtype)
        G_, X_, places_, taps_, Y_ = (emit.data(sig.args[i], args[i]) for i in (1, 4, 5, 7, 9))
        g0, gstep, count, t0, y0 = args[2], args[3], args[6], args[8], args[10]
        shifts = [b.load(b.gep(taps_, [b.add(t0, _I64(t))])) for t in range(tn)]
        rows = emit.rows(g0, gstep, kn)
        cells = [(t, k, b.add(y0, _I64((t * kn + k) * emit.width))) for t in range(tn) for k in range(kn)]
        sums = {}
        for t, k, place in cells:
            sums[t, k] = cgutils.alloca_once(b, emit.type)
            b.store(emit.load(Y_, place), sums[t, k])
        with cgutils.for_range(b, count) as loop:
            emit.once()
            i = b.mul(loop.index, _I64(emit.width))
            x0 = b.load(b.gep(places_, [loop.index]))
            pixels = [emit.load(X_, b.add(x0, shift)) for shift in shifts]
            for k in range(kn):
                gradient = emit.load(G_, b.add(rows[k], i))
                for t in range(tn):
                    b.store(emit.fma(gradient, pixels[t], b.load(sums[t, k])), sums[t, k])
        for t, k, place in cells:
            emit.store(Y_, place, b.load(sums[t, k]))
        return context.get_dummy_value()

    return signature, codegen


@kernel
def planes(x, n, C, H, W, row0, rows, left, span, reach, planar, out, to):
    """out[c, to + r, i] = x[n, c, row0 + r, left + i] for r < rows, i < span; zero outside the image.

    A plane is `reach` rows; x is (N, C, H, W) where `planar` is set, else (N, H, W, C).
    """
    lanes = LANES * 4 // x.itemsize
    first = min(max(-left, 0), span)
    last = max(first, min(W - left, span))
    for r in range(rows):
        h = row0 + r
        inside = 0 <= h < H
        for c in range(C):
            o = (c * reach + to + r) * span
            if not inside:
                clear(out, o, span)
                continue
            clear(out, o, first)
            clear(out, o + last, span - last)
            if planar:
                copy(x, ((n * C + c) * H + h) * W + left + first, out, o + first, last - first)
        if inside and not planar:
            for i in range(first, last, lanes):
                a = ((n * H + h) * W + left + i) * C
                prefetch(x, a + 4 * lanes * C, lanes * C)
                for c in range(0, C, lanes):
                    o = (c * reach + to + r) * span + i
                    transpose_tile(x, a + c, C, out, o, reach * span, min(lanes, last - i), min(lanes, C - c))


@kernel
def few_channels(first, last, channels, plan, places, pixels, taps, x, w, start, y):
    """A block of result rows of an image a task. pixels[0] are the result pixels of the vectors, [1] how many of each."""
    p = plan[0]
    K, Wo, block, relu = p.K, p.Wo, p.block, p.relu != 0
    lanes = LANES * 4 // x.itemsize
    V, across = p.M, (Wo + lanes - 1) // lanes
    work, sums = scratch(p.C * p.reach * p.span, x), scratch(channels.ndim * V * lanes, x)
    for task in range(first, last):
        n = task // p.blocks
        h = (task - n * p.blocks) * block
        count = min(block, p.Ho - h)
        planes(
            x, n, p.C, p.H, p.W, h + p.top, count + p.rows - 1, p.left, p.span, p.reach, p.planar != 0, work, 0
        )  # fmt: skip
        out = (n * p.Ho + h) * Wo
        for v0 in range(0, count * across, V):
            plane_tile(channels, work, places, v0, taps, p.T, w, start, relu, sums)
            for v in range(min(V, count * across - v0)):
                o = (out + pixels[v0 + v]) * K
                i = (v0 + v) % across * lanes
                transpose_tile(sums, v * lanes, V * lanes, y, o, K, K, min(lanes, Wo - i))


@kernel
def few_sums(first, last, channels, plan, places, pixels, taps, x, g, none, sums):
    """sums[piece, k, t]: the weight gradient's sum over one piece of the blocks a task; g is (N, Ho, Wo, K)."""
    p = plan[0]
    C, K, T, Ho, Wo, block, V = p.C, p.K, p.T, p.Ho, p.Wo, p.block, p.M
    lanes, kn = LANES * 4 // x.itemsize, channels.ndim
    across, groups, tiles = (Wo + lanes - 1) // lanes, (K + kn - 1) // kn, (T + V - 1) // V
    plane = p.images * block * across * lanes
    work, right = scratch(C * p.reach * p.span, x), scratch(groups * kn * plane, x)
    lines = scratch(groups * tiles * V * kn * lanes, x)
    right[:] = 0
    units = (p.N + p.images - 1) // p.images * p.blocks
    for piece in range(first, last):
        lines[:] = 0
        for unit in range(piece * units // p.pieces, (piece + 1) * units // p.pieces):
            n = unit // p.blocks * p.images
            h = unit % p.blocks * block
            images, count = min(p.images, p.N - n), min(block, Ho - h)
            for i in range(images):
                planes(
                    x, n + i, C, p.H, p.W, h + p.top, count + p.rows - 1, p.left, p.span, p.reach, p.planar != 0, work,
                    i * p.reach // p.images,
                )  # fmt: skip
                planes(g, n + i, K, Ho, Wo, h, count, 0, across * lanes, p.images * block, False, right, i * block)
            count *= images
            for group in range(groups):
                for tile in range(tiles):
                    plane_sums(
                        channels, right, group * kn * plane, plane, work, places, count * across, taps, tile * V, lines,
                        (group * tiles + tile) * V * kn * lanes,
                    )  # fmt: skip
        for k in range(K):
            for t in range(T):
                line = (k // kn * tiles * V + t) * kn + k % kn
                sums[(piece * K + k) * T + t] = total(load(lines, line * lanes))


@lru_cache(maxsize=1024)
def _plan(
    shape: tuple[int, int, int, int], out: tuple[int, int, int], start: tuple[int, int], window: tuple[int, int],
    dilation: tuple[int, int], planar: bool, relu: bool, itemsize: int, summed: bool = False,
) -> Any:  # fmt: skip
    """The plan of `convolve` (`weight` if `summed`) and its tables: where vectors of a block read and write, the taps."""
    (N, C, H, W), (Ho, Wo, K), (R, S) = shape, out, window
    lanes = LANES * 4 // itemsize
    channels = min((k for k in VECTORS if k >= K), default=8)
    V, across, rows = VECTORS[channels], -(-Wo // lanes), dilation[0] * (R - 1) + 1
    span = across * lanes + dilation[1] * (S - 1)
    held = C * span + (K * across * lanes if summed else 0)
    block = max(1, min(Ho, BLOCK // held - rows + 1, -(-N * Ho // 4)))
    blocks = -(-Ho // block)
    block = -(-Ho // blocks)
    images = max(1, min(N, LONG // (block * across))) if summed and blocks == 1 else 1
    reach = images * (block + rows - 1)
    plan = np.zeros(1, PLAN)
    values = dict(
        N=N, C=C, H=H, W=W, Ho=Ho, Wo=Wo, K=K, top=start[0], left=start[1], span=span, reach=reach, rows=rows,
        block=block, blocks=blocks, pieces=min(PIECES, -(-N // images) * blocks), images=images, T=C * R * S, M=V,
        planar=planar, relu=relu,
    )  # fmt: skip
    for name, value in values.items():
        plan[name] = value
    vectors = np.arange(-(-images * block * across // V) * V).clip(
        max=images * block * across - 1
    )  # the last one again
    row, column = vectors // across, vectors % across * lanes
    source = row // block * (reach // images) + row % block
    c, r, s = np.ogrid[:C, :R, :S]
    taps = ((c * reach + r * dilation[0]) * span + s * dilation[1]).reshape(-1)
    taps = np.append(taps, np.repeat(taps[-1:], -taps.size % V))
    return channels, (plan, source * span + column, row * Wo + column, taps)


def suits(itemsize: int, K: int, stride: Any, groups: int) -> bool:
    """Whether the result's channels would leave most of a vector empty."""
    return K <= min(8, LANES * 2 // itemsize) and stride == (1, 1) and groups == 1


def convolve(
    x: np.ndarray, shape: tuple[int, int, int, int], planar: bool, w: np.ndarray, bias: Any, relu: bool,
    y: np.ndarray, out: tuple[int, int, int], start: tuple[int, int], dilation: tuple[int, int],
) -> None:  # fmt: skip
    """y (N, Ho, Wo, K) = bias + the convolution of x, whose first window stands at `start`, with w (K, C, R, S).

    x and y are flat; x is (N, C, H, W), given by `shape`, or, unless `planar`, (N, H, W, C).
    """
    K, _, R, S = w.shape
    channels, way = _plan(shape, out, start, (R, S), dilation, planar, relu, x.itemsize)
    p = way[0][0]
    weights, first = np.zeros((int(p["T"]), channels), x.dtype), np.zeros(channels, x.dtype)
    weights[:, :K], first[:K] = w.reshape(K, -1).T, bias
    parallel = y.size * int(p["T"]) > SERIAL
    run(few_channels, shape[0] * int(p["blocks"]), parallel, CHANNELS[channels], *way, x, weights.reshape(-1), first, y)


def suits_weight(itemsize: int, w_shape: tuple[int, ...], columns: int, stride: Any, groups: int) -> bool:
    """Whether the weight gradient is best summed along the pixels."""
    K, C, R, S = w_shape
    lanes = LANES * 4 // itemsize
    if stride != (1, 1) or groups != 1 or K * C * R * S * lanes > SUMS:
        return False
    # 16 registers hold the sums of few channels only
    return K <= lanes // 2 and (LANES == 16 or columns >= lanes)


def weight(
    g: np.ndarray, x: np.ndarray, shape: tuple[int, int, int, int], planar: bool, w_shape: tuple[int, int, int, int],
    out: tuple[int, int, int], start: tuple[int, int], dilation: tuple[int, int],
) -> np.ndarray:  # fmt: skip
    """The gradient (K, C, R, S) of `convolve` for its weights; g (N, Ho, Wo, K) and x, as there, are flat."""
    K, _, R, S = w_shape
    channels, way = _plan(shape, out, start, (R, S), dilation, planar, False, x.itemsize, True)
    p = way[0][0]
    pieces, T = int(p["pieces"]), int(p["T"])
    sums = np.empty(pieces * K * T, x.dtype)
    run(few_sums, pieces, g.size * T > SERIAL, CHANNELS[channels], *way, x, g, g, sums)
    return sums.reshape(pieces, *w_shape).sum(axis=0)
