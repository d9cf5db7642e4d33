"""Max, average and adaptive pooling of images, their input gradients, and the gather that second order needs.

Every pooling is a table of windows along each axis (first position, end, step between positions), so that ceil_mode,
padding, dilation and the adaptive windows differ only in Python and share the kernels.

Where a maximum was found is kept in a byte, the number of its place in the window row by row, 255 for none: a quarter of
the memory of a position in the plane, which stands there only where windows have more places (see `places`).
"""

from __future__ import annotations

from functools import cached_property, lru_cache
from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from .compile import kernel
from .order import moved, planes
from .simd import LANES, Vector, _Emit, broadcast, load, load_first, store, store_first
from .threads import run
from .view import hold, part

GATE = 1 << 14  # elements read below which a parallel launch costs more than it saves
MOST, NONE = 255, 255  # places of a window that a byte can number, and what stands for none
NEAR = 1 << 24  # bytes of a gradient up to which writing it once is quicker than clearing it row by row, then adding
NARROW = 16  # channels below which loops run along whole rows of the image instead of along the channels
Pair = int | tuple[int, int]


def channels_last(x: np.ndarray) -> np.ndarray:
    """x (N, C, *spatial) as a C-contiguous (N, *spatial, C) array: a view where the memory allows, else a copy."""
    last = x.transpose(0, *range(2, x.ndim), 1) if x.ndim > 2 else x
    return last if last.flags.c_contiguous else moved(x) if planes(x) else np.ascontiguousarray(last)


def channels_first(y: np.ndarray) -> np.ndarray:
    """The (N, C, *spatial) view of an (N, *spatial, C) array."""
    return y.transpose(0, y.ndim - 1, *range(1, y.ndim - 1)) if y.ndim > 2 else y


def pair(value: Pair) -> tuple[int, int]:
    """(value, value) for a number, the two numbers otherwise."""
    return (value, value) if isinstance(value, int) else (int(value[0]), int(value[1]))


def output_size(size: int, kernel: int, stride: int, padding: int, dilation: int, ceil_mode: bool) -> int:
    """Windows along an axis; with ceil_mode the last must start inside the input or its left padding (torch's rule)."""
    span = size + 2 * padding - dilation * (kernel - 1) - 1
    out = (span + (stride - 1 if ceil_mode else 0)) // stride + 1
    if ceil_mode and (out - 1) * stride >= size + padding:
        out -= 1
    return out


