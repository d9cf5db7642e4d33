"""Losses, softmax and similarities beside torch.nn.functional's: every reduction, shape of target and kind of error."""

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

REDUCTIONS = ["none", "mean", "sum"]


def draw(*shape: int, low: float = -2.0, high: float = 2.0) -> np.ndarray:
    return np.asarray(np.random.default_rng(sum(shape) + len(shape)).uniform(low, high, shape))


def against(name: str, *args: Any, orders: int = 2, **kwargs: Any) -> None:
    compare(REGISTRY[name].call, getattr(F, name), args, kwargs, orders=orders)


SHAPES = [(3,), (4, 3), (2, 3, 4), (2, 3, 2, 2), (0, 3), (1, 1)]


@pytest.mark.parametrize("name", ["cross_entropy", "nll_loss"])
@given(data=st.data())
def test_labels(name: str, data: Any) -> None:
    shape = data.draw(st.sampled_from(SHAPES))
    C = shape[1] if len(shape) > 1 else shape[0]
    seed = np.random.default_rng(data.draw(st.integers(0, 99)))
    x = seed.normal(size=shape).astype(data.draw(st.sampled_from(["float64", "float32"])))
    target = seed.integers(0, C, shape[:1] + shape[2:] if len(shape) > 1 else ())
    kwargs: dict[str, Any] = {"reduction": data.draw(st.sampled_from(REDUCTIONS))}
    if data.draw(st.booleans()):
        kwargs["ignore_index"] = data.draw(st.sampled_from([0, -1, 1]))
        if kwargs["ignore_index"] == -1 and target.ndim:
            target[:1] = -1
    if name == "cross_entropy":
        kwargs["label_smoothing"] = data.draw(st.sampled_from([0.0, 0.1, 1.0]))
    weight = seed.uniform(0.5, 2, C).astype(x.dtype) if data.draw(st.booleans()) else None

    def ours(x: Any, target: Any, **kwargs: Any) -> Any:
        w = None if weight is None else autograd.from_numpy(weight)
        return REGISTRY[name].call(x, target, w, **kwargs)

    def theirs(x: Any, target: Any, **kwargs: Any) -> Any:
        return getattr(F, name)(x, target, None if weight is None else torch.from_numpy(weight), **kwargs)

    ours.__module__ = "autograd"
    compare(ours, theirs, (x, target), kwargs)


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("shape", [(3,), (4, 3), (2, 3, 4), (2, 3, 2, 2)])
def test_probabilities(shape: tuple[int, ...], smoothing: float, reduction: str) -> None:
    against("cross_entropy", draw(*shape), draw(*shape, low=0, high=1), reduction=reduction, label_smoothing=smoothing)


@pytest.mark.parametrize("name", ["cross_entropy", "nll_loss"])
@pytest.mark.parametrize(
    "shape, target",
    [
        ((4, 3), [0, 1, 3, 2]),
        ((4, 3), [0, 1]),
        ((4, 3), [[0, 1, 2, 0]]),
        ((2, 3, 4), [0, 1]),
        ((3,), -1),
        ((4, 3), [0, -7, 1, 2]),
    ],
)
def test_wrong_labels(name: str, shape: tuple[int, ...], target: Any) -> None:
    against(name, draw(*shape), np.array(target))


PAIRED = {
    "mse_loss": {}, "l1_loss": {}, "smooth_l1_loss": {"beta": 0.5}, "huber_loss": {"delta": 0.7},
    "poisson_nll_loss": {"full": True},
    "kl_div": {"log_target": True}, "binary_cross_entropy_with_logits": {},
}  # fmt: skip


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("shape", [(), (3,), (3, 4), (0, 2), (2, 1, 3)])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", PAIRED)
@pytest.mark.filterwarnings("ignore:.*reduction.*mean.*:UserWarning")
def test_paired(name: str, dtype: str, shape: tuple[int, ...], reduction: str) -> None:
    x, target = draw(*shape).astype(dtype), np.asarray(draw(*shape) * 0.7 + 0.1, dtype)
    for kwargs in ({}, PAIRED[name]):
        # torch has no derivative of a zero tensor of l1's second order
        against(
            name, x, target, reduction=reduction, orders=1 if name in ("l1_loss", "smooth_l1_loss") else 2, **kwargs
        )


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_others(reduction: str) -> None:
    signs = np.array([1, -1, 1])
    labels = np.array([[3, 0, -1, 1], [2, -1, 0, 0], [-1, 1, 1, 1]])
    x, y, z = draw(3, 4), draw(3, 4) * 0.8 + 0.3, draw(4, 3).reshape(3, 4)
    against("hinge_embedding_loss", draw(3), signs, margin=0.7, reduction=reduction)
    against("margin_ranking_loss", draw(3), draw(3) * 0.5 + 0.2, signs, margin=0.4, reduction=reduction)
    against("soft_margin_loss", x, np.sign(y).astype(int), reduction=reduction)
    against("cosine_embedding_loss", x, y, signs, margin=0.1, reduction=reduction)
    against("cosine_embedding_loss", draw(4), draw(4) + 0.3, np.array(1), reduction=reduction)
    for p in (1, 2):
        against("multi_margin_loss", x, np.array([0, 3, 1]), p=p, margin=0.6, reduction=reduction)
    against("multi_margin_loss", draw(4), np.array(2), reduction=reduction)
    against("multilabel_margin_loss", x, labels, reduction=reduction)
    against("multilabel_margin_loss", draw(4), labels[0], reduction=reduction)
    against("multilabel_soft_margin_loss", x, (y > 0).astype(int), reduction=reduction)
    against("gaussian_nll_loss", x, y, np.abs(z) + 0.2, full=True, reduction=reduction)
    against("gaussian_nll_loss", x, y, np.array([0.0, 0.5, 1.0]), reduction=reduction, orders=1)
    against("poisson_nll_loss", np.abs(x) + 0.1, np.abs(y) * 2, log_input=False, full=True, reduction=reduction)
    against("kl_div", x, np.abs(y), reduction="batchmean")
    for swap in (False, True):
        against("triplet_margin_loss", x, y, z, margin=2.0, p=3.0, swap=swap, reduction=reduction)
        against("triplet_margin_with_distance_loss", x, y, z, margin=2.0, swap=swap, reduction=reduction)
    probability = 1 / (1 + np.exp(-x))
    against("binary_cross_entropy", probability, 1 / (1 + np.exp(-y)), reduction=reduction)
    against("binary_cross_entropy_with_logits", x * 100, (y > 0) * 1.0, reduction=reduction)


