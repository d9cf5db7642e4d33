"""A language model of characters: an embedding, stacked LSTM or GRU layers, the next character's logits."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

import autograd
import nn
import nn.functional as F
from autograd import Generator, Tensor
from nn.text.characters import next_characters
from nn.text.sampling import Hypothesis, beam_search, generate, sample
from nn.utils.rnn import PackedSequence


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Without dropout and without recording, and then back to how the model was."""
    training = model.training
    model.eval()
    try:
        with autograd.no_grad():
            yield
    finally:
        model.train(training)


class CharacterModel(nn.Module):
    """Numbers of characters to the logits of what comes next.

    characters: how many numbers there are, the boundary 0 counted. kind: "LSTM", "GRU" or "RNN". dropout: between the layers
    and before the output. Forward: input (B, T), or a PackedSequence of numbers (P,), and a state or None, to the logits
    (B, T, characters), or (P, characters), and the state after the last step.

    >>> logits, state = CharacterModel(5, hidden=8)(autograd.tensor([[0, 3, 1]]))
    >>> logits.shape
    Size([1, 3, 5])
    """

    def __init__(
        self,
        characters: int,
        embedding: int = 64,
        hidden: int = 256,
        layers: int = 1,
        kind: str = "LSTM",
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        if kind not in ("LSTM", "GRU", "RNN"):
            raise ValueError(f"CharacterModel: unknown kind {kind!r}; select from 'LSTM', 'GRU' or 'RNN'")
        between = dropout if layers > 1 else 0.0
        self.embedding = nn.Embedding(characters, embedding)
        self.layers = getattr(nn, kind)(embedding, hidden, layers, batch_first=True, dropout=between)
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(hidden, characters)

    def forward(self, input: Any, state: Any = None) -> tuple[Tensor, Any]:
        packed = isinstance(input, PackedSequence)
        x = self.embedding(input.data if packed else input)
        hidden, state = self.layers(input._replace(data=x) if packed else x, state)
        return self.output(self.dropout(hidden.data if packed else hidden)), state

    def step(self, tokens: np.ndarray, state: Any) -> tuple[Tensor, Any]:
        """One character of each row, (N,), and a state to the logits (N, characters) of the next, for `nn.text.sampling`."""
        logits, state = self(autograd.from_numpy(tokens[:, None]), state)
        return autograd.squeeze(logits, 1), state

    def generate(
        self,
        count: int = 1,
        max_length: int = 100,
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float | None = None,
        generator: Generator | None = None,
        prefix: Sequence[int] | np.ndarray = (),
        ends: bool = True,
        min_length: int = 0,
    ) -> list[np.ndarray]:
        """`count` texts drawn as `nn.text.sample` does, each until the boundary or `max_length` characters; int64 arrays.

        min_length: the boundary is not drawn before. prefix: numbers that each text starts with, part of the result. ends:
        False where texts have no boundaries; then a prefix is needed, and boundaries are never drawn.
        """
        ids = np.asarray(prefix, np.int64)
        if not ends and not len(ids):
            raise ValueError("CharacterModel.generate: ends=False needs a prefix, at least one character to go on from")
        with evaluating(self):
            read = np.concatenate([[0], ids]) if ends else ids
            state = None
            if len(read) > 1:
                _, state = self(autograd.from_numpy(np.tile(read[:-1], (count, 1))))

            def choose(scores: np.ndarray) -> np.ndarray:
                if not ends:
                    scores[:, 0] = -math.inf
                return sample(scores, temperature, top_k, top_p, generator)

            more = max_length - len(ids)
            end = 0 if ends else None
            settings: dict[str, Any] = {"choose": choose, "start": int(read[-1]), "end": end}
            drawn = generate(self.step, state, count, more, min_length=min_length - len(ids), **settings)
        return [np.concatenate([ids, text]) for text in drawn]

    def most_probable(
        self,
        max_length: int = 100,
        beam: int = 16,
        length_penalty: float = 0.0,
        prefix: Sequence[int] | np.ndarray = (),
    ) -> list[Hypothesis]:
        """The most probable texts that beam search finds, best first; a prefix they start with is not in the result."""
        read = np.concatenate([[0], np.asarray(prefix, np.int64)])
        with evaluating(self):
            state = self(autograd.from_numpy(read[None, :-1]))[1] if len(read) > 1 else None
            settings: dict[str, Any] = {"beam": beam, "length_penalty": length_penalty, "start": int(read[-1])}
            return beam_search(self.step, state, 1, max_length, state_dim=1, **settings)[0]

    def nats(self, texts: Sequence[np.ndarray], batch: int = 500) -> float:
        """The mean negative log-probability of a character in these texts, each one's end counted.

        exp of it is the perplexity, `bits_per_character` of it the bits. Raises ValueError for no text.
        """
        if not len(texts):
            raise ValueError("CharacterModel.nats: expected at least one text, got none")
        total, count = 0.0, 0
        ordered = sorted(texts, key=len)  # texts of like length make short batches
        with evaluating(self):
            for i in range(0, len(ordered), batch):
                inputs, targets = next_characters(ordered[i : i + batch])
                total += F.cross_entropy(self(inputs)[0], targets, reduction="sum").item()
                count += len(targets)
        return total / count

    def nats_of_windows(self, pairs: Iterable[tuple[Tensor, Tensor]]) -> float:
        """The same of one long text, given as `nn.text.windows` gives it, the state carried from each to the next."""
        total, count, state = 0.0, 0, None
        with evaluating(self):
            for inputs, targets in pairs:
                logits, state = self(inputs, state)
                flat = autograd.reshape(targets, (-1,))
                loss = F.cross_entropy(autograd.reshape(logits, (len(flat), -1)), flat, reduction="sum")
                total, count = total + loss.item(), count + len(flat)
        return total / count


def bits_per_character(nats: float) -> float:
    """A mean negative log-probability in bits."""
    return nats / math.log(2)


def perplexity(nats: float) -> float:
    """Among how many equally probable characters one would be as unsure."""
    return math.exp(nats)
