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

from . import activation, attention, container, conv, dropout, embedding, linear, loss, module, norm, padding, pool
from . import recurrent as rnn

utils = ModuleType("nn.modules.utils", "A number as a tuple of n equal ones, an iterable as a tuple.")


def _ntuple(n: int) -> Callable[[Any], tuple[Any, ...]]:
    return lambda x: tuple(x) if isinstance(x, Iterable) else (x,) * n


vars(utils).update(_ntuple=_ntuple, _single=_ntuple(1), _pair=_ntuple(2), _triple=_ntuple(3), _quadruple=_ntuple(4))
_FILES = {
    "activation": activation, "batchnorm": norm, "container": container, "conv": conv, "dropout": dropout,
    "instancenorm": norm, "linear": linear, "loss": loss, "module": module, "normalization": norm, "padding": padding,
    "pooling": pool, "rnn": rnn, "sparse": embedding, "transformer": attention, "utils": utils,
}  # fmt: skip
for _name, _file in _FILES.items():
    globals()[_name] = sys.modules[f"{__name__}.{_name}"] = _file
