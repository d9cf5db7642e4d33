"""The tape: nodes, recording, grad modes, backward, hooks, version counters.

A `Node` is one recorded operation. It holds the arrays its derivative formulas need (never Tensors, so there are no
cycles and memory is freed by reference count alone), and one edge an input: the node that made it, or None. `Leaf` is the
node of a tensor the user asked a gradient for. `backward` walks the nodes from the newest to the oldest: a node is always
newer than the nodes it reads, so when the newest waiting one is taken every contribution to it has arrived.
"""

from __future__ import annotations

import functools
import inspect
import itertools
import threading
from collections.abc import Callable, Iterable, Sequence
from heapq import heappop, heappush
from math import prod
from sys import getrefcount
from types import CodeType
from typing import Any

import numpy as np
from numpy import ndarray

from . import dtypes
from .errors import DTypeError, ShapeError, TapeError
from .forms import Masked, RowSums, SparseRows
from .kernels import elementwise, move
from .kernels.gemm import batched_matmul, matmul
from .kernels.quiet import quiet
from .kernels.reduce import reduced

clock = itertools.count(1)  # creation numbers of nodes and stamps of writes, one order for both
tick = clock.__next__


class Cell:
    """The version counter that all views of one memory share. Attributes start as the class's, which costs nothing."""

    count = 0  # writes so far: torch's `_version`
    stamp = 0  # the clock at the last write: a node with a smaller number saved what is no longer there
    by = ""  # the operation that wrote last
    rebased = 0  # the clock when a write last changed the history of the memory: older views re-derive theirs

    def written(self, by: str) -> None:
        self.count += 1
        self.stamp = tick()
        self.by = by


class _Mode(threading.local):
    enabled = True
    inference = False
    watched = False  # something wants to see each node as it is recorded: the two below, called by `op.on_record`
    watchers: tuple[Callable[[Any, Any, Any], None], ...] = ()  # (node, output, arguments) of each node
    saving: Any = None  # the `saved_tensors_hooks` in force
    ties = ""  # the rule of `ops.ties` in force


mode = _Mode()


class _Switch:
    """A grad mode as context manager and as decorator (of generators too: the mode holds while their body runs)."""

    enabled = False
    inference = False

    def __init__(self, function: Callable[..., Any] | None = None) -> None:
        if function is not None:
            raise TypeError(f"{type(self).__name__}: write @{type(self).__name__}() above a function, with parentheses")

    def __new__(cls, function: Any = None, *args: Any) -> Any:
        # torch takes the decorator without parentheses too
        if callable(function) and not isinstance(function, bool):
            return cls()(function)
        return super().__new__(cls)

    def __enter__(self) -> None:
        self._before = (mode.enabled, mode.inference)
        mode.enabled, mode.inference = self.enabled, self.inference or mode.inference

    def __exit__(self, *exc: object) -> None:
        mode.enabled, mode.inference = self._before

    def _again(self) -> _Switch:
        return type(self)()

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        if inspect.isgeneratorfunction(function):

            @functools.wraps(function)
            def generator(*args: Any, **kwargs: Any) -> Any:
                body = function(*args, **kwargs)
                send: Any = None
                while True:
                    try:
                        with self._again():
                            value = body.send(send)
                    except StopIteration as stop:
                        return stop.value
                    try:
                        send = yield value
                    except GeneratorExit:
                        body.close()
                        raise

            return generator

        @functools.wraps(function)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            with self._again():
                return function(*args, **kwargs)

        return wrapped


class no_grad(_Switch):
    """Nothing computed inside is recorded. Context manager or decorator.

    >>> with autograd.no_grad():
    ...     print(autograd.is_grad_enabled())
    False
    """


class enable_grad(_Switch):
    """Operations inside are recorded even within `no_grad`. Context manager or decorator.

    >>> with autograd.no_grad(), autograd.enable_grad():
    ...     print(autograd.is_grad_enabled())
    True
    """

    enabled = True


class inference_mode(_Switch):
    """`no_grad` whose results may never be recorded later. Also a decorator; `inference_mode(False)` does nothing.

    >>> with autograd.inference_mode():
    ...     print(autograd.is_inference_mode_enabled())
    True
    """

    inference = True

    def __new__(cls, mode: Any = True) -> Any:
        if mode is False:
            return _Unchanged()
        return super().__new__(cls, None if mode is True else mode)

    def __init__(self, mode: bool = True) -> None:
        pass


