"""Optimizers: the course's forms by hand, groups, sparse rows, averages, and what a mistake leaves behind."""

from __future__ import annotations

import math

import numpy as np
import pytest

import autograd
import nn
import optim
from autograd.tensor import wrap


def leaf(*values):
    return wrap(np.array(values, np.float64)).requires_grad_()


def feed(optimizer, p, gradients):
    for g in gradients:
        p.grad = wrap(np.array(g, np.float64))
        optimizer.step()
    return p.detach().numpy()


GRADIENTS = [[1.0, -2.0], [0.5, 3.0], [-1.0, 0.25]]


def test_momentum_as_an_average():
    p = leaf(1.0, 2.0)
    came = feed(optim.SGD([p], lr=0.1, momentum=0.9, averaged=True), p, GRADIENTS)
    w, v = np.array([1.0, 2.0]), np.zeros(2)
    for g in np.array(GRADIENTS):
        v = 0.9 * v + 0.1 * g
        w = w - 0.1 * v
    np.testing.assert_allclose(came, w, rtol=1e-12)


def test_rmsprop_with_epsilon_inside_the_root():
    p = leaf(1.0, 2.0)
    came = feed(optim.RMSprop([p], lr=0.1, alpha=0.9, eps=0.01, eps_inside=True), p, GRADIENTS)
    w, s = np.array([1.0, 2.0]), np.zeros(2)
    for g in np.array(GRADIENTS):
        s = 0.9 * s + 0.1 * g**2
        w = w - 0.1 * g / np.sqrt(s + 0.01)
    np.testing.assert_allclose(came, w, rtol=1e-12)


def test_adam_by_hand():
    p = leaf(1.0, 2.0)
    came = feed(optim.Adam([p], lr=0.1), p, GRADIENTS)
    w, v, s = np.array([1.0, 2.0]), np.zeros(2), np.zeros(2)
    for t, g in enumerate(np.array(GRADIENTS), 1):
        v, s = 0.9 * v + 0.1 * g, 0.999 * s + 0.001 * g**2
        w = w - 0.1 * (v / (1 - 0.9**t)) / (np.sqrt(s / (1 - 0.999**t)) + 1e-8)
    np.testing.assert_allclose(came, w, rtol=1e-10)


@pytest.mark.parametrize(
    "make,expected",
    [
        (lambda o: optim.lr_scheduler.InverseTimeDecay(o, decay=0.5), lambda e: 0.2 / (1 + 0.5 * e)),
        (lambda o: optim.lr_scheduler.ExponentialLR(o, gamma=0.95), lambda e: 0.2 * 0.95**e),
        (lambda o: optim.lr_scheduler.InverseSquareRootDecay(o, k=0.7), lambda e: 0.2 * 0.7 / math.sqrt(e + 1)),
        (
            lambda o: optim.lr_scheduler.ManualDecay(o, {2: 0.05, 4: 0.01}),
            lambda e: 0.2 if e < 2 else 0.05 if e < 4 else 0.01,
        ),
    ],
)
def test_the_four_decays(make, expected):
    optimizer = optim.SGD([leaf(1.0)], lr=0.2)
    schedule = make(optimizer)
    for epoch in range(6):
        assert optimizer.param_groups[0]["lr"] == pytest.approx(expected(epoch))
        schedule.step()


def test_groups_have_settings_of_their_own():
    a, b = leaf(1.0), leaf(1.0)
    optimizer = optim.SGD([{"params": [a]}, {"params": [b], "lr": 0.5}], lr=0.1)
    a.grad = b.grad = wrap(np.ones(1))
    optimizer.step()
    assert a.item() == pytest.approx(0.9) and b.item() == 0.5


def test_any_memory_order_is_updated():
    data = np.arange(24.0).reshape(2, 3, 4)
    for value in (data.transpose(2, 0, 1), data[::-1, :, ::2], np.asfortranarray(data)):
        p, q = wrap(value).requires_grad_(), wrap(value.copy()).requires_grad_()
        p.grad, q.grad = wrap(np.asfortranarray(np.ones(value.shape))), wrap(np.ones(value.shape))
        optim.Adam([p], lr=0.1).step()
        optim.Adam([q], lr=0.1).step()
        np.testing.assert_array_equal(p.detach().numpy(), q.detach().numpy())


def test_a_rate_that_became_nan_is_refused_before_the_step():
    p = leaf(1.0)
    optimizer = optim.SGD([p], lr=0.1)
    optimizer.param_groups[0]["lr"] = float("nan")
    p.grad = wrap(np.ones(1))
    with pytest.raises(ValueError, match="lr must be"):
        optimizer.step()
    assert p.item() == 1.0


def test_state_of_another_model_changes_nothing():
    p, q = leaf(1.0, 2.0), leaf(1.0)
    a, b = optim.Adam([p]), optim.Adam([q])
    feed(a, p, GRADIENTS)
    with pytest.raises(ValueError, match="shape"):
        b.load_state_dict(a.state_dict())
    assert not b.state
    with pytest.raises(ValueError, match="sizes"):
        optim.Adam([q, leaf(1.0)]).load_state_dict(a.state_dict())


