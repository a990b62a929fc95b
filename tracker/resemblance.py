"""Does what a camera shows resemble what a network has learnt from? By light, by contrast, and by how sure its answers are. Pure."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from tracker.bundle_description import Description, LearntImages
from tracker.frame import Image
from tracker.pose import KeyPoints

RETRAIN = (
    "if an animal is in sight, label frames of this set-up (`trainer select --by uncertainty`) and train on with `trainer fit --refresh`"
)
RETRAIN_CLASSIFIER = "mend the light, or label videos of this set-up and train again with `trainer fit --task behaviour`"
FEWEST = 6  # images; of fewer, half of them are one posture


@dataclass(frozen=True, slots=True, kw_only=True)
class Appearance:
    """One image and the answer for it.

    Attributes:
        brightness: mean grey level.
        contrast: standard deviation of the grey levels.
        confidence: mean over the key points of the animals that were found; NaN where none was.
    """

    brightness: float
    contrast: float
    confidence: float


def appearance(image: Image, points: KeyPoints) -> Appearance:
    """Measure one image.

    Args:
        image: uint8 (h, w) or (h, w, 3) RGB.
        points: (animals, K, 3), x, y, confidence; a row of NaN for an animal that was not found.
    """
    grey = image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    mean, deviation = cv2.meanStdDev(grey)
    known = np.asarray(points[..., 2], np.float64)
    known = known[np.isfinite(known)]
    return Appearance(
        brightness=float(mean[0, 0]), contrast=float(deviation[0, 0]), confidence=float(known.mean()) if known.size else math.nan
    )


def differences(learnt: LearntImages, appearances: Sequence[Appearance]) -> tuple[str, ...]:
    """In what half of these images differ from those learnt from, a clause each; nothing where they resemble them, or are too few."""
    if len(appearances) < FEWEST:
        return ()
    found = []
    for name, (low, high), values in (
        ("mean grey level", learnt.brightness, [one.brightness for one in appearances]),
        ("contrast (standard deviation of the grey levels)", learnt.contrast, [one.contrast for one in appearances]),
    ):
        median = float(np.median(values))
        if not low <= median <= high:
            found.append(f"their {name} is {median:.0f}, where training had {low:.0f} to {high:.0f}, augmentation included")
    sure = float(np.median(np.nan_to_num([one.confidence for one in appearances])))
    if learnt.confidence is not None and sure < learnt.confidence:
        usual = f"where 95 % of the held-out images had more than {learnt.confidence:.2f}"
        found.append(f"in half of them the mean confidence is at most {sure:.2f}, {usual}")
    return tuple(found)


def unlike_learnt(about: Description, appearances: Sequence[Appearance]) -> str | None:
    """That these images do not resemble those that a bundle was trained on, and in what; None where they do.

    Args:
        about: of the bundle; one from before these figures were noted is never judged.
        appearances: of images, spread over what is to be judged.
    """
    found = differences(about.learnt, appearances) if about.learnt is not None else ()
    return f"the images do not resemble those that {about.name} was trained on: {'; '.join(found)}" if found else None
