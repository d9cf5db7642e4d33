"""nn.training: early stopping, checkpoints that survive SIGKILL, the learning-rate test, progress, TensorBoard."""

from __future__ import annotations

import io
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import autograd
import nn
import optim
from nn.data import DataLoader, TensorDataset
from nn.training import Checkpoint, EarlyStopping, Progress, SummaryWriter, find_lr

RUN = Path(__file__).resolve().parent / "resumable_run.py"


# ---- early stopping


def test_stops_when_patience_ends_and_gives_the_best_weights_back() -> None:
    model = nn.Linear(1, 1)
    stopping = EarlyStopping(model, patience=3, min_delta=0.1)
    stops = []
    for step, value in enumerate([5.0, 4.0, 3.95, float("nan"), 4.1, 1.0]):
        with autograd.no_grad():
            model.weight.fill_(step)
        stops.append(stopping.update(value))
    assert stops == [False, False, False, False, True, False], "3.95 is no improvement of more than 0.1"
    assert (stopping.best, stopping.best_at, stopping.waited) == (1.0, 5, 0)
    with autograd.no_grad():
        model.weight.fill_(9)
    stopping.restore()
    assert model.weight.item() == 5


def test_early_stopping_maximises_and_is_saved(tmp_path: Path) -> None:
    model = nn.Linear(1, 1)
    stopping = EarlyStopping(model, 2, mode="max")
    assert [stopping.update(v) for v in (0.1, 0.5, 0.4)] == [False] * 3
    autograd.save(stopping.state_dict(), tmp_path / "s")
    kept = model.weight.item()
    other_model = nn.Linear(1, 1)
    other = EarlyStopping(other_model, 2, mode="max")
    other.load_state_dict(autograd.load(tmp_path / "s"))
    assert other.update(0.5) and other.best == 0.5
    other.restore()
    assert other_model.weight.item() == kept
    with pytest.raises(RuntimeError, match="no weights"):
        EarlyStopping().restore()
    for settings in ({"patience": 0}, {"min_delta": -1}, {"mode": "low"}):
        with pytest.raises(ValueError, match=next(iter(settings))):
            EarlyStopping(**settings)  # type: ignore[arg-type]
    first = EarlyStopping(patience=1)
    assert first.update(float("nan")), "one NaN, nothing gained: patience 1 is at its end"
    assert not EarlyStopping(patience=1).update(float("inf"))


# ---- checkpoint


