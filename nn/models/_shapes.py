"""What a network says about a picture that it cannot take."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from autograd import no_grad
from autograd.errors import ShapeError

LARGEST = 512  # sizes above this are not tried


def explain_shapes(forward: Callable[..., Any]) -> Callable[..., Any]:
    """A network's forward whose failures name the wrong channels or size, the layer, and the smallest size that would do.

    The pictures are (N, C, H, W). The sizes are found when a call has failed, by passing empty batches through.
    """

    @wraps(forward)
    def explained(self: Any, x: Any) -> Any:
        shape, name = tuple(x.shape), type(self).__name__
        channels = next(m.in_channels for m in self.modules() if hasattr(m, "in_channels"))
        if len(shape) != 4:
            hint = "; for one picture use x.unsqueeze(0)" if len(shape) == 3 else ""
            raise ShapeError(f"{name}: expected a batch of pictures (N, C, H, W), got shape {shape}{hint}")
        if shape[1] != channels:
            raise ShapeError(
                f"{name}: expected {channels} channels, (N, {channels}, H, W), got {shape[1]} in shape {shape}; convert "
                f"the pictures, or build the network with in_channels={shape[1]}"
            )
        try:
            return forward(self, x)
        except (ValueError, RuntimeError) as error:
            reason = _misfit(self, forward, x)
            if reason is None:
                raise
            raise ShapeError(f"{name}: {reason}") from error

    return explained


def _misfit(model: Any, forward: Callable[..., Any], x: Any) -> str | None:
    """How the size of x does not fit, and which would; None where the size is not what was wrong."""
    shape = tuple(x.shape)
    modes = [(module, module.training) for module in model.modules()]
    try:
        for (
            module,
            _,
        ) in modes:  # the layers as in evaluation: batch norm refuses an empty batch; heads stay as they are
            if next(module.children(), None) is None:
                module.training = False
        with no_grad():
            where = _obstacle(model, forward, x, *shape[2:])
            if where is None:
                return None  # the size is right: something else went wrong
            fitting = next((s for s in range(1, LARGEST) if _obstacle(model, forward, x, s, s) is None), None)
    finally:
        for module, training in modes:
            module.training = training
    size = f"pictures of {shape[2]} x {shape[3]}"
    if fitting is None:
        return f"{size} do not fit: {where}"
    if min(shape[2:]) < fitting:
        return f"{size} are too small: {where}. The smallest that fit are {fitting} x {fitting}"
    return f"{size} do not fit: {where}. Resize them to {fitting} x {fitting}"


def _obstacle(model: Any, forward: Callable[..., Any], x: Any, height: int, width: int) -> str | None:
    """The layer at which an empty batch of that size fails, and how; None where it passes."""
    try:
        forward(model, x.new_zeros((0, x.shape[1], height, width)))
    except (ValueError, RuntimeError) as error:
        trail = error.__dict__.get("_trail", [model])
        name = next((name for name, module in model.named_modules() if module is trail[0]), "")
        return f"at {name!r} ({error})" if name else str(error)
    return None
