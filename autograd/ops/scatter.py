"""Writing by an index tensor: scatter, scatter_add, scatter_reduce, index_add, index_copy, index_fill, put."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy import ndarray

from .. import dtypes
from ..errors import DTypeError, PlaceError, RangeError, ShapeError
from ..kernels import move
from ..op import function, op
from ..tensor import Tensor
from .dims import dim_of
from .index import (
    _gather,
    _index_select,
    add_along,
    add_at,
    check_gather,
    check_index,
    leading,
    of_slices,
    placed,
    places,
)


def _array(x: Any) -> ndarray:
    return x.numpy_view() if isinstance(x, Tensor) else np.asarray(x)


def _ones(like: Any) -> ndarray:
    return np.ones(like.shape, like.dtype)


def _shaped(result: Any, input: Any) -> Any:
    """The result of an op on a 0-dim input, which it saw as one-dimensional, is 0-dim again."""
    return result if len(input.shape) else reshape(result, ())


def _rows(input: Any) -> ndarray:
    """A row-major copy, whose flat form shares its memory."""
    return move.dense(np.asarray(input))


# ------------------------------------------------------------------------------------------------------ scatter


@op(
    lambda g, index, dim: _scatter(g, 0.0, index, dim),
    lambda g, index, dim: _gather(g, index, dim),
    None,
    samples=lambda s: [
        (s(4, 3), s(2, 3), np.array([[3, 1, 0], [0, 2, 1]]), 0),
        (s(2, 3), s(), np.array([[2], [0]]), 1),
    ],
)
def _scatter(input: Any, src: Any, index: Any, dim: int) -> Any:
    """A copy of `input` with `src`, or one number, written by position along `dim`."""
    dtypes.fits("scatter", input.dtype, src)
    out = _rows(input)
    out.reshape(-1)[places(index, dim, out.shape)] = src
    return out


@op(
    lambda g: g,
    lambda g, index, dim: _gather(g, index, dim),
    None,
    samples=lambda s: [(s(4, 3), s(2, 3), s.ints(4, 2, 3), 0), (s(2, 3), s(2, 4), s.ints(3, 2, 4), 1)],
)
def _scatter_add(input: Any, src: Any, index: Any, dim: int) -> Any:
    """A copy of `input` with `src` added by position along `dim`."""
    dtypes.fits("scatter_add", input.dtype, src)
    out = _rows(input)
    add_along(out, src, index, dim)
    return out


def _prepared(name: str, input: Any, dim: int, index: Any, src: Any) -> tuple[Any, ...] | None:
    """Input, src, with a dim or more, index, dim; src cut to the index's shape. None if nothing is to be written."""
    d, array = check_gather(name, tuple(input.shape), dim, index)
    if not array.size:
        return None
    if not len(input.shape) or not array.ndim:
        input, index, array = _fresh(input, (-1,)), reshape(index, (-1,)), array.reshape(-1)
        src = src if len(getattr(src, "shape", (1,))) else reshape(src, (1,))
    if isinstance(src, Tensor) and not len(src.shape) and array.size > 1:
        raise ShapeError(
            f"{name}: index of shape {array.shape} does not fit into src of shape (); give a number as value"
        )
    if hasattr(src, "shape") and len(src.shape):
        if src.dtype != input.dtype:
            raise DTypeError(f"{name}: src has dtype {src.dtype}, input {input.dtype}; convert one with to(dtype)")
        if len(src.shape) != array.ndim or any(n > m for n, m in zip(array.shape, src.shape, strict=True)):
            raise ShapeError(f"{name}: index of shape {array.shape} does not fit into src of shape {tuple(src.shape)}")
        if tuple(src.shape) != array.shape:
            src = _getitem(src, tuple([slice(0, n) for n in array.shape]) + (...,))
    return input, src, index, d


