"""The networks of nn.models beside torch's: the same source with its imports replaced, the same weights."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import autograd
from benchmarks.library import models_on_torch
from nn import models
from nn.init import skipped


def randomise(model: torch.nn.Module) -> None:
    """Weights that keep the signal's size, and statistics and norms that are not 0 and 1."""
    with torch.no_grad():
        for m in model.modules():
            if isinstance(m, (torch.nn.Conv2d, torch.nn.Linear)):
                torch.nn.init.kaiming_normal_(m.weight, nonlinearity="relu")
                if m.bias is not None:
                    m.bias.normal_(0, 0.1)
            elif isinstance(m, torch.nn.BatchNorm2d):
                m.running_mean.normal_(0, 0.1)
                m.running_var.uniform_(0.8, 1.5)
                m.bias.normal_(0, 0.1)
                if m.weight is not None:
                    m.weight.uniform_(0.5, 1.0)


def twins(file, name, options, double=False):
    torch.manual_seed(0)
    theirs = getattr(models_on_torch(file), name)(**options)
    randomise(theirs)
    with skipped():
        ours = getattr(models, name)(**options)
    if double:
        theirs, ours = theirs.double(), ours.double()
    assert list(ours.state_dict()) == list(theirs.state_dict())
    assert models.load_weights(ours, theirs.state_dict()).complete
    return ours, theirs


FULL = [
    ("lenet", "LeNet5", {"in_channels": 3}, 32),
    ("alexnet", "AlexNet", {"lrn": True, "groups": 2}, 227),
    ("alexnet", "alexnet", {}, 224),
    ("vgg", "vgg16", {}, 224),
    ("vgg", "vgg11_bn", {}, 64),
    ("resnet", "resnet18", {"form": "keras"}, 224),
    ("resnet", "resnet50", {}, 224),
    ("resnet", "resnet50", {"form": "keras"}, 224),
    ("resnet", "resnet152", {}, 64),
    ("googlenet", "googlenet", {"transform_input": True}, 224),
    ("googlenet", "googlenet", {"form": "paper"}, 224),
    ("inception", "inception_v3", {}, 299),
    ("inception", "inception_v3", {"form": "keras", "transform_input": True}, 299),
]


@pytest.mark.parametrize(("file", "name", "options", "size"), FULL)
def test_full_size_forward(file, name, options, size):
    """float32, to 1e-5 of the largest score."""
    ours, theirs = twins(file, name, options)
    x = np.random.default_rng(0).standard_normal((2, 3, size, size)).astype(np.float32)
    with torch.no_grad(), autograd.no_grad():
        expected = theirs.eval()(torch.from_numpy(x)).numpy()
        found = ours.eval()(autograd.from_numpy(x)).numpy()
    assert np.abs(found - expected).max() <= 1e-5 * np.abs(expected).max()


NARROW = [
    ("lenet", "LeNet5", {"activation": "sigmoid", "pooling": "average", "in_channels": 3}, 32),
    ("alexnet", "AlexNet", {"lrn": True, "groups": 2, "width": 1 / 32, "dropout": 0.0}, 227),
    ("alexnet", "alexnet", {"width": 1 / 32, "dropout": 0.0}, 100),
    ("vgg", "vgg16", {"width": 1 / 32, "dropout": 0.0}, 48),
    ("vgg", "vgg19_bn", {"width": 1 / 16, "dropout": 0.0}, 64),
    ("resnet", "resnet34", {"width": 1 / 16, "zero_init_residual": True}, 64),
    ("resnet", "resnet50", {"width": 1 / 16}, 96),
    ("resnet", "resnet50", {"width": 1 / 16, "form": "keras"}, 96),
    ("googlenet", "googlenet", {"width": 1 / 16, "dropout": 0.0, "dropout_aux": 0.0}, 96),
    ("googlenet", "googlenet", {"width": 1 / 16, "dropout": 0.0, "dropout_aux": 0.0, "form": "paper"}, 96),
    ("inception", "inception_v3", {"width": 1 / 16, "dropout": 0.0}, 299),
    ("inception", "inception_v3", {"width": 1 / 16, "dropout": 0.0, "form": "keras", "aux_logits": False}, 107),
]


