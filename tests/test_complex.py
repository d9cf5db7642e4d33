"""Complex tensors: what they are, which operations take them, and that none reads them as something else."""

from __future__ import annotations

import copy
import pickle
import warnings

import numpy as np
import pytest

import autograd
import nn
import optim
from autograd.check import gradcheck, gradgradcheck
from autograd.errors import DTypeError
from autograd.op import REGISTRY
from autograd.samples import Draw
from autograd.tensor import Tensor, wrap

autograd.dtypes.complex_made()
OPS = sorted(REGISTRY)
RANDOM = {name for name in OPS if "random" in (REGISTRY[name].fn.__doc__ or "").lower()}
# what these are asked for is real or depends on whether the input is
ASKED = {"_convert": "to a real dtype", "to": "to a real dtype", "stft": "half a spectrum of a real signal only"}


def floats(value):
    if isinstance(value, (list, tuple)):
        return any(floats(v) for v in value)
    return isinstance(value, np.ndarray) and value.dtype.kind == "f"


def change(value, make):
    if isinstance(value, np.ndarray):
        return make(value)
    if isinstance(value, (list, tuple)) and any(isinstance(v, np.ndarray) for v in value):
        return type(value)(change(v, make) for v in value)
    return value


def tensors(value):
    if isinstance(value, Tensor):
        return [value]
    return [t for v in value for t in tensors(v)] if isinstance(value, (list, tuple)) else []


def samples(name):
    for args in REGISTRY[name].samples(Draw(0)):
        kwargs = args[-1] if args and isinstance(args[-1], dict) else {}
        args = args[:-1] if kwargs else args
        if any(floats(a) for a in args):
            yield list(args), kwargs


def without_imaginary(a):
    return wrap(a.astype(np.complex128) if a.dtype.kind == "f" else a.copy())


def with_imaginary(a, rng):
    if a.dtype.kind != "f":
        return wrap(a.copy())
    return wrap(np.asarray(a + 1j * rng.uniform(0.2, 0.9, a.shape) * rng.choice([-1, 1], a.shape))).requires_grad_()


@pytest.mark.parametrize("name", [name for name in OPS if name not in RANDOM and name not in ASKED])
def test_every_operation_is_right_or_refuses(name):
    """Complex arrays without an imaginary part give what the real ones give; with one, gradients of two orders are right."""
    call, rng = REGISTRY[name].call, np.random.default_rng(1)
    for k, (args, kwargs) in enumerate(samples(name)):
        plain = call(*change(args, lambda a: wrap(a.copy())), **kwargs)
        try:
            found = call(*change(args, without_imaginary), **kwargs)
        except (DTypeError, autograd.errors.ShapeError) as error:
            assert "complex" in str(error)
            continue
        for a, b in zip(tensors(plain), tensors(found), strict=True):
            assert a.shape == b.shape
            np.testing.assert_allclose(b.detach().numpy(), a.detach().numpy(), rtol=1e-6, atol=1e-8)
        given = change(args, lambda a: with_imaginary(a, rng))
        leaves = [t for t in tensors(given) if t.requires_grad]

        def run(*values, given=given, kwargs=kwargs):
            chosen = iter(values)

            def put(a):
                if isinstance(a, Tensor):
                    return next(chosen) if a.requires_grad else a
                return type(a)(put(v) for v in a) if isinstance(a, (list, tuple)) and tensors(a) else a

            return [t for t in tensors(call(*[put(a) for a in given], **kwargs)) if t.dtype.kind in "fc"]

        if any(t.requires_grad for t in run(*leaves)):
            gradcheck(run, leaves)
            if k < 2:
                gradgradcheck(run, leaves, atol=1e-4)


SUMS = (
    "matmul mm bmm mv dot vdot outer inner tensordot einsum linear sum mean cumsum abs angle sgn exp log sqrt pow mul"
)
SHAPES = "reshape permute transpose cat stack split unbind flip roll pad tril triu where masked_fill gather scatter"


@pytest.mark.parametrize("name", (SUMS + " " + SHAPES).split())
def test_what_models_use_has_a_complex_form(name):
    for args, kwargs in samples(name):
        REGISTRY[name].call(*change(args, without_imaginary), **kwargs)


