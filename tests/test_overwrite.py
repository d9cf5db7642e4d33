"""Writing in place where nothing is recorded: to the last bit the values of the general way, and the same refusals."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autograd
from autograd import Tensor, inplace

CALLS: dict[str, Callable[[Tensor, Tensor, Tensor], Any]] = {
    "add": lambda x, y, z: x.add_(y),
    "add number": lambda x, y, z: x.add_(1.5),
    "add int": lambda x, y, z: x.add_(2),
    "add alpha": lambda x, y, z: x.add_(y, alpha=0.3),
    "add int alpha": lambda x, y, z: x.add_(y, alpha=2),
    "sub": lambda x, y, z: x.sub_(y),
    "sub alpha": lambda x, y, z: x.sub_(y, alpha=0.7),
    "mul": lambda x, y, z: x.mul_(y),
    "mul number": lambda x, y, z: x.mul_(0.9),
    "div": lambda x, y, z: x.div_(y),
    "div number": lambda x, y, z: x.div_(3),
    "div floor": lambda x, y, z: x.div_(y, rounding_mode="floor"),
    "+=": lambda x, y, z: x.__iadd__(y),
    "-=": lambda x, y, z: x.__isub__(y),
    "*=": lambda x, y, z: x.__imul__(y),
    "/=": lambda x, y, z: x.__itruediv__(y),
    "addcmul": lambda x, y, z: x.addcmul_(y, z, value=0.2),
    "addcmul 1": lambda x, y, z: x.addcmul_(y, z),
    "addcdiv": lambda x, y, z: x.addcdiv_(y, z, value=-0.2),
    "lerp": lambda x, y, z: x.lerp_(y, 0.3),
    "lerp near the end": lambda x, y, z: x.lerp_(y, 0.7),
    "clamp": lambda x, y, z: x.clamp_(-0.5, 0.5),
    "clamp min": lambda x, y, z: x.clamp_(min=0.1),
    "sqrt": lambda x, y, z: x.sqrt_(),
    "rsqrt": lambda x, y, z: x.rsqrt_(),
    "neg": lambda x, y, z: x.neg_(),
    "abs": lambda x, y, z: x.abs_(),
    "sign": lambda x, y, z: x.sign_(),
    "exp": lambda x, y, z: x.exp_(),
    "log": lambda x, y, z: x.log_(),
    "square": lambda x, y, z: x.square_(),
    "reciprocal": lambda x, y, z: x.reciprocal_(),
    "floor": lambda x, y, z: x.floor_(),
    "relu": lambda x, y, z: x.relu_(),
    "itself": lambda x, y, z: x.add_(x),
    "times itself": lambda x, y, z: x.mul_(x),
    "product with itself": lambda x, y, z: x.addcmul_(x, x, value=0.5),
}
LAYOUTS: dict[str, Callable[[np.ndarray], Tensor]] = {
    "dense": lambda a: autograd.from_numpy(a.copy()),
    "every second": lambda a: autograd.from_numpy(np.repeat(a, 2, axis=-1))[..., ::2],
    "turned": lambda a: autograd.from_numpy(np.moveaxis(a, 0, -1).copy()).movedim(-1, 0),
    "a part": lambda a: autograd.from_numpy(np.concatenate([a, a]))[len(a) :],
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("call", CALLS)
def test_the_values_are_those_of_the_general_way(call: str, layout: str, monkeypatch: Any) -> None:
    rng = np.random.default_rng(3)
    for shape in ((3, 5), (1,), (0, 4), (100, 90), (2, 8, 40, 40), (400, 500)):
        for dtype in (np.float32, np.float64):
            x, y, z = (rng.standard_normal(shape).astype(dtype) for _ in range(3))
            x.reshape(-1)[:6:2] = np.nan if x.size > 6 else 1
            found = []
            for other in (y, y[:1]):
                for general in (False, True):
                    with monkeypatch.context() as patched:
                        if general:
                            patched.setattr(inplace, "_unrecorded", lambda *args: None)
                        tensor = LAYOUTS[layout](x)
                        CALLS[call](tensor, autograd.from_numpy(other.copy()), autograd.from_numpy(z.copy()))
                        found.append(tensor.numpy().copy())
                assert found[-1].dtype == dtype
                np.testing.assert_array_equal(found[-2], found[-1], err_msg=f"{shape} {dtype}")


@pytest.mark.parametrize("call", CALLS)
def test_a_leaf_that_requires_grad_is_refused_unchanged(call: str) -> None:
    x = autograd.full((100, 100), 0.5, requires_grad=True)
    y = autograd.ones(100, 100)
    with pytest.raises(RuntimeError, match="leaf"):
        CALLS[call](x, y, y)
    assert (x.detach().numpy() == 0.5).all()
    with autograd.no_grad():
        CALLS[call](x, y, y)
    assert x.grad_fn is None and x.requires_grad


def test_what_was_saved_before_is_guarded() -> None:
    x, w = autograd.ones(100, 100), autograd.ones(100, 100, requires_grad=True)
    y = (x * w).sum()
    x.mul_(2.0)
    with pytest.raises(RuntimeError, match="mul_"):
        y.backward()


def test_a_view_is_written_through() -> None:
    base = autograd.zeros(300, 1000)
    base[:, 3:900].add_(1.5)
    base.T[:5].mul_(4.0)
    expected = np.zeros((300, 1000), np.float32)
    expected[:, 3:900] += 1.5
    expected.T[:5] *= 4
    np.testing.assert_array_equal(base.numpy(), expected)


def test_operands_that_overlap() -> None:
    for n in (10, 300_000):
        a = np.random.default_rng(0).standard_normal(n).astype(np.float32)
        x = autograd.from_numpy(a.copy())
        x[1:].add_(x[:-1])
        np.testing.assert_array_equal(x.numpy(), np.concatenate([a[:1], a[1:] + a[:-1]]))
        x = autograd.from_numpy(a.copy())
        x.mul_(x.flip(0))
        np.testing.assert_array_equal(x.numpy(), a * a[::-1])
        x = autograd.from_numpy(a.copy())
        x.addcmul_(x, autograd.from_numpy(x.numpy()[::-1]), value=2.0)
        np.testing.assert_array_equal(x.numpy(), a + (a * np.float32(2)) * a[::-1])


def test_what_does_not_fit_is_refused_unchanged() -> None:
    x = autograd.ones(3, 4)
    with pytest.raises(ValueError):
        x.add_(autograd.ones(2, 3, 4))
    with pytest.raises(ValueError):
        x.mul_(autograd.ones(3))
    n = autograd.ones(3, dtype=autograd.int64)
    with pytest.raises(TypeError):
        n.add_(0.5)
    with pytest.raises(TypeError):
        x.add_([1.0] * 4)  # type: ignore[arg-type]
    assert (x.numpy() == 1).all() and (n.numpy() == 1).all()
    x.add_(autograd.ones(3, 4, dtype=autograd.float64) / 3)
    assert x.dtype == autograd.float32
    np.testing.assert_array_equal(x.numpy(), np.float32(1 + 1 / 3))


def test_numbers_over_all_of_a_tensor() -> None:
    for shape in ((3,), (400, 500)):
        x = autograd.ones(*shape)
        assert (x.fill_(0.25).numpy() == 0.25).all()
        assert (x.zero_().numpy() == 0).all()
        assert (x.movedim(0, -1).fill_(2).numpy() == 2).all()
