"""Normalisation: batch, layer, group, instance and RMS norm, local response norm, and scaling to unit norm.

Batch norm and layer norm are fused: a kernel pair for the first order, and formulas made of ops, which recompute the
moments, for gradients that are themselves recorded.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
from numpy import ndarray

from .. import dtypes
from ..errors import DTypeError, NumberError, ShapeError
from ..forms import Masked
from ..kernels import group
from ..kernels import norm as kernels
from ..kernels import unit as row_kernels
from ..op import REGISTRY, followed, function, fusible, op
from ..tape import mode, takes_masked
from ..tensor import Tensor
from .arithmetic import pow, rsqrt, true_divide
from .chain import over, times
from .compare import _where, clamp_min
from .pad import pad
from .pool import avg_pool2d
from .reduce import _along_rows, _norm_pull, _vector_norm, sum
from .reduce import mean as average
from .shape import _reshape, reshape

# ------------------------------------------------------------------------------------------------ batch norm


def _per_channel(v: Any, ndim: int) -> Any:
    """(C,) as (C, 1, ...) to go with (N, C, *space)."""
    return reshape(v, (v.shape[0], *(1,) * (ndim - 2)))


def _composed(g: Any, input: Any, weight: Any, mean: Any, var: Any, eps: float, needs: list[bool]) -> list[Any]:
    """The gradients of batch norm out of ops, in input, weight, bias, mean and var; without mean these are the
    batch's."""
    axes, ndim = (0, *range(2, input.ndim)), input.ndim
    if mean is None:
        center = input - average(input, axes, True)
        rstd = rsqrt(average(center * center, axes, True) + eps)
    else:
        center = input - _per_channel(mean, ndim)
        rstd = rsqrt(_per_channel(var, ndim) + eps)
    normal = center * rstd
    gx = g if weight is None else g * _per_channel(weight, ndim)
    moments = [None, None]
    if mean is not None:
        gx = gx * rstd
        moments = [-sum(gx, axes), -0.5 * sum(gx * normal * rstd, axes)]
    elif needs[0]:
        gx = (gx - average(gx, axes, True) - normal * average(gx * normal, axes, True)) * rstd
    return [gx, sum(g * normal, axes) if needs[1] else None, sum(g, axes) if needs[2] else None, *moments]


def _batch_norm_train_pull(g: Any, input: Any, weight: Any, y: Any, eps: float, relu: bool, needs: list[bool]) -> Any:
    if type(g) is ndarray or type(g) is Masked:
        of_norm, mask = g, None
        if type(g) is Masked:
            of_norm, mask = g.g, g.output
            if relu and mask is not None:  # the bits that this very operation has kept
                mask = y[4]
        needed = needs[0], needs[1], needs[2]
        gradients = kernels.batch_norm_backward(of_norm, input, weight, y[1], y[3], True, needed, mask)  # type: ignore[arg-type]
        return *gradients, g
    return *_composed(g, input, weight, None, None, eps, needs)[:3], g


@op(
    joint=_batch_norm_train_pull,
    n_inputs=4,
    aux=2,
    hidden=2,
    samples=lambda s: [
        (s(4, 3), s(3), s(3), None, 1e-5), (s(2, 3, 2, 3), None, None, None, 1e-3), (s(3, 2, 4), s(2), None, None, 1e-5),
        (s(2, 3, 2, 3), s(3), s(3), s(2, 3, 2, 3), 1e-5),
    ],
)  # fmt: skip
def _batch_norm_train(input: Any, weight: Any, bias: Any, residual: Any, eps: float, relu: bool = False) -> Any:
    """Normalised by the batch's moments, plus residual, clipped below at 0 with relu; also what the kernel
    returns besides: mean, biased variance, 1/std and bits.
    """
    return kernels.batch_norm_train(input, weight, bias, eps, relu, residual)


takes_masked.add(REGISTRY["_batch_norm_train"])


