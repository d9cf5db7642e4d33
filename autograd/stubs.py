"""Writes `tensor.pyi` and `__init__.pyi` from the registry, so that editors and type checkers know every operation.

    python -m autograd.stubs

A test fails when the files are not what this module would write.
"""

from __future__ import annotations

import ast
import inspect
from pathlib import Path
from typing import Any

import autograd
from autograd.install import COMPARISONS, OPERATORS, UNARY
from autograd.op import REGISTRY, Op
from autograd.samples import Draw
from autograd.tensor import Tensor, wrap

HERE = Path(__file__).parent
HEAD = '"""Made by `python -m autograd.stubs` from the registry; do not edit."""\n\n'


def returns(entry: Op) -> str:
    """The type that the operation's samples return: Tensor, a tuple, a Python value, or Any where they differ."""
    kinds = set()
    assert entry.samples is not None, f"{entry.name}: give it samples="
    with autograd.no_grad():
        for args in entry.samples(Draw(0)):
            kwargs = args[-1] if args and isinstance(args[-1], dict) else {}
            values = [_tensors(a) for a in (args[:-1] if kwargs else args)]
            result = entry.call(*values, **{k: _tensors(v) for k, v in kwargs.items()})
            kinds.add(_kind(result))
    return kinds.pop() if len(kinds) == 1 else "Any"


def _tensors(value: Any) -> Any:
    if type(value).__module__ == "numpy" and hasattr(value, "shape"):
        return wrap(value)
    if isinstance(value, (list, tuple)):
        return type(value)(_tensors(v) for v in value)
    return value


def _kind(result: Any) -> str:
    if isinstance(result, Tensor):
        return "Tensor"
    if isinstance(result, tuple) and hasattr(result, "_fields"):
        return "Any"  # a named tuple: its fields are found at run time
    if isinstance(result, tuple) and all(isinstance(r, Tensor) for r in result):
        return "tuple[Tensor, ...]"
    if isinstance(result, bool):
        return "bool"
    return "Any"


class _Builtins(ast.NodeTransformer):
    """`int` as `builtins.int`: Tensor has methods, and the package dtypes, of those names."""

    def visit_Name(self, node: ast.Name) -> ast.AST:
        return (
            ast.parse(f"builtins.{node.id}", mode="eval").body if node.id in ("int", "float", "bool", "type") else node
        )


def _type(annotation: str) -> str:
    return ast.unparse(_Builtins().visit(ast.parse(annotation, mode="eval").body))


def parameters(function: Any, drop_first: bool = False, out: str = "") -> str:
    """The parameters of a function as a stub writes them: types as annotated, defaults as `...`; and `out` where it is one."""
    shown = []
    listed = list(inspect.signature(function).parameters.values())[1 if drop_first else 0 :]
    keyword_only = False
    for p in listed:
        kind = _type(str(p.annotation)) if p.annotation is not p.empty else "Any"
        if p.kind is p.VAR_POSITIONAL:
            keyword_only = True
            shown.append(f"*{p.name}: {kind}")
        elif p.kind is p.VAR_KEYWORD:
            shown.append(f"**{p.name}: {kind}")
        else:
            if p.kind is p.KEYWORD_ONLY and not keyword_only:
                keyword_only = True
                shown.append("*")
            shown.append(f"{p.name}: {kind}" + ("" if p.default is p.empty else " = ..."))
    if out and not any(p.kind is p.VAR_KEYWORD for p in listed):
        shown += [*([] if keyword_only else ["*"]), "out: Any = ..."]
    return ", ".join(shown)


def tensor_stub() -> str:
    """The text of tensor.pyi: the class as tensor.py has it, then the installed operations."""
    source = (HERE / "tensor.py").read_text()
    tree = ast.parse(source)
    lines = [HEAD, "import builtins\nfrom collections.abc import Callable, Iterator\nfrom typing import Any, Self\n\n"]
    lines.append(
        "import numpy as np\nfrom numpy import ndarray\n\nfrom . import dtypes\n"
        "from .random import Generator\nfrom .tape import Box, Cell, View\n"
    )
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            lines.append("\n" + _class_stub(node, node.name == "Tensor"))
        elif isinstance(node, ast.FunctionDef):
            lines.append(f"\n{_def(node, '')}\n")
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            kind = "Device" if node.targets[0].id == "CPU" else "Any"
            lines.append(f"\n{node.targets[0].id}: {kind}\n")
    return "".join(lines)


