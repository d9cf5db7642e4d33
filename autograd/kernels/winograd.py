"""Winograd convolution F(4x4, 3x3): 3x3 windows of stride 1 with 36 instead of 144 products a 4x4 block of results.

float32 only. Y = A' [ (G w G') * (B' x B) ] A with the matrices of Lavin & Gray, https://arxiv.org/abs/1509.09308, where
the middle product runs over the channels: 36 matrix products. Both gradients are the adjoints of the same three
transforms. The result differs from the direct sum by about 1e-5 of its largest value. `enabled = False` turns it off.

Letters: N images; H, W source rows and columns; Ho, Wo result rows and columns; C source channels; K result channels;
E = 36 points of the transform; P columns of a weight panel; "block" a run of 4x4 result tiles, in (image, row, column)
order.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from llvmlite import ir
from numba import prange
from numba.core import cgutils, types
from numba.extending import intrinsic

from autograd.kernels.compile import kernel
from autograd.kernels.conv_simd import ROWS, window_tile
from autograd.kernels.simd import LANES

Array = np.ndarray[Any, Any]

enabled = True
"""Whether float32 convolutions of 3x3 windows with stride 1 may take the Winograd form."""


def suits(dtype: Any, channels: int, w_shape: Sequence[int], stride: Any, dilation: Any) -> bool:
    """Whether the Winograd form is allowed for a convolution, and faster."""
    K, C, R, S = w_shape
    return (
        enabled
        and dtype == np.float32
        and R == S == 3
        and stride == dilation == (1, 1)
        and C == channels
        and min(C, K) >= 16
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
        typing: Any, x: Any, x0: Any, xi: Any, xj: Any, y: Any, y0: Any, yi: Any, yj: Any, start: Any, s0: Any, relu: Any
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

            columns = [
                lines([_Vector(b, b.load(at(0, place(1, i, j)), align=4)) for i in range(n)]) for j in range(n)
            ]
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
def gather_patch(x: Array, n: int, h: int, w: int, H: int, W: int, C: int, side: int, patch: Array, step: int) -> None:
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
def input_tile(
    x: Array, tile: int, th: int, tw: int, top: int, left: int, H: int, W: int, C: int, V: Array, v: int, ve: int,
    patch: Array, zeros: Array,
) -> None:  # fmt: skip
    """V[v + e*ve + c], the transformed 6x6 patch of one tile, for every channel (in whole vectors)."""
    n = tile // (th * tw)
    h = (tile - n * th * tw) // tw
    w = (tile - (n * th + h) * tw) * 4 + left
    h = h * 4 + top
    step = -(-C // LANES) * LANES
    if step == C and h >= 0 and w >= 0 and h + 6 <= H and w + 6 <= W:
        a = ((n * H + h) * W + w) * C
        for c in range(0, C, LANES):
            input_transform(x, a + c, W * C, C, V, v + c, 6 * ve, ve, zeros, 0, False)
    else:
        gather_patch(x, n, h, w, H, W, C, 6, patch, step)
        for c in range(0, C, LANES):
            input_transform(patch, c, 6 * step, step, V, v + c, 6 * ve, ve, zeros, 0, False)


@kernel
def weight_points(
    w: Array, sk: int, sc: int, flip: bool, k: int, kn: int, c: int, cn: int, U: Array, u: int, ue: int, P: int,
    taps: Array, zeros: Array,
) -> None:  # fmt: skip
    """U[u + e*ue + i*P + j] = the transformed filter of channels c+i and k+j, for i < cn and j < kn; zero up to P.

    The filter of channels (k, c) is the 9 values at w[k*sk + c*sc], backwards with `flip`.
    """
    for i in range(cn):
        for t in range(9):
            a = k * sk + (c + i) * sc + (8 - t if flip else t)
            for j in range(kn):
                taps[t * P + j] = w[a + j * sk]
            for j in range(kn, P):
                taps[t * P + j] = 0
        for j in range(0, P, LANES):
            weight_transform(taps, j, 3 * P, P, U, u + i * P + j, 6 * ue, ue, zeros, 0, False)


@kernel(parallel=True)
def weights(w: Array, sk: int, sc: int, flip: bool, K: int, C: int, P: int, step: int, U: Array) -> None:
    """U[panel, e, c, P]: every filter transformed, `step` channels a task."""
    parts = -(-C // step)
    for task in prange(-(-K // P) * parts):
        panel = np.int64(task) // parts
        c = (np.int64(task) - panel * parts) * step
        weight_points(
            w, sk, sc, flip, panel * P, min(P, K - panel * P), c, min(step, C - c), U, (panel * 36 * C + c) * P, C * P,
            P, np.empty(9 * P, np.float32), np.zeros(LANES, np.float32),
        )  # fmt: skip


@kernel
def forward_block(
    width: Any, task: int, x: Array, N: int, H: int, W: int, C: int, top: int, left: int, U: Array, bias: Array,
    relu: bool, y: Array, Ho: int, Wo: int, K: int, TB: int, groups: int, P: int, M: int, chunk: int, rows: Array,
    places: Array, taps: Array,
) -> None:  # fmt: skip
    """One block of tiles, one group of weight panels: transform, 36 products, transform back, all in cache."""
    th, tw = -(-Ho // 4), -(-Wo // 4)
    panels = -(-K // P)
    block = task // groups
    group = task - block * groups
    t0 = block * TB
    tiles = min(TB, N * th * tw - t0)
    Cs = -(-C // LANES) * LANES
    V = np.empty(36 * TB * Cs, np.float32)
    R = np.empty(36 * TB * P, np.float32)
    patch = np.empty(36 * Cs, np.float32)
    zeros = np.zeros(P, np.float32)
    edge = np.empty(16 * P, np.float32)
    for t in range(tiles):
        input_tile(x, t0 + t, th, tw, top, left, H, W, C, V, t * Cs, TB * Cs, patch, zeros)
    for panel in range(group * panels // groups, (group + 1) * panels // groups):
        for e in range(36):
            for c in range(0, C, chunk):
                for i in range(0, tiles, M):
                    window_tile(
                        width, V, e * TB * Cs + c, rows, i, min(M, tiles - i), taps, 0, 1, min(chunk, C - c), 1,
                        U, ((panel * 36 + e) * C + c) * P, P, R, e * TB * P, places, P, zeros, 0, c > 0, False,
                    )  # fmt: skip
        k0 = panel * P
        kn = min(P, K - k0)
        for t in range(tiles):
            tile = t0 + t
            n = tile // (th * tw)
            h = (tile - n * th * tw) // tw
            w = (tile - (n * th + h) * tw) * 4
            h *= 4
            o = ((n * Ho + h) * Wo + w) * K + k0
            if kn == P and h + 4 <= Ho and w + 4 <= Wo:
                for j in range(0, P, LANES):
                    output_transform(
                        R, t * P + j, 6 * TB * P, TB * P, y, o + j, Wo * K, K, bias, k0 + j, relu
                    )  # fmt: skip
            else:
                for j in range(0, P, LANES):
                    output_transform(R, t * P + j, 6 * TB * P, TB * P, edge, j, 4 * P, P, bias, k0 + j, relu)
                for r in range(min(4, Ho - h)):
                    for s in range(min(4, Wo - w)):
                        for j in range(kn):
                            y[o + (r * Wo + s) * K + j] = edge[(r * 4 + s) * P + j]


@kernel(parallel=True)
def forward(
    width: Any, tasks: int, x: Array, N: int, H: int, W: int, C: int, top: int, left: int, U: Array, bias: Array,
    relu: bool, y: Array, Ho: int, Wo: int, K: int, TB: int, groups: int, P: int, M: int, chunk: int, rows: Array,
    places: Array, taps: Array,
) -> None:  # fmt: skip
    for task in prange(tasks):
        forward_block(
            width, np.int64(task), x, N, H, W, C, top, left, U, bias, relu, y, Ho, Wo, K, TB, groups, P, M, chunk,
            rows, places, taps,
        )  # fmt: skip


def convolve(
    x: Array, shape: tuple[int, int, int, int], w: Array, strides: tuple[int, int], flip: bool, bias: Array | None,
    relu: bool, y: Array, out: tuple[int, int, int], start: tuple[int, int],
) -> None:  # fmt: skip
    """y (N, Ho, Wo, K) = the 3x3 convolution of x (N, H, W, C), whose first window stands at `start`.

    x, w and y are flat; shape is (N, C, H, W), out (Ho, Wo, K); w holds the 9 values of channels (k, c) at
    k*strides[0] + c*strides[1].
    """
    N, C, H, W = shape
    Ho, Wo, K = out
    vectors = -(-K // LANES)
    vectors = -(-vectors // -(-vectors // max(ROWS)))
    P, M = vectors * LANES, ROWS[vectors]
    panels = -(-K // P)
    T = N * -(-Ho // 4) * -(-Wo // 4)
    TB = min(T, TILES)
    blocks = -(-T // TB)
    TB = -(-T // blocks)
    groups = min(panels, -(-8 // blocks))
    U = np.empty(panels * 36 * C * P, np.float32)
    weights(w, strides[0], strides[1], flip, K, C, P, 16, U)
    edge = np.zeros(panels * P, np.float32)
    if bias is not None:
        edge[:K] = bias
    i = np.arange(TB)
    forward(
        (0,) * vectors, blocks * groups, x, N, H, W, C, start[0], start[1], U, edge, relu, y, Ho, Wo, K, TB, groups, P,
        M, CHUNK, i * (-(-C // LANES) * LANES), i * P, np.zeros(1, np.int64),
    )  # fmt: skip


@kernel
def result_tile(
    g: Array, tile: int, th: int, tw: int, Ho: int, Wo: int, K: int, Z: Array, z: int, ze: int, Ks: int, patch: Array,
    zeros: Array,
) -> None:  # fmt: skip
    """Z[z + e*ze + k], the transformed 4x4 block of one tile of g, for every channel up to Ks."""
    n = tile // (th * tw)
    h = (tile - n * th * tw) // tw
    w = (tile - (n * th + h) * tw) * 4
    h *= 4
    if Ks == K and h + 4 <= Ho and w + 4 <= Wo:
        a = ((n * Ho + h) * Wo + w) * K
        for k in range(0, K, LANES):
            result_transform(g, a + k, Wo * K, K, Z, z + k, 6 * ze, ze, zeros, 0, False)
    else:
        gather_patch(g, n, h, w, Ho, Wo, K, 4, patch, Ks)
        for k in range(0, Ks, LANES):
            result_transform(patch, k, 4 * Ks, Ks, Z, z + k, 6 * ze, ze, zeros, 0, False)


@kernel
def points_part(
    task: int, x: Array, H: int, W: int, C: int, top: int, left: int, V: Array, Cs: int, g: Array, Ho: int, Wo: int,
    K: int, Z: Array, Ks: int, t0: int, tiles: int, TB: int, step: int,
) -> None:  # fmt: skip
    """V[e, t, c] and Z[e, t, k] of `step` tiles of a block of at most TB."""
    th, tw = -(-Ho // 4), -(-Wo // 4)
    patch = np.zeros(36 * max(Cs, Ks), np.float32)
    zeros = np.zeros(LANES, np.float32)
    first = task * step
    last = min(first + step, tiles)
    for t in range(first, last):
        input_tile(x, t0 + t, th, tw, top, left, H, W, C, V, t * Cs, TB * Cs, patch, zeros)
    patch[:] = 0
    for t in range(first, last):
        result_tile(g, t0 + t, th, tw, Ho, Wo, K, Z, t * Ks, TB * Ks, Ks, patch, zeros)


@kernel(parallel=True)
def points(
    tasks: int, x: Array, H: int, W: int, C: int, top: int, left: int, V: Array, Cs: int, g: Array, Ho: int, Wo: int,
    K: int, Z: Array, Ks: int, t0: int, tiles: int, TB: int, step: int,
) -> None:  # fmt: skip
    for task in prange(tasks):
        points_part(
            np.int64(task), x, H, W, C, top, left, V, Cs, g, Ho, Wo, K, Z, Ks, t0, tiles, TB, step
        )  # fmt: skip


@kernel
def weight_part(
    width: Any, task: int, V: Array, Cs: int, Z: Array, Ks: int, TB: int, tiles: int, sums: Array, first: bool,
    last: bool, gw: Array, C: int, K: int, cb: int, P: int, M: int, chunk: int, rows: Array, places: Array, taps: Array,
) -> None:  # fmt: skip
    """sums[task, e, c, k] += V[e]' Z[e] for one panel of k and cb channels c; with `last`, their gradient in gw."""
    parts = -(-C // cb)
    panel = task // parts
    c0 = (task - panel * parts) * cb
    cn = min(cb, C - c0)
    own = np.empty(36 * cb * P if first and last else 0, np.float32)
    U = own if first and last else sums
    u = 0 if first and last else task * 36 * cb * P
    zeros = np.zeros(P, np.float32)
    for e in range(36):
        for t in range(0, tiles, chunk):
            for i in range(0, cn, M):
                window_tile(
                    width, V, (e * TB + t) * Cs + c0, rows, i, min(M, cn - i), taps, 0, 1, min(chunk, tiles - t), Cs,
                    Z, (e * TB + t) * Ks + panel * P, Ks, U, u + e * cb * P, places, P, zeros, 0,
                    not first or t > 0, False,
                )  # fmt: skip
    if last:
        taps9 = np.empty(9 * P, np.float32)
        for c in range(cn):
            for j in range(0, P, LANES):
                filter_transform(U, u + c * P + j, 6 * cb * P, cb * P, taps9, j, 3 * P, P, zeros, 0, False)
            for j in range(min(P, K - panel * P)):
                o = ((panel * P + j) * C + c0 + c) * 9
                for t in range(9):
                    gw[o + t] = taps9[t * P + j]


@kernel(parallel=True)
def weight_gradient(
    width: Any, tasks: int, V: Array, Cs: int, Z: Array, Ks: int, TB: int, tiles: int, sums: Array, first: bool,
    last: bool, gw: Array, C: int, K: int, cb: int, P: int, M: int, chunk: int, rows: Array, places: Array, taps: Array,
) -> None:  # fmt: skip
    for task in prange(tasks):
        weight_part(
            width, np.int64(task), V, Cs, Z, Ks, TB, tiles, sums, first, last, gw, C, K, cb, P, M, chunk, rows, places,
            taps,
        )  # fmt: skip


def weight(
    g: Array, x: Array, shape: tuple[int, int, int, int], out: tuple[int, int, int], start: tuple[int, int]
) -> Array:
    """The gradient (K, C, 3, 3) of `convolve` for its weights; g (N, Ho, Wo, K) and x (N, H, W, C) are flat."""
    N, C, H, W = shape
    Ho, Wo, K = out
    vectors = -(-K // LANES)
    vectors = -(-vectors // -(-vectors // max(ROWS)))
    P, M = vectors * LANES, ROWS[vectors]
    panels = -(-K // P)
    Cs, Ks = -(-C // LANES) * LANES, panels * P
    T = N * -(-Ho // 4) * -(-Wo // 4)
    blocks = -(-T * 36 * (Cs + Ks) // POINTS)
    TB = -(-T // blocks)
    cb = min(C, M * max(1, min(32 // M, C * panels // (8 * M))))
    tasks = panels * -(-C // cb)
    V, Z = np.empty(36 * TB * Cs, np.float32), np.empty(36 * TB * Ks, np.float32)
    sums = np.empty(tasks * 36 * cb * P if blocks > 1 else 0, np.float32)
    gw = np.empty((K, C, 3, 3), np.float32)
    rows, none = np.arange(cb), np.zeros(1, np.int64)
    for t in range(0, T, TB):
        tiles, last = min(TB, T - t), t + TB >= T
        points(-(-tiles // 8), x, H, W, C, start[0], start[1], V, Cs, g, Ho, Wo, K, Z, Ks, t, tiles, TB, 8)
        weight_gradient(
            (0,) * vectors, tasks, V, Cs, Z, Ks, TB, tiles, sums, t == 0, last, gw.reshape(-1), C, K, cb, P, M, CHUNK,
            rows, rows * P, none,
        )  # fmt: skip
    return gw


TILES = 48  # tiles of a block of the forward form
CHUNK = 128  # channels (forward) or tiles (weight gradient) that one pass over an accumulator takes
POINTS = 1 << 22  # values of the transformed arrays that the weight gradient keeps at once
