"""One call made here and in torch: values, dtypes, shapes, first and second order, or the kind of error."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from hypothesis import strategies as st
from numpy import ndarray

import autograd
import nn.functional as F
from autograd.tensor import Tensor, wrap

NAMES = {torch.float32: "float32", torch.float64: "float64", torch.int64: "int64", torch.int32: "int32"}
NAMES |= {torch.uint8: "uint8", torch.int16: "int16", torch.int8: "int8", torch.bool: "bool"}


# what torch refuses and this library takes: numbers in any place, a bool subtracted from a number, and some functions
# of integers or bools
MORE_HERE = (
    "must be Tensor, not", "invalid combination of arguments", "with a bool tensor is not supported",
    "not implemented for '",
    "not yet implemented for tensors with different dtypes", "expected dtype", "Autograd not support dtype",
)  # fmt: skip


def ours(value: Any) -> Any:
    """Arrays as our tensors, those of floats requiring grad; lists and tuples too. The memory's order is kept."""
    if isinstance(value, ndarray):
        tensor = wrap(value.copy(order="K") if value.flags.forc else np.lib.stride_tricks.as_strided(value.copy()))
        return tensor.requires_grad_() if value.dtype.kind == "f" else tensor
    if isinstance(value, (list, tuple)):
        return type(value)(ours(v) for v in value)
    return {k: ours(v) for k, v in value.items()} if isinstance(value, dict) else value


def theirs(value: Any) -> Any:
    """Arrays as torch's tensors, those of floats requiring grad; dtypes as torch's."""
    if isinstance(value, ndarray):
        return torch.from_numpy(value.copy(order="K")).requires_grad_(value.dtype.kind == "f")
    if isinstance(value, np.dtype):
        return getattr(torch, value.name)
    if isinstance(value, (list, tuple)):
        return type(value)(theirs(v) for v in value)
    return {k: theirs(v) for k, v in value.items()} if isinstance(value, dict) else value


def flat(value: Any) -> list[Any]:
    """The tensors and numbers in a result, in order."""
    if isinstance(value, (list, tuple)):
        return [x for v in value for x in flat(v)]
    return [value]


def leaves(value: Any, kind: type) -> list[Any]:
    if isinstance(value, dict):
        value = list(value.values())
    return [x for x in flat(value) if isinstance(x, kind) and x.requires_grad]


def array(value: Any) -> ndarray:
    if isinstance(value, Tensor):
        return value.detach().numpy()
    return value.numpy(force=True) if isinstance(value, torch.Tensor) else np.asarray(value)


def tolerance(dtype: np.dtype, wide: float = 1.0) -> dict[str, float]:
    return (
        {"rtol": 1e-6 * wide, "atol": 1e-7 * wide}
        if dtype == np.float64
        else {"rtol": 3e-5 * wide, "atol": 1e-5 * wide}
    )


def same(a: Any, b: Any, what: str, free_where_nan: bool = False, wide: float = 1.0) -> None:
    """a (ours) has b's dtype, shape and values; free_where_nan: where torch has NaN ours may be better."""
    if a is None or b is None:
        # an input without influence: torch has sometimes None and sometimes zeros
        assert (a is None or not array(a).any()) and (b is None or not array(b).any()), f"{what}: {a} beside {b}"
        return
    x, y = array(a), array(b)
    if isinstance(b, torch.Tensor):
        assert x.dtype.name == NAMES[b.dtype], f"{what}: dtype {x.dtype} beside {b.dtype}"
    assert x.shape == y.shape, f"{what}: shape {x.shape} beside {y.shape}"
    if x.dtype.kind != "f":
        np.testing.assert_array_equal(x, y, err_msg=what)
        return
    if free_where_nan:
        x = np.where(np.isnan(y), y, x)
    np.testing.assert_allclose(x, y, err_msg=what, **tolerance(x.dtype, wide))


