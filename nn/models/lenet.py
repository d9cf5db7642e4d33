"""LeNet-5. LeCun, Bottou, Bengio, Haffner, "Gradient-based learning applied to document recognition", Proc. IEEE 1998."""

from __future__ import annotations

import nn
from autograd import Tensor

from ._shapes import explain_shapes

ACTIVATIONS = {"tanh": nn.Tanh, "sigmoid": nn.Sigmoid, "relu": nn.ReLU}
POOLINGS = {"max": nn.MaxPool2d, "average": nn.AvgPool2d}


class LeNet5(nn.Module):
    """(N, 1, 32, 32) -> (N, num_classes): two 5x5 convolutions with pooling, three linear layers.

    activation: "tanh", "sigmoid" or "relu". pooling: "max" or "average". padding: of the first convolution; 2 takes pictures
    of 28 x 28. width: multiplies every hidden layer's width. 61,706 parameters with 1 channel, 62,006 with 3. The scores
    are logits: softmax belongs to the loss. The pooling has no weights and the second convolution sees all channels, as
    LeNet-5 is built since; the paper's output layer of radial basis functions is linear here.
    """

    def __init__(
        self,
        num_classes: int = 10,
        in_channels: int = 1,
        *,
        activation: str = "tanh",
        pooling: str = "max",
        padding: int = 0,
        width: float = 1.0,
    ) -> None:
        super().__init__()
        for what, value, known in (("activation", activation, ACTIVATIONS), ("pooling", pooling, POOLINGS)):
            if value not in known:
                raise ValueError(f"LeNet5: {what} must be one of {', '.join(known)}, got {value!r}")
        act, pool = ACTIVATIONS[activation], POOLINGS[pooling]
        a, b, c, d = (max(1, round(n * width)) for n in (6, 16, 120, 84))
        self.features = nn.Sequential(
            nn.Conv2d(in_channels, a, 5, padding=padding),  # 32 -> 28
            act(),
            pool(2),  # -> 14
            nn.Conv2d(a, b, 5),  # -> 10
            act(),
            pool(2),  # -> 5
        )
        self.classifier = nn.Sequential(
            nn.Linear(b * 5 * 5, c), act(), nn.Linear(c, d), act(), nn.Linear(d, num_classes)
        )

    @explain_shapes
    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.features(x).flatten(1))
