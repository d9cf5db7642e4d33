# ruff: noqa: F401  (imported to be exported)
"""torch.nn.functional's functions: the operations of `autograd` that networks are made of, and compositions of them."""

from __future__ import annotations

import math
import warnings
from functools import partial
from typing import Any

import numpy as np

import autograd
from autograd import Tensor
from autograd.errors import DTypeError, NotTensorError, NumberError, ShapeError, TapeError
from autograd.inplace import inplace as written_over
from autograd.ops import activation
from autograd.ops import dropout as dropouts
from autograd.ops import softmax as softmaxes
from autograd.ops.activation import (
    gelu,
    hardshrink,
    logsigmoid,
    prelu,
    softplus,
    softshrink,
    softsign,
    tanhshrink,
)
from autograd.ops.attention import additive_attention, attention_weights, scaled_dot_product_attention
from autograd.ops.conv import col2im as fold
from autograd.ops.conv import conv1d, conv2d, conv3d, conv_transpose1d, conv_transpose2d, conv_transpose3d
from autograd.ops.conv import im2col as unfold
from autograd.ops.ctc import ctc_loss
from autograd.ops.decoder import attention_lstm
from autograd.ops.elementwise import sigmoid, tanh
from autograd.ops.embedding import embedding, embedding_bag
from autograd.ops.fractional import fractional_max_pool2d, fractional_max_pool3d
from autograd.ops.further import pdist
from autograd.ops.image import (
    affine_grid,
    channel_shuffle,
    grid_sample,
    interpolate,
    pixel_shuffle,
    pixel_unshuffle,
    upsample,
)
from autograd.ops.index import one_hot
from autograd.ops.likelihood import gaussian_nll_loss, kl_div, poisson_nll_loss
from autograd.ops.linalg import bilinear, linear
from autograd.ops.loss import (
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    cross_entropy,
    huber_loss,
    l1_loss,
    mse_loss,
    nll_loss,
    smooth_l1_loss,
)
from autograd.ops.margin import (
    cosine_embedding_loss,
    cosine_similarity,
    hinge_embedding_loss,
    margin_ranking_loss,
    multi_margin_loss,
    multilabel_margin_loss,
    multilabel_soft_margin_loss,
    pairwise_distance,
    soft_margin_loss,
    triplet_margin_loss,
    triplet_margin_with_distance_loss,
)
from autograd.ops.norm import (
    batch_norm,
    group_norm,
    instance_norm,
    layer_norm,
    local_response_norm,
    normalize,
    rms_norm,
)
from autograd.ops.pad import pad
from autograd.ops.pool import (
    adaptive_avg_pool1d,
    adaptive_avg_pool2d,
    adaptive_avg_pool3d,
    adaptive_max_pool1d,
    adaptive_max_pool2d,
    adaptive_max_pool3d,
    avg_pool1d,
    avg_pool2d,
    avg_pool3d,
    lp_pool1d,
    lp_pool2d,
    lp_pool3d,
    max_pool1d,
    max_pool2d,
    max_pool3d,
    max_unpool1d,
    max_unpool2d,
    max_unpool3d,
)
from autograd.ops.softmax import glu
from autograd.ops.word2vec import hierarchical_softmax_loss, negative_sampling_loss


def _run(call: Any, inplace: bool, input: Any, *args: Any) -> Any:
    """An operation, its result written over the input where asked."""
    return written_over(f"{call.__name__}_", call, input, args, {}) if inplace else call(input, *args)


# ---------------------------------------------------------------------------------- activations that can write in place


def relu(input: Tensor, inplace: bool = False) -> Tensor:
    """max(input, 0)."""
    return _run(activation.relu, inplace, input)


def relu6(input: Tensor, inplace: bool = False) -> Tensor:
    """min(max(input, 0), 6)."""
    return _run(activation.relu6, inplace, input)


def selu(input: Tensor, inplace: bool = False) -> Tensor:
    """scale * (max(0, input) + min(0, alpha (e^input - 1))) with SELU's constants."""
    return _run(activation.selu, inplace, input)


