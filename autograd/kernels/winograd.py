"""Winograd convolution: windows with fewer products, along both axes of an image or along one.

A form F(m, r) computes m results of a window of r from n = m + r - 1 values, with n products where the direct sum takes
m*r: F(4, 2) 5 for 8, F(4, 3) a half of them, F(4, 5) 8 for 20. Along both axes the gains multiply. float32 only.
Y = A' [ (G w G') * (B' x B) ] A (Lavin & Gray, https://arxiv.org/abs/1509.09308), where the middle product runs over
the channels: one matrix product a point. Both gradients are the adjoints of the same three transforms. The results
differ from the exact ones by 8e-6 of the largest with 64 channels (1.2e-5 and 1.5e-5 the weight gradients of 5x5 and 1x7)
and 2e-5 with 512, where the direct float32 sum differs by 1e-6 and 4e-6. `enabled = False` turns it off.

A longer window is cut into several of r taps, and one of stride s into s windows of every s-th tap (the last filled up
with zeros): blocks, each of which reads the source elsewhere and counts as so many channels more. A window of 3x3 with
stride 2 has a form of its own, `ByTwo`: 81 products for 144. With a dilation the results of a tile stand as far apart as
the taps.

Letters: N images; H, W source rows and columns; Ho, Wo result rows and columns; C source channels, `depth` those of all
blocks; K result channels; mh, rh, nh and mw, rw, nw of the form along rows and columns; E = nh*nw points of the
transform; P columns of a weight panel; a tile is mh x mw results, a run of them is taken at once, in (image, row,
column) order.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from llvmlite import ir
from numba import typeof
from numba.core import cgutils, types
from numba.extending import intrinsic

from autograd.kernels.buffer import aligned
from autograd.kernels.compile import kernel
from autograd.kernels.conv_direct import PLAN, in_order, run
from autograd.kernels.conv_simd import ROWS, clear, copy, prefetch, scratch, vectors, window_tile
from autograd.kernels.simd import LANES, transpose_tile
from autograd.kernels.threads import threads_in_use
from autograd.kernels.winograd_forms import Axis, ByTwo, Form

Pair = tuple[int, int]

enabled = True
"""Whether float32 convolutions may take the Winograd form."""

_AXES = {1: Axis(1, 1), 2: Axis(4, 2), 3: Axis(4, 3), 5: Axis(4, 5), 7: Axis(4, 7)}
_WINDOWS = ((3, 3), (5, 5), (2, 2), (1, 2), (1, 3), (1, 5), (1, 7), (2, 1), (3, 1), (5, 1), (7, 1))
FORMS = [Form(_AXES[r], _AXES[s]) for r, s in _WINDOWS]
BY_TWO = Form(ByTwo(), ByTwo())

# What a kernel is told its form and its tile's width with: an array whose type says both. One along the rows' axis is
# the one along the columns' with other steps.
_TYPES = {r: dtype for r, dtype in zip(_WINDOWS, ("i1", "i2", "i4", "i8", "u1", "u2", "u4"), strict=False)}
KINDS = {
    (FORMS[i], width): np.zeros((1,) * width, _TYPES.get((r, s)) or _TYPES[s, r])
    for i, (r, s) in enumerate(_WINDOWS) for width in ROWS
}  # fmt: skip
KINDS |= {(BY_TWO, width): np.zeros((1,) * width, "u8") for width in ROWS}
WINDOWS = {window: form for window, form in zip(_WINDOWS, FORMS, strict=True) if 2 not in window}
_FORM_OF = {typeof(np.zeros(1, dtype)).dtype: FORMS[i] for i, dtype in enumerate(_TYPES.values())}
_FORM_OF[types.uint64] = BY_TWO


class Blocks(NamedTuple):
    """How a window is cut along one axis: `groups` of r taps for each of `phases`, the taps that are a stride apart."""

    groups: int
    phases: int

    @classmethod
    def of(cls, window: int, stride: int, r: int) -> Blocks:
        return cls(-(-window // (stride * r)), min(window, stride))


def _cut(form: Form, window: Sequence[int], stride: Pair) -> tuple[Blocks, Blocks]:
    sh, sw = (step // axis.stride for step, axis in zip(stride, form, strict=True))
    return Blocks.of(window[0], sh, form.down.r), Blocks.of(window[1], sw, form.across.r)


def _tiles(out: int, m: int, dilation: int) -> int:
    """The tiles of m results along an axis, those of a tile `dilation` apart."""
    return -(-out // (m * dilation)) * dilation


def suits(
    dtype: Any, w_shape: tuple[int, ...], stride: Pair, dilation: Pair, out: tuple[int, int, int], groups: int = 1
) -> Form | None:  # fmt: skip
    """The form for a convolution or one of its gradients, None unless it is faster as measured.

    out are images, and rows and columns of results.
    """
    if not enabled or dtype != np.float32 or groups != 1:
        return None
    return _fastest(w_shape, stride, dilation, out)


@lru_cache(maxsize=1024)
def _fastest(w_shape: tuple[int, ...], stride: Pair, dilation: Pair, out: tuple[int, int, int]) -> Form | None:
    K, C, R, S = w_shape
    if min(C, K) < 16 or C * K < 512:
        return None
    if (R, S) in WINDOWS and stride == dilation == (1, 1):
        return WINDOWS[R, S]
    if R == S == 1 or any(s > 1 and d > 1 for s, d in zip(stride, dilation, strict=True)):
        return None
    direct = out[0] * out[1] * out[2] * R * S * C * K
    best, bound = None, GAIN * direct
    for form in FORMS if (stride, dilation, R, S) != ((2, 2), (1, 1), 3, 3) else [BY_TWO]:
        (jh, bh), (jw, bw) = _cut(form, (R, S), stride)
        blocks = jh * bh * jw * bw
        if blocks > 1 and C % LANES:
            continue
        tiles = out[0] * _tiles(out[1], form.down.m, _apart(stride[0], dilation[0]))
        tiles *= _tiles(out[2], form.across.m, _apart(stride[1], dilation[1]))
        depth = blocks * C
        cost: float = form.points * (tiles * (depth * K + TRANSFORM * (depth + K)) + WEIGHTS * depth * K)
        cost += CUT * direct if blocks > 1 else 0
        if cost < bound:
            best, bound = form, cost
    return best


def _apart(stride: int, dilation: int) -> int:
    """How far apart the results of a tile stand: as the taps do, where that is no stride of the window."""
    return dilation if stride == 1 else 1


class _Vector:
    """A vector value of the code being built, with Python's arithmetic."""

    def __init__(self, b: Any, value: Any):
        self.b, self.value = b, value

    def _of(self, other: Any) -> Any:
        return other.value if isinstance(other, _Vector) else ir.Constant(self.value.type, [float(other)] * LANES)

    def __add__(self, other: Any) -> _Vector:
        return _Vector(self.b, self.b.fadd(self.value, self._of(other), flags=("contract",)))

    def __sub__(self, other: Any) -> _Vector:
        return _Vector(self.b, self.b.fsub(self.value, self._of(other), flags=("contract",)))

    def __mul__(self, other: Any) -> _Vector:
        return _Vector(self.b, self.b.fmul(self.value, self._of(other), flags=("contract",)))

    __rmul__ = __mul__


