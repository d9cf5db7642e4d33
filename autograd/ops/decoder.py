"""The decoder with attention over all its steps, one operation: kernels, and the same out of plain operations."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy import ndarray

from ..errors import DTypeError, ShapeError
from ..kernels import decoder as kernels
from ..kernels.recurrent import LSTM
from ..op import function, op
from ..samples import Draw
from ..tape import sum_to
from .attention import composed_additive
from .composite import recorded_gradients
from .join import stack, unbind
from .linalg import linear
from .recurrent import STEPS
from .shape import expand


def composed(
    T: int, inner: Any, keys: Any, values: Any, query: Any, score: Any, context: Any, hh: Any, h: Any, c: Any, mask: Any
) -> tuple[Any, Any, Any]:
    """What `_attention_lstm` computes, step by step out of plain operations: states, contexts, weights."""
    zeros = np.zeros((keys.shape[0], hh.shape[1]), keys.dtype)
    state = zeros if h is None else h, zeros if c is None else c
    states, contexts, looks = [], [], []
    for x in unbind(expand(inner, keys.shape[0], T, hh.shape[0]), 1):
        mean, shares = composed_additive(linear(state[0], query), keys, values, score, mask)
        state = STEPS[LSTM](x + linear(mean, context), state, hh, None, None)
        states.append(state[0])
        contexts.append(mean)
        looks.append(shares)
    return stack(states, 1), stack(contexts, 1), stack(looks, 1)


def _pull(
    g: Any, inner: Any, keys: Any, values: Any, query: Any, score: Any, context: Any, hh: Any, h: Any, c: Any, mask: Any,
    y: Any, T: int, needs: list[bool],
) -> Any:  # fmt: skip
    if any(type(part) is ndarray for part in g):
        weights = query, score, context, hh
        of_inner, *rest = kernels.backward(g[:3], keys, values, weights, mask, y[1], y[2], kernels.Saved(*y[3:]))
        return sum_to(of_inner, inner.shape), *rest, None

    def body(*inputs: Any) -> Any:
        return composed(T, *inputs)

    return recorded_gradients(body, (inner, keys, values, query, score, context, hh, h, c, mask), g[:3], needs)


def _samples(s: Draw) -> list[tuple[Any, ...]]:
    B, T, S, W, V, H = 2, 2, 3, 2, 2, 1
    weights = s.unit(W, H), s.unit(1, W), s.unit(4 * H, V), s.unit(4 * H, H)
    mask = np.array([[True, True, False], [True, False, True]])
    return [
        (s(B, T, 4 * H), s(B, S, W), s(B, S, V), *weights, s(B, H), s(B, H), mask, T),
        (s(4 * H), s(S, B, W).transpose(1, 0, 2), s(S, B, V).transpose(1, 0, 2), *weights, None, None, None, T),
    ]


@op(joint=_pull, n_inputs=10, hidden=5, samples=_samples)
def _attention_lstm(
    inner: Any, keys: Any, values: Any, query: Any, score: Any, context: Any, hh: Any, h: Any, c: Any, mask: Any, T: int
) -> Any:
    """States, contexts, weights, and what the kernels save: see `attention_lstm`."""
    states, contexts, looks, saved = kernels.forward(inner, keys, values, (query, score, context, hh), (h, c), mask, T)
    return states, contexts, looks, *saved


@function(method=False, samples=lambda s: [(*case[:-2], case[-1], case[-2]) for case in _samples(s)])
def attention_lstm(
    inner: Any, keys: Any, values: Any, weight_query: Any, weight_score: Any, weight_context: Any, weight_hh: Any, h: Any,
    c: Any, steps: int, mask: Any = None,
) -> tuple[Any, Any, Any]:  # fmt: skip
    """An LSTM that looks back at each step: with the weights a_t = softmax(weight_score . tanh(keys + weight_query h_(t-1)))
    of the places it takes context_t = sum of a_t values, and the gates are those of an LSTM, i, f, g, o in order, of
    inner_t + weight_context context_t + weight_hh h_(t-1).

    inner: the input's part of the gates with all biases, broadcast to (B, steps, 4 * H); keys (B, S, W); values (B, S, V);
    weight_query (W, H), weight_score (1, W), weight_context (4 * H, V), weight_hh (4 * H, H); h and c (B, H), None for
    zeros; mask (B, S) of bools: False gets a weight and a gradient of exactly 0. Returns the states h_t (B, steps, H), the
    contexts (B, steps, V) and the weights (B, steps, S): what `additive_attention` and `nn.LSTMCell` in turn give.
    Bahdanau, Cho and Bengio 2015, arXiv:1409.0473. Raises ShapeError, DTypeError.

    >>> shapes = (4,), (1, 2, 3), (1, 2, 5), (3, 1), (1, 3), (4, 5), (4, 1)
    >>> [x.shape for x in autograd.attention_lstm(*[autograd.ones(*shape) for shape in shapes], None, None, 6)]
    [Size([1, 6, 1]), Size([1, 6, 5]), Size([1, 6, 2])]
    """
    name = "attention_lstm"
    given = {
        "inner": inner, "keys": keys, "values": values, "weight_query": weight_query, "weight_score": weight_score,
        "weight_context": weight_context, "weight_hh": weight_hh, "h": h, "c": c,
    }  # fmt: skip
    if len(keys.shape) != 3 or len(values.shape) != 3 or len(weight_hh.shape) != 2 or steps < 1 or not keys.shape[1]:
        raise ShapeError(
            f"{name}: keys are {tuple(keys.shape)}, values {tuple(values.shape)}, weight_hh {tuple(weight_hh.shape)}, steps "
            f"{steps}; expected (B, S, W), (B, S, V), (4 * H, H) with S and steps at least 1"
        )
    (B, S, W), V, H = keys.shape, values.shape[2], weight_hh.shape[1]
    shapes = (B, steps, 4 * H), (B, S, W), (B, S, V), (W, H), (1, W), (4 * H, V), (4 * H, H), (B, H), (B, H)
    for (what, x), shape in zip(given.items(), shapes, strict=True):
        if x is None and what in "hc":
            continue
        if x.dtype != keys.dtype or x.dtype.kind != "f":
            raise DTypeError(
                f"{name}: {what} is {x.dtype}, the keys {keys.dtype}; expected one floating dtype, cast with to()"
            )
        fits = _broadcasts(tuple(x.shape), shape) if what == "inner" else tuple(x.shape) == shape
        if not fits:
            raise ShapeError(f"{name}: {what} has shape {tuple(x.shape)}; expected {shape}")
    if mask is not None and (mask.dtype.kind != "b" or tuple(mask.shape) != (B, S)):
        raise ShapeError(f"{name}: mask is {mask.dtype} {tuple(mask.shape)}; expected bools of shape {(B, S)}")
    weights = weight_query, weight_score, weight_context, weight_hh
    return _attention_lstm(inner, keys, values, *weights, h, c, mask, steps)[:3]


def _broadcasts(shape: tuple[int, ...], to: tuple[int, ...]) -> bool:
    return len(shape) <= len(to) and all(n in (1, m) for n, m in zip(reversed(shape), reversed(to), strict=False))
