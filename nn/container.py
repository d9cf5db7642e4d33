"""Modules and parameters in a row or under names."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby, islice
from typing import Any

from autograd import Tensor
from autograd.errors import RangeError

from . import functional as F
from .activation import ReLU
from .conv import Conv2d
from .hooks import EVERYWHERE
from .linear import Linear
from .module import Module
from .norm import BatchNorm1d, BatchNorm2d, BatchNorm3d
from .parameter import Parameter


def _place(owner: Any, index: Any, length: int) -> int:
    """A list index, negative ones counted from the end."""
    if not hasattr(index, "__index__"):
        raise TypeError(f"{type(owner).__name__}: indices must be integers or slices, got {type(index).__name__}")
    i = index.__index__()
    if not -length <= i < length:
        raise RangeError(f"{type(owner).__name__}: index {i} is out of range for length {length}")
    return i % length


class _Row(Module):
    """Modules in a row, named "0", "1", ...: what Sequential and ModuleList share."""

    _modules: dict[str, Module]  # type: ignore[assignment]

    def _replace(self, modules: Iterable[tuple[str, Any]]) -> None:
        modules = list(modules)
        for name, module in modules:
            if not isinstance(module, Module):
                raise TypeError(f"{type(self).__name__}: {type(module).__name__} is not a Module subclass")
            self._claim("module", name, "_modules")
        self._modules.clear()
        self._modules.update(modules)

    def _renumber(self, modules: Iterable[Module]) -> None:
        self._replace((str(i), module) for i, module in enumerate(modules))

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            part = type(self).__new__(type(self))
            Module.__init__(part)
            chosen = list(self._modules.items())[index]
            # a slice of a Sequential keeps the names, a slice of a ModuleList counts anew, as in torch
            names = chosen if isinstance(self, Sequential) else [(str(i), m) for i, (_, m) in enumerate(chosen)]
            part._replace(names)
            return part
        return next(islice(self._modules.values(), _place(self, index, len(self)), None))

    def _name(self, index: Any) -> str:
        return list(self._modules)[_place(self, index, len(self))]

    def __setitem__(self, index: Any, module: Module) -> None:
        self.register_module(self._name(index), module)

    def __delitem__(self, index: Any) -> None:
        modules = list(self._modules.values())
        if not isinstance(index, slice):
            index = _place(self, index, len(self))
        del modules[index]
        self._renumber(modules)

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[Module]:
        return iter(self._modules.values())

    def append(self, module: Module) -> Any:
        """Add a module at the end."""
        self.register_module(str(len(self)), module)
        return self

    def extend(self, modules: Iterable[Module]) -> Any:
        """Add modules at the end."""
        if isinstance(modules, (str, bytes)) or not isinstance(modules, Iterable):
            raise TypeError(
                f"{type(self).__name__}.extend: expected an iterable of modules, got {type(modules).__name__}"
            )
        for module in list(modules):
            self.append(module)
        return self

    def insert(self, index: int, module: Module) -> Any:
        """Add a module before `index`."""
        modules = list(self._modules.values())
        if not -len(modules) <= index <= len(modules):
            raise RangeError(f"{type(self).__name__}.insert: index {index} is out of range for length {len(modules)}")
        modules.insert(index, module)
        self._renumber(modules)
        return self

    def pop(self, index: int = -1) -> Module:
        """Remove the module at `index` and return it."""
        module: Module = self[index]
        del self[index]
        return module

    def __add__(self, other: Iterable[Module]) -> Any:
        out = type(self)()
        return out.extend(self).extend(other)

    def __iadd__(self, other: Iterable[Module]) -> Any:
        return self.extend(other)


def _plain(module: Module) -> bool:
    """Whether nobody looks at what the module gets and gives, or has changed what it does."""
    return module._hooks is None and not EVERYWHERE and "forward" not in module.__dict__


BATCH_NORMS = BatchNorm1d, BatchNorm2d, BatchNorm3d


def _fusible(module: Any, after: Any) -> bool:
    """Whether `module` can take the ReLU `after` into its own pass."""
    return (
        (after is F.relu or (type(after) is ReLU and _plain(after)))
        and type(module) in (Linear, Conv2d, *BATCH_NORMS)
        and _plain(module)
    )


def _alike(x: Any, y: Any) -> bool:
    return bool(x.shape == y.shape and x.dtype == y.dtype)


def chain(input: Any, *modules: Any) -> Any:
    """Modules, or functions such as F.relu, applied one after the other, as `Sequential` does.

    The values and the tape are those of the calls in turn; a ReLU behind a linear layer, a 2-d convolution or a batch
    norm runs in that layer's own pass over memory.
    """
    i = 0
    while i < len(modules):
        if i + 1 < len(modules) and _fusible(modules[i], modules[i + 1]):
            input = modules[i](input, activation="relu")
            i += 2
        else:
            input = modules[i](input)
            i += 1
    return input


def chain_beside(shortcut: Any, input: Any, *modules: Any) -> Any:
    """f(chain(input, *modules) + shortcut), where f is the last of the modules, an activation.

    The values are those of the calls in turn. Behind a batch norm, sum and ReLU run in its own pass over memory; the tape
    then shows the shortcut as an input of the norm.
    """
    *before, norm, activation = modules
    input = chain(input, *before)
    if type(norm) in BATCH_NORMS and _fusible(norm, activation) and _alike(input, shortcut):
        return norm(input, activation="relu", residual=shortcut)
    return activation(norm(input) + shortcut)


class Sequential(_Row):
    """Modules applied one after the other: `Sequential(a, b)(x)` is b(a(x)). Also from one OrderedDict of names.

    >>> nn.Sequential(nn.Linear(3, 4), nn.ReLU())(autograd.ones(2, 3)).shape
    Size([2, 4])
    """

    def __init__(self, *args: Any) -> None:
        super().__init__()
        if len(args) == 1 and isinstance(args[0], OrderedDict):
            for name, module in args[0].items():
                self.register_module(name, module)
        else:
            for i, module in enumerate(args):
                self.register_module(str(i), module)

    def forward(self, input: Any) -> Any:
        return chain(input, *self._modules.values())

    def __mul__(self, times: int) -> Sequential:
        if not isinstance(times, int):
            raise TypeError(f"Sequential: can be repeated an integer number of times, got {type(times).__name__}")
        if times <= 0:
            raise ValueError(f"Sequential: can be repeated 1 or more times, got {times}")
        return Sequential(*(module for _ in range(times) for module in self))

    __rmul__ = __mul__

    def __imul__(self, times: int) -> Sequential:
        self._renumber(list((self * times)._modules.values()))
        return self


class ModuleList(_Row):
    """A list of modules, all registered. It has no forward.

    >>> len(nn.ModuleList([nn.ReLU(), nn.Linear(2, 2)]))
    2
    """

    def __init__(self, modules: Iterable[Module] | None = None) -> None:
        super().__init__()
        if modules is not None:
            self.extend(modules)

    def _lines(self) -> Iterator[tuple[str, str]]:
        for text, alike in groupby(super()._lines(), key=lambda line: line[1]):
            names = [name for name, _ in alike]
            if len(names) == 1:
                yield names[0], text
            else:
                yield f"{names[0]}-{names[-1]}", f"{len(names)} x {text}"


class ModuleDict(Module):
    """A dict of modules, all registered. It has no forward.

    >>> nn.ModuleDict({"a": nn.ReLU()})["a"]
    ReLU()
    """

    def __init__(self, modules: Mapping[str, Module] | Iterable[tuple[str, Module]] | None = None) -> None:
        super().__init__()
        if modules is not None:
            self.update(modules)

    def __getitem__(self, key: str) -> Module:
        module = self._modules[key]
        assert module is not None
        return module

    def __setitem__(self, key: str, module: Module) -> None:
        self.register_module(key, module)

    def __delitem__(self, key: str) -> None:
        del self._modules[key]

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[str]:
        return iter(self._modules)

    def __contains__(self, key: object) -> bool:
        return key in self._modules

    def keys(self) -> Any:
        return self._modules.keys()

    def values(self) -> Any:
        return self._modules.values()

    def items(self) -> Any:
        return self._modules.items()

    def clear(self) -> None:
        self._modules.clear()

    def pop(self, key: str) -> Module:
        """Remove the module under `key` and return it."""
        module = self[key]
        del self[key]
        return module

    def update(self, modules: Mapping[str, Module] | Iterable[tuple[str, Module]]) -> None:
        """Add or replace modules."""
        for key, module in _pairs(modules, "ModuleDict.update"):
            self[key] = module


def _pairs(items: Any, what: str) -> list[tuple[str, Any]]:
    if isinstance(items, (Mapping, ModuleDict, ParameterDict)):
        return list(items.items())
    if not isinstance(items, Iterable):
        raise TypeError(f"{what}: expected a mapping or an iterable of pairs, got {type(items).__name__}")
    pairs = list(items)
    for pair in pairs:
        if not isinstance(pair, Iterable) or len(list(pair)) != 2:
            raise ValueError(f"{what}: expected pairs (key, value), got {pair!r}")
    return [(key, value) for key, value in pairs]


def _as_parameter(value: Any) -> Any:
    """Tensors become Parameters; other values stay what they are, as in torch."""
    return Parameter(value) if isinstance(value, Tensor) and not isinstance(value, Parameter) else value


def _parameter_line(value: Any, kind: Any = None) -> str:
    if isinstance(value, Tensor):
        size = "x".join(map(str, value.shape))
        return f"{type(value).__name__} containing: [{kind or value.dtype} of size {size}]"
    return f"Object of type: {type(value).__name__}"


def _kind(value: Any) -> str:
    return value.type() if isinstance(value, Tensor) else ""


class ParameterList(Module):
    """A list of parameters, all registered; Tensors put in become Parameters, other values are kept as they are.

    >>> len(nn.ParameterList([nn.Parameter(autograd.ones(1))]))
    1
    """

    def __init__(self, values: Iterable[Any] | None = None) -> None:
        super().__init__()
        self._size = 0
        if values is not None:
            self.extend(values)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return type(self)(list(self)[index])
        return getattr(self, str(_place(self, index, self._size)))

    def __setitem__(self, index: Any, value: Any) -> None:
        setattr(self, str(_place(self, index, self._size)), _as_parameter(value))

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(self._size))

    def append(self, value: Any) -> ParameterList:
        """Add a value at the end."""
        setattr(self, str(self._size), _as_parameter(value))
        self._size += 1
        return self

    def extend(self, values: Iterable[Any]) -> ParameterList:
        """Add values at the end."""
        if isinstance(values, Tensor) or not isinstance(values, Iterable):
            raise TypeError(f"ParameterList.extend should be called with an iterable, but got {type(values).__name__}")
        for value in list(values):
            self.append(value)
        return self

    def __iadd__(self, values: Iterable[Any]) -> ParameterList:
        return self.extend(values)

    def extra_repr(self) -> str:
        return "\n".join(f"  ({i}): {_parameter_line(value)}" for i, value in enumerate(self))

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        raise RuntimeError("ParameterList should not be called.")


class ParameterDict(Module):
    """A dict of parameters, all registered; Tensors put in become Parameters, other values are kept as they are.

    >>> nn.ParameterDict({"a": nn.Parameter(autograd.ones(1))})["a"].shape
    Size([1])
    """

    def __init__(self, parameters: Any = None) -> None:
        super().__init__()
        self._keys: dict[str, None] = {}
        if parameters is not None:
            self.update(parameters)

    def __getitem__(self, key: str) -> Any:
        if key not in self._keys:
            raise KeyError(key)
        return getattr(self, key)

    def __setitem__(self, key: str, value: Any) -> None:
        if not isinstance(key, str):
            raise TypeError(f"ParameterDict: a key should be a string, got {type(key).__name__}")
        setattr(self, key, _as_parameter(value))
        self._keys[key] = None

    def __delitem__(self, key: str) -> None:
        self[key]
        del self._keys[key]
        delattr(self, key)

    def __len__(self) -> int:
        return len(self._keys)

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys)

    def __reversed__(self) -> Iterator[str]:
        return reversed(self._keys)

    def __contains__(self, key: object) -> bool:
        return key in self._keys

    def keys(self) -> Any:
        return self._keys.keys()

    def values(self) -> list[Any]:
        return [self[key] for key in self._keys]

    def items(self) -> list[tuple[str, Any]]:
        return [(key, self[key]) for key in self._keys]

    def get(self, key: str, default: Any = None) -> Any:
        return self[key] if key in self._keys else default

    def setdefault(self, key: str, default: Any = None) -> Any:
        if key not in self._keys:
            self[key] = default
        return self[key]

    def pop(self, key: str) -> Any:
        """Remove the value under `key` and return it."""
        value = self[key]
        del self[key]
        return value

    def popitem(self) -> tuple[str, Any]:
        """Remove the pair put in last and return it."""
        key = next(reversed(self))
        return key, self.pop(key)

    def fromkeys(self, keys: Iterable[str], default: Any = None) -> ParameterDict:
        """A new one with `default` under each key."""
        return ParameterDict((key, default) for key in keys)

    def __or__(self, other: ParameterDict) -> ParameterDict:
        return ParameterDict({**dict(self.items()), **dict(_pairs(other, "ParameterDict"))})

    def __ror__(self, other: ParameterDict) -> ParameterDict:
        return ParameterDict({**dict(_pairs(other, "ParameterDict")), **dict(self.items())})

    def __ior__(self, other: ParameterDict) -> ParameterDict:
        self.update(other)
        return self

    def clear(self) -> None:
        for key in list(self._keys):
            del self[key]

    def copy(self) -> ParameterDict:
        return ParameterDict(dict(self.items()))

    def update(self, parameters: Any) -> None:
        """Add or replace values."""
        for key, value in _pairs(parameters, "ParameterDict.update"):
            self[key] = value

    def extra_repr(self) -> str:
        return "\n".join(f"  ({key}): {_parameter_line(value, _kind(value))}" for key, value in self.items())

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        raise RuntimeError("ParameterDict should not be called.")
