"""One bundle scored on one or several sets of labels, frames that it has learnt from apart from those that it has not."""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from tracker.bundle import Bundle
from tracker.resemblance import RETRAIN, unlike_learnt
from trainer.formats.empty_cells import Empty
from trainer.formats.read_labels import read_settled
from trainer.labels.labelled_frames import LabelledFrames
from trainer.labels.network_input import fields_of_view
from trainer.scoring.appearances import appearances_of
from trainer.scoring.breakdown import GroupErrors, TagErrors, by_group, by_tag
from trainer.scoring.bundle_split import learnt_in_all, relabelled_videos, split_of
from trainer.scoring.classical import Chamber, ClassicalScore, needed_names, score_classical
from trainer.scoring.correct_radius import Radii, stated_radii, usual_radii
from trainer.scoring.engine_choice import EngineChoice, open_chosen
from trainer.scoring.evaluate import match_points, score
from trainer.scoring.evaluation import Evaluation
from trainer.scoring.floor import Floor
from trainer.scoring.hidden_points import Absence, absence
from trainer.scoring.label_faults import other_names
from trainer.scoring.measure import Circumstances, measure
from trainer.scoring.measurements import FEWEST_LEARNT, KNOWN_SHARE, Measurements
from trainer.scoring.metrics import PointErrors
from trainer.scoring.reliability import Reliability, judge, reliability
from trainer.scoring.starting_weights import trained_apart_from
from trainer.scoring.training_record import empty_as_trained, next_commands, read_trained_as
from trainer.scoring.verdict import Verdict, verdict

FEW_OF_THESE = "all of these labels, since too few of them were learnt from"  # whose mean position is the baseline then
Part = Literal["held-out", "training", "all"]


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationOptions:
    """What to measure besides the errors.

    Attributes:
        thresholds_px: distances whose shares are given.
        floor: the distance between annotators, where known.
        classical: whether the tracker without learning is scored beside the network.
        chamber: where that tracker looks; None: everywhere.
        target_px: the mean error that the task can do with; None where nobody has said.
    """

    thresholds_px: tuple[float, ...]
    floor: Floor | None
    classical: bool
    chamber: Chamber | None
    target_px: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _FramesToScore:
    """Frames to be scored together."""

    data: Path
    part: Part
    frames: LabelledFrames
    scene: LabelledFrames  # all frames of these labels, for the classical tracker's background


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredSet:
    """Some frames of one set of labels.

    Attributes:
        data: where the labels were read from.
        part: whether the bundle has learnt from these frames, "all" where that cannot be told or it has learnt from none.
        evaluation: its errors.
        reliability: its confidence against being right.
        absence: its confidence in points that labels say are out of sight; empty where they say so of none.
        classical: the tracker without learning on the same frames; None where it was not asked for or cannot answer.
        field_of_view: what of these images the network sees, a sentence for each size.
        unlike: that these images do not resemble those that the bundle was trained on, and in what; None where they do.
        not_classical: why the tracker without learning was asked for and did not answer, one sentence; None otherwise.
    """

    data: Path
    part: Part
    evaluation: Evaluation
    reliability: Reliability
    absence: tuple[Absence, ...]
    classical: ClassicalScore | None
    field_of_view: str
    unlike: str | None = None
    not_classical: str | None = None

    @property
    def name(self) -> str:
        """For tables: "Held-out of openfield"."""
        return self.data.name if self.part == "all" else f"{self.part.capitalize()} of {self.data.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationRun:
    """Everything that was measured of one bundle.

    Attributes:
        bundle: what was scored.
        sets: the first is what it is judged by.
        asked: what was measured.
        radii: how near to its label each point counts as right.
        measured: what the verdict is made from; None where frames learnt from or others were not given.
        verdict: what the bundle came to and what to do next; None likewise.
    """

    bundle: Bundle
    sets: tuple[ScoredSet, ...]
    asked: EvaluationOptions
    radii: Radii
    measured: Measurements | None = None
    verdict: Verdict | None = None

    @property
    def judged(self) -> ScoredSet:
        """The set it is judged by: the first that it has not learnt from, or else the first."""
        return next((one for one in self.sets if one.part != "training"), self.sets[0])

    @property
    def training(self) -> ScoredSet | None:
        """Frames that it has learnt from, where some were given."""
        return next((one for one in self.sets if one.part == "training"), None)

    @property
    def warnings(self) -> list[str]:
        """Sets whose labels give other names to the places that the bundle finds, a sentence for each video; and `unlike`."""
        least_px = 2 * float(self.radii.array.mean())
        named = [found.sentence for one in self.sets for found in other_names(one.evaluation, least_px=least_px)]
        return [*named, *self.unlike]

    @property
    def unlike(self) -> list[str]:
        """Sets whose images do not resemble those that the bundle was trained on, a sentence each."""
        return [f"{one.name}: {one.unlike}; {RETRAIN}." for one in self.sets if one.unlike is not None]

    def as_json(self) -> dict[str, Any]:
        """All figures for programs."""
        return {
            "bundle": str(self.bundle.folder),
            "name": self.bundle.description.name,
            "floor_px": dict(self.asked.floor.per_point) if self.asked.floor is not None else None,
            "verdict": self.verdict.as_json() if self.verdict is not None else None,
            "warnings": self.warnings,
            "correct_within_px": dict(zip(self.bundle.description.point_names, self.radii.px, strict=True)),
            "sets": [self._set_json(one) for one in self.sets],
        }

    def _set_json(self, one: ScoredSet) -> dict[str, Any]:
        thresholds = self.asked.thresholds_px
        return {
            "data": str(one.data),
            "part": one.part,
            "field_of_view": one.field_of_view,
            **one.evaluation.as_json(thresholds),
            "tags": [_tag_json(tag, thresholds) for tag in by_tag(one.evaluation)],
            "groups": [_group_json(group, thresholds) for group in by_group(one.evaluation)],
            "unlike_training": one.unlike,
            "confidence": one.reliability.as_json(),
            "absence": [point.as_json() for point in one.absence],
            "classical": _classical_json(one.classical, thresholds),
            "classical_not_scored": one.not_classical,
        }


