"""Transfer learning: freeze what was learned, give a network a new head, train its parts at different rates.

Patterns are those of file names: `features.*`, `layer[12].*`, `*.bias`. They are compared with the dotted names of
parameters and of modules; the name of a module stands for all its parameters. A pattern that fits nothing is an error.
"""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any

from .. import linear
from ..module import Module
from ..parameter import Parameter


def freeze(model: Module, *patterns: str) -> list[str]:
    """Stop the training of the parameters that fit a pattern (without one: of all); their names.

    They keep no gradient, and optimizers pass them over. Batch norm's running statistics are no parameters: see
    `freeze_batch_norm`. Raises ValueError where a pattern fits nothing.

    >>> nn.utils.freeze(nn.Linear(2, 1))
    ['weight', 'bias']
    """
    return _set_requires_grad(model, patterns, False)


def unfreeze(model: Module, *patterns: str) -> list[str]:
    """Train the parameters that fit a pattern (without one: all) again; their names.

    >>> nn.utils.unfreeze(nn.Linear(2, 1))
    ['weight', 'bias']
    """
    return _set_requires_grad(model, patterns, True)


def _set_requires_grad(model: Module, patterns: tuple[str, ...], wanted: bool) -> list[str]:
    chosen = _chosen(model, patterns or ("*",))
    for _, param in chosen:
        param.requires_grad_(wanted)
        if not wanted:
            param.grad = None
    return [name for name, _ in chosen]


def freeze_batch_norm(model: Module, *patterns: str, affine: bool = True) -> list[str]:
    """Keep the batch norms that fit a pattern (without one: all) in evaluation, whatever `train()` says; their names.

    Their statistics stay those of the data they were learned on: right where batches are small or few. affine: freeze
    their weight and bias too. Raises ValueError where a pattern fits none.

    >>> net = nn.Sequential(nn.BatchNorm1d(2))
    >>> nn.utils.freeze_batch_norm(net)
    ['0']
    """
    norms = [(name, m) for name, m in model.named_modules() if getattr(m, "running_mean", None) is not None]
    wanted = patterns or ("*",)
    for pattern in wanted:
        if not any(fnmatchcase(name, pattern) for name, _ in norms):
            raise ValueError(f"freeze_batch_norm: {pattern!r} fits no norm with statistics of {type(model).__name__}")
    chosen = [(name, m) for name, m in norms if any(fnmatchcase(name, pattern) for pattern in wanted)]
    for _, norm in chosen:
        if not isinstance(norm, _Fixed):
            norm.__class__ = type(type(norm).__name__, (_Fixed, type(norm)), {"__module__": type(norm).__module__})
        norm.eval()
        if affine:
            freeze(norm)
    return [name for name, _ in chosen]


class _Fixed(Module):
    """Mixed into a norm's class: it stays in evaluation."""

    def train(self, mode: bool = True) -> Any:
        return super().train(False)

    def __reduce_ex__(self, protocol: Any) -> Any:
        plain = type(self).__mro__[2]
        return _restored, (plain, self.__dict__)


def _restored(plain: type[Module], state: dict[str, Any]) -> Module:
    """A copied or unpickled norm with fixed statistics."""
    norm = plain.__new__(plain)
    norm.__dict__.update(state)
    freeze_batch_norm(norm, affine=False)
    return norm


def swap_head(model: Module, num_classes: int, name: str | None = None) -> str:
    """Replace the last linear layer (or the one called `name`) by a new one with `num_classes` outputs; its name.

    The new layer has its initial values and is trained; the layer it replaces is gone. Auxiliary heads have names of their
    own ("aux1.fc2" of GoogLeNet, "AuxLogits.fc" of Inception v3). Raises ValueError where there is no such linear layer.

    >>> net = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 4))
    >>> nn.utils.swap_head(net, 10)
    '2'
    """
    layers = {key: m for key, m in model.named_modules() if isinstance(m, linear.Linear)}
    if not layers or (name is not None and name not in layers):
        known = f"; its linear layers are {', '.join(layers)}" if layers else "; it has none"
        raise ValueError(f"swap_head: {type(model).__name__} has no linear layer {name or ''}{known}")
    at = name if name is not None else list(layers)[-1]
    old = layers[at]
    if not at:
        raise ValueError("swap_head: the model is the linear layer itself; build a new nn.Linear")
    new = linear.Linear(old.in_features, num_classes, bias=old.bias is not None, dtype=old.weight.dtype)
    model.set_submodule(at, new)
    return at


def parameter_groups(model: Module, groups: Mapping[str, Any], **rest: Any) -> list[dict[str, Any]]:
    """Parameter groups for an optimizer: `{pattern: learning rate, or a dict of settings}`, the first that fits counts.

    What fits no pattern makes a last group with the settings `rest` (the optimizer's own where none are given). Frozen
    parameters are left out. Raises ValueError where a pattern fits no parameter, or where all are frozen.

    >>> import nn, optim
    >>> model = nn.models.resnet18(num_classes=10, width=1 / 16)
    >>> groups = nn.utils.parameter_groups(model, {"fc": 1e-2, "*.bias": {"weight_decay": 0.0}})
    >>> optimizer = optim.SGD(groups, lr=1e-3, momentum=0.9)
    >>> [(len(group["params"]), group["lr"]) for group in optimizer.param_groups]
    [(2, 0.01), (20, 0.001), (40, 0.001)]
    """
    found: list[dict[str, Any]] = []
    taken: set[int] = set()
    for pattern, settings in groups.items():
        chosen = [p for _, p in _chosen(model, (pattern,)) if p.requires_grad and id(p) not in taken]
        taken.update(map(id, chosen))
        if chosen:
            found.append({"params": chosen, **(settings if isinstance(settings, Mapping) else {"lr": settings})})
    others = [p for p in model.parameters() if p.requires_grad and id(p) not in taken]
    if others:
        found.append({"params": others, **rest})
    if not found:
        raise ValueError("parameter_groups: every parameter is frozen; unfreeze what is to be trained")
    return found


def _chosen(model: Module, patterns: tuple[str, ...]) -> list[tuple[str, Parameter]]:
    """Names and parameters that fit any pattern, by their own name or that of a module above them."""
    named = list(model.named_parameters())
    found: dict[str, Parameter] = {}
    for pattern in patterns:
        fitting = {name: p for name, p in named if _fits(name, pattern)}
        if not fitting:
            top = ", ".join(dict.fromkeys(name.split(".")[0] for name, _ in named))
            raise ValueError(f"{pattern!r} fits no parameter of {type(model).__name__}, whose names begin with {top}")
        found.update(fitting)
    return [(name, p) for name, p in named if name in found]


def _fits(name: str, pattern: str) -> bool:
    atoms = name.split(".")
    return any(fnmatchcase(".".join(atoms[:n]), pattern) for n in range(1, len(atoms) + 1))
