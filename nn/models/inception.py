"""Inception v3. Szegedy, Vanhoucke, Ioffe, Shlens, Wojna, "Rethinking the Inception architecture", arXiv:1512.00567."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import autograd
import nn
import nn.functional as F
from autograd import Tensor
from nn.container import chain

from ._shapes import explain_shapes
from .googlenet import to_unit_range
from .weights import build


class InceptionOutputs(NamedTuple):
    """The scores in training with the auxiliary head: of the network, and of the head."""

    logits: Tensor
    aux_logits: Tensor


class BasicConv2d(nn.Module):
    """Convolution, batch norm, ReLU. Keras's form of the norm shifts but does not scale, since a ReLU follows."""

    def __init__(self, in_channels: int, out_channels: int, *, form: str = "torchvision", **kwargs: Any) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, bias=False, **kwargs)
        self.bn = nn.BatchNorm2d(out_channels, eps=0.001, momentum=0.01 if form == "keras" else 0.1)
        if form == "keras":
            self.bn.weight = None

    def forward(self, x: Tensor) -> Tensor:
        return chain(x, self.conv, self.bn, F.relu)


class InceptionA(nn.Module):
    """On 35 x 35 (figure 5 of the paper): 1x1; 5x5; two 3x3; average and 1x1."""

    def __init__(self, in_channels: int, pool_features: int, conv: Callable[..., Any], average: Any, w: Any) -> None:
        super().__init__()
        self.average = average
        self.branch1x1 = conv(in_channels, w(64), kernel_size=1)
        self.branch5x5_1 = conv(in_channels, w(48), kernel_size=1)
        self.branch5x5_2 = conv(w(48), w(64), kernel_size=5, padding=2)
        self.branch3x3dbl_1 = conv(in_channels, w(64), kernel_size=1)
        self.branch3x3dbl_2 = conv(w(64), w(96), kernel_size=3, padding=1)
        self.branch3x3dbl_3 = conv(w(96), w(96), kernel_size=3, padding=1)
        self.branch_pool = conv(in_channels, w(pool_features), kernel_size=1)
        self.out_channels = w(64) + w(64) + w(96) + w(pool_features)

    def forward(self, x: Tensor) -> Tensor:
        five = self.branch5x5_2(self.branch5x5_1(x))
        threes = self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(x)))
        pooled = self.branch_pool(self.average(x))
        return autograd.cat([self.branch1x1(x), five, threes, pooled], 1)


class InceptionB(nn.Module):
    """From 35 x 35 to 17 x 17 (figure 10): 3x3; two 3x3; maximum."""

    def __init__(self, in_channels: int, conv: Callable[..., Any], w: Any) -> None:
        super().__init__()
        self.branch3x3 = conv(in_channels, w(384), kernel_size=3, stride=2)
        self.branch3x3dbl_1 = conv(in_channels, w(64), kernel_size=1)
        self.branch3x3dbl_2 = conv(w(64), w(96), kernel_size=3, padding=1)
        self.branch3x3dbl_3 = conv(w(96), w(96), kernel_size=3, stride=2)
        self.out_channels = w(384) + w(96) + in_channels

    def forward(self, x: Tensor) -> Tensor:
        threes = self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(x)))
        return autograd.cat([self.branch3x3(x), threes, F.max_pool2d(x, 3, 2)], 1)


class InceptionC(nn.Module):
    """On 17 x 17 (figure 6), 7x7 as 1x7 and 7x1: 1x1; one 7x7; two 7x7; average and 1x1."""

    def __init__(self, in_channels: int, channels_7x7: int, conv: Callable[..., Any], average: Any, w: Any) -> None:
        super().__init__()
        self.average = average
        c7, out = w(channels_7x7), w(192)
        flat, tall = {"kernel_size": (1, 7), "padding": (0, 3)}, {"kernel_size": (7, 1), "padding": (3, 0)}
        self.branch1x1 = conv(in_channels, out, kernel_size=1)
        self.branch7x7_1 = conv(in_channels, c7, kernel_size=1)
        self.branch7x7_2 = conv(c7, c7, **flat)
        self.branch7x7_3 = conv(c7, out, **tall)
        self.branch7x7dbl_1 = conv(in_channels, c7, kernel_size=1)
        self.branch7x7dbl_2 = conv(c7, c7, **tall)
        self.branch7x7dbl_3 = conv(c7, c7, **flat)
        self.branch7x7dbl_4 = conv(c7, c7, **tall)
        self.branch7x7dbl_5 = conv(c7, out, **flat)
        self.branch_pool = conv(in_channels, out, kernel_size=1)
        self.out_channels = 4 * out

    def forward(self, x: Tensor) -> Tensor:
        seven = self.branch7x7_3(self.branch7x7_2(self.branch7x7_1(x)))
        sevens = self.branch7x7dbl_3(self.branch7x7dbl_2(self.branch7x7dbl_1(x)))
        sevens = self.branch7x7dbl_5(self.branch7x7dbl_4(sevens))
        pooled = self.branch_pool(self.average(x))
        return autograd.cat([self.branch1x1(x), seven, sevens, pooled], 1)


