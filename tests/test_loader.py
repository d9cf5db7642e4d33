"""DataLoader: the same bits from threads, processes or neither, and from a state saved anywhere in an epoch."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import loader_data
import numpy as np
import pytest

import autograd
from nn.data import (
    BatchSampler,
    DataLoader,
    RandomSampler,
    Sampler,
    SubsetRandomSampler,
    TensorDataset,
    WeightedRandomSampler,
    get_worker_info,
)

WORKERS: list[dict[str, Any]] = [
    {"num_workers": 1},
    {"num_workers": 3, "prefetch_factor": 1},
    {"num_workers": 2, "persistent_workers": True},
    {"num_workers": 2, "multiprocessing_context": "spawn", "persistent_workers": True},
]


def bits(value: Any) -> Any:
    if isinstance(value, (autograd.Tensor, np.ndarray)):
        value = np.asarray(value.numpy() if isinstance(value, autograd.Tensor) else value)
        return value.dtype.name, value.shape, value.tobytes()
    if isinstance(value, dict):
        return {key: bits(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [bits(part) for part in value]
    return value


def two_epochs(dataset: Any, **options: Any) -> list[Any]:
    """What two epochs give, with numbers the training draws between the batches."""
    autograd.manual_seed(5)
    loader = DataLoader(dataset, **options)
    return [[(bits(batch), autograd.rand(1).item()) for batch in loader] for _ in range(2)]


@pytest.mark.parametrize("workers", WORKERS, ids=repr)
@pytest.mark.parametrize(
    ("dataset", "options"),
    [
        (loader_data.Noisy(), {"batch_size": 4, "shuffle": True}),
        (loader_data.Noisy(), {"batch_size": None}),
        (loader_data.Noisy(), {"batch_size": 5, "collate_fn": loader_data.with_noise, "drop_last": True}),
        (loader_data.NoisyStream(), {"batch_size": 4}),
    ],
    ids=["shuffled", "single", "noise in collate", "stream"],
)
def test_the_bits_do_not_depend_on_the_workers(dataset: Any, options: Any, workers: Any) -> None:
    plain = two_epochs(dataset, **options)
    assert two_epochs(dataset, **options, **workers) == plain
    assert plain[0] != plain[1], "each epoch draws anew"


def test_samples_and_epochs_draw_different_numbers() -> None:
    loader = DataLoader(loader_data.Noisy(40), 8)
    for name, count in (("a", 160), ("b", 80)):  # from the default generator, and from one that is shared
        drawn = [number for _ in range(2) for batch in loader for number in batch[name].numpy().ravel().tolist()]
        assert len(set(drawn)) == count


@pytest.mark.parametrize("workers", [0, 2])
def test_a_seed_given_inside_a_sample_is_that_seed(workers: int) -> None:
    data, loader = loader_data.Seeded(), DataLoader(loader_data.Seeded(), 3, num_workers=workers)
    want = np.stack([data[i] for i in range(9)])
    for _ in range(2):
        assert np.array_equal(np.concatenate([batch.numpy() for batch in loader]), want)


# ---- resume


class Lazy(Sampler):
    """Draws batch by batch, from its own generator."""

    def __init__(self) -> None:
        self.generator = autograd.Generator().manual_seed(3)

    def __iter__(self) -> Any:
        for _ in range(19):
            yield int(self.generator.rng.integers(23))

    def __len__(self) -> int:
        return 19


def pairs() -> TensorDataset:
    return TensorDataset(np.arange(23), np.arange(46.0).reshape(23, 2))


LOADERS: dict[str, Any] = {
    "shuffled, default generator": lambda: DataLoader(pairs(), 4, shuffle=True),
    "shuffled, own generator": lambda: DataLoader(pairs(), 4, shuffle=True, generator=1),
    "noise": lambda: DataLoader(loader_data.Noisy(), 4, shuffle=True),
    "threads": lambda: DataLoader(loader_data.Noisy(), 4, shuffle=True, generator=2, num_workers=2),
    "in order": lambda: DataLoader(loader_data.Noisy(), 3, num_workers=2),
    "more than the set": lambda: DataLoader(pairs(), 5, sampler=RandomSampler(range(23), num_samples=60)),
    "with replacement": lambda: DataLoader(pairs(), 5, sampler=RandomSampler(range(23), True, 30)),
    "weighted": lambda: DataLoader(pairs(), 5, sampler=WeightedRandomSampler(range(1, 24), 30, generator=4)),
    "subset": lambda: DataLoader(pairs(), batch_sampler=BatchSampler(SubsetRandomSampler(range(9), 5), 2, False)),
    "lazy sampler": lambda: DataLoader(pairs(), 3, sampler=Lazy(), num_workers=1),
    "stream": lambda: DataLoader(loader_data.NoisyStream(), 3),
    "stream, thread": lambda: DataLoader(loader_data.NoisyStream(), 3, num_workers=1, generator=3),
    "single": lambda: DataLoader(loader_data.Noisy(7), batch_size=None, shuffle=True),
}


@pytest.mark.parametrize("name", LOADERS)
def test_resume_anywhere_in_an_epoch(name: str, tmp_path: Path) -> None:
    def run(states: list[Any] | None, start: Any = None) -> list[Any]:
        """Two epochs, or what is left of them; saves a state after each batch."""
        autograd.manual_seed(7)
        loader, seen = LOADERS[name](), []
        if start is not None:
            autograd.save(start, tmp_path / "state")
            held = autograd.load(tmp_path / "state")
            for _ in range(3):
                autograd.rand(2)  # a resumed run has drawn other things before
            loader.load_state_dict(held["loader"])
            autograd.set_rng_state(held["random"])
        for epoch in range(0 if start is None else start["epoch"], 2):
            for batch in loader:
                seen.append((bits(batch), autograd.rand(1).item()))
                if states is not None:
                    now = {"loader": loader.state_dict(), "random": autograd.get_rng_state(), "epoch": epoch}
                    states.append(now)
            if states is not None:  # between the epochs
                now = {"loader": loader.state_dict(), "random": autograd.get_rng_state(), "epoch": epoch + 1}
                states.append(now)
            seen.append("end")
        return seen

    states: list[Any] = []
    whole = run(states)
    assert len(states) == len(whole)
    for done, state in enumerate(states, 1):
        assert run(None, state) == whole[done:], f"after {done} of {len(whole)}"


def test_leaving_early_begins_the_next_epoch_anew() -> None:
    loader = DataLoader(pairs(), 4)
    for batch in loader:
        assert batch is not None
        break
    assert loader.state_dict()["epoch"] is None and len(list(loader)) == 6


def test_two_iterations_at_once_keep_their_places() -> None:
    loader = DataLoader(pairs(), 4, shuffle=True, generator=3)
    first, second = iter(loader), iter(loader)
    next(first), next(second), next(first), next(second), next(second)
    state = loader.state_dict()  # of the one begun last
    rest = [bits(batch) for batch in second]
    loader.load_state_dict(state)
    assert [bits(batch) for batch in loader] == rest


def test_an_order_that_does_not_come_again_is_an_error() -> None:
    class Hidden(Sampler):
        rng = np.random.default_rng(0)

        def __iter__(self) -> Any:
            yield from self.rng.permutation(23).tolist()

    loader = DataLoader(pairs(), 4, sampler=Hidden())
    batches = iter(loader)
    next(batches)
    state = loader.state_dict()
    other = DataLoader(pairs(), 4, sampler=Hidden())
    other.load_state_dict(state)
    with pytest.raises(RuntimeError, match="attribute `generator`"):
        next(iter(other))


def test_a_state_of_another_loader_is_refused() -> None:
    state = DataLoader(pairs(), shuffle=True, generator=1).state_dict()
    with pytest.raises(ValueError, match="'generators' with 0"):
        DataLoader(pairs()).load_state_dict(state)
    mixed = DataLoader(pairs(), shuffle=True, generator=np.random.Generator(np.random.MT19937(1)))
    with pytest.raises(ValueError, match="MT19937 cannot stand"):
        mixed.load_state_dict(state)
    mixed.load_state_dict(mixed.state_dict())


# ---- processes


def test_processes_are_processes_and_introduce_themselves() -> None:
    loader = DataLoader(
        loader_data.WhoAmI(), 1, num_workers=2, multiprocessing_context="spawn", worker_init_fn=loader_data.initialise,
        persistent_workers=True,
    )  # fmt: skip
    seen = [np.concatenate([batch.numpy() for batch in loader]) for _ in range(2)]
    for process, _, number, initialised in np.concatenate(seen):
        assert process != os.getpid() and number == initialised in (0, 1)
    assert {*seen[0][:, 0]} & {*seen[1][:, 0]}, "the same processes serve the next epoch"
    assert get_worker_info() is None


def test_persistent_threads_stay() -> None:
    calls: list[int] = []
    for persistent, times in ((True, 1), (False, 2)):
        calls.clear()
        loader = DataLoader(pairs(), 23, num_workers=1, persistent_workers=persistent, worker_init_fn=calls.append)
        assert len([*loader, *loader]) == 2 and len(calls) == times


def test_an_exception_of_a_process_comes_where_its_batch_was_due() -> None:
    seen = []
    with pytest.raises(KeyError, match="lost"):
        for batch in DataLoader(loader_data.Broken(), num_workers=1, multiprocessing_context="spawn"):
            seen.append(batch.item())
    assert seen == [0, 1, 2]
    with pytest.raises(RuntimeError, match="worker process died"):
        list(DataLoader(loader_data.Dying(), num_workers=1, multiprocessing_context="spawn", persistent_workers=True))


def test_loader_errors_of_workers() -> None:
    with pytest.raises(TypeError, match="cannot be sent to a process"):
        list(DataLoader(pairs(), num_workers=1, multiprocessing_context="spawn", collate_fn=lambda batch: batch))
    with pytest.raises(ValueError, match="fork"):
        DataLoader(pairs(), num_workers=1, multiprocessing_context="fork")
    for options in ({"persistent_workers": True}, {"multiprocessing_context": "spawn"}, {"timeout": -1}):
        with pytest.raises(ValueError, match=next(iter(options))):
            DataLoader(pairs(), **options)  # type: ignore[arg-type]


def test_a_late_worker_is_an_error() -> None:
    class Slow(loader_data.Broken):
        def __getitem__(self, index: int) -> int:
            time.sleep(0.3 if index else 0)
            return index

    with pytest.raises(RuntimeError, match="timeout=0.05"):
        list(DataLoader(Slow(), num_workers=1, timeout=0.05))


PARENT = """
import sys
sys.path[:0] = ["tests", "."]
from loader_data import WhoAmI
from nn.data import DataLoader
if __name__ == "__main__":
    for batch in DataLoader(WhoAmI(), num_workers=1, multiprocessing_context="spawn", persistent_workers=True):
        print(int(batch[0, 0]), flush=True)
        sys.stdin.read()
"""


def test_killed_runs_leave_no_workers_behind(tmp_path: Path) -> None:
    script = tmp_path / "run.py"
    script.write_text(PARENT)
    root = Path(__file__).resolve().parent.parent
    with subprocess.Popen(
        [sys.executable, script], cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(root)},
    ) as run:  # fmt: skip
        assert run.stdout is not None
        worker = int(run.stdout.readline())
        run.send_signal(signal.SIGKILL)
    for _ in range(300):
        try:
            state = Path(f"/proc/{worker}/stat").read_text().rpartition(")")[2].split()[0]
        except FileNotFoundError:
            return
        if state == "Z":  # ended; nobody has asked for its status
            return
        time.sleep(0.1)
    os.kill(worker, signal.SIGKILL)
    pytest.fail("the worker process outlived the killed run")
