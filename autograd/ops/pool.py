"""Pooling: maxima, averages and p-norms over windows of 1 to 3 dimensions, fixed or adaptive, and max_unpool.

The two-dimensional kernels serve all: one dimension is an image of height 1, three dimensions are pooled over (H, W)
and then over D, which gives the same maxima, positions and divisors. Of equal maxima the first gets the gradient, as
in torch.
"""

from __future__ import annotations

from functools import lru_cache
from math import prod
from typing import Any

import numpy as np
from numpy import ndarray

from .. import dtypes
from ..errors import DTypeError, NumberError, ShapeError
from ..kernels import halves
from ..kernels import pool as kernels
from ..kernels.means import means
from ..op import function, op
from ..tape import mode
from ..tensor import Tensor, wrap
from .activation import relu
from .arithmetic import pow
from .conv import numbers
from .elementwise import abs, sign
from .reduce import _sum
from .shape import reshape, squeeze, unsqueeze
from .ties import pooled

Pair = Any  # (rows, columns); mypy cannot count what a comprehension makes
Sizes = tuple[int, ...]

# ------------------------------------------------------------------------------------------------ recorded ops


@op(
    lambda g, y, input_shape, kernel, stride, padding, dilation, ceil_mode: _max_pool2d_input(
        g, y[1], input_shape, (kernel, stride, padding, dilation, ceil_mode)
    ),
    aux=1,
    samples=lambda s: [
        (s(2, 2, 5, 4), (2, 2), (2, 1), (0, 0), (1, 1), False),
        (s(1, 9, 5, 6), (3, 2), (2, 2), (1, 1), (1, 2), True),
    ],
)
def _max_pool2d(input: Any, kernel: Pair, stride: Pair, padding: Pair, dilation: Pair, ceil_mode: bool) -> Any:
    """Maxima of windows and their places as `kernels.places` reads them."""
    return kernels.max_pool2d(input, kernel, stride, padding, dilation, ceil_mode)


@op(
    lambda g, y, input_shape: _max_pool2d_input(g, y[1], input_shape, None),
    aux=1,
    samples=lambda s: [(s(2, 2, 5, 4), (2, 3)), (s(1, 3, 2, 3), (4, 2))],
)
def _adaptive_max_pool2d(input: Any, output_size: Pair) -> Any:
    """Maxima of nearly equal windows and their flat positions in the plane."""
    return kernels.adaptive_max_pool2d(input, output_size)


def _volume(x: ndarray, space_pool: Any, depth_pool: Any) -> tuple[ndarray, ndarray]:
    """Maxima of volumes (N, C, D, H, W): over (H, W), then over D; and their flat positions."""
    N, C, D, H, W = x.shape
    y, flat = space_pool(x.reshape(N, C * D, H, W))
    P, Q = y.shape[2:]
    y, deep = depth_pool(y.reshape(N, C, D, P * Q))
    d = deep.astype(np.int64) // (P * Q)
    flat = np.take_along_axis(flat.reshape(N, C, D, P * Q), d, 2) + d * (H * W)
    return y.reshape(N, C, d.shape[2], P, Q), flat.reshape(N, C, d.shape[2], P, Q)


def _volume_input(g: Any, index: ndarray, shape: tuple[int, ...]) -> Any:
    """The adjoint: a volume is a plane of D*H rows to its flat positions."""
    N, C, D, H, W = shape
    flat = (N, C, index.shape[2] * index.shape[3], index.shape[4])
    return reshape(_max_pool2d_input(reshape(g, flat), index.reshape(flat), (N, C, D * H, W), None), shape)


@op(
    lambda g, y, input_shape: _volume_input(g, y[1], input_shape),
    aux=1,
    samples=lambda s: [(s(1, 2, 4, 3, 4), (2, 2, 3), (2, 1, 1), (1, 0, 1), (1, 2, 1), False)],
)
def _max_pool3d(input: Any, kernel: Pair, stride: Pair, padding: Pair, dilation: Pair, ceil_mode: bool) -> Any:
    """Maxima of windows of volumes and their flat positions."""
    across = kernel[1:], stride[1:], padding[1:], dilation[1:]
    down = (kernel[0], 1), (stride[0], 1), (padding[0], 0), (dilation[0], 1)

    def pool(x: ndarray, geometry: tuple[Pair, Pair, Pair, Pair]) -> tuple[ndarray, ndarray]:
        y, index = kernels.max_pool2d(x, *geometry, ceil_mode)
        return y, kernels.places(index, x.shape, *geometry, ceil_mode)

    return _volume(input, lambda x: pool(x, across), lambda x: pool(x, down))


