"""Module: what is found, what assignment does, state, hooks, and what goes wrong clearly."""

from __future__ import annotations

import copy
import gc
import pickle
import weakref
from collections import OrderedDict

import numpy as np
import pytest

import autograd
import nn
from nn import Buffer, Linear, Module, ModuleDict, ModuleList, Parameter, ParameterDict, ParameterList, Sequential


class Net(Module):
    def __init__(self):
        super().__init__()
        self.scale = Parameter(autograd.ones(3))
        self.first = Linear(4, 3)
        self.register_buffer("count", autograd.zeros(2))
        self.register_buffer("cache", autograd.zeros(1), persistent=False)

    def forward(self, x, bias=0.0):
        return self.first(x) * self.scale + bias


NAMES = ["scale", "first.weight", "first.bias"]


def names(iterator):
    return [name for name, _ in iterator]


# ---------------------------------------------------------------------------------------------------------- finding


def test_named():
    net = Net()
    assert names(net.named_parameters()) == NAMES
    assert names(net.named_parameters(recurse=False)) == ["scale"]
    assert names(net.named_parameters(prefix="net")) == [f"net.{name}" for name in NAMES]
    assert names(net.named_buffers()) == ["count", "cache"]
    assert names(net.named_modules()) == ["", "first"]
    assert names(net.named_children()) == ["first"]
    assert list(net.children()) == [net.first] and list(net.modules()) == [net, net.first]
    assert [p is q for p, q in zip(net.parameters(), [net.scale, net.first.weight, net.first.bias], strict=True)]
    assert {"scale", "first", "count"} <= set(dir(net))


def test_shared_parameters_and_modules_count_once():
    net = Sequential(Linear(3, 3), Linear(3, 3))
    net[1].weight = net[0].weight
    assert names(net.named_parameters()) == ["0.weight", "0.bias", "1.bias"]
    assert names(net.named_parameters(remove_duplicate=False)) == ["0.weight", "0.bias", "1.weight", "1.bias"]
    assert list(net.state_dict()) == ["0.weight", "0.bias", "1.weight", "1.bias"]
    layer = Linear(2, 2)
    both = Sequential(layer, layer)
    assert names(both.named_modules()) == ["", "0"] and len(list(both.children())) == 1
    assert names(both.named_modules(remove_duplicate=False)) == ["", "0", "1"]


class Plain(Module):
    """Layers in every kind of plain container."""

    def __init__(self):
        super().__init__()
        self.blocks = []
        self.pair = (Linear(2, 2), nn.ReLU())
        self.heads = {"a": Linear(2, 1), 7: [Linear(2, 3, bias=False)]}
        self.weights = [Parameter(autograd.ones(1)), 5, "text", None]
        self.last = Linear(2, 2)


def test_layers_in_lists_and_dicts_are_found():
    net = Plain()
    mine = net.blocks
    mine.append(Linear(2, 4))
    assert net.blocks is mine and type(net.blocks) is list
    assert names(net.named_parameters()) == [
        "weights.0", "last.weight", "last.bias", "blocks.0.weight", "blocks.0.bias", "pair.0.weight", "pair.0.bias",
        "heads.a.weight", "heads.a.bias", "heads.7.0.weight",
    ]  # fmt: skip
    assert names(net.named_modules()) == ["", "last", "blocks.0", "pair.0", "pair.1", "heads.a", "heads.7.0"]
    net.eval().double()
    assert not net.pair[1].training and net.blocks[0].weight.dtype == autograd.float64
    assert net.get_submodule("heads.7.0") is net.heads[7][0] and net.get_parameter("pair.0.bias") is net.pair[0].bias
    assert "(heads.7.0): Linear(in_features=2, out_features=3, bias=False)" in repr(net)
    other = Plain()
    other.blocks.append(Linear(2, 4))
    other.load_state_dict(net.state_dict())
    np.testing.assert_array_equal(other.heads["a"].weight.detach().numpy(), net.heads["a"].weight.detach().numpy())


def test_a_list_may_be_the_state_of_a_module_list():
    class Listed(Module):
        def __init__(self, kind):
            super().__init__()
            self.layers = kind([Linear(2, 2), Linear(2, 1)])

    assert list(Listed(list).state_dict()) == list(Listed(ModuleList).state_dict())


