"""Writes docs/reference/: every operation, layer, optimizer and schedule with its signature, one line and an example.

    python -m autograd.reference

All of it comes from the registry and the docstrings. A test fails when the pages are not what this module would write, when
a public name is missing there, or when an example does not give what it says.
"""

from __future__ import annotations

import doctest
import inspect
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import autograd
from autograd.op import REGISTRY

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "reference"


class Entry(NamedTuple):
    """One public name: how it is written, what it is, and names that mean the same."""

    name: str
    value: Any
    also: tuple[str, ...] = ()

    @property
    def doc(self) -> str:
        """The docstring; a registered operation's is its function's."""
        return inspect.getdoc(self.value) or ""

    @property
    def line(self) -> str:
        """The first paragraph of the docstring."""
        return " ".join(re.split(r"\n\s*\n|\n>>>", self.doc, maxsplit=1)[0].split())

    @property
    def example(self) -> str:
        """The examples of the docstring, as one would type them."""
        parts = doctest.DocTestParser().get_examples(self.doc)
        return "".join(_typed(part) for part in parts).rstrip()

    @property
    def signature(self) -> str:
        """The name with its parameters and their defaults, without types."""
        try:
            given = inspect.signature(self.value)
        except (TypeError, ValueError):
            return self.name
        shown, starred = [], False
        for p in given.parameters.values():
            if p.name == "self":
                continue
            if p.kind is p.KEYWORD_ONLY and not starred:
                shown.append("*")
            starred = starred or p.kind in (p.KEYWORD_ONLY, p.VAR_POSITIONAL)
            star = "*" if p.kind is p.VAR_POSITIONAL else "**" if p.kind is p.VAR_KEYWORD else ""
            shown.append(f"{star}{p.name}" + ("" if p.default is p.empty else f"={_value(p.default)}"))
        return f"{self.name}({', '.join(shown)})"


def _typed(example: doctest.Example) -> str:
    first, *rest = example.source.rstrip("\n").split("\n")
    return "\n".join([f">>> {first}", *(f"... {line}" for line in rest)]) + f"\n{example.want}"


def _value(default: Any) -> str:
    if isinstance(default, type) or callable(default):
        return getattr(default, "__name__", type(default).__name__)
    return repr(default)


def _public(module: Any, keep: Any) -> list[Entry]:
    """The names of a module whose values `keep` accepts, aliases under the name of what they are."""
    found: dict[int, list[str]] = {}
    values = {}
    for name in sorted(vars(module)):
        value = vars(module)[name]
        if not name.startswith("_") and name not in INTERNAL and keep(value):
            found.setdefault(id(value), []).append(name)
            values[id(value)] = value
    entries = []
    for key, names in found.items():
        own = getattr(values[key], "__name__", names[0])
        first = own if own in names else names[0]
        entries.append(Entry(first, values[key], tuple(n for n in names if n != first)))
    return sorted(entries)


INTERNAL = {"install", "AnomalyError", "fill_", "zero_"}


def _is_function(value: Any) -> bool:
    return inspect.isfunction(value) or inspect.isbuiltin(value)


def _within(*packages: str) -> Any:
    return lambda value: (
        (_is_function(value) or inspect.isclass(value)) and getattr(value, "__module__", "").split(".")[0] in packages
    )


def _prefixed(prefix: str, entries: list[Entry]) -> list[Entry]:
    return [Entry(f"{prefix}.{e.name}", e.value, tuple(f"{prefix}.{n}" for n in e.also)) for e in entries]


def _operations() -> list[Entry]:
    """The registry's public operations, each under its first name; in-place forms are told of with them."""
    groups: dict[int, Entry] = {}
    for name, entry in sorted(
        REGISTRY.items(), key=lambda item: (item[0] != inspect.unwrap(item[1].fn).__name__, item[0])
    ):
        if name.startswith("_") or not hasattr(autograd, name):
            continue
        key = id(inspect.unwrap(entry.fn))
        own = (f"{name}_",) if entry.inplace else ()
        if key in groups:
            groups[key] = groups[key]._replace(also=(*groups[key].also, name, *own))
        else:
            groups[key] = Entry(name, entry.call, own)
    return sorted(groups.values())


