"""YOLO: its loss, decoding, detection and training; the scenes, Pascal VOC folders and pictures it learns from."""

from __future__ import annotations

import importlib.util
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_vision import iou_of

import autograd
import nn
import optim
from autograd import gradcheck, gradgradcheck
from nn.models import yolo
from nn.vision import (
    DigitScenes,
    VOCDetection,
    collate_detection,
    draw_boxes,
    encode_boxes,
    kmeans_anchors,
    mean_average_precision,
    photographs,
    read_picture,
    write_picture,
    write_voc,
)

ANCHORS = np.array([[10.0, 14.0], [30.0, 24.0]])
SIZE = (48, 64)  # of the pictures; a grid of 3 x 4 cells
TARGETS: list[Any] = [
    {"boxes": np.array([[2.0, 3, 15, 14], [30, 20, 61, 40]]), "labels": np.array([0, 2])},
    {"boxes": np.zeros((0, 4)), "labels": np.zeros(0, np.int64)},
    {"boxes": np.array([[40.0, 1, 52, 20]]), "labels": np.array([1])},
]


def raw_output(seed: int = 0, classes: int = 3) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 0.7, (3, 3, 4, 2, 5 + classes))


def sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


def decoded(raw: np.ndarray) -> np.ndarray:
    """Boxes of a raw output, one by one."""
    out = np.zeros((*raw.shape[:4], 4))
    for n, r, c, a in np.ndindex(*raw.shape[:4]):
        _, x, y, w, h = raw[n, r, c, a, :5]
        x, y = (c + sigmoid(x)) * 16, (r + sigmoid(y)) * 16
        w, h = ANCHORS[a] * np.exp([w, h])
        out[n, r, c, a] = x - w / 2, y - h / 2, x + w / 2, y + h / 2
    return out


def plain_loss(raw: np.ndarray, squared: bool, independent: bool, ignore: float, empty: float) -> list[float]:
    """Boxes (squared offsets or 1 - IoU), objectness and classes, summed, a picture."""
    grid, boxes = encode_boxes(TARGETS, ANCHORS, SIZE, (3, 4)), decoded(raw)
    places = list(zip(grid.image, grid.row, grid.column, grid.anchor, strict=True))
    parts = [0.0, 0.0, 0.0]
    for p, at in enumerate(places):
        if squared:
            t = raw[at][1:5].copy()
            t[:2] = sigmoid(t[:2])
            w, h = grid.boxes[p, 2:] - grid.boxes[p, :2]
            parts[0] += (2 - w * h / (SIZE[0] * SIZE[1])) * ((t - grid.offset[p]) ** 2).sum()
        else:
            parts[0] += 1 - iou_of(boxes[at], grid.boxes[p])
        scores = raw[at][5:]
        if independent:
            hot = np.eye(len(scores))[grid.label[p]]
            parts[2] -= (hot * np.log(sigmoid(scores)) + (1 - hot) * np.log(1 - sigmoid(scores))).sum()
        else:
            parts[2] -= scores[grid.label[p]] - np.log(np.exp(scores).sum())
    for at in np.ndindex(*raw.shape[:4]):
        p = sigmoid(raw[at][0])
        if at in places:
            parts[1] -= np.log(p)
        elif max((iou_of(boxes[at], b) for b in TARGETS[at[0]]["boxes"]), default=0) < ignore:
            parts[1] -= empty * np.log(1 - p)
    return [part / len(TARGETS) for part in parts]


@pytest.mark.parametrize("independent", [False, True])
@pytest.mark.parametrize("coordinates", ["squared", "iou"])
def test_the_loss_is_what_it_says(coordinates: str, independent: bool) -> None:
    raw, ignored = raw_output(), 0
    for ignore in (0.05, 0.3, 1.1):
        loss = yolo.yolo_loss(
            autograd.tensor(raw), TARGETS, ANCHORS, SIZE, coordinates, independent, ignore, (5.0, 2.0, 0.5), 0.7
        )
        parts = plain_loss(raw, coordinates == "squared", independent, ignore, 0.7)
        np.testing.assert_allclose([part.item() for part in loss[1:]], parts, rtol=1e-6)
        assert loss.total.item() == pytest.approx(5 * parts[0] + 2 * parts[1] + 0.5 * parts[2], rel=1e-6)
        ignored += parts[1] != plain_loss(raw, coordinates == "squared", independent, 9, 0.7)[1]
    assert ignored == 2, "the thresholds of this test ignore something"