def test_gradients_are_the_direction_of_steepest_ascent():
    """dL/dRe + i dL/dIm of real L, by the closed form: |z|^2 has 2 z, Re(c z) has conj(c)."""
    z = autograd.tensor([1 + 2j, 3 - 1j], dtype=autograd.complex128, requires_grad=True)
    (g,) = autograd.grad((z.abs() ** 2).sum(), z)
    np.testing.assert_allclose(g.numpy(), 2 * z.detach().numpy())
    c = np.array([0.5 - 1j, 2j])
    (g,) = autograd.grad((z * autograd.tensor(c)).real.sum(), z)
    np.testing.assert_allclose(g.numpy(), c.conj())
    (g,) = autograd.grad((z * autograd.tensor(c)).imag.sum(), z)
    np.testing.assert_allclose(g.numpy(), 1j * c.conj())
    y = z * z
    (g,) = autograd.grad(y, z, autograd.tensor(c))
    np.testing.assert_allclose(g.numpy(), c * (2 * z.detach().numpy()).conj())


def test_a_real_factor_gets_a_real_gradient():
    x = autograd.tensor([1.0, 2.0], requires_grad=True)
    z = autograd.tensor([1 + 2j, 3 - 1j], requires_grad=True)
    (x * z).abs().sum().backward()
    assert x.grad.dtype == autograd.float32 and z.grad.dtype == autograd.complex64
    np.testing.assert_allclose(x.grad.numpy(), np.abs(z.detach().numpy()), rtol=1e-6)


def test_gradcheck_finds_a_conjugate_left_out():
    class Wrong(autograd.Function):
        @staticmethod
        def forward(ctx, a, b):
            ctx.save_for_backward(a, b)
            return a * b

        @staticmethod
        def backward(ctx, g):
            a, b = ctx.saved_tensors
            return g * b, g * a.conj()

    z = autograd.randn(3, dtype=autograd.complex128, requires_grad=True)
    w = autograd.randn(3, dtype=autograd.complex128, requires_grad=True)
    assert gradcheck(lambda a, b: a * b, (z, w)) and gradgradcheck(lambda a, b: a * b, (z, w))
    assert gradcheck(lambda a, b: a * b, (z, w), eps=1e-6, atol=1e-5)
    assert not gradcheck(Wrong.apply, (z, w), raise_exception=False)
    assert not gradcheck(Wrong.apply, (z, w), raise_exception=False, eps=1e-6, atol=1e-5)


def test_gradients_that_wait_add_up():
    z = autograd.tensor([1 + 2j, 3 - 1j], dtype=autograd.complex128, requires_grad=True)
    (z.real.sum() + (z * 2j).abs().sum() + z.imag.square().sum()).backward()
    first = z.grad.numpy().copy()
    z.abs().sum().backward()
    np.testing.assert_allclose(z.grad.numpy(), first + z.detach().numpy() / np.abs(z.detach().numpy()))


def test_backward_of_a_complex_scalar_is_an_error():
    z = autograd.tensor(1 + 2j, requires_grad=True)
    with pytest.raises(RuntimeError, match="only for real scalar outputs, got complex64"):
        (z * z).backward()
    with pytest.raises(TypeError, match="must be complex"):
        (z * z).backward(autograd.tensor(1.0))
    with pytest.raises(TypeError, match="must be floating point"):
        (z * z).abs().backward(autograd.tensor(1j))
    (z * z).backward(autograd.tensor(1 + 0j))
    assert z.grad.item() == 2 - 4j


def test_hooks_and_retained_gradients_see_what_grad_shows():
    z = autograd.tensor([1 + 2j], dtype=autograd.complex128, requires_grad=True)
    y = z * 1j
    y.retain_grad()
    seen = []
    y.register_hook(lambda g: seen.append(g.item()))
    z.register_hook(lambda g: g * 2)
    y.grad_fn.register_hook(lambda grads, outs: seen.extend([grads[0].item(), outs[0].item()]))
    (y * (2 - 1j)).real.sum().backward()
    assert seen[0] == y.grad.item() == 2 + 1j and seen[2] == 2 + 1j
    assert seen[1] == (2 + 1j) * -1j and z.grad.item() == 2 * (2 + 1j) * -1j


def test_views_share_their_memory():
    z = autograd.zeros(2, 3, dtype=autograd.complex64)
    z.real[0] = 1
    z.imag.add_(2)
    pairs = autograd.view_as_real(z)
    pairs[1, 2, 0] = 5
    assert z[0, 0].item() == 1 + 2j and z[1, 2].item() == 5 + 2j
    z.real = autograd.ones(2, 3)
    z[0].imag = 0
    assert z.tolist() == [[1, 1, 1], [1 + 2j] * 3]
    x = autograd.zeros(3, 2)
    autograd.view_as_complex(x)[1] = 3 + 4j
    assert x[1].tolist() == [3, 4]
    assert z.real.data_ptr() == z.data_ptr() and pairs._base is z
    assert autograd.ones(2).real.tolist() == [1, 1]
    with pytest.raises(TypeError, match="imag: expected a complex tensor, got float32"):
        getattr(autograd.ones(2), "imag")  # noqa: B009


