"""Data sets: what an index means."""

from __future__ import annotations

import bisect
import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Generic, TypeVar

import numpy as np

import autograd
from autograd.errors import CheckedError, RangeError, ShapeError
from nn.data.sampler import RandomSource, numpy_generator, random_source

Sample = TypeVar("Sample", covariant=True)


class Dataset(Generic[Sample]):
    """A map from an index to a sample. Subclasses define `__getitem__` and `__len__`.

    A subclass that can fetch many samples at once may define `__getitems__(indices) -> list of samples`.
    """

    def __getitem__(self, index: Any) -> Any:
        raise NotImplementedError(f"{type(self).__name__}: a Dataset must define __getitem__")

    def __add__(self, other: Dataset) -> ConcatDataset:
        return ConcatDataset([self, other])


class IterableDataset(Dataset[Sample]):
    """A stream of samples. Subclasses define `__iter__`, and `__len__` where the length is known."""

    def __iter__(self) -> Iterator[Any]:
        raise NotImplementedError(f"{type(self).__name__}: an IterableDataset must define __iter__")

    def __add__(self, other: Any) -> ChainDataset:  # type: ignore[override]
        return ChainDataset([self, other])


class TensorDataset(Dataset[tuple[autograd.Tensor, ...]]):
    """Sample i is the tuple of row i of every tensor. ndarrays are taken too, sharing their memory.

    Shapes: (N, ...) each, with one N. Errors: ValueError for different N, TypeError for anything but tensors.
    """

    def __init__(self, *tensors: Any) -> None:
        if not tensors:
            raise ValueError("TensorDataset: expected at least one tensor, got none")
        wrapped: list[Any] = []
        for position, tensor in enumerate(tensors):
            if isinstance(tensor, np.ndarray):
                tensor = autograd.from_numpy(tensor)
            if not isinstance(tensor, autograd.Tensor):
                raise TypeError(
                    f"TensorDataset: argument {position} is a {type(tensor).__name__}, expected a Tensor or "
                    "an ndarray; wrap it in autograd.tensor(...)"
                )
            if tensor.dim() == 0:
                raise ShapeError(f"TensorDataset: argument {position} is 0-dim, expected a first axis of samples")
            wrapped.append(tensor)
        self.tensors = tuple(wrapped)
        lengths = [tensor.shape[0] for tensor in self.tensors]
        if len(set(lengths)) > 1:
            raise CheckedError(f"TensorDataset: the tensors have {lengths} samples, expected the same number in each")

    def __getitem__(self, index: Any) -> tuple[Any, ...]:
        return tuple(tensor[index] for tensor in self.tensors)

    def __len__(self) -> int:
        return int(self.tensors[0].shape[0])


class Subset(Dataset[Sample]):
    """The samples of `dataset` at `indices`, in that order."""

    def __init__(self, dataset: Any, indices: Sequence[int]) -> None:
        self.dataset = dataset
        self.indices = indices

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, list):
            return self.dataset[[self.indices[i] for i in index]]
        return self.dataset[self.indices[index]]

    def __len__(self) -> int:
        return len(self.indices)


class ConcatDataset(Dataset[Sample]):
    """Several data sets end to end."""

    def __init__(self, datasets: Iterable[Any]) -> None:
        self.datasets = list(datasets)
        if not self.datasets:
            raise ValueError("ConcatDataset: expected at least one data set, got none")
        for dataset in self.datasets:
            if isinstance(dataset, IterableDataset):
                raise TypeError("ConcatDataset: an IterableDataset has no indices; ChainDataset takes streams")
        self.cumulative_sizes = list(itertools.accumulate(len(dataset) for dataset in self.datasets))

    def __getitem__(self, index: int) -> Any:
        if not -len(self) <= index < len(self):
            raise RangeError(f"ConcatDataset: index {index} is out of range for {len(self)} samples")
        index %= len(self)
        which = bisect.bisect_right(self.cumulative_sizes, index)
        return self.datasets[which][index - (self.cumulative_sizes[which - 1] if which else 0)]

    def __len__(self) -> int:
        return self.cumulative_sizes[-1]


class StackDataset(Dataset[Sample]):
    """Sample i is the tuple of sample i of every data set; with keywords a dict of them. Errors: ValueError for lengths."""

    def __init__(self, *datasets: Any, **named: Any) -> None:
        if bool(datasets) == bool(named):
            raise ValueError("StackDataset: expected data sets either by position or by name")
        self.datasets: Any = named or datasets
        lengths = [len(dataset) for dataset in (named.values() if named else datasets)]
        if len(set(lengths)) > 1:
            raise ValueError(f"StackDataset: the data sets have {lengths} samples, expected the same number in each")
        self._length = lengths[0]

    def __getitem__(self, index: Any) -> Any:
        if isinstance(self.datasets, dict):
            return {name: dataset[index] for name, dataset in self.datasets.items()}
        return tuple(dataset[index] for dataset in self.datasets)

    def __len__(self) -> int:
        return self._length


class ChainDataset(IterableDataset):
    """Several streams one after another."""

    def __init__(self, datasets: Iterable[Any]) -> None:
        self.datasets = datasets

    def __iter__(self) -> Iterator[Any]:
        for dataset in self.datasets:
            if not isinstance(dataset, IterableDataset):
                raise TypeError("ChainDataset: only IterableDatasets can be chained; ConcatDataset takes the others")
            yield from dataset

    def __len__(self) -> int:
        return sum(len(dataset) for dataset in self.datasets)


def random_split(dataset: Any, lengths: Sequence[float], generator: RandomSource = None) -> list[Subset]:
    """Split a data set at random into parts of the given lengths, or of fractions that sum to 1.

    Fractions are rounded down and the rest is dealt one by one from the first part on, as torch does it.
    Errors: ValueError for lengths that are negative or do not sum to the data set's.
    """
    size, total = len(dataset), sum(lengths)
    if any(length < 0 for length in lengths):
        raise ValueError(f"random_split: lengths must not be negative, got {list(lengths)}")
    if math.isclose(total, 1) and total <= 1:
        counts = [math.floor(size * fraction) for fraction in lengths]
        for i in range(size - sum(counts)):
            counts[i % len(counts)] += 1
    elif total == size and all(length == int(length) for length in lengths):
        counts = [int(length) for length in lengths]
    else:
        raise ValueError(f"random_split: lengths {list(lengths)} must sum to {size}, the data set's length, or to 1")
    order = numpy_generator(random_source(generator)).permutation(size).tolist()
    return [Subset(dataset, order[end - n : end]) for end, n in zip(itertools.accumulate(counts), counts, strict=True)]


def whole_batch(dataset: Any, indices: Sequence[Any]) -> list[Any] | None:
    """A collated batch by one fancy index a tensor; None where samples must be fetched one by one.

    Subclasses may have changed `__getitem__`, so only the exact types take this way.
    """
    while type(dataset) is Subset:
        indices = [dataset.indices[i] for i in indices]
        dataset = dataset.dataset
    if type(dataset) is not TensorDataset:
        return None
    index = np.array([int(i) for i in indices], dtype=np.int64)
    return [tensor[index] for tensor in dataset.tensors]