def test_a_parent_in_a_list_ends_no_walk():
    net = Net()
    net.first.owner = [net]
    assert names(net.named_parameters()) == NAMES and names(net.named_modules()) == ["", "first"]
    assert list(net.state_dict()) == [*NAMES, "count"][:1] + ["count", "first.weight", "first.bias"]
    assert net.eval() is net and not net.first.training
    seen = []
    net.apply(seen.append)
    assert seen == [net.first, net]
    assert "..." in repr(net)
    assert copy.deepcopy(net).first.owner[0] is not net


def test_get():
    net = Sequential(OrderedDict(body=Net()))
    assert net.get_submodule("") is net and net.get_submodule("body.first") is net.body.first
    assert net.get_parameter("body.first.weight") is net.body.first.weight
    assert net.get_buffer("body.count") is net.body.count
    for call, name in (
        (net.get_submodule, "body.second"), (net.get_submodule, "body.scale"), (net.get_parameter, "body.count"),
        (net.get_parameter, "body.nothing"), (net.get_buffer, "body.scale"),
    ):  # fmt: skip
        with pytest.raises(AttributeError, match=name.replace(".", r"\.")):
            call(name)
    net.set_submodule("body.first", nn.Identity())
    assert isinstance(net.body.first, nn.Identity)


# ------------------------------------------------------------------------------------------------------- assignment


def test_assignment_moves_between_kinds():
    net = Net()
    net.thing = 3
    net.thing = Parameter(autograd.ones(1))
    assert "thing" in net._parameters and "thing" not in net.__dict__
    with pytest.raises(TypeError, match="as parameter 'thing'"):
        net.thing = autograd.ones(1)
    net.thing = nn.ReLU()
    assert "thing" in net._modules and "thing" not in net._parameters
    with pytest.raises(TypeError, match="as child module 'thing'"):
        net.thing = 1
    net.thing = None
    assert net.thing is None and "thing" in net._modules
    net.thing = Buffer(autograd.ones(2), persistent=False)
    assert "thing" in net._buffers and "thing" not in net.state_dict()
    net.thing = autograd.zeros(2)
    assert "thing" in net._buffers and not net.thing.numpy().any()
    with pytest.raises(TypeError, match="as buffer 'thing'"):
        net.thing = 1
    del net.thing
    assert not hasattr(net, "thing") and "thing" not in net._non_persistent


def test_register():
    net = Net()
    net.register_parameter("none", None)
    assert net.none is None and names(net.named_parameters()) == NAMES
    with pytest.raises(KeyError, match="already exists"):
        net.register_parameter("first", Parameter(autograd.ones(1)))
    with pytest.raises(KeyError, match="already exists"):
        net.register_buffer("forward", autograd.ones(1))
    with pytest.raises(KeyError, match=r'contain "\."'):
        net.register_buffer("a.b", autograd.ones(1))
    with pytest.raises(KeyError, match="empty"):
        net.add_module("", nn.ReLU())
    with pytest.raises(TypeError, match="not a Module"):
        net.add_module("x", Parameter(autograd.ones(1)))
    with pytest.raises(TypeError, match="Tensor or None"):
        net.register_buffer("x", np.ones(1))
    with pytest.raises(TypeError, match="name should be a string"):
        net.register_parameter(3, Parameter(autograd.ones(1)))


def test_forgotten_super_init_is_a_clear_error():
    class Forgot(Module):
        def __init__(self, value):
            self.layer = value

        def forward(self, x):
            return self.missing

    for value in (Linear(1, 1), Parameter(autograd.ones(1)), Buffer(autograd.ones(1))):
        with pytest.raises(AttributeError, match=r"Forgot.__init__ must begin with super\(\).__init__\(\)"):
            Forgot(value)
    hidden = Forgot([Linear(1, 1)])
    for use in (lambda: hidden(1), lambda: list(hidden.parameters()), hidden.train, hidden.state_dict):
        with pytest.raises(AttributeError, match=r"super\(\).__init__\(\)"):
            use()


