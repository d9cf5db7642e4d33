"""exp, tanh, the logistic function and the smooth activations, as code inside kernels that LLVM vectorises.

`exp`, `tanh` and `sigmoid` take one number; the functions named `vector_` take a machine vector (`simd`).
"""

from __future__ import annotations

from functools import partial
from math import factorial, pi, sqrt
from typing import Any, NamedTuple

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, overload

from .compile import kernel
from .simd import _Emit


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
def like(tyctx, value, x):  # type: ignore[no-untyped-def]
    """The number `value` in the type of x."""
    return x(value, x), lambda context, b, sig, args: context.cast(b, args[0], value, x)


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
    lift: Any  # a power of two by which a small result is larger until its last step, which rounds it once
    drop: Any  # and what brings it back


def _format(dtype: Any, high: float, low: float, shift: int, bias: int, limits: tuple[int, int, int]) -> _Format:
    magic = dtype(1.5 * 2**shift)
    bits = int(magic.view(f"i{magic.itemsize}"))
    numbers = [dtype(value) for value in (*limits, 0, 1, 2)]
    back = dtype(2.0 ** -(bias // 2))
    return _Format(dtype(np.log2(np.e)), dtype(high), dtype(low), magic, bits, shift, bias, *numbers, bias // 2, back)


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
    nothing = x < f.least  # not worked out: numbers that vanish take their time
    x = f.zero if nothing else x
    x = f.most if x > f.most else x
    k, r = _split(x, f)
    half = k >> 1  # two factors, so that neither overflows and a subnormal result is rounded once
    y = _fma(_fma(_series(r), r, f.one), r, f.one) * _float((half + f.bias) << f.shift, x)
    return f.zero if nothing else y * _float((k - half + f.bias) << f.shift, x)


@kernel
def _exp_of_less(x, f):
    """exp of x <= 0, from which one factor need be kept."""
    x = f.least if x < f.least else x
    k, r = _split(x, f)
    y = _fma(_fma(_series(r), r, f.one), r, f.one) * _float((k + f.bias + f.lift) << f.shift, x)
    return y * f.drop


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
    k, r = _split(a + a, f)
    grown = _fma(_fma(_series(r), r, f.one), r, f.one) * _float((k + f.bias) << f.shift, x)
    far = f.one - f.two / (grown + f.one)
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
    e = _exp_of_less(-abs(x), f)
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


class Lanes:
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
        """For x that is not too large. What is 0, as of -inf, is not worked out: numbers that vanish take their time."""
        least, zero = self.number(self.format.least), self.number(0)
        k, r = self.split(self.where("<", x, least, zero, x))
        half = self.b.ashr(k, self.integer(1))
        y = self.e.fma(self.e.fma(self.series(r), r, self.one), r, self.one)
        y = self.b.fmul(self.b.fmul(y, self.power(half)), self.power(self.b.sub(k, half)))
        return self.where("<", x, least, zero, y)

    def exp_of_less(self, x: Any) -> Any:
        """For x <= 0."""
        f, least = self.format, self.number(self.format.least)
        k, r = self.split(self.where("<", x, least, least, x))
        y = self.e.fma(self.e.fma(self.series(r), r, self.one), r, self.one)
        lifted = self.b.fmul(y, self.power(self.b.add(k, self.integer(f.lift))))
        return self.b.fmul(lifted, self.number(f.drop))

    def sigmoid(self, x: Any) -> Any:
        e = self.exp_of_less(self.b.fsub(self.number(0), self.call("fabs", x)))
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
        k, r = self.split(double)
        grown = b.fmul(e.fma(e.fma(self.series(r), r, self.one), r, self.one), self.power(k))
        far = b.fsub(self.one, b.fdiv(self.two, b.fadd(grown, self.one)))
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
    """The method of `Lanes` as a function of a vector inside kernels."""

    @intrinsic
    def function(tyctx, x):  # type: ignore[no-untyped-def]
        def codegen(context, builder, sig, args):  # type: ignore[no-untyped-def]
            return getattr(Lanes(context, builder, x.dtype), name)(args[0])

        return x(x), codegen

    return function


vector_exp, vector_sigmoid, vector_tanh = _mapped("exp"), _mapped("sigmoid"), _mapped("tanh")
vector_silu, vector_silu_slope = _mapped("silu"), _mapped("silu_slope")
vector_gelu_tanh, vector_gelu_tanh_slope = _mapped("gelu_tanh"), _mapped("gelu_tanh_slope")
vector_mish, vector_mish_slope = _mapped("mish"), _mapped("mish_slope")


def _mapped_with(name: str, count: int) -> Any:
    """`_mapped` of a method that takes the first `count` of three numbers besides, one for all lanes."""

    @intrinsic
    def function(tyctx, x, p, q, r):  # type: ignore[no-untyped-def]
        def codegen(context, builder, sig, args):  # type: ignore[no-untyped-def]
            lanes = Lanes(context, builder, x.dtype)
            return getattr(lanes, name)(args[0], *(lanes.e.splat(number) for number in args[1 : 1 + count]))

        return x(x, x.dtype, x.dtype, x.dtype), codegen

    return function


vector_elu, vector_elu_slope = _mapped_with("elu", 3), _mapped_with("elu_slope", 3)
vector_softplus, vector_softplus_slope = _mapped_with("softplus", 2), _mapped_with("softplus_slope", 2)


@intrinsic
def pulled(tyctx, g, slope):  # type: ignore[no-untyped-def]
    """g slope, 0 where g is 0 whatever the slope."""

    def codegen(context, builder, sig, args):  # type: ignore[no-untyped-def]
        lanes = Lanes(context, builder, g.dtype)
        return lanes.where("==", args[0], lanes.number(0), args[0], builder.fmul(*args))

    return g(g, g), codegen
