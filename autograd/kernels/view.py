"""`part`, a slice for inner loops, `hold` for what it is taken of, and `located`, an array known by its address."""

from __future__ import annotations

from numba.core import types
from numba.extending import intrinsic
from numba.np.arrayobj import make_array, populate_array


@intrinsic
def part(tyctx, a, start, stop):  # type: ignore[no-untyped-def]
    """a[start:stop] of a 1-d contiguous array, 0 <= start <= stop <= a.size, unchecked, and not keeping `a` alive: see `hold`.

    A loop over range(part.size) vectorises, where one over range(start, stop) does not: numba would look for negative
    indices at each step. An ordinary slice does it too, but takes several times as long to compile.
    """
    index = types.intp

    def codegen(context, b, sig, args):  # type: ignore[no-untyped-def]
        whole = make_array(a)(context, b, args[0])
        view = make_array(a)(context, b)
        populate_array(
            view,
            data=b.gep(whole.data, [args[1]]),
            shape=[b.sub(args[2], args[1])],
            strides=[whole.itemsize],
            itemsize=whole.itemsize,
            meminfo=None,
        )
        return view._getvalue()

    return a(a, index, index), codegen


@intrinsic
def hold(tyctx, *arrays):  # type: ignore[no-untyped-def]
    """Keep arrays that a kernel has made alive up to here: numba frees them after their last use, and a `part` is none."""

    def codegen(context, b, sig, args):  # type: ignore[no-untyped-def]
        return context.get_dummy_value()

    return types.void(types.StarArgTuple.from_types(arrays)), codegen


@intrinsic
def located(tyctx, like, address, size):  # type: ignore[no-untyped-def]
    """The 1-d contiguous array of `size` elements of like's type at an address, which the caller keeps alive."""

    def codegen(context, b, sig, args):  # type: ignore[no-untyped-def]
        whole = make_array(like)(context, b, args[0])
        view = make_array(like)(context, b)
        populate_array(
            view,
            data=b.inttoptr(args[1], whole.data.type),
            shape=[args[2]],
            strides=[whole.itemsize],
            itemsize=whole.itemsize,
            meminfo=None,
        )
        return view._getvalue()

    return like(like, types.intp, types.intp), codegen
