"""nn.training.search: ranges, stages, the journal, the same results from any workers."""

from __future__ import annotations

import itertools
import json
import math
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from search_objective import SPACE, objective

from nn.data import RandomSampler
from nn.training import Choice, LogUniform, Results, ReverseLogUniform, Trial, Uniform, importance, search

RANGES = [
    Uniform(-2, 3), Uniform(1, 9, integer=True), LogUniform(1e-4, 1), LogUniform(16, 512, integer=True),
    ReverseLogUniform(0.9, 0.999), Choice(["a", "b", "c"]),
]  # fmt: skip


def plain(results: Results) -> list[Any]:
    return [(t.stage, t.number, t.config, str(t.value), t.error) for t in results.trials]


@given(st.sampled_from(RANGES), st.floats(0, 1))
def test_values_lie_inside_and_places_come_back(held: Any, u: float) -> None:
    value = held.at(u)
    if isinstance(held, Choice):
        assert value in held.options
        assert held.at(held.place(value)) == value
        return
    assert held.low <= value <= held.high and (not held.integer or value == int(value))
    if not held.integer:
        assert held.place(value) == pytest.approx(u, abs=1e-9)


def test_scales() -> None:
    assert LogUniform(1e-4, 1).at(0.5) == pytest.approx(1e-2)
    assert ReverseLogUniform(0.9, 0.999).at(0.5) == pytest.approx(0.99)
    assert Uniform(0, 10).at(0.25) == 2.5 and Choice([5, 7]).at(0.5) == 7
    assert LogUniform(1, 100).default == pytest.approx(10) and LogUniform(1, 100, default=3).default == 3
    drawn = [ReverseLogUniform(0.9, 0.999).at(u) for u in np.random.default_rng(0).random(4000)]
    assert abs(np.mean(np.array(drawn) < 0.99) - 0.5) < 0.03, "as often below 0.99 as above"


@pytest.mark.parametrize("name", ["random", "grid"])
@pytest.mark.parametrize(("workers", "executor"), [(3, "thread"), (2, "process")])
def test_results_do_not_depend_on_the_workers(name: str, workers: int, executor: str) -> None:
    one = search(objective, SPACE, 20, method=name, seed=3)
    many = search(objective, SPACE, 20, method=name, seed=3, workers=workers, executor=executor)
    assert plain(many) == plain(one)
    if name == "random":
        assert plain(search(objective, SPACE, 20, seed=4)) != plain(one)
        assert len({t.value for t in one.trials if not t.error}) == sum(not t.error for t in one.trials)


def test_seeds_of_the_objective_are_its_own() -> None:
    def order(config: Any) -> float:
        return float(np.dot(list(RandomSampler(range(9), generator=5)), 9.0 ** np.arange(9)))

    results = search(order, SPACE, 4, workers=2)
    assert {t.value for t in results.trials} == {order(None)}


def test_random_tries_more_values_than_a_grid_of_the_same_cost() -> None:
    random, grid = (search(lambda c: c["lr"], SPACE, 27, method=method) for method in ("random", "grid"))
    assert random.distinct()["lr"] == 27 and grid.distinct() == {"lr": 3, "beta": 3, "layers": 3}
    assert len(grid.trials) == 27 and {t.config["lr"] for t in grid.trials} == set(SPACE["lr"].values(3))
    said = random.beside(grid)
    assert "27 of lr" in said and "3 of lr" in said


@pytest.mark.parametrize(
    ("trials", "counts"),
    [(1, (1, 1, 1)), (2, (2, 1, 1)), (5, (2, 2, 1)), (8, (2, 2, 2)), (17, (4, 2, 2)), (100, (6, 5, 3))],
)
def test_grids_fit_and_the_important_comes_first(trials: int, counts: tuple[int, ...]) -> None:
    found = search(lambda c: 0.0, SPACE, trials, method="grid").distinct()
    assert tuple(found.values()) == counts


def test_stages_follow_the_order_of_importance() -> None:
    space = {"decay": Uniform(0, 1, 0.1), "hidden": Uniform(10, 100, 50, integer=True), "lr": LogUniform(1e-4, 1, 0.01)}
    assert [importance(name) for name in space] == [3, 2, 1]
    results = search(lambda c: abs(math.log(c["lr"] / 0.1)), space, 31, order="importance", seed=1)
    stages = [[t for t in results.trials if t.stage == i] for i in range(3)]
    assert [len(stage) for stage in stages] == [11, 10, 10]
    assert {(t.config["decay"], t.config["hidden"]) for t in stages[0]} == {(0.1, 50)}
    assert {t.config["decay"] for t in stages[1]} == {0.1} and len({t.config["hidden"] for t in stages[1]}) > 5
    assert len({t.config["decay"] for t in stages[2]}) == 10
    best = min(stages[0], key=lambda t: t.value).config["lr"]
    for t in stages[1]:  # near the best of the stage before: an eighth of the range to each side
        assert abs(math.log10(t.config["lr"] / best)) <= 0.5 + 1e-9
    own = search(lambda c: 0.0, space, 4, order=[["decay"], ["lr", "hidden"]])
    assert {t.config["lr"] for t in own.trials[:2]} == {0.01}


