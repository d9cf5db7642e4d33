"""Every operation of the registry, found by itself: values, first and second order, float32, strides. None is named here."""

from __future__ import annotations

import numpy as np
import pytest

import autograd
from autograd.check import gradcheck, gradgradcheck
from autograd.op import REGISTRY, Op
from autograd.samples import Draw
from autograd.tensor import Tensor, wrap

OPS = sorted(REGISTRY)


def samples(entry: Op, seed: int = 0):
    """(args, kwargs) of each sample of the op."""
    for args in entry.samples(Draw(seed)):
        kwargs = args[-1] if args and isinstance(args[-1], dict) else {}
        yield (args[:-1] if kwargs else args), kwargs


def convert(value, make):
    """`make` applied to every array in an argument, lists and tuples of arrays included."""
    if isinstance(value, np.ndarray):
        return make(value)
    if isinstance(value, (list, tuple)) and any(isinstance(v, np.ndarray) for v in value):
        return type(value)(convert(v, make) for v in value)
    return value


def leaf(array):
    tensor = wrap(array.copy())
    return tensor.requires_grad_() if array.dtype.kind in "fc" else tensor


def flat(args):
    for arg in args:
        if isinstance(arg, Tensor):
            yield arg
        elif isinstance(arg, (list, tuple)):
            yield from (a for a in arg if isinstance(a, Tensor))


def outputs(result):
    return [r for r in (result if isinstance(result, (list, tuple)) else [result]) if isinstance(r, Tensor)]


def same(a, b):
    a, b = outputs(a), outputs(b)
    assert len(a) == len(b)
    for x, y in zip(a, b, strict=True):
        assert x.shape == y.shape and x.dtype == y.dtype
        np.testing.assert_allclose(x.detach().numpy(), y.detach().numpy(), rtol=1e-12, atol=1e-12)


def checked(entry):
    """The op over its float tensors, other arguments fixed, as gradcheck wants it; one (function, tensors) a sample."""
    for args, kwargs in samples(entry):
        tensors = convert(list(args), leaf)
        inputs = [t for t in flat(tensors) if t.requires_grad]
        if not inputs:
            continue

        def run(*given, tensors=tensors, kwargs=kwargs):
            chosen = iter(given)

            def put(a):
                if isinstance(a, Tensor):
                    return next(chosen) if a.requires_grad else a
                return type(a)(put(x) for x in a) if isinstance(a, (list, tuple)) and list(flat([a])) else a

            result = outputs(entry.call(*[put(a) for a in tensors], **kwargs))
            return [r for r in result if r.dtype.kind in "fc"]

        probe = run(*inputs)
        if any(r.requires_grad for r in probe):
            yield run, inputs


@pytest.mark.parametrize("name", OPS)
def test_has_samples_and_docstring(name):
    entry = REGISTRY[name]
    assert entry.samples is not None, f"{name} has no sample inputs: give it samples="
    assert len(list(samples(entry))) >= 1
    assert entry.fn.__doc__, f"{name} has no docstring"


@pytest.mark.parametrize("name", OPS)
def test_first_order(name):
    for run, inputs in checked(REGISTRY[name]):
        gradcheck(run, inputs)


@pytest.mark.parametrize("name", OPS)
def test_second_order(name):
    for run, inputs in checked(REGISTRY[name]):
        gradgradcheck(run, inputs, atol=1e-4)


SINGLE = {"f": np.float32, "c": np.complex64}


@pytest.mark.parametrize("name", OPS)
def test_keeps_float32(name):
    """float32 in, float32 out, and float32 gradients of the same shape."""
    if "returns float64" in REGISTRY[name].fn.__doc__:
        return
    for args, kwargs in samples(REGISTRY[name]):
        if any(str(v) == "float64" for v in [*args, *kwargs.values()] if not isinstance(v, np.ndarray)):
            continue  # asked for float64 by name
        tensors = convert(list(args), lambda a: leaf(a.astype(SINGLE.get(a.dtype.kind, a.dtype))))
        if not any(t.dtype.kind in SINGLE for t in flat(tensors)):
            continue
        result = [r for r in outputs(REGISTRY[name].call(*tensors, **kwargs)) if r.dtype.kind in SINGLE]
        assert all(r.dtype == SINGLE[r.dtype.kind] for r in result), [r.dtype for r in result]
        for r in result:
            if r.requires_grad:
                r.backward(wrap(np.ones(r.shape, r.dtype)), retain_graph=True)
        for t in flat(tensors):
            if t.grad is not None and isinstance(t.grad, Tensor):
                assert t.grad.dtype == t.dtype and t.grad.shape == t.shape


def strided(array):
    """The same values with every second element of a larger, reversed memory."""
    wide = np.zeros(tuple(2 * n for n in array.shape), array.dtype)
    view = wide[(..., *(slice(None, None, -2) for _ in array.shape))]
    view[...] = array
    return wrap(view)


def columns(array):
    """The same values in column-major memory."""
    return wrap(np.array(array, order="F"))


@pytest.mark.parametrize("layout", [strided, columns])
@pytest.mark.parametrize("name", OPS)
def test_any_strides(name, layout):
    if name in RANDOM:
        pytest.skip("draws at random")
    if name in ("as_strided", "as_strided_copy") and layout is columns:
        pytest.skip("steps over the memory, whatever its order")
    if name == "view_as_complex":
        pytest.skip("takes pairs that lie beside one another")
    for args, kwargs in samples(REGISTRY[name]):
        with autograd.no_grad():
            plain = REGISTRY[name].call(*convert(list(args), lambda a: wrap(a.copy())), **kwargs)
            other = REGISTRY[name].call(*convert(list(args), layout), **kwargs)
        same(plain, other)


# operations whose result is drawn anew each time
RANDOM = {name for name in OPS if "random" in (REGISTRY[name].fn.__doc__ or "").lower()}
