"""Matrix products, and the decompositions and solvers of `autograd.linalg`."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
from numpy import ndarray

from ..dtypes import float32, float64
from ..errors import DTypeError, NumberError, ShapeError, only_tensors
from ..kernels import gemm, pairs
from ..kernels.reduce import reduced
from ..op import REGISTRY, followed, function, fusible, op
from ..samples import Draw
from ..tape import Walk, own_ways
from .arithmetic import mul
from .chain import over
from .compare import _where
from .dims import dim_of, dims_of, ndim_of
from .reduce import _vector_norm, sum
from .shape import broadcast_tensors, clone, diagonal, permute, reshape, transpose, unsqueeze

# ------------------------------------------------------------------------------------------------ matmul


def product(a: ndarray, b: ndarray) -> ndarray:
    """a @ b for arrays (..., M, K) and (..., K, N) whose batches broadcast; floats run on this library's own kernel."""
    if a.dtype.kind != "f":
        return np.matmul(a, b)
    if a.ndim == b.ndim == 2:
        return gemm.matmul(a, b)
    M, K, N = a.shape[-2], a.shape[-1], b.shape[-1]
    if b.ndim == 2:
        return gemm.matmul(a.reshape(prod(a.shape[:-1]), K), b).reshape(*a.shape[:-1], N)
    if 3 <= a.ndim == b.ndim <= 4 and a.shape[:-2] == b.shape[:-2]:
        return gemm.batched_matmul(a, b)
    batch = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    if len(batch) <= 2:
        return gemm.batched_matmul(np.broadcast_to(a, (*batch, M, K)), np.broadcast_to(b, (*batch, K, N)))
    a3 = np.broadcast_to(a, (*batch, M, K)).reshape(prod(batch), M, K)
    b3 = np.broadcast_to(b, (*batch, K, N)).reshape(prod(batch), K, N)
    return gemm.batched_matmul(a3, b3).reshape(*batch, M, N)


def _check_product(name: str, a: Any, b: Any, first: str = "input", second: str = "other") -> None:
    """Both of one numeric dtype, at least 1-d, inner lengths equal, batches broadcastable."""
    for what, x in ((first, a), (second, b)):
        if not isinstance(x, ndarray):
            raise DTypeError(f"{name}: {second} and {first} must be Tensors, got {type(x).__name__} for {what}")
        if not x.ndim:
            raise ShapeError(f"{name}: {what} is 0-dimensional; expected at least one dimension, use mul for scalars")
    if a.dtype != b.dtype:
        raise DTypeError(
            f"{name}: {first} is {a.dtype} and {second} {b.dtype}; expected one dtype, cast one of them with to()"
        )
    if a.dtype.kind == "b":
        raise DTypeError(f"{name}: bool tensors have no product; cast them to a number type with to()")
    inner = b.shape[0] if b.ndim == 1 else b.shape[-2]
    fits = a.shape[-1] == inner
    if fits and a.ndim > 2 and b.ndim > 2:
        fits = all(m == n or 1 in (m, n) for m, n in zip(a.shape[-3::-1], b.shape[-3::-1], strict=False))
    if not fits:
        raise ShapeError(
            f"{name}: {first} of shape {a.shape} and {second} of shape {b.shape} do not go together; expected (..., "
            f"M, K) "
            "and (..., K, N) with equal K, other dimensions equal or 1"
        )


def mT(x: Any) -> Any:
    """The matrices of x transposed."""
    return transpose(x, -1, -2)


def _rows(x: Any) -> Any:
    """x (..., K) as (rows, K)."""
    if x.ndim == 2:
        return x
    shape = prod(x.shape[:-1]), x.shape[-1]
    return x.reshape(shape) if type(x) is ndarray else reshape(x, shape)


def _matmul_input(g: Any, other: Any, input_shape: tuple[int, ...]) -> Any:
    if type(g) is type(other) is ndarray and g.ndim == other.ndim == 3:
        return product(g, other.transpose(0, 2, 1))
    if other.ndim == 1:
        return g * other if len(input_shape) == 1 else unsqueeze(g, -1) * other
    if len(input_shape) == 1:  # batch dimensions of other are summed by the tape
        return (unsqueeze(g, -2) @ mT(other))[..., 0, :] if other.ndim > 2 else other @ g
    return matmul(g, mT(other))


def _matmul_other(g: Any, input: Any, other_shape: tuple[int, ...]) -> Any:
    if type(g) is type(input) is ndarray and g.ndim == input.ndim == len(other_shape) == 3:
        return product(input.transpose(0, 2, 1), g)
    if len(other_shape) == 1:
        return g * input if input.ndim == 1 else matmul(reshape(g, (prod(g.shape),)), _rows(input))
    if input.ndim == 1:
        return unsqueeze(input, -1) * unsqueeze(g, -2)
    if len(other_shape) == 2:
        return matmul(mT(_rows(input)), _rows(g))
    return matmul(mT(input), g)


