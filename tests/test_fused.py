"""An activation behind a layer in Sequential runs in the layer's pass: the same bits, the same tape, the same hooks."""

from __future__ import annotations

import numpy as np
import pytest

import autograd
import nn
from nn.container import chain_beside


def one_by_one(net: nn.Sequential, x: autograd.Tensor) -> autograd.Tensor:
    for module in net:
        x = module(x)
    return x


def names(tensor: autograd.Tensor) -> list[str]:
    found, node = [], tensor._node
    while node is not None:
        found.append(node.name())
        node = node.edges[0] if node.edges else None
    return found


ACTIVATIONS = [nn.ReLU(), nn.ReLU(inplace=True), nn.Tanh()]
LAYERS = [
    (lambda: nn.Linear(5, 4), (3, 5)), (lambda: nn.Linear(5, 4, bias=False), (2, 3, 5)), (lambda: nn.Linear(5, 4), (5,)),
    (lambda: nn.Linear(200, 130), (70, 200)),
    (lambda: nn.Conv2d(3, 8, 3, padding=1), (2, 3, 9, 8)), (lambda: nn.Conv2d(3, 4, 5, stride=2), (3, 9, 8)),
    (lambda: nn.Conv2d(4, 8, 3, groups=2, padding_mode="reflect", padding=1), (2, 4, 6, 6)),
    (lambda: nn.Conv2d(32, 32, 3, padding=1), (2, 32, 16, 16)), (lambda: nn.Conv2d(16, 16, 3, groups=16), (2, 16, 9, 9)),
    (lambda: nn.Conv2d(16, 8, 1), (2, 16, 5, 5)),
    (lambda: nn.BatchNorm1d(5), (6, 5)), (lambda: nn.BatchNorm2d(8, affine=False), (4, 8, 9, 8)),
    (lambda: nn.BatchNorm2d(24), (4, 24, 20, 20)), (lambda: nn.BatchNorm2d(24).eval(), (4, 24, 20, 20)),
    (lambda: nn.BatchNorm3d(4, track_running_stats=False), (2, 4, 5, 5, 5)),
]  # fmt: skip


@pytest.mark.parametrize("activation", ACTIVATIONS, ids=repr)
@pytest.mark.parametrize(("layer", "shape"), LAYERS, ids=lambda value: str(value) if isinstance(value, tuple) else "")
@pytest.mark.parametrize("dtype", [autograd.float32, autograd.float64], ids=["float32", "float64"])
def test_the_same_bits_and_tape(layer, shape, activation, dtype):
    autograd.manual_seed(0)
    net = nn.Sequential(layer(), activation).to(dtype)
    x = autograd.randn(*shape, dtype=dtype)
    x.view(-1)[::7] = 0
    inputs = [x.clone().requires_grad_(), x.clone().requires_grad_()]
    results = []
    for run, input in zip((net, lambda value: one_by_one(net, value)), inputs, strict=True):
        net.zero_grad()
        y = run(input)
        tape = names(y)
        (y * autograd.arange(y.numel(), dtype=dtype).reshape(y.shape)).sum().backward()
        results.append((y.detach().numpy(), input.grad.numpy(), [p.grad.numpy() for p in net.parameters()], tape))
    (y, gx, gp, tape), (expected, expected_gx, expected_gp, expected_tape) = results
    np.testing.assert_array_equal(y, expected)
    np.testing.assert_array_equal(gx, expected_gx)
    for g, expected_g in zip(gp, expected_gp, strict=True):
        np.testing.assert_array_equal(g, expected_g)
    assert tape == [name.removesuffix("_") for name in expected_tape]


@pytest.mark.parametrize("layer", [nn.Linear(3, 2), nn.Conv2d(3, 2, 1)], ids=["linear", "conv"])
def test_nan_and_infinity_pass_as_through_the_modules_in_turn(layer):
    x = autograd.tensor([np.nan, np.inf, -np.inf]).repeat(4, 1)
    x = x if isinstance(layer, nn.Linear) else x.reshape(4, 3, 1, 1)
    net = nn.Sequential(layer, nn.ReLU())
    with autograd.no_grad():
        np.testing.assert_array_equal(net(x).numpy(), one_by_one(net, x).numpy())


