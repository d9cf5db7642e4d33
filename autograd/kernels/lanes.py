"""Further functions of machine vectors (`simd`): choices lane by lane, and the lanes of several combined at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from .simd import LANES, Vector, _Emit


def _alike(b, x, y):  # type: ignore[no-untyped-def]
    """In which lanes x is y, NaN being NaN."""
    both = b.and_(b.fcmp_unordered("uno", x, x), b.fcmp_unordered("uno", y, y))
    return b.or_(b.fcmp_ordered("==", x, y), both)


def _chosen(b, sign, x, y):  # type: ignore[no-untyped-def]
    """x in the lanes where it compares so with y or is NaN, else y."""
    return b.select(b.or_(b.fcmp_ordered(sign, x, y), b.fcmp_unordered("uno", x, x)), x, y)


@intrinsic
def larger(tyctx, x, y):  # type: ignore[no-untyped-def]
    """The larger of two vectors, lane by lane; x where y is NaN, and y where x is."""

    def codegen(context, b, sig, args):  # type: ignore[no-untyped-def]
        return b.select(b.fcmp_ordered(">", args[1], args[0]), args[1], args[0])

    return x(x, y), codegen


@intrinsic
def lower(tyctx, x, y):  # type: ignore[no-untyped-def]
    """The smaller of x and y lane by lane, NaN where one is."""

    def codegen(context, b, sig, args):  # type: ignore[no-untyped-def]
        return _chosen(b, "<", *args)

    return x(x, y), codegen


@intrinsic
def marked(tyctx, seen, x, y):  # type: ignore[no-untyped-def]
    """`seen`, and NaN in the lanes where x or y is."""

    def codegen(context, b, sig, args):  # type: ignore[no-untyped-def]
        seen, x, y = args
        return b.select(
            b.fcmp_unordered("uno", x, y), _Emit(context, b, sig.args[0].dtype).constant(float("nan")), seen
        )

    return seen(seen, x, y), codegen


@intrinsic
def largest(tyctx, x):  # type: ignore[no-untyped-def]
    """The largest lane of a vector without NaN."""

    def codegen(context, b, sig, args):  # type: ignore[no-untyped-def]
        emit, v = _Emit(context, b, x.dtype), args[0]
        span = emit.width
        while span > 1:
            span //= 2
            other = emit.shuffle(v, v, [(lane + span) % emit.width for lane in range(emit.width)])
            v = b.select(b.fcmp_ordered(">", other, v), other, v)
        return b.extract_element(v, ir.Constant(ir.IntType(32), 0))

    return x.dtype(x), codegen


@intrinsic
def only_first(tyctx, v, count, rest):  # type: ignore[no-untyped-def]
    """The first `count` lanes of v, and `rest` in the others."""

    def codegen(context, b, sig, args):  # type: ignore[no-untyped-def]
        emit = _Emit(context, b, v.dtype)
        return b.select(emit.mask(args[1]), args[0], emit.splat(args[2]))

    return v(v, types.intp, v.dtype), codegen


@intrinsic
def lanes_of(tyctx, x):  # type: ignore[no-untyped-def]
    """Elements of array x in a vector, a constant: what is divided by it in a loop costs no division."""

    def codegen(context, b, sig, args):  # type: ignore[no-untyped-def]
        return ir.Constant(ir.IntType(64), LANES * 32 // x.dtype.bitwidth)

    return types.intp(x), codegen


@intrinsic
def where_alike(tyctx, x, y, value):  # type: ignore[no-untyped-def]
    """`value` in the lanes where x is y, NaN being NaN, and 0 in the others."""

    def codegen(context, b, sig, args):  # type: ignore[no-untyped-def]
        x, y, value = args
        return b.select(_alike(b, x, y), value, _Emit(context, b, sig.args[0].dtype).constant(0.0))

    return value(x, y, value), codegen


@intrinsic
def first_alike(tyctx, x, y):  # type: ignore[no-untyped-def]
    """The first lane in which x is y, NaN being NaN; the number of lanes where there is none."""

    def codegen(context, b, sig, args):  # type: ignore[no-untyped-def]
        emit, word = _Emit(context, b, sig.args[0].dtype), ir.IntType(64)
        lanes = b.zext(b.bitcast(_alike(b, *args), ir.IntType(emit.width)), word)
        return b.cttz(b.or_(lanes, ir.Constant(word, 1 << emit.width)), ir.Constant(ir.IntType(1), 1))

    return types.intp(x, y), codegen


def _folding(combine: Callable[[Any, Any, Any], Any]) -> Any:
    """An intrinsic: `combine` of the lanes of each of the vectors in `square`, as many as a vector has lanes, as one vector.

    The order of the combinations is fixed: halves of vectors first, then quarters.
    """

    @intrinsic
    def folded(tyctx, square):  # type: ignore[no-untyped-def]
        def codegen(context, b, sig, args):  # type: ignore[no-untyped-def]
            emit = _Emit(context, b, square.dtype)
            data, n = emit.data(square, args[0]), emit.width
            vectors = [emit.load(data, ir.Constant(ir.IntType(64), k * n)) for k in range(n)]
            span = n
            while span > 1:
                span //= 2
                low = [lane for lane in range(n) if not lane & span]
                both = low + [lane + n for lane in low]
                vectors = [
                    combine(b, emit.shuffle(x, y, both), emit.shuffle(x, y, [lane + span for lane in both]))
                    for x, y in zip(vectors[::2], vectors[1::2], strict=True)
                ]
            return vectors[0]

        return Vector(square.dtype)(square), codegen

    return folded


folded_sums = _folding(lambda b, x, y: b.fadd(x, y))
folded_products = _folding(lambda b, x, y: b.fmul(x, y))
folded_maxima = _folding(lambda b, x, y: _chosen(b, ">", x, y))  # NaN where there is one


@intrinsic
def root(tyctx, x):  # type: ignore[no-untyped-def]
    """The square roots of a vector's lanes."""

    def codegen(context, b, sig, args):  # type: ignore[no-untyped-def]
        emit = _Emit(context, b, x.dtype)
        return emit.call(f"llvm.sqrt.v{emit.width}f{emit.bits}", emit.type, args[0])

    return x(x), codegen