@function(
    inplace=True,
    samples=lambda s: [
        (s(4, 3), 0, np.array([[3, 1, 0], [0, 2, 1]]), s(2, 3)), (s(2, 3), 1, np.array([[2], [0]]), 1.5),
        (s(4, 3), 0, np.array([[3, 1]]), s(2, 3)), (s(), 0, np.array(0), s()),
    ],
)  # fmt: skip
def scatter(input: Any, dim: int, index: Any, src: Any = None, *, value: Any = None, reduce: str | None = None) -> Any:
    """`input` with src[i][j] written at [index[i][j]][j] for dim 0, and so on; `src` a tensor or a number.

    Where an index repeats, the last one stands. reduce: "add" or "multiply" instead of overwriting.

    >>> autograd.scatter(autograd.zeros(3), 0, autograd.tensor([2, 0]), autograd.tensor([1.0, 2.0]))
    tensor([2., 0., 1.])
    """
    src = value if src is None else src
    if src is None:
        raise TypeError("scatter: needs src, a tensor, or value, a number")
    if reduce is not None:
        kinds = {"add": "sum", "multiply": "prod"}
        if reduce not in kinds:
            raise ShapeError(f"scatter: reduce must be 'add' or 'multiply', got {reduce!r}")
        shape = _array(index).shape
        full = (
            src
            if hasattr(src, "shape") and len(src.shape)
            else np.broadcast_to(np.asarray(_array(src), input.dtype), shape)
        )
        return scatter_reduce(input, dim, index, full, kinds[reduce])
    ready = _prepared("scatter", input, dim, index, dtypes.fitting("scatter", src, input.dtype))
    return clone(input) if ready is None else _shaped(_scatter(*ready), input)


@function(
    inplace=True,
    samples=lambda s: [
        (s(4, 3), 0, s.ints(4, 2, 3), s(2, 3)),
        (s(2, 3), -1, s.ints(3, 2, 4), s(2, 5)),
        (s(), 0, np.array(0), s()),
    ],
)
def scatter_add(input: Any, dim: int, index: Any, src: Any) -> Any:
    """`input` with src[i][j] added at [index[i][j]][j] for dim 0, and so on; repeated indices add up.

    >>> autograd.scatter_add(autograd.zeros(3), 0, autograd.tensor([0, 0]), autograd.tensor([1.0, 2.0]))
    tensor([3., 0., 0.])
    """
    ready = _prepared("scatter_add", input, dim, index, src)
    if ready is None:
        return clone(input)
    x, added, where_, d = ready
    vector = of_slices(where_, tuple(x.shape), d) if hasattr(added, "shape") else None
    return _shaped(_scatter_add(*ready) if vector is None else _index_add(x, added, vector, d), input)


def _reduce_gradients(
    g: Any, input: Any, src: Any, index: Any, y: Any, dim: int, reduce: str, include_self: bool, needs: list[bool]
) -> tuple[Any, ...]:
    """Gradients of input and src; ties of amax and amin share evenly, a product is divided out if nothing is zero."""
    keep = 1.0 if include_self else _scatter(_ones(g), 0.0, index, dim)
    if reduce == "sum":
        return g * keep, _gather(g, index, dim), None
    if reduce == "mean":
        count = _scatter_add(_ones(g) * keep, _ones(src), index, dim)
        count = where(_eq(count, 0.0), 1.0, count)
        return g * keep / count, _gather(g / count, index, dim), None
    if reduce == "prod":
        # the product of the others: of a place with one zero the rest of its product, with two or more zeros nothing
        zero, at_src = _eq(input, 0.0), _eq(src, 0.0)
        plain = where(zero, 1.0, input)
        plain_src = where(at_src, 1.0, src)
        zeros = _scatter_add(where(zero, 1.0, 0.0) * _ones(g) * keep, where(at_src, 1.0, 0.0) * _ones(src), index, dim)
        others = _scatter_reduce(plain, plain_src, index, dim, "prod", include_self)
        at_one = _eq(zeros, 1.0)
        # what stands at a place with a zero is y / x, 0 with a derivative; of two zeros each has the other as its rest
        nought = _scatter_add(where(zero, input, 0.0) * keep, where(at_src, src, 0.0), index, dim)
        mine = where(zero, where(at_one, others, where(_eq(zeros, 2.0), (nought - input) * others, 0.0)), y / plain)
        z, o, rest = _gather(zeros, index, dim), _gather(others, index, dim), _gather(nought, index, dim)
        both = where(_eq(z, 2.0), (rest - src) * o, 0.0)
        theirs = where(at_src, where(_eq(z, 1.0), o, both), _gather(y, index, dim) / plain_src)
        return g * keep * mine, _gather(g, index, dim) * theirs, None
    is_best = where(_eq(input, y), 1.0, 0.0) * keep
    is_best_src = where(_eq(src, _gather(y, index, dim)), 1.0, 0.0)
    count = _scatter_add(is_best * _ones(g), is_best_src * _ones(src), index, dim)
    share = g / where(_eq(count, 0.0), 1.0, count)
    return share * is_best, _gather(share, index, dim) * is_best_src, None


