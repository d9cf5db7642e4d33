"""Normalisation layers."""

from __future__ import annotations

import numbers
from typing import Any

import autograd
from autograd import Tensor
from autograd.errors import ShapeError

from . import functional as F
from . import init
from .linear import parameter
from .module import Module


def _ones_and_zeros(module: Module) -> None:
    """weight 1, bias 0, where there are any."""
    if module.weight is not None:
        init.ones_(module.weight)
    if module.bias is not None:
        init.zeros_(module.bias)


class _Norm(Module):
    """What batch and instance norm share: y = (x - mean) / sqrt(var + eps) * weight + bias, one of each a channel."""

    ranks: tuple[int, ...]  # numbers of dimensions that the input may have
    _version = 2  # from which on num_batches_tracked is saved

    running_mean: Tensor | None
    running_var: Tensor | None
    num_batches_tracked: Tensor | None

    def __init__(
        self,
        num_features: int,
        eps: float,
        momentum: float | None,
        affine: bool,
        track_running_stats: bool,
        device: Any,
        dtype: Any,
        bias: bool,
    ) -> None:
        super().__init__()
        self.num_features, self.eps, self.momentum = num_features, eps, momentum
        self.affine, self.track_running_stats = affine, track_running_stats
        for name, wanted in (("weight", affine), ("bias", affine and bias)):
            self.register_parameter(name, parameter(num_features, device=device, dtype=dtype) if wanted else None)
        kwargs = {"device": device, "dtype": dtype}
        self.register_buffer("running_mean", autograd.zeros(num_features, **kwargs) if track_running_stats else None)
        self.register_buffer("running_var", autograd.ones(num_features, **kwargs) if track_running_stats else None)
        count = autograd.tensor(0, dtype=autograd.int64) if track_running_stats else None
        self.register_buffer("num_batches_tracked", count)
        self.reset_parameters()

    def reset_running_stats(self) -> None:
        """Running mean 0, running variance 1, no batches seen."""
        if self.running_mean is not None and self.running_var is not None and self.num_batches_tracked is not None:
            init.zeros_(self.running_mean)
            init.ones_(self.running_var)
            init.zeros_(self.num_batches_tracked)

    def reset_parameters(self) -> None:
        """weight 1, bias 0, and the running statistics anew."""
        self.reset_running_stats()
        _ones_and_zeros(self)

    def _load_from_state_dict(
        self, state_dict: Any, prefix: str, local_metadata: dict[str, Any], strict: bool, *lists: list[str]
    ) -> None:
        # weights of older models, and those that another library wrote, have no count
        if local_metadata.get("version", 1) < 2 and self.num_batches_tracked is not None:
            state_dict.setdefault(f"{prefix}num_batches_tracked", self.num_batches_tracked)
        super()._load_from_state_dict(state_dict, prefix, local_metadata, strict, *lists)

    def _check(self, input: Tensor, channel: int = 1) -> None:
        name, shape = type(self).__name__, tuple(input.shape)
        if len(shape) not in self.ranks:
            expected = " or ".join(map(str, self.ranks))
            raise ShapeError(f"{name}: expected an input of {expected} dimensions, got shape {shape}")
        if shape[channel] != self.num_features and (self.affine or self.track_running_stats):
            raise ShapeError(
                f"{name}: expected {self.num_features} channels, got {shape[channel]} in an input of shape {shape}"
            )

    def extra_repr(self) -> str:
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, "
            f"bias={self.bias is not None}, track_running_stats={self.track_running_stats}"
        )


class _BatchNorm(_Norm):
    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(num_features, eps, momentum, affine, track_running_stats, device, dtype, bias)

    def forward(self, input: Tensor, activation: str | None = None, residual: Tensor | None = None) -> Tensor:
        self._check(input)
        momentum = 0.0 if self.momentum is None else self.momentum
        mean, tracked = self.running_mean, self.num_batches_tracked
        if self.training and tracked is not None:
            count = tracked.numpy_view()
            count += 1
            tracked._cell.written(type(self).__name__)
            if self.momentum is None:  # the mean over all batches so far
                momentum = 1.0 / float(tracked)
        from_batch = self.training or mean is None
        # without tracking in training the statistics are the batch's, and those that are there stay as they are
        running = not self.training or self.track_running_stats
        return F.batch_norm(
            input,
            mean if running else None,
            self.running_var if running else None,
            self.weight,
            self.bias,
            from_batch,
            momentum,
            self.eps,
            activation=activation,
            residual=residual,
        )