def run(call: Callable[..., Any], args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    try:
        if not getattr(call, "__module__", "").startswith("autograd"):
            with warnings.catch_warnings():  # torch warns where this library is silent, as for a variance of one number
                warnings.simplefilter("ignore")
                return call(*args, **kwargs), None
        return call(*args, **kwargs), None
    except Exception as error:  # whatever it is, the two libraries' must agree
        return None, error


def beside(
    name: str,
    *args: Any,
    theirs_name: str = "",
    method: bool = False,
    orders: int = 2,
    wide: float = 1.0,
    **kwargs: Any,
) -> None:
    """Call `name` here and in torch on the same arguments and compare everything."""
    library, target = (Tensor, torch.Tensor) if method else (autograd, torch)
    call: Any = getattr(library, name)
    for part in (theirs_name or name).split("."):
        target = getattr(target, part)
    compare(call, target, args, kwargs, orders=orders, wide=wide)


def compare(call: Any, target: Any, args: Any, kwargs: Any, orders: int = 2, wide: float = 1.0) -> None:
    a_args, a_kwargs, b_args, b_kwargs = ours(list(args)), ours(kwargs), theirs(list(args)), theirs(kwargs)
    a, a_error = run(call, a_args, a_kwargs)
    b, b_error = run(target, b_args, b_kwargs)
    about = f"{getattr(call, '__name__', call)}{args}{kwargs}"
    if b_error is not None:
        if any(words in str(b_error) for words in MORE_HERE):
            return
        assert a_error is not None, f"{about}: torch raises {type(b_error).__name__}: {b_error}; here {a}"
        # "not implemented for 'Bool'" is a TypeError and RuntimeError here
        wanted = RuntimeError if isinstance(b_error, NotImplementedError) else type(b_error)
        assert isinstance(a_error, wanted), f"{about}: torch {b_error!r}, here {a_error!r}"
        return
    if a_error is not None:
        raise AssertionError(f"{about}: here {a_error!r}, torch has {b}") from a_error
    a_outs, b_outs = flat(a), flat(b)
    assert len(a_outs) == len(b_outs), f"{about}: {len(a_outs)} results beside {len(b_outs)}"
    for x, y in zip(a_outs, b_outs, strict=True):
        same(x, y, about, wide=wide)
        if isinstance(y, torch.Tensor):
            assert x.requires_grad == y.requires_grad, (
                f"{about}: requires_grad {x.requires_grad} beside {y.requires_grad}"
            )
    rng = np.random.default_rng(0)
    a_leaves, b_leaves = (
        leaves([a_args, list(a_kwargs.values())], Tensor),
        leaves([b_args, list(b_kwargs.values())], torch.Tensor),
    )
    a_outs = [x for x in a_outs if isinstance(x, Tensor) and x.requires_grad]
    b_outs = [y for y in b_outs if isinstance(y, torch.Tensor) and y.requires_grad]
    for order in range(1, orders + 1):
        if not b_outs:
            return
        seeds = [rng.uniform(0.5, 1.5, tuple(y.shape)).astype(array(y).dtype) for y in b_outs]
        try:
            b_grads = torch.autograd.grad(
                b_outs, b_leaves, [torch.from_numpy(v) for v in seeds], create_graph=True, allow_unused=True
            )
        except RuntimeError:
            return  # torch has no derivative of this order, or its formula fails on these dtypes
        a_seeds = [wrap(v) for v in seeds]
        plain = autograd.grad(a_outs, a_leaves, a_seeds, retain_graph=True, allow_unused=True)
        a_grads = autograd.grad(a_outs, a_leaves, a_seeds, create_graph=True, allow_unused=True)
        for k, (x, y) in enumerate(zip(plain, a_grads, strict=True)):
            same(x, y, f"{about}: order {order}, input {k}, arrays beside the recorded form", wide=wide)
        for k, (x, y) in enumerate(zip(a_grads, b_grads, strict=True)):
            same(x, y, f"{about}: order {order}, input {k}", free_where_nan=True, wide=wide * 10**order)
        if any(y is not None and np.isnan(array(y)).any() for y in b_grads):
            return  # what torch differentiates from NaN on says nothing
        pairs = [(x, y) for x, y in zip(a_grads, b_grads, strict=True) if y is not None and y.requires_grad]
        b_outs = [y for _, y in pairs]
        a_outs = [x for x, _ in pairs]
        for x, y in pairs:
            if x is None or not x.requires_grad:  # constant here, and so it must be in torch
                a_outs, b_outs = [o for o in a_outs if o is not x], [o for o in b_outs if o is not y]


def both(text: str) -> list[tuple[Any, int]]:
    """An expression evaluated here and in torch: dtypes, shapes and rounded values, or the error; the number of warnings.

    It speaks of `lib`, `F` and the tensors x (2, 3), i (2, 3) of int64, and w, which requires grad.
    """
    outcomes: list[tuple[Any, int]] = []
    for lib, functional in ((autograd, F), (torch, torch.nn.functional)):
        module: Any = lib
        names = {"lib": lib, "F": functional, "x": module.tensor([[1.5, -2.0, 3.0], [4.0, 0.5, -6.0]])}
        names |= {"i": module.tensor([[0, 1, 0], [1, 0, 1]]), "w": module.ones(2, 3, requires_grad=True)}
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            result, error = run(lambda names=names: eval(text, names), (), {})
        outcomes.append((error if error is not None else shown(result), len(caught)))
    return outcomes


def shown(result: Any) -> Any:
    """A result as plain values: a tensor as its dtype, shape and elements."""
    if isinstance(result, (list, tuple)) and not isinstance(result, (autograd.Size, torch.Size)):
        return [shown(part) for part in result]
    if not isinstance(result, (Tensor, torch.Tensor)):
        return result
    values = np.round(array(result).astype(float), 5).tolist()
    return str(result.dtype).removeprefix("torch."), tuple(result.shape), str(values)


def agree(text: str) -> None:
    """The expression has the same outcome in both libraries: the value, or the kind of error."""
    (mine, _), (theirs, _) = both(text)
    if isinstance(theirs, Exception):
        wanted = RuntimeError if isinstance(theirs, NotImplementedError) else type(theirs)
        assert isinstance(mine, wanted), f"{text}: {mine!r} beside {theirs!r}"
    else:
        assert mine == theirs, f"{text}: {mine!r} beside {theirs!r}"


# ------------------------------------------------------------------------------------------------ awkward inputs

PLAIN = [-2.5, -1.2, -0.7, 0.3, 0.6, 1.1, 2.4, 3.7]
TIES = [-1.0, 0.0, 0.0, 0.5, 1.0, 1.0, 2.0]
SPECIAL = [float("nan"), float("inf"), -float("inf"), -0.0, 0.0, 1.0, -1.0, 2.5, -2.5, 0.5]
SHAPES = [(), (1,), (4,), (2, 3), (3, 1), (2, 1, 3), (0,), (2, 0), (2, 2, 2)]


def filled(
    shape: tuple[int, ...], dtype: str, pool: list[float], rng: np.random.Generator, order: str = "C"
) -> ndarray:
    """An array of values from the pool, in C or Fortran order, or cut out of a larger one."""
    values = rng.choice(np.array(pool), shape)
    if dtype == "bool":
        out = values > 0.4
    elif dtype == "uint8":
        out = np.abs(np.nan_to_num(values, posinf=9, neginf=9)).astype(np.uint8)
    elif dtype.startswith("int"):
        out = np.nan_to_num(values, posinf=9, neginf=-9).astype(dtype)
    else:
        out = values.astype(dtype)
    return np.asarray(out, order=order)  # type: ignore[call-overload, no-any-return]


@st.composite
def arrays(
    draw: Any,
    dtypes: Sequence[str] = ("float64", "float32", "int64", "uint8", "bool"),
    shapes: Any = SHAPES,
    pools: Any = None,
) -> ndarray:
    """Arrays of any kind: dtype, rank, order of memory, ties, NaN and infinities."""
    seed = draw(st.integers(0, 2**32 - 1))
    pool = draw(st.sampled_from(pools or [PLAIN, TIES, SPECIAL]))
    return filled(
        draw(st.sampled_from(list(shapes))),
        draw(st.sampled_from(list(dtypes))),
        pool,
        np.random.default_rng(seed),
        draw(st.sampled_from("CF")),
    )


PAIRS = [
    ((), ()),
    ((3,), ()),
    ((), (3,)),
    ((2, 3), (3,)),
    ((3, 1), (2, 1, 4)),
    ((4,), (4,)),
    ((0,), (1,)),
    ((2, 0), ()),
    ((2, 3), (4,)),
]


@st.composite
def pairs(
    draw: Any,
    dtypes: Sequence[str] = ("float64", "float32", "int64", "uint8", "bool"),
    pools: Any = None,
    scalars: bool = True,
) -> Any:
    """Two operands: arrays that broadcast (or, once in a while, do not), or an array and a number in either place."""
    a_shape, b_shape = draw(st.sampled_from(PAIRS))
    a, b = draw(arrays(dtypes, [a_shape], pools)), draw(arrays(dtypes, [b_shape], pools))
    number = st.sampled_from([2, -3, 0.5, -1.5, 1, True])
    form = draw(st.sampled_from(["arrays", "arrays", "right", "left"])) if scalars else "arrays"
    return (a, draw(number)) if form == "right" else (draw(number), b) if form == "left" else (a, b)
