"""Deliberately wrong gradients, written by hand before the checker that must find them.

Each is a copy of an operation, kept out of the registry, with one mistake in its formula, standing between right
operations: `CASES` lists them with the function to check, its inputs and the name of the operation that must be blamed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

import autograd as ag
from autograd.op import REGISTRY, Op, _general
from autograd.ops.reduce import _kept_shape
from autograd.tensor import Tensor, wrap


@dataclass
class Case:
    """what: the mistake. op: the operation to blame. run: a function of Tensors. order: where the mistake shows."""

    what: str
    op: str
    run: Callable[..., Any]
    inputs: list[np.ndarray]
    order: int = 1


CASES: list[Case] = []


def plant(name: str, fn: Callable[..., Any], *formulas: Any, joint: Any = None, **about: Any) -> Callable[..., Any]:
    """An operation with these formulas that the registry does not know."""
    if isinstance(fn, np.ufunc):
        ufunc = fn
        fn = (lambda input: ufunc(input)) if fn.nin == 1 else (lambda input, other: ufunc(input, other))
    entry = Op(fn, formulas, joint, name=name, **about)
    entry.call = _general(entry)
    return entry.call


def wrong(
    what: str,
    name: str,
    call: Callable[..., Any],
    *inputs: Any,
    order: int = 1,
    statics: tuple[Any, ...] = (),
    outer: Any = None,
) -> None:
    """Add a case: the call between two products by constants."""
    arrays = [np.asarray(x, np.float64) for x in inputs]

    def run(*given: Any) -> Any:
        y = call(*[x * 1.25 for x in given], *statics)
        y = outer(y) if outer is not None else y
        return y * 1.5

    CASES.append(Case(what, name, run, [a / 1.25 for a in arrays], order))


rng = np.random.default_rng(7)


def normal(*shape: int) -> np.ndarray:
    return rng.standard_normal(shape)


def positive(*shape: int) -> np.ndarray:
    return rng.uniform(0.4, 2.0, shape)


def detached(x: Any) -> Any:
    """The same values without history, whatever x is: what a formula must not do."""
    return wrap(x._data) if isinstance(x, Tensor) else x


# ------------------------------------------------------------------------------------------------ sign

wrong("sign", "sin", plant("sin", np.sin, lambda g, input: -g * ag.cos(input)), normal(3, 4))
wrong("sign", "cos", plant("cos", np.cos, lambda g, input: g * ag.sin(input)), normal(3, 4))
wrong("sign of one input", "sub", plant("sub", np.subtract, lambda g: g, lambda g: g), normal(3), normal(3))
wrong(
    "sign",
    "div",
    plant("div", np.divide, lambda g, other: g / other, lambda g, y, other: g * y / other),
    normal(4),
    positive(4),
)
wrong("sign", "reciprocal", plant("reciprocal", lambda input: 1 / input, lambda g, y: g * y * y), positive(5))
wrong("sign of the second term", "tanh", plant("tanh", np.tanh, lambda g, y: g * (1 + y * y)), normal(3, 2))

# ------------------------------------------------------------------------------------------------ factor

wrong("factor 2 forgotten", "square", plant("square", np.square, lambda g, input: g * input), normal(3, 3))
wrong("factor of one half forgotten", "sqrt", plant("sqrt", np.sqrt, lambda g, y: g / y), positive(4))
wrong("1 / ln 2 forgotten", "log2", plant("log2", np.log2, lambda g, input: g / input), positive(4))
wrong("1 / n forgotten", "mean", plant("mean", lambda input: np.mean(input), lambda g: g), normal(3, 4))
wrong(
    "n for n - 1",
    "var",
    plant("var", lambda input: np.var(input, ddof=1), lambda g, input: g * 2.0 * (input - ag.mean(input)) / 6),
    normal(6),
)
wrong(
    "beta forgotten",
    "softplus",
    plant(
        "softplus",
        lambda input, beta: np.log1p(np.exp(beta * input)) / beta,
        lambda g, input, beta: g * beta * ag.sigmoid(beta * input),
    ),
    normal(5),
    statics=(2.0,),
)
wrong("a factor of 1.01", "exp", plant("exp", np.exp, lambda g, y: g * y * 1.01), normal(4))
wrong("wrong in the sixth digit", "exp", plant("exp", np.exp, lambda g, y: g * y * 1.000003), normal(4))
wrong(
    "wrong in the sixth digit of one element",
    "log",
    plant("log", np.log, lambda g, input: g / input * np.array([1, 1, 1 + 2e-6, 1])),
    positive(4),
)
wrong(
    "scale of the other input",
    "mul",
    plant("mul", np.multiply, lambda g, input: g * input, lambda g, other: g * other),
    normal(3),
    normal(3),
)
wrong(
    "the loss' weight",
    "mse_loss",
    plant(
        "mse_loss",
        lambda input, target: np.mean((input - target) ** 2),
        lambda g, input, target: g * (input - target) / 6,
        lambda g, input, target: -g * 2.0 * (input - target) / 6,
    ),
    normal(6),
    normal(6),
)

wrong(
    "the incoming gradient forgotten",
    "sum",
    plant("sum", lambda input: np.sum(input), lambda g, input_shape: np.ones(input_shape)),
    normal(3),
)

# ------------------------------------------------------------------------------------------------ missing term

wrong(
    "product rule's second term missing",
    "mul_exp",
    plant("mul_exp", lambda input: input * np.exp(input), lambda g, input: g * ag.exp(input)),
    normal(4),
)
wrong(
    "the sum in softmax missing",
    "softmax",
    plant("softmax", lambda input: REGISTRY["_softmax"].fn(input, -1, None), lambda g, y: g * y),
    normal(2, 5),
)
wrong(
    "the sum in log_softmax missing",
    "log_softmax",
    plant("log_softmax", lambda input: REGISTRY["_log_softmax"].fn(input, -1, None), lambda g: g),
    normal(2, 5),
)
wrong(
    "the mean's term missing",
    "centre",
    plant("centre", lambda input: input - input.mean(-1, keepdims=True), lambda g: g),
    normal(2, 4),
)
wrong(
    "1 - y missing", "sigmoid", plant("sigmoid", lambda input: 1 / (1 + np.exp(-input)), lambda g, y: g * y), normal(4)
)
wrong(
    "x in silu missing",
    "silu",
    plant("silu", lambda input: input / (1 + np.exp(-input)), lambda g, input: g * ag.sigmoid(input)),
    normal(4),
)
wrong(
    "the exponent's gradient missing",
    "pow",
    plant("pow", np.power, lambda g, input, other: g * other * ag.pow(input, other - 1), lambda g: g * 0.0),
    positive(4),
    positive(4),
)
wrong("no gradient for one input", "add", plant("add", np.add, lambda g: g, None), normal(3), normal(3))
wrong(
    "the variance's part of a norm missing",
    "layer_norm",
    plant(
        "layer_norm",
        lambda input: (input - input.mean(-1, keepdims=True)) / input.std(-1, keepdims=True),
        lambda g, input: (g - ag.mean(g, -1, True)) / ag.std(input, -1, correction=0, keepdim=True),
    ),
    normal(2, 5),
)
wrong(
    "the bias' gradient zero",
    "linear",
    plant(
        "linear",
        lambda input, weight, bias: input @ weight.T + bias,
        lambda g, weight: ag.matmul(g, weight),
        lambda g, input: ag.matmul(ag.transpose(g, 0, 1), input),
        lambda g: ag.sum(g, 0) * 0.0,
    ),
    normal(3, 4),
    normal(2, 4),
    normal(2),
)
wrong(
    "one path of two forgotten",
    "twice",
    plant("twice", lambda input: np.sin(input) + input**2, lambda g, input: g * ag.cos(input)),
    normal(3),
)

# ------------------------------------------------------------------------------------------------ axes and shapes

wrong(
    "sum over the wrong axis",
    "sum_rows",
    plant("sum_rows", lambda input: input.sum(1), lambda g, input_shape: ag.expand(ag.reshape(g, (1, 3)), input_shape)),
    normal(3, 3),
)
wrong(
    "mean over the wrong axis' length",
    "mean_rows",
    plant(
        "mean_rows",
        lambda input: input.mean(1),
        lambda g, input_shape: ag.expand(ag.reshape(g, (input_shape[0], 1)), input_shape) / input_shape[0],
    ),
    normal(3, 5),
)
wrong(
    "softmax' sum over the wrong axis",
    "softmax",
    plant(
        "softmax", lambda input: REGISTRY["_softmax"].fn(input, -1, None), lambda g, y: y * (g - ag.sum(g * y, 0, True))
    ),
    normal(4, 4),
)
wrong(
    "missing sum over a broadcast",
    "add_row",
    plant("add_row", lambda input, row: input + row, lambda g: g, lambda g: g[0]),
    normal(3, 4),
    normal(4),
)
wrong(
    "mean instead of sum over a broadcast",
    "add_row",
    plant("add_row", lambda input, row: input + row, lambda g: g, lambda g: ag.mean(g, 0)),
    normal(3, 4),
    normal(4),
)
wrong(
    "missing sum over a broadcast column",
    "mul_column",
    plant(
        "mul_column",
        lambda input, column: input * column,
        lambda g, column: g * column,
        lambda g, input: (g * input)[:, :1],
    ),
    normal(3, 4),
    normal(3, 1),
)
wrong(
    "missing sum over the examples",
    "conv_bias",
    plant("conv_bias", lambda input, bias: input + bias[:, None, None], lambda g: g, lambda g: ag.sum(g[0], (1, 2))),
    normal(2, 3, 2, 2),
    normal(3),
)
wrong(
    "transposed",
    "matmul",
    plant(
        "matmul",
        np.matmul,
        lambda g, other: ag.matmul(g, other),
        lambda g, input: ag.matmul(ag.transpose(input, 0, 1), g),
    ),
    normal(3, 3),
    normal(3, 3),
)
wrong(
    "both transposed",
    "matmul",
    plant(
        "matmul",
        np.matmul,
        lambda g, other: ag.matmul(g, ag.transpose(other, 0, 1)),
        lambda g, input: ag.transpose(ag.matmul(ag.transpose(input, 0, 1), g), 0, 1),
    ),
    normal(3, 3),
    normal(3, 3),
)
wrong("not transposed back", "transpose", plant("transpose", lambda input: input.T, lambda g: g), normal(3, 3))
wrong(
    "permuted by the permutation, not its inverse",
    "permute",
    plant("permute", lambda input: input.transpose(1, 2, 0), lambda g: ag.permute(g, 1, 2, 0)),
    normal(2, 2, 2),
)
wrong(
    "reshaped in column order",
    "reshape",
    plant("reshape", lambda input: input.reshape(6), lambda g: ag.transpose(ag.reshape(g, (3, 2)), 0, 1)),
    normal(2, 3),
)
wrong(
    "diagonal only",
    "matvec",
    plant(
        "matvec",
        lambda input, vector: input @ vector,
        lambda g, vector: ag.reshape(g, (3, 1)) * vector,
        lambda g, input: g * ag.diagonal(input),
    ),
    normal(3, 3),
    normal(3),
)

# ------------------------------------------------------------------------------------------------ indices

wrong(
    "off by one index",
    "shift",
    plant(
        "shift",
        lambda input: input[1:],
        lambda g: ag.cat([g, ag.zeros(1, dtype=ag.float64) if isinstance(g, Tensor) else np.zeros(1)], dim=0),
    ),
    normal(5),
)
wrong("rolled the same way", "roll", plant("roll", lambda input: np.roll(input, 1), lambda g: ag.roll(g, 1)), normal(5))
wrong("not flipped back", "flip", plant("flip", lambda input: input[::-1].copy(), lambda g: g), normal(5))
wrong(
    "cumulative sum not reversed",
    "cumsum",
    plant("cumsum", lambda input: np.cumsum(input), lambda g: ag.cumsum(g, 0)),
    normal(4),
)
wrong(
    "cumulative sum exclusive",
    "cumsum",
    plant("cumsum", lambda input: np.cumsum(input), lambda g: ag.flip(ag.cumsum(ag.flip(g, 0), 0), 0) - g),
    normal(4),
)
wrong(
    "a repeated index written, not added",
    "take",
    plant("take", lambda input, index: input[index], lambda g, index, input_shape: _written(g, index, input_shape)),
    normal(4),
    statics=(np.array([0, 2, 2, 1]),),
)
wrong(
    "halves of a concatenation swapped",
    "join",
    plant("join", lambda input, other: np.concatenate([input, other]), lambda g: g[3:], lambda g: g[:3]),
    normal(3),
    normal(3),
)
wrong(
    "a split's slots swapped",
    "halves",
    plant(
        "halves",
        lambda input: (input[:2].copy(), input[2:].copy()),
        joint=lambda g: [ag.cat([g[1], g[0]], dim=0)],
        n_inputs=1,
    ),
    normal(4),
    outer=lambda pair: pair[0] * 2.0 + pair[1] * pair[1],
)
wrong(
    "padding not removed on the right side",
    "pad",
    plant("pad", lambda input: np.pad(input, (1, 1)), lambda g: g[2:]),
    normal(4),
)
wrong(
    "every second row",
    "stride",
    plant("stride", lambda input: input[::2], lambda g: ag.cat([g, g * 0.0], dim=0)),
    normal(4),
)
wrong(
    "the label's one missing",
    "cross_entropy",
    plant(
        "cross_entropy",
        lambda input, target: -np.mean(np.log(REGISTRY["_softmax"].fn(input, -1, None))[np.arange(3), target]),
        lambda g, input: g * ag.softmax(input, -1) / 3,
    ),
    normal(3, 4),
    statics=(np.array([0, 3, 1]),),
)
wrong(
    "the label's column off by one",
    "cross_entropy",
    plant(
        "cross_entropy",
        lambda input, target: -np.mean(np.log(REGISTRY["_softmax"].fn(input, -1, None))[np.arange(3), target]),
        lambda g, input, target: g * (ag.softmax(input, -1) - np.eye(4)[(target + 1) % 4]) / 3,
    ),
    normal(3, 4),
    statics=(np.array([0, 3, 1]),),
)


def _written(g: Any, index: np.ndarray, shape: tuple[int, ...]) -> Any:
    out = np.zeros(shape)
    out[index] = g._data if isinstance(g, Tensor) else g
    return out


# ------------------------------------------------------------------------------------------------ convolutions

CONV = REGISTRY["_conv2d"]
conv_input, conv_weight = REGISTRY["_conv2d_input"].call, REGISTRY["_conv2d_weight"].call
PLAIN = ((0, 0), (0, 0))


def conv(name: str, input: Any = None, weight: Any = None) -> Callable[..., Any]:
    """A copy of the convolution without bias, with another formula for its input or its weight."""
    return plant(
        name,
        lambda input, weight, stride, padding, dilation, groups: CONV.fn(
            input, weight, None, stride, padding, dilation, groups
        ),
        input
        or (
            lambda g, weight, input_shape, stride, padding, dilation, groups: conv_input(
                g, weight, None, input_shape, stride, padding, dilation, groups
            )
        ),
        weight
        or (
            lambda g, input, weight_shape, stride, padding, dilation, groups: conv_weight(
                g, input, weight_shape, stride, padding, dilation, groups
            )
        ),
    )


def flipped(x: Any) -> Any:
    return ag.flip(x, (2, 3))


wrong(
    "filters flipped",
    "conv2d",
    conv(
        "conv2d",
        lambda g, weight, input_shape, stride, padding, dilation, groups: conv_input(
            g, flipped(weight), None, input_shape, stride, padding, dilation, groups
        ),
    ),
    normal(1, 2, 4, 4),
    normal(2, 2, 3, 3),
    statics=((1, 1), PLAIN, (1, 1), 1),
)
wrong(
    "the weight's gradient flipped",
    "conv2d",
    conv(
        "conv2d",
        weight=lambda g, input, weight_shape, stride, padding, dilation, groups: flipped(
            conv_weight(g, input, weight_shape, stride, padding, dilation, groups)
        ),
    ),
    normal(1, 2, 4, 4),
    normal(2, 2, 3, 3),
    statics=((1, 1), PLAIN, (1, 1), 1),
)
wrong(
    "wrong only for groups > 1",
    "conv2d",
    conv(
        "conv2d",
        weight=lambda g, input, weight_shape, stride, padding, dilation, groups: (
            conv_weight(g, input, weight_shape, stride, padding, dilation, groups)
            if groups == 1
            else ag.flip(conv_weight(g, input, weight_shape, stride, padding, dilation, groups), 0)
        ),
    ),
    normal(1, 4, 4, 4),
    normal(2, 2, 3, 3),
    statics=((1, 1), PLAIN, (1, 1), 2),
)
wrong(
    "wrong only for more than one example",
    "conv2d",
    conv(
        "conv2d",
        weight=lambda g, input, weight_shape, stride, padding, dilation, groups: conv_weight(
            g[:1], input[:1], weight_shape, stride, padding, dilation, groups
        ),
    ),
    normal(2, 1, 3, 3),
    normal(2, 1, 2, 2),
    statics=((1, 1), PLAIN, (1, 1), 1),
)
wrong(
    "the padding's shift forgotten",
    "conv2d",
    conv(
        "conv2d",
        lambda g, weight, input_shape, stride, padding, dilation, groups: ag.roll(
            conv_input(g, weight, None, input_shape, stride, padding, dilation, groups), (1, 1), (2, 3)
        ),
    ),
    normal(1, 1, 3, 3),
    normal(1, 1, 3, 3),
    statics=((1, 1), ((1, 1), (1, 1)), (1, 1), 1),
)
wrong(
    "average pooling's divisor",
    "avg_pool2d",
    plant(
        "avg_pool2d",
        lambda input: input.reshape(1, 1, 2, 2, 2, 2).mean((3, 5)),
        lambda g: ag.repeat_interleave(ag.repeat_interleave(g, 2, 2), 2, 3) / 2,
    ),
    normal(1, 1, 4, 4),
)

# ------------------------------------------------------------------------------------------------ ties and kinks

tied = np.array([[1.0, 3.0, 3.0, 2.0], [0.5, -1.0, 0.5, 0.5]])


def rows_max(input: np.ndarray) -> np.ndarray:
    return input.max(1)


def is_max(input: Any, y: Any) -> Any:
    return ag.eq(input, ag.reshape(y, (len(input), 1)))


wrong(
    "the gradient to every tie",
    "amax",
    plant("amax", rows_max, lambda g, input, y: ag.where(is_max(input, y), ag.reshape(g, (-1, 1)), 0.0)),
    tied,
)
wrong(
    "a tie to the last, not evenly",
    "amax",
    plant(
        "amax",
        rows_max,
        lambda g, input, y: ag.where(np.array([[0, 0, 1, 0], [0, 0, 0, 1]], bool), ag.reshape(g, (-1, 1)), 0.0),
    ),
    tied,
)
wrong(
    "a tie to the last, not the first",
    "max_pool1d",
    plant(
        "max_pool1d",
        rows_max,
        lambda g: ag.where(np.array([[0, 0, 1, 0], [0, 0, 0, 1]], bool), ag.reshape(g, (-1, 1)), 0.0),
    ),
    tied,
)
wrong(
    "the gradient to every tie",
    "max_pool1d",
    plant("max_pool1d", rows_max, lambda g, input, y: ag.where(is_max(input, y), ag.reshape(g, (-1, 1)), 0.0)),
    tied,
)
wrong(
    "a tie to both",
    "maximum",
    plant(
        "maximum",
        np.maximum,
        lambda g, input, other: ag.where(ag.ge(input, other), g, 0.0),
        lambda g, input, other: ag.where(ag.ge(other, input), g, 0.0),
    ),
    [1.0, 2.0, -0.5],
    [1.0, 0.5, -0.5],
)
wrong(
    "a tie to the first, not halves",
    "maximum",
    plant(
        "maximum",
        np.maximum,
        lambda g, input, other: ag.where(ag.ge(input, other), g, 0.0),
        lambda g, input, other: ag.where(ag.gt(other, input), g, 0.0),
    ),
    [1.0, 2.0, -0.5],
    [1.0, 0.5, -0.5],
)
wrong(
    "1 at 0",
    "relu",
    plant("relu", lambda input: np.maximum(input, 0), lambda g, input: ag.where(ag.ge(input, 0.0), g, 0.0)),
    [-1.0, 0.0, 0.7, 0.0],
)
wrong(
    "no subgradient at 0",
    "relu",
    plant(
        "relu",
        lambda input: np.maximum(input, 0),
        lambda g, input: ag.where(ag.gt(input, 0.0), g, ag.where(ag.eq(input, 0.0), g * 2.0, 0.0)),
    ),
    [-1.0, 0.0, 0.7],
)
wrong(
    "negative at 0",
    "relu",
    plant(
        "relu",
        lambda input: np.maximum(input, 0),
        lambda g, input: ag.where(ag.gt(input, 0.0), g, ag.where(ag.eq(input, 0.0), g * -0.5, 0.0)),
    ),
    [-1.0, 0.0, 0.7],
)
wrong("1 at 0", "abs", plant("abs", np.abs, lambda g, input: ag.where(ag.ge(input, 0.0), g, -g)), [-1.0, 0.0, 0.7])
wrong(
    "nothing at the bounds",
    "clamp",
    plant(
        "clamp", lambda input: np.clip(input, -1.0, 1.0), lambda g, input: ag.where(ag.lt(ag.abs(input), 1.0), g, 0.0)
    ),
    [-1.0, 0.2, 1.0, 2.0],
)
wrong(
    "the slope on the wrong side",
    "leaky_relu",
    plant(
        "leaky_relu",
        lambda input: np.where(input > 0, input, 0.1 * input),
        lambda g, input: ag.where(ag.gt(input, 0.0), g * 0.1, g),
    ),
    normal(4),
)
wrong(
    "passes where it is cut off",
    "hardtanh",
    plant("hardtanh", lambda input: np.clip(input, -1, 1), lambda g: g),
    [-2.0, 0.3, 1.7],
)
wrong("rounding passes the gradient straight through", "round", plant("round", np.round, lambda g: g), normal(4))

# ------------------------------------------------------------------------------------------------ stale values

_last: dict[str, np.ndarray] = {}


def _remembered(input: np.ndarray) -> np.ndarray:
    _last["y"] = np.exp(input)
    return _last["y"].copy()


_stale = plant("exp", _remembered, lambda g: g * _last["y"])
CASES.append(
    Case(
        "a value of the last call, not of this one",
        "exp",
        lambda x: _stale(x * 1.25) + _stale(x * 0.5) * 1.5,
        [normal(4)],
    )
)

_kept = plant("exp", np.exp, lambda g, y: g * y)


def _written_behind(x: Any) -> Any:
    y = _kept(x * 1.25)
    y.data.add_(1.0)
    return y * 1.5


CASES.append(Case("a saved value written behind the tape's back", "exp", _written_behind, [normal(4)]))

_workspace = np.zeros(4)


def _into_workspace(input: np.ndarray) -> np.ndarray:
    np.square(input, out=_workspace)
    return _workspace.copy()


_shared = plant("square", _into_workspace, lambda g: g * 2.0 * ag.sqrt(_workspace.copy()))
CASES.append(
    Case(
        "a workspace that the next call overwrites",
        "square",
        lambda x: _shared(x * 1.25) * _shared(x + 0.5),
        [positive(4)],
    )
)

# ------------------------------------------------------------------------------------------------ fused and joint

wrong(
    "means not projected out of the batch",
    "batch_norm",
    plant(
        "batch_norm",
        lambda input, weight: (input - input.mean(0)) / input.std(0) * weight,
        joint=lambda g, input, weight: [
            g * weight / ag.std(input, 0, correction=0),
            ag.sum(g * (input - ag.mean(input, 0)) / ag.std(input, 0, correction=0), 0),
        ],
        n_inputs=2,
    ),
    normal(4, 3),
    positive(3),
)
wrong(
    "the two gradients exchanged",
    "bilinear",
    plant(
        "bilinear", lambda input, other: input * other, joint=lambda g, input, other: [g * input, g * other], n_inputs=2
    ),
    normal(3),
    normal(3),
)
wrong(
    "gates exchanged",
    "gate",
    plant(
        "gate",
        lambda input, other: np.tanh(input) / (1 + np.exp(-other)),
        joint=lambda g, input, other: [
            g * ag.tanh(input) * ag.sigmoid(other),
            g * ag.sigmoid(other) * (1 - ag.tanh(input) ** 2),
        ],
        n_inputs=2,
    ),
    normal(3),
    normal(3),
)
wrong(
    "a logarithm's mean for the mean's logarithm",
    "logsumexp",
    plant("logsumexp", lambda input: np.log(np.exp(input).sum()), lambda g: g / 5),
    normal(5),
)
wrong(
    "the norm's division forgotten",
    "norm",
    plant("norm", lambda input: np.sqrt((input**2).sum()), lambda g, input: g * input),
    normal(4),
)
wrong(
    "the inverse not transposed",
    "inverse",
    plant("inverse", np.linalg.inv, lambda g, y: -ag.matmul(ag.matmul(y, g), y)),
    normal(3, 3) + 3 * np.eye(3),
)
wrong(
    "half of a symmetric gradient",
    "gram",
    plant("gram", lambda input: input @ input.T, lambda g, input: ag.matmul(g, input)),
    normal(3, 4),
)
wrong(
    "the product's own element not left out",
    "prod",
    plant("prod", lambda input: np.prod(input), lambda g, y: g * y),
    normal(4),
)
wrong(
    "kept dimension lost",
    "std",
    plant(
        "std",
        lambda input: input.std(1),
        lambda g, input, y: (
            ag.reshape(g, _kept_shape((3, 3), 0)) * (input - ag.mean(input, 1, True)) / (3 * ag.reshape(y, (3, 1)))
        ),
    ),
    normal(3, 3),
)

# --------------------------------------------------------------------------------------------- only in the second order

wrong(
    "the derivative is taken for a constant",
    "sin",
    plant("sin", np.sin, lambda g, input: g * detached(ag.cos(input))),
    normal(4),
    order=2,
)
wrong(
    "the saved output is taken for a constant",
    "exp",
    plant("exp", np.exp, lambda g, y: g * detached(y)),
    normal(4),
    order=2,
)
wrong(
    "the incoming gradient is taken for a constant",
    "mul",
    plant("mul", np.multiply, lambda g, other: detached(g) * other, lambda g, input: g * input),
    normal(3),
    normal(3),
    order=2,
)
wrong(
    "the other input is taken for a constant",
    "matmul",
    plant(
        "matmul",
        np.matmul,
        lambda g, other: ag.matmul(g, ag.transpose(detached(other), 0, 1)),
        lambda g, input: ag.matmul(ag.transpose(input, 0, 1), g),
    ),
    normal(2, 3),
    normal(3, 2),
    order=2,
)
wrong(
    "one factor of two is taken for a constant",
    "tanh",
    plant("tanh", np.tanh, lambda g, y: g * (1 - y * detached(y))),
    normal(4),
    order=2,
)

_cos = plant("cos", np.cos, lambda g, input: g * ag.sin(input))
wrong(
    "the derivative's own derivative has the wrong sign",
    "cos",
    plant("sin", np.sin, lambda g, input: g * _cos(input)),
    normal(4),
    order=2,
)
_sigmoid = plant("sigmoid", lambda input: 1 / (1 + np.exp(-input)), lambda g, y: g * y)
wrong(
    "the derivative's own derivative lacks a term",
    "sigmoid",
    plant("softplus", lambda input: np.log1p(np.exp(input)), lambda g, input: g * _sigmoid(input)),
    normal(4),
    order=2,
)
