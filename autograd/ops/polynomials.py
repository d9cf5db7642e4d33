"""The orthogonal polynomials of torch.special, by their three-term recurrences; as in torch without derivatives.

Source: Abramowitz and Stegun, Handbook of Mathematical Functions, chapter 22.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy import ndarray

from ..kernels.quiet import quiet
from ..op import op

Step = Callable[[int, ndarray, ndarray, ndarray], Any]


def _polynomial(input: Any, n: Any, first: Callable[[ndarray], Any], step: Step, shift: bool = False) -> Any:
    """The polynomial of degree n, 0 for a negative one. first: that of degree 1; step(k, x, p, q): that of degree k + 1 from
    those of k - 1 and k. shift: in 2 x - 1."""
    dtype = np.result_type(*[v for v in (input, n) if hasattr(v, "dtype")])
    x, degree = np.broadcast_arrays(np.asarray(input, np.float64), np.trunc(np.asarray(n, np.float64)))
    if shift:
        x = 2 * x - 1
    p, q = np.ones_like(x), np.asarray(first(x), np.float64)
    y = np.where(degree == 0, p, np.where(degree == 1, q, 0.0))
    for k in range(1, int(degree.max(initial=0))):
        p, q = q, step(k, x, p, q)
        y = np.where(degree == k + 1, q, y)
    return np.asarray(y, dtype)


def _chebyshev(k: int, x: ndarray, p: ndarray, q: ndarray) -> Any:
    return 2 * x * q - p


KINDS: dict[str, tuple[Callable[[ndarray], Any], Step, str, str]] = {
    "chebyshev_polynomial_t": (lambda x: x, _chebyshev, "Chebyshev polynomial of the first kind, cos(n arccos x)", "-0.5000"),
    "chebyshev_polynomial_u": (lambda x: 2 * x, _chebyshev, "Chebyshev polynomial of the second kind", "0."),
    "chebyshev_polynomial_v": (lambda x: 2 * x - 1, _chebyshev, "Chebyshev polynomial of the third kind", "-1."),
    "chebyshev_polynomial_w": (lambda x: 2 * x + 1, _chebyshev, "Chebyshev polynomial of the fourth kind", "1."),
    "hermite_polynomial_h": (
        lambda x: 2 * x, lambda k, x, p, q: 2 * x * q - 2 * k * p, "Hermite polynomial of the physicists", "-1.",
    ),
    "hermite_polynomial_he": (
        lambda x: x, lambda k, x, p, q: x * q - k * p, "Hermite polynomial of the probabilists", "-0.7500",
    ),
    "laguerre_polynomial_l": (
        lambda x: 1 - x, lambda k, x, p, q: ((2 * k + 1 - x) * q - k * p) / (k + 1), "Laguerre polynomial", "0.1250",
    ),
    "legendre_polynomial_p": (
        lambda x: x, lambda k, x, p, q: ((2 * k + 1) * x * q - k * p) / (k + 1), "Legendre polynomial", "-0.1250",
    ),
}  # fmt: skip


def _enter(name: str, first: Callable[[ndarray], Any], step: Step, words: str, example: str, shift: bool) -> Any:
    def special(input: Any, n: Any) -> Any:
        return _polynomial(input, n, first, step, shift)

    special.__name__ = special.__qualname__ = f"special_{name}"
    special.__doc__ = f"""The {words} of degree n{" at 2 x - 1" if shift else ""}; no derivative, as in torch.

    >>> autograd.special.{name}(autograd.tensor([0.5]), autograd.tensor([2]))
    tensor([{example}])
    """
    samples = lambda s: [
        (s(3, 4), s.ints(9, 4).astype(float)),
        (s(3), 4),
        (0.5, s.ints(5, 3).astype(float)),
        (s(0, 2), s(2)),
    ]  # noqa: E731
    return op(None, None, promote="float", method=False, samples=samples)(quiet(special))


for _name, (_first, _step, _words, _example) in KINDS.items():
    globals()[f"special_{_name}"] = _enter(_name, _first, _step, _words, _example, False)
    if _name.startswith("chebyshev"):
        globals()[f"special_shifted_{_name}"] = _enter(f"shifted_{_name}", _first, _step, _words, "-1.", True)
