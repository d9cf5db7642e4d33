"""Activations. Each is applied to every element, (*) to (*), unless its docstring says otherwise."""

from __future__ import annotations

from typing import Any

from autograd import Tensor
from autograd.errors import CheckedError, ShapeError

from . import functional as F
from . import init
from .linear import parameter
from .module import Module


class _Inplace(Module):
    """An activation without settings; inplace: write the result over the input."""

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace

    def extra_repr(self) -> str:
        return "inplace=True" if self.inplace else ""


class ReLU(_Inplace):
    """max(x, 0). Gradient 0 at 0.

    >>> nn.ReLU()(autograd.tensor([-2.0, 1.0]))
    tensor([0., 1.])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.relu(input, self.inplace)


class ReLU6(_Inplace):
    """min(max(x, 0), 6).

    >>> nn.ReLU6()(autograd.tensor([-2.0, 1.0]))
    tensor([0., 1.])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.relu6(input, self.inplace)


class SELU(_Inplace):
    """scale * (max(0, x) + min(0, alpha (e^x - 1))), scale 1.0507..., alpha 1.6733...

    Klambauer et al. 2017, arXiv:1706.02515.

    >>> nn.SELU()(autograd.tensor([-2.0, 1.0]))
    tensor([-1.5202,  1.0507])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.selu(input, self.inplace)


class SiLU(_Inplace):
    """x * sigmoid(x), also called swish.

    >>> nn.SiLU()(autograd.tensor([-2.0, 1.0]))
    tensor([-0.2384,  0.7311])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.silu(input, self.inplace)


class Mish(_Inplace):
    """x * tanh(softplus(x)). Misra 2019, arXiv:1908.08681.

    >>> nn.Mish()(autograd.tensor([-2.0, 1.0]))
    tensor([-0.2525,  0.8651])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.mish(input, self.inplace)


class Hardswish(_Inplace):
    """x * relu6(x + 3) / 6. Howard et al. 2019, arXiv:1905.02244.

    >>> nn.Hardswish()(autograd.tensor([-2.0, 1.0]))
    tensor([-0.3333,  0.6667])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.hardswish(input, self.inplace)

    def extra_repr(self) -> str:
        return ""


class Hardsigmoid(_Inplace):
    """relu6(x + 3) / 6.

    >>> nn.Hardsigmoid()(autograd.tensor([-2.0, 1.0]))
    tensor([0.1667, 0.6667])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.hardsigmoid(input, self.inplace)

    def extra_repr(self) -> str:
        return ""


class Sigmoid(Module):
    """1 / (1 + e^-x).

    >>> nn.Sigmoid()(autograd.tensor([-2.0, 1.0]))
    tensor([0.1192, 0.7311])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.sigmoid(input)


class Tanh(Module):
    """The hyperbolic tangent.

    >>> nn.Tanh()(autograd.tensor([-2.0, 1.0]))
    tensor([-0.9640,  0.7616])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.tanh(input)


class LogSigmoid(Module):
    """log(1 / (1 + e^-x)), without overflow.

    >>> nn.LogSigmoid()(autograd.tensor([-2.0, 1.0]))
    tensor([-2.1269, -0.3133])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.logsigmoid(input)


class Softsign(Module):
    """x / (1 + |x|).

    >>> nn.Softsign()(autograd.tensor([-2.0, 1.0]))
    tensor([-0.6667,  0.5000])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.softsign(input)


class Tanhshrink(Module):
    """x - tanh(x).

    >>> nn.Tanhshrink()(autograd.tensor([-2.0, 1.0]))
    tensor([-1.0360,  0.2384])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.tanhshrink(input)


class Threshold(_Inplace):
    """x where x > threshold, else value.

    >>> nn.Threshold(0.0, 5.0)(autograd.tensor([-2.0, 1.0]))
    tensor([5., 1.])
    """

    def __init__(self, threshold: float, value: float, inplace: bool = False) -> None:
        super().__init__(inplace)
        self.threshold, self.value = threshold, value

    def forward(self, input: Tensor) -> Tensor:
        return F.threshold(input, self.threshold, self.value, self.inplace)

    def extra_repr(self) -> str:
        return f"threshold={self.threshold}, value={self.value}" + (", inplace=True" if self.inplace else "")


