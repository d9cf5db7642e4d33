"""Comparison of results in tests."""

from __future__ import annotations

from typing import Any

import numpy as np

from .tensor import Tensor, to_array

_CLOSE = {"float32": (1.3e-6, 1e-5), "float64": (1e-7, 1e-7)}  # rtol, atol of torch.testing


def assert_close(
    actual: Any,
    expected: Any,
    *,
    allow_subclasses: bool = True,
    rtol: float | None = None,
    atol: float | None = None,
    equal_nan: bool = False,
    check_device: bool = True,
    check_dtype: bool = True,
    check_layout: bool = True,
    check_stride: bool = False,
    msg: Any = None,
) -> None:
    """Raise AssertionError unless |actual - expected| <= atol + rtol |expected| everywhere, shapes and dtypes alike.

    Tensors, arrays, numbers, and sequences and dicts of them. rtol and atol are given together, by default 1.3e-6 and
    1e-5 for float32, 1e-7 for float64, 0 for integers.

    >>> autograd.testing.assert_close(autograd.ones(2), autograd.ones(2) + 1e-7)
    """
    if (rtol is None) != (atol is None):
        raise ValueError("assert_close: give rtol and atol together, or neither")
    _compare(actual, expected, rtol, atol, equal_nan, check_dtype, check_stride, msg, "")


def _compare(
    a: Any, b: Any, rtol: Any, atol: Any, equal_nan: bool, check_dtype: bool, check_stride: bool, msg: Any, at: str
) -> None:
    rest = (rtol, atol, equal_nan, check_dtype, check_stride, msg)

    def fail(text: str) -> None:
        text = f"{text}{f' (item {at})' if at else ''}"
        raise AssertionError(msg(text) if callable(msg) else msg or text)

    if isinstance(b, dict) and isinstance(a, dict):
        if a.keys() != b.keys():
            fail(f"The keys of the mappings do not match: {sorted(a)} and {sorted(b)}")
        for key in b:
            _compare(a[key], b[key], *rest, f"{at}[{key!r}]")
        return
    if isinstance(b, (list, tuple)) and isinstance(a, (list, tuple)):
        if len(a) != len(b):
            fail(f"The length of the sequences mismatch: {len(a)} != {len(b)}")
        for i, (x, y) in enumerate(zip(a, b, strict=True)):
            _compare(x, y, *rest, f"{at}[{i}]")
        return
    if isinstance(a, Tensor) != isinstance(b, Tensor):
        raise TypeError(f"assert_close: got {type(a).__name__} and {type(b).__name__}; expected two of a kind")
    if check_stride and isinstance(a, Tensor) and a.stride() != b.stride():
        fail(f"The values for attribute 'stride()' do not match: {a.stride()} != {b.stride()}")
    x, y = to_array(a), to_array(b)
    if x.shape != y.shape:
        fail(f"The values for attribute 'shape' do not match: {x.shape} != {y.shape}")
    if check_dtype and isinstance(a, Tensor) and x.dtype != y.dtype:
        fail(f"The values for attribute 'dtype' do not match: {x.dtype} != {y.dtype}")
    wide = min((d.name for d in (x.dtype, y.dtype)), key=lambda name: -_CLOSE.get(name, (0.0, 0.0))[0])
    r, t = (rtol, atol) if rtol is not None else _CLOSE.get(wide, (0.0, 0.0))
    p, q = x.astype(np.float64), y.astype(np.float64)
    with np.errstate(all="ignore"):
        gap = np.abs(p - q)
        good = (p == q) | (np.isfinite(q) & (gap <= t + r * np.abs(q)))
    if equal_nan:
        good |= np.isnan(p) & np.isnan(q)
    if not good.all():
        worst = np.unravel_index(np.argmax(np.where(good, -1, np.nan_to_num(gap, nan=np.inf))), gap.shape)
        fail(
            f"Tensor-likes are not close: {(~good).sum()} of {good.size} elements mismatch; the largest difference is "
            f"{gap[worst]:.3g} at {tuple(map(int, worst))}, allowed are {t:.3g} and {r:.3g} times {abs(q[worst]):.3g}"
        )
