"""Writing into a tensor that has a history: what may be written, whose values are kept, and the history afterwards.

An operation written in place is computed as out of place and its result written into the tensor's memory, or given to the
tensor in exchange for it where nothing else could see the difference. What operations before it have saved stays guarded by
the version of the memory (`tape.Cell`); the base of a view that was written gets a history of two parts, the old values outside
the view and the written ones inside.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from sys import getrefcount
from typing import Any

import numpy as np
from numpy import ndarray

from . import dtypes, tape
from .errors import DTypeError, ShapeError, TapeError
from .op import Op, _Step, op
from .tape import Node, Output, View, mode, tick
from .tensor import Tensor, wrap


def check_writable(tensor: Any, name: str) -> None:
    """Raise RuntimeError where a write would change a leaf that requires grad or memory that must not change."""
    if mode.enabled:
        view = tensor._view
        base = tensor if view is None else view.root()
        if isinstance(base._node, tape.Leaf):
            what = "a leaf Tensor that requires grad" if view is None else "a view of a leaf Tensor that requires grad"
            raise TapeError(
                f"{name}: {what} is being used in an in-place operation; do it under no_grad() or on a clone()"
            )
    if not tensor._data.flags.writeable:
        raise TapeError(f"{name}: the tensor's memory is read-only or shared by expand(); clone() it first")


def rebase(tensor: Any, name: str, node: Any) -> None:
    """After the memory of `tensor` was written by `name`: bump the version, and let `node` be the history of the new values.

    Where the tensor is a view its base gets a new history too: the old one outside the view, the view's inside.
    """
    cell, view = tensor._cell, tensor._view
    old_node = tensor._node
    cell.written(name)
    if view is None:
        if mode.enabled and (node is not None or old_node is not None):
            tensor._node = node
            cell.rebased = tick()
        return
    base = view.root()
    if view.copied:
        _write_through(view, tensor._data)
        view.synced = cell.stamp
    if mode.enabled and (node is not None or base._node is not None):
        base._node = record_node(_SCATTER_VIEW, (base._node, node), [None, None, view, None], base._data)
        cell.rebased = tick()
        view.seen = cell.rebased
        tensor._node = node


def record_node(entry: Op, edges: tuple[Any, ...], values: list[Any], y: ndarray) -> Node:
    """A node for values that were written by other means than calling the op."""
    node = Node()
    node.number = tick()
    node.op, node.edges, node.values = entry, edges, values
    node.shape, node.dtype = y.shape, y.dtype
    return node


def _write_through(view: View, data: ndarray) -> None:
    base = view.base._data
    places = view.replay(np.arange(base.size).reshape(base.shape))
    base[np.unravel_index(places, base.shape)] = data


def inplace(
    name: str,
    call: Callable[..., Any],
    tensor: Any,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    writes: Callable[..., bool] | None = None,
) -> Any:
    """`tensor.name_()`: compute as out of place, write the result into the tensor's memory, take over its history.

    Where nothing is recorded `writes` computes it there in the first place, if it can.
    """
    if writes is not None:
        arrays = _unrecorded(tensor, args)
        if arrays is not None:
            if not arrays[0].flags.writeable:
                check_writable(tensor, name)
            if writes(*arrays, **kwargs):
                if tensor._view is None:
                    tensor._cell.written(name)
                else:
                    rebase(tensor, name, None)
                return tensor
    started = tick()
    out = call(tensor, *args, **kwargs)
    if out is tensor:  # dropout in evaluation: there is nothing to write
        return tensor
    check_writable(tensor, name)
    data, node = out._data, out._node
    if data.shape != tensor._data.shape:
        raise ShapeError(
            f"{name}: the result has shape {data.shape}, which does not fit the tensor's shape {tensor._data.shape}"
        )
    if not castable(data.dtype, tensor._data.dtype):
        raise DTypeError(
            f"{name}: result type {data.dtype} can't be cast to the desired output type {tensor._data.dtype}"
        )
    if node is not None and data.size >= _LARGE and _alone(tensor, out, started):
        _take_over(tensor, name, out)
        return tensor
    x = tensor._data
    if node is not None:
        _keep_old(node, tensor, started)
        if data.dtype != x.dtype:
            node.dtype = x.dtype
    np.copyto(x, data, casting="unsafe")
    rebase(tensor, name, node)
    return tensor


def _unrecorded(tensor: Any, args: tuple[Any, ...]) -> list[Any] | None:
    """The tensor and the arguments as arrays, None where one of them has a history that is to go on, or is a leaf of one."""
    arrays, recording = [], mode.enabled
    for value in (tensor, *args):
        if isinstance(value, Tensor):
            if value._view is None:
                if recording and value._node is not None:
                    return None
                value = value._data
            else:
                if recording and tape.node_of(value) is not None:
                    return None
                value = tape.synced(value)
        arrays.append(value)
    return arrays


_LARGE = 1 << 12  # elements from which a tensor's memory is exchanged for the result's, if nobody could see it


def _holders(tensor: Any) -> int:
    """How often the tensor's array is referred to, and what owns its memory: a number that `_ALONE` compares."""
    return getrefcount(tensor._data)


