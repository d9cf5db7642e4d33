"""Convolutions of one, two and three dimensions and their transposes, and the windows of an image as columns (unfold).

A convolution and the gradients of its input and of its weight are three ops, each bilinear and each the others'
adjoint, so every order of derivative comes from these three. Convolutions of one dimension run as two-dimensional ones
of height 1, of three as two-dimensional ones whose channels are (depth of the window, channel) pairs.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import DTypeError, ShapeError, only_tensors
from ..kernels import conv as kernels
from ..kernels import depth, windows
from ..kernels.pool import channels_last
from ..op import REGISTRY, followed, function, fusible, op
from ..samples import Draw
from ..tensor import Tensor
from .index import narrow
from .linalg import matmul
from .pad import pad
from .shape import permute, reshape, squeeze, unsqueeze

Pair = Any  # (rows, columns); mypy cannot count what a comprehension makes
Padding = tuple[Pair, Pair]
PLAIN: Padding = ((0, 0), (0, 0))

# ------------------------------------------------------------------------------------------------ the three ops


def _cropped(y: Any, shape: tuple[int, ...]) -> Any:
    """Images cut to the height and width of `shape`: a transposed convolution's output_padding may make room for windows
    that its input does not have."""
    for dim in (2, 3):
        if y.shape[dim] != shape[dim]:
            y = narrow(y, dim, 0, shape[dim])
    return y


def _conv_samples(s: Draw) -> list[tuple[Any, ...]]:
    return [
        (s(2, 2, 4, 5), s(3, 2, 2, 3), s(3), (1, 1), PLAIN, (1, 1), 1),
        (s(1, 4, 5, 4), s(2, 2, 2, 2), None, (2, 1), ((1, 1), (0, 1)), (1, 2), 2),
    ]


@op(
    lambda g, weight, input_shape, stride, padding, dilation, groups: _conv2d_input(
        g, weight, None, input_shape, stride, padding, dilation, groups
    ),
    lambda g, input, weight_shape, stride, padding, dilation, groups: _conv2d_weight(
        g, input, weight_shape, stride, padding, dilation, groups
    ),
    lambda g: _conv2d_bias(g),
    samples=_conv_samples,
)
def _conv2d(
    input: Any, weight: Any, bias: Any, stride: Pair, padding: Padding, dilation: Pair, groups: int,
    activation: str | None = None,
) -> Any:  # fmt: skip
    """Convolution of images, the bias added in the same pass; an activation is one of `followed`."""
    return kernels.conv2d(input, weight, bias, stride, padding, dilation, groups, activation)


@op(
    lambda g, weight, grad_shape, stride, padding, dilation, groups: _cropped(
        _conv2d(g, weight, None, stride, padding, dilation, groups), grad_shape
    ),
    lambda g, grad, weight_shape, stride, padding, dilation, groups: _conv2d_weight(
        grad, g, weight_shape, stride, padding, dilation, groups
    ),
    lambda g: _conv2d_bias(g),
    samples=lambda s: [
        (s(2, 3, 3, 3), s(3, 2, 2, 3), None, (2, 2, 4, 5), (1, 1), PLAIN, (1, 1), 1),
        (s(1, 2, 3, 3), s(2, 2, 2, 2), s(4), (1, 4, 5, 4), (2, 1), ((1, 1), (0, 1)), (1, 2), 2),
        (s(2, 3, 2, 3), s(3, 2, 2, 3), s(2), (2, 2, 4, 9), (2, 3), PLAIN, (1, 1), 1),
    ],
)
def _conv2d_input(
    grad: Any, weight: Any, bias: Any, shape: tuple[int, ...], stride: Pair, padding: Padding, dilation: Pair,
    groups: int,
) -> Any:  # fmt: skip
    """The adjoint of `_conv2d` in its input, of that `shape`; also the transposed convolution, which has a bias."""
    return kernels.conv2d_input(grad, weight, shape, stride, padding, dilation, groups, bias)  # type: ignore[arg-type]


@op(
    lambda g, input, grad_shape, stride, padding, dilation, groups: _cropped(
        _conv2d(input, g, None, stride, padding, dilation, groups), grad_shape
    ),
    lambda g, grad, input_shape, stride, padding, dilation, groups: _conv2d_input(
        grad, g, None, input_shape, stride, padding, dilation, groups
    ),
    samples=lambda s: [
        (s(2, 3, 3, 3), s(2, 2, 4, 5), (3, 2, 2, 3), (1, 1), PLAIN, (1, 1), 1),
        (s(1, 2, 3, 3), s(1, 4, 5, 4), (2, 2, 2, 2), (2, 1), ((1, 1), (0, 1)), (1, 2), 2),
    ],
)
def _conv2d_weight(
    grad: Any, input: Any, shape: tuple[int, ...], stride: Pair, padding: Padding, dilation: Pair, groups: int
) -> Any:
    """The adjoint of `_conv2d` in its weight, of that `shape`."""
    return kernels.conv2d_weight(grad, input, shape, stride, padding, dilation, groups)  # type: ignore[arg-type]


# Three more of volumes, for windows that stand side by side: no window is copied then.


def _apart(size: Any, window: Any, stride: Any, padding: Any, dilation: Any, groups: int) -> bool:
    """Whether windows cover an axis of that size, each value once."""
    return (
        tuple(stride) == tuple(window)
        and all(n % s == 0 for n, s in zip(size, stride, strict=True))
        and not any(map(any, padding))
        and all(d == 1 for d in dilation)
        and groups == 1
    )


@op(
    lambda g, weight: _gathered(g, weight),
    lambda g, input, weight_shape: _gathered_weight(input, g, weight_shape),
    lambda g: _conv2d_bias(reshape(g, (*g.shape[:3], g.shape[3] * g.shape[4]))),
    samples=lambda s: [(s(2, 3, 1, 2, 2), s(3, 2, 2, 1, 3), s(2)), (s(1, 2, 2, 1, 3), s(2, 3, 1, 2, 2), None)],
)
def _spread(input: Any, weight: Any, bias: Any) -> Any:
    """The transposed convolution of volumes whose stride is its window (C, K, *window)."""
    return kernels.spread(input, weight, bias)


@op(
    lambda g, weight: _spread(g, weight, None),
    lambda g, input, weight_shape: _gathered_weight(g, input, weight_shape),
    samples=lambda s: [(s(2, 2, 2, 2, 6), s(3, 2, 2, 1, 3))],
)
def _gathered(input: Any, weight: Any) -> Any:
    """The adjoint of `_spread` in its input: the convolution whose stride is its window."""
    return kernels.gather(input, weight)


@op(
    lambda g, input: _gathered(input, g),
    lambda g, grad: _spread(grad, g, None),
    samples=lambda s: [(s(2, 3, 1, 2, 2), s(2, 2, 2, 2, 6), (3, 2, 2, 1, 3))],
)
def _gathered_weight(grad: Any, input: Any, shape: tuple[int, ...]) -> Any:
    """The adjoint of `_gathered` in its weight, of that `shape`."""
    return kernels.gather_weight(grad, input, shape)


@op(lambda g: reshape(g, (1, g.shape[0], 1, 1)), samples=lambda s: [(s(2, 3, 2, 4),)])
def _conv2d_bias(input: Any) -> Any:
    """The sum over all but the channels."""
    return kernels.conv2d_bias(input)


# ---------------------------------------------------------------------------------------------- windows along one axis


@op(
    lambda g, input_shape, dim, size, stride, dilation: _overlap(g, input_shape[dim], dim, stride, dilation),
    samples=lambda s: [(s(2, 7, 2), 1, 3, 2, 1), (s(6), 0, 2, 1, 3)],
)
def _windows(input: Any, dim: int, size: int, stride: int, dilation: int) -> Any:
    """The windows of `size` values along `dim` (not negative): there stand now window and position in the window."""
    n = (input.shape[dim] - dilation * (size - 1) - 1) // stride + 1
    step = input.strides[dim]
    shape = (*input.shape[:dim], n, size, *input.shape[dim + 1 :])
    strides = (*input.strides[:dim], step * stride, step * dilation, *input.strides[dim + 1 :])
    return np.lib.stride_tricks.as_strided(input, shape, strides).copy()


@op(
    lambda g, input_shape, dim, stride, dilation: narrow(
        _windows(g, dim, input_shape[dim + 1], stride, dilation), dim, 0, input_shape[dim]
    ),
    samples=lambda s: [(s(2, 3, 3, 2), 7, 1, 2, 1), (s(3, 2), 6, 0, 1, 3)],
)
def _overlap(input: Any, length: int, dim: int, stride: int, dilation: int) -> Any:
    """The adjoint of `_windows`: windows added up where they overlap, along an axis of `length`."""
    # laid out as the input is (channels last behind a convolution), or each addition would walk across the memory
    shape = (*input.shape[:dim], length, *input.shape[dim + 2 :])
    steps = (*input.strides[: dim + 1], *input.strides[dim + 2 :])
    order = sorted(range(len(shape)), key=lambda axis: -steps[axis])
    y = np.zeros([shape[axis] for axis in order], input.dtype).transpose(np.argsort(order))
    before = (slice(None),) * dim
    n = input.shape[dim]
    for k in range(input.shape[dim + 1]):
        start = k * dilation
        y[(*before, slice(start, start + (n - 1) * stride + 1, stride))] += input[(*before, slice(None), k)]
    return y


# ------------------------------------------------------------------------------------------------ arguments


def numbers(name: str, argument: str, value: Any, n: int, least: int = 0) -> tuple[int, ...]:
    """`value` as n ints, each at least `least`: one int for all, or a sequence of one or n."""
    many = tuple(value) if isinstance(value, (list, tuple)) else (value,)
    if any(isinstance(v, Tensor) for v in many):  # whole numbers of 0 dimensions
        many = tuple(v.item() if isinstance(v, Tensor) and not v.ndim and v.dtype.kind in "iu" else v for v in many)
    if len(many) == 1:
        many *= n
    if len(many) != n or not all(isinstance(v, (int, np.integer)) and not isinstance(v, bool) for v in many):
        raise (ShapeError if len(many) != n else DTypeError)(
            f"{name}: {argument} is {value!r}; expected an int or {n} of them"
        )
    if any(v < least for v in many):
        raise ShapeError(f"{name}: {argument} is {value!r}; expected values of at least {least}")
    return tuple(int(v) for v in many)


def _check(name: str, input: Any, weight: Any, bias: Any, n: int, groups: int, transposed: bool = False) -> bool:
    """Check ranks, dtypes and channels; whether the input lacks the batch dimension."""
    space = ("L", "H, W", "D, H, W")[n - 1]
    only_tensors(name, input=input, weight=weight, **({} if bias is None else {"bias": bias}))
    if weight.ndim != n + 2:
        raise ShapeError(f"{name}: weight has shape {tuple(weight.shape)}; expected {n + 2} dimensions")
    if input.ndim not in (n + 1, n + 2):
        raise ShapeError(f"{name}: input has shape {tuple(input.shape)}; expected (N, C, {space}) or (C, {space})")
    if 0 in weight.shape:
        raise ShapeError(
            f"{name}: weight has shape {tuple(weight.shape)}; expected at least one channel and window of size 1"
        )
    given = [("input", input), ("weight", weight)] + ([("bias", bias)] if bias is not None else [])
    if any(x.dtype != input.dtype for _, x in given) or input.dtype.kind != "f":
        raise DTypeError(
            f"{name}: "
            + ", ".join(f"{what} is {x.dtype}" for what, x in given)
            + "; expected one floating dtype, cast with to()"
        )
    if groups < 1:
        raise ShapeError(f"{name}: groups is {groups}; expected at least 1")
    channels = input.shape[-n - 1]
    first = weight.shape[0]
    if first % groups:
        raise ShapeError(
            f"{name}: weight of shape {tuple(weight.shape)} has {first} channels first, which groups={groups} does "
            f"not divide"
        )
    expected = first if transposed else weight.shape[1] * groups
    if channels != expected:
        raise ShapeError(
            f"{name}: input has {channels} channels, weight of shape {tuple(weight.shape)} with groups={groups} "
            f"expects {expected}"
        )
    out = weight.shape[1] * groups if transposed else first
    if bias is not None and tuple(bias.shape) != (out,):
        raise ShapeError(f"{name}: bias has shape {tuple(bias.shape)}; expected ({out},), one value an output channel")
    return input.ndim == n + 1


def _padding(
    name: str, padding: Any, size: tuple[int, ...], stride: tuple[int, ...], dilation: tuple[int, ...]
) -> tuple[Pair, ...]:
    """(before, after) of each axis from a number, a sequence, 'same' or 'valid'."""
    if isinstance(padding, str):
        if padding == "valid":
            return ((0, 0),) * len(size)
        if padding != "same":
            raise ShapeError(f"{name}: padding is {padding!r}; expected 'same', 'valid' or numbers")
        if any(s != 1 for s in stride):
            raise ShapeError(f"{name}: padding='same' is not supported for strided convolutions, stride is {stride}")
        total = [d * (k - 1) for d, k in zip(dilation, size, strict=True)]
        return tuple((t // 2, t - t // 2) for t in total)
    return tuple((p, p) for p in numbers(name, "padding", padding, len(size)))


def _check_output(
    name: str, space: tuple[int, ...], size: tuple[int, ...], padding: tuple[Pair, ...], dilation: tuple[int, ...]
) -> None:
    for n, k, p, d in zip(space, size, padding, dilation, strict=True):
        if n + p[0] + p[1] < d * (k - 1) + 1:
            raise ShapeError(
                f"{name}: the window of {tuple(size)} with dilation {tuple(dilation)} does not fit the input of "
                f"{tuple(space)} "
                f"padded by {tuple(padding)}; the output would have size less than 1"
            )


def _settings(
    name: str, input: Any, weight: Any, stride: Any, padding: Any, dilation: Any, n: int
) -> tuple[tuple[int, ...], tuple[Pair, ...], tuple[int, ...]]:
    stride = numbers(name, "stride", stride, n, 1)
    dilation = numbers(name, "dilation", dilation, n, 1)
    size = tuple(weight.shape[2:])
    padding = _padding(name, padding, size, stride, dilation)
    _check_output(name, tuple(input.shape[-n:]), size, padding, dilation)
    return stride, padding, dilation


_arrangements: dict[Any, Any] = {}


def _arranged(
    name: str, input: Any, weight: Any, bias: Any, stride: Any, padding: Any, dilation: Any, groups: Any, n: int
) -> tuple[bool, tuple[int, ...], tuple[Pair, ...], tuple[int, ...]]:
    """What `_check` and `_settings` find, which depends on shapes and settings alone: small networks wait for it."""
    a, b, c = (getattr(x, "_data", None) for x in (input, weight, bias))
    given = tuple([v if type(v) is tuple else (v,) for v in (stride, padding, dilation, groups)])
    kinds = tuple([tuple(map(type, v)) for v in given])  # True is equal to 1
    key = None
    if a is not None and b is not None and (c is not None or bias is None):
        key = (name, a.shape, b.shape, a.dtype, b.dtype, c if c is None else (c.shape, c.dtype), given, kinds)
    try:
        found = _arrangements.get(key)
    except TypeError:  # a list among the settings
        key = found = None
    if found is None:
        single = _check(name, input, weight, bias, n, groups)
        found = single, *_settings(name, input, weight, stride, padding, dilation, n)
        if key is not None:
            if len(_arrangements) >= 4096:
                _arrangements.clear()
            _arrangements[key] = found
    return found


# ------------------------------------------------------------------------------------------------ convolutions


@function(
    method=False,
    samples=lambda s: [
        (s(2, 3, 5, 6), s(4, 3, 3, 2), s(4)),
        (s(3, 5, 6), s(4, 3, 3, 2), None, {"padding": "same", "dilation": 2}),
        (s(1, 4, 6, 5), s(6, 2, 3, 3), s(6), {"stride": (2, 1), "padding": (1, 2), "groups": 2}),
        (s(0, 3, 5, 6), s(4, 3, 3, 2), s(4)),
    ],
)
def conv2d(
    input: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1,
    *, activation: str | None = None,
) -> Any:  # fmt: skip
    """Convolution (cross-correlation) of images: input (N, C, H, W) or (C, H, W), weight (K, C/groups, R, S), bias
    (K,).

    padding: numbers, 'valid' (none) or 'same' (output as large as the input, stride 1). Output (N, K, H', W') with
    H' = floor((H + 2 padding - dilation (R - 1) - 1) / stride) + 1. All of one floating dtype. activation: None, or
    "relu", taken of the result in the same pass. Raises ShapeError, DTypeError.

    >>> autograd.conv2d(autograd.ones(1, 3, 8, 8), autograd.ones(4, 3, 3, 3), padding=1).shape
    Size([1, 4, 8, 8])
    """
    single, stride, padding, dilation = _arranged("conv2d", input, weight, bias, stride, padding, dilation, groups, 2)
    if activation is not None and fusible("conv2d", activation) and not single:
        y = _conv2d(input, weight, bias, stride, padding, dilation, groups, activation)
        return followed(y, activation)
    x = unsqueeze(input, 0) if single else input
    y = _conv2d(x, weight, bias, stride, padding, dilation, groups, None)
    y = squeeze(y, 0) if single else y
    return y if activation is None else REGISTRY[activation].call(y)


@function(
    method=False,
    samples=lambda s: [
        (s(2, 3, 7), s(4, 3, 3), s(4)),
        (s(4, 7), s(6, 2, 3), None, {"stride": 2, "padding": 1, "dilation": 2, "groups": 2}),
    ],
)
def conv1d(
    input: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1
) -> Any:
    """Convolution of sequences: input (N, C, L) or (C, L), weight (K, C/groups, R), bias (K,), as `conv2d`.

    >>> autograd.conv1d(autograd.ones(1, 1, 4), autograd.ones(1, 1, 2))
    tensor([[[2., 2., 2.]]])
    """
    single, (s,), (p,), (d,) = _arranged("conv1d", input, weight, bias, stride, padding, dilation, groups, 1)
    x = unsqueeze(unsqueeze(input, 0) if single else input, 2)
    y = squeeze(_conv2d(x, unsqueeze(weight, 2), bias, (1, s), ((0, 0), p), (1, d), groups), 2)
    return squeeze(y, 0) if single else y


def _flat_depth(weight: Any) -> Any:
    """A weight (K, C, T, R, S) as one of a two-dimensional convolution (K, T*C, R, S)."""
    K, C, T, R, S = weight.shape
    return reshape(permute(weight, (0, 2, 1, 3, 4)), (K, T * C, R, S))


@op(
    lambda g: _images(g),
    view=True,
    samples=lambda s: [(s(6, 2, 1, 3), 3)],
)
def _volumes(input: Any, depths: int) -> Any:
    """Images (N D, C, H, W) as volumes (N, C, D, H, W)."""
    return input.reshape(len(input) // depths, depths, *input.shape[1:]).transpose(0, 2, 1, 3, 4)


@op(lambda g, input_shape: _volumes(g, input_shape[2]), view=True, samples=lambda s: [(s(2, 2, 3, 1, 3),)])
def _images(input: Any) -> Any:
    """The adjoint of `_volumes`; with channels last no value moves."""
    N, C, D, H, W = input.shape
    return channels_last(input).reshape(N * D, H, W, C).transpose(0, 3, 1, 2)


@op(
    lambda g, input_shape, count, size, stride, dilation, before, groups: _depth_sums(
        g, input_shape, count, size, stride, dilation, before, groups
    ),
    samples=lambda s: [(s(2, 2, 4, 1, 2), 3, 2, 1, 2, 1, 1), (s(1, 4, 3, 2, 1), 2, 2, 2, 1, 0, 2)],
)
def _depth_windows(input: Any, count: int, size: int, stride: int, dilation: int, before: int, groups: int) -> Any:
    """Volumes (N, C, D, H, W) as images (N count, size C, H, W), one a window of `size` depths, the depth before the
    channel; `before` depths of zeros come first."""
    return depth.windows(input, count, size, stride, dilation, before, groups)


@op(
    lambda g, count, size, stride, dilation, before, groups: _depth_windows(
        g, count, size, stride, dilation, before, groups
    ),
    samples=lambda s: [
        (s(6, 4, 1, 2), (2, 2, 4, 1, 2), 3, 2, 1, 2, 1, 1), (s(2, 8, 2, 1), (1, 4, 3, 2, 1), 2, 2, 2, 1, 0, 2),
    ],
)  # fmt: skip
def _depth_sums(
    input: Any, shape: tuple[int, ...], count: int, size: int, stride: int, dilation: int, before: int, groups: int
) -> Any:
    """The adjoint of `_depth_windows`, of volumes of that `shape`."""
    return depth.sums(input, shape, count, size, stride, dilation, before, groups)


@function(
    method=False,
    samples=lambda s: [
        (s(2, 2, 4, 4, 3), s(3, 2, 2, 3, 2), s(3)),
        (
            s(4, 5, 4, 4),
            s(2, 2, 2, 2, 3),
            None,
            {"stride": (2, 1, 2), "padding": 1, "dilation": (2, 1, 1), "groups": 2},
        ),
    ],
)
def conv3d(
    input: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1
) -> Any:
    """Convolution of volumes: input (N, C, D, H, W) or (C, D, H, W), weight (K, C/groups, T, R, S), as `conv2d`.

    >>> autograd.conv3d(autograd.ones(1, 1, 4, 4, 4), autograd.ones(2, 1, 3, 3, 3)).shape
    Size([1, 2, 2, 2, 2])
    """
    single, stride, padding, dilation = _arranged("conv3d", input, weight, bias, stride, padding, dilation, groups, 3)
    x = unsqueeze(input, 0) if single else input
    if _apart(x.shape[2:], weight.shape[2:], stride, padding, dilation, groups):
        y = _with_bias(_gathered(x, weight), bias)
        return squeeze(y, 0) if single else y
    T = weight.shape[2]
    depths = (x.shape[2] + sum(padding[0]) - dilation[0] * (T - 1) - 1) // stride[0] + 1
    x = _depth_windows(x, depths, T, stride[0], dilation[0], padding[0][0], groups)
    y = _conv2d(x, _flat_depth(weight), bias, stride[1:], padding[1:], dilation[1:], groups)
    y = _volumes(y, depths)
    return squeeze(y, 0) if single else y


# --------------------------------------------------------------------------------------------- transposed convolutions


def _transposed(
    name: str, input: Any, weight: Any, stride: Any, padding: Any, output_padding: Any, dilation: Any, n: int
) -> tuple[tuple[int, ...], tuple[Pair, ...], tuple[int, ...], tuple[int, ...]]:
    """stride, padding, dilation as tuples, and the output's size: (H - 1) stride - 2 padding + dilation (R - 1) + 1 +
    extra."""
    stride = numbers(name, "stride", stride, n, 1)
    dilation = numbers(name, "dilation", dilation, n, 1)
    pads = numbers(name, "padding", padding, n)
    extra = numbers(name, "output_padding", output_padding, n)
    if any(e >= max(s, d) for e, s, d in zip(extra, stride, dilation, strict=True)):
        raise ShapeError(
            f"{name}: output_padding {extra} must be smaller than either stride {stride} or dilation {dilation}"
        )
    size = tuple(
        (h - 1) * s - 2 * p + d * (k - 1) + 1 + e
        for h, s, p, d, k, e in zip(input.shape[-n:], stride, pads, dilation, weight.shape[2:], extra, strict=True)
    )
    if any(m < 1 for m in size):
        raise ShapeError(f"{name}: the output would have size {size}; each must be at least 1, padding is {pads}")
    return stride, tuple((p, p) for p in pads), dilation, size


def _with_bias(y: Any, bias: Any) -> Any:
    return y if bias is None else y + reshape(bias, (bias.shape[0], *(1,) * (y.ndim - 2)))


@function(
    method=False,
    samples=lambda s: [
        (s(2, 3, 3, 2), s(3, 2, 2, 3), s(2)),
        (s(2, 3, 1, 1), s(3, 2, 2, 3), s(2)),
        (
            s(4, 3, 2),
            s(4, 2, 3, 2),
            None,
            {"stride": (2, 3), "padding": 1, "output_padding": (1, 2), "groups": 2, "dilation": 2},
        ),
    ],
)
def conv_transpose2d(
    input: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, output_padding: Any = 0,
    groups: int = 1, dilation: Any = 1,
) -> Any:  # fmt: skip
    """Transposed convolution, the adjoint of `conv2d`: input (N, C, H, W) or (C, H, W), weight (C, K/groups, R, S),
    bias (K,).

    Output (N, K, H', W') with H' = (H - 1) stride - 2 padding + dilation (R - 1) + output_padding + 1. Raises
    ShapeError, DTypeError.

    >>> autograd.conv_transpose2d(autograd.ones(1, 3, 4, 4), autograd.ones(3, 2, 2, 2), stride=2).shape
    Size([1, 2, 8, 8])
    """
    single = _check("conv_transpose2d", input, weight, bias, 2, groups, transposed=True)
    stride, pads, dilation, size = _transposed(
        "conv_transpose2d", input, weight, stride, padding, output_padding, dilation, 2
    )
    x = unsqueeze(input, 0) if single else input
    shape = (x.shape[0], weight.shape[1] * groups, *size)
    if tuple(x.shape[2:]) == (1, 1) and size == tuple(weight.shape[2:]) and groups == 1 and pads == ((0, 0), (0, 0)):
        # one pixel spread over one window, as a generator of pictures begins: a product of matrices
        y = reshape(matmul(reshape(x, x.shape[:2]), reshape(weight, (weight.shape[0], -1))), shape)
        y = _with_bias(y, bias)
    else:
        y = _conv2d_input(x, weight, bias, shape, stride, pads, dilation, groups)
    return squeeze(y, 0) if single else y


@function(
    method=False,
    samples=lambda s: [
        (s(2, 3, 4), s(3, 2, 3), s(2)),
        (s(4, 3), s(4, 2, 2), None, {"stride": 3, "padding": 1, "output_padding": 1, "groups": 2}),
    ],
)
def conv_transpose1d(
    input: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, output_padding: Any = 0,
    groups: int = 1, dilation: Any = 1,
) -> Any:  # fmt: skip
    """Transposed convolution of sequences: input (N, C, L) or (C, L), weight (C, K/groups, R), as
    `conv_transpose2d`.

    >>> autograd.conv_transpose1d(autograd.ones(1, 1, 2), autograd.ones(1, 1, 2), stride=2)
    tensor([[[1., 1., 1., 1.]]])
    """
    single = _check("conv_transpose1d", input, weight, bias, 1, groups, transposed=True)
    settings = _transposed("conv_transpose1d", input, weight, stride, padding, output_padding, dilation, 1)
    (s,), (p,), (d,), (length,) = settings
    x = unsqueeze(unsqueeze(input, 0) if single else input, 2)
    shape = (x.shape[0], weight.shape[1] * groups, 1, length)
    y = squeeze(_conv2d_input(x, unsqueeze(weight, 2), bias, shape, (1, s), ((0, 0), p), (1, d), groups), 2)
    return squeeze(y, 0) if single else y


@function(
    method=False,
    samples=lambda s: [
        (s(1, 2, 3, 2, 2), s(2, 2, 2, 2, 2), s(2)),
        (s(2, 2, 3, 2), s(2, 1, 2, 3, 2), None, {"stride": 2, "padding": (1, 1, 0), "output_padding": 1, "groups": 2}),
    ],
)
def conv_transpose3d(
    input: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, output_padding: Any = 0,
    groups: int = 1, dilation: Any = 1,
) -> Any:  # fmt: skip
    """Transposed convolution of volumes: input (N, C, D, H, W) or (C, D, H, W), weight (C, K/groups, T, R, S).

    >>> autograd.conv_transpose3d(autograd.ones(1, 1, 2, 2, 2), autograd.ones(1, 2, 2, 2, 2)).shape
    Size([1, 2, 3, 3, 3])
    """
    single = _check("conv_transpose3d", input, weight, bias, 3, groups, transposed=True)
    settings = _transposed("conv_transpose3d", input, weight, stride, padding, output_padding, dilation, 3)
    stride, pads, dilation, (depths, height, width) = settings
    x = unsqueeze(input, 0) if single else input
    if _apart((depths, height, width), weight.shape[2:], stride, pads, dilation, groups):
        y = _spread(x, weight, bias)
        return squeeze(y, 0) if single else y
    N, _, D, _, _ = x.shape
    K, T = weight.shape[1] * groups, weight.shape[2]
    shape = (N * D, K * T, height, width)
    y = _conv2d_input(_images(x), _flat_depth(weight), None, shape, stride[1:], pads[1:], dilation[1:], groups)
    y = _depth_sums(y, (N, K, depths, height, width), D, T, stride[0], dilation[0], pads[0][0], groups)
    y = _with_bias(y, bias)
    return squeeze(y, 0) if single else y


# ------------------------------------------------------------------------------------------------ windows as columns


@op(
    lambda g, input_shape, size, stride, dilation, padding: _columns_added(
        g, input_shape[2:], size, stride, dilation, padding
    ),
    samples=lambda s: [
        (s(2, 2, 4, 5), (2, 3), (1, 1), (1, 1), (0, 0)),
        (s(1, 3, 5, 5), (2, 2), (2, 1), (2, 2), (1, 0)),
    ],
)
def _columns(input: Any, size: Pair, stride: Pair, dilation: Pair, padding: Pair) -> Any:
    """The windows of input (N, C, H, W), float32 or float64, as columns (N, C R S, windows)."""
    return windows.unfold(input, size, stride, dilation, padding)


@op(
    lambda g, space, size, stride, dilation, padding: _columns(g, size, stride, dilation, padding),
    samples=lambda s: [
        (s(2, 12, 9), (4, 5), (2, 3), (1, 1), (1, 1), (0, 0)),
        (s(1, 12, 9), (5, 5), (2, 2), (2, 1), (2, 2), (1, 0)),
    ],
)
def _columns_added(
    input: Any, space: Pair, size: Pair, stride: Pair, dilation: Pair,
    padding: Pair,
) -> Any:  # fmt: skip
    """Columns (N, C R S, windows) added up into pictures (N, C, *space): the adjoint of `_columns`."""
    return windows.fold(input, space, size, stride, dilation, padding)


@function(
    method=False,
    name="im2col",
    samples=lambda s: [
        (s(2, 2, 4, 5), (2, 3)),
        (s(3, 5, 5), 2, {"dilation": 2, "padding": (1, 0), "stride": (2, 1)}),
    ],
)
def im2col(input: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1) -> Any:
    """The windows of images as columns: (N, C, H, W) or (C, H, W) gives (N, C R S, number of windows);
    `nn.functional.unfold`.

    >>> autograd.im2col(autograd.ones(1, 1, 3, 3), (2, 2)).shape
    Size([1, 4, 4])
    """
    if input.ndim not in (3, 4):
        raise ShapeError(f"unfold: input has shape {tuple(input.shape)}; expected (N, C, H, W) or (C, H, W)")
    size = numbers("unfold", "kernel_size", kernel_size, 2, 1)
    dilation, stride = numbers("unfold", "dilation", dilation, 2, 1), numbers("unfold", "stride", stride, 2, 1)
    p = numbers("unfold", "padding", padding, 2)
    _check_output("unfold", tuple(input.shape[-2:]), size, ((p[0], p[0]), (p[1], p[1])), dilation)
    x = unsqueeze(input, 0) if input.ndim == 3 else input
    if x.dtype.kind == "f":
        y = _columns(x, size, stride, dilation, p)
        return squeeze(y, 0) if input.ndim == 3 else y
    if p != (0, 0):
        x = pad(x, (p[1], p[1], p[0], p[0]))
    x = _windows(_windows(x, 2, size[0], stride[0], dilation[0]), 4, size[1], stride[1], dilation[1])
    N, C, H, R, W, S = x.shape
    y = reshape(permute(x, (0, 1, 3, 5, 2, 4)), (N, C * R * S, H * W))
    return squeeze(y, 0) if input.ndim == 3 else y


@function(
    method=False,
    name="col2im",
    samples=lambda s: [
        (s(2, 12, 9), (4, 5), (2, 3)),
        (s(12, 9), (5, 5), 2, {"dilation": 2, "padding": (1, 0), "stride": (2, 1)}),
    ],
)
def col2im(input: Any, output_size: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1) -> Any:
    """Columns added up into images, the adjoint of `im2col`: (N, C R S, windows) gives (N, C, *output_size);
    `nn.functional.fold`.

    >>> autograd.col2im(autograd.ones(1, 4, 4), (3, 3), (2, 2)).shape
    Size([1, 1, 3, 3])
    """
    if input.ndim not in (2, 3):
        raise ShapeError(
            f"fold: input has shape {tuple(input.shape)}; expected (N, C R S, windows) or (C R S, windows)"
        )
    (height, width), (R, S) = (
        numbers("fold", "output_size", output_size, 2, 1),
        numbers("fold", "kernel_size", kernel_size, 2, 1),
    )
    dilation, stride = numbers("fold", "dilation", dilation, 2, 1), numbers("fold", "stride", stride, 2, 1)
    p = numbers("fold", "padding", padding, 2)
    H, W = (
        (n + 2 * q - d * (k - 1) - 1) // s + 1
        for n, q, d, k, s in zip((height, width), p, dilation, (R, S), stride, strict=True)
    )
    rows, columns = input.shape[-2:]
    if rows % (R * S):
        raise ShapeError(f"fold: input has {rows} rows; expected a multiple of the window's {R * S} values")
    if H < 1 or W < 1 or columns != H * W:
        raise ShapeError(
            f"fold: input has {columns} columns; output_size {(height, width)} and these windows expect {H} x {W}"
        )
    if input.dtype.kind == "f":
        x = unsqueeze(input, 0) if input.ndim == 2 else input
        y = _columns_added(x, (height, width), (R, S), stride, dilation, p)
        return squeeze(y, 0) if input.ndim == 2 else y
    N, C = (input.shape[0] if input.ndim == 3 else 1), rows // (R * S)
    x = permute(reshape(input, (N, C, R, S, H, W)), (0, 1, 4, 2, 5, 3))
    x = _overlap(x, width + 2 * p[1], 4, stride[1], dilation[1])
    y = _overlap(x, height + 2 * p[0], 2, stride[0], dilation[0])
    if p != (0, 0):
        y = y[:, :, p[0] : p[0] + height, p[1] : p[1] + width]
    return squeeze(y, 0) if input.ndim == 2 else y