class _Unchanged(_Switch):
    def __enter__(self) -> None:
        self._before = (mode.enabled, mode.inference)


class set_grad_enabled(_Switch):
    """Recording on or off, at once; as context manager or decorator the mode of before comes back at the end.

    >>> with autograd.set_grad_enabled(False):
    ...     print(autograd.is_grad_enabled())
    False
    """

    def __new__(cls, mode: bool) -> Any:
        return object.__new__(cls)

    def __init__(self, mode: bool) -> None:
        self.enabled = bool(mode)
        self._set()

    def _set(self) -> None:
        self._before = (mode.enabled, mode.inference)
        mode.enabled = self.enabled

    def __enter__(self) -> None:
        pass

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        mode.enabled, mode.inference = self._before
        return super().__call__(function)

    def _again(self) -> _Switch:
        return type(self)(self.enabled)


def is_grad_enabled() -> bool:
    """Whether operations are recorded on this thread.

    >>> autograd.is_grad_enabled()
    True
    """
    return mode.enabled


def is_inference_mode_enabled() -> bool:
    """Whether this thread is inside `inference_mode`.

    >>> autograd.is_inference_mode_enabled()
    False
    """
    return mode.inference


class Node:
    """One recorded operation with one output.

    op: its `Op`, whose `pull` gives the gradients of the inputs. edges: the node of each input, None where no gradient is
    wanted. values: what the formulas read, in the op's order, None where nothing reads it; None altogether once freed.
    cells: the version counters of the saved tensors. shape, dtype: of the output. y_at: where the output stands in values.
    """

    op: Any
    number: int
    edges: Sequence[AnyNode | None]
    values: list[Any] | None
    cells: Sequence[Cell] = ()
    shape: tuple[int, ...]
    dtype: np.dtype
    hooks: dict[int, Callable[[Any], Any]] | None = None
    retained: Box | None = None  # where `retain_grad` wants the gradient
    site: tuple[CodeType, int] | None = None  # who called the operation: code and instruction, never the frame
    where: Any = None  # the `observe.Site` that recorded it, where a watcher noted it
    slots = 0  # outputs, where there is more than one

    def name(self) -> str:
        return f"{getattr(self.op, 'backward_name', self.op.name)}"

    @property
    def next_functions(self) -> tuple[tuple[Any, int], ...]:
        """What the gradient goes on to: for each input its node and which output of that it was, or (None, 0)."""
        return tuple([(edge.node, edge.slot) if isinstance(edge, Output) else (edge, 0) for edge in self.edges])

    def register_hook(self, hook: Callable[[Any, Any], Any]) -> Any:
        """Call `hook(grad_inputs, grad_outputs)` after the derivative; what it returns, if not None, replaces the first."""
        return handle(self._around().post, hook)

    def register_prehook(self, hook: Callable[[Any], Any]) -> Any:
        """Call `hook(grad_outputs)` before the derivative; what it returns, if not None, takes their place."""
        return handle(self._around().pre, hook)

    def _around(self) -> _Around:
        if type(self.op) is not _Around:
            self.op = _Around(self.op)
        return self.op

    def freed(self) -> TapeError:
        return TapeError(
            f"{self.op.name}: the graph was freed by an earlier backward; "
            "call that one with retain_graph=True to go through it again"
        )

    def stale(self, cell: Cell) -> TapeError:
        return TapeError(
            f"{self.op.name}: a value it saved for its gradient was changed in place by {cell.by} "
            f"(now at version {cell.count}); use the out-of-place form, or clone() before changing it"
        )


