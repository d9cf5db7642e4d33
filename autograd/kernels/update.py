"""The optimizers' updates, each one pass over a parameter, its gradient and its state, all in place.

Every function takes lists, one array a parameter. The small parameters of a group are one kernel call, which finds them
by their addresses: collected once, in a `Held`. The formulas are torch's single-tensor ones.

held: kept by the caller from step to step, saves time. maximize: the gradient's sign is turned. step counts from 1.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from operator import is_
from typing import Any

import numpy as np

from .compile import kernel
from .maps import specialised
from .threads import run
from .view import located, part

GATE = 1 << 16  # elements below which a parallel launch costs more than it saves
SMALL = 1 << 14  # elements below which a parameter is updated together with others
STEP = 1 << 13  # elements a piece

Arrays = Sequence[np.ndarray]
State = Sequence[np.ndarray | None]

# p parameter, g gradient, s, t, u its state; all flat. An empty state array is one that the settings do not use.


@kernel
def _piece_of(a, k):
    """Piece k of a flat array; of an empty one, nothing."""
    return part(a, min(k * STEP, a.size), min((k + 1) * STEP, a.size))


NUMBERS = 0


def APPLY(*arguments: Any) -> None:
    """A rule's update of one piece."""
    raise NotImplementedError("only inside kernels")


def _pieces(k0, k1, p, g, s, t, u, numbers):  # type: ignore[no-untyped-def]
    for k in range(k0, k1):
        APPLY(_piece_of(p, k), _piece_of(g, k), _piece_of(s, k), _piece_of(t, k), _piece_of(u, k), numbers)


def _table(table, g, n):  # type: ignore[no-untyped-def]
    """A row of the table for each parameter: where its gradient starts in g, its size, and the addresses of the parameter
    and its state, 0 for none."""
    numbers = (n[0], n[1], n[2], n[3], n[4], n[5], n[6], n[7], n[8], n[9])[:NUMBERS]
    for start, size, p, s, t, u in table:
        state = located(g, s, size if s else 0), located(g, t, size if t else 0), located(g, u, size if u else 0)
        APPLY(located(g, p, size), part(g, start, start + size), *state, numbers)


@kernel(fastmath={"contract", "reassoc"})
def _squares(k0, k1, x, sums):
    for k in range(k0, k1):
        s, piece = 0.0, _piece_of(x, k)
        for i in range(piece.size):
            v = np.float64(piece[i])
            s += v * v
        sums[k] = s


class Held:
    """The arrays that the last call updated, and the table of the small ones, good while they are the same arrays."""

    def __init__(self) -> None:
        self.arrays: list[np.ndarray | None] = []
        self.small: list[tuple[list[int], np.ndarray, np.ndarray]] = []  # of each dtype: which, table, gradients
        self.large: list[int] = []

    def __reduce__(self) -> tuple[Any, ...]:
        return Held, ()  # a copy's arrays lie elsewhere

    def take(self, columns: tuple[State, ...]) -> None:
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
                    places = [0 if a is None else a.ctypes.data for a in (p, *state)]
                    table.append((start, p.size, *places, *[0] * (4 - len(places))))
                    start += p.size
                else:
                    self.large.append(k)
            if chosen:
                self.small.append((chosen, np.array(table, np.int64), np.empty(start, dtype)))


_NONE = {np.dtype(kind): np.empty(0, kind) for kind in (np.float32, np.float64)}


