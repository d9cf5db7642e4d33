"""Images: resizing, sampling at points, affine grids, and moving values between channels and pixels."""

from __future__ import annotations

from functools import cached_property, lru_cache, reduce
from itertools import product
from math import floor, prod
from operator import mul
from typing import Any

import numpy as np
from numpy import ndarray

from .. import tape
from ..errors import DTypeError, InputDTypeError, NumberError, RangeError, ShapeError
from ..kernels import grid as grids
from ..kernels import sample as kernels
from ..kernels.resample import resample
from ..op import function, op
from ..tensor import Tensor, wrap
from .chain import _zero
from .compare import where
from .elementwise import abs
from .join import stack
from .linalg import matmul, mT
from .pool import adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d
from .shape import permute, reshape

# ------------------------------------------------------------------------------------------------ resizing


class Taps:
    """A linear map along one axis: y[o] is the sum over k of weight[o, k] x[index[o, k]]. Unused taps weigh 0."""

    def __init__(self, index: ndarray, weight: ndarray, size: int) -> None:
        self.index, self.weight, self.size = index, weight, size
        self._cast = weight

    def weights(self, dtype: np.dtype) -> ndarray:
        """The weights as `dtype`, kept for the last one asked for."""
        cast = self._cast  # another thread may put its own there
        if cast.dtype != dtype:
            self._cast = cast = self.weight.astype(dtype)
        return cast

    @cached_property
    def plain(self) -> bool:
        """Whether all weights are 1."""
        return bool((self.weight == 1).all())

    @cached_property
    def turned(self) -> Taps:
        """The adjoint map."""
        used = self.weight != 0
        source, weight = self.index[used], self.weight[used]
        target = np.broadcast_to(np.arange(len(self.index))[:, None], used.shape)[used]
        order = np.argsort(source, kind="stable")
        counts = np.bincount(source, minlength=self.size)
        rank = np.arange(len(source)) - np.repeat(np.cumsum(counts) - counts, counts)
        index = np.zeros((self.size, max(counts.max(initial=0), 1)), np.int64)
        weights = np.zeros(index.shape)
        index[source[order], rank], weights[source[order], rank] = target[order], weight[order]
        return Taps(index, weights, len(self.index))


@op(
    lambda g, dim, taps: _resample(g, dim, taps.turned),
    samples=lambda s: [
        (s(2, 5, 2), 1, Taps(np.array([[0, 1], [3, 4], [4, 4]]), np.array([[0.25, 0.75], [0.5, 0.5], [1, 0]]), 5))
    ],
)
def _resample(input: Any, dim: int, taps: Taps) -> Any:
    """The map of `taps` along `dim`; its adjoint is another."""
    few = taps.plain and input.size < _FEW and input.flags.c_contiguous  # numpy is soonest done
    if input.dtype.char in "fd" and not few:
        return resample(input, dim, taps.index, taps.weights(input.dtype))
    shape = [1] * input.ndim
    shape[dim] = -1
    y = None
    for k in range(taps.index.shape[1]):
        w = taps.weight[:, k]
        part = input.take(taps.index[:, k], dim)
        if not taps.plain:
            part *= w.astype(input.dtype).reshape(shape)
        y = part if y is None else np.add(y, part, out=y)
    return y


_FEW = 1 << 12


def _cubic(t: ndarray, a: float) -> ndarray:
    """Keys' cubic kernel (1981) with slope a at 1."""
    t = np.abs(t)
    near = ((a + 2) * t - (a + 3)) * t * t + 1
    far = (((t - 5) * t + 8) * t - 4) * a
    return np.where(t < 1, near, np.where(t < 2, far, 0.0))