def test_hooks_and_replaced_forwards_see_what_lies_between():
    x = autograd.randn(4, 3)
    seen = []
    net = nn.Sequential(nn.Linear(3, 5), nn.ReLU())
    net[0].register_forward_hook(lambda module, args, output: seen.append(output))
    net(x)
    assert (seen[0].detach().numpy() < 0).any()
    net = nn.Sequential(nn.Linear(3, 5), nn.ReLU())
    net[1].register_forward_pre_hook(lambda module, args: seen.append(args[0]))
    net(x)
    assert (seen[1].detach().numpy() < 0).any()
    net = nn.Sequential(nn.Linear(3, 5), nn.ReLU())
    net[1].forward = lambda input: input
    assert (net(x) < 0).any()


def test_an_unknown_activation_is_refused():
    with pytest.raises(ValueError, match="linear: activation is 'gelu'"):
        nn.functional.linear(autograd.randn(2, 3), autograd.randn(4, 3), activation="gelu")
    with pytest.raises(ValueError, match="conv2d: activation is 'gelu'"):
        nn.functional.conv2d(autograd.randn(1, 3, 4, 4), autograd.randn(4, 3, 1, 1), activation="gelu")


def test_second_order():
    net = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 1)).double()
    x = autograd.randn(2, 3, dtype=autograd.float64, requires_grad=True)
    assert autograd.gradgradcheck(lambda value: net(value) ** 2, (x,))


def in_turn(shortcut, input, *modules):
    for module in modules[:-1]:
        input = module(input)
    return modules[-1](input + shortcut)


@pytest.mark.parametrize(
    "last", [*ACTIVATIONS[:2], nn.functional.relu, ACTIVATIONS[2]], ids=["ReLU", "in place", "function", "Tanh"]
)
@pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
@pytest.mark.parametrize("shape", [(4, 6, 5, 5), (4, 6, 1, 1), (6, 1, 1), (8, 24, 33, 31)], ids=str)
def test_a_shortcut_is_added_in_the_norms_pass_with_the_same_bits(shape, training, last):
    autograd.manual_seed(0)
    size = (shape[0] if len(shape) == 4 else 4, shape[-3], *((5, 5) if shape[-1] == 1 else shape[-2:]))
    conv, norm = nn.Conv2d(3, size[1], 1), nn.BatchNorm2d(size[1]).train(training)
    with autograd.no_grad():
        norm.running_mean += 0.3
        norm.running_var *= 1.7
    x, shortcut = autograd.randn(size[0], 3, *size[2:]), autograd.randn(*shape)
    results = []
    for join in (chain_beside, in_turn):
        leaves = [x.clone().requires_grad_(), shortcut.clone().requires_grad_(), *conv.parameters(), *norm.parameters()]
        before = {name: value.clone() for name, value in norm.state_dict().items()}
        y = join(leaves[1], leaves[0], conv, norm, last)
        gradients = autograd.grad((y * autograd.arange(y.numel()).reshape(y.shape)).sum(), leaves)
        moments = [norm.running_mean.clone(), norm.running_var.clone()]
        norm.load_state_dict(before)
        results.append([value.detach().numpy() for value in (y, *gradients, *moments)])
    for value, expected in zip(*results, strict=True):
        np.testing.assert_array_equal(value, expected)


def test_a_hook_on_the_norm_sees_it_without_the_shortcut():
    norm, seen = nn.BatchNorm1d(3), []
    x, shortcut = autograd.randn(4, 3), autograd.full((4, 3), 9.0)
    norm.register_forward_hook(lambda module, args, output: seen.append(output.mean().item()))
    y = chain_beside(shortcut, x, norm, nn.ReLU())
    assert abs(seen[0]) < 1e-5 and abs(y.mean().item() - 9) < 1e-5


def test_batch_norm_with_a_residual():
    x, r = (autograd.randn(4, 3, 2, dtype=autograd.float64, requires_grad=True) for _ in range(2))
    weight = autograd.randn(3, dtype=autograd.float64, requires_grad=True)

    def joined(x, r, weight):
        return autograd.batch_norm(x, None, None, weight, training=True, residual=r, activation="relu") ** 2

    assert autograd.gradcheck(joined, (x, r, weight)) and autograd.gradgradcheck(joined, (x, r, weight))
    with pytest.raises(ValueError, match=r"batch_norm: residual is float64 \(4, 3\); expected float64 \(4, 3, 2\)"):
        autograd.batch_norm(x, None, None, training=True, residual=r[:, :, 0])