class _Around:
    """Stands before a node's op and calls the hooks of `Node.register_hook`."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner
        self.pre: dict[int, Callable[..., Any]] = {}
        self.post: dict[int, Callable[..., Any]] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def pull(self, g: Any, values: list[Any], edges: Sequence[Any]) -> Sequence[Any]:
        several = isinstance(g, list)
        given = tuple([_shown(part) for part in (g if several else [g])])
        for hook in list(self.pre.values()):
            changed = hook(given)
            given = given if changed is None else changed if isinstance(changed, tuple) else (changed,)
        if self.pre:
            g = _bare(given) if several else _bare(given)[0]
        found = tuple([_shown(part) for part in self.inner.pull(g, values, edges)])
        for hook in list(self.post.values()):
            changed = hook(found, given)
            found = found if changed is None else changed if isinstance(changed, tuple) else (changed,)
        return _bare(found)


def _shown(g: Any) -> Any:
    """A gradient as a hook sees it."""
    if isinstance(g, (ndarray, np.generic, RowSums)):
        return wrap(conjugate(g if type(g) is ndarray else np.asarray(g)))
    return conjugate(g)


def _bare(grads: tuple[Any, ...]) -> list[Any]:
    """Back to arrays, unless a second order is recorded."""
    return [conjugate(g if mode.enabled else g._data) if hasattr(g, "_data") else g for g in grads]


class Output:
    """One output of an operation that has several: hands its gradient to its slot of the node."""

    hooks: dict[int, Callable[[Any], Any]] | None = None
    retained: Box | None = None

    def __init__(self, node: Node, slot: int, array: ndarray) -> None:
        self.node, self.slot = node, slot
        self.number = node.number + 1 - 1 / (slot + 2)  # after the node, before whatever reads this output
        self.shape, self.dtype = array.shape, array.dtype

    # a formula that reads outputs while create_graph records sees them through Outputs of its own: they are the same place

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Output) and other.node is self.node and other.slot == self.slot

    def __hash__(self) -> int:
        return hash((id(self.node), self.slot))

    @property
    def edges(self) -> tuple[Node]:
        return (self.node,)

    @property
    def op(self) -> Any:
        return self.node.op

    def name(self) -> str:
        return f"{self.node.name()}[{self.slot}]"

    @property
    def next_functions(self) -> tuple[tuple[Any, int], ...]:
        return self.node.next_functions

    def register_hook(self, hook: Callable[[Any, Any], Any]) -> Any:
        return self.node.register_hook(hook)

    def register_prehook(self, hook: Callable[[Any], Any]) -> Any:
        return self.node.register_prehook(hook)


class Box:
    """Where a tensor's `.grad` is kept."""

    grad: Any = None
    post_hooks: dict[int, Callable[[Any], Any]] | None = None

    def accumulate(self, g: Any, create_graph: bool) -> None:
        """Add `g` (an array, a SparseRows, or a Tensor with a history) to `.grad`, which is this tensor's own."""
        held = self.grad
        if create_graph:
            self.grad = g if held is None else held + g
        elif type(g) is SparseRows:
            self.grad = g if held is None else held + (g if isinstance(held, SparseRows) else wrap(g.to_dense()))
        elif held is None:
            self.grad = wrap(g)
        elif isinstance(held, SparseRows):
            self.grad = wrap(held.to_dense() + g)
        elif held._node is not None:
            self.grad = wrap(held._data + g)
        else:
            np.add(held._data, g, out=held._data)
            held._cell.written("backward")


class Leaf(Box):
    """The node of a tensor the user asked a gradient for; backward adds to `grad` here."""

    hooks: dict[int, Callable[[Any], Any]] | None = None
    retained = None
    edges = ()
    next_functions = ()

    def __init__(self, array: ndarray) -> None:
        self.number = tick()
        self.shape, self.dtype = array.shape, array.dtype

    def name(self) -> str:
        return "leaf"


AnyNode = Node | Output | Leaf
wrap: Any = None  # an array as a Tensor without history; set by tensor.py
make: Any = None  # an array and its node as a Tensor; set by tensor.py
handle: Any = None  # a function put among hooks, as the handle that removes it; set by tensor.py
stack: Any = None  # tensors of one shape stacked, recorded; set by ops/join.py
show: Any = None  # the tape behind a tensor as a table and a picture; set by tape_show.py
blame: Any = None  # tell in an error of backward where it arose; set by observe.py
conj: Any = None  # the complex conjugate of a Tensor, recorded; set by ops/complexes.py
fit: Any = None  # to the shape and dtype of an input, recorded; set by op.py
op_class: Any = None  # what an operation of the registry is; set by op.py


def fit_array(g: Any, shape: tuple[int, ...], dtype: np.dtype) -> ndarray:
    """A contribution summed (or spread) to its input's shape and cast to its dtype."""
    if type(g) is not ndarray:
        g = np.asarray(g)
    if g.shape != shape:
        g = reduced(np.add, g, (0,)) if shape and g.shape[1:] == shape else sum_to(g, shape)
        if g.shape != shape:
            g = np.broadcast_to(g, shape)
    if g.dtype is dtype:
        return g
    if g.dtype.kind == "c" != dtype.kind:  # the contribution of something complex to a real input
        g = g.real
    return g.astype(dtype)


