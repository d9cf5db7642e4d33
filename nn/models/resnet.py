"""ResNet. He, Zhang, Ren, Sun, "Deep residual learning for image recognition", arXiv:1512.03385."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import nn
from autograd import Tensor
from nn.container import chain, chain_beside

from ._shapes import explain_shapes
from .weights import build


class BasicBlock(nn.Module):
    """Two 3x3 convolutions beside a shortcut: relu(x + f(x)). downsample: what brings x to f(x)'s shape, or None."""

    expansion = 1

    def __init__(
        self,
        inplanes: int,
        planes: int,
        stride: int = 1,
        downsample: nn.Module | None = None,
        groups: int = 1,
        base_width: int = 64,
        dilation: int = 1,
        norm_layer: Callable[..., nn.Module] | None = None,
        *,
        form: str = "torchvision",
    ) -> None:
        super().__init__()
        if groups != 1 or base_width != 64 or dilation != 1:
            raise ValueError(
                "BasicBlock: only groups=1, base_width=64 and dilation=1 exist, got "
                f"groups={groups}, base_width={base_width}, dilation={dilation}; use Bottleneck"
            )
        norm, bias = norm_layer or nn.BatchNorm2d, form == "keras"
        self.conv1 = nn.Conv2d(inplanes, planes, 3, stride, padding=1, bias=bias)
        self.bn1 = norm(planes)
        self.relu = nn.ReLU()
        self.conv2 = nn.Conv2d(planes, planes, 3, padding=1, bias=bias)
        self.bn2 = norm(planes)
        self.downsample = downsample

    def forward(self, x: Tensor) -> Tensor:
        out = chain(x, self.conv1, self.bn1, self.relu)
        identity = x if self.downsample is None else self.downsample(x)
        return chain_beside(identity, out, self.conv2, self.bn2, self.relu)


class Bottleneck(nn.Module):
    """1x1, 3x3 and 1x1 convolutions beside a shortcut: relu(x + f(x)).

    torchvision's form has the stride in the 3x3 convolution, Keras's (and the paper's) in the first 1x1.
    """

    expansion = 4

    def __init__(
        self,
        inplanes: int,
        planes: int,
        stride: int = 1,
        downsample: nn.Module | None = None,
        groups: int = 1,
        base_width: int = 64,
        dilation: int = 1,
        norm_layer: Callable[..., nn.Module] | None = None,
        *,
        form: str = "torchvision",
    ) -> None:
        super().__init__()
        norm, bias = norm_layer or nn.BatchNorm2d, form == "keras"
        width = int(planes * base_width / 64) * groups
        first, second = (stride, 1) if form == "keras" else (1, stride)
        self.conv1 = nn.Conv2d(inplanes, width, 1, first, bias=bias)
        self.bn1 = norm(width)
        self.conv2 = nn.Conv2d(width, width, 3, second, dilation, dilation, groups, bias=bias)
        self.bn2 = norm(width)
        self.conv3 = nn.Conv2d(width, planes * self.expansion, 1, bias=bias)
        self.bn3 = norm(planes * self.expansion)
        self.relu = nn.ReLU()
        self.downsample = downsample

    def forward(self, x: Tensor) -> Tensor:
        out = chain(x, self.conv1, self.bn1, self.relu)
        out = chain(out, self.conv2, self.bn2, self.relu)
        identity = x if self.downsample is None else self.downsample(x)
        return chain_beside(identity, out, self.conv3, self.bn3, self.relu)


