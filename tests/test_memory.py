"""Training networks: no memory is lost, threads do not meet, and the same seed gives the same bits on any thread count."""

from __future__ import annotations

import gc
import os
import platform
import subprocess
import sys
import threading
import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autograd
import nn
import nn.functional as F
import optim


class Residual(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 16, 3, padding=1)
        self.conv1, self.norm1 = nn.Conv2d(16, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16)
        self.conv2, self.norm2 = nn.Conv2d(16, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16)
        self.out = nn.Linear(16, 10)

    def forward(self, x):
        x = F.relu(self.stem(x))
        x = F.relu(x + self.norm2(self.conv2(F.relu(self.norm1(self.conv1(x))))))
        return self.out(F.dropout(F.adaptive_avg_pool2d(x, 1).flatten(1), 0.2, self.training))


class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.rnn, self.out = nn.Embedding(20, 16), nn.LSTM(16, 32, 2, batch_first=True), nn.Linear(32, 10)

    def forward(self, tokens):
        return self.out(self.rnn(self.embed(tokens))[0][:, -1])


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.layer = nn.Embedding(20, 16), nn.TransformerEncoderLayer(16, 2, 32, batch_first=True)
        self.out = nn.Linear(16, 10)

    def forward(self, tokens):
        return self.out(self.layer(self.embed(tokens)).mean(1))


def lenet() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), nn.Tanh(), nn.AvgPool2d(2), nn.Conv2d(6, 16, 5), nn.Tanh(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 10),
    )  # fmt: skip


NETWORKS: dict[str, tuple[Callable[[], nn.Module], Callable[[int], Any]]] = {
    "lenet": (lenet, lambda n: autograd.randn(n, 1, 28, 28)),
    "residual": (Residual, lambda n: autograd.randn(n, 3, 12, 12)),
    "lstm": (Recurrent, lambda n: autograd.randint(0, 20, (n, 7))),
    "transformer": (Attention, lambda n: autograd.randint(0, 20, (n, 7))),
}


def training(name: str, n: int) -> tuple[nn.Module, Callable[[], float]]:
    """A network, and one step of its training."""
    make, inputs = NETWORKS[name]
    autograd.manual_seed(3)
    model = make()
    x, y = inputs(n), autograd.randint(0, 10, (n,))
    optimizer = optim.Adam(model.parameters(), lr=1e-2)

    def step() -> float:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        return loss.item()

    return model, step


def bits(name: str, n: int = 32, steps: int = 3) -> list[bytes]:
    model, step = training(name, n)
    losses = np.array([step() for _ in range(steps)])
    return [losses.tobytes(), *(value.numpy().tobytes() for value in model.state_dict().values())]


def traced() -> int:
    """Bytes in use but for those of cycles, which stay, and Python's stock of freed tuples, which goes."""
    gc.freeze()
    gc.collect()
    gc.unfreeze()
    return tracemalloc.get_traced_memory()[0]


@pytest.mark.parametrize("name", NETWORKS)
def test_200_steps_do_not_grow_memory(name):
    _, step = training(name, 4)
    gc.collect()
    gc.disable()
    try:
        for _ in range(20):
            step()
        tracemalloc.start()
        step()
        before = traced()
        for _ in range(200):
            step()
        grown = traced() - before
    finally:
        tracemalloc.stop()
        gc.enable()
    assert grown < 8192, f"{grown} bytes more after 200 steps"


@pytest.mark.parametrize("name", NETWORKS)
def test_same_seed_same_bits_on_any_number_of_threads(name):
    threads = autograd.get_num_threads()
    first = bits(name)
    assert bits(name) == first
    try:
        for count in {1, min(2, threads)}:
            autograd.set_num_threads(count)
            assert bits(name) == first, f"{count} threads"
    finally:
        autograd.set_num_threads(threads)


def test_two_threads_train_as_if_alone():
    steppers = {name: training(name, 16) for name in ("lenet", "lstm")}  # made one after the other: one generator
    together: dict[str, list[float]] = {}
    alone = {}
    for name, (_, step) in steppers.items():
        alone[name] = [step() for _ in range(6)]
    steppers = {name: training(name, 16) for name in steppers}

    def work(name: str) -> None:
        together[name] = [steppers[name][1]() for _ in range(6)]

    workers = [threading.Thread(target=work, args=(name,)) for name in steppers]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert together == alone


_FAULTS = """
import os, resource, sys
import numpy as np
if sys.argv[1] == "ours":
    import autograd
def step():
    held = [np.ones(2**17) for _ in range(20)], np.ones(2**23)
for _ in range(3):
    step()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    step()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library")
def test_memory_freed_in_one_step_is_there_in_the_next_without_page_faults():
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("MALLOC_", "GLIBC_"))}

    def faults(whose: str, **settings: str) -> int:
        command = [sys.executable, "-c", _FAULTS, whose]
        return int(subprocess.run(command, env=clean | settings, capture_output=True, text=True, check=True).stdout)

    assert faults("ours") < 100
    assert faults("ours", TAPEGRAD_KEEP_MEMORY="0") > 5000  # 20 steps of 84 MB in pages of 4 kB or 2 MB
    assert faults("numpy") > 5000
