"""The tape: grad modes, backward and grad, freed graphs, hooks, versions, views, memory."""

from __future__ import annotations

import gc
import threading
import tracemalloc

import numpy as np
import pytest

import autograd
from autograd.kernels import conv
from autograd.tensor import wrap
from nn import functional as F


def leaf(*values, dtype=np.float64):
    return wrap(np.array(values, dtype)).requires_grad_()


def test_gradients_of_two_paths_add_up():
    x = leaf(2.0, 3.0)
    (x * x + x.exp() * x).sum().backward()
    X = x.detach().numpy()
    np.testing.assert_allclose(x.grad.numpy(), 2 * X + np.exp(X) * (1 + X))


def test_backward_accumulates_into_the_same_buffer():
    x = leaf(1.0, 2.0)
    x.grad = bucket = wrap(np.zeros(2))
    (x * 3.0).sum().backward()
    (x * 4.0).sum().backward()
    assert x.grad is bucket
    np.testing.assert_array_equal(bucket.numpy(), [7.0, 7.0])


def test_grads_are_never_shared_between_leaves_or_with_the_seed():
    a, b = leaf(1.0, 2.0), leaf(3.0, 4.0)
    seed = wrap(np.ones(2))
    (a + b).backward(seed)
    a.grad.numpy()[0] = 100
    assert b.grad.tolist() == [1.0, 1.0] and seed.tolist() == [1.0, 1.0]
    assert a.grad.numpy().flags.writeable and b.grad.numpy().flags.writeable


def test_grads_returned_are_never_shared_between_inputs_or_with_the_seed():
    a, b, seed = leaf(1.0, 2.0), leaf(3.0, 4.0), wrap(np.ones(2))
    first, second = autograd.grad(a + b, (a, b), seed)
    first.numpy()[0] = 100
    assert second.tolist() == [1.0, 1.0] and seed.tolist() == [1.0, 1.0]


@pytest.mark.parametrize("shape", [(), (1,), (1, 1), (3,)])
def test_grad_of_a_reduction_is_writeable(shape):
    x = autograd.ones(shape, requires_grad=True)
    x.sum().backward()
    x.grad.mul_(0.5)
    assert x.grad.tolist() == np.full(shape, 0.5).tolist()


def test_grad_does_not_alias_saved_values():
    a, b = leaf(1.0, 2.0), leaf(3.0, 4.0)
    (a * b).backward(wrap(np.ones(2)))
    a.grad.numpy()[:] = -1
    assert b.tolist() == [3.0, 4.0]


def test_grad_of_several_outputs_and_unused_inputs():
    a, b, c = leaf(1.0), leaf(2.0), leaf(5.0)
    ga, gb = autograd.grad([a * b, a * 3.0], [a, b])
    assert ga.tolist() == [5.0] and gb.tolist() == [1.0] and a.grad is None
    with pytest.raises(RuntimeError, match=r"inputs\[1\].*not to have been used"):
        autograd.grad(a * 2.0, [a, c])
    assert autograd.grad(a * 2.0, [a, c], allow_unused=True)[1] is None
    assert autograd.grad(a * 2.0, [a, c], materialize_grads=True)[1].tolist() == [0.0]


def test_grad_computes_only_what_was_asked_for(monkeypatch):
    made = []
    weight_gradient = conv.conv2d_weight
    monkeypatch.setattr(conv, "conv2d_weight", lambda *args: made.append(1) or weight_gradient(*args))
    x, w = autograd.ones(1, 2, 4, 4, requires_grad=True), autograd.ones(3, 2, 3, 3, requires_grad=True)
    y = autograd.conv2d(x, w).sum()
    autograd.grad(y, x, retain_graph=True)
    assert not made
    autograd.grad(y, w)
    assert made


def test_grad_with_respect_to_an_inner_tensor():
    x = leaf(2.0)
    h = x * x
    (g,) = autograd.grad(h * h, h)
    assert g.tolist() == [8.0]


def test_backward_to_named_inputs_only():
    a, b = leaf(2.0), leaf(3.0)
    (a * b).backward(inputs=[a])
    assert a.grad.tolist() == [3.0] and b.grad is None


