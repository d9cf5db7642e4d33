"""Files of `torch.save` read without pickle: a small interpreter of the few instructions that describe tensors.

A torch file is a zip archive: `data.pkl`, a pickle program that rebuilds the object, beside one record of raw bytes a
storage. Unpickling would run whatever the program names. Here each instruction is decoded by `pickletools.genops`, which
executes nothing, and only containers, numbers, strings and tensors can be made; any other name in the program is an error.
"""

from __future__ import annotations

import pickletools
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from . import dtypes
from .tensor import wrap

ZIP_START, LEGACY_START = b"PK\x03\x04", b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."

# torch's name of a dtype: how its bytes are stored, and as which supported dtype they come back (no value changes)
_STORED: dict[str, tuple[str, Any]] = {
    "float32": ("f4", "float32"), "float64": ("f8", "float64"), "float16": ("f2", "float32"),
    "bfloat16": ("u2", "float32"), "int64": ("i8", "int64"), "int32": ("i4", "int32"), "int16": ("i2", "int16"),
    "int8": ("i1", "int8"), "uint8": ("u1", "uint8"), "bool": ("u1", "bool"), "uint16": ("u2", "int32"),
    "uint32": ("u4", "int64"), "complex64": ("c8", "complex64"), "complex128": ("c16", "complex128"),
}  # fmt: skip
_STORAGES = {
    "FloatStorage": "float32", "DoubleStorage": "float64", "HalfStorage": "float16", "BFloat16Storage": "bfloat16",
    "LongStorage": "int64", "IntStorage": "int32", "ShortStorage": "int16", "CharStorage": "int8",
    "ByteStorage": "uint8", "BoolStorage": "bool", "UntypedStorage": "", "ComplexFloatStorage": "complex64",
    "ComplexDoubleStorage": "complex128",
}  # fmt: skip


class _Name(NamedTuple):
    """A global that the program names: never imported, only compared."""

    module: str
    name: str


class _Storage(NamedTuple):
    """A storage that the program refers to: its record's name and its dtype (as torch calls it, "" where untyped)."""

    key: str
    dtype: str


_MARK = object()


class _Refused(Exception):
    """Why a program is not carried out."""