def evaluate_sets(
    bundle: Bundle,
    data: Sequence[Path],
    *,
    train: Path | None,
    asked: EvaluationOptions,
    engine: EngineChoice,
    empty: Empty | None = None,
    console: Console | None = None,
) -> EvaluationRun:
    """Score a bundle on several sets of labels with one engine.

    Where a set is what the bundle was trained on, the frames held out and those it has learnt from are scored apart.

    Args:
        bundle: what is scored.
        data: what `read_labels` reads, one or more.
        train: labels that it has learnt from, where that cannot be told from `data`; scored as such.
        asked: what else is measured.
        engine: runtime, precision and device.
        empty: what an empty cell of another tool's labels means; None for what was said in the training of the bundle.
        console: where progress is shown.

    Raises:
        LabelError, TrainingError, BundleError: in one sentence.
    """
    meaning = empty or empty_as_trained(bundle.folder)
    parts = [part for path in data for part in _parts(bundle, path, read_settled(path, meaning))]
    if train is not None:
        given = read_settled(train, meaning)
        parts = [part for part in parts if part.part != "training"]
        parts.append(_FramesToScore(data=train, part="training", frames=given, scene=given))
    learnt = next((part.frames for part in parts if part.part == "training"), None)
    within = stated_radii(bundle) or usual_radii(parts[0].scene, asked.floor)
    few = learnt is not None and len(learnt) < min(FEWEST_LEARNT, KNOWN_SHARE * learnt_in_all(bundle, learnt))
    order = {"held-out": 0, "all": 1, "training": 2}
    known = match_points(bundle, learnt) if learnt is not None else None
    with closing(open_chosen(bundle, engine, console=console)) as opened:
        scored = []
        for part in sorted(parts, key=lambda part: order[part.part]):
            of, called = (part.scene, FEW_OF_THESE) if few else (learnt, "training labels")
            evaluation = score(bundle, part.frames, engine=opened, train=of, fitted_on=called, console=console)
            seen = fields_of_view(bundle.description, part.frames)
            one = _scored(part, evaluation, asked, seen=seen, within=within, learnt=known, console=console)
            scored.append(
                replace(one, unlike=unlike_learnt(bundle.description, appearances_of(evaluation))) if part.part != "training" else one
            )
    return _judged(EvaluationRun(bundle=bundle, sets=tuple(scored), asked=asked, radii=within), data)


