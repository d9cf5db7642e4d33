"""Normalisation: the fused formulas equal the composed ones, statistics move outside the operation, dropout's masks."""

from __future__ import annotations

import numpy as np
import pytest

import autograd
from autograd.op import REGISTRY
from autograd.samples import Draw
from autograd.tensor import wrap

FUSED = [
    "_batch_norm_train",
    "_batch_norm_eval",
    "_layer_norm",
    "_softmax_cross_entropy",
    "_softmax",
    "_log_softmax",
    "_ctc",
]


@pytest.mark.parametrize("name", FUSED)
def test_fused_and_composed_gradients_are_equal(name):
    """The kernel's gradient (first order) and the formulas that record (create_graph) agree for every sample."""
    for args in REGISTRY[name].samples(Draw(3)):
        tensors = [wrap(a.copy()).requires_grad_(a.dtype.kind == "f") if isinstance(a, np.ndarray) else a for a in args]
        leaves = [t for t in tensors if isinstance(t, autograd.Tensor) and t.requires_grad]
        y = REGISTRY[name].call(*tensors)
        y = y[0] if isinstance(y, tuple) else y
        seed = wrap(np.random.default_rng(0).normal(size=y.shape))
        composed = autograd.grad(y, leaves, seed, create_graph=True, retain_graph=True, allow_unused=True)
        fused = autograd.grad(y, leaves, seed, allow_unused=True)
        for a, b in zip(fused, composed, strict=True):
            assert (a is None) == (b is None)
            if a is not None:
                np.testing.assert_allclose(a.numpy(), b.detach().numpy(), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    "ignore, smoothing, reduction", [(-100, 0.0, "mean"), (1, 0.2, "mean"), (1, 0.2, "sum"), (0, 0.0, "none")]
)
def test_cross_entropy_with_class_weights_fused_and_composed(ignore, smoothing, reduction):
    x = wrap(np.random.default_rng(0).normal(size=(6, 3))).requires_grad_()
    target, weight = np.array([0, 1, 2, 1, 0, 2]), np.array([0.5, 2.0, 1.5])
    loss = (
        REGISTRY["cross_entropy"]
        .call(x, target, weight, ignore_index=ignore, label_smoothing=smoothing, reduction=reduction)
        .sum()
    )
    (composed,) = autograd.grad(loss, x, create_graph=True, retain_graph=True)
    (fused,) = autograd.grad(loss, x)
    np.testing.assert_allclose(fused.numpy(), composed.detach().numpy(), rtol=1e-9, atol=1e-12)


def test_running_statistics_move_only_in_training():
    mean, var = wrap(np.zeros(2)), wrap(np.ones(2))
    x = wrap(np.random.default_rng(0).normal(3.0, 2.0, (8, 2)))
    REGISTRY["batch_norm"].call(x, mean, var, training=True, momentum=0.5)
    np.testing.assert_allclose(mean.numpy(), 0.5 * x.numpy().mean(0))
    np.testing.assert_allclose(var.numpy(), 0.5 + 0.5 * x.numpy().var(0, ddof=1))
    before = mean.numpy().copy(), mean._version
    REGISTRY["batch_norm"].call(x, mean, var)
    np.testing.assert_array_equal(mean.numpy(), before[0])
    assert mean._version == before[1] == 1


@pytest.mark.parametrize("shape, dims", [((200, 50), ()), ((40, 50, 3, 3), (2, 3))])
def test_dropout_keeps_the_mean_and_drops_together(shape, dims):
    autograd.manual_seed(0)
    x = wrap(np.ones(shape, np.float32)).requires_grad_()
    y = REGISTRY["dropout2d" if dims else "dropout"].call(x, 0.3)
    values = np.unique(y.detach().numpy())
    np.testing.assert_allclose(values, [0, 1 / 0.7], rtol=1e-6)
    assert abs(float(y.detach().numpy().mean()) - 1) < 0.05
    if dims:
        assert (y.detach().numpy().std(dims) == 0).all()
    y.sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), y.detach().numpy())
    autograd.manual_seed(0)
    again = REGISTRY["dropout2d" if dims else "dropout"].call(x, 0.3)
    np.testing.assert_array_equal(again.detach().numpy(), y.detach().numpy())


def test_dropout_of_everything_and_bad_probability():
    assert not REGISTRY["dropout"].call(wrap(np.ones(5)), 1.0).numpy().any()
    with pytest.raises(ValueError, match="p is 1.5"):
        REGISTRY["dropout"].call(wrap(np.ones(5)), 1.5)
