"""Parameters as one flat vector."""

from __future__ import annotations

from collections.abc import Iterable

import autograd
from autograd import Tensor
from autograd.errors import ShapeError


def parameters_to_vector(parameters: Iterable[Tensor]) -> Tensor:
    """All parameters one after the other as one vector, recorded.

    >>> nn.utils.parameters_to_vector(nn.Linear(2, 1).parameters()).shape
    Size([3])
    """
    return autograd.cat([autograd.reshape(param, (-1,)) for param in parameters])


def vector_to_parameters(vec: Tensor, parameters: Iterable[Tensor]) -> None:
    """Make the parts of `vec` the parameters' values, in its memory, unrecorded. ShapeError for another length.

    >>> layer = nn.Linear(2, 1)
    >>> nn.utils.vector_to_parameters(autograd.ones(3), layer.parameters())
    >>> layer.weight.tolist()
    [[1.0, 1.0]]
    """
    if not isinstance(vec, Tensor):
        raise TypeError(f"vector_to_parameters: expected a Tensor, got {type(vec).__name__}")
    parameters = list(parameters)
    total = sum(param.numel() for param in parameters)
    if tuple(vec.shape) != (total,):
        raise ShapeError(
            f"vector_to_parameters: the parameters have {total} elements, the vector has shape {tuple(vec.shape)}"
        )
    start, flat = 0, vec.detach()
    for param in parameters:
        param.data = flat[start : start + param.numel()].reshape(param.shape)
        start += param.numel()
