"""Recurrent networks step by step in plain numpy, forward and backward written by hand, beside the library's kernels.

    python examples/rnn_by_hand.py

A batch stands in columns, as in the course: x (n_x, m, T), a state (n_a, m), W_k (n_a, n_a + n_x) on [a_prev; x]. After
each step y = softmax(W_y a + b_y), and the loss is the mean cross-entropy of the batch, summed over the steps. Every
line of the table compares one network with `nn.RNN`, `nn.GRU` or `nn.LSTM` of the same weights: the states and the
gradients agree to rounding.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy import ndarray

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import autograd
import nn
import nn.functional as F

Weights = dict[str, ndarray]
Kept = Any  # what a step's backward reads


def sigmoid(z: ndarray) -> ndarray:
    return 1 / (1 + np.exp(-z))


def softmax(z: ndarray) -> ndarray:
    e = np.exp(z - z.max(0))
    return e / e.sum(0)


def gate_gradients(name: str, d: ndarray, joined: ndarray, grads: Weights) -> None:
    """dW_k += d [a_prev; x]^T and db_k += the sum of d over the batch."""
    grads[f"W_{name}"] += d @ joined.T
    grads[f"b_{name}"] += d.sum(1, keepdims=True)


# ---- one step of each network, and back. A state is a tuple: (a,), or (a, c) for the LSTM.


def rnn_step(state: tuple[ndarray, ...], x: ndarray, w: Weights) -> tuple[tuple[ndarray, ...], Kept]:
    """a = tanh(W_a [a_prev; x] + b_a)."""
    joined = np.concatenate([state[0], x])
    a = np.tanh(w["W_a"] @ joined + w["b_a"])
    return (a,), (joined, a)


def rnn_step_back(d_state: tuple[ndarray, ...], kept: Kept, w: Weights, grads: Weights) -> tuple[Any, ndarray]:
    joined, a = kept
    delta = d_state[0] * (1 - a**2)
    gate_gradients("a", delta, joined, grads)
    d_joined = w["W_a"].T @ delta
    n = len(a)
    return (d_joined[:n],), d_joined[n:]


def gru_step(variant: str) -> Callable[..., Any]:
    """u, r = sigmoid(W [c_prev; x] + b), c = u n + (1 - u) c_prev with the candidate

    cho: n = tanh(W_c [r c_prev; x] + b_c); notes: n = tanh(W_c [r tanh(c_prev); x] + b_c);
    torch: n = tanh(W_cx x + b_c + r (W_cc c_prev + b_cc)), with W_c = [W_cc, W_cx].
    """

    def step(state: tuple[ndarray, ...], x: ndarray, w: Weights) -> tuple[tuple[ndarray, ...], Kept]:
        (c_prev,) = state
        joined, n_a = np.concatenate([c_prev, x]), len(c_prev)
        u, r = sigmoid(w["W_u"] @ joined + w["b_u"]), sigmoid(w["W_r"] @ joined + w["b_r"])
        if variant == "torch":
            through = w["W_c"][:, :n_a] @ c_prev + w["b_cc"]
            n = np.tanh(w["W_c"][:, n_a:] @ x + w["b_c"] + r * through)
        else:
            through = np.tanh(c_prev) if variant == "notes" else c_prev
            n = np.tanh(w["W_c"] @ np.concatenate([r * through, x]) + w["b_c"])
        return (u * n + (1 - u) * c_prev,), (joined, u, r, through, n)

    return step


def gru_step_back(variant: str) -> Callable[..., Any]:
    def back(d_state: tuple[ndarray, ...], kept: Kept, w: Weights, grads: Weights) -> tuple[Any, ndarray]:
        joined, u, r, through, n = kept
        n_a = len(u)
        (dc,), c_prev, x = d_state, joined[:n_a], joined[n_a:]
        d_n = dc * u * (1 - n**2)
        d_u = dc * (n - c_prev) * u * (1 - u)
        dc_prev = dc * (1 - u)
        if variant == "torch":
            d_through = d_n * r
            dr, dx = d_n * through, w["W_c"][:, n_a:].T @ d_n
            gate_gradients("c", d_n, np.concatenate([np.zeros_like(c_prev), x]), grads)
            grads["W_c"][:, :n_a] += d_through @ c_prev.T
            grads["b_cc"] += d_through.sum(1, keepdims=True)
            dc_prev = dc_prev + w["W_c"][:, :n_a].T @ d_through
        else:
            gate_gradients("c", d_n, np.concatenate([r * through, x]), grads)
            d_reset = w["W_c"].T @ d_n
            dr, dx = d_reset[:n_a] * through, d_reset[n_a:]
            slope = 1 - through**2 if variant == "notes" else 1.0
            dc_prev = dc_prev + d_reset[:n_a] * r * slope
        d_r = dr * r * (1 - r)
        gate_gradients("u", d_u, joined, grads)
        gate_gradients("r", d_r, joined, grads)
        d_joined = w["W_u"].T @ d_u + w["W_r"].T @ d_r
        return (dc_prev + d_joined[:n_a],), dx + d_joined[n_a:]

    return back


def lstm_step(state: tuple[ndarray, ...], x: ndarray, w: Weights) -> tuple[tuple[ndarray, ...], Kept]:
    """n = tanh(.), i, f, o = sigmoid(.) of W [a_prev; x] + b; c = f c_prev + i n; a = o tanh(c)."""
    a_prev, c_prev = state
    joined = np.concatenate([a_prev, x])
    n = np.tanh(w["W_c"] @ joined + w["b_c"])
    i, f, o = (sigmoid(w[f"W_{k}"] @ joined + w[f"b_{k}"]) for k in "ifo")
    c = f * c_prev + i * n
    return (o * np.tanh(c), c), (joined, c_prev, n, i, f, o, c)


def lstm_step_back(d_state: tuple[ndarray, ...], kept: Kept, w: Weights, grads: Weights) -> tuple[Any, ndarray]:
    (da, dc), (joined, c_prev, n, i, f, o, c) = d_state, kept
    q = dc + o * (1 - np.tanh(c) ** 2) * da
    d = {
        "o": da * np.tanh(c) * o * (1 - o),
        "c": q * i * (1 - n**2),
        "i": q * n * i * (1 - i),
        "f": q * c_prev * f * (1 - f),
    }
    for k, gradient in d.items():
        gate_gradients(k, gradient, joined, grads)
    d_joined = sum(w[f"W_{k}"].T @ gradient for k, gradient in d.items())
    return (d_joined[: len(da)], q * f), d_joined[len(da) :]


# name: the step, its backward, its gates in the order of the library's weights, the number of tensors in a state
NETWORKS: dict[str, tuple[Callable[..., Any], Callable[..., Any], str, int]] = {
    "RNN": (rnn_step, rnn_step_back, "a", 1),
    "GRU, torch's form": (gru_step("torch"), gru_step_back("torch"), "ruc", 1),
    "GRU, Cho et al.": (gru_step("cho"), gru_step_back("cho"), "ruc", 1),
    "GRU, the notes'": (gru_step("notes"), gru_step_back("notes"), "ruc", 1),
    "LSTM": (lstm_step, lstm_step_back, "ifco", 2),
}


def run(
    name: str, x: ndarray, labels: ndarray, start: tuple[ndarray, ...], w: Weights
) -> tuple[ndarray, float, Weights]:
    """All steps forward and, by the chain rule, back: the states (n_a, m, T), the loss, and the gradients.

    Those of the weights have their names; "x" and "start" are those of the input and of the first state.
    """
    step, back, _, _ = NETWORKS[name]
    T, m = x.shape[2], x.shape[1]
    states, kept, d_outputs, loss, state = [], [], [], 0.0, start
    grads = {key: np.zeros_like(value) for key, value in w.items()}
    for t in range(T):
        state, cache = step(state, x[:, :, t], w)
        y = softmax(w["W_y"] @ state[0] + w["b_y"])
        loss -= np.log(y[labels[:, t], np.arange(m)]).mean()
        dz = (y - np.eye(len(y))[:, labels[:, t]]) / m
        gate_gradients("y", dz, state[0], grads)
        d_outputs.append(w["W_y"].T @ dz)
        states.append(state[0])
        kept.append(cache)
    d_state = tuple(np.zeros_like(part) for part in state)
    grads["x"] = np.zeros_like(x)
    for t in reversed(range(T)):
        d_state = (d_state[0] + d_outputs[t], *d_state[1:])
        d_state, grads["x"][:, :, t] = back(d_state, kept[t], w, grads)
    grads["start"] = np.stack(d_state)
    return np.stack(states, 2), loss, grads


def weights(name: str, n_a: int, n_x: int, n_y: int, rng: np.random.Generator) -> Weights:
    """Random weights of a network and of the output on top."""
    w: Weights = {}
    for k in NETWORKS[name][2]:
        w |= {f"W_{k}": rng.normal(size=(n_a, n_a + n_x)) / np.sqrt(n_a + n_x), f"b_{k}": rng.normal(size=(n_a, 1))}
    if name == "GRU, torch's form":
        w["b_cc"] = rng.normal(size=(n_a, 1))
    return w | {"W_y": rng.normal(size=(n_y, n_a)), "b_y": rng.normal(size=(n_y, 1))}


def same_layer(name: str, w: Weights, n_a: int, n_x: int) -> nn.RNNBase:
    """The library's layer with those weights."""
    gates = NETWORKS[name][2]
    state: dict[str, Any] = {
        "weight_hh_l0": np.concatenate([w[f"W_{k}"][:, :n_a] for k in gates]),
        "weight_ih_l0": np.concatenate([w[f"W_{k}"][:, n_a:] for k in gates]),
        "bias_ih_l0": np.concatenate([w[f"b_{k}"][:, 0] for k in gates]),
    }
    if name == "RNN" or name == "LSTM":
        layer: nn.RNNBase = getattr(nn, name)(n_x, n_a)
        state["bias_hh_l0"] = np.zeros_like(state["bias_ih_l0"])
    elif name == "GRU, torch's form":
        layer = nn.GRU(n_x, n_a)
        state["bias_hh_l0"] = np.concatenate([np.zeros(2 * n_a), w["b_cc"][:, 0]])
        state = nn.convert_gru(state, order=gates)  # the library's gate keeps the old state: the sign turns
    else:
        layer = nn.GRU(n_x, n_a, variant="cho" if "Cho" in name else "notes")
        state["_extra_state"] = layer.variant
    layer = layer.double()
    layer.load_state_dict(state)
    return layer


