"""What scripts written for torch ask and set that has one answer here: device, precision, determinism, memory formats."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from . import dtypes
from .anomaly import watching
from .errors import NumberError, ShapeError
from .tensor import Device, Size, Tensor, on_cpu

channels_last = "channels_last"
channels_last_3d = "channels_last_3d"
contiguous_format = legacy_contiguous_format = "contiguous_format"
preserve_format = "preserve_format"
strided = "strided"
memory_format = layout = str


def get_default_device() -> Device:
    """The one device there is.

    >>> autograd.get_default_device()
    device(type='cpu')
    """
    return Device()


def set_default_device(device: Any) -> None:
    """Accepts "cpu"; any other is a RuntimeError.

    >>> autograd.set_default_device("cpu")
    """
    if device is not None:
        on_cpu(device)


def set_default_tensor_type(t: Any) -> None:
    """The default dtype by the older names: FloatTensor or DoubleTensor, or as "torch.DoubleTensor".

    >>> autograd.set_default_tensor_type(autograd.FloatTensor)
    """
    name = t if isinstance(t, str) else t.__name__
    kinds = {"FloatTensor": dtypes.float32, "DoubleTensor": dtypes.float64}
    if name.rpartition(".")[2] not in kinds:
        raise TypeError(f"set_default_tensor_type: expected FloatTensor or DoubleTensor, got {name}")
    dtypes.set_default_dtype(kinds[name.rpartition(".")[2]])


def use_deterministic_algorithms(mode: bool, *, warn_only: bool = False) -> None:
    """Nothing to do: the same seed gives the same bits, on any number of threads.

    >>> autograd.use_deterministic_algorithms(True)
    """


def is_deterministic_algorithms_warn_only_enabled() -> bool:
    """False: there is nothing to warn of.

    >>> autograd.is_deterministic_algorithms_warn_only_enabled()
    False
    """
    return False


def set_deterministic_debug_mode(debug_mode: int | str) -> None:
    """Nothing to do, as for `use_deterministic_algorithms`. Raises ValueError for a mode other than torch's three.

    >>> autograd.set_deterministic_debug_mode("warn")
    """
    if debug_mode not in (0, 1, 2, "default", "warn", "error"):
        raise NumberError(
            f"set_deterministic_debug_mode: debug_mode is {debug_mode!r}; expected 0, 1, 2, 'default', 'warn' or 'error'"
        )


def get_deterministic_debug_mode() -> int:
    """0: no operation depends on chance, so there is none to tell of.

    >>> autograd.get_deterministic_debug_mode()
    0
    """
    return 0


def set_flush_denormal(mode: bool) -> bool:
    """False: numbers below the smallest normal one stay what they are.

    >>> autograd.set_flush_denormal(True)
    False
    """
    return False


def are_deterministic_algorithms_enabled() -> bool:
    """Always: the same seed gives the same bits.

    >>> autograd.are_deterministic_algorithms_enabled()
    True
    """
    return True


def set_float32_matmul_precision(precision: str) -> None:
    """Accepts "highest", "high" and "medium"; float32 products are always computed in float32.

    >>> autograd.set_float32_matmul_precision("high")
    """
    if precision not in ("highest", "high", "medium"):
        raise ValueError(f"set_float32_matmul_precision: expected 'highest', 'high' or 'medium', got {precision!r}")


def get_float32_matmul_precision() -> str:
    """ "highest": float32 products are computed in float32.

    >>> autograd.get_float32_matmul_precision()
    'highest'
    """
    return "highest"


def set_num_interop_threads(n: int) -> None:
    """Nothing to do: operations run one after the other. `set_num_threads` is for the threads inside one.

    >>> autograd.set_num_interop_threads(1)
    """


def get_num_interop_threads() -> int:
    """1: operations run one after the other.

    >>> autograd.get_num_interop_threads()
    1
    """
    return 1


def compile(model: Any = None, **options: Any) -> Any:
    """The model or function as it is: nothing needs compiling. A decorator too.

    >>> autograd.compile(max)([1, 2])
    2
    """
    return (lambda function: function) if model is None else model


def is_anomaly_enabled() -> bool:
    """Whether this thread is inside `detect_anomaly`.

    >>> autograd.is_anomaly_enabled()
    False
    """
    return watching()


def is_complex(input: Tensor) -> bool:
    """Whether the dtype is complex.

    >>> autograd.is_complex(autograd.ones(2))
    False
    """
    return input.is_complex()


def is_signed(input: Tensor) -> bool:
    """Whether the dtype has negative numbers.

    >>> autograd.is_signed(autograd.tensor([True]))
    False
    """
    return input.is_signed()


def is_inference(input: Tensor) -> bool:
    """Whether this is computed inside `inference_mode`; results do not remember it.

    >>> autograd.is_inference(autograd.ones(1))
    False
    """
    from .tape import mode

    return mode.inference


def is_same_size(input: Tensor, other: Tensor) -> bool:
    """Whether the shapes are equal.

    >>> autograd.is_same_size(autograd.ones(2), autograd.ones(2))
    True
    """
    return input.shape == other.shape


def typename(obj: Any) -> str:
    """The full name of an object's type; of a tensor that of its dtype.

    >>> autograd.typename(autograd.ones(1))
    'torch.FloatTensor'
    """
    if isinstance(obj, Tensor):
        return obj.type()
    kind = obj if isinstance(obj, type) else type(obj)
    return f"{kind.__module__}.{kind.__qualname__}".removeprefix("builtins.")


def detach(input: Tensor) -> Tensor:
    """The tensor on the same memory without history.

    >>> autograd.detach(autograd.ones(1, requires_grad=True)).requires_grad
    False
    """
    return input.detach()


def Variable(data: Any, requires_grad: bool = False, volatile: bool = False) -> Tensor:
    """torch's older name for a tensor in a computation: the tensor, asked for a gradient if requires_grad.

    >>> autograd.Variable(autograd.ones(1), requires_grad=True).requires_grad
    True
    """
    if not isinstance(data, Tensor):
        raise TypeError(f"Variable: expected a Tensor, got {type(data).__name__}")
    return data.detach().requires_grad_() if requires_grad else data


def empty_strided(size: Any, stride: Any, *, dtype: Any = None, **named: Any) -> Tensor:
    """A tensor of any values whose memory has these steps, in elements.

    >>> autograd.empty_strided((2, 3), (1, 2)).stride()
    (1, 2)
    """
    from .creation import empty

    need = 1 + sum((n - 1) * step for n, step in zip(size, stride, strict=True)) if 0 not in tuple(size) else 0
    return empty(need, dtype=dtype, **named).as_strided(size, stride)


# ------------------------------------------------------------------------------------------- methods of Tensor


def apply_(self: Tensor, callable: Callable[[Any], Any]) -> Tensor:
    """Replace each element by `callable` of it, a Python number: slow, and not recorded.

    >>> autograd.tensor([1.0, 2.0]).apply_(lambda v: v * v)
    tensor([1., 4.])
    """
    return _each(self, "apply_", callable)


def map_(self: Tensor, tensor: Tensor, callable: Callable[[Any, Any], Any]) -> Tensor:
    """Replace each element by `callable` of it and the other tensor's, broadcast.

    >>> autograd.tensor([1.0, 2.0]).map_(autograd.tensor([3.0, 4.0]), lambda a, b: a * b)
    tensor([3., 8.])
    """
    return _each(self, "map_", callable, tensor)


def _each(tensor: Tensor, name: str, call: Callable[..., Any], *others: Tensor) -> Tensor:
    from .errors import TapeError
    from .inplace import rebase

    if tensor.requires_grad:
        raise TapeError(f"{name}: can't call {name} on a tensor that requires grad; use detach()")
    x = tensor.numpy_view()
    arrays = [np.broadcast_to(o.numpy_view(), x.shape) for o in others]
    values = [call(*row) for row in zip(x.ravel().tolist(), *[a.ravel().tolist() for a in arrays], strict=True)]
    x[...] = np.array(values, x.dtype).reshape(x.shape)
    rebase(tensor, name, None)
    return tensor


def new(self: Tensor, *data: Any) -> Tensor:
    """A tensor of this dtype from data, or of any values of the given sizes or `Size`: torch's older form of `new_tensor`.

    >>> autograd.ones(2).new([3, 4])
    tensor([3., 4.])
    >>> autograd.ones(2).new(autograd.ones(4, 3).shape).shape
    Size([4, 3])
    """
    if len(data) == 1 and not isinstance(data[0], (int, Size)):
        return self.new_tensor(data[0])
    return self.new_empty(*data)


def storage_offset(self: Tensor) -> int:
    """Where in its memory the tensor begins, in elements.

    >>> autograd.arange(6)[2:].storage_offset()
    2
    """
    if self._view is None or self._view.copied:
        return 0
    return (self.data_ptr() - self._view.root().data_ptr()) // self.itemsize


class _Storage:
    """What scripts ask of a tensor's memory, which views share: how large it is, and where."""

    def __init__(self, tensor: Tensor, unit: int) -> None:
        self._root, self._unit = tensor if tensor._view is None else tensor._view.root(), unit

    def nbytes(self) -> int:
        return self._root.nbytes

    def size(self) -> int:
        return self._root.nbytes // self._unit

    __len__ = size

    def data_ptr(self) -> int:
        return self._root.data_ptr()

    def __sizeof__(self) -> int:
        return object.__sizeof__(self) + self.nbytes()