def _matmul_samples(s: Draw) -> list[tuple[Any, ...]]:
    return [
        (s(4), s(4)), (s(3, 4), s(4)), (s(4), s(4, 2)), (s(3, 4), s(4, 2)), (s(2, 3, 4), s(4, 2)),
        (s(3, 4), s(2, 4, 2)),
        (s(2, 3, 4), s(4)), (s(4), s(2, 4, 3)), (s(2, 1, 3, 4), s(5, 4, 2)), (s(0, 3, 4), s(4, 2)), (s(3, 0), s(0, 2)),
        (s(2, 3, 2), s(2, 2, 3)),
    ]  # fmt: skip


@op(_matmul_input, _matmul_other, samples=_matmul_samples)
def matmul(input: Any, other: Any) -> Any:
    """Matrix product: vectors and matrices as in `torch.matmul`, batches (...) of matrices broadcast.

    input (..., M, K) or (K,), other (..., K, N) or (K,), of one dtype. A 1-d input is a row, a 1-d other a column, and
    that dimension is dropped from the result. Raises ShapeError for shapes, DTypeError for unlike dtypes.

    >>> autograd.matmul(autograd.ones(2, 3), autograd.tensor([1.0, 2.0, 4.0]))
    tensor([7., 7.])
    """
    if type(input) is type(other) is ndarray and input.dtype is other.dtype and input.dtype.kind == "f":
        m, n = input.shape, other.shape
        if len(m) == 2 == len(n) and m[1] == n[0]:
            return gemm.matmul(input, other)
        if 3 <= len(m) <= 4 and m[:-2] == n[:-2] and m[-1] == n[-2]:
            return gemm.batched_matmul(input, other)
    _check_product("matmul", input, other)
    a = input[None, :] if input.ndim == 1 else input
    b = other[:, None] if other.ndim == 1 else other
    y = product(a, b)
    if other.ndim == 1:
        y = y[..., 0]
    if input.ndim == 1:
        y = y[..., 0] if other.ndim == 1 else y[..., 0, :]
    return y


def _stacks(name: str, **matrices: Any) -> None:
    for argument, x in matrices.items():
        ndim_of(name, argument, x)
    for argument, x in matrices.items():
        _of_rank(name, argument, x, 3)


def _of_rank(name: str, argument: str, x: Any, ndim: int) -> None:
    if ndim_of(name, argument, x) != ndim:
        raise ShapeError(f"{name}: {argument} has shape {tuple(x.shape)}; expected a {ndim}-dimensional tensor")


@function(samples=lambda s: [(s(3, 4), s(4, 2)), (s(0, 4), s(4, 2))])
def mm(input: Any, mat2: Any) -> Any:
    """Product of two matrices (M, K) and (K, N), without broadcasting.

    >>> autograd.mm(autograd.ones(1, 2), autograd.ones(2, 3))
    tensor([[2., 2., 2.]])
    """
    _of_rank("mm", "input", input, 2)
    _of_rank("mm", "mat2", mat2, 2)
    return matmul(input, mat2)


@function(samples=lambda s: [(s(2, 3, 4), s(2, 4, 2)), (s(0, 3, 4), s(0, 4, 2))])
def bmm(input: Any, mat2: Any) -> Any:
    """Products of two stacks of matrices (B, M, K) and (B, K, N), without broadcasting.

    >>> autograd.bmm(autograd.ones(5, 2, 3), autograd.ones(5, 3, 1)).shape
    Size([5, 2, 1])
    """
    _stacks("bmm", input=input, mat2=mat2)
    if input.shape[0] != mat2.shape[0]:
        raise ShapeError(f"bmm: input has {input.shape[0]} matrices and mat2 {mat2.shape[0]}; expected as many")
    return matmul(input, mat2)


@function(samples=lambda s: [(s(3, 4), s(4))])
def mv(input: Any, vec: Any) -> Any:
    """Product of a matrix (M, K) and a vector (K,).

    >>> autograd.mv(autograd.ones(2, 3), autograd.tensor([1.0, 2.0, 4.0]))
    tensor([7., 7.])
    """
    _of_rank("mv", "input", input, 2)
    _of_rank("mv", "vec", vec, 1)
    return matmul(input, vec)


@function(samples=lambda s: [(s(4), s(4)), (s(0), s(0))])
def dot(input: Any, tensor: Any) -> Any:
    """Sum of products of two vectors of one length.

    >>> autograd.dot(autograd.tensor([1.0, 2.0, 4.0]), autograd.tensor([1.0, 2.0, 4.0]))
    tensor(21.)
    """
    _of_rank("dot", "input", input, 1)
    _of_rank("dot", "tensor", tensor, 1)
    return matmul(input, tensor)


@function(samples=lambda s: [(s(4), s(4))])
def vdot(input: Any, other: Any) -> Any:
    """`dot` with the conjugate of the first.

    >>> autograd.vdot(autograd.tensor([1.0, 2.0, 4.0]), autograd.tensor([1.0, 2.0, 4.0]))
    tensor(21.)
    """
    from .complexes import conj

    return dot(conj(input), other)


