"""The examples of docs/augmentation.md, docs/fashion.md and docs/training.md run, briefly."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import autograd
import nn
import nn.functional as F
import optim
from nn.data import DataLoader, TensorDataset, mnist_5k
from nn.data import transforms as T
from nn.training import Checkpoint, EarlyStopping, Progress

ROOT = Path(__file__).resolve().parent.parent


def run(name: str, *options: str | Path) -> str:
    done = subprocess.run(
        [sys.executable, ROOT / "examples" / name, *options], capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def is_png(path: Path) -> bool:
    return path.read_bytes()[:4] == b"\x89PNG"


def test_augmentation(tmp_path: Path) -> None:
    image = pytest.importorskip("PIL.Image")
    image.fromarray(np.full((330, 490, 3), 90, np.uint8)).save(tmp_path / "mine.png")
    run("augmentation.py", "--picture", tmp_path / "mine.png", "--out", tmp_path)
    assert is_png(tmp_path / "augmentation.png")


@pytest.fixture
def digits() -> None:
    try:
        mnist_5k()
    except FileNotFoundError as error:
        pytest.skip(str(error))


@pytest.mark.usefixtures("digits")
def test_hyperparameters(tmp_path: Path) -> None:
    said = run("hyperparameters.py", "--trials", "3", "--epochs", "1", "--order", "importance", "--out", tmp_path)
    assert "random: best" in said and "grid: best" in said
    assert is_png(tmp_path / "search.png") and is_png(tmp_path / "learning_rates.png")


@pytest.mark.usefixtures("digits")
def test_diagnose(tmp_path: Path) -> None:
    said = run("diagnose.py", "--epochs", "1", "--out", tmp_path)
    assert is_png(tmp_path / "mistakes.png")
    assert said.count("Verdict:") == 4 and "turned by more than 30" in said


@pytest.mark.parametrize("model", ["lenet", "resnet"])
def test_fashion(model: str, tmp_path: Path) -> None:
    """Ten made-up kinds of clothes, each bright in rows of its own, are told apart."""
    for part, n in (("train", 1200), ("t10k", 200)):
        labels = np.arange(n) % 10
        pixels = np.random.default_rng(n).integers(0, 60, (n, 28, 28), np.uint8)
        pixels[np.arange(n)[:, None], labels[:, None] * 2 + [4, 5]] += 180
        for name, array in (("images-idx3-ubyte", pixels), ("labels-idx1-ubyte", labels.astype(np.uint8))):
            head = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes()
            (tmp_path / f"{part}-{name}").write_bytes(head + array.tobytes())
    options = ("--model", model, "--data", tmp_path, "--epochs", "3", "--batch", "40", "--out", tmp_path)
    said = run("fashion.py", *options)
    found = re.search(r"^test accuracy (\S+)% \((\d+) of 200 wrong\)$", said, re.MULTILINE)
    assert found and float(found[1]) == 100 - int(found[2]) / 2
    assert float(found[1]) > 30  # shifts by up to two rows blur neighbours; chance is 10
    assert is_png(tmp_path / f"{model}_curves.png") and is_png(tmp_path / f"{model}_confusion.png")
    assert "of 200 wrong" in run("fashion.py", *options, "--validate").split("validation accuracy")[1]


def test_fashion_without_its_pictures(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "examples" / "fashion.py", "--data", tmp_path / "nowhere"],
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert f"{tmp_path / 'nowhere'} has none of train-images-idx3-ubyte" in done.stderr
    assert "apt install dataset-fashion-mnist" in done.stderr


def test_the_loop_of_the_page(tmp_path: Path) -> None:
    def loop(folder: str, steps: int) -> list[float]:
        """docs/training.md, until so many steps are done."""
        autograd.manual_seed(0)
        model = nn.Sequential(nn.Flatten(), nn.Linear(12, 8), nn.Dropout(0.2), nn.Linear(8, 2))
        optimizer = optim.Adam(model.parameters())
        schedule = optim.lr_scheduler.ExponentialLR(optimizer, 0.9)
        rng = np.random.default_rng(0)
        loader = DataLoader(
            TensorDataset(rng.random((20, 3, 2, 2), np.float32), rng.integers(0, 2, 20)), 6, shuffle=True
        )
        augment = T.Compose([T.RandomHorizontalFlip(), T.ColorJitter(0.2, generator=1)])
        stopping = EarlyStopping(model, patience=5)
        checkpoint = Checkpoint(
            tmp_path / folder / "last.checkpoint", model=model, optimizer=optimizer, schedule=schedule,
            loader=loader, augment=augment, stopping=stopping,
        )  # fmt: skip
        held = checkpoint.load() or {"epoch": 0, "losses": []}
        for epoch in range(held["epoch"], 3):
            bar = Progress(loader, f"epoch {epoch}", disable=True)
            for x, y in bar:
                loss = F.cross_entropy(model(augment(x)), y)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                held["losses"].append(loss.item())
                bar.show(len(y), loss=loss.item())
                checkpoint.save(epoch=epoch, losses=held["losses"])
                if len(held["losses"]) == steps:
                    return held["losses"]
            schedule.step()
            if stopping.update(model(autograd.ones(1, 3, 2, 2)).sum().item()):
                break
            checkpoint.save(epoch=epoch + 1, losses=held["losses"])
        stopping.restore()
        return [*held["losses"], model[1].weight.sum().item()]

    whole = loop("whole", 99)
    for steps in (2, 4, 5, 11):
        assert loop("parts", steps) == whole[:steps]
    assert loop("parts", 99)[:-1] == whole[:-1]
