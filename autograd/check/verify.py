"""One map checked at one point: rows of its Jacobian by the tape against its values along lines."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy import ndarray

from .numeric import LEVELS, Line, measured_noise, relative_difference

IDENTITY = 64  # up to so many outputs every row of the Jacobian is checked; beyond, random combinations of rows
SEED = (
    2.0  # rows are pulled by this multiple of a unit and divided again: a formula must not forget the incoming gradient
)
QUICK = 2.0**-7  # the step, in units of the coordinate's scale, with which a coordinate is tried first


@dataclass
class Map:
    """What is checked. arrays: the inputs, perturbed in place and restored. forward: the outputs (m,), float64, of what
    the arrays hold now. pull: the gradient of each input (None: not reached) for weights (m,) of the outputs. eps: of
    the coarsest dtype. shapes: of the outputs, one after another. partial: a faster forward for perturbing input k
    alone, or None.
    """

    names: list[str]
    arrays: list[ndarray]
    forward: Callable[[], ndarray]
    pull: Callable[[ndarray], list[ndarray | None]]
    eps: float
    shapes: list[tuple[int, ...]]
    partial: Callable[[int], Callable[[], ndarray] | None] = lambda k: None

    def place(self, i: int) -> tuple[int, tuple[int, ...]]:
        """The output and the index in it of the flat output element i."""
        for k, shape in enumerate(self.shapes):
            n = int(np.prod(shape))
            if i < n:
                return k, tuple(int(j) for j in np.unravel_index(i, shape)) if shape else ()
            i -= n
        raise IndexError(i)


@dataclass
class Mismatch:
    """One contradiction: input k, its index (None for a direction), the output element (None for a combination)."""

    input: int
    index: tuple[int, ...] | None
    output: int | None
    analytic: float
    numeric: float
    error: float


@dataclass
class InputResult:
    """What was compared for one input. analytic, numeric: of the coordinates tried, at `places` (flat)."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    reached: bool
    places: ndarray
    analytic: ndarray
    numeric: ndarray
    steps: ndarray
    remainders: ndarray
    order: float
    wrong: int = 0
    directions: int = 0
    undecided: int = 0  # coordinates whose values do not determine a derivative
    resolution: float = np.inf  # the smallest relative error that the best direction would have shown
    worst: Mismatch | None = None

    @property
    def verdict(self) -> str:
        """In words: right, WRONG, no gradient, or undecided where the values are too noisy for any comparison."""
        if self.worst is not None:
            return f"WRONG ({self.wrong})"
        if not self.reached:
            return "no gradient"
        unseen = not len(self.places) and self.directions and self.resolution > 0.1
        return "undecided: lost in rounding" if unseen or self.undecided else "right"

    @property
    def score(self) -> float:
        """The course's relative difference of the coordinates compared (of the directions, where no coordinate was)."""
        return relative_difference(self.analytic, self.numeric)


@dataclass
class Verdict:
    """mismatches: what contradicts, in order of the inputs. kinked: flat outputs that have a kink at this point."""

    inputs: list[InputResult] = field(default_factory=list)
    mismatches: list[Mismatch] = field(default_factory=list)
    kinked: set[int] = field(default_factory=set)
    evaluations: int = 0


