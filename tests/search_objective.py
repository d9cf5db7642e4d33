"""An objective that worker processes import by name, and a search that can be killed.

python search_objective.py JOURNAL
"""

from __future__ import annotations

import sys
import time
from typing import Any

import autograd
from nn.training import Choice, LogUniform, ReverseLogUniform, search

SPACE = {"lr": LogUniform(1e-4, 1), "beta": ReverseLogUniform(0.9, 0.999), "layers": Choice([1, 2, 3])}


def objective(config: dict[str, Any]) -> float:
    """Depends on lr above all, and on numbers drawn."""
    if config["lr"] > 0.5:
        raise FloatingPointError("diverged")
    return abs(config["lr"] - 0.03) + 0.01 * config["beta"] + 0.001 * config["layers"] + 1e-4 * autograd.rand(1).item()


def slow(config: dict[str, Any]) -> float:
    time.sleep(0.05)
    return objective(config)


if __name__ == "__main__":
    results = search(slow, SPACE, 24, order="importance", seed=4, workers=2, journal=sys.argv[1])
    print([(t.stage, t.number, t.config, t.value, t.error) for t in results.trials])
