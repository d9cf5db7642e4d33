"""Recurrent layers against their own definition: cells step by step, packed sequences one by one."""

from __future__ import annotations

import numpy as np
import pytest

import autograd
import nn
from autograd.check import gradgradcheck
from autograd.forms import RowSums
from autograd.kernels import recurrent as kernels
from autograd.kernels.threads import MOST
from autograd.ops import recurrent as ops
from autograd.samples import Draw
from autograd.tensor import wrap
from examples import rnn_by_hand
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


@pytest.mark.parametrize("case", range(len(ops._samples(Draw()))))
def test_kernels_and_composed_steps_are_one_function(case):
    *arrays, kind, sizes, reverse = ops._samples(Draw(1))[case]
    leaves = [None if a is None else wrap(a.copy()).requires_grad_() for a in arrays]
    fused, plain = ops._recurrent(*leaves, kind, sizes, reverse), ops.composed(kind, sizes, reverse, *leaves)
    gradients = []
    for outputs in (fused, plain):
        outputs = [out for out in outputs[:3] if out is not None and out.numel()]
        weights = Draw(2)
        total = sum((out * wrap(weights(*out.shape))).sum() for out in outputs)
        gradients.append([*outputs, *autograd.grad(total, [leaf for leaf in leaves if leaf is not None])])
    assert len(gradients[0]) == len(gradients[1])
    for one, other in zip(*gradients, strict=True):
        np.testing.assert_allclose(values(one), values(other), rtol=0, atol=1e-13)


@pytest.mark.parametrize("kind", KINDS)
def test_second_order_of_packed_bidirectional_layers(kind):
    layer = kind(2, 2, num_layers=2, bidirectional=True).double()
    x = wrap(Draw(0)(4, 2)).requires_grad_()
    sizes = autograd.tensor([2, 1, 1])

    def run(data, *weights):
        parameters = dict(zip(dict(layer.named_parameters()), weights, strict=True))
        output, last = nn.utils.functional_call(layer, parameters, (rnn.PackedSequence(data, sizes),))
        return output.data, first(last)

    gradgradcheck(run, [x, *layer.parameters()], atol=1e-4)


def test_one_tensor_as_input_and_as_state_gets_both_gradients_in_every_order():
    cell = nn.GRUCell(3, 3).double()
    x = wrap(Draw(0)(2, 3)).requires_grad_()
    gradgradcheck(lambda x: cell(x, x), [x], atol=1e-4)
    plain, recorded = (autograd.grad(cell(x, x).sum(), [x], create_graph=order > 1)[0] for order in (1, 2))
    np.testing.assert_allclose(values(recorded), values(plain), atol=1e-14)


def equations(variant, x, h, layer):
    """One step of a GRU as its docstring has it, in numpy."""
    n = layer.hidden_size
    w, v = values(layer.weight_ih_l0), values(layer.weight_hh_l0)
    b = values(layer.bias_ih_l0)

    def gate(k, before):
        return x @ w[k * n : k * n + n].T + before @ v[k * n : k * n + n].T + b[k * n : k * n + n]

    r, u = (1 / (1 + np.exp(-gate(k, h))) for k in (0, 1))
    new = np.tanh(gate(2, r * (np.tanh(h) if variant == "notes" else h)))
    return u * new + (1 - u) * h


@pytest.mark.parametrize("variant", ["cho", "notes"])
def test_other_forms_of_gru(variant):
    layer = nn.GRU(3, 4, variant=variant).double()
    assert f"variant='{variant}'" in repr(layer) and "bias_hh_l0" not in layer.state_dict()
    cell = nn.GRUCell(3, 4, variant=variant).double()
    cell.load_state_dict({name.removesuffix("_l0"): value for name, value in layer.state_dict().items()})
    x = autograd.randn(5, 2, 3, dtype=autograd.float64)
    state, h = None, np.zeros((2, 4))
    for step, out in zip(x, layer(x)[0], strict=True):
        state, h = cell(step, state), equations(variant, step.numpy(), h, layer)
        np.testing.assert_allclose(values(out), h, atol=1e-13)
        np.testing.assert_allclose(values(state), h, atol=1e-13)


