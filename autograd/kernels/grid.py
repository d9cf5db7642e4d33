"""Pictures read bilinearly at the points of a grid, and both gradients: places, weights and pixels in one pass."""

from __future__ import annotations

import numpy as np

from .compile import kernel
from .functions import like
from .sample import GATE, STEP, _last
from .simd import LANES, broadcast, fma, load_first, store_first, total
from .threads import run

# N pictures of H x W pixels with C channels, channels-last: x (N, H W, C); Q points a picture: points (N, Q, 2), as (x, y)
# from -1 to 1; y and g (N, Q, C). All flat.

ZEROS, BORDER, REFLECTION = range(3)  # what stands outside a picture


@kernel
def _place(u, size, padding, align):
    """The pixel number of the coordinate u, brought into the picture as the padding says, and its derivative in u."""
    n, one, half, zero = like(size, u), like(1, u), like(0.5, u), like(0, u)
    if align:
        slope = (n - one) * half
        at = (u + one) * slope
    else:
        slope = n * half
        at = ((u + one) * n - one) * half
    if padding == REFLECTION:
        low, high = (zero, n - one) if align else (-half, n - half)
        span = high - low
        if span == zero:
            at, slope = at * zero, zero
        else:
            away = at - low
            slope = zero if away == zero else -slope if away < zero else slope
            away = abs(away)
            flips = np.floor(away / span)
            rest = away - flips * span
            even = flips % like(2, u) == zero
            at = rest + low if even else high - rest
            slope = slope if even else -slope
    if padding != ZEROS and not (zero < at < n - one):  # no gradient at the border itself
        slope = zero
        at = zero if at < zero else n - one if at > n - one else at
    return at, slope


@kernel
def _corner(at, size):
    """The pixel before a place, and how far behind it the place is; without any pixel beside it -2."""
    f = np.floor(at)
    inside = f >= like(-1, at) and f < like(size, at)  # before the cast, which is undefined for NaN and the infinite
    return int(f) if inside else -2, at - f


@kernel
def _read(first, last, x, points, y, H, W, Q, C, padding, align):
    strips, lanes, one = (Q + STEP - 1) // STEP, LANES * 4 // x.itemsize, x.dtype.type(1)
    for t in range(first, last):
        n, start = t // strips, t % strips * STEP
        for q in range(n * Q + start, n * Q + min(Q, start + STEP)):
            at_x, _ = _place(points[2 * q], W, padding, align)
            at_y, _ = _place(points[2 * q + 1], H, padding, align)
            (left, tx), (top, ty) = _corner(at_x, W), _corner(at_y, H)
            none = left == -2 or top == -2
            for c in range(0, C, lanes):
                s = broadcast(x, 0)
                for k in range(0 if none else 4):
                    row, column = top + (k >> 1), left + (k & 1)
                    if 0 <= row < H and 0 <= column < W:
                        w = (ty if k & 2 else one - ty) * (tx if k & 1 else one - tx)
                        i = ((n * H + row) * W + column) * C + c
                        s = fma(broadcast(x, w), load_first(x, i, C - c), s)
                store_first(y, q * C + c, s, C - c)


@kernel
def _pull(first, last, g, x, points, gx, gp, H, W, Q, C, padding, align):
    """Pictures first..last of gx, zeros at first, and of gp; either may be empty: not wanted."""
    lanes, one, zero = LANES * 4 // x.itemsize, x.dtype.type(1), x.dtype.type(0)
    for q in range(first * Q, last * Q):
        n = q // Q
        at_x, slope_x = _place(points[2 * q], W, padding, align)
        at_y, slope_y = _place(points[2 * q + 1], H, padding, align)
        (left, tx), (top, ty) = _corner(at_x, W), _corner(at_y, H)
        along_x, along_y = zero, zero
        for k in range(0 if left == -2 or top == -2 else 4):
            row, column = top + (k >> 1), left + (k & 1)
            if not (0 <= row < H and 0 <= column < W):
                continue
            share_y, share_x = ty if k & 2 else one - ty, tx if k & 1 else one - tx
            w, s = broadcast(x, share_y * share_x), broadcast(x, 0)
            for c in range(0, C, lanes):
                i, v = ((n * H + row) * W + column) * C + c, load_first(g, q * C + c, C - c)
                if gp.size:
                    s = fma(v, load_first(x, i, C - c), s)
                if gx.size:
                    store_first(gx, i, fma(w, v, load_first(gx, i, C - c)), C - c)
            if gp.size:
                product = total(s)
                along_x += product * share_y if k & 1 else -product * share_y
                along_y += product * share_x if k & 2 else -product * share_x
        if gp.size:
            gp[2 * q], gp[2 * q + 1] = along_x * slope_x, along_y * slope_y


def _flat(a: np.ndarray) -> np.ndarray:
    a = np.ascontiguousarray(a)
    return (a if a.flags.writeable else a.copy()).reshape(-1)


def _sizes(x: np.ndarray, points: np.ndarray) -> tuple[int, int, int, int]:
    N, C, H, W = x.shape
    if points.shape != (N, points.size // (2 * N) if N else points.shape[1], 2) or points.dtype != x.dtype:
        raise ValueError(f"grid: points {points.dtype} {points.shape} in pictures {x.dtype} {x.shape}")
    return H, W, points.shape[1], C


def read(x: np.ndarray, points: np.ndarray, padding: int, align: bool) -> np.ndarray:
    """x (N, C, H, W) at points (N, Q, 2): (N, C, Q), in channels-last memory. float32 or float64, at least one pixel."""
    sizes, N = _sizes(x, points), len(x)
    H, W, Q, C = sizes
    y = np.empty((N, Q, C), x.dtype)
    if y.size:
        given = _flat(_last(x.reshape(N, C, H * W))), _flat(points), y.reshape(-1)
        run(_read, x.dtype, N * -(-Q // STEP), y.size >= GATE, *given, *sizes, padding, align)
    return y.transpose(0, 2, 1)


def pull(
    g: np.ndarray, x: np.ndarray, points: np.ndarray, padding: int, align: bool, needs: list[bool]
) -> list[np.ndarray | None]:
    """The gradients of `read` in x and the points from that, g (N, C, Q), of its result: those that are needed."""
    sizes, N = _sizes(x, points), len(x)
    H, W, Q, C = sizes
    gx = np.zeros((N, H * W, C) if needs[0] else 0, x.dtype)
    gp = np.zeros(points.shape if needs[1] else 0, x.dtype)
    if N and Q and C:
        given = _flat(_last(g.astype(x.dtype, copy=False))), _flat(_last(x.reshape(N, C, H * W))), _flat(points)
        flat = gx.reshape(-1), gp.reshape(-1)
        run(_pull, x.dtype, N, N * Q * C >= GATE, *given, *flat, *sizes, padding, align)
    pictures = gx.reshape(N, H, W, C).transpose(0, 3, 1, 2) if needs[0] else None
    return [pictures, gp if needs[1] else None]
