"""The operations of the registry as cases to check: each with its own sample inputs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from numpy import ndarray

from ..op import REGISTRY, Op
from ..samples import Draw
from ..tensor import Tensor, wrap
from .gradients import check
from .report import Report


def _tensors(value: Any) -> Any:
    """An argument with its arrays as Tensors, floating ones as leaves."""
    if isinstance(value, ndarray):
        tensor = wrap(value.copy())
        return tensor.requires_grad_() if value.dtype.kind in "fc" else tensor
    if isinstance(value, (list, tuple)) and any(isinstance(v, ndarray) for v in value):
        return type(value)(_tensors(v) for v in value)
    return value


def _leaves(value: Any) -> list[Tensor]:
    if isinstance(value, Tensor):
        return [value] if value.requires_grad else []
    return [t for v in value for t in _leaves(v)] if isinstance(value, (list, tuple)) else []


def _filled(value: Any, given: Iterator[Any]) -> Any:
    """The argument with its leaves replaced, in order, by `given`."""
    if isinstance(value, Tensor):
        return next(given) if value.requires_grad else value
    if isinstance(value, (list, tuple)) and _leaves(value):
        return type(value)(_filled(v, given) for v in value)
    return value


def cases(op: Op, seed: int = 0) -> Iterator[tuple[Callable[..., list[Tensor]], list[Tensor]]]:
    """(function, leaves) for each sample of the operation that has a gradient: the function returns its floating
    outputs.
    """
    for args in op.samples(Draw(seed)) if op.samples else ():
        kwargs = args[-1] if args and isinstance(args[-1], dict) else {}
        tensors = [_tensors(a) for a in (args[:-1] if kwargs else args)]
        leaves = _leaves(tensors)

        def run(*given: Any, tensors: list[Any] = tensors, kwargs: dict[str, Any] = kwargs) -> list[Tensor]:
            out = op.call(*_filled(tensors, iter(given)), **kwargs)
            outs = out if isinstance(out, (list, tuple)) else (out,)
            return [o for o in outs if isinstance(o, Tensor) and o.dtype.kind in "fc"]

        if leaves and any(out.requires_grad for out in run(*leaves)):
            yield run, leaves


def check_operation(name: str, order: int = 1, sample: int = 16) -> list[Report]:
    """Check one operation of the registry over its samples; empty where it has no gradient."""
    op = REGISTRY[name]
    reports = []
    for k, (run, leaves) in enumerate(cases(op)):
        title = f"{name}, sample {k}" + (", second order" if order == 2 else "")
        reports.append(check(run, leaves, order=order, mode="sampled", sample=sample, directions=2, title=title))
    return reports