def _family(entry: Entry) -> str:
    return REGISTRY[entry.name].fn.__module__.rpartition(".")[2]


def pages() -> dict[str, dict[str, list[Entry]]]:
    """Page -> section -> entries."""
    nn, optim, functional = import_module("nn"), import_module("optim"), import_module("nn.functional")
    utils, schedules = import_module("nn.utils"), import_module("optim.lr_scheduler")
    operations: dict[str, list[Entry]] = {}
    for entry in _operations():
        operations.setdefault(_family(entry), []).append(entry)
    others = [e for e in _public(autograd, _within("autograd")) if e.name not in REGISTRY and e.name[-1] != "_"]
    optimizers = _public(optim, lambda v: inspect.isclass(v) and issubclass(v, optim.Optimizer))
    rates = _public(
        schedules,
        lambda v: inspect.isclass(v) and v.__module__ == schedules.__name__ and hasattr(v, "step"),
    )
    layers = _public(nn, lambda v: inspect.isclass(v) and v.__module__.split(".")[0] == "nn")
    by_file: dict[str, list[Entry]] = {}
    for entry in layers:
        by_file.setdefault(entry.value.__module__.rpartition(".")[2], []).append(entry)
    own = [e for e in _own(functional) if e.name not in REGISTRY]  # the rest are the operations, some with `inplace`
    return {
        "operations": {name: operations[name] for name in sorted(operations)},
        "autograd": {
            "autograd": others,
            "autograd.functional": _prefixed("functional", _own(autograd.functional)),
            "autograd.func": _prefixed("func", _own(autograd.func)),
            "autograd.distributions": _prefixed(
                "distributions", [e for e in _own(autograd.distributions) if e.name != "Distribution"]
            ),
        },
        "layers": {
            **{name: by_file[name] for name in sorted(by_file)},
            "nn.functional": _prefixed("F", own),
            "nn.init": _prefixed(
                "init", [e for e in _own(nn.init) if e.name.endswith("_") or e.name == "calculate_gain"]
            ),
            "nn.utils": _prefixed("utils", _public(utils, _within("nn"))),
        },
        "optimizers": {"optim": optimizers, "optim.lr_scheduler": rates},
    }


def _own(module: Any) -> list[Entry]:
    return _public(module, lambda v: (_is_function(v) or inspect.isclass(v)) and v.__module__ == module.__name__)


def entries() -> Iterator[Entry]:
    """Every entry of every page."""
    for sections in pages().values():
        for found in sections.values():
            yield from found


_HEADS = {
    "operations": "Every function is `autograd.<name>`; with few exceptions a method of Tensor too. Names with a trailing "
    "underscore work in place.",
    "autograd": "Tensors, random numbers, the tape and derivatives: `autograd.<name>`.",
    "layers": "`import nn`, `import nn.functional as F`. Parameters, buffers and initial values are named as torch names them.",
    "optimizers": "`import optim`.",
}


def text(page: str, sections: dict[str, list[Entry]]) -> str:
    """A page as Markdown."""
    lines = [f"# {page.capitalize()}", "", "Made by `python -m autograd.reference`; do not edit. " + _HEADS[page], ""]
    for section, found in sections.items():
        lines += [f"## {section}", ""]
        for entry in found:
            also = f" Also {', '.join(f'`{n}`' for n in entry.also)}." if entry.also else ""
            lines += [f"**`{entry.signature}`** {entry.line}{also}", ""]
            lines += ["```python", entry.example, "```", ""] if entry.example else []
    return "\n".join(lines).rstrip() + "\n"


def files() -> dict[Path, str]:
    """Each page's file and text."""
    return {FOLDER / f"{page}.md": text(page, sections) for page, sections in pages().items()}


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for path, content in files().items():
        path.write_text(content)
        print(f"{path.name}: {content.count(chr(10))} lines")
    for entry in entries():
        if not entry.example:
            print(f"no example: {entry.name}")
