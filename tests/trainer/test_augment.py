"""Augmentation moves image and points together, and repeats itself exactly."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from trainer.labels.mirror import swapped_order
from trainer.training.augment import AugmentSettings, augment

CALM = AugmentSettings(light=0, blur=0, noise=0, occlusion=0, empty=0)


def scene() -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """A dark frame with two bright discs of different size and their middles."""
    image = np.zeros((240, 320), np.uint8)
    points = np.array([[150.0, 110.0], [185.0, 130.0]])
    cv2.circle(image, (150, 110), 9, 250, -1)
    cv2.circle(image, (185, 130), 5, 120, -1)
    return image, points


def middle(image: NDArray[np.uint8], low: int, high: int) -> NDArray[np.float64]:
    rows, columns = np.nonzero((image >= low) & (image <= high))
    return np.array([columns.mean(), rows.mean()])


def around(image: NDArray[np.uint8], point: NDArray[np.float64]) -> NDArray[np.uint8]:
    """41 × 41 pixels around a point, black beyond the image's edge."""
    x, y = np.round(point).astype(int) + 20
    return np.pad(image, 20)[y - 20 : y + 21, x - 20 : x + 21]


def is_whole(point: NDArray[np.float64]) -> bool:
    """Whether the larger disc is not cut by the edge."""
    return bool((point > 15).all() and (point < np.array([320, 240]) - 16).all())


@pytest.mark.parametrize("seed", range(8))
def test_a_point_stays_on_what_it_marks(seed: int) -> None:
    image, points = scene()
    made = (augment(image, points, settings=CALM, swap=(0, 1), rng=np.random.default_rng([seed, number])) for number in range(100))
    changed, moved = next((changed, moved) for changed, moved in made if is_whole(moved[0]))
    disc = around(changed, moved[0])
    assert np.abs(middle(disc, 240, 255) - 20 - (moved[0] - np.round(moved[0]))).max() < 0.7  # px: a disc's middle is at its mark


def test_an_animal_is_as_large_at_the_edge_as_anywhere() -> None:
    """Were only enlarged ones put there, what the edge cuts would be taken for larger than it is, and its points put outwards."""
    image = np.zeros((92, 100), np.uint8)
    placed = AugmentSettings(in_place=0, light=0, blur=0, noise=0, occlusion=0, empty=0, pairs=())
    lengths, nearest = [], []
    for seed in range(3000):
        _, moved = augment(image, np.array([[28.0, 46.0], [72.0, 46.0]]), settings=placed, swap=(0, 1), rng=np.random.default_rng(seed))
        lengths.append(np.linalg.norm(moved[1] - moved[0]))
        nearest.append(min(moved.min(), (np.array([99.0, 91.0]) - moved).min()))
    at_edge = (np.array(nearest) > -4) & (np.array(nearest) < 4)
    assert at_edge.sum() > 200
    assert np.mean(np.array(lengths)[at_edge]) == pytest.approx(np.mean(lengths), rel=0.03)


def test_left_and_right_change_places_in_a_mirrored_image() -> None:
    image, points = scene()
    mirrored = AugmentSettings(light=0, blur=0, noise=0, occlusion=0, empty=0, flip=1.0)
    changed, moved = augment(image, points, settings=mirrored, swap=(1, 0), rng=np.random.default_rng(0))
    disc = around(changed, moved[1])
    assert np.abs(middle(disc, 240, 255) - 20 - (moved[1] - np.round(moved[1]))).max() < 0.7


@pytest.mark.parametrize(
    ("names", "order"),
    [
        (("snout", "leftear", "rightear", "tailbase"), (0, 2, 1, 3)),
        (("Right_Paw", "Left_Paw"), (1, 0)),
        (("ear_l", "ear_r"), (1, 0)),
        (("L.ear", "R.ear"), (1, 0)),
        (("wingL", "wingR", "forelegL4", "forelegR4", "head"), (1, 0, 3, 2, 4)),
        (("skullLine", "headRing"), (0, 1)),
        (("tail", "collar"), (0, 1)),
        (("leftear", "snout"), None),
    ],
    ids=["left/right", "capitals", "suffix", "prefix", "capital at the end", "capital inside a word", "no sides", "left without right"],
)
def test_sides_are_found_in_the_names(names: tuple[str, ...], order: tuple[int, ...] | None) -> None:
    assert swapped_order(names) == order


def test_an_animal_with_a_left_and_no_right_is_never_mirrored() -> None:
    image, points = scene()
    eager = AugmentSettings(light=0, blur=0, noise=0, occlusion=0, empty=0, flip=1.0, in_place=1.0)
    _, moved = augment(image, points, settings=eager, swap=None, rng=np.random.default_rng(0))
    assert np.allclose(moved[1] - moved[0], points[1] - points[0])


def test_a_missing_point_stays_missing() -> None:
    image, points = scene()
    points[1] = np.nan
    _, moved = augment(image, points, settings=AugmentSettings(empty=0), swap=(0, 1), rng=np.random.default_rng(0))
    assert np.isnan(moved[1]).all()
    assert not np.isnan(moved[0]).any()


def test_a_frame_without_any_label_can_be_augmented() -> None:
    image, points = scene()
    _, moved = augment(image, points * np.nan, settings=AugmentSettings(empty=0, occlusion=1), swap=(0, 1), rng=np.random.default_rng(0))
    assert np.isnan(moved).all()


@pytest.mark.parametrize("channels", [(), (3,)], ids=["grey", "rgb"])
def test_the_same_seed_gives_the_same_picture_and_another_seed_another(channels: tuple[int, ...]) -> None:
    image = np.random.default_rng(0).integers(0, 256, (96, 128, *channels), dtype=np.uint8)
    points = np.array([[40.0, 50.0]])

    def once(seed: int) -> NDArray[np.uint8]:
        changed, _ = augment(image, points, settings=AugmentSettings(), swap=(0,), rng=np.random.default_rng(seed))
        return changed

    assert once(1).shape == image.shape
    assert np.array_equal(once(1), once(1))
    assert not np.array_equal(once(1), once(2))


def test_the_source_image_is_left_as_it_was() -> None:
    image, points = scene()
    before = image.copy()
    for seed in range(5):
        augment(image, points, settings=AugmentSettings(occlusion=1), swap=(0, 1), rng=np.random.default_rng(seed))
    assert np.array_equal(image, before)


def test_an_empty_frame_has_its_points_outside() -> None:
    image, points = scene()
    changed, moved = augment(image, points, settings=AugmentSettings(empty=1.0), swap=(0, 1), rng=np.random.default_rng(0))
    assert (moved < 0).all()
    assert int(changed.max()) - int(changed.min()) < 80
