"""Group normalisation, of which instance normalisation is the case of one channel a group, forward and backward.

Wu and He, https://arxiv.org/abs/1803.08494. In the memory order that the input has: channels-last, or plane by plane.
Gradients follow from gx = scale g + slope (mean - x) + shift, as for batch norm (`norm`).
"""

from __future__ import annotations

import numpy as np

from .compile import kernel
from .norm import NO_BITS, _apply_piece, _channel, _input_piece, _moments_piece, _sums_piece
from .pool import channels_first, channels_last
from .threads import run
from .view import part

GATE = 1 << 14  # elements below which a parallel launch costs more than it saves
BLOCK = 4096  # elements summed in the array's own precision before they join a float64 total

# N images of C channels in G groups of D = C / G, S places each; mean and rstd (N G), weight and bias (C), flat. `sums`,
# float64 (N, 2, C), holds each image's sums of g and of g (x - mean).


@kernel(fastmath={"contract", "reassoc"})
def _sum(x):
    s = x.dtype.type(0)
    for i in range(x.size):
        s += x[i]
    return s


@kernel(fastmath={"contract", "reassoc"})
def _deviation(x, m):
    """The sums of x - m and of its square."""
    s, q = x.dtype.type(0), x.dtype.type(0)
    for i in range(x.size):
        d = x[i] - m
        s += d
        q += d * d
    return s, q


@kernel(fastmath={"contract", "reassoc"})
def _product(g, x, m):
    """The sums of g and of g (x - m)."""
    s, q = x.dtype.type(0), x.dtype.type(0)
    for i in range(x.size):
        s += g[i]
        q += g[i] * (x[i] - m)
    return s, q


@kernel(fastmath={"contract"})
def _planes(first, last, x, y, weight, bias, mean, rstd, G, D, S, eps):
    """x, y (N, C, S): groups first..last of all N G, in whole planes."""
    L = D * S
    for r in range(first, last):
        row, s, q = part(x, r * L, (r + 1) * L), 0.0, 0.0
        for i in range(0, L, BLOCK):
            s += _sum(part(row, i, min(L, i + BLOCK)))
        m = x.dtype.type(s / L)
        s = 0.0
        for i in range(0, L, BLOCK):
            some, more = _deviation(part(row, i, min(L, i + BLOCK)), m)
            s += some
            q += more
        m += x.dtype.type(s / L)
        a = x.dtype.type(1 / np.sqrt(max(q - s * s / L, 0.0) / L + eps))
        mean[r], rstd[r] = m, a
        for d in range(D):
            c, i = r % G * D + d, r * L + d * S
            xs, ys, scale, shift = part(x, i, i + S), part(y, i, i + S), a * weight[c], bias[c]
            for k in range(S):
                ys[k] = (xs[k] - m) * scale + shift


@kernel(fastmath={"contract"})
def _planes_back(first, last, g, x, gx, weight, mean, rstd, sums, G, D, S):
    """The gradient of `_planes` in x, and the sums."""
    L, C = D * S, G * D
    for r in range(first, last):
        n, m, a, total, product = r // G, mean[r], rstd[r], 0.0, 0.0
        for d in range(D):
            c, i, s, q = r % G * D + d, r * L + d * S, 0.0, 0.0
            for k in range(0, S, BLOCK):
                e = min(S, k + BLOCK)
                some, more = _product(part(g, i + k, i + e), part(x, i + k, i + e), m)
                s += some
                q += more
            sums[2 * n * C + c], sums[(2 * n + 1) * C + c] = s, q
            total += s * weight[c]
            product += q * weight[c]
        slope, shift = x.dtype.type(product * a * a * a / L), x.dtype.type(-total * a / L)
        for d in range(D):
            i, scale = r * L + d * S, a * weight[r % G * D + d]
            gs, xs, out = part(g, i, i + S), part(x, i, i + S), part(gx, i, i + S)
            for k in range(S):
                out[k] = gs[k] * scale + ((m - xs[k]) * slope + shift)


@kernel
def _images(first, last, x, y, none, bits, mean, scale, bias, C, S):
    """x, y (N, S, C), mean and scale (N, C): images first..last."""
    for n in range(first, last):
        i, j, c, d = n * S * C, (n + 1) * S * C, n * C, (n + 1) * C
        _apply_piece(
            0, 1, part(x, i, j), part(y, i, j), none, part(mean, c, d), part(scale, c, d), bias, False, bits, C, S, S
        )


