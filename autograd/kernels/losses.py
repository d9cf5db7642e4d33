"""Losses of two arrays, summed as they are formed, and their gradients: one pass over memory each."""

from __future__ import annotations

from .compile import kernel
from .functions import like
from .further import spread, vector_logits, vector_logits_slope
from .maps import elementwise, summed

# a, b: arrays of one shape and dtype, float32 or float64. The backward forms have the sign of a's gradient.


@summed()
def squared(a, b):
    """(a - b)**2."""
    return (a - b) * (a - b)


@elementwise(2)
def squared_backward(a, b, g):
    """g 2 (a - b)."""
    return g * (a - b) * like(2, a)


@summed()
def distance(a, b):
    """|a - b|."""
    return abs(a - b)


@elementwise(2)
def distance_backward(a, b, g):
    """g times the sign of a - b, 0 for NaN."""
    d = a - b
    return g if d > like(0, d) else -g if d < like(0, d) else like(0, d)


@kernel
def _huber(d, bound):
    size, half = abs(d), like(0.5, d)
    return bound * (size - half * bound) if size >= bound else half * d * d


@kernel
def _huber_slope(d, bound):
    return bound if d >= bound else -bound if d <= -bound else d


@summed()
def huber(a, b, bound):
    """d**2 / 2 where |d| < bound, else bound (|d| - bound / 2), of d = a - b."""
    return _huber(a - b, bound)


@elementwise(2)
def huber_backward(a, b, g, bound):
    """g times the slope, NaN where d is."""
    return g * _huber_slope(a - b, bound)


@elementwise(2)
def huber_each(a, b, bound, scale):
    """`huber` an element, times scale."""
    return _huber(a - b, bound) * scale


@elementwise(3)
def huber_each_backward(a, b, g, bound, scale):
    """The gradient of `huber_each` from one value of g an element."""
    return g * (_huber_slope(a - b, bound) * scale)


@summed(vectors=True)
def logits(a, b):
    """Binary cross-entropy of sigmoid(a) and the target b: max(a, 0) - a b + log(1 + exp(-|a|))."""
    return vector_logits(a, b)


@elementwise(2, vectors=True)
def logits_each(a, b):
    """`logits` an element."""
    return vector_logits(a, b)


@elementwise(2, vectors=True)
def logits_backward(a, b, g):
    """g (sigmoid(a) - b)."""
    return vector_logits_slope(a, b) * spread(a, g)
