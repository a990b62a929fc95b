"""A forecast bundle scored on other recordings, as the rig runs it, beside what is trivial."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from tracker.bundle import Bundle
from tracker.classifiers.open_classifier import open_classifier
from tracker.engines.view_fit import ViewFit
from tracker.errors import BundleError
from tracker.motion import Motion
from trainer.errors import TrainingError
from trainer.forecast.forecast_run import ForecastRun
from trainer.forecast.labels import NOT_LABELLED, BurstRule, burst_labels
from trainer.forecast.parts import Parts, Stretch
from trainer.forecast.recordings import Recording, Source, images_of, known_fps, sources_of
from trainer.forecast.scores import score_all, threshold_of
from trainer.forecast.simple_forecasts import QUIET, Answers, simple_forecasts

PART = "test"


def evaluate_forecast(bundle: Bundle, data: Sequence[Path], *, fps: float | None, say: Callable[[str], None]) -> ForecastRun:
    """Label recordings by the bundle's own rule and score its forecasts of every frame.

    Args:
        bundle: whose threshold decides what is an alarm.
        data: recordings with pictures, or one table of them, see `sources_of`; all of them are judged, whatever part a table gives.
        fps: where a recording does not say it.
        say: told what is read.

    Raises:
        LabelError, TrainingError, BundleError: in one sentence.
    """
    forecast, behaviour = bundle.description.forecast, bundle.description.behaviour
    if forecast is None or behaviour is None:
        raise TrainingError(f"{bundle.folder}: forecasts nothing; give a bundle of `trainer fit --task forecast`")
    rule = BurstRule(
        horizon=forecast.horizon_frames, share=forecast.share, least_range=forecast.least_range, past=behaviour.warming_frames + 1
    )
    name, notes = bundle.description.name, ["thresholds of the others are chosen on these very frames, which flatters them"]
    stretches, answers = [], dict[str, list[Answers]]()
    for source in sources_of(data, fps=fps):
        say(f"reading {source.path}")
        recording, said = said_of_every_frame(bundle, source, motion_size=forecast.motion_size)
        labels = burst_labels(recording.motion, rule)
        stretches.append(Stretch(recording=recording, part=PART, first=0, end=len(labels), labels=labels))
        for each, answer in {**simple_forecasts(recording.motion, fps=recording.fps), name: said}.items():
            answers.setdefault(each, []).append(answer)
        if recording.sha256 in behaviour.seen:
            notes.append(f"{recording.name}: the bundle was made with it, so that its scores flatter the bundle")
    parts = Parts(stretches=tuple(stretches), rule=rule, notes=(), motion_size=forecast.motion_size)
    labelled, positive = parts.shares(PART)
    if positive in (0, labelled):
        raise TrainingError(f"{labelled} labelled frames, {positive} of them before a burst; expected both kinds: give longer recordings")
    known = known_answers(stretches, answers)
    thresholds = {each: threshold_of(stretches, of, "false_alarms") for each, of in known.items()} | {name: behaviour.thresholds[0]}
    return ForecastRun(
        title=name,
        parts=parts,
        settings=None,
        main=name,
        judged=PART,
        scores={PART: score_all(stretches, known, thresholds, rule=rule, trivial=QUIET)},
        answers=answers[name],
        threshold_rule=f"of the bundle, {behaviour.threshold_rule}; of the others, on these frames",
        trained={},
        notes=tuple(notes),
    )


def said_of_every_frame(bundle: Bundle, source: Source, *, motion_size: tuple[int, int] | None) -> tuple[Recording, Answers]:
    """A recording's motion, and what the bundle says of every frame; no frame is kept."""
    engine, description = open_classifier(bundle).engine, bundle.description
    images, fps = images_of(source.path)
    meter, fit = Motion(motion_size), None
    values, said = [], []
    for image in images:
        try:
            fit = fit or ViewFit(description.view, input_shape=description.input.shape, source_shape=image.shape)
        except BundleError as problem:
            raise BundleError(f"{source.path}: {problem}") from None
        values.append(meter.update(image))
        said.append(float(engine.step(fit.to_input(image), 0.0)[0]))
    motion = np.array([*(0.0 if value is None else value for value in values[1:]), 0.0])
    recording = Recording(
        name=source.path.stem, motion=motion, fps=known_fps(source.path, source.fps or fps), frames=None, shape=None, part=PART
    )
    return recording, np.array(said)


def known_answers(stretches: Sequence[Stretch], answers: Mapping[str, Sequence[Answers]]) -> dict[str, Sequence[Answers]]:
    """The forecasts that answer to every labelled frame of all stretches, by name."""
    return {name: of for name, of in answers.items() if all(_known(stretch, one) for stretch, one in zip(stretches, of, strict=True))}


def _known(stretch: Stretch, answer: Answers) -> bool:
    return bool(np.isfinite(answer[stretch.labels != NOT_LABELLED]).all())
