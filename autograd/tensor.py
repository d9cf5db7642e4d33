"""Tensor: an ndarray, its node on the tape, its gradient. Dunders and methods, no mathematics.

Operations (`x.exp()`, `x + y`, `x.sum(dim=1)`) are installed by the package from the registry; here stands what is not an
operation: construction, dtype and device, `.grad`, hooks, conversion and printing.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any

import numpy as np
from numpy import ndarray

from . import dtypes, printing, tape
from .errors import DeviceError, DTypeError, NumberError, ShapeError, TapeError
from .kernels.order import CHANNELS_LAST, lies_channels_last
from .tape import Box, Cell, Leaf, View, mode, node_of, synced


class Size(tuple):
    """A shape: a tuple of ints with `numel()`.

    >>> autograd.Size([2, 3]).numel()
    6
    """

    def numel(self) -> int:
        """The number of elements of that shape."""
        n = 1
        for length in self:
            n *= length
        return n

    def __getitem__(self, index: Any) -> Any:
        found = tuple.__getitem__(self, index)
        return Size(found) if type(index) is slice else found

    def __add__(self, other: Any) -> Any:
        return Size(tuple(self) + tuple(other)) if isinstance(other, tuple) else NotImplemented

    def __radd__(self, other: Any) -> Any:
        return Size(tuple(other) + tuple(self)) if isinstance(other, tuple) else NotImplemented

    def __mul__(self, times: Any) -> Any:
        return Size(tuple(self) * times)

    __rmul__ = __mul__

    def __repr__(self) -> str:
        return f"Size({list(self)})"


_KINDS = (
    "cpu", "cuda", "ipu", "xpu", "mkldnn", "opengl", "opencl", "ideep", "hip", "ve", "fpga", "maia", "xla", "lazy", "vulkan",
    "mps", "meta", "hpu", "mtia", "privateuseone",
)  # fmt: skip


class Device(str):
    """The name of a device, as in torch. Tensors are on "cpu"; any other can be named and asked for its type, not used.

    Raises DeviceError (RuntimeError) for what is no device's name.

    >>> autograd.device("cpu"), autograd.device("cuda:1").index
    (device(type='cpu'), 1)
    """

    type: str
    index: Any = None  # str has a method of this name

    def __new__(cls, type: Any = "cpu", index: int | None = None) -> Device:
        if not isinstance(type, str):
            raise DeviceError(f"device: {type!r} is not available; this library computes on 'cpu' only")
        kind, colon, place = type.partition(":")
        if kind not in _KINDS:
            raise DeviceError(f"device: expected one of {', '.join(_KINDS)}, got {type!r}")
        if colon and not place.isdecimal():
            raise DeviceError(f"device: invalid device string: {type!r}; expected {kind}:0")
        if colon and index is not None and not isinstance(type, Device):
            raise DeviceError(f"device: {type!r} has an index, and index={index} was given as well; leave one out")
        index = int(place) if colon else index
        out = super().__new__(cls, kind if index is None else f"{kind}:{index}")
        out.type, out.index = kind, index
        return out

    def __getnewargs__(self) -> tuple[str]:
        return (str(self),)

    def __enter__(self) -> Device:
        return on_cpu(self)

    def __exit__(self, *exc: object) -> None:
        return None

    def __repr__(self) -> str:
        return (
            f"device(type='{self.type}')" if self.index is None else f"device(type='{self.type}', index={self.index})"
        )


def on_cpu(device: Any) -> Device:
    """`device`, which something is to be on; None means the CPU. Raises DeviceError (RuntimeError) for any other."""
    found = Device("cpu" if device is None else device)
    if found.type != "cpu":
        raise DeviceError(f"device: {str(device)!r} is not available; this library computes on 'cpu' only")
    return found


CPU = Device()
_new = object.__new__
_BY_NUM = dtypes.BY_NUM
_handles = itertools.count()


class RemovableHandle:
    """Returned by the hook methods; `remove()` takes the hook away. A context manager too."""

    hooks: dict[int, Any]
    id: int  # the key of the hook in hooks

    def __init__(self, hooks: dict[int, Any]) -> None:
        self.hooks, self.id = hooks, next(_handles)

    def remove(self) -> None:
        self.hooks.pop(self.id, None)

    def __enter__(self) -> RemovableHandle:
        return self

    def __exit__(self, *exc: object) -> None:
        self.remove()


def _handle(hooks: dict[int, Any], hook: Any) -> RemovableHandle:
    handle = RemovableHandle(hooks)
    hooks[handle.id] = hook
    return handle


tape.handle = _handle


class Tensor:
    """An n-dimensional array whose operations can be recorded for reverse-mode differentiation.

    Made by `autograd.tensor` and the other factories; `Tensor(data)` copies data as float32 like torch.Tensor.
    dtypes: float32 (default), float64, int64, int32, int16, int8, uint8, bool, complex64, complex128. Memory may be
    channels-last; shapes are logical, images (N, C, H, W).

    >>> autograd.Tensor([1, 2])
    tensor([1., 2.])
    """

    _data: ndarray
    _cell: Cell
    _node: Any = None
    _view: View | None = None
    _box: Box | None = None
    __array_ufunc__ = None  # an ndarray on the left of an operator leaves the work to ours
    __hash__ = object.__hash__

    def __init__(self, *data: Any) -> None:
        if len(data) == 1 and isinstance(data[0], Size):
            data = tuple(data[0])
        if len(data) == 1 and not isinstance(data[0], int):
            if isinstance(data[0], (float, complex, str)) or data[0] is None:
                raise DTypeError(
                    f"Tensor: data must be a sequence or sizes, got {type(data[0]).__name__}; use tensor()"
                )
            array = np.array(to_array(data[0]), dtype=dtypes._default)
        else:
            array = np.empty(data or (0,), dtypes._default)
        self._data = array
        self._cell = Cell()

    # ------------------------------------------------------------------------------------------- what it is

    @property
    def shape(self) -> Size:
        return Size(self._data.shape)

    def size(self, dim: int | None = None) -> Any:
        """The shape, or the length of one dimension."""
        if dim is None:
            return Size(self._data.shape)
        if dim is True or dim is False:
            raise TypeError("size: dim must be an int, got bool")
        n = self._data.ndim
        if not -n <= dim < n:
            raise IndexError(f"size: dim {dim} is out of range for a tensor of {n} dimensions")
        return self._data.shape[dim]

    @property
    def ndim(self) -> int:
        return self._data.ndim

    def dim(self) -> int:
        """The number of dimensions."""
        return self._data.ndim

    ndimension = dim

    def numel(self) -> int:
        """The number of elements."""
        return self._data.size

    nelement = numel

    @property
    def dtype(self) -> dtypes.DType:
        return _BY_NUM[self._data.dtype.num]

    @property
    def device(self) -> Device:
        return CPU

    @property
    def itemsize(self) -> int:
        return self._data.itemsize

    def element_size(self) -> int:
        """Bytes of one element."""
        return self._data.itemsize

    @property
    def nbytes(self) -> int:
        return self._data.nbytes

    def stride(self, dim: int | None = None) -> Any:
        """The step in memory, in elements, of each dimension (or of one)."""
        strides = tuple(s // self._data.itemsize for s in self._data.strides)
        return strides if dim is None else strides[dim]

    def is_contiguous(self, memory_format: Any = None) -> bool:
        """Whether the elements lie in memory in row-major order, or with the channels last as memory_format says."""
        if memory_format in (None, "contiguous_format", "preserve_format"):
            return bool(self._data.flags.c_contiguous)
        if memory_format not in CHANNELS_LAST:
            raise TypeError(f"is_contiguous: memory_format is {memory_format!r}; expected a memory format")
        return self._data.ndim == CHANNELS_LAST[memory_format] and lies_channels_last(self._data)

    def data_ptr(self) -> int:
        """The address of the first element."""
        return self._data.ctypes.data

    def is_floating_point(self) -> bool:
        return self._data.dtype.kind == "f"

    def is_complex(self) -> bool:
        return self._data.dtype.kind == "c"

    def is_signed(self) -> bool:
        return self._data.dtype.kind in "fic"

    is_cpu = True
    is_cuda = is_mps = is_xpu = is_meta = is_sparse = is_sparse_csr = is_quantized = is_nested = is_mkldnn = False
    name: str | None = None
    layout = "strided"

    # ------------------------------------------------------------------------------------------- the tape

    @property
    def requires_grad(self) -> bool:
        return node_of(self) is not None

    @requires_grad.setter
    def requires_grad(self, wanted: bool) -> None:
        self.requires_grad_(wanted)

    def requires_grad_(self, requires_grad: bool = True) -> Tensor:
        """Ask (or stop asking) for a gradient of this leaf; returns it. Only floating-point and complex tensors can."""
        if not requires_grad:
            if not self.is_leaf:
                raise TapeError(
                    "requires_grad_: you can only change requires_grad flags of leaf variables; use detach()"
                )
            self._node = None
            return self
        if self._node is None:
            if self._data.dtype.kind not in "fc":
                raise TapeError(
                    "requires_grad_: only tensors of floating point and complex dtype can require gradients, "
                    f"got {self.dtype}"
                )
            if self._view is not None and not mode.inference:
                self._view = None  # a leaf of its own from here on; the memory stays shared
            leaf = self._box if isinstance(self._box, Leaf) else Leaf(self._data)
            leaf.shape, leaf.dtype = self._data.shape, self._data.dtype
            if self._box is not None and self._box is not leaf:
                leaf.grad = self._box.grad
            self._box = self._node = leaf
        return self

    @property
    def is_leaf(self) -> bool:
        node = node_of(self)
        return node is None or isinstance(node, Leaf)

    @property
    def grad_fn(self) -> Any:
        node = node_of(self)
        return None if isinstance(node, Leaf) else node

    @property
    def output_nr(self) -> int:
        """Which output of its operation this is."""
        return getattr(node_of(self), "slot", 0)

    @property
    def grad(self) -> Any:
        """The gradient that backward has added up, a Tensor of this shape and dtype (SparseRows where asked), or None."""
        return None if self._box is None else self._box.grad

    @grad.setter
    def grad(self, value: Any) -> None:
        if value is not None:
            if not isinstance(value, (Tensor, tape.SparseRows)):
                raise DTypeError(f"grad: expected a Tensor or None, got {type(value).__name__}")
            if tuple(value.shape) != self._data.shape:
                raise ShapeError(f"grad: shape {tuple(value.shape)} assigned to a tensor of shape {self._data.shape}")
            if value.dtype != self._data.dtype:
                raise DTypeError(f"grad: dtype {value.dtype} assigned to a tensor of dtype {self._data.dtype}")
        self._own_box().grad = value

    @grad.deleter
    def grad(self) -> None:
        self._own_box().grad = None

    def _own_box(self) -> Box:
        if self._box is None:
            self._box = Leaf(self._data) if self._node is None else Box()
        return self._box

    def retain_grad(self) -> None:
        """Keep the gradient of this non-leaf tensor in `.grad` too."""
        node = node_of(self)
        if node is None:
            raise TapeError("retain_grad: can't retain_grad on a tensor that has requires_grad=False")
        if not isinstance(node, Leaf):
            if self._box is None:
                self._box = Box()
            node.retained = self._box

    @property
    def retains_grad(self) -> bool:
        node = node_of(self)
        return node is not None and not isinstance(node, Leaf) and node.retained is not None

    def backward(
        self, gradient: Any = None, retain_graph: bool | None = None, create_graph: bool = False, inputs: Any = None
    ) -> None:
        """Add the gradient of this tensor to `.grad` of the leaves it came from. See `autograd.backward`."""
        tape.backward(self, gradient, retain_graph, create_graph, inputs)

    def register_hook(self, hook: Callable[[Tensor], Tensor | None]) -> RemovableHandle:
        """Call `hook(grad)` when this tensor's gradient is known; what it returns, if not None, takes its place."""
        node = node_of(self)
        if node is None:
            raise TapeError("register_hook: cannot register a hook on a tensor that doesn't require gradient")
        if node.hooks is None:
            node.hooks = {}
        handle = RemovableHandle(node.hooks)
        node.hooks[handle.id] = hook
        return handle

    def register_post_accumulate_grad_hook(self, hook: Callable[[Tensor], None]) -> RemovableHandle:
        """Call `hook(tensor)` after backward has added to this leaf's `.grad`."""
        leaf = self._node
        if not isinstance(leaf, Leaf):
            raise TapeError("register_post_accumulate_grad_hook: the tensor must be a leaf that requires grad")
        if leaf.post_hooks is None:
            leaf.post_hooks = {}
        handle = RemovableHandle(leaf.post_hooks)
        leaf.post_hooks[handle.id] = lambda _: hook(self)
        return handle

    @property
    def _version(self) -> int:
        return self._cell.count

    @property
    def _base(self) -> Tensor | None:
        return None if self._view is None else self._view.base

    def _is_view(self) -> bool:
        return self._view is not None

    def detach(self) -> Tensor:
        """A tensor on the same memory without history."""
        out = wrap(self.numpy_view())
        out._cell = self._cell
        if self._view is not None and self._view.copied:  # writes must go on to what the copy shows
            out._view = View(self._view.base.detach(), self._view.steps, True)
        return out

    def detach_(self) -> Tensor:
        """Cut this tensor off its history, in place."""
        if self._view is not None:
            raise TapeError("detach_: can't detach a view in place; use detach()")
        self._node = None
        return self

    @property
    def data(self) -> Tensor:
        """The same memory without history, and with a version counter of its own."""
        return wrap(self.numpy_view())

    @data.setter
    def data(self, value: Tensor) -> None:
        if not isinstance(value, Tensor):
            raise DTypeError(f"data: expected a Tensor, got {type(value).__name__}")
        if isinstance(self._node, Leaf) and value._data.dtype.kind not in "fc":
            raise TapeError(f"data: {value.dtype} for a tensor that requires grad; expected float32 or float64")
        # the versions counted go on: what this tensor was is what they tell, not what its new memory was
        cell = Cell()
        cell.__dict__.update(self._cell.__dict__)
        self._data, self._cell, self._view = value.numpy_view(), cell, None
        if isinstance(self._box, Leaf):
            self._box.shape, self._box.dtype = self._data.shape, self._data.dtype

    # ------------------------------------------------------------------------------------------- conversion

    def numpy_view(self) -> ndarray:
        """The array of this tensor, whatever its history: what is written to it is seen here, but not by the tape."""
        return self._data if self._view is None else synced(self)

    def numpy(self, *, force: bool = False) -> ndarray:
        """The array that shares this tensor's memory. Raises RuntimeError where grad is required, unless force."""
        if self._node is not None and not force:
            raise TapeError("numpy: can't call numpy() on a tensor that requires grad; use tensor.detach().numpy()")
        return self.numpy_view()

    def __dlpack__(self, **options: Any) -> Any:
        if self.requires_grad:
            raise BufferError("__dlpack__: can't export a tensor that requires grad; use tensor.detach()")
        return self.numpy_view().__dlpack__(**options)

    def __dlpack_device__(self) -> tuple[int, int]:
        return 1, 0  # a CPU

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> ndarray:
        return np.array(self.numpy(), dtype=dtype, copy=copy)

    def item(self) -> Any:
        """The one element as a Python number."""
        if self._data.size != 1:
            raise ShapeError(
                f"item: a Tensor with {self._data.size} elements cannot be converted to a number; shape {self._data.shape}"
            )
        return self.numpy_view().item()

    def tolist(self) -> Any:
        """Nested lists of Python numbers."""
        return self.numpy_view().tolist()

    def _real_item(self) -> Any:
        value = self.item()
        if not isinstance(value, complex):
            return value
        if value.imag:
            raise NumberError(f"item: the complex number {value} cannot be converted to a real one; take real first")
        return value.real

    def __float__(self) -> float:
        return float(self._real_item())

    def __complex__(self) -> complex:
        return complex(self.item())

    def __int__(self) -> int:
        return int(self._real_item())

    def __index__(self) -> int:
        if self._data.dtype.kind not in "iub" or self._data.size != 1:
            raise TypeError("only integer tensors of a single element can be converted to an index")
        return int(self.item())

    def __bool__(self) -> bool:
        if self._data.size != 1:
            raise ShapeError(
                f"bool: the value of a tensor with {self._data.size} elements is ambiguous; use any() or all()"
            )
        return bool(self.item())

    def __len__(self) -> int:
        if not self._data.ndim:
            raise TypeError("len() of a 0-d tensor")
        return self._data.shape[0]

    def __iter__(self) -> Iterator[Tensor]:
        if not self._data.ndim:
            raise TypeError("iteration over a 0-d tensor")
        return iter(self.unbind(0))  # type: ignore[attr-defined]

    def __reversed__(self) -> Tensor:
        return self.flip(0) if self._data.ndim else self  # type: ignore[attr-defined]

    def __contains__(self, element: Any) -> bool:
        if not isinstance(element, (Tensor, int, float, complex, np.generic, ndarray)):
            raise DTypeError(f"in: expected a Tensor or a number, got {type(element).__name__}")
        other = element.numpy_view() if isinstance(element, Tensor) else element
        return bool((self.numpy_view() == other).any())

    def cpu(self) -> Tensor:
        """This tensor: it is there already."""
        return self

    def cuda(self, *args: Any, **kwargs: Any) -> Tensor:
        """Raises RuntimeError: there is no GPU here."""
        raise DeviceError("cuda: this library computes on 'cpu' only; remove the call, or use .to(device) with 'cpu'")

    def share_memory_(self) -> Tensor:
        return self

    def pin_memory(self) -> Tensor:
        return self

    def type(self, dtype: Any = None) -> Any:
        """The tensor as `dtype`; without one, the name of the type it has."""
        if dtype is None:
            return f"torch.{dtypes.LEGACY[self._data.dtype]}Tensor"  # torch's own, which scripts compare with
        name = (dtype if isinstance(dtype, str) else getattr(dtype, "__name__", "")).rpartition(".")[2]
        if name.endswith("Tensor"):
            dtype = dtypes.of_legacy(name)
        elif isinstance(dtype, str):
            dtype = getattr(dtypes, name, dtype)
        return self.to(dtype)  # type: ignore[attr-defined]

    def __reduce_ex__(self, protocol: Any) -> Any:
        # history does not travel: as in torch, only leaves can be pickled or copied
        if not self.is_leaf:
            raise TapeError("pickle: only leaf tensors can be pickled; use detach()")
        return _rebuild, (
            type(self),
            self.numpy_view(),
            self.requires_grad,
            {k: v for k, v in self.__dict__.items() if k[0] != "_"},
        )

    def __deepcopy__(self, memo: dict[int, Any]) -> Tensor:
        if not self.is_leaf:
            raise TapeError("deepcopy: only leaf tensors support the deepcopy protocol; use detach().clone()")
        extra = {k: v for k, v in self.__dict__.items() if k[0] != "_"}
        out = _rebuild(type(self), self.numpy_view().copy(order="K"), self.requires_grad, extra)
        if self.grad is not None:
            held = self.grad
            out._own_box().grad = wrap(held._data.copy(order="K")) if isinstance(held, Tensor) else deepcopy(held, memo)
        memo[id(self)] = out
        return out

    # ------------------------------------------------------------------------------------------- printing

    def __repr__(self) -> str:
        head = f"tensor({printing.text(self.numpy_view(), len('tensor('))}"
        about = self._about()
        column = len(head) - head.rfind("\n") - 1
        for i, part in enumerate(about):
            if column + len(part) + 2 + (i == len(about) - 1) > printing.options["linewidth"]:
                head, column = head + ",\n       " + part, len("tensor(") + len(part)
            else:
                head, column = head + ", " + part, column + len(part) + 2
        return head + ")"

    def _about(self) -> list[str]:
        about = []
        if not self._data.size and self._data.shape != (0,):
            about.append(f"size={self._data.shape}")
        plain = (dtypes._default, dtypes.int64, dtypes.bool_, dtypes.COMPLEX_OF[dtypes._default])
        if self._data.dtype not in plain or (not self._data.size and self._data.dtype != plain[0]):
            about.append(f"dtype={self.dtype!r}")
        if self.grad_fn is not None:
            about.append(f"grad_fn=<{self.grad_fn.name()}>")
        elif self.requires_grad:
            about.append("requires_grad=True")
        return about

    def __format__(self, spec: str) -> str:
        if self._data.ndim == 0:
            return format(self.item(), spec)
        if spec:
            raise TypeError(f"format: a tensor of shape {self._data.shape} takes no format; use .item() on one element")
        return repr(self)