def _judged(run: EvaluationRun, data: Sequence[Path]) -> EvaluationRun:
    """The run with its verdict, where frames learnt from and others were given."""
    learnt, judged = run.training, run.judged
    if learnt is None or judged.part == "training":
        return run
    trained, history = read_trained_as(run.bundle.folder)
    labels = learnt.evaluation.frames
    about = Circumstances(
        labels=labels,
        learnt=learnt_in_all(run.bundle, labels),
        radii=run.radii,
        floor=run.asked.floor,
        target_px=run.asked.target_px,
        seen_px=trained.points_seen(len(labels.point_names)),
        batch=trained.batch,
        history=history,
        augmentation=run.bundle.description.training.augmentation,
        relabelled=relabelled_videos(run.bundle, labels) if learnt.data in data else (),  # what is given to train with has them
    )
    measured = measure(learnt.evaluation, judged.evaluation, about)
    for frames in (labels, judged.evaluation.frames):
        trained = trained_apart_from(trained, frames)
    commands = next_commands(data, run.bundle.folder, labels, trained, history=history)
    return replace(run, measured=measured, verdict=verdict(measured, commands))


def _parts(bundle: Bundle, data: Path, frames: LabelledFrames) -> list[_FramesToScore]:
    split = split_of(bundle, frames)
    if split is None:
        return [_FramesToScore(data=data, part="all", frames=frames, scene=frames)]
    never_seen = np.setdiff1d(np.arange(len(frames)), split.train)  # a synthetic set's test part is not held out for validation either
    kinds: list[tuple[Part, NDArray[np.int64]]] = [("held-out", never_seen), ("training", split.train)]
    parts = [_FramesToScore(data=data, part=kind, frames=frames.subset(chosen), scene=frames) for kind, chosen in kinds]
    return [part for part in parts if np.isfinite(part.frames.points).any()]


def _scored(
    part: _FramesToScore,
    evaluation: Evaluation,
    asked: EvaluationOptions,
    *,
    seen: str,
    within: Radii,
    learnt: LabelledFrames | None,
    console: Console | None,
) -> ScoredSet:
    judged = judge(evaluation.predicted, evaluation.frames, within_px=within.array)
    classical, refused = None, None
    if asked.classical and part.part != "training":
        refused = needed_names(evaluation.frames.point_names)
        classical = score_classical(evaluation.frames, scene=part.scene, learnt=learnt, chamber=asked.chamber, console=console)
    return ScoredSet(
        data=part.data,
        part=part.part,
        evaluation=evaluation,
        reliability=reliability(judged.confidence, judged.right, within_px=within.array),
        absence=absence(evaluation.predicted, evaluation.frames),
        classical=classical,
        field_of_view=seen,
        not_classical=refused,
    )


def _errors_json(errors: PointErrors, thresholds_px: Sequence[float]) -> dict[str, Any]:
    spread = errors.spread
    figures = {"mean_px": spread.mean_px, "median_px": spread.median_px, "p95_px": spread.p95_px}
    shares = {f"{limit:g}": errors.within(limit) for limit in thresholds_px}
    return {**_finite(figures), "within_px": _finite(shares), "points": errors.found}


def _tag_json(tag: TagErrors, thresholds_px: Sequence[float]) -> dict[str, Any]:
    about = {"tag": tag.tag, "frames": tag.frames, **_errors_json(tag.errors, thresholds_px)}
    return {**about, **_finite({"larger_px": tag.larger_px}), "p": tag.p, "sentence": tag.sentence}


def _group_json(group: GroupErrors, thresholds_px: Sequence[float]) -> dict[str, Any]:
    return {"group": group.group, "frames": group.frames, **_errors_json(group.errors, thresholds_px)}


def _classical_json(classical: ClassicalScore | None, thresholds_px: Sequence[float]) -> dict[str, Any] | None:
    if classical is None:
        return None
    each = {
        name: _finite({"mean_px": spread.mean_px, "median_px": spread.median_px, "p95_px": spread.p95_px})
        for name, spread in zip(classical.names, classical.errors.per_point, strict=True)
    }
    how = {"unseen_frames": classical.unseen, "oriented_by_frames": classical.oriented_by, "thin_end_is_nose": classical.reversed}
    return {**_errors_json(classical.errors, thresholds_px), "per_point": each, **how}


def _finite(figures: dict[str, float]) -> dict[str, float | None]:
    return {name: value if np.isfinite(value) else None for name, value in figures.items()}
