"""Random numbers: `Generator`, and the default one that `manual_seed` sets."""

from __future__ import annotations

import numpy as np


class Generator:
    """A stream of random numbers with a seed of its own. `rng` is the numpy Generator behind it."""

    def __init__(self, device: str = "cpu") -> None:
        self.manual_seed(0)

    def manual_seed(self, seed: int) -> Generator:
        """Start again from `seed`; returns this generator."""
        self._seed = int(seed)
        self.rng = np.random.Generator(np.random.PCG64(self._seed % 2**64))
        return self

    def initial_seed(self) -> int:
        """The seed it started from."""
        return self._seed


default_generator = Generator()


def manual_seed(seed: int) -> Generator:
    """Seed the default generator, from which everything random is drawn unless told otherwise; returns it."""
    return default_generator.manual_seed(seed)
