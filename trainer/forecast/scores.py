"""How well bursts are forecast: by frame, by burst, and whether one forecast is better than another on the same frames."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tracker.behaviour.score import score_frames
from trainer.behaviour_scores.threshold_curves import ThresholdCurve
from trainer.forecast.labels import BurstRule, burst_frames
from trainer.forecast.paired_auc import auc_interval, labelled_curve
from trainer.forecast.parts import Stretch
from trainer.forecast.simple_forecasts import Answers

ThresholdRule = Literal["false_alarms", "j", "accuracy"]
FALSE_ALARMS = 0.1
RULES: dict[ThresholdRule, str] = {
    "false_alarms": f"false alarms in {FALSE_ALARMS:.0%} of the frames that no burst follows, on the validation part",
    "j": "greatest J on the validation part",
    "accuracy": "greatest accuracy on the validation part",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Burst:
    """One run of frames that a burst follows.

    Attributes:
        recording: that it is in.
        first: its first frame, as the recording counts.
        frames: how many.
        burst: the frame by which the burst is under way.
        lead_s: from the first alarm to that frame; None where there was no alarm.
    """

    recording: str
    first: int
    frames: int
    burst: int
    lead_s: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ForecastScore:
    """One forecast on one part.

    Attributes:
        name: of the forecast.
        curve: over thresholds.
        hits_at_10: share of the frames before a burst that are found where 10 % of the others are false alarms.
        threshold: chosen on the validation part; above it is an alarm.
        hits, false_alarms, accuracy, f1: by frame, at that threshold.
        bursts: every run of frames that a burst follows.
        false_alarms_per_minute: runs of alarms that overlap none of them, by minute of labelled frames.
        low, high: 95 % interval of its AUC less that of the newest motion, negated; None for that itself, or for too few blocks.
        blocks: that the interval is of.
    """

    name: str
    curve: ThresholdCurve
    hits_at_10: float
    threshold: float
    hits: float
    false_alarms: float
    accuracy: float
    f1: float
    bursts: tuple[Burst, ...]
    false_alarms_per_minute: float
    low: float | None = None
    high: float | None = None
    blocks: int = 0

    @property
    def detected(self) -> int:
        """Bursts with an alarm before them."""
        return sum(burst.lead_s is not None for burst in self.bursts)

    @property
    def median_lead_s(self) -> float:
        """Of the detected bursts; NaN without any."""
        leads = [burst.lead_s for burst in self.bursts if burst.lead_s is not None]
        return float(np.median(leads)) if leads else float("nan")

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        names = (
            "name",
            "hits_at_10",
            "threshold",
            "hits",
            "false_alarms",
            "accuracy",
            "f1",
            "false_alarms_per_minute",
            "low",
            "high",
            "blocks",
        )
        plain = {name: getattr(self, name) for name in names}
        lead = None if np.isnan(self.median_lead_s) else self.median_lead_s
        plain |= {"detected": self.detected, "median_lead_s": lead, "bursts": [asdict(burst) for burst in self.bursts]}
        return plain | {"curve": self.curve.as_json()}


def threshold_of(stretches: Sequence[Stretch], answers: Sequence[Answers], rule: ThresholdRule) -> float:
    """The threshold that the rule chooses, midway between two answers that were given.

    Args:
        stretches: of the validation part, never of what is reported.
        answers: to each.
        rule: which.
    """
    of = labelled_curve(stretches, answers)
    values = {"false_alarms": np.where(of.false_alarms <= FALSE_ALARMS, of.hits, -1), "j": of.j, "accuracy": of.accuracy}[rule]
    best = int(np.argmax(values))
    above = of.thresholds[max(best - 1, 0)]
    below = of.thresholds[best]
    return float((above + below) / 2) if np.isfinite(below) else float(np.nextafter(above, -np.inf))


def score_forecast(
    name: str,
    stretches: Sequence[Stretch],
    answers: Sequence[Answers],
    *,
    threshold: float,
    rule: BurstRule,
    against: Sequence[Answers] | None,
) -> ForecastScore:
    """Score one forecast on one part.

    Args:
        name: of the forecast.
        stretches: of the part.
        answers: to each stretch, frame for frame.
        threshold: above it is an alarm.
        rule: by which the stretches were labelled.
        against: answers of the newest motion, negated, to compare with; None for that itself.

    Raises:
        TrainingError: a labelled frame without an answer.
    """
    of = labelled_curve(stretches, answers)
    labels = np.concatenate([stretch.labels[stretch.labelled] for stretch in stretches])
    alarms = np.concatenate([answer[stretch.labelled] > threshold for stretch, answer in zip(stretches, answers, strict=True)])
    bursts, false = [], 0
    for stretch, answer in zip(stretches, answers, strict=True):
        found, wrong = _bursts(stretch, answer > threshold, rule)
        bursts += found
        false += wrong
    low, high, blocks = (None, None, 0) if against is None else auc_interval(stretches, against, answers, block=rule.past + rule.horizon)
    return ForecastScore(
        name=name,
        curve=of,
        hits_at_10=float(np.interp(FALSE_ALARMS, of.false_alarms, of.hits)),
        threshold=threshold,
        hits=float(alarms[labels == 1].mean()),
        false_alarms=float(alarms[labels == 0].mean()),
        accuracy=float((alarms == (labels == 1)).mean()),
        f1=score_frames(alarms, labels == 1).f1,
        bursts=tuple(bursts),
        false_alarms_per_minute=false / (len(labels) / stretches[0].recording.fps / 60),
        low=low,
        high=high,
        blocks=blocks,
    )


def score_all(
    stretches: Sequence[Stretch],
    answers: Mapping[str, Sequence[Answers]],
    thresholds: Mapping[str, float],
    *,
    rule: BurstRule,
    trivial: str,
) -> tuple[ForecastScore, ...]:
    """Score several forecasts on the same frames, each compared with the trivial one.

    Args:
        stretches: of one part.
        answers: of every forecast, by its name.
        thresholds: likewise.
        rule: by which the stretches were labelled.
        trivial: name of the forecast that the others are compared with.
    """
    return tuple(
        score_forecast(name, stretches, of, threshold=thresholds[name], rule=rule, against=None if name == trivial else answers[trivial])
        for name, of in answers.items()
    )


def _bursts(stretch: Stretch, alarms: NDArray[np.bool_], rule: BurstRule) -> tuple[list[Burst], int]:
    """Every burst with its lead, and how many runs of alarms on labelled frames overlap none."""
    labelled = np.zeros(len(alarms), np.bool_)
    labelled[stretch.labelled] = True
    fps, found = stretch.recording.fps, []
    for first, end, burst in burst_frames(stretch.motion, stretch.labels, rule).tolist():
        alarm = np.flatnonzero(alarms[first:end])
        lead = (burst - first - int(alarm[0])) / fps if alarm.size else None
        found.append(
            Burst(
                recording=stretch.recording.name, first=stretch.first + first, frames=end - first, burst=stretch.first + burst, lead_s=lead
            )
        )
    runs = np.flatnonzero(np.diff(np.concatenate(([False], alarms & labelled, [False])).astype(np.int8))).reshape(-1, 2)
    return found, sum(not (stretch.labels[first:end] == 1).any() for first, end in runs.tolist())
