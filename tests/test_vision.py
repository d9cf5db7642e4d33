"""nn.vision: boxes, suppression, anchors and grids, average precision; against plain references over random boxes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from guard import guarded
from hypothesis import given
from hypothesis import strategies as st

import autograd
from autograd import gradcheck, gradgradcheck
from autograd.kernels import boxes as kernels
from nn import vision
from nn.vision import boxes as ops

LOSSES = [
    vision.box_iou_loss, vision.generalized_box_iou_loss, vision.distance_box_iou_loss, vision.complete_box_iou_loss,
]  # fmt: skip
OVERLAPS = [vision.box_iou, vision.generalized_box_iou, vision.distance_box_iou, vision.complete_box_iou]


def random_boxes(rng: np.random.Generator, n: int, high: float = 10.0, dtype: Any = np.float64) -> np.ndarray:
    """Boxes of which some have no area, some lie outside 0..high, and some are equal."""
    corner = rng.uniform(-0.2 * high, high, (n, 2))
    size = rng.uniform(0, 0.6 * high, (n, 2)) * (rng.random((n, 2)) > 0.1)
    boxes = np.concatenate([corner, corner + size], 1)
    whole = rng.random(n) < 0.5
    boxes[whole] = np.round(boxes[whole])  # many edges in common, overlaps of exactly 1/2
    if n > 3:
        boxes[n // 2] = boxes[0]
    return boxes.astype(dtype)


# ---- plain references: one pair at a time, as the definitions say


def iou_of(a: np.ndarray, b: np.ndarray) -> float:
    w, h = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    inter = max(w, 0) * max(h, 0)
    union = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - inter
    return inter / union if union > 0 else 0.0


def overlap_of(kind: str, a: np.ndarray, b: np.ndarray, eps: float = 1e-7) -> float:
    iou = iou_of(a, b)
    w, h = max(a[2], b[2]) - min(a[0], b[0]), max(a[3], b[3]) - min(a[1], b[1])
    if kind == "box_iou":
        return iou
    if kind == "generalized_box_iou":
        areas = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1])
        inter = iou * areas / (1 + iou)
        return iou - (w * h - areas + inter) / (w * h) if w * h > 0 else iou
    gap = ((a[0] + a[2] - b[0] - b[2]) / 2) ** 2 + ((a[1] + a[3] - b[1] - b[3]) / 2) ** 2
    diou = iou - gap / (w * w + h * h + eps)
    if kind == "distance_box_iou":
        return diou
    angles = [np.arctan2(x[2] - x[0], x[3] - x[1]) for x in (a, b)]
    v = 4 / np.pi**2 * (angles[0] - angles[1]) ** 2
    return diou - v * v / (1 - iou + v + eps)


def plain_nms(boxes: np.ndarray, scores: np.ndarray, labels: np.ndarray, falls: Callable[[float], bool]) -> list[int]:
    left = sorted(range(len(boxes)), key=lambda i: (-scores[i], i))
    kept: list[int] = []
    while left:
        best = left.pop(0)
        kept.append(best)
        left = [i for i in left if labels[i] != labels[best] or not falls(iou_of(boxes[best], boxes[i]))]
    return kept


def plain_soft(
    boxes: np.ndarray, scores: np.ndarray, labels: np.ndarray, lower: Callable[[float], float], floor: float
) -> tuple[list[int], list[float]]:
    scores, left = scores.astype(float).copy(), list(range(len(boxes)))
    order, values = [], []
    while left:
        best = max(left, key=lambda i: (scores[i], -i))
        if scores[best] < floor:
            break
        left.remove(best)
        order.append(best)
        values.append(scores[best])
        for i in left:
            if labels[i] == labels[best]:
                scores[i] *= lower(iou_of(boxes[best], boxes[i]))
    return order, values


# ---- formats


@given(seed=st.integers(0, 10**6))
def test_formats_convert_into_each_other_and_back(seed: int) -> None:
    boxes = random_boxes(np.random.default_rng(seed), 6)
    x1, y1, x2, y2 = boxes.T
    forms = {
        "xyxy": boxes,
        "xywh": np.stack([x1, y1, x2 - x1, y2 - y1], 1),
        "cxcywh": np.stack([(x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1], 1),
    }
    for a, given_form in forms.items():
        for b, wanted in forms.items():
            np.testing.assert_allclose(vision.box_convert(given_form, a, b), wanted, atol=1e-12)
    np.testing.assert_allclose(vision.box_area(boxes), (x2 - x1) * (y2 - y1))


def test_conversion_is_recorded_and_names_its_formats() -> None:
    boxes = autograd.tensor([[1.0, 2, 4, 8]], dtype=autograd.float64, requires_grad=True)
    for out in ("xywh", "cxcywh"):
        assert gradcheck(lambda b, out=out: vision.box_convert(b, "xyxy", out), (boxes,))
    assert vision.box_convert(np.array([[0, 0, 3, 3]]), "xyxy", "cxcywh").tolist() == [[1.5, 1.5, 3, 3]]
    with pytest.raises(ValueError, match="out_fmt='yxyx', expected one of xyxy, xywh, cxcywh"):
        vision.box_convert(boxes, "xyxy", "yxyx")
    with pytest.raises(ValueError, match=r"shape \(3,\), expected \(\.\.\., 4\)"):
        vision.box_area(np.zeros(3))
    with pytest.raises(TypeError, match="bool"):
        vision.box_area(np.zeros((2, 4), bool))


def test_clip_small_and_masks() -> None:
    boxes = np.array([[-5.0, 2, 3, 30], [50, 50, 60, 60], [1, 1, 1, 5]], np.float32)
    clipped = vision.clip_boxes_to_image(boxes, (20, 10))
    assert clipped.tolist() == [[0, 2, 3, 20], [10, 20, 10, 20], [1, 1, 1, 5]]
    assert vision.remove_small_boxes(autograd.from_numpy(clipped), 1).numpy().tolist() == [0]
    masks = np.zeros((2, 6, 8), bool)
    masks[0, 2:4, 3] = masks[1, 0, 0] = masks[1, 5, 7] = True
    assert vision.masks_to_boxes(autograd.from_numpy(masks)).numpy().tolist() == [[3, 2, 3, 3], [0, 0, 7, 5]]
    assert vision.masks_to_boxes(masks[:0]).shape == (0, 4)
    with pytest.raises(ValueError, match=r"masks \[1\] are empty"):
        vision.masks_to_boxes(masks & (np.arange(2) == 0)[:, None, None])


# ---- overlaps


@given(seed=st.integers(0, 10**6), n=st.integers(0, 8), m=st.integers(0, 8), single=st.booleans())
def test_overlaps_of_all_pairs_equal_the_definitions(seed: int, n: int, m: int, single: bool) -> None:
    rng = np.random.default_rng(seed)
    dtype = np.float32 if single else np.float64
    a, b = random_boxes(rng, n, dtype=dtype), random_boxes(rng, m, dtype=dtype)
    for overlap in OVERLAPS:
        found = overlap(a, b)
        wanted = np.array([[overlap_of(overlap.__name__, x, y) for y in b] for x in a.astype(float)]).reshape(n, m)
        assert found.dtype == dtype and found.shape == (n, m)
        np.testing.assert_allclose(found, wanted, atol=2e-5 if single else 1e-12)
        recorded = overlap(autograd.tensor(a, requires_grad=True), autograd.from_numpy(b))
        np.testing.assert_allclose(recorded.detach().numpy(), found, rtol=1e-6, atol=1e-6 if single else 1e-14)


def test_overlaps_take_batches_integers_and_empty_lists() -> None:
    rng = np.random.default_rng(0)
    a, b = random_boxes(rng, 6).reshape(2, 3, 4), random_boxes(rng, 8).reshape(2, 4, 4)
    for overlap in OVERLAPS:
        batched = overlap(a, b)
        assert batched.shape == (2, 3, 4)
        np.testing.assert_allclose(batched[1], overlap(a[1], b[1]), atol=1e-15)
    assert vision.box_iou(np.array([[0, 0, 2, 1]]), np.array([[0, 0, 1, 1]])).tolist() == [[0.5]]
    assert vision.box_iou([], b[0]).shape == (0, 4)
    with pytest.raises(ValueError, match=r"boxes2 have shape \(2, 3\)"):
        vision.box_iou(a, np.zeros((2, 3)))


KINKS = {
    "equal": ([0, 0, 2, 2], [0, 0, 2, 2]),
    "side by side": ([0, 0, 2, 2], [2, 0, 4, 3]),
    "corner to corner": ([0, 0, 2, 2], [2, 2, 3, 5]),
    "one edge in common": ([0, 0, 4, 4], [1, 1, 2, 4]),
    "apart": ([0, 0, 1, 1], [5, 5, 6, 7]),
    "a line": ([1, 1, 1, 3], [0, 0, 2, 2]),
    "two points": ([1, 1, 1, 1], [3, 4, 3, 4]),
}


@pytest.mark.parametrize("loss", LOSSES, ids=lambda f: f.__name__)
@pytest.mark.parametrize("kind", KINKS)
def test_losses_pass_gradcheck_where_edges_meet(loss: Any, kind: str) -> None:
    a, b = (autograd.tensor([box], dtype=autograd.float64, requires_grad=True) for box in KINKS[kind])
    assert gradcheck(loss, (a, b))
    loss(a, b, reduction="sum").backward()
    assert np.isfinite(a.grad.numpy()).all()
    if kind == "equal":
        assert np.abs(a.grad.numpy()).max() < 1e-6, "equal boxes are the best there is"


@pytest.mark.parametrize("loss", LOSSES + OVERLAPS, ids=lambda f: f.__name__)
def test_losses_and_overlaps_pass_gradcheck_of_both_orders(loss: Any) -> None:
    rng = np.random.default_rng(5)
    corner, size = rng.uniform(0, 6, (2, 3, 2)), rng.uniform(1, 6, (2, 3, 2))
    a, b = (
        autograd.tensor(np.concatenate([c, c + s], 1), requires_grad=True) for c, s in zip(corner, size, strict=True)
    )
    assert gradcheck(loss, (a, b)) and gradgradcheck(loss, (a, b))


@given(seed=st.integers(0, 10**6))
def test_losses_are_one_less_the_overlap_of_matched_boxes_and_never_nan(seed: int) -> None:
    rng = np.random.default_rng(seed)
    a, b = random_boxes(rng, 7), random_boxes(rng, 7)
    for loss, overlap in zip(LOSSES, OVERLAPS, strict=True):
        left = autograd.tensor(a, requires_grad=True)
        each = loss(left, autograd.from_numpy(b))
        big = ((a[:, 2:] - a[:, :2]).prod(1) > 0.1) | ((b[:, 2:] - b[:, :2]).prod(1) > 0.1)
        np.testing.assert_allclose(each.detach().numpy()[big], 1 - np.diag(overlap(a, b))[big], atol=1e-5)
        each.sum().backward()
        assert np.isfinite(left.grad.numpy()).all()


def test_reductions_and_their_words() -> None:
    a, b = autograd.zeros(0, 4, requires_grad=True), np.zeros((0, 4), np.float32)
    for loss in LOSSES:
        assert loss(a, b, reduction="mean").item() == 0 == loss(a, b, reduction="sum").item()
        with pytest.raises(ValueError, match="expected 'none', 'mean' or 'sum'"):
            loss(a, b, reduction="max")
        with pytest.raises(ValueError, match="one box for each other"):
            loss(a, np.zeros((1, 4)))


def test_alpha_held_constant_is_the_papers_gradient() -> None:
    a = autograd.tensor([[0.0, 0, 3, 2]], dtype=autograd.float64, requires_grad=True)
    b = np.array([[1.0, 1, 2, 5]])
    vision.complete_box_iou_loss(a, b, "sum", detach_alpha=True).backward()
    held, a.grad = a.grad.numpy().copy(), None
    v = 4 / np.pi**2 * (np.arctan2(3, 2) - np.arctan2(1, 4)) ** 2
    alpha = v / (1 - iou_of(a.detach().numpy()[0], b[0]) + v + 1e-7)
    distance = vision.distance_box_iou_loss(a, b, "sum")
    angle = ops._angle(a[:, 2] - a[:, 0], a[:, 3] - a[:, 1]) - np.arctan2(1, 4)
    (distance + (angle * angle * (4 / np.pi**2) * alpha).sum()).backward()
    np.testing.assert_allclose(held, a.grad.numpy(), rtol=1e-9)


# ---- suppression


@given(
    seed=st.integers(0, 10**6),
    n=st.integers(0, 40),
    threshold=st.sampled_from([0.1, 0.5, 0.7, 1.0]),
    single=st.booleans(),
)
def test_suppression_equals_the_plain_rule(seed: int, n: int, threshold: float, single: bool) -> None:
    rng = np.random.default_rng(seed)
    boxes = random_boxes(rng, n, 6.0, np.float32 if single else np.float64)
    if single:
        boxes = np.round(boxes * 2) / 2  # so that the reference in float64 rounds nothing either
    scores = rng.integers(0, 5, n) / 4  # many ties
    labels = rng.integers(0, 3, n)
    exact = boxes.astype(np.float64)
    assert vision.nms(boxes, scores, threshold).tolist() == plain_nms(
        exact, scores, np.zeros(n), lambda iou: iou > threshold
    )
    assert vision.batched_nms(boxes, scores, labels, threshold).tolist() == plain_nms(
        exact, scores, labels, lambda iou: iou > threshold
    )
    likely = np.flatnonzero(scores >= 0.5)
    wanted = plain_nms(exact[likely], scores[likely], labels[likely], lambda iou: iou >= threshold)
    assert vision.best_boxes(boxes, scores, labels, 0.5, threshold).tolist() == likely[wanted].tolist()


@pytest.mark.parametrize("spread", [(0, 50, 1, 60), (0, 3000, 1, 30), (1e6, 1e6 + 40, 10, 20)])
def test_suppression_of_many_boxes_equals_the_plain_rule(spread: tuple[float, ...]) -> None:
    """Enough boxes to fill every strip and several blocks of it."""
    rng = np.random.default_rng(3)
    low, high, least, most = spread
    corner, size = rng.uniform(low, high, (4000, 2)), rng.uniform(least, most, (4000, 2))
    boxes, scores = np.concatenate([corner, corner + size], 1), rng.random(4000)
    order = np.argsort(-scores)
    for threshold in (0.3, 0.9):
        iou, gone, kept = kernels.pairwise_iou(boxes[order], boxes[order]), np.zeros(4000, bool), []
        for i in range(4000):
            if not gone[i]:
                kept.append(order[i])
                gone |= iou[i] > threshold
        assert vision.nms(boxes, scores, threshold).tolist() == kept


def test_suppression_at_exactly_the_threshold() -> None:
    boxes, scores = np.array([[0.0, 0, 2, 1], [0, 0, 1, 1]], np.float32), np.array([0.9, 0.8])
    assert vision.nms(boxes, scores, 0.5).tolist() == [0, 1], "torchvision discards above the threshold"
    assert vision.best_boxes(boxes, scores).tolist() == [0], "the notes discard at the threshold"
    assert vision.best_boxes(boxes, np.array([0.6, 0.5])).tolist() == [0], "and keep a score that reaches theirs"
    boxes[:, 2] = 10, 7  # an overlap of 7 / 10, which float32 does not hold
    assert vision.best_boxes(boxes, scores, iou_threshold=0.7).tolist() == [0]
    boxes[:, 2] = 10, 1  # 1 / 10, which float32 rounds up
    assert vision.nms(boxes, scores, 0.1).tolist() == [0, 1]


@given(seed=st.integers(0, 10**6), n=st.integers(0, 25), method=st.sampled_from(["gaussian", "linear"]))
def test_soft_suppression_equals_the_plain_rule(seed: int, n: int, method: str) -> None:
    rng = np.random.default_rng(seed)
    boxes, scores, labels = random_boxes(rng, n, 6.0), rng.integers(0, 9, n) / 8, rng.integers(0, 2, n)
    lower = {"gaussian": lambda u: np.exp(-u * u / 0.4), "linear": lambda u: 1 - u if u > 0.2 else 1.0}[method]
    order, values = plain_soft(boxes, scores, labels, lower, 0.05)
    found, lowered = vision.soft_nms(boxes, scores, labels, method, 0.4, 0.2, 0.05)
    assert found.tolist() == order
    np.testing.assert_allclose(lowered, values, rtol=1e-12)


def test_suppression_keeps_tensors_and_names_what_is_wrong() -> None:
    boxes = autograd.tensor([[0.0, 0, 1, 1], [5, 5, 6, 6]])
    found = vision.nms(boxes, autograd.tensor([0.1, 0.2]), 0.5)
    assert isinstance(found, autograd.Tensor) and found.dtype == autograd.int64 and found.numpy().tolist() == [1, 0]
    assert vision.nms([], [], 0.5).tolist() == [] == vision.best_boxes(boxes, [0.1, 0.2]).numpy().tolist()
    assert vision.soft_nms([], [], [])[0].tolist() == []
    for call, words in (
        (lambda: vision.nms(boxes, [0.1, np.nan], 0.5), "scores hold NaN.*diverge"),
        (lambda: vision.nms(np.array([[0, 0, np.inf, 1]]), [0.1], 0.5), "boxes hold NaN"),
        (lambda: vision.nms(boxes, [0.1], 0.5), r"scores have shape \(1,\), expected \(2,\)"),
        (lambda: vision.nms(boxes, [0.1, 0.2], 1.5), "in \\[0, 1\\], got 1.5"),
        (lambda: vision.best_boxes(boxes, [0.1, 0.2], iou_threshold=0), "discards every box but one"),
        (lambda: vision.soft_nms(boxes, [0.1, 0.2], method="hard"), "method='hard'"),
    ):
        with pytest.raises(ValueError, match=words):
            call()


@pytest.mark.parametrize("at_end", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_kernels_stay_inside_their_arrays(dtype: Any, at_end: bool) -> None:
    rng = np.random.default_rng(0)
    boxes = random_boxes(rng, 70, dtype=dtype)
    area = boxes[:, 2] * 0 + 1
    rows, columns, areas, out = (guarded(x, at_end) for x in (boxes, boxes.T, area, np.zeros((70, 70), dtype)))
    kernels._iou(0, 70, rows, columns, areas, areas, out)
    placed, keep = guarded(np.vstack([boxes.T, area]), at_end), guarded(np.zeros(70, bool), at_end)
    kernels._suppress(placed, guarded(np.array([0, 30, 70]), at_end), 0.5, dtype(0.4), False, keep)
    scores, order = guarded(rng.random(70), at_end), guarded(np.zeros(70, np.int64), at_end)
    wide, labels = guarded(boxes.T.astype(float), at_end), guarded(np.zeros(70, np.int64), at_end)
    assert kernels._soften(wide, area.astype(float), labels, scores, 0.3, 0.5, 0.0, order) == 70
    flags, found = guarded(np.zeros(70, bool), at_end), guarded(np.zeros((2, 70), np.int64), at_end)
    kernels.match(out.astype(float), flags, flags, np.array([0.5, 0.9]), found)
    assert keep.any() and (found >= 0).any()


# ---- anchors and the grid


def test_anchors_find_the_sizes_that_are_there() -> None:
    rng = np.random.default_rng(0)
    true = np.array([[8.0, 16], [30, 20], [60, 70]])
    sizes = np.repeat(true, 50, 0) * rng.uniform(0.95, 1.05, (150, 2))
    anchors, quality = vision.kmeans_anchors(sizes, 3, generator=1)
    np.testing.assert_allclose(anchors, true, rtol=0.03)
    assert 0.93 < quality < 1
    assert vision.kmeans_anchors(np.vstack([sizes, [[0, 5]]]), 3, generator=1)[1] == quality, "a line has no area"
    with pytest.raises(ValueError, match="4 anchors of 1 distinct sizes"):
        vision.kmeans_anchors(np.ones((9, 2)), 4)


@given(seed=st.integers(0, 10**6), n=st.integers(0, 12))
def test_boxes_come_back_from_the_grid(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    corner = rng.uniform(0, 90, (n, 2))
    boxes = np.concatenate([corner, np.minimum(corner + rng.uniform(1, 60, (n, 2)), [96, 128])], 1).astype(np.float32)
    labels = rng.integers(0, 7, n)
    anchors = np.array([[10.0, 10], [30, 40]])
    grid = vision.encode_boxes([{"boxes": boxes, "labels": labels}], anchors, (128, 96), (8, 6))
    back = vision.decode_boxes(grid, anchors, (128, 96))
    kept = np.delete(np.arange(n), [i for _, i in grid.lost])
    assert back.astype(np.float32).tolist() == boxes[kept].tolist(), "to the last bit of float32"
    assert grid.label.tolist() == labels[kept].tolist()
    places = list(zip(grid.row.tolist(), grid.column.tolist(), grid.anchor.tolist(), strict=True))
    assert len(set(places)) == len(places), "each box has a place of its own"
    for i in (i for _, i in grid.lost):  # only where both anchors of its cell are taken
        x, y = (boxes[i, :2].astype(float) + boxes[i, 2:]) / 2 / 16
        assert sum(place[:2] == (int(y), int(x)) for place in places) == 2
    dense = grid.dense(7)
    assert dense.shape == (1, 8, 6, 2, 12) and dense[..., 0].sum() == len(grid) == dense[..., 5:].sum()
    if len(grid):
        at = (0, grid.row[0], grid.column[0], grid.anchor[0])
        assert dense[(*at, 5 + grid.label[0])] == 1 and dense[at][1:5].tolist() == grid.offset[0].tolist()


def test_boxes_without_a_place_are_named() -> None:
    boxes = [[200, 200, 220, 220], [5, 5, 5, 9], [-10, -10, 10, 10], [100, 100, 128, 128]]
    targets: list[Any] = [{"boxes": [], "labels": []}, {"boxes": boxes, "labels": [0, 1, 2, 3]}]
    grid = vision.encode_boxes(targets, [[20, 20]], (128, 128), (8, 8))
    assert grid.lost == [(1, 0), (1, 1)] and grid.image.tolist() == [1, 1] and grid.label.tolist() == [2, 3]
    assert grid.boxes.tolist() == [[0, 0, 10, 10], [100, 100, 128, 128]]
    for target, words in (
        ({"boxes": [[0, 0, np.nan, 1]], "labels": [0]}, "picture 0 hold NaN"),
        ({"boxes": [[0, 0, 1, 1]], "labels": []}, "1 boxes and 0 labels"),
        ({"boxes": [[0, 0, 1, 1]], "labels": [-1]}, "label -1"),
    ):
        with pytest.raises(ValueError, match=words):
            vision.encode_boxes([target], [[20, 20]], (128, 128), (8, 8))


# ---- average precision


def plain_voc(predictions: Any, targets: Any, threshold: float, eleven: bool) -> float:
    """The devkit's VOCevaldet, one detection after the other."""
    averages = []
    for label in sorted({int(x) for t in targets for x in t["labels"]}):
        rows = [
            (s, i, b)
            for i, p in enumerate(predictions)
            for s, b, k in sorted(zip(p["scores"], p["boxes"], p["labels"], strict=True), key=lambda r: -r[0])
            if k == label
        ]
        rows.sort(key=lambda row: -row[0])
        used: set[tuple[int, int]] = set()
        tp, fp = [], []
        for _, i, box in rows:
            mine = [j for j, k in enumerate(targets[i]["labels"]) if k == label]
            best = max(mine, key=lambda j: (iou_of(box, targets[i]["boxes"][j]), -j), default=None)
            hit = best is not None and iou_of(box, targets[i]["boxes"][best]) >= threshold
            if hit and targets[i]["difficult"][best]:
                tp.append(0)
                fp.append(0)
            elif hit and (i, best) not in used:
                used.add((i, best))
                tp.append(1)
                fp.append(0)
            else:
                tp.append(0)
                fp.append(1)
        total = sum(
            1 for t in targets for k, d in zip(t["labels"], t["difficult"], strict=True) if k == label and not d
        )
        if not total:
            continue
        t, f = np.cumsum(tp), np.cumsum(fp)
        recall, precision = t / total, t / np.maximum(t + f, 1e-300)
        if eleven:
            averages.append(
                sum(
                    max((p for r, p in zip(recall, precision, strict=True) if r >= k / 10), default=0)
                    for k in range(11)
                )
                / 11
            )
            continue
        area, last = 0.0, 0.0
        for r in sorted(set(recall)):
            area += (r - last) * max(p for q, p in zip(recall, precision, strict=True) if q >= r)
            last = r
        averages.append(area)
    return float(np.mean(averages))


