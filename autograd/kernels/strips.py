"""Blocks of (O, N, K) elements, flat, worked on along N: a task is a strip of up to `STRIP` of the K columns of one o."""

from .compile import kernel

STRIP = 128


@kernel
def strip(t, N, K):
    """Where the strip of task t begins, and its width."""
    strips = (K + STRIP - 1) // STRIP
    first = t % strips * STRIP
    return t // strips * N * K + first, min(STRIP, K - first)
