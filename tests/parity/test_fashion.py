"""The start of examples/fashion.py's trainings beside torch's, on the real pictures."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.compare_fashion import batches, sides
from examples import fashion
from nn.data import DEBIAN_FASHION_MNIST


@pytest.fixture(scope="module")
def clothes():
    try:
        images, labels, *_ = fashion.pictures(DEBIAN_FASHION_MNIST, validate=False)
    except FileNotFoundError as error:
        pytest.skip(str(error))
    return images[:3200], labels[:3200]


@pytest.mark.parametrize(
    ("model", "double", "size", "part"), [("lenet", False, 32, 0.5), ("lenet", True, 32, 1), ("resnet", True, 16, 1)]
)
def test_first_100_losses(model, double, size, part, clothes):
    """The same weights, batches and optimizer, at (a part of) the example's learning rate: within 1e-3.

    float64 at the full rate, for there rounding grows from step to step so that torch's own float32 parts from its float64.
    """
    images, labels = clothes
    steps = fashion.EPOCHS[model] * (60000 // 128)
    ours, theirs = sides(model, seed=0, steps=steps, lr=part * fashion.LEARNING_RATE[model])
    if double:
        ours.model.double()
        theirs.model.double()
    for x, y in batches(images[: 100 * size], labels[: 100 * size], size, epochs=1, seed=0):
        ours.step(x, y)
        theirs.step(x, y)
    assert len(ours.losses) == 100
    assert np.mean(ours.losses[-20:]) < 0.995 * np.mean(ours.losses[:20])
    np.testing.assert_allclose(ours.losses, theirs.losses, rtol=0, atol=1e-6 if double else 1e-3)
