"""Does what a camera shows resemble what a network has learnt from? By light, contrast and sureness, or by what poses are like. Pure."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.bundle_description import Description, LearntImages, LearntPoses
from tracker.frame import Image
from tracker.pose import KeyPoints

RETRAIN = (
    "if an animal is in sight, label frames of this set-up (`trainer select --by uncertainty`) and train on with `trainer fit --refresh`"
)
RETRAIN_CLASSIFIER = "mend the light, or label videos of this set-up and train again with `trainer fit --task behaviour`"
RETRAIN_POSES = (
    "if an animal is in sight, put the camera as it was, or label videos of this set-up and train again with `trainer fit --task behaviour`"
)
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


@dataclass(frozen=True, slots=True, kw_only=True)
class PoseAppearance:
    """What animals are like in some frames, float64 (frames, animals) each.

    Attributes:
        length_px: the largest distance between two points of an animal that are seen; NaN where fewer are.
        seen: share of its points that are seen.
        speed_px_s: of the mean of its seen points, to the animal that is nearest in the next frame; NaN where none is.
    """

    length_px: NDArray[np.float64]
    seen: NDArray[np.float64]
    speed_px_s: NDArray[np.float64]


def pose_appearance(
    poses: NDArray[np.float32], following: NDArray[np.float32], seconds: NDArray[np.floating], *, least_confidence: float
) -> PoseAppearance:
    """Measure the poses of some frames. Exchanging the animals of a frame changes nothing but their order.

    Args:
        poses: (frames, animals, K, 3), x and y in source pixels, and confidence; NaN where a point is absent.
        following: the same of the frame after each.
        seconds: (frames,), between the two.
        least_confidence: a point below is absent.
    """
    places = _seen_places(poses, least_confidence)
    there = np.isfinite(places[..., 0])
    squared = np.full(there.shape[:2], -np.inf)
    for one in range(places.shape[2] - 1):
        far = ((places[:, :, one + 1 :] - places[:, :, one, None]) ** 2).sum(axis=-1)
        squared = np.maximum(squared, np.where(np.isfinite(far), far, -np.inf).max(axis=-1))
    moved = _centres(places)[:, :, None] - _centres(_seen_places(following, least_confidence))[:, None]
    nearest = np.where(np.isfinite(moved).all(axis=-1), np.hypot(moved[..., 0], moved[..., 1]), np.inf).min(axis=-1)
    passed = np.asarray(seconds, np.float64)[:, None]
    known = np.isfinite(nearest) & (passed > 0)
    return PoseAppearance(
        length_px=np.sqrt(squared, out=np.full(squared.shape, np.nan), where=np.isfinite(squared)),
        seen=there.mean(axis=-1),
        speed_px_s=np.divide(nearest, passed, out=np.full(nearest.shape, np.nan), where=known),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class PoseMedians:
    """Medians over animals and frames; NaN for what is known of none."""

    length_px: float
    seen: float
    speed_px_s: float


def pose_medians(found: PoseAppearance) -> PoseMedians:
    """Of at least one frame with an animal's row."""
    return PoseMedians(length_px=_median(found.length_px), seen=_median(found.seen), speed_px_s=_median(found.speed_px_s))


def pose_differences(learnt: LearntPoses, found: PoseAppearance) -> tuple[str, ...]:
    """In what half of these poses differ from those learnt from, a clause each; nothing where they resemble them, or are too few."""
    if len(found.seen) < FEWEST:
        return ()
    medians, said = pose_medians(found), []
    if learnt.length_px is not None and not math.isnan(medians.length_px):
        low, high = learnt.length_px
        if not low <= medians.length_px <= high:
            said.append(f"an animal is {medians.length_px:.0f} px long, where training had {low:.0f} to {high:.0f}")
    if medians.seen < learnt.seen:
        said.append(
            f"in half of them at most {medians.seen:.0%} of its points are seen, where 99 % of training had {learnt.seen:.0%} or more"
        )
    if learnt.speed_px_s is not None and medians.speed_px_s > learnt.speed_px_s:
        usual = f"where 99 % of training had at most {learnt.speed_px_s:.0f}"
        said.append(f"in half of them it moves by {medians.speed_px_s:.0f} px/s or more, {usual}")
    return tuple(said)


def unlike_learnt_poses(about: Description, found: PoseAppearance) -> str | None:
    """That these poses do not resemble those that a bundle was trained on, and in what; None where they do, or where it notes nothing."""
    said = pose_differences(about.learnt_poses, found) if about.learnt_poses is not None else ()
    return f"the poses do not resemble those that {about.name} was trained on: {'; '.join(said)}" if said else None


def _seen_places(poses: NDArray[np.float32], least_confidence: float) -> NDArray[np.float64]:
    """(frames, animals, K, 2), NaN where a point is absent; a comparison with NaN is false."""
    there = np.isfinite(poses).all(axis=-1) & (poses[..., 2] >= least_confidence)
    return np.asarray(np.where(there[..., None], poses[..., :2], np.nan), np.float64)


def _centres(places: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean of the seen points, (frames, animals, 2); NaN where there is none."""
    count = np.isfinite(places[..., :1]).sum(axis=-2)
    total = np.nansum(places, axis=-2)
    return np.asarray(np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0))


def _median(values: NDArray[np.float64]) -> float:
    known = values[np.isfinite(values)]
    return float(np.median(known)) if known.size else math.nan
