"""exp, tanh and the logistic function as code that LLVM vectorises, and the elementwise chains the networks use most.

numpy's temporaries are the cost of a chain; here each is one pass over memory, in any dense memory order.
"""

from __future__ import annotations

from functools import partial
from math import factorial, pi, sqrt
from typing import Any, NamedTuple

import numpy as np
from llvmlite import ir
from numba import prange, types
from numba.core import cgutils
from numba.extending import intrinsic, overload

from .compile import kernel
from .conv_direct import channels_last
from .simd import LANES, _Emit, load_first, store_first
from .view import part

GATE = 1 << 15  # elements below which a parallel launch costs more than it saves
STEP = 1 << 13  # elements a piece


@intrinsic
def _bits(tyctx, x):  # type: ignore[no-untyped-def]
    """The bits of a float as an integer."""

    def codegen(context, b, sig, args):  # type: ignore[no-untyped-def]
        return (
            b.zext(b.bitcast(args[0], ir.IntType(x.bitwidth)), ir.IntType(64))
            if x.bitwidth < 64
            else b.bitcast(args[0], ir.IntType(64))
        )

    return types.int64(x), codegen


@intrinsic
def _float(tyctx, bits, like):  # type: ignore[no-untyped-def]
    """The float of like's precision with the given bits, the low ones of an int64."""

    def codegen(context, b, sig, args):  # type: ignore[no-untyped-def]
        low = b.trunc(args[0], ir.IntType(32)) if like.bitwidth < 64 else args[0]
        return b.bitcast(low, args[1].type)

    return like(types.int64, like), codegen


def _llvm(name: str, context: Any, b: Any, sig: Any, args: Any) -> Any:
    kind = args[0].type
    function = ir.FunctionType(kind, [kind] * len(args))
    return b.call(cgutils.get_or_insert_function(b.module, function, f"llvm.{name}.f{sig.return_type.bitwidth}"), args)


@intrinsic
def _fma(tyctx, x, y, z):  # type: ignore[no-untyped-def]
    """x y + z, rounded once where the machine can."""
    return x(x, x, x), partial(_llvm, "fmuladd")


@intrinsic
def _copysign(tyctx, x, y):  # type: ignore[no-untyped-def]
    """The magnitude of x with the sign of y."""
    return x(x, x), partial(_llvm, "copysign")


class _Format(NamedTuple):
    """The constants of one precision. An unevaluated sum high + low is ln 2; adding `magic` rounds to an integer."""

    log2e: Any
    high: Any
    low: Any
    magic: Any
    magic_bits: Any
    shift: Any  # width of the mantissa
    bias: Any  # of the exponent
    least: Any  # exp is 0 below, inf above `most`
    most: Any
    ones: Any  # tanh is 1 above
    zero: Any
    one: Any
    two: Any


def _format(dtype: Any, high: float, low: float, shift: int, bias: int, limits: tuple[int, int, int]) -> _Format:
    magic = dtype(1.5 * 2**shift)
    bits = int(magic.view(f"i{magic.itemsize}"))
    numbers = [dtype(value) for value in (*limits, 0, 1, 2)]
    return _Format(dtype(np.log2(np.e)), dtype(high), dtype(low), magic, bits, shift, bias, *numbers)


_SINGLE = _format(np.float32, 0.693359375, -2.12194440e-4, 23, 127, (-104, 89, 10))
_DOUBLE = _format(np.float64, 0.6931471803691238, 1.9082149292705877e-10, 52, 1023, (-746, 710, 20))
_TAYLOR32 = tuple(np.float32(1 / factorial(k)) for k in range(8))
_TAYLOR64 = tuple(np.float64(1 / factorial(k)) for k in range(14))


def _by_precision(stub: Any, single: Any, double: Any) -> None:
    """Inside kernels, `stub` of a float32 is `single` and of a float64 `double`."""

    @overload(stub)
    def choose(x):  # type: ignore[no-untyped-def]
        return {types.float32: single, types.float64: double}.get(x)


def _series(x: Any) -> Any:
    """(exp(x) - 1 - x) / x**2 for |x| <= ln(2) / 2."""
    raise NotImplementedError("only inside kernels")


def _series32(x):  # type: ignore[no-untyped-def]
    t = _TAYLOR32
    p = _fma(_fma(t[7], x, t[6]), x, t[5])
    p = _fma(_fma(p, x, t[4]), x, t[3])
    return _fma(p, x, t[2])


def _series64(x):  # type: ignore[no-untyped-def]
    t = _TAYLOR64
    p = _fma(_fma(t[13], x, t[12]), x, t[11])
    p = _fma(_fma(p, x, t[10]), x, t[9])
    p = _fma(_fma(p, x, t[8]), x, t[7])
    p = _fma(_fma(p, x, t[6]), x, t[5])
    p = _fma(_fma(p, x, t[4]), x, t[3])
    return _fma(p, x, t[2])


