"""torch.nn.functional's functions: the operations of `autograd` that networks are made of, and what is composed of them."""

from __future__ import annotations

import warnings
from typing import Any

import autograd
from autograd import Tensor
from autograd.op import REGISTRY
from autograd.op import inplace as written_over
from autograd.ops.conv import (
    col2im,
    im2col,
)

unfold, fold = im2col, col2im


def __getattr__(name: str) -> Any:
    if name in REGISTRY:
        return REGISTRY[name].call
    raise AttributeError(f"module 'nn.functional' has no attribute {name!r}")


def _run(name: str, inplace: bool, input: Any, *args: Any) -> Any:
    """An operation of the registry, its result written over the input where asked."""
    call = REGISTRY[name].call
    return written_over(f"{name}_", call, input, args, {}) if inplace else call(input, *args)


# ------------------------------------------------------------------------------------- activations that can write in place


def relu(input: Tensor, inplace: bool = False) -> Tensor:
    """max(input, 0)."""
    return _run("relu", inplace, input)


def relu6(input: Tensor, inplace: bool = False) -> Tensor:
    """min(max(input, 0), 6)."""
    return _run("relu6", inplace, input)


def selu(input: Tensor, inplace: bool = False) -> Tensor:
    """scale * (max(0, input) + min(0, alpha (e^input - 1))) with SELU's constants."""
    return _run("selu", inplace, input)


def silu(input: Tensor, inplace: bool = False) -> Tensor:
    """input * sigmoid(input)."""
    return _run("silu", inplace, input)


def mish(input: Tensor, inplace: bool = False) -> Tensor:
    """input * tanh(softplus(input))."""
    return _run("mish", inplace, input)


def hardswish(input: Tensor, inplace: bool = False) -> Tensor:
    """input * relu6(input + 3) / 6."""
    return _run("hardswish", inplace, input)


def hardsigmoid(input: Tensor, inplace: bool = False) -> Tensor:
    """relu6(input + 3) / 6."""
    return _run("hardsigmoid", inplace, input)


def threshold(input: Tensor, threshold: float, value: float, inplace: bool = False) -> Tensor:
    """input where input > threshold, else value."""
    return _run("threshold", inplace, input, threshold, value)


def rrelu(
    input: Tensor, lower: float = 1.0 / 8, upper: float = 1.0 / 3, training: bool = False, inplace: bool = False
) -> Tensor:
    """input where input >= 0, else a * input: a drawn from (lower, upper) in training, else their mean."""
    return _run("rrelu", inplace, input, lower, upper, training)


def hardtanh(input: Tensor, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> Tensor:
    """min(max(input, min_val), max_val)."""
    return _run("hardtanh", inplace, input, min_val, max_val)


def elu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """input where input > 0, else alpha (e^input - 1)."""
    return _run("elu", inplace, input, alpha)


def celu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """max(0, input) + min(0, alpha (e^(input / alpha) - 1))."""
    return _run("celu", inplace, input, alpha)


def leaky_relu(input: Tensor, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
    """input where input >= 0, else negative_slope * input."""
    return _run("leaky_relu", inplace, input, negative_slope)


# --------------------------------------------------------------------------------------------------------------- dropout


def dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """In training each element becomes 0 with probability p, else it is divided by 1 - p."""
    return _run("dropout", inplace, input, p, training)


def dropout1d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Dropout of whole channels of (N, C, L) or (C, L)."""
    return _run("dropout1d", inplace, input, p, training)


def dropout2d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Dropout of whole channels of (N, C, H, W) or (C, H, W)."""
    return _run("dropout2d", inplace, input, p, training)


def dropout3d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Dropout of whole channels of (N, C, D, H, W) or (C, D, H, W)."""
    return _run("dropout3d", inplace, input, p, training)


def alpha_dropout(input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False) -> Tensor:
    """Dropout that keeps mean 0 and variance 1, for SELU."""
    return _run("alpha_dropout", inplace, input, p, training)


def feature_alpha_dropout(input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False) -> Tensor:
    """alpha_dropout of whole channels."""
    return _run("feature_alpha_dropout", inplace, input, p, training)


# --------------------------------------------------------------------------------------------------------------- softmax


def _dim_of(name: str, dim: int | None, input: Tensor) -> int:
    """torch's choice where no dim is given, which it warns of too."""
    if dim is not None:
        return dim
    chosen = 0 if input.ndim in (0, 1, 3) else 1
    warnings.warn(f"{name}: the choice of the dimension is deprecated; give dim={chosen}", stacklevel=3)
    return chosen


def softmax(input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None) -> Tensor:
    """e^input_i / sum_j e^input_j along `dim`; dtype: computed in."""
    return autograd.softmax(input, _dim_of("softmax", dim, input), dtype)


def log_softmax(input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None) -> Tensor:
    """The logarithm of softmax along `dim`; dtype: computed in."""
    return autograd.log_softmax(input, _dim_of("log_softmax", dim, input), dtype)


def softmin(input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None) -> Tensor:
    """softmax of -input along `dim`; dtype: computed in."""
    return autograd.softmin(input, _dim_of("softmin", dim, input), dtype)
