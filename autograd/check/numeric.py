"""Derivatives along a line from values alone, each with an estimate of its error: there is no step to choose.

A `Line` holds f(x + t v) at t = 0 and at plus and minus a falling sequence of steps. Central differences, extrapolated
to step 0 (Richardson, in the form of Ridders 1982, https://doi.org/10.1016/S0141-1195(82)80057-0), give the derivative
where f is smooth; one-sided ones tell a kink. The rounding noise of f is measured from the differences of neighbouring
values (More and Wild 2011, https://doi.org/10.1137/100786125), so that steps and tolerances follow from the function,
not from its dtype's name.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy import ndarray

RATIO = 4.0  # each step is this much smaller than the one before
LEVELS = 7
Phi = Callable[[float], ndarray]  # t -> the values (m,) of f at x + t v, float64


def measured_noise(phi: Phi, f0: ndarray, scale: float, eps: float) -> ndarray:
    """The rounding noise of each value of f near x: at least `eps` of the value itself.

    Differences of high order of neighbouring values: the smooth part falls out, noise stays. Where values rounded to a
    coarse grid do not move at all between close neighbours, farther ones show the grid.
    """
    n = 7
    noise = eps * np.abs(f0) + 5e-324
    still = np.ones(f0.shape, bool)
    for delta, lowest in ((scale * eps**0.6, 3), (scale * eps**0.35, 6)):
        table = np.stack([f0, *(phi(k * delta) for k in range(1, n))])
        moved = (table != f0).any(0)
        gamma = 1.0
        for order in range(1, n):
            table = np.diff(table, axis=0)
            gamma *= order / (2 * (2 * order - 1))  # (k!)^2 / (2k)!
            if order >= lowest:
                largest = np.max(np.abs(table), axis=0) + 5e-324  # squares of tiny values would vanish
                found = largest * np.sqrt(gamma * np.mean((table / largest) ** 2, axis=0))
                noise = np.where(still & np.isfinite(found), np.fmax(noise, found), noise)
        still &= ~moved
        if not still.any():
            break
    return noise


def extrapolated(quotients: ndarray, noise: ndarray, power: int) -> tuple[ndarray, ndarray]:
    """Difference quotients (K, m) of falling steps, whose error goes with step**power, brought to step 0; and the
    error.
    """
    best = quotients[-1].copy()
    error = np.full(best.shape, np.inf)
    row: list[ndarray] = []
    row_noise: list[ndarray] = []
    for k in range(len(quotients)):
        new, new_noise = [quotients[k]], [noise[k]]
        for j in range(1, k + 1):
            factor = RATIO ** (power * j)
            new.append((factor * new[j - 1] - row[j - 1]) / (factor - 1))
            new_noise.append((factor * new_noise[j - 1] + row_noise[j - 1]) / (factor - 1))
            e = np.maximum(np.abs(new[j] - new[j - 1]), np.abs(new[j] - row[j - 1])) + new_noise[j]
            better = e < error  # False for NaN: steps that left the domain do not count
            best, error = np.where(better, new[j], best), np.where(better, e, error)
        row, row_noise = new, new_noise
    return best, error


class Line:
    """f along one direction: steps (K,), up and down (K, m) the values at plus and minus each step, f0 (m,) in the
    middle.
    """

    grain: float = 0.0  # the rounding of values that no step changes
    precision: float = 1e-9  # finer steps are tried until the error falls below this part of the slope

    def __init__(
        self,
        phi: Phi,
        f0: ndarray,
        noise: ndarray,
        scale: float,
        levels: int = LEVELS,
        grain: float = 0.0,
        eps: float = 2.2e-16,
        least: float | None = None,
    ) -> None:
        self.phi, self.f0, self.noise, self.scale, self.grain, self.eps = phi, f0, noise, scale, grain, eps
        self.least = (
            256 * eps * scale if least is None else least
        )  # steps below this are lost in the rounding of x itself
        self.steps = scale * RATIO ** -np.arange(1.0, levels + 1)
        self.up = np.stack([phi(h) for h in self.steps])
        self.down = np.stack([phi(-h) for h in self.steps])
        self._estimate()

    def _estimate(self) -> None:
        h = self.steps[:, None]
        flat = ((self.up == self.f0) & (self.down == self.f0)).all(0)
        # a value that no step changes may stand on a step of rounding, as coarse as the inputs' own
        self.noise = np.where(flat, np.maximum(self.noise, self.grain), self.noise)
        with np.errstate(all="ignore"):
            # far from x the values, and their rounding, may be much larger than at x
            relative = np.maximum(self.noise, self.eps * np.fmax(np.abs(self.up), np.abs(self.down))) / h
            relative = np.where(np.isfinite(relative), relative, np.inf)
            self.value, self.error = extrapolated((self.up - self.down) / (2 * h), relative, 2)
            self.right, right_error = extrapolated((self.up - self.f0) / h, 2 * relative, 1)
            self.left, left_error = extrapolated((self.f0 - self.down) / h, 2 * relative, 1)
            self.side_error = right_error + left_error
            gap = np.abs(self.right - self.left)
            self.kinked = gap > 8 * self.side_error
        if self.kinked.any():
            places = np.flatnonzero(self.kinked)
            self.kinked[places] = self._gap_stays(places, gap[places])

    def _gap_stays(self, places: ndarray, gap: ndarray) -> ndarray:
        """Whether right and left derivative differ at the smallest steps that the noise allows too."""
        stays = np.ones(len(places), bool)
        for factor in (64.0, 512.0):
            h = min(self.steps[-1], factor * float(np.max(self.noise[places] / gap, initial=0.0)) + 1e-300)
            h = max(h, self.least)
            second = (self.phi(h) - 2 * self.f0 + self.phi(-h))[places] / h
            stays &= np.abs(second) >= gap / 2
        return stays

    def finer(self, wanted: ndarray) -> None:
        """Where the error stays above `wanted`, try steps a thousand and a million times smaller."""
        for factor in (1e-3, 1e-6):
            poor = ~(self.error <= wanted)
            if self.scale * factor * RATIO**-LEVELS < self.least / 16:
                return
            if not (poor & (self.noise < 0.1 * self.scale * factor * self.error)).any():
                return  # right enough, or smaller steps would only show the noise
            other = Line(self.phi, self.f0, self.noise, self.scale * factor, LEVELS, self.grain, self.eps, self.least)
            self.value = np.where(other.error < self.error, other.value, self.value)
            self.error = np.fmin(other.error, self.error)
            better = other.side_error < self.side_error
            self.right, self.left = np.where(better, other.right, self.right), np.where(better, other.left, self.left)
            self.kinked = np.where(better, other.kinked, self.kinked)
            self.side_error = np.fmin(other.side_error, self.side_error)

    def through(self, weights: ndarray) -> Line:
        """The line of `weights` (r, m) @ f: projections of what has been evaluated already."""
        line = Line.__new__(Line)
        phi = self.phi
        line.phi = lambda t: weights @ phi(t)
        line.f0, line.scale, line.steps, line.grain = weights @ self.f0, self.scale, self.steps, self.grain
        line.precision, line.eps, line.least = self.precision, self.eps, self.least
        # outputs outside the domain have weight 0 in every projection that can be trusted
        with np.errstate(all="ignore"):
            line.up, line.down = self.up @ weights.T, self.down @ weights.T
            line.noise = np.sqrt((weights**2) @ self.noise**2) + 2e-16 * (np.abs(weights) @ np.abs(self.f0))
            line._estimate()
        return line

    def distance(self, slopes: ndarray) -> ndarray:
        """How far `slopes` (m,) lie from the derivative, or outside the interval of the one-sided ones at a kink."""
        return np.where(self.kinked, _outside(slopes, self.left, self.right), np.abs(slopes - self.value))

    def tolerance(self) -> ndarray:
        """What numeric error alone explains, per value."""
        return 8 * np.where(self.kinked, self.side_error, self.error)

    def contradicts(self, slopes: ndarray, allowed: ndarray) -> ndarray:
        """Which of `slopes` (m,) are wrong: farther off than error and `allowed`, and still so as the step falls to the
        noise.

        The second half is Taylor's test: the remainder f(x + h v) - f(x - h v) - 2 h slope of a right slope falls
        faster than h, that of a wrong one with h; a kink near x, which spoils the large steps, does not matter at small
        ones.
        """
        with np.errstate(all="ignore"):
            self.finer(np.maximum(self.precision * np.abs(slopes), allowed / 8))
            far = self.distance(slopes)
            # estimates that agree by chance claim an error of nothing
            wrong = far > self.tolerance() + np.maximum(allowed, Line.precision * np.abs(slopes))
            blown = ~np.isfinite(slopes)
        if blown.any():
            wrong = np.where(blown, self._finite_limit(), wrong)
        for i in np.flatnonzero(wrong & ~blown):
            wrong[i] = self._stays(int(i), float(slopes[i]), float(far[i]))
        return wrong

    def _finite_limit(self) -> ndarray:
        """Whether the numeric derivative is finite: an infinite slope is right where the quotients grow without end."""
        with np.errstate(all="ignore"):
            inward = np.where(np.isfinite(self.up[-1]), self.up, self.down)
            quotient = np.abs((inward - self.f0) / self.steps[:, None])
            grows = quotient[-1] > 1.5 * quotient[-3]
        return ~grows & np.isfinite(self.f0)

    def _stays(self, i: int, slope: float, far: float) -> bool:
        for factor in (16.0, 64.0, 256.0):
            h = max(factor * float(self.noise[i]) / far, self.least)
            if h > self.steps[0]:
                continue
            up, down, middle = self.phi(h)[i], self.phi(-h)[i], self.f0[i]
            if self.kinked[i]:
                off = _outside(slope, (middle - down) / h, (up - middle) / h)
            else:
                off = abs((up - down) / (2 * h) - slope)
            if not off >= far / 2:
                return False
        return True

    def remainders(self, slopes: ndarray) -> ndarray:
        """|f(x + h v) - f(x) - h slope| (K, m): falls with h**2 for a right slope, with h for a wrong one."""
        return np.abs(self.up - self.f0 - self.steps[:, None] * slopes)

    def order(self, slopes: ndarray) -> ndarray:
        """The power of h by which the Taylor remainder falls at the smallest clean steps; inf where all is noise."""
        remainder = self.remainders(slopes)
        clean = remainder > 32 * self.noise
        result = np.full(slopes.shape, np.inf)
        for i in range(len(slopes)):
            k = np.flatnonzero(clean[:, i] & np.isfinite(remainder[:, i]))
            if len(k) >= 2:
                a, b = k[max(len(k) - 3, 0)], k[-1]
                result[i] = np.log(remainder[a, i] / remainder[b, i]) / np.log(self.steps[a] / self.steps[b])
        return result


def _outside(x: ndarray | float, a: ndarray | float, b: ndarray | float) -> ndarray:
    """The distance of x from the interval between a and b, 0 inside."""
    return np.maximum(np.maximum(np.minimum(a, b) - x, x - np.maximum(a, b)), 0.0)


def relative_difference(a: ndarray, b: ndarray) -> float:
    """The course's score |a - b| / (|a| + |b|), Euclidean: below 1e-7 right, above 1e-3 most likely wrong."""
    largest = float(max(np.max(np.abs(a), initial=0.0), np.max(np.abs(b), initial=0.0)))
    if not largest or not np.isfinite(largest):
        return 0.0 if not largest else float("nan")
    a, b = a / largest, b / largest  # squares of tiny values would vanish
    return float(np.linalg.norm(a - b) / (np.linalg.norm(a) + np.linalg.norm(b)))