_by_precision(_series, _series32, _series64)


@kernel
def _split(x, f):
    """x = k ln 2 + r with |r| <= ln(2) / 2; NaN makes r NaN."""
    n = _fma(x, f.log2e, f.magic)
    k = _bits(n) - f.magic_bits
    n -= f.magic
    return k, _fma(n, -f.low, _fma(n, -f.high, x))


@kernel
def _exp_as(x, f):
    x = f.least if x < f.least else x
    x = f.most if x > f.most else x
    k, r = _split(x, f)
    half = k >> 1  # two factors, so that neither overflows and a subnormal result is rounded once
    y = _fma(_fma(_series(r), r, f.one), r, f.one) * _float((half + f.bias) << f.shift, x)
    return y * _float((k - half + f.bias) << f.shift, x)


_TANH32 = tuple(np.float32(c) for c in (-5.70498872745e-3, 2.06390887954e-2, -5.37397155531e-2, 1.33314422036e-1))
_THIRD32, _SMALL32 = np.float32(-3.33332819422e-1), np.float32(0.625)
# The error function of a float32 as x P(x**2) / Q(x**2) on [-4, 4], the highest power first (Eigen, MathFunctions).
_ERF_P: tuple[float, ...] = (-2.72614225801306e-10, 2.77068142495902e-8, -2.10102402082508e-6, -5.69250639462346e-5)
_ERF_P += (-7.34990630326855e-4, -2.95459980854025e-3, -1.60960333262415e-2)
_ERF_Q = (-1.45660718464996e-5, -2.13374055278905e-4, -1.68282697438203e-3, -7.37332916720468e-3, -1.42647390514189e-2)
_CUBE, _ROOT = 0.044715, sqrt(2 / pi)


def _tanh32(x):  # type: ignore[no-untyped-def]
    """An odd polynomial near 0 (Cephes, tanhf.c), 1 - 2 / (exp(2|x|) + 1) beyond."""
    f, c, a = _SINGLE, _TANH32, abs(x)
    a = f.ones if a > f.ones else a
    z = a * a
    near = _fma(_fma(_fma(_fma(_fma(c[0], z, c[1]), z, c[2]), z, c[3]), z, _THIRD32) * z, a, a)
    far = f.one - f.two / (_exp_as(a + a, f) + f.one)
    return _copysign(near if a < _SMALL32 else far, x)


def _tanh64(x):  # type: ignore[no-untyped-def]
    """(e - 1) / (e + 1) with e = exp(2|x|), and e - 1 formed without cancellation."""
    f, a = _DOUBLE, abs(x)
    a = f.ones if a > f.ones else a
    k, r = _split(a + a, f)
    power = _float((k + f.bias) << f.shift, x)
    e1 = _fma(_fma(r * r, _series(r), r), power, power - f.one)
    return _copysign(e1 / (e1 + f.two), x)


@kernel
def _sigmoid_as(x, f):
    e = _exp_as(-abs(x), f)
    return (e if x < f.zero else f.one) / (f.one + e)


def exp(x: Any) -> Any:
    """exp inside kernels, without a branch: at most 1 ulp off in float32 and float64, subnormals, inf and NaN right."""
    raise NotImplementedError("only inside kernels")


def tanh(x: Any) -> Any:
    """tanh inside kernels, without a branch: at most 2 ulp off (3 in float64); -0, inf and NaN right."""
    raise NotImplementedError("only inside kernels")


def sigmoid(x: Any) -> Any:
    """1 / (1 + exp(-x)) inside kernels, without a branch or overflow: at most 2.2 ulp off."""
    raise NotImplementedError("only inside kernels")


_by_precision(exp, lambda x: _exp_as(x, _SINGLE), lambda x: _exp_as(x, _DOUBLE))
_by_precision(tanh, _tanh32, _tanh64)
_by_precision(sigmoid, lambda x: _sigmoid_as(x, _SINGLE), lambda x: _sigmoid_as(x, _DOUBLE))


