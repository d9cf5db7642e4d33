"""Distributions beside torch's: log_prob, entropy, moments, divergences, their gradients, shapes and refusals."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import autograd
import autograd.distributions  # noqa: F401

A = np.random.default_rng(0).standard_normal((4, 3))
B = np.random.default_rng(1).standard_normal((4, 3))
P = np.exp(A) / np.exp(A).sum(-1, keepdims=True)
SPD = A.T @ A + np.eye(3)
ROOT = np.linalg.cholesky(SPD)
ONE_HOT = np.eye(3)[[0, 2, 1, 0]]

# name, parameters as arrays (or numbers), a value of the right kind
CASES = [
    ("Normal", {"loc": A, "scale": np.exp(B)}, B),
    ("Normal", {"loc": 0.5, "scale": np.exp(B)}, B[0]),
    ("Uniform", {"low": A, "high": A + np.exp(B)}, A + np.exp(B) / 2),
    ("Exponential", {"rate": np.exp(A)}, np.exp(B)),
    ("Laplace", {"loc": A, "scale": np.exp(B)}, B),
    ("Bernoulli", {"logits": A}, (B > 0) * 1.0),
    ("Bernoulli", {"probs": P}, (B > 0) * 1.0),
    ("Categorical", {"logits": A}, np.array([0, 1, 2, 0])),
    ("Categorical", {"probs": np.exp(A)}, np.array([[0, 1, 2, 0], [2, 2, 2, 1]])),
    ("Categorical", {"probs": np.array([0.0, 0.25, 0.75])}, np.array([1, 2])),
    ("OneHotCategorical", {"logits": A}, ONE_HOT),
    ("MultivariateNormal", {"loc": A, "covariance_matrix": SPD}, B),
    ("MultivariateNormal", {"loc": A[0], "precision_matrix": SPD}, B),
    ("MultivariateNormal", {"loc": A, "scale_tril": ROOT}, np.stack([B, A])),
]
IDS = [f"{name}-{'-'.join(given)}" for name, given, _ in CASES]


def built(library, name, given):
    tensors = {k: library.tensor(v, requires_grad=True) if isinstance(v, np.ndarray) else v for k, v in given.items()}
    return getattr(library.distributions, name)(**tensors), [v for v in tensors.values() if hasattr(v, "grad")]


def close(ours, theirs, what):
    assert tuple(ours.shape) == tuple(theirs.shape), what
    np.testing.assert_allclose(ours.detach().numpy(), theirs.detach().numpy(), rtol=1e-8, atol=1e-10, err_msg=what)


def together(ours, theirs, ours_of, theirs_of, what):
    """The same numbers, and the same gradients of a weighted sum of them."""
    close(ours, theirs, what)
    if not theirs.requires_grad:
        assert not ours.requires_grad, what
        return
    weights = np.random.default_rng(2).standard_normal(tuple(theirs.shape))
    ours = autograd.grad((ours * autograd.tensor(weights)).sum(), ours_of, retain_graph=True, allow_unused=True)
    theirs = torch.autograd.grad(
        (theirs * torch.tensor(weights)).sum(), theirs_of, retain_graph=True, allow_unused=True
    )
    for a, b in zip(ours, theirs, strict=True):
        if b is not None:
            close(a, b, f"gradient of {what}")


@pytest.mark.parametrize(("name", "given", "value"), CASES, ids=IDS)
def test_densities_and_moments(name, given, value):
    (ours, a), (theirs, b) = built(autograd, name, given), built(torch, name, given)
    assert tuple(ours.batch_shape) == tuple(theirs.batch_shape) and tuple(ours.event_shape) == tuple(theirs.event_shape)
    together(ours.log_prob(autograd.tensor(value)), theirs.log_prob(torch.tensor(value)), a, b, "log_prob")
    for what in ("entropy", "perplexity"):
        together(getattr(ours, what)(), getattr(theirs, what)(), a, b, what)
    for what in ("mean", "variance", "stddev", "probs", "logits", "mode", "scale_tril", "covariance_matrix"):
        if hasattr(ours, what) and hasattr(theirs, what):
            together(getattr(ours, what), getattr(theirs, what), a, b, what)


@pytest.mark.parametrize(("name", "given", "value"), CASES, ids=IDS)
def test_draws(name, given, value):
    autograd.manual_seed(0)
    (ours, _), (theirs, _) = built(autograd, name, given), built(torch, name, given)
    assert ours.has_rsample == theirs.has_rsample
    for shape in ((), (3,), (2, 5)):
        x, y = ours.sample(shape), theirs.sample(shape)
        assert tuple(x.shape) == tuple(y.shape) and str(x.dtype) == str(y.dtype)
        assert not x.requires_grad
    if ours.has_rsample:
        assert ours.rsample((2,)).requires_grad
    if name != "Categorical":
        draws = ours.sample((20000,))
        deviation = theirs.stddev.detach().numpy()
        assert (np.abs((draws.mean(0) - ours.mean).detach().numpy()) < 0.04 * deviation + 1e-9).all()
        np.testing.assert_allclose(draws.std(0).numpy(), deviation, rtol=0.06)


@pytest.mark.parametrize(
    ("name", "given"),
    [(n, g) for n, g, _ in CASES if n != "Uniform"] + [("Uniform", {"low": A, "high": A + 1})],
)
def test_divergences(name, given):
    other = {
        k: np.roll(v, 1, 0) if isinstance(v, np.ndarray) and v is not SPD and v is not ROOT else v
        for k, v in given.items()
    }
    if name == "Uniform":
        other = {"low": A - 1, "high": A + 2}
    (p, a), (q, c) = built(autograd, name, given), built(autograd, name, other)
    (tp, b), (tq, d) = built(torch, name, given), built(torch, name, other)
    kl = torch.distributions.kl_divergence
    together(autograd.distributions.kl_divergence(p, q), kl(tp, tq), a + c, b + d, "kl_divergence")


def test_independent():
    given = {"loc": A, "scale": np.exp(B)}
    (base, a), (theirs_base, b) = built(autograd, "Normal", given), built(torch, "Normal", given)
    for n in (0, 1, 2):
        ours = autograd.distributions.Independent(base, n)
        theirs = torch.distributions.Independent(theirs_base, n)
        assert tuple(ours.batch_shape) == tuple(theirs.batch_shape)
        together(ours.log_prob(autograd.tensor(B)), theirs.log_prob(torch.tensor(B)), a, b, "log_prob")
        together(ours.entropy(), theirs.entropy(), a, b, "entropy")
        kl = autograd.distributions.kl_divergence(ours, ours), torch.distributions.kl_divergence(theirs, theirs)
        close(*kl, "kl_divergence")
        assert ours.rsample((2,)).shape == theirs.rsample((2,)).shape


def test_normal_cdf():
    given = {"loc": A, "scale": np.exp(B)}
    (ours, a), (theirs, b) = built(autograd, "Normal", given), built(torch, "Normal", given)
    together(ours.cdf(autograd.tensor(B)), theirs.cdf(torch.tensor(B)), a, b, "cdf")
    together(ours.icdf(autograd.tensor(P)), theirs.icdf(torch.tensor(P)), a, b, "icdf")
    larger = ours.expand((2, 4, 3)), theirs.expand((2, 4, 3))
    together(larger[0].log_prob(autograd.tensor(B)), larger[1].log_prob(torch.tensor(B)), a, b, "expand")


@pytest.mark.parametrize(
    "make",
    [
        lambda t, d: d.Normal(t.zeros(2), t.tensor([1.0, -1.0])),
        lambda t, d: d.Normal(t.zeros(2), 1.0).log_prob(t.tensor(float("nan"))),
        lambda t, d: d.Categorical(),
        lambda t, d: d.Categorical(t.ones(2), t.ones(2)),
        lambda t, d: d.Categorical(logits=t.tensor([0.0, float("nan")])),
        lambda t, d: d.Categorical(t.tensor(1.0)),
        lambda t, d: d.Categorical(t.ones(3)).log_prob(t.tensor(3)),
        lambda t, d: d.Bernoulli(t.tensor(1.5)),
        lambda t, d: d.Bernoulli(t.tensor(0.5)).log_prob(t.tensor(0.5)),
        lambda t, d: d.OneHotCategorical(t.ones(3)).log_prob(t.ones(3)),
        lambda t, d: d.Exponential(t.tensor(1.0)).log_prob(t.tensor(-1.0)),
        lambda t, d: d.Uniform(t.tensor(1.0), t.tensor(0.0)),
        lambda t, d: d.MultivariateNormal(t.zeros(2)),
        lambda t, d: d.Independent(d.Normal(t.zeros(2), 1.0), 2),
        lambda t, d: d.Categorical(t.ones(2)).rsample(),
        lambda t, d: d.kl_divergence(d.Normal(t.zeros(2), 1.0), d.Bernoulli(t.ones(2))),
    ],
)
def test_refusals(make):
    with pytest.raises((ValueError, NotImplementedError)) as theirs:
        make(torch, torch.distributions)
    with pytest.raises(theirs.type):
        make(autograd, autograd.distributions)
    autograd.distributions.Normal(0.0, -1.0, validate_args=False)


COUNTS = np.random.default_rng(3).integers(0, 4, (4, 3)) * 1.0
POSITIVE, OTHER = np.exp(A) + 0.5, np.exp(B) + 0.5
# name, parameters, a value, whether torch differentiates draws that are made by rejection here
FURTHER = [
    ("Gamma", {"concentration": POSITIVE, "rate": OTHER}, np.exp(B), True),
    ("Chi2", {"df": POSITIVE}, np.exp(B), True),
    ("Dirichlet", {"concentration": POSITIVE}, P, True),
    ("Beta", {"concentration1": POSITIVE, "concentration0": OTHER}, P, True),
    ("StudentT", {"df": POSITIVE + 2, "loc": A, "scale": OTHER}, B, True),
    ("Poisson", {"rate": POSITIVE}, COUNTS, False),
    ("Geometric", {"probs": P}, COUNTS, False),
    ("Geometric", {"logits": A}, COUNTS, False),
    ("Binomial", {"total_count": 5, "probs": P}, COUNTS, False),
    ("NegativeBinomial", {"total_count": 3.0, "logits": A - 1}, COUNTS, False),
    ("Multinomial", {"total_count": 4, "logits": A}, ONE_HOT * 3 + np.roll(ONE_HOT, 1, 0), False),
    ("Cauchy", {"loc": A, "scale": OTHER}, B, False),
    ("Gumbel", {"loc": A, "scale": OTHER}, B, False),
    ("LogNormal", {"loc": A, "scale": OTHER}, np.exp(B), False),
    ("HalfNormal", {"scale": OTHER}, np.exp(B), False),
    ("HalfCauchy", {"scale": OTHER}, np.exp(B), False),
    ("Pareto", {"scale": OTHER, "alpha": POSITIVE + 2}, OTHER + np.exp(B), False),
    ("Weibull", {"scale": OTHER, "concentration": POSITIVE}, np.exp(B), False),
    ("RelaxedBernoulli", {"temperature": np.array(0.7), "logits": A}, P, False),
    ("RelaxedOneHotCategorical", {"temperature": np.array(0.7), "logits": A}, P, False),
]


def asked(distribution, what):
    try:
        found = getattr(distribution, what)
        return found() if callable(found) else found
    except NotImplementedError:
        return None


@pytest.mark.parametrize(
    ("name", "given", "value", "reparametrized"), FURTHER, ids=[f"{c[0]}-{[*c[1]][-1]}" for c in FURTHER]
)
def test_further_distributions(name, given, value, reparametrized):
    autograd.manual_seed(0)
    (ours, a), (theirs, b) = built(autograd, name, given), built(torch, name, given)
    assert (tuple(ours.batch_shape), tuple(ours.event_shape)) == (tuple(theirs.batch_shape), tuple(theirs.event_shape))
    together(ours.log_prob(autograd.tensor(value)), theirs.log_prob(torch.tensor(value)), a, b, "log_prob")
    relaxed = name.startswith("Relaxed")
    for what in ("mean", "variance", "entropy") if not relaxed else ():
        mine, yours = asked(ours, what), asked(theirs, what)
        if mine is not None:
            together(mine, yours, a, b, what)
    assert ours.has_rsample == (theirs.has_rsample and not reparametrized)
    x, y = ours.sample((2, 5)), theirs.sample((2, 5))
    assert tuple(x.shape) == tuple(y.shape) and str(x.dtype) == str(y.dtype) and not x.requires_grad
    assert np.isfinite(ours.log_prob(x).detach().numpy()).all()
    if ours.has_rsample:
        assert ours.rsample((2,)).requires_grad
    if "Cauchy" not in name and not relaxed:
        draws = ours.sample((40000,)).numpy()
        deviation = theirs.stddev.detach().numpy()
        assert (np.abs(draws.mean(0) - theirs.mean.detach().numpy()) < 0.05 * deviation).all()
    assert tuple(ours.expand((2, *ours.batch_shape)).sample().shape) == (2, *y.shape[2:])
    other = {k: np.roll(v, 1, 0) if isinstance(v, np.ndarray) and v.ndim else v for k, v in given.items()}
    (q, c), (tq, d) = built(autograd, name, other), built(torch, name, other)
    try:
        mine = autograd.distributions.kl_divergence(ours, q)
    except NotImplementedError:
        return
    together(mine, torch.distributions.kl_divergence(theirs, tq), a + c, b + d, "kl_divergence")


def test_transformed_and_mixed():
    values = []
    for t in (autograd, torch):
        d, x, loc = t.distributions, t.tensor(P), t.tensor(A, requires_grad=True)
        base = d.Normal(loc, t.tensor(OTHER))
        squashed = d.TransformedDistribution(base, [d.TanhTransform(cache_size=1), d.AffineTransform(0.5, 2.0)])
        chained = d.ComposeTransform([d.SigmoidTransform(), d.PowerTransform(t.tensor(2.0, dtype=t.float64))])
        made = [
            squashed.log_prob(x), d.TransformedDistribution(base, chained).log_prob(x),
            d.TransformedDistribution(d.Independent(base, 1), [d.SoftplusTransform()]).log_prob(x),
            d.TransformedDistribution(base, [d.ExpTransform().inv]).log_prob(x), squashed.cdf(x),
        ]  # fmt: skip
        mixture = d.MixtureSameFamily(d.Categorical(logits=t.tensor(B)), base)
        vectors = d.MixtureSameFamily(d.Categorical(logits=t.tensor(B[:, 0])), d.Independent(base, 1))
        made += [mixture.log_prob(x[:, 0]), mixture.mean, mixture.variance, vectors.log_prob(x[0]), vectors.mean]
        assert tuple(mixture.sample((2,)).shape) == (2, 4) and tuple(vectors.sample((2,)).shape) == (2, 3)
        y = squashed.rsample()
        assert y.requires_grad and bool(t.isfinite(squashed.log_prob(y)).all())
        sum(part.sum() for part in made).backward()
        values.append([*made, loc.grad])
        names = [str(base), str(d.Normal(0.0, 1.0)), str(d.Bernoulli(0.5)), str(d.Categorical(logits=x))]
        values[-1].append(" ".join(names).replace("torch.", ""))
        support = d.Categorical(logits=x).enumerate_support()
        values[-1].append(support.tolist())
    for mine, theirs in zip(*values, strict=True):
        if isinstance(mine, (str, list)):
            assert mine == theirs
        else:
            np.testing.assert_allclose(mine.detach().numpy(), theirs.detach().numpy(), rtol=1e-6, atol=1e-8)


def test_a_divergence_of_ones_own():
    d = autograd.distributions

    class Mine(d.Normal):
        pass

    @d.register_kl(Mine, d.Normal)
    def _(p, q):
        return p.loc * 0 + 7

    assert d.kl.kl_divergence(Mine(0.0, 1.0), d.Normal(0.0, 1.0)).item() == 7.0
    assert d.kl_divergence(d.Normal(0.0, 1.0), d.Normal(0.0, 1.0)).item() == 0.0
