"""Memory moved: arrays of any strides copied into others, in one pass and on all threads.

What the elements are is no matter: they are moved as unsigned integers of their size. A call moves boxes, each an array
onto another of its shape. Of its axes, merged where memory allows, the last two are done together, as blocks of rows: as
whole vectors where a row is whole on both sides, as tiles turned on their diagonal where it runs down the source's columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from math import prod
from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from .compile import kernel
from .simd import LANES, _Emit, transpose_tile
from .threads import launch, run
from .view import located, part

SOME = 1 << 14  # bytes from which a call is worth it beside numpy's copy of single elements
ROWS = 1 << 18  # bytes from which it is beside numpy's copy of whole rows
WHOLE = 1 << 19  # bytes from which it is beside one of all in one piece
MANY = 1 << 12  # elements from which it is beside numpy's reshape of what does not lie row by row
GATE = 1 << 17  # bytes from which a parallel launch costs less than it saves
TASK = 1 << 16  # bytes a task
LONG = 1 << 12  # bytes from which the C library's copy of a row is the faster one
NARROW = 1 << 8  # bytes of a row up to which rows are better moved together
TURNED = 64  # rows and columns of a block that is turned

_REFUSED = -(1 << 62)
_LANES = {4: LANES, 8: LANES // 2, 1: 1, 2: 1}
_INT, _I64 = types.intp, cgutils.intp_t


@intrinsic
def _word(tyctx, address):  # type: ignore[no-untyped-def]
    """The word at an address."""

    def codegen(context, b, sig, args):  # type: ignore[no-untyped-def]
        return b.load(b.inttoptr(args[0], _I64.as_pointer()))

    return types.int64(_INT), codegen


@intrinsic
def get(tyctx, x, i):  # type: ignore[no-untyped-def]
    """x[i], i counted from the array's start and of any sign."""

    def codegen(context, b, sig, args):  # type: ignore[no-untyped-def]
        emit = _Emit(context, b, x.dtype)
        return b.load(b.gep(emit.data(x, args[0]), [args[1]]))

    return x.dtype(x, _INT), codegen


@intrinsic
def put(tyctx, y, j, value):  # type: ignore[no-untyped-def]
    """y[j] = value, j counted from the array's start and of any sign."""

    def codegen(context, b, sig, args):  # type: ignore[no-untyped-def]
        emit = _Emit(context, b, y.dtype)
        b.store(args[2], b.gep(emit.data(y, args[0]), [args[1]]))
        return context.get_dummy_value()

    return types.void(y, _INT, y.dtype), codegen


