"""The backward formulas of the course, written out by hand, against the tape: they agree to 1e-10.

The course stands examples in columns, (n_x, m), and images as (m, H, W, C); the formulas below keep its letters and
layout, the operations get the library's.
"""

from __future__ import annotations

import numpy as np
import pytest

import autograd as ag
import nn.functional as F
from autograd.tensor import wrap

TOLERANCE = 1e-10


@pytest.fixture
def rng():
    return np.random.default_rng(5)


def leaf(array):
    return wrap(np.array(array)).requires_grad_()


def agree(tensor, expected):
    np.testing.assert_allclose(tensor.grad.numpy(), expected, rtol=TOLERANCE, atol=TOLERANCE)


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def test_logistic_regression(rng):
    x, y = rng.standard_normal((4, 7)), (rng.random((1, 7)) < 0.5).astype(float)  # (n_x, m), (1, m)
    w, b = rng.standard_normal((4, 1)), rng.standard_normal((1, 1))
    m = 7
    a = sigmoid(w.T @ x + b)
    da = -y / a + (1 - y) / (1 - a)
    dz = a - y
    np.testing.assert_allclose(da * a * (1 - a), dz, rtol=1e-9)
    dw, db = x @ dz.T / m, dz.sum(1, keepdims=True) / m

    weight, bias = leaf(w), leaf(b)
    z = ag.matmul(ag.transpose(weight, 0, 1), wrap(x)) + bias
    activation = ag.sigmoid(z)
    losses = -(wrap(y) * ag.log(activation) + (1.0 - wrap(y)) * ag.log(1.0 - activation))
    z.retain_grad()
    activation.retain_grad()
    losses.mean().backward()
    agree(activation, da / m)
    agree(z, dz / m)
    agree(weight, dw)
    agree(bias, db)
    other = leaf(w)
    F.binary_cross_entropy_with_logits(ag.matmul(ag.transpose(other, 0, 1), wrap(x)) + wrap(b), wrap(y)).backward()
    agree(other, dw)


def channels_last(a):
    return np.transpose(a, (0, 2, 3, 1))


@pytest.mark.parametrize(("stride", "pad"), [(1, 0), (2, 1), (1, 2)])
def test_convolution(rng, stride, pad):
    f, n_c = 3, 4
    a_prev = rng.standard_normal((2, 6, 5, 3))  # (m, H, W, C)
    w, b = rng.standard_normal((f, f, 3, n_c)), rng.standard_normal((1, 1, 1, n_c))
    padded = np.pad(a_prev, ((0, 0), (pad, pad), (pad, pad), (0, 0)))
    n_h, n_w = (6 - f + 2 * pad) // stride + 1, (5 - f + 2 * pad) // stride + 1
    dz = rng.standard_normal((2, n_h, n_w, n_c))
    z = np.zeros_like(dz)
    da, dw, db = np.zeros_like(padded), np.zeros_like(w), np.zeros_like(b)
    for i in range(2):
        for h in range(n_h):
            for v in range(n_w):
                rows, columns = slice(h * stride, h * stride + f), slice(v * stride, v * stride + f)
                a_slice = padded[i, rows, columns]
                for c in range(n_c):
                    z[i, h, v, c] = np.sum(a_slice * w[..., c]) + b[0, 0, 0, c]
                    da[i, rows, columns] += w[..., c] * dz[i, h, v, c]
                    dw[..., c] += a_slice * dz[i, h, v, c]
                    db[..., c] += dz[i, h, v, c]
    da = da[:, pad : pad + 6, pad : pad + 5]

    image, weight, bias = leaf(a_prev.transpose(0, 3, 1, 2)), leaf(w.transpose(3, 2, 0, 1)), leaf(b.reshape(-1))
    out = F.conv2d(image, weight, bias, stride=stride, padding=pad)
    np.testing.assert_allclose(channels_last(out.detach().numpy()), z, atol=1e-12)
    out.backward(wrap(dz.transpose(0, 3, 1, 2).copy()))
    agree(image, da.transpose(0, 3, 1, 2))
    agree(weight, dw.transpose(3, 2, 0, 1))
    agree(bias, db.reshape(-1))


