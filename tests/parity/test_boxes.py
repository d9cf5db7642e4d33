"""Overlaps and losses of boxes against torch: torchvision.ops' formulas, from their papers, differentiated by torch."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch

import autograd
from nn import vision


def torch_overlap(kind: str, a: Any, b: Any, eps: float) -> Any:
    """Overlap of broadcast boxes; `eps` where torchvision's losses have it, alpha without gradient as there."""
    (ax1, ay1, ax2, ay2), (bx1, by1, bx2, by2) = a.unbind(-1), b.unbind(-1)
    inter = (torch.min(ax2, bx2) - torch.max(ax1, bx1)).clamp(min=0) * (
        torch.min(ay2, by2) - torch.max(ay1, by1)
    ).clamp(min=0)
    union = (ax2 - ax1) * (ay2 - ay1) + (bx2 - bx1) * (by2 - by1) - inter
    iou = inter / (union + eps)
    width, height = torch.max(ax2, bx2) - torch.min(ax1, bx1), torch.max(ay2, by2) - torch.min(ay1, by1)
    if kind == "iou":
        return iou
    if kind == "giou":
        return iou - (width * height - union) / (width * height + eps)
    gap = ((ax1 + ax2 - bx1 - bx2) / 2) ** 2 + ((ay1 + ay2 - by1 - by2) / 2) ** 2
    diou = iou - gap / (width**2 + height**2 + 1e-7)
    if kind == "diou":
        return diou
    v = 4 / math.pi**2 * (torch.atan((bx2 - bx1) / (by2 - by1)) - torch.atan((ax2 - ax1) / (ay2 - ay1))) ** 2
    with torch.no_grad():
        alpha = v / (1 - iou + v + 1e-7)
    return diou - alpha * v


NAMES = {
    "iou": (vision.box_iou, vision.box_iou_loss),
    "giou": (vision.generalized_box_iou, vision.generalized_box_iou_loss),
    "diou": (vision.distance_box_iou, vision.distance_box_iou_loss),
    "ciou": (vision.complete_box_iou, vision.complete_box_iou_loss),
}


def boxes(seed: int, n: int) -> np.ndarray:
    """Boxes with area; some far apart, some inside others."""
    rng = np.random.default_rng(seed)
    corner = rng.uniform(0, 9, (n, 2))
    return np.concatenate([corner, corner + rng.uniform(0.3, 6, (n, 2))], 1)


@pytest.mark.parametrize("kind", NAMES)
def test_overlaps_and_losses_and_their_gradients_are_torchs(kind: str) -> None:
    overlap, loss = NAMES[kind]
    settings = {"detach_alpha": True} if kind == "ciou" else {}
    for seed in range(10):
        a, b = boxes(seed, 7), boxes(seed + 100, 7)
        for ours, eps, call in ((overlap, 0.0, "pairs"), (loss, 1e-7, "matched")):
            p, q = (autograd.tensor(x, requires_grad=True) for x in (a, b))
            s, t = (torch.tensor(x, requires_grad=True) for x in (a, b))
            found = ours(p, q, **settings)
            wanted = torch_overlap(kind, *((s[:, None], t[None]) if call == "pairs" else (s, t)), eps)
            wanted = wanted if call == "pairs" else 1 - wanted
            np.testing.assert_allclose(found.detach().numpy(), wanted.detach().numpy(), rtol=1e-10, atol=1e-12)
            weight = np.random.default_rng(seed).normal(size=found.shape)
            (found * weight).sum().backward()
            (wanted * torch.tensor(weight)).sum().backward()
            for x, y in ((p, s), (q, t)):
                np.testing.assert_allclose(x.grad.numpy(), y.grad.numpy(), rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("kind", NAMES)
def test_equal_and_nested_boxes_have_torchs_gradients(kind: str) -> None:
    _, loss = NAMES[kind]
    settings = {"detach_alpha": True} if kind == "ciou" else {}
    a = np.array([[0.0, 0, 2, 2], [0, 0, 4, 4], [0, 0, 4, 4], [1, 1, 3, 2]])
    b = np.array([[0.0, 0, 2, 2], [0, 0, 2, 2], [1, 0, 3, 4], [0, 0, 5, 5]])
    p, s = autograd.tensor(a, requires_grad=True), torch.tensor(a, requires_grad=True)
    loss(p, b, "sum", **settings).backward()
    (1 - torch_overlap(kind, s, torch.tensor(b), 1e-7)).sum().backward()
    np.testing.assert_allclose(p.grad.numpy(), s.grad.numpy(), rtol=1e-8, atol=1e-10)
