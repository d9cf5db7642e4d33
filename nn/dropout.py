"""Dropout: in training parts of the input become 0 with probability p and the rest grows so that the mean stays."""

from __future__ import annotations

from autograd import Tensor

from . import functional as F
from .module import Module


class _DropoutNd(Module):
    def __init__(self, p: float = 0.5, inplace: bool = False) -> None:
        super().__init__()
        if not 0 <= p <= 1:
            raise ValueError(f"{type(self).__name__}: the probability p has to be between 0 and 1, but got {p}")
        self.p, self.inplace = p, inplace

    def extra_repr(self) -> str:
        return f"p={self.p}, inplace={self.inplace}"


class Dropout(_DropoutNd):
    """Each element becomes 0 with probability p, else it is divided by 1 - p; in evaluation nothing changes.

    Srivastava et al. 2014, JMLR 15.

    >>> nn.Dropout(0.2)(autograd.ones(3)).shape
    Size([3])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.dropout(input, self.p, self.training, self.inplace)


class Dropout1d(_DropoutNd):
    """Dropout of whole channels: (N, C, L) or (C, L).

    >>> nn.Dropout1d()(autograd.ones(2, 3, 6)).shape
    Size([2, 3, 6])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.dropout1d(input, self.p, self.training, self.inplace)


class Dropout2d(_DropoutNd):
    """Dropout of whole channels: (N, C, H, W) or (N, C, L). Tompson et al. 2014, arXiv:1411.4280.

    >>> nn.Dropout2d()(autograd.ones(2, 3, 6, 6)).shape
    Size([2, 3, 6, 6])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.dropout2d(input, self.p, self.training, self.inplace)


class Dropout3d(_DropoutNd):
    """Dropout of whole channels: (N, C, D, H, W) or (C, D, H, W).

    >>> nn.Dropout3d()(autograd.ones(2, 3, 6, 6, 6)).shape
    Size([2, 3, 6, 6, 6])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.dropout3d(input, self.p, self.training, self.inplace)


class AlphaDropout(_DropoutNd):
    """Dropout that keeps mean 0 and variance 1, for networks of SELU. Klambauer et al. 2017, arXiv:1706.02515.

    >>> nn.AlphaDropout()(autograd.ones(3)).shape
    Size([3])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.alpha_dropout(input, self.p, self.training)


class FeatureAlphaDropout(_DropoutNd):
    """AlphaDropout of whole channels: (N, C, *).

    >>> nn.FeatureAlphaDropout()(autograd.ones(2, 3, 4)).shape
    Size([2, 3, 4])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.feature_alpha_dropout(input, self.p, self.training)
