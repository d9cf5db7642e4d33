"""torch.autograd.graph: hooks on the tape that belong to no single tensor."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .function import saved_tensors_hooks
from .tape import Node
from .tensor import RemovableHandle, Tensor

__all__ = ["Node", "increment_version", "register_multi_grad_hook", "save_on_cpu", "saved_tensors_hooks"]


class save_on_cpu:
    """Nothing to do: what is saved is on the CPU."""

    def __init__(self, pin_memory: bool = False, device_type: str = "cuda") -> None:
        pass

    def __enter__(self) -> None:
        pass

    def __exit__(self, *exc: object) -> None:
        pass


def increment_version(tensor: Any) -> None:
    """Count a write that was made behind the library's back, so that saved values are known to be stale."""
    for one in (tensor,) if isinstance(tensor, Tensor) else tensor:
        one._cell.written("increment_version")


class _Handles:
    """Several hooks removed as one."""

    def __init__(self, handles: Sequence[RemovableHandle]) -> None:
        self.handles = handles

    def remove(self) -> None:
        for handle in self.handles:
            handle.remove()

    def __enter__(self) -> _Handles:
        return self

    def __exit__(self, *exc: object) -> None:
        self.remove()


def register_multi_grad_hook(tensors: Sequence[Tensor], fn: Callable[[Any], None], *, mode: str = "all") -> _Handles:
    """Call `fn` when the gradients of all the tensors that require one are known, with a list of them (None for the
    others); mode "any": when the first is, with that. Once a backward.
    """
    if mode not in ("all", "any"):
        raise ValueError(f"register_multi_grad_hook: mode must be 'all' or 'any', got {mode!r}")
    waiting = [k for k, tensor in enumerate(tensors) if tensor.requires_grad]
    found: dict[int, Any] = {}

    def hook(k: int) -> Callable[[Any], None]:
        def seen(g: Any) -> None:
            if k in found:  # another backward
                found.clear()
            found[k] = g
            if mode == "any":
                if len(found) == 1:
                    fn(g)
            elif len(found) == len(waiting):
                grads = [found.get(i) for i in range(len(tensors))]
                found.clear()
                fn(grads)

        return seen

    return _Handles([tensors[k].register_hook(hook(k)) for k in waiting])
