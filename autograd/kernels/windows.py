"""The windows of images as columns (unfold), and columns added up into images (fold)."""

from __future__ import annotations

import numpy as np

from .compile import kernel
from .simd import LANES, load, load_first, store, store_first
from .threads import run

GATE = 1 << 15  # elements of the columns below which a parallel launch costs more than it saves
FEW = 16  # planes below which each row of a window is a task of its own

# A plane is one channel of one picture: H rows and W columns, with ph and pw zeros around it. A window of R rows and S
# columns, dh and dw apart, stands at P x Q places, sh and sw apart. x: planes (planes, H, W); y: columns (planes, R, S,
# P, Q). All flat.


@kernel
def _unfold(first, last, x, y, H, W, R, S, P, Q, sh, sw, dh, dw, ph, pw, parts):
    """`parts` tasks a plane, each for some rows of the window. Zeros are laid around the plane first: no place is then
    at an edge."""
    lanes, wide = LANES * 4 // x.itemsize, W + 2 * pw
    padded = np.zeros((H + 2 * ph) * wide, x.dtype)
    for t in range(first, last):
        plane, rows = t // parts, t % parts
        for i in range(H):
            _copy(x, (plane * H + i) * W, padded, (ph + i) * wide + pw, W, lanes)
        for r in range(rows * R // parts, (rows + 1) * R // parts):
            for s in range(S):
                to = ((plane * R + r) * S + s) * P * Q
                for p in range(P):
                    at = (p * sh + r * dh) * wide + s * dw
                    if sw == 1:
                        _copy(padded, at, y, to + p * Q, Q, lanes)
                    else:
                        for q in range(Q):
                            y[to + p * Q + q] = padded[at + q * sw]


@kernel
def _copy(x, i, y, j, n, lanes):
    """y[j : j + n] = x[i : i + n]."""
    whole = n - n % lanes
    for k in range(0, whole, lanes):
        store(y, j + k, load(x, i + k))
    if whole < n:
        store_first(y, j + whole, load_first(x, i + whole, n - whole), n - whole)


@kernel
def _add(y, j, x, i, n, lanes):
    """y[j : j + n] += x[i : i + n]."""
    whole = n - n % lanes
    for k in range(0, whole, lanes):
        store(y, j + k, load(y, j + k) + load(x, i + k))
    if whole < n:
        rest = n - whole
        store_first(y, j + whole, load_first(y, j + whole, rest) + load_first(x, i + whole, rest), rest)


@kernel
def _fold(first, last, y, x, H, W, R, S, P, Q, sh, sw, dh, dw, ph, pw):
    """A plane a task, its sums formed in one with the padding."""
    lanes, wide = LANES * 4 // x.itemsize, W + 2 * pw
    padded = np.empty((H + 2 * ph) * wide, x.dtype)
    for plane in range(first, last):
        padded[:] = 0
        for r in range(R):
            for s in range(S):
                of = ((plane * R + r) * S + s) * P * Q
                for p in range(P):
                    at = (p * sh + r * dh) * wide + s * dw
                    if sw == 1:
                        _add(padded, at, y, of + p * Q, Q, lanes)
                    else:
                        for q in range(Q):
                            padded[at + q * sw] += y[of + p * Q + q]
        for i in range(H):
            _copy(padded, (ph + i) * wide + pw, x, (plane * H + i) * W, W, lanes)


Pair = tuple[int, int]


def places(space: Pair, size: Pair, stride: Pair, dilation: Pair, padding: Pair) -> Pair:
    """How many places a window has along each axis; none below 1."""
    axes = zip(space, size, stride, dilation, padding, strict=True)
    counts = [(n + 2 * p - d * (k - 1) - 1) // s + 1 for n, k, s, d, p in axes]
    return counts[0], counts[1]


def _plain(a: np.ndarray) -> np.ndarray:
    a = np.ascontiguousarray(a)
    return (a if a.flags.writeable else a.copy()).reshape(-1)


def unfold(x: np.ndarray, size: Pair, stride: Pair, dilation: Pair, padding: Pair) -> np.ndarray:
    """The windows of x (N, C, H, W) as columns (N, C R S, P Q): float32 or float64. There is a place for a window."""
    N, C, *space = x.shape
    (H, W), (R, S) = space, size
    P, Q = places((H, W), size, stride, dilation, padding)
    if min(P, Q) < 1:
        raise ValueError(f"unfold: no window of {size} fits {H} x {W} pixels padded by {padding}")
    y = np.empty((N, C * R * S, P * Q), x.dtype)
    if y.size:
        parts = 1 if N * C >= FEW else R
        sizes = H, W, R, S, P, Q, *stride, *dilation, *padding, parts
        run(_unfold, x.dtype, N * C * parts, y.size >= GATE, _plain(x), y.reshape(-1), *sizes)
    return y


def fold(y: np.ndarray, space: Pair, size: Pair, stride: Pair, dilation: Pair, padding: Pair) -> np.ndarray:
    """The adjoint: columns y (N, C R S, P Q) added up into pictures (N, C, *space)."""
    (H, W), (R, S) = space, size
    N, C = y.shape[0], y.shape[1] // (R * S)
    P, Q = places(space, size, stride, dilation, padding)
    if min(P, Q) < 1 or y.shape[1:] != (C * R * S, P * Q):
        raise ValueError(f"fold: columns {y.shape} are not those of windows {size} at {P} x {Q} places")
    x = np.empty((N, C, H, W), y.dtype)
    if x.size:
        sizes = H, W, R, S, P, Q, *stride, *dilation, *padding
        run(_fold, y.dtype, N * C, y.size >= GATE, _plain(y), x.reshape(-1), *sizes)
    return x
