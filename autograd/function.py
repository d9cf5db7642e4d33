"""Operations written by the user: `Function`, and hooks on what the tape saves."""

from __future__ import annotations

import functools
import sys
import weakref
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy import ndarray

from . import inplace, op, tape
from .errors import TapeError
from .tape import Leaf, Node, Output, mode, node_of, tick
from .tensor import Tensor, wrap

_SAVED = (tape.Cell(),)  # says that there are saved tensors; their versions are compared where they are read


class FunctionCtx:
    """What `forward` hands to `backward`. Any attribute may be set on it too."""

    needs_input_grad: tuple[bool, ...] = ()
    _saved: tuple[Any, ...] = ()
    _dirty: tuple[Tensor, ...] = ()
    _non_differentiable: tuple[Tensor, ...] = ()
    _materialize = True
    _node: Any = None  # a weak reference

    def save_for_backward(self, *tensors: Tensor | None) -> None:
        """Keep tensors for backward: a change in place to one of them is noticed there, and no cycle keeps memory alive."""
        for tensor in tensors:
            if tensor is not None and not isinstance(tensor, Tensor):
                raise TypeError(
                    f"save_for_backward: can only save Tensors, got {type(tensor).__name__}; set others on ctx"
                )
        self._saved = tensors

    def save_for_forward(self, *tensors: Tensor | None) -> None:
        """Accepted as in torch; forward-mode differentiation does not exist here."""

    def mark_dirty(self, *tensors: Tensor) -> None:
        """These inputs were changed in place."""
        self._dirty = tensors

    def mark_non_differentiable(self, *tensors: Tensor) -> None:
        """These outputs never require a gradient."""
        self._non_differentiable = tensors

    def set_materialize_grads(self, value: bool) -> None:
        """Whether missing gradients come to backward as zeros (the default) or as None."""
        self._materialize = value

    @property
    def saved_tensors(self) -> tuple[Any, ...]:
        """What `save_for_backward` kept. Raises RuntimeError if one of them was changed in place since."""
        node = self._node and self._node()
        if node is not None and node.values is None:
            raise node.freed()
        values = []
        for kept in self._saved:
            if isinstance(kept, _SavedOutput):
                array, slot = kept.array, kept.slot
                cell: Any = kept.cell
                owner = Output(node, slot, array) if node.slots else node
                tensor = tape.make(array, owner) if mode.enabled else wrap(array)
            else:
                tensor = kept
                cell = None if kept is None else kept._cell
            if cell is not None and node is not None and cell.stamp > max(node.number, self._since):
                raise node.stale(cell)
            values.append(tensor)
        return tuple(values)

    _since = 0


class _SavedOutput:
    """A saved output without its history, which would be a cycle."""

    def __init__(self, tensor: Tensor, slot: int) -> None:
        self.array, self.cell, self.slot = tensor._data, tensor._cell, slot


class _UserOp:
    """What a node of a Function has in the place of a registered op."""

    def __init__(self, function: type[Function]) -> None:
        self.function, self.name = function, function.__name__
        self.backward_name = f"{function.__name__}Backward"

    def revive(self, node: Node) -> Any:
        return node.values

    def pull(self, g: Any, values: list[Any], edges: Sequence[Any]) -> Sequence[Any]:
        ctx, shapes = values
        grads = g if isinstance(g, list) else [g]
        tensors = [
            (wrap(np.zeros(shape, dtype)) if ctx._materialize and shape is not None else None)
            if grad is None
            else tape.conjugate(grad) if isinstance(grad, Tensor) else wrap(tape.conjugate(grad))
            for grad, (shape, dtype) in zip(grads, shapes, strict=True)
        ]  # fmt: skip
        result = self.function.backward(ctx, *tensors)
        returned = list(result) if isinstance(result, (tuple, list)) else [result]
        while len(returned) > len(edges) and returned[-1] is None:
            returned.pop()
        if len(returned) != len(edges):
            raise TapeError(
                f"{self.name}: backward returned {len(returned)} gradients, expected {len(edges)}: one for each argument "
                "of forward, None where there is none"
            )
        for k, (grad, edge) in enumerate(zip(returned, edges, strict=True)):
            if grad is not None and not isinstance(grad, (Tensor, ndarray)):
                raise TypeError(
                    f"{self.name}: backward returned a {type(grad).__name__} for argument {k}, expected a Tensor"
                )
            if grad is not None and edge is not None and grad.size and tuple(grad.shape) != edge.shape:
                self._check_shape(k, tuple(grad.shape), edge.shape)
        if not mode.enabled:
            returned = [grad.numpy_view() if isinstance(grad, Tensor) else grad for grad in returned]
        return [tape.conjugate(grad) for grad in returned]

    def _check_shape(self, k: int, came: tuple[int, ...], expected: tuple[int, ...]) -> None:
        """A gradient may be larger by broadcasting, as the tape sums it; anything else is the user's mistake."""
        try:
            fits = np.broadcast_shapes(came, expected) == came
        except ValueError:
            fits = False
        if not fits:
            raise TapeError(
                f"{self.name}: backward returned a gradient of shape {came} for argument {k}, expected {expected}"
            )


