"""Elementwise operations where this library means to be better than torch, or where silence and ties are the point."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import autograd
from autograd import tensor
from autograd.op import REGISTRY

INF, NAN = float("inf"), float("nan")


def gradients(f, *values, order=1):
    """The gradient of sum(f) in each input, or for order 2 of the sum of the gradients times 1, 2, 3, ..."""
    inputs = [tensor(v, dtype=autograd.float64, requires_grad=True) for v in values]
    grads = autograd.grad(f(*inputs).sum(), inputs, create_graph=order == 2, allow_unused=True, materialize_grads=True)
    if order == 2:
        scalar = sum((g * tensor(np.arange(1.0, g.numel() + 1))).sum() for g in grads)
        grads = autograd.grad(scalar, inputs, allow_unused=True, materialize_grads=True)
    return [g.tolist() for g in grads]


# f is computed only where x > 0 is chosen: at 0 and below its value or derivative is infinite or NaN
MASKED = {
    "sqrt": (lambda x: x.sqrt(), lambda x: 0.5 * x**-0.5, lambda x: -0.25 * x**-1.5),
    "rsqrt": (lambda x: x.rsqrt(), lambda x: -0.5 * x**-1.5, lambda x: 0.75 * x**-2.5),
    "log": (lambda x: x.log(), lambda x: 1 / x, lambda x: -1 / x**2),
    "log2": (lambda x: x.log2(), lambda x: 1 / x / np.log(2), lambda x: -1 / x**2 / np.log(2)),
    "x log x": (lambda x: x * x.log(), lambda x: np.log(x) + 1, lambda x: 1 / x),
    "1 / x": (lambda x: 1 / x, lambda x: -1 / x**2, lambda x: 2 / x**3),
    "reciprocal": (lambda x: x.reciprocal(), lambda x: -1 / x**2, lambda x: 2 / x**3),
    "x ** 0.3": (lambda x: x**0.3, lambda x: 0.3 * x**-0.7, lambda x: -0.21 * x**-1.7),
    "x ** x": (lambda x: x**x, lambda x: x**x * (np.log(x) + 1), lambda x: x**x * ((np.log(x) + 1) ** 2 + 1 / x)),
    "sqrt of log1p": (lambda x: x.log1p().sqrt(), lambda x: 0.5 / np.sqrt(np.log1p(x)) / (1 + x), None),
    "x sqrt(x)": (lambda x: x * x.sqrt(), lambda x: 1.5 * x**0.5, lambda x: 0.75 * x**-0.5),
    "lgamma": (lambda x: x.lgamma(), None, None),
    "exp(1 / x)": (lambda x: (1 / x).exp(), lambda x: -np.exp(1 / x) / x**2, None),
    "hypot": (lambda x: autograd.hypot(x, x), lambda x: np.sqrt(2) + 0 * x, lambda x: 0 * x),
    "atanh(1 - x)": (lambda x: (1 - x).atanh(), lambda x: -1 / (1 - (1 - x) ** 2), None),
    "acosh(1 + x)": (lambda x: (1 + x).acosh(), lambda x: 1 / np.sqrt((1 + x) ** 2 - 1), None),
    "logit": (lambda x: x.logit(), None, None),
    "xlogy": (lambda x: autograd.xlogy(x, x), lambda x: np.log(x) + 1, lambda x: 1 / x),
}


@pytest.mark.parametrize("name", MASKED)
@pytest.mark.parametrize("order", [1, 2])
def test_a_branch_not_chosen_has_no_gradient(name, order):
    f, *exact = MASKED[name]
    x = np.array([-2.0, -0.0, 0.0, 0.25, 0.7, -INF, NAN])
    got = np.array(gradients(lambda x: autograd.where(x > 0, f(x), x * 3), x, order=order)[0])
    chosen = x > 0
    np.testing.assert_array_equal(got[~chosen], 3.0 if order == 1 else 0.0)
    if exact[order - 1] is not None:
        weight = np.arange(1.0, 8)[chosen] if order == 2 else 1.0
        np.testing.assert_allclose(got[chosen], weight * exact[order - 1](x[chosen]), rtol=1e-12, atol=1e-12)
    assert np.isfinite(got).all()


def test_masked_branch_by_clamp_and_indexing():
    np.testing.assert_array_equal(gradients(lambda x: x.sqrt()[1:], [0.0, 4.0])[0], [0.0, 0.25])
    np.testing.assert_array_equal(
        gradients(lambda x: x.sqrt() * tensor([0.0, 1.0], dtype=autograd.float64), [0.0, 4.0])[0], [0.0, 0.25]
    )


def test_a_gradient_that_is_not_zero_meets_infinity():
    """Only an incoming gradient of exactly 0 is special."""
    assert gradients(lambda x: x.sqrt(), [0.0])[0] == [INF]
    assert np.isnan(gradients(lambda x: x.sqrt() * NAN, [4.0])[0][0])
    assert gradients(lambda x: x.log(), [0.0])[0] == [INF]


# the table of ties: which of equal candidates gets the gradient
TIES = [
    ("maximum", lambda a, b: autograd.maximum(a, b), ([1.0], [1.0]), ([0.5], [0.5])),
    ("minimum", lambda a, b: autograd.minimum(a, b), ([1.0], [1.0]), ([0.5], [0.5])),
    ("fmax", lambda a, b: autograd.fmax(a, b), ([1.0], [1.0]), ([1.0], [0.0])),
    ("fmin", lambda a, b: autograd.fmin(a, b), ([1.0], [1.0]), ([1.0], [0.0])),
    ("relu", lambda a: a.relu(), ([0.0],), ([0.0],)),
    ("abs", lambda a: a.abs(), ([0.0],), ([0.0],)),
    ("clamp", lambda a: a.clamp(0, 1), ([0.0, 1.0, 2.0],), ([1.0, 1.0, 0.0],)),
    ("hardtanh", lambda a: autograd.hardtanh(a), ([-1.0, 1.0],), ([0.0, 0.0],)),
    ("leaky_relu", lambda a: autograd.leaky_relu(a), ([0.0],), ([0.01],)),
    ("sign", lambda a: a.sign(), ([0.0, 2.0],), ([0.0, 0.0],)),
    ("round", lambda a: a.round(), ([0.5],), ([0.0],)),
    ("max", lambda a: a.max(), ([1.0, 3.0, 3.0],), ([0.0, 0.5, 0.5],)),
    ("max dim", lambda a: a.max(0)[0], ([1.0, 3.0, 3.0],), ([0.0, 1.0, 0.0],)),
    ("amax", lambda a: a.amax(0), ([3.0, 3.0, 3.0, 1.0],), ([1 / 3, 1 / 3, 1 / 3, 0.0],)),
    ("cummax", lambda a: a.cummax(0)[0], ([3.0, 3.0, 1.0],), ([1.0, 2.0, 0.0],)),
]


@pytest.mark.parametrize("name, f, values, expected", TIES, ids=[t[0] for t in TIES])
def test_ties(name, f, values, expected):
    for got, wanted in zip(gradients(f, *values), expected, strict=True):
        np.testing.assert_allclose(got, wanted)


EXTREMES = [0.0, -0.0, 1.0, -1.0, INF, -INF, NAN, 1e300, -1e300, 1e-300]


@pytest.mark.parametrize(
    "name",
    sorted(
        n
        for n, e in REGISTRY.items()
        if e.kind == "op"
        and e.fn.__module__
        in (
            "autograd.ops.arithmetic",
            "autograd.ops.elementwise",
            "autograd.ops.compare",
            "autograd.ops.activation",
            "autograd.ops.special",
        )
    ),
)
def test_silent(name):
    """No warning at infinities, NaN, zeros and overflow, forward or backward, recorded or not: numpy would warn."""
    entry = REGISTRY[name]
    if (
        entry.promote != "float"
        and any(w in name for w in ("bitwise", "gcd", "lcm", "shift"))
        or name in ("_where", "_polygamma")
    ):
        pytest.skip("integers only, or an argument that is no number")
    numbers = {
        "_elu": (1.0, 1.0, 1.0),
        "threshold": (0.0, 0.0),
        "_scaled_below": (0.1,),
        "_addcmul": (0.5,),
        "_addcdiv": (0.5,),
    }
    statics = [*numbers.get(name, ())]
    x = np.array(EXTREMES)
    pairs = [np.repeat(x, len(x)), np.tile(x, len(x))][: entry.n]
    if name == "clamp":
        pairs, statics = pairs[:1], [-1.0, 1.0]
    if entry.n == 3 and name != "clamp":
        pairs.append(np.full(len(pairs[0]), 0.5))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        # igamma has no derivative in its first argument
        inputs = [tensor(p, requires_grad=i > 0 or not name.startswith("igamma")) for i, p in enumerate(pairs)]
        y = entry.call(*inputs, *statics)
        if y.requires_grad:
            y.backward(autograd.ones_like(y), retain_graph=True)
            wanted = [x for x in inputs if x.requires_grad]
            autograd.grad(y.sum(), wanted, create_graph=True, allow_unused=True)


def test_integer_division_by_zero():
    for f in (
        lambda a, b: a // b,
        lambda a, b: a % b,
        autograd.fmod,
        lambda a, b: autograd.div(a, b, rounding_mode="trunc"),
    ):
        with pytest.raises(ZeroDivisionError, match="integer division by zero"):
            f(tensor([1, 2]), tensor([1, 0]))


def test_a_quotient_may_be_written_to():
    """The formula reads the operands: the result of a ratio is often filled in afterwards."""
    x = tensor([1.0, 1.0, 1.0], requires_grad=True)
    d = x + 1
    z = 3.0 / d
    z[0] = 0.0
    z.sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), [0, -0.75, -0.75])
    x.grad = None
    (x / (x + 1)).mul_(2.0).sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), [0.5, 0.5, 0.5])


@pytest.mark.parametrize(
    "call, value",
    [
        (lambda x, u: x.add_(2.0, u), 7.0),
        (lambda x, u: autograd.sub(x, 2, u), -5.0),
        (lambda x, u: x.addcmul_(2.0, u, u), 19.0),
        (lambda x, u: x.addcdiv(-2.0, u, u), -1.0),
    ],
)
def test_torchs_older_order_names_the_factor_first(call, value):
    with pytest.warns(UserWarning, match="give the factor by name"):
        assert call(tensor([1.0, 1.0]), tensor([3.0, 3.0])).tolist() == [value, value]


def test_errors_say_what_to_do():
    with pytest.raises(RuntimeError, match=r"convert the base with float"):
        tensor([2, 3]) ** -1
    with pytest.raises(TypeError, match="logical_xor"):
        tensor([True]) - tensor([True])
    with pytest.raises(TypeError, match="logical_not"):
        -tensor([True])
    with pytest.raises(ValueError, match=r"add: shapes \(2,\) and \(3,\) cannot be broadcast"):
        autograd.add(tensor([1.0, 2.0]), tensor([1.0, 2.0, 3.0]))
    with pytest.raises(ValueError, match="rounding_mode None, 'trunc' or 'floor', got 'up'"):
        autograd.div(tensor(1.0), 2, rounding_mode="up")
    with pytest.raises(TypeError, match="dtype bool"):
        autograd.where(tensor([1.0]), 1.0, 2.0)


def test_sinc_is_smooth_at_zero():
    """Second derivative -pi^2 / 3, which the quotient formula loses."""
    x = tensor(0.0, dtype=autograd.float64, requires_grad=True)
    (g,) = autograd.grad(autograd.sinc(x), x, create_graph=True)
    (h,) = autograd.grad(g, x)
    assert g.item() == 0 and h.item() == pytest.approx(-(np.pi**2) / 3)


def test_pow_derivative_in_a_zero_exponent():
    """d^2 / dx dp of x^p at p = 0 is 1 / x, where torch has 0."""
    x, p = (
        tensor(2.0, dtype=autograd.float64, requires_grad=True),
        tensor(0.0, dtype=autograd.float64, requires_grad=True),
    )
    (g,) = autograd.grad(x**p, x, create_graph=True)
    assert g.item() == 0 and autograd.grad(g, p)[0].item() == pytest.approx(0.5)


def test_scipy_is_asked_for_by_name(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "scipy", None)
    with pytest.raises(ImportError, match="i0.*pip install scipy"):
        autograd.i0(tensor(1.0))
    assert autograd.erf(tensor(1.0)).item() == pytest.approx(0.84270079)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_where_of_many_elements_by_bits(dtype):
    """Bit by bit np.where: NaN, infinities and the sign of zero, every way of broadcasting, scalars, any order of
    memory.
    """
    rng = np.random.default_rng(0)
    pool = np.array([0.0, -0.0, 1.5, -2.0, INF, -INF, NAN], dtype)
    full, row, one = rng.choice(pool, (60, 50)), rng.choice(pool, 50), rng.choice(pool, ())
    turned = rng.choice(pool, (50, 60)).T
    mask = rng.random((60, 50)) < 0.5
    for condition in (mask, np.asfortranarray(mask), np.broadcast_to(mask[:1], (60, 50))):
        for a in (full, row, one, turned, 0.0, -0.0, NAN):
            for b in (full, row, one, turned, 0.0, -0.0, NAN):
                got = autograd.where(
                    *[autograd.from_numpy(np.array(v)) if isinstance(v, np.ndarray) else v for v in (condition, a, b)]
                )
                if isinstance(a, float) and isinstance(b, float):
                    continue
                expected = np.where(condition, np.asarray(a, dtype), np.asarray(b, dtype))
                assert got.numpy().tobytes() == expected.tobytes()
    wide = autograd.where(autograd.from_numpy(mask), autograd.from_numpy(np.ones((3, 1, 1), dtype)), 0.0)
    np.testing.assert_array_equal(wide.numpy(), np.broadcast_to(mask, (3, 60, 50)).astype(dtype))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    "function",
    [
        lambda x, y: x**2, lambda x, y: x**3, lambda x, y: x**0.5, lambda x, y: x**-0.5, lambda x, y: x**-1,
        lambda x, y: x.square(), lambda x, y: x.sqrt(), lambda x, y: x.rsqrt(), lambda x, y: x.reciprocal(),
        lambda x, y: x.log1p(), lambda x, y: x / y, lambda x, y: x * y, lambda x, y: -x, lambda x, y: x.abs(),
        lambda x, y: 1 - x, lambda x, y: 0.5 / x, lambda x, y: 1.5 + x, lambda x, y: 0.3 * x,
        lambda x, y: x + 1.5, lambda x, y: x - 0.3, lambda x, y: x.floor(),
        lambda x, y: autograd.maximum(x, y), lambda x, y: autograd.minimum(x, y), lambda x, y: x.clamp(min=0.1),
        lambda x, y: autograd.prelu(x, y[:1].reshape(1)), lambda x, y: x.clamp(-1, 1), lambda x, y: x + y, lambda x, y: x - y,
    ],
)  # fmt: skip
def test_large_tensors_have_the_bits_of_small_ones(function, dtype):
    """What kernels do on all threads and numpy piece by piece, with infinity, NaN and zeros in every place."""
    rng = np.random.default_rng(0)
    kinds = np.array([0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, np.nan, 0.5], dtype)
    n, piece = 150_000, 1000
    x, y, g = rng.standard_normal((3, n)).astype(dtype)
    every = np.stack(np.meshgrid(kinds, kinds, kinds)).reshape(3, -1)
    x[: every.shape[1]], y[: every.shape[1]], g[: every.shape[1]] = every
    y[::piece] = 0.25  # the number that prelu takes

    def run(part):
        leaves = [autograd.from_numpy(a[part].copy()).requires_grad_() for a in (x, y)]
        out = function(*leaves)
        out.backward(autograd.from_numpy(g[part].copy()))
        return [out.detach().numpy(), *(leaf.grad.numpy() for leaf in leaves if leaf.grad is not None)]

    whole, pieces = run(slice(0, n)), [run(slice(i, i + piece)) for i in range(0, n, piece)]
    for k, found in enumerate(whole):
        if np.count_nonzero(found) < 2:  # prelu's weight, of which each piece has its own
            continue
        expected = np.concatenate([p[k] for p in pieces])
        np.testing.assert_array_equal(found, expected, err_msg=["value", "gradient of x", "gradient of y"][k])
