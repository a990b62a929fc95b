"""Does confidence tell a point that is there from one that is not? Measured where labels say that a point is out of sight."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata  # type: ignore[import-untyped]

from trainer.labels.labelled_frames import LabelledFrames

SURE = 0.5  # an absent point above this is found by a rule with the usual threshold


@dataclass(frozen=True, slots=True, kw_only=True)
class Absence:
    """One key point, or all of them.

    Attributes:
        name: "all points", or the key point's.
        present: how many labels say where it is.
        absent: how many say that it is out of sight.
        auc: chance that a present point is surer than an absent one (area under the ROC curve, by ranks: Mann and Whitney 1947),
            NaN where one kind is missing.
        present_confidence: mean over the present ones, NaN where there are none.
        absent_confidence: mean over the absent ones, NaN where there are none.
        sure: absent ones with a confidence above `SURE`.
    """

    name: str
    present: int
    absent: int
    auc: float
    present_confidence: float
    absent_confidence: float
    sure: int

    def as_json(self) -> dict[str, Any]:
        """For programs; null where there is nothing."""
        return {
            "point": self.name,
            "present": self.present,
            "absent": self.absent,
            "auc": _finite(self.auc),
            "present_confidence": _finite(self.present_confidence),
            "absent_confidence": _finite(self.absent_confidence),
            "absent_above_half": self.sure,
        }


def absence(predicted: NDArray[np.floating], frames: LabelledFrames) -> tuple[Absence, ...]:
    """All points together, then each that is ever out of sight; empty where no label says so of any.

    Args:
        predicted: (n, A, K, 3), source pixels and confidence; animals in the labels' order, NaN for one that was not found.
        frames: labels, their key points in the same order.
    """
    confidence = np.nan_to_num(np.asarray(predicted[..., 2], np.float64))  # an animal that was not found is not sure of its points
    present, absent = np.asarray(~np.isnan(frames.points).any(axis=-1), bool), frames.hidden
    if not absent.any():
        return ()
    every = [_judge("all points", confidence[present], confidence[absent])]
    for point, name in enumerate(frames.point_names):
        if absent[..., point].any():
            of_point = confidence[..., point]
            every.append(_judge(name, of_point[present[..., point]], of_point[absent[..., point]]))
    return tuple(every)


def _judge(name: str, present: NDArray[np.float64], absent: NDArray[np.float64]) -> Absence:
    return Absence(
        name=name,
        present=len(present),
        absent=len(absent),
        auc=auc(present, absent),
        present_confidence=float(present.mean()) if len(present) else math.nan,
        absent_confidence=float(absent.mean()) if len(absent) else math.nan,
        sure=int((absent > SURE).sum()),
    )


def auc(larger: NDArray[np.float64], smaller: NDArray[np.float64]) -> float:
    """Share of pairs in which the first is larger, ties counting half; NaN where one of the two is empty."""
    if not len(larger) or not len(smaller):
        return math.nan
    ranks = rankdata(np.concatenate([larger, smaller]))[: len(larger)]
    return float((ranks.sum() - len(larger) * (len(larger) + 1) / 2) / (len(larger) * len(smaller)))


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