def silu(input: Tensor, inplace: bool = False) -> Tensor:
    """input * sigmoid(input)."""
    return _run(activation.silu, inplace, input)


def mish(input: Tensor, inplace: bool = False) -> Tensor:
    """input * tanh(softplus(input))."""
    return _run(activation.mish, inplace, input)


def hardswish(input: Tensor, inplace: bool = False) -> Tensor:
    """input * relu6(input + 3) / 6."""
    return _run(activation.hardswish, inplace, input)


def hardsigmoid(input: Tensor, inplace: bool = False) -> Tensor:
    """relu6(input + 3) / 6."""
    return _run(activation.hardsigmoid, inplace, input)


def threshold(input: Tensor, threshold: float, value: float, inplace: bool = False) -> Tensor:
    """input where input > threshold, else value."""
    return _run(activation.threshold, inplace, input, threshold, value)


def rrelu(
    input: Tensor, lower: float = 1.0 / 8, upper: float = 1.0 / 3, training: bool = False, inplace: bool = False
) -> Tensor:
    """input where input >= 0, else a * input: a drawn from (lower, upper) in training, else their mean.

    Xu et al. 2015, arXiv:1505.00853.

    >>> F.rrelu(autograd.tensor([-1.0, 2.0]), 0.1, 0.1)
    tensor([-0.1000,  2.0000])
    """
    if lower > upper:
        raise NumberError(f"rrelu: lower is {lower} and upper {upper}; expected lower <= upper")
    if not training:
        return leaky_relu(input, (lower + upper) / 2, inplace)
    drawn = autograd.rand(input.shape, dtype=input.dtype)
    slopes = autograd.where(input.detach() >= 0, 1.0, drawn * (upper - lower) + lower)
    return _run(autograd.mul, inplace, input, slopes)


