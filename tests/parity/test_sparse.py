"""Sparse gradients of embeddings and the optimizers that take them, beside torch."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import autograd
import nn
import optim
from autograd.tensor import wrap

pytestmark = pytest.mark.filterwarnings("ignore:Sparse invariant")  # torch warns of its own use
TABLE = np.random.default_rng(0).normal(size=(7, 3))
BATCHES = [np.array([[1, 4, 4], [0, 6, 1]]), np.array([[2, 2, 2], [4, 0, 4]]), np.array([[5, 5, 1], [1, 1, 1]])]


def layers(kind, **settings):
    mine = getattr(nn, kind)(7, 3, sparse=True, _weight=wrap(TABLE.copy()), **settings)
    return mine, getattr(torch.nn, kind)(7, 3, sparse=True, _weight=torch.tensor(TABLE), **settings)


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("SGD", dict(lr=0.1)), ("SGD", dict(lr=0.1, maximize=True)), ("SGD", dict(lr=0.1, momentum=0.9)),
        ("SGD", dict(lr=0.1, momentum=0.9, dampening=0.3)), ("SGD", dict(lr=0.1, momentum=0.9, nesterov=True)),
        ("Adagrad", dict(lr=0.1, lr_decay=0.1, initial_accumulator_value=0.2)), ("Adagrad", dict(lr=0.1, maximize=True)),
        ("SparseAdam", dict(lr=0.1)), ("SparseAdam", dict(lr=0.1, betas=(0.5, 0.7), eps=1e-3, maximize=True)),
    ],
)  # fmt: skip
@pytest.mark.parametrize(
    ("kind", "more"),
    [
        ("Embedding", {}),
        ("Embedding", {"padding_idx": 4}),
        ("EmbeddingBag", {"mode": "sum"}),
        ("EmbeddingBag", {"mode": "mean"}),
    ],
)
def test_training_with_sparse_gradients(kind, more, name, settings):
    mine, theirs = layers(kind, **more)
    a, b = (
        getattr(optim, name)(mine.parameters(), **settings),
        getattr(torch.optim, name)(theirs.parameters(), **settings),
    )
    for batch in BATCHES:
        for layer, optimizer, made in ((mine, a, autograd.tensor(batch)), (theirs, b, torch.tensor(batch))):
            optimizer.zero_grad()
            (layer(made) ** 2).sum().backward()
            assert layer.weight.grad.is_sparse
            optimizer.step()
        np.testing.assert_allclose(mine.weight.detach().numpy(), theirs.weight.detach().numpy(), rtol=1e-9, atol=1e-12)


def test_two_backward_passes_add_up():
    mine, theirs = layers("Embedding")
    for batch in BATCHES:
        (mine(autograd.tensor(batch)) ** 2).sum().backward()
        (theirs(torch.tensor(batch)) ** 2).sum().backward()
    np.testing.assert_allclose(mine.weight.grad.to_dense(), theirs.weight.grad.to_dense().numpy())
    one, other = mine.weight.grad.coalesce(), theirs.weight.grad.coalesce()
    np.testing.assert_array_equal(one.indices, other.indices()[0])
    np.testing.assert_allclose(one.rows, other.values().numpy())


@pytest.mark.parametrize(
    ("name", "settings"),
    [("SGD", dict(lr=0.1, weight_decay=0.1)), ("Adagrad", dict(lr=0.1, weight_decay=0.1)), ("Adam", dict(lr=0.1)),
     ("RMSprop", dict(lr=0.1))],
)  # fmt: skip
def test_what_torch_refuses_is_refused(name, settings):
    mine, theirs = layers("Embedding")
    mine(autograd.tensor(BATCHES[0])).sum().backward()
    theirs(torch.tensor(BATCHES[0])).sum().backward()
    with pytest.raises(RuntimeError, match="sparse"):
        getattr(torch.optim, name)(theirs.parameters(), **settings).step()
    with pytest.raises(RuntimeError, match=f"{name}.*sparse"):
        getattr(optim, name)(mine.parameters(), **settings).step()
