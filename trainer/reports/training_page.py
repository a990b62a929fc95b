"""What one training run came to: `report.html` for people, `metrics.json` for programs. Both whole, or as they were before."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracker.frame import Image
from tracker.pages.document import page as page_of
from tracker.pages.document import text
from trainer.labels.finding_lines import OddLabels
from trainer.reports import training_plots
from trainer.reports.error_plots import error_over_time, error_per_point, worst_frames
from trainer.reports.error_report import Named, confidence_section, error_section, figure_part, group_section, px, tag_section
from trainer.reports.machine import machine
from trainer.reports.report_files import write_report_files
from trainer.reports.run_tables import seconds_of, settings_table, time_and_machine
from trainer.reports.verdict_section import fault_section, labels_or_minutes_section, odd_labels_section, point_section, verdict_box
from trainer.scoring.confidence_map import RULE as CONFIDENCE_RULE
from trainer.scoring.confidence_map import ConfidenceMap
from trainer.scoring.correct_radius import Radii
from trainer.scoring.evaluation import Evaluation
from trainer.scoring.floor import Floor
from trainer.scoring.hidden_points import absence
from trainer.scoring.measurements import Measurements
from trainer.scoring.reliability import judge
from trainer.scoring.training_record import TRAINED_AS, TrainedAs
from trainer.scoring.verdict import RULE, Verdict

IN_THE_TITLE = ("head", "seed", "batch", "learning_rate", "weight_decay", "optimiser")


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedTraining:
    """What a training came to.

    Attributes:
        verdict: with the next steps.
        measured: what it is made from.
        radii: how near to its label each point counts as right.
        trained_as: for a later verdict on the same bundle.
    """

    verdict: Verdict
    measured: Measurements
    radii: Radii
    trained_as: TrainedAs


@dataclass(frozen=True, slots=True, kw_only=True)
class Examples:
    """What was answered for the same few images while learning.

    Attributes:
        images: m of them, uint8 (h, w) or (h, w, 3).
        truth: float64 (m, A, K, 2), NaN where missing.
        stages: when, in words, and the answers (m, A, K, 2 or more).
    """

    images: Sequence[Image]
    truth: NDArray[np.floating]
    stages: Sequence[tuple[str, NDArray[np.floating]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingRun:
    """Everything that a report is made from.

    Attributes:
        name: of the bundle.
        created: when the run ended, UTC, ISO 8601.
        device: what it was trained on, in words.
        settings: what was asked for, shown as a table.
        history: "epochs": [{"epoch", "train_loss", "val_loss", "val_error_px", "seconds", "learning_rate"}] and
            "batches": [{"epoch", "batch", "loss"}]; a value that does not exist is null.
        train: the finished bundle scored on its training frames.
        held_out: the same on the frames held out, None where none were.
        heatmap: an image and the network's heat map for it (h', w'), None for a head that has none.
        calibration: what was done to the confidence, None where nothing was asked.
        floor: the distance between annotators, None where only one labelled.
        field_of_view: what of an image the network sees, in one sentence.
        judged: what the run came to, and what to do next.
        examples: None where none were kept.
        notes: what else is to be said of images and augmentation, a sentence each.
        odd_labels: what was odd about the labels before anything was trained.
    """

    name: str
    created: str
    device: str
    settings: Mapping[str, Any]
    history: Mapping[str, Any]
    train: Evaluation
    held_out: Evaluation | None
    heatmap: tuple[Image, NDArray[np.floating]] | None
    field_of_view: str
    judged: JudgedTraining
    calibration: ConfidenceMap | None = None
    floor: Floor | None = None
    examples: Examples | None = None
    notes: Sequence[str] = ()
    odd_labels: OddLabels = field(default_factory=OddLabels)

    @property
    def shown(self) -> Evaluation:
        """What the run is judged by: frames held out, or else those it learnt from."""
        return self.held_out if self.held_out is not None else self.train

    @property
    def kind(self) -> str:
        """What `shown` is, in a word."""
        return "held-out" if self.held_out is not None else "training"


def write_report(out: Path, run: TrainingRun) -> Path:
    """Write `report.html`, which needs no other file, and `metrics.json` into a folder.

    Returns:
        The path of the report.

    Raises:
        TrainingError: the folder cannot be written or its disk is full; an earlier report is left as it was.
        LabelError: an image that is to be shown cannot be read any more.
    """
    return write_report_files(out, page(run), metrics(run))


def metrics(run: TrainingRun) -> dict[str, Any]:
    """All figures of the report, JSON-able; null for what does not exist."""
    seconds = seconds_of(run.history)
    return {
        "name": run.name,
        "created": run.created,
        "field_of_view": run.field_of_view,
        "notes": [*run.notes, *(f"Labels: {sentence}" for sentence in run.odd_labels.lines)],
        "odd_labels": list(run.odd_labels.each),
        "held_out": run.held_out.as_json() if run.held_out is not None else None,
        "train": run.train.as_json(),
        "verdict": run.judged.verdict.as_json(),
        "correct_within_px": dict(zip(run.shown.frames.point_names, run.judged.radii.px, strict=True)),
        "absence": [point.as_json() for point in absence(run.shown.predicted, run.shown.frames)],
        "empty_scene": asdict(run.judged.measured.empty) if run.judged.measured.empty is not None else None,
        TRAINED_AS: run.judged.trained_as.as_json(),
        "calibration": run.calibration.as_json() if run.calibration is not None else None,
        "floor_px": dict(run.floor.per_point) if run.floor is not None else None,
        "seconds": {"total": sum(seconds), "per_epoch": sum(seconds) / len(seconds) if seconds else None},
        "machine": machine(run.device),
        "settings": dict(run.settings),
        "history": run.history,
    }


def page(run: TrainingRun) -> str:
    """The report as one HTML document."""
    parts = [
        f"<h1>Training report: {text(run.name)}</h1>",
        verdict_box(run.judged.verdict),
        f'<p class="lead">{text(summary(run))}</p>',
        *(f'<p class="note">{text(note)}</p>' for note in (run.field_of_view, *run.notes)),
        odd_labels_section(run.odd_labels),
        *_error_parts(run),
        point_section(run.judged.measured, run.shown, run.judged.radii),
        fault_section(run.judged.measured, run.train, run.held_out),
        _confidence(run),
        *_learning_parts(run),
        labels_or_minutes_section(run.judged.verdict),
        f'<p class="note">{text(RULE)}</p>',
        time_and_machine(run.history, run.device),
        settings_table(run.settings),
    ]
    return page_of(run.name, parts, kind="training report", footer=run.created)


def summary(run: TrainingRun) -> str:
    """One sentence with the figure that counts."""
    scored = run.shown
    spread, baseline = scored.errors.spread, scored.baseline
    p50 = float(np.median(scored.latency_ms))
    people = f" Annotators are {px(run.floor.mean_px)} apart." if run.floor is not None else ""
    return (
        f"On {len(scored.frames)} {run.kind} frames the key points are found with a mean error of {px(spread.mean_px)} "
        f"(median {px(spread.median_px)}, 95th percentile {px(spread.p95_px)}); always answering the mean position costs "
        f"{px(baseline.mean_position_px)}, the image's centre {px(baseline.image_centre_px)}.{people} "
        f"One frame takes {p50:.2f} ms ({scored.runtime}, {scored.precision}, {scored.device})."
    )


def _error_parts(run: TrainingRun) -> list[str]:
    scored: list[Named] = [("Training", run.train)]
    if run.held_out is not None:
        scored.insert(0, ("Held-out", run.held_out))
    beside = run.train if run.held_out is not None else None
    return [
        "<h2>Error</h2>",
        error_section(scored, floor=run.floor),
        figure_part(error_per_point(run.shown, beside, floor=run.floor), f"Error per key point, {run.kind} frames"),
        figure_part(error_over_time(run.shown, floor=run.floor), f"Error over time, {run.kind} frames"),
        tag_section(run.shown),
        group_section(run.shown),
        f"<h2>Worst {run.kind} frames</h2><p>Red: label. Blue: prediction. The line joins the two of the point that is named.</p>",
        figure_part(worst_frames(run.shown), f"The {run.kind} frames with the largest errors"),
    ]


def _confidence(run: TrainingRun) -> str:
    if run.calibration is None:
        return ""
    curves = [("the network's own", run.calibration.before)]
    if run.calibration.changes:
        curves.append(("calibrated, on frames left out", run.calibration.after))
    judged = judge(run.shown.predicted, run.shown.frames, within_px=run.calibration.within_px)
    absent = absence(run.shown.predicted, run.shown.frames)
    return confidence_section(run.calibration.sentence, curves, evaluation=run.shown, judged=judged, absent=absent, rule=CONFIDENCE_RULE)


def _learning_parts(run: TrainingRun) -> list[str]:
    settings = ", ".join(f"{name.replace('_', ' ')} {run.settings[name]}" for name in IN_THE_TITLE if name in run.settings)
    parts = [
        "<h2>Training</h2>",
        figure_part(
            training_plots.loss_curves(run.history, title=f"{run.name}: {settings}", floor=run.floor), "Loss, error and time of each epoch"
        ),
    ]
    if run.examples is not None and len(run.examples.images) and run.examples.stages:
        strip = training_plots.learning_strip(run.examples.images, run.examples.truth, run.examples.stages)
        parts += [
            f"<p>The same {run.kind} frames after several epochs: most is learnt in the first ones.</p>",
            figure_part(strip, "Predictions on the same frames after several epochs"),
        ]
    if run.heatmap is not None:
        parts.append(figure_part(training_plots.heatmap_overlay(*run.heatmap), "Heat map; the darker, the less probable"))
    return parts
