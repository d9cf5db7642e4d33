"""tanh and the logistic function of one machine vector: the scalar forms of `elementwise`, lane by lane.

A loop over the few units of a row is too short for LLVM to vectorise well, and several functions in a row would each
pass over memory.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.extending import intrinsic

from .elementwise import _DOUBLE, _SINGLE, _SMALL32, _TANH32, _TAYLOR32, _TAYLOR64, _THIRD32
from .simd import _Emit


class _Lanes:
    """The functions as LLVM code; see `elementwise` for the mathematics."""

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


@intrinsic
def vector_sigmoid(tyctx, x):  # type: ignore[no-untyped-def]
    """1 / (1 + exp(-x)) of a vector."""

    def codegen(context, builder, sig, args):  # type: ignore[no-untyped-def]
        return _Lanes(context, builder, x.dtype).sigmoid(args[0])

    return x(x), codegen


@intrinsic
def vector_tanh(tyctx, x):  # type: ignore[no-untyped-def]
    """tanh of a vector."""

    def codegen(context, builder, sig, args):  # type: ignore[no-untyped-def]
        return _Lanes(context, builder, x.dtype).tanh(args[0])

    return x(x), codegen