@pytest.mark.parametrize("coordinates", ["squared", "iou", "giou", "diou", "ciou"])
def test_the_loss_passes_gradcheck_of_both_orders(coordinates: str) -> None:
    raw = autograd.tensor(raw_output(), requires_grad=True)
    for independent in (False, True):
        loss = lambda x, c=coordinates, i=independent: yolo.yolo_loss(x, TARGETS, ANCHORS, SIZE, c, i, 0.3).total
        assert gradcheck(loss, (raw,)) and gradgradcheck(loss, (raw,), mode="fast")


@pytest.mark.parametrize("coordinates", ["squared", "ciou"])
def test_pictures_without_boxes_teach_that_there_is_nothing(coordinates: str) -> None:
    nothing = [{"boxes": [], "labels": []}] * 3
    raw = autograd.tensor(raw_output().astype(np.float32), requires_grad=True)
    loss = yolo.yolo_loss(raw, nothing, ANCHORS, SIZE, coordinates)
    assert loss.boxes.item() == 0 == loss.classes.item() and loss.total.item() > 0
    loss.total.backward()
    gradient = raw.grad.numpy()
    assert (gradient[..., 0] > 0).all() and not gradient[..., 1:].any()


def test_wild_predictions_give_a_finite_loss() -> None:
    raw = autograd.tensor((1e4 * raw_output()).astype(np.float32), requires_grad=True)
    loss = yolo.yolo_loss(raw, TARGETS, ANCHORS, SIZE)
    loss.total.backward()
    assert np.isfinite(loss.total.item()) and np.isfinite(raw.grad.numpy()).all()


def test_loss_errors() -> None:
    raw = autograd.tensor(raw_output())
    for call, words in (
        (lambda: yolo.yolo_loss(raw, TARGETS[:2], ANCHORS, SIZE), r"targets are for \(2, 3, 4, 2\)"),
        (lambda: yolo.yolo_loss(raw, TARGETS, ANCHORS[:1], SIZE), r"expected \(N, rows, columns, 1, 5 \+ classes\)"),
        (lambda: yolo.yolo_loss(raw[..., :7], TARGETS, ANCHORS, SIZE), "label 2 with 2 classes"),
        (lambda: yolo.yolo_loss(raw, TARGETS, ANCHORS, SIZE, "l1"), "coordinates='l1'"),
    ):
        with pytest.raises(ValueError, match=words):
            call()


# ---- decoding and detection


class Fixed(nn.Module):
    """A network that always says the same."""

    def __init__(self, raw: np.ndarray) -> None:
        super().__init__()
        n, rows, columns = raw.shape[:3]
        self.raw = autograd.tensor(raw.reshape(n, rows, columns, -1).transpose(0, 3, 1, 2).astype(np.float32))

    def forward(self, x: Any) -> Any:
        return self.raw


def perfect_output(targets: Any = TARGETS) -> np.ndarray:
    grid = encode_boxes(targets, ANCHORS, SIZE, (3, 4))
    raw = np.zeros((len(targets), 3, 4, 2, 8))
    raw[..., 0] = -12
    at = grid.image, grid.row, grid.column, grid.anchor
    raw[(*at, 0)] = 12
    raw[(*at, slice(1, 3))] = np.log(grid.offset[:, :2] / (1 - grid.offset[:, :2]))
    raw[(*at, slice(3, 5))] = grid.offset[:, 2:]
    raw[(*at, 5 + grid.label)] = 12
    return raw


def test_boxes_decode_as_the_formula_says() -> None:
    np.testing.assert_allclose(yolo.grid_boxes(raw_output(), ANCHORS, SIZE), decoded(raw_output()), rtol=1e-12)


