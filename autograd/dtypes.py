"""The dtypes and torch's rule of type promotion.

Arrays have numpy's dtypes, and so has all that computes with arrays: the constants here are numpy's. What users see is a
`DType`, the object of torch's name that stands for one of them; `as_dtype` and `DType` lead from one to the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .errors import DTypeError, NumberError

float32 = np.dtype(np.float32)
float64 = np.dtype(np.float64)
int64 = np.dtype(np.int64)
int32 = np.dtype(np.int32)
int16 = np.dtype(np.int16)
int8 = np.dtype(np.int8)
uint8 = np.dtype(np.uint8)
bool_ = np.dtype(np.bool_)
complex64, complex128 = np.dtype(np.complex64), np.dtype(np.complex128)

# torch's dtypes that scripts compare with or choose among; as_dtype refuses them
float16 = np.dtype(np.float16)
uint16, uint32, uint64 = np.dtype(np.uint16), np.dtype(np.uint32), np.dtype(np.uint64)

FLOATS = (float32, float64)
SUPPORTED = (float32, float64, int64, int32, int16, int8, uint8, bool_, complex64, complex128)
_BUILTIN = {bool: bool_, int: int64}
REAL_PART: dict[np.dtype, np.dtype] = {
    complex64: float32,
    complex128: float64,
}  # the dtype of a complex one's parts, and back
COMPLEX_OF: dict[np.dtype, np.dtype] = {float32: complex64, float64: complex128}

_default = float32
# Whether a complex array has been made so far: until then nothing looks for one. Operations ask for this before they look
# at dtypes, and everything that makes a complex array without reading one, or takes one in, sets it.
complexes = False


def complex_made() -> None:
    """A complex array is about to be: from here on operations without a complex form look for one among their arguments."""
    global complexes
    complexes = True


def get_default_dtype() -> DType:
    """The dtype that Python floats become: float32 unless `set_default_dtype` changed it.

    >>> autograd.get_default_dtype()
    autograd.float32
    """
    return BY_NUM[_default.num]


def set_default_dtype(dtype: Any) -> None:
    """Make float32 or float64 the dtype of Python floats and of the factories without a dtype.

    >>> autograd.set_default_dtype(autograd.float32)
    """
    global _default
    chosen = as_dtype(dtype)
    if chosen not in FLOATS:
        raise DTypeError(f"set_default_dtype: expected float32 or float64, got {chosen}")
    _default = chosen


def as_dtype(dtype: Any) -> np.dtype:
    """numpy's dtype of a supported one (a `DType`, a numpy dtype or scalar type, a string, `float`, `int` or `bool`).

    `float` is float64 and `int` is int64, as in torch. Raises DTypeError for a dtype not supported.
    """
    found: Any
    if type(dtype) is DType:
        found = getattr(dtype, "dtype", dtype)  # those that numpy does not know have none
    else:
        try:
            found = _BUILTIN[dtype] if dtype is bool or dtype is int else np.dtype(dtype)
        except TypeError:
            raise DTypeError(f"dtype: {dtype!r} is not a dtype") from None
    if found not in SUPPORTED:
        names = ", ".join(str(d) for d in SUPPORTED)
        raise DTypeError(f"dtype: {found} is not supported; expected one of {names}")
    if found.kind == "c":
        complex_made()
    return found


LEGACY = {bool_: "Bool", uint8: "Byte", int8: "Char", float64: "Double", float32: "Float", int32: "Int"}
LEGACY |= {int64: "Long", int16: "Short", complex64: "ComplexFloat", complex128: "ComplexDouble"}


def of_legacy(name: str) -> np.dtype:
    """The dtype in the older name of a tensor type, as FloatTensor."""
    kinds = {word: dtype for dtype, word in LEGACY.items()} | {"": _default}
    if name.removesuffix("Tensor") not in kinds:
        raise DTypeError(f"type: {name} is not a type of tensor here; expected one of {', '.join(kinds)} before Tensor")
    return kinds[name.removesuffix("Tensor")]


def is_float(dtype: np.dtype) -> bool:
    return dtype.kind == "f"


# complex > float > integer > bool: an operand of a higher category decides the result's category
_RANK = {"b": 0, "i": 1, "u": 1, "f": 2, "c": 3}


def _scalar_dtype(value: Any) -> np.dtype:
    if isinstance(value, (bool, np.bool_)):
        return bool_
    if isinstance(value, (int, np.integer)):
        return int64
    if isinstance(value, (float, np.floating)):
        return _default
    if isinstance(value, (complex, np.complexfloating)):
        complex_made()
        return COMPLEX_OF[_default]
    raise DTypeError(f"expected a Tensor or a number, got {type(value).__name__}")


def result_type(*operands: Any) -> np.dtype:
    """The dtype of an elementwise result, by torch's rule: dimensioned tensors first, then 0-dim ones, then scalars.

    An operand of lower priority changes the result only if its category (bool, integer, float) is higher. Operands are
    arrays (ndim and dtype are looked at), or Python and numpy scalars. Source: PyTorch, tensor attributes, "type promotion".
    Among scalars alone numpy's keep their own dtype: a formula's 0-dim values come as such, and float64 must stay float64.
    """
    best: list[np.dtype | None] = [None, None, None]
    for operand in operands:
        if hasattr(operand, "dtype") and hasattr(operand, "ndim") and not isinstance(operand, np.generic):
            tier, dtype = (0 if operand.ndim else 1), operand.dtype
        else:
            tier, dtype = 2, _scalar_dtype(operand)
        held = best[tier]
        best[tier] = dtype if held is None else promote_types(held, dtype)
    result: np.dtype | None = None
    for candidate in best:
        if candidate is not None and (result is None or _RANK[candidate.kind] > _RANK[result.kind]):
            # what makes a float complex leaves it its precision
            result = COMPLEX_OF[result] if candidate.kind == "c" and result in COMPLEX_OF else candidate
    if result is None:
        raise DTypeError("result_type: expected at least one operand")
    if best[0] is None and best[1] is None and result.kind in "fc":
        own = [operand.dtype for operand in operands if isinstance(operand, np.inexact)]
        if own:
            return as_dtype(np.result_type(*own))
    return result


def promote_types(a: np.dtype, b: np.dtype) -> np.dtype:
    """The smallest dtype both convert to by torch's rule: a float meeting an integer keeps the float's dtype."""
    if a == b:
        return a
    if a.kind in "fc" and b.kind not in "fc":
        return a
    if b.kind in "fc" and a.kind not in "fc":
        return b
    return np.promote_types(a, b)


def fitting(name: str, value: Any, dtype: np.dtype) -> Any:
    """A number as an element of an integer dtype, its fraction cut off, the negative ones of uint8 from the other end.

    Other values and dtypes are handed on. Raises NumberError for a number outside the dtype's range, infinity and NaN,
    DTypeError for a complex one beside a real dtype.
    """
    fits(name, dtype, value)
    if dtype.kind not in "iu" or not isinstance(value, (int, float)):
        return value
    limits = np.iinfo(dtype)
    low = limits.min or -limits.max
    if not low <= value < limits.max + 1:
        raise NumberError(f"{name}: value {value} cannot be converted to {dtype} without overflow")
    return np.int64(value).astype(dtype)


def fits(name: str, dtype: np.dtype, value: Any) -> None:
    """Raise DTypeError where `value`, a number or an array to be written into an array of a real dtype, is complex."""
    if dtype.kind == "c":
        return
    if isinstance(value, (complex, np.complexfloating)) or getattr(getattr(value, "dtype", dtype), "kind", "") == "c":
        raise DTypeError(f"{name}: complex values cannot be written into a tensor of {dtype}; take real or imag first")


def settled(operands: Sequence[Any]) -> bool:
    """Whether nothing is to be promoted: arrays of one floating dtype, which numpy keeps beside Python's numbers, and None."""
    found = None
    for operand in operands:
        if type(operand) is np.ndarray:
            if found is None:
                found = operand.dtype
            elif operand.dtype is not found:
                return False
        elif operand is not None and type(operand) is not float and type(operand) is not int:
            return False
    return found is not None and found.kind in "fc"


