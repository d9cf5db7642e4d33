"""Winograd convolution: windows of stride 1 with fewer products, 3x3 and 5x5, and rows or columns of 3, 5 or 7.

Along one axis F(m, r) computes m results of a window of r values from n = m + r - 1 values, with n products where the
direct sum takes m*r: F(4, 3) a half of them, F(4, 5) two fifths, F(4, 7) a little more than a third. A window of two
axes takes the form along each: F(4x4, 3x3) a quarter, F(4x4, 5x5) a sixth. float32 only.
Y = A' [ (G w G') * (B' x B) ] A (Lavin & Gray, https://arxiv.org/abs/1509.09308), where the middle product runs over
the channels: a matrix product for each of the points. Both gradients are the adjoints of the same three transforms. The
results differ from the exact ones by 8e-6 of the largest with 64 channels and 2e-5 with 512 (the weight gradient of
seven values by 1.4e-5 with any), where the direct float32 sum differs by 1e-6 and 4e-6. `enabled = False` turns it off.

Letters: N images; H, W source rows and columns; Ho, Wo result rows and columns; C source channels; K result channels;
mh, mw rows and columns of a tile of results, nh, nw of the values it is computed from; E = nh*nw points of the
transform; T values of a window; P columns of a weight panel; "block" a run of result tiles, in (image, row, column)
order.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from functools import lru_cache
from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic
from numba.np.numpy_support import from_dtype

from autograd.kernels.buffer import aligned
from autograd.kernels.compile import kernel
from autograd.kernels.conv_direct import PLAN, run
from autograd.kernels.conv_simd import ROWS, clear, copy, prefetch, scratch, vectors, window_tile
from autograd.kernels.simd import LANES, transpose_tile

enabled = True
"""Whether float32 convolutions with stride 1 may take the Winograd form."""

Matrix = list[list[float]]


def cook_toom(finite: Sequence[Fraction], m: int, r: int) -> tuple[Matrix, Matrix, Matrix]:
    """B', A and G of F(m, r) for those points and infinity: n = m + r - 1 rows each, a row a point.

    A row of A and of G holds the powers of its point, G's divided by the product of its distances from the others; a
    row of B' the coefficients of the polynomial that vanishes at the others.
    """

    def vanishing(zeros: Sequence[Fraction]) -> list[Fraction]:
        product = [Fraction(1)]
        for z in zeros:
            product = [up - z * own for up, own in zip([Fraction(0), *product], [*product, Fraction(0)], strict=True)]
        return product

    others = [[q for q in finite if q != p] for p in finite]
    scales = [sum(c * p**i for i, c in enumerate(vanishing(rest))) for p, rest in zip(finite, others, strict=True)]
    B = [[*vanishing(rest), 0] for rest in others] + [vanishing(finite)]
    A = [[p**i for i in range(m)] for p in finite] + [[0] * (m - 1) + [1]]
    G = [[p**i / scale for i in range(r)] for p, scale in zip(finite, scales, strict=True)] + [[0] * (r - 1) + [1]]
    return tuple([[float(v) for v in row] for row in matrix] for matrix in (B, A, G))  # type: ignore[return-value]


def _sum(terms: Sequence[tuple[float, Any]]) -> Any:
    """The sum of factor * value, without the zeros and the multiplications by one."""
    total = None
    for factor, value in sorted(terms, key=lambda term: term[0] != 1):
        if total is None:
            total = value if factor == 1 else factor * value
        elif factor in (1, -1):
            total = total + value if factor == 1 else total - value
        elif factor:
            total = total + factor * value
    return total


def to_points(matrix: Matrix, v: Sequence[Any]) -> list[Any]:
    """matrix times v, where the rows of points p and -p agree in every second column and differ in sign in the rest."""
    points = [_sum([(f, x) for f, x in zip(matrix[0], v, strict=True) if f])]
    for row, mirrored in zip(matrix[1:-1:2], matrix[2:-1:2], strict=True):
        terms = list(zip(row, mirrored, v, strict=True))
        even, odd = (_sum([(f, x) for f, g, x in terms if f and (f == g) == same]) for same in (True, False))
        points += [even + odd, even - odd]
    return [*points, _sum([(f, x) for f, x in zip(matrix[-1], v, strict=True) if f])]


def from_points(matrix: Matrix, u: Sequence[Any]) -> list[Any]:
    """The transpose of matrix times u: the adjoint of `to_points`."""
    pairs = [(u[i] + u[i + 1], u[i] - u[i + 1]) for i in range(1, len(u) - 1, 2)]
    values = []
    for column in zip(*matrix, strict=True):
        ends = [(column[0], u[0]), (column[-1], u[-1])]
        middle = zip(column[1:-1:2], column[2:-1:2], pairs, strict=True)
        values.append(_sum([(f, x) for f, x in ends + [(f, p[f != g]) for f, g, p in middle] if f]))
    return values


class Axis:
    """F(m, r) along one axis; its transforms, each a matrix and the direction it is applied in."""

    def __init__(self, m: int, r: int) -> None:
        self.m, self.r, self.n = m, r, m + r - 1
        points = ("0", "1", "-1", "2", "-2", "1/2", "-1/2", "3/4", "-3/4")[: self.n - 1]
        B, A, G = cook_toom([Fraction(p) for p in points], m, r)
        self.lines = {
            "input": (B, to_points),
            "output": (A, from_points),
            "result": (A, to_points),
            "weight": (G, to_points),
            "filter": (G, from_points),
        }


_THREE, _FIVE, _SEVEN = Axis(4, 3), Axis(4, 5), Axis(4, 7)
# One axis serves rows and columns alike.
FORMS: tuple[tuple[Axis, ...], ...] = ((_THREE, _THREE), (_FIVE, _FIVE), (_THREE,), (_FIVE,), (_SEVEN,))
WINDOWS = {(3, 3): 0, (5, 5): 1, (1, 3): 2, (3, 1): 2, (1, 5): 3, (5, 1): 3, (1, 7): 4, (7, 1): 4}  # number of the form

# What a kernel is told its form and its tile's width with: an array whose type says both.
_TELLS = (np.int8, np.int16, np.int32, np.int64, np.uint8)
KINDS = {(form, width): np.zeros((1,) * width, tell) for form, tell in enumerate(_TELLS) for width in ROWS}
_TOLD = {from_dtype(np.dtype(tell)): form for form, tell in enumerate(_TELLS)}


def suits(dtype: Any, channels: int, w_shape: Sequence[int], stride: Any, dilation: Any) -> bool:
    """Whether the Winograd form is allowed for a convolution or one of its gradients, and faster as measured."""
    K, C, R, S = w_shape
    return (
        enabled
        and dtype == np.float32
        and (R, S) in WINDOWS
        and stride == dilation == (1, 1)
        and C == channels
        and min(C, K) >= 16
        and C * K >= 512
    )


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
    """The intrinsic that takes vectors through the form's lines of that name along each axis.

    From x[x0 + i*xi + j*xj] to y[y0 + i*yi + j*yj], one vector of float32 each, plus the vector start[s0]; `relu` clips
    below at zero. A form of one axis has only j = 0. The form is the one that the type of `kind` tells.
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
        lines = [axis.lines[name] for axis in FORMS[_TOLD[kind.dtype]]]
        sizes = [len(matrix[0]) if apply is to_points else len(matrix) for matrix, apply in lines]

        def codegen(ctx: Any, b: Any, sig: Any, args: Any) -> Any:
            vector = ir.VectorType(ir.FloatType(), LANES)

            def at(which: int, offset: Any) -> Any:
                data = cgutils.create_struct_proxy(sig.args[which])(ctx, b, value=args[which]).data
                return b.bitcast(b.gep(data, [offset]), vector.as_pointer())

            def place(first: int, i: int, j: int) -> Any:
                k = [ir.Constant(ir.IntType(64), v) for v in (i, j)]
                return b.add(args[first], b.add(b.mul(args[first + 1], k[0]), b.mul(args[first + 2], k[1])))

            def along(axis: int, values: list[Any]) -> list[Any]:
                matrix, apply = lines[axis]
                return apply(matrix, values)  # type: ignore[no-any-return]

            def column(j: int) -> list[Any]:
                return along(0, [_Vector(b, b.load(at(1, place(2, i, j)), align=4)) for i in range(sizes[0])])

            columns = [column(j) for j in range(sizes[1] if len(sizes) > 1 else 1)]
            first = _Vector(b, b.load(at(9, args[10]), align=4))
            zero = ir.Constant(vector, [0.0] * LANES)
            for i in range(len(columns[0])):
                row = [values[i] for values in columns]
                for j, result in enumerate(along(1, row) if len(lines) > 1 else row):
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
def gather_patch(x, n, h, w, H, W, C, rows, columns, patch, step):
    """patch[i, j, c] = x[n, h+i, w+j, c] for i < rows, j < columns, `step` values a pixel; zero outside the image."""
    first = min(max(-w, 0), columns)
    last = max(first, min(W - w, columns))
    for i in range(rows):
        o, a = i * columns * step, ((n * H + h + i) * W + w) * C
        if not 0 <= h + i < H:
            clear(patch, o, columns * step)
        elif step == C:
            clear(patch, o, first * C)
            copy(x, a + first * C, patch, o + first * C, (last - first) * C)
            clear(patch, o + last * C, (columns - last) * C)
        else:
            for j in range(columns):
                if first <= j < last:
                    copy(x, a + j * C, patch, o + j * step, C)
                else:
                    clear(patch, o + j * step, C)


