"""What confidences of held-out points are worth: are they the chance of being right, and lower where a point is out of sight?"""

import math

import numpy as np
from numpy.typing import NDArray

from trainer.scoring.evaluation import Evaluation
from trainer.scoring.hidden_points import Absence, absence
from trainer.scoring.measurements import ConfidenceMeasure
from trainer.scoring.reliability import BINS, Judged, judge, reliability

DRAWS = 1000
BY_CHANCE = 0.99  # of the draws have a smaller calibration error: of a hundred good trainings one is doubted
FEWEST_OF_A_KIND = 5  # labels of a point that is seen, and of the same out of sight; the order of fewer is chance


def measure_confidence(scored: Evaluation, *, within_px: NDArray[np.float64]) -> ConfidenceMeasure | None:
    """Compare confidences with labels that were not learnt from; None where no label judges one.

    Args:
        scored: answers for frames held out.
        within_px: (K,), what counts as right.
    """
    judged = judge(scored.predicted, scored.frames, within_px=within_px)
    if not len(judged.right):
        return None
    hidden = min((one for one in absence(scored.predicted, scored.frames)[1:] if _enough(one)), key=lambda one: one.auc, default=None)
    return ConfidenceMeasure(
        points=len(judged.right),
        error=reliability(judged.confidence, judged.right, within_px=within_px).error,
        by_chance=error_by_chance(judged),
        of_right=_mean(judged.confidence[judged.right]),
        of_wrong=_mean(judged.confidence[~judged.right]),
        hidden=hidden.name if hidden is not None else None,
        auc=hidden.auc if hidden is not None else math.nan,
        auc_error=auc_error(hidden.auc, hidden.present, hidden.absent) if hidden is not None else math.nan,
    )


def error_by_chance(judged: Judged) -> float:
    """The calibration error that chance alone exceeds where every confidence is exact (consistency resampling, Bröcker and Smith 2007).

    In each draw every point is right with the chance that its confidence states. Points of one frame are right and wrong together, as
    far as their confidences allow: taken for independent, four points of one lost frame would count as four proofs.
    """
    rng = np.random.default_rng(0)
    frame = np.unique(judged.frame, return_inverse=True)[1]
    place = np.minimum((judged.confidence * BINS).astype(np.int64), BINS - 1)
    errors = np.empty(DRAWS)
    for draw in range(DRAWS):
        right = rng.random(int(frame.max()) + 1)[frame] < judged.confidence
        errors[draw] = np.abs(np.bincount(place, judged.confidence - right, minlength=BINS)).sum() / len(frame)
    return float(np.quantile(errors, BY_CHANCE))


def auc_error(auc: float, larger: int, smaller: int) -> float:
    """Standard error of the area under the ROC curve of so many of each kind (Hanley and McNeil 1982)."""
    both_larger, both_smaller = auc / (2 - auc), 2 * auc**2 / (1 + auc)
    variance = auc * (1 - auc) + (larger - 1) * (both_larger - auc**2) + (smaller - 1) * (both_smaller - auc**2)
    return math.sqrt(max(0.0, variance) / (larger * smaller))


def _enough(one: Absence) -> bool:
    return min(one.present, one.absent) >= FEWEST_OF_A_KIND


def _mean(values: NDArray[np.float64]) -> float:
    return float(values.mean()) if len(values) else math.nan
