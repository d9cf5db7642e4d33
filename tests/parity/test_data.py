"""nn.data beside torch.utils.data: the same batches, lengths, dtypes and refusals."""

from __future__ import annotations

from collections import namedtuple
from typing import Any

import numpy as np
import pytest
import torch.utils.data as torch_data

import nn.data as our_data

Point = namedtuple("Point", ["x", "y"])


def plain(value: Any) -> Any:
    """A batch as nested lists, each tensor as its dtype's name, shape and values."""
    if hasattr(value, "numpy"):
        array = value.numpy()
        return array.dtype.name, array.shape, array.tolist()
    if isinstance(value, dict):
        return {key: plain(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [type(value).__name__, *map(plain, value)]
    return value


SAMPLES = [
    [1, 2],
    [True, False],
    [1.5, 2.5],
    [np.float32(1), np.float32(2)],
    [np.int32(1), np.int32(2)],
    ["a", "b"],
    [b"a", b"b"],
    [np.zeros((2, 3), np.float32), np.ones((2, 3), np.float32)],
    [np.zeros((0, 2)), np.ones((0, 2))],
    [np.array(1), np.array(2)],
    [(np.zeros(2), 1), (np.ones(2), 2)],
    [[1, 2.0], [3, 4.0]],
    [Point(1, "a"), Point(2, "b")],
    [{"x": 1, "y": {"z": (1.0, "s")}}, {"x": 2, "y": {"z": (2.0, "t")}}],
]


@pytest.mark.parametrize("batch", SAMPLES, ids=repr)
def test_default_collate(batch: list[Any]) -> None:
    assert plain(our_data.default_collate(batch)) == plain(torch_data.default_collate(batch))


class Squares:
    def __len__(self) -> int:
        return 11

    def __getitem__(self, index: int) -> tuple[np.ndarray, int]:
        return np.full(2, index**2, np.float32), index


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"batch_size": 4},
        {"batch_size": 4, "drop_last": True},
        {"batch_size": 3, "sampler": [5, 1, 1, 9]},
        {"batch_sampler": [[1, 2], [7]]},
        {"batch_size": None},
        {"batch_size": None, "sampler": [3, 0]},
    ],
    ids=repr,
)
def test_loader(options: dict[str, Any], workers: int) -> None:
    ours = our_data.DataLoader(Squares(), num_workers=workers, **options)
    theirs = torch_data.DataLoader(Squares(), **options)  # type: ignore[arg-type]
    assert len(ours) == len(theirs)
    assert [plain(batch) for batch in ours] == [plain(batch) for batch in theirs]


@pytest.mark.parametrize(
    "options",
    [
        {"batch_size": 0},
        {"batch_size": 2, "batch_sampler": [[1]]},
        {"shuffle": True, "sampler": [1]},
        {"batch_size": None, "drop_last": True},
        {"num_workers": -1},
        {"prefetch_factor": 2},
    ],
    ids=repr,
)
def test_loader_refuses_what_torch_refuses(options: dict[str, Any]) -> None:
    for library in (torch_data, our_data):
        with pytest.raises(ValueError):
            library.DataLoader(Squares(), **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("lengths", [[0.5, 0.5], [0.1, 0.2, 0.7], [4, 7], [1.0]], ids=repr)
def test_random_split_lengths(lengths: list[float]) -> None:
    sizes = [[len(part) for part in library.random_split(Squares(), lengths)] for library in (our_data, torch_data)]
    assert sizes[0] == sizes[1]


def test_sampler_lengths() -> None:
    for library in (our_data, torch_data):
        sampler = library.RandomSampler(range(10), num_samples=23)
        assert len(list(sampler)) == len(sampler) == 23
        assert [len(b) for b in library.BatchSampler(range(7), 3, True)] == [3, 3]
