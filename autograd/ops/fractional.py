"""Fractional max pooling: windows of one size at drawn places. Graham 2014, arXiv:1412.6071."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
from numpy import ndarray

from ..errors import NumberError, ShapeError
from ..op import function
from ..random import uniform_array
from .conv import numbers
from .index import _gather
from .pool import _array, _images, _result
from .shape import reshape


def _starts(samples: ndarray, size: int, out: int, window: int) -> ndarray:
    """Where the windows of one dimension begin: (N, C, out), the steps between them about equal."""
    if out == 1:
        return np.full((*samples.shape, 1), size - window)
    alpha = (size - window) / (out - 1)
    steps = ((np.arange(out) + samples[..., None]) * alpha).astype(np.int64) - (samples[..., None] * alpha).astype(
        np.int64
    )
    steps[..., -1] = size - window
    return steps


def _fractional(
    name: str,
    n: int,
    input: Any,
    kernel_size: Any,
    output_size: Any,
    output_ratio: Any,
    return_indices: bool,
    drawn: Any,
) -> Any:
    x, single = _images(name, input, n)
    space = tuple(x.shape[2:])
    window = numbers(name, "kernel_size", kernel_size, n, 1)
    if (output_size is None) == (output_ratio is None):
        raise NumberError(f"{name}: give output_size or output_ratio, one of them")
    if output_ratio is not None:
        ratios = tuple(output_ratio) if isinstance(output_ratio, (tuple, list)) else (output_ratio,) * n
        if not all(0 < r < 1 for r in ratios):
            raise NumberError(f"{name}: output_ratio must be between 0 and 1, got {output_ratio}")
        output_size = tuple(int(m * r) for m, r in zip(space, ratios, strict=True))
    size = numbers(name, "output_size", output_size, n, 1)
    for m, k, o in zip(space, window, size, strict=True):
        if o + k - 1 > m:
            raise ShapeError(f"{name}: {o} windows of {k} do not fit into a dimension of size {m}")
    N, C = x.shape[:2]
    samples = uniform_array((N, C, n), x.dtype) if drawn is None else _array(drawn)
    if single and len(samples) > 1 and samples.ndim == 3:  # torch reads the first image's
        samples = samples[:1]
    if samples.shape != (N, C, n):
        raise ShapeError(f"{name}: _random_samples has shape {samples.shape}; expected {(N, C, n)}")
    flat: Any = 0
    for d in range(n):
        # torch takes the samples of a plane in the order (W, H), those of a volume as (D, H, W)
        starts = _starts(samples[..., n - 1 - d if n == 2 else d], space[d], size[d], window[d])
        at = starts[..., None] + np.arange(window[d])  # (N, C, out, window)
        shape = [N, C] + [1] * (2 * n)
        shape[2 + d], shape[2 + n + d] = size[d], window[d]
        flat = flat * space[d] + at.reshape(shape)
    rows = reshape(x, (N, C, prod(space)))
    places = flat.reshape(N, C, prod(size), prod(window))
    values = np.take_along_axis(_array(rows)[:, :, None], places, 3)
    best = np.argmax(values, 3)[..., None]  # the first of equal ones, and NaN before any number
    index = np.take_along_axis(places, best, 3)[..., 0]
    y = reshape(_gather(rows, index, 2), (N, C, *size))
    return _result(input, y, index.reshape(N, C, *size), single, return_indices)


@function(
    method=False,
    samples=lambda s: [
        (s(2, 3, 7, 6), 2, {"output_size": (3, 4), "_random_samples": s.positive(2, 3, 2, low=0.1, high=0.9)})
    ],
)
def fractional_max_pool2d(
    input: Any, kernel_size: Any, output_size: Any = None, output_ratio: Any = None, return_indices: bool = False,
    _random_samples: Any = None,
) -> Any:  # fmt: skip
    """Maxima of windows at drawn places: output_size of them, or output_ratio times the image, (N, C, H, W) or (C, H, W).

    _random_samples: (N, C, 2) in [0, 1) in place of drawn ones. Raises ShapeError, DTypeError, ValueError.

    >>> autograd.fractional_max_pool2d(autograd.ones(1, 3, 8, 8), 2, output_ratio=0.5).shape
    Size([1, 3, 4, 4])
    """
    arguments = kernel_size, output_size, output_ratio, return_indices, _random_samples
    return _fractional("fractional_max_pool2d", 2, input, *arguments)


@function(
    method=False,
    samples=lambda s: [
        (s(1, 2, 4, 5, 4), 2, {"output_size": 2, "_random_samples": s.positive(1, 2, 3, low=0.1, high=0.9)})
    ],
)
def fractional_max_pool3d(
    input: Any, kernel_size: Any, output_size: Any = None, output_ratio: Any = None, return_indices: bool = False,
    _random_samples: Any = None,
) -> Any:  # fmt: skip
    """`fractional_max_pool2d` of volumes (N, C, D, H, W) or (C, D, H, W); _random_samples is (N, C, 3).

    >>> autograd.fractional_max_pool3d(autograd.ones(1, 3, 4, 4, 4), 2, output_size=2).shape
    Size([1, 3, 2, 2, 2])
    """
    arguments = kernel_size, output_size, output_ratio, return_indices, _random_samples
    return _fractional("fractional_max_pool3d", 3, input, *arguments)