_BATCH = """Batch normalisation over {axes}: y = (x - mean) / sqrt(var + eps) * weight + bias, channel by channel.

    {shape}. Training uses the batch's mean and (biased) variance and moves the running ones towards them: running = (1
    - momentum) running + momentum batch (the variance there unbiased; momentum None: the mean over all batches);
    evaluation uses the running ones. weight starts at 1, bias at 0. Ioffe & Szegedy 2015, arXiv:1502.03167.
    """


class BatchNorm1d(_BatchNorm):
    __doc__ = (
        _BATCH.format(axes="N and L", shape="Input (N, C) or (N, C, L)")
        + """

    >>> nn.BatchNorm1d(3)(autograd.ones(2, 3, 6)).shape
    Size([2, 3, 6])
    """
    )
    ranks = (2, 3)


class BatchNorm2d(_BatchNorm):
    __doc__ = (
        _BATCH.format(axes="N, H and W", shape="Input (N, C, H, W)")
        + """

    >>> nn.BatchNorm2d(3)(autograd.ones(2, 3, 6, 6)).shape
    Size([2, 3, 6, 6])
    """
    )
    ranks = (4,)


class BatchNorm3d(_BatchNorm):
    __doc__ = (
        _BATCH.format(axes="N, D, H and W", shape="Input (N, C, D, H, W)")
        + """

    >>> nn.BatchNorm3d(3)(autograd.ones(2, 3, 6, 6, 6)).shape
    Size([2, 3, 6, 6, 6])
    """
    )
    ranks = (5,)


class _InstanceNorm(_Norm):
    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float = 0.1,
        affine: bool = False,
        track_running_stats: bool = False,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(num_features, eps, momentum, affine, track_running_stats, device, dtype, bias)

    def forward(self, input: Tensor) -> Tensor:
        unbatched = input.ndim == self.ranks[0]
        self._check(input, 0 if unbatched else 1)
        x = autograd.unsqueeze(input, 0) if unbatched else input
        y = F.instance_norm(
            x,
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            self.training or not self.track_running_stats,
            0.0 if self.momentum is None else self.momentum,
            self.eps,
        )
        return autograd.squeeze(y, 0) if unbatched else y


_INSTANCE = """Each channel of each sample normalised over {axes}: y = (x - mean) / sqrt(var + eps) * weight + bias.

    Input {shape}. affine (default off): weight, from 1, and bias, from 0. track_running_stats (default off): as in
    batch norm. Ulyanov et al. 2016, arXiv:1607.08022.
    """


class InstanceNorm1d(_InstanceNorm):
    __doc__ = (
        _INSTANCE.format(axes="L", shape="(N, C, L) or (C, L)")
        + """

    >>> nn.InstanceNorm1d(3)(autograd.ones(2, 3, 6)).shape
    Size([2, 3, 6])
    """
    )
    ranks = (2, 3)


class InstanceNorm2d(_InstanceNorm):
    __doc__ = (
        _INSTANCE.format(axes="H and W", shape="(N, C, H, W) or (C, H, W)")
        + """

    >>> nn.InstanceNorm2d(3)(autograd.ones(2, 3, 6, 6)).shape
    Size([2, 3, 6, 6])
    """
    )
    ranks = (3, 4)


class InstanceNorm3d(_InstanceNorm):
    __doc__ = (
        _INSTANCE.format(axes="D, H and W", shape="(N, C, D, H, W) or (C, D, H, W)")
        + """

    >>> nn.InstanceNorm3d(3)(autograd.ones(2, 3, 6, 6, 6)).shape
    Size([2, 3, 6, 6, 6])
    """
    )
    ranks = (4, 5)


