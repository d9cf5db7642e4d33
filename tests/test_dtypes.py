"""The dtype objects: what they answer, what numpy makes of them, and that there is one of each."""

from __future__ import annotations

import copy
import pickle
from operator import eq, ne

import numpy as np
import pytest

import autograd
import nn
from autograd import dtypes
from autograd.errors import DTypeError

HELD = [autograd.dtype(d) for d in dtypes.SUPPORTED]
WITHOUT_NUMPY = [d for d in dtypes.NAMED.values() if not hasattr(d, "dtype")]


@pytest.mark.parametrize("dtype", dtypes.NAMED.values(), ids=str)
def test_there_is_one_of_each(dtype):
    assert getattr(autograd, dtype.name) is dtype and autograd.dtype(dtype.name) is dtype is autograd.dtype(dtype)
    assert copy.copy(dtype) is copy.deepcopy(dtype) is pickle.loads(pickle.dumps(dtype)) is dtype
    assert repr(dtype) == f"autograd.{dtype.name}" and str(dtype) == f"torch.{dtype.name}" and f"{dtype}" == dtype.name
    assert isinstance(dtype, autograd.dtype) and dtype == dtype and dtype in {dtype: 1}


@pytest.mark.parametrize("dtype", HELD, ids=str)
def test_what_has_a_dtype_names_that_object(dtype):
    x = autograd.ones(2, dtype=dtype)
    assert x.dtype is dtype and x.numpy().dtype == dtype and autograd.zeros_like(x).dtype is dtype
    assert autograd.result_type(x, x) is autograd.promote_types(dtype, dtype) is dtype
    assert x.to(dtype) is x and x.type(dtype) is x and autograd.Tensor.type(x, dtype) is x
    assert copy.deepcopy(x).dtype is dtype and autograd.tensor(x.numpy(), dtype=x.dtype).dtype is dtype


def test_the_numbers_numpy_gives_lead_to_them():
    for dtype in dtypes.NAMED.values():
        if hasattr(dtype, "dtype"):
            assert dtypes.BY_NUM[dtype.num] is dtype
    assert dtypes.BY_NUM[np.dtype(np.longlong).num] is autograd.int64
    assert dtypes.BY_NUM[np.dtype(object).num] is None


def test_the_default_dtype_is_one_of_them():
    assert autograd.get_default_dtype() is autograd.float32
    autograd.set_default_dtype(autograd.float64)
    try:
        assert autograd.get_default_dtype() is autograd.tensor(1.0).dtype is autograd.float64
    finally:
        autograd.set_default_dtype(autograd.float32)


def test_gradients_and_older_names_tell_it_too():
    weight = autograd.ones(3, 2, requires_grad=True)
    nn.functional.embedding(autograd.tensor([0]), weight, sparse=True).sum().backward()
    assert weight.grad.dtype is autograd.float32 is autograd.FloatTensor.dtype


@pytest.mark.parametrize("dtype", HELD, ids=str)
def test_numpy_takes_them(dtype):
    own = np.dtype(dtype)
    assert np.zeros(2, dtype).dtype == np.ones(1).astype(dtype).dtype == np.sum([1], dtype=dtype).dtype == own
    assert np.result_type(dtype, dtype) == np.promote_types(dtype, dtype) == own and np.can_cast(dtype, dtype)
    assert (dtype.kind, dtype.char, dtype.num, dtype.type) == (own.kind, own.char, own.num, own.type)
    assert np.issubdtype(dtype, np.floating) == dtype.is_floating_point
    if dtype.is_floating_point:
        assert np.finfo(dtype).eps == np.finfo(own).eps


def test_they_equal_numpys_both_ways_round():
    f = autograd.float32
    for same in (np.float32, np.dtype("float32"), f):
        assert eq(f, same) and eq(same, f) and not ne(f, same) and not ne(same, f) and f in (np.int8, same)
    for other in (np.float64, np.dtype("float64"), autograd.float64, autograd.bfloat16, "float32", None, float):
        assert ne(f, other) and ne(other, f) and not eq(f, other) and not eq(other, f)
    assert {f: 1}[np.dtype("float32")] == {np.dtype("float32"): 1}[f] == 1
    assert ne(autograd.bool, bool) and ne(autograd.int64, int)  # as torch's do not


@pytest.mark.parametrize("dtype", [*WITHOUT_NUMPY, autograd.half, autograd.uint16], ids=str)
def test_a_tensor_of_what_is_not_supported_is_refused_by_name(dtype):
    for make in (
        lambda: autograd.zeros(2, dtype=dtype),
        lambda: autograd.ones(2).to(dtype),
        lambda: nn.Linear(2, 2, dtype=dtype),
    ):
        with pytest.raises(DTypeError, match=f"{dtype} is not supported; expected one of float32"):
            make()


def test_numpy_does_not_take_what_it_has_not():
    with pytest.raises(TypeError, match=r"autograd\.bfloat16"):
        np.zeros(2, autograd.bfloat16)
    assert autograd.bfloat16 != np.float16 and not hasattr(autograd.bfloat16, "kind")
    with pytest.raises(AttributeError, match="no attribute 'is_quick'"):
        autograd.float32.is_quick  # noqa: B018


def test_no_dtype_of_that_name():
    for wrong in ("float31", object, np.dtype("M8[s]"), 3):
        with pytest.raises(DTypeError, match="is not a dtype; expected one of float32"):
            autograd.dtype(wrong)
    with pytest.raises(DTypeError, match="to_complex: no complex numbers are made of int64"):
        autograd.int64.to_complex()