def _row(emit: _Emit, data: Any, j: Any, count: Any, line: Any) -> None:
    """Store the vectors line(k, lanes) at data[j + k] for all k < count.

    Without masks: the last vector may go over some of the one before again, and what is shorter than a vector is two
    halves, quarters and so on. Long rows go on at a cache line after the first vector.
    """
    b, item, lanes = emit.b, emit.bits // 8, emit.width

    def store(k: Any, lanes: int) -> None:
        value = line(k, lanes)
        pointer = b.bitcast(b.gep(data, [b.add(j, k)]), value.type.as_pointer())
        b.store(value, pointer, align=item)

    def shorter(lanes: int) -> None:
        """Of less than 2 * lanes."""
        with b.if_else(b.icmp_signed(">=", count, _I64(lanes))) as (two, fewer):
            with two:
                store(_I64(0), lanes)
                if lanes > 1:
                    store(b.sub(count, _I64(lanes)), lanes)
            with fewer:
                if lanes > 1:
                    shorter(lanes // 2)

    width = _I64(lanes)
    with b.if_else(b.icmp_signed(">=", count, width)) as (whole, part):
        with whole:
            last = b.sub(count, width)
            address = b.ptrtoint(b.gep(data, [j]), _I64)
            head = b.udiv(b.and_(b.neg(address), _I64(item * lanes - 1)), _I64(item))
            head = b.select(b.icmp_signed(">=", count, _I64(8 * lanes)), head, width)
            store(_I64(0), lanes)
            with cgutils.for_range_slice(b, head, last, width, inc=True) as (k, _):
                store(k, lanes)
            store(last, lanes)
        with part:
            shorter(lanes // 2)


def _read(emit: _Emit, data: Any, i: Any, lanes: int) -> Any:
    kind = ir.VectorType(emit.type.element, lanes)
    return emit.b.load(emit.b.bitcast(emit.b.gep(data, [i]), kind.as_pointer()), align=emit.bits // 8)


@intrinsic
def copy_row(tyctx, x, i, y, j, count):  # type: ignore[no-untyped-def]
    """y[j : j + count] = x[i : i + count], which do not overlap."""

    def codegen(context, b, sig, args):  # type: ignore[no-untyped-def]
        emit = _Emit(context, b, x.dtype)
        X, i, Y, j, count = args
        X, Y = emit.data(x, X), emit.data(y, Y)
        far = _I64(LONG * 8 // emit.bits)

        def by_library() -> None:
            cgutils.raw_memcpy(b, b.gep(Y, [j]), b.gep(X, [i]), count, emit.bits // 8)

        if emit.bits < 32:
            by_library()
            return context.get_dummy_value()
        with b.if_else(b.icmp_signed(">=", count, far)) as (long, shorter):
            with long:
                by_library()
            with shorter:
                _row(emit, Y, j, count, lambda k, lanes: _read(emit, X, b.add(i, k), lanes))
        return context.get_dummy_value()

    return types.void(x, _INT, y, _INT, _INT), codegen


@intrinsic
def pair_row(tyctx, x, i, other, k, y, j, count):  # type: ignore[no-untyped-def]
    """y[j + 2 n] = x[i + n] and y[j + 2 n + 1] = other[k + n] for n < count."""

    def codegen(context, b, sig, args):  # type: ignore[no-untyped-def]
        emit = _Emit(context, b, x.dtype)
        X, i, other_, k, Y, j, count = args
        X, other_, Y = emit.data(x, X), emit.data(other, other_), emit.data(y, Y)

        def single(n: Any) -> None:
            at = b.add(j, b.add(n, n))
            b.store(b.load(b.gep(X, [b.add(i, n)])), b.gep(Y, [at]))
            b.store(b.load(b.gep(other_, [b.add(k, n)])), b.gep(Y, [b.add(at, _I64(1))]))

        done = _I64(0)
        if emit.bits >= 32:
            lanes, width = list(range(emit.width)), _I64(emit.width)
            order = [lane + which for lane in lanes for which in (0, emit.width)]
            done = b.mul(b.udiv(count, width), width)
            with cgutils.for_range_slice(b, _I64(0), done, width, inc=True) as (n, _):
                one, two = emit.load(X, b.add(i, n)), emit.load(other_, b.add(k, n))
                at = b.add(j, b.add(n, n))
                emit.store(Y, at, emit.shuffle(one, two, order[: emit.width]))
                emit.store(Y, b.add(at, width), emit.shuffle(one, two, order[emit.width :]))
        with cgutils.for_range_slice(b, done, count, _I64(1), inc=True) as (n, _):
            single(n)
        return context.get_dummy_value()

    return types.void(x, _INT, other, _INT, y, _INT, _INT), codegen


@intrinsic
def reverse_row(tyctx, x, i, y, j, count):  # type: ignore[no-untyped-def]
    """y[j + k] = x[i - k] for k < count."""

    def codegen(context, b, sig, args):  # type: ignore[no-untyped-def]
        emit = _Emit(context, b, x.dtype)
        X, i, Y, j, count = args
        X, Y = emit.data(x, X), emit.data(y, Y)

        if emit.bits < 32:
            with cgutils.for_range(b, count) as loop:
                b.store(b.load(b.gep(X, [b.sub(i, loop.index)])), b.gep(Y, [b.add(j, loop.index)]))
            return context.get_dummy_value()

        def turned(k: Any, lanes: int) -> Any:
            line = _read(emit, X, b.sub(b.sub(i, k), _I64(lanes - 1)), lanes)
            return emit.shuffle(line, line, list(range(lanes))[::-1])

        _row(emit, Y, j, count, turned)
        return context.get_dummy_value()

    return types.void(x, _INT, y, _INT, _INT), codegen


@intrinsic
def fill_row(tyctx, y, j, value, count):  # type: ignore[no-untyped-def]
    """y[j : j + count] = value."""

    def codegen(context, b, sig, args):  # type: ignore[no-untyped-def]
        emit = _Emit(context, b, y.dtype)
        Y, j, value, count = args
        Y = emit.data(y, Y)
        if emit.bits < 32:
            with cgutils.for_range(b, count) as loop:
                b.store(value, b.gep(Y, [b.add(j, loop.index)]))
            return context.get_dummy_value()
        line = emit.splat(b.bitcast(value, emit.type.element))
        _row(emit, Y, j, count, lambda k, lanes: emit.shuffle(line, line, [0] * lanes))
        return context.get_dummy_value()

    return types.void(y, _INT, y.dtype, _INT), codegen


# A box's line of the table: its first task and the blocks of one; where source and target start; rows, columns and their
# steps in elements; the rows and columns of a block; how many outer axes there are, and of each its length and steps.
TASK0, GROUP, SOURCE, TARGET, R, W, X_R, X_W, Y_R, Y_W, R_BLOCK, W_BLOCK, OUTER, AXES = range(14)
MOST = 4  # outer axes
LINE = AXES + 3 * MOST


@kernel
def _block(table, box, n):
    """Of block n of a box: offsets in source and target, and its rows and columns; no rows behind the last block."""
    columns, rows = table[box + W], table[box + R]
    across = (columns + table[box + W_BLOCK] - 1) // table[box + W_BLOCK]
    down = (rows + table[box + R_BLOCK] - 1) // table[box + R_BLOCK]
    w, n = n % across * table[box + W_BLOCK], n // across
    r, n = n % down * table[box + R_BLOCK], n // down
    i, j = r * table[box + X_R] + w * table[box + X_W], r * table[box + Y_R] + w * table[box + Y_W]
    for axis in range(table[box + OUTER]):
        at = box + AXES + 3 * axis
        k, n = n % table[at], n // table[at]
        i, j = i + k * table[at + 1], j + k * table[at + 2]
    return i, j, 0 if n else min(rows - r, table[box + R_BLOCK]), min(columns - w, table[box + W_BLOCK])


@kernel
def _move(first, last, like, table):
    """Tasks first..last of the boxes of a table."""
    for t in range(first, last):
        box = 0
        while box + LINE < table.size and table[box + LINE + TASK0] <= t:
            box += LINE
        x, y = located(like, table[box + SOURCE], 1), located(like, table[box + TARGET], 1)
        x_r, x_w, y_r, y_w = table[box + X_R], table[box + X_W], table[box + Y_R], table[box + Y_W]
        n0 = (t - table[box + TASK0]) * table[box + GROUP]
        for n in range(n0, n0 + table[box + GROUP]):
            i, j, rows, columns = _block(table, box, n)
            for r in range(rows):
                if y_w != 1 or not -1 <= x_w <= 1:
                    for k in range(columns):
                        put(y, j + k * y_w, get(x, i + k * x_w))
                elif x_w == 1:
                    copy_row(x, i, y, j, columns)
                elif x_w == 0:
                    fill_row(y, j, get(x, i), columns)
                else:
                    reverse_row(x, i, y, j, columns)
                i, j = i + x_r, j + y_r


@kernel
def _turn(first, last, like, table, lanes):
    """The same of one box whose rows lie side by side in the source: items of 4 or 8 bytes."""
    x, y = located(like, table[SOURCE], 1), located(like, table[TARGET], 1)
    x_w, y_r, n = table[X_W], table[Y_R], table[GROUP]
    for n in range(first * table[GROUP], last * table[GROUP]):
        i, j, rows, columns = _block(table, 0, n)
        for r in range(0, rows, lanes):
            for k in range(0, columns, lanes):
                height, width = min(lanes, columns - k), min(lanes, rows - r)
                transpose_tile(x, i + k * x_w + r, x_w, y, j + r * y_r + k, y_r, height, width)


# Where numpy's C interface puts these behind an array object's head.
_DATA, _NDIM, _LENGTHS, _STEPS = (object.__basicsize__ + 8 * k for k in range(4))
_SIZES = (1, 2, 4, 8)
_LIKE = {size: np.zeros(1, f"u{size}") for size in _SIZES}


@kernel
def _merged(x, y, axes):
    """Lengths and steps in bytes in x and y of the axes of two arrays of one shape, known by their objects' addresses.

    The outermost in y first, and as few as the memory allows, but two at least. Returns their number.
    """
    ndim, count = _word(y + _NDIM) & 0xFFFFFFFF, 0
    for axis in range(ndim):
        n = _word(_word(y + _LENGTHS) + 8 * axis)
        if n == 1:
            continue
        s, t = _word(_word(x + _STEPS) + 8 * axis), _word(_word(y + _STEPS) + 8 * axis)
        k = count
        while k and axes[k - 1, 2] < t:
            axes[k] = axes[k - 1]
            k -= 1
        axes[k, 0], axes[k, 1], axes[k, 2] = n, s, t
        count += 1
    kept = 0
    for k in range(count):
        n, s, t = axes[k]
        if kept and axes[kept - 1, 1] == n * s and axes[kept - 1, 2] == n * t:
            axes[kept - 1, 0] *= n
            axes[kept - 1, 1], axes[kept - 1, 2] = s, t
        else:
            axes[kept, 0], axes[kept, 1], axes[kept, 2] = n, s, t
            kept += 1
    while kept < 2:
        for k in range(kept, 0, -1):
            axes[k] = axes[k - 1]
        axes[0, 0], axes[0, 1], axes[0, 2] = 1, 0, 0
        kept += 1
    return kept


@kernel
def _to_inner(axes, k, count):
    """Put axis k behind the others."""
    n, s, t = axes[k]
    for m in range(k, count - 1):
        axes[m] = axes[m + 1]
    axes[count - 1, 0], axes[count - 1, 1], axes[count - 1, 2] = n, s, t


@kernel
def _plan(x, y, item, table, box, tasks):
    """Write down the box that copies x to y; its number of tasks and whether it is to be turned, or -1 where numpy must."""
    axes = np.empty((66, 3), np.int64)
    count = _merged(x, y, axes)
    source, target = _word(x + _DATA), _word(y + _DATA)
    odd = source | target
    for k in range(count):
        odd |= axes[k, 1] | axes[k, 2]
    if count > MOST + 2 or odd & (item - 1):
        return -1, False
    count -= 1
    columns, x_w, y_w = axes[count]
    turned = False
    if y_w == item and x_w != item and item >= 4 and columns >= 4:
        for k in range(count - 1, -1, -1):
            if axes[k, 1] == item and axes[k, 0] >= 4:
                _to_inner(axes, k, count)
                turned = True
                break
    count -= 1
    rows, x_r, y_r = axes[count]
    most = TASK // item
    if turned:
        r_block, w_block = min(rows, TURNED), min(columns, TURNED)
    else:
        w_block = min(columns, most)
        r_block = min(rows, max(1, most // w_block))
    blocks = -(-rows // r_block) * -(-columns // w_block)
    table[box + TASK0] = tasks
    table[box + SOURCE], table[box + TARGET], table[box + R], table[box + W] = source, target, rows, columns
    table[box + X_R], table[box + X_W], table[box + Y_R], table[box + Y_W] = (
        x_r // item,
        x_w // item,
        y_r // item,
        y_w // item,
    )
    table[box + R_BLOCK], table[box + W_BLOCK], table[box + OUTER] = r_block, w_block, count
    for k in range(count):
        at = box + AXES + 3 * (count - 1 - k)
        table[at], table[at + 1], table[at + 2] = axes[k, 0], axes[k, 1] // item, axes[k, 2] // item
        blocks *= axes[k, 0]
    group = min(blocks, max(1, most // (r_block * w_block)))  # looking for blocks behind the last takes its time
    table[box + GROUP] = group
    return -(-blocks // group), turned


@kernel
def _one(x, y, like, table, all_here, lanes):
    """Plan the copy of x to y, and make it where `all_here`; else the number of tasks, negative where they turn, 0 where
    nothing is left, and `_REFUSED` where numpy must."""
    tasks, turned = _plan(x, y, like.itemsize, table, 0, 0)
    if tasks < 0:
        return _REFUSED
    if not all_here and tasks > 1:
        return -tasks if turned else tasks
    if turned:
        _turn(0, tasks, like, table, lanes)
    else:
        _move(0, tasks, like, table)
    return 0


def _check(x: np.ndarray, y: np.ndarray) -> None:
    if x.shape != y.shape or x.dtype != y.dtype:
        raise ValueError(f"move: {x.shape} of {x.dtype} is to be copied onto {y.shape} of {y.dtype}")
    if not y.flags.writeable:
        raise ValueError("move: the target is read-only")


def copy(x: np.ndarray, y: np.ndarray) -> None:
    """y[...] = x for arrays of one shape and dtype that do not overlap."""
    _check(x, y)
    item, size = y.itemsize, y.size
    if item not in _LIKE:
        y[...] = x
    elif size:
        like, table = _LIKE[item], np.empty(LINE, np.int64)
        tasks = _one(id(x), id(y), like, table, size * item < GATE, _LANES[item])
        if tasks == _REFUSED:
            y[...] = x
        elif tasks > 0:
            launch(_move, item, tasks, like, table)
        elif tasks < 0:
            launch(_turn, item, -tasks, like, table, _LANES[item])


def copies(pairs: Sequence[tuple[np.ndarray, np.ndarray]]) -> None:
    """`copy` of several pairs (x, y), all of one dtype and no y overlapping another, by one call."""
    table, item = np.empty(LINE * len(pairs), np.int64), pairs[0][1].itemsize
    tasks = moved = box = 0
    for x, y in pairs:
        _check(x, y)
        if not y.size:
            continue
        more, turned = _plan(id(x), id(y), item, table, box, tasks) if item in _LIKE else (-1, False)
        if more < 0:
            y[...] = x
        elif turned:
            copy(x, y)
        else:
            tasks, moved, box = tasks + more, moved + y.size * item, box + LINE
    if tasks:
        run(_move, item, tasks, moved >= GATE, _LIKE[item], table[:box])


def _few(x: np.ndarray) -> bool:
    """Whether numpy copies x at least as fast."""
    if x.flags.c_contiguous:
        return x.nbytes < WHOLE
    return x.nbytes < (ROWS if x.strides[-1] == x.itemsize and x.shape[-1] >= 32 else SOME)


def dense(x: np.ndarray) -> np.ndarray:
    """A C-contiguous copy."""
    if _few(x):
        return np.array(x, order="C")
    y = np.empty(x.shape, x.dtype)
    copy(x, y)
    return y


def kept(x: np.ndarray) -> np.ndarray:
    """A copy in the same order of memory, as numpy's of order K."""
    if x.nbytes < WHOLE:
        return np.array(x, order="K")
    y = np.empty_like(x, order="K", subok=False)
    copy(x, y)
    return y


@kernel
def _beside(first, last, like, parts, whole, rows, width, apart, step):
    """Rows first * step to last * step of an array, each a row of every part after the other: put together from the parts,
    or taken apart into them. Of a part the address of the object, its width, where its row starts in the array's, and how
    far its rows are apart."""
    whole = located(like, _word(whole + _DATA), 1)
    for t in range(first, last):
        begin, end = t * step, min(rows, (t + 1) * step)
        for k in range(0, parts.size, 4):
            part, n, far = located(like, _word(parts[k] + _DATA), 1), parts[k + 1], parts[k + 3]
            at, i = begin * width + parts[k + 2], begin * far
            for _ in range(begin, end):
                if apart:
                    copy_row(whole, at, part, i, n)
                else:
                    copy_row(part, i, whole, at, n)
                at, i = at + width, i + far


def _row_step(x: np.ndarray, axis: int) -> int | None:
    """How many elements the rows of x, over its axes from `axis` on, are apart; None where they are not whole in memory or
    not evenly apart."""
    if x.flags.c_contiguous:
        return prod(x.shape[axis:])
    step: int | None = None
    wanted = x.itemsize
    for k in range(x.ndim - 1, -1, -1):
        n, stride = x.shape[k], x.strides[k]
        if n == 1:
            continue
        if k < axis and step is None:
            step = wanted = stride
        if stride != wanted:
            return None
        wanted = stride * n
    return None if step is None or step % x.itemsize else step // x.itemsize


def _rows_beside(
    arrays: Sequence[np.ndarray], starts: Sequence[int], whole: np.ndarray, axis: int, apart: bool
) -> bool:
    """Put the rows of a C-contiguous array over its axes from `axis` on together from those of parts, or take them apart;
    `starts`: where a part's row starts in the array's. False where the parts are better copied one by one."""
    rows, item = prod(whole.shape[:axis]), whole.itemsize
    if not whole.size or item not in _LIKE or rows < 16 or whole.nbytes > rows * TASK:
        return False
    parts: list[int] = []
    for a, start in zip(arrays, starts, strict=True):
        far = _row_step(a, axis)
        if far is None or not (a.flags.aligned and whole.flags.aligned):
            return False
        parts += id(a), a.size // rows, start, far
    width = whole.size // rows
    step = max(1, TASK // (width * item))
    args = np.array(parts), id(whole), rows, width, apart, step
    run(_beside, item, -(-rows // step), whole.nbytes >= GATE, _LIKE[item], *args)
    return True


def _pieces(x: np.ndarray, axis: int, lengths: Sequence[int]) -> list[np.ndarray]:
    """Views of consecutive pieces of x of these lengths along `axis`."""
    before, at, views = (slice(None),) * axis, 0, []
    for n in lengths:
        views.append(x[(*before, slice(at, at + n))])
        at += n
    return views


def join(arrays: Sequence[np.ndarray], axis: int) -> np.ndarray:
    """Arrays of one dtype one after the other along `axis`, C-contiguous; the other axes agree."""
    first, lengths = arrays[0], [a.shape[axis] for a in arrays]
    shape = [*first.shape]
    shape[axis] = sum(lengths)
    for a in arrays:
        if a.dtype != first.dtype or [*a.shape[:axis], shape[axis], *a.shape[axis + 1 :]] != shape:
            raise ValueError(f"join: {a.shape} of {a.dtype} beside {first.shape} of {first.dtype}")
    y, inner = np.empty(shape, first.dtype), prod(shape[axis + 1 :])
    starts = [n * inner for n in accumulate(lengths[:-1], initial=0)]
    if not _rows_beside(arrays, starts, y, axis, False):
        copies([*zip(arrays, _pieces(y, axis, lengths), strict=True)])
    return y


def cut(x: np.ndarray, axis: int, lengths: Sequence[int], wanted: Sequence[bool]) -> list[np.ndarray | None]:
    """Consecutive pieces of C-contiguous x of these lengths along `axis`, each in memory of its own and C-contiguous; None
    for what is not wanted."""
    if sum(lengths) != x.shape[axis]:
        raise ValueError(f"cut: pieces of {lengths} of axis {axis} of {x.shape}")
    if not x.flags.c_contiguous:
        raise ValueError(f"cut: expected a C-contiguous array, got strides {x.strides} of {x.dtype}")
    found: list[np.ndarray | None] = [None] * len(lengths)
    made, starts, pairs = [], [], []
    inner = prod(x.shape[axis + 1 :])
    for k, view in enumerate(_pieces(x, axis, lengths)):
        if wanted[k]:
            found[k] = y = np.empty(view.shape, x.dtype)
            made.append(y)
            starts.append(sum(lengths[:k]) * inner)
            pairs.append((view, y))
    if made and not _rows_beside(made, starts, x, axis, True):
        copies(pairs)
    return found


@kernel
def _pairs(first, last, like, x, other, y, size, step):
    x, other = located(like, _word(x + _DATA), 1), located(like, _word(other + _DATA), 1)
    y = located(like, _word(y + _DATA), 1)
    for t in range(first, last):
        at = t * step
        pair_row(x, at, other, at, y, 2 * at, min(step, size - at))


def stacked(arrays: Sequence[np.ndarray], axis: int) -> np.ndarray:
    """C-contiguous arrays of one shape and dtype side by side along a new axis."""
    first, n = arrays[0], len(arrays)
    for a in arrays:
        if a.shape != first.shape or a.dtype != first.dtype:
            raise ValueError(f"stacked: {a.shape} of {a.dtype} beside {first.shape} of {first.dtype}")
    y = np.empty((*first.shape[:axis], n, *first.shape[axis:]), first.dtype)
    inner = prod(first.shape[axis:])
    if n == 2 and axis == first.ndim and first.size and first.itemsize in _LIKE:
        for a in arrays:
            _check_dense(a)
        step = TASK // (2 * y.itemsize)
        places = id(first), id(arrays[1]), id(y), first.size, step
        run(_pairs, y.itemsize, -(-first.size // step), y.nbytes >= GATE, _LIKE[y.itemsize], *places)
    elif not _rows_beside(arrays, range(0, n * inner, inner or 1), y, axis, False):
        before: tuple[Any, ...] = (slice(None),) * axis
        copies([(a, y[(*before, k, ...)]) for k, a in enumerate(arrays)])  # ...: a view of single elements too
    return y


def rolled(x: np.ndarray, shifts: Sequence[tuple[int, int]]) -> np.ndarray:
    """np.roll of C-contiguous x, by so much along each axis of these (axis, shift), of which none comes twice."""
    if not x.size or not shifts:
        return np.copy(x)
    y = np.empty(x.shape, x.dtype)
    (axis, shift), *rest = sorted(shifts, reverse=True)
    n, inner, item = x.shape[axis], prod(x.shape[axis + 1 :]), x.itemsize
    shift %= n
    if n * inner * item > TASK >= inner * item > NARROW and item in _LIKE:  # as blocks of rows that stay as they are
        axis, rest, n, shift = axis + 1, [(axis, shift), *rest], 1, 0
    width = n * inner
    if width * item <= TASK and item in _LIKE:
        _check_dense(x)
        rows = x.size // width
        blocks, deep, over = 1, rows, 0
        if rest:
            outer, over = rest.pop(0)
            blocks, deep = x.shape[outer], prod(x.shape[outer + 1 : axis])
        step = max(1, TASK // (width * item))
        places = id(x), id(y), rows, width, shift * inner, blocks, deep, over % blocks, step
        run(_roll, item, -(-rows // step), x.nbytes >= GATE, _LIKE[item], *places)
    else:
        copies([*zip(_pieces(x, axis, (n - shift, shift)), _pieces(y, axis, (shift, n - shift))[::-1], strict=True)])
    return rolled(y, rest) if rest else y


@kernel
def _roll(first, last, like, x, y, rows, width, shift, blocks, deep, over, step):
    """Rows first * step to last * step of y, each moved on by `shift` and around its end; they come from blocks of `deep`
    rows, of which every so many `blocks` are moved on by `over`."""
    x, y = located(like, _word(x + _DATA), 1), located(like, _word(y + _DATA), 1)
    narrow, t, stop = width * like.itemsize <= NARROW, first * step, min(rows, last * step)
    while t < stop:
        block = t // deep
        within, place = t - block * deep, block % blocks
        source, end = (block - over, blocks) if place >= over else (block - over + blocks, over)
        count = min((end - place) * deep - within, stop - t)  # on to where the source begins anew
        at, i = t * width, (source * deep + within) * width
        t += count
        if narrow and 2 * shift <= width:  # all at once, and then what this has brought across a row's end
            copy_row(x, i, y, at + shift, count * width - shift)
            for k in range(0, count * width, width):
                copy_row(x, i + k + width - shift, y, at + k, shift)
        elif narrow:
            copy_row(x, i + width - shift, y, at, count * width - width + shift)
            for k in range(0, count * width, width):
                copy_row(x, i + k, y, at + k + shift, width - shift)
        else:
            for k in range(0, count * width, width):
                copy_row(x, i + k + width - shift, y, at + k, shift)
                copy_row(x, i + k, y, at + k + shift, width - shift)


# ------------------------------------------------------------------------------------------ triangles and borders


@kernel
def _band(first, last, like, x, y, rows, columns, rest, diagonal, lower, step):
    """Rows first * step to last * step of all: of row r of a matrix of y what x has up to column r + diagonal, or from
    there on if not `lower`, and zeros."""
    x, y = located(like, _word(x + _DATA), 1), located(like, _word(y + _DATA), 1)
    zero = like[0] ^ like[0]
    for t in range(first * step, min(rest * rows, last * step)):
        at, edge = t * columns, t % rows + diagonal
        if lower:
            kept = min(max(edge + 1, 0), columns)
            copy_row(x, at, y, at, kept)
            fill_row(y, at + kept, zero, columns - kept)
        else:
            gone = min(max(edge, 0), columns)
            fill_row(y, at, zero, gone)
            copy_row(x, at + gone, y, at + gone, columns - gone)


def triangle(x: np.ndarray, diagonal: int, lower: bool) -> np.ndarray:
    """np.tril or np.triu of C-contiguous matrices of items of 1, 2, 4 or 8 bytes."""
    y = np.empty(x.shape, x.dtype)
    *_, rows, columns = x.shape
    if x.size:
        _check_dense(x)
        step = max(1, TASK // (columns * x.itemsize))
        rest = x.size // (rows * columns)
        diagonal = min(max(diagonal, -rows), columns)
        sizes = rows, columns, rest, diagonal, lower, step
        tasks = -(-rest * rows // step)
        run(_band, x.itemsize, tasks, x.nbytes >= GATE, _LIKE[x.itemsize], id(x), id(y), *sizes)
    return y


def _check_dense(x: np.ndarray) -> None:
    if not (x.flags.c_contiguous and x.flags.aligned and x.itemsize in _LIKE):
        raise ValueError(f"move: expected a C-contiguous array, got strides {x.strides} of {x.dtype}")


@kernel
def _frame(first, last, like, x, y, frame, value, step):
    """Rows first * step to last * step of y. `frame`: for two axes or more, the innermost first, the length in x, what is
    in front of that in y, and the length in y; of the innermost in elements."""
    x, y, value = located(like, _word(x + _DATA), 1), located(like, _word(y + _DATA), 1), value[0]
    inner, before, width = frame[0], frame[1], frame[2]
    height, above, run = frame[3], frame[4], frame[5]
    rows = 1
    for k in range(3, frame.size, 3):
        rows *= frame[k + 2]
    t, stop = first * step, min(rows, last * step)
    while t < stop:  # a run of rows that differ in their place along the second axis alone
        start, rest, block, length, inside = t % run, t // run, 0, 1, True
        for k in range(6, frame.size, 3):
            place = rest % frame[k + 2] - frame[k + 1]
            rest //= frame[k + 2]
            inside = inside and 0 <= place < frame[k]
            block, length = block + place * length, length * frame[k]
        for q in range(start, min(run, start + stop - t)):
            at, row = t * width, q - above
            t += 1
            if inside and 0 <= row < height:
                fill_row(y, at, value, before)
                copy_row(x, (block * height + row) * inner, y, at + before, inner)
                fill_row(y, at + before + inner, value, width - before - inner)
            else:
                fill_row(y, at, value, width)


def framed(x: np.ndarray, pads: Sequence[tuple[int, int]], value: Any) -> np.ndarray:
    """C-contiguous x with so many items of `value` before and behind along each of its axes; none is negative."""
    if any(a < 0 or b < 0 for a, b in pads) or len(pads) != x.ndim:
        raise ValueError(f"framed: borders {pads} for an array of shape {x.shape}")
    _check_dense(x)
    y = np.empty([n + a + b for n, (a, b) in zip(x.shape, pads, strict=True)], x.dtype)
    axes: list[list[int]] = []
    for n, (a, b) in zip(reversed(x.shape), reversed(pads), strict=True):
        if not axes or (axes[-1][1] or axes[-1][0] != axes[-1][2]):
            axes.append([n, a, n + a + b])
        else:  # the axes within have no borders: this one's are whole rows of them
            inner = axes[-1][0]
            axes[-1] = [n * inner, a * inner, (n + a + b) * inner]
    axes += [[1, 0, 1]] * (2 - len(axes))
    if y.size:
        like, width = _LIKE[x.itemsize], axes[0][2]
        step = max(1, TASK // (width * x.itemsize))
        tasks = -(-y.size // (width * step))
        filling = np.full(1, value, x.dtype).view(like.dtype)
        frame = np.array(axes).reshape(-1)
        run(_frame, x.itemsize, tasks, y.nbytes >= GATE, like, id(x), id(y), frame, filling, step)
    return y


# ------------------------------------------------------------------------------------------------------ conversions


@kernel
def _convert(first, last, x, y, step):
    for t in range(first, last):
        start, stop = t * step, min((t + 1) * step, x.size)
        source, target = part(x, start, stop), part(y, start, stop)
        for k in range(source.size):
            target[k] = source[k]


_FLOATS, _INTS = "fd", "il" if np.dtype("l").itemsize == 8 else "iq"


def converted(x: np.ndarray, dtype: np.dtype) -> np.ndarray | None:
    """A dense x in another dtype, in the same memory order, as astype gives it; None where numpy is to make it.

    Between floating point and integers of 4 and 8 bytes, and from bytes and bools to those: conversions that every
    compiler makes alike, also of what does not fit.
    """
    known = x.dtype.char in "fdilq?B" and dtype.char in "fdilq"
    if not known or x.size * dtype.itemsize < SOME or not x.flags.aligned:
        return None
    y = np.empty_like(x, dtype, order="K", subok=False)
    if not (x.flags.c_contiguous and y.flags.c_contiguous and x.flags.writeable):
        if y.strides != tuple([s // x.itemsize * dtype.itemsize for s in x.strides]):
            return None
        order = sorted(range(x.ndim), key=lambda axis: -x.strides[axis])
        source, target = x.transpose(order), y.transpose(order)
        if not (source.flags.c_contiguous and source.flags.writeable):
            return None
    else:
        source, target = x, y
    step = TASK // 8
    args = source.reshape(-1), target.reshape(-1), step
    run(_convert, (x.dtype, dtype), -(-x.size // step), y.nbytes >= GATE, *args)
    return y
