"""Where compiled kernels are kept, and how they are loaded again.

Compiled code lies under `$TAPEGRAD_CACHE` (default `$XDG_CACHE_HOME/tapegrad`, `~/.cache/tapegrad`), in a folder named
by a digest of the kernel's file, the kernel files it imports, the CPU and numba's version: numba itself does not notice
that an intrinsic in another file has changed.
"""

from __future__ import annotations

import hashlib
import os
import re
import sys
import tempfile
import warnings
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import llvmlite.binding as llvm
import numba
from numba.core.caching import CompileResultCacheImpl, FunctionCache
from numba.core.runtime import rtsys

_HERE = Path(__file__).parent


def cache_root() -> Path:
    """The folder below which compiled kernels are kept."""
    named = os.environ.get("TAPEGRAD_CACHE")
    if named:
        return Path(named)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tapegrad"


_IMPORT = re.compile(r"^\s*from (?:autograd\.kernels|\.)(?:\.?(\w+))? import (\([^)]*|.*)", re.MULTILINE)


@cache
def _machine() -> bytes:
    features = os.environ.get("NUMBA_CPU_FEATURES") or llvm.get_host_cpu_features().flatten()
    parts = [numba.__version__, llvm.get_host_cpu_name(), features, os.environ.get("TAPEGRAD_LANES", "")]
    return "\0".join(parts).encode()


@cache
def _imports(source: Path) -> tuple[bytes, frozenset[Path]]:
    """The digest of a file's text, and the kernel files it imports from."""
    text = source.read_text()
    files = set()
    for module, names in _IMPORT.findall(text):
        files |= {_HERE / f"{name}.py" for name in ([module] if module else re.findall(r"\w+", names))}
    return hashlib.blake2b(text.encode()).digest(), frozenset(file for file in files if file.exists())


@cache
def _folder(source: Path) -> Path:
    """The cache folder of one file's kernels, named by that file, every kernel file below it, and the machine."""
    found, waiting = {source, _HERE / "compile.py"}, [source]
    while waiting:
        new = _imports(waiting.pop())[1] - found
        found |= new
        waiting.extend(new)
    digest = hashlib.blake2b(_machine(), digest_size=8)
    for file in sorted(found):
        digest.update(_imports(file)[0])
    return cache_root() / f"{source.stem}-{digest.hexdigest()}"


class _Place(CompileResultCacheImpl):
    """The file of one kernel; also what numba calls its locator."""

    def __init__(self, function: Any) -> None:
        code = function.__code__
        self._folder, self._line = _folder(Path(code.co_filename)), code.co_firstlineno
        self._locator = self
        self._filename_base = self.get_filename_base(function.__qualname__, getattr(sys, "abiflags", ""))

    def get_cache_path(self) -> str:
        return str(self._folder)

    def get_source_stamp(self) -> str:
        return ""  # the folder's name says how fresh it is

    def get_disambiguator(self) -> str:
        return str(self._line)

    def ensure_cache_path(self) -> None:
        """Make the folder; OSError where nothing can be written into it."""
        self._folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=self._folder).close()


class Cache(FunctionCache):
    """The compiled forms of one kernel on disk, by signature."""

    _impl_class = _Place
    _said = False

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """The compiled form for a signature, None where there is none.

        numba first registers all it can compile, and imports scipy for that: longer than a training step takes to
        begin. What is compiled already needs none of it, only the runtime that its arrays come from.
        """
        rtsys.initialize(target_context)
        found = None
        with suppress(OSError):  # then it is compiled, and `save_overload` says what is wrong
            found = self._load_overload(sig, target_context)
        if found is None:
            target_context.refresh()
        return found

    def save_overload(self, sig: Any, data: Any) -> None:
        try:
            super().save_overload(sig, data)
        except OSError as error:
            self.disable()
            if not Cache._said:
                Cache._said = True
                warnings.warn(
                    f"tapegrad: compiled kernels cannot be kept in {cache_root()} ({error.strerror}), so every process "
                    "compiles them again; TAPEGRAD_CACHE names another folder",
                    stacklevel=2,
                )
