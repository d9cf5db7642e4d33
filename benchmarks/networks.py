"""The networks of the benchmark, each defined once, as a function of either library's modules `base` (`torch` or
`autograd`), `nn` and `F`.

One row a network trains (forward, loss, backward, optimizer) and one infers. Weights are drawn by name, the same in
both libraries, and the losses of the first steps must agree.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from library import Case, Library, Row, fingerprint

# ---- definitions


def logistic(base: Any, nn: Any, F: Any) -> Any:
    """Logistic regression on a 64x64 picture of three colours."""
    return nn.Linear(12288, 1)


def tiny_mlp(base: Any, nn: Any, F: Any) -> Any:
    """Two hidden layers on 16 features: what a step costs when its arithmetic costs nothing."""
    return nn.Sequential(nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, 16), nn.ReLU(), nn.Linear(16, 4))


def mlp(base: Any, nn: Any, F: Any) -> Any:
    """Digits of 28x28 through two hidden layers."""
    return nn.Sequential(nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 128), nn.ReLU(), nn.Linear(128, 10))


def lenet5(base: Any, nn: Any, F: Any) -> Any:
    """LeNet-5 with tanh and three input channels: 62,006 parameters."""

    class LeNet5(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv1, self.conv2 = nn.Conv2d(3, 6, 5), nn.Conv2d(6, 16, 5)
            self.fc1, self.fc2, self.fc3 = nn.Linear(400, 120), nn.Linear(120, 84), nn.Linear(84, 10)

        def forward(self, x: Any) -> Any:
            x = F.max_pool2d(self.conv1(x).tanh(), 2)
            x = F.max_pool2d(self.conv2(x).tanh(), 2).flatten(1)
            return self.fc3(self.fc2(self.fc1(x).tanh()).tanh())

    return LeNet5()


def classifier(nn: Any, features: int) -> list[Any]:
    """The two wide layers with dropout and the 1000 outputs that AlexNet and VGG end in."""
    layers = [nn.Flatten()]
    for inputs in (features, 4096):
        layers += [nn.Linear(inputs, 4096), nn.ReLU(), nn.Dropout(0.5)]
    return [*layers, nn.Linear(4096, 1000)]


def alexnet(base: Any, nn: Any, F: Any) -> Any:
    """AlexNet in one piece (no groups): 62,378,344 parameters."""
    return nn.Sequential(
        nn.Conv2d(3, 96, 11, stride=4), nn.ReLU(), nn.MaxPool2d(3, 2),
        nn.Conv2d(96, 256, 5, padding=2), nn.ReLU(), nn.MaxPool2d(3, 2),
        nn.Conv2d(256, 384, 3, padding=1), nn.ReLU(),
        nn.Conv2d(384, 384, 3, padding=1), nn.ReLU(),
        nn.Conv2d(384, 256, 3, padding=1), nn.ReLU(), nn.MaxPool2d(3, 2),
        *classifier(nn, 9216),
    )  # fmt: skip


def vgg16(base: Any, nn: Any, F: Any) -> Any:
    """VGG-16: 138,357,544 parameters."""
    layers, channels = [], 3
    for width, depth in ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)):
        for _ in range(depth):
            layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU()]
            channels = width
        layers.append(nn.MaxPool2d(2))
    return nn.Sequential(*layers, *classifier(nn, 512 * 7 * 7))


def resnet50(base: Any, nn: Any, F: Any) -> Any:
    """ResNet-50 with the stride on the 3x3: 25,557,032 parameters."""

    class Bottleneck(nn.Module):
        def __init__(self, inputs: int, width: int, stride: int) -> None:
            super().__init__()
            self.conv1, self.bn1 = nn.Conv2d(inputs, width, 1, bias=False), nn.BatchNorm2d(width)
            self.conv2, self.bn2 = nn.Conv2d(width, width, 3, stride, 1, bias=False), nn.BatchNorm2d(width)
            self.conv3, self.bn3 = nn.Conv2d(width, 4 * width, 1, bias=False), nn.BatchNorm2d(4 * width)
            self.shortcut = None
            if stride != 1 or inputs != 4 * width:
                self.shortcut = nn.Sequential(
                    nn.Conv2d(inputs, 4 * width, 1, stride, bias=False), nn.BatchNorm2d(4 * width)
                )

        def forward(self, x: Any) -> Any:
            y = F.relu(self.bn1(self.conv1(x)))
            y = F.relu(self.bn2(self.conv2(y)))
            y = self.bn3(self.conv3(y))
            return F.relu(y + (x if self.shortcut is None else self.shortcut(x)))

    layers = [nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(3, 2, 1)]
    channels = 64
    for width, depth, stride in ((64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2)):
        for i in range(depth):
            layers.append(Bottleneck(channels, width, stride if i == 0 else 1))
            channels = 4 * width
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2048, 1000))


def googlenet(base: Any, nn: Any, F: Any) -> Any:
    """GoogLeNet with batch norm, without its two heads, in torchvision's form (3x3 for 5x5): 6,624,904 parameters."""

    def conv(inputs: int, outputs: int, size: int, stride: int = 1, padding: int = 0) -> Any:
        return nn.Sequential(
            nn.Conv2d(inputs, outputs, size, stride, padding, bias=False), nn.BatchNorm2d(outputs, eps=0.001), nn.ReLU()
        )

    class Inception(nn.Module):
        def __init__(self, inputs: int, one: int, red3: int, three: int, red5: int, five: int, pooled: int) -> None:
            super().__init__()
            self.branch1 = conv(inputs, one, 1)
            self.branch2 = nn.Sequential(conv(inputs, red3, 1), conv(red3, three, 3, padding=1))
            self.branch3 = nn.Sequential(conv(inputs, red5, 1), conv(red5, five, 3, padding=1))
            self.branch4 = nn.Sequential(nn.MaxPool2d(3, 1, 1), conv(inputs, pooled, 1))

        def forward(self, x: Any) -> Any:
            return base.cat([self.branch1(x), self.branch2(x), self.branch3(x), self.branch4(x)], 1)

    return nn.Sequential(
        conv(3, 64, 7, 2, 3), nn.MaxPool2d(3, 2, ceil_mode=True),
        conv(64, 64, 1), conv(64, 192, 3, padding=1), nn.MaxPool2d(3, 2, ceil_mode=True),
        Inception(192, 64, 96, 128, 16, 32, 32), Inception(256, 128, 128, 192, 32, 96, 64),
        nn.MaxPool2d(3, 2, ceil_mode=True),
        Inception(480, 192, 96, 208, 16, 48, 64), Inception(512, 160, 112, 224, 24, 64, 64),
        Inception(512, 128, 128, 256, 24, 64, 64), Inception(512, 112, 144, 288, 32, 64, 64),
        Inception(528, 256, 160, 320, 32, 128, 128),
        nn.MaxPool2d(2, 2, ceil_mode=True),
        Inception(832, 256, 160, 320, 32, 128, 128), Inception(832, 384, 192, 384, 48, 128, 128),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.2), nn.Linear(1024, 1000),
    )  # fmt: skip


