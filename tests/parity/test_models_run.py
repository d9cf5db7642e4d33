"""Models written for torch run when only their imports change: same state, outputs, gradients and training."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

import autograd

TEXT = (Path(__file__).parent / "models.py").read_text(encoding="utf-8")
IMPORTS = {
    "import torch\n": "import autograd as torch\n",
    "import torch.nn as nn\n": "import nn\n",
    "import torch.nn.functional as F\n": "import nn.functional as F\n",
    "import torch.optim as optim\n": "import optim\n",
}


def load(text: str, name: str) -> ModuleType:
    module = ModuleType(name)
    exec(compile(text, f"{name}.py", "exec"), module.__dict__)
    return module


ours_text = TEXT
for theirs_line, ours_line in IMPORTS.items():
    assert ours_text.count(theirs_line) == 1
    ours_text = ours_text.replace(theirs_line, ours_line)
THEIRS, OURS = load(TEXT, "models_of_torch"), load(ours_text, "models_of_ours")


def tensors(make, inputs):
    return [make(x) if isinstance(x, np.ndarray) else x for x in inputs]


def flat(out):
    return list(out) if isinstance(out, tuple) else [out]


def twins(name):
    torch.manual_seed(0)
    theirs = THEIRS.MODELS[name][0]().double()
    with torch.no_grad():
        for p in theirs.parameters():
            p += 0.1 * torch.randn_like(p)  # biases and the like that start at 0 would hide mistakes
    ours = OURS.MODELS[name][0]().double()
    assert list(ours.state_dict()) == list(theirs.state_dict())
    assert [tuple(v.shape) for v in ours.state_dict().values()] == [
        tuple(v.shape) for v in theirs.state_dict().values()
    ]
    assert not any(ours.load_state_dict(theirs.state_dict()))
    return ours, theirs, OURS.MODELS[name][1]


def close(a, b, atol=1e-9):
    np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=1e-8, atol=atol)


@pytest.mark.parametrize("name", THEIRS.MODELS)
def test_outputs_and_gradients(name):
    ours, theirs, inputs = twins(name)
    mine, yours = flat(ours(*tensors(autograd.tensor, inputs))), flat(theirs(*tensors(torch.tensor, inputs)))
    total, ttotal = 0.0, 0.0
    for a, b in zip(mine, yours, strict=True):
        assert tuple(a.shape) == tuple(b.shape)
        close(a, b)
        total, ttotal = total + (a * a.detach().cos()).sum(), ttotal + (b * b.detach().cos()).sum()
    total.backward()
    ttotal.backward()
    for (key, a), (tkey, b) in zip(ours.named_parameters(), theirs.named_parameters(), strict=True):
        assert key == tkey
        np.testing.assert_allclose(a.grad.numpy(), b.grad.numpy(), rtol=1e-7, atol=1e-8, err_msg=key)
    ours.eval()
    theirs.eval()
    with torch.no_grad(), autograd.no_grad():
        for a, b in zip(
            flat(ours(*tensors(autograd.tensor, inputs))), flat(theirs(*tensors(torch.tensor, inputs))), strict=True
        ):
            close(a, b)


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
@pytest.mark.parametrize("name", THEIRS.MODELS)
def test_training(name, optimizer):
    ours, theirs, inputs = twins(name)
    a = OURS.train(ours, tensors(autograd.tensor, inputs), OURS.optimizers(ours)[optimizer]())
    b = THEIRS.train(theirs, tensors(torch.tensor, inputs), THEIRS.optimizers(theirs)[optimizer]())
    np.testing.assert_allclose(a, b, rtol=1e-6)
    for (key, x), y in zip(ours.state_dict().items(), theirs.state_dict().values(), strict=True):
        np.testing.assert_allclose(x.numpy(), y.numpy(), rtol=1e-5, atol=1e-6, err_msg=key)
    # and the trained state goes back
    fresh = THEIRS.MODELS[name][0]().double()
    fresh.load_state_dict({key: torch.tensor(value.numpy()) for key, value in ours.state_dict().items()})
