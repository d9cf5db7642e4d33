"""`autograd.tape.show`: a recorded tape as a table and as a picture."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

from . import tape
from .anomaly import _Watched
from .profiler import Timed, aligned, kept_arrays, kept_bytes, milliseconds
from .tape import Leaf, Node, Output, node_of


def _nodes(root: Any) -> list[Any]:
    """What `root` was computed from, oldest first; the leaves among them."""
    seen: set[Any] = set()
    stack = [root]
    while stack:
        node = stack.pop()
        node = node.node if isinstance(node, Output) else node
        if node not in seen:
            seen.add(node)
            stack += [edge for edge in node.edges if edge is not None]
    return sorted(seen, key=lambda n: n.number)


def _noted(op: Any) -> tuple[Any, Any]:
    """The call that a profile noted, and the site that a profile or detect_anomaly noted, behind a node's op."""
    call = where = None
    while isinstance(op, (Timed, _Watched)):
        if isinstance(op, Timed):
            call, where = op.call, op.call.where
        else:
            where = where or op.where
        op = op.inner
    return call, where


def _shape(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape)) or "scalar"


def table(output: Any) -> str:
    """One line an operation, oldest first: number, op, shapes, bytes kept, times, module, line."""
    nodes = _nodes(_root(output))
    number = {node: k for k, node in enumerate(nodes)}
    rows = [("#", "op", "inputs", "output", "kept bytes", "forward ms", "backward ms", "module", "line")]
    noted = False
    for k, node in enumerate(nodes):
        if isinstance(node, Leaf):
            rows.append((str(k), "(leaf)", "", _shape(node.shape), "", "", "", "", ""))
            continue
        call, where = _noted(node.op)
        noted = noted or call is not None
        edges = [e.node if isinstance(e, Output) else e for e in node.edges]
        inputs = ", ".join(
            f"#{number[e]} {_shape(o.shape)}" if e is not None else "-" for e, o in zip(edges, node.edges, strict=True)
        )
        kept = "freed" if node.values is None else f"{sum(a.nbytes for a in kept_arrays(node)):,}"
        times = (milliseconds(call.forward), milliseconds(call.backward)) if call is not None else ("-", "-")
        place = (where.path, where.line) if where else ("", "")
        rows.append((str(k), node.op.name, inputs, _shape(node.shape), kept, *times, *place))
    held = kept_bytes(node for node in nodes if isinstance(node, Node))
    operations = sum(isinstance(node, Node) for node in nodes)
    text = aligned(rows, left=4) + f"\n{operations} operations, {len(nodes) - operations} leaves, {held:,} bytes kept"
    return text if noted else text + "; record inside autograd.profile() for times, modules and lines"


def drawing(output: Any) -> str:
    """The graph as an indented text, the output first; what was drawn already is only named."""
    nodes = _nodes(_root(output))
    number = {node: k for k, node in enumerate(nodes)}
    lines: list[str] = []
    drawn: set[Any] = set()
    stack: list[tuple[Any, int]] = [(nodes[-1], 0)]
    while stack:
        node, depth = stack.pop()
        name = "(leaf)" if isinstance(node, Leaf) else node.op.name
        again = " (above)" if node in drawn and node.edges else ""
        lines.append(f"{'  ' * depth}#{number[node]} {name} {_shape(node.shape)}{again}")
        if node not in drawn:
            drawn.add(node)
            inner = [e.node if isinstance(e, Output) else e for e in node.edges if e is not None]
            stack += [(e, depth + 1) for e in reversed(inner)]
    return "\n".join(lines)


def dot(output: Any) -> str:
    """The graph in graphviz' language."""
    nodes = _nodes(_root(output))
    number = {node: k for k, node in enumerate(nodes)}
    lines = ["digraph tape {", "  rankdir=BT; node [shape=box, fontname=sans, fontsize=10];"]
    for node, k in number.items():
        leaf = isinstance(node, Leaf)
        name = "leaf" if leaf else node.op.name
        style = ", style=filled, fillcolor=lightblue" if leaf else ""
        lines.append(f'  n{k} [label="#{k} {name}\\n{_shape(node.shape)}"{style}];')
        for edge in node.edges:
            if edge is not None:
                lines.append(f"  n{number[edge.node if isinstance(edge, Output) else edge]} -> n{k};")
    return "\n".join([*lines, "}"])


def _root(output: Any) -> Any:
    node = node_of(output)
    if node is None:
        raise ValueError("show: the tensor has no history: nothing that requires grad went into it")
    return node.node if isinstance(node, Output) else node


def show(output: Any, picture: str | Path | None = None) -> str:
    """Print the tape that `output` was recorded on; returns the table.

    picture: also draw it: with graphviz (its `dot` on the path) into that .svg, .png or .pdf file, without it as text
    into the same name with .txt. Times, modules and lines stand where the recording happened inside
    `autograd.profile()`. Raises ValueError for a tensor without history.
    """
    text = table(output)
    print(text)
    if picture is not None:
        path = Path(picture)
        if shutil.which("dot") and path.suffix in (".svg", ".png", ".pdf"):
            subprocess.run(["dot", f"-T{path.suffix[1:]}", "-o", str(path)], input=dot(output), text=True, check=True)
        else:
            path = path.with_suffix(".txt")
            path.write_text(drawing(output) + "\n", encoding="utf-8")
        print(path)
    return text


tape.show = show
