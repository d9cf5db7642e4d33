"""The loss of alignments: the kernel beside a plain recursion, inside its arrays, and the same on any number of threads."""

import numpy as np
import pytest
from guard import guarded

from autograd.kernels.ctc import ctc
from autograd.kernels.threads import get_num_threads, set_num_threads


def plain(x, labels, T, blank):
    """The loss of one sequence x (T, C)."""
    states = [blank]
    for label in labels:
        states += [label, blank]
    if not T:
        return 0.0 if len(states) == 1 else np.inf
    a = np.full(len(states), -np.inf)
    a[:2] = [x[0, s] for s in states[:2]]
    for t in range(1, T):
        a = [
            np.logaddexp.reduce(
                [a[s], a[s - 1] if s else -np.inf, a[s - 2] if s > 1 and states[s] != states[s - 2] else -np.inf]
            )
            + x[t, states[s]]
            for s in range(len(states))
        ]
    return -np.logaddexp.reduce(a[-2:])


@pytest.mark.parametrize("dtype, near", [(np.float32, 1e-6), (np.float64, 1e-13)])
@pytest.mark.parametrize("T, N, C, S", [(1, 1, 2, 0), (1, 2, 2, 1), (9, 5, 4, 3), (20, 3, 6, 7), (40, 4, 3, 20)])
def test_losses(T, N, C, S, dtype, near):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((T, N, C)) * 5
    x = (x - np.logaddexp.reduce(x, 2, keepdims=True)).astype(dtype)
    times, sizes = rng.integers(0, T + 1, N), rng.integers(0, S + 1, N)
    labels, starts = rng.integers(1, C, N * S), np.arange(N) * S
    given = guarded(x, True), guarded(labels, True) if labels.size else labels, starts, times, sizes, 0
    expected = [plain(x[:, n].astype(np.float64), labels[n * S :][: sizes[n]], times[n], 0) for n in range(N)]
    results, threads = [], get_num_threads()
    for count in (1, threads):
        set_num_threads(count)
        results.append(ctc(*given))
        alone, none = ctc(*given, gradient=False)
        assert none.size == 0
        np.testing.assert_array_equal(alone, results[-1][0])
    set_num_threads(threads)
    np.testing.assert_allclose(results[0][0], np.array(expected, dtype), near)
    for one, many in zip(*results, strict=True):
        np.testing.assert_array_equal(one, many)
    # each time counts one state: the gradients of a time add up to minus one
    there = np.isfinite(results[0][0]) & (np.arange(T)[:, None] < times)
    np.testing.assert_allclose(results[0][1].sum(2), -there.astype(dtype), atol=near * 100)