def yolo(base: Any, nn: Any, F: Any) -> Any:
    """The stack of tiny YOLO (v2): nine convolutions on 416x416 that give 13x13 cells of 5 boxes and 20 classes."""
    layers, channels = [], 3
    for i, width in enumerate((16, 32, 64, 128, 256, 512, 1024, 1024)):
        layers += [nn.Conv2d(channels, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.LeakyReLU(0.1)]
        if i < 5:
            layers.append(nn.MaxPool2d(2))
        channels = width
    return nn.Sequential(*layers, nn.Conv2d(channels, 125, 1))


def conv_stack(depth: int) -> Callable[[Any, Any, Any], Any]:
    """`depth` equal convolutions, for time against depth."""

    def build(base: Any, nn: Any, F: Any) -> Any:
        layers = []
        for _ in range(depth):
            layers += [nn.Conv2d(32, 32, 3, padding=1), nn.ReLU()]
        return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(32, 10))

    return build


def dense_stack(depth: int) -> Callable[[Any, Any, Any], Any]:
    """`depth` small linear layers: time against the length of the tape."""

    def build(base: Any, nn: Any, F: Any) -> Any:
        layers = []
        for _ in range(depth):
            layers += [nn.Linear(32, 32), nn.Tanh()]
        return nn.Sequential(*layers, nn.Linear(32, 10))

    return build


