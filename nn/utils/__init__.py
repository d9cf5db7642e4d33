"""Helpers for training and for parameters: torch.nn.utils' names."""

from __future__ import annotations

from . import averaging, parametrizations, parametrize, prune, rnn, stateless
from .clip import clip_grad_norm, clip_grad_norm_, clip_grad_value_, clip_grads_with_norm_, get_total_norm
from .construct import (
    convert_conv2d_weight_memory_format,
    convert_conv3d_weight_memory_format,
    fuse_conv_bn_weights,
    fuse_linear_bn_weights,
    skip_init,
)
from .fusion import fuse_conv_bn_eval, fuse_linear_bn_eval
from .norms import remove_spectral_norm, remove_weight_norm, spectral_norm, weight_norm
from .stateless import functional_call
from .transfer import freeze, freeze_batch_norm, parameter_groups, swap_head, unfreeze
from .vector import parameters_to_vector, vector_to_parameters

__all__ = [
    "clip_grad_norm",
    "skip_init",
    "fuse_linear_bn_weights",
    "fuse_conv_bn_weights",
    "convert_conv3d_weight_memory_format",
    "convert_conv2d_weight_memory_format",
    "clip_grad_norm_",
    "clip_grad_value_",
    "clip_grads_with_norm_",
    "freeze",
    "freeze_batch_norm",
    "functional_call",
    "fuse_conv_bn_eval",
    "fuse_linear_bn_eval",
    "get_total_norm",
    "parameter_groups",
    "parameters_to_vector",
    "parametrizations",
    "parametrize",
    "prune",
    "remove_spectral_norm",
    "remove_weight_norm",
    "rnn",
    "spectral_norm",
    "stateless",
    "swap_head",
    "unfreeze",
    "vector_to_parameters",
    "weight_norm",
]
