"""One register tile of a convolution: rows gathered by offset tables, columns along the vector lanes."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from autograd.kernels.simd import LANES

# Rows of a tile by its width in vectors: the accumulators fill the register file (32 registers with AVX-512, else 16).
ROWS = {1: 14, 2: 12, 3: 8, 4: 6} if LANES == 16 else {1: 10, 2: 6}


@intrinsic  # type: ignore[untyped-decorator]
def window_tile(
    typing: Any,
    width: Any,
    A: Any,
    a0: Any,
    rows: Any,
    r0: Any,
    m: Any,
    taps: Any,
    t0: Any,
    T: Any,
    Q: Any,
    astep: Any,
    B: Any,
    b0: Any,
    bstep: Any,
    C: Any,
    c0: Any,
    places: Any,
    n: Any,
    start: Any,
    s0: Any,
    accumulate: Any,
    relu: Any,
) -> Any:
    """C[c0 + places[r0+i] + j] = start[s0 + j] + sum_tq A[a0 + rows[r0+i] + taps[t0+t] + q*astep] * B[b0 + (t*Q+q)*bstep + j].

    i < m <= ROWS[len(width)], j < n <= len(width) vectors, t < T, q < Q. `width` is a tuple whose length, a part of its
    type, is the tile's width in vectors. With `accumulate` the sum starts from C instead of `start`; `relu` clips below
    at zero on the way out. B and start are read in whole vectors; C is neither read nor written beyond m rows, n columns.
    """
    nr = width.count
    mr = ROWS[nr]
    i8, flag = types.intp, types.boolean
    sig = types.void(width, A, i8, rows, i8, i8, taps, i8, i8, i8, i8, B, i8, i8, C, i8, places, i8, start, i8, flag, flag)
    element = ir.FloatType() if A.dtype == types.float32 else ir.DoubleType()
    lanes = LANES if A.dtype == types.float32 else LANES // 2
    vector, mask_type = ir.VectorType(element, lanes), ir.VectorType(ir.IntType(1), lanes)
    align = 4 if A.dtype == types.float32 else 8

    def codegen(ctx: Any, b: Any, sig: Any, args: Any) -> Any:
        def data(i: int) -> Any:
            return cgutils.create_struct_proxy(sig.args[i])(ctx, b, value=args[i]).data

        (Ap, rowp, tapp, Bp, Cp, placep, startp) = (data(i) for i in (1, 3, 6, 11, 14, 16, 18))
        a0, r0, m, t0, T, Q, astep = args[2], args[4], args[5], args[7], args[8], args[9], args[10]
        b0, bstep, c0, n, s0, accumulate, relu = args[12], args[13], args[15], args[17], args[19], args[20], args[21]
        intp, i32 = ir.IntType(64), ir.IntType(32)
        suffix = f"v{lanes}f{32 if lanes == LANES else 64}"

        def function(name: str, result: Any, *arguments: Any) -> Any:
            return cgutils.get_or_insert_function(b.module, ir.FunctionType(result, arguments), name)

        fma = function(f"llvm.fma.{suffix}", vector, vector, vector, vector)
        pointer = vector.as_pointer()
        mload = function(f"llvm.masked.load.{suffix}.p0", vector, pointer, i32, mask_type, vector)
        mstore = function(f"llvm.masked.store.{suffix}.p0", ir.VoidType(), vector, pointer, i32, mask_type)
        zero = ir.Constant(vector, [0.0] * lanes)

        def at(base: Any, offset: Any) -> Any:
            return b.bitcast(b.gep(base, [offset]), pointer)

        def splat(scalar: Any, of: Any) -> Any:
            v = b.insert_element(ir.Constant(of, ir.Undefined), scalar, i32(0))
            return b.shuffle_vector(v, ir.Constant(of, ir.Undefined), ir.Constant(ir.VectorType(i32, lanes), [0] * lanes))

        regs = [[cgutils.alloca_once(b, vector) for _ in range(nr)] for _ in range(mr)]
        last = b.sub(m, intp(1))
        index = [b.add(r0, b.select(b.icmp_signed("<", intp(i), m), intp(i), last)) for i in range(mr)]
        arow = [b.gep(Ap, [b.add(a0, b.load(b.gep(rowp, [k])))]) for k in index]
        crow = [b.add(c0, b.load(b.gep(placep, [k]))) for k in index]
        full = b.icmp_signed(">=", n, intp(nr * lanes))
        lane = ir.Constant(ir.VectorType(intp, lanes), list(range(lanes)))
        masks = [
            b.icmp_signed("<", lane, splat(b.sub(n, intp(j * lanes)), ir.VectorType(intp, lanes))) for j in range(nr)
        ]

        with b.if_else(accumulate) as (then, other):
            with then, b.if_else(full) as (whole, part):
                with whole:
                    for i in range(mr):
                        for j in range(nr):
                            b.store(b.load(at(Cp, b.add(crow[i], intp(j * lanes))), align=align), regs[i][j])
                with part:
                    for i in range(mr):
                        for j in range(nr):
                            place = at(Cp, b.add(crow[i], intp(j * lanes)))
                            b.store(b.call(mload, [place, i32(align), masks[j], zero]), regs[i][j])
            with other:
                for j in range(nr):
                    first = b.load(at(startp, b.add(s0, intp(j * lanes))), align=align)
                    for i in range(mr):
                        b.store(first, regs[i][j])
        with cgutils.for_range(b, T) as outer:
            tap = b.load(b.gep(tapp, [b.add(t0, outer.index)]))
            bt = b.add(b0, b.mul(b.mul(outer.index, Q), bstep))
            base = [b.gep(arow[i], [tap]) for i in range(mr)]
            with cgutils.for_range(b, Q) as inner:
                bq = b.add(bt, b.mul(inner.index, bstep))
                bv = [b.load(at(Bp, b.add(bq, intp(j * lanes))), align=align) for j in range(nr)]
                aq = b.mul(inner.index, astep)
                for i in range(mr):
                    v = splat(b.load(b.gep(base[i], [aq])), vector)
                    for j in range(nr):
                        b.store(b.call(fma, [v, bv[j], b.load(regs[i][j])]), regs[i][j])
        with b.if_then(relu):
            for i in range(mr):
                for j in range(nr):
                    v = b.load(regs[i][j])
                    b.store(b.select(b.fcmp_ordered("<=", v, zero), zero, v), regs[i][j])
        for i in range(mr):
            with b.if_then(b.icmp_signed("<", intp(i), m)), b.if_else(full) as (whole, part):
                with whole:
                    for j in range(nr):
                        b.store(b.load(regs[i][j]), at(Cp, b.add(crow[i], intp(j * lanes))), align=align)
                with part:
                    for j in range(nr):
                        place = at(Cp, b.add(crow[i], intp(j * lanes)))
                        b.call(mstore, [b.load(regs[i][j]), place, i32(align), masks[j]])
        return ctx.get_dummy_value()

    return sig, codegen
