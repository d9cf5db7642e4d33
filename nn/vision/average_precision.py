"""Mean average precision, Pascal VOC's and COCO's: how well boxes were found, over all thresholds of the score."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy import ndarray

from autograd.errors import ShapeError
from autograd.kernels.boxes import match, pairwise_iou
from nn.vision.boxes import floats, plain

COCO_THRESHOLDS = tuple(np.linspace(0.5, 0.95, 10).tolist())
COCO_AREAS = {"all": (0.0, 1e10), "small": (0.0, 32.0**2), "medium": (32.0**2, 96.0**2), "large": (96.0**2, 1e10)}
_RECALLS = np.linspace(0.0, 1.0, 101)
INTERPOLATIONS = ("area", "11 points", "101 points")


class MeanPrecision(NamedTuple):
    """mean: of per_class (label -> average precision); curves: label -> (recall, precision), as scores fall."""

    mean: float
    per_class: dict[int, float]
    curves: dict[int, tuple[ndarray, ndarray]]


class CocoPrecision(NamedTuple):
    """ap: the mean over IoU 0.50 to 0.95; ap50, ap75: at one; small, medium, large: ap of boxes by area, None where there are
    none; recall: the mean of the best recalls; per_class: label -> ap.
    """

    ap: float
    ap50: float
    ap75: float
    small: float | None
    medium: float | None
    large: float | None
    recall: float
    per_class: dict[int, float]


def average_precision(recall: Any, precision: Any, interpolation: str = "area") -> float:
    """One number for a curve of recall, which rises, and precision, both (N,): the precision at a recall being the best at
    that recall or beyond.

    "area" below the curve (VOC from 2010), the mean at "11 points" of recall 0, 0.1, ... 1 (VOC 2007) or at "101 points"
    (COCO). Errors: ValueError for unlike shapes and another name.
    """
    r, p = plain(recall).astype(np.float64), plain(precision).astype(np.float64)
    if r.shape != p.shape or r.ndim != 1:
        raise ShapeError(f"average_precision: recall {r.shape} and precision {p.shape}, expected (N,) each")
    if interpolation not in INTERPOLATIONS:
        raise ValueError(
            f"average_precision: interpolation={interpolation!r}, expected one of {', '.join(map(repr, INTERPOLATIONS))}"
        )
    best = np.append(np.maximum.accumulate(p[::-1])[::-1], 0.0)
    if interpolation == "area":
        return float(np.sum(np.diff(r, prepend=0.0) * best[:-1]))
    points = np.arange(11) / 10 if interpolation == "11 points" else _RECALLS
    return float(best[np.searchsorted(r, points)].mean())


def _arrays(name: str, predictions: Sequence[Mapping[str, Any]], targets: Sequence[Mapping[str, Any]]) -> Any:
    """Both as lists of plain arrays: (boxes, scores, labels) and (boxes, labels, difficult, crowd)."""
    if len(predictions) != len(targets):
        raise ShapeError(f"{name}: {len(predictions)} predictions for {len(targets)} targets, expected one a picture")
    found, true = [], []
    for i, (p, t) in enumerate(zip(predictions, targets, strict=True)):
        boxes, truth = (plain(floats(name, x["boxes"], dims=2)).astype(np.float64) for x in (p, t))
        scores = plain(p["scores"]).astype(np.float64)
        found.append((boxes, scores, plain(p["labels"]).astype(np.int64)))
        flags = [plain(t.get(key, np.zeros(len(truth)))).astype(bool) for key in ("difficult", "iscrowd")]
        true.append((truth, plain(t["labels"]).astype(np.int64), *flags))
        if not np.isfinite(boxes).all() or not np.isfinite(scores).all():
            raise ValueError(f"{name}: the prediction of picture {i} holds NaN or infinity")
        for what, parts in (("prediction", found[-1]), ("target", true[-1])):
            if len({len(part) for part in parts}) > 1:
                raise ShapeError(f"{name}: the {what} of picture {i} has parts of lengths {[len(x) for x in parts]}")
    if not sum(len(t[1]) for t in true):
        raise ValueError(f"{name}: no target has a box, so there is no recall to speak of")
    return found, true


def mean_average_precision(
    predictions: Sequence[Mapping[str, Any]],
    targets: Sequence[Mapping[str, Any]],
    iou_threshold: float = 0.5,
    interpolation: str = "area",
) -> MeanPrecision:
    """Pascal VOC's mean average precision of predictions ("boxes" (n, 4), "scores", "labels" (n,)) on targets ("boxes" (m, 4),
    "labels" (m,), and "difficult" (m,) where some neither count nor harm), a mapping a picture each.

    A detection is right where the true box of its class that it overlaps most is overlapped by `iou_threshold` or more, and no
    better detection has it. Classes without a true box have no average precision and no part in the mean.
    Everingham et al., 2010, "The Pascal Visual Object Classes (VOC) Challenge", section 4.2. Errors: ValueError for lengths,
    NaN, and targets without any box.
    """
    found, true = _arrays("mean_average_precision", predictions, targets)
    per_class, curves = {}, {}
    for label in np.unique(np.concatenate([labels for _, labels, _, _ in true])):
        scores, hits, skipped, positives = [], [], [], 0
        for (boxes, values, kinds), (truth, labels, difficult, _) in zip(found, true, strict=True):
            mine, theirs = kinds == label, labels == label
            order = np.argsort(-values[mine], kind="stable")
            hard = difficult[theirs]
            positives += int((~hard).sum())
            right, skip = np.zeros(len(order), bool), np.zeros(len(order), bool)
            if len(order) and len(hard):
                iou = pairwise_iou(boxes[mine][order], truth[theirs])
                at, near = iou.argmax(1), iou.max(1) >= iou_threshold
                skip = near & hard[at]
                _, first = np.unique(np.where(near, at, -1), return_index=True)
                right[first] = True
                right &= near & ~skip
            scores.append(values[mine][order])
            hits.append(right)
            skipped.append(skip)
        if not positives:
            continue
        order = np.argsort(-np.concatenate(scores), kind="stable")
        hit = np.concatenate(hits)[order][~np.concatenate(skipped)[order]]
        got = np.cumsum(hit)
        recall, precision = got / positives, got / np.arange(1, len(hit) + 1)
        curves[int(label)] = recall, precision
        per_class[int(label)] = average_precision(recall, precision, interpolation)
    if not per_class:
        raise ValueError("mean_average_precision: every true box is marked difficult, so nothing counts")
    return MeanPrecision(float(np.mean(list(per_class.values()))), per_class, curves)


def coco_precision(
    predictions: Sequence[Mapping[str, Any]],
    targets: Sequence[Mapping[str, Any]],
    thresholds: Sequence[float] = COCO_THRESHOLDS,
    most: int = 100,
) -> CocoPrecision:
    """COCO's average precision; predictions and targets as for `mean_average_precision`, "iscrowd" (m,) marking groups.

    At each IoU of `thresholds` and each of 101 recalls, of the `most` best detections a picture and class; averaged over
    thresholds and classes. ap50 and ap75 are at the thresholds nearest to 0.5 and 0.75. Areas are the boxes'.
    https://cocodataset.org/#detection-eval. Errors: as `mean_average_precision`.
    """
    found, true = _arrays("coco_precision", predictions, targets)
    levels = np.asarray(thresholds, np.float64)
    classes = np.unique(np.concatenate([labels for _, labels, _, _ in true]))
    tables: dict[str, dict[int, tuple[ndarray, ndarray]]] = {name: {} for name in COCO_AREAS}
    for label in classes:
        pictures = [_of_class(label, f, t, most) for f, t in zip(found, true, strict=True)]
        for name, area in COCO_AREAS.items():
            result = _coco_class(pictures, levels, area)
            if result is not None:
                tables[name][int(label)] = result
    if not tables["all"]:
        raise ValueError("coco_precision: every true box is a crowd, so nothing counts")
    mean = {name: float(np.mean([ap for ap, _ in t.values()])) if t else None for name, t in tables.items()}
    at50, at75 = (int(np.abs(levels - x).argmin()) for x in (0.5, 0.75))
    every = np.stack([ap for ap, _ in tables["all"].values()])
    return CocoPrecision(
        ap=float(every.mean()),
        ap50=float(every[:, at50].mean()),
        ap75=float(every[:, at75].mean()),
        small=mean["small"],
        medium=mean["medium"],
        large=mean["large"],
        recall=float(np.mean([recall for _, recall in tables["all"].values()])),
        per_class={label: float(ap.mean()) for label, (ap, _) in tables["all"].items()},
    )


class _Picture(NamedTuple):
    """One class in one picture: detections, best first, with areas; IoU (D, G); the true boxes' areas and crowds."""

    scores: ndarray
    areas: ndarray
    ious: ndarray
    true_areas: ndarray
    crowd: ndarray


