"""`profile`: the time of each operation, forward and backward, and the bytes it keeps, summed by op and by module."""

from __future__ import annotations

import contextlib
import enum
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from numpy import ndarray

from .observe import Site, observing, site
from .op import REGISTRY
from .tape import Node


@dataclass
class Call:
    """One call of an operation. seconds of its function and of its formulas; kept: bytes that the tape holds for it."""

    op: str
    where: Site
    forward: float = 0.0
    backward: float = 0.0
    kept: int = 0


@dataclass
class Row:
    """Calls summed under one name."""

    name: str
    calls: int
    forward: float
    backward: float
    kept: int


def kept_arrays(node: Node) -> list[ndarray]:
    """The arrays that a node holds for its backward pass."""
    found: list[ndarray] = []
    for value in node.values or ():
        found += [v for v in (value if isinstance(value, tuple) else (value,)) if isinstance(v, ndarray)]
    return found


def kept_bytes(nodes: Iterable[Node]) -> int:
    """The bytes those nodes hold; memory that several hold counts once."""
    memory: dict[int, int] = {}
    for node in nodes:
        for array in kept_arrays(node):
            owner = array if array.base is None else array.base
            memory[id(owner)] = getattr(owner, "nbytes", array.nbytes)
    return sum(memory.values())


class profile:
    """Time every operation that this thread computes inside: `with autograd.profile() as p: ...; print(p)`.

    by_op() and by_module() give rows (name, calls, forward, backward, kept), slowest first; `calls` the single calls.
    Times are those of the operation's own function and formulas, without Python around them. Backward counts what was
    recorded inside.

    >>> with autograd.profile() as p:
    ...     y = autograd.ones(1, requires_grad=True) * 2
    """

    def __init__(self, *args: Any, **options: Any) -> None:  # torch's say what to look at; here it is always the same
        self.calls: list[Call] = []
        self._watch = observing(self._recorded)
        self._last: Call | None = None
        self._busy = False
        self._cells: list[tuple[Any, Any]] = []

    def __enter__(self) -> profile:
        self._thread = threading.get_ident()
        for entry in REGISTRY.values():
            for recorded in entry.calls:
                free = getattr(recorded, "__code__", None)
                if entry.kind == "op" and free is not None and "fn" in free.co_freevars:
                    closure: Any = recorded.__closure__
                    cell = closure[free.co_freevars.index("fn")]
                    self._cells.append((cell, cell.cell_contents))
                    cell.cell_contents = self._timed(entry.name, cell.cell_contents)
        self._watch.__enter__()
        return self

    def __exit__(self, *exc: object) -> None:
        self._watch.__exit__(*exc)
        for cell, fn in self._cells:
            cell.cell_contents = fn
        self._cells.clear()

    def _timed(self, name: str, fn: Callable[..., Any]) -> Callable[..., Any]:
        """The operation's function with a clock; what it or a formula calls in turn counts as its own."""

        def timed(*args: Any, **kwargs: Any) -> Any:
            if self._busy or threading.get_ident() != self._thread:
                return fn(*args, **kwargs)
            call = Call(name, site(2))
            self._busy = True
            start = time.perf_counter()
            try:
                return fn(*args, **kwargs)
            finally:
                call.forward = time.perf_counter() - start
                self._busy = False
                self.calls.append(call)
                self._last = call

        return timed

    def _recorded(self, node: Node, output: Any, values: Sequence[Any]) -> None:
        call, self._last = self._last, None
        if call is None or call.op != node.op.name:
            call = Call(node.op.name, site(3))
            self.calls.append(call)
        call.kept = sum(array.nbytes for array in kept_arrays(node))
        node.op = Timed(node.op, call, self)

    # ------------------------------------------------------------------------------------------- the sums

    def _summed(self, key: Callable[[Call], str]) -> list[Row]:
        rows: dict[str, Row] = {}
        for call in self.calls:
            row = rows.setdefault(key(call), Row(key(call), 0, 0.0, 0.0, 0))
            row.calls += 1
            row.forward += call.forward
            row.backward += call.backward
            row.kept += call.kept
        return sorted(rows.values(), key=lambda r: -(r.forward + r.backward))

    def by_op(self) -> list[Row]:
        """Summed by operation, slowest first."""
        return self._summed(lambda call: call.op)

    def by_module(self) -> list[Row]:
        """Summed by the dotted name of the innermost module, slowest first; "" stands for what no module computed."""
        return self._summed(lambda call: call.where.path)

    def step(self) -> None:
        """Nothing to do: there is no schedule."""

    def key_averages(self, *args: Any, **options: Any) -> profile:
        """This, of which `table()` is the sums."""
        return self

    def table(self, *args: Any, **options: Any) -> str:
        """Both sums, for a terminal."""
        return "\n\n".join(_table(title, rows) for title, rows in (("op", self.by_op()), ("module", self.by_module())))

    def __str__(self) -> str:
        return self.table()


class Timed:
    """Stands before a node's op with a clock."""

    def __init__(self, inner: Any, call: Call, owner: profile) -> None:
        self.inner, self.call, self.owner = inner, call, owner

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def pull(self, g: Any, values: list[Any], edges: Sequence[Any]) -> Sequence[Any]:
        before, self.owner._busy = self.owner._busy, True
        start = time.perf_counter()
        try:
            return self.inner.pull(g, values, edges)
        finally:
            self.call.backward += time.perf_counter() - start
            self.owner._busy = before


def milliseconds(seconds: float) -> str:
    return f"{seconds * 1e3:.3f}"


def aligned(rows: Sequence[Sequence[str]], left: int = 1) -> str:
    """Columns of equal width, the first `left` of them to the left; a line below the head."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = [
        "  ".join(
            c.ljust(w) if i < left else c.rjust(w) for i, (c, w) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
    return "\n".join([lines[0], "  ".join("-" * w for w in widths), *lines[1:]])


def _table(title: str, rows: list[Row]) -> str:
    head = (title, "calls", "forward ms", "backward ms", "kept bytes")
    body = [
        (r.name or "(no module)", str(r.calls), milliseconds(r.forward), milliseconds(r.backward), f"{r.kept:,}")
        for r in rows
    ]
    return aligned([head, *body])


class record_function(contextlib.ContextDecorator):
    """torch's label for what runs inside: calls are told apart by operation and module here, so it does nothing."""

    def __init__(self, name: str, args: str | None = None) -> None:
        self.name = name

    def __enter__(self) -> record_function:
        return self

    def __exit__(self, *exc: object) -> None:
        pass


class ProfilerActivity(enum.Enum):
    """What torch can look at; here it is the CPU."""

    CPU, CUDA, XPU, MTIA, HPU, PrivateUse1 = range(6)


def schedule(*, wait: int = 0, warmup: int = 0, active: int = 1, repeat: int = 0, skip_first: int = 0) -> None:
    """torch's plan of which steps to look at: every call is looked at here."""


def tensorboard_trace_handler(dir_name: str, *args: Any, **options: Any) -> Callable[[Any], None]:
    """Does nothing: there is no trace to write."""
    return lambda profiler: None