def _batch_norm_eval_pull(g: Any, input: Any, weight: Any, mean: Any, var: Any, eps: float, needs: list[bool]) -> Any:
    of_norm, output = (g.g, g.output) if type(g) is Masked else (g, None)
    if type(of_norm) is not ndarray or needs[3] or needs[4]:
        g = g.array() if type(g) is Masked else g
        return [*_composed(g, input, weight, mean, var, eps, needs), g]
    rstd, needed = 1 / np.sqrt(var + eps), (needs[0], needs[1], needs[2])
    return [*kernels.batch_norm_backward(of_norm, input, weight, mean, rstd, False, needed, output), None, None, g]


@op(
    joint=_batch_norm_eval_pull,
    n_inputs=6,
    samples=lambda s: [
        (s(4, 3), s(3), s(3), s(3), s.positive(3), None, 1e-5),
        (s(2, 3, 2, 3), None, None, s(3), s.positive(3), None, 1e-3),
        (s(2, 3, 2, 3), s(3), s(3), s(3), s.positive(3), s(2, 3, 2, 3), 1e-3),
    ],
)
def _batch_norm_eval(
    input: Any, weight: Any, bias: Any, mean: Any, var: Any, residual: Any, eps: float, relu: bool = False
) -> Any:
    """Normalised by given moments, plus residual, clipped below at 0 with relu."""
    return kernels.batch_norm_eval(input, weight, bias, mean, var, eps, relu, residual)


takes_masked.add(REGISTRY["_batch_norm_eval"])


def _vector(name: str, argument: str, v: Any, n: int, dtype: np.dtype) -> None:
    """Check a value a channel."""
    if v is None:
        return
    array = _array(v)
    if array.shape == (n,) and array.dtype is dtype:
        return
    if array.shape != (n,):
        raise ShapeError(
            f"{name}: {argument} has shape {tuple(v.shape)}; expected ({n},), one value a channel of the input"
        )
    if array.dtype != dtype:
        raise DTypeError(f"{name}: {argument} is {v.dtype} and input {dtype}; expected one dtype, cast with to()")


def _floating(name: str, input: Any) -> None:
    if input.dtype.kind != "f":
        raise DTypeError(f"{name}: input is {input.dtype}; expected float32 or float64, cast it with to()")


def _update(running: Any, value: ndarray, momentum: float, factor: float = 1.0) -> None:
    """running = (1 - momentum) running + momentum factor value, in place, seen by version counters."""
    array = running.numpy_view() if isinstance(running, Tensor) else running
    array *= 1 - momentum
    array += value * (momentum * factor)
    if isinstance(running, Tensor):
        running._cell.written("batch_norm")


def _array(x: Any) -> ndarray:
    return x.numpy_view() if isinstance(x, Tensor) else x


