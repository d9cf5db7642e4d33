"""Initial values of parameters: each function fills its tensor in place, unrecorded, and returns it.

fan_in is the number of inputs that one output reads, fan_out the number of outputs that read one input: for a weight
(out, in, *kernel) these are in * prod(kernel) and out * prod(kernel). `generator`: where the numbers come from, the
default generator of `autograd.manual_seed` unless given. Names, defaults and distributions are torch.nn.init's. Within
`skipped()` nothing is drawn: for layers whose values come from a file.
"""

from __future__ import annotations

import functools
import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from statistics import NormalDist
from typing import Any, TypeVar

import numpy as np

from autograd import Tensor
from autograd.errors import ShapeError
from autograd.random import Generator, default_generator

from .module import write

T = TypeVar("T", bound=Tensor)


_skip = ContextVar("_skip", default=False)


@contextmanager
def skipped() -> Iterator[None]:
    """Within it uniform and normal numbers are not drawn: such parameters of new layers hold whatever was in their memory."""
    token = _skip.set(True)
    try:
        yield
    finally:
        _skip.reset(token)


def _fill(tensor: T, values: Any, name: str) -> T:
    write(tensor, values, name)
    return tensor


def _parts(tensor: Tensor) -> tuple[int, ...]:
    """The shape of the real numbers that make up the tensor: of a complex one both parts of each."""
    return (*tensor.shape, 2) if tensor.is_complex() else tuple(tensor.shape)


def _of_parts(tensor: Tensor, values: np.ndarray) -> np.ndarray:
    return values.view(np.complex128)[..., 0] if tensor.is_complex() else values


def _real(name: str, tensor: Tensor) -> None:
    if tensor.is_complex():
        raise TypeError(f"{name}: expected a real tensor, got {tensor.dtype}; fill its real and imag apart")


def _rng(generator: Generator | None) -> np.random.Generator:
    return (generator or default_generator).rng


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """The factor by which a layer's weights should grow so that its nonlinearity keeps the signal's scale.

    linear, conv*, sigmoid: 1; tanh: 5/3; relu: sqrt(2); leaky_relu with slope `param` (0.01): sqrt(2 / (1 + slope**2));
    selu: 3/4. Raises ValueError for another name or a param that is not a number.

    >>> nn.init.calculate_gain("tanh")
    1.6666666666666667
    """
    linear = ("linear", *(f"conv{transposed}{d}d" for transposed in ("", "_transpose") for d in (1, 2, 3)))
    if nonlinearity in linear or nonlinearity == "sigmoid":
        return 1.0
    if nonlinearity == "tanh":
        return 5.0 / 3
    if nonlinearity == "relu":
        return math.sqrt(2.0)
    if nonlinearity == "leaky_relu":
        if isinstance(param, bool) or not isinstance(param, (int, float, type(None))):
            raise ValueError(f"calculate_gain: negative_slope {param} not a valid number")
        return math.sqrt(2.0 / (1 + (0.01 if param is None else param) ** 2))
    if nonlinearity == "selu":
        return 3.0 / 4
    known = ", ".join((*linear, "sigmoid", "tanh", "relu", "leaky_relu", "selu"))
    raise ValueError(f"calculate_gain: unsupported nonlinearity {nonlinearity!r}; expected one of {known}")


def uniform_(tensor: T, a: float = 0.0, b: float = 1.0, generator: Generator | None = None) -> T:
    """Uniform in [a, b).

    >>> nn.init.uniform_(autograd.empty(2)).shape
    Size([2])
    """
    if not a <= b:
        raise ValueError(f"uniform_: expected a <= b, got a={a} and b={b}")
    if _skip.get():  # a large network's numbers take seconds
        return tensor
    return _fill(tensor, _of_parts(tensor, a + (b - a) * _rng(generator).random(_parts(tensor))), "uniform_")


def normal_(tensor: T, mean: float = 0.0, std: float = 1.0, generator: Generator | None = None) -> T:
    """Normal with that mean and standard deviation.

    >>> nn.init.normal_(autograd.empty(2), 0.0, 0.1).shape
    Size([2])
    """
    if not std >= 0:
        raise ValueError(f"normal_: expected std >= 0, got {std}")
    if _skip.get():
        return tensor
    share = 0.5**0.5 if tensor.is_complex() else 1.0  # the variance of a complex number is that of both parts together
    draws = _rng(generator).standard_normal(_parts(tensor))
    return _fill(tensor, mean + std * share * _of_parts(tensor, draws), "normal_")


