"""Arguments that name dimensions and sizes, checked and made non-negative."""

from __future__ import annotations

from collections.abc import Sequence
from operator import index
from typing import Any

from ..errors import DTypeError, RangeError, ShapeError


def dim_of(op: str, dim: Any, ndim: int) -> int:
    """`dim` in [0, ndim); a 0-dim tensor counts as one-dimensional, as in torch. Raises IndexError out of range."""
    if type(dim) is int and 0 <= dim < ndim:
        return dim
    n = ndim or 1
    try:
        if dim is True or dim is False:
            raise TypeError
        d = index(dim)
    except TypeError:
        raise TypeError(f"{op}: dim must be an int, got {type(dim).__name__}") from None
    if not -n <= d < n:
        raise RangeError(f"{op}: dim {d} is out of range for a tensor of {ndim} dimensions; expected {-n} to {n - 1}")
    return d + n if d < 0 else d


def dims_of(op: str, dims: Any, ndim: int) -> tuple[int, ...]:
    """One dim or several, each in [0, ndim), none twice. IndexError out of range, RuntimeError for a repetition."""
    if type(dims) is int and -ndim <= dims < ndim:
        return (dims % ndim,)
    found = tuple([dim_of(op, d, ndim) for d in (dims if isinstance(dims, (tuple, list)) else (dims,))])
    if len(set(found)) != len(found):
        raise ShapeError(f"{op}: dim {max(found, key=found.count)} appears more than once in {tuple(dims)}")
    return found


def ndim_of(op: str, argument: str, x: Any) -> int:
    """The number of dimensions of a Tensor or array. Raises TypeError for a plain number."""
    try:
        return x.ndim
    except AttributeError:
        raise DTypeError(f"{op}: {argument} must be a Tensor, got {type(x).__name__}") from None


def sizes_of(sizes: Sequence[Any]) -> tuple[Any, ...]:
    """`f(2, 3)` and `f((2, 3))` alike as (2, 3)."""
    if len(sizes) == 1 and isinstance(sizes[0], (tuple, list)):
        return tuple(sizes[0])
    return tuple(sizes)
