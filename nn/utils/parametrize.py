"""Parameters that are functions of other parameters: `weight` computed anew, by a module, whenever it is read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from autograd import Tensor, no_grad
from autograd.errors import DTypeError, ShapeError

from ..container import ModuleDict, ModuleList
from ..module import Module
from ..parameter import Parameter

M = TypeVar("M", bound=Module)

_cache: dict[tuple[int, str], Tensor] | None = None


@contextmanager
def cached() -> Iterator[None]:
    """Inside, every parametrized tensor is computed once, when first read, and kept."""
    global _cache
    outer, _cache = _cache, {} if _cache is None else _cache
    try:
        yield
    finally:
        _cache = outer


class ParametrizationList(ModuleList):
    """The parametrizations of one tensor, in order, and what they start from: original, or original0, original1, ..."""

    def __init__(self, modules: Sequence[Module], original: Tensor, unsafe: bool = False) -> None:
        super().__init__(modules)
        if not modules:
            raise ValueError("ParametrizationList requires one or more modules.")
        self.unsafe = unsafe
        new = self._inverted(original, strict=False)
        self.is_tensor = isinstance(new, Tensor)
        if isinstance(new, Tensor):
            if new.dtype != original.dtype:
                raise DTypeError(
                    f"right_inverse: a single tensor must keep the dtype {original.dtype}, got {new.dtype}"
                )
            original.data = new  # the same parameter, which an optimizer may hold already
            _register(self, "original", original)
        elif isinstance(new, Sequence) and all(isinstance(part, Tensor) for part in new):
            self.ntensors = len(new)
            for i, part in enumerate(new):
                if isinstance(original, Parameter):
                    part = Parameter(part, original.requires_grad)
                _register(self, f"original{i}", part)
        else:
            raise ValueError(f"right_inverse must return a Tensor or a sequence of them, got {type(new).__name__}")
        if not unsafe:
            _same_kind("the parametrization", self(), original.shape, original.dtype)

    def _inverted(self, value: Any, strict: bool) -> Any:
        with no_grad():
            for module in reversed(list(self)):
                if hasattr(module, "right_inverse"):
                    try:
                        value = module.right_inverse(value)
                    except NotImplementedError:
                        if strict:
                            raise
                elif strict:
                    raise RuntimeError(f"parametrization {type(module).__name__} does not implement right_inverse.")
        return value

    def right_inverse(self, value: Tensor) -> None:
        """Make the originals such that the parametrized tensor becomes `value`: what assigning it does."""
        new = self._inverted(value, strict=True)
        olds = [self.original] if self.is_tensor else [getattr(self, f"original{i}") for i in range(self.ntensors)]
        news = [new] if self.is_tensor else list(new)
        if len(news) != len(olds):
            raise ValueError(f"right_inverse must return {len(olds)} tensors, got {len(news)}")
        for old, part in zip(olds, news, strict=True):
            if old.dtype != part.dtype:
                raise DTypeError(f"right_inverse returned {part.dtype} while the original has {old.dtype}")
            old.data = part

    def forward(self) -> Tensor:
        modules = list(self)
        if self.is_tensor:
            x = modules[0](self.original)
        else:
            x = modules[0](*(getattr(self, f"original{i}") for i in range(self.ntensors)))
        for module in modules[1:]:
            x = module(x)
        return x


def _register(module: Module, name: str, tensor: Tensor) -> None:
    if isinstance(tensor, Parameter):
        module.register_parameter(name, tensor)
    else:
        module.register_buffer(name, tensor)


def _same_kind(what: str, made: Any, shape: Any, dtype: Any) -> None:
    if not isinstance(made, Tensor):
        raise ValueError(f"{what} must return a tensor, got {type(made).__name__}")
    if made.dtype != dtype:
        raise DTypeError(f"{what} may not change the dtype {dtype} to {made.dtype}, unless unsafe=True")
    if made.shape != shape:
        raise ShapeError(f"{what} may not change the shape {tuple(shape)} to {tuple(made.shape)}, unless unsafe=True")


class _Parametrized:
    """Mixed into the class of a parametrized module, which is made while running: how it is copied and pickled."""

    parametrizations: ModuleDict

    def __reduce_ex__(self, protocol: Any) -> Any:
        # the class has its plain class and this one as bases, and no name to be found under
        return _rebuild, (type(self).__bases__[1], list(self.parametrizations)), self.__dict__


def _rebuild(cls: type[Module], names: list[str]) -> Module:
    module = cls.__new__(cls)
    _inject(module, names)
    return module


def _inject(module: Module, names: Sequence[str]) -> None:
    """Give the module a class of its own, with a property for each parametrized tensor."""
    cls = type(module)
    if not issubclass(cls, _Parametrized):
        object.__setattr__(module, "__class__", type(f"Parametrized{cls.__name__}", (_Parametrized, cls), {}))
    for name in names:
        setattr(type(module), name, _property(name))


def _property(name: str) -> property:
    def get(module: Module) -> Tensor:
        if _cache is None:
            return module.parametrizations[name]()
        key = (id(module), name)
        if key not in _cache:
            _cache[key] = module.parametrizations[name]()
        return _cache[key]

    def assign(module: Module, value: Tensor) -> None:
        module.parametrizations[name].right_inverse(value)

    return property(get, assign)


def is_parametrized(module: Module, tensor_name: str | None = None) -> bool:
    """Whether that tensor of the module, or any, is parametrized."""
    held = module._modules.get("parametrizations")
    if not isinstance(held, ModuleDict):
        return False
    return len(held) > 0 if tensor_name is None else tensor_name in held


def type_before_parametrizations(module: Module) -> type[Module]:
    """The class of the module; of a parametrized one the class it had before."""
    cls = type(module)
    return cls.__bases__[1] if issubclass(cls, _Parametrized) else cls


def transfer_parametrizations_and_params(
    from_module: Module, to_module: Module, tensor_name: str | None = None
) -> Module:
    """Give `to_module` the parametrizations of `from_module`, of one tensor or all, and the originals. Returns it."""
    names = list(from_module.parametrizations) if tensor_name is None else [tensor_name]
    for name in names:
        held = from_module.parametrizations[name]
        if not hasattr(to_module, name):
            setattr(to_module, name, Parameter(getattr(from_module, name).detach()))
        for parametrization in held:
            register_parametrization(to_module, name, parametrization)
        to_held = to_module.parametrizations[name]
        for mine, theirs in zip(to_held.parameters(recurse=False), held.parameters(recurse=False), strict=True):
            mine.data = theirs.data
    return to_module


def register_parametrization(module: M, tensor_name: str, parametrization: Module, *, unsafe: bool = False) -> M:
    """Make `module.tensor_name` what `parametrization` computes from `module.parametrizations[tensor_name].original`.

    A `right_inverse` of the parametrization gives the originals for a value, one Tensor or several; without one the
    value is the original. A further parametrization is applied after those that are there. unsafe: it may change shape
    and dtype. Raises ValueError where the module has no such parameter or buffer.
    """
    parametrization.train(module.training)
    if is_parametrized(module, tensor_name):
        held = module.parametrizations[tensor_name]
        if not unsafe:
            now = getattr(module, tensor_name)
            _same_kind("the parametrization", parametrization(now), now.shape, now.dtype)
        held.append(parametrization)
        held.unsafe |= unsafe
    elif tensor_name in module._parameters or tensor_name in module._buffers:
        held = ParametrizationList([parametrization], getattr(module, tensor_name), unsafe)
        held.train(module.training)
        delattr(module, tensor_name)
        if not is_parametrized(module):
            module.parametrizations = ModuleDict()
        module.parametrizations[tensor_name] = held
        _inject(module, [tensor_name])
    else:
        raise ValueError(
            f"register_parametrization: {type(module).__name__} has no parameter, buffer or parametrized tensor "
            f"named {tensor_name!r}"
        )
    return module


def remove_parametrizations(module: M, tensor_name: str, leave_parametrized: bool = True) -> M:
    """Make `module.tensor_name` a plain parameter or buffer again: as computed last, or the original.

    Raises ValueError where it is not parametrized, or where several originals would have to be left as one.
    """
    if not is_parametrized(module, tensor_name):
        raise ValueError(f"remove_parametrizations: {type(module).__name__} has no parametrization on {tensor_name!r}")
    held = module.parametrizations[tensor_name]
    if held.is_tensor:
        original = held.original
        if leave_parametrized:
            with no_grad():
                original.data = getattr(module, tensor_name)
    elif not leave_parametrized:
        raise ValueError("remove_parametrizations: several originals cannot be left; pass leave_parametrized=True")
    else:
        value = getattr(module, tensor_name)
        learned = isinstance(held.original0, Parameter)
        original = Parameter(value.detach(), value.requires_grad) if learned else value.detach()
    delattr(type(module), tensor_name)
    del module.parametrizations[tensor_name]
    if not is_parametrized(module):
        del module.parametrizations
        object.__setattr__(module, "__class__", type(module).__bases__[1])
    _register(module, tensor_name, original)
    return module