class _Lanes:
    """tanh and the logistic function of one machine vector as LLVM code: the scalar forms lane by lane.

    LLVM makes narrower vectors of a loop than the machine has, and none of one over the few units of a row.
    """

    def __init__(self, context: Any, builder: Any, dtype: Any) -> None:
        self.e, self.b = _Emit(context, builder, dtype), builder
        self.format, taylor = (_SINGLE, _TAYLOR32) if dtype.bitwidth == 32 else (_DOUBLE, _TAYLOR64)
        self.taylor = [self.number(value) for value in taylor]
        self.one, self.two = self.number(1), self.number(2)
        self.ints = ir.VectorType(ir.IntType(dtype.bitwidth), self.e.width)

    def number(self, value: Any) -> Any:
        return self.e.constant(float(value))

    def integer(self, value: Any) -> Any:
        return ir.Constant(self.ints, [int(value)] * self.e.width)

    def call(self, name: str, *args: Any) -> Any:
        return self.e.call(f"llvm.{name}.v{self.e.width}f{self.e.bits}", self.e.type, *args)

    def where(self, order: str, x: Any, y: Any, then: Any, otherwise: Any) -> Any:
        return self.b.select(self.b.fcmp_ordered(order, x, y), then, otherwise)

    def split(self, x: Any) -> tuple[Any, Any]:
        f, e, b = self.format, self.e, self.b
        n = e.fma(x, self.number(f.log2e), self.number(f.magic))
        k = b.sub(b.bitcast(n, self.ints), self.integer(f.magic_bits))
        n = b.fsub(n, self.number(f.magic))
        return k, e.fma(n, self.number(-f.low), e.fma(n, self.number(-f.high), x))

    def series(self, x: Any) -> Any:
        p = self.taylor[-1]
        for coefficient in self.taylor[-2:1:-1]:
            p = self.e.fma(p, x, coefficient)
        return p

    def power(self, k: Any) -> Any:
        biased = self.b.add(k, self.integer(self.format.bias))
        return self.b.bitcast(self.b.shl(biased, self.integer(self.format.shift)), self.e.type)

    def exp(self, x: Any) -> Any:
        """For x that is not too large."""
        least = self.number(self.format.least)
        k, r = self.split(self.where("<", x, least, least, x))
        half = self.b.ashr(k, self.integer(1))
        y = self.e.fma(self.e.fma(self.series(r), r, self.one), r, self.one)
        return self.b.fmul(self.b.fmul(y, self.power(half)), self.power(self.b.sub(k, half)))

    def sigmoid(self, x: Any) -> Any:
        e = self.exp(self.b.fsub(self.number(0), self.call("fabs", x)))
        top = self.where("<", x, self.number(0), e, self.one)
        return self.b.fdiv(top, self.b.fadd(self.one, e))

    def tanh(self, x: Any) -> Any:
        b, e, ones = self.b, self.e, self.number(self.format.ones)
        a = self.call("fabs", x)
        a = self.where(">", a, ones, ones, a)
        double = b.fadd(a, a)
        if e.bits == 64:
            k, r = self.split(double)
            power = self.power(k)
            e1 = e.fma(e.fma(b.fmul(r, r), self.series(r), r), power, b.fsub(power, self.one))
            return self.call("copysign", b.fdiv(e1, b.fadd(e1, self.two)), x)
        z, p = b.fmul(a, a), self.number(_TANH32[0])
        for coefficient in (*_TANH32[1:], _THIRD32):
            p = e.fma(p, z, self.number(coefficient))
        near = e.fma(b.fmul(p, z), a, a)
        far = b.fsub(self.one, b.fdiv(self.two, b.fadd(self.exp(double), self.one)))
        return self.call("copysign", self.where("<", a, self.number(_SMALL32), near, far), x)

    def negative(self, x: Any) -> Any:
        return self.b.fsub(self.number(-0.0), x)

    def times(self, *factors: Any) -> Any:
        product = factors[0]
        for factor in factors[1:]:
            product = self.b.fmul(product, factor)
        return product

    def polynomial(self, coefficients: Any, x: Any) -> Any:
        """The highest power's coefficient first."""
        p = self.number(coefficients[0])
        for coefficient in coefficients[1:]:
            p = self.e.fma(p, x, self.number(coefficient))
        return p

    def bounded(self, x: Any, decay: Any) -> Any:
        """x decay where decay falls faster than x grows: 0 at infinity."""
        zero = self.number(0)
        return self.where("==", decay, zero, zero, self.b.fmul(x, decay))

    def at_most(self, x: Any, ceiling: float) -> Any:
        return self.where(">", x, self.number(ceiling), self.number(ceiling), x)

    def expm1(self, x: Any) -> Any:
        """For x <= 0."""
        e = self.e
        k, r = self.split(e.at_least(x, self.number(-20 if e.bits == 32 else -40)))  # -1 below
        power = self.power(k)
        return e.fma(e.fma(self.b.fmul(r, r), self.series(r), r), power, self.b.fsub(power, self.one))

    def log1p(self, x: Any) -> Any:
        """For 0 <= x <= 1, as 2 artanh(x / (x + 2))."""
        s = self.b.fdiv(x, self.b.fadd(x, self.two))
        z, terms = self.b.fmul(s, s), 9 if self.e.bits == 32 else 18
        tail = self.polynomial([2 / (2 * k + 1) for k in range(terms - 1, 0, -1)], z)
        return self.e.fma(self.b.fmul(tail, z), s, self.b.fadd(s, s))

    def erf(self, x: Any) -> Any:
        """In float32, to 3e-7."""
        x = self.at_most(self.e.at_least(x, self.number(-4)), 4)
        z = self.b.fmul(x, x)
        return self.b.fdiv(self.b.fmul(x, self.polynomial(_ERF_P, z)), self.polynomial(_ERF_Q, z))

    # The activation functions, and the slope of each.

    def silu(self, x: Any) -> Any:
        return self.b.fmul(x, self.sigmoid(x))

    def silu_slope(self, x: Any) -> Any:
        s = self.sigmoid(x)
        return self.b.fadd(s, self.bounded(x, self.b.fmul(s, self.b.fsub(self.one, s))))

    def normal(self, x: Any) -> Any:
        """P(X <= x) of a standard normal X."""
        half = self.number(0.5)
        return self.e.fma(half, self.erf(self.b.fmul(x, self.number(sqrt(0.5)))), half)

    def gelu(self, x: Any) -> Any:
        return self.b.fmul(x, self.normal(x))

    def gelu_slope(self, x: Any) -> Any:
        density = self.b.fmul(self.exp(self.times(x, x, self.number(-0.5))), self.number(1 / sqrt(2 * pi)))
        return self.b.fadd(self.normal(x), self.bounded(x, density))

    def gelu_inner(self, x: Any) -> Any:
        """The tanh of the "tanh" approximation."""
        square = self.b.fmul(x, x)
        return self.tanh(self.times(self.number(_ROOT), self.e.fma(self.times(self.number(_CUBE), square), x, x)))

    def gelu_tanh(self, x: Any) -> Any:
        return self.times(self.number(0.5), x, self.b.fadd(self.one, self.gelu_inner(x)))

    def gelu_tanh_slope(self, x: Any) -> Any:
        t, half = self.gelu_inner(x), self.number(0.5)
        slope = self.e.fma(self.number(3 * _CUBE * _ROOT), self.b.fmul(x, x), self.number(_ROOT))
        decay = self.b.fsub(self.one, self.b.fmul(t, t))
        return self.e.fma(half, t, self.b.fadd(half, self.bounded(self.times(half, x, slope), decay)))

    def mish_power(self, x: Any) -> tuple[Any, Any]:
        """e = exp(x), and n = e (e + 2), from which tanh(log(1 + e)) = n / (n + 2); 1 beyond the bound on x."""
        e = self.exp(self.at_most(x, 20 if self.e.bits == 32 else 40))
        return e, self.b.fmul(e, self.b.fadd(e, self.two))

    def mish(self, x: Any) -> Any:
        _, n = self.mish_power(x)
        return self.b.fmul(x, self.b.fdiv(n, self.b.fadd(n, self.two)))

    def mish_slope(self, x: Any) -> Any:
        """With t the tanh, t + x (1 - t**2) e / (1 + e), and 1 - t**2 = 4 (n + 1) / (n + 2)**2 = (2 (1 + e) / m)**2."""
        b = self.b
        e, n = self.mish_power(x)
        m = b.fadd(n, self.two)
        bend = b.fdiv(self.times(self.number(4), e, b.fadd(e, self.one)), b.fmul(m, m))
        return b.fadd(b.fdiv(n, m), self.bounded(self.at_most(x, 1e4), bend))

    def elu(self, x: Any, below: Any, scale: Any, rate: Any) -> Any:
        zero = self.number(0)
        low = self.b.fmul(self.expm1(self.b.fmul(self.where(">", x, zero, zero, x), rate)), below)
        return self.where(">", x, zero, self.b.fmul(x, scale), low)

    def elu_slope(self, x: Any, below: Any, scale: Any, rate: Any) -> Any:
        zero = self.number(0)
        low = self.times(self.exp(self.b.fmul(self.where(">", x, zero, zero, x), rate)), self.b.fmul(below, rate))
        return self.where("<=", x, zero, low, scale)

    def softplus(self, x: Any, beta: Any, threshold: Any) -> Any:
        b = self.b
        scaled = b.fmul(x, beta)
        more = self.log1p(self.exp(self.negative(self.call("fabs", scaled))))
        value = b.fdiv(b.fadd(self.e.at_least(scaled, self.number(0)), more), beta)
        return self.where(">", scaled, threshold, x, value)

    def softplus_slope(self, x: Any, beta: Any, threshold: Any) -> Any:
        scaled = self.b.fmul(x, beta)
        return self.where(">", scaled, threshold, self.one, self.sigmoid(scaled))


