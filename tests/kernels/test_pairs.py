"""Cosines and distances of rows and their gradients beside float64 formulas, inside their arrays, on any number of threads."""

import numpy as np
import pytest
from guard import guarded

import autograd
import nn.functional as F
from autograd.kernels import pairs
from autograd.kernels.threads import get_num_threads, set_num_threads

SHAPES = [(1, 1), (3, 15), (5, 16), (2, 17), (4, 1030), (70, 256), (0, 4), (3, 0), (2, 3, 40)]


def pair(shape, dtype, at_end=True):
    rng = np.random.default_rng(0)
    arrays = [rng.standard_normal(shape).astype(dtype) for _ in range(2)]
    return [guarded(a, at_end) if a.size else a for a in arrays], rng.standard_normal(shape[:-1]).astype(dtype)


@pytest.mark.parametrize("dtype, near", [(np.float32, 2e-5), (np.float64, 1e-12)])
@pytest.mark.parametrize("at_end", [False, True])
@pytest.mark.parametrize("shape", SHAPES)
def test_cosines(shape, at_end, dtype, near):
    (x, y), g = pair(shape, dtype, at_end)
    cosines, norms = pairs.cosines(x, y, 1e-8)
    a, b = x.astype(np.float64), y.astype(np.float64)
    p, q = (np.maximum(np.sqrt((v * v).sum(-1, keepdims=True)), 1e-8) for v in (a, b))
    expected = (a * b / p / q).sum(-1, keepdims=True)
    np.testing.assert_allclose(cosines, expected[..., 0], near, near)
    gx, gy = pairs.cosines_backward(g, x, y, norms, 1e-8, [True, True])
    np.testing.assert_allclose(gx, g[..., None] * (b / q - expected * a / p) / p, near, near)
    np.testing.assert_allclose(gy, g[..., None] * (a / p - expected * b / q) / q, near, near)
    only = pairs.cosines_backward(g, x, y, norms, 1e-8, [False, True])
    assert only[0] is None
    np.testing.assert_array_equal(only[1], gy)


@pytest.mark.parametrize("dtype, near", [(np.float32, 2e-5), (np.float64, 1e-12)])
@pytest.mark.parametrize("at_end", [False, True])
@pytest.mark.parametrize("shape", SHAPES)
def test_row_distances(shape, at_end, dtype, near):
    (x, y), g = pair(shape, dtype, at_end)
    distances = pairs.row_distances(x, y, 1e-3)
    d = x.astype(np.float64) - y + 1e-3
    n = np.sqrt((d * d).sum(-1))
    np.testing.assert_allclose(distances, n, near, near)
    gx, gy = pairs.row_distances_backward(g, x, y, distances, 1e-3, [True, True])
    np.testing.assert_allclose(gx, g[..., None] * d / n[..., None], near * 10, near * 10)
    np.testing.assert_array_equal(gy, -gx)


@pytest.mark.parametrize("dtype, near", [(np.float32, 1e-4), (np.float64, 1e-11)])
@pytest.mark.parametrize(
    "B, P, R, M", [(1, 1, 1, 1), (2, 5, 7, 33), (1, 64, 30, 16), (3, 4, 0, 5), (1, 70, 66, 9), (2, 9, 35, 200)]
)
def test_gradients_of_all_distances(B, P, R, M, dtype, near):
    rng = np.random.default_rng(1)
    x, y, g = (rng.standard_normal(s).astype(dtype) for s in ((B, P, M), (B, R, M), (B, P, R)))
    if P == R == 1:
        y[:] = x  # at distance 0 the gradient is 0
    d = x[:, :, None].astype(np.float64) - y[:, None]
    n = np.sqrt((d * d).sum(-1))
    w = np.where(n > 0, g / np.where(n > 0, n, 1), 0)[..., None] * d
    x, y, g = (guarded(a, True) if a.size else a for a in (x, y, g))
    results, threads = [], get_num_threads()
    for count in (1, threads):
        set_num_threads(count)
        slopes = pairs.distances_backward(g, x, y, n.astype(dtype), [True, True])
        results.append([*slopes, pairs.distances(x, y)])
    set_num_threads(threads)
    np.testing.assert_allclose(results[0][2], n, near, near)
    np.testing.assert_allclose(results[0][0], w.sum(2), near, near)
    np.testing.assert_allclose(results[0][1], -w.sum(1), near, near)
    for one, many in zip(*results, strict=True):
        np.testing.assert_array_equal(one, many)


def test_bits_do_not_depend_on_threads():
    (x, y), g = pair((700, 65), np.float32)
    results, threads = [], get_num_threads()
    for count in (1, threads):
        set_num_threads(count)
        cosines, norms = pairs.cosines(x, y, 1e-8)
        distances = pairs.row_distances(x, y, 1e-6)
        backward = pairs.cosines_backward(g, x, y, norms, 1e-8, [True, True])
        results.append([cosines, distances, *backward, *pairs.row_distances_backward(g, x, y, distances, 1e-6, [1, 1])])
    set_num_threads(threads)
    for one, many in zip(*results, strict=True):
        np.testing.assert_array_equal(one, many)


def test_rows_at_zero_and_of_nan():
    x = autograd.zeros(64, 64)
    y = autograd.ones(64, 64)
    x[3, 5] = float("nan")
    x.requires_grad = True
    cosine = F.cosine_similarity(x, y)
    assert cosine[3].isnan() and cosine[0] == 0
    cosine[:3].sum().backward()
    np.testing.assert_allclose(x.grad[0].numpy(), np.full(64, 1e8 / 8), rtol=1e-6)  # a length below eps counts as eps
    z = autograd.ones(64, 64, requires_grad=True)
    F.pairwise_distance(z, z.detach() + 0.0, eps=0.0).sum().backward()
    assert not z.grad.any()
    with pytest.raises(ValueError, match="alike"):
        pairs.cosines(np.zeros((2, 3)), np.zeros((2, 4)), 0.0)


@pytest.mark.parametrize("shape", [(40, 60), (3, 20, 50)])
def test_operations_are_those_of_small_tensors(shape):
    """Above their gates the rows go through kernels, below through ops: values, gradients and gradients of those agree."""
    rng = np.random.default_rng(2)
    arrays = [rng.standard_normal(shape) for _ in range(2)]

    def both(function, composed):
        for f in (function, composed):
            x, y = (autograd.tensor(a, requires_grad=True) for a in arrays)
            out = f(x, y)
            gx, gy = autograd.grad((out * out).sum(), (x, y), create_graph=True)
            second = autograd.grad((gx * gx).sum() + (gy * gy * y).sum(), (x, y))
            yield [t.detach().numpy() for t in (out, gx, gy, *second)]

    def cosine(x, y):
        return (x / x.norm(dim=-1, keepdim=True) * y / y.norm(dim=-1, keepdim=True)).sum(-1)

    for function, composed in (
        (lambda x, y: F.cosine_similarity(x, y, dim=-1), cosine),
        (F.pairwise_distance, lambda x, y: (x - y + 1e-6).norm(dim=-1)),
        (lambda x, y: F.pairwise_distance(x, y, keepdim=True), lambda x, y: (x - y + 1e-6).norm(dim=-1, keepdim=True)),
        (autograd.cdist, lambda x, y: (x.unsqueeze(-2) - y.unsqueeze(-3)).norm(dim=-1)),
    ):
        for ours, theirs in zip(*both(function, composed), strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-11)