@op(
    lambda g, y, input_shape: _volume_input(g, y[1], input_shape),
    aux=1,
    samples=lambda s: [(s(1, 2, 4, 3, 4), (2, 2, 3))],
)
def _adaptive_max_pool3d(input: Any, output_size: Any) -> Any:
    """Maxima of nearly equal windows of volumes and their flat positions."""
    return _volume(
        input,
        lambda x: kernels.adaptive_max_pool2d(x, output_size[1:]),
        lambda x: kernels.adaptive_max_pool2d(x, (output_size[0], x.shape[3])),
    )


@op(
    lambda g, index, shape, geometry: _pick(g, kernels.places(index, shape, *geometry) if geometry else index),
    None,
    samples=lambda s: [(s(2, 2, 2, 3), s.ints(20, 2, 2, 2, 3), (2, 2, 5, 4), None)],
)
def _max_pool2d_input(input: Any, index: ndarray, shape: tuple[int, ...], geometry: tuple[Any, ...] | None) -> Any:
    """Values (N, C, P, Q) added at the places `index` into zeros of `shape`; the adjoint of `_pick`."""
    return kernels.max_pool2d_input(input, index, shape, *(geometry or ()))


@op(
    lambda g, index, input_shape: _max_pool2d_input(g, index, input_shape, None),
    None,
    samples=lambda s: [(s(2, 2, 5, 4), s.ints(20, 2, 2, 2, 3))],
)
def _pick(input: Any, index: ndarray) -> Any:
    """input (N, C, H, W) at the plane positions `index` (N, C, P, Q)."""
    return kernels.max_pool2d_gather(input, index)


@op(
    lambda g, index: _pick(g, index),
    None,
    samples=lambda s: [(s(2, 1, 2, 2), np.array([[[[0, 5], [3, 7]]], [[[1, 8], [2, 4]]]]), (2, 1, 3, 3))],
)
def _unpool(input: Any, index: ndarray, shape: tuple[int, ...]) -> Any:
    """Values (N, C, P, Q) written at plane positions `index` into zeros of `shape`; of equal positions the last
    stays."""
    N, C = shape[:2]
    y = np.zeros((N, C, prod(shape[2:])), input.dtype)
    flat = (N, C, prod(input.shape[2:]))
    np.put_along_axis(y, index.reshape(flat), input.reshape(flat), 2)
    return y.reshape(shape)


@op(
    lambda g, input_shape, kernel, stride, padding, ceil_mode, count_include_pad, divisor: _avg_pool2d_input(
        g, input_shape, kernel, stride, padding, ceil_mode, count_include_pad, divisor
    ),
    samples=lambda s: [
        (s(2, 2, 5, 4), (2, 2), (2, 1), (0, 0), False, True, None),
        (s(1, 3, 5, 6), (3, 2), (2, 2), (1, 1), True, False, None),
        (s(1, 3, 5, 6), (3, 2), (2, 2), (1, 1), True, True, 4),
    ],
)
def _avg_pool2d(
    input: Any, kernel: Pair, stride: Pair, padding: Pair, ceil_mode: bool, count_include_pad: bool, divisor: int | None
) -> Any:
    """Means of windows."""
    return kernels.avg_pool2d(input, kernel, stride, padding, ceil_mode, count_include_pad, divisor)


@op(
    lambda g, kernel, stride, padding, ceil_mode, count_include_pad, divisor: _avg_pool2d(
        g, kernel, stride, padding, ceil_mode, count_include_pad, divisor
    ),
    samples=lambda s: [(s(2, 2, 2, 3), (2, 2, 5, 4), (2, 2), (2, 1), (0, 0), False, True, None)],
)
def _avg_pool2d_input(
    input: Any, shape: tuple[int, ...], kernel: Pair, stride: Pair, padding: Pair, ceil_mode: bool,
    count_include_pad: bool, divisor: int | None,
) -> Any:  # fmt: skip
    """The adjoint of `_avg_pool2d` for an input of `shape`."""
    return kernels.avg_pool2d_input(input, shape, kernel, stride, padding, ceil_mode, count_include_pad, divisor)


MEANS = 1 << 12  # elements from which the kernel of rows is quicker than a sum and a product


