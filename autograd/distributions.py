"""Probability distributions with torch.distributions' names, shapes and formulas.

A distribution has a batch_shape (independent distributions, one a parameter) and an event_shape (of one draw). `sample` draws
sample_shape + batch_shape + event_shape; `rsample`, where there is one, is differentiable in the parameters; `log_prob` takes
values that broadcast against batch_shape + event_shape. Parameters and values outside their range are a ValueError unless
validate_args is False.
"""

from __future__ import annotations

import copy
import functools
import math
import re
import sys
from collections.abc import Callable
from typing import Any

from . import constraints, creation, random
from .dtypes import get_default_dtype
from .errors import NumberError
from .op import REGISTRY
from .ops.shape import broadcast_shapes
from .tape import enable_grad, no_grad
from .tensor import Size, Tensor

__path__: list[str] = []  # `import autograd.distributions.normal` looks for a package

_bce_with_logits = REGISTRY["binary_cross_entropy_with_logits"].call
_broadcast_tensors = REGISTRY["broadcast_tensors"].call
_solve_triangular = REGISTRY["linalg_solve_triangular"].call
_cholesky = REGISTRY["linalg_cholesky"].call
_where = REGISTRY["where"].call


def broadcast_all(*values: Any) -> list[Tensor]:
    """Numbers and tensors as tensors of one shape; numbers take the tensors' dtype.

    >>> autograd.distributions.broadcast_all(1.0, autograd.zeros(2))[0]
    tensor([1., 1.])
    """
    dtype = next((v.dtype for v in values if isinstance(v, Tensor)), get_default_dtype())
    tensors = [v if isinstance(v, Tensor) else creation.tensor(v, dtype=dtype) for v in values]
    return list(_broadcast_tensors(*tensors))


def clamp_probs(probs: Tensor) -> Tensor:
    """Off 0 and 1 by the spacing of the dtype, so that the logarithm is finite.

    >>> bool(autograd.distributions.clamp_probs(autograd.zeros(1)) > 0)
    True
    """
    eps = creation.finfo(probs.dtype).eps
    return probs.clamp(eps, 1 - eps)


_together, _clamped = broadcast_all, clamp_probs


def probs_to_logits(probs: Tensor, is_binary: bool = False) -> Tensor:
    """Probabilities as logarithms, or of one event as the logarithm of the odds.

    >>> autograd.distributions.probs_to_logits(autograd.tensor([0.5]), is_binary=True)
    tensor([0.])
    """
    probs = _clamped(probs)
    return probs.log() - (-probs).log1p() if is_binary else probs.log()


def logits_to_probs(logits: Tensor, is_binary: bool = False) -> Tensor:
    """`probs_to_logits` back.

    >>> autograd.distributions.logits_to_probs(autograd.zeros(2))
    tensor([0.5000, 0.5000])
    """
    return logits.sigmoid() if is_binary else logits.softmax(-1)


class lazy_property(functools.cached_property):
    """A property that is computed once, recorded whatever the grad mode is.

    >>> class Half:
    ...     @autograd.distributions.lazy_property
    ...     def value(self):
    ...         return autograd.tensor(0.5)
    >>> half = Half()
    >>> half.value is half.value
    True
    """

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        with enable_grad():
            return super().__get__(instance, owner)


