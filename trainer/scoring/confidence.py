"""Is a confidence the chance of being right? Measured against labels, and made so by a map fitted on frames held out.

A point is right when it lies within `limit_px` of its label. A point that was labelled as out of sight is never right, whatever
was answered; one that was not labelled says nothing.
"""

import json
import logging
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.labels.labelled_frames import LabelledFrames
from trainer.scoring.breakdown import in_time

logger = logging.getLogger(__name__)

BINS = 10
# An annotator who labels again is off by 2 to 3 px on a mouse of 120 px; twice that is where an answer stops being as good as
# a label. As a share of the animal the rule holds for any camera.
SHARE_OF_ANIMAL = 0.05
LIMIT_PX = 5.0  # where an animal has one point, and so no size
CLIP = 1e-3  # a confidence is taken as no closer to 0 or 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """Points that labels can judge, one entry each.

    Attributes:
        confidence: (m,), 0..1.
        right: (m,).
        point: int64 (m,), which key point.
        frame: int64 (m,).
    """

    confidence: NDArray[np.float64]
    right: NDArray[np.bool_]
    point: NDArray[np.int64]
    frame: NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reliability:
    """How often points of a given confidence are right.

    Attributes:
        limit_px: what counts as right.
        count: int64 (BINS,), points whose confidence lies in each tenth of 0..1.
        confidence: (BINS,), their mean confidence, NaN where there are none.
        right: (BINS,), the share of them that is right, NaN where there are none.
        error: expected calibration error, the mean of |confidence - right| over the bins, weighted by count (Naeini et al. 2015).
        brier: mean squared difference between confidence and being right.
        log_loss: mean of -log of the chance given to what happened.
    """

    limit_px: float
    count: NDArray[np.int64]
    confidence: NDArray[np.float64]
    right: NDArray[np.float64]
    error: float
    brier: float
    log_loss: float

    @property
    def points(self) -> int:
        """How many points were judged."""
        return int(self.count.sum())

    def as_json(self) -> dict[str, Any]:
        """For programs; null where there is nothing."""
        return {
            "limit_px": self.limit_px,
            "points": self.points,
            "expected_calibration_error": _finite(self.error),
            "brier": _finite(self.brier),
            "log_loss": _finite(self.log_loss),
            "bins": [
                {"from": i / BINS, "to": (i + 1) / BINS, "points": int(self.count[i]), "confidence": _finite(c), "right": _finite(r)}
                for i, (c, r) in enumerate(zip(self.confidence.tolist(), self.right.tolist(), strict=True))
            ],
        }


def error_limit_px(frames: LabelledFrames) -> float:
    """What counts as right: a twentieth of the animal, to a tenth of a pixel; LIMIT_PX where it has no size.

    An animal's size is the diagonal of the box around its labelled points; the median over the animals whose points are all labelled.
    """
    points = frames.points.reshape(-1, *frames.points.shape[2:])
    whole = points[~np.isnan(points).any(axis=(1, 2))]
    if not len(whole) or points.shape[1] < 2:
        return LIMIT_PX
    size = float(np.median(np.linalg.norm(np.ptp(whole, axis=1), axis=1)))
    return max(round(SHARE_OF_ANIMAL * size, 1), 0.1) if size > 0 else LIMIT_PX


def judge(predicted: NDArray[np.floating], frames: LabelledFrames, *, limit_px: float) -> Judged:
    """Every point of which a label says whether it is right.

    Args:
        predicted: (n, A, K, 3), source pixels and confidence; animals in the labels' order, NaN for one that was not found.
        frames: labels, their key points in the same order.
        limit_px: what counts as right.
    """
    distance = np.linalg.norm(predicted[..., :2] - frames.points, axis=-1)
    frame, animal, point = np.nonzero((~np.isnan(distance) | frames.hidden) & np.isfinite(predicted[..., 2]))
    with np.errstate(invalid="ignore"):
        right = (distance <= limit_px) & ~frames.hidden
    return Judged(
        confidence=np.clip(predicted[frame, animal, point, 2].astype(np.float64), 0.0, 1.0),
        right=right[frame, animal, point],
        point=point,
        frame=frame,
    )


def reliability(confidence: NDArray[np.float64], right: NDArray[np.bool_], *, limit_px: float) -> Reliability:
    """Compare confidences (m,) with what turned out right (m,)."""
    place = np.minimum((confidence * BINS).astype(np.int64), BINS - 1)
    count = np.bincount(place, minlength=BINS)
    some = np.where(count > 0, count, np.nan)
    mean = np.bincount(place, confidence, minlength=BINS) / some
    share = np.bincount(place, right.astype(np.float64), minlength=BINS) / some
    total = max(len(confidence), 1)
    return Reliability(
        limit_px=limit_px,
        count=count.astype(np.int64),
        confidence=mean,
        right=share,
        error=float(np.nansum(np.abs(mean - share) * count) / total) if len(confidence) else math.nan,
        brier=float(np.mean((confidence - right) ** 2)) if len(confidence) else math.nan,
        log_loss=log_loss(confidence, right) if len(confidence) else math.nan,
    )


def log_loss(confidence: NDArray[np.float64], right: NDArray[np.bool_]) -> float:
    """Mean of -log of the chance given to what happened; confidences are clipped at CLIP."""
    chance = np.clip(confidence, CLIP, 1 - CLIP)
    return float(-np.mean(np.where(right, np.log(chance), np.log1p(-chance))))


def blocks_in_time(frames: LabelledFrames, count: int) -> NDArray[np.int64]:
    """The block of time that each frame falls into, 0 .. count - 1: int64 (n,)."""
    order = np.concatenate(in_time(frames.group, frames.order)) if len(frames) else np.zeros(0, np.int64)
    block = np.zeros(len(frames), np.int64)
    block[order] = np.arange(len(order)) * count // max(len(order), 1)
    return block


def stated_limit_px(figures: Path) -> float | None:
    """What counts as right for a bundle's confidence, from the `metrics.json` beside it; None where it says nothing of it."""
    try:
        said = json.loads(figures.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as problem:
        logger.warning("%s cannot be read, so what the confidence means is guessed: %s", figures, problem)
        return None
    calibration = said.get("calibration") if isinstance(said, dict) else None
    limit = calibration.get("limit_px") if isinstance(calibration, dict) else None
    return float(limit) if isinstance(limit, int | float) and limit > 0 else None


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
