"""torch's own test inputs for its functions (op_db), run here and in torch: values, dtypes, gradients, refusals.

Each entry's samples in six dtypes as function, method and in place; gradients of two orders in float64; the reference
inputs in float32; the inputs that must be refused. `nn.functional` has a test of its own.
"""

from __future__ import annotations

import random
import warnings
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import numpy as np
import pytest
from torch_samples import NotHere, compare_gradients, flatten, here, internal, named_leaves, same, same_kind, torch

import autograd
from autograd.tensor import Tensor

DTYPES = (torch.float64, torch.float32, torch.int64, torch.int32, torch.uint8, torch.bool)
SAMPLES, FEW = 100, 20  # at most, of each dtype as function, and as method, in place or for reference

# what belongs to other tests, or has no place in this library
ELSEWHERE = (
    "nn.functional.",
    "_refs.",
    "torch.ops.",
    "jiterator_",
    "fft.",
    "signal.",
    "sparse.",
    "masked.",
    "_",
    "torch._",
)

# entries without a counterpart -> why
WHY_ABSENT = {
    "there are no half dtypes": "chalf bfloat16 half",
    "eigenvalues of matrices that are not symmetric": "linalg.eig linalg.eigvals",
    "what torch calls below its public functions": """
        native_batch_norm native_layer_norm native_group_norm native_dropout_backward grid_sampler_2d grid_sampler_3d
        max_pool2d_with_indices_backward slice
    """,
    "numpy has no Bunch-Kaufman": "linalg.ldl_factor linalg.ldl_factor_ex linalg.ldl_solve",
    "there are no sparse tensors and no hashes of values": "hash_tensor to_sparse",
    "scipy has them; networks have not asked": """
        special.zeta special.airy_ai special.bessel_j0 special.bessel_j1 special.bessel_y0 special.bessel_y1
        special.modified_bessel_i0 special.modified_bessel_i1 special.modified_bessel_k0 special.modified_bessel_k1
        special.scaled_modified_bessel_k0 special.scaled_modified_bessel_k1 special.spherical_bessel_j0
        special.hermite_polynomial_h special.hermite_polynomial_he special.laguerre_polynomial_l
        special.legendre_polynomial_p special.chebyshev_polynomial_t special.chebyshev_polynomial_u
        special.chebyshev_polynomial_v special.chebyshev_polynomial_w special.shifted_chebyshev_polynomial_t
        special.shifted_chebyshev_polynomial_u special.shifted_chebyshev_polynomial_v
        special.shifted_chebyshev_polynomial_w
    """,
}
ABSENT = {name: why for why, names in WHY_ABSENT.items() for name in names.split()}

# (entry, kind of comparison) -> why it is left out; kinds: function, method, inplace, gradient, second, reference, error
INTEGERS = "a float factor of integers is refused, torch cuts its fraction off"
LEFT_OUT = {
    (
        "linalg.pinv/hermitian",
        "gradient",
    ): "torch's is that of a matrix that need not be symmetric; here it is symmetric",
    ("linalg.norm/subgradients_at_zero", "second"): "0 / 0 is 0 here",
    ("as_strided_scatter", "gradient"): "torch gives the input's gradient to the places written over",
    ("cholesky_inverse", "gradient"): "torch's fills the triangle that is not read",
    ("cholesky_solve", "gradient"): "torch's fills the triangle that is not read",
    ("sum_to_size", "function"): "torch makes an int64 of a 0-dim integer here, and of no other",
    ("sum_to_size", "method"): "torch makes an int64 of a 0-dim integer here, and of no other",
    ("float_power", "inplace"): "the float64 result is written into a float32 tensor, torch refuses",
    ("narrow_copy", "error"): "a dim out of range is an IndexError, in torch a RuntimeError of narrow_copy alone",
    ("histogramdd", "function"): "edges must rise",
    ("normal/number_mean", "function"): "factories have no layout",
    ("igamma", "reference"): "NaN is handed on; torch has 0 or 1 beside infinity",
    ("igammac", "reference"): "NaN is handed on; torch has 0 or 1 beside infinity",
    **{
        (
            f"polygamma/polygamma_n_{n}",
            "reference",
        ): "0 at infinity and NaN at -infinity, torch has NaN, infinity, garbage"
        for n in (1, 2, 3, 4)
    },
    ("cat", "error"): "out of the wrong shape gets new memory",
    ("linalg.lstsq", "gradient"): "residuals that are empty have no gradient",
    ("linalg.lstsq/grad_oriented", "gradient"): "residuals that are empty have no gradient",
}
FLOATS_ONLY = {  # entry -> why integers, or bools, are left out
    **dict.fromkeys(("addmv", "addbmm", "baddbmm", "addmm", "addmm/decomposed"), INTEGERS),
    "addr": "bools become integers beside numbers",
}

