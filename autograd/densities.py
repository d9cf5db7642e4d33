"""Further distributions of torch.distributions, on the ones of `distributions`; `transformed` has those made of others.

What numpy draws by rejection (gamma, Poisson and what is made of them) has `sample` only; torch differentiates the first kind.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from . import creation, random
from .distributions import (
    Categorical,
    Distribution,
    _Discrete,
    _together,
)
from .errors import NumberError
from .op import REGISTRY
from .tensor import Tensor, wrap

_softplus = REGISTRY["softplus"].call
_where = REGISTRY["where"].call
_xlogy = REGISTRY["xlogy"].call
_bce_with_logits = REGISTRY["binary_cross_entropy_with_logits"].call
_EULER = 0.57721566490153286060


def _drawn(like: Tensor, values: Any) -> Tensor:
    return wrap(np.asarray(values, like.dtype))


def _lgamma_sum(x: Tensor) -> Tensor:
    return x.lgamma().sum(-1)


class _Sampled(Distribution):
    """Drawn by numpy's generator: `_draw(rng, shape)` gives the values."""

    def _draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> Any:
        raise NotImplementedError

    def _dtype_of(self) -> Tensor:
        return next(v for v in vars(self).values() if isinstance(v, Tensor))

    def sample(self, sample_shape: Any = ()) -> Tensor:
        shape = tuple(self._extended_shape(sample_shape))
        return _drawn(self._dtype_of(), self._draw(random.rng_of(None), shape))


class Gamma(_Sampled):
    """The gamma distribution of a shape (concentration) and a rate. It has no rsample.

    >>> autograd.distributions.Gamma(2.0, 1.0).log_prob(autograd.tensor(1.0))
    tensor(-1.)
    """

    _positive = ("concentration", "rate")

    def __init__(self, concentration: Any, rate: Any, validate_args: bool | None = None) -> None:
        self.concentration, self.rate = _together(concentration, rate)
        super().__init__(self.concentration.shape, (), validate_args)

    @property
    def mean(self) -> Tensor:
        return self.concentration / self.rate

    @property
    def mode(self) -> Tensor:
        return ((self.concentration - 1) / self.rate).clamp(min=0)

    @property
    def variance(self) -> Tensor:
        return self.concentration / self.rate.pow(2)

    def _draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> Any:
        draws = rng.standard_gamma(self.concentration.detach().numpy(), shape) / self.rate.detach().numpy()
        return np.maximum(draws, np.finfo(self.rate.dtype).tiny)

    def log_prob(self, value: Any) -> Tensor:
        self._check("value", value, lambda v: v >= 0, "at least 0")
        a, b = self.concentration, self.rate
        return _xlogy(a, b) + _xlogy(a - 1, value) - b * value - a.lgamma()

    def entropy(self) -> Tensor:
        a = self.concentration
        return a - self.rate.log() + a.lgamma() + (1.0 - a) * a.digamma()


class Chi2(Gamma):
    """The chi-squared distribution: Gamma(df / 2, 1 / 2).

    >>> autograd.distributions.Chi2(2.0).log_prob(autograd.tensor(1.0))
    tensor(-1.1931)
    """

    def __init__(self, df: Any, validate_args: bool | None = None) -> None:
        (df,) = _together(df)
        super().__init__(0.5 * df, 0.5, validate_args)

    @property
    def df(self) -> Tensor:
        return self.concentration * 2


class Dirichlet(_Sampled):
    """Probabilities along the last dimension with the given concentrations. It has no rsample.

    >>> autograd.distributions.Dirichlet(autograd.ones(2)).log_prob(autograd.tensor([0.3, 0.7]))
    tensor(0.)
    """

    _positive = ("concentration",)

    def __init__(self, concentration: Tensor, validate_args: bool | None = None) -> None:
        if concentration.ndim < 1:
            raise NumberError("Dirichlet: concentration must be at least one-dimensional")
        self.concentration = concentration
        super().__init__(concentration.shape[:-1], concentration.shape[-1:], validate_args)

    @property
    def mean(self) -> Tensor:
        return self.concentration / self.concentration.sum(-1, keepdim=True)

    @property
    def variance(self) -> Tensor:
        total = self.concentration.sum(-1, keepdim=True)
        return self.concentration * (total - self.concentration) / (total.pow(2) * (total + 1))

    def _draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> Any:
        draws = rng.standard_gamma(self.concentration.detach().numpy(), shape)
        return draws / draws.sum(-1, keepdims=True)

    def log_prob(self, value: Any) -> Tensor:
        self._check("value", value, lambda v: (v >= 0).all(-1) & ((v.sum(-1) - 1).abs() < 1e-6), "probabilities")
        a = self.concentration
        return _xlogy(a - 1.0, value).sum(-1) + a.sum(-1).lgamma() - _lgamma_sum(a)

    def entropy(self) -> Tensor:
        a, k = self.concentration, self.concentration.shape[-1]
        total = a.sum(-1)
        return _lgamma_sum(a) - total.lgamma() - (k - total) * total.digamma() - ((a - 1.0) * a.digamma()).sum(-1)


