"""Softmax over many classes in clusters by frequency."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Sequence
from typing import Any

import autograd
from autograd import Tensor
from autograd.errors import RangeError, ShapeError

from . import functional as F
from .container import ModuleList, Sequential
from .linear import Linear
from .module import Module

ASMoutput = namedtuple("ASMoutput", "output loss")


class AdaptiveLogSoftmaxWithLoss(Module):
    """Log-probabilities of n_classes, sorted by frequency: a head of the most frequent, and clusters behind one entry each.

    cutoffs: where the clusters begin, ascending. Cluster i works on in_features / div_value ** (i + 1) features. Called
    with input (N, in_features) and target (N,), or without N, it returns (output, loss): the target's log-probability and
    the mean of its negatives. Raises RangeError for targets outside 0 to n_classes - 1. Grave et al., arXiv:1609.04309.

    >>> layer = nn.AdaptiveLogSoftmaxWithLoss(8, 20, cutoffs=[5, 10])
    >>> layer(autograd.ones(3, 8), autograd.tensor([0, 7, 19])).output.shape
    Size([3])
    """

    def __init__(
        self,
        in_features: int,
        n_classes: int,
        cutoffs: Sequence[int],
        div_value: float = 4.0,
        head_bias: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        cutoffs = list(cutoffs)
        if not cutoffs:
            raise ValueError("AdaptiveLogSoftmaxWithLoss: cutoffs should be a sequence of length larger than 0")
        rising = all(isinstance(c, int) for c in cutoffs) and cutoffs == sorted(set(cutoffs))
        if not rising or min(cutoffs) <= 0 or max(cutoffs) > n_classes - 1:
            raise ValueError(
                "AdaptiveLogSoftmaxWithLoss: cutoffs should be a sequence of unique, positive integers sorted in an "
                f"increasing order, where each value is between 1 and n_classes-1 = {n_classes - 1}; got {cutoffs}"
            )
        self.in_features, self.n_classes, self.div_value = in_features, n_classes, div_value
        self.cutoffs = [*cutoffs, n_classes]
        self.head_bias = head_bias
        self.shortlist_size = cutoffs[0]
        self.n_clusters = len(cutoffs)
        self.head_size = self.shortlist_size + self.n_clusters
        kind = {"device": device, "dtype": dtype}
        self.head = Linear(in_features, self.head_size, head_bias, **kind)
        self.tail = ModuleList()
        for i in range(self.n_clusters):
            hidden = int(in_features // div_value ** (i + 1))
            size = self.cutoffs[i + 1] - self.cutoffs[i]
            self.tail.append(
                Sequential(Linear(in_features, hidden, False, **kind), Linear(hidden, size, False, **kind))
            )

    def reset_parameters(self) -> None:
        """Draw the initial values anew."""
        self.head.reset_parameters()
        for cluster in self.tail:
            for layer in cluster.children():
                layer.reset_parameters()

    def forward(self, input: Tensor, target: Tensor) -> ASMoutput:
        single = target.ndim == 0
        if input.ndim != target.ndim + 1 or target.ndim > 1 or (not single and len(input) != len(target)):
            raise ShapeError(
                f"AdaptiveLogSoftmaxWithLoss: expected input (N, {self.in_features}) and target (N,), or both without N; "
                f"got {tuple(input.shape)} and {tuple(target.shape)}"
            )
        x = input.unsqueeze(0) if single else input
        labels = target.reshape(-1).numpy_view()
        if labels.size and not (labels.min() >= 0 and labels.max() < self.n_classes):
            raise RangeError(
                f"AdaptiveLogSoftmaxWithLoss: target values should be in [0, {self.n_classes - 1}], "
                f"got {labels.min()} to {labels.max()}"
            )
        head = F.log_softmax(self.head(x), 1)
        edges = [0, *self.cutoffs]
        found, parts = [], []
        for i, (low, high) in enumerate(zip(edges, edges[1:], strict=False)):
            rows = autograd.tensor(((labels >= low) & (labels < high)).nonzero()[0])
            if not len(rows):
                continue
            inside = autograd.tensor(labels[rows.numpy_view()] - low).unsqueeze(1)
            among = head.index_select(0, rows)
            if i == 0:
                part = among.gather(1, inside)
            else:
                local = F.log_softmax(self.tail[i - 1](x.index_select(0, rows)), 1)
                part = among[:, self.shortlist_size + i - 1 : self.shortlist_size + i] + local.gather(1, inside)
            found.append(rows)
            parts.append(part.squeeze(1))
        output = (
            x.new_zeros(len(x)).index_copy(0, autograd.cat(found), autograd.cat(parts)) if parts else x.new_zeros(0)
        )
        loss = -output.mean()
        return ASMoutput(output.squeeze(0) if single else output, loss)

    def log_prob(self, input: Tensor) -> Tensor:
        """The log-probabilities of all classes: (N, n_classes) of input (N, in_features)."""
        head = F.log_softmax(self.head(input), 1)
        parts = [head[:, : self.shortlist_size]]
        for i, cluster in enumerate(self.tail):
            at = self.shortlist_size + i
            parts.append(head[:, at : at + 1] + F.log_softmax(cluster(input), 1))
        return autograd.cat(parts, 1)

    def predict(self, input: Tensor) -> Tensor:
        """The most probable class of each row of input (N, in_features), or of one without N."""
        return self.log_prob(input).argmax(1) if input.ndim > 1 else self.log_prob(input.unsqueeze(0)).argmax(1)[0]