class Distribution:
    """What distributions share: shapes, sampling without a tape, validation."""

    has_rsample = False
    #: the parameters that must be positive
    _positive: tuple[str, ...] = ()
    #: of a distribution of one's own: parameter and constraint
    arg_constraints: Any = {}
    _validate_args = True

    @staticmethod
    def set_default_validate_args(value: bool) -> None:
        """Whether distributions check parameters and values where `validate_args` is not given."""
        Distribution._validate_args = value

    def __init__(self, batch_shape: Any = (), event_shape: Any = (), validate_args: bool | None = None) -> None:
        self._batch_shape, self._event_shape = Size(batch_shape), Size(event_shape)
        if validate_args is not None:
            self._validate_args = validate_args
        if self._validate_args:
            for name in self._positive:
                self._check(name, getattr(self, name), lambda v: v > 0, "positive")
            for name, constraint in self.arg_constraints.items():
                if not constraints.is_dependent(constraint) and not isinstance(
                    getattr(type(self), name, None), lazy_property
                ):
                    self._check(name, getattr(self, name), constraint.check, f"in {constraint}")

    @property
    def support(self) -> Any:
        """The constraint of what can be drawn, of distributions of one's own."""
        raise NotImplementedError(f"{type(self).__name__} names no support")

    def _validate_sample(self, value: Any) -> None:
        """Raise ValueError for what is no Tensor, has a shape that does not go with the distribution's, or lies outside."""
        if not isinstance(value, Tensor):
            raise NumberError(f"{type(self).__name__}: expected the value to be a Tensor, got {type(value).__name__}")
        shape, own = tuple(value.shape), (*self._batch_shape, *self._event_shape)
        if shape[len(shape) - len(self._event_shape) :] != tuple(self._event_shape) or any(
            m != n and 1 not in (m, n) for m, n in zip(reversed(shape), reversed(own), strict=False)
        ):
            raise NumberError(f"{type(self).__name__}: the value's shape {shape} does not go with {own}")
        try:
            support = self.support
        except NotImplementedError:
            return
        self._check("the value", value, support.check, f"within the support {support}")

    def _check(self, name: str, value: Tensor, holds: Callable[[Tensor], Tensor], words: str) -> None:
        if self._validate_args and not bool(holds(value.detach()).all()):
            raise NumberError(f"{type(self).__name__}: expected {name} to be {words}, got {value.detach()}")

    @property
    def batch_shape(self) -> Size:
        return self._batch_shape

    @property
    def event_shape(self) -> Size:
        return self._event_shape

    def _extended_shape(self, sample_shape: Any = ()) -> Size:
        return Size((*sample_shape, *self._batch_shape, *self._event_shape))

    def sample(self, sample_shape: Any = ()) -> Tensor:
        """A draw a distribution and place of sample_shape, without a gradient."""
        with no_grad():
            return self.rsample(sample_shape)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        """A draw that the parameters' gradients pass through."""
        raise NotImplementedError(f"{type(self).__name__} has no rsample")

    def log_prob(self, value: Tensor) -> Tensor:
        """The logarithm of the density, or of the probability, of each event."""
        raise NotImplementedError(f"{type(self).__name__} has no log_prob")

    def entropy(self) -> Tensor:
        """The expected -log_prob, of batch_shape."""
        raise NotImplementedError(f"{type(self).__name__} has no entropy")

    def cdf(self, value: Tensor) -> Tensor:
        """The probability of a draw below the value."""
        raise NotImplementedError(f"{type(self).__name__} has no cdf")

    def icdf(self, value: Tensor) -> Tensor:
        """The value below which a draw is with the given probability."""
        raise NotImplementedError(f"{type(self).__name__} has no icdf")

    def expand(self, batch_shape: Any) -> Any:
        """The same distribution under a larger batch_shape."""
        out, n = copy.copy(self), len(self._batch_shape)
        for name, value in vars(self).items():
            if isinstance(value, Tensor) and name != "temperature":
                setattr(out, name, value.expand((*batch_shape, *value.shape[n:])))
            elif isinstance(value, Distribution):
                inner = tuple(value.batch_shape)[n:]
                setattr(out, name, value.expand((*batch_shape, *inner)))
        out._batch_shape = Size(batch_shape)
        return out

    def perplexity(self) -> Tensor:
        """exp of the entropy."""
        return self.entropy().exp()

    @property
    def mean(self) -> Tensor:
        raise NotImplementedError(f"{type(self).__name__} has no mean")

    @property
    def variance(self) -> Tensor:
        raise NotImplementedError(f"{type(self).__name__} has no variance")

    @property
    def stddev(self) -> Tensor:
        return self.variance.sqrt()

    def __repr__(self) -> str:
        shown = {n: v for n, v in vars(self).items() if isinstance(v, Tensor) and n[0] != "_"}
        return (
            f"{type(self).__name__}({', '.join(f'{n}: {v if v.numel() == 1 else v.shape}' for n, v in shown.items())})"
        )