def _transform(name: str) -> Any:
    """The intrinsic that takes vectors through the form's lines of that name along both axes.

    from x[x0 + i*xi + j*xj] to y[y0 + i*yi + j*yj], one vector of float32 each, plus the vector start[s0]; `relu`
    clips below at zero. The form is the one that the type of `kind` tells.
    """

    @intrinsic  # type: ignore[untyped-decorator]
    def transform(
        typing: Any,
        kind: Any,
        x: Any,
        x0: Any,
        xi: Any,
        xj: Any,
        y: Any,
        y0: Any,
        yi: Any,
        yj: Any,
        start: Any,
        s0: Any,
        relu: Any,
    ) -> Any:
        i8 = types.intp
        sig = types.void(kind, x, i8, i8, i8, y, i8, i8, i8, start, i8, types.boolean)
        form = _FORM_OF[kind.dtype]
        (rows, down), (columns, across) = form.down.lines[name], form.across.lines[name]

        def codegen(ctx: Any, b: Any, sig: Any, args: Any) -> Any:
            vector = ir.VectorType(ir.FloatType(), LANES)

            def at(which: int, offset: Any) -> Any:
                data = cgutils.create_struct_proxy(sig.args[which])(ctx, b, value=args[which]).data
                return b.bitcast(b.gep(data, [offset]), vector.as_pointer())

            def place(first: int, i: int, j: int) -> Any:
                k = [ir.Constant(ir.IntType(64), v) for v in (i, j)]
                return b.add(args[first], b.add(b.mul(args[first + 1], k[0]), b.mul(args[first + 2], k[1])))

            def column(j: int) -> list[Any]:
                return down([_Vector(b, b.load(at(1, place(2, i, j)), align=4)) for i in range(rows)])

            transformed = [column(j) for j in range(columns)]
            first = _Vector(b, b.load(at(9, args[10]), align=4))
            zero = ir.Constant(vector, [0.0] * LANES)
            for i in range(len(transformed[0])):
                for j, result in enumerate(across([values[i] for values in transformed])):
                    v = (result + first).value
                    clipped = b.select(b.fcmp_ordered("<=", v, zero), zero, v)
                    b.store(b.select(args[11], clipped, v), at(5, place(6, i, j)), align=4)
            return ctx.get_dummy_value()

        return sig, codegen

    return transform


