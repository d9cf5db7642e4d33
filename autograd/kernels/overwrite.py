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
from .quiet import quiet
from .threads import launch
from .view import part

FROM = 1 << 13  # elements from which a kernel is quicker than a call or two of numpy
FUSED = 1 << 11  # elements from which the operations themselves take kernels of several steps


@quiet
def _plainly(plain: Any, x: ndarray) -> None:
    plain(x, out=x)


@quiet
def _plainly_added(x: ndarray, y: ndarray, factor: Any) -> None:
    np.add(x, np.multiply(y, factor), x)


@quiet
def _plainly_combined(x: ndarray, y: ndarray, factor: Any, combine: Any, z: Any) -> None:
    np.add(x, combine(np.multiply(y, factor), z), x)


def _beside(x: ndarray, y: Any) -> bool:
    """Whether y can be read element by element while x is written: it is x, or lies elsewhere."""
    return y is x or not np.may_share_memory(x, y) or (y.ctypes.data == x.ctypes.data and y.strides == x.strides)


def _fits(x: ndarray, y: Any) -> bool:
    """Whether y is an array of x's dtype that broadcasts to x's shape."""
    if type(y) is not ndarray or y.dtype is not x.dtype:
        return False
    if y.shape == x.shape:
        return True
    return y.ndim <= x.ndim and all([n in (1, m) for n, m in zip(y.shape[::-1], x.shape[::-1], strict=False)])


def with_other(plain: np.ufunc, pair: Map, number: Map) -> Callable[[ndarray, Any], bool]:
    """x = x (op) y, for an array y or a number."""
    silently = quiet(plain)

    def write(x: ndarray, y: Any) -> bool:
        if x.dtype.char not in "fd":
            return False
        if type(y) is float or type(y) is int:
            if x.size >= FROM and _alike(x, x):
                number.over(x, y)
                return True
        elif not _fits(x, y):
            return False
        elif x.size >= FROM and _alike(x, y) and _beside(x, y):
            pair.over(x, y)
            return True
        silently(x, y, x)
        return True

    return write


def alone(plain: Any, kernel: Map | None = None, least: int = SHARED) -> Callable[[ndarray], bool]:
    """x = f(x), by the kernel from `least` elements on, below by `plain`, one of numpy's with `out`; either may be missing."""

    def write(x: ndarray) -> bool:
        if x.dtype.char not in "fd":
            return False
        if kernel is not None and x.size >= least and _alike(x, x):
            kernel.over(x)
        elif plain is None:
            return False
        else:
            _plainly(plain, x)
        return True

    return write


def add_scaled(x: ndarray, y: Any, factor: Any) -> bool:
    """x += factor y, the product rounded before the sum as in two steps."""
    if x.dtype.char not in "fd" or type(factor) not in (float, int) or not _fits(x, y):
        return False
    if x.size >= FROM and _alike(x, y) and _beside(x, y):
        maps.plus_scaled.over(x, y, factor)
    else:
        _plainly_added(x, y, factor)
    return True


def _threefold(kernel: Map, combine: np.ufunc) -> Callable[[ndarray, Any, Any, Any], bool]:
    """x += (factor y) (op) z."""

    def write(x: ndarray, y: Any, z: Any, factor: Any) -> bool:
        if x.dtype.char not in "fd" or type(factor) not in (float, int) or not (_fits(x, y) and _fits(x, z)):
            return False
        if x.size >= FROM and _alike(x, y) and _alike(x, z) and _beside(x, y) and _beside(x, z):
            kernel.over(x, y, z, factor)
        else:
            _plainly_combined(x, y, factor, combine, z)
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
    if x.dtype.char in "fd" and x.size >= SHARED and _alike(x, x):
        launch(_fill, x.dtype, -(-x.size // STEP), *flats(x), x.dtype.type(value))
    else:
        x[...] = value