class Normal(Distribution):
    """The normal distribution of mean loc and standard deviation scale.

    >>> d = autograd.distributions.Normal(0.0, 2.0)
    >>> d.log_prob(autograd.tensor(2.0)), d.entropy()
    (tensor(-2.1121), tensor(2.1121))
    """

    has_rsample = True
    _positive = ("scale",)

    def __init__(self, loc: Any, scale: Any, validate_args: bool | None = None) -> None:
        self.loc, self.scale = _together(loc, scale)
        super().__init__(self.loc.shape, (), validate_args)

    @property
    def mean(self) -> Tensor:
        return self.loc

    mode = mean

    @property
    def stddev(self) -> Tensor:
        return self.scale

    @property
    def variance(self) -> Tensor:
        return self.scale**2

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        noise = creation.randn(self._extended_shape(sample_shape), dtype=self.loc.dtype)
        return self.loc + noise * self.scale

    def log_prob(self, value: Tensor) -> Tensor:
        self._check("value", value, lambda v: v == v, "a number")
        return -((value - self.loc) ** 2) / (2 * self.scale**2) - self.scale.log() - math.log(math.sqrt(2 * math.pi))

    def cdf(self, value: Tensor) -> Tensor:
        """The probability of a draw below the value."""
        return 0.5 * (1 + ((value - self.loc) * self.scale.reciprocal() / math.sqrt(2)).erf())

    def icdf(self, value: Tensor) -> Tensor:
        """The value below which a draw is with the given probability."""
        return self.loc + self.scale * (2 * value - 1).erfinv() * math.sqrt(2)

    def entropy(self) -> Tensor:
        return 0.5 + 0.5 * math.log(2 * math.pi) + self.scale.log()


class Uniform(Distribution):
    """Even over [low, high).

    >>> autograd.distributions.Uniform(0.0, 4.0).entropy()
    tensor(1.3863)
    """

    has_rsample = True

    def __init__(self, low: Any, high: Any, validate_args: bool | None = None) -> None:
        self.low, self.high = _together(low, high)
        super().__init__(self.low.shape, (), validate_args)
        self._check("high - low", self.high - self.low, lambda v: v > 0, "positive")

    @property
    def mean(self) -> Tensor:
        return (self.high + self.low) / 2

    @property
    def variance(self) -> Tensor:
        return (self.high - self.low) ** 2 / 12

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        return self.low + creation.rand(self._extended_shape(sample_shape), dtype=self.low.dtype) * (
            self.high - self.low
        )

    def log_prob(self, value: Tensor) -> Tensor:
        self._check("value", value, lambda v: (v >= self.low) & (v <= self.high), "within [low, high]")
        inside = (self.low <= value) & (self.high > value)
        return inside.to(self.low.dtype).log() - (self.high - self.low).log()

    def entropy(self) -> Tensor:
        return (self.high - self.low).log()


class Exponential(Distribution):
    """The exponential distribution of a rate: density rate * exp(-rate * value).

    >>> autograd.distributions.Exponential(2.0).log_prob(autograd.tensor(1.0))
    tensor(-1.3069)
    """

    has_rsample = True
    _positive = ("rate",)

    def __init__(self, rate: Any, validate_args: bool | None = None) -> None:
        (self.rate,) = _together(rate)
        super().__init__(self.rate.shape, (), validate_args)

    @property
    def mean(self) -> Tensor:
        return self.rate.reciprocal()

    @property
    def variance(self) -> Tensor:
        return self.rate.pow(-2)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        return creation.empty(self._extended_shape(sample_shape), dtype=self.rate.dtype).exponential_() / self.rate

    def log_prob(self, value: Tensor) -> Tensor:
        self._check("value", value, lambda v: v >= 0, "at least 0")
        return self.rate.log() - self.rate * value

    def entropy(self) -> Tensor:
        return 1.0 - self.rate.log()