def test_third_order():
    x = leaf(0.3)
    y = x.tanh()
    for _ in range(3):
        (y,) = autograd.grad(y, x, create_graph=True)
    t = np.tanh(0.3)
    np.testing.assert_allclose(y.item(), (1 - t**2) * (6 * t**2 - 2), rtol=1e-12)


def test_create_graph_into_grad():
    x = leaf(2.0)
    (x * x * x).backward(create_graph=True)
    assert x.grad.requires_grad
    (g,) = autograd.grad(x.grad, x)
    assert g.tolist() == [12.0]
    x.grad = None


def test_freed_graph_non_scalar_and_no_history():
    x = leaf(1.0, 2.0)
    y = (x * x).sum()
    y.backward()
    with pytest.raises(RuntimeError, match="freed.*retain_graph=True"):
        y.backward()
    z = (x * x).sum()
    z.backward(retain_graph=True)
    z.backward()
    with pytest.raises(RuntimeError, match=r"scalar outputs.*\(2,\)"):
        (x * x).backward()
    with pytest.raises(RuntimeError, match="does not require grad"):
        wrap(np.ones(())).backward()
    with pytest.raises(ValueError, match="gradient has shape"):
        (x * x).backward(wrap(np.ones(3)))


def test_what_kept_no_tensor_can_be_passed_again():
    class Doubled(autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, g):
            return g * 2

    x = leaf(1.0, 2.0)
    y = autograd.cat([Doubled.apply(x.view(2, 1).t()), x.expand(1, 2)]).sum(0)
    for k in (1, 2, 3):
        (y * 2.0).sum().backward()
        assert x.grad.tolist() == [6.0 * k, 6.0 * k]


def test_modes_as_context_and_decorator():
    x = leaf(1.0)
    with autograd.no_grad():
        assert not (x * 2.0).requires_grad
        with autograd.enable_grad():
            assert (x * 2.0).requires_grad

    @autograd.no_grad()
    def f():
        return x * 2.0

    @autograd.no_grad
    def bare():
        return x * 2.0

    @autograd.no_grad()
    def items():
        yield autograd.is_grad_enabled()
        yield (x * 2.0).requires_grad

    assert not f().requires_grad and not bare().requires_grad
    seen = []
    for value in items():
        seen.append(value)
        assert autograd.is_grad_enabled()  # the mode holds while the generator runs, not between
    assert seen == [False, False]
    with autograd.set_grad_enabled(False):
        assert not autograd.is_grad_enabled()
    assert autograd.is_grad_enabled()
    autograd.set_grad_enabled(False)
    assert not autograd.is_grad_enabled()
    autograd.set_grad_enabled(True)

    @autograd.set_grad_enabled(False)
    def g():
        return autograd.is_grad_enabled()

    assert not g() and autograd.is_grad_enabled()
    with autograd.inference_mode():
        assert autograd.is_inference_mode_enabled() and not (x * 2.0).requires_grad


def test_mode_is_of_the_thread():
    seen = []
    with autograd.no_grad():
        thread = threading.Thread(target=lambda: seen.append(autograd.is_grad_enabled()))
        thread.start()
        thread.join()
    assert seen == [True]


def test_hooks():
    x = leaf(1.0, 2.0)
    h = x * 2.0
    handle = h.register_hook(lambda g: g * 10.0)
    x.register_hook(lambda g: g + 1.0)
    h.retain_grad()
    h.sum().backward()
    assert h.grad.tolist() == [10.0, 10.0] and x.grad.tolist() == [21.0, 21.0]
    handle.remove()
    x.grad = None
    seen = []
    x.register_post_accumulate_grad_hook(lambda p: seen.append(p.grad.tolist()))
    (x * 2.0).sum().backward()
    assert seen == [[3.0, 3.0]]
    with pytest.raises(RuntimeError):
        wrap(np.ones(1)).register_hook(lambda g: g)


def test_changed_saved_value_is_an_error_that_names_both_ops():
    x = leaf(1.0, 2.0)
    y = x * 2.0
    z = y.exp()
    z.mul_(2.0)
    with pytest.raises(RuntimeError, match=r"exp: .*changed in place by mul_"):
        z.sum().backward()


def test_in_place_on_values_not_saved_is_fine():
    x = leaf(1.0, 2.0)
    y = x * 2.0
    y.add_(1.0)
    y.mul_(y)
    y.sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), 2 * (2 * x.detach().numpy() + 1) * 2)