# ------------------------------------------------------------------------------------------------ linear


def _linear_samples(s: Draw) -> list[tuple[Any, ...]]:
    return [
        (s(5, 4), s(3, 4), s(3)), (s(4), s(3, 4), None), (s(2, 3, 4), s(3, 4), s(3)), (s(0, 4), s(3, 4), s(3)),
        (s(4), s(3, 4), s(3)),
    ]  # fmt: skip


def _linear_input(g: Any, weight: Any) -> Any:
    return product(g, weight) if type(g) is type(weight) is ndarray and g.ndim > 1 else matmul(g, weight)


def _linear_weight(g: Any, input: Any) -> Any:
    if type(g) is type(input) is ndarray and g.ndim > 1 and g.dtype.kind == "f":
        return gemm.matmul(_rows(g).T, _rows(input))
    return matmul(mT(_rows(g)), _rows(input)) if input.ndim > 1 else unsqueeze(g, -1) * input


@op(
    _linear_input,
    _linear_weight,
    lambda g: reduced(np.add, _rows(g), (0,)) if type(g) is ndarray and g.ndim > 1 else g,
    samples=_linear_samples,
)
def _linear(input: Any, weight: Any, bias: Any, activation: str | None = None) -> Any:
    """input @ weight.T + bias in one pass; an activation is one of `followed`."""
    rows = input if input.ndim == 2 else input.reshape(prod(input.shape[:-1]), input.shape[-1])
    if rows.dtype.kind == "b":
        raise DTypeError("linear: bool tensors have no product; cast them to a number type with to()")
    if rows.dtype.kind == "f":
        y = gemm.matmul(rows, weight.T, bias, activation)
    else:
        y = rows @ weight.T + (0 if bias is None else bias)
    return y if input.ndim == 2 else y.reshape(*input.shape[:-1], weight.shape[0])


def _linear_in_walk(walk: Walk, node: Any, g: Any, values: list[Any], edges: Any) -> Any:
    """The contributions of `_linear`; the weight's may wait for others.

    Behind a recurrent layer with batch_first the input's memory is in the order of time, and so its gradient is to be: of
    the two, g is the smaller one to bring into it.
    """
    input = values[0]
    if type(g) is type(input) is ndarray and g.ndim == input.ndim == 3 and g.size < input.size:
        turned = input.transpose(1, 0, 2)
        if turned.flags.c_contiguous and not input.flags.c_contiguous:
            g = np.ascontiguousarray(g.transpose(1, 0, 2))
            gx, *others = node.op.pull(g, [turned, *values[1:]], edges)
            return (None if gx is None else gx.transpose(1, 0, 2)), *others
    if walk.later(edges[1], g, input):
        edges = edges[0], None, edges[2]
    return node.op.pull(g, values, edges)


def _matmul_in_walk(walk: Walk, node: Any, g: Any, values: list[Any], edges: Any) -> Any:
    """The contributions of `matmul`; that to a matrix, or to a stack of them, may wait for others."""
    if walk.later(edges[1], values[0], g):
        edges = edges[0], None
    return node.op.pull(g, values, edges)


own_ways[REGISTRY["_linear"]], own_ways[REGISTRY["matmul"]] = _linear_in_walk, _matmul_in_walk


@function(
    method=False,
    samples=lambda s: [
        *[case if case[2] is not None else case[:2] for case in _linear_samples(s)],
        (s(2, 4), s(4), s()),
    ],
)
def linear(input: Any, weight: Any, bias: Any = None, *, activation: str | None = None) -> Any:
    """input @ weight.T + bias: input (..., I), weight (O, I), bias (O,) or None, result (..., O).

    A 1-d weight (I,) is one output and its dimension is dropped. activation: None, or "relu", taken of the result in
    the same pass. Raises ShapeError, DTypeError (all of one dtype).

    >>> autograd.linear(autograd.tensor([1.0, 2.0]), autograd.ones(1, 2), autograd.tensor([0.5]))
    tensor([3.5000])
    """
    x, w, b = getattr(input, "_data", input), getattr(weight, "_data", weight), getattr(bias, "_data", bias)
    try:
        simple = w.ndim == 2 and x.ndim and x.shape[-1] == w.shape[1] and x.dtype == w.dtype
    except AttributeError:
        only_tensors("linear", input=input, weight=weight)
        raise
    if b is not None and not isinstance(b, ndarray):
        only_tensors("linear", bias=bias)
    if simple and (b is None or (b.shape == w.shape[:1] and b.dtype == w.dtype)):
        if activation is None:
            return _linear(input, weight, bias, None)
        if fusible("linear", activation) and x.dtype.kind == "f":
            return followed(_linear(input, weight, bias, activation), activation)
    if activation is not None:
        return REGISTRY[activation].call(linear(input, weight, bias))
    if weight.ndim == 1:
        y = matmul(input, weight)
        return y if bias is None else y + bias
    _of_rank("linear", "weight", weight, 2)
    if not input.ndim or input.shape[-1] != weight.shape[1]:
        raise ShapeError(
            f"linear: input has shape {tuple(input.shape)}, whose last dimension a weight of shape "
            f"{tuple(weight.shape)} "
            f"expects to be {weight.shape[1]}"
        )
    if input.dtype != weight.dtype or (bias is not None and bias.dtype != weight.dtype):
        raise DTypeError(
            f"linear: input is {input.dtype}, weight {weight.dtype}{'' if bias is None else f', bias {bias.dtype}'}; "
            "expected one dtype, cast with to()"
        )
    y = matmul(input, mT(weight))  # the bias is not one number an output
    if bias.ndim > y.ndim or any(n not in (1, m) for n, m in zip(bias.shape[::-1], y.shape[::-1], strict=False)):
        raise ShapeError(f"linear: bias has shape {tuple(bias.shape)}; expected ({weight.shape[0]},)")
    return y + bias


