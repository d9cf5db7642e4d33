"""`torch.special`'s functions: the operations of `ops.special` and others under the names they have there."""

from __future__ import annotations

from .op import REGISTRY
from .ops.cumulative import logcumsumexp
from .ops.elementwise import exp2, expm1, log1p, round
from .ops.elementwise import sigmoid as expit
from .ops.out import publish
from .ops.reduce import logsumexp
from .ops.softmax import log_softmax, softmax
from .ops.special import (
    digamma,
    erf,
    erfc,
    erfinv,
    i0,
    logit,
    polygamma,
    sinc,
    xlogy,
)
from .ops.special import digamma as psi
from .ops.special import igamma as gammainc
from .ops.special import igammac as gammaincc
from .ops.special import lgamma as gammaln
from .ops.special import mvlgamma as multigammaln
from .ops.special import special_entr as entr
from .ops.special import special_erfcx as erfcx
from .ops.special import special_i0e as i0e
from .ops.special import special_i1 as i1
from .ops.special import special_i1e as i1e
from .ops.special import special_log_ndtr as log_ndtr
from .ops.special import special_ndtr as ndtr
from .ops.special import special_ndtri as ndtri
from .ops.special import special_xlog1py as xlog1py

__all__ = [
    "digamma", "entr", "erf", "erfc", "erfcx", "erfinv", "exp2", "expit", "expm1", "gammainc", "gammaincc",
    "gammaln", "i0", "i0e", "i1", "i1e", "log1p", "log_ndtr", "log_softmax", "logcumsumexp", "logit", "logsumexp",
    "multigammaln", "ndtr", "ndtri", "polygamma", "psi", "round", "sinc", "softmax", "xlog1py", "xlogy",
]  # fmt: skip

# the Bessel functions and polynomials, which have no other names
_FURTHER = [name.removeprefix("special_") for name in REGISTRY if name.startswith("special_")]
_FURTHER = [name for name in _FURTHER if name not in globals()]
globals().update({name: REGISTRY[f"special_{name}"].call for name in _FURTHER})
__all__ += _FURTHER

publish(globals())
