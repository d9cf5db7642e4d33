"""An autograd engine on numpy and numba, with PyTorch's names and meanings."""

from __future__ import annotations

from . import dtypes, errors, ops, tape
from .install import install
from .op import REGISTRY
from .tape import backward, enable_grad, grad, inference_mode, no_grad, set_grad_enabled
from .tensor import Tensor, to_array, wrap

install()
globals().update({name: entry.call for name, entry in REGISTRY.items() if not name.startswith("_")})
