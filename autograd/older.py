"""torch's rarer functions, each written out of the registry's operations, which give it its derivative."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import creation, dtypes
from .errors import NumberError
from .op import REGISTRY
from .tensor import Tensor


def _op(name: str) -> Any:
    return REGISTRY[name].call


def range(start: Any = 0, end: Any = None, step: Any = 1, *, dtype: Any = None, **named: Any) -> Tensor:
    """torch's older `arange` that includes the end, of the default dtype.

    >>> autograd.range(1, 3)
    tensor([1., 2., 3.])
    """
    if end is None:
        start, end = 0, start
    if step == 0 or (end - start) * step < 0:
        raise NumberError(f"range: no way from {start} to {end} by steps of {step}")
    chosen = dtypes._default if dtype is None else dtypes.as_dtype(dtype)
    values = start + np.arange(int((end - start) / step) + 1) * step
    return creation.tensor(values.astype(chosen), **named)


def zero_(input: Tensor) -> Tensor:
    """`input.zero_()`.

    >>> autograd.zero_(autograd.ones(1))
    tensor([0.])
    """
    return input.zero_()


def fill_(input: Tensor, value: Any) -> Tensor:
    """`input.fill_(value)`.

    >>> autograd.fill_(autograd.ones(1), 2)
    tensor([2.])
    """
    return input.fill_(value)


def get_device(input: Tensor) -> int:
    """-1: the tensor is on the CPU.

    >>> autograd.get_device(autograd.ones(1))
    -1
    """
    return -1


def is_storage(obj: Any) -> bool:
    """False: tensors have no storage objects here.

    >>> autograd.is_storage(autograd.ones(1))
    False
    """
    return False


def from_dlpack(ext_tensor: Any) -> Tensor:
    """A tensor on the memory of another library's array, which has `__dlpack__`.

    >>> autograd.from_dlpack(np.ones(2))
    tensor([1., 1.], dtype=autograd.float64)
    """
    return creation.from_numpy(np.from_dlpack(ext_tensor))


def nuclear_norm(input: Any, dim: Any = None, keepdim: bool = False) -> Any:
    """The sum of the singular values of a matrix, or of those in two dimensions `dim`.

    >>> autograd.nuclear_norm(autograd.eye(3))
    tensor(3.)
    """
    return _op("linalg_matrix_norm")(input, "nuc", (-2, -1) if dim is None else tuple(dim), keepdim)


def frobenius_norm(input: Any, dim: Any = None, keepdim: bool = False) -> Any:
    """The square root of the sum of squares, over `dim` or all.

    >>> autograd.frobenius_norm(autograd.ones(2, 2))
    tensor(2.)
    """
    dim = None if dim is None or (isinstance(dim, (tuple, list)) and not dim) else dim
    return _op("linalg_vector_norm")(input, 2, dim, keepdim)


def norm_except_dim(v: Any, pow: int = 2, dim: int = 0) -> Any:
    """The norm over all dimensions but `dim`, which stay with length 1; dim -1: over all.

    >>> autograd.norm_except_dim(autograd.ones(2, 4), 2, 0)
    tensor([[2.],
            [2.]])
    """
    if dim == -1:
        return _op("linalg_vector_norm")(v, pow)
    return _op("linalg_vector_norm")(v, pow, tuple(d for d in np.arange(v.ndim).tolist() if d != dim % v.ndim), True)


def orgqr(input: Any, tau: Any) -> Any:
    """`linalg_householder_product`.

    >>> autograd.orgqr(autograd.ones(1, 1), autograd.zeros(1))
    tensor([[1.]])
    """
    return _op("linalg_householder_product")(input, tau)


def unsafe_split_with_sizes(input: Any, split_sizes: Any, dim: int = 0) -> Any:
    """`split` by sizes.

    >>> autograd.unsafe_split_with_sizes(autograd.ones(3), [1, 2])[0]
    tensor([1.])
    """
    return _op("split")(input, list(split_sizes), dim)


def detach_copy(input: Tensor) -> Tensor:
    """`input.detach().clone()`.

    >>> autograd.detach_copy(autograd.ones(1))
    tensor([1.])
    """
    return input.detach().clone()


def feature_dropout(input: Any, p: float, train: bool) -> Any:
    """`dropout2d`: whole channels of input (N, C, *).

    >>> autograd.feature_dropout(autograd.ones(1, 2), 0.5, False)
    tensor([[1., 1.]])
    """
    return _op("dropout2d")(input, p, train)


def native_layer_norm(input: Any, normalized_shape: Any, weight: Any, bias: Any, eps: float) -> tuple[Any, Any, Any]:
    """(`layer_norm`, the means, the reciprocals of the standard deviations) over the last dimensions.

    >>> autograd.native_layer_norm(autograd.ones(1, 2), (2,), None, None, 1e-5)[1]
    tensor([[1.]])
    """
    dims = tuple((-1 - np.arange(len(tuple(normalized_shape)))).tolist())
    mean = _op("mean")(input, dims, True)
    var = _op("var")(input, dims, correction=0, keepdim=True)
    return _op("layer_norm")(input, tuple(normalized_shape), weight, bias, eps), mean, (var + eps).rsqrt()


def max_pool1d_with_indices(input: Any, kernel_size: Any, *args: Any, **kwargs: Any) -> Any:
    """(`max_pool1d`, the places of the maxima).

    >>> autograd.max_pool1d_with_indices(autograd.tensor([[[1.0, 2.0]]]), 2)[1]
    tensor([[[1]]])
    """
    return _op("max_pool1d")(input, kernel_size, *args, return_indices=True, **kwargs)


def segment_reduce(
    data: Any, reduce: str, *, lengths: Any = None, indices: Any = None, offsets: Any = None, axis: int = 0,
    unsafe: bool = False, initial: Any = None,
) -> Any:  # fmt: skip
    """Sums, means, products, maxima or minima of successive rows, as many at a time as `lengths` (or `offsets`) say.

    >>> autograd.segment_reduce(autograd.tensor([1.0, 2.0, 3.0]), "sum", lengths=autograd.tensor([1, 2]))
    tensor([1., 5.])
    """
    empty = {"sum": 0.0, "mean": np.nan, "prod": 1.0, "max": -np.inf, "min": np.inf}
    if reduce not in empty or axis != 0:
        raise NumberError(f"segment_reduce: expected reduce in {list(empty)} and axis 0, got {reduce!r} and {axis}")
    counts = np.diff(offsets.numpy()) if lengths is None else lengths.numpy()
    if counts.ndim != 1 or (counts < 0).any() or (not unsafe and counts.sum() != data.shape[0]):
        raise NumberError(f"segment_reduce: lengths {counts.tolist()} do not add up to the {data.shape[0]} rows")
    out = []
    for part in _op("split")(data, counts.tolist(), 0):
        if not part.shape[0]:
            fill = empty[reduce] if initial is None else initial
            out.append(creation.full(tuple(data.shape[1:]), fill, dtype=data.dtype))
            continue
        value = getattr(part, {"max": "amax", "min": "amin"}.get(reduce, reduce))(0)
        if initial is not None:
            value = _with_initial(reduce, value, initial, part.shape[0])
        out.append(value)
    return _op("stack")(out)


def _with_initial(reduce: str, value: Any, initial: float, n: int) -> Any:
    if reduce in ("sum", "prod"):
        return value + initial if reduce == "sum" else value * initial
    if reduce == "mean":
        return value + initial / n
    return _op("clamp")(value, min=initial) if reduce == "max" else _op("clamp")(value, max=initial)


# ------------------------------------------------------------------------------------------- steps of recurrent layers


def _gates(input: Any, hx: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any) -> tuple[Any, Any]:
    return _op("linear")(input, w_ih, b_ih), _op("linear")(hx, w_hh, b_hh)


def lstm_cell(input: Any, hx: Any, w_ih: Any, w_hh: Any, b_ih: Any = None, b_hh: Any = None) -> tuple[Any, Any]:
    """One step of an LSTM with the weights of `nn.LSTMCell`: input (B, I) and hx = (h, c) of (B, H) each to the next (h, c).

    >>> one = autograd.ones(1, 1)
    >>> autograd.lstm_cell(one, (one, one), autograd.zeros(4, 1), autograd.zeros(4, 1))[1]
    tensor([[0.5000]])
    """
    h, c = hx
    a, b = _gates(input, h, w_ih, w_hh, b_ih, b_hh)
    i, f, g, o = _op("chunk")(a + b, 4, -1)
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), c


def gru_cell(input: Any, hx: Any, w_ih: Any, w_hh: Any, b_ih: Any = None, b_hh: Any = None) -> Any:
    """One step of a GRU with the weights of `nn.GRUCell`: input (B, I) and hx (B, H) to the next (B, H).

    >>> autograd.gru_cell(autograd.ones(1, 1), autograd.ones(1, 1), autograd.zeros(3, 1), autograd.zeros(3, 1))
    tensor([[0.5000]])
    """
    a, b = _gates(input, hx, w_ih, w_hh, b_ih, b_hh)
    (ar, az, an), (br, bz, bn) = _op("chunk")(a, 3, -1), _op("chunk")(b, 3, -1)
    z = (az + bz).sigmoid()
    n = (an + (ar + br).sigmoid() * bn).tanh()
    return n + z * (hx - n)


def rnn_tanh_cell(input: Any, hx: Any, w_ih: Any, w_hh: Any, b_ih: Any = None, b_hh: Any = None) -> Any:
    """One step of a recurrent layer, tanh(W_ih x + b_ih + W_hh h + b_hh).

    >>> autograd.rnn_tanh_cell(autograd.ones(1, 1), autograd.ones(1, 1), autograd.zeros(1, 1), autograd.zeros(1, 1))
    tensor([[0.]])
    """
    a, b = _gates(input, hx, w_ih, w_hh, b_ih, b_hh)
    return (a + b).tanh()


def rnn_relu_cell(input: Any, hx: Any, w_ih: Any, w_hh: Any, b_ih: Any = None, b_hh: Any = None) -> Any:
    """One step of a recurrent layer, relu(W_ih x + b_ih + W_hh h + b_hh).

    >>> autograd.rnn_relu_cell(autograd.ones(1, 1), autograd.ones(1, 1), autograd.ones(1, 1), autograd.ones(1, 1))
    tensor([[2.]])
    """
    a, b = _gates(input, hx, w_ih, w_hh, b_ih, b_hh)
    return (a + b).relu()
