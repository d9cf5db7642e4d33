"""The language model and the encoder-decoder beside the same written for torch: logits, weights and every gradient."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import autograd
import nn.functional as F
from nn.models import CharacterModel, Seq2Seq
from nn.text import next_characters, padded

T = torch.nn.functional


def texts(rng: np.random.Generator, count: int, characters: int) -> list[np.ndarray]:
    return [rng.integers(1, characters, rng.integers(1, 8)) for _ in range(count)]


def equal_gradients(ours: Any, theirs: Any) -> None:
    named = dict(theirs.named_parameters())
    for name, p in ours.named_parameters():
        np.testing.assert_allclose(p.grad.numpy(), named[name].grad.numpy(), rtol=1e-8, atol=1e-12, err_msg=name)


class TorchCharacters(torch.nn.Module):
    def __init__(self, characters: int, embedding: int, hidden: int, layers: int, kind: str) -> None:
        super().__init__()
        self.embedding = torch.nn.Embedding(characters, embedding)
        self.layers = getattr(torch.nn, kind)(embedding, hidden, layers, batch_first=True)
        self.output = torch.nn.Linear(hidden, characters)


class TorchSeq2Seq(torch.nn.Module):
    """The additive score, one text at a time, without masks or packing."""

    def __init__(self, source: int, target: int, embedding: int, hidden: int) -> None:
        super().__init__()
        self.source_embedding = torch.nn.Embedding(source, embedding)
        self.target_embedding = torch.nn.Embedding(target, embedding)
        self.encoder = torch.nn.LSTM(embedding, hidden, batch_first=True, bidirectional=True)
        self.score = torch.nn.Module()
        self.score.query = torch.nn.Linear(hidden, hidden, bias=False)
        self.score.keys = torch.nn.Linear(2 * hidden, hidden)
        self.score.v = torch.nn.Linear(hidden, 1, bias=False)
        self.start = torch.nn.Linear(2 * hidden, hidden)
        self.decoder = torch.nn.LSTMCell(embedding + 2 * hidden, hidden)
        self.output = torch.nn.Linear(3 * hidden, target)

    def forward(self, source: Any, target: Any) -> tuple[Any, Any]:
        a, (last, _) = self.encoder(self.source_embedding(source)[None])
        s = torch.tanh(self.start(last.reshape(1, -1)))
        c = torch.zeros_like(s)
        logits, maps = [], []
        for word in self.target_embedding(target):
            e = self.score.v(torch.tanh(self.score.keys(a[0]) + self.score.query(s)))
            weights = torch.softmax(e[:, 0], 0)
            context = weights[None] @ a[0]
            s, c = self.decoder(torch.cat([word[None], context], 1), (s, c))
            logits.append(self.output(torch.cat([s, context], 1))[0])
            maps.append(weights)
        return torch.stack(logits), torch.stack(maps)


@pytest.mark.parametrize("kind", ["LSTM", "GRU", "RNN"])
def test_character_model(kind: str) -> None:
    rng = np.random.default_rng(0)
    ours = CharacterModel(6, 4, 5, 2, kind).double()
    theirs = TorchCharacters(6, 4, 5, 2, kind).double()
    theirs.load_state_dict({name: torch.from_numpy(p.numpy().copy()) for name, p in ours.state_dict().items()})
    given = texts(rng, 7, 6)
    inputs, targets = next_characters(given)
    loss = F.cross_entropy(ours(inputs)[0], targets)
    loss.backward()
    total, count = torch.zeros((), dtype=torch.float64), 0
    for text in given:
        x, y = torch.from_numpy(np.append(0, text)), torch.from_numpy(np.append(text, 0))
        logits = theirs.output(theirs.layers(theirs.embedding(x)[None])[0][0])
        total, count = total + T.cross_entropy(logits, y, reduction="sum"), count + len(y)
    (total / count).backward()
    assert loss.item() == pytest.approx((total / count).item(), rel=1e-12)
    equal_gradients(ours, theirs)


def test_seq2seq() -> None:
    rng = np.random.default_rng(0)
    ours = Seq2Seq(6, 5, embedding=3, hidden=4).double()
    theirs = TorchSeq2Seq(6, 5, 3, 4).double()
    theirs.load_state_dict({name: torch.from_numpy(p.numpy().copy()) for name, p in ours.state_dict().items()})
    sources, targets = texts(rng, 6, 6), texts(rng, 6, 5)
    block, lengths = padded(sources)
    given = padded([np.append(0, text) for text in targets])[0]
    wanted = padded([np.append(text, 0) for text in targets], fill=-100)[0]
    logits, weights = ours(block, lengths, given)
    F.cross_entropy(autograd.reshape(logits, (-1, 5)), autograd.reshape(wanted, (-1,)), reduction="sum").backward()
    for k, (source, target) in enumerate(zip(sources, targets, strict=True)):
        x, y = torch.from_numpy(np.append(0, target)), torch.from_numpy(np.append(target, 0))
        theirs_logits, maps = theirs(torch.from_numpy(source), x)
        T.cross_entropy(theirs_logits, y, reduction="sum").backward()
        np.testing.assert_allclose(logits[k, : len(x)].detach().numpy(), theirs_logits.detach().numpy(), rtol=1e-9)
        np.testing.assert_allclose(
            weights[k, : len(x), : len(source)].detach().numpy(), maps.detach().numpy(), rtol=1e-9
        )
    equal_gradients(ours, theirs)