def some_detections(rng: np.random.Generator, pictures: int) -> tuple[list[Any], list[Any]]:
    predictions, targets = [], []
    for _ in range(pictures):
        n, m = rng.integers(0, 5), rng.integers(0, 8)
        boxes = random_boxes(rng, n, 60.0)
        moved = boxes[rng.integers(0, n, m)] + rng.normal(0, 3, (m, 4)) if n else random_boxes(rng, m, 60.0)
        targets.append(
            {
                "boxes": boxes, "labels": rng.integers(0, 3, n), "difficult": rng.random(n) < 0.2,
                "iscrowd": rng.random(n) < 0.2,
            }
        )  # fmt: skip
        scores = rng.permutation(m) / 8 + 0.01 * rng.random(m)
        predictions.append({"boxes": moved, "scores": scores, "labels": rng.integers(0, 3, m)})
    targets.append({"boxes": [[0, 0, 9, 9]], "labels": [0], "difficult": [False], "iscrowd": [False]})
    predictions.append({"boxes": [], "scores": [], "labels": []})
    return predictions, targets


@given(seed=st.integers(0, 10**6), pictures=st.integers(1, 8))
def test_voc_average_precision_equals_the_plain_reference(seed: int, pictures: int) -> None:
    predictions, targets = some_detections(np.random.default_rng(seed), pictures)
    for threshold in (0.5, 0.7):
        for name, eleven in (("area", False), ("11 points", True)):
            found = vision.mean_average_precision(predictions, targets, threshold, name)
            assert found.mean == pytest.approx(plain_voc(predictions, targets, threshold, eleven), abs=1e-12)