@function(
    method=False,
    samples=lambda s: [
        (s(4, 3), None, None, s(3), s(3), True), (s(2, 3, 2, 3), np.zeros(3), np.ones(3), s(3), s(3), False, 0.1, 1e-3),
    ],
)  # fmt: skip
def batch_norm(
    input: Any, running_mean: Any, running_var: Any, weight: Any = None, bias: Any = None, training: bool = False,
    momentum: float = 0.1, eps: float = 1e-5, *, activation: str | None = None, residual: Any = None,
) -> Any:  # fmt: skip
    """Each channel of input (N, C, *) normalised over batch and space, times weight (C,), plus bias (C,).

    training: by the batch's moments, and running_mean, running_var (C,) move towards them, in place, by `momentum` (the
    variance unbiased); else by the running ones. In the same pass over memory, residual, of the shape and dtype of input,
    is added, and activation, None or "relu", taken of the result.
    Source: Ioffe and Szegedy, https://arxiv.org/abs/1502.03167. Raises
    ShapeError, DTypeError, and ValueError for a single value a channel in training.

    >>> autograd.batch_norm(autograd.tensor([[1.0], [3.0]]), None, None, training=True)
    tensor([[-1.0000],
            [ 1.0000]])
    """
    shape, dtype = tuple(input.shape), _array(input).dtype
    if len(shape) < 2 and shape != (0,):
        raise ShapeError(f"batch_norm: input has shape {shape}; expected (N, C, *)")
    _floating("batch_norm", input)
    if len(shape) < 2:  # nothing, and no channels
        return input * 1.0
    if eps < 0 or (training and not eps > 0):
        raise NumberError(
            f"batch_norm: eps is {eps}; expected {'more than 0 in training' if training else '0 or more'}"
        )
    relu = activation is not None and fusible("batch_norm", activation)
    C, size = shape[1], prod(shape)
    _vector("batch_norm", "weight", weight, C, dtype)
    _vector("batch_norm", "bias", bias, C, dtype)
    for argument, v in (("running_mean", running_mean), ("running_var", running_var)):
        if v is not None:
            _vector("batch_norm", argument, v, C, _array(v).dtype)
            if training and _array(v).dtype == dtypes.float64 != dtype:
                raise DTypeError(f"batch_norm: {argument} is {v.dtype} and input {dtype}; expected one dtype")
    if residual is not None and (residual.shape != shape or _array(residual).dtype != dtype):
        raise ShapeError(
            f"batch_norm: residual is {residual.dtype} {tuple(residual.shape)}; expected {dtype} {shape}, as input"
        )
    if not size and C and (training or running_mean is not None):  # no value: the moments stay as they are
        return _affine(input * 1.0 if residual is None else input * residual, weight, bias)
    if not training:
        if running_mean is None or running_var is None:
            raise ShapeError("batch_norm: running_mean and running_var are needed unless training=True")
        if running_mean.dtype != dtype:
            raise DTypeError(f"batch_norm: running_mean is {running_mean.dtype} and input {dtype}; expected one dtype")
        return _behind(
            _batch_norm_eval(input, weight, bias, running_mean, running_var, residual, float(eps), relu),
            activation,
            relu,
        )
    count = size // max(C, 1)
    if count <= 1 and C:
        raise ShapeError(
            f"batch_norm: expected more than 1 value per channel when training, got input of shape {shape}"
        )
    y, mean, var = _batch_norm_train(input, weight, bias, residual, float(eps), relu)[:3]
    if running_mean is not None:
        _update(running_mean, _array(mean), momentum)
    if running_var is not None:
        _update(running_var, _array(var), momentum, count / (count - 1))
    return _behind(y, activation, relu)


def _behind(y: Any, activation: str | None, taken: bool) -> Any:
    """The activation of y, which y's own op has `taken` or which is still to be taken."""
    if activation is None:
        return y
    return followed(y, activation) if taken else REGISTRY[activation].call(y)


# ------------------------------------------------------------------------------------------------ layer norm


def _layer_norm_pull(g: Any, input: Any, weight: Any, y: Any, n: int, eps: float, needs: list[bool]) -> Any:
    shape = tuple(input.shape)
    g, x = _reshape(g, (-1, prod(shape[-n:]))), _reshape(input, (-1, prod(shape[-n:])))
    scale = None if weight is None else _reshape(weight, (-1,))
    if type(g) is ndarray:
        parts: Any = kernels.layer_norm_backward(g, x, scale, y[1], y[2])
    else:
        center = x - average(x, 1, True)
        rstd = rsqrt(average(center * center, 1, True) + eps)
        normal = center * rstd
        gx = g if scale is None else g * scale
        gx = (gx - average(gx, 1, True) - normal * average(gx * normal, 1, True)) * rstd
        parts = gx, sum(g * normal, 0) if needs[1] else None, sum(g, 0) if needs[2] else None
    shapes = shape, shape[-n:], shape[-n:]
    return [_reshape(part, to) if need else None for part, to, need in zip(parts, shapes, needs, strict=True)]