@lru_cache(maxsize=256)
def _taps(mode: str, size: int, out: int, scale: float, align_corners: bool, antialias: bool) -> Taps:
    """How `out` values are read from `size`, neighbouring outputs being `scale` inputs apart."""
    o = np.arange(out)
    if mode in ("nearest", "nearest-exact"):
        if mode == "nearest" and out == 2 * size:
            scale = 0.5  # whatever scale_factor is, as in torch
        # torch computes these places in float32
        at = (o + np.float32(0.5 if mode == "nearest-exact" else 0)).astype(np.float32) * np.float32(scale)
        return Taps(np.minimum(at.astype(np.int64), size - 1)[:, None], np.ones((out, 1)), size)
    if antialias:
        if align_corners:
            scale = (size - 1) / (out - 1) if out > 1 else 0.0
        reach = (1 if mode == "linear" else 2) * max(scale, 1.0)
        center = (o + 0.5) * scale
        first = np.maximum((center - reach + 0.5).astype(np.int64), 0)
        last = np.minimum((center + reach + 0.5).astype(np.int64), size)
        index = first[:, None] + np.arange((last - first).max())
        t = (index - center[:, None] + 0.5) / max(scale, 1.0)
        weight = np.maximum(1 - np.abs(t), 0) if mode == "linear" else _cubic(t, -0.5)
        weight = np.where(index < last[:, None], weight, 0)
        return Taps(np.minimum(index, size - 1), weight / weight.sum(1, keepdims=True), size)
    if align_corners:
        at = o * ((size - 1) / (out - 1) if out > 1 else 0.0)
    else:
        at = (o + 0.5) * scale - 0.5
    if mode == "linear":
        at = np.maximum(at, 0)
        low = np.minimum(at.astype(np.int64), size - 1)
        t = np.clip(at - low, 0, 1)
        return Taps(np.stack([low, np.minimum(low + 1, size - 1)], 1), np.stack([1 - t, t], 1), size)
    low = np.floor(at).astype(np.int64)
    near = low[:, None] + np.arange(-1, 3)
    return Taps(np.clip(near, 0, size - 1), _cubic(at[:, None] - near, -0.75), size)


_MODES = {
    "nearest": (3, 4, 5), "nearest-exact": (3, 4, 5), "linear": (3,), "bilinear": (4,), "bicubic": (4,),
    "trilinear": (5,), "area": (3, 4, 5),
}  # fmt: skip


def _output_size(
    space: tuple[int, ...], size: Any, scale_factor: Any
) -> tuple[tuple[int, ...], tuple[float, ...] | None]:
    """The size asked for, and the factors where they are what was given."""
    if (size is None) == (scale_factor is None):
        raise ShapeError("interpolate: give either size or scale_factor, one of them")
    given = size if size is not None else scale_factor
    many = tuple(given) if isinstance(given, (list, tuple)) else (given,) * len(space)
    if len(many) != len(space):
        raise ShapeError(
            f"interpolate: {given!r} for {len(space)} spatial dimensions; expected a number or {len(space)} of them"
        )
    if size is not None:
        out, factors = tuple(int(m) for m in many), None
    else:
        out, factors = (
            tuple(floor(n * float(f)) for n, f in zip(space, many, strict=True)),
            tuple(float(f) for f in many),
        )
    if any(m < 1 for m in (*out, *space)):
        raise ShapeError(f"interpolate: input of {space} becomes {out}; each size must be at least 1")
    return out, factors


