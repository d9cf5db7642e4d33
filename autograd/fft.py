"""`torch.fft`'s functions: the operations of `ops.spectral` under their short names, and the frequencies they stand for."""

from __future__ import annotations

from typing import Any

import numpy as np

from .creation import _dtype, _finish
from .errors import DTypeError, NumberError
from .ops.out import publish
from .ops.spectral import fft_fft as fft
from .ops.spectral import fft_fft2 as fft2
from .ops.spectral import fft_fftn as fftn
from .ops.spectral import fft_fftshift as fftshift
from .ops.spectral import fft_hfft as hfft
from .ops.spectral import fft_ifft as ifft
from .ops.spectral import fft_ifft2 as ifft2
from .ops.spectral import fft_ifftn as ifftn
from .ops.spectral import fft_ifftshift as ifftshift
from .ops.spectral import fft_ihfft as ihfft
from .ops.spectral import fft_irfft as irfft
from .ops.spectral import fft_irfft2 as irfft2
from .ops.spectral import fft_irfftn as irfftn
from .ops.spectral import fft_rfft as rfft
from .ops.spectral import fft_rfft2 as rfft2
from .ops.spectral import fft_rfftn as rfftn
from .tensor import Tensor


def _frequencies(
    name: str, values: Any, n: int, d: float, dtype: Any, device: Any, requires_grad: bool
) -> Tensor:  # fmt: skip
    chosen = _dtype(dtype)
    if chosen.kind != "f":
        raise DTypeError(f"fft.{name}: expected a floating-point dtype, got {chosen}")
    if n < 1:
        raise NumberError(f"fft.{name}: n must be at least 1, got {n}")
    return _finish((values(n) / (n * d)).astype(chosen), device, requires_grad)


def fftfreq(
    n: int, d: float = 1.0, *, dtype: Any = None, device: Any = None, layout: Any = None, requires_grad: bool = False
) -> Tensor:
    """The frequencies of the values of `fft` of length n, for samples d apart: 0, 1, ... and then the negative ones, / (n d).

    >>> autograd.fft.fftfreq(4)
    tensor([ 0.0000,  0.2500, -0.5000, -0.2500])
    """
    values = lambda n: np.concatenate([np.arange((n + 1) // 2), np.arange(-(n // 2), 0)])
    return _frequencies("fftfreq", values, n, d, dtype, device, requires_grad)


def rfftfreq(
    n: int, d: float = 1.0, *, dtype: Any = None, device: Any = None, layout: Any = None, requires_grad: bool = False
) -> Tensor:
    """The frequencies of the values of `rfft` of length n, for samples d apart: 0 to n // 2, / (n d).

    >>> autograd.fft.rfftfreq(4)
    tensor([0.0000, 0.2500, 0.5000])
    """
    return _frequencies("rfftfreq", lambda n: np.arange(n // 2 + 1), n, d, dtype, device, requires_grad)


__all__ = [
    "fft", "fft2", "fftfreq", "fftn", "fftshift", "hfft", "ifft", "ifft2", "ifftn", "ifftshift", "ihfft", "irfft", "irfft2",
    "irfftn", "rfft", "rfft2", "rfftfreq", "rfftn",
]  # fmt: skip

publish(globals())
