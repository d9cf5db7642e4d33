"""The gradient checker: every planted mistake found and blamed on the right operation, no right gradient reported."""

from __future__ import annotations

import numpy as np
import pytest
from check_right import CASES as RIGHT
from check_wrong import CASES as WRONG

import autograd as ag
import nn
import nn.functional as F
from autograd.check import GradcheckError, check, gradcheck, gradgradcheck
from autograd.check.numeric import Line, measured_noise, relative_difference
from autograd.tensor import wrap


def leaves(arrays):
    return [t.requires_grad_() if t.is_floating_point() else t for t in (wrap(a.copy()) for a in arrays)]


def names(cases):
    return [f"{k}: {c.what}" for k, c in enumerate(cases)]


def test_the_sets_are_large_enough():
    assert len(WRONG) >= 60 and len(RIGHT) >= 60


@pytest.mark.parametrize("case", WRONG, ids=names(WRONG))
def test_wrong_gradient_is_caught_and_its_operation_named(case):
    if case.order == 2:
        assert check(case.run, leaves(case.inputs)).ok, "its first order is right"
    report = check(case.run, leaves(case.inputs), order=case.order)
    assert {finding.op for finding in report.findings} == {case.op}, report.table()


@pytest.mark.parametrize("case", RIGHT, ids=names(RIGHT))
def test_right_gradient_raises_no_alarm(case):
    target = case.run if case.model is None else case.model().double()
    report = check(target, leaves(case.inputs), order=case.order, **case.settings)
    assert report.ok, report.table()
    assert all(r.undecided == 0 for r in report.inputs), "values that decide nothing would hide a mistake"


# ------------------------------------------------------------------------------------------------ what a report says


def test_kinks_are_listed_with_operation_and_index():
    report = check(lambda x: ag.relu(x).sum(), leaves([np.array([[1.0, 0.0], [-1.0, 0.0]])]))
    assert report.ok
    (kink,) = report.kinks
    assert (kink.op, kink.index, kink.count) == ("relu", (0, 1), 2)
    assert "flatter" in kink.rule and __file__ in kink.site


def test_another_tie_than_declared_is_a_finding_of_its_own():
    x = leaves([np.array([-1.0, 0.0, 2.0])])
    report = check(lambda x: ag.relu(x), x, ties={"relu": "steep"})
    assert [f.kind for f in report.findings] == ["tie"]
    assert "steeper" in str(report.findings[0])
    assert check(lambda x: ag.relu(x), x, ties={"relu": "left"}).ok


class Net(nn.Module):
    def __init__(self, bend):
        super().__init__()
        self.stem = nn.Linear(4, 5)
        self.head = nn.Sequential(nn.Linear(5, 3), nn.Tanh())
        self.bend = bend

    def forward(self, x):
        return self.head(self.bend(self.stem(x)))


