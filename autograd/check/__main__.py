"""python -m autograd.check [what ...]: check gradients from the command line; exit status 1 when one is wrong.

    python -m autograd.check                        every operation, both orders, and every network of nn.models and
    examples python -m autograd.check relu conv2d            operations by name python -m autograd.check examples.lenet5
    the networks of a module python -m autograd.check mine.py:function       a function or network of a file

A module or file names what to check by a function `check_case()` that returns (target, inputs) or (target, inputs,
loss); without one, its Module classes are built without arguments and fed random numbers of the shape that their
docstring starts with, as "(N, 1, 28, 28) -> (N, 10)". `mine.py:function` is a function without required arguments that
returns such a tuple, or one of Tensors whose defaults are the inputs, or a Module class.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import inspect
import pkgutil
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from .. import op as _op
from .. import random
from ..tensor import Tensor, wrap
from .gradients import check
from .registry import check_operation
from .report import Report

Case = tuple[str, Any, Any, Any]  # name, target, inputs, loss
LARGE = 5_000_000  # parameters from which on a network is checked by one direction a parameter


def _bar(items: list[str], title: str) -> Any:
    try:
        from tqdm import tqdm  # type: ignore[import-untyped]
    except ImportError:
        return items
    return tqdm(items, desc=title, unit="op", leave=False, disable=None)


def _module_of(name: str) -> Any:
    if name.endswith(".py"):
        path = Path(name)
        if not path.is_file():
            raise SystemExit(f"check: there is no file {name}")
        spec = importlib.util.spec_from_file_location(path.stem, path)
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[path.stem] = module
        spec.loader.exec_module(module)
        return module
    return importlib.import_module(name)


def _is_network(value: Any) -> bool:
    return inspect.isclass(value) and hasattr(value, "named_parameters") and hasattr(value, "forward")


def _unpacked(name: str, case: Any) -> Case:
    if not isinstance(case, tuple) or len(case) not in (2, 3):
        raise SystemExit(
            f"check: {name} returned {type(case).__name__}; expected (target, inputs) or (target, inputs, loss)"
        )
    return name, case[0], case[1], case[2] if len(case) == 3 else None


def _network(name: str, made: type) -> Case | None:
    """A network class with random inputs of the shape its docstring starts with; None where that cannot be told."""
    shape = re.match(r"\s*\(N((?:,\s*\d+)*),?\)\s*->", made.__doc__ or "")
    required = [p for p in list(inspect.signature(made).parameters.values()) if p.default is p.empty and p.kind < 2]
    if shape is None or required:
        return None
    random.manual_seed(0)
    sizes = [int(n) for n in re.findall(r"\d+", shape[1])]
    return name, made(), wrap(np.random.default_rng(0).standard_normal((2, *sizes))), None


def _cases(what: str) -> Iterator[Case]:
    """What a module, or one name of a file, has to check."""
    place, _, member = what.partition(":")
    module = _module_of(place)
    if not member:
        if hasattr(module, "check_case"):
            yield _unpacked(what, module.check_case())
            return
        for key, value in vars(module).items():
            if _is_network(value) and value.__module__ == module.__name__:
                case = _network(f"{what}:{key}", value)
                if case is not None:
                    yield case
        return
    value = getattr(module, member, None)
    if value is None:
        raise SystemExit(f"check: {place} has no {member}")
    if _is_network(value):
        case = _network(what, value)
        if case is None:
            fix = "start its docstring with its shapes, as (N, 3, 32, 32) -> (N, 10), or write check_case()"
            raise SystemExit(f"check: {what}: {fix}")
        yield case
        return
    parameters = list(inspect.signature(value).parameters.values())
    if any(p.default is p.empty for p in parameters):
        fix = "give its parameters defaults, which are then the inputs, or let it return (target, inputs)"
        raise SystemExit(f"check: {what}: {fix}")
    if parameters:
        inputs = [_leaf(p.default) for p in parameters]
        yield what, value, inputs, None
    else:
        yield _unpacked(what, value())


def _leaf(value: Any) -> Any:
    if isinstance(value, (Tensor, np.ndarray, float)):
        array = value.numpy(force=True) if isinstance(value, Tensor) else np.asarray(value)
        if array.dtype.kind == "f":
            return wrap(array.copy()).requires_grad_()
    return value


def _checked(case: Case, mode: str, order: int) -> Report:
    name, target, inputs, loss = case
    if hasattr(target, "named_parameters"):
        count = sum(p.numel() for p in target.parameters())
        if mode == "auto" and count > LARGE:
            mode = "fast"
        if mode != "fast":
            target = target.double()
        kind = next(target.parameters()).dtype
        given = inputs if isinstance(inputs, (list, tuple)) else [inputs]
        inputs = [_cast(x, kind) for x in given]
    return check(target, inputs, loss=loss, mode=mode, order=order, progress=sys.stderr.isatty(), title=name)


def _cast(x: Any, dtype: Any) -> Any:
    if isinstance(x, Tensor) and x.is_floating_point() and x.dtype != dtype:
        return wrap(x.numpy(force=True).astype(dtype)).requires_grad_(x.requires_grad)
    return x


def _packages() -> list[str]:
    """The modules that hold the library's networks: those of nn.models, and the examples where they can be imported."""
    found = []
    for package in ("nn.models", "examples"):
        try:
            spec = importlib.util.find_spec(package)
        except ImportError:
            continue
        if spec is not None and spec.submodule_search_locations:
            places = list(spec.submodule_search_locations)
            found += [f"{package}.{m.name}" for m in pkgutil.iter_modules(places) if not m.ispkg]
    return found


