"""Non-max suppression: of boxes that show the same object the best one stays."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy import ndarray

from autograd.errors import ShapeError
from autograd.kernels.boxes import soften, suppress
from nn.vision.boxes import floats, like, plain


def _checked(
    name: str, boxes: Any, scores: Any, labels: Any, iou_threshold: float
) -> tuple[ndarray, ndarray, ndarray | None]:
    corners = plain(floats(name, boxes, dims=2))
    corners = corners.astype(np.float32 if corners.dtype == np.float32 else np.float64)
    values = plain(scores).astype(np.float64)
    classes = None if labels is None else plain(labels).astype(np.int64)
    for what, column in (("scores", values), ("labels", classes)):
        if column is not None and column.shape != (len(corners),):
            raise ShapeError(f"{name}: {what} have shape {column.shape}, expected ({len(corners)},), one a box")
    if not 0 <= iou_threshold <= 1:
        raise ValueError(f"{name}: the threshold of the overlap should be in [0, 1], got {iou_threshold}")
    for what, numbers in (("boxes", corners), ("scores", values)):
        if not np.isfinite(numbers).all():
            raise ValueError(f"{name}: {what} hold NaN or infinity; did the training diverge?")
    return corners, values, classes


def nms(boxes: Any, scores: Any, iou_threshold: float) -> Any:
    """Indices int64 of the boxes (N, 4) that stay, best score (N,) first: none overlaps a better one by more than
    `iou_threshold`. Of equal scores the first in place is better. torchvision.ops.nms, overlaps in float64.

    Errors: ValueError for shapes, a threshold outside [0, 1], NaN and infinity.
    """
    corners, values, _ = _checked("nms", boxes, scores, None, iou_threshold)
    return like(suppress(corners, values, None, iou_threshold, False), boxes)


def batched_nms(boxes: Any, scores: Any, idxs: Any, iou_threshold: float) -> Any:
    """`nms` where only boxes of the same class `idxs` (N,) stand in each other's way. torchvision.ops.batched_nms."""
    corners, values, labels = _checked("batched_nms", boxes, scores, idxs, iou_threshold)
    return like(suppress(corners, values, labels, iou_threshold, False), boxes)


def best_boxes(
    boxes: Any, scores: Any, labels: Any = None, score_threshold: float = 0.6, iou_threshold: float = 0.5
) -> Any:
    """Indices int64, best first, by the rule of the notes: drop scores below `score_threshold`, take the best box that is
    left, discard what overlaps it by `iou_threshold` or more, and so on; class by class where labels (N,) are given.

    Errors: as `nms`, and ValueError for an `iou_threshold` of 0, at which one box would discard all.
    """
    if iou_threshold == 0:
        raise ValueError("best_boxes: iou_threshold=0 discards every box but one; expected a share above 0")
    corners, values, classes = _checked("best_boxes", boxes, scores, labels, iou_threshold)
    (likely,) = np.nonzero(values >= score_threshold)
    chosen = suppress(
        corners[likely], values[likely], None if classes is None else classes[likely], iou_threshold, True
    )
    return like(likely[chosen], boxes)


def soft_nms(
    boxes: Any,
    scores: Any,
    labels: Any = None,
    method: str = "gaussian",
    sigma: float = 0.5,
    iou_threshold: float = 0.3,
    score_threshold: float = 0.001,
) -> tuple[Any, Any]:
    """(indices int64, scores): boxes in the order they are taken, and their scores lowered for every better box they overlap.

    "gaussian" multiplies by exp(-IoU² / sigma), "linear" by 1 - IoU where that is above `iou_threshold`; a score that falls
    below `score_threshold` drops its box. Only boxes of one class count where labels (N,) are given.
    Bodla et al., 2017, https://arxiv.org/abs/1704.04503, section 3. Errors: as `nms`, ValueError for another method.
    """
    if method not in ("gaussian", "linear") or (method == "gaussian" and not sigma > 0):
        raise ValueError(f"soft_nms: method={method!r}, sigma={sigma}; expected 'gaussian' with sigma > 0, or 'linear'")
    corners, values, classes = _checked("soft_nms", boxes, scores, labels, iou_threshold)
    if classes is None:
        classes = np.zeros(len(values), np.int64)
    spread = sigma if method == "gaussian" else 0.0
    order, lowered = soften(corners, values, classes, iou_threshold, spread, score_threshold)
    dtype = plain(scores).dtype
    return like(order, boxes), like(lowered.astype(dtype if dtype.kind == "f" else np.float64), boxes)
