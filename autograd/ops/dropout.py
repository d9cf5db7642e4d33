"""Dropout: a seed drawn from the default generator decides which values stay. The op is given the seed and draws nothing
itself; channels are dropped by a product with a mask."""

from __future__ import annotations

from math import sqrt
from typing import Any

import numpy as np
from numpy import ndarray

from .. import random
from ..errors import DTypeError, NumberError, ShapeError
from ..kernels import elementwise as kernels
from ..op import function, op
from ..tensor import wrap
from .arithmetic import mul


def _check(name: str, p: float) -> None:
    if not 0 <= p <= 1:
        raise NumberError(f"{name}: p is {p}, the probability of dropping a value; expected 0 to 1")


def keep_mask(shape: tuple[int, ...], p: float, dtype: np.dtype) -> ndarray:
    """1 with probability 1 - p, else 0, drawn from the default generator."""
    return (random.default_generator.rng.random(shape, np.float32) >= p).astype(dtype)


@op(
    lambda g, y, p: _masked(g, y[1], p),
    hidden=1,
    samples=lambda s: [(s(3, 4), 0.5, 7), (s(3), 1.0, 0), (s(2, 3, 2), 0.2, 2**64 - 1), (s(), 0.5, 1)],
)
def _dropout(input: Any, p: float, seed: int) -> Any:
    """Values kept by the numbers of `seed`, scaled by 1 / (1 - p), or 0; also the mask of those kept."""
    # in the order of the indices, so that the memory order does not change the mask
    return kernels.dropout(np.ascontiguousarray(input).reshape(input.shape), p, seed)


@op(
    lambda g, kept, p: _masked(g, kept, p),
    None,
    samples=lambda s: [(s(3, 4), s.ints(2, 3, 4).astype(bool), 0.5)],
)
def _masked(input: Any, kept: ndarray, p: float) -> Any:
    """input / (1 - p) where kept, else 0: the adjoint of `_dropout`, and its own."""
    return kernels.dropout_backward(np.asarray(input), kept, p)


def _dropped(name: str, input: Any, p: float, training: bool, rank: int = 0) -> Any:
    """Whole values, or with `rank` whole channels of that many spatial dimensions, set to 0 and the others scaled
    up."""
    _check(name, p)
    if not training or p == 0:
        return input
    if input.dtype.kind != "f":
        raise DTypeError(f"{name}: input is {input.dtype}; expected float32 or float64, cast it with to()")
    if not rank:
        return _dropout(input, float(p), int(random.default_generator.rng.integers(2**63)))[0]
    mask = keep_mask((*input.shape[: input.ndim - rank], *(1,) * rank), p, input.dtype)
    if p < 1:
        mask *= 1 / (1 - p)
    return mul(input, mask if isinstance(input, ndarray) else wrap(mask))


@function(method=False, inplace=False, samples=lambda s: [(s(3, 4), 0.0), (s(3), 0.5, False), (s(2, 2), 1.0)])
def dropout(input: Any, p: float = 0.5, training: bool = True) -> Any:
    """In training each value is set to 0 with probability p, at random, and the others are scaled by 1 / (1 - p).

    Source: Srivastava et al. 2014, https://jmlr.org/papers/v15/srivastava14a.html. Raises ValueError for p.

    >>> autograd.dropout(autograd.ones(2), 0.5, training=False)
    tensor([1., 1.])
    """
    return _dropped("dropout", input, p, training)


def _channels(name: str, input: Any, p: float, training: bool, rank: int) -> Any:
    if input.ndim not in (rank + 1, rank + 2):
        raise ShapeError(f"{name}: input has shape {tuple(input.shape)}; expected {rank + 1} or {rank + 2} dimensions")
    return _dropped(name, input, p, training, rank)


def _rows(name: str, input: Any, p: float, training: bool) -> Any:
    if input.ndim < 2:
        raise ShapeError(f"{name}: input has shape {tuple(input.shape)}; expected at least 2 dimensions, (N, C, *)")
    return _dropped(name, input, p, training, input.ndim - 2)