def test_a_perfect_output_is_detected_as_the_truth() -> None:
    detector = yolo.Detector(Fixed(perfect_output()), 3, ANCHORS, 16)
    pictures = np.zeros((3, 3, *SIZE), np.float32)
    found = detector.detect(pictures)
    for f, t in zip(found, TARGETS, strict=True):
        order = np.argsort(f["labels"])
        np.testing.assert_allclose(f["boxes"][order], t["boxes"], atol=1e-3)
        assert f["labels"][order].tolist() == sorted(t["labels"].tolist())
    assert mean_average_precision(found, TARGETS).mean == 1
    assert all(len(f["boxes"]) == 0 for f in detector.detect(pictures, score_threshold=0.9999999)), "all below"
    every = detector.detect(pictures, score_threshold=0.0, all_classes=True, most=7)
    assert [len(f["boxes"]) for f in every] == [7, 7, 7]
    loss = yolo.yolo_loss(autograd.tensor(perfect_output()), TARGETS, ANCHORS, SIZE)
    assert loss.total.item() < 1e-2


def test_boxes_outside_the_picture_are_cut_or_dropped() -> None:
    raw = perfect_output()[:1]
    raw[0, 2, 3, 1, :5] = 12, 12, 12, 0.7, 0.7  # centre in the lower right corner: half of it is outside
    raw[0, 2, 3, 1, 5] = 12
    raw[0, 2, 3, 0, :6] = 12, 0, 0, 0, 0, 12  # x 51..61, y 33..47
    detector = yolo.Detector(Fixed(raw), 3, ANCHORS, 16)
    (found,) = detector.detect(np.zeros((1, 3, 48, 64), np.float32))
    assert found["boxes"].max(0).tolist() == [*found["boxes"].max(0)[:2].tolist(), 64, 48]
    (found,) = detector.detect(np.zeros((1, 3, 33, 49), np.float32), score_threshold=0.1)  # padded to 48 x 64
    assert (
        len(found["boxes"])
        and (found["boxes"] <= [49, 33, 49, 33]).all()
        and (found["boxes"][:, 2:] > found["boxes"][:, :2]).all()
    )


@pytest.fixture(scope="module")
def small() -> yolo.Detector:
    autograd.manual_seed(3)
    return yolo.yolo_small(10, ANCHORS)


def test_networks_have_the_shapes_and_sizes_of_the_papers(small: yolo.Detector) -> None:
    count = lambda model: sum(p.numel() for p in model.parameters())
    assert count(yolo.Darknet19()) == 20_842_376
    model = yolo.yolo_v2()
    assert count(model) == 50_962_889 and model.anchors.shape == (5, 2)
    with autograd.no_grad():
        assert model(autograd.rand(1, 3, 64, 96)).shape == (1, 2, 3, 5, 85)
        assert yolo.Darknet19(7)(autograd.rand(2, 3, 64, 64)).shape == (2, 7)
    assert small(autograd.rand(2, 3, 48, 64)).shape == (2, 3, 4, 2, 15)


def test_odd_pictures(small: yolo.Detector) -> None:
    for shape in ((3, 1, 1), (3, 5, 130), (3, 17, 16)):
        (found,) = small.detect(np.full(shape, 0.5, np.float32), score_threshold=0.0)
        limits = [shape[2], shape[1]] * 2
        assert np.isfinite(found["boxes"]).all() and (found["boxes"] >= 0).all() and (found["boxes"] <= limits).all()
    for call, words in (
        (lambda: small.detect(np.zeros((1, 32, 32), np.float32)), r"\(1, 1, 32, 32\), expected \(N, 3, H, W\)"),
        (lambda: small.detect(np.zeros((3, 0, 32), np.float32)), "expected"),
        (lambda: small(autograd.zeros(1, 1, 32, 32)), "repeat a grey channel"),
        (lambda: small(autograd.zeros(1, 3, 30, 32)), "30 x 32, expected multiples of 16"),
        (lambda: small.detect(np.full((3, 32, 32), np.nan, np.float32)), "diverged"),
        (lambda: yolo.yolo_small(3, np.array([[0.0, 5]])), "above 0"),
    ):
        with pytest.raises(ValueError, match=words):
            call()