def trunc_normal_(
    tensor: T, mean: float = 0.0, std: float = 1.0, a: float = -2.0, b: float = 2.0, generator: Generator | None = None
) -> T:
    """Normal, but within [a, b]: what falls outside is drawn again.

    >>> nn.init.trunc_normal_(autograd.empty(2)).shape
    Size([2])
    """
    _real("trunc_normal_", tensor)
    if not a < b or not std > 0:
        raise ValueError(f"trunc_normal_: expected a < b and std > 0, got a={a}, b={b}, std={std}")
    if _skip.get():
        return tensor
    rng, low, high = _rng(generator), (a - mean) / std, (b - mean) / std
    standard = NormalDist()
    # the upper tail seen as the lower one, where the distribution function is exact
    sign = -1.0 if low > 0 else 1.0
    if sign < 0:
        low, high = -high, -low
    p_low, p_high = standard.cdf(low), standard.cdf(high)
    n = tensor.numel()
    if p_high - p_low > 0.1:
        found = np.empty(0)
        while found.size < n:
            draws = rng.standard_normal(int((n - found.size) / (p_high - p_low) * 1.1) + 8)
            found = np.concatenate([found, draws[(draws >= low) & (draws <= high)]])
        values = found[:n]
    else:  # drawing again would take long: invert the distribution function
        values = np.array([standard.inv_cdf(max(p, 5e-324)) for p in rng.uniform(p_low, p_high, n)])
    values = mean + std * sign * values.reshape(tensor.shape)
    return _fill(tensor, np.clip(values, a, b), "trunc_normal_")


def constant_(tensor: T, val: float) -> T:
    """`val` everywhere.

    >>> nn.init.constant_(autograd.empty(2), 3.0)
    tensor([3., 3.])
    """
    return _fill(tensor, val, "constant_")


def ones_(tensor: T) -> T:
    """1 everywhere.

    >>> nn.init.ones_(autograd.empty(2))
    tensor([1., 1.])
    """
    return _fill(tensor, 1.0, "ones_")


def zeros_(tensor: T) -> T:
    """0 everywhere.

    >>> nn.init.zeros_(autograd.empty(2))
    tensor([0., 0.])
    """
    return _fill(tensor, 0.0, "zeros_")


def eye_(tensor: T) -> T:
    """The identity: ones on the diagonal of a matrix, zeros elsewhere.

    >>> nn.init.eye_(autograd.empty(2, 2))
    tensor([[1., 0.],
            [0., 1.]])
    """
    if tensor.ndim != 2:
        raise ShapeError(f"eye_: only tensors with 2 dimensions are supported, got shape {tuple(tensor.shape)}")
    return _fill(tensor, np.eye(*tensor.shape), "eye_")


