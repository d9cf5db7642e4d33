"""Sums, products and extremes over axes of an array, in the order of its memory.

numpy reduces short rows at the cost of a call each, columns of short rows too, and a channels-last image axis by axis.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy import ndarray

from .blocks import blocks
from .buffer import flat
from .compile import kernel
from .conv_simd import prefetch
from .lanes import folded_maxima, folded_products, folded_sums, lanes_of, larger, lower, marked, only_first
from .maps import specialised
from .simd import broadcast, fma, higher, load, load_first, store, store_first, total
from .threads import run
from .view import hold, part

GATE = 1 << 17  # elements below which a parallel launch costs more than it saves
STEP = 1 << 13  # elements a task
LONGEST = 1024  # elements of a row up to which its sum in one go is as exact as numpy's pairwise one
HIGHEST = 128  # rows added up in one go: in float32 the error grows with their number, so there are sums of sums
STRIP = 2048  # columns of a task, whose sums stay in the first cache
FAR = 1 << 24  # bytes from which columns come from beyond all caches, and ...
AHEAD = 16  # ... how many rows before they are added they are fetched
FEW = 16  # rows added up one after the other, as an error grows with their number too
SHORT = 1024  # bytes of a row up to which its columns are combined in registers
NARROW = 32  # columns below which several rows are taken as one long row
SMALL = 4096  # elements below which memory order does not matter
LONG = 1 << 17  # elements of a row of partial results that stay in cache

SUM, MAXIMUM, MINIMUM, PRODUCT, SQUARES = range(5)


@kernel(inline="always")
def joined(kind, a, b):
    """What the results in vector a become with the elements in b. Of kind SQUARES the results are joined as sums are."""
    if kind == PRODUCT:
        return a * b
    elif kind == SQUARES:
        return fma(b, b, a)
    return a + b


@kernel(inline="always")
def _neutral(kind):
    """The result of no elements."""
    return 1.0 if kind == PRODUCT else 0.0


# Tasks of `step` rows of C elements, flat, R in all.


# The rows of x, n in all of C elements each, become vectors in `out`: what their lanes combine to is the row's result.
# They are handed a part of x and not x itself, for a function that is handed an array counts its owners at each call.


@kernel
def _extremes(x, n, C, out, sign):
    """The largest of sign times x; NaN in some lane where there is one."""
    lanes, low, signs = lanes_of(x), broadcast(x, -np.inf), broadcast(x, sign)
    whole = C - C % lanes
    four = whole - whole % (4 * lanes)
    for r in range(n):
        i = r * C
        v0, v1, v2, v3, seen = low, low, low, low, low
        for c in range(i, i + four, 4 * lanes):
            w0, w1 = load(x, c) * signs, load(x, c + lanes) * signs
            w2, w3 = load(x, c + 2 * lanes) * signs, load(x, c + 3 * lanes) * signs
            v0, v1, v2, v3 = larger(v0, w0), larger(v1, w1), larger(v2, w2), larger(v3, w3)
            seen = marked(marked(seen, w0, w1), w2, w3)
        for c in range(i + four, i + whole, lanes):
            w0 = load(x, c) * signs
            v0, seen = larger(v0, w0), marked(seen, w0, w0)
        if whole < C:
            w0 = only_first(load_first(x, i + whole, C - whole) * signs, C - whole, -np.inf)
            v0, seen = larger(v0, w0), marked(seen, w0, w0)
        store(out, r * lanes, higher(seen, larger(larger(v0, v1), larger(v2, v3))))


@kernel(inline="always")
def _folds(kind, x, n, C, out):
    """Any of the kinds but extremes; `kind` is a constant, so that each has a loop of its own."""
    lanes, none = lanes_of(x), broadcast(x, _neutral(kind))
    whole = C - C % lanes
    four = whole - whole % (4 * lanes)
    for r in range(n):
        i = r * C
        v0, v1, v2, v3 = none, none, none, none
        for c in range(i, i + four, 4 * lanes):
            v0, v1 = joined(kind, v0, load(x, c)), joined(kind, v1, load(x, c + lanes))
            v2, v3 = joined(kind, v2, load(x, c + 2 * lanes)), joined(kind, v3, load(x, c + 3 * lanes))
        for c in range(i + four, i + whole, lanes):
            v0, v1 = joined(kind, v1, load(x, c)), v0
        if whole < C:
            v2 = joined(kind, v2, only_first(load_first(x, i + whole, C - whole), C - whole, _neutral(kind)))
        last = SUM if kind == SQUARES else kind
        store(out, r * lanes, joined(last, joined(last, v0, v1), joined(last, v2, v3)))


@kernel
def row_sums(x, n, C, out):
    _folds(SUM, x, n, C, out)


@kernel
def row_squares(x, n, C, out):
    """The sums of squares."""
    _folds(SQUARES, x, n, C, out)


@kernel
def _products(x, n, C, out):
    _folds(PRODUCT, x, n, C, out)


@kernel
def _folded_rows(x, n, C, out, kind, sign):
    if kind == SUM:
        row_sums(x, n, C, out)
    elif kind == SQUARES:
        row_squares(x, n, C, out)
    elif kind == PRODUCT:
        _products(x, n, C, out)
    else:
        _extremes(x, n, C, out, sign)


@kernel
def _rows(first, last, x, y, kind, R, C, step):
    """As many rows at a time as a vector has lanes: each makes a vector, whose lanes are combined for all at once."""
    lanes = lanes_of(x)
    square = np.empty(lanes * lanes, x.dtype)
    out = part(square, 0, square.size)
    out[:] = 0
    sign = x.dtype.type(-1 if kind == MINIMUM else 1)
    end = min(R, last * step)
    for a in range(first * step, end, lanes):
        n = min(lanes, end - a)
        if C > LONGEST and (kind == SUM or kind == SQUARES):
            for r in range(a, a + n):
                s = 0.0
                for c in range(r * C, (r + 1) * C, LONGEST):
                    some = min(LONGEST, (r + 1) * C - c)
                    _folded_rows(part(x, c, c + some), 1, some, out, kind, sign)
                    s += total(load(out, 0))
                y[r] = s
            continue
        _folded_rows(part(x, a * C, (a + n) * C), n, C, out, kind, sign)
        if kind == PRODUCT:
            v = folded_products(out)
        elif kind == SUM or kind == SQUARES:
            v = folded_sums(out)
        else:
            v = folded_maxima(out) * broadcast(x, sign)
        store_first(y, a, v, n)
    hold(square)


def APPLY(a: Any, b: Any) -> Any:
    """What the results in vector a become with the elements in b."""
    raise NotImplementedError("only inside kernels")


def _columns(first, last, x, y, nothing, A, B, C, apart, step):  # type: ignore[no-untyped-def]
    """Results over up to HIGHEST of the B rows of C columns, for A matrices that begin `apart` elements apart; nothing: that
    of no elements.

    Short rows are held in registers from the first to the last, wide ones added to y eight at a time: so memory is read
    in its order, or nearly.
    """
    pieces, strips, lanes, none = (
        (B + HIGHEST - 1) // HIGHEST,
        (C + STRIP - 1) // STRIP,
        lanes_of(x),
        broadcast(x, nothing),
    )
    short = C * x.itemsize <= SHORT
    far = A * B * C * x.itemsize >= FAR and not short and C <= STRIP
    for t in range(first, last):
        left, begin = t % strips * STRIP, t // strips * step
        width = min(STRIP, C - left)
        for unit in range(begin, min(A * pieces, begin + step)):
            row = unit % pieces * HIGHEST
            i, o, rows, c0 = unit // pieces * apart + row * C + left, unit * C + left, min(HIGHEST, B - row), 0
            while short and c0 + 4 * lanes <= width:
                s0, s1, s2, s3, k = none, none, none, none, i + c0
                for top in range(0, rows, FEW):
                    v0, v1, v2, v3 = none, none, none, none
                    for _ in range(top, min(rows, top + FEW)):
                        v0, v1 = APPLY(v0, load(x, k)), APPLY(v1, load(x, k + lanes))
                        v2, v3 = APPLY(v2, load(x, k + 2 * lanes)), APPLY(v3, load(x, k + 3 * lanes))
                        k += C
                    s0, s1, s2, s3 = APPLY(s0, v0), APPLY(s1, v1), APPLY(s2, v2), APPLY(s3, v3)
                store(y, o + c0, s0)
                store(y, o + c0 + lanes, s1)
                store(y, o + c0 + 2 * lanes, s2)
                store(y, o + c0 + 3 * lanes, s3)
                c0 += 4 * lanes
            tall = rows if short else 8
            for top in range(0, rows, tall):
                end = min(rows, top + tall)
                whole = end - (end - top) % 8
                if far:
                    prefetch(x, i + (top + AHEAD) * C, 8 * C)
                for c in range(c0, width, lanes):
                    n, k, v = min(lanes, width - c), i + top * C + c, none
                    for _ in range(top, whole, 8):
                        v0 = APPLY(load_first(x, k, n), load_first(x, k + C, n))
                        v1 = APPLY(load_first(x, k + 2 * C, n), load_first(x, k + 3 * C, n))
                        k += 4 * C
                        v2 = APPLY(load_first(x, k, n), load_first(x, k + C, n))
                        v3 = APPLY(load_first(x, k + 2 * C, n), load_first(x, k + 3 * C, n))
                        k += 4 * C
                        v = APPLY(v, APPLY(APPLY(v0, v1), APPLY(v2, v3)))
                    for _ in range(whole, end):
                        v = APPLY(v, load_first(x, k, n))
                        k += C
                    if top:
                        v = APPLY(load_first(y, o + c, n), v)
                    store_first(y, o + c, v, n)


def column_sums(a, b):  # type: ignore[no-untyped-def]
    return a + b


def column_products(a, b):  # type: ignore[no-untyped-def]
    return a * b


def column_maxima(a, b):  # type: ignore[no-untyped-def]
    return higher(a, b)


def column_minima(a, b):  # type: ignore[no-untyped-def]
    return lower(a, b)


_OF_COLUMNS = {
    SUM: (column_sums, 0.0), PRODUCT: (column_products, 1.0), MAXIMUM: (column_maxima, -np.inf),
    MINIMUM: (column_minima, np.inf),
}  # fmt: skip


@cache
def column_kernel(kind: int) -> Any:
    """One kernel a kind: all in one would take five times as long to compile, and most programs only add."""
    return specialised(_columns, _OF_COLUMNS[kind][0], 0)


@cache
def _nothing(kind: int, dtype: Any) -> Any:
    return dtype.type(_OF_COLUMNS[kind][1])


def columns(x: ndarray, A: int, B: int, C: int, apart: int, kind: int = SUM) -> ndarray:
    """Sums, products or extremes (A, C), flat, over the rows of A matrices (B, C), B > 0, `apart` elements apart in the flat
    x."""
    while C < NARROW and B * C >= 16 * NARROW:
        m = -(-4 * NARROW // C)  # rows taken as one
        long = columns(x, A, B // m, m * C, apart, kind)
        rest = B % m
        if not rest:
            x, B, apart = long, m, m * C
            continue
        both = np.empty((A, m + rest, C), x.dtype)
        both[:, :m] = long.reshape(A, m, C)
        short = np.lib.stride_tricks.as_strided(x[(B - rest) * C :], (A, rest * C), (apart * x.itemsize, x.itemsize))
        both[:, m:] = short.reshape(A, rest, C)
        x, B, apart = both.reshape(-1), m + rest, (m + rest) * C
    pieces, high = -(-B // HIGHEST), min(B, HIGHEST)
    dtype = x.dtype
    y = np.empty(A * pieces * C, dtype)
    step = max(1, STEP // (high * min(C, STRIP)))
    run(
        column_kernel(kind), dtype, -(-A * pieces // step) * -(-C // STRIP), A * B * C >= GATE,
        x, y, _nothing(kind, dtype), A, B, C, apart, step,
    )  # fmt: skip
    return y if pieces == 1 else columns(y, A, pieces, C, pieces * C, kind)


def rows(x: ndarray, kind: int) -> ndarray:
    """One of the kinds above of each row of x (rows, columns), float32 or float64; extremes are NaN where there is one.

    A sum longer than `LONGEST` is one of sums, in float64.

    x is C-contiguous, with at least one column.
    """
    (R, C), y = x.shape, np.empty(x.shape[0], x.dtype)
    step = max(1, STEP // C)
    x_flat = x.reshape(-1) if x.flags.writeable else flat(x)[0]
    run(_rows, x.dtype, -(-R // step), x.size >= GATE, x_flat, y, kind, R, C, step)
    return y


# ------------------------------------------------------------------------------------------- over any axes


def _compact(x: ndarray, axes: tuple[int, ...] | None) -> tuple[ndarray, tuple[int, ...], list[int]]:
    """x in the order of its memory with as few axes as will do; which of them are reduced; the order of the kept axes."""
    shape, steps = x.shape, x.strides
    order = sorted(range(x.ndim), key=lambda i: -np.absolute(steps[i]))
    lengths: list[int] = []
    strides: list[int] = []
    over: list[bool] = []
    for i in order:
        r = axes is None or i in axes
        if shape[i] == 1:
            continue
        if over and over[-1] == r and strides[-1] == steps[i] * shape[i]:
            lengths[-1] *= shape[i]
            strides[-1] = steps[i]
        else:
            lengths.append(shape[i])
            strides.append(steps[i])
            over.append(r)
    view = np.lib.stride_tricks.as_strided(x, lengths, strides, writeable=False)
    kept = [i for i in order if axes is not None and i not in axes]
    return view, tuple(k for k, r in enumerate(over) if r), kept


def reduced(combine: np.ufunc, x: ndarray, axes: tuple[int, ...] | None, keepdim: bool = False) -> Any:
    """combine.reduce over `axes`, in the order of memory; float32 sums are accurate along any axis."""
    if x.size < SMALL:
        return combine.reduce(x, axis=axes, keepdims=keepdim)
    shape, kind = x.shape, _KINDS.get(combine)
    if kind is not None and x.dtype.char in "fd":
        plan = blocks(shape, x.strides, x.itemsize, axes)
        if plan is not None:
            y = plan.flat(x)
            for A, B, C in plan.steps:
                if C > 1:
                    y = columns(y, A, B, C, B * C, kind)
                elif A > 1:
                    y = rows(y.reshape(A, B), kind)
                else:
                    y = np.asarray(_whole(combine, y, kind))
            return plan.result(y if plan.steps else y.copy(), keepdim)
    view, inside, kept = _compact(x, axes)
    if len(inside) > 1 and inside[-1] == view.ndim - 1:  # the innermost axis first, so that the next one can be folded
        view, inside = combine.reduce(view, axis=-1), inside[:-1]
    y = combine.reduce(_folded(combine, view, inside), axis=inside)
    y = np.asarray(y).reshape([shape[i] for i in kept])
    y = y.transpose([kept.index(i) for i in sorted(kept)])
    return y.reshape([1 if axes is None or i in axes else n for i, n in enumerate(shape)]) if keepdim else y


_KINDS: dict[np.ufunc, int] = {
    np.add: SUM, np.maximum: MAXIMUM, np.minimum: MINIMUM, np.multiply: PRODUCT,
}  # fmt: skip


def _whole(combine: np.ufunc, x: ndarray, kind: int) -> Any:
    """combine.reduce of a flat array of float32 or float64, in parts of equal length first."""
    n, part = x.size, LONGEST // 2
    if n <= SMALL:
        return combine.reduce(x)
    whole = n - n % part
    y = _whole(combine, rows(x[:whole].reshape(-1, part), kind), kind)
    return y if whole == n else combine(y, combine.reduce(x[whole:]))


def _folded(combine: np.ufunc, x: ndarray, axes: tuple[int, ...]) -> ndarray:
    """x with its last reduced axis shortened, where the innermost axis is kept.

    numpy combines such rows one by one: slow where they are short, and in float32 the error of a sum grows with their
    number. So groups of m rows are taken as one long row first, about 128 of them, until no more than 128 are left.
    """
    if x.ndim < 2 or x.ndim - 1 in axes or x.strides[-2] != x.shape[-1] * x.strides[-1]:
        return x
    n, k = x.shape[-2:]
    if n < 128:
        return x
    m = max(int(n**0.5), min(n // 128, LONG // k))
    whole = n // m * m
    long = np.lib.stride_tricks.as_strided(
        x, (*x.shape[:-2], n // m, m * k), (*x.strides[:-2], m * k * x.strides[-1], x.strides[-1]), writeable=False
    )
    short = combine.reduce(long, axis=-2).reshape(*x.shape[:-2], m, k)
    rest = short if whole == n else np.concatenate([short, x[..., whole:, :]], axis=-2)
    return _folded(combine, rest, axes)
