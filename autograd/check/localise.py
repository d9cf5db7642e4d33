"""The tape of one evaluation, kept whole: to run parts of it again and ask each operation for its own derivative."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy import ndarray

from .. import tape
from ..forms import SparseRows
from ..observe import Site, observing, site
from ..tape import Leaf, Node, Output
from ..tensor import Tensor, wrap


class Step:
    """One recorded operation with all its arguments as they were; the tape itself keeps only what formulas read."""

    def __init__(self, node: Node, output: Any, values: Sequence[Any], where: Site) -> None:
        self.node, self.entry, self.edges, self.where = node, node.op, node.edges, where
        self.own = hasattr(node.op, "fn")  # one of the registry's kind; else a user's Function
        self.outputs: tuple[ndarray, ...] = output if type(output) is tuple else (output,)
        n = len(self.edges)
        given = values if not self.own else values[0] if self.entry.variadic else values[:n]
        self.arguments: list[Any] = [_kept(v, e) for v, e in zip(given, self.edges, strict=True)]
        self.statics = list(values[1:] if self.own and self.entry.variadic else values[n:])

    @property
    def name(self) -> str:
        return str(self.entry.name)

    def _call(self, function: Callable[..., Any], arguments: Sequence[Any]) -> tuple[Any, ...]:
        if self.own and self.entry.variadic:
            result = function(*arguments, **dict(zip(self.entry.names[1:], self.statics, strict=True)))
        else:
            result = function(*arguments, *self.statics)
        return tuple(result) if isinstance(result, (tuple, list)) else (result,)

    def compute(self, arguments: Sequence[Any]) -> tuple[ndarray, ...]:
        """The operation's plain function of other arguments."""
        if self.own:
            return self._call(self.entry.fn, arguments)
        with tape.no_grad():
            tensors = [wrap(a) if type(a) is ndarray else a for a in arguments]
            return tuple(out._data for out in self._call(self.entry.function.apply, tensors))

    def record(self, arguments: Sequence[Any]) -> tuple[Any, ...]:
        """The operation called with Tensors, recorded; only the outputs that can have a gradient."""
        tensors = [wrap(a) if type(a) is ndarray else a for a in arguments]
        outs = self._call(self.entry.call if self.own else self.entry.function.apply, tensors)
        return tuple(out for out in outs if isinstance(out, Tensor) and out.requires_grad)

    @property
    def active(self) -> list[int]:
        """The arguments that have a gradient."""
        return [k for k, edge in enumerate(self.edges) if edge is not None]

    def argument(self, k: int) -> str:
        """What the operation calls its argument k."""
        if not self.own:
            return f"argument {k}"
        return f"{self.entry.names[0]}[{k}]" if self.entry.variadic else str(self.entry.names[k])

    @property
    def differentiable(self) -> list[int]:
        """The places of the outputs that can have a gradient."""
        n = len(self.outputs) - (self.entry.aux + self.entry.hidden if self.own else 0)
        return [k for k in range(n) if np.asarray(self.outputs[k]).dtype.kind in "fc"]

    def pull(self, cotangents: Sequence[ndarray]) -> list[ndarray]:
        """The gradients of the active arguments by the operation's own formulas, from what the tape holds now."""
        node = self.node
        if node.slots:
            g: Any = [None] * node.slots
            for k, cotangent in zip(self.differentiable, cotangents, strict=True):
                g[k] = cotangent
        else:
            g = cotangents[0]
        with tape.no_grad(), np.errstate(all="ignore"):
            contributions = node.op.pull(g, node.values, node.edges)
        result = []
        for k in self.active:
            x, c = self.arguments[k], contributions[k]
            if isinstance(c, SparseRows):
                c = c.to_dense()
            elif isinstance(c, Tensor):
                c = c._data
            result.append(np.zeros(x.shape, x.dtype) if c is None else tape.fit_array(c, x.shape, x.dtype))
        return result

    def as_function(self) -> tuple[Callable[..., Any], list[Tensor]]:
        """The operation as a function of its active arguments, and leaves with their values."""
        leaves = [wrap(np.array(self.arguments[k], order="K")).requires_grad_() for k in self.active]

        def call(*given: Any) -> Any:
            arguments = list(self.arguments)
            for k, tensor in zip(self.active, given, strict=True):
                arguments[k] = tensor
            return self.record(arguments)

        return call, leaves


def _kept(value: Any, edge: Any) -> Any:
    """Arguments are copied, for they may be overwritten before anyone looks; leaves are not: nobody writes there."""
    if isinstance(value, Tensor):
        value = value.numpy_view()
    return value.copy() if type(value) is ndarray and type(edge) is not Leaf else value


class Recording:
    """Everything that is recorded while inside, oldest first."""

    def __init__(self, places: bool = True) -> None:
        self.steps: list[Step] = []
        self.of: dict[Node, int] = {}
        self.places = places
        self._watch = observing(self._add)

    def _add(self, node: Node, output: Any, values: Sequence[Any]) -> None:
        where = site(3) if self.places else Site("", None, 0)
        self.of[node] = len(self.steps)
        self.steps.append(Step(node, output, values, where))

    def __enter__(self) -> Recording:
        self._watch.__enter__()
        return self

    def __exit__(self, *exc: object) -> None:
        self._watch.__exit__(*exc)

    def below(self, roots: Sequence[Any]) -> list[Step]:
        """The steps that `roots` (nodes) came from, oldest first."""
        reached = _reachable(roots)
        return [step for step in self.steps if step.node in reached]

    def replay(self, leaf: Leaf, data: ndarray, roots: Sequence[Any]) -> Callable[[], list[ndarray]] | None:
        """A function that computes the arrays of `roots` anew from `data`, the memory of `leaf`; only what depends on
        it runs.

        None where something between them was not recorded as an operation with its arguments.
        """
        depends: dict[Any, bool] = {leaf: True}
        plan: list[tuple[Step, list[tuple[int, Any]]]] = []
        order = sorted(_reachable(roots), key=lambda n: n.number)
        for node in order:
            if node is leaf:
                continue
            if type(node) is Output:
                depends[node] = depends.get(node.node, False)
                continue
            depends[node] = any(e is not None and depends.get(e, False) for e in node.edges)
            if depends[node]:
                if node not in self.of:
                    return None
                step = self.steps[self.of[node]]
                plan.append((step, [(k, e) for k, e in enumerate(node.edges) if e is not None and depends[e]]))

        def run() -> list[ndarray]:
            held: dict[Any, Any] = {leaf: data}
            for step, changed in plan:
                arguments = list(step.arguments)
                for k, edge in changed:
                    if type(edge) is Output:
                        value = held[edge.node][edge.slot]
                    else:
                        value = held[edge]
                        if type(value) is tuple:
                            value = value[0]
                    old = arguments[k]
                    if type(value) is not ndarray or value.dtype is not old.dtype:
                        value = np.asarray(value, old.dtype)
                    arguments[k] = value
                held[step.node] = step.compute(arguments)
            results = []
            for root in roots:
                value = held[root.node][root.slot] if type(root) is Output else held[root]
                results.append(np.asarray(value[0] if type(value) is tuple else value))
            return results

        return run if all(depends.get(root, False) for root in roots) else None


def _reachable(roots: Sequence[Any]) -> set[Any]:
    seen: set[Any] = set(roots)
    stack = list(roots)
    while stack:
        for edge in stack.pop().edges:
            if edge is not None and edge not in seen:
                seen.add(edge)
                stack.append(edge)
    return seen