def conjugate(g: Any) -> Any:
    """A gradient as the walk has it for one as it is shown, and back: dL/dRe - i dL/dIm for dL/dRe + i dL/dIm.

    Of the first kind the chain rule of real numbers holds, so that formulas are the same for real and for complex numbers;
    the second is the direction of steepest ascent, which `.grad`, hooks and Functions are to see. Real ones are both.
    """
    if not dtypes.complexes:
        return g
    if type(g) is ndarray:
        return g if g.dtype.kind != "c" else np.asarray(np.conjugate(g))
    return conj(g) if hasattr(g, "_data") and g._data.dtype.kind == "c" else g


def sum_to(g: ndarray, shape: tuple[int, ...]) -> ndarray:
    """Undo a broadcast: sum over the axes that `shape` lacks or has as 1."""
    extra = g.ndim - len(shape)
    axes = tuple(i for i in range(g.ndim) if i < extra or (shape[i - extra] == 1 and g.shape[i] != 1))
    if axes:
        g = reduced(np.add, g, axes, True)
    return g.reshape(g.shape[extra:]) if extra > 0 else g


def owned(g: ndarray) -> ndarray:
    """`g` itself where nobody else can see its memory, else a copy. Called as `owned(stack.pop())`: no other name holds g."""
    if getrefcount(g) <= 2 and g.flags.writeable:  # one number broadcast is not, though of its base's size
        base = g.base
        if base is None:
            return g
        if type(base) is ndarray and base.base is None and base.size == g.size and getrefcount(base) <= 3:
            return g
    return move.kept(g)


LARGE = 1 << 14  # elements from which a pass over memory is worth saving
TOGETHER = 1 << 20  # bytes of the factors of products that wait for one weight at most
# Ops whose contributions a walk without create_graph asks for in its own way, each added where it is defined: a function
# of the walk, the node, the gradient, the values and the edges.
own_ways: dict[Any, Callable[..., Sequence[Any]]] = {}
takes_masked: set[Any] = set()  # the ops whose formulas take a Masked for the gradient, each added where it is defined


