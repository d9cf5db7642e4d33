"""Samplers: in which order a data set is read."""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Iterable, Iterator, Sequence, Sized
from typing import Any, Generic, TypeVar

import numpy as np

import autograd
from autograd.random import current_stream

RandomSource = Any
"""What `generator=` takes: None for the default generator, an autograd.Generator, a numpy Generator, or a seed."""


def random_source(generator: RandomSource) -> RandomSource:
    """`generator` as it is kept: a seed becomes one stream that goes on, anything unknown is a TypeError."""
    if isinstance(generator, (int, np.integer)) and not isinstance(generator, bool):
        made = np.random.default_rng(int(generator))
        if (stream := current_stream()) is not None:
            stream.derived[id(made)] = made  # this piece of work's own, shared with no other
        return made
    if generator is None or isinstance(getattr(generator, "rng", generator), np.random.Generator):
        return generator
    raise TypeError(
        f"generator: expected an autograd.Generator, a numpy Generator, a seed or None, got {type(generator).__name__}"
    )


def numpy_generator(source: RandomSource) -> np.random.Generator:
    """The numpy generator of a source at this moment: `manual_seed` gives a Generator a new one.

    While a loader fetches a sample, what is drawn depends on the epoch and the sample's place in it alone: a source of
    its own then gives a stream made of its state and that place, so threads and processes need not share it.
    """
    stream = current_stream()
    if stream is None or not stream.apart or source is None or source is autograd.random.default_generator:
        source = autograd.random.default_generator if source is None else source
        return source if isinstance(source, np.random.Generator) else source.rng
    if id(source) not in stream.derived:
        state = zlib.crc32(repr(generator_state(source)).encode())
        stream.derived[id(source)] = np.random.Generator(np.random.PCG64((*stream.entropy, 1 + state)))
    return stream.derived[id(source)]


def generator_state(source: RandomSource) -> Any:
    """Where a source stands, as something `autograd.save` can write."""
    source = autograd.random.default_generator if source is None else source
    return (source if isinstance(source, np.random.Generator) else source.rng).bit_generator.state


def set_generator_state(source: RandomSource, state: Any) -> None:
    """Put a source back to where `generator_state` found it. Raises ValueError where the state is not one of its kind."""
    source = autograd.random.default_generator if source is None else source
    generator = (source if isinstance(source, np.random.Generator) else source.rng).bit_generator
    try:
        generator.state = _arrays(state)
    except (TypeError, KeyError, ValueError) as error:
        raise ValueError(
            f"random state: {type(generator).__name__} cannot stand where the saved state says ({error}); "
            "make the generators as in the run that saved it"
        ) from None


def _arrays(state: Any) -> Any:
    """A loaded state with ndarrays again where `autograd.save` made Tensors of them."""
    if isinstance(state, dict):
        return {key: _arrays(value) for key, value in state.items()}
    return state.numpy() if isinstance(state, autograd.Tensor) else state


def _check_count(where: str, name: str, value: Any) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value <= 0:
        hint = "; the data set is empty" if value == 0 and name == "num_samples" else ""
        raise ValueError(f"{where}: {name} should be a positive integer value, but got {name}={value!r}{hint}")


def _check_bool(where: str, name: str, value: Any) -> None:
    if not isinstance(value, bool):
        raise TypeError(f"{where}: {name} should be a boolean value, but got {name}={value!r}")


Index = TypeVar("Index", covariant=True)


class Sampler(Generic[Index]):
    """An iterable of indices. Subclasses define `__iter__`, and `__len__` where it is known."""

    def __iter__(self) -> Iterator[Any]:
        raise NotImplementedError(f"{type(self).__name__}: a Sampler must define __iter__")


class SequentialSampler(Sampler[int]):
    """0, 1, 2, ..."""

    def __init__(self, data_source: Sized) -> None:
        self.data_source = data_source

    def __iter__(self) -> Iterator[int]:
        return iter(range(len(self.data_source)))

    def __len__(self) -> int:
        return len(self.data_source)


class RandomSampler(Sampler[int]):
    """Every index once in random order, or `num_samples` draws with replacement.

    Without replacement, more samples than the data set has are drawn as whole permutations one after another.
    """

    def __init__(
        self,
        data_source: Sized,
        replacement: bool = False,
        num_samples: int | None = None,
        generator: RandomSource = None,
    ) -> None:
        self.data_source = data_source
        self.replacement = replacement
        self._num_samples = num_samples
        self.generator = random_source(generator)
        _check_bool("RandomSampler", "replacement", replacement)
        _check_count("RandomSampler", "num_samples", self.num_samples)

    @property
    def num_samples(self) -> int:
        return len(self.data_source) if self._num_samples is None else self._num_samples

    def __iter__(self) -> Iterator[int]:
        rng, n, wanted = numpy_generator(self.generator), len(self.data_source), self.num_samples
        if self.replacement:
            yield from rng.integers(n, size=wanted).tolist()
            return
        # All at once: others may draw from the same generator while the epoch runs.
        rounds = [rng.permutation(n)[: wanted - start] for start in range(0, wanted, n)]
        for order in rounds:
            yield from order.tolist()

    def __len__(self) -> int:
        return self.num_samples


