"""Elementwise kernels out of functions of single elements: one pass over memory, on as many threads as pay."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from types import FunctionType
from typing import Any

import numpy as np

from .compile import kernel
from .order import flats
from .simd import LANES, load_first, store_first
from .threads import launch
from .view import part

GATE = 1 << 15  # elements below which a parallel launch costs more than it saves
STEP = 1 << 13  # elements a task


def specialised(template: Any, function: Any, numbers: int) -> Any:
    """The kernel that `template` is when APPLY in it is `function`: compiled apart, and kept on disk as the function's.

    numbers: how many the function takes, after the elements.
    """
    name, code = function.__name__, function.__code__
    names = {**template.__globals__, "APPLY": kernel(function), "NUMBERS": numbers}
    loop = template.__code__.replace(co_filename=code.co_filename, co_firstlineno=code.co_firstlineno)
    copy = FunctionType(loop, names, name)
    copy.__qualname__ = f"{name}.{template.__name__.lstrip('_')}"
    return kernel(copy)


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
    for k in range(i, j, LANES * 4 // y.itemsize):
        store_first(y, k, APPLY(load_first(a, k, j - k), *(p, q, r)[:NUMBERS]), j - k)


def _two_vectors(first, last, a, b, y, p, q, r):  # type: ignore[no-untyped-def]
    i, j = _bounds(y, first, last)
    for k in range(i, j, LANES * 4 // y.itemsize):
        store_first(y, k, APPLY(load_first(a, k, j - k), load_first(b, k, j - k), *(p, q, r)[:NUMBERS]), j - k)


_LOOPS = {(1, False): _one, (2, False): _two, (3, False): _three, (1, True): _one_vector, (2, True): _two_vectors}


class Map:
    """function(a, .., p, ..) of `arrays` arrays and of numbers, elementwise: arrays of one shape and dtype, float32 or
    float64, in any memory order. The result takes dtype and memory order of the first. Made by `elementwise`."""

    def __init__(self, function: Any, arrays: int, vectors: bool) -> None:
        self.function, self.arrays, self.loop = function, arrays, _LOOPS[arrays, vectors]
        self.__doc__ = function.__doc__

    @cached_property
    def kernel(self) -> Any:
        return specialised(
            self.loop, self.function, self.function.__code__.co_argcount - self.arrays
        )  # costs milliseconds

    def __call__(self, *args: Any) -> np.ndarray:
        arrays, numbers = args[: self.arrays], args[self.arrays :]
        dtype = arrays[0].dtype
        out = np.empty_like(arrays[0])
        first, *others = flats(out, *arrays)
        given = [dtype.type(number) for number in (*numbers, 0, 0, 0)[:3]]
        tasks = (out.size + STEP - 1) // STEP
        if out.size < GATE:
            self.kernel(0, tasks, *others, first, *given)
        else:
            launch(self.kernel, dtype, tasks, *others, first, *given)
        return out


def elementwise(arrays: int = 1, vectors: bool = False) -> Callable[[Callable[..., Any]], Map]:
    """Make a `Map` of the function below, whose first `arrays` parameters are elements and the others numbers.

    With `vectors` the elements are machine vectors (`functions`), which LLVM makes wide enough of few loops by itself.
    """
    return lambda function: Map(function, arrays, vectors)