def _mapped(name: str) -> Any:
    """The method of `_Lanes` as a function of a vector inside kernels."""

    @intrinsic
    def function(tyctx, x):  # type: ignore[no-untyped-def]
        def codegen(context, builder, sig, args):  # type: ignore[no-untyped-def]
            return getattr(_Lanes(context, builder, x.dtype), name)(args[0])

        return x(x), codegen

    return function


vector_sigmoid, vector_tanh = _mapped("sigmoid"), _mapped("tanh")
_vector_silu, _vector_silu_slope = _mapped("silu"), _mapped("silu_slope")
_vector_gelu, _vector_gelu_slope = _mapped("gelu"), _mapped("gelu_slope")
_vector_gelu_tanh, _vector_gelu_tanh_slope = _mapped("gelu_tanh"), _mapped("gelu_tanh_slope")
_vector_mish, _vector_mish_slope = _mapped("mish"), _mapped("mish_slope")


def _mapped_with(name: str, count: int) -> Any:
    """`_mapped` of a method that takes the first `count` of three numbers besides, one for all lanes."""

    @intrinsic
    def function(tyctx, x, p, q, r):  # type: ignore[no-untyped-def]
        def codegen(context, builder, sig, args):  # type: ignore[no-untyped-def]
            lanes = _Lanes(context, builder, x.dtype)
            return getattr(lanes, name)(args[0], *(lanes.e.splat(number) for number in args[1 : 1 + count]))

        return x(x, x.dtype, x.dtype, x.dtype), codegen

    return function


