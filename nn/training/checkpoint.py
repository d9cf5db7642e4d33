"""Save a whole run and go on with it, to the bit."""

from __future__ import annotations

import os
import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

import autograd
from nn.data.sampler import generator_state, set_generator_state

_FORMAT = 1


class Checkpoint:
    """A file that holds a run: its parts, every random state, and values of your own.

        checkpoint = Checkpoint("runs/last.checkpoint", model=model, optimizer=optimizer, schedule=schedule,
                                loader=loader, augment=augment)
        held = checkpoint.load() or {"epoch": 0, "step": 0, "losses": []}
        for epoch in range(held["epoch"], epochs):
            for x, y in loader:                          # goes on in the middle of the epoch
                ...
                checkpoint.save(epoch=epoch, step=step, losses=losses)

    A part is anything with `state_dict` and `load_state_dict` (modules, optimizers, schedules, the DataLoader, transforms,
    metrics, EarlyStopping), or a generator (autograd's or numpy's). The default generator and those of numpy and of Python
    are always saved, so dropout and shuffling go on with the same numbers. Gradients are not saved: save after the
    optimizer's step. Values: what `autograd.save` takes.

    The file is replaced only by a whole new one, on disk: a run may be killed at any moment.
    """

    def __init__(self, path: str | os.PathLike[str], **parts: Any) -> None:
        self.path = Path(path)
        self.parts = parts
        for name, part in parts.items():
            stated = hasattr(part, "state_dict") and hasattr(part, "load_state_dict")
            if not stated and not _is_generator(part):
                raise TypeError(
                    f"Checkpoint: part {name!r} is a {type(part).__name__}, which has no state_dict and load_state_dict; "
                    "numbers and lists go into save(...)"
                )

    def save(self, **values: Any) -> None:
        """Write parts, random states and `values`; the old file stays until the new one is whole."""
        held = {
            "format": _FORMAT,
            "parts": {
                name: {"random": generator_state(part)} if _is_generator(part) else {"state": _plain(part.state_dict())}
                for name, part in self.parts.items()
            },
            "random": {
                "default": autograd.get_rng_state(),
                "numpy": np.random.get_state(),
                "python": random.getstate(),
            },
            "values": values,
        }
        self.path.parent.mkdir(parents=True, exist_ok=True)
        autograd.save(held, self.path)

    def load(self) -> dict[str, Any] | None:
        """Put every part and random state back; returns the values, or None where there is no file yet.

        Raises ValueError for a file that is damaged or holds other parts, before anything is changed; a part that does not
        fit raises its own error. Files that a killed save left unfinished are removed.
        """
        for unfinished in self.path.parent.glob(f".{self.path.name}.*"):
            unfinished.unlink()
        if not self.path.exists():
            return None
        held = autograd.load(self.path)
        if not isinstance(held, dict) or held.get("format") != _FORMAT:
            raise ValueError(f"Checkpoint: {self.path} is not a checkpoint of this version; expected what save() wrote")
        if set(held["parts"]) != set(self.parts):
            raise ValueError(
                f"Checkpoint: {self.path} holds the parts {sorted(held['parts'])}, expected {sorted(self.parts)}"
            )
        for name, part in self.parts.items():
            state = held["parts"][name]
            if ("random" in state) != _is_generator(part):
                raise ValueError(
                    f"Checkpoint: part {name!r} of {self.path} is of another kind than {type(part).__name__}"
                )
            if "random" in state:
                set_generator_state(part, state["random"])
            else:
                part.load_state_dict(state["state"])
        states = held["random"]
        autograd.set_rng_state(states["default"])
        name, keys, *rest = states["numpy"]
        np.random.set_state((name, np.asarray(keys.numpy()), *rest))
        random.setstate(states["python"])
        return held["values"]


def _is_generator(part: Any) -> bool:
    return isinstance(part, (autograd.Generator, np.random.Generator))


def _plain(state: Any) -> Any:
    """A state with the kinds that a file can hold: other sequences become lists, other mappings dicts."""
    if isinstance(state, Mapping):
        return {key: _plain(value) for key, value in state.items()}
    if isinstance(state, tuple):
        return tuple(_plain(value) for value in state)
    if isinstance(state, (list, set)):
        return [_plain(value) for value in state]
    return state