def _owners(tensor: Any) -> int:
    return getrefcount(tensor._data.base)


_ALONE = _holders(wrap(np.zeros(1))), _owners(wrap(np.zeros(2)[1:]))


def _alone(tensor: Any, out: Any, started: int) -> bool:
    """Whether nothing holds the memory of `tensor` but itself and what the one op that computed `out` has saved: no view,
    array, earlier op or other tensor. Then the result may stay where it is, and the old values too."""
    node = out._node  # no name may stand for the array or its owner: it would count
    whole = tensor._data.base is None or (type(tensor._data.base) is ndarray and tensor._data.base.base is None)
    if not whole or (tensor._data.base is not None and _owners(tensor) != _ALONE[1]):
        return False
    if mode.watched or type(node) is not Node or node.values is None:
        return False
    if tensor._view is not None or out._view is not None or node.number <= started:
        return False
    data = out._data
    if data.dtype != tensor._data.dtype or data.strides != tensor._data.strides:
        return False
    for edge in node.edges:
        below = edge.node if isinstance(edge, Output) else edge
        if isinstance(below, Node) and below.number > started:  # several ops
            return False
    if np.may_share_memory(data, tensor._data):
        return False
    saved = [value is tensor._data for value in node.values].count(True)
    return _holders(tensor) == _ALONE[0] + saved


def _take_over(tensor: Any, name: str, out: Any) -> None:
    """Give `tensor` the memory of `out`, the old values being its node's."""
    node, cell = out._node, tensor._cell
    node.cells = [cell if c is out._cell else c for c in node.cells if c is not cell]
    tensor._data = out._data
    rebase(tensor, name, node)
    node.number = tick()  # what it has saved was saved after the write


def castable(source: np.dtype, target: np.dtype) -> bool:
    return dtypes._RANK[source.kind] <= dtypes._RANK[target.kind]


def _keep_old(node: Any, tensor: Any, started: int) -> None:
    """The ops that computed the new values, since `started`, may read the old ones in backward: give them copies.

    Also of what else they read in the memory of which `tensor` is a view: no version will guard it from here on.
    """
    x, cell, view = tensor._data, tensor._cell, tensor._view
    memory = x if view is None else view.root()._data
    waiting: list[Any] = [node]
    seen: set[Any] = {None}
    while waiting:
        edge = waiting.pop()
        owner = edge.node if isinstance(edge, Output) else edge
        if owner in seen or not isinstance(owner, Node) or owner.number <= started or owner.values is None:
            continue
        seen.add(owner)
        waiting.extend(owner.edges)
        for i, value in enumerate(owner.values):
            if type(value) is ndarray and (np.may_share_memory(value, x) or np.may_share_memory(value, memory)):
                owner.values[i] = value.copy("K")  # its neighbours stand in that order too
        owner.cells = [c for c in owner.cells if c is not cell]


def _rows_view(shape: tuple[int, ...]) -> View:
    step = _Step(lambda x: x[1:], lambda x: x[1:])
    return View(wrap(np.zeros(shape)), ((step, ()),), False)


@op(  # its own formula: its type is not known yet where the lambda is read
    lambda g, view: _outside(g, view),  # type: ignore[has-type]
    samples=lambda s: [(s(3, 2), _rows_view((3, 2)))],
    method=False,
)
def _outside(input: Any, view: View) -> Any:
    """`input` with zeros where `view` shows it; linear and its own adjoint."""
    out = np.array(input, order="C")
    shown = view.replay(out)
    if np.may_share_memory(shown, out):
        shown[...] = 0
    else:
        places = view.replay(np.arange(input.size).reshape(input.shape))
        out[np.unravel_index(places, input.shape)] = 0
    return out


class _ScatterView:
    """The history of a base after a write through one of its views: g outside the view, the view's part for the written."""

    name = "write through a view"

    def revive(self, node: Node) -> list[Any]:
        return node.values  # type: ignore[return-value]

    def pull(self, g: Any, values: list[Any], edges: Sequence[Any]) -> Sequence[Any]:
        view = values[2]
        return (
            None if edges[0] is None else _outside(g, view),
            # real and imag show parts: those of the gradient as it is shown
            None if edges[1] is None else tape.conjugate(view.replay(tape.conjugate(g))),
        )


_SCATTER_VIEW: Any = _ScatterView()