class RReLU(_Inplace):
    """x where x >= 0, else a x: a drawn from (lower, upper) for each element in training, their mean in evaluation.

    >>> nn.RReLU()(autograd.ones(3)).shape
    Size([3])
    """

    def __init__(self, lower: float = 1.0 / 8, upper: float = 1.0 / 3, inplace: bool = False) -> None:
        super().__init__(inplace)
        self.lower, self.upper = lower, upper

    def forward(self, input: Tensor) -> Tensor:
        return F.rrelu(input, self.lower, self.upper, self.training, self.inplace)

    def extra_repr(self) -> str:
        return f"lower={self.lower}, upper={self.upper}" + (", inplace=True" if self.inplace else "")


class Hardtanh(_Inplace):
    """min(max(x, min_val), max_val).

    >>> nn.Hardtanh()(autograd.tensor([-2.0, 1.0]))
    tensor([-1.,  1.])
    """

    def __init__(self, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> None:
        super().__init__(inplace)
        if not max_val > min_val:
            raise CheckedError(
                f"Hardtanh: max_val must be larger than min_val, got min_val={min_val} and max_val={max_val}"
            )
        self.min_val, self.max_val = min_val, max_val

    def forward(self, input: Tensor) -> Tensor:
        return F.hardtanh(input, self.min_val, self.max_val, self.inplace)

    def extra_repr(self) -> str:
        return f"min_val={self.min_val}, max_val={self.max_val}" + (", inplace=True" if self.inplace else "")


class ELU(_Inplace):
    """x where x > 0, else alpha (e^x - 1). Clevert et al. 2015, arXiv:1511.07289.

    >>> nn.ELU()(autograd.tensor([-2.0, 1.0]))
    tensor([-0.8647,  1.0000])
    """

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        super().__init__(inplace)
        self.alpha = alpha

    def forward(self, input: Tensor) -> Tensor:
        return F.elu(input, self.alpha, self.inplace)

    def extra_repr(self) -> str:
        return f"alpha={self.alpha}" + (", inplace=True" if self.inplace else "")


class CELU(ELU):
    """max(0, x) + min(0, alpha (e^(x / alpha) - 1)). Barron 2017, arXiv:1704.07483.

    >>> nn.CELU()(autograd.tensor([-2.0, 1.0]))
    tensor([-0.8647,  1.0000])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.celu(input, self.alpha, self.inplace)


class LeakyReLU(_Inplace):
    """x where x >= 0, else negative_slope * x.

    >>> nn.LeakyReLU()(autograd.tensor([-2.0, 1.0]))
    tensor([-0.0200,  1.0000])
    """

    def __init__(self, negative_slope: float = 1e-2, inplace: bool = False) -> None:
        super().__init__(inplace)
        self.negative_slope = negative_slope

    def forward(self, input: Tensor) -> Tensor:
        return F.leaky_relu(input, self.negative_slope, self.inplace)

    def extra_repr(self) -> str:
        return f"negative_slope={self.negative_slope}" + (", inplace=True" if self.inplace else "")


class PReLU(Module):
    """x where x >= 0, else weight * x; one learned weight, or one a channel (dim 1). It starts at `init`.

    He et al. 2015, arXiv:1502.01852.

    >>> nn.PReLU()(autograd.tensor([-2.0, 1.0]))
    tensor([-0.5000,  1.0000], grad_fn=<prelu>)
    """

    def __init__(self, num_parameters: int = 1, init: float = 0.25, device: Any = None, dtype: Any = None) -> None:
        super().__init__()
        self.num_parameters, self.init = num_parameters, init
        self.weight = parameter(num_parameters, device=device, dtype=dtype)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """weight to its initial value."""
        init.constant_(self.weight, self.init)

    def forward(self, input: Tensor) -> Tensor:
        return F.prelu(input, self.weight)

    def extra_repr(self) -> str:
        return f"num_parameters={self.num_parameters}"


class GELU(Module):
    """x * Phi(x), Phi the normal distribution function; approximate="tanh": its tanh form.

    Hendrycks & Gimpel 2016, arXiv:1606.08415.

    >>> nn.GELU()(autograd.tensor([-2.0, 1.0]))
    tensor([-0.0455,  0.8413])
    """

    def __init__(self, approximate: str = "none") -> None:
        super().__init__()
        self.approximate = approximate

    def forward(self, input: Tensor) -> Tensor:
        return F.gelu(input, approximate=self.approximate)

    def extra_repr(self) -> str:
        return f"approximate={self.approximate!r}"


class GLU(Module):
    """a * sigmoid(b), a and b the halves of the input along `dim`. Dauphin et al. 2016, arXiv:1612.08083.

    >>> nn.GLU()(autograd.ones(2, 4)).shape
    Size([2, 2])
    """

    def __init__(self, dim: int = -1) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, input: Tensor) -> Tensor:
        return F.glu(input, self.dim)

    def extra_repr(self) -> str:
        return f"dim={self.dim}"


class Softplus(Module):
    """log(1 + e^(beta x)) / beta; x itself where beta x > threshold.

    >>> nn.Softplus()(autograd.tensor([-2.0, 1.0]))
    tensor([0.1269, 1.3133])
    """

    def __init__(self, beta: float = 1.0, threshold: float = 20.0) -> None:
        super().__init__()
        self.beta, self.threshold = beta, threshold

    def forward(self, input: Tensor) -> Tensor:
        return F.softplus(input, self.beta, self.threshold)

    def extra_repr(self) -> str:
        return f"beta={self.beta}, threshold={self.threshold}"


class _Shrink(Module):
    def __init__(self, lambd: float = 0.5) -> None:
        super().__init__()
        self.lambd = lambd

    def extra_repr(self) -> str:
        return str(self.lambd)


class Hardshrink(_Shrink):
    """x where |x| > lambd, else 0.

    >>> nn.Hardshrink()(autograd.tensor([-2.0, 1.0]))
    tensor([-2.,  1.])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.hardshrink(input, self.lambd)


class Softshrink(_Shrink):
    """x moved towards 0 by lambd, and 0 where |x| <= lambd.

    >>> nn.Softshrink()(autograd.tensor([-2.0, 1.0]))
    tensor([-1.5000,  0.5000])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.softshrink(input, self.lambd)


class _AlongDim(Module):
    def __init__(self, dim: int | None = None) -> None:
        super().__init__()
        self.dim = dim

    def extra_repr(self) -> str:
        return f"dim={self.dim}"


class Softmax(_AlongDim):
    """e^x_i / sum_j e^x_j along `dim`.

    >>> nn.Softmax(dim=0)(autograd.zeros(2))
    tensor([0.5000, 0.5000])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.softmax(input, self.dim)


class LogSoftmax(_AlongDim):
    """log of the softmax along `dim`, without underflow.

    >>> nn.LogSoftmax(dim=0)(autograd.zeros(2))
    tensor([-0.6931, -0.6931])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.log_softmax(input, self.dim)


class Softmin(_AlongDim):
    """The softmax of -x along `dim`.

    >>> nn.Softmin(dim=0)(autograd.zeros(2))
    tensor([0.5000, 0.5000])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.softmin(input, self.dim)

    def extra_repr(self) -> str:
        return f"dim={self.dim}"


class Softmax2d(Module):
    """The softmax over the channels at every place: (N, C, H, W) or (C, H, W).

    >>> nn.Softmax2d()(autograd.ones(1, 2, 3, 3)).shape
    Size([1, 2, 3, 3])
    """

    def forward(self, input: Tensor) -> Tensor:
        if input.ndim not in (3, 4):
            raise ShapeError(f"Softmax2d: expected an input of 3 or 4 dimensions, got shape {tuple(input.shape)}")
        return F.softmax(input, -3)
