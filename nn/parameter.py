"""Parameter and Buffer: the tensors a Module owns."""

from __future__ import annotations

from typing import Any

import numpy as np

from autograd import Tensor, dtypes
from autograd.tape import Cell
from autograd.tensor import to_array


class _Owned(Tensor):
    """A leaf on the memory of `data`, without its history."""

    def __init__(self, data: Any = None) -> None:
        self._data = np.empty(0, dtypes.get_default_dtype()) if data is None else to_array(data)
        self._cell = data._cell if isinstance(data, Tensor) else Cell()


class Parameter(_Owned):
    """A Tensor that becomes a parameter of the Module it is assigned to. It shares `data`'s memory.

    requires_grad: whether backward computes its gradient (default True; data must then be of a floating dtype).
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
    """

    persistent: bool

    def __init__(self, data: Any = None, *, persistent: bool = True) -> None:
        super().__init__(data)
        self.persistent = persistent
