"""Complex numbers: how they are made of real ones and taken apart, and which operations take them.

Backward carries dL/dRe - i dL/dIm through complex values, the conjugate of what `.grad` shows (`tape.conjugate`). So a formula
g * f'(x) holds for every holomorphic f as it stands, and the gradient of a real input is the real part of what comes to it.
The few operations that are not holomorphic (conj, abs, angle, imag, ...) have formulas of their own here.
Source: PyTorch, "Autograd mechanics", complex numbers; the carried form is that of the JAX autodiff cookbook.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy import ndarray

from .. import dtypes, tape
from ..errors import DTypeError, ShapeError
from ..op import REGISTRY, function, op, real_only
from ..samples import Draw
from ..tensor import Tensor
from .alias import alias
from .arithmetic import sqrt
from .chain import _zero, over
from .compare import _where, clamp
from .elementwise import abs as _modulus
from .elementwise import cos, sin
from .linalg import mT
from .reduce import _var, _vector_norm
from .shape import contiguous


def is_complex(x: Any) -> bool:
    """Whether a Tensor or an array is complex."""
    return x.dtype.kind == "c"


def _complex_tensor(name: str, x: Any) -> None:
    if not isinstance(x, (Tensor, ndarray, np.generic)):
        raise DTypeError(f"{name}: expected a Tensor, got {type(x).__name__}")
    if x.dtype.kind != "c":
        raise DTypeError(f"{name}: expected a complex tensor, got {x.dtype}; a real one has no imaginary part")


# ------------------------------------------------------------------------------------------------------- views


def _pairs(s: Draw) -> list[tuple[Any, ...]]:
    return [(s(3, 4, 2),), (s(2),)]


def _complex_samples(s: Draw) -> list[tuple[Any, ...]]:
    return [(s.complex(3, 4),), (s.complex(),), (s.complex(0, 2),)]


@op(lambda g: _conj(view_as_complex(contiguous(g))), view=True, method=False, samples=_complex_samples)
def view_as_real(input: Any) -> Any:
    """The real and imaginary parts of complex (...) as real (..., 2), on the same memory. Raises DTypeError for a real one.

    >>> autograd.view_as_real(autograd.tensor([1 + 2j]))
    tensor([[1., 2.]])
    """
    _complex_tensor("view_as_real", input)
    return np.asarray(input)[..., None].view(dtypes.REAL_PART[input.dtype])


@op(lambda g: view_as_real(_conj(g)), view=True, method=False, samples=_pairs)
def view_as_complex(input: Any) -> Any:
    """Real (..., 2) as complex (...), on the same memory. The two must lie beside one another: RuntimeError otherwise.

    >>> autograd.view_as_complex(autograd.tensor([[1.0, 2.0]]))
    tensor([1.+2.j])
    """
    if input.dtype not in dtypes.COMPLEX_OF:
        raise DTypeError(f"view_as_complex: expected float32 or float64, got {input.dtype}")
    if not input.ndim or input.shape[-1] != 2:
        raise ShapeError(f"view_as_complex: the last dimension must have size 2, got shape {tuple(input.shape)}")
    if input.size and input.strides[-1] != input.itemsize:
        raise ShapeError("view_as_complex: the last dimension must have stride 1; use contiguous()")
    dtypes.complex_made()
    return input.view(dtypes.COMPLEX_OF[input.dtype])[..., 0]


@op(lambda g: g, view=True, method=False, samples=_complex_samples)
def _real(input: Any) -> Any:
    """The real parts, on the same memory."""
    _complex_tensor("real", input)
    return input.real


@op(lambda g: g * -1j, view=True, method=False, samples=_complex_samples)
def _imag(input: Any) -> Any:
    """The imaginary parts, on the same memory."""
    _complex_tensor("imag", input)
    return input.imag


@function(method=False, samples=lambda s: [*_complex_samples(s), (s(3),)])
def real(input: Any) -> Any:
    """The real parts, on the same memory: what is written there arrives. A real tensor is its own.

    >>> autograd.real(autograd.tensor([1 + 2j]))
    tensor([1.])
    """
    return _real(input) if is_complex(input) else input


@function(method=False, samples=_complex_samples)
def imag(input: Any) -> Any:
    """The imaginary parts, on the same memory: what is written there arrives. Raises DTypeError for a real tensor.

    >>> autograd.imag(autograd.tensor([1 + 2j]))
    tensor([2.])
    """
    _complex_tensor("imag", input)
    return _imag(input)


# ------------------------------------------------------------------------------------------------ made of two parts


def _two_parts(s: Draw) -> list[tuple[Any, ...]]:
    return [(s(3, 4), s(3, 4)), (s(3, 1), s(4)), (s(), s()), (s(0, 2), s(2))]


def _of_parts(name: str, first: str, a: Any, second: str, b: Any) -> None:
    for argument, x in ((first, a), (second, b)):
        if not isinstance(x, (ndarray, np.generic)) or x.dtype not in dtypes.COMPLEX_OF:
            got = getattr(x, "dtype", type(x).__name__)
            raise DTypeError(f"{name}: {argument} must be a tensor of float32 or float64, got {got}")
    if a.dtype != b.dtype:
        raise DTypeError(f"{name}: {first} is {a.dtype} and {second} {b.dtype}; expected one dtype")
    dtypes.complex_made()


@op(lambda g: real(g), lambda g: -imag(g), samples=_two_parts)
def _complex(real: Any, imag: Any) -> Any:
    """real + imag i, broadcast."""
    _of_parts("complex", "real", real, "imag", imag)
    y = np.empty(np.broadcast_shapes(real.shape, imag.shape), dtypes.COMPLEX_OF[real.dtype])
    y.real, y.imag = real, imag
    return y


@function(method=False, samples=_two_parts)
def complex(real: Any, imag: Any) -> Any:
    """real + imag i, broadcast, of two real tensors of one dtype: float32 gives complex64, float64 complex128.

    >>> autograd.complex(autograd.tensor([1.0]), autograd.tensor([2.0]))
    tensor([1.+2.j])
    """
    return _complex(real, imag)


@op(
    lambda g, angle: real(g * _complex(cos(angle), sin(angle))),
    lambda g, y: -imag(g * y),
    method=False,
    samples=lambda s: [(s.positive(3, 4), s(3, 4)), (s.positive(3, 1), s(4)), (s.positive(), s()), (s(0, 2), s(2))],
)
def polar(abs: Any, angle: Any) -> Any:
    """abs * (cos(angle) + sin(angle) i), broadcast, of two real tensors of one dtype.

    >>> autograd.polar(autograd.tensor([2.0]), autograd.tensor([0.0]))
    tensor([2.+0.j])
    """
    _of_parts("polar", "abs", abs, "angle", angle)
    y = np.empty(np.broadcast_shapes(abs.shape, angle.shape), dtypes.COMPLEX_OF[abs.dtype])
    np.multiply(abs, np.cos(angle), out=y.real)
    np.multiply(abs, np.sin(angle), out=y.imag)
    return y


# --------------------------------------------------------------------------------------------------- conjugates


@op(lambda g: _conj(g), samples=_complex_samples)
def _conj(input: Any) -> Any:
    """The complex conjugate, a copy."""
    return np.conjugate(input)


tape.conj = _conj


@function(samples=lambda s: [(s(3, 4),), (s.complex(3, 4),)])
def conj(input: Any) -> Any:
    """The complex conjugate, in memory of its own; a real tensor itself, since it is its own.

    >>> autograd.conj(autograd.tensor([1 + 2j]))
    tensor([1.-2.j])
    """
    return _conj(input) if is_complex(input) else input


@function(samples=lambda s: [(s(2, 3),), (s.complex(2, 3),)], inplace=True)
def conj_physical(input: Any) -> Any:
    """`conj`, which is never put off here.

    >>> autograd.conj_physical(autograd.tensor([1 + 2j]))
    tensor([1.-2.j])
    """
    return _conj(input) if is_complex(input) else input


@function(samples=lambda s: [(s(2, 3),), (s.complex(2, 3),)])
def resolve_conj(input: Any) -> Any:
    """The input: no conjugate waits to be computed.

    >>> autograd.resolve_conj(autograd.tensor([1 + 2j]))
    tensor([1.+2.j])
    """
    return input


alias(resolve_conj, "resolve_neg")


@function(samples=lambda s: [(s(2, 3),), (s(2, 3, 4),), (s.complex(2, 3),)])
def adjoint(input: Any) -> Any:
    """The last two dims exchanged, and of complex matrices the conjugate.

    >>> autograd.adjoint(autograd.zeros(2, 3)).shape
    Size([3, 2])
    """
    if not len(input.shape):
        return conj(input)
    if len(input.shape) < 2:
        raise ShapeError(f"adjoint: expected matrices (..., M, N), got shape {tuple(input.shape)}")
    return mT(conj(input))


# --------------------------------------------------------------------------------------------- modulus and angle


def _nonzero(x: Any) -> Any:
    """x with 1 in place of 0, a divisor where what is divided is 0 too."""
    return _where(x == 0, 1.0, x)


@op(lambda g, input, y: over(g * _conj(input), _nonzero(y)), samples=_complex_samples)
def _abs(input: Any) -> Any:
    """The modulus. The gradient at 0 is 0."""
    return np.absolute(input)


def _sgn(input: Any) -> Any:
    """input / |input|, 0 at 0, where the gradient is 0 too."""
    modulus = _modulus(input)
    return _where(modulus == 0, 0.0, input / _nonzero(modulus))


@op(
    lambda g, input: over(_conj(input) * (g * -1j), _nonzero(input * _conj(input))),
    samples=_complex_samples,
)
def _angle(input: Any) -> Any:
    """The angle in the complex plane. The gradient at 0 is 0."""
    return np.angle(input)


@op(lambda g: _zero(g), promote="float", samples=lambda s: [(s(3, 4),), (s(),), (s(0, 2),)])
def angle(input: Any) -> Any:
    """The angle in the complex plane: of real numbers 0 for positive, pi for negative ones, NaN for NaN.

    The gradient is 0 for real numbers, and at 0.

    >>> autograd.angle(autograd.tensor([1.0, -1.0]))
    tensor([0.0000, 3.1416])
    """
    return np.where(np.isnan(input), input, np.where(input < 0, np.pi, 0)).astype(input.dtype)


# ------------------------------------------------------------------------------------- what takes complex arrays


def _both_parts(call: Any) -> Callable[..., Any]:
    """The variance of complex numbers: that of the real parts and that of the imaginary parts added."""
    return lambda input, *args: (call(_real(input), *args)[0] + call(_imag(input), *args)[0],)


def _norm(input: Any, p: Any, *args: Any) -> Any:
    real_only("norm", p)
    return _vector_norm(_abs(input), p, *args)


def _unit(input: Any, p: Any, dim: Any, eps: float) -> tuple[Any]:
    return (input / clamp(_norm(input, p, dim, True), eps),)


def _lerp(input: Any, end: Any, weight: Any) -> Any:
    return input + weight * (end - input)


# Operations whose body and formulas hold for complex arrays as they are ...
AS_THEY_ARE = """
    _fitted _outside _convert _times _over _product _zero
    _add _sub mul true_divide neg positive _pow square sqrt rsqrt reciprocal
    exp expm1 log log2 log10 log1p sigmoid sin cos tan asin acos atan sinh cosh tanh asinh atanh
    eq ne logical_and logical_or logical_xor logical_not isnan isinf isfinite isreal _where fill
    sum mean prod cumprod _carry cumsum _cumsum_back _shifted all any count_nonzero _nonzero
    matmul _linear _cross linalg_inv _solve linalg_det
    _getitem _put_zeros _index _index_sum _index_put _overwrite _index_select _index_select_sum _gather _gather_sum _masked_fill
    _scatter _scatter_add _index_add _index_copy
    _cat _stack _split _unbind
    _reshape _permute transpose _expand _fresh diagonal _diagonal_scatter tril triu unfold _unfold_scatter _clone _contiguous
    _channels_last _as_strided _strided_sum
    _pad_constant _pad_copies _pad_fold _repeat_each _flip _roll
    view_as_real _real _imag _conj _abs _angle
    _fourier _half_inverse
"""
# ... and those with another body, given the same arguments.
OTHERWISE: dict[str, Callable[..., Any]] = {
    "abs": _abs,
    "sgn": _sgn,
    "angle": _angle,
    "lerp": _lerp,
    "_var": _both_parts(_var),
    "_std": lambda *args: (sqrt(_both_parts(_var)(*args)[0]),),
    "_vector_norm": _norm,
    "_normalize": _unit,
}


def enter() -> None:
    """Tell the registry, which must be full by then."""
    for name in AS_THEY_ARE.split():
        REGISTRY[name].complex = True
    for name, form in OTHERWISE.items():
        REGISTRY[name].complex = form