# ---------------------------------------------------------------------------------- products that add to something


def _scaled(x: Any, factor: Any) -> Any:
    return x if isinstance(factor, int) and factor == 1 else mul(x, factor)


def _added(name: str, input: Any, term: Any, beta: Any, alpha: Any) -> Any:
    """beta * input + alpha * term; as in torch a beta of 0 leaves input out, NaN and all."""
    if input.dtype != term.dtype:
        raise DTypeError(f"{name}: input is {input.dtype} and the product {term.dtype}; expected one dtype")
    if term.dtype.kind not in "fc" and not (isinstance(alpha, int) and isinstance(beta, int)):
        raise DTypeError(f"{name}: beta {beta!r} and alpha {alpha!r} must be integers for tensors of {term.dtype}")
    shape = tuple(term.shape)
    if input.ndim > len(shape) or any(n not in (1, m) for n, m in zip(input.shape[::-1], shape[::-1], strict=False)):
        raise ShapeError(
            f"{name}: input of shape {tuple(input.shape)} does not broadcast to the product's shape {shape}"
        )
    if isinstance(beta, (int, float)) and beta == 0:
        return _scaled(term, alpha)
    return _scaled(input, beta) + _scaled(term, alpha)


@function(
    inplace=True, samples=lambda s: [(s(3, 2), s(3, 4), s(4, 2)), (s(2), s(3, 4), s(4, 2), {"beta": 2, "alpha": 3})]
)
def addmm(input: Any, mat1: Any, mat2: Any, *, beta: Any = 1, alpha: Any = 1) -> Any:
    """beta * input + alpha * (mat1 @ mat2): mat1 (M, K), mat2 (K, N), input broadcast to (M, N).

    >>> autograd.addmm(autograd.ones(2, 2), autograd.ones(2, 3), autograd.ones(3, 2))
    tensor([[4., 4.],
            [4., 4.]])
    """
    return _added("addmm", input, mm(mat1, mat2), beta, alpha)


@function(inplace=True, samples=lambda s: [(s(3), s(3, 4), s(4)), (s(1), s(3, 4), s(4), {"beta": 2, "alpha": 3})])
def addmv(input: Any, mat: Any, vec: Any, *, beta: Any = 1, alpha: Any = 1) -> Any:
    """beta * input + alpha * (mat @ vec): mat (M, K), vec (K,), input broadcast to (M,).

    >>> autograd.addmv(autograd.ones(2), autograd.ones(2, 3), autograd.tensor([1.0, 2.0, 4.0]))
    tensor([8., 8.])
    """
    return _added("addmv", input, mv(mat, vec), beta, alpha)


@function(inplace=True, samples=lambda s: [(s(3, 4), s(3), s(4)), (s(4), s(3), s(4), {"beta": 2, "alpha": 3})])
def addr(input: Any, vec1: Any, vec2: Any, *, beta: Any = 1, alpha: Any = 1) -> Any:
    """beta * input + alpha * outer(vec1, vec2): vec1 (M,), vec2 (N,), input broadcast to (M, N).

    >>> autograd.addr(autograd.zeros(2, 2), autograd.tensor([1.0, 2.0]), autograd.tensor([3.0, 4.0]))
    tensor([[3., 4.],
            [6., 8.]])
    """
    return _added("addr", input, outer(vec1, vec2), beta, alpha)


@function(
    inplace=True,
    samples=lambda s: [(s(3, 5), s(2, 3, 4), s(2, 4, 5)), (s(5), s(2, 3, 4), s(2, 4, 5), {"beta": 2, "alpha": 3})],
)
def addbmm(input: Any, batch1: Any, batch2: Any, *, beta: Any = 1, alpha: Any = 1) -> Any:
    """beta * input + alpha * sum over b of batch1[b] @ batch2[b]: batch1 (B, M, K), batch2 (B, K, N), result (M, N).

    >>> autograd.addbmm(autograd.zeros(2, 2), autograd.ones(3, 2, 1), autograd.ones(3, 1, 2))
    tensor([[3., 3.],
            [3., 3.]])
    """
    _check_stacks("addbmm", batch1, batch2)
    B, M, K = batch1.shape
    # one product over (b, k) together
    a = reshape(transpose(batch1, 0, 1), (M, B * K))
    return _added("addbmm", input, matmul(a, reshape(batch2, (B * K, batch2.shape[2]))), beta, alpha)