class Walk:
    """One backward pass: the gradients that wait, and the newest node first."""

    def __init__(self, create_graph: bool, retain_graph: bool) -> None:
        self.create_graph, self.retain_graph = create_graph, retain_graph
        self.pending: dict[AnyNode, Any] = {}
        self.heap: list[tuple[int, AnyNode]] = []
        self.own: set[AnyNode] = set()  # nodes whose waiting array this walk made itself, so may add to
        self.capture: dict[AnyNode, Any] | None = None
        self.products: dict[AnyNode, list[tuple[ndarray, ndarray]]] = {}  # factors that wait to be multiplied at once
        self.waits = False  # whether a Masked or a product may be waiting

    def settle(self) -> None:
        """Compute what waits: code of the user's is to run, which may change what a mask or a factor is read from."""
        self.waits = False
        for node in list(self.products):
            self._multiply(node)
        for node, g in self.pending.items():
            if type(g) is Masked:
                self.pending[node] = g.array()

    def _unmask(self, node: AnyNode, captured: bool) -> None:
        """Compute what is Masked where the gradient of this node is to be seen, and all of it before code of the user's."""
        users: Any = node.post_hooks if type(node) is Leaf else None
        if type(node) is Node and type(node.op) is not op_class:
            users = node.op  # a Function, or one of the library's that stands before an op and may call the user's
        if node.hooks or users:
            self.settle()
        elif type(node) is not Node or captured or node.retained is not None or node.op not in takes_masked:
            g = self.pending[node]
            if type(g) is Masked:
                self.pending[node] = g.array()

    def clipped(self, node: Node, g: Any, values: list[Any], edges: Sequence[Any]) -> Sequence[Any]:
        """The contribution of a ReLU to its input; the mask is left to what made that if it can take it."""
        below = node.edges[0]
        if (
            type(below) is Node and below.op in takes_masked and type(g) is ndarray and g.size >= LARGE
            and g.shape == below.shape and g.dtype is below.dtype
        ):  # fmt: skip
            self.waits = True
            return (Masked(g, values[node.op.y_at]),)
        return node.op.pull(g, values, edges)

    def later(self, node: AnyNode | None, a: Any, b: Any) -> bool:
        """Leave a contribution to a matrix, a^T b with a (..., M) and b (..., N), or to a stack of matrices, a (B, R, M)
        and b (B, R, N), to be multiplied with others like it at once: where a layer is used at each step of a sequence,
        this is a fraction of the work. False where it is not taken: the first one, whose factors may go, or large ones.
        """
        if node not in self.pending or type(a) is not ndarray or type(b) is not ndarray:
            return False
        shape, size = node.shape, a.size + b.size
        stacks = shape[:1] if len(shape) == 3 == a.ndim else ()
        if a.ndim < 2 or a.shape[:-1] != b.shape[:-1] or shape != (*stacks, a.shape[-1], b.shape[-1]):
            return False
        if stacks != a.shape[: len(stacks)] or not a.dtype is b.dtype is node.dtype or a.dtype.char not in "fd":
            return False
        if size > 2 * prod(shape) or size * a.itemsize > TOGETHER // 4:
            return False
        pairs = self.products.setdefault(node, [])
        pairs.append((a, b) if stacks else (a.reshape(-1, shape[0]), b.reshape(-1, shape[1])))
        self.waits = True
        if len(pairs) * size * a.itemsize > TOGETHER:
            self._multiply(node)
        return True

    def _multiply(self, node: AnyNode) -> None:
        """Add the products that wait for `node` to its gradient."""
        pairs = self.products.pop(node)
        a, b = pairs[0] if len(pairs) == 1 else [np.concatenate(parts, -2) for parts in zip(*pairs, strict=True)]
        self.add(node, matmul(a.T, b) if a.ndim == 2 else batched_matmul(a.transpose(0, 2, 1), b))

    def add(self, node: AnyNode, g: Any) -> None:
        """A contribution to the gradient of `node`'s output."""
        if self.create_graph:
            g = fit(g, node.shape, node.dtype)
        elif type(g) is Masked:
            if g.shape != node.shape or g.dtype is not node.dtype:
                g = fit_array(g.array(), node.shape, node.dtype)
        elif type(g) is not SparseRows and not (type(g) is RowSums and self._stays(node, g)):
            g = fit_array(g, node.shape, node.dtype)
        pending = self.pending
        if node not in pending:
            pending[node] = g
            heappush(self.heap, (-node.number, node))  # type: ignore[misc]
            return
        held = pending[node]
        if type(held) is Masked:
            held, g = g, held
            if type(held) is Masked:
                held = held.array()
        if type(g) is Masked:
            pending[node] = total = held + g
            if type(total) is ndarray:
                self.own.add(node)
            return
        if node in self.own and type(g) is ndarray:
            elementwise.add(held, g, out=held)
            return
        pending[node] = total = elementwise.add(held, g) if type(held) is type(g) is ndarray else held + g
        if type(total) is ndarray:
            self.own.add(node)
        elif not self.create_graph and type(total) not in (SparseRows, RowSums):
            pending[node] = np.asarray(total)

    def placed(self, node: AnyNode, g: ndarray, index: Any) -> bool:
        """Add a contribution that is 0 but for `g` at a basic index to the gradient of `node`'s output, without adding zeros:
        a tensor taken apart slice by slice gets its gradient in one pass. False where the walk does not hold an array."""
        held = self.pending.get(node)
        if type(held) is Masked:
            held = held.array()
        if node in self.pending and type(held) is not ndarray:
            return False
        if held is None:
            self.pending[node] = held = np.zeros(node.shape, node.dtype)
            heappush(self.heap, (-node.number, node))  # type: ignore[misc]
            held[index] = g
        else:
            if node not in self.own:
                self.pending[node] = held = held.copy("K")
            part = held[index]
            np.add(part, g, out=part)
        self.own.add(node)
        return True

    def _stays(self, node: AnyNode, g: RowSums) -> bool:
        """Whether sums may wait for `node` as they are."""
        held = self.pending.get(node)
        alike = held is None or (type(held) is RowSums and held.first is g.first)
        return alike and node is g.owner and (self.capture is None or node not in self.capture)

    @quiet  # gradients meet inf and NaN silently, as values do
    def run(
        self, needed: set[AnyNode] | None = None, capture: dict[AnyNode, Any] | None = None, leaves: bool = True
    ) -> None:
        """Walk until nothing waits. `needed`: go only there. `capture`: nodes whose gradient is kept instead."""
        heap, pending, create_graph, self.capture = self.heap, self.pending, self.create_graph, capture
        node: Any = None
        try:
            while heap:
                node = heappop(heap)[1]
                kind = type(node)
                if self.waits:
                    if node in self.products:
                        self._multiply(node)
                    self._unmask(node, capture is not None and node in capture)
                if node.hooks:
                    self._hooks(node)
                last = False
                if capture is not None and node in capture:
                    capture[node] = pending[node]
                    # below it nobody asked: what it saved is left for another backward
                    last = needed is not None and not any(edge in needed for edge in node.edges)
                if kind is Leaf:
                    if leaves:
                        self._leaf(node)
                    else:
                        del pending[node]
                    continue
                g = pending.pop(node)
                if node.retained is not None:
                    kept = conjugate(g)
                    kept = kept if create_graph else kept.copy("K")
                    kept = kept if create_graph or type(kept) is SparseRows else wrap(kept)
                    held = node.retained.grad
                    node.retained.grad = kept if held is None else held + kept
                if last:
                    continue
                if type(g) is SparseRows:  # only leaves take rows; the formulas are written for arrays
                    g = wrap(g.to_dense()) if create_graph else g.to_dense()
                if kind is Output:
                    parent, slot = node.node, node.slot
                    waiting = pending.get(parent)
                    if waiting is None:
                        pending[parent] = waiting = [None] * parent.slots
                        heappush(heap, (-parent.number, parent))
                    waiting[slot] = g
                    continue
                values = node.values
                if values is None:
                    raise node.freed()
                number = node.number
                for cell in node.cells:
                    if cell.stamp > number:
                        raise node.stale(cell)
                if create_graph:
                    values = node.op.revive(node)
                edges = node.edges
                if needed is not None:  # what nobody asked for is not computed
                    edges = [edge if edge in needed else None for edge in edges]
                own = None if create_graph else own_ways.get(node.op)
                g = node.op.pull(g, values, edges) if own is None else own(self, node, g, values, edges)
                if not self.retain_graph and node.cells:  # what saved no tensor can be passed again, as in torch
                    node.values = values = None
                for edge, contribution in zip(edges, g):  # noqa: B905 - checked when the op was defined
                    if contribution is None or edge is None:
                        continue
                    if (
                        edge not in pending
                        and type(contribution) is ndarray
                        and contribution.shape == edge.shape
                        and contribution.dtype is edge.dtype
                    ):
                        pending[edge] = contribution
                        heappush(heap, (-edge.number, edge))
                    else:
                        self.add(edge, contribution)
                contribution = g = None
        except Exception as error:
            blame(error, node)
            raise

    def _hooks(self, node: AnyNode) -> None:
        g = self.pending[node]
        if type(g) is RowSums:  # the hook is younger than its gradient
            g = self.pending[node] = g.dense()
        g = conjugate(g)
        # one Tensor for all of them: a hook may leave word for the next as an attribute
        seen = g if self.create_graph or type(g) is not ndarray else wrap(g)
        for hook in list(node.hooks.values()):  # type: ignore[union-attr]
            changed = hook(seen)
            if changed is not None:
                if getattr(changed, "shape", None) != node.shape:
                    raise ShapeError(
                        f"hook: returned shape {getattr(changed, 'shape', None)}, the gradient has {node.shape}"
                    )
                self.pending[node] = conjugate(changed if self.create_graph else changed._data)
                self.own.discard(node)
                seen = changed

    def _leaf(self, leaf: Leaf) -> None:
        if dtypes.complexes and leaf.dtype.kind == "c":
            self.pending[leaf] = conjugate(self.pending[leaf])
        if self.create_graph or type(self.pending[leaf]) is SparseRows:
            leaf.accumulate(self.pending.pop(leaf), self.create_graph)
        elif leaf.grad is None:
            leaf.grad = wrap(owned(self.pending.pop(leaf)))
        else:
            leaf.accumulate(self.pending.pop(leaf), False)
        if leaf.post_hooks:
            for hook in list(leaf.post_hooks.values()):
                hook(leaf)


