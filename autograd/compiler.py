"""torch.compiler's questions and switches: nothing is compiled, so each decorator gives the function as it is."""

from __future__ import annotations

from typing import Any


def disable(fn: Any = None, *args: Any, **options: Any) -> Any:
    """The function as it is; also as `@disable()`."""
    return (lambda function: function) if fn is None else fn


allow_in_graph = assume_constant_result = substitute_in_graph = disable


def is_compiling() -> bool:
    """False: nothing is compiled."""
    return False


is_dynamo_compiling = is_exporting = is_compiling


def reset() -> None:
    """Nothing to do."""


cudagraph_mark_step_begin = reset
