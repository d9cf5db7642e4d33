"""Bessel, Airy and zeta functions of torch.special, by scipy, which is imported when one is used. As in torch most have no
derivative."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..kernels.quiet import quiet
from ..op import op
from ..samples import unary
from .chain import times
from .special import _no_slope, _scipy


def _one(name: str, call: str, words: str, example: str) -> Any:
    """A function of one number that scipy has under the name `call`."""

    def special(input: Any) -> Any:
        x = np.asarray(input)
        y = getattr(_scipy(name), call)(x)
        return np.asarray(y[0] if call == "airy" else y, x.dtype)

    special.__name__ = special.__qualname__ = f"special_{name}"
    special.__doc__ = f"""{words}; needs scipy, has no derivative, as in torch.

    >>> autograd.special.{name}(autograd.tensor([1.0]))
    tensor([{example}])
    """
    return op(None, promote="float", method=False, samples=unary(0.3, 3))(quiet(special))


special_airy_ai = _one("airy_ai", "airy", "The Airy function Ai", "0.1353")
special_bessel_j0 = _one("bessel_j0", "j0", "The Bessel function of the first kind and order 0", "0.7652")
special_bessel_j1 = _one("bessel_j1", "j1", "The Bessel function of the first kind and order 1", "0.4401")
special_bessel_y0 = _one("bessel_y0", "y0", "The Bessel function of the second kind and order 0", "0.0883")
special_bessel_y1 = _one("bessel_y1", "y1", "The Bessel function of the second kind and order 1", "-0.7812")
special_modified_bessel_i0 = _one(
    "modified_bessel_i0", "i0", "The modified Bessel function of the first kind, order 0", "1.2661"
)
special_modified_bessel_i1 = _one(
    "modified_bessel_i1", "i1", "The modified Bessel function of the first kind, order 1", "0.5652"
)
special_modified_bessel_k0 = _one(
    "modified_bessel_k0", "k0", "The modified Bessel function of the second kind, order 0", "0.4210"
)
special_modified_bessel_k1 = _one(
    "modified_bessel_k1", "k1", "The modified Bessel function of the second kind, order 1", "0.6019"
)
special_scaled_modified_bessel_k0 = _one(
    "scaled_modified_bessel_k0", "k0e", "exp(x) times modified_bessel_k0", "1.1445"
)
special_scaled_modified_bessel_k1 = _one(
    "scaled_modified_bessel_k1", "k1e", "exp(x) times modified_bessel_k1", "1.6362"
)


@op(None, promote="float", method=False, samples=unary(0.3, 3))
@quiet
def special_spherical_bessel_j0(input: Any) -> Any:
    """sin(x) / x, 1 at 0 and 0 at infinity; no derivative, as in torch.

    >>> autograd.special.spherical_bessel_j0(autograd.tensor([1.0]))
    tensor([0.8415])
    """
    x = np.asarray(input)
    y = np.where(x == 0, 1.0, np.sin(x) / np.where(x == 0, 1.0, x))
    return np.where(np.isinf(x), 0.0, y).astype(x.dtype)


@op(
    lambda g: _no_slope("zeta"),
    lambda g, input, other: times(g, special_zeta(input + 1.0, other) * -input),
    promote="float",
    method=False,
    samples=lambda s: [(s.ints(6, 3, low=2), s.positive(2, 3)), (2, s.positive(3))],
)
@quiet
def special_zeta(input: Any, other: Any) -> Any:
    """The Hurwitz zeta function, the sum of (k + other)^-input over k = 0, 1, ...; needs scipy. A derivative in other only.

    >>> autograd.special.zeta(autograd.tensor([2.0]), autograd.tensor([1.0]))
    tensor([1.6449])
    """
    dtype = np.result_type(*[v for v in (input, other) if hasattr(v, "dtype")])
    return np.asarray(_scipy("zeta").zeta(input, other), dtype)
