"""Second names of operations."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from ..op import REGISTRY, function


def alias(call: Callable[..., Any], *names: str) -> None:
    """Enter `names` in the registry as further names of the operation `call`, with its method and in-place form."""
    entry = REGISTRY[call.__name__]
    for name in names:
        function(name=name, samples=entry.samples, method=entry.method, inplace=entry.inplace)(call)


def axis_too(call: Callable[..., Any]) -> Callable[..., Any]:
    """Let a public function take numpy's `axis` and `keepdims` for `dim` and `keepdim`, as torch's do."""

    @functools.wraps(call)
    def named(*args: Any, **kwargs: Any) -> Any:
        for theirs, ours in (("axis", "dim"), ("keepdims", "keepdim")):
            if theirs in kwargs:
                kwargs[ours] = kwargs.pop(theirs)
        return call(*args, **kwargs)

    return named
