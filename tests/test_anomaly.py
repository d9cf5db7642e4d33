"""Guards while a program runs: the first NaN or infinity, the tape shown, the times summed."""

from __future__ import annotations

import inspect
import shutil

import numpy as np
import pytest

import autograd as ag
import nn
from autograd import tape
from autograd.anomaly import AnomalyError
from autograd.op import REGISTRY
from autograd.tape import mode
from autograd.tensor import wrap


class Logs(nn.Module):
    """log in a module of its own, so that it has a path."""

    def forward(self, x):
        return ag.log(x)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(3, 3), Logs())

    def forward(self, x):
        return self.body(x).sum()


def leaf(*values, dtype=np.float64):
    return wrap(np.array(values, dtype)).requires_grad_()


# ------------------------------------------------------------------------------------------------ anomalies


def test_forward_names_operation_module_and_line():
    net = Net().double()
    with ag.no_grad():
        net.body[0].weight.zero_()
        net.body[0].bias.copy_(ag.tensor([1.0, -1.0, 2.0]))
    with (
        ag.detect_anomaly(),
        pytest.raises(AnomalyError, match=r"log: 1 NaN among 6 values, first at \[0, 1\]|log: 2 NaN") as caught,
    ):
        net(wrap(np.ones((2, 3))))
    assert caught.value.op == "log" and caught.value.path == "body.1"
    assert caught.value.line.startswith(__file__)
    number = int(caught.value.line.rsplit(":", 1)[1])
    with open(__file__, encoding="utf-8") as file:
        assert "ag.log(x)" in file.read().splitlines()[number - 1]


def test_backward_names_the_operation_whose_gradient_is_infinite():
    x = leaf(0.0, 4.0)
    with ag.detect_anomaly():
        y = ag.sqrt(x * 1.0).sum()  # the forward pass is finite
        with pytest.raises(AnomalyError, match="backward of sqrt: the gradient of its argument 0 has 1 inf") as caught:
            y.backward()
    assert caught.value.op == "sqrt" and __file__ in caught.value.line


def test_backward_outside_the_block_is_still_watched():
    with ag.detect_anomaly():
        y = ag.sqrt(leaf(0.0)).sum()
    with pytest.raises(AnomalyError, match="backward of sqrt"):
        y.backward()


def test_nan_that_came_with_the_data_is_said_to_come_from_there():
    with ag.detect_anomaly(), pytest.raises(AnomalyError, match="mul: its argument 1 brings 1 NaN"):
        leaf(1.0, 2.0) * ag.tensor([1.0, float("nan")], dtype=ag.float64)


def test_infinity_on_purpose_passes_and_nan_from_it_does_not():
    x = leaf(1.0, 2.0, 3.0)
    with ag.detect_anomaly():
        masked = ag.masked_fill(x, ag.tensor([False, True, False]), float("-inf"))
        ag.softmax(masked, 0).sum().backward()
        assert np.isfinite(x.grad.numpy()).all()
        with pytest.raises(AnomalyError, match=r"sub: 1 NaN .*its arguments are infinite in places"):
            masked - masked


def test_a_gradient_that_starts_as_nan_is_reported_as_incoming():
    with ag.detect_anomaly():
        y = leaf(1.0) * 2.0
    with pytest.raises(AnomalyError, match="incoming gradient has 1 NaN"):
        y.backward(ag.tensor([float("nan")], dtype=ag.float64))


def test_the_first_bad_operation_is_named_not_a_later_one():
    x = leaf(-1.0)
    with ag.detect_anomaly(), pytest.raises(AnomalyError) as caught:
        (ag.exp(ag.log(x)) + 1.0).sum()
    assert caught.value.op == "log"


def test_nothing_stays_behind_and_gradients_are_the_same():
    def gradient(watched):
        x = leaf(0.5, 1.5)
        with ag.detect_anomaly(check_nan=watched):
            y = (ag.exp(x) * ag.tanh(x)).sum()
            (g,) = ag.grad(y, x, create_graph=True)
            (h,) = ag.grad(g.sum(), x)
        return g.detach().numpy(), h.numpy()

    for plain, watched in zip(gradient(False), gradient(True), strict=True):
        np.testing.assert_array_equal(plain, watched)
    assert not mode.watched and mode.watchers == ()
    ag.log(leaf(-1.0))


def test_switched_on_for_good():
    ag.set_detect_anomaly(True)
    try:
        with pytest.raises(AnomalyError):
            ag.log(leaf(-1.0))
    finally:
        ag.set_detect_anomaly(False)
    ag.log(leaf(-1.0))
    assert not mode.watched


# ------------------------------------------------------------------------------------------------ the tape shown


def test_show_lists_operations_shapes_bytes_times_and_modules(capsys):
    net = Net().double()
    with ag.no_grad():
        net.body[0].weight.fill_(1.0)
        net.body[0].bias.fill_(1.0)
    with ag.profile():
        loss = net(wrap(np.ones((2, 3))))
        loss.backward(retain_graph=True)
    text = tape.show(loss)
    assert capsys.readouterr().out.strip() == text.strip()
    rows = {line.split()[1]: line for line in text.splitlines()[2:-1] if "(leaf)" not in line}
    assert list(rows) == ["linear", "log", "sum"]
    assert "2x3" in rows["log"] and "48" in rows["log"] and "body.1" in rows["log"] and __file__ in rows["log"]
    assert all(float(part) >= 0 for part in rows["log"].split()[6:8])
    assert text.splitlines()[-1].startswith("3 operations, 2 leaves")