def test_missing_attribute_and_forward():
    with pytest.raises(AttributeError, match="'Net' object has no attribute 'second'"):
        Net().second  # noqa: B018
    with pytest.raises(NotImplementedError, match="Module"):
        Module()(1)


def test_parameter():
    x = autograd.ones(2)
    p = Parameter(x)
    assert isinstance(p, autograd.Tensor) and p.requires_grad and p.is_leaf
    assert np.shares_memory(p.detach().numpy(), x.numpy())
    assert repr(p) == "Parameter containing:\ntensor([1., 1.], requires_grad=True)"
    assert not Parameter(autograd.tensor([1]), requires_grad=False).requires_grad
    with pytest.raises(RuntimeError, match="floating"):
        Parameter(autograd.tensor([1]))
    made = Parameter(autograd.ones(2, requires_grad=True) * 2)
    assert made.is_leaf
    assert type(made * 2) is autograd.Tensor
    again = copy.deepcopy(made)
    assert (
        type(again) is Parameter and again.requires_grad and not np.shares_memory(again.data.numpy(), made.data.numpy())
    )
    assert Parameter().shape == (0,)


# -------------------------------------------------------------------------------------------------- all at once


def test_train_apply_requires_grad():
    net = Sequential(Net(), nn.Dropout())
    assert all(not m.training for m in net.eval().modules()) and all(m.training for m in net.train().modules())
    with pytest.raises(ValueError, match="boolean"):
        net.train("yes")
    order = []
    assert net.apply(order.append) is net
    assert order == [net[0].first, net[0], net[1], net]
    net.requires_grad_(False)
    assert not any(p.requires_grad for p in net.parameters())


def test_train_of_a_submodule_may_be_its_own():
    class Frozen(Module):
        def __init__(self):
            super().__init__()
            self.norm = nn.BatchNorm1d(2)

        def train(self, mode=True):
            super().train(mode)
            self.norm.eval()
            return self

    net = Sequential(Frozen()).train()
    assert net[0].training and not net[0].norm.training


def test_to():
    net = Net()
    net.register_buffer("steps", autograd.tensor([1]))
    net(autograd.ones(1, 4)).sum().backward()
    weight = net.first.weight
    assert net.double() is net and net.first.weight is weight
    assert weight.dtype == weight.grad.dtype == net.count.dtype == autograd.float64
    assert net.steps.dtype == autograd.int64
    net(autograd.ones(1, 4, dtype=autograd.float64)).sum().backward()
    np.testing.assert_array_equal(weight.grad.numpy(), np.full((3, 4), 2.0))
    assert net.to("cpu").first.weight.dtype == autograd.float64
    assert net.to(autograd.ones(1)).first.weight.dtype == autograd.float32
    assert net.to(device="cpu", dtype=autograd.float64).first.weight.dtype == autograd.float64
    assert net.float().first.weight.dtype == autograd.float32
    with pytest.raises(TypeError, match="floating"):
        net.to(autograd.int64)
    with pytest.raises(RuntimeError, match="cuda"):
        net.to("cuda")


def test_zero_grad():
    net = Net()
    net(autograd.ones(1, 4)).sum().backward()
    net.zero_grad(set_to_none=False)
    assert all(not p.grad.numpy().any() for p in net.parameters())
    net.zero_grad()
    assert all(p.grad is None for p in net.parameters())


def test_deepcopy_and_pickle():
    net = Plain()
    net.tied = net.last
    net.pair[0].weight = net.last.weight
    for again in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        assert names(again.named_parameters()) == names(net.named_parameters())
        assert again.tied is again.last and again.pair[0].weight is again.last.weight
        for a, b in zip(again.parameters(), net.parameters(), strict=True):
            assert a is not b and a.requires_grad and not np.shares_memory(a.data.numpy(), b.data.numpy())
            np.testing.assert_array_equal(a.data.numpy(), b.data.numpy())


def test_a_module_is_freed_by_reference_counts():
    net = Sequential(Linear(3, 3), nn.ReLU())
    net(autograd.ones(1, 3)).sum().backward()
    gone = weakref.ref(net[0].weight)
    gc.disable()
    try:
        del net
        assert gone() is None
    finally:
        gc.enable()


# ------------------------------------------------------------------------------------------------------------ state