def read(path: Path) -> Any:
    """The object in a file of `torch.save`: dicts, lists, tuples, numbers, strings and Tensors.

    float16 and bfloat16 come back as float32, uint16 and uint32 as the next larger int. Tensors that shared memory share
    it again. Raises ValueError for a damaged file, one with anything but those, TorchScript, or the format before torch 1.6.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return _Reader(archive, path).run()
    except (zipfile.BadZipFile, zipfile.LargeZipFile, EOFError, NotImplementedError) as error:
        raise ValueError(f"load: {path} is damaged ({error})") from None


class _Reader:
    """One archive and the stack machine that its program runs on."""

    def __init__(self, archive: zipfile.ZipFile, path: Path) -> None:
        self.archive, self.path = archive, path
        names = archive.namelist()
        program = next((name for name in names if name == "data.pkl" or name.endswith("/data.pkl")), None)
        if program is None:
            raise ValueError(f"load: {path} is a zip archive without data.pkl: not a file of torch.save")
        self.folder = program.removesuffix("data.pkl")
        if f"{self.folder}constants.pkl" in names:
            raise ValueError(
                f"load: {path} is a TorchScript archive; in torch: "
                "torch.save(torch.jit.load(f).state_dict(), 'weights.pth'), and load that"
            )
        order = f"{self.folder}byteorder"
        self.order = ">" if order in names and archive.read(order) == b"big" else "<"
        self.program = archive.read(program)
        self.records: dict[str, np.ndarray] = {}
        self.tensors: dict[tuple[str, str], np.ndarray] = {}

    def run(self) -> Any:
        stack: list[Any] = []
        memo: dict[int, Any] = {}
        try:
            argument: Any
            for code, argument, _ in pickletools.genops(self.program):
                name = code.name
                if name == "STOP":
                    return stack.pop()
                if name in ("PROTO", "FRAME"):
                    continue
                if name in ("BINPUT", "LONG_BINPUT"):
                    memo[argument] = stack[-1]
                elif name == "MEMOIZE":
                    memo[len(memo)] = stack[-1]
                elif name in ("BINGET", "LONG_BINGET"):
                    stack.append(memo[argument])
                elif name in _LITERALS:
                    stack.append(argument)
                elif name in _FRESH:
                    stack.append(_FRESH[name]())
                elif name == "GLOBAL":
                    stack.append(self.named(*argument.split(" ", 1)))
                elif name == "STACK_GLOBAL":
                    last = stack.pop()
                    stack.append(self.named(stack.pop(), last))
                elif name in _INSTRUCTIONS:
                    _INSTRUCTIONS[name](self, stack)
                else:
                    raise _Refused(f"the instruction {name} is not one that describes tensors")
        except (ValueError, IndexError, KeyError, TypeError, AttributeError, OverflowError) as error:
            raise ValueError(f"load: {self.path} is damaged: its program does not run ({error!r})") from None
        except _Refused as error:
            raise ValueError(f"load: {self.path}: {error}") from None
        raise ValueError(f"load: {self.path} is damaged: its program has no end")

    def named(self, module: str, name: str) -> _Name:
        known = _Name(module, name)
        if known in _CALLS or (module in ("torch", "torch.storage") and (name in _STORAGES or name in _STORED)):
            return known
        if module == "torch" and name.endswith("Storage"):
            raise _Refused(f"it holds tensors of {name.removesuffix('Storage')}, a dtype that is not supported")
        raise _Refused(
            f"it holds {module}.{name}, which only running the file's code could make. Only weights can be read: in "
            "torch, torch.save(model.state_dict(), 'weights.pth'), and load that"
        )

    # ---- instructions

    def above_mark(self, stack: list[Any]) -> list[Any]:
        at = max(i for i, value in enumerate(stack) if value is _MARK)
        values = stack[at + 1 :]
        del stack[at:]
        return values

    def mark(self, stack: list[Any]) -> None:
        stack.append(_MARK)

    def pop(self, stack: list[Any]) -> None:
        stack.pop()

    def tuple_of(self, stack: list[Any]) -> None:
        values = self.above_mark(stack)
        stack.append(tuple(values))

    def append(self, stack: list[Any]) -> None:
        value = stack.pop()
        stack[-1].append(value)

    def appends(self, stack: list[Any]) -> None:
        values = self.above_mark(stack)
        stack[-1].extend(values)

    def add_items(self, stack: list[Any]) -> None:
        values = self.above_mark(stack)
        stack[-1].update(values)

    def set_item(self, stack: list[Any]) -> None:
        value, key = stack.pop(), stack.pop()
        self.container(stack)[key] = value

    def set_items(self, stack: list[Any]) -> None:
        values = self.above_mark(stack)
        self.container(stack).update(zip(values[::2], values[1::2], strict=True))

    def container(self, stack: list[Any]) -> dict[Any, Any]:
        if not isinstance(stack[-1], dict):
            raise TypeError(f"items set in a {type(stack[-1]).__name__}")
        return stack[-1]

    def build(self, stack: list[Any]) -> None:
        stack.pop()  # a state_dict's _metadata: versions of torch's modules, nothing of ours

    def persistent(self, stack: list[Any]) -> None:
        kind, storage, key, _, _ = stack.pop()
        if kind != "storage":
            raise TypeError(f"persistent id of kind {kind!r}")
        stack.append(_Storage(str(key), _STORAGES[storage.name]))

    def call(self, stack: list[Any]) -> None:
        arguments, function = stack.pop(), stack.pop()
        if not isinstance(function, _Name) or not isinstance(arguments, tuple):
            raise TypeError(f"call of a {type(function).__name__}")
        stack.append(_CALLS[function](self, *arguments))

    # ---- what may be called

    def tensor(self, storage: _Storage, offset: int, shape: Any, strides: Any, *_: Any) -> Any:
        if any(isinstance(about, dict) and (about.get("conj") or about.get("neg")) for about in _):
            raise _Refused("a tensor waits for its conjugate or negative; in torch: call resolve_conj().resolve_neg()")
        return wrap(self.array(storage, storage.dtype, offset, tuple(shape), tuple(strides)))

    def tensor_with_dtype(
        self, storage: _Storage, offset: int, shape: Any, strides: Any, _grad: Any, _hooks: Any, dtype: _Name, *_: Any
    ) -> Any:
        return wrap(self.array(storage, dtype.name, offset, tuple(shape), tuple(strides)))

    def parameter(self, data: Any, *_: Any) -> Any:
        return data

    def array(
        self, storage: _Storage, dtype: str, offset: int, shape: tuple[int, ...], strides: tuple[int, ...]
    ) -> np.ndarray:
        """The window of a storage that a tensor is; never beyond the storage's bytes, whatever the program says."""
        flat = self.storage(storage.key, dtype)
        if len(shape) != len(strides) or min((offset, *shape, *strides), default=0) < 0:
            raise _Refused(f"damaged: a tensor of shape {shape}, strides {strides} and offset {offset}")
        if 0 in shape:
            return np.empty(shape, flat.dtype)
        last = offset + sum((n - 1) * s for n, s in zip(shape, strides, strict=True))
        if last >= flat.size:
            raise _Refused(f"damaged: a tensor of shape {shape} reaches beyond its {flat.size} stored numbers")
        steps = [s * flat.itemsize for s in strides]
        return np.lib.stride_tricks.as_strided(flat[offset:], shape, steps)

    def storage(self, key: str, dtype: str) -> np.ndarray:
        """A storage's numbers in a supported dtype, read once, so that tensors which shared memory share it again."""
        if (key, dtype) not in self.tensors:
            if dtype not in _STORED:
                raise _Refused(f"tensors of {dtype or 'an untyped storage'} are not supported")
            stored, wanted = _STORED[dtype]
            if key not in self.records:
                self.records[key] = np.frombuffer(bytearray(self.archive.read(f"{self.folder}data/{key}")), np.uint8)
            numbers = self.records[key].view(np.dtype(self.order + stored))
            if dtype == "bfloat16":
                numbers = (numbers.astype(np.uint32) << 16).view(np.float32)
            self.tensors[key, dtype] = numbers.astype(dtypes.as_dtype(wanted), copy=False)
        return self.tensors[key, dtype]