def test_bytes_are_refused(small: yolo.Detector) -> None:
    with pytest.raises(TypeError, match="uint8, expected floats.*divide bytes by 255"):
        small.detect(np.zeros((3, 32, 32), np.uint8))


def test_detect_leaves_the_model_as_it_was(small: yolo.Detector) -> None:
    before = {name: value.numpy().copy() for name, value in small.state_dict().items()}
    small.train()
    small.detect(np.ones((3, 32, 32), np.float32))
    assert small.training
    for name, value in small.state_dict().items():
        assert np.array_equal(value.numpy(), before[name])


def test_weights_travel_with_their_anchors(small: yolo.Detector, tmp_path: Path) -> None:
    autograd.save(small.state_dict(), tmp_path / "w.safetensors")
    state = autograd.load(tmp_path / "w.safetensors")
    again = yolo.yolo_small(10, state["anchors"])
    again.load_state_dict(state)
    picture = np.random.default_rng(0).random((3, 32, 32), np.float32)
    a, b = (m.detect(picture, score_threshold=0.0)[0] for m in (small, again))
    assert len(a["scores"]) and all(np.array_equal(a[key], b[key]) for key in a)


# ---- scenes


def strokes(n: int = 12) -> tuple[np.ndarray, np.ndarray]:
    """Digits of one's own: a bar, a ring and a cross, uneven."""
    images = np.zeros((n, 1, 28, 28), np.float32)
    images[0::3, 0, 4:24, 12:16] = 1
    images[1::3, 0, 6:22, 6:22] = 1
    images[1::3, 0, 10:18, 10:18] = 0
    images[2::3, 0, 5:23, 13:15] = images[2::3, 0, 13:15, 5:23] = 1
    return images, np.arange(n) % 3


def flat(value: int = 0) -> list[np.ndarray]:
    return [np.full((80, 90, 3), value, np.uint8)]


def test_boxes_of_scenes_are_exact() -> None:
    scenes = DigitScenes(strokes(), flat(), 60, 64, (1, 3), (8, 30))
    for picture, target in (scenes[i] for i in range(60)):
        ground = np.median(picture, (1, 2), keepdims=True)
        covered = np.zeros(picture.shape[1:], bool)
        for x1, y1, x2, y2 in target["boxes"].astype(int):
            assert 0 <= x1 < x2 <= 64 and 0 <= y1 < y2 <= 64
            covered[y1:y2, x1:x2] = True
            inked = (np.abs(picture - ground) > 1e-3).any(0)[y1:y2, x1:x2]
            assert inked[0].any() and inked[-1].any() and inked[:, 0].any() and inked[:, -1].any(), "no edge is empty"
        changed = (np.abs(picture - ground) > 1e-6).any(0)
        assert not (changed & ~covered).any(), "nothing is drawn outside the boxes"


def test_scenes_follow_from_their_index_and_stay_apart() -> None:
    scenes = DigitScenes(strokes(), flat(100), 40, 96, (1, 5), (12, 40), seed=3)
    again = DigitScenes(strokes(), flat(100), 40, 96, (1, 5), (12, 40), seed=3)
    counts = set()
    for i in (39, 0, 7, *range(40)):
        (a, s), (b, t) = scenes[i], again[i]
        assert np.array_equal(a, b) and np.array_equal(s["boxes"], t["boxes"]) and a.dtype == np.float32
        assert a.min() >= 0 and a.max() <= 1
        boxes = s["boxes"]
        counts.add(len(boxes))
        for p in range(len(boxes)):
            for q in range(p):
                w, h = np.minimum(boxes[p, 2:], boxes[q, 2:]) - np.maximum(boxes[p, :2], boxes[q, :2])
                least = min((boxes[k, 2:] - boxes[k, :2]).prod() for k in (p, q))
                assert max(w, 0) * max(h, 0) <= 0.1 * least
    assert counts == {1, 2, 3, 4, 5}
    assert not np.array_equal(scenes[0][0], DigitScenes(strokes(), flat(100), 40, 96, (1, 5), (12, 40), seed=4)[0][0])
    with pytest.raises(IndexError, match="index 40 is out of range"):
        scenes[40]


