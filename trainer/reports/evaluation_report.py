"""What a bundle came to on labelled frames: `report.html` for people, `metrics.json` for programs."""

import datetime
from pathlib import Path

from tracker.bundle_description import distance_words
from tracker.pages.document import page as page_of
from tracker.pages.document import table, text
from trainer.reports.error_plots import error_over_time, error_per_point, worst_frames
from trainer.reports.error_report import (
    confidence_section,
    error_section,
    figure_part,
    group_section,
    number,
    px,
    spread_texts,
    tag_section,
)
from trainer.reports.report_files import write_report_files
from trainer.reports.verdict_section import fault_section, point_section, prose, verdict_box
from trainer.scoring.evaluate_sets import EvaluationRun, ScoredSet
from trainer.scoring.reliability import judge

FAR = 2.0  # times the error of the first set: such a set is shown with frames that fail


def write_evaluation_report(out: Path, run: EvaluationRun) -> Path:
    """Write both files into a folder.

    Returns:
        The path of the report.

    Raises:
        TrainingError: the folder cannot be written; an earlier report is left as it was.
        LabelError: an image that is to be shown cannot be read any more.
    """
    created = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")
    return write_report_files(out, page(run, created=created), run.as_json())


def page(run: EvaluationRun, *, created: str) -> str:
    """The report as one HTML document."""
    judged, asked = run.judged, run.asked
    beside = run.training.evaluation if run.training is not None and run.training is not judged else None
    first = [judged, *([run.training] if beside is not None and run.training is not None else [])]
    warned, unlike = (
        "".join(f'<p class="diagnosis">{prose(sentence)}</p>' for sentence in sentences) for sentences in (run.warnings, run.unlike)
    )
    parts = [
        f"<h1>Evaluation report: {text(run.bundle.description.name)}</h1>",
        f'<p class="lead">{text(summary(run))}</p>',
        f'<p class="note">{text(judged.field_of_view)}</p>',
        unlike + verdict_box(run.verdict) if run.verdict is not None else warned,
        "<h2>Error</h2>",
        error_section(
            [(one.name, one.evaluation) for one in first],
            thresholds_px=asked.thresholds_px,
            floor=asked.floor,
            classical=judged.classical,
        ),
        f'<p class="note">{text(judged.not_classical)}</p>' if judged.not_classical is not None else "",
        figure_part(
            error_per_point(judged.evaluation, beside, floor=asked.floor, scored_as=judged.name), f"Error per key point, {judged.name}"
        ),
        figure_part(error_over_time(judged.evaluation, floor=asked.floor), f"Error over time, {judged.name}"),
        *_faults(run),
        cross_domain_section(run),
        tag_section(judged.evaluation, thresholds_px=asked.thresholds_px),
        group_section(judged.evaluation, thresholds_px=asked.thresholds_px),
        _confidence(judged),
        *(_worst(one) for one in _worth_seeing(run)),
    ]
    return page_of(run.bundle.description.name, parts, kind="evaluation", footer=f"{run.bundle.folder.name}, {created}")


def summary(run: EvaluationRun) -> str:
    """One sentence with the figure that counts, and what it is to be seen beside."""
    judged = run.judged
    spread, baseline = judged.evaluation.errors.spread, judged.evaluation.baseline
    learnt = " (frames that it has learnt from)" if judged.part == "training" else ""
    sentence = (
        f"{judged.name}{learnt}: on {len(judged.evaluation.frames)} frames the key points are found with a mean error of "
        f"{px(spread.mean_px)} (median {px(spread.median_px)}, 95th percentile {px(spread.p95_px)}); always answering the mean position "
        f"in {baseline.fitted_on} costs {px(baseline.mean_position_px)}, the image's centre {px(baseline.image_centre_px)}"
    )
    if judged.classical is not None:
        sentence += f", a tracker without learning {px(judged.classical.errors.spread.mean_px)} on {', '.join(judged.classical.names)}"
    if run.asked.floor is not None:
        sentence += f"; annotators are {px(run.asked.floor.mean_px)} apart"
    return f"{sentence}."


def cross_domain_section(run: EvaluationRun) -> str:
    """One row for each set of labels, how far each is from the first, and what knowing nothing costs there; nothing for one set."""
    sets = [one for one in run.sets if one.part != "training"]
    if len(sets) < 2:
        return ""
    own = sets[0].evaluation.errors.spread.mean_px
    head = ["", "mean", "median", "95 %", "times the first", "log(MSE)", "mean position", "image centre", "frames"]
    rows = []
    for one in sets:
        errors, baseline = one.evaluation.errors, one.evaluation.baseline
        ratio = number(errors.spread.mean_px / own) if own > 0 else "–"
        rows.append(
            [
                one.name,
                *spread_texts(errors.spread),
                ratio,
                number(errors.log_mse),
                number(baseline.mean_position_px),
                number(baseline.image_centre_px),
                str(len(one.evaluation.frames)),
            ]
        )
    said = (
        "Errors in pixels of each set's own images. A set on which the error comes near the naive baselines is one that the bundle knows "
        "nothing of."
    )
    return f"<h2>Other data sets</h2><p>{text(said)}</p>{table(head, rows, kind='figures')}"


def _confidence(judged: ScoredSet) -> str:
    found = judged.reliability
    points = judge(judged.evaluation.predicted, judged.evaluation.frames, within_px=found.within_px)
    learnt = " The bundle has learnt from these frames, so this flatters it." if judged.part == "training" else ""
    sentence = (
        f"Of the points with a given confidence, how many lie within {distance_words(found.within_px.tolist())} of their label? "
        f"Over {found.points} points "
        f"the two differ by {number(found.error)} on average (expected calibration error).{learnt}"
    )
    return confidence_section(sentence, [(judged.name, found)], evaluation=judged.evaluation, judged=points, absent=judged.absence)


def _faults(run: EvaluationRun) -> list[str]:
    if run.measured is None or run.training is None:
        return []
    held_out = run.judged.evaluation
    return [point_section(run.measured, held_out, run.radii), fault_section(run.measured, run.training.evaluation, held_out)]


def _worth_seeing(run: EvaluationRun) -> list[ScoredSet]:
    """What it is judged by, and every other set on which it fails."""
    limit = FAR * run.judged.evaluation.errors.spread.mean_px
    others = [one for one in run.sets if one is not run.judged and one.part != "training"]
    return [run.judged, *(one for one in others if one.evaluation.errors.spread.mean_px > limit)]


def _worst(one: ScoredSet) -> str:
    words = "<p>Red: label. Blue: prediction. The line joins the two of the point that is named.</p>"
    return f"<h2>Worst frames: {text(one.name)}</h2>{words}" + figure_part(worst_frames(one.evaluation), f"The worst frames of {one.name}")
