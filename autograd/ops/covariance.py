"""Covariance and correlation of variables observed together."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import dtypes
from ..errors import DTypeError, NumberError, ShapeError
from ..op import function, real_only
from .arithmetic import sqrt
from .compare import _data, clamp
from .convert import to_dtype
from .linalg import matmul
from .reduce import mean, sum
from .shape import _reshape, transpose


def _weights(name: str, weights: Any, n: int, kind: str) -> Any:
    data = _data(weights)
    if data.ndim > 1 or data.size != n:
        raise ShapeError(f"cov: expected {name} a vector of {n} weights, one an observation, got shape {data.shape}")
    if data.dtype.kind not in kind:
        raise DTypeError(f"cov: expected {name} of {'integers' if 'i' in kind else 'floats'}, got {data.dtype}")
    if data.size and data.min() < 0:
        raise NumberError(f"cov: {name} must not be negative, got {data.min()}")
    return weights


@function(
    samples=lambda s: [
        (s(3, 5),), (s(5),), (s(2, 4), {"correction": 0}), (s(2, 4), {"fweights": np.array([1, 2, 1, 3])}),
        (s(2, 4), {"aweights": s.positive(4).astype(np.float32)}),
    ],
)  # fmt: skip
def cov(input: Any, *, correction: int = 1, fweights: Any = None, aweights: Any = None) -> Any:
    """The covariance matrix of variables in rows, observations in columns; of a single variable a number.

    fweights: how often each observation occurs, integers. aweights: its relative importance. correction: as for `var`.

    >>> autograd.cov(autograd.tensor([[1.0, 2.0, 3.0], [2.0, 4.0, 6.0]]))
    tensor([[1., 2.],
            [2., 4.]])
    """
    real_only("cov", input)
    if len(input.shape) > 2:
        raise ShapeError(f"cov: expected at most two dimensions, variables and observations, got {tuple(input.shape)}")
    kind = np.dtype(input.dtype).kind
    if kind == "b":
        raise DTypeError("cov: bools have no covariance; cast with to()")
    x = input if kind == "f" else to_dtype(input, dtypes._default)
    x = _reshape(x, (1, -1)) if len(input.shape) < 2 else x
    n = x.shape[1]
    weights = None
    if fweights is not None:
        weights = _weights("fweights", fweights, n, "iu")
    if aweights is not None:
        relative = _weights("aweights", aweights, n, "f")
        weights = relative if weights is None else weights * relative
    if weights is None:
        norm: Any = max(n - correction, 0)
        off = x - mean(x, 1, True)
        product = matmul(off, transpose(off, 0, 1))
    else:
        total = sum(weights)
        if not total:
            raise NumberError("cov: the weights sum to 0; expected some of the observations to count")
        norm = total - correction if aweights is None else total - correction * sum(weights * aweights) / total
        norm = clamp(norm, 0)
        off = x - sum(x * weights, 1, True) / total
        product = matmul(off, transpose(off * weights, 0, 1))
    result = product / norm if weights is not None or norm else product * np.inf
    return _reshape(result, ()) if x.shape[0] == 1 else result


@function(samples=lambda s: [(s(3, 5),), (s(5),)])
def corrcoef(input: Any) -> Any:
    """The Pearson correlation coefficients of variables in rows, observations in columns; of a single variable 1.

    >>> autograd.corrcoef(autograd.tensor([[1.0, 2.0, 3.0], [2.0, 4.0, 6.5]]))
    tensor([[1.0000, 0.9979],
            [0.9979, 1.0000]])
    """
    real_only("corrcoef", input)
    c = cov(input)
    if not len(c.shape):
        return c / c
    from .shape import diagonal

    deviation = sqrt(diagonal(c))
    return clamp(c / _reshape(deviation, (-1, 1)) / deviation, -1.0, 1.0)
