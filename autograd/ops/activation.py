"""Activation functions of one input; `nn.functional` exports them."""

from __future__ import annotations

from math import inf, pi, sqrt
from typing import Any

import numpy as np
from numpy import ndarray

from .. import tape
from ..errors import DTypeError, NumberError, ShapeError, only_tensors
from ..kernels import elementwise as kernels
from ..kernels import softsign as smooth
from ..kernels.broadcast import broadcast
from ..kernels.overwrite import alone
from ..kernels.quiet import quiet
from ..op import REGISTRY, function, op
from ..samples import unary
from .chain import times
from .compare import _where
from .elementwise import abs as _abs
from .elementwise import exp, sigmoid, tanh
from .special import erf


def _floating(name: str, input: Any) -> None:
    if np.asarray(input).dtype.kind != "f":
        raise DTypeError(
            f"{name}: expected a floating-point tensor, got {np.asarray(input).dtype}; convert with float()"
        )


def _like(input: Any, value: float) -> Any:
    """A number in the input's dtype, so that numpy computes in that."""
    return np.asarray(input).dtype.type(value)


def _large(input: Any) -> bool:
    """Whether a kernel is worth its call in place of one of numpy's: below this numpy is as fast."""
    return type(input) is ndarray and input.size >= 2048 and input.dtype.kind == "f"


_SEVERAL = 128  # elements from which a kernel is quicker than several calls of numpy


def _vectors(input: Any, g: Any = None) -> bool:
    """Whether the vector kernels take the input, and the gradient g with it."""
    if type(input) is not ndarray or input.size < _SEVERAL or input.dtype.char not in "fd":
        return False
    return g is None or (type(g) is ndarray and g.dtype == input.dtype and g.shape == input.shape)


# -------------------------------------------------------------------------------------------- the rectifiers


@op(
    lambda g, output: _where_positive(g, output),
    None,
    samples=lambda s: [(s(3, 4), s(3, 4)), (s(40, 60), s(40, 60)), (s(), s())],
)
def _where_positive(input: Any, output: Any) -> Any:
    """input where output > 0, else 0: the gradient of relu."""
    if type(input) is ndarray and input.dtype.kind == "f" and input.shape == output.shape:
        return kernels.relu_backward(input, output)
    return _where(np.less_equal(output, 0), input.dtype.type(0), input)


@op(
    lambda g, y: _where_positive(g, y),
    inplace=True,
    writes=alone(lambda x, out: np.maximum(x, 0, out=out), kernels.relu, 2048),
    samples=lambda s: [*unary()(s), (s(40, 60),)],
)
def relu(input: Any) -> Any:
    """max(input, 0). The gradient at 0 is 0.

    >>> autograd.relu(autograd.tensor([-1.5, 0.5]))
    tensor([0.0000, 0.5000])
    """
    if _large(input):
        return kernels.relu(input)
    if np.asarray(input).dtype.kind == "b":
        raise DTypeError("relu: bools have no sign; convert with to()")
    return np.maximum(input, 0)


tape.own_ways[REGISTRY["relu"]] = tape.Walk.clipped


@op(
    lambda g, output, negative_slope: _scaled_below(g, output, negative_slope),
    None,
    samples=lambda s: [(s(3, 4), s(3, 4), 0.1), (s(40, 60), s(40, 60), 0.1), (s(), s(), 0.1)],
)
def _scaled_below(input: Any, output: Any, negative_slope: float) -> Any:
    """input where output > 0, else negative_slope * input: the gradient of leaky_relu, and with itself its value."""
    if _large(input) and input.dtype == output.dtype and input.shape == output.shape:
        return kernels.leaky_relu(input, output, negative_slope)
    return _where(np.greater(output, 0), input, input * _like(input, negative_slope))


@op(
    lambda g, input, negative_slope: _scaled_below(g, input, negative_slope),
    inplace=True,
    method=False,
    samples=lambda s: [*unary()(s), (s(3, 4), 0.2), (s(40, 60), 0.2)],
)
def leaky_relu(input: Any, negative_slope: float = 0.01) -> Any:
    """input where positive, else negative_slope * input; that is the gradient at 0 too.

    >>> autograd.leaky_relu(autograd.tensor([-1.5, 0.5]))
    tensor([-0.0150,  0.5000])
    """
    _floating("leaky_relu", input)
    if 0 < negative_slope <= 1 and not _large(input):
        return np.maximum(input, input * _like(input, negative_slope))
    return _scaled_below(input, input, negative_slope)


