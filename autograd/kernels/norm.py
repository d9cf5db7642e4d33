"""Batch and layer normalisation, forward and backward, with a fused residual sum and ReLU.

Batch norm: Ioffe and Szegedy, https://arxiv.org/abs/1502.03167. Layer norm: Ba et al., https://arxiv.org/abs/1607.06450.
Moments are taken about the first row of each short block and the blocks merged in fixed order in float64 (Chan,
Golub, LeVeque 1979), so a large mean costs no accuracy and the bits do not depend on the number of threads.
"""

from __future__ import annotations

import numpy as np
from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from .buffer import flat
from .compile import kernel
from .pool import channels_first, channels_last
from .simd import LANES, _Emit, broadcast, fma, load, load_first, store, store_first
from .threads import run
from .view import part

GATE = 1 << 14  # elements below which a parallel launch costs more than it saves
BLOCK = 32  # rows summed in the array's own precision before they join a float64 total
PIECES = 64  # partial sums at most


# Which values a ReLU let through is kept as bits, for a thirty-second of the memory that its output would take to be read
# again: a bit a lane, whole bytes a vector.


@intrinsic
def _passed(tyctx, g, mask, i, at, count):  # type: ignore[no-untyped-def]
    """g, and 0 where a ReLU let nothing through; NaN lets g through, as in torch.

    mask: the ReLU's outputs, `count` of them from i on; or bits, uint8, from byte `at` on.
    """

    def codegen(context, b, sig, args):  # type: ignore[no-untyped-def]
        emit, (v, array, i, at, count) = _Emit(context, b, g.dtype), args
        zero = emit.constant(0.0)
        if mask.dtype == types.uint8:
            word = ir.IntType(max(8, emit.width))
            bits = b.load(b.bitcast(b.gep(emit.data(mask, array), [at]), word.as_pointer()), align=1)
            bits = b.trunc(bits, ir.IntType(emit.width)) if emit.width < 8 else bits
            return b.select(b.bitcast(bits, ir.VectorType(ir.IntType(1), emit.width)), v, zero)
        y = emit.load(emit.data(mask, array), i, emit.mask(count))
        return b.select(b.fcmp_ordered("<=", y, zero), zero, v)

    return g(g, mask, types.intp, types.intp, types.intp), codegen


@intrinsic
def _positive(tyctx, v):  # type: ignore[no-untyped-def]
    """v, and 0 where it is 0 or less."""

    def codegen(context, b, sig, args):  # type: ignore[no-untyped-def]
        zero = _Emit(context, b, v.dtype).constant(0.0)
        return b.select(b.fcmp_ordered("<=", args[0], zero), zero, args[0])

    return v(v), codegen


@intrinsic
def _clipped(tyctx, v, bits, at):  # type: ignore[no-untyped-def]
    """v, and 0 where it is 0 or less; which it is goes into bits from byte `at` on."""

    def codegen(context, b, sig, args):  # type: ignore[no-untyped-def]
        emit, (value, array, at) = _Emit(context, b, v.dtype), args
        zero, word = emit.constant(0.0), ir.IntType(max(8, emit.width))
        passes = b.fcmp_unordered(">", value, zero)
        signs = b.bitcast(passes, ir.IntType(emit.width))
        signs = b.zext(signs, word) if emit.width < 8 else signs
        b.store(signs, b.bitcast(b.gep(emit.data(bits, array), [at]), word.as_pointer()), align=1)
        return b.select(passes, value, zero)

    return v(v, bits, types.intp), codegen


