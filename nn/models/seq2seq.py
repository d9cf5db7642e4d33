"""The encoder-decoder with attention: a bidirectional LSTM reads, an LSTM cell writes and looks back at what was read."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

import autograd
import nn
import nn.functional as F
from autograd import Tensor
from autograd.errors import ShapeError
from nn.models.charlm import evaluating
from nn.text.characters import BOUNDARY, padded
from nn.text.sampling import beam_search, generate
from nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

State = tuple[Tensor, Tensor]


def masked_softmax(scores: Tensor, mask: Tensor) -> Tensor:
    """softmax over the last dimension where `mask` is True; elsewhere exactly 0, and so is the gradient there."""
    return F.softmax(autograd.masked_fill(scores, ~mask, -math.inf), -1)


class AdditiveScore(nn.Module):
    """e = v^T tanh(W_s s + W_a a + b): a small network of the decoder's state and each of the encoder's.

    Bahdanau, Cho and Bengio 2015, arXiv:1409.0473. query: width of s; memory: width of a; width: of the network.

    `keys(a)` (B, S, memory) is worked out once a text; forward(s (B, query), keys, values (B, S, V), mask (B, S)) gives the
    context (B, V) and the weights (B, 1, S).

    >>> score, values = AdditiveScore(2, 3, 4), autograd.ones(1, 2, 3)
    >>> score(autograd.ones(1, 2), score.keys(values), values, autograd.tensor([[True, False]]))[1].tolist()
    [[[1.0, 0.0]]]
    """

    def __init__(self, query: int, memory: int, width: int) -> None:
        super().__init__()
        self.heads = 1
        self.query = nn.Linear(query, width, bias=False)
        self.keys = nn.Linear(memory, width)
        self.v = nn.Linear(width, 1, bias=False)

    def forward(self, s: Tensor, keys: Tensor, values: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        context, weights = F.additive_attention(self.query(s), keys, values, self.v.weight, mask)
        return context, autograd.unsqueeze(weights, 1)


class DotScore(nn.Module):
    """e = (W_s s) . (W_a a) / sqrt(width), in `heads` parts of the width each with a softmax of its own.

    One head: Luong et al. 2015, arXiv:1508.04025, scaled; several: Vaswani et al. 2017, arXiv:1706.03762, each head taking
    its mean of a part of the memory. Arguments and results as AdditiveScore's, the weights (B, heads, S).
    """

    def __init__(self, query: int, memory: int, width: int, heads: int = 1) -> None:
        super().__init__()
        if heads < 1 or width % heads or memory % heads:
            raise ValueError(f"DotScore: heads must divide the widths {width} and {memory}, got {heads}")
        self.heads = heads
        self.query = nn.Linear(query, width)
        self.keys = nn.Linear(memory, width, bias=False)

    def forward(self, s: Tensor, keys: Tensor, values: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        B, S, width = keys.shape
        depth = width // self.heads
        query = autograd.reshape(self.query(s), (B, self.heads, 1, depth))
        parts = autograd.transpose(autograd.reshape(keys, (B, S, self.heads, depth)), 1, 2)
        scores = autograd.matmul(query, autograd.transpose(parts, 2, 3)) / math.sqrt(depth)
        weights = masked_softmax(autograd.squeeze(scores, 2), autograd.unsqueeze(mask, 1))
        if self.heads == 1:
            return autograd.squeeze(autograd.bmm(weights, values), 1), weights
        parts = autograd.transpose(autograd.reshape(values, (B, S, self.heads, -1)), 1, 2)
        return autograd.reshape(autograd.matmul(autograd.unsqueeze(weights, 2), parts), (B, -1)), weights


class Memory(NamedTuple):
    """What was read: values (B, S, 2 * hidden), the score's keys (B, S, width), and mask (B, S), True inside a text."""

    values: Tensor
    keys: Tensor
    mask: Tensor

    def repeated(self, times: int) -> Memory:
        """Each text `times` times, one after the other."""
        return Memory(*(autograd.repeat_interleave(part, times, 0) for part in self))


class Translation(NamedTuple):
    """ids: int64 (T,); weights (T + 1, S): where it looked for each of them and for the end (without the end, where it was
    cut at max_length, (T, S)); log_probability, NaN for greedy search."""

    ids: np.ndarray
    weights: np.ndarray
    log_probability: float


