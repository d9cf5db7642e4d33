"""Rows of a table by their numbers: embedding, and bags of them summed, averaged or maximised."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy import ndarray

from ..dtypes import int64
from ..errors import DTypeError, NumberError, RangeError, ShapeError
from ..forms import RowSums, SparseRows
from ..kernels import scatter
from ..op import function, op
from ..tensor import Tensor
from .arithmetic import mul
from .compare import where
from .pad import pad
from .reduce import _max
from .rows import _row_sums
from .shape import reshape


def _rows_gradient(
    g: Any, indices: ndarray, weight_shape: tuple[int, ...], padding_idx: int | None, by_frequency: bool, sparse: bool
) -> Any:
    if type(g) is RowSums:
        of = indices.reshape(-1)[g.first]
        if sparse or by_frequency or (of[g.numbers] != indices).any():  # rows may be equal that are not of one index
            g = g.dense()
        else:
            g, indices = g.sums, of
    if sparse and type(g) is ndarray and not by_frequency:
        flat, rows = indices.reshape(-1), g.reshape(indices.size, *weight_shape[1:])
        if padding_idx is not None:
            keep = flat != padding_idx
            flat, rows = flat[keep], rows[keep]
        return SparseRows(flat, rows, weight_shape)
    return _embedding_weight(g, indices, weight_shape[0], padding_idx, by_frequency)


@op(
    _rows_gradient,
    None,
    samples=lambda s: [(s(5, 3), s.ints(5, 2, 4), None, False, False), (s(5, 3), np.array(2), None, False, False)],
)
def _embedding(weight: Any, indices: ndarray, padding_idx: int | None, by_frequency: bool, sparse: bool) -> Any:
    """Rows `indices` of weight."""
    large = weight.ndim == 2 and weight.dtype.kind == "f" and indices.size * weight.shape[1] >= 1 << 17
    if large and weight.flags.carray and indices.flags.carray and indices.dtype == int64:
        return scatter.embedding(weight, indices)  # on all threads; numpy's is as fast on one
    return weight.take(indices, 0)


@op(
    lambda g, indices, padding_idx, by_frequency: _picked(g, indices, padding_idx, by_frequency),
    None,
    samples=lambda s: [(s(2, 4, 3), s.ints(5, 2, 4), 5, None, False), (s(2, 4, 3), s.ints(5, 2, 4), 5, 1, True)],
)
def _embedding_weight(input: Any, indices: ndarray, rows: int, padding_idx: int | None, by_frequency: bool) -> Any:
    """Rows of input added at `indices` into a table of zeros, each divided by how often its index occurs if
    by_frequency."""
    flat, values = indices.reshape(-1), input.reshape(indices.size, *input.shape[indices.ndim :])
    if padding_idx is not None or by_frequency:
        values = values * _row_scale(flat, rows, padding_idx, by_frequency, input.dtype).reshape(
            -1, *(1,) * (values.ndim - 1)
        )
    table = np.zeros((rows, *values.shape[1:]), input.dtype)
    if values.size:
        scatter.index_add(table.reshape(rows, -1), flat, values.reshape(len(flat), -1))
    return table


def _row_scale(flat: ndarray, rows: int, padding_idx: int | None, by_frequency: bool, dtype: np.dtype) -> ndarray:
    scale = 1 / np.bincount(flat, minlength=rows)[flat] if by_frequency else np.ones(flat.size)
    if padding_idx is not None:
        scale[flat == padding_idx] = 0
    return scale.astype(dtype)


def _picked(g: Any, indices: ndarray, padding_idx: int | None, by_frequency: bool) -> Any:
    """The adjoint of `_embedding_weight`: rows of g, scaled as they were."""
    y = _embedding(g, indices, None, False, False)
    if padding_idx is None and not by_frequency:
        return y
    scale = _row_scale(indices.reshape(-1), g.shape[0], padding_idx, by_frequency, g.dtype)
    return mul(y, scale.reshape(*indices.shape, *(1,) * (g.ndim - 1)))


def indices_of(name: str, indices: Any, rows: int, what: str = "input") -> ndarray:
    """Integer indices into a table of `rows` rows as int64, each checked. Raises TypeError, IndexError."""
    array = indices.numpy_view() if isinstance(indices, Tensor) else np.asarray(indices)
    if array.dtype.kind not in "iu":
        raise DTypeError(f"{name}: {what} is {array.dtype}; expected integer indices, cast with long()")
    if array.dtype is not int64:
        array = array.astype(int64, copy=False)
    if array.size and np.maximum.reduce(array.view(np.uint64), None) >= rows:  # a negative number is large too
        bad = tuple(np.argwhere((array < 0) | (array >= rows))[0])
        raise RangeError(
            f"{name}: {what}[{', '.join(map(str, bad))}] is {array[bad]}; the table has rows 0 to {rows - 1}"
        )
    return array


def _renormed(weight: Any, indices: ndarray, max_norm: float, norm_type: float) -> None:
    """Scale the rows in use down, in place, to a norm of at most max_norm."""
    table = weight.numpy_view() if isinstance(weight, Tensor) else weight
    if table.dtype.kind != "f":
        raise DTypeError(f"embedding: weight is {table.dtype}; max_norm needs float32 or float64, cast with to()")
    used = np.unique(indices)
    norms = np.linalg.norm(table[used], norm_type, axis=1)
    large = norms > max_norm
    if large.any():
        table[used[large]] *= (max_norm / (norms[large] + 1e-7)).astype(table.dtype)[:, None]
        if isinstance(weight, Tensor):
            weight._cell.written("embedding")


@function(
    method=False,
    samples=lambda s: [
        (s.ints(5, 2, 4), s(5, 3)),
        (s.ints(5, 3), s(5, 3), {"max_norm": 9.0}),
        (s.ints(5, 0), s(5, 3)),
    ],
)
def embedding(
    input: Any, weight: Any, padding_idx: int | None = None, max_norm: float | None = None, norm_type: float = 2.0,
    scale_grad_by_freq: bool = False, sparse: bool = False,
) -> Any:  # fmt: skip
    """Rows of weight (V, D) by their numbers: input of integers of any shape (*), result (*, D).

    padding_idx: a row that gets no gradient. max_norm: rows in use are first scaled, in place, to at most that
    norm_type norm. scale_grad_by_freq: gradients are divided by how often their row occurs. sparse: the gradient is a
    `SparseRows`. Raises IndexError for a number outside 0 to V - 1, naming its place.

    >>> autograd.embedding(autograd.tensor([1, 0]), autograd.tensor([[1.0, 2.0], [3.0, 4.0]]))
    tensor([[3., 4.],
            [1., 2.]])
    """
    shape = getattr(getattr(weight, "_data", weight), "shape", None)
    if shape is None:
        raise TypeError(f"embedding: weight is {weight!r}; expected a Tensor")
    if len(shape) != 2:
        raise ShapeError(f"embedding: weight has shape {tuple(shape)}; expected (V, D)")
    rows = shape[0]
    if padding_idx is not None:
        if not -rows <= padding_idx < rows:
            raise NumberError(f"embedding: padding_idx is {padding_idx}; the table has rows 0 to {rows - 1}")
        padding_idx %= rows
    indices = indices_of("embedding", input, rows)
    if max_norm is not None:
        _renormed(weight, indices, max_norm, norm_type)
    return _embedding(weight, indices, padding_idx, scale_grad_by_freq, sparse)


def _bags(input: Any, offsets: Any, include_last_offset: bool, rows: int) -> tuple[ndarray, ndarray]:
    """The indices in a row, and where each bag starts and the last ends."""
    name = "embedding_bag"
    flat = indices_of(name, input, rows)
    if flat.ndim == 2:
        if offsets is not None:
            raise ShapeError(f"{name}: offsets must be None for a 2-d input, whose rows are the bags")
        return flat.reshape(-1), np.arange(flat.shape[0] + 1) * flat.shape[1]
    if flat.ndim != 1 or offsets is None:
        raise ShapeError(f"{name}: input has shape {flat.shape}; expected (B, n), or (n,) with offsets")
    starts = offsets.numpy_view() if isinstance(offsets, Tensor) else np.asarray(offsets)
    if starts.ndim != 1 or starts.dtype.kind not in "iu" or (starts.size and starts[0] != 0):
        raise ShapeError(f"{name}: offsets are {starts.dtype} {starts.shape}; expected integers (B,) that start at 0")
    if (np.diff(starts) < 0).any() or (starts.size and starts[-1] > flat.size):
        raise NumberError(f"{name}: offsets must not fall nor exceed the {flat.size} indices, got {starts.tolist()}")
    return flat, starts if include_last_offset else np.append(starts, flat.size)


@function(
    method=False,
    samples=lambda s: [
        (s.ints(5, 2, 3), s(5, 2)), (s.ints(5, 6), s(5, 2), np.array([0, 2, 2, 5]), {"mode": "sum"}),
        (s.ints(5, 6), s(5, 2), np.array([0, 4]), {"mode": "max"}),
    ],
)  # fmt: skip
def embedding_bag(
    input: Any, weight: Any, offsets: Any = None, max_norm: float | None = None, norm_type: float = 2,
    scale_grad_by_freq: bool = False, mode: str = "mean", sparse: bool = False, per_sample_weights: Any = None,
    include_last_offset: bool = False, padding_idx: int | None = None,
) -> Any:  # fmt: skip
    """Sums, means or maxima of bags of rows of weight (V, D): input (B, n), or (n,) cut at `offsets`; result (B, D).

    An empty bag gives 0. per_sample_weights: a factor an index, for mode 'sum'. padding_idx: rows that are left out.
    The other arguments and errors as in `embedding`.

    >>> autograd.embedding_bag(autograd.tensor([[1, 0]]), autograd.tensor([[1.0, 2.0], [3.0, 4.0]]))
    tensor([[2., 3.]])
    """
    if mode not in ("sum", "mean", "max"):
        raise NumberError(f"embedding_bag: mode is {mode!r}; expected 'sum', 'mean' or 'max'")
    if per_sample_weights is not None and (mode != "sum" or tuple(per_sample_weights.shape) != tuple(input.shape)):
        raise ShapeError(
            f"embedding_bag: per_sample_weights of shape {tuple(per_sample_weights.shape)} and mode {mode!r}; "
            f"expected mode 'sum' "
            f"and input's shape {tuple(input.shape)}"
        )
    if weight.dtype.kind != "f":
        raise DTypeError(f"embedding_bag: weight is {weight.dtype}; expected float32 or float64, cast with to()")
    if per_sample_weights is not None and per_sample_weights.dtype != weight.dtype:
        raise DTypeError(
            f"embedding_bag: per_sample_weights are {per_sample_weights.dtype}, weight {weight.dtype}; expected one dtype"
        )
    flat, borders = _bags(input, offsets, include_last_offset, weight.shape[0])
    bags = len(borders) - 1
    bag = np.repeat(np.arange(bags), np.diff(borders))
    used = slice(borders[0], borders[-1]) if bags else slice(0, 0)
    factor = None if per_sample_weights is None else reshape(per_sample_weights, (-1,))[used]
    flat = flat[used]
    if padding_idx is not None:
        keep = np.nonzero(flat != padding_idx % weight.shape[0])[0]
        flat, bag = flat[keep], bag[keep]
        factor = None if factor is None else factor[keep]
    counts = np.bincount(bag, minlength=bags)
    if mode == "max" or scale_grad_by_freq:
        rows = embedding(flat, weight, padding_idx, max_norm, norm_type, scale_grad_by_freq, sparse)
    elif max_norm is not None:
        _renormed(weight, flat, max_norm, norm_type)
    if mode == "max" and bags and counts.min() == counts.max() > 0:
        return _max(reshape(rows, (bags, int(counts[0]), weight.shape[1])), 1)[0]
    if mode == "max":
        place = np.arange(len(bag)) - np.repeat(np.cumsum(counts) - counts, counts)
        table = np.full((bags, max(counts.max(initial=0), 1)), -1)
        table[bag, place] = np.arange(len(bag))
        full = _pad_row(rows)[table]
        return where((counts > 0)[:, None], _max(where((table >= 0)[..., None], full, float("-inf")), 1)[0], 0.0)
    if scale_grad_by_freq:
        total = _row_sums(rows, factor, np.arange(len(bag)), bag, bags, False)
    else:
        total = _row_sums(weight, factor, flat, bag, bags, sparse)
    return total / np.maximum(counts, 1).astype(weight.dtype)[:, None] if mode == "mean" else total


def _pad_row(rows: Any) -> Any:
    """One more row, of zeros, for places of a bag that hold nothing."""
    return pad(rows, (0, 0, 0, 1))
