"""What every transform shares: pictures with their boxes and masks, a random stream of its own, and compositions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

import autograd
from autograd.errors import DTypeError, ShapeError
from nn.data.sampler import RandomSource, generator_state, numpy_generator, random_source, set_generator_state


@dataclass
class Pictures:
    """A batch as transforms change it: pixels (N, C, H, W), a list of N box arrays (n, 4), masks (N, K, H, W)."""

    pixels: np.ndarray
    boxes: list[np.ndarray] | None = None
    masks: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.pixels)

    @property
    def size(self) -> tuple[int, int]:
        """(H, W)"""
        return self.pixels.shape[2], self.pixels.shape[3]

    def take(self, which: np.ndarray) -> Pictures:
        """The pictures at some indices."""
        boxes = None if self.boxes is None else [self.boxes[i] for i in which]
        return Pictures(self.pixels[which], boxes, None if self.masks is None else self.masks[which])

    def put(self, who: str, which: np.ndarray, other: Pictures) -> Pictures:
        """The same batch with those at some indices replaced; all must keep one shape."""
        if len(which) == len(self):
            return other
        if other.pixels.shape[1:] != self.pixels.shape[1:]:
            raise ShapeError(
                f"{who}: some pictures of the batch are {other.pixels.shape[1:]} now and the others "
                f"{self.pixels.shape[1:]}; a batch has one shape, resize in every branch or none"
            )
        pixels = self.pixels.astype(other.pixels.dtype)  # a copy
        pixels[which] = other.pixels
        boxes, masks = self.boxes, self.masks
        if boxes is not None and other.boxes is not None:
            changed = dict(zip(which.tolist(), other.boxes, strict=True))
            boxes = [changed.get(i, box) for i, box in enumerate(boxes)]
        if masks is not None and other.masks is not None:
            masks = masks.copy()
            masks[which] = other.masks
        return Pictures(pixels, boxes, masks)

    def where(self, chosen: np.ndarray, change: Callable[[Pictures], Pictures], who: str) -> Pictures:
        """Change the pictures for which `chosen` (N,) is true."""
        which = np.flatnonzero(chosen)
        return self.put(who, which, change(self.take(which))) if len(which) else self


class Transform:
    """A change of pictures that their boxes and masks follow.

    Call it with `images`, one picture (C, H, W) or a batch (N, C, H, W), as ndarrays or Tensors; float32 or float64, where
    only flips and crops take other dtypes too. Each picture of a batch is changed by its own random amount, which does not
    depend on how batches are cut.
    `boxes`: (n, 4) as (x1, y1, x2, y2) in pixels, the picture spanning 0..W and 0..H; of a batch a sequence of N such
    arrays, or one (N, n, 4). A box is the bounding box of what it becomes, cut at the picture's border; one that leaves the
    picture has no area (`boxes_inside` says which are left).
    `masks`: (H, W) or (K, H, W), of a batch (N, H, W) or (N, K, H, W), any dtype; resampled by the nearest pixel, 0 outside.
    Returns the images, or a tuple with the boxes and masks given. Nothing given is changed, nothing is recorded on the tape.

    `generator`: an autograd.Generator, a numpy Generator or a seed for a stream of its own; the default generator if None.
    Errors: ValueError for shapes and ranges, TypeError for dtypes, RuntimeError for images that require grad.
    """

    any_dtype = False  # of the pixels

    def __init__(self, generator: RandomSource = None) -> None:
        self.generator = random_source(generator)

    @property
    def rng(self) -> np.random.Generator:
        """Where this transform's numbers come from now."""
        return numpy_generator(self.generator)

    def change(self, pictures: Pictures) -> Pictures:
        """The changed batch; what a subclass defines."""
        raise NotImplementedError(f"{type(self).__name__}: a Transform must define change(pictures)")

    def __call__(self, images: Any, boxes: Any = None, masks: Any = None) -> Any:
        name = type(self).__name__
        pixels = _array(name, "images", images)
        if pixels.ndim not in (3, 4):
            raise ShapeError(
                f"{name}: images have shape {pixels.shape}, expected (N, C, H, W) or (C, H, W); "
                "ToTensor makes that of (H, W, C) bytes"
            )
        if not self.any_dtype and pixels.dtype not in (np.float32, np.float64):
            raise DTypeError(
                f"{name}: images are {pixels.dtype}, expected float32 or float64; divide bytes by 255 (ToTensor does)"
            )
        single = pixels.ndim == 3
        batch = pixels[None] if single else pixels
        n, _, height, width = batch.shape
        held = Pictures(batch)
        if boxes is not None:
            held.boxes = [_box_array(name, box) for box in ([boxes] if single else boxes)]
            if len(held.boxes) != n:
                raise ShapeError(f"{name}: boxes are given for {len(held.boxes)} pictures, expected {n}")
        if masks is not None:
            mask = _array(name, "masks", masks)
            mask = mask[None] if single else mask
            if mask.ndim not in (3, 4) or len(mask) != n or mask.shape[-2:] != (height, width):
                raise ShapeError(
                    f"{name}: masks have shape {np.shape(masks)}, expected the pictures' ({height}, {width}) last"
                )
            held.masks = mask[:, None] if mask.ndim == 3 else mask
        changed = self.change(held)
        results = [_as_given(changed.pixels[0] if single else changed.pixels, images, pixels)]
        if boxes is not None and changed.boxes is not None:
            if single:
                results.append(_as_given(changed.boxes[0], boxes))
            elif isinstance(boxes, (np.ndarray, autograd.Tensor)):
                results.append(_as_given(np.stack(changed.boxes), boxes))
            else:
                results.append([_as_given(new, old) for new, old in zip(changed.boxes, boxes, strict=True)])
        if masks is not None and changed.masks is not None:
            out = changed.masks[:, 0] if mask.ndim == 3 else changed.masks
            results.append(_as_given(out[0] if single else out, masks))
        return results[0] if len(results) == 1 else tuple(results)

    def parts(self) -> Sequence[Any]:
        """The transforms inside this one."""
        return ()

    def state_dict(self) -> dict[str, Any]:
        """Where its own random stream stands, and those of its parts (the default generator is saved apart)."""
        own = None if self.generator is None else generator_state(self.generator)
        return {"generator": own, "parts": [part.state_dict() for part in self.parts() if isinstance(part, Transform)]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on where `state_dict` was taken. Raises ValueError for another transform's."""
        parts = [part for part in self.parts() if isinstance(part, Transform)]
        own = state_dict["generator"]
        if len(parts) != len(state_dict["parts"]) or (own is None) != (self.generator is None):
            raise ValueError(
                f"{type(self).__name__}: the saved state is of another transform, with other parts or seeds"
            )
        if own is not None:
            set_generator_state(self.generator, own)
        for part, state in zip(parts, state_dict["parts"], strict=True):
            part.load_state_dict(state)

    def __repr__(self) -> str:
        shown = {k: v for k, v in vars(self).items() if not k.startswith("_") and k != "generator"}
        return f"{type(self).__name__}({', '.join(f'{k}={v}' for k, v in shown.items())})"


def _array(name: str, what: str, given: Any) -> np.ndarray:
    if isinstance(given, autograd.Tensor):
        if given.requires_grad:
            raise RuntimeError(f"{name}: {what} require grad, and a random change records none; pass {what}.detach()")
        return given.numpy()
    return np.asarray(given)


def _box_array(name: str, given: Any) -> np.ndarray:
    box = _array(name, "boxes", given)
    box = box.reshape(0, 4) if box.size == 0 else box
    if box.ndim != 2 or box.shape[1] != 4:
        raise ShapeError(f"{name}: boxes of a picture have shape {box.shape}, expected (n, 4) as x1, y1, x2, y2")
    return box.astype(np.float64) if box.dtype.kind != "f" else box


def _as_given(array: np.ndarray, given: Any, source: np.ndarray | None = None) -> Any:
    """`array` as a Tensor where a Tensor was given, and never the given memory itself."""
    tensor = isinstance(given, autograd.Tensor)
    source = given.numpy_view() if tensor else given if source is None else source
    own = np.array(array) if isinstance(source, np.ndarray) and np.may_share_memory(array, source) else array
    return autograd.from_numpy(own) if tensor else own


def boxes_inside(boxes: Any, min_size: float = 1.0) -> np.ndarray:
    """Which boxes (n, 4) are at least `min_size` pixels wide and high: (n,) bool; index boxes and labels with it."""
    box = _box_array("boxes_inside", boxes)
    return ((box[:, 2:] - box[:, :2]) >= min_size).all(axis=1)


def cut(box: np.ndarray, height: int, width: int) -> np.ndarray:
    """Boxes (n, 4) cut at the border of a picture."""
    return np.clip(box, 0, np.array([width, height, width, height])).astype(box.dtype)


class Compose(Transform):
    """One after another. Functions of an array (N, C, H, W) are taken too: they see the pixels alone.

    >>> Compose([lambda pixels: pixels - 1, lambda pixels: pixels * 2])(np.ones((1, 1, 2), np.float32)).tolist()
    [[[0.0, 0.0]]]
    """

    any_dtype = True  # each part checks its own

    def __init__(self, transforms: Sequence[Any]) -> None:
        super().__init__()
        self.transforms = list(transforms)
        for position, transform in enumerate(self.transforms):
            if not callable(transform):
                raise TypeError(f"{type(self).__name__}: part {position} is a {type(transform).__name__}, no transform")

    def parts(self) -> Sequence[Any]:
        return self.transforms

    def change(self, pictures: Pictures) -> Pictures:
        for transform in self.transforms:
            pictures = _changed(transform, pictures)
        return pictures


def _changed(transform: Any, pictures: Pictures) -> Pictures:
    if not isinstance(transform, Transform):
        return replace(pictures, pixels=np.asarray(transform(pictures.pixels)))
    if not transform.any_dtype and pictures.pixels.dtype not in (np.float32, np.float64):
        raise DTypeError(
            f"{type(transform).__name__}: images are {pictures.pixels.dtype}, expected float32 or float64; "
            "divide bytes by 255 (ToTensor does)"
        )
    return transform.change(pictures)


class RandomApply(Compose):
    """All of the transforms with probability p for each picture, or none of them."""

    def __init__(self, transforms: Sequence[Any], p: float = 0.5, generator: RandomSource = None) -> None:
        super().__init__(transforms)
        self.p = probability(self, p)
        self.generator = random_source(generator)

    def change(self, pictures: Pictures) -> Pictures:
        return pictures.where(self.rng.random(len(pictures)) < self.p, super().change, type(self).__name__)


class RandomChoice(Compose):
    """One of the transforms for each picture, with probabilities proportional to `p`, equal ones if None."""

    def __init__(
        self, transforms: Sequence[Any], p: Sequence[float] | None = None, generator: RandomSource = None
    ) -> None:
        super().__init__(transforms)
        weights = np.ones(len(self.transforms)) if p is None else np.asarray(p, dtype=np.float64)
        if (
            not self.transforms
            or weights.shape != (len(self.transforms),)
            or not (weights >= 0).all()
            or not weights.any()
        ):
            raise ValueError(
                f"RandomChoice: p should be a weight for each of {len(self.transforms)} transforms, not negative and not "
                f"all 0, got {p}"
            )
        self.p = (weights / weights.sum()).tolist()
        self.generator = random_source(generator)

    def change(self, pictures: Pictures) -> Pictures:
        picks = np.searchsorted(np.cumsum(self.p)[:-1], self.rng.random(len(pictures)), side="right")
        changed = [(np.flatnonzero(picks == i), part) for i, part in enumerate(self.transforms)]
        out = pictures
        for which, part in changed:
            if len(which):
                # A choice may change the size as long as every picture of the batch makes the same choice.
                out = out.put("RandomChoice", which, _changed(part, pictures.take(which)))
        return out


def probability(transform: Any, p: Any) -> float:
    """p, checked."""
    if not 0 <= p <= 1:
        raise ValueError(f"{type(transform).__name__}: p should be a probability between 0 and 1, got {p}")
    return float(p)


def numbers(name: str, what: str, value: Any, lengths: tuple[int, ...]) -> tuple[float, ...]:
    """`value` as numbers: one number s means (-s, s), else as many as `lengths` allows."""
    if isinstance(value, (int, float)):
        if value < 0:
            raise ValueError(f"{name}: {what}={value} as one number must not be negative; pass (low, high)")
        value = (-value, value)
    found = tuple(float(v) for v in value)
    if len(found) not in lengths or not np.isfinite(found).all():
        raise ValueError(f"{name}: {what} should be {' or '.join(map(str, lengths))} finite numbers, got {value}")
    return found


def pair(name: str, what: str, value: Any, least: int = 1) -> tuple[int, int]:
    """A size: one int for both sides, or (height, width)."""
    sides = (value, value) if isinstance(value, (int, np.integer)) else tuple(value)
    if len(sides) != 2 or any(int(side) != side or side < least for side in sides):
        raise ValueError(f"{name}: {what} should be an int or (height, width) of at least {least}, got {value}")
    return int(sides[0]), int(sides[1])
