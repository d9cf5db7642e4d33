"""`detect_anomaly`: where the first NaN or infinity appeared, forward or backward."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy import ndarray

from .forms import SparseRows
from .observe import Site, observing, site
from .tape import Node, mode
from .tensor import Tensor


class AnomalyError(RuntimeError):
    """A NaN or an infinity appeared. op: the operation; path: the module's dotted name; line: the user's, as
    file:number.
    """

    def __init__(self, message: str, op: str, where: Site) -> None:
        super().__init__(f"{message}; recorded in {where}" if str(where) else message)
        self.op, self.path, self.line = op, where.path, where.line


def _arrays(value: Any) -> Iterator[ndarray]:
    """The floating arrays and numbers in an operation's arguments or results."""
    if isinstance(value, Tensor):
        value = value.numpy_view()
    if isinstance(value, SparseRows):
        value = value.rows
    if isinstance(value, (float, np.floating)):
        yield np.asarray(value)
    elif isinstance(value, ndarray):
        if value.dtype.kind in "fc":
            yield value
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _arrays(item)


def _state(value: Any) -> tuple[bool, bool]:
    """Whether there is a NaN, and whether there is an infinity."""
    nan = inf = False
    for array in _arrays(value):
        if not np.isfinite(array).all():
            nan = nan or bool(np.isnan(array).any())
            inf = inf or bool(np.isinf(array).any())
    return nan, inf


def _described(value: Any) -> str:
    """How many of what, and where the first stands."""
    array = next(a for a in _arrays(value) if not np.isfinite(a).all())
    bad = ~np.isfinite(array)
    counts = [(int(np.isnan(array).sum()), "NaN"), (int(np.isinf(array).sum()), "inf")]
    index = [int(i) for i in np.argwhere(bad)[0]]
    return f"{' and '.join(f'{n} {what}' for n, what in counts if n)} among {array.size} values, first at {index}"


class detect_anomaly:
    """While inside, the operation that makes the first NaN or infinity raises AnomalyError (a RuntimeError), naming the
    operation, the module and the user's line: at once in the forward pass, and in backward for what was recorded
    inside.

    An infinity that was put in (a mask of -inf) may pass on; a NaN may not. check_nan=False: no check, but any error in
    backward still names the user's line. It costs a pass over every result: for finding mistakes, not for training.
    Context manager, as torch's.

    >>> with autograd.detect_anomaly():
    ...     y = autograd.ones(1, requires_grad=True) * 2
    """

    def __init__(self, check_nan: bool = True) -> None:
        self.check_nan = check_nan
        self._watch = observing(self._recorded)

    def __enter__(self) -> None:
        self._watch.__enter__()

    def __exit__(self, *exc: object) -> None:
        self._watch.__exit__(*exc)

    def _recorded(self, node: Node, output: Any, values: Sequence[Any]) -> None:
        node.where = where = site(3)
        if not self.check_nan:
            return
        nan, inf = _state(output)
        if nan or inf:
            nan_before, inf_before = _state(list(values))
            if nan_before:
                came = next(k for k, v in enumerate(values) if _state(v)[0])
                raise AnomalyError(
                    f"detect_anomaly: {node.op.name}: its argument {came} brings {_described(values[came])}, "
                    "from data or from an operation that was not recorded",
                    node.op.name,
                    where,
                )
            if nan or not inf_before:
                since = "its arguments are infinite in places" if inf_before else "its arguments are finite"
                raise AnomalyError(
                    f"detect_anomaly: {node.op.name}: {_described(output)}; {since}", node.op.name, where
                )
        node.op = _Watched(node.op, where)


class _Watched:
    """Stands before a node's op and looks at the gradients it returns."""

    def __init__(self, inner: Any, where: Site) -> None:
        self.inner, self.where = inner, where

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def pull(self, g: Any, values: list[Any], edges: Sequence[Any]) -> Sequence[Any]:
        name = self.inner.name
        if any(_state(g)):
            raise AnomalyError(
                f"detect_anomaly: backward of {name}: the incoming gradient has {_described(g)}", name, self.where
            )
        contributions = self.inner.pull(g, values, edges)
        for k, (edge, contribution) in enumerate(zip(edges, contributions, strict=True)):
            if edge is not None and contribution is not None and any(_state(contribution)):
                raise AnomalyError(
                    f"detect_anomaly: backward of {name}: the gradient of its argument {k} has "
                    f"{_described(contribution)}, the incoming one is finite",
                    name,
                    self.where,
                )
        return contributions


_everywhere: list[detect_anomaly] = []


class set_detect_anomaly:
    """Switch `detect_anomaly` on or off for this thread until told otherwise; as a context manager, to the end of it.

    >>> with autograd.set_detect_anomaly(False):
    ...     y = autograd.ones(1)
    """

    def __init__(self, mode: bool, check_nan: bool = True) -> None:
        self._before = _everywhere[-1].check_nan if _everywhere else None
        self._set(check_nan if mode else None)

    @staticmethod
    def _set(check_nan: bool | None) -> None:
        while _everywhere:
            _everywhere.pop().__exit__()
        if check_nan is not None:
            _everywhere.append(detect_anomaly(check_nan))
            _everywhere[-1].__enter__()

    def __enter__(self) -> None:
        pass

    def __exit__(self, *exc: object) -> None:
        self._set(self._before)


def watching() -> bool:
    """Whether this thread is inside `detect_anomaly`."""
    return any(isinstance(getattr(watcher, "__self__", None), detect_anomaly) for watcher in mode.watchers)
