"""Losses and distances. reduction: "mean" over all elements (default), "sum", or "none" for one value an element."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from math import prod
from typing import Any

from autograd import Tensor
from autograd.errors import NumberError, ShapeError

from . import functional as F
from .linear import Linear
from .module import Module


class _Loss(Module):
    """A loss with a reduction; size_average and reduce are torch's old names for it."""

    weight: Tensor | None

    def __init__(self, size_average: bool | None = None, reduce: bool | None = None, reduction: str = "mean") -> None:
        super().__init__()
        self.reduction = reduction
        if size_average is not None or reduce is not None:
            self.reduction = "none" if reduce is False else "sum" if size_average is False else "mean"


class _WeightedLoss(_Loss):
    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.register_buffer("weight", weight)


class L1Loss(_Loss):
    """|input - target|.

    >>> nn.L1Loss()(autograd.zeros(2), autograd.tensor([1.0, 3.0]))
    tensor(2.)
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.l1_loss(input, target, reduction=self.reduction)


class MSELoss(_Loss):
    """(input - target)^2.

    >>> nn.MSELoss()(autograd.zeros(2), autograd.tensor([1.0, 3.0]))
    tensor(5.)
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.mse_loss(input, target, reduction=self.reduction)


class SmoothL1Loss(_Loss):
    """d^2 / (2 beta) where d = |input - target| < beta, else d - beta / 2. Girshick 2015, arXiv:1504.08083.

    >>> nn.SmoothL1Loss()(autograd.zeros(2), autograd.tensor([0.5, 3.0]))
    tensor(1.3125)
    """

    def __init__(
        self, size_average: bool | None = None, reduce: bool | None = None, reduction: str = "mean", beta: float = 1.0
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.beta = beta

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.smooth_l1_loss(input, target, reduction=self.reduction, beta=self.beta)


class HuberLoss(_Loss):
    """d^2 / 2 where d = |input - target| <= delta, else delta (d - delta / 2). Huber 1964.

    >>> nn.HuberLoss()(autograd.zeros(2), autograd.tensor([0.5, 3.0]))
    tensor(1.3125)
    """

    def __init__(self, reduction: str = "mean", delta: float = 1.0) -> None:
        super().__init__(reduction=reduction)
        if not isinstance(delta, (int, float)):
            raise TypeError(f"HuberLoss: delta must be a float or int, got {delta!r}")
        self.delta = delta

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.huber_loss(input, target, reduction=self.reduction, delta=self.delta)


class NLLLoss(_WeightedLoss):
    """-weight[target] * input[target]: input (N, C, *) of log-probabilities, target (N, *) of classes.

    ignore_index: a target that counts for nothing. The mean is weighted: divided by the sum of the weights.

    >>> nn.NLLLoss()(autograd.tensor([[-0.1, -2.4]]), autograd.tensor([0]))
    tensor(0.1000)
    """

    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: bool | None = None,
        ignore_index: int = -100,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(weight, size_average, reduce, reduction)
        self.ignore_index = ignore_index

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.nll_loss(input, target, self.weight, ignore_index=self.ignore_index, reduction=self.reduction)


class NLLLoss2d(NLLLoss):
    """torch's older name for NLLLoss of images.

    >>> nn.NLLLoss2d()(autograd.zeros(1, 2, 1, 1), autograd.zeros(1, 1, 1, dtype=autograd.int64)).item()
    0.0
    """


class CrossEntropyLoss(_WeightedLoss):
    """-log softmax(input)[target]: input (C) or (N, C, *) of scores, target of classes () or (N, *).

    target may also hold probabilities, in the shape of the input: then it is -sum target * log softmax(input).
    weight: a factor a class. ignore_index: a class that counts for nothing. label_smoothing: the part of each target
    that is spread evenly over all classes.

    >>> nn.CrossEntropyLoss()(autograd.zeros(1, 2), autograd.tensor([0]))
    tensor(0.6931)
    """

    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: bool | None = None,
        ignore_index: int = -100,
        reduce: bool | None = None,
        reduction: str = "mean",
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__(weight, size_average, reduce, reduction)
        self.ignore_index, self.label_smoothing = ignore_index, label_smoothing

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.cross_entropy(
            input,
            target,
            weight=self.weight,
            ignore_index=self.ignore_index,
            reduction=self.reduction,
            label_smoothing=self.label_smoothing,
        )


@dataclasses.dataclass(slots=True, frozen=True)
class LinearCrossEntropyOptions:
    """torch's ways to cut the work of `linear_cross_entropy` to save memory. They are checked, and have no effect here.

    >>> nn.LinearCrossEntropyOptions(batch_chunk_size=4).batch_chunk_size
    4
    """

    allow_retain_graph: bool = False
    batch_chunk_size: int | None = None
    chunking_method: str | None = "auto"
    acc_policy: str = "auto"
    acc_dtype: Any = None

    def __post_init__(self) -> None:
        size, method = self.batch_chunk_size, self.chunking_method
        if self.acc_policy not in ("auto", "accurate", "balanced", "compact"):
            raise ValueError(f"LinearCrossEntropyOptions: invalid acc_policy {self.acc_policy!r}")
        name, _, factor = (method or "").partition(":")
        if method not in (None, "auto") and not (
            name == "aspect_ratio" and (factor or "1").isdigit() and factor != "0"
        ):
            raise ValueError(f"LinearCrossEntropyOptions: invalid chunking_method {method!r}")
        if size is not None and not (isinstance(size, int) and size > 0):
            raise ValueError(
                f"LinearCrossEntropyOptions: batch_chunk_size must be a positive int or None, got {size!r}"
            )
        if self.acc_dtype is not None and getattr(self.acc_dtype, "kind", "f") != "f":
            raise ValueError(
                f"LinearCrossEntropyOptions: acc_dtype must be a floating dtype or None, got {self.acc_dtype}"
            )


class LinearCrossEntropyLoss(_WeightedLoss):
    """`CrossEntropyLoss` of a linear layer's scores, `linear`, which belongs to the loss: input (I) or (N, I).

    out_features (d1, ...): the scores are (N, num_classes, d1, ...). The other arguments as in `CrossEntropyLoss`;
    ignore_index None is -100 of labels; options have no effect here.

    >>> nn.LinearCrossEntropyLoss(4, 3)(autograd.zeros(2, 4), autograd.tensor([0, 2]))
    tensor(1.0986, grad_fn=<softmax_cross_entropy>)
    """

    def __init__(
        self,
        in_features: int,
        num_classes: int,
        *,
        out_features: tuple[int, ...] = (),
        bias: bool = False,
        device: Any = None,
        dtype: Any = None,
        reduction: str = "mean",
        weight: Tensor | None = None,
        ignore_index: int | None = None,
        label_smoothing: float = 0.0,
        options: Any = None,
    ) -> None:
        name = type(self).__name__
        if weight is not None and tuple(weight.shape) != (num_classes,):
            raise ShapeError(f"{name}: weight has shape {tuple(weight.shape)}; expected {(num_classes,)}")
        if not 0 <= label_smoothing <= 1:
            raise NumberError(f"{name}: label_smoothing is {label_smoothing}; expected 0 to 1")
        super().__init__(weight, reduction=reduction)
        self.num_classes, self.out_features, self.options = num_classes, tuple(out_features), options
        self.ignore_index, self.label_smoothing = ignore_index, label_smoothing
        self.linear = Linear(in_features, num_classes * prod(self.out_features), bias, device, dtype)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        scores, bias = (self.num_classes, *self.out_features), self.linear.bias
        return F.linear_cross_entropy(
            input,
            self.linear.weight.reshape(*scores, self.linear.in_features),
            target,
            linear_bias=None if bias is None else bias.reshape(scores),
            weight=self.weight,
            reduction=self.reduction,
            ignore_index=self.ignore_index,
            label_smoothing=self.label_smoothing,
            options=self.options,
        )

    def extra_repr(self) -> str:
        return (
            f"in_features={self.linear.in_features}, num_classes={self.num_classes}, out_features={self.out_features}, "
            f"bias={self.linear.bias is not None}, reduction={self.reduction}, ignore_index={self.ignore_index}, "
            f"label_smoothing={self.label_smoothing}, options={self.options}"
        )


class BCELoss(_WeightedLoss):
    """-(target log input + (1 - target) log(1 - input)), input in [0, 1]; each logarithm at least -100.

    >>> nn.BCELoss()(autograd.tensor([0.9]), autograd.tensor([1.0]))
    tensor(0.1054)
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.binary_cross_entropy(input, target, weight=self.weight, reduction=self.reduction)


class BCEWithLogitsLoss(_Loss):
    """BCELoss of sigmoid(input), without overflow. pos_weight: a factor of the positive part, broadcast.

    >>> nn.BCEWithLogitsLoss()(autograd.tensor([0.0]), autograd.tensor([1.0]))
    tensor(0.6931)
    """

    pos_weight: Tensor | None

    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
        pos_weight: Tensor | None = None,
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.register_buffer("weight", weight)
        self.register_buffer("pos_weight", pos_weight)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.binary_cross_entropy_with_logits(
            input, target, self.weight, pos_weight=self.pos_weight, reduction=self.reduction
        )


class PoissonNLLLoss(_Loss):
    """e^input - target * input, or with log_input=False input - target * log(input + eps).

    full: plus Stirling's approximation of log(target!) where target > 1.

    >>> nn.PoissonNLLLoss()(autograd.zeros(2), autograd.ones(2))
    tensor(1.)
    """

    def __init__(
        self,
        log_input: bool = True,
        full: bool = False,
        size_average: bool | None = None,
        eps: float = 1e-8,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.log_input, self.full, self.eps = log_input, full, eps

    def forward(self, log_input: Tensor, target: Tensor) -> Tensor:
        return F.poisson_nll_loss(
            log_input, target, log_input=self.log_input, full=self.full, eps=self.eps, reduction=self.reduction
        )


class GaussianNLLLoss(_Loss):
    """(log var + (input - target)^2 / var) / 2, var at least eps; full: plus log(2 pi) / 2.

    >>> nn.GaussianNLLLoss()(autograd.zeros(2), autograd.ones(2), autograd.ones(2))
    tensor(0.5000)
    """

    def __init__(self, *, full: bool = False, eps: float = 1e-6, reduction: str = "mean") -> None:
        super().__init__(reduction=reduction)
        self.full, self.eps = full, eps

    def forward(self, input: Tensor, target: Tensor, var: Tensor | float) -> Tensor:
        return F.gaussian_nll_loss(input, target, var, full=self.full, eps=self.eps, reduction=self.reduction)


class KLDivLoss(_Loss):
    """target * (log target - input): input of log-probabilities, target of probabilities.

    log_target: target holds log-probabilities too. reduction "batchmean" divides the sum by the batch size, as the
    mathematics has it.

    >>> nn.KLDivLoss(reduction="batchmean")(autograd.tensor([[0.5, 0.5]]).log(), autograd.tensor([[0.9, 0.1]]))
    tensor(0.3681)
    """

    def __init__(
        self,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
        log_target: bool = False,
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.log_target = log_target

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.kl_div(input, target, reduction=self.reduction, log_target=self.log_target)


class HingeEmbeddingLoss(_Loss):
    """input where target is 1, max(0, margin - input) where it is -1.

    >>> nn.HingeEmbeddingLoss()(autograd.tensor([0.5]), autograd.tensor([-1.0]))
    tensor(0.5000)
    """

    def __init__(
        self, margin: float = 1.0, size_average: bool | None = None, reduce: bool | None = None, reduction: str = "mean"
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.margin = margin

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.hinge_embedding_loss(input, target, margin=self.margin, reduction=self.reduction)


class SoftMarginLoss(_Loss):
    """log(1 + e^(-target * input)), target 1 or -1.

    >>> nn.SoftMarginLoss()(autograd.tensor([2.0]), autograd.tensor([1.0]))
    tensor(0.1269)
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.soft_margin_loss(input, target, reduction=self.reduction)


class CosineEmbeddingLoss(_Loss):
    """1 - cos(input1, input2) where target is 1, max(0, cos - margin) where it is -1: inputs (N, D) or (D).

    >>> nn.CosineEmbeddingLoss()(autograd.ones(1, 2), -autograd.ones(1, 2), autograd.tensor([1.0]))
    tensor(2.)
    """

    def __init__(
        self, margin: float = 0.0, size_average: bool | None = None, reduce: bool | None = None, reduction: str = "mean"
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.margin = margin

    def forward(self, input1: Tensor, input2: Tensor, target: Tensor) -> Tensor:
        return F.cosine_embedding_loss(input1, input2, target, margin=self.margin, reduction=self.reduction)


class MarginRankingLoss(_Loss):
    """max(0, -target * (input1 - input2) + margin): target 1 where input1 should rank higher, else -1.

    >>> nn.MarginRankingLoss()(autograd.zeros(1), autograd.ones(1), autograd.ones(1))
    tensor(1.)
    """

    def __init__(
        self, margin: float = 0.0, size_average: bool | None = None, reduce: bool | None = None, reduction: str = "mean"
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.margin = margin

    def forward(self, input1: Tensor, input2: Tensor, target: Tensor) -> Tensor:
        return F.margin_ranking_loss(input1, input2, target, margin=self.margin, reduction=self.reduction)


class MultiLabelMarginLoss(_Loss):
    """sum_ij max(0, 1 - (x[y_j] - x[i])) / C over true classes y_j and others i; targets end at the first -1.

    >>> nn.MultiLabelMarginLoss()(autograd.tensor([[0.1, 0.8]]), autograd.tensor([[0, -1]]))
    tensor(0.8500)
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.multilabel_margin_loss(input, target, reduction=self.reduction)


class MultiLabelSoftMarginLoss(_WeightedLoss):
    """The mean over the classes of -(y log sigmoid(x) + (1 - y) log sigmoid(-x)), weighted.

    >>> nn.MultiLabelSoftMarginLoss()(autograd.zeros(1, 2), autograd.tensor([[1.0, 0.0]]))
    tensor(0.6931)
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.multilabel_soft_margin_loss(input, target, self.weight, reduction=self.reduction)


class MultiMarginLoss(_WeightedLoss):
    """sum_i weight[y] max(0, margin - x[y] + x[i])^p / C over the classes i other than y; p is 1 or 2.

    >>> nn.MultiMarginLoss()(autograd.tensor([[0.1, 0.8]]), autograd.tensor([0]))
    tensor(0.8500)
    """

    def __init__(
        self,
        p: int = 1,
        margin: float = 1.0,
        weight: Tensor | None = None,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(weight, size_average, reduce, reduction)
        if p not in (1, 2):
            raise ValueError(f"MultiMarginLoss: only p == 1 and p == 2 supported, got {p}")
        if weight is not None and weight.ndim != 1:
            raise ShapeError(f"MultiMarginLoss: weight has shape {tuple(weight.shape)}; expected a value a class")
        self.p, self.margin = p, margin

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.multi_margin_loss(
            input, target, p=self.p, margin=self.margin, weight=self.weight, reduction=self.reduction
        )


class TripletMarginLoss(_Loss):
    """max(0, d(anchor, positive) - d(anchor, negative) + margin), d the p-norm of the difference, (N, D) to (N).

    swap: the negative's distance to the positive counts where it is smaller. Schroff et al. 2015, arXiv:1503.03832.

    >>> nn.TripletMarginLoss()(autograd.zeros(1, 2), autograd.zeros(1, 2), autograd.tensor([[0.3, 0.4]]))
    tensor(0.5000)
    """

    def __init__(
        self,
        margin: float = 1.0,
        p: float = 2.0,
        eps: float = 1e-6,
        swap: bool = False,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        if margin <= 0:
            raise ValueError(f"TripletMarginLoss: expected margin to be greater than 0, got {margin}")
        self.margin, self.p, self.eps, self.swap = margin, p, eps, swap

    def forward(self, anchor: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
        return F.triplet_margin_loss(
            anchor,
            positive,
            negative,
            margin=self.margin,
            p=self.p,
            eps=self.eps,
            swap=self.swap,
            reduction=self.reduction,
        )


class TripletMarginWithDistanceLoss(_Loss):
    """TripletMarginLoss with a distance of one's own, `distance_function(a, b)`; the Euclidean one unless given.

    >>> nn.TripletMarginWithDistanceLoss()(autograd.zeros(1, 2), autograd.zeros(1, 2), autograd.tensor([[0.3, 0.4]]))
    tensor(0.5000)
    """

    def __init__(
        self,
        *,
        distance_function: Callable[[Tensor, Tensor], Tensor] | None = None,
        margin: float = 1.0,
        swap: bool = False,
        reduction: str = "mean",
    ) -> None:
        super().__init__(reduction=reduction)
        if margin <= 0:
            raise ValueError(f"TripletMarginWithDistanceLoss: expected margin to be greater than 0, got {margin}")
        self.distance_function = PairwiseDistance() if distance_function is None else distance_function
        self.margin, self.swap = margin, swap

    def forward(self, anchor: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
        return F.triplet_margin_with_distance_loss(
            anchor,
            positive,
            negative,
            distance_function=self.distance_function,
            margin=self.margin,
            swap=self.swap,
            reduction=self.reduction,
        )


class CTCLoss(_Loss):
    """-log of the probability of the target over all its alignments: log-probabilities (T, N, C) or (T, C).

    blank: the class of no label. zero_infinity: impossible targets count 0. Graves et al. 2006.

    >>> nn.CTCLoss()(autograd.zeros(4, 1, 3).log_softmax(2), autograd.tensor([[1, 2]]), [4], [2])
    tensor(0.8432)
    """

    def __init__(self, blank: int = 0, reduction: str = "mean", zero_infinity: bool = False) -> None:
        super().__init__(reduction=reduction)
        self.blank, self.zero_infinity = blank, zero_infinity

    def forward(self, log_probs: Tensor, targets: Tensor, input_lengths: Any, target_lengths: Any) -> Tensor:
        return F.ctc_loss(
            log_probs, targets, input_lengths, target_lengths, self.blank, self.reduction, self.zero_infinity
        )


class CosineSimilarity(Module):
    """x1 . x2 / max(|x1| |x2|, eps) along `dim`, broadcast.

    >>> nn.CosineSimilarity()(autograd.ones(1, 2), autograd.ones(1, 2))
    tensor([1.])
    """

    def __init__(self, dim: int = 1, eps: float = 1e-8) -> None:
        super().__init__()
        self.dim, self.eps = dim, eps

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        return F.cosine_similarity(x1, x2, self.dim, self.eps)


class PairwiseDistance(Module):
    """The p-norm of x1 - x2 + eps over the last dimension: (N, D) or (D).

    >>> nn.PairwiseDistance()(autograd.zeros(1, 2), autograd.tensor([[3.0, 4.0]]))
    tensor([5.0000])
    """

    def __init__(self, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> None:
        super().__init__()
        self.norm, self.eps, self.keepdim = p, eps, keepdim

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        return F.pairwise_distance(x1, x2, self.norm, self.eps, self.keepdim)
