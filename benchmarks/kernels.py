"""The single operations of the notes' networks, at the shapes they meet there: forward and each gradient.

A gradient is timed through the tape of either library (`grad` of one recorded operation), with only the inputs in
question requiring one. Arrays lie in memory as a layer before would have left them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from bench_overhead import CHAIN, SIZE, numpy_runs, tensor_runs
from library import Case, Library, Row, fingerprint
from networks import IMAGE_LAYOUTS, NETWORKS, SETTINGS, STILL, random

Maker = Callable[[Library, np.random.Generator], tuple[Callable[..., Any], list[Any], list[Any]]]
NORMAL, FAST = 0.9, 0.7  # the highest ratios wanted: any shape; 3x3 convolutions of stride 1


def normal(rng: np.random.Generator, *shape: int, dtype: Any = np.float32) -> np.ndarray:
    return rng.standard_normal(shape, dtype)


def operation(
    name: str, make: Maker, gradients: dict[str, tuple[int, ...]], parameters: tuple[int, ...] = (), **row: Any
) -> list[Row]:
    """The rows of one operation: forward, and each entry of `gradients`: a name and which inputs it is for.

    `make` gives the function, the arrays that may need gradients, and the further arguments. `parameters` says which of
    the arrays are a layer's own.
    """

    def prepared(lib: Library, needed: tuple[int, ...]) -> tuple[Callable[..., Any], list[Any], list[Any]]:
        function, arrays, others = make(lib, random(name))
        inputs = [lib.array(a, grad=i in needed, as_made=i in parameters) for i, a in enumerate(arrays)]
        return function, inputs, others

    def forward(lib: Library) -> Case:
        function, inputs, others = prepared(lib, ())

        def run() -> Any:
            return function(*inputs, *others)

        return Case(run, lambda: fingerprint(run()))

    def backward(needed: tuple[int, ...]) -> Callable[[Library], Case]:
        def build(lib: Library) -> Case:
            function, inputs, others = prepared(lib, needed)
            y = function(*inputs, *others)
            g = lib.array(normal(random(name + "/g"), *y.shape, dtype=y.detach().numpy().dtype)) if y.ndim else None
            wanted = [inputs[i] for i in needed]

            def run() -> Any:
                return lib.grad(y, wanted, g, retain_graph=True)

            return Case(run, lambda: [number for result in run() for number in fingerprint(result)])

        return build

    rows = [Row(f"kernel/{name}/forward", forward, **row)]
    row.pop("numpy", None)
    return rows + [Row(f"kernel/{name}/{what} gradient", backward(needed), **row) for what, needed in gradients.items()]


# name: N, C, H=W, filters, window, stride, padding, groups; one number for rows and columns or one each
CONVOLUTIONS: dict[str, tuple[int, int, int, int, Any, int, Any, int]] = {
    "lenet5-1": (64, 3, 32, 6, 5, 1, 0, 1),
    "lenet5-2": (64, 6, 14, 16, 5, 1, 0, 1),
    "alexnet-1": (16, 3, 227, 96, 11, 4, 0, 1),
    "alexnet-2": (16, 96, 27, 256, 5, 1, 2, 1),
    "alexnet-3": (16, 256, 13, 384, 3, 1, 1, 1),
    "alexnet-4": (16, 384, 13, 384, 3, 1, 1, 1),
    "vgg-1.1": (4, 3, 224, 64, 3, 1, 1, 1),
    "vgg-1.2": (4, 64, 224, 64, 3, 1, 1, 1),
    "vgg-2.2": (4, 128, 112, 128, 3, 1, 1, 1),
    "vgg-3.2": (4, 256, 56, 256, 3, 1, 1, 1),
    "vgg-4.2": (4, 512, 28, 512, 3, 1, 1, 1),
    "vgg-5.2": (4, 512, 14, 512, 3, 1, 1, 1),
    "resnet-1": (4, 3, 224, 64, 7, 2, 3, 1),
    "resnet-2-reduce": (4, 256, 56, 64, 1, 1, 0, 1),
    "resnet-2-expand": (4, 64, 56, 256, 1, 1, 0, 1),
    "resnet-2-middle": (4, 64, 56, 64, 3, 1, 1, 1),
    "resnet-3-stride": (4, 128, 56, 128, 3, 2, 1, 1),
    "resnet-3-shortcut": (4, 256, 56, 512, 1, 2, 0, 1),
    "resnet-4-middle": (4, 256, 14, 256, 3, 1, 1, 1),
    "resnet-4-reduce": (4, 1024, 14, 256, 1, 1, 0, 1),
    "resnet-5-middle": (4, 512, 7, 512, 3, 1, 1, 1),
    "resnet-5-reduce": (4, 2048, 7, 512, 1, 1, 0, 1),
    "googlenet-3a-one": (4, 192, 28, 64, 1, 1, 0, 1),
    "googlenet-3a-three": (4, 96, 28, 128, 3, 1, 1, 1),
    "googlenet-3a-five": (4, 16, 28, 32, 5, 1, 2, 1),
    "googlenet-4a-one": (4, 480, 14, 192, 1, 1, 0, 1),
    "inception-1": (4, 3, 299, 32, 3, 2, 0, 1),
    "inception-6-row": (4, 192, 17, 192, (1, 7), 1, (0, 3), 1),
    "inception-6-column": (4, 192, 17, 192, (7, 1), 1, (3, 0), 1),
    "inception-7-row": (4, 384, 8, 384, (1, 3), 1, (0, 1), 1),
    "yolo-1": (4, 3, 416, 16, 3, 1, 1, 1),
    "yolo-2": (4, 16, 208, 32, 3, 1, 1, 1),
    "yolo-7": (4, 512, 13, 1024, 3, 1, 1, 1),
    "yolo-9": (4, 1024, 13, 125, 1, 1, 0, 1),
    "depthwise": (4, 128, 56, 128, 3, 1, 1, 128),
}


def convolutions() -> list[Row]:
    rows: list[Row] = []
    for name, (n, c, size, filters, window, stride, padding, groups) in CONVOLUTIONS.items():
        R, S = window if isinstance(window, tuple) else (window, window)

        def make(
            lib: Library,
            rng: np.random.Generator,
            shape: Any = (n, c, size, size),
            bank: Any = (filters, c // groups, R, S),
            stride: int = stride,
            padding: Any = padding,
            groups: int = groups,
        ) -> Any:
            function = lambda x, w, b: lib.F.conv2d(x, w, b, stride, padding, groups=groups)
            return function, [normal(rng, *shape), normal(rng, *bank), normal(rng, bank[0])], []

        # A picture needs no gradient of its own, except where the picture is what is optimised (style transfer on VGG).
        gradients = {"input": (0,), "weight": (1, 2)} if c > 3 or name == "vgg-1.1" else {"weight": (1, 2)}
        limit = FAST if R == S == 3 and stride == 1 and groups == 1 else NORMAL
        text = f"conv/{name} {n}x{c}x{size}x{size} {filters}@{R}x{S}"
        text += f" by {stride}" if stride > 1 else ""
        rows += operation(text, make, gradients, (1, 2), variants=IMAGE_LAYOUTS, limit=limit)
    return rows


# name: shapes of input and weight, settings; the function is named by what stands before the hyphen
OTHER_CONVOLUTIONS: dict[str, tuple[tuple[int, ...], tuple[int, ...], dict[str, int]]] = {
    "conv1d-wave": ((8, 1, 16000), (64, 1, 80), {"stride": 4}),
    "conv1d-wavenet": ((4, 64, 4096), (128, 64, 2), {"dilation": 16}),
    "conv1d-tcn": ((16, 64, 512), (64, 64, 3), {"padding": 2, "dilation": 2}),
    "conv1d-speech": ((8, 256, 500), (256, 256, 11), {"padding": 5}),
    "conv3d-c3d-1": ((1, 3, 16, 112, 112), (64, 3, 3, 3, 3), {"padding": 1}),
    "conv3d-c3d-3": ((1, 128, 8, 28, 28), (256, 128, 3, 3, 3), {"padding": 1}),
    "conv3d-unet": ((1, 32, 32, 32, 32), (32, 32, 3, 3, 3), {"padding": 1}),
    "conv_transpose1d-vocoder": ((4, 256, 250), (256, 128, 16), {"stride": 8, "padding": 4}),
    "conv_transpose2d-dcgan-1": ((64, 100, 1, 1), (100, 512, 4, 4), {}),
    "conv_transpose2d-dcgan-3": ((64, 256, 8, 8), (256, 128, 4, 4), {"stride": 2, "padding": 1}),
    "conv_transpose2d-unet": ((2, 128, 64, 64), (128, 64, 2, 2), {"stride": 2}),
    "conv_transpose3d-unet": ((1, 64, 16, 16, 16), (64, 32, 2, 2, 2), {"stride": 2}),
}


def other_convolutions() -> list[Row]:
    rows: list[Row] = []
    for name, (shape, bank, settings) in OTHER_CONVOLUTIONS.items():
        kind = name.split("-")[0]

        def make(
            lib: Library,
            rng: np.random.Generator,
            kind: str = kind,
            shape: Any = shape,
            bank: Any = bank,
            settings: Any = settings,
        ) -> Any:
            function = lambda x, w, b: getattr(lib.F, kind)(x, w, b, **settings)
            filters = bank[1 if "transpose" in kind else 0]
            return function, [normal(rng, *shape), normal(rng, *bank), normal(rng, filters)], []

        gradients = {"input": (0,), "weight": (1, 2)} if shape[1] > 3 else {"weight": (1, 2)}
        text = f"{kind}/{name.removeprefix(kind + '-')} {'x'.join(map(str, shape))} {bank[0]}x{bank[1]}@{bank[2]}"
        variants = IMAGE_LAYOUTS if kind == "conv_transpose2d" else ("",)
        rows += operation(text, make, gradients, (1, 2), variants=variants, limit=NORMAL)
    return rows


LINEAR = {
    "logistic": (64, 12288, 1),
    "tiny-mlp": (32, 16, 32),
    "mlp-1": (128, 784, 256),
    "mlp-2": (128, 256, 128),
    "lenet5-1": (64, 400, 120),
    "alexnet-6": (16, 9216, 4096),
    "alexnet-7": (16, 4096, 4096),
    "vgg-14": (4, 25088, 4096),
    "resnet-fc": (4, 2048, 1000),
    "words": (1024, 256, 10000),
}


def products() -> list[Row]:
    rows: list[Row] = []
    for name, (m, k, n) in LINEAR.items():

        def make(lib: Library, rng: np.random.Generator, m: int = m, k: int = k, n: int = n) -> Any:
            return lib.F.linear, [normal(rng, m, k), normal(rng, n, k), normal(rng, n)], []

        rows += operation(f"linear/{name} {m}x{k}x{n}", make, {"input": (0,), "weight": (1, 2)}, limit=NORMAL)
    for name, left, right, dtype in (
        ("512", (512, 512), (512, 512), np.float32),
        ("1024", (1024, 1024), (1024, 1024), np.float32),
        ("2048", (2048, 2048), (2048, 2048), np.float32),
        ("1024-float64", (1024, 1024), (1024, 1024), np.float64),
        ("batched-64x128x64x128", (64, 128, 64), (64, 64, 128), np.float32),
    ):

        def multiply(
            lib: Library, rng: np.random.Generator, left: Any = left, right: Any = right, dtype: Any = dtype
        ) -> Any:
            return lib.base.matmul, [normal(rng, *left, dtype=dtype), normal(rng, *right, dtype=dtype)], []

        def plain(name: str = name, left: Any = left, right: Any = right, dtype: Any = dtype) -> Case:
            rng = random(f"matmul/{name}")
            a, b = normal(rng, *left, dtype=dtype), normal(rng, *right, dtype=dtype)
            return Case(lambda: a @ b, lambda: fingerprint(a @ b))

        gradients = {} if name in ("512", "2048") else {"left": (0,), "right": (1,)}
        rows += operation(f"matmul/{name}", multiply, gradients, limit=NORMAL, numpy=plain)
    return rows


PEAK = "kernel/matmul/2048/forward"

# name: N, C, H=W, function, arguments
POOLS: dict[str, tuple[int, int, int, str, tuple[Any, ...]]] = {
    "lenet5-max": (64, 6, 28, "max_pool2d", (2,)),
    "alexnet-max": (16, 96, 55, "max_pool2d", (3, 2)),
    "vgg-max": (4, 64, 224, "max_pool2d", (2,)),
    "resnet-max": (4, 64, 112, "max_pool2d", (3, 2, 1)),
    "googlenet-max": (4, 192, 28, "max_pool2d", (3, 1, 1)),
    "yolo-max": (4, 16, 416, "max_pool2d", (2,)),
    "lenet5-average": (64, 6, 28, "avg_pool2d", (2,)),
    "resnet-average": (4, 2048, 7, "adaptive_avg_pool2d", (1,)),
}
NORMS = {
    "resnet-1": (4, 64, 112),
    "resnet-2": (4, 256, 56),
    "resnet-3": (4, 512, 28),
    "resnet-5": (4, 2048, 7),
    "googlenet-2": (4, 192, 56),
    "yolo-1": (4, 16, 416),
}
LOGITS = {"lenet5": (64, 10), "mlp": (128, 10), "alexnet": (16, 1000), "words": (1024, 10000)}
EMBEDDINGS = {"words": (10000, 100, (32, 20)), "characters": (128, 64, (64, 100))}
# name: shape, dims summed over
SUMS: dict[str, tuple[tuple[int, ...], Any]] = {
    "images": ((16, 96, 55, 55), (0, 2, 3)),
    "pixels": ((4, 256, 56, 56), (2, 3)),
    "positions": ((32, 30, 64), 1),
    "batch": ((1024, 1000), 0),
    "few": ((100_000, 3), 0),
}
# name: function of the tensors, shapes
ELEMENTWISE: dict[str, tuple[Callable[[Library], Callable[..., Any]], tuple[tuple[int, ...], ...]]] = {
    "relu vgg": (lambda lib: lib.F.relu, ((4, 64, 224, 224),)),
    "relu resnet": (lambda lib: lib.F.relu, ((4, 256, 56, 56),)),
    "tanh lenet5": (lambda lib: lib.base.tanh, ((64, 6, 28, 28),)),
    "sigmoid lenet5": (lambda lib: lib.base.sigmoid, ((64, 6, 28, 28),)),
    "leaky_relu yolo": (lambda lib: lambda x: lib.F.leaky_relu(x, 0.1), ((4, 16, 416, 416),)),
    "add-relu resnet": (lambda lib: lambda x, y: lib.F.relu(x + y), ((4, 256, 56, 56), (4, 256, 56, 56))),
    "cat googlenet": (
        lambda lib: lambda *parts: lib.base.cat(parts, 1),
        tuple((4, channels, 28, 28) for channels in (64, 128, 32, 32)),
    ),
}

# What models write out themselves, at the size of a batch of tokens or pictures. name: function of the tensors, shapes
BY_HAND: dict[str, tuple[Callable[[Library], Callable[..., Any]], tuple[tuple[int, ...], ...]]] = {
    "add a row": (lambda lib: lambda x, y: x + y, ((1024, 256), (256,))),
    "scale channels": (lambda lib: lambda x, y: x * y, ((4, 64, 56, 56), (1, 64, 1, 1))),
    "divide by a column": (lambda lib: lambda x, y: x / (y * y + 1), ((8, 197, 768), (8, 197, 1))),
    "pairwise distances": (
        lambda lib: lambda x, y: ((x.unsqueeze(1) - y.unsqueeze(0)) ** 2).sum(-1),
        ((128, 64), (128, 64)),
    ),
    "layer norm": (
        lambda lib: lambda x: (x - x.mean(-1, keepdim=True)) / (x.var(-1, keepdim=True, unbiased=False) + 1e-5).sqrt(),
        ((32, 64, 256),),
    ),
    "gelu": (
        lambda lib: lambda x: 0.5 * x * (1 + lib.base.tanh(0.7978845608 * (x + 0.044715 * x**3))),
        ((32, 64, 256),),
    ),
    "softmax": (lambda lib: lambda x: x.exp() / x.exp().sum(-1, keepdim=True), ((32, 64, 256),)),
    "clamp": (lambda lib: lambda x: x.clamp(min=0.1), ((64, 16, 32, 32),)),
    "max of rows": (lambda lib: lambda x: x.max(-1)[0], ((64, 16, 32, 32),)),
    "mean of rows": (lambda lib: lambda x: x.mean(-1), ((128, 512),)),
    "std": (lambda lib: lambda x: x.std(), ((64, 16, 32, 32),)),
    "logsumexp": (lambda lib: lambda x: x.logsumexp(-1), ((128, 512),)),
    "rms_norm": (lambda lib: lambda x: lib.F.rms_norm(x, (256,)), ((32, 64, 256),)),
    "sort": (lambda lib: lambda x: x.sort(-1)[0], ((128, 512),)),
    "turn": (lambda lib: lambda x: x.transpose(1, 2).contiguous(), ((16, 64, 12, 64),)),
    "roll": (lambda lib: lambda x: lib.base.roll(x, (-4, -4), (1, 2)), ((8, 32, 32, 64),)),
    "gated chunks": (lambda lib: lambda x: x.chunk(2, -1)[0] * x.chunk(2, -1)[1].sigmoid(), ((64, 64, 512),)),
    "every second row": (lambda lib: lambda x: x[:, ::2] - x[:, 1::2], ((64, 64, 512),)),
    "spectrum and back": (
        lambda lib: lambda x: lib.base.fft.irfft2(lib.base.fft.rfft2(x), s=(64, 64)),
        ((10, 20, 64, 64),),
    ),
    "fourier mixing": (lambda lib: lambda x: lib.base.fft.fft2(x).real, ((16, 128, 256),)),
    "spectrogram": (
        lambda lib: lambda x: lib.base.stft(x, 512, window=lib.base.hann_window(512), return_complex=True).abs(),
        ((4, 16000),),
    ),
    "rotate halves": (lambda lib: lambda x: lib.base.cat((-x[..., 16:], x[..., :16]), -1), ((8, 4, 64, 32),)),
}
# heads: a character model's, a sentence's, those of patches of a picture, a long text's
ATTENTION = {
    "characters": (16, 4, 64, 32),
    "sentence": (8, 4, 128, 32),
    "patches": (2, 12, 197, 64),
    "text": (1, 8, 1024, 64),
}


def others() -> list[Row]:
    rows: list[Row] = []
    for name, (n, c, size, function, arguments) in POOLS.items():

        def pool(
            lib: Library,
            rng: Any,
            shape: Any = (n, c, size, size),
            function: str = function,
            arguments: Any = arguments,
        ) -> Any:
            return getattr(lib.F, function), [normal(rng, *shape)], list(arguments)

        text = f"pool/{name} {n}x{c}x{size}x{size}"
        rows += operation(text, pool, {"input": (0,)}, variants=IMAGE_LAYOUTS, limit=NORMAL)
    for name, (n, c, size) in NORMS.items():

        def norm(lib: Library, rng: Any, shape: Any = (n, c, size, size)) -> Any:
            mean, variance = np.zeros(shape[1], np.float32), np.ones(shape[1], np.float32)
            running = [lib.base.from_numpy(mean), lib.base.from_numpy(variance)]
            function = lambda x, w, b: lib.F.batch_norm(x, *running, w, b, True, 0.1, 1e-5)
            return function, [normal(rng, *shape), normal(rng, shape[1]), normal(rng, shape[1])], []

        text = f"batch_norm/{name} {n}x{c}x{size}x{size}"
        rows += operation(text, norm, {"every": (0, 1, 2)}, variants=IMAGE_LAYOUTS, limit=NORMAL)
    for name, (n, classes) in LOGITS.items():

        def cross_entropy(lib: Library, rng: Any, n: int = n, classes: int = classes) -> Any:
            logits, labels = normal(rng, n, classes), lib.base.from_numpy(rng.integers(0, classes, n))
            return lib.F.cross_entropy, [logits], [labels]

        rows += operation(f"cross_entropy/{name} {n}x{classes}", cross_entropy, {"input": (0,)}, limit=NORMAL)
    for name, (count, width, shape) in EMBEDDINGS.items():

        def embedding(lib: Library, rng: Any, count: int = count, width: int = width, shape: Any = shape) -> Any:
            indices = lib.base.from_numpy(rng.integers(0, count, shape))
            return (lambda table: lib.F.embedding(indices, table)), [normal(rng, count, width)], []

        text = f"embedding/{name} {count}x{width} {shape[0]}x{shape[1]}"
        rows += operation(text, embedding, {"weight": (0,)}, limit=NORMAL)
    for name, (choose, shapes) in ELEMENTWISE.items():

        def elementwise(lib: Library, rng: Any, choose: Any = choose, shapes: Any = shapes) -> Any:
            return choose(lib), [normal(rng, *shape) for shape in shapes], []

        needed = tuple(range(len(shapes)))
        text = f"elementwise/{name} {'x'.join(map(str, shapes[0]))}"
        rows += operation(text, elementwise, {"input": needed}, variants=IMAGE_LAYOUTS, limit=NORMAL)
    for name, (shape, dims) in SUMS.items():

        def sums(lib: Library, rng: Any, shape: Any = shape, dims: Any = dims) -> Any:
            return lib.base.sum, [normal(rng, *shape)], [dims]

        rows += operation(f"sum/{name} {'x'.join(map(str, shape))}", sums, {}, limit=NORMAL)
    for name, shape in ATTENTION.items():

        def attention(lib: Library, rng: Any, shape: Any = shape) -> Any:
            return lib.F.scaled_dot_product_attention, [normal(rng, *shape) for _ in range(3)], []

        text = f"attention/{name} {'x'.join(map(str, shape))}"
        rows += operation(text, attention, {"every": (0, 1, 2)}, limit=NORMAL)
    for name, (choose, shapes) in BY_HAND.items():

        def by_hand(lib: Library, rng: Any, choose: Any = choose, shapes: Any = shapes) -> Any:
            return choose(lib), [normal(rng, *shape) for shape in shapes], []

        needed = tuple(range(len(shapes)))
        rows += operation(f"by hand/{name} {'x'.join(map(str, shapes[0]))}", by_hand, {"every": needed}, limit=NORMAL)
    return rows


OPTIMIZERS: dict[str, tuple[str, dict[str, float]]] = {
    "SGD": ("SGD", {}),
    "momentum": ("SGD", SETTINGS["SGD"]),
    "RMSprop": ("RMSprop", {}),
    "Adam": ("Adam", {}),
    "AdamW": ("AdamW", {}),
    **{name: (name, {}) for name in ("Adagrad", "Adadelta", "Adamax", "NAdam", "RAdam", "Rprop", "ASGD")},
}
FUSED = {"SGD", "Adam", "AdamW", "Adagrad"}  # of torch's optimizers


def sgd_by_hand(p: Any, state: list[Any], lr: float) -> None:
    state[0].mul_(0.9).add_(p.grad)
    p.add_(state[0], alpha=-lr)


def adam_by_hand(p: Any, state: list[Any], lr: float) -> None:
    state[0].mul_(0.9).add_(p.grad, alpha=0.1)
    state[1].mul_(0.999).addcmul_(p.grad, p.grad, value=0.001)
    p.addcdiv_(state[0], state[1].sqrt().add_(1e-8), value=-lr)


def written_updates() -> list[Row]:
    """The updates that optimizers outside the library are made of: in-place arithmetic, a parameter at a time."""
    rows = []
    for network in ("lenet5-b64", "resnet50-b4"):
        for update in (sgd_by_hand, adam_by_hand):

            def build(lib: Library, network: str = network, update: Any = update) -> Case:
                rng = random(network)
                parameters = list(NETWORKS[network].define(lib.base, lib.nn, lib.F).parameters())
                states = [[lib.base.zeros(*p.shape), lib.base.zeros(*p.shape)] for p in parameters]
                for p in parameters:
                    p.data = lib.base.from_numpy(normal(rng, *p.shape))
                    p.grad = lib.base.from_numpy(normal(rng, *p.shape))

                def step(lr: float = STILL) -> None:
                    with lib.base.no_grad():
                        for p, state in zip(parameters, states, strict=True):
                            update(p, state, lr)

                def check() -> list[float]:
                    for _ in range(3):
                        step(1e-2)
                    return [number for p in parameters[:4] for number in fingerprint(p)]

                return Case(step, check)

            name = update.__name__.replace("_", " ").replace("sgd", "SGD").replace("adam", "Adam")
            rows.append(Row(f"kernel/update/{name} of {network.split('-')[0]}", build, ("",), NORMAL))
    return rows


def updates() -> list[Row]:
    """One step of an optimizer on the parameters of a network."""
    rows = []
    for network in ("lenet5-b64", "resnet50-b4"):
        for name, (kind, settings) in OPTIMIZERS.items():

            def build(
                lib: Library, network: str = network, kind: str = kind, settings: dict[str, float] = settings
            ) -> Case:
                rng = random(network)
                parameters = list(NETWORKS[network].define(lib.base, lib.nn, lib.F).parameters())
                for p in parameters:
                    p.data = lib.base.from_numpy(normal(rng, *p.shape))
                    p.grad = lib.base.from_numpy(normal(rng, *p.shape))
                optimizer = lib.optimizer(kind, parameters, **{**settings, "lr": 1e-2})

                def check() -> list[float]:
                    for _ in range(3):
                        optimizer.step()
                    for group in optimizer.param_groups:
                        group["lr"] = STILL
                    return [number for p in parameters[:4] for number in fingerprint(p)]

                return Case(optimizer.step, check)

            ways = (*["fused"] * (kind in FUSED), "foreach", "")
            rows.append(Row(f"kernel/update/{name} of {network.split('-')[0]}", build, ways, NORMAL))
    return rows


def overhead() -> list[Row]:
    """What the tape costs an operation: `bench_overhead.py`'s chains of small ones, forward and backward."""
    rows = []
    for name in numpy_runs():

        def build(lib: Library, name: str = name) -> Case:
            return Case(tensor_runs(lib.base)[name], lambda: [0.0, 0.0])

        def plain(name: str = name) -> Case:
            return Case(numpy_runs()[name], lambda: [0.0, 0.0])

        rows.append(Row(f"overhead/{name} of {SIZE}", build, numpy=plain, per=1 if name == "one mul" else CHAIN))
    return rows


def rows() -> list[Row]:
    return [*convolutions(), *other_convolutions(), *products(), *others(), *updates(), *written_updates()]
