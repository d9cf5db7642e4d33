"""nn.functional on the samples torch tests its own with: values, gradients of two orders, every dtype, errors."""

from __future__ import annotations

import warnings

import pytest
from torch_samples import (
    MORE_HERE,
    NotHere,
    compare_gradients,
    compare_values,
    flatten,
    here,
    internal,
    named_leaves,
    same_kind,
    torch,
)

import nn.functional as F

db = internal("common_methods_invocations").op_db
INFO = {op.formatted_name.removeprefix("nn_functional_"): op for op in db if op.name.startswith("nn.functional")}
FLOATS = [torch.float32, torch.float64]
DTYPES = {str(d).removeprefix("torch."): d for d in [*FLOATS, torch.int64, torch.int32, torch.uint8, torch.bool]}
MOST = 24  # samples a dtype; where torch has more they are taken evenly from all

# what torch computes and this library refuses by name, by dtype (or "" for any): see docs/differences.md
REFUSED = {
    "no integers": [
        "conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d", "max_pool1d",
        "max_pool2d", "max_pool3d", "avg_pool1d", "avg_pool2d", "avg_pool3d", "local_response_norm", "interpolate_bilinear",
        "interpolate_bicubic", "upsample_bilinear", "dropout", "dropout2d", "dropout3d", "alpha_dropout",
        "feature_alpha_dropout_with_train",
    ],
    "no integers, even where there is nothing to compute": ["softmin", "adaptive_avg_pool1d"],
    "no bools, even where there is nothing to compute": ["linear", "bilinear"],
}  # fmt: skip
INTEGERS = {name for names in REFUSED.values() for name in names}
# integers here, where torch has a step inside that cannot take them
TAKEN = {"gaussian_nll_loss"}
EMPTY_VECTOR = {"batch_norm", "batch_norm_without_cudnn"}  # torch takes an input (0,), which has no channels

# drawn by torch and here from different streams: only shapes and dtypes are compared
DRAWN = {
    "dropout", "dropout2d", "dropout3d", "alpha_dropout", "feature_alpha_dropout_with_train", "rrelu",
    "fractional_max_pool2d", "fractional_max_pool3d",
}  # fmt: skip
WIDE = {"ctc_loss": 10.0, "scaled_dot_product_attention": 10.0, "layer_norm": 30.0, "normalize": 10.0}

CALLS = {
    "embedding": lambda weight, idx, **kwargs: F.embedding(idx, weight, **kwargs),
    "embedding_bag": lambda weight, idx, **kwargs: F.embedding_bag(idx, weight, **kwargs),
}


def function(op):
    name = op.name.rpartition(".")[2]
    return CALLS.get(name) or getattr(F, name)


def attempt(call, args, kwargs):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return call(*args, **kwargs), None
        except Exception as error:
            return None, error


def drawn(name, args, kwargs):
    if name == "scaled_dot_product_attention":
        return kwargs.get("dropout_p", 0) > 0
    if name == "multi_head_attention_forward":
        return kwargs.get("training", True) and kwargs.get("dropout_p", args[10] if len(args) > 10 else 0) > 0
    return name in DRAWN


def check(name, op, sample, dtype, second):
    """Whether a refusal was met that is listed."""
    theirs = [sample.input, *sample.args]
    try:
        memo: dict = {}
        mine, kwargs = here(list(theirs), memo), here(sample.kwargs, memo)
    except NotHere:  # complex numbers
        return False
    inputs = named_leaves([mine, kwargs], [theirs, sample.kwargs], "input")
    if name == "ctc_loss" and dtype.is_floating_point:  # torch's gradient in the probabilities holds a further term
        scores = theirs[0].detach().requires_grad_()
        inputs = [("scores", here(scores), scores)]
        theirs[0], mine[0] = scores.log_softmax(-1), inputs[0][1].log_softmax(-1)
    y, error = attempt(op.op, theirs, sample.kwargs)
    x, refusal = attempt(function(op), mine, kwargs)
    if error is not None:
        if refusal is None:
            assert name in TAKEN or any(words in str(error) for words in MORE_HERE), f"torch raises {error!r}"
        else:
            assert same_kind(refusal, error), f"{refusal!r} beside {error!r}"
        return False
    if refusal is not None:
        listed = name in INTEGERS and not dtype.is_floating_point
        listed |= name in EMPTY_VECTOR and tuple(sample.input.shape) == (0,)
        if not listed:
            raise refusal
        return True
    if drawn(name, theirs, sample.kwargs):
        about = [(tuple(part.shape), str(part.dtype), part.requires_grad) for part in flatten(x)]
        assert about == [(tuple(p.shape), str(p.dtype), p.requires_grad) for p in flatten(y)]
        return False
    wide = WIDE.get(name, 1.0)
    compare_values(x, y, "values", wide)
    compare_gradients(x, y, inputs, "gradients", orders=2 if second else 1, wide=wide)
    return False


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", INFO)
def test_samples(name, dtype):
    op, kind = INFO[name], DTYPES[dtype]
    floats = kind.is_floating_point
    torch.manual_seed(0)
    try:
        found = list(op.sample_inputs("cpu", kind, requires_grad=floats and op.supports_autograd))
    except Exception:
        assert kind not in op.dtypes
        pytest.skip(f"torch makes no samples of {dtype}")
    second, met = op.supports_gradgrad and kind is torch.float64, False
    for k, sample in enumerate(found[:: -(-len(found) // MOST)] if found else []):
        try:
            met |= check(name, op, sample, kind, second)
        except Exception as error:
            raise AssertionError(f"sample {k}, {sample}: {error!r}") from error
    if name in REFUSED["no integers"] and kind in op.dtypes and kind is torch.int64:
        assert met, f"{name} takes integers now: strike it from the list and from docs/differences.md"


@pytest.mark.parametrize("name", [name for name, op in INFO.items() if op.error_inputs_func])
def test_errors(name):
    op = INFO[name]
    for sample in op.error_inputs("cpu"):
        given = sample.sample_input
        try:
            mine, kwargs = here([given.input, *given.args]), here(given.kwargs)
        except NotHere:
            continue
        _, error = attempt(op.op, [given.input, *given.args], given.kwargs)
        _, refusal = attempt(function(op), mine, kwargs)
        assert error is not None, f"{given}: torch raises nothing"
        assert same_kind(refusal, error), f"{given}: {refusal!r} beside {error!r}"
