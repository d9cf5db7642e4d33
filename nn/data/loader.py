"""DataLoader: batches of a data set, fetched ahead by threads or by processes, and where it stands, to go on from there."""

from __future__ import annotations

import contextlib
import itertools
import multiprocessing
import multiprocessing.connection
import os
import pickle
import random
import threading
import zlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping, MutableSequence, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from copy import copy, deepcopy
from dataclasses import dataclass
from typing import Any, Generic

import numpy as np

import autograd
from autograd.errors import ShapeError
from autograd.random import Stream
from nn.data.dataset import IterableDataset, Sample, whole_batch
from nn.data.sampler import (
    BatchSampler,
    RandomSampler,
    RandomSource,
    SequentialSampler,
    SubsetRandomSampler,
    WeightedRandomSampler,
    generator_state,
    numpy_generator,
    random_source,
    set_generator_state,
)


def default_convert(sample: Any) -> Any:
    """Make every ndarray in a sample a Tensor; containers keep their kind, everything else stays as it is."""
    if isinstance(sample, (np.ndarray, np.generic)) and sample.dtype.kind in "biuf":
        return autograd.as_tensor(sample)
    if isinstance(sample, Mapping):
        return _same_kind(sample, {key: default_convert(value) for key, value in sample.items()})
    if isinstance(sample, tuple) and hasattr(sample, "_fields"):
        return type(sample)(*map(default_convert, sample))
    if isinstance(sample, Sequence) and not isinstance(sample, (str, bytes)):
        return _same_kind(sample, [default_convert(value) for value in sample])
    return sample


def _same_kind(sample: Any, parts: Any) -> Any:
    """A dict or list as the kind the sample is, where that can be made; of a tuple a list, as in torch."""
    if isinstance(sample, (tuple, range)) or type(sample) in (dict, list):
        return parts
    try:
        if isinstance(sample, (MutableMapping, MutableSequence)):
            made = copy(sample)
            for key in parts if isinstance(parts, dict) else range(len(parts)):
                made[key] = parts[key]
            return made
        return type(sample)(parts)
    except TypeError:
        return parts


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
        return _same_kind(first, {key: default_collate([sample[key] for sample in batch]) for key in first})
    if isinstance(first, Sequence):
        if any(len(sample) != len(first) for sample in batch):
            lengths = sorted({len(sample) for sample in batch})
            raise ShapeError(
                f"default_collate: each sample in a batch should have the same number of fields, got {lengths}"
            )
        fields = [default_collate(field) for field in zip(*batch, strict=True)]
        return type(first)(*fields) if hasattr(first, "_fields") else _same_kind(first, fields)
    raise TypeError(
        "default_collate: a batch must contain tensors, ndarrays, numbers, strings, mappings or sequences; "
        f"found {type(first).__name__}; pass collate_fn"
    )


@dataclass(frozen=True)
class WorkerInfo:
    """What a worker knows of itself: `id` below `num_workers`, the `seed` of the epoch plus its id, the `dataset`."""

    id: int
    num_workers: int
    seed: int
    dataset: Any


_worker = threading.local()


def get_worker_info() -> WorkerInfo | None:
    """In a worker of a DataLoader, which one it is; None elsewhere. A stream (IterableDataset) has one worker, never more."""
    return getattr(_worker, "info", None)


_LAST = 2**32 - 1  # as the place of a sample: what is drawn for a batch as a whole


