"""Two-dimensional convolution and its gradients: direct, depthwise, Winograd and few-channel forms as one set of functions.

Arrays are torch's (N, C, H, W) in shape and channels-last in memory: results are transposed views of an (N, H, W, C)
block, and inputs that stand otherwise are brought to it by a copy. The input gradient of stride s is s*s convolutions
of stride 1, one for each phase of the input grid.

Letters: N images; C input and K output channels; H, W input rows and columns; R, S window rows and columns.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

import numpy as np

from autograd.kernels import conv_direct, conv_dots, conv_few, conv_window, reduce, winograd, winograd_few
from autograd.kernels.border import with_zeros
from autograd.kernels.conv_direct import in_order
from autograd.kernels.elementwise import relu, sigmoid_forward, tanh_forward
from autograd.kernels.gemm import matmul
from autograd.kernels.winograd import Target, Window

Array = np.ndarray[Any, Any]
Pair = tuple[int, int]
Padding = tuple[Pair, Pair]

PLAIN: Padding = ((0, 0), (0, 0))
PLANE = 128  # pixels from which on a channel is summed where it stands rather than brought to channels last
SMALL = 1 << 13  # values of an image up to which wider groups do not pay
LINE = 1 << 10  # values of a signal, and of one tap's weights, from which on its gradient is a product
SPARSE = 1 << 24  # values of a block's copy above which a convolution is done tap by tap


def channels_last(x: Array) -> Array:
    """The values of a (N, C, H, W) array as a flat (N, H, W, C) block; a copy unless they already stand so."""
    if x.shape[1] > 1 and _of_planes(x) and not x.transpose(0, 2, 3, 1).flags.c_contiguous:
        return conv_direct.channels_last(x)
    return in_order(x.transpose(0, 2, 3, 1))


def _of_planes(x: Array) -> bool:
    """Whether the values of each channel of an image (N, C, H, W) stand side by side."""
    _, _, H, W = x.shape
    return (
        x.size > 0
        and x.flags.aligned
        and (W == 1 or x.strides[3] == x.itemsize)
        and (H == 1 or x.strides[2] == W * x.itemsize)
        and all(s % x.itemsize == 0 for s in x.strides[:2])
    )


def empty(shape: tuple[int, ...], dtype: Any) -> tuple[Array, Array]:
    """A new channels-last array of logical shape (N, C, H, W), and its flat block."""
    N, C, H, W = shape
    flat = np.empty(N * H * W * C, dtype)
    return flat.reshape(N, H, W, C).transpose(0, 3, 1, 2), flat


def output_size(size: int, window: int, stride: int, padding: Pair, dilation: int) -> int:
    """Windows along one axis: floor((size + padding - dilation*(window - 1) - 1) / stride) + 1."""
    return (size + sum(padding) - dilation * (window - 1) - 1) // stride + 1


def _taps(R: int, S: int, dilation: Pair, channels: int, groups: int) -> tuple[tuple[Pair, ...], int]:
    """Row and column of each contiguous run of a window's values, and the run's length."""
    if dilation[1] == 1 and groups == 1:
        return tuple((r * dilation[0], 0) for r in range(R)), S * channels
    return tuple((r * dilation[0], s * dilation[1]) for r in range(R) for s in range(S)), channels // groups


def _sparse(x_shape: Any, w_shape: Any, stride: Pair, padding: Padding, dilation: Pair) -> bool:
    """Whether a copy of one row of windows with its border would be far larger than what it holds."""
    reach = dilation[0] * (w_shape[2] - 1) + 1
    span = x_shape[3] + sum(padding[1]) + dilation[1] * w_shape[3]
    return reach * span * max(1, x_shape[1]) > SPARSE + 4 * x_shape[1] * x_shape[2] * x_shape[3]


def _by_tap(x_shape: Any, w_shape: Any, out: Pair, stride: Pair, padding: Padding, dilation: Pair) -> Iterable[Any]:
    """For each tap (r, s): the slices of the output that it reaches and of the input that it reads there."""

    def axis(i: int, tap: int) -> tuple[slice, slice]:
        size, step, shift = x_shape[2 + i], stride[i], tap * dilation[i] - padding[i][0]
        first = max(0, -(shift // step))
        last = min(out[i], (size - 1 - shift) // step + 1)
        if last <= first:
            return slice(0, 0), slice(0, 0)
        return slice(first, last), slice(first * step + shift, (last - 1) * step + shift + 1, step)

    for r in range(w_shape[2]):
        for s in range(w_shape[3]):
            (oh, ih), (ow, iw) = axis(0, r), axis(1, s)
            if oh.stop and ow.stop:
                yield r, s, (slice(None), slice(None), oh, ow), (slice(None), slice(None), ih, iw)


def conv2d(
    x: Array, w: Array, bias: Array | None = None, stride: Pair = (1, 1), padding: Padding = ((0, 0), (0, 0)),
    dilation: Pair = (1, 1), groups: int = 1, activation: str | None = None,
) -> Array:  # fmt: skip
    """Convolution (cross-correlation) of images with windows.

    x is (N, C, H, W), w (K, C/groups, R, S), bias (K,) or None, all float32 or all float64, of any strides; padding is
    ((top, bottom), (left, right)). The result is (N, K, Ho, Wo) in channels-last memory. `activation` is None, "relu",
    "tanh" or "sigmoid".
    """
    K, Cg, R, S = w.shape
    if (together := _together(K // groups, Cg, groups, x.itemsize)) > 1 and _finite(x):
        wide = _beside(w, groups, together)
        return conv2d(x, wide, bias, stride, padding, dilation, groups // together, activation)
    Ho, Wo = (output_size(x.shape[2 + i], w.shape[2 + i], stride[i], padding[i], dilation[i]) for i in (0, 1))
    y, flat = empty((x.shape[0], K, Ho, Wo), x.dtype)
    if _sparse(x.shape, w.shape, stride, padding, dilation):
        y[...] = 0 if bias is None else bias.reshape(-1, 1, 1)
        for r, s, there, here in _by_tap(x.shape, w.shape, (Ho, Wo), stride, padding, dilation):
            y[there] += conv2d(x[here], w[:, :, r : r + 1, s : s + 1], groups=groups)
        if activation == "relu":
            y = relu(y)
    elif y.size and Cg and stride == (1, 1) and _is_product(w.shape, padding, groups) and not _one_panel(y):
        clipped = "relu" if activation == "relu" else None
        matmul(channels_last(x).reshape(-1, Cg), w.reshape(K, Cg).T, bias, clipped, out=flat.reshape(-1, K))
    elif y.size and (form := winograd.suits(x.dtype, w.shape, stride, dilation, (x.shape[0], Ho, Wo), groups)):
        winograd.convolve(
            form, channels_last(x), x.shape, w, False, bias, activation == "relu", flat, (Ho, Wo, K),
            Window(stride, (-padding[0][0], -padding[1][0]), dilation), Target((Ho, Wo, K)),
        )  # fmt: skip
    elif y.size and Cg and conv_few.suits(x.itemsize, K, stride, groups):
        _to_few(
            x, w, 0 if bias is None else bias, activation == "relu", flat, (Ho, Wo, K),
            (-padding[0][0], -padding[1][0]), dilation,
        )  # fmt: skip
    elif y.size and Cg * R * S:
        taps, Q = _taps(R, S, dilation, x.shape[1], groups)
        source, shape, first = channels_last(x), x.shape, (-padding[0][0], -padding[1][0])
        if (
            padding != PLAIN and Ho * Wo < conv_direct.TOGETHER and groups < K
        ):  # several tasks would copy the border anew
            source, shape, first = *_bordered(source, x.shape, padding), (0, 0)
        way = conv_direct.plan_pass(
            shape, (Ho, Wo), stride, first, taps, Q, (Ho, Wo, K), ((1, 0), (1, 0)), groups, x.itemsize,
            activation == "relu",
        )  # fmt: skip
        layout = _layout(w.shape, groups, ((range(R), range(S)),), False)
        start = np.zeros(K, x.dtype) if bias is None else in_order(bias)
        packed = conv_direct.packed_weights(in_order(w), layout, way)
        conv_direct.forward(source, packed, start, flat, way)
    else:
        y[...] = 0 if bias is None else bias.reshape(-1, 1, 1)
        if activation == "relu":
            y = relu(y)
    return _activate(y, activation)


def _to_few(
    x: Array, w: Array, bias: Any, relu: bool, flat: Array, out: tuple[int, int, int], start: Pair, dilation: Pair
) -> None:
    """A convolution of stride 1 to few channels, its first window at `start`, into a flat array."""
    source, planar = _planes(x)
    taps, Q = _taps(*w.shape[2:], dilation, x.shape[1], 1)
    if not planar and conv_dots.suits(x.itemsize, w.shape, Q):
        conv_dots.convolve(source, x.shape, w, bias, relu, flat, out, start, taps, Q)
    else:
        conv_few.convolve(source, x.shape, planar, w, bias, relu, flat, out, start, dilation)


def _planes(x: Array) -> tuple[Array, bool]:
    """The flat values of x and whether they stand as (N, C, H, W), else (N, H, W, C)."""
    if x.flags.c_contiguous and x.flags.writeable and x.flags.aligned:
        return x.reshape(-1), True
    return channels_last(x), False


def _activate(y: Array, activation: str | None) -> Array:
    """The activations that are not part of a kernel's last step."""
    if activation == "tanh":
        return tanh_forward(y)
    return sigmoid_forward(y) if activation == "sigmoid" else y