class Bent(nn.Module):
    """A user's own operation with a wrong backward, as a Function."""

    class Cube(ag.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x * x

        @staticmethod
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            return g * 2.0 * x * x

    def forward(self, x):
        return self.Cube.apply(x)


def test_names_parameter_index_operation_module_and_line():
    x, y = wrap(np.random.default_rng(0).standard_normal((6, 4))), ag.tensor([0, 2, 1, 0, 1, 2])
    report = check(Net(Bent()).double(), x, loss=lambda out: F.cross_entropy(out, y))
    wrong = [f for f in report.findings if f.parameter == "stem.weight"]
    assert wrong and wrong[0].index is not None and wrong[0].op == "Cube"
    assert wrong[0].site.startswith("module bend") and __file__ in wrong[0].site
    assert abs(wrong[0].analytic - wrong[0].numeric * 2 / 3) < 1e-6 * abs(wrong[0].numeric)
    assert {f.parameter for f in report.findings} == {"stem.weight", "stem.bias"}, (
        "what lies above the mistake is right"
    )
    assert check(Net(nn.Sigmoid()).double(), x, loss=lambda out: F.cross_entropy(out, y)).ok


def test_a_gradient_that_never_arrives_is_missing():
    report = check(lambda x, y: x * y.detach(), leaves([np.ones(2), np.full(2, 3.0)]))
    assert [(f.kind, f.parameter) for f in report.findings] == [("missing", "input[1]")]


@pytest.mark.parametrize("mode", ["exact", "sampled", "fast"])
def test_every_mode_finds_a_wrong_weight_gradient(mode):
    x = wrap(np.random.default_rng(0).standard_normal((6, 4)))
    report = check(Net(Bent()).double(), x, mode=mode, sample=4)
    assert {f.op for f in report.findings} == {"Cube"}
    expected = {"exact": 43, "sampled": 15, "fast": 0}[mode]
    assert report.coordinates == pytest.approx(expected, abs=4)


def test_shared_and_frozen_parameters_are_noted():
    net = nn.Sequential(nn.Linear(3, 3, bias=False), nn.Linear(3, 3, bias=False)).double()
    net[1].weight = net[0].weight
    net.append(nn.Linear(3, 2).double().requires_grad_(False))
    report = check(net, wrap(np.ones((1, 3))))
    assert report.ok and [r.name for r in report.inputs] == ["0.weight"]
    assert any("1.weight is shared with 0.weight" in note for note in report.notes)
    assert any("2.bias does not require grad" in note for note in report.notes)


def test_state_is_left_as_one_evaluation_leaves_it():
    net = nn.Sequential(nn.BatchNorm1d(3), nn.Dropout(0.5)).double()
    x = wrap(np.random.default_rng(0).standard_normal((5, 3)))
    weights = [p.numpy(force=True).copy() for p in net.parameters()]
    mean = net[0].running_mean.numpy().copy()
    ag.manual_seed(3)
    net(x)
    expected = ag.get_rng_state().numpy().copy()
    net[0].running_mean.copy_(ag.tensor(mean))
    ag.manual_seed(3)
    assert check(net, x).ok
    np.testing.assert_array_equal(ag.get_rng_state().numpy(), expected)
    np.testing.assert_array_equal(net[0].running_mean.numpy(), mean)
    for p, before in zip(net.parameters(), weights, strict=True):
        np.testing.assert_array_equal(p.numpy(force=True), before)
        assert p.grad is None


def test_a_progress_bar_is_shown_where_asked_for(capsys):
    check(lambda x: ag.sin(x), leaves([np.ones(3)]), progress=True, title="sine")
    assert "sine" in capsys.readouterr().err


# ------------------------------------------------------------------------------------------------ numbers


def test_orders_of_the_taylor_remainder():
    right = check(lambda x: ag.sin(x), leaves([np.linspace(0.1, 1, 5)])).inputs[0]
    assert right.order == pytest.approx(2, abs=0.1) and right.score < 1e-9
    wrong = check(Bent.Cube.apply, leaves([np.linspace(0.5, 1, 5)])).inputs[0]
    assert wrong.order == pytest.approx(1, abs=0.1) and wrong.score == pytest.approx(1 / 5, abs=1e-6)


def test_relative_difference_is_the_courses():
    assert relative_difference(np.array([3.0, 4.0]), np.array([3.0, 4.5])) == pytest.approx(0.5 / (5 + 29.25**0.5))
    assert relative_difference(np.zeros(2), np.zeros(2)) == 0
    assert relative_difference(np.array([1e-300]), np.array([3e-300])) == pytest.approx(0.5)


def test_a_line_estimates_its_own_error():
    for f, slope in ((np.exp, np.e), (np.log, 1.0), (lambda t: t**7, 7.0), (np.arctan, 0.5)):
        line = Line(lambda t, f=f: np.array([f(1.0 + t)]), np.array([f(1.0)]), np.array([2e-16]), 1.0)
        assert abs(line.value[0] - slope) <= line.error[0] <= 1e-9
        assert not line.kinked[0]
    line = Line(lambda t: np.array([abs(t), max(2 * t, -t)]), np.zeros(2), np.full(2, 2e-16), 1.0)
    assert line.kinked.all()
    np.testing.assert_allclose([line.left, line.right], [[-1, -1], [1, 2]], atol=1e-12)


def test_noise_is_measured_from_the_values():
    def rounded(t):
        return np.array([np.float64(np.float32(np.sin(1.0 + t)))])

    noise = measured_noise(rounded, rounded(0.0), 1.0, 2e-16)
    assert 3e-9 < noise[0] < 3e-7


# ------------------------------------------------------------------------------------------------ torch's manner


def test_returns_true_or_raises_or_returns_false():
    x = leaves([np.array([0.3, 0.7])])
    assert gradcheck(lambda x: ag.exp(x), x) is True
    with pytest.raises(GradcheckError, match=r"first wrong operation: Cube") as caught:
        gradcheck(Bent.Cube.apply, x)
    assert not caught.value.report.ok
    assert gradcheck(Bent.Cube.apply, x, raise_exception=False) is False
    assert gradcheck(Bent.Cube.apply, x, fast_mode=True, raise_exception=False) is False
    assert gradgradcheck(lambda x: ag.exp(x), x) is True


def test_tolerances_where_given_are_obeyed():
    def nearly(x):
        return x.detach() * x * 1e-4 + x  # off by a ten-thousandth

    x = leaves([np.array([0.3, 0.7])])
    assert gradcheck(nearly, x, atol=1e-5, rtol=1e-3)
    with pytest.raises(GradcheckError):
        gradcheck(nearly, x, atol=1e-7, rtol=1e-7)
    with pytest.raises(GradcheckError):
        gradcheck(nearly, x)


# ------------------------------------------------------------------------------------------------ a user's mistakes

_steps = np.random.default_rng(0)


def _counter(x, seen=[]):  # noqa: B006 - the mistake itself
    seen.append(1)
    return x * len(seen)


@pytest.mark.parametrize(
    ("function", "error", "message"),
    [
        (lambda x: x.sum().item(), TypeError, "returned a float, no Tensor"),
        (lambda x: None, TypeError, "returned None, no Tensor"),
        (lambda x: x.detach().numpy(), TypeError, "returned a ndarray, no Tensor"),
        (lambda x: x.detach() * 2.0, ValueError, "no output requires grad"),
        (lambda x: ag.argmax(x), TypeError, "int64; integers and booleans have no gradient"),
        (lambda x: x > 0, TypeError, "bool; integers"),
        (lambda x: x * float(_steps.random()), GradcheckError, "random or keeps state"),
        (_counter, GradcheckError, "random or keeps state"),
    ],
)
def test_mistakes_of_the_function_get_a_clear_answer(function, error, message):
    with pytest.raises(error, match=message):
        gradcheck(function, leaves([np.array([0.3, 0.7])]))


def test_mistakes_of_the_call_get_a_clear_answer():
    with pytest.raises(ValueError, match="nothing to check: no input requires grad"):
        gradcheck(lambda x: x * 2.0, ag.ones(2))
    with pytest.raises(ValueError, match="mode is 'quick'"):
        check(lambda x: x, leaves([np.ones(2)]), mode="quick")
    with pytest.raises(ValueError, match="order is 3"):
        check(lambda x: x, leaves([np.ones(2)]), order=3)


def test_a_function_that_changes_its_inputs_is_refused_and_the_input_restored():
    x, y = leaves([np.ones(2)])[0], ag.tensor([1.0, 2.0])

    def grows(x, y):
        y.add_(1.0)
        return x * y

    with pytest.raises(GradcheckError, match="changes its input 1 in place"):
        gradcheck(grows, (x, y))
    np.testing.assert_array_equal(y.numpy(), [1.0, 2.0])
