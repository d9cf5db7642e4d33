"""nn.utils beside torch's: clipping, vectors, parametrizations, fusion."""

from __future__ import annotations

import copy
import math
import pickle

import numpy as np
import pytest
import torch

import autograd
import nn

rng = np.random.default_rng(0)


def same(a, b, atol=1e-10):
    np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=1e-9, atol=atol)


def with_grads(scale=1.0, dtype=np.float64):
    """Three parameters in both libraries, two of which have gradients."""
    ours, theirs = [], []
    for i, shape in enumerate(((3, 4), (5,), (2,))):
        x, g = rng.normal(size=shape).astype(dtype), (rng.normal(size=shape) * scale).astype(dtype)
        a, b = nn.Parameter(autograd.tensor(x)), torch.nn.Parameter(torch.tensor(x))
        if i != 1:
            a.grad, b.grad = autograd.tensor(g), torch.tensor(g)
        ours.append(a)
        theirs.append(b)
    return ours, theirs


@pytest.mark.parametrize("norm_type", [2.0, 1, 3.5, math.inf, -math.inf, 0])
@pytest.mark.parametrize("max_norm", [0.5, 100.0])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_clip_grad_norm(norm_type, max_norm, dtype):
    ours, theirs = with_grads(dtype=dtype)
    held = ours[0].grad
    a = nn.utils.clip_grad_norm_((p for p in ours), max_norm, norm_type)
    b = torch.nn.utils.clip_grad_norm_(theirs, max_norm, norm_type)
    assert str(a.dtype) == str(b.dtype) and a.shape == ()
    np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-5)
    assert ours[0].grad is held and ours[1].grad is None
    for p, q in zip(ours, theirs, strict=True):
        if q.grad is not None:
            np.testing.assert_allclose(p.grad.numpy(), q.grad.numpy(), rtol=1e-5)


def test_clip_grad_norm_of_nothing_and_of_nan():
    assert float(nn.utils.clip_grad_norm_([], 1.0)) == 0.0
    p = nn.Parameter(autograd.ones(2))
    p.grad = autograd.tensor([math.nan, 1.0])
    with pytest.raises(RuntimeError, match="nan"):
        nn.utils.clip_grad_norm_(p, 1.0, error_if_nonfinite=True)
    assert p.grad.numpy()[1] == 1.0
    nn.utils.clip_grad_norm_(p, 1.0)
    assert np.isnan(p.grad.numpy()).all()  # torch: NaN times anything


def test_clip_grad_norm_of_rows():
    sparse, dense = nn.Embedding(5, 3, sparse=True), nn.Embedding(5, 3)
    dense.load_state_dict(sparse.state_dict())
    for layer in (sparse, dense):
        (layer(autograd.tensor([1, 1, 4])) * 3).sum().backward()
    a, b = (nn.utils.clip_grad_norm_(layer.parameters(), 2.0) for layer in (sparse, dense))
    np.testing.assert_allclose(float(a), float(b), rtol=1e-6)
    np.testing.assert_allclose(sparse.weight.grad.to_dense(), dense.weight.grad.numpy(), rtol=1e-5)


def test_clip_grad_value():
    ours, theirs = with_grads(3.0)
    nn.utils.clip_grad_value_(ours, 1.5)
    torch.nn.utils.clip_grad_value_(theirs, 1.5)
    for p, q in zip(ours, theirs, strict=True):
        if q.grad is not None:
            same(p.grad, q.grad)


def test_vectors():
    net = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1))
    vector = nn.utils.parameters_to_vector(net.parameters())
    assert vector.shape == (13,) and vector.requires_grad
    nn.utils.vector_to_parameters(autograd.arange(13.0), net.parameters())
    np.testing.assert_array_equal(nn.utils.parameters_to_vector(net.parameters()).detach().numpy(), np.arange(13.0))
    assert net[0].weight.shape == (3, 2) and net[0].weight.requires_grad
    with pytest.raises(ValueError, match="13 elements"):
        nn.utils.vector_to_parameters(autograd.ones(12), net.parameters())


