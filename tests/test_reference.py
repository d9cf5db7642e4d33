"""The reference pages: made anew they are what stands there, no public name is missing, and every example runs."""

from __future__ import annotations

import doctest
import types

import numpy as np
import pytest

import autograd
import nn
import nn.functional as F
import optim
from autograd import reference
from autograd.op import REGISTRY

ENTRIES = {entry.name: entry for entry in reference.entries()}
FLAGS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS


@pytest.mark.parametrize("path", reference.files(), ids=lambda path: path.name)
def test_pages_are_current(path):
    made = reference.files()[path]
    assert path.read_text() == made, "write them anew: python -m autograd.reference"


@pytest.mark.parametrize("name", ENTRIES)
def test_examples_run(name):
    entry = ENTRIES[name]
    assert entry.line, f"{name} has no docstring"
    names = {"autograd": autograd, "nn": nn, "F": F, "optim": optim, "np": np}
    test = doctest.DocTestParser().get_doctest(entry.doc, names, name, None, 0)
    assert test.examples, f"{name} has no example: give its docstring a >>> line"
    said: list[str] = []
    doctest.DocTestRunner(optionflags=FLAGS).run(test, out=said.append)
    assert not said, "".join(said)


def test_every_public_name_is_there():
    listed = {name.rpartition(".")[2] for entry in ENTRIES.values() for name in (entry.name, *entry.also)}
    wanted = (
        {name for name in REGISTRY if not name.startswith("_")} | set(nn.__all__) | set(autograd.functional.__dict__)
    )
    wanted |= {
        name for name, value in vars(autograd).items() if callable(value) and not isinstance(value, type(np.dtype))
    }
    wanted |= {name for name, value in vars(optim).items() if isinstance(value, type)}
    wanted |= {name for name, value in vars(optim.lr_scheduler).items() if isinstance(value, type)}
    missing = {name for name in wanted if not name.startswith("_") and name not in listed | reference.INTERNAL}
    values = {name: getattr(autograd, name, getattr(nn, name, None)) for name in missing}
    found = {n for n, v in values.items() if v is not None and not isinstance(v, types.ModuleType)}
    assert not {n for n in found if getattr(values[n], "__module__", "").split(".")[0] in ("autograd", "nn", "optim")}
