"""Windows for cutting signals: torch.hann_window and its kin, computed in float64 and rounded once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy import ndarray

from .creation import _dtype, _finish
from .errors import DTypeError, NumberError
from .tensor import Tensor


def _window(name: str, formula: Callable[..., ndarray], example: str, words: str, **factors: Any) -> Any:
    def window(
        window_length: int, periodic: bool = True, *args: Any, dtype: Any = None, device: Any = None,
        layout: Any = None, pin_memory: bool = False, requires_grad: bool = False, **named: Any,
    ) -> Tensor:  # fmt: skip
        given = {**factors, **dict(zip(factors, args, strict=False)), **named}
        if len(args) > len(factors) or set(given) != set(factors):
            raise TypeError(f"{name}: expected window_length, periodic{''.join(f', {key}' for key in factors)}")
        chosen = _dtype(dtype)
        if chosen.kind != "f":
            raise DTypeError(f"{name}: expected a floating-point dtype, got {chosen}")
        if window_length < 0:
            raise NumberError(f"{name}: window_length must not be negative, got {window_length}")
        steps = window_length if periodic else window_length - 1
        values = np.ones(window_length) if window_length == 1 else formula(np.arange(window_length), steps, **given)
        return _finish(values.astype(chosen), device, requires_grad)

    window.__name__ = window.__qualname__ = name
    window.__doc__ = f"""{words}, of window_length values; periodic: the first of window_length + 1, without the last.

    >>> autograd.{name}(4)
    {example}
    """
    return window


def _cosines(n: ndarray, steps: int, *factors: float) -> ndarray:
    turns = [(-1) ** k * a * np.cos(2 * np.pi * k * n / steps) for k, a in enumerate(factors)]
    return np.sum(turns[::-1], 0) if len(n) else np.zeros(0)


hann_window = _window(
    "hann_window", lambda n, steps: _cosines(n, steps, 0.5, 0.5), "tensor([0.0000, 0.5000, 1.0000, 0.5000])",
    "0.5 - 0.5 cos(2 pi n / N)",
)  # fmt: skip
hamming_window = _window(
    "hamming_window", lambda n, steps, alpha, beta: _cosines(n, steps, alpha, beta),
    "tensor([0.0800, 0.5400, 1.0000, 0.5400])", "alpha - beta cos(2 pi n / N)", alpha=0.54, beta=0.46,
)  # fmt: skip
blackman_window = _window(
    "blackman_window", lambda n, steps: _cosines(n, steps, 0.42, 0.5, 0.08),
    "tensor([0.0000, 0.3400, 1.0000, 0.3400])", "0.42 - 0.5 cos(2 pi n / N) + 0.08 cos(4 pi n / N)",
)  # fmt: skip
bartlett_window = _window(
    "bartlett_window", lambda n, steps: 1 - np.abs(2 * n / steps - 1), "tensor([0.0000, 0.5000, 1.0000, 0.5000])",
    "1 - |2 n / N - 1|",
)  # fmt: skip
kaiser_window = _window(
    "kaiser_window", lambda n, steps, beta: np.i0(beta * np.sqrt((1 - (2 * n / steps - 1) ** 2).clip(0))) / np.i0(beta),
    "tensor([5.2773e-05, 2.1567e-01, 1.0000e+00, 2.1567e-01])", "I0(beta sqrt(1 - (2 n / N - 1)^2)) / I0(beta)",
    beta=12.0,
)  # fmt: skip
