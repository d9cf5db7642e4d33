"""Sample inputs for the tests that the registry runs: every op names some, built from a seeded `Draw`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy import ndarray


class Draw:
    """Arrays of awkward but smooth values, float64, the same for the same seed.

    Values of one array are at least 0.05 apart and at least 0.05 from 0, so finite differences meet no kink or tie.
    """

    def __init__(self, seed: int = 0) -> None:
        self.rng = np.random.default_rng(seed)

    def __call__(self, *shape: int, low: float = -2.0, high: float = 2.0) -> ndarray:
        """An array of `shape` with distinct values in (low, high), shuffled, none at 0."""
        n = int(np.prod(shape))
        grid = low + (high - low) * (np.arange(n) + 0.5) / max(n, 1)
        jitter = self.rng.uniform(-0.2, 0.2, n) * (high - low) / max(n, 1)
        values = self.rng.permutation(grid + jitter)
        if low < 0 < high:
            values = np.where(np.abs(values) < 0.05, values + np.copysign(0.07, values), values)
        return values.reshape(shape)

    def complex(self, *shape: int) -> ndarray:
        """complex128 values, both of whose parts are such values."""
        return self(*shape) + 1j * self(*shape)

    def positive(self, *shape: int, low: float = 0.3, high: float = 3.0) -> ndarray:
        """Values in (low, high), by default well above 0."""
        return self(*shape, low=low, high=high)

    def unit(self, *shape: int) -> ndarray:
        """Values in (-0.9, 0.9)."""
        return self(*shape, low=-0.9, high=0.9)

    def ints(self, high: int, *shape: int, low: int = 0) -> ndarray:
        """int64 values in [low, high)."""
        return self.rng.integers(low, high, shape)

    def bools(self, *shape: int) -> ndarray:
        """True and False, about as many."""
        return self.rng.random(shape) < 0.5

    def spd(self, n: int, *batch: int) -> ndarray:
        """Symmetric positive definite matrices (*batch, n, n)."""
        a = self(*batch, n, n)
        return a @ np.swapaxes(a, -1, -2) + n * np.eye(n)

    def matrix(self, n: int, *batch: int) -> ndarray:
        """Well-conditioned square matrices (*batch, n, n)."""
        return self.unit(*batch, n, n) + 2 * np.eye(n)


Samples = Callable[[Draw], list[tuple[Any, ...]]]


def unary(low: float = -2.0, high: float = 2.0) -> Samples:
    """One input in (low, high): a matrix, a 0-dim and an empty one."""
    return lambda s: [(s(3, 4, low=low, high=high),), (s(low=low, high=high),), (s(0, 3, low=low, high=high),)]


def binary(low: float = -2.0, high: float = 2.0, low2: float | None = None, high2: float | None = None) -> Samples:
    """Two inputs: equal shapes, broadcasting both ways, 0-dim, a scalar in either place, and empty."""
    b = {"low": low if low2 is None else low2, "high": high if high2 is None else high2}
    a = {"low": low, "high": high}
    return lambda s: [
        (s(3, 4, **a), s(3, 4, **b)),
        (s(3, 1, **a), s(2, 1, 4, **b)),
        (s(4, **a), s(**b)),
        (s(3, **a), float(s(**b))),
        (float(s(**a)), s(3, **b)),
        (s(0, 3, **a), s(1, 3, **b)),
    ]


def comparison(s: Draw) -> list[tuple[Any, ...]]:
    """Two inputs that are equal in places."""
    return [(s(3, 4), s(4)), (s.ints(3, 3, 4), s.ints(3, 4)), (s.ints(3, 5), 1), (s(0, 2), s(2))]


def logical(s: Draw) -> list[tuple[Any, ...]]:
    """Two inputs with zeros among them."""
    return [(s.bools(3, 4), s.bools(4)), (s.ints(2, 3), s.ints(2, 3)), (s(2, 2), s.bools(2, 2))]
