"""The base of every optimizer: parameter groups, state, and the loop over the parameters."""

from __future__ import annotations

import functools
import math
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterable
from copy import deepcopy
from typing import Any

import numpy as np

from autograd import SparseRows, Tensor, enable_grad, no_grad
from autograd.dtypes import REAL_PART
from autograd.kernels.update import Held
from autograd.tensor import RemovableHandle, wrap

from .torch_names import (  # noqa: F401  optimizers written for torch import them from here
    ParamsT,
    _capturable_doc,
    _default_to_fused_or_foreach,
    _differentiable_doc,
    _disable_dynamo_if_unsupported,
    _foreach_doc,
    _fused_doc,
    _get_scalar_dtype,
    _get_value,
    _maximize_doc,
    _params_doc,
    _stack_if_compiling,
    _to_scalar,
    _use_grad_for_differentiable,
    _view_as_real,
)


class Required:
    def __repr__(self) -> str:
        return "<required parameter>"


required: Any = Required()


def check_range(optimizer: str, low: float = 0.0, high: float = math.inf, **values: float) -> None:
    """Raise, naming optimizer and argument, ValueError for NaN or a value outside [low, high), TypeError for no number."""
    for name, value in values.items():
        if value is None or isinstance(value, str):
            raise TypeError(f"{optimizer}: {name} must be a number in [{low:g}, {high:g}), got {value!r}")
        if not low <= float(value) < high:  # NaN fails this too
            raise ValueError(f"{optimizer}: {name} must be in [{low:g}, {high:g}), got {value}")


def plain(group: dict[str, Any]) -> dict[str, Any]:
    """The settings of a group with numbers in the places of 0-dim tensors, which a rate and the betas may be."""
    lr, betas = group.get("lr"), group.get("betas", ())
    if not isinstance(lr, Tensor) and not any(isinstance(beta, Tensor) for beta in betas):
        return group
    return {
        key: float(value) if isinstance(value, Tensor) else tuple(map(float, value)) if key == "betas" else value
        for key, value in group.items()
    }


