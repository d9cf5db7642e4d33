"""Resampling of pictures: affine and elastic warps, crops resized, Gaussian blur."""

from __future__ import annotations

from math import ceil, exp

import numpy as np

from autograd.kernels.compile import kernel
from autograd.kernels.threads import run

_SERIAL = 1 << 16  # values of a result below which starting threads costs more than they save


def _plain(array: np.ndarray) -> np.ndarray:
    """C-contiguous and writeable: the one memory layout the kernels here are compiled for."""
    array = np.ascontiguousarray(array)
    return array if array.flags.writeable else array.copy()


def _run(function, tasks, size, *args):
    run(function, tuple(a.dtype for a in args if isinstance(a, np.ndarray)), tasks, size >= _SERIAL, *args)


# ------------------------------------------------------------------------------------------------------- warp


@kernel(inline="always")
def _place(inverse, field, n, h, w):
    """Where in picture n the pixel (h, w) of the result comes from, as (x, y)."""
    x = inverse[n, 0, 0] * w + inverse[n, 0, 1] * h + inverse[n, 0, 2]
    y = inverse[n, 1, 0] * w + inverse[n, 1, 1] * h + inverse[n, 1, 2]
    if field.shape[0]:
        x += field[n, 0, h, w]
        y += field[n, 1, h, w]
    return x, y


@kernel
def _warp_rows(first, last, images, inverse, field, fill, out):
    """Rows first..last of all pictures of the result, bilinearly. Legend at `warp`."""
    N, C, H, W = images.shape
    P, Q = out.shape[2:]
    for row in range(first, last):
        n, p = row // P, row % P
        for q in range(Q):
            x, y = _place(inverse, field, n, p, q)
            if not (x > -1 and x < W and y > -1 and y < H):  # before the casts: they are undefined for NaN and inf
                for c in range(C):
                    out[n, c, p, q] = fill
                continue
            left, top = int(np.floor(x)), int(np.floor(y))
            right, bottom = x - left, y - top
            if left >= 0 and left + 1 < W and top >= 0 and top + 1 < H:
                for c in range(C):
                    upper = images[n, c, top, left] * (1 - right) + images[n, c, top, left + 1] * right
                    lower = images[n, c, top + 1, left] * (1 - right) + images[n, c, top + 1, left + 1] * right
                    out[n, c, p, q] = upper * (1 - bottom) + lower * bottom
                continue
            inside_left, inside_right = left >= 0, left + 1 < W
            inside_top, inside_bottom = top >= 0, top + 1 < H
            for c in range(C):
                p00 = images[n, c, top, left] if inside_top and inside_left else fill
                p01 = images[n, c, top, left + 1] if inside_top and inside_right else fill
                p10 = images[n, c, top + 1, left] if inside_bottom and inside_left else fill
                p11 = images[n, c, top + 1, left + 1] if inside_bottom and inside_right else fill
                upper = p00 * (1 - right) + p01 * right
                lower = p10 * (1 - right) + p11 * right
                out[n, c, p, q] = upper * (1 - bottom) + lower * bottom


@kernel
def _nearest_rows(first, last, inverse, field, H, W, out):
    """Rows first..last of the indices `nearest` returns."""
    P, Q = out.shape[1:]
    for row in range(first, last):
        n, p = row // P, row % P
        for q in range(Q):
            x, y = _place(inverse, field, n, p, q)
            out[n, p, q] = -1
            if x > -1 and x < W and y > -1 and y < H:
                column, line = int(np.floor(x + 0.5)), int(np.floor(y + 0.5))
                if 0 <= column < W and 0 <= line < H:
                    out[n, p, q] = line * W + column


_NO_FIELD = np.zeros((0, 2, 0, 0))


def warp(images, inverse, fill, size=None, field=None):
    """Resample each picture bilinearly where its matrix, and its displacements, point.

    N pictures, C channels, H rows, W columns; P rows, Q columns of the result.
    images (N, C, H, W) float32 or float64; inverse (N, 2, 3) float64, from (x, y) of the result to (x, y) of the picture,
    in pixels counted from the centre of the first one; field (N, 2, P, Q) float64, added to that as (x, y); size (P, Q),
    the picture's if None. What lies outside a picture is `fill`. Returns (N, C, P, Q).
    """
    out = np.empty((*images.shape[:2], *(size or images.shape[2:])), images.dtype)
    field = _NO_FIELD if field is None else field
    args = _plain(images), _plain(inverse), _plain(field), float(fill), out
    _run(_warp_rows, out.shape[0] * out.shape[2], out.size, *args)
    return out