def test_step_counts_as_a_write():
    p = leaf(1.0)
    loss = (p * p).sum()
    p.grad = wrap(np.ones(1))
    optim.SGD([p], lr=0.1).step()
    with pytest.raises(RuntimeError, match="changed in place by SGD"):
        loss.backward()


def test_hooks_and_closure():
    p = leaf(1.0)
    optimizer = optim.SGD([p], lr=0.1)
    seen = []
    optimizer.register_step_pre_hook(lambda o, a, k: seen.append("before"))
    optimizer.register_step_post_hook(lambda o, a, k: seen.append("after"))

    def closure():
        optimizer.zero_grad()
        loss = (p * p).sum()
        loss.backward()
        return loss

    with autograd.no_grad():
        assert optimizer.step(closure).item() == 1.0
    assert seen == ["before", "after"] and p.item() == pytest.approx(0.8)


def test_lbfgs_calls_hooks_and_goes_on_from_a_state():
    a, b = autograd.randn(2, 3, requires_grad=True), autograd.randn(4, requires_grad=True)
    optimizer = optim.LBFGS([a, b], max_iter=3)
    seen = []
    optimizer.register_step_pre_hook(lambda o, args, kwargs: seen.append("before"))
    optimizer.register_step_post_hook(lambda o, args, kwargs: seen.append("after"))

    def closure(params=(a, b), optimizer=optimizer):
        optimizer.zero_grad()
        loss = sum((p.cosh() - p).sum() for p in params)
        loss.backward()
        return loss

    optimizer.step(closure)
    assert seen == ["before", "after"]
    copies = [p.detach().clone().requires_grad_() for p in (a, b)]
    other = optim.LBFGS(copies, max_iter=3)
    other.load_state_dict(optimizer.state_dict())
    optimizer.step(closure)
    other.step(lambda: closure(copies, other))
    assert all((p == q).all() for p, q in zip((a, b), copies, strict=True))
    with pytest.raises(ValueError, match=r"LBFGS: state 'd' has shape \(10,\), expected \(4,\)"):
        optim.LBFGS([leaf(1.0, 2.0), leaf(1.0, 2.0)]).load_state_dict(optimizer.state_dict())


def test_parameters_have_all_names_or_none():
    p, q = leaf(1.0), leaf(2.0)
    with pytest.raises(ValueError, match="some names are missing"):
        optim.SGD([("p", p), q])
    with pytest.raises(ValueError, match="all with names"):
        optim.SGD([{"params": [p]}, {"params": [("q", q)]}])


@pytest.mark.parametrize(
    "name", ["ASGD", "Adadelta", "Adafactor", "Adagrad", "Adam", "NAdam", "RMSprop", "Rprop", "SGD"]
)
def test_a_rate_may_be_a_tensor_that_changes(name):
    p, q = leaf(1.0, 2.0), leaf(1.0, 2.0)
    rate = autograd.tensor(0.5)
    a, b = getattr(optim, name)([p], lr=rate), getattr(optim, name)([q], lr=0.5)
    for lr in (0.5, 0.25):
        rate.fill_(lr)
        b.param_groups[0]["lr"] = lr
        for x, optimizer in ((p, a), (q, b)):
            x.grad = wrap(np.ones(2))
            optimizer.step()
    assert (p == q).all() and a.param_groups[0]["lr"] is rate


def test_muon_takes_matrices_only_and_makes_the_step_orthogonal():
    with pytest.raises(ValueError, match=r"Muon: only matrices .* shape \(2,\)"):
        optim.Muon([leaf(1.0, 2.0)])
    for shape in ((4, 7), (7, 4)):
        p = autograd.zeros(*shape, dtype=autograd.float64, requires_grad=True)
        p.grad = wrap(np.random.default_rng(0).standard_normal(shape))
        optim.Muon([p], lr=1.0, weight_decay=0.0, adjust_lr_fn="match_rms_adamw").step()
        values = np.linalg.svd(p.detach().numpy() / (0.2 * 7**0.5), compute_uv=False)
        assert values.min() > 0.6 and values.max() < 1.25


def test_adafactor_holds_no_more_than_rows_and_columns():
    p = autograd.ones(2, 4, 3, dtype=autograd.float64, requires_grad=True)
    p.grad = wrap(np.arange(24.0).reshape(2, 4, 3))
    optimizer = optim.Adafactor([p])
    optimizer.step()
    held = optimizer.state[p]
    assert held["row_var"].shape == (2, 4, 1) and held["col_var"].shape == (2, 1, 3)
    np.testing.assert_allclose(held["col_var"][0, 0], (np.arange(12.0).reshape(4, 3) ** 2).mean(0))


def test_averages_of_a_model():
    model = nn.Linear(2, 1)
    mean = optim.swa_utils.AveragedModel(model)
    moving = optim.swa_utils.AveragedModel(model, avg_fn=optim.swa_utils.get_ema_avg_fn(0.5))
    seen = []
    for value in (1.0, 3.0, 8.0):
        with autograd.no_grad():
            model.weight.fill_(value)
        mean.update_parameters(model)
        moving.update_parameters(model)
        seen.append((mean.module.weight[0, 0].item(), moving.module.weight[0, 0].item()))
    assert seen == [(1.0, 1.0), (2.0, 2.0), (4.0, 5.0)]
    assert mean(autograd.ones(1, 2)).shape == (1, 1)