class Seq2Seq(nn.Module):
    """A text of `source` different numbers into one of `target` numbers, 0 being the boundary (and padding) of both.

    The encoder's states a<t'> are those of a bidirectional LSTM. At each step the weights alpha<t, t'> are the softmax over
    t' of a score of the decoder's state s<t-1> and a<t'>, context<t> = sum over t' of alpha<t, t'> a<t'>, and an LSTM cell
    takes the character before and the context to s<t>; s<0> is a linear layer and tanh of the encoder's last states. score:
    "additive" (AdditiveScore), "dot" (DotScore) or "multihead" (DotScore with `heads`). dropout: of embeddings and before
    the output.

    >>> model = Seq2Seq(5, 4, hidden=8)
    >>> logits, weights = model(autograd.tensor([[3, 1, 0]]), [2], autograd.tensor([[0, 2]]))
    >>> logits.shape, weights.shape, weights[0, :, 2].tolist()
    (Size([1, 2, 4]), Size([1, 2, 3]), [0.0, 0.0])
    """

    def __init__(
        self,
        source: int,
        target: int,
        embedding: int = 32,
        hidden: int = 64,
        score: str = "additive",
        heads: int = 4,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        if score not in ("additive", "dot", "multihead"):
            raise ValueError(f"Seq2Seq: unknown score {score!r}; select from 'additive', 'dot' or 'multihead'")
        self.source_embedding, self.target_embedding = nn.Embedding(source, embedding), nn.Embedding(target, embedding)
        self.encoder = nn.LSTM(embedding, hidden, batch_first=True, bidirectional=True)
        if score == "additive":
            self.score: nn.Module = AdditiveScore(hidden, 2 * hidden, hidden)
        else:
            self.score = DotScore(hidden, 2 * hidden, hidden, heads if score == "multihead" else 1)
        self.start = nn.Linear(2 * hidden, hidden)
        self.decoder = nn.LSTMCell(embedding + 2 * hidden, hidden)
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(3 * hidden, target)

    def encode(self, source: Tensor, lengths: Sequence[int] | np.ndarray) -> tuple[Memory, State]:
        """Numbers (B, S) of texts of these lengths, and the decoder's first state. Raises ShapeError for an empty text."""
        lengths = np.asarray(lengths)
        if not len(lengths) or lengths.min() < 1:
            raise ShapeError(f"Seq2Seq: every source needs at least one character, got lengths {lengths.tolist()}")
        x = self.dropout(self.source_embedding(source))
        packed, (last, _) = self.encoder(pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False))
        values, _ = pad_packed_sequence(packed, batch_first=True, total_length=source.shape[1])
        s = autograd.tanh(self.start(autograd.cat([last[0], last[1]], 1)))
        mask = autograd.from_numpy(np.arange(source.shape[1]) < lengths[:, None])
        return Memory(values, self.score.keys(values), mask), (s, autograd.zeros_like(s))

    def attend(self, s: Tensor, memory: Memory) -> tuple[Tensor, Tensor]:
        """The context (B, 2 * hidden) for a decoder's state (B, hidden), and the weights (B, heads, S)."""
        return self.score(s, memory.keys, memory.values, memory.mask)

    def forward(self, source: Tensor, lengths: Sequence[int] | np.ndarray, target: Tensor) -> tuple[Tensor, Tensor]:
        """Teacher forcing: source (B, S) and `target` (B, T), the boundary and then the right characters but the last, to the
        logits (B, T, target) and the weights (B, T, S), the mean over the heads."""
        memory, (s, c) = self.encode(source, lengths)
        words = self.dropout(self.target_embedding(target))
        if isinstance(self.score, AdditiveScore):  # all steps are one operation
            cell, width = self.decoder, words.shape[2]
            inner = F.linear(words, cell.weight_ih[:, :width], cell.bias_ih + cell.bias_hh)
            weights = self.score.query.weight, self.score.v.weight, cell.weight_ih[:, width:], cell.weight_hh
            *both, looked = F.attention_lstm(
                inner, memory.keys, memory.values, *weights, s, c, words.shape[1], memory.mask
            )
            return self.output(self.dropout(autograd.cat(both, 2))), looked
        states, contexts, looks = [], [], []
        for word in autograd.unbind(words, 1):
            context, look = self.attend(s, memory)
            s, c = self.decoder(autograd.cat([word, context], 1), (s, c))
            states.append(s)
            contexts.append(context)
            looks.append(look)
        seen = autograd.cat([autograd.stack(states, 1), autograd.stack(contexts, 1)], 2)
        logits = self.output(self.dropout(seen))
        return logits, autograd.mean(autograd.stack(looks, 1), 2)

    def translate(
        self, source: Sequence[np.ndarray], max_length: int, beam: int = 1, length_penalty: float = 0.7
    ) -> list[Translation]:
        """The best translation of each text, by greedy search or, with beam > 1, by beam search with length normalisation."""
        ids, lengths = padded(source)
        with evaluating(self):
            memory, first = self.encode(ids, lengths)
            wide = memory.repeated(beam) if beam > 1 else memory

            def step(tokens: np.ndarray, state: State) -> tuple[Tensor, State]:
                context, _ = self.attend(state[0], wide)
                word = self.target_embedding(autograd.from_numpy(tokens))
                s, c = self.decoder(autograd.cat([word, context], 1), state)
                return self.output(autograd.cat([s, context], 1)), (s, c)

            logs = [math.nan] * len(source)
            if beam > 1:
                best = [
                    texts[0] for texts in beam_search(
                        step, first, len(source), max_length, beam=beam, length_penalty=length_penalty
                    )
                ]  # fmt: skip
                found, logs = [text.ids for text in best], [text.log_probability for text in best]
            else:
                found = generate(step, first, len(source), max_length)
            # read once more to see where it looked: beams do not keep it
            inputs = [np.concatenate([[BOUNDARY], text])[:max_length] for text in found]
            maps = self(ids, lengths, padded(inputs)[0])[1].numpy()
        return [
            Translation(text, weights[: len(read), :length], log)
            for text, weights, read, length, log in zip(found, maps, inputs, lengths, logs, strict=True)
        ]