def _rebuild(cls: type, array: ndarray, requires_grad: bool, extra: dict[str, Any]) -> Any:
    out = _new(cls)
    if array.dtype.kind == "c":
        dtypes.complex_made()
    out._data = array
    out._cell = Cell()
    if requires_grad:
        out.requires_grad_()
    out.__dict__.update(extra)
    return out


def wrap(array: ndarray) -> Tensor:
    """A Tensor on `array`'s memory, without history."""
    out = _new(Tensor)
    out._data = array
    out._cell = Cell()
    return out


def make(array: ndarray, node: Any) -> Tensor:
    """A Tensor on `array`'s memory with `node` as its history."""
    out = _new(Tensor)
    out._data = array
    out._cell = Cell()
    out._node = node
    return out


tape.wrap, tape.make = wrap, make


def to_array(data: Any, dtype: Any = None) -> ndarray:
    """Python numbers, nested sequences, arrays or Tensors as an array of a supported dtype; shares memory where it can.

    Python floats become the default dtype, ints int64, bools bool; arrays and Tensors keep their dtype.
    """
    if isinstance(data, Tensor):
        array = data.numpy_view()
    elif isinstance(data, (ndarray, np.generic)):
        array = np.asarray(data)
    else:
        found: set[Any] = set()
        try:
            array = np.asarray(_plain(data, found))
        except ShapeError:
            raise
        except ValueError as error:
            raise ValueError(f"tensor: nested sequences of unequal length cannot become an array ({error})") from None
        if array.dtype.kind == "f":  # numpy makes float64 of Python floats, of nothing at all, and of mixtures
            kinds = [d for d in found if d is not float and d.kind == "f"]
            if float in found or not kinds:
                kinds.append(dtypes._default)
            array = array.astype(np.result_type(*kinds), copy=False)
        elif array.dtype.kind == "c":
            sizes = [d.itemsize * (1 if d.kind == "c" else 2) for d in found if d is not float and d.kind in "fc"]
            array = array.astype(f"c{max([*sizes, dtypes.COMPLEX_OF[dtypes._default].itemsize])}", copy=False)
    if dtype is not None:
        target = dtypes.as_dtype(dtype)
        if array.dtype.kind == "c" != target.kind:
            raise DTypeError(f"tensor: complex numbers cannot become {target}; take real, imag, abs or angle first")
        if target.kind in "iu" and array.size and not isinstance(data, (Tensor, ndarray)) and array.dtype.kind in "iuf":
            for bound in (array.min().item(), array.max().item()):  # NaN is both
                dtypes.fitting("tensor", bound, target)
        return array.astype(target, copy=False)
    if array.dtype == np.uint64 and not isinstance(data, (Tensor, ndarray, np.generic)):
        dtypes.fitting("tensor", array.max().item(), dtypes.int64)
    if array.dtype not in dtypes.SUPPORTED:
        if array.dtype.kind not in "iubfc":
            raise DTypeError(f"tensor: cannot make a tensor of {array.dtype}; expected numbers")
        target = {
            "f": dtypes.float64 if array.dtype.itemsize > 4 else dtypes.float32,
            "c": dtypes.complex128 if array.dtype.itemsize > 8 else dtypes.complex64,
        }.get(array.dtype.kind, dtypes.int64)
        array = array.astype(target)
    if array.dtype.kind == "c":
        dtypes.complex_made()
    # one object a dtype, so that `is` tells dtypes apart on the hot path; byte order is native from here on
    return array if array.dtype is _CANONICAL[array.dtype] else array.astype(_CANONICAL[array.dtype], copy=True)


_CANONICAL = {d: d for d in dtypes.SUPPORTED}


def _plain(data: Any, found: set[Any]) -> Any:
    """Nested sequences with arrays in place of Tensors; `found` gets the dtypes of their elements, float for Python's."""
    if isinstance(data, (list, tuple)):
        return [_plain(item, found) for item in data]
    if isinstance(data, Tensor):
        if data._data.size != 1:
            raise ShapeError(
                f"tensor: a tensor of shape {tuple(data.shape)} in a sequence, expected one element; use stack()"
            )
        data = data.numpy_view().reshape(())  # a tensor of one element is a number, whatever its shape
    if isinstance(data, (ndarray, np.generic)):
        found.add(data.dtype)
    elif isinstance(data, float):
        found.add(float)
    return data
