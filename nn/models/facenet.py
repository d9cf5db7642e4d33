"""Networks that turn a face into a point: equal people near each other, others far. FaceNet, arXiv:1503.03832."""

from __future__ import annotations

from typing import Any

import nn
import nn.functional as F
from autograd import Tensor
from autograd.errors import ShapeError

from .googlenet import GoogLeNet
from .weights import build


class FaceNet(nn.Module):
    """(N, 3, H, W) -> (N, embedding) of length 1: GoogLeNet whose last layer is the embedding (the paper's NN2 in kind).

    width: multiplies every hidden layer's width. in_channels: 1 takes grey pictures. 5,731,104 parameters.
    """

    def __init__(self, embedding: int = 128, *, in_channels: int = 3, width: float = 1.0) -> None:
        super().__init__()
        self.body = GoogLeNet(embedding, aux_logits=False, dropout=0.0, in_channels=in_channels, width=width)

    def forward(self, x: Tensor) -> Tensor:
        return F.normalize(self.body(x))


class SmallFaceNet(nn.Module):
    """(N, 1, H, W) -> (N, embedding) of length 1: four 3x3 convolutions, and one linear layer that sees every place.

    size: (H, W) of the pictures. widths: of the convolutions; each is followed by batch norm, ReLU and a pooling that
    halves. Errors: ValueError for pictures of another size, and for a size that the poolings use up.
    """

    def __init__(
        self,
        embedding: int = 128,
        *,
        in_channels: int = 1,
        size: tuple[int, int] = (56, 46),
        widths: tuple[int, ...] = (32, 64, 128, 128),
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        channels = in_channels
        for width in widths:
            conv = nn.Conv2d(channels, width, 3, padding=1, bias=False)
            layers += [conv, nn.BatchNorm2d(width), nn.ReLU(), nn.MaxPool2d(2)]
            channels = width
        self.features = nn.Sequential(*layers)
        self.size = size
        if min(size) >> len(widths) < 1:
            raise ValueError(
                f"SmallFaceNet: size {size} is too small for {len(widths)} poolings, from {1 << len(widths)} on"
            )
        left = channels * (size[0] >> len(widths)) * (size[1] >> len(widths))
        self.embedding = nn.Sequential(nn.Flatten(), nn.Dropout(dropout), nn.Linear(left, embedding))

    def forward(self, x: Tensor) -> Tensor:
        if x.ndim != 4 or x.shape[1] != self.features[0].in_channels:
            channels = self.features[0].in_channels
            raise ShapeError(f"SmallFaceNet: expected {channels} channels, (N, {channels}, H, W), got {tuple(x.shape)}")
        if tuple(x.shape[2:]) != tuple(self.size):
            raise ShapeError(
                f"SmallFaceNet: expected pictures of {self.size[0]} x {self.size[1]}, got {' x '.join(map(str, x.shape[2:]))}; "
                "resize them, or build the network with that size"
            )
        return F.normalize(self.embedding(self.features(x)))


def facenet(*, weights: Any = None, **options: Any) -> FaceNet:
    """FaceNet; options: the class's; weights: a file of its state_dict."""
    return build(FaceNet, weights=weights, **options)


def facenet_small(*, weights: Any = None, **options: Any) -> SmallFaceNet:
    """The small embedding network; options: the class's; weights: a file of its state_dict."""
    return build(SmallFaceNet, weights=weights, **options)