def _prelu_input(g: Any, input: Any, weight: Any) -> Any:
    if _vectors(input, g):
        slope = broadcast(kernels.parametric_slope, input, weight)
        if slope is not None:
            return times(g, slope)
    return _where(input > 0, g, times(g, weight))


def _prelu_weight(g: Any, input: Any) -> Any:
    return kernels.not_passed(g, input) if _vectors(input, g) else _where(input > 0, 0.0, times(g, input))


@op(
    lambda g, input, weight: _prelu_input(g, input, weight),
    lambda g, input: _prelu_weight(g, input),
    samples=lambda s: [(s(2, 3), s(3)), (s(2), s(1)), (s(40, 60), s(60)), (s(40, 60), s(1))],
)
@quiet
def _prelu(input: Any, weight: Any) -> Any:
    """input where positive, else weight * input, broadcast."""
    if _vectors(input):
        stretched = broadcast(kernels.parametric, input, weight)
        if stretched is not None:
            return stretched
    y = np.asarray(input * weight)
    np.copyto(y, input, where=np.greater(input, 0))  # times a weight of inf or NaN, nothing is not nothing
    return y


@function(samples=lambda s: [(s(2, 3, 2), s(3)), (s(4), s(1)), (s(), s())])
def prelu(input: Any, weight: Any) -> Any:
    """input where positive, else weight * input, weight one number or one a channel (dimension 1). He et al. 2015.

    >>> autograd.prelu(autograd.tensor([-2.0, 1.0]), autograd.tensor([0.1]))
    tensor([-0.2000,  1.0000])
    """
    only_tensors("prelu", input=input, weight=weight)
    n, shape = weight.size if isinstance(weight, ndarray) else weight.numel(), tuple(input.shape)
    channels = shape[1] if len(shape) > 1 else 1
    if input.dtype.kind != "f":
        raise DTypeError(f"prelu: input is {input.dtype}; expected a floating dtype, convert with float()")
    if n not in (1, channels):
        raise ShapeError(f"prelu: expected a weight of 1 or {channels} elements for input {shape}, got {n}")
    if weight.ndim > 1 or weight.dtype != input.dtype:
        raise (ShapeError if weight.ndim > 1 else DTypeError)(
            f"prelu: weight is {weight.dtype} of shape {tuple(weight.shape)}; expected a number or a vector of input's "
            f"{input.dtype}"
        )
    from .shape import _reshape

    return _prelu(input, _reshape(weight, (n,) + (1,) * max(len(shape) - 2, 0) if shape else ()))


@op(
    lambda g, input, threshold: (
        kernels.above(input, g, threshold, 0) if _vectors(input, g) else _where(input <= threshold, 0.0, g)
    ),
    inplace=True,
    method=False,
    samples=lambda s: [(s(3, 4), 0.1, 20.0), (s(), 0.0, 1.0)],
)
def threshold(input: Any, threshold: float, value: float) -> Any:
    """input where above threshold, else value.

    >>> autograd.threshold(autograd.tensor([-1.0, 2.0]), 0.0, 5.0)
    tensor([5., 2.])
    """
    if _vectors(input):
        return kernels.above(input, input, threshold, value)
    return _where(np.less_equal(input, threshold), _like(input, value), input)


@op(
    lambda g, input, min_val, max_val: (
        kernels.limit_backward(input, g, min_val, max_val)
        if _vectors(input, g)
        else _where((input <= min_val) | (input >= max_val), 0.0, g)
    ),
    inplace=True,
    method=False,
    samples=lambda s: [*unary()(s), (s(3, 4), -0.5, 1.5)],
)
def hardtanh(input: Any, min_val: float = -1.0, max_val: float = 1.0) -> Any:
    """input limited to [min_val, max_val]; the gradient at the bounds is 0.

    >>> autograd.hardtanh(autograd.tensor([-1.5, 0.5]))
    tensor([-1.0000,  0.5000])
    """
    if min_val > max_val:
        raise NumberError(f"hardtanh: min_val {min_val} is larger than max_val {max_val}")
    kind = np.asarray(input).dtype.kind
    if kind == "b" or (kind == "u" and int(min_val) < 0):
        raise DTypeError(
            f"hardtanh: {np.asarray(input).dtype} has no negative numbers to limit at {min_val}; convert with to()"
        )
    if _vectors(input):
        return kernels.limit(input, min_val, max_val)
    return np.minimum(np.maximum(input, _like(input, min_val)), _like(input, max_val))


