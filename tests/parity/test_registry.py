"""Every operation of the registry that torch has too, on its own samples and on awkward changes of them.

Values, dtypes, shapes, first and second order agree in float64; what torch refuses is refused. An operation is found by its
name in torch, torch.nn.functional or torch.linalg; `DIFFERENT` lists what differs on purpose, with the reason.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import autograd
from autograd.op import REGISTRY
from autograd.samples import Draw
from autograd.tensor import Tensor, wrap

NUMBERS = {"integers", "booleans"}
NOTHING = {"emptied", "last_emptied"}

# reason -> operation -> variants it concerns; docs/differences.md says it to users
REASONS: dict[str, dict[str, set[str]]] = {
    "layers compute in floating point: integers are refused by name, torch has kernels for some": {
        **{f"avg_pool{n}d": {"integers"} for n in (1, 2, 3)}, **{f"max_pool{n}d": {"integers"} for n in (2, 3)},
        **{f"lp_pool{n}d": NUMBERS for n in (1, 2, 3)}, **{f"conv_transpose{n}d": {"integers"} for n in (1, 2, 3)},
        "conv1d": {"integers"}, "conv2d": NUMBERS, "conv3d": {"integers"}, "local_response_norm": {"integers"},
    },
    "torch refuses integers only where a step inside happens to; here they become floats": {
        "gaussian_nll_loss": {"integers"}, "hinge_embedding_loss": {"integers"},
    },
    "torch takes these dtypes of empty tensors only; a tensor with elements is refused there too": {
        "softmax": NUMBERS, "log_softmax": NUMBERS, "mm": {"booleans"}, "bmm": {"booleans"}, "matmul": {"booleans"},
        "linear": {"booleans"},
        "scaled_dot_product_attention": NUMBERS,
    },
    "torch takes a mask of any shape where there is nothing to mask": {
        "scaled_dot_product_attention": {"emptied", "last_emptied"},
    },
    "a float factor of integers is refused, torch cuts its fraction off": {"addcmul": {"integers"}},
    "beta=2, alpha=3 make an integer of bools, torch keeps bool": {"addr": {"booleans"}},
    "LAPACK is not given NaN or infinity: a ValueError says so, torch raises or returns NaN by LAPACK's version": {
        name: {"special"} for name in (
            "linalg_cond", "linalg_eigh", "linalg_eigvalsh", "linalg_matrix_norm", "linalg_matrix_rank", "linalg_norm",
            "linalg_pinv", "linalg_svd", "linalg_svdvals", "matrix_exp",
        )
    },
    "a triangle with 0 on its diagonal is singular: a ValueError, torch divides by 0": {
        "linalg_solve_triangular": {"special"}, "cholesky_solve": {"special"}, "linalg_lu_solve": {"special"},
        "lu_solve": {"special"}, "triangular_solve": {"special"},
    },
    "where NaN and infinity turn up depends on the order of the sums and products, which differs": {
        "linalg_qr": {"special"}, "stft": {"special"},
        "fft_rfft2": {"special"}, "fft_rfftn": {"special"}, "matrix_power": {"special"},
        "group_norm": {"special"}, "interpolate": {"special"},
        **{f"conv_transpose{n}d": {"special"} for n in (1, 2, 3)},
        **{name: {"special"} for name in ("std_mean", "var_mean")},
        **{name: {"special"} for name in ("geqrf", "linalg_householder_product", "ormqr")},
    },
    "where a column is 0 below its diagonal a reflection may turn its sign or not": {
        "geqrf": {"ties"},
    },
    "NaN counts: torch's comparisons pass over it": {
        "cdist": {"special", "ties"}, "multi_margin_loss": {"special", "emptied"}, "grid_sample": {"special"},
        "multilabel_margin_loss": {"special", "emptied"},
    },
    "sequences that are not in order have no right answer": {"searchsorted": {"special"}, "bucketize": {"special"}},
    "each NaN is a value of its own, so the most frequent one is the smallest number": {"mode": {"special"}},
    "at a singular point an undefined derivative is 0, not NaN": {
        name: {"ties"} for name in ("hypot", "xlogy", "kl_div", "poisson_nll_loss")
    },
    "the target's gradient belongs to the logarithm limited to -100, torch's is infinite": {
        "binary_cross_entropy": {"ties"},
    },
    "torch's gradient of the blocks beside an empty vector is read from the wrong column": {"block_diag": NOTHING},
    "torch returns an empty input unchanged, in the wrong shape": {"pixel_unshuffle": NOTHING},
    "torch takes matrices that are not square where there are no elements": {"cholesky": NOTHING},
    "torch gives NaN for output size 1, and refuses the others": {"adaptive_avg_pool2d": {"last_emptied"}},
    "a decomposition that fails gives NaN, torch what it had when it failed": {"linalg_cholesky_ex": {"special", "negative"}},
    "torch counts the input's own value among the equal ones also where include_self is off": {"index_reduce": {"ties"}},
    "the gradient of a modulus below 0 is that of the function; torch's has the other sign, and is 0 at 0": {
        "polar": {"negative", "ties"},
    },
    "torch counts a window of bools once however often it overlaps": {"istft": {"booleans"}},
    "torch looks at the strides of nothing too": {"view_as_complex": {"emptied"}},
    "edges must rise; a value on an edge belongs to the interval above it": {"histogram": {"negative", "scalar"}},
    "torch fails by accident: select of no channels, a step of 0, a write into a leaf": {
        "batch_norm": {"last_emptied"}, "embedding_bag": {"last_emptied"}, "cov": {"scalar"},
    },
}  # fmt: skip


def _different() -> dict[str, tuple[set[str], str]]:
    table: dict[str, tuple[set[str], str]] = {}
    for reason, names in REASONS.items():
        for name, variants in names.items():
            before, why = table.get(name, (set(), ""))
            table[name] = before | variants, f"{why}; {reason}".lstrip("; ")
    return table


# operation -> (variants it concerns, reason)
DIFFERENT = _different()


def _squares(f: Callable[..., Any]) -> Callable[..., Any]:
    """Singular vectors and the columns of Q are determined up to their signs."""

    def call(*args: Any, **kwargs: Any) -> Any:
        y = f(*args, **kwargs)
        return [part * part for part in y]

    return call


def _in_order(f: Callable[..., Any]) -> Callable[..., Any]:
    """sorted=False leaves the order open, and torch's choice among equal elements is not specified: values only."""
    return lambda *args, **kwargs: f(*args, **kwargs)[0].sort()[0]


