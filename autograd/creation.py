"""Factories: tensors from data, constants, ranges and random numbers; conversions; questions about dtypes."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from operator import index as as_int
from typing import Any

import numpy as np
from numpy import ndarray

from . import dtypes
from .dtypes import DType
from .errors import DTypeError, ShapeError
from .op import channels_last
from .ops.shape import permute
from .random import Generator, normal_array, rng_of, uniform_array
from .tensor import Tensor, on_cpu, to_array, wrap


def _finish(array: ndarray, device: Any, requires_grad: bool) -> Tensor:
    if device is not None:
        on_cpu(device)
    out = wrap(array)
    return out.requires_grad_() if requires_grad else out


_INT64 = DType("int64")


def _dtype(dtype: Any) -> np.dtype:
    return dtypes._default if dtype is None else dtypes.as_dtype(dtype)


def _shape(name: str, sizes: Sequence[Any], size: Any) -> tuple[int, ...]:
    """`f(2, 3)`, `f((2, 3))` and `f(size=(2, 3))` alike; sizes checked."""
    if size is None:
        size = sizes[0] if len(sizes) == 1 and isinstance(sizes[0], (tuple, list)) else sizes
    elif isinstance(size, int):
        size = (size,)
    try:
        shape = tuple([as_int(n) for n in size])
    except TypeError:
        raise TypeError(f"{name}: sizes must be ints, got {size}") from None
    if shape and min(shape) < 0:
        raise ShapeError(f"{name}: a size must not be negative, got {shape}")
    return shape


# ---------------------------------------------------------------------------------------------------- from data


def tensor(
    data: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False, pin_memory: bool = False
) -> Tensor:
    """A new Tensor with a copy of `data`: numbers, nested sequences, an array or a Tensor.

    Python floats become the default dtype, ints int64, bools bool; arrays and Tensors keep their dtype.
    Raises ValueError for ragged sequences, TypeError for what are not numbers.

    >>> autograd.tensor([[1.0, 2.0], [3.0, 4.0]])
    tensor([[1., 2.],
            [3., 4.]])
    """
    array = np.array(to_array(data, dtype), order="C")
    return _finish(array, device, requires_grad)


def as_tensor(data: Any, dtype: Any = None, device: Any = None) -> Tensor:
    """`data` as a Tensor without a copy where it can be: a Tensor of that dtype itself, an array's own memory.

    >>> autograd.as_tensor([1, 2])
    tensor([1, 2])
    """
    if isinstance(data, Tensor):
        return data if dtype is None else data.to(dtype)
    if device is not None:
        on_cpu(device)
    return _on(to_array(data, dtype))


def asarray(
    obj: Any, *, dtype: Any = None, device: Any = None, copy: bool | None = None, requires_grad: bool = False
) -> Tensor:
    """`as_tensor`, or a copy where `copy` is True. copy=False raises ValueError where only a copy would do.

    >>> autograd.asarray([1, 2])
    tensor([1, 2])
    """
    if copy:
        held = tensor(obj, dtype=dtype, device=device)
    else:
        held = as_tensor(obj, dtype, device)
        source = obj.numpy_view() if isinstance(obj, Tensor) else obj
        if copy is False and not (isinstance(source, ndarray) and np.may_share_memory(source, held.numpy_view())):
            raise ValueError(
                f"asarray: cannot make a Tensor of {type(obj).__name__} without a copy; leave out copy=False"
            )
        if isinstance(obj, Tensor) and not requires_grad and obj.requires_grad:
            held = held.detach()
    return held.requires_grad_() if requires_grad else held


def from_numpy(ndarray: ndarray) -> Tensor:
    """A Tensor on the array's own memory. Raises TypeError for other objects and dtypes not supported.

    >>> autograd.from_numpy(np.array([1, 2]))
    tensor([1, 2])
    """
    if not isinstance(ndarray, np.ndarray):
        raise DTypeError(f"from_numpy: expected an ndarray, got {type(ndarray).__name__}")
    if ndarray.dtype not in dtypes.SUPPORTED or not ndarray.dtype.isnative:
        names = ", ".join(str(d) for d in dtypes.SUPPORTED)
        raise DTypeError(
            f"from_numpy: arrays of {ndarray.dtype} are not supported, expected one of {names}; use astype()"
        )
    canonical = dtypes.as_dtype(ndarray.dtype)
    canonical = next(d for d in dtypes.SUPPORTED if d == canonical)
    return _on(ndarray.view() if ndarray.dtype is canonical else ndarray.view(canonical))


def _on(array: ndarray) -> Tensor:
    """A Tensor on a caller's memory. Where that looks channels-last it is a permuted view, as it is in torch."""
    if array.flags.c_contiguous or not channels_last(array):
        return wrap(array)
    n = array.ndim
    return permute(wrap(array.transpose(0, *range(2, n), 1)), 0, n - 1, *range(1, n - 1))


