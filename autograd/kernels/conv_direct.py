"""Direct convolution on channels-last arrays: the kernels, and how a pass over an image is cut up.

With channels last a window's row (S*C values) is contiguous, so a convolution is a matrix product whose rows are found
by offset tables, and nothing is unrolled into columns. A block of input rows is first copied with its zero border where
there is padding; otherwise the input is read where it is.

Letters: N images; H, W source rows and columns; C source channels; K result channels; G groups; T taps of a window,
each a contiguous run of Q values; P columns of a weight panel; M rows of a tile. Every array is flat; a plan is an
array of one `PLAN` record. All kernels take the same arguments, so that they share one compiled parallel loop: the
tasks from first to last, the tile's width, a plan and its tables, and four arrays.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from autograd.kernels.buffer import aligned, flat
from autograd.kernels.compile import kernel
from autograd.kernels.conv_simd import (
    PIXELS,
    ROWS,
    RUN,
    RUNS,
    WIDTHS,
    channel_row,
    channel_sums,
    clear,
    copy,
    interleave,
    prefetch,
    scratch,
    vectors,
    window_tile,
)
from autograd.kernels.simd import LANES, broadcast, load, load_first, store, store_first, transpose_tile
from autograd.kernels.threads import launch

Pair = tuple[int, int]

BLOCK = 1 << 17  # values of a block of source rows: it stays in the second-level cache
CHUNK = 1 << 15  # values of a chunk of a weight panel: it too
PAGE = 1 << 12  # bytes
AHEAD = 1 << 10  # values by which a stream from memory is fetched before it is needed
SERIAL = 1 << 19  # multiply-adds below which a parallel launch costs more than it gives
TOGETHER = 256  # pixels whose images are taken together
PARTS = 8  # into which a pass is cut at least if it can be
PANEL = 1 << 13  # values of a panel of gradients: it stays in the first-level cache
HELD = 1 << 20  # values of the sums of a weight gradient that are held at a time, where there is one of each
SUMS = 1 << 21  # values of all partial sums of a weight gradient
TASKS = 16  # a gradient is cut into at least so many tasks if it can be
BESIDE = 4  # vectors of channels that are read side by side when sums are turned into the order of the weights

PLAN = np.dtype(
    [
        (name, np.int64)
        for name in (
            "N H W C Ho Wo "  # source; windows
            "sh sw top left "  # step of the window; source place of the first one, negative in the border
            "span reach copied "  # source columns and rows that a row of windows covers; whether blocks are copied
            "Hd Wd K rstep row0 cstep col0 "  # destination, and which of its rows and columns are written
            "G Kg panels T Q P M "  # groups, result channels of one, its panels; taps, their length; the tile
            "block blocks tc qc "  # rows of windows in a block, blocks of an image; taps and values in a chunk
            "relu images parts wide start "  # images together, parts of the panels; a panel's values, the first one used
            "pieces step "  # weight gradient: pieces of the sum; `parts` are the window's, `step` their values
            "TB cb sk sc back fly far t0 tiles begun alone depth Kd "  # see `winograd`
            "mh mw nh nw th tw dh dw eh ew "
            "rows planar"  # see `conv_few`
        ).split()
    ]
)


class Pass(NamedTuple):
    """A plan and its tables: where the pixels of a block read and write, where the taps stand."""

    plan: np.ndarray
    rows: np.ndarray
    places: np.ndarray
    taps: np.ndarray

    @property
    def numbers(self) -> Any:
        return self.plan[0]


@kernel
def copy_rows(x, out, to, n, row0, rows, plan):
    """out[to + r, c] = x[n, row0 + r, left + c] for r < rows, c < span; zero outside the image."""
    p = plan[0]
    H, W, C, left, span = p.H, p.W, p.C, p.left, p.span
    first = min(max(-left, 0), span) * C
    last = max(first, min(W - left, span) * C)
    for r in range(rows):
        o, h = to + r * span * C, row0 + r
        inside = 0 <= h < H
        i = ((n * H + h) * W + left) * C
        if inside:
            clear(out, o, first)
            copy(x, i + first, out, o + first, last - first)
            clear(out, o + last, span * C - last)
        else:
            clear(out, o, span * C)


@kernel
def bring(x, n, h, count, plan, work, to):
    """Copy the source of `count` rows of windows, from row h on, if it is to be copied; where it begins."""
    p = plan[0]
    if p.copied:
        copy_rows(x, work, to, n, h * p.sh + p.top, (count - 1) * p.sh + p.reach, plan)
        return 0
    return ((n * p.H + h * p.sh + p.top) * p.W + p.left) * p.C


@kernel
def to_channels_last(first, last, width, plan, rows, places, taps, x, w, bias, y):
    """y[n, pixel, c] = x[start + n*far + c*wide + pixel], `step` pixels of an image a task."""
    p = plan[0]
    C, pixels, step, wide = p.C, p.H * p.W, p.step, p.wide
    lanes, far = LANES * 4 // x.itemsize, p.wide * x.itemsize >= PAGE  # a processor foresees strides within a page
    for task in range(first, last):
        n = task // p.blocks
        begin = (task - n * p.blocks) * step
        end = min(begin + step, pixels)
        first = p.start + n * p.far
        if 2 <= C <= 4:
            for i in range(begin, end, lanes):
                a, o, count = first + i, (n * pixels + i) * C, min(lanes, end - i)
                if C == 2:
                    interleave(2, x, a, wide, y, o, count)
                elif C == 3:
                    interleave(3, x, a, wide, y, o, count)
                else:
                    interleave(4, x, a, wide, y, o, count)
            continue
        if C < 8 and (LANES < 16 or C < 2):  # masked stores are slow there
            for i in range(begin, end):
                for c in range(C):
                    y[(n * pixels + i) * C + c] = x[first + c * wide + i]
            continue
        for j in range(begin, end, 4 * lanes):  # further along the rows of x, whose distance may be a power of two
            for c in range(0, C, lanes):
                for k in range(c, min(C, c + lanes) if far else c):
                    prefetch(x, first + k * wide + j + 4 * lanes, 4 * lanes)
                if far:
                    prefetch(y, (n * pixels + j + 4 * lanes) * C + c * 4 * lanes, lanes * 4 * lanes)
                for i in range(j, min(end, j + 4 * lanes), lanes):
                    transpose_tile(
                        x, first + c * wide + i, wide, y, (n * pixels + i) * C + c, C, min(lanes, C - c),
                        min(lanes, pixels - i),
                    )  # fmt: skip


@kernel
def pack(first, last, width, plan, layout, places, taps, x, w, bias, y):
    """y[group, panel, tap, c, P]: the weights w[group*sg + k*sk + c*sc + offset of tap], zero past the last channel k.

    layout is sg, sk, sc and the offsets of the taps.
    """
    p = plan[0]
    Kg, Cg, P, panels = p.Kg, p.C // p.G, p.P, p.panels
    sg, sk, sc = layout[0], layout[1], layout[2]
    offsets = layout[3:]
    T = len(offsets)
    lanes = LANES * 4 // w.itemsize
    RS = min(sk, sc)
    group_of = lanes if sc == RS and sk != RS else 1  # channels c whose windows stand side by side
    lines = scratch(group_of * RS * P, w)
    for task in range(first, last):
        group = task // panels
        k0 = (task - group * panels) * P
        kn = min(P, Kg - k0)
        a0, o0 = group * sg + k0 * sk, task * T * Cg * P
        if kn < P:
            for i in range(o0, o0 + T * Cg * P):
                y[i] = 0
        for c in range(Cg if sk == 1 else 0):
            copy(w, a0 + c * sc, y, o0 + c * P, kn)
        for c0 in range(0, 0 if sk == 1 else Cg, group_of):
            cn = min(group_of, Cg - c0)
            for k in range(kn):
                prefetch(w, a0 + (c0 + group_of) * sc + k * sk, group_of * RS)
            for v in range(0, cn * RS, lanes):
                for k in range(0, kn, lanes):
                    transpose_tile(
                        w, a0 + c0 * sc + k * sk + v, sk, lines, v * P + k, P, min(lanes, kn - k),
                        min(lanes, cn * RS - v),
                    )  # fmt: skip
            for c in range(cn):
                for t in range(T):
                    copy(lines, (c * RS + offsets[t]) * P, y, o0 + (t * Cg + c0 + c) * P, kn)


@kernel
def windows(first, last, width, plan, rows, places, taps, x, w, bias, y):
    """A block of result rows, of an image or of several, and a part of the weight panels a task.

    A panel is taken in chunks that stay in cache.
    """
    p = plan[0]
    C, K, G, Kg, panels, T, Q, P, M = p.C, p.K, p.G, p.Kg, p.panels, p.T, p.Q, p.P, p.M
    tc, qc, relu, far = p.tc, p.qc, p.relu != 0, w.size > 2 * BLOCK
    extent = ((p.block - 1) * p.sh + p.reach) * p.span * C  # of a block's copy
    work = scratch(p.images * extent if p.copied else 0, x)
    source = work if p.copied else x
    for task in range(first, last):
        unit = task // p.parts
        part = task - unit * p.parts
        n = unit // p.blocks * p.images
        h = unit % p.blocks * p.block
        images, count = min(p.images, p.N - n), min(p.block, p.Ho - h)
        a = bring(x, n, h, count, plan, work, 0)
        for i in range(1, images):
            bring(x, n + i, h, count, plan, work, i * extent)
        c = ((n * p.Hd + p.row0 + h * p.rstep) * p.Wd + p.col0) * K
        pixels = images * count * p.Wo
        for k in range(part * G * panels // p.parts, (part + 1) * G * panels // p.parts):
            group = k // panels
            j = (k - group * panels) * P
            for t in range(0, T, tc):
                for q in range(0, Q, qc):
                    b = (k * p.wide + p.start + t * Q + q) * P
                    tn, qn = min(tc, T - t), min(qc, Q - q)
                    end = t + tn == T and q + qn == Q
                    share = (tn * qn * P * M + pixels - 1) // pixels  # of the next chunk, fetched beside one tile
                    for i in range(0, pixels, M):
                        window_tile(
                            width, source, a + group * (C // G) + q, rows, i, min(M, pixels - i), taps, t, tn, qn, 1,
                            w, b, P, y, c + group * Kg + j, places, Kg - j, bias, group * Kg + j, t + q > 0,
                            relu and end,
                        )  # fmt: skip
                        if far:
                            prefetch(w, b + tn * qn * P + i // M * share, share)
                        elif k == 0 and i + 3 * M < pixels:
                            prefetch(y, c + places[i + 2 * M], M * K)


@kernel
def weight_sums(first, last, width, plan, rows, places, lines, x, g, zeros, sums):
    """sums[piece, tap and value, k] for parts of the window and panels of k from `start` on: the sum over one piece of the
    blocks. sums has `wide` columns."""
    p = plan[0]
    C, K, G, Kg, panels, P, M, Wo, block = p.C, p.K, p.G, p.Kg, p.panels, p.P, p.M, p.Wo, p.block
    values = p.T * p.Q
    extent = ((block - 1) * p.sh + p.reach) * p.span * C  # of a block's copy
    work = scratch(p.images * extent if p.copied else 0, x)
    source = work if p.copied else x
    several, ragged = G * panels > 2 and p.step >= 4 * M, Kg % P > 0
    sub = max(1, PANEL // P // Wo)
    panel = scratch(sub * Wo * P if several or ragged else 0, x)
    panel[:] = 0
    share = (sub * Wo * K * M + p.step - 1) // p.step  # of the next gradients, fetched beside one tile
    lanes = LANES * 4 // x.itemsize
    for task in range(first, last):
        piece = task // (G * panels * p.parts)
        part = task - piece * G * panels * p.parts
        k = part // p.parts
        part -= k * p.parts
        k += p.start
        group = k // panels
        j = (k - group * panels) * P
        wide = min(P, Kg - j)
        packed = several or wide < P
        right = panel if packed else g
        units = (p.N + p.images - 1) // p.images * p.blocks
        begin, to = piece * units // p.pieces, piece * values * p.wide + group * Kg + j - p.start * P
        for unit in range(begin, (piece + 1) * units // p.pieces):
            n = unit // p.blocks * p.images
            h = (unit - unit // p.blocks * p.blocks) * block
            images, count = min(p.images, p.N - n), min(block, p.Ho - h)
            a = bring(x, n, h, count, plan, work, 0)
            for i in range(1, images):
                bring(x, n + i, h, count, plan, work, i * extent)
            count *= images
            for r in range(0, count, sub):
                lined = min(sub, count - r)
                b = (n * p.Ho + h + r) * Wo * K + group * Kg + j
                if packed:
                    whole = wide // lanes * lanes
                    for i in range(lined * Wo):
                        for v in range(0, whole, lanes):
                            store(panel, i * P + v, load(g, b + i * K + v))
                        if whole < wide:
                            rest = wide - whole
                            store_first(panel, i * P + whole, load_first(g, b + i * K + whole, rest), rest)
                    b = 0
                ahead = (n * p.Ho + h + r + sub) * Wo * K
                for i in range(part * p.step, min(values, (part + 1) * p.step), M):
                    window_tile(
                        width, source, a + group * (C // G), rows, i, min(M, values - i), lines, r, lined, Wo, p.sw * C,
                        right, b, P if packed else K, sums, to, places, wide, zeros, 0, unit > begin or r > 0, False,
                    )  # fmt: skip
                    if not packed:
                        prefetch(g, ahead, share)
                        ahead += share


@kernel
def depthwise_windows(first, last, kind, plan, rows, columns, none, x, w, bias, y):
    """`windows` where every channel is a group of its own: a block of result rows of an image a task; w is (T*Q, C).

    A window is T runs of Q taps; rows and columns say where each begins.
    """
    p = plan[0]
    C, H, W, Wo, T, Q, sw, relu = p.C, p.H, p.W, p.Wo, p.T, p.Q, p.sw, p.relu != 0
    lanes, reach = LANES * 4 // x.itemsize, (PIXELS - 1) * sw + columns[:T].max() + Q
    below = rows[:T].max()
    for task in range(first, last):
        n = task // p.blocks
        h = (task - n * p.blocks) * p.block
        for i in range(h, min(h + p.block, p.Ho)):
            for j in range(0, Wo, PIXELS):
                row, column, m = i * p.sh + p.top, j * sw + p.left, Wo - j
                whole = m >= PIXELS and column >= 0 and column + reach <= W
                o = ((n * p.Hd + p.row0 + i * p.rstep) * p.Wd + p.col0 + j * p.cstep) * C
                # what the next pixels read first, and where they write: values far apart are beyond a processor's foresight
                ahead = ((n * H + row + below) * W + column + (PIXELS * sw + Q)) * C
                for c in range(0, C, lanes):
                    prefetch(x, ahead + c * PIXELS * sw, lanes * PIXELS * sw)
                    prefetch(y, o + PIXELS * C * p.cstep + c * PIXELS * p.cstep, lanes * PIXELS * p.cstep)
                    a, b, step = n * H * W * C + c, p.start * C + c, p.cstep * C
                    if whole and C - c >= lanes:
                        channel_row(
                            kind, 0, x, a, row, column, H, W, C, sw, rows, columns, T, w, b, y, o + c, step, m, C - c,
                            bias, c, relu,
                        )  # fmt: skip
                    else:
                        channel_row(
                            kind, 1, x, a, row, column, H, W, C, sw, rows, columns, T, w, b, y, o + c, step, m, C - c,
                            bias, c, relu,
                        )  # fmt: skip


@kernel
def depthwise_sums(first, last, kind, plan, rows, columns, none, x, g, zeros, sums):
    """sums[piece, tap, c]: the sum over one piece of the blocks a task."""
    p = plan[0]
    C, H, W, Ho, Wo, T, Q, sw, units = p.C, p.H, p.W, p.Ho, p.Wo, p.T, p.Q, p.sw, p.N * p.blocks
    lanes, reach = LANES * 4 // x.itemsize, (PIXELS - 1) * sw + columns[:T].max() + Q
    below = rows[:T].max()
    for piece in range(first, last):
        clear(sums, piece * T * Q * C, T * Q * C)
        for unit in range(piece * units // p.pieces, (piece + 1) * units // p.pieces):
            n = unit // p.blocks
            h = (unit - n * p.blocks) * p.block
            for i in range(h, min(h + p.block, Ho)):
                for j in range(0, Wo, PIXELS):
                    row, column, m = i * p.sh + p.top, j * sw + p.left, Wo - j
                    whole = m >= PIXELS and column >= 0 and column + reach <= W
                    o = ((n * Ho + i) * Wo + j) * C
                    ahead = ((n * H + row + below) * W + column + (PIXELS * sw + Q)) * C  # as in `depthwise_windows`
                    for c in range(0, C, lanes):
                        prefetch(x, ahead + c * PIXELS * sw, lanes * PIXELS * sw)
                        prefetch(g, o + PIXELS * C + c * PIXELS, lanes * PIXELS)
                        a, b = n * H * W * C + c, piece * T * Q * C + c
                        if whole and C - c >= lanes:
                            channel_sums(
                                kind, 0, x, a, row, column, H, W, C, sw, rows, columns, T, g, o + c, m, C - c, sums, b
                            )  # fmt: skip
                        else:
                            channel_sums(
                                kind, 1, x, a, row, column, H, W, C, sw, rows, columns, T, g, o + c, m, C - c, sums, b
                            )  # fmt: skip


@kernel
def pick(first, last, width, plan, rows, places, taps, x, w, bias, y):
    """y[n, i, j] = the pixel x[n, i*sh, j*sw], a row of results a task."""
    p = plan[0]
    C, Ho, Wo = p.C, p.Ho, p.Wo
    for task in range(first, last):
        n = task // Ho
        a = (n * p.H + (task - n * Ho) * p.sh) * p.W
        for j in range(Wo):
            copy(x, (a + j * p.sw) * C, y, (task * Wo + j) * C, C)


@kernel
def add_weights(first, last, width, plan, rows, places, taps, x, w, sums, y):
    """y[k, c, tap] = the sum of the pieces of sums[piece, tap, c, k]: a few vectors of k and one of c a task. sums has
    `wide` columns, the first K of which count."""
    p = plan[0]
    K, Cg, T, pieces, far = p.K, p.C // p.G, p.T * p.Q // (p.C // p.G), p.pieces, p.wide
    lanes = LANES * 4 // y.itemsize
    wide, blocks = BESIDE * lanes, (Cg + lanes - 1) // lanes
    lines = scratch(wide * T * lanes, y)
    for task in range(first, last):
        k0, c0 = task // blocks * wide, task % blocks * lanes
        kn, cn = min(wide, K - k0), min(lanes, Cg - c0)
        for t in range(T):
            for c in range(cn):
                o = (t * Cg + c0 + c) * far + k0
                for k in range(0, kn, lanes):
                    total = load_first(sums, o + k, kn - k)
                    for piece in range(1, pieces):
                        total = total + load_first(sums, piece * T * Cg * far + o + k, kn - k)
                    store(lines, k * T * lanes + (c * T + t) * lanes, total)
        for k in range(0, kn, lanes):
            for f in range(0, cn * T, lanes):
                o, m = ((k0 + k) * Cg + c0) * T + f, min(lanes, kn - k)
                transpose_tile(
                    lines, k * T * lanes + f * lanes, lanes, y, o, Cg * T, min(lanes, cn * T - f), m
                )  # fmt: skip


@kernel
def column_sums(first, last, width, plan, rows, places, taps, x, w, g, sums):
    """sums[task, k] = the sum over one of `pieces` runs of the rows of g (N*Ho*Wo, K), in short runs first."""
    p = plan[0]
    K, total = p.K, p.N
    lanes = LANES * 4 // g.itemsize
    run = max(16, min(256, BLOCK // 4 // K))
    for task in range(first, last):
        clear(sums, task * K, K)
        end = (task + 1) * total // p.pieces
        for start in range(task * total // p.pieces, end, run):
            stop = min(end, start + run)
            for k in range(0, K, 4 * lanes):
                a = b = c = d = broadcast(g, 0)
                n, o = K - k, task * K + k
                if n >= 4 * lanes:
                    for i in range(start * K + k, stop * K + k, K):
                        a, b = a + load(g, i), b + load(g, i + lanes)
                        c, d = c + load(g, i + 2 * lanes), d + load(g, i + 3 * lanes)
                        prefetch(g, i + AHEAD, 4 * lanes)
                else:
                    for i in range(start * K + k, stop * K + k, K):
                        a, b = a + load_first(g, i, n), b + load_first(g, i + lanes, n - lanes)
                        c, d = (
                            c + load_first(g, i + 2 * lanes, n - 2 * lanes),
                            d + load_first(g, i + 3 * lanes, n - 3 * lanes),
                        )
                        prefetch(g, i + AHEAD, 1)
                store_first(sums, o, load_first(sums, o, n) + a, n)
                store_first(sums, o + lanes, load_first(sums, o + lanes, n - lanes) + b, n - lanes)
                store_first(sums, o + 2 * lanes, load_first(sums, o + 2 * lanes, n - 2 * lanes) + c, n - 2 * lanes)
                store_first(sums, o + 3 * lanes, load_first(sums, o + 3 * lanes, n - 3 * lanes) + d, n - 3 * lanes)


def run(function: Any, tasks: int, parallel: bool, kind: np.ndarray, *args: Any) -> None:
    """All tasks of a kernel, over the threads if that pays; `kind` is an array whose type says which form it has."""
    if parallel and tasks > 1:
        launch(function, (args[-1].dtype, kind.dtype, kind.ndim), tasks, kind, *args)
    else:
        function(0, tasks, kind, *args)


def _runs(taps: tuple[Pair, ...]) -> tuple[int, int, np.ndarray, np.ndarray]:
    """The taps of a depthwise window as runs along a row: how many, their length, where each begins."""
    length = sum(r == taps[0][0] for r, _ in taps)
    if length > RUN or any(c != taps[0][1] + i for i, (_, c) in enumerate(taps[:length])):
        length = 1
    rows, columns = np.array(taps[::length], np.int64).T.copy()
    return len(taps) // length, length, rows, columns


@lru_cache(maxsize=1024)
def plan_pass(
    x_shape: tuple[int, int, int, int], out: Pair, stride: Pair, start: Pair, taps: tuple[Pair, ...], Q: int,
    destination: tuple[int, int, int], places: tuple[Pair, Pair], G: int, itemsize: int, relu: bool = False,
    packed: Pair | None = None,
) -> Pass:  # fmt: skip
    """How a window goes over a source of shape (N, C, H, W).

    out: rows and columns of windows; start: source place of the first; taps: row and column of each of its runs of Q
    values; destination: rows, columns and channels; places: (step, first) of the rows and columns written; packed: how
    many values a packed panel of weights has and which of them comes first, unless it has the taps alone.
    """
    N, C, H, W = x_shape
    (Ho, Wo), (sh, sw), (top, left) = out, stride, start
    Hd, Wd, K = destination
    (rstep, row0), (cstep, col0) = places
    reach = max(r for r, _ in taps) + 1
    span = (Wo - 1) * sw + max(c for _, c in taps) + Q * G // C
    copied = top < 0 or left < 0 or top + (Ho - 1) * sh + reach > H or left + span > W
    if not copied:
        span = W
    Kg, width, depthwise = K // G, vectors(K // G, itemsize), 1 < G == C == K
    P = width * LANES * 4 // itemsize
    block = max(1, min(Ho, BLOCK // (4 if depthwise else 1) // (span * C * sh), -(-N * Ho // 4)))
    blocks = -(-Ho // block)
    block = -(-Ho // blocks)
    T, qc = len(taps), min(Q, CHUNK // P)
    extent = ((block - 1) * sh + reach) * span * C
    between = extent if copied else H * W * C  # images in a block
    images = max(1, min(N, TOGETHER // (Ho * Wo), BLOCK // extent)) if blocks == 1 and not depthwise else 1
    parts = min(G * -(-Kg // P), -(-PARTS // (-(-N // images) * blocks)))
    M = PIXELS if depthwise else ROWS[width]
    table = np.array([(r * span + c) * C for r, c in taps], np.int64)
    if depthwise:
        T, Q, rows, written = _runs(taps)
    plan = np.array(
        [(N, H, W, C, Ho, Wo, sh, sw, top, left, span, reach, copied, Hd, Wd, K, rstep, row0, cstep, col0, G, Kg,
          -(-Kg // P), T, Q, P, M, block, blocks, max(1, CHUNK // P // Q), qc, relu, images, parts,
          *(packed or (T * Q, 0)), 1, 0, *[0] * 25)],
        PLAN,
    )  # fmt: skip
    if depthwise:
        return Pass(plan, rows, written, table)
    i, j = np.arange(block)[:, None], np.arange(Wo)
    n = np.arange(images)[:, None, None]
    rows = (n * between + (i * sh * span + j * sw) * C).reshape(-1)
    written = (n * Hd * Wd * K + (i * rstep * Wd + j * cstep) * K).reshape(-1)
    return Pass(plan, rows, written, table)


@lru_cache(maxsize=1024)
def plan_weight(
    x_shape: tuple[int, int, int, int], out: Pair, stride: Pair, start: Pair, taps: tuple[Pair, ...], Q: int, K: int,
    G: int, itemsize: int,
) -> Pass:  # fmt: skip
    """How the weight gradient is summed: the rows of its tiles are the values of a window, the sum runs over pixels."""
    plan, runs, places, table = plan_pass(
        x_shape, out, stride, start, taps, Q, (*out, K), ((1, 0), (1, 0)), G, itemsize
    )
    plan = plan.copy()  # a pass of the same shape has this one
    p, N, depthwise = plan[0], x_shape[0], 1 < K == G == x_shape[1]
    p["wide"] = K
    values, panels = len(taps) * Q, 1 if depthwise else G * p["panels"]
    extent = int((p["block"] - 1) * p["sh"] + p["reach"]) * int(p["span"] * p["C"])
    images = int(p["images"])
    p["pieces"] = max(1, min(-(-N // images) * int(p["blocks"]), -(-TASKS // int(panels)), SUMS // (values * K)))
    if depthwise:
        return Pass(plan, runs, places, table)
    p["parts"] = max(1, min(-(-TASKS // int(panels * p["pieces"])), values // int(8 * p["M"])))
    p["step"] = -(-values // int(p["parts"] * p["M"])) * p["M"]
    p["parts"] = -(-values // int(p["step"]))
    rows = (table[:, None] + np.arange(Q)).reshape(-1)
    between = extent if p["copied"] else x_shape[2] * x_shape[3] * x_shape[1]  # images in a block
    lines = np.arange(images)[:, None] * between + np.arange(int(p["block"])) * int(p["sh"] * p["span"] * p["C"])
    return Pass(plan, rows, np.arange(values) * K, lines.reshape(-1))


def channels_last(x: np.ndarray) -> np.ndarray:
    """The values of a (N, C, H, W) array, each plane of which is contiguous, as a flat (N, H, W, C) block."""
    N, C, H, W = x.shape
    source, start, (far, wide, _, _) = flat(x)
    plan, none = _plan_of(C, H, W, start, far, wide)
    y = np.empty(x.size, x.dtype)
    tasks = N * int(plan["blocks"][0])
    run(to_channels_last, tasks, x.size > 1 << 16, WIDTHS[1], plan, none, none, none, source, source, source, y)
    return y


@lru_cache(maxsize=1024)
def _plan_of(C: int, H: int, W: int, start: int, far: int, wide: int) -> tuple[np.ndarray, np.ndarray]:
    plan = np.zeros(1, PLAN)
    step = -(-(1 << 14) // C // LANES) * LANES
    plan["C"], plan["H"], plan["W"], plan["step"], plan["blocks"] = C, H, W, step, -(-H * W // step)
    plan["start"], plan["far"], plan["wide"] = start, far, wide
    return plan, np.zeros(1, np.int64)


def picked(x: np.ndarray, shape: tuple[int, ...], stride: Pair) -> np.ndarray:
    """The pixels of flat images (N, H, W, C), given as (N, C, H, W), that a 1x1 window of that stride meets."""
    N, C, H, W = shape
    plan, none = np.zeros(1, PLAN), np.zeros(1, np.int64)
    Ho, Wo = -(-H // stride[0]), -(-W // stride[1])
    plan["C"], plan["H"], plan["W"], plan["Ho"], plan["Wo"], plan["sh"], plan["sw"] = C, H, W, Ho, Wo, *stride
    y = np.empty(N * Ho * Wo * C, x.dtype)
    run(pick, N * Ho, y.size > 1 << 16, WIDTHS[1], plan, none, none, none, x, x, x, y)
    return y


def in_order(w: np.ndarray) -> np.ndarray:
    """The values of an array in C order, as the kernels take them: one-dimensional, contiguous, aligned, writeable."""
    values = np.ascontiguousarray(w).reshape(-1)
    return values if values.flags.writeable and values.flags.aligned else values.copy()


def packed_weights(w: np.ndarray, layout: np.ndarray, way: Pass) -> np.ndarray:
    """The flat weights as a pass takes them; they stand as `layout` tells `pack`."""
    p = way.numbers
    if 1 < p["G"] == p["C"] == p["K"]:
        return w.reshape(int(p["C"]), -1)[:, layout[3:]].T.ravel()
    panels, width = int(p["G"] * p["panels"]), WIDTHS[int(p["P"]) * w.itemsize // (LANES * 4)]
    packed = aligned(panels * int(p["wide"] * p["P"]), w.dtype)
    run(pack, panels, packed.size > 1 << 16, width, way.plan, layout, way.places, way.taps, w, w, w, packed)
    return packed


def forward(x: np.ndarray, packed: np.ndarray, bias: np.ndarray, y: np.ndarray, way: Pass) -> None:
    """One pass of a window over x, all flat: y = bias + the sum over its taps."""
    p = way.numbers
    work = int(p["N"] * p["Ho"] * p["Wo"] * p["K"] * p["T"] * p["Q"])
    if 1 < p["G"] == p["C"] == p["K"]:
        kind = RUNS[int(p["Q"]), min(3, int(p["sw"]))]
        run(depthwise_windows, int(p["N"] * p["blocks"]), work > SERIAL, kind, *way, x, packed, bias, y)
    else:
        width = WIDTHS[int(p["P"]) * x.itemsize // (LANES * 4)]
        tasks = -(-int(p["N"]) // int(p["images"])) * int(p["blocks"] * p["parts"])
        run(windows, tasks, work > SERIAL, width, *way, x, packed, bias, y)


def weight_gradient(g: np.ndarray, x: np.ndarray, way: Pass) -> np.ndarray:
    """The flat gradient (K, C/G, taps) of a pass for its weights; g (N, Ho, Wo, K) and x are flat."""
    p = way.numbers
    values, K, pieces, panels, P = int(p["T"] * p["Q"]), int(p["K"]), int(p["pieces"]), int(p["panels"]), int(p["P"])
    width, parallel = WIDTHS[P * x.itemsize // (LANES * 4)], g.size * values > SERIAL
    gw = np.empty(values * K, g.dtype)
    if 1 < p["G"] == p["C"] == K:
        kind = RUNS[int(p["Q"]), min(3, int(p["sw"]))]
        sums = np.empty(pieces * values * K, g.dtype)
        run(depthwise_sums, pieces, parallel, kind, *way, x, g, g, sums)
        add_pieces(way, x, g, sums, gw)
        return gw
    nothing, each = np.zeros(P, g.dtype), int(p["parts"])
    groups = max(1, min(values * K // HELD, panels * each // PARTS)) if p["G"] == pieces == 1 else 1
    if groups == 1:
        sums = np.empty(pieces * values * K, g.dtype)
        run(weight_sums, pieces * int(p["G"]) * panels * each, parallel, width, *way, x, g, nothing, sums)
        add_pieces(way, x, g, sums, gw)
        return gw
    wide = -(-panels // groups) * P  # columns of sums that are held at a time
    sums, places = np.empty(values * wide, g.dtype), way.places // K * wide
    for start in range(0, K, wide):
        some, part = way.plan.copy(), min(wide, K - start)
        some["start"], some["wide"] = start // P, wide
        run(weight_sums, -(-part // P) * each, parallel, width, some, way.rows, places, way.taps, x, g, nothing, sums)
        some["K"] = part
        add_pieces(way._replace(plan=some), x, g, sums, gw[start * values : (start + part) * values])
    return gw


def add_pieces(way: Pass, x: np.ndarray, g: np.ndarray, sums: np.ndarray, gw: np.ndarray) -> None:
    p, lanes = way.numbers, 4 * LANES // g.itemsize
    width = WIDTHS[int(p["P"]) // lanes]
    tasks = -(-int(p["K"]) // (BESIDE * lanes)) * -(-int(p["C"] // p["G"]) // lanes)
    run(add_weights, tasks, sums.size > 1 << 16, width, *way, x, g, sums, gw)


def bias_gradient(g: np.ndarray, K: int) -> np.ndarray:
    """The sum of each channel of g, flat (pixels, K)."""
    plan = np.zeros(1, PLAN)
    pixels = g.size // K
    pieces = min(TASKS, -(-pixels // 256))
    plan["K"], plan["N"], plan["pieces"] = K, pixels, pieces
    none = np.zeros(1, np.int64)
    sums = np.empty(pieces * K, g.dtype)
    run(column_sums, pieces, g.size > 1 << 16, WIDTHS[1], plan, none, none, none, g, g, g, sums)
    return sums.reshape(pieces, K).sum(axis=0)
