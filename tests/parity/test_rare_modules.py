"""Lazy layers, adaptive softmax, the older weight norms and the hooks of state dicts, beside torch's."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch

import autograd
import nn


def close(a, b, tolerance=1e-4):
    np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=tolerance, atol=tolerance)


LAZY = {
    "LazyLinear": ((4,), {}, (2, 3)),
    "LazyConv1d": ((4, 3), {"stride": 2}, (2, 6, 9)),
    "LazyConv2d": ((4, 3), {"groups": 2, "bias": False}, (2, 6, 7, 7)),
    "LazyConv3d": ((4, 2), {}, (1, 3, 4, 4, 4)),
    "LazyConvTranspose1d": ((4, 3), {}, (2, 6, 5)),
    "LazyConvTranspose2d": ((4, 3), {"stride": 2}, (2, 6, 5, 5)),
    "LazyConvTranspose3d": ((4, 2), {}, (1, 3, 3, 3, 3)),
    "LazyBatchNorm1d": ((), {}, (4, 3)),
    "LazyBatchNorm2d": ((), {"momentum": 0.2}, (4, 3, 2, 2)),
    "LazyBatchNorm3d": ((), {"affine": False}, (4, 3, 2, 2, 2)),
    "LazyInstanceNorm1d": ((), {"affine": True}, (4, 3, 5)),
    "LazyInstanceNorm2d": ((), {}, (4, 3, 2, 2)),
    "LazyInstanceNorm3d": ((), {"track_running_stats": True}, (4, 3, 2, 2, 2)),
}


@pytest.mark.parametrize("name", LAZY)
def test_lazy_layers(name):
    args, kwargs, shape = LAZY[name]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = getattr(torch.nn, name)(*args, **kwargs)
    ours = getattr(nn, name)(*args, **kwargs)
    x = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    assert [k for k, _ in ours.named_parameters()] == [k for k, _ in theirs.named_parameters()]
    theirs(torch.from_numpy(x)), ours(autograd.tensor(x))
    assert type(ours).__name__ == type(theirs).__name__
    assert {k: tuple(v.shape) for k, v in ours.state_dict().items()} == {
        k: tuple(v.shape) for k, v in theirs.state_dict().items()
    }
    ours.load_state_dict(theirs.state_dict())
    close(ours(autograd.tensor(x)), theirs(torch.from_numpy(x)))
    fresh = getattr(nn, name)(*args, **kwargs)  # values loaded before the first call give the shapes
    if "Norm" not in name:
        fresh.load_state_dict(theirs.state_dict())
        close(fresh(autograd.tensor(x)), theirs(torch.from_numpy(x)))


def test_an_uninitialized_parameter_has_no_shape():
    with pytest.raises(RuntimeError, match="call the lazy module"):
        _ = nn.LazyLinear(2).weight.shape


@pytest.mark.parametrize("head_bias", [True, False])
def test_adaptive_softmax(head_bias):
    theirs = torch.nn.AdaptiveLogSoftmaxWithLoss(16, 30, [5, 12, 20], 2.0, head_bias)
    ours = nn.AdaptiveLogSoftmaxWithLoss(16, 30, [5, 12, 20], 2.0, head_bias)
    ours.load_state_dict(theirs.state_dict())
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(9, 16)).astype(np.float32), rng.integers(0, 30, 9)
    a, b = ours(autograd.tensor(x), autograd.tensor(y)), theirs(torch.from_numpy(x), torch.from_numpy(y))
    close(a.output, b.output)
    close(a.loss, b.loss)
    close(ours.log_prob(autograd.tensor(x)), theirs.log_prob(torch.from_numpy(x)))
    assert ours.predict(autograd.tensor(x)).tolist() == theirs.predict(torch.from_numpy(x)).tolist()
    a.loss.backward(), b.loss.backward()
    for (_, p), (_, q) in zip(ours.named_parameters(), theirs.named_parameters(), strict=True):
        assert (p.grad is None) == (q.grad is None)
        if p.grad is not None:
            close(p.grad, q.grad)
    single = ours(autograd.tensor(x[0]), autograd.tensor(y[0]))
    close(single.output, theirs(torch.from_numpy(x[0]), torch.tensor(y[0])).output)


@pytest.mark.parametrize("bad", [[], [5, 5], [12, 5], [0, 4], [30]])
def test_adaptive_softmax_refuses_cutoffs(bad):
    with pytest.raises(ValueError):
        torch.nn.AdaptiveLogSoftmaxWithLoss(16, 30, bad)
    with pytest.raises(ValueError, match="cutoffs"):
        nn.AdaptiveLogSoftmaxWithLoss(16, 30, bad)


def test_adaptive_softmax_refuses_targets():
    layer = nn.AdaptiveLogSoftmaxWithLoss(16, 30, [5])
    with pytest.raises(IndexError, match=r"\[0, 29\]"):
        layer(autograd.zeros(2, 16), autograd.tensor([0, 30]))


@pytest.mark.parametrize("function", ["weight_norm", "spectral_norm"])
@pytest.mark.parametrize("layer", ["Linear", "Conv1d", "ConvTranspose2d"])
def test_older_norms(function, layer):
    arguments = {"Linear": (6, 4), "Conv1d": (3, 4, 3), "ConvTranspose2d": (3, 4, 3)}[layer]
    shape = {"Linear": (5, 6), "Conv1d": (2, 3, 9), "ConvTranspose2d": (2, 3, 4, 4)}[layer]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = getattr(torch.nn.utils, function)(getattr(torch.nn, layer)(*arguments))
    ours = getattr(nn.utils, function)(getattr(nn, layer)(*arguments))
    assert list(ours.state_dict()) == list(theirs.state_dict())
    ours.load_state_dict(theirs.state_dict())
    x = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    for _ in range(2):
        a, b = ours(autograd.tensor(x)), theirs(torch.from_numpy(x))
        close(a, b)
        a.square().sum().backward(), b.square().sum().backward()
    for (_, p), (_, q) in zip(ours.named_parameters(), theirs.named_parameters(), strict=True):
        close(p.grad, q.grad)
    for (name, p), q in zip(ours.state_dict().items(), theirs.state_dict().values(), strict=True):
        np.testing.assert_allclose(p.numpy(), q.numpy(), rtol=1e-4, atol=1e-5, err_msg=name)
    with pytest.raises(RuntimeError, match="two"):
        getattr(nn.utils, function)(ours)
    ours.eval()
    before = ours(autograd.tensor(x))
    getattr(nn.utils, f"remove_{function}")(ours)
    assert sorted(ours.state_dict()) == ["bias", "weight"]
    close(ours(autograd.tensor(x)), before)


def calls_of_state_hooks(library):
    calls = []
    model = library.Sequential(library.Linear(2, 2), library.Linear(2, 2))
    for name, module in model.named_modules():
        module.register_state_dict_pre_hook(lambda m, prefix, keep, name=name: calls.append(("pre", name, prefix)))
        module.register_state_dict_post_hook(lambda m, d, prefix, meta, name=name: calls.append(("post", name, prefix)))
        module.register_load_state_dict_pre_hook(
            lambda m, d, prefix, *rest, name=name: calls.append(("load", name, prefix))
        )
        module.register_load_state_dict_post_hook(
            lambda m, keys, name=name: calls.append(("loaded", name, len(keys[0])))
        )
    model.load_state_dict(model.state_dict())
    return sorted(calls)


def test_state_hooks_are_called_alike():
    assert calls_of_state_hooks(nn) == calls_of_state_hooks(torch.nn)


def rename(module, state, prefix, *rest):
    for key in [key for key in state if key.startswith(f"{prefix}old_")]:
        state[key.replace("old_", "")] = state.pop(key)


@pytest.mark.parametrize("library", [nn, torch.nn])
def test_a_hook_renames_what_is_loaded(library):
    model = library.Linear(2, 1)
    model.register_load_state_dict_pre_hook(rename)
    given = {f"old_{key}": value * 0 + 3 for key, value in model.state_dict().items()}
    model.load_state_dict(given)
    assert model.weight.tolist() == [[3.0, 3.0]] and list(given) == ["old_weight", "old_bias"]


FRACTIONAL = [
    ((2, 3, 9, 7), 2, (4, 3)),
    ((2, 3, 9, 7), (3, 2), (5, 6)),
    ((3, 8, 8), 2, (1, 4)),
    ((2, 2, 5, 6, 7), 2, (2, 3, 4)),
]


@pytest.mark.parametrize(("shape", "kernel", "size"), FRACTIONAL)
def test_fractional_max_pool(shape, kernel, size):
    n = len(size)
    planes = (shape[0] if len(shape) == n + 2 else 1, shape[-n - 1], n)
    rng = np.random.default_rng(0)
    x, drawn = rng.normal(size=shape), rng.random(planes)
    a, b = autograd.tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    name = f"FractionalMaxPool{n}d"
    ours = getattr(nn, name)(kernel, size, return_indices=True, _random_samples=autograd.tensor(drawn))
    theirs = getattr(torch.nn, name)(kernel, size, return_indices=True, _random_samples=torch.tensor(drawn))
    (y, i), (z, j) = ours(a), theirs(b)
    np.testing.assert_array_equal(y.detach().numpy(), z.detach().numpy())
    np.testing.assert_array_equal(i.numpy(), j.numpy())
    y.square().sum().backward(), z.square().sum().backward()
    np.testing.assert_array_equal(a.grad.numpy(), b.grad.numpy())
    assert y.shape == getattr(nn.functional, f"fractional_max_pool{n}d")(a, kernel, size).shape


@pytest.mark.parametrize(
    "given", [{}, {"output_size": 2, "output_ratio": 0.5}, {"output_ratio": 1.5}, {"output_size": 9}]
)
def test_fractional_max_pool_refuses(given):
    for library in (nn, torch.nn):
        with pytest.raises((ValueError, RuntimeError)):
            library.FractionalMaxPool2d(2, **given)((autograd if library is nn else torch).ones(1, 1, 8, 8))


@pytest.mark.parametrize("shape", [(4, 4), (5, 3), (3, 5)])
@pytest.mark.parametrize("kind", [None, "matrix_exp", "cayley", "householder"])
def test_orthogonal(kind, shape):
    theirs = torch.nn.utils.parametrizations.orthogonal(torch.nn.Linear(*shape).double(), orthogonal_map=kind)
    ours = nn.utils.parametrizations.orthogonal(nn.Linear(*shape).double(), orthogonal_map=kind)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    start = theirs.state_dict()
    rng = np.random.default_rng(0)
    original = start["parametrizations.weight.original"]
    noise = 0.1 * rng.normal(size=tuple(original.shape))
    np.fill_diagonal(noise, 0)  # the diagonal never learns: torch cuts it to an integer
    original += torch.tensor(noise)
    ours.load_state_dict(start)
    theirs.load_state_dict(start)
    with autograd.no_grad():
        a = ours.weight.numpy()
    np.testing.assert_allclose(a, theirs.weight.detach().numpy(), rtol=1e-9, atol=1e-9)
    few = a @ a.T if a.shape[0] <= a.shape[1] else a.T @ a
    np.testing.assert_allclose(few, np.eye(len(few)), atol=1e-9)
    weights = rng.normal(size=a.shape)
    (ours.weight * autograd.tensor(weights)).sum().backward(), (theirs.weight * torch.tensor(weights)).sum().backward()
    close(ours.parametrizations.weight.original.grad, theirs.parametrizations.weight.original.grad, 1e-7)


def test_a_forked_stream_leaves_the_other_where_it_was():
    for library in (autograd, torch):
        library.manual_seed(3)
        with library.random.fork_rng():
            library.rand(5)
        first = library.rand(2)
        library.manual_seed(3)
        assert library.rand(2).tolist() == first.tolist()


def own_lazy_layer(library):
    """A layer of one's own that learns the shape of a parameter and of a buffer from its first input."""
    layers = library.nn

    class Scale(layers.Module):
        pass

    class LazyScale(layers.modules.lazy.LazyModuleMixin, Scale):
        cls_to_become = Scale

        def __init__(self):
            super().__init__()
            self.weight = layers.UninitializedParameter(dtype=library.float64)
            self.register_buffer("shift", layers.parameter.UninitializedBuffer())

        def initialize_parameters(self, x):
            with library.no_grad():
                self.weight.materialize(x.shape[1:])
                self.weight.fill_(2.0)
                self.shift.materialize((1,))
                self.shift.fill_(1.0)

    Scale.forward = lambda self, x: x * self.weight + self.shift
    return LazyScale


def test_lazy_layers_of_ones_own():
    for library in (autograd, torch):
        made = own_lazy_layer(library)
        layer, other, third = made(), made(), made()
        assert layer.has_uninitialized_params() and repr(layer.shift) == "<UninitializedBuffer>"
        assert repr(layer.state_dict()["weight"]) == "<UninitializedParameter>"
        with pytest.raises(RuntimeError, match="shape of an uninitialized parameter"):
            layer.shift.shape  # noqa: B018
        layer.load_state_dict(other.state_dict())  # nothing in nothing
        assert layer.has_uninitialized_params()
        y = layer(library.ones(2, 3))
        assert y.tolist() == [[3.0] * 3] * 2 and y.dtype is library.float64 and type(layer).__name__ == "Scale"
        assert not library.nn.parameter.is_lazy(layer.shift) and isinstance(layer.weight, library.nn.Parameter)
        other.load_state_dict(layer.state_dict())
        assert not other.has_uninitialized_params() and other.weight.tolist() == [2.0] * 3
        with pytest.raises(RuntimeError):
            other.load_state_dict(third.state_dict())
