"""Subscripts and assignment: gradients, protection, what is written. Values are held against torch elsewhere."""

from __future__ import annotations

import numpy as np
import pytest

import autograd


def leaf(*values):
    return autograd.tensor(values, dtype=autograd.float64, requires_grad=True)


def test_repeated_indices_add_up():
    x = leaf(1.0, 2.0, 3.0)
    x[[0, 2, 0, 0]].sum().backward()
    assert x.grad.tolist() == [3.0, 0.0, 1.0]


@pytest.mark.parametrize("rows", [3, 700])
def test_repeated_rows_add_up(rows):
    """By numpy where there are few, by the kernel where there are many."""
    index = np.random.default_rng(0).integers(-5, 5, rows)
    x = autograd.rand(5, 4, dtype=autograd.float64).requires_grad_()
    g = np.random.default_rng(1).random((rows, 4))
    x[index].backward(autograd.tensor(g))
    wanted = np.zeros((5, 4))
    np.add.at(wanted, index, g)
    np.testing.assert_allclose(x.grad.numpy(), wanted)


def test_ints_beside_arrays_are_taken_first():
    """numpy would move the arrays' dims to the front here; torch does not."""
    x = autograd.arange(24).reshape(2, 3, 4)
    assert x[0, :, [1, 2]].shape == (3, 2)
    assert x[:, [0, 1], None, [1, 2]].shape == (2, 2, 1)


def test_assignment_of_a_tensor_gives_it_a_gradient():
    x, v = leaf(1.0, 2.0, 3.0, 4.0), leaf(10.0)
    y = x * 2.0
    y[1:3] = v
    y[autograd.tensor([3])] = v * 3.0
    y.sum().backward()
    assert x.grad.tolist() == [2.0, 0.0, 0.0, 0.0] and v.grad.tolist() == [5.0]


def test_assignment_into_a_constant_makes_it_part_of_the_graph():
    out, x = autograd.zeros(3, 2, dtype=autograd.float64), leaf(1.0, 2.0)
    for k in range(3):
        out[k] = x * float(k)
    (out * out).sum().backward()
    assert x.grad.tolist() == [10.0, 20.0]


def test_assignment_keeps_the_dtype_and_precision():
    x = autograd.zeros(2, dtype=autograd.int64)
    x[0] = 2.7
    y = autograd.zeros(1, dtype=autograd.float64)
    y[0] = 0.1
    assert x.tolist() == [2, 0] and y.item() == 0.1


def test_assignment_between_overlapping_views():
    x = autograd.arange(5)
    x[1:] = x[:-1]
    assert x.tolist() == [0, 0, 1, 2, 3]


def test_augmented_assignment():
    x = leaf(1.0, 2.0, 3.0)
    y = x * 1.0
    y[1:] *= 4.0
    y[[0]] += 1.0
    y.sum().backward()
    assert y.tolist() == [2.0, 8.0, 12.0] and x.grad.tolist() == [1.0, 4.0, 4.0]


@pytest.mark.parametrize("index", [0, slice(0, 1), [0], np.array([True, False])], ids=str)
def test_leaves_are_protected(index):
    x = leaf(1.0, 2.0)
    with pytest.raises(RuntimeError, match="setitem: a leaf Tensor that requires grad"):
        x[index] = 5.0
    assert x.tolist() == [1.0, 2.0]
    with autograd.no_grad():
        x[index] = 5.0
    assert x.tolist() == [5.0, 2.0]


WRONG = [
    (lambda x: x.__setitem__([0, 9], 1.0), "index: 9 is out of range for dim 0 with size 3"),
    (lambda x: x.__setitem__((slice(None), [0, -3]), 1.0), "index: -3 is out of range for dim 1 with size 2"),
    (lambda x: x.__setitem__(7, 1.0), "index: 7 is out of range for dim 0 with size 3"),
    (lambda x: x.__setitem__(0, autograd.ones(5)), r"setitem: a value of shape \(5,\)"),
    (lambda x: x.scatter_(0, autograd.tensor([[0, 5]]), 1.0), "scatter: index 5 is out of range for dim 0 with size 3"),
    (lambda x: x.index_add_(0, autograd.tensor([0, 5]), autograd.ones(2, 2)), "index_add: index 5 is out of range"),
    (lambda x: x.index_fill_(0, autograd.tensor([-4]), 1.0), "index_fill: index -4 is out of range"),
    (lambda x: x.put_(autograd.tensor([6]), autograd.ones(1)), "put: index 6 is out of range"),
    (
        lambda x: x.masked_scatter_(autograd.ones(3, 2).bool(), autograd.ones(5)),
        "masked_scatter: source has 5 elements",
    ),
    (lambda x: x.masked_fill_(autograd.ones(3, 2), 1.0), "masked_fill: expected a mask of dtype bool"),
    (lambda x: x[::-1], "a slice's step must be greater than zero"),
    (lambda x: x[1.5], "index: expected ints"),
    (lambda x: x[autograd.ones(2).bool()], "shape of the mask"),
    (lambda x: x[0, 0, 0], "too many indices"),
]


@pytest.mark.parametrize(("act", "words"), WRONG, ids=[words for _, words in WRONG])
def test_errors_come_before_anything_is_written(act, words):
    x = autograd.zeros(3, 2)
    with pytest.raises((IndexError, ValueError, TypeError), match=words):
        act(x)
    assert not x.numpy().any()


