"""Hyper-parameter search: random, not on a grid, most important first; resumable, in threads or processes.

Bergstra and Bengio 2012, "Random search for hyper-parameter optimization": where few parameters matter, a grid tries few values
of each of them and random draws try as many as there are trials.
"""

from __future__ import annotations

import csv
import json
import math
import multiprocessing
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import autograd
from autograd.random import Stream
from nn.data.loader import end_with_parent
from nn.training.extras import extra, pyplot

Config = dict[str, Any]


# ------------------------------------------------------------------------------------------------------------ ranges


class Range:
    """Where a hyper-parameter lies. `at(u)`: the value at share u of the range, 0 to 1; `default`: while it is not searched."""

    scale = "linear"

    def __init__(self, low: float, high: float, default: float | None = None, integer: bool = False) -> None:
        name = type(self).__name__
        if not self._inside(low) or not self._inside(high) or not low < high:
            raise ValueError(f"{name}: low and high should be {self._where}, low < high, got {low} and {high}")
        if default is not None and not low <= default <= high:
            raise ValueError(f"{name}: default={default} is outside {low}..{high}")
        self.low, self.high, self.integer = low, high, integer
        self.default = self.at(0.5) if default is None else default

    _where = "finite"

    @staticmethod
    def _inside(value: float) -> bool:
        return math.isfinite(value)

    @staticmethod
    def _to(value: float) -> float:
        return value

    @staticmethod
    def _back(value: float) -> float:
        return value

    def at(self, u: float) -> Any:
        a, b = self._to(self.low), self._to(self.high)
        value = min(max(self._back(a + (b - a) * u), self.low), self.high)
        return round(value) if self.integer else value

    def place(self, value: float) -> float:
        """The share at which a value lies."""
        a, b = self._to(self.low), self._to(self.high)
        return (self._to(value) - a) / (b - a)

    def values(self, count: int) -> list[Any]:
        """`count` values of a grid, each in the middle of its part."""
        return list(dict.fromkeys(self.at((i + 0.5) / count) for i in range(count)))

    def most(self) -> float:
        """How many different values there are."""
        return math.floor(self.high) - math.ceil(self.low) + 1 if self.integer else math.inf

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.low!r}, {self.high!r}{', integer=True' if self.integer else ''})"


class Uniform(Range):
    """Uniform in [low, high]; with `integer` whole numbers."""


class LogUniform(Range):
    """Uniform in the logarithm: a learning rate from 1e-4 to 1 is as often below 1e-2 as above."""

    scale = "log"
    _where = "above 0"

    @staticmethod
    def _inside(value: float) -> bool:
        return 0 < value < math.inf

    @staticmethod
    def _to(value: float) -> float:
        return math.log(value)

    @staticmethod
    def _back(value: float) -> float:
        return math.exp(value)


class ReverseLogUniform(Range):
    """1 - value is uniform in the logarithm: for beta, where 0.999 and 0.9995 are far apart and 0.9 and 0.9005 are not."""

    scale = "reverse log"
    _where = "below 1"

    @staticmethod
    def _inside(value: float) -> bool:
        return -math.inf < value < 1

    @staticmethod
    def _to(value: float) -> float:
        return -math.log1p(-value)

    @staticmethod
    def _back(value: float) -> float:
        return -math.expm1(-value)


