"""Arrays with one value wherever a mask holds, the mask broadcast."""

from __future__ import annotations

import numpy as np

from .buffer import flat
from .compile import kernel
from .threads import run
from .view import part

GATE = 1 << 15  # elements below which a parallel launch costs more than it saves
SOME = 1 << 11  # elements from which the kernel is worth its call
STEP = 1 << 13  # elements a task
DIMS = 4


@kernel
def _fill(first, last, x, mask, start, A, B, C, value, y, far, away, near, beside, step):
    """Rows of y (.., A, B, C, L), `step` a task: value where the mask holds, whose places are far, away, near and
    `beside` (0 or 1) apart along these dims, else x."""
    L = y.size // (A * B * C)
    for r in range(first * step, min(A * B * C, last * step)):
        i, a = r * L, start + r // (B * C) * far + r // C % B * away + r % C * near
        source, target = part(x, i, i + L), part(y, i, i + L)
        if beside:
            held = part(mask, a, a + L)
            for k in range(L):
                target[k] = value if held[k] else source[k]
        elif mask[a]:
            for k in range(L):
                target[k] = value
        else:
            for k in range(L):
                target[k] = source[k]


def fill(x: np.ndarray, mask: np.ndarray, value: float) -> np.ndarray | None:
    """x, float32 or float64, with `value` where the bool mask holds, which fits x's shape by broadcasting; None where
    numpy does as well: few elements, more than four dims, or not in C order."""
    if x.size < SOME or x.ndim > DIMS or x.dtype.char not in "fd" or not x.flags.carray or mask.ndim > x.ndim:
        return None
    shape = (1,) * (DIMS - x.ndim) + x.shape
    held, start, strides = flat(np.broadcast_to(mask, shape).view(np.uint8))
    if strides[3] > 1 or strides[3] < 0:
        return None
    y, (A, B, C, L) = np.empty_like(x), shape
    step = max(1, STEP // L)
    run(
        _fill, x.dtype, -(-A * B * C // step), x.size >= GATE, x.reshape(-1), held, start, A, B, C, x.dtype.type(value),
        y.reshape(-1), *strides, step,
    )  # fmt: skip
    return y