def _operations(names: list[str], orders: list[int]) -> list[Report]:
    """Check operations; returns the reports that found something wrong."""
    wrong: list[Report] = []
    counted = samples = 0
    for name in _bar(names, "operations"):
        reports = [report for order in orders for report in check_operation(name, order)]
        counted += bool(reports)
        samples += len(reports)
        wrong += [report for report in reports if not report.ok]
    verb = "are right" if not wrong else f"of which {len(wrong)} are WRONG"
    print(f"{counted} operations with a gradient, {samples} checks of order {' and '.join(map(str, orders))}, {verb}")
    for report in wrong:
        print(f"\n{report}")
    return wrong


def _names(what: str) -> list[str]:
    """The registry's keys for an operation's name, its recorded half among them."""
    return [key for key in (what, f"_{what}") if key in _op.REGISTRY]


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; the exit status."""
    assert __doc__ is not None
    kind = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser("python -m autograd.check", description=__doc__, formatter_class=kind)
    parser.add_argument("what", nargs="*", help="operations, modules, or file.py:name; everything by default")
    parser.add_argument(
        "--mode", choices=("auto", "exact", "sampled", "fast"), default="auto", help="of networks and functions"
    )
    parser.add_argument(
        "--order", type=int, choices=(1, 2), help="only this order of derivative (operations: both by default)"
    )
    parser.add_argument("--html", type=Path, help="write the reports of networks and functions as one page")
    options = parser.parse_args(arguments)
    sys.path.insert(0, str(Path.cwd()))

    names: list[str] = []
    modules: list[str] = []
    for what in options.what:
        (names if _names(what) else modules).append(what)
    operations = [key for name in names for key in _names(name)]
    if not options.what:
        operations, modules = sorted(_op.REGISTRY), _packages()
    bad = 0
    if operations:
        bad += len(_operations(operations, [options.order] if options.order else [1, 2]))
    reports: list[Report] = []
    for what in modules:
        try:
            cases = list(_cases(what))
        except ModuleNotFoundError as error:
            if not options.what:
                print(f"{what}: skipped, {error}")
                continue
            raise SystemExit(f"check: {what!r} is no operation, and importing it failed: {error}") from None
        if not cases and options.what:
            raise SystemExit(f"check: {what} has no network whose input can be told; write check_case() (see --help)")
        for case in cases:
            # without a loss and beyond the exact size, sampled coordinates and directions
            reports.append(_checked(case, options.mode, options.order or 1))
            print(f"\n{reports[-1]}")
    bad += sum(not report.ok for report in reports)
    if options.html and reports:
        from .html import pages

        options.html.write_text(pages(reports), encoding="utf-8")
        print(f"\n{options.html}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