class Choice(Range):
    """One of some values, in their order."""

    scale = "choice"

    def __init__(self, values: Sequence[Any], default: Any = None) -> None:
        self.options = list(values)
        if not self.options or (default is not None and default not in self.options):
            raise ValueError(f"Choice: expected values, and the default among them; got {self.options} and {default!r}")
        self.default = self.options[len(self.options) // 2] if default is None else default

    def at(self, u: float) -> Any:
        return self.options[min(int(u * len(self.options)), len(self.options) - 1)]

    def place(self, value: Any) -> float:
        return (self.options.index(value) + 0.5) / len(self.options)

    def most(self) -> float:
        return len(self.options)

    def __repr__(self) -> str:
        return f"Choice({self.options})"


_FIRST = {"lr", "learning_rate", "alpha"}
_THIRD = {"layers", "num_layers", "depth", "decay", "lr_decay", "decay_rate"}


def importance(name: str) -> int:
    """The notes' order: 1 the learning rate; 3 number of layers and decay; 2 momentum, hidden units, batch size and others."""
    return 1 if name in _FIRST else 3 if name in _THIRD else 2


# ------------------------------------------------------------------------------------------------------------ trials


@dataclass(frozen=True)
class Trial:
    """One setting tried; `value` is NaN where the objective raised `error`."""

    stage: int
    number: int
    config: Config
    value: float
    seconds: float
    error: str = ""


def search(
    objective: Callable[[Config], float],
    space: Mapping[str, Range],
    trials: int,
    *,
    order: Sequence[Sequence[str]] | str | None = None,
    method: str = "random",
    mode: str = "min",
    seed: int = 0,
    workers: int = 1,
    executor: str = "thread",
    journal: str | os.PathLike[str] | None = None,
    progress: bool = False,
) -> Results:
    """Try `trials` settings of `space` and see which gives the best `objective(config)`, a figure of the dev set.

    `method`: "random", or "grid": evenly, with as many values a parameter as `trials` allows, more for the more important.
    `order`: None draws all parameters each time. Groups of names, or "importance" for the notes' order, search in stages of
    equal cost: in each the group's parameters are drawn from their whole ranges, those of groups before near the best so far (a
    quarter of the range about it), and those of later groups are at their defaults.
    `mode`: "min" or "max" is better; NaN is worst, and an error of the objective is kept in the table.
    `workers` threads, or spawned processes with `executor="process"` (the objective is then a function at the top of a
    module). Settings, and what the objective draws from the default generator, depend on `seed` and the number of the trial
    alone: results are the same whatever the workers. Each worker has its share of the kernels' threads.
    `journal`: a file to which each trial is added as it ends; the same search with it goes on where it was killed.

    Errors: ValueError for settings, or a journal of another search; RuntimeError where every trial of a stage failed.
    """
    _check(space, trials, method, mode, workers, executor)
    stages = [list(space)] if order is None or method == "grid" else _groups(space, order)
    if trials < len(stages):
        raise ValueError(f"search: {trials} trials for {len(stages)} stages, expected at least one each")
    done = _Journal(journal)
    found: list[Trial] = []
    grid = _grid(space, trials, seed) if method == "grid" else []
    bar = None
    if progress:
        bar = extra("search", "tqdm", "tqdm").tqdm(total=len(grid) or trials, desc=method, unit="trial")
    with _pool(workers, executor) as pool:
        for stage in range(len(stages)):
            if method == "grid":
                configs = grid
            else:
                count = trials // len(stages) + (stage < trials % len(stages))
                best = Results(space, found, mode, method).best.config if found else {}
                configs = [_drawn(space, stages, stage, best, seed, number) for number in range(count)]
            ended: dict[int, Trial] = {}
            for trial in _run_all(pool, objective, seed, stage, configs, done):
                ended[trial.number] = trial
                if bar is not None:
                    bar.update()
            found += [ended[number] for number in sorted(ended)]
            if all(trial.error for trial in ended.values()):
                raise RuntimeError(f"search: every trial of stage {stage} failed, the first with {ended[0].error}")
    if bar is not None:
        bar.close()
    return Results(space, found, mode, method)


def _check(space: Mapping[str, Range], trials: int, method: str, mode: str, workers: int, executor: str) -> None:
    for name, value, choices in (
        ("method", method, ("random", "grid")),
        ("mode", mode, ("min", "max")),
        ("executor", executor, ("thread", "process")),
    ):
        if value not in choices:
            raise ValueError(f"search: {name} should be one of {choices}, got {value!r}")
    if not space or trials < 1 or workers < 1:
        raise ValueError(
            f"search: expected a space, trials and workers; got {len(space)} ranges, {trials} and {workers}"
        )
    for name, held in space.items():
        if not isinstance(held, Range):
            raise TypeError(f"search: {name} is a {type(held).__name__}, expected a Range such as LogUniform(1e-4, 1)")


def _groups(space: Mapping[str, Range], order: Sequence[Sequence[str]] | str) -> list[list[str]]:
    if isinstance(order, str):
        if order != "importance":
            raise ValueError(f'search: order should be None, "importance" or groups of names, got {order!r}')
        ranked = {rank: [name for name in space if importance(name) == rank] for rank in (1, 2, 3)}
        return [names for names in ranked.values() if names]
    groups = [list(group) for group in order]
    if sorted(name for group in groups for name in group) != sorted(space):
        raise ValueError(f"search: order should name each of {sorted(space)} once, got {groups}")
    return groups


def _drawn(
    space: Mapping[str, Range], stages: list[list[str]], stage: int, best: Config, seed: int, number: int
) -> Config:
    rng = np.random.default_rng([seed, stage, number])
    before = {name for group in stages[:stage] for name in group}
    config = {}
    for name, held in space.items():
        u = float(rng.random())  # drawn for every parameter, so that one's numbers do not depend on another's stage
        if name in stages[stage]:
            config[name] = held.at(u)
        elif name in before:
            config[name] = held.at(min(max(held.place(best[name]) + (u - 0.5) / 4, 0.0), 1.0))
        else:
            config[name] = held.default
    return config


def _grid(space: Mapping[str, Range], trials: int, seed: int) -> list[Config]:
    """A grid of at most `trials` points, shuffled; the more important parameters get the next value first."""
    counts = dict.fromkeys(space, 1)
    while True:
        for name in sorted(counts, key=lambda name: (counts[name], importance(name))):
            if (
                counts[name] < space[name].most()
                and math.prod(counts.values()) // counts[name] * (counts[name] + 1) <= trials
            ):
                counts[name] += 1
                break
        else:
            break
    configs: list[Config] = [{}]
    for name, held in space.items():
        values = held.values(counts[name]) if counts[name] > 1 else [held.default]
        configs = [{**config, name: value} for config in configs for value in values]
    return [configs[i] for i in np.random.default_rng(seed).permutation(len(configs))]


# ----------------------------------------------------------------------------------------------------------- running


class _Inline(Executor):
    """The caller's own thread."""


def _pool(workers: int, executor: str) -> Executor:
    if workers == 1 and executor == "thread":
        return _Inline()
    threads = max(1, autograd.get_num_threads() // workers)
    if executor == "thread":
        return ThreadPoolExecutor(workers, "search", autograd.set_num_threads, (threads,))
    return ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), _start_process, (threads,))


