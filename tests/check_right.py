"""Right gradients at awkward points: kinks, ties, saturation, huge and tiny scales, float32, stochastic layers.

`CASES` lists them with the function or module to check and its inputs; a checker that reports any of them is wrong.
`smooth` is False where the function has no derivative at the point, so that plain central differences contradict any
gradient.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import autograd as ag
import nn
import nn.functional as F


@dataclass
class Case:
    """what: the difficulty. run: a function of Tensors, or a Module's maker. inputs: arrays; floating ones require
    grad.
    """

    what: str
    run: Callable[..., Any]
    inputs: list[Any]
    order: int = 1
    smooth: bool = True
    model: Callable[[], Any] | None = None
    settings: dict[str, Any] = field(default_factory=dict)


CASES: list[Case] = []
rng = np.random.default_rng(11)


def normal(*shape: int) -> np.ndarray:
    return rng.standard_normal(shape)


def right(what: str, run: Callable[..., Any], *inputs: Any, order: int = 1, smooth: bool = True) -> None:
    CASES.append(Case(what, run, [np.asarray(x) for x in inputs], order, smooth))


def kink(what: str, run: Callable[..., Any], *inputs: Any) -> None:
    right(what, run, *inputs, smooth=False)


ZEROS = np.array([-1.5, 0.0, 0.8, 0.0, 2.0])
TIES = np.array([[1.0, 3.0, 3.0, 2.0], [0.5, -1.0, 0.5, 0.5]])
IMAGE = np.array([[1.0, 2.0, 2.0, 0.0], [2.0, 2.0, 1.0, 1.0], [0.0, 0.0, 3.0, 3.0], [0.0, 0.0, 3.0, 3.0]])[None, None]

# ------------------------------------------------------------------------------------------------ kinks

kink("relu at 0", lambda x: ag.relu(x), ZEROS)
kink("relu at -0.0", lambda x: ag.relu(x), [-0.0, 1.0])
kink("abs at 0", lambda x: ag.abs(x), ZEROS)
kink("leaky relu at 0", lambda x: F.leaky_relu(x, 0.1), ZEROS)
kink("prelu at 0", lambda x, w: F.prelu(x, w), ZEROS, [0.25])
kink("elu with alpha 2 at 0", lambda x: F.elu(x, 2.0), ZEROS)
kink("selu at 0", lambda x: F.selu(x), ZEROS)
kink("relu6 at 0 and at 6", lambda x: F.relu6(x), [0.0, 6.0, 3.0, -1.0])
kink("hardtanh at its bounds", lambda x: F.hardtanh(x), [-1.0, 1.0, 0.3, 4.0])
kink("hardsigmoid at its bounds", lambda x: F.hardsigmoid(x), [-3.0, 3.0, 0.5])
kink("clamp at its bounds", lambda x: ag.clamp(x, -1.0, 1.0), [-1.0, 1.0, 0.3, 4.0])
kink("clamp below only", lambda x: ag.clamp(x, min=0.5), [0.5, 1.0, 0.0])
kink("softshrink at its bounds", lambda x: F.softshrink(x), [-0.5, 0.5, 1.0])
kink("l1 loss at a hit", lambda x: F.l1_loss(x, ag.zeros_like(x)), ZEROS)
kink("a hinge at its corner", lambda x: ag.relu(1.0 - x).sum(), [1.0, 0.2, 3.0])
kink("relu of a linear layer that gives 0", lambda x, w: ag.relu(x @ w), np.eye(3), np.diag([0.0, 1.0, -1.0]))
kink("two kinks in a row", lambda x: ag.abs(ag.relu(x) - 1.0), [1.0, 0.0, 3.0, -2.0])
kink("a kink below a smooth function", lambda x: ag.exp(ag.relu(x)), ZEROS)
kink("relu(x) - relu(-x), which is x", lambda x: ag.relu(x) - ag.relu(-x), [0.0, 0.0])
kink("a sum of kinks of both signs", lambda x: (ag.relu(x) * np.array([1.0, -2.0, 3.0, -4.0, 5.0])).sum(), ZEROS)
kink("norm at 0", lambda x: ag.norm(x), np.zeros(3))
kink("dead units", lambda x: ag.relu(ag.relu(x) - 5.0), [0.0, 1.0, -1.0])
right("relu a hair from 0", lambda x: ag.relu(x), [1e-9, -1e-9, 1e-12, 1.0])
right("relu at 1e-5, where a step of 1e-3 crosses", lambda x: ag.relu(x * 1.0), [1e-5, -1e-5, 3.0])
right("abs near 0", lambda x: ag.abs(x) ** 2, [1e-8, -1e-8, 1.0])
right("smooth l1 at its joint", lambda x: F.smooth_l1_loss(x, ag.zeros_like(x)), [1.0, -1.0, 0.0, 0.4])
right("relu squared at 0", lambda x: ag.relu(x) ** 2, ZEROS)
right("a rounding between its steps", lambda x: ag.round(x) * 2.0 + x, [0.3, 0.7, 5.1])

# ------------------------------------------------------------------------------------------------ ties

kink("max of a row with ties", lambda x: ag.max(x, 1)[0], TIES)
kink("min of a row with ties", lambda x: ag.min(x, 1)[0], -TIES)
kink("amax with ties", lambda x: ag.amax(x, 1), TIES)
kink("amin with ties", lambda x: ag.amin(x, 1), -TIES)
kink("max of everything, all equal", lambda x: ag.max(x), np.full((2, 3), 2.0))
kink("maximum of equal tensors", lambda x, y: ag.maximum(x, y), [1.0, 2.0, -0.5], [1.0, 0.5, -0.5])
kink("minimum of equal tensors", lambda x, y: ag.minimum(x, y), [1.0, 2.0, -0.5], [1.0, 0.5, -0.5])
kink("maximum of a tensor with itself", lambda x: ag.maximum(x, x * 1.0), [1.0, 2.0])
kink("max pooling of equal pixels", lambda x: F.max_pool2d(x, 2), IMAGE)
kink("overlapping max pooling of equal pixels", lambda x: F.max_pool2d(x, 3, 1), IMAGE)
kink("max pooling of a constant image", lambda x: F.max_pool2d(x, 2), np.ones((1, 1, 4, 4)))
kink("max pooling after relu, all dead in a window", lambda x: F.max_pool2d(ag.relu(x), 2), IMAGE - 2.0)
kink("sort with equal values", lambda x: ag.sort(x)[0], [1.0, 0.0, 1.0, 2.0])
kink("top-k with equal values", lambda x: ag.topk(x, 2)[0], [1.0, 0.0, 1.0, 2.0])
kink(
    "triplet loss at the margin",
    lambda a, p, n: ag.relu(((a - p) ** 2).sum(1) - ((a - n) ** 2).sum(1) + 1.0),
    [[0.0, 0.0]],
    [[0.0, 0.0]],
    [[1.0, 0.0]],
)

# ------------------------------------------------------------------------------------------------ saturation and scale

right("sigmoid far out", lambda x: ag.sigmoid(x), [-40.0, 40.0, -700.0, 30.0])
right("tanh far out", lambda x: ag.tanh(x), [-25.0, 25.0, 18.0, 0.1])
right("softplus far out", lambda x: F.softplus(x), [-50.0, 50.0, 0.0])
right("softmax with one winner", lambda x: F.softmax(x, -1), [[50.0, 0.0, -50.0]])
right("log-softmax with one winner", lambda x: F.log_softmax(x, -1), [[50.0, 0.0, -50.0]])
right("logsumexp of huge values", lambda x: ag.logsumexp(x, 0), [1e4, 1e4 - 1.0, 0.0])
right(
    "cross-entropy of a sure and right answer",
    lambda x: F.cross_entropy(x, ag.tensor([0, 1])),
    [[60.0, 0.0], [0.0, 80.0]],
)
right(
    "with-logits loss far out",
    lambda x: F.binary_cross_entropy_with_logits(x, ag.tensor([1.0, 0.0, 1.0], dtype=ag.float64)),
    [90.0, 90.0, -0.1],
)
right("huge inputs", lambda x: ag.sum(x * x), [1e8, -3e8, 2e8])
right("tiny inputs", lambda x: ag.sum(x * x), [1e-8, -3e-8, 2e-8])
right("inputs of all scales", lambda x: ag.log(x), [1e-8, 1e-2, 1.0, 1e6])
right("a tiny loss", lambda x: ag.sum(ag.sin(x)) * 1e-12, normal(4))
right("a huge loss", lambda x: ag.sum(ag.sin(x)) * 1e12, normal(4))
right("a large constant added", lambda x: ag.sum(ag.sin(x)) + 1e6, normal(4))
right("a difference of nearly equal numbers", lambda x: ag.log1p(ag.exp(x)) - x, [20.0, 1.0, -3.0])
right("square root close to 0", lambda x: ag.sqrt(x), [1e-10, 1e-4, 1.0])
right("high curvature", lambda x: ag.sin(x * 300.0), [0.1, 0.7, -0.4])
right("a reciprocal close to its pole", lambda x: 1.0 / x, [1e-6, -1e-6, 1.0])
right("a high power", lambda x: x**9, [1.1, -0.9, 2.0])
right("a power at 0", lambda x: x**2.0, [0.0, 1.0])
right("a product with two zeros", lambda x: ag.prod(x, 1), [[0.0, 0.0, 0.7], [1.0, 0.0, 2.0]])
right("a monomial at 0", lambda x: x**4 * 1e-6, [0.0, 0.5])
right("constant functions", lambda x: x * 0.0 + 3.0, normal(3))
right("linear functions", lambda x, w: x @ w, normal(3, 4), normal(4, 2))
right("an empty input", lambda x, y: ag.cat([x, y]), np.zeros(0), normal(3))
right("a scalar without dimensions", lambda x: ag.exp(x), np.array(0.7))

# ------------------------------------------------------------------------------------------------ float32


def f32(*shape: int) -> np.ndarray:
    return normal(*shape).astype(np.float32)


right("float32: sine", lambda x: ag.sin(x), f32(5))
right("float32: a product of matrices", lambda x, w: ag.tanh(x @ w), f32(4, 6), f32(6, 3))
right("float32: softmax", lambda x: F.log_softmax(x, -1), f32(3, 5))
right("float32: convolution", lambda x, w: F.conv2d(x, w), f32(1, 2, 5, 5), f32(3, 2, 3, 3))
right("float32: layer norm", lambda x: F.layer_norm(x, (6,)), f32(3, 6))
right("float32: a mean of many", lambda x: ag.mean(ag.exp(x)), f32(20, 30))
right("float32: a deep chain", lambda x: ag.tanh(ag.tanh(ag.tanh(ag.tanh(x * 1.1) * 1.2) * 1.3) * 1.4), f32(6))
right("float32 with a float64 factor", lambda x: x * 2.5 + ag.exp(x), f32(4))
right("float32 inputs, float64 inside", lambda x: ag.sin(x.double()).float(), f32(4))
kink("float32: relu at 0", lambda x: ag.relu(x), np.array([0.0, 1.0, -1.0], np.float32))
kink("float32: max pooling of equal pixels", lambda x: F.max_pool2d(x, 2), IMAGE.astype(np.float32))

# ------------------------------------------------------------------------------------------------ layers and states


def layer(what: str, make: Callable[[], Any], *inputs: Any, loss: Any = None, smooth: bool = True) -> None:
    CASES.append(
        Case(what, lambda *x: None, [np.asarray(x) for x in inputs], 1, smooth, make, {"loss": loss} if loss else {})
    )


class Tied(nn.Module):
    """Two names for one weight."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(4, 4, bias=False), nn.Linear(4, 4, bias=False)
        self.second.weight = self.first.weight

    def forward(self, x: Any) -> Any:
        return self.second(ag.tanh(self.first(x)))