class Rule:
    """A function of pieces (p, g, s, t, u, numbers), run on every parameter of a list. Made by `rule`."""

    def __init__(self, function: Any, numbers: int) -> None:
        self.function, self.numbers = kernel(fastmath={"contract"})(function), numbers

    @cached_property
    def pieces(self) -> Any:
        """Made when it is first called, for that takes milliseconds."""
        return specialised(_pieces, self.function, self.numbers)

    @cached_property
    def table(self) -> Any:
        return specialised(_table, self.function, self.numbers)

    def __call__(
        self, params: Arrays, grads: Arrays, state: Sequence[State], numbers: Sequence[float], held: Held | None
    ) -> None:
        """state: up to three kinds, of each an array or None a parameter; numbers: as many as the function reads."""
        held = Held() if held is None else held
        held.take((params, *state))
        for chosen, table, g in held.small:
            np.concatenate([grads[k] for k in chosen], axis=None, out=g)
            self.table(table, g, np.array([*numbers, *[0.0] * (10 - self.numbers)], g.dtype))
        for k in held.large:
            self._large(params[k], (params[k], grads[k], *[kind[k] for kind in state]), numbers)

    def _large(self, p: np.ndarray, arrays: tuple[np.ndarray | None, ...], numbers: Sequence[float]) -> None:
        """Run on flat views of (parameter, gradient, *state), in the parameter's memory order."""
        none = _NONE[p.dtype]
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
        flat += [none] * (5 - len(flat))
        scalars = tuple(np.array(numbers, p.dtype))
        run(self.pieces, p.dtype, -(-p.size // STEP), p.size >= GATE, *flat, scalars)
        for moved, dense in copied:
            np.copyto(moved, dense)


def rule(numbers: int) -> Callable[[Any], Rule]:
    """Make a `Rule` of the function below, which reads so many numbers, 10 at most."""
    return lambda function: Rule(function, numbers)


# ---- the rules: with the gradient's sign, and decay * p added to it; shrink multiplies p, for decoupled decay


@rule(6)
def _sgd(p, g, b, _t, _u, numbers):
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


@rule(9)
def _adam(p, g, m, v, top, numbers):
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


@rule(9)
def _rmsprop(p, g, s, mean, b, numbers):
    lr, alpha, rest, within, outside, momentum, decay, sign, zero = numbers
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


@rule(4)
def _adagrad(p, g, s, _t, _u, numbers):
    rate, eps, decay, sign = numbers
    for i in range(p.size):
        d = sign * g[i] + decay * p[i]
        q = s[i] + d * d
        s[i] = q
        p[i] -= rate * d / (np.sqrt(q) + eps)


@rule(6)
def _adadelta(p, g, s, u, _u, numbers):
    lr, rho, rest, eps, decay, sign = numbers
    for i in range(p.size):
        d = sign * g[i] + decay * p[i]
        q = rho * s[i] + rest * d * d
        s[i] = q
        d *= np.sqrt(u[i] + eps) / np.sqrt(q + eps)
        u[i] = rho * u[i] + rest * d * d
        p[i] -= lr * d


@rule(6)
def _adamax(p, g, m, top, _u, numbers):
    rate, c1, b2, eps, decay, sign = numbers
    for i in range(p.size):
        d = sign * g[i] + decay * p[i]
        a = m[i] + (d - m[i]) * c1
        m[i] = a
        old, new = top[i] * b2, abs(d) + eps
        q = old if old > new or old != old else new  # NaN stays
        top[i] = q
        p[i] -= rate * (a / q)


@rule(10)
def _nadam(p, g, m, v, _u, numbers):
    shrink, decay, sign, c1, b2, c2, eps, root, of_g, of_m = numbers
    for i in range(p.size):
        d = sign * g[i] + decay * p[i]
        a = m[i] + (d - m[i]) * c1
        m[i] = a
        s = v[i] * b2 + c2 * d * d
        v[i] = s
        p[i] = p[i] * shrink - (of_g * d + of_m * a) / (np.sqrt(s) * root + eps)


@rule(9)
def _radam(p, g, m, v, _u, numbers):
    shrink, decay, sign, c1, b2, c2, eps, rate, rectified = numbers
    for i in range(p.size):
        d = sign * g[i] + decay * p[i]
        a = m[i] + (d - m[i]) * c1
        m[i] = a
        s = v[i] * b2 + c2 * d * d
        v[i] = s
        p[i] = p[i] * shrink - rate * (a / (np.sqrt(s) + eps) if rectified > 0 else a)


@rule(6)
def _rprop(p, g, old, size, _u, numbers):
    shrink, grow, low, high, sign, zero = numbers
    for i in range(p.size):
        d = sign * g[i]
        agreement, step = d * old[i], size[i]
        step = step * grow if agreement > 0 else step * shrink if agreement < 0 else step
        step = low if step < low else high if step > high else step
        size[i] = step
        d = zero if agreement < 0 else d
        old[i] = d
        p[i] -= step if d > 0 else -step if d < 0 else d * step  # 0, or NaN


@rule(5)
def _asgd(p, g, mean, _t, _u, numbers):
    shrink, eta, mu, decay, sign = numbers
    for i in range(p.size):
        d = sign * g[i] + decay * p[i]
        x = p[i] * shrink - eta * d
        p[i] = x
        mean[i] = mean[i] + mu * (x - mean[i]) if mu != 1 else x


def _sign(maximize: bool) -> float:
    return -1.0 if maximize else 1.0


def _decays(lr: float, weight_decay: float, decoupled: bool) -> tuple[float, float]:
    """What the parameter is multiplied by, and what of it is added to the gradient."""
    return (1 - lr * weight_decay, 0.0) if decoupled else (1.0, weight_decay)


def sgd(
    params: Arrays,
    grads: Arrays,
    buffers: State,
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
    the gradients themselves, undamped.
    """
    keep, take = (0.0, 1.0) if first else (momentum, 1 - dampening)
    numbers = lr, keep, take, momentum if nesterov else 0.0, weight_decay, _sign(maximize)
    _sgd(params, grads, (buffers,), numbers, held)


def adam(
    params: Arrays,
    grads: Arrays,
    means: Arrays,
    squares: Arrays,
    tops: State | None,
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

    tops: the largest squares so far (amsgrad), or None.
    """
    b1, b2 = betas
    # a reciprocal: the loop's time is that of its divisions and roots
    root, rate = (1 - b2**step) ** -0.5, lr / (1 - b1**step)
    numbers = (*_decays(lr, weight_decay, decoupled), _sign(maximize), 1 - b1, b2, 1 - b2, eps, root, rate)
    _adam(params, grads, (means, squares) if tops is None else (means, squares, tops), numbers, held)


def rmsprop(
    params: Arrays,
    grads: Arrays,
    squares: Arrays,
    means: State,
    buffers: State,
    lr: float,
    alpha: float = 0.99,
    eps: float = 1e-8,
    weight_decay: float = 0.0,
    momentum: float = 0.0,
    maximize: bool = False,
    eps_inside: bool = False,
    held: Held | None = None,
) -> None:
    """RMSprop (Hinton's lecture 6), as torch.optim.RMSprop; eps_inside: sqrt(square + eps) for sqrt(square) + eps.

    means: running means of the gradient (centered), or None for each; buffers: the momenta, or None for each.
    """
    within, outside = (eps, 0.0) if eps_inside else (0.0, eps)
    numbers = lr, alpha, 1 - alpha, within, outside, momentum, weight_decay, _sign(maximize), 0.0
    _rmsprop(params, grads, (squares, means, buffers), numbers, held)


def adagrad(
    params: Arrays,
    grads: Arrays,
    sums: Arrays,
    step: int,
    lr: float,
    lr_decay: float = 0.0,
    eps: float = 1e-10,
    weight_decay: float = 0.0,
    maximize: bool = False,
    held: Held | None = None,
) -> None:
    """Adagrad (Duchi, Hazan and Singer, https://jmlr.org/papers/v12/duchi11a.html); sums: of the squares so far."""
    numbers = lr / (1 + (step - 1) * lr_decay), eps, weight_decay, _sign(maximize)
    _adagrad(params, grads, (sums,), numbers, held)


def adadelta(
    params: Arrays,
    grads: Arrays,
    squares: Arrays,
    steps: Arrays,
    lr: float,
    rho: float = 0.9,
    eps: float = 1e-6,
    weight_decay: float = 0.0,
    maximize: bool = False,
    held: Held | None = None,
) -> None:
    """Adadelta (Zeiler, https://arxiv.org/abs/1212.5701); squares, steps: running means of g^2 and of the squared steps."""
    _adadelta(params, grads, (squares, steps), (lr, rho, 1 - rho, eps, weight_decay, _sign(maximize)), held)


def adamax(
    params: Arrays,
    grads: Arrays,
    means: Arrays,
    tops: Arrays,
    step: int,
    lr: float,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-8,
    weight_decay: float = 0.0,
    maximize: bool = False,
    held: Held | None = None,
) -> None:
    """Adamax (Kingma and Ba, https://arxiv.org/abs/1412.6980, section 7); tops: the fading largest |g|."""
    b1, b2 = betas
    numbers = lr / (1 - b1**step), 1 - b1, b2, eps, weight_decay, _sign(maximize)
    _adamax(params, grads, (means, tops), numbers, held)


def nadam(
    params: Arrays,
    grads: Arrays,
    means: Arrays,
    squares: Arrays,
    step: int,
    mu: float,
    mu_next: float,
    mu_product: float,
    lr: float,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-8,
    weight_decay: float = 0.0,
    decoupled: bool = False,
    maximize: bool = False,
    held: Held | None = None,
) -> None:
    """NAdam (Dozat 2016); mu, mu_next: the momentum at this step and the next; mu_product: of all up to this step."""
    b1, b2 = betas
    of_g, of_m = lr * (1 - mu) / (1 - mu_product), lr * mu_next / (1 - mu_product * mu_next)
    root = (1 - b2**step) ** -0.5
    numbers = (*_decays(lr, weight_decay, decoupled), _sign(maximize), 1 - b1, b2, 1 - b2, eps, root, of_g, of_m)
    _nadam(params, grads, (means, squares), numbers, held)


def radam(
    params: Arrays,
    grads: Arrays,
    means: Arrays,
    squares: Arrays,
    step: int,
    lr: float,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-8,
    weight_decay: float = 0.0,
    decoupled: bool = False,
    maximize: bool = False,
    held: Held | None = None,
) -> None:
    """RAdam (Liu et al., https://arxiv.org/abs/1908.03265)."""
    b1, b2 = betas
    rate, rectified, longest = lr / (1 - b1**step), 0.0, 2 / (1 - b2) - 1
    length = longest - 2 * step * b2**step / (1 - b2**step)  # of the approximated simple moving average
    if length > 5:
        rectified = ((length - 4) * (length - 2) * longest / ((longest - 4) * (longest - 2) * length)) ** 0.5
        rate *= rectified * (1 - b2**step) ** 0.5
    numbers = (*_decays(lr, weight_decay, decoupled), _sign(maximize), 1 - b1, b2, 1 - b2, eps, rate, rectified)
    _radam(params, grads, (means, squares), numbers, held)


def rprop(
    params: Arrays,
    grads: Arrays,
    before: Arrays,
    sizes: Arrays,
    etas: tuple[float, float] = (0.5, 1.2),
    step_sizes: tuple[float, float] = (1e-6, 50.0),
    maximize: bool = False,
    held: Held | None = None,
) -> None:
    """Rprop (Riedmiller and Braun 1993); before: the last gradients, 0 where the sign had changed; sizes: of the steps."""
    _rprop(params, grads, (before, sizes), (*etas, *step_sizes, _sign(maximize), 0.0), held)


def asgd(
    params: Arrays,
    grads: Arrays,
    averages: Arrays,
    eta: float,
    mu: float,
    lambd: float = 1e-4,
    weight_decay: float = 0.0,
    maximize: bool = False,
    held: Held | None = None,
) -> None:
    """Averaged SGD (Polyak and Juditsky 1992); eta: this step's rate; mu: the newest parameter's part of the average."""
    numbers = 1 - lambd * eta, eta, mu, weight_decay, _sign(maximize)
    _asgd(params, grads, (averages,), numbers, held)


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
