"""Exposure, contrast of the animal to the background, focus, and likeness to the training. Pure: pictures in, numbers and a sentence out.

The limits are choices, made so that usual rigs pass; docs/check.md gives each with its reason.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.bundle_description import Description
from tracker.check.result import CheckResult, Measured, judged, unjudged
from tracker.frame import Image
from tracker.pose import KeyPoints
from tracker.resemblance import FEWEST, RETRAIN, RETRAIN_CLASSIFIER, Appearance, differences

CLIPPED_FROM, DARK_TO = 254, 1  # grey levels in which light or shade has lost its detail
SEEN_FROM = 0.3  # confidence of a key point
_TYPICAL = 1.2533  # standard deviation over mean absolute deviation, of normal noise
_SCALES_PX = ((0.0, 1.0), (1.0, 2.0), (2.0, 4.0))
_EDGE_SHARE = 0.01  # of the pixels: those with the steepest slopes
_STILL_SHARE = 0.25  # of the frames: an animal that is in one place for longer may be part of the background

Grey = NDArray[np.float32]  # (h, w), 0..255


@dataclass(frozen=True, slots=True, kw_only=True)
class Background:
    """What does not move.

    Attributes:
        image: float32 (h, w), median over the pictures, each in grey.
        noise: standard deviation of a pixel over time in grey levels, None for a single picture.
        pictures: how many.
    """

    image: Grey
    noise: float | None
    pictures: int


def grey(image: Image) -> Image:
    """Luminance: uint8 (h, w)."""
    return image if image.ndim == 2 else np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), np.uint8)


def background_of(pictures: list[Image]) -> Background:
    """Median of the pictures; noise is the median over pixels of their mean absolute deviation from it, so that an animal hardly counts."""
    stack = np.stack([grey(picture) for picture in pictures])
    median = np.median(stack, axis=0).astype(np.float32)
    if len(pictures) < 3:
        return Background(image=median, noise=None, pictures=len(pictures))
    deviation = np.zeros_like(median)
    for picture in stack:
        deviation += np.abs(picture - median)
    return Background(image=median, noise=float(_TYPICAL * np.median(deviation / len(stack))), pictures=len(pictures))


def histogram(pictures: list[Image]) -> NDArray[np.int64]:
    """How often each grey level occurs, all channels together: int64 (256,)."""
    return np.asarray(np.sum([np.bincount(picture.reshape(-1), minlength=256) for picture in pictures], axis=0), np.int64)


def resemblance(about: Description, appearances: Sequence[Appearance], *, classifier: str | None = None) -> CheckResult:
    """Whether the pictures and the engine's confidence are like those of the training.

    Args:
        about: of the network.
        appearances: of what it takes of the pictures, with its answers.
        classifier: its name; None for the network that finds key points.
    """
    check = "resemblance" if classifier is None else f"resemblance of {classifier}"
    if about.learnt is None:
        return unjudged(check, f"not judged: {about.name} does not say what its training images looked like")
    if len(appearances) < FEWEST:
        return unjudged(check, f"not judged: it takes {FEWEST} pictures, {len(appearances)} came")
    brightness, contrast = (
        float(np.median(values)) for values in zip(*((one.brightness, one.contrast) for one in appearances), strict=True)
    )
    confidence = float(np.median(np.nan_to_num([one.confidence for one in appearances])))
    (dim, bright), (flat, hard), usual = about.learnt.brightness, about.learnt.contrast, about.learnt.confidence
    found = (
        f"medians: mean grey level {brightness:.0f} ({dim:.0f} to {bright:.0f} learnt from), contrast {contrast:.0f} "
        f"({flat:.0f} to {hard:.0f})"
    )
    measured = {"brightness": brightness, "contrast": contrast}
    if classifier is None:
        found += f", mean confidence {confidence:.2f}" + (f" (usually above {usual:.2f})" if usual is not None else "")
        measured["confidence"] = confidence
    unlike = differences(about.learnt, appearances)
    do = RETRAIN if classifier is None else RETRAIN_CLASSIFIER
    return judged(check, found, measured, warn=f"unlike what {about.name} was trained on: {do}" if unlike else None)


def exposure(pictures: list[Image]) -> CheckResult:
    """Whether grey levels are lost at either end, or most are left unused."""
    counts = histogram(pictures)
    share = counts / counts.sum()
    clipped, dark = 100 * float(share[CLIPPED_FROM:].sum()), 100 * float(share[: DARK_TO + 1].sum())
    below = np.cumsum(share)
    low, high = (int(np.searchsorted(below, quantile)) for quantile in (0.01, 0.99))
    present = np.flatnonzero(counts)
    found = f"98 % of the pixels lie between grey level {low} and {high}; {clipped:.1f} % are clipped, {dark:.1f} % are black"
    bad = warn = None
    if present[-1] - present[0] <= 2:
        bad = "the picture is blank: take the lens cap off, switch the light on, or open the iris"
    elif clipped > 5:
        warn = "shorten the exposure, or lower gain or light, unless what is clipped is a bright ground behind a dark animal"
    elif dark > 50:
        warn = "lengthen the exposure, or add light, unless the ground is meant to be black"
    elif high - low < 50:
        warn = "few of the 256 grey levels are used: lengthen the exposure or add light"
    measured = {"clipped_percent": round(clipped, 3), "dark_percent": round(dark, 3), "low": low, "high": high}
    return judged("exposure", found, measured, bad=bad, warn=warn)


def contrast(pictures: list[Image], poses: list[KeyPoints], background: Background) -> CheckResult:
    """How far the animal stands out from the background, where the engine finds it.

    At each key point seen, the mean |picture - background| in a disc of a tenth of the animal's extent; the median over points,
    then over pictures. Pictures in which the animal is where it is in a quarter of all are left out: there it may itself be in
    the median.

    Args:
        pictures: uint8.
        poses: of each of them, float32 (animals, K, 3).
        background: of them.
    """
    seen = [(grey(picture), points) for picture, points in zip(pictures, map(_most_certain, poses), strict=True) if points is not None]
    if not seen:
        best = max((float(np.nan_to_num(pose[..., 2]).max()) for pose in poses if pose.size), default=0.0)
        why = f"the engine finds no animal (highest confidence {best:.2f}); put one in and look again"
        return unjudged("contrast", why, highest_confidence=round(best, 3))
    centres = np.array([points.mean(axis=0) for _, points in seen])
    extent = float(np.median([max(10.0, float(np.hypot(*np.ptp(points, axis=0)))) for _, points in seen]))
    apart = np.hypot(*(centres[:, None] - centres[None]).transpose(2, 0, 1))
    moving = (apart < extent / 2).mean(axis=1) <= max(_STILL_SHARE, 1.5 / len(seen))
    if moving.sum() < 3 or background.noise is None:
        why = "the animal hardly moved, so that it is part of the background; look again while it walks, or for longer (--seconds 60)"
        return unjudged("contrast", why, pictures_with_animal=len(seen), pictures_used=int(moving.sum()))
    radius = max(1, round(extent / 10))
    levels = float(
        np.median(
            [_stands_out(picture, points, background.image, radius) for use, (picture, points) in zip(moving, seen, strict=True) if use]
        )
    )
    times = levels / max(background.noise, 0.1)
    found = f"the animal differs from the background by {levels:.0f} grey levels, {times:.0f} times the noise of {background.noise:.1f}"
    bad = warn = None
    if levels < 5 or times < 2:
        bad = "it can hardly be told from it: change the light or the ground"
    elif levels < 20 or times < 5:
        warn = "more light, or a ground of another brightness, would make tracking surer"
    measured = {"grey_levels": round(levels, 2), "noise": round(background.noise, 3), "pictures_used": int(moving.sum())}
    return judged("contrast", found, measured, bad=bad, warn=warn)


def focus(background: Background) -> CheckResult:
    """How sharp the fixed parts of the scene are, from the variance of the Laplacian.

    That variance alone depends on the scene. So it is taken around the steepest edges at two scales, that is, after blurring by
    Gaussians of a and b px: for straight edges that are themselves blurred by a Gaussian of s px the two stand as
    ((s^2 + a^2) / (s^2 + b^2))^(3/2), which gives s. The part of noise is subtracted from both. The finest of three pairs of
    scales is used at which edges stand out from noise.
    """
    image = background.image
    if min(image.shape) < 32:
        return unjudged("focus", "the picture is too small to judge its focus")
    noise = (background.noise or 0.0) ** 2 * np.pi / 2 / background.pictures + 1 / 12  # of the median, and of whole grey levels
    variance = _laplacian_variance(image, 0.0, 1.0)
    measured: dict[str, Measured] = {"laplacian_variance": round(variance, 2)}
    blur = next((width for scales in _SCALES_PX if (width := _blur_of(image, noise, *scales)) is not None), None)
    if blur is None:
        return unjudged(
            "focus", "the background has no edge sharp enough to judge the focus by; put a printed page where the animal walks", **measured
        )
    found = f"edges of the background are blurred by about {blur:.1f} px (variance of the Laplacian {variance:.0f})"
    bad = warn = None
    if blur > 6:
        bad = "turn the focus ring until this figure is smallest"
    elif blur > 2.5:
        warn = "if the picture can be sharper, turn the focus ring until this figure is smallest"
    return judged("focus", found, measured | {"blur_px": round(blur, 2)}, bad=bad, warn=warn)


def _blur_of(image: Grey, noise: float, fine: float, coarse: float) -> float | None:
    """Width of edges in px (standard deviation of a Gaussian), None where these two scales cannot tell.

    Args:
        image: float32 (h, w).
        noise: variance of white noise in it.
        fine: the smaller scale in px.
        coarse: the larger one.
    """
    at_fine = _laplacian_variance(image, fine, coarse) - noise * _noise_gain(fine)
    at_coarse = _laplacian_variance(image, coarse, coarse) - noise * _noise_gain(coarse)
    if at_fine < 2 * noise * _noise_gain(fine) or at_coarse <= 0:
        return None
    ratio = (at_coarse / at_fine) ** (2 / 3)
    square = (ratio * coarse**2 - fine**2) / (1 - ratio) if ratio < 1 else np.inf
    return float(np.sqrt(max(square, 0.0))) if square < (2 * coarse) ** 2 else None


def _laplacian_variance(image: Grey, scale: float, coarse: float) -> float:
    """Mean square of the Laplacian at a scale, around the pixels with the steepest slopes at the coarser scale."""
    smooth = _smooth(image, coarse)
    steep = np.hypot(cv2.Sobel(smooth, cv2.CV_32F, 1, 0), cv2.Sobel(smooth, cv2.CV_32F, 0, 1))
    edge = np.zeros(image.shape, np.uint8)
    edge[8:-8, 8:-8] = steep[8:-8, 8:-8] > np.quantile(steep[8:-8, 8:-8], 1 - _EDGE_SHARE)
    reach = 2 * round(4 * coarse) + 1
    around = cv2.dilate(edge, np.ones((reach, reach), np.uint8)) > 0
    if not around.any():  # all of one grey level
        return 0.0
    return float((cv2.Laplacian(_smooth(image, scale), cv2.CV_32F)[around] ** 2).mean())


def _noise_gain(scale: float) -> float:
    """Variance of the Laplacian, at a scale, of white noise of variance 1."""
    impulse = np.zeros((81, 81), np.float32)
    impulse[40, 40] = 1
    return float((cv2.Laplacian(_smooth(impulse, scale), cv2.CV_32F) ** 2).sum())


def _smooth(image: Grey, scale: float) -> Grey:
    return np.asarray(cv2.GaussianBlur(image, (0, 0), scale), np.float32) if scale else image


def _most_certain(pose: KeyPoints) -> NDArray[np.float32] | None:
    """The points seen of the animal with the highest mean confidence: float32 (n, 2)."""
    if not pose.size:
        return None
    animal = pose[int(np.nan_to_num(pose[..., 2]).mean(axis=1).argmax())]
    points = animal[np.nan_to_num(animal[:, 2]) >= SEEN_FROM, :2]
    return points if len(points) and np.isfinite(points).all() else None


def _stands_out(picture: Image, points: NDArray[np.float32], background: Grey, radius: int) -> float:
    height, width = picture.shape
    values = []
    for x, y in points:
        column, row = round(float(x)), round(float(y))
        left, top = max(0, column - radius), max(0, row - radius)
        right, bottom = min(width, column + radius + 1), min(height, row + radius + 1)
        if left >= right or top >= bottom:
            continue
        rows, columns = np.ogrid[top:bottom, left:right]
        inside = (rows - row) ** 2 + (columns - column) ** 2 <= radius**2
        values.append(float(np.abs(picture[top:bottom, left:right] - background[top:bottom, left:right])[inside].mean()))
    return float(np.median(values)) if values else 0.0
