"""torch.amp's names: `GradScaler` as in torch, and an `autocast` that leaves every dtype as it is."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from . import dtypes
from .errors import TapeError
from .forms import SparseRows
from .tape import no_grad
from .tensor import Tensor


def _here(what: str, device: str) -> bool:
    """Whether the device is this library's; torch warns and does without where there is no GPU."""
    if device == "cuda":
        warnings.warn(f"{what}: there is no GPU; disabled", UserWarning, stacklevel=3)
    elif device != "cpu":
        raise RuntimeError(f"{what}: expected the device 'cpu' or 'cuda', got {device!r}")
    return device == "cpu"


class autocast:
    """A context or decorator inside which nothing changes: the dtypes below float32 that torch casts to do not exist here.

    >>> with autograd.autocast("cpu"):
    ...     (autograd.ones(2, 2) @ autograd.ones(2, 2)).dtype
    autograd.float32
    """

    def __init__(
        self, device_type: str, dtype: Any = None, enabled: bool = True, cache_enabled: bool | None = None
    ) -> None:
        if enabled:
            _here("autocast", str(device_type))

    def __enter__(self) -> autocast:
        return self

    def __exit__(self, *exc: object) -> None:
        pass

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        return function


def custom_fwd(fwd: Any = None, *, device_type: str = "cuda", cast_inputs: Any = None) -> Any:
    """The forward of a `Function` as it is: there is nothing to cast."""
    return functools.partial(custom_fwd, device_type=device_type) if fwd is None else fwd


def custom_bwd(bwd: Any = None, *, device_type: str = "cuda") -> Any:
    """The backward of a `Function` as it is: there is nothing to cast."""
    return functools.partial(custom_bwd, device_type=device_type) if bwd is None else bwd


def is_autocast_available(device_type: str) -> bool:
    """Whether `autocast` takes the device: "cpu" only."""
    return device_type == "cpu"


def is_autocast_enabled(device_type: str | None = None) -> bool:
    """False: `autocast` changes nothing.

    >>> autograd.is_autocast_enabled()
    False
    """
    return False


def get_autocast_dtype(device_type: str = "cpu") -> Any:
    """The dtype that products have inside `autocast`: the default one.

    >>> autograd.get_autocast_dtype("cpu")
    autograd.float32
    """
    return dtypes.get_default_dtype()


def is_autocast_cpu_enabled() -> bool:
    """False: `autocast` changes nothing.

    >>> autograd.is_autocast_cpu_enabled()
    False
    """
    return False


def get_autocast_cpu_dtype() -> Any:
    """`get_autocast_dtype`, by torch's older name.

    >>> autograd.get_autocast_cpu_dtype()
    autograd.float32
    """
    return get_autocast_dtype()


def get_autocast_gpu_dtype() -> Any:
    """`get_autocast_dtype`: there is no GPU that could have another.

    >>> autograd.get_autocast_gpu_dtype()
    autograd.float32
    """
    return get_autocast_dtype()


def clear_autocast_cache() -> None:
    """Does nothing: there are no weights in another dtype to forget.

    >>> autograd.clear_autocast_cache()
    """


