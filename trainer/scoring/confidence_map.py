"""From raw confidences to chances: a monotone map for the graph, as detailed as the held-out frames can support."""

import math
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize  # type: ignore[import-untyped]

from tracker.bundle_description import distance_words
from trainer.labels.labelled_frames import LabelledFrames
from trainer.scoring.reliability import CLIP, Judged, Reliability, blocks_in_time, judge, reliability

Detail = Literal["each point", "all points", "offset", "unchanged"]

FEWEST = 30  # judged points for one number to be fitted
FEWEST_OF_A_KIND = 10  # right ones, and wrong ones, for two numbers to be fitted
FOLDS = 5  # blocks of time: a map is judged on those that it was not fitted on
# Few frames without an animal are ever labelled, and without them nothing holds a map down where the network says "absent":
# a flat one would then be confident of an empty cage. So each fit counts one absent point for every so many judged ones.
ABSENT_PER_POINT = 1 / 20
SCALE_SD, OFFSET_SD = 0.5, 1.0  # of the prior: log scale about 0, shift about 0; the raw confidence is a good first guess
RULE = (
    f"Rule: a map for each key point is tried where every one of them has at least {FEWEST_OF_A_KIND} right and {FEWEST_OF_A_KIND} wrong "
    f"points, one for all points where together they have as many, and an offset alone from {FEWEST} points on. The one with the lowest "
    f"log loss on blocks of time that it was not fitted on ({FOLDS} blocks in turn) is taken; where none is lower than that of the "
    "network's own confidence, this is kept. One absent point of raw confidence near 0 is counted for every 20 points, so that an "
    "empty frame stays improbable."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfidenceMap:
    """confidence = sigmoid(scale · logit(raw) + offset), key point by key point (Platt 1999, on logits).

    Attributes:
        scale: (K,), more than 0, so that the order of confidences is kept.
        offset: (K,).
        within_px: (K,), the map gives the chance that the error is at most this.
        detail: what was fitted.
        before: the raw confidence on the held-out frames.
        after: the map's, each block of time by a map fitted on the other blocks; equals `before` where nothing was changed.
    """

    scale: NDArray[np.float64]
    offset: NDArray[np.float64]
    within_px: NDArray[np.float64]
    detail: Detail
    before: Reliability
    after: Reliability

    @property
    def changes(self) -> bool:
        """Whether the map is any other than the identity."""
        return self.detail != "unchanged"

    def of(self, points: Judged) -> NDArray[np.float64]:
        """The map's confidence of points whose raw one is given: (m,)."""
        if not self.changes:
            return points.confidence
        return _sigmoid(self.scale[points.point] * logit(points.confidence) + self.offset[points.point])

    @property
    def sentence(self) -> str:
        """What was done, for people."""
        meaning = f"the chance that a point lies within {distance_words(self.within_px.tolist())} of its label"
        before, after = self.before, self.after
        if not before.points:
            return "No labelled frame was held out, so the network's own confidence is kept as it is; nothing says how often it is right."
        if not self.changes:
            return (
                f"The network's own confidence is kept: {before.points} held-out points show no map that would describe {meaning} "
                f"better (expected calibration error {before.error:.3f})."
            )
        fitted = {"each point": "two numbers for each key point", "all points": "two numbers for all key points together"}
        return (
            f"Confidence is {meaning}, by a map of {fitted.get(self.detail, 'one number, an offset')}, fitted on {before.points} held-out "
            f"points; on frames that the map was not fitted on, the expected calibration error is {after.error:.3f} ({before.error:.3f} "
            f"before), the log loss {after.log_loss:.3f} ({before.log_loss:.3f} before)."
        )

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "correct_within_px": self.within_px.tolist(),
            "detail": self.detail,
            "scale": self.scale.tolist(),
            "offset": self.offset.tolist(),
            "before": self.before.as_json(),
            "after": self.after.as_json(),
        }


def fit_confidence(predicted: NDArray[np.floating], frames: LabelledFrames, *, within_px: NDArray[np.float64]) -> ConfidenceMap:
    """Fit the map on frames that the network has not learnt from.

    Args:
        predicted: (n, A, K, 3), source pixels and raw confidence, animals and key points in the labels' order.
        frames: their labels; may be none at all.
        within_px: (K,), what counts as right for each key point.
    """
    count = len(frames.point_names)
    points = judge(predicted, frames, within_px=within_px)
    before = reliability(points.confidence, points.right, within_px=within_px)
    best = ConfidenceMap(
        scale=np.ones(count),
        offset=np.zeros(count),
        within_px=within_px,
        detail="unchanged",
        before=before,
        after=before,
    )
    block = blocks_in_time(frames, FOLDS)[points.frame]
    for detail in _supported(points, count):
        after = reliability(_on_blocks_left_out(points, block, detail, count=count), points.right, within_px=within_px)
        if after.log_loss < best.after.log_loss:
            scale, offset = _fit(points, detail, count=count)
            best = replace(best, scale=scale, offset=offset, detail=detail, after=after)
    return best


