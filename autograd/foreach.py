"""torch's `_foreach_*`: one operation on each tensor of a list, as optimizers, averages of weights and clipping call it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .errors import DTypeError, ShapeError
from .op import REGISTRY
from .tensor import Tensor

_UNARY = (
    "abs", "acos", "asin", "atan", "ceil", "cos", "cosh", "erf", "erfc", "exp", "expm1", "floor", "frac", "lgamma", "log",
    "log10", "log1p", "log2", "neg", "reciprocal", "round", "rsqrt", "sigmoid", "sign", "sin", "sinh", "sqrt", "tan", "tanh",
    "trunc",
)  # fmt: skip
# the operation's method, which keyword of torch's stands for which of its arguments
_BINARY = {
    "add": "add", "sub": "sub", "mul": "mul", "div": "div", "clamp_max": "clamp_max", "clamp_min": "clamp_min",
    "maximum": "clamp_min", "minimum": "clamp_max",
}  # fmt: skip
_OTHER, _WEIGHT = {"scalar": "other", "scalars": "other"}, {"tensors1": "end", "weights": "weight"}


def _listed(name: str, argument: str, given: Any) -> list[Any]:
    """The tensors of a list."""
    if not isinstance(given, (list, tuple)):
        raise DTypeError(f"{name}: {argument} is a {type(given).__name__}; expected a list or tuple of Tensors")
    for i, x in enumerate(given):
        if not isinstance(x, Tensor):
            raise DTypeError(f"{name}: element {i} of {argument} is a {type(x).__name__}; expected a Tensor")
    if not given:
        raise ShapeError(f"{name}: {argument} is empty; expected at least one Tensor")
    return list(given)


def _spread(name: str, argument: str, given: Any, n: int) -> list[Any]:
    """An argument for each of n tensors: those of a list, one of a vector each, or the same for all."""
    if isinstance(given, Tensor) and given.ndim:
        if given.ndim > 1 or not name.startswith("_foreach_addc"):
            raise DTypeError(
                f"{name}: {argument} has shape {tuple(given.shape)}; expected a list, a number or a 0-dim Tensor"
            )
        given = given.tolist()
    if not isinstance(given, (list, tuple)):
        return [given] * n
    if len(given) != n:
        raise ShapeError(f"{name}: {argument} has {len(given)} elements; expected {n}, one for each Tensor")
    return list(given)


def _each(name: str, function: Callable[..., Any], keywords: dict[str, str] | None = None) -> Callable[..., Any]:
    """`function` of each tensor and of its share of the arguments."""
    name, in_place, keywords = f"_foreach_{name}", name.endswith("_"), keywords or {}

    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        if name == "_foreach_pow" and args and not isinstance(self, (list, tuple)):
            exponents = _listed(name, "exponent", args[0])
            return tuple([self**x for x in exponents])
        tensors = _listed(name, "self", self)
        n = len(tensors)
        columns = [_spread(name, f"argument {i}", x, n) for i, x in enumerate(args, 1)]
        named = {keywords.get(k, k): _spread(name, k, x, n) for k, x in kwargs.items()}
        found = [
            function(x, *[c[i] for c in columns], **{k: c[i] for k, c in named.items()}) for i, x in enumerate(tensors)
        ]
        return self if in_place else tuple(found)

    call.__name__ = call.__qualname__ = name
    call.__doc__ = f"`{function.__name__}` of each Tensor of a list. Raises RuntimeError for lists of unlike lengths."
    return call


def _scaled(method: str) -> Callable[..., Any]:
    """addcmul and addcdiv, whose factor may stand third."""

    def function(x: Any, tensor1: Any, tensor2: Any, value: Any = 1) -> Any:
        return getattr(x, method)(tensor1, tensor2, value=value)

    function.__name__ = method
    return function


def _powsum(x: Tensor, ord: float = 2, dtype: Any = None) -> Any:
    return (x if dtype is None else x.to(dtype)).abs().pow(ord).sum()


def _group_tensors_by_device_and_dtype(
    tensorlistlist: list[list[Tensor | None]], with_indices: bool = False
) -> dict[Any, Any]:
    """(device, dtype) of the first list's tensors -> ([the part of each list], their places where asked for)."""
    groups: dict[Any, tuple[list[list[Any]], list[int]]] = {}
    for i, row in enumerate(zip(*tensorlistlist, strict=True)):
        first = row[0]
        if first is None:
            raise DTypeError("_group_tensors_by_device_and_dtype: None in the first list; expected Tensors")
        lists, places = groups.setdefault((first.device, first.dtype), ([[] for _ in tensorlistlist], []))
        for held, x in zip(lists, row, strict=True):
            held.append(x)
        if with_indices:
            places.append(i)
    return groups


def functions() -> dict[str, Any]:
    """Each by its name; once Tensor has its methods."""
    made: dict[str, Any] = {}
    forms: list[tuple[str, str, dict[str, str]]] = [(name, name, {}) for name in _UNARY]
    forms += [(name, method, _OTHER) for name, method in _BINARY.items()]
    forms += [("lerp", "lerp", _WEIGHT), ("pow", "pow", {})]
    for name, method, keywords in forms:
        for end in ("", "_"):
            made[name + end] = _each(name + end, getattr(Tensor, method + end), keywords)
    for name in ("addcmul", "addcdiv"):
        for end in ("", "_"):
            made[name + end] = _each(name + end, _scaled(name + end), {"scalars": "value"})
    for name in ("clone", "copy_", "max", "mm", "zero_"):
        made[name] = _each(name, getattr(Tensor, name))
    made["norm"] = _each("norm", REGISTRY["linalg_vector_norm"].call)
    made["powsum"] = _each("powsum", _powsum)
    return {f"_foreach_{name}": function for name, function in made.items()}
