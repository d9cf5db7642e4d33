"""Module: the base class of everything that owns parameters."""

from __future__ import annotations

import reprlib
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple, TypeVar

import numpy as np

from autograd import Tensor, dtypes, no_grad
from autograd.errors import DeviceError, ShapeError
from autograd.inplace import rebase
from autograd.tensor import RemovableHandle, Size, on_cpu, wrap

from . import hooks as _hooks
from .hooks import EVERYWHERE, Gates, Hook, HookDicts, Hooks, with_those_everywhere
from .parameter import Buffer, Parameter, UninitializedTensorMixin, is_lazy

M = TypeVar("M", bound="Module")


# torch's hooks on every module, which stand here for `nn.modules.module`
register_module_forward_hook = _hooks.register_module_forward_hook
register_module_forward_pre_hook = _hooks.register_module_forward_pre_hook
register_module_full_backward_hook = _hooks.register_module_full_backward_hook
register_module_full_backward_pre_hook = _hooks.register_module_full_backward_pre_hook


class IncompatibleKeys(NamedTuple):
    """What `load_state_dict(strict=False)` passed over."""

    missing_keys: list[str]
    unexpected_keys: list[str]

    def __repr__(self) -> str:
        if not self.missing_keys and not self.unexpected_keys:
            return "<All keys matched successfully>"
        return f"_IncompatibleKeys(missing_keys={self.missing_keys}, unexpected_keys={self.unexpected_keys})"


class _Changed(OrderedDict):
    """The state dict that loading hooks may change."""


