"""torch.futures' names: nothing here is computed later, so no value is one of these."""

from __future__ import annotations

from typing import Any, Generic, NoReturn, TypeVar

T = TypeVar("T")


class Future(Generic[T]):
    """What a value that is still being computed is in torch; programs ask whether they hold one. Raises RuntimeError when made.

    >>> isinstance(autograd.ones(1), autograd.Future)
    False
    """

    def __init__(self, *, devices: Any = None) -> None:
        raise RuntimeError("Future: nothing is computed later here; use concurrent.futures")


def collect_all(futures: Any) -> NoReturn:
    """Raises RuntimeError: there are no futures here."""
    raise RuntimeError("collect_all: nothing is computed later here; use concurrent.futures")


def wait_all(futures: Any) -> NoReturn:
    """Raises RuntimeError: there are no futures here."""
    raise RuntimeError("wait_all: nothing is computed later here; use concurrent.futures")