def test_three_forms_are_three_functions():
    torchs = nn.GRU(3, 4, bias=False).double()
    x, found = autograd.randn(5, 2, 3, dtype=autograd.float64), []
    for variant in ("torch", "cho", "notes"):
        layer = nn.GRU(3, 4, bias=False, variant=variant).double()
        order = {"torch": "rzn", "cho": "run", "notes": "run"}[variant]
        with autograd.no_grad():
            for name, p in layer.named_parameters():
                blocks = dict(zip("run", np.split(values(getattr(torchs, name)), 3), strict=True))
                blocks["z"] = -blocks["u"]
                p.copy_(autograd.tensor(np.concatenate([blocks[letter] for letter in order])))
        found.append(values(layer(x)[0]))
    for i in range(3):
        for j in range(i):
            assert abs(found[i] - found[j]).max() > 1e-3


@pytest.mark.parametrize("made", [nn.GRU, nn.GRUCell])
@pytest.mark.parametrize("bias", [True, False])
def test_weights_do_not_pass_from_form_to_form(made, bias):
    layers = {variant: made(3, 4, bias=bias, variant=variant) for variant in ("torch", "cho", "notes")}
    for source, giver in layers.items():
        for target, taker in layers.items():
            if source == target:
                taker.load_state_dict(giver.state_dict())
            else:
                model = nn.Sequential(nn.Linear(3, 3), taker)  # what comes before the layer must not be copied either
                before = {name: values(p) for name, p in model.named_parameters()}
                state = nn.Sequential(nn.Linear(3, 3), giver).state_dict()
                with pytest.raises((RuntimeError, ValueError), match="variant|key"):
                    model.load_state_dict(state)
                for name, p in model.named_parameters():
                    np.testing.assert_array_equal(values(p), before[name])
    with pytest.raises(ValueError, match="different functions"):
        nn.convert_gru(layers["cho"].state_dict(), "run", variant="cho", to_variant="notes")


def test_gate_orders_and_signs_convert_within_a_form():
    layer = nn.GRU(2, 3, num_layers=2, bidirectional=True)
    state = layer.state_dict()
    there = nn.convert_gru(state, "rzn", to="ucr")
    r, z, n = np.split(state["weight_ih_l1_reverse"].numpy(), 3)
    np.testing.assert_array_equal(there["weight_ih_l1_reverse"].numpy(), np.concatenate([-z, n, r]))
    r, z, n = np.split(state["bias_hh_l0"].numpy(), 3)
    np.testing.assert_array_equal(there["bias_hh_l0"].numpy(), np.concatenate([-z, n, r]))
    back = nn.convert_gru(there, "ucr")
    for name, value in state.items():
        np.testing.assert_array_equal(back[name].numpy(), value.numpy())
    cho = nn.GRU(2, 3, variant="cho").state_dict()
    assert (
        nn.convert_gru(nn.convert_gru(cho, "run", to="nzr", variant="cho"), "nzr", variant="cho").keys() == cho.keys()
    )
    for order in ("rzz", "rz", "ruz", "abc"):
        with pytest.raises(ValueError, match="letters"):
            nn.convert_gru(state, order)
    with pytest.raises(ValueError, match="variant 'lstm'"):
        nn.GRU(2, 3, variant="lstm")


