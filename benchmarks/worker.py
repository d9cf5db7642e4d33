"""One process of one library: it builds rows, checks them and times them when the parent says so.

python benchmarks/worker.py LIBRARY                      lines of JSON in, lines of JSON out, until the input ends
python benchmarks/worker.py LIBRARY memory ROW VARIANT   the memory of two runs in a fresh process
python benchmarks/worker.py LIBRARY start                the first training step of LeNet-5, as soon as possible
"""

from __future__ import annotations

import contextlib
import cProfile
import io
import json
import os
import pstats
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

SAMPLE = 0.004  # seconds of one sample at least: short runs are repeated within it


def collect() -> dict[str, Any]:
    import kernels
    import networks

    return {row.name: row for row in [*networks.rows(), *kernels.rows(), *kernels.overhead(), *networks.growth_rows()]}


def settle(threads: int) -> None:
    """torch takes its threads from here, tapegrad from NUMBA_NUM_THREADS, numpy's product from OMP_NUM_THREADS."""
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(threads)


class Server:
    """The cases that are built now, by row and variant, and what the parent may ask of them."""

    def __init__(self, library: str) -> None:
        self.library, self.rows = library, collect()
        self.cases: dict[str, Any] = {}
        self.calls: dict[str, int] = {}

    def about(self) -> dict[str, Any]:
        """Versions, for the machine's description."""
        import importlib.metadata

        names = ("torch",) if self.library == "torch" else ("numpy", "numba", "llvmlite")
        return {name: importlib.metadata.version(name) for name in names}

    def prepare(self, row: str, variant: str) -> dict[str, Any]:
        """Build a case, run it twice (kernels are compiled here), and give what must agree with the other library's."""
        from library import NUMPY, Library

        self.drop(variant)
        start = time.perf_counter()
        plan = self.rows[row]
        case = plan.numpy() if variant == NUMPY else plan.build(Library(self.library, variant))
        settle(int(os.environ["OMP_NUM_THREADS"]))
        check = case.check()
        case.run()
        elapsed, calls = self.sample(case.run, 1), 1
        while elapsed < SAMPLE:
            calls = max(2 * calls, int(calls * SAMPLE / max(elapsed, 1e-9)))
            elapsed = self.sample(case.run, calls)
        self.cases[variant], self.calls[variant] = case, calls
        return {"check": check, "seconds": elapsed / calls, "prepared": time.perf_counter() - start}

    def count(self, variant: str) -> dict[str, float]:
        """Operations of one run in products and convolutions, and in convolutions alone, as torch counts them."""
        from torch.utils.flop_counter import FlopCounterMode

        with FlopCounterMode(display=False) as counter:
            self.cases[variant].run()
        counts = counter.get_flop_counts().get("Global", {})  # nothing where nothing is counted
        return {"flops": sum(counts.values()), "conv": sum(n for op, n in counts.items() if "convolution" in str(op))}

    @staticmethod
    def sample(run: Callable[[], Any], calls: int) -> float:
        start = time.perf_counter()
        for _ in range(calls):
            run()
        return time.perf_counter() - start

    def time(self, variant: str, seconds: float) -> dict[str, float]:
        """Seconds of one run: the best sample of those that fit into `seconds`, after one run unmeasured."""
        run, calls = self.cases[variant].run, self.calls[variant]
        run()
        best, stop = float("inf"), time.perf_counter() + seconds
        while True:
            best = min(best, self.sample(run, calls) / calls)
            if time.perf_counter() >= stop:
                return {"seconds": best}

    def profile(self, variant: str, seconds: float) -> dict[str, str]:
        """Where the Python of a case spends its time, own time first; a kernel's time is its caller's own."""
        run, calls = self.cases[variant].run, 0
        profile, stop = cProfile.Profile(), time.perf_counter() + seconds
        profile.enable()
        while time.perf_counter() < stop or not calls:
            run()
            calls += 1
        profile.disable()
        text = io.StringIO()
        pstats.Stats(profile, stream=text).sort_stats("tottime").print_stats(25)
        lines = [line.replace(f"{ROOT}/", "") for line in text.getvalue().splitlines() if line.strip()]
        return {"profile": f"{calls} runs\n" + "\n".join(lines)}

    def drop(self, variant: str | None = None) -> dict[str, str]:
        """Forget one case, or all."""
        for name in list(self.cases) if variant is None else [variant]:
            self.cases.pop(name, None)
        return {}

    def serve(self, answers: Any) -> None:
        for line in sys.stdin:
            request = json.loads(line)
            try:
                answer = getattr(self, request.pop("do"))(**request)
            except Exception:
                answer = {"error": traceback.format_exc()}
            print(json.dumps(answer), file=answers, flush=True)


def resident(field: str) -> float:
    """VmRSS or VmHWM of this process, in bytes."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field):
            return float(line.split()[1]) * 1024
    raise OSError(f"no {field} in /proc/self/status")


def memory(library: str, row: str, variant: str) -> dict[str, float]:
    """Bytes: the second run's peak above the level before it; that level and that peak above the imported library."""
    from library import Library

    case_row = collect()[row]
    lib = Library(library, variant)
    settle(int(os.environ["OMP_NUM_THREADS"]))
    imported = resident("VmRSS")
    case = case_row.build(lib)
    case.run()
    Path("/proc/self/clear_refs").write_text("5")  # the high-water mark starts again from here
    level = resident("VmRSS")
    case.run()
    peak = resident("VmHWM")
    return {"peak": peak - level, "level": level - imported, "total": peak - imported}


def start(library: str) -> None:
    """What a user's script does first: LeNet-5, Adam, one step."""
    import networks
    from library import Library

    case = networks.training(networks.NETWORKS["lenet5-b64"])(Library(library))
    case.run()


def main() -> None:
    library, mode = sys.argv[1], sys.argv[2:]
    answers = os.fdopen(os.dup(1), "w")  # what libraries print must not get between the answers
    with contextlib.redirect_stdout(sys.stderr):
        if not mode:
            Server(library).serve(answers)
        elif mode[0] == "memory":
            print(json.dumps(memory(library, *mode[1:])), file=answers, flush=True)
        else:
            start(library)
            print("{}", file=answers, flush=True)


if __name__ == "__main__":
    main()