@function(
    inplace=True,
    samples=lambda s: [
        (s(2, 3, 5), s(2, 3, 4), s(2, 4, 5)),
        (s(3, 1), s(2, 3, 4), s(2, 4, 5), {"beta": 2, "alpha": 3}),
    ],
)
def baddbmm(input: Any, batch1: Any, batch2: Any, *, beta: Any = 1, alpha: Any = 1) -> Any:
    """beta * input + alpha * bmm(batch1, batch2): batch1 (B, M, K), batch2 (B, K, N), input broadcast to (B, M, N).

    >>> autograd.baddbmm(autograd.zeros(1, 1, 1), autograd.ones(1, 1, 3), autograd.ones(1, 3, 1))
    tensor([[[3.]]])
    """
    return _added("baddbmm", input, bmm(batch1, batch2), beta, alpha)


def _check_stacks(name: str, batch1: Any, batch2: Any) -> None:
    _stacks(name, batch1=batch1, batch2=batch2)
    if batch1.shape[0] != batch2.shape[0] or batch1.shape[2] != batch2.shape[1]:
        raise ShapeError(
            f"{name}: batch1 has shape {tuple(batch1.shape)} and batch2 {tuple(batch2.shape)}; expected (B, M, K) and "
            f"(B, K, N)"
        )


@function(samples=lambda s: [(s(3), s(4)), (s(0), s(2))])
def outer(input: Any, vec2: Any) -> Any:
    """All products of the elements of two vectors: (M,) and (N,) give (M, N).

    >>> autograd.outer(autograd.tensor([1.0, 2.0]), autograd.tensor([3.0, 4.0]))
    tensor([[3., 4.],
            [6., 8.]])
    """
    _of_rank("outer", "input", input, 1)
    _of_rank("outer", "vec2", vec2, 1)
    return mul(unsqueeze(input, -1), vec2)


@function(samples=lambda s: [(s(3), s(4))])
def ger(input: Any, vec2: Any) -> Any:
    """`outer`.

    >>> autograd.ger(autograd.tensor([1.0, 2.0]), autograd.tensor([3.0, 4.0]))
    tensor([[3., 4.],
            [6., 8.]])
    """
    return outer(input, vec2)


# ---------------------------------------------------------------------------------- contractions of several dimensions


@function(samples=lambda s: [(s(2, 3), s(4, 3)), (s(3), s(3)), (s(), s(2, 3)), (s(2, 1, 3), s(2, 3))])
def inner(input: Any, other: Any) -> Any:
    """Sum of products over the last dimension of both: (..., K) and (*, K) give (..., *).

    >>> autograd.inner(autograd.tensor([1.0, 2.0, 4.0]), autograd.tensor([1.0, 2.0, 4.0]))
    tensor(21.)
    """
    if not ndim_of("inner", "input", input) or not ndim_of("inner", "other", other):
        return mul(input, other)
    if input.shape[-1] != other.shape[-1]:
        raise ShapeError(
            f"inner: input has shape {tuple(input.shape)} and other {tuple(other.shape)}; expected equal last "
            f"dimensions"
        )
    return tensordot(input, other, ([-1], [-1]))


@function(
    samples=lambda s: [
        (s(2, 3, 4), s(3, 4, 5)), (s(2, 3, 4), s(4, 2, 5), ([2, 0], [0, 1])), (s(2, 3), s(4), 0), (s(3), s(3), 1),
    ],
)  # fmt: skip
def tensordot(a: Any, b: Any, dims: Any = 2) -> Any:
    """Products of a and b summed over `dims`: the last n of a with the first n of b, or two lists of dimensions, in
    pairs.

    >>> autograd.tensordot(autograd.ones(2, 3), autograd.ones(3, 2), dims=1)
    tensor([[3., 3.],
            [3., 3.]])
    """
    if isinstance(dims, int):
        if not 0 <= dims <= min(a.ndim, b.ndim):
            raise ShapeError(f"tensordot: dims is {dims}; expected 0 to {min(a.ndim, b.ndim)} for these tensors")
        dims_a, dims_b = tuple(range(a.ndim - dims, a.ndim)), tuple(range(dims))
    else:
        dims_a, dims_b = (dims_of("tensordot", tuple(d) if isinstance(d, (list, tuple)) else (d,), x.ndim)
                          for d, x in zip(dims, (a, b), strict=True))  # fmt: skip
    for i, j in zip(dims_a, dims_b, strict=False):  # a dimension of size 1 spreads
        if a.shape[i] != b.shape[j]:
            if a.shape[i] == 1:
                b = sum(b, j, True, dtype=b.dtype)
            elif b.shape[j] == 1:
                a = sum(a, i, True, dtype=a.dtype)
    if len(dims_a) != len(dims_b) or any(a.shape[i] != b.shape[j] for i, j in zip(dims_a, dims_b, strict=False)):
        raise ShapeError(
            f"tensordot: dims {dims_a} of shape {tuple(a.shape)} and {dims_b} of shape {tuple(b.shape)} do not have "
            f"equal sizes"
        )
    free_a = [i for i in range(a.ndim) if i not in dims_a]
    free_b = [j for j in range(b.ndim) if j not in dims_b]
    K = prod(a.shape[i] for i in dims_a)
    shape_a, shape_b = [a.shape[i] for i in free_a], [b.shape[j] for j in free_b]
    left = reshape(permute(a, (*free_a, *dims_a)), (prod(shape_a), K))
    right = reshape(permute(b, (*dims_b, *free_b)), (K, prod(shape_b)))
    return reshape(matmul(left, right), (*shape_a, *shape_b))