def _start_process(threads: int) -> None:
    end_with_parent()
    autograd.set_num_threads(threads)


def _run(objective: Callable[[Config], float], seed: int, stage: int, number: int, config: Config) -> Trial:
    start = time.perf_counter()
    value, error = math.nan, ""
    with Stream(seed, stage, number):
        try:
            value = float(objective(dict(config)))
        except Exception as raised:
            error = f"{type(raised).__name__}: {raised}"
    return Trial(stage, number, config, value, time.perf_counter() - start, error)


def _run_all(
    pool: Executor, objective: Callable[[Config], float], seed: int, stage: int, configs: list[Config], done: _Journal
) -> Iterator[Trial]:
    """The trials of a stage as they end; those in the journal first."""
    left = []
    for number, config in enumerate(configs):
        trial = done.find(stage, number, config)
        if trial is None:
            left.append((objective, seed, stage, number, config))
        else:
            yield trial
    if isinstance(pool, _Inline):
        for task in left:
            yield done.add(_run(*task))
        return
    futures = [pool.submit(_run, *task) for task in left]
    try:
        for future in as_completed(futures):
            yield done.add(future.result())
    finally:
        for future in futures:
            future.cancel()


class _Journal:
    """Trials in a file, one JSON object a line, on disk before the next begins. A line that was cut short is dropped."""

    def __init__(self, path: str | os.PathLike[str] | None) -> None:
        self.path = None if path is None else Path(path)
        self.held: dict[tuple[int, int], Trial] = {}
        if self.path is None or not self.path.exists():
            return
        data = self.path.read_bytes()
        whole = data[: data.rfind(b"\n") + 1]
        if len(whole) < len(data):
            os.truncate(self.path, len(whole))
        for at, line in enumerate(whole.splitlines(), 1):
            try:
                trial = Trial(**json.loads(line))
            except (ValueError, TypeError) as error:
                raise ValueError(f"search: line {at} of the journal {self.path} is no trial ({error})") from None
            self.held[trial.stage, trial.number] = trial

    def find(self, stage: int, number: int, config: Config) -> Trial | None:
        trial = self.held.get((stage, number))
        if trial is not None and trial.config != json.loads(json.dumps(config, default=str)):
            raise ValueError(
                f"search: the journal {self.path} is of another search: its trial {number} of stage {stage} has "
                f"{trial.config}, here it is {config}; name another file, or search with the same space, seed and trials"
            )
        return None if trial is None else Trial(**{**vars(trial), "config": config})

    def add(self, trial: Trial) -> Trial:
        if self.path is not None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with open(self.path, "ab") as file:
                file.write(json.dumps(vars(trial), default=str).encode() + b"\n")
                file.flush()
                os.fsync(file.fileno())
        return trial


