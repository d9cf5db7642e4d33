"""Cross-entropy of pixels: the kernel beside the one of rows, inside its arrays, and the same on any number of threads."""

import numpy as np
import pytest
from guard import guarded

import autograd
import nn.functional as F
from autograd.kernels import pixels
from autograd.kernels.softmax import softmax_cross_entropy, softmax_cross_entropy_backward
from autograd.kernels.threads import get_num_threads, set_num_threads


@pytest.mark.parametrize("dtype, near", [(np.float32, 1e-5), (np.float64, 1e-13)])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("N, C, P", [(1, 1, 1), (2, 3, 15), (3, 5, 17), (2, 21, 300), (9, 4, 600), (0, 3, 16)])
def test_beside_rows(N, C, P, weighted, reduction, dtype, near):
    rng = np.random.default_rng(0)
    x = (rng.standard_normal((N, C, P)) * 20).astype(dtype)
    labels = rng.integers(0, C, (N, P))
    labels[rng.random((N, P)) < 0.1] = -100
    weight = rng.random(C).astype(dtype) if weighted else None
    g = rng.standard_normal((N, P) if reduction == "none" else ()).astype(dtype)
    by_rows = np.ascontiguousarray(x.transpose(0, 2, 1)).reshape(-1, C)
    expected, rows, total = softmax_cross_entropy(by_rows, labels.reshape(-1), weight, -100, 0.0, reduction)
    back = softmax_cross_entropy_backward(
        g.reshape(-1) if reduction == "none" else g,
        by_rows,
        labels.reshape(-1),
        rows,
        total,
        weight,
        -100,
        0.0,
        reduction,
    )
    x, labels = (guarded(a, True) if a.size else a for a in (x, labels))
    results, threads = [], get_num_threads()
    for count in (1, threads):
        set_num_threads(count)
        loss, state, sum_of_weights = pixels.cross_entropy(x, labels, weight, -100, reduction)
        slopes = pixels.cross_entropy_backward(g, x, labels, state, sum_of_weights, weight, -100, reduction)
        results.append((loss, slopes))
    set_num_threads(threads)
    assert abs(sum_of_weights - total) <= 1e-6 * total
    np.testing.assert_allclose(loss, expected.reshape(loss.shape), near, near)
    np.testing.assert_allclose(slopes, back.reshape(N, P, C).transpose(0, 2, 1), near, near)
    for one, many in zip(*results, strict=True):
        np.testing.assert_array_equal(one, many)


def test_nan_stays_and_an_ignored_pixel_hides_it():
    x = np.zeros((1, 3, 20), np.float32)
    x[0, 1, 4], x[0, 2, 5] = np.nan, np.nan
    labels = np.zeros((1, 20), np.int64)
    labels[0, 5] = 1
    loss, rows, total = pixels.cross_entropy(x, labels, None, 1, "none")
    assert np.isnan(loss[0, 4]) and loss[0, 5] == 0 and total == 19
    slopes = pixels.cross_entropy_backward(np.ones((1, 20), np.float32), x, labels, rows, total, None, 1, "none")
    assert np.isnan(slopes[0, :, 4]).all() and not slopes[0, :, 5].any() and np.isfinite(slopes[0, :, 6:]).all()


def test_a_wrong_label_is_refused():
    x = np.zeros((1, 3, 20), np.float32)
    for label in (3, -1):
        labels = np.zeros((1, 20), np.int64)
        labels[0, 7] = label
        with pytest.raises(ValueError, match=f"label {label} of pixel 7"):
            pixels.cross_entropy(x, labels, None, -100, "mean")
    with pytest.raises(ValueError, match="labels"):
        pixels.cross_entropy(x, np.zeros((1, 19), np.int64), None, -100, "mean")


@pytest.mark.parametrize("settings", [{}, {"reduction": "none"}, {"ignore_index": 1}, {"reduction": "sum"}])
def test_operation(settings):
    rng = np.random.default_rng(0)
    data, labels = rng.standard_normal((2, 3, 4, 5)), autograd.tensor(rng.integers(0, 3, (2, 4, 5)))
    weight = autograd.tensor(rng.random(3))

    def second(x, memory):
        y = F.cross_entropy(x.contiguous(memory_format=memory), labels, weight, **settings)
        (gx,) = autograd.grad((y * y).sum(), x, create_graph=True)
        (gxx,) = autograd.grad((gx * gx).sum(), x)
        return [t.detach().numpy() for t in (y, gx, gxx)]

    x = autograd.tensor(data, requires_grad=True)
    across, together = (second(x, m) for m in (autograd.contiguous_format, autograd.channels_last))
    for ours, theirs in zip(across, together, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-10, atol=1e-13)
    with pytest.raises(IndexError, match="target"):
        F.cross_entropy(x, labels + 1, **settings)