def test_photographs_to_test_on_are_not_those_to_train_on() -> None:
    if importlib.util.find_spec("sklearn") is None:
        pytest.skip("the photographs lie in scikit-learn: pip install --no-deps scikit-learn")
    train, test = photographs()
    assert train and test and all(p.ndim == 3 and p.dtype == np.uint8 for p in train + test)
    assert not any(p.shape == q.shape and np.array_equal(p, q) for p in train for q in test)


def test_scene_errors(monkeypatch: Any) -> None:
    for call, words in (
        (lambda: DigitScenes(strokes(), [], 1), "no backgrounds"),
        (lambda: DigitScenes(strokes(), flat(), 1, 64, heights=(20, 64)), "two thirds of the size"),
        (lambda: DigitScenes(strokes(), [np.zeros((9, 9))], 1, 64, heights=(8, 16)), r"\(9, 9\) float64"),
        (lambda: DigitScenes((np.zeros((2, 28, 28)), np.zeros(2)), flat(), 1), r"\(2, 28, 28\)"),
        (lambda: collate_detection([(np.zeros((3, 4, 4)), {}), (np.zeros((3, 5, 4)), {})]), "resize them first"),
    ):
        with pytest.raises(ValueError, match=words):
            call()
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(FileNotFoundError, match="pip install --no-deps scikit-learn foolbox"):
        photographs()


# ---- Pascal VOC folders and pictures


def test_scenes_survive_a_voc_folder(tmp_path: Path) -> None:
    scenes = DigitScenes(strokes(), flat(70), 5, 64, (1, 3), (8, 30))
    empty = np.zeros((3, 20, 30), np.float32), {"boxes": [], "labels": []}
    write_voc(tmp_path, [*(scenes[i] for i in range(5)), empty], ["bar", "ring", "cross"], "train")
    data = VOCDetection(tmp_path)
    assert len(data) == 6 and data.classes == ("bar", "cross", "ring"), "sorted"
    data = VOCDetection(tmp_path, classes=["bar", "ring", "cross"])
    for (a, s), (b, t) in zip([scenes[i] for i in range(5)], [data[i] for i in range(5)], strict=True):
        np.testing.assert_allclose(a, b, atol=0.5 / 255 + 1e-6)
        assert np.array_equal(s["boxes"], t["boxes"]) and s["labels"].tolist() == t["labels"].tolist()
    picture, target = data[5]
    assert picture.shape == (3, 20, 30) and target["boxes"].shape == (0, 4)
    (_, whole), (half, target) = data[0], VOCDetection(tmp_path, size=(32, 128))[0]
    assert half.shape == (3, 32, 128)
    np.testing.assert_allclose(target["boxes"], whole["boxes"] * [2, 0.5, 2, 0.5])