def test_a_saved_value_changed_through_a_part_is_noticed():
    z = autograd.tensor([1 + 2j], requires_grad=True)
    y = z * 2
    out = (y * y).abs().sum()
    y.real.mul_(2)
    with pytest.raises(RuntimeError, match="changed in place"):
        out.backward()


@pytest.mark.parametrize(
    "call",
    [
        lambda z: autograd.zeros(2).add_(z), lambda z: autograd.zeros(2).copy_(z), lambda z: autograd.zeros(2).fill_(1j),
        lambda z: autograd.zeros(2).__setitem__(0, 1j), lambda z: autograd.zeros(2).__setitem__(slice(None), z),
        lambda z: autograd.tensor([1j], dtype=autograd.float32), lambda z: autograd.relu(z), lambda z: nn.ReLU()(z),
        lambda z: nn.functional.softmax(z, 0), lambda z: nn.LayerNorm(2)(z), lambda z: z < z, lambda z: autograd.erf(1j * z),
        lambda z: autograd.relu(autograd.ones(2) * 1j), lambda z: autograd.maximum(autograd.ones(2), 1j),
        lambda z: autograd.arange(3, dtype=autograd.cfloat), lambda z: autograd.linspace(0, 1j, 3),
        lambda z: optim.LBFGS([z.requires_grad_()]), lambda z: autograd.complex(z, z), lambda z: autograd.fft.rfft(z),
        lambda z: nn.Embedding(3, 2, _weight=autograd.ones(3, 2, dtype=autograd.cfloat))(autograd.tensor([1])),
        lambda z: nn.functional.conv1d(z[None], z[None, None]),
        lambda z: autograd.stft(autograd.arange(9), 4, return_complex=True),
    ],
)  # fmt: skip
def test_refused_by_name(call):
    with pytest.raises(TypeError, match="complex|floating"):
        call(autograd.tensor([1 + 2j, 3]))


def test_what_reads_no_dtype_before_refuses_in_a_fresh_process():
    """The first complex array of a program is met by operations that were there before it."""
    import subprocess
    import sys

    program = """
import numpy as np, autograd
makers = [
    lambda: autograd.from_numpy(np.ones(3000, np.complex64)), lambda: autograd.ones(3000) * 1j,
    lambda: autograd.ones(3000) * np.full(3000, 1j), lambda: autograd.fft.rfft(autograd.ones(6000)),
    lambda: autograd.view_as_complex(autograd.ones(3000, 2)), lambda: autograd.ones(3000).cfloat(),
    lambda: autograd.polar(autograd.ones(3000), autograd.ones(3000)), lambda: autograd.tensor([1j] * 3000),
    lambda: autograd.pow(autograd.ones(3000), 1j), lambda: autograd.full((3000,), 1j),
    lambda: autograd.as_tensor(np.ones(3000) * 1j),
]
for make in makers:
    autograd.dtypes.complexes = False
    x = make()
    for call in (autograd.relu, autograd.floor, autograd.maximum):
        try:
            call(*[x] * (2 if call is autograd.maximum else 1))
        except TypeError as error:
            assert "complex" in str(error), error
        else:
            raise AssertionError(x.dtype)
"""
    subprocess.run([sys.executable, "-W", "error", "-c", program], check=True)


def test_conversion_to_real_warns():
    z = autograd.tensor([1 + 2j], requires_grad=True)
    with pytest.warns(UserWarning, match="discards the imaginary part"):
        x = z.float()
    x.sum().backward()
    assert x.dtype == autograd.float32 and z.grad.item() == 1
    assert autograd.tensor([1j, 0]).bool().tolist() == [True, False]


def test_copies_and_files(tmp_path):
    layer = nn.Module()
    layer.weight = nn.Parameter(autograd.randn(2, 3, dtype=autograd.cfloat))
    z = layer.weight
    assert isinstance(z, nn.Parameter) and z.requires_grad and z.is_leaf
    assert autograd.equal(copy.deepcopy(z), z) and autograd.equal(pickle.loads(pickle.dumps(z)), z)
    autograd.save(layer.state_dict(), tmp_path / "a.safetensors")
    other = nn.Module()
    other.weight = nn.Parameter(autograd.zeros(2, 3, dtype=autograd.cfloat))
    other.load_state_dict(autograd.load(tmp_path / "a.safetensors"))
    assert autograd.equal(other.weight, z)
    with pytest.raises(TypeError, match="w is complex128"):
        autograd.save({"w": z.detach().cdouble()}, tmp_path / "b.safetensors")
    real = nn.Module()
    real.weight = nn.Parameter(autograd.zeros(2, 3))
    with pytest.raises(RuntimeError, match="cannot convert complex64"):
        real.load_state_dict(layer.state_dict())


