"""Parameter and Buffer: the tensors a Module owns."""

from __future__ import annotations

from typing import Any

import numpy as np

from autograd import Tensor, dtypes
from autograd.errors import NotTensorError
from autograd.tape import Cell
from autograd.tensor import wrap


class _Owned(Tensor):
    """A leaf on the memory of `data`, without its history."""

    def __init__(self, data: Any = None) -> None:
        if data is not None and not isinstance(data, Tensor):
            raise NotTensorError(
                f"{type(self).__name__}: data is {type(data).__name__}, expected a Tensor; use tensor(data)"
            )
        self._data = np.empty(0, dtypes._default) if data is None else data.numpy_view()
        self._cell = data._cell if isinstance(data, Tensor) else Cell()


class Parameter(_Owned):
    """A Tensor that becomes a parameter of the Module it is assigned to. It shares `data`'s memory.

    requires_grad: whether backward computes its gradient (default True; data must then be of a floating dtype).

    >>> nn.Parameter(autograd.ones(2)).requires_grad
    True
    """

    def __init__(self, data: Any = None, requires_grad: bool = True) -> None:
        super().__init__(data)
        if requires_grad:
            self.requires_grad_()

    def __repr__(self) -> str:
        return f"Parameter containing:\n{super().__repr__()}"


class Buffer(_Owned):
    """A Tensor that becomes a buffer of the Module it is assigned to: state that is not learned.

    persistent: whether it is part of the state_dict.

    >>> list(nn.Buffer(autograd.ones(2)).shape)
    [2]
    """

    persistent: bool

    def __init__(self, data: Any = None, *, persistent: bool = True) -> None:
        super().__init__(data)
        self.persistent = persistent


class UninitializedTensorMixin:
    """What a parameter or buffer of a lazy module is until its shape is known: from the first input, or from loaded values."""

    _becomes: type
    data: Any
    dtype: Any

    def materialize(self, shape: Any, device: Any = None, dtype: Any = None) -> None:
        """Give it its shape; from here on it is a plain Parameter, or Tensor, with any values."""
        chosen = dtypes.as_dtype(self.dtype if dtype is None else dtype)
        self.data = wrap(np.empty(tuple(shape), chosen))
        self.__class__ = self._becomes

    @property
    def shape(self) -> Any:
        raise RuntimeError(
            "the shape of an uninitialized parameter or buffer is not known: call the lazy module on an input first"
        )

    def detach(self) -> Any:
        """Itself: a state_dict tells that there is no value yet."""
        return self

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"


def _unsized(dtype: Any) -> Tensor:
    return wrap(np.empty(0, dtypes._default if dtype is None else dtypes.as_dtype(dtype)))


class UninitializedParameter(UninitializedTensorMixin, Parameter):
    """A parameter of a lazy module: its shape is known only when the module sees its first input, or loads its values.

    >>> nn.LazyLinear(2).weight
    <UninitializedParameter>
    """

    _becomes = Parameter

    def __init__(self, requires_grad: bool = True, device: Any = None, dtype: Any = None) -> None:
        super().__init__(_unsized(dtype), requires_grad)


class UninitializedBuffer(UninitializedTensorMixin, Buffer):
    """A buffer of a lazy module: its shape is known only when the module sees its first input, or loads its values.

    >>> held = nn.UninitializedBuffer()
    >>> held.materialize((2, 3))
    >>> held.shape
    Size([2, 3])
    """

    _becomes = Buffer

    def __init__(
        self, requires_grad: bool = False, device: Any = None, dtype: Any = None, persistent: bool = True
    ) -> None:
        super().__init__(_unsized(dtype), persistent=persistent)
        if requires_grad:
            self.requires_grad_()


def is_lazy(param: Any) -> bool:
    """Whether it is a parameter or a buffer without shape."""
    return isinstance(param, UninitializedTensorMixin)