class _Fetcher:
    """Makes the batch of some indices: samples, then collate. Runs in the caller, in threads or in processes."""

    def __init__(self, dataset: Any, collate_fn: Callable[[Any], Any], batched: bool, drop_last: bool) -> None:
        self.dataset, self.collate_fn, self.batched, self.drop_last = dataset, collate_fn, batched, drop_last

    def fetch(self, seed: int, number: int, key: Any) -> Any:
        """Batch `number` of the epoch with this seed; `key` is an index, or the list of them."""
        if not self.batched:
            with Stream(seed, number, 0, apart=True):
                sample = self.dataset[key]
        elif self.collate_fn is default_collate and (batch := whole_batch(self.dataset, key)) is not None:
            return batch
        elif hasattr(self.dataset, "__getitems__"):
            with Stream(seed, number, 0, apart=True):
                sample = self.dataset.__getitems__(key)
        else:
            sample = []
            for place, index in enumerate(key):
                with Stream(seed, number, place, apart=True):
                    sample.append(self.dataset[index])
        with Stream(seed, number, _LAST, apart=True):
            return self.collate_fn(sample)

    def stream(self, seed: int, size: int | None, skip: int) -> Iterator[Any]:
        """The batches of an IterableDataset from batch `skip` on."""
        drawn = Stream(seed, 0, 0, apart=True)
        with drawn:
            samples = iter(self.dataset)
        for number in itertools.count():
            with drawn:
                batch = list(itertools.islice(samples, size or 1))
            if not batch or (self.drop_last and len(batch) < (size or 1)):
                return
            if number >= skip:
                with Stream(seed, number, _LAST, apart=True):
                    made = self.collate_fn(batch if size else batch[0])
                yield made


class _Job:
    """What runs in a worker, thread or process: knows its fetcher, introduces the worker to itself once."""

    def __init__(self, fetcher: _Fetcher, workers: int, init: Callable[[int], None] | None, numbers: Any) -> None:
        self.fetcher, self.workers, self.init, self.numbers = fetcher, workers, init, numbers

    def meet(self, seed: int) -> None:
        if getattr(_worker, "job", None) is not self:
            _worker.job, _worker.number = self, next(self.numbers)
            _worker.info = WorkerInfo(_worker.number, self.workers, seed + _worker.number, self.fetcher.dataset)
            if isinstance(self.numbers, _Shared):  # a process has generators of its own
                random.seed(_worker.info.seed)
                np.random.seed(_worker.info.seed % 2**32)
            if self.init is not None:
                self.init(_worker.number)
        _worker.info = WorkerInfo(_worker.number, self.workers, seed + _worker.number, self.fetcher.dataset)

    def fetch(self, seed: int, number: int, key: Any) -> Any:
        self.meet(seed)
        return self.fetcher.fetch(seed, number, key)

    def read(self, token: int, seed: int, size: int | None, skip: int) -> Any:
        """(The next batch,) of the one stream of this epoch, `token`; () after the last."""
        self.meet(seed)
        if getattr(_worker, "token", None) != token:
            _worker.token, _worker.batches = token, self.fetcher.stream(seed, size, skip)
        return tuple(itertools.islice(_worker.batches, 1))


class _Shared:
    """Numbers that count up across processes."""

    def __init__(self, context: Any) -> None:
        self.value = context.Value("i", 0)

    def __next__(self) -> int:
        with self.value.get_lock():
            self.value.value += 1
            return int(self.value.value) - 1


_process_job: _Job  # of this worker process


def _start_process(packed: bytes, numbers: _Shared) -> None:
    global _process_job
    end_with_parent()
    fetcher, workers, init = pickle.loads(packed)
    _process_job = _Job(fetcher, workers, init, numbers)


def end_with_parent() -> None:
    """In a worker process: end when the parent does. A killed parent cannot stop its workers, so each watches for it."""
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        multiprocessing.connection.wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _in_process(task: str, *args: Any) -> Any:
    return getattr(_process_job, task)(*args)


