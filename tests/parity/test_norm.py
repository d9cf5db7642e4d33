"""Normalisation beside torch's: values, running statistics, two orders of gradient, kinds of error."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch_beside import compare

import autograd
from autograd.op import REGISTRY


def draw(*shape: int, low: float = -2.0, high: float = 2.0) -> np.ndarray:
    return np.asarray(np.random.default_rng(sum(shape)).uniform(low, high, shape))


def against(name: str, *args: Any, orders: int = 2, **kwargs: Any) -> None:
    compare(REGISTRY[name].call, getattr(F, name), args, kwargs, orders=orders, wide=10)


@pytest.mark.parametrize("name", ["batch_norm", "instance_norm"])
@given(data=st.data())
def test_statistics(name: str, data: Any) -> None:
    """The running moments move as torch's do; the result is the same by the batch's moments and by the running ones."""
    shape = data.draw(
        st.sampled_from([(2, 3, 4), (3, 2, 2, 3), (2, 2, 2, 1, 3)] + ([(4, 3)] if name == "batch_norm" else []))
    )
    by_batch, running = data.draw(st.booleans()), data.draw(st.booleans())
    dtype = data.draw(st.sampled_from(["float64", "float32"]))
    C = shape[1]
    x = draw(*shape).astype(dtype)
    weight, bias = (draw(C, low=0.5).astype(dtype), draw(C).astype(dtype)) if data.draw(st.booleans()) else (None, None)
    mean, var = draw(C).astype(dtype), draw(C, low=0.5).astype(dtype)
    moments: list[Any] = []

    def call(function: Any, lift: Any) -> Any:
        held = (lift(mean.copy()), lift(var.copy())) if running or not by_batch else (None, None)
        moments.append(held)
        # every evaluation starts from the same moments
        f = lambda x, w, b: function(x, *held, w, b, by_batch, 0.3, 1e-4)  # noqa: E731
        f.__module__ = function.__module__
        return f

    compare(
        call(REGISTRY[name].call, autograd.from_numpy),
        call(getattr(F, name), torch.from_numpy),
        (x, weight, bias),
        {},
        wide=10,
    )
    for ours, theirs in zip(*moments, strict=True):
        if ours is not None:
            np.testing.assert_allclose(ours.numpy(), theirs.numpy(), rtol=1e-5)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("affine", [0, 1, 2])
@pytest.mark.parametrize(
    "shape, normal",
    [((4, 3), (3,)), ((2, 3, 4), (3, 4)), ((2, 3, 4), (4,)), ((0, 3), (3,)), ((5,), (5,)), ((4, 3), (4,))],
)
def test_layer_and_rms(shape: Any, normal: Any, affine: int, dtype: str) -> None:
    x = draw(*shape).astype(dtype)
    weights = [draw(*normal).astype(dtype), (draw(*normal) + 0.1).astype(dtype)][:affine]
    against("layer_norm", x, normal, *weights, eps=1e-3)
    against("rms_norm", x, normal, *weights[:1], eps=1e-3)
    against("rms_norm", x, normal, *weights[:1])


@pytest.mark.parametrize(
    "shape, groups", [((2, 4, 3), 2), ((3, 6), 3), ((1, 4, 2, 2), 4), ((2, 4, 3), 1), ((2, 4, 3), 3), ((0, 4, 3), 2)]
)
@pytest.mark.parametrize("affine", [True, False])
def test_group(shape: Any, groups: int, affine: bool) -> None:
    weights = [draw(shape[1]), draw(shape[1]) + 0.2] if affine else []
    against("group_norm", draw(*shape), groups, *weights, eps=1e-3)


@pytest.mark.parametrize("size", [1, 2, 3, 5])
@pytest.mark.parametrize("shape", [(2, 5, 3), (1, 4, 2, 3), (1, 3, 2, 2, 2), (2, 3)])
def test_local_response(shape: Any, size: int) -> None:
    against("local_response_norm", draw(*shape), size, 0.3, 0.6, 1.5)


def test_normalize() -> None:
    for p, dim in ((2.0, 1), (1.0, 0), (3.0, -1), (float("inf"), 1)):
        against("normalize", draw(3, 4), p, dim, orders=1 if p in (1.0, float("inf")) else 2)
    against("normalize", np.zeros((3, 4)), orders=1)


@pytest.mark.parametrize(
    "name, args, kwargs",
    [
        ("batch_norm", (draw(1, 3), None, None), {"training": True}),
        ("batch_norm", (draw(4, 3), None, None, draw(4)), {"training": True}),
        ("batch_norm", (draw(4, 3), None, None), {}), ("instance_norm", (draw(2, 3, 1),), {}),
        ("layer_norm", (draw(2, 3), (3,), draw(2)), {}),
        ("layer_norm", (draw(2, 3), ()), {}),
    ],
)  # fmt: skip
def test_errors(name: str, args: Any, kwargs: Any) -> None:
    against(name, *args, **kwargs)
