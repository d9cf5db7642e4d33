"""How a tensor's values are written: torch's form, with its `set_printoptions`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy import ndarray

options: dict[str, Any] = {"precision": 4, "threshold": 1000, "edgeitems": 3, "linewidth": 80, "sci_mode": None}


_PROFILES: dict[str, dict[str, Any]] = {
    "default": dict(options),
    "short": options | {"precision": 2, "edgeitems": 2},
    "full": options | {"threshold": np.inf},
}


def set_printoptions(*, profile: str | None = None, **settings: Any) -> None:
    """Set `precision`, `threshold`, `edgeitems`, `linewidth`, `sci_mode` (None: by the values) of printed tensors.

    profile: "default", "short" or "full" sets all of them at once, first.

    >>> autograd.set_printoptions(precision=4)
    """
    if profile is not None:
        if profile not in _PROFILES:
            raise ValueError(f"set_printoptions: no profile {profile!r}; expected one of {', '.join(_PROFILES)}")
        settings = {**_PROFILES[profile], **settings}
    for name in settings:
        if name not in options:
            raise TypeError(f"set_printoptions: no option {name!r}; expected one of {', '.join(options)}")
    options.update(settings)


def text(data: ndarray, indent: int) -> str:
    """The values of an array, each line after the first `indent` columns in."""
    if not data.size:
        return "[]"
    edge = options["edgeitems"]
    summarize = data.size > options["threshold"]
    if summarize:
        for axis, n in enumerate(data.shape):
            if n > 2 * edge:
                data = np.take(data, [*range(edge), 0, *range(n - edge, n)], axis)  # the middle one gives way to "..."
    write, width = _form(data)
    return _block(data, indent, edge if summarize else None, write, width)


def _form(data: ndarray) -> tuple[Callable[[Any], str], int]:
    """How to write one value, and the width to fill."""
    if data.dtype.kind == "c":
        return _complex_form(data)
    if data.dtype.kind != "f":
        return str, max((len(str(v)) for v in data.ravel().tolist()), default=0)
    precision, scientific = options["precision"], options["sci_mode"]
    size = np.abs(data[np.isfinite(data) & (data != 0)].astype(np.float64))
    whole = bool((size == np.ceil(size)).all())
    if scientific is None:
        low, high = (size.min(), size.max()) if size.size else (1.0, 1.0)
        scientific = high / low > 1000 or high > 1e8 or (low < 1e-4 and not whole)

    def write(value: float) -> str:
        if scientific:
            return f"{value:.{precision}e}"
        if whole:
            return f"{value:.0f}." if np.isfinite(value) else f"{value:.0f}"
        return f"{value:.{precision}f}"

    shown = data[np.isfinite(data) & (data != 0)]  # torch leaves no place for the sign of -0.
    return write, max((len(write(v)) for v in shown.ravel().tolist()), default=0)


def _complex_form(data: ndarray) -> tuple[Callable[[Any], str], int]:
    """The same for complex values: the real parts stand below one another, the imaginary ones right behind them."""
    (real, width), (imag, other) = _form(data.real), _form(data.imag)

    def write(value: complex) -> str:
        second = imag(value.imag)
        return real(value.real).rjust(width) + ("" if second[0] in "+-" else "+") + second + "j"

    return write, -(width + other + 1)  # negative: filled by itself


def _block(data: ndarray, indent: int, edge: int | None, write: Callable[[Any], str], width: int) -> str:
    if not data.ndim:
        return write(data.item())
    cut = edge if edge is not None and len(data) > 2 * edge else None  # the row that stands for the "..."
    if data.ndim > 1:
        rows = [_block(row, indent + 1, edge, write, width) for row in data]
        if cut is not None:
            rows[cut] = "..."
        return "[" + ("," + "\n" * (data.ndim - 1) + " " * (indent + 1)).join(rows) + "]"
    items = [write(v).rjust(width) for v in data.tolist()]  # nothing for a negative width
    if cut is not None:
        items[cut] = " ..."
    count = max(1, (options["linewidth"] - indent) // (abs(width) + 2))
    lines = [", ".join(items[i : i + count]) for i in range(0, len(items), count)]
    return "[" + (",\n" + " " * (indent + 1)).join(lines) + "]"
