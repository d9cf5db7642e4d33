"""Running a compiled kernel in parallel without compiling it again.

numba compiles a function once more, with all it calls, for every parallel loop that calls it. Here the loop knows only
the address of a kernel that is compiled already, so a parallel kernel costs its own compilation and a small fixed one.
"""

from __future__ import annotations

from typing import Any

from numba import prange, typeof
from numba.core import types
from numba.extending import intrinsic

from autograd.kernels.compile import kernel


@intrinsic
def _call(tyctx, address, first, last, args):  # type: ignore[no-untyped-def]
    """Call the compiled kernel at `address` as kernel(first, last, *args)."""
    signature = types.void(types.intp, types.intp, types.intp, args)

    def codegen(context, builder, sig, values):  # type: ignore[no-untyped-def]
        kinds = (types.intp, types.intp, *args)
        address, first, last, packed = values
        unpacked = [builder.extract_value(packed, i) for i in range(len(args))]
        function = context.call_conv.get_function_type(types.none, kinds)
        pointer = builder.inttoptr(address, function.as_pointer())
        context.call_conv.call_function(builder, pointer, types.none, kinds, [first, last, *unpacked])
        return context.get_dummy_value()

    return signature, codegen


@kernel(parallel=True)
def _driver(tasks, address, args):
    for t in prange(tasks):
        _call(address, t, t + 1, args)


_addresses: dict[tuple[Any, Any], int] = {}


def launch(function: Any, key: Any, tasks: int, *args: Any) -> None:
    """Run function(t, t + 1, *args) for every t < tasks, in parallel and in any order.

    `function` is a kernel whose first two arguments are the range of tasks to do: function(0, tasks, *args) is the
    serial form. `key` tells its signatures apart, as the dtype does for most. `args` are arrays and Python numbers.
    """
    address = _addresses.get((function, key))
    if address is None:
        signature = (types.intp, types.intp, *[typeof(arg) for arg in args])
        function.compile(signature)
        compiled = function.overloads[signature]
        address = compiled.library.get_pointer_to_function(compiled.fndesc.llvm_func_name)
        _addresses[function, key] = address
    _driver(tasks, address, args)


def run(function: Any, key: Any, tasks: int, parallel: bool, *args: Any) -> None:
    """`launch`, or all tasks here in turn: without `parallel`, or where there is but one."""
    if parallel and tasks > 1:
        launch(function, key, tasks, *args)
    else:
        function(0, tasks, *args)
