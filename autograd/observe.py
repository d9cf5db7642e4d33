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
_FAR = 20  # operations from a node to the nearest line of the user's
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
        return "" if self.code is None else _line(self.code, self.instruction)

    def __str__(self) -> str:
        return ", ".join(part for part in (self.path and f"module {self.path}", self.line) if part)


def _line(code: CodeType, instruction: int) -> str:
    places = list(code.co_positions())
    at = instruction // 2
    number = places[at][0] if at < len(places) else code.co_firstlineno
    return f"{code.co_filename}:{number}"


def _own(code: CodeType) -> bool:
    """Whether the code is the library's."""
    return code.co_filename.startswith((*LIBRARY, "<string>", "<frozen"))  # the formulas' adaptors; imports


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
        if code is None and not _own(here):
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
    """Say in an error that backward met: the operation, the line that recorded it, and the parameters it reads by their
    dotted names. In the text of the tape's own errors, as a note on others.
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
        text = f"in the backward of {inner.op.name}, {_recorded(inner)}{reads}"
    if isinstance(error, TapeError) and len(error.args) == 1:
        error.args = (f"{error.args[0]} ({text})",)
    else:
        error.add_note(text)


def _recorded(node: Node) -> str:
    """Where a node was recorded. The tape knows the caller of an operation: where that is the library itself, as in a
    layer's forward, the nearest lines of the user's below the node are told too.
    """
    if node.where:
        return f"recorded in {node.where}"
    if node.site is None:
        return "run the forward pass under detect_anomaly() for its line"
    code, instruction = node.site
    if not _own(code):
        return f"recorded in {_line(code, instruction)}"
    layer: list[Any] = [node]
    for _ in range(_FAR):
        below = [edge for each in layer for edge in each.edges if edge is not None and not isinstance(edge, Leaf)]
        layer = list({id(n): n for n in (edge.node if isinstance(edge, Output) else edge for edge in below)}.values())
        lines = {_line(*n.site): None for n in layer if n.site and not _own(n.site[0])}
        if lines:
            return f"recorded by {code.co_qualname} on what {' and '.join(list(lines)[:3])} made"
    return f"recorded by {code.co_qualname}; run the forward pass under detect_anomaly() for your line"


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
