"""A finished training of behaviour, from poses or from images → what its report shows of it, and the verdict."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from tracker.bundle_description import Description
from trainer.behaviour.next_commands import BehaviourCommands
from trainer.behaviour.temperature_and_thresholds import BehaviourCalibration
from trainer.behaviour.training_run import BehaviourEpoch, taken_epoch
from trainer.behaviour.verdict import RULE, LearntBehaviour, judge
from trainer.behaviour_scores.frame_figures import FrameFigures, frame_figures
from trainer.behaviour_scores.intervals import MarkedVideo
from trainer.behaviour_scores.score_tables import figure
from trainer.behaviour_scores.scored_answers import BehaviourRun
from trainer.behaviour_scores.scored_video import Decide, Probabilities, ScoredVideo
from trainer.reports.learning_section import Learning, history_of


def learning_record(
    run: BehaviourRun,
    learnt: Sequence[ScoredVideo],
    history: Sequence[BehaviourEpoch],
    *,
    stopped: str,
    held_out: bool,
    collapsed: bool,
    settings: Mapping[str, Any],
    commands: BehaviourCommands,
    target_f1: float | None = None,
) -> Learning:
    """Measure, judge and collect.

    Args:
        run: scores on what it is judged by.
        learnt: the training videos, with the finished network's answers.
        history: of all epochs.
        stopped: by what the training ended.
        held_out: whether `run` is of held-out videos, or of validation ones.
        collapsed: whether one answer is given to every frame.
        settings: that were in force.
        commands: what the next commands are given.
        target_f1: macro-F1 that the task asks for; None where that was not said.
    """
    figures, kept = frame_figures(learnt), taken_epoch([epoch.validation for epoch in history])
    measured = LearntBehaviour(
        run=run,
        held_out=held_out,
        learnt=figures,
        train=tuple(epoch.train for epoch in history),
        validation=tuple(epoch.validation for epoch in history),
        kept=kept,
        stopped=stopped,
        collapsed=collapsed,
        target_f1=target_f1,
    )
    judged = frame_figures(run.answers[0][1])
    unit = run.scores[0].unit
    return Learning(
        name=run.title,
        history=history_of(
            [(epoch.train, epoch.validation, epoch.seconds) for epoch in history], accuracy=[epoch.accuracy for epoch in history]
        ),
        kept=kept,
        stopped=stopped,
        settings=settings,
        head=["", "training", "held-out" if held_out else "validation"],
        rows=_rows(figures, judged, unit),
        learnt=figures.as_json(),
        verdict=judge(measured, commands),
        rule=RULE,
    )


class SettingsInForce(Protocol):
    """What of a training's settings this needs."""

    @property
    def minutes(self) -> float | None: ...  # noqa: D102
    @property
    def held_out_batch(self) -> int | None: ...  # noqa: D102
    def as_plain(self) -> dict[str, Any]: ...  # noqa: D102


def settings_in_force(settings: SettingsInForce, description: Description, calibrated: BehaviourCalibration) -> dict[str, Any]:
    """Everything that a training was done with, the seed among it, and what was fitted after it."""
    thresholds = zip(description.class_names, (round(each, 4) for each in calibrated.thresholds), strict=True)
    return {
        **{name.replace("_", " "): value for name, value in settings.as_plain().items()},
        "held-out batch": settings.held_out_batch or "as usual",
        "minutes": settings.minutes,
        "network in words": description.network,
        "split": description.training.split,
        "part of the class weights taken out": calibrated.weights_out,
        "temperature": round(calibrated.temperature, 4),
        "thresholds": dict(thresholds),
        "frames of warming up": calibrated.warming_frames,
    }


class LearntVideo(MarkedVideo, Protocol):
    """What of a training video is needed."""

    @property
    def name(self) -> str: ...  # noqa: D102


def training_answers(
    probabilities: Probabilities, videos: Sequence[LearntVideo], class_names: Sequence[str], decide: Decide
) -> list[ScoredVideo]:
    """What a finished network says of the videos that it has learnt from.

    Args:
        probabilities: float32 (frames of all videos, classes), one video after the other.
        videos: with their marks.
        class_names: of the columns.
        decide: how probabilities become decisions.
    """
    cuts = np.cumsum([len(video.marks) for video in videos])[:-1]
    return [
        ScoredVideo(
            name=video.name,
            class_names=tuple(class_names),
            truth=video.marks,
            said=decide.of(found),
            probabilities=found,
            fps=video.fps,
            in_time=video.in_time,
        )
        for video, found in zip(videos, np.split(probabilities, cuts), strict=True)
    ]


def _rows(learnt: FrameFigures, judged: FrameFigures, unit: str) -> list[list[str]]:
    return [
        [unit, str(learnt.frames), str(judged.frames)],
        [f"accuracy by {unit[:-1]}", figure(learnt.accuracy), figure(judged.accuracy)],
        [f"macro-F1 by {unit[:-1]}", figure(learnt.macro_f1), figure(judged.macro_f1)],
        *(
            [f"F1 of {name}", figure(one), figure(other)]
            for name, one, other in zip(learnt.class_names, learnt.f1, judged.f1, strict=True)
            if len(learnt.class_names) <= _MOST_CLASSES
        ),
    ]


_MOST_CLASSES = 24
