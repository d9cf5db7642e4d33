"""Losses: clear errors before a kernel runs, ignored rows, and ctc against every alignment."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from autograd.op import REGISTRY
from autograd.tensor import wrap


def test_a_wrong_label_is_named_with_its_place():
    x = wrap(np.zeros((3, 10), np.float32))
    for name in ("cross_entropy", "nll_loss"):
        with pytest.raises(IndexError, match=r"target\[1\] is 10; the 10 classes of input are numbered 0 to 9"):
            REGISTRY[name].call(x, wrap(np.array([0, 10, 2])))
        with pytest.raises(ValueError, match=r"target has shape \(2,\); expected \(3,\)"):
            REGISTRY[name].call(x, wrap(np.array([0, 1])))


def test_ignored_rows_may_hold_infinities():
    x = wrap(np.array([[0.0, 1.0], [-np.inf, -np.inf]])).requires_grad_()
    loss = REGISTRY["nll_loss"].call(x, np.array([1, 0]), ignore_index=0)
    loss.backward()
    assert loss.item() == -1.0 and np.isfinite(x.grad.numpy()).all()


def test_large_scores_do_not_overflow():
    x = wrap(np.array([[1e4, 0.0], [-1e4, 0.0]], np.float32)).requires_grad_()
    loss = REGISTRY["cross_entropy"].call(x, np.array([1, 1]))
    loss.backward()
    assert loss.item() == 5000.0
    np.testing.assert_allclose(x.grad.numpy(), [[0.5, -0.5], [0, 0]])
    z = REGISTRY["binary_cross_entropy_with_logits"].call(wrap(np.array([1000.0, -1000.0])), wrap(np.array([0.0, 1.0])))
    assert z.item() == 1000.0


@pytest.mark.parametrize("target", [[1], [1, 1], [1, 2], [2, 1, 2], []])
def test_ctc_is_the_sum_over_all_alignments(target):
    T, C = 4, 3
    x = np.random.default_rng(0).normal(size=(T, C))
    x -= np.log(np.exp(x).sum(1, keepdims=True))
    total = 0.0
    for path in product(range(C), repeat=T):
        merged = [c for k, c in enumerate(path) if (k == 0 or c != path[k - 1]) and c]
        total += np.exp(sum(x[t, c] for t, c in enumerate(path))) if merged == target else 0.0
    loss = REGISTRY["ctc_loss"].call(
        wrap(x), np.array(target, int), np.array(T), np.array(len(target)), reduction="sum"
    )
    np.testing.assert_allclose(loss.item(), -np.log(total), rtol=1e-12)


def test_ctc_without_an_alignment():
    x = wrap(np.log(np.full((2, 1, 3), 1 / 3))).requires_grad_()
    args = x, np.array([[1, 1, 2]]), np.array([2]), np.array([3])
    assert REGISTRY["ctc_loss"].call(*args).item() == np.inf
    loss = REGISTRY["ctc_loss"].call(*args, zero_infinity=True)
    loss.backward()
    assert loss.item() == 0 and not x.grad.numpy().any()


def test_sizes_that_differ_warn():
    with pytest.warns(UserWarning, match="mse_loss: target has size"):
        REGISTRY["mse_loss"].call(wrap(np.zeros((2, 3))), wrap(np.zeros(3)))
