"""A finished training → what it came to and what to do next, with what the report shows of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from trainer.labels.labelled_frames import LabelledFrames
from trainer.networks.build import NetworkPlan
from trainer.pipeline.finer_cost import finer_times
from trainer.reports.training_page import JudgedTraining
from trainer.scoring.correct_radius import Radii
from trainer.scoring.evaluation import Evaluation
from trainer.scoring.floor import Floor
from trainer.scoring.measure import Circumstances, measure
from trainer.scoring.measurements import EmptyScene
from trainer.scoring.next_step import SEEN_PX
from trainer.scoring.training_record import TrainedAs, next_commands
from trainer.scoring.verdict import verdict
from trainer.training.augmentation_choice import as_recorded
from trainer.training.fit_settings import EPOCHS, FitSettings
from trainer.training.seen_points import seen_px


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """A finished training, as far as it is judged.

    Attributes:
        data: the labels, as they were named.
        bundle: its folder.
        labels: all frames learnt from.
        plan: of the network.
        settings: of the training.
        fit_options: all that was asked for besides labels, place and length, as options of `trainer fit`; with the weights that another
            training of the same labels may begin with.
        begins_anew: whether these are not the weights of this training.
        history: as the report has it.
        radii: how near to its label each point counts as right.
        floor: between annotators, where known.
        target_px: what the task can do with, where known.
        empty: the surest answer for a scene without the animal, where known.
        curve: what a learning curve of the same labels says, where there is one.
    """

    data: Sequence[Path]
    bundle: Path
    labels: LabelledFrames
    plan: NetworkPlan
    settings: FitSettings
    fit_options: tuple[str, ...]
    begins_anew: bool
    history: Mapping[str, Any]
    radii: Radii
    floor: Floor | None
    target_px: float | None
    empty: EmptyScene | None
    curve: tuple[str, ...]


def judge_training(training: Training, *, train: Evaluation, held_out: Evaluation | None) -> JudgedTraining:
    """Measure and judge.

    Raises:
        LabelError: an image cannot be read.
        ProjectError: a damaged project.
    """
    settings = training.settings
    asked = trained_as(settings, training.plan, labels=training.labels, options=training.fit_options)
    trained = replace(asked, anew=training.begins_anew)
    about = Circumstances(
        labels=training.labels,
        radii=training.radii,
        floor=training.floor,
        target_px=training.target_px,
        seen_px=trained.points_seen_px,
        batch=settings.batch,
        history=training.history,
        empty=training.empty,
        curve=training.curve,
        augmentation=as_recorded(settings.augment),
    )
    measured = measure(train, held_out, about)
    commands = next_commands(training.data, training.bundle, training.labels, trained, history=training.history)
    found = verdict(measured, commands)
    return JudgedTraining(verdict=found, measured=measured, radii=training.radii, trained_as=trained)


def trained_as(settings: FitSettings, plan: NetworkPlan, *, labels: LabelledFrames, options: tuple[str, ...]) -> TrainedAs:
    """What a later verdict needs to know of a training.

    Args:
        settings: of the training.
        plan: of its network.
        labels: learnt from.
        options: what was asked for besides labels, place and length, as options of `trainer fit`.
    """
    seen = seen_px(plan, labels)
    return TrainedAs(
        seen_px=max(seen),
        points_seen_px=seen,
        batch=settings.batch,
        options=options,
        minutes=settings.minutes if settings.epochs is None else None,
        epochs=settings.epochs or EPOCHS,
        most_minutes=settings.minutes if settings.epochs is not None else None,
        view=plan.view,
        finer_times=finer_times(plan, labels) if max(seen) >= SEEN_PX else None,
        crops=len(plan.crops),
    )