# What surrounds both functions, so that what is left is determined.
AROUND: dict[str, Callable[..., Any]] = {
    **dict.fromkeys(("svd", "linalg_svd", "qr", "linalg_qr"), _squares),
    # torch's gradient of L has entries in the triangle that is not read
    "cholesky_solve": lambda f: lambda B, L, upper=False: f(B, L.triu() if upper else L.tril(), upper),
    "cholesky_inverse": lambda f: lambda L, upper=False: f(L.triu() if upper else L.tril(), upper),
    # torch gives the input's gradient to the places that src has written over, and 0 to all others
    "as_strided_scatter": lambda f: lambda input, *args: f(input.detach(), *args),
    # torch's default driver reads memory that it has not set: its rank, and so its solution, differs between two runs
    "linalg_lstsq": lambda f: lambda A, B: f(A, B, driver="gelsd").solution,
    # torch's gradient of ctc_loss is right behind a log_softmax only
    "ctc_loss": lambda f: lambda log_probs, *args, **kwargs: f(log_probs.log_softmax(-1), *args, **kwargs),
}
# a derivative that torch lacks; a vector as weight of linear, which torch's page allows and its code refuses with a bias
NO_VERDICT = ("is not differentiable with respect", "mat2 must be a matrix, got 1-D tensor")
NO_VERDICT += ("MKL FFT error", "`shifts` required")  # of nothing, and of no dims
VALUES_ONLY = {("topk", "ties"), ("topk", "special"), ("kthvalue", "ties")}
CRASHES = {("pdist", "emptied"), ("pdist", "last_emptied")}  # torch ends the process in backward
RANDOM = {name for name, entry in REGISTRY.items() if "random" in (entry.fn.__doc__ or "").lower()}


def counterpart(name: str) -> Callable[..., Any] | None:
    """torch's function of that name: the documented one where torch has a bare one of other arguments too."""
    if name.startswith("_"):
        return None
    owners = [(torch, name), (torch.nn.functional, name), (torch.linalg, name.removeprefix("linalg_"))]
    if name.startswith("fft_"):
        return getattr(torch.fft, name.removeprefix("fft_"))
    if any(part in name for part in ("loss", "pool", "entropy", "embedding", "kl_div", "norm")):
        owners[0], owners[1] = owners[1], owners[0]
    if name == "unfold":  # torch.nn.functional.unfold is im2col here
        return torch.Tensor.unfold
    for owner, attribute in owners:
        if hasattr(owner, attribute):
            return getattr(owner, attribute)
    return getattr(torch.Tensor, name, None)


