"""Convolutions and transposed convolutions in one, two and three dimensions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from autograd import Tensor
from autograd.errors import ShapeError

from . import functional as F
from . import init
from .linear import parameter
from .module import Module


def per_dimension(value: Any, dims: int, what: str) -> tuple[int, ...]:
    """One number for all dimensions, or one each."""
    values = tuple(value) if isinstance(value, (tuple, list)) else (value,) * dims
    if len(values) != dims:
        raise ValueError(f"{what}: expected one int or {dims}, got {value!r}")
    return values


def _step(value: Any, dims: int, what: str) -> tuple[int, ...]:
    """As `per_dimension`; a list of one number counts as the number, as in torch's convolutions."""
    lone = isinstance(value, (tuple, list)) and len(value) == 1
    return per_dimension(value[0] if lone else value, dims, what)


class _ConvNd(Module):
    """What all convolutions share: the arguments, their checks, the parameters and their initial values."""

    dims: int
    transposed = False

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        stride: Any,
        padding: Any,
        dilation: Any,
        groups: int,
        bias: bool,
        padding_mode: str,
        output_padding: Any,
        device: Any,
        dtype: Any,
    ) -> None:
        super().__init__()
        name, dims = type(self).__name__, self.dims
        if groups <= 0:
            raise ValueError(f"{name}: groups must be a positive integer, got {groups}")
        for what, channels in (("in_channels", in_channels), ("out_channels", out_channels)):
            if channels % groups:
                raise ValueError(f"{name}: {what} must be divisible by groups, got {channels} and groups={groups}")
        if padding_mode not in ("zeros", "reflect", "replicate", "circular"):
            raise ValueError(
                f"{name}: padding_mode must be zeros, reflect, replicate or circular, got {padding_mode!r}"
            )
        self.in_channels, self.out_channels = in_channels, out_channels
        # as torch: a tuple of another length is found out by the convolution itself
        self.kernel_size = tuple(kernel_size) if isinstance(kernel_size, (tuple, list)) else (kernel_size,) * dims
        self.stride = _step(stride, dims, f"{name}: stride")
        self.dilation = _step(dilation, dims, f"{name}: dilation")
        self.output_padding = _step(output_padding, dims, f"{name}: output_padding")
        self.groups, self.padding_mode = groups, padding_mode
        if isinstance(padding, str):
            if padding not in ("same", "valid"):
                raise ValueError(f"{name}: padding must be 'same', 'valid' or numbers, got {padding!r}")
            if padding == "same" and any(s != 1 for s in self.stride):
                raise ValueError(
                    f"{name}: padding='same' is not supported for strided convolutions, got stride {self.stride}"
                )
            self.padding: Any = padding
        else:
            self.padding = _step(padding, dims, f"{name}: padding")
        shape = (in_channels, out_channels // groups) if self.transposed else (out_channels, in_channels // groups)
        self.weight = parameter(*shape, *self.kernel_size, device=device, dtype=dtype)
        self.register_parameter("bias", parameter(out_channels, device=device, dtype=dtype) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the initial values anew."""
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        if self.bias is not None:
            fan_in, _ = init._calculate_fan_in_and_fan_out(self.weight)
            bound = 1 / math.sqrt(fan_in) if fan_in else 0
            init.uniform_(self.bias, -bound, bound)

    def _check(self, input: Tensor) -> None:
        dims, shape = self.dims, input.shape
        batched = len(shape) == dims + 2
        if not batched and len(shape) != dims + 1:
            raise ShapeError(
                f"{type(self).__name__}: expected an input of {dims + 1} dimensions (unbatched) or {dims + 2}, "
                f"got shape {tuple(input.shape)}"
            )
        if shape[-dims - 1] != self.in_channels:
            axes = ", ".join(("N, C" if batched else "C", *"DHW"[-dims:]))
            raise ShapeError(
                f"{type(self).__name__}: expected {self.in_channels} input channels ({axes}), "
                f"got {input.shape[-dims - 1]} in an input of shape {tuple(input.shape)}"
            )

    def _border(self) -> list[int]:
        """The padding as `F.pad` wants it: last dimension first, both sides."""
        sides: list[int] = []
        for k, d, p in zip(self.kernel_size, self.dilation, self._padding_numbers(), strict=True):
            total = d * (k - 1)
            sides = [total // 2, total - total // 2, *sides] if p is None else [p, p, *sides]
        return sides

    def _padding_numbers(self) -> Sequence[int | None]:
        if isinstance(self.padding, str):
            return [None if self.padding == "same" else 0] * self.dims
        return self.padding

    def extra_repr(self) -> str:
        zeros, ones = (0,) * self.dims, (1,) * self.dims
        parts = [f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}"]
        parts += [f"padding={self.padding}"] if self.padding != zeros else []
        parts += [f"dilation={self.dilation}"] if self.dilation != ones else []
        parts += [f"output_padding={self.output_padding}"] if self.output_padding != zeros else []
        parts += [f"groups={self.groups}"] if self.groups != 1 else []
        parts += ["bias=False"] if self.bias is None else []
        parts += [f"padding_mode={self.padding_mode}"] if self.padding_mode != "zeros" else []
        return ", ".join(parts)


class _Forward(_ConvNd):
    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(
            in_channels,
            out_channels,
            kernel_size,
            stride,
            padding,
            dilation,
            groups,
            bias,
            padding_mode,
            0,
            device,
            dtype,
        )

    def forward(self, input: Tensor) -> Tensor:
        self._check(input)
        return self._conv_forward(input, self.weight, self.bias)

    def _conv_forward(self, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        padding = self.padding
        if self.padding_mode != "zeros":
            input, padding = F.pad(input, self._border(), mode=self.padding_mode), 0
        conv = (F.conv1d, F.conv2d, F.conv3d)[self.dims - 1]
        return conv(input, weight, bias, self.stride, padding, self.dilation, self.groups)


_CONV = """{dims}-dimensional convolution (cross-correlation): out_o = b_o + sum_i weight_oi * input_i.

    (N, in_channels, {axes}) or unbatched to (N, out_channels, {outs}), each length
    floor((n + 2 padding - dilation (kernel_size - 1) - 1) / stride) + 1.
    padding: numbers, "valid" (none) or "same" (output as long as the input, stride 1). padding_mode: zeros, reflect,
    replicate or circular. weight (out_channels, in_channels / groups, *kernel_size) and bias start uniform in (-k, k),
    k = 1 / sqrt(in_channels / groups * prod(kernel_size)).
    """


class Conv1d(_Forward):
    __doc__ = (
        _CONV.format(dims="One", axes="L", outs="L'")
        + """

    >>> nn.Conv1d(3, 4, 3)(autograd.ones(2, 3, 6)).shape
    Size([2, 4, 4])
    """
    )
    dims = 1


class Conv2d(_Forward):
    __doc__ = (
        _CONV.format(dims="Two", axes="H, W", outs="H', W'")
        + """

    >>> nn.Conv2d(3, 4, 3)(autograd.ones(2, 3, 6, 6)).shape
    Size([2, 4, 4, 4])
    """
    )
    dims = 2

    def forward(self, input: Tensor, activation: str | None = None) -> Tensor:
        if activation is None or self.padding_mode != "zeros":
            y = super().forward(input)
            return y if activation is None else getattr(F, activation)(y)
        self._check(input)
        settings = self.stride, self.padding, self.dilation, self.groups
        return F.conv2d(input, self.weight, self.bias, *settings, activation=activation)


class Conv3d(_Forward):
    __doc__ = (
        _CONV.format(dims="Three", axes="D, H, W", outs="D', H', W'")
        + """

    >>> nn.Conv3d(3, 4, 3)(autograd.ones(2, 3, 6, 6, 6)).shape
    Size([2, 4, 4, 4, 4])
    """
    )
    dims = 3


class _Transposed(_ConvNd):
    transposed = True

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        output_padding: Any = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Any = 1,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        if padding_mode != "zeros":
            raise ValueError(f"{type(self).__name__}: only padding_mode 'zeros' is supported, got {padding_mode!r}")
        if isinstance(padding, str):
            raise TypeError(f"{type(self).__name__}: padding must be numbers, got {padding!r}")
        super().__init__(
            in_channels,
            out_channels,
            kernel_size,
            stride,
            padding,
            dilation,
            groups,
            bias,
            padding_mode,
            output_padding,
            device,
            dtype,
        )

    def forward(self, input: Tensor, output_size: Sequence[int] | None = None) -> Tensor:
        self._check(input)
        extra = self.output_padding if output_size is None else self._extra_for(input, list(output_size))
        conv = (F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d)[self.dims - 1]
        return conv(input, self.weight, self.bias, self.stride, self.padding, extra, self.groups, self.dilation)

    def _extra_for(self, input: Tensor, output_size: list[int]) -> tuple[int, ...]:
        """The output padding that gives `output_size`, which may name batch and channels too."""
        dims = self.dims
        if len(output_size) == input.ndim:
            output_size = output_size[-dims:]
        if len(output_size) != dims:
            raise ShapeError(
                f"{type(self).__name__}: output_size must have {dims} or {input.ndim} elements, got {len(output_size)}"
            )
        extra = []
        for n, s, p, d, k, wanted in zip(
            input.shape[-dims:], self.stride, self.padding, self.dilation, self.kernel_size, output_size, strict=True
        ):
            least = (n - 1) * s - 2 * p + d * (k - 1) + 1
            if not least <= wanted < least + s:
                raise ShapeError(
                    f"{type(self).__name__}: requested output size {wanted}, but a length of {n} can give {least} to "
                    f"{least + s - 1}"
                )
            extra.append(wanted - least)
        return tuple(extra)


_TRANSPOSED = """The gradient of Conv{dims}d with respect to its input, as a layer (a "deconvolution").

    (N, in_channels, {axes}) or unbatched to (N, out_channels, {outs}), each length (n - 1) stride - 2 padding +
    dilation (kernel_size - 1) + output_padding + 1; `forward(input, output_size)` chooses the output padding that gives
    a size. weight (in_channels, out_channels / groups, *kernel_size) and bias start uniform in (-k, k), k = 1 /
    sqrt(out_channels / groups * prod(kernel_size)).
    """


class ConvTranspose1d(_Transposed):
    __doc__ = (
        _TRANSPOSED.format(dims=1, axes="L", outs="L'")
        + """

    >>> nn.ConvTranspose1d(3, 4, 2, stride=2)(autograd.ones(2, 3, 6)).shape
    Size([2, 4, 12])
    """
    )
    dims = 1


class ConvTranspose2d(_Transposed):
    __doc__ = (
        _TRANSPOSED.format(dims=2, axes="H, W", outs="H', W'")
        + """

    >>> nn.ConvTranspose2d(3, 4, 2, stride=2)(autograd.ones(2, 3, 6, 6)).shape
    Size([2, 4, 12, 12])
    """
    )
    dims = 2


class ConvTranspose3d(_Transposed):
    __doc__ = (
        _TRANSPOSED.format(dims=3, axes="D, H, W", outs="D', H', W'")
        + """

    >>> nn.ConvTranspose3d(3, 4, 2, stride=2)(autograd.ones(2, 3, 6, 6, 6)).shape
    Size([2, 4, 12, 12, 12])
    """
    )
    dims = 3


class Fold(Module):
    """Sum columns (N, C*prod(kernel_size), L) back into images (N, C, *output_size), the adjoint of Unfold.

    >>> nn.Fold((4, 4), 2, stride=2)(autograd.ones(1, 4, 4)).shape
    Size([1, 1, 4, 4])
    """

    def __init__(
        self, output_size: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1
    ) -> None:
        super().__init__()
        self.output_size, self.kernel_size = output_size, kernel_size
        self.dilation, self.padding, self.stride = dilation, padding, stride

    def forward(self, input: Tensor) -> Tensor:
        return F.fold(input, self.output_size, self.kernel_size, self.dilation, self.padding, self.stride)

    def extra_repr(self) -> str:
        return (
            f"output_size={self.output_size}, kernel_size={self.kernel_size}, dilation={self.dilation}, "
            f"padding={self.padding}, stride={self.stride}"
        )


class Unfold(Module):
    """Every window of images (N, C, H, W) as a column: (N, C*prod(kernel_size), L).

    >>> nn.Unfold(2, stride=2)(autograd.ones(1, 1, 4, 4)).shape
    Size([1, 4, 4])
    """

    def __init__(self, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1) -> None:
        super().__init__()
        self.kernel_size, self.dilation, self.padding, self.stride = kernel_size, dilation, padding, stride

    def forward(self, input: Tensor) -> Tensor:
        return F.unfold(input, self.kernel_size, self.dilation, self.padding, self.stride)

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, dilation={self.dilation}, padding={self.padding}, stride={self.stride}"