def child(folder: Path, what: str = "none", count: int = 0, **more: Any) -> Any:
    settings = {"NUMBA_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "PYTHONPATH": str(RUN.parent.parent)}
    return subprocess.Popen([sys.executable, RUN, folder, what, str(count)], env={**os.environ, **settings}, **more)


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("whole")
    assert child(folder).wait() == 0
    return (folder / "end").read_text()


@pytest.mark.parametrize("seed", [0, 1])
def test_a_run_killed_again_and_again_ends_with_the_same_bits(seed: int, uninterrupted: str, tmp_path: Path) -> None:
    """At chosen steps, before the file is replaced, and before it is on disk."""
    rng = random.Random(seed)
    for _ in range(4):
        with child(tmp_path, rng.choice(["step", "replace", "fsync"]), rng.randint(1, 5)) as run:
            assert run.wait() == -signal.SIGKILL
    assert child(tmp_path).wait() == 0
    assert (tmp_path / "end").read_text() == uninterrupted
    assert sorted(f.name for f in tmp_path.iterdir()) == ["end", "run"], "nothing half-written is left"


def test_a_run_killed_at_any_moment_ends_with_the_same_bits(uninterrupted: str, tmp_path: Path) -> None:
    for wait in (0.0, 0.03, 0.11):
        with child(tmp_path) as run:
            before = (tmp_path / "run").stat().st_mtime_ns if (tmp_path / "run").exists() else 0
            end = time.monotonic() + 60
            while run.poll() is None and time.monotonic() < end:  # until it has saved something
                if (tmp_path / "run").exists() and (tmp_path / "run").stat().st_mtime_ns != before:
                    break
                time.sleep(0.001)
            time.sleep(wait)
            run.kill()
    assert child(tmp_path).wait() == 0
    assert (tmp_path / "end").read_text() == uninterrupted


def parts() -> dict[str, Any]:
    model = nn.Linear(2, 2)
    return {
        "model": model,
        "optimizer": optim.SGD(model.parameters(), 0.1, momentum=0.9),
        "generator": autograd.Generator(),
    }


def test_checkpoint_restores_random_states_and_values(tmp_path: Path) -> None:
    held = parts()
    checkpoint = Checkpoint(tmp_path / "sub" / "run", **held)
    assert checkpoint.load() is None
    checkpoint.save(epoch=3, losses=[0.1, float("inf")], note=("a", None))

    def draw() -> list[float]:
        rng = held["generator"].rng
        return [autograd.rand(1).item(), np.random.rand(), np.random.randn(), random.random(), rng.random()]

    first = draw()
    assert draw() != first
    assert checkpoint.load() == {"epoch": 3, "losses": [0.1, float("inf")], "note": ("a", None)}
    assert draw() == first


def test_checkpoint_errors(tmp_path: Path) -> None:
    checkpoint = Checkpoint(tmp_path / "run", **parts())
    checkpoint.save()
    with pytest.raises(TypeError, match="part 'epoch' is a int"):
        Checkpoint(tmp_path / "run", epoch=3)
    with pytest.raises(ValueError, match="holds the parts"):
        Checkpoint(tmp_path / "run", model=nn.Linear(2, 2)).load()
    swapped = parts()
    swapped["generator"], swapped["model"] = swapped["model"], swapped["generator"]
    with pytest.raises(ValueError, match="another kind"):
        Checkpoint(tmp_path / "run", **swapped).load()
    with pytest.raises(TypeError, match="values.made is a set"):
        checkpoint.save(made={1})
    assert checkpoint.load() == {}, "the old file is still there"
    data = (tmp_path / "run").read_bytes()
    (tmp_path / "run").write_bytes(data[: len(data) // 2])
    with pytest.raises(ValueError, match="damaged"):
        checkpoint.load()
    autograd.save({"weight": np.zeros(3)}, tmp_path / "run")
    with pytest.raises(ValueError, match="not a checkpoint"):
        checkpoint.load()


# ---- learning-rate test


def quadratic(curvature: float) -> tuple[nn.Module, Any]:
    model = nn.Linear(1, 1, bias=False)
    with autograd.no_grad():
        model.weight.fill_(3.0)
    return model, lambda batch: (model(batch) ** 2 * curvature).mean()


def test_find_lr_brackets_the_stable_rate_and_leaves_no_trace(tmp_path: Path) -> None:
    # Gradient descent on c w^2 diverges from lr = 1 / c on.
    model, loss = quadratic(10.0)
    optimizer = optim.SGD([{"params": model.parameters(), "lr": 0.3}], momentum=0.5)
    loss(autograd.ones(1, 1)).backward()
    optimizer.step()
    weights, state, random_state = model.weight.item(), repr(optimizer.state_dict()), autograd.get_rng_state()
    found = find_lr(model, optimizer, loss, [autograd.ones(1, 1)], 1e-5, 10, 120, smoothing=0.5)
    assert 1e-3 < found.suggestion < found.lowest < 0.5
    assert found.lrs[0] == pytest.approx(1e-5) and found.lrs[-1] < 1, "it ends where the loss diverges"
    assert found.lrs[1:] / found.lrs[:-1] == pytest.approx(np.full(len(found.lrs) - 1, 1e6 ** (1 / 119)))
    assert model.weight.item() == weights and repr(optimizer.state_dict()) == state
    assert np.array_equal(autograd.get_rng_state().numpy(), random_state.numpy())
    found.picture(tmp_path / "lr.png")
    assert (tmp_path / "lr.png").read_bytes()[:4] == b"\x89PNG"


def test_find_lr_smooths_as_it_says() -> None:
    model, loss = quadratic(1.0)
    found = find_lr(model, optim.SGD(model.parameters(), 1.0), loss, [autograd.ones(1, 1)] * 2, 1e-4, 1e-2, 20)
    mean = 0.0
    for step, value in enumerate(found.losses):
        mean = 0.9 * mean + 0.1 * value
        assert found.smoothed[step] == pytest.approx(mean / (1 - 0.9 ** (step + 1)))


def test_find_lr_keeps_the_ratios_of_the_groups_and_restores_after_errors() -> None:
    model, other = nn.Linear(1, 1), nn.Linear(1, 1)
    optimizer = optim.SGD([{"params": model.parameters(), "lr": 0.1}, {"params": other.parameters(), "lr": 0.01}])
    both, seen = nn.ModuleList([model, other]), []

    def loss(batch: Any) -> Any:
        seen.append([group["lr"] for group in optimizer.param_groups])
        if len(seen) == 3:
            raise KeyError("broken batch")
        return model(batch).sum() ** 2 + other(batch).sum() ** 2

    with pytest.raises(KeyError):
        find_lr(both, optimizer, loss, [autograd.ones(1, 1)], 1e-4, 1e-1, 10)
    assert all(b == pytest.approx(a / 10) for a, b in seen) and seen[0][0] == pytest.approx(1e-4)
    assert [group["lr"] for group in optimizer.param_groups] == [0.1, 0.01]


def test_find_lr_errors() -> None:
    model, loss = quadratic(1.0)
    optimizer = optim.SGD(model.parameters(), 0.1)
    with pytest.raises(ValueError, match="low < high"):
        find_lr(model, optimizer, loss, [1], 1.0, 0.1)
    with pytest.raises(ValueError, match="no batches"):
        find_lr(model, optimizer, loss, [])
    with pytest.raises(ValueError, match="not finite"):
        find_lr(model, optimizer, loss, [autograd.full((1, 1), float("inf"))])


# ---- progress


def test_progress_shows_weighted_means_and_begins_where_the_loader_does() -> None:
    loader, out = DataLoader(TensorDataset(np.arange(10.0)), 3), io.StringIO()
    bar = Progress(loader, "epoch 1", file=out, mininterval=0)
    batches = iter(bar)
    for count in (3, 3):
        next(batches)
        bar.show(count, loss=float(count))
    state = loader.state_dict()
    for (x,) in batches:
        bar.show(len(x), loss=float(len(x)))
    assert bar.means == {"loss": pytest.approx((9 + 9 + 9 + 1) / 10)}
    assert "epoch 1: 100%" in out.getvalue() and "loss=2.8" in out.getvalue()
    loader.load_state_dict(state)
    again = Progress(loader, file=io.StringIO())
    assert again.bar.n == 2 and again.bar.total == 4 and len(list(again)) == 2


@pytest.mark.parametrize(
    ("module", "use"), [("tqdm", lambda: Progress([])), ("tensorboardX", lambda: SummaryWriter("x"))]
)
def test_a_missing_extra_names_its_installation(module: str, use: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ImportError, match=f"`pip install {module}`"):
        use()


def test_tensorboard_takes_tensors(tmp_path: Path) -> None:
    pytest.importorskip("tensorboardX")
    with SummaryWriter(tmp_path) as writer:
        writer.add_scalar("loss", autograd.tensor(0.25, requires_grad=True) * 2, 7)
        writer.add_scalars("both", {"train": autograd.tensor(1.0), "dev": 2.0}, 7)
        writer.add_histogram("weights", autograd.rand(50), 7)
        writer.add_image("picture", autograd.rand(3, 4, 5), 7)
        writer.add_text("note", "words", 7)
    from tensorboardX.proto.event_pb2 import Event  # type: ignore[import-untyped]

    (file,) = tmp_path.glob("events*")
    data, values, at = file.read_bytes(), {}, 0
    while at < len(data):
        length = int.from_bytes(data[at : at + 8], "little")
        event = Event.FromString(data[at + 12 : at + 12 + length])
        at += 16 + length
        for value in event.summary.value:
            values[value.tag] = (event.step, value)
    assert values["loss"][0] == 7 and values["loss"][1].simple_value == 0.5
    assert values["weights"][1].histo.num == 50 and values["picture"][1].image.width == 5