def reaching(roots: Sequence[AnyNode], targets: set[AnyNode]) -> set[AnyNode]:
    """The nodes below `roots` from which one of `targets` can be reached, the targets among them."""
    seen: set[AnyNode] = set(roots)
    stack: list[AnyNode] = list(roots)
    while stack:
        for edge in stack.pop().edges:
            if edge is not None and edge not in seen:
                seen.add(edge)
                stack.append(edge)
    needed: set[AnyNode] = set()
    for node in sorted(seen, key=lambda n: n.number):
        if node in targets or any(edge in needed for edge in node.edges):
            needed.add(node)
    return needed


def _seed(name: str, output: Any, gradient: Any, create_graph: bool) -> Any:
    """The gradient that backward starts from, checked against the output."""
    data = output._data
    if gradient is None:
        if data.dtype.kind == "c":
            raise TapeError(
                f"{name}: grad can be implicitly created only for real scalar outputs, got {data.dtype}; "
                "pass the gradient of the output, or take its real part or abs() first"
            )
        if data.size != 1:
            raise TapeError(
                f"{name}: grad can be implicitly created only for scalar outputs, got shape {tuple(data.shape)}; "
                "pass the gradient of the output, or reduce it first, as with sum() or mean()"
            )
        array = np.array(1.0, data.dtype) if not data.ndim else np.ones(data.shape, data.dtype)
        return wrap(array) if create_graph else array
    given = gradient._data if hasattr(gradient, "_data") else np.asarray(gradient)
    if given.shape != data.shape:
        raise ShapeError(f"{name}: the gradient has shape {tuple(given.shape)}, the output {tuple(data.shape)}")
    if given.dtype.kind != data.dtype.kind:
        wanted = "floating point" if data.dtype.kind == "f" else "complex, as the output is"
        raise DTypeError(f"{name}: the gradient must be {wanted}, got {given.dtype}")
    if create_graph:
        return conjugate(gradient if hasattr(gradient, "_data") else wrap(given))
    return conjugate(given)


