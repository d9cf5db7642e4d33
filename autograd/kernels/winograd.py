"""Winograd convolution F(4x4, 3x3): 3x3 windows of stride 1 with 36 instead of 144 products a 4x4 block of results.

float32 only. Y = A' [ (G w G') * (B' x B) ] A with the matrices of Lavin & Gray, https://arxiv.org/abs/1509.09308,
where the middle product runs over the channels: 36 matrix products. Both gradients are the adjoints of the same three
transforms. The result differs from the exact one by 6e-6 of its largest value with 64 channels and 2e-5 with 512, where
the direct float32 sum differs by 1e-6 and 4e-6. `enabled = False` turns it off.

Letters: N images; H, W source rows and columns; Ho, Wo result rows and columns; C source channels; K result channels;
E = 36 points of the transform; P columns of a weight panel; "block" a run of 4x4 result tiles, in (image, row, column)
order.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from autograd.kernels.buffer import aligned
from autograd.kernels.compile import kernel
from autograd.kernels.conv_direct import PLAN, run
from autograd.kernels.conv_simd import ROWS, scratch, vectors, window_tile
from autograd.kernels.simd import LANES, transpose_tile

enabled = True
"""Whether float32 convolutions of 3x3 windows with stride 1 may take the Winograd form."""


def suits(
    dtype: Any, channels: int, w_shape: Sequence[int], stride: Any, dilation: Any, for_weight: bool = False
) -> bool:
    """Whether the Winograd form is allowed for a convolution (or its weight gradient), and faster as measured."""
    K, C, R, S = w_shape
    return (
        enabled
        and dtype == np.float32
        and R == S == 3
        and stride == dilation == (1, 1)
        and C == channels
        and min(C, K) >= 16
        and C * K >= (2048 if for_weight else 1024)
    )


def input_lines(d: Sequence[Any]) -> list[Any]:
    """B' along one axis, 6 values to 6 points."""
    even, odd = d[4] - 4 * d[2], d[3] - 4 * d[1]
    outer, inner = d[4] - d[2], 2 * (d[3] - d[1])
    return [4 * d[0] - 5 * d[2] + d[4], even + odd, even - odd, outer + inner, outer - inner,
            4 * d[1] - 5 * d[3] + d[5]]  # fmt: skip


def output_lines(m: Sequence[Any]) -> list[Any]:
    """A' along one axis, 6 points to 4 values."""
    s, d, s2, d2 = m[1] + m[2], m[1] - m[2], m[3] + m[4], m[3] - m[4]
    return [m[0] + s + s2, d + 2 * d2, s + 4 * s2, d + 8 * d2 + m[5]]


def result_lines(g: Sequence[Any]) -> list[Any]:
    """A along one axis, 4 values to 6 points: the adjoint of `output_lines`."""
    even, odd, even4, odd4 = g[0] + g[2], g[1] + g[3], g[0] + 4 * g[2], 2 * g[1] + 8 * g[3]
    return [g[0], even + odd, even - odd, even4 + odd4, even4 - odd4, g[3]]


def weight_lines(w: Sequence[Any]) -> list[Any]:
    """G along one axis, 3 values to 6 points."""
    sides, wide = (w[0] + w[2]) * (1 / 6), w[0] * (1 / 24) + w[2] * (1 / 6)
    return [w[0] * (1 / 4), w[1] * (-1 / 6) - sides, w[1] * (1 / 6) - sides, wide + w[1] * (1 / 12),
            wide - w[1] * (1 / 12), w[2]]  # fmt: skip


def filter_lines(u: Sequence[Any]) -> list[Any]:
    """G' along one axis, 6 points to 3 values: the adjoint of `weight_lines`."""
    s, d, s2, d2 = u[1] + u[2], u[2] - u[1], u[3] + u[4], u[3] - u[4]
    return [u[0] * (1 / 4) - s * (1 / 6) + s2 * (1 / 24), d * (1 / 6) + d2 * (1 / 12), (s2 - s) * (1 / 6) + u[5]]


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


