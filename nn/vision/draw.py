"""Boxes drawn into pictures."""

from __future__ import annotations

import colorsys
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy import ndarray

from autograd.errors import ShapeError
from nn.vision.boxes import floats, plain
from nn.vision.pictures import pillow


def draw_boxes(
    picture: Any,
    boxes: Any,
    labels: Sequence[Any] | None = None,
    scores: Any = None,
    colors: Sequence[tuple[int, int, int]] | None = None,
    width: int = 2,
) -> ndarray:
    """A copy of a picture with its boxes (n, 4) framed, and their labels and scores written at them: (H, W, 3) uint8.

    picture: (H, W, 3) uint8, or (3, H, W) float in [0, 1]. Equal labels have equal colours, unless `colors` gives one a box,
    such as `label_colour` makes. Boxes are cut at the borders; one without area inside the picture is not drawn.
    Errors: ValueError for shapes, ImportError without Pillow.
    """
    image, ops = pillow("draw_boxes", "Image", "ImageDraw")
    pixels = plain(picture)
    if pixels.ndim == 3 and pixels.shape[0] == 3 and pixels.dtype.kind == "f":
        pixels = (np.clip(np.nan_to_num(pixels), 0, 1).transpose(1, 2, 0) * 255 + 0.5).astype(np.uint8)
    if pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.dtype != np.uint8:
        raise ShapeError(
            f"draw_boxes: picture is {pixels.shape} {pixels.dtype}, expected (H, W, 3) uint8 or (3, H, W) float in [0, 1]"
        )
    corners = plain(floats("draw_boxes", boxes, dims=2))
    for name, column in (("labels", labels), ("scores", scores), ("colors", colors)):
        if column is not None and len(column) != len(corners):
            raise ShapeError(f"draw_boxes: {len(column)} {name} for {len(corners)} boxes")
    canvas = image.fromarray(np.ascontiguousarray(pixels))
    pen = ops.Draw(canvas)
    names = [str(label) for label in labels] if labels is not None else [""] * len(corners)
    shades = {name: label_colour(i) for i, name in enumerate(sorted(set(names)))}
    limits = np.array([pixels.shape[1], pixels.shape[0]] * 2)
    for i, box in enumerate(np.clip(np.round(np.nan_to_num(corners)), 0, limits).astype(int)):
        x1, y1, x2, y2 = box.tolist()
        if x2 <= x1 or y2 <= y1:
            continue
        colour = shades[names[i]] if colors is None else tuple(colors[i])
        pen.rectangle((x1, y1, x2 - 1, y2 - 1), outline=colour, width=width)
        text = " ".join(filter(None, (names[i], "" if scores is None else f"{float(scores[i]):.2f}")))
        if text:
            left, top, right, bottom = pen.textbbox((0, 0), text)
            at = min(x1, max(pixels.shape[1] - right, 0)), max(y1 - bottom - 1, 0)
            pen.rectangle((at[0], at[1], at[0] + right, at[1] + bottom), fill=colour)
            pen.text(at, text, fill=(0, 0, 0))
    return np.asarray(canvas)


def label_colour(i: int) -> tuple[int, int, int]:
    """The colour (red, green, blue) of label i: hues a golden section apart, so neighbours differ, however many there are."""
    r, g, b = colorsys.hsv_to_rgb(0.618034 * i % 1, 0.75, 1.0)
    return int(255 * r), int(255 * g), int(255 * b)
