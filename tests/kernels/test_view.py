"""Parts of arrays inside kernels, and that what a kernel has made lives as long as its parts."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import autograd
from autograd.kernels.compile import kernel
from autograd.kernels.view import hold, part

FILES = sorted((Path(autograd.__file__).parent / "kernels").glob("*.py"))
MAKERS = {"empty", "zeros", "full", "ones", "empty_like", "zeros_like"}


def compiled(tree: ast.Module) -> Iterator[ast.FunctionDef]:
    """Kernels and the loops made into kernels."""
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef):
            names = {node.id for node in ast.walk(function) if isinstance(node, ast.Name)}
            if "kernel" in names or "APPLY" in names:
                yield function


def called(node: ast.AST, names: set[str]) -> bool:
    if not isinstance(node, ast.Call):
        return False
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    return name in names


def pairs(node: ast.Assign) -> Iterator[tuple[ast.expr, ast.expr]]:
    for target in node.targets:
        if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
            yield from zip(target.elts, node.value.elts, strict=False)
        else:
            yield target, node.value


def forgotten(source: str) -> set[str]:
    """Arrays that a compiled function makes, takes parts of, and does not hold."""
    found = set()
    for function in compiled(ast.parse(source)):
        nodes = list(ast.walk(function))
        made = {
            target.id
            for node in nodes
            if isinstance(node, ast.Assign)
            for target, value in pairs(node)
            if isinstance(target, ast.Name) and called(value, MAKERS)
        }
        calls = {kind: [node for node in nodes if called(node, {kind})] for kind in ("part", "hold")}
        names = {
            kind: {a.id for call in made_calls for a in call.args if isinstance(a, ast.Name)}
            for kind, made_calls in calls.items()
        }
        found |= {f"{function.name}: {name}" for name in made & names["part"] - names["hold"]}
    return found


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_what_parts_are_taken_of_is_held(file: Path) -> None:
    assert not forgotten(file.read_text())


def test_the_search_finds_what_it_is_for() -> None:
    source = """
@kernel
def f(n):
    a, b = np.zeros(n), np.empty(n)
    c = part(a, 0, n), part(b, 0, n)
    {}
"""
    assert forgotten(source.format("pass")) == {"f: a", "f: b"}
    assert forgotten(source.format("hold(b)")) == {"f: a"}
    assert not forgotten(source.format("hold(a, b)"))


@kernel
def _shares_memory(n, held):
    """Whether a new array takes the memory of one of which only a part is still read."""
    work = np.zeros(n)
    of = part(work, 0, n)
    new = np.ones(n)
    shared = of.ctypes.data == new.ctypes.data
    if held:
        hold(work)
    return shared, of[0] + new[0]


def test_hold_keeps_memory() -> None:
    for n in (8, 64, 1000):
        assert _shares_memory(n, True) == (False, 1.0)


def test_parts() -> None:
    @kernel
    def tail(a, k):
        return part(a, k, a.size).sum()

    assert tail(np.arange(5.0), 3) == 7 and tail(np.arange(5.0), 5) == 0
