"""What `tracker check` says of pictures, on pictures whose exposure, contrast, blur and noise are known."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from tracker.check.picture_quality import background_of, contrast, exposure, focus, histogram
from tracker.frame import Image
from tracker.pose import KeyPoints

HEIGHT, WIDTH = 240, 320


def noisy(image: NDArray[np.floating], seed: int, deviation: float = 4.0) -> Image:
    noise = np.random.default_rng(seed).normal(0, deviation, image.shape)
    return np.clip(np.round(image + noise), 0, 255).astype(np.uint8)


def walking(*, level: float, ground: float = 120.0, count: int = 9, step: int = 30) -> tuple[list[Image], list[KeyPoints]]:
    """A disc of radius 12 that moves to the right, with three key points on it."""
    pictures, poses = [], []
    for number in range(count):
        image = np.full((HEIGHT, WIDTH), ground, np.float32)
        x, y = 30 + step * number, 100
        cv2.circle(image, (x, y), 12, level, -1)
        pictures.append(noisy(image, number))
        poses.append(np.array([[[x, y, 0.9], [x - 6, y, 0.9], [x + 6, y, 0.9]]], np.float32))
    return pictures, poses


def edges(blur: float, amplitude: float = 80.0) -> NDArray[np.float32]:
    image = np.full((HEIGHT, WIDTH), 60, np.float32)
    for k in range(4):
        cv2.rectangle(image, (40 + 60 * k, 40 + 30 * k), (80 + 60 * k, 120 + 25 * k), 60.0 + amplitude, -1)
    return np.asarray(cv2.GaussianBlur(image, (0, 0), blur), np.float32)


@pytest.mark.parametrize(
    ("levels", "ok", "warning", "words"),
    [
        ((40, 180), True, False, "0.0 % are clipped"),
        ((40, 255), True, True, "50.0 % are clipped, 0.0 % are black; shorten the exposure"),
        ((0, 0, 0, 90), True, True, "75.0 % are black; lengthen the exposure"),
        ((100, 130), True, True, "few of the 256 grey levels are used"),
        ((7,), False, False, "the picture is blank: take the lens cap off"),
    ],
    ids=["good", "clipped", "dark", "flat", "blank"],
)
def test_exposure_is_judged_by_the_grey_levels(levels: tuple[int, ...], ok: bool, warning: bool, words: str) -> None:
    picture = np.repeat(np.array(levels, np.uint8), 100)[None]
    found = exposure([picture])
    assert (found.ok, found.warning) == (ok, warning)
    assert words in found.found


def test_the_histogram_counts_every_pixel_of_every_picture() -> None:
    pictures = [noisy(np.full((20, 30, 3), 100.0), seed) for seed in range(2)]
    counts = histogram(pictures)
    assert counts.sum() == 2 * 20 * 30 * 3
    assert counts[100] == sum(int((picture == 100).sum()) for picture in pictures)


def test_the_background_is_what_stays_and_its_noise_is_measured() -> None:
    pictures, _ = walking(level=20)
    found = background_of(pictures)
    assert found.pictures == 9
    assert abs(float(found.image[100, 150]) - 120) < 8  # where the animal was once
    assert found.noise == pytest.approx(4.0, rel=0.15)


@pytest.mark.parametrize(
    ("level", "ok", "warning"), [(60, True, False), (180, True, False), (105, True, True), (118, False, False)],
    ids=["darker", "brighter", "faint", "the same"],
)  # fmt: skip
def test_contrast_is_the_difference_where_the_animal_is_found(level: float, *, ok: bool, warning: bool) -> None:
    pictures, poses = walking(level=level)
    found = contrast(pictures, poses, background_of(pictures))
    assert (found.ok, found.warning) == (ok, warning), found.found
    levels = found.measured["grey_levels"]
    assert isinstance(levels, float)
    assert levels == pytest.approx(abs(level - 120), abs=3.5)  # noise alone differs by about three grey levels


def test_an_animal_that_lies_still_is_not_judged_by_its_contrast() -> None:
    pictures, poses = walking(level=20, step=0)
    found = contrast(pictures, poses, background_of(pictures))
    assert (found.ok, found.needed) == (None, False)
    assert "hardly moved" in found.found


def test_pictures_in_which_it_rested_do_not_lower_the_contrast() -> None:
    pictures, poses = walking(level=20, count=9)
    rest_pictures, rest_poses = walking(level=20, count=9, step=0)
    pictures, poses = pictures[2:] + rest_pictures, poses[2:] + rest_poses
    found = contrast(pictures, poses, background_of(pictures))
    assert found.measured["grey_levels"] == pytest.approx(100, abs=4)
    assert found.measured["pictures_used"] == 7


def test_an_empty_arena_is_said_to_be_empty() -> None:
    pictures, poses = walking(level=20)
    absent = [np.full_like(pose, np.nan) for pose in poses]
    found = contrast(pictures, absent, background_of(pictures))
    assert (found.ok, "the engine finds no animal" in found.found) == (None, True)


@pytest.mark.parametrize("blur", [0.7, 1.0, 1.5, 2.0, 3.0, 5.0])
@pytest.mark.parametrize(("amplitude", "noise"), [(120.0, 0.5), (80.0, 4.0), (40.0, 4.0)])
def test_the_blur_of_edges_is_found_whatever_contrast_and_noise(blur: float, amplitude: float, noise: float) -> None:
    """Within 15 %: noise of 4 grey levels is more than a usual camera has."""
    pictures = [noisy(edges(blur, amplitude), seed, noise) for seed in range(15)]
    assert focus(background_of(pictures)).measured["blur_px"] == pytest.approx(blur, rel=0.15)


def test_the_verdict_on_focus_follows_the_blur() -> None:
    found = [focus(background_of([noisy(edges(blur), seed, 1.0) for seed in range(9)])) for blur in (1.0, 4.0, 7.0)]
    assert [(each.ok, each.warning) for each in found] == [(True, False), (True, True), (False, False)]


def test_a_plain_wall_has_no_focus() -> None:
    found = focus(background_of([noisy(np.full((HEIGHT, WIDTH), 100.0), seed) for seed in range(9)]))
    assert (found.ok, "no edge sharp enough" in found.found) == (None, True)
