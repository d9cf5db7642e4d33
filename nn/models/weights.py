"""Weights from files: safetensors, torch's own, and ONNX; what of them fitted, and what did not."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, TypeVar

import autograd
from autograd.tensor import Tensor, wrap

from .. import init
from ..module import Module

M = TypeVar("M", bound=Module)
Rename = Callable[[str], str | None] | Mapping[str, str | None]


@dataclass
class LoadReport:
    """What `load_weights` did, name by name.

    matched: loaded. missing: the model has it, the file not; it stays as it was. unexpected: the file has it, the model
    not. wrong_shape: name, shape in the file, shape in the model; it stays as it was. ignored: passed over by `rename` or
    `only`.
    """

    matched: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    unexpected: list[str] = field(default_factory=list)
    wrong_shape: list[tuple[str, tuple[int, ...], tuple[int, ...]]] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)

    @property
    def complete(self) -> bool:
        """Whether everything fitted."""
        return not (self.missing or self.unexpected or self.wrong_shape)

    def __str__(self) -> str:
        shapes = [f"{name}: {theirs} in the file, {ours} in the model" for name, theirs, ours in self.wrong_shape]
        lines = [f"{len(self.matched)} matched"]
        for what, names in (
            ("missing in the file", self.missing),
            ("unexpected in the file", self.unexpected),
            ("of another shape", shapes),
            ("ignored", self.ignored),
        ):
            if names:
                lines.append(f"{len(names)} {what}: {', '.join(names[:4])}{', ...' if len(names) > 4 else ''}")
        return "\n".join(lines)


def read_weights(path: str | os.PathLike[str]) -> dict[str, Tensor]:
    """The tensors of a file by name: safetensors, `torch.save` (a state_dict), or ONNX (its initialisers).

    A checkpoint that holds its weights under "state_dict", "model_state_dict" or "model" gives those. Nothing in the
    file is executed. Raises FileNotFoundError, ValueError where the file holds no weights or is damaged, ImportError
    where an ONNX file is read without the package onnx.
    """
    path = Path(path)
    if path.suffix == ".onnx":
        return _read_onnx(path)
    if path.suffix in (".h5", ".hdf5", ".keras"):
        raise ValueError(
            f"read_weights: {path} is a Keras file, which is not read; export the model to ONNX (pip install tf2onnx), "
            "or write its weights as safetensors"
        )
    held = autograd.load(path)
    for key in ("state_dict", "model_state_dict", "model"):
        if isinstance(held, Mapping) and isinstance(held.get(key), Mapping):
            held = held[key]
    weights = {k: v for k, v in held.items() if isinstance(v, Tensor)} if isinstance(held, Mapping) else {}
    if not weights:
        found = f"the keys {', '.join(map(str, list(held)[:6]))}" if isinstance(held, Mapping) else type(held).__name__
        raise ValueError(f"read_weights: {path} holds no state_dict (tensors by name) but {found}")
    return weights


def _read_onnx(path: Path) -> dict[str, Tensor]:
    try:
        import onnx
        from onnx import numpy_helper
    except ImportError:
        raise ImportError("reading ONNX files needs the package onnx: pip install onnx") from None
    if not path.is_file():
        raise FileNotFoundError(f"read_weights: there is no file {path}")
    try:
        model = onnx.load(str(path))
        # a copy: the array is a read-only view of the message
        arrays = {held.name: numpy_helper.to_array(held).copy() for held in model.graph.initializer}
    except Exception as error:  # protobuf's own classes among them
        raise ValueError(f"read_weights: {path} is damaged or not an ONNX file ({error})") from None
    if not arrays:
        raise ValueError(f"read_weights: {path} has no initialisers, so no weights")
    return {name: wrap(array) for name, array in arrays.items()}


def load_weights(
    model: Module,
    source: str | os.PathLike[str] | Mapping[str, Any],
    *,
    strict: bool = True,
    rename: Rename | None = None,
    only: str = "*",
) -> LoadReport:
    """Copy weights from a file (any that `read_weights` reads) or a state_dict into `model`, by name.

    rename: a function or dict from the file's names to the model's; None as a result passes the entry over, a name that
    a dict lacks stays. only: a pattern ("features.*") of the model's names to load; others are ignored on both
    sides. strict: whatever is missing, unexpected or of another shape is an error, and nothing is loaded. Otherwise all that
    fits is loaded and the report says what did not. torch's num_batches_tracked may be missing (files older than it).
    Raises ValueError where strict is not met, or where two entries get the same name.
    """
    weights = source if isinstance(source, Mapping) else read_weights(source)
    state = model.state_dict()
    report, values = LoadReport(), {}
    seen: set[str] = set()
    for name, value in weights.items():
        target = _renamed(rename, name)
        if target is None or not fnmatchcase(target, only):
            report.ignored.append(name)
            continue
        if target in seen:
            raise ValueError(f"load_weights: two entries of the file are called {target!r}, one of them {name!r}")
        seen.add(target)
        if target not in state:
            report.unexpected.append(target)
        elif tuple(value.shape) != tuple(state[target].shape):
            report.wrong_shape.append((target, tuple(value.shape), tuple(state[target].shape)))
        else:
            values[target] = value
            report.matched.append(target)
    report.missing = [
        name
        for name in state
        if name not in seen and fnmatchcase(name, only) and not name.endswith("num_batches_tracked")
    ]
    if strict and not report.complete:
        where = "the state_dict" if isinstance(source, Mapping) else str(source)
        hint = (
            "these are weights of another network"
            if 2 * len(report.matched) < len(state)
            else "pass strict=False to load what fits"
        )
        raise ValueError(f"load_weights: {where} does not fit {type(model).__name__}; {hint}\n{report}")
    model.load_state_dict(values, strict=False)
    return report


def _renamed(rename: Rename | None, name: str) -> str | None:
    if rename is None:
        return name
    return rename(name) if callable(rename) else rename.get(name, name)


def build(network: Callable[..., M], *args: Any, weights: Any = None, **options: Any) -> M:
    """`network(*args, **options)`, its weights from the file `weights`, if given, in place of initial values."""
    if options.pop("pretrained", False) or (weights is not None and not isinstance(weights, (str, os.PathLike))):
        raise ValueError(
            "nn.models: nothing is downloaded; give the path of a weights file (safetensors, torch's, ONNX), as in "
            f"weights='resnet50.pth', got weights={weights!r}"
        )
    options.pop("progress", None)  # torchvision's bar while it downloads
    if weights is None:
        return network(*args, **options)
    if not Path(weights).is_file():
        raise FileNotFoundError(f"nn.models: there is no weights file {weights}; nothing is downloaded")
    with init.skipped():
        model = network(*args, **options)
    load_weights(model, weights)
    return model
