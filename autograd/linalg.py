"""`torch.linalg`'s functions: the operations of `ops.decomposition` and `ops.linalg` under their short names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .errors import DTypeError, NumberError
from .ops.decomposition import linalg_cholesky as cholesky
from .ops.decomposition import linalg_cond as cond
from .ops.decomposition import linalg_det as det
from .ops.decomposition import linalg_eigh as eigh
from .ops.decomposition import linalg_eigvalsh as eigvalsh
from .ops.decomposition import linalg_inv as inv
from .ops.decomposition import linalg_lstsq as lstsq
from .ops.decomposition import linalg_matrix_rank as matrix_rank
from .ops.decomposition import linalg_norm as norm
from .ops.decomposition import linalg_pinv as pinv
from .ops.decomposition import linalg_qr as qr
from .ops.decomposition import linalg_slogdet as slogdet
from .ops.decomposition import linalg_solve as solve
from .ops.decomposition import linalg_solve_triangular as solve_triangular
from .ops.decomposition import linalg_svd as svd
from .ops.decomposition import linalg_svdvals as svdvals
from .ops.decomposition import linalg_vector_norm as vector_norm
from .ops.decomposition import matrix_exp, matrix_norm
from .ops.further import linalg_vander as vander
from .ops.linalg import linalg_cross as cross
from .ops.linalg import linalg_multi_dot as multi_dot
from .ops.linalg import matmul, matrix_power
from .ops.orthogonal import linalg_householder_product as householder_product
from .ops.out import publish
from .ops.shape import linalg_diagonal as diagonal
from .ops.solvers import linalg_cholesky_ex as cholesky_ex
from .ops.solvers import linalg_inv_ex as inv_ex
from .ops.solvers import linalg_lu as lu
from .ops.solvers import linalg_lu_factor as lu_factor
from .ops.solvers import linalg_lu_factor_ex as lu_factor_ex
from .ops.solvers import linalg_lu_solve as lu_solve
from .ops.solvers import linalg_solve_ex as solve_ex
from .ops.solvers import linalg_tensorinv as tensorinv
from .ops.solvers import linalg_tensorsolve as tensorsolve
from .ops.solvers import linalg_vecdot as vecdot


def _complex_only(name: str) -> Callable[..., Any]:
    def refused(*args: Any, **kwargs: Any) -> Any:
        raise DTypeError(
            f"linalg.{name}: eigenvalues of matrices that are not symmetric are not supported; linalg.eigh takes symmetric ones"
        )

    refused.__name__ = refused.__qualname__ = name
    refused.__doc__ = "Raises TypeError: eigenvalues of matrices that are not symmetric are not supported."
    return refused


eig, eigvals = _complex_only("eig"), _complex_only("eigvals")
LinAlgError = NumberError  # what a singular matrix raises: a ValueError and RuntimeError

__all__ = [
    "LinAlgError", "cholesky", "cholesky_ex", "cond", "cross", "det", "diagonal", "eig", "eigh", "eigvals", "eigvalsh",
    "householder_product", "inv", "inv_ex", "lstsq", "lu", "lu_factor", "lu_factor_ex", "lu_solve", "matmul",
    "matrix_exp", "matrix_norm", "matrix_power", "matrix_rank", "multi_dot", "norm", "pinv", "qr", "slogdet", "solve",
    "solve_ex", "solve_triangular", "svd", "svdvals", "tensorinv", "tensorsolve", "vander", "vecdot", "vector_norm",
]  # fmt: skip

publish(globals())