class Module(HookDicts):
    """Base class of all layers and models: assign Parameters, buffers and Modules as attributes and write `forward`.

    Names, rules and results are torch.nn.Module's, with one deliberate difference: Modules and Parameters inside plain
    lists, tuples and dicts that are attributes (nested ones too, and what is appended later) are found, under the names
    that a ModuleList, ParameterList or ModuleDict would give them: `layers.0.weight`. They come after those that are
    attributes themselves. torch loses them silently.

    >>> class Twice(nn.Module):
    ...     def forward(self, x):
    ...         return 2 * x
    >>> Twice()(autograd.ones(1))
    tensor([2.])
    """

    _version: int = 1
    training: bool
    _parameters: dict[str, Parameter | None]
    _buffers: dict[str, Tensor | None]
    _modules: dict[str, Module | None]
    _non_persistent: set[str]
    _hooks: Hooks | None = None

    def __init__(self) -> None:
        self.__dict__.update(training=True, _parameters={}, _buffers={}, _modules={}, _non_persistent=set())

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the module computes; every subclass writes its own."""
        raise NotImplementedError(f'Module [{type(self).__name__}] is missing the required "forward" function')

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        try:
            if self._hooks is None and not EVERYWHERE:
                return self.forward(*args, **kwargs)
            return self._call_hooked(with_those_everywhere(self._hooks), args, kwargs)
        except Exception as error:
            _note_where(error, self)
            raise

    # ------------------------------------------------------------------------------------------- attributes

    def __getattr__(self, name: str) -> Any:
        own = self.__dict__
        if "_parameters" not in own:
            raise AttributeError(_not_initialised(self, f"read {name!r}"))
        if name in own["_parameters"]:  # the most frequent case
            return own["_parameters"][name]
        for held in (own["_buffers"], own["_modules"]):
            if name in held:
                return held[name]
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def __setattr__(self, name: str, value: Any) -> None:
        own = self.__dict__
        if isinstance(value, Parameter):
            self._release(name, "_parameters")
            self.register_parameter(name, value)
        elif isinstance(value, Module):
            self._release(name, "_modules")
            self.register_module(name, value)
        elif isinstance(value, Buffer):
            self._release(name, "_buffers")
            self.register_buffer(name, value, value.persistent)
        elif "_parameters" not in own:
            object.__setattr__(self, name, value)
        elif name in own["_parameters"]:
            if value is not None:
                raise TypeError(
                    f"cannot assign {type(value).__name__!r} as parameter {name!r} (nn.Parameter or None expected)"
                )
            own["_parameters"][name] = None
        elif name in own["_modules"]:
            if value is not None:
                raise TypeError(
                    f"cannot assign {type(value).__name__!r} as child module {name!r} (nn.Module or None expected)"
                )
            own["_modules"][name] = None
        elif name in own["_buffers"]:
            if value is not None and not isinstance(value, Tensor):
                raise TypeError(f"cannot assign {type(value).__name__!r} as buffer {name!r} (Tensor or None expected)")
            own["_buffers"][name] = value
        else:
            object.__setattr__(self, name, value)

    def __delattr__(self, name: str) -> None:
        for held in (self._parameters, self._buffers, self._modules):
            if name in held:
                del held[name]
                self._non_persistent.discard(name)
                return
        object.__delattr__(self, name)

    def __dir__(self) -> list[str]:
        return sorted({*object.__dir__(self), *self._parameters, *self._buffers, *self._modules})

    def _release(self, name: str, held: str) -> None:
        """Take a name from whatever had it: an assignment replaces, `register_...` does not."""
        own = self.__dict__
        if "_parameters" in own:
            own.pop(name, None)
            for other in {"_parameters", "_buffers", "_modules"} - {held}:
                own[other].pop(name, None)
            self._non_persistent.discard(name)

    def _claim(self, kind: str, name: Any, held: str) -> None:
        """Check the name of a new parameter, buffer or module."""
        own = self.__dict__
        if "_parameters" not in own:
            raise AttributeError(_not_initialised(self, f"assign {kind} {name!r}"))
        if not isinstance(name, str):
            raise TypeError(f"{kind} name should be a string, got {type(name).__name__}")
        if not name or "." in name:
            raise KeyError(f'{kind} name can\'t be empty or contain ".", got {name!r}')
        if hasattr(self, name) and name not in own[held]:
            raise KeyError(f"attribute {name!r} already exists")

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """Add a parameter under `name`; None reserves the name."""
        if param is not None and not isinstance(param, Parameter):
            raise TypeError(
                f"cannot assign {type(param).__name__!r} object to parameter {name!r} (nn.Parameter or None required)"
            )
        if param is not None and not param.is_leaf:
            raise ValueError(
                f"cannot assign non-leaf Tensor to parameter {name!r}; make it anew with Parameter(x.detach())"
            )
        self._claim("parameter", name, "_parameters")
        self._parameters[name] = param

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """Add state that is not learned; `persistent`: whether it is part of the state_dict."""
        if tensor is not None and not isinstance(tensor, Tensor):
            raise TypeError(
                f"cannot assign {type(tensor).__name__!r} object to buffer {name!r} (Tensor or None required)"
            )
        self._claim("buffer", name, "_buffers")
        self._buffers[name] = tensor
        (self._non_persistent.discard if persistent else self._non_persistent.add)(name)

    def register_module(self, name: str, module: Module | None) -> None:
        """Add a child module under `name`."""
        if module is not None and not isinstance(module, Module):
            raise TypeError(f"{type(module).__name__} is not a Module subclass")
        self._claim("module", name, "_modules")
        self._modules[name] = module

    add_module = register_module

    # ------------------------------------------------------------------------------------------- finding

    def _own(self, kind: type[Any], held: str) -> list[tuple[str, Any]]:
        """The members of a kind that are this module's own: attributes first, then those in its lists and dicts."""
        own = self.__dict__
        if held not in own:
            raise AttributeError(_not_initialised(self, "use the module"))
        members = [item for item in own[held].items() if item[1] is not None]
        for name, value in own.items():
            if isinstance(value, _CONTAINERS) and value and name not in _INTERNAL:
                _inside(name, value, kind, (), members)
        return members

    def _own_parameters(self) -> list[tuple[str, Parameter]]:
        return self._own(Parameter, "_parameters")

    def _own_buffers(self) -> list[tuple[str, Tensor]]:
        return self._own(Buffer, "_buffers")

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """Names and modules directly below this one, each module once."""
        seen = set()
        for name, module in self._own(Module, "_modules"):
            if id(module) not in seen:
                seen.add(id(module))
                yield name, module

    def children(self) -> Iterator[Module]:
        """The modules directly below this one."""
        return (module for _, module in self.named_children())

    def named_modules(
        self, memo: set[Any] | None = None, prefix: str = "", remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Module]]:
        """Dotted names and modules of the whole tree, this one first; a shared module once, unless told otherwise."""
        if remove_duplicate:
            memo = set() if memo is None else memo
            waiting = [(prefix, self)]
            while waiting:
                name, module = waiting.pop()
                if module not in memo:
                    memo.add(module)
                    yield name, module
                    below = module._own(Module, "_modules")
                    waiting += [(f"{name}.{key}" if name else key, child) for key, child in reversed(below)]
            return
        stack: list[tuple[str, Module, tuple[Module, ...]]] = [(prefix, self, ())]
        while stack:
            name, module, above = stack.pop()
            if module not in above:  # a module may hold its parent in a list: there the walk ends
                yield name, module
                below = module._own(Module, "_modules")
                above = (*above, module)
                stack += [(f"{name}.{key}" if name else key, child, above) for key, child in reversed(below)]

    def modules(self) -> Iterator[Module]:
        """Every module of the tree once, this one first."""
        seen, waiting = set(), [self]
        while waiting:
            module = waiting.pop()
            if module not in seen:
                seen.add(module)
                yield module
                waiting += [child for _, child in reversed(module._own(Module, "_modules"))]

    def _members(self, own: str, prefix: str, recurse: bool, remove_duplicate: bool) -> Iterator[tuple[str, Any]]:
        seen = set()
        tree = self.named_modules(prefix=prefix, remove_duplicate=remove_duplicate) if recurse else [(prefix, self)]
        for path, module in tree:
            for name, member in getattr(module, own)():
                if remove_duplicate:
                    if id(member) in seen:
                        continue
                    seen.add(id(member))
                yield (f"{path}.{name}" if path else name), member

    def named_parameters(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Parameter]]:
        """Dotted names and parameters; a shared parameter once, under its first name."""
        return self._members("_own_parameters", prefix, recurse, remove_duplicate)

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """Every parameter once."""
        seen = set()
        for module in self.modules() if recurse else (self,):
            for _, param in module._own_parameters():
                if id(param) not in seen:
                    seen.add(id(param))
                    yield param

    def named_buffers(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Tensor]]:
        """Dotted names and buffers, persistent or not."""
        return self._members("_own_buffers", prefix, recurse, remove_duplicate)

    def buffers(self, recurse: bool = True) -> Iterator[Tensor]:
        """Every buffer once."""
        return (buffer for _, buffer in self.named_buffers(recurse=recurse))

    def get_submodule(self, target: str) -> Module:
        """The module of that dotted name; "" is this one. Raises AttributeError where there is none."""
        found: Any = self
        for i, atom in enumerate(target.split(".") if target else ()):
            found = _step(found, atom)
            if found is None:
                path = ".".join(target.split(".")[: i + 1])
                raise AttributeError(f"{type(self).__name__} has no submodule {path!r} (asked for {target!r})")
        if not isinstance(found, Module):
            raise AttributeError(f"{target!r} of {type(self).__name__} is a {type(found).__name__}, not a Module")
        return found

    def get_parameter(self, target: str) -> Parameter:
        """The parameter of that dotted name. Raises AttributeError where there is none."""
        return self._get_tensor(target, Parameter, "parameter")

    def get_buffer(self, target: str) -> Tensor:
        """The buffer of that dotted name. Raises AttributeError where there is none."""
        path, _, name = target.rpartition(".")
        if name not in self.get_submodule(path)._buffers:
            raise AttributeError(f"{type(self).__name__} has no buffer {target!r}")
        return self._get_tensor(target, Tensor, "buffer")

    def _get_tensor(self, target: str, kind: type[Any], what: str) -> Any:
        found: Any = self
        for atom in target.split("."):
            found = _step(found, atom)
        if not isinstance(found, kind):
            raise AttributeError(f"{type(self).__name__} has no {what} {target!r}")
        return found

    def set_submodule(self, target: str, module: Module) -> None:
        """Replace the module of that dotted name, or add it to its parent."""
        if not isinstance(module, Module):
            raise ValueError(f"set_submodule: {module!r} is not an nn.Module")
        if not target:
            raise ValueError("set_submodule: the target name is empty")
        path, _, name = target.rpartition(".")
        setattr(self.get_submodule(path), name, module)

    # ------------------------------------------------------------------------------------------- changing all at once

    def apply(self: M, fn: Callable[[Module], None]) -> M:
        """Call `fn` on every module of the tree once, children before parents."""
        for module in reversed(list(self._parents_last())):
            fn(module)
        return self

    def _parents_last(self) -> Iterator[Module]:
        """The tree in post-order, backwards: with an explicit stack, for a list may hold a parent."""
        seen, stack = set(), [self]
        while stack:
            module = stack.pop()
            if module not in seen:
                seen.add(module)
                yield module
                stack.extend(module.children())

    def train(self: M, mode: bool = True) -> M:
        """Set `training` here and below: dropout drops, batch norm uses the batch's statistics."""
        if not isinstance(mode, bool):
            raise ValueError(f"train: mode is expected to be boolean, got {mode!r}")
        if not any(module is self for module in _in_train):
            _in_train.append(self)
            try:
                self.training = mode
                for child in self.children():
                    child.train(mode)
            finally:
                _in_train.pop()
        return self

    def eval(self: M) -> M:
        """`train(False)`."""
        return self.train(False)

    def requires_grad_(self: M, requires_grad: bool = True) -> M:
        """Ask, or stop asking, for the gradients of all parameters."""
        for param in self.parameters():
            param.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Drop every parameter's gradient, or fill it with zeros."""
        for param in self.parameters():
            if set_to_none or param.grad is None:
                param.grad = None
            else:
                param.grad = wrap(np.zeros(param.shape, param.dtype))

    def _apply(self: M, fn: Callable[[Tensor], Tensor]) -> M:
        """Replace the values of all parameters, their gradients, and the buffers by `fn` of them."""
        seen: set[int] = set()
        with no_grad():
            for module in self.modules():
                for _, param in module._own_parameters():
                    if id(param) in seen:
                        continue
                    seen.add(id(param))
                    grad = param.grad
                    param.grad = None
                    param.data = fn(param.data)
                    if grad is not None:
                        param.grad = fn(grad)
                for name, buffer in list(module._own_buffers()):
                    if name in module._buffers:
                        module._buffers[name] = fn(buffer)
                    else:
                        buffer.data = fn(buffer)
        return self

    def to(self: M, *args: Any, **kwargs: Any) -> M:
        """Convert floating-point parameters and buffers: `to(dtype)`, `to(tensor)`, `to(device)` (only "cpu")."""
        dtype = kwargs.pop("dtype", None)
        targets = [*args, kwargs.pop("device", None), kwargs.pop("tensor", None)]
        for unused in ("non_blocking", "copy", "memory_format"):
            kwargs.pop(unused, None)
        if kwargs:
            raise TypeError(f"to() has no argument {', '.join(map(repr, kwargs))}")
        for target in targets:
            if isinstance(target, Tensor):
                dtype = target.dtype
            elif isinstance(target, str):
                on_cpu(target)
            elif target is not None and not isinstance(target, bool):
                dtype = target
        if dtype is None:
            return self
        wanted = dtypes.as_dtype(dtype)
        if wanted.kind not in "fc":
            raise TypeError(f"to: nn.Module.to only accepts floating point or complex dtypes, got {wanted}")
        return self._apply(lambda t: t.to(wanted) if t.is_floating_point() or t.is_complex() else t)

    def float(self: M) -> M:
        """Floating-point parameters and buffers to float32; complex ones stay."""
        return self._apply(lambda t: t.float() if t.is_floating_point() else t)

    def double(self: M) -> M:
        """Floating-point parameters and buffers to float64; complex ones stay."""
        return self._apply(lambda t: t.double() if t.is_floating_point() else t)

    def to_empty(self: M, *, device: Any = None, recurse: bool = True) -> M:
        """Parameters and buffers in memory of their own with any values."""
        on_cpu(device)
        return self._apply(lambda t: wrap(np.empty(t.shape, t.dtype)))

    def half(self: M) -> M:
        """Raises TypeError: the floating-point dtypes are float32 and float64."""
        raise TypeError("half: there is no float16 here; the floating-point dtypes are float32 and float64")

    def bfloat16(self: M) -> M:
        """Raises TypeError: the floating-point dtypes are float32 and float64."""
        raise TypeError("bfloat16: there is no such dtype here; the floating-point dtypes are float32 and float64")

    def type(self: M, dst_type: Any) -> M:
        """All parameters and buffers to a dtype."""
        return self._apply(lambda t: t.to(dst_type))

    def cuda(self: M, *args: Any, **kwargs: Any) -> M:
        """Raises RuntimeError: there is no GPU here."""
        raise DeviceError("cuda: this library computes on 'cpu' only; remove the call, or use .to(device) with 'cpu'")

    def cpu(self: M) -> M:
        """This module: it is there already."""
        return self

    def share_memory(self: M) -> M:
        return self

    def compile(self, *args: Any, **kwargs: Any) -> None:
        """Nothing: the kernels are compiled already."""

    # ------------------------------------------------------------------------------------------- state

    def get_extra_state(self) -> Any:
        """What beyond parameters and buffers belongs into the state_dict; None: nothing."""
        return None

    def set_extra_state(self, state: Any) -> None:
        """Take back what `get_extra_state` gave."""
        raise RuntimeError(f"{type(self).__name__} gives an extra state but has no set_extra_state to take it back")

    def _own_state(self) -> Iterator[tuple[str, Tensor]]:
        yield from self._own_parameters()
        yield from ((name, b) for name, b in self._own_buffers() if name not in self._non_persistent)

    def state_dict(
        self, *, destination: dict[str, Any] | None = None, prefix: str = "", keep_vars: bool = False
    ) -> dict[str, Any]:
        """Dotted names and tensors of all parameters and persistent buffers, in the memory of the module.

        prefix: put before every name. keep_vars: give the parameters themselves, not detached.
        """
        out: Any = destination
        if out is None:
            out = OrderedDict()
            out._metadata = OrderedDict()  # as torch's: the version of each module
        versions = getattr(out, "_metadata", {})
        after = []
        for path, module in self.named_modules(remove_duplicate=False):
            dot = f"{prefix}{path}." if path else prefix
            versions[dot[:-1]] = {"version": module._version}
            if module._hooks is not None:
                for hook in list(module._hooks.state_pre.values()):
                    hook(module, dot, keep_vars)
                after += [(hook, module, dot) for hook in reversed(module._hooks.state.values())]
            for name, tensor in module._own_state():
                out[dot + name] = tensor if keep_vars else tensor.detach()
            extra = module.get_extra_state()
            if extra is not None:
                out[f"{dot}_extra_state"] = extra
        for hook, module, dot in reversed(after):  # what is inside comes first
            changed = hook(module, out, dot, versions.get(dot[:-1], {}))
            out = out if changed is None else changed
        return out

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> IncompatibleKeys:
        """Copy values into the parameters and buffers of the same names; nothing is written unless everything fits.

        state_dict: Tensors, numpy arrays, or tensors of another library that have `detach().numpy()`. strict: missing
        and unexpected names are errors. assign: take over the given memory and dtype in place of copying. Returns
        (missing_keys, unexpected_keys). Raises RuntimeError (where shapes differ, a ValueError too) that lists
        everything that does not fit.
        """
        if not isinstance(state_dict, Mapping):
            raise TypeError(f"load_state_dict: expected state_dict to be dict-like, got {type(state_dict).__name__}")
        slots: dict[str, Tensor] = {}
        extras: dict[str, Module] = {}
        missing: list[str] = []
        unexpected: list[str] = []
        misfits: list[str] = []
        after = []
        versions = getattr(state_dict, "_metadata", {})
        for path, module in self.named_modules(remove_duplicate=False):
            dot = f"{path}." if path else ""
            own = type(module)._load_from_state_dict is not Module._load_from_state_dict
            if own or module._hooks is not None:
                if not isinstance(state_dict, _Changed):
                    state_dict = _Changed(state_dict)  # hooks may change it, but not the caller's
                metadata = versions.get(path, {})
                module._load_from_state_dict(state_dict, dot, metadata, strict, missing, unexpected, misfits)
            if module._hooks is not None:
                after += [(hook, module) for hook in reversed(module._hooks.load.values())]
            slots.update((dot + name, tensor) for name, tensor in module._own_state())
            if module.get_extra_state() is not None:
                extras[f"{dot}_extra_state"] = module
        missing += [name for name in (*slots, *extras) if name not in state_dict]
        unexpected += [name for name in state_dict if name not in slots and name not in extras]
        values = {}
        for name, tensor in slots.items():
            if name in state_dict:
                if isinstance(tensor, UninitializedTensorMixin):
                    if is_lazy(state_dict[name]):
                        continue
                    tensor.materialize(tuple(state_dict[name].shape))
                value, problem = _fitting(name, tensor, state_dict[name])
                values[name] = value
                misfits += [problem] if problem else []
        complaints = list(misfits)
        if strict and unexpected:
            complaints.insert(0, f"Unexpected key(s) in state_dict: {_quoted(unexpected)}. ")
        if strict and missing:
            complaints.insert(0, f"Missing key(s) in state_dict: {_quoted(missing)}. ")
        if complaints:
            text = "".join(f"\n\t{line}" for line in complaints)
            kind = ShapeError if misfits else RuntimeError
            raise kind(f"Error(s) in loading state_dict for {type(self).__name__}:{text}")
        with no_grad():
            for name, array in values.items():
                if assign:
                    slots[name].data = wrap(array)
                else:
                    write(slots[name], array, "load_state_dict")
        for name, module in extras.items():
            if name in state_dict:
                module.set_extra_state(state_dict[name])
        keys = IncompatibleKeys(missing, unexpected)
        for hook, module in reversed(after):
            if hook(module, keys) is not None:
                raise RuntimeError("a load_state_dict post hook may change the keys it is given, but return nothing")
        return keys

    def _load_from_state_dict(
        self, state_dict: Any, prefix: str, local_metadata: dict[str, Any], strict: bool, *lists: list[str]
    ) -> None:
        """What comes before this module's own values are read: a layer that overrides it may change the dict, as in torch.

        lists: missing_keys, unexpected_keys, error_msgs.
        """
        if self._hooks is not None:
            for hook in list(self._hooks.load_pre.values()):
                hook(self, state_dict, prefix, local_metadata, strict, *lists)

    # ------------------------------------------------------------------------------------------- hooks

    def register_state_dict_pre_hook(self, hook: Hook) -> RemovableHandle:
        """Call `hook(module, prefix, keep_vars)` before `state_dict` reads this module."""
        return Hooks.add(self._own_hooks().state_pre, hook)

    def register_state_dict_post_hook(self, hook: Hook) -> RemovableHandle:
        """Call `hook(module, state_dict, prefix, {})` after `state_dict` has read all; it may change the dict."""
        return Hooks.add(self._own_hooks().state, hook)

    _register_state_dict_hook = register_state_dict_post_hook

    def _register_load_state_dict_pre_hook(self, hook: Hook, with_module: bool = False) -> RemovableHandle:
        """torch's older form, without the module among the arguments unless it is asked for."""
        return self.register_load_state_dict_pre_hook(hook if with_module else lambda module, *args: hook(*args))

    def register_load_state_dict_pre_hook(self, hook: Hook) -> RemovableHandle:
        """Call `hook(module, state_dict, prefix, {}, strict, missing_keys, unexpected_keys, error_msgs)` before loading.

        It may change the dict, a copy of what was given, for instance to rename keys.
        """
        return Hooks.add(self._own_hooks().load_pre, hook)

    def register_load_state_dict_post_hook(self, hook: Hook) -> RemovableHandle:
        """Call `hook(module, incompatible_keys)` after loading; it may change the two lists."""
        return Hooks.add(self._own_hooks().load, hook)

    def register_backward_hook(self, hook: Hook) -> RemovableHandle:
        """`register_full_backward_hook`."""
        return self.register_full_backward_hook(hook)

    def _own_hooks(self) -> Hooks:
        if self._hooks is None:
            self._hooks = Hooks()
        return self._hooks

    def register_forward_pre_hook(
        self, hook: Hook, *, prepend: bool = False, with_kwargs: bool = False
    ) -> RemovableHandle:
        """Call `hook(module, args)` before forward; what it returns, if not None, takes the place of args.

        with_kwargs: call `hook(module, args, kwargs)`, which returns None or (args, kwargs).
        """
        return Hooks.add(self._own_hooks().forward_pre, (hook, with_kwargs), prepend)

    def register_forward_hook(
        self, hook: Hook, *, prepend: bool = False, with_kwargs: bool = False, always_call: bool = False
    ) -> RemovableHandle:
        """Call `hook(module, args, output)` after forward; what it returns, if not None, takes the place of output.

        with_kwargs: call `hook(module, args, kwargs, output)`. always_call: also when forward raised, with output None.
        """
        return Hooks.add(self._own_hooks().forward, (hook, with_kwargs, always_call), prepend)

    def register_full_backward_pre_hook(self, hook: Hook, prepend: bool = False) -> RemovableHandle:
        """Call `hook(module, grad_output)` in backward; what it returns, if not None, replaces grad_output."""
        return Hooks.add(self._own_hooks().backward_pre, hook, prepend)

    def register_full_backward_hook(self, hook: Hook, prepend: bool = False) -> RemovableHandle:
        """Call `hook(module, grad_input, grad_output)` when the gradients of the positional inputs are known.

        What it returns, if not None, takes the place of grad_input. Inputs without gradient have None.
        """
        return Hooks.add(self._own_hooks().backward, hook, prepend)

    def _call_hooked(self, hooks: Hooks, args: Any, kwargs: dict[str, Any]) -> Any:
        called: set[int] = set()
        result = None
        try:
            for pre, with_kwargs in list(hooks.forward_pre.values()):
                if with_kwargs:
                    changed = pre(self, args, kwargs)
                    if changed is not None:
                        if not isinstance(changed, tuple) or len(changed) != 2:
                            raise RuntimeError(
                                f"forward pre-hook must return None or a tuple (args, kwargs), got {changed}"
                            )
                        args, kwargs = changed
                else:
                    changed = pre(self, args)
                    if changed is not None:
                        args = changed if isinstance(changed, tuple) else (changed,)
            gates = Gates(self, hooks) if hooks.backward or hooks.backward_pre else None
            if gates:
                args = gates.inputs(args)
            result = self.forward(*args, **kwargs)
            for key, (hook, with_kwargs, _) in list(hooks.forward.items()):
                called.add(key)
                changed = hook(self, args, kwargs, result) if with_kwargs else hook(self, args, result)
                if changed is not None:
                    result = changed
            return gates.outputs(result) if gates else result
        except Exception:
            for key, (hook, with_kwargs, always) in list(hooks.forward.items()):
                if always and key not in called:
                    hook(self, args, kwargs, result) if with_kwargs else hook(self, args, result)
            raise

    # ------------------------------------------------------------------------------------------- printing

    def _get_name(self) -> str:
        return type(self).__name__

    def extra_repr(self) -> str:
        """What the layer's line says between its parentheses."""
        return ""

    @reprlib.recursive_repr("...")
    def __repr__(self) -> str:
        extra = self.extra_repr().split("\n") if self.extra_repr() else []
        children = [f"({name}): {_indent(text)}" for name, text in self._lines()]
        if not children and len(extra) <= 1:
            return f"{self._get_name()}({''.join(extra)})"
        return f"{self._get_name()}(\n  " + "\n  ".join([*extra, *children]) + "\n)"

    def _lines(self) -> Iterator[tuple[str, str]]:
        """Names and reprs of the children."""
        yield from ((name, repr(module)) for name, module in self._modules.items())
        yield from ((name, repr(module)) for name, module in self._own(Module, "_modules") if name not in self._modules)


