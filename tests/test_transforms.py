"""nn.data.transforms: closed forms, boxes against masks of the same region, seeds, errors."""

from __future__ import annotations

import colorsys
import itertools
from typing import Any

import numpy as np
import pytest
from guard import guarded
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage  # an oracle of the blur

import autograd
from autograd.kernels import colour as colour_kernels
from autograd.kernels import warp as kernels
from autograd.kernels.threads import MOST
from nn.data.transforms import (
    CenterCrop,
    ColorJitter,
    Compose,
    ElasticTransform,
    GaussianBlur,
    Normalize,
    Pad,
    PCAColorShift,
    RandomAffine,
    RandomApply,
    RandomChoice,
    RandomCrop,
    RandomErasing,
    RandomGrayscale,
    RandomHorizontalFlip,
    RandomResizedCrop,
    RandomRotation,
    RandomVerticalFlip,
    Resize,
    ToTensor,
    Transform,
    boxes_inside,
)


def photos(n: int = 3, channels: int = 3, height: int = 12, width: int = 17, dtype: Any = np.float32) -> np.ndarray:
    return np.random.default_rng(0).random((n, channels, height, width)).astype(dtype)


EVERY = {
    "flip": lambda seed: RandomHorizontalFlip(0.5, seed),
    "vertical": lambda seed: RandomVerticalFlip(0.5, seed),
    "pad": lambda seed: Pad((1, 2), 0.5),
    "center": lambda seed: CenterCrop((8, 9)),
    "crop": lambda seed: RandomCrop(10, padding=2, generator=seed),
    "resized": lambda seed: RandomResizedCrop((7, 9), generator=seed),
    "resize": lambda seed: Resize(9),
    "affine": lambda seed: RandomAffine(30, (0.1, 0.1), (0.8, 1.2), 10, generator=seed),
    "rotation": lambda seed: RandomRotation(40, generator=seed),
    "nearest": lambda seed: RandomRotation(40, "nearest", generator=seed),
    "elastic": lambda seed: ElasticTransform(20, 3, generator=seed),
    "jitter": lambda seed: ColorJitter(0.4, 0.4, 0.4, 0.2, seed),
    "grey": lambda seed: RandomGrayscale(0.5, seed),
    "pca": lambda seed: PCAColorShift(generator=seed),
    "blur": lambda seed: GaussianBlur(5, generator=seed),
    "erasing": lambda seed: RandomErasing(0.7, value="random", generator=seed),
    "normalize": lambda seed: Normalize(0.5, [0.1, 0.2, 0.3]),
    "compose": lambda seed: Compose([RandomCrop(9, generator=seed), RandomHorizontalFlip(generator=seed + 1)]),
    "apply": lambda seed: RandomApply([RandomRotation(20, generator=seed)], 0.5, generator=seed + 1),
    "choice": lambda seed: RandomChoice(
        [RandomHorizontalFlip(1.0), ColorJitter(0.5, generator=seed), RandomAffine(9, generator=seed + 1)], None, seed + 2
    ),
}  # fmt: skip


