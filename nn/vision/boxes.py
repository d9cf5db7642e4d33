"""Boxes: formats, areas, overlaps of all pairs, and losses of matched pairs, under torchvision.ops' names.

A box is (x1, y1, x2, y2), two corners, unless a function says otherwise. Functions take Tensors, which they record, or
ndarrays, and return what they were given. Two boxes without any area overlap by 0, not by NaN. Where an edge lies on
another's the gradient is the mean of both sides, so equal boxes have none.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import pi
from typing import Any

import numpy as np
from numpy import ndarray

import autograd
from autograd import Tensor
from autograd.errors import DTypeError, ShapeError
from autograd.kernels.boxes import pairwise_iou
from autograd.ops.activation import relu
from autograd.ops.arithmetic import square
from autograd.ops.compare import clamp, maximum, minimum, where
from autograd.ops.elementwise import atan2
from autograd.ops.join import stack, unbind
from autograd.ops.reduce import mean, sum

FORMATS = ("xyxy", "xywh", "cxcywh")


def plain(x: Any) -> ndarray:
    """The values of a Tensor or of anything numpy reads, as an ndarray."""
    return x.detach().numpy() if isinstance(x, Tensor) else np.asarray(x)


def like(result: ndarray, given: Any) -> Any:
    """`result` as a Tensor where a Tensor was given."""
    return autograd.from_numpy(result) if isinstance(given, Tensor) else result


def floats(name: str, boxes: Any, argument: str = "boxes", dims: int | None = None) -> Any:
    """Boxes (..., 4) as floats, the integers as float32. An empty list is no box."""
    if not isinstance(boxes, Tensor):
        boxes = np.asarray(boxes)
        if boxes.size == 0 and boxes.ndim < 2:
            boxes = np.zeros((0, 4), np.float32)
    if boxes.ndim < 1 or boxes.shape[-1] != 4 or (dims is not None and boxes.ndim != dims):
        expected = "(N, 4)" if dims == 2 else "(..., 4)"
        raise ShapeError(f"{name}: {argument} have shape {tuple(boxes.shape)}, expected {expected}; see box_convert")
    if boxes.dtype.kind not in "iuf":
        raise DTypeError(f"{name}: {argument} are {boxes.dtype}, expected numbers")
    if boxes.dtype.kind != "f":
        boxes = boxes.to(autograd.float32) if isinstance(boxes, Tensor) else boxes.astype(np.float32)
    return boxes


# ------------------------------------------------------------------------------------------------- formats


def box_convert(boxes: Any, in_fmt: str, out_fmt: str) -> Any:
    """Boxes (..., 4) from one format to another: "xyxy" corners, "xywh" upper left corner and size, "cxcywh" centre and size.

    Errors: ValueError for another format or shape.
    """
    for argument, value in (("in_fmt", in_fmt), ("out_fmt", out_fmt)):
        if value not in FORMATS:
            raise ValueError(f"box_convert: {argument}={value!r}, expected one of {', '.join(FORMATS)}")
    boxes = floats("box_convert", boxes)
    if in_fmt == out_fmt:
        return boxes.clone() if isinstance(boxes, Tensor) else boxes.copy()
    a, b, c, d = unbind(boxes, -1)
    if in_fmt == "xywh":
        a, b, c, d = a, b, a + c, b + d
    elif in_fmt == "cxcywh":
        a, b, c, d = a - 0.5 * c, b - 0.5 * d, a + 0.5 * c, b + 0.5 * d
    if out_fmt == "xywh":
        c, d = c - a, d - b
    elif out_fmt == "cxcywh":
        a, b, c, d = 0.5 * (a + c), 0.5 * (b + d), c - a, d - b
    return stack((a, b, c, d), -1)


def box_area(boxes: Any) -> Any:
    """Areas of boxes (..., 4): (...)."""
    x1, y1, x2, y2 = unbind(floats("box_area", boxes), -1)
    return (x2 - x1) * (y2 - y1)


def clip_boxes_to_image(boxes: Any, size: Sequence[int]) -> Any:
    """Boxes (..., 4) cut at the borders of a picture of `size` (height, width); one that lies outside keeps no area."""
    height, width = size
    x1, y1, x2, y2 = unbind(floats("clip_boxes_to_image", boxes), -1)
    edges = [clamp(edge, 0.0, float(limit)) for edge, limit in ((x1, width), (y1, height), (x2, width), (y2, height))]
    return stack(edges, -1)


def remove_small_boxes(boxes: Any, min_size: float) -> Any:
    """Indices int64 of the boxes (N, 4) whose width and height are both at least `min_size`."""
    x1, y1, x2, y2 = plain(floats("remove_small_boxes", boxes, dims=2)).T
    (kept,) = np.nonzero((x2 - x1 >= min_size) & (y2 - y1 >= min_size))
    return like(kept, boxes)


def masks_to_boxes(masks: Any) -> Any:
    """The boxes (N, 4) float32 of masks (N, H, W): first and last column and row that are not 0, as pixel numbers.

    Errors: ValueError for another shape and for a mask that is 0 throughout.
    """
    pixels = plain(masks) != 0
    if pixels.ndim != 3:
        raise ShapeError(f"masks_to_boxes: masks have shape {pixels.shape}, expected (N, H, W)")
    sides = []
    for dim in (1, 2):  # what is seen from above, then from the left
        seen = pixels.any(dim)
        if not seen.any(1).all():
            raise ValueError(
                f"masks_to_boxes: masks {np.flatnonzero(~seen.any(1)).tolist()} are empty; drop them first"
            )
        sides.append((seen.argmax(1), seen.shape[1] - 1 - seen[:, ::-1].argmax(1)))
    (x1, x2), (y1, y2) = sides if len(pixels) else ((np.zeros(0),) * 2,) * 2
    return like(np.stack([x1, y1, x2, y2], 1).astype(np.float32), masks)


# ------------------------------------------------------------------------------------------------- overlaps


def _ratio(part: Any, whole: Any) -> Any:
    """part / whole, and part, which is 0, where the whole is empty."""
    return part / where(whole > 0, whole, 1.0)


def _angle(width: Any, height: Any) -> Any:
    """The angle of a box's diagonal, for a point 0 with gradients 0 of every order."""
    point = (width == 0) & (height == 0)
    return atan2(where(point, 0.0, width), where(point, 1.0, height))


