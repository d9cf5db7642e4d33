"""Views share memory, history and versions; joins, cuts, padding, conversions. Values: tests/parity."""

from __future__ import annotations

import numpy as np
import pytest

import autograd
from autograd.op import REGISTRY
from autograd.tensor import wrap


def leaf(*shape):
    return autograd.arange(float(np.prod(shape))).double().reshape(shape).requires_grad_()


VIEWS = {
    "reshape": lambda t: t.reshape(4, 3), "view": lambda t: t.view(-1), "flatten": lambda t: t.flatten(),
    "t": lambda t: t.t(),
    "T": lambda t: t.T, "mT": lambda t: t.mT, "permute": lambda t: t.permute(1, 0),
    "movedim": lambda t: t.movedim(0, 1),
    "unsqueeze": lambda t: t.unsqueeze(1), "squeeze": lambda t: t.squeeze(), "select": lambda t: t.select(0, 1),
    "int": lambda t: t[1],
    "element": lambda t: t[1, 2], "slice": lambda t: t[:, ::2], "none": lambda t: t[None],
    "narrow": lambda t: t.narrow(1, 1, 2),
    "unbind": lambda t: t.unbind(1)[2], "split": lambda t: t.split(2, 1)[0], "chunk": lambda t: t.chunk(2)[1],
    "diagonal": lambda t: t.diagonal(1), "unfold": lambda t: t.unfold(1, 2, 1), "detach": lambda t: t.detach(),
    "expand": lambda t: t.expand(1, 3, 4), "view_as": lambda t: t.view_as(t),
    "unflatten": lambda t: t.unflatten(1, (2, 2)),
    "zero-dim tensor": lambda t: t[autograd.tensor(1)], "iteration": lambda t: list(t)[0],
    "swapaxes": lambda t: t.swapaxes(0, 1),
}  # fmt: skip
COPIES = {
    "flip": lambda t: t.flip(0), "clone": lambda t: t.clone(), "repeat": lambda t: t.repeat(1, 1),
    "list": lambda t: t[[0, 1]],
    "mask": lambda t: t[t > -1], "tril": lambda t: t.tril(), "roll": lambda t: t.roll(1), "diag": lambda t: t.diag(),
    "cat": lambda t: autograd.cat([t]), "rot90": lambda t: t.rot90(0), "pad": lambda t: autograd.pad(t, (0, 0)),
    "transposed reshape": lambda t: t.t().reshape(-1),
}  # fmt: skip


@pytest.mark.parametrize("name", VIEWS)
def test_views_share_memory_and_version(name):
    base = autograd.arange(12.0).reshape(3, 4).clone()
    view = VIEWS[name](base)
    assert np.shares_memory(view.numpy(), base.numpy())
    before = base._version
    view.fill_(-1.0)
    assert base._version == view._version == before + 1
    assert (base.numpy() == -1).sum() == len(np.unique(places(name)))


def places(name):
    """Which elements of a 3 x 4 tensor the view shows."""
    return VIEWS[name](autograd.arange(12).reshape(3, 4)).numpy()


@pytest.mark.parametrize("name", COPIES)
def test_copies_do_not_share_memory(name):
    base = autograd.arange(12.0).reshape(3, 4).clone()
    copy = COPIES[name](base)
    copy.fill_(-1.0)
    assert base.numpy().min() == 0


@pytest.mark.parametrize("name", VIEWS)
def test_a_write_through_a_view_reaches_the_gradient(name):
    if name == "detach":
        return
    x = leaf(3, 4)
    base = x * 2.0
    view = VIEWS[name](base)
    view.mul_(3.0)
    base.sum().backward()
    shown = np.isin(np.arange(12).reshape(3, 4), places(name))
    if name == "unfold":  # overlapping windows: memory met twice is multiplied twice
        return
    np.testing.assert_array_equal(x.grad.numpy(), np.where(shown, 6.0, 2.0))


def test_a_view_taken_before_a_write_follows_it():
    x = leaf(4)
    base = x * 1.0
    before, sibling = base[:2], base[1:]
    sibling.mul_(5.0)
    before.sum().backward()
    assert x.grad.tolist() == [1.0, 5.0, 0.0, 0.0]


