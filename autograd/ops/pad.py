"""Padding at the borders: constant, reflect, replicate, circular."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy import ndarray

from .. import dtypes
from ..errors import NumberError, ShapeError
from ..kernels import border as kernels
from ..kernels import move
from ..op import function, op

Pads = tuple[tuple[int, int], ...]


def _crop(input: Any, pads: Pads) -> Any:
    n = input.shape
    inner = tuple([slice(a, n[i] - b) for i, (a, b) in enumerate(pads)])
    if type(input) is ndarray and input.flags.c_contiguous and input.nbytes >= move.ROWS:
        return move.dense(input[inner])  # a gradient: all that comes next would have to copy it
    return _getitem(input, (*inner, ...))


@op(
    lambda g, pads: _crop(g, pads),
    samples=lambda s: [(s(2, 3), ((1, 0), (0, 2))), (s(2), ((3, 1),), 2.5), (s(0, 2), ((1, 1), (0, 0)))],
)
def _pad_constant(input: Any, pads: Pads, value: float = 0) -> Any:
    """Borders of `value`."""
    if input.nbytes >= move.SOME and input.flags.c_contiguous and input.itemsize <= 8:
        return move.framed(input, pads, value)
    out = _empty(input, tuple([n + a + b for n, (a, b) in zip(input.shape, pads, strict=True)]))
    out.fill(value)
    out[tuple([slice(a, a + n) for n, (a, _) in zip(input.shape, pads, strict=True)])] = input
    return out


def _empty(like: Any, shape: tuple[int, ...]) -> Any:
    """An empty array of `shape` whose axes lie in memory in the order of `like`'s."""
    if [*like.strides] == sorted(like.strides, reverse=True):  # in that of their numbers
        return np.empty(shape, like.dtype)
    order = sorted(range(like.ndim), key=lambda i: -abs(like.strides[i]))
    return np.empty([shape[i] for i in order], like.dtype).transpose(np.argsort(order) if order else ())


def _source(mode: str, length: int, before: int, after: int) -> Any:
    """For each place along a padded dim the place of the input it repeats."""
    at = np.arange(-before, length + after)
    if mode == "replicate":
        return at.clip(0, length - 1)
    if mode == "circular":
        return at % length
    return length - 1 - abs(length - 1 - abs(at))  # reflect


@op(
    lambda g, input_shape, pads, mode: _pad_fold(g, input_shape, pads, mode),
    samples=lambda s: [
        (s(2, 3, 4), ((0, 0), (2, 1), (0, 3)), mode) for mode in ("reflect", "replicate", "circular")
    ] + [(s(2, 3), ((0, 0), (-1, 2)), "replicate"), (s(2, 4), ((0, 0), (-1, 2)), "circular")],
)  # fmt: skip
def _pad_copies(input: Any, pads: Pads, mode: str) -> Any:
    """Borders made of the elements of `input`."""
    if any(a < 0 or b < 0 for a, b in pads):  # what is cut off may still be repeated
        for d, (a, b) in enumerate(pads):
            if a or b:
                input = np.take(input, _source(mode, input.shape[d], a, b), d)
        return input
    if _in_kernel(input, input.shape, pads):
        return kernels.pad(input, *_tables(mode, input.shape, pads))
    out = _empty(input, tuple([n + a + b for n, (a, b) in zip(input.shape, pads, strict=True)]))
    out[tuple([slice(a, a + n) for n, (a, _) in zip(input.shape, pads, strict=True)])] = input
    for d, (a, b) in enumerate(pads):
        for to, at in _repeats(mode, input.shape[d], a, b):
            out[(slice(None),) * d + (to,)] = out[(slice(None),) * d + (a + at,)]
    return out


def _in_kernel(x: Any, shape: tuple[int, ...], pads: Pads) -> bool:
    """Whether the kernels take this and are worth their call; `shape` is that without borders."""
    padded = len(_borders(pads))
    return (
        x.size >= 4096
        and x.dtype.kind != "c"
        and 0 < padded <= 3
        and 0 not in shape
        and all(a >= 0 and b >= 0 for a, b in pads)
    )


def _borders(pads: Pads) -> Pads:
    """Those of the dims from the first on that has one."""
    return pads[next((d for d, sizes in enumerate(pads) if sizes != (0, 0)), len(pads)) :]


def _tables(mode: str, shape: tuple[int, ...], pads: Pads) -> tuple[list[Any], int]:
    borders = _borders(pads)
    sizes = shape[len(shape) - len(borders) :]
    return [_source(mode, n, a, b) for n, (a, b) in zip(sizes, borders, strict=True)], pads[-1][0]


def _repeats(mode: str, length: int, before: int, after: int) -> list[tuple[int, int]]:
    """The places along a padded dim that repeat one of the input, and which."""
    inner = range(before, before + length)
    return [(i, int(at)) for i, at in enumerate(_source(mode, length, before, after)) if i not in inner]


