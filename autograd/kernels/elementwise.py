"""Elementwise operations, each one pass over memory: numpy's temporaries are the cost of a chain.

Any shape and memory order, which the result keeps; float32 or float64. Where the gradient g comes second, x gives the
memory order, as g may be one number stretched.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .broadcast import broadcast
from .compile import kernel
from .functions import (
    like,
    pulled,
    vector_elu,
    vector_elu_slope,
    vector_gelu_tanh,
    vector_gelu_tanh_slope,
    vector_mish,
    vector_mish_slope,
    vector_sigmoid,
    vector_silu,
    vector_silu_slope,
    vector_softplus,
    vector_softplus_slope,
    vector_tanh,
)
from .further import vector_gelu, vector_gelu_slope
from .maps import GATE, STEP, Map, elementwise
from .order import flats, lies_channels_last, moved, planes
from .threads import get_num_threads, run
from .view import part

SHARED = 1 << 17  # elements from which on two threads add faster than one
SLOW = (
    1 << 14
)  # elements from which they take roots and quotients, or powers that numpy needs several passes for, faster
STRETCHED = 1 << 16  # product of the sizes of two arrays of unlike shapes from which a kernel may be quicker than numpy


def _both(kernel: Map, plain: Any, x: np.ndarray, y: Any, out: np.ndarray | None = None) -> np.ndarray:
    """What `plain` gives, by the kernel on all threads where x and y are large and stand alike, or where one is stretched
    over the other; (N, C, *space) in two memory orders meet in channels-last memory, where the result then stands. y may
    be a number for some kernels."""
    if type(y) is not np.ndarray:
        if x.size < SHARED or get_num_threads() == 1:
            return plain(x, y)
        if _alike(x, x):
            return kernel.into(np.empty_like(x), x, y)
        apart = kernel.strided(x, y) if x.dtype.char in "fd" else None
        return plain(x, y) if apart is None else apart
    if x.shape != y.shape:
        apart = None
        if out is None and x.dtype == y.dtype and x.dtype.char in "fd":
            apart = broadcast(kernel, x, y)
        return plain(x, y, out=out) if apart is None else apart
    if x.ndim > 2 and x.flags.c_contiguous != y.flags.c_contiguous:
        if planes(x) and lies_channels_last(y):
            x = np.moveaxis(moved(x), -1, 1)
        elif planes(y) and lies_channels_last(x):
            y = np.moveaxis(moved(y), -1, 1)
    if x.size >= SHARED and get_num_threads() > 1:
        if _alike(x, y) and (out is None or _alike(x, out)):
            return kernel.into(np.empty_like(x) if out is None else out, x, y)
        if out is None and x.dtype == y.dtype and x.dtype.char in "fd":
            apart = kernel.strided(x, y)
            if apart is not None:
                return apart
    return plain(x, y, out=out)


def pays(x: Any, y: Any) -> bool:
    """Whether a kernel may do arithmetic of two operands quicker than numpy: of large arrays, and of unlike shapes."""
    if type(x) is not np.ndarray or type(y) is not np.ndarray:
        return False
    return x.size >= SHARED or (x.size * y.size >= STRETCHED and x.shape != y.shape)


def _alike(x: np.ndarray, y: np.ndarray) -> bool:
    """Whether two arrays of floats stand in the same order in memory, with no gaps."""
    dense = x.dtype.char in "fd" and (x.flags.c_contiguous or lies_channels_last(x))
    return dense and (x is y or (x.dtype == y.dtype and x.shape == y.shape and x.strides == y.strides))


def on_all_threads(kernel: Map, plain: Any, x: Any, least: int = SHARED) -> Any:
    """What `plain`, a function of numpy's, gives for x, by the kernel on all threads where x has `least` elements."""
    if type(x) is np.ndarray and x.size >= least and get_num_threads() > 1 and x.dtype.char in "fd":
        y = kernel(x) if _alike(x, x) else kernel.strided(x)
        if y is not None:
            return y
    return plain(x)


def add(x: np.ndarray, y: Any, out: np.ndarray | None = None) -> np.ndarray:
    """x + y, as np.add; y may be a Python number."""
    return _both(plus if type(y) is np.ndarray else shifted, np.add, x, y, out)


def subtract(x: np.ndarray, y: Any) -> np.ndarray:
    """x - y, as np.subtract; y may be a Python number."""
    return _both(minus if type(y) is np.ndarray else lowered, np.subtract, x, y)


def difference(x: np.ndarray, p: float) -> np.ndarray:
    """p - x, for a number p."""
    return _both(gap, lambda x, p: np.subtract(p, x), x, p)


def ratio(x: np.ndarray, p: float) -> np.ndarray:
    """p / x, for a number p."""
    return _both(share, lambda x, p: np.true_divide(p, x), x, p)


