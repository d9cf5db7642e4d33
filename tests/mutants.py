"""Mechanical mutants: every formula of the registry changed in one place, as a copy of its operation.

Changes: the sign of a gradient, a factor dropped, the operands of -, /, ** or of a matrix product exchanged, a term of
a sum dropped, a sum over an axis dropped. A mutant that returns the same gradients as the original on the operation's
samples (an equivalent one, as `input * 1.0` without its factor) is no mistake and is left out.
"""

from __future__ import annotations

import ast
import copy
import inspect
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from autograd.op import REGISTRY, Op, _general

SUMS = {"sum", "_sum", "sum_to", "mean"}
PRODUCTS = {"matmul", "_times", "times", "mul", "div", "sub"}


@dataclass
class Mutant:
    """what: the change. op: a copy of the operation `name` that carries it."""

    name: str
    what: str
    op: Op


@cache
def _tree(filename: str) -> ast.Module:
    with open(filename, encoding="utf-8") as file:
        return ast.parse(file.read())


def _source(formula: Callable[..., Any]) -> ast.expr | None:
    """The body of a formula, if it is one expression."""
    code = formula.__code__
    names = list(code.co_varnames[: code.co_argcount])
    columns = {p[2] for p in code.co_positions() if p[2] is not None and p[0] is not None}
    for node in ast.walk(_tree(inspect.getsourcefile(formula) or "")):
        if (
            isinstance(node, ast.Lambda)
            and node.lineno == code.co_firstlineno
            and [a.arg for a in node.args.args] == names
        ):
            inside = range(node.body.col_offset, (node.body.end_col_offset or 0) + 1)
            if node.body.end_lineno != node.body.lineno or any(c in inside for c in columns if c):
                return node.body
        if isinstance(node, ast.FunctionDef) and node.lineno == code.co_firstlineno and node.name == formula.__name__:
            last = node.body[-1]
            if isinstance(last, ast.Return) and len(node.body) <= 2 and not isinstance(node.body[0], ast.If):
                return last.value if len(node.body) == 1 or isinstance(node.body[0], ast.Expr) else None
    return None


def _called(node: ast.Call) -> str:
    return node.func.id if isinstance(node.func, ast.Name) else ""


def _variants(node: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    """What may stand in the place of one node."""
    if isinstance(node, ast.BinOp):
        left, right = node.left, node.right
        if isinstance(node.op, (ast.Mult, ast.Div)):
            yield "right factor dropped", left
            if isinstance(node.op, ast.Mult):
                yield "left factor dropped", right
        if isinstance(node.op, (ast.Add, ast.Sub)):
            yield "second term dropped", left
            yield (
                "sign of the second term",
                ast.BinOp(left, ast.Sub() if isinstance(node.op, ast.Add) else ast.Add(), right),
            )
        if isinstance(node.op, (ast.Sub, ast.Div, ast.Pow)):
            yield "operands exchanged", ast.BinOp(right, node.op, left)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub) and not isinstance(node.operand, ast.Constant):
        yield "minus dropped", node.operand
    elif isinstance(node, ast.Call) and _called(node) in SUMS and node.args:
        yield "sum dropped", node.args[0]
    elif isinstance(node, ast.Call) and _called(node) in PRODUCTS and len(node.args) == 2:
        yield "operands exchanged", ast.Call(node.func, [node.args[1], node.args[0]], node.keywords)
        yield "second operand dropped", node.args[0]


class _Replace(ast.NodeTransformer):
    def __init__(self, at: int, other: ast.expr) -> None:
        self.at, self.other, self.count = at, other, -1

    def visit(self, node: ast.AST) -> ast.AST:
        self.count += 1
        if self.count == self.at:
            return self.other
        return self.generic_visit(node)


def _order(node: ast.AST) -> Iterator[ast.AST]:
    yield node
    for child in ast.iter_child_nodes(node):
        yield from _order(child)


def _compiled(formula: Callable[..., Any], body: ast.expr) -> Callable[..., Any]:
    """The formula with another body, in the original's module and closure."""
    code = formula.__code__
    arguments = ast.arguments([], [ast.arg(n) for n in code.co_varnames[: code.co_argcount]], None, [], [], None, [])
    factory = ast.FunctionDef(
        "factory",
        ast.arguments([], [ast.arg(n) for n in code.co_freevars], None, [], [], None, []),
        [ast.Return(ast.Lambda(arguments, body))],
        [],
        None,
        type_params=[],
    )
    module = ast.fix_missing_locations(ast.Module([factory], []))
    scope: dict[str, Any] = {}
    exec(compile(module, "<mutant>", "exec"), formula.__globals__, scope)
    cells = [c.cell_contents for c in formula.__closure__ or ()]
    return scope["factory"](*cells)  # type: ignore[no-any-return]


def formula_mutants(formula: Callable[..., Any], joint: bool) -> Iterator[tuple[str, Callable[..., Any]]]:
    """The mutants of one formula."""
    if joint:
        for k in range(3):
            yield (
                f"sign of gradient {k}",
                _around(formula, lambda gs, k=k: [-g if i == k and g is not None else g for i, g in enumerate(gs)]),
            )
    else:
        yield "sign", _around(formula, lambda g: -g)
    body = _source(formula)
    if body is None:
        return
    for at, node in enumerate(_order(body)):
        for what, other in _variants(node):
            changed = _Replace(at, copy.deepcopy(other)).visit(copy.deepcopy(body))
            yield f"{what}: {ast.unparse(ast.fix_missing_locations(changed))}", _compiled(formula, changed)


def _around(formula: Callable[..., Any], change: Callable[[Any], Any]) -> Callable[..., Any]:
    """The formula with its result changed, under the same parameter names, which decide what the tape keeps."""
    names = formula.__code__.co_varnames[: formula.__code__.co_argcount]
    text = ", ".join(names)
    wrapper = eval(f"lambda {text}: change(formula({text}))", {"formula": formula, "change": change})
    assert isinstance(wrapper, types.FunctionType)
    return wrapper


def _copied(entry: Op, formulas: tuple[Any, ...], joint: Any) -> Op:
    other = copy.copy(entry)
    other.formulas, other.joint = formulas, joint
    other._lay_out(None if entry.variadic else entry.n)
    other.call = _general(other)
    return other


def mutants_of(name: str) -> Iterator[Mutant]:
    """Every mutant of one operation, equivalent ones among them."""
    entry = REGISTRY[name]
    if entry.kind != "op" or not entry.differentiable:
        return
    if entry.joint:
        for what, formula in formula_mutants(entry.joint, True):
            yield Mutant(name, what, _copied(entry, (), formula))
        return
    for k, formula in enumerate(entry.formulas):
        if formula is None:
            continue
        for what, changed in formula_mutants(formula, False):
            formulas = (*entry.formulas[:k], changed, *entry.formulas[k + 1 :])
            yield Mutant(name, f"{entry.inputs[k]}: {what}", _copied(entry, formulas, None))


def operations() -> list[str]:
    """The names of the operations that have formulas."""
    return [n for n in sorted(REGISTRY) if REGISTRY[n].kind == "op" and REGISTRY[n].differentiable]


def same(a: Any, b: Any) -> bool:
    """Whether two lists of gradients are equal but for rounding."""
    return all(
        (x is None) == (y is None) and (x is None or np.allclose(x, y, rtol=1e-9, atol=1e-12, equal_nan=True))
        for x, y in zip(a, b, strict=True)
    )
