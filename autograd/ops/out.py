"""The functions that write their result into a tensor given as `out`: torch's, which its methods do not share.

`op.written` does it. Torch's kernels differ in the dtypes that `out` may have, function by function.
"""

from __future__ import annotations

from ..op import REGISTRY

NAMES = {
    # out has the dtype that the result is computed in
    "dtype": "cumprod cumsum mean nanmean nansum prod sum",
    # the result is cast to out's dtype, unless that is of a lower category; not where there are several results
    "cast": """
        acos acosh add addcdiv addcmul addr angle arccos arccosh arcsin arcsinh arctan arctan2 arctanh asin asinh atan
        atan2 atanh bitwise_and bitwise_left_shift bitwise_or bitwise_right_shift bitwise_xor cat chain_matmul cholesky
        cholesky_inverse cholesky_solve clamp clamp_max clamp_min clip column_stack concat concatenate copysign cos cosh
        deg2rad diff digamma div divide dstack eq erf erfc erfinv exp exp2 expm1 floor_divide fmax fmin fmod gcd ge ger
        greater greater_equal gt hstack hypot i0 igamma igammac inner kron lcm ldexp le lerp less less_equal lgamma
        linalg_cond linalg_matrix_rank linalg_pinv linalg_tensorinv linalg_tensorsolve log log10 log1p log2 logaddexp
        logaddexp2 logical_and logical_not logical_or logical_xor logit logsumexp lt matrix_power max maximum min minimum mul
        multiply mvlgamma ne nextafter not_equal outer polygamma pow rad2deg reciprocal remainder row_stack rsqrt sigmoid
        sin sinc sinh special_entr special_erfcx special_i0e special_i1 special_i1e special_log_ndtr special_ndtr
        special_ndtri special_xlog1py sqrt square stack std sub subtract tan tanh threshold true_divide var vstack xlogy
    """,
    "exact": """
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
