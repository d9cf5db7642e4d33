"""The forms that a gradient takes on its way through the tape where the whole array need not be made."""

from __future__ import annotations

import sys
from collections import namedtuple
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy import ndarray

from .dtypes import DType
from .errors import RangeError, ShapeError
from .kernels import elementwise
from .kernels.rows import add_products

if TYPE_CHECKING:
    from .tape import Node


class SparseRows:
    """A gradient that is zero but for some rows: `rows[i]` belongs to row `indices[i]`; duplicates add up.

    indices: int64 (n,); rows: (n, *shape[1:]); shape: the shape of the whole gradient. With take (n,) or factors (n,) row i
    is factors[i] * rows[take[i]] of the rows given: such a gradient stays in factors until its `rows` are asked for.
    Raises IndexError for an index outside the table.

    >>> autograd.SparseRows(np.array([1]), np.array([[5.0]]), (3, 1)).to_dense().tolist()
    [[0.0], [5.0], [0.0]]
    """

    def __init__(
        self,
        indices: ndarray,
        rows: ndarray,
        shape: tuple[int, ...],
        take: ndarray | None = None,
        factors: ndarray | None = None,
    ) -> None:
        n = len(rows) if take is None else len(take)
        if indices.shape != (n,) or rows.shape[1:] != tuple(shape[1:]) or (factors is not None and len(factors) != n):
            raise ShapeError(
                f"SparseRows: expected indices (n,) and rows (n, {', '.join(map(str, shape[1:]))}), "
                f"got {indices.shape} and {rows.shape}"
            )
        self.indices, self.shape = _checked_places(indices, shape[0]), tuple(shape)
        self._rows, self._factors = rows, factors
        self._take = None if take is None else _checked_places(take, len(rows))

    @property
    def dtype(self) -> DType:
        return DType(self._rows.dtype)

    @property
    def is_sparse(self) -> bool:
        return True

    @property
    def rows(self) -> ndarray:
        """The values of each index, multiplied out."""
        if self._take is not None:
            self._rows, self._take = self._rows[self._take], None
        if self._factors is not None:
            factors = self._factors.reshape(-1, *(1,) * (self._rows.ndim - 1))
            self._rows, self._factors = self._rows * factors, None
        return self._rows

    def __add__(self, other: Any) -> Any:
        if isinstance(other, SparseRows):
            indices = np.concatenate([self.indices, other.indices])
            return SparseRows(indices, np.concatenate([self.rows, other.rows]), self.shape)
        return self.to_dense() + other

    __radd__ = __add__

    def add_to(self, array: ndarray, scale: float = 1.0) -> None:
        """array += scale * gradient, in place and in the order of the indices."""
        self._add(array, self.indices, scale)

    def _add(self, array: ndarray, indices: ndarray, scale: float = 1.0) -> None:
        if array.dtype.kind != "f" or not array.flags.c_contiguous or 0 in array.shape:
            np.add.at(array, indices, (scale * self.rows).astype(array.dtype))
            return
        rows = self._rows.astype(array.dtype, copy=False).reshape(len(self._rows), array[0].size)
        factors = None if self._factors is None else self._factors.astype(array.dtype, copy=False)
        add_products(array.reshape(len(array), -1), indices, rows, self._take, factors, scale)

    def to_dense(self) -> ndarray:
        """The whole gradient as an array."""
        dense = np.zeros(self.shape, self.dtype)
        self.add_to(dense)
        return dense

    def coalesce(self) -> SparseRows:
        """The same gradient with every index once, in ascending order."""
        indices, inverse = np.unique(self.indices, return_inverse=True)
        rows = np.zeros((len(indices), *self.shape[1:]), self.dtype)
        self._add(rows, inverse)
        return SparseRows(indices, rows, self.shape)

    def __repr__(self) -> str:
        return f"SparseRows(indices={self.indices}, rows={self.rows}, shape={self.shape})"

    def copy(self, order: Any = "K") -> SparseRows:
        """The same rows in memory of their own."""
        return SparseRows(self.indices.copy(), self.rows.copy(order), self.shape)


class RowSums:
    """The gradient of rows looked up in a table, in the form in which its lookup may want it: the sums of equal rows.

    owner: the node of the lookup; anyone else gets `dense()`. sums (V, D), of the rows that are equal; first (V,): where
    in the lookup's order each stands first; numbers, of the shape of the lookup's indices: which of them each row is.
    """

    def __init__(
        self, owner: Node, sums: ndarray, first: ndarray, numbers: ndarray, dense: Callable[[], ndarray]
    ) -> None:
        self.owner, self.sums, self.first, self.numbers = owner, sums, first, numbers
        self.dense = dense

    def copy(self, order: Any = "K") -> ndarray:
        return self.dense()

    def __array__(self, dtype: Any = None, copy: Any = None) -> ndarray:
        return self.dense() if dtype is None else self.dense().astype(dtype)

    def __add__(self, other: Any) -> Any:
        if type(other) is not RowSums:
            return self.dense() + other
        return RowSums(
            self.owner, self.sums + other.sums, self.first, self.numbers, lambda: self.dense() + other.dense()
        )


def _checked_places(places: ndarray, size: int) -> ndarray:
    """Row numbers as int64, each of them in the table."""
    places = places.astype(np.int64, copy=False)
    if places.size and np.maximum.reduce(places.view(np.uint64)) >= size:  # a negative one is large too
        bad = int(places[(places < 0) | (places >= size)][0])
        raise RangeError(f"SparseRows: an index is {bad}; the table has rows 0 to {size - 1}")
    return places


class Masked:
    """The gradient behind a ReLU, not yet computed: `g`, and 0 where the ReLU's `output` is 0 or less.

    A formula that reads the gradient anyway takes the mask in the same pass over memory (`takes_masked`); everything
    else gets `array()`, after which `g` is that and `output` None.
    """

    __slots__ = ("dtype", "g", "output", "shape")
    __array_ufunc__ = None

    def __init__(self, g: ndarray, output: ndarray) -> None:
        self.g, self.shape, self.dtype = g, g.shape, g.dtype
        self.output: ndarray | None = output

    def array(self) -> ndarray:
        if self.output is not None:
            self.g, self.output = elementwise.relu_backward(self.g, self.output), None
        return self.g

    def __radd__(self, other: Any) -> Any:
        if type(other) is not ndarray:
            return other + self.array()
        return (
            elementwise.add(other, self.g)
            if self.output is None
            else elementwise.add_passed(other, self.g, self.output)
        )


def result_type(variable: str, fields: Any, name: str = "") -> Any:
    """The namedtuple of an operation's several results, printed as torch's; variable: the name it is given in its module."""
    module = sys._getframe(1).f_globals["__name__"]
    made = namedtuple(variable, fields, module=module)  # type: ignore[misc]  # noqa: PYI024
    made.__name__ = name or variable.removesuffix("_result")  # pickle looks for the other, __qualname__

    def show(self: Any) -> str:
        fields: Any = made._fields
        lines = ",\n".join(f"{field}={value!r}" for field, value in zip(fields, self, strict=True))
        return f"return_types.{made.__name__}(\n{lines})"

    made.__repr__ = show  # type: ignore[method-assign]
    return made
