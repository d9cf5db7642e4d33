"""YOLO: boxes and classes of a picture in one look, on a grid of cells with anchor boxes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy import ndarray

import autograd
import nn
import nn.functional as F
from autograd import Tensor
from autograd.errors import DTypeError, RangeError, ShapeError
from autograd.kernels.boxes import pairwise_iou
from nn.vision.anchors import GridTargets, encode_boxes
from nn.vision.boxes import (
    box_iou_loss,
    complete_box_iou_loss,
    distance_box_iou_loss,
    generalized_box_iou_loss,
    plain,
)
from nn.vision.nms import best_boxes

_BOX_LOSSES = {
    "iou": box_iou_loss, "giou": generalized_box_iou_loss, "diou": distance_box_iou_loss,
    "ciou": complete_box_iou_loss,
}  # fmt: skip
_LARGEST = 8.0  # a box may grow to exp(8) times its anchor and no further: its exponential must stay finite


class YOLOLoss(NamedTuple):
    """The loss and the three parts that it is the weighted sum of, each a Tensor of no dimensions."""

    total: Tensor
    boxes: Tensor
    objectness: Tensor
    classes: Tensor


def grid_boxes(raw: Any, anchors: Any, size: tuple[int, int]) -> Any:
    """Boxes (N, rows, columns, A, 4) in pixels, recorded, from a network's raw output (N, rows, columns, A, 5 + classes).

    b_x = (column + sigmoid(t_x)) cell width, b_w = anchor width exp(t_w), y and h likewise; the raw values are objectness,
    t_x, t_y, t_w, t_h, classes. Redmon and Farhadi, 2017, https://arxiv.org/abs/1612.08242, section 2.
    """
    rows, columns = raw.shape[1:3]
    dtype = raw.dtype
    priors = plain(anchors).astype(dtype)
    cell = np.array([size[1] / columns, size[0] / rows], dtype)
    corner = np.stack(np.meshgrid(np.arange(columns), np.arange(rows)), -1)[:, :, None].astype(dtype)
    return _corners(raw[..., 1:5], corner, cell, priors)


def _corners(t: Any, corner: ndarray, cell: ndarray, priors: ndarray) -> Any:
    centre = (autograd.sigmoid(t[..., :2]) + corner) * cell
    half = autograd.exp(autograd.clamp(t[..., 2:], max=_LARGEST)) * (0.5 * priors)
    return autograd.cat((centre - half, centre + half), -1)


def yolo_loss(
    raw: Tensor,
    targets: GridTargets | Sequence[Mapping[str, Any]],
    anchors: Any,
    size: tuple[int, int],
    coordinates: str = "ciou",
    independent_classes: bool = False,
    ignore_threshold: float = 0.6,
    weights: tuple[float, float, float] = (2.0, 1.0, 1.0),
    empty_weight: float = 1.0,
) -> YOLOLoss:
    """The loss of raw outputs (N, rows, columns, A, 5 + classes) on the boxes they should have found, summed, a picture.

    targets: a mapping a picture with "boxes" (n, 4) in pixels and "labels" (n,), or what `encode_boxes` made of them.
    anchors (A, 2) in pixels; size: (height, width) of the pictures.
    coordinates: "squared", of the offsets in the cell and the logarithms of the sizes, small boxes weighing up to twice
    (YOLOv2); or "iou", "giou", "diou", "ciou" of the boxes themselves. Classes: cross-entropy, or, `independent_classes`, a
    binary one each (YOLOv3). Objectness: binary cross-entropy, 1 where a box stands, `empty_weight` times where none does, and
    nothing where a prediction overlaps a true box by `ignore_threshold` or more without being the one that must find it.
    weights: of boxes, objectness and classes in the total.

    Redmon et al., 2016-2018, https://arxiv.org/abs/1506.02640, 1612.08242, 1804.02767. Errors: ValueError for shapes, labels
    beyond the classes, and an unknown name.
    """
    if raw.dim() != 5 or raw.shape[-1] < 6 or raw.shape[3] != len(anchors):
        raise ShapeError(
            f"yolo_loss: raw has shape {tuple(raw.shape)}, expected (N, rows, columns, {len(anchors)}, 5 + classes)"
        )
    if coordinates != "squared" and coordinates not in _BOX_LOSSES:
        raise ValueError(
            f"yolo_loss: coordinates={coordinates!r}, expected 'squared' or one of {', '.join(_BOX_LOSSES)}"
        )
    rows, columns = raw.shape[1:3]
    if not isinstance(targets, GridTargets):
        targets = encode_boxes(targets, anchors, size, (rows, columns))
    if targets.shape != tuple(raw.shape[:4]):
        raise ShapeError(f"yolo_loss: raw has shape {tuple(raw.shape)}, the targets are for {targets.shape}")
    classes = raw.shape[-1] - 5
    if len(targets) and targets.label.max() >= classes:
        raise RangeError(f"yolo_loss: label {targets.label.max()} with {classes} classes; labels count from 0")

    at = targets.image, targets.row, targets.column, targets.anchor
    dtype = raw.dtype
    priors = plain(anchors).astype(dtype)
    # Squared offsets and binary cross-entropy are 0 of no boxes by themselves: nothing here divides by their number.
    found = raw[at]
    t, truth = found[:, 1:5], autograd.from_numpy(targets.offset.astype(dtype))
    if coordinates == "squared":
        share = (targets.boxes[:, 2:] - targets.boxes[:, :2]).prod(1) / (size[0] * size[1])
        error = autograd.cat((autograd.sigmoid(t[:, :2]), t[:, 2:]), 1) - truth
        boxes = ((error * error).sum(1) * autograd.from_numpy((2 - share).astype(dtype))).sum()
    else:
        cell = np.array([size[1] / columns, size[0] / rows], dtype)
        corner = np.stack([targets.column, targets.row], 1).astype(dtype)
        predicted = _corners(t, corner, cell, priors[targets.anchor])
        boxes = _BOX_LOSSES[coordinates](predicted, autograd.from_numpy(targets.boxes.astype(dtype)), reduction="sum")

    wanted = np.zeros(targets.shape, dtype)
    wanted[at] = 1
    weight = np.full(targets.shape, empty_weight, dtype)
    if ignore_threshold <= 1 and len(targets):
        weight[_overlapping(raw.detach(), targets, priors, size, ignore_threshold)] = 0
    weight[at] = 1
    objectness = F.binary_cross_entropy_with_logits(
        raw[..., 0], autograd.from_numpy(wanted), autograd.from_numpy(weight), reduction="sum"
    )
    scores = found[:, 5:]
    if independent_classes:
        hot = np.eye(classes, dtype=dtype)[targets.label]
        kinds = F.binary_cross_entropy_with_logits(scores, autograd.from_numpy(hot), reduction="sum")
    else:
        kinds = F.cross_entropy(scores, autograd.from_numpy(targets.label), reduction="sum")
    parts = [part / max(targets.shape[0], 1) for part in (boxes, objectness, kinds)]
    total = parts[0] * weights[0] + parts[1] * weights[1] + parts[2] * weights[2]
    return YOLOLoss(total, *parts)


def _overlapping(
    raw: Tensor, targets: GridTargets, priors: ndarray, size: tuple[int, int], threshold: float
) -> ndarray:
    """Which predictions (N, rows, columns, A) overlap a true box of their picture by `threshold` or more."""
    boxes = grid_boxes(raw, priors, size).numpy()
    near = np.zeros(targets.shape, bool)
    for image in np.unique(targets.image):
        true = targets.boxes[targets.image == image].astype(boxes.dtype)
        near[image] = (pairwise_iou(boxes[image].reshape(-1, 4), true).max(1) >= threshold).reshape(near[image].shape)
    return near


class Detector(nn.Module):
    """A network (N, 3, H, W) -> (N, A (5 + classes), H / stride, W / stride) as a detector with A anchors.

    anchors (A, 2) in pixels are a buffer, so a file of weights holds them. `forward` gives the raw output in the notes' layout
    (N, rows, columns, A, 5 + classes). Pictures are float in [0, 1], their sides multiples of the stride.
    `independent_classes`: as in `yolo_loss`, and scores by a logistic function a class instead of softmax.
    """

    anchors: Tensor

    def __init__(
        self, network: nn.Module, classes: int, anchors: Any, stride: int, independent_classes: bool = False
    ) -> None:
        super().__init__()
        priors = plain(anchors).astype(np.float32)
        if priors.ndim != 2 or priors.shape[1] != 2 or not len(priors) or not (priors > 0).all():
            raise ShapeError(f"{type(self).__name__}: anchors of shape {priors.shape}, expected (A, 2), above 0")
        if classes < 1:
            raise ValueError(f"{type(self).__name__}: classes={classes}, expected at least 1")
        self.network, self.classes, self.stride = network, classes, stride
        self.independent_classes = independent_classes
        self.register_buffer("anchors", autograd.tensor(priors))

    def forward(self, pictures: Tensor) -> Tensor:
        if pictures.dim() != 4 or pictures.shape[1] != 3:
            raise ShapeError(
                f"{type(self).__name__}: pictures have shape {tuple(pictures.shape)}, expected (N, 3, H, W); repeat a "
                "grey channel three times"
            )
        height, width = pictures.shape[2:]
        if height % self.stride or width % self.stride or not height or not width:
            raise ShapeError(
                f"{type(self).__name__}: pictures of {height} x {width}, expected multiples of {self.stride}; `detect` pads"
            )
        raw = self.network(pictures).permute(0, 2, 3, 1)
        return raw.reshape(*raw.shape[:3], len(self.anchors), 5 + self.classes)

    def loss(self, pictures: Tensor, targets: Sequence[Mapping[str, Any]], **settings: Any) -> YOLOLoss:
        """`yolo_loss` of pictures and their targets."""
        height, width = pictures.shape[2:]
        settings = {"independent_classes": self.independent_classes} | settings
        return yolo_loss(self(pictures), targets, self.anchors, (height, width), **settings)

    @autograd.no_grad()
    def detect(
        self,
        pictures: Any,
        score_threshold: float = 0.6,
        iou_threshold: float = 0.5,
        all_classes: bool = False,
        most: int = 300,
    ) -> list[dict[str, ndarray]]:
        """What is in pictures (N, 3, H, W), or one (3, H, W), float in [0, 1]: a mapping each, best first.

        "boxes" (n, 4) float32 in pixels, inside the picture; "scores" (n,) float32, objectness times class probability;
        "labels" (n,) int64. A prediction counts as its best class, or with `all_classes` as every class whose score suffices,
        which mean average precision rewards. Then `best_boxes`, class by class, and the `most` best. Sides that are no
        multiples of the stride are padded with grey. Errors: ValueError for shapes, and NaN from a diverged network;
        TypeError for bytes.
        """
        pixels = plain(pictures)
        if pixels.dtype.kind != "f":
            raise DTypeError(f"detect: pictures are {pixels.dtype}, expected floats in [0, 1]; divide bytes by 255")
        pixels = pixels.astype(np.float32)
        pixels = pixels[None] if pixels.ndim == 3 else pixels
        if pixels.ndim != 4 or pixels.shape[1] != 3 or 0 in pixels.shape[1:]:
            raise ShapeError(f"detect: pictures have shape {pixels.shape}, expected (N, 3, H, W) or (3, H, W)")
        height, width = pixels.shape[2:]
        below, right = -height % self.stride, -width % self.stride
        if below or right:
            pixels = np.pad(pixels, ((0, 0), (0, 0), (0, below), (0, right)), constant_values=0.5)
        training = self.training
        self.eval()
        try:
            raw = self(autograd.from_numpy(pixels))
        finally:
            self.train(training)
        limits = np.array([width, height, width, height], np.float32)
        boxes = np.clip(grid_boxes(raw, self.anchors, pixels.shape[2:]).numpy(), 0, limits)
        kinds = autograd.sigmoid(raw[..., 5:]) if self.independent_classes else autograd.softmax(raw[..., 5:], -1)
        scores = (kinds * autograd.sigmoid(raw[..., :1])).numpy().reshape(len(pixels), -1, self.classes)
        if not np.isfinite(scores).all():
            raise ValueError("detect: the network's output holds NaN; were its weights trained until they diverged?")
        boxes = boxes.reshape(len(pixels), -1, 4)
        return [
            _chosen(b, s, score_threshold, iou_threshold, all_classes, most) for b, s in zip(boxes, scores, strict=True)
        ]


def _chosen(
    boxes: ndarray, scores: ndarray, score_threshold: float, iou_threshold: float, all_classes: bool, most: int
) -> dict[str, ndarray]:
    if all_classes:
        at, labels = np.nonzero(scores >= score_threshold)
    else:
        at, labels = np.arange(len(scores)), scores.argmax(1)
    boxes, scores = boxes[at], scores[at, labels]
    sides = boxes[:, 2:] - boxes[:, :2]
    scores = np.where((sides > 0).all(1), scores, -1.0).astype(np.float32)  # what lies outside the picture
    kept = best_boxes(boxes, scores, labels, max(score_threshold, 0.0), iou_threshold)[:most]
    return {"boxes": boxes[kept], "scores": scores[kept], "labels": labels[kept]}


# ------------------------------------------------------------------------------------------------- networks


def _conv(before: int, after: int, kernel: int = 3, stride: int = 1) -> nn.Sequential:
    """Convolution, batch norm, leaky ReLU: Darknet's unit."""
    return nn.Sequential(
        nn.Conv2d(before, after, kernel, stride, kernel // 2, bias=False), nn.BatchNorm2d(after), nn.LeakyReLU(0.1)
    )


def _head(before: int, outputs: int, anchors: int) -> nn.Conv2d:
    """The last convolution; at the start an object is rare, so that the empty cells' loss does not drown the rest."""
    head = nn.Conv2d(before, outputs, 1)
    with autograd.no_grad():
        head.weight.mul_(0.1)
        head.bias.zero_()
        head.bias.reshape(anchors, -1)[:, 0] = -math.log(99)
    return head


def _stack(before: int, plan: Sequence[int | tuple[int, int] | str]) -> tuple[nn.Sequential, int]:
    """Units by a plan: a number is a 3 x 3 convolution of so many channels, (channels, 1) a 1 x 1, "M" halves the picture."""
    layers: list[nn.Module] = []
    for entry in plan:
        if isinstance(entry, str):
            layers.append(nn.MaxPool2d(2))
            continue
        after, kernel = entry if isinstance(entry, tuple) else (entry, 3)
        layers.append(_conv(before, after, kernel))
        before = after
    return nn.Sequential(*layers), before


_FINE = (32, "M", 64, "M", 128, (64, 1), 128, "M", 256, (128, 1), 256, "M", 512, (256, 1), 512, (256, 1), 512)
_COARSE = ("M", 1024, (512, 1), 1024, (512, 1), 1024)


class Darknet19(nn.Module):
    """(N, 3, H, W) -> (N, classes): 19 convolutions, classified by the mean over the last map.

    Redmon and Farhadi, 2017, https://arxiv.org/abs/1612.08242, table 6. 20,842,376 parameters with 1,000 classes.
    """

    def __init__(self, classes: int = 1000) -> None:
        super().__init__()
        self.fine, channels = _stack(3, _FINE)
        self.coarse, channels = _stack(channels, _COARSE)
        self.classifier = nn.Conv2d(channels, classes, 1)

    def forward(self, pictures: Tensor) -> Tensor:
        return self.classifier(self.coarse(self.fine(pictures))).mean((2, 3))


class _YOLOv2(nn.Module):
    """Darknet-19 without its classifier, three more convolutions, and the finer map set beside the coarser one."""

    def __init__(self, outputs: int, anchors: int) -> None:
        super().__init__()
        self.fine, between = _stack(3, _FINE)
        self.coarse, _ = _stack(between, (*_COARSE, 1024, 1024))
        self.passed = nn.Sequential(_conv(between, 64, 1), nn.PixelUnshuffle(2))
        self.last = _conv(64 * 4 + 1024, 1024)
        self.head = _head(1024, outputs, anchors)

    def forward(self, pictures: Tensor) -> Tensor:
        fine = self.fine(pictures)
        return self.head(self.last(autograd.cat((self.passed(fine), self.coarse(fine)), 1)))


# of COCO's boxes, in cells of 32 pixels: https://github.com/pjreddie/darknet/blob/master/cfg/yolov2.cfg
COCO_ANCHORS = ((0.57273, 0.677385), (1.87446, 2.06253), (3.33843, 5.47434), (7.88282, 3.52778), (9.77052, 9.16828))


def yolo_v2(classes: int = 80, anchors: Any = None) -> Detector:
    """YOLOv2 on Darknet-19 as in the notes: (N, 3, 608, 608) -> (N, 19, 19, 5, 85). 50,962,889 parameters.

    anchors (A, 2) in pixels, by default the five of COCO. Any multiple of 32 will do for the sides of a picture.
    Redmon and Farhadi, 2017, https://arxiv.org/abs/1612.08242.
    """
    priors = 32 * np.array(COCO_ANCHORS) if anchors is None else plain(anchors)
    return Detector(_YOLOv2(len(priors) * (5 + classes), len(priors)), classes, priors, 32)


def yolo_small(classes: int, anchors: Any) -> Detector:
    """A YOLO that learns in minutes: (N, 3, H, W) -> (N, H / 16, W / 16, A, 5 + classes), for objects of 16 to 100 pixels."""
    priors = plain(anchors)
    first = _conv(3, 16, 3, 2)
    body, channels = _stack(16, (32, "M", 64, "M", 128, (64, 1), 128, "M", 256, (128, 1), 256))
    network = nn.Sequential(first, body, _head(channels, len(priors) * (5 + classes), len(priors)))
    return Detector(network, classes, priors, 16)
