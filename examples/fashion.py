"""LeNet-5 or a small ResNet learns Fashion-MNIST: 60,000 pictures of clothes to train on, 10,000 to be tested with.

    apt install dataset-fashion-mnist             the pictures, or --data names a folder with the four idx files
    python examples/fashion.py                    LeNet-5; pictures and weights under runs/fashion/
    python examples/fashion.py --model resnet     a ResNet with one block a stage
    python examples/fashion.py --validate         holds out 10,000 of the 60,000 instead of the test set: to choose settings

Xiao, Rasul, Vollgraf, "Fashion-MNIST: a novel image dataset for benchmarking machine learning algorithms", arXiv:1708.07747.
Every epoch sees each picture shifted by up to two pixels, and half of them mirrored. The settings below were chosen with
--validate, never on the test set.
"""

from __future__ import annotations

import argparse
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
from examples.plots import confusion_picture, curves_picture
from nn.data import DEBIAN_FASHION_MNIST, DataLoader, TensorDataset, idx_pictures
from nn.data import transforms as T
from nn.models import LeNet5, ResNet
from nn.models.resnet import BasicBlock

NAMES = ("T-shirt", "trousers", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "boot")
EPOCHS = {"lenet": 20, "resnet": 16}
LEARNING_RATE = {"lenet": 0.1, "resnet": 0.2}


def network(model: str) -> nn.Module:
    """(N, 1, 28, 28) -> (N, 10): "lenet", 61,706 parameters, or "resnet", 1,228,394 in 10 layers."""
    if model == "lenet":
        return LeNet5(activation="relu", padding=2)
    resnet = ResNet(BasicBlock, (1, 1, 1, 1), num_classes=10, stem="small", in_channels=1, width=0.5)
    resnet.maxpool = nn.MaxPool2d(2)  # 28 -> 14: the stages then see 14, 7, 4 and 2, a quarter of the arithmetic
    return resnet


def augmentation() -> T.Compose:
    """What every epoch does to a batch."""
    return T.Compose([T.RandomCrop(28, padding=2), T.RandomHorizontalFlip()])


def optimizer_of(model: nn.Module, lr: float, steps: int) -> tuple[optim.Optimizer, optim.lr_scheduler.LRScheduler]:
    """Nesterov's momentum, with a learning rate that rises to `lr` and falls to nothing in so many steps."""
    optimizer = optim.SGD(model.parameters(), lr=lr, momentum=0.9, nesterov=True, weight_decay=5e-4)
    return optimizer, optim.lr_scheduler.OneCycleLR(optimizer, lr, total_steps=steps, cycle_momentum=False)


def pictures(folder: Path, validate: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Pictures (N, 1, 28, 28) of mean 0 and deviation 1 with labels (N,): to learn from, and held out."""
    images, labels = idx_pictures(folder)
    if validate:
        held = np.arange(len(labels)) % 6 == 0
        images, labels, held_images, held_labels = images[~held], labels[~held], images[held], labels[held]
    else:
        held_images, held_labels = idx_pictures(folder, train=False)
    normalize = T.Normalize.fit(images)
    return normalize(images), labels, normalize(held_images), held_labels


@autograd.no_grad()
def predict(model: nn.Module, images: autograd.Tensor) -> np.ndarray:
    """The class scores (N, 10) of the pictures."""
    model.eval()
    scores = np.concatenate([model(images[i : i + 500]).numpy() for i in range(0, len(images), 500)])
    model.train()
    return scores


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", choices=tuple(EPOCHS), default="lenet")
    parser.add_argument(
        "--data", type=Path, default=DEBIAN_FASHION_MNIST, help=f"folder (default {DEBIAN_FASHION_MNIST})"
    )
    parser.add_argument("--epochs", type=int, help="passes over the pictures (default: LeNet-5 20, ResNet 16)")
    parser.add_argument("--batch", type=int, default=128, help="pictures a step (default 128)")
    parser.add_argument("--lr", type=float, help="the highest learning rate (default: LeNet-5 0.1, ResNet 0.2)")
    parser.add_argument("--seed", type=int, default=0, help="seed of everything random (default 0)")
    parser.add_argument(
        "--validate", action="store_true", help="hold out a sixth of the training set: to choose settings"
    )
    parser.add_argument("--out", type=Path, default=Path("runs/fashion"), help="folder for pictures and weights")
    options = parser.parse_args()
    try:
        images, labels, held_images, held_labels = pictures(options.data, options.validate)
    except (FileNotFoundError, ValueError) as error:
        parser.error(f"{error}; `apt install dataset-fashion-mnist` fills {DEBIAN_FASHION_MNIST}")

    autograd.manual_seed(options.seed)
    start, cpu = time.perf_counter(), time.process_time()
    epochs = options.epochs or EPOCHS[options.model]
    model, augment, x_held = network(options.model), augmentation(), autograd.from_numpy(held_images)
    data = TensorDataset(autograd.from_numpy(images), autograd.from_numpy(labels))
    loader = DataLoader(data, options.batch, shuffle=True, drop_last=True)
    optimizer, schedule = optimizer_of(model, options.lr or LEARNING_RATE[options.model], epochs * len(loader))

    losses, train_accuracy, held_accuracy = [], [], []
    bar = tqdm(total=epochs * len(loader), desc=options.model, unit="step")
    for _ in range(epochs):
        total, right, seen = 0.0, 0, 0
        for x, y in loader:
            scores = model(augment(x))
            loss = F.cross_entropy(scores, y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.item() * len(y)
            right += int((scores.argmax(1) == y).sum())
            seen += len(y)
            bar.update()
        losses.append(total / seen)
        train_accuracy.append(right / seen)
        held_accuracy.append(float((predict(model, x_held).argmax(1) == held_labels).mean()))
        bar.set_postfix(
            loss=f"{losses[-1]:.4f}", train=f"{train_accuracy[-1]:.2%}", held_out=f"{held_accuracy[-1]:.2%}"
        )
    bar.close()
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu

    options.out.mkdir(parents=True, exist_ok=True)
    scores = predict(model, x_held)
    curves_picture(options.out / f"{options.model}_curves.png", losses, train_accuracy, held_accuracy)
    confusion_picture(options.out / f"{options.model}_confusion.png", held_images[:, 0], scores, held_labels, NAMES)
    autograd.save(model.state_dict(), options.out / f"{options.model}.safetensors")
    print(f"last epoch: loss {losses[-1]:.4f}, accuracy on the training pictures as changed {train_accuracy[-1]:.2%}")
    wrong = int((scores.argmax(1) != held_labels).sum())
    what = "validation" if options.validate else "test"
    print(f"{what} accuracy {held_accuracy[-1]:.2%} ({wrong} of {len(held_labels)} wrong)")
    print(f"{seconds:.0f} s, {cpu:.0f} s of CPU time; pictures and weights are in {options.out}/")


if __name__ == "__main__":
    main()