@pytest.mark.parametrize("mode", ["max", "average"])
def test_pooling(rng, mode):
    f, stride = 3, 2
    a_prev = rng.integers(0, 3, (2, 7, 7, 2)).astype(float)  # with ties: the first index gets the gradient
    n = (7 - f) // stride + 1
    da = rng.standard_normal((2, n, n, 2))
    expected = np.zeros_like(a_prev)
    for i, h, v, c in np.ndindex(da.shape):
        rows, columns = slice(h * stride, h * stride + f), slice(v * stride, v * stride + f)
        a_slice = a_prev[i, rows, columns, c]
        if mode == "max":
            mask = np.zeros(f * f)
            mask[np.argmax(a_slice)] = 1
            expected[i, rows, columns, c] += mask.reshape(f, f) * da[i, h, v, c]
        else:
            expected[i, rows, columns, c] += np.full((f, f), da[i, h, v, c] / (f * f))

    image = leaf(a_prev.transpose(0, 3, 1, 2))
    pool = F.max_pool2d if mode == "max" else F.avg_pool2d
    pool(image, f, stride).backward(wrap(da.transpose(0, 3, 1, 2).copy()))
    agree(image, expected.transpose(0, 3, 1, 2))


def test_rnn_step(rng):
    n_a, n_x, n_y, m = 4, 3, 2, 5
    w_aa, w_ax, b_a = rng.standard_normal((n_a, n_a)), rng.standard_normal((n_a, n_x)), rng.standard_normal((n_a, 1))
    a_prev, x, da_next = rng.standard_normal((n_a, m)), rng.standard_normal((n_x, m)), rng.standard_normal((n_a, m))
    a_next = np.tanh(w_aa @ a_prev + w_ax @ x + b_a)
    delta = da_next * (1 - a_next**2)

    waa, wax, ba, before, now = (leaf(v) for v in (w_aa, w_ax, b_a, a_prev, x))
    ag.tanh(waa @ before + wax @ now + ba).backward(wrap(da_next))
    agree(wax, delta @ x.T)
    agree(waa, delta @ a_prev.T)
    agree(ba, delta.sum(1, keepdims=True))
    agree(now, w_ax.T @ delta)
    agree(before, w_aa.T @ delta)

    w_ya, b_y, y = rng.standard_normal((n_y, n_a)), rng.standard_normal((n_y, 1)), np.array([0, 1, 1, 0, 1])
    z = w_ya @ a_next + b_y
    p = np.exp(z - z.max(0)) / np.exp(z - z.max(0)).sum(0)
    dz = (p - np.eye(n_y)[:, y]) / m
    wya, by, state = leaf(w_ya), leaf(b_y), leaf(a_next)
    F.cross_entropy(ag.transpose(wya @ state + by, 0, 1), ag.tensor(y)).backward()
    agree(wya, dz @ a_next.T)
    agree(by, dz.sum(1, keepdims=True))
    agree(state, w_ya.T @ dz)


def test_gru_step(rng):
    n_c, n_x, m = 3, 2, 4
    w_u, w_r, w_c = (rng.standard_normal((n_c, n_c + n_x)) for _ in range(3))
    b_u, b_r, b_c = (rng.standard_normal((n_c, 1)) for _ in range(3))
    c_prev, x, dc = rng.standard_normal((n_c, m)), rng.standard_normal((n_x, m)), rng.standard_normal((n_c, m))
    joined = np.concatenate([c_prev, x])
    u, r = sigmoid(w_u @ joined + b_u), sigmoid(w_r @ joined + b_r)
    reset = np.concatenate([r * c_prev, x])
    tilde = np.tanh(w_c @ reset + b_c)
    # c = u * tilde + (1 - u) * c_prev
    d_tilde = dc * u * (1 - tilde**2)
    d_u = dc * (tilde - c_prev) * u * (1 - u)
    d_reset = w_c.T @ d_tilde
    d_r = d_reset[:n_c] * c_prev * r * (1 - r)
    d_joined = w_u.T @ d_u + w_r.T @ d_r
    dc_prev = dc * (1 - u) + d_reset[:n_c] * r + d_joined[:n_c]
    dx = d_reset[n_c:] + d_joined[n_c:]

    wu, wr, wc, bu, br, bc, before, now = (leaf(v) for v in (w_u, w_r, w_c, b_u, b_r, b_c, c_prev, x))
    both = ag.cat([before, now])
    gate_u, gate_r = ag.sigmoid(wu @ both + bu), ag.sigmoid(wr @ both + br)
    candidate = ag.tanh(wc @ ag.cat([gate_r * before, now]) + bc)
    (gate_u * candidate + (1.0 - gate_u) * before).backward(wrap(dc))
    for tensor, d, source in ((wu, d_u, joined), (wr, d_r, joined), (wc, d_tilde, reset)):
        agree(tensor, d @ source.T)
    for tensor, d in ((bu, d_u), (br, d_r), (bc, d_tilde)):
        agree(tensor, d.sum(1, keepdims=True))
    agree(before, dc_prev)
    agree(now, dx)


