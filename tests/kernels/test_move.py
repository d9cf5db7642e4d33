"""Memory moved, against numpy: any strides, item sizes and lengths, at the ends of memory, on one thread and on several."""

from __future__ import annotations

import numpy as np
import pytest
from guard import guarded
from hypothesis import given
from hypothesis import strategies as st
from kernels.guarded_views import guarded_view

import autograd
from autograd.kernels import move
from autograd.kernels.threads import MOST

DTYPES = [np.float32, np.float64, np.int16, np.bool_]


@pytest.fixture(autouse=True)
def everything_moves(monkeypatch):
    """Numpy takes no part, and what is small runs on several threads too."""
    for name in ("SOME", "ROWS", "WHOLE"):
        monkeypatch.setattr(move, name, 0)


def numbers(shape, dtype):
    return (np.random.default_rng(len(shape)).normal(size=shape) * 2).astype(dtype)


VIEWS = {
    "whole": lambda a: a,
    "turned": lambda a: a.T,
    "middle": lambda a: a.swapaxes(0, -1),
    "last two": lambda a: a.swapaxes(-1, -2) if a.ndim > 1 else a,
    "backwards": lambda a: a[..., ::-1],
    "all backwards": lambda a: a[tuple([slice(None, None, -1)] * a.ndim)],
    "rows backwards": lambda a: a[::-1],
    "every second": lambda a: a[..., ::2],
    "every second row": lambda a: a[1::2],
    "cut": lambda a: a[..., 1:],
    "spread": lambda a: np.broadcast_to(a, (2, *a.shape)),
    "each twice": lambda a: np.broadcast_to(a[..., None], (*a.shape, 2)),
    "turned backwards": lambda a: a.T[..., ::-1],
    "nothing": lambda a: a[:0],
}


@pytest.mark.parametrize("name", VIEWS)
@pytest.mark.parametrize("dtype", DTYPES)
@given(
    st.sampled_from(
        [(), (1,), (7,), (1000,), (3, 5), (16, 16), (17, 33), (70, 130), (4, 1, 9), (5, 18, 20), (2, 3, 4, 5)]
    ),
    st.booleans(),
)
def test_copies(name, dtype, shape, at_end):
    values = numbers(shape, dtype)
    if shape == () and name not in ("whole", "turned", "spread", "each twice"):
        return
    x = VIEWS[name](guarded(values, at_end))
    expected = np.array(x, order="C")
    y = guarded(np.zeros(x.shape, dtype), at_end)
    move.copy(x, y)
    np.testing.assert_array_equal(y, expected)
    for got, order in ((move.dense(x), "C"), (move.kept(x), "K")):
        assert got.strides == np.array(x, order=order).strides
        assert not np.shares_memory(got, x)
        np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize("name", [name for name in VIEWS if name not in ("spread", "each twice")])
@pytest.mark.parametrize("dtype", DTYPES)
def test_copies_into_views(name, dtype):
    for at_end in (False, True):
        y = VIEWS[name](guarded(np.zeros((9, 18, 35), dtype), at_end))
        x = guarded(numbers(y.shape, dtype), at_end)
        move.copy(x, y)
        np.testing.assert_array_equal(y, x)