@op(
    joint=lambda g, input, src, index, y, dim, reduce, include_self, needs: _reduce_gradients(
        g, input, src, index, y, dim, reduce, include_self, needs
    ),
    n_inputs=3,
    samples=lambda s: [
        (s(4, 3), s(5, 3), s.ints(4, 5, 3), 0, reduce, own)
        for reduce in ("sum", "mean", "prod", "amax", "amin") for own in (True, False)
    ],
)  # fmt: skip
def _scatter_reduce(input: Any, src: Any, index: Any, dim: int, reduce: str, include_self: bool) -> Any:
    """A copy of `input` reduced with `src` by position along `dim`."""
    out = _rows(input)
    flat, where_, values = (
        out.reshape(-1),
        places(index, dim, out.shape).reshape(-1),
        np.ascontiguousarray(src).reshape(-1),
    )
    ufunc = {"sum": np.add, "mean": np.add, "prod": np.multiply, "amax": np.maximum, "amin": np.minimum}[reduce]
    if not include_self:
        flat[where_] = _neutral(reduce, out.dtype)
    ufunc.at(flat, where_, values)
    if reduce == "mean":
        count = np.bincount(where_, minlength=out.size) + (1 if include_self else 0)
        count[count == 0] = 1
        if out.dtype.kind == "f":
            flat /= count.astype(out.dtype)
        else:
            flat //= count.astype(out.dtype)
    return out


def _neutral(reduce: str, dtype: np.dtype) -> Any:
    if reduce in ("sum", "mean", "prod"):
        return 1 if reduce == "prod" else 0
    if dtype.kind == "f":
        return -np.inf if reduce == "amax" else np.inf
    if dtype.kind == "b":
        return reduce == "amin"
    limits = np.iinfo(dtype)
    return limits.min if reduce == "amax" else limits.max


REDUCTIONS = ("sum", "prod", "mean", "amax", "amin")


@function(
    inplace=True,
    samples=lambda s: [
        (s(4, 3), 0, s.ints(4, 5, 3), s(5, 3), "sum"),
        (s(4, 3), 0, s.ints(4, 5, 3), s(5, 3), "amax", {"include_self": False}),
        (s(4, 3), 1, s.ints(3, 4, 2), s(4, 2), "prod"), (s(4, 3), 1, s.ints(3, 4, 2), s(4, 2), "mean"),
    ],
)  # fmt: skip
def scatter_reduce(input: Any, dim: int, index: Any, src: Any, reduce: str, *, include_self: bool = True) -> Any:
    """`scatter_add` with another reduction: sum, prod, mean, amax, amin; include_self: input's own value takes part.

    >>> autograd.scatter_reduce(autograd.zeros(3), 0, autograd.tensor([0, 0]), autograd.tensor([1.0, 2.0]), "amax")
    tensor([2., 0., 0.])
    """
    if reduce not in REDUCTIONS:
        raise ShapeError(f"scatter_reduce: reduce must be one of {', '.join(REDUCTIONS)}, got {reduce!r}")
    ready = _prepared("scatter_reduce", input, dim, index, src)
    return clone(input) if ready is None else _shaped(_scatter_reduce(*(*ready, reduce, include_self)), input)


# --------------------------------------------------------------------------------------------- slices by a vector


def _vector(name: str, input: Any, dim: int, index: Any) -> tuple[Any, Any, int]:
    """Input with at least one dim, the index as a checked vector, dim."""
    n = len(input.shape)
    d = dim_of(name, dim, n)
    array = _array(index)
    if array.ndim > 1:
        raise RangeError(f"{name}: index must be a vector, got shape {array.shape}")
    check_index(name, array, input.shape[d] if n else 1, d, negative=name == "index_fill")
    return (input if n else reshape(input, (1,))), (index if array.ndim else reshape(index, (1,))), d


