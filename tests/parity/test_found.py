"""Calls on which this library once differed from torch: what is refused, and with what."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as TF
from torch_beside import agree, compare

import autograd
import nn.functional as F

X = np.array([[1.5, -2.0, 0.5, 3.0], [0.5, 2.0, -1.0, 3.0]])


def _set(x, index, value):
    x[index] = value
    return x


CALLS = {
    "renorm_ with a gradient": (lambda x: (x * 1).renorm_(2, 0, 1.0), (X,)),
    "a mask of everything, a value with a leading 1": (lambda x: _set(x * 1, x[0, 0] > 0, x[:1]), (X,)),
    "an empty mask, a value with a leading 1": (lambda x: _set(x * 1, x > 9, x[:1, :0]), (X,)),
    "a mask without elements": (lambda x: x[x[:0] > 0], (X,)),
    "a mask one row short": (lambda x: x[x[:1] > 0], (X,)),
    "a mask behind an ellipsis": (lambda x: x[..., x[0] > 0], (X,)),
    "a wrong mask behind an ellipsis": (lambda x: x[..., x[0, :3] > 0], (X,)),
    "a mask behind a slice": (lambda x: x[:, x[0] > 0], (X,)),
    "a mask after an index": (lambda x: x[0, x[0] > 0], (X,)),
    "unflatten of 0-dim": (lambda x: x.unflatten(0, (1, -1)), (np.array(2.5),)),
    "covariance of one row": (lambda x: x[:1].cov(), (X,)),
    "correlation of one row": (lambda x: x[:1].corrcoef(), (X,)),
    "kthvalue of nothing": (lambda x: x.kthvalue(1, 0), (np.zeros((0, 4)),)),
}


@pytest.mark.parametrize("name", CALLS)
def test_methods(name):
    call, args = CALLS[name]
    compare(call, call, args, {})


FUNCTIONS = {
    "cosine of floats and integers": ("cosine_similarity", (X, (X * 3).astype(np.int64)), {"dim": -1}),
    "cosine of integers": ("cosine_similarity", ((X * 3).astype(np.int64),) * 2, {"dim": -1}),
    "cosine of floats and bools": ("cosine_similarity", (X, X > 0), {"dim": -1}),
    "kl_div of a number and a batch": ("kl_div", (np.array(-0.5), np.abs(X)), {"reduction": "batchmean"}),
    "kl_div of integer targets": ("kl_div", (X, np.abs(X * 3).astype(np.int64)), {"reduction": "sum"}),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions(name):
    function, args, kwargs = FUNCTIONS[name]
    compare(getattr(F, function), getattr(TF, function), args, kwargs)


@pytest.mark.parametrize("name", ["gcd", "lcm"])
def test_bools_have_no_divisors(name):
    with pytest.raises(RuntimeError):
        getattr(torch, name)(torch.tensor([True]), torch.tensor([True]))
    with pytest.raises(RuntimeError, match=f"{name}: bools"):
        getattr(autograd, name)(autograd.tensor([True]), autograd.tensor([True]))


def test_bools_have_no_squared_difference():
    with pytest.raises(RuntimeError):
        TF.mse_loss(torch.tensor([True]), torch.tensor([False]))
    with pytest.raises(RuntimeError, match="mse_loss: bools"):
        F.mse_loss(autograd.tensor([True]), autograd.tensor([False]))


@pytest.mark.parametrize("name", ["sum", "nansum", "prod", "cumsum", "cumprod"])
@pytest.mark.parametrize("dtype", ["bool", "uint8", "int32", "int64", "float32"])
@pytest.mark.parametrize("kwargs", [{}, {"dim": 0}, {"dim": 1, "keepdim": True}])
def test_a_dtype_asked_for_is_the_results(name, dtype, kwargs):
    if name.startswith("cum"):
        if "dim" not in kwargs or dtype == "bool":
            return
        kwargs = {"dim": kwargs["dim"]}
    x = np.array([[0.0, 2.0, 200.0], [1.0, 3.0, 100.0]])
    got = getattr(autograd.tensor(x), name)(**kwargs, dtype=getattr(autograd, dtype))
    expected = getattr(torch.tensor(x), name)(**kwargs, dtype=getattr(torch, dtype))
    assert str(got.dtype) == str(expected.dtype)
    assert got.tolist() == expected.tolist()


EXPRESSIONS = [
    # a plain number where a tensor must stand
    *(f"lib.{name}(x, 2)" for name in ("mm", "mv", "inner", "kron", "cross", "cdist", "take", "bucketize")),
    *(f"lib.{name}(2, x)" for name in ("mm", "mv", "inner", "kron", "cross", "cdist", "take", "searchsorted")),
    "lib.dot(x[0], 2)", "lib.outer(x[0], 2)", "lib.outer(2, x[0])", "lib.sum(2)", "lib.logsumexp(2, 0)",
    # 0-dim counts as one-dimensional
    "lib.gather(x[0], 0, i[0, 1])", "lib.gather(x[0, 0], 0, i[0] * 0)", "lib.gather(x, 0, i[0, 0])",
    "lib.scatter(x[0], 0, i[0, 1], x[1, 0])", "lib.scatter(x[0], 0, i[0, 1], 9.0)",
    "lib.scatter(x[0, 0], 0, i[0, :1], x[1, :1])",
    "lib.scatter_add(x[0], 0, i[0, 1], x[1, 0])", "lib.scatter_reduce(x[0], 0, i[0, 1], x[1, 0], 'sum')",
    # a 0-dim target of another dtype
    *(f"F.{name}(x, lib.tensor(1.0, dtype=lib.float64))" for name in ("mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss")),
    "F.mse_loss(lib.tensor(1.0, dtype=lib.float64), x)",
    # losses of two dtypes, of bools, of one sample
    "F.huber_loss(x, x.double())", "F.huber_loss(x.double(), x)", "F.huber_loss(x, x > 0)", "F.huber_loss(x, x, delta=1j)",
    "F.huber_loss(x, x * 0, weight=x.abs())", "F.mse_loss(x, x * 0, weight=x.abs())", "F.soft_margin_loss(x, x.double())",
    "F.binary_cross_entropy_with_logits(x.double(), x)", "F.binary_cross_entropy_with_logits(x, x.double())",
    "F.smooth_l1_loss(x, x > 0)", "F.smooth_l1_loss(i > 0, x)", "F.hinge_embedding_loss(x, x > 0)",
    "F.cross_entropy(x, x, ignore_index=1)", "F.cross_entropy(x[0], i[0, 1:2])",
    "F.nll_loss(x[0], i[0, 1:2], reduction='none')", "F.multi_margin_loss(x[0, 0], i[0, 0])",
    "F.multi_margin_loss(x[0], i[0, :1], reduction='none')",
    "F.multi_margin_loss(x, x, weight=x)",
    "F.cosine_similarity(x, x, eps=-1.0)",
    # a label that is the blank
    "F.ctc_loss(x.log_softmax(1)[:, None], i[:1, :2], (2,), (2,))",
    "F.ctc_loss(x.log_softmax(1)[:, None], i[:1, :2], (2,), (1,))",
    "F.ctc_loss(lib.cat([x, x]).log_softmax(1)[:, None], i[:1], (4,), (3,), reduction='sum')",
    # no tensors
    *(f"F.{name}" for name in ("linear(x, None)", "linear(None, x)", "linear(x, x, 3)", "prelu(x, 0.5)", "embedding(i, 1.0)")),
    *(f"F.{name}" for name in ("kl_div(x, 1.0)", "cosine_similarity(x, None)", "multilabel_soft_margin_loss(None, x)")),
    "F.conv1d(x[None], x[None], bias=1.0)", "F.conv_transpose1d(x[None], x[:, None], bias=1.0)",
    # norms
    "F.layer_norm(x, 3)", "F.rms_norm(x, 3)", "F.group_norm(x[:1], 3)", "F.instance_norm(x[None], x[0])",
    "F.instance_norm(i[None])", "F.batch_norm(x[:0], None, None, training=True)", "F.batch_norm(x[:0], x[0], x[0])",
    "F.batch_norm(x, None, None, training=True, eps=0.0)", "F.batch_norm(x, x[0], x[0].abs(), eps=-1.0)",
    "F.batch_norm(x, x[0].double(), x[0].double(), training=True)",
    # weights of another dtype or rank, slopes and sizes that make no sense
    "F.prelu(x, x[0].double())", "F.prelu(x[None], x[:, :2])", "F.rrelu(x, 0.5, 0.1)", "F.softshrink(x > 0)",
    "F.linear(i > 0, i > 0)",
    "F.bilinear(x, x.double(), lib.ones(2, 3, 3))", "F.bilinear(i.int(), i.int(), lib.ones(2, 3, 3).int())",
    "F.embedding_bag(i, x, mode='sum', per_sample_weights=x.double())", "F.alpha_dropout(i, 0.5, True)",
    "F.feature_alpha_dropout(x[0], 0.5, False)", "F.feature_alpha_dropout(x[0], 0.5, True)",
    "F.adaptive_avg_pool2d(x[None], None)", "F.adaptive_max_pool1d(x, (None,))", "F.max_pool1d(x, lib.tensor(2))",
    "F.affine_grid(lib.zeros(1, 2, 3).long(), (1, 1, 2, 2))", "F.grid_sample(x[None, None][:, :, :0], lib.zeros(1, 2, 2, 2))",
    "F.interpolate(x[None, None][:, :0], 2)",
    # numbers that an integer dtype does not hold
    "lib.index_fill(i, 0, i[0, :1], float('inf'))", "lib.index_fill(i, 0, i[0, :1], 1.5)", "i.fill_(float('nan'))",
    "lib.masked_fill(i, i > 0, float('inf'))", "lib.masked_fill(i.to(lib.uint8), i > 0, 300)", "lib.fill(i, 1e30)",
    "lib.full((2,), float('inf'), dtype=lib.int64)", "lib.full((2,), -1, dtype=lib.uint8)", "lib.full_like(i, float('nan'))",
    "lib.full((2,), -256, dtype=lib.uint8)", "lib.scatter(i, 0, i, float('inf'))", "lib.full((2,), 2.0**64, dtype=lib.int64)",
    # a dim is no bool
    "lib.sum(x, dim=True)", "lib.softmax(x, True)", "lib.cumsum(x, True)", "lib.mean(x, (True,))", "lib.amax(x, True)",
    "lib.squeeze(x, True)", "lib.split(x, 1, True)", "lib.gather(x, True, i)", "lib.select(x, True, 0)", "lib.unbind(x, True)",
    # dtypes without the operation
    "lib.cumsum(x, 0, dtype=lib.bool)", "lib.cumprod(x, 0, dtype=lib.bool)", "lib.logcumsumexp(i, 0)",
    # a list that holds more than numbers is a tuple of subscripts
    "x[[[0, 1], [1, 2]]]", "x[[lib.tensor([0, 1]), lib.tensor([1, 2])]]", "x[[slice(0, 2), 1]]", "x[[None, 1]]",
    "x[[0, [1, 2]]]",
    "x[[True, False]]", "x[[0, 1]]", "x[[[0, 1]]]",
    # einsum's form with lists
    "lib.einsum(x, [0, 1], x, [2, 1], [0, 2])", "lib.einsum(x, [0, 30], x, [2, 30])", "lib.einsum(x, [..., 1], [...])",
    "lib.einsum(x, [0, 52], [0])", "lib.einsum(x, [0, 'a'], [0])",
    # resampling where a size stays, or by corners without aliasing; a circle without what is cut off
    "F.interpolate(x.double()[None, None], scale_factor=(1.3, 2.2), mode='nearest')",
    "F.interpolate(x.double()[None, None], scale_factor=(1.3, 2.2), mode='bilinear')",
    "F.interpolate(x.double()[None, None], scale_factor=(1.3, 2.2), mode='bicubic')",
    "F.interpolate(x.double()[None], scale_factor=1.3, mode='linear')",
    "F.interpolate(x.double()[None], scale_factor=1.1, mode='nearest-exact')",
    "F.interpolate(x.double()[None, None], size=(2, 2), mode='bilinear', antialias=True, align_corners=True)",
    "F.interpolate(x.double()[None, None], scale_factor=(1.2, 1.3), mode='bicubic', antialias=True)",
    "F.interpolate(x.double()[None, None], scale_factor=(1.2, 1.1), mode='bilinear', antialias=True)",
    "F.pad(x, (-1, 2), mode='circular')", "F.pad(x, (1, -2), mode='circular')", "F.pad(x, (1, 1), mode='nope')",
    "lib.quantile(x, lib.tensor([0.5], dtype=lib.float64))",
    # what is neither tensor nor number beside a tensor
    "x == None", "x != None", "x == 'a'", "x == [1]", "x != (1, 2)", "x < 'a'", "x < None", "[1] * i[0, 1]", "'ab' * i[0, 1]",
    "[1] * x[0, 0]", "x + None", "x + [1]", "None in i", "'a' in i", "[1] in i", "1 in i", "i[0] in i", "2.5 in i",
    "reversed(i)", "reversed(i[0, 0])", "i.real", "i.imag", "x.H", "x[0].H", "x[None].H",
    # shapes, older constructors, data
    "tuple(x.shape[1:])", "x.shape[1:].numel()", "(x.shape + (1,)).numel()", "((4,) + x.shape).numel()",
    "(x.shape * 2).numel()", "x.shape[-1]", "x.shape + [1]", "tuple(lib.Tensor().shape)",
    "tuple(lib.Tensor(lib.Size([2, 3])).shape)",
    "tuple(lib.Tensor(2, 3).shape)", "lib.Tensor([2, 3])", "lib.Tensor((2, 3))", "x.type(lib.DoubleTensor)",
    "x.type(lib.int64)",
    "lib.tensor([300], dtype=lib.uint8)", "lib.tensor([-1], dtype=lib.uint8)", "lib.tensor([float('inf')], dtype=lib.int64)",
    "lib.tensor([1.0, float('nan')], dtype=lib.int32)", "lib.tensor(2**40, dtype=lib.int32)", "lib.tensor(2**63)",
    "lib.tensor([1.7, -1.7], dtype=lib.int64)", "setattr(w, 'data', i)", "setattr(w, 'data', x.double())",
    # counts alone
    "lib.repeat_interleave(i[0])", "lib.repeat_interleave(i[1].to(lib.int32))", "lib.repeat_interleave(i)",
    "lib.repeat_interleave(x[0])",
    # on torch's own test inputs
    "lib.tensor([x[0, :1], x[1, :1]])", "lib.tensor([[x[0, :1]], [x[:1, :1]]])", "lib.tensor((i[0, :1], 2.5))",
    "lib.unsqueeze(x, True)", "x.transpose(True, 0)", "lib.cat([x, x], True)", "lib.cat([x, x], dim=True)", "x.size(True)",
    "lib.softmax(3.0, 0)", "lib.reshape(3.0, (1,))", "lib.squeeze(3.0)", "lib.transpose(3.0, 0, 0)", "lib.bmm(x, 3.0)",
    "lib.permute(3.0, ())", "lib.flatten(3.0)", "lib.unsqueeze(3.0, 0)",
    "x.scatter(0, i, x[0, 0])", "x.scatter_add(0, i, x[0, 0])", "x[0].scatter(0, i[0, 0], x[0, 0])",
    "x[0].index_add(0, i[0, :1], x[0, 0])", "x[0].index_copy(0, i[0, :1], x[0, 0])", "x[0, 0].index_add(0, i[0, :1], x[0, 0])",
    "x[i[0].to(lib.int8)]", "x[i[0].to(lib.int16)]", "x[i[0].to(lib.int32)]", "x.index_select(1, i[0].to(lib.int8))",
    "lib.linalg.norm(lib.ones(2, 3, 4), dim=(0, 1, 2))", "lib.linalg.norm(lib.ones(2, 3, 4), 2, dim=(0, 1, 2))",
    "x[..., ...]", "x[..., 0, ...]", "x[0, ..., ...]",
    "lib.tensordot(x[:1], x, dims=([0], [0]))", "lib.take_along_dim(x, i - 2, 1)", "lib.diff(x, n=0, prepend=x)",
    "lib.linalg.vander(x, N=4)", "lib.linalg.vander(x[0] > 0)", "lib.linalg.lu_factor(lib.zeros(2, 2))",
    "lib.arange(0.1, -7.9, -4.0, dtype=lib.int64)", "lib.arange(0, 1.5, 0.3, dtype=lib.int64)",
    "lib.linspace(4.3, -3, 10, dtype=lib.int64)", "lib.logspace(0, 1.2, 2, dtype=lib.int64)",
    "lib.fill(x, value=3)", "lib.heaviside(x, values=x)",
    "x.to(x.double(), True, True)", "x.int(memory_format=lib.contiguous_format)",
    "lib.gradient(x[0], spacing=None)", "x.flip(dims=(0, 1))", "x.clone().cauchy_(0, 0)", "x.clone().log_normal_(0, 0)",
    "lib.digamma(x * 0 - 1e20)",
    # limits that cross
    "lib.logit(x, 1)", "lib.logit(i, eps=1)", "lib.logit(x, 0.6)", "lib.logit(i.double(), 0.3)",
    # a positive element passes whatever its weight
    "F.prelu(x, x[0, :1] * 0 + float('inf'))", "F.prelu(x, x[0, :1] * 0 + float('nan'))",
]  # fmt: skip


@pytest.mark.parametrize("text", EXPRESSIONS)
def test_expressions(text):
    agree(text)


def test_zeros_take_no_column_in_print():
    for values in ([-0.0, 1.0], [-0.0, 1.5], [-0.0, 0.0], [[-0.0, 12.0], [3.0, -4.0]]):
        assert repr(autograd.tensor(values)) == repr(torch.tensor(values))


def test_data_counts_its_versions_itself():
    for lib in (autograd, torch):
        w = lib.ones(2, requires_grad=True)
        y = (w * w).sum()
        w.data += 1
        y.backward()
        assert w._version == 0 and w.grad.tolist() == [4.0, 4.0]
        w.detach().add_(1)
        assert w._version == 1


def test_an_array_beside_a_product_takes_part_in_promotion():
    x = autograd.ones(2, 3, requires_grad=True)
    y = x @ np.ones((3, 2))
    assert y.dtype == np.float64  # as torch's, which goes through numpy
    y.sum().backward()
    assert x.grad.dtype == np.float32 and (x.grad == 2).all()
    z = np.ones((4, 2)) @ x
    assert z.dtype == np.float64 and (z.detach().numpy() == 2).all()


def test_products_at_zeros_have_a_second_derivative():
    src = np.array([0.0, 2.0, 3.0, 0.0, 0.0, 1.5])
    index = np.array([0, 0, 1, 1, 2, 2])
    for own in (True, False):
        x = autograd.tensor([1.5, 0.0, 2.0], dtype=autograd.float64, requires_grad=True)
        s = autograd.tensor(src, requires_grad=True)
        call = lambda x, s, own=own: x.scatter_reduce(0, autograd.tensor(index), s, "prod", include_self=own)
        assert autograd.gradgradcheck(call, (x, s))


def test_large_matrices_by_projection():
    rng = np.random.default_rng(0)
    a = autograd.tensor(rng.standard_normal((30, 3)) @ rng.standard_normal((3, 20)))
    for x in (a, a.mT):
        u, s, v = autograd.svd_lowrank(x, q=3)
        np.testing.assert_allclose((u * s @ v.mT).numpy(), x.numpy(), atol=1e-10)
        np.testing.assert_allclose(s.numpy(), autograd.linalg.svdvals(x)[:3].numpy())
    u, s, v = autograd.pca_lowrank(a, q=3)
    np.testing.assert_allclose((u * s @ v.mT).numpy(), (a - a.mean(0)).numpy(), atol=1e-10)
    for refused in (lambda: autograd.svd_lowrank(a, q=21), lambda: autograd.pca_lowrank(a, q=-1)):
        with pytest.raises(ValueError, match="lowrank: q is"):
            refused()
    with pytest.raises(TypeError, match="svd_lowrank"):
        autograd.svd_lowrank(a.long())


def test_views_of_one_tensor_are_written_to():
    """torch refuses; here the write is recorded, as one into x[0] is in both."""
    w = autograd.arange(6.0).reshape(2, 3).requires_grad_()
    y = w * 2
    y.unbind(0)[0].mul_(w[1])
    (y * y).sum().backward()
    other = torch.arange(6.0).reshape(2, 3).requires_grad_()
    z = other * 2
    z[0].mul_(other[1])
    (z * z).sum().backward()
    assert w.grad.tolist() == other.grad.tolist()
