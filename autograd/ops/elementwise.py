"""Elementwise operations: arithmetic, comparison, selection, powers and the common functions."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import dtypes
from ..op import function, op
from ..samples import binary, comparison, logical, unary

# ------------------------------------------------------------------------------------------------- arithmetic


@op(lambda g: g, lambda g: g, promote=True, samples=binary())
def _add(input: Any, other: Any) -> Any:
    """input + other, broadcast."""
    return np.add(input, other)


@op(lambda g: g, lambda g: -g, promote=True, samples=binary())
def _sub(input: Any, other: Any) -> Any:
    """input - other, broadcast."""
    return np.subtract(input, other)


@op(lambda g, other: g * other, lambda g, input: g * input, promote=True, inplace=True, samples=binary())
def mul(input: Any, other: Any) -> Any:
    """input * other, broadcast."""
    return np.multiply(input, other)


@op(lambda g, other: g / other, lambda g, other, y: -g * y / other, promote="float", samples=binary(0.5, 3))
def true_divide(input: Any, other: Any) -> Any:
    """input / other, broadcast; integers become floats."""
    return np.true_divide(input, other)


@op(lambda g: -g, inplace=True, samples=unary())
def neg(input: Any) -> Any:
    """-input."""
    return np.negative(input)


@function(inplace=True, samples=binary())
def add(input: Any, other: Any, *, alpha: Any = 1) -> Any:
    """input + alpha * other, broadcast."""
    return _add(input, other if isinstance(alpha, int) and alpha == 1 else mul(other, alpha))


@op(
    lambda g, input, exponent: g * exponent * pow(input, exponent - 1.0),
    lambda g, input, y: g * where(input > 0, y * log(where(input > 0, input, 1.0)), 0.0),
    promote=True,
    samples=lambda s: [
        *binary(0.3, 2)(s), (s(3), 2), (s(3), 3.0), (s(2, 2), 1.0), (s(3), 0.0), (s.ints(4, 3), 2),
    ],
)  # fmt: skip
def pow(input: Any, exponent: Any) -> Any:
    """input ** exponent, broadcast."""
    return np.power(input, exponent)


# -------------------------------------------------------------------------------------------------- functions


@op(lambda g, y: g * y, promote="float", inplace=True, samples=unary())
def exp(input: Any) -> Any:
    """e to the input."""
    return np.exp(input)


@op(lambda g, input: g / input, promote="float", inplace=True, samples=unary(0.3, 3))
def log(input: Any) -> Any:
    """Natural logarithm."""
    return np.log(input)


@op(lambda g, y: g * (1.0 - y * y), promote="float", inplace=True, samples=unary())
def tanh(input: Any) -> Any:
    """Hyperbolic tangent."""
    return np.tanh(input)


# -------------------------------------------------------------------------------------------------- selection


@op(
    None,
    lambda g, condition: where(condition, g, 0.0),
    lambda g, condition: where(condition, 0.0, g),
    method=False,
    samples=lambda s: [(s.bools(3, 4), s(3, 4), s(4)), (s.bools(3), s(2, 3), 1.5), (s.bools(2, 1), 0.0, s(1, 2))],
)
def where(condition: Any, input: Any, other: Any) -> Any:
    """input where condition holds, else other; all broadcast together."""
    if not isinstance(input, np.ndarray) or not isinstance(other, np.ndarray) or input.dtype is not other.dtype:
        input, other = dtypes.promote((input, other))
        dtype = dtypes.result_type(input, other)
        return np.where(condition, dtype.type(input) if np.isscalar(input) else input, dtype.type(other) if np.isscalar(other) else other)
    return np.where(condition, input, other)


# ------------------------------------------------------------------------------------------------- comparison


@op(None, None, promote=True, inplace=True, samples=comparison)
def gt(input: Any, other: Any) -> Any:
    """Whether input > other, elementwise."""
    return np.greater(input, other)