def _source(name: str, input: Any, index: Any, source: Any, dim: int, ndim: int) -> Any:
    """`source` checked: as many slices along `dim` as there are indices, otherwise shaped as input, once of `ndim` dims."""
    if source.dtype != input.dtype:
        raise DTypeError(f"{name}: source has dtype {source.dtype}, input {input.dtype}; convert one with to(dtype)")
    if not len(source.shape) and len(input.shape) == 1 and (name == "index_copy" or not ndim):
        source = reshape(source, (1,))
    shape, given, count = tuple(input.shape), tuple(source.shape), index.shape[0]
    if len(given) == len(shape) and given[dim] != count:
        raise PlaceError(f"{name}: {count} indices for {given[dim]} slices of source along dim {dim}")
    wanted = (*shape[:dim], count, *shape[dim + 1 :])
    if given != wanted:
        raise ShapeError(f"{name}: source has shape {given}, expected {wanted} for {count} indices along dim {dim}")
    return source


@op(
    lambda g: g,
    lambda g, index, dim: _index_select(g, index, dim),
    None,
    samples=lambda s: [(s(4, 3), s(5, 3), s.ints(4, 5), 0), (s(4, 3), s(4, 2), s.ints(3, 2), 1)],
)
def _index_add(input: Any, source: Any, index: Any, dim: int) -> Any:
    """A copy of `input` with slices added along `dim`."""
    dtypes.fits("index_add", input.dtype, source)
    out = np.array(leading(input, dim), order="C")
    add_at(out, (index,), leading(source, dim))
    return placed(out, dim)


@function(
    inplace=True,
    samples=lambda s: [
        (s(4, 3), 0, s.ints(4, 5), s(5, 3)),
        (s(4, 3), -1, s.ints(3, 2), s(4, 2), {"alpha": 2.0}),
        (s(), 0, np.array(0), s()),
    ],
)
def index_add(input: Any, dim: int, index: Any, source: Any, *, alpha: Any = 1) -> Any:
    """`input` with alpha times the slices of `source` added at the places along `dim` that the vector `index` names.

    >>> autograd.index_add(autograd.zeros(3), 0, autograd.tensor([0, 0]), autograd.tensor([1.0, 2.0]))
    tensor([3., 0., 0.])
    """
    x, index, d = _vector("index_add", input, dim, index)
    source = _source("index_add", x, index, source, d, len(input.shape))
    return _shaped(_index_add(x, source if alpha == 1 else source * alpha, index, d), input)


@op(
    lambda g, index, dim: _index_copy(g, 0.0, index, dim),
    lambda g, index, dim: _index_select(g, index, dim),
    None,
    samples=lambda s: [
        (s(4, 3), s(2, 3), np.array([3, 1]), 0),
        (s(4, 3), s(4, 2), np.array([2, 0]), 1),
        (s(4, 3), s(), np.array([2]), 1),
    ],
)
def _index_copy(input: Any, source: Any, index: Any, dim: int) -> Any:
    """A copy of `input` with slices, or one number, written along `dim`."""
    dtypes.fits("index_copy", input.dtype, source)
    out = _rows(input)
    out[(slice(None),) * dim + (index,)] = source
    return out


@function(
    inplace=True, samples=lambda s: [(s(4, 3), 0, np.array([3, 1]), s(2, 3)), (s(4, 3), -1, np.array([2, 0]), s(4, 2))]
)
def index_copy(input: Any, dim: int, index: Any, source: Any) -> Any:
    """`input` with the slices of `source` at the places along `dim` that the vector `index` names.

    >>> autograd.index_copy(autograd.zeros(3), 0, autograd.tensor([2, 0]), autograd.tensor([1.0, 2.0]))
    tensor([2., 0., 1.])
    """
    x, index, d = _vector("index_copy", input, dim, index)
    return _shaped(_index_copy(x, _source("index_copy", x, index, source, d, len(input.shape)), index, d), input)


@function(inplace=True, samples=lambda s: [(s(4, 3), 0, np.array([3, 1]), 2.0), (s(4, 3), -1, np.array([2, 2]), s())])
def index_fill(input: Any, dim: int, index: Any, value: Any) -> Any:
    """`input` with `value`, a number or a 0-dim tensor, in the slices along `dim` that the vector `index` names.

    >>> autograd.index_fill(autograd.zeros(3), 0, autograd.tensor([1]), 5.0)
    tensor([0., 5., 0.])
    """
    if len(getattr(value, "shape", ())):
        raise ShapeError(f"index_fill: value must be a number or 0-dim, got shape {tuple(value.shape)}")
    x, index, d = _vector("index_fill", input, dim, index)
    value = dtypes.fitting("index_fill", value, input.dtype)
    index = np.unique(
        _array(index) % max(x.shape[d], 1)
    )  # each place once, so that the value's gradient counts it once
    return _shaped(_index_copy(x, value, index, d), input)