def test_state_dict():
    net = Net()
    state = net.state_dict()
    assert list(state) == ["scale", "count", "first.weight", "first.bias"]
    assert not state["scale"].requires_grad and np.shares_memory(state["scale"].numpy(), net.scale.data.numpy())
    assert net.state_dict(keep_vars=True)["scale"] is net.scale
    assert list(net.state_dict(prefix="net."))[0] == "net.scale"
    mine = {}
    assert net.state_dict(destination=mine) is mine and "scale" in mine


def test_load_state_dict():
    net, other = Net(), Net()
    before = net.first.weight
    assert repr(net.load_state_dict(other.state_dict())) == "<All keys matched successfully>"
    assert net.first.weight is before and not np.shares_memory(before.data.numpy(), other.first.weight.data.numpy())
    np.testing.assert_array_equal(before.data.numpy(), other.first.weight.data.numpy())
    arrays = {k: v.numpy().astype(np.float64) + 1 for k, v in other.state_dict().items()}
    net.load_state_dict(arrays)
    np.testing.assert_allclose(net.scale.data.numpy(), 2 * np.ones(3))
    assert net.scale.dtype == autograd.float32
    net.load_state_dict(arrays, assign=True)
    assert net.scale.dtype == autograd.float64 and np.shares_memory(net.scale.data.numpy(), arrays["scale"])


def test_load_state_dict_tells_everything_and_writes_nothing():
    net = Net()
    before = {k: v.numpy().copy() for k, v in net.state_dict().items()}
    bad = {
        "scale": np.zeros(3),
        "first.weight": np.zeros((3, 5)),
        "count": np.zeros(3),
        "extra": np.zeros(1),
        "first.bias": "?",
    }
    with pytest.raises(RuntimeError) as error:
        net.load_state_dict({k: v for k, v in bad.items() if k != "count"})
    for text in (
        'Missing key(s) in state_dict: "count"',
        'Unexpected key(s) in state_dict: "extra"',
        "size mismatch for first.weight",
        "Size([3, 5])",
        "Size([3, 4])",
        "'first.bias': expected a Tensor",
        "for Net",
    ):
        assert text in str(error.value)
    assert isinstance(error.value, ValueError)
    with pytest.raises(RuntimeError, match="size mismatch"):  # strict or not
        net.load_state_dict(bad, strict=False)
    for name, value in net.state_dict().items():
        np.testing.assert_array_equal(value.numpy(), before[name])
    with pytest.raises(TypeError, match="dict-like"):
        net.load_state_dict([1])
    missing, unexpected = net.load_state_dict({"scale": np.zeros(3), "extra": 1}, strict=False)
    assert missing == ["count", "first.weight", "first.bias"] and unexpected == ["extra"]
    assert not net.scale.data.numpy().any()


def test_load_after_forward_is_seen_by_backward():
    net = Net()
    out = net(autograd.ones(1, 4)).sum()
    net.load_state_dict(Net().state_dict())
    with pytest.raises(RuntimeError, match="load_state_dict"):
        out.backward()


def test_extra_state():
    class Counting(Linear):
        seen = 3

        def get_extra_state(self):
            return {"seen": self.seen}

        def set_extra_state(self, state):
            self.seen = state["seen"]

    net, other = Sequential(Counting(1, 1)), Sequential(Counting(1, 1))
    other[0].seen = 9
    assert other.state_dict()["0._extra_state"] == {"seen": 9}
    net.load_state_dict(other.state_dict())
    assert net[0].seen == 9
    with pytest.raises(RuntimeError, match="_extra_state"):
        net.load_state_dict({k: v for k, v in other.state_dict().items() if "extra" not in k})


# ------------------------------------------------------------------------------------------------------------ hooks