def test_the_tape_keeps_its_own_index():
    x, index = leaf(1.0, 2.0, 3.0), np.array([0, 1])
    y = x[index]
    index[:] = 2
    y.sum().backward()
    assert x.grad.tolist() == [1.0, 1.0, 0.0]


def test_index_fill_counts_a_repeated_index_once():
    v = autograd.tensor(2.0, requires_grad=True)
    autograd.index_fill(autograd.zeros(3), 0, autograd.tensor([1, 1, -2]), v).sum().backward()
    assert v.grad.item() == 1.0


def test_scatter_reduce_prod_with_zeros():
    """The gradient of a product with one zero is the product of the others; with two it is nothing."""
    x, s = leaf(2.0, 3.0), leaf(0.0, 4.0, 0.0, 0.0)
    x.scatter_reduce(0, autograd.tensor([0, 0, 1, 1]), s, "prod").sum().backward()
    assert x.grad.tolist() == [0.0, 0.0] and s.grad.tolist() == [8.0, 0.0, 0.0, 0.0]


def _taken_apart(x):
    """Slices that overlap, repeat and leave out, in several ways of writing them."""
    y = (x[:, 1:] - x[:, :-1]) ** 2
    z = sum((t * float(k) for k, t in enumerate(x.unbind(0))), x[0, ..., None][..., 0])
    return y.sum() + (z * x[-1]).sum() + x[::2, None].tanh().sum() + (x * x).sum()


@pytest.mark.parametrize("hooked", [False, True])
def test_slices_add_up_in_one_gradient(hooked):
    value = np.random.default_rng(0).normal(size=(3, 4, 5))
    x = autograd.tensor(value, requires_grad=True)
    if hooked:  # a hook sees the whole gradient, and what it keeps stays as it was
        middle = x * 1.0
        seen = []
        middle.register_hook(lambda g: seen.append(g) or g * 2.0)
        middle.retain_grad()
        _taken_apart(middle).backward()
        np.testing.assert_array_equal(x.grad.numpy(), 2 * seen[0].numpy())
        np.testing.assert_array_equal(middle.grad.numpy(), x.grad.numpy())
        g = seen[0].numpy()
    else:
        _taken_apart(x).backward()
        g = x.grad.numpy()
    (recorded,) = autograd.grad(_taken_apart(x), x, create_graph=True)  # by operations, not in place
    np.testing.assert_allclose(g, recorded.detach().numpy(), rtol=1e-13)


def test_slices_do_not_write_into_a_gradient_that_is_someones():
    x = autograd.tensor(np.ones((4, 3)), requires_grad=True)
    given = autograd.ones(4, 3, dtype=autograd.float64)
    y = x * 1.0
    autograd.backward([y, y[1:3], y[0]], [given, autograd.ones(2, 3, dtype=autograd.float64), given[0]])
    np.testing.assert_array_equal(given.numpy(), np.ones((4, 3)))
    np.testing.assert_array_equal(x.grad.numpy(), [[2.0] * 3, [2.0] * 3, [2.0] * 3, [1.0] * 3])
    first = x.grad
    y[2].sum().backward()
    assert x.grad is first and first[2, 0].item() == 3


@pytest.mark.parametrize("dim", [0, 1, -1])
def test_an_index_stretched_over_slices_is_taken_as_a_vector(dim):
    """gather and scatter_add of whole slices, as graph networks write them, beside the same with an index laid out."""
    rng = np.random.default_rng(0)
    shape, d = (6, 5, 4), dim % 3
    i = autograd.tensor(rng.integers(0, shape[d], 9))
    whole = (*shape[:d], 9, *shape[d + 1 :])
    e = i.reshape([9 if k == d else 1 for k in range(3)]).expand(*whole)
    copied = autograd.tensor(e.numpy().copy())
    for index in (e, e[: whole[0]], copied):
        results = []
        for given in (index, copied):
            x, y = (autograd.tensor(rng.normal(size=s), requires_grad=True) for s in (shape, whole))
            x.data, y.data = (
                autograd.ones(*shape, dtype=x.dtype) * 2,
                autograd.arange(y.numel(), dtype=x.dtype).reshape(whole),
            )
            out = x.gather(dim, given) * y + x.scatter_add(dim, given, y).gather(dim, given)
            (out * out).sum().backward()
            results.append((out.detach().numpy(), x.grad.numpy(), y.grad.numpy()))
        for found, expected in zip(*results, strict=True):
            np.testing.assert_allclose(found, expected, rtol=1e-12)
    part = e.narrow((d + 1) % 3, 0, 2)  # not over whole slices
    x = autograd.tensor(rng.normal(size=shape))
    np.testing.assert_array_equal(
        x.gather(dim, part).numpy(), np.take_along_axis(x.numpy(), copied.numpy(), d)[tuple(map(slice, part.shape))]
    )


def test_an_index_stretched_over_slices_is_guarded():
    i = autograd.tensor([0, 2, 2])
    x = autograd.ones(3, 2, requires_grad=True)
    y = x.gather(0, i[:, None].expand(-1, 2)).sum()
    i[0] = 1
    with pytest.raises(RuntimeError, match="changed in place"):
        y.backward()
    with pytest.raises(IndexError, match="out of range"):
        x.gather(0, autograd.tensor([3])[:, None].expand(-1, 2))