@function(samples=lambda s: [(s(2, 3), s(3, 2)), (s(2), s(2, 3)), (s(), s(2)), (s(2, 1, 2), s(3, 2))])
def kron(input: Any, other: Any) -> Any:
    """Kronecker product: every element of input times the whole of other, side by side; missing dimensions count as
    1.

    >>> autograd.kron(autograd.tensor([1, 2]), autograd.tensor([1, 10]))
    tensor([ 1, 10,  2, 20])
    """
    n = max(ndim_of("kron", "input", input), ndim_of("kron", "other", other))
    a = (1,) * (n - input.ndim) + tuple(input.shape)
    b = (1,) * (n - other.ndim) + tuple(other.shape)
    left = reshape(input, tuple(m for size in a for m in (size, 1)))
    right = reshape(other, tuple(m for size in b for m in (1, size)))
    return reshape(mul(left, right), tuple(p * q for p, q in zip(a, b, strict=True)))


@function(samples=lambda s: [(s(2, 3), s(2, 3)), (s(3, 2), s(3, 2)), (s(2, 1, 3), s(1, 4, 3), 2)])
def cross(input: Any, other: Any, dim: int | None = None) -> Any:
    """Vector product along `dim`, which has size 3; by default the first such dimension.

    >>> autograd.cross(autograd.tensor([1.0, 0.0, 0.0]), autograd.tensor([0.0, 1.0, 0.0]))
    tensor([0., 0., 1.])
    """
    if dim is None:
        ndim_of("cross", "input", input)
        threes = [i for i, n in enumerate(input.shape) if n == 3]
        if not threes:
            raise ShapeError(f"cross: no dimension of size 3 in input, shape {tuple(input.shape)}")
        dim = threes[0]
    return linalg_cross(input, other, dim=dim)


@op(
    lambda g, other, dim: _cross(other, g, dim),
    lambda g, input, dim: _cross(g, input, dim),
    promote=True,
    samples=lambda s: [(s(2, 3), s(2, 3), 1), (s(3, 2), s(3, 1), 0), (s(2, 3), s(4, 1, 3), -1)],
)
def _cross(input: Any, other: Any, dim: int) -> Any:
    """Vector products along `dim`, counted from the end where one has fewer dims than the other."""
    axis = dim if dim < 0 else dim - input.ndim
    y = np.empty(np.broadcast_shapes(input.shape, other.shape), input.dtype)
    a, b, out = (np.moveaxis(x, axis, 0) for x in (input, other, y))
    for i in range(3):
        j, k = (i + 1) % 3, (i + 2) % 3
        np.subtract(a[j] * b[k], a[k] * b[j], out=out[i, ...])
    return y


@function(method=False, samples=lambda s: [(s(2, 3), s(2, 3)), (s(3, 2), s(3, 1), {"dim": 0})])
def linalg_cross(input: Any, other: Any, *, dim: int = -1) -> Any:
    """Vector product along `dim`, which has size 3; the other dimensions broadcast.

    >>> autograd.linalg.cross(autograd.tensor([1.0, 0.0, 0.0]), autograd.tensor([0.0, 1.0, 0.0]))
    tensor([0., 0., 1.])
    """
    if ndim_of("cross", "input", input) != ndim_of("cross", "other", other):
        first, second = tuple(input.shape), tuple(other.shape)
        raise ShapeError(f"cross: input has shape {first} and other {second}; expected as many dimensions")
    first, second = tuple(input.shape), tuple(other.shape)
    input, other = broadcast_tensors(input, other)
    dim = dim_of("cross", dim, input.ndim)
    at = dim - input.ndim
    if any(len(shape) < -at or shape[at] != 3 for shape in (first, second)):
        raise ShapeError(f"cross: dim {dim} of shapes {first} and {second} is not 3 in both")
    return _cross(input, other, dim)


@function(samples=lambda s: [(s(3, 3),), (s(2, 4),), (s(0, 0),)])
def trace(input: Any) -> Any:
    """The sum of the diagonal of a matrix.

    >>> autograd.trace(autograd.tensor([[1.0, 4.0], [3.0, 2.0]]))
    tensor(3.)
    """
    _of_rank("trace", "input", input, 2)
    return sum(diagonal(input))


