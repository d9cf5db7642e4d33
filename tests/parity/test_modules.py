# ruff: noqa: E501  (a case a line)
"""Every module beside torch's: repr, names and shapes of the state, output, and gradients of inputs and parameters."""

from __future__ import annotations

import inspect
import re
import warnings
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
import torch

import autograd
import nn

# Each case builds a module, given the package `m` (nn or torch.nn) and a maker of tensors `t`; then come the inputs:
# a tuple is a shape of normal numbers, an array is itself.
rng = np.random.default_rng(0)


def ints(high, *shape):
    return rng.integers(0, high, shape)


def uniform(*shape):
    return rng.uniform(0.05, 0.95, shape)


def signs(*shape):
    return rng.choice([-1.0, 1.0], shape)


IMAGE, VECTOR, SEQUENCE, VOLUME = (2, 4, 6, 5), (3, 4), (2, 4, 7), (2, 4, 4, 5, 3)

CASES = {
    "Identity": (lambda m, t: m.Identity(3, a=1), VECTOR),
    "Linear": (lambda m, t: m.Linear(4, 3), VECTOR),
    "Linear without bias": (lambda m, t: m.Linear(4, 3, bias=False), (2, 5, 4)),
    "Bilinear": (lambda m, t: m.Bilinear(4, 3, 5), (2, 4), (2, 3)),
    "Bilinear without bias": (lambda m, t: m.Bilinear(4, 3, 5, bias=False), (2, 6, 4), (2, 6, 3)),
    "Flatten": (lambda m, t: m.Flatten(), IMAGE),
    "Flatten some": (lambda m, t: m.Flatten(0, 2), IMAGE),
    "Unflatten": (lambda m, t: m.Unflatten(1, (2, -1)), IMAGE),
    "Sequential": (lambda m, t: m.Sequential(m.Linear(4, 3), m.Sequential(m.Tanh(), m.Linear(3, 2))), VECTOR),
    "Sequential by name": (lambda m, t: m.Sequential(OrderedDict(a=m.Linear(4, 3), b=m.ReLU())), VECTOR),
    # ---- convolutions
    "Conv1d": (lambda m, t: m.Conv1d(4, 6, 3, stride=2, padding=1, dilation=2, groups=2), SEQUENCE),
    "Conv1d same": (lambda m, t: m.Conv1d(4, 6, 4, padding="same"), SEQUENCE),
    "Conv2d": (lambda m, t: m.Conv2d(4, 3, 3), IMAGE),
    "Conv2d unbatched": (lambda m, t: m.Conv2d(4, 3, (3, 2), bias=False), (4, 6, 5)),
    "Conv2d settings": (lambda m, t: m.Conv2d(4, 6, (3, 2), stride=(2, 1), padding=(1, 2), dilation=(1, 2), groups=2), IMAGE),
    "Conv2d same": (lambda m, t: m.Conv2d(4, 3, 4, padding="same"), IMAGE),
    "Conv2d valid": (lambda m, t: m.Conv2d(4, 3, 3, padding="valid"), IMAGE),
    "Conv2d reflect": (lambda m, t: m.Conv2d(4, 3, 3, padding=(1, 2), padding_mode="reflect"), IMAGE),
    "Conv2d replicate": (lambda m, t: m.Conv2d(4, 3, 4, padding="same", padding_mode="replicate"), IMAGE),
    "Conv2d circular": (lambda m, t: m.Conv2d(4, 3, 3, padding=(2, 1), padding_mode="circular"), IMAGE),
    "Conv3d": (lambda m, t: m.Conv3d(4, 2, (2, 3, 1), padding=(0, 1, 2)), VOLUME),
    "ConvTranspose1d": (lambda m, t: m.ConvTranspose1d(4, 6, 3, stride=2, padding=1, output_padding=1, groups=2), SEQUENCE),
    "ConvTranspose2d": (lambda m, t: m.ConvTranspose2d(4, 3, (3, 2), stride=(2, 3), dilation=2), IMAGE),
    "ConvTranspose3d": (lambda m, t: m.ConvTranspose3d(4, 2, 2, stride=2, bias=False), VOLUME),
    "Unfold": (lambda m, t: m.Unfold((2, 3), dilation=1, padding=1, stride=2), IMAGE),
    "Fold": (lambda m, t: m.Fold((4, 5), (2, 3), padding=1), (2, 12, 25)),
    # ---- pooling
    "MaxPool1d": (lambda m, t: m.MaxPool1d(3, stride=2, padding=1), SEQUENCE),
    "MaxPool2d": (lambda m, t: m.MaxPool2d(2), IMAGE),
    "MaxPool2d settings": (lambda m, t: m.MaxPool2d((3, 2), stride=(2, 1), padding=(1, 0), dilation=1, ceil_mode=True), IMAGE),
    "MaxPool2d indices": (lambda m, t: m.MaxPool2d(2, return_indices=True), IMAGE),
    "MaxPool3d": (lambda m, t: m.MaxPool3d(2, stride=1), VOLUME),
    "AvgPool1d": (lambda m, t: m.AvgPool1d(3, padding=1, count_include_pad=False), SEQUENCE),
    "AvgPool2d": (lambda m, t: m.AvgPool2d(2), IMAGE),
    "AvgPool2d settings": (lambda m, t: m.AvgPool2d((3, 2), 2, (1, 0), ceil_mode=True, divisor_override=3), IMAGE),
    "AvgPool3d": (lambda m, t: m.AvgPool3d(2, 1, 1), VOLUME),
    "LPPool1d": (lambda m, t: m.LPPool1d(3, 2), uniform(*SEQUENCE)),
    "LPPool2d": (lambda m, t: m.LPPool2d(2, (2, 3), stride=1), uniform(*IMAGE)),
    "LPPool3d": (lambda m, t: m.LPPool3d(2, 2), uniform(*VOLUME)),
    "AdaptiveAvgPool1d": (lambda m, t: m.AdaptiveAvgPool1d(3), SEQUENCE),
    "AdaptiveAvgPool2d": (lambda m, t: m.AdaptiveAvgPool2d((None, 3)), IMAGE),
    "AdaptiveAvgPool3d": (lambda m, t: m.AdaptiveAvgPool3d(2), VOLUME),
    "AdaptiveMaxPool1d": (lambda m, t: m.AdaptiveMaxPool1d(3, return_indices=True), SEQUENCE),
    "AdaptiveMaxPool2d": (lambda m, t: m.AdaptiveMaxPool2d((4, None)), IMAGE),
    "AdaptiveMaxPool3d": (lambda m, t: m.AdaptiveMaxPool3d(2), VOLUME),
    "MaxUnpool1d": (lambda m, t: m.MaxUnpool1d(2), (1, 2, 2), np.array([[[0, 3], [1, 2]]])),
    "MaxUnpool2d": (lambda m, t: m.MaxUnpool2d(2, stride=2), (1, 1, 2, 2), np.array([[[[0, 3], [13, 10]]]])),
    "MaxUnpool3d": (lambda m, t: m.MaxUnpool3d(2), (1, 1, 1, 1, 2), np.array([[[[[1, 6]]]]])),
    # ---- normalisation
    "BatchNorm1d": (lambda m, t: m.BatchNorm1d(4), VECTOR),
    "BatchNorm1d sequences": (lambda m, t: m.BatchNorm1d(4, eps=1e-3, momentum=0.3), SEQUENCE),
    "BatchNorm2d": (lambda m, t: m.BatchNorm2d(4), IMAGE),
    "BatchNorm2d mean of all": (lambda m, t: m.BatchNorm2d(4, momentum=None), IMAGE),
    "BatchNorm2d plain": (lambda m, t: m.BatchNorm2d(4, affine=False, track_running_stats=False), IMAGE),
    "BatchNorm2d evaluated": (lambda m, t: m.BatchNorm2d(4).eval(), IMAGE),
    "BatchNorm2d evaluated plain": (lambda m, t: m.BatchNorm2d(4, track_running_stats=False).eval(), IMAGE),
    "BatchNorm3d": (lambda m, t: m.BatchNorm3d(4), VOLUME),
    "InstanceNorm1d": (lambda m, t: m.InstanceNorm1d(4), SEQUENCE),
    "InstanceNorm2d": (lambda m, t: m.InstanceNorm2d(4, affine=True, track_running_stats=True), IMAGE),
    "InstanceNorm2d evaluated": (lambda m, t: m.InstanceNorm2d(4, track_running_stats=True).eval(), IMAGE),
    "InstanceNorm2d unbatched": (lambda m, t: m.InstanceNorm2d(4, affine=True), (4, 6, 5)),
    "InstanceNorm3d": (lambda m, t: m.InstanceNorm3d(4), VOLUME),
    "LayerNorm": (lambda m, t: m.LayerNorm(4), VECTOR),
    "LayerNorm shape": (lambda m, t: m.LayerNorm([6, 5], eps=1e-3, bias=False), IMAGE),
    "LayerNorm plain": (lambda m, t: m.LayerNorm((5,), elementwise_affine=False), IMAGE),
    "RMSNorm": (lambda m, t: m.RMSNorm(4), VECTOR),
    "RMSNorm eps": (lambda m, t: m.RMSNorm((6, 5), eps=1e-2, elementwise_affine=False), IMAGE),
    "BatchNorm2d without bias": (lambda m, t: m.BatchNorm2d(4, bias=False), IMAGE),
    "GroupNorm without bias": (lambda m, t: m.GroupNorm(2, 4, bias=False), IMAGE),
    "GroupNorm": (lambda m, t: m.GroupNorm(2, 4), IMAGE),
    "GroupNorm plain": (lambda m, t: m.GroupNorm(4, 4, eps=1e-3, affine=False), SEQUENCE),
    "SyncBatchNorm in evaluation": (lambda m, t: m.SyncBatchNorm(4).eval(), SEQUENCE),
    "DataParallel": (lambda m, t: m.DataParallel(m.Linear(4, 3)), VECTOR),
    "LocalResponseNorm": (lambda m, t: m.LocalResponseNorm(3, alpha=0.1, k=2.0), IMAGE),
    # ---- activations
    **{
        name: (lambda m, t, name=name: getattr(m, name)(), VECTOR)
        for name in ["ReLU", "ReLU6", "SELU", "SiLU", "Mish", "Hardswish", "Hardsigmoid", "Sigmoid", "Tanh", "LogSigmoid", "Softsign", "Tanhshrink", "Hardtanh", "ELU", "CELU", "LeakyReLU", "PReLU", "GELU", "GLU", "Softplus", "Hardshrink", "Softshrink"]
    },
    "ReLU inplace": (lambda m, t: m.Sequential(m.Linear(4, 3), m.ReLU(inplace=True)), VECTOR),
    "Threshold": (lambda m, t: m.Threshold(0.1, 20), VECTOR),
    "RReLU evaluated": (lambda m, t: m.RReLU(0.1, 0.4).eval(), VECTOR),
    "Hardtanh limits": (lambda m, t: m.Hardtanh(-0.5, 0.3), VECTOR),
    "ELU alpha": (lambda m, t: m.ELU(0.7), VECTOR),
    "CELU alpha": (lambda m, t: m.CELU(0.7), VECTOR),
    "LeakyReLU slope": (lambda m, t: m.LeakyReLU(0.2), VECTOR),
    "PReLU a channel": (lambda m, t: m.PReLU(4, init=0.1), IMAGE),
    "GELU tanh": (lambda m, t: m.GELU("tanh"), VECTOR),
    "GLU dim": (lambda m, t: m.GLU(1), IMAGE),
    "Softplus settings": (lambda m, t: m.Softplus(2.0, 1.0), VECTOR),
    "Softmax": (lambda m, t: m.Softmax(dim=1), IMAGE),
    "LogSoftmax": (lambda m, t: m.LogSoftmax(dim=-1), VECTOR),
    "Softmin": (lambda m, t: m.Softmin(dim=0), VECTOR),
    "Softmax2d": (lambda m, t: m.Softmax2d(), IMAGE),
    "Softmax2d unbatched": (lambda m, t: m.Softmax2d(), (4, 6, 5)),
    # ---- dropout where nothing is left to chance
    **{
        f"{name} {about}": (lambda m, t, name=name, p=p, mode=mode: getattr(m, name)(p).train(mode), shape)
        for name, shape in (
            ("Dropout", VECTOR), ("Dropout1d", SEQUENCE), ("Dropout2d", IMAGE), ("Dropout3d", VOLUME),
            ("AlphaDropout", VECTOR), ("FeatureAlphaDropout", IMAGE),
        )
        for about, p, mode in (("evaluated", 0.5, False), ("of nothing", 0.0, True))
    },
    "Dropout of all": (lambda m, t: m.Dropout(1.0), VECTOR),
    # ---- padding and resizing
    **{
        f"{kind}Pad{d}d": (lambda m, t, kind=kind, d=d, p=p: getattr(m, f"{kind}Pad{d}d")(p), shape)
        for kind in ("Zero", "Reflection", "Replication", "Circular")
        for d, p, shape in ((1, (1, 2), SEQUENCE), (2, (1, 2, 0, 3), IMAGE), (3, 1, VOLUME))
    },
    **{
        f"ConstantPad{d}d": (lambda m, t, d=d, p=p: getattr(m, f"ConstantPad{d}d")(p, 1.5), shape)
        for d, p, shape in ((1, 2, SEQUENCE), (2, (1, -1, 0, 3), IMAGE), (3, 1, VOLUME))
    },
    "Upsample": (lambda m, t: m.Upsample(scale_factor=2), IMAGE),
    "Upsample size": (lambda m, t: m.Upsample((9, 4)), IMAGE),
    "Upsample bilinear": (lambda m, t: m.Upsample(scale_factor=(1.5, 2.2), mode="bilinear"), IMAGE),
    "Upsample aligned": (lambda m, t: m.Upsample(size=9, mode="linear", align_corners=True), SEQUENCE),
    "Upsample bicubic": (lambda m, t: m.Upsample(scale_factor=2, mode="bicubic"), IMAGE),
    "Upsample trilinear": (lambda m, t: m.Upsample(scale_factor=2, mode="trilinear"), VOLUME),
    "UpsamplingNearest2d": (lambda m, t: m.UpsamplingNearest2d(scale_factor=2), IMAGE),
    "UpsamplingBilinear2d": (lambda m, t: m.UpsamplingBilinear2d(size=(7, 9)), IMAGE),
    "PixelShuffle": (lambda m, t: m.PixelShuffle(2), (2, 8, 3, 2)),
    "PixelUnshuffle": (lambda m, t: m.PixelUnshuffle(2), (2, 3, 4, 6)),
    "ChannelShuffle": (lambda m, t: m.ChannelShuffle(2), IMAGE),
    # ---- embedding
    "Embedding": (lambda m, t: m.Embedding(5, 3), ints(5, 2, 4)),
    "Embedding padding": (lambda m, t: m.Embedding(5, 3, padding_idx=-1), np.array([[4, 0], [1, 4]])),
    "Embedding max_norm": (lambda m, t: m.Embedding(5, 3, max_norm=0.5, norm_type=1.0), ints(5, 2, 4)),
    "Embedding by frequency": (lambda m, t: m.Embedding(5, 3, scale_grad_by_freq=True), np.array([1, 1, 1, 0])),
    "Embedding pretrained": (
        lambda m, t: m.Embedding.from_pretrained(t(np.arange(6.0).reshape(3, 2)), freeze=False), ints(3, 4),
    ),
    "EmbeddingBag": (lambda m, t: m.EmbeddingBag(5, 3), ints(5, 2, 4)),
    "EmbeddingBag max": (lambda m, t: m.EmbeddingBag(5, 3, mode="max"), np.array([0, 1, 4, 2]), np.array([0, 2, 2])),
    "EmbeddingBag weighted": (lambda m, t: m.EmbeddingBag(5, 3, mode="sum"), ints(5, 2, 4), None, (2, 4)),
    "EmbeddingBag settings": (
        lambda m, t: m.EmbeddingBag(5, 3, include_last_offset=True, padding_idx=1),
        np.array([0, 1, 4, 2]), np.array([0, 1, 1, 4]),
    ),
    # ---- losses and distances
    "L1Loss": (lambda m, t: m.L1Loss(), VECTOR, VECTOR),
    "MSELoss": (lambda m, t: m.MSELoss(), VECTOR, VECTOR),
    "MSELoss old": (lambda m, t: m.MSELoss(False), VECTOR, VECTOR),
    "SmoothL1Loss": (lambda m, t: m.SmoothL1Loss(reduction="sum", beta=0.3), VECTOR, VECTOR),
    "HuberLoss": (lambda m, t: m.HuberLoss(delta=0.4), VECTOR, VECTOR),
    "NLLLoss2d": (lambda m, t: m.NLLLoss2d(t(uniform(4))), (1, 4, 1, 2), np.array([[[0, 3]]])),
    "NLLLoss": (lambda m, t: m.NLLLoss(t(uniform(4)), ignore_index=1), VECTOR, np.array([0, 1, 3])),
    "CrossEntropyLoss": (lambda m, t: m.CrossEntropyLoss(), VECTOR, np.array([0, 1, 3])),
    "CrossEntropyLoss settings": (
        lambda m, t: m.CrossEntropyLoss(t(np.array([0.2, 0.9, 0.4, 0.7])), label_smoothing=0.2, reduction="none"),
        (2, 4, 3), ints(4, 2, 3),
    ),
    "LinearCrossEntropyLoss": (
        lambda m, t: m.LinearCrossEntropyLoss(VECTOR[-1], 3, bias=True, label_smoothing=0.1), VECTOR, np.array([0, 1, 2])
    ),
    "CrossEntropyLoss probabilities": (lambda m, t: m.CrossEntropyLoss(), VECTOR, uniform(*VECTOR)),
    "BCELoss": (lambda m, t: m.BCELoss(t(np.array([0.2, 0.9, 0.4, 0.7]))), uniform(*VECTOR), uniform(*VECTOR)),
    "BCEWithLogitsLoss": (
        lambda m, t: m.BCEWithLogitsLoss(pos_weight=t(np.array([0.2, 0.9, 0.4, 0.7]))), VECTOR, uniform(*VECTOR),
    ),
    "PoissonNLLLoss": (lambda m, t: m.PoissonNLLLoss(full=True), VECTOR, uniform(*VECTOR) * 5),
    "PoissonNLLLoss plain": (lambda m, t: m.PoissonNLLLoss(log_input=False), uniform(*VECTOR), uniform(*VECTOR)),
    "GaussianNLLLoss": (lambda m, t: m.GaussianNLLLoss(full=True), VECTOR, VECTOR, uniform(*VECTOR)),
    "KLDivLoss": (lambda m, t: m.KLDivLoss(reduction="batchmean"), VECTOR, uniform(*VECTOR)),
    "KLDivLoss log": (lambda m, t: m.KLDivLoss(reduction="sum", log_target=True), VECTOR, VECTOR),
    "HingeEmbeddingLoss": (lambda m, t: m.HingeEmbeddingLoss(margin=0.7), VECTOR, signs(*VECTOR)),
    "SoftMarginLoss": (lambda m, t: m.SoftMarginLoss(), VECTOR, signs(*VECTOR)),
    "CosineEmbeddingLoss": (lambda m, t: m.CosineEmbeddingLoss(margin=0.1), (5, 4), (5, 4), signs(5)),
    "MarginRankingLoss": (lambda m, t: m.MarginRankingLoss(margin=0.2), (5,), (5,), signs(5)),
    "MultiLabelMarginLoss": (lambda m, t: m.MultiLabelMarginLoss(), (2, 4), np.array([[3, 0, -1, 1], [1, -1, 0, 0]])),
    "MultiLabelSoftMarginLoss": (lambda m, t: m.MultiLabelSoftMarginLoss(), VECTOR, ints(2, *VECTOR).astype(float)),
    "MultiMarginLoss": (lambda m, t: m.MultiMarginLoss(p=2, margin=0.8), VECTOR, np.array([0, 1, 3])),
    "TripletMarginLoss": (lambda m, t: m.TripletMarginLoss(swap=True, p=3), (5, 4), (5, 4), (5, 4)),
    "TripletMarginWithDistanceLoss": (
        lambda m, t: m.TripletMarginWithDistanceLoss(distance_function=lambda a, b: ((a - b) ** 2).sum(-1)),
        (5, 4), (5, 4), (5, 4),
    ),
    "CTCLoss": (
        lambda m, t: m.CTCLoss(), np.log(uniform(6, 2, 4)), np.array([[1, 2, 3], [2, 2, 0]]), np.array([6, 5]), np.array([3, 2]),
    ),
    "CosineSimilarity": (lambda m, t: m.CosineSimilarity(), VECTOR, VECTOR),
    "PairwiseDistance": (lambda m, t: m.PairwiseDistance(p=1.5, keepdim=True), VECTOR, VECTOR),
    # ---- attention
    "MultiheadAttention": (lambda m, t: m.MultiheadAttention(6, 2), (4, 2, 6), (5, 2, 6), (5, 2, 6)),
    "MultiheadAttention unbatched": (lambda m, t: m.MultiheadAttention(6, 3, bias=False), (4, 6), (5, 6), (5, 6)),
    "MultiheadAttention settings": (
        lambda m, t: m.MultiheadAttention(6, 2, add_bias_kv=True, add_zero_attn=True, kdim=4, vdim=3, batch_first=True),
        (2, 4, 6), (2, 5, 4), (2, 5, 3),
    ),
    **{
        f"{name}{about}": (
            lambda m, t, name=name, about=about, kw=kw: getattr(m, name)(6, 2, dim_feedforward=5, dropout=0.0, **kw),
            *((2, 4, 6) if kw.get("batch_first") else (4, 2, 6) for _ in range(1 + ("Decoder" in name))),
        )
        for name in ("TransformerEncoderLayer", "TransformerDecoderLayer")
        for about, kw in (
            ("", {}), (" norm first", {"norm_first": True, "activation": "gelu", "batch_first": True}),
            (" without bias", {"bias": False, "layer_norm_eps": 1e-2}),
        )
    },
    "Transformer": (
        lambda m, t: m.Transformer(6, 2, 2, 2, dim_feedforward=5, dropout=0.0, batch_first=True), (2, 3, 6), (2, 4, 6),
    ),
}  # fmt: skip


