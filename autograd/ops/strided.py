"""Other shapes of the same memory: `as_strided`, and the methods that change a tensor's shape in place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy import ndarray

from ..errors import ShapeError, TapeError
from ..op import function, op
from ..tape import Cell, Leaf, mode, node_of
from ..tensor import Tensor, wrap
from .shape import squeeze, swapaxes, swapdims, t, transpose, unsqueeze


def _places(size: tuple[int, ...], stride: tuple[int, ...], offset: int) -> ndarray:
    """Where the elements of the strided tensor lie in the flattened one."""
    at = np.full(size, offset, np.int64)
    for i, (n, step) in enumerate(zip(size, stride, strict=True)):
        at += (np.arange(n) * step).reshape((n,) + (1,) * (len(size) - 1 - i))
    return at


@op(
    lambda g, input_shape, size, stride, offset: _strided_sum(g, input_shape, size, stride, offset),
    view=True,
    samples=lambda s: [(s(3, 4), (2, 2), (4, 1), 1), (s(6), (3, 4), (1, 1), 0), (s(5), (), (), 3)],
)
def _as_strided(input: Any, size: tuple[int, ...], stride: tuple[int, ...], offset: int) -> Any:
    """The elements at offset + sum(index * stride) of the flattened input; a view where that lies row by row."""
    if not input.flags.c_contiguous:
        return input.reshape(-1)[_places(size, stride, offset)]
    step = input.itemsize
    flat = input.reshape(-1)[offset:]
    return np.lib.stride_tricks.as_strided(flat, size, tuple(n * step for n in stride))


@op(
    lambda g, size, stride, offset: _as_strided(g, size, stride, offset),
    samples=lambda s: [(s(2, 2), (3, 4), (2, 2), (4, 1), 1), (s(3, 4), (6,), (3, 4), (1, 1), 0)],
)
def _strided_sum(
    input: Any, shape: tuple[int, ...], size: tuple[int, ...], stride: tuple[int, ...], offset: int
) -> Any:
    """The adjoint of `_as_strided`: elements that it reads several times add up."""
    out = np.zeros(shape, input.dtype)
    np.add.at(out.reshape(-1), _places(size, stride, offset), input)
    return out


def _memory(input: Any) -> tuple[Any, int]:
    """The tensor that lies row by row in the memory that `input` shows, and where in it `input` begins.

    Memory with gaps, of a numpy array's slice, is taken as its elements row by row.
    """
    base, start = input, 0
    if isinstance(input, Tensor):
        node = node_of(input)
        if input._view is not None and not input._view.copied and not isinstance(node, Leaf):
            root = input._view.root()
            base = root if node is not None else root.detach()
            start = (input.data_ptr() - base.data_ptr()) // input.itemsize
        order = np.argsort([-step for step in base.stride()], kind="stable")
        if not base._data.flags.c_contiguous and base._data.transpose(order).flags.c_contiguous:
            base = base.permute([int(k) for k in order])  # channels-last, or an array in the order of its columns
    return base, start


@function(samples=lambda s: [(s(3, 4), (2, 2), (4, 1), 1), (s(6), (3, 4), (1, 1))])
def as_strided(input: Any, size: Any, stride: Any, storage_offset: int | None = None) -> Any:
    """The tensor of `size` whose steps of `stride` elements go over the input's memory, from the offset.

    Of a view the memory is that of what it shows, as `stride()` has it, and the offset, if none is given, the place of its
    own first element there. Raises RuntimeError where a place lies outside.

    >>> autograd.as_strided(autograd.arange(6), (3, 2), (1, 2))
    tensor([[0, 2],
            [1, 3],
            [2, 4]])
    >>> autograd.arange(6)[3:].as_strided((2,), (2,))
    tensor([3, 5])
    """
    input, start = _memory(input)
    size, stride, offset = tuple(size), tuple(stride), start if storage_offset is None else storage_offset
    if len(size) != len(stride):
        raise ShapeError(f"as_strided: size {size} and stride {stride} differ in length")
    if any(n < 0 for n in (*size, *stride, offset)):
        raise ShapeError(f"as_strided: size {size}, stride {stride} and offset {offset} must not be negative")
    count = int(np.prod(input.shape))
    last = offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True))
    if 0 not in size and last >= count:
        raise ShapeError(f"as_strided: size {size}, stride {stride}, offset {offset} reach place {last} of {count}")
    return _as_strided(input, size, stride, offset)


# ------------------------------------------------------------------------------------------- another shape in place


def _reshaped(name: str, call: Callable[..., Any], example: str) -> Callable[..., Tensor]:
    def method(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        if isinstance(self._node, Leaf):
            if mode.enabled:
                raise TapeError(f"{name}: a leaf Tensor that requires grad is being used in an in-place operation")
            leaf = self._node
            self._data = call(self.detach(), *args, **kwargs)._data
            leaf.shape = self._data.shape
            return self
        # what the tensor was stays behind as the base of all its views, itself now among them
        base = object.__new__(Tensor)
        base._data, base._cell, base._node, base._view = self._data, self._cell, self._node, self._view
        shown = call(base, *args, **kwargs)
        if shown is not base:
            self._data, self._cell, self._node, self._view = shown._data, shown._cell, shown._node, shown._view
        self._cell.written(name)
        return self

    method.__name__ = method.__qualname__ = name
    method.__doc__ = f"`{call.__name__}` of this tensor in place: the same memory, another shape.\n\n{example}"
    return method


def resize_(self: Tensor, *sizes: Any) -> Tensor:
    """This tensor with other sizes: its first elements row by row, and where it grows, elements of any value.

    Raises RuntimeError for a tensor that requires grad.

    >>> autograd.arange(6).resize_(2, 2)
    tensor([[0, 1],
            [2, 3]])
    """
    shape = tuple(sizes[0]) if len(sizes) == 1 and isinstance(sizes[0], (tuple, list)) else sizes
    if self.requires_grad:
        raise TapeError("resize_: cannot resize variables that require grad")
    if any(n < 0 for n in shape):
        raise ShapeError(f"resize_: sizes must not be negative, got {shape}")
    self._data, self._cell, self._view = np.resize(self.numpy_view(), shape), Cell(), None
    return self


def resize_as_(self: Tensor, the_template: Tensor) -> Tensor:
    """`resize_` to the other tensor's shape.

    >>> autograd.arange(6).resize_as_(autograd.zeros(1, 2))
    tensor([[0, 1]])
    """
    return resize_(self, tuple(the_template.shape))


def set_(self: Tensor, source: Tensor | None = None) -> Tensor:
    """This tensor on the memory of `source`, or without elements.

    >>> autograd.zeros(2).set_(autograd.ones(3))
    tensor([1., 1., 1.])
    """
    if isinstance(self._node, Leaf) and mode.enabled:
        raise TapeError("set_: a leaf Tensor that requires grad is being used in an in-place operation")
    self.data = wrap(np.empty(0, self.dtype)) if source is None else source
    return self


_EXAMPLES: dict[str, tuple[Callable[..., Any], str]] = {
    "squeeze_": (squeeze, ">>> autograd.zeros(1, 2).squeeze_()\ntensor([0., 0.])"),
    "unsqueeze_": (unsqueeze, ">>> autograd.zeros(2).unsqueeze_(0)\ntensor([[0., 0.]])"),
    "t_": (t, ">>> autograd.zeros(3, 2).t_().shape\nSize([2, 3])"),
    "transpose_": (transpose, ">>> autograd.zeros(3, 2).transpose_(0, 1).shape\nSize([2, 3])"),
    "swapaxes_": (swapaxes, ">>> autograd.zeros(3, 2).swapaxes_(0, 1).shape\nSize([2, 3])"),
    "swapdims_": (swapdims, ">>> autograd.zeros(3, 2).swapdims_(0, 1).shape\nSize([2, 3])"),
    "as_strided_": (as_strided, ">>> autograd.arange(4).as_strided_((2,), (2,))\ntensor([0, 2])"),
}
METHODS: dict[str, Any] = {name: _reshaped(name, *how) for name, how in _EXAMPLES.items()}
METHODS |= {"resize_": resize_, "resize_as_": resize_as_, "set_": set_}