class _Pair:
    """What all overlaps of two broadcast lots of boxes are made of."""

    def __init__(self, a: Any, b: Any) -> None:
        self.a, self.b = unbind(a, -1), unbind(b, -1)
        (ax1, ay1, ax2, ay2), (bx1, by1, bx2, by2) = self.a, self.b
        self.inter = relu(minimum(ax2, bx2) - maximum(ax1, bx1)) * relu(minimum(ay2, by2) - maximum(ay1, by1))
        self.union = (ax2 - ax1) * (ay2 - ay1) + (bx2 - bx1) * (by2 - by1) - self.inter

    def hull(self) -> tuple[Any, Any]:
        """Width and height of the smallest box around both."""
        (ax1, ay1, ax2, ay2), (bx1, by1, bx2, by2) = self.a, self.b
        return maximum(ax2, bx2) - minimum(ax1, bx1), maximum(ay2, by2) - minimum(ay1, by1)

    def distance(self, eps: float) -> Any:
        """Squared distance of the centres over the squared diagonal of the hull; 0 where that is a point."""
        (ax1, ay1, ax2, ay2), (bx1, by1, bx2, by2) = self.a, self.b
        width, height = self.hull()
        centres = square((ax1 + ax2 - bx1 - bx2) / 2.0) + square((ay1 + ay2 - by1 - by2) / 2.0)
        return centres / (square(width) + square(height) + eps)

    def aspect(self, iou: Any, eps: float, detach_alpha: bool) -> Any:
        """alpha v: how far the widths stand in another ratio to the heights, weighed by the overlap."""
        (ax1, ay1, ax2, ay2), (bx1, by1, bx2, by2) = self.a, self.b
        v = square(_angle(ax2 - ax1, ay2 - ay1) - _angle(bx2 - bx1, by2 - by1)) * (4 / pi**2)
        alpha = v / (1.0 - iou + v + eps)
        return (alpha.detach() if detach_alpha and isinstance(alpha, Tensor) else alpha) * v


def _all_pairs(name: str, boxes1: Any, boxes2: Any) -> tuple[Any, Any]:
    a, b = floats(name, boxes1, "boxes1"), floats(name, boxes2, "boxes2")
    if a.ndim < 2 or b.ndim < 2:
        raise ShapeError(f"{name}: shapes {tuple(a.shape)} and {tuple(b.shape)}, expected (..., N, 4) and (..., M, 4)")
    return a[..., :, None, :], b[..., None, :, :]


def box_iou(boxes1: Any, boxes2: Any) -> Any:
    """Intersection over union of all pairs of boxes (..., N, 4) and (..., M, 4): (..., N, M) in [0, 1].

    Jaccard, 1901. Two-dimensional boxes that need no gradient take a kernel.
    """
    tensors = [b for b in (boxes1, boxes2) if isinstance(b, Tensor)]
    recorded = autograd.is_grad_enabled() and any(b.requires_grad for b in tensors)
    if not recorded:
        a, b = (plain(floats("box_iou", x, n)) for x, n in ((boxes1, "boxes1"), (boxes2, "boxes2")))
        if a.ndim == b.ndim == 2:
            dtype = np.float32 if a.dtype == b.dtype == np.float32 else np.float64
            return like(pairwise_iou(a.astype(dtype), b.astype(dtype)), tensors[0] if tensors else None)
    pair = _Pair(*_all_pairs("box_iou", boxes1, boxes2))
    return _ratio(pair.inter, pair.union)


