"""Activation functions of one input; `nn.functional` exports them."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..op import op
from ..samples import unary
from .compare import _where


@op(lambda g, y: _where(y > 0, g, 0.0), inplace=True, samples=unary())
def relu(input: Any) -> Any:
    """max(input, 0). The gradient at 0 is 0."""
    return np.maximum(input, 0)