def _of_class(label: int, found: Any, true: Any, most: int) -> _Picture:
    boxes, scores, kinds = found
    truth, labels, _, crowd = true
    mine, theirs = np.flatnonzero(kinds == label), np.flatnonzero(labels == label)
    mine = mine[np.argsort(-scores[mine], kind="stable")][:most]
    a, b, group = boxes[mine], truth[theirs], crowd[theirs]
    area_a, area_b = ((x[:, 2] - x[:, 0]) * (x[:, 3] - x[:, 1]) for x in (a, b))
    ious = pairwise_iou(a, b)
    if group.any() and len(a):
        # of a group it matters only how much of the detection lies in it: IoU u gives the intersection back
        inter = ious * (area_a[:, None] + area_b[None]) / (1 + ious)
        whole = np.where(area_a > 0, area_a, 1.0)[:, None]
        ious = np.where(group[None], inter / whole, ious)
    return _Picture(scores[mine], area_a, ious, area_b, group)


def _coco_class(
    pictures: Sequence[_Picture], levels: ndarray, area: tuple[float, float]
) -> tuple[ndarray, ndarray] | None:
    """Average precision and best recall (T,) of one class and range of areas; None without a true box in it."""
    low, high = area
    scores, hits, ignored, positives = [], [], [], 0
    for picture in pictures:
        skip = picture.crowd | (picture.true_areas < low) | (picture.true_areas > high)
        positives += int((~skip).sum())
        order = np.argsort(skip, kind="stable")
        at = np.empty((len(levels), len(picture.scores)), np.int64)
        match(np.ascontiguousarray(picture.ious[:, order]), picture.crowd[order], skip[order], levels, at)
        free = at < 0
        outside = (picture.areas < low) | (picture.areas > high)
        skipped = np.append(skip[order], False)[at]  # place -1 is the one appended
        scores.append(picture.scores)
        hits.append(~free)
        ignored.append(skipped | (free & outside[None]))
    if not positives:
        return None
    order = np.argsort(-np.concatenate(scores), kind="stable")
    hit, ignore = np.concatenate(hits, 1)[:, order], np.concatenate(ignored, 1)[:, order]
    right, wrong = np.cumsum(hit & ~ignore, 1), np.cumsum(~hit & ~ignore, 1)
    ap, best = np.zeros(len(levels)), np.zeros(len(levels))
    for t in range(len(levels)):
        recall, precision = right[t] / positives, right[t] / np.maximum(right[t] + wrong[t], 1)
        ap[t] = average_precision(recall, precision, "101 points")
        best[t] = recall[-1] if len(recall) else 0.0
    return ap, best