_vector_elu, _vector_elu_slope = _mapped_with("elu", 3), _mapped_with("elu_slope", 3)
_vector_softplus, _vector_softplus_slope = _mapped_with("softplus", 2), _mapped_with("softplus_slope", 2)


@intrinsic
def _pulled(tyctx, g, slope):  # type: ignore[no-untyped-def]
    """g slope, 0 where g is 0 whatever the slope."""

    def codegen(context, builder, sig, args):  # type: ignore[no-untyped-def]
        lanes = _Lanes(context, builder, g.dtype)
        return lanes.where("==", args[0], lanes.number(0), args[0], builder.fmul(*args))

    return g(g, g), codegen


def flats(*arrays: np.ndarray) -> tuple[np.ndarray, ...]:
    """1-d views of arrays of one shape in one order of elements, the first array's; the others are copied into it.

    The first array must be dense, as one made by `np.empty_like` is.
    """
    if all(a.flags.c_contiguous for a in arrays):
        return tuple(a.reshape(-1) for a in arrays)
    first = arrays[0]
    order = sorted(range(first.ndim), key=lambda axis: -first.strides[axis])
    return tuple(_in_order(a, order) for a in arrays)


def _in_order(a: np.ndarray, order: list[int]) -> np.ndarray:
    """The values of `a` flat, its axes in `order`; a copy unless they stand so."""
    if order == [0, *range(2, a.ndim), 1] and _planes(a):
        return _moved(a).reshape(-1)
    return np.ascontiguousarray(a.transpose(order)).reshape(-1)


def _planes(a: np.ndarray) -> bool:
    """Whether `a` (N, C, *space) is worth a copy by tiles to channels-last memory, several times as fast as numpy's."""
    return a.ndim > 2 and a.size > 1 << 16 and a.dtype.kind == "f" and a.flags.carray


def _moved(a: np.ndarray) -> np.ndarray:
    """(N, C, *space) in C order as (N, *space, C)."""
    N, C, *space = a.shape
    return channels_last(a.reshape(N, C, -1, 1)).reshape(N, *space, C)