# ---- what holds for every transform


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", EVERY)
def test_every_transform(name: str, dtype: Any) -> None:
    images = photos(5, dtype=dtype)
    before = images.copy()
    boxes = np.tile(np.array([[2, 3, 9, 8.0]], dtype), (5, 1, 1))
    masks = (images[:, 0] > 0.5).astype(np.int16)
    got, got_boxes, got_masks = EVERY[name](7)(images, boxes=boxes, masks=masks)
    assert np.array_equal(images, before) and not np.may_share_memory(got, images)
    assert got.dtype == dtype and got_boxes.dtype == dtype and got_masks.dtype == np.int16
    assert got.shape[0] == 5 and got_boxes.shape == (5, 1, 4) and got_masks.shape == (5, *got.shape[2:])
    assert np.array_equal(EVERY[name](7)(images), got), "the same with its seed, with boxes and masks or without"
    # The same whatever the batches are cut into, for Tensors, other memory orders and read-only arrays.
    again = EVERY[name](7)
    assert np.array_equal(np.concatenate([again(images[:2]), again(images[2:])]), got)
    again = EVERY[name](7)
    assert np.array_equal(np.stack([again(image) for image in images]), got)
    tensor, box, mask = EVERY[name](7)(autograd.tensor(images), autograd.tensor(boxes), autograd.tensor(masks))
    assert np.array_equal(tensor.numpy(), got) and np.array_equal(box.numpy(), got_boxes)
    assert isinstance(mask, autograd.Tensor)
    order = np.asfortranarray(images)
    order.flags.writeable = False
    assert np.array_equal(EVERY[name](7)(order), got)
    listed = EVERY[name](7)(images, boxes=[b[: i % 2] for i, b in enumerate(boxes)])[1]
    assert [len(b) for b in listed] == [0, 1, 0, 1, 0]


@pytest.mark.parametrize("name", EVERY)
def test_states_go_on_where_they_were(name: str, tmp_path: Any) -> None:
    images, transform = photos(4), EVERY[name](3)
    transform(images)
    autograd.save(transform.state_dict(), tmp_path / "state")
    after = transform(images)
    other = EVERY[name](99)
    other.load_state_dict(autograd.load(tmp_path / "state"))
    assert np.array_equal(other(images), after)


def test_a_state_of_another_transform_is_refused() -> None:
    with pytest.raises(ValueError, match="another transform"):
        RandomRotation(3).load_state_dict(RandomRotation(3, generator=1).state_dict())
    with pytest.raises(ValueError, match="another transform"):
        Compose([]).load_state_dict(Compose([RandomRotation(3)]).state_dict())


def test_without_a_seed_the_default_generator_draws() -> None:
    images = photos()
    for name in ("flip", "rotation", "jitter", "elastic"):
        transform: Transform = EVERY[name](0)
        transform.generator = None
        autograd.manual_seed(4)
        first = transform(images)
        autograd.manual_seed(4)
        assert np.array_equal(transform(images), first)


# ---- closed forms


@pytest.mark.parametrize("kind", [RandomHorizontalFlip, RandomVerticalFlip])
def test_mirroring_twice_is_nothing(kind: Any) -> None:
    images = np.arange(2 * 3 * 4 * 5, dtype=np.uint8).reshape(2, 3, 4, 5)
    boxes = np.array([[[0, 1, 2, 3.0]], [[1, 0, 5, 4.0]]])
    once = kind(1.0)(images, boxes)
    assert np.array_equal(once[0], images[..., ::-1] if kind is RandomHorizontalFlip else images[..., ::-1, :])
    assert once[1][0].tolist() == ([[3, 1, 5, 3]] if kind is RandomHorizontalFlip else [[0, 1, 2, 3]])
    twice = kind(1.0)(*once)
    assert np.array_equal(twice[0], images) and np.array_equal(twice[1], boxes)
    assert np.array_equal(kind(0.0)(images), images)


def test_the_probability_is_kept() -> None:
    images = np.zeros((4000, 1, 1, 2), np.float32)
    images[..., 0] = 1
    for transform in (
        RandomHorizontalFlip(0.3, 1),
        RandomApply([RandomHorizontalFlip(1.0)], 0.3, 1),
        RandomChoice([RandomHorizontalFlip(1.0), lambda x: x], [3, 7], 1),
    ):
        assert abs(transform(images)[..., 1].mean() - 0.3) < 0.03


