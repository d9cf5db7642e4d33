"""Gradient checkers over the same wrong and right gradients, this library's and torch's; the time of whole networks.

    python benchmarks/bench_check.py                 print both tables
    python benchmarks/bench_check.py --write         write them to docs/checks.md too
    python benchmarks/bench_check.py --sets          only the sets of wrong and right gradients

torch's gradcheck sees each case through a torch.autograd.Function around this library's operations: forward calls them on
the same numbers, backward returns the tape's gradient, and a second Function gives the second order.
"""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

import check_right
import check_wrong

import autograd as ag
import nn
import nn.functional as F
from autograd import tape
from autograd.check import check
from autograd.tensor import Tensor, wrap

PAGE = ROOT / "docs" / "checks.md"
BEGIN, END = "<!-- measured: benchmarks/bench_check.py writes this -->", "<!-- end of what is measured -->"


def tensors(arrays: list[np.ndarray]) -> list[Tensor]:
    made = [wrap(a.copy()) for a in arrays]
    return [t.requires_grad_() if t.is_floating_point() else t for t in made]


def outputs(result: Any) -> list[Tensor]:
    found = list(result) if isinstance(result, (list, tuple)) else [result]
    return [o for o in found if isinstance(o, Tensor) and o.is_floating_point()]


def as_torch(run: Any, arrays: list[np.ndarray]) -> Any:
    """(function of torch tensors, its inputs) around `run`, differentiable twice."""
    floating = [k for k, a in enumerate(arrays) if a.dtype.kind == "f"]

    def given(values: tuple[torch.Tensor, ...]) -> list[Tensor]:
        made = [wrap(a.copy()) for a in arrays]
        for k, value in zip(floating, values, strict=True):
            made[k] = wrap(value.detach().numpy().copy()).requires_grad_()
        return made

    def evaluated(values: tuple[torch.Tensor, ...]) -> tuple[list[Tensor], list[Tensor]]:
        ag.manual_seed(0)
        inputs = given(values)
        return inputs, outputs(run(*inputs))

    class Second(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, *both: torch.Tensor) -> Any:
            ctx.save_for_backward(*both)
            n = len(floating)
            inputs, outs = evaluated(both[:n])
            seeds = [wrap(g.detach().numpy().copy()) for g in both[n:]]
            return tuple(torch.from_numpy(g.numpy(force=True).copy()) for g in first(inputs, outs, seeds, False))

        @staticmethod
        def backward(ctx: Any, *weights: torch.Tensor) -> Any:
            both = ctx.saved_tensors
            n = len(floating)
            inputs, outs = evaluated(both[:n])
            seeds = [wrap(g.detach().numpy().copy()).requires_grad_() for g in both[n:]]
            grads = first(inputs, outs, seeds, True)
            reached = [
                (g, wrap(w.detach().numpy().copy())) for g, w in zip(grads, weights, strict=True) if g.requires_grad
            ]
            leaves = [inputs[k] for k in floating] + seeds
            if not reached:
                return tuple(torch.zeros(tuple(t.shape), dtype=both[0].dtype) for t in leaves)
            result = tape.grad([g for g, _ in reached], leaves, [w for _, w in reached], materialize_grads=True)
            return tuple(torch.from_numpy(r.numpy(force=True).copy()) for r in result)

    def first(inputs: list[Tensor], outs: list[Tensor], seeds: list[Tensor], create: bool) -> Any:
        pairs = [(o, s) for o, s in zip(outs, seeds, strict=True) if o.requires_grad]
        leaves = [inputs[k] for k in floating]
        return tape.grad(
            [o for o, _ in pairs], leaves, [s for _, s in pairs], create_graph=create, materialize_grads=True
        )

    class Once(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, *values: torch.Tensor) -> Any:
            ctx.save_for_backward(*values)
            return tuple(torch.from_numpy(o.numpy(force=True).copy()) for o in evaluated(values)[1])

        @staticmethod
        def backward(ctx: Any, *grads: torch.Tensor) -> Any:
            return Second.apply(*ctx.saved_tensors, *[g.contiguous() for g in grads])

    given_to_torch = tuple(torch.from_numpy(arrays[k].copy()).requires_grad_() for k in floating)
    return Once.apply, given_to_torch


def torch_accepts(case: Any, run: Any, arrays: list[np.ndarray]) -> bool:
    """Whether torch's gradcheck, with its own defaults, passes the case."""
    function, inputs = as_torch(run, arrays)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns of float32
        try:
            if case.order == 2:
                return bool(torch.autograd.gradgradcheck(function, inputs, raise_exception=True))
            return bool(torch.autograd.gradcheck(function, inputs, raise_exception=True, check_batched_grad=False))
        except (RuntimeError, ValueError):
            return False


def wrong_rows() -> list[tuple[str, str, str, str]]:
    rows = []
    for case in check_wrong.CASES:
        report = check(case.run, tensors(case.inputs), order=case.order)
        blamed = {finding.op for finding in report.findings}
        ours = "caught, named" if blamed == {case.op} else "caught" if blamed else "MISSED"
        theirs = "MISSED" if torch_accepts(case, case.run, case.inputs) else "caught"
        rows.append((case.op, case.what, ours, theirs))
    return rows