def frombuffer(buffer: Any, *, dtype: Any, count: int = -1, offset: int = 0, requires_grad: bool = False) -> Tensor:
    """A one-dimensional Tensor on the memory of an object with the buffer interface.

    >>> autograd.frombuffer(bytearray(2), dtype=autograd.uint8)
    tensor([0, 0], dtype=autograd.uint8)
    """
    return _finish(np.frombuffer(buffer, dtypes.as_dtype(dtype), count, offset), None, requires_grad)


# ---------------------------------------------------------------------------------------------------- constants


def zeros(
    *sizes: Any,
    size: Any = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """All zeros, of the default dtype unless one is given.

    >>> autograd.zeros(2)
    tensor([0., 0.])
    """
    return _finish(np.zeros(_shape("zeros", sizes, size), _dtype(dtype)), device, requires_grad)


def ones(
    *sizes: Any,
    size: Any = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """All ones, of the default dtype unless one is given.

    >>> autograd.ones(2)
    tensor([1., 1.])
    """
    return _finish(np.ones(_shape("ones", sizes, size), _dtype(dtype)), device, requires_grad)


def empty(
    *sizes: Any,
    size: Any = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
    memory_format: Any = None,
) -> Tensor:
    """Memory as it was found, of the default dtype unless one is given.

    >>> autograd.empty(2, 3).shape
    Size([2, 3])
    """
    return _finish(np.empty(_shape("empty", sizes, size), _dtype(dtype)), device, requires_grad)


def full(
    size: Any,
    fill_value: Any,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """`fill_value` everywhere; without dtype that of the value: bool, int64 or the default float.

    >>> autograd.full((2,), 7.0)
    tensor([7., 7.])
    """
    value = fill_value.item() if isinstance(fill_value, Tensor) else fill_value
    chosen = dtypes._scalar_dtype(value) if dtype is None else dtypes.as_dtype(dtype)
    value = dtypes.fitting("full", value, chosen)
    if not isinstance(size, (tuple, list)):
        raise TypeError(f"full: size must be a tuple of ints, got {type(size).__name__}")
    return _finish(np.full(_shape("full", (), size), value, chosen), device, requires_grad)


def scalar_tensor(s: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """A number as a 0-dim Tensor of the default dtype unless one is given.

    >>> autograd.scalar_tensor(2)
    tensor(2.)
    """
    return full((), s, dtype=_dtype(dtype), device=device, requires_grad=requires_grad)


def _like(name: str, input: Any) -> ndarray:
    if not isinstance(input, Tensor):
        raise DTypeError(f"{name}: expected a Tensor, got {type(input).__name__}")
    return input._data


def _like_dtype(x: ndarray, dtype: Any) -> np.dtype:
    return x.dtype if dtype is None else dtypes.as_dtype(dtype)


def zeros_like(
    input: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False, memory_format: Any = None
) -> Any:
    """All zeros, of `input`'s shape and, unless one is given, dtype.

    >>> autograd.zeros_like(autograd.tensor([5, 6]))
    tensor([0, 0])
    """
    if not isinstance(input, Tensor):
        return np.zeros_like(input, dtype)
    return _finish(np.zeros_like(input._data, _like_dtype(input._data, dtype)), device, requires_grad)


def ones_like(
    input: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False, memory_format: Any = None
) -> Any:
    """All ones, of `input`'s shape and, unless one is given, dtype.

    >>> autograd.ones_like(autograd.tensor([5, 6]))
    tensor([1, 1])
    """
    if not isinstance(input, Tensor):
        return np.ones_like(input, dtype)
    return _finish(np.ones_like(input._data, _like_dtype(input._data, dtype)), device, requires_grad)


def empty_like(
    input: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False, memory_format: Any = None
) -> Tensor:
    """Memory as it was found, of `input`'s shape and, unless one is given, dtype.

    >>> autograd.empty_like(autograd.ones(2)).shape
    Size([2])
    """
    x = _like("empty_like", input)
    return _finish(np.empty_like(x, _like_dtype(x, dtype)), device, requires_grad)


def full_like(
    input: Any,
    fill_value: Any,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    memory_format: Any = None,
) -> Tensor:
    """`fill_value` everywhere, of `input`'s shape and, unless one is given, dtype.

    >>> autograd.full_like(autograd.ones(2), 7)
    tensor([7., 7.])
    """
    x = _like("full_like", input)
    value = fill_value.item() if isinstance(fill_value, Tensor) else fill_value
    chosen = _like_dtype(x, dtype)
    return _finish(np.full_like(x, dtypes.fitting("full_like", value, chosen), chosen), device, requires_grad)


def eye(n: int, m: int | None = None, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """Ones on the diagonal of an n x m (n x n) matrix, zeros elsewhere.

    >>> autograd.eye(2)
    tensor([[1., 0.],
            [0., 1.]])
    """
    if n < 0 or (m is not None and m < 0):
        raise ShapeError(f"eye: sizes must not be negative, got {n} and {m}")
    return _finish(np.eye(n, m, dtype=_dtype(dtype)), device, requires_grad)


# ------------------------------------------------------------------------------------------------------- ranges


def arange(
    start: Any = None,
    end: Any = None,
    step: Any = 1,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """start, start + step, ... up to but without `end`; `arange(end)` starts at 0. int64 where all are ints.

    >>> autograd.arange(1, 7, 2)
    tensor([1, 3, 5])
    """
    if start is None and end is None:
        raise TypeError("arange: neither start nor end is given; expected at least end")
    if start is None or end is None:
        start, end = 0, start if end is None else end
    start, end, step = (v.item() if isinstance(v, (Tensor, np.generic)) else v for v in (start, end, step))
    if any(isinstance(v, complex) for v in (start, end, step)) or _dtype(dtype).kind == "c":
        raise DTypeError("arange: complex numbers are in no order; convert a range with to()")
    if not step:
        raise ShapeError("arange: step must be nonzero")
    if not all(np.isfinite(v) for v in (start, end)):
        raise ShapeError(f"arange: start and end must be finite, got {start} and {end}")
    if (end - start) * step < 0:
        raise ShapeError(f"arange: end {end} does not lie in the direction of step {step} from start {start}")
    whole = all(isinstance(v, int) for v in (start, end, step))
    chosen = (dtypes.int64 if whole else dtypes._default) if dtype is None else dtypes.as_dtype(dtype)
    if whole:
        return _finish(np.arange(start, end, step, dtype=np.int64).astype(chosen), device, requires_grad)
    if chosen.kind in "iu":  # torch's rule: whole numbers step, but only int64 counts in them
        first, pace = int(start), int(step)
        if not pace:
            raise ShapeError(f"arange: step {step} is 0 as {chosen}; it must be nonzero")
        count = ceil((int(end) - first) / pace if chosen is dtypes.int64 else (end - start) / step)
        return _finish((first + pace * np.arange(count)).astype(chosen), device, requires_grad)
    count = ceil((end - start) / step)
    # each element from its own place: sums of steps would drift
    return _finish((start + step * np.arange(count)).astype(chosen), device, requires_grad)


def range_count(name: str, steps: Any) -> int:
    n = as_int(steps)
    if n < 0:
        raise ShapeError(f"{name}: steps must not be negative, got {n}")
    return n


def linspace(
    start: Any, end: Any, steps: int, *, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """`steps` values at equal distances from `start` to `end`, both included.

    >>> autograd.linspace(0, 1, 5)
    tensor([0.0000, 0.2500, 0.5000, 0.7500, 1.0000])
    """
    start, end = (v.item() if isinstance(v, Tensor) else v for v in (start, end))
    chosen = _dtype(dtype)
    values = _evenly("linspace", start, end, steps, chosen)
    return _finish((np.trunc(values) if chosen.kind in "iu" else values).astype(chosen), device, requires_grad)


def _evenly(name: str, start: Any, end: Any, steps: Any, dtype: np.dtype) -> ndarray:
    """`steps` float64 values from start to end, which are whole numbers first where the dtype is."""
    if dtype.kind in "iu":
        start, end = int(start), int(end)
    if isinstance(start, complex) or isinstance(end, complex):
        if dtype.kind != "c":
            raise DTypeError(f"{name}: from {start} to {end} needs a complex dtype, got {dtype}")
        return np.linspace(start, end, range_count(name, steps), dtype=np.complex128)
    return np.linspace(start, end, range_count(name, steps), dtype=np.float64)


def logspace(
    start: Any,
    end: Any,
    steps: int,
    base: float = 10.0,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """base to the powers at equal distances from `start` to `end`, both included.

    >>> autograd.logspace(0, 2, 3)
    tensor([  1.,  10., 100.])
    """
    start, end = (v.item() if isinstance(v, Tensor) else v for v in (start, end))
    chosen = _dtype(dtype)
    powers = _evenly("logspace", start, end, steps, chosen)
    return _finish(np.power(np.float64(base), powers).astype(chosen), device, requires_grad)


def _triangle_indices(name: str, row: int, col: int, offset: int, lower: bool, dtype: Any, device: Any) -> Tensor:
    if row < 0 or col < 0:
        raise ShapeError(f"{name}: row and col must not be negative, got {row} and {col}")
    found = np.tril_indices(row, offset, col) if lower else np.triu_indices(row, offset, col)
    return _finish(np.stack(found).astype(dtypes.as_dtype(dtype)), device, False)


def tril_indices(row: int, col: int, offset: int = 0, *, dtype: Any = _INT64, device: Any = None) -> Tensor:
    """The rows and columns of the elements on and below a diagonal, (2, count).

    >>> autograd.tril_indices(2, 2)
    tensor([[0, 1, 1],
            [0, 0, 1]])
    """
    return _triangle_indices("tril_indices", row, col, offset, True, dtype, device)


def triu_indices(row: int, col: int, offset: int = 0, *, dtype: Any = _INT64, device: Any = None) -> Tensor:
    """The rows and columns of the elements on and above a diagonal, (2, count).

    >>> autograd.triu_indices(2, 2)
    tensor([[0, 0, 1],
            [0, 1, 1]])
    """
    return _triangle_indices("triu_indices", row, col, offset, False, dtype, device)


# ------------------------------------------------------------------------------------------------------- random


def _float_dtype(name: str, dtype: np.dtype) -> np.dtype:
    if dtype.kind != "f":
        raise DTypeError(f"{name}: expected a floating dtype, got {dtype}; use randint for integers")
    return dtype


def _drawn(name: str, draw: Any, shape: tuple[int, ...], dtype: np.dtype, generator: Generator | None) -> ndarray:
    """Random numbers; both parts of complex ones, of normal ones with a variance of 1 in all."""
    if dtype.kind != "c":
        return draw(shape, _float_dtype(name, dtype), generator)
    parts = draw((*shape, 2), dtypes.REAL_PART[dtype], generator)
    if draw is normal_array:
        parts *= 0.5**0.5
    return parts.view(dtype).reshape(shape)


def rand(
    *sizes: Any,
    size: Any = None,
    generator: Generator | None = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """Uniform in [0, 1); of a complex dtype both parts are.

    >>> autograd.rand(2, 3).shape
    Size([2, 3])
    """
    shape = _shape("rand", sizes, size)
    return _finish(_drawn("rand", uniform_array, shape, _dtype(dtype), generator), device, requires_grad)


def randn(
    *sizes: Any,
    size: Any = None,
    generator: Generator | None = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """Standard normal; of a complex dtype both parts, with variance 1/2 each.

    >>> autograd.randn(2, 3).shape
    Size([2, 3])
    """
    shape = _shape("randn", sizes, size)
    return _finish(_drawn("randn", normal_array, shape, _dtype(dtype), generator), device, requires_grad)


def randint(
    low: int,
    high: Any = None,
    size: Any = None,
    *,
    generator: Generator | None = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Integers of [low, high), or of [0, low) where high is left out; int64 unless another dtype is given.

    >>> autograd.randint(0, 10, (3,)).dtype
    autograd.int64
    """
    if size is None and isinstance(high, (tuple, list)):
        high, size = None, high
    if high is None:
        low, high = 0, low
    if size is None:
        raise TypeError("randint: give size")
    if low >= high:
        raise ShapeError(f"randint: low must be smaller than high, got {low} and {high}")
    draws = rng_of(generator).integers(low, high, _shape("randint", (), size))
    return _finish(draws.astype(dtypes.int64 if dtype is None else dtypes.as_dtype(dtype)), device, requires_grad)


def randperm(
    n: int,
    *,
    generator: Generator | None = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """The numbers 0 to n-1 in random order; int64 unless another dtype is given.

    >>> autograd.randperm(4).sort().values
    tensor([0, 1, 2, 3])
    """
    if n < 0:
        raise ShapeError(f"randperm: n must not be negative, got {n}")
    order = rng_of(generator).permutation(n)
    return _finish(order.astype(dtypes.int64 if dtype is None else dtypes.as_dtype(dtype)), device, requires_grad)


def rand_like(
    input: Tensor,
    *,
    generator: Generator | None = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    memory_format: Any = None,
) -> Tensor:
    """Uniform in [0, 1), of `input`'s shape and, unless one is given, dtype.

    >>> autograd.rand_like(autograd.ones(2)).shape
    Size([2])
    """
    x = _like("rand_like", input)
    return rand(x.shape, generator=generator, dtype=_like_dtype(x, dtype), device=device, requires_grad=requires_grad)


def randn_like(
    input: Tensor,
    *,
    generator: Generator | None = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    memory_format: Any = None,
) -> Tensor:
    """Standard normal, of `input`'s shape and, unless one is given, dtype.

    >>> autograd.randn_like(autograd.ones(2)).shape
    Size([2])
    """
    x = _like("randn_like", input)
    return randn(x.shape, generator=generator, dtype=_like_dtype(x, dtype), device=device, requires_grad=requires_grad)


def randint_like(
    input: Tensor,
    low: int | None = None,
    high: int | None = None,
    *,
    generator: Generator | None = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    memory_format: Any = None,
) -> Tensor:
    """Integers of [low, high), or of [0, low) where one bound is given, of `input`'s shape and, unless one is given, dtype.

    >>> autograd.randint_like(autograd.ones(2), 10).shape
    Size([2])
    """
    x = _like("randint_like", input)
    if low is None and high is None:
        raise TypeError("randint_like: give high")
    return randint(
        0 if low is None else low,
        high,
        x.shape,
        generator=generator,
        dtype=_like_dtype(x, dtype),
        device=device,
        requires_grad=requires_grad,
    )


# ---------------------------------------------------------------------------------------------------- questions


def is_tensor(obj: Any) -> bool:
    """Whether `obj` is a Tensor.

    >>> autograd.is_tensor([1])
    False
    """
    return isinstance(obj, Tensor)


def _assert(condition: Any, message: str) -> None:
    """`assert condition, message`, which models of torch's write so that its compilers see it.

    >>> autograd._assert(True, "never said")
    """
    assert condition, message


def is_floating_point(input: Tensor) -> bool:
    """Whether the dtype is float32 or float64.

    >>> autograd.is_floating_point(autograd.ones(1))
    True
    """
    return input.is_floating_point()


def is_nonzero(input: Tensor) -> bool:
    """Whether the one element is not zero.

    >>> autograd.is_nonzero(autograd.tensor([0]))
    False
    """
    return bool(input)


def numel(input: Tensor) -> int:
    """The number of elements.

    >>> autograd.numel(autograd.ones(2, 3))
    6
    """
    return input.numel()


def result_type(tensor1: Any, tensor2: Any) -> DType:
    """The dtype of an arithmetic result of two Tensors or numbers.

    >>> autograd.result_type(autograd.tensor([1]), 1.5)
    autograd.float32
    """
    return DType(dtypes.result_type(*[t._data if isinstance(t, Tensor) else t for t in (tensor1, tensor2)]))


def can_cast(from_: Any, to: Any) -> bool:
    """Whether the rules of in-place results allow to write `from_` into `to`: not to a lower category.

    >>> autograd.can_cast(autograd.float64, autograd.int64)
    False
    """
    a, b = dtypes.as_dtype(from_), dtypes.as_dtype(to)
    return dtypes._RANK[a.kind] <= dtypes._RANK[b.kind]


def promote_types(type1: Any, type2: Any) -> DType:
    """The smallest dtype that both convert to.

    >>> autograd.promote_types(autograd.int64, autograd.float32)
    autograd.float32
    """
    return DType(dtypes.promote_types(dtypes.as_dtype(type1), dtypes.as_dtype(type2)))


class finfo:
    """The limits of a floating dtype (the default one), as Python's numbers: bits, eps, max, min, tiny, resolution.

    Those of float16 and bfloat16 may be asked for too; a complex dtype has those of its parts. Raises DTypeError
    (TypeError) for any other dtype.

    >>> autograd.finfo(autograd.float32).max
    3.4028234663852886e+38
    """

    def __init__(self, type: Any = None) -> None:
        if type is DType("bfloat16"):
            self.bits, self.eps, self.max, self.tiny = 16, 2.0**-7, (2 - 2.0**-7) * 2.0**127, 2.0**-126
            self.resolution = 0.01
        else:
            dtype = dtypes.float16 if type == dtypes.float16 else _dtype(type)
            dtype = dtypes.REAL_PART.get(dtype, dtype)
            if dtype.kind != "f":
                raise DTypeError(f"finfo: expected a floating dtype, got {dtype}; use iinfo")
            limits = np.finfo(dtype)
            self.bits, self.eps, self.max = limits.bits, float(limits.eps), float(limits.max)
            self.tiny, self.resolution = float(limits.tiny), float(f"{limits.resolution:.0e}")
        self.min, self.smallest_normal, self.dtype = -self.max, self.tiny, DType(type or dtypes._default).name

    def __repr__(self) -> str:
        names = ("resolution", "min", "max", "eps", "smallest_normal", "tiny")
        return f"finfo({', '.join(f'{name}={getattr(self, name):g}' for name in names)}, dtype={self.dtype})"


def iinfo(type: Any) -> np.iinfo:
    """The limits of an integer dtype: bits, max, min.

    >>> autograd.iinfo(autograd.int8).max
    127
    """
    dtype = dtypes.as_dtype(type)
    if dtype.kind not in "iu":
        raise DTypeError(f"iinfo: expected an integer dtype, got {dtype}; use finfo")
    return np.iinfo(dtype)


# ------------------------------------------------------------------------------------------------- Tensor.new_*


def new_tensor(
    self: Tensor, data: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """`tensor(data)` of this tensor's dtype."""
    return tensor(data, dtype=_like_dtype(self._data, dtype), device=device, requires_grad=requires_grad)


def new_zeros(
    self: Tensor, *sizes: Any, size: Any = None, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """`zeros(size)` of this tensor's dtype."""
    return zeros(*sizes, size=size, dtype=_like_dtype(self._data, dtype), device=device, requires_grad=requires_grad)


def new_ones(
    self: Tensor, *sizes: Any, size: Any = None, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """`ones(size)` of this tensor's dtype."""
    return ones(*sizes, size=size, dtype=_like_dtype(self._data, dtype), device=device, requires_grad=requires_grad)


def new_empty(
    self: Tensor, *sizes: Any, size: Any = None, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """`empty(size)` of this tensor's dtype."""
    return empty(*sizes, size=size, dtype=_like_dtype(self._data, dtype), device=device, requires_grad=requires_grad)


def new_full(
    self: Tensor, size: Any, fill_value: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """`full(size, fill_value)` of this tensor's dtype."""
    return full(size, fill_value, dtype=_like_dtype(self._data, dtype), device=device, requires_grad=requires_grad)


METHODS = {f.__name__: f for f in (new_tensor, new_zeros, new_ones, new_empty, new_full)}


class _Legacy(type(Tensor)):  # type: ignore[misc]
    """The class of the older names: `isinstance(x, FloatTensor)` asks for the dtype."""

    dtype: DType

    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, Tensor) and instance.dtype == cls.dtype

    def __call__(cls, *data: Any) -> Tensor:
        if len(data) == 1 and not isinstance(data[0], int):
            return wrap(np.array(to_array(data[0]), dtype=dtypes.as_dtype(cls.dtype)))
        return empty(*data, dtype=cls.dtype)


def _legacy(name: str, dtype: Any) -> Any:
    made = _Legacy(name, (), {"dtype": DType(dtype), "__module__": __name__})
    if made.dtype not in dtypes.SUPPORTED:
        made.__doc__ = f"""torch's older name of the tensors of {dtype}: no tensor here is one, and making one is a TypeError.

    >>> isinstance(autograd.ones(1), autograd.{name})
    False
    """
        return made
    made.__doc__ = f"""torch's older way to write `tensor(data, dtype={dtype})`, or, with sizes, `empty(sizes, dtype={dtype})`.

    >>> autograd.{name}([0, 1]).dtype
    autograd.{dtype}
    """
    return made


BFloat16Tensor = _legacy("BFloat16Tensor", "bfloat16")
BoolTensor = _legacy("BoolTensor", dtypes.bool_)
ByteTensor = _legacy("ByteTensor", dtypes.uint8)
CharTensor = _legacy("CharTensor", dtypes.int8)
DoubleTensor = _legacy("DoubleTensor", dtypes.float64)
FloatTensor = _legacy("FloatTensor", dtypes.float32)
HalfTensor = _legacy("HalfTensor", "float16")
IntTensor = _legacy("IntTensor", dtypes.int32)
LongTensor = _legacy("LongTensor", dtypes.int64)
ShortTensor = _legacy("ShortTensor", dtypes.int16)