def _sequence(value: Any) -> tuple[Any, ...]:
    # anything that can be gone through, as a ParameterList or what parameters() gives, but no tensor or array
    return (value,) if hasattr(value, "shape") or not isinstance(value, Iterable) else tuple(value)


def _start(name: str, outputs: tuple[Any, ...], gradients: Any, walk: Walk) -> list[AnyNode]:
    gradients = (None,) * len(outputs) if gradients is None else _sequence(gradients)
    if len(gradients) != len(outputs):
        raise TapeError(f"{name}: {len(outputs)} outputs but {len(gradients)} gradients")
    roots = []
    for output, gradient in zip(outputs, gradients, strict=True):
        node = node_of(output)
        if node is None:
            raise TapeError(
                f"{name}: the output does not require grad and has no grad_fn; "
                "nothing that requires grad went into it, or it was computed under no_grad or detached"
            )
        roots.append(node)
        walk.add(node, _seed(name, output, gradient, walk.create_graph))
    return roots


def backward(
    tensors: Any,
    grad_tensors: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    inputs: Any = None,
) -> None:
    """Add to `.grad` of the leaves the gradient of `tensors` (a Tensor or a sequence), each weighted by its `grad_tensors`.

    inputs: only these tensors' `.grad` are added to. create_graph: the gradients are recorded and can be differentiated.
    Raises RuntimeError for a non-scalar without gradient, a freed graph, or an output without history.

    >>> x = autograd.tensor(3.0, requires_grad=True)
    >>> autograd.backward(x * x)
    >>> x.grad
    tensor(6.)
    """
    walk = Walk(create_graph, create_graph if retain_graph is None else retain_graph)
    before = mode.enabled
    mode.enabled = create_graph
    try:
        roots = _start("backward", _sequence(tensors), grad_tensors, walk)
        if inputs is None:
            walk.run()
            return
        wanted = _sequence(inputs)
        if not wanted:
            raise TapeError("backward: inputs is empty; leave it out to reach every leaf")
        targets = _targets("backward", wanted)
        capture: dict[AnyNode, Any] = dict.fromkeys(targets)
        walk.run(reaching(roots, set(targets)), capture, leaves=False)
        for tensor, node in zip(wanted, targets, strict=True):
            g = conjugate(capture[node])
            if g is not None and node.retained is None:  # the walk has added to what is retained
                tensor._own_box().accumulate(g if create_graph else owned(g), create_graph)
    finally:
        mode.enabled = before


