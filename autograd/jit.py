"""torch.jit's decorators: nothing needs compiling here, so each returns the function, class or model as it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

__all__ = [
    "Final",
    "annotate",
    "export",
    "ignore",
    "is_scripting",
    "is_tracing",
    "script",
    "script_method",
    "trace",
    "unused",
]


def script(obj: Any, *args: Any, **options: Any) -> Any:
    """The function, class or model as it is.

    >>> autograd.jit.script(max)([1, 2])
    2
    """
    return obj


def trace(func: Any, example_inputs: Any = None, *args: Any, **options: Any) -> Any:
    """The function or model as it is: it is not run on the example."""
    return func


def ignore(drop: Any = False, **options: Any) -> Any:
    """The function as it is, also from `@ignore(drop=True)`."""
    return drop if callable(drop) else _same


def _same(fn: Callable[..., Any]) -> Callable[..., Any]:
    return fn


export = unused = script_method = _same
_overload_method = _script_if_tracing = _same  # torchvision's models use them


def is_scripting() -> bool:
    """False: what runs is Python."""
    return False


is_tracing = is_scripting


def annotate(the_type: Any, the_value: Any) -> Any:
    """The value as it is."""
    return the_value


script_if_tracing = _same