def outputs(result):
    return [r for r in (result if isinstance(result, tuple) else (result,)) if r is not None]


def twins(build):
    """The module in both libraries, in float64, with the same state."""
    ours, theirs = build(nn, autograd.tensor).double(), build(torch.nn, torch.tensor).double()
    for p in theirs.parameters():
        # attention's biases start at 0, normalisation's weights at 1: values that would hide a mistake
        p.data.copy_(torch.tensor(rng.normal(size=tuple(p.shape)) * 0.5))
    assert list(ours.state_dict()) == list(theirs.state_dict())
    ours.load_state_dict(theirs.state_dict())
    return ours, theirs


@pytest.mark.parametrize("name", CASES)
def test_module(name):
    build, *inputs = CASES[name]
    state = rng.bit_generator.state
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch warns of its nested tensors, its own lazily made thread pools, ...
        theirs_repr = repr(build(torch.nn, torch.tensor)).replace("NonDynamicallyQuantizable", "")
    rng.bit_generator.state = state
    assert repr(build(nn, autograd.tensor)) == theirs_repr
    rng.bit_generator.state = state
    build_again = lambda m, t: (setattr(rng.bit_generator, "state", state), build(m, t))[1]  # noqa: E731
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ours, theirs = twins(build_again)
    for (a_name, a), (b_name, b) in zip(ours.named_parameters(), theirs.named_parameters(), strict=True):
        assert (a_name, tuple(a.shape), a.requires_grad) == (b_name, tuple(b.shape), b.requires_grad)
    made = []
    for value in inputs:
        x = rng.normal(size=value) if isinstance(value, tuple) else value
        if x is None:
            made.append((None, None))
            continue
        # only what a case draws as a shape needs a gradient: targets and indices are data
        wanted = isinstance(value, tuple) and not (made and name.endswith("Loss") and name.startswith("Cross"))
        made.append((autograd.tensor(x, requires_grad=wanted), torch.tensor(x, requires_grad=wanted)))
    mine = outputs(ours(*[a for a, _ in made]))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yours = outputs(theirs(*[b for _, b in made]))
    assert len(mine) == len(yours)
    total, ttotal = 0.0, 0.0
    for a, b in zip(mine, yours, strict=True):
        assert tuple(a.shape) == tuple(b.shape)
        assert str(a.dtype) == str(b.dtype)
        np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=1e-8, atol=1e-10)
        if a.is_floating_point():
            w = rng.normal(size=tuple(a.shape))
            total, ttotal = total + (a * autograd.tensor(w)).sum(), ttotal + (b * torch.tensor(w)).sum()
    if total.requires_grad:
        total.backward()
        ttotal.backward()
    assert total.requires_grad == ttotal.requires_grad
    for a, b in made:
        if a is not None and b.grad is not None:
            np.testing.assert_allclose(a.grad.numpy(), b.grad.numpy(), rtol=1e-7, atol=1e-9)
    for (key, a), b in zip(ours.named_parameters(), theirs.parameters(), strict=True):
        assert (a.grad is None) == (b.grad is None), key
        if a.grad is not None:
            np.testing.assert_allclose(a.grad.numpy(), b.grad.numpy(), rtol=1e-7, atol=1e-9, err_msg=key)
    # running statistics moved alike, and the state goes back
    theirs.load_state_dict({k: torch.tensor(v.numpy()) for k, v in ours.state_dict().items()})
    for (key, a), b in zip(ours.named_buffers(), theirs.buffers(), strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), atol=1e-12, err_msg=key)


