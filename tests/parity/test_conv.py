"""Convolutions, their transposes, unfold and fold, and images beside torch's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch_beside import compare

from autograd.op import REGISTRY


def draw(*shape: int, low: float = -2.0, high: float = 2.0) -> np.ndarray:
    return np.asarray(np.random.default_rng(sum(shape)).uniform(low, high, shape))


def against(name: str, *args: Any, theirs: str = "", orders: int = 2, wide: float = 1.0, **kwargs: Any) -> None:
    compare(REGISTRY[name].call, getattr(F, theirs or name), args, kwargs, orders=orders, wide=wide)


@pytest.mark.parametrize("n", [1, 2, 3])
@given(data=st.data())
def test_convolution(n: int, data: Any) -> None:
    groups = data.draw(st.sampled_from([1, 2, 3]))
    per = lambda low, high: tuple(data.draw(st.integers(low, high)) for _ in range(n))  # noqa: E731
    size, stride, dilation, padding = per(1, 3), per(1, 3), per(1, 2), per(0, 2)
    space = tuple(data.draw(st.integers(1, 6)) for _ in range(n))
    batch = data.draw(st.sampled_from([(), (1,), (2,), (0,)]))
    x, w = draw(*batch, 2 * groups, *space), draw(2 * groups, 2, *size)
    bias = draw(2 * groups) if data.draw(st.booleans()) else None
    form = data.draw(st.sampled_from(["numbers", "one", "same", "valid"]))
    pad: Any = {"numbers": padding, "one": padding[0], "same": "same", "valid": "valid"}[form]
    step: Any = 1 if form == "same" else stride
    dtype = data.draw(st.sampled_from(["float64", "float32"]))
    args = [x.astype(dtype), w.astype(dtype), None if bias is None else bias.astype(dtype)]
    against(f"conv{n}d", *args, step, pad, dilation, groups, wide=10)


@pytest.mark.parametrize("n", [1, 2, 3])
@given(data=st.data())
def test_transposed(n: int, data: Any) -> None:
    groups = data.draw(st.sampled_from([1, 2]))
    per = lambda low, high: tuple(data.draw(st.integers(low, high)) for _ in range(n))  # noqa: E731
    size, stride, dilation, padding, extra = per(1, 3), per(1, 3), per(1, 2), per(0, 1), per(0, 2)
    space = tuple(data.draw(st.integers(1, 4)) for _ in range(n))
    batch = data.draw(st.sampled_from([(), (1,), (2,)]))
    x, w = draw(*batch, 2 * groups, *space), draw(2 * groups, 2, *size)
    bias = draw(2 * groups) if data.draw(st.booleans()) else None
    against(f"conv_transpose{n}d", x, w, bias, stride, padding, extra, groups, dilation)


@pytest.mark.parametrize(
    "x, w, kwargs",
    [
        ((2, 3, 5, 5), (6, 1, 5, 5), {}), ((2, 3, 5, 5), (6, 3, 6, 5), {}), ((5, 5), (6, 3, 3, 3), {}),
        ((2, 4, 5, 5), (6, 2, 3, 3), {"groups": 4}),
        ((2, 4, 5, 5), (6, 4, 3, 3), {"stride": 0}), ((2, 4, 5, 5), (6, 4, 3, 3), {"padding": -1}),
        ((2, 4, 5, 5), (6, 4, 3, 3), {"dilation": 0}),
        ((2, 4, 5, 5), (6, 4, 3, 3), {"groups": 0}), ((2, 4, 5, 5), (6, 4, 3, 3), {"padding": "same", "stride": 2}),
        ((2, 4, 5, 5), (6, 4, 3), {}),
        ((2, 4, 5, 5), (6, 4, 3, 3), {"padding": "full"}), ((2, 4, 5, 5), (6, 4, 3, 3), {"stride": (1, 2, 3)}),
    ],
)  # fmt: skip
def test_errors(x: Any, w: Any, kwargs: Any) -> None:
    against("conv2d", draw(*x), draw(*w), **kwargs)


def test_mixed_dtypes() -> None:
    against("conv2d", draw(1, 2, 4, 4), draw(3, 2, 2, 2).astype("float32"))
    against("conv2d", draw(1, 2, 4, 4), draw(3, 2, 2, 2), draw(4))


@given(data=st.data())
def test_unfold_fold(data: Any) -> None:
    per = lambda low, high: tuple(data.draw(st.integers(low, high)) for _ in range(2))  # noqa: E731
    size, dilation, padding, stride, space = per(1, 3), per(1, 2), per(0, 2), per(1, 3), per(1, 6)
    batch = data.draw(st.sampled_from([(), (2,)]))
    against("im2col", draw(*batch, 2, *space), size, dilation, padding, stride, theirs="unfold")
    windows = [
        (n + 2 * p - d * (k - 1) - 1) // s + 1
        for n, k, d, p, s in zip(space, size, dilation, padding, stride, strict=True)
    ]
    columns = max(windows[0], 0) * max(windows[1], 0) + data.draw(st.sampled_from([0, 0, 1]))
    against(
        "col2im", draw(*batch, 2 * size[0] * size[1], columns), space, size, dilation, padding, stride, theirs="fold"
    )


MODES = [
    ("nearest", 1),
    ("nearest-exact", 2),
    ("linear", 1),
    ("bilinear", 2),
    ("bicubic", 2),
    ("trilinear", 3),
    ("area", 2),
    ("nearest", 3),
]


@pytest.mark.parametrize("mode, n", MODES)
@given(data=st.data())
def test_interpolate(mode: str, n: int, data: Any) -> None:
    space = tuple(data.draw(st.integers(2, 6)) for _ in range(n))
    kwargs: dict[str, Any] = {"mode": mode}
    if data.draw(st.booleans()):
        kwargs["size"] = tuple(data.draw(st.integers(1, 8)) for _ in range(n))
    else:
        kwargs["scale_factor"] = data.draw(st.sampled_from([2, 0.5, 1.5, 0.7, 3.0]))
        if data.draw(st.booleans()):
            kwargs["recompute_scale_factor"] = True
    if "linear" in mode or mode == "bicubic":
        kwargs["align_corners"] = data.draw(st.sampled_from([None, True, False]))
        # with a width of 1 torch's antialiasing repeats the first row whatever the others hold
        narrow = kwargs.get("size", (2,))[-1] == 1 or space[-1] * kwargs.get("scale_factor", 1) < 2
        if mode in ("bilinear", "bicubic") and not kwargs["align_corners"] and not narrow:
            kwargs["antialias"] = data.draw(st.booleans())
    against("interpolate", draw(2, 2, *space), **kwargs)


@pytest.mark.parametrize("align", [True, False, None])
@pytest.mark.parametrize("padding", ["zeros", "border", "reflection"])
@pytest.mark.parametrize("mode", ["bilinear", "nearest", "bicubic"])
@pytest.mark.filterwarnings("ignore:Default:UserWarning")
def test_grid_sample(mode: str, padding: str, align: bool | None) -> None:
    x, grid = draw(2, 3, 4, 5), draw(2, 3, 7, 2, low=-1.6, high=1.6)
    against("grid_sample", x, grid, mode, padding, align, orders=1)
    if mode != "bicubic":
        against(
            "grid_sample", draw(2, 2, 3, 2, 4), draw(2, 2, 1, 5, 3, low=-1.3, high=1.3), mode, padding, align, orders=1
        )


@pytest.mark.parametrize("align", [True, False])
def test_affine_grid(align: bool) -> None:
    against("affine_grid", draw(2, 2, 3), (2, 3, 4, 5), align)
    against("affine_grid", draw(2, 3, 4), (2, 1, 2, 4, 3), align)
    against("affine_grid", draw(2, 3, 4), (2, 1, 4, 3), align)


def test_shuffles() -> None:
    against("pixel_shuffle", draw(2, 8, 2, 3), 2)
    against("pixel_shuffle", draw(2, 7, 2, 3), 2)
    against("pixel_unshuffle", draw(2, 4, 6), 2)
    against("pixel_unshuffle", draw(2, 4, 5), 2)
    against("channel_shuffle", draw(2, 6, 2, 3), 3)
    against("channel_shuffle", draw(2, 6, 2, 3), 4)
