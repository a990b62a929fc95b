"""Is a confidence the chance of being right? Measured against labels, and made so by a map fitted on frames held out.

A point is right when it lies within its radius of its label (`trainer.scoring.correct_radius`). A point that was labelled as out of
sight is never right, whatever was answered; one that was not labelled says nothing.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.labels.labelled_frames import LabelledFrames
from trainer.scoring.breakdown import in_time

BINS = 10
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
        within_px: (K,), what counts as right for each key point.
        count: int64 (BINS,), points whose confidence lies in each tenth of 0..1.
        confidence: (BINS,), their mean confidence, NaN where there are none.
        right: (BINS,), the share of them that is right, NaN where there are none.
        error: expected calibration error, the mean of |confidence - right| over the bins, weighted by count (Naeini et al. 2015).
        brier: mean squared difference between confidence and being right.
        log_loss: mean of -log of the chance given to what happened.
    """

    within_px: NDArray[np.float64]
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
            "correct_within_px": self.within_px.tolist(),
            "points": self.points,
            "expected_calibration_error": _finite(self.error),
            "brier": _finite(self.brier),
            "log_loss": _finite(self.log_loss),
            "bins": [
                {"from": i / BINS, "to": (i + 1) / BINS, "points": int(self.count[i]), "confidence": _finite(c), "right": _finite(r)}
                for i, (c, r) in enumerate(zip(self.confidence.tolist(), self.right.tolist(), strict=True))
            ],
        }


def judge(predicted: NDArray[np.floating], frames: LabelledFrames, *, within_px: NDArray[np.float64]) -> Judged:
    """Every point of which a label says whether it is right.

    Args:
        predicted: (n, A, K, 3), source pixels and confidence; animals in the labels' order, NaN for one that was not found.
        frames: labels, their key points in the same order.
        within_px: (K,), what counts as right.
    """
    distance = np.linalg.norm(predicted[..., :2] - frames.points, axis=-1)
    frame, animal, point = np.nonzero((~np.isnan(distance) | frames.hidden) & np.isfinite(predicted[..., 2]))
    with np.errstate(invalid="ignore"):
        right = (distance <= within_px) & ~frames.hidden
    return Judged(
        confidence=np.clip(predicted[frame, animal, point, 2].astype(np.float64), 0.0, 1.0),
        right=right[frame, animal, point],
        point=point,
        frame=frame,
    )


def reliability(confidence: NDArray[np.float64], right: NDArray[np.bool_], *, within_px: NDArray[np.float64]) -> Reliability:
    """Compare confidences (m,) with what turned out right (m,)."""
    place = np.minimum((confidence * BINS).astype(np.int64), BINS - 1)
    count = np.bincount(place, minlength=BINS)
    some = np.where(count > 0, count, np.nan)
    mean = np.bincount(place, confidence, minlength=BINS) / some
    share = np.bincount(place, right.astype(np.float64), minlength=BINS) / some
    total = max(len(confidence), 1)
    return Reliability(
        within_px=within_px,
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


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
