"""A module called with other values in place of its parameters and buffers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from autograd import Tensor
from autograd.errors import ShapeError

from ..module import Module


def functional_call(
    module: Module,
    parameter_and_buffer_dicts: Mapping[str, Tensor] | Sequence[Mapping[str, Tensor]],
    args: Any = None,
    kwargs: dict[str, Any] | None = None,
    *,
    tie_weights: bool = True,
    strict: bool = False,
) -> Any:
    """`module(*args, **kwargs)` with the given tensors in place of its parameters and buffers of those dotted names.

    Gradients go to the given tensors. args: a tuple, or the one argument. tie_weights: a tensor that the module holds
    under several names is replaced under all. strict: every parameter and buffer must be given. Raises ValueError for a
    name given twice, KeyError for an unknown or missing one, ShapeError for a wrong shape; nothing is called then.

    >>> nn.utils.functional_call(nn.ReLU(), {}, autograd.tensor([-1.0, 1.0]))
    tensor([0., 1.])
    """
    given = (
        [parameter_and_buffer_dicts] if isinstance(parameter_and_buffer_dicts, Mapping) else parameter_and_buffer_dicts
    )
    values: dict[str, Tensor] = {}
    for part in given:
        twice = values.keys() & part.keys()
        if twice:
            raise ValueError(f"functional_call: {', '.join(map(repr, sorted(twice)))} appear in several of the dicts")
        values.update(part)
    places = dict(_places(module))
    unknown = [name for name in values if name not in places]
    if unknown:
        raise KeyError(f"functional_call: {type(module).__name__} has no {', '.join(map(repr, unknown))}")
    held = {name: place[key] for name, (place, key) in places.items()}
    for name, value in values.items():
        if tuple(value.shape) != tuple(held[name].shape):
            raise ShapeError(
                f"functional_call: {name!r} has shape {tuple(held[name].shape)}, but was given {tuple(value.shape)}"
            )
    chosen = dict(values)
    if tie_weights:
        by_id = {id(held[name]): value for name, value in values.items()}
        chosen.update({name: by_id[id(t)] for name, t in held.items() if name not in values and id(t) in by_id})
    missing = [name for name in held if name not in chosen]
    if strict and missing:
        raise KeyError(f"functional_call: strict, but {', '.join(map(repr, missing))} are not given")
    # running statistics may be assigned to while the module runs: the places are put back, whatever is in them by then
    before = [(*places[name], held[name]) for name in chosen]
    try:
        for name, value in chosen.items():
            place, key = places[name]
            place[key] = value
        return module(*(args if isinstance(args, tuple) else () if args is None else (args,)), **(kwargs or {}))
    finally:
        for place, key, tensor in before:
            place[key] = tensor


def _places(module: Module) -> Any:
    """Each dotted name of a parameter or buffer, and where it is kept: a dict or list, and the key there."""
    for path, part in module.named_modules(remove_duplicate=False):
        dot = f"{path}." if path else ""
        for kept in (part._parameters, part._buffers):
            yield from ((dot + name, (kept, name)) for name, tensor in kept.items() if tensor is not None)
        for name, _ in part._own_parameters():
            if name not in part._parameters:
                yield dot + name, _inside(part, name)


def _inside(module: Module, name: str) -> tuple[Any, Any]:
    """The list or dict, below an attribute of the module, that keeps the parameter of that dotted name."""
    first, *atoms = name.split(".")
    found: Any = getattr(module, first)
    for depth, atom in enumerate(atoms):
        keys = {str(key): key for key in found} if isinstance(found, dict) else {str(i): i for i in range(len(found))}
        if depth == len(atoms) - 1:
            return found, keys[atom]
        found = found[keys[atom]]
    raise KeyError(name)
