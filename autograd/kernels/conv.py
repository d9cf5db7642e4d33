"""Two-dimensional convolution and its two gradients, direct (no im2col), channels last.

With channels last a window's row (S*C values) is contiguous, so a convolution is a matrix product whose rows are found by
an offset table: the tile of `conv_simd` multiplies those rows with packed weights. A block of input rows is first copied
with its zero border where there is padding; otherwise the input is read where it is. The input gradient of stride s is
s*s stride-1 convolutions, one for each phase of the output grid.

Letters: N images; H, W input rows and columns; C input channels; K output channels; R, S window rows and columns;
T taps of a window (each a contiguous run of Q values); G groups; P columns of a weight panel.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numba import prange

from autograd.kernels import winograd
from autograd.kernels.compile import kernel
from autograd.kernels.conv_simd import ROWS, window_tile
from autograd.kernels.simd import LANES

Array = np.ndarray[Any, Any]
Pair = tuple[int, int]
Padding = tuple[Pair, Pair]

BLOCK = 1 << 16  # values of a block of input rows: it stays in the second-level cache
CHUNK = 1 << 13  # values of a chunk of a weight panel: it stays in the first-level cache
SERIAL = 1 << 20  # multiply-adds below which a parallel launch costs more than it gives
SPARSE = 1 << 24  # values of a block's copy above which a convolution is done tap by tap


class Window(NamedTuple):
    """One pass of a window over a source: which values it reads, where its results go, how the work is cut."""

    N: int  # images
    H: int  # source rows, columns, channels
    W: int
    C: int
    Ho: int  # rows and columns of results that this pass makes
    Wo: int
    sh: int  # step of the window
    sw: int
    top: int  # source row and column of the first window's first tap; negative: in the border
    left: int
    span: int  # source columns that one row of windows covers
    reach: int  # source rows that one row of windows covers
    copied: bool  # blocks are copied with their border
    Hd: int  # destination rows, columns, channels
    Wd: int
    K: int
    rstep: int  # results go to every rstep-th row from row0 and every cstep-th column from col0
    row0: int
    cstep: int
    col0: int
    G: int
    T: int
    Q: int
    block: int  # rows of results in a block
    blocks: int
    P: int
    M: int  # rows of the tile


@kernel
def fill(x: Array, out: Array, n: int, row0: int, rows: int, p: Window) -> None:
    """out[r, c] = x[n, row0 + r, p.left + c] for r < rows, c < p.span; zero outside the image."""
    C = p.C
    first = min(max(-p.left, 0), p.span) * C
    last = max(first, min(p.W - p.left, p.span) * C)
    for r in range(rows):
        o, h = r * p.span * C, row0 + r
        inside = 0 <= h < p.H
        i = ((n * p.H + h) * p.W + p.left) * C
        for v in range(first if inside else p.span * C):
            out[o + v] = 0
        if inside:
            for v in range(first, last):
                out[o + v] = x[i + v]
            for v in range(last, p.span * C):
                out[o + v] = 0


@kernel
def source(x: Array, n: int, h: int, rows: int, p: Window, work: Array) -> int:
    """Bring `rows` rows of windows from row h on into `work` if they are to be copied; where their first value stands."""
    if p.copied:
        fill(x, work, n, h * p.sh + p.top, (rows - 1) * p.sh + p.reach, p)
        return 0
    return ((n * p.H + h * p.sh + p.top) * p.W + p.left) * p.C


@kernel
def window_block(
    width: Any, task: int, x: Array, w: Array, bias: Array, y: Array, rows: Array, places: Array, taps: Array,
    p: Window, tc: int, qc: int, relu: bool,
) -> None:  # fmt: skip
    """One block of output rows of one image: every weight panel, in chunks that stay in cache."""
    n = task // p.blocks
    h = (task - n * p.blocks) * p.block
    count = min(p.block, p.Ho - h)
    work = np.empty(((p.block - 1) * p.sh + p.reach) * p.span * p.C if p.copied else 0, x.dtype)
    a = source(x, n, h, count, p, work)
    src = work if p.copied else x
    c = ((n * p.Hd + p.row0 + h * p.rstep) * p.Wd + p.col0) * p.K
    pixels = count * p.Wo
    Cg, Kg = p.C // p.G, p.K // p.G
    panels = -(-Kg // p.P)
    for k in range(p.G * panels):
        g = k // panels
        j = (k - g * panels) * p.P
        for t in range(0, p.T, tc):
            for q in range(0, p.Q, qc):
                b = ((k * p.T + t) * p.Q + q) * p.P
                tn, qn = min(tc, p.T - t), min(qc, p.Q - q)
                end = t + tn == p.T and q + qn == p.Q
                for i in range(0, pixels, p.M):
                    window_tile(
                        width, src, a + g * Cg + q, rows, i, min(p.M, pixels - i), taps, t, tn, qn, 1,
                        w, b, p.P, y, c + g * Kg + j, places, Kg - j, bias, k * p.P, t + q > 0, relu and end,
                    )  # fmt: skip


@kernel
def window_serial(
    width: Any, x: Array, w: Array, bias: Array, y: Array, rows: Array, places: Array, taps: Array,
    p: Window, tc: int, qc: int, relu: bool,
) -> None:  # fmt: skip
    for task in range(p.N * p.blocks):
        window_block(width, np.int64(task), x, w, bias, y, rows, places, taps, p, tc, qc, relu)


@kernel(parallel=True)
def window_parallel(
    width: Any, x: Array, w: Array, bias: Array, y: Array, rows: Array, places: Array, taps: Array,
    p: Window, tc: int, qc: int, relu: bool,
) -> None:  # fmt: skip
    for task in prange(p.N * p.blocks):
        window_block(width, np.int64(task), x, w, bias, y, rows, places, taps, p, tc, qc, relu)


@kernel
def weight_part(
    width: Any, task: int, x: Array, g: Array, sums: Array, rows: Array, places: Array, lines: Array, zeros: Array,
    p: Window, pieces: int,
) -> None:  # fmt: skip
    """One panel of output channels over one piece of the blocks: sums[piece, tap and value, channel]."""
    Cg, Kg = p.C // p.G, p.K // p.G
    panels = -(-Kg // p.P)
    piece = task // (p.G * panels)
    k = task - piece * p.G * panels
    group = k // panels
    j = (k - group * panels) * p.P
    wide = min(p.P, Kg - j)
    work = np.empty(((p.block - 1) * p.sh + p.reach) * p.span * p.C if p.copied else 0, x.dtype)
    src = work if p.copied else x
    panel = np.empty(p.block * p.Wo * p.P, x.dtype)
    units = p.N * p.blocks
    begin, end = piece * units // pieces, (piece + 1) * units // pieces
    M = p.T * p.Q
    for unit in range(begin, end):
        n = unit // p.blocks
        h = (unit - n * p.blocks) * p.block
        count = min(p.block, p.Ho - h)
        a = source(x, n, h, count, p, work)
        first = (n * p.Ho + h) * p.Wo
        for i in range(count * p.Wo):
            o = (first + i) * p.K + group * Kg + j
            for v in range(wide):
                panel[i * p.P + v] = g[o + v]
            for v in range(wide, p.P):
                panel[i * p.P + v] = 0
        for i in range(0, M, p.M):
            window_tile(
                width, src, a + group * Cg, rows, i, min(p.M, M - i), lines, 0, count, p.Wo, p.sw * p.C,
                panel, 0, p.P, sums, piece * M * p.K + group * Kg + j, places, wide, zeros, 0, unit > begin, False,
            )  # fmt: skip


@kernel
def weight_serial(
    width: Any, x: Array, g: Array, sums: Array, rows: Array, places: Array, lines: Array, zeros: Array,
    p: Window, pieces: int, tasks: int,
) -> None:  # fmt: skip
    for task in range(tasks):
        weight_part(width, np.int64(task), x, g, sums, rows, places, lines, zeros, p, pieces)


@kernel(parallel=True)
def weight_parallel(
    width: Any, x: Array, g: Array, sums: Array, rows: Array, places: Array, lines: Array, zeros: Array,
    p: Window, pieces: int, tasks: int,
) -> None:  # fmt: skip
    for task in prange(tasks):
        weight_part(width, np.int64(task), x, g, sums, rows, places, lines, zeros, p, pieces)


def channels_last(x: Array) -> Array:
    """The values of a (N, C, H, W) array as a flat (N, H, W, C) block; a copy unless they already stand so."""
    return _flat(x.transpose(0, 2, 3, 1))


def _flat(w: Array) -> Array:
    flat = np.ascontiguousarray(w).reshape(-1)
    return flat if flat.flags.writeable and flat.flags.aligned else flat.copy()


def empty(shape: tuple[int, ...], dtype: Any) -> tuple[Array, Array]:
    """A new channels-last array of logical shape (N, C, H, W), and its flat block."""
    N, C, H, W = shape
    flat = np.empty(N * H * W * C, dtype)
    return flat.reshape(N, H, W, C).transpose(0, 3, 1, 2), flat


def output_size(size: int, window: int, stride: int, padding: Pair, dilation: int) -> int:
    """Windows along one axis: floor((size + padding - dilation*(window - 1) - 1) / stride) + 1."""
    return (size + sum(padding) - dilation * (window - 1) - 1) // stride + 1


def _width(channels: int, dtype: Any) -> int:
    """Vectors of a tile for that many output channels: as few panels as possible, then as narrow as they can be."""
    vectors = -(-channels // (LANES if dtype == np.float32 else LANES // 2))
    panels = -(-vectors // max(ROWS))
    return -(-vectors // panels)


@lru_cache(maxsize=512)
def _window(
    x_shape: tuple[int, int, int, int], windows: Pair, stride: Pair, start: Pair, taps: tuple[Pair, ...], run: int,
    destination: tuple[int, int, int], places: tuple[Pair, Pair], groups: int, vectors: int, itemsize: int,
) -> tuple[Window, Array, Array, Array]:  # fmt: skip
    """The plan of a pass and its tables: where each pixel of a block reads and writes, where each tap stands."""
    N, C, H, W = x_shape
    (Ho, Wo), (sh, sw), (top, left) = windows, stride, start
    Hd, Wd, K = destination
    (rstep, row0), (cstep, col0) = places
    columns = run * groups // C  # of a tap's run
    reach = max(r for r, _ in taps) + 1
    span = (Wo - 1) * sw + max(c for _, c in taps) + columns
    copied = top < 0 or left < 0 or top + (Ho - 1) * sh + reach > H or left + span > W
    if not copied:
        span = W
    block = max(1, min(Ho, BLOCK // max(1, span * C * sh)))
    blocks = -(-Ho // block)
    block = -(-Ho // blocks)
    plan = Window(
        N, H, W, C, Ho, Wo, sh, sw, top, left, span, reach, copied, Hd, Wd, K, rstep, row0, cstep, col0, groups,
        len(taps), run, block, blocks, vectors * (LANES * 4 // itemsize), ROWS[vectors],
    )  # fmt: skip
    i, j = np.arange(block)[:, None], np.arange(Wo)
    rows = ((i * sh * span + j * sw) * C).reshape(-1)
    out = ((i * rstep * Wd + j * cstep) * K).reshape(-1)
    return plan, rows, out, np.array([(r * span + c) * C for r, c in taps], np.int64)


def _taps(R: int, S: int, dilation: Pair, channels: int, groups: int) -> tuple[tuple[Pair, ...], int]:
    """Row and column of each contiguous run of a window's values, and the run's length."""
    if dilation[1] == 1 and groups == 1:
        return tuple((r * dilation[0], 0) for r in range(R)), S * channels
    return tuple((r * dilation[0], s * dilation[1]) for r in range(R) for s in range(S)), channels // groups


def _pack(w: Array, groups: int, P: int) -> Array:
    """(G*Kg, R, S, Cg) weights as panels (G, panel, R, S, Cg, P), the last panel filled up with zeros."""
    K, R, S, Cg = w.shape
    Kg = K // groups
    panels = -(-Kg // P)
    full = np.zeros((groups, panels * P, R, S, Cg), w.dtype)
    full[:, :Kg] = w.reshape(groups, Kg, R, S, Cg)
    return np.ascontiguousarray(full.reshape(groups, panels, P, R, S, Cg).transpose(0, 1, 3, 4, 5, 2)).reshape(-1)


def _run(
    x: Array, x_shape: Any, w: Array, bias: Array | None, y: Array, windows: Pair, stride: Pair, start: Pair,
    taps: tuple[Pair, ...], run: int, destination: tuple[int, int, int], places: tuple[Pair, Pair], groups: int,
    relu: bool,
) -> None:  # fmt: skip
    """One pass of the window: y[places] = bias + sum over taps of x * w; w is (K, R, S, C/G)."""
    N, K = x_shape[0], destination[2]
    vectors = _width(K // groups, x.dtype)
    plan, rows, out, table = _window(
        x_shape, windows, stride, start, taps, run, destination, places, groups, vectors, x.dtype.itemsize
    )
    packed = _pack(w, groups, plan.P)
    panels = -(-K // groups // plan.P)
    start_values = np.zeros((groups, panels * plan.P), x.dtype)
    if bias is not None:
        start_values[:, : K // groups] = bias.reshape(groups, -1)
    qc = min(run, CHUNK // plan.P)
    tc = max(1, CHUNK // plan.P // run)
    work = N * windows[0] * windows[1] * K * len(taps) * run
    launch = window_serial if work < SERIAL or N * plan.blocks == 1 else window_parallel
    launch((0,) * vectors, x, packed, start_values.reshape(-1), y, rows, out, table, plan, tc, qc, relu)


def _sparse(x_shape: Any, w_shape: Any, stride: Pair, padding: Padding, dilation: Pair) -> bool:
    """Whether a copy of one row of windows with its border would be far larger than what it holds."""
    reach = dilation[0] * (w_shape[2] - 1) + 1
    span = x_shape[3] + sum(padding[1]) + dilation[1] * w_shape[3]
    return reach * span * max(1, x_shape[1]) > SPARSE + 4 * x_shape[1] * x_shape[2] * x_shape[3]


def _by_tap(x_shape: Any, w_shape: Any, out: Pair, stride: Pair, padding: Padding, dilation: Pair) -> Iterable[Any]:
    """For each tap (r, s): the slices of the output that it reaches and of the input that it reads there."""

    def axis(i: int, tap: int) -> tuple[slice, slice]:
        size, step, shift = x_shape[2 + i], stride[i], tap * dilation[i] - padding[i][0]
        first = max(0, -(shift // step))
        last = min(out[i], (size - 1 - shift) // step + 1)
        if last <= first:
            return slice(0, 0), slice(0, 0)
        return slice(first, last), slice(first * step + shift, (last - 1) * step + shift + 1, step)

    for r in range(w_shape[2]):
        for s in range(w_shape[3]):
            (oh, ih), (ow, iw) = axis(0, r), axis(1, s)
            if oh.stop and ow.stop:
                yield r, s, (slice(None), slice(None), oh, ow), (slice(None), slice(None), ih, iw)


def conv2d(
    x: Array, w: Array, bias: Array | None = None, stride: Pair = (1, 1), padding: Padding = ((0, 0), (0, 0)),
    dilation: Pair = (1, 1), groups: int = 1, activation: str | None = None,
) -> Array:  # fmt: skip
    """Convolution (cross-correlation) of images with windows.

    x is (N, C, H, W), w (K, C/groups, R, S), bias (K,) or None, all float32 or all float64, of any strides; padding is
    ((top, bottom), (left, right)). The result is (N, K, Ho, Wo) in channels-last memory. `activation` is None, "relu",
    "tanh" or "sigmoid".
    """
    K, Cg, R, S = w.shape
    Ho, Wo = (output_size(x.shape[2 + i], w.shape[2 + i], stride[i], padding[i], dilation[i]) for i in (0, 1))
    y, flat = empty((x.shape[0], K, Ho, Wo), x.dtype)
    if _sparse(x.shape, w.shape, stride, padding, dilation):
        y[...] = 0 if bias is None else bias.reshape(-1, 1, 1)
        for r, s, there, here in _by_tap(x.shape, w.shape, (Ho, Wo), stride, padding, dilation):
            y[there] += conv2d(x[here], w[:, :, r : r + 1, s : s + 1], groups=groups)
    elif y.size and winograd.suits(x.dtype, x.shape[1], w.shape, stride, dilation):
        winograd.convolve(
            channels_last(x), x.shape, _flat(w), (9 * Cg, 9), False, bias, activation == "relu", flat, (Ho, Wo, K),
            (-padding[0][0], -padding[1][0]),
        )  # fmt: skip
    elif y.size and Cg * R * S:
        taps, run = _taps(R, S, dilation, x.shape[1], groups)
        _run(
            channels_last(x), x.shape, w.transpose(0, 2, 3, 1), bias, flat, (Ho, Wo), stride,
            (-padding[0][0], -padding[1][0]), taps, run, (Ho, Wo, K), ((1, 0), (1, 0)), groups, activation == "relu",
        )  # fmt: skip
    else:
        y[...] = 0 if bias is None else bias.reshape(-1, 1, 1)
    return _activate(y, activation)


def _activate(y: Array, activation: str | None) -> Array:
    if activation == "relu":
        np.maximum(y, 0, out=y)
    elif activation == "tanh":
        np.tanh(y, out=y)
    elif activation == "sigmoid":
        np.reciprocal(1 + np.exp(-y), out=y)
    return y


def _phase(size: int, window: int, stride: int, before: int, dilation: int, phase: int) -> tuple[int, int, int, int]:
    """Along one axis: first tap, step between taps, their number, and shift, of the inputs phase, phase + stride, ...

    Input i*stride + phase meets output i + (phase + before - tap*dilation) / stride for the taps that make it whole.
    """
    step = stride // math.gcd(dilation, stride)
    for tap in range(min(step, window)):
        if (phase + before - tap * dilation) % stride == 0:
            return tap, step, -(-(window - tap) // step), (phase + before - tap * dilation) // stride
    return 0, step, 0, 0


def conv2d_input(
    g: Array, w: Array, x_shape: tuple[int, int, int, int], stride: Pair = (1, 1),
    padding: Padding = ((0, 0), (0, 0)), dilation: Pair = (1, 1), groups: int = 1,
) -> Array:  # fmt: skip
    """Gradient of `conv2d` for its input: g is (N, K, Ho, Wo), the result of shape x_shape in channels-last memory."""
    N, C, H, W = x_shape
    K, Cg, R, S = w.shape
    gx, flat = empty(x_shape, g.dtype)
    phases = [
        (a, b, _phase(H, R, stride[0], padding[0][0], dilation[0], a), _phase(W, S, stride[1], padding[1][0], dilation[1], b))
        for a in range(min(stride[0], H))
        for b in range(min(stride[1], W))
    ] if g.size and gx.size else []  # fmt: skip
    if not phases or _sparse(x_shape, w.shape, stride, padding, dilation) or any(not v[2] * h[2] for _, _, v, h in phases):
        gx[...] = 0
    if phases and _sparse(x_shape, w.shape, stride, padding, dilation):
        for r, s, there, here in _by_tap(x_shape, w.shape, g.shape[2:], stride, padding, dilation):
            part = g[there]
            shape = (N, C, part.shape[2], part.shape[3])
            gx[here] += conv2d_input(part, w[:, :, r : r + 1, s : s + 1], shape, groups=groups)
        return gx
    if phases and winograd.suits(g.dtype, C, w.shape, stride, dilation):
        winograd.convolve(
            channels_last(g), g.shape, _flat(w), (9, 9 * Cg), True, None, False, flat, (H, W, C),
            (padding[0][0] - 2, padding[1][0] - 2),
        )  # fmt: skip
        return gx
    # The same taps backwards, with the two channel axes exchanged inside each group.
    back = w.reshape(groups, K // groups, Cg, R, S).transpose(0, 2, 3, 4, 1)
    source = channels_last(g)
    for a, b, (r, rstep, rows, top), (s, sstep, columns, left) in phases:
        if not rows or not columns:
            continue
        part = back[:, :, r::rstep, s::sstep][:, :, ::-1, ::-1].reshape(C, rows, columns, K // groups)
        dilated = (rstep * dilation[0] // stride[0], sstep * dilation[1] // stride[1])
        taps, run = _taps(rows, columns, dilated, K, groups)
        start = (top - (rows - 1) * dilated[0], left - (columns - 1) * dilated[1])
        windows = (-(-(H - a) // stride[0]), -(-(W - b) // stride[1]))
        _run(
            source, g.shape, part, None, flat, windows, (1, 1), start, taps, run, (H, W, C),
            ((stride[0], a), (stride[1], b)), groups, False,
        )  # fmt: skip
    return gx


def conv2d_weight(
    g: Array, x: Array, w_shape: tuple[int, int, int, int], stride: Pair = (1, 1),
    padding: Padding = ((0, 0), (0, 0)), dilation: Pair = (1, 1), groups: int = 1,
) -> Array:  # fmt: skip
    """Gradient of `conv2d` for its weights: g is (N, K, Ho, Wo), x (N, C, H, W); the result is contiguous."""
    K, Cg, R, S = w_shape
    N, _, Ho, Wo = g.shape
    if not (g.size and K * Cg * R * S):
        return np.zeros(w_shape, g.dtype)
    if winograd.suits(g.dtype, x.shape[1], w_shape, stride, dilation):
        start = (-padding[0][0], -padding[1][0])
        return winograd.weight(channels_last(g), channels_last(x), x.shape, (Ho, Wo, K), start)
    gw = np.zeros(w_shape, g.dtype)
    if _sparse(x.shape, w_shape, stride, padding, dilation):
        for r, s, there, here in _by_tap(x.shape, w_shape, (Ho, Wo), stride, padding, dilation):
            gw[:, :, r : r + 1, s : s + 1] = conv2d_weight(g[there], x[here], (K, Cg, 1, 1), groups=groups)
        return gw
    taps, run = _taps(R, S, dilation, x.shape[1], groups)
    vectors = _width(K // groups, g.dtype)
    plan, _, _, table = _window(
        x.shape, (Ho, Wo), stride, (-padding[0][0], -padding[1][0]), taps, run, (Ho, Wo, K), ((1, 0), (1, 0)), groups,
        vectors, g.dtype.itemsize,
    )  # fmt: skip
    M = len(taps) * run
    panels = groups * -(-K // groups // plan.P)
    pieces = min(N * plan.blocks, -(-16 // panels))
    rows = (table[:, None] + np.arange(run)).reshape(-1)
    places = np.arange(M) * K
    lines = np.arange(plan.block) * (stride[0] * plan.span * plan.C)
    sums = np.empty(pieces * M * K, g.dtype)
    launch = weight_serial if g.size * M < SERIAL else weight_parallel
    launch(
        (0,) * vectors, channels_last(x), channels_last(g), sums, rows, places, lines, np.zeros(plan.P, g.dtype), plan,
        pieces, pieces * panels,
    )  # fmt: skip
    total = sums.reshape(pieces, R, S, Cg, K)
    for piece in range(1, pieces):
        total[0] += total[piece]
    gw[...] = total[0].transpose(3, 2, 0, 1)
    return gw


def conv2d_bias(g: Array) -> Array:
    """Gradient of `conv2d` for its bias: the sum of g (N, K, Ho, Wo) over all but its second axis."""
    return g.sum(axis=(0, 2, 3))
