"""Convolution kernels against a plain reference in float64: hostile shapes, guard pages, bits on 1 and 2 threads."""

from __future__ import annotations

import threading
from typing import NamedTuple

import numpy as np
import pytest
from guard import guarded
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.lib.stride_tricks import sliding_window_view

import autograd
from autograd.kernels import conv, conv_direct, conv_few, conv_window, elementwise, winograd, winograd_few
from autograd.kernels.threads import MOST

# Of the largest value of the result: measured 2e-5 for Winograd with 512 channels, 4e-6 for the direct form.
BOUND = {np.dtype(np.float64): 1e-12, np.dtype(np.float32): 1e-5}
WINOGRAD_BOUND = 5e-5


class Case(NamedTuple):
    N: int
    groups: int
    Cg: int
    Kg: int
    size: tuple[int, int]
    window: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[tuple[int, int], tuple[int, int]]
    dilation: tuple[int, int]
    dtype: type = np.float64
    order: tuple[int, ...] = (0, 1, 2, 3)

    @property
    def how(self):
        return self.stride, self.padding, self.dilation, self.groups

    def fits(self):
        return all(
            size + sum(pad) >= d * (window - 1) + 1
            for size, pad, d, window in zip(self.size, self.padding, self.dilation, self.window, strict=True)
        )

    def arrays(self):
        rng = np.random.default_rng(0)
        C, K = self.groups * self.Cg, self.groups * self.Kg
        sizes = [
            conv.output_size(self.size[i], self.window[i], self.stride[i], self.padding[i], self.dilation[i])
            for i in (0, 1)
        ]
        x = rng.standard_normal((self.N, C, *self.size)).astype(self.dtype)
        w = rng.standard_normal((K, self.Cg, *self.window)).astype(self.dtype)
        g = rng.standard_normal((self.N, K, *sizes)).astype(self.dtype)
        bias = rng.standard_normal(K).astype(self.dtype)
        return x, w, g, bias


def in_order(a, order):
    """The same values with the axes laid out in memory in another order."""
    return np.ascontiguousarray(a.transpose(order)).transpose(np.argsort(order))


def windows_of(x, window, stride, padding, dilation):
    """(N, C, Ho, Wo, R, S): every window of the padded x."""
    padded = np.pad(x.astype(np.float64), ((0, 0), (0, 0), *padding))
    reach = [d * (n - 1) + 1 for d, n in zip(dilation, window, strict=True)]
    found = sliding_window_view(padded, reach, axis=(2, 3))
    return found[:, :, :: stride[0], :: stride[1], :: dilation[0], :: dilation[1]]


