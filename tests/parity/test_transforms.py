"""Resizing beside torch.nn.functional.interpolate, warps beside grid_sample."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as TF

from autograd.kernels.warp import resized_crops, warp
from nn.data.transforms import RandomAffine, Resize


@pytest.mark.parametrize("size", [(7, 9), (40, 51), (12, 3), (1, 1), (30, 10)])
@pytest.mark.parametrize("antialias", [False, True])
def test_resize(size: tuple[int, int], antialias: bool) -> None:
    images = np.random.default_rng(0).random((2, 3, 23, 31))
    want = TF.interpolate(torch.tensor(images), size, mode="bilinear", antialias=antialias).numpy()
    assert np.abs(Resize(size, antialias=antialias)(images) - want).max() < 1e-12
    crops = np.array([[3, 4, 11, 17], [0, 2, 23, 5]])
    for image, (top, left, h, w), got in zip(images, crops, resized_crops(images, crops, size, antialias), strict=True):
        part = torch.tensor(image[None, :, top : top + h, left : left + w])
        want = TF.interpolate(part, size, mode="bilinear", antialias=antialias).numpy()[0]
        assert np.abs(got - want).max() < 1e-12


def test_warps() -> None:
    """grid_sample takes places from -1 to 1; the displacement is added to them."""
    rng = np.random.default_rng(0)
    images, field = rng.random((2, 3, 16, 20)), rng.normal(size=(2, 2, 16, 20)) * 3
    inverse = RandomAffine(50, (0.2, 0.2), (0.6, 1.5), 20, generator=1)._inverse(2, 16, 20)
    y, x = np.indices((16, 20))
    place = np.einsum("nij,jhw->nihw", inverse, np.stack([x, y, np.ones_like(x)])) + field
    grid = (place.transpose(0, 2, 3, 1) + 0.5) / np.array([20, 16]) * 2 - 1
    want = TF.grid_sample(torch.tensor(images), torch.tensor(grid), align_corners=False).numpy()
    assert np.abs(warp(images, inverse, 0.0, None, field) - want).max() < 1e-12
