"""nn.data beside torch.utils.data: the same batches, lengths, dtypes and refusals."""

from __future__ import annotations

from collections import OrderedDict, UserList, deque, namedtuple
from collections.abc import Mapping
from types import MappingProxyType
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
    if isinstance(value, Mapping):
        return type(value).__name__, {key: plain(part) for key, part in value.items()}
    if isinstance(value, (list, tuple, UserList, deque)):
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
    [OrderedDict(b=1, a=2.0), OrderedDict(a=3.0, b=4)],
    [MappingProxyType({"x": 1}), MappingProxyType({"x": 2})],
    [UserList([1, 2.0]), UserList([3, 4.0])],
    [deque([1, "s"]), deque([2, "t"])],
    [range(2), range(2, 4)],
]


@pytest.mark.parametrize("batch", SAMPLES, ids=repr)
def test_default_collate(batch: list[Any]) -> None:
    assert plain(our_data.default_collate(batch)) == plain(torch_data.default_collate(batch))
    assert plain(our_data.default_convert(batch[0])) == plain(torch_data.default_convert(batch[0]))


@pytest.mark.parametrize("batch", [[None, None], [{1}, {2}], [(1,), (1, 2)], [np.array("a")] * 2], ids=repr)
def test_default_collate_refuses(batch: list[Any]) -> None:
    for library in (torch_data, our_data):
        with pytest.raises((TypeError, RuntimeError, ValueError)):
            library.default_collate(batch)


def test_data_sets_of_data_sets() -> None:
    class Stream(our_data.IterableDataset, torch_data.IterableDataset):  # type: ignore[misc]
        def __init__(self, n: int) -> None:
            self.n = n

        def __iter__(self) -> Any:
            return iter(range(self.n))

        def __len__(self) -> int:
            return self.n

    for library in (our_data, torch_data):
        stacked = library.StackDataset(range(3), "abc")
        assert [stacked[i] for i in range(len(stacked))] == [(0, "a"), (1, "b"), (2, "c")]
        assert library.StackDataset(x=range(3), y="abc")[1] == {"x": 1, "y": "b"}
        with pytest.raises(ValueError):
            library.StackDataset(range(3), range(4))
        with pytest.raises(ValueError):
            library.StackDataset()
        chain = library.ChainDataset([Stream(2), Stream(3)])
        assert list(chain) == [0, 1, 0, 1, 2] and len(chain) == 5
        assert [b.tolist() for b in library.DataLoader(chain, 2)] == [[0, 1], [0, 1], [2]]


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
