"""What the examples in docstrings may use without importing it."""

from __future__ import annotations

import numpy as np
import pytest

import autograd
import nn
import nn.functional as F
import optim


@pytest.fixture(autouse=True)
def namespace_of_examples(doctest_namespace: dict[str, object]) -> None:
    doctest_namespace.update(autograd=autograd, nn=nn, F=F, optim=optim, np=np)
