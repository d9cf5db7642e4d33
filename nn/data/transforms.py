"""Random changes of pictures, a batch at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

import autograd
from autograd.errors import DTypeError, ShapeError
from autograd.kernels.warp import warp_affine
from nn.data.sampler import RandomSource, numpy_generator, random_source


class RandomAffine:
    """Turn, shift, scale and shear each picture of a batch by its own random amount, bilinearly, about its centre.

    Arguments are torchvision's: `degrees` d or (low, high); `translate` (a, b), shares of width and height, each shift
    uniform in [-a W, a W] and [-b H, b H] (not rounded to whole pixels); `scale` (low, high); `shear` in degrees, s or
    (low, high) along x, or (x low, x high, y low, y high). Pixels from outside are `fill`.
    `generator`: an autograd.Generator, a numpy Generator, or a seed; the default generator if None. One call draws six
    numbers a picture, whatever the ranges are.

    Shapes: (N, C, H, W) to the same; float32 or float64; an ndarray gives an ndarray, a Tensor a Tensor. No gradient.
    Errors: ValueError for ranges and shapes, TypeError for dtypes.
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
    ) -> None:
        turn = _range("degrees", degrees, (2,))
        x, y = _range("translate", (0.0, 0.0) if translate is None else translate, (2,))
        if not (0 <= x <= 1 and 0 <= y <= 1):
            raise ValueError(f"RandomAffine: translate values should be between 0 and 1, got {translate}")
        zoom = _range("scale", (1.0, 1.0) if scale is None else scale, (2,))
        if zoom[0] <= 0:
            raise ValueError(f"RandomAffine: scale values should be positive, got {scale}")
        slant = _range("shear", 0.0 if shear is None else shear, (2, 4))
        if max(map(abs, slant)) >= 90:
            raise ValueError(f"RandomAffine: shear should be inside -90..90 degrees, got {shear}")
        slant = slant if len(slant) == 4 else (*slant, 0.0, 0.0)
        ranges = np.array([turn, (-x, x), (-y, y), zoom, slant[:2], slant[2:]])
        for name, (low, high) in zip(("degrees", "", "", "scale", "shear", "shear"), ranges, strict=True):
            if low > high:
                raise ValueError(f"RandomAffine: {name} should be given as (low, high), got ({low}, {high})")
        self.low, self.span = ranges[:, 0], ranges[:, 1] - ranges[:, 0]
        self.fill = float(fill)
        self.generator = random_source(generator)

    def __call__(self, images: Any) -> Any:
        tensor = isinstance(images, autograd.Tensor)
        if tensor and images.requires_grad:
            raise RuntimeError(
                "RandomAffine: images require grad, and a random change records none; pass images.detach()"
            )
        pixels = images.numpy() if tensor else np.asarray(images)
        if pixels.dtype not in (np.float32, np.float64):
            raise DTypeError(
                f"RandomAffine: images are {pixels.dtype}, expected float32 or float64; divide bytes by 255"
            )
        if pixels.ndim != 4:
            raise ShapeError(f"RandomAffine: images have shape {pixels.shape}, expected (N, C, H, W)")
        n, _, height, width = pixels.shape
        changed = warp_affine(np.ascontiguousarray(pixels), self._inverse(n, height, width), self.fill)
        return autograd.from_numpy(changed) if tensor else changed

    def _inverse(self, n: int, height: int, width: int) -> np.ndarray:
        """(n, 2, 3): from a pixel of the result to the place in the picture it comes from, both as (x, y)."""
        draws = self.low + self.span * numpy_generator(self.generator).random((n, 6))
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


def _range(name: str, value: Any, lengths: tuple[int, ...]) -> tuple[float, ...]:
    """`value` as numbers: one number s means (-s, s), else as many as `lengths` allows."""
    if isinstance(value, (int, float)):
        if value < 0:
            raise ValueError(f"RandomAffine: {name}={value} as one number must not be negative; pass (low, high)")
        value = (-value, value)
    numbers = tuple(float(v) for v in value)
    if len(numbers) not in lengths or not np.isfinite(numbers).all():
        raise ValueError(f"RandomAffine: {name} should be {' or '.join(map(str, lengths))} finite numbers, got {value}")
    return numbers
