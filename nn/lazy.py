"""Layers that learn the size of their input from the first one they see."""

from __future__ import annotations

from typing import Any

from autograd import Tensor, no_grad
from autograd.errors import ShapeError

from .conv import Conv1d, Conv2d, Conv3d, ConvTranspose1d, ConvTranspose2d, ConvTranspose3d
from .linear import Linear
from .module import Module
from .norm import BatchNorm1d, BatchNorm2d, BatchNorm3d, InstanceNorm1d, InstanceNorm2d, InstanceNorm3d
from .parameter import Parameter, UninitializedParameter, is_lazy


class LazyModuleMixin:
    """Stands before Module among the bases of a layer of one's own that learns shapes from its first input.

    Its `initialize_parameters`, called with the arguments of the first call, materializes the uninitialized parameters and
    buffers that the layer was made with. cls_to_become: the class it has from then on, if not None.
    """

    cls_to_become: Any = None
    _parameters: Any
    _buffers: Any

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._initialize_hook = self.register_forward_pre_hook(_infer, with_kwargs=True)  # type: ignore[attr-defined]

    def initialize_parameters(self, *args: Any, **kwargs: Any) -> None:
        """Give each its shape, from the arguments of the first call."""
        raise NotImplementedError(f"initialize_parameters is not implemented for {type(self).__name__}")

    def has_uninitialized_params(self) -> bool:
        """Whether a parameter or a buffer has no shape yet."""
        return any(map(is_lazy, (*self._parameters.values(), *self._buffers.values())))


def _infer(module: Any, args: Any, kwargs: Any) -> None:
    module.initialize_parameters(*args, **kwargs)
    if module.has_uninitialized_params():
        raise RuntimeError(
            f"{type(module).__name__}: initialize_parameters left a parameter or a buffer without a shape"
        )
    module._initialize_hook.remove()
    del module._initialize_hook
    if module.cls_to_become is not None:
        object.__setattr__(module, "__class__", module.cls_to_become)


