"""A layer and the batch norm behind it as one layer, for evaluation."""

from __future__ import annotations

import copy
from typing import TypeVar

import numpy as np

from autograd.tensor import wrap

from ..module import Module
from ..parameter import Parameter
from .construct import fuse_conv_bn_weights as fuse_conv_bn_weights  # torch has them here too
from .construct import fuse_linear_bn_weights as fuse_linear_bn_weights

M = TypeVar("M", bound=Module)


def _fused(layer: M, norm: Module, channel: int) -> M:
    """A copy of `layer` that does what `norm` does too; `channel`: the output's dimension of the weight."""
    if layer.training or norm.training:
        raise ValueError("fusion: only works for eval mode, in which the statistics do not change; call eval() first")
    if norm.running_mean is None or norm.running_var is None:
        raise ValueError("fusion: the norm has no running statistics")
    out = copy.deepcopy(layer)
    mean, var = norm.running_mean.numpy(), norm.running_var.numpy()
    scale = 1 / np.sqrt(var + norm.eps)
    if norm.weight is not None:
        scale = scale * norm.weight.detach().numpy()
    weight = layer.weight.detach().numpy()
    bias = np.zeros_like(mean) if layer.bias is None else layer.bias.detach().numpy()
    shape = [1] * weight.ndim
    shape[channel] = -1
    shift = 0.0 if norm.bias is None else norm.bias.detach().numpy()
    fused = {"weight": weight * scale.reshape(shape), "bias": (bias - mean) * scale + shift}
    for name, values in fused.items():
        setattr(out, name, Parameter(wrap(values.astype(weight.dtype)), layer.weight.requires_grad))
    return out


def fuse_conv_bn_eval(conv: M, bn: Module, transpose: bool = False) -> M:
    """The convolution and the batch norm behind it as one convolution; transpose: the convolution is a transposed one.

    Raises ValueError in training mode.

    >>> nn.utils.fuse_conv_bn_eval(nn.Conv1d(1, 2, 1).eval(), nn.BatchNorm1d(2).eval())
    Conv1d(1, 2, kernel_size=(1,), stride=(1,))
    """
    if transpose and getattr(conv, "groups", 1) != 1:
        raise ValueError(f"fuse_conv_bn_eval: transposed convolutions need groups=1, got {conv.groups}")
    return _fused(conv, bn, 1 if transpose else 0)


def fuse_linear_bn_eval(linear: M, bn: Module) -> M:
    """The linear layer and the batch norm behind it as one linear layer. Raises ValueError in training mode.

    >>> nn.utils.fuse_linear_bn_eval(nn.Linear(1, 2).eval(), nn.BatchNorm1d(2).eval())
    Linear(in_features=1, out_features=2, bias=True)
    """
    return _fused(linear, bn, 0)