# --------------------------------------------------------------------------------------------------- chains and powers


def _chain_order(sizes: list[int]) -> list[list[int]]:
    """Where to split matrices i to j for the fewest multiplications (Cormen et al., chapter 15.2); sizes are the
    borders."""
    n = len(sizes) - 1
    cost, split = [[0] * n for _ in range(n)], [[0] * n for _ in range(n)]
    for length in range(1, n):
        for i in range(n - length):
            j = i + length
            options = [cost[i][k] + cost[k + 1][j] + sizes[i] * sizes[k + 1] * sizes[j + 1] for k in range(i, j)]
            cost[i][j] = min(options)
            split[i][j] = i + options.index(cost[i][j])
    return split


@function(
    method=False, samples=lambda s: [([s(2, 3), s(3, 4), s(4, 2)],), ([s(3), s(3, 4), s(4)],), ([s(2, 3), s(3, 4)],)]
)
def linalg_multi_dot(tensors: Any) -> Any:
    """The product of two or more matrices in the cheapest order; the first and the last may be vectors.

    >>> autograd.linalg.multi_dot([autograd.ones(1, 2), autograd.ones(2, 3), autograd.ones(3, 1)])
    tensor([[6.]])
    """
    chain = list(tensors)
    if len(chain) < 2:
        raise ShapeError(f"multi_dot: expected at least 2 tensors, got {len(chain)}")
    for k, x in enumerate(chain):
        if x.ndim != 2 and not (x.ndim == 1 and k in (0, len(chain) - 1)):
            raise ShapeError(
                f"multi_dot: tensor {k} has shape {tuple(x.shape)}; expected a matrix, first and last may be vectors"
            )
    row, column = chain[0].ndim == 1, chain[-1].ndim == 1
    if row:
        chain[0] = unsqueeze(chain[0], 0)
    if column:
        chain[-1] = unsqueeze(chain[-1], 1)
    for k, (a, b) in enumerate(zip(chain, chain[1:], strict=False)):
        if a.shape[1] != b.shape[0]:
            raise ShapeError(f"multi_dot: tensors {k} and {k + 1} have shapes {tuple(a.shape)} and {tuple(b.shape)}")
    split = _chain_order([x.shape[0] for x in chain] + [chain[-1].shape[1]])

    def run(i: int, j: int) -> Any:
        return chain[i] if i == j else matmul(run(i, split[i][j]), run(split[i][j] + 1, j))

    y = run(0, len(chain) - 1)
    y = y[..., 0] if column else y
    return y[0] if row else y


@function(method=False, samples=lambda s: [(s(2, 3), s(3, 4), s(4, 2)), (s(2, 3),)])
def chain_matmul(*matrices: Any) -> Any:
    """`linalg.multi_dot` of matrices given one by one; of one matrix, itself.

    >>> autograd.chain_matmul(autograd.ones(1, 2), autograd.ones(2, 3), autograd.ones(3, 1))
    tensor([[6.]])
    """
    if len(matrices) == 1:
        _of_rank("chain_matmul", "the matrix", matrices[0], 2)
        return matrices[0]
    return linalg_multi_dot(matrices)


@function(samples=lambda s: [(s(3, 3), 3), (s(2, 2, 2), 2), (s.matrix(3), -2), (s(2, 2), 0), (s(2, 2), 1)])
def matrix_power(input: Any, n: int) -> Any:
    """The n-th power of square matrices (..., M, M): the inverse's for negative n, the identity for 0.

    >>> autograd.matrix_power(2 * autograd.eye(2), 3)
    tensor([[8., 0.],
            [0., 8.]])
    """
    square("matrix_power", input)
    if n == 0:
        return input * input.dtype.type(0) + np.eye(input.shape[-1], dtype=input.dtype)
    if n < 0:
        from .decomposition import linalg_inv

        input, n = linalg_inv(input), -n
    y, base = None, input
    while n:  # by squaring
        if n & 1:
            y = base if y is None else matmul(y, base)
        n >>= 1
        if n:
            base = matmul(base, base)
    return clone(y) if y is input else y


def square(name: str, input: Any) -> None:
    """Check that input holds square matrices."""
    if input.ndim < 2 or input.shape[-1] != input.shape[-2]:
        raise ShapeError(f"{name}: input has shape {tuple(input.shape)}; expected square matrices (..., M, M)")


# ----------------------------------------------------------------------------------------------------------- distances


def _euclidean_pull(g: Any, x1: Any, x2: Any, y: Any) -> Any:
    """The gradient in x1: the sum over rows r of g / y (x1 - x2[r]), by a product; 0 at distance 0."""
    apart = y > 0
    weights = _where(apart, over(g, _where(apart, y, 1.0)), 0.0)
    return sum(weights, -1, True) * x1 - matmul(weights, x2)


