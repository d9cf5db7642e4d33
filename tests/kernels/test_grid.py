"""Pictures read at the points of a grid: the kernels beside the composed form, inside their arrays, on any threads."""

import numpy as np
import pytest
from guard import guarded

import autograd
import nn.functional as F
from autograd.kernels import grid
from autograd.kernels.threads import get_num_threads, set_num_threads
from autograd.ops.image import _PADDINGS, _composed

SHAPES = [(1, 1, 1, 1, 1), (2, 3, 4, 5, 7), (1, 17, 1, 6, 300), (3, 16, 9, 8, 520), (2, 0, 3, 3, 4), (0, 2, 3, 3, 4)]


def drawn(N, C, H, W, Q, dtype):
    rng = np.random.default_rng(0)
    x, points = rng.standard_normal((N, C, H, W)).astype(dtype), rng.uniform(-3, 3, (N, Q, 2)).astype(dtype)
    if N and Q > 4:
        points[0, :5] = [[-1, -1], [1, 1], [0, -1], [1e30, 0], [np.inf, np.nan]]
    return x, points, rng.standard_normal((N, C, Q)).astype(dtype)


@pytest.mark.parametrize("dtype, near", [(np.float32, 2e-5), (np.float64, 1e-12)])
@pytest.mark.parametrize("align", [False, True])
@pytest.mark.parametrize("padding", _PADDINGS)
@pytest.mark.parametrize("shape", SHAPES)
def test_beside_the_composed_form(shape, padding, align, dtype, near):
    x, points, g = drawn(*shape, dtype)
    if padding != "zeros":
        points[~(np.abs(points) < 1e9)] = 2.5
    leaves = [autograd.tensor(a, requires_grad=True) for a in (x, points)]
    N, C, H, W = x.shape
    with np.errstate(invalid="ignore"):
        y = _composed(leaves[0].reshape(N, C, H * W), leaves[1], (H, W), "bilinear", padding, align)
        y.backward(autograd.tensor(g))
    for at_end in (False, True):
        x, points, g = (guarded(a, at_end) if a.size else a for a in (x, points, g))
        found = grid.read(x, points, _PADDINGS[padding], align)
        np.testing.assert_allclose(found, y.detach().numpy(), near, near)
        slopes = grid.pull(g, x, points, _PADDINGS[padding], align, [True, True])
        fine = np.isfinite(points).all(2)
        np.testing.assert_allclose(slopes[0], leaves[0].grad.numpy(), near * 10, near * 10)
        np.testing.assert_allclose(slopes[1][fine], leaves[1].grad.numpy()[fine], near * 10, near * 100)
        for k in range(2):
            alone = grid.pull(g, x, points, _PADDINGS[padding], align, [k == 0, k == 1])
            assert alone[1 - k] is None
            np.testing.assert_array_equal(alone[k], slopes[k])


def test_bits_do_not_depend_on_threads():
    x, points, g = drawn(3, 16, 40, 40, 2000, np.float32)
    results, threads = [], get_num_threads()
    for count in (1, threads):
        set_num_threads(count)
        results.append([grid.read(x, points, 0, False), *grid.pull(g, x, points, 0, False, [True, True])])
    set_num_threads(threads)
    for one, many in zip(*results, strict=True):
        np.testing.assert_array_equal(one, many)


@pytest.mark.parametrize("padding", _PADDINGS)
def test_gradients_of_gradients(padding):
    rng = np.random.default_rng(1)
    x = autograd.tensor(rng.standard_normal((1, 2, 4, 5)), requires_grad=True)
    points = autograd.tensor(rng.uniform(-1.3, 1.3, (1, 2, 3, 2)), requires_grad=True)

    def sample(x, points):
        return F.grid_sample(x, points, padding_mode=padding, align_corners=False)

    assert autograd.gradcheck(sample, (x, points))
    assert autograd.gradgradcheck(sample, (x, points))
    assert autograd.gradgradcheck(lambda points: sample(x.detach(), points), (points,))
    assert autograd.gradgradcheck(lambda x: sample(x, points.detach()), (x,))


def test_points_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="grid: points"):
        grid.read(np.zeros((2, 1, 3, 3), np.float32), np.zeros((1, 4, 2), np.float32), 0, False)