class Laplace(Distribution):
    """The Laplace distribution: density exp(-|value - loc| / scale) / (2 scale).

    >>> autograd.distributions.Laplace(0.0, 1.0).log_prob(autograd.tensor(1.0))
    tensor(-1.6931)
    """

    has_rsample = True
    _positive = ("scale",)

    def __init__(self, loc: Any, scale: Any, validate_args: bool | None = None) -> None:
        self.loc, self.scale = _together(loc, scale)
        super().__init__(self.loc.shape, (), validate_args)

    @property
    def mean(self) -> Tensor:
        return self.loc

    @property
    def variance(self) -> Tensor:
        return 2 * self.scale**2

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        u = creation.rand(self._extended_shape(sample_shape), dtype=self.loc.dtype) * 2 - 1
        return self.loc - self.scale * u.sign() * (-u.abs()).log1p()

    def log_prob(self, value: Tensor) -> Tensor:
        return -(2 * self.scale).log() - (value - self.loc).abs() / self.scale

    def entropy(self) -> Tensor:
        return 1 + (2 * self.scale).log()


class _Discrete(Distribution):
    """Given by probs or logits; the other is computed when asked for."""

    _binary = False

    def __init__(self, probs: Any, logits: Any, event_shape: Any, validate_args: bool | None) -> None:
        name = type(self).__name__
        if (probs is None) == (logits is None):
            raise NumberError(f"{name}: expected either probs or logits, got {'neither' if probs is None else 'both'}")
        if validate_args is not None:
            self._validate_args = validate_args
        (given,) = _together(logits if probs is None else probs)
        if not self._binary and given.ndim < 1:
            raise NumberError(f"{name}: expected probs or logits of at least one dimension, got {given.shape}")
        if probs is None:
            self._check("logits", given, lambda v: v == v, "numbers, not NaN")
        elif self._binary:
            self._check("probs", given, lambda v: (v >= 0) & (v <= 1), "within [0, 1]")
        else:
            self._check("probs", given, lambda v: v >= 0, "at least 0")
        self._probs: Tensor | None = None
        self._logits: Tensor | None = None
        if probs is None:
            self._logits = given if self._binary else given - given.logsumexp(-1, keepdim=True)
        else:
            self._probs = given if self._binary else given / given.sum(-1, keepdim=True)
        super().__init__(given.shape if self._binary else given.shape[:-1], event_shape(given), validate_args)

    @property
    def probs(self) -> Tensor:
        """The probabilities, adding up to 1 over the last dimension where there are several."""
        if self._probs is None:
            assert self._logits is not None
            self._probs = self._logits.sigmoid() if self._binary else self._logits.softmax(-1)
        return self._probs

    @property
    def logits(self) -> Tensor:
        """The logarithms of the probabilities; of two, the logarithm of their ratio."""
        if self._logits is None:
            assert self._probs is not None
            p = _clamped(self._probs)
            self._logits = p.log() - (-p).log1p() if self._binary else p.log()
        return self._logits

    @property
    def mean(self) -> Tensor:
        return self.probs

    @property
    def variance(self) -> Tensor:
        return self.probs * (1 - self.probs)

    @property
    def param_shape(self) -> Size:
        given = self._logits if self._probs is None else self._probs
        assert given is not None
        return given.shape

    def __repr__(self) -> str:
        name, given = ("probs", self._probs) if self._probs is not None else ("logits", self._logits)
        assert given is not None
        return f"{type(self).__name__}({name}: {given if given.numel() == 1 else given.shape})"


