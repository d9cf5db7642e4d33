"""The registry's operations as methods and operators of Tensor."""

from __future__ import annotations

import functools
from typing import Any

from numpy import ndarray

from . import creation, dtypes, random, settings
from .errors import DTypeError, ShapeError
from .inplace import inplace
from .op import REGISTRY, Op
from .ops import complexes, convert, index, shape, strided
from .tensor import Tensor


def _inplace_method(name: str, call: Any, writes: Any) -> Any:
    def method(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        return inplace(name, call, self, args, kwargs, writes)

    return functools.update_wrapper(method, call, assigned=("__doc__",))


def _reflected(call: Any) -> Any:
    def method(self: Tensor, other: Any) -> Any:
        try:
            return call(other, self)
        except DTypeError:
            if isinstance(other, (list, tuple, str)):  # [0] * tensor(3) is the list's own affair
                return NotImplemented
            raise

    return method


def _one_dtype(a: Any, b: Any) -> tuple[Any, Any]:
    """A tensor and an ndarray in their common dtype, as the other operators promote them; `matmul` wants one."""
    if (type(a) is ndarray or type(b) is ndarray) and a.dtype != b.dtype:
        dtype = dtypes.promote_types(dtypes.as_dtype(a.dtype), dtypes.as_dtype(b.dtype))
        return convert.to_dtype(a, dtype), convert.to_dtype(b, dtype)
    return a, b


def _matmul(entry: Op) -> Any:
    call = entry.short(entry, 2)  # type: ignore[misc]
    entry.calls.append(call)

    def method(self: Tensor, other: Any) -> Any:
        return call(self, other) if isinstance(other, Tensor) else call(*_one_dtype(self, other))

    return functools.update_wrapper(method, call, assigned=("__doc__",))


def _equality(call: Any) -> Any:
    """== and !=, which know no wrong type: beside anything but numbers they tell tensors apart as objects."""

    def method(self: Tensor, other: Any) -> Any:
        try:
            return call(self, other)
        except DTypeError:
            if isinstance(other, (Tensor, ndarray)):
                raise
            return NotImplemented

    return method


def _adjoint(self: Tensor) -> Tensor:
    if self.ndim not in (0, 2):
        raise ShapeError(f"H: expected a matrix, got shape {tuple(self.shape)}; use mH for the last two dimensions")
    return complexes.adjoint(self)


def _matrix_adjoint(self: Tensor) -> Tensor:
    return complexes.conj(shape.matrix_transpose(self))


def _setter(part: Any) -> Any:
    return lambda self, value: part(self).copy_(value if isinstance(value, Tensor) else creation.as_tensor(value))


OPERATORS = {
    "_add": "add", "_sub": "sub", "mul": "mul", "true_divide": "truediv", "pow": "pow", "matmul": "matmul",
    "floor_divide": "floordiv", "remainder": "mod", "bitwise_left_shift": "lshift",
    "bitwise_right_shift": "rshift", "bitwise_and": "and", "bitwise_or": "or", "bitwise_xor": "xor",
}  # fmt: skip
COMPARISONS = {"eq": "eq", "ne": "ne", "lt": "lt", "le": "le", "gt": "gt", "ge": "ge"}
UNARY = {"neg": "neg", "abs": "abs", "bitwise_not": "invert", "positive": "pos"}
SUBSCRIPTS = {"__getitem__": index.getitem, "__setitem__": index.setitem}
PROPERTIES = {
    "T": shape.reversed_dims,
    "mT": shape.matrix_transpose,
    "mH": _matrix_adjoint,
    "H": _adjoint,
}
PARTS = {"real": complexes.real, "imag": complexes.imag}


def install() -> None:
    """Give Tensor every registered operation that is a method, its in-place form, and the operators."""
    for key, entry in REGISTRY.items():
        if entry.method and not key.startswith("_") and key not in Tensor.__dict__:
            setattr(Tensor, key, entry.method if callable(entry.method) else entry.call)
        if entry.inplace:
            form = entry.method if callable(entry.method) else entry.call
            setattr(Tensor, entry.name + "_", _inplace_method(entry.name + "_", form, entry.writes))
    for key, name in OPERATORS.items():
        if key in REGISTRY:
            call, writes = REGISTRY[key].call, REGISTRY[key].writes
            setattr(Tensor, f"__{name}__", call)
            setattr(Tensor, f"__r{name}__", _reflected(call))
            setattr(Tensor, f"__i{name}__", _inplace_method(f"{name}_", call, writes))
    matmul = REGISTRY["matmul"]
    setattr(Tensor, "__matmul__", _matmul(matmul))  # noqa: B010  mypy knows no such method of the class
    setattr(Tensor, "__rmatmul__", _reflected(lambda a, b: matmul.call(*_one_dtype(a, b))))  # noqa: B010
    for key, name in {**COMPARISONS, **UNARY}.items():
        if key in REGISTRY:
            call = REGISTRY[key].call
            setattr(Tensor, f"__{name}__", _equality(call) if name in ("eq", "ne") else call)
    for methods in (SUBSCRIPTS, *(module.METHODS for module in (convert, strided, settings, creation, random))):
        for name, method in methods.items():
            setattr(Tensor, name, method)
    for name, getter in PROPERTIES.items():
        setattr(Tensor, name, property(getter))
    for name, part in PARTS.items():
        setattr(Tensor, name, property(part, _setter(part)))