@kernel
def _bytes(C, itemsize):
    """Bytes of bits of a vector, and of a row of C values."""
    lanes = LANES * 4 // itemsize
    each = max(1, lanes // 8)
    return each, (C + lanes - 1) // lanes * each


NO_BITS = np.zeros(1, np.uint8)[:0]


# M rows (batch and space together), C channels, flat C-contiguous (M, C) arrays; piece k owns the rows from k·step on,
# and its partial is row k of `sums`, float64 (pieces, 2C).


@kernel(fastmath={"contract"})
def _moments_piece(k0, k1, x, sums, C, M, step):
    """Mean and sum of squared deviations of each channel over the rows of each piece."""
    for k in range(k0, k1):
        r0, r1 = k * step, min(M, (k + 1) * step)
        mean, square = part(sums, 2 * k * C, (2 * k + 1) * C), part(sums, (2 * k + 1) * C, (2 * k + 2) * C)
        s, q = np.empty(C, x.dtype), np.empty(C, x.dtype)
        mean[:] = 0
        square[:] = 0
        for b in range(r0, r1, BLOCK):
            e = min(b + BLOCK, r1)
            first = part(x, b * C, (b + 1) * C)
            s[:] = 0
            q[:] = 0
            r = b + 1
            while r + 3 < e:
                x0, x1 = part(x, r * C, (r + 1) * C), part(x, (r + 1) * C, (r + 2) * C)
                x2, x3 = part(x, (r + 2) * C, (r + 3) * C), part(x, (r + 3) * C, (r + 4) * C)
                for c in range(C):
                    d0, d1, d2, d3 = x0[c] - first[c], x1[c] - first[c], x2[c] - first[c], x3[c] - first[c]
                    s[c] += (d0 + d1) + (d2 + d3)
                    q[c] += (d0 * d0 + d1 * d1) + (d2 * d2 + d3 * d3)
                r += 4
            while r < e:
                x0 = part(x, r * C, (r + 1) * C)
                for c in range(C):
                    d0 = x0[c] - first[c]
                    s[c] += d0
                    q[c] += d0 * d0
                r += 1
            n, before = float(e - b), float(b - r0)
            for c in range(C):
                m = s[c] / n
                apart = first[c] + m - mean[c]
                mean[c] += apart * (n / (before + n))
                square[c] += max(q[c] - s[c] * m, 0.0) + apart * apart * (before * n / (before + n))


@kernel
def _moments_merge(sums, mean, var, rstd, C, M, step, eps):
    m, q = np.zeros(C), np.zeros(C)
    before = 0.0
    for k in range((M + step - 1) // step):
        n = float(min(M, (k + 1) * step) - k * step)
        share, weight = n / (before + n), before * n / (before + n)
        means, squares = part(sums, 2 * k * C, (2 * k + 1) * C), part(sums, (2 * k + 1) * C, (2 * k + 2) * C)
        for c in range(C):
            apart = means[c] - m[c]
            m[c] += apart * share
            q[c] += squares[c] + apart * apart * weight
        before += n
    for c in range(C):
        mean[c] = m[c]
        var[c] = q[c] / M
        rstd[c] = 1 / np.sqrt(q[c] / M + eps)


@kernel
def _apply_piece(k0, k1, x, y, residual, mean, scale, bias, relu, bits, C, M, step):
    """y = (x - mean) scale + bias (+ residual), and 0 for what is not positive where relu; bits (if there are) say where."""
    lanes, add, tell = LANES * 4 // x.itemsize, residual.size > 0, bits.size > 0
    each, row = _bytes(C, x.itemsize)
    for r in range(k0 * step, min(M, k1 * step)):
        for c in range(0, C - lanes + 1, lanes):
            i = r * C + c
            v = fma(load(x, i) - load(mean, c), load(scale, c), load(bias, c))
            if add:
                v = v + load(residual, i)
            if tell:
                v = _clipped(v, bits, r * row + c // lanes * each)
            elif relu:
                v = _positive(v)
            store(y, i, v)
        c = C // lanes * lanes
        if c < C:
            i, n = r * C + c, C - c
            v = fma(load_first(x, i, n) - load_first(mean, c, n), load_first(scale, c, n), load_first(bias, c, n))
            if add:
                v = v + load_first(residual, i, n)
            if tell:
                v = _clipped(v, bits, r * row + c // lanes * each)
            elif relu:
                v = _positive(v)
            store_first(y, i, v, n)


@kernel
def _apply_planes(first, last, x, y, residual, mean, scale, bias, relu, C, S, R, step):
    """`_apply_piece` for R planes of S values in C order, a channel each: `step` planes a task."""
    lanes, add = LANES * 4 // x.itemsize, residual.size > 0
    for r in range(first * step, min(R, last * step)):
        c = r % C
        less, times, plus = broadcast(x, mean[c]), broadcast(x, scale[c]), broadcast(x, bias[c])
        for s in range(0, S - lanes + 1, lanes):
            v = fma(load(x, r * S + s) - less, times, plus)
            if add:
                v = v + load(residual, r * S + s)
            if relu:
                v = _positive(v)
            store(y, r * S + s, v)
        s = S // lanes * lanes
        if s < S:
            v = fma(load_first(x, r * S + s, S - s) - less, times, plus)
            if add:
                v = v + load_first(residual, r * S + s, S - s)
            if relu:
                v = _positive(v)
            store_first(y, r * S + s, v, S - s)


@kernel
def _sums_piece(k0, k1, g, apart, x, mask, mean, sums, C, M, step):
    """Sums over rows of g and of g (x - mean), g taken as 0 where the mask (if given) lets nothing through."""
    lanes, masked = LANES * 4 // x.itemsize, mask.size > 0
    each, row = _bytes(C, x.itemsize)
    for k in range(k0, k1):
        r0, r1 = k * step, min(M, (k + 1) * step)
        total, product = part(sums, 2 * k * C, (2 * k + 1) * C), part(sums, (2 * k + 1) * C, (2 * k + 2) * C)
        s, q = np.empty(C + lanes, x.dtype), np.empty(C + lanes, x.dtype)
        total[:] = 0
        product[:] = 0
        for b in range(r0, r1, BLOCK):
            e = min(b + BLOCK, r1)
            wide = C // (4 * lanes) * 4 * lanes
            for c in range(0, wide, 4 * lanes):  # sums in registers
                s0 = s1 = s2 = s3 = q0 = q1 = q2 = q3 = broadcast(x, 0)
                for r in range(b, e):
                    i, j, at = r * C + c, r * apart + c, r * row + c // lanes * each
                    v0, v1, v2, v3 = load(g, j), load(g, j + lanes), load(g, j + 2 * lanes), load(g, j + 3 * lanes)
                    if masked:
                        v0 = _passed(v0, mask, i, at, lanes)
                        v1 = _passed(v1, mask, i + lanes, at + each, lanes)
                        v2 = _passed(v2, mask, i + 2 * lanes, at + 2 * each, lanes)
                        v3 = _passed(v3, mask, i + 3 * lanes, at + 3 * each, lanes)
                    s0, s1, s2, s3 = s0 + v0, s1 + v1, s2 + v2, s3 + v3
                    q0 = fma(v0, load(x, i) - load(mean, c), q0)
                    q1 = fma(v1, load(x, i + lanes) - load(mean, c + lanes), q1)
                    q2 = fma(v2, load(x, i + 2 * lanes) - load(mean, c + 2 * lanes), q2)
                    q3 = fma(v3, load(x, i + 3 * lanes) - load(mean, c + 3 * lanes), q3)
                store(s, c, s0)
                store(s, c + lanes, s1)
                store(s, c + 2 * lanes, s2)
                store(s, c + 3 * lanes, s3)
                store(q, c, q0)
                store(q, c + lanes, q1)
                store(q, c + 2 * lanes, q2)
                store(q, c + 3 * lanes, q3)
            for c in range(wide, C, lanes):
                s0 = q0 = broadcast(x, 0)
                n = C - c
                for r in range(b, e):
                    i = r * C + c
                    v0 = load_first(g, r * apart + c, n)
                    if masked:
                        v0 = _passed(v0, mask, i, r * row + c // lanes * each, n)
                    s0 = s0 + v0
                    q0 = fma(v0, load_first(x, i, n) - load_first(mean, c, n), q0)
                store(s, c, s0)
                store(q, c, q0)
            for c in range(C):
                total[c] += s[c]
                product[c] += q[c]


@kernel
def _sums_merge(sums, rstd, weight, gw, gb, scale, slope, shift, C, M, pieces):
    """gw, gb, and the coefficients of gx = scale g + slope (mean - x) + shift."""
    s, q = np.zeros(C), np.zeros(C)
    for k in range(pieces):
        totals, products = part(sums, 2 * k * C, (2 * k + 1) * C), part(sums, (2 * k + 1) * C, (2 * k + 2) * C)
        for c in range(C):
            s[c] += totals[c]
            q[c] += products[c]
    for c in range(C):
        gb[c] = s[c]
        gw[c] = q[c] * rstd[c]
        a = np.float64(rstd[c]) * (weight[c] if weight.size else 1.0)
        scale[c] = a
        slope[c] = a * q[c] * rstd[c] * rstd[c] / M
        shift[c] = -a * s[c] / M


@kernel
def _input_piece(k0, k1, g, apart, x, mask, gx, mean, scale, slope, shift, C, M, step):
    """gx = scale g + slope (mean - x) + shift; scale g alone where x is empty. g and mask as in `_sums_piece`."""
    lanes, masked, centred = LANES * 4 // gx.itemsize, mask.size > 0, x.size > 0
    each, row = _bytes(C, gx.itemsize)
    for r in range(k0 * step, min(M, k1 * step)):
        for c in range(0, C - lanes + 1, lanes):
            i = r * C + c
            v = load(g, r * apart + c)
            if masked:
                v = _passed(v, mask, i, r * row + c // lanes * each, lanes)
            if centred:
                v = fma(load(scale, c), v, fma(load(slope, c), load(mean, c) - load(x, i), load(shift, c)))
            else:
                v = load(scale, c) * v
            store(gx, i, v)
        c = C // lanes * lanes
        if c < C:
            i, n = r * C + c, C - c
            v, a = load_first(g, r * apart + c, n), load_first(scale, c, n)
            if masked:
                v = _passed(v, mask, i, r * row + c // lanes * each, n)
            if centred:
                less = load_first(mean, c, n) - load_first(x, i, n)
                v = fma(a, v, fma(load_first(slope, c, n), less, load_first(shift, c, n)))
            else:
                v = a * v
            store_first(gx, i, v, n)


def _rows_a_piece(M: int, C: int) -> int:
    """Whole blocks, so that pieces and blocks depend on the shape alone."""
    rows = max(-(-M // PIECES), GATE // 2 // max(C, 1), 1)
    return -(-rows // BLOCK) * BLOCK


def _rows(x: np.ndarray) -> tuple[np.ndarray, int]:
    """x (N, C, *space) as rows of C contiguous values, flat from its first value on, and how far the rows lie apart.

    That is x's own memory where it can be, also of some channels of a channels-last array; else a copy.
    """
    moved = x.transpose(0, *range(2, x.ndim), 1)
    sizes, strides = moved.shape, moved.strides
    even = all(strides[i] == strides[i + 1] * sizes[i + 1] for i in range(x.ndim - 2))
    if even and strides[-1] == x.itemsize and strides[-2] % x.itemsize == 0 < strides[-2] and x.size:
        return flat(moved)[0], strides[-2] // x.itemsize
    return channels_last(x).reshape(-1), x.shape[1]


def _flat(x: np.ndarray | None, dtype: np.dtype) -> np.ndarray:
    return np.empty(0, dtype) if x is None else channels_last(x).reshape(-1)


def _channel(v: np.ndarray | None, C: int, default: float, dtype: np.dtype) -> np.ndarray:
    return np.full(C, default, dtype) if v is None else np.ascontiguousarray(v, dtype)


def _apply(
    last: np.ndarray,
    mean: np.ndarray,
    scale: np.ndarray,
    bias: np.ndarray | None,
    relu: bool,
    residual: np.ndarray | None,
    bits: np.ndarray,
) -> np.ndarray:
    C = last.shape[-1]
    y = np.empty(last.shape, last.dtype)
    arrays = last.reshape(-1), y.reshape(-1), _flat(residual, last.dtype), mean, scale
    bias, M = _channel(bias, C, 0, last.dtype), last.size // max(C, 1)
    step = _rows_a_piece(M, C)
    run(_apply_piece, last.dtype, -(-M // step), last.size >= GATE, *arrays, bias, relu, bits, C, M, step)
    return channels_first(y)


def batch_norm_train(
    x: np.ndarray,
    weight: np.ndarray | None,
    bias: np.ndarray | None,
    eps: float,
    relu: bool = False,
    residual: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """x (N, C, *space) normalised by each channel's moments over batch and space: y, mean, biased variance, 1/std, bits.

    y = (x - mean) / sqrt(var + eps) * weight + bias, then `residual` (of x's shape) is added, then ReLU taken if asked.
    y has channels-last memory; the next three are (C,); the bits, uint8, say what the ReLU let through, none without it.
    x must hold at least one value a channel.
    """
    last = channels_last(x)
    C = last.shape[-1]
    M = last.size // max(C, 1)
    step = _rows_a_piece(M, C)
    mean, var, rstd = np.empty((3, C), x.dtype)
    sums = np.empty(-(-M // step) * 2 * C, np.float64)
    run(_moments_piece, x.dtype, -(-M // step), last.size >= GATE, last.reshape(-1), sums, C, M, step)
    _moments_merge(sums, mean, var, rstd, C, M, step, eps)
    scale = rstd if weight is None else rstd * weight
    bits = np.empty(M * _bytes.py_func(C, x.itemsize)[1], np.uint8) if relu else NO_BITS
    return _apply(last, mean, scale, bias, relu, residual, bits), mean, var, rstd, bits


def batch_norm_eval(
    x: np.ndarray,
    weight: np.ndarray | None,
    bias: np.ndarray | None,
    mean: np.ndarray,
    var: np.ndarray,
    eps: float,
    relu: bool = False,
    residual: np.ndarray | None = None,
) -> np.ndarray:
    """`batch_norm_train` with given moments (C,) in place of the batch's; planes in C order stay so."""
    scale = 1 / np.sqrt(var.astype(np.float64) + eps)
    if weight is not None:
        scale *= weight
    mean, scale = np.ascontiguousarray(mean, x.dtype), scale.astype(x.dtype)
    C, S = x.shape[1], x.size // max(x.shape[0] * x.shape[1], 1)
    if S >= LANES and x.flags.carray and (residual is None or residual.flags.carray):
        y, none = np.empty_like(x), np.empty(0, x.dtype)
        arrays = x.reshape(-1), y.reshape(-1), none if residual is None else residual.reshape(-1)
        vectors = mean, scale, _channel(bias, C, 0, x.dtype)
        rows, step = x.size // S, max(1, GATE // 2 // S)
        run(_apply_planes, x.dtype, -(-rows // step), x.size >= GATE, *arrays, *vectors, relu, C, S, rows, step)
        return y
    return _apply(channels_last(x), mean, scale, bias, relu, residual, NO_BITS)


def batch_norm_backward(
    g: np.ndarray,
    x: np.ndarray,
    weight: np.ndarray | None,
    mean: np.ndarray,
    rstd: np.ndarray,
    train: bool,
    needed: tuple[bool, bool, bool] = (True, True, True),
    mask: np.ndarray | None = None,
) -> tuple[np.ndarray | None, np.ndarray | None, np.ndarray | None]:
    """Gradients of batch norm in x, weight and bias; None where not needed.

    train: mean and rstd came from x itself. mask: what a ReLU behind it let through: the ReLU's output, or `bits` of
    `batch_norm_train`.
    """
    last = channels_last(x)
    C = last.shape[-1]
    M = last.size // max(C, 1)
    step = _rows_a_piece(M, C)
    xf, (gf, apart) = last.reshape(-1), _rows(g)
    mask = mask if mask is not None and mask.dtype == np.uint8 else _flat(mask, x.dtype)
    key = x.dtype, mask.dtype
    mean, rstd = np.ascontiguousarray(mean, x.dtype), np.ascontiguousarray(rstd, x.dtype)
    pieces = -(-M // step) if train or needed[1] or needed[2] else 0
    sums = np.empty(pieces * 2 * C, np.float64)
    run(_sums_piece, key, pieces, last.size >= GATE, gf, apart, xf, mask, mean, sums, C, M, step)
    gw, gb, scale, slope, shift = np.empty((5, C), x.dtype)
    _sums_merge(sums, rstd, _flat(weight, x.dtype), gw, gb, scale, slope, shift, C, M, pieces)
    gx = None
    if needed[0]:
        out = np.empty(last.shape, x.dtype)
        arrays = gf, apart, xf if train else _flat(None, x.dtype), mask, out.reshape(-1), mean, scale, slope, shift
        run(_input_piece, key, -(-M // step), last.size >= GATE, *arrays, C, M, step)
        gx = channels_first(out)
    return gx, gw.copy() if needed[1] else None, gb.copy() if needed[2] else None


# Layer norm: R rows of C values; `sums` holds the rows' sums for weight and bias, one (2C) partial a piece.


@kernel(fastmath={"contract", "reassoc"})
def _layer_piece(k0, k1, x, y, weight, bias, mean, rstd, C, eps, R, step):
    for r in range(k0 * step, min(R, k1 * step)):
        xr, yr = part(x, r * C, (r + 1) * C), part(y, r * C, (r + 1) * C)
        s = x.dtype.type(0)
        for c in range(C):
            s += xr[c]
        m = s / x.dtype.type(C)
        s, q = x.dtype.type(0), x.dtype.type(0)
        for c in range(C):
            d = xr[c] - m
            s += d
            q += d * d
        m += s / x.dtype.type(C)
        a = x.dtype.type(1 / np.sqrt(max(q - s * s / x.dtype.type(C), x.dtype.type(0)) / C + eps))
        mean[r] = m
        rstd[r] = a
        for c in range(C):
            yr[c] = (xr[c] - m) * a * weight[c] + bias[c]


@kernel(fastmath={"contract", "reassoc"})
def _layer_back_piece(k0, k1, g, x, gx, weight, mean, rstd, sums, C, M, step):
    """The rows of gx of each piece, and their sums of the gradients of weight and bias."""
    for k in range(k0, k1):
        r0, r1 = k * step, min(M, (k + 1) * step)
        total, product = part(sums, 2 * k * C, (2 * k + 1) * C), part(sums, (2 * k + 1) * C, (2 * k + 2) * C)
        gb, gw = np.empty(C, x.dtype), np.empty(C, x.dtype)
        total[:] = 0
        product[:] = 0
        for b in range(r0, r1, BLOCK):
            gb[:] = 0
            gw[:] = 0
            for r in range(b, min(b + BLOCK, r1)):
                xr, gr, out, m, a = (
                    part(x, r * C, (r + 1) * C),
                    part(g, r * C, (r + 1) * C),
                    part(gx, r * C, (r + 1) * C),
                    mean[r],
                    rstd[r],
                )
                s, q = x.dtype.type(0), x.dtype.type(0)
                for c in range(
                    C
                ):  # apart: in a loop that also writes, the order of a sum depends on where the arrays lie
                    v = gr[c] * weight[c]
                    s += v
                    q += v * ((xr[c] - m) * a)
                for c in range(C):
                    gb[c] += gr[c]
                    gw[c] += gr[c] * ((xr[c] - m) * a)
                s /= x.dtype.type(C)
                q /= x.dtype.type(C)
                for c in range(C):
                    out[c] = (gr[c] * weight[c] - s - (xr[c] - m) * a * q) * a
            for c in range(C):
                total[c] += gb[c]
                product[c] += gw[c]


def layer_norm(
    x: np.ndarray, weight: np.ndarray | None, bias: np.ndarray | None, eps: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Each row of x (rows, cols) normalised: y (rows, cols), mean and 1/std (rows,); weight and bias are (cols,)."""
    x = np.ascontiguousarray(x)
    R, C = x.shape
    y = np.empty((R, C), x.dtype)
    mean, rstd = np.empty(R, x.dtype), np.empty(R, x.dtype)
    arrays = x.reshape(-1), y.reshape(-1), _channel(weight, C, 1, x.dtype), _channel(bias, C, 0, x.dtype), mean, rstd
    step = _rows_a_piece(R, C)
    run(_layer_piece, x.dtype, -(-R // step), x.size >= GATE, *arrays, C, eps, R, step)
    return y, mean, rstd


def layer_norm_backward(
    g: np.ndarray, x: np.ndarray, weight: np.ndarray | None, mean: np.ndarray, rstd: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Gradients of `layer_norm` in x (rows, cols), weight and bias (cols,)."""
    g, x = np.ascontiguousarray(g), np.ascontiguousarray(x)
    R, C = x.shape
    gx = np.empty((R, C), x.dtype)
    step = _rows_a_piece(R, C)
    pieces = -(-R // step)
    sums = np.zeros(pieces * 2 * C, np.float64)
    arrays = g.reshape(-1), x.reshape(-1), gx.reshape(-1), _channel(weight, C, 1, x.dtype), mean, rstd, sums
    run(_layer_back_piece, x.dtype, pieces, x.size >= GATE, *arrays, C, R, step)
    gb, gw = sums.reshape(pieces, 2, C).sum(0).astype(x.dtype)
    return gx, gw, gb
