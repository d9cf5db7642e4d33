"""Compile the kernels that most networks want, in a process of its own beside the one that begins to want them.

LLVM compiles one kernel at a time in a process. So a process that finds none in its cache starts this one, which begins
where the other will be later in a training step, and leaves what it compiles in the cache that both read. It ends with
the process that started it.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np

ENOUGH = 2  # cores from which on it helps
LONG = 600  # seconds after which a process that compiles is held to be dead
_RUN = "import sys; sys.path[:] = sys.argv[1:]; from autograd.kernels import ahead; ahead.compile_all()"
_VARIABLE = "TAPEGRAD_AHEAD"  # 0: compile as kernels are wanted, and start nothing


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def start(cache: Path) -> subprocess.Popen[bytes] | None:
    """Start the compiling process; None where there is one core, no plain Python to start, or somebody is at it."""
    python = sys.executable or ""
    usable = os.path.basename(python).startswith("python") and not getattr(sys, "frozen", False)
    if os.environ.get(_VARIABLE) == "0" or not usable or _cores() < ENOUGH:
        return None
    mark, process = cache / "ahead", None
    try:
        cache.mkdir(parents=True, exist_ok=True)
        if mark.exists() and time.time() - mark.stat().st_mtime > LONG:  # its process was killed
            mark.unlink()
        mark.touch(exist_ok=False)
    except OSError:  # a process compiles already; or nothing can be kept, and then nothing can be handed over
        return None
    with contextlib.suppress(OSError):
        process = subprocess.Popen(
            [python, "-W", "ignore", "-c", _RUN, *sys.path],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, _VARIABLE: "0"},
        )

    def tend() -> None:
        if process is not None:
            process.wait()
        mark.unlink(missing_ok=True)

    def end() -> None:
        if process is not None:
            process.terminate()
        tend()

    threading.Thread(target=tend, daemon=True).start()
    atexit.register(end)
    return process


def compile_all() -> None:
    """Call what the training step of a small convolutional network calls: the dense layers and the loss, to which the
    other process comes last in its forward, then its backward and update from their ends."""
    from autograd.kernels import conv, elementwise, pool, softmax, update
    from autograd.kernels.gemm import matmul

    def ones(*shape: int) -> np.ndarray:
        return np.ones(shape, np.float32)

    hidden = elementwise.tanh_forward(matmul(ones(64, 400), ones(120, 400).T, ones(120)))
    scores, labels = matmul(hidden, ones(10, 120).T, ones(10)), np.zeros(64, np.int64)
    _, rows, total = softmax.softmax_cross_entropy(scores, labels)
    g = softmax.softmax_cross_entropy_backward(ones(), scores, labels, rows, total)
    matmul(g.T, hidden), matmul(g, ones(10, 120)), matmul(ones(120, 64), ones(64, 400))
    state = [[ones(120), ones(120, 400)] for _ in range(4)]
    update.adam(state[0], state[1], state[2], state[3], None, 1, 0.001)
    images, first, second = ones(64, 3, 32, 32), ones(6, 3, 5, 5), ones(16, 6, 5, 5)
    plane, half, deep = (
        conv.empty(shape, images.dtype)[0] for shape in ((64, 6, 28, 28), (64, 6, 14, 14), (64, 16, 10, 10))
    )
    for array in (plane, half, deep):
        array[...] = 0
    conv.conv2d_bias(plane)
    conv.conv2d_weight(plane, images, first.shape)  # type: ignore[arg-type]
    conv.conv2d_input(deep, second, half.shape)  # type: ignore[arg-type]
    conv.conv2d_weight(deep, half, second.shape)  # type: ignore[arg-type]
    for pooled in (plane, deep):
        largest, places = pool.max_pool2d(pooled, 2)
        pool.max_pool2d_input(largest, places, pooled.shape, 2)
    elementwise.tanh_backward(plane, elementwise.tanh_forward(plane))
    elementwise.relu_backward(plane, elementwise.relu(plane))
    conv.conv2d(half, second, ones(16))
    conv.conv2d(images, first, ones(6))
    update.sgd(state[0], state[1], state[2], 0.1, 0.9)