_INTERNAL = {"_parameters", "_buffers", "_modules", "_non_persistent", "_hooks"}
_in_train: list[Module] = []  # the modules whose train() is running


def _not_initialised(module: Module, what: str) -> str:
    name = type(module).__name__
    return f"cannot {what} before Module.__init__() call: {name}.__init__ must begin with super().__init__()"


_CONTAINERS = (list, tuple, dict)


def _inside(name: str, value: Any, kind: type[Any], above: tuple[int, ...], found: list[tuple[str, Any]]) -> None:
    """Add to `found` the members of a kind in a list, tuple or dict, with their dotted names."""
    if id(value) in above:
        return
    for key, item in value.items() if isinstance(value, dict) else enumerate(value):
        if isinstance(item, kind):
            found.append((f"{name}.{key}", item))
        elif isinstance(item, _CONTAINERS):
            _inside(f"{name}.{key}", item, kind, (*above, id(value)), found)


def _step(found: Any, atom: str) -> Any:
    """One step of a dotted name: an attribute of a module, or a place in a list or dict."""
    if isinstance(found, Module):
        return getattr(found, atom, None)
    if isinstance(found, (list, tuple)):
        return found[int(atom)] if atom.isdecimal() and int(atom) < len(found) else None
    if isinstance(found, dict):
        return next((value for key, value in found.items() if str(key) == atom), None)
    return None


