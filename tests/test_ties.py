"""The rule of `ties`: who gets the gradient among equal elements, operation by operation."""

from __future__ import annotations

import numpy as np
import pytest

import autograd
import nn
import nn.functional as F

RULES = ("first", "even", "all")


def gradient(function, *arrays, rule):
    leaves = [autograd.tensor(a, dtype=autograd.float64, requires_grad=True) for a in arrays]
    with autograd.ties(rule):
        y = function(*leaves)
    y.sum().backward()
    return [leaf.grad.tolist() for leaf in leaves]


ROW = [3.0, 1.0, 3.0, 3.0]
SHARES = {"first": [1, 0, 0, 0], "even": [1 / 3, 0, 1 / 3, 1 / 3], "all": [1, 0, 1, 1]}
ONE_OF_MANY = {
    "max()": lambda x: x.max(),
    "max(dim)": lambda x: x.max(0).values,
    "amax": lambda x: x.amax(0, keepdim=True),
    "min()": lambda x: (-x).min(),
    "min(dim)": lambda x: -((-x).min(dim=0, keepdim=True).values),
    "amin": lambda x: -((-x).amin()),
    "aminmax": lambda x: x.aminmax().max,
    "median()": lambda x: x.median(),
    "median(dim)": lambda x: x.median(0).values,
    "nanmedian": lambda x: x.nanmedian(),
    "kthvalue": lambda x: x.kthvalue(3).values,
    "mode": lambda x: x.mode().values,
    "cummax": lambda x: x.cummax(0).values[-1],
    "cummin": lambda x: -((-x).cummin(0).values[-1]),
    "norm": lambda x: autograd.linalg.vector_norm(x, np.inf),
    "max_pool1d": lambda x: F.max_pool1d(x.reshape(1, 1, 4), 4),
    "max_pool2d": lambda x: F.max_pool2d(x.reshape(1, 2, 2), 2),
    "max_pool3d": lambda x: F.max_pool3d(x.reshape(1, 1, 1, 2, 2), (1, 2, 2)),
    "max_pool2d padded": lambda x: F.max_pool2d(x.reshape(1, 1, 2, 2), 4, padding=1, ceil_mode=True),
    "adaptive_max_pool2d": lambda x: F.adaptive_max_pool2d(x.reshape(1, 2, 2), 1),
}


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("name", ONE_OF_MANY)
def test_one_of_many(name, rule):
    sign = -1 if name == "min()" else 1
    (got,) = gradient(ONE_OF_MANY[name], ROW, rule=rule)
    np.testing.assert_allclose(got, np.multiply(sign, SHARES[rule]))


ORDERED = {
    "sort": lambda x: x.sort(stable=True).values,
    "sort down": lambda x: x.sort(0, True).values,
    "msort": lambda x: x.msort(),
    "topk": lambda x: x.topk(4).values,
    "topk of rows": lambda x: x.reshape(1, 4).topk(4, 1).values[0],
    "topk smallest": lambda x: x.topk(4, largest=False).values,
}
DOWN = ("sort down", "topk", "topk of rows")


@pytest.mark.parametrize("name", ORDERED)
@pytest.mark.parametrize(
    ("rule", "up", "down"),
    [  # the weights 1, 2, 4, 8 of the places, for 3, 1, 3, 3
        ("first", [2, 1, 4, 8], [1, 8, 2, 4]),
        (None, [2, 1, 4, 8], [1, 8, 2, 4]),
        ("even", [14 / 3, 1, 14 / 3, 14 / 3], [7 / 3, 8, 7 / 3, 7 / 3]),
        ("all", [14, 1, 14, 14], [7, 8, 7, 7]),
    ],
)
def test_an_order(name, rule, up, down):
    weights = autograd.tensor([1.0, 2.0, 4.0, 8.0], dtype=autograd.float64)
    (got,) = gradient(lambda x: ORDERED[name](x) * weights, ROW, rule=rule)
    np.testing.assert_allclose(got, down if name in DOWN else up)


