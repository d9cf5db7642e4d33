"""Padding, resizing and rearranging of images and sequences."""

from __future__ import annotations

from typing import Any

from autograd import Tensor

from . import functional as F
from .conv import per_dimension
from .module import Module


class _Pad(Module):
    """Padding of the last `dims` dimensions: one number for all sides, or both sides of each, last dimension first."""

    dims: int
    mode: str

    def __init__(self, padding: Any) -> None:
        super().__init__()
        self.padding = per_dimension(padding, 2 * self.dims, f"{type(self).__name__}: padding")

    def forward(self, input: Tensor) -> Tensor:
        return F.pad(input, self.padding, self.mode)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class _ConstantPad(_Pad):
    mode = "constant"

    def __init__(self, padding: Any, value: float) -> None:
        super().__init__(padding)
        self.value = value

    def forward(self, input: Tensor) -> Tensor:
        return F.pad(input, self.padding, "constant", self.value)

    def extra_repr(self) -> str:
        return f"padding={self.padding}, value={self.value}"


class ConstantPad1d(_ConstantPad):
    """`value` around (N, C, L) or (C, L).

    >>> nn.ConstantPad1d(1, 5.0)(autograd.ones(2, 3, 6)).shape
    Size([2, 3, 8])
    """

    dims = 1


class ConstantPad2d(_ConstantPad):
    """`value` around (N, C, H, W) or (C, H, W).

    >>> nn.ConstantPad2d(1, 5.0)(autograd.ones(2, 3, 6, 6)).shape
    Size([2, 3, 8, 8])
    """

    dims = 2


class ConstantPad3d(_ConstantPad):
    """`value` around (N, C, D, H, W) or (C, D, H, W).

    >>> nn.ConstantPad3d(1, 5.0)(autograd.ones(2, 3, 6, 6, 6)).shape
    Size([2, 3, 8, 8, 8])
    """

    dims = 3


class _ZeroPad(_ConstantPad):
    def __init__(self, padding: Any) -> None:
        super().__init__(padding, 0.0)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class ZeroPad1d(_ZeroPad):
    """Zeros around (N, C, L) or (C, L).

    >>> nn.ZeroPad1d(1)(autograd.ones(2, 3, 6)).shape
    Size([2, 3, 8])
    """

    dims = 1


class ZeroPad2d(_ZeroPad):
    """Zeros around (N, C, H, W) or (C, H, W).

    >>> nn.ZeroPad2d(1)(autograd.ones(2, 3, 6, 6)).shape
    Size([2, 3, 8, 8])
    """

    dims = 2


class ZeroPad3d(_ZeroPad):
    """Zeros around (N, C, D, H, W) or (C, D, H, W).

    >>> nn.ZeroPad3d(1)(autograd.ones(2, 3, 6, 6, 6)).shape
    Size([2, 3, 8, 8, 8])
    """

    dims = 3


class _ReflectionPad(_Pad):
    mode = "reflect"


class ReflectionPad1d(_ReflectionPad):
    """The input mirrored at its border, which is not repeated: (N, C, L) or (C, L).

    >>> nn.ReflectionPad1d(1)(autograd.ones(2, 3, 6)).shape
    Size([2, 3, 8])
    """

    dims = 1


class ReflectionPad2d(_ReflectionPad):
    """The input mirrored at its border, which is not repeated: (N, C, H, W) or (C, H, W).

    >>> nn.ReflectionPad2d(1)(autograd.ones(2, 3, 6, 6)).shape
    Size([2, 3, 8, 8])
    """

    dims = 2


class ReflectionPad3d(_ReflectionPad):
    """The input mirrored at its border, which is not repeated: (N, C, D, H, W) or (C, D, H, W).

    >>> nn.ReflectionPad3d(1)(autograd.ones(2, 3, 6, 6, 6)).shape
    Size([2, 3, 8, 8, 8])
    """

    dims = 3


class _ReplicationPad(_Pad):
    mode = "replicate"


class ReplicationPad1d(_ReplicationPad):
    """The border repeated: (N, C, L) or (C, L).

    >>> nn.ReplicationPad1d(1)(autograd.ones(2, 3, 6)).shape
    Size([2, 3, 8])
    """

    dims = 1


class ReplicationPad2d(_ReplicationPad):
    """The border repeated: (N, C, H, W) or (C, H, W).

    >>> nn.ReplicationPad2d(1)(autograd.ones(2, 3, 6, 6)).shape
    Size([2, 3, 8, 8])
    """

    dims = 2


class ReplicationPad3d(_ReplicationPad):
    """The border repeated: (N, C, D, H, W) or (C, D, H, W).

    >>> nn.ReplicationPad3d(1)(autograd.ones(2, 3, 6, 6, 6)).shape
    Size([2, 3, 8, 8, 8])
    """

    dims = 3


class _CircularPad(_Pad):
    mode = "circular"