def test_show_without_times_says_how_to_get_them(capsys):
    x = leaf(1.0, 2.0)
    loss = (ag.exp(x) * x).sum()
    text = tape.show(loss)
    assert "inside autograd.profile()" in text and "#0 2" in text
    loss.backward()
    assert "freed" in tape.show(loss)
    with pytest.raises(ValueError, match="no history"):
        tape.show(ag.ones(2))
    capsys.readouterr()


def test_picture_by_graphviz_or_as_text(tmp_path, capsys, monkeypatch):
    x = leaf(1.0, 2.0)
    y = ag.exp(x)
    loss = (y * y + ag.split(x, 1)[0]).sum()
    monkeypatch.setattr(shutil, "which", lambda name: None)
    tape.show(loss, tmp_path / "tape.svg")
    lines = (tmp_path / "tape.txt").read_text().splitlines()
    assert lines[0].split()[1] == "sum" and lines[-1].strip().endswith("(leaf) 2")
    assert sum("exp" in line for line in lines) == 2 and any("(above)" in line for line in lines)
    monkeypatch.undo()
    from autograd.tape_show import dot

    text = dot(loss)
    assert text.count("->") == sum(e is not None for n in _all(loss) for e in n.edges)
    if shutil.which("dot"):
        tape.show(loss, tmp_path / "drawn.svg")
        assert "<svg" in (tmp_path / "drawn.svg").read_text()
    capsys.readouterr()


def _all(output):
    from autograd.tape_show import _nodes, _root

    return _nodes(_root(output))


# ------------------------------------------------------------------------------------------------ times


def test_profile_sums_by_operation_and_by_module():
    net = nn.Sequential(nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 2))
    x = ag.ones(3, 4)
    before = REGISTRY["tanh"].call
    with ag.profile() as p:
        net(x).sum().backward()
        with ag.no_grad():
            net(x)
    ops = {row.name: row for row in p.by_op()}
    assert ops["linear"].calls == 4 and ops["tanh"].calls == 2 and ops["sum"].calls == 1
    assert ops["linear"].forward > 0 and ops["linear"].backward > 0
    assert ops["tanh"].kept == 3 * 4 * 4, "tanh keeps its output, and only where it was recorded"
    modules = {row.name: row for row in p.by_module()}
    assert set(modules) == {"0", "1", "2", ""} and modules["0"].calls == 2
    assert sum(row.calls for row in p.by_op()) == sum(row.calls for row in p.by_module()) == len(p.calls)
    assert "linear" in str(p) and "backward ms" in str(p)
    calls = len(p.calls)
    net(x).sum().backward()
    assert len(p.calls) == calls and not mode.watched and REGISTRY["tanh"].call is before


class Wrong(ag.Function):
    @staticmethod
    def forward(ctx, x):
        return x * 2

    @staticmethod
    def backward(ctx, g):
        raise LookupError("no such thing")


class Outer(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2))

    def forward(self, x):
        return self.layers(x).sum() + Wrong.apply(self.layers[1].weight).sum()


@pytest.mark.parametrize("check_nan", [True, False])
def test_an_error_in_backward_names_operation_line_and_parameter(check_nan):
    model = Outer()
    with ag.detect_anomaly(check_nan=check_nan):
        y = model(ag.ones(2, 3))
    with pytest.raises(LookupError) as caught:
        y.backward()
    (note,) = caught.value.__notes__
    assert "in the backward of Wrong, recorded in " in note and "test_anomaly.py:" in note
    assert "argument 0 is parameter 'layers.1.weight' of Outer" in note


CALLS = {
    "two": lambda w: w * w,  # two
    "one": lambda w: w.tanh(),  # one
    "view": lambda w: w.unsqueeze(0),  # view
    "several": lambda w: w.sort().values,  # several
    "statics": lambda w: w.softmax(0),  # statics
    "reduced": lambda w: w.sum(),  # reduced
    "joined": lambda w: ag.stack([w, w]),  # joined
    "custom": lambda w: Cubed.apply(w),  # custom
}


class Cubed(ag.Function):
    @staticmethod
    def forward(ctx, x):
        return x**3

    @staticmethod
    def backward(ctx, g):
        return g


@pytest.mark.parametrize("call", CALLS)
def test_an_error_in_backward_names_the_line_without_anomaly_detection(call):
    w = nn.Parameter(ag.ones(3))
    keep = nn.ParameterDict({"w": w})
    y = CALLS[call](w)
    getattr(y._node, "node", y._node).values = None  # as backward leaves it
    with open(__file__, encoding="utf-8") as file:
        line = next(k for k, text in enumerate(file, 1) if text.rstrip().endswith(f"# {call}"))
    with pytest.raises(
        RuntimeError, match=rf"recorded in .*test_anomaly.py:{line}\b.*; argument 0 is parameter 'w' of"
    ):
        y.backward(ag.ones_like(y))
    assert len(keep) == 1


def test_an_error_behind_a_layer_names_its_method_and_the_nearest_line():
    x = ag.ones(3, requires_grad=True)
    y = x * 2
    number = inspect.currentframe().f_lineno - 1
    z = nn.GELU()(y)
    with ag.no_grad():
        y.add_(1)
    with pytest.raises(RuntimeError, match=rf"recorded by GELU.forward on what .*test_anomaly.py:{number} made"):
        z.sum().backward()
    with ag.no_grad():
        x.requires_grad_(False).add_(1)
    z = nn.GELU()(x.requires_grad_())
    x.data.add_(1)
    x._cell.written("add_")
    with pytest.raises(RuntimeError, match="recorded by GELU.forward; run the forward pass under detect_anomaly"):
        z.sum().backward()
