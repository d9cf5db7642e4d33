"""torch.distributions.constraints: what values a parameter, or a draw, may take. `check` says so of each value.

A distribution of one's own names them in `arg_constraints`, and its `support`; the library's own check their parameters
themselves.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .op import REGISTRY
from .tensor import Tensor

_all = REGISTRY["all"].call


class Constraint:
    """Values for which `holds` is true; event_dim: how many of the last dimensions make up one value."""

    def __init__(
        self, name: str, holds: Callable[[Tensor], Tensor], event_dim: int = 0, is_discrete: bool = False, **bounds: Any
    ) -> None:
        self._name, self._holds, self._bounds = name, holds, bounds
        self.event_dim, self.is_discrete = event_dim, is_discrete
        vars(self).update(bounds)

    def check(self, value: Tensor) -> Tensor:
        """Whether each value fits: a bool tensor of the shape before the event's dimensions.

        >>> autograd.distributions.constraints.positive.check(autograd.tensor([1.0, -1.0]))
        tensor([ True, False])
        """
        return self._holds(value)

    def __repr__(self) -> str:
        return f"{self._name}({', '.join(f'{k}={v}' for k, v in self._bounds.items())})"


class _Dependent(Constraint):
    """Known only of an instance, whose parameters decide it."""

    def __init__(self, *, is_discrete: bool = False, event_dim: int = 0) -> None:
        super().__init__("Dependent", self._unknown, event_dim, is_discrete)

    def _unknown(self, value: Tensor) -> Tensor:
        raise ValueError("check: the constraint depends on the distribution's parameters")

    def __call__(self, *, is_discrete: bool = False, event_dim: int = 0) -> _Dependent:
        return _Dependent(is_discrete=is_discrete, event_dim=event_dim)


class dependent_property(property):
    """A property that gives the constraint of an instance: `@dependent_property`, or with (is_discrete=, event_dim=)."""

    def __init__(self, fn: Any = None, *, is_discrete: bool = False, event_dim: int = 0) -> None:
        super().__init__(fn)
        self.is_discrete, self.event_dim = is_discrete, event_dim

    def __call__(self, fn: Callable[[Any], Any]) -> dependent_property:
        return type(self)(fn, is_discrete=self.is_discrete, event_dim=self.event_dim)


def is_dependent(constraint: Any) -> bool:
    """Whether it is known only of an instance."""
    return isinstance(constraint, (_Dependent, dependent_property))


def greater_than(lower_bound: Any) -> Constraint:
    """Above the bound."""
    return Constraint("GreaterThan", lambda v: v > lower_bound, lower_bound=lower_bound)


def greater_than_eq(lower_bound: Any) -> Constraint:
    """The bound or above."""
    return Constraint("GreaterThanEq", lambda v: v >= lower_bound, lower_bound=lower_bound)


def less_than(upper_bound: Any) -> Constraint:
    """Below the bound."""
    return Constraint("LessThan", lambda v: v < upper_bound, upper_bound=upper_bound)


def interval(lower_bound: Any, upper_bound: Any) -> Constraint:
    """Between the bounds, or one of them."""
    bounds = {"lower_bound": lower_bound, "upper_bound": upper_bound}
    return Constraint("Interval", lambda v: (lower_bound <= v) & (v <= upper_bound), **bounds)


def half_open_interval(lower_bound: Any, upper_bound: Any) -> Constraint:
    """The lower bound, or between the bounds."""
    bounds = {"lower_bound": lower_bound, "upper_bound": upper_bound}
    return Constraint("HalfOpenInterval", lambda v: (lower_bound <= v) & (v < upper_bound), **bounds)


def integer_interval(lower_bound: Any, upper_bound: Any) -> Constraint:
    """Whole numbers from one bound to the other."""
    bounds = {"lower_bound": lower_bound, "upper_bound": upper_bound}
    return Constraint(
        "IntegerInterval", lambda v: (v % 1 == 0) & (lower_bound <= v) & (v <= upper_bound), is_discrete=True, **bounds
    )


def independent(base_constraint: Constraint, reinterpreted_batch_ndims: int) -> Constraint:
    """The base's constraint of all values along further dimensions."""
    dims = tuple(range(-reinterpreted_batch_ndims, 0))
    return Constraint(
        "IndependentConstraint",
        lambda v: _all(base_constraint.check(v), dims) if dims else base_constraint.check(v),
        base_constraint.event_dim + reinterpreted_batch_ndims,
        base_constraint.is_discrete,
    )


def _lower_triangular(v: Tensor) -> Tensor:
    return (v.tril() == v).flatten(-2).all(-1)


def _positive_definite(v: Tensor) -> Tensor:
    symmetric = (v - v.mT).abs().flatten(-2).max(-1).values <= 1e-6
    return symmetric & (REGISTRY["linalg_cholesky_ex"].call(v).info == 0)


dependent = _Dependent()
real = Constraint("Real", lambda v: v == v)
positive, nonnegative = greater_than(0.0), greater_than_eq(0.0)
unit_interval = interval(0.0, 1.0)
boolean = Constraint("Boolean", lambda v: (v == 0) | (v == 1), is_discrete=True)
nonnegative_integer = Constraint("IntegerGreaterThan", lambda v: (v % 1 == 0) & (v >= 0), 0, True, lower_bound=0)
positive_integer = Constraint("IntegerGreaterThan", lambda v: (v % 1 == 0) & (v >= 1), 0, True, lower_bound=1)
real_vector = independent(real, 1)
simplex = Constraint("Simplex", lambda v: (v >= 0).all(-1) & ((v.sum(-1) - 1).abs() < 1e-6), 1)
one_hot = Constraint("OneHot", lambda v: boolean.check(v).all(-1) & (v.sum(-1) == 1), 1, True)
lower_triangular = Constraint("LowerTriangular", _lower_triangular, 2)
lower_cholesky = Constraint("LowerCholesky", lambda v: _lower_triangular(v) & (v.diagonal(0, -2, -1) > 0).all(-1), 2)
positive_definite = Constraint("PositiveDefinite", _positive_definite, 2)
