"""What nn.functional composes itself, beside torch: attention with its masks, CTC; and that it has torch's names."""

from __future__ import annotations

import inspect
import warnings

import numpy as np
import pytest
import torch

import autograd
import nn
import nn.functional as F

rng = np.random.default_rng(0)
TF = torch.nn.functional


def pair(*shape, grad=True):
    x = rng.normal(size=shape)
    return autograd.tensor(x, requires_grad=grad), torch.tensor(x, requires_grad=grad)


def agree(mine, yours, inputs, second=False):
    """Values, gradients of the inputs, and optionally second order, all to 1e-8."""
    assert tuple(mine.shape) == tuple(yours.shape)
    np.testing.assert_allclose(mine.detach().numpy(), yours.detach().numpy(), rtol=1e-8, atol=1e-10)
    w = rng.normal(size=tuple(mine.shape))
    ours, theirs = [a for a, _ in inputs], [b for _, b in inputs]
    grads = autograd.grad((mine * autograd.tensor(w)).sum(), ours, create_graph=second)
    tgrads = torch.autograd.grad((yours * torch.tensor(w)).sum(), theirs, create_graph=second)
    for a, b in zip(grads, tgrads, strict=True):
        np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=1e-8, atol=1e-10)
    if second:
        agree(sum((g * g).sum() for g in grads), sum((g * g).sum() for g in tgrads), inputs)


MASKS = {
    "none": None,
    "float": rng.normal(size=(5, 6)),
    "bool": rng.random((5, 6)) < 0.6,
    "a row of nothing": np.arange(5)[:, None] != np.zeros(6)[None] + 2,
    "heads": rng.normal(size=(2, 3, 5, 6)),
}


@pytest.mark.parametrize("mask", MASKS)
@pytest.mark.parametrize("scale", [None, 0.3])
def test_scaled_dot_product_attention(mask, scale):
    made = [pair(2, 3, 5, 4), pair(2, 3, 6, 4), pair(2, 3, 6, 7)]
    m = MASKS[mask]
    mine = F.scaled_dot_product_attention(
        *(a for a, _ in made), attn_mask=None if m is None else autograd.tensor(m), scale=scale
    )
    with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):
        yours = TF.scaled_dot_product_attention(
            *(b for _, b in made), attn_mask=None if m is None else torch.tensor(m), scale=scale
        )
        agree(mine, yours, made, second=mask != "a row of nothing")  # where torch's second order is NaN


def test_causal_and_grouped_attention():
    made = [pair(2, 4, 5, 3), pair(2, 2, 5, 3), pair(2, 2, 5, 3)]
    mine = F.scaled_dot_product_attention(*(a for a, _ in made), is_causal=True, enable_gqa=True)
    agree(mine, TF.scaled_dot_product_attention(*(b for _, b in made), is_causal=True, enable_gqa=True), made)
    with pytest.raises(RuntimeError, match="is_causal"):
        F.scaled_dot_product_attention(*(a for a, _ in made), attn_mask=autograd.ones(5, 5), is_causal=True)


ATTENTION = {
    "": {},
    "bool": {"attn_mask": rng.random((4, 5)) < 0.3},
    "float": {"attn_mask": rng.normal(size=(4, 5))},
    "heads": {"attn_mask": rng.normal(size=(6, 4, 5))},
    "padding": {"key_padding_mask": np.arange(5) >= np.array([[5], [2], [3]])},
    "both": {"attn_mask": rng.random((4, 5)) < 0.2, "key_padding_mask": np.arange(5) >= np.array([[5], [4], [3]])},
    "float padding": {"key_padding_mask": rng.normal(size=(3, 5))},
}


