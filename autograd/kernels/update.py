"""The optimizers' updates, each one pass over a parameter, its gradient and its state, all in place.

Every function takes lists, one array a parameter: a serial kernel call costs less than collecting addresses for one
call over all of them would. The formulas are torch's single-tensor ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numba import prange

from .compile import kernel
from .view import part

GATE = 1 << 14  # elements below which a parallel launch costs more than it saves
STEP = 1 << 13  # elements a piece

Arrays = Sequence[np.ndarray]

# p parameter, g gradient; elements i0 to i1 of flat arrays. An empty state array is one that the settings do not use.


@kernel(fastmath={"contract"})
def _sgd_piece(p, g, b, lr, keep, take, nesterov, decay, sign):
    kind = p.dtype.type
    lr, keep, take, nesterov, decay, sign = kind(lr), kind(keep), kind(take), kind(nesterov), kind(decay), kind(sign)
    if b.size:
        for i in range(p.size):
            d = sign * g[i] + decay * p[i]
            v = keep * b[i] + take * d
            b[i] = v
            p[i] -= lr * (d + nesterov * v if nesterov > 0 else v)
    else:
        for i in range(p.size):
            p[i] -= lr * (sign * g[i] + decay * p[i])


@kernel(parallel=True)
def _sgd_parallel(p, g, b, lr, keep, take, nesterov, decay, sign, n):
    for k in prange((n + STEP - 1) // STEP):
        i, j = k * STEP, min(n, (k + 1) * STEP)
        _sgd_piece(
            part(p, i, j), part(g, i, j), part(b, min(i, b.size), min(j, b.size)), lr, keep, take, nesterov, decay, sign
        )


@kernel(fastmath={"contract"})
def _adam_piece(p, g, m, v, top, shrink, decay, sign, c1, b2, c2, eps, root, step):
    kind = p.dtype.type
    shrink, decay, sign, c1 = kind(shrink), kind(decay), kind(sign), kind(c1)
    b2, c2, eps, root, step = kind(b2), kind(c2), kind(eps), kind(root), kind(step)
    if top.size:
        for i in range(p.size):
            d = sign * g[i] + decay * p[i]
            m[i] += (d - m[i]) * c1
            s = v[i] * b2 + c2 * d * d
            v[i] = s
            t = top[i] if top[i] > s else s
            top[i] = t
            p[i] = p[i] * shrink - step * (m[i] / (np.sqrt(t) / root + eps))
    else:
        for i in range(p.size):
            d = sign * g[i] + decay * p[i]
            a = m[i] + (d - m[i]) * c1
            m[i] = a
            s = v[i] * b2 + c2 * d * d
            v[i] = s
            p[i] = p[i] * shrink - step * (a / (np.sqrt(s) / root + eps))


@kernel(parallel=True)
def _adam_parallel(p, g, m, v, top, shrink, decay, sign, c1, b2, c2, eps, root, step, n):
    for k in prange((n + STEP - 1) // STEP):
        i, j = k * STEP, min(n, (k + 1) * STEP)
        _adam_piece(
            part(p, i, j),
            part(g, i, j),
            part(m, i, j),
            part(v, i, j),
            part(top, min(i, top.size), min(j, top.size)),
            shrink,
            decay,
            sign,
            c1,
            b2,
            c2,
            eps,
            root,
            step,
        )


@kernel(fastmath={"contract"})
def _rms_piece(p, g, s, mean, b, lr, alpha, rest, eps, inside, momentum, decay, sign):
    kind = p.dtype.type
    lr, alpha, rest, momentum, decay, sign = kind(lr), kind(alpha), kind(rest), kind(momentum), kind(decay), kind(sign)
    within, outside = kind(eps if inside else 0), kind(0 if inside else eps)
    for i in range(p.size):
        d = sign * g[i] + decay * p[i]
        q = alpha * s[i] + rest * d * d
        s[i] = q
        if mean.size:
            a = mean[i] + (d - mean[i]) * rest
            mean[i] = a
            q = max(q - a * a, kind(0))
        d /= np.sqrt(q + within) + outside
        if b.size:
            d += momentum * b[i]
            b[i] = d
        p[i] -= lr * d


@kernel(parallel=True)
def _rms_parallel(p, g, s, mean, b, lr, alpha, rest, eps, inside, momentum, decay, sign, n):
    for k in prange((n + STEP - 1) // STEP):
        i, j = k * STEP, min(n, (k + 1) * STEP)
        _rms_piece(
            part(p, i, j),
            part(g, i, j),
            part(s, i, j),
            part(mean, min(i, mean.size), min(j, mean.size)),
            part(b, min(i, b.size), min(j, b.size)),
            lr,
            alpha,
            rest,
            eps,
            inside,
            momentum,
            decay,
            sign,
        )


@kernel(fastmath={"contract", "reassoc"})
def _squares_piece(x, sums, k):
    s = 0.0
    for i in range(x.size):
        v = float(x[i])
        s += v * v
    sums[k] = s


@kernel(parallel=True)
def _squares_parallel(x, sums, n):
    for k in prange((n + STEP - 1) // STEP):
        _squares_piece(part(x, k * STEP, min(n, (k + 1) * STEP)), sums, k)


def _update(serial: Any, parallel: Any, p: np.ndarray, g: np.ndarray, states: tuple[Any, ...], *numbers: Any) -> None:
    """Run a kernel on flat views of p, g and the states (None: not used), in p's memory order."""
    held = [p if a is None else a for a in states]
    if p.flags.c_contiguous and g.flags.c_contiguous and all(a.flags.c_contiguous for a in held):
        arrays = [p.reshape(-1), g.reshape(-1)]
        arrays += [np.empty(0, p.dtype) if a is None else a.reshape(-1) for a in states]
    else:
        order = sorted(range(p.ndim), key=lambda axis: -p.strides[axis])
        moved = [a if a is None else a.transpose(order) for a in (p, g, *states)]
        arrays = [np.empty(0, p.dtype) if a is None else np.ascontiguousarray(a).reshape(-1) for a in moved]
    if p.size < GATE:
        serial(*arrays, *numbers)
    else:
        parallel(*arrays, *numbers, p.size)
    for k, a in enumerate((p, None, *states)):
        if a is not None and not np.may_share_memory(a, arrays[k]):
            np.copyto(moved[k], arrays[k].reshape(moved[k].shape))