def untyped_storage(self: Tensor) -> _Storage:
    """The tensor's memory, counted in bytes: `nbytes()`, `size()` and `data_ptr()`.

    >>> autograd.zeros(2, 3)[1].untyped_storage().nbytes()
    24
    """
    return _Storage(self, 1)


def storage(self: Tensor) -> _Storage:
    """The tensor's memory, counted in elements: `nbytes()`, `size()` and `data_ptr()`.

    >>> autograd.zeros(2, 3)[1].storage().size()
    6
    """
    return _Storage(self, self.itemsize)


def get_device(self: Tensor) -> int:
    """-1: the tensor is on the CPU.

    >>> autograd.ones(1).get_device()
    -1
    """
    return -1


def is_set_to(self: Tensor, tensor: Tensor) -> bool:
    """Whether both show the same memory in the same way.

    >>> x = autograd.ones(2)
    >>> x.is_set_to(x.detach())
    True
    """
    same = self.data_ptr() == tensor.data_ptr() and self.shape == tensor.shape
    return same and self.stride() == tensor.stride()


def to_dense(self: Tensor) -> Tensor:
    """This tensor: it is dense.

    >>> autograd.ones(1).to_dense()
    tensor([1.])
    """
    return self


def _no(name: str) -> Callable[..., Any]:
    def method(self: Tensor, *args: Any, **kwargs: Any) -> Any:
        raise dtypes.DTypeError(f"{name}: there is no such dtype; the floating-point dtypes are float32 and float64")

    method.__name__ = name
    method.__doc__ = "Raises TypeError: the floating-point dtypes are float32 and float64."
    return method