@function(
    method=False,
    samples=lambda s: [
        (s(2, 3, 4), 7), (s(1, 2, 3, 4), (5, 6), None, "bilinear"), (s(1, 2, 3, 4), (5, 3), None, "bilinear", True),
        (s(1, 2, 4, 4), None, 1.5, "bicubic"), (s(1, 1, 3, 2, 4), 4, None, "trilinear"),
        (s(2, 3, 5), None, 0.6, "area"),
        (s(1, 2, 6, 5), (3, 4), {"mode": "bilinear", "antialias": True}), (s(2, 2, 5), 3, {"mode": "nearest-exact"}),
    ],
)  # fmt: skip
def interpolate(
    input: Any, size: Any = None, scale_factor: Any = None, mode: str = "nearest", align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None, antialias: bool = False,
) -> Any:  # fmt: skip
    """input (N, C, *space) resized to `size` or by `scale_factor`.

    mode: 'nearest', 'nearest-exact', 'area' for 1 to 3 spatial dimensions, 'linear' for 1, 'bilinear' and 'bicubic'
    for 2, 'trilinear' for 3. align_corners: the corner pixels' centres stay in place. recompute_scale_factor: places
    follow from the sizes rather than from scale_factor. antialias: shrinking averages. Raises ShapeError, ValueError
    for mode.

    >>> autograd.interpolate(autograd.tensor([[[1.0, 2.0]]]), scale_factor=2)
    tensor([[[1., 1., 2., 2.]]])
    """
    if mode not in _MODES:
        raise NumberError(f"interpolate: mode is {mode!r}; expected one of {', '.join(_MODES)}")
    if input.ndim not in _MODES[mode]:
        raise ShapeError(
            f"interpolate: mode {mode!r} takes {' or '.join(map(str, _MODES[mode]))} dimensions (batch, channels and "
            f"space), "
            f"input has shape {tuple(input.shape)}"
        )
    if align_corners is not None and mode in ("nearest", "nearest-exact", "area"):
        raise NumberError("interpolate: align_corners goes with linear, bilinear, bicubic and trilinear only")
    if antialias and mode not in ("bilinear", "bicubic"):
        raise NumberError("interpolate: antialias goes with bilinear and bicubic only")
    shape = tuple(input.shape)
    space = shape[2:]
    if 0 in shape[1:]:
        raise ShapeError(f"interpolate: input has shape {shape}; only the batch may have size 0")
    out, factors = _output_size(space, size, scale_factor)
    if recompute_scale_factor:
        if factors is None:
            raise ShapeError("interpolate: recompute_scale_factor needs scale_factor")
        factors = None
    if mode == "area":
        return (adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d)[len(space) - 1](input, out)
    if input.dtype.kind != "f" and not mode.startswith("nearest"):
        raise DTypeError(f"interpolate: input is {input.dtype}; expected float32 or float64")
    kind = {"bilinear": "linear", "trilinear": "linear", "bicubic": "cubic"}.get(mode, mode)
    y = input
    for k, (n, m) in enumerate(zip(space, out, strict=True)):
        scale = n / m if factors is None else 1 / factors[k]
        # where a size stays, torch reads scale_factor only to place cubic curves and the nearest centre
        if n != m or (scale != 1 and (kind == "nearest-exact" or (kind == "cubic" and not antialias))):
            y = _resample(y, k + 2, _taps(kind, n, m, scale, bool(align_corners), antialias))
    return y * 1.0 if y is input else y


@function(method=False, samples=lambda s: [(s(2, 3, 4), 7), (s(1, 2, 3, 4), None, 2, "bilinear", True)])
def upsample(
    input: Any, size: Any = None, scale_factor: Any = None, mode: str = "nearest", align_corners: bool | None = None
) -> Any:
    """`interpolate`, by its older name.

    >>> autograd.upsample(autograd.tensor([[[1.0, 2.0]]]), scale_factor=2)
    tensor([[[1., 1., 2., 2.]]])
    """
    return interpolate(input, size, scale_factor, mode, align_corners)


# ------------------------------------------------------------------------------------------------ sampling at points


@op(
    lambda g, weight, index, input_shape: _spread_pixels(g, weight, index, input_shape[2]),
    lambda g, input, index: _match_pixels(g, input, index),
    samples=lambda s: [(s(2, 3, 4), s(2, 2, 5), s.ints(4, 2, 2, 5, low=-1))],
)
def _read_pixels(input: Any, weight: Any, index: ndarray) -> Any:
    """input (N, C, P) at index (K, N, Q), none where that is negative, times weight (K, N, Q), summed over K: (N, C, Q)."""
    return kernels.read(input, weight, _within(index, input.shape[2]))


@op(
    lambda g, weight, index: _read_pixels(g, weight, index),
    lambda g, input, index: _match_pixels(input, g, index),
    samples=lambda s: [(s(2, 3, 5), s(2, 2, 5), s.ints(4, 2, 2, 5, low=-1), 4)],
)
def _spread_pixels(input: Any, weight: Any, index: ndarray, size: int) -> Any:
    """The adjoint of `_read_pixels`: weight times input (N, C, Q) added up at index of (N, C, size)."""
    return kernels.spread(input, weight, _within(index, size), size)


