"""Elementwise kernels out of functions of single elements: one pass over memory, on as many threads as pay."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from types import FunctionType
from typing import Any

import numpy as np

from . import strided
from .compile import kernel
from .order import flats
from .simd import LANES, broadcast, kept, load, load_first, store, store_first, total
from .threads import launch, run
from .view import hold, part

GATE = 1 << 15  # elements below which a parallel launch costs more than it saves
STEP = 1 << 13  # elements a task


def specialised(template: Any, function: Any, numbers: int, **options: Any) -> Any:
    """The kernel that `template` is when APPLY in it is `function`: compiled apart, and kept on disk as the function's.

    function: a plain one, or a kernel. numbers: how many it takes, after the elements.
    """
    compiled = function if hasattr(function, "py_func") else kernel(function)
    name, code = compiled.py_func.__name__, compiled.py_func.__code__
    names = {**template.__globals__, "APPLY": compiled, "NUMBERS": numbers}
    loop = template.__code__.replace(co_filename=code.co_filename, co_firstlineno=code.co_firstlineno)
    copy = FunctionType(loop, names, name)
    copy.__qualname__ = f"{name}.{template.__name__.lstrip('_')}"
    return kernel(copy, **options)


NUMBERS = 0


def APPLY(*elements: Any) -> Any:
    """What a loop does with the elements of one place."""
    raise NotImplementedError("only inside kernels")


# Tasks `first` to `last` of one, two or three arrays into y, all flat and of one size; p, q, r: the numbers, as many as
# there are.


@kernel
def _bounds(y, first, last):
    return first * STEP, min(y.size, last * STEP)


def _one(first, last, a, y, p, q, r):  # type: ignore[no-untyped-def]
    i, j = _bounds(y, first, last)
    a_part, out = part(a, i, j), part(y, i, j)
    for k in range(out.size):
        out[k] = APPLY(a_part[k], *(p, q, r)[:NUMBERS])


def _two(first, last, a, b, y, p, q, r):  # type: ignore[no-untyped-def]
    i, j = _bounds(y, first, last)
    a_part, b_part, out = part(a, i, j), part(b, i, j), part(y, i, j)
    for k in range(out.size):
        out[k] = APPLY(a_part[k], b_part[k], *(p, q, r)[:NUMBERS])


def _three(first, last, a, b, c, y, p, q, r):  # type: ignore[no-untyped-def]
    i, j = _bounds(y, first, last)
    a_part, b_part, c_part, out = part(a, i, j), part(b, i, j), part(c, i, j), part(y, i, j)
    for k in range(out.size):
        out[k] = APPLY(a_part[k], b_part[k], c_part[k], *(p, q, r)[:NUMBERS])


def _one_vector(first, last, a, y, p, q, r):  # type: ignore[no-untyped-def]
    i, j = _bounds(y, first, last)
    lanes = LANES * 4 // y.itemsize
    whole = j - (j - i) % lanes
    for k in range(i, whole, lanes):
        store(y, k, APPLY(load(a, k), *(p, q, r)[:NUMBERS]))
    if whole < j:
        store_first(y, whole, APPLY(load_first(a, whole, j - whole), *(p, q, r)[:NUMBERS]), j - whole)


def _two_vectors(first, last, a, b, y, p, q, r):  # type: ignore[no-untyped-def]
    i, j = _bounds(y, first, last)
    lanes = LANES * 4 // y.itemsize
    whole = j - (j - i) % lanes
    for k in range(i, whole, lanes):
        store(y, k, APPLY(load(a, k), load(b, k), *(p, q, r)[:NUMBERS]))
    if whole < j:
        n = j - whole
        store_first(y, whole, APPLY(load_first(a, whole, n), load_first(b, whole, n), *(p, q, r)[:NUMBERS]), n)


# The same with the result written over `a`: read and written by one name, so that LLVM makes vectors of it. The other
# arrays are `a` itself or lie elsewhere.


def _one_over(first, last, a, p, q, r):  # type: ignore[no-untyped-def]
    i, j = _bounds(a, first, last)
    out = part(a, i, j)
    for k in range(out.size):
        out[k] = APPLY(out[k], *(p, q, r)[:NUMBERS])


def _two_over(first, last, a, b, p, q, r):  # type: ignore[no-untyped-def]
    i, j = _bounds(a, first, last)
    out, b_part = part(a, i, j), part(b, i, j)
    for k in range(out.size):
        out[k] = APPLY(out[k], b_part[k], *(p, q, r)[:NUMBERS])


def _three_over(first, last, a, b, c, p, q, r):  # type: ignore[no-untyped-def]
    i, j = _bounds(a, first, last)
    out, b_part, c_part = part(a, i, j), part(b, i, j), part(c, i, j)
    for k in range(out.size):
        out[k] = APPLY(out[k], b_part[k], c_part[k], *(p, q, r)[:NUMBERS])


def _total_two(first, last, a, b, sums, p, q, r):  # type: ignore[no-untyped-def]
    """sums[t]: the sum over task t, in an order of its own that does not depend on where the arrays lie."""
    for t in range(first, last):
        i, j = _bounds(a, t, t + 1)
        a_part, b_part, s = part(a, i, j), part(b, i, j), a.dtype.type(0)
        for k in range(a_part.size):
            s += APPLY(a_part[k], b_part[k], *(p, q, r)[:NUMBERS])
        sums[t] = s


def _total_two_vectors(first, last, a, b, sums, p, q, r):  # type: ignore[no-untyped-def]
    for t in range(first, last):
        i, j = _bounds(a, t, t + 1)
        lanes = broadcast(a, 0)
        for k in range(i, j, LANES * 4 // a.itemsize):
            y = APPLY(load_first(a, k, j - k), load_first(b, k, j - k), *(p, q, r)[:NUMBERS])
            lanes = lanes + kept(y, j - k)
        sums[t] = total(lanes)


# The same of arrays of other orders or with gaps (`strided`), APPLY being one of the loops above: row by row where the elements
# of rows stand side by side, else of what is gathered.


def _one_strided(first, last, a, y, plan, p, q, r):  # type: ignore[no-untyped-def]
    n, many = plan[0], plan[3]
    row, i, j, k, end = strided.begun(plan, first, last)
    if plan[7]:
        while row < end:
            at, m = (i * plan[5] + j) * plan[1] + k * n, min(n, plan[1] - k * n)
            a_at = i * plan[9] + j * plan[10] + k * plan[11]
            APPLY(0, 1, part(a, a_at, a_at + m), part(y, at, at + m), p, q, r)
            i, j, k = strided.after(plan[5], plan[6], i, j, k)
            row += 1
        return
    a_room = np.empty(n * many, y.dtype)
    while row < end:
        count = min(many, end - row)
        at = (i * plan[5] + j) * plan[1] + k * n
        m = count * n if many > 1 else min(n, plan[1] - k * n)
        length = n if many > 1 else m
        strided.gathered(plan, 0, a, i, j, k, length, m, a_room)
        APPLY(0, 1, part(a_room, 0, m), part(y, at, at + m), p, q, r)
        for _ in range(count):
            i, j, k = strided.after(plan[5], plan[6], i, j, k)
        row += count
    hold(a_room)


def _two_strided(first, last, a, b, y, plan, p, q, r):  # type: ignore[no-untyped-def]
    n, many = plan[0], plan[3]
    row, i, j, k, end = strided.begun(plan, first, last)
    if plan[7]:
        while row < end:
            at, m = (i * plan[5] + j) * plan[1] + k * n, min(n, plan[1] - k * n)
            a_at = i * plan[9] + j * plan[10] + k * plan[11]
            b_at = i * plan[13] + j * plan[14] + k * plan[15]
            APPLY(0, 1, part(a, a_at, a_at + m), part(b, b_at, b_at + m), part(y, at, at + m), p, q, r)
            i, j, k = strided.after(plan[5], plan[6], i, j, k)
            row += 1
        return
    a_room, b_room = np.empty(n * many, y.dtype), np.empty(n * many, y.dtype)
    while row < end:
        count = min(many, end - row)
        at = (i * plan[5] + j) * plan[1] + k * n
        m = count * n if many > 1 else min(n, plan[1] - k * n)
        length = n if many > 1 else m
        strided.gathered(plan, 0, a, i, j, k, length, m, a_room)
        strided.gathered(plan, 1, b, i, j, k, length, m, b_room)
        APPLY(0, 1, part(a_room, 0, m), part(b_room, 0, m), part(y, at, at + m), p, q, r)
        for _ in range(count):
            i, j, k = strided.after(plan[5], plan[6], i, j, k)
        row += count
    hold(a_room, b_room)


def _three_strided(first, last, a, b, c, y, plan, p, q, r):  # type: ignore[no-untyped-def]
    n, many = plan[0], plan[3]
    row, i, j, k, end = strided.begun(plan, first, last)
    if plan[7]:
        while row < end:
            at, m = (i * plan[5] + j) * plan[1] + k * n, min(n, plan[1] - k * n)
            a_at = i * plan[9] + j * plan[10] + k * plan[11]
            b_at = i * plan[13] + j * plan[14] + k * plan[15]
            c_at = i * plan[17] + j * plan[18] + k * plan[19]
            APPLY(
                0,
                1,
                part(a, a_at, a_at + m),
                part(b, b_at, b_at + m),
                part(c, c_at, c_at + m),
                part(y, at, at + m),
                p,
                q,
                r,
            )
            i, j, k = strided.after(plan[5], plan[6], i, j, k)
            row += 1
        return
    a_room, b_room, c_room = (
        np.empty(n * many, y.dtype),
        np.empty(n * many, y.dtype),
        np.empty(n * many, y.dtype),
    )
    while row < end:
        count = min(many, end - row)
        at = (i * plan[5] + j) * plan[1] + k * n
        m = count * n if many > 1 else min(n, plan[1] - k * n)
        length = n if many > 1 else m
        strided.gathered(plan, 0, a, i, j, k, length, m, a_room)
        strided.gathered(plan, 1, b, i, j, k, length, m, b_room)
        strided.gathered(plan, 2, c, i, j, k, length, m, c_room)
        APPLY(0, 1, part(a_room, 0, m), part(b_room, 0, m), part(c_room, 0, m), part(y, at, at + m), p, q, r)
        for _ in range(count):
            i, j, k = strided.after(plan[5], plan[6], i, j, k)
        row += count
    hold(a_room, b_room, c_room)


_STRIDED = {1: _one_strided, 2: _two_strided, 3: _three_strided}
_OVER = {1: _one_over, 2: _two_over, 3: _three_over}
_LOOPS = {(1, False): _one, (2, False): _two, (3, False): _three, (1, True): _one_vector, (2, True): _two_vectors}


class Map:
    """function(a, .., p, ..) of `arrays` arrays and of numbers, elementwise: arrays of one shape and dtype, float32 or
    float64, in any memory order. The result takes dtype and memory order of the first. Made by `elementwise`."""

    def __init__(self, function: Any, arrays: int, loop: Any, **options: Any) -> None:
        self.function, self.arrays, self.loop, self.options = function, arrays, loop, options
        self.__doc__ = function.__doc__

    @cached_property
    def kernel(self) -> Any:
        """Made when it is first called, for that takes milliseconds."""
        numbers = self.function.__code__.co_argcount - self.arrays
        return specialised(self.loop, self.function, numbers, **self.options)

    @cached_property
    def over_kernel(self) -> Any:
        numbers = self.function.__code__.co_argcount - self.arrays
        return specialised(_OVER[self.arrays], self.function, numbers, **self.options)

    @cached_property
    def strided_kernel(self) -> Any:
        return specialised(_STRIDED[self.arrays], self.kernel, 0)

    def __call__(self, *args: Any) -> np.ndarray:
        arrays = args[: self.arrays]
        rows = [a.ravel() for a in arrays if a.flags.c_contiguous]
        if len(rows) == len(arrays):  # what most calls are, spelled out: of small arrays this is half the time
            out = np.empty(args[0].shape, args[0].dtype)
            self._run(self.kernel, [*rows, out.ravel()], args[self.arrays :])
            return out
        out = np.empty_like(args[0])
        for a in arrays:
            if a.strides != out.strides and not a.flags.c_contiguous:
                apart = self.strided(*args)
                if apart is not None:
                    return apart
                break
        return self.into(out, *args)

    def strided(self, *args: Any) -> np.ndarray | None:
        """The result for arrays that do not all lie alike, with no copy of them; None where `__call__` may copy."""
        arrays = args[: self.arrays]
        plan = strided.planned(arrays[0].shape, arrays[0].itemsize, *[a.strides for a in arrays])
        if plan is None:
            return None
        out = np.empty(plan.shape, arrays[0].dtype)
        given = [out.dtype.type(number) for number in (*args[self.arrays :], 0, 0, 0)[:3]]
        memory = [strided.memory(a) for a in arrays]
        run(
            self.strided_kernel, out.dtype, plan.tasks, out.size >= GATE, *memory, out.reshape(-1), plan.numbers, *given
        )
        return out if plan.back is None else out.transpose(plan.back)

    def over(self, *args: Any) -> None:
        """The result in place of the first array, which is dense; the others stand in its order, and are the first one or
        lie elsewhere."""
        if self.loop in (_one_vector, _two_vectors):  # an element is read before it is written
            self.into(args[0], *args)
        else:
            self._run(self.over_kernel, _flat(args[: self.arrays]), args[self.arrays :])

    def into(self, out: np.ndarray, *args: Any) -> np.ndarray:
        """The result in `out`, which is dense as the first array is or stands in its order."""
        first, *others = _flat((out, *args[: self.arrays]))
        self._run(self.kernel, [*others, first], args[self.arrays :])
        return out

    def _run(self, kernel: Any, arrays: Sequence[np.ndarray], numbers: tuple[Any, ...]) -> None:
        """Call a kernel with flat arrays, of which the first tells the dtype and the number of elements."""
        dtype, size = arrays[0].dtype, arrays[0].size
        kind = dtype.type
        given = [kind(number) for number in (*numbers, 0, 0, 0)[:3]] if numbers else _ZEROS[kind]
        tasks = (size + STEP - 1) // STEP
        if size < GATE:
            kernel(0, tasks, *arrays, *given)
        else:
            launch(kernel, dtype, tasks, *arrays, *given)


_ZEROS: dict[Any, list[Any]] = {kind: [kind(0)] * 3 for kind in (np.float32, np.float64)}


def _flat(arrays: Sequence[np.ndarray]) -> Sequence[np.ndarray]:
    """`flats`, without further ado for arrays in C order."""
    for a in arrays:
        if not a.flags.c_contiguous:
            return flats(*arrays)
    return [a.ravel() for a in arrays]


class Total(Map):
    """The sum of function(a, b, p, ..) over two arrays, in float64. Made by `summed`."""

    def __call__(self, *args: Any) -> Any:
        a, b = args[:2]
        _, *flat = flats(np.empty_like(a), a, b)
        sums = np.empty((a.size + STEP - 1) // STEP, a.dtype)
        self._run(self.kernel, [*flat, sums], args[2:])
        return np.add.reduce(sums, dtype=np.float64)


def elementwise(arrays: int = 1, vectors: bool = False) -> Callable[[Callable[..., Any]], Map]:
    """Make a `Map` of the function below, whose first `arrays` parameters are elements and the others numbers.

    With `vectors` the elements are machine vectors (`functions`), which LLVM makes wide enough of few loops by itself.
    """
    return lambda function: Map(function, arrays, _LOOPS[arrays, vectors])


def summed(vectors: bool = False) -> Callable[[Callable[..., Any]], Total]:
    """Make a `Total` of the function below, whose first two parameters are elements and the others numbers.

    vectors: as for `elementwise`.
    """
    loop = _total_two_vectors if vectors else _total_two
    return lambda function: Total(function, 2, loop, fastmath={"reassoc"})