def _is_product(w_shape: tuple[int, ...], padding: Padding, groups: int) -> bool:
    """Whether each output pixel is a matrix times one input pixel."""
    return w_shape[2:] == (1, 1) and groups == 1 and padding == PLAIN


def _one_panel(y: Array) -> bool:
    """Whether one panel of the direct form's widest tile holds all channels of y: it then reads every pixel of the input
    once, where a product of matrices reads it for each of its narrower panels."""
    widest = max(conv_direct.ROWS) * 4 * conv_direct.LANES // y.itemsize
    return widest < 2 * y.shape[1] <= 2 * widest and y.size >= 512 * y.shape[1]


def _rows(x: Array, stride: Pair) -> Array:
    """(pixels, C): the channels of every pixel that a 1x1 window of that stride meets."""
    flat = channels_last(x)
    if stride != (1, 1):
        flat = conv_direct.picked(flat, x.shape, stride)
    return flat.reshape(-1, x.shape[1])


@lru_cache(maxsize=1024)
def _layout(w_shape: tuple[int, ...], groups: int, order: tuple[tuple[range, range], ...], back: bool) -> Array:
    """Where taps of the weights stand, for `conv_direct.pack`: those at some rows and columns, and then at others.

    `back` exchanges the two channel axes inside each group.
    """
    K, Cg, R, S = w_shape
    sk, sc = (R * S, Cg * R * S) if back else (Cg * R * S, R * S)
    taps = [r * S + s for rows, columns in order for r in rows for s in columns]
    return np.array([K // groups * Cg * R * S, sk, sc, *taps], np.int64)


def _phase(window: int, stride: int, before: int, dilation: int, phase: int) -> tuple[int, int, int, int]:
    """Along one axis: first tap, step between taps, their number, and shift, of the inputs phase, phase + stride, ...

    Input i*stride + phase meets output i + (phase + before - tap*dilation) / stride for the taps that make it whole.
    """
    step = stride // math.gcd(dilation, stride)
    for tap in range(min(step, window)):
        if (phase + before - tap * dilation) % stride == 0:
            return tap, step, -(-(window - tap) // step), (phase + before - tap * dilation) // stride
    return 0, step, 0, 0


def conv2d_input(
    g: Array, w: Array, x_shape: tuple[int, int, int, int], stride: Pair = (1, 1),
    padding: Padding = ((0, 0), (0, 0)), dilation: Pair = (1, 1), groups: int = 1, bias: Array | None = None,
) -> Array:  # fmt: skip
    """Gradient of `conv2d` for its input: g is (N, K, Ho, Wo), the result of shape x_shape in channels-last memory.

    A bias (C,) is added in the same pass, as a transposed convolution does.
    """
    N, C, H, W = x_shape
    K, Cg, R, S = w.shape
    if (together := _together(K // groups, Cg, groups, g.itemsize)) > 1 and _finite(g):
        wide = _beside(w, groups, together)
        return conv2d_input(g, wide, x_shape, stride, padding, dilation, groups // together, bias)
    gx, flat = empty(x_shape, g.dtype)
    sparse = _sparse(x_shape, w.shape, stride, padding, dilation)
    if sparse or not (g.size and gx.size and w.size):
        gx[...] = 0 if bias is None else bias.reshape(-1, 1, 1)
    if not (g.size and gx.size and w.size):
        return gx
    if sparse:
        for r, s, there, here in _by_tap(x_shape, w.shape, g.shape[2:], stride, padding, dilation):
            part = g[there]
            shape = (N, C, part.shape[2], part.shape[3])
            gx[here] += conv2d_input(part, w[:, :, r : r + 1, s : s + 1], shape, groups=groups)
    elif stride == (1, 1) and (H, W) == g.shape[2:] and _is_product(w.shape, padding, groups):
        matmul(channels_last(g).reshape(-1, K), w.reshape(K, C), bias, out=flat.reshape(-1, C))
    elif (
        stride == w.shape[2:] and dilation == (1, 1) and groups == 1 and padding == PLAIN
        and (H, W) == (g.shape[2] * R, g.shape[3] * S)
    ):  # fmt: skip
        _spread(g, w, bias, flat)
    elif stride == (1, 1) and (form := winograd.suits(g.dtype, (C, K, R, S), stride, dilation, (N, H, W), groups)):
        start = (padding[0][0] - dilation[0] * (R - 1), padding[1][0] - dilation[1] * (S - 1))
        winograd.convolve(
            form, channels_last(g), g.shape, w, True, bias, False, flat, (H, W, C), Window(stride, start, dilation),
            Target((H, W, C)),
        )  # fmt: skip
    elif conv_few.suits(g.itemsize, C, stride, groups):
        start = (padding[0][0] - dilation[0] * (R - 1), padding[1][0] - dilation[1] * (S - 1))
        turned = w[:, :, ::-1, ::-1].transpose(1, 0, 2, 3)
        _to_few(g, turned, 0 if bias is None else bias, False, flat, (H, W, C), start, dilation)
    else:
        _input_by_phases(g, w, gx, flat, stride, padding, dilation, groups, bias)
    return gx


def spread(x: Array, w: Array, bias: Array | None = None) -> Array:
    """Every pixel of x (N, C, *space), of two or three axes of space, times a window of w (C, K, *window).

    The windows stand side by side. The result is (N, K, *(space * window)) in channels-last memory, the bias (K,)
    added.
    """
    sizes = [n * size for n, size in zip(x.shape[2:], w.shape[2:], strict=True)]
    y, flat = empty((x.shape[0], w.shape[1], math.prod(sizes[:-1]), sizes[-1]), x.dtype)
    if y.size and x.size:
        _spread(x, w, bias, flat)
    else:
        y[...] = 0 if bias is None else bias.reshape(-1, 1, 1)
    return np.moveaxis(flat.reshape(x.shape[0], *sizes, w.shape[1]), -1, 1)


def _spread(x: Array, w: Array, bias: Array | None, flat: Array) -> None:
    """`spread` into a flat array. The values of a row that come from one pixel stand together: a product for each row."""
    (N, C, *space), (_, K, *window) = x.shape, w.shape
    (D, H, W), (T, R, S) = ((1,) * (3 - len(space)) + tuple(axes) for axes in (space, window))
    source = channels_last(x.reshape(N, C, D * H, W))
    rows = w.reshape(C, K, T * R, S).transpose(2, 3, 1, 0)  # (row of the window, column, K, C)
    first = np.zeros(S * K, x.dtype) if bias is None else np.tile(bias, S)
    for row in range(T * R):
        way = conv_direct.plan_pass(
            (N * D, C, H, W), (H, W), (1, 1), (0, 0), ((0, 0),), C, (T * H * R, W, S * K),
            ((R, row // R * H * R + row % R), (1, 0)), 1, x.itemsize,
        )  # fmt: skip
        layout = _layout((S * K, C, 1, 1), 1, ((range(1), range(1)),), False)
        conv_direct.forward(source, conv_direct.packed_weights(in_order(rows[row]), layout, way), first, flat, way)


def _side_by_side(x: Array, window: tuple[int, ...]) -> tuple[Array, Any, Pair, Pair, tuple[Pair, ...], int]:
    """x (N, K, D*T, H*R, W*S) as images (N*D, K, T*H*R, W*S), in which a window is T*R runs of S*K values.

    The flat images, their shape, the numbers of windows, the step between them, and places and length of the runs.
    """
    (N, K, *_), (T, R, S) = x.shape, window
    D, H, W = (m // s for m, s in zip(x.shape[2:], window, strict=True))
    taps = tuple((t * H * R + r, 0) for t in range(T) for r in range(R))
    source = channels_last(x.reshape(N, K, D * T * H * R, W * S))
    return source, (N * D, K, T * H * R, W * S), (H, W), (R, S), taps, S * K


def gather(x: Array, w: Array) -> Array:
    """The adjoint of `spread` for volumes: x (N, K, D*T, H*R, W*S) and w (C, K, T, R, S) give (N, C, D, H, W)."""
    C, K, T, R, S = w.shape
    sizes = [m // s for m, s in zip(x.shape[2:], w.shape[2:], strict=True)]
    y, flat = empty((x.shape[0], C, sizes[0] * sizes[1], sizes[2]), x.dtype)
    if y.size:
        source, shape, out, stride, taps, Q = _side_by_side(x, w.shape[2:])
        way = conv_direct.plan_pass(
            shape, out, stride, (0, 0), taps, Q, (*out, C), ((1, 0), (1, 0)), 1, x.itemsize
        )  # fmt: skip
        layout = _layout((C, K, T * R, S), 1, ((range(T * R), range(S)),), False)
        packed = conv_direct.packed_weights(in_order(w), layout, way)
        conv_direct.forward(source, packed, np.zeros(C, x.dtype), flat, way)
    return np.moveaxis(flat.reshape(x.shape[0], *sizes, C), -1, 1)


def gather_weight(g: Array, x: Array, w_shape: tuple[int, ...]) -> Array:
    """Gradient of `gather` for its weights: g (N, C, D, H, W), x (N, K, D*T, H*R, W*S); the result is contiguous."""
    if not g.size:
        return np.zeros(w_shape, g.dtype)
    N, C, D, H, W = g.shape
    source, shape, out, stride, taps, Q = _side_by_side(x, w_shape[2:])
    way = conv_direct.plan_weight(shape, out, stride, (0, 0), taps, Q, C, 1, g.itemsize)
    return conv_direct.weight_gradient(channels_last(g.reshape(N, C, D * H, W)), source, way).reshape(w_shape)


def _input_by_phases(
    g: Array, w: Array, gx: Array, flat: Array, stride: Pair, padding: Padding, dilation: Pair, groups: int,
    bias: Array | None,
) -> None:  # fmt: skip
    """Every phase of gx on its own: the taps that reach it, backwards, the channel axes exchanged inside each group."""
    (_, C, H, W), (K, _, R, S) = gx.shape, w.shape
    source, weights = channels_last(g), in_order(w)
    first = np.zeros(C, g.dtype) if bias is None else in_order(bias)
    down = [(a, *_phase(R, stride[0], padding[0][0], dilation[0], a)) for a in range(min(stride[0], H))]
    across = [(b, *_phase(S, stride[1], padding[1][0], dilation[1], b)) for b in range(min(stride[1], W))]
    if not all(phase[3] for phase in down + across):
        gx[...] = first.reshape(-1, 1, 1)
    phases = [(i, j) for i in down if i[3] for j in across if j[3]]
    order = tuple(
        (range(r, R, rstep)[::-1], range(s, S, sstep)[::-1]) for (_, r, rstep, *_), (_, s, sstep, *_) in phases
    )
    wide, done, packed = sum(len(r) * len(s) for r, s in order) * (K // groups), 0, None
    for (a, r, rstep, rows, top), (b, s, sstep, columns, left) in phases:
        dilated = (rstep * dilation[0] // stride[0], sstep * dilation[1] // stride[1])
        start = (top - (rows - 1) * dilated[0], left - (columns - 1) * dilated[1])
        out = (-(-(H - a) // stride[0]), -(-(W - b) // stride[1]))
        places = (stride[0], a), (stride[1], b)
        taps, Q = _taps(rows, columns, dilated, K, groups)
        if form := winograd.suits(g.dtype, (C, K, rows, columns), (1, 1), dilated, (g.shape[0], *out), groups):
            winograd.convolve(
                form, source, g.shape, w[:, :, r::rstep, s::sstep], True, first, False, flat, (*out, C),
                Window((1, 1), start, dilated), Target((H, W, C), places),
            )  # fmt: skip
        else:
            way = conv_direct.plan_pass(
                g.shape, out, (1, 1), start, taps, Q, (H, W, C), places, groups, g.itemsize, packed=(wide, done)
            )
            if packed is None:
                packed = conv_direct.packed_weights(weights, _layout(w.shape, groups, order, True), way)
            conv_direct.forward(source, packed, first, flat, way)
        done += len(taps) * Q


def conv2d_weight(
    g: Array, x: Array, w_shape: tuple[int, int, int, int], stride: Pair = (1, 1),
    padding: Padding = ((0, 0), (0, 0)), dilation: Pair = (1, 1), groups: int = 1,
) -> Array:  # fmt: skip
    """Gradient of `conv2d` for its weights: g is (N, K, Ho, Wo), x (N, C, H, W); the result is contiguous."""
    K, Cg, R, S = w_shape
    N, _, Ho, Wo = g.shape
    if not (g.size and K * Cg * R * S):
        return np.zeros(w_shape, g.dtype)
    if _is_product(w_shape, padding, groups):
        if tuple(-(-n // s) for n, s in zip(x.shape[2:], stride, strict=True)) != (Ho, Wo):  # output_padding
            x = x[:, :, : (Ho - 1) * stride[0] + 1, : (Wo - 1) * stride[1] + 1]
        return matmul(channels_last(g).reshape(-1, K).T, _rows(x, stride)).reshape(w_shape)
    if groups == 1 and stride == (1, 1) and g.shape[2] == x.shape[2] == R == 1 and _by_lines(g, x, S):
        return _weight_by_lines(g, x, w_shape, padding, dilation)
    if form := winograd.suits(g.dtype, w_shape, stride, dilation, (N, Ho, Wo), groups):
        window = Window(stride, (-padding[0][0], -padding[1][0]), dilation)
        weight = winograd_few.weight if winograd_few.suits(form, w_shape, N * Ho * Wo) else winograd.weight
        return weight(form, channels_last(g), channels_last(x), x.shape, (Ho, Wo, K), w_shape, window)
    gw = np.zeros(w_shape, g.dtype)
    if _sparse(x.shape, w_shape, stride, padding, dilation):
        for r, s, there, here in _by_tap(x.shape, w_shape, (Ho, Wo), stride, padding, dilation):
            gw[:, :, r : r + 1, s : s + 1] = conv2d_weight(g[there], x[here], (K, Cg, 1, 1), groups=groups)
        return gw
    taps, Q = _taps(R, S, dilation, x.shape[1], groups)
    start = (-padding[0][0], -padding[1][0])
    if conv_window.suits(x.itemsize, len(taps) * Q, K, groups):
        flat_g, source = channels_last(g), channels_last(x)
        return conv_window.weight(flat_g, source, x.shape, (Ho, Wo), stride, start, taps, Q, K).reshape(w_shape)
    if conv_few.suits_weight(x.itemsize, w_shape, Wo, stride, groups):
        source, planar = _planes(x)
        return conv_few.weight(channels_last(g), source, x.shape, planar, w_shape, (Ho, Wo, K), start, dilation)
    if (together := _together(K // groups, Cg, groups, g.itemsize)) > 1:
        G = groups // together
        whole = conv2d_weight(g, x, (K, Cg * together, R, S), stride, padding, dilation, G)
        blocks = whole.reshape(G, together, K // groups, together, Cg, R, S)
        own = np.arange(together)
        return np.ascontiguousarray(blocks[:, own, :, own].swapaxes(0, 1)).reshape(w_shape)
    source, shape = channels_last(x), x.shape
    if padding != PLAIN and groups < K:  # each task would copy the border anew
        source, shape, start = *_bordered(source, x.shape, padding), (0, 0)
    way = conv_direct.plan_weight(shape, (Ho, Wo), stride, start, taps, Q, K, groups, g.itemsize)
    return conv_direct.weight_gradient(channels_last(g), source, way).reshape(w_shape)


def _by_lines(g: Array, x: Array, S: int) -> bool:
    """Whether signals, each channel's values side by side, are so long and the taps so few that turning them to channels
    last costs more than a product a tap."""
    return S <= 3 and g.shape[3] >= LINE and g.shape[1] * x.shape[1] >= LINE and _of_planes(g) and _of_planes(x)


def _weight_by_lines(g: Array, x: Array, w_shape: Any, padding: Padding, dilation: Pair) -> Array:
    """`conv2d_weight` of signals: for each of them and each tap one product of matrices along the signal."""
    taps = np.zeros((w_shape[3], *w_shape[:2]), g.dtype)
    for _, s, there, here in _by_tap(x.shape, w_shape, g.shape[2:], (1, 1), padding, dilation):
        for n in range(len(g)):
            matmul(g[there][n, :, 0], x[here][n, :, 0].T, out=taps[s], accumulate=True)
    return np.ascontiguousarray(taps.transpose(1, 2, 0)).reshape(w_shape)


def _together(outputs: int, inputs: int, groups: int, itemsize: int) -> int:
    """How many groups of few channels are taken as one that fills a vector. A channel a group has a form of its own."""
    if outputs == inputs == 1:
        return 1
    most = 4 * conv_direct.LANES // itemsize // max(outputs, inputs)
    return next((m for m in range(min(most, groups), 1, -1) if groups % m == 0), 1)


def _beside(w: Array, groups: int, together: int) -> Array:
    """The weights of wider groups, with zeros between the channels of those they are made of."""
    K, Cg, R, S = w.shape
    own, part = np.arange(together), (groups // together, together, K // groups)
    wide = np.zeros((*part, together, Cg, R, S), w.dtype)
    wide[:, own, :, own] = w.reshape(*part, Cg, R, S).swapaxes(0, 1)
    return wide.reshape(K, together * Cg, R, S)


def _finite(x: Array) -> bool:
    """Whether a large x holds numbers alone, which zeros among the weights keep apart: 0 times NaN is NaN."""
    if x.size < SMALL:
        return False
    flat = x.ravel("K")
    return bool(np.isfinite(flat.dot(flat)))


def _bordered(flat: Array, shape: tuple[int, ...], padding: Padding) -> tuple[Array, tuple[int, ...]]:
    """A flat channels-last block with its border of zeros, and its shape."""
    N, C, H, W = shape
    full = with_zeros(flat, (N, H, W, C), padding)
    return full.reshape(-1), (N, C, *full.shape[1:3])


def conv2d_bias(g: Array) -> Array:
    """Gradient of `conv2d` for its bias: the sum of g (N, K, Ho, Wo) over all but its second axis."""
    if _of_planes(g) and g.shape[2] * g.shape[3] >= PLANE:
        N, K = g.shape[:2]
        return reduce.rows(in_order(g).reshape(N * K, -1), reduce.SUM).reshape(N, K).sum(axis=0)
    return conv_direct.bias_gradient(channels_last(g), g.shape[1]) if g.size else np.zeros(g.shape[1], g.dtype)
