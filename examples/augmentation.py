"""Every change of `nn.data.transforms` on a photograph, with a box and a mask that follow.

    python examples/augmentation.py                          writes runs/augmentation/augmentation.png
    python examples/augmentation.py --picture mine.jpg --box 120 80 300 260

The photograph is scikit-learn's: `pip install --no-deps scikit-learn`.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from examples.plots import plt
from nn.data import photograph
from nn.data import transforms as T

BOX = (52, 28, 358, 385)  # the pavilion


def shown(seed: int) -> dict[str, T.Transform]:
    """The transforms of the page, each with more change than training would want."""
    return {
        "the photograph": T.Compose([]),
        "RandomHorizontalFlip": T.RandomHorizontalFlip(1.0),
        "RandomVerticalFlip": T.RandomVerticalFlip(1.0),
        "RandomCrop": T.RandomCrop((320, 480), generator=seed + 4),
        "RandomResizedCrop": T.RandomResizedCrop((300, 400), scale=(0.3, 0.5), generator=seed + 1),
        "RandomRotation": T.RandomRotation((20, 20), generator=seed),
        "shear: RandomAffine(0, shear=...)": T.RandomAffine(0, shear=(25, 25), generator=seed),
        "RandomAffine": T.RandomAffine(20, (0.1, 0.1), (0.7, 1.2), 15, generator=seed + 2),
        "ElasticTransform": T.ElasticTransform(alpha=900, sigma=14, generator=seed),
        "ColorJitter": T.ColorJitter(0.4, 0.4, 0.6, 0.15, generator=seed + 5),
        "hue: ColorJitter(hue=...)": T.ColorJitter(hue=(0.4, 0.4), generator=seed),
        "PCAColorShift": T.PCAColorShift(std=1.0, generator=seed + 3),
        "RandomGrayscale": T.RandomGrayscale(1.0),
        "GaussianBlur": T.GaussianBlur(25, 4.0),
        "RandomErasing": T.RandomErasing(1.0, (0.05, 0.1), value=0.5, generator=seed + 1),
        "a chain for training": T.Compose(
            [
                T.RandomResizedCrop(224, scale=(0.4, 1.0), generator=seed),
                T.RandomHorizontalFlip(generator=seed + 1),
                T.RandomApply([T.RandomAffine(15, shear=8, generator=seed + 2)], 0.5, generator=seed + 3),
                T.ColorJitter(0.3, 0.3, 0.3, 0.05, generator=seed + 4),
                T.PCAColorShift(0.2, generator=seed + 5),
            ]
        ),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--picture", type=Path, help="a picture of your own")
    parser.add_argument("--box", type=float, nargs=4, default=BOX, help="a box on it: x1 y1 x2 y2")
    parser.add_argument("--seed", type=int, default=0, help="seed of the changes (default 0)")
    parser.add_argument("--out", type=Path, default=Path("runs/augmentation"), help="folder for the page")
    options = parser.parse_args()

    picture = T.ToTensor()(photograph(path=options.picture)).numpy()
    box = np.array([options.box])
    # The mask: an ellipse inside the box.
    x1, y1, x2, y2 = options.box
    y, x = np.indices(picture.shape[1:]) + 0.5
    mask = ((x - (x1 + x2) / 2) / (x2 - x1)) ** 2 + ((y - (y1 + y2) / 2) / (y2 - y1)) ** 2 < 0.25

    figure, axes = plt.subplots(4, 4, figsize=(12, 9.2), layout="constrained")
    for panel, (name, transform) in zip(axes.flat, shown(options.seed).items(), strict=True):
        changed, boxes, masks = transform(picture, box, mask)
        panel.imshow(np.clip(changed.transpose(1, 2, 0), 0, 1))
        panel.contour(masks, [0.5], colors="#ffd23f", linewidths=0.9)
        for left, top, right, bottom in boxes[T.boxes_inside(boxes)]:
            panel.add_patch(
                plt.Rectangle((left - 0.5, top - 0.5), right - left, bottom - top, fill=False, color="#ff4d4d")
            )
        panel.set_title(name, fontsize=10)
        panel.axis("off")
    options.out.mkdir(parents=True, exist_ok=True)
    figure.savefig(options.out / "augmentation.png", dpi=100)
    print(f"augmentation.png is in {options.out}/")


if __name__ == "__main__":
    main()