@pytest.mark.parametrize(
    "strides", [(4, 40, 8), (-40, 4, 400), (0, 4, -20), (400, -40, 4), (-4, -400, -40), (12, 4, 0)]
)
def test_strides_of_any_sign(strides):
    for shape in ((3, 4, 5), (10, 9, 2), (1, 70, 1)):
        lengths = [(n - 1) * s for n, s in zip(shape, strides, strict=True)]
        before = -sum(s for s in lengths if s < 0) // 4
        memory = np.arange(before + sum(s for s in lengths if s > 0) // 4 + 1, dtype=np.float32)
        view = np.ndarray(shape, np.float32, memory, before * 4, strides)
        for at_end in (False, True):
            x = guarded_view(view, at_end)
            np.testing.assert_array_equal(move.dense(x), np.array(x))


def test_more_axes_than_a_box_has_and_odd_strides():
    x = numbers((2, 3, 2, 3, 2, 3, 2, 3, 2), np.float32)[:, ::2, :, ::2, :, ::2, :, ::2, :].transpose(
        8, 1, 6, 3, 4, 5, 2, 7, 0
    )
    np.testing.assert_array_equal(move.dense(x), np.array(x))
    packed = np.zeros(50, np.dtype([("a", np.int8), ("b", np.float32)]))
    packed["b"] = np.arange(50)
    np.testing.assert_array_equal(move.dense(packed["b"]), np.arange(50, dtype=np.float32))
    long = np.arange(6).astype(np.longdouble).reshape(2, 3)
    np.testing.assert_array_equal(move.dense(long.T), long.T)


def test_what_a_copy_refuses():
    with pytest.raises(ValueError, match="is to be copied onto"):
        move.copy(np.zeros(3), np.zeros(4))
    with pytest.raises(ValueError, match="is to be copied onto"):
        move.copy(np.zeros(3), np.zeros(3, np.float32))
    with pytest.raises(ValueError, match="read-only"):
        move.copy(np.zeros((2, 3)), np.broadcast_to(np.zeros(3), (2, 3)))


def test_stacked_single_elements():
    for n in (1, 2, 3, 40):
        np.testing.assert_array_equal(move.stacked([np.array(float(k)) for k in range(n)], 0), np.arange(float(n)))


@given(
    st.sampled_from([(3, 4), (7,), (40, 1, 30), (2, 90, 50, 3), (30, 3, 5)]),
    st.lists(st.integers(0, 5), min_size=1, max_size=4),
    st.sampled_from(DTYPES),
    st.integers(-4, 3),
    st.booleans(),
)
def test_join_and_stacked(shape, lengths, dtype, axis, at_end):
    axis %= len(shape)
    shapes = [(*shape[:axis], n, *shape[axis + 1 :]) for n in lengths]
    arrays = [guarded(numbers(s, dtype), at_end) for s in shapes]
    whole = move.join(arrays, axis)
    assert whole.dtype == dtype
    np.testing.assert_array_equal(whole, np.concatenate(arrays, axis))
    arrays = [guarded(numbers(shape, dtype) + np.asarray(k, dtype), at_end) for k in lengths]
    for axis in range(len(shape) + 1):
        np.testing.assert_array_equal(move.stacked(arrays, axis), np.stack(arrays, axis))


@given(
    st.sampled_from([(3, 4), (40, 1, 30), (2, 90, 50, 3), (30, 3, 5)]), st.lists(st.integers(0, 9), min_size=1, max_size=4),
    st.sampled_from(DTYPES), st.integers(-3, 3), st.data(), st.booleans(),
)  # fmt: skip
def test_cut_and_join_of_cuts(shape, lengths, dtype, axis, data, at_end):
    axis %= len(shape)
    x = guarded(numbers((*shape[:axis], sum(lengths), *shape[axis + 1 :]), dtype), at_end)
    wanted = [data.draw(st.booleans()) for _ in lengths]
    views = np.split(x, np.cumsum(lengths)[:-1], axis)
    for got, view, want in zip(move.cut(x, axis, lengths, wanted), views, wanted, strict=True):
        assert (got is not None) == want
        if got is not None:
            assert got.flags.c_contiguous and got.dtype == dtype and not np.shares_memory(got, x)
            np.testing.assert_array_equal(got, view)
    for others in (views, [view[..., ::-1] for view in views], [view[::-1] for view in views]):
        np.testing.assert_array_equal(move.join(others, axis), np.concatenate(others, axis))


def test_a_task_has_no_more_blocks_than_there_are():
    x, y, table = np.zeros((3, 5), np.float32)[:, 1:], np.zeros((3, 4), np.float32), np.zeros(move.LINE, np.int64)
    assert move._plan(id(x), id(y), 4, table, 0, 0) == (1, False)
    assert table[move.GROUP] == 1


def test_shapes_that_do_not_fit_are_named():
    with pytest.raises(ValueError, match="join: "):
        move.join([np.zeros((2, 3)), np.zeros((3, 3))], 1)
    with pytest.raises(ValueError, match="cut: "):
        move.cut(np.zeros((2, 3)), 1, [1, 1], [True, True])
    with pytest.raises(ValueError, match="C-contiguous"):
        move.cut(np.zeros((3, 2)).T, 1, [1, 2], [True, True])
    with pytest.raises(ValueError, match="stacked: "):
        move.stacked([np.zeros((2, 3)), np.zeros((3, 3))], 2)


@given(
    st.sampled_from([(1,), (5,), (3, 40), (4, 7, 16), (2, 3, 300), (3, 0, 2), (3, 4, 5, 6), (2, 40000), (3, 20, 9000)]),
    st.sampled_from(DTYPES), st.lists(st.integers(-400, 400), min_size=4, max_size=4), st.integers(0, 15), st.booleans(),
)  # fmt: skip
def test_rolled(shape, dtype, shifts, which, at_end):
    x = guarded(numbers(shape, dtype), at_end)
    some = [(axis, shift) for axis, shift in enumerate(shifts[: len(shape)]) if which >> axis & 1]
    got = move.rolled(x, some)
    assert not np.shares_memory(got, x)
    np.testing.assert_array_equal(got, np.roll(x, [n for _, n in some], [axis for axis, _ in some]))


@given(
    st.sampled_from([(1, 1), (3, 5), (5, 3), (4, 17, 33), (2, 3, 90, 100), (0, 3), (2, 3, 0)]), st.sampled_from(DTYPES),
    st.integers(-130, 130), st.booleans(),
)  # fmt: skip
def test_triangle(shape, dtype, diagonal, at_end):
    x = guarded(numbers(shape, dtype), at_end)
    for k in (diagonal, diagonal % 5 - 2, diagonal * 2**60):
        inside = min(max(k, -1000), 1000)
        for got, expected in (
            (move.triangle(x, k, True), np.tril(x, inside)), (move.triangle(x, k, False), np.triu(x, inside))
        ):  # fmt: skip
            assert got.dtype == x.dtype
            np.testing.assert_array_equal(got, expected)


@given(
    st.sampled_from([(1,), (5,), (3, 40), (4, 7, 16), (2, 3, 300), (3, 0, 2), (2, 2, 3, 2, 3)]), st.sampled_from(DTYPES),
    st.data(), st.booleans(),
)  # fmt: skip
def test_framed(shape, dtype, data, at_end):
    sizes = st.sampled_from([(0, 0), (0, 0), (1, 1), (0, 3), (20, 2)])
    pads = [data.draw(sizes) for _ in shape]
    x = guarded(numbers(shape, dtype), at_end)
    np.testing.assert_array_equal(move.framed(x, pads, 1), np.pad(x, pads, constant_values=1))


def test_what_a_frame_refuses():
    with pytest.raises(ValueError, match="borders"):
        move.framed(np.zeros((2, 3)), [(0, 0), (-1, 0)], 0)
    with pytest.raises(ValueError, match="C-contiguous"):
        move.framed(np.zeros((2, 3)).T, [(0, 0), (1, 0)], 0)
    with pytest.raises(ValueError, match="C-contiguous"):
        move.triangle(np.zeros((2, 3)).T, 0, True)


NAMES = ["float32", "float64", "int32", "int64", "bool", "uint8"]


@pytest.mark.parametrize("source", NAMES)
@pytest.mark.parametrize("target", NAMES[:4])
def test_converted(source, target):
    special = [0.0, -0.0, 1.5, -1.5, 2.5, 300.0, -3e9, 3e9, 1e18, -1e18, 1e30, np.inf, -np.inf, np.nan]
    with np.errstate(invalid="ignore", over="ignore"):
        values = np.array(special * 6 + [7.0], np.float64).astype(source)
        for shape in ((85,), (5, 17), (1, 5, 17)):
            for at_end in (False, True):
                for x in (guarded(values, at_end).reshape(shape), guarded(values, at_end).reshape(shape).T):
                    expected = x.astype(target)
                    got = move.converted(x, np.dtype(target))
                    assert got is not None and got.dtype == expected.dtype and got.strides == expected.strides
                    np.testing.assert_array_equal(got, expected)
                    if expected.dtype.kind == "f":
                        np.testing.assert_array_equal(np.signbit(got), np.signbit(expected))
    assert move.converted(values[::2], np.dtype(target)) is None
    assert move.converted(values, np.dtype(np.int8)) is None


@pytest.mark.parametrize("dtype", DTYPES)
def test_large_arrays_on_one_thread_and_on_several(dtype):
    x = numbers((64, 33, 130), dtype)
    results = []
    for threads in (1, MOST):
        autograd.set_num_threads(threads)
        results.append([
            *[move.dense(view(x)) for view in VIEWS.values()], move.join([x, x[:, :5].copy()], 1), move.stacked([x, x], 3),
            move.rolled(x, [(2, 3)]), move.rolled(x, [(0, -20), (1, 5), (2, 1)]), move.triangle(x, 2, True),
            move.framed(x, [(1, 0), (0, 2), (3, 1)], 1), move.converted(x, np.dtype(np.float64)),
        ])  # fmt: skip
    autograd.set_num_threads(MOST)
    expected = [
        *[np.array(view(x)) for view in VIEWS.values()], np.concatenate([x, x[:, :5]], 1), np.stack([x, x], 3),
        np.roll(x, 3, 2), np.roll(x, (-20, 5, 1), (0, 1, 2)), np.tril(x, 2),
        np.pad(x, [(1, 0), (0, 2), (3, 1)], constant_values=1),
    ]  # fmt: skip
    for one, several in zip(*results, strict=True):
        np.testing.assert_array_equal(one, several)
    for got, wanted in zip(results[0], expected, strict=False):
        np.testing.assert_array_equal(got, wanted)