@op(
    joint=_layer_norm_pull,
    n_inputs=3,
    hidden=2,
    samples=lambda s: [
        (s(4, 3), s(3), s(3), 1, 1e-5), (s(2, 5), None, None, 1, 1e-3), (s(2, 5), s(5), None, 1, 1e-3),
        (s(2, 3, 2), s(3, 2), s(3, 2), 2, 1e-3),
    ],
)  # fmt: skip
def _layer_norm(input: Any, weight: Any, bias: Any, n: int, eps: float) -> Any:
    """The last n dimensions normalised together; also each such row's mean and 1/std."""
    shape = input.shape
    scale, shift = (None if v is None else v.reshape(-1) for v in (weight, bias))
    y, mean, rstd = kernels.layer_norm(_reshape(input, (-1, prod(shape[-n:]))), scale, shift, eps)
    return y.reshape(shape), mean, rstd


def _normal_shape(name: str, input: Any, normalized_shape: Any, **arguments: Any) -> tuple[int, ...]:
    if isinstance(normalized_shape, int):
        raise TypeError(f"{name}: normalized_shape is {normalized_shape}; expected a tuple or list of ints")
    shape, given, dtype = tuple(normalized_shape), tuple(input.shape), _array(input).dtype
    if not shape or given[-len(shape) :] != shape:
        raise ShapeError(f"{name}: input has shape {given}; its last dimensions should be normalized_shape {shape}")
    if dtype.kind != "f":
        _floating(name, input)
    for argument, v in arguments.items():
        if v is None:
            continue
        held = _array(v)
        if held.shape != shape:
            raise ShapeError(f"{name}: {argument} has shape {held.shape}; expected normalized_shape {shape}")
        if held.dtype != dtype:
            raise DTypeError(
                f"{name}: {argument} is {v.dtype} and input {input.dtype}; expected one dtype, cast with to()"
            )
    return shape


@function(
    method=False,
    samples=lambda s: [
        (s(4, 3), (3,), s(3), s(3)), (s(2, 3, 4), (3, 4)), (s(2, 3, 4), (4,), s(4), None, 1e-3),
        (s(0, 3), (3,), s(3), s(3)),
    ],
)  # fmt: skip
def layer_norm(input: Any, normalized_shape: Any, weight: Any = None, bias: Any = None, eps: float = 1e-5) -> Any:
    """The last dimensions of input, which are normalized_shape, normalised together, times weight, plus bias (of that
    shape).

    Source: Ba et al., https://arxiv.org/abs/1607.06450. Raises ShapeError, DTypeError.

    >>> autograd.layer_norm(autograd.tensor([[1.0, 3.0]]), (2,))
    tensor([[-1.0000,  1.0000]])
    """
    shape = _normal_shape("layer_norm", input, normalized_shape, weight=weight, bias=bias)
    if 0 in input.shape:
        return input * 1.0
    return _layer_norm(input, weight, bias, len(shape), float(eps))[0]


def _rms_pull(g: Any, input: Any, y: Any, n: int, eps: float) -> Any:
    shape = tuple(input.shape)
    if type(g) is ndarray and type(input) is ndarray:
        rows = (-1, prod(shape[-n:]))
        return row_kernels.scaled_backward(g.reshape(rows), input.reshape(rows), y[1], eps, True).reshape(shape)
    axes = tuple(range(-n, 0))
    rstd = rsqrt(average(input * input, axes, True) + eps)
    return g * rstd - input * (rstd * rstd * rstd * average(g * input, axes, True))


@op(
    lambda g, input, y, n, eps: _rms_pull(g, input, y, n, eps),
    hidden=1,
    samples=lambda s: [(s(4, 3), 1, 1e-5), (s(2, 3, 4), 2, 1e-3)],
)
def _rms_norm(input: Any, n: int, eps: float) -> Any:
    """The last n dimensions over their root mean square; also 1 over that, a number a row."""
    y, rstd = row_kernels.scaled(input.reshape(-1, prod(input.shape[-n:])), eps, True)
    return y.reshape(input.shape), rstd


