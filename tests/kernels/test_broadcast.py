"""Arithmetic of arrays of unlike shapes against numpy: shapes, memory orders and cuts drawn at random."""

from typing import Any

import numpy as np
import pytest
from guard import guarded
from hypothesis import given
from hypothesis import strategies as st

import autograd
from autograd.kernels import broadcast, elementwise

OPERATIONS = [
    (elementwise.plus, np.add),
    (elementwise.minus, np.subtract),
    (elementwise.product, np.multiply),
    (elementwise.quotient, np.true_divide),
    (elementwise.larger, np.maximum),
    (elementwise.smaller, np.minimum),
]


@st.composite
def operands(draw: Any) -> tuple[np.ndarray, np.ndarray]:
    sizes = st.sampled_from([1, 2, 3, 4, 5, 7, 16, 33, 70])
    shape = draw(st.lists(sizes, min_size=1, max_size=4).filter(lambda s: np.prod(s) < 60_000))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    dtype = draw(st.sampled_from([np.float32, np.float64]))

    def one() -> np.ndarray:
        own = [n if draw(st.booleans()) else 1 for n in shape][draw(st.integers(0, len(shape) - 1)) :]
        order = draw(st.permutations(range(len(own))))
        a = rng.standard_normal([own[i] for i in order]).astype(dtype).transpose(np.argsort(order))
        cut = draw(st.sampled_from(["whole", "whole", "part", "every second", "backward"]))
        if cut == "part" and a.shape[-1] > 2:
            return a[..., 1:]
        if cut == "every second" and a.shape[0] > 2:
            return a[::2]
        return a[::-1] if cut == "backward" else a

    return one(), one()


@pytest.mark.parametrize(("function", "plain"), OPERATIONS, ids=lambda o: getattr(o, "__name__", ""))
@given(operands(), st.sampled_from([16, 100, 8192]), st.sampled_from([1, 1 << 15]))
def test_the_values_are_numpys(function: Any, plain: Any, both: Any, step: int, gate: int) -> None:
    x, y = both
    try:
        expected = plain(x, y)
    except ValueError:
        assert broadcast.planned.__wrapped__(x.shape, x.strides, y.shape, y.strides, x.itemsize) is None
        return
    with pytest.MonkeyPatch.context() as patched:
        for name, value in {"LEAST": 1, "STEP": step, "GATE": gate}.items():
            patched.setattr(broadcast, name, value)
        patched.setattr(broadcast, "planned", broadcast.planned.__wrapped__)
        found = broadcast.broadcast(function, x, y)
    if found is not None:
        assert found.dtype == x.dtype
        np.testing.assert_array_equal(found, expected, strict=True)


@pytest.mark.parametrize(
    ("x_shape", "y_shape"),
    [
        ((128, 256), (256,)), ((128, 256), (128, 1)), ((64, 1, 64), (1, 64, 64)), ((4, 16, 28, 28), (1, 16, 1, 1)),
        ((4096, 3), (3,)), ((5, 300, 16), (5, 1, 16)), ((100_000,), (1,)), ((2, 100_000), (2, 1)), ((3, 1), (1, 40_000)),
    ],
)  # fmt: skip
def test_the_common_cases_are_taken(x_shape: tuple[int, ...], y_shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal(x_shape).astype(np.float32), rng.standard_normal(y_shape).astype(np.float32)
    for at_end in (False, True):
        x, y = guarded(x, at_end), guarded(y, at_end)
        for a, b in ((x, y), (y, x)):
            found = broadcast.broadcast(elementwise.minus, a, b)
            assert found is not None
            np.testing.assert_array_equal(found, a - b, strict=True)


def test_channels_last_stays_so() -> None:
    x = np.random.default_rng(0).standard_normal((4, 28, 28, 16)).astype(np.float32).transpose(0, 3, 1, 2)
    scale = np.arange(16.0, dtype=np.float32).reshape(1, 16, 1, 1)
    found = broadcast.broadcast(elementwise.product, x, scale)
    assert found is not None and found.strides == x.strides
    np.testing.assert_array_equal(found, x * scale)


def test_gradients_are_those_of_small_tensors() -> None:
    """A large product and quotient beside the same in rows that are too small for the kernel."""
    rng = np.random.default_rng(0)
    values = [rng.standard_normal(shape) + 3 for shape in ((300, 257), (257,), (300, 1))]
    x, y, z = (autograd.tensor(v, requires_grad=True) for v in values)
    ((x * y) / z - y).square().sum().backward()
    grads = [np.zeros(v.shape) for v in values]
    for i in range(0, 300, 2):
        part, row, column = (
            autograd.tensor(v, requires_grad=True) for v in (values[0][i : i + 2], values[1], values[2][i : i + 2])
        )
        ((part * row) / column - row).square().sum().backward()
        grads[0][i : i + 2] = part.grad.numpy()
        grads[1] += row.grad.numpy()
        grads[2][i : i + 2] = column.grad.numpy()
    for tensor, expected in zip((x, y, z), grads, strict=True):
        np.testing.assert_allclose(tensor.grad.numpy(), expected, rtol=1e-10)


def test_a_gradient_of_nothing_stays_nothing() -> None:
    x = autograd.full((300, 300), float("inf"), requires_grad=True)
    y = autograd.zeros(300, requires_grad=True)
    g = autograd.zeros(300, 300)
    (x * y).backward(g)
    assert (y.grad.numpy() == 0).all() and (x.grad.numpy() == 0).all()
    x.grad = y.grad = None
    (x / y).backward(g)
    assert (y.grad.numpy() == 0).all() and (x.grad.numpy() == 0).all()