def hardtanh(input: Tensor, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> Tensor:
    """min(max(input, min_val), max_val)."""
    return _run(activation.hardtanh, inplace, input, min_val, max_val)


def elu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """input where input > 0, else alpha (e^input - 1)."""
    return _run(activation.elu, inplace, input, alpha)


def celu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """max(0, input) + min(0, alpha (e^(input / alpha) - 1))."""
    return _run(activation.celu, inplace, input, alpha)


def leaky_relu(input: Tensor, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
    """input where input >= 0, else negative_slope * input."""
    return _run(activation.leaky_relu, inplace, input, negative_slope)


# torch's names for the same, written over the input
relu_, elu_, selu_, celu_ = (partial(f, inplace=True) for f in (relu, elu, selu, celu))
leaky_relu_, hardtanh_, threshold_, rrelu_ = (
    partial(f, inplace=True) for f in (leaky_relu, hardtanh, threshold, rrelu)
)


# -------------------------------------------------------------------------------------------------------------- dropout


def dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """In training each element becomes 0 with probability p, else it is divided by 1 - p."""
    return _run(dropouts.dropout, inplace, input, p, training)


def dropout1d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Dropout of whole channels of (N, C, L) or (C, L)."""
    return _run(dropouts.dropout1d, inplace, input, p, training)


def dropout2d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Dropout of whole channels of (N, C, H, W) or (C, H, W)."""
    return _run(dropouts.dropout2d, inplace, input, p, training)


def dropout3d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Dropout of whole channels of (N, C, D, H, W) or (C, D, H, W)."""
    return _run(dropouts.dropout3d, inplace, input, p, training)


def alpha_dropout(input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False) -> Tensor:
    """Dropout that keeps mean 0 and variance 1, for SELU."""
    return _run(dropouts.alpha_dropout, inplace, input, p, training)


def feature_alpha_dropout(input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False) -> Tensor:
    """alpha_dropout of whole channels."""
    return _run(dropouts.feature_alpha_dropout, inplace, input, p, training)


# -------------------------------------------------------------------------------------------------------------- softmax


def _dim_of(name: str, dim: int | None, input: Tensor) -> int:
    """torch's choice where no dim is given, which it warns of too."""
    if dim is not None:
        return dim
    chosen = 0 if input.ndim in (0, 1, 3) else 1
    warnings.warn(f"{name}: the choice of the dimension is deprecated; give dim={chosen}", stacklevel=3)
    return chosen


def softmax(input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None) -> Tensor:
    """e^input_i / sum_j e^input_j along `dim`; dtype: computed in."""
    return softmaxes.softmax(input, _dim_of("softmax", dim, input), dtype)


def log_softmax(input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None) -> Tensor:
    """The logarithm of softmax along `dim`; dtype: computed in."""
    return softmaxes.log_softmax(input, _dim_of("log_softmax", dim, input), dtype)


def softmin(input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None) -> Tensor:
    """softmax of -input along `dim`; dtype: computed in."""
    return softmaxes.softmin(input, _dim_of("softmin", dim, input), dtype)


def gumbel_softmax(logits: Tensor, tau: float = 1, hard: bool = False, eps: float = 1e-10, dim: int = -1) -> Tensor:
    """A sample of a categorical distribution, differentiable in its logits: softmax((logits + Gumbel noise) / tau).

    hard: one-hot, with the gradient of the soft sample. eps: torch's, without meaning. Jang et al. 2016,
    arXiv:1611.01144.

    >>> F.gumbel_softmax(autograd.zeros(2, 3)).shape
    Size([2, 3])
    """
    drawn = autograd.rand(logits.shape, dtype=logits.dtype)
    exponential = autograd.clamp(-autograd.log(1 - drawn), min=float(np.finfo(logits.dtype).tiny))
    noise = -autograd.log(exponential)
    soft = softmaxes.softmax((logits + noise) / tau, dim)
    if not hard:
        return soft
    chosen = autograd.argmax(soft, dim, keepdim=True)
    return autograd.scatter(autograd.zeros(soft.shape, dtype=soft.dtype), dim, chosen, 1.0) - soft.detach() + soft


# ------------------------------------------------------------------------------------------------------------ attention


def _additive(name: str, what: str, mask: Tensor | None, dtype: Any) -> Tensor | None:
    """A mask to add: -inf where a mask of bools is True."""
    if mask is None or mask.is_floating_point():
        return mask
    if mask.dtype.kind != "b":
        raise DTypeError(f"{name}: only bool and floating types of {what} are supported, got {mask.dtype}")
    return autograd.masked_fill(autograd.zeros(mask.shape, dtype=dtype), mask, -math.inf)


def multi_head_attention_forward(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    embed_dim_to_check: int,
    num_heads: int,
    in_proj_weight: Tensor | None,
    in_proj_bias: Tensor | None,
    bias_k: Tensor | None,
    bias_v: Tensor | None,
    add_zero_attn: bool,
    dropout_p: float,
    out_proj_weight: Tensor,
    out_proj_bias: Tensor | None,
    training: bool = True,
    key_padding_mask: Tensor | None = None,
    need_weights: bool = True,
    attn_mask: Tensor | None = None,
    use_separate_proj_weight: bool = False,
    q_proj_weight: Tensor | None = None,
    k_proj_weight: Tensor | None = None,
    v_proj_weight: Tensor | None = None,
    static_k: Tensor | None = None,
    static_v: Tensor | None = None,
    average_attn_weights: bool = True,
    is_causal: bool = False,
) -> tuple[Tensor, Tensor | None]:
    """Attention of `num_heads` heads between projections, as `nn.MultiheadAttention`: query (L, B, E) or (L, E).

    key (S, B, kdim), value (S, B, vdim); the masks are (L, S) or (B * heads, L, S), and (B, S) for the padding of the
    keys: True is kept from attending, floats are added. is_causal: says that attn_mask is the causal one, which is used
    either way. Returns the output (L, B, E) and, with need_weights, the weights (B, L, S), or (B, heads, L, S) not
    averaged.

    >>> F.multi_head_attention_forward.__name__
    'multi_head_attention_forward'
    """
    name = "multi_head_attention_forward"
    unbatched = query.ndim == 2
    if query.ndim not in (2, 3) or key.ndim != query.ndim or value.ndim != query.ndim:
        raise ShapeError(
            f"{name}: expected query, key and value of 2 dimensions (unbatched) or of 3, got shapes "
            f"{tuple(query.shape)}, {tuple(key.shape)} and {tuple(value.shape)}"
        )
    if unbatched:
        same_key, same_value = key is query, value is key
        query = autograd.unsqueeze(query, 1)
        key = query if same_key else autograd.unsqueeze(key, 1)
        value = key if same_value else autograd.unsqueeze(value, 1)
        key_padding_mask = None if key_padding_mask is None else autograd.unsqueeze(key_padding_mask, 0)
    L, B, E = query.shape
    S = key.shape[0]
    if embed_dim_to_check != E:
        raise ShapeError(f"{name}: was expecting embedding dimension of {embed_dim_to_check}, but got {E}")
    if E % num_heads:
        raise ShapeError(f"{name}: embed_dim {E} is not divisible by num_heads {num_heads}")
    if key.shape[:2] != value.shape[:2] or (not use_separate_proj_weight and key.shape != value.shape):
        raise ShapeError(f"{name}: key shape {tuple(key.shape)} does not match value shape {tuple(value.shape)}")
    if is_causal and attn_mask is None:
        raise TapeError(f"{name}: need attn_mask if specifying the is_causal hint")

    if use_separate_proj_weight:
        biases = (None,) * 3 if in_proj_bias is None else autograd.chunk(in_proj_bias, 3)
        parts = (q_proj_weight, k_proj_weight, v_proj_weight)
        q, k, v = (linear(x, w, b) for x, w, b in zip((query, key, value), parts, biases, strict=True))
    elif query is key and key is value:
        q, k, v = autograd.chunk(linear(query, in_proj_weight, in_proj_bias), 3, -1)
    else:
        thirds = autograd.chunk(in_proj_weight, 3)
        biases = (None,) * 3 if in_proj_bias is None else autograd.chunk(in_proj_bias, 3)
        q, k, v = (linear(x, w, b) for x, w, b in zip((query, key, value), thirds, biases, strict=True))

    extra = 0  # keys behind those of the input, which every mask lets pass
    if bias_k is not None and bias_v is not None:
        k = autograd.cat([k, autograd.expand(bias_k, 1, B, E)])
        v = autograd.cat([v, autograd.expand(bias_v, 1, B, E)])
        extra += 1
    elif bias_k is not None or bias_v is not None:
        raise ValueError(f"{name}: bias_k and bias_v must be given together")

    def heads(x: Tensor) -> Tensor:
        return autograd.permute(autograd.reshape(x, (x.shape[0], B, num_heads, E // num_heads)), 1, 2, 0, 3)

    q = heads(q)
    k = heads(k) if static_k is None else autograd.reshape(static_k, (B, num_heads, -1, E // num_heads))
    v = heads(v) if static_v is None else autograd.reshape(static_v, (B, num_heads, -1, E // num_heads))
    if add_zero_attn:
        zero = autograd.zeros(B, num_heads, 1, E // num_heads, dtype=k.dtype)
        k, v = autograd.cat([k, zero], 2), autograd.cat([v, zero], 2)
        extra += 1

    mask = _additive(name, "attn_mask", attn_mask, query.dtype)
    if mask is not None:
        if mask.ndim not in (2, 3):
            raise ShapeError(f"{name}: attn_mask's dimension {mask.ndim} is not supported; expected 2 or 3")
        wanted = (L, S) if mask.ndim == 2 else (B * num_heads, L, S)
        if tuple(mask.shape) != wanted:
            raise ShapeError(
                f"{name}: the shape of the {mask.ndim}D attn_mask is {tuple(mask.shape)}, but should be {wanted}"
            )
        mask = pad(mask, (0, extra)) if extra else mask
        mask = autograd.reshape(mask, (B, num_heads, L, S + extra)) if mask.ndim == 3 else mask
    padding = _additive(name, "key_padding_mask", key_padding_mask, query.dtype)
    if padding is not None:
        if tuple(padding.shape) != (B, S):
            raise ShapeError(f"{name}: expected key_padding_mask of shape {(B, S)}, got {tuple(padding.shape)}")
        padding = autograd.reshape(pad(padding, (0, extra)) if extra else padding, (B, 1, 1, S + extra))
        mask = padding if mask is None else mask + padding

    if need_weights:
        weights = attention_weights(q, k, mask, 1 / math.sqrt(E // num_heads), empty_rows_are_zero=False)
        weights = dropout(weights, dropout_p, training)
        attended = autograd.matmul(weights, v)
    else:
        attended = scaled_dot_product_attention(q, k, v, mask, dropout_p if training else 0.0)
    output = autograd.reshape(autograd.permute(attended, 2, 0, 1, 3), (L, B, E))
    output = linear(output, out_proj_weight, out_proj_bias)
    shown = None
    if need_weights:
        shown = autograd.mean(weights, 1) if average_attn_weights else weights
        shown = autograd.squeeze(shown, 0) if unbatched else shown
    return (autograd.squeeze(output, 1) if unbatched else output), shown


def linear_cross_entropy(
    input: Tensor,
    linear_weight: Tensor,
    target: Tensor,
    *,
    linear_bias: Tensor | None = None,
    weight: Tensor | None = None,
    reduction: str = "mean",
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
    options: Any = None,
) -> Tensor:
    """cross_entropy(linear(input, linear_weight, linear_bias), target), the scores of as many positions as wanted.

    input (I,) or (N, I); linear_weight (C, I), or (C, d1, ..., I) for scores (N, C, d1, ...); linear_bias of its shape
    without I; target as in `cross_entropy`. ignore_index None: -100 of labels. options: torch's, how to cut the work,
    without effect. Raises ShapeError, ValueError.

    >>> F.linear_cross_entropy(autograd.ones(1, 2), autograd.zeros(3, 2), autograd.tensor([0]))
    tensor(1.0986)
    """
    name = "linear_cross_entropy"
    if options is not None and not hasattr(options, "batch_chunk_size"):
        raise NotTensorError(f"{name}: options is {options!r}; expected LinearCrossEntropyOptions or None")
    if input.ndim not in (1, 2) or linear_weight.ndim < 2 or input.shape[-1] != linear_weight.shape[-1]:
        raise ShapeError(
            f"{name}: input has shape {tuple(input.shape)}, linear_weight {tuple(linear_weight.shape)}; expected (I,) or "
            "(N, I), and (C, *, I)"
        )
    scores = tuple(linear_weight.shape[:-1])
    if len(scores) > 1 and input.ndim == 1:
        raise ShapeError(f"{name}: linear_weight of shape {tuple(linear_weight.shape)} expects an input (N, I)")
    if linear_bias is not None and tuple(linear_bias.shape) != scores:
        raise ShapeError(f"{name}: linear_bias has shape {tuple(linear_bias.shape)}; expected {scores}")
    shape = (*input.shape[:-1], *scores)
    if ignore_index is not None and tuple(target.shape) == shape:
        raise NumberError(f"{name}: ignore_index is {ignore_index}, but target holds probabilities, not labels")
    rows = autograd.reshape(linear_weight, (math.prod(scores), -1))
    bias = None if linear_bias is None else autograd.reshape(linear_bias, (-1,))
    return cross_entropy(
        autograd.reshape(linear(input, rows, bias), shape),
        target,
        weight=weight,
        ignore_index=-100 if ignore_index is None else ignore_index,
        reduction=reduction,
        label_smoothing=label_smoothing,
    )


fractional_max_pool2d_with_indices = partial(fractional_max_pool2d, return_indices=True)
fractional_max_pool3d_with_indices = partial(fractional_max_pool3d, return_indices=True)
max_pool1d_with_indices = partial(max_pool1d, return_indices=True)
max_pool2d_with_indices = partial(max_pool2d, return_indices=True)
max_pool3d_with_indices = partial(max_pool3d, return_indices=True)
adaptive_max_pool1d_with_indices = partial(adaptive_max_pool1d, return_indices=True)
adaptive_max_pool2d_with_indices = partial(adaptive_max_pool2d, return_indices=True)
adaptive_max_pool3d_with_indices = partial(adaptive_max_pool3d, return_indices=True)
upsample_nearest = partial(upsample, mode="nearest")
upsample_bilinear = partial(upsample, mode="bilinear", align_corners=True)