def multiply(x: np.ndarray, y: Any) -> np.ndarray:
    """x y, as np.multiply; y may be a Python number."""
    return _both(product if type(y) is np.ndarray else scaled, np.multiply, x, y)


def divide(x: np.ndarray, y: Any) -> np.ndarray:
    """x / y, as np.true_divide; y may be a Python number."""
    return _both(quotient if type(y) is np.ndarray else divided, np.true_divide, x, y)


def maximum(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The larger of x and y, as np.maximum."""
    return _both(larger, np.maximum, x, y)


def minimum(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The smaller of x and y, as np.minimum."""
    return _both(smaller, np.minimum, x, y)


@elementwise(2)
def plus(x, y):
    """x + y."""
    return x + y


@elementwise(2)
def minus(x, y):
    """x - y."""
    return x - y


@elementwise(2)
def product(x, y):
    """x y."""
    return x * y


@elementwise(2)
def quotient(x, y):
    """x / y."""
    return x / y


@elementwise(2)
def plus_scaled(x, y, p):
    """x + p y, for a number p."""
    return x + y * p


@elementwise(3)
def plus_product(x, y, z, p):
    """x + p y z, for a number p."""
    return x + (y * p) * z


@elementwise(3)
def plus_quotient(x, y, z, p):
    """x + p y / z, for a number p."""
    return x + (y * p) / z


@elementwise()
def scaled(x, p):
    """x p, for a number p."""
    return x * p


@elementwise()
def shifted(x, p):
    """x + p, for a number p."""
    return x + p


@elementwise()
def lowered(x, p):
    """x - p, for a number p."""
    return x - p


@elementwise()
def gap(x, p):
    """p - x, for a number p."""
    return p - x


@elementwise()
def share(x, p):
    """p / x, for a number p."""
    return p / x


@elementwise()
def negative(x):
    """-x."""
    return -x


@elementwise()
def absolute(x):
    """|x|."""
    return abs(x)


@elementwise()
def squared(x):
    """x x."""
    return x * x


@elementwise()
def cubed(x):
    """x x x."""
    return x * x * x


@elementwise()
def root(x):
    """The square root."""
    return np.sqrt(x)


@elementwise()
def inverse_root(x):
    """1 / sqrt(x)."""
    return like(1, x) / np.sqrt(x)


@elementwise()
def inverse(x):
    """1 / x."""
    return like(1, x) / x


@elementwise()
def rounded(x):
    """x rounded, halves to even."""
    return np.rint(x)


@elementwise()
def rounded_down(x):
    """x rounded down."""
    return np.floor(x)


@elementwise(2)
def larger(x, y):
    """The larger of two, NaN where one is."""
    return x if x >= y or x != x else y


@elementwise(2)
def smaller(x, y):
    """The smaller of two, NaN where one is."""
    return x if x <= y or x != x else y


@elementwise()
def divided(x, p):
    """x / p, for a number p."""
    return x / p


@kernel
def _zero_stays(y, g):
    """y, and 0 in place of NaN where g is 0."""
    return like(0, g) if y != y and g == like(0, g) else y


@elementwise(2)
def times(g, slope):
    """g slope, and 0 in place of NaN where g is 0."""
    return _zero_stays(g * slope, g)


# Gradients of several steps, each with 0 in place of NaN where the incoming gradient g is 0.


@elementwise(2)
def squared_backward(g, x):
    """2 g x."""
    return _zero_stays(g * (x * like(2, x)), g)


@elementwise(2)
def cubed_backward(g, x):
    """3 g x**2."""
    return _zero_stays(g * (x * x * like(3, x)), g)


@elementwise(2)
def root_backward(g, y):
    """g / (2 y), from the root y."""
    return _zero_stays(g * like(0.5, g) / y, g)


@elementwise(2)
def inverse_root_backward(g, y):
    """-g y**3 / 2, from the result y."""
    return _zero_stays(g * (like(-0.5, y) * (y * y * y)), g)


@elementwise(2)
def inverse_backward(g, y):
    """-g y**2, from the result y."""
    return _zero_stays(-g * (y * y), g)


@elementwise(2)
def log1p_backward(g, x):
    """g / (x + 1)."""
    return _zero_stays(g / (x + like(1, x)), g)


@elementwise(3)
def quotient_backward(g, x, y):
    """-g x / y**2, 0 where x is 0."""
    return _zero_stays(-(g * (like(0, x) if x == like(0, x) else x / y / y)), g)


@elementwise(2)
def share_backward(g, y, p):
    """-g p / y**2, for a number p other than 0."""
    return _zero_stays(-(g * (p / y / y)), g)


@elementwise(2)
def parts(g, divisor):
    """g / divisor, and 0 in place of NaN where g is 0."""
    return _zero_stays(g / divisor, g)


# ------------------------------------------------------------------------------ in pieces, of one number at a time
# Comparisons are written so that NaN takes the branch it takes in torch.


@elementwise()
def relu(x):
    """max(x, 0), NaN kept."""
    return like(0, x) if x <= like(0, x) else x


@elementwise(2)
def relu_backward(g, y):
    """g where the output y is positive, else 0; NaN lets the gradient through."""
    return like(0, g) if y <= like(0, y) else g


@elementwise(2)
def leaky_relu(g, x, slope):
    """g where x is positive, else slope g: the gradient of a leaky ReLU, and with x for g its value."""
    return g if x > like(0, x) else g * slope


@elementwise(2)
def parametric(x, weight):
    """x where positive, else weight x."""
    return x if x > like(0, x) else x * weight


@elementwise(2)
def parametric_slope(x, weight):
    """1 where x is positive, else weight."""
    return like(1, x) if x > like(0, x) else weight


@elementwise(2)
def not_passed(g, x):
    """g x where x is not positive, else 0: the gradient of `parametric` in its weight. 0 where g is 0."""
    return like(0, g) if x > like(0, x) or g == like(0, g) else g * x


@elementwise(3)
def add_passed(x, g, y):
    """x + `relu_backward` of g and y."""
    return x + (like(0, g) if y <= like(0, y) else g)


@kernel
def _limited(x, low, high):
    x = low if x < low else x
    return high if x > high else x


@elementwise()
def limit(x, low, high):
    """x limited to [low, high]."""
    return _limited(x, low, high)


@elementwise()
def nan_to_num(x, nan, most, least):
    """x with NaN, infinity and minus infinity replaced."""
    y = most if x == like(np.inf, x) else least if x == like(-np.inf, x) else x
    return nan if x != x else y


@elementwise(2)
def limit_backward(x, g, low, high):
    """g, but 0 at the bounds and beyond."""
    return like(0, g) if x <= low or x >= high else g


@elementwise(2)
def above(x, g, least, otherwise):
    """g, but `otherwise` where x <= least."""
    return otherwise if x <= least else g


@elementwise()
def hardsigmoid(x):
    """min(max(x + 3, 0), 6) / 6."""
    return _limited(x + like(3, x), like(0, x), like(6, x)) / like(6, x)


@elementwise(2)
def hardsigmoid_backward(x, g):
    """g / 6 within the bounds, else 0."""
    return g * like(1 / 6, g) if x > like(-3, x) and x < like(3, x) else like(0, g)


@elementwise()
def hardswish(x):
    """x min(max(x + 3, 0), 6) / 6."""
    return x * _limited(x + like(3, x), like(0, x), like(6, x)) / like(6, x)


@elementwise(2)
def hardswish_backward(x, g):
    """g times 0 to -3, 1 from 3, a line from -1/2 to 3/2 between."""
    inner = g * (x * like(1 / 3, x) + like(0.5, x)) if x < like(3, x) else g
    return like(0, g) if x <= like(-3, x) else inner


@elementwise(2)
def hardshrink(x, g, bound):
    """g, but 0 where |x| <= bound: the gradient of hardshrink, and with x for g its value."""
    return like(0, g) if abs(x) <= bound else g


@elementwise()
def softshrink(x, bound):
    """x moved toward 0 by bound."""
    return x - _limited(x, -bound, bound)


@elementwise(2)
def softshrink_backward(x, g, bound):
    """g where |x| > bound, else 0."""
    return g if abs(x) > bound else like(0, g)


@kernel
def _signum(x):
    return like(1, x) if x > like(0, x) else like(-1, x) if x < like(0, x) else like(0, x)


@elementwise()
def sign(x):
    """-1, 0 or 1; 0 for NaN."""
    return _signum(x)


@elementwise(2)
def signed(x, g):
    """g times the sign of x."""
    return g * _signum(x)


@kernel
def _between(x, end, weight):
    gap = end - x
    return x + weight * gap if weight < like(0.5, weight) else end - gap * (like(1, weight) - weight)


@elementwise(2)
def lerp(x, end, weight):
    """x + weight (end - x), exact at both ends; weight is a number."""
    return _between(x, end, weight)


@elementwise(3)
def lerp_each(x, end, weight):
    """`lerp` with a weight an element."""
    return _between(x, end, weight)


@elementwise(2)
def tanh_backward(g, y):
    """g (1 - y**2) from the output y."""
    return g * (like(1, y) - y * y)


@elementwise(2)
def sigmoid_backward(g, y):
    """g y (1 - y) from the output y."""
    return g * (y * (like(1, y) - y))


# --------------------------------------------------------------------------------------- smooth ones, in vectors


@elementwise(vectors=True)
def tanh_forward(x):
    """tanh."""
    return vector_tanh(x)


@elementwise(vectors=True)
def sigmoid_forward(x):
    """1 / (1 + exp(-x))."""
    return vector_sigmoid(x)


@elementwise(vectors=True)
def silu(x):
    """x sigmoid(x)."""
    return vector_silu(x)


@elementwise(2, vectors=True)
def silu_backward(x, g):
    """g times the slope of `silu`."""
    return pulled(g, vector_silu_slope(x))


@elementwise(vectors=True)
def gelu(x):
    """x P(X <= x) of a standard normal X, in float32 to 1e-6."""
    return vector_gelu(x)


@elementwise(2, vectors=True)
def gelu_backward(x, g):
    """g times the slope of `gelu`."""
    return pulled(g, vector_gelu_slope(x))


@elementwise(vectors=True)
def gelu_tanh(x):
    """The "tanh" approximation of `gelu`."""
    return vector_gelu_tanh(x)


@elementwise(2, vectors=True)
def gelu_tanh_backward(x, g):
    """g times the slope of `gelu_tanh`."""
    return pulled(g, vector_gelu_tanh_slope(x))


@elementwise(vectors=True)
def mish(x):
    """x tanh(log(1 + exp(x)))."""
    return vector_mish(x)


@elementwise(2, vectors=True)
def mish_backward(x, g):
    """g times the slope of `mish`."""
    return pulled(g, vector_mish_slope(x))


@elementwise(vectors=True)
def elu(x, below, scale, rate):
    """scale x where positive, else below (exp(rate x) - 1), rate > 0."""
    return vector_elu(x, below, scale, rate)


@elementwise(2, vectors=True)
def elu_backward(x, g, below, scale, rate):
    """g times the slope of `elu`."""
    return pulled(g, vector_elu_slope(x, below, scale, rate))


@elementwise(vectors=True)
def softplus(x, beta, threshold):
    """log(1 + exp(beta x)) / beta, x where beta x > threshold."""
    return vector_softplus(x, beta, threshold, beta)


@elementwise(2, vectors=True)
def softplus_backward(x, g, beta, threshold):
    """g times the slope of `softplus`."""
    return pulled(g, vector_softplus_slope(x, beta, threshold, beta))


@kernel
def _mix(seed, counter):
    """64 random bits of one counter: Steele et al., Fast splittable pseudorandom number generators (splitmix64)."""
    z = seed + (counter + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


@kernel
def _dropout_pieces(k0, k1, x, y, kept, seed, offset, least, scale):
    zero, first, last = x.dtype.type(0), k0 * STEP, min(x.size, k1 * STEP)
    xs, ys, mask = part(x, first, last), part(y, first, last), part(kept, first, last)
    for i in range(xs.size):
        keep = (_mix(seed, offset + np.uint64(first + i)) >> np.uint64(32)) >= least
        mask[i] = keep
        ys[i] = xs[i] * (scale if keep else zero)  # a dropped NaN stays visible, as in torch


@kernel
def _mask_pieces(k0, k1, g, kept, gx, scale):
    zero, first, last = g.dtype.type(0), k0 * STEP, min(g.size, k1 * STEP)
    gs, mask, out = part(g, first, last), part(kept, first, last), part(gx, first, last)
    for i in range(gs.size):
        out[i] = gs[i] * (scale if mask[i] else zero)


def dropout(x: np.ndarray, p: float, seed: int, offset: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """x / (1 - p) with each element set to 0 with probability p, and the boolean mask of those kept.

    Element i in memory order uses number offset + i of the stream of `seed` (both below 2**64), so the mask does not
    depend on the number of threads; the next call should start at offset + x.size. p is met to 2**-32.
    """
    y, kept = np.empty_like(x), np.empty_like(x, dtype=np.bool_)
    to, mask, of = flats(y, kept, x)
    least, scale = np.uint64(min(round(p * 2**32), 2**32)), x.dtype.type(1 / (1 - p) if p < 1 else 0)
    numbers = np.uint64(seed), np.uint64(offset), least, scale
    run(_dropout_pieces, x.dtype, -(-x.size // STEP), x.size >= GATE, of, to, mask, *numbers)
    return y, kept


def dropout_backward(g: np.ndarray, kept: np.ndarray, p: float) -> np.ndarray:
    """g / (1 - p) where kept, else 0."""
    gx = np.empty_like(g)
    to, of, mask = flats(gx, g, kept)
    scale = g.dtype.type(1 / (1 - p) if p < 1 else 0)
    run(_mask_pieces, g.dtype, -(-g.size // STEP), g.size >= GATE, of, mask, to, scale)
    return gx
