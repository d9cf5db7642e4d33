"""torch's older weight_norm and spectral_norm, which keep the parts as `weight_g`, `weight_v`, `weight_orig`, `weight_u`."""

from __future__ import annotations

from typing import Any, TypeVar

import autograd
from autograd import Tensor, no_grad
from autograd.tensor import wrap

from .. import functional as F
from .. import init
from ..module import Module
from ..parameter import Parameter

M = TypeVar("M", bound=Module)


class _Recomputed:
    """A forward pre-hook that computes a module's weight from its parts before each call."""

    name: str

    def compute(self, module: Module) -> Tensor:
        raise NotImplementedError

    def __call__(self, module: Module, inputs: Any) -> None:
        object.__setattr__(module, self.name, self.compute(module))

    @classmethod
    def start(cls, module: Module, hook: _Recomputed) -> None:
        if any(type(h) is cls and h.name == hook.name for h, _ in _hooks(module).values()):
            raise RuntimeError(f"cannot register two {cls.__name__[1:]} hooks on the same parameter {hook.name}")
        module.register_forward_pre_hook(hook)

    @classmethod
    def take(cls, module: Module, name: str) -> Any:
        hooks = _hooks(module)
        for key, (hook, _) in list(hooks.items()):
            if type(hook) is cls and hook.name == name:
                del hooks[key]
                return hook
        raise ValueError(f"{cls.__name__[1:]} of {name!r} not found in {module!r}")


def _hooks(module: Module) -> dict[int, Any]:
    return module._own_hooks().forward_pre


def _without(module: Module, name: str) -> None:
    """Free the name of what stands under it."""
    if name in module._parameters:
        del module._parameters[name]
    module.__dict__.pop(name, None)


def _norm_but(v: Tensor, dim: int | None) -> Tensor:
    if dim is None or dim == -1:
        return (v * v).sum().sqrt()
    return (v * v).sum([d for d in range(v.ndim) if d != dim], True).sqrt()


class _WeightNorm(_Recomputed):
    def __init__(self, name: str, dim: int | None) -> None:
        self.name, self.dim = name, dim

    def compute(self, module: Module) -> Tensor:
        g, v = getattr(module, f"{self.name}_g"), getattr(module, f"{self.name}_v")
        return v * (g / _norm_but(v, self.dim))


def weight_norm(module: M, name: str = "weight", dim: int | None = 0) -> M:
    """Make a weight w = g v / |v|, its parts the parameters `weight_g` and `weight_v`; `parametrizations.weight_norm` is newer.

    >>> layer = nn.utils.weight_norm(nn.Linear(2, 3))
    >>> [name for name, _ in layer.named_parameters()]
    ['bias', 'weight_g', 'weight_v']
    """
    hook = _WeightNorm(name, dim)
    _WeightNorm.start(module, hook)
    weight = getattr(module, name)
    _without(module, name)
    with no_grad():
        length = _norm_but(weight, dim)
    module.register_parameter(f"{name}_g", Parameter(length))
    module.register_parameter(f"{name}_v", Parameter(weight.detach()))
    hook(module, None)
    return module


def remove_weight_norm(module: M, name: str = "weight") -> M:
    """Make the weight a plain parameter again, as computed last.

    >>> layer = nn.utils.remove_weight_norm(nn.utils.weight_norm(nn.Linear(2, 3)))
    >>> [name for name, _ in layer.named_parameters()]
    ['bias', 'weight']
    """
    hook = _WeightNorm.take(module, name)
    return _plain(module, name, hook, f"{name}_g", f"{name}_v")


def _plain(module: M, name: str, hook: _Recomputed, *parts: str) -> M:
    with no_grad():
        value = hook.compute(module).detach().clone()
    _without(module, name)
    for part in parts:
        delattr(module, part)
    setattr(module, name, Parameter(value))
    return module


class _SpectralNorm(_Recomputed):
    def __init__(self, name: str, n_power_iterations: int, dim: int, eps: float) -> None:
        self.name, self.n_power_iterations, self.dim, self.eps = name, n_power_iterations, dim, eps

    def compute(self, module: Module) -> Tensor:
        weight, u = getattr(module, f"{self.name}_orig"), getattr(module, f"{self.name}_u")
        v = getattr(module, f"{self.name}_v")
        matrix = weight.movedim(self.dim, 0).flatten(1)
        if module.training:
            with no_grad():
                for _ in range(self.n_power_iterations):
                    v.copy_(F.normalize(autograd.mv(matrix.t(), u), dim=0, eps=self.eps))
                    u.copy_(F.normalize(autograd.mv(matrix, v), dim=0, eps=self.eps))
            u, v = u.clone(), v.clone()
        return weight / autograd.dot(u, autograd.mv(matrix, v))


def spectral_norm(
    module: M, name: str = "weight", n_power_iterations: int = 1, eps: float = 1e-12, dim: int | None = None
) -> M:
    """Divide a weight, kept as `weight_orig`, by its largest singular value; `parametrizations.spectral_norm` is newer.

    >>> layer = nn.utils.spectral_norm(nn.Linear(2, 3))
    >>> list(layer.state_dict())
    ['bias', 'weight_orig', 'weight_u', 'weight_v']
    """
    if n_power_iterations <= 0:
        raise ValueError(f"spectral_norm: expected n_power_iterations to be positive, got {n_power_iterations}")
    if dim is None:
        dim = 1 if type(module).__name__.startswith("ConvTranspose") else 0
    hook = _SpectralNorm(name, n_power_iterations, dim, eps)
    _SpectralNorm.start(module, hook)
    weight = getattr(module, name)
    _without(module, name)
    module.register_parameter(f"{name}_orig", Parameter(weight.detach()))
    shape = weight.movedim(dim, 0).flatten(1).shape
    for part, length in zip("uv", shape, strict=True):
        start = init.normal_(autograd.empty(length, dtype=weight.dtype))
        module.register_buffer(f"{name}_{part}", F.normalize(start, dim=0, eps=eps))
    object.__setattr__(module, name, wrap(weight.numpy_view()))
    return module


def remove_spectral_norm(module: M, name: str = "weight") -> M:
    """Make the weight a plain parameter again, as computed last.

    >>> layer = nn.utils.remove_spectral_norm(nn.utils.spectral_norm(nn.Linear(2, 3)))
    >>> list(layer.state_dict())
    ['bias', 'weight']
    """
    hook = _SpectralNorm.take(module, name)
    return _plain(module, name, hook, f"{name}_orig", f"{name}_u", f"{name}_v")
