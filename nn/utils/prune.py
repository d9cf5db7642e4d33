"""Pruning: parameters multiplied by a mask of zeros and ones, with torch.nn.utils.prune's names.

A pruned parameter `weight` becomes the parameter `weight_orig` and the buffer `weight_mask`; their product stands in the
module's attribute `weight`, made anew before each forward. `remove` writes the zeros into the parameter for good.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from numbers import Integral, Real
from typing import Any

import numpy as np

import autograd
from autograd import Tensor, no_grad
from autograd.tensor import wrap

from ..module import Module


def _amount(amount: Any) -> None:
    if not isinstance(amount, Real) or isinstance(amount, bool):
        raise TypeError(f"prune: amount must be a number, got {type(amount).__name__}")
    whole = isinstance(amount, Integral)
    if not 0 <= float(amount) <= (math.inf if whole else 1):
        raise ValueError(f"prune: amount must be a fraction in [0, 1] or a count of 0 or more, got {amount}")


def _count(amount: Any, size: int) -> int:
    """How many of `size` to prune: a count, or a fraction of them."""
    count = int(amount) if isinstance(amount, Integral) else round(amount * size)
    if count > size:
        raise ValueError(f"prune: amount {count} should be smaller than the number of parameters to prune, {size}")
    return count


def _dim(t: Tensor, dim: int) -> int:
    if t.ndim <= 1:
        raise ValueError(
            f"prune: structured pruning wants a tensor of 2 or more dimensions, got shape {tuple(t.shape)}"
        )
    if not -t.ndim <= dim < t.ndim:
        raise IndexError(f"prune: dim {dim} is out of range for shape {tuple(t.shape)}")
    return dim % t.ndim


class BasePruningMethod:
    """A way to prune: `compute_mask(t, default_mask)` says what stays. Called before each forward, it applies the mask.

    PRUNING_TYPE: "unstructured", "structured" (whole slices along `dim`) or "global". A subclass's `apply(module, name, ...)`
    prunes; on what is pruned already it acts on what is left.
    """

    PRUNING_TYPE: str
    _tensor_name: str

    def __call__(self, module: Module, inputs: Any) -> None:
        setattr(module, self._tensor_name, self.apply_mask(module))

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """A mask of t's shape; `default_mask`: the one so far."""
        raise NotImplementedError(f"{type(self).__name__}: compute_mask(t, default_mask) is the method; define it")

    def apply_mask(self, module: Module) -> Tensor:
        """The parameter times its mask."""
        mask = getattr(module, f"{self._tensor_name}_mask")
        masked: Tensor = mask.to(getattr(module, f"{self._tensor_name}_orig").dtype) * getattr(
            module, f"{self._tensor_name}_orig"
        )
        return masked

    @classmethod
    def apply(
        cls, module: Module, name: str, *args: Any, importance_scores: Tensor | None = None, **kwargs: Any
    ) -> Any:
        """Prune `module.name`; further arguments are the method's own. importance_scores: what to judge by, not the values."""
        old = _method_of(module, name)
        method = cls(*args, **kwargs)
        method._tensor_name = name
        if old is not None:
            key, before = old
            assert module._hooks is not None
            del module._hooks.forward_pre[key]
            container = PruningContainer(before)
            container.add_pruning_method(method)
            method = container
        original = getattr(module, name)
        if importance_scores is not None and importance_scores.shape != original.shape:
            raise AssertionError(
                f"prune: importance_scores have shape {tuple(importance_scores.shape)}, {name!r} {tuple(original.shape)}"
            )
        scores = original if importance_scores is None else importance_scores
        if old is None:
            del module._parameters[name]
            module.register_parameter(f"{name}_orig", original)
            default = autograd.ones_like(original.detach())
        else:
            default = getattr(module, f"{name}_mask").detach().clone()
        with no_grad():
            mask = method.compute_mask(scores.detach(), default)
        module.register_buffer(f"{name}_mask", mask)
        setattr(module, name, method.apply_mask(module))
        module.register_forward_pre_hook(method)
        return method

    def prune(self, t: Tensor, default_mask: Tensor | None = None, importance_scores: Tensor | None = None) -> Tensor:
        """`t` pruned, without a module."""
        default = autograd.ones_like(t) if default_mask is None else default_mask
        pruned: Tensor = t * self.compute_mask(t if importance_scores is None else importance_scores, default)
        return pruned

    def remove(self, module: Module) -> None:
        """Make the pruned values the parameter's own."""
        name = self._tensor_name
        weight = self.apply_mask(module).detach()
        original = module._parameters.pop(f"{name}_orig")
        assert original is not None
        original.data = weight
        del module._buffers[f"{name}_mask"]
        module.__dict__.pop(name, None)
        setattr(module, name, original)