def test_expanded_memory_cannot_be_written_to():
    with pytest.raises(RuntimeError, match="expand"):
        autograd.ones(1).expand(3).add_(1.0)


def test_a_saved_value_changed_through_a_view_is_an_error():
    x = leaf(3)
    y = x.exp()
    y[0] = 1.0
    with pytest.raises(RuntimeError, match="exp: .* changed in place by setitem"):
        y.sum().backward()


@pytest.mark.parametrize("cut", [lambda t: t.unbind(0), lambda t: t.split(1), lambda t: t.chunk(5)])
def test_one_node_for_all_pieces(cut):
    """A loop over the pieces costs one pass over the whole, not one a piece: the pieces' gradients meet in one node."""
    pieces = cut(leaf(5, 2) * 1.0)
    assert len({id(piece.grad_fn.node) for piece in pieces}) == 1


def test_pieces_without_gradient_count_as_zero():
    x = leaf(3, 2)
    x.unbind(0)[1].sum().backward()
    assert x.grad.tolist() == [[0, 0], [1, 1], [0, 0]]


@pytest.fixture
def image():
    """As a convolution returns it: N, C, H, W in shape, N, H, W, C in memory."""
    return wrap(np.arange(48.0).reshape(2, 2, 4, 3).transpose(0, 3, 1, 2))


def test_flat_view_of_an_image_follows_and_writes_through(image):
    flat = image.flatten(1)
    rows = np.array(image.numpy()).reshape(2, -1)
    np.testing.assert_array_equal(flat.numpy(), rows)
    image.add_(1.0)
    np.testing.assert_array_equal((flat * 1.0).numpy(), rows + 1)
    flat[:, 0] = -5.0
    assert (image[:, 0, 0, 0] == -5.0).all()
    part = flat.view(2, 3, 8)[:, 1]
    part.zero_()
    assert not image[:, 1].numpy().any() and flat._version == image._version


def test_gradient_through_a_written_flat_view(image):
    x = wrap(image.numpy()).requires_grad_()
    y = x * 1.0
    flat = y.view(2, -1)
    flat[:, :8] *= 4.0
    y.sum().backward()
    assert (x.grad[:, 0] == 4.0).all() and (x.grad[:, 1:] == 1.0).all()


def test_a_permuted_image_is_copied_by_reshape(image):
    """In torch its rows do not lie in memory one after the other, so a write must not reach the image."""
    rows = image.permute(0, 2, 3, 1).reshape(-1, 3)
    rows.zero_()
    assert image.numpy().any()
    with pytest.raises(RuntimeError, match="view: shape"):
        image.permute(0, 2, 3, 1).view(-1, 3)


def test_contiguous(image):
    rows = image.contiguous()
    assert rows.is_contiguous() and rows._is_view()
    x = autograd.ones(2, 3)
    assert x.contiguous() is x and x.t().contiguous().is_contiguous()


def test_callers_memory_is_not_taken_for_a_convolutions():
    array = np.arange(48.0).reshape(2, 2, 4, 3)
    picture = autograd.from_numpy(array.transpose(0, 3, 1, 2))
    picture.contiguous().zero_()
    picture.reshape(-1).zero_()
    assert array.any() and np.shares_memory(picture.numpy(), array)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (
            lambda: autograd.ones(2, 3).reshape(4, 2),
            r"reshape: shape \(4, 2\) is invalid for shape \(2, 3\)",
        ),
        (lambda: autograd.ones(2, 3).t().view(-1), r"view: .*use reshape\(\)"),
        (lambda: autograd.ones(2, 3).permute(0, 0), "permute: dim 0 appears more than once"),
        (lambda: autograd.ones(2, 3).transpose(0, 2), "transpose: dim 2 is out of range"),
        (lambda: autograd.ones(2, 3).expand(4, 3), r"expand: shape \(2, 3\) cannot be expanded to \(4, 3\)"),
        (lambda: autograd.cat([autograd.ones(2, 3), autograd.ones(3, 2)]), "cat: sizes must match except in dim 0"),
        (lambda: autograd.stack([autograd.ones(2), autograd.ones(3)]), "stack: expects each tensor to have equal size"),
        (lambda: autograd.cat([]), "cat: expected at least one"),
        (
            lambda: autograd.pad(autograd.ones(1, 3), (3, 0), "reflect"),
            "pad: mode 'reflect' needs a padding of less than",
        ),
        (lambda: autograd.ones(2).unsqueeze(3), "unsqueeze: dim 3 is out of range"),
        (lambda: autograd.ones(2, 3).to("cuda"), "'cuda' is not available"),
    ],
)
def test_errors_say_what_came_and_what_was_expected(call, words):
    with pytest.raises((ValueError, RuntimeError), match=words):
        call()


