"""autograd.func, autograd.testing and the small questions and settings, beside torch's."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch_beside import same

import autograd
import nn

pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")  # torch's own forward mode warns


def tensors(value):
    return autograd.tensor(value), torch.from_numpy(np.asarray(value))


X = np.array([0.5, -1.2, 2.0])
W = np.array([[1.0, 2.0, -1.0], [0.3, -0.7, 0.2]])


def scalar(library):
    return lambda w, x: ((w @ x).tanh() ** 2).sum()


@pytest.mark.parametrize("argnums", [0, 1, (0, 1)])
def test_grad_and_value(argnums):
    results = []
    for library, k in ((autograd, 0), (torch, 1)):
        gradient, value = library.func.grad_and_value(scalar(library), argnums)(tensors(W)[k], tensors(X)[k])
        results.append([*(gradient if isinstance(gradient, tuple) else (gradient,)), value])
    for a, b in zip(*results, strict=True):
        same(a, b, f"grad {argnums}")


def test_grad_of_grad_and_aux():
    for k, library in enumerate((autograd, torch)):
        f = library.func.grad(lambda x: (x**3).sum())
        twice = library.func.grad(lambda x, f=f: (f(x) * x).sum())
        np.testing.assert_allclose(twice(tensors(X)[k]).numpy(), 9 * X**2)
        gradient, aux = library.func.grad(lambda x: ((x * x).sum(), x + 1), has_aux=True)(tensors(X)[k])
        assert aux.tolist() == (X + 1).tolist() and gradient.tolist() == (2 * X).tolist()


def test_grad_of_dicts_and_through_to_the_caller():
    values = []
    for k, library in enumerate((autograd, torch)):
        outer = tensors(X)[k].requires_grad_()
        gradient = library.func.grad(lambda p: (p["a"] ** 3 * p["b"]).sum())({"a": outer, "b": tensors(X + 1)[k]})
        gradient["a"].sum().backward()
        values.append([gradient["a"], gradient["b"], outer.grad])
    for a, b in zip(*values, strict=True):
        same(a, b, "dict")


@pytest.mark.parametrize("name", ["jacrev", "jacfwd", "hessian"])
def test_matrices_of_derivatives(name):
    results = []
    for k, library in enumerate((autograd, torch)):
        w, x = tensors(W)[k], tensors(X)[k]
        function = (lambda x, w=w: (w @ x).exp().sum()) if name == "hessian" else (lambda x, w=w: (w @ x).exp())
        results.append(getattr(library.func, name)(function)(x))
    same(*results, name)


def test_vjp_and_jvp():
    results = []
    for k, library in enumerate((autograd, torch)):
        w, x = tensors(W)[k], tensors(X)[k]
        y, pull = library.func.vjp(lambda w, x: (w @ x).sin(), w, x)
        forward = library.func.jvp(lambda x, w=w: (w @ x).sin(), (x,), (tensors(X + 2)[k],))
        results.append([y, *pull(tensors(np.array([1.0, 2.0]))[k]), *forward])
    for a, b in zip(*results, strict=True):
        same(a, b, "vjp, jvp")


def test_functional_call_with_vmap_over_models():
    results = []
    for k, (library, layers) in enumerate(((autograd, nn), (torch, torch.nn))):
        layer = layers.Linear(3, 2).double()
        parameters = {"weight": tensors(W)[k], "bias": tensors(np.array([1.0, -1.0]))[k]}
        single = library.func.functional_call(layer, parameters, (tensors(X)[k],))

        def one(x, library=library, layer=layer, parameters=parameters):
            return library.func.functional_call(layer, parameters, (x,))

        batch = library.vmap(one)(tensors(np.stack([X, -X]))[k])
        results.append([single, batch])
    for a, b in zip(*results, strict=True):
        same(a, b, "functional_call")


CLOSE = [
    ([1.0, 2.0], [1.0, 2.0 + 1e-9], {}), ([1.0, 2.0], [1.0, 2.1], {}), ([1.0], [1.0, 2.0], {}), ([1, 2], [1, 2], {}),
    ([1, 2], [1, 3], {}), ([1.0], [1], {}), ([1.0], [1], {"check_dtype": False}), ([np.nan], [np.nan], {}),
    ([np.nan], [np.nan], {"equal_nan": True}), ([1.0], [1.1], {"rtol": 0.2, "atol": 0.0}), ([np.inf], [np.inf], {}),
    ([1.0], [1.0], {"rtol": 0.2}),
]  # fmt: skip


@pytest.mark.parametrize(("a", "b", "kwargs"), CLOSE)
def test_assert_close(a, b, kwargs):
    outcomes = []
    for k, library in enumerate((autograd, torch)):
        try:
            library.testing.assert_close(tensors(np.array(a))[k], tensors(np.array(b))[k], **kwargs)
            outcomes.append(None)
        except Exception as error:  # the kind is what is compared
            outcomes.append(type(error))
    assert outcomes[0] == outcomes[1]


def test_small_methods():
    for library in (autograd, torch):
        x = library.arange(6.0).reshape(2, 3)
        assert x[1:].storage_offset() == 3 and x.get_device() == -1 and x.is_set_to(x) and not x.is_set_to(x[:1])
        assert x.clone().apply_(lambda v: v + 1).sum() == 21
        assert x.clone().map_(library.ones(3), lambda a, b: a - b).sum() == 9
        assert tuple(x.new(2, 1).shape) == (2, 1) and x.new([7]).item() == 7
        assert library.is_complex(x) is False and library.is_signed(x) and library.is_same_size(x, x)
        assert library.empty_strided((2, 3), (1, 2)).stride() == (1, 2)
        assert library.Tensor.abs_ is not None and library.relu_(library.tensor([-1.0])).item() == 0
        assert not library.is_anomaly_enabled()
        with library.autograd.detect_anomaly(check_nan=False) if library is autograd else library.no_grad():
            pass
        assert library.pi > 3 and library.nan != library.nan and library.newaxis is None
        with pytest.raises(RuntimeError):
            library.ones(1, requires_grad=True).apply_(abs)


def test_a_variable_is_a_tensor():
    v = autograd.Variable(autograd.ones(2), requires_grad=True)
    v.sum().backward()
    assert v.grad.tolist() == [1.0, 1.0]
    with pytest.raises(TypeError, match="expected a Tensor"):
        autograd.Variable([1.0])


CALLS_IN_PLACE = ["squeeze_", "unsqueeze_", "t_", "transpose_", "swapaxes_", "swapdims_", "as_strided_"]


@pytest.mark.parametrize("name", CALLS_IN_PLACE[:-1])  # torch itself refuses a view of what as_strided_ made
@pytest.mark.parametrize("write", ["view first", "base first", "neither"])
def test_shape_in_place(name, write):
    """Gradients through a base given another shape, with a view of it taken before, and writes through either."""
    arguments = {"unsqueeze_": (1,), "transpose_": (0, 1), "swapaxes_": (0, 1), "swapdims_": (0, 1)}
    arguments["as_strided_"] = ((2, 2), (1, 3), 1)
    results = []
    for k, _ in enumerate((autograd, torch)):
        leaf = tensors(np.arange(6.0).reshape(2, 3) + 1)[k].requires_grad_()
        y = leaf * leaf
        view = y[0]
        getattr(y, name)(*arguments.get(name, ()))
        if write == "view first":
            view.mul_(3)
        elif write == "base first":
            y[0].mul_(5)
        ((y * y).sum() + view.sum()).backward()
        results.append([y, view, leaf.grad])
    for a, b in zip(*results, strict=True):
        same(a, b, f"{name}, {write}")


@pytest.mark.parametrize("name", CALLS_IN_PLACE)
def test_shape_in_place_of_a_leaf_is_refused(name):
    arguments = {"unsqueeze_": (1,), "transpose_": (0, 1), "swapaxes_": (0, 1), "swapdims_": (0, 1)}
    arguments["as_strided_"] = ((2, 2), (1, 3), 1)
    for library in (autograd, torch):
        with pytest.raises(RuntimeError):
            getattr(library.ones(2, 3, requires_grad=True), name)(*arguments.get(name, ()))


def test_vmap_over_dicts_and_lists():
    for structure in (0, ({"a": 0, "b": [0, None]},)):
        results = []
        for k, library in enumerate((autograd, torch)):
            tree = {
                "a": tensors(W)[k],
                "b": [tensors(W.T)[k] if structure else tensors(np.stack([X, X]))[k], tensors(W)[k]],
            }
            if structure:
                tree["b"][0] = tensors(W + 1)[k]

            def f(tree, scale=None):
                a, (b, c) = tree["a"], tree["b"]
                return {"sum": a + b, "rest": [c.sum() * a.sum(), (b * 2,)]}

            out = library.vmap(f, in_dims=structure)(tree)
            assert type(out["rest"]) is list and type(out["rest"][1]) is tuple
            results.append([out["sum"], out["rest"][0], out["rest"][1][0]])
            if structure == 0:
                each = library.vmap(lambda x, y=None: x + y)(tensors(W)[k], y=tensors(W)[k])
                results[k].append(each)
        for a, b in zip(*results, strict=True):
            same(a, b, "vmap over a structure")
    for k, library in enumerate((autograd, torch)):
        with pytest.raises(ValueError):
            library.vmap(lambda x, n: x * n)(tensors(W)[k], 2)


def test_grad_of_what_can_be_gone_through():
    for library, layers in ((autograd, nn), (torch, torch.nn)):
        weights = layers.ParameterList([library.ones(2), library.ones(2)])
        a, b = library.autograd.grad((weights[0] * weights[1] * 3).sum(), weights)
        assert a.tolist() == b.tolist() == [3.0, 3.0]
        (a, b) = library.autograd.grad((weights[0] * weights[1] * 3).sum(), weights.parameters())
        (weights[0] * weights[1]).sum().backward(inputs=iter([weights[0]]) if library is autograd else [weights[0]])
        assert weights[1].grad is None and weights[0].grad is not None


def test_linearize():
    x = autograd.tensor([0.5, 1.5])
    value, push = autograd.func.linearize(lambda t: t.sin() * t, x)
    assert np.allclose(value.numpy(), np.sin(x.numpy()) * x.numpy())
    for direction in ([1.0, 0.0], [2.0, -1.0]):
        wanted = (np.cos(x.numpy()) * x.numpy() + np.sin(x.numpy())) * direction
        assert np.allclose(push(autograd.tensor(direction)).numpy(), wanted, atol=1e-6)
