"""DataLoader: batches of a data set, fetched ahead by threads."""

from __future__ import annotations

import itertools
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np

import autograd
from autograd.errors import ShapeError
from nn.data.dataset import IterableDataset, whole_batch
from nn.data.sampler import BatchSampler, RandomSampler, RandomSource, SequentialSampler


def default_convert(sample: Any) -> Any:
    """Make every ndarray in a sample a Tensor; containers keep their kind, everything else stays as it is."""
    if isinstance(sample, (np.ndarray, np.generic)) and sample.dtype.kind in "biuf":
        return autograd.as_tensor(sample)
    if isinstance(sample, Mapping):
        return {key: default_convert(value) for key, value in sample.items()}
    if isinstance(sample, tuple) and hasattr(sample, "_fields"):
        return type(sample)(*map(default_convert, sample))
    if isinstance(sample, (list, tuple)):
        return [default_convert(value) for value in sample]
    return sample


def default_collate(batch: Sequence[Any]) -> Any:
    """Stack a list of samples into one batch, as torch does it.

    Tensors, ndarrays and numbers gain a first axis (Python floats become float64); mappings, sequences and named tuples
    are collated field by field, a tuple becoming a list; strings stay a list.
    Errors: TypeError for any other kind, ValueError for shapes or lengths that differ.
    """
    first = batch[0]
    if isinstance(first, (autograd.Tensor, np.ndarray)):
        shapes = {tuple(sample.shape) for sample in batch}
        if len(shapes) > 1:
            raise ShapeError(
                f"default_collate: samples of shapes {sorted(shapes)} do not stack; "
                "pad them in the data set or pass collate_fn"
            )
        if isinstance(first, np.ndarray):
            return autograd.from_numpy(np.stack(batch))
        return autograd.stack(list(batch))
    if isinstance(first, (bool, int, np.generic)):
        return autograd.as_tensor(np.asarray(batch))
    if isinstance(first, float):
        return autograd.as_tensor(np.asarray(batch, dtype=np.float64))
    if isinstance(first, (str, bytes)):
        return batch
    if isinstance(first, Mapping):
        return {key: default_collate([sample[key] for sample in batch]) for key in first}
    if isinstance(first, (list, tuple)):
        if any(len(sample) != len(first) for sample in batch):
            lengths = sorted({len(sample) for sample in batch})
            raise ShapeError(
                f"default_collate: each sample in a batch should have the same number of fields, got {lengths}"
            )
        fields = [default_collate(field) for field in zip(*batch, strict=True)]
        return type(first)(*fields) if hasattr(first, "_fields") else fields
    raise TypeError(
        "default_collate: a batch must contain tensors, ndarrays, numbers, strings, mappings or sequences; "
        f"found {type(first).__name__}; pass collate_fn"
    )