# ----------------------------------------------------------------------------------------------------------- results


@dataclass
class Results:
    """The trials of a search, in order. Print it for the table of the best."""

    space: Mapping[str, Range]
    trials: list[Trial]
    mode: str = "min"
    method: str = "random"

    def ranked(self) -> list[Trial]:
        """Best first; NaN last; of equals the earlier."""
        sign = 1 if self.mode == "min" else -1
        return sorted(self.trials, key=lambda t: math.inf if math.isnan(t.value) else sign * t.value)

    @property
    def best(self) -> Trial:
        """The best trial."""
        return self.ranked()[0]

    def best_so_far(self) -> np.ndarray:
        """The best value after each trial, (trials,)."""
        values = np.array([trial.value for trial in self.trials])
        return np.fmin.accumulate(values) if self.mode == "min" else np.fmax.accumulate(values)

    def expected_best(self) -> np.ndarray:
        """The best of k of these trials, k = 1, 2, ..., averaged over all orders; failed trials and NaN are left out."""
        values = np.sort([trial.value for trial in self.trials if not math.isnan(trial.value)])
        values = values if self.mode == "min" else values[::-1]
        n, out = len(values), []
        for k in range(1, n + 1):
            # The i-th best is the best of k with probability C(n - 1 - i, k - 1) / C(n, k).
            chance = [math.comb(n - 1 - i, k - 1) / math.comb(n, k) for i in range(n)]
            out.append(float(np.dot(chance, values)))
        return np.array(out)

    def distinct(self) -> dict[str, int]:
        """How many different values of each parameter were tried."""
        return {name: len({repr(trial.config[name]) for trial in self.trials}) for name in self.space}

    def table(self, count: int = 10) -> str:
        """The best `count` trials as text."""
        head = ["value", *self.space, "stage", "seconds", "error"]
        rows = [head]
        for t in self.ranked()[:count]:
            settings = [_short(t.config[name]) for name in self.space]
            rows.append([f"{t.value:.5g}", *settings, str(t.stage), f"{t.seconds:.1f}", t.error[:40]])
        widths = [max(len(row[i]) for row in rows) for i in range(len(head))]
        lines = ["  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
        return "\n".join(lines)

    __str__ = table

    def beside(self, grid: Results) -> str:
        """This search and a grid of the same cost, in words."""
        lines = []
        for results in (self, grid):
            values = ", ".join(f"{count} of {name}" for name, count in results.distinct().items())
            settings = ", ".join(f"{name}={_short(value)}" for name, value in results.best.config.items())
            lines.append(
                f"{results.method}: best {results.best.value:.5g} of {len(results.trials)} trials, with {settings}\n"
                f"  different values tried: {values}"
            )
        return "\n".join(lines)

    def write_csv(self, path: str | os.PathLike[str]) -> None:
        """Every trial as a line of a table."""
        with open(path, "w", newline="", encoding="utf-8") as file:
            out = csv.writer(file)
            out.writerow(["stage", "number", *self.space, "value", "seconds", "error"])
            for t in self.trials:
                out.writerow(
                    [t.stage, t.number, *(t.config[n] for n in self.space), t.value, f"{t.seconds:.3f}", t.error]
                )

    def picture(self, path: str | os.PathLike[str], grid: Results | None = None, label: str = "value") -> None:
        """Each parameter against the value, and the best value after so many trials; a grid of the same cost in orange.

        Trials of one stage might have come in any order: their curve is the mean over all.
        """
        plt = pyplot("Results.picture")
        both = [(self, "#2563a8", "o"), *([(grid, "#d9730d", "s")] if grid is not None else [])]
        panels = len(self.space) + 1
        columns = min(panels, 4)
        figure, axes = plt.subplots(
            -(-panels // columns), columns, figsize=(2.9 * columns, 2.7 * -(-panels // columns)), layout="constrained",
            squeeze=False,
        )  # fmt: skip
        finite = np.array([t.value for r, _, _ in both for t in r.trials if math.isfinite(t.value)])
        low, high = finite.min(), finite.max()
        # The few worst would flatten all others.
        low, high = (low, np.quantile(finite, 0.9)) if self.mode == "min" else (np.quantile(finite, 0.1), high)
        room = 0.06 * max(high - low, 1e-12)
        for panel, (name, held) in zip(axes.flat, self.space.items(), strict=False):
            for results, colour, marker in both:
                at = [_drawn_at(held, trial.config[name]) for trial in results.trials]
                values = np.clip([t.value for t in results.trials], low, high)
                panel.plot(at, values, marker, color=colour, markersize=4.5, alpha=0.75, linestyle="none")
            panel.set(xlabel=f"1 - {name}" if held.scale == "reverse log" else name, ylim=(low - room, high + room))
            panel.set_xscale("log" if "log" in held.scale else "linear")
            if isinstance(held, Choice):
                panel.set_xticks(range(len(held.options)), [str(option) for option in held.options])
        last = axes.flat[panels - 1]
        staged = any(trial.stage for trial in self.trials)
        for results, colour, _ in both:
            best = results.best_so_far() if staged else results.expected_best()
            last.plot(np.arange(1, len(best) + 1), best, color=colour, label=results.method)
        title = "best so far" if staged else "best of so many, on average"
        last.set(xlabel="trials", title=title, ylim=(low - room, high + room))
        last.legend(frameon=False)
        for row in axes:
            row[0].set_ylabel(label)
        for spare in axes.flat[panels:]:
            spare.axis("off")
        for panel in axes.flat[:panels]:
            if low > 0 and high > 4 * low:
                panel.set_yscale("log")
                panel.set_ylim(low * (low / high) ** 0.06, high * (high / low) ** 0.06)
            panel.spines[["top", "right"]].set_visible(False)
            panel.grid(alpha=0.25)
        figure.savefig(path, dpi=100)
        plt.close(figure)


def _drawn_at(held: Range, value: Any) -> float:
    if isinstance(held, Choice):
        return held.options.index(value)
    return 1 - value if held.scale == "reverse log" else value


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
