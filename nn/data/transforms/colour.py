"""What changes the values of pixels and leaves them in their places."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

import autograd
from autograd.errors import DTypeError, ShapeError
from autograd.kernels.colour import jitter
from autograd.kernels.warp import gaussian_blur
from nn.data.sampler import RandomSource
from nn.data.transforms.base import Pictures, Transform, numbers, probability


def _check_colours(who: Transform, pictures: Pictures, channels: tuple[int, ...] = (3,)) -> None:
    if pictures.pixels.shape[1] not in channels:
        raise ShapeError(
            f"{type(who).__name__}: pictures have {pictures.pixels.shape[1]} channels, expected "
            f"{' or '.join(map(str, channels))}; images are channels first, (N, C, H, W)"
        )


class ColorJitter(Transform):
    """Brightness, contrast, saturation and hue changed by random factors, in a random order.

    `brightness`, `contrast`, `saturation`: b for factors in [max(0, 1 - b), 1 + b], or (low, high); `hue`: h for shifts in
    [-h, h] of the circle, at most 0.5, or (low, high). Pixels are in [0, 1] and stay so. Pictures with one channel have
    neither saturation nor hue. One call draws eight numbers a picture.
    """

    def __init__(
        self, brightness: Any = 0.0, contrast: Any = 0.0, saturation: Any = 0.0, hue: Any = 0.0,
        generator: RandomSource = None,
    ) -> None:  # fmt: skip
        super().__init__(generator)
        self.brightness = _factors("brightness", brightness)
        self.contrast = _factors("contrast", contrast)
        self.saturation = _factors("saturation", saturation)
        self.hue = numbers("ColorJitter", "hue", hue, (2,))
        if not -0.5 <= self.hue[0] <= self.hue[1] <= 0.5:
            raise ValueError(f"ColorJitter: hue should be in 0..0.5, or (low, high) inside -0.5..0.5, got {hue}")

    def change(self, pictures: Pictures) -> Pictures:
        _check_colours(self, pictures, (1, 3))
        low, high = np.array([self.brightness, self.contrast, self.saturation, self.hue]).T
        draws = self.rng.random((len(pictures), 8))
        factors, order = low + draws[:, :4] * (high - low), draws[:, 4:].argsort(axis=1)
        flat = pictures.pixels.reshape(*pictures.pixels.shape[:2], -1)
        return replace(pictures, pixels=jitter(flat, factors, order).reshape(pictures.pixels.shape))


def _factors(name: str, value: Any) -> tuple[float, float]:
    single = isinstance(value, (int, float))
    low, high = numbers("ColorJitter", name, value, (2,))
    if single:
        low, high = max(0.0, 1 + low), 1 + high
    if not 0 <= low <= high:
        raise ValueError(f"ColorJitter: {name} should be (low, high) with 0 <= low <= high, got {value}")
    return low, high


class RandomGrayscale(Transform):
    """All colour taken away, with probability p: each channel is 0.2989 R + 0.587 G + 0.114 B."""

    def __init__(self, p: float = 0.1, generator: RandomSource = None) -> None:
        super().__init__(generator)
        self.p = probability(self, p)

    def change(self, pictures: Pictures) -> Pictures:
        _check_colours(self, pictures)

        def grey(some: Pictures) -> Pictures:
            red, green, blue = np.moveaxis(some.pixels, 1, 0)
            one = (0.2989 * red + 0.587 * green + 0.114 * blue)[:, None]
            return replace(some, pixels=np.repeat(one, 3, axis=1))

        return pictures.where(self.rng.random(len(pictures)) < self.p, grey, type(self).__name__)


class PCAColorShift(Transform):
    """A random step along the principal colours: adds Σ_i α_i λ_i p_i to every pixel of a picture, α_i normal with `std`.

    `values` (3,) are the λ_i and the rows of `vectors` (3, 3) the p_i. The defaults are the ones in general use for ImageNet,
    pixels in [0, 1]; `fit` finds those of a training set. The result is not cut to [0, 1].
    Source: Krizhevsky, Sutskever and Hinton 2012 (AlexNet), section 4.1.
    """

    IMAGENET_VALUES = (0.2175, 0.0188, 0.0045)
    IMAGENET_VECTORS = ((-0.5675, -0.5808, -0.5836), (0.7192, -0.0045, -0.6948), (0.4009, -0.8140, 0.4203))

    def __init__(
        self,
        std: float = 0.1,
        values: Sequence[float] = IMAGENET_VALUES,
        vectors: Any = IMAGENET_VECTORS,
        generator: RandomSource = None,
    ) -> None:
        super().__init__(generator)
        if not std >= 0:
            raise ValueError(f"PCAColorShift: std should not be negative, got {std}")
        self.std = float(std)
        self.values, self.vectors = np.asarray(values, np.float64), np.asarray(vectors, np.float64)
        if self.vectors.shape != (len(self.values),) * 2:
            raise ShapeError(
                f"PCAColorShift: {len(self.values)} values and vectors of shape {self.vectors.shape}, expected as many rows "
                "and columns as values"
            )

    @classmethod
    def fit(
        cls, images: Any, std: float = 0.1, *, eigenvalues: bool = False, generator: RandomSource = None
    ) -> PCAColorShift:
        """Of pictures (N, C, H, W): the eigenvectors of the covariance of their pixels' colours.

        λ is the root of the eigenvalue, a colour's standard deviation, so that λ has the pixels' unit; the paper's text has
        the eigenvalue itself: `eigenvalues=True`.
        """
        pixels = images.numpy() if isinstance(images, autograd.Tensor) else np.asarray(images)
        colours = np.moveaxis(pixels, 1, 0).reshape(pixels.shape[1], -1).astype(np.float64)
        values, vectors = np.linalg.eigh(np.cov(colours))
        values = np.maximum(values[::-1], 0)
        return cls(std, values.tolist() if eigenvalues else np.sqrt(values).tolist(), vectors.T[::-1], generator)

    def change(self, pictures: Pictures) -> Pictures:
        _check_colours(self, pictures, (len(self.values),))
        alpha = self.rng.standard_normal((len(pictures), len(self.values))) * self.std
        # Sums, not a product of matrices: its bits would depend on the size of the batch.
        shift = ((alpha * self.values)[:, :, None] * self.vectors).sum(axis=1)
        return replace(pictures, pixels=pictures.pixels + shift.astype(pictures.pixels.dtype)[:, :, None, None])


class GaussianBlur(Transform):
    """Blurred by a Gaussian of `kernel_size` (odd) taps and a random `sigma`, s or (low, high), in pixels."""

    def __init__(
        self, kernel_size: int, sigma: float | Sequence[float] = (0.1, 2.0), generator: RandomSource = None
    ) -> None:
        super().__init__(generator)
        if kernel_size != int(kernel_size) or kernel_size < 1 or kernel_size % 2 == 0:
            raise ValueError(f"GaussianBlur: kernel_size should be odd and positive, got {kernel_size}")
        self.kernel_size = int(kernel_size)
        both = (sigma, sigma) if isinstance(sigma, (int, float)) else tuple(sigma)
        self.sigma = numbers("GaussianBlur", "sigma", both, (2,))
        if not 0 < self.sigma[0] <= self.sigma[1]:
            raise ValueError(f"GaussianBlur: sigma should be (low, high) with 0 < low <= high, got {sigma}")

    def change(self, pictures: Pictures) -> Pictures:
        n, channels = pictures.pixels.shape[:2]
        low, high = self.sigma
        sigmas = np.asarray(low + self.rng.random(n) * (high - low))
        planes = pictures.pixels.reshape(-1, *pictures.size)
        blurred = gaussian_blur(planes, np.full(len(planes), self.kernel_size // 2), sigmas.repeat(channels))
        return replace(pictures, pixels=blurred.reshape(pictures.pixels.shape))


class RandomErasing(Transform):
    """With probability p a rectangle of each picture is set to `value` ("random" for normal noise).

    `scale`, `ratio`: as in RandomResizedCrop; ten draws that do not fit leave the picture as it is.
    Source: Zhong et al. 2020, arXiv:1708.04896.
    """

    def __init__(
        self,
        p: float = 0.5,
        scale: Sequence[float] = (0.02, 0.33),
        ratio: Sequence[float] = (0.3, 3.3),
        value: float | str = 0.0,
        generator: RandomSource = None,
    ) -> None:
        super().__init__(generator)
        self.p = probability(self, p)
        for name, (low, high) in (("scale", scale), ("ratio", ratio)):
            if not 0 < low <= high:
                raise ValueError(f"RandomErasing: {name} should be (low, high) with 0 < low <= high, got {(low, high)}")
        if isinstance(value, str) and value != "random":
            raise ValueError(f'RandomErasing: value should be a number or "random", got {value!r}')
        self.scale, self.ratio, self.value = tuple(scale), tuple(ratio), value

    def change(self, pictures: Pictures) -> Pictures:
        out = pictures.pixels.copy()
        height, width = pictures.size
        rng = self.rng
        for picture in out:
            draws = rng.random(23)
            if draws[22] >= self.p:
                continue
            area = height * width * (self.scale[0] + draws[:10] * (self.scale[1] - self.scale[0]))
            low, high = np.log(self.ratio)
            aspect = np.exp(low + draws[10:20] * (high - low))
            h, w = np.round(np.sqrt(area * aspect)).astype(int), np.round(np.sqrt(area / aspect)).astype(int)
            for rows, columns in zip(h.tolist(), w.tolist(), strict=True):
                if 0 < rows < height and 0 < columns < width:
                    y, x = int(draws[20] * (height - rows + 1)), int(draws[21] * (width - columns + 1))
                    shape = (len(picture), rows, columns)
                    picture[:, y : y + rows, x : x + columns] = (
                        rng.standard_normal(shape) if isinstance(self.value, str) else self.value
                    )
                    break
        return replace(pictures, pixels=out)


class Normalize(Transform):
    """(x - mean) / std, channel by channel; one number serves all channels. `inverse()` undoes it."""

    def __init__(self, mean: Any, std: Any) -> None:
        super().__init__()
        self.mean, self.std = np.atleast_1d(np.asarray(mean, np.float64)), np.atleast_1d(np.asarray(std, np.float64))
        if self.mean.ndim != 1 or self.std.ndim != 1 or not (np.isfinite(self.std) & (self.std > 0)).all():
            raise ValueError(f"Normalize: mean and std should be a number a channel, std above 0; got {mean} and {std}")

    @classmethod
    def fit(cls, images: Any) -> Normalize:
        """With mean and standard deviation of the pictures (N, C, H, W): of the training set, and no other."""
        pixels = images.numpy() if isinstance(images, autograd.Tensor) else np.asarray(images)
        axes = (0, 2, 3)
        return cls(pixels.mean(axes, dtype=np.float64), pixels.std(axes, dtype=np.float64))

    def inverse(self) -> Normalize:
        """The transform that takes this one back."""
        return Normalize(-self.mean / self.std, 1 / self.std)

    def change(self, pictures: Pictures) -> Pictures:
        channels = pictures.pixels.shape[1]
        for values in (self.mean, self.std):
            if len(values) not in (1, channels):
                raise ShapeError(f"Normalize: {len(values)} values for pictures with {channels} channels")
        dtype = pictures.pixels.dtype
        mean, std = (values.astype(dtype)[:, None, None] for values in (self.mean, self.std))
        return replace(pictures, pixels=(pictures.pixels - mean) / std)


class ToTensor:
    """A picture (H, W, C) or (H, W), or a batch (N, H, W, C), of bytes 0..255, to a float32 Tensor in [0, 1], channels first.

    Floats keep their values. Pillow's images are taken too. Errors: ValueError for other shapes, TypeError for other dtypes.
    """

    def __call__(self, picture: Any) -> Any:
        pixels = picture.numpy() if isinstance(picture, autograd.Tensor) else np.asarray(picture)
        if pixels.dtype not in (np.uint8, np.float32, np.float64):
            raise DTypeError(f"ToTensor: the picture is {pixels.dtype}, expected uint8 or floats")
        if pixels.ndim not in (2, 3, 4):
            raise ShapeError(
                f"ToTensor: the picture has shape {pixels.shape}, expected (H, W), (H, W, C) or (N, H, W, C)"
            )
        first = np.moveaxis(pixels[:, :, None] if pixels.ndim == 2 else pixels, -1, -3)
        scaled = first.astype(np.float32) / np.float32(255) if pixels.dtype == np.uint8 else first.astype(np.float32)
        return autograd.from_numpy(np.ascontiguousarray(scaled))
