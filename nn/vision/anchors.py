"""Anchor boxes by k-means, boxes as targets on YOLO's grid, and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy import ndarray

from autograd.errors import RangeError, ShapeError
from nn.data.sampler import RandomSource, numpy_generator, random_source
from nn.vision.boxes import floats, plain


def kmeans_anchors(sizes: Any, k: int, iterations: int = 100, generator: RandomSource = None) -> tuple[ndarray, float]:
    """k widths and heights (k, 2) that stand for the box sizes (N, 2), by area, and the mean IoU of a box with its nearest.

    k-means with the distance 1 - IoU of boxes laid corner on corner, the first centres chosen far from each other at random
    (k-means++), a centre being the mean of its boxes. Stops when no box changes its centre.
    Redmon and Farhadi, 2017, https://arxiv.org/abs/1612.08242, section 2. Errors: ValueError for fewer than k sizes above 0.
    """
    wh = plain(sizes).astype(np.float64)
    if wh.ndim != 2 or wh.shape[1] != 2:
        raise ShapeError(f"kmeans_anchors: sizes have shape {wh.shape}, expected (N, 2)")
    if not np.isfinite(wh).all():
        raise ValueError("kmeans_anchors: sizes hold NaN or infinity")
    wh = wh[(wh > 0).all(1)]
    if not 1 <= k <= len(np.unique(wh, axis=0)):
        raise ValueError(f"kmeans_anchors: {k} anchors of {len(np.unique(wh, axis=0))} distinct sizes above 0")
    rng = numpy_generator(random_source(generator))
    centres = wh[[rng.integers(len(wh))]]
    while len(centres) < k:
        far = (1 - _size_iou(wh, centres).max(1)) ** 2
        centres = np.vstack([centres, wh[rng.choice(len(wh), p=far / far.sum())]])
    nearest = np.full(len(wh), -1)
    for _ in range(iterations):
        now = _size_iou(wh, centres).argmax(1)
        if (now == nearest).all():
            break
        nearest = now
        for j in range(k):
            if (nearest == j).any():
                centres[j] = wh[nearest == j].mean(0)
    centres = centres[np.argsort(centres.prod(1), kind="stable")]
    return centres, float(_size_iou(wh, centres).max(1).mean())


def _size_iou(a: ndarray, b: ndarray) -> ndarray:
    """IoU of boxes (N, 2) and (M, 2) with one corner in common: (N, M)."""
    inter = np.minimum(a[:, None], b[None]).prod(2)
    return inter / (a.prod(1)[:, None] + b.prod(1)[None] - inter)


@dataclass
class GridTargets:
    """The boxes of a batch, each at its cell and anchor of the grid; P of them.

    image, row, column, anchor, label (P,) int64: where box p stands and what it shows. offset (P, 4) float64: the centre
    inside its cell, 0..1 along x and y, and log(width / anchor width), log(height / anchor height). boxes (P, 4): as they
    came, cut at the picture's borders. shape: (images, rows, columns, anchors). lost: (image, number in it) of every box
    that has no place: it has no area inside the picture, or all anchors of its cell are taken.
    """

    image: ndarray
    row: ndarray
    column: ndarray
    anchor: ndarray
    label: ndarray
    offset: ndarray
    boxes: ndarray
    shape: tuple[int, int, int, int]
    lost: list[tuple[int, int]]

    def __len__(self) -> int:
        return len(self.image)

    def dense(self, classes: int) -> ndarray:
        """The notes' form (images, rows, columns, anchors, 5 + classes) float64: 1 where a box is, offset, one-hot class."""
        full = np.zeros((*self.shape, 5 + classes))
        at = self.image, self.row, self.column, self.anchor
        full[(*at, 0)] = 1
        full[(*at, slice(1, 5))] = self.offset
        full[(*at, 5 + self.label)] = 1
        return full


def encode_boxes(
    targets: Sequence[Mapping[str, Any]], anchors: Any, size: tuple[int, int], grid: tuple[int, int]
) -> GridTargets:
    """Give each box of each picture the cell its centre lies in and the anchor most like it by IoU.

    targets: a mapping a picture, "boxes" (n, 4) and "labels" (n,). anchors (A, 2): widths and heights in pixels. size:
    (height, width) of the pictures, grid: (rows, columns). Where an anchor of a cell is taken the next most alike serves.
    Errors: ValueError for shapes, NaN and infinity, and negative labels.
    """
    priors = plain(anchors).astype(np.float64)
    rows, columns = grid
    cell_h, cell_w = size[0] / rows, size[1] / columns
    taken: set[tuple[int, int, int, int]] = set()
    found: list[tuple[int, ...]] = []
    offsets, kept, lost = [], [], []
    for image, target in enumerate(targets):
        boxes, labels = (
            plain(floats("encode_boxes", target["boxes"], dims=2)).astype(np.float64),
            plain(target["labels"]),
        )
        if len(labels) != len(boxes):
            raise ShapeError(f"encode_boxes: picture {image} has {len(boxes)} boxes and {len(labels)} labels")
        if not np.isfinite(boxes).all():
            raise ValueError(f"encode_boxes: the boxes of picture {image} hold NaN or infinity")
        if len(labels) and labels.min() < 0:
            raise RangeError(f"encode_boxes: picture {image} has label {labels.min()}, expected 0 or more")
        inside = np.clip(boxes, 0, [size[1], size[0], size[1], size[0]])
        wh = inside[:, 2:] - inside[:, :2]
        for i, (x1, y1, x2, y2) in enumerate(inside):
            if not (wh[i] > 0).all():
                lost.append((image, i))
                continue
            x, y = (x1 + x2) / 2 / cell_w, (y1 + y2) / 2 / cell_h
            row, column = min(int(y), rows - 1), min(int(x), columns - 1)
            for anchor in np.argsort(-_size_iou(wh[i : i + 1], priors)[0], kind="stable"):
                if (image, row, column, anchor) not in taken:
                    break
            else:
                lost.append((image, i))
                continue
            taken.add((image, row, column, anchor))
            found.append((image, row, column, anchor, labels[i]))
            offsets.append((x - column, y - row, *np.log(wh[i] / priors[anchor])))
            kept.append(inside[i])
    where = np.array(found, np.int64).reshape(-1, 5)
    image_of, row_of, column_of, anchor_of, label_of = where.T
    offset, inside = (np.array(x).reshape(-1, 4) for x in (offsets, kept))
    shape = len(targets), rows, columns, len(priors)
    return GridTargets(image_of, row_of, column_of, anchor_of, label_of, offset, inside, shape, lost)


def decode_boxes(targets: GridTargets, anchors: Any, size: tuple[int, int]) -> ndarray:
    """The boxes (P, 4) float64 of grid targets: what `encode_boxes` was given, to the rounding of a logarithm."""
    _, rows, columns, _ = targets.shape
    x = (targets.column + targets.offset[:, 0]) * (size[1] / columns)
    y = (targets.row + targets.offset[:, 1]) * (size[0] / rows)
    half = plain(anchors).astype(np.float64)[targets.anchor] * np.exp(targets.offset[:, 2:]) / 2
    return np.stack([x - half[:, 0], y - half[:, 1], x + half[:, 0], y + half[:, 1]], 1)