class PruningContainer(BasePruningMethod):
    """Several methods, one after the other, each on what the ones before left."""

    def __init__(self, *args: BasePruningMethod) -> None:
        self._pruning_methods: tuple[BasePruningMethod, ...] = ()
        for method in args:
            self.add_pruning_method(method)

    def add_pruning_method(self, method: BasePruningMethod) -> None:
        """Put a method at the end; it must be for the same parameter."""
        if not isinstance(method, BasePruningMethod):
            raise TypeError(f"{type(method).__name__} is not a BasePruningMethod subclass")
        methods = method._pruning_methods if isinstance(method, PruningContainer) else (method,)
        for one in methods:
            if self._pruning_methods and one._tensor_name != self._tensor_name:
                raise ValueError(
                    f"PruningContainer: prunes {self._tensor_name!r}, the method added {one._tensor_name!r}"
                )
            self._tensor_name = one._tensor_name
            self._pruning_methods += (one,)

    def __len__(self) -> int:
        return len(self._pruning_methods)

    def __iter__(self) -> Any:
        return iter(self._pruning_methods)

    def __getitem__(self, index: int) -> BasePruningMethod:
        return self._pruning_methods[index]

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        method, mask = self._pruning_methods[-1], default_mask.numpy()
        if method.PRUNING_TYPE == "structured":  # of the slices that are not pruned whole
            dim = method.dim % t.ndim  # type: ignore[attr-defined]
            kept = mask.any(axis=tuple(d for d in range(t.ndim) if d != dim))
            place: Any = (slice(None),) * dim + (np.flatnonzero(kept),)
        elif method.PRUNING_TYPE in ("unstructured", "global"):
            place = np.nonzero(mask)
        else:
            raise ValueError(f"PruningContainer: unknown PRUNING_TYPE {method.PRUNING_TYPE!r}")
        part = wrap(np.ascontiguousarray(t.detach().numpy()[place]))
        out = mask.copy()
        out[place] *= method.compute_mask(part, wrap(np.ascontiguousarray(mask[place]))).numpy().astype(out.dtype)
        return wrap(out)


class Identity(BasePruningMethod):
    """Prunes nothing; the mask is all ones."""

    PRUNING_TYPE = "unstructured"

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        return default_mask


class RandomUnstructured(BasePruningMethod):
    """Elements chosen at random. amount: how many, or which part."""

    PRUNING_TYPE = "unstructured"

    def __init__(self, amount: Any) -> None:
        _amount(amount)
        self.amount = amount

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        mask = default_mask.numpy().copy()
        mask.reshape(-1)[autograd.randperm(t.numel()).numpy()[: _count(self.amount, t.numel())]] = 0
        return wrap(mask)


class L1Unstructured(RandomUnstructured):
    """The elements of the smallest magnitude. amount: how many, or which part."""

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        mask = default_mask.numpy().copy()
        order = np.argsort(np.abs(t.detach().numpy()).reshape(-1), kind="stable")
        mask.reshape(-1)[order[: _count(self.amount, t.numel())]] = 0
        return wrap(mask)


class RandomStructured(BasePruningMethod):
    """Slices along `dim` chosen at random. amount: how many, or which part."""

    PRUNING_TYPE = "structured"

    def __init__(self, amount: Any, dim: int = -1) -> None:
        _amount(amount)
        self.amount, self.dim = amount, dim

    def _order(self, t: Tensor, dim: int) -> Any:
        return autograd.randperm(t.shape[dim]).numpy()

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        dim = _dim(t, self.dim)
        mask = default_mask.numpy().copy()
        chosen = self._order(t, dim)[: _count(self.amount, t.shape[dim])]
        mask[(slice(None),) * dim + (chosen,)] = 0
        return wrap(mask)


class LnStructured(RandomStructured):
    """The slices along `dim` of the smallest norm of order n. amount: how many, or which part."""

    def __init__(self, amount: Any, n: Any, dim: int = -1) -> None:
        super().__init__(amount, dim)
        self.n = n

    def _order(self, t: Tensor, dim: int) -> Any:
        others = tuple(d for d in range(t.ndim) if d != dim)
        norms: Tensor = autograd.norm(t.detach(), p=self.n, dim=others)
        return np.argsort(norms.numpy(), kind="stable")


