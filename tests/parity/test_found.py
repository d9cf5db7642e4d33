"""Calls on which this library once differed from torch: what is refused, and with what."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as TF
from torch_beside import compare

import autograd
import nn.functional as F

X = np.array([[1.5, -2.0, 0.5, 3.0], [0.5, 2.0, -1.0, 3.0]])
CALLS = {
    "a mask without elements": (lambda x: x[x[:0] > 0], (X,)),
    "a mask one row short": (lambda x: x[x[:1] > 0], (X,)),
    "a mask behind an ellipsis": (lambda x: x[..., x[0] > 0], (X,)),
    "a wrong mask behind an ellipsis": (lambda x: x[..., x[0, :3] > 0], (X,)),
    "a mask behind a slice": (lambda x: x[:, x[0] > 0], (X,)),
    "a mask after an index": (lambda x: x[0, x[0] > 0], (X,)),
    "unflatten of 0-dim": (lambda x: x.unflatten(0, (1, -1)), (np.array(2.5),)),
    "kthvalue of nothing": (lambda x: x.kthvalue(1, 0), (np.zeros((0, 4)),)),
}


@pytest.mark.parametrize("name", CALLS)
def test_methods(name):
    call, args = CALLS[name]
    compare(call, call, args, {})


FUNCTIONS = {
    "cosine of floats and integers": ("cosine_similarity", (X, (X * 3).astype(np.int64)), {"dim": -1}),
    "cosine of integers": ("cosine_similarity", ((X * 3).astype(np.int64),) * 2, {"dim": -1}),
    "cosine of floats and bools": ("cosine_similarity", (X, X > 0), {"dim": -1}),
    "kl_div of integer targets": ("kl_div", (X, np.abs(X * 3).astype(np.int64)), {"reduction": "sum"}),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions(name):
    function, args, kwargs = FUNCTIONS[name]
    compare(getattr(F, function), getattr(TF, function), args, kwargs)


@pytest.mark.parametrize("name", ["gcd", "lcm"])
def test_bools_have_no_divisors(name):
    with pytest.raises(RuntimeError):
        getattr(torch, name)(torch.tensor([True]), torch.tensor([True]))
    with pytest.raises(RuntimeError, match=f"{name}: bools"):
        getattr(autograd, name)(autograd.tensor([True]), autograd.tensor([True]))


def test_bools_have_no_squared_difference():
    with pytest.raises(RuntimeError):
        TF.mse_loss(torch.tensor([True]), torch.tensor([False]))
    with pytest.raises(RuntimeError, match="mse_loss: bools"):
        F.mse_loss(autograd.tensor([True]), autograd.tensor([False]))