@op(
    lambda g, other, index: _read_pixels(other, g, index),
    lambda g, input, index, other_shape: _spread_pixels(input, g, index, other_shape[2]),
    samples=lambda s: [(s(2, 3, 5), s(2, 3, 4), s.ints(4, 2, 2, 5, low=-1))],
)
def _match_pixels(input: Any, other: Any, index: ndarray) -> Any:
    """The other adjoint, (K, N, Q): products over the channels of input (N, C, Q) and what is read of other (N, C, P)."""
    return kernels.match(input, other, _within(index, other.shape[2]))


@op(
    lambda g, index, input_shape: _spread_pixels(g, np.ones(index.shape, g.dtype), index, input_shape[2]),
    lambda g, points: _zero(points),
    samples=lambda s: [(s(2, 3, 4), s(2, 5, 2), s.ints(4, 1, 2, 5, low=-1))],
)
def _nearest_pixels(input: Any, points: Any, index: ndarray) -> Any:
    """input (N, C, P) at index (1, N, Q), none where that is negative. The points that it came from have a gradient of 0."""
    return kernels.read(input, np.ones(index.shape, input.dtype), _within(index, input.shape[2]))


def _within(index: ndarray, size: int) -> ndarray:
    if index.size and index.max() >= size:
        raise RangeError(f"grid_sample: index {index.max()} of {size} pixels; expected below {size}")
    return index


def _array(x: Any) -> ndarray:
    return x.numpy_view() if isinstance(x, Tensor) else x


def _wide(x: Any) -> ndarray:
    """In double precision, where the numbers of all pixels are exact."""
    return _array(x).astype(np.float64)


def _reflected(x: Any, low: float, high: float) -> Any:
    """x mirrored at low and high until it lies between."""
    span = high - low
    if span == 0:
        return x * 0.0
    x = abs(x - low)
    flips = np.floor(_array(x) / span)
    rest = x - (flips * span).astype(x.dtype)
    return where(flips % 2 == 0, rest + low, high - rest)


def _places(x: Any, size: int, padding_mode: str, align_corners: bool, cubic: bool) -> Any:
    """Coordinates in [-1, 1] as pixel numbers, within the image where the padding mode brings them there."""
    x = (x + 1.0) * ((size - 1) / 2) if align_corners else ((x + 1.0) * size - 1.0) * 0.5
    return x if cubic else _brought_in(x, size, padding_mode, align_corners)


def _brought_in(x: Any, size: int, padding_mode: str, align_corners: bool) -> Any:
    if padding_mode == "reflection":
        x = _reflected(x, 0.0, float(size - 1)) if align_corners else _reflected(x, -0.5, size - 0.5)
    if padding_mode != "zeros":
        at = _array(x)
        # as in torch no gradient at the border itself
        x = where((at > 0) & (at < size - 1), x, np.clip(at, 0, size - 1))
    return x


def _flat(numbers: list[list[ndarray]], space: tuple[int, ...]) -> ndarray:
    """The pixels that are the corners of all combinations, one of each dimension's list of whole numbers: their places
    in the flat image (K, N, Q), below 0 outside."""
    size = int(np.prod(space))
    lines, step = [], size
    with np.errstate(invalid="ignore"):  # what is outside may also be NaN
        for line, n in zip(numbers, space, strict=True):
            step //= n
            lines.append([np.where((p >= 0) & (p < n), p * step, -size).astype(np.int64) for p in line])
    corners = list(product(*lines))
    index = np.empty((len(corners), *corners[0][0].shape), np.int64)
    for flat, corner in zip(index, corners, strict=True):
        np.add(corner[0], corner[1], out=flat)
        for p in corner[2:]:
            flat += p
    return index