LAYERS = [lambda m: m.Linear(4, 3), lambda m: m.Conv2d(2, 3, 3), lambda m: m.ConvTranspose2d(3, 2, 2)]
NORMS = [
    ("weight_norm", {}), ("weight_norm", {"dim": 1}), ("weight_norm", {"dim": None}), ("spectral_norm", {}),
    ("spectral_norm", {"n_power_iterations": 3, "dim": 1}),
]  # fmt: skip


@pytest.mark.parametrize("build", LAYERS)
@pytest.mark.parametrize(("norm", "settings"), NORMS)
def test_parametrizations(build, norm, settings):
    ours, theirs = build(nn).double(), build(torch.nn).double()
    ours.load_state_dict(theirs.state_dict())
    getattr(nn.utils.parametrizations, norm)(ours, **settings)
    getattr(torch.nn.utils.parametrizations, norm)(theirs, **settings)
    assert repr(ours) == repr(theirs) and list(ours.state_dict()) == list(theirs.state_dict())
    ours.load_state_dict(theirs.state_dict())
    x = rng.normal(size=(2, 4) if isinstance(ours, nn.Linear) else (1, ours.in_channels, 5, 5))
    for _ in range(2):  # the second step starts from the vectors of the first
        a, b = ours(autograd.tensor(x)), theirs(torch.tensor(x))
        same(a, b)
    a.sin().sum().backward()
    b.sin().sum().backward()
    for p, q in zip(ours.parameters(), theirs.parameters(), strict=True):
        same(p.grad, q.grad)
    expected = ours.eval()(autograd.tensor(x))
    for again in (copy.deepcopy(ours), pickle.loads(pickle.dumps(ours))):
        same(again(autograd.tensor(x)), expected)
        assert again.parametrizations.weight is not ours.parametrizations.weight
    nn.utils.parametrize.remove_parametrizations(ours, "weight")
    assert type(ours) is type(build(nn)) and list(ours.state_dict()) == ["bias", "weight"]
    same(ours(autograd.tensor(x)), expected)


class Symmetric(nn.Module):
    def forward(self, x):
        return autograd.triu(x) + autograd.t(autograd.triu(x, 1))

    def right_inverse(self, x):
        return autograd.triu(x)


class Doubled(nn.Module):
    def forward(self, x):
        return 2 * x


def test_register_parametrization():
    net = nn.Linear(3, 3)
    original = net.weight
    nn.utils.parametrize.register_parametrization(net, "weight", Symmetric())
    assert nn.utils.parametrize.is_parametrized(net, "weight") and not nn.utils.parametrize.is_parametrized(net, "bias")
    assert net.parametrizations.weight.original is original  # an optimizer may hold it
    w = net.weight.detach().numpy()
    np.testing.assert_array_equal(w, w.T)
    net.weight = autograd.eye(3) * 5
    np.testing.assert_array_equal(net.weight.detach().numpy(), np.eye(3) * 5)
    nn.utils.parametrize.register_parametrization(net, "weight", Doubled())
    np.testing.assert_array_equal(net.weight.detach().numpy(), np.eye(3) * 10)
    assert net.weight is not net.weight
    with nn.utils.parametrize.cached():
        assert net.weight is net.weight
    with pytest.raises(RuntimeError, match="right_inverse"):
        net.weight = autograd.eye(3)
    nn.utils.parametrize.remove_parametrizations(net, "weight", leave_parametrized=False)
    assert net.weight is original and type(net) is nn.Linear
    with pytest.raises(ValueError, match="no parameter"):
        nn.utils.parametrize.register_parametrization(net, "nothing", Doubled())
    with pytest.raises(ValueError, match="may not change the shape"):
        nn.utils.parametrize.register_parametrization(net, "weight", nn.Linear(3, 2))
    with pytest.raises(ValueError, match="no parametrization"):
        nn.utils.parametrize.remove_parametrizations(net, "weight")


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("affine", [False, True])
def test_fusion(bias, affine):
    for layer, norm, shape, transpose in (
        (nn.Conv2d(2, 4, 3, bias=bias), nn.BatchNorm2d(4, affine=affine), (2, 2, 5, 5), False),
        (nn.ConvTranspose2d(2, 4, 3, bias=bias), nn.BatchNorm2d(4, affine=affine), (2, 2, 5, 5), True),
        (nn.Linear(3, 4, bias=bias), nn.BatchNorm1d(4, affine=affine), (6, 3), None),
    ):
        both = nn.Sequential(layer, norm).double()
        x = autograd.tensor(rng.normal(size=shape))
        for p in norm.parameters():
            nn.init.uniform_(p, 0.5, 2)
        both(x)
        both.eval()
        fuse = nn.utils.fuse_linear_bn_eval if transpose is None else nn.utils.fuse_conv_bn_eval
        same(fuse(layer, norm, *([True] if transpose else []))(x), both(x))
        with pytest.raises(ValueError, match="eval"):
            fuse(layer.train(), norm)


