"""`@kernel`: numba's njit with this project's cache folder and settings.

Compiled code is cached on disk under `$TAPEGRAD_CACHE` (default `$XDG_CACHE_HOME/tapegrad`, `~/.cache/tapegrad`), in a
folder named by a digest of the kernel's file, the kernel files it imports, the CPU and numba's version: numba itself
does not notice that an intrinsic in another file has changed.
"""

from __future__ import annotations

import hashlib
import os
import re
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import llvmlite.binding as llvm
import numba
from numba import njit
from numba.core import config, event

from autograd.kernels import ahead

F = TypeVar("F", bound=Callable[..., Any])

_HERE = Path(__file__).parent


def cache_root() -> Path:
    """The folder below which compiled kernels are kept."""
    named = os.environ.get("TAPEGRAD_CACHE")
    if named:
        return Path(named)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tapegrad"


_IMPORT = re.compile(r"^\s*from (?:autograd\.kernels|\.)(?:\.?(\w+))? import (\([^)]*|.*)", re.MULTILINE)


def _machine() -> str:
    features = os.environ.get("NUMBA_CPU_FEATURES") or llvm.get_host_cpu_features().flatten()
    parts = [numba.__version__, llvm.get_host_cpu_name(), features, os.environ.get("TAPEGRAD_LANES", "")]
    return "\0".join(parts)


@cache
def _imports(source: Path) -> tuple[bytes, frozenset[Path]]:
    """A file's text and the kernel files it imports from."""
    text = source.read_text()
    files = set()
    for module, names in _IMPORT.findall(text):
        files |= {_HERE / f"{name}.py" for name in ([module] if module else re.findall(r"\w+", names))}
    return text.encode(), frozenset(file for file in files if file.exists())


@cache
def _folder(source: Path) -> Path:
    """The cache folder of one file's kernels, named by that file, every kernel file below it, and the machine."""
    found, waiting = {source, Path(__file__)}, [source]
    while waiting:
        new = _imports(waiting.pop())[1] - found
        found |= new
        waiting.extend(new)
    digest = hashlib.blake2b(_machine().encode(), digest_size=8)
    for file in sorted(found):
        digest.update(_imports(file)[0])
    return cache_root() / f"{source.stem}-{digest.hexdigest()}"


def kernel(fn: F | None = None, **options: Any) -> Any:
    """Compile a module-level function with numba, lazily and cached on disk.

    Division by zero follows IEEE (no Python exception), the GIL is released, and no other option is set unless named:
    `inline="always"`, `fastmath={...}`. Results are the same bits on any number of threads (`threads.run`) only if the
    work is cut into pieces that do not depend on their number: that is each kernel's own duty.
    """
    if fn is None:
        return lambda function: kernel(function, **options)
    before = config.CACHE_DIR
    config.CACHE_DIR = str(_folder(Path(fn.__code__.co_filename)))
    try:
        # no C function calls a kernel by its arguments, so none is compiled for it
        options["no_cfunc_wrapper"] = True
        return njit(cache=True, nogil=True, error_model="numpy", **options)(fn)
    finally:
        config.CACHE_DIR = before


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