def test_best_tables_and_errors_of_the_objective(tmp_path: Path) -> None:
    results = search(objective, SPACE, 40, seed=0)
    failed = [t for t in results.trials if t.error]
    assert failed and all(math.isnan(t.value) and t.error == "FloatingPointError: diverged" for t in failed)
    values = [t.value for t in results.trials if not t.error]
    assert results.best.value == min(values) and results.best_so_far()[-1] == min(values)
    assert [t.value for t in results.ranked()[: len(values)]] == sorted(values)
    assert Results(SPACE, results.trials, "max").best.value == max(values)
    assert len(str(results).splitlines()) == 11 and "diverged" in results.table(40)
    results.write_csv(tmp_path / "t.csv")
    assert len((tmp_path / "t.csv").read_text().splitlines()) == 41
    grid = search(objective, SPACE, 40, method="grid")
    results.picture(tmp_path / "s.png", grid)
    assert (tmp_path / "s.png").read_bytes()[:4] == b"\x89PNG"

    def broken(config: Any) -> float:
        raise KeyError("x")

    with pytest.raises(RuntimeError, match="every trial of stage 0 failed.*KeyError"):
        search(broken, SPACE, 3)


def test_expected_best_is_the_mean_over_all_orders() -> None:
    values = [3.0, 1.0, 2.0, 5.0, float("nan")]
    trials = [Trial(0, i, {}, v, 0.0) for i, v in enumerate(values)]
    for mode, best in (("min", np.minimum), ("max", np.maximum)):
        orders = [best.accumulate(order) for order in itertools.permutations(values[:4])]
        assert Results({}, trials, mode).expected_best() == pytest.approx(np.mean(orders, axis=0))


# ---- journal


def test_a_journal_is_gone_on_with(tmp_path: Path) -> None:
    calls: list[float] = []

    def counted(config: dict[str, Any]) -> float:
        calls.append(config["lr"])
        return objective(config)

    path = tmp_path / "sub" / "journal"
    whole = search(counted, SPACE, 12, order="importance", journal=path)
    assert len(calls) == 12
    again = search(counted, SPACE, 12, order="importance", journal=path)
    assert len(calls) == 12 and plain(again) == plain(whole)
    lines = path.read_bytes().splitlines(keepends=True)
    for kept in (b"".join(lines[:7]), b"".join(lines[:7]) + lines[7][:-1], b"".join(lines[:7]) + b'{"st'):
        path.write_bytes(kept)
        calls.clear()
        assert plain(search(counted, SPACE, 12, order="importance", journal=path)) == plain(whole)
        assert plain(search(counted, SPACE, 12, order="importance", journal=path)) == plain(whole)
        assert len(calls) == 5 and len(path.read_bytes().splitlines()) == 12


def test_a_journal_of_another_search_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    search(objective, SPACE, 4, journal=path)
    with pytest.raises(ValueError, match="of another search"):
        search(objective, SPACE, 4, seed=1, journal=path)
    path.write_text(json.dumps({"stage": 0}) + "\n")
    with pytest.raises(ValueError, match="line 1 of the journal"):
        search(objective, SPACE, 4, journal=path)


def test_a_search_killed_again_and_again_ends_as_if_it_had_not_been(tmp_path: Path) -> None:
    root = Path(__file__).resolve().parent

    def start(journal: str) -> Any:
        paths = os.pathsep.join([str(root.parent), str(root)])
        command = [sys.executable, root / "search_objective.py", tmp_path / journal]
        return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": paths})

    whole = start("whole").communicate()[0]
    for lines in (3, 9, 16):
        with start("killed") as run:
            while run.poll() is None:
                path = tmp_path / "killed"
                if path.exists() and path.read_bytes().count(b"\n") >= lines:
                    break
                time.sleep(0.002)
            run.send_signal(signal.SIGKILL)
    assert 16 <= (tmp_path / "killed").read_bytes().count(b"\n") < 24
    assert start("killed").communicate()[0] == whole and whole


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: LogUniform(0, 1), "above 0"),
        (lambda: ReverseLogUniform(0.5, 1), "below 1"),
        (lambda: Uniform(2, 1), "low < high"),
        (lambda: Uniform(0, float("nan")), "finite"),
        (lambda: Uniform(0, 1, default=2), "outside"),
        (lambda: Choice([]), "expected values"),
        (lambda: Choice([1], default=2), "the default among them"),
        (lambda: search(objective, {}, 3), "expected a space"),
        (lambda: search(objective, SPACE, 0), "0 and 1"),
        (lambda: search(objective, SPACE, 3, method="bayes"), "bayes"),
        (lambda: search(objective, SPACE, 3, mode="best"), "best"),
        (lambda: search(objective, SPACE, 3, executor="fork"), "fork"),
        (lambda: search(objective, SPACE, 3, order="alphabet"), "alphabet"),
        (lambda: search(objective, SPACE, 3, order=[["lr"]]), "each of"),
        (lambda: search(objective, SPACE, 2, order="importance"), "2 trials for 3 stages"),
    ],
)
def test_errors(call: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        call()


def test_a_space_holds_ranges() -> None:
    with pytest.raises(TypeError, match="lr is a tuple"):
        search(objective, {"lr": (0, 1)}, 3)  # type: ignore[dict-item]
    assert Trial(0, 0, {}, 1.0, 0.0).error == ""