def _composed(image: Any, points: Any, space: tuple[int, ...], mode: str, padding_mode: str, align: bool) -> Any:
    """`grid_sample` out of ops: image (N, C, P) at points (N, Q, n), as (N, C, Q)."""
    n = len(space)
    # the grid's last axis counts x, the fastest, first
    at = [_places(points[..., n - 1 - d], space[d], padding_mode, align, mode == "bicubic") for d in range(n)]
    if mode == "nearest":
        return _nearest_pixels(image, points, _flat([[np.rint(_wide(a))] for a in at], space))
    low = [np.floor(_array(a)) for a in at]
    part = [a - f for a, f in zip(at, low, strict=True)]
    steps = range(-1, 3) if mode == "bicubic" else range(2)
    shares = [[_cubic_weight(t, c) if mode == "bicubic" else (t if c else 1.0 - t) for c in steps] for t in part]
    numbers = [[_wide(f) + c for c in steps] for f in low]
    if mode == "bicubic":
        bring = zip(numbers, space, strict=True)
        numbers = [[np.rint(_brought_in(p, m, padding_mode, align)) for p in line] for line, m in bring]
    weights = [reduce(mul, some) for some in product(*shares)]
    index = _flat(numbers, space)
    return _read_pixels(image, stack(weights, 0), index)


_PADDINGS = {"zeros": grids.ZEROS, "border": grids.BORDER, "reflection": grids.REFLECTION}


def _bilinear_pull(g: Any, input: Any, points: Any, padding_mode: str, align: bool, needs: list[bool]) -> list[Any]:
    if type(g) is type(input) is type(points) is ndarray:
        return grids.pull(g, input, points, _PADDINGS[padding_mode], align, needs)
    with tape.enable_grad():
        N, C, H, W = input.shape
        y = _composed(reshape(input, (N, C, H * W)), points, (H, W), "bilinear", padding_mode, align)
        wanted = [x for x, need in zip((input, points), needs, strict=True) if need]
        found = iter(tape.grad(y, wanted, g, create_graph=True))
    return [next(found) if need else None for need in needs]


@op(
    joint=_bilinear_pull,
    n_inputs=2,
    samples=lambda s: [
        (s(2, 2, 4, 5), s(2, 6, 2, low=-0.93, high=0.97), "zeros", False),
        (s(1, 2, 3, 4), s(1, 4, 2, low=-1.4, high=1.3), "border", True),
        (s(1, 2, 3, 4), s(1, 4, 2, low=-1.4, high=1.3), "reflection", False),
    ],
)
def _bilinear_pixels(input: Any, points: Any, padding_mode: str, align: bool) -> Any:
    """input (N, C, H, W) read bilinearly at points (N, Q, 2): (N, C, Q), of float32 or float64."""
    return grids.read(input, points, _PADDINGS[padding_mode], align)


