"""numpy without its warnings: overflow, division by zero and invalid operations give inf and NaN without a word, as in torch.

A library must not change numpy's setting for the program, so each numpy function that can warn stands under `quiet`;
backward silences numpy once for the whole pass.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from contextvars import ContextVar, copy_context
from typing import Any, TypeVar, cast

import numpy as np

F = TypeVar("F", bound=Callable[..., Any])


def _setting() -> tuple[ContextVar[Any], Any] | None:
    """The context variable that `np.errstate` sets, and its value where everything is ignored; None if there is none."""
    with np.errstate(all="ignore"):
        inside = copy_context()
    changed = [(variable, value) for variable, value in inside.items() if variable.get(None) is not value]
    return changed[0] if len(changed) == 1 else None


_found = _setting()


def quiet(fn: F) -> F:
    """`fn` under `np.errstate(all="ignore")`, whose value is made once, not anew in every call: 0.15 us for 0.45."""
    if _found is None:
        return np.errstate(all="ignore")(fn)
    variable, silent = _found
    begin, end = variable.set, variable.reset

    @functools.wraps(fn)
    def silenced(*args: Any, **kwargs: Any) -> Any:
        token = begin(silent)
        try:
            return fn(*args, **kwargs)
        finally:
            end(token)

    return cast(F, silenced)
