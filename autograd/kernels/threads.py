"""Running a compiled kernel in parallel without compiling it again.

numba compiles a function once more, with all it calls, for every parallel loop that calls it. Here one loop serves all
kernels: it knows only the addresses of a kernel that is compiled already and of the arguments, so that running in
parallel costs a kernel one small function for each kind of arguments.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import prange, typeof
from numba.core import cgutils, types
from numba.extending import intrinsic

from autograd.kernels.compile import OneAtATime, kernel

_TASK = (types.intp,) * 4  # the range of tasks, the kernel's address, and that of its further arguments


def _invoke(context, builder, address, kinds, values):  # type: ignore[no-untyped-def]
    """Call the compiled function at `address`, which takes arguments of these kinds."""
    function = context.call_conv.get_function_type(types.none, kinds)
    context.call_conv.call_function(
        builder, builder.inttoptr(address, function.as_pointer()), types.none, kinds, values
    )


@intrinsic
def _task(tyctx, entry, first, last, address, packed):  # type: ignore[no-untyped-def]
    """Call the function at `entry`, of `_enter`'s making, for a range of tasks."""

    def codegen(context, builder, sig, values):  # type: ignore[no-untyped-def]
        word = values[0].type
        function = ir.FunctionType(ir.VoidType(), [word] * 4)
        builder.call(builder.inttoptr(values[0], function.as_pointer()), values[1:])
        return context.get_dummy_value()

    return types.void(types.intp, *_TASK), codegen


@kernel(parallel=True)
def _every_task(tasks, entry, address, packed):
    for t in prange(tasks):
        _task(entry, t, t + 1, address, packed)


@intrinsic
def _enter(tyctx, loop, tasks, address, args):  # type: ignore[no-untyped-def]
    """Lay the arguments down in memory, and have the loop at `loop` call the kernel at `address` with them.

    The loop is one for all kernels: what knows the kinds of the arguments is a small function made here, which picks
    them up again.
    """

    def codegen(context, builder, sig, values):  # type: ignore[no-untyped-def]
        loop, tasks, address, given = values
        word = address.type
        entry = ir.Function(
            builder.module, ir.FunctionType(ir.VoidType(), [word] * 4), builder.module.get_unique_name("entry")
        )
        entry.linkage = "internal"
        inner = ir.IRBuilder(entry.append_basic_block())
        first, last, kernel_at, packed = entry.args
        there = inner.load(inner.inttoptr(packed, given.type.as_pointer()))
        unpacked = [inner.extract_value(there, i) for i in range(len(args))]
        _invoke(context, inner, kernel_at, (types.intp, types.intp, *args), [first, last, *unpacked])
        inner.ret_void()
        slot = builder.ptrtoint(cgutils.alloca_once_value(builder, given), word)
        _invoke(context, builder, loop, _TASK, [tasks, builder.ptrtoint(entry, word), address, slot])
        return context.get_dummy_value()

    return types.void(types.intp, types.intp, types.intp, args), codegen


@kernel
def _start(loop, tasks, address, args):
    _enter(loop, tasks, address, args)


_loop, _begin = _every_task, _start
if isinstance(_loop, OneAtATime):  # the loop is called by its address, past its lock
    _loop, _begin = _loop.compiled, OneAtATime(_start)


def _address(function: Any, signature: tuple[Any, ...]) -> int:
    """Where the machine code of a kernel of this signature starts."""
    function.compile(signature)
    compiled = function.overloads[signature]
    return compiled.library.get_pointer_to_function(compiled.fndesc.llvm_func_name)


_addresses: dict[Any, int] = {}


def launch(function: Any, key: Any, tasks: int, *args: Any) -> None:
    """Run function(t, t + 1, *args) for every t < tasks, in parallel and in any order.

    `function` is a kernel whose first two arguments are the range of tasks to do: function(0, tasks, *args) is the
    serial form. `key` tells its signatures apart, as the dtype does for most. `args` are arrays and Python numbers.
    """
    address = _addresses.get((function, key))
    if address is None:
        _addresses.setdefault("loop", _address(_loop, _TASK))
        address = _addresses[function, key] = _address(function, (types.intp, types.intp, *[typeof(a) for a in args]))
    _begin(_addresses["loop"], tasks, address, args)


def run(function: Any, key: Any, tasks: int, parallel: bool, *args: Any) -> None:
    """`launch`, or all tasks here in turn: without `parallel`, or where there is but one."""
    if parallel and tasks > 1:
        launch(function, key, tasks, *args)
    else:
        function(0, tasks, *args)
