"""Mirroring, crops, resizing, affine and elastic warps: what moves pixels, and boxes and masks with them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from autograd.errors import ShapeError
from autograd.kernels.warp import gaussian_blur, nearest, resized_crops, warp
from nn.data.sampler import RandomSource
from nn.data.transforms.base import Pictures, Transform, cut, numbers, pair, probability

# ------------------------------------------------------------------------------------------------- flips and crops


def _mirrored(pictures: Pictures, axis: int) -> Pictures:
    size = pictures.pixels.shape[axis]
    low, high = (0, 2) if axis == 3 else (1, 3)
    boxes, masks = pictures.boxes, pictures.masks
    if boxes is not None:
        boxes = [box.copy() for box in boxes]
        for box in boxes:
            box[:, [low, high]] = size - box[:, [high, low]]
    return Pictures(
        np.flip(pictures.pixels, axis).copy(), boxes, None if masks is None else np.flip(masks, axis).copy()
    )


class RandomHorizontalFlip(Transform):
    """Left and right exchanged, with probability p."""

    any_dtype = True
    _axis = 3

    def __init__(self, p: float = 0.5, generator: RandomSource = None) -> None:
        super().__init__(generator)
        self.p = probability(self, p)

    def change(self, pictures: Pictures) -> Pictures:
        chosen = self.rng.random(len(pictures)) < self.p
        return pictures.where(chosen, lambda some: _mirrored(some, self._axis), type(self).__name__)


class RandomVerticalFlip(RandomHorizontalFlip):
    """Top and bottom exchanged, with probability p."""

    _axis = 2


def _windows(pictures: Pictures, top: np.ndarray, left: np.ndarray, size: tuple[int, int]) -> Pictures:
    """The window of each picture at (top, left), each (N,), inside it."""
    height, width = size
    places = list(zip(top.tolist(), left.tolist(), strict=True))

    def cropped(arrays: np.ndarray) -> np.ndarray:
        out = np.empty((*arrays.shape[:2], height, width), arrays.dtype)
        for i, (y, x) in enumerate(places):
            out[i] = arrays[i, :, y : y + height, x : x + width]
        return out

    boxes = pictures.boxes
    if boxes is not None:
        boxes = [
            cut(box - np.array([x, y, x, y], box.dtype), height, width)
            for box, (y, x) in zip(boxes, places, strict=True)
        ]
    masks = pictures.masks
    return Pictures(cropped(pictures.pixels), boxes, None if masks is None else cropped(masks))


_PAD_MODES = {"constant": "constant", "edge": "edge", "reflect": "reflect", "symmetric": "symmetric"}


class Pad(Transform):
    """A border: `padding` an int, (left and right, top and bottom) or (left, top, right, bottom).

    `padding_mode`: "constant" with `fill`, "edge" repeats the last pixel, "reflect" mirrors about it, "symmetric" with it.
    Masks get 0, or what the mode says.
    """

    any_dtype = True

    def __init__(self, padding: Any, fill: float = 0.0, padding_mode: str = "constant") -> None:
        super().__init__()
        sides = (padding,) if isinstance(padding, int) else tuple(padding)
        if len(sides) not in (1, 2, 4) or any(side != int(side) or side < 0 for side in sides):
            raise ValueError(f"{type(self).__name__}: padding should be 1, 2 or 4 ints of at least 0, got {padding}")
        if padding_mode not in _PAD_MODES:
            raise ValueError(
                f"{type(self).__name__}: padding_mode should be one of {[*_PAD_MODES]}, got {padding_mode!r}"
            )
        self.padding, self.fill, self.padding_mode = sides * (4 // len(sides)), fill, padding_mode

    def change(self, pictures: Pictures) -> Pictures:
        left, top, right, bottom = self.padding
        return self.bordered(pictures, left, top, right, bottom)

    def bordered(self, pictures: Pictures, left: int, top: int, right: int, bottom: int) -> Pictures:
        """With so many rows and columns added."""
        width = ((0, 0), (0, 0), (top, bottom), (left, right))
        mode: Any = _PAD_MODES[self.padding_mode]
        fill: dict[str, Any] = {"constant_values": self.fill} if mode == "constant" else {}
        boxes = pictures.boxes
        if boxes is not None:
            boxes = [box + np.array([left, top, left, top], box.dtype) for box in boxes]
        masks = pictures.masks
        return Pictures(
            np.pad(pictures.pixels, width, mode, **fill), boxes, None if masks is None else np.pad(masks, width, mode)
        )


class CenterCrop(Transform):
    """The middle of each picture, of `size` (an int or (height, width)), inside it."""

    any_dtype = True

    def __init__(self, size: Any) -> None:
        super().__init__()
        self.size = pair("CenterCrop", "size", size)

    def change(self, pictures: Pictures) -> Pictures:
        _check_inside(type(self).__name__, self.size, pictures.size, "Resize it first")
        top, left = ((side - wanted) // 2 for side, wanted in zip(pictures.size, self.size, strict=True))
        return _windows(pictures, np.full(len(pictures), top), np.full(len(pictures), left), self.size)


def _check_inside(name: str, wanted: tuple[int, int], size: tuple[int, int], fix: str) -> None:
    if wanted[0] > size[0] or wanted[1] > size[1]:
        raise ShapeError(f"{name}: size {wanted} is larger than the pictures, {size}; {fix}")


class RandomCrop(Pad):
    """A window of `size`, anywhere, after a border of `padding` (as `Pad`); `pad_if_needed` widens smaller pictures."""

    def __init__(
        self,
        size: Any,
        padding: Any = None,
        pad_if_needed: bool = False,
        fill: float = 0.0,
        padding_mode: str = "constant",
        generator: RandomSource = None,
    ) -> None:
        super().__init__(0 if padding is None else padding, fill, padding_mode)
        Transform.__init__(self, generator)
        self.size, self.pad_if_needed = pair("RandomCrop", "size", size), pad_if_needed

    def change(self, pictures: Pictures) -> Pictures:
        if any(self.padding):
            pictures = super().change(pictures)
        height, width = pictures.size
        if self.pad_if_needed and (height < self.size[0] or width < self.size[1]):
            more_h, more_w = max(0, self.size[0] - height), max(0, self.size[1] - width)
            pictures = self.bordered(pictures, more_w, more_h, more_w, more_h)
            height, width = pictures.size
        _check_inside("RandomCrop", self.size, (height, width), "give padding or pad_if_needed=True")
        room = np.array([height - self.size[0] + 1, width - self.size[1] + 1])
        top, left = (self.rng.random((len(pictures), 2)) * room).astype(np.int64).T
        return _windows(pictures, top, left, self.size)


# ---------------------------------------------------------------------------------------------------------- resizing


def _resized(pictures: Pictures, crops: np.ndarray, size: tuple[int, int], antialias: bool) -> Pictures:
    """The rectangle `crops` (N, 4) of each picture, as top, left, height, width, brought to `size`."""
    height, width = size
    boxes, masks = pictures.boxes, pictures.masks
    if boxes is not None:
        moved = []
        for box, (top, left, rows, columns) in zip(boxes, crops.tolist(), strict=True):
            scale = np.array([width / columns, height / rows] * 2)
            moved.append(cut(((box - [left, top, left, top]) * scale).astype(box.dtype), height, width))
        boxes = moved
    if masks is not None:
        out = np.empty((*masks.shape[:2], height, width), masks.dtype)
        for i, (top, left, rows, columns) in enumerate(crops.tolist()):
            # The pixel whose area holds the middle of the new one.
            y = top + ((np.arange(height) + 0.5) * rows / height).astype(int)
            x = left + ((np.arange(width) + 0.5) * columns / width).astype(int)
            out[i] = masks[i][:, y[:, None], x]
        masks = out
    return Pictures(resized_crops(pictures.pixels, crops, size, antialias), boxes, masks)


class Resize(Transform):
    """To `size` (height, width), or with one int the shorter side to it, bilinearly.

    `max_size` bounds the longer side then. `antialias` averages all pixels that fall on one, as Pillow does.
    """

    def __init__(self, size: Any, max_size: int | None = None, antialias: bool = True) -> None:
        super().__init__()
        self.shorter = isinstance(size, (int, np.integer))
        self.size = pair("Resize", "size", size)
        if max_size is not None and (not self.shorter or max_size <= self.size[0]):
            raise ValueError(f"Resize: max_size={max_size} goes with one int as size, smaller than it; got size={size}")
        self.max_size, self.antialias = max_size, antialias

    def change(self, pictures: Pictures) -> Pictures:
        height, width = pictures.size
        size = self.size
        if self.shorter:
            short, long = self.size[0], int(self.size[0] * max(height, width) / min(height, width))
            if self.max_size is not None and long > self.max_size:
                short, long = int(self.max_size * short / long), self.max_size
            size = (short, long) if height <= width else (long, short)
        if size == (height, width):
            return pictures
        crops = np.tile(np.array([0, 0, height, width]), (len(pictures), 1))
        return _resized(pictures, crops, size, self.antialias)


class RandomResizedCrop(Transform):
    """A rectangle of random area and shape, brought to `size`: the crop with which Inception was trained.

    `scale`: the rectangle's share of the picture's area; `ratio`: of width to height, uniform in its logarithm. Where ten
    draws do not fit, the largest middle part whose ratio does. One call draws 22 numbers a picture.
    Source: Szegedy et al. 2015, arXiv:1409.4842, section 6.
    """

    def __init__(
        self,
        size: Any,
        scale: Sequence[float] = (0.08, 1.0),
        ratio: Sequence[float] = (3 / 4, 4 / 3),
        antialias: bool = True,
        generator: RandomSource = None,
    ) -> None:
        super().__init__(generator)
        self.size = pair("RandomResizedCrop", "size", size)
        self.scale, self.ratio = (
            _positive("RandomResizedCrop", *named) for named in (("scale", scale), ("ratio", ratio))
        )
        self.antialias = antialias

    def change(self, pictures: Pictures) -> Pictures:
        height, width = pictures.size
        draws = self.rng.random((len(pictures), 22))
        area = height * width * (self.scale[0] + draws[:, :10] * (self.scale[1] - self.scale[0]))
        low, high = np.log(self.ratio)
        aspect = np.exp(low + draws[:, 10:20] * (high - low))
        w = np.round(np.sqrt(area * aspect)).astype(np.int64)
        h = np.round(np.sqrt(area / aspect)).astype(np.int64)
        fits = (w > 0) & (w <= width) & (h > 0) & (h <= height)
        first = fits.argmax(axis=1)[:, None]
        w, h = np.take_along_axis(w, first, 1)[:, 0], np.take_along_axis(h, first, 1)[:, 0]
        top = (draws[:, 20] * (height - h + 1)).astype(np.int64)
        left = (draws[:, 21] * (width - w + 1)).astype(np.int64)
        middle = _middle(height, width, *self.ratio)
        crops = np.where(fits.any(axis=1)[:, None], np.stack([top, left, h, w], axis=1), middle)
        return _resized(pictures, crops, self.size, self.antialias)


def _middle(height: int, width: int, low: float, high: float) -> list[int]:
    """The largest rectangle in the middle with a ratio of width to height between low and high."""
    w, h = width, height
    if width / height < low:
        h = max(1, min(height, round(width / low)))
    elif width / height > high:
        w = max(1, min(width, round(height * high)))
    return [(height - h) // 2, (width - w) // 2, h, w]


def _positive(name: str, what: str, value: Sequence[float]) -> tuple[float, float]:
    low, high = numbers(name, what, tuple(value), (2,))
    if not 0 < low <= high:
        raise ValueError(f"{name}: {what} should be (low, high) with 0 < low <= high, got {tuple(value)}")
    return low, high


# ------------------------------------------------------------------------------------------------------------- warps

INTERPOLATIONS = ("bilinear", "nearest")


class _Warp(Transform):
    """Pictures resampled where matrices and displacements point."""

    def __init__(self, interpolation: str, fill: float, generator: RandomSource) -> None:
        super().__init__(generator)
        if interpolation not in INTERPOLATIONS:
            raise ValueError(
                f"{type(self).__name__}: interpolation should be one of {INTERPOLATIONS}, got {interpolation!r}"
            )
        self.interpolation, self.fill = interpolation, float(fill)

    def warped(
        self,
        pictures: Pictures,
        inverse: np.ndarray,
        size: tuple[int, int] | None = None,
        field: np.ndarray | None = None,
    ) -> Pictures:
        """Pixel (x, y) of the result from inverse (N, 2, 3) times (x, y, 1), plus field (N, 2, P, Q)."""
        inverse = np.ascontiguousarray(inverse)
        height, width = size or pictures.size
        places = None
        if pictures.masks is not None or self.interpolation == "nearest":
            places = nearest((len(pictures), *pictures.size), inverse, size, field)
        if self.interpolation == "nearest":
            assert places is not None
            pixels = _gathered(pictures.pixels, places, self.fill)
        else:
            pixels = warp(pictures.pixels, inverse, self.fill, size, field)
        masks = None
        if pictures.masks is not None and places is not None:
            masks = _gathered(pictures.masks, places, 0)
        boxes = pictures.boxes
        if boxes is not None and field is None:
            boxes = [cut(_moved(box, matrix), height, width) for box, matrix in zip(boxes, inverse, strict=True)]
        elif boxes is not None and field is not None:
            boxes = [_covered(box, matrix, shift) for box, matrix, shift in zip(boxes, inverse, field, strict=True)]
        return Pictures(pixels, boxes, masks)


def _gathered(arrays: np.ndarray, places: np.ndarray, fill: float) -> np.ndarray:
    """arrays (N, K, H, W) at flat places (N, P, Q); `fill` at -1."""
    n, k = arrays.shape[:2]
    if not arrays.size:
        return np.full((n, k, *places.shape[1:]), fill, arrays.dtype)
    flat = arrays.reshape(n, k, -1)
    found = np.take_along_axis(flat, np.maximum(places, 0).reshape(n, 1, -1), axis=2)
    found = found.reshape(n, k, *places.shape[1:])
    return np.where((places < 0)[:, None], np.array(fill).astype(arrays.dtype), found)


def _moved(box: np.ndarray, inverse: np.ndarray) -> np.ndarray:
    """The bounding boxes of warped boxes: their corners taken the other way."""
    linear = np.linalg.inv(inverse[:, :2])
    # Pixel centres are whole numbers to the matrix, and halves to boxes.
    corners = box[:, [[0, 1], [2, 1], [2, 3], [0, 3]]].astype(np.float64) - 0.5
    there = (corners - inverse[:, 2]) @ linear.T + 0.5
    return np.concatenate([there.min(axis=1), there.max(axis=1)], axis=1).astype(box.dtype)


def _covered(box: np.ndarray, inverse: np.ndarray, field: np.ndarray) -> np.ndarray:
    """The bounding boxes of the pixels that come from inside each box, to a pixel: a displacement has no inverse."""
    y, x = np.indices(field.shape[1:])
    from_x = inverse[0, 0] * x + inverse[0, 1] * y + inverse[0, 2] + field[0] + 0.5
    from_y = inverse[1, 0] * x + inverse[1, 1] * y + inverse[1, 2] + field[1] + 0.5
    out = np.zeros_like(box)
    for i, (x1, y1, x2, y2) in enumerate(box.tolist()):
        inside = (from_x >= x1) & (from_x < x2) & (from_y >= y1) & (from_y < y2)
        rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
        if len(rows):
            out[i] = columns[0], rows[0], columns[-1] + 1, rows[-1] + 1
    return out


class RandomAffine(_Warp):
    """Turn, shift, scale and shear each picture by its own random amount, bilinearly, about its centre.

    Arguments are torchvision's: `degrees` d or (low, high), clockwise; `translate` (a, b), shares of width and height, each
    shift uniform in [-a W, a W] and [-b H, b H] (not rounded to whole pixels); `scale` (low, high); `shear` in degrees, s or
    (low, high) along x, or (x low, x high, y low, y high). Pixels from outside are `fill`. `interpolation`: "bilinear"
    (torchvision's default is "nearest"). One call draws six numbers a picture, whatever the ranges are.

    Source: the matrix is torchvision's: scale, then shear along x, shear along y, rotation (clockwise), shift.
    """

    def __init__(
        self,
        degrees: float | Sequence[float],
        translate: Sequence[float] | None = None,
        scale: Sequence[float] | None = None,
        shear: float | Sequence[float] | None = None,
        fill: float = 0.0,
        generator: RandomSource = None,
        *,
        interpolation: str = "bilinear",
    ) -> None:
        super().__init__(interpolation, fill, generator)
        turn = numbers("RandomAffine", "degrees", degrees, (2,))
        x, y = numbers("RandomAffine", "translate", (0.0, 0.0) if translate is None else translate, (2,))
        if not (0 <= x <= 1 and 0 <= y <= 1):
            raise ValueError(f"RandomAffine: translate values should be between 0 and 1, got {translate}")
        zoom = numbers("RandomAffine", "scale", (1.0, 1.0) if scale is None else scale, (2,))
        if zoom[0] <= 0:
            raise ValueError(f"RandomAffine: scale values should be positive, got {scale}")
        slant = numbers("RandomAffine", "shear", 0.0 if shear is None else shear, (2, 4))
        if max(map(abs, slant)) >= 90:
            raise ValueError(f"RandomAffine: shear should be inside -90..90 degrees, got {shear}")
        slant = slant if len(slant) == 4 else (*slant, 0.0, 0.0)
        ranges = np.array([turn, (-x, x), (-y, y), zoom, slant[:2], slant[2:]])
        for name, (low, high) in zip(("degrees", "", "", "scale", "shear", "shear"), ranges, strict=True):
            if low > high:
                raise ValueError(f"RandomAffine: {name} should be given as (low, high), got ({low}, {high})")
        self.low, self.span = ranges[:, 0], ranges[:, 1] - ranges[:, 0]

    def change(self, pictures: Pictures) -> Pictures:
        return self.warped(pictures, self._inverse(len(pictures), *pictures.size))

    def _inverse(self, n: int, height: int, width: int) -> np.ndarray:
        """(n, 2, 3): from a pixel of the result to the place in the picture it comes from, both as (x, y)."""
        draws = self.low + self.span * self.rng.random((n, 6))
        turn, slant_x, slant_y = np.deg2rad(draws[:, [0, 4, 5]]).T
        shift_x, shift_y, zoom = draws[:, 1] * width, draws[:, 2] * height, draws[:, 3]
        a = np.cos(turn - slant_y) / np.cos(slant_y)
        b = -a * np.tan(slant_x) - np.sin(turn)
        c = np.sin(turn - slant_y) / np.cos(slant_y)
        d = -c * np.tan(slant_x) + np.cos(turn)
        # The determinant of (a b; c d) is 1, so its inverse is (d -b; -c a).
        linear = np.stack([d, -b, -c, a], axis=1).reshape(n, 2, 2) / zoom[:, None, None]
        centre = np.array([(width - 1) / 2, (height - 1) / 2])
        moved = centre + np.stack([shift_x, shift_y], axis=1)
        offset = centre - np.einsum("nij,nj->ni", linear, moved)
        return np.concatenate([linear, offset[:, :, None]], axis=2)


class RandomRotation(_Warp):
    """Turn each picture by an angle of `degrees`, d for (-d, d) or (low, high), counter-clockwise as torchvision has it.

    `expand`: enlarge the result so that the whole picture is on it (one picture at a time, since sizes differ). `center`:
    (x, y) to turn about, the picture's if None. `interpolation`: "bilinear" (torchvision's default is "nearest").
    """

    def __init__(
        self,
        degrees: float | Sequence[float],
        interpolation: str = "bilinear",
        expand: bool = False,
        center: Sequence[float] | None = None,
        fill: float = 0.0,
        generator: RandomSource = None,
    ) -> None:
        super().__init__(interpolation, fill, generator)
        self.degrees = numbers("RandomRotation", "degrees", degrees, (2,))
        if self.degrees[0] > self.degrees[1]:
            raise ValueError(f"RandomRotation: degrees should be given as (low, high), got {self.degrees}")
        self.expand, self.center = expand, center

    def change(self, pictures: Pictures) -> Pictures:
        height, width = pictures.size
        low, high = self.degrees
        turn = np.deg2rad(low + (high - low) * self.rng.random(len(pictures)))
        cos, sin = np.cos(turn), np.sin(turn)
        linear = np.stack([cos, -sin, sin, cos], axis=1).reshape(-1, 2, 2)
        centre = np.array([width / 2, height / 2] if self.center is None else self.center, np.float64) - 0.5
        if not self.expand:
            offset = centre - linear @ centre
            return self.warped(pictures, np.concatenate([linear, offset[:, :, None]], axis=2))
        if len(pictures) != 1:
            raise ShapeError(
                f"RandomRotation: with expand=True each picture gets its own size; got a batch of {len(pictures)}, pass "
                "one picture (C, H, W) at a time"
            )
        # Sides that are whole numbers but for rounding stay so.
        sides = np.abs([[cos[0], sin[0]], [sin[0], cos[0]]]) @ [width, height]
        new_width, new_height = (math.ceil(round(float(side), 9)) for side in sides)
        middle = np.array([(new_width - 1) / 2, (new_height - 1) / 2])
        offset = np.array([(width - 1) / 2, (height - 1) / 2]) - linear @ middle
        return self.warped(pictures, np.concatenate([linear, offset[:, :, None]], axis=2), (new_height, new_width))


class ElasticTransform(_Warp):
    """Local warping: each pixel moved by smoothed noise.

    Noise uniform in [-1, 1] in each direction is blurred by a Gaussian of `sigma` pixels and moves a pixel by `alpha` / 2
    times itself. `alpha`, `sigma`: a number, or (along x, along y). Values are torchvision's for square pictures; for others
    torchvision stretches the shifts with the sides.
    Source: Simard, Steinkraus and Platt 2003, "Best practices for convolutional neural networks", section 2.
    """

    def __init__(
        self,
        alpha: float | Sequence[float] = 50.0,
        sigma: float | Sequence[float] = 5.0,
        interpolation: str = "bilinear",
        fill: float = 0.0,
        generator: RandomSource = None,
    ) -> None:
        super().__init__(interpolation, fill, generator)
        self.alpha, self.sigma = (
            numbers("ElasticTransform", name, (value, value) if isinstance(value, (int, float)) else value, (2,))
            for name, value in (("alpha", alpha), ("sigma", sigma))
        )
        if min(self.sigma) < 0:
            raise ValueError(f"ElasticTransform: sigma should not be negative, got {sigma}")

    def change(self, pictures: Pictures) -> Pictures:
        n, (height, width) = len(pictures), pictures.size
        field = self.rng.random((n, 2, height, width), np.float32) * 2 - 1
        for axis, (alpha, sigma) in enumerate(zip(self.alpha, self.sigma, strict=True)):
            if sigma > 0:
                radius = int(8 * sigma + 1) // 2
                blurred = gaussian_blur(field[:, axis], np.full(n, radius), np.full(n, float(sigma)))
                field[:, axis] = blurred
            field[:, axis] *= alpha / 2
        identity = np.tile(np.eye(3)[:2], (n, 1, 1))
        return self.warped(pictures, identity, None, field.astype(np.float64))
