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
    np.testing.assert_allclose(ours.detach().numpy(), theirs.detach().numpy(), rtol=1e-9, atol=1e-10, err_msg=what)


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
        assert tuple(x.shape) == tuple(y.shape) and str(x.dtype) == str(y.dtype).removeprefix("torch.")
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
