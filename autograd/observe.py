"""Watching the tape as it is written: who records what, in which module, from which line of the user's code."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

from . import tape
from .errors import TapeError
from .tape import Leaf, Node, Output, mode

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


def blame(error: Exception, node: Any) -> None:
    """Say in an error that backward met: the operation, the line that recorded it where that is known, and the parameters
    it reads by their dotted names. In the text of the tape's own errors, as a note on others.
    """
    if node is None:
        return
    if isinstance(node, Leaf):
        text = f"at the gradient of {_parameter(node) or f'a leaf of shape {node.shape}'}"
    else:
        inner: Any = node.node if isinstance(node, Output) else node
        edges = enumerate(inner.edges)
        named = [(k, _parameter(edge)) for k, edge in edges if isinstance(edge, Leaf)]
        reads = "".join(f"; argument {k} is {name}" for k, name in named if name)
        where = (
            f"recorded in {inner.where}" if inner.where else "run the forward pass under detect_anomaly() for its line"
        )
        text = f"in the backward of {inner.op.name}, {where}{reads}"
    if isinstance(error, TapeError) and len(error.args) == 1:
        error.args = (f"{error.args[0]} ({text})",)
    else:
        error.add_note(text)


def _parameter(leaf: Leaf) -> str:
    """A leaf as the outermost module that has it would name it; empty where none does.

    Leaves do not know their modules: only an error asks, and then all living objects are searched.
    """
    found = ""
    for owner in gc.get_objects():
        if hasattr(type(owner), "named_parameters"):
            try:
                names = [
                    name for name, parameter in owner.named_parameters() if getattr(parameter, "_node", None) is leaf
                ]
            except Exception:  # an object half made, or another library's
                continue
            if names and found.count(".") <= names[0].count("."):
                found = f"parameter {names[0]!r} of {type(owner).__name__}"
    return found


tape.blame = blame
