"""Functions of arrays that do not lie alike in memory against numpy: shapes, orders, gaps and steps drawn at random."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kernels.guarded_views import guarded_view

import autograd
from autograd.kernels import elementwise, strided

# a function of numbers, one of vectors, of two arrays, of two with numbers, of three
FUNCTIONS = {
    elementwise.negative: lambda a: -a,
    elementwise.shifted: lambda a: a + np.asarray(0.5, a.dtype),
    elementwise.sigmoid_forward: lambda a: 1 / (1 + np.exp(-a)),
    elementwise.minus: lambda a, b: a - b,
    elementwise.silu_backward: lambda a, b: b * (1 / (1 + np.exp(-a))) * (1 + a * (1 - 1 / (1 + np.exp(-a)))),
    elementwise.lerp: lambda a, b: a + (b - a) * np.asarray(0.25, a.dtype),
    elementwise.lerp_each: lambda a, b, c: np.where(c < 0.5, a + c * (b - a), b - (b - a) * (1 - c)),
}
NUMBERS = {elementwise.shifted: (0.5,), elementwise.lerp: (0.25,)}


@st.composite
def views(draw: Any, arrays: int) -> list[np.ndarray]:
    sizes = st.sampled_from([1, 2, 3, 4, 5, 7, 16, 33, 70])
    shape = draw(st.lists(sizes, min_size=1, max_size=4).filter(lambda s: np.prod(s) < 20_000))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    dtype = draw(st.sampled_from([np.float32, np.float64]))

    def one() -> np.ndarray:
        order = draw(st.permutations(range(len(shape))))
        steps = [draw(st.sampled_from([1, 1, 1, 2, 3])) for _ in shape]
        begin = [draw(st.sampled_from([0, 0, 1])) for _ in shape]
        whole = [n * s + b for n, s, b in zip(shape, steps, begin, strict=True)]
        a = rng.standard_normal([whole[i] for i in order]).astype(dtype).transpose(np.argsort(order))
        a = a[tuple(slice(b, b + n * s, s) for n, s, b in zip(shape, steps, begin, strict=True))]
        kind = draw(st.sampled_from(["as it is"] * 6 + ["backward", "stretched"]))
        if kind == "stretched":
            return np.broadcast_to(a[..., :1], shape)
        return a[::-1] if kind == "backward" else a

    return [one() for _ in range(arrays)]


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.function.__name__)
@given(st.data(), st.sampled_from([8, 100, 2048]), st.sampled_from([1, 4, 64]), st.booleans())
def test_the_values_are_numpys(function: Any, data: Any, row: int, short: int, at_end: bool) -> None:
    arrays = data.draw(views(function.arrays))
    expected = FUNCTIONS[function](*arrays)
    arrays = [a if 0 in a.strides else guarded_view(a, at_end) for a in arrays]
    with pytest.MonkeyPatch.context() as patched:
        for name, value in {"LEAST": 1, "ROW": row, "SHORT": short, "STEP": 64}.items():
            patched.setattr(strided, name, value)
        patched.setattr(strided, "planned", strided.planned.__wrapped__)
        found = function.strided(*arrays, *NUMBERS.get(function, ()))
    if found is None:
        too_far = any(s < 0 or s // a.itemsize > 16 for a in arrays for s in a.strides)
        assert too_far or arrays[0].ndim > 3 or arrays[0].size == 1
    else:
        assert found.dtype == arrays[0].dtype and found.shape == arrays[0].shape
        np.testing.assert_allclose(found, expected, 1e-5, 1e-6)


@pytest.mark.parametrize(
    "halves",
    [
        lambda x: (x[..., :256], x[..., 256:]), lambda x: (x[:, ::2], x[:, 1::2]), lambda x: (x[..., ::2], x[..., 1::2]),
        lambda x: (x.reshape(-1, 16)[:, :8], x.reshape(-1, 16)[:, 8:]), lambda x: (x.transpose(1, 0, 2), x[:40]),
    ],
)  # fmt: skip
def test_the_common_views_are_taken(halves: Any) -> None:
    a, b = halves(np.random.default_rng(0).standard_normal((40, 40, 512)).astype(np.float32))
    for function, plain in ((elementwise.plus, a + b), (elementwise.larger, np.maximum(a, b))):
        found = function.strided(a, b)
        assert found is not None and found.strides == np.empty_like(a).strides
        np.testing.assert_array_equal(found, plain)
    np.testing.assert_array_equal(elementwise.negative.strided(a), -a)


def test_the_bits_are_those_of_dense_arrays() -> None:
    x = np.random.default_rng(0).standard_normal((300, 1000)).astype(np.float32)
    for view in (x[:, :500], x[:, ::2], x.T):
        for function in (elementwise.gelu, elementwise.tanh_forward, elementwise.squared):
            np.testing.assert_array_equal(function.strided(view), function(np.ascontiguousarray(view)))


def test_gradients_through_chunks() -> None:
    """A gated unit written with chunks beside the same of two tensors."""
    rng = np.random.default_rng(0)
    value = rng.standard_normal((64, 40, 256))
    x = autograd.tensor(value, requires_grad=True)
    a, b = x.chunk(2, -1)
    y = a * b.sigmoid() + a.tanh() / (b * b + 1)
    y.sum().backward()
    c, d = (autograd.tensor(part.copy(), requires_grad=True) for part in (value[..., :128], value[..., 128:]))
    z = c * d.sigmoid() + c.tanh() / (d * d + 1)
    z.sum().backward()
    np.testing.assert_allclose(y.detach().numpy(), z.detach().numpy(), rtol=1e-12)
    np.testing.assert_allclose(x.grad.numpy(), np.concatenate([c.grad.numpy(), d.grad.numpy()], -1), rtol=1e-12)