def _giou(pair: _Pair) -> Any:
    width, height = pair.hull()
    hull = width * height
    return _ratio(pair.inter, pair.union) - _ratio(hull - pair.union, hull)


def generalized_box_iou(boxes1: Any, boxes2: Any) -> Any:
    """Generalised IoU of all pairs of boxes (..., N, 4) and (..., M, 4): (..., N, M) in [-1, 1].

    Rezatofighi et al., 2019, https://arxiv.org/abs/1902.09630: less the share of the hull that neither box covers.
    """
    return _giou(_Pair(*_all_pairs("generalized_box_iou", boxes1, boxes2)))


def distance_box_iou(boxes1: Any, boxes2: Any, eps: float = 1e-7) -> Any:
    """Distance IoU of all pairs of boxes (..., N, 4) and (..., M, 4): (..., N, M).

    Zheng et al., 2020, https://arxiv.org/abs/1911.08287: less the squared distance of the centres over the hull's diagonal.
    """
    pair = _Pair(*_all_pairs("distance_box_iou", boxes1, boxes2))
    return _ratio(pair.inter, pair.union) - pair.distance(eps)


def complete_box_iou(boxes1: Any, boxes2: Any, eps: float = 1e-7, detach_alpha: bool = False) -> Any:
    """Complete IoU of all pairs of boxes (..., N, 4) and (..., M, 4): (..., N, M).

    Zheng et al., 2020: the distance IoU less alpha v for unlike aspect ratios. `detach_alpha=True` holds the weight alpha
    constant in the gradient, as the paper and torchvision do; the default is the derivative of the value.
    """
    pair = _Pair(*_all_pairs("complete_box_iou", boxes1, boxes2))
    iou = _ratio(pair.inter, pair.union)
    return iou - pair.distance(eps) - pair.aspect(iou, eps, detach_alpha)


# ------------------------------------------------------------------------------------------------- losses


def _matched(name: str, boxes1: Any, boxes2: Any) -> _Pair:
    a, b = floats(name, boxes1, "boxes1"), floats(name, boxes2, "boxes2")
    if a.shape != b.shape:
        raise ShapeError(
            f"{name}: boxes1 have shape {tuple(a.shape)} and boxes2 {tuple(b.shape)}; expected one box for each other"
        )
    return _Pair(a, b)


def _reduced(name: str, loss: Any, reduction: str) -> Any:
    if reduction == "none":
        return loss
    if reduction == "sum":
        return sum(loss)
    if reduction == "mean":
        return mean(loss) if plain(loss).size else sum(loss)
    raise ValueError(f"{name}: reduction={reduction!r}, expected 'none', 'mean' or 'sum'")


def box_iou_loss(boxes1: Any, boxes2: Any, reduction: str = "none", eps: float = 1e-7) -> Any:
    """1 - IoU of matched boxes (..., 4) and (..., 4): (...); reduction "none", "mean" (0 of no boxes) or "sum"."""
    pair = _matched("box_iou_loss", boxes1, boxes2)
    return _reduced("box_iou_loss", 1.0 - pair.inter / (pair.union + eps), reduction)


def generalized_box_iou_loss(boxes1: Any, boxes2: Any, reduction: str = "none", eps: float = 1e-7) -> Any:
    """1 - generalised IoU of matched boxes (..., 4) and (..., 4): (...); reduction as in `box_iou_loss`."""
    pair = _matched("generalized_box_iou_loss", boxes1, boxes2)
    width, height = pair.hull()
    hull = width * height
    loss = 1.0 - pair.inter / (pair.union + eps) + (hull - pair.union) / (hull + eps)
    return _reduced("generalized_box_iou_loss", loss, reduction)


def distance_box_iou_loss(boxes1: Any, boxes2: Any, reduction: str = "none", eps: float = 1e-7) -> Any:
    """1 - distance IoU of matched boxes (..., 4) and (..., 4): (...); reduction as in `box_iou_loss`."""
    pair = _matched("distance_box_iou_loss", boxes1, boxes2)
    loss = 1.0 - pair.inter / (pair.union + eps) + pair.distance(eps)
    return _reduced("distance_box_iou_loss", loss, reduction)


def complete_box_iou_loss(
    boxes1: Any, boxes2: Any, reduction: str = "none", eps: float = 1e-7, detach_alpha: bool = False
) -> Any:
    """1 - complete IoU of matched boxes (..., 4) and (..., 4): (...); reduction as in `box_iou_loss`.

    `detach_alpha` as in `complete_box_iou`.
    """
    pair = _matched("complete_box_iou_loss", boxes1, boxes2)
    iou = pair.inter / (pair.union + eps)
    loss = 1.0 - iou + pair.distance(eps) + pair.aspect(iou, eps, detach_alpha)
    return _reduced("complete_box_iou_loss", loss, reduction)