def test_to():
    x = autograd.ones(2)
    assert x.to("float32") is x and x.to(autograd.float32, copy=True) is not x
    assert x.to(autograd.zeros(1, dtype=autograd.int64)).dtype == autograd.int64 and x.to("cpu") is x
    assert x.double().dtype == x.to(dtype=autograd.double).dtype == autograd.float64
    assert autograd.tensor([1.9, -1.9]).long().tolist() == [1, -1]
    y = x.requires_grad_().double()
    y.sum().backward()
    assert x.grad.dtype == autograd.float32


def test_memory_order_is_kept_where_it_is_free(image):
    """What follows a convolution stays channels-last without a copy."""
    for out in (image.clone(), autograd.pad(image, (1, 1, 1, 1)), autograd.cat([image, image], 1)):
        assert out.numpy().transpose(0, 2, 3, 1).flags.c_contiguous


def test_view_operations_say_so():
    for name in ("_getitem", "_reshape", "_permute", "transpose", "_expand", "_split", "_unbind", "diagonal", "unfold"):
        assert REGISTRY[name].view


def test_memory_formats():
    """Strides as torch gives them; the gradient passes, and what lies so already is not copied."""
    x = autograd.from_numpy(np.arange(120.0).reshape(2, 3, 4, 5)).requires_grad_()
    last, volume = (60, 1, 15, 3), autograd.zeros(2, 3, 2, 4, 5)
    y = x.contiguous(memory_format=autograd.channels_last)
    for z in (y, x.to(memory_format=autograd.channels_last), x.clone(memory_format=autograd.channels_last), y.clone()):
        assert z.stride() == last and z.is_contiguous(memory_format=autograd.channels_last) and not z.is_contiguous()
        np.testing.assert_array_equal(z.detach().numpy(), x.detach().numpy())
    assert x.to(autograd.float32, memory_format=autograd.channels_last).stride() == last
    assert x.float(memory_format=autograd.channels_last).stride() == last
    assert y.contiguous(memory_format=autograd.channels_last) is y and y.contiguous().stride() == (60, 20, 5, 1)
    assert y.clone(memory_format=autograd.contiguous_format).stride() == (60, 20, 5, 1)
    assert volume.contiguous(memory_format=autograd.channels_last_3d).stride() == (120, 1, 60, 15, 3)
    assert not x.is_contiguous(memory_format=autograd.channels_last)
    (y * y).sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), 2 * x.detach().numpy())
    copy = x.detach().to(memory_format=autograd.channels_last)
    copy.zero_()
    assert x.detach().sum() > 0
    with pytest.raises(RuntimeError, match="required rank 4 tensor to use channels_last format"):
        x[0].contiguous(memory_format=autograd.channels_last)
    for wrong in (lambda: x.contiguous(memory_format="rows"), lambda: x.is_contiguous(memory_format=3)):
        with pytest.raises(TypeError, match="memory_format is"):
            wrong()


@pytest.mark.parametrize("n", [1, 2, 15, 16, 40])
def test_many_single_elements_are_stacked(n):
    """As losses are; and a vector's gradient put together from its elements'."""
    x = leaf(n)
    y = autograd.stack(x.unbind())
    np.testing.assert_array_equal(y.detach().numpy(), np.arange(float(n)))
    (g,) = autograd.grad((y * y).sum(), x)
    np.testing.assert_array_equal(g.numpy(), 2 * np.arange(float(n)))
    np.testing.assert_array_equal(autograd.stack(list(x.detach()), -1).numpy(), np.arange(float(n)))
