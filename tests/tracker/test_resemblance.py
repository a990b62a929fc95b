"""What differs from what a network has learnt from is told: by light, contrast and confidence, or by length, gaps and speed of poses."""

import math

import numpy as np
import pytest

from tracker.bundle_description import LearntImages, LearntPoses
from tracker.resemblance import FEWEST, Appearance, appearance, differences, pose_appearance, pose_differences

LEARNT = LearntImages(brightness=(60.0, 170.0), contrast=(20.0, 60.0), confidence=0.7)
ALIKE = Appearance(brightness=110.0, contrast=35.0, confidence=0.9)


@pytest.mark.parametrize(
    ("seen", "words"),
    [
        (ALIKE, []),
        (
            Appearance(brightness=25.0, contrast=35.0, confidence=0.9),
            ["their mean grey level is 25, where training had 60 to 170, augmentation included"],
        ),
        (Appearance(brightness=110.0, contrast=80.0, confidence=0.9), ["their contrast (standard deviation of the grey levels) is 80"]),
        (
            Appearance(brightness=110.0, contrast=35.0, confidence=0.2),
            ["in half of them the mean confidence is at most 0.20, where 95 % of the held-out images had more than 0.70"],
        ),
        (Appearance(brightness=110.0, contrast=35.0, confidence=math.nan), ["in half of them the mean confidence is at most 0.00"]),
    ],
    ids=["alike", "dark", "hard", "unsure", "nobody"],
)
def test_each_difference_from_the_training_is_named(seen: Appearance, words: list[str]) -> None:
    found = differences(LEARNT, [seen] * FEWEST)
    assert len(found) == len(words)
    assert all(word in clause for word, clause in zip(words, found, strict=True))


def test_single_odd_images_are_no_other_set_up() -> None:
    odd = Appearance(brightness=10.0, contrast=5.0, confidence=0.0)
    assert differences(LEARNT, [ALIKE] * 6 + [odd] * 5) == ()


def test_of_few_images_nothing_is_said() -> None:
    assert differences(LEARNT, [Appearance(brightness=0.0, contrast=0.0, confidence=0.0)] * (FEWEST - 1)) == ()


def test_without_held_out_frames_confidence_is_not_judged() -> None:
    unsure = [Appearance(brightness=110.0, contrast=35.0, confidence=0.0)] * FEWEST
    assert differences(LearntImages(brightness=(60.0, 170.0), contrast=(20.0, 60.0), confidence=None), unsure) == ()


def test_grey_and_colour_images_of_one_scene_look_alike() -> None:
    grey = np.random.default_rng(0).integers(0, 256, (20, 30), np.uint8)
    points = np.array([[[3.0, 4.0, 0.8], [5.0, 6.0, 0.4]], [[np.nan] * 3] * 2], np.float32)
    one, other = appearance(grey, points), appearance(np.repeat(grey[..., None], 3, axis=2), points)
    assert one.brightness == pytest.approx(grey.mean())
    assert one.contrast == pytest.approx(grey.std())
    assert one.confidence == pytest.approx(0.6)
    assert other.brightness == pytest.approx(one.brightness, abs=0.5)


POSES = LearntPoses(least_confidence=0.2, length_px=(30.0, 50.0), seen=0.6, speed_px_s=200.0)


def walking(
    *, length: float = 40.0, speed: float = 60.0, hidden: int = 0, frames: int = 20
) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """Two animals of three points in a row, (frames, 2, 3, 3), at 30 frames per second; some of their points are below the confidence."""
    poses = np.full((frames, 2, 3, 3), 0.9, np.float32)
    poses[..., 0] = np.array([0.0, length / 2, length]) + speed / 30 * np.arange(frames)[:, None, None]
    poses[..., 1] = np.array([[100.0], [400.0]])
    poses[:, :, :hidden, 2] = 0.1
    return poses


def unlike(poses: np.ndarray[tuple[int, ...], np.dtype[np.float32]], learnt: LearntPoses = POSES) -> tuple[str, ...]:
    seconds = np.full(len(poses) - 1, 1 / 30)
    return pose_differences(learnt, pose_appearance(poses[:-1], poses[1:], seconds, least_confidence=learnt.least_confidence))


@pytest.mark.parametrize(
    ("poses", "words"),
    [
        (walking(), []),
        (walking(length=80.0), ["an animal is 80 px long, where training had 30 to 50"]),
        (walking(length=20.0), ["an animal is 20 px long"]),
        (walking(hidden=2), ["at most 33% of its points are seen, where 99 % of training had 60% or more"]),
        (walking(speed=600.0), ["it moves by 600 px/s or more, where 99 % of training had at most 200"]),
        (walking(speed=0.0), []),
        (walking(length=80.0, frames=FEWEST), []),
    ],
    ids=["alike", "near", "far", "hidden", "fast", "at rest", "few"],
)
def test_each_difference_of_poses_from_the_training_is_named(
    poses: np.ndarray[tuple[int, ...], np.dtype[np.float32]], words: list[str]
) -> None:
    found = unlike(poses)
    assert len(found) == len(words)
    assert all(word in clause for word, clause in zip(words, found, strict=True))


def test_animals_that_change_places_in_the_poses_are_not_fast() -> None:
    poses = walking()
    poses[::2] = poses[::2, ::-1]
    assert unlike(poses) == ()


def test_an_empty_arena_is_said_to_show_no_points_and_nothing_else() -> None:
    [clause] = unlike(np.full((20, 2, 3, 3), np.nan, np.float32))
    assert "at most 0% of its points are seen" in clause


def test_animals_of_one_point_have_no_length_that_could_differ() -> None:
    one = LearntPoses(least_confidence=0.2, length_px=None, seen=0.6, speed_px_s=None)
    assert unlike(walking(speed=600.0)[:, :, :1], one) == ()
