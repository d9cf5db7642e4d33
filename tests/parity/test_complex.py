"""Complex tensors beside torch's: values, dtypes, gradients of two orders, views, promotion, printing, models that use them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from complex_beside import beside, both, close, r, z

import autograd
import nn
import optim

UNARY = [
    "neg", "square", "sqrt", "rsqrt", "reciprocal", "exp", "expm1", "log", "log2", "log10", "log1p", "sigmoid",
    "sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh", "asinh", "atanh", "abs", "angle", "sgn",
    "conj", "conj_physical", "real", "imag", "clone", "positive", "isnan", "isfinite", "isinf", "isreal",
    "view_as_real",
]  # fmt: skip


@pytest.mark.parametrize("name", UNARY)
@pytest.mark.parametrize("shape", [(3, 4), ()])
def test_functions_of_one(name, shape):
    beside(lambda lib, x: getattr(lib, name)(x), z(*shape))


@pytest.mark.parametrize("name", ["abs", "angle", "sgn"])
def test_gradients_at_zero(name):
    beside(lambda lib, x: getattr(lib, name)(x), np.zeros(3, complex), order=1)


BINARY = ["add", "sub", "mul", "div", "pow", "true_divide"]


@pytest.mark.parametrize("name", BINARY)
@pytest.mark.parametrize("pair", [(z, z), (z, r), (r, z)])
def test_functions_of_two(name, pair):
    a, b = pair
    for first, second in [((3, 4), (3, 4)), ((3, 1), (4,)), ((), (2, 3))]:
        beside(lambda lib, x, y: getattr(lib, name)(x, y), a(*first), b(*second))


@pytest.mark.parametrize(
    "call",
    [
        lambda x: x * 2j, lambda x: 2j * x, lambda x: x + 1j, lambda x: 1j - x, lambda x: x / (1 + 2j), lambda x: 1j / x,
        lambda x: x**2, lambda x: x**3, lambda x: x**-1, lambda x: x**0.5, lambda x: x**2.5, lambda x: x ** (1 + 1j),
        lambda x: (0.5 + 1j) ** x, lambda x: 2.0**x, lambda x: x * 2, lambda x: x / 3.0, lambda x: x**0,
    ],
)  # fmt: skip
def test_numbers(call):
    beside(lambda lib, x: call(x), z(3))
    beside(lambda lib, x: call(x), r(3))


SHAPED = [
    (lambda lib, x: x.sum(), z(3, 4)),
    (lambda lib, x: x.sum(1, keepdim=True), z(3, 4)),
    (lambda lib, x: x.mean(0), z(3, 4)),
    (lambda lib, x: x.cumsum(1), z(3, 4)),
    (lambda lib, x: x.var(), z(3, 4)),
    (lambda lib, x: x.std(1), z(3, 4)),
    (lambda lib, x: x.norm(), z(3, 4)),
    (lambda lib, x: lib.linalg.vector_norm(x, 3, 1), z(3, 4)),
    (lambda lib, x: lib.linalg.norm(x), z(3, 4)),
    (lambda lib, x: x.norm(dim=1), z(3, 4)),
    (lambda lib, x: x.tril(), z(3, 4)),
    (lambda lib, x: x.triu(1), z(2, 3, 4)),
    (lambda lib, x: x.flip(0), z(3, 4)),
    (lambda lib, x: x.roll(1, 1), z(3, 4)),
    (lambda lib, x: x.repeat(2, 2), z(3, 4)),
    (lambda lib, x: x.T, z(3, 4)),
    (lambda lib, x: x.H, z(3, 4)),
    (lambda lib, x: x.mH, z(2, 3, 4)),
    (lambda lib, x: x.adjoint(), z(2, 3, 4)),
    (lambda lib, x: x.expand(2, 3, 4), z(3, 4)),
    (lambda lib, x: x.reshape(-1), z(3, 4)),
    (lambda lib, x: x.permute(1, 0)[1:], z(3, 4)),
    (lambda lib, x: x[[0, 2, 2]], z(3, 4)),
    (lambda lib, x: x[1], z(3, 4)),
    (lambda lib, x: x[x.abs() > 0.8], z(3, 4)),
    (lambda lib, x: x.masked_fill(x.abs() > 0.8, 1j), z(3, 4)),
    (lambda lib, x: x.diagonal(), z(3, 4)),
    (lambda lib, x: lib.cat([x, x * 2], 1), z(3, 4)),
    (lambda lib, x: lib.stack([x, x * 2]), z(3, 4)),
    (lambda lib, x: x.split(2, 1), z(3, 4)),
    (lambda lib, x: x.unbind(0), z(3, 4)),
    (lambda lib, x: x.gather(1, lib.tensor([[0, 1], [1, 1], [2, 0]])), z(3, 4)),
    (lambda lib, x: x.index_select(1, lib.tensor([0, 2, 2])), z(3, 4)),
    (lambda lib, x: x.unfold(0, 2, 1), z(5)),
    (lambda lib, x: lib.where(x.abs() > 0.8, x, x * 2), z(3, 4)),
    (lambda lib, x: lib.where(x.abs() > 0.8, x, 0.0), z(3, 4)),
    (lambda lib, x: lib.nn.functional.pad(x, (1, 2)), z(3, 4)),
    (lambda lib, x: x.diff(), z(5)),
    (lambda lib, x: lib.linalg.inv(x), z(3, 3)),
    (lambda lib, x: lib.linalg.det(x), z(3, 3)),
    (lambda lib, x: lib.trace(x), z(3, 3)),
    (lambda lib, x: lib.matrix_power(x, 3), z(3, 3)),
    (lambda lib, x: x.to(lib.complex64).to(lib.complex128), np.round(z(3), 3).astype(np.complex64)),
    (lambda lib, x: x.flatten().view(2, 6), z(3, 4)),
    (lambda lib, x: lib.view_as_real(x).flatten(1), z(3, 4)),
    (lambda lib, x: x.real * x.imag, z(3, 4)),
    (lambda lib, x: (x * x.conj()).real, z(3, 4)),
    (lambda lib, x: lib.count_nonzero(x), z(3)),
    (lambda lib, x: x == x.conj(), z(3)),
]


@pytest.mark.parametrize("k", range(len(SHAPED)))
def test_shapes_sums_and_places(k):
    call, x = SHAPED[k]
    beside(call, x, order=1 if x.dtype == np.complex64 else 2)


PAIRED = [
    (lambda lib, x, y: x @ y, z(3, 4), z(4, 2)),
    (lambda lib, x, y: x @ y, z(2, 3, 4), z(4)),
    (lambda lib, x, y: lib.bmm(x, y), z(2, 3, 4), z(2, 4, 2)),
    (lambda lib, x, y: lib.mm(x, y), z(3, 4), z(4, 2)),
    (lambda lib, x, y: lib.dot(x, y), z(4), z(4)),
    (lambda lib, x, y: lib.vdot(x, y), z(4), z(4)),
    (lambda lib, x, y: lib.linalg.vecdot(x, y), z(3, 4), z(4)),
    (lambda lib, x, y: lib.outer(x, y), z(3), z(4)),
    (lambda lib, x, y: lib.einsum("bixy,ioxy->boxy", x, y), z(2, 3, 2, 2), z(3, 4, 2, 2)),
    (lambda lib, x, y: lib.einsum("ij,kj->ik", x, y), z(2, 3), z(4, 3)),
    (lambda lib, x, y: lib.tensordot(x, y, 1), z(2, 3), z(3, 2)),
    (lambda lib, x, y: lib.nn.functional.linear(x, y), z(2, 3), z(4, 3)),
    (lambda lib, x, y: lib.kron(x, y), z(2, 2), z(2, 3)),
    (lambda lib, x, y: lib.linalg.solve(x, y), z(3, 3), z(3, 2)),
    (lambda lib, x, y: lib.complex(x, y), r(3, 4), r(3, 4)),
    (lambda lib, x, y: lib.polar(x, y), r(3, 4), r(3, 4)),
    (lambda lib, x, y: lib.lerp(x, y, 0.3), z(3), z(3)),
    (lambda lib, x, y: lib.addcmul(x, x, y, value=0.5), z(3), z(3)),
    (lambda lib, x, y: lib.addcdiv(x, x, y), z(3), z(3)),
    (lambda lib, x, y: lib.addmm(x, y, y), z(3, 3), z(3, 3)),
    (lambda lib, x, y: lib.dist(x, y), z(3), z(3)),
    (lambda lib, x, y: lib.add(x, y, alpha=2j), z(3), z(3)),
    (lambda lib, x, y: x.scatter(0, lib.tensor([0, 2]), y), z(4), z(2)),
    (lambda lib, x, y: x.scatter_add(0, lib.tensor([0, 0]), y), z(4), z(2)),
    (lambda lib, x, y: lib.cross(x, y, -1), z(2, 3), z(2, 3)),
    (lambda lib, x, y: x.index_add(0, lib.tensor([0, 0]), y), z(4), z(2)),
    (lambda lib, x, y: lib.linalg.cross(x, y), z(2, 3), z(2, 3)),
    (lambda lib, x, y: lib.inner(x, y), z(2, 3), z(2, 3)),
    (lambda lib, x, y: lib.nn.functional.l1_loss(x, y), z(3), z(3)),
    (lambda lib, x, y: lib.isclose(x, y), z(3), z(3)),
    (lambda lib, x, y: lib.nn.functional.mse_loss(x.abs(), y.abs()), z(3), z(3)),
]


@pytest.mark.parametrize("k", range(len(PAIRED)))
def test_products_and_pairs(k):
    beside(*PAIRED[k])


LARGE = [
    lambda lib, x, y: x + y,
    lambda lib, x, y: x * y,
    lambda lib, x, y: x / y,
    lambda lib, x, y: 2.0 * x - 1,
    lambda lib, x, y: x.sum(0),
    lambda lib, x, y: x.sum(1),
    lambda lib, x, y: x.mean(),
    lambda lib, x, y: x.cumsum(1),
    lambda lib, x, y: x @ y.T,
    lambda lib, x, y: x.flip(1),
    lambda lib, x, y: x.T.contiguous(),
    lambda lib, x, y: lib.cat([x, y], 1),
    lambda lib, x, y: lib.stack([x, y]),
    lambda lib, x, y: lib.stack([x, y], 2),
    lambda lib, x, y: x.tril(),
    lambda lib, x, y: lib.nn.functional.pad(x, (1, 2, 3, 4)),
    lambda lib, x, y: x.roll((3, 5), (0, 1)),
    lambda lib, x, y: x[:, ::3].clone(),
    lambda lib, x, y: x[[5, 3, 3, 8]],
    lambda lib, x, y: x.repeat(2, 2),
    lambda lib, x, y: lib.where(x.abs() > 1, x, y),
    lambda lib, x, y: x.masked_fill(x.abs() > 1, 0),
    lambda lib, x, y: x[x.abs() > 1],
    lambda lib, x, y: x.expand(2, *x.shape).sum(0),
    lambda lib, x, y: x.reshape(-1, 4).sum(1),
    lambda lib, x, y: x.abs(),
    lambda lib, x, y: x**2,
    lambda lib, x, y: x.split(7, 1)[1] * 1,
    lambda lib, x, y: x.repeat_interleave(2, 0),
    lambda lib, x, y: lib.outer(x[0], y[0]),
    lambda lib, x, y: x.index_select(0, lib.arange(50)),
    lambda lib, x, y: x.gather(1, lib.arange(300).expand(x.shape) % 7),
    lambda lib, x, y: x[None, None] * y[None, None].permute(0, 1, 3, 2).contiguous().permute(0, 1, 3, 2),
    lambda lib, x, y: x.sqrt(),
    lambda lib, x, y: lib.zeros_like(x).index_add(0, lib.arange(600) % 5, y),
    lambda lib, x, y: x.neg().reciprocal().square(),
    lambda lib, x, y: x.clone().add_(y).mul_(2).sub_(y),
    lambda lib, x, y: lib.nn.functional.pad(x[None], (2, 1), "reflect"),
]


@pytest.mark.parametrize("k", range(len(LARGE)))
def test_large_arrays(k):
    """Beyond the sizes from which real arrays go to kernels."""
    beside(LARGE[k], z(600, 300), z(600, 300), order=1)


@pytest.mark.parametrize("name", ["real", "imag"])
def test_writes_into_the_parts_arrive(name):
    def call(lib, x, y):
        w = x * 1
        getattr(w, name)[1:] = y
        getattr(w, name).mul_(2)
        return w * w

    beside(call, z(3), r(2))


def test_writes_into_pairs_arrive():
    def call(lib, x, y):
        w = x * 1
        lib.view_as_real(w)[:, 0] = y
        v = lib.view_as_real(w * 1).clone()
        lib.view_as_complex(v).mul_(1j)
        return w, v

    beside(call, z(3), r(3))


def test_writes_into_slices():
    def call(lib, x, y):
        out = lib.zeros(3, 4, dtype=lib.complex128)
        out[:, :2] = x
        out[0, 3] = y
        out[1] += 1j
        out[lib.tensor([True, False, True])] *= 2
        return out

    beside(call, z(3, 2), r())


def test_in_place():
    def call(lib, x, y):
        w = x * 1
        w.mul_(y).add_(1j).div_(2 + 1j).conj_physical_().pow_(2)
        w -= y
        return w

    beside(call, z(3), z(3))


SCALARS = [True, 3, 0.5, 1j, 2 + 0.5j]
KINDS = ["bool", "int32", "int64", "float32", "float64", "complex64", "complex128"]


@pytest.mark.parametrize("a", KINDS)
@pytest.mark.parametrize("b", KINDS)
def test_promotion(a, b):
    for first in ((2,), ()):
        for second in ((2,), ()):
            x, y = np.ones(first, a), np.ones(second, b)
            mine = both(x, False)[0] * both(y, False)[0]
            theirs = torch.from_numpy(x) * torch.from_numpy(y)
            assert str(mine.dtype) == str(theirs.dtype), (first, second)
            found = autograd.result_type(both(x, False)[0], both(y, False)[0])
            assert str(found) == str(torch.result_type(torch.from_numpy(x), torch.from_numpy(y)))
    assert str(autograd.promote_types(a, b)) == str(torch.promote_types(getattr(torch, a), getattr(torch, b)))
    assert autograd.can_cast(getattr(autograd, a), getattr(autograd, b)) == torch.can_cast(
        getattr(torch, a), getattr(torch, b)
    )


@pytest.mark.parametrize("a", KINDS)
@pytest.mark.parametrize("number", SCALARS)
def test_promotion_with_numbers(a, number):
    for shape in ((2,), ()):
        x = np.ones(shape, a)
        for call in (lambda t: t * number, lambda t: number + t, lambda t: t / number):
            mine, theirs = call(both(x, False)[0]), call(torch.from_numpy(x))
            close(mine, theirs)


PRINTED = [
    [1 + 2j, 3 - 1j],
    [[1.5 + 2j, 3 - 1.25j]],
    1 + 2j,
    [0j],
    [],
    [1e-7 + 2j, 3e5 - 1j],
    [complex("nan"), 1j, complex("inf")],
    [-1 - 1j, 10.25 + 3j, 2],
    np.arange(30).reshape(5, 6) * (1 - 0.5j),
    np.arange(2000) * 1j,
]


@pytest.mark.parametrize("k", range(len(PRINTED)))
@pytest.mark.parametrize("dtype", ["complex64", "complex128"])
def test_printed(k, dtype):
    data = PRINTED[k]
    mine = autograd.tensor(data, dtype=getattr(autograd, dtype))
    theirs = torch.tensor(data, dtype=getattr(torch, dtype))
    assert repr(mine).replace("autograd.", "torch.") == repr(theirs)


def test_questions_and_numbers():
    for lib in (autograd, torch):
        x = lib.tensor([1 + 2j, 3])
        assert x.is_complex() and lib.is_complex(x) and not x.is_floating_point() and x.is_signed()
        assert x.tolist() == [1 + 2j, 3 + 0j] and x[0].item() == 1 + 2j and complex(x[0]) == 1 + 2j
        assert x.dtype == lib.cfloat and lib.tensor([1j], dtype=lib.cdouble).dtype == lib.complex128
        assert lib.equal(x, x.clone()) and lib.allclose(x, x + 1e-9) and not lib.allclose(x, x + 0.1j)
        assert lib.finfo(lib.complex64).eps == lib.finfo(lib.float32).eps
        assert lib.full((2,), 1j).dtype == lib.complex64 and lib.ones(2, dtype=lib.cfloat).sum().item() == 2
        assert lib.zeros_like(x).dtype == lib.complex64 and lib.rand(3, dtype=lib.cfloat).dtype == lib.complex64
        assert x.type() == "torch.ComplexFloatTensor" and x.cdouble().dtype == lib.complex128
        assert lib.eye(2, dtype=lib.cfloat).dtype == lib.complex64 and lib.is_nonzero(lib.tensor([1j]))
        with pytest.raises(RuntimeError):
            x.sum().requires_grad_().backward()


REFUSED = [
    lambda lib, x: x < x,
    lambda lib, x: lib.relu(x),
    lambda lib, x: x.max(),
    lambda lib, x: x.sort(),
    lambda lib, x: x.clamp(0),
    lambda lib, x: x.floor(),
    lambda lib, x: x // 2,
    lambda lib, x: x % 2,
    lambda lib, x: lib.atan2(x, x),
    lambda lib, x: lib.erf(x),
    lambda lib, x: x.argmax(),
    lambda lib, x: x.sign(),
    lambda lib, x: lib.hypot(x, x),
    lambda lib, x: lib.maximum(x, x),
    lambda lib, x: lib.zeros(2).add_(x),
    lambda lib, x: lib.zeros(2).copy_(1j),
    lambda lib, x: lib.imag(x.real),
    lambda lib, x: lib.view_as_real(x.real),
    lambda lib, x: lib.view_as_complex(x),
    lambda lib, x: lib.complex(x, x),
    lambda lib, x: lib.polar(x.real, x.real.double()),
    lambda lib, x: lib.nn.functional.gelu(x),
    lambda lib, x: lib.special.i0(x),
    lambda lib, x: x.unique(),
    lambda lib, x: lib.view_as_complex(lib.ones(2, 3)),
    lambda lib, x: lib.view_as_complex(lib.ones(2, 4)[:, ::2]),
]


@pytest.mark.parametrize("k", [k for k in range(len(REFUSED)) if k != 15])
def test_refused(k):
    for lib in (torch, autograd):
        with pytest.raises((RuntimeError, TypeError, ValueError)):
            REFUSED[k](lib, lib.tensor([1 + 2j, 3]))


# ---------------------------------------------------------------------------------------------------- models


def rotary(lib: Any, x: Any, y: Any) -> Any:
    """Llama's rotary embedding, as its first release has it."""
    n, dim = x.shape[1], x.shape[-1]
    freqs = 1.0 / (10000.0 ** (lib.arange(0, dim, 2)[: dim // 2].to(x.dtype) / dim))
    freqs = lib.outer(lib.arange(n).to(x.dtype), freqs)
    turns = lib.polar(lib.ones_like(freqs), freqs)
    a = lib.view_as_complex(x.reshape(*x.shape[:-1], -1, 2))
    b = lib.view_as_complex(y.reshape(*y.shape[:-1], -1, 2))
    turns = turns.view(*[d if i == 1 or i == a.ndim - 1 else 1 for i, d in enumerate(a.shape)])
    return lib.view_as_real(a * turns).flatten(3).type_as(x), lib.view_as_real(b * turns).flatten(3).type_as(y)


def test_rotary_embedding():
    beside(rotary, r(2, 5, 3, 4), r(2, 5, 1, 4))


def test_rotate_and_complex_scores():
    def call(lib, head, tail, phase):
        h, t = lib.view_as_complex(head), lib.view_as_complex(tail)
        rotation = lib.polar(lib.ones_like(phase), phase)
        return (h * rotation - t).abs().sum(-1), (h * rotation * t.conj()).sum(-1).real

    beside(call, r(3, 4, 2), r(3, 4, 2), r(3, 4))


OPTIMIZERS = [
    ("SGD", {"lr": 0.1}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.1}),
    ("Adam", {"lr": 0.1}),
    ("AdamW", {"lr": 0.1, "amsgrad": True}),
    ("RMSprop", {"lr": 0.1, "momentum": 0.5}),
    ("Adagrad", {"lr": 0.1}),
    ("Adadelta", {}),
    ("Rprop", {}),
    ("ASGD", {}),
    ("NAdam", {}),
    ("RAdam", {}),
    ("Adamax", {}),
]


@pytest.mark.parametrize(("name", "settings"), OPTIMIZERS)
def test_optimizers_move_complex_parameters(name, settings):
    start, x = z(3, 2), z(5, 3)
    found = []
    for lib, neural, opt in ((autograd, nn, optim), (torch, torch.nn, torch.optim)):
        w = neural.Parameter(lib.tensor(start))
        optimizer = getattr(opt, name)([w], **settings)
        for _ in range(6):
            optimizer.zero_grad()
            ((lib.tensor(x) @ w).abs() ** 2 - 1).square().sum().backward()
            optimizer.step()
        found.append(w.detach())
    np.testing.assert_allclose(found[0].numpy(), found[1].numpy(), rtol=1e-6, atol=1e-8)


def test_a_function_sees_the_gradient_that_torch_shows():
    seen = []
    for lib, base in ((autograd, autograd.Function), (torch, torch.autograd.Function)):

        class Twice(base):
            @staticmethod
            def forward(ctx, x):
                return x * 2j

            @staticmethod
            def backward(ctx, g):
                seen.append(g.detach().resolve_conj().numpy().copy())
                return g * (-2j)

        x = lib.tensor(np.array([1 + 2j, 3 - 1j])).requires_grad_()
        y = Twice.apply(x)
        y.register_hook(lambda g: seen.append(g.resolve_conj().numpy().copy()))
        y.retain_grad()
        y.abs().sum().backward()
        seen.append(y.grad.resolve_conj().numpy().copy())
        seen.append(x.grad.resolve_conj().numpy().copy())
    half = len(seen) // 2
    for a, b in zip(seen[:half], seen[half:], strict=True):
        np.testing.assert_allclose(a, b)


def test_files_of_torch_hold_complex_tensors(tmp_path):
    held = {"w": torch.from_numpy(z(2, 3)), "v": torch.tensor([1j, 2])}
    torch.save(held, tmp_path / "a.pt")
    loaded = autograd.load(tmp_path / "a.pt")
    for name, value in held.items():
        close(loaded[name], value)
    torch.save({"w": held["w"].conj()}, tmp_path / "b.pt")
    with pytest.raises(ValueError, match="resolve_conj"):
        autograd.load(tmp_path / "b.pt")