input_transform = _transform("input")
output_transform = _transform("output")
result_transform = _transform("result")
weight_transform = _transform("weight")
filter_transform = _transform("filter")


@kernel
def gather_patch(x, n, h, w, H, W, C, c0, cn, down, hstep, across, wstep, patch, step):
    """patch[i, j, c] = x[n, h + i*hstep, w + j*wstep, c0 + c] for i < down, j < across, c < cn, in rows of `step` values.

    Zero outside the image.
    """
    first = min(max(-w, 0), across)
    last = max(first, min(W - w, across))
    for i in range(down):
        row = h + i * hstep
        o, a = i * across * step, ((n * H + row) * W + w) * C + c0
        if not 0 <= row < H:
            clear(patch, o, across * step)
        elif step == C and wstep == 1:
            clear(patch, o, first * C)
            copy(x, a + first * C, patch, o + first * C, (last - first) * C)
            clear(patch, o + last * C, (across - last) * C)
        else:
            for j in range(across):
                if 0 <= w + j * wstep < W:
                    copy(x, a + j * wstep * C, patch, o + j * step, cn)
                else:
                    clear(patch, o + j * step, cn)


@kernel
def place(tile, plan):
    """Image, first row and first column of a tile of results."""
    p = plan[0]
    line = tile // p.tw
    w = tile - line * p.tw
    n = line // p.th
    h = line - n * p.th
    if p.dh > 1:
        h = h // p.dh * p.dh * p.mh + h % p.dh
    else:
        h *= p.mh
    if p.dw > 1:
        w = w // p.dw * p.dw * p.mw + w % p.dw
    else:
        w *= p.mw
    return n, h, w


@kernel
def input_points(kind, first, last, t0, plan, blocks, x, V, ve, step, wide):
    """V[e*ve + part*step + t*wide + c]: the transformed patches of the tiles t0 + t.

    The channels, of one block after the other, lie in parts of `wide`, in whole vectors. blocks[1 + 2*i], [2 + 2*i]
    are how far down and across a block's patches stand.
    """
    p = plan[0]
    H, W, C, nh, nw, eh, ew = p.H, p.W, p.C, p.nh, p.nw, p.eh, p.ew
    down, aside = eh * W * C, ew * C if nw > 1 else eh * W * C
    Cs = (C + LANES - 1) // LANES * LANES
    zeros = np.zeros(LANES, np.float32)
    patch = scratch(nh * nw * Cs, x)
    patch[:] = 0
    for t in range(first, last):
        image, row, column = place(t0 + t, plan)
        part, v = 0, t * wide
        for i in range(1, len(blocks), 2):
            h, w = row * p.sh + p.top + blocks[i], column * p.sw + p.left + blocks[i + 1]
            inside = Cs == C and h >= 0 and w >= 0 and h + (nh - 1) * eh < H and w + (nw - 1) * ew < W
            if not inside:
                gather_patch(x, image, h, w, H, W, C, 0, C, nh, eh, nw, ew, patch, Cs)
            a = ((image * H + h) * W + w) * C
            if inside and len(blocks) == 3:
                for j in range(nh):  # what the tile after the next one brings
                    prefetch(x, a + (j * eh * W + p.mw + nw) * C, p.mw * C)
            for c in range(0, Cs, LANES):
                if inside:
                    input_transform(kind, x, a + c, down, aside, V, v, nw * ve, ve, zeros, 0, False)
                else:
                    input_transform(kind, patch, c, nw * Cs, Cs, V, v, nw * ve, ve, zeros, 0, False)
                part += LANES
                v += LANES
                if part == wide:
                    part = 0
                    v += step - wide


@kernel
def result_points(kind, first, last, t0, plan, g, Z, ze):
    """Z[e*ze + panel*TB*P + t*P + k]: the transformed tiles t0 + t of g, its panels from `start` on."""
    p = plan[0]
    Ho, Wo, K, P, mh, mw, dh, dw, nw = p.Ho, p.Wo, p.K, p.P, p.mh, p.mw, p.dh, p.dw, p.nw
    down, aside = dh * Wo * K, dw * K if nw > 1 else dh * Wo * K
    k0 = p.start * P
    kn, Ks = min(K - k0, p.panels * P), p.panels * P
    zeros = np.zeros(LANES, np.float32)
    patch = scratch(mh * mw * Ks, g)
    patch[:] = 0
    for t in range(first, last):
        image, h, w = place(t0 + t, plan)
        inside = kn == Ks and h + (mh - 1) * dh < Ho and w + (mw - 1) * dw < Wo
        if not inside:
            gather_patch(g, image, h, w, Ho, Wo, K, k0, kn, mh, dh, mw, dw, patch, Ks)
        a = ((image * Ho + h) * Wo + w) * K + k0
        for i in range(mh):
            prefetch(g, a + (i * dh * Wo + 2 * mw) * K, mw * K if kn == K else kn)
        for panel in range(p.panels):
            for j in range(0, P, LANES):
                k, z = panel * P + j, (panel * p.TB + t) * P + j
                if inside:
                    result_transform(kind, g, a + k, down, aside, Z, z, nw * ze, ze, zeros, 0, False)
                else:
                    result_transform(kind, patch, k, mw * Ks, Ks, Z, z, nw * ze, ze, zeros, 0, False)