def test_functional_call():
    theirs = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4), torch.nn.Linear(4, 2)).double()
    ours = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2)).double()
    ours.load_state_dict(theirs.state_dict())
    x, w = rng.normal(size=(5, 3)), rng.normal(size=(4, 3))
    a, b = autograd.tensor(w, requires_grad=True), torch.tensor(w, requires_grad=True)
    before = ours[0].weight
    mine = nn.utils.functional_call(ours, {"0.weight": a}, autograd.tensor(x))
    yours = torch.func.functional_call(theirs, {"0.weight": b}, torch.tensor(x))
    same(mine, yours)
    mine.cos().sum().backward()
    yours.cos().sum().backward()
    same(a.grad, b.grad)
    assert ours[0].weight is before and before.grad is None
    same(ours[1].running_mean, theirs[1].running_mean)
    for bad, kind in (({"0.w": a}, KeyError), ({"0.bias": a}, ValueError)):
        with pytest.raises(kind, match="functional_call"):
            nn.utils.functional_call(ours, bad, autograd.tensor(x))
    with pytest.raises(KeyError, match="strict"):
        nn.utils.functional_call(ours, {"0.weight": a}, autograd.tensor(x), strict=True)
    with pytest.raises(ValueError, match="several"):
        nn.utils.functional_call(ours, [{"0.weight": a}, {"0.weight": a}], autograd.tensor(x))


def test_functional_call_reaches_lists_and_tied_weights():
    class Tied(nn.Module):
        def __init__(self):
            super().__init__()
            self.weights = [nn.Parameter(autograd.ones(2))]
            self.again = self.weights[0]

        def forward(self, x):
            return x * self.weights[0] + self.again

    net, value = Tied(), autograd.tensor([3.0, 5.0])
    same(nn.utils.functional_call(net, {"weights.0": value}, autograd.ones(2)), autograd.tensor([6.0, 10.0]))
    apart = nn.utils.functional_call(net, {"weights.0": value}, autograd.ones(2), tie_weights=False)
    same(apart, autograd.tensor([4.0, 6.0]))
    assert net.weights[0] is net.again and isinstance(net.again, nn.Parameter)


def test_a_layer_that_changes_the_state_it_loads():
    for library, layers in ((autograd, nn), (torch, torch.nn)):

        class Frozen(layers.Module):
            def __init__(self, zeros):
                super().__init__()
                for name in ("weight", "bias", "running_mean", "running_var"):
                    self.register_buffer(name, zeros)

            def _load_from_state_dict(self, state_dict, prefix, *rest):
                state_dict.pop(prefix + "num_batches_tracked", None)
                super()._load_from_state_dict(state_dict, prefix, *rest)

        source = layers.Sequential(layers.BatchNorm2d(2)).state_dict()
        target = layers.Sequential(Frozen(library.zeros(2)))
        target.load_state_dict(source)
        assert target[0].running_var.tolist() == [1.0, 1.0] and "0.num_batches_tracked" in source