class DataLoader:
    """Iterate over a data set in batches. Names, defaults and exclusions are torch's, except where said here.

    `num_workers` counts threads, not processes: nothing is pickled, samples are fetched `prefetch_factor` batches a
    worker ahead, batches come in the sampler's order, and an exception in a worker is raised where its batch was due.
    Indices are drawn in the calling thread, so the order does not depend on the number of workers; a data set that
    draws random numbers itself should derive them from the index. An IterableDataset is read ahead by one thread and
    never duplicated. A TensorDataset (or a Subset of one) is sliced a batch at a time. `pin_memory` and
    `persistent_workers` are accepted and do nothing: memory is the host's, and a thread costs little to start.

    Errors: ValueError for an empty data set, bad sizes, or options that exclude each other.
    """

    def __init__(
        self,
        dataset: Any,
        batch_size: int | None = 1,
        shuffle: bool | None = None,
        sampler: Iterable[Any] | None = None,
        batch_sampler: Iterable[Sequence[Any]] | None = None,
        num_workers: int = 0,
        collate_fn: Callable[[list[Any]], Any] | None = None,
        pin_memory: bool = False,
        drop_last: bool = False,
        *,
        worker_init_fn: Callable[[int], None] | None = None,
        generator: RandomSource = None,
        prefetch_factor: int | None = None,
        persistent_workers: bool = False,
    ) -> None:
        if not isinstance(num_workers, int) or num_workers < 0:
            raise ValueError(
                f"DataLoader: num_workers should be a non-negative integer, got {num_workers!r}; use 0 for no threads"
            )
        if prefetch_factor is not None and (num_workers == 0 or prefetch_factor < 1):
            raise ValueError(
                f"DataLoader: prefetch_factor={prefetch_factor} needs num_workers > 0 and a positive value; "
                "leave it out"
            )
        streamed = isinstance(dataset, IterableDataset)
        if streamed:
            for name, value in (("shuffle", shuffle or None), ("sampler", sampler), ("batch_sampler", batch_sampler)):
                if value is not None:
                    raise ValueError(
                        f"DataLoader with IterableDataset: expected unspecified {name} option, but got {name}={value!r}"
                    )
        if sampler is not None and shuffle:
            raise ValueError("DataLoader: sampler option is mutually exclusive with shuffle")
        if batch_sampler is not None:
            if batch_size != 1 or shuffle or sampler is not None or drop_last:
                raise ValueError(
                    "DataLoader: batch_sampler option is mutually exclusive with "
                    "batch_size, shuffle, sampler, and drop_last"
                )
            batch_size = None
        elif batch_size is None and drop_last:
            raise ValueError(
                "DataLoader: batch_size=None option disables auto-batching and is mutually exclusive with drop_last"
            )
        if not streamed:
            if sampler is None and batch_sampler is None and len(dataset) == 0:
                raise ValueError(
                    "DataLoader: the data set is empty (num_samples=0); check the path or the split it came from"
                )
            if sampler is None and batch_sampler is None:
                sampler = RandomSampler(dataset, generator=generator) if shuffle else SequentialSampler(dataset)
        if batch_size is not None:
            # Of a stream only the checks and the length are used.
            batch_sampler = BatchSampler(dataset if sampler is None else sampler, batch_size, drop_last)
        if collate_fn is None:
            collate_fn = default_convert if batch_sampler is None else default_collate
        self.dataset = dataset
        self.batch_size = batch_size
        self.sampler = sampler
        self.batch_sampler = batch_sampler
        self.num_workers = num_workers
        self.collate_fn = collate_fn
        self.pin_memory = pin_memory
        self.drop_last = drop_last
        self.worker_init_fn = worker_init_fn
        self.generator = generator
        self.prefetch_factor = 2 if num_workers and prefetch_factor is None else prefetch_factor
        self.persistent_workers = persistent_workers

    def __len__(self) -> int:
        if self.batch_sampler is not None:
            return len(self.batch_sampler)  # type: ignore[arg-type]  # a TypeError where the length is not known
        return len(self.dataset if self.sampler is None else self.sampler)  # type: ignore[arg-type]

    def __iter__(self) -> Iterator[Any]:
        if isinstance(self.dataset, IterableDataset):
            batches, fetch = self._streamed()
        else:
            batches = iter(self.sampler if self.batch_sampler is None else self.batch_sampler)  # type: ignore[arg-type]
            fetch = self._one if self.batch_sampler is None else self._batch
        return self._ahead(batches, fetch) if self.num_workers else (fetch(batch) for batch in batches)

    def _one(self, index: Any) -> Any:
        return self.collate_fn(self.dataset[index])

    def _batch(self, indices: Sequence[Any]) -> Any:
        if self.collate_fn is default_collate and (batch := whole_batch(self.dataset, indices)) is not None:
            return batch
        if hasattr(self.dataset, "__getitems__"):
            return self.collate_fn(self.dataset.__getitems__(indices))
        return self.collate_fn([self.dataset[index] for index in indices])

    def _streamed(self) -> tuple[Iterator[Any], Callable[[Any], Any]]:
        """Samples, or lists of them, of an IterableDataset, and what makes a batch of one."""
        stream = iter(self.dataset)
        if self.batch_size is None:
            return stream, self.collate_fn
        return iter(BatchSampler(stream, self.batch_size, self.drop_last)), self.collate_fn

    def _ahead(self, batches: Iterator[Any], fetch: Callable[[Any], Any]) -> Iterator[Any]:
        """`map(fetch, batches)` with threads running ahead. The iterator of a stream moves in its thread too."""
        streamed = isinstance(self.dataset, IterableDataset)
        local, numbers, end = threading.local(), itertools.count(), object()

        def task(given: Any) -> Any:
            if self.worker_init_fn is not None and not hasattr(local, "number"):
                local.number = next(numbers)
                self.worker_init_fn(local.number)
            key = next(batches, end) if streamed else given
            return end if key is end else fetch(key)

        pool = ThreadPoolExecutor(1 if streamed else self.num_workers, thread_name_prefix="DataLoader")
        pending: deque[Future[Any]] = deque()
        try:
            keys = itertools.repeat(None) if streamed else batches
            for key in itertools.islice(keys, self.num_workers * (self.prefetch_factor or 1)):
                pending.append(pool.submit(task, key))
            while pending:
                batch = pending.popleft().result()
                if batch is end:
                    return
                for key in itertools.islice(keys, 1):
                    pending.append(pool.submit(task, key))
                yield batch
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
