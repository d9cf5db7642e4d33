"""Every test starts from the same global state, and none leaves its own behind."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

import autograd

# Examples differ from run to run; a failure prints the blob that repeats it. The first call of a kernel compiles it,
# so neither a deadline nor "too slow" says anything.
settings.register_profile(
    "tapegrad",
    derandomize=bool(os.environ.get("CI")),  # a commit is judged by the same examples each time; at home they are new
    deadline=None,
    max_examples=40,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("tapegrad")


@pytest.fixture(autouse=True)
def sealed_state() -> Iterator[None]:
    """A fixed seed, recording on, float32 as the default, and numba's number of threads as it was."""
    threads = autograd.get_num_threads()
    dtype = autograd.get_default_dtype()
    autograd.manual_seed(0)
    with autograd.enable_grad():
        yield
        assert autograd.is_grad_enabled(), "the test left recording switched off"
    autograd.set_default_dtype(dtype)
    autograd.set_num_threads(threads)
