"""Dtype conversion, and what writes whole tensors in place: fill_, zero_, copy_."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy import ndarray

from .. import dtypes
from ..errors import DTypeError, ShapeError
from ..inplace import check_writable, rebase, record_node
from ..kernels import move, overwrite
from ..op import REGISTRY, function, op
from ..tape import mode, node_of
from ..tensor import Device, Tensor, on_cpu, to_array
from .index import setitem
from .shape import _array, clone, contiguous, in_format, is_channels_last

# ------------------------------------------------------------------------------------------------------- dtypes


@op(lambda g: g, samples=lambda s: [(s(2, 3), dtypes.float64), (s.ints(3, 2), dtypes.float32), (s(), dtypes.int64)])
def _convert(input: Any, dtype: np.dtype) -> Any:
    """`input` in another dtype."""
    if input.size >= _MANY:
        y = move.converted(input, dtype)
        if y is not None:
            return y
    if dtype.kind == "c":
        dtypes.complex_made()
    elif input.dtype.kind == "c" and dtype.kind != "b":
        warnings.warn("to: casting complex values to real discards the imaginary part", UserWarning, stacklevel=4)
        input = input.real
    with np.errstate(invalid="ignore"):  # NaN to int is as undefined as in torch, and as silent
        return input.astype(dtype)


_MANY = 1 << 12  # elements from where on a kernel is worth its call


def to_dtype(input: Any, dtype: Any) -> Any:
    """`input` itself where it has that dtype, else converted."""
    if type(dtype) is dtypes.DType:
        dtype = dtype.dtype
    return input if _array(input).dtype == dtype else _convert(input, dtype)


@function(
    samples=lambda s: [(s(2, 3), "float64"), (s(2, 3), s(1)), (s(3), "cpu"), (s(3), {"dtype": "float64", "copy": True})]
)
def to(
    input: Any,
    *args: Any,
    dtype: Any = None,
    device: Any = None,
    other: Any = None,
    non_blocking: bool = False,
    copy: bool = False,
    memory_format: Any = None,
) -> Any:
    """`input` in another dtype, `to(dtype)`, or that of a Tensor, `to(other)`; itself if nothing changes, unless copy.

    memory_format: as `contiguous` takes it, by default that of `input`.

    The only device is "cpu": any other is a RuntimeError. A float becomes an integer by cutting off its fraction.

    >>> autograd.tensor([1.5]).to(autograd.int64)
    tensor([1])
    """
    flags: list[bool] = []
    for arg in args:
        if isinstance(arg, (Tensor, ndarray)):
            other = arg
        elif isinstance(arg, (Device, str)) and str(arg).partition(":")[0] not in _DTYPE_NAMES:
            device = arg
        elif isinstance(arg, bool):
            flags.append(arg)
        elif arg is not None:
            dtype = arg
    if len(flags) > 1:  # non_blocking, copy
        copy = flags[1]
    if device is not None:
        on_cpu(device)
    if other is not None:
        dtype = other.dtype
    converted = input if dtype is None else to_dtype(input, dtypes.as_dtype(dtype))
    if is_channels_last("to", memory_format):
        return in_format("to", converted, memory_format, copy and converted is input)
    if memory_format == "contiguous_format":
        converted = contiguous(converted)
    return clone(input) if copy and converted is input else converted


_DTYPE_NAMES = {str(d) for d in dtypes.SUPPORTED} | {"float", "double", "int", "long", "short"}


@function(samples=lambda s: [(s(2, 3), s(1))])
def type_as(input: Any, other: Any) -> Any:
    """`input` in the dtype of `other`.

    >>> autograd.tensor([1]).type_as(autograd.tensor([1.0]))
    tensor([1.])
    """
    return to_dtype(input, other.dtype)


def _conversion(name: str, dtype: np.dtype) -> Any:
    def method(self: Tensor, memory_format: Any = None) -> Tensor:
        converted = to_dtype(self, dtype)
        return in_format(name, converted, memory_format) if is_channels_last(name, memory_format) else converted

    method.__name__ = method.__qualname__ = name
    method.__doc__ = f"The tensor as {dtype}, itself where it is already."
    return method


# --------------------------------------------------------------------------------------------------- in place


def _write(tensor: Tensor, name: str, value: Any) -> Tensor:
    """Write `value`, broadcast and cast, over all of `tensor`, and record it."""
    check_writable(tensor, name)
    x = tensor.numpy_view()
    given = value.numpy_view() if isinstance(value, Tensor) else value
    dtypes.fits(name, x.dtype, given)
    edges: tuple[Any, Any] = (None, None)
    if mode.enabled and x.dtype.kind in "fc":
        edges = (node_of(tensor), node_of(value) if isinstance(value, Tensor) else None)
    try:
        if type(given) in (int, float, bool):
            overwrite.fill(x, given)
        else:
            with np.errstate(invalid="ignore"):
                np.copyto(x, given, casting="unsafe")
    except ValueError:
        raise ShapeError(f"{name}: shape {given.shape} cannot be broadcast to the tensor's {x.shape}") from None
    node = (
        record_node(REGISTRY["_overwrite"], edges, [None, None, None], x) if any(e is not None for e in edges) else None
    )
    rebase(tensor, name, node)
    return tensor


def copy_(self: Tensor, src: Any, non_blocking: bool = False) -> Tensor:
    """Write `src`, broadcast and converted, over this tensor."""
    return _write(self, "copy_", src if isinstance(src, Tensor) else to_array(src))


def fill_(self: Tensor, value: Any) -> Tensor:
    """Write `value`, a number or a 0-dim tensor, everywhere."""
    if len(getattr(value, "shape", ())):
        raise ShapeError(f"fill_: value must be a number or 0-dim, got shape {tuple(value.shape)}")
    if not isinstance(value, (Tensor, int, float, complex, np.generic, ndarray)):
        raise DTypeError(f"fill_: expected a number or a 0-dim tensor, got {type(value).__name__}")
    return _write(self, "fill_", dtypes.fitting("fill_", value, self._data.dtype))


def zero_(self: Tensor) -> Tensor:
    """Write 0 everywhere."""
    return _write(self, "zero_", 0)


def fill_diagonal_(self: Tensor, fill_value: Any) -> Tensor:
    """Write `fill_value` where all indices are equal; more than 2 dimensions must be of one length."""
    shape = self._data.shape
    if len(shape) < 2 or (len(shape) > 2 and len(set(shape)) > 1):
        raise ShapeError(f"fill_diagonal_: expected a matrix, or dimensions of one length; got shape {shape}")
    setitem(self, (list(range(min(shape))),) * len(shape), fill_value)
    return self


_NAMES: dict[str, np.dtype] = {
    "float": dtypes.float32, "double": dtypes.float64, "long": dtypes.int64, "int": dtypes.int32,
    "short": dtypes.int16, "char": dtypes.int8, "byte": dtypes.uint8, "bool": dtypes.bool_, "cfloat": dtypes.complex64,
    "cdouble": dtypes.complex128,
}  # fmt: skip
METHODS: dict[str, Any] = {name: _conversion(name, dtype) for name, dtype in _NAMES.items()}
METHODS |= {"copy_": copy_, "fill_": fill_, "zero_": zero_, "fill_diagonal_": fill_diagonal_}
