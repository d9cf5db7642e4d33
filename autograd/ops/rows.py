"""Sums and inner products of rows by their numbers: each one's derivatives are the other, so every order is at hand."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy import ndarray

from ..forms import SparseRows
from ..kernels import rows as kernels
from ..op import op


def _sums_input(g: Any, factors: Any, input_shape: tuple[int, ...], take: ndarray, put: ndarray, sparse: bool) -> Any:
    if sparse and type(g) is ndarray:
        return SparseRows(take, g, input_shape, put, factors)
    return _row_sums(g, factors, put, take, input_shape[0], False)


@op(
    _sums_input,
    lambda g, input, take, put: _row_products(g, input, put, take),
    None,
    None,
    samples=lambda s: [
        (s(4, 3), s(6), s.ints(4, 6), s.ints(3, 6), 3, False), (s(4, 3), None, s.ints(4, 5), s.ints(2, 5), 2, False),
        (s(4, 3), s(0), s.ints(4, 0), s.ints(2, 0), 2, False),
    ],
)  # fmt: skip
def _row_sums(input: Any, factors: Any, take: ndarray, put: ndarray, size: int, sparse: bool) -> Any:
    """A table of `size` rows: row put[i] gets factors[i] (1 where None) times row take[i] of input, added up."""
    out = np.zeros((size, input.shape[1]), input.dtype)
    kernels.add_products(out, put, input, take, factors)
    return out


@op(
    lambda g, other, input_shape, input_at, other_at: _row_sums(other, g, other_at, input_at, input_shape[0], False),
    lambda g, input, other_shape, input_at, other_at: _row_sums(input, g, input_at, other_at, other_shape[0], False),
    None,
    None,
    samples=lambda s: [(s(4, 3), s(5, 3), s.ints(4, 6), s.ints(5, 6)), (s(4, 3), s(5, 3), s.ints(4, 0), s.ints(5, 0))],
)
def _row_products(input: Any, other: Any, input_at: ndarray, other_at: ndarray) -> Any:
    """Inner products of row input_at[i] of input and row other_at[i] of other, for every i."""
    return kernels.products(input, input_at, other, other_at)