@kernel
def place(tile, Ho, Wo, mh, mw):
    """Image, first row and first column of a tile of results."""
    th, tw = (Ho + mh - 1) // mh, (Wo + mw - 1) // mw
    n = tile // (th * tw)
    h = (tile - n * th * tw) // tw
    return n, h * mh, (tile - (n * th + h) * tw) * mw


@kernel
def input_points(kind, first, last, t0, plan, x, V, ve, step, wide):
    """V[e*ve + part*step + t*wide + c]: the transformed patches of the tiles t0 + t.

    The channels lie in parts of `wide`, in whole vectors.
    """
    p = plan[0]
    H, W, C, mh, mw, nh, nw = p.H, p.W, p.C, p.mh, p.mw, p.nh, p.nw
    line, side = (W, nw) if nh > 1 else (1, 1)  # from one value of the first axis to the next, in the image, the patch
    Cs = (C + LANES - 1) // LANES * LANES
    zeros = np.zeros(LANES, np.float32)
    patch = scratch(nh * nw * Cs, x)
    patch[:] = 0
    for t in range(first, last):
        image, h, w = place(t0 + t, p.Ho, p.Wo, mh, mw)
        h, w = h + p.top, w + p.left
        inside = Cs == C and h >= 0 and w >= 0 and h + nh <= H and w + nw <= W
        if not inside:
            gather_patch(x, image, h, w, H, W, C, nh, nw, patch, Cs)
        a = ((image * H + h) * W + w) * C
        if inside:
            for i in range(nh):  # what the tile after the next one brings
                prefetch(x, a + (i * W + mw + nw) * C, mw * C)
        for part in range(0, Cs, wide):
            for c in range(0, min(wide, Cs - part), LANES):
                v = part // wide * step + t * wide + c
                if inside:
                    input_transform(kind, x, a + part + c, line * C, C, V, v, side * ve, ve, zeros, 0, False)
                else:
                    input_transform(kind, patch, part + c, side * Cs, Cs, V, v, side * ve, ve, zeros, 0, False)


