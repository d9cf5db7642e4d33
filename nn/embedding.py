"""Tables of vectors looked up by index."""

from __future__ import annotations

from typing import Any

from autograd import Tensor, no_grad
from autograd.errors import ShapeError

from . import functional as F
from . import init
from .linear import parameter
from .module import Module
from .parameter import Parameter


class _Table(Module):
    """What Embedding and EmbeddingBag share: the weight, its padding row and its initial values."""

    num_embeddings: int
    embedding_dim: int
    padding_idx: int | None

    def _make(self, weight: Tensor | None, padding_idx: int | None, device: Any, dtype: Any) -> None:
        name, rows = type(self).__name__, self.num_embeddings
        if padding_idx is not None:
            if not -rows <= padding_idx < rows:
                raise ValueError(f"{name}: padding_idx must be within num_embeddings ({rows}), got {padding_idx}")
            padding_idx %= rows
        self.padding_idx = padding_idx
        if weight is None:
            self.weight = parameter(rows, self.embedding_dim, device=device, dtype=dtype)
            self.reset_parameters()
        else:
            if tuple(weight.shape) != (rows, self.embedding_dim):
                raise ShapeError(
                    f"{name}: the weight must be (num_embeddings, embedding_dim) = {(rows, self.embedding_dim)}, "
                    f"got {tuple(weight.shape)}"
                )
            self.weight = Parameter(weight)

    def reset_parameters(self) -> None:
        """Normal with mean 0 and standard deviation 1; the padding row 0."""
        init.normal_(self.weight)
        if self.padding_idx is not None:
            with no_grad():
                self.weight[self.padding_idx] = 0.0


class Embedding(_Table):
    """Row i of the weight for each index i: (*) of integers to (*, embedding_dim).

    padding_idx: a row that starts at 0 and gets no gradient. max_norm: rows looked up whose `norm_type`-norm is larger
    are scaled down to it, in the weight itself. scale_grad_by_freq: gradients divided by how often the index occurs.
    sparse: the weight's gradient is SparseRows. weight (num_embeddings, embedding_dim) starts normal (0, 1).

    >>> nn.Embedding(10, 3)(autograd.tensor([1, 4])).shape
    Size([2, 3])
    """

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None = None,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        sparse: bool = False,
        _weight: Tensor | None = None,
        _freeze: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.num_embeddings, self.embedding_dim = num_embeddings, embedding_dim
        self.max_norm, self.norm_type = max_norm, norm_type
        self.scale_grad_by_freq, self.sparse = scale_grad_by_freq, sparse
        self._make(_weight, padding_idx, device, dtype)
        if _freeze:
            self.weight.requires_grad_(False)

    @classmethod
    def from_pretrained(
        cls,
        embeddings: Tensor,
        freeze: bool = True,
        padding_idx: int | None = None,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        sparse: bool = False,
    ) -> Embedding:
        """A layer on the memory of `embeddings` (rows, dim); freeze: its weight is not trained."""
        if embeddings.ndim != 2:
            raise ShapeError(f"Embedding.from_pretrained: expected 2 dimensions, got shape {tuple(embeddings.shape)}")
        rows, dim = embeddings.shape
        return cls(rows, dim, padding_idx, max_norm, norm_type, scale_grad_by_freq, sparse, embeddings, freeze)

    def forward(self, input: Tensor) -> Tensor:
        return F.embedding(
            input, self.weight, self.padding_idx, self.max_norm, self.norm_type, self.scale_grad_by_freq, self.sparse
        )

    def extra_repr(self) -> str:
        parts = [f"{self.num_embeddings}, {self.embedding_dim}"]
        parts += [f"padding_idx={self.padding_idx}"] if self.padding_idx is not None else []
        parts += [f"max_norm={self.max_norm}"] if self.max_norm is not None else []
        parts += [f"norm_type={self.norm_type}"] if self.norm_type != 2 else []
        parts += [f"scale_grad_by_freq={self.scale_grad_by_freq}"] if self.scale_grad_by_freq else []
        parts += ["sparse=True"] if self.sparse else []
        return ", ".join(parts)


class EmbeddingBag(_Table):
    """Sum, mean or maximum of the rows of each bag of indices, to (bags, embedding_dim).

    Input (bags, n): each row a bag; or (n,) with `offsets` (bags,), where each bag starts (include_last_offset: and one
    more, where the last ends). per_sample_weights: factors of the rows, mode "sum" only. The other settings are
    Embedding's. weight (num_embeddings, embedding_dim) starts normal (0, 1).

    >>> nn.EmbeddingBag(10, 3)(autograd.tensor([[1, 4]])).shape
    Size([1, 3])
    """

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        mode: str = "mean",
        sparse: bool = False,
        _weight: Tensor | None = None,
        include_last_offset: bool = False,
        padding_idx: int | None = None,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        if mode not in ("sum", "mean", "max"):
            raise ValueError(f"EmbeddingBag: mode must be sum, mean or max, got {mode!r}")
        self.num_embeddings, self.embedding_dim = num_embeddings, embedding_dim
        self.max_norm, self.norm_type = max_norm, norm_type
        self.scale_grad_by_freq, self.sparse = scale_grad_by_freq, sparse
        self.mode, self.include_last_offset = mode, include_last_offset
        self._make(_weight, padding_idx, device, dtype)

    @classmethod
    def from_pretrained(
        cls,
        embeddings: Tensor,
        freeze: bool = True,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        mode: str = "mean",
        sparse: bool = False,
        include_last_offset: bool = False,
        padding_idx: int | None = None,
    ) -> EmbeddingBag:
        """A layer on the memory of `embeddings` (rows, dim); freeze: its weight is not trained."""
        if embeddings.ndim != 2:
            raise ShapeError(
                f"EmbeddingBag.from_pretrained: expected 2 dimensions, got shape {tuple(embeddings.shape)}"
            )
        rows, dim = embeddings.shape
        bag = cls(
            rows,
            dim,
            max_norm,
            norm_type,
            scale_grad_by_freq,
            mode,
            sparse,
            embeddings,
            include_last_offset,
            padding_idx,
        )
        bag.weight.requires_grad_(not freeze)
        return bag

    def forward(self, input: Tensor, offsets: Tensor | None = None, per_sample_weights: Tensor | None = None) -> Tensor:
        return F.embedding_bag(
            input,
            self.weight,
            offsets,
            self.max_norm,
            self.norm_type,
            self.scale_grad_by_freq,
            self.mode,
            self.sparse,
            per_sample_weights,
            self.include_last_offset,
            self.padding_idx,
        )

    def extra_repr(self) -> str:
        parts = [f"{self.num_embeddings}, {self.embedding_dim}"]
        parts += [f"max_norm={self.max_norm}"] if self.max_norm is not None else []
        parts += [f"norm_type={self.norm_type}"] if self.norm_type != 2 else []
        parts += [f"scale_grad_by_freq={self.scale_grad_by_freq}"] if self.scale_grad_by_freq else []
        parts += [f"mode={self.mode!r}"]
        parts += [f"padding_idx={self.padding_idx}"] if self.padding_idx is not None else []
        return ", ".join(parts)
