"""The networks of the benchmark, each defined once, as a function of either library's modules `base` (`torch` or
`autograd`), `nn` and `F`.

One row a network trains (forward, loss, backward, optimizer) and one infers. Weights are drawn by name, the same in
both libraries, and the losses of the first steps must agree.
"""

from __future__ import annotations

import importlib
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from library import Case, Library, Row, fingerprint, models_on_torch

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


def of_models(file: str, name: str, **options: Any) -> Callable[[Any, Any, Any], Any]:
    """A network of nn/models/<file>.py, whose text is built on torch too."""

    def build(base: Any, nn: Any, F: Any) -> Any:
        made = importlib.import_module(f"nn.models.{file}") if base.__name__ == "autograd" else models_on_torch(file)
        return getattr(made, name)(**options)

    return build


lenet5 = of_models("lenet", "LeNet5", in_channels=3)
alexnet = of_models("alexnet", "AlexNet")
vgg16 = of_models("vgg", "vgg16")
resnet50 = of_models("resnet", "resnet50")
googlenet = of_models("googlenet", "googlenet", aux_logits=False)
inception_v3 = of_models("inception", "inception_v3", aux_logits=False)


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


def dates(fused: bool) -> Callable[[Any, Any, Any], Any]:
    """Attention from 10 steps of a decoder to 30 of a bidirectional encoder: a written date to an ISO date.

    The decoder is written out, as torch's users do; fused: by `attention_lstm` where the library has it.
    """

    def build(base: Any, nn: Any, F: Any) -> Any:
        decoder = getattr(F, "attention_lstm", None) if fused else None

        class Dates(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.embedding = nn.Embedding(37, 32)
                self.encoder = nn.LSTM(32, 32, batch_first=True, bidirectional=True)
                self.key, self.query = nn.Linear(64, 64), nn.Linear(64, 64, bias=False)
                self.score = nn.Linear(64, 1, bias=False)
                self.decoder, self.output = nn.LSTMCell(64, 64), nn.Linear(64, 11)

            def decoded(self, keys: Any, states: Any) -> Any:
                if decoder is not None:
                    cell = self.decoder
                    weights = self.query.weight, self.score.weight, cell.weight_ih, cell.weight_hh
                    return decoder(cell.bias_ih + cell.bias_hh, keys, states, *weights, None, None, 10)[0]
                outputs, s, c = [], base.zeros(len(keys), 64), base.zeros(len(keys), 64)
                for _ in range(10):
                    scores = self.score((keys + self.query(s).unsqueeze(1)).tanh()).squeeze(2)
                    s, c = self.decoder(base.bmm(scores.softmax(1).unsqueeze(1), states).squeeze(1), (s, c))
                    outputs.append(s)
                return base.stack(outputs, 1)

            def forward(self, x: Any) -> Any:
                states, _ = self.encoder(self.embedding(x))
                return self.output(self.decoded(self.key(states), states)).reshape(-1, 11)

        return Dates()

    return build


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
    **{
        name: Network(dates(fused), (32, 30), (320,), "cross_entropy", 11, "Adam", words=37, limit=0.5)
        for name, fused in (("dates-32x30", False), ("dates-fused-32x30", True))
    },
    "alexnet-b16": Network(alexnet, (16, 3, 227, 227), (16,), "cross_entropy", 1000, lr=1e-4, heavy=True),
    "vgg16-b4": Network(vgg16, (4, 3, 224, 224), (4,), "cross_entropy", 1000, lr=3e-6, heavy=True),
    "resnet50-b4": Network(resnet50, (4, 3, 224, 224), (4,), "cross_entropy", 1000, lr=3e-6, heavy=True),
    "googlenet-b4": Network(googlenet, (4, 3, 224, 224), (4,), "cross_entropy", 1000, lr=1e-4, heavy=True),
    "inception-b4": Network(inception_v3, (4, 3, 299, 299), (4,), "cross_entropy", 1000, lr=3e-6, heavy=True),
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


def style_transfer(lib: Library) -> Case:
    """One step of style transfer: VGG-16's convolutions on a picture of 256x256, the notes' costs, Adam on the pixels.

    Style from the first layer of each block, content from the second of the fourth; J of the first three steps is compared.
    """
    # up to the last layer that the costs ask for
    cfg = (64, 64, "M", 128, 128, "M", *3 * (256,), "M", *3 * (512,), "M", 512)
    features = of_models("vgg", "make_layers", cfg=cfg)(lib.base, lib.nn, lib.F)
    values = {name: lib.base.from_numpy(draw(name, tuple(p.shape))) for name, p in features.named_parameters()}
    features.load_state_dict(values)
    features = lib.model(features).eval().requires_grad_(False)
    style_layers, content_layer = {1, 6, 11, 18, 25}, 20
    rng = random("pictures")
    content, style = (lib.array(rng.random((1, 3, 256, 256), np.float32), as_made=True) for _ in range(2))

    def seen(x: Any) -> tuple[Any, dict[int, Any]]:
        kept, grams = None, {}
        for i, layer in enumerate(features):
            x = layer(x)
            if i in style_layers:
                flat = x.flatten(2)
                grams[i] = flat @ flat.transpose(1, 2) / (x.shape[2] * x.shape[3])
            if i == content_layer:
                kept = x
        return kept, grams

    with lib.base.no_grad():
        wanted, grams = seen(content)[0], seen(style)[1]
    picture = content.clone().requires_grad_()
    optimizer = lib.optimizer("Adam", [picture], lr=1e-3)

    def step() -> Any:
        optimizer.zero_grad()
        x, own = seen(picture)
        cost = ((x - wanted) ** 2).sum() / (4 * x.numel())
        for i in style_layers:
            cost = cost + 0.2 * ((own[i] - grams[i]) ** 2).sum() / (4 * own[i].shape[1] ** 2)
        cost.backward()
        optimizer.step()
        return cost

    return Case(step, lambda: [float(step().detach()) for _ in range(3)])


IMAGE_LAYOUTS = ("", "channels_last")


def rows() -> list[Row]:
    """A row a network trains and one infers; a step of style transfer."""
    ways = tuple(f"{layout} {way}".strip() for layout in IMAGE_LAYOUTS for way in ("fused", ""))
    result = [Row("network/style-transfer-256/step", style_transfer, ways, 0.7, heavy=True)]
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
