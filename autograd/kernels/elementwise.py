"""exp, tanh and the logistic function as code that LLVM vectorises, and the elementwise chains the networks use most.

numpy's temporaries are the cost of a chain; here each is one pass over memory, in any dense memory order.
"""

from __future__ import annotations

from math import factorial
from typing import Any

import numpy as np
from llvmlite import ir
from numba import prange, types
from numba.core import cgutils
from numba.extending import intrinsic, overload

from .compile import kernel

GATE = 1 << 15  # elements below which a parallel launch costs more than it saves
STEP = 1 << 13  # elements a piece


@intrinsic
def _bits(tyctx, x):  # type: ignore[no-untyped-def]
    """The bits of a float as an integer of the same width."""
    result = types.int32 if x == types.float32 else types.int64
    return result(x), lambda context, b, sig, args: b.bitcast(args[0], ir.IntType(result.bitwidth))


@intrinsic
def _float(tyctx, bits):  # type: ignore[no-untyped-def]
    """The float with the given bits."""
    single = bits == types.int32
    result = types.float32 if single else types.float64
    kind = ir.FloatType() if single else ir.DoubleType()
    return result(bits), lambda context, b, sig, args: b.bitcast(args[0], kind)


@intrinsic
def _fma(tyctx, x, y, z):  # type: ignore[no-untyped-def]
    """x y + z, rounded once where the machine can."""

    def codegen(context, b, sig, args):  # type: ignore[no-untyped-def]
        kind = args[0].type
        name = f"llvm.fmuladd.f{x.bitwidth}"
        return b.call(cgutils.get_or_insert_function(b.module, ir.FunctionType(kind, [kind] * 3), name), args)

    return x(x, x, x), codegen


def _constants(dtype: Any) -> tuple[Any, ...]:
    """For one precision: 1/k! down to k = 1, log2(e), ln 2 in two parts, the rounding constant, its bits, and limits."""
    single = dtype is np.float32
    degree, mantissa = (7, 23) if single else (13, 52)
    series = tuple(dtype(1 / factorial(k)) for k in range(degree, 0, -1))
    high = dtype(0.693359375) if single else dtype(0.6931471803691238)
    low = dtype(-2.12194440e-4) if single else dtype(1.9082149292705877e-10)
    magic = dtype(1.5 * 2**mantissa)
    integer = np.int32 if single else np.int64
    bounds = (dtype(-104), dtype(89)) if single else (dtype(-746), dtype(710))
    top = dtype(10 if single else 20)
    return (
        series, dtype(np.log2(np.e)), high, low, magic, magic.view(integer), integer(mantissa),
        integer(127 if single else 1023), bounds, top, integer(1),
    )  # fmt: skip


_SERIES32, _LOG2E32, _HIGH32, _LOW32, _MAGIC32, _MAGIC_BITS32, _SHIFT32, _BIAS32, _BOUNDS32, _TOP32, _ONE32 = _constants(
    np.float32
)
_SERIES64, _LOG2E64, _HIGH64, _LOW64, _MAGIC64, _MAGIC_BITS64, _SHIFT64, _BIAS64, _BOUNDS64, _TOP64, _ONE64 = _constants(
    np.float64
)