def plain_coco(predictions: Any, targets: Any, area: tuple[float, float]) -> float | None:
    """pycocotools' evaluateImg and accumulate, written out."""
    averages = []
    size = lambda b: (b[2] - b[0]) * (b[3] - b[1])
    for label in sorted({int(x) for t in targets for x in t["labels"]}):
        for threshold in np.linspace(0.5, 0.95, 10):
            rows, total = [], 0
            for p, t in zip(predictions, targets, strict=True):
                true = [
                    (bool(c) or not area[0] <= size(b) <= area[1], b, bool(c))
                    for b, k, c in zip(t["boxes"], t["labels"], t["iscrowd"], strict=True)
                    if k == label
                ]
                true.sort(key=lambda g: g[0])
                total += sum(not g[0] for g in true)
                used = [False] * len(true)
                found = [(s, b) for s, b, k in zip(p["scores"], p["boxes"], p["labels"], strict=True) if k == label]
                for s, box in sorted(found, key=lambda f: -f[0])[:100]:
                    best, at = min(threshold, 1 - 1e-10), None
                    for g, (ignored, b, crowd) in enumerate(true):
                        if used[g] and not crowd:
                            continue
                        if at is not None and not true[at][0] and ignored:
                            break
                        u = iou_of(box, b)
                        if crowd:
                            inter = u * (size(box) + size(b)) / (1 + u)
                            u = inter / size(box) if size(box) > 0 else u
                        if u >= best:
                            best, at = u, g
                    if at is not None:
                        used[at] = True
                    skip = true[at][0] if at is not None else not area[0] <= size(box) <= area[1]
                    rows.append((s, at is not None, skip))
            if not total:
                continue
            rows.sort(key=lambda r: -r[0])
            right = np.cumsum([h and not i for _, h, i in rows])
            wrong = np.cumsum([not h and not i for _, h, i in rows])
            curve = [(r / total, r / max(r + w, 1)) for r, w in zip(right, wrong, strict=True)]
            points = [max((p for q, p in curve if q >= r), default=0.0) for r in np.linspace(0, 1, 101)]
            averages.append(np.mean(points))
    return float(np.mean(averages)) if averages else None


