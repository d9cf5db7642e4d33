"""Windows of images as columns: the kernels beside numpy, inside their arrays, and the same on any number of threads."""

import numpy as np
import pytest
from guard import guarded

import autograd
import nn.functional as F
from autograd.kernels import windows
from autograd.kernels.threads import get_num_threads, set_num_threads

RNG = np.random.default_rng(0)
CASES = [
    ((2, 3, 4, 5), (2, 3), (1, 1), (1, 1), (0, 0)),
    ((1, 2, 9, 40), (3, 3), (1, 1), (1, 1), (1, 1)),
    ((2, 9, 33, 31), (3, 3), (1, 1), (2, 1), (2, 3)),
    ((1, 1, 7, 18), (2, 5), (3, 2), (2, 3), (1, 4)),
    ((3, 1, 1, 1), (1, 1), (1, 1), (1, 1), (0, 0)),
    ((1, 3, 5, 16), (5, 1), (1, 1), (1, 1), (0, 0)),
    ((0, 3, 5, 6), (2, 2), (1, 1), (1, 1), (0, 0)),
]


def by_numpy(x, size, stride, dilation, padding):
    (R, S), (N, C) = size, x.shape[:2]
    P, Q = windows.places(x.shape[2:], size, stride, dilation, padding)
    padded = np.pad(x, ((0, 0), (0, 0), (padding[0],) * 2, (padding[1],) * 2))
    y = np.empty((N, C, R, S, P, Q), x.dtype)
    for r in range(R):
        for s in range(S):
            rows, columns = r * dilation[0], s * dilation[1]
            y[:, :, r, s] = padded[:, :, rows:, columns:][:, :, :: stride[0], :: stride[1]][:, :, :P, :Q]
    return y.reshape(N, C * R * S, P * Q)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape, size, stride, dilation, padding", CASES)
def test_unfold_and_its_adjoint(shape, size, stride, dilation, padding, dtype):
    x = RNG.standard_normal(shape).astype(dtype)
    expected = by_numpy(x, size, stride, dilation, padding)
    g = RNG.standard_normal(expected.shape).astype(dtype)
    for at_end in (False, True):
        inside = guarded(x, at_end) if x.size else x
        y = windows.unfold(inside, size, stride, dilation, padding)
        np.testing.assert_array_equal(y, expected)
        back = windows.fold(guarded(g, at_end) if g.size else g, shape[2:], size, stride, dilation, padding)
        assert back.shape == x.shape and back.dtype == dtype
    np.testing.assert_allclose((y * g).sum(dtype=np.float64), (x * back).sum(dtype=np.float64), rtol=1e-4, atol=1e-4)


def test_unfold_takes_any_memory_order_and_threads():
    x = RNG.standard_normal((4, 30, 28, 9)).astype(np.float32).transpose(0, 3, 1, 2)
    settings = (3, 3), (1, 1), (1, 1), (1, 1)
    results, threads = [], get_num_threads()
    for count in (1, threads):
        set_num_threads(count)
        y = windows.unfold(x, *settings)
        results.append((y, windows.fold(y, x.shape[2:], *settings)))
    set_num_threads(threads)
    for one, many in zip(*results, strict=True):
        np.testing.assert_array_equal(one, many)
    np.testing.assert_array_equal(results[0][0], by_numpy(x, *settings))


def test_columns_of_other_sizes_are_refused():
    with pytest.raises(ValueError, match="fold: columns"):
        windows.fold(np.zeros((1, 4, 5), np.float32), (3, 3), (2, 2), (1, 1), (1, 1), (0, 0))
    with pytest.raises(ValueError, match="no window"):
        windows.unfold(np.zeros((1, 4, 1, 5), np.float32), (2, 2), (1, 1), (1, 1), (0, 0))


def test_floats_by_the_kernel_are_integers_by_operations():
    x = RNG.integers(-9, 9, (2, 3, 6, 7))
    settings = {"dilation": (1, 2), "padding": (1, 0), "stride": (2, 1)}
    images, numbers = autograd.tensor(x, dtype=autograd.float64, requires_grad=True), autograd.tensor(x)
    ours, composed = F.unfold(images, (2, 3), **settings), F.unfold(numbers, (2, 3), **settings)
    np.testing.assert_array_equal(ours.detach().numpy(), composed.numpy())
    folded = F.fold(composed, (6, 7), (2, 3), **settings)
    np.testing.assert_array_equal(F.fold(ours, (6, 7), (2, 3), **settings).detach().numpy(), folded.numpy())
    (ours * ours).sum().backward()
    np.testing.assert_array_equal(images.grad.numpy(), 2 * folded.numpy())


def test_wrong_sizes_are_named():
    for name, args in (("unfold", (autograd.zeros(1, 1, 2, 2), 3)), ("fold", (autograd.zeros(1, 4, 3), (3, 3), 2))):
        with pytest.raises(ValueError, match=name):
            getattr(F, name)(*args)
