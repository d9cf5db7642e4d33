"""`ties`: one rule for every choice among equal elements, in place of torch's, which differs from operation to operation.

While the rule is in force the operations below are recorded in the forms of this file: `op.record` asks for them.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import numpy as np
from numpy import ndarray

from ..errors import NumberError
from ..kernels.pool import Windows
from ..op import REGISTRY, op
from ..samples import Draw
from ..tape import mode
from ..tensor import wrap
from . import activation, sorting  # noqa: F401  the operations that have forms below
from .compare import _data, _where, maximum, minimum
from .elementwise import abs as _abs
from .index import _gather, _index_select, places
from .join import cat
from .reduce import _axes, amax
from .scatter import _scatter_add
from .shape import _reshape, unsqueeze

RULES = ("first", "even", "all")


class ties:
    """While inside, equal elements share the gradient of a maximum, minimum or chosen element by one rule.

    rule: "first", the whole gradient to the first of them (for two operands: to the left one; for a number as bound: to
    the tensor); "even", the same part to each; "all", the whole to each; None, torch's way, operation by operation. It
    holds for max, min, amax, amin, aminmax, median, kthvalue, sort, topk, quantile, mode, cummax, cummin, maximum,
    minimum, fmax, fmin, clamp, relu, relu6, hardtanh, norms of order inf, max pooling and scatter_reduce that are
    recorded inside. Context manager and decorator; `set_ties` sets it for the thread. Raises ValueError for another rule.

    >>> x = autograd.ones(4, requires_grad=True)
    >>> with autograd.ties("even"):
    ...     x.max(dim=0).values.backward()
    >>> x.grad
    tensor([0.2500, 0.2500, 0.2500, 0.2500])
    """

    def __init__(self, rule: str | None) -> None:
        if rule not in (None, *RULES):
            raise NumberError(f"ties: rule is {rule!r}; expected 'first', 'even', 'all' or None")
        self.rule = rule

    def __enter__(self) -> None:
        self.before, mode.ties = mode.ties, self.rule or ""

    def __exit__(self, *exc: object) -> None:
        mode.ties = self.before

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            with ties(self.rule):
                return function(*args, **kwargs)

        return wrapped


def set_ties(rule: str | None) -> None:
    """Let the rule of `ties` hold on this thread until told otherwise; None is torch's way.

    >>> autograd.set_ties(None)
    """
    mode.ties = ties(rule).rule or ""


def get_ties() -> str | None:
    """The rule of `ties` in force, None where it is torch's way.

    >>> autograd.get_ties() is None
    True
    """
    return mode.ties or None


# ------------------------------------------------------------------------------------------- one among many


def _shares(x: ndarray, y: ndarray, dims: Sequence[int], rule: str) -> ndarray:
    """Which part of the gradient of y, reduced over `dims` (kept as 1), each element of x gets."""
    chosen = (x == y) | ((x != x) & (y != y))
    if rule == "even":
        return (chosen / np.maximum(chosen.sum(tuple(dims), keepdims=True), 1)).astype(x.dtype)
    if rule == "first":
        order = [*(i for i in range(x.ndim) if i not in dims), *dims]
        rows = chosen.transpose(order)
        flat = rows.reshape(*rows.shape[: x.ndim - len(dims)], -1)
        first = flat & (np.cumsum(flat, -1) == 1)
        chosen = first.reshape(rows.shape).transpose(np.argsort(order))
    return chosen.astype(x.dtype)


def _extremes(s: Draw) -> list[tuple[Any, ...]]:
    return [(s(3, 4), lambda x: x.max(1, keepdims=True), (1,), rule) for rule in RULES]


@op(lambda g, input, y, dims, rule: g * _shares(_data(input), _data(y), dims, rule), samples=_extremes, method=False)
def _tied(input: Any, choose: Callable[[ndarray], ndarray], dims: Sequence[int], rule: str) -> Any:
    """choose(input): one of the elements over `dims`, which stay as 1; `rule` tells which of its equals get the gradient."""
    return choose(input)


def _one_of(input: Any, choose: Callable[[ndarray], ndarray], dim: Any, keepdim: bool) -> Any:
    shape = tuple(input.shape)
    axes = _axes("ties", dim, len(shape))
    dims = tuple(range(len(shape))) if axes is None else axes
    kept = tuple(1 if i in dims else n for i, n in enumerate(shape))
    y = _tied(input, lambda x: np.reshape(choose(x), kept), dims, mode.ties)
    return y if keepdim else _reshape(y, tuple(n for i, n in enumerate(shape) if i not in dims))


def _alone(name: str) -> Callable[..., Any]:
    """A reduction to the chosen element."""
    fn = REGISTRY[name].fn
    return lambda input, dim, keepdim: _one_of(input, lambda x: fn(x, dim, True), dim, keepdim)


def _with_index(name: str, dim_at: int) -> Callable[..., Any]:
    """A reduction to the chosen element and its index; dim_at: where dim stands among the static arguments."""
    fn = REGISTRY[name].fn

    def tied(input: Any, *statics: Any) -> Any:
        dim, keepdim = statics[dim_at : dim_at + 2]
        index = fn(_data(input), *statics)[1]
        return _one_of(input, lambda x: fn(x, *statics)[0], dim, keepdim), wrap(np.asarray(index))

    return tied


def _running(name: str, neutral: float) -> Callable[..., Any]:
    """A running extreme: each place takes it over a row of its own, what comes later being left out."""
    fn = REGISTRY[name].fn

    def tied(input: Any, dim: int) -> Any:
        index = wrap(np.asarray(fn(_data(input), dim)[1]))
        if not input.ndim:
            return input * 1.0, index
        d = dim % input.ndim
        n = input.shape[d]
        later = np.triu(np.ones((n, n), bool), 1).reshape(n, n, *(1,) * (input.ndim - 1 - d))
        rows = _where(later, neutral, unsqueeze(input, d))
        choose = np.max if name == "_cummax" else np.min
        return _one_of(rows, lambda x: choose(x, d + 1, keepdims=True), d + 1, False), index

    return tied


def _groups(x: ndarray, dim: int) -> ndarray:
    """The number of each element's value along `dim`: equal elements, and NaN among themselves, share one."""
    order = np.argsort(x, dim, kind="stable")
    row = np.moveaxis(np.take_along_axis(x, order, dim), dim, -1)
    before, after = row[..., :-1], row[..., 1:]
    new = np.zeros(row.shape, np.int64)
    new[..., 1:] = (before != after) & ((before == before) | (after == after))
    groups = np.empty(x.shape, np.int64)
    np.put_along_axis(groups, order, np.moveaxis(np.cumsum(new, -1), -1, dim), dim)
    return groups