class _Workers:
    """Threads or processes, and how to hand them a task."""

    def __init__(self, loader: DataLoader, fetcher: _Fetcher) -> None:
        # A stream is read by one worker alone, in order.
        workers = 1 if isinstance(loader.dataset, IterableDataset) else loader.num_workers
        self.pool: Executor
        if loader.multiprocessing_context is None:
            self.job: _Job | None = _Job(fetcher, workers, loader.worker_init_fn, itertools.count())
            self.pool = ThreadPoolExecutor(workers, thread_name_prefix="DataLoader")
        else:
            try:
                packed = pickle.dumps((fetcher, workers, loader.worker_init_fn))
            except (pickle.PicklingError, AttributeError, TypeError) as error:
                raise TypeError(
                    f"DataLoader: the data set, collate_fn or worker_init_fn cannot be sent to a process ({error}); define "
                    "them at the top of a module, or leave multiprocessing_context out: threads need no pickling"
                ) from error
            context = loader.multiprocessing_context
            self.pool = ProcessPoolExecutor(workers, context, _start_process, (packed, _Shared(context)))
            self.job = None

    def submit(self, task: str, *args: Any) -> Future[Any]:
        if self.job is None:
            return self.pool.submit(_in_process, task, *args)
        return self.pool.submit(getattr(self.job, task), *args)

    def stop(self) -> None:
        self.pool.shutdown(wait=True, cancel_futures=True)


_OURS = (RandomSampler, SubsetRandomSampler, WeightedRandomSampler)  # they draw the order of an epoch at once