@kernel
def _images_back(first, last, g, x, gx, none, weight, mean, rstd, sums, G, D, S):
    """The gradient of `_images` in x, and the sums."""
    C = G * D
    for n in range(first, last):
        i, j = n * S * C, (n + 1) * S * C
        middle, scale, slope, shift = (
            np.empty(C, x.dtype),
            np.empty(C, x.dtype),
            np.empty(C, x.dtype),
            np.empty(C, x.dtype),
        )
        for c in range(C):
            middle[c] = mean[n * G + c // D]
        gs, xs, of = part(g, i, j), part(x, i, j), part(sums, 2 * n * C, 2 * (n + 1) * C)
        _sums_piece(0, 1, gs, C, xs, none, middle, of, C, S, S)
        for group in range(G):
            total, product, a = 0.0, 0.0, np.float64(rstd[n * G + group])
            for c in range(group * D, (group + 1) * D):
                total += of[c] * weight[c]
                product += of[C + c] * weight[c]
            for c in range(group * D, (group + 1) * D):
                scale[c] = a * weight[c]
                slope[c] = product * a * a * a / (D * S)
                shift[c] = -total * a / (D * S)
        _input_piece(0, 1, gs, C, xs, none, part(gx, i, j), middle, scale, slope, shift, C, S, S)


def _by_planes(x: np.ndarray) -> bool:
    """Whether x (N, C, S) is to be taken plane by plane."""
    return not x.transpose(0, 2, 1).flags.c_contiguous


def group_norm(
    x: np.ndarray, weight: np.ndarray | None, bias: np.ndarray | None, groups: int, eps: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """x (N, C, S) normalised group by group, times weight (C,), plus bias (C,): y, and mean and 1/std (N, groups).

    y has x's memory order, plane by plane or channels-last. x is not empty.
    """
    N, C, S = x.shape
    D = C // groups
    weight, bias = _channel(weight, C, 1, x.dtype), _channel(bias, C, 0, x.dtype)
    mean, rstd = np.empty((2, N, groups), x.dtype)
    if _by_planes(x):
        x = np.ascontiguousarray(x)
        y = np.empty(x.shape, x.dtype)
        arrays = x.reshape(-1), y.reshape(-1), weight, bias, mean.reshape(-1), rstd.reshape(-1)
        run(_planes, x.dtype, N * groups, x.size >= GATE, *arrays, groups, D, S, float(eps))
        return y, mean, rstd
    last = channels_last(x)
    sums = np.empty((N, 2, C))
    run(_moments_piece, x.dtype, N, x.size >= GATE, last.reshape(-1), sums.reshape(-1), C, N * S, S)
    means = sums[:, 0].reshape(N, groups, D)
    middle = means.mean(2, keepdims=True)
    square = sums[:, 1].reshape(N, groups, D).sum(2) + S * ((means - middle) ** 2).sum(2)
    mean[:], rstd[:] = middle[:, :, 0], 1 / np.sqrt(square / (D * S) + eps)
    each, scale = np.repeat(mean, D, 1), np.repeat(rstd, D, 1) * weight
    out = np.empty(last.shape, x.dtype)
    none = np.empty(0, x.dtype)
    flats = last.reshape(-1), out.reshape(-1), none, NO_BITS, each.reshape(-1), scale.reshape(-1), bias
    run(_images, x.dtype, N, x.size >= GATE, *flats, C, S)
    return channels_first(out), mean, rstd


def group_norm_backward(
    g: np.ndarray, x: np.ndarray, weight: np.ndarray | None, mean: np.ndarray, rstd: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Gradients of `group_norm` in x (N, C, S), weight and bias (C,)."""
    N, C, S = x.shape
    G = mean.shape[1]
    sizes = G, C // G, S
    moments = _channel(weight, C, 1, x.dtype), mean.reshape(-1), rstd.reshape(-1)
    sums = np.empty((N, 2, C))
    if _by_planes(x):
        g, x = np.ascontiguousarray(g), np.ascontiguousarray(x)
        gx = np.empty(x.shape, x.dtype)
        arrays = g.reshape(-1), x.reshape(-1), gx.reshape(-1), *moments, sums.reshape(-1)
        run(_planes_back, x.dtype, N * G, x.size >= GATE, *arrays, *sizes)
    else:
        g, x = channels_last(g), channels_last(x)
        out = np.empty(x.shape, x.dtype)
        ends = out.reshape(-1), np.empty(0, x.dtype)
        run(
            _images_back,
            x.dtype,
            N,
            x.size >= GATE,
            g.reshape(-1),
            x.reshape(-1),
            *ends,
            *moments,
            sums.reshape(-1),
            *sizes,
        )
        gx = channels_first(out)
    gb = sums[:, 0].sum(0)
    gw = (sums[:, 1].reshape(N, *sizes[:2]) * rstd[:, :, None]).sum(0).reshape(C)
    return gx, gw.astype(x.dtype), gb.astype(x.dtype)