@function(
    method=False,
    samples=lambda s: [(s(4, 3), (3,), s(3)), (s(2, 3, 4), (3, 4)), (s(2, 4), [4], s(4), 1e-3)],
)
def rms_norm(input: Any, normalized_shape: Any, weight: Any = None, eps: float | None = None) -> Any:
    """The last dimensions of input, which are normalized_shape, divided by their root mean square, times weight.

    eps is added to the mean square; by default the dtype's smallest step from 1. Source: Zhang and Sennrich,
    https://arxiv.org/abs/1910.07467. Raises ShapeError, DTypeError.

    >>> autograd.rms_norm(autograd.tensor([[3.0, 4.0]]), (2,))
    tensor([[0.8485, 1.1314]])
    """
    shape = _normal_shape("rms_norm", input, normalized_shape, weight=weight)
    eps = float(np.finfo(input.dtype).eps) if eps is None else float(eps)
    y = input * 1.0 if 0 in input.shape else _rms_norm(input, len(shape), eps)[0]
    return y if weight is None else y * weight


# ------------------------------------------------------------------------------------------------ groups of channels


def _group_norm_pull(g: Any, input: Any, weight: Any, y: Any, groups: int, eps: float, needs: list[bool]) -> Any:
    shape = tuple(input.shape)
    N, C, S = *shape[:2], prod(shape[2:])
    g, x = _reshape(g, (N, C, S)), _reshape(input, (N, C, S))
    if type(g) is ndarray and type(x) is ndarray:
        gx, *others = group.group_norm_backward(g, x, weight, y[1], y[2])
        return _reshape(gx, shape), *others
    grouped = (N, groups, C // groups * S)
    x = reshape(x, grouped)
    center = x - average(x, 2, True)
    rstd = rsqrt(average(center * center, 2, True) + eps)
    normal = center * rstd
    gx = reshape(g if weight is None else g * reshape(weight, (C, 1)), grouped)
    gx = (gx - average(gx, 2, True) - normal * average(gx * normal, 2, True)) * rstd
    gw = sum(g * reshape(normal, (N, C, S)), (0, 2)) if needs[1] else None
    return [reshape(gx, shape), gw, sum(g, (0, 2)) if needs[2] else None]


@op(
    joint=_group_norm_pull,
    n_inputs=3,
    hidden=2,
    samples=lambda s: [
        (s(2, 4, 3), s(4), s(4), 2, 1e-5),
        (s(2, 6, 1), None, None, 3, 1e-3),
        (s(3, 2, 2, 2), s(2), None, 2, 1e-3),
    ],
)
def _group_norm(input: Any, weight: Any, bias: Any, groups: int, eps: float) -> Any:
    """Groups of channels of (N, C, *) normalised; also their mean and 1/std."""
    shape = input.shape
    y, mean, rstd = group.group_norm(_reshape(input, (*shape[:2], prod(shape[2:]))), weight, bias, groups, eps)
    return _reshape(y, shape), mean, rstd


def _grouped(name: str, input: Any, groups: int, weight: Any, bias: Any, eps: float) -> Any:
    """`_group_norm` of checked arguments."""
    shape, dtype = tuple(input.shape), _array(input).dtype
    N, C, *space = shape
    _floating(name, input)
    _vector(name, "weight", weight, C, dtype)
    _vector(name, "bias", bias, C, dtype)
    if 0 in shape:
        return _affine(input * 1.0, weight, bias)
    S = prod(space)
    if S >= 8:
        return _group_norm(input, weight, bias, groups, float(eps))[0]
    rows = reshape(input, (N * groups, C // groups * S))
    return _affine(reshape(_layer_norm(rows, None, None, 1, float(eps))[0], shape), weight, bias)


def _affine(y: Any, weight: Any, bias: Any) -> Any:
    """y (N, C, *) times weight (C,), plus bias (C,), where there are such."""
    if weight is not None:
        y = y * _per_channel(weight, y.ndim)
    return y if bias is None else y + _per_channel(bias, y.ndim)


@function(
    method=False,
    samples=lambda s: [(s(2, 4, 3), 2, s(4), s(4)), (s(3, 6), 3), (s(1, 4, 2, 2), 4, s(4), None, 1e-3)],
)
def group_norm(input: Any, num_groups: int, weight: Any = None, bias: Any = None, eps: float = 1e-5) -> Any:
    """Each of num_groups groups of channels of each example of input (N, C, *) normalised, times weight (C,), plus
    bias (C,).

    Source: Wu and He, https://arxiv.org/abs/1803.08494. Raises ShapeError, DTypeError.

    >>> autograd.group_norm(autograd.tensor([[1.0, 3.0, 10.0, 30.0]]), 2)
    tensor([[-1.0000,  1.0000, -1.0000,  1.0000]])
    """
    shape = tuple(input.shape)
    if len(shape) < 2:
        raise ShapeError(f"group_norm: input has shape {shape}; expected (N, C, *)")
    if num_groups < 1 or shape[1] % num_groups:
        raise ShapeError(f"group_norm: {shape[1]} channels cannot be divided into num_groups={num_groups}")
    if prod(shape) == num_groups:
        raise ShapeError(
            f"group_norm: expected more than 1 value per group, got input of shape {shape} in {num_groups} groups"
        )
    return _grouped("group_norm", input, num_groups, weight, bias, eps)


@function(
    method=False,
    samples=lambda s: [
        (s(2, 3, 4), None, None, s(3), s(3)),
        (s(2, 2, 3, 2), np.zeros(2), np.ones(2), s(2), s(2), False),
    ],
)
def instance_norm(
    input: Any, running_mean: Any = None, running_var: Any = None, weight: Any = None, bias: Any = None,
    use_input_stats: bool = True, momentum: float = 0.1, eps: float = 1e-5,
) -> Any:  # fmt: skip
    """Each channel of each example of input (N, C, *) normalised over space, times weight (C,), plus bias (C,).

    use_input_stats: by its own moments, whose mean over the batch moves the running ones, in place, by `momentum`;
    else by the running ones. Source: Ulyanov et al., https://arxiv.org/abs/1607.08022. Raises ShapeError, DTypeError.

    >>> autograd.instance_norm(autograd.tensor([[[1.0, 3.0]]]))
    tensor([[[-1.0000,  1.0000]]])
    """
    if input.ndim < 2:
        raise ShapeError(f"instance_norm: input has shape {tuple(input.shape)}; expected (N, C, *)")
    if not use_input_stats:
        return batch_norm(input, running_mean, running_var, weight, bias, False, momentum, eps)
    space = prod(input.shape[2:])
    if space <= 1:
        raise ShapeError(
            f"instance_norm: expected more than 1 spatial element when training, got input of shape "
            f"{tuple(input.shape)}"
        )
    _floating("instance_norm", input)
    for argument, v in (("running_mean", running_mean), ("running_var", running_var)):
        _vector("instance_norm", argument, v, input.shape[1], _array(input).dtype)
    if running_mean is not None or running_var is not None:
        x = _array(input).reshape(*input.shape[:2], space)
        if running_mean is not None:
            _update(running_mean, x.mean(2).mean(0), momentum)
        if running_var is not None:
            _update(running_var, x.var(2, ddof=1).mean(0), momentum)
    return _grouped("instance_norm", input, input.shape[1], weight, bias, eps)


# ------------------------------------------------------------------------------------------------ others


@function(method=False, samples=lambda s: [(s(2, 5, 3), 3), (s(2, 4, 2, 3), 2, 0.1, 0.5, 2.0), (s(1, 3, 2, 2, 2), 5)])
def local_response_norm(input: Any, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> Any:
    """input (N, C, *) over (k + alpha times the mean square of `size` neighbouring channels) ** beta.

    Source: Krizhevsky et al. 2012, section 3.3; the sum is divided by size as in torch. Raises ShapeError.

    >>> autograd.local_response_norm(autograd.ones(1, 2, 1), 2).shape
    Size([1, 2, 1])
    """
    if input.ndim < 3:
        raise ShapeError(
            f"local_response_norm: input has shape {tuple(input.shape)}; expected (N, C, *) of at least 3 dimensions"
        )
    _floating("local_response_norm", input)
    if not prod(input.shape):
        return input * 1.0
    N, C = input.shape[:2]
    squares = reshape(input * input, (N, 1, C, prod(input.shape[2:])))
    squares = avg_pool2d(pad(squares, (0, 0, size // 2, (size - 1) // 2)), (size, 1), 1)
    return input / pow(reshape(squares, tuple(input.shape)) * alpha + k, beta)


FEW = 1 << 14  # elements from which several operations, which free what they have used, are quicker than one


def unit(x: Any, p: float, dim: Any, eps: float) -> tuple[Any, Any]:
    """x over its p-norm along `dim`, or over eps where that is larger; and the norm."""
    norm = _vector_norm(x, p, dim, True)
    return true_divide(x, clamp_min(norm, eps)), norm


def unit_pull(g: Any, x: Any, norm: Any, p: float, dim: Any, eps: float) -> Any:
    """The gradient in x of the first of `unit`."""
    least = clamp_min(norm, eps)
    slope = sum(-times(g, over(over(x, least), least)), dim, True)
    gx, through_norm = over(g, least), _norm_pull(_where(norm >= eps, slope, 0.0), x, p, dim, True, norm)
    return np.add(gx, through_norm, out=gx) if type(gx) is ndarray else gx + through_norm


def _by_rows(x: Any, p: float, dim: Any, eps: float) -> bool:
    """Whether kernels make rows of x of unit length."""
    return p == 2 and eps > 0 and _along_rows(x, dim)


def _normalize_pull(g: Any, input: Any, p: float, dim: Any, eps: float, y: Any) -> Any:
    if type(g) is not ndarray:
        return unit_pull(g, input, _vector_norm(input, p, dim, True), p, dim, eps)
    if _by_rows(input, p, dim, eps):
        rows = (-1, input.shape[-1])
        gx = row_kernels.scaled_backward(g.reshape(rows), input.reshape(rows), y[1], eps, False)
        return gx.reshape(input.shape)
    return unit_pull(g, input, y[1], p, dim, eps)


@op(
    lambda g, input, p, dim, eps, y: _normalize_pull(g, input, p, dim, eps, y),
    hidden=1,
    samples=lambda s: [(s(3, 4), 2.0, 1, 1e-12), (s(3, 4), 3.0, 0, 1.5), (s(2, 3), 1.0, (0, 1), 0.0)],
)
def _normalize(input: Any, p: float, dim: Any, eps: float) -> Any:
    """`unit` in one operation."""
    if _by_rows(input, p, dim, eps):
        y, norm = row_kernels.scaled(input.reshape(-1, input.shape[-1]), eps, False)
        return y.reshape(input.shape), norm.reshape(*input.shape[:-1], 1)
    return unit(input, p, dim, eps)


@function(method=False, samples=lambda s: [(s(3, 4),), (s(2, 3, 2), 1.0, -1), (s(2, 3), 3.0, 0), (s(5), 2.0, 0)])
def normalize(input: Any, p: float = 2.0, dim: Any = 1, eps: float = 1e-12) -> Any:
    """input over its p-norm along `dim`, or over eps where that is larger.

    >>> autograd.normalize(autograd.tensor([[3.0, 4.0]]))
    tensor([[0.6000, 0.8000]])
    """
    rows = p == 2 and eps > 0 and type(dim) is int and dim in (-1, len(input.shape) - 1)
    if mode.ties or (prod(input.shape) >= FEW and not rows):  # the rule for ties is the affair of each operation
        return unit(input, p, dim, eps)[0]
    return _normalize(input, p, dim, eps)[0]
