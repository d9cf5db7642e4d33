"""Discrete Fourier transforms, their inverses, and the transforms of short stretches of a signal.

Values come from `kernels.fourier`, of few signals and of lengths with large prime factors from numpy's pocketfft, which keeps
float32. A transform is a symmetric linear map, so its derivative is the
transform itself: see `complexes` for what backward carries. Source: PyTorch, torch.fft, torch.stft, torch.istft.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod, sqrt
from typing import Any, Literal, cast

import numpy as np
from numpy import ndarray

from .. import dtypes
from ..errors import DTypeError, NumberError, ShapeError
from ..kernels import fourier as kernels
from ..op import function, op
from ..samples import Draw
from ..tensor import Tensor
from .arrange import roll
from .complexes import _conj, is_complex, view_as_real
from .convert import to_dtype
from .dims import dims_of
from .index import _getitem, narrow
from .pad import _pad_constant, pad
from .shape import _reshape, _unfold_scatter, expand, transpose, unfold, unsqueeze

Norm = Literal["backward", "forward", "ortho"]
_OTHER: dict[Norm, Norm] = {
    "backward": "forward",
    "forward": "backward",
    "ortho": "ortho",
}  # of the transform that goes the other way

# ------------------------------------------------------------------------------------------------- three transforms


def _factor(n: int, inverse: bool, norm: Norm) -> float:
    """What the sums of a transform of n values are multiplied by."""
    if norm == "ortho":
        return 1 / sqrt(max(n, 1))
    return 1 / max(n, 1) if (norm == "backward") == inverse else 1.0


def _along(x: ndarray, dims: Sequence[int], inverse: bool, norm: Norm) -> Any:
    """The transform of complex numbers over one dim after the other: of many signals by the kernel, else by numpy's."""
    plain: Any = np.fft.ifft if inverse else np.fft.fft
    for d in dims:
        y = kernels.transformed(x, d, inverse, _factor(x.shape[d], inverse, norm))
        x = plain(x, axis=d, norm=norm) if y is None else y
    return x


@op(
    lambda g, dims, inverse, norm: _fourier(g, dims, inverse, norm),
    samples=lambda s: [
        (s.complex(3, 4), (1,), False, "backward"), (s.complex(3, 5), (0, 1), True, "backward"),
        (s.complex(4), (0,), False, "ortho"), (s.complex(2, 3), (1,), True, "forward"),
    ],
)  # fmt: skip
def _fourier(input: Any, dims: tuple[int, ...], inverse: bool, norm: Norm) -> Any:
    """The transform of complex numbers over `dims`, or the inverse one."""
    return _along(input, dims, inverse, norm)


