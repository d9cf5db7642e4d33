"""Sums and inner products of rows named by index: sparse gradients and Word2Vec's losses, without a row a term.

A list of n terms names a row of one table and a row of another. `add_products` adds multiples of rows, `products` gives
inner products, `logistic_losses` the losses on them. Every row that is written has one owner, who adds its terms in the
list's order: the bits are the same on any number of threads.
"""

from __future__ import annotations

import numpy as np

from .compile import kernel
from .functions import exp
from .threads import run, threads_in_use
from .view import part

GATE = 1 << 18  # products of elements below which a parallel launch costs more than it saves
PIECES = 16

# n terms; x and y are tables of rows of D values, flat; x_at and y_at (n,) name a row of each.


@kernel(fastmath={"reassoc", "contract"})
def dot(x, y):
    """The inner product of two rows."""
    s = x.dtype.type(0)
    for d in range(x.size):
        s += x[d] * y[d]
    return s


@kernel(fastmath={"contract"})
def _add_multiple(out, factor, x):
    for d in range(out.size):
        out[d] += factor * x[d]


@kernel
def _products(k0, k1, x, x_at, y, y_at, out, D, step):
    for i in range(k0 * step, min(out.size, k1 * step)):
        a, b = x_at[i] * D, y_at[i] * D
        out[i] = dot(part(x, a, a + D), part(y, b, b + D))


@kernel
def _add_owned(o0, o1, out, put, factors, scale, x, take, D, owners):
    """out[put[i]] += scale factors[i] x[take[i]] for the rows of some of the owners; owners is a power of 2."""
    for owner in range(o0, o1):
        mine, found = np.empty(put.size, np.int64), 0
        for i in range(put.size):  # listed first, for a branch that no one can predict costs more than an addition
            mine[found] = i
            found += (put[i] >> 3) & (owners - 1) == owner  # eight rows in turn: neighbours share cache lines
        for k in range(found):
            i = mine[k]
            row = put[i] * D
            factor = scale * factors[i] if factors.size else scale
            t = (take[i] if take.size else i) * D
            _add_multiple(part(out, row, row + D), factor, part(x, t, t + D))


# P groups of terms: group p has the terms starts[p] to starts[p + 1], all with row rows[p] of x. signs: 1, -1, or 0 for a
# term that is left out.


@kernel(fastmath={"contract"})
def _slopes(signs, slopes, large, factor):
    """From inner products: log(1 + exp(-t)) = large + log(factor), and its derivative; t is the product with its sign."""
    zero, one = slopes.dtype.type(0), slopes.dtype.type(1)
    for i in range(slopes.size):
        sign = slopes.dtype.type(signs[i])
        t = sign * slopes[i]
        e = exp(-abs(t))
        factor[i] = one + e if sign != zero else one
        large[i] = max(-t, zero)
        slopes[i] = -sign * (e if t >= zero else one) / (one + e)


@kernel
def _losses(k0, k1, x, rows, y, y_at, signs, starts, loss, slopes, D, step):
    """loss[p]: the sum of log(1 + exp(-sign x.y)); slopes: each term's derivative in x.y."""
    for k in range(k0, k1):
        p0, p1 = k * step, min(loss.size, (k + 1) * step)
        first, last = starts[p0], starts[p1]
        for p in range(p0, p1):
            a = rows[p] * D
            row = part(x, a, a + D)
            for i in range(starts[p], starts[p + 1]):
                b = y_at[i] * D
                slopes[i] = dot(row, part(y, b, b + D))
        large, factor = np.empty(last - first, x.dtype), np.empty(last - first, x.dtype)
        _slopes(signs[first:last], slopes[first:last], large, factor)
        for p in range(p0, p1):
            total, product = x.dtype.type(0), x.dtype.type(1)
            for i in range(starts[p] - first, starts[p + 1] - first):
                total += large[i]
                product *= factor[i]  # at most 2 each: one logarithm for many terms
                if product > 1e20:
                    total += x.dtype.type(np.log(product))
                    product = x.dtype.type(1)
            loss[p] = total + x.dtype.type(np.log(product))


@kernel
def _spread(values, starts, out):
    for p in range(values.size):
        for i in range(starts[p], starts[p + 1]):
            out[i] = values[p]


_NO_INDEX = np.empty(0, np.int64)


def _flat(table: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(table).reshape(-1)


def products(x: np.ndarray, x_at: np.ndarray, y: np.ndarray, y_at: np.ndarray) -> np.ndarray:
    """x[x_at[i]] . y[y_at[i]] for every i: x, y (*, D) of one dtype, x_at, y_at (n,) int64, result (n,)."""
    D, n = x.shape[1], x_at.size
    out = np.empty(n, x.dtype)
    arrays = _flat(x), _flat(x_at), _flat(y), _flat(y_at), out
    step = max(-(-n // PIECES), 1)
    run(_products, x.dtype, -(-n // step), n * D >= GATE, *arrays, D, step)
    return out


def add_products(
    out: np.ndarray,
    put: np.ndarray,
    x: np.ndarray,
    take: np.ndarray | None = None,
    factors: np.ndarray | None = None,
    scale: float = 1.0,
) -> None:
    """out[put[i]] += scale factors[i] x[take[i]] for every i in order, in place.

    out, x: (*, D), of one dtype, out C-contiguous and apart from x; put, take (n,) int64; factors (n,). take None: row i.
    factors None: 1.
    """
    if not out.flags.c_contiguous:
        raise ValueError(f"add_products: out has strides {out.strides}; it must be C-contiguous, so pass a copy")
    D = out.shape[1]
    none = np.empty(0, out.dtype)
    arrays = (
        out.reshape(-1), _flat(put), none if factors is None else _flat(factors), out.dtype.type(scale), _flat(x),
        _NO_INDEX if take is None else _flat(take),
    )  # fmt: skip
    owners = 1 if put.size * D < GATE else 1 << (threads_in_use() - 1).bit_length()
    run(_add_owned, out.dtype, owners, True, *arrays, D, owners)


def logistic_losses(
    x: np.ndarray, rows: np.ndarray, y: np.ndarray, y_at: np.ndarray, signs: np.ndarray, starts: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """loss[p], the sum of -log(sigmoid(sign[i] x[rows[p]] . y[y_at[i]])) over starts[p] <= i < starts[p + 1], and the slopes.

    x, y: (*, D) of one dtype; rows (P,), starts (P + 1,), y_at (n,) int64, signs (n,) int8: 1, -1 or 0 (left out).
    slopes (n,): the derivative of the loss in each inner product.
    """
    P, n, D = rows.size, y_at.size, x.shape[1]
    loss, slopes = np.empty(P, x.dtype), np.empty(n, x.dtype)
    arrays = _flat(x), _flat(rows), _flat(y), _flat(y_at), signs, starts, loss, slopes
    step = max(-(-P // PIECES), 1) if n * D >= GATE else max(P, 1)
    run(_losses, x.dtype, -(-P // step), True, *arrays, D, step)
    return loss, slopes


def spread(values: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """values[p] for every i from starts[p] to starts[p + 1]: `numpy.repeat`, int64 or float."""
    out = np.empty(int(starts[-1]), values.dtype)
    _spread(_flat(values), starts, out)
    return out
