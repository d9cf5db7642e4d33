"""`torch.linalg`'s functions: the operations of `ops.decomposition` and `ops.linalg` under their short names."""

from __future__ import annotations

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
from .ops.linalg import linalg_cross as cross
from .ops.linalg import linalg_multi_dot as multi_dot
from .ops.linalg import matmul, matrix_power

__all__ = [
    "cholesky", "cond", "cross", "det", "eigh", "eigvalsh", "inv", "lstsq", "matmul", "matrix_exp", "matrix_norm",
    "matrix_power", "matrix_rank", "multi_dot", "norm", "pinv", "qr", "slogdet", "solve", "solve_triangular", "svd",
    "svdvals", "vector_norm",
]  # fmt: skip
