"""Factories and random numbers: memory, dtypes, streams. Values are held against torch elsewhere."""

from __future__ import annotations

import numpy as np
import pytest

import autograd


def test_randint_like_takes_either_bound_by_name():
    x = autograd.zeros(50)
    draws = autograd.randint_like(x, high=3)
    assert draws.dtype == x.dtype and set(draws.tolist()) == {0.0, 1.0, 2.0}
    assert set(autograd.randint_like(x, 3).tolist()) == {0.0, 1.0, 2.0}
    assert set(autograd.randint_like(x, high=5, low=4).tolist()) == {4.0}
    with pytest.raises(TypeError, match="randint_like: give high"):
        autograd.randint_like(x)


def test_tensor_copies_and_from_numpy_shares():
    array = np.arange(4.0)
    copy, shared, as_is = autograd.tensor(array), autograd.from_numpy(array), autograd.as_tensor(array)
    array[0] = 7.0
    assert copy[0].item() == 0.0 and shared[0].item() == as_is[0].item() == 7.0
    shared[1] = 9.0
    assert array[1] == 9.0


def test_as_tensor_gives_the_tensor_itself():
    x = autograd.ones(2)
    assert autograd.as_tensor(x) is x and autograd.as_tensor(x, dtype=autograd.float32) is x
    assert autograd.as_tensor(x, dtype=autograd.float64).dtype == autograd.float64


def test_default_dtype():
    autograd.set_default_dtype(autograd.float64)
    for x in (
        autograd.zeros(1),
        autograd.rand(1),
        autograd.tensor(1.5),
        autograd.arange(2.0),
        autograd.full((1,), 0.5),
    ):
        assert x.dtype == autograd.float64


@pytest.mark.parametrize("name", ["zeros", "ones", "rand", "randn"])
def test_float32_is_the_default(name):
    assert getattr(autograd, name)(3).dtype == autograd.float32


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: autograd.zeros(2, device="cuda"), RuntimeError, "computes on 'cpu' only"),
        (lambda: autograd.zeros(-1), ValueError, "zeros: a size must not be negative"),
        (lambda: autograd.zeros(1.5), TypeError, "zeros: sizes must be ints"),
        (lambda: autograd.zeros(2, dtype="float16"), TypeError, "float16 is not supported"),
        (
            lambda: autograd.from_numpy(np.ones(2, np.float16)),
            TypeError,
            "from_numpy: arrays of float16 are not supported",
        ),
        (lambda: autograd.from_numpy(np.ones(2, ">f4")), TypeError, "from_numpy: arrays of >f4"),
        (lambda: autograd.tensor([[1], [1, 2]]), ValueError, "unequal length"),
        (lambda: autograd.rand(2, dtype=autograd.int64), TypeError, "rand: expected a floating dtype"),
        (lambda: autograd.rand(2, generator=1), TypeError, "generator: expected an autograd.Generator"),
        (lambda: autograd.bernoulli(autograd.tensor([1.5])), ValueError, "between 0 and 1"),
        (lambda: autograd.set_rng_state(autograd.zeros(3, dtype=autograd.uint8)), TypeError, "not a generator's state"),
    ],
)
def test_errors(call, error, words):
    with pytest.raises(error, match=words):
        call()


DRAWS = [
    lambda g: autograd.rand(3, generator=g), lambda g: autograd.randn(3, generator=g),
    lambda g: autograd.randperm(9, generator=g),
    lambda g: autograd.randint(0, 99, (3,), generator=g), lambda g: autograd.normal(0.0, 1.0, (3,), generator=g),
    lambda g: autograd.bernoulli(autograd.full((9,), 0.5), generator=g),
    lambda g: autograd.empty(3).normal_(generator=g),
    lambda g: autograd.multinomial(autograd.ones(9), 5, generator=g),
    lambda g: autograd.empty(3).exponential_(generator=g),
    lambda g: autograd.rand_like(autograd.ones(3), generator=g), lambda g: autograd.empty(9).random_(0, 9, generator=g),
]  # fmt: skip


@pytest.mark.parametrize("draw", DRAWS)
def test_streams(draw):
    """The seed decides; a generator is a stream of its own; a saved state goes on where it was taken."""
    autograd.manual_seed(3)
    first = draw(None).tolist()
    autograd.manual_seed(3)
    assert draw(None).tolist() == first
    assert draw(None).tolist() != first
    own = autograd.Generator().manual_seed(3)
    before = autograd.get_rng_state()
    assert draw(own).tolist() == first
    assert autograd.get_rng_state().tolist() == before.tolist()
    state = own.get_state()
    then = draw(own).tolist()
    own.set_state(state)
    assert draw(own).tolist() == then and own.initial_seed() == 3


def test_state_is_a_tensor_that_can_be_saved(tmp_path):
    autograd.save({"rng": autograd.get_rng_state()}, tmp_path / "state.safetensors")
    wanted = autograd.rand(4).tolist()
    autograd.set_rng_state(autograd.load(tmp_path / "state.safetensors")["rng"])
    assert autograd.rand(4).tolist() == wanted


def test_float32_is_drawn_as_float32():
    """Drawn in float64 and rounded, other numbers would come for the same seed."""
    rng = np.random.Generator(np.random.PCG64(5))
    autograd.manual_seed(5)
    np.testing.assert_array_equal(autograd.randn(4).numpy(), rng.standard_normal(4, np.float32))
    np.testing.assert_array_equal(autograd.rand(4).numpy(), rng.random(4, np.float32))


def test_multinomial_follows_the_weights():
    picks = autograd.multinomial(autograd.tensor([1.0, 0.0, 3.0]), 40_000, replacement=True).numpy()
    counts = np.bincount(picks, minlength=3) / len(picks)
    np.testing.assert_allclose(counts, [0.25, 0, 0.75], atol=0.02)
    once = np.stack([autograd.multinomial(autograd.tensor([1.0, 0.0, 3.0]), 2).numpy() for _ in range(4000)])
    assert (np.sort(once, 1) == [0, 2]).all()
    np.testing.assert_allclose((once[:, 0] == 2).mean(), 0.75, atol=0.04)


def test_a_fill_cuts_the_gradient_off():
    x = autograd.ones(3).requires_grad_()
    y = x * 2.0
    y.normal_()
    y.sum().backward()
    assert x.grad.tolist() == [0.0, 0.0, 0.0]
    with pytest.raises(RuntimeError, match="normal_: a leaf"):
        x.normal_()


def test_new_methods():
    x = autograd.ones(2, dtype=autograd.float64)
    made = [x.new_zeros(3), x.new_ones((2, 2)), x.new_full((2,), 4), x.new_tensor([1, 2]), x.new_empty(1)]
    assert {m.dtype for m in made} == {autograd.float64} and x.new_zeros(
        1, dtype=autograd.int64
    ).dtype == autograd.int64


def test_short_names_of_dtypes():
    assert (
        autograd.float is autograd.float32 and autograd.double is autograd.float64 and autograd.long is autograd.int64
    )
    assert autograd.int is autograd.int32 and autograd.bool.kind == "b" and autograd.short is autograd.int16
