"""Convolutions and products: errors that say what came and what was expected, memory order, dtypes."""

from __future__ import annotations

import numpy as np
import pytest

import autograd
import nn
from autograd.op import REGISTRY
from autograd.tensor import wrap


def zeros(*shape, dtype=np.float32):
    return wrap(np.zeros(shape, dtype))


@pytest.mark.parametrize(
    "name, args, words",
    [
        (
            "conv2d",
            (zeros(1, 3, 8, 8), zeros(6, 1, 5, 5)),
            r"input has 3 channels, weight of shape \(6, 1, 5, 5\) with groups=1 expects 1",
        ),
        ("conv2d", (zeros(1, 3, 4, 8), zeros(6, 3, 5, 5)), "output would have size less than 1"),
        ("conv2d", (zeros(1, 3, 8, 8), zeros(6, 3, 5, 5), zeros(5)), r"bias has shape \(5,\); expected \(6,\)"),
        ("conv2d", (zeros(1, 4, 8, 8), zeros(6, 1, 3, 3), None, 1, 0, 1, 4), "which groups=4 does not divide"),
        ("max_pool2d", (zeros(1, 1, 4, 4), 2, 1, 2), "more than half of kernel_size"),
        ("linear", (zeros(2, 3), zeros(5, 4)), r"weight of shape \(5, 4\) expects to be 4"),
        ("matmul", (zeros(2, 3), zeros(4, 2)), r"\(2, 3\) and other of shape \(4, 2\)"),
        ("embedding", (wrap(np.array([[1, 7]])), zeros(5, 2)), r"input\[0, 1\] is 7; the table has rows 0 to 4"),
    ],
)
def test_errors_name_what_came_and_what_was_expected(name, args, words):
    with pytest.raises(ValueError, match=words):
        REGISTRY[name].call(*args)


def test_one_dtype():
    with pytest.raises(TypeError, match="input is float32, weight is float64"):
        REGISTRY["conv2d"].call(zeros(1, 1, 3, 3), zeros(1, 1, 2, 2, dtype=np.float64))
    with pytest.raises(TypeError, match="cast one of them"):
        REGISTRY["matmul"].call(zeros(2, 2), zeros(2, 2, dtype=np.float64))


def test_images_are_channels_last_in_memory():
    y = REGISTRY["conv2d"].call(zeros(2, 3, 8, 8), zeros(4, 3, 3, 3))
    assert y.shape == (2, 4, 6, 6)
    assert y.numpy().transpose(0, 2, 3, 1).flags.c_contiguous
    assert REGISTRY["max_pool2d"].call(y, 2).numpy().transpose(0, 2, 3, 1).flags.c_contiguous


def test_sparse_gradient_of_embedding():
    weight = wrap(np.arange(10.0).reshape(5, 2)).requires_grad_()
    y = REGISTRY["embedding"].call(np.array([1, 3, 1, 0]), weight, padding_idx=0, sparse=True)
    y.sum().backward()
    assert weight.grad.is_sparse and weight.grad.indices.tolist() == [1, 3, 1]
    np.testing.assert_array_equal(weight.grad.to_dense(), [[0, 0], [2, 2], [0, 0], [1, 1], [0, 0]])


def test_gradient_divided_by_frequency():
    weight = wrap(np.ones((4, 2))).requires_grad_()
    REGISTRY["embedding"].call(np.array([1, 1, 2]), weight, scale_grad_by_freq=True).sum().backward()
    np.testing.assert_allclose(weight.grad.numpy()[:, 0], [0, 1, 1, 0])


def test_max_norm_scales_the_rows_in_use():
    weight = wrap(np.full((3, 4), 2.0))
    REGISTRY["embedding"].call(np.array([1]), weight, max_norm=1.0)
    np.testing.assert_allclose(np.linalg.norm(weight.numpy(), axis=1), [4, 1, 4], rtol=1e-6)


def test_a_bias_of_any_strides():
    """The kernels read the bias where it lies: every second element of a longer, reversed vector."""
    rng = np.random.default_rng(0)
    x, w, b = (autograd.tensor(rng.normal(size=s)) for s in ((2, 3, 6, 6), (4, 3, 3, 3), (8,)))
    strided = b[autograd.tensor([7, 5, 3, 1])]
    view = wrap(b.numpy()[::-2])
    assert view.numpy().strides[0] < 0
    for call in (autograd.conv2d, lambda *args: autograd.conv2d(*args, padding=1)):
        np.testing.assert_array_equal(call(x, w, view).numpy(), call(x, w, strided).numpy())


def test_transposed_1x1_window_with_room_for_windows_that_are_not_there():
    x, w = autograd.ones(1, 2, 3, 2), autograd.full((2, 1, 1, 1), 3.0)
    y = autograd.conv_transpose2d(x, w, autograd.tensor([1.0]), output_padding=1, dilation=2)
    expected = np.ones((1, 1, 4, 3), np.float32)
    expected[:, :, :3, :2] = 7
    assert np.array_equal(y.numpy(), expected)


@pytest.mark.parametrize("groups", [4, 16])
def test_groups_of_few_channels_stay_apart(groups):
    """What one group holds, NaN too, does not reach another; and the values are those of each group alone."""
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=(2, 32, 17, 19)), rng.normal(size=(48, 32 // groups, 3, 3))
    g = rng.normal(size=(2, 48, 17, 19))

    def run(x, w, g, groups):
        x, w = (autograd.from_numpy(np.ascontiguousarray(a)).requires_grad_() for a in (x, w))
        y = autograd.conv2d(x, w, None, 1, 1, 1, groups)
        y.backward(autograd.from_numpy(np.ascontiguousarray(g)))
        return [a.detach().numpy() for a in (y, x.grad, w.grad)]

    def alone(x, w, g):
        parts = zip(np.split(x, groups, 1), np.split(w, groups), np.split(g, groups, 1), strict=True)
        ys, xs, ws = zip(*[run(*part, 1) for part in parts], strict=True)
        return [np.concatenate(ys, 1), np.concatenate(xs, 1), np.concatenate(ws)]

    for broken in (False, True):
        if broken:
            x[0, 0, 5, 5], g[1, -1, 3, 3] = np.nan, np.inf
        for ours, expected in zip(run(x, w, g, groups), alone(x, w, g), strict=True):
            np.testing.assert_allclose(ours, expected, 1e-10, 1e-10)


def test_a_list_of_one_number_counts_as_the_number():
    x = zeros(1, 2, 7, 7)
    layer = nn.Conv2d(2, 3, 3, stride=[2], padding=[1], dilation=(1,))
    assert layer(x).shape == (1, 3, 4, 4) == nn.Conv2d(2, 3, 3, 2, 1)(x).shape
    with pytest.raises(ValueError, match="Conv2d: stride: expected one int or 2"):
        nn.Conv2d(2, 3, 3, stride=[1, 1, 1])
