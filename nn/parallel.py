"""torch's wrappers for several devices, on the one there is: DataParallel, SyncBatchNorm and torch.nn.parallel's names."""

from __future__ import annotations

from typing import Any

from autograd.errors import DeviceError

from .module import Module
from .norm import _BatchNorm

__path__: list[str] = []  # `from nn.parallel.distributed import ...` looks for a package


class DataParallel(Module):
    """The module as it is, under the name `module`: there is one device. Checkpoints of wrapped models have its names.

    >>> list(nn.DataParallel(nn.Linear(1, 1, bias=False)).state_dict())
    ['module.weight']
    """

    def __init__(self, module: Module, device_ids: Any = None, output_device: Any = None, dim: int = 0) -> None:
        super().__init__()
        self.module = module
        self.device_ids: list[int] = []

    def forward(self, *inputs: Any, **kwargs: Any) -> Any:
        return self.module(*inputs, **kwargs)


class DistributedDataParallel(Module):
    """Raises RuntimeError: there are no process groups here; one process computes on all cores."""

    def __init__(self, module: Module, *args: Any, **kwargs: Any) -> None:
        raise RuntimeError("DistributedDataParallel: there are no process groups here; use the module as it is")


class SyncBatchNorm(_BatchNorm):
    """Batch norm of input (N, C, *) of any rank. One process has the whole batch: there is nothing to bring together.

    >>> nn.SyncBatchNorm(3)(autograd.ones(2, 3, 4)).shape
    Size([2, 3, 4])
    """

    ranks = (2, 3, 4, 5)

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        process_group: Any = None,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(num_features, eps, momentum, affine, track_running_stats, device, dtype, bias=bias)

    @classmethod
    def convert_sync_batchnorm(cls, module: Module, process_group: Any = None) -> Module:
        """A module with each of its batch norms made a SyncBatchNorm of the same parameters."""
        out = module
        if isinstance(module, _BatchNorm) and not isinstance(module, cls):
            out = cls(module.num_features, module.eps, module.momentum, module.affine, module.track_running_stats)
            out.__dict__.update(module.__dict__)
        for name, child in module.named_children():
            if name in module._modules:
                setattr(out, name, cls.convert_sync_batchnorm(child, process_group))
        return out


def scatter(inputs: Any, target_gpus: Any, dim: int = 0) -> Any:
    """Raises RuntimeError: there are no GPUs to spread a batch over."""
    raise DeviceError("scatter: this library computes on 'cpu' only; call the module on the whole batch")


def gather(outputs: Any, target_device: Any, dim: int = 0) -> Any:
    """Raises RuntimeError: there are no GPUs from which to collect results."""
    raise DeviceError("gather: this library computes on 'cpu' only; the module's result is whole already")