class InceptionD(nn.Module):
    """From 17 x 17 to 8 x 8: 3x3; 7x7 and 3x3; maximum."""

    def __init__(self, in_channels: int, conv: Callable[..., Any], w: Any) -> None:
        super().__init__()
        self.branch3x3_1 = conv(in_channels, w(192), kernel_size=1)
        self.branch3x3_2 = conv(w(192), w(320), kernel_size=3, stride=2)
        self.branch7x7x3_1 = conv(in_channels, w(192), kernel_size=1)
        self.branch7x7x3_2 = conv(w(192), w(192), kernel_size=(1, 7), padding=(0, 3))
        self.branch7x7x3_3 = conv(w(192), w(192), kernel_size=(7, 1), padding=(3, 0))
        self.branch7x7x3_4 = conv(w(192), w(192), kernel_size=3, stride=2)
        self.out_channels = w(320) + w(192) + in_channels

    def forward(self, x: Tensor) -> Tensor:
        three = self.branch3x3_2(self.branch3x3_1(x))
        seven = self.branch7x7x3_4(self.branch7x7x3_3(self.branch7x7x3_2(self.branch7x7x3_1(x))))
        return autograd.cat([three, seven, F.max_pool2d(x, 3, 2)], 1)


class InceptionE(nn.Module):
    """On 8 x 8 (figure 7), 3x3 as 1x3 beside 3x1: 1x1; one 3x3; two 3x3; average and 1x1."""

    def __init__(self, in_channels: int, conv: Callable[..., Any], average: Any, w: Any) -> None:
        super().__init__()
        self.average = average
        flat, tall = {"kernel_size": (1, 3), "padding": (0, 1)}, {"kernel_size": (3, 1), "padding": (1, 0)}
        self.branch1x1 = conv(in_channels, w(320), kernel_size=1)
        self.branch3x3_1 = conv(in_channels, w(384), kernel_size=1)
        self.branch3x3_2a = conv(w(384), w(384), **flat)
        self.branch3x3_2b = conv(w(384), w(384), **tall)
        self.branch3x3dbl_1 = conv(in_channels, w(448), kernel_size=1)
        self.branch3x3dbl_2 = conv(w(448), w(384), kernel_size=3, padding=1)
        self.branch3x3dbl_3a = conv(w(384), w(384), **flat)
        self.branch3x3dbl_3b = conv(w(384), w(384), **tall)
        self.branch_pool = conv(in_channels, w(192), kernel_size=1)
        self.out_channels = w(320) + 4 * w(384) + w(192)

    def forward(self, x: Tensor) -> Tensor:
        three = self.branch3x3_1(x)
        threes = self.branch3x3dbl_2(self.branch3x3dbl_1(x))
        parts = [self.branch1x1(x), self.branch3x3_2a(three), self.branch3x3_2b(three)]
        parts += [self.branch3x3dbl_3a(threes), self.branch3x3dbl_3b(threes), self.branch_pool(self.average(x))]
        return autograd.cat(parts, 1)


