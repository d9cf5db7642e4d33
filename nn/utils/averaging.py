"""`AveragedModel`, which torch has in optim.swa_utils, where it is found too."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import deepcopy
from typing import Any

import numpy as np

from autograd import Tensor, no_grad, tensor

from ..module import Module


def _mean(average: Any, value: Any, count: Any) -> Any:
    return average + (value - average) / (count + 1)


class AveragedModel(Module):
    """A copy of `model` whose parameters are averages; `update_parameters(model)` takes the current ones in.

    avg_fn(average, value, count): the new average, of arrays; the mean by default. multi_avg_fn(averages, values, count):
    writes the new averages into the tensors of the first list. use_buffers: buffers are averaged too.
    Calls go to the copy, `module`. Source: Izmailov et al., https://arxiv.org/abs/1803.05407.

    >>> mean = optim.swa_utils.AveragedModel(nn.Linear(1, 1))
    >>> mean.update_parameters(nn.Linear(1, 1))
    """

    n_averaged: Tensor

    def __init__(
        self,
        model: Module,
        device: Any = None,
        avg_fn: Callable[[Any, Any, int], Any] | None = None,
        multi_avg_fn: Callable[[Sequence[Tensor], Sequence[Tensor], int], None] | None = None,
        use_buffers: bool = False,
    ) -> None:
        super().__init__()
        if avg_fn is not None and multi_avg_fn is not None:
            raise AssertionError("AveragedModel: only one of avg_fn and multi_avg_fn should be provided")
        self.module = deepcopy(model)
        self.register_buffer("n_averaged", tensor(0))
        self.avg_fn, self.multi_avg_fn = avg_fn, multi_avg_fn
        self.use_buffers = use_buffers

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        return self.module(*args, **kwargs)

    def update_parameters(self, model: Module) -> None:
        """Take the parameters of `model` into the average (the first time: copy them)."""
        count = int(self.n_averaged)
        mine: list[Tensor] = [*self.module.parameters(), *(self.module.buffers() if self.use_buffers else ())]
        theirs: list[Tensor] = [*model.parameters(), *(model.buffers() if self.use_buffers else ())]
        together = self.multi_avg_fn is not None and count > 0
        for average, value in zip(mine, theirs, strict=True):
            if not (together and value.is_floating_point()):
                self._take(average, value, count)
        if together:
            floats = [(a, v.detach()) for a, v in zip(mine, theirs, strict=True) if v.is_floating_point()]
            with no_grad():
                self.multi_avg_fn([a for a, _ in floats], [v for _, v in floats], count)  # type: ignore[misc]
        if not self.use_buffers:
            for average, value in zip(self.module.buffers(), model.buffers(), strict=True):
                np.copyto(average.numpy_view(), value.numpy_view())
        self.n_averaged += 1

    def _take(self, average: Tensor, value: Tensor, count: int) -> None:
        first = count == 0 or not value.is_floating_point()
        new = value.numpy_view() if first else (self.avg_fn or _mean)(average.numpy_view(), value.numpy_view(), count)
        np.copyto(average.numpy_view(), new, casting="unsafe")
        average._cell.written("AveragedModel")
