"""Transfer learning: what is frozen stays, what is trained moves, each at its rate."""

from __future__ import annotations

import copy

import pytest

import autograd
import nn.functional as F
import optim
from nn import models
from nn.utils import freeze, freeze_batch_norm, parameter_groups, swap_head, unfreeze


def step(model, optimizer):
    before = {name: value.clone() for name, value in model.state_dict().items()}
    loss = F.cross_entropy(model(autograd.randn(4, 3, 32, 32)), autograd.tensor([0, 1, 2, 0]))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return {name for name, value in model.state_dict().items() if not autograd.equal(value, before[name])}


def test_freeze_by_pattern():
    model = models.resnet18(num_classes=3, width=1 / 16)
    frozen = freeze(model, "conv1", "layer[1-3]", "*.bn2.weight")
    assert "conv1.weight" in frozen and "layer3.1.bn1.bias" in frozen and "layer4.0.bn2.weight" in frozen
    assert "layer4.0.conv1.weight" not in frozen and "bn1.weight" not in frozen and "layer1.0.conv1.weight" in frozen
    moved = step(model, optim.SGD(model.parameters(), lr=0.1))
    assert not moved & set(frozen) and "layer4.0.conv1.weight" in moved
    assert model.conv1.weight.grad is None
    assert unfreeze(model, "layer2.*") == [name for name in frozen if name.startswith("layer2")]
    assert len(unfreeze(model)) == len(list(model.parameters())) and all(p.requires_grad for p in model.parameters())
    with pytest.raises(ValueError, match="'layer5' fits no parameter of ResNet.*conv1, bn1, layer1"):
        freeze(model, "layer5")


def test_frozen_statistics():
    model = models.resnet18(num_classes=3, width=1 / 16)
    names = freeze_batch_norm(model, "layer1*")
    assert len(names) == 4 and all(name.startswith("layer1") for name in names)
    model.eval().train()
    assert model.training and not model.layer1[0].bn1.training and model.layer2[0].bn1.training
    moved = step(model, optim.SGD(model.parameters(), lr=0.1))
    assert not any(name.startswith("layer1") and "bn" in name for name in moved)
    assert {"layer1.0.conv1.weight", "layer2.0.bn1.running_mean", "layer2.0.bn1.weight"} <= moved
    assert type(model.layer1[0].bn1).__name__ == "BatchNorm2d"
    other = copy.deepcopy(model).train()
    assert not other.layer1[0].bn1.training and other.layer1[0].bn1.weight is not model.layer1[0].bn1.weight
    assert list(other.state_dict()) == list(models.resnet18(num_classes=3, width=1 / 16).state_dict())
    freeze_batch_norm(model, affine=False)  # again, and all
    moved = step(model.train(), optim.SGD(model.parameters(), lr=0.1))
    assert not any("running" in name for name in moved) and "layer2.0.bn1.weight" in moved
    with pytest.raises(ValueError, match="fits no norm"):
        freeze_batch_norm(models.vgg11(width=1 / 32, num_classes=2))


@pytest.mark.parametrize(
    ("make", "head"),
    [
        (models.resnet18, "fc"),
        (models.vgg11, "classifier.6"),
        (models.alexnet, "classifier.6"),
        (models.googlenet, "fc"),
        (models.LeNet5, "classifier.4"),
    ],
)
def test_swap_head(make, head):
    model = make(num_classes=7, width=1 / 32)
    freeze(model)
    assert swap_head(model, 3) == head
    layer = model.get_submodule(head)
    assert layer.weight.shape[0] == 3 and layer.bias.requires_grad
    assert [name for name, p in model.named_parameters() if p.requires_grad] == [f"{head}.weight", f"{head}.bias"]


def test_swap_a_named_head():
    model = models.googlenet(num_classes=7, width=1 / 32)
    swap_head(model, 3)
    assert swap_head(model, 3, "aux1.fc2") == "aux1.fc2" and swap_head(model.double(), 3, "aux2.fc2")
    assert model.aux2.fc2.weight.dtype == autograd.float64
    out = model(autograd.randn(2, 3, 64, 64, dtype=autograd.float64))
    assert [o.shape[1] for o in out] == [3, 3, 3]
    with pytest.raises(ValueError, match="no linear layer head.*aux1.fc1"):
        swap_head(model, 3, "head")
    with pytest.raises(ValueError, match="it has none"):
        swap_head(models.vgg11(width=1 / 32).features, 3)


def test_groups_with_their_own_rates():
    model = models.resnet18(num_classes=3, width=1 / 16)
    freeze(model, "layer1")
    groups = parameter_groups(model, {"fc": 0.5, "layer[34]": {"lr": 0.25, "momentum": 0.9}, "*": 0.125})
    optimizer = optim.SGD(groups, lr=1.0)
    assert [(g["lr"], g["momentum"]) for g in optimizer.param_groups] == [(0.5, 0), (0.25, 0.9), (0.125, 0)]
    members = [p for g in optimizer.param_groups for p in g["params"]]
    assert len(members) == len({id(p) for p in members}) == sum(p.requires_grad for p in model.parameters())
    assert any(p is model.layer3[0].conv1.weight for p in groups[1]["params"])
    before = model.fc.bias.clone()
    step(model, optimizer)
    assert autograd.allclose(model.fc.bias, before - 0.5 * model.fc.bias.grad)
    rest = parameter_groups(model, {"fc": 0.5}, lr=0.01, weight_decay=0.1)[-1]
    assert rest["lr"] == 0.01 and rest["weight_decay"] == 0.1
    assert "lr" not in parameter_groups(model, {"fc": 0.5})[-1]
    with pytest.raises(ValueError, match="fits no parameter"):
        parameter_groups(model, {"head": 1.0})
    freeze(model)
    with pytest.raises(ValueError, match="frozen"):
        parameter_groups(model, {"fc": 1.0})