class Bernoulli(_Discrete):
    """1 with probability probs, else 0; logits are log(probs / (1 - probs)).

    >>> autograd.distributions.Bernoulli(probs=0.25).log_prob(autograd.tensor(1.0))
    tensor(-1.3863)
    """

    _binary = True

    def __init__(self, probs: Any = None, logits: Any = None, validate_args: bool | None = None) -> None:
        super().__init__(probs, logits, lambda given: (), validate_args)

    @property
    def mode(self) -> Tensor:
        mode = (self.probs >= 0.5).to(self.probs.dtype)
        return _where(self.probs == 0.5, math.nan, mode)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        with no_grad():
            return random.bernoulli(self.probs.expand(self._extended_shape(sample_shape)))

    def log_prob(self, value: Tensor) -> Tensor:
        self._check("value", value, lambda v: (v == 0) | (v == 1), "0 or 1")
        logits, value = _broadcast_tensors(self.logits, value)
        return -_bce_with_logits(logits, value, reduction="none")

    def entropy(self) -> Tensor:
        return _bce_with_logits(self.logits, self.probs, reduction="none")


class Categorical(_Discrete):
    """A class 0 ... K - 1 with the probabilities along the last dimension of probs, or of exp(logits), made to add up to 1.

    >>> d = autograd.distributions.Categorical(probs=autograd.tensor([1.0, 3.0]))
    >>> d.log_prob(autograd.tensor(1)), d.entropy()
    (tensor(-0.2877), tensor(0.5623))
    """

    def __init__(self, probs: Any = None, logits: Any = None, validate_args: bool | None = None) -> None:
        super().__init__(probs, logits, lambda given: (), validate_args)

    @property
    def mean(self) -> Tensor:
        return creation.full(self._batch_shape, math.nan, dtype=self.probs.dtype)

    variance = mean

    @property
    def mode(self) -> Tensor:
        return self.probs.argmax(-1)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        with no_grad():
            rows = self.probs.reshape(-1, self.param_shape[-1])
            drawn = random.multinomial(rows, math.prod(sample_shape), True)
            return drawn.t().reshape(self._extended_shape(sample_shape))

    has_enumerate_support = True

    def enumerate_support(self, expand: bool = True) -> Tensor:
        """All classes, along a new first dimension."""
        values = creation.arange(self.param_shape[-1]).reshape((-1, *(1,) * len(self._batch_shape)))
        return values.expand((-1, *self._batch_shape)) if expand else values

    def log_prob(self, value: Tensor) -> Tensor:
        last = self.param_shape[-1] - 1
        self._check("value", value, lambda v: (v >= 0) & (v <= last) & (v == v.long()), f"a class from 0 to {last}")
        shape = broadcast_shapes(tuple(value.shape), tuple(self._batch_shape))
        logits = self.logits.expand((*shape, last + 1))
        return logits.gather(-1, value.long().expand(shape).unsqueeze(-1)).squeeze(-1)

    def entropy(self) -> Tensor:
        # log 0 * 0 is 0
        logits = self.logits.clamp(min=creation.finfo(self.logits.dtype).min)
        return -(logits * self.probs).sum(-1)