# ------------------------------------------------------------------------------------------- places and masks


@function(
    inplace=True,
    samples=lambda s: [
        (s(4, 3), (np.array([1, 0]), np.array([2, 2])), s(2)), (s(4, 3), (np.array([1, 1]),), s(3), True),
        (s(3), (s.bools(3),), s()),
    ],
)  # fmt: skip
def index_put(input: Any, indices: Any, values: Any, accumulate: bool = False) -> Any:
    """`input` with `values`, broadcast, at the subscript `indices`; accumulate: added, repetitions too.

    >>> autograd.index_put(autograd.zeros(3), (autograd.tensor([1]),), autograd.tensor(5.0))
    tensor([0., 5., 0.])
    """
    if values.dtype != input.dtype:
        raise DTypeError(
            f"index_put: values have dtype {values.dtype}, input {input.dtype}; convert one with to(dtype)"
        )
    arrays = tuple([slice(None) if i is None else i for i in indices])
    basic, advanced = parse(tuple(input.shape), arrays)
    if basic is not None or advanced is None:
        raise RangeError("index_put: indices must be tensors of integers or bools, or None for a whole dim")
    try:
        shape = _read_shape(input, advanced.items)
    except IndexError:
        raise _explained(tuple(input.shape), advanced.items) from None
    if accumulate:
        return input + _index_sum(expand(values, shape), tuple(input.shape), advanced)
    return _index_put(input, expand(values, shape), advanced)


def _read_shape(input: Any, indices: Any) -> tuple[int, ...]:
    """The shape of `input[indices]`."""
    return np.broadcast_to(np.int8(0), tuple(input.shape))[indices].shape


@function(
    inplace=True, samples=lambda s: [(s(4, 3), np.array([1, -2]), s(2)), (s(4, 3), np.array([[1, 1]]), s(1, 2), True)]
)
def put(input: Any, index: Any, source: Any, accumulate: bool = False) -> Any:
    """`input`, read as flat, with `source` at `index` (as many elements); accumulate: added, repetitions too.

    >>> autograd.put(autograd.zeros(3), autograd.tensor([2]), autograd.tensor([1.0]))
    tensor([0., 0., 1.])
    """
    flat = reshape(input, (-1,))
    array = _array(index)
    check_index("put", array, flat.shape[0], 0, negative=True)
    if tuple(source.shape) != array.shape and _array(source).size != array.size:
        raise ShapeError(f"put: source has {_array(source).size} elements, index {array.size}; expected as many")
    return reshape(index_put(flat, (array.reshape(-1),), reshape(source, (-1,)), accumulate), tuple(input.shape))


@function(inplace=True, samples=lambda s: [(s(3, 4), s.bools(3, 4), s(12)), (s(3, 2), s.bools(2), s(3, 4))])
def masked_scatter(input: Any, mask: Any, source: Any) -> Any:
    """`input` with the elements of `source`, in order, where the mask (broadcast) holds.

    >>> autograd.masked_scatter(autograd.zeros(3), autograd.tensor([True, True, False]), autograd.tensor([1.0, 2.0]))
    tensor([1., 2., 0.])
    """
    array = _mask("masked_scatter", mask)
    shape = broadcast_shapes(tuple(input.shape), array.shape)
    full = np.broadcast_to(array, shape)
    count = int(full.sum())
    if source.dtype != input.dtype:
        raise DTypeError(
            f"masked_scatter: source has dtype {source.dtype}, input {input.dtype}; convert one with to(dtype)"
        )
    values = reshape(source, (-1,))
    if values.shape[0] < count:
        raise ShapeError(f"masked_scatter: source has {values.shape[0]} elements, the mask takes {count}")
    return _index_put(expand(input, shape), _getitem(values, (slice(0, count), ...)), Subscript(full))


from .compare import _where as where  # noqa: E402  these build on the ops above
from .compare import eq as _eq  # noqa: E402
from .index import Subscript, _explained, _getitem, _index_put, _index_sum, _mask, parse  # noqa: E402
from .shape import _fresh, broadcast_shapes, clone, expand, reshape  # noqa: E402
