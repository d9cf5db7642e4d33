"""Sequences of different lengths: padded to one tensor, or packed without padding, time step by time step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

import autograd
from autograd import Tensor
from autograd.errors import ShapeError


class PackedSequence(NamedTuple):
    """Sequences, longest first, without padding: `data` (sum of lengths, *) holds step 0 of all, then step 1, ...

    batch_sizes: int64 (longest length,), how many sequences still run at each step. sorted_indices: which of the given
    sequences stands at each place, unsorted_indices: where each given one stands; None where they came in order.
    """

    data: Tensor
    batch_sizes: Tensor
    sorted_indices: Tensor | None = None
    unsorted_indices: Tensor | None = None

    def to(self, *args: Any, **kwargs: Any) -> PackedSequence:
        return self._replace(data=self.data.to(*args, **kwargs))

    @property
    def is_cuda(self) -> bool:
        """False: there is no GPU here."""
        return False

    def float(self) -> PackedSequence:
        return self.to(autograd.float32)

    def double(self) -> PackedSequence:
        return self.to(autograd.float64)

    def cpu(self) -> PackedSequence:
        return self


def detach_state(state: Any) -> Any:
    """The same state (a Tensor, None, or tuples of them) without its history: what truncates backpropagation in time.

    for x, y in chunks:  # of one long sequence, in order
        output, state = layer(x, nn.utils.rnn.detach_state(state))
        loss(output, y).backward()  # reaches back to the start of this chunk
    """
    if isinstance(state, (tuple, list)):
        return tuple(detach_state(part) for part in state)
    return None if state is None else state.detach()


def invert_permutation(permutation: Tensor | None) -> Tensor | None:
    """The permutation that undoes `permutation`."""
    return None if permutation is None else autograd.tensor(np.argsort(permutation.numpy()))


def _lengths(name: str, lengths: Any) -> np.ndarray:
    found = lengths.numpy() if isinstance(lengths, Tensor) else np.asarray(lengths)
    if found.ndim != 1 or found.dtype.kind not in "iu":
        raise TypeError(f"{name}: lengths must be integers in one dimension, got {found.dtype} of shape {found.shape}")
    if not found.size or found.min() <= 0:
        raise ShapeError(f"{name}: every length must be greater than 0, got {found.tolist()}")
    return found


def pack_padded_sequence(
    input: Tensor, lengths: Any, batch_first: bool = False, enforce_sorted: bool = True
) -> PackedSequence:
    """Pack (T, B, *) (batch_first: (B, T, *)) of sequences of those lengths.

    enforce_sorted: the lengths are expected in descending order; False sorts, and undoes it when the result is padded.
    Raises ShapeError (a ValueError and RuntimeError) for lengths that do not fit.
    """
    name = "pack_padded_sequence"
    lengths = _lengths(name, lengths)
    if input.ndim < 2:
        raise ShapeError(f"{name}: expected an input of 2 or more dimensions, got shape {tuple(input.shape)}")
    x = autograd.transpose(input, 0, 1) if batch_first else input
    steps, batch = x.shape[:2]
    if len(lengths) != batch:
        raise ShapeError(f"{name}: expected {batch} lengths, one a sequence, got {len(lengths)}")
    if lengths.max() > steps:
        raise ShapeError(f"{name}: expected lengths of at most {steps}, the length of the input, got {lengths.max()}")
    order = unsorted = None
    if not enforce_sorted:
        order = np.argsort(-lengths, kind="stable")
        lengths = lengths[order]
        unsorted = autograd.tensor(np.argsort(order))
    elif (np.diff(lengths) > 0).any():
        raise ShapeError(
            f"{name}: lengths must be sorted in decreasing order when enforce_sorted is True, got {lengths.tolist()}; "
            "pass enforce_sorted=False"
        )
    sizes = (lengths[None, :] > np.arange(lengths[0])[:, None]).sum(1)
    places = np.arange(batch) if order is None else order
    rows = np.concatenate([step * batch + places[:size] for step, size in enumerate(sizes)])
    flat = autograd.reshape(x, (steps * batch, *x.shape[2:]))
    data = autograd.index_select(flat, 0, autograd.tensor(rows))
    return PackedSequence(data, autograd.tensor(sizes), None if order is None else autograd.tensor(order), unsorted)


def pad_packed_sequence(
    sequence: PackedSequence, batch_first: bool = False, padding_value: float = 0.0, total_length: int | None = None
) -> tuple[Tensor, Tensor]:
    """The packed sequences padded to (T, B, *) (batch_first: (B, T, *)), in the order given, and their lengths.

    total_length: T, where it should be longer than the longest sequence.
    """
    data, batch_sizes, _, unsorted = sequence
    sizes = batch_sizes.numpy()
    steps, batch = len(sizes), int(sizes[0])
    if total_length is not None:
        if total_length < steps:
            raise ShapeError(f"pad_packed_sequence: expected total_length of at least {steps}, got {total_length}")
        steps = total_length
    rows = np.full((steps, batch), len(data))  # one row behind the data holds the padding
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    for step, (start, size) in enumerate(zip(starts, sizes, strict=True)):
        rows[step, :size] = start + np.arange(size)
    lengths = (sizes[:, None] > np.arange(batch)[None, :]).sum(0)
    if unsorted is not None:
        places = unsorted.numpy()
        rows, lengths = rows[:, places], lengths[places]
    padding = autograd.full((1, *data.shape[1:]), padding_value, dtype=data.dtype)
    flat = autograd.index_select(autograd.cat([data, padding]), 0, autograd.tensor(rows.reshape(-1)))
    padded = autograd.reshape(flat, (steps, batch, *data.shape[1:]))
    return (autograd.transpose(padded, 0, 1) if batch_first else padded), autograd.tensor(lengths)


def pad_sequence(
    sequences: Sequence[Tensor], batch_first: bool = False, padding_value: float = 0.0, padding_side: str = "right"
) -> Tensor:
    """Sequences (L_i, *) padded to one tensor (longest L, B, *), or (B, longest L, *) with batch_first."""
    if padding_side not in ("left", "right"):
        raise ValueError(f"pad_sequence: padding_side must be left or right, got {padding_side!r}")
    sequences = list(sequences)
    if not sequences:
        raise ShapeError("pad_sequence: expected at least one sequence, got none")
    longest = max(len(s) for s in sequences)
    padded = []
    for s in sequences:
        filler = autograd.full((longest - len(s), *s.shape[1:]), padding_value, dtype=s.dtype)
        padded.append(autograd.cat([s, filler] if padding_side == "right" else [filler, s]))
    return autograd.stack(padded, 0 if batch_first else 1)


def pack_sequence(sequences: Sequence[Tensor], enforce_sorted: bool = True) -> PackedSequence:
    """Sequences (L_i, *) packed."""
    sequences = list(sequences)
    return pack_padded_sequence(pad_sequence(sequences), [len(s) for s in sequences], False, enforce_sorted)


def unpad_sequence(padded_sequences: Tensor, lengths: Any, batch_first: bool = False) -> list[Tensor]:
    """The sequences (L_i, *) of a padded tensor."""
    x = padded_sequences if batch_first else autograd.transpose(padded_sequences, 0, 1)
    lengths = _lengths("unpad_sequence", lengths)
    return [autograd.narrow(s, 0, 0, int(n)) for s, n in zip(autograd.unbind(x), lengths, strict=True)]


def unpack_sequence(packed_sequences: PackedSequence) -> list[Tensor]:
    """The sequences (L_i, *) of a packed one."""
    padded, lengths = pad_packed_sequence(packed_sequences, batch_first=True)
    return unpad_sequence(padded, lengths, batch_first=True)