def _quoted(names: list[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)


def _fitting(name: str, tensor: Tensor, value: Any) -> tuple[Any, str]:
    """A value of a state_dict as an array of the tensor's shape, or what is wrong with it."""
    if is_lazy(value):
        return None, f"While copying {name!r}: the value is {value!r}; call the module it comes from on an input first."
    if isinstance(value, Tensor):
        value = value.numpy_view()
    elif hasattr(value, "detach"):
        value = value.detach().cpu().numpy()
    elif not isinstance(value, (np.ndarray, np.generic)):
        return None, f"While copying {name!r}: expected a Tensor or an array, got {type(value).__name__}."
    array = np.asarray(value)
    if array.shape != tuple(tensor.shape):
        return None, (
            f"size mismatch for {name}: copying a param with shape {Size(array.shape)} from checkpoint, "
            f"the shape in current model is {tensor.shape}."
        )
    if array.dtype.kind not in "fiub" and array.dtype.kind != tensor.dtype.kind:
        return None, f"While copying {name!r}: cannot convert {array.dtype} to {tensor.dtype}."
    if not tensor.numpy_view().flags.writeable:
        return None, f"While copying {name!r}: the memory of the tensor in the model is read-only."
    return array, ""


def write(tensor: Tensor, values: Any, name: str) -> None:
    """Put values into a tensor's memory, unrecorded; saved values of earlier operations count as changed, by `name`."""
    with no_grad():
        np.copyto(tensor.numpy_view(), values, casting="unsafe")
        rebase(tensor, name, None)


def _indent(text: str) -> str:
    return text.replace("\n", "\n  ")


def _note_where(error: Exception, module: Module) -> None:
    """Note on an error in forward in which layer it arose, by its dotted name as far as the call came."""
    trail = error.__dict__.setdefault("_trail", [])
    text = _where(trail)
    trail.append(module)
    notes = getattr(error, "__notes__", [])
    if text in notes:
        notes.remove(text)
    error.add_note(_where(trail))


def _where(trail: list[Module]) -> str:
    if not trail:
        return ""
    names = []
    for child, parent in zip(trail, trail[1:], strict=False):
        names.append(next((name for name, module in parent.named_modules() if module is child), "?"))
    layer = trail[0]._get_name() if "\n" in repr(trail[0]) else repr(trail[0])
    inside = f", {'.'.join(reversed(names))!r} of {type(trail[-1]).__name__}" if names else ""
    return f"in the forward of {layer}{inside}"
