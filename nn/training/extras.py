"""Packages that only some helpers need, imported when they are."""

from __future__ import annotations

import importlib
from typing import Any


def extra(who: str, module: str, install: str) -> Any:
    """The module, or an ImportError that says what to install."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ImportError(f"{who} needs {module}, which is not installed: `pip install {install}` brings it") from error


def pyplot(who: str) -> Any:
    """matplotlib.pyplot, drawing into files."""
    extra(who, "matplotlib", "matplotlib").use("Agg")
    return importlib.import_module("matplotlib.pyplot")