def on_frames_left_out(found: ConfidenceMap, points: Judged, frames: LabelledFrames) -> NDArray[np.float64]:
    """The confidence of points (m,), each by a map as detailed as the found one that was fitted on other blocks of time of these frames."""
    if not found.changes:
        return points.confidence
    block = blocks_in_time(frames, FOLDS)[points.frame]
    return _on_blocks_left_out(points, block, found.detail, count=len(frames.point_names))


def _supported(points: Judged, count: int) -> list[Detail]:
    """What the counts allow, most detailed first."""
    wrong = np.bincount(points.point[~points.right], minlength=count)
    right = np.bincount(points.point[points.right], minlength=count)
    details: list[Detail] = []
    if count > 1 and min(wrong.min(), right.min()) >= FEWEST_OF_A_KIND:
        details.append("each point")
    if min(wrong.sum(), right.sum()) >= FEWEST_OF_A_KIND:
        details.append("all points")
    if len(points.right) >= FEWEST:
        details.append("offset")
    return details


def _on_blocks_left_out(points: Judged, block: NDArray[np.int64], detail: Detail, *, count: int) -> NDArray[np.float64]:
    """Every point's confidence by a map fitted on the other blocks: (m,)."""
    mapped = np.empty(len(points.right))
    for one in np.unique(block):
        left_out = block == one
        scale, offset = _fit(_some(points, ~left_out), detail, count=count)
        where = points.point[left_out]
        mapped[left_out] = _sigmoid(scale[where] * logit(points.confidence[left_out]) + offset[where])
    return mapped


def _some(points: Judged, chosen: NDArray[np.bool_]) -> Judged:
    return Judged(confidence=points.confidence[chosen], right=points.right[chosen], point=points.point[chosen], frame=points.frame[chosen])


def _fit(points: Judged, detail: Detail, *, count: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Scale and offset (K,) of each key point."""
    if detail == "each point":
        each = [_fit_one(_some(points, points.point == point), with_scale=True) for point in range(count)]
        return np.array([scale for scale, _ in each]), np.array([offset for _, offset in each])
    scale, offset = _fit_one(points, with_scale=detail == "all points")
    return np.full(count, scale), np.full(count, offset)


def _fit_one(points: Judged, *, with_scale: bool) -> tuple[float, float]:
    """Most probable scale and offset, given the points, the absent ones and the prior.

    The map turns about the mean of the raw logits, so that a steeper one does not have to move the points' own mean as well:
    about 0, which is far from where a trained network's logits lie, the prior would hold the slope down.
    """
    own = logit(points.confidence)
    middle = float(own.mean()) if len(own) else 0.0
    raw = np.append(own, logit(np.zeros(1)))
    sign = np.append(np.where(points.right, 1.0, -1.0), -1.0)
    weight = np.append(np.ones(len(points.right)), max(1.0, len(points.right) * ABSENT_PER_POINT))

    def cost(values: NDArray[np.float64]) -> float:
        shift, log_scale = values[0], values[1] if with_scale else 0.0
        loss = np.logaddexp(0.0, -sign * (math.exp(log_scale) * (raw - middle) + middle + shift))
        return float((weight * loss).sum() + 0.5 * (shift / OFFSET_SD) ** 2 + 0.5 * (log_scale / SCALE_SD) ** 2)

    found = minimize(cost, np.zeros(2 if with_scale else 1), method="BFGS").x
    scale = math.exp(found[1]) if with_scale else 1.0
    return scale, float(middle * (1 - scale) + found[0])


def logit(confidence: NDArray[np.float64]) -> NDArray[np.float64]:
    """log(c / (1 - c)), with c kept CLIP away from 0 and 1."""
    clipped = np.clip(confidence, CLIP, 1 - CLIP)
    return np.log(clipped) - np.log1p(-clipped)


def _sigmoid(value: NDArray[np.float64]) -> NDArray[np.float64]:
    return 1.0 / (1.0 + np.exp(-value))
