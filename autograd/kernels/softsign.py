"""x / (1 + |x|) and its gradient, in one pass over memory each."""

from __future__ import annotations

from .functions import like
from .maps import elementwise


@elementwise()
def softsign(x):
    """x / (1 + |x|)."""
    return x / (like(1, x) + abs(x))


@elementwise(2)
def softsign_backward(x, g):
    """g / (1 + |x|)**2."""
    scale = like(1, x) + abs(x)
    return g / (scale * scale)
