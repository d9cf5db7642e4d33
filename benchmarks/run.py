"""tapegrad beside torch: single operations, whole networks, the tape's overhead, memory, growth and start, in one run.

    python benchmarks/run.py                       everything, into RESULTS.md, ratios.png and runs/bench/results.json
    python benchmarks/run.py --list                the names of the rows
    python benchmarks/run.py --only lenet5         the rows whose name contains a word (or one of several), printed only
    python benchmarks/run.py --only conv/ --quick  a few seconds a row, for trying
    python benchmarks/run.py --only conv/ --check  compare what the two compute, and time nothing
    python benchmarks/run.py --only resnet50-b4/step --profile    where our Python spends it
    python benchmarks/run.py --report              RESULTS.md and the picture once more from the last whole run

Two processes a library live through the run and take turns, one timing while the others sleep. A figure is the best of
all turns; torch's is the better of its memory layouts and of its fused, foreach and plain optimizers, same number of
threads. The control is the same figure taken twice: the best of the odd turns against the best of the even ones (where
memory holds two processes of a library, the one process against the other). What the two libraries compute is compared
before it is timed.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import traceback
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import report  # noqa: E402  the repository's root comes first
from kernels import PEAK  # noqa: E402
from library import NUMPY, OURS, TORCH, Row  # noqa: E402
from worker import collect  # noqa: E402

RAW = HERE.parent / "runs" / "bench" / "results.json"
PAUSE = 0.01  # seconds in which the threads of the process before stop spinning
MEMORY = tuple(name for name in collect() if name.startswith("network/") and name.endswith("/step"))
SMALL = 2**20  # bytes
STARTS = ("start/warm", "start/cold")


class Failure(Exception):
    """A worker could not do what it was asked."""


@dataclass
class Plan:
    """How long to measure: turns a row, seconds a turn."""

    threads: int
    turns: int = 8
    seconds: float = 0.15

    def environment(self, **more: str) -> dict[str, str]:
        names = ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
        kept = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}  # as pip leaves it
        return {**kept, **dict.fromkeys(names, str(self.threads)), **more}


class Worker:
    """A process of one library that answers requests."""

    def __init__(self, library: str, plan: Plan) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(HERE / "worker.py"), library],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=plan.environment(),
        )  # fmt: skip

    def ask(self, do: str, **request: Any) -> dict[str, Any]:
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write(json.dumps({"do": do, **request}) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise Failure(f"the process ended with code {self.process.wait()}")
        answer = json.loads(line)
        if "error" in answer:
            raise Failure(answer["error"])
        return answer

    def close(self) -> None:
        assert self.process.stdin
        self.process.stdin.close()
        self.process.wait()


@dataclass
class Bench:
    """The workers, and the measuring of a row with them."""

    plan: Plan
    workers: dict[str, list[Worker]] = field(default_factory=dict)

    def start(self) -> dict[str, str]:
        """Two workers a library; the versions they found."""
        self.workers = {name: [Worker(name, self.plan) for _ in range(2)] for name in (OURS, TORCH)}
        return {key: text for pair in self.workers.values() for key, text in pair[0].ask("about").items()}

    def stop(self) -> None:
        for pair in self.workers.values():
            for worker in pair:
                worker.close()

    def _prepared(self, row: Row, library: str, variants: list[str], count: int) -> dict[str, Any]:
        """Build every variant in `count` workers of a library; the first worker's answers."""
        found = {}
        for worker in self.workers[library][:count]:
            for variant in variants:
                answer = worker.ask("prepare", row=row.name, variant=variant)
                found.setdefault(variant, answer)
        return found

    def _choose(self, row: Row) -> str:
        """The fastest of torch's variants, built one after the other: for rows of which memory holds one at a time."""
        worker, times = self.workers[TORCH][0], {}
        for variant in row.variants:
            worker.ask("prepare", row=row.name, variant=variant)
            takes = [worker.ask("time", variant=variant, seconds=self.plan.seconds)["seconds"] for _ in range(2)]
            times[variant] = min(takes)
            worker.ask("drop", variant=variant)
        return min(times, key=times.__getitem__)

    def measure(self, row: Row) -> dict[str, Any]:
        """Check and time one row: seconds by library and variant, their control, operations, ratio."""
        try:
            return self._measure(row)
        finally:
            for pair in self.workers.values():
                for worker in pair:
                    if worker.process.poll() is None:
                        worker.ask("drop")

    def _measure(self, row: Row) -> dict[str, Any]:
        count = 1 if row.heavy or not self.plan.turns else 2
        variants = list(row.variants)
        if row.heavy:
            variants = [self._choose(row) if self.plan.turns and len(variants) > 1 else variants[0]]
        own = ["", NUMPY] if row.numpy else [""]
        ours, torch = self._prepared(row, OURS, own, count), self._prepared(row, TORCH, variants, count)
        differences = {name: difference(answer["check"], ours[""]["check"]) for name, answer in torch.items()}
        wrong = {name: gap for name, gap in differences.items() if not gap <= row.tolerance}
        result: dict[str, Any] = {"name": row.name, "difference": max(differences.values())}
        if wrong:
            first = next(iter(wrong))
            result["error"] = f"results differ by {wrong[first]:.1e}: {ours['']['check']} and {torch[first]['check']}"
        if not self.plan.turns:
            return result
        operations = self.workers[TORCH][0].ask("count", variant=variants[0])
        turns: dict[tuple[str, str], list[float]] = {}
        contestants = [(OURS, name) for name in own] + [(TORCH, name) for name in variants]
        for turn in range(self.plan.turns):
            for library, variant in contestants if turn // 2 % 2 == 0 else reversed(contestants):
                time.sleep(PAUSE)
                answer = self.workers[library][turn % count].ask("time", variant=variant, seconds=self.plan.seconds)
                turns.setdefault((library, variant), []).append(answer["seconds"] / row.per)
        best = {key: min(times) for key, times in turns.items()}
        fastest = min(variants, key=lambda variant: best[TORCH, variant])
        result |= {
            "limit": row.limit,
            "ours": best[OURS, ""],
            "torch": best[TORCH, fastest],
            "variant": fastest,
            "variants": {variant: best[TORCH, variant] for variant in variants},
            "ratio": best[OURS, ""] / best[TORCH, fastest],
            "control": [spread(turns[OURS, ""]), spread(turns[TORCH, fastest])],
            "flops": operations["flops"],
            "conv": operations["conv"],
        }
        if row.numpy:
            result["numpy"] = best[OURS, NUMPY]
        return result

    def profile(self, row: Row) -> str:
        worker = self.workers[OURS][0]
        worker.ask("prepare", row=row.name, variant="")
        text: str = worker.ask("profile", variant="", seconds=max(2.0, self.plan.seconds))["profile"]
        worker.ask("drop")
        return text