def test_what_a_written_view_read_elsewhere_in_its_memory_is_kept():
    x = autograd.arange(4.0).reshape(2, 2).requires_grad_()
    h = x * 2
    h[0] *= h.detach()[1]
    h[1] *= 3
    h.sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), [[8.0, 12.0], [6.0, 6.0]])


def test_in_place_on_leaf_is_refused_before_the_write():
    x = leaf(1.0, 2.0)
    with pytest.raises(RuntimeError, match="leaf"):
        x.mul_(2.0)
    with pytest.raises(RuntimeError, match="leaf"):
        x[0:1].mul_(2.0)
    assert x.tolist() == [1.0, 2.0]
    with autograd.no_grad():
        x.mul_(2.0)
    assert x.tolist() == [2.0, 4.0] and x._version == 1


def large():
    """A leaf of as many elements as in-place operations exchange memory from, and the same values in an array."""
    values = np.random.default_rng(0).standard_normal((64, 128))
    return wrap(values.copy()).requires_grad_(), values


def test_large_values_exchanged_in_place_have_the_same_gradients_and_errors():
    x, X = large()
    y = x * 2.0
    y += x
    before = id(y._data)
    assert y.relu_() is y and id(y._data) != before and y._version == 2  # nobody could see the memory
    (y * y).sum().backward()
    Y = np.maximum(3 * X, 0)
    np.testing.assert_allclose(y.detach().numpy(), Y)
    np.testing.assert_allclose(x.grad.numpy(), 2 * Y * 3 * (X > 0))
    y.add_(1.0)
    y = (x * 2.0).relu_()
    y += x
    # as torch, whose relu has kept its output
    with pytest.raises(RuntimeError, match=r"relu: .*changed in place by add_"):
        y.sum().backward()
    y = x * 2.0
    y.exp_()
    y.mul_(3.0)
    with pytest.raises(RuntimeError, match=r"exp: .*changed in place by mul_"):
        y.sum().backward()
    y = x * 2.0
    F.hardtanh(y, -1.0, 1.0, inplace=True)
    (g,) = autograd.grad(y.sum(), x)
    np.testing.assert_array_equal(g.numpy(), 2.0 * (np.abs(2 * X) < 1))


@pytest.mark.parametrize("held", ["array", "detached", "view", "saved", "from_numpy", "part"])
def test_large_memory_that_someone_holds_is_written(held):
    x, X = large()
    y = x * 2.0
    if held == "saved":
        z = y.exp()
        z.add_(1.0)
        with pytest.raises(RuntimeError, match="changed in place by add_"):
            z.sum().backward()
        return
    if held == "part":
        part = y[:40]
        part.add_(1.0)
        np.testing.assert_allclose(y.detach().numpy()[:40], 2 * X[:40] + 1)
        return
    if held == "from_numpy":
        array = X * 2
        y = autograd.from_numpy(array)
        y.mul_(x)
    else:
        seen = {"array": lambda: y.detach().numpy(), "detached": y.detach, "view": lambda: y[3:]}[held]()
        array = seen if held == "array" else seen.detach().numpy()
        y.mul_(x)
    expected = 2 * X * X
    np.testing.assert_allclose(array, expected[3:] if held == "view" else expected)


def test_write_through_a_view_gives_base_and_siblings_a_new_history():
    x = leaf(1.0, 2.0, 3.0)
    base = x * 1.0
    first, whole = base[0:2], base[0:3]
    first.mul_(x[1:3])
    (base.sum() + (whole * whole).sum()).backward()
    X = np.array([1.0, 2.0, 3.0])
    b = np.array([X[0] * X[1], X[1] * X[2], X[2]])
    db = 1 + 2 * b
    np.testing.assert_allclose(x.grad.numpy(), [db[0] * X[1], db[0] * X[0] + db[1] * X[2], db[1] * X[1] + db[2]])


def test_copied_view_of_channels_last_memory_acts_as_a_view():
    block = np.arange(24.0).reshape(2, 2, 2, 3)  # N, H, W, C: an image as a convolution returns it
    image = wrap(block.transpose(0, 3, 1, 2))
    flat = image.view(2, 12)
    flat[0, 0] = 100.0
    assert image[0, 0, 0, 0].item() == 100.0 and block[0, 0, 0, 0] == 100.0
    image.mul_(2.0)
    assert flat[0, 0].item() == 200.0
    np.testing.assert_array_equal(flat.numpy(), block.transpose(0, 3, 1, 2).reshape(2, 12))


