"""What becomes of `out=` beside torch: shapes, memory, history, factories; and what is refused, with what."""

from __future__ import annotations

import numpy as np
import pytest
from torch_beside import both

import autograd

TAKEN = [
    "lib.add(x, x, out=lib.empty(0))",
    "lib.add(x, x, out=None)",
    "lib.add(x, x, out=lib.empty(2, 3, dtype=lib.float64))",
    "lib.add(x, x, out=lib.empty(3, 2))",
    "lib.add(x, x, out=x)",
    "lib.mm(x, x.T, out=lib.empty(2, 2))",
    "lib.sub(x[:, :2], x[:, 1:], out=x[:, :2])",
    "lib.add(x[0], 1, out=lib.zeros(3, 2).T[0])",
    "lib.exp(i, out=lib.empty(0, dtype=lib.float64))",
    "lib.sum(x, 0, out=lib.empty(0, dtype=lib.int64))",
    "lib.eq(w, x, out=lib.empty(0, dtype=lib.bool))",
    "lib.argmax(w, 0, out=lib.empty(0, dtype=lib.int64))",
    "lib.max(x, 0, out=(lib.empty(0), lib.empty(0, dtype=lib.int64)))",
    "lib.max(x, 0, out=[lib.empty(0), lib.empty(0, dtype=lib.int64)])",
    "lib.max(x, 0, out=(lib.empty(5), lib.empty(3, dtype=lib.int64)))",
    "lib.sort(x, 1, True, out=(lib.empty(0), lib.empty(0, dtype=lib.int64)))",
    "lib.topk(x, 2, out=(lib.empty(0), lib.empty(0, dtype=lib.int64)))",
    "lib.linalg.inv(x[:, :2], out=lib.empty(2, 2))",
    "lib.linalg.norm(x, out=lib.empty(0))",
    "lib.special.expit(x, out=lib.empty(0))",
    "lib.zeros(2, out=lib.ones(3))",
    "lib.full((2,), 1.5, out=lib.empty(0, dtype=lib.int64))",
    "lib.arange(3, out=lib.empty(0))",
    "lib.linspace(0, 1, 5, out=lib.empty(5, dtype=lib.float64))",
    "lib.eye(2, out=lib.empty(0, dtype=lib.int64))",
    "lib.cat([x, x], out=lib.empty(0))",
    "lib.where(x > 0, x, -x, out=lib.empty(0))",
]
REFUSED = [
    "lib.add(x, x, out=lib.empty(0, dtype=lib.int64))",
    "lib.mm(x, x.T, out=lib.empty(2, 2, dtype=lib.float64))",
    "lib.argmax(x, 0, out=lib.empty(0, dtype=lib.int32))",
    "lib.max(x, 0, out=lib.empty(0))",
    "lib.max(x, 0, out=(lib.empty(0),))",
    "lib.max(x, 0, out=(lib.empty(0), 3))",
    "lib.max(x, 0, out=(lib.empty(0, dtype=lib.float64), lib.empty(0, dtype=lib.int64)))",
    "lib.exp(x, out=(lib.empty(0),))",
    "lib.exp(x, out='x')",
    "lib.relu(x, out=lib.empty(0))",
    "x.exp(out=lib.empty(0))",
    "x.add(x, out=lib.empty(0))",
    "x.sum(0, out=lib.empty(0))",
    "lib.exp(x, lib.empty(0))",
    "lib.add(w, x, out=lib.empty(0))",
    "lib.add(x, x, out=w)",
    "lib.sign(w, out=lib.empty(0))",
    "lib.zeros(2, 3, out=w)",
    "lib.zeros(2, dtype=lib.float64, out=lib.empty(0))",
    "lib.add(x, x, out=lib.empty(1, 3).expand(2, 3))",
]


@pytest.mark.parametrize("text", TAKEN)
def test_taken(text):
    (mine, warned), (theirs, their_warned) = both(text)
    assert mine == theirs
    assert warned == their_warned


@pytest.mark.parametrize("text", REFUSED)
def test_refused(text):
    (mine, _), (theirs, _) = both(text)
    assert isinstance(theirs, Exception), text
    assert isinstance(mine, type(theirs)), f"{text}: {mine!r} beside {theirs!r}"


def test_out_itself_is_returned_and_its_memory_written():
    array = np.zeros(3, np.float32)
    out = autograd.from_numpy(array)
    assert autograd.add(autograd.ones(3), 1.0, out=out) is out
    assert array.tolist() == [2.0, 2.0, 2.0]
    values, indices = autograd.zeros(0), autograd.zeros(0, dtype=autograd.int64)
    result = autograd.sort(autograd.tensor([2.0, 1.0]), out=(values, indices))
    assert result.values is values
    assert result.indices is indices


def test_a_view_is_written_through():
    base = autograd.zeros(2, 2)
    autograd.mul(autograd.ones(2), 3.0, out=base[1])
    assert base.tolist() == [[0.0, 0.0], [3.0, 3.0]]
    assert base._version == 1


def test_under_no_grad_a_leaf_stays_one():
    w = autograd.ones(2, requires_grad=True)
    with autograd.no_grad():
        autograd.mul(w, 2.0, out=w)
    assert w.requires_grad
    assert w.is_leaf
    (w * w).sum().backward()
    assert w.grad.tolist() == [4.0, 4.0]


def test_a_saved_value_written_by_out_is_noticed():
    w = autograd.ones(2, requires_grad=True)
    x = autograd.ones(2)
    y = w * x
    autograd.exp(x, out=x)
    with pytest.raises(RuntimeError, match="exp"):
        y.sum().backward()