def add(x: np.ndarray, y: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """x + y, as np.add; (N, C, *space) in two memory orders meet in channels-last memory, where the sum then stands."""
    if x.ndim > 2 and x.shape == y.shape and x.flags.c_contiguous != y.flags.c_contiguous:
        if _planes(x) and np.moveaxis(y, 1, -1).flags.c_contiguous:
            x = np.moveaxis(_moved(x), -1, 1)
        elif _planes(y) and np.moveaxis(x, 1, -1).flags.c_contiguous:
            y = np.moveaxis(_moved(y), -1, 1)
    return np.add(x, y, out=out)


# One kernel a function: each is compiled only where it is used.


@kernel
def _relu_piece(x, y):
    zero = x.dtype.type(0)
    for i in range(x.size):
        y[i] = zero if x[i] <= zero else x[i]


@kernel(parallel=True)
def _relu_parallel(x, y, n):
    for k in prange((n + STEP - 1) // STEP):
        i, j = k * STEP, min(n, (k + 1) * STEP)
        _relu_piece(part(x, i, j), part(y, i, j))


@kernel
def _relu_back_piece(g, y, gx):
    zero = g.dtype.type(0)
    for i in range(y.size):
        gx[i] = zero if y[i] <= zero else g[i]  # NaN lets the gradient through, as in torch


@kernel(parallel=True)
def _relu_back_parallel(g, y, gx, n):
    for k in prange((n + STEP - 1) // STEP):
        i, j = k * STEP, min(n, (k + 1) * STEP)
        _relu_back_piece(part(g, i, j), part(y, i, j), part(gx, i, j))


@kernel
def _leaky_piece(g, x, y, slope):
    zero = x.dtype.type(0)
    for i in range(x.size):
        y[i] = g[i] if x[i] > zero else g[i] * slope


@kernel(parallel=True)
def _leaky_parallel(g, x, y, slope, n):
    for k in prange((n + STEP - 1) // STEP):
        i, j = k * STEP, min(n, (k + 1) * STEP)
        _leaky_piece(part(g, i, j), part(x, i, j), part(y, i, j), slope)


@kernel
def _add_relu_piece(x, r, y):
    zero = x.dtype.type(0)
    for i in range(x.size):
        v = x[i] + r[i]
        y[i] = zero if v <= zero else v


@kernel(parallel=True)
def _add_relu_parallel(x, r, y, n):
    for k in prange((n + STEP - 1) // STEP):
        i, j = k * STEP, min(n, (k + 1) * STEP)
        _add_relu_piece(part(x, i, j), part(r, i, j), part(y, i, j))


@kernel
def _tanh_piece(x, y):
    for i in range(0, x.size, LANES * 4 // x.itemsize):
        store_first(y, i, vector_tanh(load_first(x, i, x.size - i)), x.size - i)


@kernel(parallel=True)
def _tanh_parallel(x, y, n):
    for k in prange((n + STEP - 1) // STEP):
        i, j = k * STEP, min(n, (k + 1) * STEP)
        _tanh_piece(part(x, i, j), part(y, i, j))


@kernel
def _tanh_back_piece(g, y, gx):
    one = g.dtype.type(1)
    for i in range(y.size):
        gx[i] = g[i] * (one - y[i] * y[i])


@kernel(parallel=True)
def _tanh_back_parallel(g, y, gx, n):
    for k in prange((n + STEP - 1) // STEP):
        i, j = k * STEP, min(n, (k + 1) * STEP)
        _tanh_back_piece(part(g, i, j), part(y, i, j), part(gx, i, j))


@kernel
def _sigmoid_piece(x, y):
    for i in range(0, x.size, LANES * 4 // x.itemsize):
        store_first(y, i, vector_sigmoid(load_first(x, i, x.size - i)), x.size - i)


@kernel(parallel=True)
def _sigmoid_parallel(x, y, n):
    for k in prange((n + STEP - 1) // STEP):
        i, j = k * STEP, min(n, (k + 1) * STEP)
        _sigmoid_piece(part(x, i, j), part(y, i, j))


@kernel
def _sigmoid_back_piece(g, y, gx):
    one = g.dtype.type(1)
    for i in range(y.size):
        gx[i] = g[i] * (y[i] * (one - y[i]))


@kernel(parallel=True)
def _sigmoid_back_parallel(g, y, gx, n):
    for k in prange((n + STEP - 1) // STEP):
        i, j = k * STEP, min(n, (k + 1) * STEP)
        _sigmoid_back_piece(part(g, i, j), part(y, i, j), part(gx, i, j))


# Of the following, y is the function of x, or with `back` g times its slope; x comes first, whose memory order the
# result takes, as the gradient may be one number stretched.


@kernel
def _silu_piece(x, g, y, back):
    for i in range(0, x.size, LANES * 4 // x.itemsize):
        n = x.size - i
        v = load_first(x, i, n)
        if back:
            store_first(y, i, _pulled(load_first(g, i, n), _vector_silu_slope(v)), n)
        else:
            store_first(y, i, _vector_silu(v), n)


@kernel(parallel=True)
def _silu_parallel(x, g, y, back, n):
    for k in prange((n + STEP - 1) // STEP):
        i, j = k * STEP, min(n, (k + 1) * STEP)
        _silu_piece(part(x, i, j), part(g, i, j), part(y, i, j), back)


@kernel
def _gelu_piece(x, g, y, back):
    for i in range(0, x.size, LANES * 4 // x.itemsize):
        n = x.size - i
        v = load_first(x, i, n)
        if back:
            store_first(y, i, _pulled(load_first(g, i, n), _vector_gelu_slope(v)), n)
        else:
            store_first(y, i, _vector_gelu(v), n)


@kernel(parallel=True)
def _gelu_parallel(x, g, y, back, n):
    for k in prange((n + STEP - 1) // STEP):
        i, j = k * STEP, min(n, (k + 1) * STEP)
        _gelu_piece(part(x, i, j), part(g, i, j), part(y, i, j), back)


@kernel
def _gelu_tanh_piece(x, g, y, back):
    for i in range(0, x.size, LANES * 4 // x.itemsize):
        n = x.size - i
        v = load_first(x, i, n)
        if back:
            store_first(y, i, _pulled(load_first(g, i, n), _vector_gelu_tanh_slope(v)), n)
        else:
            store_first(y, i, _vector_gelu_tanh(v), n)


@kernel(parallel=True)
def _gelu_tanh_parallel(x, g, y, back, n):
    for k in prange((n + STEP - 1) // STEP):
        i, j = k * STEP, min(n, (k + 1) * STEP)
        _gelu_tanh_piece(part(x, i, j), part(g, i, j), part(y, i, j), back)


@kernel
def _mish_piece(x, g, y, back):
    for i in range(0, x.size, LANES * 4 // x.itemsize):
        n = x.size - i
        v = load_first(x, i, n)
        if back:
            store_first(y, i, _pulled(load_first(g, i, n), _vector_mish_slope(v)), n)
        else:
            store_first(y, i, _vector_mish(v), n)


@kernel(parallel=True)
def _mish_parallel(x, g, y, back, n):
    for k in prange((n + STEP - 1) // STEP):
        i, j = k * STEP, min(n, (k + 1) * STEP)
        _mish_piece(part(x, i, j), part(g, i, j), part(y, i, j), back)


@kernel
def _elu_piece(x, g, y, back, below, scale, rate):
    for i in range(0, x.size, LANES * 4 // x.itemsize):
        n = x.size - i
        v = load_first(x, i, n)
        if back:
            store_first(y, i, _pulled(load_first(g, i, n), _vector_elu_slope(v, below, scale, rate)), n)
        else:
            store_first(y, i, _vector_elu(v, below, scale, rate), n)


@kernel(parallel=True)
def _elu_parallel(x, g, y, back, below, scale, rate, n):
    for k in prange((n + STEP - 1) // STEP):
        i, j = k * STEP, min(n, (k + 1) * STEP)
        _elu_piece(part(x, i, j), part(g, i, j), part(y, i, j), back, below, scale, rate)


@kernel
def _softplus_piece(x, g, y, back, beta, threshold, unused):
    for i in range(0, x.size, LANES * 4 // x.itemsize):
        n = x.size - i
        v = load_first(x, i, n)
        if back:
            store_first(y, i, _pulled(load_first(g, i, n), _vector_softplus_slope(v, beta, threshold, unused)), n)
        else:
            store_first(y, i, _vector_softplus(v, beta, threshold, unused), n)


@kernel(parallel=True)
def _softplus_parallel(x, g, y, back, beta, threshold, unused, n):
    for k in prange((n + STEP - 1) // STEP):
        i, j = k * STEP, min(n, (k + 1) * STEP)
        _softplus_piece(part(x, i, j), part(g, i, j), part(y, i, j), back, beta, threshold, unused)


def _run(serial: Any, parallel: Any, dtype: Any, *arrays: np.ndarray, numbers: tuple[Any, ...] = ()) -> np.ndarray:
    out = np.empty_like(arrays[0], dtype=dtype)
    first, *others = flats(out, *arrays)
    if out.size < GATE:
        serial(*others, first, *numbers)
    else:
        parallel(*others, first, *numbers, out.size)
    return out


def relu(x: np.ndarray) -> np.ndarray:
    """max(x, 0), NaN kept. As every function here: any shape and memory order, which the result keeps."""
    return _run(_relu_piece, _relu_parallel, x.dtype, x)


def relu_backward(g: np.ndarray, y: np.ndarray) -> np.ndarray:
    """g where the output y is positive, else 0."""
    return _run(_relu_back_piece, _relu_back_parallel, g.dtype, g, y)


def leaky_relu(g: np.ndarray, x: np.ndarray, slope: float) -> np.ndarray:
    """g where x is positive, else slope g: the gradient of a leaky ReLU, and with x for g its value."""
    return _run(_leaky_piece, _leaky_parallel, g.dtype, g, x, numbers=(g.dtype.type(slope),))


def add_relu(x: np.ndarray, residual: np.ndarray) -> np.ndarray:
    """max(x + residual, 0)."""
    return _run(_add_relu_piece, _add_relu_parallel, x.dtype, x, residual)


def tanh_forward(x: np.ndarray) -> np.ndarray:
    """tanh of an array."""
    return _run(_tanh_piece, _tanh_parallel, x.dtype, x)


def tanh_backward(g: np.ndarray, y: np.ndarray) -> np.ndarray:
    """g (1 - y**2) from the output y."""
    return _run(_tanh_back_piece, _tanh_back_parallel, g.dtype, g, y)


def sigmoid_forward(x: np.ndarray) -> np.ndarray:
    """1 / (1 + exp(-x)) of an array."""
    return _run(_sigmoid_piece, _sigmoid_parallel, x.dtype, x)


def sigmoid_backward(g: np.ndarray, y: np.ndarray) -> np.ndarray:
    """g y (1 - y) from the output y."""
    return _run(_sigmoid_back_piece, _sigmoid_back_parallel, g.dtype, g, y)


def _smooth(serial: Any, parallel: Any, x: np.ndarray, g: np.ndarray | None, *numbers: float) -> np.ndarray:
    given = tuple(x.dtype.type(number) for number in numbers)
    return _run(serial, parallel, x.dtype, x, x if g is None else g, numbers=(g is not None, *given))


def silu(x: np.ndarray, g: np.ndarray | None = None) -> np.ndarray:
    """x sigmoid(x); given g, that times the slope. As for each function below, x is float32 or float64, g its like."""
    return _smooth(_silu_piece, _silu_parallel, x, g)


def gelu(x: np.ndarray, g: np.ndarray | None = None) -> np.ndarray:
    """x P(X <= x) of a standard normal X, float32 only; given g, that times the slope. Both to 1e-6."""
    return _smooth(_gelu_piece, _gelu_parallel, x, g)


def gelu_tanh(x: np.ndarray, g: np.ndarray | None = None) -> np.ndarray:
    """The "tanh" approximation of `gelu`; given g, that times the slope."""
    return _smooth(_gelu_tanh_piece, _gelu_tanh_parallel, x, g)


def mish(x: np.ndarray, g: np.ndarray | None = None) -> np.ndarray:
    """x tanh(log(1 + exp(x))); given g, that times the slope."""
    return _smooth(_mish_piece, _mish_parallel, x, g)


def elu(x: np.ndarray, below: float, scale: float, rate: float, g: np.ndarray | None = None) -> np.ndarray:
    """scale x where positive, else below (exp(rate x) - 1), rate > 0; given g, that times the slope."""
    return _smooth(_elu_piece, _elu_parallel, x, g, below, scale, rate)


def softplus(x: np.ndarray, beta: float, threshold: float, g: np.ndarray | None = None) -> np.ndarray:
    """log(1 + exp(beta x)) / beta, x where beta x > threshold; given g, that times the slope."""
    return _smooth(_softplus_piece, _softplus_parallel, x, g, beta, threshold, 0)


@kernel
def _mix(seed, counter):
    """64 random bits of one counter: Steele et al., Fast splittable pseudorandom number generators (splitmix64)."""
    z = seed + (counter + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


@kernel
def _dropout_piece(x, y, kept, seed, offset, least, scale):
    zero = x.dtype.type(0)
    for i in range(x.size):
        keep = (_mix(seed, offset + np.uint64(i)) >> np.uint64(32)) >= least
        kept[i] = keep
        y[i] = x[i] * (scale if keep else zero)  # a dropped NaN stays visible, as in torch


@kernel(parallel=True)
def _dropout_parallel(x, y, kept, seed, offset, least, scale, n):
    for k in prange((n + STEP - 1) // STEP):
        i, j = k * STEP, min(n, (k + 1) * STEP)
        _dropout_piece(part(x, i, j), part(y, i, j), part(kept, i, j), seed, offset + np.uint64(i), least, scale)


@kernel
def _mask_piece(g, kept, gx, scale):
    zero = g.dtype.type(0)
    for i in range(g.size):
        gx[i] = g[i] * (scale if kept[i] else zero)


@kernel(parallel=True)
def _mask_parallel(g, kept, gx, scale, n):
    for k in prange((n + STEP - 1) // STEP):
        i, j = k * STEP, min(n, (k + 1) * STEP)
        _mask_piece(part(g, i, j), part(kept, i, j), part(gx, i, j), scale)


def dropout(x: np.ndarray, p: float, seed: int, offset: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """x / (1 - p) with each element set to 0 with probability p, and the boolean mask of those kept.

    Element i in memory order uses number offset + i of the stream of `seed` (both below 2**64), so the mask does not
    depend on the number of threads; the next call should start at offset + x.size. p is met to 2**-32.
    """
    y, kept = np.empty_like(x), np.empty_like(x, dtype=np.bool_)
    to, mask, of = flats(y, kept, x)
    least, scale = np.uint64(min(round(p * 2**32), 2**32)), x.dtype.type(1 / (1 - p) if p < 1 else 0)
    numbers = np.uint64(seed), np.uint64(offset), least, scale
    if x.size < GATE:
        _dropout_piece(of, to, mask, *numbers)
    else:
        _dropout_parallel(of, to, mask, *numbers, x.size)
    return y, kept


def dropout_backward(g: np.ndarray, kept: np.ndarray, p: float) -> np.ndarray:
    """g / (1 - p) where kept, else 0."""
    gx = np.empty_like(g)
    to, of, mask = flats(gx, g, kept)
    scale = g.dtype.type(1 / (1 - p) if p < 1 else 0)
    if g.size < GATE:
        _mask_piece(of, mask, to, scale)
    else:
        _mask_parallel(of, mask, to, scale, g.size)
    return gx
