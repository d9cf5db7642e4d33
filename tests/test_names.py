"""What scripts written for torch ask of the package itself: names that live elsewhere, the missing GPU, printing."""

from __future__ import annotations

import numpy as np
import pytest

import autograd
import nn
import optim


@pytest.mark.parametrize(("name", "hint"), [("nn", "import nn"), ("optim", "import optim"), ("utils", "nn.data")])
def test_names_that_live_elsewhere_say_where(name, hint):
    with pytest.raises(AttributeError, match=hint):
        getattr(autograd, name)
    assert not hasattr(autograd, "no_such_name")


def test_questions_about_a_gpu():
    assert not autograd.cuda.is_available() and autograd.cuda.device_count() == 0
    for ask in (autograd.ones(2).cuda, nn.Linear(2, 2).cuda, lambda: autograd.ones(2).to("cuda")):
        with pytest.raises(RuntimeError, match="'cpu' only"):
            ask()


def test_grad_under_torchs_longer_name():
    x = autograd.tensor(3.0, requires_grad=True)
    assert autograd.autograd.grad(x * x, x, only_inputs=True)[0].item() == 6.0
    with pytest.raises(ValueError, match="only_inputs"):
        autograd.grad(x * x, x, only_inputs=False)


def test_dtypes_of_lists_with_numpy_numbers_in_them():
    assert autograd.tensor([np.float32(1), 2.0]).dtype == autograd.float32
    assert autograd.tensor([1.0, np.float64(2)]).dtype == autograd.float64
    assert autograd.tensor([autograd.tensor(1), autograd.tensor(2.5)]).dtype == autograd.float32
    assert autograd.LongTensor([1, 2]).dtype == autograd.int64 and autograd.FloatTensor(2, 3).shape == (2, 3)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ([1.5, -2.0], "tensor([ 1.5000, -2.0000])"),
        ([1.0, 20.0], "tensor([ 1., 20.])"),
        ([1e-8, 1.0], "tensor([1.0000e-08, 1.0000e+00])"),
        ([[True], [False]], "tensor([[ True],\n        [False]])"),
        (list(range(2000)), "tensor([   0,    1,    2,  ..., 1997, 1998, 1999])"),
        (3.14159, "tensor(3.1416)"),
        ([], "tensor([])"),
    ],
)
def test_printing(value, text):
    assert repr(autograd.tensor(value)) == text


def test_print_options():
    try:
        autograd.set_printoptions(precision=1)
        assert repr(autograd.tensor([0.25, 2.5], requires_grad=True)) == "tensor([0.2, 2.5], requires_grad=True)"
    finally:
        autograd.set_printoptions(precision=4)
    with pytest.raises(TypeError, match="colour"):
        autograd.set_printoptions(colour=True)


@pytest.mark.parametrize("lr", [None, "fast"])
def test_a_learning_rate_that_is_no_number(lr):
    with pytest.raises(TypeError, match="SGD: lr must be a number"):
        optim.SGD([nn.Parameter(autograd.ones(1))], lr=lr)


def test_the_diagonal_is_written_with_its_history():
    x = autograd.ones(2, 3, requires_grad=True)
    (x * 2).fill_diagonal_(5.0).sum().backward()
    assert x.grad.tolist() == [[0.0, 2.0, 2.0], [2.0, 0.0, 2.0]]
    with pytest.raises(ValueError, match=r"fill_diagonal_.*\(3,\)"):
        autograd.ones(3).fill_diagonal_(1.0)