def test_every_module_has_a_case():
    modules = {
        name for name in nn.__all__ if inspect.isclass(getattr(nn, name)) and issubclass(getattr(nn, name), nn.Module)
    }
    containers = {"Module", "ModuleList", "ModuleDict", "ParameterList", "ParameterDict", "RNNBase", "RNNCellBase"}
    recurrent = {"RNN", "GRU", "LSTM", "RNNCell", "GRUCell", "LSTMCell", "TransformerEncoder", "TransformerDecoder"}
    not_in_torch = {"NegativeSamplingLoss", "HierarchicalSoftmax"}
    elsewhere = {"FractionalMaxPool3d"} | set(
        re.findall(r"\w+", Path(__file__).with_name("test_rare_modules.py").read_text())
    )
    assert modules - containers - recurrent - not_in_torch - elsewhere - {name.split()[0] for name in CASES} == set()


@pytest.mark.parametrize("name", sorted({name.split()[0] for name in CASES}))
def test_signatures(name):
    """The constructor takes torch's arguments, in torch's order, with torch's defaults."""
    ours = inspect.signature(getattr(nn, name).__init__).parameters.values()
    theirs = inspect.signature(getattr(torch.nn, name).__init__).parameters.values()
    kinds = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    described = [
        [
            (p.name, "relu" if callable(p.default) and p.default is not p.empty else p.default)
            for p in ps
            if p.kind not in kinds
        ]
        for ps in (ours, theirs)
    ]
    deprecated = {"min_value", "max_value"}
    assert described[0] == [entry for entry in described[1] if entry[0] not in deprecated]