@function(inplace=True, method=False, samples=unary(-3, 9))
def relu6(input: Any) -> Any:
    """min(max(input, 0), 6); the gradient at the bounds is 0.

    >>> autograd.relu6(autograd.tensor([-1.5, 0.5]))
    tensor([0.0000, 0.5000])
    """
    return hardtanh(input, 0.0, 6.0)


@op(
    lambda g, input: (
        kernels.hardsigmoid_backward(input, g)
        if _vectors(input, g)
        else _where((input > -3.0) & (input < 3.0), g * (1.0 / 6.0), 0.0)
    ),
    inplace=True,
    method=False,
    samples=unary(-4, 4),
)
def hardsigmoid(input: Any) -> Any:
    """min(max(input + 3, 0), 6) / 6; the gradient at the bounds is 0.

    >>> autograd.hardsigmoid(autograd.tensor([-1.5, 0.5]))
    tensor([0.2500, 0.5833])
    """
    _floating("hardsigmoid", input)
    if _vectors(input):
        return kernels.hardsigmoid(input)
    return np.minimum(np.maximum(input + 3, 0), 6) / 6


@op(
    lambda g, input: (
        kernels.hardswish_backward(input, g)
        if _vectors(input, g)
        else _where(input <= -3.0, 0.0, _where(input < 3.0, g * (input * (1.0 / 3.0) + 0.5), g))
    ),
    inplace=True,
    method=False,
    samples=unary(-4, 4),
)
@quiet
def hardswish(input: Any) -> Any:
    """input * min(max(input + 3, 0), 6) / 6.

    >>> autograd.hardswish(autograd.tensor([-1.5, 0.5]))
    tensor([-0.3750,  0.2917])
    """
    _floating("hardswish", input)
    if _vectors(input):
        return kernels.hardswish(input)
    return input * np.minimum(np.maximum(input + 3, 0), 6) / 6


@op(
    lambda g, input, lambd: (
        kernels.hardshrink(input, g, lambd)
        if _vectors(input, g)
        else _where((input >= -lambd) & (input <= lambd), 0.0, g)
    ),
    samples=lambda s: [*unary()(s), (s(3, 4), 1.0)],
)
def hardshrink(input: Any, lambd: float = 0.5) -> Any:
    """input, but 0 where |input| <= lambd.

    >>> autograd.hardshrink(autograd.tensor([-1.5, 0.5]))
    tensor([-1.5000,  0.0000])
    """
    if _vectors(input):
        return kernels.hardshrink(input, input, lambd)
    return _where(np.less_equal(np.abs(input), lambd), _like(input, 0), input)


@op(
    lambda g, input, lambd: (
        kernels.softshrink_backward(input, g, lambd)
        if _vectors(input, g)
        else _where((input < -lambd) | (input > lambd), g, 0.0)
    ),
    method=False,
    samples=lambda s: [*unary()(s), (s(3, 4), 1.0)],
)
def softshrink(input: Any, lambd: float = 0.5) -> Any:
    """input moved toward 0 by lambd, 0 where |input| <= lambd.

    >>> autograd.softshrink(autograd.tensor([-1.5, 0.5]))
    tensor([-1.,  0.])
    """
    if lambd < 0:
        raise NumberError(f"softshrink: expected lambd >= 0, got {lambd}")
    if input.dtype.kind == "b":
        raise DTypeError("softshrink: bools cannot be shrunk; convert with float()")
    if _vectors(input):
        return kernels.softshrink(input, lambd)
    return input - np.minimum(np.maximum(input, _like(input, -lambd)), _like(input, lambd))


# ------------------------------------------------------------------------------------------- the smooth ones


def _elu_pull(g: Any, input: Any, alpha: float, scale: float, rate: float) -> Any:
    if rate > 0 and _vectors(input, g):
        return kernels.elu_backward(input, g, alpha * scale, scale, rate)
    below = _where(input < 0, input, 0.0)  # so that the branch not taken does not overflow
    return _where(input <= 0, times(g, exp(below * rate) * (alpha * scale * rate)), g * scale)