@pytest.mark.parametrize("masks", ATTENTION)
@pytest.mark.parametrize("need_weights", [False, True])
@pytest.mark.parametrize("average", [False, True])
@pytest.mark.parametrize("settings", [{}, {"add_bias_kv": True, "add_zero_attn": True}], ids=str)
def test_multihead_attention(masks, need_weights, average, settings):
    theirs = torch.nn.MultiheadAttention(6, 2, **settings).double()
    ours = nn.MultiheadAttention(6, 2, **settings).double()
    for p in theirs.parameters():
        p.data += 0.1 * torch.randn_like(p)
    ours.load_state_dict(theirs.state_dict())
    made = [pair(4, 3, 6), pair(5, 3, 6), pair(5, 3, 6)]
    kwargs = {"need_weights": need_weights, "average_attn_weights": average}
    mine, w = ours(*(a for a, _ in made), **kwargs, **{k: autograd.tensor(v) for k, v in ATTENTION[masks].items()})
    yours, tw = theirs(*(b for _, b in made), **kwargs, **{k: torch.tensor(v) for k, v in ATTENTION[masks].items()})
    params = list(zip(ours.parameters(), theirs.parameters(), strict=True))
    agree(mine, yours, [*made, *params])
    assert (w is None) == (tw is None)
    if w is not None:
        np.testing.assert_allclose(w.detach().numpy(), tw.detach().numpy(), atol=1e-10)


def test_attention_where_a_sequence_is_all_padding():
    theirs, ours = torch.nn.MultiheadAttention(4, 2).double(), nn.MultiheadAttention(4, 2).double()
    theirs.out_proj.bias.data += 1
    ours.load_state_dict(theirs.state_dict())
    made = [pair(3, 2, 4)]
    padding = np.array([[False, True, True], [True, True, True]])
    (x, tx), kwargs = made[0], {"need_weights": False}
    mine, _ = ours(x, x, x, key_padding_mask=autograd.tensor(padding), **kwargs)
    yours, _ = theirs(tx, tx, tx, key_padding_mask=torch.tensor(padding), **kwargs)
    agree(mine, yours, [*made, *zip(ours.parameters(), theirs.parameters(), strict=True)])


@pytest.mark.parametrize("batch_first", [False, True])
def test_encoder_and_decoder_with_masks(batch_first):
    settings = {"dim_feedforward": 5, "dropout": 0.0, "batch_first": batch_first}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of torch's nested tensors
        theirs = torch.nn.Transformer(4, 2, 1, 2, **settings).double()
    ours = nn.Transformer(4, 2, 1, 2, **settings).double()
    ours.load_state_dict(theirs.state_dict())
    (src, tsrc), (tgt, ttgt) = (pair(3, n, 4) if batch_first else pair(n, 3, 4) for n in (5, 6))
    causal = nn.Transformer.generate_square_subsequent_mask(6).double()
    tcausal = torch.nn.Transformer.generate_square_subsequent_mask(6).double()
    np.testing.assert_array_equal(causal.numpy(), tcausal.numpy())
    padding = np.arange(5) >= np.array([[5], [3], [4]])
    masks = {"src_key_padding_mask": padding, "memory_key_padding_mask": padding}
    mine = ours(src, tgt, tgt_mask=causal, tgt_is_causal=True, **{k: autograd.tensor(v) for k, v in masks.items()})
    yours = theirs(tsrc, ttgt, tgt_mask=tcausal, tgt_is_causal=True, **{k: torch.tensor(v) for k, v in masks.items()})
    agree(mine, yours, [(src, tsrc), (tgt, ttgt), *zip(ours.parameters(), theirs.parameters(), strict=True)])


@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
@pytest.mark.parametrize("flat", [False, True])
@pytest.mark.parametrize("blank", [0, 3])
def test_ctc(reduction, flat, blank):
    lengths, times = [3, 0, 2, 1], [7, 5, 4, 7]
    targets = (rng.integers(1, 3, (4, 3)) + (blank == 0)) % 4
    targets[2] = targets[2, 0]  # equal neighbours need a blank between
    given = np.concatenate([row[:n] for row, n in zip(targets, lengths, strict=True)]) if flat else targets
    x, tx = pair(7, 4, 4)
    mine = F.ctc_loss(F.log_softmax(x, -1), autograd.tensor(given), times, lengths, blank, reduction)
    yours = TF.ctc_loss(
        TF.log_softmax(tx, -1), torch.tensor(given), torch.tensor(times), torch.tensor(lengths), blank, reduction
    )
    agree(mine, yours, [(x, tx)])


