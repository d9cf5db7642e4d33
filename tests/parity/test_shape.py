"""Shape operations beside torch's, over awkward inputs: every rank, dims in and out of range, empty tensors."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch_beside import PLAIN, SHAPES, arrays, beside, compare, filled

import autograd
from autograd.tensor import wrap

Draw = Callable[[Any], Any]
KINDS = ("float64", "float64", "float32", "int64", "bool")
CASES: dict[str, Callable[[Draw], tuple[Any, ...]]] = {}


def case(*names: str) -> Callable[[Any], Any]:
    def enter(build: Any) -> Any:
        CASES.update(dict.fromkeys(names, build))
        return build

    return enter


def x(draw: Draw, shapes: Any = SHAPES, kinds: tuple[str, ...] = KINDS) -> np.ndarray:
    return draw(arrays(kinds, shapes, [PLAIN]))


def dim(draw: Draw) -> int:
    """Mostly in range for a matrix, sometimes for nothing."""
    return draw(st.sampled_from([0, 0, 1, -1, -1, -2, 2, -3, 3, -4]))


def new_shape(draw: Draw, size: int) -> list[int]:
    """A shape of that many elements, now and then with a -1 or wrong."""
    factors = [n for n in range(1, 9) if size and size % n == 0] or [0, 1, 2]
    first = draw(st.sampled_from(factors))
    rest = size // first if first else draw(st.integers(0, 2))
    shape = [first, rest] if draw(st.booleans()) else [rest, 1, first]
    if draw(st.integers(0, 3)) == 0:
        shape[draw(st.integers(0, len(shape) - 1))] = -1
    if draw(st.integers(0, 9)) == 0:
        shape[0] = draw(st.sampled_from([5, -2]))
    return shape


@case("reshape")
def _(draw):
    a = x(draw)
    return a, new_shape(draw, a.size)


@case("flatten")
def _(draw):
    return (x(draw), dim(draw), dim(draw)) if draw(st.booleans()) else (x(draw),)


@case("unflatten")
def _(draw):
    a = x(draw, [(6,), (2, 6), (4, 3), (0, 2)])
    return a, dim(draw), draw(st.sampled_from([(2, 3), (-1, 3), (2, -1, 1), (4,), (-1, -1), (2, 2), (0, -1), ()]))


@case(
    "ravel",
    "clone",
    "t",
    "atleast_1d",
    "atleast_2d",
    "atleast_3d",
    "fliplr",
    "flipud",
    "diag",
    "tril",
    "triu",
    "argwhere",
    "nonzero",
)
def _(draw):
    return (x(draw),)


@case("squeeze")
def _(draw):
    a = x(draw, [(1, 2, 1), (2, 3), (), (1,), (0, 1)])
    return draw(st.sampled_from([(a,), (a, dim(draw)), (a, (dim(draw), dim(draw)))]))


@case("unsqueeze")
def _(draw):
    return x(draw), dim(draw)


@case("transpose", "swapaxes", "swapdims", "movedim", "moveaxis")
def _(draw):
    return x(draw), dim(draw), dim(draw)


@case("permute")
def _(draw):
    a = x(draw)
    dims = list(draw(st.permutations(range(a.ndim))))
    if dims and draw(st.booleans()):
        dims[0] -= a.ndim
    if draw(st.integers(0, 5)) == 0:
        dims = dims[1:] if draw(st.booleans()) else [*dims, 0]
    return a, dims


@case("broadcast_to")
def _(draw):
    return x(draw), draw(
        st.sampled_from([(2, 3), (3,), (2, 1, 3), (2, 4, 3), (), (0,), (2, 0), (4, 4), (2, 2, 2), (-1, 3)])
    )


JOINED: list[list[tuple[int, ...]]] = [
    [(2, 3), (1, 3)], [(2, 3), (2, 3)], [(2, 3), (0,)], [(0,), (0,)], [(4,), (2,)], [(), ()], [(2, 1, 3), (2, 2, 3)],
    [(2,), (2, 2)], [(0, 3), (2, 3)],
]  # fmt: skip


@case("cat", "concat", "hstack", "vstack", "dstack", "column_stack", "row_stack", "stack")
def _(draw):
    shapes = draw(st.sampled_from(JOINED))
    tensors = [x(draw, [s]) for s in shapes]
    return (tensors, dim(draw)) if draw(st.booleans()) else (tensors,)


@case("split")
def _(draw):
    return x(draw), draw(st.sampled_from([1, 2, 3, 0, -1, [1, 1], [2, 1], [0, 2], [1], [3]])), dim(draw)


@case("chunk")
def _(draw):
    return x(draw), draw(st.sampled_from([1, 2, 3, 0, 7])), dim(draw)


@case("tensor_split", "hsplit", "vsplit", "dsplit")
def _(draw):
    return x(draw), draw(st.sampled_from([1, 2, 3, 0, (1,), (1, 2), (2, 1), (-1,), (0, 5)]))


@case("unbind")
def _(draw):
    return x(draw), dim(draw)


@case("tile")
def _(draw):
    return x(draw), draw(st.sampled_from([(2,), (1, 2), (2, 1, 3), (), (0,)]))


@case("repeat_interleave")
def _(draw):
    a = x(draw)
    d = draw(st.sampled_from([None, 0, 1, -1]))
    n = a.size if d is None else a.shape[d] if -a.ndim <= d < a.ndim else 2
    counts = np.arange(n) % 3
    return (
        (a, draw(st.sampled_from([2, 0, 1, -1]))) + ((d,) if d is not None else ())
        if draw(st.booleans())
        else (a, counts, d)
    )


@case("flip")
def _(draw):
    return x(draw), draw(st.sampled_from([(0,), (1,), (-1,), (0, 1), (0, 0), (), (2, 0)]))


@case("roll")
def _(draw):
    return draw(
        st.sampled_from(
            [(x(draw), 1), (x(draw), -2, dim(draw)), (x(draw), (1, 2), (0, 1)), (x(draw), (1, 2), 0), (x(draw), 5, 0)]
        )
    )


@case("rot90")
def _(draw):
    return x(draw), draw(st.integers(-5, 5)), draw(st.sampled_from([(0, 1), (1, 0), (-1, 0), (0, 0), (0, 2), (0,)]))


@case("diagonal", "diag_embed")
def _(draw):
    return x(draw), draw(st.integers(-2, 2)), dim(draw), dim(draw)


@case("block_diag", "broadcast_tensors")
def _(draw):
    return tuple(
        [x(draw, [(), (3,), (2, 3), (1, 3), (0, 2), (2, 1)], ("float64",)) for _ in range(draw(st.integers(1, 3)))]
    )


@case("meshgrid")
def _(draw):
    return tuple([x(draw, [(2,), (3,), (), (0,), (1, 1)], ("float64",)) for _ in range(draw(st.integers(1, 3)))])


@case("cartesian_prod")
def _(draw):
    return tuple([x(draw, [(2,), (3,), (0,), (2, 1)], ("float64",)) for _ in range(draw(st.integers(1, 3)))])


@case("combinations")
def _(draw):
    return x(draw, [(4,), (0,), (1,), (2, 2)]), draw(st.integers(-1, 3)) or 2, draw(st.booleans())


@pytest.mark.parametrize("name", sorted(CASES))
@given(data=st.data())
def test_function(name: str, data: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch warns of meshgrid without indexing and of resized results
        beside(name, *CASES[name](data.draw))


METHODS: dict[str, Callable[[Draw, np.ndarray], tuple[Any, ...]]] = {
    "view": lambda draw, a: (new_shape(draw, a.size),),
    "reshape": lambda draw, a: tuple(new_shape(draw, a.size)),
    "expand": lambda draw, a: draw(st.sampled_from([(2, 3), (-1, 3), (2, -1, -1), (3,), (), (-1, -1, 4), (0,)])),
    "repeat": lambda draw, a: draw(st.sampled_from([(2,), (1, 2), (2, 1, 3), (0, 1), (1, 1, 1, 2), ()])),
    "unfold": lambda draw, a: (dim(draw), draw(st.integers(-1, 3)), draw(st.integers(0, 3))),
    "expand_as": lambda draw, a: (x(draw),),
    "narrow": lambda draw, a: (dim(draw), draw(st.integers(-3, 3)), draw(st.integers(-1, 3))),
    "select": lambda draw, a: (dim(draw), draw(st.integers(-3, 3))),
    "contiguous": lambda draw, a: (),
    "double": lambda draw, a: (),
    "float": lambda draw, a: (),
    "long": lambda draw, a: (),
    "int": lambda draw, a: (),
    "bool": lambda draw, a: (),
    "type_as": lambda draw, a: (x(draw),),
    "permute": lambda draw, a: tuple(draw(st.permutations(range(a.ndim)))),
    "tril": lambda draw, a: (draw(st.integers(-2, 2)),),
    "triu": lambda draw, a: (draw(st.integers(-2, 2)),),
}


@pytest.mark.parametrize("name", [*sorted(METHODS), "view_as"])
@given(data=st.data())
def test_method(name: str, data: Any) -> None:
    a = x(data.draw)
    if name == "view_as":
        shape = new_shape(data.draw, a.size)
        args: tuple[Any, ...] = (np.zeros(shape if min(shape, default=0) >= 0 else a.shape),)
    else:
        args = METHODS[name](data.draw, a)
    if name in ("permute", "expand", "repeat") and not args:
        return  # no dims at all are dims of a 0-dim tensor here; torch wants the empty tuple
    beside(name, a, *args, method=True)


@pytest.mark.parametrize("name", ["T", "mT", "mH"])
@pytest.mark.parametrize("shape", [(2, 3), (2, 3, 4), (3,), ()])
def test_transposing_properties(name, shape):
    if (name, len(shape)) in {("T", 3), ("T", 1), ("T", 0), ("mT", 0), ("mH", 0)}:
        return  # deprecated in torch, which warns
    compare(lambda a: getattr(a, name), lambda a: getattr(a, name), (np.arange(float(prod(shape))).reshape(shape),), {})


PADS = {
    "constant": [(1, 2), (0, 1, 2, 0), (-1, 1), (1, -1, 0, 2), (-5, 0), (1,), (1, 1, 1, 1, 1, 1, 1, 1)],
    "reflect": [(1, 2), (1, 0, 0, 1), (3, 0), (1, 1, 1, 1, 1, 1), (-1, 1), (0, 0)],
    "replicate": [(1, 2), (3, 0, 0, 4), (1, 1, 1, 1, 1, 1), (-1, 1), (0, 0)],
    "circular": [(1, 2), (2, 0, 0, 1), (1, 1, 1, 1, 1, 1), (4, 0), (0, 0), (-1, 2), (1, -1, -1, 1)],
}


@pytest.mark.parametrize("mode", PADS)
@given(data=st.data())
def test_pad(mode: str, data: Any) -> None:
    shapes = [(3,), (2, 3), (2, 3, 3), (1, 2, 3, 3), (1, 2, 2, 2, 3)]
    a = x(data.draw, shapes, ("float64", "float32"))
    compare(autograd.pad, torch.nn.functional.pad, (a, data.draw(st.sampled_from(PADS[mode])), mode), {})


def test_pad_value():
    compare(autograd.pad, torch.nn.functional.pad, (np.ones((2, 3)), (1, 1), "constant", 2.5), {})


def test_keywords():
    a = np.arange(12.0).reshape(3, 4)
    beside("transpose", a, dim0=0, dim1=1)
    beside("flatten", a, start_dim=0)
    beside("squeeze", a, dim=0)
    beside("reshape", a, shape=(2, 6))
    beside("permute", a, dims=(1, 0))
    beside("view", a, size=(2, 6), method=True)
    beside("cat", [a, a], dim=1)
    beside("stack", [a, a], dim=-1)
    beside("split", a, 2, dim=1)
    beside("roll", a, shifts=1, dims=0)
    beside("meshgrid", np.arange(2.0), np.arange(3.0), indexing="xy")
    beside("movedim", a, source=0, destination=1)


# ---------------------------------------------------------------------------------------------- views and writes


def test_multiple_outputs_some_unused():
    a = filled((4, 3), "float64", PLAIN, np.random.default_rng(0))
    for call in (
        lambda t: t.unbind(0)[1],
        lambda t: t.split([1, 2, 1])[1],
        lambda t: t.chunk(2, 1)[1],
        lambda t: t.unbind(1)[-1] * 2,
    ):
        compare(call, call, (a,), {})


OPS: dict[str, Any] = {
    "select": lambda t, i: t.select(i % t.dim(), 0) if t.dim() and t.shape[i % t.dim()] else t,
    "narrow": lambda t, i: t.narrow(i % t.dim(), 0, t.shape[i % t.dim()] // 2) if t.dim() else t,
    "slice": lambda t, i: t[..., ::2] if t.dim() else t,
    "none": lambda t, i: t[None],
    "unfold": lambda t, i: t.unfold(i % t.dim(), 1, 2) if t.dim() and t.shape[i % t.dim()] else t,
    "transpose": lambda t, i: t.transpose(0, i % t.dim()) if t.dim() else t,
    "reshape": lambda t, i: t.reshape(-1),
    "flatten": lambda t, i: t.flatten(1) if t.dim() > 1 else t,
    "movedim": lambda t, i: t.movedim(0, -1) if t.dim() else t,
    "diagonal": lambda t, i: t.diagonal(0, 0, 1) if t.dim() > 1 else t,
    "squeeze": lambda t, i: t.squeeze(),
    "detach": lambda t, i: t.detach(),
    "expand": lambda t, i: t.expand(1, *t.shape),
}
WRITES: dict[str, Any] = {
    "mul_": lambda t, o: t.mul_(1.5),
    "add_": lambda t, o: t.add_(o),
    "zero_": lambda t, o: t.zero_(),
    "fill_": lambda t, o: t.fill_(0.7),
    "copy_": lambda t, o: t.copy_(o),
    "tanh_": lambda t, o: t.tanh_(),
    "set": lambda t, o: t.__setitem__(..., o),
    "set first": lambda t, o: t.__setitem__(0, o) if t.dim() and t.shape[0] else None,
    "set list": lambda t, o: t.__setitem__([0], 0.3) if t.dim() and t.shape[0] else None,
    "set mask": lambda t, o: t.__setitem__(t.detach() > 0, o),
    "masked_fill_": lambda t, o: t.masked_fill_(t.detach() > 0, 0.1),
}
STEP = st.tuples(st.integers(0, 9), st.sampled_from([*OPS, *WRITES, *WRITES]), st.integers(0, 2), st.booleans())


def channels_last(a: np.ndarray) -> autograd.Tensor:
    """The array as a convolution returns it: N, ..., C in memory."""
    return wrap(np.moveaxis(np.moveaxis(a, 1, -1).copy(), -1, 1))


@pytest.mark.parametrize("layout", ["rows", "channels last"])
@given(
    shape=st.sampled_from([(2, 3, 4), (2, 3, 2, 2), (4, 4)]),
    steps=st.lists(STEP, min_size=2, max_size=8),
    seed=st.integers(0, 99),
)
def test_writes_through_views(layout, shape, steps, seed):
    """Views of views, written to in any order: all their values, who requires grad, and both orders of gradient."""
    if layout == "channels last" and len(shape) < 3:
        return
    rng = np.random.default_rng(seed)
    data, factor = rng.standard_normal(shape), rng.standard_normal(())
    here = (channels_last(data) if layout == "channels last" else autograd.tensor(data)).requires_grad_()
    there = torch.tensor(data, requires_grad=True)
    a_leaves, b_leaves = (
        [here, autograd.tensor(factor, requires_grad=True)],
        [there, torch.tensor(factor, requires_grad=True)],
    )
    pool = [(here * 1.5, there * 1.5)]
    for which, name, number, constant in steps:
        a, b = pool[which % len(pool)]
        if name in OPS:
            pool.append((OPS[name](a, number), OPS[name](b, number)))
            continue
        others = [leaf.detach() if constant else leaf for leaf in (a_leaves[1], b_leaves[1])]
        errors = []
        for t, o in ((a, others[0]), (b, others[1])):
            try:
                WRITES[name](t, o)
                errors.append(None)
            except RuntimeError as error:
                errors.append(error)
        assert (errors[0] is None) == (errors[1] is None), errors
        for s, t in pool:
            np.testing.assert_allclose(s.detach().numpy(), t.detach().numpy())
            assert s.requires_grad == t.requires_grad
    live = [(s, t) for s, t in pool if t.requires_grad]
    if not live:
        return
    weights = [rng.standard_normal(tuple(t.shape)) for _, t in live]
    b_loss = sum((t * t * torch.tensor(w)).sum() for (_, t), w in zip(live, weights, strict=True))
    a_loss = sum((s * s * autograd.tensor(w)).sum() for (s, _), w in zip(live, weights, strict=True))
    for order in (1, 2):
        if not b_loss.requires_grad or not a_loss.requires_grad:
            return
        try:
            b_grads = torch.autograd.grad(b_loss, b_leaves, create_graph=True, allow_unused=True)
        except RuntimeError as error:
            assert "modified by an inplace operation" in str(
                error
            )  # torch saved what was overwritten; here it is a copy
            return
        a_grads = autograd.grad(a_loss, a_leaves, create_graph=True, allow_unused=True)
        for s, t in zip(a_grads, b_grads, strict=True):
            if s is None or t is None:
                assert not any(np.any(g.detach().numpy()) for g in (s, t) if g is not None)
            else:
                np.testing.assert_allclose(
                    s.detach().numpy(), t.detach().numpy(), rtol=1e-8, atol=1e-10, err_msg=f"order {order}"
                )
        a_loss = sum((g * g).sum() for g in a_grads if g is not None)
        b_loss = sum((g * g).sum() for g in b_grads if g is not None)
        if not isinstance(a_loss, autograd.Tensor) or not isinstance(b_loss, torch.Tensor):
            return


@pytest.mark.parametrize("make", [lambda t: t, lambda t: t[0], lambda t: t.view(-1), lambda t: t.unbind(0)[0]])
@pytest.mark.parametrize("write", list(WRITES))
def test_leaves_are_protected(make, write):
    """A write to a leaf or to its view is refused, and nothing is written."""
    data = np.arange(6.0).reshape(2, 3)
    for library in (autograd, torch):
        leaf = library.tensor(data, requires_grad=True)
        with pytest.raises(RuntimeError):
            WRITES[write](make(leaf), 1.0)
        np.testing.assert_array_equal(leaf.detach().numpy(), data)
        with library.no_grad():
            make(leaf)[...] = 7.0
        assert (leaf.detach().numpy() == 7.0).any()


def test_contiguous_after_permuting_a_channels_last_image():
    """In torch (N, C, H, W) permuted to (N, H, W, C) is copied by contiguous(): what is written there stays there."""
    data = np.arange(48.0).reshape(2, 3, 4, 2)
    x, y = channels_last(data), torch.tensor(data)
    a, b = x.permute(0, 2, 3, 1).contiguous(), y.permute(0, 2, 3, 1).contiguous()
    assert a.stride() == b.stride() and a.is_contiguous() and a._is_view() == b._is_view() is False
    np.testing.assert_array_equal(a.view(-1, 3).numpy(), b.view(-1, 3).numpy())
    a.mul_(2)
    np.testing.assert_array_equal(x.numpy(), data)
    np.testing.assert_array_equal(x.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2).contiguous().numpy(), data)


def test_split_by_either_name_of_its_sizes():
    x = np.arange(10.0).reshape(2, 5)
    for ours, theirs in zip(
        autograd.tensor(x).split(split_size=[2, 3], dim=-1),
        torch.tensor(x).split(split_size=[2, 3], dim=-1),
        strict=True,
    ):
        assert ours.tolist() == theirs.tolist()
    assert len(autograd.split(autograd.tensor(x), split_size_or_sections=2, dim=1)) == 3
    for library in (autograd, torch):
        with pytest.raises(TypeError):
            library.tensor(x).split()
