"""Functions written by the user, hooks on saved values, checkpoints, and derivatives of functions."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest

import autograd
import autograd.functional as AF
from autograd.function import Function, checkpoint, once_differentiable, saved_tensors_hooks
from autograd.tensor import wrap


def leaf(*values):
    return wrap(np.array(values, np.float64)).requires_grad_()


class Cube(Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x * x

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return g * 3.0 * x * x


class Exp(Function):
    @staticmethod
    def forward(ctx, x):
        y = x.exp()
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx, g):
        (y,) = ctx.saved_tensors
        return g * y


def test_function_first_and_second_order():
    for function in (Cube, Exp):
        x = leaf(0.5, -1.2)
        assert autograd.gradcheck(function.apply, (x,))
        assert autograd.gradgradcheck(function.apply, (x,))


def test_setup_context_and_several_outputs():
    class SumAndProduct(Function):
        @staticmethod
        def forward(a, b, factor):
            return a + b, a * b * factor

        @staticmethod
        def setup_context(ctx, inputs, output):
            a, b, ctx.factor = inputs
            ctx.save_for_backward(a, b)

        @staticmethod
        def backward(ctx, gs, gp):
            a, b = ctx.saved_tensors
            return gs + gp * b * ctx.factor, gs + gp * a * ctx.factor, None

    a, b = leaf(1.0, 2.0), leaf(3.0, 4.0)
    assert autograd.gradcheck(lambda a, b: SumAndProduct.apply(a, b, 2.0), (a, b))
    # one output unused: its gradient comes as zeros
    SumAndProduct.apply(a, b, 2.0)[1].sum().backward()
    assert a.grad.tolist() == [6.0, 8.0]


def test_needs_input_grad_and_non_differentiable():
    seen = []

    class F(Function):
        @staticmethod
        def forward(ctx, a, b):
            places = a.argmax()
            other = a * 0.0
            ctx.mark_non_differentiable(other)
            seen.append(ctx.needs_input_grad)
            return a * b, other, places

        @staticmethod
        def backward(ctx, g, g_other, g_places):
            return g, None

    out, other, places = F.apply(leaf(1.0), wrap(np.ones(1)))
    assert seen == [(True, False)] and out.requires_grad and not other.requires_grad and not places.requires_grad


def test_mark_dirty_changes_the_input_in_place():
    class Double(Function):
        @staticmethod
        def forward(ctx, x):
            x.mul_(2.0)
            ctx.mark_dirty(x)
            return x

        @staticmethod
        def backward(ctx, g):
            return g * 2.0

    x = leaf(1.0, 3.0)
    y = x * 1.0
    z = Double.apply(y)
    assert z is y
    (z * z).sum().backward()
    assert x.grad.tolist() == [8.0, 24.0]


def test_once_differentiable():
    class F(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        @once_differentiable
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            return g * 2.0 * x

    x = leaf(3.0)
    F.apply(x).sum().backward()
    assert x.grad.tolist() == [6.0]
    (g,) = autograd.grad(F.apply(x).sum(), x, create_graph=True)
    assert not g.requires_grad  # nothing that came to backward did
    (g,) = autograd.grad((F.apply(x) ** 2).sum(), x, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        g.sum().backward()


def test_saved_output_is_no_cycle():
    gc.disable()
    try:
        x = leaf(1.0)
        y = Exp.apply(x)
        watch = weakref.ref(y)
        node = weakref.ref(y.grad_fn)
        del y
        assert watch() is None and node() is None
    finally:
        gc.enable()


def test_mistakes_in_backward():
    def function(result):
        class F(Function):
            @staticmethod
            def forward(ctx, x):
                return x * 2.0

            @staticmethod
            def backward(ctx, g):
                return result(g)

        return F

    x = leaf(1.0, 2.0)
    with pytest.raises(RuntimeError, match="returned 2 gradients, expected 1"):
        function(lambda g: (g, g)).apply(x).sum().backward()
    with pytest.raises(RuntimeError, match=r"shape \(3,\) for argument 0, expected \(2,\)"):
        function(lambda g: wrap(np.ones(3))).apply(x).sum().backward()
    with pytest.raises(TypeError, match="returned a str"):
        function(lambda g: "g").apply(x).sum().backward()


def test_changed_saved_tensor_is_noticed():
    x = leaf(1.0, 2.0)
    h = x * 1.0
    y = Cube.apply(h)
    with autograd.no_grad():
        h.mul_(2.0)
    with pytest.raises(RuntimeError, match="changed in place by mul_"):
        y.sum().backward()


def test_saved_tensors_hooks_see_and_restore_every_saved_value():
    x = leaf(1.0, 2.0, 3.0)
    packed = []

    def pack(t):
        packed.append(t.tolist())
        return t.numpy().copy()

    with saved_tensors_hooks(pack, lambda held: wrap(held)):
        y = (x * x).exp().sum()
    y.backward()
    X = np.array([1.0, 2.0, 3.0])
    np.testing.assert_allclose(x.grad.numpy(), 2 * X * np.exp(X * X))
    assert [1.0, 2.0, 3.0] in packed and len(packed) == 3


def test_checkpoint_computes_again_and_draws_the_same():
    w, x = leaf(0.3, -0.4), leaf(1.0, 2.0)
    calls = []

    def block(x):
        calls.append(1)
        mask = autograd.rand(2, dtype=autograd.float64)
        return (x * w).tanh() * mask * x

    autograd.manual_seed(3)
    block(x).sum().backward()
    expected = w.grad.numpy().copy(), x.grad.numpy().copy()
    w.grad = x.grad = None
    autograd.manual_seed(3)
    out = checkpoint(block, x)
    after = autograd.rand(1)
    autograd.manual_seed(3)
    block(x)
    assert autograd.rand(1).item() == after.item()
    calls.clear()
    out.sum().backward()
    assert calls == [1]
    np.testing.assert_array_equal(w.grad.numpy(), expected[0])
    np.testing.assert_array_equal(x.grad.numpy(), expected[1])
    ga, gb = autograd.grad(checkpoint(block, x).sum(), [w, x])
    assert ga is not None and gb is not None


def f(x, y):
    return (x * x).sum() * y.exp().sum()


def test_functional_against_closed_forms():
    x, y = wrap(np.array([1.0, 2.0])), wrap(np.array([0.5]))
    X, E = x.numpy(), np.exp(0.5)
    value, (gx, gy) = AF.vjp(f, (x, y))
    np.testing.assert_allclose(value.item(), 5 * E)
    np.testing.assert_allclose(gx.numpy(), 2 * X * E)
    _, pushed = AF.jvp(f, (x, y), (wrap(np.array([1.0, 0.0])), wrap(np.array([0.0]))))
    np.testing.assert_allclose(pushed.item(), 2 * E)
    jx, jy = AF.jacobian(lambda x, y: x * y, (x, y))
    np.testing.assert_allclose(jx.numpy(), 0.5 * np.eye(2))
    np.testing.assert_allclose(jy.numpy(), X[:, None])
    (hxx, hxy), (_, hyy) = AF.hessian(f, (x, y))
    np.testing.assert_allclose(hxx.numpy(), 2 * E * np.eye(2))
    np.testing.assert_allclose(hxy.numpy(), (2 * X * E)[:, None])
    np.testing.assert_allclose(hyy.numpy(), [[5 * E]])
    _, hv = AF.hvp(lambda x: (x * x * x).sum(), x, wrap(np.array([1.0, 1.0])))
    np.testing.assert_allclose(hv.numpy(), 6 * X)


def test_functional_strict_and_create_graph():
    x = wrap(np.array([1.0, 2.0]))
    with pytest.raises(RuntimeError, match="independent"):
        AF.jacobian(lambda x: wrap(np.ones(2)), x, strict=True)
    w = leaf(2.0, 3.0)
    j = AF.jacobian(lambda x: x * x, w, create_graph=True)
    j.sum().backward()
    np.testing.assert_allclose(w.grad.numpy(), [2.0, 2.0])


def test_vmap():
    a, b = wrap(np.arange(6.0).reshape(3, 2)), wrap(np.arange(2.0))
    out = AF.vmap(lambda x, y: x * y, in_dims=(0, None))(a, b)
    np.testing.assert_array_equal(out.numpy(), a.numpy() * b.numpy())