class Beta(_Sampled):
    """The beta distribution on [0, 1]. It has no rsample.

    >>> autograd.distributions.Beta(2.0, 1.0).log_prob(autograd.tensor(0.5))
    tensor(0.)
    """

    _positive = ("concentration1", "concentration0")

    def __init__(self, concentration1: Any, concentration0: Any, validate_args: bool | None = None) -> None:
        self.concentration1, self.concentration0 = _together(concentration1, concentration0)
        super().__init__(self.concentration1.shape, (), validate_args)

    @property
    def mean(self) -> Tensor:
        return self.concentration1 / (self.concentration1 + self.concentration0)

    @property
    def variance(self) -> Tensor:
        total = self.concentration1 + self.concentration0
        return self.concentration1 * self.concentration0 / (total.pow(2) * (total + 1))

    def _draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> Any:
        return rng.beta(self.concentration1.detach().numpy(), self.concentration0.detach().numpy(), shape)

    def _log_norm(self) -> Tensor:
        a, b = self.concentration1, self.concentration0
        return a.lgamma() + b.lgamma() - (a + b).lgamma()

    def log_prob(self, value: Any) -> Tensor:
        self._check("value", value, lambda v: (v >= 0) & (v <= 1), "within [0, 1]")
        a, b = self.concentration1, self.concentration0
        return _xlogy(a - 1, value) + _xlogy(b - 1, 1 - value) - self._log_norm()

    def entropy(self) -> Tensor:
        a, b = self.concentration1, self.concentration0
        both = (a + b - 2) * (a + b).digamma()
        return self._log_norm() - (a - 1) * a.digamma() - (b - 1) * b.digamma() + both


class StudentT(_Sampled):
    """Student's t of df degrees of freedom, moved by loc and stretched by scale. It has no rsample.

    >>> autograd.distributions.StudentT(1.0).log_prob(autograd.tensor(0.0))
    tensor(-1.1447)
    """

    _positive = ("df", "scale")

    def __init__(self, df: Any, loc: Any = 0.0, scale: Any = 1.0, validate_args: bool | None = None) -> None:
        self.df, self.loc, self.scale = _together(df, loc, scale)
        super().__init__(self.df.shape, (), validate_args)

    @property
    def mean(self) -> Tensor:
        return _where(self.df <= 1, math.nan, self.loc)

    @property
    def variance(self) -> Tensor:
        finite = self.scale.pow(2) * self.df / (self.df - 2)
        return _where(self.df > 2, finite, _where(self.df > 1, math.inf, _where(self.df <= 1, math.nan, self.df)))

    def _draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> Any:
        return self.loc.detach().numpy() + self.scale.detach().numpy() * rng.standard_t(self.df.detach().numpy(), shape)

    def log_prob(self, value: Any) -> Tensor:
        y = (value - self.loc) / self.scale
        norm = self.scale.log() + 0.5 * self.df.log() + 0.5 * math.log(math.pi)
        norm = norm + (0.5 * self.df).lgamma() - (0.5 * (self.df + 1.0)).lgamma()
        return -0.5 * (self.df + 1.0) * (y**2.0 / self.df).log1p() - norm


class Poisson(_Sampled):
    """Counts of the given rate.

    >>> autograd.distributions.Poisson(1.0).log_prob(autograd.tensor(2.0))
    tensor(-1.6931)
    """

    def __init__(self, rate: Any, validate_args: bool | None = None) -> None:
        (self.rate,) = _together(rate)
        super().__init__(self.rate.shape, (), validate_args)
        self._check("rate", self.rate, lambda v: v >= 0, "at least 0")

    @property
    def mean(self) -> Tensor:
        return self.rate

    @property
    def mode(self) -> Tensor:
        return self.rate.floor()

    variance = mean

    def _draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> Any:
        return rng.poisson(self.rate.detach().numpy(), shape)

    def log_prob(self, value: Any) -> Tensor:
        self._check("value", value, lambda v: (v >= 0) & (v == v.floor()), "a count")
        return _xlogy(value, self.rate) - self.rate - (value + 1).lgamma()


