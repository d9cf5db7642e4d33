"""Attention by scaled products and by a small network of tanh: a pair of kernels each, and the same out of plain
operations for recorded gradients."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy import ndarray

from .. import random
from ..errors import DTypeError, NumberError, ShapeError, TapeError
from ..kernels import additive
from ..kernels import attention as kernels
from ..op import function, op
from ..samples import Draw
from ..tape import enable_grad, wrap
from .arrange import repeat_interleave
from .compare import logical_not
from .composite import recorded_gradients
from .dropout import _dropout
from .elementwise import tanh
from .index import masked_fill
from .linalg import bmm, matmul
from .shape import expand, squeeze, transpose, unsqueeze
from .softmax import softmax


def attention_weights(
    query: Any, key: Any, mask: Any, scale: float, is_causal: bool = False, empty_rows_are_zero: bool = True
) -> Any:
    """softmax(query key^T * scale + mask) over the keys; rows that may see no key are zero, or NaN."""
    scores = matmul(query * scale, transpose(key, -2, -1))
    if is_causal:
        mask = wrap(np.tril(np.ones(scores.shape[-2:], np.bool_)))
    if mask is None:
        return softmax(scores, -1)
    if mask.dtype.kind == "b":
        scores = masked_fill(scores, logical_not(mask), -math.inf)
    else:
        scores = scores + mask
    if empty_rows_are_zero:
        empty = np.isneginf(scores.detach().numpy()).all(-1, keepdims=True)
        if empty.any():
            empty = wrap(empty)
            # the softmax of a row of -inf is NaN, and so would be its gradient: such rows go around it
            return masked_fill(softmax(masked_fill(scores, empty, 0.0), -1), empty, 0.0)
    return softmax(scores, -1)


def composed(
    query: Any, key: Any, value: Any, mask: Any, scale: float, is_causal: bool, p: float, seed: int
) -> tuple[Any]:
    """What `_attention` computes, out of plain operations."""
    if query.ndim > 2 and key.shape[-3] != query.shape[-3]:
        key, value = (repeat_interleave(t, query.shape[-3] // t.shape[-3], -3) for t in (key, value))
    weights = attention_weights(query, key, mask, scale, is_causal)
    return (matmul(_dropout(weights, p, seed)[0] if p else weights, value),)


def _pull(
    g: Any, query: Any, key: Any, value: Any, mask: Any, y: Any, scale: float, is_causal: bool, p: float, seed: int,
    needs: list[bool],
) -> Any:  # fmt: skip
    if type(g[0]) is ndarray and not needs[3]:
        return *kernels.backward(g[0], query, key, value, mask, y[0], y[2], scale, is_causal, p, seed), None

    def body(query: Any, key: Any, value: Any, mask: Any) -> Any:
        return composed(query, key, value, mask, scale, is_causal, p, seed)

    with enable_grad():
        gradients = recorded_gradients(body, (query, key, value, mask), g[:1], needs)
    if type(g[0]) is ndarray:
        return [None if part is None else part._data for part in gradients]
    return gradients


def _samples(s: Draw) -> list[tuple[Any, ...]]:
    rows = np.arange(4)[:, None] != np.array([1, 1, 1])  # row 1 sees nothing
    return [
        (s(2, 4, 3), s(2, 5, 3), s(2, 5, 2), None, 0.5, False, 0.0, 0),
        (s(4, 3), s(3, 3), s(3, 2), rows, 0.5, False, 0.0, 0),
        (s(4, 2), s(5, 2), s(5, 2), s(4, 5), 0.7, False, 0.0, 0),
        (s(1, 2, 3, 2), s(1, 1, 4, 2), s(1, 1, 4, 3), s(1, 2, 1, 4), 0.7, False, 0.4, 5),
        (s(2, 2, 3, 2), s(2, 1, 3, 2), s(2, 1, 3, 1), None, 0.6, True, 0.0, 0),
    ]


@op(joint=_pull, n_inputs=4, hidden=1, samples=_samples)
def _attention(query: Any, key: Any, value: Any, mask: Any, scale: float, is_causal: bool, p: float, seed: int) -> Any:
    """softmax(query key^T scale + mask) value, each weight dropped with probability p by the numbers of `seed`; also
    the logarithms of the sums of exponentials.

    query (*, L, E), key (*, S, E), value (*, S, V) of equal batch dimensions, but for the last of key and value, which
    may divide query's; nothing empty; mask broadcast to (*, L, S), of bools (True is seen) or added.
    """
    out, lse = kernels.forward(query, key, value, mask, scale, is_causal, p, seed)
    # of an op with one differentiable output the tape keeps, and guards, only the others: the empty one is a second
    return out, lse[:0], lse


def _check(query: Any, key: Any, value: Any, mask: Any, is_causal: bool, enable_gqa: bool) -> None:
    name = "scaled_dot_product_attention"
    shapes = [tuple(t.shape) for t in (query, key, value)]
    if min(map(len, shapes)) < 2:
        ranks = " and ".join(", ".join(str(len(shape)) for shape in shapes).rsplit(", ", 1))
        raise ShapeError(f"{name}: expected query, key and value of 2 or more dimensions, got {ranks}")
    q, k, v = shapes
    if q[-1] != k[-1] or k[-2] != v[-2]:
        raise ShapeError(f"{name}: query is {q}, key {k}, value {v}; expected (*, L, E), (*, S, E), (*, S, V)")
    dtype = query.dtype
    if not dtype == key.dtype == value.dtype or dtype.kind != "f":
        raise DTypeError(
            f"{name}: expected query, key and value of one floating dtype, got {dtype}, {key.dtype} and {value.dtype}"
        )
    if is_causal and mask is not None:
        raise TapeError(f"{name}: explicit attn_mask should not be set when is_causal=True")
    if mask is not None and mask.dtype.kind != "b" and mask.dtype != dtype:
        raise DTypeError(f"{name}: attn_mask is {mask.dtype}; expected bool, or query's {dtype}")
    if enable_gqa and (min(map(len, shapes)) < 3 or k[-3] != v[-3] or not k[-3] or q[-3] % k[-3]):
        raise ShapeError(
            f"{name}: with enable_gqa the heads (dimension -3) of key and value must be equal and divide query's, got "
            f"{q}, {k} and {v}"
        )


def _batch(*shapes: Any) -> tuple[int, ...]:
    try:
        return np.broadcast_shapes(*map(tuple, shapes))
    except ValueError:
        raise _unequal(*shapes) from None


def _unequal(*shapes: Any) -> ShapeError:
    what = "dimensions of query, key and value" if len(shapes) > 2 else "(*, L, S) and attn_mask's shape"
    return ShapeError(
        f"scaled_dot_product_attention: expected batch dimensions that go together, got as {what} "
        f"{', '.join(str(tuple(shape)) for shape in shapes)}"
    )


@function(
    method=False,
    samples=lambda s: [
        (s(2, 3, 4, 3), s(2, 3, 5, 3), s(2, 3, 5, 2)),
        (s(4, 3), s(5, 3), s(5, 2), s.bools(4, 5)),
        (s(2, 4, 3), s(2, 4, 3), s(2, 4, 2), None, 0.0, True, 0.3),
        (s(2, 2, 4, 3), s(1, 5, 3), s(1, 5, 2), s(4, 5)),
        (s(2, 0, 3), s(2, 5, 3), s(2, 5, 2)),
        (s(4, 3, 2), s(2, 3, 2), s(2, 3, 2), {"enable_gqa": True}),
    ],
)
def scaled_dot_product_attention(
    query: Any,
    key: Any,
    value: Any,
    attn_mask: Any = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Any:
    """softmax(query key^T * scale + mask) value: query (*, L, E), key (*, S, E), value (*, S, V) to (*, L, V).

    attn_mask: broadcast to (*, L, S), added, or of bools: True takes part, others get a weight of exactly 0; a row
    without any gives 0. dropout_p: of the weights. is_causal: place i sees places up to i. scale: 1 / sqrt(E) unless
    given. enable_gqa: fewer key and value heads (dimension -3), each shared by several query heads. Memory grows with
    L + S, not L * S. Vaswani et al. 2017, arXiv:1706.03762. Raises ShapeError, DTypeError, TapeError (a mask and
    is_causal).

    >>> autograd.scaled_dot_product_attention(*[autograd.ones(1, 2, 3, 4)] * 3).shape
    Size([1, 2, 3, 4])
    """
    _check(query, key, value, attn_mask, is_causal, enable_gqa)
    if not 0 <= dropout_p <= 1:
        raise NumberError(f"scaled_dot_product_attention: dropout_p is {dropout_p}; expected 0 to 1")
    q, k, v = tuple(query.shape), tuple(key.shape), tuple(value.shape)
    scale = 1 / math.sqrt(q[-1]) if scale is None and q[-1] else float(scale or 0)
    seed = int(random.default_generator.rng.integers(2**63)) if dropout_p else 0
    if enable_gqa:
        if not q[:-3] == k[:-3] == v[:-3]:
            raise _unequal(q[:-3], k[:-3], v[:-3])
    elif not q[:-2] == k[:-2] == v[:-2]:  # a batch dimension that one lacks, or has as 1, is shared
        batch = _batch(q[:-2], k[:-2], v[:-2])
        query, key, value = (
            t if shape[:-2] == batch else expand(t, *batch, *shape[-2:])
            for t, shape in zip((query, key, value), (q, k, v), strict=True)
        )
    if attn_mask is not None:
        whole = (*query.shape[:-1], k[-2])
        if _batch(whole, attn_mask.shape) != whole:
            raise _unequal(whole, attn_mask.shape)
    if 0 in q or 0 in k or 0 in v or 0 in query.shape:
        return matmul(matmul(query, transpose(key, -2, -1)), value)
    return _attention(query, key, value, attn_mask, scale, bool(is_causal), float(dropout_p), seed)[0]


def composed_additive(query: Any, keys: Any, values: Any, weight: Any, mask: Any) -> tuple[Any, Any]:
    """What `_additive_attention` computes, out of plain operations."""
    scores = squeeze(matmul(tanh(keys + unsqueeze(query, 1)), transpose(weight, 0, 1)), 2)
    if mask is not None:
        scores = masked_fill(scores, logical_not(mask), -math.inf)
    weights = softmax(scores, -1)
    return squeeze(bmm(unsqueeze(weights, 1), values), 1), weights


def _pull_additive(
    g: Any, query: Any, keys: Any, values: Any, weight: Any, mask: Any, y: Any, needs: list[bool]
) -> Any:
    if any(type(part) is ndarray for part in g):
        return *additive.backward(g[0], g[1], keys, values, weight, mask, y[1], y[2]), None
    return recorded_gradients(composed_additive, (query, keys, values, weight, mask), g[:2], needs)


@op(
    joint=_pull_additive,
    n_inputs=5,
    hidden=1,
    samples=lambda s: [
        (s(2, 3), s(2, 4, 3), s(2, 4, 2), s(1, 3), None),
        (s(2, 3), s(4, 2, 3).transpose(1, 0, 2), s(4, 2, 2).transpose(1, 0, 2), s(1, 3), np.arange(8).reshape(2, 4) % 3 > 0),
        (s(0, 3), s(0, 4, 3), s(0, 4, 2), s(1, 3), None),
    ],
)  # fmt: skip
def _additive_attention(query: Any, keys: Any, values: Any, weight: Any, mask: Any) -> Any:
    """The context, the weights, and tanh(keys + query): see `additive_attention`."""
    return additive.forward(query, keys, values, weight, mask)


@function(
    method=False,
    samples=lambda s: [
        (s(2, 3), s(2, 4, 3), s(2, 4, 2), s(1, 3)),
        (s(2, 3), s(2, 4, 3), s(2, 4, 2), s(1, 3), np.arange(8).reshape(2, 4) % 3 > 0),
    ],
)
def additive_attention(query: Any, keys: Any, values: Any, weight: Any, mask: Any = None) -> tuple[Any, Any]:
    """The mean of the values by the weights softmax(weight . tanh(keys + query)), and those weights.

    query (B, W), keys (B, S, W), values (B, S, V), weight (1, W), that of a linear layer to one score; mask (B, S) of
    bools: False gets a weight and a gradient of exactly 0. Returns the context (B, V) and the weights (B, S).
    Bahdanau, Cho and Bengio 2015, arXiv:1409.0473. Raises ShapeError, DTypeError.

    >>> context, weights = autograd.additive_attention(*[autograd.ones(1, *shape) for shape in ((3,), (2, 3), (2, 4), (3,))])
    >>> context.shape, weights.tolist()
    (Size([1, 4]), [[0.5, 0.5]])
    """
    name = "additive_attention"
    shapes = [tuple(x.shape) for x in (query, keys, values, weight)]
    B, S, W = shapes[1] if len(shapes[1]) == 3 else (-1, -1, -1)
    if shapes != [(B, W), (B, S, W), (B, S, *shapes[2][2:3]), (1, W)] or len(shapes[2]) != 3 or not S:
        raise ShapeError(
            f"{name}: query is {shapes[0]}, keys {shapes[1]}, values {shapes[2]} and weight {shapes[3]}; expected (B, W), "
            "(B, S, W), (B, S, V) and (1, W) with S at least 1"
        )
    if not query.dtype == keys.dtype == values.dtype == weight.dtype or query.dtype.kind != "f":
        raise DTypeError(
            f"{name}: query is {query.dtype}, keys {keys.dtype}, values {values.dtype} and weight {weight.dtype}; expected "
            "one floating dtype, cast with to()"
        )
    if mask is not None and (mask.dtype.kind != "b" or tuple(mask.shape) != (B, S)):
        raise ShapeError(
            f"{name}: mask is {mask.dtype} {tuple(mask.shape)}; expected bools of shape {(B, S)}, keys' first two"
        )
    return _additive_attention(query, keys, values, weight, mask)[:2]