class LayerNorm(Module):
    """Normalisation over the last dimensions: y = (x - mean) / sqrt(var + eps) * weight + bias.

    Input (*, *normalized_shape). weight starts at 1, bias at 0, both of normalized_shape. Ba et al. 2016,
    arXiv:1607.06450.

    >>> nn.LayerNorm(4)(autograd.ones(2, 4)).shape
    Size([2, 4])
    """

    def __init__(
        self,
        normalized_shape: Any,
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.normalized_shape = _shape(normalized_shape)
        self.eps, self.elementwise_affine = eps, elementwise_affine
        for name, wanted in (("weight", elementwise_affine), ("bias", elementwise_affine and bias)):
            self.register_parameter(
                name, parameter(*self.normalized_shape, device=device, dtype=dtype) if wanted else None
            )
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """weight 1, bias 0."""
        _ones_and_zeros(self)

    def forward(self, input: Tensor) -> Tensor:
        return F.layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return (
            f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}, "
            f"bias={self.bias is not None}"
        )


def _shape(normalized_shape: Any) -> tuple[int, ...]:
    if isinstance(normalized_shape, numbers.Integral):
        return (int(normalized_shape),)
    return tuple(normalized_shape)


class RMSNorm(Module):
    """Division by the root mean square over the last dimensions: y = x / sqrt(mean(x^2) + eps) * weight.

    Input (*, *normalized_shape). eps None: the dtype's machine epsilon. weight starts at 1. Zhang & Sennrich 2019,
    arXiv:1910.07467.

    >>> nn.RMSNorm(4)(autograd.ones(2, 4)).shape
    Size([2, 4])
    """

    def __init__(
        self,
        normalized_shape: Any,
        eps: float | None = None,
        elementwise_affine: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.normalized_shape = _shape(normalized_shape)
        self.eps, self.elementwise_affine = eps, elementwise_affine
        self.register_parameter(
            "weight", parameter(*self.normalized_shape, device=device, dtype=dtype) if elementwise_affine else None
        )
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """weight 1."""
        if self.weight is not None:
            init.ones_(self.weight)

    def forward(self, input: Tensor) -> Tensor:
        return F.rms_norm(input, self.normalized_shape, self.weight, self.eps)

    def extra_repr(self) -> str:
        return f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"


class GroupNorm(Module):
    """Normalisation of each sample over groups of channels: y = (x - mean) / sqrt(var + eps) * weight + bias.

    Input (N, num_channels, *). weight starts at 1, bias at 0, one of each a channel. Wu & He 2018, arXiv:1803.08494.

    >>> nn.GroupNorm(2, 4)(autograd.ones(1, 4, 5)).shape
    Size([1, 4, 5])
    """

    def __init__(
        self,
        num_groups: int,
        num_channels: int,
        eps: float = 1e-5,
        affine: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__()
        if num_channels % num_groups:
            raise ValueError(f"GroupNorm: num_channels ({num_channels}) must be divisible by num_groups ({num_groups})")
        self.num_groups, self.num_channels, self.eps, self.affine = num_groups, num_channels, eps, affine
        for name, wanted in (("weight", affine), ("bias", affine and bias)):
            self.register_parameter(name, parameter(num_channels, device=device, dtype=dtype) if wanted else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """weight 1, bias 0."""
        _ones_and_zeros(self)

    def forward(self, input: Tensor) -> Tensor:
        return F.group_norm(input, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return (
            f"{self.num_groups}, {self.num_channels}, eps={self.eps}, affine={self.affine}, "
            f"bias={self.bias is not None}"
        )


class LocalResponseNorm(Module):
    """Division by the neighbouring channels' energy: y = x / (k + alpha / size * sum of x^2 over `size` channels)^beta.

    Input (N, C, *). Krizhevsky et al. 2012, section 3.3.

    >>> nn.LocalResponseNorm(2)(autograd.ones(1, 4, 3, 3)).shape
    Size([1, 4, 3, 3])
    """

    def __init__(self, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> None:
        super().__init__()
        self.size, self.alpha, self.beta, self.k = size, alpha, beta, k

    def forward(self, input: Tensor) -> Tensor:
        return F.local_response_norm(input, self.size, self.alpha, self.beta, self.k)

    def extra_repr(self) -> str:
        return f"{self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}"
