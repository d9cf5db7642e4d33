"""torch.utils._pytree, by its names: nestings of lists, tuples and dicts taken apart into their leaves and put together again.

>>> from autograd.utils._pytree import tree_map
>>> tree_map(lambda x: 2 * x, {"a": [1, (2, 3)]})
{'a': [2, (4, 6)]}
"""

from __future__ import annotations

from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

_BRANCHES = (list, tuple, dict, OrderedDict, defaultdict, deque)


@dataclass(frozen=True)
class TreeSpec:
    """The structure without its leaves; `type` None stands for a leaf."""

    type: Any
    context: Any = None
    children_specs: list[TreeSpec] = field(default_factory=list)

    @property
    def num_leaves(self) -> int:
        return 1 if self.type is None else sum(child.num_leaves for child in self.children_specs)

    def is_leaf(self) -> bool:
        return self.type is None

    def build(self, leaves: Any) -> Any:
        """The tree whose leaves the iterator gives."""
        if self.type is None:
            return next(leaves)
        parts = [child.build(leaves) for child in self.children_specs]
        if self.type is defaultdict:
            return defaultdict(self.context[0], zip(self.context[1], parts, strict=True))
        if self.context is not None:
            return self.type(zip(self.context, parts, strict=True))
        return self.type(*parts) if hasattr(self.type, "_fields") else self.type(parts)


def _kind(tree: Any) -> Any:
    kind = type(tree)
    return kind if kind in _BRANCHES or (isinstance(tree, tuple) and hasattr(kind, "_fields")) else None


def tree_flatten(tree: Any, is_leaf: Callable[[Any], bool] | None = None) -> tuple[list[Any], TreeSpec]:
    """The leaves in order, and the structure. is_leaf: what more not to take apart."""
    kind = None if is_leaf is not None and is_leaf(tree) else _kind(tree)
    if kind is None:
        return [tree], TreeSpec(None)
    context = list(tree) if isinstance(tree, dict) else None
    parts = [tree_flatten(child, is_leaf) for child in (tree.values() if isinstance(tree, dict) else tree)]
    if kind is defaultdict:
        context = [tree.default_factory, context]
    return [leaf for leaves, _ in parts for leaf in leaves], TreeSpec(kind, context, [spec for _, spec in parts])


def tree_unflatten(leaves: Iterable[Any], treespec: TreeSpec) -> Any:
    """The tree of that structure with these leaves. Raises ValueError where their number differs."""
    leaves = list(leaves)
    if len(leaves) != treespec.num_leaves:
        raise ValueError(f"tree_unflatten: expected {treespec.num_leaves} leaves, got {len(leaves)}")
    return treespec.build(iter(leaves))


def tree_leaves(tree: Any, is_leaf: Callable[[Any], bool] | None = None) -> list[Any]:
    """The leaves in order."""
    return tree_flatten(tree, is_leaf)[0]


def tree_structure(tree: Any, is_leaf: Callable[[Any], bool] | None = None) -> TreeSpec:
    """The structure alone."""
    return tree_flatten(tree, is_leaf)[1]


def tree_map(func: Callable[..., Any], tree: Any, *rests: Any, is_leaf: Callable[[Any], bool] | None = None) -> Any:
    """The tree of `func` of each leaf, and of those of further trees of the same structure."""
    leaves, spec = tree_flatten(tree, is_leaf)
    others = [tree_flatten(rest, is_leaf) for rest in rests]
    if any(other != spec for _, other in others):
        raise ValueError("tree_map: the trees have different structures")
    return spec.build(map(func, leaves, *(found for found, _ in others)))


def tree_map_only(
    kind: Any, func: Callable[[Any], Any], tree: Any, is_leaf: Callable[[Any], bool] | None = None
) -> Any:
    """`tree_map` of the leaves of that type; the others stay."""
    return tree_map(lambda leaf: func(leaf) if isinstance(leaf, kind) else leaf, tree, is_leaf=is_leaf)


def tree_all(pred: Callable[[Any], bool], tree: Any, is_leaf: Callable[[Any], bool] | None = None) -> bool:
    """Whether all leaves fulfil it."""
    return all(map(pred, tree_leaves(tree, is_leaf)))


def tree_any(pred: Callable[[Any], bool], tree: Any, is_leaf: Callable[[Any], bool] | None = None) -> bool:
    """Whether any leaf fulfils it."""
    return any(map(pred, tree_leaves(tree, is_leaf)))