@op(
    lambda g, input_shape: _adaptive_avg_pool2d_input(g, input_shape),
    samples=lambda s: [(s(2, 2, 5, 4), (2, 3)), (s(1, 3, 2, 3), (4, 2))],
)
def _adaptive_avg_pool2d(input: Any, output_size: Pair) -> Any:
    """Means of nearly equal windows."""
    N, C, H, W = input.shape
    P, Q = output_size
    if input.flags.c_contiguous and H % P == 0 == W % Q and (Q == 1 or P == H):  # each window is a row of memory
        n = H // P * (W // Q)
        if input.size >= MEANS and n >= 64:
            return means(input, n).reshape(N, C, P, Q)
        return _sum(input.reshape(N, C, P, Q, n), (4,)) * input.dtype.type(P * Q / (H * W))
    return kernels.adaptive_avg_pool2d(input, output_size)


@op(lambda g, input_shape: _adaptive_avg_pool2d(g, input_shape[2:]), samples=lambda s: [(s(2, 2, 2, 3), (2, 2, 5, 4))])
def _adaptive_avg_pool2d_input(input: Any, shape: tuple[int, ...]) -> Any:
    """The adjoint of `_adaptive_avg_pool2d` for an input of `shape`."""
    return kernels.adaptive_avg_pool2d_input(input, shape)


# ------------------------------------------------------------------------------------------------ arguments


def _images(name: str, input: Any, n: int, without_channels: bool = False) -> tuple[Any, bool]:
    """The input with a batch dimension, and whether it was added; torch takes an image without channels at times."""
    shape = tuple(input.shape)
    if len(shape) not in (n + 1, n + 2):
        raise ShapeError(
            f"{name}: input has shape {shape}; expected {n + 1} dimensions (channels and space) or {n + 2} with a batch in "
            "front"
        )
    if input.dtype.kind != "f":
        raise DTypeError(f"{name}: input is {input.dtype}; expected float32 or float64, cast it with to()")
    if 0 in shape[-n if without_channels and len(shape) == n + 1 else -n - 1 :]:
        raise ShapeError(f"{name}: input has shape {shape}; only the batch may have size 0")
    return (input, False) if len(shape) == n + 2 else (unsqueeze(input, 0), True)


def _numbers(name: str, argument: str, value: Any, n: int, least: int = 0) -> tuple[int, ...]:
    """`numbers`, at once where `value` is one int or a tuple of as many as there are dimensions."""
    if type(value) is int and value >= least:
        return (value,) * n
    if type(value) is tuple and len(value) == n and {*map(type, value)} == {int} and min(value) >= least:
        return value
    return numbers(name, argument, value, n, least)


def _window(
    name: str, space: tuple[int, ...], kernel_size: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool
) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
    """kernel, stride (the kernel's unless given), padding and dilation as tuples, checked against the image's size."""
    n = len(space)
    kernel = _numbers(name, "kernel_size", kernel_size, n, 1)
    steps = kernel if stride is None or stride == [] or stride == () else _numbers(name, "stride", stride, n, 1)
    pads, spread = _numbers(name, "padding", padding, n), _numbers(name, "dilation", dilation, n, 1)
    _fit(name, space, kernel, steps, pads, spread, ceil_mode)
    return kernel, steps, pads, spread


@lru_cache(maxsize=1024)
def _fit(name: str, space: Sizes, kernel: Sizes, steps: Sizes, pads: Sizes, spread: Sizes, ceil_mode: bool) -> None:
    """Check windows against an image's size."""
    for p, k, d in zip(pads, kernel, spread, strict=True):
        if p > (d * (k - 1) + 1) // 2:
            raise ShapeError(
                f"{name}: padding {pads} is more than half of kernel_size {kernel}; a window could lie outside the "
                f"image"
            )
    sizes = [kernels.output_size(*axis, ceil_mode) for axis in zip(space, kernel, steps, pads, spread, strict=True)]
    if any(size < 1 for size in sizes):
        raise ShapeError(
            f"{name}: kernel_size {kernel} on an image of {space} gives output size {tuple(sizes)}; each must be at "
            f"least 1"
        )


def _array(x: Any) -> ndarray:
    return x.numpy_view() if isinstance(x, Tensor) else x


def _indices(like: Any, index: Any) -> Any:
    """Positions as int64, a Tensor where the input was one."""
    index = _array(index).astype(dtypes.int64)
    return wrap(index) if isinstance(like, Tensor) else index


# ------------------------------------------------------------------------------------------------ maxima