@pytest.mark.parametrize("zero_infinity", [False, True])
def test_ctc_of_an_impossible_target(zero_infinity):
    x, tx = pair(2, 4)
    mine = F.ctc_loss(F.log_softmax(x, -1), autograd.tensor([1, 1]), 2, 2, zero_infinity=zero_infinity)
    yours = TF.ctc_loss(
        TF.log_softmax(tx, -1), torch.tensor([1, 1]), torch.tensor(2), torch.tensor(2), zero_infinity=zero_infinity
    )
    np.testing.assert_array_equal(mine.detach().numpy(), yours.detach().numpy())
    mine.backward()
    if zero_infinity:
        assert not x.grad.numpy().any()


def test_ctc_gradient_of_free_scores():
    x = autograd.tensor(rng.normal(size=(4, 2, 3)), requires_grad=True)
    assert autograd.gradcheck(lambda x: F.ctc_loss(x, autograd.tensor([[1, 2], [2, 1]]), [4, 3], [2, 1]), [x])


def test_ctc_refuses():
    x = autograd.zeros(4, 2, 3)
    for targets, times, lengths, kind in (
        ([[1, 3], [1, 1]], [4, 4], [2, 2], IndexError),
        ([[1, 1], [1, 1]], [5, 4], [2, 2], RuntimeError), ([[1, 1], [1, 1]], [4], [2, 2], RuntimeError),
        ([1, 1, 1], [4, 4], [2, 2], RuntimeError),
    ):  # fmt: skip
        with pytest.raises(kind, match="ctc_loss"):
            F.ctc_loss(x, autograd.tensor(targets), times, lengths)


def test_glu_in_second_order():
    for dim in (-1, 0):
        x, tx = pair(4, 6)
        agree(F.glu(x, dim), TF.glu(tx, dim), [(x, tx)], second=True)


# hardsigmoid is not among them: torch multiplies by a sixth in float32
INPLACE = ["relu", "relu6", "selu", "silu", "mish", "hardswish", "hardtanh", "elu", "celu", "leaky_relu"]


@pytest.mark.parametrize("name", INPLACE)
def test_inplace(name):
    x, tx = pair(3, 4)
    a, b = x * 1, tx * 1
    out = getattr(F, name)(a, inplace=True)
    assert out is a
    agree(out, getattr(TF, name)(b, inplace=True), [(x, tx)])


# torch's own helpers and other backends
ABSENT = {
    "assert_int_or_pair", "boolean_dispatch", "conv_tbc", "grouped_mm", "handle_torch_function", "has_torch_function",
    "has_torch_function_unary", "has_torch_function_variadic", "native_channel_shuffle",
    "scaled_grouped_mm", "scaled_mm",
}  # fmt: skip
NAMES = [
    name for name, value in vars(TF).items()
    if callable(value) and not name.startswith("_") and not isinstance(value, type) and name[0].islower()
]  # fmt: skip


def test_every_function_is_there():
    assert {name for name in NAMES if not hasattr(F, name)} - ABSENT == set()
    assert not {name for name in ABSENT if hasattr(F, name)}


def told(name):
    """The arguments of torch's function, where torch tells them."""
    try:
        names = list(inspect.signature(getattr(TF, name)).parameters)
    except ValueError:
        return []
    return [] if "kwargs" in names else [n for n in names if n != "out"]


@pytest.mark.parametrize("name", [name for name in NAMES if hasattr(F, name) and told(name)])
def test_arguments(name):
    """torch's arguments in torch's order; what this library has besides comes behind them."""
    ours = list(inspect.signature(getattr(F, name)).parameters)
    assert ours[: len(told(name))] == told(name)
