"""One call of complex tensors made here and in torch: values, dtypes, gradients of a real loss, and of their squares."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

import autograd
from autograd.tensor import wrap

RNG = np.random.default_rng(7)


def z(*shape: int) -> np.ndarray:
    return np.asarray(RNG.uniform(0.3, 1.5, shape) * np.exp(1j * RNG.uniform(-2.5, 2.5, shape)))


def r(*shape: int) -> np.ndarray:
    return np.asarray(RNG.uniform(0.3, 1.5, shape))


def both(array: Any, grad: bool = True) -> tuple[Any, Any]:
    if not isinstance(array, np.ndarray):
        return array, array
    wants = grad and array.dtype.kind in "fc"
    autograd.dtypes.complex_made()
    mine, theirs = wrap(array.copy()), torch.from_numpy(array.copy())
    return (mine.requires_grad_(), theirs.requires_grad_()) if wants else (mine, theirs)


def close(mine: Any, theirs: Any, what: str = "value") -> None:
    if theirs is None or mine is None:
        assert (theirs is None or not theirs.any()) and (mine is None or not mine.numpy_view().any()), what
        return
    theirs = theirs.detach().resolve_conj().resolve_neg()
    assert str(mine.dtype) == str(theirs.dtype), what
    assert tuple(mine.shape) == tuple(theirs.shape), what
    np.testing.assert_allclose(mine.detach().numpy(), theirs.numpy(), rtol=1e-9, atol=1e-11, err_msg=what)


def real_loss(outs: list[Any], lib: Any) -> Any:
    """A real number that weighs both parts of every output, quadratically, so that a second order is there."""
    total = 0.0
    for y in outs:
        if y.is_complex():
            parts = lib.view_as_real(y.resolve_conj()) if lib is torch else lib.view_as_real(y)
        elif y.is_floating_point():
            parts = y
        else:
            continue
        total = total + (parts * parts * 0.5 + parts * 0.7).sum() + (parts.reshape(-1)[:1] * 0.3).sum()
    return total


def beside(call: Any, *arrays: Any, order: int = 2) -> None:
    """call(lib, *tensors) in both libraries: values, then gradients of a real loss, then gradients of their norm."""
    given = [both(a) for a in arrays]
    outs = []
    for lib, tensors in ((autograd, [g[0] for g in given]), (torch, [g[1] for g in given])):
        y = call(lib, *tensors)
        outs.append(list(y) if isinstance(y, (tuple, list)) else [y])
    for mine, theirs in zip(*outs, strict=True):
        close(mine, theirs)
    losses = [real_loss(outs[0], autograd), real_loss(outs[1], torch)]
    if not isinstance(losses[1], torch.Tensor) or not losses[1].requires_grad:
        return
    mine_in = [g[0] for g in given if getattr(g[0], "requires_grad", False)]
    their_in = [g[1] for g in given if getattr(g[1], "requires_grad", False)]
    mine = autograd.grad(losses[0], mine_in, create_graph=True, allow_unused=True)
    theirs = torch.autograd.grad(losses[1], their_in, create_graph=True, allow_unused=True)
    for a, b in zip(mine, theirs, strict=True):
        close(a, b, "gradient")
    if order < 2:
        return
    second = [real_loss([g for g in grads if g is not None], lib) for grads, lib in ((mine, autograd), (theirs, torch))]
    if not getattr(second[1], "requires_grad", False):
        return
    mine = autograd.grad(second[0], mine_in, allow_unused=True)
    theirs = torch.autograd.grad(second[1], their_in, allow_unused=True)
    for a, b in zip(mine, theirs, strict=True):
        close(a, b, "gradient of the gradient")
