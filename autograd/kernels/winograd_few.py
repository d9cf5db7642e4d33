"""Winograd's weight gradient of few channels: the transformed tiles never leave the second-level cache.

With 16 and 32 channels the 36 points of a tile are as much work to write and to read as to multiply. Here a task
transforms a few tiles and multiplies them at once, and holds the sums of all points, which few channels make small
enough. `winograd.weight` has one task a part of the channels in place of one a piece of the tiles. Letters as in
`winograd`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from autograd.kernels.buffer import aligned
from autograd.kernels.compile import kernel
from autograd.kernels.conv_direct import run
from autograd.kernels.conv_simd import clear, scratch
from autograd.kernels.simd import LANES
from autograd.kernels.winograd import (
    KINDS,
    SIDE,
    Form,
    Pair,
    Target,
    Window,
    _plan,
    add_points,
    filter_sums,
    input_points,
    put_together,
    result_points,
)

NEAR = 1 << 17  # points of tiles that a task holds
SUMS = 1 << 16  # and of sums
PIECES = 8  # of the sum


@kernel
def gradient_pieces(first, last, kind, plan, rows, places, blocks, x, g, none, sums):
    """sums[piece, panel, part, e, c, k]: the sum over one piece of the tiles a task, TB of them at a time."""
    p = plan[0]
    P, TB, cb, E = p.P, p.TB, p.cb, p.nh * p.nw
    parts, ue = (p.depth + cb - 1) // cb, cb * P + LANES
    ve, ze = TB * parts * cb + LANES, TB * p.panels * P + LANES
    V, Z = scratch(E * ve, x), scratch(E * ze, x)
    own = p.panels * parts * E * ue
    for piece in range(first, last):
        clear(sums, piece * own, own)
        begin, end = piece * p.tiles // p.pieces, (piece + 1) * p.tiles // p.pieces
        for t in range(begin, end, TB):
            tiles = min(TB, end - t)
            input_points(kind, 0, tiles, t, plan, blocks, x, V, ve, TB * cb, cb)
            result_points(kind, 0, tiles, t, plan, g, Z, ze)
            for panel in range(p.panels):
                for part in range(parts):
                    u = piece * own + (panel * parts + part) * E * ue
                    add_points(
                        kind, plan, rows, places, blocks, V, Z, tiles, panel, part, 0, E, sums, u, True
                    )  # fmt: skip


def suits(form: Form, w_shape: tuple[int, ...], pixels: int) -> bool:
    """Whether the sums stay in the cache and the points of all tiles would not."""
    K, C, R, S = w_shape
    depth = C * -(-R // form.down.r) * -(-S // form.across.r)
    points = form.points * pixels // (form.down.m * form.across.m) * (depth + K)
    return form.points * depth * K <= SUMS and points > 16 * NEAR


def weight(
    form: Form, g: np.ndarray, x: np.ndarray, shape: tuple[int, int, int, int], out: tuple[int, int, int],
    w_shape: tuple[int, int, int, int], window: Window,
) -> np.ndarray:  # fmt: skip
    """`winograd.weight`, piece by piece."""
    r: Pair = w_shape[2:]
    plan, _, _, blocks = _plan(shape, out, r, window, Target(out), False, False, form, 1)
    plan = plan[:1].copy()
    p = plan[0]
    p["panels"] = panels = -(-out[2] // int(p["P"]))
    P, T, E, depth = int(p["P"]), int(p["tiles"]), form.points, int(p["depth"])
    cb = min(SIDE, -(-depth // LANES) * LANES)
    across, pieces = -(-depth // cb), min(PIECES, T)
    p["cb"], p["pieces"], p["start"] = cb, pieces, 0
    p["TB"] = max(16, NEAR // (E * (across * cb + panels * P)))
    kind, rows = KINDS[form, P // LANES], np.arange(cb)
    every: Any = aligned(pieces * panels * across * E * (cb * P + LANES), np.float32)
    run(gradient_pieces, pieces, True, kind, plan, rows, rows * P, blocks, x, g, g, every)
    sums = every.reshape(pieces, -1).sum(axis=0)
    gw = np.empty(out[2] * depth * form.down.r * form.across.r, np.float32)
    run(filter_sums, panels * across, True, kind, plan, rows, rows * P, blocks, x, g, sums, gw)
    if (r, window.stride) != form.whole:
        return put_together(gw, w_shape, form, window.stride)
    return gw.reshape(w_shape)