@pytest.mark.parametrize(("file", "name", "options", "size"), NARROW)
def test_training_step(file, name, options, size):
    """float64, in training mode: outputs (heads too), every parameter's gradient, and the statistics afterwards."""
    ours, theirs = twins(file, name, {**options, "num_classes": 5}, double=True)
    x = np.random.default_rng(0).standard_normal((3, 3, size, size))
    found, expected = ours(autograd.from_numpy(x)), theirs(torch.from_numpy(x))
    found, expected = (out if isinstance(out, tuple) else (out,) for out in (found, expected))
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=1e-8, atol=1e-10)
    sum((out * out.detach().cos()).sum() for out in found).backward()
    sum((out * out.detach().cos()).sum() for out in expected).backward()
    for (key, a), b in zip(ours.named_parameters(), theirs.parameters(), strict=True):
        atol = 1e-8 * float(b.grad.abs().max()) + 1e-12  # the gradient of a bias before a norm is rounding alone
        np.testing.assert_allclose(a.grad.numpy(), b.grad.numpy(), rtol=1e-6, atol=atol, err_msg=key)
    for (key, a), b in zip(ours.named_buffers(), theirs.buffers(), strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-10, err_msg=key)


# ------------------------------------------------------------------------------------------------- files of torch.save


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_torch_files(tmp_path, protocol):
    w = torch.randn(4, 5)
    held = {
        "epoch": 3, "lr": 0.1, "none": None, "numbers": (True, -3, 2**40, (1,)), "size": torch.Size([1, 2]),
        "set": {1, 2}, "parameter": torch.nn.Parameter(torch.randn(2)), "base": w, "view": w.t()[1:],
        "expanded": torch.ones(3, 1).expand(3, 4), "empty": torch.zeros(0, 3), "scalar": torch.tensor(2.5),
        "module": torch.nn.BatchNorm2d(3).state_dict(),
        **{str(d): torch.tensor([0, 1, 100]).to(d) for d in (torch.float64, torch.float16, torch.bfloat16)},
        **{str(d): torch.tensor([0, 1, 100]).to(d) for d in (torch.int8, torch.uint8, torch.int16, torch.int32, torch.bool)},
        "uint16": torch.full((2,), 65535, dtype=torch.uint16), "uint32": torch.full((2,), 2**32 - 1, dtype=torch.uint32),
    }  # fmt: skip
    torch.save(held, tmp_path / "f.pth", pickle_protocol=protocol)
    back = autograd.load(tmp_path / "f.pth")
    assert list(back) == list(held)

    def same(a, b):
        if isinstance(b, torch.Tensor):
            b = b.detach().float() if b.dtype in (torch.float16, torch.bfloat16) else b.detach()
            np.testing.assert_array_equal(a.numpy(), b.numpy())
            assert a.numpy().dtype.kind == b.numpy().dtype.kind or "uint" in str(b.dtype)
        elif isinstance(b, dict):
            assert list(a) == list(b)
            for key in b:
                same(a[key], b[key])
        else:
            assert a == b and type(a) in (type(b), tuple)

    same(back, held)
    back["base"].numpy()[0, 1] = 7  # the view shares its memory, as in torch
    assert back["view"][0, 0].item() == 7


def test_weights_of_torch_files_load_by_name(tmp_path):
    _, theirs = twins("resnet", "resnet18", {"width": 1 / 16, "num_classes": 7})
    torch.save({"epoch": 9, "state_dict": theirs.state_dict()}, tmp_path / "r.pth")
    ours = models.resnet18(weights=tmp_path / "r.pth", width=1 / 16, num_classes=7).eval()
    x = np.random.default_rng(0).standard_normal((2, 3, 64, 64)).astype(np.float32)
    np.testing.assert_allclose(
        ours(autograd.from_numpy(x)).detach().numpy(), theirs.eval()(torch.from_numpy(x)).detach().numpy(), atol=1e-5
    )


@pytest.mark.parametrize(
    ("held", "legacy", "match"),
    [
        (torch.nn.Linear(2, 2), False, "torch.nn.modules.linear.Linear"),
        ({"w": torch.zeros(2, dtype=torch.float8_e5m2)}, False, "float8_e5m2"),
        ({"w": torch.zeros(2)}, True, "before 1.6"),
        ([1, 2], False, "holds no state_dict.*list"),
    ],
)
def test_torch_files_that_hold_no_weights(tmp_path, held, legacy, match):
    torch.save(held, tmp_path / "f.pth", _use_new_zipfile_serialization=not legacy)
    with pytest.raises(ValueError, match=match):
        models.read_weights(tmp_path / "f.pth")


def test_damaged_torch_files(tmp_path):
    torch.save({"w": torch.arange(1000.0)}, tmp_path / "f.pth")
    whole = (tmp_path / "f.pth").read_bytes()
    for content in (whole[: len(whole) // 2], whole[:-30], whole[:600] + b"\xff" + whole[601:]):
        (tmp_path / "f.pth").write_bytes(content)
        with pytest.raises(ValueError, match="damaged"):
            autograd.load(tmp_path / "f.pth")
