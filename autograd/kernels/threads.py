"""The threads that kernels run on.

A parallel kernel is a number of tasks that may run in any order. The calling thread lays down where the kernel and its
arguments are and gives itself and each helper an equal run of the tasks; each goes through its own run from the front,
then through what others have left from their backs. So the same thread mostly meets the same data from one kernel to
the next, a helper that wakes late or loses its core delays nobody by more than the one piece it holds, and a call needs
no helper at all to come to its end. A helper without work looks for some for a moment, then sleeps.

numba's own parallel loops wait for every thread at their end, which under load is many times the work, and compile a
kernel once more for each loop that calls it. Here a kernel is known by the address of its compiled form.
"""

from __future__ import annotations

import atexit
import os
import platform
import threading
from queue import SimpleQueue
from typing import Any

import numpy as np
from llvmlite import ir
from numba import typeof
from numba.core import cgutils, config, types
from numba.extending import intrinsic

from autograd.errors import NumberError
from autograd.kernels.buffer import LINE, aligned
from autograd.kernels.compile import kernel

# The memory that the threads share: one word a cache line where several threads write.
BUSY, DONE, JOB, STOP = 0, LINE, 2 * LINE, 3 * LINE  # whether taken; pieces finished; number of the last job; to end
ENTRY, KERNEL, ARGS, TASKS, EACH, THREADS = (4 * LINE + 8 * i for i in range(6))  # the job
RUNS = 5 * LINE  # from here on a word a thread: the next piece of its run, and in the upper half the run's end
ASLEEP = 32  # bytes behind a thread's run: whether it sleeps

PIECES = 24  # pieces of a job a thread at most: one costs a tenth of a microsecond
LOOKING = 20000  # times, a third of a millisecond, that a helper looks for work before it sleeps: it stays awake within a step
PATIENCE = 200  # times that a caller looks for the helpers' last pieces before it lets other threads have its core


def _pointer(builder, address):  # type: ignore[no-untyped-def]
    return builder.inttoptr(address, ir.IntType(64).as_pointer())


@intrinsic
def _load(tyctx, address):  # type: ignore[no-untyped-def]
    def codegen(context, builder, sig, args):  # type: ignore[no-untyped-def]
        return builder.load_atomic(_pointer(builder, args[0]), "seq_cst", 8)

    return types.int64(types.intp), codegen


@intrinsic
def _store(tyctx, address, value):  # type: ignore[no-untyped-def]
    def codegen(context, builder, sig, args):  # type: ignore[no-untyped-def]
        builder.store_atomic(args[1], _pointer(builder, args[0]), "seq_cst", 8)
        return context.get_dummy_value()

    return types.void(types.intp, types.int64), codegen


@intrinsic
def _exchange(tyctx, address, held, value):  # type: ignore[no-untyped-def]
    """Put `value` where `held` is; whether that was so."""

    def codegen(context, builder, sig, args):  # type: ignore[no-untyped-def]
        pair = builder.cmpxchg(_pointer(builder, args[0]), args[1], args[2], "seq_cst", "seq_cst")
        return builder.extract_value(pair, 1)

    return types.boolean(types.intp, types.int64, types.int64), codegen


@intrinsic
def _count(tyctx, address):  # type: ignore[no-untyped-def]
    def codegen(context, builder, sig, args):  # type: ignore[no-untyped-def]
        return builder.atomic_rmw("add", _pointer(builder, args[0]), ir.Constant(ir.IntType(64), 1), "seq_cst")

    return types.int64(types.intp), codegen


_PAUSE = {"x86_64": "llvm.x86.sse2.pause", "AMD64": "llvm.x86.sse2.pause"}.get(platform.machine())


@intrinsic
def _pause(tyctx):  # type: ignore[no-untyped-def]
    """Tell the core that this is a loop that waits."""

    def codegen(context, builder, sig, args):  # type: ignore[no-untyped-def]
        if _PAUSE:
            pause = ir.FunctionType(ir.VoidType(), [])
            builder.call(cgutils.get_or_insert_function(builder.module, pause, _PAUSE), [])
        return context.get_dummy_value()

    return types.void(), codegen


@intrinsic
def _give_way(tyctx):  # type: ignore[no-untyped-def]
    """Let another thread have this core."""

    def codegen(context, builder, sig, args):  # type: ignore[no-untyped-def]
        if os.name == "posix":
            yields = ir.FunctionType(ir.IntType(32), [])
            builder.call(cgutils.get_or_insert_function(builder.module, yields, "sched_yield"), [])
        return context.get_dummy_value()

    return types.void(), codegen


