"""Attention: what is masked counts for nothing, and the fused operation is the composed one in every order."""

from __future__ import annotations

import numpy as np
import pytest

import autograd
import nn
import nn.functional as F
from autograd.check import gradcheck, gradgradcheck
from autograd.ops import attention as ops
from autograd.samples import Draw
from autograd.tensor import wrap


def values(tensor):
    return tensor.detach().numpy()


@pytest.mark.parametrize("case", range(len(ops._samples(Draw()))))
def test_kernels_and_composed_operations_are_one_function(case):
    *arrays, mask, scale, causal, p, seed = ops._samples(Draw(1))[case]
    leaves = [wrap(a.copy()).requires_grad_() for a in arrays]
    given = None if mask is None else wrap(mask)
    results = []
    for call in (ops._attention, ops.composed):
        out = call(*leaves, given, scale, causal, p, seed)[0]
        results.append([out, *autograd.grad((out * wrap(Draw(2)(*out.shape))).sum(), leaves)])
    for one, other in zip(*results, strict=True):
        np.testing.assert_allclose(values(one), values(other), rtol=0, atol=1e-13)


def test_a_mask_that_is_learned():
    s = Draw(0)
    q, k, v, mask = (wrap(s(*shape)).requires_grad_() for shape in ((2, 3, 2), (2, 4, 2), (2, 4, 1), (3, 4)))
    gradcheck(F.scaled_dot_product_attention, [q, k, v, mask])
    gradgradcheck(F.scaled_dot_product_attention, [q, k, v, mask], atol=1e-4)


@pytest.mark.parametrize("dropout", [0.0, 0.5])
def test_masked_keys_have_no_weight_and_no_gradient(dropout):
    q, k, v = (autograd.randn(2, 4, 6, 8, requires_grad=True) for _ in range(3))
    seen = np.arange(6) < np.array([[4], [6]])
    mask = autograd.tensor(seen[:, None, None])
    autograd.manual_seed(1)
    out = F.scaled_dot_product_attention(q, k, v, mask, dropout)
    out.sum().backward()
    for x in (k, v):
        assert not x.grad.numpy()[0, :, 4:].any()
        assert x.grad.numpy()[1, :, 4:].any()
    other = values(v).copy()
    other[0, :, 4:] = 1e6
    autograd.manual_seed(1)
    again = F.scaled_dot_product_attention(q, k, autograd.tensor(other), mask, dropout)
    np.testing.assert_array_equal(values(again), values(out))


def test_a_row_that_sees_nothing_is_zero_in_every_order():
    q, k, v = (wrap(Draw(i)(3, 2)).requires_grad_() for i in range(3))
    mask = autograd.tensor(np.array([[True, False, True], [False] * 3, [True] * 3]))
    out = F.scaled_dot_product_attention(q, k, v, mask)
    assert not values(out)[1].any() and values(out)[[0, 2]].all()
    grads = autograd.grad((out * out).sum(), [q, k, v], create_graph=True)
    assert not values(grads[0])[1].any()
    for g in autograd.grad(sum((g * g).sum() for g in grads), [q, k, v]):
        assert np.isfinite(values(g)).all()
    gradgradcheck(lambda *a: F.scaled_dot_product_attention(*a, mask), [q, k, v], atol=1e-4)


def test_dropout_keeps_the_mean_and_drops():
    q = k = autograd.zeros(1, 1, 400)
    v = autograd.ones(1, 300, 1)
    k = autograd.zeros(1, 300, 400)
    outs = [F.scaled_dot_product_attention(q, k, v, dropout_p=0.25).item() for _ in range(30)]
    assert len(set(outs)) > 10 and abs(np.mean(outs) - 1) < 0.05
    with pytest.raises(ValueError, match="dropout_p is 1.5"):
        F.scaled_dot_product_attention(q, k, v, dropout_p=1.5)


@pytest.mark.parametrize("masks", [{}, {"key_padding_mask": True}, {"attn_mask": True}])
def test_with_and_without_weights_is_one_layer(masks):
    layer = nn.MultiheadAttention(8, 2, batch_first=True).double()
    x = autograd.randn(2, 5, 8, dtype=autograd.float64, requires_grad=True)
    given = {
        "key_padding_mask": autograd.tensor(np.arange(5) >= np.array([[3], [5]])),
        "attn_mask": autograd.tensor(np.triu(np.ones((5, 5), bool), 1)),
    }
    given = {name: given[name] for name in masks}
    results = []
    for need_weights in (False, True):
        layer.zero_grad()
        x.grad = None
        out, weights = layer(x, x, x, need_weights=need_weights, **given)
        (out * out).sum().backward()
        results.append([values(out), x.grad.numpy(), *[p.grad.numpy().copy() for p in layer.parameters()]])
        assert (weights is None) != need_weights
    for one, other in zip(*results, strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-12)
    if masks:
        hidden = values(weights)[0, :, 3:] if "key_padding_mask" in masks else values(weights)[0][np.triu_indices(5, 1)]
        assert not hidden.any()


def test_second_order_of_a_transformer_layer():
    layer = nn.TransformerEncoderLayer(4, 2, 5, dropout=0.0, activation="gelu").double()
    x = wrap(Draw(0)(3, 1, 4)).requires_grad_()
    gradgradcheck(layer, [x], atol=1e-4)


@pytest.mark.parametrize(
    ("shapes", "settings", "message"),
    [
        (((3,), (3,), (3,)), {}, "2 or more dimensions, got 1, 1 and 1"),
        (((2, 3), (2, 4), (2, 3)), {}, r"expected \(\*, L, E\)"),
        (((2, 3), (2, 3), (3, 3)), {}, r"expected \(\*, L, E\)"),
        (((3, 2, 3), (2, 2, 3), (2, 2, 3)), {}, "batch dimensions that go together"),
        (((3, 2, 3), (2, 2, 3), (2, 2, 3)), {"enable_gqa": True}, "divide query's"),
        (((2, 3), (2, 3), (2, 3)), {"attn_mask": autograd.zeros(5, 7)}, "attn_mask's shape"),
    ],
)
def test_errors(shapes, settings, message):
    with pytest.raises(ValueError, match=message):
        F.scaled_dot_product_attention(*(autograd.zeros(*shape) for shape in shapes), **settings)


def test_dtypes_that_do_not_go_together():
    q = autograd.zeros(2, 3)
    with pytest.raises(TypeError, match="one floating dtype"):
        F.scaled_dot_product_attention(q, q.double(), q)
    with pytest.raises(TypeError, match="attn_mask is int64"):
        F.scaled_dot_product_attention(q, q, q, autograd.tensor([[1, 0], [0, 1]]))
