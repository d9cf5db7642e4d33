"""Pooling over windows and to fixed output sizes."""

from __future__ import annotations

from typing import Any

from autograd import Tensor

from . import functional as F
from .module import Module


class _MaxPool(Module):
    dims: int

    def __init__(
        self,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        dilation: Any = 1,
        return_indices: bool = False,
        ceil_mode: bool = False,
    ) -> None:
        super().__init__()
        self.kernel_size, self.stride = kernel_size, kernel_size if stride is None else stride
        self.padding, self.dilation = padding, dilation
        self.return_indices, self.ceil_mode = return_indices, ceil_mode

    def forward(self, input: Tensor) -> Any:
        pool = (F.max_pool1d, F.max_pool2d, F.max_pool3d)[self.dims - 1]
        return pool(
            input,
            self.kernel_size,
            self.stride,
            self.padding,
            self.dilation,
            ceil_mode=self.ceil_mode,
            return_indices=self.return_indices,
        )

    def extra_repr(self) -> str:
        return (
            f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}, dilation={self.dilation}, "
            f"ceil_mode={self.ceil_mode}"
        )


_MAX = """The largest value of each window: (N, C, {axes}) or unbatched to (N, C, {outs}).

    stride: kernel_size unless given. Padding counts as -inf. return_indices: also where in the image each value stood.
    Each length is floor((n + 2 padding - dilation (kernel_size - 1) - 1) / stride) + 1, with ceil_mode rounded up.
    """


class MaxPool1d(_MaxPool):
    __doc__ = (
        _MAX.format(axes="L", outs="L'")
        + """

    >>> nn.MaxPool1d(2)(autograd.ones(2, 3, 6)).shape
    Size([2, 3, 3])
    """
    )
    dims = 1


class MaxPool2d(_MaxPool):
    __doc__ = (
        _MAX.format(axes="H, W", outs="H', W'")
        + """

    >>> nn.MaxPool2d(2)(autograd.ones(2, 3, 6, 6)).shape
    Size([2, 3, 3, 3])
    """
    )
    dims = 2


class MaxPool3d(_MaxPool):
    __doc__ = (
        _MAX.format(axes="D, H, W", outs="D', H', W'")
        + """

    >>> nn.MaxPool3d(2)(autograd.ones(2, 3, 6, 6, 6)).shape
    Size([2, 3, 3, 3, 3])
    """
    )
    dims = 3


_AVG = """The mean of each window: (N, C, {axes}) or unbatched to (N, C, {outs}).

    stride: kernel_size unless given. count_include_pad: whether the padding's zeros count in the mean.{divisor}
    """
_DIVISOR = " divisor_override:\n    what to divide by in place of the number of elements."


