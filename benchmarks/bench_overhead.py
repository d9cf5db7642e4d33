"""What the tape costs: forward plus backward of small operations, beyond numpy's own time, beside torch; and import time.

    python benchmarks/bench_overhead.py            both tables
    python benchmarks/bench_overhead.py --no-torch where torch is not installed

Each figure is the best of many repetitions; libraries take turns. The chain is the honest figure for a network (20 operations,
one backward); a single operation pays backward's start alone.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

CHAIN = 20
SIZE = 4


def best(run: Callable[[], Any], calls: int = 200, repeats: int = 40) -> float:
    """Microseconds of one call, the best of `repeats` rounds of `calls`."""
    fastest = float("inf")
    for _ in range(repeats):
        start = time.perf_counter()
        for _ in range(calls):
            run()
        fastest = min(fastest, (time.perf_counter() - start) / calls)
    return fastest * 1e6


def numpy_runs() -> dict[str, Callable[[], Any]]:
    x = np.ones(SIZE, np.float32)
    one = np.ones(SIZE, np.float32)

    def chain_mul() -> None:
        y = one
        for _ in range(CHAIN):
            y = y * x
        g = one
        for _ in range(CHAIN):
            g = g * x

    def chain_tanh() -> None:
        y, kept = one, []
        for _ in range(CHAIN):
            y = np.tanh(y)
            kept.append(y)
        g = one
        for y in reversed(kept):
            g = g * (1.0 - y * y)

    def chain_add() -> None:
        y = one
        for _ in range(CHAIN):
            y = y + x

    def single() -> None:
        y = one * x
        g = one * x
        return y, g  # type: ignore[return-value]

    return {"mul chain": chain_mul, "add chain": chain_add, "tanh chain": chain_tanh, "one mul": single}


def tensor_runs(lib: Any) -> dict[str, Callable[[], Any]]:
    """The same with a library of torch's names."""
    x, one = lib.ones(SIZE), lib.ones(SIZE)
    w = lib.ones(SIZE, requires_grad=True)

    def chain(step: Callable[[Any], Any]) -> Callable[[], None]:
        def run() -> None:
            y = w
            for _ in range(CHAIN):
                y = step(y)
            w.grad = None
            y.backward(one)

        return run

    def single() -> None:
        w.grad = None
        (w * x).backward(one)

    return {
        "mul chain": chain(lambda y: y * x),
        "add chain": chain(lambda y: y + x),
        "tanh chain": chain(lambda y: y.tanh()),
        "one mul": single,
    }


def import_seconds(statement: str) -> float:
    """The fastest of seven fresh processes, less the bare interpreter; bytecode is cached, as after an installation."""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}

    def once(code: str) -> float:
        start = time.perf_counter()
        subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT, env=environment)
        return time.perf_counter() - start

    return min(once(statement) for _ in range(7)) - min(once("pass") for _ in range(7))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--no-torch", action="store_true", help="leave torch out")
    options = parser.parse_args()

    import autograd

    rivals: dict[str, dict[str, Callable[[], Any]]] = {"numpy": numpy_runs(), "tapegrad": tensor_runs(autograd)}
    if not options.no_torch:
        import torch

        torch.set_num_threads(2)
        rivals["torch"] = tensor_runs(torch)
    print(f"forward + backward, {SIZE} float32 values, microseconds an operation")
    print(f"{'':12s}" + "".join(f"{name:>10s}" for name in rivals) + f"{'beyond numpy':>14s}")
    for row in rivals["numpy"]:
        per = 1 if row == "one mul" else CHAIN
        times = {name: float("inf") for name in rivals}
        for _ in range(3):
            for name, runs in rivals.items():
                times[name] = min(times[name], best(runs[row], calls=50 if per > 1 else 500) / per)
        beyond = times["tapegrad"] - times["numpy"]
        print(f"{row:12s}" + "".join(f"{t:10.2f}" for t in times.values()) + f"{beyond:14.2f}")
    print("\nimport, seconds beyond the interpreter's own start")
    statements = ["import numpy", "import numpy, numba", "import autograd, nn, optim"]
    if not options.no_torch:
        statements.append("import torch")
    for statement in statements:
        print(f"{statement:30s}{import_seconds(statement):8.3f}")


if __name__ == "__main__":
    main()
