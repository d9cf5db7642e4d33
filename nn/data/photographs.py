"""Two photographs, found inside the installed scikit-learn."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np

_NAMES = ("china", "flower")


def photograph(name: str = "china", path: str | Path | None = None) -> np.ndarray:
    """A photograph (427, 640, 3) uint8: "china", a temple, or "flower"; or any picture file at `path`.

    scikit-learn itself is never imported. Errors: ValueError for another name, FileNotFoundError and ImportError naming the
    installation. Source: scikit-learn's `load_sample_image`; the pictures are under CC-BY.
    """
    if path is None:
        if name not in _NAMES:
            raise ValueError(f"photograph: name should be one of {_NAMES}, got {name!r}")
        spec = importlib.util.find_spec("sklearn")
        if spec is None or spec.origin is None:
            raise FileNotFoundError(
                "photograph: the pictures are files of the package scikit-learn, which is not installed; "
                "`pip install --no-deps scikit-learn` brings them (or pass path=)"
            )
        path = Path(spec.origin).parent / "datasets" / "images" / f"{name}.jpg"
    if not Path(path).is_file():
        raise FileNotFoundError(f"photograph: there is no file {path}")
    try:
        from PIL import Image
    except ImportError as error:
        raise ImportError("photograph needs Pillow to read pictures: `pip install pillow` brings it") from error
    with Image.open(path) as picture:
        return np.array(picture.convert("RGB"))