@op(
    lambda g, input, alpha, scale, rate: _elu_pull(g, input, alpha, scale, rate),
    samples=lambda s: [(s(3, 4), 1.0, 1.0, 1.0), (s(3), 0.5, 1.1, 2.0)],
)
@quiet
def _elu(input: Any, alpha: float, scale: float, rate: float) -> Any:
    """scale * input where positive, else scale * alpha * (exp(rate * input) - 1)."""
    _floating("elu", input)
    if rate > 0 and _vectors(input):
        return kernels.elu(input, alpha * scale, scale, rate)
    below = np.expm1(np.minimum(input, 0) * _like(input, rate)) * _like(input, alpha * scale)
    return _where(np.greater(input, 0), input * _like(input, scale), below)


@function(inplace=True, method=False, samples=lambda s: [*unary()(s), (s(3), 0.5)])
def elu(input: Any, alpha: float = 1.0) -> Any:
    """input where positive, else alpha * (exp(input) - 1). Clevert et al. 2015, arXiv:1511.07289.

    >>> autograd.elu(autograd.tensor([-1.5, 0.5]))
    tensor([-0.7769,  0.5000])
    """
    return _elu(input, alpha, 1.0, 1.0)


@function(inplace=True, method=False, samples=lambda s: [*unary()(s), (s(3), 0.5)])
def celu(input: Any, alpha: float = 1.0) -> Any:
    """max(input, 0) + min(0, alpha * (exp(input / alpha) - 1)). Barron 2017, arXiv:1704.07483.

    >>> autograd.celu(autograd.tensor([-1.5, 0.5]))
    tensor([-0.7769,  0.5000])
    """
    if alpha == 0:
        raise NumberError("celu: alpha must not be 0")
    return _elu(input, alpha, 1.0, 1.0 / alpha)


@function(inplace=True, method=False, samples=unary())
def selu(input: Any) -> Any:
    """`elu` with the scales that keep mean 0 and variance 1. Klambauer et al. 2017, arXiv:1706.02515.

    >>> autograd.selu(autograd.tensor([-1.5, 0.5]))
    tensor([-1.3658,  0.5254])
    """
    return _elu(input, 1.6732632423543772848170429916717, 1.0507009873554804934193349852946, 1.0)


def _gelu_vectors(approximate: str, input: Any, g: Any = None) -> bool:
    """Whether there is a kernel for these."""
    return approximate in ("tanh", "none") and _vectors(input, g)


def _gelu_pull(g: Any, input: Any, approximate: str) -> Any:
    if _gelu_vectors(approximate, input, g):
        return (kernels.gelu_backward if approximate == "none" else kernels.gelu_tanh_backward)(input, g)
    if approximate == "none":
        density = exp(input * input * -0.5) * (1 / sqrt(2 * pi))
        return times(g, 0.5 * erf(input * sqrt(0.5)) + 0.5 + _bounded_product(input, density))
    inner, slope = (
        sqrt(2 / pi) * (input + 0.044715 * input * input * input),
        sqrt(2 / pi) * (1 + 3 * 0.044715 * input * input),
    )
    t = tanh(inner)
    return times(g, 0.5 * (1.0 + t) + _bounded_product(0.5 * input, (1.0 - t * t) * slope))


def _bounded_product(input: Any, decay: Any) -> Any:
    """input * decay where decay falls faster than input grows: 0 at infinity."""
    return times(decay, input)


@op(
    lambda g, input, approximate: _gelu_pull(g, input, approximate),
    method=False,
    samples=lambda s: [*unary()(s), (s(3, 4), "tanh"), (s(3), {"approximate": "tanh"})],
)
@quiet
def gelu(input: Any, approximate: str = "none") -> Any:
    """input * P(X <= input) of a standard normal X, or its "tanh" approximation. Hendrycks 2016, arXiv:1606.08415.

    >>> autograd.gelu(autograd.tensor([-1.5, 0.5]))
    tensor([-0.1002,  0.3457])
    """
    _floating("gelu", input)
    if _gelu_vectors(approximate, input):
        return (kernels.gelu if approximate == "none" else kernels.gelu_tanh)(input)
    if approximate == "none":
        return input * (0.5 + 0.5 * erf(input * _like(input, sqrt(0.5))))
    if approximate != "tanh":
        raise NumberError(f"gelu: expected approximate 'none' or 'tanh', got {approximate!r}")
    inner = sqrt(2 / pi) * (input + 0.044715 * input * input * input)
    return 0.5 * input * (1 + np.tanh(inner))


