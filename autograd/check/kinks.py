"""How an operation says it breaks ties, and whether it does."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy import ndarray

from .numeric import Line
from .verify import Map, scales

# What stands for the derivative where there is none, as torch has it, by operation:
#   left, right   the derivative from that side
#   flat, steep   of the two sides the smaller, the larger in magnitude
#   mean          the mean of both sides
#   first, last   of equal elements the one in that place takes all
#   even          equal elements share evenly
# An operation that is not named here may take any subgradient.
RULES: dict[str, str] = {
    "relu": "flat", "abs": "mean", "leaky_relu": "left", "prelu": "left", "elu": "left", "hardtanh": "flat",
    "softshrink": "flat", "hardsigmoid": "flat", "clamp": "steep", "maximum": "mean", "minimum": "mean", "amax": "even",
    "amin": "even", "max": "first", "min": "first", "max_pool1d": "first", "max_pool2d": "first",
    "adaptive_max_pool2d": "first",
}  # fmt: skip
WORDS = {
    "left": "takes the derivative from the left",
    "right": "takes the derivative from the right",
    "flat": "takes the flatter side",
    "steep": "takes the steeper side",
    "mean": "takes the mean of both sides",
    "first": "the first of equal elements takes the gradient",
    "last": "the last of equal elements takes the gradient",
    "even": "equal elements share the gradient evenly",
}
MOST = 64  # candidates for the kinked coordinates of one output


class Corner:
    """One output element at its kink: the coordinates (input, flat place) with two one-sided derivatives, and the
    tape's.
    """

    def __init__(self, map: Map, output: int, eps: float) -> None:
        unit = np.zeros(sum(int(np.prod(shape)) for shape in map.shapes))
        unit[output] = 1
        rows = map.pull(unit)
        self.coordinates: list[tuple[int, int]] = []
        left, right, error, analytic = [], [], [], []
        f0 = map.forward()[[output]]
        noise = eps * np.abs(f0) * 4
        for k, x in enumerate(map.arrays):
            row = np.zeros(x.size) if rows[k] is None else np.asarray(rows[k], np.float64).reshape(-1)
            size = scales(x)[0].reshape(-1)
            for j in _candidates(x, row):
                place = np.unravel_index(j, x.shape) if x.ndim else ()
                line = Line(_mover(map, x, place, output), f0, noise, float(size[j]), eps=eps)
                if line.kinked[0]:
                    self.coordinates.append((k, int(j)))
                    left.append(line.left[0])
                    right.append(line.right[0])
                    error.append(line.side_error[0])
                    analytic.append(row[j])
        self.left, self.right, self.analytic = np.array(left), np.array(right), np.array(analytic)
        self.tolerance = 8 * np.array(error) + 1e-6 * (np.abs(self.left) + np.abs(self.right))

    def expected(self, rule: str) -> ndarray:
        """The derivatives that `rule` asks for."""
        left, right = self.left, self.right
        flat = np.where(np.abs(left) <= np.abs(right), left, right)
        steep = np.where(np.abs(left) <= np.abs(right), right, left)
        if rule in ("left", "right", "mean"):
            return {"left": left, "right": right, "mean": (left + right) / 2}[rule]
        if rule in ("flat", "steep"):
            return flat if rule == "flat" else steep
        share = np.full(len(left), 1 / len(left)) if rule == "even" else np.zeros(len(left))
        if rule != "even":
            share[0 if rule == "first" else -1] = 1
        return flat + share * (steep - flat)

    def obeys(self, rule: str) -> bool:
        """Whether the tape's derivatives are those of `rule`."""
        return not len(self.left) or bool((np.abs(self.analytic - self.expected(rule)) <= self.tolerance).all())


def _candidates(x: ndarray, row: ndarray) -> ndarray:
    if x.size <= MOST:
        return np.arange(x.size)
    flat = x.reshape(-1)
    chosen = np.flatnonzero(row)[:MOST]
    alike = np.flatnonzero(np.isin(flat, np.append(flat[chosen], 0.0)))
    return np.union1d(chosen, alike)[: 2 * MOST]


def _mover(map: Map, x: ndarray, place: Any, output: int) -> Any:
    base = x[place].copy()

    def phi(t: float) -> ndarray:
        x[place] = base + t
        try:
            with np.errstate(all="ignore"):
                return map.forward()[[output]]
        finally:
            x[place] = base

    return phi