@given(seed=st.integers(0, 10**6), pictures=st.integers(1, 6))
def test_coco_average_precision_equals_the_plain_reference(seed: int, pictures: int) -> None:
    predictions, targets = some_detections(np.random.default_rng(seed), pictures)
    found = vision.coco_precision(predictions, targets)
    for name, area in (("ap", (0, 1e10)), ("small", (0, 32**2)), ("medium", (32**2, 96**2)), ("large", (96**2, 1e10))):
        wanted = plain_coco(predictions, targets, area)
        value = getattr(found, name)
        assert (value is None and wanted is None) or value == pytest.approx(wanted, abs=1e-12)


def test_average_precision_at_its_ends() -> None:
    target = {"boxes": [[0, 0, 10, 10], [20, 20, 40, 40]], "labels": [0, 1]}
    perfect = {"boxes": target["boxes"], "scores": [0.9, 0.8], "labels": [0, 1]}
    nothing = {"boxes": [], "scores": [], "labels": []}
    empty = {"boxes": [], "labels": []}
    for name in ("area", "11 points", "101 points"):
        assert vision.mean_average_precision([perfect], [target], interpolation=name).mean == pytest.approx(1)
    assert vision.mean_average_precision([nothing, perfect], [target, empty]).mean == 0
    coco = vision.coco_precision([perfect, nothing], [target, empty])
    assert coco.ap == coco.ap50 == coco.ap75 == coco.recall == coco.small == 1 and coco.large is None
    with pytest.raises(ValueError, match="no target has a box"):
        vision.mean_average_precision([perfect], [empty])
    with pytest.raises(ValueError, match="1 predictions for 2 targets"):
        vision.coco_precision([perfect], [target, target])
    with pytest.raises(ValueError, match="picture 0 holds NaN"):
        vision.coco_precision([perfect | {"scores": [0.1, np.nan]}], [target])
    with pytest.raises(ValueError, match="interpolation='9 points'"):
        vision.average_precision([1.0], [1.0], "9 points")


def test_a_crowd_is_never_used_up_and_ties_go_to_the_last() -> None:
    target = {"boxes": [[0, 0, 50, 50], [60, 60, 70, 70]], "labels": [0, 0], "iscrowd": [True, False]}
    inside = [[0, 0, 20, 20], [5, 5, 30, 30], [10, 10, 40, 40]]
    found = {"boxes": [*inside, [60, 60, 70, 70]], "scores": [0.9, 0.8, 0.7, 0.6], "labels": [0] * 4}
    assert vision.coco_precision([found], [target]).ap == 1, "what lies in a crowd neither counts nor harms"
    # The first detection lies as well on either box and takes the last, which the second would need at IoU 0.7 and more.
    target = {"boxes": [[0, 0, 10, 10], [2, 0, 12, 10]], "labels": [0, 0], "iscrowd": [False, False]}
    found = {"boxes": [[1, 0, 11, 10], [2, 0, 12, 10]], "scores": [0.9, 0.8], "labels": [0, 0]}
    coco = vision.coco_precision([found], [target])
    assert coco.ap50 == 1 and coco.ap75 == pytest.approx(51 / 101), "half of the recall"
