"""`check`, `gradcheck` and `gradgradcheck`: the tape's gradients of a function or a model against its values."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy import ndarray

from .. import dtypes, random, tape
from ..forms import SparseRows
from ..tape import conjugate, node_of
from ..tensor import Tensor, wrap
from .kinks import RULES, WORDS, Corner
from .localise import Recording, Step
from .numeric import LEVELS
from .plain import GradcheckError, plain_gradcheck
from .report import Finding, Kink, Report
from .verify import Checker, Map, Mismatch, Verdict

EXACT = 4096  # up to so many elements in all, mode "auto" compares every one
SAMPLE = 64  # and beyond so many of each input


class Target:
    """What is checked: a call without arguments, and the leaves (name, Tensor) whose gradients are looked at.

    Every evaluation starts from the same state of the default generator and leaves the model's buffers as they were.
    """

    def __init__(
        self, name: str, call: Callable[[], Any], leaves: list[tuple[str, Tensor]], buffers: Sequence[Tensor] = ()
    ) -> None:
        self.name, self.call, self.leaves, self.buffers = name, call, leaves, list(buffers)
        self.state = random.default_generator.rng.bit_generator.state
        self.after: Any = None
        self.chosen: list[int] | None = None

    def outputs(self) -> list[Tensor]:
        """Evaluate; the floating-point outputs that a gradient goes through."""
        generator = random.default_generator.rng.bit_generator
        generator.state = self.state
        held = [b.numpy_view().copy() for b in self.buffers]
        try:
            result = self.call()
        finally:
            for buffer, old in zip(self.buffers, held, strict=True):
                np.copyto(buffer.numpy_view(), old)
        self.after = generator.state
        tensors = list(_tensors(result))
        if not tensors:
            raise TypeError(
                f"{self.name}: the function returned {_called(result)}, no Tensor; "
                "return the Tensor itself (no .item(), .numpy() or float())"
            )
        floats = [t for t in tensors if t.dtype.kind in "fc"]
        if not floats:
            raise TypeError(
                f"{self.name}: the function returned {', '.join(str(t.dtype) for t in tensors)}; integers and booleans "
                "have no gradient, return floating-point values"
            )
        return floats if self.chosen is None else [floats[k] for k in self.chosen]

    def draws(self) -> bool:
        """Whether the evaluation took numbers from the default generator."""
        return bool(self.after != self.state)

    def finish(self) -> None:
        """Leave the generator as one evaluation leaves it."""
        if self.after is not None:
            random.default_generator.rng.bit_generator.state = self.after

    def record(self) -> list[Tensor]:
        """Evaluate with recording; chooses the outputs at the first call."""
        with tape.enable_grad():
            outs = self.outputs()
        if self.chosen is None:
            self.chosen = [k for k, out in enumerate(outs) if out.requires_grad]
            outs = [outs[k] for k in self.chosen]
        if not outs or not any(out.requires_grad for out in outs):
            raise ValueError(
                f"{self.name}: no output requires grad: nothing recorded leads from the inputs to the outputs; "
                "is there a detach(), no_grad(), .data or numpy on the way?"
            )
        return outs

    def values(self) -> ndarray:
        """Evaluate without recording, as one float64 vector."""
        with tape.no_grad():
            return _vector([out.numpy_view() for out in self.outputs()])


def _vector(arrays: Sequence[ndarray]) -> ndarray:
    return np.concatenate([np.asarray(_reals(np.asarray(a)), np.float64).reshape(-1) for a in arrays])


# Complex numbers are checked as pairs of real ones: a gradient dL/dRe + i dL/dIm is then the gradient of the pair.


def _reals(x: ndarray) -> ndarray:
    """A complex array (...) as the real one (..., 2) on its memory; a real one as it is."""
    return x[..., None].view(dtypes.REAL_PART[x.dtype]) if x.dtype.kind == "c" else x


def _from_reals(values: ndarray, shape: tuple[int, ...], dtype: np.dtype) -> ndarray:
    """The array of `shape` whose elements, or whose pairs, are `values` in order."""
    return values.astype(dtypes.REAL_PART.get(dtype, dtype)).view(dtype).reshape(shape)


def _real_shape(x: Any) -> tuple[int, ...]:
    return (*x.shape, 2) if x.dtype.kind == "c" else tuple(x.shape)


def _called(result: Any) -> str:
    return "None" if result is None else f"a {type(result).__name__}"


def _tensors(result: Any) -> Iterator[Tensor]:
    if isinstance(result, Tensor):
        yield result
    elif isinstance(result, dict):
        for value in result.values():
            yield from _tensors(value)
    elif isinstance(result, (list, tuple)):
        for value in result:
            yield from _tensors(value)


def _arguments(inputs: Any) -> tuple[Any, ...]:
    return tuple(inputs) if isinstance(inputs, (list, tuple)) else (inputs,)


def _target(name: str, target: Any, inputs: Any, loss: Any, model: Any) -> tuple[Target, tuple[Any, ...]]:
    """The call, its leaves and buffers."""
    args = _arguments(inputs)
    if model is None and hasattr(target, "named_parameters"):
        model = target
    leaves: list[tuple[str, Tensor]] = []
    buffers: list[Tensor] = []
    if model is not None:
        leaves += [(n, p) for n, p in model.named_parameters() if p.requires_grad]
        buffers = [b for _, b in model.named_buffers()]
    seen = {id(t) for _, t in leaves}
    for k, arg in enumerate(args):
        for at, tensor in enumerate(_tensors(arg)):
            if tensor.requires_grad and id(tensor) not in seen:
                seen.add(id(tensor))
                label = f"input[{k}]" if isinstance(arg, Tensor) else f"input[{k}][{at}]"
                leaves.append((label, tensor))
    if not leaves:
        raise ValueError(
            f"{name}: nothing to check: no input{' or parameter' if model is not None else ''} requires grad; "
            "set requires_grad=True on a floating-point input"
        )
    for label, tensor in leaves:
        if tensor.dtype.kind not in "fc":
            raise TypeError(f"{name}: {label} is {tensor.dtype}; only floating-point tensors have a gradient")
        if 0 in tensor.numpy_view().strides and tensor.numel() > 1 and not tensor.numpy_view().flags.writeable:
            raise ValueError(f"{name}: {label} shares memory between its elements (expand()); pass a clone()")

    def call() -> Any:
        result = target(*args)
        return loss(result) if loss is not None else result

    return Target(name, call, leaves, buffers), args


def _guard(target: Target, args: tuple[Any, ...]) -> None:
    """Errors for a function that changes its inputs or gives other values each time."""
    held = [(k, t, t.numpy_view().copy()) for k, arg in enumerate(args) for t in _tensors(arg)]
    held += [(k, a, a.copy()) for k, a in enumerate(args) if isinstance(a, ndarray)]  # type: ignore[misc]
    first = target.values()
    for k, tensor, before in held:
        now = tensor.numpy_view() if isinstance(tensor, Tensor) else tensor
        if now.shape != before.shape or not np.array_equal(now, before, equal_nan=now.dtype.kind == "f"):
            np.copyto(now, before)
            raise GradcheckError(
                f"{target.name}: the function changes its input {k} in place, so each evaluation sees another; "
                "clone() the input first, or use the out-of-place form"
            )
    second = target.values()
    if first.shape != second.shape or not np.array_equal(first, second, equal_nan=True):
        gap = f"by up to {np.nanmax(np.abs(first - second)):.3g}" if first.shape == second.shape else "in shape"
        raise GradcheckError(
            f"{target.name}: the function is random or keeps state: two evaluations of the same inputs differ {gap}. "
            "What it draws from autograd's default generator is repeated; draw from that one, or pass the random "
            "numbers as an input"
        )


def _map(target: Target, outs: list[Tensor], recording: Recording | None = None) -> Map:
    """The map from the leaves to the outputs, around the graph that `outs` carry."""
    leaves = [t for _, t in target.leaves]
    arrays = [_reals(t.numpy_view()) for t in leaves]
    shapes = [_real_shape(out) for out in outs]
    splits = np.cumsum([int(np.prod(shape)) for shape in shapes])[:-1]

    def pull(weights: ndarray) -> list[ndarray | None]:
        parts = np.split(weights, splits)
        seeds = [wrap(_from_reals(p, out.shape, out.dtype.dtype)) for p, out in zip(parts, outs, strict=True)]
        grads = tape.grad(outs, leaves, seeds, retain_graph=True, allow_unused=True)
        return [
            None if g is None else g.to_dense() if isinstance(g, SparseRows) else _reals(g.numpy_view()) for g in grads
        ]

    eps = max(float(np.finfo(a.dtype).eps) for a in [*arrays, *(out.numpy_view() for out in outs)])
    replays: dict[int, Any] = {}
    roots = [node_of(out) for out in outs]

    def replayed(k: int) -> Callable[[], ndarray] | None:
        if recording is None or leaves[k].is_complex():
            return None
        if k not in replays:
            replays[k] = _trusted(recording.replay(node_of(leaves[k]), arrays[k], roots), arrays[k], target)  # type: ignore[arg-type]
        return replays[k]

    names = [name for name, _ in target.leaves]
    return Map(names, arrays, target.values, pull, eps, shapes, replayed)


def _trusted(run: Callable[[], list[ndarray]] | None, x: ndarray, target: Target) -> Callable[[], ndarray] | None:
    """The replay of a tape in place of the function, if it gives the function's values, bit for bit, at other points
    too.
    """
    if run is None:
        return None
    rng = np.random.default_rng(3)
    base = x.copy()
    try:
        for step in (1e-3, -0.3):
            np.copyto(x, base * (1 + step * rng.standard_normal(x.shape)), casting="same_kind")
            with np.errstate(all="ignore"):
                if not np.array_equal(_vector(run()), target.values(), equal_nan=True):
                    return None
    finally:
        np.copyto(x, base)
    return lambda: _vector(run())


def _step_map(step: Step) -> Map:
    """One operation of the tape as a map of its own: its plain function and its formulas."""
    arrays: list[ndarray] = []
    arguments = list(step.arguments)
    for k in step.active:
        arguments[k] = np.array(arguments[k], order="K")
        arrays.append(_reals(arguments[k]))
    places = step.differentiable
    outputs = [np.asarray(step.outputs[k]) for k in places]
    shapes = [_real_shape(y) for y in outputs]
    splits = np.cumsum([int(np.prod(shape)) for shape in shapes])[:-1]

    def forward() -> ndarray:
        outs = step.compute(arguments)
        return _vector([outs[k] for k in places])

    def pull(weights: ndarray) -> list[ndarray | None]:
        parts = np.split(weights, splits)
        grads = step.pull([conjugate(_from_reals(p, y.shape, y.dtype)) for p, y in zip(parts, outputs, strict=True)])
        return [None if g is None else _reals(conjugate(g)) for g in grads]

    eps = max(float(np.finfo(x.dtype).eps) for x in [*arrays, *outputs])
    return Map([step.argument(k) for k in step.active], arrays, forward, pull, eps, shapes)


def _small(map: Map) -> bool:
    return sum(a.size for a in map.arrays) <= 64


class Blame:
    """Every operation below the outputs asked for its own derivative: the first wrong one, the kinks, the ties broken
    otherwise.
    """

    def __init__(self, steps: Sequence[Step], rng: np.random.Generator, ties: dict[str, str]) -> None:
        self.wrong: tuple[Step, Map, Mismatch] | None = None
        self.kinks: list[Kink] = []
        self.ties: list[Finding] = []
        for step in steps:
            if step.node.values is None or not step.differentiable or not step.active:
                continue
            map = _step_map(step)
            verdict = Checker(map, rng, directions=2, exact=_small(map), sample=16).run()
            if verdict.mismatches and self.wrong is None:
                self.wrong = step, map, verdict.mismatches[0]
            if verdict.kinked:
                self._kinked(step, map, sorted(verdict.kinked), ties, bool(verdict.mismatches))
            if self.wrong is not None and self.kinks:
                break

    def _kinked(self, step: Step, map: Map, outputs: list[int], ties: dict[str, str], wrong: bool) -> None:
        _, index = map.place(outputs[0])
        rule = ties.get(step.name, "")
        said = WORDS.get(rule, "takes a subgradient")
        self.kinks.append(Kink(step.name, index, len(outputs), said, str(step.where)))
        if not rule or wrong:
            return
        first = Map(map.names[:1], map.arrays[:1], map.forward, lambda w: map.pull(w)[:1], map.eps, map.shapes)
        for output in outputs[:: max(1, len(outputs) // 8)][:8]:
            corner = Corner(first if rule in ("steep", "flat", "left", "right") else map, output, map.eps)
            if not corner.obeys(rule):
                at = int(np.argmax(np.abs(corner.analytic - corner.expected(rule))))
                k, j = corner.coordinates[at]
                place = tuple(int(n) for n in np.unravel_index(j, map.arrays[k].shape)) if map.arrays[k].ndim else ()
                self.ties.append(
                    Finding(
                        "tie", f"{step.name}: {map.names[k]}", place, float(corner.analytic[at]),
                        float(corner.expected(rule)[at]), float(corner.tolerance[at]), step.name, str(step.where),
                        f"declared: {said}",
                    )
                )  # fmt: skip
                return


def _second_order(steps: Sequence[Step], rng: np.random.Generator) -> tuple[Step, Mismatch] | None:
    """The first operation whose formulas, taken as functions, have a wrong derivative of their own."""
    for step in steps:
        if not step.differentiable or not step.active:
            continue
        function, leaves = step.as_function()
        try:
            named = [(step.argument(k), t) for k, t in zip(step.active, leaves, strict=True)]
            target = _gradients_of(Target(step.name, partial(function, *leaves), named), None)
            map = _map(target, target.record())
        except (RuntimeError, ValueError):
            continue
        verdict = Checker(map, rng, directions=2, exact=_small(map), sample=16).run()
        if verdict.mismatches:
            return step, verdict.mismatches[0]
    return None


def _gradients_of(target: Target, grad_outputs: Any) -> Target:
    """The gradients of a target as a target: of its leaves, and of the gradients that backward starts from."""
    outs = target.record()
    if grad_outputs is None:
        rng = np.random.default_rng(0)
        # away from 0, where formulas like sign(g) have kinks of their own
        shapes = [_real_shape(out) for out in outs]
        drawn = [rng.uniform(0.5, 1.5, shape) * rng.choice([-1.0, 1.0], shape) for shape in shapes]
        seeds = [
            wrap(_from_reals(np.asarray(d).reshape(-1), out.shape, out.dtype.dtype)).requires_grad_()
            for d, out in zip(drawn, outs, strict=True)
        ]
    else:
        seeds = list(_arguments(grad_outputs))
    leaves = [t for _, t in target.leaves]

    def call() -> Any:
        with tape.enable_grad():
            return tape.grad(target.outputs(), leaves, seeds, create_graph=True, materialize_grads=True)

    named = [(f"grad_output[{k}]", s) for k, s in enumerate(seeds) if s.requires_grad]
    second = Target(target.name, call, [*target.leaves, *named], target.buffers)
    second.state = target.state
    return second


def _nudged(target: Target, rng: np.random.Generator) -> bool:
    """Whether the gradients are right a little beside this point, where the kinks met here are not."""
    arrays = [t.numpy_view() for _, t in target.leaves]
    bases = [a.copy() for a in arrays]
    try:
        for a, base in zip(arrays, bases, strict=True):
            typical = float(np.median(np.abs(base))) or 1.0
            np.copyto(a, base + 1e-2 * typical * rng.standard_normal(a.shape), casting="same_kind")
        map = _map(target, target.record())
        return not Checker(map, rng, directions=3, exact=_small(map), sample=8).run().mismatches
    finally:
        for a, base in zip(arrays, bases, strict=True):
            np.copyto(a, base)


def _bar(progress: bool, total: int, title: str) -> Any:
    if not progress:
        return None
    try:
        from tqdm import tqdm  # type: ignore[import-untyped]
    except ImportError:
        return None
    return tqdm(total=total, desc=title, unit="element", leave=False)


def check(
    target: Any,
    inputs: Any = (),
    *,
    loss: Callable[[Any], Any] | None = None,
    model: Any = None,
    mode: str = "auto",
    sample: int = SAMPLE,
    directions: int = 3,
    order: int = 1,
    grad_outputs: Any = None,
    ties: dict[str, str] | None = None,
    seed: int = 0,
    progress: bool = False,
    title: str = "",
    nondet_tol: float = 0.0,
) -> Report:
    """Check every gradient of `loss(target(*inputs))`, and say where one is wrong.

    target: a function or a Module, whose parameters are checked under their dotted names, with those inputs that
    require grad. model: the Module whose parameters a function uses. mode: "exact" compares every element, "sampled"
    `sample` of each parameter and some directions, "fast" one direction a parameter; "auto" is exact up to 4,096
    elements in all, else sampled. order 2 checks the gradients of the gradients. ties: how an operation breaks them, by
    name, beside `RULES`. progress: a bar, where tqdm is installed. No step and no tolerance: both follow from the
    measured noise of the values. Raises TypeError where no Tensor or no floating-point one comes back, ValueError where
    nothing requires grad, GradcheckError (RuntimeError) where the function is random or changes its inputs.
    """
    if mode not in ("auto", "exact", "sampled", "fast"):
        raise ValueError(f"check: mode is {mode!r}; expected 'auto', 'exact', 'sampled' or 'fast'")
    if order not in (1, 2):
        raise ValueError(f"check: order is {order}; expected 1 or 2")
    start = time.perf_counter()
    name = title or getattr(target, "__name__", type(target).__name__)
    subject, args = _target("gradcheck", target, inputs, loss, model)
    try:
        _guard(subject, args)
        if order == 2:
            subject = _gradients_of(subject, grad_outputs)
        report = _checked(
            subject, name, mode, sample, directions, order, {**RULES, **(ties or {})}, seed, progress, nondet_tol
        )
    finally:
        subject.finish()
    if model is None and hasattr(target, "named_parameters"):
        model = target
    if model is not None:
        _note_parameters(report, model)
    report.seconds = time.perf_counter() - start
    return report


def _note_parameters(report: Report, model: Any) -> None:
    seen: dict[int, str] = {}
    for name, p in model.named_parameters(remove_duplicate=False):
        if id(p) in seen and seen[id(p)] != name:
            report.notes.append(f"{name} is shared with {seen[id(p)]} and checked there")
        seen.setdefault(id(p), name)
        if not p.requires_grad:
            report.notes.append(f"{name} does not require grad and is not checked")


def _checked(
    target: Target, name: str, mode: str, sample: int, directions: int, order: int, ties: dict[str, str], seed: int,
    progress: bool, nondet_tol: float,
) -> Report:  # fmt: skip
    rng = np.random.default_rng(seed)
    total = sum(t.numel() for _, t in target.leaves)
    if mode == "auto":
        mode = "exact" if total <= EXACT else "sampled"
    fast = mode == "fast"
    recording = None
    if fast or order == 2:
        outs = target.record()
    else:
        with Recording(places=False) as recording:
            outs = target.record()
    map = _map(target, outs, recording if total > 512 else None)
    if not fast:
        _same_backward(target, map, nondet_tol)
    directions = 1 if fast else directions
    elements = {"exact": total, "fast": 0}.get(mode, sum(min(t.numel(), sample) for _, t in target.leaves))
    work = elements + directions * len(target.leaves)
    bar = _bar(progress, work, name)
    checker = Checker(
        map, rng, directions=directions, exact=mode == "exact", sample=0 if fast else sample,
        levels=4 if fast else LEVELS, tick=bar.update if bar is not None else lambda n: None, fast=fast,
    )  # fmt: skip
    try:
        verdict = checker.run()
    finally:
        if bar is not None:
            bar.close()
    report = Report(name, verdict.inputs, mode=mode, order=order, evaluations=verdict.evaluations)
    report.dtype = "/".join(sorted({r.dtype for r in verdict.inputs}))
    if target.draws():
        report.notes.append(
            "draws from the default generator; every evaluation repeated the same numbers (fixed masks)"
        )
    if checker.bad is not None:
        report.notes.append(f"{int(checker.bad.sum())} outputs are NaN or infinite and were not compared")
    unused = [r.name for r in verdict.inputs if not r.reached]
    if unused:
        rightly = "" if verdict.mismatches else ", rightly: the values do not depend on it"
        report.notes.append(f"no gradient reaches {', '.join(unused)}{rightly}")
    del map, checker, outs
    if verdict.mismatches or verdict.kinked:
        _localise(report, target, verdict, order, ties, rng)
    return report


def _same_backward(target: Target, map: Map, nondet_tol: float) -> None:
    weights = np.ones(sum(int(np.prod(s)) for s in map.shapes))
    for first, second in zip(map.pull(weights), map.pull(weights), strict=True):
        if first is not None and second is not None and not np.array_equal(first, second, equal_nan=True):
            with np.errstate(all="ignore"):
                gap = float(np.nanmax(np.abs(first - second)))
            if gap > nondet_tol:
                raise GradcheckError(
                    f"{target.name}: backward is not deterministic: two passes differ by up to {gap:.3g}"
                )


def _localise(
    report: Report, target: Target, verdict: Verdict, order: int, ties: dict[str, str], rng: np.random.Generator
) -> None:
    """Turn contradictions into findings that name an operation, and kinks into a list."""
    with Recording() as recording:
        outs = target.record()
    steps = recording.below([node_of(out) for out in outs if out.requires_grad])
    blame = Blame(steps, rng, ties)
    report.kinks, report.findings = blame.kinks, list(blame.ties)
    guilty: tuple[str, str, str] = ("", "", "")
    if blame.wrong is not None:
        step, map, at = blame.wrong
        guilty = step.name, str(step.where), _own(map.names[at.input], at)
    elif verdict.mismatches and order == 2:
        second = _second_order(recording.steps, rng)  # also what the gradient is cut off from
        if second is not None:
            step, at = second
            guilty = step.name, str(step.where), "its gradient is right, the gradient of its gradient is not"
    if verdict.mismatches and blame.wrong is None and blame.kinks and not guilty[0] and _nudged(target, rng):
        report.notes.append(
            "at this point kinks meet, so that the chain rule gives no subgradient of the whole; "
            "every operation is right by itself, and so is the gradient a little beside it"
        )
        for result in report.inputs:
            result.worst, result.wrong = None, 0
        return
    unreached = {r.name for r in verdict.inputs if not r.reached}
    for m in verdict.mismatches:
        label = verdict.inputs[m.input].name
        kind = "missing" if label in unreached else "wrong"
        report.findings.append(Finding(kind, label, m.index, m.analytic, m.numeric, m.error, *guilty, order))
    if blame.wrong is not None and not verdict.mismatches:
        _, map, at = blame.wrong
        report.findings.append(
            Finding(
                "wrong",
                f"{guilty[0]}: {map.names[at.input]}",
                at.index,
                at.analytic,
                at.numeric,
                at.error,
                *guilty,
                order,
            )
        )


def _own(argument: str, at: Mismatch) -> str:
    place = f"[{', '.join(map(str, at.index))}]" if at.index else ""
    return f"its own derivative to {argument}{place} is {at.analytic:.8g}, its values say {at.numeric:.8g}"


# ------------------------------------------------------------------------------------------------ torch's names


def gradcheck(
    func: Any,
    inputs: Any = (),
    *,
    eps: float | None = None,
    atol: float | None = None,
    rtol: float | None = None,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    fast_mode: bool = False,
    **settings: Any,
) -> bool:
    """Check the gradients of `func(*inputs)`, a function or a Module, against its values; True, or GradcheckError.

    inputs: a Tensor or a sequence; those that require grad are checked, in float64 or float32. With eps, atol or rtol
    given it is torch's comparison: central differences with that step, |analytic - numeric| <= atol + rtol |numeric|.
    Without, as by default, steps and tolerances follow from the measured noise, legitimate subgradients at kinks pass,
    and the message names the operation to blame; see `check` for the further settings (loss, model, mode, ties, ...)
    and for what it raises. raise_exception=False: False in the place of GradcheckError. fast_mode: one random direction
    an input.

    >>> autograd.gradcheck(autograd.sin, autograd.ones(2, dtype=autograd.float64, requires_grad=True))
    True
    """
    return _torch_like(1, func, inputs, None, eps, atol, rtol, raise_exception, nondet_tol, fast_mode, settings)


def gradgradcheck(
    func: Any,
    inputs: Any = (),
    grad_outputs: Any = None,
    *,
    eps: float | None = None,
    atol: float | None = None,
    rtol: float | None = None,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    fast_mode: bool = False,
    **settings: Any,
) -> bool:
    """Check the gradients of the gradients of `func(*inputs)`. See `gradcheck`.

    grad_outputs: the gradients that the first backward starts from; by default random, and checked as inputs too.

    >>> autograd.gradgradcheck(autograd.sin, autograd.ones(2, dtype=autograd.float64, requires_grad=True))
    True
    """
    return _torch_like(2, func, inputs, grad_outputs, eps, atol, rtol, raise_exception, nondet_tol, fast_mode, settings)


def _torch_like(
    order: int, func: Any, inputs: Any, grad_outputs: Any, eps: float | None, atol: float | None, rtol: float | None,
    raise_exception: bool, nondet_tol: float, fast: bool, settings: dict[str, Any],
) -> bool:  # fmt: skip
    try:
        if eps is not None or atol is not None or rtol is not None:
            target, args = _target("gradcheck", func, inputs, settings.pop("loss", None), settings.pop("model", None))
            if settings:
                raise ValueError(f"gradcheck: {', '.join(settings)} cannot be given together with eps, atol or rtol")
            try:
                _guard(target, args)
                second = target if order == 1 else _gradients_of(target, grad_outputs)
                whole = _map(second, second.record())
                _same_backward(second, whole, nondet_tol)
                plain_gradcheck(whole, eps or 1e-6, 1e-5 if atol is None else atol, 1e-3 if rtol is None else rtol)
            finally:
                target.finish()
            return True
        if fast:
            settings["mode"] = "fast"
        report = check(func, inputs, order=order, grad_outputs=grad_outputs, nondet_tol=nondet_tol, **settings)
        if not report.ok:
            raise GradcheckError("gradcheck: " + "\n".join(map(str, report.findings)), report)
    except GradcheckError:
        if raise_exception:
            raise
        return False
    return True
