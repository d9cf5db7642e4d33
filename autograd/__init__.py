"""An autograd engine on numpy and numba, with PyTorch's names and meanings."""

# ruff: noqa: F401  the names imported here are what the package exports
from __future__ import annotations

from numba import get_num_threads, set_num_threads

from . import creation, dtypes, errors, functional, linalg, ops, random, tape, tape_show
from .anomaly import AnomalyError, detect_anomaly, set_detect_anomaly
from .check import gradcheck, gradgradcheck
from .creation import (
    arange,
    as_tensor,
    asarray,
    can_cast,
    empty,
    empty_like,
    eye,
    finfo,
    from_numpy,
    frombuffer,
    full,
    full_like,
    iinfo,
    is_floating_point,
    is_nonzero,
    is_tensor,
    linspace,
    logspace,
    numel,
    ones,
    ones_like,
    promote_types,
    rand,
    rand_like,
    randint,
    randint_like,
    randn,
    randn_like,
    randperm,
    result_type,
    scalar_tensor,
    tensor,
    tril_indices,
    triu_indices,
    zeros,
    zeros_like,
)
from .dtypes import (
    bool_,
    float32,
    float64,
    get_default_dtype,
    int8,
    int16,
    int32,
    int64,
    set_default_dtype,
    uint8,
)
from .function import Function, checkpoint, saved_tensors_hooks
from .install import install
from .io import load, save
from .op import REGISTRY
from .ops.shape import broadcast_shapes
from .profiler import profile
from .random import (
    Generator,
    bernoulli,
    default_generator,
    get_rng_state,
    initial_seed,
    manual_seed,
    multinomial,
    normal,
    seed,
    set_rng_state,
)
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

# torch's short names; some hide Python's own, in this module only
double, long, short = float64, int64, int16
float, int, bool = float32, int32, bool_

install()
globals().update({name: entry.call for name, entry in REGISTRY.items() if not name.startswith("_")})
