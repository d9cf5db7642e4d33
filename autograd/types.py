"""torch.types: names that programs annotate with."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import IO, Any, Union

from .dtypes import DType
from .tensor import Device as _device
from .tensor import Size, Tensor

_int, _float, _bool, _complex, _dtype, _layout, _qscheme = int, float, bool, complex, DType, str, Any
_size = Union[Size, list[int], tuple[int, ...]]  # noqa: UP007  as torch writes them
Number = Union[int, float, bool]  # noqa: UP007
_Number = (int, float, bool)  # for isinstance
Device = Union[_device, str, int, None]  # noqa: UP007
FileLike = Union[str, os.PathLike[str], IO[bytes]]  # noqa: UP007
_TensorOrTensors = Union[Tensor, Sequence[Tensor]]  # noqa: UP007