def compare(
    name: str, n_a: int = 5, n_x: int = 3, n_y: int = 4, m: int = 6, T: int = 7, seed: int = 0
) -> dict[str, float]:
    """The largest difference between the two in states, loss and every gradient."""
    rng = np.random.default_rng(seed)
    w = weights(name, n_a, n_x, n_y, rng)
    x, labels = rng.normal(size=(n_x, m, T)), rng.integers(0, n_y, (m, T))
    start = tuple(rng.normal(size=(n_a, m)) for _ in range(NETWORKS[name][3]))
    states, loss, grads = run(name, x, labels, start, w)

    layer = same_layer(name, w, n_a, n_x)
    inputs = autograd.tensor(x.transpose(2, 1, 0).copy(), requires_grad=True)  # (T, m, n_x)
    firsts = [autograd.tensor(part.T[None].copy(), requires_grad=True) for part in start]
    w_y, b_y = (autograd.tensor(w[key].copy(), requires_grad=True) for key in ("W_y", "b_y"))
    output, _ = layer(inputs, tuple(firsts) if len(firsts) > 1 else firsts[0])
    logits = F.linear(output, w_y, b_y.reshape(-1))
    total = F.cross_entropy(logits.reshape(-1, n_y), autograd.tensor(labels.T.reshape(-1))) * T
    total.backward()

    tape = {"x": inputs.grad.numpy().transpose(2, 1, 0), "W_y": w_y.grad.numpy(), "b_y": b_y.grad.numpy()}
    tape["start"] = np.stack([first.grad.numpy()[0].T for first in firsts])
    found = {key: p.grad for key, p in layer.named_parameters()}
    if name == "GRU, torch's form":  # back to the course's gate: changing the sign twice changes nothing
        found = nn.convert_gru(found, order="rzn", to="ruc")
        tape["b_cc"] = found["bias_hh_l0"].numpy()[2 * n_a :, None]
    for i, k in enumerate(NETWORKS[name][2]):
        rows = slice(i * n_a, (i + 1) * n_a)
        parts = [found[key].numpy()[rows] for key in ("weight_hh_l0", "weight_ih_l0")]
        tape[f"W_{k}"], tape[f"b_{k}"] = np.concatenate(parts, 1), found["bias_ih_l0"].numpy()[rows, None]
    differences = {key: float(np.abs(value - tape[key]).max()) for key, value in grads.items()}
    own = output.detach().numpy().transpose(2, 1, 0)
    return {"states": float(np.abs(own - states).max()), "loss": abs(loss - total.item())} | differences


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--units", type=int, default=64, help="n_a (default 64)")
    parser.add_argument("--steps", type=int, default=50, help="T (default 50)")
    parser.add_argument("--seed", type=int, default=0, help="of weights and data (default 0)")
    options = parser.parse_args()
    print(f"{'largest differences':20} {'states':>9} {'loss':>9} {'gradients':>9}")
    for name in NETWORKS:
        found = compare(name, n_a=options.units, T=options.steps, seed=options.seed)
        gradients = max(value for key, value in found.items() if key not in ("states", "loss"))
        print(f"{name:20} {found['states']:9.1e} {found['loss']:9.1e} {gradients:9.1e}")


if __name__ == "__main__":
    main()
