"""The convolutional networks, under torchvision's names and state_dicts; those for sequences; weights; a summary."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .alexnet import AlexNet, alexnet
from .facenet import FaceNet, SmallFaceNet, facenet, facenet_small
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
    from .charlm import CharacterModel
    from .seq2seq import Seq2Seq
    from .yolo import COCO_ANCHORS, Darknet19, Detector, YOLOLoss, grid_boxes, yolo_loss, yolo_small, yolo_v2

_YOLO = ("COCO_ANCHORS", "Darknet19", "Detector", "YOLOLoss", "grid_boxes", "yolo_loss", "yolo_small", "yolo_v2")

__all__ = [name for name, value in list(globals().items()) if getattr(value, "__module__", "").startswith("nn.models.")]
# read when first asked for: detection brings nn.vision and nn.data, sequences nn.text, many times the rest
_LATER = {**dict.fromkeys(_YOLO, "yolo"), "CharacterModel": "charlm", "Seq2Seq": "seq2seq"}
__all__ += _LATER


def __getattr__(name: str) -> Any:
    if name in _LATER:
        return getattr(import_module(f"nn.models.{_LATER[name]}"), name)
    raise AttributeError(f"module 'nn.models' has no attribute {name!r}", name=name)
