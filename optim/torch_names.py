"""What optimizers written for torch import from `torch.optim.optimizer` beside its class."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

import autograd
from autograd import Tensor

ParamsT: TypeAlias = Iterable[Tensor] | Iterable[dict[str, Any]] | Iterable[tuple[str, Tensor]]
# pieces of docstrings
_params_doc = _foreach_doc = _fused_doc = _capturable_doc = _differentiable_doc = _maximize_doc = ""


def _use_grad_for_differentiable(step: Callable[..., Any]) -> Callable[..., Any]:
    """A `step` that records nothing, unless the optimizer's setting `differentiable` asks for it."""

    @functools.wraps(step)
    def recorded_or_not(self: Any, *args: Any, **kwargs: Any) -> Any:
        with autograd.set_grad_enabled(bool(self.defaults.get("differentiable", False))):
            return step(self, *args, **kwargs)

    return recorded_or_not


def _disable_dynamo_if_unsupported(single_tensor_fn: Any = None) -> Callable[..., Any]:
    """A decorator that changes nothing: there is no other compiler here."""
    return lambda function: function


def _default_to_fused_or_foreach(
    params: list[Tensor], differentiable: bool, use_fused: bool = False
) -> tuple[bool, bool]:
    """(fused, foreach): neither, as in torch on a CPU."""
    return False, False


def _get_value(x: Any) -> Any:
    """A number, also of a Tensor of one element."""
    return x.item() if isinstance(x, Tensor) else x


def _to_scalar(x: Any) -> Any:
    """A Tensor of one element without dimensions; what is none, as it is."""
    return x.squeeze() if isinstance(x, Tensor) and x.dim() else x


def _stack_if_compiling(x: Any) -> Any:
    """`x` as it is: there is no other compiler here."""
    return x


def _get_scalar_dtype(is_fused: bool | None = None) -> Any:
    """The dtype of a count of steps: float64 where that is the default one, else float32."""
    wide = is_fused is None and autograd.get_default_dtype() == autograd.float64
    return autograd.float64 if wide else autograd.float32


def _view_as_real(params: Any, *state_and_grads: Any) -> None:
    """Does nothing to parameters that are real."""