def _gather(stack: list[Any], n: int) -> None:
    """The last n values as one tuple."""
    stack[-n:] = [tuple(stack[-n:])]


_LITERALS = {
    "BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "BINBYTES",
    "SHORT_BINBYTES",
}  # fmt: skip
_FRESH: dict[str, Callable[[], Any]] = {
    "NONE": lambda: None, "NEWTRUE": lambda: True, "NEWFALSE": lambda: False, "EMPTY_DICT": dict, "EMPTY_LIST": list,
    "EMPTY_TUPLE": tuple, "EMPTY_SET": set,
}  # fmt: skip
_INSTRUCTIONS: dict[str, Callable[[_Reader, list[Any]], None]] = {
    "MARK": _Reader.mark, "POP": _Reader.pop, "TUPLE": _Reader.tuple_of, "APPEND": _Reader.append,
    "APPENDS": _Reader.appends, "ADDITEMS": _Reader.add_items, "SETITEM": _Reader.set_item,
    "SETITEMS": _Reader.set_items, "BUILD": _Reader.build, "BINPERSID": _Reader.persistent, "REDUCE": _Reader.call,
    "NEWOBJ": _Reader.call, "TUPLE1": lambda _, stack: _gather(stack, 1), "TUPLE2": lambda _, stack: _gather(stack, 2),
    "TUPLE3": lambda _, stack: _gather(stack, 3),
}  # fmt: skip
_CALLS: dict[_Name, Callable[..., Any]] = {
    _Name("collections", "OrderedDict"): lambda _, *pairs: OrderedDict(*pairs),
    _Name("torch._utils", "_rebuild_tensor_v2"): _Reader.tensor,
    _Name("torch._utils", "_rebuild_tensor_v3"): _Reader.tensor_with_dtype,
    _Name("torch._utils", "_rebuild_parameter"): _Reader.parameter,
    _Name("torch", "Size"): lambda _, *sizes: tuple(*sizes),
    _Name("torch", "device"): lambda _, *names: str(*names),
    _Name("__builtin__", "set"): lambda _, *items: set(*items),
    _Name("builtins", "set"): lambda _, *items: set(*items),
}  # fmt: skip