def sgd(
    params: Arrays,
    grads: Arrays,
    buffers: Sequence[np.ndarray | None],
    lr: float,
    momentum: float = 0.0,
    dampening: float = 0.0,
    weight_decay: float = 0.0,
    nesterov: bool = False,
    maximize: bool = False,
    first: bool = False,
) -> None:
    """Stochastic gradient descent with momentum (Sutskever et al. 2013), as torch.optim.SGD.

    buffers: the momenta (zeros before the first step), or None for each without momentum. first: the momenta start as
    the gradients themselves, undamped.
    """
    keep, take = (0.0, 1.0) if first else (momentum, 1 - dampening)
    numbers = lr, keep, take, momentum if nesterov else 0.0, weight_decay, -1.0 if maximize else 1.0
    for p, g, b in zip(params, grads, buffers, strict=True):
        _update(_sgd_piece, _sgd_parallel, p, g, (b,), *numbers)


def adam(
    params: Arrays,
    grads: Arrays,
    means: Arrays,
    squares: Arrays,
    tops: Sequence[np.ndarray | None] | None,
    step: int,
    lr: float,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-8,
    weight_decay: float = 0.0,
    decoupled: bool = False,
    maximize: bool = False,
) -> None:
    """Adam (Kingma and Ba, https://arxiv.org/abs/1412.6980), as torch.optim.Adam; decoupled: AdamW's weight decay.

    step counts from 1. tops: the largest squares so far (amsgrad), or None.
    """
    b1, b2 = betas
    shrink, decay = (1 - lr * weight_decay, 0.0) if decoupled else (1.0, weight_decay)
    numbers = shrink, decay, -1.0 if maximize else 1.0, 1 - b1, b2, 1 - b2, eps
    corrected = (1 - b2**step) ** 0.5, lr / (1 - b1**step)
    for p, g, m, v, top in zip(params, grads, means, squares, tops or [None] * len(params), strict=True):
        _update(_adam_piece, _adam_parallel, p, g, (m, v, top), *numbers, *corrected)


def rmsprop(
    params: Arrays,
    grads: Arrays,
    squares: Arrays,
    means: Sequence[np.ndarray | None],
    buffers: Sequence[np.ndarray | None],
    lr: float,
    alpha: float = 0.99,
    eps: float = 1e-8,
    weight_decay: float = 0.0,
    momentum: float = 0.0,
    maximize: bool = False,
    eps_inside: bool = False,
) -> None:
    """RMSprop (Hinton's lecture 6), as torch.optim.RMSprop; eps_inside: sqrt(square + eps) for sqrt(square) + eps.

    means: running means of the gradient (centered), or None for each; buffers: the momenta, or None for each.
    """
    numbers = lr, alpha, 1 - alpha, eps, eps_inside, momentum, weight_decay, -1.0 if maximize else 1.0
    for p, g, s, mean, b in zip(params, grads, squares, means, buffers, strict=True):
        _update(_rms_piece, _rms_parallel, p, g, (s, mean, b), *numbers)


def sum_of_squares(arrays: Arrays) -> float:
    """The sum of the squares of all elements, in float64, added in an order that only the shapes decide."""
    total = 0.0
    for x in arrays:
        order = sorted(range(x.ndim), key=lambda axis: -x.strides[axis])
        flat = np.ascontiguousarray(x if x.flags.c_contiguous else x.transpose(order)).reshape(-1)
        sums = np.empty(-(-x.size // STEP))
        if x.size < GATE:
            for k in range(sums.size):
                _squares_piece(flat[k * STEP : (k + 1) * STEP], sums, k)
        else:
            _squares_parallel(flat, sums, x.size)
        total += float(sums.sum())
    return total