@pytest.mark.parametrize(("degrees", "turns"), [(0, 0), (90, 1), (180, 2), (270, 3), (-90, 3)])
@pytest.mark.parametrize("interpolation", ["bilinear", "nearest"])
@pytest.mark.parametrize("shape", [(6, 6), (7, 7), (5, 8)])
def test_right_angles_are_exact(degrees: int, turns: int, interpolation: str, shape: tuple[int, int]) -> None:
    image = photos(1, 2, *shape, dtype=np.float64)[0]
    mask = (image[0] > 0.5).astype(np.uint8)
    box = np.array([[1, 2, 3, 5.0]])
    turn = RandomRotation((degrees, degrees), interpolation, expand=True)
    got, got_box, got_mask = turn(image, box, mask)
    assert got == pytest.approx(np.rot90(image, turns, (1, 2)), abs=1e-12)
    assert np.array_equal(got_mask, np.rot90(mask, turns))
    held = np.zeros(shape)
    held[2:5, 1:3] = 1
    rows, columns = np.nonzero(np.rot90(held, turns))
    assert got_box[0] == pytest.approx([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1], abs=1e-9)
    if shape[0] == shape[1]:
        batch = RandomRotation((degrees, degrees), interpolation)(np.stack([image, image]))
        assert batch == pytest.approx(np.rot90(np.stack([image] * 2), turns, (2, 3)), abs=1e-12)
        # Affine angles are clockwise.
        assert RandomAffine((-degrees, -degrees), interpolation=interpolation)(image) == pytest.approx(got, abs=1e-12)


def test_rotation_about_a_corner() -> None:
    image = np.zeros((1, 9, 9))
    image[0, 0, 4] = 1  # the centre of this pixel is 4 right of that of the first
    got = RandomRotation((-90, -90), center=(0.5, 0.5))(image)
    assert np.argwhere(got[0] > 0.5).tolist() == [[4, 0]]


def test_changes_of_nothing_are_exact() -> None:
    images = photos()
    for transform in (
        RandomRotation(0), ElasticTransform(0), RandomAffine(0), Resize((12, 17)), CenterCrop((12, 17)), Pad(0),
        RandomCrop((12, 17)), ColorJitter(), PCAColorShift(0), Compose([]), Normalize(0, 1), GaussianBlur(1, 1),
        RandomResizedCrop((12, 17), (1, 1), (17 / 12, 17 / 12)), RandomErasing(0), RandomGrayscale(0),
    ):  # fmt: skip
        assert np.array_equal(transform(images), images), transform


