"""The chain rule where a derivative is infinite or NaN.

`where(x > 0, sqrt(x), x)` hands sqrt a gradient of 0 wherever x <= 0, and sqrt's derivative there is infinite or NaN;
0 times that would spoil the whole gradient. So the elementwise formulas multiply by `times` and divide by `over`: an
incoming gradient of exactly 0 stays 0, whatever the derivative is. Both are operations that differentiate into their
like, so the rule holds in every order. Any other gradient meets inf and NaN as arithmetic has it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy import ndarray

from ..kernels import elementwise as kernels
from ..kernels.broadcast import broadcast
from ..kernels.quiet import quiet
from ..op import op
from ..tensor import Tensor


def _zero_stays(y: Any, g: Any) -> Any:
    """`y`, an array of our own, with NaN replaced by 0 where g is 0."""
    if type(y) is not ndarray:
        return y if y == y or g != 0 else type(y)(0)
    flat = y.ravel("K")
    total = flat.dot(flat)  # NaN if and only if some element is: one quick pass
    if total != total:
        np.copyto(y, 0, where=np.equal(g, 0))
    return y


def times(g: Any, factor: Any) -> Any:
    """g * factor, 0 where g is 0: how a formula multiplies by its derivative."""
    if type(g) is ndarray and not isinstance(factor, Tensor):
        if type(factor) is float and factor - factor == 0:  # times a finite number 0 stays
            return kernels.multiply(g, factor)
        y = _in_one_pass(kernels.times, g, factor) if g.size >= _MANY else None
        return _zero_stays(g * factor, g) if y is None else y  # backward has silenced numpy already
    return _times(g, factor)


def _in_one_pass(kernel: Any, g: ndarray, other: Any) -> ndarray | None:
    """The kernel's result where it can do it: for floats of one dtype, also of unlike shapes."""
    if type(other) is not ndarray or g.dtype is not other.dtype or g.dtype.char not in "fd":
        return None
    return kernel(g, other) if g.shape == other.shape else broadcast(kernel, g, other)


_MANY = 1 << 16  # elements from which one pass by a kernel is quicker than numpy's two


def over(g: Any, divisor: Any) -> Any:
    """g / divisor, 0 where g is 0: how a formula divides."""
    if type(g) is ndarray and not isinstance(divisor, Tensor):
        y = _in_one_pass(kernels.parts, g, divisor) if g.size >= _MANY else None
        return _zero_stays(g / divisor, g) if y is None else y
    return _over(g, divisor)


_SAMPLES = lambda s: [(s(3, 4), s.positive(4)), (s(2), s.positive()), (s(3), 2.0), (s(0, 2), s(2))]


@op(lambda g, factor: times(g, factor), lambda g, outer: _product(g, outer), samples=_SAMPLES)
@quiet
def _times(outer: Any, factor: Any) -> Any:
    """outer * factor, 0 where outer is 0, which is constant in factor there."""
    return _zero_stays(np.multiply(outer, factor), outer)


@op(lambda g, divisor: over(g, divisor), lambda g, divisor, y: -_product(g, over(y, divisor)), samples=_SAMPLES)
@quiet
def _over(outer: Any, divisor: Any) -> Any:
    """outer / divisor, 0 where outer is 0, which is constant in divisor there."""
    return _zero_stays(np.true_divide(outer, divisor), outer)


@op(lambda g, other: _product(g, other), lambda g, input: _product(g, input), samples=_SAMPLES)
@quiet
def _product(input: Any, other: Any) -> Any:
    """input * other, 0 where either is 0."""
    return _zero_stays(_zero_stays(np.multiply(input, other), input), other)


@op(lambda g: _zero(g), samples=lambda s: [(s(3, 4),), (s(),), (s(0, 2),)])
def _zero(input: Any) -> Any:
    """Zeros like the input: the gradient of what is constant in pieces."""
    return np.zeros_like(input)