class Geometric(_Discrete):
    """The number of failures before the first success of probability probs.

    >>> autograd.distributions.Geometric(0.5).log_prob(autograd.tensor(1.0))
    tensor(-1.3863)
    """

    _binary = True

    def __init__(self, probs: Any = None, logits: Any = None, validate_args: bool | None = None) -> None:
        super().__init__(probs, logits, lambda given: (), validate_args)

    @property
    def mean(self) -> Tensor:
        return 1.0 / self.probs - 1.0

    @property
    def variance(self) -> Tensor:
        return (1.0 / self.probs - 1.0) / self.probs

    def sample(self, sample_shape: Any = ()) -> Tensor:
        shape = tuple(self._extended_shape(sample_shape))
        return _drawn(self.probs, random.rng_of(None).geometric(self.probs.detach().numpy(), shape) - 1)

    def log_prob(self, value: Any) -> Tensor:
        self._check("value", value, lambda v: (v >= 0) & (v == v.floor()), "a count")
        return value * (-self.probs).log1p() + self.probs.log()

    def entropy(self) -> Tensor:
        return _bce_with_logits(self.logits, self.probs, reduction="none") / self.probs


class Binomial(_Discrete):
    """How many of total_count trials succeed, each with probability probs.

    >>> autograd.distributions.Binomial(2, 0.5).log_prob(autograd.tensor(1.0))
    tensor(-0.6931)
    """

    _binary = True

    def __init__(
        self, total_count: Any = 1, probs: Any = None, logits: Any = None, validate_args: bool | None = None
    ) -> None:
        given = logits if probs is None else probs
        self.total_count, shown = _together(total_count, given if given is not None else 0.0)
        wanted = (shown if probs is not None else None, shown if logits is not None else None)
        super().__init__(wanted[0], wanted[1], lambda given: (), validate_args)

    @property
    def mean(self) -> Tensor:
        return self.total_count * self.probs

    @property
    def variance(self) -> Tensor:
        return self.total_count * self.probs * (1 - self.probs)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        shape = tuple(self._extended_shape(sample_shape))
        n = self.total_count.detach().numpy().astype(np.int64)
        return _drawn(self.probs, random.rng_of(None).binomial(n, self.probs.detach().numpy(), shape))

    def log_prob(self, value: Any) -> Tensor:
        self._check("value", value, lambda v: (v >= 0) & (v <= self.total_count), "within [0, total_count]")
        n = self.total_count
        ways = (n + 1).lgamma() - (value + 1).lgamma() - (n - value + 1).lgamma()
        return ways + value * self.logits - n * _softplus(self.logits)


class NegativeBinomial(_Discrete):
    """The number of successes of probability probs before total_count failures.

    >>> autograd.distributions.NegativeBinomial(1, 0.5).log_prob(autograd.tensor(1.0))
    tensor(-1.3863)
    """

    _binary = True

    def __init__(
        self, total_count: Any, probs: Any = None, logits: Any = None, validate_args: bool | None = None
    ) -> None:
        given = logits if probs is None else probs
        self.total_count, shown = _together(total_count, given if given is not None else 0.0)
        wanted = (shown if probs is not None else None, shown if logits is not None else None)
        super().__init__(wanted[0], wanted[1], lambda given: (), validate_args)

    @property
    def mean(self) -> Tensor:
        return self.total_count * self.logits.exp()

    @property
    def variance(self) -> Tensor:
        return self.mean / (-self.logits).sigmoid()

    def sample(self, sample_shape: Any = ()) -> Tensor:
        shape, rng = tuple(self._extended_shape(sample_shape)), random.rng_of(None)
        rates = rng.standard_gamma(self.total_count.detach().numpy(), shape) * np.exp(self.logits.detach().numpy())
        return _drawn(self.probs, rng.poisson(rates))

    def log_prob(self, value: Any) -> Tensor:
        self._check("value", value, lambda v: (v >= 0) & (v == v.floor()), "a count")
        n, softplus = self.total_count, _softplus
        plain = -n * softplus(self.logits) - value * softplus(-self.logits)
        ways = (n + value).lgamma() - (1.0 + value).lgamma() - n.lgamma()
        return plain + _where(n + value == 0.0, 0.0, ways)


