"""Second and higher orders of fused operations, by way of the same function composed of plain ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from numpy import ndarray

from ..tape import AnyNode, Output, Walk, node_of, wrap
from .shape import clone


def recorded_gradients(
    body: Callable[..., Sequence[Any]], inputs: Sequence[Any], gradients: Sequence[Any], needs: Sequence[bool]
) -> list[Any]:
    """The gradients in `inputs` of body(*inputs), whose outputs have the given `gradients`, as recorded Tensors.

    For a fused operation's formula under create_graph: `body` is the operation composed of others, called with Tensors
    (or None). gradients: a Tensor or None an output. What no gradient reaches is None.
    """
    # each input is a copy with a node of its own: the walk ends there, also where two inputs are one tensor
    given = [wrap(x) if type(x) is ndarray else x for x in inputs]
    own = [
        clone(x if x.requires_grad else x.detach().requires_grad_()) if need else x
        for x, need in zip(given, needs, strict=True)
    ]
    targets: list[AnyNode | None] = [x._node if need else None for x, need in zip(own, needs, strict=True)]
    started = min((node.number for node in targets if node is not None), default=0)
    walk = Walk(create_graph=True, retain_graph=True)
    capture: dict[AnyNode, Any] = {node: None for node in targets if node is not None}
    waiting = []
    for output, g in zip(body(*own), gradients, strict=True):
        node = None if g is None or output is None else node_of(output)
        if node is not None:
            walk.add(node, g)
            waiting.append(node)
    needed: set[AnyNode] = set(waiting)
    while waiting:
        for edge in waiting.pop().edges:
            of = edge.node if isinstance(edge, Output) else edge
            if edge is not None and edge not in needed and of.number >= started:  # type: ignore[union-attr]
                needed.add(edge)
                waiting.append(edge)
    walk.run(needed, capture, leaves=False)
    return [None if node is None else capture[node] for node in targets]