def test_a_cut_through_equals_and_quantiles():
    for rule, expected in (("first", [1, 0, 1, 0]), ("even", [2 / 3, 0, 2 / 3, 2 / 3]), ("all", [2, 0, 2, 2])):
        (got,) = gradient(lambda x: x.topk(2).values, ROW, rule=rule)
        np.testing.assert_allclose(got, expected)
    (got,) = gradient(lambda x: x.quantile(0.5), ROW, rule="even")
    np.testing.assert_allclose(got, SHARES["even"])
    (got,) = gradient(lambda x: x.sort().values[2:], [1.0, np.nan, np.nan], rule="even")
    assert got == [0, 0.5, 0.5]


PAIRS = {
    "maximum": autograd.maximum, "minimum": autograd.minimum, "fmax": autograd.fmax, "fmin": autograd.fmin,
    "clamp": lambda a, b: a.clamp(min=b), "max": autograd.max,
}  # fmt: skip


@pytest.mark.parametrize(("rule", "left", "right"), [("first", 1, 0), ("even", 0.5, 0.5), ("all", 1, 1)])
@pytest.mark.parametrize("name", PAIRS)
def test_one_of_two(name, rule, left, right):
    assert gradient(PAIRS[name], [2.0], [2.0], rule=rule) == [[left], [right]]


@pytest.mark.parametrize(("rule", "part"), [("first", 1), ("even", 0.5), ("all", 1)])
@pytest.mark.parametrize(
    "function", [F.relu, F.relu6, lambda x: F.hardtanh(x, 0, 3), lambda x: x.clamp(0, 3), lambda x: (-x).clamp(max=0)]
)
def test_a_bound(function, rule, part):
    (got,) = gradient(function, [-1.0, 0.0, 2.0], rule=rule)
    assert np.abs(got).tolist() in ([0, part, 1], [1, part, 0])


@pytest.mark.parametrize(
    ("rule", "mine", "theirs"),
    [("first", [1, 1], [0, 0, 0]), ("even", [1 / 3, 1], [1 / 3, 0, 1 / 3]), ("all", [1, 1], [1, 0, 1])],
)
def test_scattered(rule, mine, theirs):
    index = autograd.tensor([0, 0, 0])
    got = gradient(lambda x, src: x.scatter_reduce(0, index, src, "amax"), [5.0, 1.0], [5.0, 2.0, 5.0], rule=rule)
    np.testing.assert_allclose(np.concatenate(got), [*mine, *theirs])


def test_none_is_torchs_way_and_the_rule_ends_with_the_block():
    before = gradient(lambda x: x.max(0).values, ROW, rule=None)
    with autograd.ties("all"):
        assert autograd.get_ties() == "all"
        with autograd.ties(None):
            assert gradient(lambda x: x.max(0).values, ROW, rule=None) == before
    assert autograd.get_ties() is None
    autograd.set_ties("even")
    assert autograd.get_ties() == "even"
    autograd.set_ties(None)
    assert autograd.ties("all")(autograd.get_ties)() == "all"


def test_second_order_and_unequal_elements_do_not_notice():
    x = autograd.tensor([1.0, -2.0, 3.0, 0.5], dtype=autograd.float64, requires_grad=True)
    with autograd.ties("even"):
        y = (x.cummax(0).values * x).sum() + F.relu(x * x - 2).sum() + x.amax() ** 3
    (g,) = autograd.grad(y, x, create_graph=True)
    (h,) = autograd.grad((g * g).sum(), x)
    y = (x.cummax(0).values * x).sum() + F.relu(x * x - 2).sum() + x.amax() ** 3
    (g2,) = autograd.grad(y, x, create_graph=True)
    (h2,) = autograd.grad((g2 * g2).sum(), x)
    np.testing.assert_allclose(g.detach().numpy(), g2.detach().numpy())
    np.testing.assert_allclose(h.numpy(), h2.numpy())


def test_another_rule_is_refused():
    with pytest.raises(ValueError, match="expected 'first'"):
        autograd.ties("last")


@pytest.mark.parametrize(("rule", "part"), [("first", 1.0), ("even", 0.5), ("all", 1.0)])
def test_a_relu_behind_a_layer(rule, part):
    """Which would otherwise run in the layer's own pass, where 0 is at the kink."""
    layer = nn.Linear(1, 1, bias=False)
    layer.weight.data.fill_(0.0)
    with autograd.ties(rule):
        nn.Sequential(layer, nn.ReLU())(autograd.ones(1, 1)).sum().backward()
    assert layer.weight.grad.item() == part
