"""Softmax along a dimension, its logarithm, and softmin."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np
from numpy import ndarray

from .. import dtypes
from ..errors import DTypeError, ShapeError
from ..kernels import gate
from ..kernels import softmax as kernels
from ..op import function, op
from ..samples import Draw
from .dims import dim_of, ndim_of
from .elementwise import exp, sigmoid
from .index import narrow
from .join import cat
from .reduce import sum


def _along(kernel: Callable[..., ndarray], dim: int, *arrays: ndarray) -> ndarray:
    """`kernel`, which works along the rows of matrices or down columns, along `dim` of arrays of any shape."""
    first = arrays[0]
    if not first.ndim:
        return kernel(*(a.reshape(1, 1) for a in arrays)).reshape(())
    if not first.size:
        return np.empty(first.shape, first.dtype)
    dim %= first.ndim
    C, inner = first.shape[dim], prod(first.shape[dim + 1 :])
    if inner >= _COLUMNS and first.flags.c_contiguous:
        return kernel(*[a.reshape(-1, C, inner) for a in arrays]).reshape(first.shape)
    last = dim == first.ndim - 1
    moved = arrays if last else [np.moveaxis(a, dim, -1) for a in arrays]
    shape = moved[0].shape
    y = kernel(*[a.reshape(-1, C) for a in moved]).reshape(shape)
    return y if last else np.moveaxis(y, -1, dim)


_COLUMNS = 8  # from how many on columns are not copied into rows


def _samples(s: Draw) -> list[tuple[Any, ...]]:
    return [(s(3, 4), 1), (s(3, 4), 0), (s(2, 3, 2), 1), (s(2, 3, 9), 1), (s(), 0), (s(0, 3), 1)]


def _softmax_input(g: Any, y: Any, dim: int) -> Any:
    if type(g) is ndarray and type(y) is ndarray:
        return _along(kernels.softmax_backward, dim, g, y)
    return y * (g - sum(g * y, dim, True))


@op(_softmax_input, samples=_samples)
def _softmax(input: Any, dim: int, dtype: Any = None) -> Any:
    """exp(input) over its sum along `dim`, computed in `dtype`."""
    return _along(kernels.softmax, dim, input if dtype is None else input.astype(dtype))


def _log_softmax_input(g: Any, y: Any, dim: int) -> Any:
    if type(g) is ndarray and type(y) is ndarray:
        return _along(kernels.log_softmax_backward, dim, g, y)
    return g - exp(y) * sum(g, dim, True)


@op(_log_softmax_input, samples=_samples)
def _log_softmax(input: Any, dim: int, dtype: Any = None) -> Any:
    """input less the log of the sum of exp(input) along `dim`, computed in `dtype`."""
    return _along(kernels.log_softmax, dim, input if dtype is None else input.astype(dtype))


def _prepared(name: str, input: Any, dim: Any, dtype: Any) -> tuple[Any, int, Any]:
    n = ndim_of(name, "input", input)
    dtype = None if dtype is None else dtypes.as_dtype(dtype)
    if (input.dtype if dtype is None else dtype).kind != "f":
        raise DTypeError(f"{name}: input is {input.dtype}; expected float32 or float64, or give one as dtype")
    return input, dim_of(name, dim, n), dtype


@function(samples=lambda s: [(s(3, 4), 1), (s(2, 3, 2), -2), (s(), 0), (s(0, 3), 0)])
def softmax(input: Any, dim: int, dtype: Any = None) -> Any:
    """exp(input) over its sum along `dim`; `dtype` casts the input first. Raises IndexError for dim, TypeError for
    dtype.

    >>> autograd.softmax(autograd.zeros(2), 0)
    tensor([0.5000, 0.5000])
    """
    return _softmax(*_prepared("softmax", input, dim, dtype))


@function(samples=lambda s: [(s(3, 4), 1), (s(2, 3, 2), -2), (s(), 0), (s(0, 3), 0)])
def log_softmax(input: Any, dim: int, dtype: Any = None) -> Any:
    """The logarithm of `softmax`, exact where that is 0 in floating point.

    >>> autograd.log_softmax(autograd.zeros(2), 0)
    tensor([-0.6931, -0.6931])
    """
    return _log_softmax(*_prepared("log_softmax", input, dim, dtype))


@function(method=False, samples=lambda s: [(s(3, 4), 1), (s(2, 3, 2), -2)])
def softmin(input: Any, dim: int, dtype: Any = None) -> Any:
    """`softmax` of -input.

    >>> autograd.softmin(autograd.zeros(2), 0)
    tensor([0.5000, 0.5000])
    """
    return softmax(-input, dim, dtype)


def _glu_pull(g: Any, input: Any, dim: int) -> Any:
    if type(g) is ndarray and type(input) is ndarray and input.size >= _MANY:
        return gate.glu_backward(g, input, dim)
    half = input.shape[dim] // 2
    open = sigmoid(narrow(input, dim, half, half))
    return cat([g * open, g * narrow(input, dim, 0, half) * (open * (1.0 - open))], dim)


_MANY = 2048  # elements from where on the kernel is worth its call


@op(lambda g, input, dim: _glu_pull(g, input, dim), samples=lambda s: [(s(3, 4), 1), (s(2, 4, 3), 1), (s(40, 60), 0)])
def _glu(input: Any, dim: int) -> Any:
    """The first half along `dim` times the sigmoid of the second."""
    if input.size >= _MANY:
        return gate.glu(input, dim)
    half = input.shape[dim] // 2
    return narrow(input, dim, 0, half) * sigmoid(narrow(input, dim, half, half))


@function(method=False, samples=lambda s: [(s(3, 4),), (s(4, 3), 0), (s(2, 2, 3), 1)])
def glu(input: Any, dim: int = -1) -> Any:
    """The first half of input along `dim` times the sigmoid of the second. Source: https://arxiv.org/abs/1612.08083.

    >>> autograd.glu(autograd.tensor([1.0, 0.0]))
    tensor([0.5000])
    """
    if not input.ndim:
        raise ShapeError("glu: input is 0-dimensional; expected a dimension to halve")
    d = dim_of("glu", dim, input.ndim)
    if input.shape[d] % 2:
        raise ShapeError(f"glu: dim {dim} of input, shape {tuple(input.shape)}, has odd size; expected an even one")
    if input.dtype.kind != "f":
        raise DTypeError(f"glu: input is {input.dtype}; expected a floating dtype, convert with float()")
    return _glu(input, d)