OPS = sorted(name for name in REGISTRY if counterpart(name) is not None and name not in RANDOM)


def emptied(a: np.ndarray) -> np.ndarray:
    return a[:0] if a.ndim else a


def last_emptied(a: np.ndarray) -> np.ndarray:
    return a[..., :0] if a.ndim else a


def scalar(a: np.ndarray) -> np.ndarray:
    return a.reshape(-1)[0].reshape(()).copy() if a.size else a


def special(a: np.ndarray) -> np.ndarray:
    if a.dtype.kind != "f" or not a.size:
        return a
    a = a.copy()
    flat = a.reshape(-1)
    for i, value in enumerate((np.nan, np.inf, -np.inf, 0.0, -0.0)):
        flat[(3 * i) % flat.size] = value
    return a


def integers(a: np.ndarray) -> np.ndarray:
    return np.nan_to_num(np.rint(a * 2), posinf=9, neginf=-9).astype(np.int64) if a.dtype.kind == "f" else a


def booleans(a: np.ndarray) -> np.ndarray:
    return a > 0 if a.dtype.kind == "f" else a


def single(a: np.ndarray) -> np.ndarray:
    return a.astype(np.float32) if a.dtype.kind == "f" else a


def ties(a: np.ndarray) -> np.ndarray:
    return np.rint(a) if a.dtype.kind == "f" else a


def negative(a: np.ndarray) -> np.ndarray:
    return -a if a.dtype.kind == "f" else a


VARIANTS = {
    f.__name__: f for f in (emptied, last_emptied, scalar, special, integers, booleans, single, ties, negative)
}  # fmt: skip


def change(value: Any, f: Callable[[np.ndarray], Any]) -> Any:
    if isinstance(value, np.ndarray):
        changed = f(value)
        return np.asarray(changed) if isinstance(changed, np.generic) else changed
    if isinstance(value, (list, tuple)) and any(isinstance(v, (np.ndarray, list, tuple)) for v in value):
        return type(value)(change(v, f) for v in value)
    return value


def samples(name: str) -> Iterator[tuple[list[Any], dict[str, Any]]]:
    for args in REGISTRY[name].samples(Draw(1)):
        kwargs = args[-1] if args and isinstance(args[-1], dict) else {}
        yield list(args[:-1] if kwargs else args), dict(kwargs)


TORCH_DTYPES = {
    np.dtype(n): getattr(torch, n)
    for n in (
        "float32",
        "float64",
        "int64",
        "int32",
        "int16",
        "int8",
        "uint8",
        "bool",
        "complex64",
        "complex128",
    )  # fmt: skip
}


def to_torch(value: Any) -> Any:
    if isinstance(value, Tensor):
        t = torch.tensor(value.detach().numpy().copy())
        return t.requires_grad_(value.requires_grad)
    if isinstance(value, np.dtype) or value in ("float32", "float64", "int64", "bool"):
        return TORCH_DTYPES[np.dtype(value)]
    if isinstance(value, (list, tuple)):
        return type(value)(to_torch(v) for v in value)
    return value


def ours(value: np.ndarray) -> Tensor:
    t = wrap(np.array(value))
    return t.requires_grad_() if value.dtype.kind in "fc" else t


def flat(values: Any, kind: type) -> list[Any]:
    if isinstance(values, kind):
        return [values]
    if isinstance(values, dict):
        values = list(values.values())
    if isinstance(values, (list, tuple)):
        return [leaf for v in values for leaf in flat(v, kind)]
    return []


def run(function: Callable[..., Any], args: list[Any], kwargs: dict[str, Any]) -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return function(*args, **kwargs)
    except (RuntimeError, ValueError, TypeError, IndexError, NotImplementedError) as error:
        return error


