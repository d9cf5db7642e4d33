"""Products to a weight that a loop uses at each step wait for one another: the same gradients, whoever looks on."""

from __future__ import annotations

import numpy as np
import pytest

import autograd
import nn
from autograd import tape

STEPS = 9


def _linear(weight, h):
    return autograd.linear(h, weight)


def _linear_of_rows(weight, h):
    return autograd.linear(h.reshape(2, 2, 5), weight).reshape(4, 5)


def _matmul(weight, h):
    return h @ weight


def _stack(weight, h):
    return autograd.bmm(h.unsqueeze(1), weight).squeeze(1)


LAYERS = {
    "linear": (_linear, (5, 5)),
    "rows": (_linear_of_rows, (5, 5)),
    "matmul": (_matmul, (5, 5)),
    "stack": (_stack, (4, 5, 5)),
}


def _drawn(*shape, dtype=np.float64):
    return autograd.from_numpy(np.random.default_rng(0).standard_normal(shape).astype(dtype) / 2)


def _run(layer, weight, x):
    h = x[0]
    for t in range(1, STEPS):
        h = autograd.tanh(layer(weight, h) + x[t])
    return h


@pytest.fixture
def taken(monkeypatch):
    """How many products were left to wait, and how many came of them."""
    counts = {"later": 0, "products": 0}
    later, multiply = tape.Walk.later, tape.Walk._multiply

    def counted(self, node, a, b):
        found = later(self, node, a, b)
        counts["later"] += found
        return found

    def multiplied(self, node):
        counts["products"] += 1
        multiply(self, node)

    monkeypatch.setattr(tape.Walk, "later", counted)
    monkeypatch.setattr(tape.Walk, "_multiply", multiplied)
    return counts


def _gradients(layer, shape, dtype=np.float64, **options):
    weight, x = _drawn(*shape, dtype=dtype).requires_grad_(), _drawn(STEPS, 4, 5, dtype=dtype).requires_grad_()
    _run(layer, weight, x).sum().backward(**options)
    return weight.grad, x.grad


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_the_sum_of_the_steps_own_gradients(name, dtype, taken):
    """Against a weight of its own at each step, whose gradients are added up."""
    layer, shape = LAYERS[name]
    weight, x = _drawn(*shape, dtype=dtype), _drawn(STEPS, 4, 5, dtype=dtype)
    own = [weight.clone().requires_grad_() for _ in range(STEPS)]
    h = x[0]
    for t in range(1, STEPS):
        h = autograd.tanh(layer(own[t], h) + x[t])
    h.sum().backward()
    assert taken == {"later": 0, "products": 0}
    expected = sum(w.grad.numpy().astype(float) for w in own[1:])
    got, _ = _gradients(layer, shape, dtype)
    assert taken == {"later": STEPS - 2, "products": 1}  # the first one does not wait
    assert got.dtype == dtype
    np.testing.assert_allclose(got.numpy(), expected, 1e-12 if dtype == np.float64 else 1e-5, 1e-6)


@pytest.mark.parametrize("name", LAYERS)
def test_any_number_may_wait(name, monkeypatch, taken):
    layer, shape = LAYERS[name]
    whole = _gradients(layer, shape)[0].numpy()
    factors = 8 * 4 * (5 + 5)
    monkeypatch.setattr(tape, "TOGETHER", 4 * factors)  # five at most
    before = dict(taken)
    np.testing.assert_allclose(_gradients(layer, shape)[0].numpy(), whole, 1e-12)
    assert taken["products"] - before["products"] > 1
    monkeypatch.setattr(tape, "TOGETHER", 0)
    before = dict(taken)
    np.testing.assert_allclose(_gradients(layer, shape)[0].numpy(), whole, 1e-12)
    assert taken == before


@pytest.mark.parametrize("name", LAYERS)
def test_second_order_and_several_passes(name):
    layer, shape = LAYERS[name]
    once = _gradients(layer, shape)[0].numpy()
    np.testing.assert_allclose(_gradients(layer, shape, create_graph=True)[0].detach().numpy(), once, 1e-12)
    weight, x = _drawn(*shape).requires_grad_(), _drawn(STEPS, 4, 5)
    y = _run(layer, weight, x).sum()
    y.backward(retain_graph=True)
    y.backward()
    np.testing.assert_allclose(weight.grad.numpy(), 2 * once, 1e-12)
    y = _run(layer, weight, x).sum()
    np.testing.assert_allclose(autograd.grad(y, weight)[0].numpy(), once, 1e-12)
    assert autograd.check.gradcheck(lambda w: _run(layer, w, x), (weight,))


def test_hooks_see_the_whole_gradient_and_may_change_what_waits():
    """A hook on the weight gets the sum; one in the middle that writes over an input finds it used already."""
    layer, shape = LAYERS["linear"]
    expected = _gradients(layer, shape)[0].numpy()
    weight, x = _drawn(*shape).requires_grad_(), _drawn(STEPS, 4, 5)
    seen = []
    weight.register_hook(lambda g: seen.append(g.clone()))
    h, inputs = x[0], []
    for t in range(1, STEPS):
        inputs.append(h)
        h = autograd.tanh(layer(weight, h) + x[t])
        if t == 3:
            h.register_hook(lambda g: [i.numpy_view().fill(np.nan) for i in inputs[4:]] and None)
    h.sum().backward()
    np.testing.assert_allclose(weight.grad.numpy(), expected, 1e-12)
    np.testing.assert_array_equal(seen[0].numpy(), weight.grad.numpy())


@pytest.mark.parametrize("kind", ["LSTMCell", "RNNCell", "GRUCell"])
def test_a_cell_step_by_step_has_the_gradients_of_the_layer(kind, taken):
    autograd.manual_seed(0)
    cell = getattr(nn, kind)(3, 4, dtype=autograd.float64)
    layer = getattr(nn, kind.removesuffix("Cell"))(3, 4, dtype=autograd.float64)
    layer.load_state_dict({f"{key}_l0": value for key, value in cell.state_dict().items()})
    x = _drawn(STEPS, 2, 3)
    state = None
    for t in range(STEPS):
        state = cell(x[t], state)
    (state[0] if kind == "LSTMCell" else state).square().sum().backward()
    output, _ = layer(x)
    output[-1].square().sum().backward()
    for key, p in cell.named_parameters():
        np.testing.assert_allclose(p.grad.numpy(), getattr(layer, f"{key}_l0").grad.numpy(), 1e-10, 1e-12)
    assert (taken["later"] > 0) == (kind != "GRUCell")


def test_large_factors_do_not_wait(taken):
    """Where the factors are more than the weight, waiting would only cost memory."""
    weight, x = _drawn(5, 5).requires_grad_(), _drawn(STEPS, 400, 5)
    _run(_linear, weight, x).sum().backward()
    assert not taken["later"]