@function(
    method=False,
    samples=lambda s: [
        (s(2, 2, 4, 5), s(2, 2, 3, 2, low=-0.93, high=0.97)),
        (s(1, 2, 3, 4), s(1, 2, 2, 2, low=-1.4, high=1.3), "bilinear", "border", True),
        (s(1, 2, 3, 4), s(1, 2, 2, 2, low=-1.4, high=1.3), "bilinear", "reflection", False),
        (s(1, 2, 4, 4), s(1, 2, 2, 2, low=-0.9, high=0.93), "bicubic", "zeros", False),
        (s(1, 2, 3, 4), s(1, 2, 2, 2, low=-0.9, high=0.93), "nearest"),
        (s(1, 1, 3, 2, 3), s(1, 2, 1, 2, 3, low=-0.9, high=0.93)),
    ],
)  # fmt: skip
def grid_sample(
    input: Any, grid: Any, mode: str = "bilinear", padding_mode: str = "zeros", align_corners: bool | None = None
) -> Any:
    """input (N, C, H, W) read at grid (N, H', W', 2), whose (x, y) run from -1 to 1: (N, C, H', W'); volumes likewise.

    mode: 'bilinear', 'nearest', or for images 'bicubic'; padding_mode: what stands outside, 'zeros', 'border' or
    'reflection'; align_corners: whether -1 and 1 are the corner pixels' centres or their outer edges (the default).
    Raises ShapeError, ValueError. Source: Jaderberg et al., https://arxiv.org/abs/1506.02025.

    >>> autograd.grid_sample(autograd.ones(1, 1, 2, 2), autograd.zeros(1, 1, 1, 2))
    tensor([[[[1.]]]])
    """
    if mode not in ("bilinear", "nearest", "bicubic") or padding_mode not in ("zeros", "border", "reflection"):
        raise NumberError(
            f"grid_sample: mode is {mode!r} and padding_mode {padding_mode!r}; expected 'bilinear', 'nearest' or "
            f"'bicubic', and "
            "'zeros', 'border' or 'reflection'"
        )
    n = input.ndim - 2
    if n not in (2, 3) or grid.ndim != n + 2 or grid.shape[-1] != n or grid.shape[0] != input.shape[0]:
        raise ShapeError(
            f"grid_sample: input has shape {tuple(input.shape)} and grid {tuple(grid.shape)}; expected (N, C, H, W) "
            f"and "
            "(N, H', W', 2), or (N, C, D, H, W) and (N, D', H', W', 3)"
        )
    if 0 in input.shape[2:]:
        raise ShapeError(f"grid_sample: input has shape {tuple(input.shape)}; expected at least one pixel")
    if input.dtype != grid.dtype:
        raise DTypeError(f"grid_sample: input is {input.dtype} and grid {grid.dtype}; expected one dtype")
    if input.dtype.kind != "f":
        raise DTypeError(f"grid_sample: input is {input.dtype}; expected float32 or float64")
    if mode == "bicubic" and n == 3:
        raise NumberError("grid_sample: mode 'bicubic' takes images, not volumes")
    space, out, align = tuple(input.shape[2:]), tuple(grid.shape[1:-1]), bool(align_corners)
    N, C = input.shape[:2]
    points = reshape(grid, (N, prod(out), n))
    if mode == "bilinear" and n == 2 and not tape.mode.ties:
        return reshape(_bilinear_pixels(input, points, padding_mode, align), (N, C, *out))
    image = reshape(input, (N, C, prod(space)))
    return reshape(_composed(image, points, space, mode, padding_mode, align), (N, C, *out))


def _cubic_weight(t: Any, step: int, a: float = -0.75) -> Any:
    """Keys' kernel at the distance of the pixel `step` from the place t in [0, 1)."""
    d = {-1: t + 1.0, 0: t, 1: 1.0 - t, 2: 2.0 - t}[step]
    if step in (0, 1):
        return ((a + 2) * d - (a + 3)) * d * d + 1.0
    return (((d - 5.0) * d + 8.0) * d - 4.0) * a


@lru_cache(maxsize=16)
def _base_grid(space: tuple[int, ...], align_corners: bool, dtype: np.dtype) -> ndarray:
    """The coordinates of the pixels of a picture, and 1: (pixels, dimensions + 1)."""
    axes = []
    for m in space:
        axis = np.linspace(-1, 1, m) if m > 1 else np.zeros(1)
        axes.append(axis if align_corners else axis * (m - 1) / m)
    mesh = np.meshgrid(*axes, indexing="ij")
    return np.stack([*mesh[::-1], np.ones(space)], -1).reshape(-1, len(space) + 1).astype(dtype)