def compare(name: str, args: list[Any], kwargs: dict[str, Any], orders: int, variant: str = "") -> None:
    mine = change(args, ours)
    my_kwargs = {k: change(v, ours) for k, v in kwargs.items()}
    theirs = [to_torch(a) for a in mine]
    their_kwargs = {k: to_torch(v) for k, v in my_kwargs.items()}
    around = AROUND.get(name, _in_order if (name, variant) in VALUES_ONLY else lambda f: f)
    if (name, variant) in VALUES_ONLY:
        orders = 0
    y = run(around(REGISTRY[name].call), mine, my_kwargs)
    t = run(around(counterpart(name)), theirs, their_kwargs)
    about = f"{name}{[tuple(a.shape) for a in flat(mine, Tensor)]} {kwargs}"
    if isinstance(t, Exception):
        # torch's signature, a kernel or a derivative it lacks: no verdict
        if not isinstance(t, (TypeError, NotImplementedError)) and not any(part in str(t) for part in NO_VERDICT):
            assert isinstance(y, Exception), f"{about}: torch refuses ({t}), here it gives {y}"
        return
    if isinstance(y, Exception):
        raise AssertionError(f"{about}: torch gives {t}, here {type(y).__name__}: {y}") from y
    ys, ts = flat(y, Tensor), flat(t, torch.Tensor)
    if not ts:
        assert y == t or (y is t), f"{about}: {y} != {t}"
        return
    assert len(ys) == len(ts), about
    for a, b in zip(ys, ts, strict=True):
        assert tuple(a.shape) == tuple(b.shape), f"{about}: shape {tuple(a.shape)}, torch {tuple(b.shape)}"
        assert str(a.dtype) == str(b.dtype), f"{about}: dtype {a.dtype}, torch {b.dtype}"
        single = a.dtype in (np.float32, np.complex64)
        np.testing.assert_allclose(
            a.detach().numpy(),
            b.numpy(force=True),
            rtol=2e-5 if single else 1e-6,
            atol=2e-5 if single else 1e-8,
            err_msg=about,
        )
    if orders:
        gradients(about, ys, ts, flat([mine, my_kwargs], Tensor), flat([theirs, their_kwargs], torch.Tensor), orders)


def gradients(
    about: str, ys: list[Any], ts: list[Any], mine: list[Any], theirs: list[Any], orders: int, first: bool = True
) -> None:
    inputs = [(a, b) for a, b in zip(mine, theirs, strict=True) if b.requires_grad]
    rng = np.random.default_rng(0)
    weights = [rng.uniform(0.5, 1.5, tuple(b.shape)) for b in ts]
    my_pairs = [(y, wrap(w.astype(y.dtype))) for y, w in zip(ys, weights, strict=True) if y.requires_grad]
    their_pairs = [(t, torch.tensor(w, dtype=t.dtype)) for t, w in zip(ts, weights, strict=True) if t.requires_grad]
    more = orders > 1
    reference: Any = ()
    try:
        reference = torch.autograd.grad(
            [t for t, _ in their_pairs], [b for _, b in inputs], [w for _, w in their_pairs],
            create_graph=more, allow_unused=True, materialize_grads=True,
        ) if their_pairs and inputs else ()  # fmt: skip
    except (RuntimeError, NotImplementedError):
        return  # torch records some outputs without having their derivative
    nothing = any(not b.numel() for b in theirs)
    for a, b in zip(ys, ts, strict=True):
        # a gradient of nothing, or in higher orders a constant one, may be recorded or not
        assert not first or nothing or not b.numel() or a.requires_grad == b.requires_grad, (
            f"{about}: requires_grad {a.requires_grad}, torch {b.requires_grad}"
        )
    if not reference:
        return
    if my_pairs:
        result = autograd.grad(
            [y for y, _ in my_pairs], [a for a, _ in inputs], [w for _, w in my_pairs],
            create_graph=more, materialize_grads=True,
        )  # fmt: skip
    else:
        result = tuple([wrap(np.zeros(a.shape, a.dtype)) for a, _ in inputs])
    for a, b in zip(result, reference, strict=True):
        theirs_now = b.detach().numpy(force=True)
        np.testing.assert_allclose(
            a.detach().numpy(), theirs_now, rtol=1e-6, atol=1e-6, err_msg=f"{about}, orders left {orders}"
        )
    if more:
        gradients(about, list(result), list(reference), mine, theirs, orders - 1, first=False)


@pytest.mark.parametrize("name", OPS)
def test_samples(name: str) -> None:
    """Values and two orders on the operation's own samples."""
    for args, kwargs in samples(name):
        compare(name, args, kwargs, orders=2)