def promote(operands: Sequence[Any], to_float: bool = False) -> list[Any]:
    """Arrays cast to their common dtype; scalars are left weak unless they would not fit an integer dtype."""
    dtype = result_type(*operands)
    if to_float and dtype.kind not in "fc":
        dtype = _default
    return [_cast(operand, dtype) for operand in operands]


def _cast(operand: Any, dtype: np.dtype) -> Any:
    if isinstance(operand, np.ndarray):
        return operand if operand.dtype is dtype else operand.astype(dtype)
    if dtype.kind == "f":
        return float(operand)
    if dtype.kind == "c":
        return complex(operand)
    return np.array(operand).astype(dtype)


# ---------------------------------------------------------------------------------------------- what users see


class DType:
    """A dtype as torch has it: one object each, `autograd.float32`, which tensors name as their `dtype`.

    name: "float32". itemsize: bytes of an element. is_floating_point, is_complex, is_signed: what it can hold. dtype:
    numpy's dtype, through which numpy takes it (`np.zeros(3, autograd.float32)`); it equals that and its scalar type, and has
    its attributes (kind, char, type). Those that numpy does not know, as bfloat16, have none. `str` of it is
    "torch.float32", which scripts take apart; in a formatted text its bare name stands. `autograd.dtype(x)` is the dtype that
    numpy's dtype, scalar type or name x stands for; raises DTypeError (TypeError) where there is none.

    >>> autograd.float32, autograd.float32.is_floating_point, autograd.bfloat16.itemsize
    (autograd.float32, True, 2)
    >>> autograd.float32 == np.float32, autograd.dtype(np.int64)
    (True, autograd.int64)
    """

    __slots__ = (
        "_hash", "char", "dtype", "is_complex", "is_floating_point", "is_signed", "itemsize", "kind", "name", "num", "type",
    )  # fmt: skip
    __module__ = "autograd"  # where pickle finds each by its name

    _hash: int
    name: str
    dtype: np.dtype
    itemsize: int
    is_floating_point: bool
    is_complex: bool
    is_signed: bool
    kind: str  # this and the next three are numpy's
    char: str
    num: int
    type: Any

    def __new__(cls, dtype: Any) -> DType:
        if type(dtype) is cls:
            return dtype
        try:
            return NAMED[dtype if isinstance(dtype, str) and dtype in NAMED else np.dtype(dtype).name]
        except (TypeError, KeyError):
            raise DTypeError(f"dtype: {dtype!r} is not a dtype; expected one of {', '.join(NAMED)}") from None

    def to_complex(self) -> DType:
        """The complex dtype of such numbers. Raises DTypeError (TypeError) for integers and bool."""
        if self.is_complex:
            return self
        if not self.is_floating_point or self.itemsize == 1:
            raise DTypeError(f"to_complex: no complex numbers are made of {self}; expected a floating dtype")
        return NAMED["complex64" if self.name == "bfloat16" else f"complex{16 * self.itemsize}"]

    def to_real(self) -> DType:
        """The dtype of the real part."""
        return NAMED[f"float{4 * self.itemsize}"] if self.is_complex else self

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if isinstance(other, (np.dtype, type)):
            own = getattr(self, "dtype", None)
            return own is not None and (own == other if isinstance(other, np.dtype) else own.type is other)
        return NotImplemented

    def __hash__(self) -> int:
        return self._hash

    def __getattr__(self, name: str) -> Any:
        if name not in self.__slots__ and name[:2] != "__" and hasattr(self, "dtype"):
            return getattr(self.dtype, name)
        raise AttributeError(f"{self!r} has no attribute {name!r}")

    def __repr__(self) -> str:
        return f"autograd.{self.name}"

    def __str__(self) -> str:
        return f"torch.{self.name}"  # torch's own, which scripts take apart

    def __format__(self, spec: str) -> str:
        return format(self.name, spec)

    def __reduce__(self) -> str:
        return self.name  # copies and what comes out of a pickle are the same object


DType.__name__ = DType.__qualname__ = "dtype"


def _dtype(name: str, kind: str, itemsize: int, own: np.dtype | None = None) -> DType:
    made = object.__new__(DType)
    made.name, made.itemsize = name, itemsize
    made.is_floating_point, made.is_complex, made.is_signed = kind == "f", kind == "c", kind in "fci"
    made._hash = hash(name if own is None else own)
    if own is not None:
        made.dtype, made.kind, made.char, made.num, made.type = own, own.kind, own.char, own.num, own.type
    return made


NAMED = {d.name: _dtype(d.name, d.kind, d.itemsize, d) for d in (*SUPPORTED, float16, uint16, uint32, uint64)}
# torch's without a counterpart in numpy
NAMED |= {name: _dtype(name, kind, size) for name, kind, size in (("bfloat16", "f", 2), ("complex32", "c", 4))}
NAMED |= {name: _dtype(name, "f", 1) for name in ("float8_e4m3fn", "float8_e4m3fnuz", "float8_e5m2", "float8_e5m2fnuz")}
# by the number numpy gives a dtype: what `Tensor.dtype` reads
BY_NUM: list[Any] = [NAMED.get(np.dtype(code).name) for code in "?bBhHiIlLqQfdgFDGOSUVMme"]
