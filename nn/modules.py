"""torch's names of the files its layers stand in, for code that reaches into them: `nn.modules.batchnorm._BatchNorm`.

>>> from nn.modules.utils import _pair
>>> _pair(3), _pair((1, 2))
((3, 3), (1, 2))
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from types import ModuleType
from typing import Any

from . import (
    activation,
    attention,
    container,
    conv,
    dropout,
    embedding,
    lazy,
    linear,
    loss,
    module,
    norm,
    padding,
    parallel,
    pool,
)
from . import recurrent as rnn

__path__: list[str] = []  # `import nn.modules.conv` looks for a package
utils = ModuleType("nn.modules.utils", "A number as a tuple of n equal ones, an iterable as a tuple.")


def _ntuple(n: int) -> Callable[[Any], tuple[Any, ...]]:
    return lambda x: tuple(x) if isinstance(x, Iterable) else (x,) * n


def _consume_prefix(state_dict: dict[str, Any], prefix: str) -> None:
    """Take the prefix, as "module." of a model wrapped for several devices, off all names, in place."""
    named = [(key.removeprefix(prefix), state_dict.pop(key)) for key in list(state_dict)]
    state_dict.update(named)
    versions = getattr(state_dict, "_metadata", None)
    if versions:
        for key in list(versions):
            if f"{key}.".startswith(prefix):
                versions[key[len(prefix) :]] = versions.pop(key)


vars(utils).update(_ntuple=_ntuple, _single=_ntuple(1), _pair=_ntuple(2), _triple=_ntuple(3), _quadruple=_ntuple(4))
vars(utils).update(consume_prefix_in_state_dict_if_present=_consume_prefix)
_FILES = {
    "activation": activation, "batchnorm": norm, "container": container, "conv": conv, "dropout": dropout,
    "instancenorm": norm, "linear": linear, "loss": loss, "module": module, "normalization": norm, "padding": padding,
    "parallel": parallel, "pooling": pool, "rnn": rnn, "sparse": embedding, "transformer": attention, "utils": utils,
}  # fmt: skip
_FILES |= {
    "upsampling": padding,
    "distance": loss,
    "flatten": linear,
    "fold": conv,
    "pixelshuffle": padding,
    "lazy": lazy,
}
_CLASSES: dict[ModuleType, dict[str, Any]] = {  # what isinstance asks for, and copies of torch's own layers import
    activation: {"MultiheadAttention": attention.MultiheadAttention},
    attention: {"_get_activation_fn": attention._activation, "_get_clones": attention._copies},
    conv: {"_ConvTransposeNd": conv._Transposed},
    linear: {"NonDynamicallyQuantizableLinear": linear.Linear},
    norm: {"_NormBase": norm._Norm},
    pool: {"_MaxPoolNd": pool._MaxPool},
}
for _file, _named in _CLASSES.items():
    vars(_file).update(_named)
for _name, _file in _FILES.items():
    globals()[_name] = sys.modules[f"{__name__}.{_name}"] = _file


def __getattr__(name: str) -> Any:
    if not name.startswith("_") and hasattr(sys.modules["nn"], name):  # the layers themselves, as in torch
        return getattr(sys.modules["nn"], name)
    raise AttributeError(f"module 'nn.modules' has no attribute {name!r}", name=name)
