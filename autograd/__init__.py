"""An autograd engine on numpy and numba, with PyTorch's names and meanings."""

# ruff: noqa: F401  the names imported here are what the package exports
from __future__ import annotations

import sys as _sys
from importlib import import_module as _import_module
from types import SimpleNamespace as _SimpleNamespace
from typing import Any as _Any

import numpy as _np

from . import (
    accelerator,
    amp,
    backends,
    compiler,
    creation,
    cuda,
    distributed,
    distributions,
    dtypes,
    errors,
    fft,
    foreach,
    func,
    functional,
    futures,
    graph,
    hub,
    jit,
    linalg,
    onnx,
    ops,
    random,
    special,
    tape,
    tape_show,
    testing,
    types,
    utils,
)
from . import io as serialization
from .amp import (
    GradScaler,
    autocast,
    clear_autocast_cache,
    get_autocast_cpu_dtype,
    get_autocast_dtype,
    get_autocast_gpu_dtype,
    is_autocast_cpu_enabled,
    is_autocast_enabled,
)
from .anomaly import AnomalyError, detect_anomaly, set_detect_anomaly
from .check import gradcheck, gradgradcheck
from .creation import (
    BFloat16Tensor,
    BoolTensor,
    ByteTensor,
    CharTensor,
    DoubleTensor,
    FloatTensor,
    HalfTensor,
    IntTensor,
    LongTensor,
    ShortTensor,
    _assert,
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
from .cuda import OutOfMemoryError
from .dtypes import DType as dtype
from .dtypes import get_default_dtype, set_default_dtype
from .function import Function, checkpoint, saved_tensors_hooks
from .functional import vmap
from .futures import Future
from .install import install
from .io import load, save
from .kernels.threads import get_num_threads, set_num_threads
from .lowrank import pca_lowrank, svd_lowrank
from .memory import keep_freed as _keep_freed
from .older import (
    detach_copy,
    feature_dropout,
    fill_,
    frobenius_norm,
    from_dlpack,
    get_device,
    gru_cell,
    is_storage,
    lstm_cell,
    max_pool1d_with_indices,
    native_layer_norm,
    norm_except_dim,
    nuclear_norm,
    orgqr,
    range,
    rnn_relu_cell,
    rnn_tanh_cell,
    segment_reduce,
    unsafe_split_with_sizes,
    zero_,
)
from .op import REGISTRY
from .ops.out import publish as _publish
from .ops.out import with_out as _with_out
from .ops.shape import broadcast_shapes
from .ops.ties import get_ties, set_ties, ties
from .paths import enter as _enter
from .printing import set_printoptions
from .profiler import profile
from .random import (
    Generator,
    bernoulli,
    binomial,
    default_generator,
    get_rng_state,
    initial_seed,
    manual_seed,
    multinomial,
    normal,
    poisson,
    seed,
    set_rng_state,
)
from .settings import (
    Variable,
    are_deterministic_algorithms_enabled,
    channels_last,
    channels_last_3d,
    compile,
    contiguous_format,
    detach,
    empty_permuted,
    empty_strided,
    get_default_device,
    get_deterministic_debug_mode,
    get_float32_matmul_precision,
    get_num_interop_threads,
    is_anomaly_enabled,
    is_complex,
    is_deterministic_algorithms_warn_only_enabled,
    is_inference,
    is_same_size,
    is_signed,
    layout,
    legacy_contiguous_format,
    memory_format,
    preserve_format,
    set_default_device,
    set_default_tensor_type,
    set_deterministic_debug_mode,
    set_float32_matmul_precision,
    set_flush_denormal,
    set_num_interop_threads,
    strided,
    typename,
    use_deterministic_algorithms,
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
from .windows import bartlett_window, blackman_window, hamming_window, hann_window, kaiser_window

float16, float32, float64, bfloat16 = [dtype(name) for name in ("float16", "float32", "float64", "bfloat16")]
int8, int16, int32, int64 = [dtype(f"int{bits}") for bits in (8, 16, 32, 64)]
uint8, uint16, uint32, uint64 = [dtype(f"uint{bits}") for bits in (8, 16, 32, 64)]
complex32, complex64, complex128 = [dtype(f"complex{bits}") for bits in (32, 64, 128)]
float8_e4m3fn, float8_e4m3fnuz = dtype("float8_e4m3fn"), dtype("float8_e4m3fnuz")
float8_e5m2, float8_e5m2fnuz = dtype("float8_e5m2"), dtype("float8_e5m2fnuz")
bool_ = dtype("bool")
# torch's short names; some hide Python's own, in this module only
double, long, short, half, chalf, cfloat, cdouble = float64, int64, int16, float16, complex32, complex64, complex128
float, int, bool = float32, int32, bool_

__version__ = "2.13.0"  # of the torch whose names and meanings these are: scripts ask for it
xpu = mps = accelerator  # each: there is none
version = _SimpleNamespace(__version__=__version__, cuda=None, hip=None, debug=False)
e, inf, nan, pi, newaxis = _np.e, _np.inf, _np.nan, _np.pi, None

autograd = _sys.modules[__name__]  # after `import autograd as torch`, torch.autograd.grad is this package's grad


def __getattr__(name: str) -> _Any:
    # torch.nn and torch.optim in a script that says `import autograd as torch`: packages of their own, which stand above
    # this one, so they are looked for only when asked for.
    if name in ("nn", "optim", "multiprocessing"):
        return _import_module(name)
    raise AttributeError(f"module 'autograd' has no attribute {name!r}", name=name)


_enter()
_keep_freed()
install()
globals().update({name: entry.call for name, entry in REGISTRY.items() if not name.startswith("_")})
globals().update({f"{entry.name}_": getattr(Tensor, f"{entry.name}_") for entry in REGISTRY.values() if entry.inplace})
globals().update(foreach.functions())
_publish(globals())
for _name in (
    "arange",
    "empty",
    "eye",
    "full",
    "linspace",
    "logspace",
    "ones",
    "rand",
    "randint",
    "randn",
    "randperm",
    "zeros",
):
    globals()[_name] = _with_out(_name, globals()[_name], "new")
for _name in ("bernoulli", "multinomial", "normal"):
    globals()[_name] = _with_out(_name, globals()[_name], "exact")