@given(st.integers(0, 10_000))
def test_boxes_hold_their_masks(seed: int) -> None:
    """A mask of a box's region ends where the box does, but for the pixels that interpolation decides."""
    rng = np.random.default_rng(seed)
    height, width = (int(v) for v in rng.integers(20, 50, 2))
    x1, y1 = (int(rng.integers(0, side - 8)) for side in (width, height))
    x2, y2 = int(rng.integers(x1 + 4, width + 1)), int(rng.integers(y1 + 4, height + 1))
    mask = np.zeros((height, width), bool)
    mask[y1:y2, x1:x2] = True
    image = mask[None].astype(np.float64)
    moves: list[tuple[Any, bool]] = [
        (RandomHorizontalFlip(generator=seed), True),
        (RandomVerticalFlip(generator=seed), True),
        (RandomCrop((height // 2, width // 2), padding=3, generator=seed), True),
        (Pad((1, 2, 3, 4)), True),
        (CenterCrop((height // 2, width // 2)), True),
        (RandomAffine(0, (0.3, 0.3), (0.7, 1.3), generator=seed), False),
        (RandomAffine((90, 90), (0.3, 0.3), generator=seed), False),
        (RandomResizedCrop((25, 30), generator=seed), False),
        (Resize((33, 21)), False),
        (ElasticTransform(60, 4, generator=seed), False),
    ]
    for transform, exact in moves:
        _, (box,), moved = transform(image, np.array([[x1, y1, x2, y2]], np.float64), mask)
        rows, columns = np.nonzero(moved)
        if not len(rows):
            assert min(box[2] - box[0], box[3] - box[1]) < 1.01, transform
            continue
        ends = np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1])
        if exact:
            assert box.tolist() == ends.tolist(), transform
        else:
            assert np.abs(box - ends).max() < 1.01, (transform, box, ends)
    # A turned rectangle has a larger bounding box than its corners' pixels, never a smaller one.
    for turn in (RandomRotation(180, generator=seed), RandomAffine(40, None, None, (-30, 30, -20, 20), generator=seed)):
        _, (box,), moved = turn(image, np.array([[x1, y1, x2, y2]], np.float64), mask)
        rows, columns = np.nonzero(moved)
        if len(rows):
            assert box[0] <= columns.min() + 0.51 and box[2] >= columns.max() + 0.49
            assert box[1] <= rows.min() + 0.51 and box[3] >= rows.max() + 0.49


def test_turned_boxes_fit_their_corners() -> None:
    boxes = np.array([[10, 10, 20, 20.0]])
    _, got = RandomRotation((45, 45))(np.zeros((1, 30, 30)), boxes)
    half = 5 * 2**0.5
    assert got[0] == pytest.approx([15 - half, 15 - half, 15 + half, 15 + half])


def test_boxes_that_leave_have_no_area() -> None:
    boxes = np.array([[0, 0, 3, 3], [4, 4, 8, 8.0]])
    _, got = CenterCrop(4)(np.zeros((1, 12, 12)), boxes)
    assert got.tolist() == [[0, 0, 0, 0], [0, 0, 4, 4]]
    assert boxes_inside(got).tolist() == [False, True] and boxes_inside(np.zeros((0, 4))).shape == (0,)


def test_crops_reach_every_place_alike() -> None:
    images = np.tile(np.arange(5.0), (6000, 1, 1, 1))
    first = RandomCrop((1, 3), generator=0)(images)[:, 0, 0, 0]
    assert np.unique(first).tolist() == [0, 1, 2] and abs(np.bincount(first.astype(int)) / 6000 - 1 / 3).max() < 0.03


def test_pad_if_needed_and_modes() -> None:
    image = np.arange(6.0).reshape(1, 2, 3)
    assert RandomCrop(4, pad_if_needed=True, generator=0)(image).shape == (1, 4, 4)
    for mode in ("edge", "reflect", "symmetric"):
        assert np.array_equal(Pad(1, padding_mode=mode)(image), np.pad(image, ((0, 0), (1, 1), (1, 1)), mode))
    assert np.array_equal(Pad((1, 2, 3, 4), 9)(image), np.pad(image, ((0, 0), (2, 4), (1, 3)), constant_values=9))


def test_resized_crops_take_their_share(monkeypatch: pytest.MonkeyPatch) -> None:
    images = np.zeros((3000, 1, 40, 40))
    masks = np.ones((3000, 40, 40), bool)
    boxes = np.tile(np.array([[0, 0, 40, 40.0]]), (3000, 1, 1))
    scale, ratio = (0.2, 0.6), (0.5, 2.0)
    transform = RandomResizedCrop(8, scale, ratio, generator=1)
    taken, kernels_crops = [], kernels.resized_crops

    def spy(pixels: np.ndarray, crops: np.ndarray, size: Any, antialias: bool) -> np.ndarray:
        taken.append(crops)
        return kernels_crops(pixels, crops, size, antialias)

    monkeypatch.setattr("nn.data.transforms.geometry.resized_crops", spy)
    _, got, _ = transform(images, boxes, masks)
    top, left, height, width = taken[0].T
    share, shape = height * width / 1600, np.log(width / height)
    assert scale[0] - 0.03 < share.min() < 0.22 and 0.58 < share.max() < scale[1] + 0.03
    assert abs(share.mean() - 0.4) < 0.02 and abs(shape.mean()) < 0.03 and shape.min() < -0.6 and shape.max() > 0.6
    assert (top >= 0).all() and (top + height <= 40).all() and (left + width <= 40).all()
    assert (got == [0, 0, 8, 8]).all()


def test_a_shape_that_never_fits_takes_the_middle() -> None:
    image = np.tile(np.arange(40.0), (1, 4, 1))
    got = RandomResizedCrop((4, 4), (1, 1), (1, 1), generator=0)(image)
    assert got[0, 0] == pytest.approx([18, 19, 20, 21])


@pytest.mark.parametrize("size", [(6, 6), (6, 17), (24, 34), (5, 40)])
def test_resizing_keeps_ramps_and_means(size: tuple[int, int]) -> None:
    flat = np.full((1, 12, 18), 0.3)
    assert Resize(size)(flat) == pytest.approx(np.full((1, *size), 0.3))
    ramp = np.tile(np.arange(18.0), (1, 12, 1))
    inner = Resize((12, 6))(ramp)[0, 0, 1:-1]
    assert inner == pytest.approx((np.arange(6) + 0.5)[1:-1] * 3 - 0.5)


def test_resize_sizes() -> None:
    for shape, size, longest, want in (
        ((30, 60), 10, None, (10, 20)),
        ((60, 30), 10, None, (20, 10)),
        ((30, 60), 10, 15, (7, 15)),
        ((30, 60), (5, 7), None, (5, 7)),
    ):
        assert Resize(size, longest)(np.zeros((1, *shape))).shape[1:] == want


def test_elastic_moves_by_alpha_and_keeps_the_far_away() -> None:
    rows, columns = np.indices((64, 64)).astype(float)
    picture = np.stack([columns, rows])
    got = ElasticTransform(40, 4, generator=3)(picture)[:, 8:-8, 8:-8] - picture[:, 8:-8, 8:-8]
    noise = np.random.default_rng(3).random((2, 64, 64), np.float32) * 2 - 1
    want = [20 * ndimage.gaussian_filter(n, 4, mode="mirror", truncate=4)[8:-8, 8:-8] for n in noise]
    assert got == pytest.approx(np.array(want), abs=1e-5)
    assert 0.3 < np.abs(got).max() < 20


def test_blur_is_a_gaussian() -> None:
    images = photos(2, 3, 20, 23, np.float64)
    for size, sigma in ((3, 0.5), (9, 2.0), (41, 5.0)):
        got = GaussianBlur(size, sigma)(images)
        radius = size // 2
        weights = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
        want = ndimage.convolve1d(images, weights / weights.sum(), 2, mode="mirror")
        want = ndimage.convolve1d(want, weights / weights.sum(), 3, mode="mirror")
        assert got == pytest.approx(want, abs=1e-12)
    assert GaussianBlur(41, 5.0)(images[:, :, :1, :3]).shape == (2, 3, 1, 3), "a border wider than the picture"


# ---- colours


def jittered(image: np.ndarray, **ranges: tuple[float, float]) -> np.ndarray:
    return ColorJitter(**ranges, generator=0)(image)


def test_each_part_of_the_jitter() -> None:
    image = photos(1, dtype=np.float64)[0]
    grey = np.einsum("chw,c->hw", image, [0.2989, 0.587, 0.114])
    assert jittered(image, brightness=(1.5, 1.5)) == pytest.approx(np.clip(1.5 * image, 0, 1))
    assert jittered(image, contrast=(0.3, 0.3)) == pytest.approx(0.3 * image + 0.7 * grey.mean())
    assert jittered(image, contrast=(2, 2)) == pytest.approx(np.clip(2 * image - grey.mean(), 0, 1))
    assert jittered(image, saturation=(0, 0)) == pytest.approx(np.stack([grey] * 3))
    assert jittered(image, saturation=(1.8, 1.8)) == pytest.approx(np.clip(1.8 * image - 0.8 * grey, 0, 1))
    for shift in (-0.5, -0.2, 0.1, 0.5):
        want = np.empty_like(image)
        for at in itertools.product(*map(range, image.shape[1:])):
            hue, saturation, value = colorsys.rgb_to_hsv(*image[:, at[0], at[1]])
            want[:, at[0], at[1]] = colorsys.hsv_to_rgb((hue + shift) % 1, saturation, value)
        assert jittered(image, hue=(shift, shift)) == pytest.approx(want)
    one = image[:1]
    assert jittered(one, saturation=(0, 0), hue=(0.3, 0.3)) == pytest.approx(one)
    assert jittered(one, contrast=(0, 0)) == pytest.approx(np.full_like(one, one.mean()))


def test_jitter_factors_and_orders() -> None:
    images = np.full((4000, 1, 1, 1), 0.25)
    factors = ColorJitter(brightness=0.4, generator=0)(images).ravel() / 0.25
    assert factors.min() == pytest.approx(0.6, abs=0.01) and factors.max() == pytest.approx(1.4, abs=0.01)
    assert abs(factors.mean() - 1) < 0.01
    # Brightness then contrast is not contrast then brightness: both occur.
    two = np.tile(np.array([0.2, 0.6]), (4000, 1, 1, 1))
    got = ColorJitter(brightness=(2, 2), contrast=(0.5, 0.5), generator=0)(two)[:, 0, 0, 0]
    first, second = (0.4 + (0.4 + 1) / 2) / 2, (0.2 + 0.4) / 2 * 2
    assert abs((np.abs(got - first) < 1e-9).mean() - 0.5) < 0.03
    assert abs((np.abs(got - second) < 1e-9).mean() - 0.5) < 0.03


def test_pca_follows_its_directions() -> None:
    images = np.zeros((20_000, 3, 1, 1))
    shift = PCAColorShift(0.1, generator=0)(images)[:, :, 0, 0]
    vectors = np.array(PCAColorShift.IMAGENET_VECTORS)
    assert vectors @ vectors.T == pytest.approx(np.eye(3), abs=2e-3)
    want = vectors.T @ np.diag(0.01 * np.square(PCAColorShift.IMAGENET_VALUES)) @ vectors
    assert np.cov(shift.T) == pytest.approx(want, abs=2e-5)
    rng = np.random.default_rng(0)
    mix = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    colours = (rng.normal(size=(5, 4000, 3)) * [3, 2, 1]) @ mix.T
    pictures = colours.transpose(0, 2, 1).reshape(5, 3, 40, 100)
    fitted = PCAColorShift.fit(pictures)
    assert fitted.values == pytest.approx([3, 2, 1], rel=0.03)
    assert np.abs(fitted.vectors @ mix) == pytest.approx(np.eye(3), abs=0.03)
    assert PCAColorShift.fit(pictures, eigenvalues=True).values == pytest.approx(fitted.values**2)


def test_normalize_and_back() -> None:
    images = photos(dtype=np.float64) * 3 + 1
    fitted = Normalize.fit(images)
    flat = fitted(images)
    assert flat.mean((0, 2, 3)) == pytest.approx(np.zeros(3)) and flat.std((0, 2, 3)) == pytest.approx(np.ones(3))
    assert fitted.inverse()(flat) == pytest.approx(images)


def test_grey_and_erasing() -> None:
    images = photos(400, height=10, width=10, dtype=np.float64)
    grey = RandomGrayscale(1.0)(images)
    assert (grey[:, 0] == grey[:, 1]).all() and (grey[:, 0] == grey[:, 2]).all()
    erased = RandomErasing(0.5, (0.1, 0.3), value=-1, generator=0)(images)
    shares = (erased == -1).all(axis=1).mean((1, 2))
    assert abs((shares > 0).mean() - 0.5) < 0.08 and shares[shares > 0].min() >= 0.05 and shares.max() <= 0.36
    for hole in (erased == -1)[shares > 0][:50, 0]:
        assert hole[hole.any(1)][:, hole.any(0)].all(), "a rectangle"


def test_to_tensor() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (4, 5, 3), dtype=np.uint8)
    got = ToTensor()(picture)
    assert got.dtype == autograd.float32 and np.array_equal(got.numpy(), picture.transpose(2, 0, 1) / np.float32(255))
    assert ToTensor()(picture[..., 0]).shape == (1, 4, 5) and ToTensor()(picture[None]).shape == (1, 3, 4, 5)
    with pytest.raises(TypeError, match="int64"):
        ToTensor()(np.zeros((2, 2, 3), np.int64))


# ---- compositions


def test_compose_takes_functions_and_carries_boxes() -> None:
    images, boxes = photos(), [np.array([[1, 2, 5, 6.0]])] * 3
    chain = Compose([RandomHorizontalFlip(1.0), lambda pixels: pixels * 2, Normalize(0, 2)])
    got, moved = chain(images, boxes)
    assert got == pytest.approx(images[..., ::-1]) and moved[0].tolist() == [[12, 2, 16, 6]]
    assert "RandomHorizontalFlip" in repr(chain)


def test_bytes_pass_flips_and_crops_and_stop_at_the_rest() -> None:
    images = (photos() * 255).astype(np.uint8)
    assert Compose([RandomHorizontalFlip(), RandomCrop(5)])(images).dtype == np.uint8
    for transform in (RandomRotation(5), Compose([RandomRotation(5)]), ColorJitter(0.1)):
        with pytest.raises(TypeError, match="uint8.*divide"):
            transform(images)


def test_mixed_sizes_in_a_batch_are_an_error() -> None:
    for transform in (RandomApply([CenterCrop(5)], 0.5, 0), RandomChoice([CenterCrop(5), CenterCrop(6)], None, 0)):
        with pytest.raises(ValueError, match="a batch has one shape"):
            transform(photos(20))
    assert RandomApply([CenterCrop(5)], 1.0)(photos()).shape == (3, 3, 5, 5)


# ---- kernels


@pytest.mark.parametrize("at_end", [False, True])
@pytest.mark.parametrize("shape", [(2, 3, 9, 7), (1, 1, 1, 5), (3, 3, 4, 1), (1, 3, 96, 80)])
def test_kernels_stay_inside_their_arrays(shape: tuple[int, ...], at_end: bool) -> None:
    rng = np.random.default_rng(0)
    n, c, h, w = shape
    images = guarded(rng.random(shape, dtype=np.float32), at_end)
    for spread in (1.0, 30.0, 1e18, np.nan):
        inverse = guarded(rng.normal(size=(n, 2, 3)) * spread, at_end)
        field = guarded(rng.normal(size=(n, 2, 5, 6)) * spread, at_end)
        assert np.isfinite(kernels.warp(images, inverse, 0.0, (5, 6), field)).all()
        places = kernels.nearest((n, h, w), inverse, (5, 6), field)
        assert places.min() >= -1 and places.max() < h * w
    for _ in range(20):
        size = rng.integers(1, [h + 1, w + 1], (n, 2))
        start = (rng.random((n, 2)) * ([h + 1, w + 1] - size)).astype(np.int64)
        crops = guarded(np.concatenate([start, size], axis=1), at_end)
        out = tuple(rng.integers(1, 20, 2).tolist())
        for antialias in (False, True):
            got = kernels.resized_crops(images, crops, out, antialias)
            assert got.min() >= images.min() - 1e-6 and got.max() <= images.max() + 1e-6
    planes = guarded(images.reshape(-1, h, w), at_end)
    radii, sigmas = guarded(rng.integers(0, 25, n * c), at_end), guarded(rng.random(n * c) + 0.1, at_end)
    assert np.isfinite(kernels.gaussian_blur(planes, radii, sigmas)).all()
    if c in (1, 3):
        flat = guarded(images.reshape(n, c, -1), at_end)
        order = guarded(rng.random((n, 4)).argsort(1), at_end)
        got = colour_kernels.jitter(flat, guarded(rng.random((n, 4)) * 2, at_end), order)
        assert got.min() >= 0 and got.max() <= 1


def test_the_same_bits_on_any_number_of_threads() -> None:
    images = photos(4, 3, 90, 80)
    transforms = [RandomAffine(30, generator=0), ColorJitter(0.4, 0.4, 0.4, 0.2, 0), ElasticTransform(generator=0),
                  RandomResizedCrop(64, generator=0), GaussianBlur(9, generator=0)]  # fmt: skip
    chain = Compose(transforms)
    state, results = chain.state_dict(), []
    for threads in range(1, min(2, MOST) + 1):
        autograd.set_num_threads(threads)
        chain.load_state_dict(state)
        results.append(chain(images).tobytes())
    single = Compose(transforms)
    single.load_state_dict(state)
    results.append(np.stack([single(image) for image in images]).tobytes())  # small enough to run serially
    assert len(set(results)) == 1


# ---- errors


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: RandomHorizontalFlip(1.5), "probability"),
        (lambda: RandomCrop((1, 2, 3)), r"RandomCrop: size should be an int or \(height, width\)"),
        (lambda: RandomCrop(0), "at least 1"),
        (lambda: Pad((1, 2, 3)), "1, 2 or 4 ints"),
        (lambda: Pad(1, padding_mode="wrap"), "wrap"),
        (lambda: RandomResizedCrop(5, (0.5, 0.1)), "scale should be"),
        (lambda: RandomResizedCrop(5, ratio=(0, 1)), "ratio should be"),
        (lambda: Resize((3, 4), 5), "max_size=5"),
        (lambda: RandomRotation((3, 1)), "degrees"),
        (lambda: RandomRotation(3, "bicubic"), "bicubic"),
        (lambda: ElasticTransform(5, -1), "sigma"),
        (lambda: ColorJitter(hue=0.6), "hue"),
        (lambda: ColorJitter(-1), "brightness"),
        (lambda: ColorJitter(contrast=(2, 1)), "contrast"),
        (lambda: PCAColorShift(values=[1, 2]), "2 values"),
        (lambda: GaussianBlur(4), "odd"),
        (lambda: GaussianBlur(3, 0), "sigma"),
        (lambda: RandomErasing(value="noise"), "noise"),
        (lambda: Normalize(0, 0), "std above 0"),
        (lambda: RandomChoice([]), "weight for each of 0"),
        (lambda: RandomChoice([Pad(1)], [-1]), "weight for each of 1"),
        (lambda: RandomRotation(3)(np.zeros((4, 4))), "ToTensor makes that"),
        (lambda: CenterCrop(9)(np.zeros((1, 4, 4))), "larger than the pictures"),
        (lambda: RandomCrop(9)(np.zeros((1, 4, 4))), "pad_if_needed"),
        (lambda: RandomRotation(5, expand=True)(np.zeros((2, 1, 4, 4))), "batch of 2"),
        (lambda: Normalize([1, 2], 1)(np.zeros((3, 4, 4))), "2 values for pictures with 3"),
        (lambda: ColorJitter(0.1)(np.zeros((4, 4, 3))), "4 channels.*channels first"),
        (lambda: Pad(1)(np.zeros((2, 1, 4, 4)), boxes=[np.zeros((1, 4))]), "boxes are given for 1 pictures"),
        (lambda: Pad(1)(np.zeros((1, 4, 4)), boxes=np.zeros((1, 3))), r"\(1, 3\), expected \(n, 4\)"),
        (lambda: Pad(1)(np.zeros((1, 4, 4)), masks=np.zeros((4, 5))), r"\(4, 4\) last"),
    ],
)
def test_errors(make: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        make()


def test_a_part_that_is_no_transform_and_images_with_gradients() -> None:
    with pytest.raises(TypeError, match="part 0 is a int"):
        Compose([3])
    with pytest.raises(RuntimeError, match="detach"):
        Pad(1)(autograd.zeros(1, 4, 4, requires_grad=True))