@pytest.mark.parametrize("kind", KINDS)
def test_truncated_backpropagation_stays_in_its_piece(kind):
    layer, x = kind(2, 3).double(), autograd.randn(6, 1, 2, dtype=autograd.float64, requires_grad=True)
    _, state = layer(x[:4])
    output, _ = layer(x[4:], rnn.detach_state(state))
    np.testing.assert_allclose(values(output), values(layer(x)[0][4:]), atol=1e-14)
    output.sum().backward()
    assert not x.grad.numpy()[:4].any() and x.grad.numpy()[4:].all()
    assert rnn.detach_state(None) is None


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("bidirectional", [False, True])
def test_padding_has_no_gradient(kind, bidirectional):
    layer = kind(3, 4, num_layers=2, bidirectional=bidirectional)
    x = autograd.randn(3, 5, 3, requires_grad=True)
    lengths = np.array([2, 5, 1])
    packed = rnn.pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
    output, _ = rnn.pad_packed_sequence(layer(packed)[0], batch_first=True)
    (output * autograd.randn(*output.shape)).sum().backward()
    padding = np.arange(5) >= lengths[:, None]
    assert not x.grad.numpy()[padding].any() and x.grad.numpy()[~padding].all()


@pytest.mark.parametrize("name", rnn_by_hand.NETWORKS)
def test_equations_by_hand(name):
    for what, difference in rnn_by_hand.compare(name).items():
        assert difference < 1e-10, what
    x = np.zeros((3, 6, 7))
    w = rnn_by_hand.weights(name, 5, 3, 4, np.random.default_rng(0))
    start = (np.zeros((5, 6)),) * rnn_by_hand.NETWORKS[name][3]
    _, _, grads = rnn_by_hand.run(name, x, np.zeros((6, 7), int), start, w)
    assert all(abs(value).max() > 0 for value in grads.values())  # nothing is compared with nothing


def test_an_output_changed_in_place_is_an_error_in_backward():
    output, _ = nn.LSTM(2, 3)(autograd.randn(4, 1, 2))
    with autograd.no_grad():
        output.add_(1.0)
    with pytest.raises(RuntimeError, match="changed in place"):
        output.sum().backward()


@pytest.mark.parametrize("made", [
    lambda: nn.RNN(5, 9), lambda: nn.GRU(5, 9, batch_first=True), lambda: nn.GRU(5, 9, variant="cho"),
    lambda: nn.GRU(5, 9, variant="notes"), lambda: nn.LSTM(5, 9, batch_first=True, bidirectional=True, num_layers=2),
    lambda: nn.LSTM(5, 9, proj_size=4),
])  # fmt: skip
def test_words_that_repeat_are_multiplied_once(made, monkeypatch):
    autograd.manual_seed(0)
    table, layer = nn.Embedding(7, 5).double(), made().double()
    words = autograd.from_numpy(np.random.default_rng(0).integers(0, 6, (20, 20)))  # one word does not occur

    def run(retain):
        nn.ModuleList([table, layer]).zero_grad()
        x = table(words)
        if retain:
            x.retain_grad()
        output = layer(x)[0]
        (output * autograd.arange(output.numel(), dtype=output.dtype).reshape(output.shape)).sum().backward()
        return [values(output), *[values(p.grad) for p in [*table.parameters(), *layer.parameters()]]]

    known, sums = [], []
    distinct, init = kernels.distinct, RowSums.__init__
    monkeypatch.setattr(kernels, "distinct", lambda *args: known.append(distinct(*args)) or known[-1])
    monkeypatch.setattr(RowSums, "__init__", lambda self, *args: sums.append(self) or init(self, *args))
    by_word, whole = run(False), run(True)
    assert len(known[0].first) < 7 and sums
    monkeypatch.setattr(kernels, "distinct", lambda *args: None)
    for one, other, plain in zip(by_word, whole, run(False), strict=True):
        np.testing.assert_allclose(one, plain, rtol=1e-10, atol=1e-10 * abs(plain).max())
        np.testing.assert_allclose(other, plain, rtol=1e-10, atol=1e-10 * abs(plain).max())


def words_and_layer(**options):
    """A table, a layer whose words repeat, those words, and a function that makes a loss of an input."""
    autograd.manual_seed(0)
    table, layer = nn.Embedding(5, 3, **options).double(), nn.GRU(3, 4, batch_first=True).double()
    words = autograd.from_numpy(np.random.default_rng(0).integers(0, 5, (8, 20)))
    return table, layer, words, lambda x: (layer(x)[0] * autograd.arange(4, dtype=autograd.float64)).sin().sum()