def test_differences_are_documented() -> None:
    page = (Path(__file__).parents[2] / "docs" / "differences.md").read_text()
    assert not [name for name in DIFFERENT if f"`{name}`" not in page]


def vary(name: str, variant: str) -> None:
    for args, kwargs in samples(name):
        changed = [change(a, VARIANTS[variant]) for a in args]
        kwargs = {k: change(v, VARIANTS[variant]) for k, v in kwargs.items()}
        orders = 1 if variant in ("emptied", "last_emptied", "scalar", "ties", "negative") else 0
        compare(name, changed, kwargs, orders, variant)


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("name", OPS)
def test_variants(name: str, variant: str) -> None:
    """Empty, 0-dim, NaN and inf, integer, bool and float32 inputs, ties, negative values."""
    if (name, variant) in CRASHES:
        return
    if variant in DIFFERENT.get(name, (set(), ""))[0]:
        # what is said to differ does: an entry that torch or the operation has outlived must go
        with pytest.raises(AssertionError):
            vary(name, variant)
    else:
        vary(name, variant)


# -------------------------------------------------------------------------------------------------------- out=

# torch takes dtypes here that its rule would refuse, or has out for a name that means another here
UNEVEN_OUT = {"linalg_lstsq", "normalize", "linear", "conj_physical", "geqrf", "lu"}
OTHER_DTYPE = {"complex64": "complex128", "complex128": "complex64"}
OTHER_DTYPE |= {"float64": "float32", "float32": "float64", "int64": "int32", "int32": "int64", "bool": "float32"}


def plain(value):
    """Tensors without history, floats as float32, so that a float64 result is another dtype."""
    if isinstance(value, (list, tuple)):
        return type(value)(plain(v) for v in value)
    if not isinstance(value, (Tensor, torch.Tensor)):
        return value
    value = value.detach()
    return value.float() if value.is_floating_point() else value


def empty_out(library, result, names):
    outs = [library.empty(0, dtype=getattr(library, name)) for name in names]
    return outs[0] if isinstance(result, (Tensor, torch.Tensor)) else tuple(outs)


def tried(library, function, args, kwargs, result, names):
    """What a call with out gives, and whether that is out itself; None where it is refused."""
    out = empty_out(library, result, names)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            got = function(*args, **kwargs, out=out)
    except (RuntimeError, TypeError):
        return None
    if got is None:  # torch's unbind_copy and split_with_sizes_copy, whose result with out is nothing
        return None
    same = got is out if not isinstance(out, tuple) else all(a is b for a, b in zip(got, out, strict=True))
    return got, same


@pytest.mark.parametrize("name", [name for name in OPS if hasattr(autograd, name)])
def test_out(name):
    """The same functions take out, of the same dtypes, and write the result there."""
    mine = getattr(autograd, name)
    for args, kwargs in samples(name):
        given, named = [change(a, ours) for a in args], {k: change(v, ours) for k, v in kwargs.items()}
        theirs, their_named = [plain(to_torch(a)) for a in given], {k: plain(to_torch(v)) for k, v in named.items()}
        given, named = [plain(a) for a in given], {k: plain(v) for k, v in named.items()}
        expected = run(counterpart(name), theirs, their_named)
        parts = [expected] if isinstance(expected, torch.Tensor) else expected
        if not isinstance(parts, (list, tuple)) or not all(isinstance(p, torch.Tensor) for p in parts):
            continue
        kinds = [str(p.dtype).removeprefix("torch.") for p in parts]
        for names in (kinds, [OTHER_DTYPE[k] for k in kinds]):
            reference = tried(torch, counterpart(name), theirs, their_named, expected, names)
            got = tried(autograd, mine, given, named, expected, names)
            if reference is None:
                # torch's own refusals where the function takes out at all depend on how it is written
                assert got is None or REGISTRY[name].out, f"{name}{given}{named}: out of {names} is taken"
                continue
            if got is None and name in UNEVEN_OUT:
                continue
            assert got is not None, f"{name}{given}{named}: out of {names} is refused"
            assert got[1] and reference[1]
            for a, b in zip(*([x] if not isinstance(x, tuple) else x for x in (got[0], reference[0])), strict=True):
                assert a.shape == tuple(b.shape)
                assert str(a.dtype) == str(b.dtype)
                if name not in ("svd", "qr", "linalg_svd", "linalg_qr", "linalg_eigh"):
                    np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=2e-5, atol=2e-5)