class CustomFromMask(BasePruningMethod):
    """A mask that is given."""

    PRUNING_TYPE = "global"

    def __init__(self, mask: Tensor) -> None:
        self.mask = mask

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        if self.mask.shape != default_mask.shape:
            raise AssertionError(
                f"custom_from_mask: the mask has shape {tuple(self.mask.shape)}, expected {tuple(default_mask.shape)}"
            )
        return default_mask * self.mask.to(default_mask.dtype)


def identity(module: Module, name: str) -> Module:
    """Make `module.name` a pruned parameter of which nothing is pruned yet."""
    Identity.apply(module, name)
    return module


def random_unstructured(module: Module, name: str, amount: Any) -> Module:
    """Prune elements of `module.name` at random. Returns the module."""
    RandomUnstructured.apply(module, name, amount)
    return module


def l1_unstructured(module: Module, name: str, amount: Any, importance_scores: Tensor | None = None) -> Module:
    """Prune the elements of `module.name` of the smallest magnitude. Returns the module."""
    L1Unstructured.apply(module, name, amount, importance_scores=importance_scores)
    return module


def random_structured(module: Module, name: str, amount: Any, dim: int) -> Module:
    """Prune slices of `module.name` along `dim` at random. Returns the module."""
    RandomStructured.apply(module, name, amount, dim)
    return module


def ln_structured(
    module: Module, name: str, amount: Any, n: Any, dim: int, importance_scores: Tensor | None = None
) -> Module:
    """Prune the slices of `module.name` along `dim` of the smallest norm of order n. Returns the module."""
    LnStructured.apply(module, name, amount, n, dim, importance_scores=importance_scores)
    return module


def custom_from_mask(module: Module, name: str, mask: Tensor) -> Module:
    """Prune `module.name` by a mask. Returns the module."""
    CustomFromMask.apply(module, name, mask)
    return module


def global_unstructured(
    parameters: Iterable[tuple[Module, str]],
    pruning_method: Any,
    importance_scores: dict[tuple[Module, str], Tensor] | None = None,
    **kwargs: Any,
) -> None:
    """Prune parameters, pairs (module, name), as if they were one long vector: some may lose more than others."""
    pairs, given = list(parameters), importance_scores or {}
    if not all(isinstance(pair, tuple) for pair in pairs):
        raise TypeError("global_unstructured: parameters must be tuples (module, name)")
    scores = [np.reshape(given.get(pair, getattr(*pair)).detach().numpy(), -1) for pair in pairs]
    masks = [
        np.reshape(getattr(m, f"{name}_mask", autograd.ones_like(getattr(m, name).detach())).numpy(), -1)
        for m, name in pairs
    ]
    container = PruningContainer()
    container._tensor_name = "temp"
    method = pruning_method(**kwargs)
    method._tensor_name = "temp"
    if method.PRUNING_TYPE != "unstructured":
        raise TypeError(
            f"global_unstructured: expected a method of PRUNING_TYPE 'unstructured', got {method.PRUNING_TYPE!r}"
        )
    container.add_pruning_method(method)
    mask = container.compute_mask(wrap(np.concatenate(scores)), wrap(np.concatenate(masks))).numpy()
    at = 0
    for m, name in pairs:
        param = getattr(m, name)
        custom_from_mask(m, name, wrap(mask[at : at + param.numel()].reshape(param.shape).copy()))
        at += param.numel()


def _method_of(module: Module, name: str) -> tuple[int, BasePruningMethod] | None:
    hooks: dict[int, tuple[Callable[..., Any], bool]] = {} if module._hooks is None else module._hooks.forward_pre
    for key, (hook, _) in hooks.items():
        if isinstance(hook, BasePruningMethod) and hook._tensor_name == name:
            return key, hook
    return None


def remove(module: Module, name: str) -> Module:
    """Make the zeros of a pruned parameter its own values, and the parameter a plain one again. Returns the module."""
    found = _method_of(module, name)
    if found is None:
        raise ValueError(f"Parameter {name!r} of module {module} has to be pruned before pruning can be removed")
    assert module._hooks is not None
    found[1].remove(module)
    del module._hooks.forward_pre[found[0]]
    return module


def is_pruned(module: Module) -> bool:
    """Whether a parameter here or below is pruned."""
    return any(
        isinstance(hook, BasePruningMethod)
        for part in module.modules()
        if part._hooks is not None
        for hook, _ in part._hooks.forward_pre.values()
    )