class Multinomial(Distribution):
    """How often each of K classes was drawn in total_count draws.

    >>> autograd.distributions.Multinomial(2, autograd.tensor([0.5, 0.5])).log_prob(autograd.tensor([1.0, 1.0]))
    tensor(-0.6931)
    """

    def __init__(
        self, total_count: int = 1, probs: Any = None, logits: Any = None, validate_args: bool | None = None
    ) -> None:
        self.total_count = total_count
        self._categorical = Categorical(probs, logits, validate_args)
        super().__init__(self._categorical.batch_shape, self._categorical.param_shape[-1:], validate_args)

    @property
    def probs(self) -> Tensor:
        return self._categorical.probs

    @property
    def logits(self) -> Tensor:
        return self._categorical.logits

    @property
    def mean(self) -> Tensor:
        return self.probs * self.total_count

    @property
    def variance(self) -> Tensor:
        return self.total_count * self.probs * (1 - self.probs)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        p = self.probs.detach().numpy().astype(np.float64)
        drawn = random.rng_of(None).multinomial(
            self.total_count, p / p.sum(-1, keepdims=True), (*sample_shape, *p.shape[:-1])
        )
        return _drawn(self.probs, drawn)

    def log_prob(self, value: Any) -> Tensor:
        self._check(
            "value", value, lambda v: (v >= 0).all(-1) & (v.sum(-1) == self.total_count), "counts of total_count"
        )
        logits = _where((value == 0) & (self.logits == -math.inf), 0.0, self.logits)
        return (value.sum(-1) + 1).lgamma() - (value + 1).lgamma().sum(-1) + (logits * value).sum(-1)

    def __repr__(self) -> str:
        return repr(self._categorical).replace("Categorical", "Multinomial")


class Cauchy(Distribution):
    """The Cauchy distribution, without mean and variance.

    >>> autograd.distributions.Cauchy(0.0, 1.0).log_prob(autograd.tensor(0.0))
    tensor(-1.1447)
    """

    has_rsample = True
    _positive = ("scale",)

    def __init__(self, loc: Any, scale: Any, validate_args: bool | None = None) -> None:
        self.loc, self.scale = _together(loc, scale)
        super().__init__(self.loc.shape, (), validate_args)

    @property
    def mean(self) -> Tensor:
        return creation.full(self._batch_shape, math.nan, dtype=self.loc.dtype)

    @property
    def mode(self) -> Tensor:
        return self.loc

    @property
    def variance(self) -> Tensor:
        return creation.full(self._batch_shape, math.inf, dtype=self.loc.dtype)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        noise = random.rng_of(None).standard_cauchy(tuple(self._extended_shape(sample_shape)))
        return self.loc + _drawn(self.loc, noise) * self.scale

    def log_prob(self, value: Any) -> Tensor:
        return -math.log(math.pi) - self.scale.log() - (((value - self.loc) / self.scale) ** 2).log1p()

    def cdf(self, value: Any) -> Tensor:
        """The probability of a draw below the value."""
        return ((value - self.loc) / self.scale).atan() / math.pi + 0.5

    def entropy(self) -> Tensor:
        return math.log(4 * math.pi) + self.scale.log()


class Gumbel(Distribution):
    """The Gumbel distribution of the largest of many.

    >>> autograd.distributions.Gumbel(0.0, 1.0).log_prob(autograd.tensor(0.0))
    tensor(-1.)
    """

    has_rsample = True
    _positive = ("scale",)

    def __init__(self, loc: Any, scale: Any, validate_args: bool | None = None) -> None:
        self.loc, self.scale = _together(loc, scale)
        super().__init__(self.loc.shape, (), validate_args)

    @property
    def mean(self) -> Tensor:
        return self.loc + self.scale * _EULER

    @property
    def mode(self) -> Tensor:
        return self.loc

    @property
    def stddev(self) -> Tensor:
        return (math.pi / math.sqrt(6)) * self.scale

    @property
    def variance(self) -> Tensor:
        return self.stddev.pow(2)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        return (
            self.loc
            + _drawn(self.loc, random.rng_of(None).gumbel(size=self._extended_shape(sample_shape))) * self.scale
        )

    def log_prob(self, value: Any) -> Tensor:
        y = (self.loc - value) / self.scale
        return (y - y.exp()) - self.scale.log()

    def cdf(self, value: Any) -> Tensor:
        """The probability of a draw below the value."""
        return (-((self.loc - value) / self.scale).exp()).exp()

    def entropy(self) -> Tensor:
        return self.scale.log() + (1 + _EULER)
