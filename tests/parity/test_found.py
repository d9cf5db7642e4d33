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
    "covariance of one row": (lambda x: x[:1].cov(), (X,)),
    "correlation of one row": (lambda x: x[:1].corrcoef(), (X,)),
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
    "kl_div of a number and a batch": ("kl_div", (np.array(-0.5), np.abs(X)), {"reduction": "batchmean"}),
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


@pytest.mark.parametrize("name", ["sum", "nansum", "prod", "cumsum", "cumprod"])
@pytest.mark.parametrize("dtype", ["bool", "uint8", "int32", "int64", "float32"])
@pytest.mark.parametrize("kwargs", [{}, {"dim": 0}, {"dim": 1, "keepdim": True}])
def test_a_dtype_asked_for_is_the_results(name, dtype, kwargs):
    if name.startswith("cum"):
        if "dim" not in kwargs or dtype == "bool":
            return
        kwargs = {"dim": kwargs["dim"]}
    x = np.array([[0.0, 2.0, 200.0], [1.0, 3.0, 100.0]])
    got = getattr(autograd.tensor(x), name)(**kwargs, dtype=getattr(autograd, dtype))
    expected = getattr(torch.tensor(x), name)(**kwargs, dtype=getattr(torch, dtype))
    assert str(got.dtype) == str(expected.dtype).removeprefix("torch.")
    assert got.tolist() == expected.tolist()