class SubsetRandomSampler(Sampler[int]):
    """The given indices, each once, in random order."""

    def __init__(self, indices: Sequence[int], generator: RandomSource = None) -> None:
        self.indices = indices
        self.generator = random_source(generator)

    def __iter__(self) -> Iterator[int]:
        for i in numpy_generator(self.generator).permutation(len(self.indices)).tolist():
            yield self.indices[i]

    def __len__(self) -> int:
        return len(self.indices)


class WeightedRandomSampler(Sampler[int]):
    """`num_samples` indices drawn with probability proportional to `weights`.

    Errors: ValueError for weights that are negative, not finite, all zero, or (without replacement) too few above zero.
    """

    def __init__(
        self,
        weights: Sequence[float],
        num_samples: int,
        replacement: bool = True,
        generator: RandomSource = None,
    ) -> None:
        _check_count("WeightedRandomSampler", "num_samples", num_samples)
        _check_bool("WeightedRandomSampler", "replacement", replacement)
        values = np.asarray(weights, dtype=np.float64)
        if values.ndim != 1:
            raise ValueError(f"WeightedRandomSampler: weights should be a 1d sequence but have shape {values.shape}")
        if not np.isfinite(values).all() or (values < 0).any() or not values.any():
            raise ValueError("WeightedRandomSampler: weights must be finite, not negative, and not all zero")
        if not replacement and num_samples > np.count_nonzero(values):
            raise ValueError(
                f"WeightedRandomSampler: cannot draw {num_samples} samples without replacement from "
                f"{np.count_nonzero(values)} weights above zero; pass replacement=True or fewer num_samples"
            )
        self.weights = values
        self.num_samples = num_samples
        self.replacement = replacement
        self.generator = random_source(generator)

    def __iter__(self) -> Iterator[int]:
        rng = numpy_generator(self.generator)
        share = self.weights / self.weights.max()  # no overflow in the sum
        draws = rng.choice(len(share), size=self.num_samples, replace=self.replacement, p=share / share.sum())
        return iter(draws.tolist())

    def __len__(self) -> int:
        return self.num_samples


class BatchSampler(Sampler[list[int]]):
    """Lists of `batch_size` indices of another sampler.

    >>> list(BatchSampler(SequentialSampler(range(10)), batch_size=4, drop_last=False))
    [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    """

    def __init__(self, sampler: Iterable[Any], batch_size: int, drop_last: bool) -> None:
        _check_count("BatchSampler", "batch_size", batch_size)
        _check_bool("BatchSampler", "drop_last", drop_last)
        self.sampler = sampler
        self.batch_size = batch_size
        self.drop_last = drop_last

    def __iter__(self) -> Iterator[list[Any]]:
        indices = iter(self.sampler)
        while batch := list(itertools.islice(indices, self.batch_size)):
            if self.drop_last and len(batch) < self.batch_size:
                return
            yield batch

    def __len__(self) -> int:
        size = len(self.sampler)  # type: ignore[arg-type]  # a sampler without a length is a TypeError here
        return size // self.batch_size if self.drop_last else -(-size // self.batch_size)


class DistributedSampler(Sampler[Index]):
    """The part of the indices that belongs to process `rank` of `num_replicas`, the same number for each.

    shuffle: in an order that `seed` and `set_epoch` determine. drop_last: leave out a remainder, or else begin again at the
    front so that all get as many. Raises RuntimeError without num_replicas and rank, for there are no process groups here.

    >>> list(nn.data.DistributedSampler(range(5), num_replicas=2, rank=1, shuffle=False))
    [1, 3, 0]
    """

    def __init__(
        self,
        dataset: Any,
        num_replicas: int | None = None,
        rank: int | None = None,
        shuffle: bool = True,
        seed: int = 0,
        drop_last: bool = False,
    ) -> None:
        if num_replicas is None or rank is None:
            raise RuntimeError("DistributedSampler: there are no process groups here; give num_replicas and rank")
        if not 0 <= rank < num_replicas:
            raise ValueError(f"DistributedSampler: rank must be in [0, {num_replicas}), got {rank}")
        self.dataset, self.num_replicas, self.rank = dataset, num_replicas, rank
        self.shuffle, self.seed, self.drop_last, self.epoch = shuffle, seed, drop_last, 0
        rest = len(dataset) % num_replicas
        whole = len(dataset) // num_replicas
        self.num_samples = whole + (1 if rest and not drop_last else 0)
        self.total_size = self.num_samples * num_replicas

    def __iter__(self) -> Iterator[int]:
        n = len(self.dataset)
        order = (
            np.random.Generator(np.random.PCG64(self.seed + self.epoch)).permutation(n) if self.shuffle else range(n)
        )
        indices = [int(order[k % n]) for k in range(self.total_size)]
        return iter(indices[self.rank :: self.num_replicas])

    def __len__(self) -> int:
        return self.num_samples

    def set_epoch(self, epoch: int) -> None:
        """Say which epoch comes, so that each has an order of its own."""
        self.epoch = epoch