# torch's messages for what this library takes: plain numbers in any place, one memory written and read at once
TAKEN_HERE = (
    "must be Tensor, not", "invalid combination of arguments", "doesn't apply to a 'int' object",
    "single memory location", "Trying to resize storage", "is not supported. If you are trying to invert",
)  # fmt: skip

# draws: their dtype and shape are compared
NAMES_DRAWN = """
    bernoulli normal multinomial randn randn_like rand_like randint randint_like uniform cauchy exponential geometric
    log_normal svd_lowrank pca_lowrank empty empty_like new_empty empty_permuted empty_strided new_empty_strided resize_
    resize_as_
"""
DRAWN = set(NAMES_DRAWN.split())
# of equal elements any may be named by its place: how many of the results are compared
DETERMINED = {"topk": 1, "kthvalue": 1, "mode": 1, "median": 1, "nanmedian": 1, "sort": 1, "argsort": 0}
BY_SCALE = {"matrix_exp", "polygamma", "special.polygamma"}  # errors are measured by the largest element

# what torch's entry calls by other arguments than the function has
CALLS: dict[str, Callable[..., Any]] = {
    "einsum": lambda tensors, equation: autograd.einsum(equation, *tensors),
    "polygamma": lambda x, n, **named: autograd.polygamma(named.get("n", n), x),
    "special.polygamma": lambda x, n, **named: autograd.special.polygamma(n, x),
    "linalg.pinv/singular": lambda a, b: autograd.linalg.pinv(a @ b.mT),
    "linalg.lstsq/grad_oriented": lambda a, b, driver: tuple(autograd.linalg.lstsq(a, b, driver=driver)[:2]),
    "where": lambda x, condition, other: autograd.where(condition, x, other),
    "zero_": lambda x: x.clone().zero_(),
    "normal/in_place": lambda x, *args: x.normal_(*args),
    "svd_lowrank": lambda a, b, **named: autograd.svd_lowrank(a @ b.mT, **named),
    "pca_lowrank": lambda a, b, **named: autograd.pca_lowrank(a @ b.mT, **named),
}


@pytest.fixture(autouse=True)
def no_notes_for_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    """torch notes every seed for devices that may start later, each with the stack of its call: most of the time here."""
    for module in (torch.cuda, torch.xpu, torch.mtia):
        monkeypatch.setattr(module, "_lazy_call", lambda *args, **named: None)


def entries() -> dict[str, Any]:
    found = {}
    for info in internal("common_methods_invocations").op_db:
        if not info.name.startswith(ELSEWHERE) or (info.name.startswith("__") and hasattr(Tensor, info.name)):
            found[f"{info.name}/{info.variant_test_name}".rstrip("/")] = info
    return found


INFOS = entries()
COMPARED = [name for name, info in INFOS.items() if info.name not in ABSENT]


def counterpart(name: str) -> Callable[..., Any] | None:
    """The function of this library for an entry: by its name, else the method, else the method that writes in place."""
    info = INFOS[name]
    if name in CALLS or info.name in CALLS:
        return CALLS.get(name) or CALLS[info.name]
    if isinstance(getattr(Tensor, info.name, None), property):
        return lambda x: getattr(x, info.name)
    found: Any = autograd
    for part in info.name.split("."):
        found = getattr(found, part, None)
    if not callable(found) or isinstance(found, (type, np.dtype)):
        found = getattr(Tensor, info.name, None) or getattr(Tensor, f"{info.name}_", None)
    return found if callable(found) else None


def drawn(samples: Any, most: int) -> list[Any]:
    """At most so many of the samples, the same in every run."""
    samples = list(samples)
    at = sorted(random.Random(0).sample(range(len(samples)), most)) if len(samples) > most else range(len(samples))
    return [samples[k] for k in at]


def seeded() -> None:
    torch.manual_seed(0), random.seed(0), np.random.seed(0)


def fresh(value: Any) -> Any:
    """torch's tensors copied: what writes in place must not change the samples."""
    if isinstance(value, torch.Tensor):
        return value.detach().clone().requires_grad_(value.requires_grad)
    if isinstance(value, (list, tuple)) and not isinstance(value, torch.Size) and not hasattr(value, "_fields"):
        return type(value)(fresh(part) for part in value)
    return {k: fresh(part) for k, part in value.items()} if isinstance(value, dict) else value


def tried(call: Callable[..., Any], args: Any, named: Any) -> tuple[Any, Any]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return call(*args, **named), None
    except Exception as error:  # whatever it is, the two libraries' must agree
        return None, error


