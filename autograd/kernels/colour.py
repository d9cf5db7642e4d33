"""Brightness, contrast, saturation and hue of pictures."""

from __future__ import annotations

import numpy as np

from autograd.kernels.compile import kernel
from autograd.kernels.threads import run

_SERIAL = 1 << 16


@kernel(inline="always")
def _clamp(x):
    return min(max(x, 0.0), 1.0)


@kernel(inline="always")
def _grey(r, g, b):
    return 0.2989 * r + 0.587 * g + 0.114 * b


@kernel
def _turned(r, g, b, shift):
    """The colour with its hue moved by `shift` of the circle; HSV as Python's colorsys has it."""
    top, low = max(r, g, b), min(r, g, b)
    span = top - low
    if span == 0:
        return r, g, b
    if top == r:
        hue = (g - b) / span
    elif top == g:
        hue = 2 + (b - r) / span
    else:
        hue = 4 + (r - g) / span
    hue += 6 * shift
    hue -= 6 * np.floor(hue / 6)
    sector = int(hue)
    part = hue - sector
    p, q, t = low, top - span * part, low + span * part
    if sector == 0:
        return top, t, p
    if sector == 1:
        return q, top, p
    if sector == 2:
        return p, top, t
    if sector == 3:
        return p, q, top
    if sector == 4:
        return t, p, top
    if sector == 5:
        return top, p, q
    return top, t, p  # rounded up to the full circle


@kernel
def _pictures(first, last, images, factors, order, out):
    """Pictures first..last. Legend at `jitter`."""
    C, P = images.shape[1:]
    for n in range(first, last):
        out[n] = images[n]
        for step in range(4):
            what = order[n, step]
            f = factors[n, what]
            if what == 0:
                if f != 1:
                    for c in range(C):
                        for i in range(P):
                            out[n, c, i] = _clamp(f * out[n, c, i])
            elif what == 1:
                if f != 1:
                    mean = 0.0
                    for i in range(P):
                        mean += _grey(out[n, 0, i], out[n, 1, i], out[n, 2, i]) if C == 3 else out[n, 0, i]
                    mean /= P
                    for c in range(C):
                        for i in range(P):
                            out[n, c, i] = _clamp(f * out[n, c, i] + (1 - f) * mean)
            elif what == 2:
                if f != 1 and C == 3:
                    for i in range(P):
                        grey = _grey(out[n, 0, i], out[n, 1, i], out[n, 2, i])
                        for c in range(3):
                            out[n, c, i] = _clamp(f * out[n, c, i] + (1 - f) * grey)
            elif f != 0 and C == 3:
                for i in range(P):
                    r, g, b = _turned(out[n, 0, i], out[n, 1, i], out[n, 2, i], f)
                    out[n, 0, i] = r
                    out[n, 1, i] = g
                    out[n, 2, i] = b


def jitter(images: np.ndarray, factors: np.ndarray, order: np.ndarray) -> np.ndarray:
    """Change each picture's 0 brightness, 1 contrast, 2 saturation, 3 hue by its factors, in its order.

    N pictures, C channels (1 or 3), P pixels; images (N, C, P) in [0, 1], float32 or float64; factors (N, 4) float64: 1, 1, 1
    and 0 change nothing; order (N, 4) int64, each a permutation.
    """
    out = np.empty(images.shape, images.dtype)
    args = [np.ascontiguousarray(a) for a in (images, factors, order)]
    args = [a if a.flags.writeable else a.copy() for a in args]
    run(_pictures, images.dtype, len(images), images.size >= _SERIAL, *args, out)
    return out
