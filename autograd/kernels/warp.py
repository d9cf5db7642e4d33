"""Affine resampling of pictures."""

from __future__ import annotations

import numpy as np

from autograd.kernels.compile import kernel


@kernel
def warp_affine(images: np.ndarray, inverse: np.ndarray, fill: float) -> np.ndarray:
    """Resample each picture bilinearly where its matrix points.

    N pictures, C channels, H rows, W columns.
    images (N, C, H, W) C-contiguous; inverse (N, 2, 3) float64, from (x, y) of the result to (x, y) of the picture, in
    pixels counted from the centre of the first one. What lies outside a picture is `fill`.
    """
    N, C, H, W = images.shape
    out = np.empty_like(images)
    for n in range(N):
        xx, xy, x0 = inverse[n, 0]
        yx, yy, y0 = inverse[n, 1]
        for h in range(H):
            for w in range(W):
                x = xx * w + xy * h + x0
                y = yx * w + yy * h + y0
                if not (x > -1 and x < W and y > -1 and y < H):  # before the casts: they are undefined for NaN and inf
                    for c in range(C):
                        out[n, c, h, w] = fill
                    continue
                left, top = int(np.floor(x)), int(np.floor(y))
                right, bottom = x - left, y - top
                inside_left, inside_right = left >= 0, left + 1 < W
                inside_top, inside_bottom = top >= 0, top + 1 < H
                for c in range(C):
                    p00 = images[n, c, top, left] if inside_top and inside_left else fill
                    p01 = images[n, c, top, left + 1] if inside_top and inside_right else fill
                    p10 = images[n, c, top + 1, left] if inside_bottom and inside_left else fill
                    p11 = images[n, c, top + 1, left + 1] if inside_bottom and inside_right else fill
                    upper = p00 * (1 - right) + p01 * right
                    lower = p10 * (1 - right) + p11 * right
                    out[n, c, h, w] = upper * (1 - bottom) + lower * bottom
    return out
