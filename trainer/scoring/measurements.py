"""A training in plain numbers, which is all that its verdict is made from: `measure` fills them in, `verdict` judges."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from trainer.scoring.label_faults import Exchange, OtherNames, Suspect

BORDER_PX = 8.0  # a label so near an edge of the image is at its border
KNOWN_SHARE = 0.9  # of the frames learnt from: labels may have been excluded since
FEWEST_LEARNT = 10  # frames learnt from among others: errors on fewer say nothing of all that were learnt from


@dataclass(frozen=True, slots=True, kw_only=True)
class PointMeasure:
    """One key point; NaN for what nothing was labelled for.

    Attributes:
        name: its own.
        learnt: training labels.
        hidden: training labels that say it is out of sight.
        scored: held-out labels.
        median_px, mean_px: of the held-out errors.
        train_median_px: of the training errors.
        bias_px: (x, y), median of answer minus label.
        bias_error_px: standard error of that median, along the worse axis.
        median_error_px: standard error of the median of the held-out errors.
        border: held-out labels at the image's border.
        border_median_px: error there.
        inner_median_px: error of the other held-out labels.
        radius_px: what counts as right.
        seen_px: source pixels that one pixel of the network's picture stands for; NaN where not known.
    """

    name: str
    learnt: int
    hidden: int = 0
    scored: int = 0
    median_px: float = math.nan
    mean_px: float = math.nan
    train_median_px: float = math.nan
    bias_px: tuple[float, float] = (math.nan, math.nan)
    bias_error_px: float = math.nan
    median_error_px: float = math.nan
    border: int = 0
    border_median_px: float = math.nan
    inner_median_px: float = math.nan
    radius_px: float = math.nan
    seen_px: float = math.nan


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupMeasure:
    """One video or animal of the held-out frames.

    Attributes:
        name: its own.
        learnt: its frames that were learnt from.
        scored: its frames that were held out.
        median_px: of their errors.
        lost: share of their labelled points farther off than `FAR_RADII` of what counts as right.
    """

    name: str
    learnt: int
    scored: int
    median_px: float
    lost: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class EmptyScene:
    """The surest answer for a video's scene without its animal: of which video and point, and how sure."""

    group: str
    point: str
    confidence: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfidenceMeasure:
    """What the confidences of held-out points are worth.

    Attributes:
        points: how many labels can judge, those that say a point is out of sight among them.
        error: expected calibration error.
        by_chance: what it exceeds in one of a hundred draws where every confidence is exactly the chance of being right.
        of_right: mean confidence of the points that are right; NaN without any.
        of_wrong: the same of those that are not.
        hidden: the point whose absence is told worst; None where too few labels say that one is out of sight.
        auc: of that point, the chance that it is surer where it is seen than where it is not; NaN where there is none.
        auc_error: standard error of that.
    """

    points: int
    error: float
    by_chance: float
    of_right: float = math.nan
    of_wrong: float = math.nan
    hidden: str | None = None
    auc: float = math.nan
    auc_error: float = math.nan


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurements:
    """A training in numbers. Errors are in source pixels; NaN for what does not exist.

    Attributes:
        learnt: frames learnt from.
        looked_at: those of them whose labels are here, so that errors on them are known; None for all.
        scored: frames held out that have a label.
        right: those of them on which at least half of the labelled points lie within what counts as right.
        train_median_px: of the errors on frames learnt from.
        median_px, mean_px: of those on held-out frames.
        train_mean_px: mean of those on frames learnt from.
        train_lost: as `lost` of a `GroupMeasure`, of frames learnt from.
        baseline_px: what always answering the mean position costs on the held-out frames, or else on those learnt from.
        radius_px: what counts as right, mean over the key points.
        floor_px: between annotators; None where not known.
        target_px: what the task can do with; None where nobody has said.
        pictures: shown while learning, repetitions counted; None where not known.
        falling: share by which the last fifth of the epochs lowered the held-out error; None where not known.
        crossing: place, from 0, of the epoch from which the held-out loss rises while the training loss falls on; None where there is none.
        scatter_px: of the labels, as their shape shows; see `label_scatter_px`.
        unlike: how far held-out images differ from training ones in brightness or contrast, in spreads of the training ones.
        points: the key points.
        groups: the videos of the held-out frames.
        exchanges: pairs found at each other's labels.
        other_names: videos whose names differ.
        mirrored: pairs of points that change places in the mirrored pictures it learnt from; None where none was mirrored, or nobody knows.
        suspects: single labels that are likely wrong.
        confidence: what the confidences are worth; None where nothing judges them.
        empty: the surest answer for a scene without the animal; None where that is not known.
        curve: what a learning curve of the same labels says, sentences; empty where there is none.
        relabelled: the video of each frame learnt from whose labels have changed since: answers may be those of the labels before.
    """

    learnt: int
    looked_at: int | None = None
    scored: int
    right: int = 0
    train_median_px: float
    train_mean_px: float
    train_lost: float = 0.0
    median_px: float = math.nan
    mean_px: float = math.nan
    baseline_px: float = math.nan
    radius_px: float
    floor_px: float | None = None
    target_px: float | None = None
    pictures: int | None = None
    falling: float | None = None
    crossing: int | None = None
    scatter_px: float = math.nan
    unlike: float = 0.0
    points: tuple[PointMeasure, ...] = ()
    groups: tuple[GroupMeasure, ...] = ()
    exchanges: tuple[Exchange, ...] = ()
    other_names: tuple[OtherNames, ...] = ()
    mirrored: tuple[tuple[str, str], ...] | None = None
    suspects: tuple[Suspect, ...] = ()
    confidence: ConfidenceMeasure | None = None
    empty: EmptyScene | None = None
    curve: tuple[str, ...] = ()
    relabelled: tuple[str, ...] = ()

    @property
    def in_part(self) -> bool:
        """Whether much of what was learnt from is not among these labels: what was learnt of a point or a video is not known then."""
        return self.looked_at is not None and self.looked_at < KNOWN_SHARE * self.learnt

    @property
    def gap(self) -> float:
        """Held-out median over training median; NaN where one of them is missing."""
        return self.median_px / self.train_median_px if self.train_median_px > 0 else math.nan

    def of_points(self, points: tuple[PointMeasure, ...]) -> "Measurements":
        """The same of some of its points alone, with the median of their medians."""
        if points == self.points:
            return self
        return replace(
            self,
            points=points,
            train_median_px=_median([point.train_median_px for point in points]),
            median_px=_median([point.median_px for point in points]),
            radius_px=float(np.mean([point.radius_px for point in points])),
        )


def _median(values: Sequence[float]) -> float:
    """Of those that exist; NaN where none does."""
    known = [value for value in values if math.isfinite(value)]
    return float(np.median(known)) if known else math.nan
