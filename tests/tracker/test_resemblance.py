"""A camera that shows something else than a network has learnt from is told by light, contrast and confidence."""

import math

import numpy as np
import pytest

from tracker.bundle_description import LearntImages
from tracker.resemblance import FEWEST, Appearance, appearance, differences

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