@op(
    lambda g, input: _to_larger(g, input),
    samples=lambda s: [(s(2, 3, 6),)],
)
def _larger_half(input: Any) -> Any:
    """The larger of each two neighbours along the last dimension, whose size is even."""
    return halves.larger(input)


@op(lambda g, beside: _of_larger(g, beside), None, samples=lambda s: [(s(2, 3), s(2, 6))])
def _to_larger(input: Any, beside: Any) -> Any:
    """input where the larger of two neighbours of `beside` stands, else 0: the adjoint of `_of_larger`."""
    return halves.spread(input, beside)


@op(lambda g, beside: _to_larger(g, beside), None, samples=lambda s: [(s(2, 6), s(2, 6))])
def _of_larger(input: Any, beside: Any) -> Any:
    """Of each two neighbours of input that which stands where the larger one of `beside` does."""
    return halves.pick(input, beside)


PAIRS = 1 << 12  # elements from which pairs of neighbours are pooled without bringing the channels together


def _in_pairs(x: Any, *geometry: Any) -> bool:
    """Whether windows of two neighbours tile sequences (N, C, L) that lie one after the other."""
    a = getattr(x, "_data", x)
    tiled = geometry == ((2,), (2,), (0,), (1,)) and not a.shape[-1] % 2
    return tiled and a.size >= PAIRS and bool(a.flags.c_contiguous) and a.dtype.char in "fd" and not mode.ties


def _max_pool(name: str, n: int, input: Any, arguments: tuple[Any, ...], ceil_mode: bool, return_indices: bool) -> Any:
    x, single = _images(name, input, n)
    kernel, stride, padding, dilation = arguments
    k, s, p, d = _window(name, tuple(x.shape)[2:], kernel, stride, padding, dilation, ceil_mode)
    if n == 1 and not return_indices and _in_pairs(x, k, s, p, d):
        y = _larger_half(x)
        return squeeze(y, 0) if single else y
    if n == 3:
        y, index = _max_pool3d(x, k, s, p, d, ceil_mode)
    else:
        plane = unsqueeze(x, 2) if n == 1 else x
        geometry = ((1, *k), (1, *s), (0, *p), (1, *d)) if n == 1 else (k, s, p, d)
        y, index = _max_pool2d(plane, *geometry, ceil_mode)
        if return_indices:
            index = kernels.places(_array(index), tuple(plane.shape), *geometry, ceil_mode).reshape(y.shape)
        if n == 1:
            y, index = squeeze(y, 2), _array(index)[:, :, 0]
    if mode.ties:
        axes = zip(x.shape[2:], k, s, p, d, strict=True)
        y = pooled(x, [kernels.windows(*axis, ceil_mode, False) for axis in axes])
    return _result(input, y, index, single, return_indices)


def _result(input: Any, y: Any, index: Any, single: bool, return_indices: bool) -> Any:
    y = squeeze(y, 0) if single else y
    if not return_indices:
        return y
    index = _array(index)
    return y, _indices(input, index[0] if single else index)