def without_words(monkeypatch, compute):
    """What `compute` gives with the words multiplied once each, and with every row for itself."""
    found = compute()
    monkeypatch.setattr(kernels, "distinct", lambda *args: None)
    return found, compute()


@pytest.mark.parametrize("options", [{"padding_idx": 1}, {"scale_grad_by_freq": True}, {"sparse": True}, {}])
def test_every_kind_of_table_learns_from_the_sums_of_its_words(options, monkeypatch):
    table, _, words, loss = words_and_layer(**options)
    with autograd.no_grad():
        table.weight[3] = table.weight[2]  # two words, equal rows
        if not options:
            table.weight[4] += 1.0

    def compute():
        table.weight.grad = None
        x = table(words)
        (loss(x) + (x * x).sum() if not options else loss(x)).backward()
        g = table.weight.grad
        return g.to_dense() if options.get("sparse") else values(g)

    found, expected = without_words(monkeypatch, compute)
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-12)


def test_whoever_looks_at_the_gradient_of_the_words_sees_all_of_it(monkeypatch):
    table, _, words, loss = words_and_layer()

    def compute():
        seen = []
        x = table(words)
        x.register_hook(lambda g: seen.append(values(g)))
        loss(x).backward()
        x = table(words)
        seen += [values(g) for g in autograd.grad(loss(x), (x, table.weight))]
        x = table(words)
        (g,) = autograd.grad(loss(x), table.weight, create_graph=True)
        seen += [values(g), values(autograd.grad((g * g).sum(), table.weight)[0])]
        late = table(words)
        value = loss(late)
        late.retain_grad()
        value.backward()
        return [*seen, values(late.grad)]

    for one, other in zip(*without_words(monkeypatch, compute), strict=True):
        assert one.shape == other.shape
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-11)


def test_words_whose_rows_were_changed_do_not_repeat():
    autograd.manual_seed(0)
    table, layer, words = nn.Embedding(2, 3), nn.RNN(3, 4), np.zeros((20, 2), np.int64)
    x = table(autograd.from_numpy(words))
    x.detach().numpy()[3, 1] = 2.0
    expected = layer(x.detach().clone())[0]
    np.testing.assert_array_equal(values(layer(x)[0]), values(expected))


def test_same_bits_on_any_number_of_threads():
    results = []
    for threads in (1, MOST):
        autograd.set_num_threads(threads)
        autograd.manual_seed(0)
        layer, x = nn.LSTM(20, 48, num_layers=2, bidirectional=True), autograd.randn(12, 60, 20, requires_grad=True)
        layer(x)[0].sum().backward()
        table, of_words = nn.Embedding(9, 20), nn.LSTM(20, 48)
        output = of_words(table(autograd.arange(12 * 60).reshape(12, 60) % 9))[0]
        output.sum().backward()
        parts = [*layer.parameters(), *table.parameters(), *of_words.parameters()]
        results.append([x.grad.numpy(), output.detach().numpy(), *[p.grad.numpy() for p in parts]])
    for one, other in zip(*results, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"h": wrap(np.zeros((2, 3)))}, "h_0 has shape"),
        ({"weight_ih": wrap(np.zeros((5, 3)))}, "weight_ih has shape"),
        ({"bias_hh": wrap(np.zeros(6, np.float32))}, "bias_hh is float32"),
        ({"sizes": (2, 3)}, "do not go together"),
    ],
)
def test_what_the_kernels_are_given_is_checked(change, message):
    names = ("input", "h", "c", "weight_ih", "weight_hh", "bias_ih", "bias_hh", "weight_hr", "kind", "sizes", "reverse")
    case = dict(zip(names, ops._samples(Draw(0))[2], strict=True))
    assert case["kind"] == kernels.GRU
    with pytest.raises((ValueError, TypeError), match=message):
        ops._recurrent(**{name: wrap(v) if isinstance(v, np.ndarray) else v for name, v in (case | change).items()})