@pytest.mark.parametrize("name", ["SGD", "Adam", "RMSprop"])
def test_an_optimizers_state_is_taken_over(name):
    target = autograd.tensor([1 + 1j, 2 - 1j])

    def run(steps, w=None, state=None):
        w = nn.Parameter(autograd.zeros(2, dtype=autograd.cfloat) if w is None else w.detach().clone())
        optimizer = getattr(optim, name)([w], lr=0.05, **({"momentum": 0.9} if name == "SGD" else {}))
        if state is not None:
            optimizer.load_state_dict(state)
        for _ in range(steps):
            optimizer.zero_grad()
            (w - target).abs().square().sum().backward()
            optimizer.step()
        return w, optimizer.state_dict()

    whole, _ = run(9)
    half, state = run(4)
    rest, _ = run(5, half, state)
    assert autograd.equal(whole, rest)
    assert (run(400)[0] - target).abs().max() < 0.1


def test_random_numbers():
    autograd.manual_seed(0)
    z = autograd.randn(20000, dtype=autograd.cfloat)
    assert abs(z.abs().square().mean().item() - 1) < 0.05 and abs(z.real.var().item() - 0.5) < 0.03
    u = autograd.rand(1000, dtype=autograd.cdouble)
    assert u.real.min() >= 0 and u.imag.max() < 1 and u.imag.std() > 0.2
    assert autograd.rand_like(z).dtype == z.dtype and autograd.randn_like(u).dtype == u.dtype


def test_the_kernels_of_real_tensors_are_as_before():
    """A complex tensor in the program changes no real result."""
    x = autograd.linspace(-1, 1, 5000)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert (x * 2 + 1).relu().dtype == autograd.float32 and x.conj() is x and x.real is x and x.resolve_conj() is x


def test_what_is_written_into_a_real_tensor_is_real():
    x, z, i = autograd.ones(3), autograd.tensor([1j, 2]), autograd.tensor([0, 1])
    for call in (
        lambda: x.masked_fill(x > 0, 1j), lambda: x.scatter(0, i, z), lambda: x.index_add(0, i, z),
        lambda: x.index_copy(0, i, z),
        lambda: x.index_put((i,), z), lambda: autograd.full((2,), 1j, dtype=autograd.float32),
        lambda: autograd.full_like(x, 1j),
        lambda: z.sum(dtype=autograd.float32), lambda: z.cumsum(0, dtype=autograd.float64), lambda: x.scatter_add(0, i, z),
    ):  # fmt: skip
        with pytest.raises(TypeError, match="complex"):
            call()
    with pytest.raises(ValueError, match="1j cannot be converted to a real one"):
        float(z[0])
    assert float(z[1]) == 2 and int(z[1]) == 2


def test_layers_and_their_numbers():
    autograd.manual_seed(0)
    layer = nn.Linear(64, 128, dtype=autograd.cfloat)
    for part in (layer.weight.real, layer.weight.imag, layer.bias.imag):
        assert 0.9 / 8 < part.abs().max() <= 1 / 8 and abs(part.mean().item()) < 0.03
    w = nn.init.normal_(autograd.empty(20000, dtype=autograd.cfloat), std=2.0)
    assert abs(w.abs().square().mean().item() - 4) < 0.2 and abs(w.imag.var().item() - 2) < 0.1
    v = autograd.empty(20000, dtype=autograd.cfloat).normal_(1.0, 2.0)
    assert abs(v.imag.var().item() - 2) < 0.1 and abs(v.mean().item() - 1) < 0.1
    u = autograd.empty(20000, dtype=autograd.cdouble).uniform_(1, 3)
    assert u.imag.min() >= 1 and u.imag.max() > 2.9 and u.real.max() < 3
    for fill in (nn.init.orthogonal_, nn.init.trunc_normal_):
        with pytest.raises(TypeError, match="expected a real tensor, got complex64"):
            fill(autograd.empty(3, 3, dtype=autograd.cfloat))
    assert layer.double().weight.dtype == autograd.complex64
    assert nn.Linear(2, 2).to(autograd.cfloat).weight.dtype == autograd.complex64


def test_gradients_are_clipped_by_their_absolute_values():
    z, x = (nn.Parameter(autograd.ones(2, dtype=dtype)) for dtype in (autograd.cfloat, autograd.float32))
    z.grad, x.grad = autograd.tensor([3j, 4]), autograd.tensor([12.0, 0.0])
    total = nn.utils.clip_grad_norm_([z, x], 1.3)
    assert total.item() == 13 and total.dtype == autograd.float32
    np.testing.assert_allclose(z.grad.numpy(), [0.3j, 0.4], rtol=1e-6)
