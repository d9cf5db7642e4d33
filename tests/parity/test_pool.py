"""Pooling, unpooling and embeddings beside torch's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch_beside import PLAIN, TIES, compare

from autograd.op import REGISTRY


def against(name: str, *args: Any, orders: int = 2, **kwargs: Any) -> None:
    compare(REGISTRY[name].call, getattr(F, name), args, kwargs, orders=orders)


def values(data: Any, shape: tuple[int, ...]) -> np.ndarray:
    """Values with ties, or NaN and infinities, or without."""
    pool = data.draw(st.sampled_from([PLAIN, TIES, [float("nan"), -float("inf"), 1.0, 0.5]]))
    return np.random.default_rng(data.draw(st.integers(0, 99))).choice(np.array(pool), shape)


@pytest.mark.parametrize("n", [1, 2, 3])
@pytest.mark.parametrize("kind", ["max", "avg"])
@given(data=st.data())
def test_windows(kind: str, n: int, data: Any) -> None:
    per = lambda low, high: tuple(data.draw(st.integers(low, high)) for _ in range(n))  # noqa: E731
    batch = data.draw(st.sampled_from([(2,), (), (0,)]))
    x = values(
        data, (*batch, 2, *per(3 if (kind, n) == ("avg", 3) else 1, 6))
    )  # torch's avg_pool3d refuses less than a window
    kernel, stride, padding = per(1, 3), per(1, 3), per(0, 1)
    kwargs: dict[str, Any] = {"ceil_mode": data.draw(st.booleans())}
    if data.draw(st.booleans()):
        kernel, stride, padding = kernel[0], None, padding[0]
    if kind == "max":
        # a dilated window may lie in the padding as a whole: -inf, whose gradient torch gives to a neighbour
        kwargs["dilation"] = data.draw(st.sampled_from([1, 2])) if padding == (0,) * n else 1
        kwargs["return_indices"] = data.draw(st.booleans())
    else:
        kwargs["count_include_pad"] = data.draw(st.booleans())
        if n > 1 and data.draw(st.booleans()):
            kwargs["divisor_override"] = 3
    against(f"{kind}_pool{n}d", x, kernel, stride, padding, **kwargs)


@pytest.mark.parametrize("n", [1, 2, 3])
@pytest.mark.parametrize("kind", ["max", "avg"])
@given(data=st.data())
def test_adaptive(kind: str, n: int, data: Any) -> None:
    space = tuple(data.draw(st.integers(1, 5)) for _ in range(n))
    out: Any = tuple(data.draw(st.integers(1, 6)) for _ in range(n))
    if data.draw(st.booleans()):
        out = out[0] if data.draw(st.booleans()) or n == 1 else (*out[:-1], None)
    batch = data.draw(st.sampled_from([(2,), ()]))
    args: tuple[Any, ...] = (values(data, (*batch, 2, *space)), out)
    if kind == "max":
        args = (*args, data.draw(st.booleans()))
    against(f"adaptive_{kind}_pool{n}d", *args)


def draw(*shape: int) -> np.ndarray:
    return np.random.default_rng(sum(shape)).uniform(0.2, 2, shape)


@pytest.mark.parametrize("n", [1, 2, 3])
def test_lp_pool(n: int) -> None:
    for p in (1.0, 2.0, 3.0):
        against(f"lp_pool{n}d", draw(2, 2, *(5,) * n), p, 2)
        against(f"lp_pool{n}d", draw(2, 2, *(5,) * n), p, 3, 1, True)


@pytest.mark.parametrize("n", [1, 2, 3])
def test_unpool(n: int) -> None:
    x = draw(2, 2, *(5,) * n)
    y, index = REGISTRY[f"max_pool{n}d"].call(x, 2, return_indices=True)
    against(f"max_unpool{n}d", y, index, 2)
    against(f"max_unpool{n}d", y, index, 2, output_size=(5,) * n)
    against(f"max_unpool{n}d", y, index, 2, output_size=(9,) * n)
    against(f"max_unpool{n}d", y[0], index[0], 2, output_size=(2, 2, *(5,) * n))
    against(f"max_unpool{n}d", y, index, 2, output_size=(1, *(5,) * n))


@pytest.mark.parametrize(
    "name, shape, args",
    [
        ("max_pool2d", (1, 1, 2, 2), (3,)), ("max_pool2d", (1, 1, 4, 4), (2, 1, 2)), ("max_pool2d", (4, 4), (2,)),
        ("max_pool2d", (1, 1, 4, 4), (0,)),
        ("avg_pool2d", (1, 1, 2, 2), (3,)), ("avg_pool2d", (1, 1, 4, 4), (2, 1, 2)),
        ("max_pool2d", (1, 1, 4, 4), ((2, 2, 2),)), ("avg_pool1d", (4,), (2,)),
        ("adaptive_avg_pool2d", (1, 1, 4, 4), ((2, 2, 2),)),
    ],
)  # fmt: skip
def test_errors(name: str, shape: tuple[int, ...], args: Any) -> None:
    against(name, np.ones(shape), *args)


@pytest.mark.parametrize(
    "kwargs", [{}, {"padding_idx": 1}, {"padding_idx": -1}, {"scale_grad_by_freq": True}, {"max_norm": 1.0}]
)
@pytest.mark.parametrize("shape", [(), (3,), (2, 4), (0,), (2, 0)])
def test_embedding(shape: tuple[int, ...], kwargs: dict[str, Any]) -> None:
    index = np.asarray(np.random.default_rng(1).integers(0, 5, shape))
    # a weight that is written in place is no leaf there
    against("embedding", index, draw(5, 3), orders=0 if "max_norm" in kwargs else 2, **kwargs)
    against("embedding", index.astype(np.int32), draw(5, 3), orders=0)


@pytest.mark.parametrize("index", [[0, 5], [-1, 0]])
def test_embedding_errors(index: list[int]) -> None:
    against("embedding", np.array(index), draw(5, 3))
    against("embedding", np.array(index) * 0.0, draw(5, 3))


@pytest.mark.parametrize("mode", ["sum", "mean", "max"])
@pytest.mark.parametrize("kwargs", [{}, {"padding_idx": 2}, {"include_last_offset": True}])
def test_embedding_bag(mode: str, kwargs: dict[str, Any]) -> None:
    index = np.array([0, 2, 4, 2, 1, 3, 3])
    against("embedding_bag", index, draw(5, 3), np.array([0, 2, 2, 7]), mode=mode, orders=1, **kwargs)
    if "include_last_offset" not in kwargs:
        against("embedding_bag", index[:6].reshape(2, 3), draw(5, 3), mode=mode, orders=1, **kwargs)
    if mode == "sum":
        against(
            "embedding_bag",
            index,
            draw(5, 3),
            np.array([0, 2, 2, 7]),
            mode=mode,
            per_sample_weights=draw(7),
            orders=1,
            **kwargs,
        )