def right_rows() -> list[tuple[str, str, str]]:
    rows = []
    for case in check_right.CASES:
        if case.model is None:
            target, run = case.run, case.run
        else:
            target = case.model().double()
            loss = case.settings.get("loss") or (lambda y: y)
            run = with_parameters(target, loss)
        ours = "passed" if check(target, tensors(case.inputs), order=case.order, **case.settings).ok else "FALSE ALARM"
        arrays = case.inputs if case.model is None else [p.numpy(force=True) for p in target.parameters()] + case.inputs
        theirs = "passed" if torch_accepts(case, run, arrays) else "FALSE ALARM"
        rows.append((case.what, ours, theirs))
    return rows


def with_parameters(model: nn.Module, loss: Any) -> Any:
    """The model as a function of its parameters and its inputs, for a checker that knows no models."""
    names = [name for name, _ in model.named_parameters()]

    def swapped(*values: Any) -> Any:
        held = [(p, p._data, p._node) for p in model.parameters()]
        for (p, _, _), value in zip(held, values, strict=False):
            p._data, p._node = value._data, value._node
        buffers = [(b, b.numpy().copy()) for b in model.buffers()]
        try:
            return loss(model(*values[len(names) :]))
        finally:
            for p, data, node in held:
                p._data, p._node = data, node
            for b, old in buffers:
                np.copyto(b.numpy(), old)

    return swapped


# ------------------------------------------------------------------------------------------------ whole networks

VGG = [64, 64, "M", 128, 128, "M", 256, 256, 256, "M", 512, 512, 512, "M", 512, 512, 512, "M"]


def vgg16() -> nn.Module:
    """(N, 3, 32, 32) -> (N, 1000): VGG-16's layers, 138,357,544 parameters."""
    layers: list[nn.Module] = []
    channels = 3
    for width in VGG:
        if isinstance(width, str):
            layers.append(nn.MaxPool2d(2))
        else:
            layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU()]
            channels = width
    head = [nn.AdaptiveAvgPool2d(7), nn.Flatten(), nn.Linear(512 * 49, 4096), nn.ReLU(), nn.Dropout()]
    head += [nn.Linear(4096, 4096), nn.ReLU(), nn.Dropout(), nn.Linear(4096, 1000)]
    model = nn.Sequential(*layers, *head)
    for p in model.parameters():
        if p.ndim > 1:
            nn.init.kaiming_normal_(p, nonlinearity="relu")
    return model


def network_rows() -> list[tuple[str, str, str, str, str]]:
    from examples.lenet5 import LeNet5

    rows = []
    ag.manual_seed(0)
    rng = np.random.default_rng(0)
    small = LeNet5().double()
    cases = [
        ("LeNet-5", small, wrap(rng.random((2, 1, 28, 28))), ag.tensor([3, 7]), "exact"),
        ("VGG-16", vgg16(), ag.randn(1, 3, 32, 32), ag.tensor([3]), "fast"),
    ]
    for name, model, x, y, mode in cases:
        F.cross_entropy(model(x), y).backward()  # compiles the kernels, once a machine
        model.zero_grad()
        start, busy = time.perf_counter(), time.process_time()
        report = check(model, x, loss=lambda s, y=y: F.cross_entropy(s, y), mode=mode, progress=True, title=name)
        seconds, busy = time.perf_counter() - start, time.process_time() - busy
        count = sum(p.numel() for p in model.parameters())
        compared = f"{report.coordinates:,} elements" if mode == "exact" else f"{len(report.inputs)} directions"
        verdict = "right" if report.ok else "WRONG"
        undecided = sum("undecided" in r.verdict for r in report.inputs)
        verdict += f", {undecided} undecided" if undecided else ""
        rows.append(
            (
                f"{name}, {report.dtype}",
                f"{count:,}",
                f"{mode}: {compared}",
                f"{seconds:.0f} s ({busy:.0f} s of CPU)",
                verdict,
            )
        )
    return rows


def markdown(head: tuple[str, ...], rows: list[Any]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="write the tables into docs/checks.md")
    parser.add_argument("--sets", action="store_true", help="leave out the networks")
    options = parser.parse_args()
    wrong, right = wrong_rows(), right_rows()
    summary = [
        (
            "wrong gradients caught",
            f"{sum(r[2] != 'MISSED' for r in wrong)} of {len(wrong)}",
            f"{sum(r[3] == 'caught' for r in wrong)} of {len(wrong)}",
        ),
        (
            "the wrong operation named",
            f"{sum(r[2] == 'caught, named' for r in wrong)} of {len(wrong)}",
            "it names none",
        ),
        (
            "right gradients passed",
            f"{sum(r[1] == 'passed' for r in right)} of {len(right)}",
            f"{sum(r[2] == 'passed' for r in right)} of {len(right)}",
        ),
    ]
    parts = [markdown(("", "tapegrad", f"torch {torch.__version__.split('+')[0]}"), summary)]
    if not options.sets:
        parts.append(
            "### Whole networks\n\n"
            + markdown(("network", "parameters", "compared", "time", "verdict"), network_rows())
        )
    parts.append("### Wrong gradients\n\n" + markdown(("operation", "mistake", "tapegrad", "torch"), wrong))
    parts.append("### Right gradients at awkward points\n\n" + markdown(("case", "tapegrad", "torch"), right))
    text = "\n\n".join(parts)
    print(text)
    if options.write:
        page = PAGE.read_text(encoding="utf-8")
        before, after = page.split(BEGIN)[0], page.split(END)[1]
        PAGE.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