def nearest(shape, inverse, size=None, field=None):
    """For each pixel of `warp`'s result the flat index of the nearest pixel of the picture, -1 outside it.

    shape (N, H, W) of the pictures; returns (N, P, Q) int64.
    """
    n, height, width = shape
    out = np.empty((n, *(size or (height, width))), np.int64)
    field = _NO_FIELD if field is None else field
    _run(_nearest_rows, n * out.shape[1], out.size, _plain(inverse), _plain(field), height, width, out)
    return out


# ----------------------------------------------------------------------------------------------------- resize


@kernel
def _taps(start, size, out, antialias):
    """Weights (out, K) and first places (out) by which `out` samples are taken of `size` ones from `start` on."""
    scale = size / out
    wide = max(scale, 1.0) if antialias else 1.0
    weights = np.zeros((out, 2 * int(ceil(wide)) + 1))
    low = np.empty(out, np.int64)
    for o in range(out):
        centre = (o + 0.5) * scale
        begin = max(int(centre - wide + 0.5), 0)
        end = min(int(centre + wide + 0.5), size)
        total = 0.0
        for j in range(begin, end):
            weights[o, j - begin] = max(0.0, 1 - abs((j + 0.5 - centre) / wide))
            total += weights[o, j - begin]
        weights[o] /= total
        low[o] = start + begin
    return low, weights


@kernel
def _resize_pictures(first, last, images, crops, antialias, out):
    """Pictures first..last. Legend at `resized_crops`."""
    C, H, W = images.shape[1:]
    P, Q = out.shape[2:]
    for n in range(first, last):
        top, left, height, width = crops[n]
        rows, row_weights = _taps(top, height, P, antialias)
        columns, column_weights = _taps(left, width, Q, antialias)
        narrow = np.empty((H, Q))
        for c in range(C):
            for h in range(top, top + height):
                for q in range(Q):
                    total = 0.0
                    for k in range(min(column_weights.shape[1], W - columns[q])):
                        total += images[n, c, h, columns[q] + k] * column_weights[q, k]
                    narrow[h, q] = total
            for p in range(P):
                for q in range(Q):
                    total = 0.0
                    for k in range(min(row_weights.shape[1], top + height - rows[p])):
                        total += narrow[rows[p] + k, q] * row_weights[p, k]
                    out[n, c, p, q] = total


def resized_crops(images, crops, size, antialias=True):
    """A rectangle of each picture, brought to (P, Q) bilinearly; with antialias each pixel averages what falls on it.

    N pictures, C channels, H rows, W columns; P rows, Q columns of the result.
    images (N, C, H, W) float32 or float64; crops (N, 4) int64, top, left, height, width, inside the picture.
    The weights are Pillow's and torch's: a triangle as wide as the step, cut and normalised at the rectangle's border.
    """
    out = np.empty((*images.shape[:2], *size), images.dtype)
    _run(_resize_pictures, len(images), images.size, _plain(images), _plain(crops), bool(antialias), out)
    return out


# ------------------------------------------------------------------------------------------------------- blur


@kernel(inline="always")
def _reflected(i, size):
    """i mirrored into 0..size-1 about the centres of the first and last, as often as it takes."""
    if size == 1:
        return 0
    period = 2 * (size - 1)
    i = i % period
    return period - i if i >= size else i


@kernel
def _blur_planes(first, last, planes, radii, sigmas, out):
    """Planes first..last. Legend at `gaussian_blur`."""
    H, W = planes.shape[1:]
    for n in range(first, last):
        radius, sigma = radii[n], sigmas[n]
        weights = np.empty(2 * radius + 1, planes.dtype)
        total = 0.0
        for k in range(2 * radius + 1):
            total += exp(-0.5 * ((k - radius) / sigma) ** 2)
        for k in range(2 * radius + 1):
            weights[k] = exp(-0.5 * ((k - radius) / sigma) ** 2) / total
        line = np.empty(W + 2 * radius, planes.dtype)  # a row with its mirrored borders
        narrow = np.zeros((H, W), planes.dtype)
        for h in range(H):
            for w in range(W + 2 * radius):
                line[w] = planes[n, h, _reflected(w - radius, W)]
            for k in range(2 * radius + 1):
                weight = weights[k]
                for w in range(W):
                    narrow[h, w] += weight * line[w + k]
        for h in range(H):
            for w in range(W):
                out[n, h, w] = 0
            for k in range(2 * radius + 1):
                at, weight = _reflected(h + k - radius, H), weights[k]
                for w in range(W):
                    out[n, h, w] += weight * narrow[at, w]


def gaussian_blur(planes, radii, sigmas):
    """Blur each plane with a normalised Gaussian of 2 radius + 1 taps a direction; the border is mirrored.

    N planes of H rows and W columns; planes (N, H, W) float32 or float64; radii (N) int64; sigmas (N) float64, above 0.
    """
    out = np.empty(planes.shape, planes.dtype)
    _run(_blur_planes, len(planes), planes.size, _plain(planes), _plain(radii), _plain(sigmas), out)
    return out