def _pooled_gradients(g: Any, x: ndarray, index: ndarray, dim: int, rule: str) -> Any:
    """The gradients of ordered places, summed over the places of equal elements; each of those gets the sum or its part."""
    groups = _groups(x, dim)
    none = np.zeros(x.shape, x.dtype)
    total = _scatter_add(none, g, np.take_along_axis(groups, index, dim), dim)
    if rule == "even":
        total = total / np.maximum(_scatter_add(none, np.ones_like(none), groups, dim), 1)
    return _gather(total, groups, dim)


def _orders(s: Draw) -> list[tuple[Any, ...]]:
    return [(s(3, 4), np.argsort(s(3, 4), 1)[:, :n], 1, rule) for n in (4, 2) for rule in ("even", "all")]


@op(
    lambda g, input, index, dim, rule: _pooled_gradients(g, _data(input), _data(index), dim, rule),
    None,
    samples=_orders,
    method=False,
)
def _tied_order(input: Any, index: Any, dim: int, rule: str) -> Any:
    """The elements at `index` along `dim`, places of an order; `rule` tells which of equal elements get the gradient."""
    return np.take_along_axis(input, index, dim)


def _in_order(name: str, dim_at: int) -> Callable[..., Any]:
    """Elements put in order; under "first" each place keeps its own element of the stable order, as it does without a rule.

    dim_at: where dim stands among the static arguments.
    """
    fn = REGISTRY[name].fn

    def tied(input: Any, *statics: Any) -> Any:
        if mode.ties == "first" or not input.ndim:
            return None
        index = wrap(np.asarray(fn(_data(input), *statics)[1]))
        return _tied_order(input, index, statics[dim_at] % input.ndim, mode.ties), index

    return tied


def pooled(input: Any, windows: Sequence[Windows]) -> Any:
    """Maxima of windows of images (N, C, *space) under the rule; windows: one table a dimension of the space."""
    space, n = tuple(input.shape[2:]), len(windows)
    flat: Any = 0
    inside: Any = True
    for i, table in enumerate(windows):
        shape = [1] * (2 * n)
        shape[i], shape[n + i] = table.out, table.full
        at = table.start[:, None] + table.step * np.arange(table.full)
        flat = flat * space[i] + np.minimum(at, space[i] - 1).reshape(shape)
        inside = inside & (at < table.stop[:, None]).reshape(shape)
    elements = prod(space)
    rows = _reshape(input, (*input.shape[:2], elements))
    rows = cat([rows, wrap(np.full((*input.shape[:2], 1), -np.inf, input.dtype))], -1)  # what a shorter window lacks
    picked = _index_select(rows, np.where(inside, flat, elements).reshape(-1), 2)
    return amax(_reshape(picked, (*input.shape[:2], *flat.shape[:n], -1)), -1)


# ------------------------------------------------------------------------------------------- one of two


def _parts(kind: str, a: ndarray, b: ndarray, rule: str) -> tuple[ndarray, ndarray]:
    """The parts of the gradient of two operands."""
    y = REGISTRY[kind].fn(a, b)
    mine, theirs = (a == y) | ((a != a) & (y != y)), (b == y) | ((b != b) & (y != y))
    if rule == "first":
        theirs = theirs & ~mine
    left, right = mine.astype(y.dtype), theirs.astype(y.dtype)
    both = mine & theirs
    half = 0.5 if rule == "even" else 1.0
    return np.where(both, y.dtype.type(half), left), np.where(both, y.dtype.type(half), right)