def test_forward_hooks():
    net, x, log = Net(), autograd.ones(1, 4), []
    plain = net(x).detach().numpy()
    pre = net.register_forward_pre_hook(lambda m, args: log.append(("pre", m, len(args))) or (args[0] * 2,))
    post = net.register_forward_hook(lambda m, args, out: log.append(("post", args[0].numpy()[0, 0])) or out + 1)
    first = net.register_forward_hook(lambda m, args, out: log.append("first"), prepend=True)
    out = net(x)
    assert log == [("pre", net, 1), "first", ("post", 2.0)]
    expected = (2 * (plain - net.first.bias.data.numpy()) + net.first.bias.data.numpy()) + 1
    np.testing.assert_allclose(out.detach().numpy(), expected, rtol=1e-5)
    for handle in (pre, post, first):
        handle.remove()
    np.testing.assert_array_equal(net(x).detach().numpy(), plain)


def test_hooks_with_keywords():
    net, x = Net(), autograd.ones(1, 4)
    plain = net(x).detach().numpy()
    with net.register_forward_pre_hook(lambda m, args, kw: (args, {"bias": kw["bias"] + 1}), with_kwargs=True):
        np.testing.assert_allclose(net(x, bias=2.0).detach().numpy(), plain + 3, rtol=1e-6)
    seen = []
    with net.register_forward_hook(lambda m, args, kw, out: seen.append(kw), with_kwargs=True):
        net(x, bias=2.0)
    assert seen == [{"bias": 2.0}]
    with (
        net.register_forward_pre_hook(lambda m, args, kw: 1, with_kwargs=True),
        pytest.raises(RuntimeError, match="tuple"),
    ):
        net(x)


def test_a_hook_may_always_be_called():
    net, seen = Net(), []
    net.register_forward_hook(lambda m, args, out: seen.append(out), always_call=True)
    with pytest.raises(RuntimeError):
        net(autograd.ones(1, 5))
    assert seen == [None]


def test_full_backward_hooks():
    net, log = Linear(3, 2), []
    x = autograd.ones(4, 3, requires_grad=True)
    net.register_full_backward_pre_hook(lambda m, go: log.append("pre") or (go[0] * 10,))
    net.register_full_backward_hook(lambda m, gi, go: log.append((gi[0].shape, go[0].numpy()[0, 0])) or (gi[0] * 2,))
    net(x).sum().backward()
    assert log == ["pre", ((4, 3), 10.0)]
    np.testing.assert_allclose(x.grad.numpy()[0], 20 * net.weight.data.numpy().sum(0), rtol=1e-6)
    np.testing.assert_allclose(net.weight.grad.numpy(), np.full((2, 3), 40.0))


def test_full_backward_hook_sees_nothing_for_data():
    net, seen = Linear(3, 2), []
    handle = net.register_full_backward_hook(lambda m, gi, go: seen.append((gi, go[0].shape)))
    net(autograd.ones(4, 3)).sum().backward()
    assert seen == [((None,), (4, 2))]
    handle.remove()
    net.register_full_backward_hook(lambda m, gi, go: (autograd.ones(1),))
    with pytest.raises(RuntimeError, match="require none"):
        net(autograd.ones(4, 3)).sum().backward()


def test_full_backward_hook_of_several_tensors():
    class Two(Module):
        def forward(self, a, b, c):
            return a * b, b + c

    net, seen = Two(), []
    a, b = autograd.ones(2, requires_grad=True), autograd.full((2,), 3.0, requires_grad=True)
    net.register_full_backward_hook(lambda m, gi, go: seen.append((gi, go)))
    out = net(a, b, autograd.ones(2))
    out[0].sum().backward()
    ((gi, go),) = seen
    assert gi[2] is None and go[1] is None
    np.testing.assert_array_equal(gi[0].numpy(), [3.0, 3.0])
    np.testing.assert_array_equal(gi[1].numpy(), [1.0, 1.0])


def test_full_backward_hook_in_second_order():
    net = nn.Tanh()
    net.register_full_backward_hook(lambda m, gi, go: (gi[0] * 3,))
    x = autograd.tensor([0.5], dtype=autograd.float64, requires_grad=True)
    (g,) = autograd.grad(net(x).sum(), [x], create_graph=True)
    (gg,) = autograd.grad(g.sum(), [x])
    t = np.tanh(0.5)
    # the way from the derivative back to x passes the module's input, not its output: the hook is not called again
    np.testing.assert_allclose(gg.numpy(), [3 * -2 * t * (1 - t * t)], rtol=1e-10)


# ------------------------------------------------------------------------------------------------------- containers