def _with_hooks(step: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(step)
    def hooked(self: Any, *args: Any, **kwargs: Any) -> Any:
        for hook in list(self._pre_hooks.values()):
            changed = hook(self, args, kwargs)
            args, kwargs = (args, kwargs) if changed is None else changed
        out = step(self, *args, **kwargs)
        for hook in list(self._post_hooks.values()):
            hook(self, args, kwargs)
        return out

    return hooked


def _reals(x: np.ndarray) -> np.ndarray:
    """A complex array (...) as the real one (..., 2) on its memory: an optimizer moves both parts as numbers of their own."""
    return x if x.dtype.kind != "c" else x[..., None].view(REAL_PART[x.dtype])


class Optimizer:
    """Base class: keeps the parameters in groups with their own settings, and the state of each parameter.

    A subclass gives `_start(p, group)`, the arrays a parameter's state begins with, and `_update(p, g, state, group)`, the
    update rule on arrays; g is the gradient, negated when the group has `maximize`. Or `_update_all`, which gets the lists
    of all parameters of a group, with the gradients as they are. `foreach`, `fused`, `capturable` and
    `differentiable` of torch are accepted as keywords of the subclasses and have no effect: there is one implementation.

    params: an iterable of Tensors, of (name, Tensor) pairs, or of dicts with "params" and settings that override the defaults.

    >>> issubclass(optim.SGD, optim.Optimizer)
    True
    """

    _takes_complex = True  # as pairs of real numbers

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        own = cls.__dict__.get("step")
        if (
            own is not None
            and getattr(super(cls, cls), "step", None) is Optimizer.step
            and not cls.__dict__.get("_holds_arrays")
        ):
            cls.step = _with_hooks(own)  # type: ignore[method-assign]  # a user's, which knows nothing of them

    def __init__(self, params: Iterable[Any], defaults: dict[str, Any]) -> None:
        if isinstance(params, Tensor):
            raise TypeError(
                "params argument given to the optimizer should be an iterable of Tensors or dicts, but got one Tensor; "
                "put it in a list"
            )
        name = type(self).__name__
        if self._holds_arrays:
            check_range(name, lr=defaults.get("lr", 0.0))
        self.defaults = defaults
        self.param_groups: list[dict[str, Any]] = []
        self.state: defaultdict[Tensor, dict[str, Any]] = defaultdict(dict)
        self._held: defaultdict[int, Held] = defaultdict(Held)  # by id(group["params"])
        self._pre_hooks: OrderedDict[int, Callable[..., Any]] = OrderedDict()
        self._post_hooks: OrderedDict[int, Callable[..., Any]] = OrderedDict()
        # around state_dict and load_state_dict: before and after each
        self._state_hooks: dict[str, OrderedDict[int, Callable[..., Any]]] = defaultdict(OrderedDict)
        groups = list(params)
        if not groups:
            raise ValueError(f"{name}: optimizer got an empty parameter list")
        if not isinstance(groups[0], dict):
            groups = [{"params": groups}]
        for group in groups:
            self.add_param_group(group)

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add a group: a dict with "params" and any settings that differ from the defaults."""
        name = type(self).__name__
        if not isinstance(param_group, dict):
            raise TypeError(f"{name}: param_group must be a dict, got {type(param_group).__name__}")
        group = dict(param_group)
        params = group["params"]
        if isinstance(params, Tensor):
            params = [params]
        elif isinstance(params, set):
            raise TypeError(
                f"{name}: parameters must be in an ordered collection; the order of a set changes between runs"
            )
        params = list(params)
        if params and isinstance(params[0], tuple):
            if not all(isinstance(pair, tuple) and len(pair) == 2 for pair in params):
                raise ValueError(
                    f"{name}: parameters must be given all with names or all without; some names are missing"
                )
            group["param_names"] = [pair[0] for pair in params]
            params = [pair[1] for pair in params]
        for p in params:
            if not isinstance(p, Tensor):
                raise TypeError(f"{name}: can only optimize Tensors, got {type(p).__name__}")
            if p.is_complex() and not self._takes_complex:
                raise TypeError(f"{name}: does not support complex parameters, got {p.dtype}; use view_as_real")
            if not p.is_leaf:
                raise ValueError(f"{name}: can't optimize a non-leaf Tensor of shape {tuple(p.shape)}")
        group["params"] = params
        if self.param_groups and ("param_names" in group) != ("param_names" in self.param_groups[0]):
            raise ValueError(
                f"{name}: parameter groups must be given all with names of their parameters or all without"
            )
        for key, default in self.defaults.items():
            if default is required and key not in group:
                raise ValueError(f"{name}: parameter group didn't specify a value of required parameter {key}")
            group.setdefault(key, default)
        if self._holds_arrays:
            check_range(name, lr=group.get("lr", 0.0))
        held = {id(p) for g in self.param_groups for p in g["params"]}
        if len({id(p) for p in params}) != len(params) or any(id(p) in held for p in params):
            raise ValueError(f"{name}: some parameters appear in more than one parameter group")
        self.param_groups.append(group)

    # ------------------------------------------------------------------------------------------------- the step

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update every parameter that has a gradient. closure: evaluates the model anew and returns the loss."""
        for hook in list(self._pre_hooks.values()):
            hook(self, (closure,), {})
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        with no_grad():
            for group in self.param_groups:
                if not 0.0 <= float(group.get("lr", 0.0)) < math.inf:
                    check_range(type(self).__name__, lr=float(group["lr"]))
                self._step_group(group)
        for hook in list(self._post_hooks.values()):
            hook(self, (closure,), {})
        return loss

    def _step_group(self, group: dict[str, Any]) -> None:
        name, held, settings = type(self).__name__, self.state, plain(group)
        dense, params, grads, states = [], [], [], []
        for p in group["params"]:
            g = None if p._box is None else p._box.grad
            if g is None:
                continue
            if isinstance(g, SparseRows):
                self._update_sparse(p, g, self._state_of(p, settings), settings)
                p._cell.written(name)
            else:
                dense.append(p)
                params.append(_reals(p._data))
                grads.append(_reals(g._data))
                states.append(held.get(p) or self._state_of(p, settings))
        if dense:
            self._update_all(params, grads, states, settings)
            for p in dense:
                p._cell.written(name)

    def _state_of(self, p: Tensor, group: dict[str, Any]) -> dict[str, Any]:
        state = self.state[p]
        if not state:
            state.update(self._start(wrap(_reals(p._data)) if p.is_complex() else p, group))
        return state

    def _start(self, p: Tensor, group: dict[str, Any]) -> dict[str, Any]:
        return {}

    def _update_all(
        self, params: list[np.ndarray], grads: list[np.ndarray], states: list[dict[str, Any]], group: dict[str, Any]
    ) -> None:
        for p, g, state in zip(params, grads, states, strict=True):
            self._update(p, -g if group.get("maximize") else g, state, group)

    def _update(self, p: np.ndarray, g: np.ndarray, state: dict[str, Any], group: dict[str, Any]) -> None:
        raise NotImplementedError(f"{type(self).__name__}: _update(p, g, state, group) is the update rule; define it")

    def _update_sparse(self, p: Tensor, g: SparseRows, state: dict[str, Any], group: dict[str, Any]) -> None:
        raise RuntimeError(f"{type(self).__name__}: does not support sparse gradients; use SGD, SparseAdam or Adagrad")

    def _equal_steps(self, states: list[dict[str, Any]], *lists: list[Any]) -> Iterable[tuple[Any, ...]]:
        """(states, *lists) of the parameters that stand at one step, for each such step: all of them, unless some had no
        gradient in earlier ones. Equal are all numbers of the states."""
        kinds = [tuple([v for v in state.values() if not isinstance(v, np.ndarray)]) for state in states]
        together = dict.fromkeys(kinds)
        if len(together) == 1:
            return [(states, *lists)]
        return [
            tuple([values[k] for k, kind in enumerate(kinds) if kind == chosen] for values in (states, *lists))
            for chosen in together
        ]

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients of all parameters, or fill them with zeros."""
        for group in self.param_groups:
            for p in group["params"]:
                box = p._box
                if box is None or box.grad is None:
                    continue
                if set_to_none:
                    box.grad = None
                else:
                    box.grad = wrap(np.zeros_like(p._data))

    # ------------------------------------------------------------------------------------------------- the state

    def state_dict(self) -> dict[str, Any]:
        """State and settings by the number of each parameter, in torch's form: {"state": {0: {...}}, "param_groups": [...]}."""
        for hook in list(self._state_hooks["before state"].values()):
            hook(self)
        numbers = {id(p): i for i, p in enumerate(self._params())}
        groups = [
            {**{k: v for k, v in group.items() if k != "params"}, "params": [numbers[id(p)] for p in group["params"]]}
            for group in self.param_groups
        ]
        out: dict[str, Any] = {
            "state": {numbers[id(p)]: dict(s) for p, s in self.state.items() if id(p) in numbers},
            "param_groups": groups,
        }
        for hook in list(self._state_hooks["after state"].values()):
            changed = hook(self, out)
            out = out if changed is None else changed
        return out

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over state and settings of `state_dict`. Raises ValueError, changing nothing, where the groups do not fit."""
        name = type(self).__name__
        for hook in list(self._state_hooks["before load"].values()):
            changed = hook(self, state_dict)
            state_dict = state_dict if changed is None else changed
        groups = state_dict["param_groups"]
        lengths, saved = [len(g["params"]) for g in self.param_groups], [len(g["params"]) for g in groups]
        if lengths != saved:
            raise ValueError(
                f"{name}: loaded state dict has parameter groups of sizes {saved}, this optimizer {lengths}"
            )
        mine = [p for p in self._params()]
        numbers = [number for group in groups for number in group["params"]]
        fresh: defaultdict[Tensor, dict[str, Any]] = defaultdict(dict)
        for p, number in zip(mine, numbers, strict=True):
            held = state_dict["state"].get(number)
            if held is None:
                continue
            if self._holds_arrays:
                self._check_state(number, held, p)
            like = _like if self._holds_arrays else _like_tensor
            fresh[p] = {key: like(key, value, p) for key, value in held.items()}
        self.state = fresh
        for group, loaded in zip(self.param_groups, groups, strict=True):
            group.update({k: _setting(v) for k, v in loaded.items() if k != "params"})
        for hook in list(self._state_hooks["after load"].values()):
            hook(self)

    def _check_state(self, number: int, held: dict[str, Any], p: Tensor) -> None:
        """Raise ValueError unless the arrays of a loaded state fit the parameter, or are means over some of its dimensions."""
        for key, value in held.items():
            shape = tuple(getattr(value, "shape", ()))
            wanted = (*p.shape, 2) if p.is_complex() else tuple(p.shape)
            if shape and not (
                len(shape) == len(wanted) and all(a in (1, b) for a, b in zip(shape, wanted, strict=True))
            ):
                raise ValueError(
                    f"{type(self).__name__}: state {key!r} of parameter {number} has shape {shape}, expected {wanted}"
                )

    def _params(self) -> list[Tensor]:
        return [p for group in self.param_groups for p in group["params"]]

    @property
    def _holds_arrays(self) -> bool:
        """Whether the state is the library's arrays and numbers; a subclass that only has a `step` holds what it likes."""
        mine = type(self)
        return mine._update is not Optimizer._update or mine._update_all is not Optimizer._update_all

    def register_step_pre_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call `hook(optimizer, args, kwargs)` before each step."""
        return self._register(self._pre_hooks, hook)

    def register_step_post_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call `hook(optimizer, args, kwargs)` after each step."""
        return self._register(self._post_hooks, hook)

    def register_state_dict_pre_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Call `hook(optimizer)` before `state_dict` reads."""
        return self._register(self._state_hooks["before state"], hook, prepend)

    def register_state_dict_post_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Call `hook(optimizer, state_dict)` after `state_dict`; what it returns, if not None, takes its place."""
        return self._register(self._state_hooks["after state"], hook, prepend)

    def register_load_state_dict_pre_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Call `hook(optimizer, state_dict)` before loading; what it returns, if not None, is loaded in its place."""
        return self._register(self._state_hooks["before load"], hook, prepend)

    def register_load_state_dict_post_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Call `hook(optimizer)` after loading."""
        return self._register(self._state_hooks["after load"], hook, prepend)

    @staticmethod
    def _register(
        hooks: OrderedDict[int, Callable[..., Any]], hook: Callable[..., Any], prepend: bool = False
    ) -> RemovableHandle:
        handle = RemovableHandle(hooks)
        hooks[handle.id] = hook
        if prepend:
            hooks.move_to_end(handle.id, last=False)
        return handle

    def __repr__(self) -> str:
        lines = [f"{type(self).__name__} ("]
        for i, group in enumerate(self.param_groups):
            lines.append(f"Parameter Group {i}")
            lines += [f"    {key}: {group[key]}" for key in sorted(group) if key != "params"]
        return "\n".join([*lines, ")"])


# state that torch keeps as 0-dim tensors, and here is plain numbers
_NUMBERS = {"step", "eta", "mu", "mu_product", "ro", "t", "H_diag", "prev_loss"}


def _like(key: str, value: Any, p: Tensor) -> Any:
    """A loaded state value: numbers, and arrays (or lists of them) of the parameter's dtype."""
    if isinstance(value, list):
        return [_like(key, part, p) for part in value]
    if hasattr(value, "detach"):
        value = value.detach().numpy()
    if key in _NUMBERS:
        number = float(value)
        return int(number) if key == "step" else number
    if isinstance(value, np.ndarray):
        return (
            np.array(value, REAL_PART.get(p.dtype.dtype, p.dtype.dtype)) if value.ndim or p.ndim == 0 else value.item()
        )
    return deepcopy(value)


def _like_tensor(key: str, value: Any, p: Tensor) -> Any:
    """A loaded value of a user's optimizer: its kind stays; tensors take the parameter's dtype, as in torch."""
    if isinstance(value, Tensor) and key != "step" and p.is_floating_point():
        return value.detach().to(p.dtype).clone()
    return deepcopy(value)


def _setting(value: Any) -> Any:
    """A loaded setting: another library's tensor as a number."""
    if isinstance(value, tuple):
        return tuple(map(_setting, value))
    return value.item() if hasattr(value, "detach") and not isinstance(value, Tensor) else deepcopy(value)
