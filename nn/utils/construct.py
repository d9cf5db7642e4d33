"""Modules and weights made in ways of their own: `skip_init`, and the arithmetic of `fuse_conv_bn_eval` on bare weights."""

from __future__ import annotations

import inspect
from typing import Any, TypeVar

from autograd import Tensor

from ..module import Module
from ..parameter import Parameter

M = TypeVar("M", bound=Module)


def skip_init(module_cls: type[M], *args: Any, **kwargs: Any) -> M:
    """`module_cls(*args, **kwargs)`, whose values are not to be relied on: what is loaded next takes their place.

    >>> nn.utils.skip_init(nn.Linear, 2, 3).weight.shape
    Size([3, 2])
    """
    if not issubclass(module_cls, Module):
        raise RuntimeError(f"skip_init: expected a Module class, got {module_cls}")
    if "device" not in inspect.signature(module_cls).parameters:
        raise RuntimeError(f"skip_init: {module_cls.__name__} has no argument device")
    return module_cls(*args, **kwargs)


def fuse_conv_bn_weights(
    conv_w: Tensor, conv_b: Tensor | None, bn_rm: Tensor, bn_rv: Tensor, bn_eps: float, bn_w: Tensor | None,
    bn_b: Tensor | None, transpose: bool = False,
) -> tuple[Parameter, Parameter]:  # fmt: skip
    """Weight and bias of a convolution that does what it and the batch norm behind it do.

    >>> one = autograd.ones(1)
    >>> nn.utils.fuse_conv_bn_weights(autograd.ones(1, 1, 1), None, one, one, 0.0, None, None)[1].item()
    -1.0
    """
    scale = (bn_rv + bn_eps).rsqrt() if bn_w is None else bn_w * (bn_rv + bn_eps).rsqrt()
    shape = [1] * conv_w.ndim
    shape[1 if transpose else 0] = -1
    bias = (-bn_rm if conv_b is None else conv_b - bn_rm) * scale
    bias = bias if bn_b is None else bias + bn_b
    weight = (conv_w * scale.reshape(shape)).to(conv_w.dtype)
    return Parameter(weight.detach(), conv_w.requires_grad), Parameter(bias.detach(), conv_w.requires_grad)


def fuse_linear_bn_weights(
    linear_w: Tensor, linear_b: Tensor | None, bn_rm: Tensor, bn_rv: Tensor, bn_eps: float, bn_w: Tensor, bn_b: Tensor
) -> tuple[Parameter, Parameter]:
    """Weight and bias of a linear layer that does what it and the batch norm behind it do.

    >>> one = autograd.ones(1)
    >>> nn.utils.fuse_linear_bn_weights(autograd.ones(1, 1), None, one, one, 0.0, one, one)[1].item()
    0.0
    """
    return fuse_conv_bn_weights(linear_w, linear_b, bn_rm, bn_rv, bn_eps, bn_w, bn_b)


def convert_conv2d_weight_memory_format(module: M, memory_format: Any) -> M:
    """The module: how memory is laid out is the library's own affair.

    >>> nn.utils.convert_conv2d_weight_memory_format(nn.ReLU(), autograd.channels_last)
    ReLU()
    """
    return module


convert_conv3d_weight_memory_format = convert_conv2d_weight_memory_format