@function(method=False, samples=lambda s: [(s(2, 3, 4), 0.0), (s(3, 4), 0.5, False)])
def dropout1d(input: Any, p: float = 0.5, training: bool = True) -> Any:
    """`dropout` of whole channels, chosen at random, of input (N, C, L) or (C, L).

    >>> autograd.dropout1d(autograd.ones(1, 1, 2), training=False)
    tensor([[[1., 1.]]])
    """
    return _channels("dropout1d", input, p, training, 1)


@function(method=False, samples=lambda s: [(s(2, 3, 4, 2), 0.0), (s(3, 4, 2), 0.5, False)])
def dropout2d(input: Any, p: float = 0.5, training: bool = True) -> Any:
    """`dropout` of whole channels, chosen at random, of input (N, C, H, W), or, as torch reads it, (N, C, *).

    Source: Tompson et al. 2015, https://arxiv.org/abs/1411.4280.

    >>> autograd.dropout2d(autograd.ones(1, 2, 2), training=False).shape
    Size([1, 2, 2])
    """
    return _rows("dropout2d", input, p, training)


@function(method=False, samples=lambda s: [(s(1, 2, 3, 2, 2), 0.0), (s(2, 3, 2, 2), 0.5, False)])
def dropout3d(input: Any, p: float = 0.5, training: bool = True) -> Any:
    """`dropout` of whole channels, chosen at random, of input (N, C, D, H, W) or (C, D, H, W).

    >>> autograd.dropout3d(autograd.ones(1, 2, 2, 2), training=False).shape
    Size([1, 2, 2, 2])
    """
    if input.ndim == 4:  # (C, D, H, W)
        return _channels("dropout3d", input, p, training, 3)
    return _rows("dropout3d", input, p, training)


_SELU_FLOOR = -1.7580993408473766  # minus SELU's scale times its alpha: the value SELU tends to on the left


def _alpha_dropped(name: str, input: Any, p: float, training: bool, channels: bool) -> Any:
    _check(name, p)
    if not training or p == 0:
        return input
    if input.dtype.kind != "f":
        raise DTypeError(f"{name}: input is {input.dtype}; expected float32 or float64, cast it with to()")
    if channels and p < 1 and input.ndim < 2:
        raise ShapeError(f"{name}: input has shape {tuple(input.shape)}; expected (N, C, ...)")
    shape = (*input.shape[:2], *(1,) * (input.ndim - 2)) if channels else tuple(input.shape)
    if p == 1:
        return input * 0.0
    keep = keep_mask(shape, p, input.dtype)
    a = 1 / sqrt((_SELU_FLOOR**2 * p + 1) * (1 - p))
    scale, shift = keep * a, (1 - keep) * (a * _SELU_FLOOR) + _SELU_FLOOR * a * -p
    if isinstance(input, ndarray):
        return input * scale + shift
    return input * wrap(scale) + wrap(shift)


@function(method=False, samples=lambda s: [(s(3, 4), 0.0), (s(3), 0.5, False)])
def alpha_dropout(input: Any, p: float = 0.5, training: bool = False) -> Any:
    """Dropout for SELU networks: values chosen at random take SELU's lower limit, then mean and variance are restored.

    Source: Klambauer et al. 2017, https://arxiv.org/abs/1706.02515.

    >>> autograd.alpha_dropout(autograd.ones(2), 0.5, training=False)
    tensor([1., 1.])
    """
    return _alpha_dropped("alpha_dropout", input, p, training, False)


@function(method=False, samples=lambda s: [(s(2, 3, 4), 0.0), (s(2, 3), 0.5, False)])
def feature_alpha_dropout(input: Any, p: float = 0.5, training: bool = False) -> Any:
    """`alpha_dropout` of whole channels, chosen at random, of input (N, C, ...).

    >>> autograd.feature_alpha_dropout(autograd.ones(1, 2, 2), training=False).shape
    Size([1, 2, 2])
    """
    return _alpha_dropped("feature_alpha_dropout", input, p, training, True)