class CircularPad1d(_CircularPad):
    """The input repeated periodically: (N, C, L) or (C, L).

    >>> nn.CircularPad1d(1)(autograd.ones(2, 3, 6)).shape
    Size([2, 3, 8])
    """

    dims = 1


class CircularPad2d(_CircularPad):
    """The input repeated periodically: (N, C, H, W) or (C, H, W).

    >>> nn.CircularPad2d(1)(autograd.ones(2, 3, 6, 6)).shape
    Size([2, 3, 8, 8])
    """

    dims = 2


class CircularPad3d(_CircularPad):
    """The input repeated periodically: (N, C, D, H, W) or (C, D, H, W).

    >>> nn.CircularPad3d(1)(autograd.ones(2, 3, 6, 6, 6)).shape
    Size([2, 3, 8, 8, 8])
    """

    dims = 3


class Upsample(Module):
    """Resizing to `size` or by `scale_factor`: (N, C, L), (N, C, H, W) or (N, C, D, H, W).

    mode: nearest, linear, bilinear, bicubic or trilinear. align_corners: whether the corner pixels' centres coincide.

    >>> nn.Upsample(scale_factor=2)(autograd.ones(1, 1, 3, 3)).shape
    Size([1, 1, 6, 6])
    """

    def __init__(
        self,
        size: Any = None,
        scale_factor: Any = None,
        mode: str = "nearest",
        align_corners: bool | None = None,
        recompute_scale_factor: bool | None = None,
    ) -> None:
        super().__init__()
        self.size, self.mode, self.align_corners = size, mode, align_corners
        if isinstance(scale_factor, (tuple, list)):
            self.scale_factor: Any = tuple(float(factor) for factor in scale_factor)
        else:
            self.scale_factor = float(scale_factor) if scale_factor else None
        self.recompute_scale_factor = recompute_scale_factor

    def forward(self, input: Tensor) -> Tensor:
        return F.interpolate(
            input, self.size, self.scale_factor, self.mode, self.align_corners, self.recompute_scale_factor
        )

    def extra_repr(self) -> str:
        wanted = f"scale_factor={self.scale_factor!r}" if self.scale_factor is not None else f"size={self.size!r}"
        return f"{wanted}, mode={self.mode!r}"


class UpsamplingNearest2d(Upsample):
    """Resizing of (N, C, H, W), each pixel the nearest one.

    >>> nn.UpsamplingNearest2d(scale_factor=2)(autograd.ones(1, 1, 3, 3)).shape
    Size([1, 1, 6, 6])
    """

    def __init__(self, size: Any = None, scale_factor: Any = None) -> None:
        super().__init__(size, scale_factor, mode="nearest")


class UpsamplingBilinear2d(Upsample):
    """Bilinear resizing of (N, C, H, W) with aligned corners.

    >>> nn.UpsamplingBilinear2d(scale_factor=2)(autograd.ones(1, 1, 3, 3)).shape
    Size([1, 1, 6, 6])
    """

    def __init__(self, size: Any = None, scale_factor: Any = None) -> None:
        super().__init__(size, scale_factor, mode="bilinear", align_corners=True)


class PixelShuffle(Module):
    """Channels to pixels: (*, C r^2, H, W) to (*, C, H r, W r), r = upscale_factor.

    Shi et al. 2016, arXiv:1609.05158.

    >>> nn.PixelShuffle(2)(autograd.ones(1, 4, 3, 3)).shape
    Size([1, 1, 6, 6])
    """

    def __init__(self, upscale_factor: int) -> None:
        super().__init__()
        self.upscale_factor = upscale_factor

    def forward(self, input: Tensor) -> Tensor:
        return F.pixel_shuffle(input, self.upscale_factor)

    def extra_repr(self) -> str:
        return f"upscale_factor={self.upscale_factor}"


class PixelUnshuffle(Module):
    """Pixels to channels: (*, C, H r, W r) to (*, C r^2, H, W), r = downscale_factor.

    >>> nn.PixelUnshuffle(2)(autograd.ones(1, 1, 4, 4)).shape
    Size([1, 4, 2, 2])
    """

    def __init__(self, downscale_factor: int) -> None:
        super().__init__()
        self.downscale_factor = downscale_factor

    def forward(self, input: Tensor) -> Tensor:
        return F.pixel_unshuffle(input, self.downscale_factor)

    def extra_repr(self) -> str:
        return f"downscale_factor={self.downscale_factor}"


class ChannelShuffle(Module):
    """Channels (N, C, *) in `groups`, interleaved. Zhang et al. 2017, arXiv:1707.01083.

    >>> nn.ChannelShuffle(2)(autograd.ones(1, 4, 2, 2)).shape
    Size([1, 4, 2, 2])
    """

    def __init__(self, groups: int) -> None:
        super().__init__()
        self.groups = groups

    def forward(self, input: Tensor) -> Tensor:
        return F.channel_shuffle(input, self.groups)

    def extra_repr(self) -> str:
        return f"groups={self.groups}"