@kernel
def weight_points(kind, plan, w, k, c0, cn, U, u, ue, taps):
    """U[u + e*ue + i*P + j] = the transformed filter of channels c0+i and k+j, for i < cn; zero past channel K.

    The filter of channels (k, c) is the T values at w[k*sk + c*sc], backwards with `back`. taps is scratch for 8
    channels c.
    """
    p = plan[0]
    P, sk, sc, T, nw, rw = p.P, p.sk, p.sc, p.T, p.nw, p.Q
    kn = min(P, p.K - k)
    zeros = np.zeros(LANES, np.float32)
    if kn < P:
        taps[:] = 0
    for i0 in range(0, cn, 8):
        a, i1 = k * sk + (c0 + i0) * sc, min(cn, i0 + 8)
        for j in range(0, kn, LANES):
            if p.back:
                for i in range(i1 - i0):
                    for t in range(0, T, LANES):
                        transpose_tile(
                            w, a + i * sc + j * sk + t, sk, taps, (i * T + T - 1 - t) * P + j, -P,
                            min(LANES, kn - j), min(LANES, T - t),
                        )  # fmt: skip
            else:
                for t in range(0, (i1 - i0) * T, LANES):
                    count = min(LANES, (i1 - i0) * T - t)
                    transpose_tile(w, a + j * sk + t, sk, taps, t * P + j, P, min(LANES, kn - j), count)
        for i in range(i0, i1):
            for j in range(0, P, LANES):
                from_ = (i - i0) * T * P + j
                weight_transform(kind, taps, from_, rw * P, P, U, u + i * P + j, nw * ue, ue, zeros, 0, False)


@kernel
def transform_weights(first, last, kind, plan, rows, places, none, x, w, bias, U):
    """U[panel, e, c, P]: the filters of the panels from `start` on transformed, `step` channels c a task."""
    p = plan[0]
    C, P, step, E = p.depth, p.P, p.step, p.nh * p.nw
    ue = C * P + LANES
    parts = (C + step - 1) // step
    taps = scratch(8 * p.T * P, w)
    for task in range(first, last):
        panel = task // parts
        c0 = (task - panel * parts) * step
        k, u = (p.start + panel) * P, panel * E * ue + c0 * P
        weight_points(kind, plan, w, k, c0, min(step, C - c0), U, u, ue, taps)


@kernel
def transform_inputs(first, last, kind, plan, rows, places, blocks, x, w, bias, V):
    """The points of the source, `step` tiles a task."""
    p = plan[0]
    Cs = (p.depth + LANES - 1) // LANES * LANES
    for task in range(first, last):
        input_points(
            kind, task * p.step, min((task + 1) * p.step, p.tiles), 0, plan, blocks, x, V, p.tiles * Cs + LANES, 0, Cs
        )  # fmt: skip


