"""Behind a ReLU the gradient's mask is left to batch norm and to sums: the same bits, whoever looks on."""

from __future__ import annotations

import numpy as np
import pytest

import autograd
import nn
import nn.functional as F
from autograd import tape


@pytest.fixture
def taken(monkeypatch):
    """How many masks were left to others."""
    made = []

    class Counted(tape.Masked):
        __slots__ = ()

        def __init__(self, g, output):
            made.append(g.shape)
            super().__init__(g, output)

    monkeypatch.setattr(tape, "Masked", Counted)
    return made


class Net(nn.Module):
    """Convolutions, norms, and a sum before a ReLU whose parts have other uses too."""

    def __init__(self, train=True):
        super().__init__()
        self.conv1, self.conv2, self.conv3 = (nn.Conv2d(c, 24, 3, padding=1) for c in (3, 24, 24))
        self.bn1, self.bn2, self.bn3 = (nn.BatchNorm2d(24) for _ in range(3))
        self.train(train)

    def forward(self, x, look=lambda value: value):
        a = look(F.relu(look(self.bn1(self.conv1(x)))))
        b = look(F.relu(look(self.bn2(self.conv2(a)))))
        c = look(F.relu(look(look(self.bn3(self.conv3(b))) + a)))
        return autograd.cat([a[:, :5], c, b], 1) * (1 + c.mean())


def gradients(net, x, look=lambda value: value):
    net.zero_grad()
    x = x.clone().requires_grad_()
    y = net(x, look)
    (y * autograd.linspace(-1, 1, y.numel()).reshape(y.shape)).sum().backward()
    return [x.grad.numpy(), *(p.grad.numpy() for p in net.parameters())]


@pytest.mark.parametrize("train", [True, False])
@pytest.mark.parametrize("size", [20, 32])
def test_the_bits_are_those_of_a_tape_that_is_looked_at(train, size):
    """A hook on every tensor makes each gradient be computed on its own."""
    autograd.manual_seed(0)
    net, x = Net(train), autograd.randn(2, 3, size, size)
    seen = []

    def look(value):
        value.register_hook(lambda g: seen.append(g.clone()))
        return value

    fused, apart = gradients(net, x), gradients(net, x, look)
    assert len(seen) == 7
    for one, other in zip(fused, apart, strict=True):
        np.testing.assert_array_equal(one, other)


def test_masks_are_left_to_norms_and_sums(monkeypatch):
    counts = {"passed": 0, "masked": 0}
    add, back = tape.elementwise.add_passed, tape.elementwise.relu_backward

    def counted(name, f):
        def call(*args, **kwargs):
            counts[name] += 1
            return f(*args, **kwargs)

        return call

    monkeypatch.setattr(tape.elementwise, "add_passed", counted("passed", add))
    monkeypatch.setattr(tape.elementwise, "relu_backward", counted("masked", back))
    autograd.manual_seed(0)
    gradients(Net(), autograd.randn(2, 3, 32, 32))
    assert counts == {"passed": 1, "masked": 0}


def test_nan_in_the_output_lets_the_gradient_through():
    x = autograd.randn(4, 8, 32, 32)
    x[1, 2, 3, 4] = np.nan
    mean, var = autograd.zeros(8), autograd.ones(8)
    grads = []
    for hooked in (False, True):
        leaf = x.clone().requires_grad_()
        y = F.batch_norm(leaf, mean, var)
        if hooked:
            y.register_hook(lambda g: None)
        F.relu(y).sum().backward()
        grads.append(leaf.grad.numpy())
    np.testing.assert_array_equal(*grads)
    assert grads[0][1, 2, 3, 4] > 0


def test_code_of_the_users_may_write_over_an_output_that_backward_has_passed():
    autograd.manual_seed(0)
    net, x = Net(), autograd.randn(2, 3, 32, 32)

    class Spoil(autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x.clone()

        @staticmethod
        def backward(ctx, g):
            for y in kept:
                y.numpy_view()[...] = 1
            return g

    def run(spoil):
        net.zero_grad()
        kept.clear()
        a = F.relu(net.bn1(net.conv1(x)))
        h = net.bn3(net.conv3(Spoil.apply(net.conv2(a)))) + a
        y = F.relu(h)
        kept.extend([y] if spoil else [])
        (y * autograd.linspace(-1, 1, y.numel()).reshape(y.shape)).sum().backward()
        return [p.grad.numpy() for p in (net.conv1.weight, net.conv2.weight, net.conv3.weight)]

    kept = []
    for one, other in zip(run(False), run(True), strict=True):
        np.testing.assert_array_equal(one, other)


def test_captured_and_retained_gradients_are_arrays():
    autograd.manual_seed(0)
    net, x = Net(), autograd.randn(2, 3, 32, 32)
    h = net.bn1(net.conv1(x))
    h.retain_grad()
    y = F.relu(h)
    (expected,) = autograd.grad((y * y).sum(), h, retain_graph=True)
    h.grad = None  # grad() has added to it, as in torch
    (y * y).sum().backward()
    np.testing.assert_array_equal(h.grad.numpy(), expected.numpy())
    np.testing.assert_array_equal(expected.numpy(), 2 * y.detach().numpy())


def test_the_input_itself_may_be_a_leaf():
    leaf = autograd.randn(4, 8, 32, 32, requires_grad=True)
    F.relu(leaf + leaf).sum().backward()
    np.testing.assert_array_equal(leaf.grad.numpy(), 2 * (leaf.detach().numpy() > 0))
