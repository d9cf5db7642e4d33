"""The optimizers' updates, each one pass over a parameter, its gradient and its state, all in place.

Every function takes lists, one array a parameter. For SGD and Adam the small parameters of a group are one kernel call,
which finds them by their addresses: collected once, in a `Held`. The formulas are torch's single-tensor ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import is_
from typing import Any

import numpy as np

from .compile import kernel
from .threads import run
from .view import located, part

GATE = 1 << 16  # elements below which a parallel launch costs more than it saves
SMALL = 1 << 14  # elements below which a parameter is updated together with others
STEP = 1 << 13  # elements a piece

Arrays = Sequence[np.ndarray]

# p parameter, g gradient; elements i0 to i1 of flat arrays. An empty state array is one that the settings do not use.


@kernel
def _piece_of(a, k):
    """Piece k of a flat array; of an empty one, nothing."""
    return part(a, min(k * STEP, a.size), min((k + 1) * STEP, a.size))


@kernel(fastmath={"contract"})
def _sgd_piece(p, g, b, numbers):
    lr, keep, take, nesterov, decay, sign = numbers
    if b.size:
        for i in range(p.size):
            d = sign * g[i] + decay * p[i]
            v = keep * b[i] + take * d
            b[i] = v
            p[i] -= lr * (d + nesterov * v if nesterov > 0 else v)
    else:
        for i in range(p.size):
            p[i] -= lr * (sign * g[i] + decay * p[i])


@kernel
def _sgd_pieces(k0, k1, p, g, b, numbers):
    for k in range(k0, k1):
        _sgd_piece(_piece_of(p, k), _piece_of(g, k), _piece_of(b, k), numbers)


# A table has a row for each parameter: where its gradient starts in g, its size, and the addresses of the parameter and
# its state, 0 for none.


@kernel
def _sgd_table(table, g, n):
    numbers = n[0], n[1], n[2], n[3], n[4], n[5]
    for start, size, p, b in table:
        state = located(g, b, size if b else 0)
        _sgd_piece(located(g, p, size), part(g, start, start + size), state, numbers)


@kernel(fastmath={"contract"})
def _adam_piece(p, g, m, v, top, numbers):
    shrink, decay, sign, c1, b2, c2, eps, root, step = numbers
    if top.size:
        for i in range(p.size):
            d = sign * g[i] + decay * p[i]
            a = m[i] + (d - m[i]) * c1
            m[i] = a
            s = v[i] * b2 + c2 * d * d
            v[i] = s
            s = top[i] if top[i] > s else s
            top[i] = s
            p[i] = p[i] * shrink - step * (a / (np.sqrt(s) * root + eps))
    else:
        for i in range(p.size):
            d = sign * g[i] + decay * p[i]
            a = m[i] + (d - m[i]) * c1
            m[i] = a
            s = v[i] * b2 + c2 * d * d
            v[i] = s
            p[i] = p[i] * shrink - step * (a / (np.sqrt(s) * root + eps))


@kernel
def _adam_pieces(k0, k1, p, g, m, v, top, numbers):
    for k in range(k0, k1):
        _adam_piece(_piece_of(p, k), _piece_of(g, k), _piece_of(m, k), _piece_of(v, k), _piece_of(top, k), numbers)


@kernel
def _adam_table(table, g, n):
    numbers = n[0], n[1], n[2], n[3], n[4], n[5], n[6], n[7], n[8]
    for start, size, p, m, v, top in table:
        state = located(g, m, size), located(g, v, size), located(g, top, size if top else 0)
        _adam_piece(located(g, p, size), part(g, start, start + size), *state, numbers)


@kernel(fastmath={"contract"})
def _rms_piece(p, g, s, mean, b, numbers):
    lr, alpha, rest, within, outside, momentum, decay, sign = numbers
    zero = p.dtype.type(0)
    for i in range(p.size):
        d = sign * g[i] + decay * p[i]
        q = alpha * s[i] + rest * d * d
        s[i] = q
        if mean.size:
            a = mean[i] + (d - mean[i]) * rest
            mean[i] = a
            q = max(q - a * a, zero)
        d /= np.sqrt(q + within) + outside
        if b.size:
            d += momentum * b[i]
            b[i] = d
        p[i] -= lr * d


@kernel
def _rms_pieces(k0, k1, p, g, s, mean, b, numbers):
    for k in range(k0, k1):
        _rms_piece(_piece_of(p, k), _piece_of(g, k), _piece_of(s, k), _piece_of(mean, k), _piece_of(b, k), numbers)


@kernel(fastmath={"contract", "reassoc"})
def _squares(k0, k1, x, sums):
    for k in range(k0, k1):
        s, piece = 0.0, _piece_of(x, k)
        for i in range(piece.size):
            v = np.float64(piece[i])
            s += v * v
        sums[k] = s


_NONE = {np.dtype(kind): np.empty(0, kind) for kind in (np.float32, np.float64)}


def _update(pieces: Any, arrays: tuple[np.ndarray | None, ...], numbers: np.ndarray) -> None:
    """Run a kernel on flat views of (parameter, gradient, *state), None: not used, in the parameter's memory order."""
    p = arrays[0]
    assert p is not None
    none = _NONE[p.dtype]
    scalars = tuple(numbers.astype(p.dtype))
    copied = []
    if all([a is None or a.flags.c_contiguous for a in arrays]):
        flat = [none if a is None else a.reshape(-1) for a in arrays]
    else:
        flat, order = [], sorted(range(p.ndim), key=lambda axis: -p.strides[axis])
        for k, a in enumerate(arrays):
            moved = none if a is None else a.transpose(order)
            dense = np.ascontiguousarray(moved)
            flat.append(dense.reshape(-1))
            if k != 1 and dense is not moved and dense.size:
                copied.append((moved, dense))
    run(pieces, p.dtype, -(-p.size // STEP), p.size >= GATE, *flat, scalars)
    for moved, dense in copied:
        np.copyto(moved, dense)


class Held:
    """The arrays that the last call updated, and the table of the small ones, good while they are the same arrays."""

    def __init__(self) -> None:
        self.arrays: list[np.ndarray | None] = []
        self.small: list[tuple[list[int], np.ndarray, np.ndarray]] = []  # of each dtype: which, table, gradients
        self.large: list[int] = []

    def __reduce__(self) -> tuple[Any, ...]:
        return Held, ()  # a copy's arrays lie elsewhere

    def take(self, columns: tuple[Sequence[np.ndarray | None], ...]) -> None:
        """Sort the parameters, the first column, and their state into small ones and others."""
        arrays = [a for column in columns for a in column]
        if len(arrays) == len(self.arrays) and all(map(is_, arrays, self.arrays)):
            return
        self.arrays, self.small, self.large = arrays, [], []
        for dtype in dict.fromkeys(p.dtype for p in columns[0] if p is not None):
            chosen, table, start = [], [], 0
            for k, (p, *state) in enumerate(zip(*columns, strict=True)):
                if p is None or p.dtype != dtype:
                    continue
                fits = [a is None or (a.flags.carray and a.dtype == dtype and a.size == p.size) for a in (p, *state)]
                if p.size < SMALL and all(fits):
                    chosen.append(k)
                    table.append((start, p.size, *[0 if a is None else a.ctypes.data for a in (p, *state)]))
                    start += p.size
                else:
                    self.large.append(k)
            if chosen:
                self.small.append((chosen, np.array(table, np.int64), np.empty(start, dtype)))


def _update_all(
    kernels: tuple[Any, Any],
    held: Held | None,
    grads: Arrays,
    columns: tuple[Sequence[np.ndarray | None], ...],
    numbers: list[float],
) -> None:
    """Run the (pieces, table) kernels for every parameter; columns: the parameters, then each kind of state."""
    held = Held() if held is None else held
    held.take(columns)
    for chosen, table, g in held.small:
        np.concatenate([grads[k] for k in chosen], axis=None, out=g)
        kernels[1](table, g, np.array(numbers, g.dtype))
    for k in held.large:
        p, *state = [column[k] for column in columns]
        _update(kernels[0], (p, grads[k], *state), np.array(numbers))


_SGD = _sgd_pieces, _sgd_table
_ADAM = _adam_pieces, _adam_table


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
    held: Held | None = None,
) -> None:
    """Stochastic gradient descent with momentum (Sutskever et al. 2013), as torch.optim.SGD.

    buffers: the momenta (zeros before the first step), or None for each without momentum. first: the momenta start as
    the gradients themselves, undamped. held: kept by the caller from step to step, saves time.
    """
    keep, take = (0.0, 1.0) if first else (momentum, 1 - dampening)
    sign = -1.0 if maximize else 1.0
    numbers = [lr, keep, take, momentum if nesterov else 0.0, weight_decay, sign]
    _update_all(_SGD, held, grads, (params, buffers), numbers)


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
    held: Held | None = None,
) -> None:
    """Adam (Kingma and Ba, https://arxiv.org/abs/1412.6980), as torch.optim.Adam; decoupled: AdamW's weight decay.

    step counts from 1. tops: the largest squares so far (amsgrad), or None. held: as for `sgd`.
    """
    b1, b2 = betas
    shrink, decay = (1 - lr * weight_decay, 0.0) if decoupled else (1.0, weight_decay)
    # a reciprocal: the loop's time is that of its divisions and roots
    root, rate, sign = (1 - b2**step) ** -0.5, lr / (1 - b1**step), -1.0 if maximize else 1.0
    numbers = [shrink, decay, sign, 1 - b1, b2, 1 - b2, eps, root, rate]
    _update_all(_ADAM, held, grads, (params, means, squares, tops or [None] * len(params)), numbers)


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
    within, outside = (eps, 0.0) if eps_inside else (0.0, eps)
    numbers = np.array([lr, alpha, 1 - alpha, within, outside, momentum, weight_decay, -1.0 if maximize else 1.0])
    for p, g, s, mean, b in zip(params, grads, squares, means, buffers, strict=True):
        _update(_rms_pieces, (p, g, s, mean, b), numbers)


def sum_of_squares(arrays: Arrays) -> float:
    """The sum of the squares of all elements, in float64, added in an order that only the shapes decide."""
    total = 0.0
    for x in arrays:
        order = sorted(range(x.ndim), key=lambda axis: -x.strides[axis])
        flat = np.ascontiguousarray(x if x.flags.c_contiguous else x.transpose(order)).reshape(-1)
        sums = np.empty(-(-x.size // STEP))
        run(_squares, x.dtype, sums.size, x.size >= GATE, flat, sums)
        total += float(sums.sum())
    return total