@kernel
def result_points(kind, first, last, t0, plan, g, Z, ze):
    """Z[e*ze + panel*TB*P + t*P + k]: the transformed tiles t0 + t of g."""
    p = plan[0]
    Ho, Wo, K, P, mh, mw = p.Ho, p.Wo, p.K, p.P, p.mh, p.mw
    line, tile, side = (Wo, mw, p.nw) if mh > 1 else (1, 1, 1)  # steps along the first axis
    Ks = p.panels * P
    zeros = np.zeros(LANES, np.float32)
    patch = scratch(mh * mw * Ks, g)
    patch[:] = 0
    for t in range(first, last):
        image, h, w = place(t0 + t, Ho, Wo, mh, mw)
        inside = Ks == K and h + mh <= Ho and w + mw <= Wo
        if not inside:
            gather_patch(g, image, h, w, Ho, Wo, K, mh, mw, patch, Ks)
        a = ((image * Ho + h) * Wo + w) * K
        for i in range(mh):
            prefetch(g, a + (i * Wo + 2 * mw) * K, mw * K)
        for panel in range(p.panels):
            for j in range(0, P, LANES):
                k, z = panel * P + j, (panel * p.TB + t) * P + j
                if inside:
                    result_transform(kind, g, a + k, line * K, K, Z, z, side * ze, ze, zeros, 0, False)
                else:
                    result_transform(kind, patch, k, tile * Ks, Ks, Z, z, side * ze, ze, zeros, 0, False)


