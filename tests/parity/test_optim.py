"""Optimizers and schedules beside torch's, step by step."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch

import autograd
import nn
import optim
from autograd.tensor import wrap

OPTIMIZERS = [
    ("SGD", {}),
    ("SGD", dict(lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.01)),
    ("SGD", dict(lr=0.1, momentum=0.9, dampening=0.5, maximize=True)),
    ("Adam", {}),
    ("Adam", dict(lr=0.1, weight_decay=0.1, amsgrad=True, maximize=True)),
    ("Adam", dict(lr=0.1, weight_decay=0.1, decoupled_weight_decay=True)),
    ("AdamW", dict(lr=0.1, betas=(0.5, 0.7), eps=1e-3)),
    ("AdamW", dict(amsgrad=True)),
    ("RMSprop", {}),
    ("RMSprop", dict(lr=0.1, centered=True, momentum=0.9, maximize=True, weight_decay=0.1)),
    ("Adagrad", {}),
    ("Adagrad", dict(lr=0.1, lr_decay=0.1, weight_decay=0.1, initial_accumulator_value=0.2)),
    ("Adadelta", {}),
    ("Adadelta", dict(lr=0.5, rho=0.8, weight_decay=0.1, maximize=True)),
    ("Adamax", {}),
    ("Adamax", dict(maximize=True, weight_decay=0.2)),
    ("NAdam", {}),
    ("NAdam", dict(weight_decay=0.1, decoupled_weight_decay=True)),
    ("NAdam", dict(weight_decay=0.1, momentum_decay=0.1)),
    ("RAdam", {}),
    ("RAdam", dict(weight_decay=0.1, betas=(0.5, 0.6))),
    ("RAdam", dict(weight_decay=0.1, decoupled_weight_decay=True)),
    ("Rprop", {}),
    ("Rprop", dict(lr=0.1, maximize=True)),
    ("ASGD", {}),
    ("ASGD", dict(t0=2, weight_decay=0.1)),
]


def pair(name, shapes=((5, 3), (4,), ()), seed=0, dtype=np.float64, **settings):
    rng = np.random.default_rng(seed)
    values = [rng.standard_normal(shape).astype(dtype) for shape in shapes]
    mine = [wrap(np.array(v)).requires_grad_() for v in values]
    theirs = [torch.tensor(v, requires_grad=True) for v in values]
    return mine, theirs, getattr(optim, name)(mine, **settings), getattr(torch.optim, name)(theirs, **settings)


def step(mine, theirs, a, b, rng, skip=()):
    for k, (p, q) in enumerate(zip(mine, theirs, strict=True)):
        g = rng.standard_normal(p.shape).astype(p.dtype)
        p.grad, q.grad = (None, None) if k in skip else (wrap(np.array(g)), torch.tensor(g))
    a.step()
    b.step()


@pytest.mark.parametrize("name,settings", OPTIMIZERS)
def test_steps(name, settings):
    mine, theirs, a, b = pair(name, **settings)
    rng = np.random.default_rng(1)
    for i in range(12):
        step(mine, theirs, a, b, rng, skip=(1,) if i == 3 else ())
        for p, q in zip(mine, theirs, strict=True):
            np.testing.assert_allclose(p.detach().numpy(), q.detach().numpy(), rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("name,settings", OPTIMIZERS)
def test_float32_and_state_dict_goes_on(name, settings):
    mine, theirs, a, b = pair(name, dtype=np.float32, **settings)
    rng = np.random.default_rng(1)
    for _ in range(3):
        step(mine, theirs, a, b, rng)
    other = [wrap(p.detach().numpy().copy()).requires_grad_() for p in mine]
    again = getattr(optim, name)(other, lr=123.0)
    again.load_state_dict(a.state_dict())
    for _ in range(3):
        step(other, theirs, again, b, rng)
    for p, q in zip(other, theirs, strict=True):
        assert p.dtype == np.float32
        np.testing.assert_allclose(p.detach().numpy(), q.detach().numpy(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name,settings", OPTIMIZERS)
def test_torchs_state_dict_loads(name, settings):
    mine, theirs, a, b = pair(name, **settings)
    rng = np.random.default_rng(1)
    for _ in range(3):
        step(mine, theirs, a, b, rng)
    fresh = [wrap(p.detach().numpy().copy()).requires_grad_() for p in mine]
    again = getattr(optim, name)(fresh, **settings)
    again.load_state_dict(b.state_dict())
    for _ in range(3):
        step(fresh, theirs, again, b, rng)
    for p, q in zip(fresh, theirs, strict=True):
        np.testing.assert_allclose(p.detach().numpy(), q.detach().numpy(), rtol=1e-7, atol=1e-7)


def rosenbrock(v):
    return (100 * (v[1:] - v[:-1] * v[:-1]) ** 2 + (1 - v[:-1]) ** 2).sum()


@pytest.mark.parametrize(
    "settings",
    [
        dict(line_search_fn="strong_wolfe"),
        dict(lr=1e-3, history_size=3, max_iter=7),
        dict(lr=0.5, line_search_fn="strong_wolfe", max_eval=5),
    ],
)
def test_lbfgs(settings):
    mine, theirs, a, b = pair("LBFGS", shapes=((6,),), **settings)

    def closure(optimizer, p):
        def evaluate():
            optimizer.zero_grad()
            loss = rosenbrock(p)
            loss.backward()
            return loss

        return evaluate

    for _ in range(4):
        x = float(a.step(closure(a, mine[0])).detach())
        y = float(b.step(closure(b, theirs[0])).detach())
        np.testing.assert_allclose(x, y, rtol=1e-6, atol=1e-9)
        np.testing.assert_allclose(mine[0].detach().numpy(), theirs[0].detach().numpy(), rtol=1e-6, atol=1e-9)


@pytest.mark.filterwarnings("ignore:Sparse invariant")  # torch warns of its own use
def test_sparse_rows_beside_dense_and_torch():
    rng = np.random.default_rng(0)
    table = rng.standard_normal((6, 3))
    places, rows = np.array([4, 1, 4]), rng.standard_normal((3, 3))
    for name, settings in (("SGD", dict(lr=0.1)), ("Adagrad", dict(lr=0.1)), ("SparseAdam", dict(lr=0.1))):
        p = wrap(table.copy()).requires_grad_()
        q = torch.tensor(table, requires_grad=True)
        a, b = getattr(optim, name)([p], **settings), getattr(torch.optim, name)([q], **settings)
        for _ in range(3):
            p.grad = autograd.SparseRows(places, rows, (6, 3))
            q.grad = torch.sparse_coo_tensor(
                torch.tensor(places)[None], torch.tensor(rows), (6, 3), check_invariants=True
            )
            a.step()
            b.step()
        np.testing.assert_allclose(p.detach().numpy(), q.detach().numpy(), rtol=1e-10)


SCHEDULES = [
    ("LambdaLR", dict(lr_lambda=lambda e: 0.9**e), 8),
    ("MultiplicativeLR", dict(lr_lambda=lambda e: 0.8 + 0.01 * e), 8),
    ("StepLR", dict(step_size=3, gamma=0.5), 10),
    ("MultiStepLR", dict(milestones=[2, 5, 5], gamma=0.3), 9),
    ("ConstantLR", dict(factor=0.4, total_iters=3), 7),
    ("LinearLR", dict(start_factor=0.2, end_factor=0.9, total_iters=5), 9),
    ("ExponentialLR", dict(gamma=0.95), 7),
    ("PolynomialLR", dict(total_iters=5, power=2.0), 8),
    ("CosineAnnealingLR", dict(T_max=5, eta_min=0.01), 17),
    ("CosineAnnealingWarmRestarts", dict(T_0=3, T_mult=2, eta_min=0.001), 16),
    ("CyclicLR", dict(base_lr=0.01, max_lr=0.1, step_size_up=3, step_size_down=5), 20),
    ("CyclicLR", dict(base_lr=0.01, max_lr=0.1, step_size_up=3, mode="triangular2"), 20),
    ("CyclicLR", dict(base_lr=0.01, max_lr=0.1, step_size_up=4, mode="exp_range", gamma=0.9), 20),
    ("OneCycleLR", dict(max_lr=0.5, total_steps=12), 11),
    ("OneCycleLR", dict(max_lr=0.5, epochs=3, steps_per_epoch=5, anneal_strategy="linear", three_phase=True), 14),
]


@pytest.mark.parametrize("name,settings,steps", SCHEDULES)
@pytest.mark.parametrize("base", ["SGD", "Adam"])
def test_schedules(name, settings, steps, base):
    extra = {"momentum": 0.9} if base == "SGD" else {}
    _, _, a, b = pair(base, lr=0.2, **extra)
    mine = getattr(optim.lr_scheduler, name)(a, **settings)
    theirs = getattr(torch.optim.lr_scheduler, name)(b, **settings)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for i in range(steps):
            assert mine.get_last_lr() == pytest.approx(theirs.get_last_lr(), rel=1e-9, abs=1e-12), i
            for key in ("momentum", "betas"):
                if key in a.param_groups[0]:
                    assert a.param_groups[0][key] == pytest.approx(b.param_groups[0][key], rel=1e-9)
            b.step()
            mine.step()
            theirs.step()
            if i == steps // 2:  # go on from a saved state
                held = mine.state_dict()
                mine = getattr(optim.lr_scheduler, name)(a, **settings)
                mine.load_state_dict(held)
                a.param_groups[0]["lr"] = mine.get_last_lr()[0]
                for key in ("momentum", "betas"):
                    if key in a.param_groups[0]:
                        a.param_groups[0][key] = b.param_groups[0][key]


def test_chained_and_sequential():
    _, _, a, b = pair("SGD", lr=0.2)
    both = []
    for schedule, optimizer in ((optim.lr_scheduler, a), (torch.optim.lr_scheduler, b)):
        both.append(
            schedule.ChainedScheduler([schedule.ConstantLR(optimizer, 0.1, 3), schedule.ExponentialLR(optimizer, 0.9)])
        )
    _, _, c, d = pair("SGD", lr=0.2)
    for schedule, optimizer in ((optim.lr_scheduler, c), (torch.optim.lr_scheduler, d)):
        warm = schedule.LinearLR(optimizer, 0.1, total_iters=3)
        rest = schedule.CosineAnnealingLR(optimizer, 6)
        both.append(schedule.SequentialLR(optimizer, [warm, rest], milestones=[3]))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for i in range(10):
            assert both[0].get_last_lr() == pytest.approx(both[1].get_last_lr()), i
            assert both[2].get_last_lr() == pytest.approx(both[3].get_last_lr()), i
            for s in both:
                s.step()


@pytest.mark.parametrize("mode,threshold_mode", [("min", "rel"), ("max", "abs"), ("min", "abs"), ("max", "rel")])
def test_plateau(mode, threshold_mode):
    _, _, a, b = pair("SGD", lr=0.2)
    settings = dict(mode=mode, threshold_mode=threshold_mode, factor=0.5, patience=2, cooldown=1, min_lr=0.01)
    mine, theirs = (
        optim.lr_scheduler.ReduceLROnPlateau(a, **settings),
        torch.optim.lr_scheduler.ReduceLROnPlateau(b, **settings),
    )
    for metric in [
        1.0,
        0.9,
        0.95,
        0.9,
        0.91,
        0.92,
        0.93,
        0.5,
        0.6,
        0.7,
        0.8,
        0.9,
        1.0,
        float("nan"),
        1.0,
        2.0,
        2.1,
        2.2,
    ]:
        mine.step(metric)
        theirs.step(metric)
        assert a.param_groups[0]["lr"] == b.param_groups[0]["lr"]


@pytest.mark.parametrize(
    "name", ["SGD", "Adam", "AdamW", "RMSprop", "Adagrad", "Adadelta", "Adamax", "NAdam", "RAdam", "ASGD"]
)
def test_mistakes_are_refused_as_by_torch(name):
    p = wrap(np.ones(2)).requires_grad_()
    q = torch.ones(2, requires_grad=True)
    for bad in (dict(lr=-1.0), dict(weight_decay=-0.1), dict(eps=-1.0)):
        if name == "SGD" and "eps" in bad or name == "ASGD" and "eps" in bad:
            continue
        with pytest.raises(ValueError) as theirs:
            getattr(torch.optim, name)([q], **bad)
        with pytest.raises(type(theirs.value), match=name):
            getattr(optim, name)([p], **bad)
    with pytest.raises(TypeError):
        getattr(optim, name)(p)
    with pytest.raises(ValueError, match="empty"):
        getattr(optim, name)([])
    with pytest.raises(ValueError, match="lr must be"):
        getattr(optim, name)([p], lr=float("nan"))
    with pytest.raises(ValueError, match="more than one"):
        getattr(optim, name)([{"params": [p]}, {"params": [p]}])
    with pytest.raises(ValueError, match="non-leaf"):
        getattr(optim, name)([p * 2.0])


@pytest.mark.parametrize("average", ["get_ema_multi_avg_fn", "get_swa_multi_avg_fn", "own"])
def test_averages_of_all_parameters_at_once(average):
    def own(averages, values, count):
        for a, v in zip(averages, values, strict=True):
            a.mul_(0.75).add_(v, alpha=0.25)

    states = []
    for lib, layers, utils in (
        (torch, torch.nn, torch.optim.swa_utils),
        (autograd, nn, optim.swa_utils),
    ):
        model = layers.Sequential(layers.Linear(2, 3), layers.BatchNorm1d(3))
        way = own if average == "own" else getattr(utils, average)()
        mean = utils.AveragedModel(model, multi_avg_fn=way, use_buffers="ema" in average)
        for step in range(3):
            with lib.no_grad():
                for k, p in enumerate(model.parameters()):
                    p.fill_(float(step**2 + k))
            model(lib.ones(4, 2) * step)
            mean.update_parameters(model)
        with pytest.raises(AssertionError):
            utils.AveragedModel(model, avg_fn=utils.get_ema_avg_fn(), multi_avg_fn=way)
        states.append({name: value.tolist() for name, value in mean.state_dict().items()})
        again = utils.AveragedModel(model)
        again.load_state_dict(mean.state_dict())
        assert int(again.n_averaged) == 3
    assert list(states[0]) == list(states[1])
    for name, value in states[0].items():
        if not name.endswith("num_batches_tracked"):  # torch cuts an averaged count off; here the newest is taken
            np.testing.assert_allclose(states[1][name], value, rtol=1e-5, err_msg=name)