class OneHotCategorical(Categorical):
    """Categorical whose draws and values are one-hot vectors along the last dimension.

    >>> d = autograd.distributions.OneHotCategorical(probs=autograd.tensor([1.0, 3.0]))
    >>> d.log_prob(autograd.tensor([0.0, 1.0]))
    tensor(-0.2877)
    """

    def __init__(self, probs: Any = None, logits: Any = None, validate_args: bool | None = None) -> None:
        _Discrete.__init__(self, probs, logits, lambda given: given.shape[-1:], validate_args)

    mean, variance = _Discrete.mean, _Discrete.variance

    @property
    def mode(self) -> Tensor:
        return self._one_hot(self.probs.argmax(-1))

    def _one_hot(self, classes: Tensor) -> Tensor:
        k = self.param_shape[-1]
        return creation.zeros((*classes.shape, k), dtype=self.probs.dtype).scatter_(-1, classes.unsqueeze(-1), 1.0)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        with no_grad():
            return self._one_hot(Categorical(self.probs, validate_args=False).sample(sample_shape))

    def log_prob(self, value: Tensor) -> Tensor:
        self._check("value", value, lambda v: ((v == 0) | (v == 1)).all(-1) & (v.sum(-1) == 1), "one-hot")
        return Categorical(logits=self.logits, validate_args=False).log_prob(value.argmax(-1))


class OneHotCategoricalStraightThrough(OneHotCategorical):
    """OneHotCategorical whose draws hand their gradient on to the probabilities, as if they were these. Source: Bengio et al.,
    https://arxiv.org/abs/1308.3432.

    >>> d = autograd.distributions.OneHotCategoricalStraightThrough(probs=autograd.tensor([0.0, 1.0]))
    >>> d.rsample()
    tensor([0., 1.])
    """

    has_rsample = True

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        """Draws that have the gradient of `probs`."""
        return self.sample(sample_shape) + (self.probs - self.probs.detach())


class MultivariateNormal(Distribution):
    """The normal distribution of vectors, by mean loc (..., D) and one of covariance_matrix, precision_matrix, scale_tril.

    >>> d = autograd.distributions.MultivariateNormal(autograd.zeros(2), autograd.eye(2))
    >>> d.log_prob(autograd.ones(2))
    tensor(-2.8379)
    """

    has_rsample = True

    def __init__(
        self,
        loc: Tensor,
        covariance_matrix: Tensor | None = None,
        precision_matrix: Tensor | None = None,
        scale_tril: Tensor | None = None,
        validate_args: bool | None = None,
    ) -> None:
        given = [m for m in (covariance_matrix, precision_matrix, scale_tril) if m is not None]
        if loc.ndim < 1 or len(given) != 1 or given[0].ndim < 2:
            raise NumberError(
                "MultivariateNormal: expected loc of at least one dimension and exactly one matrix of at least two: "
                f"covariance_matrix, precision_matrix or scale_tril; got loc of {loc.shape} and {len(given)}"
            )
        batch = broadcast_shapes(tuple(given[0].shape[:-2]), tuple(loc.shape[:-1]))
        if precision_matrix is not None:
            # the Cholesky factor of the inverse from that of the matrix read backwards, without an inverse
            backwards = _cholesky(precision_matrix.flip((-2, -1)))
            inverse_upper = backwards.flip((-2, -1)).mT
            identity = creation.eye(loc.shape[-1], dtype=loc.dtype)
            root: Any = _solve_triangular(inverse_upper, identity, upper=False)
        else:
            root = scale_tril if covariance_matrix is None else _cholesky(covariance_matrix)
        self.loc = loc.expand((*batch, loc.shape[-1]))
        square = (*batch, *given[0].shape[-2:])
        self._root: Any
        self._root, self._covariance, self._precision = (
            matrix if matrix is None else matrix.expand(square)
            for matrix in (root, covariance_matrix, precision_matrix)
        )
        super().__init__(batch, loc.shape[-1:], validate_args)

    @property
    def scale_tril(self) -> Tensor:
        """The Cholesky factor of the covariance."""
        return self._root

    @property
    def covariance_matrix(self) -> Tensor:
        return self._root @ self._root.mT if self._covariance is None else self._covariance

    @property
    def precision_matrix(self) -> Tensor:
        return self.covariance_matrix.inverse() if self._precision is None else self._precision

    @property
    def mean(self) -> Tensor:
        return self.loc

    mode = mean

    @property
    def variance(self) -> Tensor:
        return self._root.pow(2).sum(-1)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        noise = creation.randn(self._extended_shape(sample_shape), dtype=self.loc.dtype)
        return self.loc + (self._root @ noise.unsqueeze(-1)).squeeze(-1)

    def _half_log_det(self) -> Tensor:
        return self._root.diagonal(dim1=-2, dim2=-1).log().sum(-1)

    def _squared_distance(self, difference: Tensor) -> Tensor:
        return _solve_triangular(self._root, difference.unsqueeze(-1), upper=False).pow(2).sum((-2, -1))

    def log_prob(self, value: Tensor) -> Tensor:
        distance = self._squared_distance(value - self.loc)
        return -0.5 * (self._event_shape[0] * math.log(2 * math.pi) + distance) - self._half_log_det()

    def entropy(self) -> Tensor:
        return 0.5 * self._event_shape[0] * (1.0 + math.log(2 * math.pi)) + self._half_log_det()