def empty_permuted(size: Any, physical_layout: Any, *, dtype: Any = None, **named: Any) -> Tensor:
    """A tensor of any values whose dims lie in memory in the order of physical_layout, outermost first.

    >>> autograd.empty_permuted((2, 3), (1, 0)).stride()
    (1, 2)
    """
    from .creation import empty

    size, order = tuple(size), tuple(physical_layout)
    if sorted(order) != list(range(len(size))):
        raise ShapeError(f"empty_permuted: physical_layout {order} is no order of the {len(size)} dims of size {size}")
    return empty([size[d] for d in order], dtype=dtype, **named).permute([order.index(d) for d in range(len(size))])


def new_empty_strided(self: Tensor, size: Any, stride: Any, *, dtype: Any = None, **named: Any) -> Tensor:
    """`empty_strided` of this tensor's dtype."""
    return empty_strided(size, stride, dtype=self.dtype if dtype is None else dtype, **named)


METHODS: dict[str, Any] = {f.__name__: f for f in (
    apply_, map_, new, new_empty_strided, storage_offset, get_device, is_set_to, to_dense, is_same_size, is_inference,
    storage, untyped_storage,
)}  # fmt: skip
METHODS |= {"is_nonzero": lambda self: bool(self), "is_pinned": lambda self: False, "is_shared": lambda self: False}
METHODS |= {name: _no(name) for name in ("half", "bfloat16", "chalf")}