class Windows:
    """The windows along one axis: input positions range(start[o], stop[o], step) belong to output o.

    `count[o]` is the divisor of an average; the windows of outputs range(first[i], last[i]) may contain position i.
    """

    def __init__(self, size: int, start: np.ndarray, stop: np.ndarray, step: int) -> None:
        self.step, self.out, position = step, start.size, np.arange(size)
        self.first = np.searchsorted(stop, position, side="right")
        self.last = np.searchsorted(start, position, side="right")
        self.start = np.where(start < 0, start + -(start // step) * step, start)
        self.stop = np.minimum(stop, size)
        self.count = np.maximum(self.stop - self.start, 0)
        self.full = int(-(-self.count.max(initial=0) // step))  # positions of the longest window

    @cached_property
    def reached(self) -> np.ndarray:
        """Row i: the number of position i in each of the windows range(first[i], last[i]); below -2**40 where it has none."""
        most = int((self.last - self.first).max(initial=0))
        windows = self.first[:, None] + np.arange(most)
        ahead = np.arange(self.first.size)[:, None] - self.start[np.minimum(windows, self.out - 1)]
        return np.where(ahead % self.step == 0, ahead // self.step, -(1 << 41))


@lru_cache(maxsize=1024)
def windows(size: int, kernel: int, stride: int, padding: int, dilation: int, ceil_mode: bool, pad: bool) -> Windows:
    """The windows of an ordinary pooling along an axis; pad: the divisor counts padding (count_include_pad)."""
    out = output_size(size, kernel, stride, padding, dilation, ceil_mode)
    start = np.arange(max(out, 0)) * stride - padding
    stop = start + dilation * (kernel - 1) + 1
    table = Windows(size, start, stop, dilation)
    if pad:
        table.count = np.minimum(stop, size + padding) - start
    return table


@lru_cache(maxsize=1024)
def adaptive_windows(size: int, out: int) -> Windows:
    """out windows of nearly equal length that cover the axis: floor(o size / out) to ceil((o + 1) size / out)."""
    o = np.arange(out)
    return Windows(size, o * size // out, -((o + 1) * size // -out), 1)


# N images, H×W input plane, P×Q output plane, C channels; row r = n·P + p of the output, or n·H + h of the input.


# index: bytes, the numbers of places in their windows, whose rows are `wide` long; or int32 or int64, positions in the
# plane. A vector of either lives in a register of the values' own type, as bits: it is only ever moved and chosen.


def _places(emit, context, index):  # type: ignore[no-untyped-def]
    """The vector types of positions in a register and in memory."""
    return ir.VectorType(ir.IntType(emit.bits), emit.width), ir.VectorType(ir.IntType(index.dtype.bitwidth), emit.width)


@intrinsic
def _place(tyctx, like, at):  # type: ignore[no-untyped-def]
    """The position `at` in every lane, beside values of array `like`'s dtype."""

    def codegen(context, builder, sig, args):  # type: ignore[no-untyped-def]
        emit = _Emit(context, builder, like.dtype)
        scalar = args[1] if emit.bits == 64 else builder.trunc(args[1], ir.IntType(32))
        return builder.bitcast(emit.splat(scalar), emit.type)

    return Vector(like.dtype)(like, types.intp), codegen


@intrinsic
def _larger(tyctx, v, best, here, where):  # type: ignore[no-untyped-def]
    """(v, here) in the lanes where v is larger than best or NaN, (best, where) in the others."""
    pair = types.UniTuple(v, 2)

    def codegen(context, builder, sig, args):  # type: ignore[no-untyped-def]
        v, best, here, where = args
        take = builder.or_(builder.fcmp_ordered(">", v, best), builder.fcmp_unordered("uno", v, v))
        chosen = [builder.select(take, v, best), builder.select(take, here, where)]
        return context.make_tuple(builder, sig.return_type, chosen)

    return pair(v, v, v, v), codegen


@intrinsic
def _store_places(tyctx, index, i, where, count):  # type: ignore[no-untyped-def]
    """index[i : i + count] = the first `count` positions."""

    def codegen(context, builder, sig, args):  # type: ignore[no-untyped-def]
        emit = _Emit(context, builder, where.dtype)
        held, stored = _places(emit, context, index)
        value = builder.bitcast(args[2], held)
        if stored.element.width != emit.bits:
            resize = builder.trunc if stored.element.width < emit.bits else builder.sext
            value = resize(value, stored)
        emit.store(emit.data(index, args[0]), args[1], value, emit.mask(args[3]))
        return context.get_dummy_value()

    return types.void(index, types.intp, where, types.intp), codegen


@intrinsic
def _load_places(tyctx, like, index, i, count):  # type: ignore[no-untyped-def]
    """index[i : i + count] as `_place` has them, beside values of array `like`'s dtype; -1 in the other lanes."""

    def codegen(context, builder, sig, args):  # type: ignore[no-untyped-def]
        emit = _Emit(context, builder, like.dtype)
        held, stored = _places(emit, context, index)
        others = ir.Constant(stored, [-1] * emit.width)
        places = emit.load_first(emit.data(index, args[1]), args[2], emit.mask(args[3]), others)
        if stored.element.width != emit.bits:
            more = builder.zext if stored.element.width == 8 else builder.sext
            places = (builder.trunc if stored.element.width > emit.bits else more)(places, held)
        return builder.bitcast(places, emit.type)

    return Vector(like.dtype)(like, index, types.intp, types.intp), codegen


@intrinsic
def _chosen(tyctx, v, places, here):  # type: ignore[no-untyped-def]
    """v in the lanes whose place is that of `here`, zero in the others."""

    def codegen(context, builder, sig, args):  # type: ignore[no-untyped-def]
        emit = _Emit(context, builder, v.dtype)
        held = ir.VectorType(ir.IntType(emit.bits), emit.width)
        places, here = builder.bitcast(args[1], held), builder.bitcast(args[2], held)
        return builder.select(builder.icmp_signed("==", places, here), args[0], emit.constant(0.0))

    return v(v, v, v), codegen


@kernel
def _max_rows(k0, k1, x, y, index, hs, he, ws, we, dh, dw, wide, H, W, C, rows, step):
    # a range with a step would cost a division each time it begins
    P, Q, lanes = hs.size, ws.size, LANES * 4 // x.itemsize
    numbered = index.itemsize == 1
    down, right = wide if numbered else dh * W, 1 if numbered else dw
    for r in range(k0 * step, min(rows, k1 * step)):
        n, p = r // P, r % P
        plane = n * H * W
        for q in range(Q):
            o = (r * Q + q) * C
            corner = 0 if numbered else hs[p] * W + ws[q]
            none = _place(x, corner if hs[p] < he[p] and ws[q] < we[q] else -1)
            for c in range(0, C - 2 * lanes + 1, 2 * lanes):
                a, b = broadcast(x, -np.inf), broadcast(x, -np.inf)
                at_a, at_b, first, h = none, none, corner, hs[p]
                while h < he[p]:
                    at, w = first, ws[q]
                    while w < we[q]:
                        i, here = (plane + h * W + w) * C + c, _place(x, at)
                        a, at_a = _larger(load(x, i), a, here, at_a)
                        b, at_b = _larger(load(x, i + lanes), b, here, at_b)
                        at, w = at + right, w + dw
                    first, h = first + down, h + dh
                store(y, o + c, a)
                store(y, o + c + lanes, b)
                _store_places(index, o + c, at_a, lanes)
                _store_places(index, o + c + lanes, at_b, lanes)
            for c in range(C // (2 * lanes) * 2 * lanes, C, lanes):
                # the lanes past the channels are the next place's, which is written later; not at the ends
                a, at_a, first, h = broadcast(x, -np.inf), none, corner, hs[p]
                while h < he[p]:
                    at, w = first, ws[q]
                    while w < we[q]:
                        i = (plane + h * W + w) * C + c
                        v = load(x, i) if i + lanes <= x.size else load_first(x, i, C - c)
                        a, at_a = _larger(v, a, _place(x, at), at_a)
                        at, w = at + right, w + dw
                    first, h = first + down, h + dh
                if o + c + lanes <= (r + 1) * Q * C:
                    store(y, o + c, a)
                    _store_places(index, o + c, at_a, lanes)
                else:
                    store_first(y, o + c, a, C - c)
                    _store_places(index, o + c, at_a, C - c)


@kernel
def _max_narrow_rows(k0, k1, x, y, index, hs, he, ws, we, dh, dw, full, H, W, C, count, step):
    """`_max_rows` for few channels: maxima down the columns of whole image rows, then over neighbouring columns.

    Windows of `full` columns read the maxima that all such windows, one a column, have in common with them; the others,
    cut by an edge, are taken one by one. Position order decides ties and NaNs, whatever the order of the loops.
    """
    P, Q, L, numbered, kind = hs.size, ws.size, W * C, index.itemsize == 1, index.dtype.type
    right = 1 if numbered else dw
    column, at = np.empty(L, x.dtype), np.empty(L, index.dtype)
    run = max(W - (full - 1) * dw, 0) * C if full else 0
    best, where = np.empty(run, x.dtype), np.empty(run, index.dtype)
    for r in range(k0 * step, min(count, k1 * step)):
        n, p = r // P, r % P
        h = hs[p]
        empty = h >= he[p]
        if not empty:
            row, here = part(x, (n * H + h) * L, (n * H + h + 1) * L), kind(0 if numbered else h * W)
            for i in range(L):
                column[i] = row[i]
                at[i] = here
            for h in range(hs[p] + dh, he[p], dh):
                row = part(x, (n * H + h) * L, (n * H + h + 1) * L)
                here = kind((h - hs[p]) // dh * full if numbered else h * W)
                for i in range(L):
                    v, top, held = row[i], column[i], at[i]
                    take = (v > top) | (v != v)
                    column[i] = v if take else top
                    at[i] = here if take else held
            for i in range(run):
                best[i] = column[i]
                where[i] = at[i]
            for j in range(1, full):
                values, places = part(column, j * dw * C, j * dw * C + run), part(at, j * dw * C, j * dw * C + run)
                shift = kind(j * right)
                for i in range(run):
                    v, here, top, held = values[i], kind(places[i] + shift), best[i], where[i]
                    first = here < held
                    take = (v > top) | ((v == top) & first) | ((v != v) & ((top == top) | (not first)))
                    best[i] = v if take else top
                    where[i] = here if take else held
        for q in range(Q):
            o, w0 = (r * Q + q) * C, ws[q]
            if empty or w0 >= we[q]:
                for c in range(C):
                    y[o + c] = -np.inf
                    index[o + c] = kind(-1)
            elif (we[q] - w0 + dw - 1) // dw == full:
                shift = kind(0 if numbered else w0)
                for c in range(C):
                    y[o + c] = best[w0 * C + c]
                    index[o + c] = where[w0 * C + c] + shift
            else:
                for c in range(C):
                    shift = 0 if numbered else w0
                    top, held = column[w0 * C + c], at[w0 * C + c] + shift
                    for w in range(w0 + dw, we[q], dw):
                        shift += right
                        v, here = column[w * C + c], at[w * C + c] + shift
                        if v > top or (v == top and here < held) or (v != v and (top == top or here > held)):
                            top, held = v, here
                    y[o + c] = top
                    index[o + c] = held
    hold(column, at)


@kernel
def _max_input_apart(k0, k1, g, index, gx, hs, he, ws, we, dh, dw, wide, tiled, H, W, C, rows, step):
    """Windows that share no position: each writes all of its own, g or zero. tiled: no position is outside of them all."""
    P, Q, lanes = hs.size, ws.size, LANES * 4 // g.itemsize
    for r in range(k0 * step, min(rows, k1 * step)):
        n, p = r // P, r % P
        if not tiled:  # the rows from this window's first to that of the one below
            top, bottom = hs[p] if p else 0, hs[p + 1] if p + 1 < P else H
            clear = part(gx, (n * H + top) * W * C, (n * H + bottom) * W * C)
            for i in range(clear.size):
                clear[i] = 0
        for q in range(Q):
            for last in range(lanes, C + lanes, lanes):
                c, first = max(0, min(last, C) - lanes), 0
                o = (r * Q + q) * C + c
                v, places = load_first(g, o, C), _load_places(g, index, o, C)
                h = hs[p]
                while h < he[p]:
                    at, w = first, ws[q]
                    while w < we[q]:
                        i, own = ((n * H + h) * W + w) * C + c, _chosen(v, places, _place(g, at))
                        # the lanes past the channels are zeros, for places of the row that are written later
                        if C >= lanes or (dw == 1 and i + lanes <= (n * H + h + 1) * W * C):
                            store(gx, i, own)
                        else:
                            store_first(gx, i, own, C)
                        at, w = at + 1, w + dw
                    first, h = first + wide, h + dh


@kernel
def _max_input_rows(k0, k1, g, index, gx, h0, h1, w0, w1, down, across, wide, P, Q, H, W, C, rows, step):
    """Position (n, h, w) of gx collects from the outputs whose windows reach it: no sum is written twice.

    down, across: `Windows.reached` of both axes, flat.
    """
    lanes, numbered, tall, long = LANES * 4 // g.itemsize, index.itemsize == 1, down.size // H, across.size // W
    for r in range(k0 * step, min(rows, k1 * step)):
        n, h = r // H, r % H
        for w in range(W):
            at, i = h * W + w, (r * W + w) * C
            for c in range(0, C, lanes):
                total = broadcast(g, 0)
                for p in range(h0[h], h1[h]):
                    for q in range(w0[w], w1[w]):
                        if numbered:
                            at = down[h * tall + p - h0[h]] * wide + across[w * long + q - w0[w]]
                        if at >= 0:
                            o = ((n * P + p) * Q + q) * C + c
                            places = _load_places(g, index, o, C - c)
                            total = total + _chosen(load_first(g, o, C - c), places, _place(g, at))
                store_first(gx, i + c, total, C - c)


@kernel
def _scatter_images(n0, n1, g, index, gx, hs, ws, ahead, until, W, H, C):
    """Output row p points above row until[p] of gx: those rows are cleared just before, while they are near.

    ahead: of each number of a place, how far behind the first of its window it is in the plane.
    """
    P, Q, numbered = until.size, ws.size, index.itemsize == 1
    for n in range(n0, n1):
        plane, clear = part(gx, n * H * W * C, (n + 1) * H * W * C), 0
        for p in range(P):
            if until[p] > clear:
                rows, clear = part(plane, clear * W * C, until[p] * W * C), until[p]
                for i in range(rows.size):
                    rows[i] = 0
            limit = clear * W
            for q in range(Q):
                o = (n * P + p) * Q + q
                gs, where = part(g, o * C, (o + 1) * C), part(index, o * C, (o + 1) * C)
                corner = hs[p] * W + ws[q]
                for c in range(C):
                    at = corner + ahead[where[c]] if numbered else np.int64(where[c])
                    if 0 <= at < limit:
                        plane[at * C + c] += gs[c]
        rows = part(plane, clear * W * C, H * W * C)
        for i in range(rows.size):
            rows[i] = 0


@kernel
def _gather_images(n0, n1, x, index, y, HW, PQ, C):
    for n in range(n0, n1):
        for o in range(n * PQ, (n + 1) * PQ):
            for c in range(C):
                at = index[o * C + c]
                y[o * C + c] = x[(n * HW + at) * C + c] if 0 <= at < HW else 0


@kernel
def _mean_rows(k0, k1, x, y, hs, he, hn, ws, we, wn, divisor, H, W, C, rows, step):
    P, Q = hs.size, ws.size
    for r in range(k0 * step, min(rows, k1 * step)):
        n, p = r // P, r % P
        plane = part(x, n * H * W * C, (n + 1) * H * W * C)
        for q in range(Q):
            mean = part(y, (r * Q + q) * C, (r * Q + q + 1) * C)
            scale = y.dtype.type(1 / (divisor if divisor else hn[p] * wn[q]))
            for c in range(C):
                mean[c] = 0
            for h in range(hs[p], he[p]):
                for w in range(ws[q], we[q]):
                    xs = part(plane, (h * W + w) * C, (h * W + w + 1) * C)
                    for c in range(C):
                        mean[c] += xs[c]
            for c in range(C):
                mean[c] *= scale


@kernel
def _mean_narrow_rows(k0, k1, x, y, hs, he, hn, ws, we, wn, divisor, H, W, C, rows, step):
    """`_mean_rows` for few channels: sums down the columns of whole image rows, then over the windows' columns."""
    P, Q, L = hs.size, ws.size, W * C
    column = np.empty(L, x.dtype)
    for r in range(k0 * step, min(rows, k1 * step)):
        n, p = r // P, r % P
        for i in range(L):
            column[i] = 0
        for h in range(hs[p], he[p]):
            row = part(x, (n * H + h) * L, (n * H + h + 1) * L)
            for i in range(L):
                column[i] += row[i]
        for q in range(Q):
            o, scale = (r * Q + q) * C, y.dtype.type(1 / (divisor if divisor else hn[p] * wn[q]))
            for c in range(C):
                s = y.dtype.type(0)
                for w in range(ws[q], we[q]):
                    s += column[w * C + c]
                y[o + c] = s * scale


@kernel
def _mean_input_rows(k0, k1, g, gx, h0, h1, hn, ws, we, wn, divisor, H, W, C, rows, step):
    P, Q = hn.size, ws.size
    for r in range(k0 * step, min(rows, k1 * step)):
        n, h = r // H, r % H
        row = part(gx, r * W * C, (r + 1) * W * C)
        for i in range(row.size):
            row[i] = 0
        for p in range(h0[h], h1[h]):
            for q in range(Q):
                o = ((n * P + p) * Q + q) * C
                scale = gx.dtype.type(1 / (divisor if divisor else hn[p] * wn[q]))
                gs = part(g, o, o + C)
                for w in range(ws[q], we[q]):
                    out = part(gx, (r * W + w) * C, (r * W + w + 1) * C)
                    for c in range(C):
                        out[c] += gs[c] * scale


def _by_rows(function: Any, work: int, rows: int, *args: Any) -> None:
    """Run a kernel over rows: a task is enough of them to pay for its scheduling, and at most an eighth of all."""
    step = max(1, min(-(-rows // 8), GATE * rows // max(work, 1)))
    key = tuple(a.dtype for a in args[:3] if isinstance(a, np.ndarray))
    run(function, key, -(-rows // step), work >= GATE, *args, rows, step)


def _max(x: np.ndarray, h: Windows, w: Windows, numbered: bool) -> tuple[np.ndarray, np.ndarray]:
    last = channels_last(x)
    N, H, W, C = last.shape
    y = np.empty((N, h.out, w.out, C), x.dtype)
    index = np.empty(y.shape, np.uint8 if numbered else np.int32 if H * W < 1 << 31 else np.int64)
    arrays = last.reshape(-1), y.reshape(-1), index.reshape(-1)
    sizes = h.start, h.stop, w.start, w.stop, h.step, w.step, w.full, H, W, C
    narrow = 2 * C * x.itemsize < 3 * LANES  # a vector holds a place and more, of which the most part is wasted
    _by_rows(_max_narrow_rows if narrow else _max_rows, last.size, N * h.out, *arrays, *sizes)
    return channels_first(y), channels_first(index)


def max_pool2d(
    x: np.ndarray,
    kernel: Pair,
    stride: Pair | None = None,
    padding: Pair = 0,
    dilation: Pair = 1,
    ceil_mode: bool = False,
) -> tuple[np.ndarray, np.ndarray]:
    """The largest value of each window of x (N, C, H, W), and where it stands: see `places`.

    Both results are (N, C, P, Q) in channels-last memory. Of equal values the first is taken, of NaNs the last, as in
    torch. Padding is never chosen.
    """
    h, w = _geometry(x.shape, kernel, stride, padding, dilation, ceil_mode)
    return _max(x, h, w, h.full * w.full <= MOST)


def places(index: np.ndarray, x_shape: tuple[int, ...], *geometry: Any) -> np.ndarray:
    """The flat positions in the H×W plane that `max_pool2d` of x_shape and that geometry found; -1 for none.

    index: its second result, uint8 numbers of places in the windows row by row, 255 for none; or where a window has
    more places int32 positions (int64 in planes of 2**31 or more), which are given back.
    """
    if index.dtype != np.uint8:
        return index
    h, w = _geometry(x_shape, *geometry)
    corner = h.start[:, None] * x_shape[3] + w.start
    return np.where(index == NONE, -1, corner + _ahead(h, w, x_shape[3])[index])


def _ahead(h: Windows, w: Windows, W: int) -> np.ndarray:
    """How far behind the first place of its window each is in the plane; that of `NONE` is outside of any."""
    number, wide = np.arange(NONE + 1), max(w.full, 1)
    ahead = number // wide * h.step * W + number % wide * w.step
    ahead[NONE] = 1 << 62
    return ahead


def adaptive_max_pool2d(x: np.ndarray, output_size: Pair) -> tuple[np.ndarray, np.ndarray]:
    """Maxima of P×Q nearly equal windows that cover x (N, C, H, W), and their positions in the plane, as `places`."""
    out = pair(output_size)
    return _max(x, adaptive_windows(x.shape[2], out[0]), adaptive_windows(x.shape[3], out[1]), False)


def _geometry(
    x_shape: tuple[int, ...],
    kernel: Pair,
    stride: Pair | None = None,
    padding: Pair = 0,
    dilation: Pair = 1,
    ceil_mode: bool = False,
    pad: bool = False,
) -> tuple[Windows, Windows]:
    k, p, d = pair(kernel), pair(padding), pair(dilation)
    s = k if stride is None else pair(stride)
    return (
        windows(x_shape[2], k[0], s[0], p[0], d[0], ceil_mode, pad),
        windows(x_shape[3], k[1], s[1], p[1], d[1], ceil_mode, pad),
    )


def max_pool2d_input(
    g: np.ndarray,
    index: np.ndarray,
    x_shape: tuple[int, ...],
    kernel: Pair | None = None,
    stride: Pair | None = None,
    padding: Pair = 0,
    dilation: Pair = 1,
    ceil_mode: bool = False,
) -> np.ndarray:
    """The gradient of `max_pool2d` in x: g (N, C, P, Q) added at `index` into zeros of x_shape.

    index: as `max_pool2d` gave it; without the pooling's geometry, positions in the plane (see `places`). The work is
    divided by images, or by rows where windows do not overlap or there is but one image. The sums are the same to the
    last bit, unless `index` holds positions outside its window, which are dropped in part once the geometry is given.
    Positions outside the plane are dropped.
    """
    N, C, H, W = x_shape
    g, index = channels_last(g), channels_last(index)
    gx = np.empty((N, H, W, C), g.dtype)
    arrays = g.reshape(-1), index.reshape(-1), gx.reshape(-1)
    P, Q = g.shape[1:3]
    if kernel is None:
        if index.dtype == np.uint8:
            raise TypeError("max_pool2d_input: index is uint8, which counts inside windows; give their geometry too")
        starts, ahead, until = (np.zeros(P, np.int64), np.zeros(Q, np.int64)), np.zeros(1, np.int64), np.full(P, H)
    else:
        h, w = _geometry(x_shape, kernel, stride, padding, dilation, ceil_mode)
        apart = h.reached.shape[1] * w.reached.shape[1] <= 1 and index.dtype == np.uint8
        if apart and gx.nbytes <= NEAR and C > NARROW // 2:
            tiled = sum(h.count) == H and sum(w.count) == W and h.step == w.step == 1
            bounds = h.start, h.stop, w.start, w.stop, h.step, w.step, w.full, tiled
            _by_rows(_max_input_apart, gx.size, N * P, *arrays, *bounds, H, W, C)
            return channels_first(gx)
        if N == 1 and C >= NARROW and gx.size >= GATE:
            reached = h.reached.reshape(-1), w.reached.reshape(-1), w.full
            _by_rows(_max_input_rows, gx.size, H, *arrays, h.first, h.last, w.first, w.last, *reached, P, Q, H, W, C)
            return channels_first(gx)
        starts, ahead, until = (h.start, w.start), _ahead(h, w, W), h.stop
    run(_scatter_images, (g.dtype, index.dtype), N, gx.size >= GATE, *arrays, *starts, ahead, until, W, H, C)
    return channels_first(gx)


def max_pool2d_gather(x: np.ndarray, index: np.ndarray) -> np.ndarray:
    """x (N, C, H, W) at the plane positions `index` (N, C, P, Q): the adjoint of `max_pool2d_input`; 0 for outside."""
    x, index = channels_last(x), channels_last(index)
    N, H, W, C = x.shape
    y = np.empty(index.shape, x.dtype)
    arrays = x.reshape(-1), index.reshape(-1), y.reshape(-1)
    sizes = H * W, index.shape[1] * index.shape[2], C
    run(_gather_images, (x.dtype, index.dtype), N, y.size >= GATE, *arrays, *sizes)
    return channels_first(y)


def _mean(x: np.ndarray, h: Windows, w: Windows, divisor: int) -> np.ndarray:
    x = channels_last(x)
    N, H, W, C = x.shape
    y = np.empty((N, h.out, w.out, C), x.dtype)
    sizes = h.start, h.stop, h.count, w.start, w.stop, w.count, divisor, H, W, C
    _by_rows(_mean_narrow_rows if C < NARROW else _mean_rows, x.size, N * h.out, x.reshape(-1), y.reshape(-1), *sizes)
    return channels_first(y)


def _mean_input(g: np.ndarray, x_shape: tuple[int, ...], h: Windows, w: Windows, divisor: int) -> np.ndarray:
    N, C, H, W = x_shape
    g = channels_last(g)
    gx = np.empty((N, H, W, C), g.dtype)
    sizes = h.first, h.last, h.count, w.start, w.stop, w.count, divisor, H, W, C
    _by_rows(_mean_input_rows, gx.size, N * H, g.reshape(-1), gx.reshape(-1), *sizes)
    return channels_first(gx)


def avg_pool2d(
    x: np.ndarray,
    kernel: Pair,
    stride: Pair | None = None,
    padding: Pair = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> np.ndarray:
    """The mean of each window of x (N, C, H, W): (N, C, P, Q) in channels-last memory, torch's divisors."""
    h, w = _geometry(x.shape, kernel, stride, padding, 1, ceil_mode, count_include_pad)
    return _mean(x, h, w, divisor_override or 0)


def avg_pool2d_input(
    g: np.ndarray,
    x_shape: tuple[int, ...],
    kernel: Pair,
    stride: Pair | None = None,
    padding: Pair = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> np.ndarray:
    """The gradient of `avg_pool2d` in x, of x_shape: each g spread evenly over its window."""
    h, w = _geometry(x_shape, kernel, stride, padding, 1, ceil_mode, count_include_pad)
    return _mean_input(g, x_shape, h, w, divisor_override or 0)


def adaptive_avg_pool2d(x: np.ndarray, output_size: Pair) -> np.ndarray:
    """Means of P×Q nearly equal windows that cover x (N, C, H, W)."""
    out = pair(output_size)
    return _mean(x, adaptive_windows(x.shape[2], out[0]), adaptive_windows(x.shape[3], out[1]), 0)


def adaptive_avg_pool2d_input(g: np.ndarray, x_shape: tuple[int, ...]) -> np.ndarray:
    """The gradient of `adaptive_avg_pool2d` in x, of x_shape; the output size is that of g (N, C, P, Q)."""
    h, w = adaptive_windows(x_shape[2], g.shape[2]), adaptive_windows(x_shape[3], g.shape[3])
    return _mean_input(g, x_shape, h, w, 0)
