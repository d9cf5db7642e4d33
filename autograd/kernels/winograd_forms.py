"""The one-dimensional algorithms that `winograd` is made of, as matrices and as the fewest additions.

m results of a window of r values are A' (G w * B' x), with * value by value: n products (Cook and Toom).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import cached_property, partial
from typing import Any, NamedTuple

Pair = tuple[int, int]
Matrix = list[list[float]]


def cook_toom(finite: Sequence[Fraction], m: int, r: int) -> tuple[Matrix, Matrix, Matrix]:
    """B', A and G of F(m, r) for those points and infinity: n = m + r - 1 rows each, a row a point.

    A row of A and of G holds the powers of its point, G's divided by the product of its distances from the others; a
    row of B' the coefficients of the polynomial that vanishes at the others.
    """

    def vanishing(zeros: Sequence[Fraction]) -> list[Fraction]:
        product = [Fraction(1)]
        for z in zeros:
            product = [up - z * own for up, own in zip([Fraction(0), *product], [*product, Fraction(0)], strict=True)]
        return product

    others = [[q for q in finite if q != p] for p in finite]
    scales = [sum(c * p**i for i, c in enumerate(vanishing(rest))) for p, rest in zip(finite, others, strict=True)]
    B = [[*vanishing(rest), 0] for rest in others] + [vanishing(finite)]
    A = [[p**i for i in range(m)] for p in finite] + [[0] * (m - 1) + [1]]
    G = [[p**i / scale for i in range(r)] for p, scale in zip(finite, scales, strict=True)] + [[0] * (r - 1) + [1]]
    return tuple([[float(v) for v in row] for row in matrix] for matrix in (B, A, G))  # type: ignore[return-value]


def _sum(terms: Sequence[tuple[float, Any]]) -> Any:
    """The sum of factor * value, without the zeros and the multiplications by one."""
    total = None
    for factor, value in sorted(terms, key=lambda term: term[0] != 1):
        if total is None:
            total = value if factor == 1 else factor * value
        elif factor in (1, -1):
            total = total + value if factor == 1 else total - value
        elif factor:
            total = total + factor * value
    return total


def to_points(matrix: Matrix, v: Sequence[Any]) -> list[Any]:
    """matrix times v, where the rows of points p and -p agree in every second column and differ in sign in the rest.

    The pairs stand before the last row, infinity, and behind a row for 0 where the number of rows is even.
    """
    first = 1 - len(matrix) % 2
    points = [_sum([(f, x) for f, x in zip(row, v, strict=True) if f]) for row in matrix[:first]]
    for row, mirrored in zip(matrix[first:-1:2], matrix[first + 1 : -1 : 2], strict=True):
        terms = list(zip(row, mirrored, v, strict=True))
        even, odd = (_sum([(f, x) for f, g, x in terms if f and (f == g) == same]) for same in (True, False))
        points += [even + odd, even - odd]
    return [*points, _sum([(f, x) for f, x in zip(matrix[-1], v, strict=True) if f])]


def from_points(matrix: Matrix, u: Sequence[Any]) -> list[Any]:
    """The transpose of matrix times u: the adjoint of `to_points`."""
    first = 1 - len(matrix) % 2
    pairs = [(u[i] + u[i + 1], u[i] - u[i + 1]) for i in range(first, len(u) - 1, 2)]
    values = []
    for column in zip(*matrix, strict=True):
        ends = [(column[i], u[i]) for i in (*range(first), -1)]
        middle = zip(column[first:-1:2], column[first + 1 : -1 : 2], pairs, strict=True)
        values.append(_sum([(f, x) for f, x in ends + [(f, p[f != g]) for f, g, p in middle] if f]))
    return values


class Axis:
    """F(m, r), and its transforms: how many values each takes, and what it makes of them."""

    stride = 1  # of the window whose results these are

    def __init__(self, m: int, r: int) -> None:
        self.m, self.r, self.n = m, r, m + r - 1

    @cached_property
    def lines(self) -> dict[str, tuple[int, Callable[[Sequence[Any]], list[Any]]]]:
        """Worked out when a kernel is compiled."""
        points = [Fraction(p) for p in ("0", "1", "-1", "2", "-2", "1/2", "-1/2", "3/4", "-3/4")]
        B, A, G = cook_toom(points[: self.n - 1] if self.n % 2 == 0 else points[1 : self.n], self.m, self.r)
        return {
            "input": (self.n, partial(to_points, B)),
            "output": (self.n, partial(from_points, A)),
            "result": (self.m, partial(to_points, A)),
            "weight": (self.r, partial(to_points, G)),
            "filter": (self.n, partial(from_points, G)),
        }


class ByTwo(Axis):
    """4 results of a window of 3 with stride 2, from 9 values: F(4, 2) of the even values and the outer taps, beside the
    4 plain products of the odd values and the middle tap. 9 products for 12."""

    stride = 2

    def __init__(self) -> None:
        super().__init__(4, 3)
        self.n = 9

    @cached_property
    def lines(self) -> dict[str, tuple[int, Callable[[Sequence[Any]], list[Any]]]]:
        outer = {name: apply for name, (_, apply) in Axis(4, 2).lines.items()}

        def filters(u: Sequence[Any]) -> list[Any]:
            first, last = outer["filter"](u[:5])
            return [first, u[5] + u[6] + u[7] + u[8], last]

        return {
            "input": (9, lambda v: [*outer["input"](v[::2]), *v[1::2]]),
            "output": (9, lambda u: [a + b for a, b in zip(outer["output"](u[:5]), u[5:], strict=True)]),
            "result": (4, lambda v: [*outer["result"](v), *v]),
            "weight": (3, lambda v: [*outer["weight"](v[::2]), *[v[1]] * 4]),
            "filter": (9, filters),
        }


class Form(NamedTuple):
    """What is done along the rows' axis and along the columns'."""

    down: Axis
    across: Axis

    @property
    def points(self) -> int:
        return self.down.n * self.across.n

    @property
    def whole(self) -> tuple[Pair, Pair]:
        """Window and stride that need not be cut up for it."""
        return (self.down.r, self.across.r), (self.down.stride, self.across.stride)