@op(
    lambda g, input, other, kind, rule: g * _parts(kind, _data(input), _data(other), rule)[0],
    lambda g, input, other, kind, rule: g * _parts(kind, _data(input), _data(other), rule)[1],
    promote=True,
    samples=lambda s: [(s(3, 4), s(4), kind, rule) for kind in ("maximum", "fmin") for rule in RULES],
    method=False,
)
def _tied_pair(input: Any, other: Any, kind: str, rule: str) -> Any:
    """maximum, minimum, fmax or fmin; `rule` tells which of two equals gets the gradient."""
    return REGISTRY[kind].fn(input, other)


def _pair(kind: str) -> Callable[..., Any]:
    return lambda input, other: _tied_pair(input, other, kind, mode.ties)


def _limited(input: Any, low: Any, high: Any) -> Any:
    if low is not None:
        input = maximum(input, low)
    return input if high is None else minimum(input, high)


# ------------------------------------------------------------------------------------------- scattered


def _order_of(src: Any, index: ndarray, dim: int, y: Any, best: ndarray) -> ndarray:
    """Of the elements of src that are the result of their place, the first in memory order of each place."""
    where = places(index, dim, y.shape).reshape(-1)
    at = np.flatnonzero(best.reshape(-1))
    first = np.full(y.size, best.size, np.int64)
    np.minimum.at(first, where[at], at)
    chosen = np.zeros(best.size, bool)
    chosen[at] = first[where[at]] == at
    return chosen.reshape(best.shape)


def _scattered_parts(
    g: Any, input: Any, src: Any, index: Any, y: Any, dim: int, include_self: bool, rule: str
) -> tuple[Any, ...]:
    x, s, out, at = _data(input), _data(src), _data(y), _data(index)
    reached = np.zeros(out.shape, bool)
    reached.reshape(-1)[places(at, dim, out.shape).reshape(-1)] = True
    mine = (x == out) & (include_self | ~reached)
    theirs = s == _gather(out, at, dim)
    if rule == "first":
        theirs = _order_of(s, at, dim, out, theirs & ~_gather(mine, at, dim))
    left, right = mine.astype(out.dtype), theirs.astype(out.dtype)
    if rule == "even":
        count = np.maximum(_scatter_add(left, right, at, dim), 1)
        left, right = left / count, right / _gather(count, at, dim)
    return g * left, _gather(g, index, dim) * right, None


@op(
    joint=lambda g, input, src, index, y, dim, include_self, rule, needs: _scattered_parts(
        g, input, src, index, y, dim, include_self, rule
    ),
    n_inputs=3,
    samples=lambda s: [
        (s(4, 3), s(5, 3), s.ints(4, 5, 3), 0, how, own, rule)
        for how in ("amax", "amin") for own in (True, False) for rule in RULES
    ],
    method=False,
)  # fmt: skip
def _tied_scatter(input: Any, src: Any, index: Any, dim: int, how: str, include_self: bool, rule: str) -> Any:
    """`_scatter_reduce` by amax or amin; `rule` tells which of equal elements get the gradient."""
    return REGISTRY["_scatter_reduce"].fn(input, src, index, dim, how, include_self)


def _scatter(input: Any, src: Any, index: Any, dim: int, how: str, include_self: bool) -> Any:
    if how in ("amax", "amin"):
        return _tied_scatter(input, src, index, dim, how, include_self, mode.ties)
    return None


def _norm(input: Any, p: float, dim: Any, keepdim: bool) -> Any:
    if p in (np.inf, -np.inf):
        choose = np.max if p > 0 else np.min
        axes = _axes("norm", dim, input.ndim)
        return _one_of(_abs(input), lambda x: choose(x, axes, keepdims=True), dim, keepdim)
    return None


def _whole_median(input: Any, skip_nan: bool) -> Any:
    return _one_of(input, lambda x: REGISTRY["_whole_median"].fn(x, skip_nan), None, False)


_FORMS: dict[str, Callable[..., Any]] = {
    **{name: _alone(name) for name in ("amax", "amin")},
    **{name: _with_index(name, 0) for name in ("_max", "_min", "_median", "_mode")},
    "_kthvalue": _with_index("_kthvalue", 1),
    "_whole_median": _whole_median,
    "_sort": _in_order("_sort", 0),
    "_topk": _in_order("_topk", 1),
    "_cummax": _running("_cummax", -np.inf),
    "_cummin": _running("_cummin", np.inf),
    **{name: _pair(name) for name in ("maximum", "minimum", "fmax", "fmin")},
    "clamp": _limited,
    "hardtanh": _limited,
    "relu": lambda input: maximum(input, 0.0),
    "_vector_norm": _norm,
    "_scatter_reduce": _scatter,
}
for _name, _form in _FORMS.items():
    REGISTRY[_name].tied = _form
