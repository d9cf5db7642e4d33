"""What shows the same memory in another shape, in memory of its own: `permute_copy` and its kin."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..op import REGISTRY, function
from ..samples import Draw
from .further import _positions, _written
from .join import split_with_sizes, unbind
from .shape import clone, diagonal, expand, permute, squeeze, t, transpose, unfold, unsqueeze, view
from .strided import as_strided


def _copying(call: Callable[..., Any], example: str, samples: Callable[..., Any] | None = None) -> None:
    def copied(*args: Any, **kwargs: Any) -> Any:
        shown = call(*args, **kwargs)
        return tuple([clone(x) for x in shown]) if isinstance(shown, (tuple, list)) else clone(shown)

    name = f"{call.__name__}_copy"
    copied.__name__ = copied.__qualname__ = name
    copied.__doc__ = f"`{call.__name__}`, in memory of its own.\n\n    {example}\n    "
    function(samples=samples or REGISTRY[call.__name__].samples, method=False)(copied)


def alias(input: Any) -> Any:
    return input


def _unsqueezed(s: Draw) -> list[tuple[Any, ...]]:
    return [(s(2, 3), 0), (s(2, 3), -1)]


_copying(alias, ">>> autograd.alias_copy(autograd.ones(2))\n    tensor([1., 1.])", lambda s: [(s(2, 3),), (s(),)])
_copying(as_strided, ">>> autograd.as_strided_copy(autograd.arange(4), (2,), (2,))\n    tensor([0, 2])")
_copying(diagonal, ">>> autograd.diagonal_copy(autograd.eye(2))\n    tensor([1., 1.])")
_copying(
    expand,
    ">>> autograd.expand_copy(autograd.ones(1), (2,))\n    tensor([1., 1.])",
    lambda s: [(s(3, 1), (3, 4)), (s(3, 1), (2, -1, 5)), (s(), (2,))],
)
_copying(
    permute,
    ">>> autograd.permute_copy(autograd.ones(2, 3), (1, 0)).shape\n    Size([3, 2])",
    lambda s: [(s(2, 3, 4), (2, 0, 1)), (s(), ())],
)
_copying(
    split_with_sizes,
    ">>> autograd.split_with_sizes_copy(autograd.arange(3), (1, 2))\n    (tensor([0]), tensor([1, 2]))",
)
_copying(squeeze, ">>> autograd.squeeze_copy(autograd.ones(1, 2))\n    tensor([1., 1.])")
_copying(t, ">>> autograd.t_copy(autograd.ones(2, 3)).shape\n    Size([3, 2])")
_copying(transpose, ">>> autograd.transpose_copy(autograd.ones(2, 3), 0, 1).shape\n    Size([3, 2])")
_copying(unbind, ">>> autograd.unbind_copy(autograd.arange(2))\n    (tensor(0), tensor(1))")
_copying(unfold, ">>> autograd.unfold_copy(autograd.arange(3), 0, 2, 1).shape\n    Size([2, 2])")
_copying(unsqueeze, ">>> autograd.unsqueeze_copy(autograd.ones(2), 0).shape\n    Size([1, 2])", _unsqueezed)
_copying(
    view,
    ">>> autograd.view_copy(autograd.ones(2), (2, 1)).shape\n    Size([2, 1])",
    lambda s: [(s(3, 4), (3, 2, 2)), (s(4), (2, -1))],
)


@function(samples=lambda s: [(s(3, 4), s(2, 2), (2, 2), (4, 1), 1), (s(6), s(3), (3,), (2,))])
def as_strided_scatter(input: Any, src: Any, size: Any, stride: Any, storage_offset: int | None = None) -> Any:
    """A copy of input with src where `as_strided` would show it; of places shown twice the last counts.

    >>> autograd.as_strided_scatter(autograd.zeros(4), autograd.ones(2), (2,), (2,))
    tensor([1., 0., 1., 0.])
    """
    places = as_strided(_positions(input), size, stride, storage_offset)
    return _written("as_strided_scatter", input, src, places)