@function(
    method=False,
    samples=lambda s: [
        (s(2, 3, 7), 2),
        (s(3, 8), 3, {"stride": 2, "padding": 1, "ceil_mode": True}),
        (s(1, 2, 9), 2, 1, 0, 3),
    ],
)
def max_pool1d(
    input: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1, ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:  # fmt: skip
    """Maxima of windows of sequences (N, C, L) or (C, L), as `max_pool2d`.

    >>> autograd.max_pool1d(autograd.tensor([[1.0, 2.0, 3.0, 4.0]]), 2)
    tensor([[2., 4.]])
    """
    return _max_pool("max_pool1d", 1, input, (kernel_size, stride, padding, dilation), ceil_mode, return_indices)


@function(
    method=False,
    samples=lambda s: [
        (s(2, 3, 6, 5), 2), (s(0, 3, 6, 5), 2), (s(3, 7, 6),
        (3, 2), {"stride": 2, "padding": (1, 0), "ceil_mode": True}),
        (s(1, 2, 7, 8), (2, 3), 1, 0, 2),
    ],
)  # fmt: skip
def max_pool2d(
    input: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1, ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:  # fmt: skip
    """Maxima of windows of images (N, C, H, W) or (C, H, W); with return_indices also their flat positions (int64).

    stride is kernel_size unless given; padding is never chosen; ceil_mode keeps windows that overhang. The first of
    equal values gets the gradient. Raises ShapeError, DTypeError.

    >>> autograd.max_pool2d(autograd.ones(1, 3, 8, 8), 2).shape
    Size([1, 3, 4, 4])
    """
    return _max_pool("max_pool2d", 2, input, (kernel_size, stride, padding, dilation), ceil_mode, return_indices)


@function(
    method=False,
    samples=lambda s: [
        (s(2, 2, 4, 4, 5), 2),
        (s(2, 5, 4, 4), (3, 2, 1), {"stride": 2, "padding": (1, 1, 0), "ceil_mode": True}),
    ],
)
def max_pool3d(
    input: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1, ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:  # fmt: skip
    """Maxima of windows of volumes (N, C, D, H, W) or (C, D, H, W), as `max_pool2d`.

    >>> autograd.max_pool3d(autograd.ones(1, 3, 4, 4, 4), 2).shape
    Size([1, 3, 2, 2, 2])
    """
    return _max_pool("max_pool3d", 3, input, (kernel_size, stride, padding, dilation), ceil_mode, return_indices)


def _unpooled(
    name: str, n: int, input: Any, indices: Any, kernel_size: Any, stride: Any, padding: Any, output_size: Any
) -> Any:
    x, _ = _images(name, input, n, True)
    index = _array(indices)
    if tuple(index.shape) != tuple(input.shape) or index.dtype.kind not in "iu":
        raise ShapeError(
            f"{name}: indices are {index.dtype} {tuple(index.shape)}; expected int64 of the input's shape "
            f"{tuple(input.shape)}"
        )
    kernel = numbers(name, "kernel_size", kernel_size, n, 1)
    steps, pads = (
        kernel if stride is None else numbers(name, "stride", stride, n, 1),
        numbers(name, "padding", padding, n),
    )
    usual = tuple((m - 1) * s - 2 * p + k for m, s, p, k in zip(x.shape[2:], steps, pads, kernel, strict=True))
    if output_size is not None and len(output_size) not in (n, n + 2):
        raise ShapeError(
            f"{name}: output_size is {tuple(output_size)}; expected {n} sizes, or {n + 2} with batch and channels"
        )
    size = usual if output_size is None else tuple(output_size)[-n:]
    if any(not u - s < m < u + s for m, u, s in zip(size, usual, steps, strict=True)):
        raise ShapeError(f"{name}: output_size {size} differs from the usual {usual} by the stride {steps} or more")
    if index.size and (index.min() < 0 or index.max() >= prod(size)):
        bad = np.argwhere((index < 0) | (index >= prod(size)))[0]
        raise NumberError(
            f"{name}: indices[{', '.join(map(str, bad))}] is {index[tuple(bad)]}; expected 0 to {prod(size) - 1}, "
            f"output size {size}"
        )
    flat = (*x.shape[:2], 1, prod(x.shape[2:]))
    y = _unpool(reshape(x, flat), index.reshape(flat), (*x.shape[:2], 1, prod(size)))
    return reshape(y, (*input.shape[:-n], *size))


@function(method=False, samples=lambda s: [(s(1, 2, 3), np.array([[[0, 2, 5], [1, 3, 4]]]), 2)])
def max_unpool1d(
    input: Any, indices: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, output_size: Any = None
) -> Any:
    """The inverse of `max_pool1d` with return_indices: values at their positions, zero elsewhere.

    >>> autograd.max_unpool1d(autograd.tensor([[2.0, 4.0]]), autograd.tensor([[1, 3]]), 2)
    tensor([[0., 2., 0., 4.]])
    """
    return _unpooled("max_unpool1d", 1, input, indices, kernel_size, stride, padding, output_size)


@function(
    method=False,
    samples=lambda s: [(s(1, 2, 2), np.array([[[0, 3], [9, 14]]]), 2), (s(1, 1, 1, 2), np.array([[[[4, 7]]]]), 2)],
)
def max_unpool2d(
    input: Any, indices: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, output_size: Any = None
) -> Any:
    """The inverse of `max_pool2d` with return_indices: values at their positions in the plane, zero elsewhere.

    output_size: where several sizes pool to this one. Raises ValueError for a position outside the plane.

    >>> autograd.max_unpool2d(autograd.tensor([[[5.0]]]), autograd.tensor([[[3]]]), 2)
    tensor([[[0., 0.],
             [0., 5.]]])
    """
    return _unpooled("max_unpool2d", 2, input, indices, kernel_size, stride, padding, output_size)


@function(method=False, samples=lambda s: [(s(1, 1, 1, 1, 2), np.array([[[[[4, 15]]]]]), 2)])
def max_unpool3d(
    input: Any, indices: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, output_size: Any = None
) -> Any:
    """The inverse of `max_pool3d` with return_indices: values at their positions in the volume, zero elsewhere.

    >>> autograd.max_unpool3d(autograd.ones(1, 1, 1, 1), autograd.tensor([[[[7]]]]), 2).shape
    Size([1, 2, 2, 2])
    """
    return _unpooled("max_unpool3d", 3, input, indices, kernel_size, stride, padding, output_size)


# ------------------------------------------------------------------------------------------------ averages


def _avg_pool(
    name: str, n: int, input: Any, arguments: tuple[Any, ...], ceil_mode: bool, include: bool, divisor: int | None
) -> Any:
    x, single = _images(name, input, n)
    if divisor == 0:
        raise ShapeError(f"{name}: divisor_override must not be 0")
    kernel, stride, padding = arguments
    k, s, p, _ = _window(name, tuple(x.shape)[2:], kernel, stride, padding, 1, ceil_mode)
    if n == 1:
        y = squeeze(_avg_pool2d(unsqueeze(x, 2), (1, *k), (1, *s), (0, *p), ceil_mode, include, None), 2)
    elif n == 2:
        y = _avg_pool2d(x, k, s, p, ceil_mode, include, divisor)
    else:
        # the divisor of a volume's window is the product of its sides', so one pass over (H, W) and one over D do
        N, C, D, H, W = x.shape
        flat = reshape(x, (N, C * D, H, W))
        y = _avg_pool2d(flat, k[1:], s[1:], p[1:], ceil_mode, include, None if divisor is None else 1)
        P, Q = y.shape[2:]
        y = _avg_pool2d(reshape(y, (N, C, D, P * Q)), (k[0], 1), (s[0], 1), (p[0], 0), ceil_mode, include, divisor)
        y = reshape(y, (N, C, y.shape[2], P, Q))
    return squeeze(y, 0) if single else y


@function(
    method=False,
    samples=lambda s: [
        (s(2, 3, 7), 2),
        (s(3, 8), 3, {"stride": 2, "padding": 1, "ceil_mode": True, "count_include_pad": False}),
    ],
)
def avg_pool1d(
    input: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Any:
    """Means of windows of sequences (N, C, L) or (C, L), as `avg_pool2d`.

    >>> autograd.avg_pool1d(autograd.tensor([[1.0, 2.0, 3.0, 4.0]]), 2)
    tensor([[1.5000, 3.5000]])
    """
    return _avg_pool("avg_pool1d", 1, input, (kernel_size, stride, padding), ceil_mode, count_include_pad, None)


@function(
    method=False,
    samples=lambda s: [
        (s(2, 3, 6, 5), 2), (s(0, 3, 6, 5), 2), (s(3, 7, 6),
        (3, 2), {"stride": 2, "padding": (1, 0), "ceil_mode": True}),
        (s(1, 2, 5, 4), 2, 1, 1, False, False), (s(1, 2, 5, 4), 2, {"divisor_override": 3}),
    ],
)  # fmt: skip
def avg_pool2d(
    input: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False,
    count_include_pad: bool = True, divisor_override: int | None = None,
) -> Any:  # fmt: skip
    """Means of windows of images (N, C, H, W) or (C, H, W).

    stride is kernel_size unless given; count_include_pad: padding counts in the divisor, which divisor_override
    replaces. Raises ShapeError, DTypeError.

    >>> autograd.avg_pool2d(autograd.ones(1, 3, 8, 8), 2).shape
    Size([1, 3, 4, 4])
    """
    return _avg_pool(
        "avg_pool2d", 2, input, (kernel_size, stride, padding), ceil_mode, count_include_pad, divisor_override
    )


@function(
    method=False,
    samples=lambda s: [
        (s(2, 2, 4, 4, 5), 2), (s(2, 5, 4, 4),
        (3, 2, 2), {"stride": 2, "padding": 1, "ceil_mode": True, "count_include_pad": False}),
        (s(1, 2, 4, 3, 2), 2, {"divisor_override": 3}),
    ],
)  # fmt: skip
def avg_pool3d(
    input: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False,
    count_include_pad: bool = True, divisor_override: int | None = None,
) -> Any:  # fmt: skip
    """Means of windows of volumes (N, C, D, H, W) or (C, D, H, W), as `avg_pool2d`.

    >>> autograd.avg_pool3d(autograd.ones(1, 3, 4, 4, 4), 2).shape
    Size([1, 3, 2, 2, 2])
    """
    return _avg_pool(
        "avg_pool3d", 3, input, (kernel_size, stride, padding), ceil_mode, count_include_pad, divisor_override
    )


# ------------------------------------------------------------------------------------------------ p-norms


def _lp_pool(pool: Any, input: Any, norm_type: float, size: int, kernel_size: Any, stride: Any, ceil_mode: bool) -> Any:
    total = pool(pow(input, norm_type), kernel_size, stride, 0, ceil_mode)
    return pow(sign(total) * relu(abs(total)) * float(size), 1.0 / norm_type)


@function(method=False, samples=lambda s: [(s.positive(2, 2, 5), 2, 2), (s.positive(2, 6), 3.0, 3, 1)])
def lp_pool1d(input: Any, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False) -> Any:
    """(sum of x**p)**(1/p) over windows of sequences (N, C, L) or (C, L), p being norm_type.

    >>> autograd.lp_pool1d(autograd.tensor([[3.0, 4.0]]), 2.0, 2)
    tensor([[5.]])
    """
    (k,) = numbers("lp_pool1d", "kernel_size", kernel_size, 1, 1)
    return _lp_pool(avg_pool1d, input, norm_type, k, kernel_size, stride, ceil_mode)


@function(method=False, samples=lambda s: [(s.positive(2, 2, 5, 4), 2, 2), (s.positive(2, 6, 5), 3.0, (3, 2), 1)])
def lp_pool2d(input: Any, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False) -> Any:
    """(sum of x**p)**(1/p) over windows of images (N, C, H, W) or (C, H, W), p being norm_type.

    >>> autograd.lp_pool2d(autograd.ones(1, 3, 8, 8), 2.0, 2).shape
    Size([1, 3, 4, 4])
    """
    size = prod(numbers("lp_pool2d", "kernel_size", kernel_size, 2, 1))
    return _lp_pool(avg_pool2d, input, norm_type, size, kernel_size, stride, ceil_mode)


@function(method=False, samples=lambda s: [(s.positive(1, 2, 3, 4, 2), 2, 2)])
def lp_pool3d(input: Any, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False) -> Any:
    """(sum of x**p)**(1/p) over windows of volumes (N, C, D, H, W) or (C, D, H, W), p being norm_type.

    >>> autograd.lp_pool3d(autograd.ones(1, 3, 4, 4, 4), 2.0, 2).shape
    Size([1, 3, 2, 2, 2])
    """
    size = prod(numbers("lp_pool3d", "kernel_size", kernel_size, 3, 1))
    return _lp_pool(avg_pool3d, input, norm_type, size, kernel_size, stride, ceil_mode)


# ------------------------------------------------------------------------------------------------ adaptive


def _adaptive_size(name: str, output_size: Any, space: tuple[int, ...]) -> tuple[int, ...]:
    """The output's size; None keeps the input's along that axis."""
    if output_size is None or (len(space) == 1 and output_size in ((None,), [None])):
        raise DTypeError(f"{name}: output_size is {output_size!r}; expected a number or {len(space)} of them")
    if type(output_size) is int and output_size >= 0:
        return (output_size,) * len(space)
    many = tuple(output_size) if isinstance(output_size, (list, tuple)) else (output_size,) * len(space)
    if len(many) != len(space):
        raise ShapeError(f"{name}: output_size is {output_size!r}; expected a number or {len(space)} of them")
    return _numbers(
        name, "output_size", tuple(m if o is None else o for o, m in zip(many, space, strict=True)), len(space)
    )


def _adaptive_max(name: str, n: int, input: Any, output_size: Any, return_indices: bool) -> Any:
    x, single = _images(name, input, n, True)
    size = _adaptive_size(name, output_size, tuple(x.shape)[2:])
    if n == 3:
        y, index = _adaptive_max_pool3d(x, size)
    elif n == 1:
        y, index = _adaptive_max_pool2d(unsqueeze(x, 2), (1, *size))
        y, index = squeeze(y, 2), _array(index)[:, :, 0]
    else:
        y, index = _adaptive_max_pool2d(x, size)
    if mode.ties:
        y = pooled(x, [kernels.adaptive_windows(*axis) for axis in zip(x.shape[2:], size, strict=True)])
    return _result(input, y, index, single, return_indices)


@function(method=False, samples=lambda s: [(s(2, 3, 7), 3), (s(3, 4), 6)])
def adaptive_max_pool1d(input: Any, output_size: Any, return_indices: bool = False) -> Any:
    """Maxima of output_size nearly equal windows of sequences (N, C, L) or (C, L).

    >>> autograd.adaptive_max_pool1d(autograd.tensor([[1.0, 2.0, 3.0, 4.0]]), 2)
    tensor([[2., 4.]])
    """
    return _adaptive_max("adaptive_max_pool1d", 1, input, output_size, return_indices)


@function(method=False, samples=lambda s: [(s(2, 3, 7, 5), (3, None)), (s(3, 4, 4), 6)])
def adaptive_max_pool2d(input: Any, output_size: Any, return_indices: bool = False) -> Any:
    """Maxima of output_size (P, Q) nearly equal windows of images (N, C, H, W) or (C, H, W); None keeps that axis.

    >>> autograd.adaptive_max_pool2d(autograd.ones(1, 3, 8, 8), 1).shape
    Size([1, 3, 1, 1])
    """
    return _adaptive_max("adaptive_max_pool2d", 2, input, output_size, return_indices)


@function(method=False, samples=lambda s: [(s(2, 2, 4, 5, 3), (3, None, 2))])
def adaptive_max_pool3d(input: Any, output_size: Any, return_indices: bool = False) -> Any:
    """Maxima of output_size nearly equal windows of volumes (N, C, D, H, W) or (C, D, H, W); None keeps that axis.

    >>> autograd.adaptive_max_pool3d(autograd.ones(1, 3, 4, 4, 4), 1).shape
    Size([1, 3, 1, 1, 1])
    """
    return _adaptive_max("adaptive_max_pool3d", 3, input, output_size, return_indices)


def _adaptive_avg(name: str, n: int, input: Any, output_size: Any) -> Any:
    x, single = _images(name, input, n, True)
    size = _adaptive_size(name, output_size, tuple(x.shape)[2:])
    if n == 1:
        y = squeeze(_adaptive_avg_pool2d(unsqueeze(x, 2), (1, *size)), 2)
    elif n == 2:
        y = _adaptive_avg_pool2d(x, size)
    else:
        N, C, D, H, W = x.shape
        y = _adaptive_avg_pool2d(reshape(x, (N, C * D, H, W)), size[1:])
        y = _adaptive_avg_pool2d(reshape(y, (N, C, D, size[1] * size[2])), (size[0], size[1] * size[2]))
        y = reshape(y, (N, C, *size))
    return squeeze(y, 0) if single else y


@function(method=False, samples=lambda s: [(s(2, 3, 7), 3), (s(3, 4), 6)])
def adaptive_avg_pool1d(input: Any, output_size: Any) -> Any:
    """Means of output_size nearly equal windows of sequences (N, C, L) or (C, L).

    >>> autograd.adaptive_avg_pool1d(autograd.tensor([[1.0, 2.0, 3.0, 4.0]]), 2)
    tensor([[1.5000, 3.5000]])
    """
    return _adaptive_avg("adaptive_avg_pool1d", 1, input, output_size)


@function(method=False, samples=lambda s: [(s(2, 3, 7, 5), (3, None)), (s(3, 4, 4), 6), (s(2, 2, 3, 3), 1)])
def adaptive_avg_pool2d(input: Any, output_size: Any) -> Any:
    """Means of output_size (P, Q) nearly equal windows of images (N, C, H, W) or (C, H, W); None keeps that axis.

    >>> autograd.adaptive_avg_pool2d(autograd.ones(1, 3, 8, 8), 1).shape
    Size([1, 3, 1, 1])
    """
    return _adaptive_avg("adaptive_avg_pool2d", 2, input, output_size)


@function(method=False, samples=lambda s: [(s(2, 2, 4, 5, 3), (3, None, 2))])
def adaptive_avg_pool3d(input: Any, output_size: Any) -> Any:
    """Means of output_size nearly equal windows of volumes (N, C, D, H, W) or (C, D, H, W); None keeps that axis.

    >>> autograd.adaptive_avg_pool3d(autograd.ones(1, 3, 4, 4, 4), 1).shape
    Size([1, 3, 1, 1, 1])
    """
    return _adaptive_avg("adaptive_avg_pool3d", 3, input, output_size)