class Idle(nn.Module):
    """A parameter that nothing uses."""

    def __init__(self) -> None:
        super().__init__()
        self.used, self.idle = nn.Linear(3, 2), nn.Linear(3, 2)

    def forward(self, x: Any) -> Any:
        return self.used(x)


right("a function that draws a mask", lambda x: F.dropout(x, 0.5), normal(4, 5))
right("a noisy function", lambda x: x * (1.0 + ag.randn(4, dtype=ag.float64)), normal(4))
layer("dropout in training", lambda: nn.Sequential(nn.Linear(5, 6), nn.Dropout(0.5), nn.Linear(6, 2)), normal(3, 5))
layer("dropout of channels", lambda: nn.Sequential(nn.Conv2d(1, 4, 2), nn.Dropout2d(0.5)), normal(2, 1, 4, 4))
layer("batch norm in training", lambda: nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Tanh()), normal(6, 3))
layer("batch norm in evaluation", lambda: nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4)).eval(), normal(6, 3))
layer(
    "batch norm of images", lambda: nn.Sequential(nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.ReLU()), normal(2, 1, 5, 5)
)
layer(
    "group and layer norm",
    lambda: nn.Sequential(nn.GroupNorm(2, 4), nn.Flatten(), nn.LayerNorm(16)),
    normal(2, 4, 2, 2),
)
layer("integer inputs", lambda: nn.Embedding(5, 3), np.array([[0, 2, 2], [4, 0, 1]]))
layer("a shared parameter", Tied, normal(2, 4))
layer("a parameter without gradient", Idle, normal(2, 3))
layer(
    "relu and zero biases on a zero input",
    lambda: nn.Sequential(_zero(nn.Linear(3, 4)), nn.ReLU(), nn.Linear(4, 2)),
    np.zeros((2, 3)),
    smooth=False,
)
layer(
    "convolution, relu, pooling, linear, a loss",
    lambda: nn.Sequential(nn.Conv2d(1, 2, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(8, 3)),
    normal(2, 1, 4, 4),
    loss=lambda y: F.cross_entropy(y, ag.tensor([2, 0])),
)
layer("an LSTM", lambda: nn.LSTM(3, 4, batch_first=True), normal(2, 3, 3))


def _zero(module: Any) -> Any:
    with ag.no_grad():
        module.bias.zero_()
    return module


# ------------------------------------------------------------------------------------------------ second order

right("second order of a product", lambda x, y: x * y, normal(3), normal(3), order=2)
right("second order of tanh", lambda x: ag.tanh(x), normal(4), order=2)
right("second order of a convolution", lambda x, w: F.conv2d(x, w), normal(1, 1, 4, 4), normal(2, 1, 3, 3), order=2)
right("second order of softmax", lambda x: F.softmax(x, -1), normal(2, 3), order=2)
right("second order of batch statistics", lambda x: F.layer_norm(x, (4,)), normal(2, 4), order=2)
right("second order of relu away from 0", lambda x: ag.relu(x) ** 2, [1.0, -1.0, 0.5], order=2)
