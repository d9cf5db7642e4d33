"""AlexNet. Krizhevsky, Sutskever, Hinton, "ImageNet classification with deep convolutional neural networks", NIPS 2012."""

from __future__ import annotations

from typing import Any

import nn
from autograd import Tensor

from ._shapes import explain_shapes
from .weights import build

# widths of the five convolutions; padding of the first
FORMS = {
    "paper": ((96, 256, 384, 384, 256), 0),
    "torchvision": ((64, 192, 384, 256, 256), 2),
}


class AlexNet(nn.Module):
    """(N, 3, 227, 227) -> (N, num_classes): five convolutions and three linear layers with ReLU.

    form: "paper": widths 96, 256, 384, 384, 256; 62,378,344 parameters, 60,965,224 with groups=2, the halves that the
    paper kept on two GPUs (its second, fourth and fifth convolution see only one half of the channels). "torchvision":
    64, 192, 384, 256, 256 (Krizhevsky 2014, arXiv:1404.5997), for pictures of 224 x 224, dropout before the linear layers,
    any larger size through an average; 61,100,840 parameters, the names of its state_dict. lrn: the paper's local response
    normalisation behind the first two ReLUs. width: multiplies every hidden layer's width.
    """

    def __init__(
        self,
        num_classes: int = 1000,
        dropout: float = 0.5,
        *,
        form: str = "paper",
        lrn: bool = False,
        groups: int = 1,
        in_channels: int = 3,
        width: float = 1.0,
    ) -> None:
        super().__init__()
        if form not in FORMS:
            raise ValueError(f"AlexNet: form must be one of {', '.join(FORMS)}, got {form!r}")
        widths, padding = FORMS[form]
        a, b, c, d, e = (max(1, round(n * width / groups)) * groups for n in widths)
        hidden = max(1, round(4096 * width))

        def relu() -> Any:
            # the paper multiplies the sum by alpha = 1e-4, LocalResponseNorm the mean over its 5 channels
            return nn.Sequential(nn.ReLU(), nn.LocalResponseNorm(5, alpha=5e-4, beta=0.75, k=2.0)) if lrn else nn.ReLU()

        self.features = nn.Sequential(
            nn.Conv2d(in_channels, a, 11, stride=4, padding=padding),  # 227 -> 55
            relu(),
            nn.MaxPool2d(3, 2),  # -> 27
            nn.Conv2d(a, b, 5, padding=2, groups=groups),
            relu(),
            nn.MaxPool2d(3, 2),  # -> 13
            nn.Conv2d(b, c, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(c, d, 3, padding=1, groups=groups),
            nn.ReLU(),
            nn.Conv2d(d, e, 3, padding=1, groups=groups),
            nn.ReLU(),
            nn.MaxPool2d(3, 2),  # -> 6
        )
        self.avgpool = nn.AdaptiveAvgPool2d((6, 6)) if form == "torchvision" else nn.Identity()
        linear = [nn.Linear(e * 6 * 6, hidden), nn.ReLU(), nn.Dropout(dropout), nn.Linear(hidden, hidden), nn.ReLU()]
        linear.insert(0 if form == "torchvision" else 5, nn.Dropout(dropout))
        self.classifier = nn.Sequential(*linear, nn.Linear(hidden, num_classes))

    @explain_shapes
    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.avgpool(self.features(x)).flatten(1))


def alexnet(*, weights: Any = None, **options: Any) -> AlexNet:
    """torchvision's AlexNet (`AlexNet(form="torchvision")`); weights: a file of its state_dict."""
    return build(AlexNet, weights=weights, **{"form": "torchvision", **options})