class Independent(Distribution):
    """The last dimensions of base's batch_shape counted as dimensions of the event: their log_prob is added up.

    >>> base = autograd.distributions.Normal(autograd.zeros(3), autograd.ones(3))
    >>> autograd.distributions.Independent(base, 1).log_prob(autograd.zeros(3))
    tensor(-2.7568)
    """

    def __init__(
        self, base_distribution: Distribution, reinterpreted_batch_ndims: int, validate_args: bool | None = None
    ) -> None:
        shape, n = tuple(base_distribution.batch_shape), reinterpreted_batch_ndims
        if n > len(shape):
            raise NumberError(f"Independent: expected reinterpreted_batch_ndims of at most {len(shape)}, got {n}")
        self.base_dist, self.reinterpreted_batch_ndims = base_distribution, n
        cut = len(shape) - n
        super().__init__(shape[:cut], (*shape[cut:], *base_distribution.event_shape), validate_args)

    @property
    def has_rsample(self) -> bool:  # type: ignore[override]
        return self.base_dist.has_rsample

    @property
    def mean(self) -> Tensor:
        return self.base_dist.mean

    @property
    def variance(self) -> Tensor:
        return self.base_dist.variance

    def sample(self, sample_shape: Any = ()) -> Tensor:
        return self.base_dist.sample(sample_shape)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        return self.base_dist.rsample(sample_shape)

    def _summed(self, x: Tensor) -> Tensor:
        n = self.reinterpreted_batch_ndims
        return x.sum(tuple(range(-n, 0))) if n else x

    def log_prob(self, value: Tensor) -> Tensor:
        return self._summed(self.base_dist.log_prob(value))

    def entropy(self) -> Tensor:
        return self._summed(self.base_dist.entropy())

    def __repr__(self) -> str:
        return f"Independent({self.base_dist}, {self.reinterpreted_batch_ndims})"


def kl_divergence(p: Distribution, q: Distribution) -> Tensor:
    """The Kullback-Leibler divergence of q from p, of batch_shape. NotImplementedError for kinds without a formula here.

    >>> Normal = autograd.distributions.Normal
    >>> autograd.distributions.kl_divergence(Normal(1.0, 1.0), Normal(0.0, 1.0))
    tensor(0.5000)
    """
    if isinstance(p, Independent) and isinstance(q, Independent):
        if p.reinterpreted_batch_ndims != q.reinterpreted_batch_ndims:
            raise NotImplementedError("kl_divergence: the two have different reinterpreted_batch_ndims")
        return p._summed(kl_divergence(p.base_dist, q.base_dist))
    for (kind, other), formula in reversed(_REGISTERED.items()):
        if isinstance(p, kind) and isinstance(q, other):
            return formula(p, q)
    for kind, formula in _KL.items():
        if isinstance(p, kind) and isinstance(q, kind):
            return formula(p, q)
    raise NotImplementedError(f"kl_divergence: no formula for {type(p).__name__} and {type(q).__name__}")


