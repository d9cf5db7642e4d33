"""Elementwise operations whose result is written over their first operand: no new memory, one pass.

Each function returns whether it has written; where it has not, nothing is changed and the general way has to be taken:
operands of other dtypes, shapes that do not fit, integers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy import ndarray

from . import elementwise as maps
from .compile import kernel
from .elementwise import SHARED, _alike
from .maps import STEP, Map
from .order import flats
from .threads import get_num_threads, launch
from .view import part

FUSED = 1 << 13  # elements from which a kernel is quicker than numpy's two passes

quiet = np.errstate(all="ignore")


def _large(x: ndarray, least: int) -> bool:
    return x.size >= least and (least < SHARED or get_num_threads() > 1)


def _beside(x: ndarray, y: Any) -> bool:
    """Whether y can be read element by element while x is written: it is x, or lies elsewhere."""
    return y is x or not np.may_share_memory(x, y) or (y.ctypes.data == x.ctypes.data and y.strides == x.strides)


def _fits(x: ndarray, y: Any) -> bool:
    """Whether y is an array of x's dtype that broadcasts to x's shape."""
    if type(y) is not ndarray or y.dtype != x.dtype or y.ndim > x.ndim:
        return False
    return y.shape == x.shape or all([n in (1, m) for n, m in zip(y.shape[::-1], x.shape[::-1], strict=False)])


def with_other(plain: np.ufunc, pair: Map, number: Map | None = None) -> Callable[[ndarray, Any], bool]:
    """x = x (op) y, for an array y or a number."""

    @quiet
    def write(x: ndarray, y: Any) -> bool:
        if x.dtype.kind != "f":
            return False
        if type(y) in (float, int):
            if number is not None and _large(x, SHARED) and _alike(x, x):
                number.over(x, y)
            else:
                plain(x, y, out=x)
            return True
        if not _fits(x, y):
            return False
        if _large(x, SHARED) and _alike(x, y) and _beside(x, y):
            pair.over(x, y)
        else:
            plain(x, y, out=x)
        return True

    return write


def alone(plain: Any, kernel: Map | None = None, least: int = SHARED) -> Callable[[ndarray], bool]:
    """x = f(x), by the kernel from `least` elements on, below by `plain`, one of numpy's with `out`; either may be missing."""

    @quiet
    def write(x: ndarray) -> bool:
        if x.dtype.char not in "fd":
            return False
        if kernel is not None and _large(x, least) and _alike(x, x):
            kernel.over(x)
        elif plain is None:
            return False
        else:
            plain(x, out=x)
        return True

    return write


@quiet
def add_scaled(x: ndarray, y: Any, factor: Any) -> bool:
    """x += factor y, the product rounded before the sum as in two steps."""
    if x.dtype.char not in "fd" or type(factor) not in (float, int) or not _fits(x, y):
        return False
    if x.size >= FUSED and _alike(x, y) and _beside(x, y):
        maps.plus_scaled.over(x, y, factor)
    else:
        np.add(x, np.multiply(y, factor), out=x)
    return True


def _threefold(kernel: Map, combine: np.ufunc) -> Callable[[ndarray, Any, Any, Any], bool]:
    """x += (factor y) (op) z."""

    @quiet
    def write(x: ndarray, y: Any, z: Any, factor: Any) -> bool:
        if x.dtype.char not in "fd" or type(factor) not in (float, int) or not (_fits(x, y) and _fits(x, z)):
            return False
        if x.size >= FUSED and _alike(x, y) and _alike(x, z) and _beside(x, y) and _beside(x, z):
            kernel.over(x, y, z, factor)
        else:
            np.add(x, combine(np.multiply(y, factor), z), out=x)
        return True

    return write


add_product = _threefold(maps.plus_product, np.multiply)
add_quotient = _threefold(maps.plus_quotient, np.true_divide)


def toward(x: ndarray, end: Any, weight: Any) -> bool:
    """x = x + weight (end - x), for a number as weight."""
    if x.size < FUSED or type(weight) is not float or not (_fits(x, end) and _alike(x, end) and _beside(x, end)):
        return False
    maps.lerp.over(x, end, weight)
    return True


def limit(x: ndarray, low: Any, high: Any) -> bool:
    """x limited to [low, high], numbers or None."""
    bounds = [b for b in (low, high) if b is not None]
    if x.dtype.char not in "fd" or not all([type(b) in (int, float) and b == b for b in bounds]):
        return False
    if x.size >= FUSED and _alike(x, x):
        maps.limit.over(x, -np.inf if low is None else low, np.inf if high is None else high)
        return True
    if low is not None:
        np.maximum(x, low, out=x)
    if high is not None:
        np.minimum(x, high, out=x)
    return True


@kernel
def _fill(first, last, x, value):
    i, j = first * STEP, min(x.size, last * STEP)
    to = part(x, i, j)
    for k in range(to.size):
        to[k] = value


def fill(x: ndarray, value: Any) -> None:
    """Every element of x, a number."""
    if x.dtype.char in "fd" and _large(x, SHARED) and _alike(x, x):
        launch(_fill, x.dtype, -(-x.size // STEP), *flats(x), x.dtype.type(value))
    else:
        x[...] = value