def test_sequential():
    layers = [Linear(2, 3), nn.ReLU(), Linear(3, 1)]
    net = Sequential(*layers)
    assert len(net) == 3 and list(net) == layers and net[-1] is layers[2]
    assert list(net[1:].state_dict()) == ["2.weight", "2.bias"]
    x = autograd.ones(1, 2)
    np.testing.assert_array_equal(net(x).data.numpy(), layers[2](layers[1](layers[0](x))).data.numpy())
    net.append(nn.Tanh()).insert(1, nn.Identity()).extend([nn.GELU()])
    assert [type(m).__name__ for m in net] == ["Linear", "Identity", "ReLU", "Linear", "Tanh", "GELU"]
    del net[1]
    assert isinstance(net.pop(-1), nn.GELU) and list(net._modules) == ["0", "1", "2", "3"]
    net[1] = nn.ELU()
    assert isinstance(net[1], nn.ELU)
    assert len(net + Sequential(nn.ReLU())) == 5 and len(net * 2) == 8
    with pytest.raises(IndexError, match="out of range"):
        net[9]
    with pytest.raises(TypeError, match="not a Module"):
        net.append(3)
    named = Sequential(OrderedDict(a=nn.ReLU(), b=nn.Tanh()))
    assert named.b is named[1]


def test_module_list_and_dict():
    stack = ModuleList([Linear(1, 1), Linear(1, 1)])
    stack += [nn.ReLU()]
    assert (
        len(stack) == 3 and isinstance(stack[:2], ModuleList) and list(stack[1:].state_dict()) == ["0.weight", "0.bias"]
    )
    assert repr(stack).splitlines()[1] == "  (0-1): 2 x Linear(in_features=1, out_features=1, bias=True)"
    with pytest.raises(NotImplementedError):
        stack(1)
    with pytest.raises(TypeError, match="integers or slices"):
        stack["0"]
    table = ModuleDict({"a": Linear(1, 1), "b": nn.ReLU()})
    table.update([("c", nn.Tanh())])
    assert list(table) == list(table.keys()) == ["a", "b", "c"] and "a" in table and len(table) == 3
    assert table.pop("b") is not None and list(table.state_dict()) == ["a.weight", "a.bias"]
    with pytest.raises(KeyError):
        table["b"]
    with pytest.raises(TypeError, match="mapping"):
        table.update(3)
    with pytest.raises(KeyError, match="already exists"):
        table["keys"] = nn.ReLU()
    table.clear()
    assert not len(table)


def test_parameter_list_and_dict():
    row = ParameterList([autograd.ones(2), Parameter(autograd.zeros(3))])
    row.append(autograd.ones(1))
    assert [p.shape[0] for p in row] == [2, 3, 1] and list(row.state_dict()) == ["0", "1", "2"]
    assert all(isinstance(p, Parameter) for p in row) and len(row[1:]) == 2
    row[0] = autograd.zeros(4)
    assert row[0].shape == (4,) and len(list(row.parameters())) == 3
    with pytest.raises(IndexError, match="out of range"):
        row[3]
    with pytest.raises(RuntimeError, match="should not be called"):
        row(1)
    table = ParameterDict({"a": autograd.ones(2)})
    table["b"] = autograd.ones(1)
    assert list(table) == ["a", "b"] and isinstance(table["b"], Parameter) and list(table.state_dict()) == ["a", "b"]
    assert table.pop("a").shape == (2,) and "a" not in table and list(table.state_dict()) == ["b"]
    assert table.setdefault("b", 3) is table["b"] and table.get("zz", 5) == 5
    with pytest.raises(KeyError):
        table["a"]


# ------------------------------------------------------------------------------------------------------- where it arose


def test_an_error_names_the_layer():
    net = Sequential(OrderedDict(body=ModuleList([nn.Identity(), Sequential(Linear(4, 3), nn.ReLU())])))
    net.forward = lambda x: net.body[1](x)
    with pytest.raises(RuntimeError) as error:
        net(autograd.ones(2, 5))
    (note,) = error.value.__notes__
    assert note == "in the forward of Linear(in_features=4, out_features=3, bias=True), 'body.1.0' of Sequential"
