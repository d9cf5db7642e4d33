"""Imports run one way: kernels <- tape and tensor core <- ops <- the package's face <- nn, optim <- examples."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("autograd", "nn", "optim")
OUTSIDE = ("examples", "benchmarks", "tests", "torch", "torchvision", "mlxtend")

# The tape and tensor core: what the ops stand on. Everything else directly in autograd/ is the package's face.
CORE = tuple(
    f"autograd.{name}"
    for name in ("dtypes", "errors", "printing", "forms", "tape", "tensor", "op", "inplace", "samples", "random")
)

# What files below a module must not import, and what of that they may after all.
FORBIDDEN = {
    "autograd": ("nn", "optim", *OUTSIDE),
    "autograd.kernels": ("autograd",),
    **{module: ("autograd",) for module in CORE},
    "autograd.ops": ("autograd",),
    "nn": OUTSIDE,
    "optim": ("nn", *OUTSIDE),
}
ALLOWED = {
    "autograd.kernels": ("autograd.kernels", "autograd.errors"),  # which itself imports nothing
    **{module: ("autograd.kernels", *CORE) for module in CORE},
    "autograd.ops": ("autograd.kernels", *CORE, "autograd.ops"),
}


def within(module: str, package: str) -> bool:
    return module == package or module.startswith(package + ".")


def imported(path: Path, root: Path) -> set[str]:
    """Every module a file imports anywhere in it: relative names resolved, `from a import b` as far as it goes."""
    parts = list(path.relative_to(root).with_suffix("").parts)
    package = parts[:-1]
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), str(path))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            base = [*base, *(node.module.split(".") if node.module else [])]
            for alias in node.names:
                below = root.joinpath(*base, alias.name)
                is_module = below.is_dir() or below.with_suffix(".py").is_file()
                found.add(".".join([*base, alias.name] if is_module else base))
    return found


def breaches(root: Path) -> list[str]:
    found = []
    for package in PACKAGES:
        for path in sorted((root / package).rglob("*.py")):
            module = ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__")
            for target in sorted(imported(path, root)):
                for place, forbidden in FORBIDDEN.items():
                    allowed = any(within(target, name) for name in ALLOWED.get(place, ()))
                    if within(module, place) and not allowed and any(within(target, name) for name in forbidden):
                        found.append(f"{module} imports {target}, which files of {place} must not")
    return found


def test_imports_run_one_way() -> None:
    assert breaches(ROOT) == []


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("autograd/kernels/conv.py", "from ..tape import Node"),
        ("autograd/kernels/conv.py", "from autograd import tensor"),
        ("autograd/kernels/conv.py", "import autograd"),
        ("autograd/ops/conv.py", "from autograd import Tensor"),
        ("autograd/ops/conv.py", "from .. import relu"),
        ("autograd/op.py", "from .ops import conv"),
        ("autograd/tape.py", "def f():\n    import nn.module"),
        ("autograd/io.py", "from optim import SGD"),
        ("optim/sgd.py", "if TYPE_CHECKING:\n    from nn.module import Parameter"),
        ("nn/linear.py", "import torch"),
    ],
)
def test_a_wrong_import_is_found(tmp_path: Path, file: str, line: str) -> None:
    for package in PACKAGES:
        (tmp_path / package).mkdir()
    for module in (*CORE, "autograd.ops"):
        tmp_path.joinpath(*module.split(".")).with_suffix(".py").touch()
    path = tmp_path / file
    path.parent.mkdir(exist_ok=True)
    path.write_text(line + "\n")
    assert breaches(tmp_path)


def test_right_imports_are_not_found(tmp_path: Path) -> None:
    for file, line in {
        "autograd/kernels/conv.py": "from .compile import kernel\nimport numpy as np",
        "autograd/ops/conv.py": "from ..kernels import conv\nfrom autograd.tape import op\nfrom . import elementwise",
        "autograd/tape.py": "from .errors import TapeError",
        "nn/linear.py": "import autograd\nfrom nn.module import Module",
        "optim/sgd.py": "import autograd",
    }.items():
        path = tmp_path / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(line + "\n")
    for name in ("compile", "conv"):
        (tmp_path / "autograd" / "kernels" / f"{name}.py").touch()
    (tmp_path / "autograd" / "ops" / "elementwise.py").touch()
    assert breaches(tmp_path) == []