class _Lazy(LazyModuleMixin, Module):
    """A layer whose first call gives its parameters their shapes and makes it the layer it stands for."""

    _size: str  # the argument that the input tells
    _at: int  # where the input's shape tells it

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super(LazyModuleMixin, self).__init__(0, *args, **kwargs)  # type: ignore[call-arg]

    def _shapes(self, size: int) -> dict[str, tuple[int, ...]]:
        raise NotImplementedError

    def reset_parameters(self) -> None:
        """Draw the initial values anew, where there are any yet."""
        if not self.has_uninitialized_params() and bool(getattr(self, self._size, False)):
            super().reset_parameters()  # type: ignore[misc]

    def initialize_parameters(self, input: Tensor) -> None:
        """Take the size of the input: shapes and initial values."""
        if input.ndim < abs(self._at):
            raise ShapeError(f"{type(self).__name__}: input of shape {tuple(input.shape)} has too few dimensions")
        size = input.shape[self._at]
        fresh = self.has_uninitialized_params()
        setattr(self, self._size, size)
        with no_grad():
            for name, shape in self._shapes(size).items():
                param = self._parameters[name]
                if isinstance(param, UninitializedParameter):
                    param.materialize(shape)
            self._other_sizes(size)
        if fresh:
            self.reset_parameters()

    def _other_sizes(self, size: int) -> None:
        pass

    def forward(self, input: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        self.initialize_parameters(input)
        object.__setattr__(self, "__class__", self.cls_to_become)
        return self.forward(input, *args, **kwargs)


class LazyLinear(_Lazy, Linear):
    """`Linear` whose in_features is the last size of the first input.

    >>> nn.LazyLinear(2)(autograd.ones(3, 5)).shape
    Size([3, 2])
    """

    cls_to_become, _size, _at = Linear, "in_features", -1

    def __init__(self, out_features: int, bias: bool = True, device: Any = None, dtype: Any = None) -> None:
        super().__init__(0, bias, device, dtype)
        self.out_features = out_features
        self.weight = UninitializedParameter(dtype=dtype)
        if bias:
            self.bias = UninitializedParameter(dtype=dtype)

    def _shapes(self, size: int) -> dict[str, tuple[int, ...]]:
        shapes: dict[str, tuple[int, ...]] = {"weight": (self.out_features, size)}
        return shapes if self.bias is None else {**shapes, "bias": (self.out_features,)}


class _LazyConv(_Lazy):
    _size = "in_channels"
    dims: int
    groups: int
    kernel_size: tuple[int, ...]
    transposed: bool
    weight: Parameter

    def __init__(self, out_channels: int, kernel_size: Any, *args: Any, **kwargs: Any) -> None:
        dtype, bias = kwargs.get("dtype"), kwargs.get("bias", True)
        super().__init__(0, kernel_size, *args, **{**kwargs, "bias": False})
        self.out_channels = out_channels
        if out_channels % self.groups:
            raise ValueError(f"{type(self).__name__}: out_channels must be divisible by groups, got {out_channels}")
        self.weight = UninitializedParameter(dtype=dtype)
        if bias:
            self.bias = UninitializedParameter(dtype=dtype)

    @property
    def _at(self) -> int:  # type: ignore[override]
        return -1 - self.dims

    def _shapes(self, size: int) -> dict[str, tuple[int, ...]]:
        if size % self.groups:
            raise ShapeError(f"{type(self).__name__}: {size} input channels are not divisible by groups {self.groups}")
        pair = (size, self.out_channels // self.groups) if self.transposed else (self.out_channels, size // self.groups)
        shapes: dict[str, tuple[int, ...]] = {"weight": (*pair, *self.kernel_size)}
        return shapes if self.bias is None else {**shapes, "bias": (self.out_channels,)}


class _LazyNorm(_Lazy):
    _size, _at = "num_features", 1

    def __init__(
        self, eps: float = 1e-5, momentum: float | None = 0.1, affine: bool = True, track_running_stats: bool = True,
        device: Any = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__(eps, momentum, affine, track_running_stats, device, dtype)
        for name, param in list(self._parameters.items()):
            if param is not None:
                setattr(self, name, UninitializedParameter(dtype=param.dtype))

    def _shapes(self, size: int) -> dict[str, tuple[int, ...]]:
        return {name: (size,) for name, param in self._parameters.items() if param is not None}

    def _other_sizes(self, size: int) -> None:
        for name in ("running_mean", "running_var"):
            held = self._buffers[name]
            if held is not None and held.numel() != size:
                held.resize_(size)
                held.fill_(0 if name == "running_mean" else 1)


class LazyConv1d(_LazyConv, Conv1d):
    """`Conv1d` whose in_channels is the first input's; otherwise its arguments.

    >>> layer = nn.LazyConv1d(4, 3)
    >>> y = layer(autograd.ones(2, 3, 8))
    >>> type(layer).__name__, layer.in_channels
    ('Conv1d', 3)
    """

    cls_to_become = Conv1d


class LazyConv2d(_LazyConv, Conv2d):
    """`Conv2d` whose in_channels is the first input's; otherwise its arguments.

    >>> layer = nn.LazyConv2d(4, 3)
    >>> y = layer(autograd.ones(2, 3, 8, 8))
    >>> type(layer).__name__, layer.in_channels
    ('Conv2d', 3)
    """

    cls_to_become = Conv2d


class LazyConv3d(_LazyConv, Conv3d):
    """`Conv3d` whose in_channels is the first input's; otherwise its arguments.

    >>> layer = nn.LazyConv3d(4, 3)
    >>> y = layer(autograd.ones(2, 3, 4, 4, 4))
    >>> type(layer).__name__, layer.in_channels
    ('Conv3d', 3)
    """

    cls_to_become = Conv3d


class LazyConvTranspose1d(_LazyConv, ConvTranspose1d):
    """`ConvTranspose1d` whose in_channels is the first input's; otherwise its arguments.

    >>> layer = nn.LazyConvTranspose1d(4, 3)
    >>> y = layer(autograd.ones(2, 3, 8))
    >>> type(layer).__name__, layer.in_channels
    ('ConvTranspose1d', 3)
    """

    cls_to_become = ConvTranspose1d


class LazyConvTranspose2d(_LazyConv, ConvTranspose2d):
    """`ConvTranspose2d` whose in_channels is the first input's; otherwise its arguments.

    >>> layer = nn.LazyConvTranspose2d(4, 3)
    >>> y = layer(autograd.ones(2, 3, 8, 8))
    >>> type(layer).__name__, layer.in_channels
    ('ConvTranspose2d', 3)
    """

    cls_to_become = ConvTranspose2d


class LazyConvTranspose3d(_LazyConv, ConvTranspose3d):
    """`ConvTranspose3d` whose in_channels is the first input's; otherwise its arguments.

    >>> layer = nn.LazyConvTranspose3d(4, 3)
    >>> y = layer(autograd.ones(2, 3, 4, 4, 4))
    >>> type(layer).__name__, layer.in_channels
    ('ConvTranspose3d', 3)
    """

    cls_to_become = ConvTranspose3d


class LazyBatchNorm1d(_LazyNorm, BatchNorm1d):
    """`BatchNorm1d` whose num_features is the first input's number of channels; otherwise its arguments.

    >>> layer = nn.LazyBatchNorm1d()
    >>> y = layer(autograd.ones(2, 3))
    >>> type(layer).__name__, layer.num_features
    ('BatchNorm1d', 3)
    """

    cls_to_become = BatchNorm1d


class LazyBatchNorm2d(_LazyNorm, BatchNorm2d):
    """`BatchNorm2d` whose num_features is the first input's number of channels; otherwise its arguments.

    >>> layer = nn.LazyBatchNorm2d()
    >>> y = layer(autograd.ones(2, 3, 4, 4))
    >>> type(layer).__name__, layer.num_features
    ('BatchNorm2d', 3)
    """

    cls_to_become = BatchNorm2d


class LazyBatchNorm3d(_LazyNorm, BatchNorm3d):
    """`BatchNorm3d` whose num_features is the first input's number of channels; otherwise its arguments.

    >>> layer = nn.LazyBatchNorm3d()
    >>> y = layer(autograd.ones(2, 3, 4, 4, 4))
    >>> type(layer).__name__, layer.num_features
    ('BatchNorm3d', 3)
    """

    cls_to_become = BatchNorm3d


class LazyInstanceNorm1d(_LazyNorm, InstanceNorm1d):
    """`InstanceNorm1d` whose num_features is the first input's number of channels; otherwise its arguments.

    >>> layer = nn.LazyInstanceNorm1d()
    >>> y = layer(autograd.ones(2, 3, 4))
    >>> type(layer).__name__, layer.num_features
    ('InstanceNorm1d', 3)
    """

    cls_to_become = InstanceNorm1d


class LazyInstanceNorm2d(_LazyNorm, InstanceNorm2d):
    """`InstanceNorm2d` whose num_features is the first input's number of channels; otherwise its arguments.

    >>> layer = nn.LazyInstanceNorm2d()
    >>> y = layer(autograd.ones(2, 3, 4, 4))
    >>> type(layer).__name__, layer.num_features
    ('InstanceNorm2d', 3)
    """

    cls_to_become = InstanceNorm2d


class LazyInstanceNorm3d(_LazyNorm, InstanceNorm3d):
    """`InstanceNorm3d` whose num_features is the first input's number of channels; otherwise its arguments.

    >>> layer = nn.LazyInstanceNorm3d()
    >>> y = layer(autograd.ones(2, 3, 4, 4, 4))
    >>> type(layer).__name__, layer.num_features
    ('InstanceNorm3d', 3)
    """

    cls_to_become = InstanceNorm3d