class InceptionAux(nn.Module):
    """A classifier on the last 17 x 17 layer, used while training (section 4)."""

    def __init__(self, in_channels: int, num_classes: int, conv: Callable[..., Any], w: Any) -> None:
        super().__init__()
        self.conv0 = conv(in_channels, w(128), kernel_size=1)
        self.conv1 = conv(w(128), w(768), kernel_size=5)
        self.fc = nn.Linear(w(768), num_classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv1(self.conv0(F.avg_pool2d(x, 5, 3)))
        return self.fc(F.adaptive_avg_pool2d(x, 1).flatten(1))


class Inception3(nn.Module):
    """(N, 3, 299, 299), or any size from 75, -> (N, num_classes), in training `InceptionOutputs`: Inception v3.

    aux_logits: the head; without it, or in evaluation, the result is one tensor. transform_input: pictures come normalised
    by ImageNet's mean and deviation and are brought to (-1, 1). form: "torchvision" (27,161,264 parameters, 23,834,568
    without the head) or "keras" (norms that do not scale, Keras's momentum and initial values, averages that leave out the
    border; 23,817,352 parameters without head, and 34,432 statistics). width: multiplies every hidden layer's width.
    Names are torchvision's.
    """

    def __init__(
        self,
        num_classes: int = 1000,
        aux_logits: bool = True,
        transform_input: bool = False,
        init_weights: bool | None = None,
        dropout: float = 0.5,
        *,
        form: str = "torchvision",
        in_channels: int = 3,
        width: float = 1.0,
    ) -> None:
        super().__init__()
        if form not in ("torchvision", "keras"):
            raise ValueError(f"Inception3: form must be torchvision or keras, got {form!r}")
        conv = partial(BasicConv2d, form=form)
        average = partial(F.avg_pool2d, kernel_size=3, stride=1, padding=1, count_include_pad=form == "torchvision")

        def w(channels: int) -> int:
            return max(1, round(channels * width))

        self.aux_logits, self.transform_input = aux_logits, transform_input
        self.Conv2d_1a_3x3 = conv(in_channels, w(32), kernel_size=3, stride=2)  # 299 -> 149
        self.Conv2d_2a_3x3 = conv(w(32), w(32), kernel_size=3)  # -> 147
        self.Conv2d_2b_3x3 = conv(w(32), w(64), kernel_size=3, padding=1)
        self.maxpool1 = nn.MaxPool2d(3, 2)  # -> 73
        self.Conv2d_3b_1x1 = conv(w(64), w(80), kernel_size=1)
        self.Conv2d_4a_3x3 = conv(w(80), w(192), kernel_size=3)  # -> 71
        self.maxpool2 = nn.MaxPool2d(3, 2)  # -> 35
        self.Mixed_5b = InceptionA(w(192), 32, conv, average, w)
        self.Mixed_5c = InceptionA(self.Mixed_5b.out_channels, 64, conv, average, w)
        self.Mixed_5d = InceptionA(self.Mixed_5c.out_channels, 64, conv, average, w)
        self.Mixed_6a = InceptionB(self.Mixed_5d.out_channels, conv, w)  # -> 17
        self.Mixed_6b = InceptionC(self.Mixed_6a.out_channels, 128, conv, average, w)
        self.Mixed_6c = InceptionC(self.Mixed_6b.out_channels, 160, conv, average, w)
        self.Mixed_6d = InceptionC(self.Mixed_6c.out_channels, 160, conv, average, w)
        self.Mixed_6e = InceptionC(self.Mixed_6d.out_channels, 192, conv, average, w)
        channels = self.Mixed_6e.out_channels
        self.AuxLogits: Any = InceptionAux(channels, num_classes, conv, w) if aux_logits else None
        self.Mixed_7a = InceptionD(channels, conv, w)  # -> 8
        self.Mixed_7b = InceptionE(self.Mixed_7a.out_channels, conv, average, w)
        self.Mixed_7c = InceptionE(self.Mixed_7b.out_channels, conv, average, w)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.dropout = nn.Dropout(dropout)
        self.fc = nn.Linear(self.Mixed_7c.out_channels, num_classes)
        if init_weights is not False:
            small = {} if self.AuxLogits is None else {self.AuxLogits.conv1.conv: 0.01, self.AuxLogits.fc: 0.001}
            for m in self.modules():
                if isinstance(m, (nn.Conv2d, nn.Linear)):
                    if form == "keras":
                        nn.init.xavier_uniform_(m.weight)
                    else:
                        nn.init.trunc_normal_(m.weight, std=small.get(m, 0.1))

    @explain_shapes
    def forward(self, x: Tensor) -> Any:
        if self.transform_input:
            x = to_unit_range(x)
        x = self.maxpool1(self.Conv2d_2b_3x3(self.Conv2d_2a_3x3(self.Conv2d_1a_3x3(x))))
        x = self.maxpool2(self.Conv2d_4a_3x3(self.Conv2d_3b_1x1(x)))
        x = self.Mixed_5d(self.Mixed_5c(self.Mixed_5b(x)))
        x = self.Mixed_6a(x)
        x = self.Mixed_6e(self.Mixed_6d(self.Mixed_6c(self.Mixed_6b(x))))
        heads = self.training and self.aux_logits
        aux: Any = self.AuxLogits(x) if heads else None
        x = self.Mixed_7c(self.Mixed_7b(self.Mixed_7a(x)))
        x = self.fc(self.dropout(self.avgpool(x)).flatten(1))
        return InceptionOutputs(x, aux) if heads else x


InceptionV3 = Inception3


def inception_v3(*, weights: Any = None, **options: Any) -> Inception3:
    """Inception v3; options: `Inception3`'s; weights: a file of its state_dict."""
    return build(Inception3, weights=weights, **options)