def unlike(tensors: list[Any]) -> bool:
    """Whether torch's result is of a kind that this library has not."""
    return any(
        isinstance(t, torch.Tensor)
        and (t.dtype.is_complex or t.dtype in (torch.float16, torch.bfloat16) or t.layout != torch.strided)
        for t in tensors
    )


def compare(name: str, kind: str, sample: Any, mine: Callable[..., Any], theirs: Callable[..., Any]) -> None:
    """One sample: the structure, dtypes, shapes and values of the result, or the kind of error; then the gradients."""
    info = INFOS[name]
    given = fresh([sample.input, list(sample.args), sample.kwargs])
    try:
        ours = here(given)
    except NotHere:
        return
    if kind in ("method", "inplace") and not isinstance(given[0], torch.Tensor):
        return
    if any(isinstance(part, complex) for part in flatten(given)):
        return
    about = f"{name} as {kind}, {shown(given)}"
    b, b_error = tried(theirs, [given[0], *given[1]], given[2])
    if b_error is None and (b is NotImplemented or unlike(flatten(b))):
        return
    numbers = all(isinstance(x, (int, float)) for x in flatten([given[0], given[1]]))
    if numbers and isinstance(b, torch.Tensor) and not hasattr(autograd.creation, info.name):
        return  # of plain numbers alone torch's functions of two make a tensor
    a, a_error = tried(mine, [ours[0], *ours[1]], ours[2])
    if b_error is not None:
        if not any(part in str(b_error) for part in TAKEN_HERE):
            assert same_kind(a_error, b_error), f"{about}: torch raises {b_error!r}, here {a_error!r} {a}"
        return
    if a_error is not None:
        raise AssertionError(f"{about}: here {a_error!r}") from a_error
    # what is determined of the results, as torch's own tests have it: singular vectors up to their signs, and so on
    with warnings.catch_warnings(), suppress(Exception):  # some speak to torch's tensors only
        warnings.simplefilter("ignore")
        a, b = sample.output_process_fn_grad(a), sample.output_process_fn_grad(b)
    alike(name, a, b, about)
    wanted = kind in ("function", "inplace") and sample_dtype(sample) == torch.float64 and info.supports_autograd
    if not wanted or info.name in DRAWN or (name, "gradient") in LEFT_OUT:
        return
    leaves = named_leaves(ours, given)
    if any(isinstance(y, torch.Tensor) and y.requires_grad and y.numel() for y in flatten(b)):
        full = all(t.numel() for _, _, t in leaves)  # of nothing a gradient may be recorded or not
        if not full and not any(isinstance(x, Tensor) and x.requires_grad for x in flatten(a)):
            return
        for x, y in zip(flatten(a), flatten(b), strict=True):
            if isinstance(y, torch.Tensor) and y.numel() and full:
                assert x.requires_grad == y.requires_grad, f"{about}: requires_grad {x.requires_grad}"
        orders = 2 if kind == "function" and info.supports_gradgrad and (name, "second") not in LEFT_OUT else 1
        compare_gradients(a, b, leaves, about, orders)


def shown(value: Any) -> str:
    """An argument in a failure's message: of a tensor its dtype and shape."""
    if isinstance(value, torch.Tensor):
        return f"{str(value.dtype).removeprefix('torch.')}{list(value.shape)}"
    if isinstance(value, dict):
        return ", ".join(f"{k}={shown(v)}" for k, v in value.items())
    return f"({', '.join(map(shown, value))})" if isinstance(value, (list, tuple)) else repr(value)[:200]


def sample_dtype(sample: Any) -> Any:
    tensors = [x for x in flatten([sample.input, list(sample.args), sample.kwargs]) if isinstance(x, torch.Tensor)]
    return next((t.dtype for t in tensors if t.requires_grad), None)


