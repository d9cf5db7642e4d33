"""Recurrent layers against their own definition: cells step by step, packed sequences one by one."""

from __future__ import annotations

import numpy as np
import pytest

import autograd
import nn
from nn.utils import rnn

KINDS = [nn.RNN, nn.GRU, nn.LSTM]
CELLS = {nn.RNN: nn.RNNCell, nn.GRU: nn.GRUCell, nn.LSTM: nn.LSTMCell}


def values(tensor):
    return tensor.detach().numpy()


def first(state):
    return state[0] if isinstance(state, tuple) else state


@pytest.mark.parametrize("kind", KINDS)
def test_a_layer_is_its_cell_step_by_step(kind):
    layer, cell = kind(3, 4).double(), CELLS[kind](3, 4).double()
    cell.load_state_dict({name.removesuffix("_l0"): value for name, value in layer.state_dict().items()})
    x = autograd.randn(5, 2, 3, dtype=autograd.float64)
    outputs, last = layer(x)
    state = None
    for step, out in zip(x, outputs, strict=True):
        state = cell(step, state)
        np.testing.assert_allclose(values(first(state)), values(out), atol=1e-14)
    np.testing.assert_array_equal(values(first(last)[0]), values(outputs[-1]))


def test_lstm_by_hand():
    cell = nn.LSTMCell(1, 1).double()
    for p in cell.parameters():
        nn.init.constant_(p, 0.5)
    h, c = cell(
        autograd.tensor([1.0], dtype=autograd.float64), tuple(autograd.zeros(1, dtype=autograd.float64) for _ in "hc")
    )
    s, t = 1 / (1 + np.exp(-1.5)), np.tanh(1.5)
    np.testing.assert_allclose([float(c), float(h)], [s * t, s * np.tanh(s * t)], rtol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("bidirectional", [False, True])
def test_packed_is_each_sequence_alone(kind, bidirectional):
    layer = kind(3, 4, num_layers=2, bidirectional=bidirectional).double()
    lengths = [2, 5, 1, 5]
    sequences = [autograd.randn(n, 3, dtype=autograd.float64) for n in lengths]
    out, last = layer(rnn.pack_sequence(sequences, enforce_sorted=False))
    padded, found = rnn.pad_packed_sequence(out, batch_first=True)
    assert found.tolist() == lengths
    for i, sequence in enumerate(sequences):
        alone, alone_last = layer(sequence)
        np.testing.assert_allclose(values(padded)[i, : lengths[i]], values(alone), atol=1e-13)
        assert not values(padded)[i, lengths[i] :].any()
        np.testing.assert_allclose(values(first(last))[:, i], values(first(alone_last)), atol=1e-13)


@pytest.mark.parametrize("kind", KINDS)
def test_batch_first_is_a_transposition(kind):
    layer = kind(3, 4, bidirectional=True)
    other = kind(3, 4, bidirectional=True, batch_first=True)
    other.load_state_dict(layer.state_dict())
    x = autograd.randn(5, 2, 3)
    np.testing.assert_allclose(values(layer(x)[0]), values(other(x.transpose(0, 1))[0]).swapaxes(0, 1), atol=1e-6)


def test_backward_direction_reads_from_the_end():
    layer = nn.GRU(2, 3, bidirectional=True)
    layer.load_state_dict(
        {k: v for name, v in layer.state_dict().items() if "reverse" not in name for k in (name, f"{name}_reverse")}
    )
    x = autograd.randn(6, 1, 2)
    np.testing.assert_allclose(values(layer(x)[0])[::-1, :, 3:], values(layer(x.flip(0))[0])[:, :, :3], atol=1e-6)


def test_a_state_carries_over():
    layer, x = nn.LSTM(2, 3, num_layers=2), autograd.randn(6, 1, 2)
    whole, _ = layer(x)
    start, state = layer(x[:4])
    end, _ = layer(x[4:], state)
    np.testing.assert_allclose(values(whole), values(autograd.cat([start, end])), atol=1e-6)


def test_all_weights_and_unused_names():
    layer = nn.LSTM(2, 4, num_layers=2, bidirectional=True, proj_size=3)
    assert [len(part) for part in layer.all_weights] == [5] * 4
    assert layer.weight_ih_l1_reverse.shape == (16, 6) and layer.weight_hr_l0.shape == (3, 4)
    assert layer.flatten_parameters() is None


def test_dropout_of_one_layer_is_warned_of():
    with pytest.warns(UserWarning, match="no effect"):
        nn.GRU(2, 3, dropout=0.5)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: nn.GRU(4, 3)(autograd.ones(5, 2, 3)), "GRU: expected input_size=4"),
        (lambda: nn.GRU(4, 3)(autograd.ones(5)), "GRU: expected an input of 2 dimensions"),
        (
            lambda: nn.LSTM(4, 3)(autograd.ones(5, 2, 4), (autograd.ones(1, 2, 3), autograd.ones(1, 1, 3))),
            r"hidden\[1\]",
        ),
        (lambda: nn.GRU(4, 3)(autograd.ones(5, 2, 4), autograd.ones(2, 2, 3)), r"\(1, 2, 3\), got \(2, 2, 3\)"),
        (lambda: nn.RNN(4, 3, nonlinearity="sine"), "'tanh' or 'relu'"),
        (lambda: nn.LSTM(4, 3, proj_size=3), "below hidden_size"),
        (lambda: nn.GRUCell(4, 3)(autograd.ones(2, 5)), r"GRUCell: expected an input \(batch, 4\)"),
        (lambda: nn.RNNCell(4, 3)(autograd.ones(2, 4), autograd.ones(1, 3)), r"state of shape \(2, 3\), got \(1, 3\)"),
        (lambda: rnn.pack_padded_sequence(autograd.ones(5, 2), [1, 2]), "enforce_sorted=False"),
        (lambda: rnn.pack_padded_sequence(autograd.ones(5, 2), [2, 0]), "greater than 0"),
        (lambda: rnn.pad_packed_sequence(rnn.pack_sequence([autograd.ones(3)]), total_length=2), "at least 3"),
        (lambda: rnn.pad_sequence([]), "at least one"),
    ],
)
def test_errors(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_a_state_of_the_wrong_kind():
    with pytest.raises(TypeError, match=r"\(h_0, c_0\)"):
        nn.LSTM(4, 3)(autograd.ones(5, 2, 4), (autograd.ones(1, 2, 3),))
