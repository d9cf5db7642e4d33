"""Sums and inner products of rows named by index: sparse gradients and Word2Vec's losses, without a row a term.

A list of n terms names a row of one table and a row of another. `add_products` adds multiples of rows, `products` gives
inner products, `logistic_losses` the losses on them. Every row that is written has one owner, who adds its terms in the
list's order: the bits are the same on any number of threads.
"""

from __future__ import annotations

import numba
import numpy as np
from numba import prange

from .compile import kernel
from .functions import exp
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


@kernel(fastmath={"reassoc", "contract"})
def _squared_distance(x, y):
    s = x.dtype.type(0)
    for d in range(x.size):
        s += (x[d] - y[d]) * (x[d] - y[d])
    return s


@kernel(parallel=True)
def _distances(x, y, out, D, P, R, n):
    for i in prange(n):
        first = i // P * R
        row = part(x, i * D, (i + 1) * D)
        for r in range(R):
            out[i * R + r] = np.sqrt(_squared_distance(row, part(y, (first + r) * D, (first + r + 1) * D)))


def distances(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Euclidean distances (B, P, R) of the rows of x (B, P, D) from those of y (B, R, D), from their differences."""
    (B, P, D), R = x.shape, y.shape[1]
    out = np.empty((B, P, R), x.dtype)
    flats = [np.ascontiguousarray(a).reshape(-1) for a in (x, y)]
    x_flat, y_flat = (a if a.flags.writeable else a.copy() for a in flats)
    _distances(x_flat, y_flat, out.reshape(-1), D, P, R, B * P)
    return out


@kernel(fastmath={"contract"})
def _add_multiple(out, factor, x):
    for d in range(out.size):
        out[d] += factor * x[d]


@kernel
def _products(x, x_at, y, y_at, out, D, i0, i1):
    for i in range(i0, i1):
        a, b = x_at[i] * D, y_at[i] * D
        out[i] = dot(part(x, a, a + D), part(y, b, b + D))


@kernel(parallel=True)
def _products_parallel(x, x_at, y, y_at, out, D, n, step):
    for k in prange((n + step - 1) // step):
        _products(x, x_at, y, y_at, out, D, k * step, min(n, (k + 1) * step))


@kernel
def _add_owned(out, put, factors, scale, x, take, D, owner, owners):
    """out[put[i]] += scale factors[i] x[take[i]] for the rows of one owner; owners is a power of 2."""
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


@kernel(parallel=True)
def _add_parallel(out, put, factors, scale, x, take, D, owners):
    for k in prange(owners):
        _add_owned(out, put, factors, scale, x, take, D, k, owners)


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
def _losses(x, rows, y, y_at, signs, starts, loss, slopes, D, p0, p1):
    """loss[p]: the sum of log(1 + exp(-sign x.y)); slopes: each term's derivative in x.y."""
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


@kernel(parallel=True)
def _losses_parallel(x, rows, y, y_at, signs, starts, loss, slopes, D, P, step):
    for k in prange((P + step - 1) // step):
        _losses(x, rows, y, y_at, signs, starts, loss, slopes, D, k * step, min(P, (k + 1) * step))


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
    if n * D < GATE:
        _products(*arrays, D, 0, n)
    else:
        _products_parallel(*arrays, D, n, -(-n // PIECES))
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
    threads = numba.get_num_threads()
    if put.size * D < GATE or threads == 1:
        _add_owned(*arrays, D, 0, 1)
    else:
        _add_parallel(*arrays, D, 1 << (threads - 1).bit_length())


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
    if n * D < GATE:
        _losses(*arrays, D, 0, P)
    else:
        _losses_parallel(*arrays, D, P, -(-P // PIECES))
    return loss, slopes


def spread(values: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """values[p] for every i from starts[p] to starts[p + 1]: `numpy.repeat`, int64 or float."""
    out = np.empty(int(starts[-1]), values.dtype)
    _spread(_flat(values), starts, out)
    return out