def test_detach_shares_memory_and_version():
    x = leaf(1.0, 2.0)
    y = x.exp()
    d = y.detach()
    assert not d.requires_grad
    d.zero_()
    with pytest.raises(RuntimeError, match="changed in place by zero_"):
        y.sum().backward()


def test_requires_grad_rules():
    with pytest.raises(RuntimeError, match="floating point"):
        wrap(np.arange(3)).requires_grad_()
    x = leaf(1.0)
    with pytest.raises(RuntimeError, match="leaf"):
        (x * 2.0).requires_grad_(False)
    x.requires_grad = False
    assert not x.requires_grad and x.is_leaf


def test_million_ops_without_recursion():
    x = leaf(1.0)
    y = x
    for _ in range(1_000_000):
        y = y * 1.0
    y.backward()
    assert x.grad.tolist() == [1.0]
    del y  # frees a chain of a million nodes


def test_no_cycles_training_steps_do_not_grow_memory():
    rng = np.random.default_rng(0)
    w = wrap(rng.standard_normal((64, 64))).requires_grad_()
    x = wrap(rng.standard_normal((32, 64)))

    def step():
        loss = ((x @ w).tanh() * x).sum()
        loss.backward()
        with autograd.no_grad():
            w.sub_(w.grad * 1e-4)
        w.grad = None

    gc.collect()
    gc.disable()
    try:
        for _ in range(20):
            step()
        tracemalloc.start()
        step()
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(200):
            step()
        grown = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
        gc.enable()
    assert grown < 4096, f"{grown} bytes more after 200 steps"


def test_backward_on_several_threads():
    x = wrap(np.ones(100))
    results = []

    def work(k):
        w = wrap(np.full(100, float(k))).requires_grad_()
        for _ in range(50):
            (w * x * w).sum().backward()
        results.append((k, w.grad.numpy()[0]))

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert sorted(results) == [(k, 100.0 * k) for k in range(4)]


def test_grad_of_an_intermediate_leaves_what_lies_below_it():
    w = autograd.ones(3, requires_grad=True)
    x = w * w
    y = (x * x).sum()
    (g,) = autograd.grad(y, [x])
    assert g.tolist() == [2, 2, 2]
    x.sum().backward()
    assert w.grad.tolist() == [2, 2, 2]
    values, _ = (v := autograd.ones(2, 3, requires_grad=True) * 2).sort(1)
    (g,) = autograd.grad((values**2).sum(), [values])
    values.sum().backward()
    assert g.tolist() == [[4, 4, 4], [4, 4, 4]] and v.requires_grad


def test_backward_to_inner_tensors():
    """`inputs` may be tensors with a history; what is retained is added to once."""
    x = autograd.ones(3, requires_grad=True)
    h = x * 2
    y = (h * 3).sum()
    y.backward(inputs=[h], retain_graph=True)
    assert h.grad.tolist() == [3.0] * 3 and x.grad is None
    y.backward(inputs=[h, x], retain_graph=True)
    assert h.grad.tolist() == [6.0] * 3 and x.grad.tolist() == [6.0] * 3
    h.retain_grad()
    y.backward(inputs=[h], retain_graph=True)
    assert h.grad.tolist() == [9.0] * 3
    autograd.grad(y, h, retain_graph=True)
    assert h.grad.tolist() == [12.0] * 3


@pytest.mark.parametrize("create_graph", [False, True])
def test_hooks_of_one_tensor_see_one_object(create_graph):
    """Until one of them returns another, which the later ones see."""
    x, seen = leaf(2.0), []
    y = x * 3.0
    y.register_hook(lambda g: setattr(g, "mark", 1))
    y.register_hook(lambda g: seen.append(g.mark))
    y.register_hook(lambda g: g * 2)
    y.register_hook(lambda g: seen.append((hasattr(g, "mark"), g.item())))
    y.backward(create_graph=create_graph)
    assert seen == [1, (False, 2.0)] and x.grad.item() == 6.0
