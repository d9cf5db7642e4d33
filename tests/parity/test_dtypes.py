"""What dtypes answer, beside torch's."""

from __future__ import annotations

import pytest
import torch

import autograd
from autograd import dtypes

NAMES = [name for name in dtypes.NAMED if hasattr(torch, name)]


@pytest.mark.parametrize("name", NAMES)
def test_what_a_dtype_says_of_itself(name):
    ours, theirs = getattr(autograd, name), getattr(torch, name)
    for attribute in ("is_floating_point", "is_complex", "is_signed", "itemsize"):
        assert getattr(ours, attribute) == getattr(theirs, attribute), attribute
    assert str(ours) == str(theirs) and repr(ours).split(".")[-1] == repr(theirs).split(".")[-1]
    for method in ("to_complex", "to_real"):
        try:
            wanted = getattr(theirs, method)()
        except RuntimeError:
            with pytest.raises(TypeError, match=method):
                getattr(ours, method)()
        else:
            assert repr(getattr(ours, method)()).split(".")[-1] == repr(wanted).split(".")[-1]


def test_the_short_names_are_torchs():
    for name in ("float", "double", "half", "int", "long", "short", "bool", "cfloat", "cdouble", "chalf"):
        assert str(getattr(autograd, name)).split(".")[1] == str(getattr(torch, name)).split(".")[1]


def test_equality_and_membership():
    for library in (autograd, torch):
        x = library.ones(2)
        assert x.dtype in (library.float64, library.float32) and x.dtype not in (library.float16, library.int64)
        assert x.dtype not in ("float32", float) and x.dtype is library.float32
        assert {library.float32: 1}.get(x.double().dtype) is None and isinstance(x.dtype, library.dtype)