@function(method=False, samples=lambda s: [(s(2, 2, 3), (2, 1, 3, 4)), (s(1, 3, 4), (1, 1, 2, 3, 2), True)])
def affine_grid(theta: Any, size: Any, align_corners: bool | None = None) -> Any:
    """The grid for `grid_sample` that reads an output of `size` through the maps theta (N, 2, 3), or (N, 3, 4) for
    volumes.

    >>> autograd.affine_grid(autograd.tensor([[[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]]), (1, 1, 2, 2)).shape
    Size([1, 2, 2, 2])
    """
    size = tuple(int(m) for m in size)
    n = len(size) - 2
    if n not in (2, 3) or tuple(theta.shape[1:]) != (n, n + 1) or theta.ndim != 3 or theta.shape[0] != size[0]:
        raise ShapeError(
            f"affine_grid: theta has shape {tuple(theta.shape)} for size {size}; expected (N, 2, 3) and (N, C, H, W), "
            f"or "
            "(N, 3, 4) and (N, C, D, H, W)"
        )
    if theta.dtype.kind != "f" or min(size) < 1:
        raise (InputDTypeError if min(size) >= 1 else ShapeError)(
            f"affine_grid: theta is {theta.dtype}, size {size}; expected floats and sizes above 0"
        )
    base = _base_grid(size[2:], bool(align_corners), np.dtype(theta.dtype))
    return reshape(matmul(base if isinstance(theta, ndarray) else wrap(base), mT(theta)), (size[0], *size[2:], n))


# ------------------------------------------------------------------------------------------------ channels and pixels


@function(samples=lambda s: [(s(2, 8, 2, 3), 2), (s(9, 1, 2), 3)], method=False)
def pixel_shuffle(input: Any, upscale_factor: int) -> Any:
    """Channels spread over pixels: (*, C r^2, H, W) becomes (*, C, H r, W r). Source:
    https://arxiv.org/abs/1609.05158.

    >>> autograd.pixel_shuffle(autograd.ones(1, 4, 2, 2), 2).shape
    Size([1, 1, 4, 4])
    """
    r = upscale_factor
    if input.ndim < 3 or r < 1 or input.shape[-3] % (r * r):
        raise ShapeError(
            f"pixel_shuffle: input has shape {tuple(input.shape)}; expected (*, C, H, W) with C divisible by "
            f"upscale_factor {r} squared"
        )
    *batch, C, H, W = input.shape
    x = reshape(input, (*batch, C // (r * r), r, r, H, W))
    b = len(batch)
    x = permute(x, (*range(b), b, b + 3, b + 1, b + 4, b + 2))
    return reshape(x, (*batch, C // (r * r), H * r, W * r))


@function(samples=lambda s: [(s(2, 2, 4, 6), 2), (s(1, 3, 6), 3)], method=False)
def pixel_unshuffle(input: Any, downscale_factor: int) -> Any:
    """The inverse of `pixel_shuffle`: (*, C, H r, W r) becomes (*, C r^2, H, W).

    >>> autograd.pixel_unshuffle(autograd.ones(1, 1, 4, 4), 2).shape
    Size([1, 4, 2, 2])
    """
    r = downscale_factor
    if input.ndim < 3 or r < 1 or input.shape[-1] % r or input.shape[-2] % r:
        raise ShapeError(
            f"pixel_unshuffle: input has shape {tuple(input.shape)}; expected (*, C, H, W), H and W divisible by "
            f"downscale_factor {r}"
        )
    *batch, C, H, W = input.shape
    x = reshape(input, (*batch, C, H // r, r, W // r, r))
    b = len(batch)
    x = permute(x, (*range(b), b, b + 2, b + 4, b + 1, b + 3))
    return reshape(x, (*batch, C * r * r, H // r, W // r))


@function(samples=lambda s: [(s(2, 6, 2, 3), 3), (s(1, 4, 2), 2)], method=False)
def channel_shuffle(input: Any, groups: int) -> Any:
    """The channels of (N, C, *) dealt out from `groups` equal groups in turn. Source:
    https://arxiv.org/abs/1707.01083.

    >>> autograd.channel_shuffle(autograd.arange(4.0).reshape(1, 4, 1), 2).flatten()
    tensor([0., 2., 1., 3.])
    """
    if input.ndim < 3 or groups < 1 or input.shape[1] % groups:
        raise ShapeError(
            f"channel_shuffle: input has shape {tuple(input.shape)}; expected (N, C, *) with C divisible by groups "
            f"{groups}"
        )
    N, C, *space = input.shape
    x = reshape(input, (N, groups, C // groups, *space))
    return reshape(permute(x, (0, 2, 1, *range(3, x.ndim))), tuple(input.shape))
