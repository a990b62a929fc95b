"""Two forecast bundles on the frames that neither has learnt from, beside what is trivial: which is better, and how surely."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tracker.bundle import Bundle
from tracker.bundle_description import BehaviourNetwork, Forecast
from trainer.errors import TrainingError
from trainer.forecast.bundle_description import held_out_frames
from trainer.forecast.evaluate_forecast import PART, known_answers, said_of_every_frame
from trainer.forecast.forecast_run import ForecastRun
from trainer.forecast.labels import BurstRule, burst_labels
from trainer.forecast.paired_auc import PairedAuc, compare_auc
from trainer.forecast.parts import Parts, Stretch
from trainer.forecast.recordings import Recording, sources_of
from trainer.forecast.scores import score_all, threshold_of
from trainer.forecast.simple_forecasts import QUIET, Answers, simple_forecasts


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedForecasts:
    """Two forecasts on the same frames.

    Attributes:
        between: the second against the first.
        run: both, and what is trivial; the second is its main one.
    """

    between: PairedAuc
    run: ForecastRun

    @property
    def sentences(self) -> list[str]:
        """The verdicts: on each other, then each beside the newest motion alone."""
        return [self.between.sentence, *self.run.sentences]

    @property
    def lines(self) -> list[str]:
        """For people: the figures of every forecast, what was left out, and the verdicts."""
        return [*self.run.lines, *(f"note: {note}" for note in self.run.notes), *self.sentences]

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        run = self.run.as_json()
        kept = {name: run[name] for name in ("rule", "fps", "frames", "threshold_rule", "notes")}
        return self.between.as_json() | kept | {"scores": run["scores"][PART], "verdicts": self.sentences}


def compare_forecasts(
    bundles: tuple[Bundle, Bundle], data: Sequence[Path], *, fps: float | None, say: Callable[[str], None]
) -> ComparedForecasts:
    """Label recordings by the rule of both and score both on the frames that neither has learnt from.

    Args:
        bundles: that forecast by the same rule.
        data: recordings with pictures, or one table of them. Of a recording that a bundle was made with, the frames that it held out count.
        fps: where a recording does not say it.
        say: told what is read.

    Raises:
        LabelError, TrainingError, BundleError: in one sentence; other rules, or no frames that both have not learnt from.
    """
    of = [_described(bundle) for bundle in bundles]
    rule, motion_size = _one_rule(bundles, of), of[0][0].motion_size
    names = [bundle.description.name for bundle in bundles]
    names = [str(bundle.folder) for bundle in bundles] if names[0] == names[1] else names
    stretches: list[Stretch] = []
    answers: dict[str, list[Answers]] = {}
    notes = ["thresholds of the others are chosen on these very frames, which flatters them"]
    for source in sources_of(data, fps=fps):
        say(f"reading {source.path}")
        read = [said_of_every_frame(bundle, source, motion_size=motion_size) for bundle in bundles]
        recording = read[0][0]
        first, end = _judged(bundles, of, recording, source.path)
        if (first, end) != (0, len(recording.motion)):
            kept = f"frames {first} to {end - 1} alone are scored" if end > first else "left out"
            notes.append(f"{recording.name}: a bundle has learnt from it; {kept}")
        if end <= first:
            continue
        stretches.append(
            Stretch(recording=recording, part=PART, first=first, end=end, labels=burst_labels(recording.motion[first:end], rule))
        )
        both = dict(zip(names, (said for _, said in read), strict=True))
        for name, answer in {**simple_forecasts(recording.motion, fps=recording.fps), **both}.items():
            answers.setdefault(name, []).append(answer[first:end])
    if not stretches:
        raise TrainingError(f"{data[0]}: holds no frames that neither bundle has learnt from; give other recordings")
    parts = Parts(stretches=tuple(stretches), rule=rule, notes=(), motion_size=motion_size)
    labelled, positive = parts.shares(PART)
    if positive in (0, labelled):
        raise TrainingError(f"{labelled} labelled frames, {positive} of them before a burst; expected both kinds: give longer recordings")
    known = known_answers(stretches, answers)
    thresholds = {name: threshold_of(stretches, each, "false_alarms") for name, each in known.items()}
    thresholds |= {name: behaviour.thresholds[0] for name, (_, behaviour) in zip(names, of, strict=True)}
    run = ForecastRun(
        title=" and ".join(names),
        parts=parts,
        settings=None,
        main=names[1],
        judged=PART,
        scores={PART: score_all(stretches, known, thresholds, rule=rule, trivial=QUIET)},
        answers=answers[names[1]],
        threshold_rule="of each bundle; of the others, on these frames",
        trained={},
        notes=tuple(notes),
        beside=(names[0],),
    )
    between = compare_auc((names[0], names[1]), stretches, answers[names[0]], answers[names[1]], block=rule.past + rule.horizon)
    return ComparedForecasts(between=between, run=run)


def _described(bundle: Bundle) -> tuple[Forecast, BehaviourNetwork]:
    forecast, behaviour = bundle.description.forecast, bundle.description.behaviour
    if forecast is None or behaviour is None:
        raise TrainingError(f"{bundle.folder}: forecasts nothing, as the other bundle does; only bundles of one task compare")
    return forecast, behaviour


def _one_rule(bundles: tuple[Bundle, Bundle], of: Sequence[tuple[Forecast, BehaviourNetwork]]) -> BurstRule:
    """That both were labelled by; the past is the longer of the two."""
    rules = [
        BurstRule(horizon=one.horizon_frames, share=one.share, least_range=one.least_range, past=network.warming_frames + 1)
        for one, network in of
    ]
    past = max(rule.past for rule in rules)
    alike = [replace(rule, past=past) for rule in rules]
    if alike[0] != alike[1] or of[0][0].motion_size != of[1][0].motion_size:
        raise TrainingError(
            f"{bundles[0].folder} and {bundles[1].folder} forecast bursts by other rules (horizon, share, least range or size of motion); "
            "only forecasts of the same labels compare"
        )
    return alike[0]


def _judged(
    bundles: Sequence[Bundle], of: Sequence[tuple[Forecast, BehaviourNetwork]], recording: Recording, path: Path
) -> tuple[int, int]:
    """First frame of a recording that neither bundle has learnt from, and the first after the last such; equal where there is none."""
    first, end = 0, len(recording.motion)
    for bundle, (_, network) in zip(bundles, of, strict=True):
        if recording.sha256 in network.seen:
            held = held_out_frames(bundle.description.training.split, (recording.name, f"{path.parent.name}/{recording.name}"))
            first, end = max(first, held[0]), min(end, held[1])
    return first, end