class AvgPool1d(Module):
    __doc__ = (
        _AVG.format(axes="L", outs="L'", divisor="")
        + """

    >>> nn.AvgPool1d(2)(autograd.ones(2, 3, 6)).shape
    Size([2, 3, 3])
    """
    )

    def __init__(
        self,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ) -> None:
        super().__init__()
        self.kernel_size, self.stride, self.padding = (
            v if isinstance(v, (tuple, list)) else (v,)
            for v in (kernel_size, kernel_size if stride is None else stride, padding)
        )
        self.ceil_mode, self.count_include_pad = ceil_mode, count_include_pad

    def forward(self, input: Tensor) -> Tensor:
        return F.avg_pool1d(input, self.kernel_size, self.stride, self.padding, self.ceil_mode, self.count_include_pad)

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class AvgPool2d(Module):
    __doc__ = (
        _AVG.format(axes="H, W", outs="H', W'", divisor=_DIVISOR)
        + """

    >>> nn.AvgPool2d(2)(autograd.ones(2, 3, 6, 6)).shape
    Size([2, 3, 3, 3])
    """
    )

    def __init__(
        self,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> None:
        super().__init__()
        self.kernel_size, self.stride = kernel_size, kernel_size if stride is None else stride
        self.padding, self.ceil_mode = padding, ceil_mode
        self.count_include_pad, self.divisor_override = count_include_pad, divisor_override

    def _arguments(self) -> tuple[Any, ...]:
        return (
            self.kernel_size,
            self.stride,
            self.padding,
            self.ceil_mode,
            self.count_include_pad,
            self.divisor_override,
        )

    def forward(self, input: Tensor) -> Tensor:
        return F.avg_pool2d(input, *self._arguments())

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class AvgPool3d(AvgPool2d):
    __doc__ = (
        _AVG.format(axes="D, H, W", outs="D', H', W'", divisor=_DIVISOR)
        + """

    >>> nn.AvgPool3d(2)(autograd.ones(2, 3, 6, 6, 6)).shape
    Size([2, 3, 3, 3, 3])
    """
    )

    def forward(self, input: Tensor) -> Tensor:
        return F.avg_pool3d(input, *self._arguments())


class _AdaptiveAvgPool(Module):
    """The mean of as many nearly equal windows as output_size says; None keeps a length."""

    dims: int

    def __init__(self, output_size: Any) -> None:
        super().__init__()
        self.output_size = output_size

    def forward(self, input: Tensor) -> Tensor:
        pool = (F.adaptive_avg_pool1d, F.adaptive_avg_pool2d, F.adaptive_avg_pool3d)[self.dims - 1]
        return pool(input, self.output_size)

    def extra_repr(self) -> str:
        return f"output_size={self.output_size}"


class AdaptiveAvgPool1d(_AdaptiveAvgPool):
    """Means of nearly equal windows: (N, C, L) or unbatched to (N, C, output_size).

    >>> nn.AdaptiveAvgPool1d(2)(autograd.ones(2, 3, 6)).shape
    Size([2, 3, 2])
    """

    dims = 1


class AdaptiveAvgPool2d(_AdaptiveAvgPool):
    """Means of nearly equal windows: (N, C, H, W) or unbatched to (N, C, *output_size); None keeps a length.

    >>> nn.AdaptiveAvgPool2d(2)(autograd.ones(2, 3, 6, 6)).shape
    Size([2, 3, 2, 2])
    """

    dims = 2


class AdaptiveAvgPool3d(_AdaptiveAvgPool):
    """Means of nearly equal windows: (N, C, D, H, W) or unbatched to (N, C, *output_size); None keeps a length.

    >>> nn.AdaptiveAvgPool3d(2)(autograd.ones(2, 3, 6, 6, 6)).shape
    Size([2, 3, 2, 2, 2])
    """

    dims = 3


class _AdaptiveMaxPool(Module):
    dims: int

    def __init__(self, output_size: Any, return_indices: bool = False) -> None:
        super().__init__()
        self.output_size, self.return_indices = output_size, return_indices

    def forward(self, input: Tensor) -> Any:
        pool = (F.adaptive_max_pool1d, F.adaptive_max_pool2d, F.adaptive_max_pool3d)[self.dims - 1]
        return pool(input, self.output_size, self.return_indices)

    def extra_repr(self) -> str:
        return f"output_size={self.output_size}"


class AdaptiveMaxPool1d(_AdaptiveMaxPool):
    """Maxima of nearly equal windows: (N, C, L) or unbatched to (N, C, output_size).

    >>> nn.AdaptiveMaxPool1d(2)(autograd.ones(2, 3, 6)).shape
    Size([2, 3, 2])
    """

    dims = 1


class AdaptiveMaxPool2d(_AdaptiveMaxPool):
    """Maxima of nearly equal windows: (N, C, H, W) or unbatched to (N, C, *output_size); None keeps a length.

    >>> nn.AdaptiveMaxPool2d(2)(autograd.ones(2, 3, 6, 6)).shape
    Size([2, 3, 2, 2])
    """

    dims = 2


class AdaptiveMaxPool3d(_AdaptiveMaxPool):
    """Maxima of nearly equal windows: (N, C, D, H, W) or unbatched to (N, C, *output_size); None keeps a length.

    >>> nn.AdaptiveMaxPool3d(2)(autograd.ones(2, 3, 6, 6, 6)).shape
    Size([2, 3, 2, 2, 2])
    """

    dims = 3


class _MaxUnpool(Module):
    dims: int

    def __init__(self, kernel_size: Any, stride: Any = None, padding: Any = 0) -> None:
        super().__init__()
        self.kernel_size, self.stride, self.padding = (
            tuple(v) if isinstance(v, (tuple, list)) else (v,) * self.dims
            for v in (kernel_size, kernel_size if stride is None else stride, padding)
        )

    def forward(self, input: Tensor, indices: Tensor, output_size: Any = None) -> Tensor:
        unpool = (F.max_unpool1d, F.max_unpool2d, F.max_unpool3d)[self.dims - 1]
        return unpool(input, indices, self.kernel_size, self.stride, self.padding, output_size)

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class MaxUnpool1d(_MaxUnpool):
    """MaxPool1d undone: each maximum where `indices` says, zeros elsewhere. (N, C, L) to (N, C, L').

    >>> y, places = nn.MaxPool1d(2, return_indices=True)(autograd.ones(2, 3, 6))
    >>> nn.MaxUnpool1d(2)(y, places).shape
    Size([2, 3, 6])
    """

    dims = 1


class MaxUnpool2d(_MaxUnpool):
    """MaxPool2d undone: each maximum where `indices` says, zeros elsewhere. (N, C, H, W) to (N, C, H', W').

    >>> y, places = nn.MaxPool2d(2, return_indices=True)(autograd.ones(2, 3, 6, 6))
    >>> nn.MaxUnpool2d(2)(y, places).shape
    Size([2, 3, 6, 6])
    """

    dims = 2


class MaxUnpool3d(_MaxUnpool):
    """MaxPool3d undone: each maximum where `indices` says, zeros elsewhere. (N, C, D, H, W) to (N, C, D', H', W').

    >>> y, places = nn.MaxPool3d(2, return_indices=True)(autograd.ones(2, 3, 6, 6, 6))
    >>> nn.MaxUnpool3d(2)(y, places).shape
    Size([2, 3, 6, 6, 6])
    """

    dims = 3


class _LPPool(Module):
    dims: int

    def __init__(self, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False) -> None:
        super().__init__()
        self.norm_type, self.kernel_size, self.stride, self.ceil_mode = norm_type, kernel_size, stride, ceil_mode

    def forward(self, input: Tensor) -> Tensor:
        pool = (F.lp_pool1d, F.lp_pool2d, F.lp_pool3d)[self.dims - 1]
        return pool(input, float(self.norm_type), self.kernel_size, self.stride, self.ceil_mode)

    def extra_repr(self) -> str:
        return (
            f"norm_type={self.norm_type}, kernel_size={self.kernel_size}, stride={self.stride}, "
            f"ceil_mode={self.ceil_mode}"
        )


class LPPool1d(_LPPool):
    """The p-norm of each window, (sum x^p)^(1/p) with p = norm_type: (N, C, L) to (N, C, L').

    >>> nn.LPPool1d(2.0, 2)(autograd.ones(2, 3, 6)).shape
    Size([2, 3, 3])
    """

    dims = 1


class LPPool2d(_LPPool):
    """The p-norm of each window, (sum x^p)^(1/p) with p = norm_type: (N, C, H, W) to (N, C, H', W').

    >>> nn.LPPool2d(2.0, 2)(autograd.ones(2, 3, 6, 6)).shape
    Size([2, 3, 3, 3])
    """

    dims = 2


class LPPool3d(_LPPool):
    """The p-norm of each window, (sum x^p)^(1/p) with p = norm_type: (N, C, D, H, W) to (N, C, D', H', W').

    >>> nn.LPPool3d(2.0, 2)(autograd.ones(2, 3, 6, 6, 6)).shape
    Size([2, 3, 3, 3, 3])
    """

    dims = 3


class _FractionalMaxPool(Module):
    dims: int

    def __init__(
        self,
        kernel_size: Any,
        output_size: Any = None,
        output_ratio: Any = None,
        return_indices: bool = False,
        _random_samples: Any = None,
    ) -> None:
        super().__init__()
        if (output_size is None) == (output_ratio is None):
            raise ValueError(f"{type(self).__name__}: give output_size or output_ratio, one of them")
        ratios = output_ratio if isinstance(output_ratio, (tuple, list)) else [output_ratio]
        if output_ratio is not None and not all(0 < ratio < 1 for ratio in ratios):
            raise ValueError(f"{type(self).__name__}: output_ratio must be between 0 and 1, got {output_ratio}")
        self.kernel_size, self.output_size, self.output_ratio = kernel_size, output_size, output_ratio
        self.return_indices = return_indices
        self.register_buffer("_random_samples", _random_samples)

    def forward(self, input: Tensor) -> Any:
        pool = F.fractional_max_pool2d if self.dims == 2 else F.fractional_max_pool3d
        arguments = self.kernel_size, self.output_size, self.output_ratio, self.return_indices
        return pool(input, *arguments, _random_samples=self._random_samples)


class FractionalMaxPool2d(_FractionalMaxPool):
    """Maxima of windows at drawn places: output_size of them, or output_ratio times the image, (N, C, H, W) or (C, H, W).

    >>> nn.FractionalMaxPool2d(2, output_ratio=0.5)(autograd.ones(1, 3, 8, 8)).shape
    Size([1, 3, 4, 4])
    """

    dims = 2


class FractionalMaxPool3d(_FractionalMaxPool):
    """`FractionalMaxPool2d` of volumes (N, C, D, H, W) or (C, D, H, W).

    >>> nn.FractionalMaxPool3d(2, output_size=2)(autograd.ones(1, 3, 4, 4, 4)).shape
    Size([1, 3, 2, 2, 2])
    """

    dims = 3