def typical_size(x: ndarray) -> float:
    """The median magnitude of the elements that are not 0, of some of them where there are many; 1 where all are."""
    flat = x.reshape(-1)
    size = np.abs(flat[:: max(1, x.size // 100_000)], dtype=np.float64)
    size = size[np.isfinite(size) & (size > 0)]
    return float(np.median(size)) if size.size else 1.0


def scales(x: ndarray) -> tuple[ndarray, float]:
    """A step's natural size for each element, and for all: the element's magnitude, the typical one where it is 0."""
    size, typical = np.abs(x, dtype=np.float64), typical_size(x)
    return np.where(np.isfinite(size) & (size > 0), size, typical), typical


class Checker:
    """The checks of one map. ties: keep equal values equal in some directions. exact: every coordinate, else `sample`
    of them.
    """

    def __init__(
        self,
        map: Map,
        rng: np.random.Generator,
        *,
        directions: int = 3,
        exact: bool = True,
        sample: int = 0,
        levels: int = LEVELS,
        tick: Callable[[int], Any] = lambda n: None,
        fast: bool = False,
    ) -> None:
        self.fast = fast
        self.map, self.rng, self.levels, self.tick = map, rng, levels, tick
        self.directions, self.exact, self.sample = directions, exact, sample
        self.count = 0
        self.bad: ndarray | None = None  # outputs that are NaN or infinite at the point itself: nothing to compare with
        self.verdict = Verdict()

    # ------------------------------------------------------------------------------------------- evaluation

    def _forward(self, forward: Callable[[], ndarray] | None = None) -> ndarray:
        self.count += 1
        try:
            with np.errstate(all="ignore"):
                f = (forward or self.map.forward)()
        except (ValueError, ArithmeticError):
            if not hasattr(self, "f0"):
                raise
            return np.full(self.f0.shape, np.nan)  # the step left the domain: it does not count
        if self.bad is not None:
            f[self.bad] = 0.0
        return f

    def _along(
        self, moved: Sequence[tuple[int, ndarray]], forward: Callable[[], ndarray] | None = None
    ) -> Callable[[float], ndarray]:
        """t -> the outputs with each array k moved by t times its direction."""
        arrays = self.map.arrays
        bases = [(arrays[k], arrays[k].copy(), v) for k, v in moved]

        def phi(t: float) -> ndarray:
            try:
                for array, base, v in bases:
                    np.copyto(array, base + t * v, casting="same_kind")
                return self._forward(forward)
            finally:
                for array, base, _ in bases:
                    np.copyto(array, base)

        return phi

    # ------------------------------------------------------------------------------------------- the check

    def run(self) -> Verdict:
        """All of it."""
        map = self.map
        m = sum(int(np.prod(shape)) for shape in map.shapes)
        if not m:
            self.rows: list[ndarray | None] = [np.zeros((0, x.size)) for x in map.arrays]
            self.verdict.inputs = [self._result(k) for k in range(len(map.arrays))]
            return self.verdict
        self.whole = m <= IDENTITY
        # before the function runs again: what the formulas read is as the recorded forward left it
        self.early: list[ndarray | None] = self._rows(SEED * np.eye(m)) if self.whole else []
        for row in self.early:
            if row is not None:
                np.divide(row, SEED, out=row)
        self.f0 = f0 = self._forward()
        if not np.isfinite(f0).all():
            self.bad = ~np.isfinite(f0)
            f0[self.bad] = 0.0
            for row in self.early:
                if row is not None:
                    row[self.bad] = 0
        self.grain = map.eps * max((float(np.max(np.abs(x), initial=0.0)) for x in map.arrays), default=0.0)
        lines = self._lines()
        for line, _, _ in lines:
            self.verdict.kinked.update(int(i) for i in np.flatnonzero(line.kinked))
        if self.whole:
            self.weights, self.rows = np.eye(m), self.early
            self.outputs: list[int | None] = list(range(m))
        else:
            kinked = sorted(self.verdict.kinked)
            general = self.rng.standard_normal((2, m)) * (0.5 + self.rng.random((2, m)))
            general[:, kinked] = 0
            if self.bad is not None:
                general[:, self.bad] = 0
            some = kinked[:: max(1, len(kinked) // 8)][:8]
            self.weights = np.concatenate([general, _units(some, m)])
            self.rows = self._rows(self.weights)
            self.outputs = [None, None, *some]
        results = [self._result(k) for k in range(len(map.arrays))]
        self.verdict.inputs = results
        for line, moved, main in lines:
            if main is not None:
                self._judge_line(line, moved, results[main])
        for k in range(len(map.arrays)):
            self._coordinates(k, results[k])
        for line, moved, main in lines:
            # all inputs move at once here: nothing to blame one for, where another is known to be wrong
            if main is None and all(r.worst is None for r in results):
                self._judge_line(line, moved, None)
        self.verdict.evaluations = self.count
        for result in results:
            if result.worst is not None:
                self.verdict.mismatches.append(result.worst)
        return self.verdict

    def _rows(self, weights: ndarray) -> list[ndarray | None]:
        """The analytic rows (r, n_k) of each input for each of `weights` (r, m)."""
        pulled = [self.map.pull(w) for w in weights]
        rows: list[ndarray | None] = []
        for k, array in enumerate(self.map.arrays):
            column = [p[k] for p in pulled]
            if all(c is None for c in column):
                rows.append(None)
            else:
                zero = np.zeros(array.size, array.dtype)
                rows.append(np.stack([zero if c is None else np.asarray(c).reshape(-1) for c in column]))
        return rows

    def _lines(self) -> list[tuple[Line, list[tuple[int, ndarray]], int | None]]:
        """Random lines, one input at a time, and lines of all inputs that keep equal values equal."""
        arrays = self.map.arrays
        lines: list[tuple[Line, list[tuple[int, ndarray]], int | None]] = []
        noise = None
        for k, x in enumerate(arrays):
            if not x.size:
                continue
            size = typical_size(x) if self.fast else scales(x)[0]
            for _ in range(self.directions):
                v = self._direction(k, size)
                phi = self._along([(k, v)], self.map.partial(k))
                if noise is None or (k < 8 and not self.fast):
                    found = measured_noise(phi, self.f0, 1.0, self.map.eps)
                    noise = found if noise is None else np.maximum(noise, found)
                line = Line(phi, self.f0, noise, 1.0, self.levels, self.grain, self.map.eps)
                line.precision = max(1e-4, 30 * self.map.eps**0.5) if self.fast else Line.precision
                lines.append((line, [(k, v)], k))
                self.tick(1)
        self.noise = noise if noise is not None else self.map.eps * np.abs(self.f0)
        for v_all in self._tied():
            lines.append(
                (Line(self._along(v_all), self.f0, self.noise, 1.0, self.levels, self.grain, self.map.eps), v_all, None)
            )
        return lines

    def _direction(self, k: int, size: ndarray | float) -> ndarray:
        """A random direction; in fast mode half of it along the gradient, so that one direction sees a wrong factor
        best.
        """
        x = self.map.arrays[k]
        v = self.rng.standard_normal(x.shape, np.float32 if x.dtype == np.float32 else np.float64)
        v *= size
        rows = self.early[k] if self.fast and self.whole else None
        if rows is not None:
            row = rows.sum(0).reshape(x.shape)
            length = float(np.linalg.norm(row.reshape(-1)))
            if length and np.isfinite(length):
                v += row * (float(np.linalg.norm(v.reshape(-1))) / length)
        return v.astype(x.dtype, copy=False)

    def _tied(self) -> Iterable[list[tuple[int, ndarray]]]:
        """Directions in which equal values move alike; zeros stay in one of them and move in the other."""
        arrays = [x for x in self.map.arrays if x.size]
        total = sum(x.size for x in arrays)
        if not arrays or total > 100_000:
            return
        values = np.concatenate([np.asarray(x, np.float64).reshape(-1) for x in arrays])
        distinct, group = np.unique(values, return_inverse=True)
        if len(distinct) == len(values) and not (values == 0).any():
            return
        size, typical = scales(distinct)
        for keep_zero in (True, False):
            if keep_zero and (values == 0).all():
                continue
            v = self.rng.uniform(0.5, 1.5, len(distinct)) * np.where(distinct == 0, 0.0 if keep_zero else typical, size)
            flat, moved, start = v[group.reshape(-1)], [], 0
            for k, x in enumerate(self.map.arrays):
                if x.size:
                    moved.append((k, flat[start : start + x.size].reshape(x.shape).astype(x.dtype, copy=False)))
                    start += x.size
            yield moved

    def _allowed(self, products: ndarray) -> ndarray:
        """Rounding of the analytic side: of the sum of terms of these magnitudes (r,)."""
        return 128 * self.map.eps * products

    def _judge_line(self, line: Line, moved: list[tuple[int, ndarray]], result: InputResult | None) -> None:
        slopes = np.zeros(len(self.weights))
        size = np.zeros(len(self.weights))
        for k, v in moved:
            rows = self.rows[k]
            if rows is not None:
                product, magnitude = _products(rows, v.reshape(-1))
                slopes += product
                size += magnitude
        through = line if self.whole else line.through(self.weights)
        wrong = through.contradicts(slopes, self._allowed(size))
        if result is not None:
            result.directions += 1
            with np.errstate(all="ignore"):
                seen = (through.tolerance() + self._allowed(size)) / np.abs(slopes)
            result.resolution = float(np.nanmin(np.append(seen, result.resolution)))
            if not result.steps.size:
                with np.errstate(all="ignore"):
                    i = int(np.argmax(np.abs(slopes)))
                    result.steps, result.remainders = through.steps, through.remainders(slopes)[:, i]
                    result.order = float(through.order(slopes)[i])
                    if result.order < 1.8 and not wrong.any() and not self.fast:  # a kink near by bends the large steps
                        near = Line(through.phi, through.f0, through.noise, 1e-3, self.levels, self.grain, self.map.eps)
                        result.steps, result.remainders = near.steps, near.remainders(slopes)[:, i]
                        result.order = float(near.order(slopes)[i])
        if wrong.any():
            distance = np.where(wrong, through.distance(slopes), -1)
            i = int(np.argmax(distance))
            main = moved[0][0]
            mismatch = Mismatch(
                main, None, self.outputs[i], float(slopes[i]), float(through.value[i]), float(through.tolerance()[i])
            )
            target = self.verdict.inputs[main]
            target.wrong += int(wrong.sum())
            if target.worst is None:
                target.worst = mismatch

    # ------------------------------------------------------------------------------------------- coordinates

    def _result(self, k: int) -> InputResult:
        x = self.map.arrays[k]
        empty = np.zeros(0)
        reached = self.rows[k] is not None
        return InputResult(
            self.map.names[k],
            tuple(x.shape),
            str(x.dtype),
            reached,
            np.zeros(0, np.int64),
            empty,
            empty,
            empty,
            empty,
            np.inf,
        )

    def _chosen(self, k: int) -> ndarray:
        """The flat coordinates of input k to try: all, or the largest gradients and as many at random."""
        n = self.map.arrays[k].size
        if self.exact or n <= self.sample:
            return np.arange(n)
        if not self.sample:
            return np.zeros(0, np.int64)
        half = self.sample // 2
        rows = self.rows[k]
        top = np.argpartition(-np.abs(rows).max(0), half)[:half] if rows is not None else np.zeros(0, np.int64)
        drawn = self.rng.integers(0, n, self.sample - half)
        return np.unique(np.concatenate([top, drawn]))

    def _coordinates(self, k: int, result: InputResult) -> None:
        places = self._chosen(k)
        if not len(places) or not len(self.weights):
            return
        map, weights = self.map, self.weights
        x, rows, forward = map.arrays[k], self.rows[k], map.partial(k)
        size, typical = scales(x)
        size = size.reshape(-1)
        largest = np.zeros(len(weights)) if rows is None else np.nan_to_num(np.abs(rows).max(1), posinf=0.0)
        analytic = np.zeros((len(places), len(weights)))
        numeric = np.zeros_like(analytic)
        noise = self.noise if self.whole else None
        worst = -1.0
        for at, j in enumerate(places):
            index = np.unravel_index(j, x.shape) if x.ndim else ()
            a = np.zeros(len(weights)) if rows is None else np.asarray(rows[:, j], np.float64)
            phi = self._moving(x, index, forward, None if self.whole else weights)
            h = size[j] * QUICK
            with np.errstate(all="ignore"):
                coarse = (phi(h) - phi(-h)) / (2 * h)
                fine = (phi(h / 4) - phi(-h / 4)) / (h / 2)
                d = (16 * fine - coarse) / 15
                close = np.abs(a - d) <= 1e-7 * (np.abs(a) + 1e-2 * largest)
            analytic[at], numeric[at] = a, d
            if not close.all():
                f0 = self.f0 if self.whole else weights @ self.f0
                if noise is None:
                    noise = np.sqrt(weights**2 @ self.noise**2) + 2e-16 * (np.abs(weights) @ np.abs(self.f0))
                line = Line(phi, f0, noise, float(size[j]), self.levels, self.grain, self.map.eps)
                if size[j] < 0.1 * typical and (line.tolerance() > 1e-4 * np.abs(a)).any():
                    other = Line(phi, f0, noise, typical, self.levels, self.grain, self.map.eps)
                    line = other if np.nanmax(other.error) < np.nanmax(line.error) else line
                wrong = line.contradicts(a, self._allowed(np.abs(a) + 0.1 * largest)) & ~close
                between = np.clip(a, np.minimum(line.left, line.right), np.maximum(line.left, line.right))
                numeric[at] = np.where(line.kinked, between, line.value)
                result.undecided += int(not np.isfinite(line.tolerance()).all())
                if wrong.any():
                    result.wrong += int(wrong.sum())
                    distance = np.where(wrong, np.nan_to_num(line.distance(a), nan=np.inf), -1)
                    i = int(np.argmax(distance))
                    if distance[i] > worst:
                        worst = float(distance[i])
                        place = tuple(int(n) for n in index)
                        values = float(a[i]), float(line.value[i]), float(line.tolerance()[i])
                        result.worst = Mismatch(k, place, self.outputs[i], *values)
                else:
                    d = numeric[at]
                    numeric[at] = np.where(np.isfinite(d), d, a)  # an infinite slope that values cannot give
            if at % 256 == 0:
                self.tick(min(256, len(places) - at))
        result.places, result.analytic, result.numeric = places, analytic, numeric

    def _moving(self, x: ndarray, index: Any, forward: Any, weights: ndarray | None) -> Callable[[float], ndarray]:
        base = x[index].copy()

        def phi(t: float) -> ndarray:
            x[index] = base + t
            try:
                f = self._forward(forward)
            finally:
                x[index] = base
            return f if weights is None else weights @ f

        return phi


def _products(rows: ndarray, v: ndarray) -> tuple[ndarray, ndarray]:
    """rows @ v and |rows| @ |v| in float64, by blocks, for v may be as large as a model."""
    product, magnitude = np.zeros(len(rows)), np.zeros(len(rows))
    block = max(1, 1_000_000 // max(len(rows), 1))
    with np.errstate(all="ignore"):
        for start in range(0, v.size, block):
            part = rows[:, start : start + block] * np.asarray(v[start : start + block], np.float64)
            product += part.sum(1)
            magnitude += np.abs(part).sum(1)
    return product, magnitude


def _units(places: Sequence[int], m: int) -> ndarray:
    rows = np.zeros((len(places), m))
    rows[np.arange(len(places)), list(places)] = 1
    return rows
