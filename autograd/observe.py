"""Watching the tape as it is written: who records what, in which module, from which line of the user's code."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

from .tape import Node, mode

Observer = Callable[[Node, Any, Sequence[Any]], None]
LIBRARY = tuple(str(Path(__file__).resolve().parent.parent / name) + "/" for name in ("autograd", "nn", "optim"))


class observing:
    """While inside, `observer(node, output, arguments)` is told of every operation that this thread records."""

    def __init__(self, observer: Observer) -> None:
        self.observer = observer

    def __enter__(self) -> None:
        self._before = (mode.watched, mode.watchers)
        mode.watched, mode.watchers = True, (*mode.watchers, self.observer)

    def __exit__(self, *exc: object) -> None:
        mode.watched, mode.watchers = self._before


class Site:
    """Where an operation was recorded: path, the dotted name of the module, and the user's line.

    The line is kept as code and instruction, never as a frame, which would keep every local variable alive.
    """

    __slots__ = ("code", "instruction", "path")

    def __init__(self, path: str, code: CodeType | None, instruction: int) -> None:
        self.path, self.code, self.instruction = path, code, instruction

    @property
    def line(self) -> str:
        """The user's line as file:number, empty where there is none."""
        if self.code is None:
            return ""
        places = list(self.code.co_positions())
        at = self.instruction // 2
        number = places[at][0] if at < len(places) else self.code.co_firstlineno
        return f"{self.code.co_filename}:{number}"

    def __str__(self) -> str:
        return ", ".join(part for part in (self.path and f"module {self.path}", self.line) if part)


def site(depth: int = 1) -> Site:
    """The site of the caller's caller: module path by the `forward` methods on the stack, line by the first frame
    outside.
    """
    frame: FrameType | None = sys._getframe(depth)
    code, instruction = None, 0
    modules: list[Any] = []
    while frame is not None:
        here = frame.f_code
        if here.co_name == "forward":
            owner = frame.f_locals.get("self")
            if hasattr(owner, "named_modules") and not (modules and modules[-1] is owner):
                modules.append(owner)
        if code is None and not here.co_filename.startswith(LIBRARY) and not here.co_filename.startswith("<"):
            code, instruction = here, frame.f_lasti
        frame = frame.f_back
    return Site(_path(modules[::-1]), code, instruction)


def _path(modules: list[Any]) -> str:
    """The dotted name of the innermost of nested modules, as the outermost would name it."""
    names: list[str] = []
    for outer, inner in zip(modules, modules[1:], strict=False):
        found = next((name for name, module in outer.named_modules() if module is inner), type(inner).__name__)
        names.append(found)
    return ".".join(names) if names else (type(modules[0]).__name__ if modules else "")
