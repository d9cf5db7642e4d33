"""The threads of kernels: every task is done once, whoever calls, and nobody waits for a thread that sleeps."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

import autograd
from autograd.kernels import threads
from autograd.kernels.compile import kernel
from autograd.kernels.threads import MOST


@kernel
def _mark(first, last, done, order, weight):
    for t in range(first, last):
        done[t] += weight
        order[t] = first


@pytest.mark.parametrize("count", (1, MOST))
@pytest.mark.parametrize("tasks", (1, 2, 3, 7, 255, 256, 257, 1000, 5000))
def test_every_task_is_done_once(tasks, count):
    autograd.set_num_threads(count)
    for _ in range(20):
        done, order = np.zeros(tasks, np.int64), np.full(tasks, -1)
        threads.launch(_mark, None, tasks, done, order, 3)
        np.testing.assert_array_equal(done, 3)
        assert ((order >= 0) & (order <= np.arange(tasks))).all()


@pytest.mark.skipif(MOST < 2, reason="one thread only")
def test_helpers_that_sleep_are_woken():
    def asleep() -> int:
        helpers = threads._helpers
        return helpers.words[(threads.RUNS + threads.LINE + threads.ASLEEP) // 8]

    autograd.set_num_threads(2)
    done, order = np.zeros(64, np.int64), np.zeros(64, np.int64)
    threads.launch(_mark, None, 64, done, order, 1)
    for round in range(2, 5):
        until = time.monotonic() + 60
        while not asleep() and time.monotonic() < until:
            time.sleep(0.01)
        assert asleep()
        threads._helpers.wake(2)
        assert not asleep()
        threads.launch(_mark, None, 64, done, order, 1)
        np.testing.assert_array_equal(done, round)


def test_several_threads_may_launch_together():
    wrong = []

    def work(n: int) -> None:
        for _ in range(200):
            done, order = np.zeros(n, np.int64), np.zeros(n, np.int64)
            threads.launch(_mark, None, n, done, order, 1)
            if not (done == 1).all():
                wrong.append(n)

    workers = [threading.Thread(target=work, args=(n,)) for n in (33, 200, 1000, 4000)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not wrong


def ran(program: str, **environment: str) -> str:
    command = [sys.executable, "-W", "error", "-c", program]
    done = subprocess.run(command, env=os.environ | environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_process_starts_threads_of_its_own():
    program = """
import os, autograd
x = autograd.randn(200_000)
before = x.exp().sum().item()
child = os.fork()
if not child:
    same = x.exp().sum().item() == before
    os._exit(0 if same else 1)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
assert x.exp().sum().item() == before
print("same")
"""
    assert ran(program) == "same\n"


def test_the_interpreter_ends_while_helpers_look_for_work_and_operations_run_after():
    program = """
import atexit, autograd
x = autograd.randn(200_000)
value = x.exp().sum().item()
print(value == x.exp().sum().item())
"""
    late = program.replace(
        "import atexit, autograd",
        "import atexit\natexit.register(lambda: print(x.exp().sum().item() == value))\nimport autograd",
    )
    for _ in range(3):
        assert ran(program) == "True\n"
        assert ran(late) == "True\nTrue\n"


def test_number_of_threads():
    assert ran("import autograd; print(autograd.get_num_threads())", NUMBA_NUM_THREADS="1") == "1\n"
    autograd.set_num_threads(1)
    seen = []
    other = threading.Thread(target=lambda: seen.append(autograd.get_num_threads()))  # one number a Python thread
    other.start()
    other.join()
    assert (autograd.get_num_threads(), seen) == (1, [MOST])
    autograd.set_num_threads(MOST + 3)
    assert autograd.get_num_threads() == MOST + 3
    done, order = np.zeros(100, np.int64), np.zeros(100, np.int64)
    threads.launch(_mark, None, 100, done, order, 1)
    assert (done == 1).all()
    for wrong in (0, -1):
        with pytest.raises(ValueError, match=f"set_num_threads: n is {wrong}; expected a positive"):
            autograd.set_num_threads(wrong)
    for wrong in (True, 1.0, "2"):
        with pytest.raises(TypeError, match="set_num_threads: expected an int"):
            autograd.set_num_threads(wrong)