@op(
    lambda g, pads, mode: _pad_copies(g, pads, mode),
    samples=lambda s: [(s(2, 6), (2, 3), ((0, 0), (1, 2)), mode) for mode in ("reflect", "replicate", "circular")],
)
def _pad_fold(input: Any, shape: tuple[int, ...], pads: Pads, mode: str) -> Any:
    """The adjoint of `_pad_copies`: what the copies got is added to the elements they were made of."""
    if _in_kernel(input, shape, pads) and input.dtype in dtypes.FLOATS:
        return kernels.fold(input, shape, *_tables(mode, shape, pads))
    for d, (a, b) in enumerate(pads):
        if a or b:
            before, n = (slice(None),) * d, shape[d]
            out = _empty(input, (*input.shape[:d], n, *input.shape[d + 1 :]))
            first, last = max(-a, 0), min(n, n + b)  # of the elements that are in the middle
            out[(*before, slice(first))] = out[(*before, slice(last, None))] = 0
            out[(*before, slice(first, last))] = input[(*before, slice(first + a, last + a))]
            for i, at in _repeats(mode, n, a, b):
                out[(*before, at)] += input[(*before, i)]
            input = out
    return input


def _check(mode: str, shape: tuple[int, ...], pads: Pads) -> None:
    for d, (a, b) in enumerate(pads):
        if not a and not b:
            continue
        n = shape[d]
        limit = {"reflect": n - 1, "circular": n, "replicate": None}[mode]
        if limit is not None and max(a, b) > limit:
            reason = "less than" if mode == "reflect" else "at most"
            raise ShapeError(
                f"pad: mode {mode!r} needs a padding of {reason} the size of the dim; got {(a, b)} for dim {d} of {n}"
            )
        if n + a + b < 0 or (mode == "replicate" and not n):
            raise ShapeError(f"pad: padding {(a, b)} does not fit dim {d} of size {n}")


@function(
    method=False,
    samples=lambda s: [
        (s(2, 3), (1, 2)), (s(2, 3), (1, 0, 0, 2), "constant", 1.5), (s(2, 3, 4), (-1, 2)),
        (s(2, 3, 4), (2, 1), "reflect"),
        (s(1, 2, 3, 4), (1, 2, 0, 2), "replicate"), (s(1, 3, 4), (1, 2, 2, 0), "circular"),
    ],
)  # fmt: skip
def pad(input: Any, pad: Any, mode: str = "constant", value: float | None = None) -> Any:
    """`input` with borders, of `value` or of its own elements; negative sizes cut off.

    pad: (left, right) of the last dim, then of the one before it, and so on. mode: constant, reflect,
    replicate, circular: all but the first pad the last 1 to 3 dims of a tensor with one or two more. Raises ShapeError
    for sizes that do not fit.

    >>> autograd.pad(autograd.tensor([1, 2]), (1, 2))
    tensor([0, 1, 2, 0, 0])
    """
    sizes = tuple([int(n) for n in pad])
    shape = tuple(input.shape)
    n = len(shape)
    if len(sizes) % 2 or len(sizes) > 2 * n:
        raise ShapeError(
            f"pad: expected an even number of sizes, at most {2 * n}, for {n} dimensions; got {len(sizes)}"
        )
    pads = ((0, 0),) * (n - len(sizes) // 2) + tuple(zip(sizes[-2::-2], sizes[::-2], strict=True))
    if mode == "constant":
        if sizes and min(sizes) < 0:
            for d, (a, b) in enumerate(pads):
                if shape[d] + min(a, 0) + min(b, 0) < 0:
                    raise ShapeError(f"pad: padding {(a, b)} takes more than all of dim {d} of size {shape[d]}")
            input = _crop(input, tuple([(max(-a, 0), max(-b, 0)) for a, b in pads]))
            pads = tuple([(max(a, 0), max(b, 0)) for a, b in pads])
        return _pad_constant(input, pads, 0 if value is None else value)
    if mode not in ("reflect", "replicate", "circular"):
        raise NumberError(f"pad: mode must be constant, reflect, replicate or circular, got {mode!r}")
    if value not in (None, 0):
        raise ShapeError(f"pad: mode {mode!r} takes no value, got {value}")
    padded = len(sizes) // 2
    if padded not in (1, 2, 3) or n not in (padded + 1, padded + 2):
        raise ShapeError(
            f"pad: mode {mode!r} pads the last 1 to 3 dims of a tensor with one or two more; "
            f"got sizes for {padded} dims of {n}"
        )
    if mode == "circular" and min(sizes) < 0:  # what is cut off is not repeated
        if any(n + min(a, 0) + min(b, 0) < 0 for n, (a, b) in zip(shape, pads, strict=True)):
            raise ShapeError(f"pad: sizes {sizes} take more than all of a dim of {shape}")
        input = _crop(input, tuple([(max(-a, 0), max(-b, 0)) for a, b in pads]))
        shape, pads = tuple(input.shape), tuple([(max(a, 0), max(b, 0)) for a, b in pads])
    _check(mode, shape, pads)
    return _pad_copies(input, pads, mode)


_pad = pad


@function(samples=lambda s: [(s(2, 3), (1, 2)), (s(2, 3), (1, -1, 0, 2), 1.5)])
def constant_pad_nd(input: Any, pad: Any, value: float = 0) -> Any:
    """`pad` of mode constant, the function below it in torch.

    >>> autograd.constant_pad_nd(autograd.tensor([1, 2]), (1, 0))
    tensor([0, 1, 2])
    """
    return _pad(input, pad, "constant", value)


from .index import _getitem  # noqa: E402  cropping is a slice
