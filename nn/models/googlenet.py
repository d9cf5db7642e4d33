"""GoogLeNet (Inception v1). Szegedy et al., "Going deeper with convolutions", arXiv:1409.4842."""

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
from .weights import build


class GoogLeNetOutputs(NamedTuple):
    """The scores in training with auxiliary heads: of the network, of its second head, of its first."""

    logits: Tensor
    aux_logits2: Tensor
    aux_logits1: Tensor


class BasicConv2d(nn.Module):
    """Convolution, batch norm, ReLU; without batch norm the convolution has a bias."""

    def __init__(self, in_channels: int, out_channels: int, *, batch_norm: bool = True, **kwargs: Any) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, bias=not batch_norm, **kwargs)
        self.bn = nn.BatchNorm2d(out_channels, eps=0.001) if batch_norm else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return chain(x, self.conv, self.bn, F.relu)


class Inception(nn.Module):
    """Four branches side by side, joined along the channels: 1x1, 3x3, 5x5, and a pooling with 1x1 (figure 2b).

    five: size of the third branch's window; 5 in the paper, 3 in torchvision, whose weights came from a port with 3.
    """

    def __init__(
        self,
        in_channels: int,
        ch1x1: int,
        ch3x3red: int,
        ch3x3: int,
        ch5x5red: int,
        ch5x5: int,
        pool_proj: int,
        conv_block: Callable[..., nn.Module] = BasicConv2d,
        *,
        five: int = 3,
    ) -> None:
        super().__init__()
        self.branch1 = conv_block(in_channels, ch1x1, kernel_size=1)
        self.branch2 = nn.Sequential(
            conv_block(in_channels, ch3x3red, kernel_size=1), conv_block(ch3x3red, ch3x3, kernel_size=3, padding=1)
        )
        self.branch3 = nn.Sequential(
            conv_block(in_channels, ch5x5red, kernel_size=1),
            conv_block(ch5x5red, ch5x5, kernel_size=five, padding=five // 2),
        )
        self.branch4 = nn.Sequential(
            nn.MaxPool2d(3, stride=1, padding=1), conv_block(in_channels, pool_proj, kernel_size=1)
        )

    def forward(self, x: Tensor) -> Tensor:
        return autograd.cat([self.branch1(x), self.branch2(x), self.branch3(x), self.branch4(x)], 1)


class InceptionAux(nn.Module):
    """A classifier on top of a middle layer, which brings gradient to the layers below it while training."""

    def __init__(
        self,
        in_channels: int,
        num_classes: int,
        conv_block: Callable[..., nn.Module] = BasicConv2d,
        dropout: float = 0.7,
        *,
        width: float = 1.0,
    ) -> None:
        super().__init__()
        channels, hidden = _scaled(width, 128, 1024)
        self.conv = conv_block(in_channels, channels, kernel_size=1)
        self.fc1 = nn.Linear(channels * 4 * 4, hidden)
        self.fc2 = nn.Linear(hidden, num_classes)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(
            F.adaptive_avg_pool2d(x, (4, 4))
        )  # from 14 x 14: the paper's 5x5 average with stride 3, in effect
        return self.fc2(self.dropout(F.relu(self.fc1(x.flatten(1)))))


class GoogLeNet(nn.Module):
    """(N, 3, 224, 224) -> (N, num_classes), in training `GoogLeNetOutputs`: nine Inception modules.

    aux_logits: the two heads; without them, or in evaluation, the result is one tensor. transform_input: pictures come
    normalised by ImageNet's mean and deviation and are brought to (-1, 1). form: "torchvision" (batch norm, 3x3 windows
    for the paper's 5x5; 13,004,888 parameters, 6,624,904 without heads) or "paper" (5x5 windows, local response normalisation,
    biases and no batch norm; 6,998,552 without heads). batch_norm: whether, against what the form has. width:
    multiplies every hidden layer's width. Names are torchvision's. The paper weights each head's loss with 0.3.
    """

    def __init__(
        self,
        num_classes: int = 1000,
        aux_logits: bool = True,
        transform_input: bool = False,
        init_weights: bool | None = None,
        dropout: float = 0.2,
        dropout_aux: float = 0.7,
        *,
        form: str = "torchvision",
        batch_norm: bool | None = None,
        in_channels: int = 3,
        width: float = 1.0,
    ) -> None:
        super().__init__()
        if form not in ("torchvision", "paper"):
            raise ValueError(f"GoogLeNet: form must be torchvision or paper, got {form!r}")
        norm = form == "torchvision" if batch_norm is None else batch_norm
        conv = partial(BasicConv2d, batch_norm=norm)
        self.aux_logits, self.transform_input = aux_logits, transform_input
        first, channels = _scaled(width, 64, 192)

        def inception(*widths: int) -> Inception:
            """Table 1's row: #1x1, #3x3 reduce, #3x3, #5x5 reduce, #5x5, pool proj; the input is what came before."""
            nonlocal channels
            a, b, c, d, e, f = _scaled(width, *widths)
            module = Inception(channels, a, b, c, d, e, f, conv, five=5 if form == "paper" else 3)
            channels = a + c + e + f
            return module

        def head() -> Any:
            return InceptionAux(channels, num_classes, conv, dropout_aux, width=width) if aux_logits else None

        def response() -> nn.Module:
            return nn.LocalResponseNorm(5, alpha=1e-4, beta=0.75, k=1.0) if form == "paper" else nn.Identity()

        self.conv1 = conv(in_channels, first, kernel_size=7, stride=2, padding=3)  # 224 -> 112
        self.maxpool1 = nn.MaxPool2d(3, 2, ceil_mode=True)  # -> 56
        self.norm1 = response()
        self.conv2 = conv(first, first, kernel_size=1)
        self.conv3 = conv(first, channels, kernel_size=3, padding=1)
        self.norm2 = response()
        self.maxpool2 = nn.MaxPool2d(3, 2, ceil_mode=True)  # -> 28
        self.inception3a = inception(64, 96, 128, 16, 32, 32)
        self.inception3b = inception(128, 128, 192, 32, 96, 64)
        self.maxpool3 = nn.MaxPool2d(3, 2, ceil_mode=True)  # -> 14
        self.inception4a = inception(192, 96, 208, 16, 48, 64)
        aux1 = head()
        self.inception4b = inception(160, 112, 224, 24, 64, 64)
        self.inception4c = inception(128, 128, 256, 24, 64, 64)
        self.inception4d = inception(112, 144, 288, 32, 64, 64)
        aux2 = head()
        self.inception4e = inception(256, 160, 320, 32, 128, 128)
        self.maxpool4 = nn.MaxPool2d(3 if form == "paper" else 2, 2, ceil_mode=True)  # -> 7
        self.inception5a = inception(256, 160, 320, 32, 128, 128)
        self.inception5b = inception(384, 192, 384, 48, 128, 128)
        self.aux1, self.aux2 = aux1, aux2
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.dropout = nn.Dropout(dropout)
        self.fc = nn.Linear(channels, num_classes)
        if init_weights is not False:
            for m in self.modules():
                if (
                    isinstance(m, nn.Conv2d) and not norm
                ):  # nothing rescales the signal: it must keep its size by itself
                    nn.init.kaiming_normal_(m.weight, nonlinearity="relu")
                    nn.init.zeros_(m.bias)
                elif isinstance(m, (nn.Conv2d, nn.Linear)):
                    nn.init.trunc_normal_(m.weight, std=0.01)

    @explain_shapes
    def forward(self, x: Tensor) -> Any:
        if self.transform_input:
            x = to_unit_range(x)
        x = self.norm1(self.maxpool1(self.conv1(x)))
        x = self.maxpool2(self.norm2(self.conv3(self.conv2(x))))
        x = self.maxpool3(self.inception3b(self.inception3a(x)))
        x = self.inception4a(x)
        heads = self.training and self.aux_logits
        aux1: Any = self.aux1(x) if heads else None
        x = self.inception4d(self.inception4c(self.inception4b(x)))
        aux2: Any = self.aux2(x) if heads else None
        x = self.maxpool4(self.inception4e(x))
        x = self.inception5b(self.inception5a(x))
        x = self.fc(self.dropout(self.avgpool(x).flatten(1)))
        return GoogLeNetOutputs(x, aux2, aux1) if heads else x


def to_unit_range(x: Tensor) -> Tensor:
    """Pictures normalised by ImageNet's mean and standard deviation, (N, 3, H, W), as values from -1 to 1."""
    std = autograd.tensor([0.229, 0.224, 0.225], dtype=x.dtype).reshape(3, 1, 1)
    mean = autograd.tensor([0.485, 0.456, 0.406], dtype=x.dtype).reshape(3, 1, 1)
    return x * (std / 0.5) + (mean - 0.5) / 0.5


def _scaled(width: float, *channels: int) -> list[int]:
    return [max(1, round(n * width)) for n in channels]


def googlenet(*, weights: Any = None, **options: Any) -> GoogLeNet:
    """GoogLeNet; options: the class's; weights: a file of its state_dict."""
    return build(GoogLeNet, weights=weights, **options)
