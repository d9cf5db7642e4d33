"""Gradient checks: the tape's gradients against finite differences."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy import ndarray

from . import tape
from .tensor import Tensor, wrap


class GradcheckError(RuntimeError):
    """A gradient that differs from finite differences; the message says where and by how much."""


def _outputs(result: Any) -> list[Tensor]:
    outputs = list(result) if isinstance(result, (list, tuple)) else [result]
    if not outputs or not all(isinstance(out, Tensor) for out in outputs):
        raise ValueError(f"gradcheck: the function must return a Tensor or a sequence of Tensors, got {type(result).__name__}")
    return [out for out in outputs if out.is_floating_point()]


def _numeric(func: Callable[..., Any], inputs: Sequence[Any], wanted: Tensor, k: int, eps: float) -> list[ndarray]:
    """Central differences of every output of `func` with respect to `wanted`: arrays (inputs, outputs)."""
    data = wanted.numpy_view()
    jacobians: list[list[ndarray]] = []
    with tape.no_grad():
        for place in np.ndindex(data.shape):
            before = data[place].copy()
            sides = []
            for step in (eps, -eps):
                data[place] = before + step
                sides.append([out.numpy_view().astype(np.float64).ravel() for out in _outputs(func(*inputs))])
            data[place] = before
            jacobians.append([(up - down) / (2 * eps) for up, down in zip(*sides, strict=True)])
        outputs = [out.numpy_view() for out in _outputs(func(*inputs))]
    return [np.array([row[i] for row in jacobians]).reshape(data.size, outputs[i].size) for i in range(len(outputs))]


def _analytic(output: Tensor, wanted: Tensor) -> ndarray:
    """The tape's Jacobian of one output with respect to `wanted`: (inputs, outputs)."""
    columns = []
    for i in range(output.numel()):
        seed = np.zeros(output.shape, output.dtype)
        seed.reshape(-1)[i] = 1
        (g,) = tape.grad(output, wanted, wrap(seed), retain_graph=True, allow_unused=True)
        columns.append(np.zeros(wanted.numel()) if g is None else g.numpy_view().astype(np.float64).ravel())
    return np.array(columns).reshape(output.numel(), wanted.numel()).T


def gradcheck(
    func: Callable[..., Any],
    inputs: Any,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
) -> bool:
    """Compare the gradients of `func(*inputs)` with central differences, entry by entry.

    inputs: a Tensor or a sequence; those that require grad are checked and should be float64. Passes where
    |analytic - numeric| <= atol + rtol * |numeric|. Returns True; else raises GradcheckError, or returns False.
    """
    args: tuple[Any, ...] = tuple(inputs) if isinstance(inputs, (list, tuple)) else (inputs,)
    wanted = [(k, arg) for k, arg in enumerate(args) if isinstance(arg, Tensor) and arg.requires_grad]
    if not wanted:
        raise ValueError("gradcheck: expected at least one input that requires grad")
    try:
        outputs = _outputs(func(*args))
        for k, tensor in wanted:
            numeric = _numeric(func, args, tensor, k, eps)
            for i, output in enumerate(outputs):
                if not output.requires_grad:
                    continue
                analytic = _analytic(output, tensor)
                again = _analytic(output, tensor)
                if np.abs(analytic - again).max(initial=0) > nondet_tol:
                    raise GradcheckError(f"gradcheck: backward of output {i} is not deterministic")
                wrong = ~(np.abs(analytic - numeric[i]) <= atol + rtol * np.abs(numeric[i]))
                if wrong.any():
                    row, column = np.argwhere(wrong)[0]
                    raise GradcheckError(
                        f"gradcheck: output {i} with respect to input {k}: {int(wrong.sum())} of {wrong.size} entries differ; "
                        f"first at input element {row}, output element {column}: analytic {analytic[row, column]:.8g}, "
                        f"numeric {numeric[i][row, column]:.8g}"
                    )
    except GradcheckError:
        if raise_exception:
            raise
        return False
    return True


def gradgradcheck(
    func: Callable[..., Any],
    inputs: Any,
    grad_outputs: Any = None,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
) -> bool:
    """Compare the gradients of the gradients of `func(*inputs)` with central differences. See `gradcheck`.

    grad_outputs: the gradients that the first backward starts from; by default random, and checked as inputs too.
    """
    args: tuple[Any, ...] = tuple(inputs) if isinstance(inputs, (list, tuple)) else (inputs,)
    outputs = [out for out in _outputs(func(*args)) if out.requires_grad]
    if grad_outputs is None:
        rng = np.random.default_rng(0)
        seeds = [wrap(rng.standard_normal(out.shape).astype(out.dtype)).requires_grad_() for out in outputs]
    else:
        seeds = list(grad_outputs) if isinstance(grad_outputs, (list, tuple)) else [grad_outputs]
    places = [k for k, arg in enumerate(args) if isinstance(arg, Tensor) and arg.requires_grad]

    def gradients(*values: Any) -> tuple[Tensor, ...]:
        given, weights = values[: len(args)], values[len(args) :]
        with tape.enable_grad():
            outs = [out for out in _outputs(func(*given)) if out.requires_grad]
            return tape.grad(outs, [given[k] for k in places], weights, create_graph=True, materialize_grads=True)

    return gradcheck(
        gradients, (*args, *seeds), eps=eps, atol=atol, rtol=rtol, raise_exception=raise_exception, nondet_tol=nondet_tol
    )