class DataLoader(Generic[Sample]):
    """Iterate over a data set in batches. Names, defaults and exclusions are torch's, except where said here.

    `num_workers` counts threads, or processes with `multiprocessing_context="spawn"` (or "forkserver"; a fork would kill
    parallel kernels). Samples are fetched `prefetch_factor` batches a worker ahead, batches come in the sampler's order,
    and an exception in a worker is raised where its batch was due. An IterableDataset is read ahead by one worker and
    never duplicated. A TensorDataset (or a Subset of one) is sliced a batch at a time. `timeout`: seconds to wait for a
    worker's batch, 0 for ever. `pin_memory`, `pin_memory_device` and `in_order` are accepted and do nothing: there is no
    device, and batches always come in order.

    The bits do not depend on the workers: what a data set or a collate_fn draws from the default generator, or from the
    generator of one of `nn.data.transforms`, belongs to the epoch and the sample's place in it. (The seed of an epoch is
    one number drawn from `generator` after the order; data sets that are sliced draw nothing.)

    `state_dict()` says where the loader stands, in the middle of an epoch too: as many batches as were handed out. After
    `load_state_dict` the next `for` goes on from there. A sampler of one's own is repeated from its start: it keeps its
    generator in an attribute `generator`, or is a RuntimeError where its order does not come again.

    Errors: ValueError for an empty data set, bad sizes, or options that exclude each other; TypeError for what cannot be
    sent to a process; RuntimeError for a worker that died or was late.
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
        timeout: float = 0,
        worker_init_fn: Callable[[int], None] | None = None,
        multiprocessing_context: Any = None,
        generator: RandomSource = None,
        *,
        prefetch_factor: int | None = None,
        persistent_workers: bool = False,
        pin_memory_device: str = "",
        in_order: bool = True,
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
        if persistent_workers and num_workers == 0:
            raise ValueError("DataLoader: persistent_workers=True needs num_workers > 0; leave it out")
        if not timeout >= 0:
            raise ValueError(f"DataLoader: timeout should not be negative, got {timeout}; 0 waits for ever")
        if multiprocessing_context is not None and num_workers == 0:
            raise ValueError("DataLoader: multiprocessing_context needs num_workers > 0, the number of processes")
        streamed = isinstance(dataset, IterableDataset)
        generator = random_source(generator)
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
        self.timeout = timeout
        self.worker_init_fn = worker_init_fn
        self.multiprocessing_context = _context(multiprocessing_context)
        self.generator = generator
        self.prefetch_factor = 2 if num_workers and prefetch_factor is None else prefetch_factor
        self.persistent_workers = persistent_workers
        self._workers: _Workers | None = None  # kept from epoch to epoch, if persistent
        self._tokens = itertools.count()
        self._epoch: dict[str, Any] | None = None  # of the iteration under way
        self._resumed: dict[str, Any] | None = None  # where the next one begins

    def __len__(self) -> int:
        if self.batch_sampler is not None:
            return len(self.batch_sampler)  # type: ignore[arg-type]  # a TypeError where the length is not known
        return len(self.dataset if self.sampler is None else self.sampler)  # type: ignore[arg-type]

    def __iter__(self) -> Iterator[Any]:
        epoch, self._resumed = self._resumed, None
        streamed = isinstance(self.dataset, IterableDataset)
        keys: Iterator[tuple[int, Any]] = iter(())
        if not streamed:
            epoch, keys = self._order(epoch)
        elif epoch is None:
            epoch = {"seed": self._seed(), "position": 0}
        self._epoch = epoch
        try:
            for batch in self._streamed(epoch) if streamed else self._mapped(epoch, keys):
                epoch["position"] += 1
                yield batch
        finally:  # the next one begins anew, also where the loop was left early
            if self._epoch is epoch:
                self._epoch = None

    def _seed(self) -> int:
        return int(numpy_generator(self.generator).integers(2**63))

    def _order(self, resumed: dict[str, Any] | None) -> tuple[dict[str, Any], Iterator[tuple[int, Any]]]:
        """The state of an epoch that begins, or goes on, and its numbered indices."""
        sources = self._sources()
        now = [generator_state(source) for source, _ in sources]
        if resumed is not None:
            if len(resumed["start"]) != len(sources):
                raise ValueError(
                    f"DataLoader: the saved state has {len(resumed['start'])} generators, this loader {len(sources)}"
                )
            for (source, _), state in zip(sources, resumed["start"], strict=True):
                set_generator_state(source, state)
        indices = enumerate(iter(self.sampler if self.batch_sampler is None else self.batch_sampler))  # type: ignore[arg-type]
        # The first one now: the samplers here draw a whole epoch's order with it.
        first = list(itertools.islice(indices, 1))
        keys = itertools.chain(first, indices)
        if resumed is None:
            epoch: dict[str, Any] = {"start": now, "seed": 0, "position": 0, "crc": 0}
            if whole_batch(self.dataset, []) is None or self.collate_fn is not default_collate:
                epoch["seed"] = self._seed()
        else:
            epoch = resumed
            crc = 0
            for _, key in itertools.islice(keys, epoch["position"]):
                crc = _digest(key, crc)
            if crc != epoch["crc"]:
                raise RuntimeError(
                    "DataLoader: the sampler does not repeat the order of the epoch to be resumed; give it an attribute "
                    "`generator` to draw from, and the data set of the run that was saved"
                )
            for (source, foreign), state in zip(sources, now, strict=True):
                # A foreign sampler may draw batch by batch: its own generator stands where the repetition left it.
                if not foreign or source is autograd.random.default_generator:
                    set_generator_state(source, state)
        return epoch, keys

    def _sources(self) -> list[tuple[RandomSource, bool]]:
        """What the order and the seed of an epoch are drawn from, each once, and whether a foreign sampler draws from it."""
        found: dict[int, tuple[RandomSource, bool]] = {}
        holder: Any = self
        while holder is not None:
            if hasattr(holder, "generator"):
                source = autograd.random.default_generator if holder.generator is None else holder.generator
                foreign = type(holder) not in _OURS and not isinstance(holder, DataLoader)
                found[id(source)] = source, foreign or found.get(id(source), (None, False))[1]
            below = getattr(holder, "batch_sampler", None)
            holder = getattr(holder, "sampler", None) if below is None else below
        return list(found.values())

    def _mapped(self, epoch: dict[str, Any], keys: Iterator[tuple[int, Any]]) -> Iterator[Any]:
        seed = epoch["seed"]
        fetcher = _Fetcher(self.dataset, self.collate_fn, self.batch_sampler is not None, self.drop_last)
        if not self.num_workers:
            for number, key in keys:
                batch = fetcher.fetch(seed, number, key)
                epoch["crc"] = _digest(key, epoch["crc"])
                yield batch
            return
        with self._pool(fetcher) as workers:
            pending: deque[tuple[Any, Future[Any]]] = deque()

            def submit(count: int) -> None:
                for number, key in itertools.islice(keys, count):
                    pending.append((key, workers.submit("fetch", seed, number, key)))

            submit(self._ahead())
            try:
                while pending:
                    key, future = pending.popleft()
                    batch = self._result(future)
                    submit(1)
                    epoch["crc"] = _digest(key, epoch["crc"])
                    yield batch
            finally:
                for _, future in pending:
                    future.cancel()

    def _streamed(self, epoch: dict[str, Any]) -> Iterator[Any]:
        fetcher = _Fetcher(self.dataset, self.collate_fn, self.batch_size is not None, self.drop_last)
        if not self.num_workers:
            yield from fetcher.stream(epoch["seed"], self.batch_size, epoch["position"])
            return
        with self._pool(fetcher) as workers:
            task = ("read", next(self._tokens), epoch["seed"], self.batch_size, epoch["position"])
            pending = deque(workers.submit(*task) for _ in range(self._ahead()))
            try:
                while batch := self._result(pending.popleft()):
                    pending.append(workers.submit(*task))
                    yield batch[0]
            finally:
                for future in pending:
                    future.cancel()

    def _ahead(self) -> int:
        return self.num_workers * (self.prefetch_factor or 1)

    @contextlib.contextmanager
    def _pool(self, fetcher: _Fetcher) -> Iterator[_Workers]:
        workers, self._workers = self._workers or _Workers(self, fetcher), None
        whole = True
        try:
            yield workers
        except RuntimeError:  # perhaps of workers that died
            whole = False
            raise
        finally:
            if whole and self.persistent_workers and self._workers is None:
                self._workers = workers
            else:
                workers.stop()

    def _result(self, future: Future[Any]) -> Any:
        try:
            return future.result(self.timeout or None)
        except BrokenProcessPool as error:
            raise RuntimeError(
                "DataLoader: a worker process died (killed, out of memory, or the script has no "
                '`if __name__ == "__main__":` around what it runs)'
            ) from error
        except TimeoutError as error:
            if future.done():
                raise  # the data set's own
            raise RuntimeError(f"DataLoader: no batch came within timeout={self.timeout} seconds") from error

    def state_dict(self) -> dict[str, Any]:
        """Where the loader stands, for `load_state_dict` and `autograd.save`: its generators, and the epoch under way.

        Where the generator is the default one, that one's own state is saved apart (`autograd.get_rng_state`).
        """
        own = [source for source, _ in self._sources() if source is not autograd.random.default_generator]
        epoch = self._resumed if self._epoch is None else self._epoch
        return {"generators": [generator_state(source) for source in own], "epoch": deepcopy(epoch)}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """The next iteration goes on where `state_dict` was taken. Raises ValueError for a state of another loader."""
        own = [source for source, _ in self._sources() if source is not autograd.random.default_generator]
        if set(state_dict) != {"generators", "epoch"} or len(state_dict["generators"]) != len(own):
            raise ValueError(
                f"DataLoader: the state does not fit: expected 'epoch' and 'generators' with {len(own)} of them, got "
                f"{ {key: len(value) if isinstance(value, list) else value for key, value in state_dict.items()} }"
            )
        for source, state in zip(own, state_dict["generators"], strict=True):
            set_generator_state(source, state)
        self._epoch, self._resumed = None, deepcopy(state_dict["epoch"])


def _digest(key: Any, crc: int) -> int:
    return zlib.crc32(repr(key).encode(), crc)


def _context(given: Any) -> Any:
    """What starts the processes; None for threads."""
    context = multiprocessing.get_context(given) if isinstance(given, str) else given
    if context is not None and context.get_start_method() == "fork":
        raise ValueError(
            'DataLoader: multiprocessing_context="fork" would kill parallel kernels in the child; use "spawn" or "forkserver"'
        )
    return context
