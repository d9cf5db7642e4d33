"""Recurrent layers: one layer in one direction over a whole batch of sequences is one operation.

Its first order is a pair of kernels; the steps composed of plain operations stand here too, for gradients that are
themselves recorded.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy import ndarray

from ..errors import InputDTypeError, ShapeError
from ..forms import RowSums
from ..kernels import recurrent as kernels
from ..kernels.gemm import matmul
from ..op import REGISTRY, op
from ..samples import Draw
from ..tape import Node, Walk, own_ways
from ..tensor import Tensor
from .activation import relu
from .composite import recorded_gradients
from .elementwise import sigmoid, tanh
from .join import cat, chunk, split
from .linalg import linear
from .shape import reshape, transpose

# A step takes the input's part of all gates (B, N), the state, and the recurrent weights and biases, to the next state.
State = tuple[Any, ...]


def _plain(activation: Callable[[Any], Any]) -> Callable[..., State]:
    def step(x: Any, state: State, weight: Any, bias: Any, _: Any) -> State:
        return (activation(x + linear(state[0], weight, bias)),)

    return step


def _gru(x: Any, state: State, weight: Any, bias: Any, _: Any) -> State:
    (h,) = state
    x_r, x_z, x_n = chunk(x, 3, -1)
    h_r, h_z, h_n = chunk(linear(h, weight, bias), 3, -1)
    z = sigmoid(x_z + h_z)
    n = tanh(x_n + sigmoid(x_r + h_r) * h_n)
    return (n + z * (h - n),)


def _gru_before(squash: bool) -> Callable[..., State]:
    def step(x: Any, state: State, weight: Any, bias: Any, _: Any) -> State:
        (h,) = state
        x_r, x_u, x_c = chunk(x if bias is None else x + bias, 3, -1)
        w_r, w_u, w_c = chunk(weight, 3, 0)
        r, u = sigmoid(x_r + linear(h, w_r)), sigmoid(x_u + linear(h, w_u))
        c = tanh(x_c + linear(r * (tanh(h) if squash else h), w_c))
        return (h + u * (c - h),)

    return step


def _lstm(x: Any, state: State, weight: Any, bias: Any, projection: Any) -> State:
    h, c = state
    i, f, g, o = chunk(x + linear(h, weight, bias), 4, -1)
    c = sigmoid(f) * c + sigmoid(i) * tanh(g)
    h = sigmoid(o) * tanh(c)
    return (h if projection is None else linear(h, projection)), c


STEPS: dict[str, Callable[..., State]] = {
    kernels.TANH: _plain(tanh),
    kernels.RELU: _plain(relu),
    kernels.GRU: _gru,
    kernels.CHO: _gru_before(False),
    kernels.NOTES: _gru_before(True),
    kernels.LSTM: _lstm,
}


def composed(
    kind: str, sizes: tuple[int, ...], reverse: bool,
    input: Any, h: Any, c: Any, weight_ih: Any, weight_hh: Any, bias_ih: Any, bias_hh: Any, weight_hr: Any,
) -> tuple[Any, Any, Any]:  # fmt: skip
    """What `_recurrent` computes of packed rows, step by step out of plain operations: output (P, O), last h, and last c
    or None."""
    step, B = STEPS[kind], sizes[0]
    H = weight_hh.shape[0] // kernels.GATES[kind]
    h = np.zeros((B, weight_hh.shape[1]), input.dtype) if h is None else h
    first: State = (h,)
    if kind == kernels.LSTM:
        first = h, np.zeros((B, H), input.dtype) if c is None else c
    xs = split(linear(input, weight_ih, bias_ih), list(sizes))
    outputs, ended, state = [], [], first
    if reverse:
        state = tuple([part[: sizes[-1]] for part in first])
    for x, size in zip(reversed(xs) if reverse else xs, reversed(sizes) if reverse else sizes, strict=True):
        running = state[0].shape[0]
        if size > running:  # sequences that end here begin their way back
            state = tuple([cat([part, start[running:size]]) for part, start in zip(state, first, strict=True)])
        elif size < running:  # the shortest sequences end: their state is final
            ended.append([part[size:] for part in state])
            state = tuple([part[:size] for part in state])
        state = step(x, state, weight_hh, bias_hh, weight_hr)
        outputs.append(state[0])
    if ended:
        state = tuple([cat(parts) for parts in zip(state, *reversed(ended), strict=True)])
    output = cat(outputs[::-1] if reverse else outputs)
    return output, state[0], state[1] if kind == kernels.LSTM else None


class Repeated(NamedTuple):
    """An input (T, B, I), or (B, T, I) with batch_first, of few distinct rows, and the lookup that made it, if one did."""

    words: kernels.Words
    batch_first: bool
    lookup: Node | None


def repeated(input: Any, batch_first: bool, H: int) -> Repeated | None:
    """What `_recurrent` wants to know of an input (T, B, I), or (B, T, I) with batch_first, if its rows are so few that
    it pays to multiply each once: those of an embedding of characters, say."""
    x = input.numpy_view() if isinstance(input, Tensor) else input
    if x.dtype.char not in "fd" or not x.flags.carray or not x.size:
        return None
    words = kernels.distinct(x, x.shape[1 if batch_first else 0], batch_first, H)
    if words is None:
        return None
    node = input._node if isinstance(input, Tensor) else None
    lookup = node if type(node) is Node and node.op is REGISTRY["_embedding"] else None
    return Repeated(words, batch_first, lookup)


def _packed(input: Any, known: Repeated | None) -> Any:
    """The rows of the input (P, I), in the order of time."""
    if known is None:
        return input
    return reshape(transpose(input, 0, 1) if known.batch_first else input, (-1, input.shape[2]))


def _unpacked(rows: ndarray, shape: tuple[int, ...], batch_first: bool) -> ndarray:
    B, T, I = shape
    return rows.reshape(T, B, I).transpose(1, 0, 2) if batch_first else rows.reshape(shape)


def _pull(
    g: Any, input: Any, h: Any, c: Any, weight_ih: Any, weight_hh: Any, bias_ih: Any, bias_hh: Any, weight_hr: Any,
    y: Any, kind: str, sizes: tuple[int, ...], reverse: bool, known: Repeated | None, needs: list[bool],
) -> Any:  # fmt: skip
    weights = weight_ih, weight_hh, bias_ih, bias_hh, weight_hr
    if any(type(part) is ndarray for part in g):
        saved = kernels.Saved(*y[3:])
        if known is None:
            return kernels.backward(kind, g, input, weights, saved, sizes, reverse, needs)
        words, batch_first, lookup = known
        rows, shape = input.reshape(-1, input.shape[2]), input.shape

        def gradients(needs: list[bool], by_word: bool) -> list[Any]:
            return kernels.backward(kind, g, rows, weights, saved, sizes, reverse, needs, words, by_word)

        def whole() -> ndarray:  # worked out again: it is rare that someone asks
            return _unpacked(gradients([True] + [False] * 7, False)[0], shape, batch_first)

        result = gradients(needs, lookup is not None)
        if not needs[0]:
            return result
        if lookup is None:
            result[0] = _unpacked(result[0], shape, batch_first)
        else:
            numbers = _unpacked(words.numbers.reshape(-1, 1), (*shape[:2], 1), batch_first)[..., 0]
            result[0] = RowSums(lookup, result[0], words.first, numbers, whole)
        return result

    def body(input: Any, *others: Any) -> Any:
        return composed(kind, sizes, reverse, _packed(input, known), *others)

    return recorded_gradients(body, (input, h, c, *weights), g[:3], needs)


def _samples(s: Draw) -> list[tuple[Any, ...]]:
    def case(kind: str, sizes: tuple[int, ...], reverse: bool = False, O: int = 2, **left_out: Any) -> tuple[Any, ...]:
        H, inputs = 2, 3
        N, B, cell = kernels.GATES[kind] * H, sizes[0], kind == kernels.LSTM
        projection = s.unit(O, H) if O != H else None
        parts = {
            "h": s(B, O), "c": s(B, H) if cell else None, "weight_ih": s.unit(N, inputs), "weight_hh": s.unit(N, O),
            "bias_ih": s.unit(N), "bias_hh": s.unit(N), "weight_hr": projection,
        }  # fmt: skip
        return s(sum(sizes), inputs), *(parts | left_out).values(), kind, sizes, reverse

    none: dict[str, Any] = {"bias_ih": None, "bias_hh": None}
    return [
        *[case(kind, (3, 2, 2), kind == kernels.GRU) for kind in kernels.GATES],
        *[case(kind, (2, 2), True, h=None, c=None, **none) for kind in kernels.GATES],
        case(kernels.LSTM, (2, 2, 1), False, 1),
        case(kernels.LSTM, (2, 1), True, 1, h=None, c=None),
        case(kernels.CHO, (3, 1), True, bias_hh=None),
    ]


def _check(kind: str, input: Any, h: Any, c: Any, *weights_and_sizes: Any) -> None:
    """The kernels check nothing."""
    *weights, sizes = weights_and_sizes
    N, O = weights[1].shape
    B, H = sizes[0], N // kernels.GATES[kind]
    shapes = (sum(sizes), input.shape[-1]), (B, O), (B, H), (N, input.shape[-1]), (N, O), (N,), (N,), (O, H)
    if H < 1 or N % H or (weights[4] is None) != (O == H) or any(a < b for a, b in zip(sizes, sizes[1:], strict=False)):
        raise ShapeError(f"{kind}: weight_hh of shape {(N, O)} and batch sizes {sizes} do not go together")
    names, dtype = (
        ("the input", "h_0", "c_0", "weight_ih", "weight_hh", "bias_ih", "bias_hh", "weight_hr"),
        weights[1].dtype,
    )
    for name, array, shape in zip(names, (input, h, c, *weights), shapes, strict=True):
        if array is None or (array.shape == shape and array.dtype is dtype and dtype.kind == "f"):
            continue
        if array.dtype != weights[1].dtype or array.dtype.kind != "f":
            raise InputDTypeError(
                f"{kind}: {name} is {array.dtype}, the weights {weights[1].dtype}; expected one floating dtype, cast "
                "with to()"
            )
        if array.shape != shape:
            raise ShapeError(f"{kind}: {name} has shape {array.shape}; expected {shape}")


@op(joint=_pull, n_inputs=8, hidden=5, samples=_samples)
def _recurrent(
    input: Any, h: Any, c: Any, weight_ih: Any, weight_hh: Any, bias_ih: Any, bias_hh: Any, weight_hr: Any,
    kind: str, sizes: tuple[int, ...], reverse: bool, known: Repeated | None = None,
) -> Any:  # fmt: skip
    """One layer in one direction over packed rows: the states of all steps (P, O), the last h, the last c (empty but
    for an LSTM), and what the kernels save.

    input (P, I), step t having sizes[t] rows; h (B, O), c (B, H) or None for zeros; weight_ih (N, I), weight_hh (N, O),
    bias_ih, bias_hh (N,) or None, weight_hr (O, H) or None; kind: a key of `STEPS`; reverse: from the last step on;
    known: what `repeated` found of an input not yet packed.
    """
    weights = weight_ih, weight_hh, bias_ih, bias_hh, weight_hr
    rows = input if known is None else input.reshape(-1, input.shape[2])
    _check(kind, rows, h, c, *weights, sizes)
    words = None if known is None else known.words
    output, last_h, last_c, saved = kernels.forward(kind, rows, (h, c), weights, sizes, reverse, words)
    return output, last_h, last_c, *saved


def _in_walk(walk: Walk, node: Any, g: Any, values: list[Any], edges: Any) -> Any:
    """The contributions of `_recurrent`; where a cell is used step by step, those to its weights wait for others."""
    input, h, c, *weights = values[:8]
    kind, sizes, reverse, known, y = values[8:13]
    again = edges[3] in walk.pending or edges[4] in walk.pending
    if not again or kind not in (kernels.LSTM, kernels.TANH, kernels.RELU) or known is not None:
        return node.op.pull(g, values, edges)
    needs = [edge is not None for edge in edges]
    result = kernels.backward(kind, g, input, weights, kernels.Saved(*y[3:]), sizes, reverse, needs, factors=True)
    for k in (3, 4):
        if result[k] is not None:
            a, b = result[k]
            result[k] = None if walk.later(edges[k], a, b) else matmul(a.T, b)
    return result


own_ways[REGISTRY["_recurrent"]] = _in_walk
