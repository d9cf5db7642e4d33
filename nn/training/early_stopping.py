"""Stop when the held-out figure no longer improves, and keep the best weights."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

import autograd


class EarlyStopping:
    """Watches a figure of the dev set; says when it has not improved for `patience` checks, and keeps the best weights.

        stopping = EarlyStopping(model, patience=5)
        for epoch in range(100):
            ...
            if stopping.update(dev_loss):
                break
        stopping.restore()

    `mode`: "min" or "max", which is better; an improvement is one of more than `min_delta`. NaN never is. `best`, `best_at`
    (the number of the check, from 0) and `waited` may be read. Without a model no weights are kept.
    Errors: ValueError for the settings. Source: Prechelt 1998, "Early stopping - but when?"
    """

    def __init__(self, model: Any = None, patience: int = 10, min_delta: float = 0.0, mode: str = "min") -> None:
        if patience < 1 or not min_delta >= 0:
            raise ValueError(
                f"EarlyStopping: patience should be at least 1 and min_delta at least 0, got {patience} and {min_delta}"
            )
        if mode not in ("min", "max"):
            raise ValueError(f'EarlyStopping: mode should be "min" or "max", got {mode!r}')
        self.model, self.patience, self.min_delta, self.mode = model, patience, min_delta, mode
        self.best, self.best_at, self.checks = (math.inf if mode == "min" else -math.inf), -1, 0
        self._weights: dict[str, Any] | None = None

    @property
    def waited(self) -> int:
        """Checks since the best one."""
        return self.checks - 1 - self.best_at

    @property
    def stop(self) -> bool:
        """Whether patience is at its end."""
        return self.checks > 0 and self.waited >= self.patience

    def update(self, value: float) -> bool:
        """Take note of a figure; True when it is time to stop."""
        value = float(value)
        gain = self.best - value if self.mode == "min" else value - self.best
        if gain > self.min_delta or (math.isinf(self.best) and not math.isnan(value) and self.best_at < 0):
            self.best, self.best_at = value, self.checks
            if self.model is not None:
                self._weights = {name: np.copy(t.numpy(force=True)) for name, t in self.model.state_dict().items()}
        self.checks += 1
        return self.stop

    def restore(self) -> None:
        """Give the model its best weights back. Raises RuntimeError where none were kept."""
        if self._weights is None:
            raise RuntimeError("EarlyStopping: no weights were kept; pass the model, and call update() first")
        self.model.load_state_dict({name: autograd.from_numpy(np.copy(w)) for name, w in self._weights.items()})

    def state_dict(self) -> dict[str, Any]:
        """Where it stands, the best weights included."""
        return {"best": self.best, "best_at": self.best_at, "checks": self.checks, "weights": self._weights}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from there."""
        self.best, self.best_at, self.checks = (state_dict[name] for name in ("best", "best_at", "checks"))
        weights = state_dict["weights"]
        self._weights = None if weights is None else {name: np.asarray(w) for name, w in weights.items()}
