"""torch's comparison: central differences with a given step and given tolerances."""

from __future__ import annotations

from typing import Any

import numpy as np

from .verify import Map


class GradcheckError(RuntimeError):
    """A gradient that contradicts the values, or a function that cannot be checked. report: the `Report`, where there
    is one.
    """

    def __init__(self, message: str, report: Any = None) -> None:
        super().__init__(message)
        self.report = report


def plain_gradcheck(map: Map, eps: float, atol: float, rtol: float) -> None:
    """Raise GradcheckError unless |analytic - numeric| <= atol + rtol * |numeric| in every entry of the Jacobian."""
    m = map.forward().size
    rows = [map.pull(unit) for unit in np.eye(m)]
    for k, x in enumerate(map.arrays):
        for j, place in enumerate(np.ndindex(x.shape)):
            before = x[place].copy()
            x[place] = before + eps
            up = map.forward()
            x[place] = before - eps
            down = map.forward()
            x[place] = before
            numeric = (up - down) / (2 * eps)
            analytic = np.array([0.0 if r[k] is None else np.asarray(r[k]).reshape(-1)[j] for r in rows])
            wrong = ~(np.abs(analytic - numeric) <= atol + rtol * np.abs(numeric))
            if wrong.any():
                i = int(np.argmax(wrong))
                at, index = map.place(i)
                raise GradcheckError(
                    f"gradcheck: output {at}{list(index)} with respect to {map.names[k]}{list(place)}: "
                    f"analytic {analytic[i]:.8g}, numeric {numeric[i]:.8g}; {int(wrong.sum())} of {m} outputs differ"
                )