def voc_file(folder: Path, body: str, listed: str = "a\n") -> Path:
    for part in ("Annotations", "JPEGImages", "ImageSets/Main"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    write_picture(folder / "JPEGImages" / "a.png", np.zeros((10, 20, 3), np.uint8))
    (folder / "Annotations" / "a.xml").write_text(body)
    (folder / "ImageSets" / "Main" / "train.txt").write_text(listed)
    return folder


def voc_object(name: str, *edges: Any, more: str = "") -> str:
    corners = "".join(f"<{k}>{v}</{k}>" for k, v in zip(("xmin", "ymin", "xmax", "ymax"), edges, strict=True))
    return f"<object><name>{name}</name>{more}<bndbox>{corners}</bndbox></object>"


def test_annotations_count_from_one_and_may_be_difficult_or_outside(tmp_path: Path) -> None:
    body = "<annotation>{}</annotation>".format(
        voc_object("cat", 1, 1, 20, 10)
        + voc_object("dog", 5, 5, 99, 7, more="<difficult>1</difficult>")
        + voc_object("cat", 50, 5, 60, 7)
    )
    _, target = VOCDetection(voc_file(tmp_path, body))[0]
    assert target["boxes"].tolist() == [[0, 0, 20, 10], [4, 4, 20, 7]]
    assert target["labels"].tolist() == [0, 1] and target["difficult"].tolist() == [False, True]


def test_damaged_folders_are_named(tmp_path: Path) -> None:
    good = f"<annotation>{voc_object('cat', 1, 1, 5, 5)}</annotation>"
    for body, words in (
        ("<annotation><object>", "a.xml is damaged"),
        ("<annotation><object><name>cat</name></object></annotation>", "a.xml is damaged.*lacks its name or an edge"),
        (f"<annotation>{voc_object('cat', 'x', 1, 5, 5)}</annotation>", "a.xml is damaged.*'x'"),
        (f"<annotation>{voc_object('cat', 'nan', 1, 5, 5)}</annotation>", "not finite"),
    ):
        with pytest.raises(ValueError, match=words):
            VOCDetection(voc_file(tmp_path, body))
    folder = voc_file(tmp_path, good)
    with pytest.raises(ValueError, match="'cat', which is not among the classes"):
        VOCDetection(folder, classes=["dog"])[0]
    with pytest.raises(FileNotFoundError, match="image_set=None"):
        VOCDetection(folder, "val")
    with pytest.raises(FileNotFoundError, match="no folder Annotations"):
        VOCDetection(tmp_path / "nowhere")
    with pytest.raises(ValueError, match="names no picture"):
        VOCDetection(voc_file(tmp_path, good, listed="\n"))
    (folder / "JPEGImages" / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n damaged")
    with pytest.raises(ValueError, match="a.png is damaged"):
        VOCDetection(folder, None)[0]
    (folder / "JPEGImages" / "a.png").unlink()
    with pytest.raises(FileNotFoundError, match="has none of a.jpg"):
        VOCDetection(folder, None)[0]


def test_pictures_of_every_kind_become_colours(tmp_path: Path) -> None:
    from PIL import Image

    for mode, colour in (("L", 90), ("RGBA", (90, 90, 90, 200)), ("P", 3), ("1", 1), ("I;16", 40)):
        Image.new(mode, (7, 5), colour).save(tmp_path / "p.png")
        pixels = read_picture(tmp_path / "p.png")
        assert pixels.shape == (5, 7, 3) and pixels.dtype == np.uint8
    with pytest.raises(FileNotFoundError, match="no file"):
        read_picture(tmp_path / "none.png")
    noise = np.random.default_rng(0).integers(0, 256, (40, 40, 3), np.uint8)
    write_picture(tmp_path / "cut.jpg", noise)
    (tmp_path / "cut.jpg").write_bytes((tmp_path / "cut.jpg").read_bytes()[:900])
    with pytest.raises(ValueError, match="cut.jpg is damaged"):
        read_picture(tmp_path / "cut.jpg")
    with pytest.raises(ValueError, match=r"expected \(H, W, 3\) uint8"):
        write_picture(tmp_path / "x.png", np.zeros((3, 4, 4), np.uint8))


def test_drawn_boxes_frame_what_they_should() -> None:
    picture = np.zeros((3, 40, 60), np.float32)
    red = (255, 0, 0)
    out = draw_boxes(picture, [[10.0, 20, 30, 39]], colors=[red], width=1)
    framed = (out == red).all(2)
    rows, columns = np.nonzero(framed)
    assert [columns.min(), rows.min(), columns.max(), rows.max()] == [10, 20, 29, 38]
    assert framed.sum() == 2 * 20 + 2 * 17, "a frame, not a filled box"
    same = draw_boxes(out, [[200, 200, 300, 300], [5, 5, 5, 9], [np.nan, 0, -5, 3]], ["a", "b", "c"], [0.1, 0.2, 0.3])
    assert np.array_equal(same, out) and same is not out, "outside, empty and not a number: nothing to draw"
    named = draw_boxes(
        np.zeros((60, 120, 3), np.uint8), [[10, 30, 30, 58], [70, 25, 99, 50]], ["cat", "cat"], [0.9, 0.8]
    )
    assert named[57, 12].tolist() == named[49, 75].tolist() != [0, 0, 0], "one label, one colour"
    assert (named[15:30, 10:40] == named[57, 12]).all(2).sum() > 50, "the label stands above its box"
    with pytest.raises(ValueError, match="2 labels for 1 boxes"):
        draw_boxes(picture, [[1, 2, 3, 4]], ["a", "b"])
    with pytest.raises(ValueError, match=r"\(40, 60\) float32"):
        draw_boxes(picture[0], [])


# ---- training


def test_training_on_a_voc_folder_raises_its_mean_average_precision(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    ground = [rng.integers(0, 255, (80, 80, 3), np.uint8) // 3]
    for name, n, seed in (("train", 48, 1), ("val", 16, 2)):
        scenes = DigitScenes(strokes(), ground, n, 64, (1, 2), (20, 40), seed=seed)
        write_voc(tmp_path, [scenes[i] for i in range(n)], ["bar", "ring", "cross"], name)
    data = VOCDetection(tmp_path, size=(64, 64))
    held = VOCDetection(tmp_path, "val", data.classes, (64, 64))
    samples = [data[i] for i in range(len(data))]
    sides = np.concatenate([t["boxes"][:, 2:] - t["boxes"][:, :2] for _, t in samples])
    model = yolo.yolo_small(3, kmeans_anchors(sides, 2, generator=0)[0])
    pictures, targets = collate_detection([held[i] for i in range(len(held))])

    def precision() -> float:
        return mean_average_precision(model.detect(pictures, 0.01, all_classes=True), targets).mean

    before = precision()
    optimizer = optim.Adam(model.parameters(), lr=4e-3)
    losses = []
    for epoch in range(24):
        optimizer.param_groups[0]["lr"] = 4e-3 * 0.5 * (1 + math.cos(math.pi * epoch / 24))
        for batch in np.array_split(rng.permutation(len(samples)), 4):
            loss = model.loss(*collate_detection([samples[i] for i in batch])).total
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    assert np.mean(losses[-4:]) < 0.3 * np.mean(losses[:4])
    assert before < 0.05 and precision() > 0.3


def test_the_example_learns_a_folder_and_finds_in_a_picture(tmp_path: Path, monkeypatch: Any, capsys: Any) -> None:
    from examples import yolo as example

    for name, n in (("train", 8), ("val", 4)):
        scenes = DigitScenes(strokes(), flat(40), n, 64, (1, 2), (16, 40), seed=n)
        write_voc(tmp_path / "voc", [scenes[i] for i in range(n)], ["bar", "ring", "cross"], name)
    common = ["yolo.py", "--out", str(tmp_path / "run")]
    learn = ["--voc", str(tmp_path / "voc"), "--size", "64", "--epochs", "2", "--batch", "4", "--anchors", "2"]
    monkeypatch.setattr("sys.argv", common + learn)
    example.main()
    said = capsys.readouterr().out
    assert "4 held-out pictures: mAP@0.5" in said and "4 steps" in said and "bar  average precision" in said
    for name in ("found.png", "curves.png"):
        assert read_picture(tmp_path / "run" / name).size
    write_picture(tmp_path / "my.png", np.full((33, 50, 3), 90, np.uint8))
    find = ["--weights", str(tmp_path / "run" / "yolo.safetensors"), "--picture", str(tmp_path / "my.png")]
    monkeypatch.setattr("sys.argv", [*common, *find, "--threshold", "0.99"])
    example.main()
    assert "nothing with a score of 0.99 or more" in capsys.readouterr().out
    assert np.array_equal(read_picture(tmp_path / "run" / "detected.png"), read_picture(tmp_path / "my.png"))
    monkeypatch.setattr("sys.argv", [*common, *find, "--threshold", "0"])
    example.main()
    assert "x " in capsys.readouterr().out
