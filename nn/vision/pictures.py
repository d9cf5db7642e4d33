"""Pictures from files and into files."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np


def read_picture(path: str | Path) -> np.ndarray:
    """The picture of a file as (H, W, 3) uint8; grey, indexed and transparent pictures become RGB, turned as the camera says.

    Errors: FileNotFoundError, ValueError for a file that is damaged or no picture, ImportError without Pillow.
    """
    image, ops = pillow("read_picture", "Image", "ImageOps")
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"read_picture: there is no file {path}")
    try:
        with image.open(path) as picture:
            pixels = np.asarray(ops.exif_transpose(picture).convert("RGB"))
    except (OSError, SyntaxError, ValueError, image.DecompressionBombError) as error:
        raise ValueError(f"read_picture: {path} is damaged or no picture ({error})") from error
    return pixels


def write_picture(path: str | Path, pixels: np.ndarray) -> None:
    """Write (H, W, 3) uint8 as the format that the path's ending names, making its folder.

    Errors: ValueError for another shape or dtype, or an unknown ending.
    """
    (image,) = pillow("write_picture", "Image")
    if pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.dtype != np.uint8:
        raise ValueError(f"write_picture: pixels are {pixels.shape} {pixels.dtype}, expected (H, W, 3) uint8")
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    image.fromarray(np.ascontiguousarray(pixels)).save(path)


def resized(pixels: np.ndarray, height: int, width: int) -> np.ndarray:
    """(H, W, 3) uint8 to (height, width, 3), by area where it shrinks, so that no detail turns into noise."""
    (image,) = pillow("resized", "Image")
    if pixels.shape[:2] == (height, width):
        return pixels
    return np.asarray(image.fromarray(np.ascontiguousarray(pixels)).resize((width, height), image.Resampling.BILINEAR))


def pillow(name: str, *modules: str) -> list[Any]:
    """Modules of Pillow, or an ImportError of `name` that says how to install it."""
    try:
        return [import_module(f"PIL.{module}") for module in modules]
    except ImportError as error:
        raise ImportError(f"{name}: pictures are read and written with Pillow; `pip install pillow`") from error
