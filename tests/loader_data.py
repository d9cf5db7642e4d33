"""Data sets and functions that worker processes import by name."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np

import autograd
from nn.data import Dataset, IterableDataset, default_collate, get_worker_info
from nn.data.sampler import numpy_generator
from nn.data.transforms import RandomAffine

OWN = autograd.Generator().manual_seed(11)


class Noisy(Dataset):
    """Each sample draws from the default generator and from one that all workers share."""

    def __init__(self, n: int = 23) -> None:
        self.n = n

    def __getitem__(self, index: int) -> dict[str, Any]:
        shared = numpy_generator(OWN)
        return {"i": index, "a": autograd.rand(2), "b": shared.random(), "c": (str(index), shared.random())}

    def __len__(self) -> int:
        return self.n


class Seeded(Dataset):
    """Each sample is changed by a seed of its own."""

    def __getitem__(self, index: int) -> np.ndarray:
        return RandomAffine(30, generator=index)(np.arange(16.0).reshape(1, 4, 4))

    def __len__(self) -> int:
        return 9


class NoisyStream(IterableDataset):
    def __iter__(self) -> Iterator[Any]:
        assert (info := get_worker_info()) is None or info.num_workers == 1
        for i in range(17):
            yield i, autograd.rand(1)


class Broken(Dataset):
    def __getitem__(self, index: int) -> int:
        if index == 3:
            raise KeyError("lost")
        return index

    def __len__(self) -> int:
        return 6


class Dying(Broken):
    def __getitem__(self, index: int) -> int:
        if index == 3:
            os._exit(7)
        return index


class WhoAmI(Dataset):
    """(process, thread, number of the worker) of whoever fetches."""

    def __getitem__(self, index: int) -> np.ndarray:
        info = get_worker_info()
        number = -1 if info is None else info.id
        return np.array([os.getpid(), threading.get_ident(), number, INITIALISED])

    def __len__(self) -> int:
        return 12


INITIALISED = -1


def initialise(worker: int) -> None:
    global INITIALISED
    INITIALISED = worker


def with_noise(batch: list[Any]) -> Any:
    return default_collate(batch), autograd.rand(3)
