"""Distributions made of others: transformed, relaxed and mixed ones; and the divergences of the further kinds."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from . import creation, random
from .densities import (
    _EULER,
    Beta,
    Binomial,
    Cauchy,
    Chi2,
    Dirichlet,
    Gamma,
    Geometric,
    Gumbel,
    Multinomial,
    NegativeBinomial,
    Poisson,
    StudentT,
    _drawn,
    _softplus,
)  # fmt: skip
from .distributions import Categorical, Distribution, Normal, _Discrete, _together
from .errors import NumberError
from .tape import no_grad
from .tensor import Tensor

# -------------------------------------------------------------------------------------------------------- transforms


class Transform:
    """An invertible function of single elements with the logarithm of its derivative. cache_size 1 keeps the last pair, so that
    what was computed forward is inverted exactly."""

    bijective = True

    def __init__(self, cache_size: int = 0) -> None:
        self._cache_size = cache_size
        self._pair: tuple[Any, Any] = (None, None)

    def __call__(self, x: Any) -> Tensor:
        if self._cache_size and x is self._pair[0]:
            return self._pair[1]
        y = self._call(x)
        self._pair = (x, y) if self._cache_size else self._pair
        return y

    def inverse(self, y: Any) -> Tensor:
        """What `y` came from."""
        if self._cache_size and y is self._pair[1]:
            return self._pair[0]
        return self._inverse(y)

    @property
    def inv(self) -> Transform:
        return _Inverse(self)

    def _call(self, x: Any) -> Tensor:
        raise NotImplementedError

    def _inverse(self, y: Any) -> Tensor:
        raise NotImplementedError

    def log_abs_det_jacobian(self, x: Any, y: Any) -> Tensor:
        """log |dy / dx| of each element."""
        raise NotImplementedError

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


class _Inverse(Transform):
    def __init__(self, of: Transform) -> None:
        super().__init__()
        self._of = of

    @property
    def inv(self) -> Transform:
        return self._of

    def _call(self, x: Any) -> Tensor:
        return self._of.inverse(x)

    def _inverse(self, y: Any) -> Tensor:
        return self._of(y)

    def log_abs_det_jacobian(self, x: Any, y: Any) -> Tensor:
        return -self._of.log_abs_det_jacobian(y, x)


class AffineTransform(Transform):
    """loc + scale * x."""

    def __init__(self, loc: Any, scale: Any, event_dim: int = 0, cache_size: int = 0) -> None:
        super().__init__(cache_size)
        self.loc, self.scale, self.event_dim = loc, scale, event_dim

    def _call(self, x: Any) -> Tensor:
        return self.loc + self.scale * x

    def _inverse(self, y: Any) -> Tensor:
        return (y - self.loc) / self.scale

    def log_abs_det_jacobian(self, x: Any, y: Any) -> Tensor:
        scale = self.scale if isinstance(self.scale, Tensor) else creation.tensor(float(self.scale), dtype=x.dtype)
        return scale.abs().log().expand(x.shape)


class ExpTransform(Transform):
    """exp(x)."""

    def _call(self, x: Any) -> Tensor:
        return x.exp()

    def _inverse(self, y: Any) -> Tensor:
        return y.log()

    def log_abs_det_jacobian(self, x: Any, y: Any) -> Tensor:
        return x


class PowerTransform(Transform):
    """x ** exponent, of positive x."""

    def __init__(self, exponent: Any, cache_size: int = 0) -> None:
        super().__init__(cache_size)
        (self.exponent,) = _together(exponent)

    def _call(self, x: Any) -> Tensor:
        return x.pow(self.exponent)

    def _inverse(self, y: Any) -> Tensor:
        return y.pow(1 / self.exponent)

    def log_abs_det_jacobian(self, x: Any, y: Any) -> Tensor:
        return (self.exponent * y / x).abs().log()


class SigmoidTransform(Transform):
    """1 / (1 + exp(-x))."""

    def _call(self, x: Any) -> Tensor:
        eps = np.finfo(x.dtype)
        return x.sigmoid().clamp(float(eps.tiny), 1.0 - float(eps.eps))

    def _inverse(self, y: Any) -> Tensor:
        eps = np.finfo(y.dtype)
        y = y.clamp(float(eps.tiny), 1.0 - float(eps.eps))
        return y.log() - (-y).log1p()

    def log_abs_det_jacobian(self, x: Any, y: Any) -> Tensor:
        return -_softplus(-x) - _softplus(x)


class SoftplusTransform(Transform):
    """log(1 + exp(x))."""

    def _call(self, x: Any) -> Tensor:
        return _softplus(x)

    def _inverse(self, y: Any) -> Tensor:
        return (-y).expm1().neg().log() + y

    def log_abs_det_jacobian(self, x: Any, y: Any) -> Tensor:
        return -_softplus(-x)


class TanhTransform(Transform):
    """tanh(x). With cache_size 1 the inverse of what was just computed is exact, as soft actor-critic wants it."""

    def _call(self, x: Any) -> Tensor:
        return x.tanh()

    def _inverse(self, y: Any) -> Tensor:
        return y.atanh()

    def log_abs_det_jacobian(self, x: Any, y: Any) -> Tensor:
        return 2.0 * (math.log(2.0) - x - _softplus(-2.0 * x))


class ComposeTransform(Transform):
    """Several, one after the other."""

    def __init__(self, parts: Sequence[Transform], cache_size: int = 0) -> None:
        super().__init__(cache_size)
        self.parts = list(parts)

    def _call(self, x: Any) -> Tensor:
        for part in self.parts:
            x = part(x)
        return x

    def _inverse(self, y: Any) -> Tensor:
        for part in reversed(self.parts):
            y = part.inverse(y)
        return y

    def log_abs_det_jacobian(self, x: Any, y: Any) -> Tensor:
        total: Any = 0.0
        for part in self.parts:
            after = part(x)
            total, x = total + part.log_abs_det_jacobian(x, after), after
        return total


class TransformedDistribution(Distribution):
    """The distribution of transforms(x), x drawn from the base: density by the change of variables, element by element.

    >>> D = autograd.distributions
    >>> D.TransformedDistribution(D.Normal(0.0, 1.0), [D.ExpTransform()]).log_prob(autograd.tensor(1.0))
    tensor(-0.9189)
    """

    def __init__(self, base_distribution: Distribution, transforms: Any, validate_args: bool | None = None) -> None:
        self.base_dist = base_distribution
        self.transforms = [transforms] if isinstance(transforms, Transform) else list(transforms)
        for transform in self.transforms:
            if not isinstance(transform, Transform):
                raise NumberError(f"TransformedDistribution: {transform!r} is no Transform")
        super().__init__(base_distribution.batch_shape, base_distribution.event_shape, validate_args)

    @property
    def has_rsample(self) -> bool:  # type: ignore[override]
        return self.base_dist.has_rsample

    def _forward(self, x: Tensor) -> Tensor:
        for transform in self.transforms:
            x = transform(x)
        return x

    def sample(self, sample_shape: Any = ()) -> Tensor:
        with no_grad():
            return self._forward(self.base_dist.sample(sample_shape))

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        return self._forward(self.base_dist.rsample(sample_shape))

    def log_prob(self, value: Any) -> Tensor:
        dims, total, y = tuple(range(-len(self._event_shape), 0)), 0.0, value
        for transform in reversed(self.transforms):
            x = transform.inverse(y)
            part = transform.log_abs_det_jacobian(x, y)
            total, y = total - (part.sum(dims) if dims else part), x
        return total + self.base_dist.log_prob(y)

    def cdf(self, value: Any) -> Tensor:
        """The probability of a draw below the value, of transforms that rise."""
        for transform in reversed(self.transforms):
            value = transform.inverse(value)
        return self.base_dist.cdf(value)

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


class LogNormal(TransformedDistribution):
    """exp of a normal variable.

    >>> autograd.distributions.LogNormal(0.0, 1.0).mean
    tensor(1.6487)
    """

    def __init__(self, loc: Any, scale: Any, validate_args: bool | None = None) -> None:
        super().__init__(Normal(loc, scale, validate_args), ExpTransform(), validate_args)

    loc = property(lambda self: self.base_dist.loc)
    scale = property(lambda self: self.base_dist.scale)

    @property
    def mean(self) -> Tensor:
        return (self.loc + self.scale.pow(2) / 2).exp()

    @property
    def mode(self) -> Tensor:
        return (self.loc - self.scale.square()).exp()

    @property
    def variance(self) -> Tensor:
        squared = self.scale.pow(2)
        return squared.expm1() * (2 * self.loc + squared).exp()

    def entropy(self) -> Tensor:
        return self.base_dist.entropy() + self.loc


class HalfNormal(TransformedDistribution):
    """The magnitude of a normal variable of mean 0.

    >>> autograd.distributions.HalfNormal(1.0).log_prob(autograd.tensor(0.0))
    tensor(-0.2258)
    """

    def __init__(self, scale: Any, validate_args: bool | None = None) -> None:
        super().__init__(Normal(0.0, scale, validate_args), [], validate_args)

    scale = property(lambda self: self.base_dist.scale)

    @property
    def mean(self) -> Tensor:
        return self.scale * math.sqrt(2 / math.pi)

    @property
    def variance(self) -> Tensor:
        return self.scale.pow(2) * (1 - 2 / math.pi)

    def _forward(self, x: Tensor) -> Tensor:
        return x.abs()

    def log_prob(self, value: Any) -> Tensor:
        self._check("value", value, lambda v: v >= 0, "at least 0")
        return self.base_dist.log_prob(value) + math.log(2)

    def entropy(self) -> Tensor:
        return self.base_dist.entropy() - math.log(2)


class HalfCauchy(TransformedDistribution):
    """The magnitude of a Cauchy variable around 0.

    >>> autograd.distributions.HalfCauchy(1.0).log_prob(autograd.tensor(0.0))
    tensor(-0.4516)
    """

    def __init__(self, scale: Any, validate_args: bool | None = None) -> None:
        super().__init__(Cauchy(0.0, scale, validate_args), [], validate_args)

    scale = property(lambda self: self.base_dist.scale)

    def _forward(self, x: Tensor) -> Tensor:
        return x.abs()

    def log_prob(self, value: Any) -> Tensor:
        self._check("value", value, lambda v: v >= 0, "at least 0")
        return self.base_dist.log_prob(value) + math.log(2)

    def entropy(self) -> Tensor:
        return self.base_dist.entropy() - math.log(2)


class Pareto(Distribution):
    """The Pareto distribution above scale, of exponent alpha.

    >>> autograd.distributions.Pareto(1.0, 1.0).log_prob(autograd.tensor(2.0))
    tensor(-1.3863)
    """

    has_rsample = True
    _positive = ("scale", "alpha")

    def __init__(self, scale: Any, alpha: Any, validate_args: bool | None = None) -> None:
        self.scale, self.alpha = _together(scale, alpha)
        super().__init__(self.scale.shape, (), validate_args)

    @property
    def mean(self) -> Tensor:
        a = self.alpha.clamp(min=1)
        return a * self.scale / (a - 1)

    @property
    def variance(self) -> Tensor:
        a = self.alpha.clamp(min=2)
        return self.scale.pow(2) * a / ((a - 1).pow(2) * (a - 2))

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        noise = random.rng_of(None).standard_exponential(tuple(self._extended_shape(sample_shape)))
        return self.scale * (_drawn(self.scale, noise) / self.alpha).exp()

    def log_prob(self, value: Any) -> Tensor:
        self._check("value", value, lambda v: v >= self.scale, "at least scale")
        return self.alpha.log() + self.alpha * self.scale.log() - (self.alpha + 1) * value.log()

    def entropy(self) -> Tensor:
        return (self.scale / self.alpha).log() + (1 + self.alpha.reciprocal())


class Weibull(Distribution):
    """The Weibull distribution of a scale and a shape (concentration).

    >>> autograd.distributions.Weibull(1.0, 1.0).log_prob(autograd.tensor(1.0))
    tensor(-1.)
    """

    has_rsample = True
    _positive = ("scale", "concentration")

    def __init__(self, scale: Any, concentration: Any, validate_args: bool | None = None) -> None:
        self.scale, self.concentration = _together(scale, concentration)
        super().__init__(self.scale.shape, (), validate_args)

    @property
    def mean(self) -> Tensor:
        return self.scale * (1 + self.concentration.reciprocal()).lgamma().exp()

    @property
    def variance(self) -> Tensor:
        inverse = self.concentration.reciprocal()
        return self.scale.pow(2) * ((1 + 2 * inverse).lgamma().exp() - (2 * (1 + inverse).lgamma()).exp())

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        noise = random.rng_of(None).standard_exponential(tuple(self._extended_shape(sample_shape)))
        return self.scale * _drawn(self.scale, noise).pow(self.concentration.reciprocal())

    def log_prob(self, value: Any) -> Tensor:
        self._check("value", value, lambda v: v > 0, "positive")
        k, z = self.concentration, value / self.scale
        return (k / self.scale).log() + (k - 1) * z.log() - z.pow(k)

    def entropy(self) -> Tensor:
        inverse = self.concentration.reciprocal()
        return _EULER * (1 - inverse) + (self.scale * inverse).log() + 1


class RelaxedBernoulli(_Discrete):
    """A Bernoulli variable softened to (0, 1) by a temperature, with gradients. Maddison et al., arXiv:1611.00712.

    >>> autograd.distributions.RelaxedBernoulli(autograd.tensor(1.0), 0.5).log_prob(autograd.tensor(0.5))
    tensor(0.)
    """

    has_rsample = True
    _binary = True

    def __init__(
        self, temperature: Any, probs: Any = None, logits: Any = None, validate_args: bool | None = None
    ) -> None:
        (self.temperature,) = _together(temperature)
        super().__init__(probs, logits, lambda given: (), validate_args)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        u = creation.rand(self._extended_shape(sample_shape), dtype=self.logits.dtype)
        eps = float(np.finfo(self.logits.dtype).eps)
        u = u.clamp(eps, 1 - eps)
        return ((u.log() - (-u).log1p() + self.logits) / self.temperature).sigmoid()

    def sample(self, sample_shape: Any = ()) -> Tensor:
        with no_grad():
            return self.rsample(sample_shape)

    def log_prob(self, value: Any) -> Tensor:
        score = value.log() - (-value).log1p()
        difference = self.logits - score * self.temperature
        density = self.temperature.log() + difference - 2 * difference.exp().log1p()
        return density + _softplus(-score) + _softplus(score)


class RelaxedOneHotCategorical(_Discrete):
    """A one-hot variable softened to the simplex by a temperature, with gradients: the Gumbel softmax. arXiv:1611.01144.

    >>> D = autograd.distributions
    >>> D.RelaxedOneHotCategorical(autograd.tensor(1.0), autograd.ones(2)).log_prob(autograd.tensor([0.5, 0.5]))
    tensor(0.)
    """

    has_rsample = True

    def __init__(
        self, temperature: Any, probs: Any = None, logits: Any = None, validate_args: bool | None = None
    ) -> None:
        (self.temperature,) = _together(temperature)
        super().__init__(probs, logits, lambda given: given.shape[-1:], validate_args)

    def _score(self, sample_shape: Any) -> Tensor:
        noise = _drawn(self.logits, random.rng_of(None).gumbel(size=tuple(self._extended_shape(sample_shape))))
        return (self.logits + noise) / self.temperature

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        return self._score(sample_shape).softmax(-1)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        with no_grad():
            return self.rsample(sample_shape)

    def log_prob(self, value: Any) -> Tensor:
        k = self.param_shape[-1]
        logs = value.log()
        score = self.logits - logs * self.temperature
        norm = math.lgamma(k) + (k - 1) * self.temperature.log()
        return (score - score.logsumexp(-1, keepdim=True)).sum(-1) + norm - logs.sum(-1)


class MixtureSameFamily(Distribution):
    """One of the components along the last batch dimension, chosen by a Categorical.

    >>> D = autograd.distributions
    >>> parts = D.Normal(autograd.zeros(2), autograd.ones(2))
    >>> D.MixtureSameFamily(D.Categorical(autograd.ones(2)), parts).log_prob(autograd.tensor(0.0))
    tensor(-0.9189)
    """

    def __init__(
        self, mixture_distribution: Categorical, component_distribution: Distribution, validate_args: bool | None = None
    ) -> None:
        if not isinstance(mixture_distribution, Categorical):
            raise NumberError("MixtureSameFamily: the mixture_distribution needs to be a Categorical")
        shape = tuple(component_distribution.batch_shape)
        if shape[-1:] != tuple(mixture_distribution.param_shape[-1:]):
            raise NumberError(
                f"MixtureSameFamily: {mixture_distribution.param_shape[-1]} weights for components of batch_shape {shape}"
            )
        self.mixture_distribution, self.component_distribution = mixture_distribution, component_distribution
        super().__init__(shape[:-1], component_distribution.event_shape, validate_args)

    def _pad(self, x: Tensor) -> Tensor:
        return x.unsqueeze(-1 - len(self._event_shape))

    def _weighted(self, x: Tensor) -> Tensor:
        probs = self.mixture_distribution.probs
        probs = probs.reshape((*probs.shape, *(1,) * len(self._event_shape)))
        return (probs * x).sum(-1 - len(self._event_shape))

    @property
    def mean(self) -> Tensor:
        return self._weighted(self.component_distribution.mean)

    @property
    def variance(self) -> Tensor:
        within = self._weighted(self.component_distribution.variance)
        return within + self._weighted((self.component_distribution.mean - self._pad(self.mean)).pow(2))

    def sample(self, sample_shape: Any = ()) -> Tensor:
        with no_grad():
            chosen = self.mixture_distribution.sample(sample_shape)
            drawn = self.component_distribution.sample(sample_shape)
            n = len(self._event_shape)
            index = chosen.reshape((*chosen.shape, *(1,) * (n + 1))).expand((*chosen.shape, 1, *self._event_shape))
            return drawn.gather(drawn.ndim - n - 1, index).squeeze(-1 - n)

    def log_prob(self, value: Any) -> Tensor:
        parts = self.component_distribution.log_prob(self._pad(value))
        return (parts + self.mixture_distribution.logits.log_softmax(-1)).logsumexp(-1)

    def __repr__(self) -> str:
        return f"MixtureSameFamily(\n  {self.mixture_distribution},\n  {self.component_distribution})"


# -------------------------------------------------------------------------------------------------------- divergences


def _kl_gamma(p: Gamma, q: Gamma) -> Tensor:
    a, b = p.concentration, q.concentration
    return (
        b * (p.rate / q.rate).log() + b.lgamma() - a.lgamma() + (a - b) * a.digamma() + (q.rate - p.rate) * a / p.rate
    )


def _kl_beta(p: Beta, q: Beta) -> Tensor:
    a, b, total = p.concentration1, p.concentration0, p.concentration1 + p.concentration0
    da, db = a - q.concentration1, b - q.concentration0
    return q._log_norm() - p._log_norm() + da * a.digamma() + db * b.digamma() - (da + db) * total.digamma()


def _kl_dirichlet(p: Dirichlet, q: Dirichlet) -> Tensor:
    a, b = p.concentration, q.concentration
    norms = a.sum(-1).lgamma() - b.sum(-1).lgamma() - (a.lgamma() - b.lgamma()).sum(-1)
    return norms + ((a - b) * (a.digamma() - a.sum(-1, keepdim=True).digamma())).sum(-1)


def _kl_poisson(p: Poisson, q: Poisson) -> Tensor:
    return p.rate * (p.rate.log() - q.rate.log()) - (p.rate - q.rate)


def _kl_geometric(p: Geometric, q: Geometric) -> Tensor:
    return -p.entropy() - (-q.probs).log1p() / p.probs - q.logits


def _kl_transformed(p: TransformedDistribution, q: TransformedDistribution) -> Tensor:
    from .distributions import kl_divergence

    return kl_divergence(p.base_dist, q.base_dist)


KL: dict[type, Callable[[Any, Any], Tensor]] = {
    Gamma: _kl_gamma,
    Beta: _kl_beta,
    Dirichlet: _kl_dirichlet,
    Poisson: _kl_poisson,
    Geometric: _kl_geometric,
    LogNormal: _kl_transformed,
    HalfNormal: _kl_transformed,
}

FURTHER: tuple[type, ...] = (
    AffineTransform, Beta, Binomial, Cauchy, Chi2, ComposeTransform, Dirichlet, ExpTransform, Gamma, Geometric,
    Gumbel, HalfCauchy, HalfNormal, LogNormal, MixtureSameFamily, Multinomial, NegativeBinomial, Pareto, Poisson,
    PowerTransform, RelaxedBernoulli, RelaxedOneHotCategorical, SigmoidTransform, SoftplusTransform, StudentT,
    TanhTransform, Transform, TransformedDistribution, Weibull,
)  # fmt: skip