def alike(name: str, a: Any, b: Any, about: str) -> None:
    info = INFOS[name]
    if isinstance(b, (list, tuple)) and not isinstance(b, torch.Size):
        assert isinstance(a, tuple if isinstance(b, tuple) else list), (
            f"{about}: {type(a).__name__} beside {type(b).__name__}"
        )
        for field in [
            f for f in dir(type(b)) if hasattr(b, "n_fields") and isinstance(getattr(b, f, None), torch.Tensor)
        ]:
            assert hasattr(a, field), f"{about}: the result has no field {field}"
    a_parts, b_parts = flatten(a), flatten(b)
    assert len(a_parts) == len(b_parts), f"{about}: {len(a_parts)} results beside {len(b_parts)}"
    for k, (x, y) in enumerate(zip(a_parts, b_parts, strict=True)):
        if not isinstance(y, torch.Tensor):
            if info.name not in DRAWN:
                assert x == y or x == pytest.approx(y, nan_ok=True), f"{about}: {x!r} beside {y!r}"
            continue
        assert isinstance(x, Tensor), f"{about}: {type(x).__name__} beside a tensor"
        y = y.resolve_conj().resolve_neg()
        if info.name in DRAWN or k >= DETERMINED.get(info.name, k + 1):
            assert (str(x.dtype), tuple(x.shape)) == (str(y.dtype), tuple(y.shape)), about
        else:
            scale = (
                max(1.0, float(y.detach().nan_to_num(0, 0, 0).abs().max()))
                if info.name in BY_SCALE and y.numel()
                else 1.0
            )
            same(x, y, about, wide=scale)


def forms(name: str) -> Iterator[tuple[str, Callable[..., Any], Callable[..., Any], int]]:
    """(kind, here, in torch, how many samples): as function, as method, in place."""
    info = INFOS[name]
    function = counterpart(name)
    assert function is not None, f"{name}: nothing of that name here; add it, or say in ABSENT why not"
    yield "function", function, info.op, SAMPLES
    if info.name.startswith("__") or name in CALLS:
        return
    for kind, theirs in (("method", info.method_variant), ("inplace", info.inplace_variant)):
        called = getattr(theirs, "__name__", "<lambda>")
        if theirs is None or called == "<lambda>" or not callable(getattr(Tensor, called, theirs)):
            continue
        assert hasattr(Tensor, called), f"{name}: a Tensor has no {called}"
        # a leaf that requires grad may not be written to
        through = lambda x, *args, _called=called, _kind=kind, **named: getattr(
            x.clone() if _kind == "inplace" and x.requires_grad else x, _called
        )(*args, **named)
        yield kind, through, through, FEW


@pytest.mark.filterwarnings("ignore:torch.qr is deprecated:UserWarning")  # torch makes its samples so
@pytest.mark.parametrize("name", COMPARED)
def test_samples(name: str) -> None:
    """Values in every dtype, and gradients of two orders in float64."""
    info = INFOS[name]
    for dtype in DTYPES:
        if dtype not in info.supported_dtypes("cpu") or (name in FLOATS_ONLY and not dtype.is_floating_point):
            continue
        grad = dtype == torch.float64 and info.supports_autograd and dtype in info.supported_backward_dtypes("cpu")
        seeded()
        samples = list(info.sample_inputs_func(info, "cpu", dtype, grad))
        for kind, mine, theirs, most in forms(name):
            if (name, kind) in LEFT_OUT:
                continue
            for sample in drawn([s for s in samples if kind != "inplace" or not s.broadcasts_input], most):
                compare(name, kind, sample, mine, theirs)


@pytest.mark.filterwarnings("ignore:torch.qr is deprecated:UserWarning")  # torch makes its samples so
@pytest.mark.parametrize("name", COMPARED)
def test_reference_inputs(name: str) -> None:
    """The larger inputs: other strides, extreme values, broadcasting."""
    info = INFOS[name]
    if torch.float32 not in info.supported_dtypes("cpu") or not {(name, "reference"), (name, "function")}.isdisjoint(
        LEFT_OUT
    ):
        return
    seeded()
    function = counterpart(name)
    assert function is not None
    for sample in drawn(
        (info.reference_inputs_func or info.sample_inputs_func)(info, "cpu", torch.float32, False), FEW
    ):
        compare(name, "reference", sample, function, info.op)


@pytest.mark.parametrize("name", [name for name in COMPARED if INFOS[name].error_inputs_func])
def test_refusals(name: str) -> None:
    """What torch refuses is refused, by an error of the same kind."""
    if (name, "error") in LEFT_OUT:
        return
    seeded()
    function = counterpart(name)
    assert function is not None
    for error in INFOS[name].error_inputs_func(INFOS[name], "cpu"):
        try:
            compare(name, "error", error.sample_input, function, INFOS[name].op)
        except (TypeError, ValueError) as reason:  # a tensor on torch's meta device, or of more dims than numpy has
            assert "meta device" in str(reason) or "number of dimensions" in str(reason), name


def test_what_is_left_out_exists() -> None:
    """An entry that torch or this library has outlived must go."""
    names = {info.name for info in INFOS.values()}
    assert set(ABSENT) <= names | {"bfloat16", "half"}, set(ABSENT) - names
    assert {name for name, _ in LEFT_OUT} <= set(INFOS) and set(FLOATS_ONLY) <= set(INFOS)
