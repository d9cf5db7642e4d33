"""`@kernel`: numba's njit with this project's cache and settings."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, TypeVar

from numba import njit
from numba.core import event

from autograd.kernels import ahead
from autograd.kernels.cache import Cache, cache_root

F = TypeVar("F", bound=Callable[..., Any])


def kernel(fn: F | None = None, **options: Any) -> Any:
    """Compile a module-level function with numba, lazily and cached on disk (`cache`).

    Division by zero follows IEEE (no Python exception), the GIL is released, and no other option is set unless named:
    `inline="always"`, `fastmath={...}`. Results are the same bits on any number of threads (`threads.run`) only if the
    work is cut into pieces that do not depend on their number: that is each kernel's own duty.
    """
    if fn is None:
        return lambda function: kernel(function, **options)
    # no C function calls a kernel by its arguments, so none is compiled for it
    options["no_cfunc_wrapper"] = True
    compiled: Any = njit(nogil=True, error_model="numpy", **options)(fn)
    compiled._cache = Cache(fn)
    return compiled


class _SayOnce(event.Listener):
    """Prints one line when the first kernel is compiled rather than loaded, and has a second process help."""

    said = False
    ahead: Any = None

    def on_start(self, event: Any) -> None:
        name = getattr(event.data.get("dispatcher"), "py_func", None)
        if self.said or name is None or not name.__module__.startswith("autograd.kernels"):
            return
        self.said = True
        print(f"tapegrad: compiling kernels for this machine, kept in {cache_root()}", file=sys.stderr, flush=True)
        self.ahead = ahead.start(cache_root())

    def on_end(self, event: Any) -> None:
        pass


event.register("numba:compile", _SayOnce())
