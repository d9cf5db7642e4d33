"""torch.overrides: whether an argument is of a class that takes functions over. None is: operations keep no subclasses here.

Copies of torch's own functions ask it first.
"""

from __future__ import annotations

from typing import Any

from .tensor import Tensor


def has_torch_function(*relevant_args: Any) -> bool:
    """False.

    >>> from autograd.overrides import has_torch_function
    >>> has_torch_function((autograd.ones(1),))
    False
    """
    return False


has_torch_function_unary = has_torch_function_variadic = has_torch_function


def is_tensor_like(inp: Any) -> bool:
    """Whether it is a Tensor."""
    return isinstance(inp, Tensor)
