"""Views of any strides whose memory lies between guard pages."""

from __future__ import annotations

import numpy as np
from guard import guarded


def guarded_view(values: np.ndarray, at_end: bool) -> np.ndarray:
    """A copy of `values` with the same strides (negative, zero, gaps), the memory it spans between guard pages.

    Gaps hold NaN, so that an element read by mistake shows.
    """
    spans = [(n - 1) * s for n, s in zip(values.shape, values.strides, strict=True)]
    if values.size == 0:
        return guarded(values, at_end)
    low, high = sum(s for s in spans if s < 0), sum(s for s in spans if s > 0)
    span = guarded(np.full((high - low) // values.itemsize + 1, np.nan, values.dtype), at_end)
    view = np.ndarray(values.shape, values.dtype, span, -low, values.strides)
    view[...] = values
    return view
