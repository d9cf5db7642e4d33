"""The stub files are what the registry gives."""

from __future__ import annotations

import pytest

from autograd import stubs


@pytest.mark.parametrize("path", stubs.files(), ids=lambda path: path.name)
def test_stubs_are_current(path):
    assert path.read_text() == stubs.files()[path], "run `python -m autograd.stubs`"