def characters(kind: str) -> Callable[[Any, Any, Any], Any]:
    """A language model of characters: embedding, a recurrent layer of 128 units, the next character's logits."""

    def build(base: Any, nn: Any, F: Any) -> Any:
        class Characters(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.embedding, self.output = nn.Embedding(28, 128), nn.Linear(128, 28)
                self.layer = getattr(nn, kind)(128, 128, batch_first=True)

            def forward(self, x: Any) -> Any:
                return self.output(self.layer(self.embedding(x))[0]).reshape(-1, 28)

        return Characters()

    return build


def dates(base: Any, nn: Any, F: Any) -> Any:
    """Attention from 10 steps of a decoder to 30 of a bidirectional encoder: a written date to an ISO date."""

    class Dates(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embedding = nn.Embedding(37, 32)
            self.encoder = nn.LSTM(32, 32, batch_first=True, bidirectional=True)
            self.key, self.query, self.score = nn.Linear(64, 64), nn.Linear(64, 64, bias=False), nn.Linear(64, 1)
            self.decoder, self.output = nn.LSTMCell(64, 64), nn.Linear(64, 11)

        def forward(self, x: Any) -> Any:
            states, _ = self.encoder(self.embedding(x))
            keys, outputs = self.key(states), []
            s, c = base.zeros(len(x), 64), base.zeros(len(x), 64)
            for _ in range(10):
                scores = self.score((keys + self.query(s).unsqueeze(1)).tanh()).squeeze(2)
                context = base.bmm(scores.softmax(1).unsqueeze(1), states).squeeze(1)
                s, c = self.decoder(context, (s, c))
                outputs.append(s)
            return self.output(base.stack(outputs, 1)).reshape(-1, 11)

    return Dates()


# ---- data, weights, rows


@dataclass(frozen=True)
class Network:
    """A definition, the batch it sees, its loss and its optimizer.

    classes: labels below it; 0: as many real targets as outputs (binary for logistic regression, a grid for YOLO).
    words: the input holds numbers below it. limit: the highest ratio to torch that is wanted.
    lr: while the losses are compared, so small that they fall: an untrained deep network magnifies rounding (in the first
    gradient of ResNet-50 either library is 2-3 % from float64), and with long steps the losses soon have little in common.
    """

    define: Callable[[Any, Any, Any], Any]
    input_shape: tuple[int, ...]
    target_shape: tuple[int, ...]
    loss: str
    classes: int = 0
    optimizer: str = "SGD"
    lr: float = 1e-3
    heavy: bool = False
    words: int = 0
    limit: float = 0.8


NETWORKS = {
    "logistic-64x12288": Network(logistic, (64, 12288), (64, 1), "binary_cross_entropy_with_logits", lr=1e-2),
    "tiny-mlp-32x16": Network(tiny_mlp, (32, 16), (32,), "cross_entropy", 4, "Adam"),
    "mlp-128x784": Network(mlp, (128, 784), (128,), "cross_entropy", 10, "Adam"),
    "lenet5-b64": Network(lenet5, (64, 3, 32, 32), (64,), "cross_entropy", 10, "Adam"),
    **{
        f"{kind.lower()}-32x50": Network(
            characters(kind), (32, 50), (1600,), "cross_entropy", 28, "Adam", words=28, limit=0.5
        )
        for kind in ("RNN", "GRU", "LSTM")
    },
    "dates-32x30": Network(dates, (32, 30), (320,), "cross_entropy", 11, "Adam", words=37, limit=0.5),
    "alexnet-b16": Network(alexnet, (16, 3, 227, 227), (16,), "cross_entropy", 1000, lr=1e-4, heavy=True),
    "vgg16-b4": Network(vgg16, (4, 3, 224, 224), (4,), "cross_entropy", 1000, lr=3e-6, heavy=True),
    "resnet50-b4": Network(resnet50, (4, 3, 224, 224), (4,), "cross_entropy", 1000, lr=3e-6, heavy=True),
    "googlenet-b4": Network(googlenet, (4, 3, 224, 224), (4,), "cross_entropy", 1000, lr=1e-4, heavy=True),
    "yolo-b4": Network(yolo, (4, 3, 416, 416), (4, 125, 13, 13), "mse_loss", lr=1e-2, heavy=True),
}
SETTINGS: dict[str, dict[str, float]] = {
    "SGD": {"momentum": 0.9, "weight_decay": 5e-4},
    "Adam": {},
}
STILL = 1e-9  # learning rate while timing: the same work, but a run's length changes neither weights nor dead units


def random(name: str) -> np.random.Generator:
    return np.random.default_rng(zlib.crc32(name.encode()))


def draw(name: str, shape: tuple[int, ...]) -> np.ndarray:
    """A parameter's values from its name alone: He's distribution for matrices and kernels, near 1 or 0 for vectors.

    Recurrent matrices have half that: a network that magnifies its state step after step magnifies rounding too.
    """
    values = random(name).standard_normal(shape, np.float32)
    if len(shape) > 1:
        return values * np.float32(np.sqrt((0.5 if "weight_hh" in name else 2) / np.prod(shape[1:])))
    near_one = name.endswith("weight")
    return np.float32(near_one) + np.float32(0.02) * values


def build_model(lib: Library, network: Network) -> Any:
    model = network.define(lib.base, lib.nn, lib.F)
    values = {name: lib.base.from_numpy(draw(name, tuple(p.shape))) for name, p in model.named_parameters()}
    model.load_state_dict(values, strict=False)  # not strict: running statistics stay as they start
    return lib.model(model)


def build_batch(lib: Library, network: Network) -> tuple[Any, Any]:
    """Input and target. Pictures come channels first, as a loader gives them, unless torch's variant says otherwise."""
    rng = random("batch")
    if network.words:
        x = lib.base.from_numpy(rng.integers(0, network.words, network.input_shape))
    else:
        x = lib.array(rng.standard_normal(network.input_shape, np.float32), as_made=True)
    if network.classes:
        return x, lib.base.from_numpy(rng.integers(0, network.classes, network.target_shape))
    target = rng.random(network.target_shape, np.float32)
    if network.loss.startswith("binary"):
        target = np.round(target)
    return x, lib.array(target)


def training(network: Network) -> Callable[[Library], Case]:
    """One step of training, whose first three losses are compared with dropout off."""

    def build(lib: Library) -> Case:
        model, (x, target) = build_model(lib, network), build_batch(lib, network)
        optimizer = lib.optimizer(network.optimizer, model.parameters(), lr=network.lr, **SETTINGS[network.optimizer])
        loss_function = getattr(lib.F, network.loss)

        def step() -> Any:
            optimizer.zero_grad()
            loss = loss_function(model(x), target)
            loss.backward()
            optimizer.step()
            return loss

        def losses() -> list[float]:
            drops = [(module, module.p) for module in model.modules() if type(module).__name__ == "Dropout"]
            for module, _ in drops:
                module.p = 0.0
            result = [float(step().detach()) for _ in range(3)]
            for module, p in drops:
                module.p = p
            for group in optimizer.param_groups:
                group["lr"] = STILL
            return result

        return Case(step, losses)

    return build


def inference(network: Network) -> Callable[[Library], Case]:
    """One pass without a tape, whose outputs are compared."""

    def build(lib: Library) -> Case:
        model, (x, _) = build_model(lib, network).eval(), build_batch(lib, network)

        def run() -> Any:
            with lib.base.no_grad():
                return model(x)

        return Case(run, lambda: fingerprint(run()))

    return build


IMAGE_LAYOUTS = ("", "channels_last")


def rows() -> list[Row]:
    """A row a network trains and one infers."""
    result = []
    for name, network in NETWORKS.items():
        layouts = IMAGE_LAYOUTS if len(network.input_shape) == 4 else ("",)
        ways = tuple(f"{layout} {way}".strip() for layout in layouts for way in ("fused", "foreach", ""))
        result.append(Row(f"network/{name}/step", training(network), ways, network.limit, heavy=network.heavy))
        result.append(Row(f"network/{name}/inference", inference(network), layouts, heavy=network.heavy))
    return result


GROWTH = {
    "batch of lenet5": [
        (n, Network(lenet5, (n, 3, 32, 32), (n,), "cross_entropy", 10, "Adam")) for n in (16, 32, 64, 128, 256)
    ],
    "depth of 3x3 convolutions": [
        (n, Network(conv_stack(n), (8, 32, 32, 32), (8,), "cross_entropy", 10, lr=1e-5)) for n in (2, 4, 8, 16, 32)
    ],
    "depth of small linear layers": [
        (n, Network(dense_stack(n), (32, 32), (32,), "cross_entropy", 10, lr=1e-7)) for n in (4, 8, 16, 32, 64, 128)
    ],
}


def growth_rows() -> list[Row]:
    """A row a point of each curve, one variant of torch's each, for the shape is what is asked."""
    result = []
    for curve, points in GROWTH.items():
        for n, network in points:
            way = "channels_last fused" if len(network.input_shape) == 4 else "fused"
            result.append(Row(f"growth/{curve}/{n}", training(network), (way,)))
    return result