def _euclidean_joint(g: Any, x1: Any, x2: Any, y: Any, needs: list[bool]) -> list[Any]:
    if type(g) is type(x1) is type(x2) is ndarray:
        return pairs.distances_backward(g, x1, x2, y, needs)
    turned = transpose(g, -1, -2), x2, x1, transpose(y, -1, -2)
    return [_euclidean_pull(g, x1, x2, y) if needs[0] else None, _euclidean_pull(*turned) if needs[1] else None]


@op(
    joint=_euclidean_joint,
    n_inputs=2,
    samples=lambda s: [(s(2, 3, 4), s(2, 2, 4)), (s(1, 2, 1), s(1, 3, 1)), (s(2, 0, 3), s(2, 4, 3))],
)
def _euclidean(x1: Any, x2: Any) -> Any:
    """`cdist` of p = 2 for x1 (B, P, M) and x2 (B, R, M) of one dtype: no differences (B, P, R, M) are kept."""
    return pairs.distances(x1, x2)


@function(
    method=False,
    samples=lambda s: [
        (s(3, 4), s(2, 4)), (s(2, 3, 4), s(2, 2, 4), 1.0), (s(3, 4), s(2, 4), float("inf")),
        (s(3, 4), s(2, 4), 3.0), (s(0, 4), s(2, 4)),
    ],
)  # fmt: skip
def cdist(x1: Any, x2: Any, p: float = 2.0, compute_mode: str | None = None) -> Any:
    """The p-norm distance of every row of x1 (..., P, M) from every row of x2 (..., R, M): (..., P, R).

    Batches broadcast. The gradient at distance 0 is 0. compute_mode is taken for compatibility: distances always come from
    differences, never from products, which lose the digits of near rows.

    >>> autograd.cdist(autograd.zeros(1, 2), autograd.tensor([[3.0, 4.0], [0.0, 1.0]]))
    tensor([[5., 1.]])
    """
    for argument, x in (("x1", x1), ("x2", x2)):
        if ndim_of("cdist", argument, x) < 2:
            raise ShapeError(f"cdist: {argument} has shape {tuple(x.shape)}; expected (..., P, M)")
    if x1.shape[-1] != x2.shape[-1]:
        raise ShapeError(f"cdist: x1 has {x1.shape[-1]} columns and x2 {x2.shape[-1]}; expected as many")
    if p < 0:
        raise NumberError(f"cdist: p is {p}; expected 0 or more")
    large = x1.shape[-2] * x2.shape[-2] * x1.shape[-1] * prod(x1.shape[:-2]) >= 4096
    if p == 2 and large and x1.dtype == x2.dtype and x1.dtype in (float32, float64) and x1.shape[:-2] == x2.shape[:-2]:
        batch, (P, M), R = prod(x1.shape[:-2]), x1.shape[-2:], x2.shape[-2]
        y = _euclidean(reshape(x1, (batch, P, M)), reshape(x2, (batch, R, M)))
        return reshape(y, (*x1.shape[:-1], R))
    d = unsqueeze(x1, -2) - unsqueeze(x2, -3)
    return _vector_norm(d, p, -1) if x1.shape[-1] else sum(d, -1)


@function(
    method=False,
    samples=lambda s: [(s(3, 2), s(3, 4), s(5, 2, 4), s(5)), (s(2, 3, 2), s(2, 3, 4), s(5, 2, 4), None)],
)
def bilinear(input1: Any, input2: Any, weight: Any, bias: Any = None) -> Any:
    """y[..., o] = input1 @ weight[o] @ input2 + bias[o]: input1 (..., I), input2 (..., J), weight (O, I, J), bias
    (O,).

    >>> autograd.bilinear(autograd.ones(1, 2), autograd.ones(1, 3), autograd.ones(4, 2, 3))
    tensor([[6., 6., 6., 6.]])
    """
    if (
        weight.ndim != 3
        or input1.shape[:-1] != input2.shape[:-1]
        or (input1.shape[-1], input2.shape[-1]) != tuple(weight.shape[1:])
    ):
        raise ShapeError(
            f"bilinear: input1 has shape {tuple(input1.shape)}, input2 {tuple(input2.shape)}, weight "
            f"{tuple(weight.shape)}; "
            "expected (..., I), (..., J) and (O, I, J)"
        )
    if len({np.dtype(x.dtype) for x in (input1, input2, weight, *([] if bias is None else [bias]))}) > 1:
        raise DTypeError(
            f"bilinear: input1 is {input1.dtype}, input2 {input2.dtype}, weight {weight.dtype}"
            f"{'' if bias is None else f', bias {bias.dtype}'}; expected one dtype, cast with to()"
        )
    out, I, J = weight.shape
    rows = prod(input1.shape[:-1])
    left = reshape(input1, (rows, I)) @ reshape(permute(weight, (1, 0, 2)), (I, out * J))
    y = sum(reshape(left, (rows, out, J)) * reshape(input2, (rows, 1, J)), -1, False, np.dtype(input1.dtype))
    return reshape(y if bias is None else y + bias, (*input1.shape[:-1], out))
