"""Boxes (x1, y1, x2, y2): intersection over union of all pairs, non-max suppression plain and soft."""

from __future__ import annotations

import numpy as np

from autograd.kernels.compile import kernel
from autograd.kernels.threads import run

BLOCK = 32  # kept boxes compared at a time: whole vectors, and short enough to stop early
STRIPS = 128


@kernel
def _iou(first, last, rows, columns, row_area, column_area, out):
    """rows (N, 4), columns (4, M): each piece of `out` (N, M) is one row, so the bits do not depend on the threads."""
    zero = out.dtype.type(0)
    a1, b1, a2, b2 = columns[0], columns[1], columns[2], columns[3]
    for n in range(first, last):
        x1, y1, x2, y2, area = rows[n, 0], rows[n, 1], rows[n, 2], rows[n, 3], row_area[n]
        line = out[n]
        for m in range(line.size):
            w = max(min(x2, a2[m]) - max(x1, a1[m]), zero)
            h = max(min(y2, b2[m]) - max(y1, b1[m]), zero)
            inter = w * h
            union = area + column_area[m] - inter
            line[m] = inter / union if union > 0 else zero


def _areas(boxes: np.ndarray) -> np.ndarray:
    return (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])


def pairwise_iou(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Intersection over union of a (N, 4) with b (M, 4), both float32 or both float64: (N, M); 0 for an empty union."""
    out = np.empty((len(a), len(b)), a.dtype)
    if out.size:
        arrays = np.ascontiguousarray(a), np.ascontiguousarray(b.T), _areas(a), _areas(b)
        run(_iou, out.dtype, len(a), True, *arrays, out)
    return out


@kernel
def _near(block, x1, y1, x2, y2, area, low):
    """Whether a box overlaps one of BLOCK boxes (5, BLOCK) of corners and area by more than about the threshold."""
    a1, b1, a2, b2, areas = block[0], block[1], block[2], block[3], block[4]
    zero = areas.dtype.type(0)
    near = np.int32(0)
    for j in range(BLOCK):
        w = (x2 if x2 < a2[j] else a2[j]) - (x1 if x1 > a1[j] else a1[j])
        h = (y2 if y2 < b2[j] else b2[j]) - (y1 if y1 > b1[j] else b1[j])
        inter = (w if w > 0 else zero) * (h if h > 0 else zero)
        near |= np.int32(inter > low * (area + areas[j] - inter))
    return near


@kernel
def _suppress(boxes, starts, threshold, low, inclusive, keep):
    """Go down the boxes class by class; one stays unless it overlaps a better one of its class that stayed.

    boxes (5, N): corners and area, by class and in it by score; starts (K+1,): where the classes begin; keep (N,) is written.
    The kept boxes stand in horizontal strips by their upper edge: at an overlap of t the upper edges are at most (1 - t) h
    apart, h the height of the box whose edge is the upper one. `low` is the threshold less the rounding of the boxes' dtype:
    what passes the quick comparison is computed again in float64, so that an overlap of exactly the threshold counts as that.
    """
    share = max(threshold - 1e-3, 0.0)  # the strips are searched a little wider than rounding can ask
    begin, count = np.empty(STRIPS, np.int64), np.empty(STRIPS, np.int64)
    for k in range(starts.size - 1):
        top, bottom, tallest = np.inf, -np.inf, 0.0
        for i in range(starts[k], starts[k + 1]):
            top, bottom = min(top, boxes[1, i]), max(bottom, boxes[1, i])
            tallest = max(tallest, boxes[3, i] - boxes[1, i])
        scale = (STRIPS - 1) / (bottom - top) if bottom > top else 0.0
        count[:] = 0
        for i in range(starts[k], starts[k + 1]):
            count[int((boxes[1, i] - top) * scale)] += 1
        n = 0
        for s in range(STRIPS):
            begin[s] = n
            n += (count[s] + BLOCK - 1) // BLOCK
            count[s] = 0
        kept = np.zeros((n, 5, BLOCK), boxes.dtype)
        for i in range(starts[k], starts[k + 1]):
            x1, y1, x2, y2, area = boxes[0, i], boxes[1, i], boxes[2, i], boxes[3, i], boxes[4, i]
            height, edge = max(float(y2) - y1, 0.0), float(y1) - top
            above = min(tallest, height / share) if share > 0 else tallest
            first = max(int((edge - (1 - share) * above) * scale) - 1, 0)
            last = min(int((edge + (1 - share) * height) * scale) + 1, STRIPS - 1)
            hit = False
            for s in range(first, last + 1):
                for b in range((count[s] + BLOCK - 1) // BLOCK):
                    block = kept[begin[s] + b]
                    if not _near(block, x1, y1, x2, y2, area, low):
                        continue
                    for j in range(min(BLOCK, count[s] - b * BLOCK)):
                        a1, b1, a2, b2 = float(block[0, j]), float(block[1, j]), float(block[2, j]), float(block[3, j])
                        inter = max(min(x2, a2) - max(x1, a1), 0.0) * max(min(y2, b2) - max(y1, b1), 0.0)
                        union = (a2 - a1) * (b2 - b1) + (x2 - float(x1)) * (y2 - float(y1)) - inter
                        iou = inter / union if union > 0 else 0.0
                        if iou > threshold or (inclusive and iou == threshold):
                            hit = True
                            break
                    if hit:
                        break
                if hit:
                    break
            keep[i] = not hit
            if not hit:
                s = int(edge * scale)
                block = kept[begin[s] + count[s] // BLOCK]
                for c in range(5):
                    block[c, count[s] % BLOCK] = boxes[c, i]
                count[s] += 1


def suppress(
    boxes: np.ndarray, scores: np.ndarray, labels: np.ndarray | None, threshold: float, inclusive: bool
) -> np.ndarray:
    """Indices of the boxes (N, 4) that non-max suppression keeps, best score first, of equal scores the first in place.

    A box falls when its overlap with a better box that is kept, of its own label where labels (N,) are given, is above
    `threshold`, or at it where `inclusive` (the threshold must then be above 0). Coordinates must be finite.
    """
    ranks = np.argsort(-scores, kind="stable")
    order = ranks if labels is None else ranks[np.argsort(labels[ranks], kind="stable")]
    starts = np.array([0, len(order)])
    if labels is not None:
        of = labels[order]
        starts = np.concatenate([[0], np.flatnonzero(of[1:] != of[:-1]) + 1, [len(of)]])
    keep = np.empty(len(order), np.bool_)
    placed = boxes[order]
    low = boxes.dtype.type(max(threshold - 16 * np.finfo(boxes.dtype).eps, 0.0))
    _suppress(np.vstack([placed.T, _areas(placed)]), starts, float(threshold), low, inclusive, keep)
    kept = np.zeros(len(order), np.bool_)
    kept[order] = keep
    return ranks[kept[ranks]]


@kernel
def _soften(boxes, areas, labels, scores, threshold, sigma, floor, order):
    """Take the best score left until it is below `floor`; shrink the scores of what overlaps it. Returns how many.

    boxes (4, N), areas (N,), labels (N,); scores (N,) float64 is changed; order (N,) is written. sigma 0: linear.
    """
    N = scores.size
    left = np.arange(N)
    taken = 0
    for n in range(N, 0, -1):
        best = 0
        for j in range(1, n):
            a, b = left[j], left[best]
            if scores[a] > scores[b] or (scores[a] == scores[b] and a < b):
                best = j
        i = left[best]
        if scores[i] < floor:
            break
        order[taken] = i
        taken += 1
        left[best] = left[n - 1]
        for j in range(n - 1):
            m = left[j]
            if labels[m] != labels[i]:
                continue
            w = min(boxes[2, i], boxes[2, m]) - max(boxes[0, i], boxes[0, m])
            h = min(boxes[3, i], boxes[3, m]) - max(boxes[1, i], boxes[1, m])
            inter = max(w, 0.0) * max(h, 0.0)
            union = areas[i] + areas[m] - inter
            iou = inter / union if union > 0 else 0.0
            if sigma > 0:
                scores[m] *= np.exp(-iou * iou / sigma)
            elif iou > threshold:
                scores[m] *= 1 - iou
    return taken


def soften(
    boxes: np.ndarray, scores: np.ndarray, labels: np.ndarray, threshold: float, sigma: float, floor: float
) -> tuple[np.ndarray, np.ndarray]:
    """Soft suppression of boxes (N, 4): (indices in the order taken, their lowered scores in float64)."""
    boxes, scores = boxes.astype(np.float64), scores.astype(np.float64)
    order = np.empty(len(scores), np.int64)
    n = _soften(np.ascontiguousarray(boxes.T), _areas(boxes), labels, scores, threshold, sigma, floor, order)
    return order[:n], scores[order[:n]]


@kernel
def match(ious, crowd, ignored, thresholds, found):
    """COCO's matching of D detections, best first, to G true boxes: found (T, D) is the box of each, or -1.

    ious (D, G); crowd, ignored (G,) with the ignored boxes last; thresholds (T,). A detection takes the free box it overlaps
    most, of equals the last, one to be ignored only where no other will do; a crowd is never used up.
    """
    D, G = ious.shape
    for t in range(thresholds.size):
        used = np.zeros(G, np.bool_)
        for d in range(D):
            best, at = min(thresholds[t], 1 - 1e-10), -1
            for g in range(G):
                if used[g] and not crowd[g]:
                    continue
                if at >= 0 and not ignored[at] and ignored[g]:
                    break
                if ious[d, g] >= best:
                    best, at = ious[d, g], g
            found[t, d] = at
            if at >= 0:
                used[at] = True