def _silu_pull(g: Any, input: Any) -> Any:
    if _vectors(input, g):
        return kernels.silu_backward(input, g)
    s = sigmoid(input)
    return times(g, s + times(s * (1.0 - s), input))


@op(lambda g, input: _silu_pull(g, input), inplace=True, method=False, samples=unary())
@quiet
def silu(input: Any) -> Any:
    """input * sigmoid(input), also called swish. Elfwing et al. 2017, arXiv:1702.03118.

    >>> autograd.silu(autograd.tensor([-1.5, 0.5]))
    tensor([-0.2736,  0.3112])
    """
    _floating("silu", input)
    return kernels.silu(input) if _vectors(input) else input * sigmoid(input)


def _mish_pull(g: Any, input: Any) -> Any:
    if _vectors(input, g):
        return kernels.mish_backward(input, g)
    t, s = tanh(softplus(input)), sigmoid(input)
    return times(g, t + times((1.0 - t * t) * s, input))


@op(lambda g, input: _mish_pull(g, input), inplace=True, method=False, samples=unary())
@quiet
def mish(input: Any) -> Any:
    """input * tanh(softplus(input)). Misra 2019, arXiv:1908.08681.

    >>> autograd.mish(autograd.tensor([-1.5, 0.5]))
    tensor([-0.2981,  0.3752])
    """
    _floating("mish", input)
    if _vectors(input):
        return kernels.mish(input)
    return input * np.tanh(np.logaddexp(input, _like(input, 0)))


def _softplus_pull(g: Any, input: Any, beta: float, threshold: float) -> Any:
    if _vectors(input, g):
        return kernels.softplus_backward(input, g, beta, threshold)
    return _where(input * beta > threshold, g, g * sigmoid(input * beta))


@op(
    lambda g, input, beta, threshold: _softplus_pull(g, input, beta, threshold),
    method=False,
    samples=lambda s: [*unary()(s), (s(3, 4), 2.0, 1.5)],
)
@quiet
def softplus(input: Any, beta: float = 1.0, threshold: float = 20.0) -> Any:
    """log(1 + exp(beta * input)) / beta, and input itself where beta * input > threshold.

    >>> autograd.softplus(autograd.tensor([-1.5, 0.5]))
    tensor([0.2014, 0.9741])
    """
    _floating("softplus", input)
    if _vectors(input):
        return kernels.softplus(input, beta, threshold)
    scaled = input * _like(input, beta)
    return _where(scaled > threshold, input, np.logaddexp(scaled, _like(input, 0)) / _like(input, beta))


def _logsigmoid_pull(g: Any, input: Any) -> Any:
    return kernels.softplus_backward(input, g, -1.0, inf) if _vectors(input, g) else g * sigmoid(-input)


@op(lambda g, input: _logsigmoid_pull(g, input), method=False, samples=unary())
@quiet
def logsigmoid(input: Any) -> Any:
    """log(sigmoid(input)) without overflow.

    >>> autograd.logsigmoid(autograd.tensor([-1.5, 0.5]))
    tensor([-1.7014, -0.4741])
    """
    _floating("logsigmoid", input)
    if _vectors(input):
        return kernels.softplus(input, -1.0, inf)
    return -np.logaddexp(-input, _like(input, 0))


def _softsign_pull(g: Any, input: Any) -> Any:
    if _vectors(input, g):
        return smooth.softsign_backward(input, g)
    scale = 1.0 + _abs(input)
    return g / (scale * scale)


@op(lambda g, input: _softsign_pull(g, input), promote="float", method=False, samples=unary())
@quiet
def softsign(input: Any) -> Any:
    """input / (1 + |input|).

    >>> autograd.softsign(autograd.tensor([-1.5, 0.5]))
    tensor([-0.6000,  0.3333])
    """
    if _vectors(input):
        return smooth.softsign(input)
    return np.true_divide(input, 1 + np.abs(input))


@function(method=False, samples=unary())
def tanhshrink(input: Any) -> Any:
    """input - tanh(input).

    >>> autograd.tanhshrink(autograd.tensor([-1.5, 0.5]))
    tensor([-0.5949,  0.0379])
    """
    return input - tanh(input)