class GradScaler:
    """Scales a loss, divides the gradients by the scale again, and leaves out steps whose gradients are not finite.

    For device "cuda", the default, it is disabled with a warning: `scale` returns what it gets and `step` is the
    optimizer's own. For "cpu" it works as torch's: `update` multiplies the scale by backoff_factor after a step left out
    and by growth_factor after growth_interval steps in a row. RuntimeError for calls out of order.

    >>> scaler = autograd.amp.GradScaler("cpu", init_scale=8.0)
    >>> scaler.scale(autograd.tensor(0.5))
    tensor(4.)
    """

    def __init__(
        self,
        device: str = "cuda",
        init_scale: float = 2.0**16,
        growth_factor: float = 2.0,
        backoff_factor: float = 0.5,
        growth_interval: int = 2000,
        enabled: bool = True,
    ) -> None:
        self._enabled = bool(enabled) and _here("GradScaler", str(device))
        if self._enabled and (growth_factor <= 1.0 or backoff_factor >= 1.0):
            raise AssertionError(
                "GradScaler: expected growth_factor above 1 and backoff_factor below 1, "
                f"got {growth_factor} and {backoff_factor}"
            )
        self._scale, self._growth, self._backoff = float(init_scale), growth_factor, backoff_factor
        self._interval, self._good_steps = growth_interval, 0
        # whether the optimizer's gradients are finite, and whether it has stepped, since the last update
        self._finite: dict[int, bool] = {}
        self._stepped: set[int] = set()

    def is_enabled(self) -> bool:
        """Whether it scales at all."""
        return self._enabled

    def scale(self, outputs: Any) -> Any:
        """The tensor, or each tensor of a list or tuple, times the scale."""
        if not self._enabled:
            return outputs
        if isinstance(outputs, Tensor):
            return outputs * self._scale
        if isinstance(outputs, (list, tuple)):
            return type(outputs)(self.scale(output) for output in outputs)
        raise ValueError(f"GradScaler.scale: expected a Tensor or a list of them, got {type(outputs).__name__}")

    def unscale_(self, optimizer: Any) -> None:
        """Divide the gradients of the optimizer's parameters by the scale, once between two updates."""
        if not self._enabled:
            return
        if id(optimizer) in self._finite:
            raise TapeError("unscale_: already called on this optimizer since the last update(); call it once a step")
        finite = True
        for group in optimizer.param_groups:
            for p in group["params"]:
                if p.grad is None:
                    continue
                if isinstance(p.grad, SparseRows):
                    values = p.grad.rows * (1.0 / self._scale)
                    p.grad = SparseRows(p.grad.indices, values, p.grad.shape)
                else:
                    with no_grad():
                        values = p.grad.mul_(1.0 / self._scale).numpy()
                finite = finite and bool(np.isfinite(values).all())
        self._finite[id(optimizer)] = finite

    def step(self, optimizer: Any, *args: Any, **kwargs: Any) -> Any:
        """The optimizer's step, its gradients divided by the scale; nothing and None where one of them is not finite."""
        if not self._enabled:
            return optimizer.step(*args, **kwargs)
        if "closure" in kwargs:
            raise TapeError("GradScaler.step: a closure is not supported; compute the gradients before")
        if id(optimizer) in self._stepped:
            raise TapeError("GradScaler.step: already called on this optimizer since the last update(); call update()")
        if id(optimizer) not in self._finite:
            self.unscale_(optimizer)
        self._stepped.add(id(optimizer))
        return optimizer.step(*args, **kwargs) if self._finite[id(optimizer)] else None

    def update(self, new_scale: Any = None) -> None:
        """The next scale: the one given, or by the rule above."""
        if not self._enabled:
            return
        if new_scale is not None:
            self._scale = float(new_scale)
        elif not self._finite:
            raise AssertionError("GradScaler.update: no step() since the last update(); call step() first")
        elif all(self._finite.values()):
            self._good_steps += 1
            if self._good_steps == self._interval:
                self._scale, self._good_steps = self._scale * self._growth, 0
        else:
            self._scale, self._good_steps = self._scale * self._backoff, 0
        self._finite, self._stepped = {}, set()

    def get_scale(self) -> float:
        """The scale; 1 where disabled."""
        return self._scale if self._enabled else 1.0

    def state_dict(self) -> dict[str, Any]:
        """Scale, factors and the count of steps since the last change; empty where disabled."""
        if not self._enabled:
            return {}
        return {
            "scale": self._scale,
            "growth_factor": self._growth,
            "backoff_factor": self._backoff,
            "growth_interval": self._interval,
            "_growth_tracker": self._good_steps,
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from a state; nothing where disabled. RuntimeError for an empty state."""
        if not self._enabled:
            return
        if not state_dict:
            raise TapeError("GradScaler.load_state_dict: the state is empty, as that of a disabled GradScaler is")
        self._scale, self._growth, self._backoff = (state_dict[k] for k in ("scale", "growth_factor", "backoff_factor"))
        self._interval, self._good_steps = state_dict["growth_interval"], state_dict["_growth_tracker"]