class Function:
    """An operation with a derivative of its own: subclass with static methods `forward` and `backward`, call `apply`.

        class Cube(Function):
            @staticmethod
            def forward(ctx, x):
                ctx.save_for_backward(x)
                return x * x * x

            @staticmethod
            def backward(ctx, grad_output):
                (x,) = ctx.saved_tensors
                return grad_output * 3 * x * x

    forward(ctx, *args), or forward(*args) with setup_context(ctx, inputs, output), runs without recording. backward gets the
    gradient of each output and returns one for each argument, None where there is none. What it computes is recorded
    under create_graph, so second order works where backward uses differentiable operations.

    >>> class Double(autograd.Function):
    ...     forward = staticmethod(lambda ctx, x: x * 2)
    ...     backward = staticmethod(lambda ctx, g: g * 2)
    >>> Double.apply(autograd.ones(1))
    tensor([2.])
    """

    @staticmethod
    def forward(*args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError("Function: define forward as a static method")

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> Any:
        raise NotImplementedError("Function: define backward as a static method")

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        raise NotImplementedError("Function: define setup_context as a static method, or take ctx in forward")

    @classmethod
    def apply(cls, *args: Any) -> Any:
        """Call the operation."""
        ctx = FunctionCtx()
        edges = tuple([node_of(arg) if isinstance(arg, Tensor) else None for arg in args])
        ctx.needs_input_grad = tuple([edge is not None for edge in edges])
        recorded = mode.enabled and any(ctx.needs_input_grad)
        with tape.no_grad():
            if cls.setup_context is not Function.setup_context:
                result = cls.forward(*args)
                cls.setup_context(ctx, args, result)
            else:
                result = cls.forward(ctx, *args)
        several = isinstance(result, (tuple, list))
        outs = list(result) if several else [result]
        if recorded:
            cls._record(ctx, args, edges, outs)
        else:
            for tensor in ctx._dirty:
                inplace.rebase(tensor, cls.__name__, None)
        return type(result)(outs) if several else outs[0]

    @classmethod
    def _record(cls, ctx: FunctionCtx, args: tuple[Any, ...], edges: tuple[Any, ...], outs: list[Any]) -> None:
        for tensor in ctx._dirty:
            view = tensor._view
            base = tensor if view is None else view.base
            if isinstance(base._node, Leaf):
                raise TapeError(
                    f"{cls.__name__}: a leaf Tensor that requires grad is being used in an in-place operation"
                )
        node = Node()
        node.op, node.edges = _UserOp(cls), edges
        caller = sys._getframe(2)
        node.site = caller.f_code, caller.f_lasti
        shapes = []
        differentiable = []
        for k, out in enumerate(outs):
            real = isinstance(out, Tensor) and out._data.dtype.kind in "fc"
            shapes.append((out._data.shape, out._data.dtype) if real else (None, None))
            differentiable.append(real and not any(out is held for held in ctx._non_differentiable))
            if (
                isinstance(out, Tensor)
                and any(out is arg for arg in args)
                and not any(out is held for held in ctx._dirty)
            ):
                # an input returned as it is: a tensor of its own on the same memory
                outs[k] = out.detach()
        saved = []
        for tensor in ctx._saved:
            place = next((k for k, out in enumerate(outs) if out is tensor), None)
            saved.append(tensor if place is None or tensor is None else _SavedOutput(tensor, place))
        ctx._saved = tuple(saved)
        node.values = [ctx, shapes]
        if saved:
            node.cells = _SAVED
        node.number = tick()
        ctx._node = weakref.ref(node)
        first = next((out for out, yes in zip(outs, differentiable, strict=True) if yes), None)
        if first is None:
            return
        node.shape, node.dtype = first._data.shape, first._data.dtype
        if len(outs) > 1:
            node.slots = len(outs)
        for k, (out, yes) in enumerate(zip(outs, differentiable, strict=True)):
            if not yes:
                continue
            history: Any = Output(node, k, out._data) if node.slots else node
            if any(out is held for held in ctx._dirty):
                inplace.rebase(out, cls.__name__, history)
            else:
                out._node = history
        ctx._since = tick()  # changes made in place by forward itself are no mistake
        if mode.watched:
            op.on_record(node, tuple([out._data for out in outs]) if node.slots else first._data, args)


class InplaceFunction(Function):
    """A `Function` that may be told to write over its input; that it did says `ctx.mark_dirty`."""

    def __init__(self, inplace: bool = False) -> None:
        self.inplace = inplace


def once_differentiable(backward: Callable[..., Any]) -> Callable[..., Any]:
    """Decorator of a Function's backward that uses numpy or other code the tape cannot see: no second order through it."""

    @functools.wraps(backward)
    def wrapped(ctx: Any, *grads: Any) -> Any:
        recording = mode.enabled and any(isinstance(g, Tensor) and g.requires_grad for g in grads)
        with tape.no_grad():
            result = backward(ctx, *grads)
        if not recording:
            return result
        several = isinstance(result, (tuple, list))
        outs = [
            _once(r, backward.__qualname__) if isinstance(r, Tensor) else r for r in (result if several else [result])
        ]
        return tuple(outs) if several else outs[0]

    return wrapped


class _Once(Function):
    """Identity whose gradient is an error."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, name: str) -> Tensor:
        ctx.name = name
        return x.detach()

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        raise TapeError(
            f"{ctx.name}: trying to differentiate twice a function that was marked with @once_differentiable"
        )


def _once(tensor: Tensor, name: str) -> Any:
    return _Once.apply(tensor.detach().requires_grad_(), name)


class _Packed:
    """A saved value as the user's pack function returned it."""

    def __init__(self, held: Any) -> None:
        self.held = held


class _Unpacking:
    """Stands before a node's op and hands it what the user's unpack function returns."""

    def __init__(self, inner: Any, unpack: Callable[[Any], Any]) -> None:
        self.inner, self.unpack, self.name = inner, unpack, inner.name

    def _values(self, values: list[Any]) -> list[Any]:
        return [self.unpack(v.held).numpy_view() if isinstance(v, _Packed) else v for v in values]

    def pull(self, g: Any, values: list[Any], edges: Sequence[Any]) -> Sequence[Any]:
        return self.inner.pull(g, self._values(values), edges)

    def revive(self, node: Node) -> Any:
        held = node.values
        node.values = self._values(held)  # type: ignore[arg-type]
        try:
            values = self.inner.revive(node)
        finally:
            node.values = held
        return values


class saved_tensors_hooks:
    """Inside, every array the tape saves goes through `pack_hook(tensor)` at once and `unpack_hook(packed)` in backward.

    For keeping saved values on disk, compressed, or not at all (see `checkpoint`).

    >>> with autograd.saved_tensors_hooks(lambda t: t.numpy(), autograd.from_numpy):
    ...     y = autograd.ones(1, requires_grad=True).exp()
    """

    def __init__(self, pack_hook: Callable[[Tensor], Any], unpack_hook: Callable[[Any], Tensor]) -> None:
        self.pack, self.unpack = pack_hook, unpack_hook

    def __enter__(self) -> None:
        self._before = (mode.watched, mode.saving)
        mode.watched, mode.saving = True, self

    def __exit__(self, *exc: object) -> None:
        mode.watched, mode.saving = self._before

    def take(self, node: Node) -> None:
        """Replace the arrays that `node` holds by what pack_hook makes of them."""
        if node.values is None or not hasattr(node.op, "inputs"):
            return
        with tape.no_grad():
            hooks, mode.saving = mode.saving, None  # what pack_hook itself computes is not packed
            try:
                for i in range(node.op.y_at + 1):
                    if type(node.values[i]) is ndarray:
                        node.values[i] = _Packed(self.pack(wrap(node.values[i])))
            finally:
                mode.saving = hooks
        node.op = _Unpacking(node.op, self.unpack)


def checkpoint(
    function: Callable[..., Any],
    *args: Any,
    use_reentrant: bool = False,
    preserve_rng_state: bool = True,
    **kwargs: Any,
) -> Any:
    """`function(*args)` without keeping what its operations save: backward computes them again when it needs them.

    Random numbers drawn from the default generator come out the same the second time, unless preserve_rng_state is False.
    use_reentrant is accepted as in torch; there is one implementation, the one torch calls non-reentrant. Source: Chen et al., https://arxiv.org/abs/1604.06174.

    >>> x = autograd.tensor(3.0, requires_grad=True)
    >>> autograd.checkpoint(lambda x: x.exp().log(), x).backward()
    >>> x.grad
    tensor(1.)
    """
    from .random import get_rng_state, set_rng_state

    state = get_rng_state()
    again: list[Tensor] = []
    count = 0

    def drop(tensor: Tensor) -> int:
        nonlocal count
        count += 1
        return count - 1

    def recompute(place: int) -> Tensor:
        if not again:
            now = get_rng_state()
            if preserve_rng_state:
                set_rng_state(state)
            try:
                with tape.enable_grad(), saved_tensors_hooks(lambda t: again.append(t), lambda _: _):
                    function(*args, **kwargs)
            finally:
                if preserve_rng_state:
                    set_rng_state(now)
            if len(again) != count:
                raise TapeError(
                    f"checkpoint: the function saved {count} values at first and {len(again)} when computed again; "
                    "it must do the same both times"
                )
        return again[place]

    with saved_tensors_hooks(drop, recompute):
        return function(*args, **kwargs)


def get_device_states(*args: Any) -> tuple[list[int], list[Any]]:
    """The states of the GPUs' generators: there is none, so two empty lists.

    >>> autograd.utils.checkpoint.get_device_states(autograd.ones(1))
    ([], [])
    """
    return [], []


def set_device_states(devices: Any, states: Any) -> None:
    """Does nothing: there is no GPU whose generator could have a state."""


def checkpoint_sequential(functions: Any, segments: int, input: Any, use_reentrant: bool = False, **kwargs: Any) -> Any:
    """Modules or functions applied one after the other, in `segments` pieces of which all but the last are checkpointed.

    >>> double = [lambda x: x * 2] * 4
    >>> autograd.utils.checkpoint.checkpoint_sequential(double, 2, autograd.ones(1, requires_grad=True)).item()
    16.0
    """
    steps = list(functions.children()) if hasattr(functions, "children") else list(functions)
    size = len(steps) // segments
    if not size:
        raise ValueError(f"checkpoint_sequential: {segments} segments of {len(steps)} functions")

    def run(first: int, last: int) -> Callable[[Any], Any]:
        def piece(x: Any) -> Any:
            for step in steps[first:last]:
                x = step(x)
            return x

        return piece

    last = size * (segments - 1)
    for first in range(0, last, size):
        input = checkpoint(run(first, first + size), input, use_reentrant=use_reentrant, **kwargs)
    return run(last, len(steps))(input)