class ResNet(nn.Module):
    """(N, 3, 224, 224), or any size, -> (N, num_classes): residual blocks in four stages.

    block, layers: BasicBlock or Bottleneck, and how many in each stage; a stage's first block is convolutional (its
    shortcut has a 1x1 convolution) where the shape changes, the others are identity blocks. zero_init_residual: the last
    scale of each branch starts at 0, so that each block starts as the identity (Goyal et al. 2017, arXiv:1706.02677).
    groups, width_per_group, replace_stride_with_dilation, norm_layer: as in torchvision. form: "torchvision" or "keras": the
    latter has biases in the convolutions, the stride in a block's first 1x1, and Keras's eps, momentum and initial values.
    stem: "imagenet" (7x7, stride 2, max-pooling) or "small" (3x3, as the paper's section 4.2 for pictures of 32 x 32).
    width: multiplies every layer's width. Names are torchvision's. ResNet-50: 25,557,032 parameters, 25,583,592 (and 53,120
    statistics) in Keras's form.
    """

    def __init__(
        self,
        block: type[BasicBlock] | type[Bottleneck],
        layers: Sequence[int],
        num_classes: int = 1000,
        zero_init_residual: bool = False,
        groups: int = 1,
        width_per_group: int = 64,
        replace_stride_with_dilation: Sequence[bool] | None = None,
        norm_layer: Callable[..., nn.Module] | None = None,
        *,
        form: str = "torchvision",
        stem: str = "imagenet",
        in_channels: int = 3,
        width: float = 1.0,
    ) -> None:
        super().__init__()
        if form not in ("torchvision", "keras"):
            raise ValueError(f"ResNet: form must be torchvision or keras, got {form!r}")
        if stem not in ("imagenet", "small"):
            raise ValueError(f"ResNet: stem must be imagenet or small, got {stem!r}")
        dilate = (False, False, False) if replace_stride_with_dilation is None else replace_stride_with_dilation
        if len(dilate) != 3:
            raise ValueError(f"ResNet: replace_stride_with_dilation must be None or 3 bools, got {dilate}")
        if norm_layer is None:
            norm_layer = partial(nn.BatchNorm2d, eps=1.001e-5, momentum=0.01) if form == "keras" else nn.BatchNorm2d
        self.form, self.groups, self.base_width, self.dilation = form, groups, width_per_group, 1
        self.norm_layer = norm_layer
        planes = [max(1, round(n * width)) for n in (64, 128, 256, 512)]
        self.inplanes = planes[0]
        size, stride = (7, 2) if stem == "imagenet" else (3, 1)
        self.conv1 = nn.Conv2d(in_channels, self.inplanes, size, stride, size // 2, bias=form == "keras")
        self.bn1 = norm_layer(self.inplanes)
        self.relu = nn.ReLU()
        self.maxpool = nn.MaxPool2d(3, 2, 1) if stem == "imagenet" else nn.Identity()
        self.layer1 = self._make_layer(block, planes[0], layers[0])
        self.layer2 = self._make_layer(block, planes[1], layers[1], 2, dilate[0])
        self.layer3 = self._make_layer(block, planes[2], layers[2], 2, dilate[1])
        self.layer4 = self._make_layer(block, planes[3], layers[3], 2, dilate[2])
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(self.inplanes, num_classes)
        for m in self.modules():
            if form == "keras" and isinstance(m, (nn.Conv2d, nn.Linear)):
                nn.init.xavier_uniform_(m.weight)
                nn.init.zeros_(m.bias)
            elif isinstance(m, nn.Conv2d):
                nn.init.kaiming_normal_(m.weight, mode="fan_out", nonlinearity="relu")
            elif zero_init_residual and isinstance(m, (BasicBlock, Bottleneck)):
                nn.init.zeros_((m.bn2 if isinstance(m, BasicBlock) else m.bn3).weight)

    def _make_layer(self, block: Any, planes: int, blocks: int, stride: int = 1, dilate: bool = False) -> nn.Sequential:
        before = self.dilation
        if dilate:
            self.dilation, stride = self.dilation * stride, 1
        out, form, norm = planes * block.expansion, self.form, self.norm_layer
        downsample = None
        if stride != 1 or self.inplanes != out:
            downsample = nn.Sequential(nn.Conv2d(self.inplanes, out, 1, stride, bias=form == "keras"), norm(out))
        shared = (self.groups, self.base_width)
        layers = [block(self.inplanes, planes, stride, downsample, *shared, before, norm, form=form)]
        layers += [block(out, planes, 1, None, *shared, self.dilation, norm, form=form) for _ in range(1, blocks)]
        self.inplanes = out
        return nn.Sequential(*layers)

    @explain_shapes
    def forward(self, x: Tensor) -> Tensor:
        x = self.maxpool(chain(x, self.conv1, self.bn1, self.relu))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(self.avgpool(x).flatten(1))


def resnet18(*, weights: Any = None, **options: Any) -> ResNet:
    """ResNet with 18 layers; options: ResNet's; weights: a file of its state_dict."""
    return build(ResNet, BasicBlock, (2, 2, 2, 2), weights=weights, **options)


def resnet34(*, weights: Any = None, **options: Any) -> ResNet:
    """ResNet with 34 layers; arguments as in `resnet18`."""
    return build(ResNet, BasicBlock, (3, 4, 6, 3), weights=weights, **options)


def resnet50(*, weights: Any = None, **options: Any) -> ResNet:
    """ResNet with 50 layers; arguments as in `resnet18`."""
    return build(ResNet, Bottleneck, (3, 4, 6, 3), weights=weights, **options)


def resnet101(*, weights: Any = None, **options: Any) -> ResNet:
    """ResNet with 101 layers; arguments as in `resnet18`."""
    return build(ResNet, Bottleneck, (3, 4, 23, 3), weights=weights, **options)


def resnet152(*, weights: Any = None, **options: Any) -> ResNet:
    """ResNet with 152 layers; arguments as in `resnet18`."""
    return build(ResNet, Bottleneck, (3, 8, 36, 3), weights=weights, **options)