def reference(x, w, bias, stride, padding, dilation, groups):
    parts = windows_of(x, w.shape[2:], stride, padding, dilation)
    N, C, Ho, Wo, R, S = parts.shape
    parts = parts.reshape(N, groups, C // groups, Ho, Wo, R, S)
    y = np.einsum("ngchwrs,gkcrs->ngkhw", parts, w.reshape(groups, -1, C // groups, R, S).astype(np.float64))
    return y.reshape(N, -1, Ho, Wo) + bias.reshape(-1, 1, 1)


def reference_weight(g, x, w_shape, stride, padding, dilation, groups):
    parts = windows_of(x, w_shape[2:], stride, padding, dilation)
    N, C, Ho, Wo, R, S = parts.shape
    parts = parts.reshape(N, groups, C // groups, Ho, Wo, R, S)
    gw = np.einsum("ngchwrs,ngkhw->gkcrs", parts, g.reshape(N, groups, -1, Ho, Wo).astype(np.float64))
    return gw.reshape(w_shape)


def reference_input(g, w, x_shape, stride, padding, dilation, groups):
    (top, bottom), (left, right) = padding
    N, C, H, W = x_shape
    gx = np.zeros((N, C, H + top + bottom, W + left + right))
    Ho, Wo = g.shape[2:]
    kernels = w.reshape(groups, -1, C // groups, *w.shape[2:]).astype(np.float64)
    parts = np.einsum("ngkhw,gkcrs->ngchwrs", g.reshape(N, groups, -1, Ho, Wo).astype(np.float64), kernels)
    parts = parts.reshape(N, C, Ho, Wo, *w.shape[2:])
    for r in range(w.shape[2]):
        for s in range(w.shape[3]):
            rows = slice(r * dilation[0], r * dilation[0] + stride[0] * (Ho - 1) + 1, stride[0])
            columns = slice(s * dilation[1], s * dilation[1] + stride[1] * (Wo - 1) + 1, stride[1])
            gx[:, :, rows, columns] += parts[..., r, s]
    return gx[:, :, top : top + H, left : left + W]


def assert_close(result, expected, bound=None):
    bound = bound or BOUND[result.dtype]
    assert result.shape == expected.shape
    if expected.size:
        assert np.abs(result - expected).max() <= bound * max(1.0, np.abs(expected).max())


def assert_right(case, bound=None):
    x, w, g, bias = case.arrays()
    x, g = in_order(x, case.order), in_order(g, case.order)
    y = conv.conv2d(x, w, bias, *case.how)
    gx = conv.conv2d_input(g, w, x.shape, *case.how)
    gw = conv.conv2d_weight(g, x, w.shape, *case.how)
    assert y.dtype == gx.dtype == gw.dtype == case.dtype
    for result in (y, gx):
        assert result.transpose(0, 2, 3, 1).flags.c_contiguous
    assert_close(y, reference(x, w, bias, *case.how), bound)
    assert_close(gx, reference_input(g, w, x.shape, *case.how), bound)
    assert_close(gw, reference_weight(g, x, w.shape, *case.how), bound)
    assert_close(conv.conv2d_bias(g), g.sum((0, 2, 3), dtype=np.float64), bound)


pairs = lambda low, high: st.tuples(st.integers(low, high), st.integers(low, high))  # noqa: E731
cases = st.builds(
    Case,
    N=st.integers(1, 3),
    groups=st.integers(1, 3),
    Cg=st.integers(1, 20),
    Kg=st.integers(1, 40),
    size=pairs(1, 13),
    window=pairs(1, 5),
    stride=pairs(1, 4),
    padding=st.tuples(pairs(0, 5), pairs(0, 5)),
    dilation=pairs(1, 4),
    dtype=st.sampled_from([np.float32, np.float64]),
    order=st.permutations(range(4)).map(tuple),
).filter(Case.fits)
depthwise_cases = cases.map(lambda case: case._replace(groups=case.Kg, Cg=1, Kg=1 + case.N // 3))
winograd_cases = st.builds(
    lambda case, window: case._replace(
        groups=1, Cg=case.Cg + 31, Kg=case.Kg + 31, window=window, stride=(1, 1), dilation=(1, 1), dtype=np.float32
    ),
    cases,
    st.sampled_from(sorted(winograd.WINDOWS)),
).filter(Case.fits)
few_cases = st.builds(
    lambda case, K, width: case._replace(
        groups=1, Kg=K, stride=(1, 1), size=(case.size[0], width), order=(0, 1, 2, 3) if K % 2 else case.order
    ),
    cases,
    st.integers(1, 16),
    st.integers(1, 50),
).filter(Case.fits)
LAST = (0, 2, 3, 1)
plain = Case(2, 1, 5, 7, (9, 8), (3, 3), (1, 1), ((1, 1), (1, 1)), (1, 1))


@settings(max_examples=60, deadline=None)
@given(cases)
@example(plain)
@example(plain._replace(padding=((0, 0), (0, 0)), window=(9, 8)))
@example(plain._replace(size=(2, 3), window=(5, 5), padding=((3, 4), (2, 2))))  # the window is larger than the input
@example(plain._replace(stride=(20, 30)))  # beyond the input
@example(plain._replace(stride=(4, 3), dilation=(6, 2), padding=((9, 9), (2, 2))))  # stride and dilation share a factor
@example(plain._replace(groups=1, Cg=1, Kg=1))
@example(plain._replace(size=(1, 300), padding=((1, 1), (200, 0))))
@example(plain._replace(N=40, size=(2, 2)))  # several images a task
@example(plain._replace(N=5, Cg=70, Kg=130, size=(14, 15), stride=(2, 2)))  # and several tasks an image
def test_every_form_agrees_with_the_reference(case):
    assert_right(case)


@settings(max_examples=40, deadline=None)
@given(few_cases)
@example(plain._replace(Cg=3, Kg=6, size=(40, 33), window=(5, 5), dtype=np.float32))
@example(plain._replace(N=30, Cg=6, Kg=16, size=(14, 14), window=(5, 5), dtype=np.float32))  # images together
@example(plain._replace(Cg=20, Kg=3, size=(150, 170), dtype=np.float32))  # several blocks an image
@example(plain._replace(Cg=3, Kg=2, size=(9, 30), dilation=(2, 5), window=(3, 4), padding=((4, 0), (11, 3))))
@example(plain._replace(Cg=64, Kg=3, size=(9, 33), order=LAST, dtype=np.float32))  # inner products of whole windows
@example(plain._replace(Cg=64, Kg=4, size=(30, 70), window=(1, 5), padding=((0, 0), (2, 2)), order=LAST))
@example(plain._replace(Cg=32, Kg=1, size=(9, 17), dilation=(2, 3), padding=((3, 0), (7, 1)), order=LAST))
def test_few_result_channels(case):
    assert conv_few.suits_weight(8, (2, 3, 3, 3), 30, (1, 1), 1) and conv_few.suits(8, 2, (1, 1), 1)
    assert_right(case)


window_cases = st.builds(
    lambda case, C, K: case._replace(groups=1, Cg=C, Kg=K), cases, st.integers(1, 4), st.integers(5, 40)
).filter(Case.fits)


@settings(max_examples=40, deadline=None)
@given(window_cases)
@example(plain._replace(Cg=3, Kg=16, size=(40, 300), dtype=np.float32))  # a row is longer than what is taken at once
@example(plain._replace(Cg=3, Kg=48, size=(30, 31), stride=(2, 2), dtype=np.float32))  # several vectors of channels
@example(plain._replace(N=9, Cg=6, Kg=16, size=(14, 14), window=(5, 5), padding=((0, 0), (0, 0)), dtype=np.float32))
@example(plain._replace(Cg=11, Kg=16, size=(9, 8), window=(4, 3), dtype=np.float32))  # tiles share values of a run
@example(plain._replace(Cg=1, Kg=13, size=(30, 9), window=(17, 2), padding=((8, 8), (1, 1))))  # and runs
def test_whole_windows_held(case):
    assert conv_window.suits(8, 9, 8, 1)
    assert_right(case)


@settings(max_examples=25, deadline=None)
@given(depthwise_cases)
@example(plain._replace(groups=33, Cg=1, Kg=1))
@example(plain._replace(groups=70, Cg=1, Kg=1, size=(30, 31), stride=(2, 2)))
@example(plain._replace(groups=20, Cg=1, Kg=1, size=(9, 31), window=(5, 5), stride=(2, 3)))
@example(
    plain._replace(groups=20, Cg=1, Kg=1, size=(5, 26), window=(4, 9), padding=((3, 1), (2, 5)))
)  # longer than a run
@example(plain._replace(groups=20, Cg=1, Kg=1, size=(9, 40), dilation=(2, 3)))
def test_depthwise(case):
    assert_right(case)


def test_depthwise_takes_no_value_between_or_beyond_its_windows():
    case = plain._replace(groups=20, Cg=1, Kg=1, size=(7, 40), window=(2, 2), stride=(3, 3), padding=((0, 0), (0, 0)))
    x, w, g, bias = case.arrays()
    x[:, :, 2::3], x[:, :, :, 2::3], x[:, :, :, 38:] = np.nan, np.nan, np.inf
    assert np.isfinite(conv.conv2d(x, w, bias, *case.how)).all()
    assert np.isfinite(conv.conv2d_weight(g, x, w.shape, *case.how)).all()


def winograd_form(case):
    _, w, g, _ = case.arrays()
    return winograd.suits(w.dtype, w.shape, case.stride, case.dilation, (case.N, *g.shape[2:]), case.groups)


@settings(max_examples=30, deadline=None)
@given(winograd_cases)
@example(plain._replace(Cg=32, Kg=70, dtype=np.float32, size=(40, 39), N=1))  # several blocks of tiles
@example(plain._replace(Cg=130, Kg=200, dtype=np.float32, size=(30, 30)))  # weights transformed beforehand
@example(plain._replace(Cg=32, Kg=32, dtype=np.float32, size=(1, 1), padding=((5, 5), (4, 3))))
@example(plain._replace(Cg=70, Kg=70, dtype=np.float32, size=(33, 30), window=(5, 5)))  # several tasks a part
@example(plain._replace(Cg=130, Kg=200, dtype=np.float32, size=(40, 39), N=1, window=(5, 5)))
@example(plain._replace(Cg=130, Kg=200, dtype=np.float32, size=(40, 39), window=(1, 7), padding=((0, 0), (3, 3))))
@example(plain._replace(Cg=130, Kg=200, dtype=np.float32, size=(40, 39), window=(7, 1), padding=((3, 3), (0, 0))))
@example(plain._replace(Cg=64, Kg=64, dtype=np.float32, size=(1, 90), window=(1, 3), padding=((0, 0), (1, 1))))
def test_winograd(case):
    assert winograd_form(case) is winograd.WINDOWS[case.window]
    assert_right(case, WINOGRAD_BOUND)


@pytest.mark.parametrize("at_end", [False, True])
@pytest.mark.parametrize(
    "case",
    [
        plain._replace(Cg=16, Kg=32, size=(30, 33), dtype=np.float32),
        plain._replace(Cg=33, Kg=35, size=(9, 40), dtype=np.float32),  # no whole vectors, a short last part
        plain._replace(Cg=16, Kg=32, size=(22, 23), window=(5, 5), dtype=np.float32),
        plain._replace(Cg=16, Kg=32, size=(30, 33), dilation=(2, 3), dtype=np.float32),
        plain._replace(Cg=16, Kg=32, size=(30, 33), stride=(2, 2), dtype=np.float32),
        plain._replace(Cg=16, Kg=32, size=(2, 3), N=1, dtype=np.float32),  # fewer tiles than pieces
    ],
)
def test_winograd_of_few_channels(case, at_end, monkeypatch):
    x, w, g, _ = case.arrays()
    x, g = (guarded(a.transpose(0, 2, 3, 1), at_end) for a in (x, g))
    form, out = winograd.BY_TWO if case.stride == (2, 2) else winograd.WINDOWS[case.window], (*g.shape[1:3], case.Kg)
    window = winograd.Window(case.stride, tuple(-before for before, _ in case.padding), case.dilation)
    monkeypatch.setattr(winograd_few, "NEAR", 1 << 8)  # a task takes its tiles in several runs
    shape, before, results = (case.N, case.Cg, *case.size), autograd.get_num_threads(), []
    for threads in (1, 2):
        autograd.set_num_threads(threads)
        gw = winograd_few.weight(form, g.reshape(-1), x.reshape(-1), shape, out, w.shape, window)
        results.append(gw.tobytes())
    autograd.set_num_threads(before)
    images = [a.transpose(0, 3, 1, 2) for a in (g, x)]
    assert_close(gw, reference_weight(*images, w.shape, *case.how), WINOGRAD_BOUND)
    assert results[0] == results[1]
    assert winograd_few.suits(form, w.shape, 1 << 20) and not winograd_few.suits(form, w.shape, 1)


SEQUENCE = plain._replace(Cg=64, Kg=64, size=(1, 301), window=(1, 2), padding=((0, 0), (2, 1)), dtype=np.float32)
OTHER_FORMS = [
    (SEQUENCE._replace(Kg=50, dilation=(1, 16)), (1, 2)),
    (SEQUENCE._replace(window=(1, 3), dilation=(1, 67)), (1, 3)),  # many tiles have less than four results
    (SEQUENCE._replace(window=(1, 11), padding=((0, 0), (5, 5))), (1, 7)),  # two blocks of taps, one short
    (SEQUENCE._replace(window=(1, 16), stride=(1, 8), padding=((0, 0), (4, 4))), (1, 2)),  # eight
    (SEQUENCE._replace(Cg=63, Kg=50, size=(301, 1), window=(3, 1), padding=((2, 1), (0, 0)), dilation=(2, 1)), (3, 1)),
    (SEQUENCE._replace(size=(33, 35), window=(2, 2), padding=((1, 0), (0, 1))), (2, 2)),
    (SEQUENCE._replace(N=3, size=(33, 35), window=(4, 4), stride=(2, 2), padding=((1, 1), (1, 1))), (2, 2)),
    (SEQUENCE._replace(size=(33, 35), window=(3, 3), dilation=(2, 3), padding=((2, 2), (3, 3))), (3, 3)),
    (SEQUENCE._replace(Cg=33, size=(33, 34), window=(3, 3), stride=(2, 2), padding=((1, 0), (0, 1))), (3, 3)),
]


@pytest.fixture(autouse=True)
def forms_for_little_work(request, monkeypatch):
    """Of the tests of these cases: there the transforms cost more than they save."""
    called = getattr(request.node, "callspec", None)
    if called is None or called.params.get("case") not in [case for case, _ in OTHER_FORMS]:
        yield
        return
    monkeypatch.setattr(winograd, "GAIN", 10.0)
    winograd._fastest.cache_clear()
    yield
    winograd._fastest.cache_clear()


@pytest.mark.parametrize("case, form", OTHER_FORMS)
def test_winograd_of_other_windows(case, form):
    chosen = winograd_form(case)
    assert chosen is not None and (chosen.down.r, chosen.across.r) == form
    assert_right(case, WINOGRAD_BOUND)


def test_winograd_of_strided_windows_writes_every_phase_of_the_input(monkeypatch):
    """The taps of a phase have a form of their own, and one of 1x1 none."""
    monkeypatch.setattr(winograd, "GAIN", 10.0)
    winograd._fastest.cache_clear()
    try:
        for stride, window in (((2, 2), (3, 3)), ((3, 2), (4, 3)), ((1, 2), (1, 5))):
            case = plain._replace(Cg=64, Kg=64, dtype=np.float32, size=(17, 22), stride=stride, window=window)
            assert winograd_form(case)
            assert_right(case, WINOGRAD_BOUND)
    finally:
        winograd._fastest.cache_clear()


def test_winograd_weight_gradient_over_several_blocks_of_tiles(monkeypatch):
    monkeypatch.setattr(winograd, "POINTS", 1 << 15)
    for window in winograd.WINDOWS:
        assert_right(plain._replace(Cg=40, Kg=60, dtype=np.float32, size=(22, 23), window=window), WINOGRAD_BOUND)


def test_winograd_by_groups_of_panels(monkeypatch):
    """Only some of the channels' points are held at a time: the bits are the same."""
    cases = [  # of the first the convolutions, of the second the weights' gradient
        plain._replace(Cg=64, Kg=200, N=4, size=(20, 21), padding=((1, 1), (1, 1)), dtype=np.float32),
        plain._replace(Cg=512, Kg=200, N=1, size=(20, 21), padding=((1, 1), (1, 1)), dtype=np.float32),
    ]
    results = []
    for held in (winograd.HELD, 2):
        monkeypatch.setattr(winograd, "HELD", held)
        winograd._plan.cache_clear()
        for case in cases:
            assert winograd_form(case)
            x, w, g, bias = case.arrays()
            results.append(conv.conv2d(x, w, bias, *case.how))
            results.append(conv.conv2d_input(g, w, x.shape, *case.how))
            results.append(conv.conv2d_weight(g, x, w.shape, *case.how))
        for case in cases:
            assert_right(case, WINOGRAD_BOUND)
    for whole, grouped in zip(results[:6], results[6:], strict=True):
        np.testing.assert_array_equal(whole, grouped)
    winograd._plan.cache_clear()


def test_weight_gradient_by_groups_of_panels(monkeypatch):
    case = plain._replace(Cg=70, Kg=200, N=2, size=(11, 12), stride=(2, 2), dtype=np.float32)
    monkeypatch.setattr(conv_direct, "TASKS", 1)
    conv_direct.plan_weight.cache_clear()
    x, w, g, _ = case.arrays()
    whole = conv.conv2d_weight(g, x, w.shape, *case.how)
    monkeypatch.setattr(conv_direct, "HELD", 1)
    monkeypatch.setattr(conv_direct, "PARTS", 1)
    np.testing.assert_array_equal(conv.conv2d_weight(g, x, w.shape, *case.how), whole)
    assert_right(case)
    conv_direct.plan_weight.cache_clear()


def test_a_weight_gradient_leaves_the_plan_of_a_pass_alone():
    taps = tuple((r, 0) for r in range(3))
    shape = (2, 6, 12, 13), (10, 11), (1, 1), (0, 0), taps, 18
    before = conv_direct.plan_pass(*shape, (10, 11, 20), ((1, 0), (1, 0)), 1, 4).plan
    values = before.copy()
    conv_direct.plan_weight(*shape, 20, 1, 4)
    np.testing.assert_array_equal(before, values)


def test_winograd_switch_and_float64(monkeypatch):
    x, w, g, bias = plain._replace(Cg=32, Kg=32, dtype=np.float32).arrays()
    fast = conv.conv2d(x, w, bias, *plain.how)
    monkeypatch.setattr(winograd, "enabled", False)
    direct = conv.conv2d(x, w, bias, *plain.how)
    assert not np.array_equal(fast, direct)
    assert_close(direct, reference(x, w, bias, *plain.how), 1e-6)
    monkeypatch.setattr(winograd, "enabled", True)
    assert not winograd_form(plain._replace(Cg=32, Kg=32))


HOSTILE = [
    plain._replace(N=0),
    plain._replace(Cg=0),
    plain._replace(Kg=0),
    plain._replace(dilation=(100_000, 1), padding=((150_000, 50_001), (1, 1)), stride=(40_000, 1)),
    plain._replace(
        size=(3, 4), dilation=(10**6, 10**6), padding=((10**6, 10**6), (10**6, 10**6)), Cg=2, Kg=3, dtype=np.float32
    ),
]


@pytest.mark.parametrize("case", HOSTILE[:3])
def test_nothing_to_sum_over(case):
    x, w, g, bias = case.arrays()
    assert np.array_equal(conv.conv2d(x, w, bias, *case.how), np.broadcast_to(bias.reshape(-1, 1, 1), g.shape))
    assert not conv.conv2d(x, w, None, *case.how).any() or case.Cg
    assert not conv.conv2d_input(g, w, x.shape, *case.how).any()
    assert not conv.conv2d_weight(g, x, w.shape, *case.how).any()
    assert conv.conv2d_weight(g, x, w.shape, *case.how).shape == w.shape
    assert_close(conv.conv2d_bias(g), g.sum((0, 2, 3)))


def test_huge_dilation_costs_no_memory():
    """The taps are 10**6 apart: only the middle one meets the input, at the right place."""
    case = HOSTILE[4]
    x, w, g, bias = case.arrays()
    y = conv.conv2d(x, w, bias, *case.how)
    assert_close(y, reference(x, w[:, :, 1:2, 1:2], bias, (1, 1), ((0, 0), (0, 0)), (1, 1), 1))
    gx = conv.conv2d_input(g, w, x.shape, *case.how)
    assert_close(gx, reference_input(g, w[:, :, 1:2, 1:2], x.shape, (1, 1), ((0, 0), (0, 0)), (1, 1), 1))
    gw = conv.conv2d_weight(g, x, w.shape, *case.how)
    middle = reference_weight(g, x, (3, 2, 1, 1), (1, 1), ((0, 0), (0, 0)), (1, 1), 1)
    assert_close(gw[:, :, 1:2, 1:2], middle)
    gw[:, :, 1, 1] = 0
    assert not gw.any()


def test_strided_dilation_beyond_the_input():
    assert_right(HOSTILE[3])


def test_views_that_overlap_run_backwards_or_are_read_only():
    rng = np.random.default_rng(1)
    base = rng.standard_normal((2, 9, 10, 6))
    w = rng.standard_normal((4, 6, 3, 3))
    zeros = np.zeros(4)
    read_only = base.copy()
    read_only.flags.writeable = False
    views = [
        base[:, ::-1, ::-1].transpose(0, 3, 1, 2),
        base.transpose(0, 3, 1, 2)[:, ::-1],
        read_only.transpose(0, 3, 1, 2),
        np.lib.stride_tricks.as_strided(base, (2, 6, 9, 10), (8 * 30, 8, 8 * 7, 8 * 3)),
        np.broadcast_to(base[:1, :, :, :1], (2, 9, 10, 6)).transpose(0, 3, 1, 2),
    ]
    how = ((1, 1), ((1, 1), (1, 1)), (1, 1), 1)
    for x in views:
        assert_close(conv.conv2d(x, w, None, *how), reference(x, w, zeros, *how))
        g = x[:, :4]
        assert_close(conv.conv2d_weight(g, x, w.shape, *how), reference_weight(g, x, w.shape, *how))
    for bias in (rng.standard_normal(8)[::-2], np.broadcast_to(base[0, 0, 0, 0], 4)):
        assert_close(conv.conv2d(views[0], w, bias, *how), reference(views[0], w, bias, *how))
    for weights in (
        w[::-1, :, ::-1],
        w.transpose(1, 0, 3, 2)[:4, :4].repeat(2, 1)[:, :6],
        np.broadcast_to(w[:1], w.shape),
    ):
        x = base.transpose(0, 3, 1, 2)
        assert_close(conv.conv2d(x, weights, None, *how), reference(x, weights, zeros, *how))


GUARDED = [
    plain,
    plain._replace(dtype=np.float32),
    plain._replace(Cg=33, Kg=67, dtype=np.float32),  # Winograd, no whole vectors
    plain._replace(Cg=32, Kg=64, dtype=np.float32, size=(8, 8)),
    plain._replace(Cg=130, Kg=200, dtype=np.float32, size=(24, 24)),
    plain._replace(Cg=33, Kg=67, dtype=np.float32, window=(5, 5)),
    plain._replace(Cg=64, Kg=64, dtype=np.float32, window=(5, 5), size=(22, 23)),
    plain._replace(Cg=64, Kg=64, dtype=np.float32, window=(1, 7), size=(9, 23)),
    plain._replace(Cg=33, Kg=67, dtype=np.float32, window=(7, 1), size=(22, 9), padding=((3, 3), (0, 0))),
    *[case for case, _ in OTHER_FORMS],
    plain._replace(padding=((0, 0), (0, 0))),
    plain._replace(Cg=1, Kg=6, window=(5, 5), padding=((0, 0), (0, 0)), dtype=np.float32),
    plain._replace(Cg=3, Kg=4, size=(20, 33)),
    plain._replace(Cg=3, Kg=20, size=(9, 11), dtype=np.float32),  # planes interleaved
    plain._replace(Cg=2, Kg=20, size=(9, 11), dtype=np.float32),
    plain._replace(Cg=4, Kg=20, size=(9, 11), dtype=np.float32),
    plain._replace(Cg=6, Kg=16, size=(20, 33), window=(5, 5), dtype=np.float32),
    plain._replace(Cg=3, Kg=6, size=(20, 33), dilation=(2, 3), padding=((3, 0), (7, 1)), dtype=np.float32),
    plain._replace(Cg=3, Kg=32, dtype=np.float32, padding=((0, 0), (0, 0))),  # whole windows held
    plain._replace(Cg=64, Kg=3, dtype=np.float32),  # inner products of whole windows
    plain._replace(Cg=3, Kg=64, size=(11, 12), window=(4, 5), padding=((0, 0), (0, 0)), dtype=np.float32),
    plain._replace(Cg=1, Kg=1, groups=33, dtype=np.float32),
    plain._replace(Cg=1, Kg=1, groups=33, stride=(2, 2)),
    plain._replace(Cg=1, Kg=1, groups=33, size=(9, 30), dtype=np.float32),
    plain._replace(Cg=1, Kg=1, groups=32, size=(7, 40), stride=(2, 2), window=(5, 5), dtype=np.float32),
    plain._replace(Cg=3, Kg=5, groups=2, stride=(3, 2), dilation=(2, 1), padding=((5, 0), (0, 4))),
    plain._replace(window=(1, 1), padding=((0, 0), (0, 0)), Cg=37, Kg=70),
    plain._replace(window=(1, 1), padding=((0, 0), (0, 0)), stride=(2, 2), Cg=37, Kg=70, dtype=np.float32),
    plain._replace(window=(1, 1), padding=((0, 0), (0, 0)), Cg=37, Kg=60, size=(23, 24), dtype=np.float32),
    plain._replace(size=(2, 2), window=(5, 5), padding=((4, 4), (4, 4)), stride=(7, 7)),
    plain._replace(N=4, Cg=40, Kg=130, size=(14, 14), stride=(2, 2), dtype=np.float32),  # several images a task
]


@pytest.mark.parametrize("at_end", [False, True])
@pytest.mark.parametrize("case", GUARDED)
def test_nothing_is_touched_outside_the_arrays(case, at_end, monkeypatch):
    """Inputs and results stand against pages that may not be touched, channels-last and channels-first."""
    x, w, g, bias = (guarded(a, at_end) for a in case.arrays())
    last_x, last_g = (guarded(a.transpose(0, 2, 3, 1), at_end).transpose(0, 3, 1, 2) for a in (x, g))

    def guarded_empty(shape, dtype):
        N, C, H, W = shape
        flat = guarded(np.zeros(N * C * H * W, dtype), at_end)
        return flat.reshape(N, H, W, C).transpose(0, 3, 1, 2), flat

    monkeypatch.setattr(conv, "empty", guarded_empty)
    bound = WINOGRAD_BOUND if case.dtype == np.float32 else None
    for source, gradient in ((x, g), (last_x, last_g)):
        assert_close(conv.conv2d(source, w, bias, *case.how), reference(x, w, bias, *case.how), bound)
        assert_close(
            conv.conv2d_input(gradient, w, x.shape, *case.how), reference_input(g, w, x.shape, *case.how), bound
        )
        assert_close(
            conv.conv2d_weight(gradient, source, w.shape, *case.how), reference_weight(g, x, w.shape, *case.how), bound
        )
        assert_close(conv.conv2d_bias(gradient), g.sum((0, 2, 3), dtype=np.float64), bound)


@pytest.mark.parametrize("case", GUARDED)
def test_gradients_are_adjoint(case):
    """<conv2d(x, w), g> = <x, conv2d_input(g, w)> = <w, conv2d_weight(g, x)>."""
    x, w, g, _ = case.arrays()
    inner = lambda a, b: float((a.astype(np.float64) * b).sum())  # noqa: E731
    size = float(np.abs(x).sum()) + float(np.abs(g).sum())
    forward = inner(conv.conv2d(x, w, None, *case.how), g)
    bound = size * (1e-5 if case.dtype == np.float32 else 1e-12)
    assert abs(inner(conv.conv2d_input(g, w, x.shape, *case.how), x) - forward) < bound
    assert abs(inner(conv.conv2d_weight(g, x, w.shape, *case.how), w) - forward) < bound


BIG = [
    plain._replace(Cg=48, Kg=64, size=(40, 40), dtype=np.float32),
    plain._replace(Cg=70, Kg=130, size=(30, 31), dtype=np.float32),
    plain._replace(Cg=256, Kg=130, size=(8, 8), dtype=np.float32),
    plain._replace(Cg=48, Kg=64, size=(31, 40), dtype=np.float32, window=(5, 5)),
    plain._replace(Cg=48, Kg=64, size=(31, 40), dtype=np.float32, window=(1, 7)),
    OTHER_FORMS[0][0],
    OTHER_FORMS[2][0],
    OTHER_FORMS[6][0],
    plain._replace(Cg=24, Kg=40, size=(40, 40), stride=(2, 2)),
    plain._replace(N=4, Cg=130, Kg=200, size=(14, 14), stride=(2, 2), dtype=np.float32),
    plain._replace(Cg=3, Kg=16, size=(64, 64), N=6, window=(5, 5), dtype=np.float32),
    plain._replace(Cg=3, Kg=6, size=(64, 64), N=6, window=(5, 5), dtype=np.float32),
    plain._replace(Cg=3, Kg=32, size=(64, 64), dtype=np.float32),
    plain._replace(Cg=64, Kg=3, size=(40, 40), dtype=np.float32, order=LAST),
    plain._replace(Cg=1, Kg=1, groups=96, size=(40, 40), dtype=np.float32),
    plain._replace(window=(1, 1), padding=((0, 0), (0, 0)), Cg=130, Kg=200, size=(20, 20)),
    plain._replace(window=(1, 1), padding=((0, 0), (0, 0)), Cg=130, Kg=60, size=(23, 24), dtype=np.float32),
]


def everything(case, arrays):
    x, w, g, bias = arrays
    x, g = in_order(x, case.order), in_order(g, case.order)
    return (
        conv.conv2d(x, w, bias, *case.how, activation="relu"),
        conv.conv2d_input(g, w, x.shape, *case.how),
        conv.conv2d_weight(g, x, w.shape, *case.how),
        conv.conv2d_bias(g),
    )


@pytest.mark.skipif(MOST < 2, reason="one thread only")
@pytest.mark.parametrize("case", BIG)
def test_same_bits_on_any_number_of_threads(case):
    arrays, before = case.arrays(), autograd.get_num_threads()
    try:
        autograd.set_num_threads(1)
        one = everything(case, arrays)
        autograd.set_num_threads(2)
        two = everything(case, arrays)
    finally:
        autograd.set_num_threads(before)
    for a, b in zip(one, two, strict=True):
        assert a.tobytes() == b.tobytes()


def test_concurrent_calls():
    expected = [everything(case, case.arrays()) for case in BIG[:4]]
    failures = []

    def work(case, want):
        for _ in range(3):
            got = everything(case, case.arrays())
            if any(a.tobytes() != b.tobytes() for a, b in zip(got, want, strict=True)):
                failures.append(case)

    threads = [threading.Thread(target=work, args=pair) for pair in zip(BIG[:4], expected, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


@pytest.mark.parametrize(
    "case", [plain, *GUARDED[2:5], *GUARDED[7:10], *GUARDED[18:22], *GUARDED[-3:], HOSTILE[1], HOSTILE[4]]
)
def test_fused_activation_has_the_bits_of_the_separate_one(case):
    x, w, _, bias = case.arrays()
    y = conv.conv2d(x, w, bias, *case.how)
    separate = {"relu": elementwise.relu, "tanh": elementwise.tanh_forward, "sigmoid": elementwise.sigmoid_forward}
    for activation, function in separate.items():
        fused = conv.conv2d(x, w, bias, *case.how, activation=activation)
        assert np.array_equal(fused, function(y))
    poisoned = x.copy()
    poisoned[0, :, 0] = np.nan
    if case.Cg:
        assert np.isnan(conv.conv2d(poisoned, w, bias, *case.how, activation="relu")).any()


@pytest.mark.parametrize(
    "axis",
    list(dict.fromkeys(axis for form in [*winograd.FORMS, winograd.BY_TWO] for axis in form)),
    ids=lambda axis: f"F({axis.m},{axis.r}) by {axis.stride}",
)
def test_winograd_transforms_are_a_convolution(axis):
    """A' (G w * B' x) = the m results of a window of r over n values, in one dimension."""
    rng = np.random.default_rng(2)
    x, w, g = rng.standard_normal(axis.n), rng.standard_normal(axis.r), rng.standard_normal(axis.m)
    lines = {name: apply for name, (_, apply) in axis.lines.items()}
    assert {name: count for name, (count, _) in axis.lines.items()} == {
        "input": axis.n, "output": axis.n, "result": axis.m, "weight": axis.r, "filter": axis.n
    }  # fmt: skip
    product = np.multiply(lines["input"](x), lines["weight"](w))
    assert np.allclose(lines["output"](product), np.convolve(x, w[::-1], "valid")[:: axis.stride])
    apart = np.zeros((axis.m - 1) * axis.stride + 1)
    apart[:: axis.stride] = g
    gradient = lines["filter"](np.multiply(lines["input"](x), lines["result"](g)))
    assert np.allclose(gradient, np.convolve(x, apart[::-1], "valid"))


@pytest.mark.parametrize("padding, dilation", [((0, 0), 1), ((3, 1), 2), ((0, 40), 16)])
def test_weights_of_long_signals(padding, dilation):
    rng = np.random.default_rng(0)
    N, C, K, S, L = 2, 40, 48, 3, 1500
    x = rng.standard_normal((N, C, 1, L)).astype(np.float32)
    long = L + sum(padding) - dilation * (S - 1)
    g = rng.standard_normal((N, K, 1, long)).astype(np.float32)
    assert conv._by_lines(g, x, S)
    padded = np.pad(x[:, :, 0].astype(float), ((0, 0), (0, 0), padding))
    expected = [
        np.einsum("nkl,ncl->kc", g[:, :, 0].astype(float), padded[..., s * dilation :][..., :long]) for s in range(S)
    ]
    found = conv.conv2d_weight(g, x, (K, C, 1, S), (1, 1), ((0, 0), padding), (1, dilation))
    np.testing.assert_allclose(found[:, :, 0], np.stack(expected, -1), 0, 1e-5 * abs(np.array(expected)).max())
    last = [np.ascontiguousarray(a.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2) for a in (g, x)]
    other = conv.conv2d_weight(*last, (K, C, 1, S), (1, 1), ((0, 0), padding), (1, dilation))
    np.testing.assert_allclose(found, other, 0, 1e-4 * abs(np.array(expected)).max())
    np.testing.assert_allclose(conv.conv2d_bias(g), g.sum((0, 2, 3), np.float64), 0, 1e-3)
