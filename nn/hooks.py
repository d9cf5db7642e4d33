"""A module's hooks, and the gates through which its gradients pass where it has backward hooks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from autograd import Tensor
from autograd.op import op
from autograd.tensor import RemovableHandle, wrap

Hook = Callable[..., Any]


class Hooks:
    """The hooks of one module, made when the first one is registered: a module without hooks pays nothing for them."""

    def __init__(self) -> None:
        self.forward_pre: dict[int, tuple[Hook, bool]] = {}  # hook, with_kwargs
        self.forward: dict[int, tuple[Hook, bool, bool]] = {}  # hook, with_kwargs, always_call
        self.backward_pre: dict[int, Hook] = {}
        self.backward: dict[int, Hook] = {}
        self.state_pre: dict[int, Hook] = {}
        self.state: dict[int, Hook] = {}
        self.load_pre: dict[int, Hook] = {}
        self.load: dict[int, Hook] = {}

    @staticmethod
    def add(hooks: dict[int, Any], entry: Any, prepend: bool = False) -> RemovableHandle:
        handle = RemovableHandle(hooks)
        hooks[handle.id] = entry
        if prepend:
            others = [(key, value) for key, value in hooks.items() if key != handle.id]
            hooks.clear()
            hooks.update([(handle.id, entry), *others])
        return handle


def _held(kind: str) -> property:
    def put(module: Any, entries: dict[int, Any]) -> None:
        setattr(module._own_hooks(), kind, entries)

    return property(lambda module: getattr(module._own_hooks(), kind), put)


class HookDicts:
    """torch's names of the dicts that hold a module's hooks: code empties them, or puts empty ones in their place."""

    _forward_pre_hooks, _forward_hooks = _held("forward_pre"), _held("forward")
    _backward_pre_hooks, _backward_hooks = _held("backward_pre"), _held("backward")
    _state_dict_pre_hooks, _state_dict_hooks = _held("state_pre"), _held("state")
    _load_state_dict_pre_hooks, _load_state_dict_post_hooks = _held("load_pre"), _held("load")


#: hooks on every module, as (kind, entry): torch's `register_module_...`, which `nn.modules.module` has too
EVERYWHERE: dict[int, tuple[str, Any]] = {}


def with_those_everywhere(own: Hooks | None) -> Hooks:
    """The hooks on every module, then a module's own."""
    if own is not None and not EVERYWHERE:
        return own
    both = Hooks()
    for key, (kind, entry) in list(EVERYWHERE.items()):
        getattr(both, kind)[key] = entry
    for kind in ("forward_pre", "forward", "backward_pre", "backward"):
        getattr(both, kind).update({} if own is None else getattr(own, kind))
    return both


def register_module_forward_pre_hook(hook: Hook) -> RemovableHandle:
    """Call `hook(module, args)` before the forward of every module."""
    return Hooks.add(EVERYWHERE, ("forward_pre", (hook, False)))


def register_module_forward_hook(
    hook: Hook, *, with_kwargs: bool = False, always_call: bool = False
) -> RemovableHandle:
    """Call `hook(module, args, output)` after the forward of every module."""
    return Hooks.add(EVERYWHERE, ("forward", (hook, with_kwargs, always_call)))


def register_module_full_backward_pre_hook(hook: Hook) -> RemovableHandle:
    """Call `hook(module, grad_output)` in the backward of every module."""
    return Hooks.add(EVERYWHERE, ("backward_pre", hook))


def register_module_full_backward_hook(hook: Hook) -> RemovableHandle:
    """Call `hook(module, grad_input, grad_output)` in the backward of every module."""
    return Hooks.add(EVERYWHERE, ("backward", hook))


@op(
    joint=lambda g, hook: hook(g if isinstance(g, (list, tuple)) else [g]),
    samples=lambda s: [(s(3), {"hook": lambda g: g}), (s(3, 2), s(4), {"hook": lambda g: g})],
    method=False,
)
def _gate(*tensors: Any, hook: Hook) -> Any:
    """Copies of the tensors, whose gradients all pass through `hook` together."""
    return tuple([np.copy(t) for t in tensors])


class Gates:
    """What a module's backward hooks need: all gradients of its outputs together, then all those of its inputs."""

    def __init__(self, module: Any, hooks: Hooks) -> None:
        self.module = module
        self.pre, self.post = list(hooks.backward_pre.values()), list(hooks.backward.values())
        self.arguments = 0
        self.at: list[int] = []
        self.grad_output: tuple[Any, ...] = ()

    def inputs(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        self.arguments = len(args)
        self.at = [i for i, a in enumerate(args) if isinstance(a, Tensor) and a.requires_grad]
        gated = list(args)
        if self.at:
            for i, out in zip(self.at, _gate(*[args[i] for i in self.at], hook=self._on_inputs), strict=True):
                gated[i] = out
        return tuple(gated)

    def outputs(self, result: Any) -> Any:
        several = isinstance(result, (tuple, list))
        outs = list(result) if several else [result]
        at = [i for i, out in enumerate(outs) if isinstance(out, Tensor) and out.requires_grad]
        if not at:
            return result
        size = len(outs)
        gated = _gate(*[outs[i] for i in at], hook=lambda g: self._on_outputs(g, at, size))
        for i, out in zip(at, gated, strict=True):
            outs[i] = out
        if not several:
            return outs[0]
        return type(result)(*outs) if hasattr(result, "_fields") else type(result)(outs)

    def _on_outputs(self, grads: list[Any], at: list[int], size: int) -> list[Any]:
        shown = _spread(grads, at, size)
        for hook in self.pre:
            changed = hook(self.module, shown)
            if changed is not None:
                shown = changed if isinstance(changed, tuple) else (changed,)
        self.grad_output = shown
        if not self.at:
            for hook in self.post:
                if hook(self.module, (None,) * self.arguments, shown) is not None:
                    raise RuntimeError("a full backward hook may not return gradients for inputs that require none")
        return _gathered(shown, at, grads)

    def _on_inputs(self, grads: list[Any]) -> list[Any]:
        if not self.grad_output:  # a second order: the gradient came to the input past the output
            return grads
        shown = _spread(grads, self.at, self.arguments)
        for hook in self.post:
            changed = hook(self.module, shown, self.grad_output)
            if changed is not None:
                shown = changed if isinstance(changed, tuple) else (changed,)
                if len(shown) != self.arguments:
                    raise RuntimeError(
                        f"a full backward hook returned {len(shown)} gradients for {self.arguments} inputs"
                    )
        self.grad_output = ()
        return _gathered(shown, self.at, grads)


def _spread(grads: list[Any], at: list[int], size: int) -> tuple[Any, ...]:
    """Gradients at their places among all arguments, as Tensors."""
    shown: list[Any] = [None] * size
    for i, g in zip(at, grads, strict=True):
        shown[i] = g if g is None or isinstance(g, Tensor) else wrap(np.asarray(g))
    return tuple(shown)


def _gathered(shown: tuple[Any, ...], at: list[int], grads: list[Any]) -> list[Any]:
    """Back to what the tape carries: Tensors only while it records a second order."""
    recording = any(isinstance(g, Tensor) for g in grads)
    out = []
    for i in at:
        g = shown[i]
        out.append(g.numpy_view() if isinstance(g, Tensor) and not recording else g)
    return out