def _transform(lines: Callable[[Sequence[Any]], list[Any]], n: int) -> Any:
    """The intrinsic that takes n x n vectors through `lines` along both axes.

    from x[x0 + i*xi + j*xj] to y[y0 + i*yi + j*yj], one vector of float32 each, plus the vector start[s0]; `relu`
    clips below at zero.
    """

    @intrinsic  # type: ignore[untyped-decorator]
    def transform(
        typing: Any,
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
        sig = types.void(x, i8, i8, i8, y, i8, i8, i8, start, i8, types.boolean)

        def codegen(ctx: Any, b: Any, sig: Any, args: Any) -> Any:
            vector = ir.VectorType(ir.FloatType(), LANES)

            def at(which: int, offset: Any) -> Any:
                data = cgutils.create_struct_proxy(sig.args[which])(ctx, b, value=args[which]).data
                return b.bitcast(b.gep(data, [offset]), vector.as_pointer())

            def place(first: int, i: int, j: int) -> Any:
                k = [ir.Constant(ir.IntType(64), v) for v in (i, j)]
                return b.add(args[first], b.add(b.mul(args[first + 1], k[0]), b.mul(args[first + 2], k[1])))

            columns = [lines([_Vector(b, b.load(at(0, place(1, i, j)), align=4)) for i in range(n)]) for j in range(n)]
            first = _Vector(b, b.load(at(8, args[9]), align=4))
            zero = ir.Constant(vector, [0.0] * LANES)
            for i in range(len(columns[0])):
                for j, result in enumerate(lines([column[i] for column in columns])):
                    v = (result + first).value
                    clipped = b.select(b.fcmp_ordered("<=", v, zero), zero, v)
                    b.store(b.select(args[10], clipped, v), at(4, place(5, i, j)), align=4)
            return ctx.get_dummy_value()

        return sig, codegen

    return transform


input_transform = _transform(input_lines, 6)
output_transform = _transform(output_lines, 6)
result_transform = _transform(result_lines, 4)
weight_transform = _transform(weight_lines, 3)
filter_transform = _transform(filter_lines, 6)


@kernel
def gather_patch(x, n, h, w, H, W, C, side, patch, step):
    """patch[i, j, c] = x[n, h+i, w+j, c] for i, j < side, in rows of `step` values; zero outside the image."""
    for i in range(side):
        for j in range(side):
            o, a = (i * side + j) * step, ((n * H + h + i) * W + w + j) * C
            if 0 <= h + i < H and 0 <= w + j < W:
                for c in range(C):
                    patch[o + c] = x[a + c]
            else:
                for c in range(C):
                    patch[o + c] = 0


@kernel
def place(tile, Ho, Wo):
    """Image, first row and first column of a 4x4 tile of results."""
    th, tw = (Ho + 3) // 4, (Wo + 3) // 4
    n = tile // (th * tw)
    h = (tile - n * th * tw) // tw
    return n, h * 4, (tile - (n * th + h) * tw) * 4


@kernel
def input_points(first, last, t0, plan, x, V, ve):
    """V[e*ve + t*Cs + c]: the transformed 6x6 patches of the tiles t0 + t, Cs channels in whole vectors."""
    p = plan[0]
    H, W, C = p.H, p.W, p.C
    Cs = (C + LANES - 1) // LANES * LANES
    zeros = np.zeros(LANES, np.float32)
    patch = scratch(36 * Cs, x)
    patch[:] = 0
    for t in range(first, last):
        n, h, w = place(t0 + t, p.Ho, p.Wo)
        h, w, v = h + p.top, w + p.left, t * Cs
        if Cs == C and h >= 0 and w >= 0 and h + 6 <= H and w + 6 <= W:
            a = ((n * H + h) * W + w) * C
            for c in range(0, C, LANES):
                input_transform(x, a + c, W * C, C, V, v + c, 6 * ve, ve, zeros, 0, False)
        else:
            gather_patch(x, n, h, w, H, W, C, 6, patch, Cs)
            for c in range(0, C, LANES):
                input_transform(patch, c, 6 * Cs, Cs, V, v + c, 6 * ve, ve, zeros, 0, False)


@kernel
def result_points(first, last, t0, plan, g, Z, ze):
    """Z[e*ze + t*Ks + k]: the transformed 4x4 blocks of the tiles t0 + t of g, Ks channels in whole panels."""
    p = plan[0]
    Ho, Wo, K, Ks = p.Ho, p.Wo, p.K, p.panels * p.P
    zeros = np.zeros(LANES, np.float32)
    patch = scratch(16 * Ks, g)
    patch[:] = 0
    for t in range(first, last):
        n, h, w = place(t0 + t, Ho, Wo)
        if Ks == K and h + 4 <= Ho and w + 4 <= Wo:
            a = ((n * Ho + h) * Wo + w) * K
            for k in range(0, K, LANES):
                result_transform(g, a + k, Wo * K, K, Z, t * Ks + k, 6 * ze, ze, zeros, 0, False)
        else:
            gather_patch(g, n, h, w, Ho, Wo, K, 4, patch, Ks)
            for k in range(0, Ks, LANES):
                result_transform(patch, k, 4 * Ks, Ks, Z, t * Ks + k, 6 * ze, ze, zeros, 0, False)


@kernel
def weight_points(plan, w, k, c0, cn, U, u, ue, taps):
    """U[u + e*ue + i*P + j] = the transformed filter of channels c0+i and k+j, for i < cn; zero past channel K.

    The filter of channels (k, c) is the 9 values at w[k*sk + c*sc], backwards with `back`.
    """
    p = plan[0]
    P, sk, sc = p.P, p.sk, p.sc
    kn = min(P, p.K - k)
    zeros = np.zeros(LANES, np.float32)
    if kn < P:
        taps[:] = 0
    for i0 in range(0, cn, 8):
        a, i1 = k * sk + (c0 + i0) * sc, min(cn, i0 + 8)
        for j in range(0, kn, LANES):
            if p.back:
                for i in range(i1 - i0):
                    o = (i * 9 + 8) * P + j
                    transpose_tile(w, a + i * sc + j * sk, sk, taps, o, -P, min(LANES, kn - j), min(LANES, 9))
                    for t in range(LANES, 9):
                        for v in range(min(LANES, kn - j)):
                            taps[o - t * P + v] = w[a + i * sc + (j + v) * sk + t]
            else:
                for t in range(0, (i1 - i0) * 9, LANES):
                    count = min(LANES, (i1 - i0) * 9 - t)
                    transpose_tile(w, a + j * sk + t, sk, taps, t * P + j, P, min(LANES, kn - j), count)
        for i in range(i0, i1):
            for j in range(0, P, LANES):
                weight_transform(taps, (i - i0) * 9 * P + j, 3 * P, P, U, u + i * P + j, 6 * ue, ue, zeros, 0, False)


@kernel
def transform_weights(first, last, width, plan, rows, places, taps, x, w, bias, U):
    """U[panel, e, c, P]: every filter transformed, `step` channels c a task."""
    p = plan[0]
    C, P, step = p.C, p.P, p.step
    ue = C * P + LANES
    parts = (C + step - 1) // step
    nine = scratch(72 * P, w)
    for task in range(first, last):
        panel = task // parts
        c0 = (task - panel * parts) * step
        weight_points(plan, w, panel * P, c0, min(step, C - c0), U, panel * 36 * ue + c0 * P, ue, nine)


@kernel
def transform_inputs(first, last, width, plan, rows, places, taps, x, w, bias, V):
    """The points of the source, `step` tiles a task."""
    p = plan[0]
    ve = p.tiles * ((p.C + LANES - 1) // LANES * LANES) + LANES
    for task in range(first, last):
        input_points(task * p.step, min((task + 1) * p.step, p.tiles), 0, plan, x, V, ve)


@kernel
def convolve_tiles(first, last, width, plan, rows, places, taps, x, w, bias, y):
    """A block of tiles and a part of the weight panels a task: 36 products, then the transform back.

    x are the points of the source where there are several parts, else the source. w are the points of the weights, or
    with `fly` the weights, which are transformed cb channels at a time just before their use.
    """
    p = plan[0]
    C, K, P, M, TB, cb, chunk, Ho, Wo, panels = p.C, p.K, p.P, p.M, p.TB, p.cb, p.tc, p.Ho, p.Wo, p.panels
    relu, shared = p.relu != 0, p.parts > 1
    Cs, across = (C + LANES - 1) // LANES * LANES, (panels + p.parts - 1) // p.parts * P
    ve, re, ue = (p.tiles if shared else TB) * Cs + LANES, TB * across + LANES, (cb if p.fly else C) * P + LANES
    own, R = scratch(0 if shared else 36 * ve, x), scratch(36 * re, x)
    fresh, nine = scratch(36 * ue if p.fly else 0, x), scratch(72 * P, x)
    V, U = x if shared else own, fresh if p.fly else w
    edge, zeros = scratch(16 * P, x), np.zeros(P, np.float32)
    for task in range(first, last):
        block = task // p.parts
        part = task - block * p.parts
        t0 = block * TB
        tiles = min(TB, p.tiles - t0)
        v = t0 * Cs if shared else 0
        if not shared:
            input_points(0, tiles, t0, plan, x, V, ve)
        begin, end = part * panels // p.parts, (part + 1) * panels // p.parts
        for c0 in range(0, C, cb):
            cn = min(cb, C - c0)
            for outer in range(begin, end if p.fly else begin + 1):
                if p.fly:
                    weight_points(plan, w, outer * P, c0, cn, U, 0, ue, nine)
                for e in range(36):
                    for panel in range(outer, outer + 1 if p.fly else end):
                        u = e * ue if p.fly else (panel * 36 + e) * ue
                        for c in range(0, cn, chunk):
                            for i in range(0, tiles, M):
                                window_tile(
                                    width, V, v + e * ve + c0 + c, rows, i, min(M, tiles - i), taps, 0, 1,
                                    min(chunk, cn - c), 1, U, u + c * P, P, R, e * re + (panel - begin) * P, places, P,
                                    zeros, 0, c0 + c > 0, False,
                                )  # fmt: skip
        for t in range(tiles):
            n, h, v = place(t0 + t, Ho, Wo)
            for panel in range(begin, end):
                k0, r0 = panel * P, t * across + (panel - begin) * P
                o = ((n * Ho + h) * Wo + v) * K + k0
                if k0 + P <= K and h + 4 <= Ho and v + 4 <= Wo:
                    for j in range(0, P, LANES):
                        output_transform(R, r0 + j, 6 * re, re, y, o + j, Wo * K, K, bias, k0 + j, relu)
                else:
                    for j in range(0, P, LANES):
                        output_transform(R, r0 + j, 6 * re, re, edge, j, 4 * P, P, bias, k0 + j, relu)
                    for r in range(min(4, Ho - h)):
                        for s in range(min(4, Wo - v)):
                            for j in range(min(P, K - k0)):
                                y[o + (r * Wo + s) * K + j] = edge[(r * 4 + s) * P + j]


@kernel
def gradient_points(first, last, width, plan, rows, places, taps, x, g, V, Z):
    """V and Z, the points of `step` tiles of x and of g a task."""
    p = plan[0]
    ve, ze = p.TB * ((p.C + LANES - 1) // LANES * LANES) + LANES, p.TB * p.panels * p.P + LANES
    for task in range(first, last):
        begin, end = task * p.step, min((task + 1) * p.step, p.tiles)
        input_points(begin, end, p.t0, plan, x, V, ve)
        result_points(begin, end, p.t0, plan, g, Z, ze)


@kernel
def gradient_sums(first, last, width, plan, rows, places, taps, V, Z, sums, gw):
    """sums[task, e, c, k] += V[e]' Z[e] for cb channels c and one panel of k a task; when `ended`, gw[k, c, 9]."""
    p = plan[0]
    C, K, P, M, TB, cb, chunk, tiles, Ks = p.C, p.K, p.P, p.M, p.TB, p.cb, p.tc, p.tiles, p.panels * p.P
    begun, alone = p.begun != 0, p.begun == 0 and p.ended != 0
    Cs = (C + LANES - 1) // LANES * LANES
    ve, ze, ue = TB * Cs + LANES, TB * Ks + LANES, cb * P + LANES
    parts = (C + cb - 1) // cb
    own, nine = scratch(36 * ue if alone else 0, V), scratch(9 * P, V)
    U = own if alone else sums
    zeros = np.zeros(P, np.float32)
    for task in range(first, last):
        k0 = task // parts * P
        c0 = (task - task // parts * parts) * cb
        cn = min(cb, C - c0)
        u = 0 if alone else task * 36 * ue
        for e in range(36):
            for t in range(0, tiles, chunk):
                for i in range(0, cn, M):
                    window_tile(
                        width, V, e * ve + t * Cs + c0, rows, i, min(M, cn - i), taps, 0, 1, min(chunk, tiles - t), Cs,
                        Z, e * ze + t * Ks + k0, Ks, U, u + e * ue, places, P, zeros, 0, begun or t > 0, False,
                    )  # fmt: skip
        if p.ended:
            for c in range(cn):
                for j in range(0, P, LANES):
                    filter_transform(U, u + c * P + j, 6 * ue, ue, nine, j, 3 * P, P, zeros, 0, False)
                for j in range(min(P, K - k0)):
                    o = ((k0 + j) * C + c0 + c) * 9
                    for t in range(9):
                        gw[o + t] = nine[t * P + j]


NEAR = 1 << 19  # points of the weights that stay in the second-level cache
TILES = 24  # tiles of a block where they do
MANY = 128  # tiles of a block where they do not
FEW = 80  # tiles up to which each task transforms the weights it needs
FLY = 32  # channels whose weights it transforms at once
CHUNK = 256  # channels, or tiles in the weight gradient, that one pass over a sum takes
POINTS = 1 << 22  # values of the transformed arrays that the weight gradient keeps at once
TASKS = 8  # into which the work is cut at least, if it can be


@lru_cache(maxsize=1024)
def _plan(
    shape: tuple[int, int, int, int], out: tuple[int, int, int], start: tuple[int, int], relu: bool, back: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The plan of `convolve` and its tables: rows of V, rows of the products, no tap."""
    (N, C, H, W), (Ho, Wo, K) = shape, out
    width = vectors(K, 4)
    plan = np.zeros(1, PLAN)
    T, P = N * -(-Ho // 4) * -(-Wo // 4), width * LANES
    panels = -(-K // P)
    fly = T <= FEW
    TB = T if fly else TILES if 36 * C * K <= NEAR else MANY
    blocks = -(-T // TB)
    TB = -(-T // blocks)
    parts = min(panels, -(-TASKS // blocks))
    sk, sc = (9, 9 * K) if back else (9 * C, 9)
    values = dict(
        N=N, H=H, W=W, C=C, Ho=Ho, Wo=Wo, K=K, top=start[0], left=start[1], relu=relu, P=P, M=ROWS[width],
        panels=panels, tiles=T, TB=TB, blocks=blocks, parts=parts, sk=sk, sc=sc, back=back, fly=fly,
        cb=FLY if fly else C, tc=CHUNK, step=8,
    )  # fmt: skip
    for name, value in values.items():
        plan[name] = value
    i = np.arange(TB)
    return plan, i * (-(-C // LANES) * LANES), i * (-(-panels // parts) * P), np.zeros(1, np.int64)


def convolve(
    x: np.ndarray, shape: tuple[int, int, int, int], w: np.ndarray, back: bool, bias: np.ndarray | None, relu: bool,
    y: np.ndarray, out: tuple[int, int, int], start: tuple[int, int],
) -> None:  # fmt: skip
    """y (N, Ho, Wo, K) = the 3x3 convolution of x (N, H, W, C), whose first window stands at `start`.

    x, w and y are flat; shape is (N, C, H, W), out (Ho, Wo, K); w is (K, C, 3, 3), or, with `back`, (C, K, 3, 3) and
    its windows are taken backwards.
    """
    way = _plan(shape, out, start, relu, back)
    p = way[0][0]
    C, P, panels, width = shape[1], int(p["P"]), int(p["panels"]), int(p["P"]) // LANES
    edge = np.zeros(panels * P, np.float32)
    if bias is not None:
        edge[: out[2]] = bias
    if not p["fly"]:
        points = aligned(panels * 36 * (C * P + LANES), np.float32)
        run(transform_weights, panels * -(-C // int(p["step"])), w.size > 1 << 13, width, *way, x, w, edge, points)
        w = points
    if p["parts"] > 1:
        source = aligned(36 * (int(p["tiles"]) * -(-C // LANES) * LANES + LANES), np.float32)
        run(transform_inputs, -(-int(p["tiles"]) // int(p["step"])), True, width, *way, x, w, edge, source)
        x = source
    run(convolve_tiles, int(p["blocks"] * p["parts"]), True, width, *way, x, w, edge, y)


def weight(
    g: np.ndarray, x: np.ndarray, shape: tuple[int, int, int, int], out: tuple[int, int, int], start: tuple[int, int]
) -> np.ndarray:
    """The gradient of `convolve` for its weights, flat (K, C, 3, 3); g (N, Ho, Wo, K) and x (N, H, W, C) are flat."""
    (_, C, _, _), (_, _, K) = shape, out
    plan, _, _, none = _plan(shape, out, start, False, False)
    plan = plan.copy()
    p = plan[0]
    P, M, T, panels = int(p["P"]), int(p["M"]), int(p["tiles"]), int(p["panels"])
    Cs, Ks, width = -(-C // LANES) * LANES, panels * P, P // LANES
    blocks = -(-T * 36 * (Cs + Ks) // POINTS)
    TB = -(-T // blocks)
    cb = min(C, M * max(1, min(32 // M, C * panels // (TASKS * M))))
    tasks = panels * -(-C // cb)
    p["TB"], p["cb"], p["step"] = TB, cb, 8
    V, Z = aligned(36 * (TB * Cs + LANES), np.float32), aligned(36 * (TB * Ks + LANES), np.float32)
    sums = aligned(tasks * 36 * (cb * P + LANES) if blocks > 1 else 1, np.float32)
    gw = np.empty(K * C * 9, np.float32)
    rows = np.arange(cb)
    for t in range(0, T, TB):
        p["t0"], p["tiles"], p["begun"], p["ended"] = t, min(TB, T - t), t > 0, t + TB >= T
        run(gradient_points, -(-int(p["tiles"]) // 8), True, width, plan, rows, rows * P, none, x, g, V, Z)
        run(gradient_sums, tasks, True, width, plan, rows, rows * P, none, V, Z, sums, gw)
    return gw