def test_exact_probabilities() -> None:
    """0 and 1 as predictions: the logarithm stops at -100."""
    against(
        "binary_cross_entropy",
        np.array([0.0, 1.0, 1.0, 0.0]),
        np.array([0.0, 1.0, 0.0, 1.0]),
        reduction="none",
        orders=0,
    )


def test_weights() -> None:
    x, y, w = draw(3, 4), (draw(3, 4) > 0) * 1.0, draw(4, low=0.5, high=2)

    def with_weight(call: Any, lift: Any) -> Any:
        f = lambda x, y: call(x, y, lift(w))  # noqa: E731
        f.__module__ = call.__module__
        return f

    for name, first in (("binary_cross_entropy_with_logits", x), ("binary_cross_entropy", 1 / (1 + np.exp(-x)))):
        a = with_weight(REGISTRY[name].call, autograd.from_numpy)
        compare(a, with_weight(getattr(F, name), torch.from_numpy), (first, y), {})


@pytest.mark.parametrize("name", ["softmax", "log_softmax", "softmin"])
@pytest.mark.parametrize(
    "shape, dim", [((3, 4), 1), ((3, 4), 0), ((2, 3, 2), -2), ((), 0), ((0, 3), 1), ((3, 0), 0), ((3, 4), 2)]
)
def test_softmax(name: str, shape: tuple[int, ...], dim: int) -> None:
    for dtype in ("float64", "float32"):
        against(name, np.asarray(draw(*shape) * 3, dtype), dim=dim)
    against(name, draw(*shape), dim=dim, dtype=np.dtype("float32"), orders=1)
    against(name, np.arange(max(1, int(np.prod(shape)))).reshape(-1), dim=0, dtype=np.dtype("float64"))


def test_similarities() -> None:
    against("cosine_similarity", draw(3, 4), draw(3, 4) + 0.1, dim=1)
    against("cosine_similarity", draw(2, 3, 4), draw(3, 1), dim=1)
    against("cosine_similarity", draw(3, 4) * 0, draw(3, 4), dim=1, orders=1)
    for p in (1.0, 2.0, 3.0):
        against("pairwise_distance", draw(3, 4), draw(4) * 0.3, p=p, keepdim=True, orders=1 if p == 1 else 2)


@pytest.mark.parametrize(
    "name, args, kwargs",
    [
        ("mse_loss", (draw(3), draw(3)), {"reduction": "other"}), ("huber_loss", (draw(3), draw(3)), {"delta": 0.0}),
        ("smooth_l1_loss", (draw(3), draw(3)), {"beta": -1.0}), ("binary_cross_entropy", (draw(3) + 3, draw(3)), {}),
        ("binary_cross_entropy", (draw(3, low=0, high=1), draw(4, low=0, high=1)), {}),
        ("binary_cross_entropy_with_logits", (draw(3), draw(4)), {}),
        ("gaussian_nll_loss", (draw(3), draw(3), -draw(3, low=0.5)), {}),
        ("multi_margin_loss", (draw(3, 4), np.array([0, 4, 1])), {}),
        ("multilabel_margin_loss", (draw(2, 3), np.array([[0, 3, -1], [1, -1, 0]])), {}),
        ("cosine_embedding_loss", (draw(3, 4), draw(3, 4), np.ones((3, 4))), {}),
        ("cross_entropy", (draw(3, 4), draw(3, 3)), {}),
        ("triplet_margin_loss", (draw(3, 4), draw(3, 4), draw(3, 4)), {"margin": -1.0}),
    ],
)  # fmt: skip
def test_errors(name: str, args: Any, kwargs: Any) -> None:
    against(name, *args, **kwargs)
