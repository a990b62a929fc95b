"""How well bursts are forecast: by frame, by burst, and whether one forecast is better than another on the same frames."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tracker.behaviour.score import score_frames
from trainer.behaviour_scores.threshold_curves import ThresholdCurve, curve
from trainer.errors import TrainingError
from trainer.forecast.labels import BurstRule, burst_frames
from trainer.forecast.parts import Stretch
from trainer.forecast.simple_forecasts import Answers

ThresholdRule = Literal["false_alarms", "j", "accuracy"]
FALSE_ALARMS = 0.1
RULES: dict[ThresholdRule, str] = {
    "false_alarms": f"false alarms in {FALSE_ALARMS:.0%} of the frames that no burst follows, on the validation part",
    "j": "greatest J on the validation part",
    "accuracy": "greatest accuracy on the validation part",
}
RESAMPLES = 4000
FEWEST_BLOCKS = 6


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
    of = _curve(stretches, answers)
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
    of = _curve(stretches, answers)
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


def auc_interval(
    stretches: Sequence[Stretch], first: Sequence[Answers], second: Sequence[Answers], *, block: int, seed: int = 0
) -> tuple[float | None, float | None, int]:
    """95 % interval of the AUC of the second less that of the first, by blocks of consecutive frames drawn with replacement.

    The same blocks are drawn for both, `RESAMPLES` times. A draw without frames of both labels is left out.

    Args:
        stretches: of one part.
        first: answers to each, of the one.
        second: of the other.
        block: frames of a block; one that is as long as what a label and its forecast see keeps blocks nearly independent.
        seed: of the draws.

    Returns:
        Low, high and the number of blocks; None twice where they are too few for any interval.
    """
    count = [len(stretch.labelled) // block + (len(stretch.labelled) % block > 0) for stretch in stretches]
    place = np.concatenate([sum(count[:n]) + np.arange(len(stretch.labelled)) // block for n, stretch in enumerate(stretches)])
    blocks = sum(count)
    if blocks < FEWEST_BLOCKS:
        return None, None, blocks
    labels = np.concatenate([stretch.labels[stretch.labelled] for stretch in stretches]) == 1
    pairs = [_won(_answers(stretches, each), labels, place, blocks) for each in (first, second)]
    positive, negative = (np.bincount(place[labels == kind], minlength=blocks) for kind in (True, False))
    drawn = np.random.default_rng(seed).multinomial(blocks, np.full(blocks, 1 / blocks), size=RESAMPLES).astype(np.float64)
    total = (drawn @ positive) * (drawn @ negative)
    both = total > 0
    difference = (np.einsum("ni,ij,nj->n", drawn[both], pairs[1] - pairs[0], drawn[both], optimize=True)) / total[both]
    low, high = np.percentile(difference, [2.5, 97.5])
    return float(low), float(high), blocks


def _won(answers: Answers, labels: NDArray[np.bool_], place: NDArray[np.int64], blocks: int) -> NDArray[np.float64]:
    """For each pair of blocks, how often a frame of label 1 of the one has a greater answer than one of label 0 of the other; ties half."""
    won = np.zeros((blocks, blocks))
    for other in range(blocks):
        against = np.sort(answers[~labels & (place == other)])
        if against.size:
            mine = answers[labels]
            below = (np.searchsorted(against, mine, "left") + np.searchsorted(against, mine, "right")) / 2
            won[:, other] = np.bincount(place[labels], weights=below, minlength=blocks)
    return won


def _curve(stretches: Sequence[Stretch], answers: Sequence[Answers]) -> ThresholdCurve:
    labels = np.concatenate([stretch.labels[stretch.labelled] for stretch in stretches])
    found = curve(_answers(stretches, answers), labels == 1)
    if found is None:
        raise TrainingError("all labelled frames have the same label; give longer recordings, or another --least-range")
    return found


def _answers(stretches: Sequence[Stretch], answers: Sequence[Answers]) -> Answers:
    found = np.concatenate([answer[stretch.labelled] for stretch, answer in zip(stretches, answers, strict=True)])
    if not np.isfinite(found).all():
        raise TrainingError(
            "a labelled frame has no answer: the past of the labels is shorter than what a forecast needs; give a longer --past"
        )
    return found


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
