"""What the tape costs: forward plus backward of small operations, beyond numpy's own time, beside torch; and import time.

    python benchmarks/bench_overhead.py            all tables
    python benchmarks/bench_overhead.py --no-torch where torch is not installed
    python benchmarks/bench_overhead.py --calls    only the calls of single operations, beside torch

Each figure is the best of many repetitions; libraries take turns. The chain is the honest figure for a network (20 operations,
one backward); a single operation pays backward's start alone.
"""

from __future__ import annotations

import argparse
import math
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


def calls(lib: Any, F: Any) -> dict[str, Callable[[], Any]]:
    """Operations that networks and hand-written steps use, on 8 rows of 16 values."""
    rng = np.random.default_rng(0)

    def draw(*shape: int) -> Any:
        return lib.from_numpy(rng.standard_normal(shape, np.float32))

    x, z, w, v = (draw(*s).requires_grad_() for s in ((8, 16), (8, 16), (16, 16), (16,)))
    above, image, scale = (draw(*s).abs() + 0.5 for s in ((8, 16), (2, 4, 8, 8), (4,)))
    label, index = (lib.from_numpy(rng.integers(0, 8, (8,))) for _ in range(2))
    mask, plain, share = x.detach() > 0, draw(8, 16), above.detach() / 8
    stack, window = draw(4, 8, 16).requires_grad_(), draw(4, 4, 3, 3).requires_grad_()
    image.requires_grad_()
    return {
        "x + z": lambda: x + z, "x * 0.5": lambda: x * 0.5, "1 - x": lambda: 1.0 - x, "x / z": lambda: x / z,
        "x ** 2": lambda: x**2, "exp": x.exp, "tanh": x.tanh, "sigmoid": x.sigmoid, "relu": lambda: F.relu(x),
        "leaky_relu": lambda: F.leaky_relu(x, 0.2), "gelu": lambda: F.gelu(x), "clamp": lambda: x.clamp(-1, 1),
        "where": lambda: lib.where(mask, x, z), "masked_fill": lambda: x.masked_fill(mask, 0.0), "lerp": lambda: x.lerp(z, 0.5),
        "sum": x.sum, "sum over 1": lambda: x.sum(1), "mean": x.mean, "max": x.max, "max over 1": lambda: x.max(1),
        "var": lambda: x.var(1), "norm": lambda: x.norm(dim=1), "softmax": lambda: x.softmax(1), "cumsum": lambda: x.cumsum(1),
        "topk": lambda: x.topk(3, 1), "x @ w": lambda: x @ w, "x @ v": lambda: x @ v, "linear": lambda: F.linear(x, w, v),
        "einsum": lambda: lib.einsum("bi,ij->bj", x, w), "view": lambda: x.view(-1), "transpose": x.t, "x[0]": lambda: x[0],
        "x[:, 2:6]": lambda: x[:, 2:6], "x[index]": lambda: x[index], "gather": lambda: x.gather(1, label[:, None]),
        "cat": lambda: lib.cat((x, z), 1), "stack": lambda: lib.stack((x, z)), "chunk": lambda: x.chunk(2, 1),
        "index_add": lambda: plain.index_add(0, index, x), "pad": lambda: F.pad(x, (1, 1)),
        "mse_loss": lambda: F.mse_loss(x, plain), "cross_entropy": lambda: F.cross_entropy(x, label),
        "nll_loss": lambda: F.nll_loss(x, label), "kl_div": lambda: F.kl_div(x, share, reduction="batchmean"),
        "normalize": lambda: F.normalize(x, dim=1), "cosine_similarity": lambda: F.cosine_similarity(x, z),
        "layer_norm": lambda: F.layer_norm(x, (16,), v, v), "group_norm": lambda: F.group_norm(image, 2, scale, scale),
        "conv2d": lambda: F.conv2d(image, window, padding=1), "max_pool2d": lambda: F.max_pool2d(image, 2),
        "avg_pool2d": lambda: F.avg_pool2d(image, 2),
        "attention": lambda: F.scaled_dot_product_attention(stack, stack, stack),
    }  # fmt: skip


def backward_of(run: Callable[[], Any]) -> float | None:
    """Microseconds of the backward pass from one result, the best of many; None without a gradient."""
    first = run()
    first = first[0] if isinstance(first, tuple) else first
    if not first.requires_grad:
        return None
    g, fastest = first.detach() * 0 + 1, float("inf")
    for _ in range(200):
        y = run()
        y = y[0] if isinstance(y, tuple) else y
        start = time.perf_counter()
        y.backward(g)
        fastest = min(fastest, time.perf_counter() - start)
    return fastest * 1e6


def show_calls() -> None:
    """Calls of single operations here and in torch, forward and backward, the best of three turns each."""
    import torch

    import autograd
    import nn.functional

    sides = calls(autograd, nn.functional), calls(torch, torch.nn.functional)
    print("\none call of 8 x 16 float32 values, microseconds")
    print(f"{'':20s}{'forward':>9s}{'torch':>9s}{'ratio':>7s}{'backward':>11s}{'torch':>9s}{'ratio':>7s}")
    ratios: tuple[list[float], list[float]] = ([], [])
    for name in sides[0]:
        there, back = [float("inf")] * 2, [float("inf")] * 2
        for _ in range(3):
            for k, side in enumerate(sides):
                there[k] = min(there[k], best(side[name], calls=20, repeats=20))
                back[k] = min(back[k], backward_of(side[name]) or float("inf"))
        line = f"{name:20s}"
        for times, found in zip((there, back), ratios, strict=True):
            found.append(times[0] / times[1])
            line += f"{times[0]:{9 if found is ratios[0] else 11}.2f}{times[1]:9.2f}{found[-1]:7.2f}"
        print(line, flush=True)
    means = [math.exp(sum(map(math.log, found)) / len(found)) for found in ratios]
    print(f"{'geometric mean':20s}{means[0]:25.2f}{means[1]:27.2f}")


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
    parser.add_argument("--calls", action="store_true", help="only the calls of single operations")
    options = parser.parse_args()
    if options.calls:
        return show_calls()

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
    if not options.no_torch:
        show_calls()
    print("\nimport, seconds beyond the interpreter's own start")
    statements = ["import numpy", "import numpy, numba", "import autograd, nn, optim"]
    if not options.no_torch:
        statements.append("import torch")
    for statement in statements:
        print(f"{statement:30s}{import_seconds(statement):8.3f}")


if __name__ == "__main__":
    main()
