"""An autograd engine on numpy and numba, with PyTorch's names and meanings."""

from __future__ import annotations

from typing import Any

from . import dtypes, errors, ops, random, tape
from .check import gradcheck, gradgradcheck
from .dtypes import (
    float32,
    float64,
    get_default_dtype,
    int8,
    int16,
    int32,
    int64,
    promote_types,
    set_default_dtype,
    uint8,
)
from .install import install
from .op import REGISTRY
from .random import Generator, default_generator, manual_seed
from .tape import (
    SparseRows,
    backward,
    enable_grad,
    grad,
    inference_mode,
    is_grad_enabled,
    is_inference_mode_enabled,
    no_grad,
    set_grad_enabled,
)
from .tensor import Device as device
from .tensor import Size, Tensor

install()
globals().update({name: entry.call for name, entry in REGISTRY.items() if not name.startswith("_")})


def __getattr__(name: str) -> Any:
    # the registry's functions are put here by the line above; this tells type checkers that they exist
    raise AttributeError(f"module 'autograd' has no attribute {name!r}")