def dirac_(tensor: T, groups: int = 1) -> T:
    """A convolution's weight (out, in, *kernel) that passes each group's first channels through unchanged.

    >>> nn.init.dirac_(autograd.empty(1, 1, 3))
    tensor([[[0., 1., 0.]]])
    """
    if tensor.ndim not in (3, 4, 5):
        raise ShapeError(
            f"dirac_: only tensors with 3, 4, or 5 dimensions are supported, got shape {tuple(tensor.shape)}"
        )
    out, channels, *kernel = tensor.shape
    if out % groups:
        raise ShapeError(f"dirac_: dim 0 must be divisible by groups, got {out} and groups={groups}")
    values = np.zeros(tensor.shape)
    for group in range(groups):
        for d in range(min(out // groups, channels)):
            values[(group * (out // groups) + d, d, *(k // 2 for k in kernel))] = 1
    return _fill(tensor, values, "dirac_")


def _calculate_fan_in_and_fan_out(tensor: Tensor) -> tuple[int, int]:
    if tensor.ndim < 2:
        raise ShapeError(
            "fan in and fan out can not be computed for a tensor with fewer than 2 dimensions, got shape "
            f"{tuple(tensor.shape)}"
        )
    out, channels, *kernel = tensor.shape
    window = math.prod(kernel)
    return channels * window, out * window


def _fan(tensor: Tensor, mode: str) -> int:
    fan_in, fan_out = _calculate_fan_in_and_fan_out(tensor)
    mode = str(mode).lower()
    if mode not in ("fan_in", "fan_out"):
        raise ValueError(f"kaiming: mode {mode!r} not supported, please use one of fan_in, fan_out")
    return fan_in if mode == "fan_in" else fan_out


_calculate_correct_fan = _fan  # torch's name, for initial distributions of one's own


def xavier_uniform_(tensor: T, gain: float = 1.0, generator: Generator | None = None) -> T:
    """Uniform in (-a, a), a = gain * sqrt(6 / (fan_in + fan_out)). Glorot & Bengio 2010.

    >>> nn.init.xavier_uniform_(autograd.empty(3, 2)).shape
    Size([3, 2])
    """
    bound = gain * math.sqrt(6.0 / max(sum(_calculate_fan_in_and_fan_out(tensor)), 1))
    return uniform_(tensor, -bound, bound, generator)


def xavier_normal_(tensor: T, gain: float = 1.0, generator: Generator | None = None) -> T:
    """Normal with standard deviation gain * sqrt(2 / (fan_in + fan_out)). Glorot & Bengio 2010.

    >>> nn.init.xavier_normal_(autograd.empty(3, 2)).shape
    Size([3, 2])
    """
    std = gain * math.sqrt(2.0 / max(sum(_calculate_fan_in_and_fan_out(tensor)), 1))
    return normal_(tensor, 0.0, std, generator)


def kaiming_uniform_(
    tensor: T,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> T:
    """Uniform in (-b, b), b = gain * sqrt(3 / fan). He et al. 2015, arXiv:1502.01852.

    a: negative slope of the leaky_relu behind the layer. mode: "fan_in" keeps the variance forward, "fan_out" backward.

    >>> nn.init.kaiming_uniform_(autograd.empty(3, 2)).shape
    Size([3, 2])
    """
    if not tensor.numel():
        return tensor
    bound = calculate_gain(nonlinearity, a) * math.sqrt(3.0 / _fan(tensor, mode))
    return uniform_(tensor, -bound, bound, generator)


def kaiming_normal_(
    tensor: T,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> T:
    """Normal with standard deviation gain / sqrt(fan). He et al. 2015; the arguments are `kaiming_uniform_`'s.

    >>> nn.init.kaiming_normal_(autograd.empty(3, 2)).shape
    Size([3, 2])
    """
    if not tensor.numel():
        return tensor
    return normal_(tensor, 0.0, calculate_gain(nonlinearity, a) / math.sqrt(_fan(tensor, mode)), generator)


def orthogonal_(tensor: T, gain: float = 1, generator: Generator | None = None) -> T:
    """gain times a random (semi-)orthogonal matrix, trailing dimensions flattened. Saxe et al. 2013, arXiv:1312.6120.

    Uniform over the orthogonal matrices: QR of a normal matrix, with the signs that make R's diagonal positive.

    >>> nn.init.orthogonal_(autograd.empty(3, 2)).shape
    Size([3, 2])
    """
    _real("orthogonal_", tensor)
    if tensor.ndim < 2:
        raise ShapeError(
            f"orthogonal_: only tensors with 2 or more dimensions are supported, got shape {tuple(tensor.shape)}"
        )
    if not tensor.numel():
        return tensor
    rows = tensor.shape[0]
    flat = _rng(generator).standard_normal((rows, tensor.numel() // rows))
    tall = flat if flat.shape[0] >= flat.shape[1] else flat.T
    q, r = np.linalg.qr(tall)
    q *= np.sign(np.diag(r))
    return _fill(tensor, gain * (q if tall is flat else q.T).reshape(tensor.shape), "orthogonal_")


def sparse_(tensor: T, sparsity: float, std: float = 0.01, generator: Generator | None = None) -> T:
    """Normal with standard deviation `std`, but the fraction `sparsity` (rounded up) of each column 0. Martens 2010.

    >>> nn.init.sparse_(autograd.empty(4, 2), 0.5).shape
    Size([4, 2])
    """
    _real("sparse_", tensor)
    if tensor.ndim != 2:
        raise ShapeError(f"sparse_: only tensors with 2 dimensions are supported, got shape {tuple(tensor.shape)}")
    rows, columns = tensor.shape
    rng = _rng(generator)
    values = std * rng.standard_normal((rows, columns))
    for column in range(columns):
        values[rng.permutation(rows)[: math.ceil(sparsity * rows)], column] = 0
    return _fill(tensor, values, "sparse_")


def _older(name: str) -> Any:
    made = globals()[f"{name}_"]

    @functools.wraps(made)
    def older(*args: Any, **kwargs: Any) -> Tensor:
        warnings.warn(f"nn.init.{name} is now deprecated in favor of nn.init.{name}_.", FutureWarning, stacklevel=2)
        out: Tensor = made(*args, **kwargs)
        return out

    return older


for _name in (
    "uniform", "normal", "constant", "eye", "dirac", "xavier_uniform", "xavier_normal", "kaiming_uniform",
    "kaiming_normal", "orthogonal", "sparse",
):  # fmt: skip
    globals()[_name] = _older(_name)
