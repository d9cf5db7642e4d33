"""The convolutional networks, under torchvision's names and with its state_dicts; weights from files; a summary."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .alexnet import AlexNet, alexnet
from .googlenet import GoogLeNet, GoogLeNetOutputs, googlenet
from .inception import Inception3, InceptionOutputs, InceptionV3, inception_v3
from .lenet import LeNet5
from .resnet import (
    BasicBlock,
    Bottleneck,
    ResNet,
    resnet18,
    resnet34,
    resnet50,
    resnet101,
    resnet152,
)
from .summary import Summary, summary
from .vgg import (
    VGG,
    bgr_pictures,
    imagenet_vgg16,
    keras_names,
    make_layers,
    vgg11,
    vgg11_bn,
    vgg13,
    vgg13_bn,
    vgg16,
    vgg16_bn,
    vgg19,
    vgg19_bn,
)
from .weights import LoadReport, load_weights, read_weights

if TYPE_CHECKING:
    from .yolo import COCO_ANCHORS, Darknet19, Detector, YOLOLoss, grid_boxes, yolo_loss, yolo_small, yolo_v2

_YOLO = ("COCO_ANCHORS", "Darknet19", "Detector", "YOLOLoss", "grid_boxes", "yolo_loss", "yolo_small", "yolo_v2")

__all__ = [name for name, value in list(globals().items()) if getattr(value, "__module__", "").startswith("nn.models.")]
__all__ += _YOLO


def __getattr__(name: str) -> Any:
    if name in _YOLO:  # read when first asked for: detection brings nn.vision and nn.data, ten times the rest
        return getattr(import_module("nn.models.yolo"), name)
    raise AttributeError(f"module 'nn.models' has no attribute {name!r}", name=name)