@kernel
def weight_points(kind, plan, w, k, c0, cn, U, u, ue, taps):
    """U[u + e*ue + i*P + j] = the transformed filter of channels c0+i and k+j, for i < cn; zero past channel K.

    The filter of channels (k, c) is the T values at w[k*sk + c*sc], backwards with `back`. taps is scratch for 8
    channels c.
    """
    p = plan[0]
    P, sk, sc, T = p.P, p.sk, p.sc, p.T
    window, side = (p.nw - p.mw + 1, p.nw) if p.nh > 1 else (1, 1)  # steps along the first axis
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
                weight_transform(kind, taps, from_, window * P, P, U, u + i * P + j, side * ue, ue, zeros, 0, False)


@kernel
def transform_weights(first, last, kind, plan, rows, places, none, x, w, bias, U):
    """U[panel, e, c, P]: every filter transformed, `step` channels c a task."""
    p = plan[0]
    C, P, step, E = p.C, p.P, p.step, p.nh * p.nw
    ue = C * P + LANES
    parts = (C + step - 1) // step
    taps = scratch(8 * p.T * P, w)
    for task in range(first, last):
        panel = task // parts
        c0 = (task - panel * parts) * step
        weight_points(kind, plan, w, panel * P, c0, min(step, C - c0), U, panel * E * ue + c0 * P, ue, taps)


@kernel
def transform_inputs(first, last, kind, plan, rows, places, none, x, w, bias, V):
    """The points of the source, `step` tiles a task."""
    p = plan[0]
    Cs = (p.C + LANES - 1) // LANES * LANES
    for task in range(first, last):
        input_points(
            kind, task * p.step, min((task + 1) * p.step, p.tiles), 0, plan, x, V, p.tiles * Cs + LANES, 0, Cs
        )  # fmt: skip