def test_lstm_step(rng):
    n_a, n_x, m = 3, 2, 4
    weights = {k: rng.standard_normal((n_a, n_a + n_x)) for k in "cifo"}
    biases = {k: rng.standard_normal((n_a, 1)) for k in "cifo"}
    a_prev, c_prev, x = rng.standard_normal((n_a, m)), rng.standard_normal((n_a, m)), rng.standard_normal((n_x, m))
    da, dc = rng.standard_normal((n_a, m)), rng.standard_normal((n_a, m))
    joined = np.concatenate([a_prev, x])
    tilde = np.tanh(weights["c"] @ joined + biases["c"])
    i, f, o = (sigmoid(weights[k] @ joined + biases[k]) for k in "ifo")
    c = f * c_prev + i * tilde
    gamma = {"o": da * np.tanh(c) * o * (1 - o)}
    q = dc + o * (1 - np.tanh(c) ** 2) * da
    gamma["c"] = q * i * (1 - tilde**2)
    gamma["i"] = q * tilde * i * (1 - i)
    gamma["f"] = q * c_prev * f * (1 - f)
    d_joined = sum(weights[k].T @ gamma[k] for k in "cifo")

    w, b = {k: leaf(v) for k, v in weights.items()}, {k: leaf(v) for k, v in biases.items()}
    before, cell, now = leaf(a_prev), leaf(c_prev), leaf(x)
    both = ag.cat([before, now])
    candidate = ag.tanh(w["c"] @ both + b["c"])
    gate = {k: ag.sigmoid(w[k] @ both + b[k]) for k in "ifo"}
    after = gate["f"] * cell + gate["i"] * candidate
    ag.backward([gate["o"] * ag.tanh(after), after], [wrap(da), wrap(dc)])
    for k in "cifo":
        agree(w[k], gamma[k] @ joined.T)
        agree(b[k], gamma[k].sum(1, keepdims=True))
    agree(before, d_joined[:n_a])
    agree(now, d_joined[n_a:])
    agree(cell, q * f)


def test_triplet_loss(rng):
    anchor, positive, negative = (rng.standard_normal((6, 3)) for _ in range(3))
    margin = 0.8
    value = ((anchor - positive) ** 2).sum(1) - ((anchor - negative) ** 2).sum(1) + margin
    active = (value > 0)[:, None]
    assert active.any() and not active.all()
    a, p, n = leaf(anchor), leaf(positive), leaf(negative)
    ag.relu(((a - p) ** 2).sum(1) - ((a - n) ** 2).sum(1) + margin).sum().backward()
    agree(a, active * 2 * (negative - positive))
    agree(p, active * -2 * (anchor - positive))
    agree(n, active * 2 * (anchor - negative))


def test_style_and_content(rng):
    n_c, n_h, n_w = 3, 4, 5
    content, style, generated = (rng.standard_normal((1, n_c, n_h, n_w)) for _ in range(3))
    alpha, beta, layer_weight = 10.0, 40.0, 0.2
    d_content = 2 * (generated - content) / (4 * n_h * n_w * n_c)
    flat = generated.reshape(n_c, -1)
    gram_s = style.reshape(n_c, -1) @ style.reshape(n_c, -1).T
    gap = gram_s - flat @ flat.T
    d_style = (-4 * gap @ flat / (4 * n_c**2 * (n_h * n_w) ** 2)).reshape(generated.shape)

    g = leaf(generated)
    j_content = ((wrap(content) - g) ** 2).sum() / (4.0 * n_h * n_w * n_c)
    unrolled = ag.reshape(g, (n_c, n_h * n_w))
    gram = unrolled @ ag.transpose(unrolled, 0, 1)
    j_style = ((wrap(gram_s) - gram) ** 2).sum() / (4.0 * n_c**2 * (n_h * n_w) ** 2)
    (alpha * j_content + beta * layer_weight * j_style).backward()
    agree(g, alpha * d_content + beta * layer_weight * d_style)