_REGISTERED: dict[tuple[type, type], Callable[[Any, Any], Tensor]] = {}


def register_kl(type_p: type, type_q: type) -> Callable[[Any], Any]:
    """Decorator of a function (p, q) that gives `kl_divergence` of the two kinds.

    >>> class Point(autograd.distributions.Normal): ...
    >>> @autograd.distributions.register_kl(Point, Point)
    ... def none(p, q):
    ...     return p.loc * 0
    >>> autograd.distributions.kl_divergence(Point(1.0, 1.0), Point(0.0, 1.0))
    tensor(0.)
    """

    def enter(formula: Any) -> Any:
        _REGISTERED[type_p, type_q] = formula
        return formula

    return enter


def _kl_normal(p: Normal, q: Normal) -> Tensor:
    ratio = (p.scale / q.scale) ** 2
    return 0.5 * (ratio + ((p.loc - q.loc) / q.scale) ** 2 - 1 - ratio.log())


def _kl_categorical(p: Categorical, q: Categorical) -> Tensor:
    t = p.probs * (p.logits - q.logits)
    t = _where(q.probs == 0, math.inf, t)
    return _where(p.probs == 0, 0.0, t).sum(-1)


def _kl_bernoulli(p: Bernoulli, q: Bernoulli) -> Tensor:
    one = p.probs * ((-q.logits).exp().log1p() - (-p.logits).exp().log1p())
    none = (1 - p.probs) * (q.logits.exp().log1p() - p.logits.exp().log1p())
    one = _where(p.probs == 0, 0.0, _where(q.probs == 0, math.inf, one))
    none = _where(p.probs == 1, 0.0, _where(q.probs == 1, math.inf, none))
    return one + none


def _kl_exponential(p: Exponential, q: Exponential) -> Tensor:
    ratio = q.rate / p.rate
    return ratio - 1 - ratio.log()


def _kl_laplace(p: Laplace, q: Laplace) -> Tensor:
    ratio, distance = p.scale / q.scale, (p.loc - q.loc).abs()
    return -ratio.log() + distance / q.scale + ratio * (-distance / p.scale).exp() - 1


def _kl_uniform(p: Uniform, q: Uniform) -> Tensor:
    result = ((q.high - q.low) / (p.high - p.low)).log()
    return _where((q.low > p.low) | (q.high < p.high), math.inf, result)


def _kl_multivariate_normal(p: MultivariateNormal, q: MultivariateNormal) -> Tensor:
    n = p.event_shape[0]
    shared = _solve_triangular(q.scale_tril, p.scale_tril, upper=False).pow(2).sum((-2, -1))
    determinants = q._half_log_det() - p._half_log_det()
    return determinants + 0.5 * (shared + q._squared_distance(q.loc - p.loc) - n)


_KL: dict[type, Callable[[Any, Any], Tensor]] = {
    Normal: _kl_normal,
    Categorical: _kl_categorical,
    Bernoulli: _kl_bernoulli,
    Exponential: _kl_exponential,
    Laplace: _kl_laplace,
    Uniform: _kl_uniform,
    MultivariateNormal: _kl_multivariate_normal,
}

from .transformed import FURTHER as _FURTHER  # noqa: E402  they build on the ones above
from .transformed import KL as _FURTHER_KL  # noqa: E402

globals().update({_kind.__name__: _kind for _kind in _FURTHER})
_KL.update(_FURTHER_KL)

# torch's files, which hold what is one file here
_FILES = {"kl", "transforms", "utils"}
_FILES |= {re.sub("(?<!^)(?=[A-Z])", "_", name).lower() for name in list(globals()) if name[0].isupper()}


def __getattr__(name: str) -> Any:
    if name in _FILES:
        return sys.modules[__name__]
    raise AttributeError(f"module 'autograd.distributions' has no attribute {name!r}", name=name)