@kernel
def convolve_tiles(first, last, kind, plan, rows, places, none, x, w, bias, y):
    """A block of tiles and a part of the weight panels a task: a product a point, then the transform back.

    x are the points of the source where there are several parts, else the source. w are the points of the weights, or
    with `fly` the weights, which are transformed cb channels at a time just before their use.
    """
    p = plan[0]
    C, K, P, M, TB, cb, chunk, Ho, Wo, panels = p.C, p.K, p.P, p.M, p.TB, p.cb, p.tc, p.Ho, p.Wo, p.panels
    mh, mw, E = p.mh, p.mw, p.nh * p.nw
    line, tile, side = (Wo, mw, p.nw) if mh > 1 else (1, 1, 1)  # steps along the first axis
    relu, shared = p.relu != 0, p.parts > 1
    Cs, across = (C + LANES - 1) // LANES * LANES, (panels + p.parts - 1) // p.parts * P
    ve, re, ue = (p.tiles if shared else TB) * Cs + LANES, TB * across + LANES, (cb if p.fly else C) * P + LANES
    own, R = scratch(0 if shared else E * ve, x), scratch(E * re, x)
    fresh, taps = scratch(E * ue if p.fly else 0, x), scratch(8 * p.T * P if p.fly else 0, x)
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
            input_points(kind, 0, tiles, t0, plan, x, V, ve, 0, Cs)
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
                                    kind, V, v + e * ve + c0 + c, rows, i, min(M, tiles - i), none, 0, 1,
                                    min(chunk, cn - c), 1, U, u + c * P, P, R, e * re + (panel - begin) * P, places, P,
                                    zeros, 0, c0 + c > 0, False,
                                )  # fmt: skip
                                if p.far:
                                    prefetch(U, ahead + i // M * share, share)
        for t in range(tiles):
            image, h, v = place(t0 + t, Ho, Wo, mh, mw)
            for i in range(mh if begin == 0 else 0):
                prefetch(y, ((image * Ho + h + i) * Wo + v + 2 * mw) * K, mw * K)
            for panel in range(begin, end):
                k0, r0 = panel * P, t * across + (panel - begin) * P
                o = ((image * Ho + h) * Wo + v) * K + k0
                if k0 + P <= K and h + mh <= Ho and v + mw <= Wo:
                    for j in range(0, P, LANES):
                        output_transform(kind, R, r0 + j, side * re, re, y, o + j, line * K, K, bias, k0 + j, relu)
                else:
                    for j in range(0, P, LANES):
                        output_transform(kind, R, r0 + j, side * re, re, edge, j, tile * P, P, bias, k0 + j, relu)
                    for i in range(min(mh, Ho - h)):
                        for j in range(min(mw, Wo - v)):
                            copy(edge, (i * mw + j) * P, y, o + (i * Wo + j) * K, min(P, K - k0))


@kernel
def gradient_points(first, last, kind, plan, rows, places, none, x, g, V, Z):
    """V and Z, the points of `step` tiles of x and of g a task; V's channels in parts of cb, Z's in panels."""
    p = plan[0]
    parts = (p.C + p.cb - 1) // p.cb
    ve, ze = p.TB * parts * p.cb + LANES, p.TB * p.panels * p.P + LANES
    for task in range(first, last):
        begin, end = task * p.step, min((task + 1) * p.step, p.tiles)
        input_points(kind, begin, end, p.t0, plan, x, V, ve, p.TB * p.cb, p.cb)
        result_points(kind, begin, end, p.t0, plan, g, Z, ze)


@kernel
def filters(kind, plan, U, u, ue, k0, c0, lines, gw):
    """gw[k, c, T]: the filters of a panel's channels k and cb channels c, from their points in U; lines is scratch."""
    p = plan[0]
    C, K, P, T, zeros = p.C, p.K, p.P, p.T, np.zeros(LANES, np.float32)
    window, side = (p.nw - p.mw + 1, p.nw) if p.nh > 1 else (1, 1)  # steps along the first axis
    for c1 in range(c0, min(c0 + p.cb, C), 8):
        cn = min(8, min(c0 + p.cb, C) - c1)
        for c in range(cn):
            for j in range(0, P, LANES):
                from_ = u + (c1 - c0 + c) * P + j
                filter_transform(kind, U, from_, side * ue, ue, lines, c * T * P + j, window * P, P, zeros, 0, False)
        for t in range(0, cn * T, LANES):
            for j in range(0, min(P, K - k0), LANES):
                transpose_tile(
                    lines, t * P + j, P, gw, ((k0 + j) * C + c1) * T + t, C * T, min(LANES, cn * T - t),
                    min(LANES, K - k0 - j),
                )  # fmt: skip


@kernel
def gradient_sums(first, last, kind, plan, rows, places, none, V, Z, sums, gw):
    """sums[panel, part, e, c, k] += V[e]' Z[e] for cb channels c, one panel of k and some of the points a task.

    A task that has all points and all tiles goes on to the filters.
    """
    p = plan[0]
    C, P, M, TB, cb, chunk, tiles, E = p.C, p.P, p.M, p.TB, p.cb, p.tc, p.tiles, p.nh * p.nw
    begun, alone = p.begun != 0, p.alone != 0
    parts = (C + cb - 1) // cb
    ve, ze, ue = TB * parts * cb + LANES, TB * p.panels * P + LANES, cb * P + LANES
    own, lines = scratch(E * ue if alone else 0, V), scratch(8 * p.T * P if alone else 0, V)
    U = own if alone else sums
    zeros = np.zeros(P, np.float32)
    for task in range(first, last):
        place = task // p.parts
        some = task - place * p.parts
        panel = place // parts
        part = place - panel * parts
        cn = min(cb, C - part * cb)
        u = 0 if alone else place * E * ue
        for e in range(some * E // p.parts, (some + 1) * E // p.parts):
            for t in range(0, tiles, chunk):
                for i in range(0, cn, M):
                    window_tile(
                        kind, V, e * ve + (part * TB + t) * cb, rows, i, min(M, cn - i), none, 0, 1,
                        min(chunk, tiles - t), cb, Z, e * ze + (panel * TB + t) * P, P, U, u + e * ue, places, P, zeros,
                        0, begun or t > 0, False,
                    )  # fmt: skip
        if alone:
            filters(kind, plan, U, u, ue, panel * P, part * cb, lines, gw)


@kernel
def filter_sums(first, last, kind, plan, rows, places, none, V, Z, sums, gw):
    """The filters of a panel of channels k and cb channels c a task."""
    p = plan[0]
    E = p.nh * p.nw
    parts, ue = (p.C + p.cb - 1) // p.cb, p.cb * p.P + LANES
    lines = scratch(8 * p.T * p.P, V)
    for task in range(first, last):
        panel = task // parts
        filters(kind, plan, sums, task * E * ue, ue, panel * p.P, (task - panel * parts) * p.cb, lines, gw)


NEAR = 1 << 19  # points of the weights that stay in the second-level cache
TILES = 24  # tiles of a block where they do
MANY = 128  # tiles of a block where they do not
FEW = 80  # tiles up to which each task transforms the weights it needs
FLY = 128  # channels whose weights it transforms at once
CHUNK = 1 << 13  # values of a weight panel, or of a panel of g's points, that stay in the first-level cache
POINTS = 1 << 22  # values of the transformed arrays that the weight gradient keeps at once
SIDE = 64  # channels c of a task of the weight gradient
TASKS = 8  # into which the work is cut at least, if it can be


@lru_cache(maxsize=1024)
def _plan(
    shape: tuple[int, int, int, int], out: tuple[int, int, int], start: tuple[int, int], relu: bool, back: bool,
    window: tuple[int, int],
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:  # fmt: skip
    """The plan of `convolve` and its tables: rows of V, rows of the products, no tap."""
    (N, C, H, W), (Ho, Wo, K) = shape, out
    axes = {axis.r: axis for axis in FORMS[WINDOWS[window]]}
    (mh, nh), (mw, nw) = ((axes[r].m, axes[r].n) if r > 1 else (1, 1) for r in window)
    E, values_of = nh * nw, window[0] * window[1]
    width = vectors(K, 4)
    plan = np.zeros(1, PLAN)
    T, P = N * -(-Ho // mh) * -(-Wo // mw), width * LANES
    panels = -(-K // P)
    fly, near = T <= FEW, E * C * K <= NEAR
    TB = T if fly else TILES if near else MANY
    blocks = -(-T // TB)
    TB = -(-T // blocks)
    parts = min(panels, -(-TASKS // blocks))
    sk, sc = (values_of, values_of * K) if back else (values_of * C, values_of)
    values = dict(
        N=N, H=H, W=W, C=C, Ho=Ho, Wo=Wo, K=K, top=start[0], left=start[1], relu=relu, P=P, M=ROWS[width],
        panels=panels, tiles=T, TB=TB, blocks=blocks, parts=parts, sk=sk, sc=sc, back=back, fly=fly, mh=mh, mw=mw,
        nh=nh, nw=nw, T=values_of, cb=FLY if fly else C, tc=CHUNK // P, step=8, far=not (fly or near),
    )  # fmt: skip
    for name, value in values.items():
        plan[name] = value
    i = np.arange(TB)
    return plan, i * (-(-C // LANES) * LANES), i * (-(-panels // parts) * P), np.zeros(1, np.int64)


def convolve(
    x: np.ndarray, shape: tuple[int, int, int, int], w: np.ndarray, back: bool, bias: np.ndarray | None, relu: bool,
    y: np.ndarray, out: tuple[int, int, int], start: tuple[int, int], window: tuple[int, int],
) -> None:  # fmt: skip
    """y (N, Ho, Wo, K) = the convolution of x (N, H, W, C), whose first window stands at `start`.

    x, w and y are flat; shape is (N, C, H, W), out (Ho, Wo, K); w is (K, C, *window), or, with `back`, (C, K,
    *window) and its windows are taken backwards.
    """
    way = _plan(shape, out, start, relu, back, window)
    p = way[0][0]
    C, P, panels, E = shape[1], int(p["P"]), int(p["panels"]), int(p["nh"] * p["nw"])
    kind = KINDS[WINDOWS[window], P // LANES]
    edge = np.zeros(panels * P, np.float32)
    if bias is not None:
        edge[: out[2]] = bias
    if not p["fly"]:
        points = aligned(panels * E * (C * P + LANES), np.float32)
        run(transform_weights, panels * -(-C // int(p["step"])), w.size > 1 << 13, kind, *way, x, w, edge, points)
        w = points
    if p["parts"] > 1:
        source = aligned(E * (int(p["tiles"]) * -(-C // LANES) * LANES + LANES), np.float32)
        run(transform_inputs, -(-int(p["tiles"]) // int(p["step"])), True, kind, *way, x, w, edge, source)
        x = source
    run(convolve_tiles, int(p["blocks"] * p["parts"]), True, kind, *way, x, w, edge, y)


def weight(
    g: np.ndarray, x: np.ndarray, shape: tuple[int, int, int, int], out: tuple[int, int, int], start: tuple[int, int],
    window: tuple[int, int],
) -> np.ndarray:  # fmt: skip
    """The gradient of `convolve` for its weights, flat (K, C, *window); g (N, Ho, Wo, K) and x (N, H, W, C) are flat."""
    (_, C, _, _), (_, _, K) = shape, out
    plan, _, _, none = _plan(shape, out, start, False, False, window)
    plan = plan.copy()
    p = plan[0]
    P, T, panels, E = int(p["P"]), int(p["tiles"]), int(p["panels"]), int(p["nh"] * p["nw"])
    cb = min(SIDE, -(-C // LANES) * LANES)
    across, kind = -(-C // cb), KINDS[WINDOWS[window], P // LANES]
    held = max(POINTS, min(4 * POINTS, E * C * K))  # rather more points of tiles than sums that go through memory
    blocks = -(-T * E * (across * cb + panels * P) // held)
    TB = -(-T // blocks)
    parts = int(max(p["nh"], p["nw"])) if panels * across < TASKS else 1
    alone = parts == blocks == 1
    p["TB"], p["cb"], p["parts"], p["alone"] = TB, cb, parts, alone
    V, Z = aligned(E * (TB * across * cb + LANES), np.float32), aligned(E * (TB * panels * P + LANES), np.float32)
    sums = aligned(1 if alone else panels * across * E * (cb * P + LANES), np.float32)
    gw = np.empty(K * C * int(p["T"]), np.float32)
    rows = np.arange(cb)
    way = plan, rows, rows * P, none
    for t in range(0, T, TB):
        p["t0"], p["tiles"], p["begun"] = t, min(TB, T - t), t > 0
        run(gradient_points, -(-int(p["tiles"]) // int(p["step"])), True, kind, *way, x, g, V, Z)
        run(gradient_sums, panels * across * parts, True, kind, *way, V, Z, sums, gw)
    if not alone:
        run(filter_sums, panels * across, True, kind, *way, V, Z, sums, gw)
    return gw
