"""Training scripts written for torch run when only their imports change, and log what they log under torch."""

from __future__ import annotations

import re
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

import autograd

FILES = ("scripts.py", "scripts_models.py", "scripts_written_out.py", "scripts_reaching_in.py")
TEXTS = [(Path(__file__).parent / name).read_text(encoding="utf-8") for name in FILES]
IMPORTS = {
    "import torch\n": "import autograd as torch\n",
    "import torch.nn.utils.prune\n": "",
    "import torch.utils.data.distributed\n": "import autograd.utils.data.distributed\n",
    "import torch.distributions as distributions\n": "import autograd.distributions as distributions\n",
    "import torch.nn as nn\n": "import nn\n",
    "import torch.nn.functional as F\n": "import nn.functional as F\n",
    "import torch.optim as optim\n": "import optim\n",
    "from torch.nn.utils.rnn import": "from nn.utils.rnn import",
    "from torch.utils.data import": "from nn.data import",
}


def load(text: str, name: str) -> dict[str, Any]:
    module = ModuleType(name)
    exec(compile(text, f"{name}.py", "exec"), module.__dict__)
    return module.SCRIPTS


def translated(text: str) -> str:
    for theirs_line, ours_line in IMPORTS.items():
        assert text.count(theirs_line) <= 1
        text = text.replace(theirs_line, ours_line)
    return re.sub(r"^from torch\.(nn|optim)", r"from \1", text, flags=re.M).replace("from torch.", "from autograd.")


THEIRS = {name: call for text in TEXTS for name, call in load(text, "scripts_of_torch").items()}
OURS = {name: call for text in TEXTS for name, call in load(translated(text), "scripts_of_ours").items()}


def plain(value: Any) -> Any:
    """Without what names the library, and with one space for many: a ParameterList indents in its own way."""
    if isinstance(value, (torch.Tensor, autograd.Tensor)):
        return value.detach().numpy()
    if isinstance(value, (torch.dtype, torch.device, autograd.dtype, autograd.device, str)):
        text = re.sub(
            r"\b(torch|autograd)\.(?=Size|float|int|bool|uint|return_types)|\b_(?=Incompatible)", "", str(value)
        )
        return " ".join(text.split())
    return list(value) if isinstance(value, tuple) else value


def same(ours: Any, theirs: Any, at: str) -> None:
    ours, theirs = plain(ours), plain(theirs)
    assert type(ours) is type(theirs), at
    if isinstance(theirs, list):
        assert len(ours) == len(theirs), at
        for k, (a, b) in enumerate(zip(ours, theirs, strict=True)):
            same(a, b, f"{at}[{k}]")
    elif isinstance(theirs, (np.ndarray, np.generic, float)):
        if isinstance(theirs, np.ndarray):
            assert (ours.shape, ours.dtype) == (theirs.shape, theirs.dtype), at
        np.testing.assert_allclose(ours, theirs, rtol=2e-4, atol=1e-5, err_msg=at)
    else:
        assert ours == theirs, at


@pytest.mark.filterwarnings("ignore::UserWarning")  # torch's advice
@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.parametrize("name", THEIRS)
def test_script(name):
    same(OURS[name](), THEIRS[name](), name)
