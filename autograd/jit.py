"""torch.jit's decorators: nothing needs compiling here, so each returns the function, class or model as it is."""

from __future__ import annotations

import builtins
import typing
from collections.abc import Callable
from typing import Any, Final

__all__ = [
    "Final",
    "annotate",
    "export",
    "ScriptModule",
    "ignore",
    "is_scripting",
    "is_tracing",
    "isinstance",
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
_overload = _overload_method = _script_if_tracing = _same  # torchvision's models use them


class ScriptModule:
    """What a compiled model is in torch. No model here is one; code that tells layers apart asks for it."""


def isinstance(obj: Any, target_type: Any) -> bool:
    """Python's own, which sees the class of a container, not what it is said to hold.

    >>> autograd.jit.isinstance([autograd.ones(1)], list[autograd.Tensor])
    True
    """
    return builtins.isinstance(obj, typing.get_origin(target_type) or target_type)


def is_scripting() -> bool:
    """False: what runs is Python."""
    return False


is_tracing = is_scripting


def annotate(the_type: Any, the_value: Any) -> Any:
    """The value as it is."""
    return the_value


script_if_tracing = _same


class TracerWarning(Warning):
    """What torch warns of while it traces, and programs silence: never raised here, where nothing is traced."""