def _weights(n: int, dtype: np.dtype, inner: float) -> ndarray:
    """How often a value of half a spectrum of length n counts: once at 0 and, if n is even, at n / 2, else `inner` times."""
    w = np.full(n // 2 + 1, inner, dtype)
    w[0] = 1
    if n % 2 == 0:
        w[-1] = 1
    return w


def _half_pull(g: Any, n: int, dims: tuple[int, ...], norm: Norm) -> Any:
    w = _weights(n, dtypes.REAL_PART[g.dtype], 0.5)
    w = w.reshape(-1, *[1] * (g.ndim - 1 - dims[-1]))
    return _half_inverse(_conj(g) * w, n, dims, _OTHER[norm])


@op(
    lambda g, input_shape, dims, norm: _half_pull(g, input_shape[dims[-1]], dims, norm),
    samples=lambda s: [
        (s(3, 4), (1,), "backward"), (s(3, 5), (0, 1), "ortho"), (s(4, 3), (1, 0), "forward"), (s(1), (0,), "backward"),
    ],
)  # fmt: skip
def _half(input: Any, dims: tuple[int, ...], norm: Norm) -> Any:
    """The transform of real numbers over `dims`, of the last one only the half that tells the other."""
    dtypes.complex_made()
    half: Any = kernels.of_reals(input, dims[-1], _factor(input.shape[dims[-1]], False, norm))
    if half is None:
        half = np.fft.rfft(input, axis=dims[-1], norm=norm)
    return _along(half, dims[-2::-1], False, norm)


def _half_inverse_pull(g: Any, n: int, dims: tuple[int, ...], norm: Norm) -> Any:
    w = _weights(n, g.dtype, 2.0)
    return _conj(_half(g, dims, _OTHER[norm])) * w.reshape(-1, *[1] * (g.ndim - 1 - dims[-1]))


@op(
    lambda g, n, dims, norm: _half_inverse_pull(g, n, dims, norm),
    samples=lambda s: [
        (s.complex(3, 4), 6, (1,), "backward"), (s.complex(3, 3), 5, (0, 1), "ortho"),
        (s.complex(3, 2), 4, (1, 0), "forward"), (s.complex(1), 1, (0,), "backward"),
    ],
)  # fmt: skip
def _half_inverse(input: Any, n: int, dims: tuple[int, ...], norm: Norm) -> Any:
    """The n real numbers of half a spectrum of n // 2 + 1 along the last of `dims`; the inverse of `_half`."""
    half = _along(input, dims[:-1], True, norm)
    y: Any = kernels.to_reals(half, n, dims[-1], _factor(n, True, norm))
    return np.fft.irfft(half, n, dims[-1], norm) if y is None else y


# ------------------------------------------------------------------------------------------------------- arguments


def _norm(name: str, norm: Any) -> Norm:
    if norm is None:
        return "backward"
    if norm not in _OTHER:
        raise NumberError(f"{name}: norm must be None, 'backward', 'ortho' or 'forward', got {norm!r}")
    return cast(Norm, norm)


def _given(name: str, x: Any, complex: bool) -> Any:
    """A Tensor of floats, or (where `complex`) of complex numbers; integers and bools become floats."""
    if not isinstance(x, (Tensor, ndarray)):
        raise DTypeError(f"{name}: expected a Tensor, got {type(x).__name__}")
    dtype = dtypes.as_dtype(x.dtype if x.dtype.kind in "fc" else dtypes._default)
    if dtype.kind == "c" and not complex:
        raise DTypeError(f"{name}: expected a real tensor, got {dtype}; fft takes complex ones")
    return to_dtype(x, dtypes.COMPLEX_OF[dtype] if complex and dtype.kind == "f" else dtype)


def _axes(name: str, x: Any, s: Any, dim: Any) -> tuple[tuple[int, ...], list[int | None]]:
    """The dims to transform, and the lengths asked for: all of them, the last len(s), or those given."""
    ndim = len(x.shape)
    sizes = None if s is None else [s] if isinstance(s, int) else list(s)
    if dim is None:
        if sizes is not None and len(sizes) > ndim:
            raise ShapeError(f"{name}: s names {len(sizes)} lengths, the tensor has only {ndim} dimensions")
        dims = tuple(range(ndim - len(sizes) if sizes is not None else 0, ndim))
    else:
        dims = dims_of(name, dim, ndim)
    if sizes is None:
        return dims, [None] * len(dims)
    if len(sizes) != len(dims):
        raise ShapeError(f"{name}: s names {len(sizes)} lengths for {len(dims)} dims; expected as many")
    return dims, [None if n == -1 else n for n in sizes]


def _length(name: str, n: Any) -> int:
    if n < 1:
        raise ShapeError(f"{name}: a transform needs at least one point, got {n}")
    return int(n)


def _cut_or_filled(name: str, x: Any, dims: tuple[int, ...], sizes: list[int | None]) -> Any:
    """x with those lengths along `dims`: cut off at the end, or filled up with zeros there."""
    for d, n in zip(dims, sizes, strict=True):
        length = x.shape[d]
        wanted = _length(name, length if n is None else n)
        if wanted < length:
            x = narrow(x, d, 0, wanted)
        elif wanted > length:
            pads = tuple([(0, wanted - length if i == d else 0) for i in range(len(x.shape))])
            x = _pad_constant(x, pads, 0)
    return x


def _whole(name: str, input: Any, s: Any, dim: Any, norm: Any, inverse: bool) -> Any:
    norm = _norm(name, norm)
    x = _given(name, input, True)
    dims, sizes = _axes(name, x, s, dim)
    x = _cut_or_filled(name, x, dims, sizes)
    return _fourier(x, dims, inverse, norm) if dims else x


def _of_reals(name: str, input: Any, s: Any, dim: Any, norm: Any) -> Any:
    norm = _norm(name, norm)
    x = _given(name, input, False)
    dims, sizes = _axes(name, x, s, dim)
    _some(name, dims)
    return _half(_cut_or_filled(name, x, dims, sizes), dims, norm)


def _to_reals(name: str, input: Any, s: Any, dim: Any, norm: Any) -> Any:
    norm = _norm(name, norm)
    x = _given(name, input, True)
    dims, sizes = _axes(name, x, s, dim)
    _some(name, dims)
    n = _length(name, 2 * (x.shape[dims[-1]] - 1) if sizes[-1] is None else sizes[-1])
    return _half_inverse(_cut_or_filled(name, x, dims, [*sizes[:-1], n // 2 + 1]), n, dims, norm)


def _some(name: str, dims: tuple[int, ...]) -> None:
    if not dims:
        raise ShapeError(f"{name}: expected at least one dim to transform, got none")


# ------------------------------------------------------------------------------------------------- one dimension


def _lines(s: Draw) -> list[tuple[Any, ...]]:
    """Odd and even lengths, cut off and filled up, every norm."""
    return [
        (s.complex(3, 4),), (s.complex(5), 3), (s.complex(3, 2), 4, 0), (s(4),), (s.complex(2, 3), None, -1, "ortho"),
        (s.complex(2, 3), 4, 1, "forward"),
    ]  # fmt: skip


def _real_lines(s: Draw) -> list[tuple[Any, ...]]:
    return [
        (s(3, 4),), (s(5), 3), (s(3, 2), 4, 0), (s(5),), (s(2, 3), None, -1, "ortho"), (s(2, 3), 4, 1, "forward"),
        (s(3), 1),
    ]  # fmt: skip


def _half_lines(s: Draw) -> list[tuple[Any, ...]]:
    return [
        (s.complex(3, 4),), (s.complex(4), 7), (s.complex(5), 4), (s.complex(3, 2), 6, 0), (s(4),),
        (s.complex(2, 3), None, -1, "ortho"), (s.complex(2, 3), 5, 1, "forward"),
    ]  # fmt: skip


@function(method=False, samples=_lines)
def fft_fft(input: Any, n: int | None = None, dim: int = -1, norm: str | None = None) -> Any:
    """The discrete Fourier transform along `dim`: y[k] = sum over j of input[j] exp(-2 pi i j k / n), complex.

    n: the length to which the input is cut off or filled up with zeros. norm: "forward" divides by n, "ortho" by its root.
    Raises RuntimeError for a length below 1, IndexError for a dim out of range.

    >>> autograd.fft.fft(autograd.tensor([1.0, 2.0, 3.0, 4.0]))
    tensor([10.+0.j, -2.+2.j, -2.+0.j, -2.-2.j])
    """
    return _whole("fft.fft", input, n, dim, norm, False)


@function(method=False, samples=_lines)
def fft_ifft(input: Any, n: int | None = None, dim: int = -1, norm: str | None = None) -> Any:
    """The inverse of `fft.fft`: exp(+2 pi i j k / n), and divided by n unless norm is "forward" or "ortho".

    >>> autograd.fft.ifft(autograd.tensor([10 + 0j, -2 + 2j, -2, -2 - 2j]))
    tensor([1.+0.j, 2.+0.j, 3.+0.j, 4.+0.j])
    """
    return _whole("fft.ifft", input, n, dim, norm, True)


@function(method=False, samples=_real_lines)
def fft_rfft(input: Any, n: int | None = None, dim: int = -1, norm: str | None = None) -> Any:
    """`fft.fft` of a real tensor, only the n // 2 + 1 values that tell the others. Raises DTypeError for a complex one.

    >>> autograd.fft.rfft(autograd.tensor([1.0, 2.0, 3.0, 4.0]))
    tensor([10.+0.j, -2.+2.j, -2.+0.j])
    """
    return _of_reals("fft.rfft", input, n, dim, norm)


@function(method=False, samples=_half_lines)
def fft_irfft(input: Any, n: int | None = None, dim: int = -1, norm: str | None = None) -> Any:
    """The inverse of `fft.rfft`: n real values, by default 2 (m - 1) from m; an odd n has to be given.

    >>> autograd.fft.irfft(autograd.tensor([10 + 0j, -2 + 2j, -2]))
    tensor([1., 2., 3., 4.])
    """
    return _to_reals("fft.irfft", input, n, dim, norm)


@function(method=False, samples=_half_lines)
def fft_hfft(input: Any, n: int | None = None, dim: int = -1, norm: str | None = None) -> Any:
    """The real transform, of n values, of a signal of which half is given, the other half being its conjugate in reverse.

    >>> autograd.fft.hfft(autograd.tensor([1 + 0j, 1, 1]))
    tensor([4., 0., 0., 0.])
    """
    norm = _norm("fft.hfft", norm)
    return _to_reals("fft.hfft", _conj(_given("fft.hfft", input, True)), n, dim, _OTHER[norm])


@function(method=False, samples=_real_lines)
def fft_ihfft(input: Any, n: int | None = None, dim: int = -1, norm: str | None = None) -> Any:
    """The inverse of `fft.hfft`: half of the inverse transform of a real tensor.

    >>> autograd.fft.ihfft(autograd.tensor([4.0, 0.0, 0.0, 0.0]))
    tensor([1.-0.j, 1.-0.j, 1.-0.j])
    """
    norm = _norm("fft.ihfft", norm)
    return _conj(_of_reals("fft.ihfft", input, n, dim, _OTHER[norm]))


# ------------------------------------------------------------------------------------------------- several dimensions


def _planes(s: Draw) -> list[tuple[Any, ...]]:
    return [
        (s.complex(3, 4),), (s.complex(2, 3, 2), (3, 4)), (s.complex(3, 2, 2), None, (0, 2), "ortho"), (s(2, 3),),
        (s.complex(3, 2), (2, -1), (0, 1), "forward"),
    ]  # fmt: skip


def _real_planes(s: Draw) -> list[tuple[Any, ...]]:
    return [
        (s(3, 4),), (s(2, 3, 2), (3, 4)), (s(3, 2, 3), None, (0, 2), "ortho"), (s(3, 2), (2, -1), (1, 0), "forward"),
    ]  # fmt: skip


_PLANE = (-2, -1)


@function(method=False, samples=_planes)
def fft_fft2(input: Any, s: Any = None, dim: Any = _PLANE, norm: str | None = None) -> Any:
    """`fft.fft` over two dims, by default the last.

    >>> autograd.fft.fft2(autograd.ones(2, 2))
    tensor([[4.+0.j, 0.+0.j],
            [0.+0.j, 0.+0.j]])
    """
    return _whole("fft.fft2", input, s, dim, norm, False)


@function(method=False, samples=_planes)
def fft_ifft2(input: Any, s: Any = None, dim: Any = _PLANE, norm: str | None = None) -> Any:
    """The inverse of `fft.fft2`.

    >>> autograd.fft.ifft2(autograd.ones(2, 2))
    tensor([[1.+0.j, 0.+0.j],
            [0.+0.j, 0.+0.j]])
    """
    return _whole("fft.ifft2", input, s, dim, norm, True)


@function(method=False, samples=_real_planes)
def fft_rfft2(input: Any, s: Any = None, dim: Any = _PLANE, norm: str | None = None) -> Any:
    """`fft.fft2` of a real tensor, of the last of the dims only the half that tells the other.

    >>> autograd.fft.rfft2(autograd.ones(2, 4)).shape
    Size([2, 3])
    """
    return _of_reals("fft.rfft2", input, s, dim, norm)


@function(method=False, samples=_planes)
def fft_irfft2(input: Any, s: Any = None, dim: Any = _PLANE, norm: str | None = None) -> Any:
    """The inverse of `fft.rfft2`; s has to be given where the last length was odd.

    >>> autograd.fft.irfft2(autograd.fft.rfft2(autograd.ones(2, 3)), s=(2, 3))
    tensor([[1., 1., 1.],
            [1., 1., 1.]])
    """
    return _to_reals("fft.irfft2", input, s, dim, norm)


@function(method=False, samples=_planes)
def fft_fftn(input: Any, s: Any = None, dim: Any = None, norm: str | None = None) -> Any:
    """`fft.fft` over several dims, by default all, or the last len(s).

    >>> autograd.fft.fftn(autograd.ones(2))
    tensor([2.+0.j, 0.+0.j])
    """
    return _whole("fft.fftn", input, s, dim, norm, False)


@function(method=False, samples=_planes)
def fft_ifftn(input: Any, s: Any = None, dim: Any = None, norm: str | None = None) -> Any:
    """The inverse of `fft.fftn`.

    >>> autograd.fft.ifftn(autograd.ones(2))
    tensor([1.+0.j, 0.+0.j])
    """
    return _whole("fft.ifftn", input, s, dim, norm, True)


@function(method=False, samples=_real_planes)
def fft_rfftn(input: Any, s: Any = None, dim: Any = None, norm: str | None = None) -> Any:
    """`fft.fftn` of a real tensor, of the last of the dims only the half that tells the other.

    >>> autograd.fft.rfftn(autograd.ones(4)).shape
    Size([3])
    """
    return _of_reals("fft.rfftn", input, s, dim, norm)


@function(method=False, samples=_planes)
def fft_irfftn(input: Any, s: Any = None, dim: Any = None, norm: str | None = None) -> Any:
    """The inverse of `fft.rfftn`; s has to be given where the last length was odd.

    >>> autograd.fft.irfftn(autograd.fft.rfftn(autograd.ones(4)))
    tensor([1., 1., 1., 1.])
    """
    return _to_reals("fft.irfftn", input, s, dim, norm)


def _shifted(name: str, input: Any, dim: Any, half: Any) -> Any:
    shape = tuple(input.shape)
    dims = tuple(range(len(shape))) if dim is None else dims_of(name, dim, len(shape))
    return roll(input, tuple([half(shape[d]) for d in dims]), dims) if dims else input


@function(method=False, samples=lambda s: [(s(3, 4),), (s(5, 2), 0), (s.complex(3, 3), (0, 1))])
def fft_fftshift(input: Any, dim: Any = None) -> Any:
    """Rolled along `dim` (all dims) so that what stands at 0 comes to n // 2.

    >>> autograd.fft.fftshift(autograd.fft.fftfreq(4))
    tensor([-0.5000, -0.2500,  0.0000,  0.2500])
    """
    return _shifted("fft.fftshift", input, dim, lambda n: n // 2)


@function(method=False, samples=lambda s: [(s(3, 4),), (s(5, 2), 0), (s.complex(3, 3), (0, 1))])
def fft_ifftshift(input: Any, dim: Any = None) -> Any:
    """The inverse of `fft.fftshift`.

    >>> autograd.fft.ifftshift(autograd.fft.fftshift(autograd.arange(3)))
    tensor([0, 1, 2])
    """
    return _shifted("fft.ifftshift", input, dim, lambda n: (n + 1) // 2)


# ------------------------------------------------------------------------------------------------- stretches of a signal


def _framing(name: str, x: Any, n_fft: int, hop: int | None, win: int | None, window: Any) -> tuple[int, int, Any]:
    """The hop and the length of the window, checked, and the window in the middle of n_fft places; None for ones."""
    hop = n_fft // 4 if hop is None else hop
    win = n_fft if win is None else win
    if hop <= 0:
        raise ShapeError(f"{name}: expected hop_length > 0, got {hop}")
    if not 0 < win <= n_fft:
        raise ShapeError(f"{name}: expected 0 < win_length <= n_fft, got {win} and {n_fft}")
    if window is None:
        window = np.ones(win, dtypes.REAL_PART.get(x.dtype, x.dtype)) if win < n_fft else None
    elif tuple(window.shape) != (win,):
        raise ShapeError(f"{name}: expected a window of shape ({win},), got {tuple(window.shape)}")
    if window is not None and win < n_fft:
        left = (n_fft - win) // 2
        window = _pad_constant(window, ((left, n_fft - win - left),), 0)
    return hop, win, window


def _signals(s: Draw) -> list[tuple[Any, ...]]:
    return [
        (s(10), 4, {"return_complex": True}), (s(2, 9), 4, 2, 3, s.positive(3), {"return_complex": True}),
        (s(8), 4, 3, {"center": False, "normalized": True, "return_complex": True}),
        (s(9), 5, 2, {"onesided": False, "pad_mode": "constant", "return_complex": True}),
        (s.complex(8), 4, 2, {"return_complex": True}), (s(8), 4, {"return_complex": False}),
    ]  # fmt: skip


@function(samples=_signals)
def stft(
    input: Any, n_fft: int, hop_length: int | None = None, win_length: int | None = None, window: Any = None,
    center: bool = True, pad_mode: str = "reflect", normalized: bool = False, onesided: bool | None = None,
    return_complex: bool | None = None, align_to_window: bool | None = None,
) -> Any:  # fmt: skip
    """The Fourier transforms of the windows of n_fft samples every hop_length (n_fft // 4): (L,) or (B, L) to (..., N, frames).

    window: (win_length,), by default ones, put in the middle of n_fft places. center: the signal is padded by n_fft // 2 on
    both sides, so that frame t stands around sample t * hop_length. N is n_fft // 2 + 1 where onesided, as by default for
    real signals, else n_fft. normalized: divided by the root of n_fft. return_complex has to be given for real signals;
    False gives real (..., N, frames, 2). Raises RuntimeError for sizes that do not fit.

    >>> autograd.stft(autograd.ones(8), 4, return_complex=True).shape
    Size([3, 9])
    """
    x = input
    if not isinstance(x, (Tensor, ndarray)) or x.dtype.kind not in "fc":
        raise DTypeError(
            f"stft: expected floating-point or complex samples, got {getattr(x, 'dtype', type(x).__name__)}"
        )
    complex_in = is_complex(x) or (window is not None and is_complex(window))
    if return_complex is None:
        if not complex_in:
            raise ShapeError("stft: return_complex must be given for real inputs; True gives a complex tensor")
        return_complex = True
    if align_to_window is not None and center:
        raise ShapeError("stft: align_to_window can only be given where center is False")
    if align_to_window:
        raise ShapeError("stft: align_to_window is not supported; leave it out")
    ndim = len(x.shape)
    if ndim not in (1, 2):
        raise ShapeError(f"stft: expected a signal (L,) or (B, L), got shape {tuple(x.shape)}")
    if ndim == 1:
        x = unsqueeze(x, 0)
    if center:
        x = pad(unsqueeze(x, 1), (n_fft // 2, n_fft // 2), pad_mode)[:, 0]
    if not 0 < n_fft <= x.shape[-1]:
        raise ShapeError(f"stft: expected 0 < n_fft <= {x.shape[-1]}, the length of the signal, got {n_fft}")
    hop, _, window = _framing("stft", x, n_fft, hop_length, win_length, window)
    frames = unfold(x, -1, n_fft, hop)
    if window is not None:
        frames = frames * window
    onesided = not complex_in if onesided is None else onesided
    if onesided and complex_in:
        raise ShapeError("stft: a complex signal or window has no onesided transform; leave onesided out")
    norm: Norm = "ortho" if normalized else "backward"
    last = (len(frames.shape) - 1,)
    y = _half(frames, last, norm) if onesided else _fourier(_given("stft", frames, True), last, False, norm)
    y = transpose(y, -1, -2)
    y = y[0] if ndim == 1 else y
    return y if return_complex else view_as_real(y)


def _spectra(s: Draw) -> list[tuple[Any, ...]]:
    return [
        (s.complex(3, 5), 4), (s.complex(2, 3, 4), 4, 2, 4, s.positive(4)), (s.complex(3, 4), 4, 1, {"length": 6}),
        (s.complex(3, 4), 5, 2, {"normalized": True, "center": False}),
        (s.complex(4, 4), 4, 2, {"onesided": False, "return_complex": True}),
    ]  # fmt: skip


@function(samples=_spectra)
def istft(
    input: Any, n_fft: int, hop_length: int | None = None, win_length: int | None = None, window: Any = None,
    center: bool = True, normalized: bool = False, onesided: bool | None = None, length: int | None = None,
    return_complex: bool = False,
) -> Any:  # fmt: skip
    """The signal whose `stft` comes closest to complex (N, frames) or (B, N, frames): windows overlapped and added.

    The arguments are those of the `stft`. length: to which the signal is cut off or filled up with zeros. Raises RuntimeError
    for sizes that do not fit, and where the windows leave a sample out.

    >>> x = autograd.arange(8.0)
    >>> autograd.istft(autograd.stft(x, 4, return_complex=True), 4)
    tensor([0., 1., 2., 3., 4., 5., 6., 7.])
    """
    if not isinstance(input, (Tensor, ndarray)) or not is_complex(input):
        raise DTypeError(f"istft: expected a complex tensor, got {getattr(input, 'dtype', type(input).__name__)}")
    ndim = len(input.shape)
    if ndim not in (2, 3) or not prod(input.shape):
        raise ShapeError(f"istft: expected (N, frames) or (B, N, frames), none of them 0, got {tuple(input.shape)}")
    x = unsqueeze(input, 0) if ndim == 2 else input
    bins, count = x.shape[1], x.shape[2]
    onesided = bins != n_fft if onesided is None else onesided
    if bins != (n_fft // 2 + 1 if onesided else n_fft):
        raise ShapeError(f"istft: {bins} frequencies do not fit n_fft {n_fft}, onesided {onesided}")
    if onesided and return_complex:
        raise ShapeError("istft: a onesided transform is that of a real signal; leave return_complex out")
    hop, win, window = _framing("istft", x, n_fft, hop_length, win_length, window)
    if hop > win:
        raise ShapeError(f"istft: expected hop_length <= win_length, got {hop} and {win}")
    norm: Norm = "ortho" if normalized else "backward"
    frames = transpose(x, 1, 2)
    if return_complex:
        frames = _fourier(frames, (2,), True, norm)
    elif onesided:
        frames = _half_inverse(frames, n_fft, (2,), norm)
    else:
        frames = _half_inverse(_getitem(frames, (..., slice(n_fft // 2 + 1))), n_fft, (2,), norm)
    total = n_fft + hop * (count - 1)
    if window is None:
        square = np.ones((1, count, n_fft), dtypes.REAL_PART[dtypes.as_dtype(x.dtype)])
    else:
        frames, square = frames * window, expand(_reshape(window * window, (1, 1, n_fft)), (1, count, n_fft))
    signal = _unfold_scatter(frames, (x.shape[0], total), 1, n_fft, hop)
    weight = _unfold_scatter(square, (1, total), 1, n_fft, hop)
    start = n_fft // 2 if center else 0
    end = total if length is None else min(start + length, total)
    if length is None and center:
        end = total - n_fft // 2
    signal, weight = signal[:, start:end], weight[:, start:end]
    held = np.abs(weight.numpy_view() if isinstance(weight, Tensor) else weight)
    if not held.size or held.min() < 1e-11:
        raise ShapeError(
            "istft: the windows, added up, leave a sample out; use a longer window or a shorter hop_length"
        )
    y = signal / weight
    if length is not None and length > end - start:
        y = _pad_constant(y, ((0, 0), (0, length - (end - start))), 0)
    return y[0] if ndim == 2 else y