def _invoke(context, builder, address, kinds, values):  # type: ignore[no-untyped-def]
    """Call the compiled function at `address`, which takes arguments of these kinds."""
    function = context.call_conv.get_function_type(types.none, kinds)
    context.call_conv.call_function(
        builder, builder.inttoptr(address, function.as_pointer()), types.none, kinds, values
    )


@intrinsic
def _tasks(tyctx, entry, first, last, address, packed):  # type: ignore[no-untyped-def]
    """Call the function at `entry`, of `_enter`'s making, for a range of tasks."""

    def codegen(context, builder, sig, values):  # type: ignore[no-untyped-def]
        function = ir.FunctionType(ir.VoidType(), [values[0].type] * 4)
        builder.call(builder.inttoptr(values[0], function.as_pointer()), values[1:])
        return context.get_dummy_value()

    return types.void(*[types.intp] * 5), codegen


@kernel
def _piece(shared, run, front):
    """Take the first or the last piece of a run and do it; False where the run is empty."""
    while True:
        held = _load(run)
        first, end = held & 0xFFFFFFFF, held >> 32
        if first >= end:
            return False
        if _exchange(run, held, held + 1 if front else held - (1 << 32)):
            break
    # from here on the job cannot end, so what is read of it is this job's
    each, piece = _load(shared + EACH), first if front else end - 1
    last = min((piece + 1) * each, _load(shared + TASKS))
    _tasks(_load(shared + ENTRY), piece * each, last, _load(shared + KERNEL), _load(shared + ARGS))
    _count(shared + DONE)
    return True


@kernel
def _take_part(shared, me, threads):
    """Do the pieces of one's own run, then those that others have not come to."""
    while _piece(shared, shared + RUNS + me * LINE, True):
        pass
    for other in range(1, threads):
        while _piece(shared, shared + RUNS + (me + other) % threads * LINE, False):
            pass