def difference(a: list[float], b: list[float]) -> float:
    """The largest difference, relative to the larger of the two and its neighbour (see `fingerprint`)."""
    scale = [max(abs(x), abs(y)) for x, y in zip(a, b, strict=True)]
    pairs = [max(scale[i - i % 2 : i - i % 2 + 2]) for i in range(len(scale))]
    return max((abs(x - y) / s if s else 0.0 for x, y, s in zip(a, b, pairs, strict=True)), default=0.0)


def spread(times: list[float]) -> float:
    """The best of the odd turns against the best of the even ones, as the larger ratio less 1."""
    odd, even = min(times[1::2]), min(times[::2])
    return max(odd, even) / min(odd, even) - 1


def child(library: str, *words: str, plan: Plan, **environment: str) -> tuple[dict[str, Any], float, str]:
    """A fresh worker with one task: its answer, the seconds until it came, and what it wrote to stderr."""
    begin = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, str(HERE / "worker.py"), library, *words],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=plan.environment(**environment),
    )  # fmt: skip
    assert process.stdout and process.stderr
    line = process.stdout.readline()
    seconds = time.perf_counter() - begin
    said = process.stderr.read()
    process.wait()
    if not line:
        raise Failure(said)
    return json.loads(line), seconds, said


def measure_memory(row: Row, plan: Plan) -> dict[str, Any]:
    """Peak of a training step above the level before it, each library in a fresh process, torch in its better layout.

    glibc is told to give freed memory back, or its heap would hide the peak in what it keeps. Less than SMALL counts as
    SMALL in the ratio: a page more or less says nothing.
    """
    tidy = {"MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "65536"}
    found = {}
    for library, variants in ((OURS, ("",)), (TORCH, tuple(v for v in row.variants if "fused" in v))):
        for variant in variants:
            found[library, variant] = child(library, "memory", row.name, variant, plan=plan, **tidy)[0]
    best = min((key for key in found if key[0] == TORCH), key=lambda key: found[key]["peak"])
    name = row.name.replace("network/", "memory/").removesuffix("/step")
    ours, torch = found[OURS, ""], found[best]
    ratio = max(ours["peak"], SMALL) / max(torch["peak"], SMALL)
    return {"name": name, "limit": 1.0, "ours": ours, "torch": torch, "variant": best[1], "ratio": ratio}


def measure_start(name: str, plan: Plan) -> dict[str, Any]:
    """Seconds from process start to the end of LeNet-5's first step: best of three with kernels cached, one without."""
    if name == "start/cold":
        with tempfile.TemporaryDirectory() as empty:
            _, seconds, said = child(OURS, "start", plan=plan, TAPEGRAD_CACHE=empty)
        return {"name": name, "limit": 20.0, "ours": seconds, "said": said.strip()}
    child(OURS, "start", plan=plan)  # compiles what is not cached yet
    ours, torch = (min(child(library, "start", plan=plan)[1] for _ in range(3)) for library in (OURS, TORCH))
    return {"name": name, "limit": 1.5, "ours": ours, "torch": torch}


def chosen(only: list[str]) -> tuple[list[Row], list[Row], list[str]]:
    """The rows to time, those to weigh, and the starts, whose names contain one of the words; without words all."""
    rows = collect()
    wanted = lambda name: not only or any(word in name for word in only)
    timed = [row for name, row in rows.items() if wanted(name)]
    weighed = [rows[name] for name in MEMORY if wanted(name.replace("network/", "memory/").removesuffix("/step"))]
    return timed, weighed, [name for name in STARTS if wanted(name)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", default=[], metavar="WORD", help="rows whose name contains a word")
    parser.add_argument("--quick", action="store_true", help="few and short turns: for trying, not for the record")
    parser.add_argument(
        "--turns", type=int, default=Plan.turns, help=f"of each contestant in a row (default {Plan.turns})"
    )
    parser.add_argument("--profile", action="store_true", help="profile our side of the rows instead of timing them")
    parser.add_argument("--check", action="store_true", help="compare the rows' results and time nothing")
    parser.add_argument("--list", action="store_true", help="print the rows' names")
    parser.add_argument(
        "--report", action="store_true", help="write RESULTS.md and the picture again from the last whole run"
    )
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="of every library (default: all cores)")
    options = parser.parse_args()

    if options.turns < 2:
        parser.error(f"--turns {options.turns}: the control wants 2 or more")
    if options.report:
        report.write(json.loads(RAW.read_text()))
        return
    timed, weighed, starts = chosen(options.only)
    if options.list:
        names = [row.name for row in timed] + [row.name.replace("network/", "memory/")[:-5] for row in weighed] + starts
        print("\n".join(names))
        return
    if not (timed or weighed or starts):
        sys.exit(f"no row's name contains {' or '.join(options.only)}; --list prints them")

    plan = Plan(options.threads, 2, 0.03) if options.quick else Plan(options.threads, options.turns)
    if options.check:
        plan, weighed, starts = Plan(options.threads, turns=0), [], []
    bench = Bench(plan)
    results: dict[str, Any] = {"machine": report.machine(options.threads), "quick": options.quick, "rows": []}
    results["turns"] = plan.turns
    raw = RAW.with_name("part.json") if options.only else RAW

    def record(name: str, measure: Any) -> None:
        try:
            found = measure()
        except Failure as failure:
            found = {"name": name, "error": str(failure)}
            bench.stop()
            bench.start()
        except Exception:
            found = {"name": name, "error": traceback.format_exc()}
        results["rows"].append(found)
        print(report.line(found, results), flush=True)
        if plan.turns:  # row by row: what is measured survives a run that does not
            raw.parent.mkdir(parents=True, exist_ok=True)
            raw.write_text(json.dumps(results, indent=1))

    try:
        results["versions"] = bench.start()
        if options.profile:
            for row in timed:
                print(f"== {row.name}\n{bench.profile(row)}\n", flush=True)
            return
        peak = collect()[PEAK]
        results["peaks"] = []

        def take_peak() -> None:
            found = bench.measure(peak)
            times = {OURS: found["ours"], TORCH: found["torch"], NUMPY: found["numpy"]}
            results["peaks"].append({**times, "flops": found["flops"]})

        for i, row in enumerate(timed):
            if i % 60 == 0 and plan.turns:
                take_peak()
            if i == 0 and plan.turns:
                print(report.header(results), flush=True)
            record(row.name, lambda row=row: bench.measure(row))
    finally:
        bench.stop()
    for row in weighed:
        record(row.name, lambda row=row: measure_memory(row, plan))
    for name in starts:
        record(name, lambda name=name: measure_start(name, plan))
    results["machine"]["load after"] = os.getloadavg()[0]
    if plan.turns:
        print(report.summary(results))
        raw.write_text(json.dumps(results, indent=1))
        if not options.only:
            report.write(results)


if __name__ == "__main__":
    main()