def grad(
    outputs: Any,
    inputs: Any,
    grad_outputs: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    allow_unused: bool | None = None,
    materialize_grads: bool = False,
    *,
    only_inputs: bool = True,
    is_grads_batched: bool = False,
) -> tuple[Any, ...]:
    """The gradients of `outputs` with respect to `inputs`, a tuple with one a input; no `.grad` changes.

    An input that did not take part is an error unless allow_unused (then None, or zeros with materialize_grads).
    is_grads_batched: grad_outputs have a first dimension more, as then have the gradients: one backward for each.

    >>> x = autograd.tensor(3.0, requires_grad=True)
    >>> autograd.grad(x * x, x)
    (tensor(6.),)
    """
    if not only_inputs:
        raise ValueError("grad: only_inputs=False is no longer supported, as in torch; use backward() to fill .grad")
    if is_grads_batched:
        given = _sequence(grad_outputs)
        last = len(given[0]) - 1
        rows = [
            grad(
                outputs, inputs, [g[i] for g in given], retain_graph if i == last else True, create_graph, allow_unused,
                materialize_grads,
            )
            for i in range(last + 1)
        ]  # fmt: skip
        return tuple([None if parts[0] is None else stack(parts) for parts in zip(*rows, strict=True)])
    walk = Walk(create_graph, create_graph if retain_graph is None else retain_graph)
    wanted = _sequence(inputs)
    allow = materialize_grads if allow_unused is None else allow_unused
    with _recording(create_graph):
        roots = _start("grad", _sequence(outputs), grad_outputs, walk)
        targets = _targets("grad", wanted)
        capture: dict[AnyNode, Any] = dict.fromkeys(targets)
        walk.run(reaching(roots, set(targets)), capture, leaves=False)
    result: list[Any] = []
    seeds = [seed._data for seed in _sequence(() if grad_outputs is None else grad_outputs) if seed is not None]
    taken = {_memory(seed) for seed in seeds}  # what a sum hands to both its terms becomes two arrays
    for k, (tensor, node) in enumerate(zip(wanted, targets, strict=True)):
        g = conjugate(capture[node])
        if g is None and not allow:
            raise TapeError(
                f"grad: inputs[{k}], shape {tuple(tensor.shape)}, appears not to have been used in the graph; "
                "set allow_unused=True if this is the desired behavior"
            )
        if g is None and materialize_grads:
            g = np.zeros(tensor._data.shape, tensor._data.dtype)
        if type(g) is ndarray:
            memory = _memory(g)
            g = wrap(move.kept(g) if memory in taken else g)
            taken.add(memory)
        result.append(g)
    return tuple(result)


def _memory(x: ndarray) -> int:
    """Which block of memory an array is in."""
    return id(x if x.base is None else x.base)


def _targets(name: str, inputs: tuple[Any, ...]) -> list[AnyNode]:
    nodes = []
    for k, tensor in enumerate(inputs):
        node = node_of(tensor)
        if node is None:
            raise TapeError(f"{name}: inputs[{k}], shape {tuple(tensor.shape)}, does not require grad")
        nodes.append(node)
    return nodes


class _recording:
    """Recording as create_graph asks, the mode of before at the end."""

    def __init__(self, on: bool) -> None:
        self.on = on

    def __enter__(self) -> None:
        self.before = mode.enabled
        mode.enabled = self.on

    def __exit__(self, *exc: object) -> None:
        mode.enabled = self.before


class View:
    """How a tensor was cut out of another's memory: the operations, outermost last, that make it from `base`.

    copied: torch would share the memory, here (channels-last) it was copied; reads bring the copy up to date, writes go
    through to the base.
    """

    def __init__(self, base: Any, steps: tuple[tuple[Any, tuple[Any, ...]], ...], copied: bool) -> None:
        self.base, self.steps, self.copied = base, steps, copied
        self.seen = base._cell.rebased
        self.synced = base._cell.stamp

    def root(self) -> Any:
        """The base; where that was itself given another shape in place, what it was before."""
        while self.base._view is not None:
            self.base = self.base._view.base
        return self.base

    def replay(self, x: Any) -> Any:
        """The view's operations applied to `x`, a Tensor or an array of the base's shape."""
        for function, statics in self.steps:
            x = function(x, *statics)
        return x


def node_of(tensor: Any) -> AnyNode | None:
    """The tensor's node, re-derived first when a write through another view changed the history of its memory."""
    view = tensor._view
    if view is not None and view.seen != tensor._cell.rebased:
        view.seen = tensor._cell.rebased
        with _recording(True):
            tensor._node = view.replay(view.root())._node
    return tensor._node


def synced(tensor: Any) -> ndarray:
    """The array of a view, brought up to date first where it is a copy."""
    view = tensor._view
    if view.copied and view.synced != tensor._cell.stamp:
        view.synced = tensor._cell.stamp
        np.copyto(tensor._data, view.replay(view.root()._data))
    return tensor._data