@kernel
def _lead(shared, threads, tasks, entry, address, packed):
    """Have the tasks done: the caller's part. Where the helpers work for another caller, all of them."""
    if not _exchange(shared + BUSY, 0, 1):
        _tasks(entry, 0, tasks, address, packed)
        return
    most = PIECES * threads
    each = (tasks + most - 1) // most
    pieces = (tasks + each - 1) // each
    _store(shared + ENTRY, entry)
    _store(shared + KERNEL, address)
    _store(shared + ARGS, packed)
    _store(shared + TASKS, tasks)
    _store(shared + EACH, each)
    _store(shared + THREADS, threads)
    _store(shared + DONE, 0)
    for k in range(threads):
        _store(shared + RUNS + k * LINE, k * pieces // threads | (k + 1) * pieces // threads << 32)
    _count(shared + JOB)
    _take_part(shared, 0, threads)
    looked = 0
    while _load(shared + DONE) < pieces:
        looked += 1
        if looked < PATIENCE:
            _pause()
        else:
            _give_way()
    _store(shared + BUSY, 0)


@kernel
def _help(shared, me):
    """Take part in jobs until there has been none for a while (True), or for good (False)."""
    seen, looked = 0, 0
    while not _load(shared + STOP):
        job = _load(shared + JOB)
        if job != seen:
            seen, looked, threads = job, 0, _load(shared + THREADS)
            if me < threads:
                _take_part(shared, me, threads)
            continue
        _pause()
        looked += 1
        if looked > LOOKING:
            _store(shared + RUNS + me * LINE + ASLEEP, 1)
            if _load(shared + JOB) == seen:
                return True
            _store(shared + RUNS + me * LINE + ASLEEP, 0)
            looked = 0
    return False


@intrinsic
def _enter(tyctx, lead, shared, threads, tasks, address, args):  # type: ignore[no-untyped-def]
    """Lay the arguments down in memory and call `_lead`, at the address `lead`, for the kernel at `address`.

    What knows the kinds of the arguments is a small function made here, which picks them up again.
    """

    def codegen(context, builder, sig, values):  # type: ignore[no-untyped-def]
        lead, shared, threads, tasks, address, given = values
        word = address.type
        kind = ir.FunctionType(ir.VoidType(), [word] * 4)
        entry = ir.Function(builder.module, kind, builder.module.get_unique_name("entry"))
        entry.linkage = "internal"
        inner = ir.IRBuilder(entry.append_basic_block())
        first, last, kernel_at, packed = entry.args
        there = inner.load(inner.inttoptr(packed, given.type.as_pointer()))
        unpacked = [inner.extract_value(there, i) for i in range(len(args))]
        _invoke(context, inner, kernel_at, (types.intp, types.intp, *args), [first, last, *unpacked])
        inner.ret_void()
        slot = builder.ptrtoint(cgutils.alloca_once_value(builder, given), word)
        job = [shared, threads, tasks, builder.ptrtoint(entry, word), address, slot]
        _invoke(context, builder, lead, _LEAD, job)
        return context.get_dummy_value()

    return types.void(*[types.intp] * 5, args), codegen


@kernel
def _start(lead, shared, threads, tasks, address, args):
    _enter(lead, shared, threads, tasks, address, args)


_LEAD = (types.intp,) * 6


def _address(function: Any, signature: tuple[Any, ...]) -> int:
    """Where the machine code of a kernel of this signature starts."""
    function.compile(signature)
    compiled = function.overloads[signature]
    return compiled.library.get_pointer_to_function(compiled.fndesc.llvm_func_name)


MOST = int(config.NUMBA_NUM_THREADS)  # what NUMBA_NUM_THREADS says, by default the cores this process may use


class _Helpers:
    """The helping threads, started when they are first wanted."""

    def __init__(self) -> None:
        self.bells: list[SimpleQueue[None]] = []
        self.threads: list[threading.Thread] = []
        self.lock = threading.Lock()
        memory = aligned(RUNS + MOST * LINE, np.uint8)
        memory[:] = 0
        self.shared, self.words = memory.ctypes.data, memory.data.cast("q")  # the view keeps the memory
        self.lead = 0

    def start(self, count: int) -> None:
        """See to it that there are so many."""
        with self.lock:
            self.lead = self.lead or _address(_lead, _LEAD)
            _help.compile((types.intp, types.intp))
            while len(self.threads) < count:
                self.bells.append(SimpleQueue())
                me = len(self.bells)
                serve = threading.Thread(
                    target=self.serve, args=(me, self.bells[-1]), name=f"tapegrad-{me}", daemon=True
                )
                serve.start()
                self.threads.append(serve)

    def serve(self, me: int, bell: SimpleQueue[None]) -> None:
        while _help(self.shared, me):
            bell.get()

    def wake(self, threads: int) -> None:
        for k in range(1, threads):
            at = (RUNS + k * LINE + ASLEEP) // 8
            if self.words[at]:
                self.words[at] = 0
                self.bells[k - 1].put(None)

    def stop(self) -> None:
        """Before the interpreter goes: a thread must not come back from a kernel into it."""
        self.words[STOP // 8] = 1
        for bell in self.bells:
            bell.put(None)
        for thread in self.threads:
            thread.join()


class _Wanted(threading.local):
    threads = used = MOST


_helpers, _wanted = _Helpers(), _Wanted()
_addresses: dict[Any, int] = {}


def _after_fork() -> None:
    global _helpers
    _helpers = _Helpers()  # a forked process has only the thread that forked


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
atexit.register(lambda: _helpers.stop())


def get_num_threads() -> int:
    """How many threads an operation of this Python thread may use.

    >>> autograd.get_num_threads() >= 1
    True
    """
    return _wanted.threads


def threads_in_use() -> int:
    """How many threads a kernel of this Python thread runs on: `get_num_threads`, but no more than there are."""
    return _wanted.used


def set_num_threads(n: int) -> None:
    """Let the operations of this Python thread use n threads; more than there are cores, or than NUMBA_NUM_THREADS says
    when Python starts, are as good as that many.

    Results do not depend on it, to the last bit. Raises ValueError for less than one.

    >>> autograd.set_num_threads(autograd.get_num_threads())
    """
    if isinstance(n, bool) or not isinstance(n, (int, np.integer)):
        raise TypeError(f"set_num_threads: expected an int, got {type(n).__name__}")
    if n < 1:
        raise NumberError(f"set_num_threads: n is {n}; expected a positive number of threads")
    _wanted.threads, _wanted.used = int(n), min(int(n), MOST)


def launch(function: Any, key: Any, tasks: int, *args: Any) -> None:
    """Run function(t, u, *args) over all tasks 0 <= t < u <= tasks, on the threads of this Python thread, in any order.

    `function` is a kernel whose first two arguments are the range of tasks to do: function(0, tasks, *args) is the
    serial form. `key` tells its signatures apart, as the dtype does for most. `args` are arrays and Python numbers.
    """
    threads, helpers = min(_wanted.used, tasks), _helpers
    if threads <= 1:
        function(0, tasks, *args)
        return
    address = _addresses.get((function, key))
    if address is None:
        address = _addresses[function, key] = _address(function, (types.intp, types.intp, *[typeof(a) for a in args]))
    if len(helpers.threads) < threads - 1:
        helpers.start(threads - 1)
    helpers.wake(threads)
    _start(helpers.lead, helpers.shared, threads, tasks, address, args)


def run(function: Any, key: Any, tasks: int, parallel: bool, *args: Any) -> None:
    """`launch`, or all tasks here in turn: without `parallel`, or where there is but one."""
    if parallel and tasks > 1:
        launch(function, key, tasks, *args)
    else:
        function(0, tasks, *args)
