"""Recurrent layers, cells and packed sequences beside torch: outputs, states and every gradient."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

import autograd
import nn

MODES = ["RNN", "GRU", "LSTM"]
rng = np.random.default_rng(0)


def twins(name, *args, **kwargs):
    """The layer in both libraries, in float64, with the same parameters."""
    ours = getattr(nn, name)(*args, **kwargs).double()
    theirs = getattr(torch.nn, name)(*args, **kwargs).double()
    assert repr(ours) == repr(theirs)
    assert [(k, tuple(p.shape)) for k, p in ours.named_parameters()] == [
        (k, tuple(p.shape)) for k, p in theirs.named_parameters()
    ]
    ours.load_state_dict(theirs.state_dict())
    return ours, theirs


def pair(*shape):
    x = rng.standard_normal(shape)
    return autograd.tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)


def flat(outs):
    """Every tensor in nested tuples."""
    if isinstance(outs, (tuple, list)):
        return [t for out in outs for t in flat(out)]
    return [] if outs is None else [outs]


def agree(ours, theirs, inputs, outs, touts):
    """Outputs, and the gradients of a fixed random function of them for inputs and parameters."""
    outs, touts = flat(outs), flat(touts)
    assert len(outs) == len(touts)
    loss, tloss = 0.0, 0.0
    for a, b in zip(outs, touts, strict=True):
        assert tuple(a.shape) == tuple(b.shape)
        np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), atol=1e-10)
        if a.is_floating_point():
            w = rng.standard_normal(a.shape)
            loss, tloss = loss + (a * autograd.tensor(w)).sum(), tloss + (b * torch.tensor(w)).sum()
    loss.backward()
    tloss.backward()
    for a, b in inputs:
        np.testing.assert_allclose(a.grad.numpy(), b.grad.numpy(), atol=1e-9)
    for (name, a), b in zip(ours.named_parameters(), theirs.parameters(), strict=True):
        np.testing.assert_allclose(a.grad.numpy(), b.grad.numpy(), atol=1e-9, err_msg=name)


SETTINGS = [
    {},
    {"num_layers": 2},
    {"bidirectional": True},
    {"num_layers": 3, "bidirectional": True, "batch_first": True},
    {"bias": False, "num_layers": 2},
]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("settings", SETTINGS, ids=str)
@pytest.mark.parametrize("given", [False, True])
def test_sequences(mode, settings, given):
    ours, theirs = twins(mode, 4, 3, **settings)
    x, tx = pair(*((2, 5, 4) if settings.get("batch_first") else (5, 2, 4)))
    n = settings.get("num_layers", 1) * (2 if settings.get("bidirectional") else 1)
    states = [pair(n, 2, 3) for _ in range(2 if mode == "LSTM" else 1)] if given else []
    hx, thx = (
        (tuple(s[i] for s in states) if mode == "LSTM" else states[0][i] for i in range(2)) if given else (None, None)
    )
    agree(ours, theirs, [(x, tx), *states], ours(x, hx), theirs(tx, thx))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("settings", [{}, {"num_layers": 2, "bidirectional": True}], ids=str)
def test_unbatched(mode, settings):
    ours, theirs = twins(mode, 4, 3, **settings)
    x, tx = pair(5, 4)
    agree(ours, theirs, [(x, tx)], ours(x), theirs(tx))
    n = 4 if settings else 1
    states = [pair(n, 3) for _ in range(2 if mode == "LSTM" else 1)]
    x, tx = pair(5, 4)
    hx, thx = (tuple(s[i] for s in states) if mode == "LSTM" else states[0][i] for i in range(2))
    ours.zero_grad()
    theirs.zero_grad()
    agree(ours, theirs, [(x, tx), *states], ours(x, hx), theirs(tx, thx))


@pytest.mark.parametrize("settings", [{}, {"num_layers": 2, "bidirectional": True}], ids=str)
def test_projection(settings):
    ours, theirs = twins("LSTM", 4, 5, proj_size=2, **settings)
    n = 4 if settings else 1
    x, tx = pair(6, 3, 4)
    (h, th), (c, tc) = pair(n, 3, 2), pair(n, 3, 5)
    agree(ours, theirs, [(x, tx), (h, th), (c, tc)], ours(x, (h, c)), theirs(tx, (th, tc)))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("lengths", [[5, 5, 5], [5, 3, 1], [2, 5, 3], [1, 1, 4]], ids=str)
@pytest.mark.parametrize("given", [False, True])
def test_packed(mode, bidirectional, lengths, given):
    ours, theirs = twins(mode, 4, 3, num_layers=2, bidirectional=bidirectional)
    x, tx = pair(5, 3, 4)
    packed = nn.utils.rnn.pack_padded_sequence(x, lengths, enforce_sorted=False)
    tpacked = torch.nn.utils.rnn.pack_padded_sequence(tx, lengths, enforce_sorted=False)
    np.testing.assert_array_equal(packed.batch_sizes.numpy(), tpacked.batch_sizes.numpy())
    n = 4 if bidirectional else 2
    states = [pair(n, 3, 3) for _ in range(2 if mode == "LSTM" else 1)] if given else []
    hx, thx = (
        (tuple(s[i] for s in states) if mode == "LSTM" else states[0][i] for i in range(2)) if given else (None, None)
    )
    out, last = ours(packed, hx)
    tout, tlast = theirs(tpacked, thx)
    padded, found = nn.utils.rnn.pad_packed_sequence(out, total_length=7, padding_value=-1.5)
    tpadded, tfound = torch.nn.utils.rnn.pad_packed_sequence(tout, total_length=7, padding_value=-1.5)
    agree(ours, theirs, [(x, tx), *states], (padded, found, last), (tpadded, tfound, tlast))


@pytest.mark.parametrize("name", ["RNNCell", "GRUCell", "LSTMCell"])
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("batch", [(), (3,)])
def test_cells(name, bias, batch):
    ours, theirs = twins(name, 4, 5, bias=bias)
    x, tx = pair(*batch, 4)
    states = [pair(*batch, 5) for _ in range(2 if name == "LSTMCell" else 1)]
    hx, thx = (tuple(s[i] for s in states) if name == "LSTMCell" else states[0][i] for i in range(2))
    agree(ours, theirs, [(x, tx), *states], ours(x, hx), theirs(tx, thx))
    np.testing.assert_allclose(flat(ours(x))[0].detach().numpy(), flat(theirs(tx))[0].detach().numpy(), atol=1e-12)


@pytest.mark.parametrize("name", ["RNN", "RNNCell"])
def test_relu(name):
    ours, theirs = twins(name, 4, 3, nonlinearity="relu")
    x, tx = pair(2, 4)
    agree(ours, theirs, [(x, tx)], ours(x), theirs(tx))


def test_second_order():
    ours, theirs = twins("LSTM", 2, 3)
    x, tx = pair(3, 2, 2)
    (g,) = autograd.grad((ours(x)[0] ** 2).sum(), [x], create_graph=True)
    (tg,) = torch.autograd.grad((theirs(tx)[0] ** 2).sum(), [tx], create_graph=True)
    (g**2).sum().backward()
    (tg**2).sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), tx.grad.numpy(), atol=1e-10)
    for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
        np.testing.assert_allclose(a.grad.numpy(), b.grad.numpy(), atol=1e-10)


def test_initial_bounds():
    autograd.manual_seed(0)
    layer = nn.GRU(7, 100, num_layers=2, bidirectional=True)
    for name, p in layer.named_parameters():
        assert 0.08 < abs(p.detach().numpy()).max() <= 0.1, name
        assert abs(p.detach().numpy().mean()) < 0.02, name


def test_dropout_between_layers_only():
    ours = nn.LSTM(4, 3, num_layers=2, dropout=1.0).double()
    x = autograd.tensor(rng.standard_normal((5, 2, 4)))
    # with every output of the first layer dropped the second sees zeros, whatever the input
    np.testing.assert_array_equal(ours(x)[0].detach().numpy(), ours(x * 2)[0].detach().numpy())
    first_layer = [ours(y)[1][0][0].detach().numpy() for y in (x, x * 2)]
    assert abs(first_layer[0] - first_layer[1]).max() > 1e-3
    assert abs(ours.eval()(x)[0].detach().numpy() - ours(x * 2)[0].detach().numpy()).max() > 1e-3


@pytest.mark.parametrize("batch_first", [False, True])
def test_padding_helpers(batch_first):
    u, t = nn.utils.rnn, torch.nn.utils.rnn
    xs = [rng.standard_normal((n, 2)) for n in (3, 1, 4)]
    ours, theirs = [autograd.tensor(x) for x in xs], [torch.tensor(x) for x in xs]
    for side in ("right", "left"):
        a, b = (m.pad_sequence(s, batch_first, -2.0, side) for m, s in ((u, ours), (t, theirs)))
        np.testing.assert_array_equal(a.numpy(), b.numpy())
    a, b = u.pack_sequence(ours, enforce_sorted=False), t.pack_sequence(theirs, enforce_sorted=False)
    for x, y in zip(a, b, strict=True):
        np.testing.assert_array_equal(x.numpy(), y.numpy())
    for x, y in itertools.chain(
        zip(u.unpack_sequence(a), xs, strict=True),
        zip(u.unpad_sequence(u.pad_sequence(ours, batch_first), [3, 1, 4], batch_first), xs, strict=True),
    ):
        np.testing.assert_array_equal(x.numpy(), y)


@pytest.mark.parametrize(
    "call",
    [
        lambda m, f: m.LSTM(4, 3)(f(5, 2, 3)),
        lambda m, f: m.LSTM(4, 3)(f(5, 2, 4, 1)),
        lambda m, f: m.GRU(4, 3)(f(5, 2, 4), f(1, 3, 3)),
        lambda m, f: m.LSTM(4, 3)(f(5, 2, 4), (f(1, 2, 3), f(1, 2, 2))),
        lambda m, f: m.GRU(4, 0),
        lambda m, f: m.LSTM(4, 3, proj_size=3),
        lambda m, f: m.RNN(4, 3, nonlinearity="sine"),
        lambda m, f: m.GRU(4, 3, dropout=1.5),
        lambda m, f: m.GRUCell(4, 3)(f(2, 5)),
        lambda m, f: m.LSTMCell(4, 3)(f(2, 4), (f(2, 3), f(3, 3))),
        lambda m, f: m.utils.rnn.pack_padded_sequence(f(5, 2, 4), [2, 3]),
        lambda m, f: m.utils.rnn.pack_padded_sequence(f(5, 2, 4), [2, 0]),
        lambda m, f: m.utils.rnn.pack_padded_sequence(f(5, 2, 4), [3, 2, 1]),
    ],
)
def test_errors_are_of_torchs_kind(call):
    with pytest.raises(Exception) as theirs:
        call(torch.nn, lambda *shape: torch.zeros(shape))
    with pytest.raises(type(theirs.value)):
        call(nn, lambda *shape: autograd.zeros(*shape))


def test_a_length_beyond_the_input_is_an_error():
    with pytest.raises(RuntimeError, match="at most 5"):  # torch reads past the sequence
        nn.utils.rnn.pack_padded_sequence(autograd.zeros(5, 2, 4), [6, 1])