@kernel
def convolve_tiles(first, last, kind, plan, rows, places, blocks, x, w, bias, y):
    """A block of tiles and a part of the weight panels a task: a product a point, then the transform back.

    x are the points of the source where there are several parts, else the source. w are the points of the weights, or
    with `fly` the weights, which are transformed cb channels at a time just before their use.
    """
    p = plan[0]
    C, K, P, M, TB, cb, chunk, Ho, Wo, panels = p.depth, p.K, p.P, p.M, p.TB, p.cb, p.tc, p.Ho, p.Wo, p.panels
    mh, mw, nw, E, T = p.mh, p.mw, p.nw, p.nh * p.nw, p.T
    down, aside = p.dh * p.rstep * p.Wd * p.Kd, p.dw * p.cstep * p.Kd  # from one result of a tile to the next
    along = aside if nw > 1 else down
    relu, shared = p.relu != 0, p.parts > 1
    Cs, across = (C + LANES - 1) // LANES * LANES, p.wide
    ve, re, ue = (p.tiles if shared else TB) * Cs + LANES, TB * across + LANES, (cb if p.fly else C) * P + LANES
    own, R = scratch(0 if shared else E * ve, x), scratch(E * re, x)
    fresh, taps = scratch(E * ue if p.fly else 0, x), scratch(8 * T * P if p.fly else 0, x)
    V, U = x if shared else own, fresh if p.fly else w
    edge, zeros = scratch(mh * mw * P, x), np.zeros(P, np.float32)
    for task in range(first, last):
        block = task // p.parts
        part = task - block * p.parts
        t0 = block * TB
        tiles = min(TB, p.tiles - t0)
        share = (chunk * P * M + tiles - 1) // tiles  # of the next chunk of weights, fetched beside one of tiles
        v = t0 * Cs if shared else 0
        if not shared:
            input_points(kind, 0, tiles, t0, plan, blocks, x, V, ve, 0, Cs)
        begin, end = part * panels // p.parts, (part + 1) * panels // p.parts
        for outer in range(begin, end if p.fly else begin + 1):
            for c0 in range(0, C, cb):
                cn = min(cb, C - c0)
                if p.fly:
                    weight_points(kind, plan, w, outer * P, c0, cn, U, 0, ue, taps)
                for e in range(E):
                    for panel in range(outer, outer + 1 if p.fly else end):
                        u = e * ue if p.fly else (panel * E + e) * ue
                        for c in range(0, cn, chunk):
                            ahead = u + (c + chunk) * P
                            if c + chunk >= cn and not p.fly:
                                ahead = ((panel + 1) * E + e if panel + 1 < end else begin * E + e + 1) * ue
                            for i in range(0, tiles, M):
                                window_tile(
                                    kind, V, v + e * ve + c0 + c, rows, i, min(M, tiles - i), blocks, 0, 1,
                                    min(chunk, cn - c), 1, U, u + c * P, P, R, e * re + (panel - begin) * P, places, P,
                                    zeros, 0, c0 + c > 0, False,
                                )  # fmt: skip
                                if p.far:
                                    prefetch(U, ahead + i // M * share, share)
        for t in range(tiles):
            image, h, v = place(t0 + t, plan)
            first_ = ((image * p.Hd + p.row0 + h * p.rstep) * p.Wd + p.col0 + v * p.cstep) * p.Kd
            high, wide = min(mh, (Ho - h + p.dh - 1) // p.dh), min(mw, (Wo - v + p.dw - 1) // p.dw)
            for i in range(mh if begin == 0 and p.dw == p.cstep == 1 else 0):
                prefetch(y, first_ + i * down + 2 * mw * K, mw * K)
            for panel in range(begin, end):
                k0, r0 = (p.start + panel) * P, t * across + (panel - begin) * P
                o = first_ + k0
                if k0 + P <= K and high == mh and wide == mw:
                    for j in range(0, P, LANES):
                        output_transform(kind, R, r0 + j, nw * re, re, y, o + j, down, along, bias, k0 + j, relu)
                else:
                    for j in range(0, P, LANES):
                        output_transform(kind, R, r0 + j, nw * re, re, edge, j, mw * P, P, bias, k0 + j, relu)
                    for i in range(high):
                        for j in range(wide):
                            copy(edge, (i * mw + j) * P, y, o + i * down + j * aside, min(P, K - k0))


@kernel
def gradient_points(first, last, kind, plan, rows, places, blocks, x, g, V, Z):
    """V and Z, the points of `step` tiles of x and of g a task; V's channels in parts of cb, Z's in panels from `start`
    on. V is made with the first of them."""
    p = plan[0]
    parts = (p.depth + p.cb - 1) // p.cb
    ve, ze = p.TB * parts * p.cb + LANES, p.TB * p.panels * p.P + LANES
    for task in range(first, last):
        begin, end = task * p.step, min((task + 1) * p.step, p.tiles)
        if p.start == 0:
            input_points(kind, begin, end, p.t0, plan, blocks, x, V, ve, p.TB * p.cb, p.cb)
        result_points(kind, begin, end, p.t0, plan, g, Z, ze)


@kernel
def filters(kind, plan, U, u, ue, k0, c0, lines, gw):
    """gw[k, c, T]: the filters of a panel's channels k and cb channels c, from their points in U; lines is scratch."""
    p = plan[0]
    C, K, P, T, nw, rw = p.depth, p.K, p.P, p.T, p.nw, p.Q
    zeros = np.zeros(LANES, np.float32)
    for c1 in range(c0, min(c0 + p.cb, C), 8):
        cn = min(8, min(c0 + p.cb, C) - c1)
        for c in range(cn):
            for j in range(0, P, LANES):
                from_ = u + (c1 - c0 + c) * P + j
                filter_transform(kind, U, from_, nw * ue, ue, lines, c * T * P + j, rw * P, P, zeros, 0, False)
        for t in range(0, cn * T, LANES):
            for j in range(0, min(P, K - k0), LANES):
                transpose_tile(
                    lines, t * P + j, P, gw, ((k0 + j) * C + c1) * T + t, C * T, min(LANES, cn * T - t),
                    min(LANES, K - k0 - j),
                )  # fmt: skip


@kernel
def add_points(kind, plan, rows, places, none, V, Z, tiles, panel, part, e0, e1, U, u, begun):
    """U[u + e*ue + c*P + k] = the sum over tiles of V[e, c] Z[e, k], for e0 <= e < e1 and the channels of a part and a
    panel; added to it with `begun`."""
    p = plan[0]
    C, P, M, TB, cb, chunk = p.depth, p.P, p.M, p.TB, p.cb, p.tc
    ve, ze, ue = TB * ((C + cb - 1) // cb) * cb + LANES, TB * p.panels * P + LANES, cb * P + LANES
    cn, zeros = min(cb, C - part * cb), np.zeros(P, np.float32)
    for e in range(e0, e1):
        for t in range(0, tiles, chunk):
            for i in range(0, cn, M):
                window_tile(
                    kind, V, e * ve + (part * TB + t) * cb, rows, i, min(M, cn - i), none, 0, 1, min(chunk, tiles - t),
                    cb, Z, e * ze + (panel * TB + t) * P, P, U, u + e * ue, places, P, zeros, 0, begun or t > 0, False,
                )  # fmt: skip


@kernel
def gradient_sums(first, last, kind, plan, rows, places, none, V, Z, sums, gw):
    """sums[panel, part, e, c, k] += V[e]' Z[e] for cb channels c, one panel of k and some of the points a task.

    The panels are those from `start` on. A task that has all points and all tiles goes on to the filters.
    """
    p = plan[0]
    P, cb, E = p.P, p.cb, p.nh * p.nw
    begun, alone = p.begun != 0, p.alone != 0
    parts, ue = (p.depth + cb - 1) // cb, cb * P + LANES
    own, lines = scratch(E * ue if alone else 0, V), scratch(8 * p.T * P if alone else 0, V)
    U = own if alone else sums
    for task in range(first, last):
        place = task // p.parts
        some = task - place * p.parts
        panel = place // parts
        part = place - panel * parts
        u = 0 if alone else place * E * ue
        add_points(
            kind, plan, rows, places, none, V, Z, p.tiles, panel, part, some * E // p.parts, (some + 1) * E // p.parts, U,
            u, begun,
        )  # fmt: skip
        if alone:
            filters(kind, plan, U, u, ue, (p.start + panel) * P, part * cb, lines, gw)


@kernel
def filter_sums(first, last, kind, plan, rows, places, none, V, Z, sums, gw):
    """The filters of a panel of channels k and cb channels c a task."""
    p = plan[0]
    E = p.nh * p.nw
    parts, ue = (p.depth + p.cb - 1) // p.cb, p.cb * p.P + LANES
    lines = scratch(8 * p.T * p.P, V)
    for task in range(first, last):
        panel = task // parts
        filters(kind, plan, sums, task * E * ue, ue, panel * p.P, (task - panel * parts) * p.cb, lines, gw)


NEAR = 1 << 19  # points of the weights that stay in the second-level cache
TILES = 24 * 36  # points of the tiles of a block where they do
MANY = 128 * 36  # points of the tiles of a block where they do not
FEW = 80  # tiles up to which each task transforms the weights it needs
FLY = 128  # channels whose weights it transforms at once
CHUNK = 1 << 13  # values of a weight panel, or of a panel of g's points, that stay in the first-level cache
POINTS = 1 << 22  # values of the transformed arrays that the weight gradient keeps at once
HELD = 1 << 21  # values of the transformed weights that a convolution keeps at once, where it makes the source's once
SIDE = 64  # channels c of a task of the weight gradient
TASKS = 8  # into which the work is cut at least, if it can be
GAIN = 0.85  # of the direct form's products: where the transforms still leave a gain
TRANSFORM = 14  # multiply-adds that take as long as the transform of one value
WEIGHTS = 15  # and that of one weight
CUT = 0.1  # what it costs to cut a window up, in the direct form's products


class Window(NamedTuple):
    """Where windows stand: how far apart, the source place of the first one, and the step between their taps."""

    stride: Pair
    start: Pair
    dilation: Pair = (1, 1)


class Target(NamedTuple):
    """Where results go: rows, columns and channels of the array, and (step, first) of the rows and columns written."""

    shape: tuple[int, int, int]
    places: tuple[Pair, Pair] = ((1, 0), (1, 0))


@lru_cache(maxsize=1024)
def _plan(
    shape: tuple[int, int, int, int], out: tuple[int, int, int], r: Pair, window: Window, target: Target, relu: bool,
    back: bool, form: Form, threads: int,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:  # fmt: skip
    """The plan of `convolve`, a record for each group of panels whose weights are held at a time, and its tables: rows of
    V, rows of the products, the blocks behind one tap of no offset."""
    (N, C, H, W), (Ho, Wo, K), (down, across) = shape, out, form
    (sh, sw), (Eh, Ew) = window.stride, window.dilation
    dh, dw = _apart(sh, Eh), _apart(sw, Ew)
    (jh, bh), (jw, bw) = _cut(form, r, window.stride)
    blocks = [
        offset
        for j, b, i, a in np.ndindex(jh, bh, jw, bw)
        for offset in ((j * down.r * sh + b) * Eh, (i * across.r * sw + a) * Ew)
    ]
    depth = len(blocks) // 2 * C
    width = vectors(K, 4)
    th, tw = _tiles(Ho, down.m, dh), _tiles(Wo, across.m, dw)
    T, P, E = N * th * tw, width * LANES, form.points
    panels = -(-K // P)
    fly, near = T <= FEW, E * depth * K <= NEAR
    TB = T if fly else max(1, (TILES if near else MANY) // E)
    runs = -(-T // TB)
    TB = -(-T // runs)
    parts = min(panels, -(-TASKS // runs))
    wanted = max(TASKS // 2, 2 * threads)  # tasks of a group at least
    groups = 1
    if parts > 1 and not fly:  # the source's points are then made beforehand, for all groups of two panels and more
        groups = _groups(E * depth * panels * P, HELD, panels // 2, panels * runs // wanted)
    starts = [i * panels // groups for i in range(groups + 1)]
    most = -(-panels // groups)
    if groups > 1:
        parts = min(panels // groups, max(2, -(-wanted // runs)))
    taps = down.r * across.r
    sk, sc = (taps, taps * K) if back else (taps * depth, taps)
    (rstep, row0), (cstep, col0) = target.places
    Hd, Wd, Kd = target.shape
    values = dict(
        N=N, H=H, W=W, C=C, Ho=Ho, Wo=Wo, K=K, sh=sh, sw=sw, top=window.start[0], left=window.start[1], relu=relu, P=P,
        M=ROWS[width], panels=panels, tiles=T, TB=TB, blocks=runs, parts=parts, sk=sk, sc=sc, back=back, fly=fly,
        mh=down.m, mw=across.m, nh=down.n, nw=across.n, th=th, tw=tw, dh=dh, dw=dw, eh=sh // down.stride * Eh,
        ew=sw // across.stride * Ew,
        depth=depth, T=taps, Q=across.r, Hd=Hd, Wd=Wd, Kd=Kd, rstep=rstep, row0=row0, cstep=cstep, col0=col0,
        cb=FLY if fly else depth, tc=CHUNK // P, step=max(8, 8 * 36 // E), far=not (fly or near),
        wide=-(-most // parts) * P,
    )  # fmt: skip
    plan = np.zeros(groups, PLAN)
    for name, value in values.items():
        plan[name] = value
    plan["start"], plan["panels"] = starts[:-1], np.diff(starts)
    i = np.arange(TB)
    return plan, i * (-(-depth // LANES) * LANES), i * values["wide"], np.array([0, *blocks], np.int64)


def _groups(values: int, held: int, *most: int) -> int:
    """How many groups of panels are taken one after the other so that about `held` of their values are kept at once."""
    return max(1, min(-(-values // held), *most))


def convolve(
    form: Form, x: np.ndarray, shape: tuple[int, int, int, int], w: np.ndarray, back: bool, bias: np.ndarray | None,
    relu: bool, y: np.ndarray, out: tuple[int, int, int], window: Window, target: Target,
) -> None:  # fmt: skip
    """y = the convolution of x (N, H, W, C), all `out` (rows, columns, channels K) results of it, as `target` says.

    x and y are flat, x of shape (N, C, H, W); w is (K, C, R, S), or, with `back`, (C, K, R, S) and its windows are
    taken backwards.
    """
    r: Pair = w.shape[2:]
    if (r, window.stride) != form.whole:
        w, back = cut_up(w[:, :, ::-1, ::-1].transpose(1, 0, 2, 3) if back else w, form, window.stride), False
    w = in_order(w)
    plan, *tables = _plan(shape, out, r, window, target, relu, back, form, threads_in_use())
    p = plan[0]
    depth, P, E, step = int(p["depth"]), int(p["P"]), form.points, int(p["step"])
    kind = KINDS[form, P // LANES]
    edge = np.zeros(-(-out[2] // P) * P, np.float32)
    if bias is not None:
        edge[: out[2]] = bias
    points = w if p["fly"] else aligned(int(plan["panels"].max()) * E * (depth * P + LANES), np.float32)
    for group in np.split(plan, len(plan)):
        if not p["fly"]:
            tasks = int(group["panels"][0]) * -(-depth // step)
            run(transform_weights, tasks, w.size > 1 << 13, kind, group, *tables, x, w, edge, points)
        if p["parts"] > 1 and group["start"] == 0:
            source = aligned(E * (int(p["tiles"]) * -(-depth // LANES) * LANES + LANES), np.float32)
            run(transform_inputs, -(-int(p["tiles"]) // step), True, kind, group, *tables, x, w, edge, source)
            x = source
        run(convolve_tiles, int(p["blocks"] * p["parts"]), True, kind, group, *tables, x, points, edge, y)


def cut_up(w: np.ndarray, form: Form, stride: Pair) -> np.ndarray:
    """Weights (K, C, R, S) as (K, blocks * C, r, s) of the form's windows, zeros behind the last taps."""
    K, C, R, S = w.shape
    full, part, order = _cuts(w.shape, form, stride)
    cut = np.zeros((K, C, full[0] * full[1] * full[2], full[3] * full[4] * full[5]), w.dtype)
    cut[:, :, :R, :S] = w
    return np.ascontiguousarray(cut.reshape(K, C, *full)[part].transpose(order)).reshape(K, -1, full[1], full[4])


def put_together(gw: np.ndarray, w_shape: tuple[int, int, int, int], form: Form, stride: Pair) -> np.ndarray:
    """The adjoint of `cut_up`."""
    K, C, R, S = w_shape
    full, part, order = _cuts(w_shape, form, stride)
    cut = np.zeros((K, C, *full), gw.dtype)
    inner = cut[part].transpose(order)
    inner[...] = gw.reshape(inner.shape)
    return np.ascontiguousarray(cut.reshape(K, C, full[0] * full[1] * full[2], -1)[:, :, :R, :S])


def _cuts(w_shape: tuple[int, ...], form: Form, stride: Pair) -> tuple[Any, Any, Any]:
    """An axis of taps is (group, tap of the form, phase): those of both, which phases are in use, channels' order."""
    (jh, bh), (jw, bw) = _cut(form, w_shape[2:], stride)
    all_, sizes = slice(None), (jh, form.down.r, stride[0], jw, form.across.r, stride[1])
    return sizes, (*[all_] * 4, slice(bh), all_, all_, slice(bw)), (0, 2, 4, 5, 7, 1, 3, 6)


def weight(
    form: Form, g: np.ndarray, x: np.ndarray, shape: tuple[int, int, int, int], out: tuple[int, int, int],
    w_shape: tuple[int, int, int, int], window: Window,
) -> np.ndarray:  # fmt: skip
    """The gradient of `convolve` for its weights (K, C, R, S); g (N, Ho, Wo, K) and x (N, H, W, C) are flat."""
    K, r = out[2], w_shape[2:]
    threads = threads_in_use()
    plan, _, _, blocks = _plan(shape, out, r, window, Target(out), False, False, form, threads)
    plan = plan[:1].copy()
    p = plan[0]
    p["panels"] = -(-K // int(p["P"]))
    P, T, panels, E, depth = int(p["P"]), int(p["tiles"]), int(p["panels"]), form.points, int(p["depth"])
    cb = min(SIDE, -(-depth // LANES) * LANES)
    across, kind = -(-depth // cb), KINDS[form, P // LANES]
    held = max(POINTS, min(4 * POINTS, E * depth * K))  # rather more points of tiles than sums that go through memory
    points, summed = T * E * (across * cb + panels * P), panels * across * E * cb * P
    runs = -(-points // held)
    if points <= points // runs + summed:  # one run needs no memory for sums
        runs = 1
    TB = -(-T // runs)
    parts = max(form.down.n, form.across.n) if panels * across < TASKS else 1
    alone = parts == runs == 1
    p["TB"], p["cb"], p["parts"], p["alone"] = TB, cb, parts, alone
    groups = 1
    if alone:
        groups = _groups(E * T * panels * P, HELD // 2, panels, panels * across // max(TASKS, 2 * threads))
    starts = [i * panels // groups for i in range(groups + 1)]
    V = aligned(E * (TB * across * cb + LANES), np.float32)
    Z = aligned(E * (TB * -(-panels // groups) * P + LANES), np.float32)
    sums = aligned(1 if alone else panels * across * E * (cb * P + LANES), np.float32)
    gw = np.empty(K * depth * form.down.r * form.across.r, np.float32)
    rows = np.arange(cb)
    way = plan, rows, rows * P, blocks
    for t in range(0, T, TB):
        p["t0"], p["tiles"], p["begun"] = t, min(TB, T - t), t > 0
        for start, end in pairwise(starts):
            p["start"], p["panels"] = start, end - start
            run(gradient_points, -(-int(p["tiles"]) // int(p["step"])), True, kind, *way, x, g, V, Z)
            run(gradient_sums, (end - start) * across * parts, True, kind, *way, V, Z, sums, gw)
    if not alone:
        run(filter_sums, panels * across, True, kind, *way, V, Z, sums, gw)
    if (r, window.stride) != form.whole:
        return put_together(gw, w_shape, form, window.stride)
    return gw.reshape(w_shape)