def _def(node: Any, indent: str) -> str:
    node = ast.parse(ast.unparse(node)).body[0]
    node.args, node.returns = _Builtins().visit(node.args), node.returns and _Builtins().visit(node.returns)
    arguments = node.args
    arguments.defaults = [ast.Constant(...) for _ in arguments.defaults]
    arguments.kw_defaults = [None if d is None else ast.Constant(...) for d in arguments.kw_defaults]
    result = f" -> {ast.unparse(node.returns)}" if node.returns else ""
    decorators = "".join(f"{indent}@{ast.unparse(d)}\n" for d in node.decorator_list)
    return f"{decorators}{indent}def {node.name}({ast.unparse(arguments)}){result}: ..."


def _class_stub(node: Any, with_operations: bool) -> str:
    bases = f"({', '.join(ast.unparse(b) for b in node.bases)})" if node.bases else ""
    body = []
    for item in node.body:
        if isinstance(item, ast.FunctionDef):
            body.append(_def(item, "    "))
        elif isinstance(item, ast.AnnAssign):
            body.append(f"    {ast.unparse(item.target)}: {_type(ast.unparse(item.annotation))}")
        elif isinstance(item, ast.Assign):
            body.append(f"    {ast.unparse(item.targets[0])}: Any")
    if with_operations:
        own = {item.name for item in node.body if isinstance(item, ast.FunctionDef)}
        own |= {
            t.id for item in node.body if isinstance(item, ast.Assign) for t in item.targets if isinstance(t, ast.Name)
        }
        body += _operations(own)
    return f"class {node.name}{bases}:\n" + "\n".join(body or ["    ..."]) + "\n"


def _operations(own: set[str]) -> list[str]:
    lines = []
    result = {entry.name: returns(entry) for key, entry in REGISTRY.items()}
    for name in sorted(set(Tensor.__dict__) - own):
        value = Tensor.__dict__[name]
        if name in ("__module__", "__dict__", "__weakref__", "__doc__", "__annotations__"):
            continue
        if isinstance(value, property):
            lines += [f"    @property\n    def {name}(self) -> Any: ..."]
        elif callable(value) and name.startswith("__"):
            lines.append(_operator(name))
        elif callable(value):
            kind = "Self" if name.endswith("_") else result.get(name, "Any")
            function = REGISTRY[name].fn if name in REGISTRY and value is REGISTRY[name].call else value
            rest = parameters(function, drop_first=True)
            lines.append(f"    def {name}(self{', ' + rest if rest else ''}) -> {_type(kind)}: ...")
    return lines


def _operator(name: str) -> str:
    bare = name.strip("_")
    if bare in UNARY.values():
        return f"    def {name}(self) -> Tensor: ..."
    if bare in COMPARISONS.values():
        ignore = "  # type: ignore[override]" if bare in ("eq", "ne") else ""
        return f"    def {name}(self, other: Any) -> Tensor: ...{ignore}"
    if bare in OPERATORS.values() or bare[1:] in OPERATORS.values():
        kind = "Self" if bare.startswith("i") and bare[1:] in OPERATORS.values() and bare != "invert" else "Tensor"
        return f"    def {name}(self, other: Any) -> {kind}: ..."
    if name == "__setitem__":
        return "    def __setitem__(self, index: Any, value: Any) -> None: ..."
    if name == "__getitem__":
        return "    def __getitem__(self, index: Any) -> Tensor: ..."
    return f"    {name}: Any"


def package_stub() -> str:
    """The text of __init__.pyi: what __init__.py imports, then the registry's functions."""
    source = (HERE / "__init__.py").read_text()
    lines = [HEAD, "import builtins\nfrom typing import Any\n\n"]
    for node in ast.parse(source).body:
        if isinstance(node, ast.ImportFrom) and node.module not in ("__future__", "typing"):
            names = ", ".join(f"{a.name} as {a.asname or a.name}" for a in node.names)
            lines.append(f"from {'.' * node.level}{node.module or ''} import {names}\n")
        elif isinstance(node, ast.Assign):
            targets = [t for target in node.targets for t in getattr(target, "elts", [target])]
            lines += [f"{t.id}: Any\n" for t in targets if isinstance(t, ast.Name) and not t.id.startswith("_")]
    lines.append("\n")
    for name, entry in sorted(REGISTRY.items()):
        if not name.startswith("_"):
            lines.append(f"def {name}({parameters(entry.fn, out=entry.out)}) -> {_type(returns(entry))}: ...\n")
    for name in sorted({f"{entry.name}_" for entry in REGISTRY.values() if entry.inplace}):
        lines.append(f"def {name}(input: Tensor, *args: Any, **kwargs: Any) -> Tensor: ...\n")
    return "".join(lines)


def files() -> dict[Path, str]:
    """Each stub file and its text."""
    return {HERE / "tensor.pyi": tensor_stub(), HERE / "__init__.pyi": package_stub()}


if __name__ == "__main__":
    for path, text in files().items():
        path.write_text(text)
        print(f"{path.name}: {text.count(chr(10))} lines")
