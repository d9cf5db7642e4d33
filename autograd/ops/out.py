"""The functions that write their result into a tensor given as `out`: torch's, which its methods do not share.

Torch's kernels differ in the dtypes that `out` may have, function by function.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from ..errors import DTypeError, TapeError
from ..inplace import castable, rebase
from ..op import REGISTRY, Op
from ..tape import mode, no_grad
from ..tensor import Tensor, wrap

NAMES = {
    # out has the dtype that the result is computed in
    "dtype": "cumprod cumsum mean nanmean nansum prod sum",
    # the result is cast to out's dtype, unless that is of a lower category; not where there are several results
    "cast": """
        fft_fft fft_ifft fft_rfft fft_irfft fft_hfft fft_ihfft fft_fft2 fft_ifft2 fft_rfft2 fft_irfft2 fft_fftn fft_ifftn
        fft_rfftn fft_irfftn
        acos acosh add addcdiv addcmul addr angle arccos arccosh arcsin arcsinh arctan arctan2 arctanh asin asinh atan
        atan2 atanh bitwise_and bitwise_left_shift bitwise_or bitwise_right_shift bitwise_xor cat chain_matmul cholesky
        cholesky_inverse cholesky_solve clamp clamp_max clamp_min clip column_stack concat concatenate copysign cos cosh
        deg2rad diff digamma div divide dstack eq erf erfc erfinv exp exp2 expm1 floor_divide fmax fmin fmod gcd ge ger
        greater greater_equal gt hstack hypot i0 igamma igammac inner kron lcm ldexp le lerp less less_equal lgamma
        linalg_cond linalg_householder_product linalg_matrix_rank linalg_pinv
        linalg_tensorinv linalg_tensorsolve log log10 log1p log2 logaddexp
        logaddexp2 logical_and logical_not logical_or logical_xor logit logsumexp lt matrix_power max maximum min minimum mul
        multiply mvlgamma ne nextafter not_equal outer polygamma pow rad2deg reciprocal remainder row_stack rsqrt sigmoid
        sin sinc sinh special_entr special_erfcx special_i0e special_i1 special_i1e special_log_ndtr special_ndtr
        special_airy_ai special_bessel_j0 special_bessel_j1 special_bessel_y0 special_bessel_y1
        special_modified_bessel_i0 special_modified_bessel_i1 special_modified_bessel_k0
        special_modified_bessel_k1 special_scaled_modified_bessel_k0 special_scaled_modified_bessel_k1
        special_spherical_bessel_j0 special_zeta special_chebyshev_polynomial_t
        special_chebyshev_polynomial_u special_chebyshev_polynomial_v special_chebyshev_polynomial_w
        special_hermite_polynomial_h special_hermite_polynomial_he special_laguerre_polynomial_l
        special_legendre_polynomial_p special_shifted_chebyshev_polynomial_t
        special_shifted_chebyshev_polynomial_u special_shifted_chebyshev_polynomial_v
        special_shifted_chebyshev_polynomial_w
        special_ndtri special_xlog1py sqrt square stack std sub subtract tan tanh threshold true_divide var vstack xlogy
    """,
    "exact": """
        complex polar
        alias_copy as_strided_copy diagonal_copy expand_copy geqrf linalg_lu_factor_ex lu_solve nonzero_static ormqr
        permute_copy squeeze_copy t_copy transpose_copy triangular_solve unfold_copy unsqueeze_copy view_copy
        abs absolute addbmm addmm addmv all amax amin aminmax any argmax argmin avg_pool2d avg_pool3d baddbmm bitwise_not bmm
        bucketize ceil cross cummax cummin diag dot fix float_power floor frac frexp gather gelu hardshrink
        heaviside histc histogram index_add index_copy index_reduce index_select inverse isin isneginf isposinf kthvalue
        linalg_cholesky linalg_cholesky_ex linalg_cross linalg_det linalg_eigh linalg_eigvalsh linalg_inv linalg_inv_ex
        linalg_lstsq linalg_lu linalg_lu_factor linalg_lu_solve linalg_matrix_norm linalg_multi_dot linalg_norm linalg_qr
        linalg_slogdet linalg_solve linalg_solve_ex linalg_solve_triangular linalg_svd linalg_svdvals linalg_vecdot
        linalg_vector_norm log_softmax logcumsumexp logsigmoid lu_unpack masked_select matmul median mm mode msort
        mv nan_to_num nanmedian nanquantile narrow_copy neg negative nonzero norm qr quantile renorm round scatter
        scatter_add scatter_reduce searchsorted sgn sign signbit slice_scatter slogdet softmax softplus softshrink sort svd
        take take_along_dim tensordot topk tril triu trunc vdot where
    """,
}


def enter() -> None:
    """Tell the registry, which must be full by then."""
    for how, names in NAMES.items():
        for name in names.split():
            REGISTRY[name].out = how


def publish(names: dict[str, Any]) -> None:
    """Exchange in a module's names the functions that take `out` for a form that does.

    The form stands between the user's call and the function: methods, operators and the library's own calls go without.
    """
    forms = {entry.call: _with_out(entry) for entry in REGISTRY.values() if entry.out}
    forms |= {entry.fn: forms[entry.call] for entry in REGISTRY.values() if entry.out and entry.kind == "function"}
    names.update({name: forms[value] for name, value in names.items() if callable(value) and value in forms})


def _with_out(entry: Op) -> Callable[..., Any]:
    if not entry.short:
        return with_out(entry.name, entry.call, entry.out)
    call, how = entry.short(entry, 2), entry.out
    entry.calls.append(call)
    named: Callable[..., Any]
    if entry.n == 1:

        def named(input: Any, *, out: Any = None) -> Any:
            return call(input) if out is None else written(entry.name, call, how, (input,), {"out": out})
    else:

        def named(input: Any, other: Any, *, out: Any = None) -> Any:
            return call(input, other) if out is None else written(entry.name, call, how, (input, other), {"out": out})

    return functools.update_wrapper(named, entry.call)


def with_out(name: str, call: Callable[..., Any], how: str) -> Callable[..., Any]:
    """A function with `out` among its arguments; how: as `written` has it."""

    @functools.wraps(call)
    def named(*args: Any, **kwargs: Any) -> Any:
        return written(name, call, how, args, kwargs) if "out" in kwargs else call(*args, **kwargs)

    return named


def written(name: str, call: Callable[..., Any], how: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """`call(..., out=tensor)`, or a tuple of tensors for several results: compute, write into their memory, return them.

    how: "exact", each has the result's dtype; "cast", one that the result may be cast to, as in place; "dtype", the result
    is computed in the dtype of `out`; "new", so does a factory. One of another shape gets new memory, with a warning
    unless it was empty or a factory fills it.
    """
    targets = kwargs["out"]
    kwargs = {key: value for key, value in kwargs.items() if key != "out"}
    if targets is None:
        return call(*args, **kwargs)
    several = isinstance(targets, (tuple, list))
    for target in targets if several else (targets,):
        if not isinstance(target, Tensor):
            raise TypeError(
                f"{name}: out must be a Tensor (a tuple of them for several results), got {type(target).__name__}"
            )
    if how in ("dtype", "new") and kwargs.get("dtype") is None and not several:
        kwargs["dtype"] = targets._data.dtype
    result = call(*args, **kwargs)
    if isinstance(result, tuple) != several or (several and len(result) != len(targets)):
        wanted = f"a tuple of {len(result)} Tensors" if isinstance(result, tuple) else "one Tensor"
        raise TypeError(f"{name}: out must be {wanted}, got {f'{len(targets)}' if several else 'one Tensor'}")
    pairs = list(zip(targets, result, strict=True)) if several else [(targets, result)]
    for target, source in pairs:
        if mode.enabled and (source.requires_grad or (target.requires_grad and source._data.dtype.kind == "f")):
            raise TapeError(
                f"{name}: functions with out=... arguments don't support automatic differentiation, but one of the "
                "arguments requires grad; leave out= away, or compute under no_grad()"
            )
        kept, given = source._data.dtype, target._data.dtype
        if kept != given and (how != "cast" or several or not castable(kept, given)):
            raise DTypeError(f"{name}: the result is {kept}, which can't be written into out of dtype {given}")
    for target, source in pairs:
        data = source._data
        if target._data.shape != data.shape:
            if target._data.size and how != "new":
                warnings.warn(
                    f"{name}: out has shape {target._data.shape}, the result {data.shape}: it gets new memory; "
                    "give one of the right shape, or an empty one",
                    stacklevel=3,
                )
            target.data = wrap(np.empty(data.shape, target._data.dtype))
        elif not target._data.flags.writeable:
            raise TapeError(f"{name}: the memory of out is read-only or shared by expand(); clone() it first")
        np.copyto(target._data, data, casting="unsafe")
        with no_grad():
            rebase(target, name, None)
    if not several:
        return targets
    return result._make(targets) if hasattr(result, "_make") else type(result)(targets)
