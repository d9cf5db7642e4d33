"""Random changes of pictures, with torchvision's names and meanings; boxes and masks follow."""

from nn.data.transforms.base import Compose, RandomApply, RandomChoice, Transform, boxes_inside
from nn.data.transforms.colour import (
    ColorJitter,
    GaussianBlur,
    Normalize,
    PCAColorShift,
    RandomErasing,
    RandomGrayscale,
    ToTensor,
)
from nn.data.transforms.geometry import (
    CenterCrop,
    ElasticTransform,
    Pad,
    RandomAffine,
    RandomCrop,
    RandomHorizontalFlip,
    RandomResizedCrop,
    RandomRotation,
    RandomVerticalFlip,
    Resize,
)

__all__ = [
    "CenterCrop",
    "ColorJitter",
    "Compose",
    "ElasticTransform",
    "GaussianBlur",
    "Normalize",
    "PCAColorShift",
    "Pad",
    "RandomAffine",
    "RandomApply",
    "RandomChoice",
    "RandomCrop",
    "RandomErasing",
    "RandomGrayscale",
    "RandomHorizontalFlip",
    "RandomResizedCrop",
    "RandomRotation",
    "RandomVerticalFlip",
    "Resize",
    "ToTensor",
    "Transform",
    "boxes_inside",
]
