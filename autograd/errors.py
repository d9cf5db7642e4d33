"""Exceptions. Each derives from the class this library documents and from the one PyTorch raises for the same mistake."""

from __future__ import annotations

from typing import Any


class ShapeError(ValueError, RuntimeError):
    """Shapes or sizes that do not fit together."""


class RangeError(IndexError, ValueError):
    """A dimension, index or label outside its range."""


class PlaceError(RangeError, RuntimeError):
    """An element of an index tensor outside its range, or too many of them."""


class SubscriptError(IndexError, TypeError):
    """Something that cannot be a subscript."""


class DTypeError(TypeError, RuntimeError):
    """A dtype that the operation does not take, or dtypes that do not go together."""


class InputDTypeError(DTypeError, ValueError):
    """An input's dtype that does not go with a layer's or is not a floating one, where PyTorch checks the value by hand."""


class TapeError(RuntimeError):
    """The tape is not in a state that allows what was asked: a freed graph, a changed value, a protected leaf."""


class NumberError(ValueError, RuntimeError):
    """A number outside the range that the operation takes."""


class NotTensorError(TypeError, AttributeError):
    """Something else where only a Tensor, or an object of one kind, will do."""


class CheckedError(ShapeError, AssertionError):
    """What torch asserts."""


class DeviceError(RuntimeError, AssertionError):
    """A device there is not."""


class DivisionError(ZeroDivisionError, RuntimeError):
    """An integer divided by zero."""


def only_tensors(name: str, **given: Any) -> None:
    """Raise TypeError, naming operation and argument, for the first of `given` that is neither a tensor nor an array."""
    for argument, value in given.items():
        if not hasattr(value, "dtype") or not hasattr(value, "shape"):
            raise TypeError(f"{name}: {argument} is {value!r}; expected a Tensor")
